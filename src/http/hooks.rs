//! Where other systems push to: Shopify, Youzan, and anybody who signs. A bad signature is 401 and changes nothing; what is
//! genuine is answered 200 once it is committed, so that nobody sends for days what can't be helped by sending.

use super::segment_spec::{self, Kind, Members, PATIENCE};
use super::{AppState, BODY_LIMIT, Problem};
use crate::service::hooks::signature::{is_fresh_and_signed, is_shopifys, is_youzans};
use crate::service::hooks::{Door, Push, Pushed, count, ignored};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::hook::youzan;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(shopify)).routes(routes!(youzan_push)).routes(routes!(generic))
}

/// What became of a push.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Heard {
    /// Events taken in.
    accepted: usize,
    /// Events known already: the push came before.
    duplicate: usize,
    /// Events that are in quarantine.
    rejected: usize,
    /// Why nothing was taken in, where the push is of no interest.
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored: Option<&'static str>,
}

impl From<Pushed> for Heard {
    fn from(pushed: Pushed) -> Self {
        match pushed {
            Pushed::Taken(receipt) => Self {
                accepted: receipt.accepted,
                duplicate: receipt.duplicate,
                rejected: receipt.rejected.len(),
                ignored: None,
            },
            Pushed::Ignored(why) => Self { accepted: 0, duplicate: 0, rejected: 0, ignored: Some(why) },
        }
    }
}

/// A webhook of Shopify, signed with hooks.shopify.secret.
#[utoipa::path(post, path = "/hooks/shopify", tag = "hooks",
    params(("X-Shopify-Hmac-Sha256" = String, Header), ("X-Shopify-Topic" = String, Header),
           ("X-Shopify-Webhook-Id" = Option<String>, Header)),
    request_body(content = Object, description = "the resource, as Shopify sends it"),
    responses((status = 200, body = Heard), (status = 401, body = Problem), (status = 404, body = Problem),
              (status = 413, body = Problem), (status = 503, body = Problem)))]
async fn shopify(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Heard>, Problem> {
    let deadline = Instant::now() + PATIENCE;
    let secret = state.hooks.settings.shopify.as_ref().ok_or_else(|| closed("hooks.shopify.secret"))?;
    let body = segment_spec::raw(body, BODY_LIMIT, deadline).await?;
    let signature = text(&headers, "x-shopify-hmac-sha256").unwrap_or_default();
    if !is_shopifys(secret.expose(), &body, signature) {
        return Err(not_genuine(Door::Shopify, "X-Shopify-Hmac-Sha256", "hooks.shopify.secret"));
    }
    if text(&headers, "x-shopify-test") == Some("true") {
        return Ok(Json(ignored(Door::Shopify, "test").into()));
    }
    let content = String::from_utf8_lossy(&body);
    let kind = text(&headers, "x-shopify-topic").unwrap_or_default();
    let push = Push { kind, id: text(&headers, "x-shopify-webhook-id"), content: &content };
    Ok(Json(take(&state, Door::Shopify, push, deadline).await?.into()))
}

/// A push of Youzan, as far as it is read.
#[derive(Debug, Deserialize)]
struct YouzanPush {
    msg: String,
    #[serde(default)]
    sign: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    msg_id: Option<String>,
    #[serde(default)]
    test: Option<Value>,
}

/// What Youzan takes for yes; after anything else it pushes again.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Success {
    code: u8,
    msg: &'static str,
}

/// A push of Youzan, signed with hooks.youzan.client_id and .client_secret.
#[utoipa::path(post, path = "/hooks/youzan", tag = "hooks",
    request_body(content = Object, description = "`{client_id, type, msg, msg_id, sign, …}`, msg percent-encoded"),
    responses((status = 200, body = Success), (status = 400, body = Problem), (status = 401, body = Problem),
              (status = 404, body = Problem), (status = 413, body = Problem), (status = 503, body = Problem)))]
