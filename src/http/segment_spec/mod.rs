//! Facts come in over HTTP, as the Segment spec has it: the official SDKs of Segment, RudderStack and Dittofeed work
//! unmodified, with host and write key set. Answered only after the commit; one bad event never fails its batch.
//! How a body is taken apart lies in `body`; what an event means, in the domain.

mod body;
mod write_key;

pub use body::{Events, Kind, LARGEST, Members};

use super::{AppState, Problem};
use crate::service::access::{Principal, Role, authenticate};
use crate::service::ingest::{self, Batch, Receipt, Rejected};
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::ids::SourceId;
use serde::Serialize;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Within this a batch is committed or the sender told to try again: SDKs give up after ten seconds.
pub const PATIENCE: Duration = Duration::from_secs(9);
/// What a browser's SDK may set beside what it announces.
const USUAL_HEADERS: &str = "authorization, content-type, content-encoding";

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(take))
        .routes(routes!(take_quietly))
        .route("/v1/{call}", axum::routing::options(preflight))
        .route("/api/public/apps/{call}", axum::routing::options(preflight))
}

/// What became of the events.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Taken {
    /// True: the batch as such was taken in.
    success: bool,
    /// Events taken in.
    accepted: usize,
    /// Events known already by their message id.
    duplicate: usize,
    /// What was refused and is kept in quarantine: events, and traits of `identify` that can't be so (an
    /// impossible birthday, an address that is none), without which the event was taken in.
    rejected: Vec<Refused>,
}

/// An event that was refused.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Refused {
    /// Its place in the batch, from 0.
    index: usize,
    /// Of the first thing wrong with it.
    code: String,
    /// Everything wrong with it: where and why, and what would help.
    detail: String,
}

impl From<Receipt> for Taken {
    fn from(receipt: Receipt) -> Self {
        let refused = |Rejected { index, code, detail }| Refused { index, code: code.to_owned(), detail };
        Self {
            success: true,
            accepted: receipt.accepted,
            duplicate: receipt.duplicate,
            rejected: receipt.rejected.into_iter().map(refused).collect(),
        }
    }
}

/// Events from a sender: `identify`, `track`, `page`, `screen`, `group`, `alias` (or their first letters) for
/// one, `batch` (`b`, `import`) for many. The write key is the user of Basic auth, or `writeKey` in the body.
#[utoipa::path(
    post,
    path = "/v1/{call}",
    tag = "ingest",
    params(("call" = String, Path, description = "identify, track, page, screen, group, alias, batch or import")),
    request_body(content = Object, description = "Segment's JSON, whatever its content type; gzip is taken"),
    responses(
        (status = 200, body = Taken),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 408, body = Problem),
        (status = 413, body = Problem),
        (status = 415, body = Problem),
        (status = 429, body = Problem),
        (status = 503, body = Problem)
    )
)]
async fn take(
    State(state): State<AppState>,
    call: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let call = call.map_or_else(|_| String::new(), |Path(call)| call);
    let received = match kind(&call) {
        Some(kind) => receive(&state, kind, &headers, body).await,
        None => Err(Problem::not_found(&format!("/v1/{call}"))),
    };
    match received {
        Ok(taken) => Json(taken).into_response(),
        Err(problem) => problem.for_sdks().into_response(),
    }
}

/// The same for Dittofeed's SDKs, which want no answer but 204: what was refused is in quarantine.
#[utoipa::path(
    post,
    path = "/api/public/apps/{call}",
    tag = "ingest",
    params(("call" = String, Path, description = "identify, track, page, screen, group or batch")),
    request_body(content = Object, description = "Segment's JSON, whatever its content type; gzip is taken"),
    responses(
        (status = 204),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 408, body = Problem),
        (status = 413, body = Problem),
        (status = 415, body = Problem),
        (status = 429, body = Problem),
        (status = 503, body = Problem)
    )
)]
async fn take_quietly(
    State(state): State<AppState>,
    call: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let call = call.map_or_else(|_| String::new(), |Path(call)| call);
    let known = ["identify", "track", "page", "screen", "group", "batch"].contains(&call.as_str());
    let received = match kind(&call).filter(|_| known) {
        Some(kind) => receive(&state, kind, &headers, body).await,
        None => Err(Problem::not_found(&format!("/api/public/apps/{call}"))),
    };
    match received {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(problem) => problem.for_sdks().into_response(),
    }
}

