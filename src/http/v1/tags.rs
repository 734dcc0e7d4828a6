//! Tags that people give a customer and take away.

use super::{AppState, Problem, request};
use crate::http::auth::{Principal, Role};
use crate::service::marking::{self, Given, Hand, Marked};
use crate::service::tags::{self, TagLine};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use domain::ids::CustomerId;
use domain::time::Instant;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// What to give.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TagBody {
    /// The level or value; left out for a tag that is there or not.
    #[schema(example = "careful")]
    value: Option<String>,
    /// From then on it is what its rule says. Some tags need it, others have a time of their own.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Instant>,
    /// For those who will ask; nothing that names the person.
    #[serde(default)]
    #[schema(example = "asked for by the head of service, contract of 2026")]
    reason: String,
}

/// Why.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TakeQuery {
    /// For those who will ask; nothing that names the person.
    #[serde(default)]
    reason: String,
}

/// All tags: where they come from, who may set them, when somebody has them, how many do.
#[utoipa::path(
    get,
    path = "/api/v1/tags",
    tag = "tags",
    responses((status = 200, body = Vec<TagLine>), (status = 401, body = Problem), (status = 403, body = Problem)),
    security(("key" = []))
)]
pub async fn list(State(state): State<AppState>) -> Result<Json<Vec<TagLine>>, Problem> {
    Ok(Json(tags::list(&state.book).await?))
}

fn hand(principal: &Principal) -> Hand {
    match principal.role {
        Role::Supervisor | Role::Admin => Hand::Approver,
        _ => Hand::Staff,
    }
}

fn place(path: Result<Path<(String, String)>, PathRejection>) -> Result<(CustomerId, String), Problem> {
    let Path((id, key)) = path.map_err(|e| Problem::bad_request("bad_path", e.body_text()))?;
    Ok((request::id(Ok(Path(id)), "a customer", "cus_42")?, key))
}

/// Gives a customer a tag by hand: from now on it is this, whatever its rule says. Again is no other thing.
#[utoipa::path(
    put,
    path = "/api/v1/customers/{id}/tags/{key}",
    tag = "customers",
    params(
        ("id" = String, Path, description = "cus_ with a number behind it", example = "cus_42"),
        ("key" = String, Path, description = "the tag", example = "comm_style"),
    ),
    request_body = TagBody,
    responses(
        (status = 200, body = Marked),
        (status = 400, body = Problem, description = "not JSON of this form, or not an id of a customer"),
        (status = 401, body = Problem),
        (status = 403, body = Problem, description = "this tag is granted by a supervisor or an admin"),
        (status = 404, body = Problem, description = "no such customer, no such tag"),
        (status = 409, body = Problem, description = "erased, or a tag that its rule alone gives"),
        (status = 422, body = Problem, description = "value, until, reason"),
    ),
    security(("key" = []))
)]
pub async fn give(
    State(state): State<AppState>,
    principal: Principal,
    path: Result<Path<(String, String)>, PathRejection>,
    sent: Bytes,
) -> Result<Json<Marked>, Problem> {
    let (id, tag) = place(path)?;
    let TagBody { value, until, reason } = request::body(&sent)?;
    let given = Given { tag, value, until, reason };
    let by = principal.actor();
    let marked = marking::give(&state.book, id, given, (&by, hand(&principal))).await?;
    state.alarm.ring();
    Ok(Json(marked))
}

/// Takes a tag away by hand. What its rule gives stays away for 90 d.
#[utoipa::path(
    delete,
    path = "/api/v1/customers/{id}/tags/{key}",
    tag = "customers",
    params(
        ("id" = String, Path, description = "cus_ with a number behind it", example = "cus_42"),
        ("key" = String, Path, description = "the tag", example = "comm_style"),
        TakeQuery,
    ),
    responses(
        (status = 200, body = Marked),
        (status = 400, body = Problem, description = "not an id of a customer, or no such parameter"),
        (status = 401, body = Problem),
        (status = 403, body = Problem, description = "this tag is granted by a supervisor or an admin"),
        (status = 404, body = Problem, description = "no such customer, no such tag"),
        (status = 409, body = Problem, description = "erased, or a tag that its rule alone gives"),
        (status = 422, body = Problem, description = "reason"),
    ),
    security(("key" = []))
)]
pub async fn take(
    State(state): State<AppState>,
    principal: Principal,
    path: Result<Path<(String, String)>, PathRejection>,
    query: Result<Query<TakeQuery>, QueryRejection>,
) -> Result<Json<Marked>, Problem> {
    let (id, key) = place(path)?;
    let TakeQuery { reason } = request::query(query)?;
    let by = principal.actor();
    let marked = marking::take(&state.book, id, (&key, &reason), (&by, hand(&principal))).await?;
    state.alarm.ring();
    Ok(Json(marked))
}
