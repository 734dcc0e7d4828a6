//! Who a customer is, where to reach them, what they allowed, and the callbacks about them. Contact points
//! leave here whole; showing them is the service's.

use super::{LINES, ME};
use crate::store::consents::{LastWord, in_force, last_words};
use crate::store::packed::{List, Packed, same};
use crate::store::sql::{Arg, Row, args, json, places};
use crate::store::{Db, StoreError, blocked, suppressions};
use domain::customer::consent::Word;
use domain::customer::identity::Kind;
use domain::ids::{CallbackId, CustomerId};
use domain::time::Instant;
use serde_json::Value;
use std::collections::HashMap;

/// What says who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifierLine {
    pub kind: String,
    pub namespace: String,
    pub value: String,
}

/// Oldest first.
pub(super) fn identifiers() -> List {
    let from = format!("FROM identifier WHERE customer_id = {ME} ORDER BY id LIMIT 50");
    List::new(&same("id kind namespace value"), from)
}

pub(super) fn identifier(row: &Row) -> Result<IdentifierLine, StoreError> {
    Ok(IdentifierLine {
        kind: row.text("kind")?,
        namespace: row.text("namespace")?,
        value: row.text("value")?,
    })
}

/// Who isn't erased and has this identifier: of this shop, or one that names its own namespace (namespace, value).
pub async fn find_by_identifier(
    db: &Db,
    kind: &str,
    (shop_key, value): (&str, &str),
    elsewhere: Option<(&str, &str)>,
) -> Result<Option<CustomerId>, StoreError> {
    let sql = "SELECT i.customer_id FROM identifier i JOIN customer c ON c.id = i.customer_id WHERE i.kind = $1 \
               AND ((i.namespace = (SELECT id_namespace FROM shop WHERE key = $2) AND i.value = $3) \
                 OR (i.namespace = $4 AND i.value = $5)) AND c.erased_at IS NULL ORDER BY i.id LIMIT 1";
    let (namespace, also) = elsewhere.unzip();
    Ok(db.number(sql, args![kind, shop_key, value, namespace, also]).await?.map(CustomerId))
}

/// Everybody not erased whom this contact point reaches or identifies, ascending; at most `limit`.
pub async fn find_by_contact(
    db: &Db,
    channel: &str,
    value: &str,
    limit: i64,
) -> Result<Vec<CustomerId>, StoreError> {
    let sql = "SELECT c.id FROM customer c WHERE c.erased_at IS NULL AND c.id IN ( \
               SELECT customer_id FROM contact_point WHERE channel = $1 AND value = $2 \
               UNION SELECT customer_id FROM identifier WHERE kind = $1 AND value = $2) ORDER BY c.id LIMIT $3";
    let rows = db.all(sql, args![channel, value, limit]).await?;
    rows.iter().map(|row| row.int("id").map(CustomerId)).collect()
}

/// What counts for one channel and purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentLine {
    pub channel: String,
    pub purpose: String,
    /// `granted` or `denied`.
    pub state: String,
    pub source: String,
    pub occurred_at: Instant,
}

/// Each side's last word.
pub(super) fn consents() -> List {
    let columns = same("customer_id channel purpose state source occurred_at");
    List::new(&columns, format!("FROM ({}) AS said", last_words(&format!("= {ME}"))))
}

/// What counts of each channel and purpose.
pub(super) fn consents_of(rows: &[Row]) -> Result<Vec<ConsentLine>, StoreError> {
    let said = in_force(rows)?.into_values().flatten();
    let line = |((channel, purpose), said): ((String, String), LastWord)| ConsentLine {
        channel,
        purpose,
        state: if said.word == Word::Denied { "denied" } else { "granted" }.to_owned(),
        source: said.source,
        occurred_at: said.occurred_at,
    };
    Ok(said.map(line).collect())
}

/// Where to reach them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactLine {
    pub channel: String,
    pub value: String,
    /// `real`, `relay` or `masked`.
    pub class: String,
    pub usable: bool,
    pub is_primary: bool,
}

/// The primary one of a channel first.
pub(super) fn contacts() -> List {
    let from = format!(
        "FROM contact_point WHERE customer_id = {ME} ORDER BY channel, is_primary DESC, id LIMIT {LINES}"
    );
    List::new(&same("id channel value class usable is_primary"), from)
}

