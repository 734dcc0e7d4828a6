//! The audit log: one row a change of customer data, rule or campaign, written in the change's transaction.
//! Append-only; the database refuses anything else. No personal data goes into a detail.

use super::sql::args;
use super::{Db, StoreError, Tx};
use domain::time::Instant;
use serde_json::Value;

/// One thing somebody did.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// By the business clock.
    pub at: Instant,
    /// `cli:<user>`, a staff key, or `kinkeeper`.
    pub actor: String,
    /// What was done, past tense: `campaign.approved`.
    pub action: String,
    /// To what: `campaign:winback`.
    pub subject: String,
    pub detail: Value,
}

/// Appends the entry.
pub async fn record(tx: &Tx, entry: Entry) -> Result<(), StoreError> {
    let sql = "INSERT INTO audit (at, actor, action, subject, detail) VALUES ($1, $2, $3, $4, $5)";
    let Entry { at, actor, action, subject, detail } = entry;
    tx.exec_one("audit", sql, args![at, actor, action, subject, detail.to_string()]).await
}

/// The latest entries about a subject, newest first.
pub async fn list_about(db: &Db, subject: &str, limit: i64) -> Result<Vec<Entry>, StoreError> {
    let sql = "SELECT id, at, actor, action, subject, detail FROM audit WHERE subject = $1 ORDER BY id DESC LIMIT $2";
    let rows = db.all(sql, args![subject, limit]).await?;
    rows.iter()
        .map(|row| {
            let id = row.int("id")?;
            Ok(Entry {
                at: row.at("at")?,
                actor: row.text("actor")?,
                action: row.text("action")?,
                subject: row.text("subject")?,
                detail: super::sql::json("audit", "detail", id, &row.text("detail")?)?,
            })
        })
        .collect()
}
