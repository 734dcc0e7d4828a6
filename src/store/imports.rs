//! Files being imported: where each has got to, so that an interrupted one goes on.

use super::sql::{Row, args};
use super::{Db, StoreError, Tx};
use domain::ids::{ImportId, SourceId};
use domain::time::Instant;

/// A file about to be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewImport {
    /// `customers`, `orders` or `tickets`.
    pub kind: &'static str,
    pub file_name: String,
    /// SHA-256 of the file, hex.
    pub file_hash: String,
    pub source: SourceId,
    pub historical: bool,
    /// The one instant at which all rows count as taken in.
    pub received_at: Instant,
}

/// What was made of the rows so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Counts {
    /// Events taken in.
    pub accepted: i64,
    /// Events that were there already.
    pub duplicate: i64,
    /// Rows refused.
    pub rejected: i64,
    /// Rows that name no customer: counted, not refused.
    pub without_customer: i64,
}

/// A file's import as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub id: ImportId,
    pub kind: String,
    pub file_name: String,
    pub file_hash: String,
    pub source: SourceId,
    pub historical: bool,
    pub received_at: Instant,
    pub finished_at: Option<Instant>,
    /// Rows done, the header not counted.
    pub cursor_row: i64,
    pub counts: Counts,
}

const SELECTED: &str = "id, kind, file_name, file_hash, source_id, historical, received_at, finished_at, cursor_row, \
     accepted, duplicate, rejected, without_customer";

fn read(row: &Row) -> Result<Import, StoreError> {
    Ok(Import {
        id: ImportId(row.int("id")?),
        kind: row.text("kind")?,
        file_name: row.text("file_name")?,
        file_hash: row.text("file_hash")?,
        source: SourceId(row.int("source_id")?),
        historical: row.flag("historical")?,
        received_at: row.at("received_at")?,
        finished_at: row.opt_at("finished_at")?,
        cursor_row: row.int("cursor_row")?,
        counts: Counts {
            accepted: row.int("accepted")?,
            duplicate: row.int("duplicate")?,
            rejected: row.int("rejected")?,
            without_customer: row.int("without_customer")?,
        },
    })
}

/// The unfinished import of this file into this source, if there is one.
pub async fn find_unfinished(
    db: &Db,
    kind: &str,
    file_hash: &str,
    source: SourceId,
) -> Result<Option<Import>, StoreError> {
    let sql = format!(
        "SELECT {SELECTED} FROM import_batch WHERE file_hash = $1 AND kind = $2 AND source_id = $3 \
         AND finished_at IS NULL ORDER BY id LIMIT 1"
    );
    db.one(&sql, args![file_hash, kind, source]).await?.as_ref().map(read).transpose()
}

/// The latest imports, latest first.
pub async fn list(db: &Db, limit: i64) -> Result<Vec<Import>, StoreError> {
    let sql = format!("SELECT {SELECTED} FROM import_batch ORDER BY id DESC LIMIT $1");
    db.all(&sql, args![limit]).await?.iter().map(read).collect()
}

pub async fn begin(tx: &Tx, new: NewImport) -> Result<Import, StoreError> {
    let columns = [
        "kind",
        "file_name",
        "file_hash",
        "source_id",
        "historical",
        "received_at",
        "started_at",
        "cursor_row",
        "accepted",
        "duplicate",
        "rejected",
        "without_customer",
    ];
    let row = args![
        new.kind,
        new.file_name,
        new.file_hash,
        new.source,
        new.historical,
        new.received_at,
        new.received_at,
        0_i64,
        0_i64,
        0_i64,
        0_i64,
        0_i64,
    ];
    let rows =
        tx.insert_returning("import_batch", &columns, vec![row], &format!("RETURNING {SELECTED}")).await?;
    rows.first().map(read).transpose()?.ok_or(StoreError::RowsAffected {
        what: "beginning an import",
        expected: 1,
        actual: 0,
    })
}

/// Moves an import on by a slice, in the slice's transaction. Fails if another process moved it meanwhile.
pub async fn advance(
    tx: &Tx,
    import: ImportId,
    from_row: i64,
    to_row: i64,
    slice: Counts,
) -> Result<(), StoreError> {
    let sql = "UPDATE import_batch SET cursor_row = $1, accepted = accepted + $2, duplicate = duplicate + $3, \
               rejected = rejected + $4, without_customer = without_customer + $5 \
               WHERE id = $6 AND cursor_row = $7 AND finished_at IS NULL";
    let Counts { accepted, duplicate, rejected, without_customer } = slice;
    let args = args![to_row, accepted, duplicate, rejected, without_customer, import, from_row];
    tx.exec_one("moving an import on", sql, args).await
}

pub async fn finish(tx: &Tx, import: ImportId, at: Instant) -> Result<(), StoreError> {
    let sql = "UPDATE import_batch SET finished_at = $1 WHERE id = $2 AND finished_at IS NULL";
    tx.exec_one("ending an import", sql, args![at, import]).await
}
