//! Working calendars as declared: `working_days` (promises in working days) and `service_hours` (business
//! minutes). The document is kept as JSON; what it means is `domain::calendar`'s.

use super::sql::Row;
use super::sql::{args, json};
use super::{Db, StoreError, Tx};
use domain::time::Instant;
use serde_json::Value;

/// A declared calendar.
#[derive(Debug, Clone, PartialEq)]
pub struct CalendarRow {
    pub key: String,
    pub document: Value,
    pub document_hash: String,
    pub changed_at: Instant,
}

const COLUMNS: &str = "id, key, document, document_hash, changed_at";

fn read(row: &Row) -> Result<CalendarRow, StoreError> {
    Ok(CalendarRow {
        key: row.text("key")?,
        document: json("calendar", "document", row.int("id")?, &row.text("document")?)?,
        document_hash: row.text("document_hash")?,
        changed_at: row.at("changed_at")?,
    })
}

pub async fn find(db: &Db, key: &str) -> Result<Option<CalendarRow>, StoreError> {
    let row = db.one(&format!("SELECT {COLUMNS} FROM calendar WHERE key = $1"), args![key]).await?;
    row.as_ref().map(read).transpose()
}

pub async fn list(db: &Db) -> Result<Vec<CalendarRow>, StoreError> {
    let rows = db.all(&format!("SELECT {COLUMNS} FROM calendar ORDER BY key"), vec![]).await?;
    rows.iter().map(read).collect()
}

/// Writes the calendar over the one of its key.
pub async fn put(tx: &Tx, row: CalendarRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO calendar (key, document, document_hash, changed_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (key) DO UPDATE SET document = excluded.document, \
               document_hash = excluded.document_hash, changed_at = excluded.changed_at";
    let args = args![row.key, row.document.to_string(), row.document_hash, row.changed_at];
    tx.exec_one("calendar", sql, args).await?;
    super::meta::raise_staffing_epoch(tx).await
}
