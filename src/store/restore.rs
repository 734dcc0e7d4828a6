//! From a copy back to a book: checked whole before anything is touched, brought up to today's schema, and put
//! where the settings say. What it then must not forget or do is decided by who restores.

use super::backup::{PATIENT, cannot, close_whole, forget, key, part_of, settle, sqlite_url, vacuum_into};
use super::connect::{Purpose, connect};
use super::sql::args;
use super::stops::{self, StopRow, StopScope};
use super::{Db, StoreError, Timeouts, Tx, audit, backup, changes, is_sqlite, meta, migrate, tables, writer};
use domain::time::Instant;
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A copy that could be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The book's clock when it was made.
    pub at: Instant,
    /// Of the key file it needs.
    pub key_check: String,
}

/// What was done with the book that was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Where the book lies that was there before.
    pub before: Option<PathBuf>,
}

/// Reads what a copy says of itself.
pub async fn inspect(file: &Path) -> Result<Copy, StoreError> {
    if !file.is_file() {
        let detail = format!("{}: there is no such file", file.display());
        return Err(StoreError::WrongBook(detail));
    }
    let conn = connect(&sqlite_url(file), Purpose::Read, 1, PATIENT).await.map_err(|_| no_copy(file))?;
    let read = read_copy(&Db::pool(conn.clone())).await;
    conn.close().await?;
    match read {
        Ok(Some(copy)) => Ok(copy),
        Ok(None) | Err(StoreError::Db(_)) => Err(no_copy(file)),
        Err(other) => Err(other),
    }
}

async fn read_copy(db: &Db) -> Result<Option<Copy>, StoreError> {
    let get = async |key: &str| -> Result<Option<String>, StoreError> {
        let row = db.one("SELECT value FROM meta WHERE key = $1", args![key]).await?;
        row.map(|row| row.text("value")).transpose()
    };
    let (at, key_check) = (get(key::AT).await?, get(key::KEY_CHECK).await?);
    let at = at.and_then(|text| text.parse().ok()).map(Instant::from_micros);
    Ok(at.zip(key_check).map(|(at, key_check)| Copy { at, key_check }))
}

fn no_copy(file: &Path) -> StoreError {
    StoreError::WrongBook(format!(
        "{}: is no copy of a book; `kinkeeper backup FILE` makes one",
        file.display()
    ))
}

/// Who restores, and how the book that was there is told from the restored one.
#[derive(Debug, Clone)]
pub struct Restoring {
    pub actor: String,
    /// Why everything is stopped, for those who will ask.
    pub reason: String,
    /// Stands behind the name of the file that was there.
    pub stamp: String,
}

/// Puts the copy in `file` where `url` says. Everything is stopped in it before anybody can open it: what was
/// sent since the copy was made isn't known in it. Nobody may work on either meanwhile.
pub async fn restore(file: &Path, url: &str, by: &Restoring) -> Result<Restored, StoreError> {
    let beside = match is_sqlite(url) {
        true => sqlite_path(url),
        false => file.to_owned(),
    };
    let part = part_of(&beside);
    forget(&part)?;
    let outcome = prepare(file, &part, by).await;
    let restored = match outcome {
        Ok(()) if is_sqlite(url) => put_file(&part, &beside, &by.stamp),
        Ok(()) => fill_postgres(&part, url).await.map(|()| Restored { before: None }),
        Err(error) => Err(error),
    };
    forget(&part)?;
    restored
}

