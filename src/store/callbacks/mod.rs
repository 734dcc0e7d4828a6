//! Callbacks as rows: reading one back into what the domain decides about. Writing, the queue's order and
//! what is known of the customer are the files below; what happens to a callback is never decided here.

mod callee;
mod queue;
mod write;

pub(super) use callee::in_hand;
pub use callee::{Callee, callees, contacts, in_hand_of, lock_callee, marks_of, name_of, tags};
pub use queue::{Place, QueuePart, Which, due_to_move, lagging, list, next_wake, page};
pub use write::{
    Logged, Turn, cancel, claim_queue, escalate, find_by_origin, insert, join, lock, lock_open, log, log_of,
    postpone, save,
};

use super::sql::{Row, json, places, word};
use super::{Db, StoreError};
use chrono::NaiveDate;
use domain::callback::{
    AttemptDay, Band, Callback, Exclusion, Hold, Kind, Level, Marks, Phase, Ring, State, Task,
};
use domain::ids::{CallbackId, CustomerId, StaffId};
use domain::time::Instant;
use sea_orm::Value;
use std::collections::HashMap;

/// A callback with what only the store and people need to know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredCallback {
    pub callback: Callback,
    /// Rises whenever a holder comes or goes.
    pub fence: i64,
    /// Why it was made, for the agent; why it was cancelled, once it is.
    pub reason: Option<String>,
    /// Key of the talking points.
    pub script: Option<String>,
    /// As last decided.
    pub band: Band,
    /// When the ring rises next, as last decided.
    pub next_ring_at: Option<Instant>,
    /// Since when it is past its active due time.
    pub breached_at: Option<Instant>,
    /// When it next changes by itself.
    pub wake_at: Option<Instant>,
    /// What the last call came to, as JSON.
    pub result: Option<serde_json::Value>,
    pub ended_at: Option<Instant>,
}

const TABLE: &str = "callback";

const COLUMNS: &str = "id, customer_id, kind, state, reason, required_level, skills, optional_skills, script, team, \
    owner_staff_id, last_staff_id, vip, severe, complaint, churn_risk, chased, created_at, not_before, due_at, \
    reach_due_at, band, ready_since, ring, next_ring_at, breached_at, attempts, attempt_day, attempt_day_count, \
    staff_id, lease_until, fence, wake_at, result, ended_at";

/// Those of these that exist, in no order.
pub async fn list_by_ids(db: &Db, ids: &[CallbackId]) -> Result<Vec<StoredCallback>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT {COLUMNS} FROM callback WHERE id IN ({})", places(1, ids.len()));
    let values = ids.iter().map(|id| Value::BigInt(Some(id.0))).collect();
    read_all(db, db.all(&sql, values).await?).await
}

pub async fn find(db: &Db, id: CallbackId) -> Result<Option<StoredCallback>, StoreError> {
    Ok(list_by_ids(db, &[id]).await?.pop())
}

async fn read_all(db: &Db, rows: Vec<Row>) -> Result<Vec<StoredCallback>, StoreError> {
    let mut found = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let open = found.iter().filter(|c| !c.callback.state().is_final()).map(|c| c.callback.id);
    let mut declined = exclusions(db, &open.collect::<Vec<_>>()).await?;
    for stored in &mut found {
        stored.callback.excluded = declined.remove(&stored.callback.id).unwrap_or_default();
    }
    Ok(found)
}

async fn exclusions(db: &Db, ids: &[CallbackId]) -> Result<HashMap<CallbackId, Vec<Exclusion>>, StoreError> {
    let mut found: HashMap<CallbackId, Vec<Exclusion>> = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let sql = format!(
        "SELECT callback_id, staff_id, ring FROM callback_exclusion WHERE callback_id IN ({}) \
         ORDER BY callback_id, staff_id",
        places(1, ids.len())
    );
    let values = ids.iter().map(|id| Value::BigInt(Some(id.0))).collect();
    for row in db.all(&sql, values).await? {
        let id = row.int("callback_id")?;
        let ring = ring("callback_exclusion", id, row.int("ring")?)?;
        let exclusion = Exclusion { agent: StaffId(row.int("staff_id")?), ring };
        found.entry(CallbackId(id)).or_default().push(exclusion);
    }
    Ok(found)
}

