//! What every request keeps to, and the layers' own bare refusals put as problems, for browsers too.

use super::{BODY_LIMIT, Problem, TIME_LIMIT, segment_spec};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Largest sum of header names and values.
const LARGEST_HEADERS: usize = 16 * 1024;

/// Refuses headers that are too large, and says in our words what a layer further in refused.
pub async fn keep(request: Request, next: Next) -> Response {
    let from_anywhere = segment_spec::is_for_browsers(request.uri().path());
    let mut response = if size(request.headers()) > LARGEST_HEADERS {
        let detail = format!("the headers are larger than {} KB; send fewer", LARGEST_HEADERS / 1024);
        Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", detail).into_response()
    } else {
        in_our_words(next.run(request).await)
    };
    if from_anywhere {
        segment_spec::let_browsers_read(&mut response);
    }
    response
}

fn size(headers: &HeaderMap) -> usize {
    // As on the wire: `name: value` and a line's end.
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

fn in_our_words(response: Response) -> Response {
    let ours = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes().starts_with(b"application/") || kind.as_bytes().starts_with(b"text/html")
    });
    let problem = match response.status() {
        _ if ours => return response,
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("the body is larger than {} KB; send less at once", BODY_LIMIT / 1024);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
        }
        StatusCode::REQUEST_TIMEOUT => {
            let detail = format!("the request took longer than {} s; send it again", TIME_LIMIT.as_secs());
            Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", detail)
        }
        _ => return response,
    };
    problem.into_response()
}
