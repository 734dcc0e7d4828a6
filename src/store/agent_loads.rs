//! What each agent carries: the row that is locked while one pulls.

use super::sql::args;
use super::{StoreError, Tx};
use domain::ids::StaffId;

/// What an agent carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentLoad {
    /// Assigned and in progress.
    pub held: i64,
    /// Assigned, not yet begun.
    pub assigned: i64,
    /// Local date on which `calls` were made; empty before the first.
    pub calls_on: String,
    pub calls: i64,
}

/// Reads an agent's load and keeps it until the transaction ends; `None` if there is no such agent.
pub async fn lock(tx: &Tx, agent: StaffId) -> Result<Option<AgentLoad>, StoreError> {
    let lock = if tx.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!("SELECT held, calls_on, calls FROM agent_load WHERE staff_id = $1{lock}");
    let Some(row) = tx.one(&sql, args![agent]).await? else { return Ok(None) };
    let sql = "SELECT COUNT(*) FROM callback WHERE staff_id = $1 AND state = 'assigned'";
    let assigned = tx.number(sql, args![agent]).await?.unwrap_or(0);
    let (held, calls) = (row.int("held")?, row.int("calls")?);
    Ok(Some(AgentLoad { held, assigned, calls_on: row.text("calls_on")?, calls }))
}

/// Adds to what the agent holds, and to the calls made on that local day (counted anew on another one).
pub async fn change(tx: &Tx, agent: StaffId, held: i64, calls: i64, day: &str) -> Result<(), StoreError> {
    let sql = "UPDATE agent_load SET held = held + $2, \
               calls = CASE WHEN calls_on = $4 THEN calls + $3 WHEN $3 > 0 THEN $3 ELSE calls END, \
               calls_on = CASE WHEN $3 > 0 THEN $4 ELSE calls_on END WHERE staff_id = $1";
    tx.exec_one("agent_load", sql, args![agent, held, calls, day]).await
}
