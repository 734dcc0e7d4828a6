//! The tags there are, publishing one, and those that people give a customer and take away.

use super::{AppState, Once, Problem, request, whole};
use crate::http::auth::{Principal, Role};
use crate::service::marking::{self, Given, Hand, Marked};
use crate::service::publishing::{self, Draft, Preview, Published, Reach};
use crate::service::tags::{self, TagLine};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use domain::ids::CustomerId;
use domain::time::{Instant, Span};
use serde::Deserialize;
use serde_json::Value;
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

/// A tag's document.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentBody {
    /// As `kinkeeper tag publish` takes it, in JSON.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"key": "vip_candidate", "name": {"en": "Nearly VIP", "zh-CN": "准 VIP"}, "rule": {"profile": "spend_365", "gte": "8000.00"}}))]
    document: Value,
}

/// For so long a request may look at the book; behind it its answer would come too late.
const LOOKING: Span = Span::seconds(6);

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

async fn draft(
    state: &AppState,
    path: Result<Path<String>, PathRejection>,
    sent: &[u8],
) -> Result<(Draft, Published), Problem> {
    let Path(key) = path.map_err(|e| Problem::bad_request("bad_path", e.body_text()))?;
    let DocumentBody { document } = request::body(sent)?;
    Ok(publishing::draft_of(&state.book, &key, document).await?)
}

/// Who would enter and leave the values of this tag under this document, and of those that depend on it. Changes nothing. Of a
/// large book as many customers are looked at as fit into a request's time (`complete` is false then).
#[utoipa::path(
    post,
    path = "/api/v1/tags/{key}/preview",
    tag = "tags",
    params(("key" = String, Path, description = "the tag, as its document says", example = "vip_candidate")),
    request_body = DocumentBody,
    responses(
        (status = 200, body = Preview),
        (status = 400, body = Problem, description = "not JSON of this form"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 422, body = Problem, description = "what is wrong with the document, place by place"),
    ),
    security(("key" = []))
)]
pub async fn preview(
    State(state): State<AppState>,
    path: Result<Path<String>, PathRejection>,
    sent: Bytes,
) -> Result<Json<Preview>, Problem> {
    let (draft, _) = draft(&state, path, &sent).await?;
    Ok(Json(publishing::preview(&state.book, &draft, Reach::Within(LOOKING)).await?))
}

/// Publishes a tag's document: everybody is looked at again.
#[utoipa::path(
    post,
    path = "/api/v1/tags/{key}/publish",
    tag = "tags",
    params(
        ("key" = String, Path, description = "the tag, as its document says", example = "vip_candidate"),
        ("Idempotency-Key" = Option<String>, Header, description = "the same request again has no further effect and is answered the same"),
    ),
    request_body = DocumentBody,
    responses(
        (status = 200, body = Published),
        (status = 400, body = Problem, description = "not JSON of this form"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 409, body = Problem, description = "somebody else published it meanwhile"),
        (status = 422, body = Problem, description = "what is wrong with the document, place by place"),
    ),
    security(("key" = []))
)]
pub async fn publish(
    State(state): State<AppState>,
    principal: Principal,
    once: Once,
    path: Result<Path<String>, PathRejection>,
    sent: Bytes,
) -> Result<Json<Published>, Problem> {
    let (draft, published) = draft(&state, path, &sent).await?;
    let kept = whole(&published);
    let book = once.on(&state.book, StatusCode::OK, move |(): &()| kept.clone());
    publishing::publish(&book, draft, &principal.actor()).await?;
    state.alarm.ring();
    Ok(Json(published))
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
