//! The list of refusals (拒收名单), by keyed hash of the contact point, so that it outlives erasure and holds
//! for everybody who shares the point. The hash is made by whoever holds the key; no address comes here.

use super::refusals::{self, Refused};
use super::sql::{Row, args};
use super::{Db, StoreError, Tx};
use domain::time::Instant;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::btree_map::Entry;

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressionRow {
    pub channel: String,
    /// Keyed hash, hex.
    pub value_hash: String,
    /// `all` or `marketing`.
    pub scope: String,
    pub reason: String,
    pub actor: String,
    pub created_at: Instant,
}

const COLUMNS: [&str; 6] = ["channel", "value_hash", "scope", "reason", "actor", "created_at"];

/// Adds refusals; gives how many weren't on the list yet. A wider scope replaces `marketing`.
pub async fn add(tx: &Tx, rows: Vec<SuppressionRow>) -> Result<u64, StoreError> {
    // One statement may not meet a row twice on PostgreSQL. Of two, the wider scope counts.
    let mut points: BTreeMap<(String, String), SuppressionRow> = BTreeMap::new();
    for row in rows {
        match points.entry((row.channel.clone(), row.value_hash.clone())) {
            Entry::Vacant(free) => drop(free.insert(row)),
            Entry::Occupied(mut known) if row.scope == "all" && known.get().scope != "all" => {
                known.insert(row);
            }
            Entry::Occupied(_) => {}
        }
    }
    let lines = points.values().map(|r| Refused::Contact {
        at: r.created_at,
        channel: r.channel.clone(),
        hash: r.value_hash.clone(),
        scope: r.scope.clone(),
        reason: r.reason.clone(),
    });
    refusals::remember_contacts(tx, lines).await?;
    let values = points
        .into_values()
        .map(|r| args![r.channel, r.value_hash, r.scope, r.reason, r.actor, r.created_at])
        .collect();
    let tail = "ON CONFLICT (channel, value_hash) DO UPDATE SET scope = excluded.scope, reason = excluded.reason, \
                actor = excluded.actor WHERE suppression.scope = 'marketing' AND excluded.scope = 'all'";
    tx.insert_many("suppression", &COLUMNS, values, tail).await
}

/// The scope under which a contact point is suppressed, if it is.
pub async fn find_scope(db: &Db, channel: &str, value_hash: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT scope FROM suppression WHERE channel = $1 AND value_hash = $2";
    let row = db.one(sql, args![channel, value_hash]).await?;
    row.map(|row| row.text("scope")).transpose()
}

/// The SQL of which of these hashes are on the list, on any channel, with the scope.
pub(super) fn scopes_sql(hashes: &str) -> String {
    format!(
        "SELECT value_hash, scope FROM suppression WHERE channel IN ('email', 'phone', 'sms') AND value_hash IN ({hashes})"
    )
}

/// By hash the scope, of the rows of [`scopes_sql`].
pub(super) fn scopes_of(rows: &[Row]) -> Result<HashMap<String, String>, StoreError> {
    rows.iter().map(|row| Ok((row.text("value_hash")?, row.text("scope")?))).collect()
}

/// How many contact points are on the list.
pub async fn count(db: &Db) -> Result<i64, StoreError> {
    Ok(db.number("SELECT COUNT(*) FROM suppression", vec![]).await?.unwrap_or(0))
}
