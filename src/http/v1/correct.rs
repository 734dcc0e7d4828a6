//! `POST /api/v1/customers/{id}/correct`: what is known of a person is set right.

use super::{AppState, Once, Problem, request, whole};
use crate::http::auth::Principal;
use crate::service::correcting::{self, Corrected, Wanted};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What is right.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectBody {
    /// Traits with the value that holds: email, phone, name, birthday, timezone, locale, gender, address, …
    #[serde(default)]
    #[schema(value_type = Object)]
    set: Map<String, Value>,
    /// Traits that have none.
    #[serde(default)]
    unset: Vec<String>,
    /// For those who will ask; nothing about the person.
    #[serde(default)]
    reason: String,
}

/// Sets right what is known of a person. Whatever was said of these traits before goes as if it had never been said, with
/// the contact points and identifiers that came of it; the new values are taken in as a fact of the shop's own.
#[utoipa::path(
    post,
    path = "/api/v1/customers/{id}/correct",
    tag = "customers",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request again has no further effect and is answered the same"), ("id" = String, Path, description = "cus_ with a number behind it", example = "cus_42")),
    request_body(
        content = CorrectBody,
        example = json!({"set": {"email": "rosa@example.com"}, "unset": ["phone"], "reason": "told us by telephone"})
    ),
    responses(
        (status = 200, body = Corrected),
        (status = 400, body = Problem, description = "not JSON, or not an id of a customer"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "erased, or the new value says who somebody else is"),
        (status = 422, body = Problem, description = "no reason, nothing to correct, or a value that can't be so"),
    ),
    security(("key" = []))
)]
pub async fn correct(
    State(state): State<AppState>,
    principal: Principal,
    once: Once,
    id: Result<Path<String>, PathRejection>,
    sent: Bytes,
) -> Result<Json<Corrected>, Problem> {
    let id = request::id(id, "a customer", "cus_42")?;
    let CorrectBody { set, unset, reason } = request::body(&sent)?;
    let wanted = Wanted { set, unset, reason };
    let book = once.on(&state.book, StatusCode::OK, whole::<Corrected>);
    let done = correcting::correct(&book, id, wanted, &principal.actor()).await?;
    state.alarm.ring();
    Ok(Json(done))
}
