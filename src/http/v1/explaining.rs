//! Why a customer has a tag or doesn't, and why a campaign would or wouldn't write to them.

use super::{AppState, Problem, request};
use crate::http::auth::Principal;
use crate::service::profile::resolve;
use crate::service::showcase::language;
use crate::service::{ServiceError, eligibility, looking, shop};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use domain::rule::Lang;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

/// What is to be explained: exactly one of `tag`, `segment` and `campaign`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExplainQuery {
    /// A tag's key.
    #[param(example = "value_tier")]
    tag: Option<String>,
    /// A segment's key.
    segment: Option<String>,
    /// A campaign's key.
    campaign: Option<String>,
    /// The language of a tag's or segment's conditions in words: `en` or `zh-CN`; the shop's own if left out.
    lang: Option<String>,
}

/// Why a customer has a tag or is in a segment, or isn't, with the numbers of every condition; or a customer's way with a campaign: where they are in
/// it, or what would let them in. As `kinkeeper customer explain --format json` prints it.
#[utoipa::path(
    get,
    path = "/api/v1/customers/{id}/explain",
    tag = "customers",
    params(("id" = String, Path, description = "cus_ with a number behind it", example = "cus_42"), ExplainQuery),
    responses(
        (status = 200, body = Object, description = "of a tag: `value`, `since`, `next_flip`, `evidence`, and in `conditions` the \
            tree of each value's rule with what every node says, saw and came to; of a segment: `member`, `said`, and the rule's tree in \
            `condition`; of a campaign: `headline`, `entry`, `touches`", example = json!(example())),
        (status = 400, body = Problem, description = "not an id of a customer"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem, description = "no such customer, tag, segment or campaign"),
        (status = 422, body = Problem, description = "none of tag, segment and campaign, or several; not a language"),
    ),
    security(("key" = []))
)]
pub async fn explain(
    State(state): State<AppState>,
    principal: Principal,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<ExplainQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let (id, asked) = (super::customers::customer(id)?, request::query(query)?);
    let book = &state.book;
    let lang = match asked.lang.as_deref() {
        None => language(&shop::shop(book).await?.locale),
        Some("en") => Lang::En,
        Some("zh-CN") => Lang::ZhCn,
        Some(other) => {
            let detail = format!("{other} is no language of ours; en and zh-CN are");
            return Err(ServiceError::invalid("lang", "unknown_language", detail).into());
        }
    };
    let id = resolve(book, &id.to_string()).await?;
    let found = match (asked.tag, asked.segment, asked.campaign) {
        (Some(tag), None, None) => json!(eligibility::explain_tag(book, id, &tag, lang).await?),
        (None, Some(segment), None) => json!(eligibility::explain_segment(book, id, &segment, lang).await?),
        (None, None, Some(campaign)) => json!(eligibility::explain_campaign(book, id, &campaign).await?),
        _ => {
            let detail = "say what is to be explained: tag=KEY, segment=KEY or campaign=KEY, one of them";
            return Err(ServiceError::invalid("tag", "one_of", detail).into());
        }
    };
    looking::viewed(book, &principal.actor(), id).await?;
    Ok(Json(found))
}

fn example() -> Value {
    json!({"customer": "cus_42", "at": "2026-11-02T09:00:00Z", "name": {"en": "Churn risk", "zh-CN": "流失风险"}, "ruled": true, "key": "churn_risk",
        "value": "true", "condition_value": "true", "since": "2026-10-01T16:00:00Z", "next_flip": null,
        "evidence": {"last_order_at": "2026-04-05T03:12:00Z", "last_order_id": "retail:A-1", "days": 211}, "rule_version": 1,
        "source": "computed", "conditions": [{"value": "true", "condition": {"at": "", "says": "最近有效订单距今至少 180 天", "holds": true,
        "since": "2026-10-01T16:00:00Z", "next_flip": null, "value": {"days": 211}}}]})
}
