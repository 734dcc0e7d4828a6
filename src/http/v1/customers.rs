//! Customers: the profile in one call, by id or by what somebody is known by.

use super::{AppState, Once, Problem, request, whole};
use crate::http::auth::Principal;
use crate::service::erasing::{self, Erased};
use crate::service::happened::{self, History};
use crate::service::looking::{self, Looks};
use crate::service::profile::{self, IdentifierKind, ProfileView};
use crate::service::search::{self, Found, Search};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use domain::ids::CustomerId;
use domain::problem::nearest;
use domain::time::Instant;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A customer's whole profile: who they are, warnings, aggregates, tags with why and what becomes of them, orders, tickets,
/// consents, coupons, journeys, touches to come and made, and callbacks. Contact points are masked.
#[utoipa::path(
    get,
    path = "/api/v1/customers/{id}",
    tag = "customers",
    params(("id" = String, Path, description = "cus_ with a number behind it", example = "cus_42")),
    responses(
        (status = 200, body = ProfileView, example = json!(example())),
        (status = 400, body = Problem, description = "not an id of a customer"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
    ),
    security(("key" = []))
)]
pub async fn show(
    State(state): State<AppState>,
    principal: Principal,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<ProfileView>, Problem> {
    answer(&state, &principal, customer(id)?).await
}

/// As above, by `user_id` (the shop's own id), `anonymous_id`, `external` (`taobao:…`), `phone` or `email`. A
/// contact point that several customers share answers 409 and names them.
#[utoipa::path(
    get,
    path = "/api/v1/customers/by/{kind}/{value}",
    tag = "customers",
    params(
        ("kind" = String, Path, description = "user_id, anonymous_id, external, phone or email", example = "user_id"),
        ("value" = String, Path, description = "percent-encoded", example = "12346"),
    ),
    responses(
        (status = 200, body = ProfileView),
        (status = 400, body = Problem, description = "no such kind"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "several customers share it"),
        (status = 422, body = Problem, description = "not a contact point of this kind"),
    ),
    security(("key" = []))
)]
pub async fn show_by(
    State(state): State<AppState>,
    principal: Principal,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<ProfileView>, Problem> {
    let Path((kind, value)) = path.map_err(unreadable)?;
    let known = IdentifierKind::ALL.map(IdentifierKind::as_str);
    let kind = IdentifierKind::parse(&kind).ok_or_else(|| {
        let remedy = match nearest(&kind, known) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("known are {}", known.join(", ")),
        };
        Problem::bad_request("bad_kind", format!("nobody is known by \"{kind}\"; {remedy}"))
    })?;
    match profile::find(&state.book, kind, &value).await? {
        Some(id) => answer(&state, &principal, id).await,
        None => Err(Problem::not_found(&format!("a customer with this {}", kind.as_str()))),
    }
}

async fn answer(
    state: &AppState,
    principal: &Principal,
    id: CustomerId,
) -> Result<Json<ProfileView>, Problem> {
    let found = profile::profile(&state.book, id).await?;
    let found = found.ok_or_else(|| Problem::not_found(&format!("customer {id}")))?;
    looking::viewed(&state.book, &principal.actor(), found.id).await?;
    Ok(Json(found))
}

/// The customer of a path.
pub(super) fn customer(id: Result<Path<String>, PathRejection>) -> Result<CustomerId, Problem> {
    let Path(given) = id.map_err(unreadable)?;
    given.parse().map_err(|_| {
        Problem::bad_request(
            "bad_id",
            format!("\"{given}\" is no customer's id; one looks like cus_42. By the shop's own id: /api/v1/customers/by/user_id/{{value}}"),
        )
    })
}

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// An id, the shop's own id, a platform's (`taobao:…`), a telephone number, a mail address, an order's number, or a
    /// part of a name. All customers if left out.
    #[param(example = "lin")]
    q: Option<String>,
    /// Only those with this tag: `churn_risk`, or `value_tier=diamond`.
    #[param(example = "value_tier=diamond")]
    tag: Option<String>,
    /// Only members of this segment, live or a list; not beside `tag`.
    #[param(example = "recent_buyers")]
    segment: Option<String>,
    /// 1 to 100; 20 if left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Finds customers; whom the text identifies comes first. Contact points are masked. Who searched is in the
/// access log, what they looked for isn't.
#[utoipa::path(
    get,
    path = "/api/v1/customers",
    tag = "customers",
    params(SearchQuery),
    responses(
        (status = 200, body = Found),
        (status = 400, body = Problem, description = "limit, or no such parameter"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem, description = "no such segment"),
        (status = 409, body = Problem, description = "a segment on demand"),
        (status = 422, body = Problem, description = "tag, segment or cursor"),
    ),
    security(("key" = []))
)]
pub async fn search(
    State(state): State<AppState>,
    principal: Principal,
    query: Result<Query<SearchQuery>, QueryRejection>,
) -> Result<Json<Found>, Problem> {
    let SearchQuery { q, tag, segment, limit, cursor } = request::query(query)?;
    let limit = request::limit(limit, 20, 1..=search::PAGE)?;
    let wanted = Search { q, tag, segment, cursor, limit };
    Ok(Json(search::search(&state.book, &wanted, &principal.actor()).await?))
}

