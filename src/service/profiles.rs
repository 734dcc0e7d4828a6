//! Profiles with their tags as lines of an export: the shape others build on. Reads page by page, so that a
//! book of any size passes through a fixed amount of memory.

use super::{Book, ServiceError};
use crate::store::profiles::{self, ProfileRow, TagRow};
use crate::store::{Lane, StoreError, audit, shops};
use domain::customer::AccountKind;
use domain::ids::CustomerId;
use domain::money::{Currency, Money};
use domain::time::Instant;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// One customer as exported: aggregates as last kept, and the tags that hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProfileLine {
    pub id: CustomerId,
    /// The shop's own id.
    pub customer_id: Option<String>,
    pub account_kind: AccountKind,
    /// The instant the aggregates are as of.
    pub kept_at: Option<Instant>,
    pub spend_365: Money,
    pub spend_ever: Money,
    pub orders_365: i64,
    pub orders_ever: i64,
    pub order_days: i64,
    pub first_order_at: Option<Instant>,
    pub last_order_at: Option<Instant>,
    pub tickets: i64,
    pub complaints_90: i64,
    pub complaints_365: i64,
    pub open_complaints: i64,
    /// By key: a value, or true.
    pub tags: Map<String, Value>,
}

impl ProfileLine {
    fn of(row: ProfileRow, tags: &[TagRow], currency: Currency) -> Self {
        let tags = tags.iter().map(|tag| (tag.key.clone(), tag_value(&tag.value))).collect();
        Self {
            id: row.id,
            customer_id: row.user_id,
            account_kind: row.account_kind,
            kept_at: row.kept_at,
            spend_365: Money::new(row.spend_365_minor, currency),
            spend_ever: Money::new(row.spend_ever_minor, currency),
            orders_365: row.orders_365,
            orders_ever: row.orders_ever,
            order_days: row.order_days,
            first_order_at: row.first_order_at,
            last_order_at: row.last_order_at,
            tickets: row.tickets,
            complaints_90: row.complaints_90,
            complaints_365: row.complaints_365,
            open_complaints: row.open_complaints,
            tags,
        }
    }

    /// The columns of the CSV, tags apart.
    pub const COLUMNS: [&'static str; 16] = [
        "id",
        "customer_id",
        "account_kind",
        "kept_at",
        "currency",
        "spend_365",
        "spend_ever",
        "orders_365",
        "orders_ever",
        "order_days",
        "first_order_at",
        "last_order_at",
        "tickets",
        "complaints_90",
        "complaints_365",
        "open_complaints",
    ];

    /// The fields of [`Self::COLUMNS`], then the tags of these keys.
    pub fn fields(&self, tag_keys: &[String]) -> Vec<String> {
        let at = |instant: Option<Instant>| instant.map(Instant::to_rfc3339).unwrap_or_default();
        let mut fields = vec![
            self.id.to_string(),
            neutral(self.customer_id.as_deref().unwrap_or_default()),
            self.account_kind.to_string(),
            at(self.kept_at),
            self.spend_365.currency.to_string(),
            self.spend_365.decimal(),
            self.spend_ever.decimal(),
            self.orders_365.to_string(),
            self.orders_ever.to_string(),
            self.order_days.to_string(),
            at(self.first_order_at),
            at(self.last_order_at),
            self.tickets.to_string(),
            self.complaints_90.to_string(),
            self.complaints_365.to_string(),
            self.open_complaints.to_string(),
        ];
        fields.extend(tag_keys.iter().map(|key| match self.tags.get(key) {
            None => String::new(),
            Some(Value::String(text)) => neutral(text),
            Some(other) => other.to_string(),
        }));
        fields
    }
}

fn tag_value(stored: &str) -> Value {
    if stored == "true" { json!(true) } else { json!(stored) }
}

/// A text that no spreadsheet takes for a formula (OWASP, CSV injection).
pub fn neutral(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_owned(),
    }
}

/// The next customers after `after`, by id; empty at the end.
pub async fn page(book: &Book, after: CustomerId, limit: i64) -> Result<Vec<ProfileLine>, ServiceError> {
    let rows = profiles::page(book.store.reader(), after, limit).await?;
    lines(book, rows).await
}

/// One customer's line.
pub async fn one(book: &Book, id: CustomerId) -> Result<Option<ProfileLine>, ServiceError> {
    let row = profiles::find(book.store.reader(), id).await?;
    Ok(lines(book, row.into_iter().collect()).await?.pop())
}

async fn lines(book: &Book, rows: Vec<ProfileRow>) -> Result<Vec<ProfileLine>, ServiceError> {
    let db = book.store.reader();
    let shop = shops::find(db, &book.shop_key).await?;
    let shop = shop.ok_or_else(|| ServiceError::NotFound(format!("the shop {}", book.shop_key)))?;
    let ids: Vec<CustomerId> = rows.iter().map(|row| row.id).collect();
    let tags = profiles::tags_of(db, &ids).await?;
    let of = |id| tags.get(&id).map_or(&[][..], Vec::as_slice);
    Ok(rows
        .into_iter()
        .map(|row| {
            let tags = of(row.id);
            ProfileLine::of(row, tags, shop.base)
        })
        .collect())
}

/// What the shop calls these customers, where it has said so.
pub async fn own_ids(
    book: &Book,
    customers: &[CustomerId],
) -> Result<BTreeMap<CustomerId, String>, ServiceError> {
    Ok(profiles::user_ids(book.store.reader(), customers).await?)
}

/// Every tag key that some customer has: the CSV's columns.
pub async fn tag_keys(book: &Book) -> Result<Vec<String>, ServiceError> {
    Ok(profiles::tag_keys(book.store.reader()).await?)
}

/// Customers whose profiles may be behind the clock.
pub async fn behind(book: &Book) -> Result<i64, ServiceError> {
    Ok(profiles::count_due(book.store.reader(), book.now().await?).await?)
}

/// Puts down who took the book out.
pub async fn record_export(book: &Book, actor: &str) -> Result<(), ServiceError> {
    let at = book.now().await?;
    let entry = audit::Entry {
        at,
        actor: actor.to_owned(),
        action: "profiles.exported".to_owned(),
        subject: "book".to_owned(),
        detail: json!({}),
    };
    book.store
        .write(Lane::People, move |tx| Box::pin(audit::record(tx, entry)))
        .await
        .map_err(|error: StoreError| error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_is_a_formula() {
        for text in ["=1+1", "+44", "-2", "@SUM(A1)", "\tx"] {
            assert!(neutral(text).starts_with('\''), "{text}");
        }
        assert_eq!(neutral("12346"), "12346");
        assert_eq!(neutral(""), "");
    }
}
