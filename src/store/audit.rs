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

/// Which entries; what isn't given fits all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub subject: Option<String>,
    pub actor: Option<String>,
    /// What the action begins with.
    pub action: Option<String>,
}

/// Entries before the row `before`, latest first.
pub async fn list(
    db: &Db,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<(i64, Entry)>, StoreError> {
    let (mut conditions, mut values) = (String::new(), args![before.unwrap_or(i64::MAX), limit]);
    let like = filter.action.as_ref().map(|text| text.replace(['%', '_', '\\'], "") + "%");
    for (condition, value) in
        [("subject =", &filter.subject), ("actor =", &filter.actor), ("action LIKE", &like)]
    {
        if let Some(value) = value {
            values.extend(args![value]);
            conditions.push_str(&format!(" AND {condition} ${}", values.len()));
        }
    }
    let sql = format!(
        "SELECT id, at, actor, action, subject, detail FROM audit WHERE id < $1{conditions} \
         ORDER BY id DESC LIMIT $2"
    );
    let rows = db.all(&sql, values).await?;
    rows.iter()
        .map(|row| {
            let id = row.int("id")?;
            let entry = Entry {
                at: row.at("at")?,
                actor: row.text("actor")?,
                action: row.text("action")?,
                subject: row.text("subject")?,
                detail: super::sql::json("audit", "detail", id, &row.text("detail")?)?,
            };
            Ok((id, entry))
        })
        .collect()
}

/// The latest entries about a subject, newest first.
pub async fn list_about(db: &Db, subject: &str, limit: i64) -> Result<Vec<Entry>, StoreError> {
    let filter = Filter { subject: Some(subject.to_owned()), ..Filter::default() };
    Ok(list(db, &filter, None, limit).await?.into_iter().map(|(_, entry)| entry).collect())
}
