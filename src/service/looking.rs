//! Who looked at whom (访问日志): each view, search, reveal and export by a person leaves a row. What was looked
//! for isn't kept.

use super::{Book, ServiceError, page};
use crate::store::StoreError;
use crate::store::access_log::{self, Look};
use domain::access::Act;
use domain::ids::CustomerId;
use domain::time::{Instant, Span};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Looks are counted over this long.
pub(super) const WHILE: Span = Span::hours(1);

/// Notes that `actor` looked.
pub async fn note(
    book: &Book,
    actor: &str,
    act: Act,
    customer: Option<CustomerId>,
    detail: Value,
) -> Result<(), ServiceError> {
    let who = actor.to_owned();
    let noted = book.write(move |tx, at| {
        Box::pin(async move {
            access_log::add(tx, Look { at, actor: who, act, customer, detail }).await.map(|()| at)
        })
    });
    let at = noted.await.map_err(|e: StoreError| e)?;
    if customer.is_none() {
        return Ok(());
    }
    // Beside the writer: a look is counted among those of the hour once it is committed.
    let viewed = access_log::count_viewed(book.store.reader(), actor, at - WHILE).await?;
    if viewed > i64::from(book.access.profiles_per_hour) {
        metrics::counter!("kinkeeper_many_profiles_total").increment(1);
        tracing::warn!(actor, profiles = viewed, "somebody views many profiles within an hour");
    }
    Ok(())
}

/// Somebody who views many profiles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManyProfiles {
    /// As the access log names them.
    pub actor: String,
    /// Different customers within the last hour, beside their own work.
    pub profiles: i64,
}

/// Who has viewed more profiles within the last hour than `access.profiles_per_hour`. Those whose callback they had in hand
/// don't count.
pub async fn many_profiles(book: &Book, now: Instant) -> Result<Vec<ManyProfiles>, StoreError> {
    let most = i64::from(book.access.profiles_per_hour);
    let found = access_log::many_viewed(book.store.reader(), now - WHILE, most).await?;
    Ok(found.into_iter().map(|(actor, profiles)| ManyProfiles { actor, profiles }).collect())
}

/// A view of a customer.
pub async fn viewed(book: &Book, actor: &str, customer: CustomerId) -> Result<(), ServiceError> {
    note(book, actor, Act::Viewed, Some(customer), json!({})).await
}

/// One look, as shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LookView {
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// A member of staff by their key, `key:…`, or `cli:<user>`.
    pub actor: String,
    /// viewed | searched | listed | revealed | exported
    pub act: &'static str,
    /// Why somebody was revealed, how much was exported.
    #[schema(value_type = Object)]
    pub detail: Value,
}

/// A page of looks, latest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Looks {
    pub items: Vec<LookView>,
    pub next_cursor: Option<String>,
}

/// Who looked at a customer.
pub async fn list(
    book: &Book,
    customer: CustomerId,
    cursor: Option<&str>,
    limit: i64,
) -> Result<Looks, ServiceError> {
    let before = page::read_cursor(cursor, |text| text.parse().ok())?;
    let rows = access_log::list_about(book.store.reader(), customer, before, page::one_more(limit)).await?;
    let (rows, next_cursor) = page::cut(rows, limit, |(id, _)| id.to_string());
    let view = |(_, look): (i64, Look)| LookView {
        at: look.at,
        actor: look.actor,
        act: look.act.as_str(),
        detail: look.detail,
    };
    Ok(Looks { items: rows.into_iter().map(view).collect(), next_cursor })
}
