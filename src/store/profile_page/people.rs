//! Who a customer is, where to reach them, what they allowed, and the callbacks about them. Contact points
//! leave here whole; showing them is the service's.

use crate::store::consents::{LastWord, consents_in_force};
use crate::store::sql::{Row, args, json};
use crate::store::{Db, StoreError, blocked};
use domain::customer::consent::Word;
use domain::customer::identity::Kind;
use domain::ids::{CallbackId, CustomerId};
use domain::time::Instant;
use serde_json::Value;

/// What says who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifierLine {
    pub kind: String,
    pub namespace: String,
    pub value: String,
}

/// Oldest first.
pub(super) async fn identifiers(db: &Db, id: CustomerId) -> Result<Vec<IdentifierLine>, StoreError> {
    let sql = "SELECT kind, namespace, value FROM identifier WHERE customer_id = $1 ORDER BY id LIMIT 50";
    let rows = db.all(sql, args![id]).await?;
    rows.iter()
        .map(|row| {
            Ok(IdentifierLine {
                kind: row.text("kind")?,
                namespace: row.text("namespace")?,
                value: row.text("value")?,
            })
        })
        .collect()
}

/// Who isn't erased and has this identifier in one of these (namespace, value).
pub async fn find_by_identifier(
    db: &Db,
    kind: &str,
    places: [(&str, &str); 2],
) -> Result<Option<CustomerId>, StoreError> {
    let sql = "SELECT i.customer_id FROM identifier i JOIN customer c ON c.id = i.customer_id \
               WHERE i.kind = $1 AND ((i.namespace = $2 AND i.value = $3) OR (i.namespace = $4 AND i.value = $5)) \
               AND c.erased_at IS NULL ORDER BY i.id LIMIT 1";
    let [(namespace, value), (other, also)] = places;
    Ok(db.number(sql, args![kind, namespace, value, other, also]).await?.map(CustomerId))
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

/// What counts of each channel and purpose.
pub(super) async fn consents(db: &Db, id: CustomerId) -> Result<Vec<ConsentLine>, StoreError> {
    let said = consents_in_force(db, &[id]).await?.remove(&id).unwrap_or_default();
    let line = |((channel, purpose), said): ((String, String), LastWord)| ConsentLine {
        channel,
        purpose,
        state: if said.word == Word::Denied { "denied" } else { "granted" }.to_owned(),
        source: said.source,
        occurred_at: said.occurred_at,
    };
    Ok(said.into_iter().map(line).collect())
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
pub(super) async fn contacts(db: &Db, id: CustomerId, limit: i64) -> Result<Vec<ContactLine>, StoreError> {
    let sql = "SELECT channel, value, class, usable, is_primary FROM contact_point WHERE customer_id = $1 \
               ORDER BY channel, is_primary DESC, id LIMIT $2";
    let rows = db.all(sql, args![id, limit]).await?;
    let line = |row: &Row| {
        Ok(ContactLine {
            channel: row.text("channel")?,
            value: row.text("value")?,
            class: row.text("class")?,
            usable: row.flag("usable")?,
            is_primary: row.flag("is_primary")?,
        })
    };
    let mut lines = rows.iter().map(line).collect::<Result<Vec<ContactLine>, StoreError>>()?;
    let said = lines.iter().map(|line| (line.channel.as_str(), line.value.as_str()));
    let blocked = blocked::find(db, blocked::of_addresses(said)).await?;
    for line in &mut lines {
        let kind = Kind::parse(&line.channel);
        line.usable &= kind.is_none_or(|kind| !blocked.holds_address(kind, &line.value));
    }
    Ok(lines)
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
pub(super) async fn callbacks(db: &Db, id: CustomerId, limit: i64) -> Result<Vec<CallbackLine>, StoreError> {
    let sql = "SELECT c.id, c.kind, c.state, c.reason, c.created_at, c.not_before, c.due_at, c.attempts, \
               s.key AS staff, c.result, c.ended_at FROM callback c \
               LEFT JOIN staff s ON s.id = COALESCE(c.staff_id, c.last_staff_id) WHERE c.customer_id = $1 \
               ORDER BY CASE WHEN c.ended_at IS NULL THEN 0 ELSE 1 END, \
               CASE WHEN c.ended_at IS NULL THEN c.due_at ELSE -c.ended_at END, c.id LIMIT $2";
    let rows = db.all(sql, args![id, limit]).await?;
    rows.iter()
        .map(|row| {
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
        })
        .collect()
}
