//! For those who run the daemon: what it is doing, what was done and by whom, keys, staff.

use super::{AppState, Once, Problem, nothing, request, whole};
use crate::http::auth::Principal;
use crate::service::keys::{self, KeyView, MadeKey, NewKey};
use crate::service::live;
use crate::service::reachability::{self, Reachability};
use crate::service::{auditing, staff};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// What the book is doing: live or stopped, what is due next, how much there is, what waits for a person.
#[utoipa::path(
    get,
    path = "/api/v1/system",
    tag = "operations",
    responses((status = 200, body = Object), (status = 401, body = Problem), (status = 403, body = Problem)),
    security(("key" = []))
)]
pub async fn system(State(state): State<AppState>) -> Result<Json<Value>, Problem> {
    let status = live::status(&state.book).await?;
    Ok(Json(serde_json::to_value(status).map_err(|e| Problem::internal(&e))?))
}

/// How many customers can be reached, by channel and purpose, and where the others are lost.
#[utoipa::path(
    get,
    path = "/api/v1/reachability",
    tag = "operations",
    responses(
        (status = 200, body = Reachability),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
    ),
    security(("key" = []))
)]
pub async fn reachability(State(state): State<AppState>) -> Result<Json<Reachability>, Problem> {
    Ok(Json(reachability::report(&state.book).await?))
}

/// Which entries of the audit log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only what was done to this: `campaign:winback`, `customer:cus_42`, `book`.
    subject: Option<String>,
    /// Only what was done by this one: a member of staff's key, `key:…`, `cli:<user>`, `customer`.
    actor: Option<String>,
    /// Only what begins so: `campaign.`, `quarantine.retried`.
    action: Option<String>,
    /// 1 to 200; 50 if left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Who did what, latest first. Nothing in it is ever changed or deleted.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    tag = "operations",
    params(AuditQuery),
    responses(
        (status = 200, body = auditing::AuditPage),
        (status = 400, body = Problem, description = "limit, or no such parameter"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 422, body = Problem, description = "cursor"),
    ),
    security(("key" = []))
)]
pub async fn audit(
    State(state): State<AppState>,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<auditing::AuditPage>, Problem> {
    let AuditQuery { subject, actor, action, limit, cursor } = request::query(query)?;
    let limit = request::limit(limit, 50, 1..=200)?;
    let which = auditing::Which { subject, actor, action };
    Ok(Json(auditing::list(&state.book, &which, cursor.as_deref(), limit).await?))
}

/// All keys, newest last; no secrets.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyList {
    items: Vec<KeyView>,
    next_cursor: Option<String>,
}

/// The keys there are or were, without their secrets.
#[utoipa::path(
    get,
    path = "/api/v1/keys",
    tag = "operations",
    responses((status = 200, body = KeyList), (status = 401, body = Problem), (status = 403, body = Problem)),
    security(("key" = []))
)]
pub async fn list_keys(State(state): State<AppState>) -> Result<Json<KeyList>, Problem> {
    Ok(Json(KeyList { items: keys::list(&state.book).await?, next_cursor: None }))
}

/// A key to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyBody {
    /// ingest, agent, supervisor, marketer, analyst or admin
    #[serde(default)]
    role: String,
    /// Key or name of the member of staff it acts for; agents' and supervisors' keys need one.
    staff: Option<String>,
    label: Option<String>,
    /// Where facts sent with an ingest key belong; `api` if left out.
    source: Option<String>,
}

/// Makes a key. Its secret is in this answer and nowhere else: the same request again under its `Idempotency-Key` makes
/// no second one and is answered with `key` null. Revoke that one by its id, and ask for another.
#[utoipa::path(
    post,
    path = "/api/v1/keys",
    tag = "operations",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request again has no further effect and is answered the same")),
    request_body(content = KeyBody, example = json!({"role": "ingest", "label": "web shop"})),
    responses(
        (status = 201, body = MadeKey),
        (status = 400, body = Problem, description = "not JSON"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 422, body = Problem),
    ),
    security(("key" = []))
)]
pub async fn make_key(
    State(state): State<AppState>,
    principal: Principal,
    once: Once,
    sent: Bytes,
) -> Result<(StatusCode, Json<MadeKey>), Problem> {
    let KeyBody { role, staff, label, source } = request::body(&sent)?;
    let book = once.on(&state.book, StatusCode::CREATED, without_secret);
    let made = keys::create(&book, NewKey { role, staff, label, source }, &principal.actor()).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// What may be said twice of a key.
fn without_secret(made: &MadeKey) -> Option<Value> {
    let mut said = whole(made)?;
    said["key"] = Value::Null;
    Some(said)
}

/// Takes a key out of force at once; what it did stays.
#[utoipa::path(
    post,
    path = "/api/v1/keys/{id}/revoke",
    tag = "operations",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request again has no further effect and is answered the same"), ("id" = String, Path, description = "the key's public id, between kk_ and the secret", example = "3f9a")),
    responses(
        (status = 204, description = "revoked"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "revoked already"),
    ),
    security(("key" = []))
)]
pub async fn revoke_key(
    State(state): State<AppState>,
    principal: Principal,
    once: Once,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(id) = id.map_err(|e| Problem::bad_request("bad_path", e.body_text()))?;
    let book = once.on(&state.book, StatusCode::NO_CONTENT, nothing);
    keys::revoke(&book, &id, &principal.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Staff with level, team and capacity. They are declared with `kinkeeper apply`.
#[utoipa::path(
    get,
    path = "/api/v1/staff",
    tag = "operations",
    responses((status = 200, body = Object), (status = 401, body = Problem), (status = 403, body = Problem)),
    security(("key" = []))
)]
pub async fn list_staff(State(state): State<AppState>) -> Result<Json<Value>, Problem> {
    let all: Vec<_> = staff::list(&state.book).await?.into_iter().map(|row| row.staff).collect();
    Ok(Json(serde_json::json!({ "items": all, "next_cursor": null })))
}
