//! Imports, and taking one back.

use super::{AppState, Once, Problem, request, whole};
use crate::http::auth::Principal;
use crate::service::import::{self, Batch, BatchShown, Undone};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use domain::ids::ImportId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const WHAT: &str = "an import";
const LIKE: &str = "imp_3";

/// How many of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BatchQuery {
    /// 1 to 200; 50 if left out.
    limit: Option<u32>,
}

/// The latest imports.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchList {
    items: Vec<Batch>,
    next_cursor: Option<String>,
}

/// The latest imports, latest first.
#[utoipa::path(
    get,
    path = "/api/v1/batches",
    tag = "operations",
    params(BatchQuery),
    responses(
        (status = 200, body = BatchList),
        (status = 400, body = Problem, description = "limit, or no such parameter"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
    ),
    security(("key" = []))
)]
pub async fn list(
    State(state): State<AppState>,
    query: Result<Query<BatchQuery>, QueryRejection>,
) -> Result<Json<BatchList>, Problem> {
    let limit = request::limit(request::query(query)?.limit, 50, 1..=200)?;
    let items = import::list_batches(&state.book.store, limit).await?;
    Ok(Json(BatchList { items, next_cursor: None }))
}

/// One import, and what taking it back would do.
#[utoipa::path(
    get,
    path = "/api/v1/batches/{id}",
    tag = "operations",
    params(("id" = String, Path, description = "imp_ with a number behind it", example = "imp_3")),
    responses(
        (status = 200, body = BatchShown),
        (status = 400, body = Problem, description = "not an id of an import"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
    ),
    security(("key" = []))
)]
pub async fn show(
    State(state): State<AppState>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<BatchShown>, Problem> {
    let id: ImportId = request::id(id, WHAT, LIKE)?;
    Ok(Json(import::show_batch(&state.book, id).await?))
}

/// Takes an import back, within 7 days of its end. What others have built upon since stays, and what was sent stays sent.
/// One that was interrupted goes on when it is asked for again.
#[utoipa::path(
    post,
    path = "/api/v1/batches/{id}/undo",
    tag = "operations",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request again has no further effect and is answered the same"), ("id" = String, Path, description = "imp_ with a number behind it", example = "imp_3")),
    responses(
        (status = 200, body = Undone),
        (status = 400, body = Problem, description = "not an id of an import"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "too late, taken back already, or under way"),
    ),
    security(("key" = []))
)]
pub async fn undo(
    State(state): State<AppState>,
    principal: Principal,
    once: Once,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Undone>, Problem> {
    let id: ImportId = request::id(id, WHAT, LIKE)?;
    let book = once.on(&state.book, StatusCode::OK, whole::<Undone>);
    let undone = import::undo_batch(&book, id, &principal.actor()).await?;
    state.alarm.ring();
    Ok(Json(undone))
}
