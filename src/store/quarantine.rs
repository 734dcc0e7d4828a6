//! Refused events, kept with their reason until a person repairs or discards them.

use super::in_list::all_in;
use super::sql::{Arg, args};
use super::{Db, StoreError, Tx};
use domain::ids::{QuarantineId, SourceId};
use domain::time::Instant;
use std::collections::HashSet;

/// A refused event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub message_id: Option<String>,
    pub code: String,
    /// What is wrong and what would help; begins with the place.
    pub detail: String,
    /// The event as received, cut where it was too large.
    pub payload: String,
}

/// Keeps refused events. One that is here already (same source and message id) isn't kept twice.
pub async fn add(
    tx: &Tx,
    source: SourceId,
    received_at: Instant,
    refused: Vec<Refused>,
) -> Result<(), StoreError> {
    let named = refused.iter().filter_map(|r| r.message_id.as_deref()).map(Arg::arg).collect();
    let sql = "SELECT message_id FROM quarantine WHERE source_id = $1 AND message_id IN ({in})";
    let known = all_in(tx, sql, args![source], named).await?;
    let mut known = known.iter().map(|row| row.text("message_id")).collect::<Result<HashSet<_>, _>>()?;
    let rows = refused
        .into_iter()
        .filter(|r| r.message_id.as_ref().is_none_or(|id| known.insert(id.clone())))
        .map(|r| args![source, r.message_id, r.code, r.detail, r.payload, "open", received_at])
        .collect();
    let columns = ["source_id", "message_id", "code", "detail", "payload", "state", "received_at"];
    tx.insert_many("quarantine", &columns, rows, "").await.map(drop)
}

/// A kept event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    pub id: QuarantineId,
    pub source: SourceId,
    pub refused: Refused,
    pub received_at: Instant,
}

/// Open ones behind `after`, oldest first.
pub async fn list_open(db: &Db, after: QuarantineId, limit: i64) -> Result<Vec<Quarantined>, StoreError> {
    let sql = "SELECT id, source_id, message_id, code, detail, payload, received_at FROM quarantine \
               WHERE state = 'open' AND id > $1 ORDER BY id LIMIT $2";
    let rows = db.all(sql, args![after, limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(Quarantined {
                id: QuarantineId(row.int("id")?),
                source: SourceId(row.int("source_id")?),
                refused: Refused {
                    message_id: row.opt_text("message_id")?,
                    code: row.text("code")?,
                    detail: row.text("detail")?,
                    payload: row.text("payload")?,
                },
                received_at: row.at("received_at")?,
            })
        })
        .collect()
}

/// How many wait for a person.
pub async fn count_open(db: &Db) -> Result<i64, StoreError> {
    Ok(db.number("SELECT COUNT(*) FROM quarantine WHERE state = 'open'", vec![]).await?.unwrap_or(0))
}
