//! Where messages would go, in SQL: the contact point that may be used first, and the list of refusals, which has it by its keyed hash. The
//! hashes are filled in by whoever holds the key; a point without one reaches nobody yet. What it means is the gate's.

use super::in_list::as_table;
use super::sql::args;
use super::{Db, StoreError, Tx};

/// A condition on the row `c` of `contact_point`: it is the one of its kind that a message to its customer would go to, as
/// [`super::contact::target`] chooses it.
pub(super) fn is_target() -> String {
    format!(
        "{} AND NOT EXISTS (SELECT 1 FROM contact_point o WHERE o.customer_id = c.customer_id AND o.channel = c.channel AND {} \
         AND (o.is_primary > c.is_primary OR (o.is_primary = c.is_primary AND o.id < c.id)))",
        is_usable("c"),
        is_usable("o")
    )
}

/// Real, not bounced, not blocked as anybody's: by itself or, of an address, by its mailbox (`noreply@`).
fn is_usable(point: &str) -> String {
    format!(
        "{point}.usable = 1 AND {point}.class = 'real' AND NOT EXISTS (SELECT 1 FROM blocked_identifier b WHERE b.kind = {point}.channel \
         AND (b.value = {point}.value OR ({point}.channel = 'email' AND substr(b.value, length(b.value), 1) = '@' \
         AND substr({point}.value, 1, length(b.value)) = b.value)))"
    )
}

/// A contact point whose hash isn't there yet.
#[derive(Clone)]
pub struct Unhashed {
    pub id: i64,
    pub channel: String,
    pub value: String,
}

/// The next of them.
pub async fn unhashed(db: &Db, limit: i64) -> Result<Vec<Unhashed>, StoreError> {
    let sql = "SELECT id, channel, value FROM contact_point WHERE value_hash IS NULL ORDER BY id LIMIT $1";
    let rows = db.all(sql, args![limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(Unhashed { id: row.int("id")?, channel: row.text("channel")?, value: row.text("value")? })
        })
        .collect()
}

/// Puts hashes beside points, which are gone or still what they were: what a row is of never changes.
pub async fn put_hashes(tx: &Tx, hashes: &[(i64, String)]) -> Result<(), StoreError> {
    let rows: Vec<_> = hashes.iter().map(|(id, hash)| args![*id, hash]).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let (table, values) = as_table(tx, 1, &rows);
    let sql = format!(
        "WITH hashed (point, hash) AS ({table}) UPDATE contact_point SET value_hash = hashed.hash FROM hashed \
         WHERE contact_point.id = hashed.point"
    );
    tx.exec(&sql, values).await.map(drop)
}