async fn youzan_push(State(state): State<AppState>, body: Body) -> Result<Response, Problem> {
    let deadline = Instant::now() + PATIENCE;
    let keys = state.hooks.settings.youzan.as_ref().ok_or_else(|| closed("hooks.youzan.client_secret"))?;
    let body = segment_spec::raw(body, BODY_LIMIT, deadline).await?;
    let push: YouzanPush = serde_json::from_slice(&body).map_err(|e| {
        Problem::bad_request("not_json", format!("a push of Youzan is JSON with msg and sign: {e}"))
    })?;
    if !is_youzans(&keys.client_id, keys.client_secret.expose(), &push.msg, &push.sign) {
        return Err(not_genuine(Door::Youzan, "sign", "hooks.youzan.client_id and client_secret"));
    }
    if matches!(&push.test, Some(Value::Bool(true))) {
        ignored(Door::Youzan, "test");
    } else {
        let content = youzan::decoded(&push.msg).unwrap_or_else(|| push.msg.clone());
        let push = Push { kind: &push.kind, id: push.msg_id.as_deref(), content: &content };
        take(&state, Door::Youzan, push, deadline).await?;
    }
    Ok(Json(Success { code: 0, msg: "success" }).into_response())
}

/// Facts from anybody who knows hooks.generic.secret: a batch or one event in Segment's shape.
#[utoipa::path(post, path = "/hooks/generic", tag = "hooks",
    params(("Kinkeeper-Timestamp" = String, Header, description = "Unix seconds, within 5 minutes of now"),
           ("Kinkeeper-Signature" = String, Header, description = "hex of HMAC-SHA256 over `timestamp.body`")),
    request_body(content = Object, description = "`{\"batch\": […]}`, or one event with its `type`"),
    responses((status = 200, body = segment_spec::Taken), (status = 400, body = Problem), (status = 401, body = Problem),
              (status = 404, body = Problem), (status = 413, body = Problem), (status = 503, body = Problem)))]
async fn generic(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<segment_spec::Taken>, Problem> {
    let deadline = Instant::now() + PATIENCE;
    let secret = state.hooks.settings.generic.as_ref().ok_or_else(|| closed("hooks.generic.secret"))?;
    let body = segment_spec::raw(body, segment_spec::LARGEST, deadline).await?;
    let timestamp = text(&headers, "kinkeeper-timestamp").unwrap_or_default();
    let signature = text(&headers, "kinkeeper-signature").unwrap_or_default();
    let now = state.book.machine_now().await?;
    if !is_fresh_and_signed(secret.expose(), timestamp, &body, signature, now) {
        let wanted = "hooks.generic.secret, and Kinkeeper-Timestamp within 5 minutes of this machine's clock";
        return Err(not_genuine(Door::Generic, "Kinkeeper-Signature", wanted));
    }
    let members = Members::find(&body)?;
    let kind = if members.is_batch() { Kind::Many } else { Kind::Any };
    let events = members.events(kind, "")?;
    let source = state.hooks.source(&state.book, Door::Generic).await?;
    let taken = segment_spec::accept(&state, source, events, deadline).await?;
    count(Door::Generic, "taken");
    Ok(Json(taken))
}

async fn take(state: &AppState, door: Door, push: Push<'_>, deadline: Instant) -> Result<Pushed, Problem> {
    let taking = state.hooks.take(&state.book, door, push);
    let pushed = timeout_at(deadline, taking).await.map_err(|_| segment_spec::busy())??;
    state.alarm.ring();
    Ok(pushed)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn closed(setting: &str) -> Problem {
    let detail = format!("nothing is taken here until {setting} is set (or {setting}_file)");
    Problem::new(StatusCode::NOT_FOUND, "hook_closed", detail)
}

fn not_genuine(door: Door, place: &str, wanted: &str) -> Problem {
    count(door, "not_genuine");
    let detail =
        format!("{place} isn't what {wanted} would make of this body; check the secret on both sides");
    Problem::new(StatusCode::UNAUTHORIZED, "bad_signature", detail)
}
