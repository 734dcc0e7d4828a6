//! Facts come in: the one way into the log, for HTTP, imports and recorded feeds alike.
//!
//! One transaction appends the log, keeps both idempotencies (by message and by business key), projects,
//! sets the customers due and wakes what waited. What can't be read goes to quarantine and never fails
//! its batch.

mod log;
mod project;
mod read;
mod together;

use log::Appended;
pub(super) use read::{Origin, Slice};
pub use together::is_pressed;

use super::ServiceError;
use crate::store::quarantine::Came;
use crate::store::wakes::Due;
use crate::store::{Store, StoreError, Tx};
use domain::ids::{EventId, SourceId};
use domain::problem::{Problem, together};
use domain::time::Instant;
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// Events from one source, taken in together.
#[derive(Debug, Clone)]
pub struct Batch {
    pub source: SourceId,
    /// When they were received, by the business clock; `None` is now, read inside the transaction.
    pub received_at: Option<Instant>,
    /// Taken in after the fact (历史补录): known, never acted on.
    pub historical: bool,
    /// In Segment's shape: `{"type": "track", "userId": …, "event": …, "properties": {…}}`.
    pub events: Vec<serde_json::Value>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Receipt {
    /// Taken in: logged; for browsing, counted; of people who were erased since, dropped.
    pub accepted: usize,
    /// Known already by their message id; nothing was changed.
    pub duplicate: usize,
    /// What was refused and kept in quarantine: events, and traits of events that were taken in without them.
    pub rejected: Vec<Rejected>,
}

/// An event that was refused, or a part of one, by its place in the batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    pub index: usize,
    /// Of the first thing wrong with it.
    pub code: &'static str,
    /// Everything wrong: where and why, and what would help.
    pub detail: String,
}

impl Rejected {
    fn new(index: usize, problems: &[Problem]) -> Self {
        let code = problems.first().map_or("", |problem| problem.code);
        Self { index, code, detail: together(problems) }
    }

    /// Only some of its traits; what else it says was taken in.
    fn part(index: usize, problems: &[Problem]) -> Self {
        let whole = Self::new(index, problems);
        Self { detail: format!("{}; the rest of the event was taken in", whole.detail), ..whole }
    }
}

/// An event of a batch that couldn't even be read; its place among the events holds null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    pub index: usize,
    pub message_id: Option<String>,
    /// As it was sent, without secrets.
    pub raw: String,
    pub problem: Problem,
}

/// Takes a batch in. It is committed before this answers.
pub async fn accept(store: &Store, batch: Batch) -> Result<Receipt, ServiceError> {
    accept_with(store, batch, Vec::new()).await
}

/// As [`accept`], with events that couldn't be read: they go to quarantine with the others that are refused.
pub async fn accept_with(
    store: &Store,
    batch: Batch,
    unreadable: Vec<Unreadable>,
) -> Result<Receipt, ServiceError> {
    let origin = Origin::find(store, batch.source).await?;
    let slice = Slice::read_with(origin, &batch, unreadable, Due::AtOnce);
    let slice = if slice.asks_the_book() {
        let stamp = Stamp::of(store).await?;
        let received_at = match batch.received_at {
            Some(at) => at,
            None => store.business_now().await?,
        };
        slice.take_over(store.reader(), Came { received_at, machine_at: stamp.machine }).await?
    } else {
        slice
    };
    let taken = together::join(store, slice).await;
    if let Ok(receipt) = &taken {
        let told = |result: &'static str, n: usize| {
            metrics::counter!("kinkeeper_events_total", "result" => result).increment(n as u64);
        };
        told("accepted", receipt.accepted);
        told("duplicate", receipt.duplicate);
        told("rejected", receipt.rejected.len());
    }
    taken.map_err(|error: StoreError| match error {
        // Whoever lost a race may send the same again. SDKs drop what is answered "conflict".
        StoreError::RowsAffected { .. } | StoreError::Conflict { .. } => {
            ServiceError::Unavailable { retry_after: Duration::from_secs(1), detail: error.to_string() }
        }
        other => other.into(),
    })
}

/// The clocks at the door.
#[derive(Debug, Clone, Copy)]
pub(in crate::service) struct Stamp {
    kind: crate::store::ClockKind,
    pub machine: domain::time::MachineInstant,
}

impl Stamp {
    pub async fn of(store: &Store) -> Result<Self, StoreError> {
        Ok(Self { kind: store.clock_kind(), machine: store.machine_now().await? })
    }

    pub async fn received_at(self, tx: &Tx, given: Option<Instant>) -> Result<Instant, StoreError> {
        match given {
            Some(at) => Ok(at),
            None => crate::store::clock::business_now(tx, self.kind, self.machine).await,
        }
    }
}

/// A slice as it was taken in.
pub(in crate::service) struct TakenIn {
    pub receipt: Receipt,
    /// Places in [`Slice::said`] of what was new.
    pub fresh: BTreeSet<usize>,
    /// The first and the last id it was given in the log.
    pub events: Option<(EventId, EventId)>,
}

/// Takes a slice in within the caller's transaction. Refused events are reported, not kept: that is the
/// caller's.
pub(in crate::service) async fn take_in(
    tx: &Tx,
    slice: &Slice,
    received_at: Instant,
    stamp: Stamp,
) -> Result<TakenIn, StoreError> {
    let Appended { logged, dropped } = log::append(tx, slice, received_at, stamp.machine).await?;
    project::apply(tx, slice, received_at, &logged).await?;
    let fresh: BTreeSet<usize> = logged.iter().map(|event| event.place).chain(dropped).collect();
    let (accepted, duplicate) = (fresh.len() + slice.browsing, slice.said.len() - fresh.len());
    let receipt = Receipt { accepted, duplicate, rejected: slice.rejected.clone() };
    // Ids were given in the slice's order.
    let events = logged.first().map(|event| event.id).zip(logged.last().map(|event| event.id));
    Ok(TakenIn { receipt, fresh, events })
}
