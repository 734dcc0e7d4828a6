//! The only room that knows SQL, sea-orm and the entities: one file an aggregate, plain functions that
//! take a [`Db`] to read or a [`Tx`] to write, one concrete store on SQLite or PostgreSQL.
//!
//! Nothing here decides anything about customers; nothing here calls a service.

pub mod agent_loads;
pub mod audit;
pub mod calendars;
pub mod callbacks;
pub mod campaigns;
pub mod causes;
pub mod claim;
pub mod clock;
mod connect;
pub mod contact;
pub mod coupon_batches;
pub mod coupons;
pub mod customers;
pub mod definitions;
pub mod dispatch;
pub mod enrollments;
mod error;
pub mod facts;
pub mod held;
pub mod imports;
mod in_list;
pub mod keeping;
pub mod keys;
pub mod meta;
mod migrate;
pub mod occurrences;
pub mod orders;
pub mod overview;
pub mod people;
pub mod profile_page;
pub mod profiles;
pub mod projections;
pub mod quarantine;
pub mod report;
pub mod send_gate;
pub mod shifts;
pub mod shops;
pub mod sources;
mod sql;
pub mod staff;
pub mod stops;
pub mod suppressions;
pub mod templates;
pub mod tickets;
pub mod touchpoints;
pub mod triggers;
pub mod wakes;
pub mod ways;
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
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
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
    pub machine_time: MachineTime,
    pub timeouts: Timeouts,
}

/// Where machine time comes from.
#[derive(Clone)]
pub enum MachineTime {
    /// On PostgreSQL the database's clock, one for all daemons; on SQLite this one.
    Shared(Arc<dyn Clock>),
    /// This clock on either database: a test drives it by hand.
    Given(Arc<dyn Clock>),
}

/// How long the database may keep us waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// A statement (PostgreSQL).
    pub statement: Duration,
    /// A lock; on SQLite the file's.
    pub lock: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { statement: Duration::from_secs(30), lock: Duration::from_secs(5) }
    }
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
    machine_time: MachineTime,
    machine_high_water: AtomicI64,
}

impl Store {
    /// Opens the book, bringing its schema up to date first. A new book becomes real or virtual here, for good.
    pub async fn open(open: Open) -> Result<Self, StoreError> {
        let timeouts = open.timeouts;
        let (reader, writer) = if is_sqlite(&open.url) {
            let write = connect(&open.url, Purpose::Write, 1, timeouts).await?;
            migrate::sqlite(&write).await?;
            let read = connect(&open.url, Purpose::Read, open.pool.max(1), timeouts).await?;
            (read, Writer::sqlite(write))
        } else {
            migrate::postgres(&open.url).await?;
            let people = connect(&open.url, Purpose::Pool, open.pool.max(2), timeouts).await?;
            let work = connect(&open.url, Purpose::Pool, open.work_pool.max(2), timeouts).await?;
            (people.clone(), Writer::Postgres { people, work })
        };
        let reader = Db::pool(reader);
        let clock_kind = birth(&writer, open.virtual_at).await?;
        let high_water = meta::machine_high_water(&reader).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                reader,
                writer,
                clock_kind,
                machine_time: open.machine_time,
                machine_high_water: AtomicI64::new(high_water.micros()),
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

    /// Rises with every change a command made beside a running daemon.
    pub async fn change_seq(&self) -> Result<i64, StoreError> {
        meta::change_seq(self.reader()).await
    }

    fn never_behind(&self, reading: MachineInstant) -> MachineInstant {
        let before = self.inner.machine_high_water.fetch_max(reading.micros(), Ordering::Relaxed);
        MachineInstant::from_micros(reading.micros().max(before))
    }
}

fn is_sqlite(url: &str) -> bool {
    url.starts_with("sqlite:")
}

/// Makes a new book real or virtual for good, or checks that an old one is what it is opened as.
async fn birth(writer: &Writer, virtual_at: Option<Instant>) -> Result<ClockKind, StoreError> {
    writer
        .write(Lane::People, move |tx| {
            Box::pin(async move {
                let wanted = if virtual_at.is_some() { ClockKind::Virtual } else { ClockKind::Real };
                match (meta::be_born(tx, wanted).await?, virtual_at) {
                    (ClockKind::Real, Some(_)) => Err(StoreError::WrongBook(
                        "this book runs on real time; a virtual --clock never touches a real book".to_owned(),
                    )),
                    (ClockKind::Real, None) => Ok(ClockKind::Real),
                    (ClockKind::Virtual, at) => {
                        clock::start_virtual(tx, at).await.map(|()| ClockKind::Virtual)
                    }
                }
            })
        })
        .await
}
