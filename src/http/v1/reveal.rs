//! `POST /api/v1/customers/{id}/reveal`: contact points unmasked, for a reason.

use super::{AppState, Problem, request};
use crate::http::auth::Principal;
use crate::service::revealing::{self, Revealed};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::ToSchema;

/// Why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevealBody {
    /// For those who will ask. May be left out by whoever has a callback of this customer in hand.
    #[serde(default)]
    reason: String,
}

/// Shows a customer's contact points unmasked. The access log and the audit log have who, when and why before this answers.
#[utoipa::path(
    post,
    path = "/api/v1/customers/{id}/reveal",
    tag = "customers",
    params(("id" = String, Path, description = "cus_ with a number behind it", example = "cus_42")),
    request_body(content = RevealBody, example = json!({"reason": "parcel returned, asking for the address"})),
    responses(
        (status = 200, body = Revealed),
        (status = 400, body = Problem, description = "not JSON, or not an id of a customer"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "erased"),
        (status = 422, body = Problem, description = "no reason, and no callback in hand"),
        (status = 429, body = Problem, description = "too many within an hour; Retry-After says when the next one may"),
    ),
    security(("key" = []))
)]
pub async fn reveal(
    State(state): State<AppState>,
    principal: Principal,
    id: Result<Path<String>, PathRejection>,
    sent: Bytes,
) -> Result<Json<Revealed>, Problem> {
    let id = request::id(id, "a customer", "cus_42")?;
    let RevealBody { reason } = request::body(&sent)?;
    Ok(Json(revealing::reveal(&state.book, id, &reason, &principal).await?))
}
