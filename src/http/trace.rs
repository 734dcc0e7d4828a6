//! One id for everything that is said about a request: in the daemon's log, in a problem's body, and in the answer's
//! `X-Request-Id`. A caller's own `traceparent` (W3C Trace Context) is taken over; else the id is drawn.

use super::AppState;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use serde::{Serialize, Serializer};
use tracing::Instrument;

tokio::task_local! {
    static CURRENT: String;
}

static HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Written out as the id of the request that is being answered; null outside of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId;

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        CURRENT.try_with(Clone::clone).ok().serialize(to)
    }
}

pub async fn follow(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let id = given(request.headers()).unwrap_or_else(|| {
        let (high, low) = (state.book.entropy.next_u64(), state.book.entropy.next_u64());
        format!("{high:016x}{low:016x}")
    });
    // The route as declared: a path as asked for may hold an opt-out token or an address.
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let span = tracing::info_span!("request", trace_id = %id, method = %request.method(), route);
    let header = HeaderValue::from_str(&id);
    let mut response = CURRENT.scope(id, next.run(request).instrument(span)).await;
    if let Ok(value) = header {
        response.headers_mut().insert(HEADER.clone(), value);
    }
    response
}

/// The trace id of `00-<32 hex digits>-<16 hex digits>-<flags>`, unless it is malformed or all zeros.
fn given(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let id = text.split('-').nth(1)?;
    let sound = id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (sound && id.bytes().any(|b| b != b'0')).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_traceparent_is_taken_over() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", HeaderValue::from_str(text).unwrap());
            given(&headers)
        };
        // The example of the W3C's recommendation.
        let example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(read(example).as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for bad in ["", "00", "00-4bf9-00f0-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(given(&HeaderMap::new()), None);
    }
}
