//! Questions to the whole book: each read as of one instant, and given up after a while. On PostgreSQL in a transaction of its own; on
//! SQLite on a connection that is asked nothing else meanwhile, so that it is known whose statement to stop.

use super::connect::{Purpose, connect, connect_stoppable};
use super::sql::Db;
use super::{Store, StoreError, Timeouts};
use futures::future::BoxFuture;
use sea_orm::{AccessMode, ConnectionTrait, DatabaseConnection, IsolationLevel, TransactionTrait};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant as Elapsed;

/// How many questions SQLite answers at once.
const LINES: usize = 2;
/// What PostgreSQL may take to remember who was found: in less it would look each customer up again and again.
const MEMORY: &str = "SET LOCAL work_mem = '64MB'";

/// Whoever answers questions.
pub(super) struct Askers {
    url: String,
    timeouts: Timeouts,
    began: Elapsed,
    /// PostgreSQL's.
    pool: OnceCell<DatabaseConnection>,
    /// SQLite's.
    lines: [Line; LINES],
    turn: AtomicU64,
}

/// A connection, opened for the first question, and until when it may work: microseconds since the askers began.
#[derive(Default)]
struct Line {
    connection: Mutex<Option<DatabaseConnection>>,
    until: Arc<AtomicU64>,
}

/// Stops what still runs on a line, whatever became of who asked.
struct Stop<'a>(&'a AtomicU64);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

impl Askers {
    pub fn new(url: String, timeouts: Timeouts) -> Self {
        let (pool, lines, turn) = (OnceCell::new(), Default::default(), AtomicU64::new(0));
        Self { url, timeouts, began: Elapsed::now(), pool, lines, turn }
    }

    async fn line<T>(
        &self,
        within: Duration,
        question: impl for<'a> FnOnce(&'a Db) -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let next = &self.lines[usize::try_from(turn).unwrap_or_default() % LINES];
        let line = self.lines.iter().find(|line| line.connection.try_lock().is_ok()).unwrap_or(next);
        let mut connection = line.connection.lock().await;
        let open = match connection.take() {
            Some(open) => open,
            None => connect_stoppable(&self.url, self.timeouts, self.began, line.until.clone()).await?,
        };
        let open = connection.insert(open);
        // Whatever ran here for somebody who went away is stopped before this begins.
        #[allow(clippy::disallowed_methods, reason = "the connection refuses to write")]
        let transaction = open.begin().await?;
        let until = self.began.elapsed().saturating_add(within);
        line.until.store(u64::try_from(until.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let _stop = Stop(&line.until);
        let db = Db::within(transaction);
        question(&db).await
    }

    async fn transaction<T>(
        &self,
        reader: &Db,
        within: Duration,
        question: impl for<'a> FnOnce(&'a Db) -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let open = || connect(&self.url, Purpose::Pool, 4, self.timeouts);
        let pool = self.pool.get_or_try_init(open).await?;
        #[allow(clippy::disallowed_methods, reason = "read only")]
        let transaction =
            pool.begin_with_config(Some(IsolationLevel::RepeatableRead), Some(AccessMode::ReadOnly)).await?;
        let limit = format!("SET LOCAL statement_timeout = {}", within.as_millis().max(1));
        transaction.execute_unprepared(&limit).await?;
        transaction.execute_unprepared(MEMORY).await?;
        let db = Db::within(transaction);
        let backend = db.number("SELECT CAST(pg_backend_pid() AS BIGINT)", vec![]).await?;
        let mut cancel = Cancel { backend, by: reader.connection() };
        let answer = question(&db).await;
        cancel.backend = None;
        answer
    }
}

/// Has PostgreSQL stop what it still does for somebody who went away.
struct Cancel {
    backend: Option<i64>,
    by: Option<DatabaseConnection>,
}

impl Drop for Cancel {
    fn drop(&mut self) {
        let (Some(backend), Some(by)) = (self.backend.take(), self.by.take()) else { return };
        tokio::spawn(async move {
            let stop = format!("SELECT pg_cancel_backend({backend})");
            if let Err(error) = by.execute_unprepared(&stop).await {
                tracing::debug!(%error, "a question that nobody waits for goes on until its time is up");
            }
        });
    }
}

impl Store {
    /// Asks the whole book, and gives up after `within`.
    pub async fn ask<T, F>(&self, within: Duration, question: F) -> Result<T, StoreError>
    where
        F: for<'a> FnOnce(&'a Db) -> BoxFuture<'a, Result<T, StoreError>> + Send,
    {
        let begun = Elapsed::now();
        let askers = &self.inner.askers;
        let answer = if self.reader().is_postgres() {
            askers.transaction(self.reader(), within, question).await
        } else {
            askers.line(within, question).await
        };
        match answer {
            // However the database says that it was stopped.
            Err(StoreError::Unavailable(_) | StoreError::Db(_)) if begun.elapsed() >= within => {
                Err(StoreError::TookTooLong(within))
            }
            answer => answer,
        }
    }
}
