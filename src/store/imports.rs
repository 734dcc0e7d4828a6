//! Files being imported: where each has got to, so that an interrupted one goes on.

use super::sql::{Row, args};
use super::{Db, StoreError, Tx};
use domain::ids::{EventId, ImportId, SourceId};
use domain::time::{Instant, MachineInstant};

/// A file about to be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewImport {
    /// What it is about: `customers`, `orders`, …
    pub kind: &'static str,
    pub file_name: String,
    /// SHA-256 of the file, hex.
    pub file_hash: String,
    pub source: SourceId,
    pub historical: bool,
    /// The one instant at which all rows count as taken in.
    pub received_at: Instant,
    /// Until when, unless it is heard of again, it counts as under way.
    pub leased_until: MachineInstant,
    /// Who begins it.
    pub actor: Option<String>,
    /// Flags of the file's form and profile.
    pub said: String,
}

/// What was made of the rows so far. Each row is counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, utoipa::ToSchema)]
pub struct Counts {
    /// Taken in: something a row says is new.
    pub accepted: i64,
    /// Everything a row says was known already.
    pub duplicate: i64,
    /// Refused.
    pub rejected: i64,
    /// Named no customer: counted, not refused.
    pub without_customer: i64,
    /// Left for a feed, which brings them when their time has come.
    pub left_out: i64,
}

impl Counts {
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            accepted: self.accepted + more.accepted,
            duplicate: self.duplicate + more.duplicate,
            rejected: self.rejected + more.rejected,
            without_customer: self.without_customer + more.without_customer,
            left_out: self.left_out + more.left_out,
        }
    }

    pub fn rows(self) -> i64 {
        self.accepted + self.duplicate + self.rejected + self.without_customer + self.left_out
    }
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
    /// Until when somebody counts as working on it; `None`: nobody does, and its customers don't wait for it.
    pub leased_until: Option<MachineInstant>,
    pub counts: Counts,
    /// Who began it.
    pub actor: Option<String>,
    /// Flags of the file's form and profile.
    pub said: String,
    /// Between which ids of the log its events lie; `None`: none yet, or by an older version.
    pub events: Option<(EventId, EventId)>,
    pub undo_begun_at: Option<Instant>,
    pub undone_at: Option<Instant>,
    pub undone_by: Option<String>,
}

const SELECTED: &str = "id, kind, file_name, file_hash, source_id, historical, received_at, finished_at, cursor_row, \
     leased_until, accepted, duplicate, rejected, without_customer, left_out, actor, said, \
     first_event_id, last_event_id, undo_begun_at, undone_at, undone_by";

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
        leased_until: row.opt_int("leased_until")?.map(MachineInstant::from_micros),
        counts: Counts {
            accepted: row.int("accepted")?,
            duplicate: row.int("duplicate")?,
            rejected: row.int("rejected")?,
            without_customer: row.int("without_customer")?,
            left_out: row.int("left_out")?,
        },
        actor: row.opt_text("actor")?,
        said: row.text("said")?,
        events: row.opt_int("first_event_id")?.map(EventId).zip(row.opt_int("last_event_id")?.map(EventId)),
        undo_begun_at: row.opt_at("undo_begun_at")?,
        undone_at: row.opt_at("undone_at")?,
        undone_by: row.opt_text("undone_by")?,
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
        "left_out",
        "leased_until",
        "actor",
        "said",
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
        0_i64,
        new.leased_until,
        new.actor,
        new.said,
    ];
    let rows =
        tx.insert_returning("import_batch", &columns, vec![row], &format!("RETURNING {SELECTED}")).await?;
    rows.first().map(read).transpose()?.ok_or(StoreError::RowsAffected {
        what: "beginning an import",
        expected: 1,
        actual: 0,
    })
}

/// Says that the import is worked on until then, and keeps others off its row until the transaction ends. Fails
/// if another process moved it meanwhile.
pub async fn hold(
    tx: &Tx,
    import: ImportId,
    from_row: i64,
    leased_until: MachineInstant,
) -> Result<(), StoreError> {
    let sql =
        "UPDATE import_batch SET leased_until = $1 WHERE id = $2 AND cursor_row = $3 AND finished_at IS NULL";
    tx.exec_one("going on with an import", sql, args![leased_until, import, from_row]).await
}

