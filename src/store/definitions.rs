//! Campaigns as the engine reads them: which listen to what, and each version's document. Declaring and
//! approving them is another file's.

use super::sql::{Row, args, json, places, word};
use super::{Db, StoreError};
use domain::campaign::state::CampaignState;
use domain::ids::{CampaignId, CampaignVersionId};
use sea_orm::Value;
use std::collections::HashSet;

/// A campaign that lets customers in: running, or paused (who enters then waits at the gate).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub id: CampaignId,
    pub key: String,
    pub state: CampaignState,
    pub version_id: CampaignVersionId,
    pub trigger_kind: String,
    pub trigger_key: String,
}

const OPEN: &str = "SELECT id, key, state, current_version_id, trigger_kind, trigger_key FROM campaign \
                    WHERE state IN ('running', 'paused') AND current_version_id IS NOT NULL";

fn read(row: &Row) -> Result<Open, StoreError> {
    let id = row.int("id")?;
    Ok(Open {
        id: CampaignId(id),
        key: row.text("key")?,
        state: word("campaign", "state", id, &row.text("state")?, CampaignState::parse)?,
        version_id: CampaignVersionId(row.int("current_version_id")?),
        trigger_kind: row.text("trigger_kind")?,
        trigger_key: row.text("trigger_key")?,
    })
}

/// The campaigns that listen to one tag or event.
pub async fn listening(db: &Db, kind: &str, key: &str) -> Result<Vec<Open>, StoreError> {
    let sql = format!("{OPEN} AND trigger_kind = $1 AND trigger_key = $2 ORDER BY id");
    db.all(&sql, args![kind, key]).await?.iter().map(read).collect()
}

/// The tags (or event names) some campaign listens to.
pub async fn listened(db: &Db, kind: &str) -> Result<HashSet<String>, StoreError> {
    let sql = "SELECT DISTINCT trigger_key FROM campaign WHERE state IN ('running', 'paused') AND trigger_kind = $1";
    db.all(sql, args![kind]).await?.iter().map(|row| row.text("trigger_key")).collect()
}

/// One campaign, whatever its state.
pub async fn state_of(db: &Db, id: CampaignId) -> Result<Option<CampaignState>, StoreError> {
    let row = db.one("SELECT state FROM campaign WHERE id = $1", args![id]).await?;
    row.map(|row| word("campaign", "state", id.0, &row.text("state")?, CampaignState::parse)).transpose()
}

/// The documents of these versions.
pub async fn documents(
    db: &Db,
    ids: &[CampaignVersionId],
) -> Result<Vec<(CampaignVersionId, serde_json::Value)>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT id, document FROM campaign_version WHERE id IN ({})", places(1, ids.len()));
    db.all(&sql, ids.iter().map(|id| Value::BigInt(Some(id.0))).collect())
        .await?
        .iter()
        .map(|row| {
            let id = row.int("id")?;
            Ok((CampaignVersionId(id), json("campaign_version", "document", id, &row.text("document")?)?))
        })
        .collect()
}
