//! Mail templates: immutable versions under a key and a language; the newest is in use.

use super::sql::{Row, args, json};
use super::{Db, StoreError, Tx};
use domain::time::Instant;
use serde_json::Value;

#[derive(Debug, Clone, PartialEq)]
pub struct TemplateRow {
    pub key: String,
    pub locale: String,
    pub version: i64,
    pub document: Value,
    pub document_hash: String,
    pub created_at: Instant,
}

const COLUMNS: &str = "id, key, locale, version, document, document_hash, created_at";

fn read(row: &Row) -> Result<TemplateRow, StoreError> {
    Ok(TemplateRow {
        key: row.text("key")?,
        locale: row.text("locale")?,
        version: row.int("version")?,
        document: json("template", "document", row.int("id")?, &row.text("document")?)?,
        document_hash: row.text("document_hash")?,
        created_at: row.at("created_at")?,
    })
}

/// The newest version under this key and language.
pub async fn find(db: &Db, key: &str, locale: &str) -> Result<Option<TemplateRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM template WHERE key = $1 AND locale = $2 ORDER BY version DESC LIMIT 1"
    );
    db.one(&sql, args![key, locale]).await?.as_ref().map(read).transpose()
}

/// The newest version under this key in every language there is.
pub async fn list_of(db: &Db, key: &str) -> Result<Vec<TemplateRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM template t WHERE key = $1 AND version = \
         (SELECT MAX(n.version) FROM template n WHERE n.key = t.key AND n.locale = t.locale) ORDER BY locale"
    );
    db.all(&sql, args![key]).await?.iter().map(read).collect()
}

pub async fn insert(tx: &Tx, row: TemplateRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO template (key, locale, version, document, document_hash, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6)";
    let args =
        args![row.key, row.locale, row.version, row.document.to_string(), row.document_hash, row.created_at];
    tx.exec_one("template", sql, args).await
}