/// Browsers ask first whether they may send. Any page may, with any headers: a write key only lets facts in.
async fn preflight(headers: HeaderMap) -> Response {
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let mut response = StatusCode::NO_CONTENT.into_response();
    let answer = response.headers_mut();
    answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    let allowed = asked.unwrap_or_else(|| HeaderValue::from_static(USUAL_HEADERS));
    answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    answer.insert(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    response
}

/// Whether pages of any origin may ask for this path.
pub fn is_for_browsers(path: &str) -> bool {
    path.starts_with("/v1/") || path.starts_with("/api/public/apps/")
}

/// An SDK in a browser sees an answer, and when to send again, only if it is let.
pub fn let_browsers_read(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let shown = HeaderValue::from_static("Retry-After, X-Request-Id");
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, shown);
}

async fn receive(state: &AppState, kind: Kind, headers: &HeaderMap, body: Body) -> Result<Taken, Problem> {
    let deadline = Instant::now() + PATIENCE;
    let header_key = write_key::find(headers);
    let principal = match &header_key {
        Some(key) => Some(admit(state, key).await?),
        None => None,
    };
    let body = whole(headers, body, deadline).await?;
    let members = Members::find(&body);
    let (principal, key) = match (principal, header_key) {
        (Some(principal), Some(key)) => (principal, key),
        _ => {
            let key = members.as_ref().ok().and_then(|m| m.text("writeKey")).unwrap_or_default();
            (admit(state, &key).await?, key)
        }
    };
    let source = principal.source.ok_or_else(|| {
        Problem::forbidden("this key has no source; make one with `kinkeeper key create --role ingest`")
    })?;
    accept(state, source, members?.events(kind, &key)?, deadline).await
}

/// Commits, or says that it may yet be.
pub async fn accept(
    state: &AppState,
    source: SourceId,
    events: Events,
    deadline: Instant,
) -> Result<Taken, Problem> {
    let batch = Batch { source, received_at: None, historical: false, events: events.read };
    let taking = ingest::accept_with(&state.book.store, batch, events.unreadable);
    let receipt = timeout_at(deadline, taking).await.map_err(|_| busy())??;
    state.alarm.ring();
    Ok(receipt.into())
}

/// It may yet be committed; the same message ids again then change nothing.
pub fn busy() -> Problem {
    let detail = "the database is slow just now; send the same batch again after Retry-After";
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
    Problem { retry_after_seconds: Some(2), ..problem }
}

/// The body, unpacked, if all of it comes in time.
async fn whole(headers: &HeaderMap, body: Body, deadline: Instant) -> Result<Vec<u8>, Problem> {
    body::unpack(headers, raw(body, LARGEST, deadline).await?)
}

/// The body as it was sent, if all of it comes in time and it isn't larger than `limit`.
pub async fn raw(body: Body, limit: usize, deadline: Instant) -> Result<Vec<u8>, Problem> {
    let read = timeout_at(deadline, to_bytes(body, limit)).await.map_err(|_| {
        let detail = format!("the body didn't come within {} s; send it again", PATIENCE.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", detail)
    })?;
    read.map(Into::into).map_err(|_| body::too_large(limit))
}

fn kind(call: &str) -> Option<Kind> {
    Some(match call {
        "batch" | "b" | "import" => Kind::Many,
        "identify" | "i" => Kind::One("identify"),
        "track" | "t" => Kind::One("track"),
        "page" | "p" => Kind::One("page"),
        "screen" | "s" => Kind::One("screen"),
        "group" | "g" => Kind::One("group"),
        "alias" | "a" => Kind::One("alias"),
        _ => return None,
    })
}

async fn admit(state: &AppState, key: &str) -> Result<Principal, Problem> {
    let principal =
        authenticate(&state.book, key).await?.map_err(|refused| Problem::unauthorized(refused.detail()))?;
    principal.require(&[Role::Ingest])?;
    state.limiter.take(&principal.key).map_err(|seconds| {
        let detail = "this write key sends faster than http.ingest_rate; send again after Retry-After";
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail);
        Problem { retry_after_seconds: Some(seconds), ..problem }
    })?;
    Ok(principal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_cut() {
        let begun = futures::stream::iter([Ok::<_, std::io::Error>("{\"batch\":[")]);
        let never = futures::StreamExt::chain(begun, futures::stream::pending());
        let body = Body::from_stream(never);
        let cut = whole(&HeaderMap::new(), body, Instant::now() + PATIENCE).await.unwrap_err();
        assert_eq!((cut.status, cut.code), (408, "too_slow"));
    }
}
