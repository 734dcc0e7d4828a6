//! The segments there are, and pinning and banning customers. Who is in them is [`super::asking`]'s.

use super::{AppState, Problem, request};
use crate::http::auth::Principal;
use crate::service::pinning::{self, Pinned, Word};
use crate::service::segments::{self, SegmentLine};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use domain::ids::CustomerId;
use domain::segment::Hand;
use domain::time::Instant;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Until when, and why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PinBody {
    /// From then on the rule decides again; until somebody says otherwise if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Instant>,
    /// For those who will ask; nothing that names the person.
    #[serde(default)]
    #[schema(example = "buys for the whole office")]
    reason: String,
}

/// Why.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReleaseQuery {
    /// For those who will ask; nothing that names the person.
    #[serde(default)]
    reason: String,
}

/// All segments: how their members are known, what their rules say and ask for, how many are in them.
#[utoipa::path(
    get,
    path = "/api/v1/segments",
    tag = "segments",
    responses((status = 200, body = Vec<SegmentLine>), (status = 401, body = Problem), (status = 403, body = Problem)),
    security(("key" = []))
)]
pub async fn list(State(state): State<AppState>) -> Result<Json<Vec<SegmentLine>>, Problem> {
    Ok(Json(segments::list(&state.book).await?))
}

/// One segment.
#[utoipa::path(
    get,
    path = "/api/v1/segments/{key}",
    tag = "segments",
    params(("key" = String, Path, description = "the segment", example = "recent_buyers")),
    responses(
        (status = 200, body = SegmentLine),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
    ),
    security(("key" = []))
)]
pub async fn show(
    State(state): State<AppState>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<SegmentLine>, Problem> {
    let Path(key) = path.map_err(unreadable)?;
    Ok(Json(segments::show(&state.book, &key).await?))
}

pub(super) fn unreadable(rejection: PathRejection) -> Problem {
    Problem::bad_request("bad_path", rejection.body_text())
}

/// Who says it, and of whom.
struct Said {
    state: AppState,
    principal: Principal,
    path: Result<Path<(String, String)>, PathRejection>,
}

impl Said {
    async fn say(self, word: Word, reason: &str) -> Result<Json<Pinned>, Problem> {
        let Path((key, id)) = self.path.map_err(unreadable)?;
        let id: CustomerId = request::read_id(&id, "a customer", "cus_42")?;
        let actor = self.principal.actor();
        let done = pinning::say(&self.state.book, id, (&key, word), reason, &actor).await?;
        self.state.alarm.ring();
        Ok(Json(done))
    }
}

/// Puts a customer into a segment whatever its rule says. Again is no other thing.
#[utoipa::path(
    put,
    path = "/api/v1/segments/{key}/pins/{id}",
    tag = "segments",
    params(
        ("key" = String, Path, description = "the segment", example = "recent_buyers"),
        ("id" = String, Path, description = "cus_ with a number behind it", example = "cus_42"),
    ),
    request_body = PinBody,
    responses(
        (status = 200, body = Pinned),
        (status = 400, body = Problem, description = "not JSON of this form, or not an id of a customer"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem, description = "no such customer, no such segment"),
        (status = 409, body = Problem, description = "erased"),
        (status = 422, body = Problem, description = "until, reason"),
    ),
    security(("key" = []))
)]
pub async fn pin(
    State(state): State<AppState>,
    principal: Principal,
    path: Result<Path<(String, String)>, PathRejection>,
    sent: Bytes,
) -> Result<Json<Pinned>, Problem> {
    let PinBody { until, reason } = request::body(&sent)?;
    Said { state, principal, path }.say(Word::Is(Hand::Pinned, until), &reason).await
}

/// Takes a pin back: the rule decides again; off a list the customer goes.
#[utoipa::path(
    delete,
    path = "/api/v1/segments/{key}/pins/{id}",
    tag = "segments",
    params(
        ("key" = String, Path, description = "the segment", example = "recent_buyers"),
        ("id" = String, Path, description = "cus_ with a number behind it", example = "cus_42"),
        ReleaseQuery,
    ),
    responses(
        (status = 200, body = Pinned),
        (status = 400, body = Problem, description = "not an id of a customer, or no such parameter"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem, description = "no such customer, no such segment"),
        (status = 409, body = Problem, description = "erased"),
        (status = 422, body = Problem, description = "reason"),
    ),
    security(("key" = []))
)]
pub async fn unpin(
    State(state): State<AppState>,
    principal: Principal,
    path: Result<Path<(String, String)>, PathRejection>,
    query: Result<Query<ReleaseQuery>, QueryRejection>,
) -> Result<Json<Pinned>, Problem> {
    let ReleaseQuery { reason } = request::query(query)?;
    Said { state, principal, path }.say(Word::Released, &reason).await
}

/// Keeps a customer out of a segment whatever its rule says. Again is no other thing.
#[utoipa::path(
    put,
    path = "/api/v1/segments/{key}/bans/{id}",
    tag = "segments",
    params(
        ("key" = String, Path, description = "the segment", example = "recent_buyers"),
        ("id" = String, Path, description = "cus_ with a number behind it", example = "cus_42"),
    ),
    request_body = PinBody,
    responses(
        (status = 200, body = Pinned),
        (status = 400, body = Problem, description = "not JSON of this form, or not an id of a customer"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem, description = "no such customer, no such segment"),
        (status = 409, body = Problem, description = "erased, or a list"),
        (status = 422, body = Problem, description = "until, reason"),
    ),
    security(("key" = []))
)]
pub async fn ban(
    State(state): State<AppState>,
    principal: Principal,
    path: Result<Path<(String, String)>, PathRejection>,
    sent: Bytes,
) -> Result<Json<Pinned>, Problem> {
    let PinBody { until, reason } = request::body(&sent)?;
    Said { state, principal, path }.say(Word::Is(Hand::Banned, until), &reason).await
}

/// Takes a ban back: the rule decides again.
#[utoipa::path(
    delete,
    path = "/api/v1/segments/{key}/bans/{id}",
    tag = "segments",
    params(
        ("key" = String, Path, description = "the segment", example = "recent_buyers"),
        ("id" = String, Path, description = "cus_ with a number behind it", example = "cus_42"),
        ReleaseQuery,
    ),
    responses(
        (status = 200, body = Pinned),
        (status = 400, body = Problem, description = "not an id of a customer, or no such parameter"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem, description = "no such customer, no such segment"),
        (status = 409, body = Problem, description = "erased"),
        (status = 422, body = Problem, description = "reason"),
    ),
    security(("key" = []))
)]
pub async fn unban(
    State(state): State<AppState>,
    principal: Principal,
    path: Result<Path<(String, String)>, PathRejection>,
    query: Result<Query<ReleaseQuery>, QueryRejection>,
) -> Result<Json<Pinned>, Problem> {
    let ReleaseQuery { reason } = request::query(query)?;
    Said { state, principal, path }.say(Word::Released, &reason).await
}
