//! The one place where transactions are opened.
//!
//! SQLite: one task owns the one writing connection. Units of work run inside a group commit (`BEGIN
//! IMMEDIATE`), each but the first under a savepoint, so a failing unit rolls back alone and many small units share one sync to
//! disk; they are answered after COMMIT. People and ingest go before background work.
//!
//! PostgreSQL: every unit runs in its own spawned task, so that a caller who goes away can't cancel a
//! half-open `begin` and leave a connection inside a transaction nobody commits.

use super::refusals::RefusalLog;
use super::{StoreError, Tx};
use futures::FutureExt;
use futures::future::BoxFuture;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant as Elapsed;

/// Who waits for the answer: people and ingest go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    People,
    Work,
}

type Boxed = Box<dyn Any + Send>;
/// What a unit came to: its value, or its own error (rolled back).
type UnitResult = Result<Boxed, Boxed>;
type UnitBody = Box<dyn for<'a> FnOnce(&'a Tx) -> BoxFuture<'a, UnitResult> + Send>;

pub(super) struct Unit {
    body: UnitBody,
    answer: oneshot::Sender<Result<UnitResult, StoreError>>,
}

/// A group is committed when nobody waits, after this many units or this long.
const GROUP_UNITS: usize = 64;
const GROUP_TIME: Duration = Duration::from_millis(20);

#[derive(Clone)]
pub(super) enum Writer {
    Sqlite {
        people: mpsc::Sender<Unit>,
        work: mpsc::Sender<Unit>,
        statements: Arc<AtomicU64>,
    },
    Postgres {
        people: DatabaseConnection,
        work: DatabaseConnection,
        refusals: Option<Arc<RefusalLog>>,
        statements: Arc<AtomicU64>,
    },
}

impl Writer {
    /// Starts the writing task on its own connection; `committed` hears of each commit.
    pub(super) fn sqlite(
        conn: DatabaseConnection,
        refusals: Option<Arc<RefusalLog>>,
        committed: watch::Sender<()>,
    ) -> Self {
        let (people, people_units) = mpsc::channel(1_024);
        let (work, work_units) = mpsc::channel(64);
        let statements = Arc::default();
        let target = Target { conn, refusals, statements: Arc::clone(&statements) };
        tokio::spawn(run_sqlite(target, committed, people_units, work_units));
        Self::Sqlite { people, work, statements }
    }

    pub(super) fn postgres(
        people: DatabaseConnection,
        work: DatabaseConnection,
        refusals: Option<Arc<RefusalLog>>,
    ) -> Self {
        Self::Postgres { people, work, refusals, statements: Arc::default() }
    }

    /// How many statements have passed in transactions that ended.
    pub(super) fn asked(&self) -> u64 {
        let (Self::Sqlite { statements, .. } | Self::Postgres { statements, .. }) = self;
        statements.load(Ordering::Relaxed)
    }

    pub(super) async fn write<T, E, F>(&self, lane: Lane, body: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'a> FnOnce(&'a Tx) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
    {
        let body: UnitBody = Box::new(move |tx| {
            async move {
                match body(tx).await {
                    Ok(value) => Ok(Box::new(value) as Boxed),
                    Err(error) => Err(Box::new(error) as Boxed),
                }
            }
            .boxed()
        });
        let outcome = match self {
            Self::Sqlite { people, work, .. } => {
                let (answer, waiting) = oneshot::channel();
                let queue = if lane == Lane::People { people } else { work };
                let gone = || E::from(StoreError::Unavailable("the writer has stopped".to_owned()));
                queue.send(Unit { body, answer }).await.map_err(|_| gone())?;
                waiting.await.map_err(|_| gone())?
            }
            Self::Postgres { people, work, refusals, statements } => {
                let conn = if lane == Lane::People { people.clone() } else { work.clone() };
                let target = Target { conn, refusals: refusals.clone(), statements: Arc::clone(statements) };
                match tokio::spawn(run_postgres(target, body)).await {
                    Ok(outcome) => outcome,
                    Err(e) => Err(StoreError::Panicked(e.to_string())),
                }
            }
        };
        match outcome {
            Ok(Ok(value)) => Ok(*value.downcast::<T>().expect("a unit answers with its own value type")),
            Ok(Err(error)) => Err(*error.downcast::<E>().expect("a unit answers with its own error type")),
            Err(store) => Err(E::from(store)),
        }
    }
}

/// What is written to: the database, and the log of refusals beside it.
struct Target {
    conn: DatabaseConnection,
    refusals: Option<Arc<RefusalLog>>,
    statements: Arc<AtomicU64>,
}

impl Target {
    /// Of a transaction about to end.
    fn count(&self, tx: &Tx) {
        self.statements.fetch_add(tx.asked(), Ordering::Relaxed);
    }

    async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(Tx::new(begin(&self.conn).await?, self.refusals.clone()))
    }
}

