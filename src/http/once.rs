//! `Idempotency-Key`: the same request under the same key has its effect once and is answered the same; another one
//! under it is refused. One layer for the whole API; a handler says what of its answer is kept.

use super::auth::Principal;
use super::{AppState, BODY_LIMIT, Problem};
use crate::service::once::{self, Answer, Claim, Known};
use crate::service::secrets::Purpose;
use crate::service::{Book, ServiceError};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use std::any::Any;

const KEY: &str = "idempotency-key";
/// On an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key.
const LONGEST_KEY: usize = 100;

/// Answers a request that was answered before, lets a new one through, and looks again when it fails: the same one,
/// sent at the same time, may have been faster.
pub async fn once(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    // What is too large is said by `limits`.
    let Ok(sent) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let claim = match claim(&state, &parts, &sent) {
        Ok(claim) => claim,
        Err(problem) => return problem.into_response(),
    };
    if let Some(before) = answered(&state, &claim).await {
        return before;
    }
    parts.extensions.insert(claim.clone());
    let response = next.run(Request::from_parts(parts, Body::from(sent))).await;
    if response.status().is_success() {
        return response;
    }
    answered(&state, &claim).await.unwrap_or(response)
}

fn claim(state: &AppState, parts: &Parts, sent: &Bytes) -> Result<Claim, Problem> {
    let key = parts.headers.get(KEY).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !(1..=LONGEST_KEY).contains(&key.len()) || parts.headers.get_all(KEY).iter().count() > 1 {
        let detail = format!("send one, of 1 to {LONGEST_KEY} plain characters, such as a random UUID");
        return Err(ServiceError::invalid("Idempotency-Key", "bad_key", detail).into());
    }
    let principal = parts.extensions.get::<Principal>();
    let principal = principal.ok_or_else(|| Problem::unauthorized("this route isn't behind the guard"))?;
    let asked = asked(&parts.uri, sent);
    let body_hash = state.book.secrets.hash(Purpose::Request, &asked);
    // A key is its sender's to choose, and may name somebody: neither it nor what was asked for is kept as it came.
    let key = state.book.secrets.hash(Purpose::Request, key);
    Ok(Claim { scope: principal.actor(), key, body_hash })
}

/// What makes two requests the same: where they go and what they say, however its JSON is laid out.
fn asked(uri: &Uri, sent: &Bytes) -> String {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let body = match serde_json::from_slice::<Value>(sent) {
        Ok(body) => body.to_string(),
        Err(_) => String::from_utf8_lossy(sent).trim().to_owned(),
    };
    format!("{path}\n{body}")
}

async fn answered(state: &AppState, claim: &Claim) -> Option<Response> {
    match once::known(&state.book, claim).await {
        Ok(Known::Nothing) => None,
        Ok(Known::Answered(Answer { status, body })) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            let mut response = match body {
                Value::Null => status.into_response(),
                body => (status, axum::Json(body)).into_response(),
            };
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            Some(response)
        }
        Ok(Known::AnotherRequest) => {
            let detail = "this key came with another request before; send a new key with a new request, or the \
                          same body again to hear its answer";
            Some(
                Problem::from(ServiceError::invalid("Idempotency-Key", "key_reused", detail)).into_response(),
            )
        }
        Err(error) => Some(Problem::from(error).into_response()),
    }
}

/// The request's key, if it has one, for a handler to do its work under.
pub struct Once(Option<Claim>);

impl Once {
    /// The book to do this request's work on. `render` makes the answer that is kept from what the effect's
    /// transaction comes to; null for one without a body.
    pub fn on<T: Any>(
        self,
        book: &Book,
        status: StatusCode,
        render: impl Fn(&T) -> Option<Value> + Send + Sync + 'static,
    ) -> Book {
        let status = status.as_u16();
        let answer = move |done: &T| render(done).map(|body| Answer { status, body });
        Book { once: self.0.map(|claim| once::Once::new(claim, answer)), ..book.clone() }
    }
}

/// All of it.
pub fn whole<T: Serialize>(done: &T) -> Option<Value> {
    Some(serde_json::to_value(done).expect("what is answered is JSON"))
}

/// An answer without a body.
pub fn nothing(_: &()) -> Option<Value> {
    Some(Value::Null)
}

impl<S: Send + Sync> FromRequestParts<S> for Once {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get().cloned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_request_is_the_same_however_it_is_laid_out() {
        let to = |path: &str, body: &'static str| asked(&path.parse().unwrap(), &Bytes::from(body));
        let one = to("/a", r#"{"x": 1, "y": "é"}"#);
        assert_eq!(one, to("/a", "{ \"y\":\"\\u00e9\",\n\"x\":1 }"));
        assert_ne!(one, to("/a", r#"{"x": 1.0, "y": "é"}"#));
        assert_ne!(one, to("/b", r#"{"x": 1, "y": "é"}"#));
        assert_ne!(one, to("/a?z=1", r#"{"x": 1, "y": "é"}"#));
        assert_eq!(to("/a", ""), to("/a", " \n"));
        assert_ne!(to("/a", ""), to("/a", "{"));
    }
}
