//! Reading the log by keys: the events a projection is folded from.

use super::super::in_list::all_in;
use super::super::shops::BASE;
use super::super::sql::{Arg, Row, args, json, word};
use super::super::{Db, StoreError};
use super::{Keys, note_key};
use chrono_tz::Tz;
use domain::event::{Detail, TicketPatch, TicketStep};
use domain::ids::{CustomerId, EventId, ShopId};
use domain::problem::together;
use domain::time::Instant;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Whose shop, and the key within the log.
pub type GroupKey = (ShopId, String);

/// The effective events of one key, never none, in the order `(occurred_at, message_id)`.
#[derive(Debug, Clone)]
pub struct Group {
    pub shop: ShopId,
    pub shop_key: String,
    /// The book's base currency.
    pub currency: String,
    pub key: String,
    pub entries: Vec<Entry>,
}

/// One event as the log has it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub id: EventId,
    pub kind: String,
    pub customer: CustomerId,
    pub origin: CustomerId,
    pub at: Instant,
    pub message_id: String,
    pub order_key: Option<String>,
    pub ref_key: Option<String>,
    /// In the base currency.
    pub amount_minor: Option<i64>,
    /// As said in another currency, and the rate it was taken at.
    pub foreign: Option<(String, i64, i64)>,
    pub detail: Option<Detail>,
}

impl Entry {
    pub fn version(&self) -> (Instant, &str) {
        (self.at, &self.message_id)
    }
}

pub(super) async fn groups(
    db: &Db,
    kinds: &[&str],
    column: &str,
    filter: &str,
    keys: &BTreeSet<String>,
) -> Result<BTreeMap<GroupKey, Group>, StoreError> {
    let kinds = kinds.iter().map(|kind| format!("'{kind}'")).collect::<Vec<_>>().join(", ");
    // Raw properties are read only for what was logged before their typed part was.
    let sql = format!(
        "SELECT e.id, e.kind, e.customer_id, e.origin_customer_id, e.occurred_at, e.message_id, e.order_key, e.ref_key, \
         e.amount_minor, e.foreign_currency, e.foreign_minor, e.rate, e.fact, e.{column} AS of_key, \
         CASE WHEN e.fact IS NULL AND e.kind LIKE 'Ticket %' THEN e.properties END AS properties, \
         h.id AS shop_id, h.key AS shop_key, {BASE} AS currency, h.zone \
         FROM event e JOIN source s ON s.id = e.source_id JOIN shop h ON h.id = s.shop_id \
         WHERE e.{column} IN ({{in}}) AND e.effective = 1 AND e.kind IN ({kinds}){filter}"
    );
    let mut groups: BTreeMap<GroupKey, Group> = BTreeMap::new();
    for row in all_in(db, &sql, vec![], keys.iter().map(Arg::arg).collect()).await? {
        let (shop, key) = (ShopId(row.int("shop_id")?), row.text("of_key")?);
        let entry = entry(&row)?;
        let group = match groups.entry((shop, key)) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                let (shop, key) = new.key().clone();
                let (shop_key, currency) = (row.text("shop_key")?, row.text("currency")?);
                new.insert(Group { shop, shop_key, currency, key, entries: Vec::new() })
            }
        };
        group.entries.push(entry);
    }
    for group in groups.values_mut() {
        group.entries.sort_by(|a, b| (a.version(), a.id).cmp(&(b.version(), b.id)));
    }
    Ok(groups)
}

fn entry(row: &Row) -> Result<Entry, StoreError> {
    let kind = row.text("kind")?;
    let mut detail = detail(row, &kind)?;
    let (order_key, amount_minor) = (row.opt_text("order_key")?, row.opt_int("amount_minor")?);
    if let Some(Detail::Ticket(patch)) = &mut detail {
        patch.order_id.clone_from(&order_key);
        patch.amount_minor = amount_minor;
    }
    let foreign = (row.opt_text("foreign_currency")?, row.opt_int("foreign_minor")?, row.opt_int("rate")?);
    Ok(Entry {
        id: EventId(row.int("id")?),
        customer: CustomerId(row.int("customer_id")?),
        origin: CustomerId(row.int("origin_customer_id")?),
        at: row.at("occurred_at")?,
        message_id: row.text("message_id")?,
        ref_key: row.opt_text("ref_key")?,
        foreign: match foreign {
            (Some(currency), Some(minor), Some(rate)) => Some((currency, minor, rate)),
            _ => None,
        },
        kind,
        order_key,
        amount_minor,
        detail,
    })
}

/// The typed part of an event.
fn detail(row: &Row, kind: &str) -> Result<Option<Detail>, StoreError> {
    if let Some(text) = row.opt_text("fact")? {
        return json("event", "fact", row.int("id")?, &text).map(Some);
    }
    if TicketStep::of_event(kind).is_none() {
        return Ok(None);
    }
    let id = row.int("id")?;
    let text = row.opt_text("properties")?.unwrap_or_else(|| "{}".to_owned());
    let properties: Map<String, Value> = json("event", "properties", id, &text)?;
    let zone: Tz = word("shop", "zone", id, &row.text("zone")?, |zone| zone.parse().ok())?;
    let patch = TicketPatch::read(&properties, zone).map_err(|problems| StoreError::Corrupt {
        table: "event".to_owned(),
        column: "properties".to_owned(),
        row: id.to_string(),
        detail: together(&problems),
    })?;
    Ok(Some(Detail::Ticket(patch)))
}

/// The keys of the next events behind `after`, and the last one's id.
pub(super) async fn page(db: &Db, after: i64, limit: i64) -> Result<Option<(Keys, i64)>, StoreError> {
    let sql = "SELECT id, kind, order_key, ref_key FROM event WHERE id > $1 ORDER BY id LIMIT $2";
    let rows = db.all(sql, args![after, limit]).await?;
    let Some(last) = rows.last() else { return Ok(None) };
    let mut keys = Keys::new();
    for row in &rows {
        note_key(&mut keys, &row.text("kind")?, row.opt_text("order_key")?, row.opt_text("ref_key")?);
    }
    Ok(Some((keys, last.int("id")?)))
}
