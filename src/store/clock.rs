//! Business now, and the stepping of a virtual clock.
//!
//! A virtual clock is one row that every daemon reads and that only ever moves forward, by an update
//! conditional on its fence, and only when nothing due at or before it is left and no lease is out.

use super::claim::{Claimable, dues_sql, waiting};
use super::meta::ClockKind;
use super::sql::args;
use super::wakes::AFTER_IMPORT;
use super::{Db, Lane, MachineTime, Store, StoreError, Tx};
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
    let Some(waiting) = waiting_work(tx, machine).await? else { return Ok(Step::NotYet) };
    match min(feed_next, waiting.earliest) {
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

/// When anything that waits is due next, if anything does.
struct Waiting {
    earliest: Option<Instant>,
}

/// What waits, in one statement; `None` while somebody is at work: holds a lease, or is handing a message over.
/// After a crash recovery settles the latter, at the instant at which it was begun.
async fn waiting_work(tx: &Tx, machine: MachineInstant) -> Result<Option<Waiting>, StoreError> {
    let leased = waiting::ALL
        .map(|Claimable { table, .. }| format!("EXISTS (SELECT 1 FROM {table} WHERE leased_until > $1)"))
        .join(" OR ");
    let sql = format!(
        "SELECT (SELECT MIN(due) FROM ({} UNION ALL SELECT MIN(wake_at) FROM callback \
         UNION ALL SELECT MIN(due_at) FROM run WHERE done_at IS NULL) q) AS earliest, \
         CAST(CASE WHEN {leased} OR EXISTS (SELECT 1 FROM touchpoint WHERE state = 'sending') \
         THEN 1 ELSE 0 END AS BIGINT) AS busy",
        dues_sql(&waiting::ALL),
    );
    let row = tx.one(&sql, args![machine]).await?.ok_or_else(no_clock)?;
    if row.int("busy")? == 1 {
        return Ok(None);
    }
    Ok(Some(Waiting { earliest: row.opt_at("earliest")?.filter(|due| *due < AFTER_IMPORT) }))
}

fn min(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