fn ring(table: &str, id: i64, number: i64) -> Result<Ring, StoreError> {
    word(table, "ring", id, &number.to_string(), |_| Ring::from_number(number))
}

fn read(row: &Row) -> Result<StoredCallback, StoreError> {
    let id = row.int("id")?;
    let band = row.int("band")?;
    let result = row.opt_text("result")?;
    let callback = Callback {
        id: CallbackId(id),
        task: task(row, id)?,
        created_at: row.at("created_at")?,
        not_before: row.at("not_before")?,
        phase: phase(row, id)?,
        ready_since: row.opt_at("ready_since")?,
        ring: ring(TABLE, id, row.int("ring")?)?,
        attempts: count(row, id, "attempts")?,
        attempt_day: attempt_day(row, id)?,
        last_agent: row.opt_int("last_staff_id")?.map(StaffId),
        excluded: Vec::new(),
    };
    Ok(StoredCallback {
        callback,
        fence: row.int("fence")?,
        reason: row.opt_text("reason")?,
        script: row.opt_text("script")?,
        band: word(TABLE, "band", id, &band.to_string(), |_| Band::from_number(band))?,
        next_ring_at: row.opt_at("next_ring_at")?,
        breached_at: row.opt_at("breached_at")?,
        wake_at: row.opt_at("wake_at")?,
        result: result.map(|text| json(TABLE, "result", id, &text)).transpose()?,
        ended_at: row.opt_at("ended_at")?,
    })
}

fn task(row: &Row, id: i64) -> Result<Task, StoreError> {
    let marks = Marks {
        vip: row.flag("vip")?,
        severe: row.flag("severe")?,
        complaint: row.flag("complaint")?,
        churn_risk: row.flag("churn_risk")?,
        chased: count(row, id, "chased")?,
    };
    Ok(Task {
        customer_id: CustomerId(row.int("customer_id")?),
        kind: word(TABLE, "kind", id, &row.text("kind")?, Kind::parse)?,
        required_level: word(TABLE, "required_level", id, &row.text("required_level")?, Level::parse)?,
        skills: json(TABLE, "skills", id, &row.text("skills")?)?,
        optional_skills: json(TABLE, "optional_skills", id, &row.text("optional_skills")?)?,
        team: row.opt_text("team")?,
        owner: row.opt_int("owner_staff_id")?.map(StaffId),
        marks,
        due_at: row.at("due_at")?,
        reach_due_at: row.at("reach_due_at")?,
    })
}

fn phase(row: &Row, id: i64) -> Result<Phase, StoreError> {
    let text = row.text("state")?;
    let state = word(TABLE, "state", id, &text, State::parse)?;
    let hold = match (row.opt_int("staff_id")?, row.opt_at("lease_until")?) {
        (Some(staff), Some(lease_until)) => Some(Hold { agent: StaffId(staff), lease_until }),
        _ => None,
    };
    word(TABLE, "staff_id", id, &text, |_| Phase::from_parts(state, hold))
}

fn attempt_day(row: &Row, id: i64) -> Result<Option<AttemptDay>, StoreError> {
    let Some(text) = row.opt_text("attempt_day")? else { return Ok(None) };
    let on: NaiveDate = word(TABLE, "attempt_day", id, &text, |t| t.parse().ok())?;
    Ok(Some(AttemptDay { on, count: count(row, id, "attempt_day_count")? }))
}

fn count(row: &Row, id: i64, column: &str) -> Result<u32, StoreError> {
    let n = row.int(column)?;
    word(TABLE, column, id, &n.to_string(), |_| u32::try_from(n).ok())
}
