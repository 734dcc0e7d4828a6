//! What a person may ask for of what is held about them.

use super::{AppState, Problem, request};
use crate::http::auth::Principal;
use crate::service::personal_copy::{self, PersonalCopy};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use domain::ids::CustomerId;

const WHAT: &str = "a customer";
const LIKE: &str = "cus_42";

/// A person's copy of everything that is held about them, unmasked: JSON, or with `Accept: text/html` a page in their language.
/// Each is in the access log.
#[utoipa::path(
    post,
    path = "/api/v1/customers/{id}/export",
    tag = "customers",
    params(("id" = String, Path, description = "cus_ with a number behind it", example = "cus_42")),
    responses(
        (status = 200, body = PersonalCopy),
        (status = 400, body = Problem, description = "not an id of a customer"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "erased: nothing is held"),
    ),
    security(("key" = []))
)]
pub async fn export(
    State(state): State<AppState>,
    principal: Principal,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id: CustomerId = request::id(id, WHAT, LIKE)?;
    let copy = personal_copy::make(&state.book, id, &principal.actor()).await?;
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.contains("text/html") {
        return Ok(Html(copy.page()?).into_response());
    }
    Ok(Json(copy).into_response())
}
