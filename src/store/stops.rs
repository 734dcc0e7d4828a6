//! Emergency stops (一键停发). One in force a scope; the hand-over transaction reads them, so that a stop acts
//! on the very next message and survives restarts.

use super::sql::args;
use super::{Db, StoreError, Tx};
use domain::time::Instant;
use std::fmt;

/// What a stop reaches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopScope {
    All,
    /// By channel name: `email`.
    Channel(String),
    /// By campaign key.
    Campaign(String),
}

impl StopScope {
    fn read(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "all" => Some(Self::All),
            Some(("channel", name)) => Some(Self::Channel(name.to_owned())),
            Some(("campaign", key)) => Some(Self::Campaign(key.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for StopScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Channel(name) => write!(f, "channel:{name}"),
            Self::Campaign(key) => write!(f, "campaign:{key}"),
        }
    }
}

/// A stop in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopRow {
    pub scope: StopScope,
    pub reason: String,
    pub actor: String,
    pub stopped_at: Instant,
}

/// Every stop in force, earliest first.
pub async fn list_in_force(db: &Db) -> Result<Vec<StopRow>, StoreError> {
    let sql = "SELECT id, scope, reason, actor, stopped_at FROM stop WHERE resumed_at IS NULL ORDER BY stopped_at, id";
    let rows = db.all(sql, vec![]).await?;
    rows.iter()
        .map(|row| {
            let scope = row.text("scope")?;
            Ok(StopRow {
                scope: super::sql::word("stop", "scope", row.int("id")?, &scope, StopScope::read)?,
                reason: row.text("reason")?,
                actor: row.text("actor")?,
                stopped_at: row.at("stopped_at")?,
            })
        })
        .collect()
}

/// Puts a stop in force; `false` where one of the scope is already.
pub async fn stop(tx: &Tx, row: StopRow) -> Result<bool, StoreError> {
    let sql = "INSERT INTO stop (scope, reason, actor, stopped_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (scope) WHERE resumed_at IS NULL DO NOTHING";
    let StopRow { scope, reason, actor, stopped_at } = row;
    Ok(tx.exec(sql, args![scope.to_string(), reason, actor, stopped_at]).await? == 1)
}

/// Lifts the stop of a scope; `false` where none is in force.
pub async fn resume(tx: &Tx, scope: &StopScope, by: &str, at: Instant) -> Result<bool, StoreError> {
    let sql = "UPDATE stop SET resumed_at = $1, resumed_by = $2 WHERE scope = $3 AND resumed_at IS NULL";
    Ok(tx.exec(sql, args![at, by, scope.to_string()]).await? == 1)
}
