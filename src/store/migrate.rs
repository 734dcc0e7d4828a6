//! Bringing a book's schema up to date: whole or not at all, one migrator at a time. What the schema is
//! stands in the `migration` crate.

use super::connect::{Purpose, connect};
use super::lock::{self, Hold};
use super::{Schema, StoreError, Timeouts, backup, writer};
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use std::path::Path;
use std::time::Duration;

/// In one transaction under the file's write lock: a process killed half-way leaves what there was, and a
/// second process waits, longer than `lock`, which is how long the connection waits otherwise: on a busy machine, or
/// for a large book, a migration takes what it takes. A book that has a schema already is copied to `backups` first.
pub(super) async fn sqlite(
    conn: &DatabaseConnection,
    backups: &Path,
    lock: Duration,
) -> Result<(), StoreError> {
    wait_for_locks(conn, PATIENCE).await?;
    bring_up(conn, backups).await?;
    wait_for_locks(conn, lock).await
}

/// How long a process waits for another one's migration.
const PATIENCE: Duration = Duration::from_secs(600);

async fn wait_for_locks(conn: &DatabaseConnection, most: Duration) -> Result<(), StoreError> {
    let sql = format!("PRAGMA busy_timeout = {}", i32::try_from(most.as_millis()).unwrap_or(i32::MAX));
    Ok(conn.execute_unprepared(&sql).await.map(drop)?)
}

async fn bring_up(conn: &DatabaseConnection, backups: &Path) -> Result<(), StoreError> {
    if Migrator::get_pending_migrations(conn).await.map_err(refused)?.is_empty() {
        return Ok(());
    }
    if let Some(last) = Migrator::get_applied_migrations(conn).await.map_err(refused)?.last() {
        std::fs::create_dir_all(backups).map_err(|e| backup::cannot(backups, &e))?;
        let copy = backups.join(format!("before-migration-of-{}.db", last.name()));
        let part = backup::part_of(&copy);
        backup::forget(&part)?;
        backup::vacuum_into(conn, &part).await?;
        // One that an interrupted migration left is of an older state.
        backup::forget(&copy)?;
        backup::settle(&part, &copy)?;
        tracing::info!(copy = %copy.display(), "the book was copied before its schema is changed");
    }
    whole(conn).await
}

/// Under an advisory lock, however many daemons start at once, on connections that wait as long as it takes.
pub(super) async fn postgres(url: &str, schema: Schema) -> Result<(), StoreError> {
    use sea_orm::sqlx;
    const LOCK: i64 = 0x6b69_6e6b_6565_7065;
    let patient = Timeouts { statement: Duration::ZERO, lock: Duration::ZERO };
    let pool = connect(url, Purpose::Pool, 2, patient).await?;
    let unavailable = |e: sqlx::Error| StoreError::Unavailable(e.to_string());
    let mut guard = pool.get_postgres_connection_pool().acquire().await.map_err(unavailable)?.detach();
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut guard).await.map_err(unavailable)?;
    let outcome = match judge(&pool, schema).await {
        Ok(Change::UnderNobody) => under_nobody(url, &pool).await,
        Ok(Change::AtOnce) => whole(&pool).await,
        Err(error) => Err(error),
    };
    // Closing the session gives the lock back, whatever the migration came to.
    sqlx::Connection::close(guard).await.map_err(unavailable)?;
    pool.close().await?;
    outcome
}

/// All of it in one transaction: a process killed half-way leaves what there was.
async fn whole(pool: &DatabaseConnection) -> Result<(), StoreError> {
    let tx = writer::begin(pool).await?;
    Migrator::up(&tx, None).await.map_err(refused)?;
    Ok(tx.commit().await?)
}

/// A daemon at work goes by the schema as it found it.
async fn under_nobody(url: &str, pool: &DatabaseConnection) -> Result<(), StoreError> {
    let Some(_alone) = lock::hold(url, Hold::Alone).await? else {
        let detail = "a daemon is at work on this book; stop all of them, then run `kinkeeper migrate` again";
        return Err(StoreError::WrongBook(detail.to_owned()));
    };
    whole(pool).await
}

/// Whether the schema is the one this program knows: nobody has brought it further.
pub(super) async fn is_current(pool: &DatabaseConnection) -> Result<(), StoreError> {
    Migrator::get_pending_migrations(pool).await.map(drop).map_err(refused)
}

/// Under whom a schema may be changed.
enum Change {
    /// Nobody works by it, or nothing is to be changed.
    AtOnce,
    UnderNobody,
}

/// Whether a schema may be changed now: a new book's may, an older one's when a person says so.
async fn judge(pool: &DatabaseConnection, schema: Schema) -> Result<Change, StoreError> {
    let pending = Migrator::get_pending_migrations(pool).await.map_err(refused)?.len();
    let applied = Migrator::get_applied_migrations(pool).await.map_err(refused)?.len();
    if pending == 0 || applied == 0 {
        return Ok(Change::AtOnce);
    }
    if schema == Schema::BringUpToDate {
        return Ok(Change::UnderNobody);
    }
    Err(StoreError::WrongBook(format!(
        "this book's schema is older than this program ({pending} changes are missing); make a copy \
         (`kinkeeper backup FILE` with the older program), stop the older daemons, then run `kinkeeper migrate`"
    )))
}

/// A schema of a newer build is refused; nothing is changed in it.
pub(super) fn refused(error: DbErr) -> StoreError {
    match error {
        DbErr::Custom(detail) => StoreError::WrongBook(format!(
            "this book's schema is of another build than this program; use that build or a newer one ({detail})"
        )),
        other => other.into(),
    }
}