pub(super) fn contact(row: &Row) -> Result<ContactLine, StoreError> {
    Ok(ContactLine {
        channel: row.text("channel")?,
        value: row.text("value")?,
        class: row.text("class")?,
        usable: row.flag("usable")?,
        is_primary: row.flag("is_primary")?,
    })
}

/// What is said of addresses whosever they are: those that are on a list become unusable, and the scopes under which these
/// hashes of theirs are suppressed come back.
pub async fn reach(
    db: &Db,
    lines: &mut [ContactLine],
    hashes: &[String],
) -> Result<HashMap<String, String>, StoreError> {
    if lines.is_empty() {
        return Ok(HashMap::new());
    }
    let said = lines.iter().map(|line| (line.channel.as_str(), line.value.as_str()));
    let entries = blocked::of_addresses(said);
    let some = |first, n| if n == 0 { "NULL".to_owned() } else { places(first, n) };
    let of_hashes = suppressions::scopes_sql(&some(1, hashes.len()));
    let of_entries = blocked::named_sql(&some(1 + hashes.len(), entries.len()));
    let asked = Packed::new(
        "",
        &[
            List::new(&same("value_hash scope"), format!("FROM ({of_hashes}) AS found")),
            List::new(&same("kind value"), format!("FROM ({of_entries}) AS found")),
        ],
    );
    let args = hashes.iter().map(Arg::arg).chain(entries.iter().map(Arg::arg)).collect();
    let [scopes, blocked] = <[Vec<Row>; 2]>::try_from(asked.read(db, args).await?).unwrap_or_default();
    let blocked = blocked::of_rows(&blocked)?;
    for line in lines {
        let kind = Kind::parse(&line.channel);
        line.usable &= kind.is_none_or(|kind| !blocked.holds_address(kind, &line.value));
    }
    suppressions::scopes_of(&scopes)
}

/// A callback about them.
#[derive(Debug, Clone, PartialEq)]
pub struct CallbackLine {
    pub id: CallbackId,
    pub kind: String,
    pub state: String,
    pub reason: Option<String>,
    pub created_at: Instant,
    pub not_before: Instant,
    pub due_at: Instant,
    pub attempts: i64,
    /// Key of whoever holds it, else of who had it last.
    pub staff: Option<String>,
    /// What the last call came to.
    pub result: Option<Value>,
    pub ended_at: Option<Instant>,
}

/// The open callbacks, the earliest due first, then the latest ended ones.
pub(super) fn callbacks() -> List {
    let columns = [
        ("id", "c.id"),
        ("kind", "c.kind"),
        ("state", "c.state"),
        ("reason", "c.reason"),
        ("created_at", "c.created_at"),
        ("not_before", "c.not_before"),
        ("due_at", "c.due_at"),
        ("attempts", "c.attempts"),
        ("staff", "s.key"),
        ("result", "c.result"),
        ("ended_at", "c.ended_at"),
    ];
    let from = format!(
        "FROM callback c LEFT JOIN staff s ON s.id = COALESCE(c.staff_id, c.last_staff_id) \
         WHERE c.customer_id = {ME} ORDER BY CASE WHEN c.ended_at IS NULL THEN 0 ELSE 1 END, \
         CASE WHEN c.ended_at IS NULL THEN c.due_at ELSE -c.ended_at END, c.id LIMIT {LINES}"
    );
    List::new(&columns, from)
}

pub(super) fn callback(row: &Row) -> Result<CallbackLine, StoreError> {
    let callback = row.int("id")?;
    let result = row.opt_text("result")?;
    Ok(CallbackLine {
        id: CallbackId(callback),
        kind: row.text("kind")?,
        state: row.text("state")?,
        reason: row.opt_text("reason")?,
        created_at: row.at("created_at")?,
        not_before: row.at("not_before")?,
        due_at: row.at("due_at")?,
        attempts: row.int("attempts")?,
        staff: row.opt_text("staff")?,
        result: result.map(|text| json("callback", "result", callback, &text)).transpose()?,
        ended_at: row.opt_at("ended_at")?,
    })
}
