//! Callbacks: the agent's pull and what an agent says about the one they hold; the list of the queue. What
//! requests and answers look like is `wire`'s, how bodies are read is `body`'s.

mod body;
mod wire;

use super::{AppState, Once, Problem, nothing, request, whole};
use crate::http::auth::Principal;
use crate::service::callbacks::{self, CallbackView, Claim, Filter, Pulled, Which};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::callback::State as CallbackState;
use domain::ids::{CallbackId, StaffId};
use wire::{CallbackBody, CallbackPage, ClaimBody, DeclineBody, OutcomeBody};

/// Why a pull came to nothing, on a 204.
const NOTHING: HeaderName = HeaderName::from_static("kinkeeper-nothing");

/// The next callback for the calling agent, claimed: nobody else gets it while the claim stands. 204 if there
/// is none; the header `kinkeeper-nothing` says why: `off_shift`, `at_capacity`, `calls_used_up` or
/// `none_for_you`.
#[utoipa::path(
    post,
    path = "/api/v1/callbacks/next",
    tag = "callbacks",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request again has no further effect and is answered the same")),
    responses(
        (status = 200, body = CallbackBody, example = json!(wire::example("assigned"))),
        (status = 204, description = "nothing for you now",
         headers(("kinkeeper-nothing" = String, description = "why"))),
        (status = 401, body = Problem),
        (status = 403, body = Problem, description = "the key acts for nobody, or its staff isn't active"),
    ),
    security(("key" = []))
)]
pub async fn next(
    State(state): State<AppState>,
    principal: Principal,
    once: Once,
) -> Result<Response, Problem> {
    let book = once.on(&state.book, StatusCode::OK, |pulled: &Pulled| match pulled {
        Pulled::Got(view) => nameless(view),
        Pulled::None(_) => None,
    });
    match callbacks::next(&book, agent(&principal)?).await? {
        Pulled::Got(view) => {
            state.alarm.ring();
            Ok(Json(CallbackBody::from(*view)).into_response())
        }
        Pulled::None(why) => Ok((StatusCode::NO_CONTENT, [(NOTHING, why.as_str())]).into_response()),
    }
}

/// The call begins: an attempt opens, the claim stands two hours more.
#[utoipa::path(
    post,
    path = "/api/v1/callbacks/{id}/start",
    tag = "callbacks",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request again has no further effect and is answered the same"), ("id" = String, Path, description = "cb_ with a number behind it", example = "cb_7")),
    request_body(content = Option<ClaimBody>, example = json!({"fence": 3})),
    responses(
        (status = 200, body = CallbackBody, example = json!(wire::example("in_progress"))),
        (status = 400, body = Problem, description = "not JSON, or not a callback's id"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "not yours (any more), quiet hours, or the customer has had two calls today"),
        (status = 422, body = Problem),
    ),
    security(("key" = []))
)]
pub async fn start(
    State(state): State<AppState>,
    principal: Principal,
    once: Once,
    id: Result<Path<String>, PathRejection>,
    sent: Bytes,
) -> Result<Json<CallbackBody>, Problem> {
    let (id, agent) = (callback(id)?, agent(&principal)?);
    let body: ClaimBody = request::body(&sent)?;
    let book = once.on(&state.book, StatusCode::OK, nameless);
    let view = callbacks::start(&book, Claim { id, agent, fence: body.fence }).await?;
    state.alarm.ring();
    Ok(Json(view.into()))
}

/// Gives it back before the call. It keeps its place, and isn't offered to you again until the ring rises.
#[utoipa::path(
    post,
    path = "/api/v1/callbacks/{id}/decline",
    tag = "callbacks",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request again has no further effect and is answered the same"), ("id" = String, Path, description = "cb_ with a number behind it", example = "cb_7")),
    request_body(content = Option<DeclineBody>, example = json!({"fence": 3, "reason": "language"})),
    responses(
        (status = 204, description = "given back"),
        (status = 400, body = Problem, description = "not JSON, or not a callback's id"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "not yours (any more), or the call has begun"),
        (status = 422, body = Problem),
    ),
    security(("key" = []))
)]
pub async fn decline(
    State(state): State<AppState>,
    principal: Principal,
    once: Once,
    id: Result<Path<String>, PathRejection>,
    sent: Bytes,
) -> Result<StatusCode, Problem> {
    let (id, agent) = (callback(id)?, agent(&principal)?);
    let body: DeclineBody = request::body(&sent)?;
    let claim = Claim { id, agent, fence: body.fence };
    let book = once.on(&state.book, StatusCode::NO_CONTENT, nothing);
    callbacks::decline(&book, claim, body::short_reason(body.reason)?).await?;
    state.alarm.ring();
    Ok(StatusCode::NO_CONTENT)
}