/// A checked copy of the copy, with today's schema and everything stopped.
async fn prepare(file: &Path, part: &Path, by: &Restoring) -> Result<(), StoreError> {
    let from = connect(&sqlite_url(file), Purpose::Write, 1, PATIENT).await.map_err(|_| no_copy(file))?;
    let checked = check(&from, file).await;
    let copied = match checked {
        Ok(()) => vacuum_into(&from, part).await,
        Err(error) => Err(error),
    };
    from.close().await?;
    copied?;
    let conn = connect(&sqlite_url(part), Purpose::Write, 1, PATIENT).await?;
    Migrator::up(&conn, None).await.map_err(migrate::refused)?;
    let tx = Tx::new(writer::begin(&conn).await?, None);
    let copy = read_copy(&tx).await?.ok_or_else(|| no_copy(file))?;
    let stop = StopRow {
        scope: StopScope::All,
        reason: by.reason.clone(),
        actor: by.actor.clone(),
        stopped_at: copy.at,
    };
    stops::stop(&tx, stop).await?;
    // Vetoes since the copy aren't in it: whoever was to be forgotten is listed anew, for as long as before.
    tx.exec("DELETE FROM retention_person WHERE vetoed_at IS NULL", vec![]).await?;
    meta::raise_restore_epoch(&tx).await?;
    changes::clear(&tx).await?;
    let detail = serde_json::json!({ "copied_at": copy.at });
    let (actor, action, subject) = (by.actor.clone(), "book.restored".to_owned(), "book".to_owned());
    audit::record(&tx, audit::Entry { at: copy.at, actor, action, subject, detail }).await?;
    tx.exec("DELETE FROM meta WHERE key = $1 OR key = $2", args![key::AT, key::KEY_CHECK]).await?;
    tx.into_inner().expect("made from a transaction above").commit().await?;
    close_whole(conn).await
}

async fn check(conn: &DatabaseConnection, file: &Path) -> Result<(), StoreError> {
    let db = Db::pool(conn.clone());
    let said = db.one("PRAGMA quick_check(1)", vec![]).await;
    match said {
        Ok(Some(row)) if row.text("quick_check")? == "ok" => Ok(()),
        _ => Err(StoreError::WrongBook(format!("{}: is damaged; restore another copy", file.display()))),
    }
}

fn sqlite_path(url: &str) -> PathBuf {
    let name = url.strip_prefix("sqlite://").unwrap_or(url);
    PathBuf::from(name.split('?').next().unwrap_or(name))
}

/// What was there steps aside, whole; then the copy takes its place.
fn put_file(part: &Path, target: &Path, stamp: &str) -> Result<Restored, StoreError> {
    let mut before = None;
    if target.exists() {
        let aside = PathBuf::from(format!("{}.before-{stamp}", target.display()));
        for end in ["-wal", "-shm", ""] {
            let (from, to) = (format!("{}{end}", target.display()), format!("{}{end}", aside.display()));
            match std::fs::rename(&from, &to) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(cannot(target, &e)),
                _ => {}
            }
        }
        before = Some(aside);
    }
    settle(part, target)?;
    Ok(Restored { before })
}

/// Into a database without anything in it.
async fn fill_postgres(part: &Path, url: &str) -> Result<(), StoreError> {
    let conn = connect(url, Purpose::Pool, 1, Timeouts { statement: Duration::ZERO, ..PATIENT }).await?;
    let empty = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema()";
    if Db::pool(conn.clone()).number(empty, vec![]).await? != Some(0) {
        return Err(StoreError::WrongBook(
            "the database isn't empty, and restoring never overwrites anything; make a new one (createdb) and \
             let database.url name it"
                .to_owned(),
        ));
    }
    Migrator::up(&conn, None).await?;
    let copy = connect(&backup::sqlite_url(part), Purpose::Read, 1, PATIENT).await?;
    let from = Db::pool(copy.clone());
    let to = Tx::new(writer::begin(&conn).await?, None);
    let tables = tables::list(&from).await?;
    tables::clear(&to, &tables).await?;
    for table in &tables {
        tables::copy(&from, &to, table).await?;
        if table.columns.iter().any(|column| column.name == "id") {
            // What gives ids out goes on behind the last one, where the column has such a thing.
            let sql = format!(
                "SELECT setval(s, (SELECT COALESCE(MAX(id), 0) + 1 FROM \"{0}\"), false) FROM \
                 (SELECT pg_get_serial_sequence('{0}', 'id') AS s) q WHERE s IS NOT NULL",
                table.name
            );
            to.execute_unprepared(&sql).await?;
        }
    }
    to.into_inner().expect("made from a transaction above").commit().await?;
    copy.close().await?;
    Ok(conn.close().await?)
}
