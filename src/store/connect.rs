//! How connections are opened: pragmas on SQLite, time-outs and the clean-up after cancelled work on PostgreSQL.

use super::{StoreError, Timeouts};
use sea_orm::sqlx;
use sea_orm::sqlx::sqlite::{SqliteError, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr, RuntimeErr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant as Elapsed;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// SQLite: the single writing connection.
    Write,
    /// SQLite: reading only; a statement that writes is refused.
    Read,
    /// PostgreSQL: people and ingest, or background work.
    Pool,
}

/// Rows of an answer that may wait for whoever reads it.
const ROWS_BUFFERED: usize = 2_048;

pub(super) async fn connect(
    url: &str,
    purpose: Purpose,
    most: u32,
    timeouts: Timeouts,
) -> Result<DatabaseConnection, StoreError> {
    open(options(url, purpose, most, timeouts), timeouts).await
}

/// SQLite: a connection to read with that stops what it does once `until`, in microseconds since `began`, is past.
pub(super) async fn connect_stoppable(
    url: &str,
    timeouts: Timeouts,
    began: Elapsed,
    until: Arc<AtomicU64>,
) -> Result<DatabaseConnection, StoreError> {
    let mut options = options(url, Purpose::Read, 1, timeouts);
    options.map_sqlx_sqlite_pool_opts(move |pool| {
        let until = until.clone();
        pool.after_connect(move |connection, _| {
            let until = until.clone();
            Box::pin(async move {
                let goes_on = move || began.elapsed().as_micros() < u128::from(until.load(Ordering::Relaxed));
                connection.lock_handle().await?.set_progress_handler(STEPS_BETWEEN_LOOKS, goes_on);
                Ok(())
            })
        })
    });
    open(options, timeouts).await
}

/// Steps of SQLite's machine between looks at the clock: well below a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

fn options(url: &str, purpose: Purpose, most: u32, timeouts: Timeouts) -> ConnectOptions {
    let mut options = ConnectOptions::new(url.to_owned());
    options
        .max_connections(most)
        .min_connections(1)
        .connect_timeout(Duration::from_secs(5))
        .acquire_timeout(Duration::from_secs(5))
        // Each time would be one more round trip a transaction; what was just in use needn't be asked whether it lives.
        .test_before_acquire_if_idle_for(Duration::from_millis(250))
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .map_sqlx_sqlite_opts(move |o| sqlite(o, purpose, timeouts.lock))
        .map_sqlx_postgres_opts(move |o| {
            o.application_name("kinkeeper").statement_cache_capacity(256).options([
                ("statement_timeout", milliseconds(timeouts.statement)),
                ("lock_timeout", milliseconds(timeouts.lock)),
                ("idle_in_transaction_session_timeout", "60s".to_owned()),
                // A plan made once for all while a table was empty reads the whole of it when it has grown; planning our short
                // statements each time costs less than one such reading.
                ("plan_cache_mode", "force_custom_plan".to_owned()),
                // Compiling a statement that runs once takes longer than running it.
                ("jit", "off".to_owned()),
            ])
        })
        .map_sqlx_postgres_pool_opts(|pool| {
            // A `begin` whose caller went away can leave its connection inside a transaction; the next user's
            // writes would then be answered and never committed. The BEGIN is for the ordinary case: outside a
            // transaction a bare ROLLBACK leaves a warning in the server's log each time.
            pool.after_release(|connection, _| {
                Box::pin(async move {
                    use sea_orm::sqlx::Executor;
                    connection.execute("BEGIN; ROLLBACK").await?;
                    Ok(true)
                })
            })
        });
    options
}

async fn open(options: ConnectOptions, timeouts: Timeouts) -> Result<DatabaseConnection, StoreError> {
    let begun = Elapsed::now();
    loop {
        match Database::connect(options.clone()).await {
            Ok(connected) => return Ok(connected),
            // Two that make one new file a WAL stand in each other's way, and there SQLite refuses one at once, whatever
            // its busy_timeout: to wait while it reads could be to wait for itself.
            Err(error) if is_held_up(&error) && begun.elapsed() < timeouts.lock => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(error) => return Err(StoreError::Unavailable(error.to_string())),
        }
    }
}

/// Whether somebody else has the lock of a SQLite file.
fn is_held_up(error: &DbErr) -> bool {
    let DbErr::Conn(RuntimeErr::SqlxError(error)) = error else { return false };
    let sqlx::Error::Database(refusal) = &**error else { return false };
    let code = refusal.code().and_then(|code| code.parse::<i32>().ok());
    // The low byte is SQLITE_BUSY, whatever the extended code adds.
    refusal.try_downcast_ref::<SqliteError>().is_some() && code.is_some_and(|code| code & 0xff == 5)
}

/// As PostgreSQL's settings take it; 0 is no limit.
fn milliseconds(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}

fn sqlite(
    options: sea_orm::sqlx::sqlite::SqliteConnectOptions,
    purpose: Purpose,
    lock: Duration,
) -> sea_orm::sqlx::sqlite::SqliteConnectOptions {
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(lock)
        .foreign_keys(true)
        // Rows go from the connection's thread to us; waking each other for every few costs more than reading them.
        .row_buffer_size(ROWS_BUFFERED)
        // In KiB, a connection: there is one that writes, which touches the most, and several that read.
        .pragma("cache_size", if purpose == Purpose::Read { "-16384" } else { "-65536" })
        .pragma("temp_store", "MEMORY")
        // Pages that many commits change go from the WAL into the book once for all of them: by the writer's own hand, which
        // keeps everybody waiting, what others left of 32 MB (`checkpoints`).
        .pragma("wal_autocheckpoint", "8000");
    if purpose == Purpose::Read { options.pragma("query_only", "ON") } else { options }
}
