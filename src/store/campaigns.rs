//! Campaigns and their immutable versions. The head row says in which state a campaign is and under which
//! version customers enter; a newer version waits beside it for approval.

use super::sql::{Row, args, json, word};
use super::{Db, StoreError, Tx};
use domain::campaign::definition::Purpose;
use domain::campaign::state::CampaignState;
use domain::ids::{CampaignId, CampaignVersionId};
use domain::time::Instant;
use serde_json::Value;

/// What the head row repeats of its version, so that ingest and keeper know what somebody listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// occasion | tag | event | manual
    pub trigger_kind: String,
    /// The occasion's name, the tag's key or the event's name.
    pub trigger_key: String,
    pub purpose: Purpose,
    pub priority: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignRow {
    pub id: CampaignId,
    pub key: String,
    pub state: CampaignState,
    pub state_reason: Option<String>,
    pub head: Head,
    /// The version customers enter under once it runs.
    pub current_version_id: Option<CampaignVersionId>,
    pub created_at: Instant,
    pub changed_at: Instant,
    /// Causes before this start nothing; `None` before it first ran.
    pub running_since: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct VersionRow {
    pub id: CampaignVersionId,
    pub campaign_id: CampaignId,
    pub version: i64,
    pub document: Value,
    pub document_hash: String,
    pub author: String,
    pub created_at: Instant,
    pub approved_by: Option<String>,
    pub approved_at: Option<Instant>,
}

/// A version to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVersion {
    pub version: i64,
    pub document: Value,
    pub document_hash: String,
    pub author: String,
    pub created_at: Instant,
}

const COLUMNS: &str = "id, key, state, state_reason, trigger_kind, trigger_key, purpose, priority, \
                       current_version_id, created_at, changed_at, running_since";
const VERSION_COLUMNS: &str = "id, campaign_id, version, document, document_hash, author, created_at, \
                               approved_by, approved_at";

fn read(row: &Row) -> Result<CampaignRow, StoreError> {
    let id = row.int("id")?;
    Ok(CampaignRow {
        id: CampaignId(id),
        key: row.text("key")?,
        state: word("campaign", "state", id, &row.text("state")?, CampaignState::parse)?,
        state_reason: row.opt_text("state_reason")?,
        head: Head {
            trigger_kind: row.text("trigger_kind")?,
            trigger_key: row.text("trigger_key")?,
            purpose: word("campaign", "purpose", id, &row.text("purpose")?, Purpose::parse)?,
            priority: row.int("priority")?,
        },
        current_version_id: row.opt_int("current_version_id")?.map(CampaignVersionId),
        created_at: row.at("created_at")?,
        changed_at: row.at("changed_at")?,
        running_since: row.opt_at("running_since")?,
    })
}

fn read_version(row: &Row) -> Result<VersionRow, StoreError> {
    let id = row.int("id")?;
    Ok(VersionRow {
        id: CampaignVersionId(id),
        campaign_id: CampaignId(row.int("campaign_id")?),
        version: row.int("version")?,
        document: json("campaign_version", "document", id, &row.text("document")?)?,
        document_hash: row.text("document_hash")?,
        author: row.text("author")?,
        created_at: row.at("created_at")?,
        approved_by: row.opt_text("approved_by")?,
        approved_at: row.opt_at("approved_at")?,
    })
}

pub async fn find(db: &Db, key: &str) -> Result<Option<CampaignRow>, StoreError> {
    let row = db.one(&format!("SELECT {COLUMNS} FROM campaign WHERE key = $1"), args![key]).await?;
    row.as_ref().map(read).transpose()
}

pub async fn find_by_id(db: &Db, id: CampaignId) -> Result<Option<CampaignRow>, StoreError> {
    let row = db.one(&format!("SELECT {COLUMNS} FROM campaign WHERE id = $1"), args![id]).await?;
    row.as_ref().map(read).transpose()
}