/// Moves an import on by a slice with these events of the log, in the slice's transaction. Fails if another process moved it meanwhile.
pub async fn advance(
    tx: &Tx,
    import: ImportId,
    (from_row, to_row): (i64, i64),
    slice: Counts,
    events: Option<(EventId, EventId)>,
) -> Result<(), StoreError> {
    let sql = "UPDATE import_batch SET cursor_row = $1, accepted = accepted + $2, duplicate = duplicate + $3, \
               rejected = rejected + $4, without_customer = without_customer + $5, left_out = left_out + $6, \
               first_event_id = COALESCE(first_event_id, $7), last_event_id = COALESCE($8, last_event_id) \
               WHERE id = $9 AND cursor_row = $10 AND finished_at IS NULL";
    let Counts { accepted, duplicate, rejected, without_customer, left_out } = slice;
    let (first, last) = events.unzip();
    let args = args![
        to_row,
        accepted,
        duplicate,
        rejected,
        without_customer,
        left_out,
        first,
        last,
        import,
        from_row
    ];
    tx.exec_one("moving an import on", sql, args).await
}

pub async fn finish(tx: &Tx, import: ImportId, at: Instant) -> Result<(), StoreError> {
    let sql =
        "UPDATE import_batch SET finished_at = $1, leased_until = NULL WHERE id = $2 AND finished_at IS NULL";
    tx.exec_one("ending an import", sql, args![at, import]).await
}

pub async fn find(db: &Db, import: ImportId) -> Result<Option<Import>, StoreError> {
    let sql = format!("SELECT {SELECTED} FROM import_batch WHERE id = $1");
    db.one(&sql, args![import]).await?.as_ref().map(read).transpose()
}

/// From now on it is being taken back: nobody goes on with it. Gives it as it stands then; `None` if somebody works on it or
/// took it back.
pub async fn begin_undo(
    tx: &Tx,
    import: ImportId,
    at: Instant,
    machine: MachineInstant,
) -> Result<Option<Import>, StoreError> {
    let sql = format!(
        "UPDATE import_batch SET undo_begun_at = COALESCE(undo_begun_at, $1), finished_at = COALESCE(finished_at, $1), \
         leased_until = NULL WHERE id = $2 AND undone_at IS NULL AND (leased_until IS NULL OR leased_until <= $3) \
         RETURNING {SELECTED}"
    );
    tx.one(&sql, args![at, import, machine]).await?.as_ref().map(read).transpose()
}

pub async fn end_undo(tx: &Tx, import: ImportId, at: Instant, by: &str) -> Result<(), StoreError> {
    let sql = "UPDATE import_batch SET undone_at = $1, undone_by = $2 WHERE id = $3 AND undone_at IS NULL";
    tx.exec_one("having taken an import back", sql, args![at, by, import]).await
}

/// Whether an unfinished import was last heard of too long ago.
pub async fn any_abandoned(db: &Db, machine: MachineInstant) -> Result<bool, StoreError> {
    let sql = "SELECT COUNT(*) FROM import_batch WHERE finished_at IS NULL AND leased_until <= $1";
    Ok(db.number(sql, args![machine]).await?.unwrap_or(0) > 0)
}

/// Notes of unfinished imports that were last heard of too long ago that nobody works on them any more; gives
/// them. Each is given once, until somebody goes on with it.
pub async fn abandon(tx: &Tx, machine: MachineInstant) -> Result<Vec<Import>, StoreError> {
    let sql = format!(
        "UPDATE import_batch SET leased_until = NULL WHERE finished_at IS NULL AND leased_until <= $1 RETURNING {SELECTED}"
    );
    tx.all(&sql, args![machine]).await?.iter().map(read).collect()
}

/// Unfinished imports, latest first, but for those whose file was imported whole later, corrected.
pub async fn list_unfinished(db: &Db) -> Result<Vec<Import>, StoreError> {
    let sql = format!(
        "SELECT {SELECTED} FROM import_batch u WHERE finished_at IS NULL AND NOT EXISTS (SELECT 1 FROM import_batch w \
         WHERE w.id > u.id AND w.kind = u.kind AND w.source_id = u.source_id AND w.file_name = u.file_name \
         AND w.finished_at IS NOT NULL) ORDER BY id DESC"
    );
    db.all(&sql, vec![]).await?.iter().map(read).collect()
}
