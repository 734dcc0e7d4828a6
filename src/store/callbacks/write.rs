//! Writing callbacks: every update is conditional on the fence and checked; the log only grows.

use super::{COLUMNS, StoredCallback, read_all};
use crate::store::sql::args;
use crate::store::{Db, StoreError, Tx};
use domain::callback::{Exclusion, Kind};
use domain::ids::{CallbackId, CustomerId};
use domain::time::Instant;
use sea_orm::Value;

/// One line of a callback's log.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged {
    pub callback_id: CallbackId,
    pub at: Instant,
    /// A staff key, or `kinkeeper`.
    pub actor: String,
    pub event: String,
    /// Empty at the creation.
    pub from_state: String,
    pub to_state: String,
    /// Nothing personal.
    pub detail: serde_json::Value,
}

/// Whether others may change the queue beside this transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Takes from the queue: nobody else does until this transaction ends, so that two pulls are one after
    /// the other and each sees all that became ready before.
    Pull,
    /// Gives back to the queue: beside others who do, never beside a pull.
    Return,
}

/// Waits for its turn at the queue. On SQLite the one writer is the turn.
pub async fn claim_queue(tx: &Tx, turn: Turn) -> Result<(), StoreError> {
    const QUEUE: i64 = 0x6b6b_5f63_616c_6c73;
    if tx.is_postgres() {
        let lock = match turn {
            Turn::Pull => "SELECT pg_advisory_xact_lock($1)",
            Turn::Return => "SELECT pg_advisory_xact_lock_shared($1)",
        };
        tx.all(lock, args![QUEUE]).await?;
    }
    Ok(())
}

/// The callback, nobody else's to change until the transaction ends.
pub async fn lock(tx: &Tx, id: CallbackId) -> Result<Option<StoredCallback>, StoreError> {
    let lock = if tx.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!("SELECT {COLUMNS} FROM callback WHERE id = $1{lock}");
    Ok(read_all(tx, tx.all(&sql, args![id]).await?).await?.pop())
}

/// The open callback of this kind, locked, if there is one.
pub async fn lock_open(
    tx: &Tx,
    customer: CustomerId,
    kind: Kind,
) -> Result<Option<StoredCallback>, StoreError> {
    let lock = if tx.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!(
        "SELECT {COLUMNS} FROM callback WHERE customer_id = $1 AND kind = $2 \
         AND state IN ('scheduled', 'ready', 'assigned', 'in_progress'){lock}"
    );
    Ok(read_all(tx, tx.all(&sql, args![customer, kind.as_str()]).await?).await?.pop())
}

/// Column and value of everything that can change after creation.
fn changeable(stored: &StoredCallback) -> Vec<(&'static str, Value)> {
    let c = &stored.callback;
    let (hold, marks) = (c.phase.hold(), c.task.marks);
    let names = [
        "state",
        "reason",
        "required_level",
        "last_staff_id",
        "vip",
        "severe",
        "complaint",
        "churn_risk",
        "chased",
        "not_before",
        "due_at",
        "reach_due_at",
        "active_due_at",
        "band",
        "rank_at",
        "ready_since",
        "ring",
        "next_ring_at",
        "breached_at",
        "attempts",
        "attempt_day",
        "attempt_day_count",
        "staff_id",
        "lease_until",
        "fence",
        "wake_at",
        "result",
        "ended_at",
    ];
    let values = args![
        c.state().as_str(),
        stored.reason.clone(),
        c.required_level().as_str(),
        c.last_agent,
        marks.vip,
        c.comes_first(),
        marks.complaint,
        marks.churn_risk,
        marks.chased,
        c.not_before,
        c.task.due_at,
        c.task.reach_due_at,
        c.active_due(),
        stored.band.number(),
        c.rank_at(),
        c.ready_since,
        c.ring.number(),
        stored.next_ring_at,
        stored.breached_at,
        c.attempts,
        c.attempt_day.map(|day| day.on.to_string()),
        c.attempt_day.map_or(0, |day| day.count),
        hold.map(|h| h.agent),
        hold.map(|h| h.lease_until),
        stored.fence,
        stored.wake_at,
        stored.result.as_ref().map(ToString::to_string),
        stored.ended_at,
    ];
    names.into_iter().zip(values).collect()
}

/// Writes a new callback; `None` if the customer has an open one of this kind.
pub async fn insert(tx: &Tx, stored: &StoredCallback) -> Result<Option<CallbackId>, StoreError> {
    let task = &stored.callback.task;
    let list = |skills: &[String]| serde_json::Value::from(skills.to_vec()).to_string();
    let mut columns = vec![
        "customer_id",
        "kind",
        "skills",
        "optional_skills",
        "script",
        "team",
        "owner_staff_id",
        "courtesy",
        "created_at",
    ];
    let mut values = args![
        task.customer_id,
        task.kind.as_str(),
        list(&task.skills),
        list(&task.optional_skills),
        stored.script.clone(),
        task.team.clone(),
        task.owner,
        task.kind == Kind::Courtesy,
        stored.callback.created_at,
    ];
    for (column, value) in changeable(stored) {
        columns.push(column);
        values.push(value);
    }
    let rows = tx
        .insert_returning("callback", &columns, vec![values], "ON CONFLICT DO NOTHING RETURNING id")
        .await?;
    rows.first().map(|row| row.int("id").map(CallbackId)).transpose()
}

