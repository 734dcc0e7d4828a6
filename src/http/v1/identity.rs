//! Who is who: merging two customers, giving one back what was theirs, and the pairs that may be one.

use super::{AppState, Once, Problem, request, whole};
use crate::http::auth::Principal;
use crate::service::ServiceError;
use crate::service::identity::{self, CandidateView, Merged, Parted};
use axum::Json;
use axum::body::Bytes;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::QueryRejection;
use axum::http::StatusCode;
use domain::ids::CustomerId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which two are one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeBody {
    /// Who stays.
    #[schema(value_type = String, example = "cus_42")]
    kept: CustomerId,
    /// Who is one with them from now on.
    #[schema(value_type = String, example = "cus_57")]
    other: CustomerId,
    /// For those who will ask; nothing personal.
    reason: Option<String>,
}

/// Whom to give back what was theirs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnmergeBody {
    /// By the id they had before the merge.
    #[schema(value_type = String, example = "cus_57")]
    customer: CustomerId,
    reason: Option<String>,
}

/// How many pairs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// 1 to 500; 100 if left out.
    limit: Option<i64>,
}

/// Pairs of customers that may be one.
#[derive(Debug, Serialize, ToSchema)]
pub struct CandidatePage {
    /// Oldest first.
    items: Vec<CandidateView>,
}

/// Makes two customers one. Everything of both is the first one's; the other's id answers with their profile.
#[utoipa::path(
    post,
    path = "/api/v1/customers/merge",
    tag = "customers",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request again has no further effect and is answered the same")),
    request_body = MergeBody,
    responses(
        (status = 200, body = Merged),
        (status = 400, body = Problem, description = "not JSON, or not a customer's id"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "they are one already, or one was erased"),
        (status = 422, body = Problem, description = "a customer and themselves"),
    ),
    security(("key" = []))
)]
pub async fn merge(
    State(state): State<AppState>,
    principal: Principal,
    once: Once,
    sent: Bytes,
) -> Result<Json<Merged>, Problem> {
    let MergeBody { kept, other, reason } = read(&sent)?;
    let book = once.on(&state.book, StatusCode::OK, whole::<Merged>);
    let done = identity::merge(&book, kept, other, &principal.actor(), reason.as_deref()).await?;
    state.alarm.ring();
    Ok(Json(done))
}

/// Gives a merged customer back what was theirs, late facts included.
#[utoipa::path(
    post,
    path = "/api/v1/customers/unmerge",
    tag = "customers",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request again has no further effect and is answered the same")),
    request_body = UnmergeBody,
    responses(
        (status = 200, body = Parted),
        (status = 400, body = Problem, description = "not JSON, or not a customer's id"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "they were merged into nobody"),
    ),
    security(("key" = []))
)]
pub async fn unmerge(
    State(state): State<AppState>,
    principal: Principal,
    once: Once,
    sent: Bytes,
) -> Result<Json<Parted>, Problem> {
    let UnmergeBody { customer, reason } = read(&sent)?;
    let book = once.on(&state.book, StatusCode::OK, whole::<Parted>);
    let done = identity::unmerge(&book, customer, &principal.actor(), reason.as_deref()).await?;
    state.alarm.ring();
    Ok(Json(done))
}

/// The pairs of customers that share something and wait for a person to say whether they are one.
#[utoipa::path(
    get,
    path = "/api/v1/customers/candidates",
    tag = "customers",
    params(PageQuery),
    responses(
        (status = 200, body = CandidatePage),
        (status = 400, body = Problem, description = "a query that can't be read"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
    ),
    security(("key" = []))
)]
pub async fn candidates(
    State(state): State<AppState>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<CandidatePage>, Problem> {
    let limit = request::query(query)?.limit.unwrap_or(100);
    if !(1..=500).contains(&limit) {
        return Err(ServiceError::invalid("limit", "out_of_range", "ask for 1 to 500").into());
    }
    Ok(Json(CandidatePage { items: identity::candidates(&state.book, limit).await? }))
}

fn read<T: DeserializeOwned>(sent: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(sent)
        .map_err(|e| Problem::bad_request("bad_body", format!("the body can't be read: {e}")))
}