/// A page of something.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// 1 to 200; 50 if left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// All that happened with a customer, latest first: facts, tags, contacts and decisions not to make one, consents,
/// callbacks, notes.
#[utoipa::path(
    get,
    path = "/api/v1/customers/{id}/timeline",
    tag = "customers",
    params(("id" = String, Path, description = "cus_ with a number behind it", example = "cus_42"), PageQuery),
    responses(
        (status = 200, body = History),
        (status = 400, body = Problem, description = "not an id of a customer, or limit"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 422, body = Problem, description = "cursor"),
    ),
    security(("key" = []))
)]
pub async fn timeline(
    State(state): State<AppState>,
    principal: Principal,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<History>, Problem> {
    let (id, page) = (customer(id)?, request::query(query)?);
    let limit = request::limit(page.limit, 50, 1..=happened::PAGE)?;
    let found = happened::history(&state.book, id, page.cursor.as_deref(), limit).await?;
    looking::viewed(&state.book, &principal.actor(), id).await?;
    Ok(Json(found))
}

/// Something to write down.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteBody {
    /// At most 4,000 characters.
    #[serde(default)]
    text: String,
}

/// What was written down.
#[derive(Debug, Serialize, ToSchema)]
pub struct NoteMade {
    #[schema(value_type = String, format = DateTime)]
    at: Instant,
    actor: String,
}

/// Writes something down about a customer; it stands in the timeline.
#[utoipa::path(
    post,
    path = "/api/v1/customers/{id}/notes",
    tag = "customers",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request again has no further effect and is answered the same"), ("id" = String, Path, description = "cus_ with a number behind it", example = "cus_42")),
    request_body(content = NoteBody, example = json!({"text": "prefers to be called after six"})),
    responses(
        (status = 201, body = NoteMade),
        (status = 400, body = Problem, description = "not JSON, or not an id of a customer"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "the customer was erased"),
        (status = 422, body = Problem, description = "no text, or too long a one"),
    ),
    security(("key" = []))
)]
pub async fn note(
    State(state): State<AppState>,
    principal: Principal,
    once: Once,
    id: Result<Path<String>, PathRejection>,
    sent: Bytes,
) -> Result<(StatusCode, Json<NoteMade>), Problem> {
    let (id, actor) = (customer(id)?, principal.actor());
    let body: NoteBody = request::body(&sent)?;
    let by = actor.clone();
    let book = once.on(&state.book, StatusCode::CREATED, move |at: &Instant| {
        whole(&NoteMade { at: *at, actor: by.clone() })
    });
    let at = happened::add_note(&book, id, &body.text, &actor).await?;
    Ok((StatusCode::CREATED, Json(NoteMade { at, actor })))
}

/// Why somebody is forgotten.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseBody {
    /// For those who will ask; nothing about the person.
    #[serde(default)]
    reason: String,
}

/// Forgets a person for good: contact points, names, birthday, traits and free text; sums stay under a number. What
/// could reach them is suppressed. Doing it again changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/customers/{id}/erase",
    tag = "customers",
    params(("id" = String, Path, description = "cus_ with a number behind it", example = "cus_42")),
    request_body(content = EraseBody, example = json!({"reason": "asked by letter"})),
    responses(
        (status = 200, body = Erased),
        (status = 400, body = Problem, description = "not JSON, or not an id of a customer"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 422, body = Problem, description = "no reason"),
    ),
    security(("key" = []))
)]
pub async fn erase(
    State(state): State<AppState>,
    principal: Principal,
    id: Result<Path<String>, PathRejection>,
    sent: Bytes,
) -> Result<Json<Erased>, Problem> {
    let id = customer(id)?;
    let body: EraseBody = request::body(&sent)?;
    let done = erasing::erase(&state.book, id, &body.reason, &principal.actor()).await?;
    state.alarm.ring();
    Ok(Json(done))
}