/// All campaigns, highest priority first.
pub async fn list(db: &Db) -> Result<Vec<CampaignRow>, StoreError> {
    let rows = db.all(&format!("SELECT {COLUMNS} FROM campaign ORDER BY priority DESC, key"), vec![]).await?;
    rows.iter().map(read).collect()
}

pub async fn find_version(db: &Db, id: CampaignVersionId) -> Result<Option<VersionRow>, StoreError> {
    let sql = format!("SELECT {VERSION_COLUMNS} FROM campaign_version WHERE id = $1");
    db.one(&sql, args![id]).await?.as_ref().map(read_version).transpose()
}

/// The newest version, approved or not.
pub async fn latest_version(db: &Db, campaign: CampaignId) -> Result<Option<VersionRow>, StoreError> {
    let sql = format!(
        "SELECT {VERSION_COLUMNS} FROM campaign_version WHERE campaign_id = $1 ORDER BY version DESC LIMIT 1"
    );
    db.one(&sql, args![campaign]).await?.as_ref().map(read_version).transpose()
}

/// Makes a campaign in review, without a version yet.
pub async fn insert(tx: &Tx, key: &str, head: &Head, at: Instant) -> Result<CampaignId, StoreError> {
    let sql = "INSERT INTO campaign (key, state, trigger_kind, trigger_key, purpose, priority, created_at, \
               changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7) RETURNING id";
    let args = args![
        key,
        CampaignState::InReview.as_str(),
        &head.trigger_kind,
        &head.trigger_key,
        head.purpose.as_str(),
        head.priority,
        at
    ];
    let row = tx.one(sql, args).await?;
    let row = row.ok_or(StoreError::RowsAffected { what: "campaign", expected: 1, actual: 0 })?;
    Ok(CampaignId(row.int("id")?))
}

pub async fn insert_version(
    tx: &Tx,
    campaign: CampaignId,
    new: NewVersion,
) -> Result<CampaignVersionId, StoreError> {
    let sql = "INSERT INTO campaign_version (campaign_id, version, document, document_hash, author, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";
    let args =
        args![campaign, new.version, new.document.to_string(), new.document_hash, new.author, new.created_at];
    let row = tx.one(sql, args).await?;
    let row = row.ok_or(StoreError::RowsAffected { what: "campaign_version", expected: 1, actual: 0 })?;
    Ok(CampaignVersionId(row.int("id")?))
}

/// Makes a version the one customers enter under.
pub async fn set_current(
    tx: &Tx,
    campaign: CampaignId,
    version: CampaignVersionId,
    head: &Head,
    at: Instant,
) -> Result<(), StoreError> {
    let sql = "UPDATE campaign SET current_version_id = $1, trigger_kind = $2, trigger_key = $3, purpose = $4, \
               priority = $5, changed_at = $6 WHERE id = $7";
    let args = args![
        version,
        &head.trigger_kind,
        &head.trigger_key,
        head.purpose.as_str(),
        head.priority,
        at,
        campaign
    ];
    tx.exec_one("campaign", sql, args).await
}

/// Marks a version approved.
pub async fn approve_version(
    tx: &Tx,
    version: CampaignVersionId,
    by: &str,
    at: Instant,
) -> Result<(), StoreError> {
    let sql = "UPDATE campaign_version SET approved_by = $1, approved_at = $2 WHERE id = $3 AND approved_at IS NULL";
    tx.exec_one("campaign_version", sql, args![by, at, version]).await
}

/// Changes the state, if it still is what it was. `running_since` stays where none is given.
pub async fn set_state(
    tx: &Tx,
    campaign: CampaignId,
    from: CampaignState,
    to: CampaignState,
    running_since: Option<Instant>,
    at: Instant,
) -> Result<(), StoreError> {
    let sql = "UPDATE campaign SET state = $1, state_reason = NULL, changed_at = $2, \
               running_since = COALESCE($3, running_since) WHERE id = $4 AND state = $5";
    tx.exec_one("campaign state", sql, args![to.as_str(), at, running_since, campaign, from.as_str()]).await
}
