//! A consistent copy of the whole book, made while it is being written to. From either database it is one
//! SQLite file with today's schema, so that a copy can be restored into either.

use super::connect::{Purpose, connect};
use super::sql::args;
use super::{Db, Store, StoreError, Timeouts, Tx, is_sqlite, tables, writer};
use domain::time::Instant;
use migration::{Migrator, MigratorTrait};
use sea_orm::{AccessMode, ConnectionTrait, DatabaseConnection, IsolationLevel, TransactionTrait};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a copy says of itself, in its `meta`.
pub(super) mod key {
    pub const AT: &str = "backup_at";
    pub const KEY_CHECK: &str = "backup_key_check";
}

/// Work on a copy takes as long as it takes.
pub(super) const PATIENT: Timeouts = Timeouts { statement: Duration::ZERO, lock: Duration::from_secs(60) };

impl Store {
    /// Writes a copy of the book to `file`, which mustn't be there yet. It is whole or not there at all.
    /// `at` is the book's clock, `key_check` tells the key file it needs from any other.
    pub async fn back_up(&self, file: &Path, at: Instant, key_check: &str) -> Result<(), StoreError> {
        if file.exists() {
            return Err(there_already(file));
        }
        let part = part_of(file);
        forget(&part)?;
        let url = &self.inner.url;
        if is_sqlite(url) {
            let conn = connect(url, Purpose::Write, 1, PATIENT).await?;
            vacuum_into(&conn, &part).await?;
            conn.close().await?;
        } else {
            copy_postgres(url, &part).await?;
        }
        let copy = connect(&sqlite_url(&part), Purpose::Write, 1, PATIENT).await?;
        let tx = Tx::new(writer::begin(&copy).await?, None);
        for (key, value) in [(key::AT, at.micros().to_string()), (key::KEY_CHECK, key_check.to_owned())] {
            let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) \
                       ON CONFLICT (key) DO UPDATE SET value = excluded.value";
            tx.exec(sql, args![key, value]).await?;
        }
        tx.into_inner().expect("made from a transaction above").commit().await?;
        close_whole(copy).await?;
        settle(&part, file)
    }
}

/// A copy of a SQLite database, as of one instant.
pub(super) async fn vacuum_into(conn: &DatabaseConnection, file: &Path) -> Result<(), StoreError> {
    let name = file.display().to_string().replace('\'', "''");
    conn.execute_unprepared(&format!("VACUUM INTO '{name}'")).await?;
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "reads one state of all tables, on a connection of its own")]
async fn copy_postgres(url: &str, file: &Path) -> Result<(), StoreError> {
    let conn = connect(url, Purpose::Pool, 1, Timeouts { statement: Duration::ZERO, ..PATIENT }).await?;
    let read =
        conn.begin_with_config(Some(IsolationLevel::RepeatableRead), Some(AccessMode::ReadOnly)).await?;
    let from = Tx::new(read, None);
    let copy = connect(&sqlite_url(file), Purpose::Write, 1, PATIENT).await?;
    Migrator::up(&copy, None).await?;
    let tables = tables::list(&Db::pool(copy.clone())).await?;
    let to = Tx::new(writer::begin(&copy).await?, None);
    to.execute_unprepared("PRAGMA defer_foreign_keys = ON").await?;
    tables::clear(&to, &tables).await?;
    for table in &tables {
        tables::copy(&from, &to, table).await?;
    }
    to.into_inner().expect("made from a transaction above").commit().await?;
    from.into_inner().expect("made from a transaction above").rollback().await?;
    copy.close().await?;
    Ok(conn.close().await?)
}

/// Closes a SQLite database so that its one file holds everything.
pub(super) async fn close_whole(conn: DatabaseConnection) -> Result<(), StoreError> {
    conn.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await?;
    conn.execute_unprepared("PRAGMA journal_mode = DELETE").await?;
    Ok(conn.close().await?)
}

/// Puts what was written under another name where it belongs: on disk, for its owner only.
pub(super) fn settle(part: &Path, file: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;
    let done = || {
        std::fs::set_permissions(part, std::fs::Permissions::from_mode(0o600))?;
        std::fs::File::open(part)?.sync_all()?;
        // A link fails where a file of that name has come meanwhile; a rename would overwrite it.
        std::fs::hard_link(part, file)?;
        std::fs::remove_file(part)?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    done().map_err(|e: std::io::Error| cannot(file, &e))
}

pub(super) fn part_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Takes away what an interrupted run left, with what SQLite keeps beside it.
pub(super) fn forget(file: &Path) -> Result<(), StoreError> {
    for beside in ["", "-wal", "-shm", "-journal"] {
        let mut name = file.as_os_str().to_owned();
        name.push(beside);
        match std::fs::remove_file(PathBuf::from(name)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(cannot(file, &e)),
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn sqlite_url(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

pub(super) fn cannot(file: &Path, error: &std::io::Error) -> StoreError {
    StoreError::WrongBook(format!("{}: {error}", file.display()))
}

fn there_already(file: &Path) -> StoreError {
    StoreError::WrongBook(format!(
        "{}: is there already, and a copy never overwrites anything; name another file",
        file.display()
    ))
}
