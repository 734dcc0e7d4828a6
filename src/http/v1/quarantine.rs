//! Refused events, for whoever repairs what senders send. What they say is personal: for admins alone.

use super::{AppState, Once, Problem, nothing, request, whole};
use crate::http::auth::Principal;
use crate::service::quarantine::{self, Outcome, Page, Retried, Shown, State as Stands, Which};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use domain::ids::QuarantineId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

const WHAT: &str = "a refused event";
const LIKE: &str = "qua_3";

/// Which refused events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// open, retried or discarded; open if left out.
    state: Option<String>,
    /// Only those with this code.
    #[param(example = "amount_not_a_number")]
    code: Option<String>,
    /// 1 to 200; 50 if left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Refused events, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/quarantine",
    tag = "quarantine",
    params(ListQuery),
    responses(
        (status = 200, body = Page),
        (status = 400, body = Problem, description = "no such state, limit, cursor or parameter"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
    ),
    security(("key" = []))
)]
pub async fn list(
    State(state): State<AppState>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let query = request::query(query)?;
    let given = query.state.as_deref().unwrap_or("open");
    let known = Stands::ALL.iter().map(|s| s.as_str());
    let stands = request::word(given, "state of a refused event", known, Stands::parse)?;
    let limit = request::limit(query.limit, 50, 1..=quarantine::PAGE)?;
    let after = query.cursor.as_deref().map(|id| request::read_id(id, WHAT, LIKE)).transpose()?;
    let which = Which { state: Some(stands), code: query.code };
    Ok(Json(quarantine::list(&state.book, &which, after, limit).await?))
}

/// One, as it came.
#[utoipa::path(
    get,
    path = "/api/v1/quarantine/{id}",
    tag = "quarantine",
    params(("id" = String, Path, description = "qua_ with a number behind it", example = "qua_3")),
    responses(
        (status = 200, body = Shown),
        (status = 400, body = Problem, description = "not an id of a refused event"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
    ),
    security(("key" = []))
)]
pub async fn show(
    State(state): State<AppState>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Shown>, Problem> {
    Ok(Json(quarantine::show(&state.book, refused(id)?).await?))
}

/// What to try again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryBody {
    /// The event as it should have come; as it came, if left out.
    #[schema(value_type = Option<Object>)]
    event: Option<Map<String, Value>>,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RetriedBody {
    id: String,
    /// taken_in, or known_already: its message id had been taken in meanwhile
    outcome: &'static str,
}

/// Tries it again, as it came or repaired. Its times are as of when it first came. What is still refused
/// answers 422 and stays open.
#[utoipa::path(
    post,
    path = "/api/v1/quarantine/{id}/retry",
    tag = "quarantine",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request again has no further effect and is answered the same"), ("id" = String, Path, description = "qua_ with a number behind it", example = "qua_3")),
    request_body(content = Option<RetryBody>),
    responses(
        (status = 200, body = RetriedBody, example = json!({"id": "qua_3", "outcome": "taken_in"})),
        (status = 400, body = Problem, description = "not JSON, or not an id of a refused event"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "somebody has decided about it already"),
        (status = 422, body = Problem, description = "still refused"),
    ),
    security(("key" = []))
)]
pub async fn retry(
    State(state): State<AppState>,
    principal: Principal,
    once: Once,
    id: Result<Path<String>, PathRejection>,
    sent: Bytes,
) -> Result<Json<RetriedBody>, Problem> {
    let id = refused(id)?;
    let body: RetryBody = request::body(&sent)?;
    let repaired = body.event.map(Value::Object);
    let answer = move |outcome: &Outcome| retried(id, outcome).ok();
    let book = once.on(&state.book, StatusCode::OK, move |outcome| answer(outcome).as_ref().and_then(whole));
    let Retried { id, outcome } = quarantine::retry(&book, id, repaired, &principal.actor()).await?;
    let answer = retried(id, &outcome)?;
    state.alarm.ring();
    Ok(Json(answer))
}

fn retried(id: QuarantineId, outcome: &Outcome) -> Result<RetriedBody, Problem> {
    let outcome = match outcome {
        Outcome::TakenIn => "taken_in",
        Outcome::KnownAlready => "known_already",
        Outcome::StillRefused { code, detail } => {
            let detail = format!("still refused ({code}): {detail}");
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "still_refused", detail));
        }
    };
    Ok(RetriedBody { id: id.to_string(), outcome })
}

/// Why it is put away.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscardBody {
    /// For those who will ask.
    #[serde(default)]
    reason: String,
}

/// Puts it away for good. It stays readable, with who did it and why.
#[utoipa::path(
    post,
    path = "/api/v1/quarantine/{id}/discard",
    tag = "quarantine",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request again has no further effect and is answered the same"), ("id" = String, Path, description = "qua_ with a number behind it", example = "qua_3")),
    request_body(content = DiscardBody, example = json!({"reason": "a test of the web shop"})),
    responses(
        (status = 204, description = "put away"),
        (status = 400, body = Problem, description = "not JSON, or not an id of a refused event"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "somebody has decided about it already"),
        (status = 422, body = Problem, description = "no reason"),
    ),
    security(("key" = []))
)]
pub async fn discard(
    State(state): State<AppState>,
    principal: Principal,
    once: Once,
    id: Result<Path<String>, PathRejection>,
    sent: Bytes,
) -> Result<StatusCode, Problem> {
    let id = refused(id)?;
    let body: DiscardBody = request::body(&sent)?;
    let book = once.on(&state.book, StatusCode::NO_CONTENT, nothing);
    quarantine::discard(&book, id, &body.reason, &principal.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(id: Result<Path<String>, PathRejection>) -> Result<QuarantineId, Problem> {
    request::id(id, WHAT, LIKE)
}
