//! The only room that knows SQL, sea-orm and the entities: one file an aggregate, plain functions that
//! take a [`Db`] to read or a [`Tx`] to write, one concrete store on SQLite or PostgreSQL.
//!
//! Nothing here decides anything about customers; nothing here calls a service.

pub mod audit;
pub mod calendars;
pub mod claim;
pub mod clock;
mod connect;
pub mod coupon_batches;
mod error;
pub mod keys;
pub mod meta;
pub mod profiles;
pub mod shifts;
pub mod shops;
pub mod sources;
mod sql;
pub mod staff;
pub mod stops;
pub mod suppressions;
pub mod templates;
mod writer;

pub use claim::{Claimable, Claimed, Lease, waiting};
pub use clock::Step;
pub use error::StoreError;
pub use meta::ClockKind;
pub use sql::{Db, Tx};
pub use writer::Lane;

use connect::{Purpose, connect};
use domain::time::{Clock, Instant, MachineInstant};
use futures::future::BoxFuture;
use migration::MigratorTrait;
use sea_orm::DatabaseConnection;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use writer::Writer;

/// How to open a book.
#[derive(Clone)]
pub struct Open {
    /// `sqlite://path/to/kinkeeper.db` or `postgres://…`.
    pub url: String,
    /// Connections for reading (SQLite), or for people and ingest (PostgreSQL).
    pub pool: u32,
    /// Connections for background work (PostgreSQL).
    pub work_pool: u32,
    /// `Some` on a virtual clock: a new book starts there.
    pub virtual_at: Option<Instant>,
    pub machine_clock: Arc<dyn Clock>,
}

/// An open book.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    reader: Db,
    writer: Writer,
    clock_kind: ClockKind,
    machine_clock: Arc<dyn Clock>,
    machine_high_water: AtomicI64,
}

impl Store {
    /// Opens the book, bringing its schema up to date first. A new book becomes real or virtual here, for good.
    pub async fn open(open: Open) -> Result<Self, StoreError> {
        let (reader, writer) = if is_sqlite(&open.url) {
            let write = connect(&open.url, Purpose::Write, 1).await?;
            migrate(&write).await?;
            let read = connect(&open.url, Purpose::Read, open.pool.max(1)).await?;
            (read, Writer::sqlite(write))
        } else {
            let people = connect(&open.url, Purpose::Pool, open.pool.max(2)).await?;
            migrate_locked(&people).await?;
            let work = connect(&open.url, Purpose::Pool, open.work_pool.max(2)).await?;
            (people.clone(), Writer::Postgres { people, work })
        };
        let reader = Db::pool(reader);
        let clock_kind = birth(&reader, &writer, open.virtual_at).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                reader,
                writer,
                clock_kind,
                machine_clock: open.machine_clock,
                machine_high_water: AtomicI64::new(i64::MIN),
            }),
        })
    }

    /// Runs a unit of work in one transaction: all of it is committed before this answers, or nothing of it is.
    pub async fn write<T, E, F>(&self, lane: Lane, unit: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'a> FnOnce(&'a Tx) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
    {
        self.inner.writer.write(lane, unit).await
    }

    /// To read with, outside any transaction.
    pub fn reader(&self) -> &Db {
        &self.inner.reader
    }

    pub fn clock_kind(&self) -> ClockKind {
        self.inner.clock_kind
    }

    fn machine_clock(&self) -> &dyn Clock {
        &*self.inner.machine_clock
    }

    fn never_behind(&self, reading: MachineInstant) -> MachineInstant {
        let before = self.inner.machine_high_water.fetch_max(reading.micros(), Ordering::Relaxed);
        MachineInstant::from_micros(reading.micros().max(before))
    }
}

fn is_sqlite(url: &str) -> bool {
    url.starts_with("sqlite:")
}

async fn migrate(conn: &DatabaseConnection) -> Result<(), StoreError> {
    migration::Migrator::up(conn, None).await.map_err(StoreError::from)
}

/// One migrator at a time, however many daemons start at once.
async fn migrate_locked(conn: &DatabaseConnection) -> Result<(), StoreError> {
    use sea_orm::sqlx;
    const LOCK: i64 = 0x6b69_6e6b_6565_7065;
    let mut guard = conn
        .get_postgres_connection_pool()
        .acquire()
        .await
        .map_err(|e| StoreError::Unavailable(e.to_string()))?
        .detach();
    let unavailable = |e: sqlx::Error| StoreError::Unavailable(e.to_string());
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut guard).await.map_err(unavailable)?;
    let outcome = migrate(conn).await;
    // Closing the session gives the lock back, whatever the migration came to.
    sqlx::Connection::close(guard).await.map_err(unavailable)?;
    outcome
}

async fn birth(reader: &Db, writer: &Writer, virtual_at: Option<Instant>) -> Result<ClockKind, StoreError> {
    match (meta::clock_kind(reader).await?, virtual_at) {
        (Some(ClockKind::Real), Some(_)) => Err(StoreError::WrongBook(
            "this book runs on real time; a virtual --clock never touches a real book".to_owned(),
        )),
        (Some(ClockKind::Real), None) => Ok(ClockKind::Real),
        (None, None) => {
            writer
                .write(Lane::People, |tx| Box::pin(meta::set_clock_kind(tx, ClockKind::Real)))
                .await
                .map_err(|e: StoreError| e)?;
            Ok(ClockKind::Real)
        }
        (_, at) => {
            writer
                .write(Lane::People, move |tx| Box::pin(clock::start_virtual(tx, at)))
                .await
                .map_err(|e: StoreError| e)?;
            Ok(ClockKind::Virtual)
        }
    }
}

/// The earliest instant at which a callback changes by itself.
async fn callback_wake(db: &Db) -> Result<Option<Instant>, StoreError> {
    Ok(db
        .number("SELECT MIN(wake_at) FROM callback WHERE wake_at IS NOT NULL", vec![])
        .await?
        .map(Instant::from_micros))
}