async fn run_postgres(target: Target, body: UnitBody) -> Result<UnitResult, StoreError> {
    let tx = target.begin().await?;
    let outcome = guarded(&tx, body).await;
    target.count(&tx);
    let inner = tx.into_inner().expect("made from a transaction above");
    match outcome {
        Ok(Ok(value)) => {
            inner.commit().await?;
            Ok(Ok(value))
        }
        Ok(Err(refusal)) => {
            inner.rollback().await?;
            Ok(Err(refusal))
        }
        Err(panicked) => {
            inner.rollback().await?;
            Err(panicked)
        }
    }
}

/// The one helper the ban points to: IMMEDIATE on SQLite.
#[allow(clippy::disallowed_methods)]
pub(super) async fn begin(conn: &DatabaseConnection) -> Result<DatabaseTransaction, StoreError> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    Ok(conn.begin_with_options(options).await?)
}

async fn guarded(tx: &Tx, body: UnitBody) -> Result<UnitResult, StoreError> {
    AssertUnwindSafe(body(tx)).catch_unwind().await.map_err(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|s| (*s).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        StoreError::Panicked(text)
    })
}

async fn run_sqlite(
    target: Target,
    committed: watch::Sender<()>,
    mut people: mpsc::Receiver<Unit>,
    mut work: mpsc::Receiver<Unit>,
) {
    loop {
        let first = tokio::select! {
            biased;
            Some(unit) = people.recv() => unit,
            Some(unit) = work.recv() => unit,
            else => return,
        };
        run_group(&target, first, &mut people, &mut work).await;
        committed.send_replace(());
    }
}

type Answer = oneshot::Sender<Result<UnitResult, StoreError>>;

/// What running a unit inside a group came to.
enum Ran {
    /// It has its outcome; a refused or panicked one left nothing behind.
    Done(Result<UnitResult, StoreError>),
    /// Its savepoint couldn't be set, undone or released: nothing in this group may be committed.
    GroupLost(StoreError),
}

async fn run_group(
    target: &Target,
    first: Unit,
    people: &mut mpsc::Receiver<Unit>,
    work: &mut mpsc::Receiver<Unit>,
) {
    let tx = match target.begin().await {
        Ok(tx) => tx,
        Err(error) => return drop(first.answer.send(Err(error))),
    };
    let started = Elapsed::now();
    let mut done: Vec<(Answer, Result<UnitResult, StoreError>)> = Vec::new();
    let mut lost = None;
    let mut next = Some(first);
    while let Some(unit) = next.take() {
        // Nobody waits for it any more and it hasn't begun: a claim, say, would lease rows to no one.
        if !unit.answer.is_closed() {
            // The first needs no savepoint: failing, it is all there is to undo.
            let ran = if done.is_empty() {
                Ran::Done(guarded(&tx, unit.body).await)
            } else {
                run_unit(&tx, unit.body).await
            };
            match ran {
                Ran::Done(outcome) if done.is_empty() && !matches!(outcome, Ok(Ok(_))) => {
                    target.count(&tx);
                    let inner = tx.into_inner().expect("made from a transaction above");
                    // What this answers doesn't matter: the connection's next BEGIN shows whether it is still good.
                    drop(inner.rollback().await);
                    return drop(unit.answer.send(outcome));
                }
                Ran::Done(outcome) => done.push((unit.answer, outcome)),
                Ran::GroupLost(error) => {
                    lost = Some(error.to_string());
                    drop(unit.answer.send(Err(error)));
                    break;
                }
            }
        }
        if done.len() < GROUP_UNITS && started.elapsed() < GROUP_TIME {
            next = people.try_recv().or_else(|_| work.try_recv()).ok();
        }
    }
    target.count(&tx);
    let inner = tx.into_inner().expect("made from a transaction above");
    let ended = match lost {
        None => inner.commit().await.map_err(|e| format!("commit failed: {e}")),
        Some(why) => {
            // What this answers doesn't matter: the connection's next BEGIN shows whether it is still good.
            drop(inner.rollback().await);
            Err(why)
        }
    };
    for (answer, outcome) in done {
        let outcome = match &ended {
            Ok(()) => outcome,
            Err(why) => Err(StoreError::Unavailable(why.clone())),
        };
        drop(answer.send(outcome));
    }
}

/// Runs one unit under its savepoint; a refusal or panic leaves no trace of it in the group.
async fn run_unit(tx: &Tx, body: UnitBody) -> Ran {
    if let Err(error) = tx.execute_unprepared("SAVEPOINT unit").await {
        return Ran::GroupLost(error.into());
    }
    let outcome = guarded(tx, body).await;
    let end = match outcome {
        Ok(Ok(_)) => "RELEASE unit",
        _ => "ROLLBACK TO unit; RELEASE unit",
    };
    match tx.execute_unprepared(end).await {
        Ok(_) => Ran::Done(outcome),
        Err(error) => Ran::GroupLost(error.into()),
    }
}