/// Who looked at a customer, latest first.
#[utoipa::path(
    get,
    path = "/api/v1/customers/{id}/access-log",
    tag = "customers",
    params(("id" = String, Path, description = "cus_ with a number behind it", example = "cus_42"), PageQuery),
    responses(
        (status = 200, body = Looks),
        (status = 400, body = Problem, description = "not an id of a customer, or limit"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 422, body = Problem, description = "cursor"),
    ),
    security(("key" = []))
)]
pub async fn access_log(
    State(state): State<AppState>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<Looks>, Problem> {
    let (id, page) = (customer(id)?, request::query(query)?);
    let limit = request::limit(page.limit, 50, 1..=200)?;
    Ok(Json(looking::list(&state.book, id, page.cursor.as_deref(), limit).await?))
}

fn unreadable(rejection: PathRejection) -> Problem {
    Problem::bad_request("bad_path", rejection.body_text())
}

/// The head of a profile, as documentation shows it.
fn example() -> serde_json::Value {
    serde_json::json!({
        "id": "cus_42",
        "customer_id": "12346",
        "shop": "main",
        "name": "Lin Wei",
        "locale": "zh-CN",
        "zone": "Asia/Shanghai",
        "account_kind": "consumer",
        "registered_at": "2024-03-01T04:00:00Z",
        "created_at": "2026-01-05T02:00:00Z",
        "as_of": "2026-09-25T02:00:00Z",
        "warnings": [{"code": "open_complaint", "text": {"en": "an open complaint since 2026-09-20", "zh-CN": "有 1 起未结客诉（最早自 2026-09-20 起）"}}],
        "identifiers": [{"kind": "user_id", "namespace": "main", "value": "12346"}],
        "contact_points": [{"channel": "email", "masked": "l***@example.com", "class": "real", "usable": true, "primary": true, "suppressed": null}],
        "aggregates": example_numbers(),
        "tags": example_tags(),
        "absent_tags": [{
            "key": "churn_risk", "name": {"en": "Churn risk", "zh-CN": "流失风险"}, "group": "churn", "kind": "computed",
            "waits_for": null, "suppressed_until": null, "next": {"at": "2027-02-06T16:00:00Z", "value": "true"}
        }],
        "segments": [{
            "key": "recent_buyers", "name": {"en": "Recent buyers", "zh-CN": "近期买家"}, "stands": "member",
            "since": "2026-08-11T12:05:00Z", "until": null, "why": {"en": "in Recent buyers since 2026-08-11: …", "zh-CN": "自 2026-08-11 起属于「近期买家」：…"},
            "version": 1, "next_at": "2026-09-10T12:05:00Z"
        }],
        "orders": [], "tickets": [], "consents": [], "coupons": [], "journeys": [], "next_touches": [], "touches": [], "callbacks": []
    })
}

fn example_numbers() -> serde_json::Value {
    serde_json::json!({
        "kept_at": "2026-09-24T16:00:00Z",
        "spend_365": {"amount": "6000.00", "currency": "CNY"},
        "spend_ever": {"amount": "9120.50", "currency": "CNY"},
        "orders_365": 4, "orders_ever": 9, "order_days": 8,
        "first_order_at": "2024-03-02T08:30:00Z", "last_order_at": "2026-08-11T12:05:00Z",
        "last_order_id": "A-1009",
        "avg_order_365": {"mean": {"amount": "1500.00", "currency": "CNY"}, "sum": {"amount": "6000.00", "currency": "CNY"}, "n": 4},
        "refund_rate_365": {"share": "0.016393", "n": {"amount": "100.00", "currency": "CNY"}, "of": {"amount": "6100.00", "currency": "CNY"}},
        "coupon_share_365": {"share": "0.25", "n": 1, "of": 4},
        "many_orders_30": null, "median_gap_days": "30.5", "active_hour": 20, "lines_365": 6,
        "top_category": {"value": "tea", "share": "0.666667", "n": 4, "of": 6}, "top_style": null, "top_brand": null,
        "last_products": ["White tea", "Jar"],
        "tickets": 2, "complaints_90": 1, "complaints_365": 1, "open_complaints": 1, "complaint_closed_at": null,
        "review_mean": {"mean": "4.333333", "sum": "13", "n": 3},
        "csat_last": 5, "csat_mean": {"mean": "4.5", "sum": "9", "n": 2}, "nps_last": null, "nps_mean": null,
        "unhappy_at": null, "recommended_at": null,
        "last_contacts": {"email": "2026-09-15T02:30:00Z"}, "last_contact_at": "2026-09-15T02:30:00Z",
        "last_inbound_at": "2026-09-16T01:12:00Z", "preferred_channel": null, "won_back_at": null
    })
}

fn example_tags() -> serde_json::Value {
    serde_json::json!([{
        "key": "value_tier", "value": "gold",
        "name": {"en": "Value tier", "zh-CN": "客户价值分层"}, "value_name": {"en": "Gold", "zh-CN": "金"},
        "group": "value", "kind": "computed", "since": "2026-06-18T12:05:00Z", "as_of": "2026-09-24T16:00:00Z",
        "source": "computed", "rule_version": 1, "evidence": {"spend_365": "6000.00", "threshold": "5000.00"},
        "why": {
            "en": "Value tier is Gold since 2026-06-18: net spend in 365 d is at least 5000.00 (net spend in 365 d: 6000.00).",
            "zh-CN": "客户价值分层自 2026-06-18 起为「金」：365 天净消费不低于 5000.00（365 天净消费：6000.00）。"
        },
        "next": {"at": "2027-05-18T12:05:00Z", "value": "silver"},
        "by_hand": null, "suppressed_until": null, "held_until": null
    }])
}
