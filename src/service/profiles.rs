//! Profiles with their tags as lines of an export: the shape others build on. Reads page by page, so that a
//! book of any size passes through a fixed amount of memory.

use super::aggregates::AggregatesView;
use super::cells::neutral;
use super::{Book, ServiceError, rules};
use crate::store::profiles::{self, ProfileRow, TagRow};
use crate::store::shops::ShopRow;
use crate::store::{Lane, StoreError, audit, shops};
use domain::customer::AccountKind;
use domain::ids::CustomerId;
use domain::money::Currency;
use domain::time::Instant;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One customer as exported: aggregates as last kept, and the tags that hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProfileLine {
    pub id: CustomerId,
    /// The shop's own id.
    pub customer_id: Option<String>,
    pub account_kind: AccountKind,
    #[serde(flatten)]
    pub aggregates: AggregatesView,
    /// By key: a value, or true.
    pub tags: Map<String, Value>,
    /// By key: when the value truly began.
    pub tags_since: BTreeMap<String, Instant>,
}

impl ProfileLine {
    fn of(row: ProfileRow, tags: &[TagRow], shop: &ShopRow) -> Self {
        Self {
            id: row.id,
            customer_id: row.user_id.clone(),
            account_kind: row.account_kind,
            aggregates: AggregatesView::of(row, &shop.shop.key, shop.base),
            tags: tags.iter().map(|tag| (tag.key.clone(), tag_value(&tag.value))).collect(),
            tags_since: tags.iter().map(|tag| (tag.key.clone(), tag.since)).collect(),
        }
    }

    /// The fields of [`columns`].
    pub fn fields(&self, tag_keys: &[String]) -> Vec<String> {
        let mut fields = vec![
            self.id.to_string(),
            neutral(self.customer_id.as_deref().unwrap_or_default()),
            self.account_kind.to_string(),
        ];
        fields.extend(self.aggregates.cells().into_iter().map(|(_, field)| field));
        for key in tag_keys {
            fields.push(match self.tags.get(key) {
                None => String::new(),
                Some(Value::String(text)) => neutral(text),
                Some(other) => other.to_string(),
            });
            fields.push(self.tags_since.get(key).map(|at| at.to_rfc3339()).unwrap_or_default());
        }
        fields
    }
}

/// The columns of the CSV: who they are, every aggregate, and two for each of these tags.
pub fn columns(tag_keys: &[String]) -> Vec<String> {
    let nobody = AggregatesView::empty(Currency::parse("XXX").expect("ISO 4217 has it for no currency"));
    let own = ["id", "customer_id", "account_kind"].into_iter();
    let numbers = own.chain(nobody.cells().into_iter().map(|(name, _)| name)).map(str::to_owned);
    let tags = tag_keys.iter().flat_map(|key| [format!("tag.{key}"), format!("tag.{key}.since")]);
    numbers.chain(tags).collect()
}

fn tag_value(stored: &str) -> Value {
    if stored == "true" { json!(true) } else { json!(stored) }
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
            ProfileLine::of(row, tags, &shop)
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

/// Every tag of the catalogue, and any other that somebody still has: the CSV's columns.
pub async fn tag_keys(book: &Book) -> Result<Vec<String>, ServiceError> {
    let held = profiles::tag_keys(book.store.reader()).await?;
    let catalogue = rules::catalogue(book).await?;
    let keys: BTreeSet<String> =
        held.into_iter().chain(catalogue.tags().iter().map(|tag| tag.key.clone())).collect();
    Ok(keys.into_iter().collect())
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
