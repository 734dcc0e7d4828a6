//! Refused events, kept with their reason until a person repairs or discards them.

use super::in_list::all_in;
use super::sql::{Arg, Row, args, word};
use super::{Db, StoreError, Tx};
use domain::ids::{QuarantineId, SourceId};
use domain::quarantine::State;
use domain::time::{Instant, MachineInstant};
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

/// When events came, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Came {
    pub received_at: Instant,
    pub machine_at: MachineInstant,
}

/// Keeps refused events. One that is here already (same source and message id) isn't kept twice.
pub async fn add(tx: &Tx, source: SourceId, came: Came, refused: Vec<Refused>) -> Result<(), StoreError> {
    let named = refused.iter().filter_map(|r| r.message_id.as_deref()).map(Arg::arg).collect();
    let sql = "SELECT message_id FROM quarantine WHERE source_id = $1 AND message_id IN ({in})";
    let known = all_in(tx, sql, args![source], named).await?;
    let mut known = known.iter().map(|row| row.text("message_id")).collect::<Result<HashSet<_>, _>>()?;
    let Came { received_at, machine_at } = came;
    let open = State::Open.as_str();
    let rows = refused
        .into_iter()
        .filter(|r| r.message_id.as_ref().is_none_or(|id| known.insert(id.clone())))
        .map(|r| args![source, r.message_id, r.code, r.detail, r.payload, open, received_at, machine_at])
        .collect();
    let columns =
        ["source_id", "message_id", "code", "detail", "payload", "state", "received_at", "machine_at"];
    tx.insert_many("quarantine", &columns, rows, "").await.map(drop)
}

/// A kept event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    pub id: QuarantineId,
    pub source: SourceId,
    /// The source's key.
    pub source_key: String,
    pub refused: Refused,
    pub state: State,
    pub received_at: Instant,
    /// The machine's clock then; unknown for what an older build kept.
    pub machine_at: Option<MachineInstant>,
    pub decided: Option<Decision>,
}

/// What a person made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub at: Instant,
    pub by: String,
    /// Why it was discarded.
    pub reason: Option<String>,
}

/// Which of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Which {
    pub state: Option<State>,
    pub code: Option<String>,
}

const SELECT: &str = "SELECT q.id, q.source_id, s.key AS source_key, q.message_id, q.code, q.detail, q.payload, \
     q.state, q.received_at, q.machine_at, q.decided_at, q.decided_by, q.reason \
     FROM quarantine q JOIN source s ON s.id = q.source_id";

fn read(row: &Row) -> Result<Quarantined, StoreError> {
    let id = row.int("id")?;
    let decided = match (row.opt_at("decided_at")?, row.opt_text("decided_by")?) {
        (Some(at), Some(by)) => Some(Decision { at, by, reason: row.opt_text("reason")? }),
        _ => None,
    };
    Ok(Quarantined {
        id: QuarantineId(id),
        source: SourceId(row.int("source_id")?),
        source_key: row.text("source_key")?,
        refused: Refused {
            message_id: row.opt_text("message_id")?,
            code: row.text("code")?,
            detail: row.text("detail")?,
            payload: row.text("payload")?,
        },
        state: word("quarantine", "state", id, &row.text("state")?, State::parse)?,
        received_at: row.at("received_at")?,
        machine_at: row.opt_int("machine_at")?.map(MachineInstant::from_micros),
        decided,
    })
}

/// Those behind `after`, oldest first.
pub async fn list(
    db: &Db,
    which: &Which,
    after: QuarantineId,
    limit: i64,
) -> Result<Vec<Quarantined>, StoreError> {
    let (mut conditions, mut values) = (String::new(), args![after, limit]);
    if let Some(state) = which.state {
        values.extend(args![state.as_str()]);
        conditions.push_str(&format!(" AND q.state = ${}", values.len()));
    }
    if let Some(code) = &which.code {
        values.extend(args![code]);
        conditions.push_str(&format!(" AND q.code = ${}", values.len()));
    }
    let sql = format!("{SELECT} WHERE q.id > $1{conditions} ORDER BY q.id LIMIT $2");
    db.all(&sql, values).await?.iter().map(read).collect()
}

pub async fn find(db: &Db, id: QuarantineId) -> Result<Option<Quarantined>, StoreError> {
    let row = db.one(&format!("{SELECT} WHERE q.id = $1"), args![id]).await?;
    row.as_ref().map(read).transpose()
}

/// How many open ones there are of each code, the most frequent first.
pub async fn count_by_code(db: &Db) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT code, COUNT(*) AS n FROM quarantine WHERE state = 'open' GROUP BY code \
               ORDER BY COUNT(*) DESC, code";
    db.all(sql, vec![]).await?.iter().map(|row| Ok((row.text("code")?, row.int("n")?))).collect()
}

/// Ends an open one; `false` if it isn't open any more.
pub async fn decide(tx: &Tx, id: QuarantineId, state: State, decision: Decision) -> Result<bool, StoreError> {
    let sql = "UPDATE quarantine SET state = $1, decided_at = $2, decided_by = $3, reason = $4 \
               WHERE id = $5 AND state = 'open'";
    let Decision { at, by, reason } = decision;
    Ok(tx.exec(sql, args![state.as_str(), at, by, reason, id]).await? == 1)
}
