//! The only room that knows SQL, sea-orm and the entities: one file an aggregate, plain functions that
//! take a [`Db`] to read or a [`Tx`] to write, one concrete store on SQLite or PostgreSQL.
//!
//! Nothing here decides anything about customers; nothing here calls a service.

pub mod access_log;
pub mod agent_loads;
pub mod aggregates;
mod ask;
pub mod asked;
pub mod audit;
mod backup;
pub mod blocked;
mod bulk;
pub mod calendars;
pub mod calibration;
pub mod callbacks;
pub mod campaigns;
pub mod causes;
pub mod changes;
mod checkpoints;
pub mod claim;
pub mod clock;
pub mod clusters;
pub mod columns;
mod connect;
pub mod consent_batches;
pub mod consents;
pub mod contact;
pub mod correction;
pub mod coupon_batches;
pub mod coupons;
pub mod customers;
pub mod definitions;
pub mod dispatch;
pub mod enrollments;
pub mod epoch;
pub mod erasure;
mod error;
pub mod facts;
pub mod held;
pub mod housekeeping;
pub mod idempotency;
pub mod imports;
mod in_list;
pub mod invariants;
pub mod keeping;
pub mod keys;
pub mod lock;
mod logged;
pub mod meta;
mod migrate;
pub mod names;
pub mod notes;
pub mod occurrences;
pub mod orders;
pub mod overview;
mod packed;
pub mod people;
pub mod personal;
pub mod personal_copy;
pub mod products;
pub mod profile_page;
pub mod profiles;
pub mod projections;
pub mod properties;
pub mod quarantine;
pub mod rates;
pub mod reach;
pub mod records;
pub mod refusals;
pub mod report;
pub mod resolution;
pub mod restate;
pub mod restore;
pub mod retention;
mod row;
pub mod rule_sql;
pub mod rules;
pub mod runs;
pub mod segments;
pub mod send_gate;
pub mod set_aside;
pub mod shifts;
pub mod shops;
pub mod showcase;
pub mod sources;
mod sql;
pub mod staff;
pub mod stops;
pub mod suppressions;
mod tables;
pub mod templates;
pub mod tickets;
pub mod timeline;
pub mod touchpoints;
pub mod triggers;
pub mod wakes;
pub mod ways;
pub mod withdrawal;
mod writer;

pub use claim::{Claimable, Claimed, Lease, waiting};
pub use clock::Step;
pub use error::StoreError;
pub use meta::ClockKind;
pub use sql::{Db, Tx};
pub use writer::Lane;

use ask::Askers;
use connect::{Purpose, connect};
use domain::time::{Clock, Instant, MachineInstant};
use futures::future::BoxFuture;
use refusals::RefusalLog;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
    /// The file outside the database that remembers refusals; `None` for a book that isn't for keeps.
    pub refusals: Option<PathBuf>,
    pub schema: Schema,
    /// The folder for the copy of a SQLite book made before its schema is changed.
    pub backups: PathBuf,
}

/// What to do about a PostgreSQL book whose schema is older than this program's. A SQLite book is brought up to
/// date by whoever opens it; a database that several daemons share, by a person who has stopped the older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    MustBeCurrent,
    BringUpToDate,
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

/// How often work that can be begun again is, at the most.
const MOST_TRIES: u32 = 4;

/// An open book.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// To open further connections with; may hold a password.
    url: String,
    reader: Db,
    askers: Askers,
    writer: Writer,
    clock_kind: ClockKind,
    machine_time: MachineTime,
    machine_high_water: AtomicI64,
    companions: Mutex<HashMap<TypeId, Companion>>,
}

type Companion = Arc<dyn Any + Send + Sync>;

impl Store {
    /// Opens the book, bringing its schema up to date first. A new book becomes real or virtual here, for good.
    pub async fn open(open: Open) -> Result<Self, StoreError> {
        let timeouts = open.timeouts;
        let refusals = open.refusals.as_deref().map(open_refusals).transpose()?;
        let (reader, writer) = if is_sqlite(&open.url) {
            let write = connect(&open.url, Purpose::Write, 1, timeouts).await?;
            migrate::sqlite(&write, &open.backups, timeouts.lock).await?;
            let read = connect(&open.url, Purpose::Read, open.pool.max(1), timeouts).await?;
            let committed = checkpoints::start(&open.url, timeouts);
            (read, Writer::sqlite(write, refusals, committed))
        } else {
            migrate::postgres(&open.url, open.schema).await?;
            let people = connect(&open.url, Purpose::Pool, open.pool.max(2), timeouts).await?;
            let work = connect(&open.url, Purpose::Pool, open.work_pool.max(2), timeouts).await?;
            (people.clone(), Writer::postgres(people, work, refusals))
        };
        let reader = Db::pool(reader);
        let clock_kind = birth(&writer, open.virtual_at).await?;
        let high_water = meta::machine_high_water(&reader).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                askers: Askers::new(open.url.clone(), timeouts),
                url: open.url,
                reader,
                writer,
                clock_kind,
                machine_time: open.machine_time,
                machine_high_water: AtomicI64::new(high_water.micros()),
                companions: Mutex::default(),
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

    /// As [`Store::write`], for work that can be begun again: where another transaction was in the way it is, so that
    /// nobody hears of it. From the second time on whoever decides who is who does so alone ([`clusters`]), and so two
    /// can't be in each other's way again.
    pub async fn write_again<T, F>(&self, lane: Lane, unit: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'a> Fn(&'a Tx) -> BoxFuture<'a, Result<T, StoreError>> + Send + Sync + 'static,
    {
        let unit = Arc::new(unit);
        for before in 0..MOST_TRIES {
            let unit = unit.clone();
            let once = self.inner.writer.write(lane, move |tx| {
                tx.note_outrun(before);
                unit(tx)
            });
            match once.await {
                Err(StoreError::Outrun(why)) => tracing::debug!(%why, before, "a transaction is tried again"),
                outcome => return outcome,
            }
        }
        Err(StoreError::Outrun(format!("{MOST_TRIES} times in a row")))
    }

    /// What a use case keeps in memory beside an open book, one of a kind; empty when the book is opened.
    pub fn companion<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut companions = self.inner.companions.lock().unwrap_or_else(PoisonError::into_inner);
        let one = companions.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        one.clone().downcast().expect("kept under its own type")
    }

    /// To read with, outside any transaction.
    pub fn reader(&self) -> &Db {
        &self.inner.reader
    }

    /// Refuses a book whose schema somebody has brought further than this program knows it.
    pub async fn refuse_newer_schema(&self) -> Result<(), StoreError> {
        match &self.inner.writer {
            Writer::Postgres { people, .. } => migrate::is_current(people).await,
            // Under the daemon's file lock.
            Writer::Sqlite { .. } => Ok(()),
        }
    }

    /// How many statements have passed in transactions: what taking facts in costs must not grow with their number.
    pub fn asked_in_transactions(&self) -> u64 {
        self.inner.writer.asked()
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

fn open_refusals(path: &Path) -> Result<Arc<RefusalLog>, StoreError> {
    let opened = RefusalLog::open(path).map(Arc::new);
    opened.map_err(|e| StoreError::WrongBook(format!("the log of refusals {}: {e}", path.display())))
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