/// Writes all that changed since `before`, if nobody else wrote a holder meanwhile; else it is an error that
/// says so.
pub async fn save(tx: &Tx, before: &StoredCallback, after: &StoredCallback) -> Result<(), StoreError> {
    let mut values = args![before.callback.id, before.fence, before.callback.state().as_str()];
    let mut set = Vec::new();
    for (column, value) in changeable(after) {
        values.push(value);
        set.push(format!("{column} = ${}", values.len()));
    }
    let sql = format!("UPDATE callback SET {} WHERE id = $1 AND fence = $2 AND state = $3", set.join(", "));
    tx.exec_one("callback", &sql, values).await?;
    keep_exclusions(tx, before.callback.id, &before.callback.excluded, &after.callback.excluded).await
}

async fn keep_exclusions(
    tx: &Tx,
    id: CallbackId,
    before: &[Exclusion],
    after: &[Exclusion],
) -> Result<(), StoreError> {
    if before == after {
        return Ok(());
    }
    tx.exec("DELETE FROM callback_exclusion WHERE callback_id = $1", args![id]).await?;
    let rows = after.iter().map(|e| args![id, e.agent, e.ring.number()]).collect();
    tx.insert_many("callback_exclusion", &["callback_id", "staff_id", "ring"], rows, "").await.map(drop)
}

/// Counts a reason for the callback; `false` if this reason has been counted before, for whichever one.
pub async fn join(tx: &Tx, origin_key: &str, id: CallbackId) -> Result<bool, StoreError> {
    let sql = "INSERT INTO callback_origin (origin_key, callback_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    Ok(tx.exec(sql, args![origin_key, id]).await? == 1)
}

/// The callback this reason was counted for.
pub async fn find_by_origin(db: &Db, origin_key: &str) -> Result<Option<CallbackId>, StoreError> {
    let sql = "SELECT callback_id FROM callback_origin WHERE origin_key = $1";
    Ok(db.number(sql, args![origin_key]).await?.map(CallbackId))
}

/// Cancels one that nobody has in hand and that stands in `from`, for a reason of the book's own.
pub async fn cancel(
    tx: &Tx,
    id: CallbackId,
    from: &str,
    reason: &str,
    detail: serde_json::Value,
    now: Instant,
) -> Result<(), StoreError> {
    let sql = "UPDATE callback SET state = 'cancelled', reason = $1, ended_at = $2, wake_at = NULL, \
               ready_since = NULL, next_ring_at = NULL, fence = fence + 1 WHERE id = $3";
    tx.exec_one("cancelling a callback", sql, args![reason, now, id]).await?;
    let line = Logged {
        callback_id: id,
        at: now,
        actor: "kinkeeper".to_owned(),
        event: "cancel".to_owned(),
        from_state: from.to_owned(),
        to_state: "cancelled".to_owned(),
        detail,
    };
    log(tx, line).await
}

pub async fn log(tx: &Tx, line: Logged) -> Result<(), StoreError> {
    let sql = "INSERT INTO callback_log (callback_id, at, actor, event, from_state, to_state, detail) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let l = line;
    let args = args![l.callback_id, l.at, l.actor, l.event, l.from_state, l.to_state, l.detail.to_string()];
    tx.exec_one("callback_log", sql, args).await
}

/// What happened to a callback, in order.
pub async fn log_of(db: &Db, id: CallbackId) -> Result<Vec<Logged>, StoreError> {
    let sql = "SELECT id, callback_id, at, actor, event, from_state, to_state, detail FROM callback_log \
               WHERE callback_id = $1 ORDER BY id";
    let rows = db.all(sql, args![id]).await?;
    rows.iter()
        .map(|row| {
            Ok(Logged {
                callback_id: CallbackId(row.int("callback_id")?),
                at: row.at("at")?,
                actor: row.text("actor")?,
                event: row.text("event")?,
                from_state: row.text("from_state")?,
                to_state: row.text("to_state")?,
                detail: crate::store::sql::json(
                    "callback_log",
                    "detail",
                    row.int("id")?,
                    &row.text("detail")?,
                )?,
            })
        })
        .collect()
}

/// Records that this level was told; `false` if it had been.
pub async fn escalate(
    tx: &Tx,
    id: CallbackId,
    level: u8,
    cause: &str,
    at: Instant,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO callback_escalation (callback_id, level, cause, at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT DO NOTHING";
    Ok(tx.exec(sql, args![id, i64::from(level), cause, at]).await? == 1)
}

/// Looks at a callback again later that can't be moved now, so that it doesn't hold up the others.
pub async fn postpone(tx: &Tx, id: CallbackId, until: Instant) -> Result<(), StoreError> {
    tx.exec("UPDATE callback SET wake_at = $2 WHERE id = $1", args![id, until]).await.map(drop)
}
