//! Facts come in over HTTP, as the Segment spec has it: the official SDKs work unmodified, with host and write
//! key set. Answered only after the commit; one bad event never fails its batch.

use super::{AppState, Problem};
use crate::service::access::{Principal, Role, authenticate};
use crate::service::ingest::{self, Batch, Rejected};
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use serde::Serialize;
use serde_json::{Map, Value};
use std::io::Read;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Largest body, unpacked.
const LARGEST: usize = 500 * 1024;
/// Most events of a batch.
const MOST: usize = 2_500;
/// Within this a batch is committed or the sender told to try again: SDKs give up after ten seconds.
const PATIENCE: Duration = Duration::from_secs(8);

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(take)).route("/v1/{call}", axum::routing::options(preflight))
}

/// What became of the events.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Taken {
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
        (status = 413, body = Problem),
        (status = 503, body = Problem)
    )
)]
async fn take(
    State(state): State<AppState>,
    Path(call): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut response = match receive(&state, &call, &headers, body).await {
        Ok(taken) => Json(taken).into_response(),
        Err(problem) => problem.into_response(),
    };
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// Browsers ask first whether they may send. Any page may: a write key only lets facts in.
async fn preflight() -> impl IntoResponse {
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, content-encoding"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, allowed)
}

async fn receive(state: &AppState, call: &str, headers: &HeaderMap, body: Body) -> Result<Taken, Problem> {
    let kind = kind(call).ok_or_else(|| Problem::not_found(&format!("/v1/{call}")))?;
    let (principal, body) = match write_key(headers) {
        Some(key) => (Some(admit(state, &key).await?), unpack(headers, body).await?),
        None => (None, unpack(headers, body).await?),
    };
    let read = read(&body);
    let principal = match (principal, &read) {
        (Some(principal), _) => principal,
        (None, Ok(map)) => {
            admit(state, map.get("writeKey").and_then(Value::as_str).unwrap_or_default()).await?
        }
        (None, Err(_)) => admit(state, "").await?,
    };
    let source = principal.source.ok_or_else(|| {
        Problem::forbidden("this key has no source; make one with `kinkeeper key create --role ingest`")
    })?;
    let batch = Batch { source, received_at: None, historical: false, events: events(kind, read?)? };
    let taking = tokio::time::timeout(PATIENCE, ingest::accept(&state.book.store, batch));
    let receipt = taking.await.map_err(|_| busy())??;
    state.alarm.ring();
    let rejected = receipt.rejected.into_iter().map(|Rejected { index, code, detail }| Refused {
        index,
        code: code.to_owned(),
        detail,
    });
    Ok(Taken {
        success: true,
        accepted: receipt.accepted,
        duplicate: receipt.duplicate,
        rejected: rejected.collect(),
    })
}

/// It may yet be committed; the same message ids again then change nothing.
fn busy() -> Problem {
    let detail = "the database is slow just now; send the same batch again after Retry-After";
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
    Problem { retry_after_seconds: Some(2), ..problem }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    One(&'static str),
    Many,
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

/// The write key of the headers: Basic's user, with or without the colon behind it, or a bearer key.
fn write_key(headers: &HeaderMap) -> Option<String> {
    let (scheme, given) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(given.trim().to_owned());
    }
    let basic = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(given.trim()).ok())??;
    let text = String::from_utf8(basic).ok()?;
    let user = text.split_once(':').map_or(text.as_str(), |(user, _)| user);
    Some(user.trim().to_owned())
}

async fn admit(state: &AppState, key: &str) -> Result<Principal, Problem> {
    let principal =
        authenticate(&state.book, key).await?.map_err(|refused| Problem::unauthorized(refused.detail()))?;
    principal.require(&[Role::Ingest])?;
    Ok(principal)
}

/// The body as sent, unpacked if it is gzip; never more than [`LARGEST`].
async fn unpack(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Problem> {
    let too_large = || {
        let detail = format!("the body is larger than {} KB; send smaller batches", LARGEST / 1024);
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    };
    let packed = to_bytes(body, LARGEST).await.map_err(|_| too_large())?;
    let gzip = headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip"));
    if !gzip {
        return Ok(packed.into());
    }
    let mut plain = Vec::new();
    let limit = LARGEST as u64 + 1;
    MultiGzDecoder::new(&*packed).take(limit).read_to_end(&mut plain).map_err(|e| {
        Problem::bad_request("bad_gzip", format!("the body isn't gzip as its header says: {e}"))
    })?;
    if plain.len() > LARGEST { Err(too_large()) } else { Ok(plain) }
}

fn read(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Problem::bad_request("not_an_object", "the body must be a JSON object")),
        Err(e) => Err(Problem::bad_request("not_json", format!("the body isn't JSON: {e}"))),
    }
}

/// The events of a body, each with the batch's `sentAt` where it has none of its own.
fn events(kind: Kind, mut body: Map<String, Value>) -> Result<Vec<Value>, Problem> {
    let events = match kind {
        Kind::One(kind) => {
            body.insert("type".to_owned(), Value::from(kind));
            body.remove("writeKey");
            return Ok(vec![Value::Object(body)]);
        }
        Kind::Many => body.remove("batch"),
    };
    let Some(Value::Array(mut events)) = events else {
        return Err(Problem::bad_request("no_batch", "the body has no `batch`, a list of events"));
    };
    if events.len() > MOST {
        let detail = format!("the batch has {} events; at most {MOST} are taken at once", events.len());
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_events", detail));
    }
    if let Some(sent_at) = body.get("sentAt") {
        for event in events.iter_mut().filter_map(Value::as_object_mut) {
            event.entry("sentAt").or_insert_with(|| sent_at.clone());
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_write_key_is_basics_user_with_or_without_a_colon() {
        let with = |value: String| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&value).unwrap());
            write_key(&headers)
        };
        let basic = |text: &str| with(format!("Basic {}", STANDARD.encode(text)));
        for text in ["kk_1_2", "kk_1_2:", "kk_1_2:ignored"] {
            assert_eq!(basic(text).as_deref(), Some("kk_1_2"));
        }
        assert_eq!(with("Bearer kk_1_2".to_owned()).as_deref(), Some("kk_1_2"));
        assert_eq!(with("Basic !!!".to_owned()), None);
        assert_eq!(write_key(&HeaderMap::new()), None);
    }

    #[test]
    fn a_batchs_clock_is_its_events() {
        let body = json!({"sentAt": "2011-12-01T00:00:00Z", "batch": [{"event": "a"}, {"event": "b", "sentAt": 1}, 7]});
        let read = events(Kind::Many, body.as_object().unwrap().clone()).unwrap();
        assert_eq!(
            read,
            [
                json!({"event": "a", "sentAt": "2011-12-01T00:00:00Z"}),
                json!({"event": "b", "sentAt": 1}),
                json!(7)
            ]
        );
        let one = events(
            Kind::One("identify"),
            json!({"userId": "u", "writeKey": "k"}).as_object().unwrap().clone(),
        );
        assert_eq!(one.unwrap(), [json!({"type": "identify", "userId": "u"})]);
        assert_eq!(events(Kind::Many, Map::new()).unwrap_err().code, "no_batch");
        let many = json!({"batch": vec![0; MOST + 1]});
        assert_eq!(events(Kind::Many, many.as_object().unwrap().clone()).unwrap_err().status, 413);
    }
}
