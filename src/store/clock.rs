//! Business now, and the stepping of a virtual clock.
//!
//! A virtual clock is one row that every daemon reads and that only ever moves forward, by an update
//! conditional on its fence, and only when nothing due at or before it is left and no lease is out.

use super::claim::{next_due, waiting};
use super::meta::ClockKind;
use super::sql::args;
use super::{Db, Lane, MachineTime, Store, StoreError, Tx, callbacks};
use domain::time::{Instant, MachineInstant};

/// What one attempt to step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The clock now stands at this instant.
    Moved(Instant),
    /// Something is still due at the present instant, or somebody holds a lease, or another daemon stepped.
    NotYet,
    /// Nothing waits before the limit; the clock stands where it was.
    Idle,
}

impl Store {
    /// Business now: the stored instant on a virtual book, else the machine's.
    pub async fn business_now(&self) -> Result<Instant, StoreError> {
        match self.clock_kind() {
            ClockKind::Real => Ok(Instant::from_micros(self.machine_now().await?.micros())),
            ClockKind::Virtual => stored(self.reader()).await,
        }
    }

    /// Machine now: the database's clock on PostgreSQL (one for all daemons), else this machine's, never
    /// behind a reading already given.
    pub async fn machine_now(&self) -> Result<MachineInstant, StoreError> {
        let reading = match &self.inner.machine_time {
            MachineTime::Shared(_) if self.reader().is_postgres() => {
                let sql = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";
                MachineInstant::from_micros(self.reader().number(sql, vec![]).await?.unwrap_or(0))
            }
            MachineTime::Shared(clock) | MachineTime::Given(clock) => clock.machine_now(),
        };
        Ok(self.never_behind(reading))
    }

    /// Moves a virtual clock to the earliest instant at which anything waits: the store's own due work or
    /// `feed_next`, but not beyond `limit`.
    pub async fn step_clock(&self, feed_next: Option<Instant>, limit: Instant) -> Result<Step, StoreError> {
        let machine = self.machine_now().await?;
        self.write(Lane::Work, move |tx| Box::pin(step(tx, machine, feed_next, limit))).await
    }

    /// Moves a virtual clock towards `at`: to the earliest due instant before it, else to `at` itself.
    pub async fn advance_clock(&self, at: Instant) -> Result<Step, StoreError> {
        if at <= self.business_now().await? {
            return Ok(Step::Idle);
        }
        self.step_clock(Some(at), at).await
    }
}

/// Business now inside a transaction. On a virtual book the clock can't move until the transaction ends,
/// so what it decides at this instant is done before any later one.
pub async fn business_now(tx: &Tx, kind: ClockKind, machine: MachineInstant) -> Result<Instant, StoreError> {
    match kind {
        ClockKind::Real => Ok(Instant::from_micros(machine.micros())),
        ClockKind::Virtual if tx.is_postgres() => {
            let row = tx.one("SELECT now_at FROM clock WHERE id = 1 FOR SHARE", vec![]).await?;
            row.ok_or_else(no_clock)?.at("now_at")
        }
        ClockKind::Virtual => stored(tx).await,
    }
}

async fn stored(db: &Db) -> Result<Instant, StoreError> {
    db.one("SELECT now_at FROM clock WHERE id = 1", vec![]).await?.ok_or_else(no_clock)?.at("now_at")
}

fn no_clock() -> StoreError {
    StoreError::WrongBook("a virtual book without a clock row".to_owned())
}

/// Gives a new virtual book its clock, or checks an old one's. An earlier instant than the stored one is
/// refused: time doesn't go back.
pub(super) async fn start_virtual(tx: &Tx, at: Option<Instant>) -> Result<(), StoreError> {
    if let Some(at) = at {
        let sql = "INSERT INTO clock (id, now_at, fence) VALUES (1, $1, 0) ON CONFLICT (id) DO NOTHING";
        tx.exec(sql, args![at]).await?;
    }
    let stored = stored(tx).await?;
    match at {
        Some(at) if at < stored => Err(StoreError::WrongBook(format!(
            "this book's clock stands at {stored}; {at} is before it. Leave --clock out to go on from there"
        ))),
        // A later one is no jump over what is due in between: stepping stops at each of it.
        _ => Ok(()),
    }
}

async fn step(
    tx: &Tx,
    machine: MachineInstant,
    feed_next: Option<Instant>,
    limit: Instant,
) -> Result<Step, StoreError> {
    let lock = if tx.is_postgres() { " FOR UPDATE" } else { "" };
    let row = tx.one(&format!("SELECT now_at, fence FROM clock WHERE id = 1{lock}"), vec![]).await?;
    let row = row.ok_or_else(no_clock)?;
    let (now, fence) = (row.at("now_at")?, row.int("fence")?);
    let mut earliest = feed_next;
    if being_handed_over(tx).await? {
        return Ok(Step::NotYet);
    }
    for what in waiting::ALL {
        let leased = format!("SELECT fence FROM {} WHERE leased_until > $1 LIMIT 1", what.table);
        if tx.one(&leased, args![machine]).await?.is_some() {
            return Ok(Step::NotYet);
        }
        earliest = min(earliest, next_due(tx, what).await?);
    }
    earliest = min(earliest, callbacks::next_wake(tx).await?);
    match earliest {
        Some(due) if due <= now => Ok(Step::NotYet),
        Some(due) if due <= limit => {
            let sql =
                "UPDATE clock SET now_at = $1, fence = fence + 1 WHERE id = 1 AND fence = $2 AND now_at < $1";
            match tx.exec(sql, args![due, fence]).await? {
                1 => Ok(Step::Moved(due)),
                _ => Ok(Step::NotYet),
            }
        }
        _ => Ok(Step::Idle),
    }
}

/// What is being sent now: after a crash, recovery settles it, at the instant at which it was begun.
async fn being_handed_over(tx: &Tx) -> Result<bool, StoreError> {
    Ok(tx.one("SELECT id FROM touchpoint WHERE state = 'sending' LIMIT 1", vec![]).await?.is_some())
}

fn min(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