/// How the call ended. `reached` needs a `result` and completes it; anything else is another attempt later, or
/// the end of all attempts.
#[utoipa::path(
    post,
    path = "/api/v1/callbacks/{id}/outcome",
    tag = "callbacks",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request again has no further effect and is answered the same"), ("id" = String, Path, description = "cb_ with a number behind it", example = "cb_7")),
    request_body(content = OutcomeBody, examples(
        ("reached" = (value = json!({"outcome": "reached", "fence": 3, "result": {"resolved": "yes", "satisfaction": 5}}))),
        ("no answer" = (value = json!({"outcome": "no_answer", "fence": 3}))),
    )),
    responses(
        (status = 200, body = CallbackBody, example = json!(wire::example("completed"))),
        (status = 400, body = Problem, description = "not JSON, or not a callback's id"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "not yours (any more), or no call has begun"),
        (status = 422, body = Problem, description = "each field that is wrong, with its remedy"),
    ),
    security(("key" = []))
)]
pub async fn outcome(
    State(state): State<AppState>,
    principal: Principal,
    once: Once,
    id: Result<Path<String>, PathRejection>,
    sent: Bytes,
) -> Result<Json<CallbackBody>, Problem> {
    let (id, agent) = (callback(id)?, agent(&principal)?);
    let (fence, outcome) = body::read_outcome(&sent)?;
    let book = once.on(&state.book, StatusCode::OK, nameless);
    let view = callbacks::outcome(&book, Claim { id, agent, fence }, outcome).await?;
    state.alarm.ring();
    Ok(Json(view.into()))
}

/// What may stand behind the `?` of the list.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// scheduled, ready, assigned, in_progress, completed, exhausted, cancelled or expired; all if left out.
    #[param(example = "ready")]
    state: Option<String>,
    /// 1 to 500; 50 if left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Callbacks in the order of the queue, with the band and ring they are in now; nothing personal.
#[utoipa::path(
    get,
    path = "/api/v1/callbacks",
    tag = "callbacks",
    params(ListQuery),
    responses(
        (status = 200, body = CallbackPage, example = json!({"items": [wire::row_example()], "next_cursor": null})),
        (status = 400, body = Problem, description = "no such state, or no such parameter"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 422, body = Problem, description = "limit or cursor"),
    ),
    security(("key" = []))
)]
pub async fn list(
    State(state): State<AppState>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<CallbackPage>, Problem> {
    let query = request::query(query)?;
    let known = || CallbackState::ALL.iter().map(|s| s.as_str());
    let read = |given| request::word(given, "state of a callback", known(), CallbackState::parse);
    let wanted = query.state.as_deref().map(read).transpose()?;
    let filter =
        Filter { which: wanted.map_or(Which::All, Which::In), after: query.cursor, limit: query.limit };
    Ok(Json(callbacks::list(&state.book, filter).await?.into()))
}

fn callback(id: Result<Path<String>, PathRejection>) -> Result<CallbackId, Problem> {
    request::id(id, "a callback", "cb_7")
}

/// What is kept of an answer: who it is about stands under their id, where erasing finds it.
fn nameless(view: &CallbackView) -> Option<serde_json::Value> {
    let mut said = whole(&CallbackBody::from(view.clone()))?;
    said["customer"]["name"] = serde_json::Value::Null;
    said["customer"]["contacts"] = serde_json::json!([]);
    Some(said)
}

/// Whom the key acts for.
fn agent(principal: &Principal) -> Result<StaffId, Problem> {
    principal.staff.ok_or_else(|| {
        Problem::forbidden(
            "this key acts for nobody; `kinkeeper key create --role agent --staff NAME` makes one that does",
        )
    })
}
