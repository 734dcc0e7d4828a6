//! Consents as agents put them down.

use super::{AppState, Once, Problem, request, whole};
use crate::http::auth::Principal;
use crate::service::consents::{self, ConsentMade, Said};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use domain::customer::consent::Purpose;
use domain::ids::CustomerId;
use domain::time::Instant;
use serde::Deserialize;
use utoipa::ToSchema;

/// What somebody said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentBody {
    #[schema(example = "email")]
    channel: String,
    /// service | marketing | survey | personalization
    #[schema(value_type = String, example = "marketing")]
    purpose: Purpose,
    state: Word,
    /// When it was said; now if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Instant>,
    /// What proves it.
    #[schema(example = "call of 2026-03-01, recording 4711")]
    evidence: String,
    /// Of the text that was agreed to.
    #[schema(example = "2026-01")]
    text_version: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Word {
    Granted,
    Denied,
}

/// Puts down what a customer agreed to or refused. The latest word counts, of merged customers the strictest.
#[utoipa::path(
    post,
    path = "/api/v1/customers/{id}/consents",
    tag = "customers",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request again has no further effect and is answered the same"), 
        ("id" = String, Path, description = "cus_ with a number behind it", example = "cus_42"),
    ),
    request_body = ConsentBody,
    responses(
        (status = 201, body = ConsentMade),
        (status = 400, body = Problem, description = "not JSON of this form, or not an id of a customer"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "the customer was erased"),
        (status = 422, body = Problem, description = "no evidence, or said after now"),
    ),
    security(("key" = []))
)]
pub async fn add(
    State(state): State<AppState>,
    principal: Principal,
    once: Once,
    id: Result<Path<String>, PathRejection>,
    sent: Bytes,
) -> Result<(StatusCode, Json<ConsentMade>), Problem> {
    let customer: CustomerId = request::id(id, "a customer", "cus_42")?;
    let body: ConsentBody = serde_json::from_slice(&sent)
        .map_err(|e| Problem::bad_request("bad_body", format!("the body can't be read: {e}")))?;
    let said = Said {
        customer,
        channel: body.channel,
        purpose: body.purpose,
        granted: body.state == Word::Granted,
        at: body.at,
        evidence: body.evidence,
        text_version: body.text_version,
    };
    let book = once.on(&state.book, StatusCode::CREATED, whole::<ConsentMade>);
    let made = consents::add(&book, said, &principal.actor()).await?;
    state.alarm.ring();
    Ok((StatusCode::CREATED, Json(made)))
}
