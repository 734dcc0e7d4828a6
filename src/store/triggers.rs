//! What waits to start campaigns. Written by keeper and ingest, emptied by the planner.

use super::keeping::Trigger;
use super::sql::{Row, args, json, places};
use super::{Claimed, Db, StoreError, Tx};
use chrono_tz::Tz;
use domain::ids::CustomerId;
use domain::time::Instant;
use sea_orm::Value;

/// A queued trigger as the planner reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Queued {
    pub id: i64,
    pub customer_id: CustomerId,
    /// The customer's own, where it is known.
    pub zone: Option<Tz>,
    pub trigger: Trigger,
}

fn read(row: &Row) -> Result<Queued, StoreError> {
    let id = row.int("id")?;
    let kind = match row.text("kind")?.as_str() {
        "tag" => "tag",
        "event" => "event",
        other => {
            return Err(StoreError::Corrupt {
                table: "trigger_queue".to_owned(),
                column: "kind".to_owned(),
                row: id.to_string(),
                detail: format!("\"{other}\" is neither tag nor event"),
            });
        }
    };
    Ok(Queued {
        id,
        customer_id: CustomerId(row.int("customer_id")?),
        zone: row.opt_text("zone")?.and_then(|zone| zone.parse().ok()),
        trigger: Trigger {
            kind,
            key: row.text("key")?,
            from: row.opt_text("from_value")?,
            to: row.opt_text("to_value")?,
            cause_at: row.at("cause_at")?,
            origin_key: row.text("origin_key")?,
            payload: json("trigger_queue", "payload", id, &row.text("payload")?)?,
        },
    })
}

/// The claimed triggers, oldest cause first.
pub async fn load(db: &Db, claimed: &[Claimed]) -> Result<Vec<Queued>, StoreError> {
    if claimed.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT q.id, q.customer_id, c.zone, q.kind, q.key, q.from_value, q.to_value, q.cause_at, q.origin_key, \
         q.payload FROM trigger_queue q LEFT JOIN customer c ON c.id = q.customer_id WHERE q.id IN ({}) \
         ORDER BY q.cause_at, q.id",
        places(1, claimed.len())
    );
    let ids = claimed.iter().map(|c| Value::BigInt(Some(c.key))).collect();
    db.all(&sql, ids).await?.iter().map(read).collect()
}

/// Takes a worked-off trigger from the queue; `false` if the lease was lost, and with it the right to act on it.
pub async fn finish(tx: &Tx, claimed: Claimed) -> Result<bool, StoreError> {
    let sql = "DELETE FROM trigger_queue WHERE id = $1 AND fence = $2";
    Ok(tx.exec(sql, args![claimed.key, claimed.fence]).await? == 1)
}

/// Sets a trigger aside that can't be worked off: it stays with its reason and waits for a person. `false` as
/// in [`finish`].
pub async fn set_aside(tx: &Tx, claimed: Claimed, why: &str) -> Result<bool, StoreError> {
    let sql = "UPDATE trigger_queue SET failed = $1, leased_until = NULL, lease_owner = NULL \
               WHERE id = $2 AND fence = $3";
    Ok(tx.exec(sql, args![why, claimed.key, claimed.fence]).await? == 1)
}

/// How many wait, and since when.
pub async fn backlog(db: &Db) -> Result<(i64, Option<Instant>), StoreError> {
    let row = db
        .one("SELECT COUNT(*) AS n, MIN(due_at) AS oldest FROM trigger_queue WHERE failed IS NULL", vec![])
        .await?;
    match row {
        Some(row) => Ok((row.int("n")?, row.opt_at("oldest")?)),
        None => Ok((0, None)),
    }
}
