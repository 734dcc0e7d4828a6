//! Bringing a book's schema up to date: whole or not at all, one migrator at a time. What the schema is
//! stands in the `migration` crate.

use super::connect::{Purpose, connect};
use super::{StoreError, Timeouts, writer};
use migration::{Migrator, MigratorTrait};
use sea_orm::{DatabaseConnection, DbErr};
use std::time::Duration;

/// In one transaction under the file's write lock: a process killed half-way leaves what there was, and a
/// second process waits.
pub(super) async fn sqlite(conn: &DatabaseConnection) -> Result<(), StoreError> {
    if Migrator::get_pending_migrations(conn).await.map_err(refused)?.is_empty() {
        return Ok(());
    }
    let tx = writer::begin(conn).await?;
    Migrator::up(&tx, None).await.map_err(refused)?;
    Ok(tx.commit().await?)
}

/// Under an advisory lock, however many daemons start at once, on connections that wait as long as it takes.
pub(super) async fn postgres(url: &str) -> Result<(), StoreError> {
    use sea_orm::sqlx;
    const LOCK: i64 = 0x6b69_6e6b_6565_7065;
    let patient = Timeouts { statement: Duration::ZERO, lock: Duration::ZERO };
    let pool = connect(url, Purpose::Pool, 2, patient).await?;
    let unavailable = |e: sqlx::Error| StoreError::Unavailable(e.to_string());
    let mut guard = pool.get_postgres_connection_pool().acquire().await.map_err(unavailable)?.detach();
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut guard).await.map_err(unavailable)?;
    let outcome = Migrator::up(&pool, None).await.map_err(refused);
    // Closing the session gives the lock back, whatever the migration came to.
    sqlx::Connection::close(guard).await.map_err(unavailable)?;
    pool.close().await?;
    outcome
}

/// A schema of a newer build is refused; nothing is changed in it.
fn refused(error: DbErr) -> StoreError {
    match error {
        DbErr::Custom(detail) => StoreError::WrongBook(format!(
            "this book's schema is of another build than this program; use that build or a newer one ({detail})"
        )),
        other => other.into(),
    }
}
