//! What became of hand-overs, stored as they end: the row, what it counted for, its coupon, and the
//! enrollment it wakes, in one transaction.

use super::prepare::Prepared;
use super::settle::{clear, wake};
use super::{Dispatch, persist};
use crate::delivery::{Outcome, RelayAdvice, SendError};
use crate::service::ServiceError;
use crate::store::dispatch::{self, End, HandOver};
use crate::store::{Lane, Store, StoreError, Tx, clock, contact, coupons};
use domain::ids::{EnrollmentId, TouchpointId};
use domain::time::{MachineInstant, Span};
use futures::StreamExt;
use futures::channel::mpsc::UnboundedReceiver;
use std::sync::Arc;

/// Attempts after which a message that is put off again and again has failed.
const MOST_ATTEMPTS: i64 = 5;
/// Longest pause between two attempts.
const LONGEST_PAUSE: Span = Span::minutes(10);

/// Which row a result belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handed {
    id: TouchpointId,
    fence: i64,
    enrollment_id: EnrollmentId,
    attempts: i64,
}

impl Handed {
    pub fn of(prepared: &Prepared) -> Self {
        let due = &prepared.due;
        Self { id: due.id, fence: due.fence, enrollment_id: due.enrollment_id, attempts: due.attempts }
    }
}

/// Stores results until the sender is gone: all that have come while the last ones were written go together.
/// Gives how many hand-overs ended.
pub async fn record_all(
    dispatch: &Dispatch,
    results: UnboundedReceiver<(Handed, Outcome)>,
) -> Result<u64, ServiceError> {
    let mut batches = results.ready_chunks(64);
    let mut done = 0;
    while let Some(batch) = batches.next().await {
        let machine = dispatch.book.store.machine_now().await?;
        let base = dispatch.book.lease.length;
        let ends: Vec<(Handed, End)> = batch
            .into_iter()
            .map(|(handed, outcome)| (handed, end(handed, outcome, machine, base)))
            .collect();
        for (_, end) in &ends {
            metrics::counter!("kinkeeper_hand_overs_total", "result" => end.hand_over.name()).increment(1);
        }
        done += store_ends(&dispatch.book.store, machine, ends).await?;
    }
    Ok(done)
}

fn end(handed: Handed, outcome: Outcome, machine: MachineInstant, base: Span) -> End {
    let (hand_over, detail) = match outcome {
        Ok(delivered) => (HandOver::Sent, delivered.reply),
        Err(SendError::Unknown { detail }) => (HandOver::Unknown, detail),
        Err(SendError::Permanent { detail, .. }) => (HandOver::Failed, detail),
        // The relay's trouble isn't the recipient's: such an attempt doesn't count.
        Err(SendError::Transient { relay: RelayAdvice::Pause, detail }) => {
            (HandOver::Requeued { until: None, attempts: handed.attempts - 1 }, detail)
        }
        Err(SendError::Transient { detail, .. }) if handed.attempts >= MOST_ATTEMPTS => {
            (HandOver::Failed, detail)
        }
        Err(SendError::Transient { detail, .. }) => {
            let until = Some(machine + pause(base, handed.attempts));
            (HandOver::Requeued { until, attempts: handed.attempts }, detail)
        }
    };
    End { id: handed.id, fence: handed.fence, hand_over, detail: Some(detail) }
}

/// `base`, doubled with every attempt.
fn pause(base: Span, attempts: i64) -> Span {
    let doubled = base.as_micros().saturating_mul(1 << attempts.clamp(1, 20) as u32 >> 1);
    Span::micros(doubled).min(LONGEST_PAUSE)
}

async fn store_ends(
    store: &Store,
    machine: MachineInstant,
    ends: Vec<(Handed, End)>,
) -> Result<u64, ServiceError> {
    let kind = store.clock_kind();
    let ends: Arc<[(Handed, End)]> = ends.into();
    let stored = persist(store, Lane::People, move |tx| {
        let ends = ends.clone();
        Box::pin(async move {
            let now = clock::business_now(tx, kind, machine).await?;
            finish(tx, now, &ends).await
        })
    });
    Ok(stored.await?)
}

async fn finish(tx: &Tx, now: domain::time::Instant, ends: &[(Handed, End)]) -> Result<u64, StoreError> {
    let requeued = |e: &End| matches!(e.hand_over, HandOver::Requeued { .. });
    wake(tx, now, ends.iter().filter(|(_, e)| !requeued(e)).map(|(h, _)| h.enrollment_id).collect()).await?;
    let rows: Vec<End> = ends.iter().map(|(_, e)| e.clone()).collect();
    let changed = dispatch::finish(tx, now, &rows).await?;
    let of = |wanted: fn(&HandOver) -> bool| -> Vec<TouchpointId> {
        rows.iter().filter(|e| wanted(&e.hand_over) && changed.contains(&e.id)).map(|e| e.id).collect()
    };
    coupons::issue(tx, now, &of(|h| matches!(h, HandOver::Sent | HandOver::Unknown))).await?;
    clear(tx, &of(|h| matches!(h, HandOver::Failed))).await?;
    let back = of(|h| matches!(h, HandOver::Requeued { .. }));
    contact::uncount(tx, &back).await?;
    contact::unreach(tx, &back).await?;
    Ok(changed.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_minutes() {
        let base = Span::seconds(30);
        let pauses: Vec<i64> = (1..=6).map(|n| pause(base, n).as_seconds()).collect();
        assert_eq!(pauses, [30, 60, 120, 240, 480, 600]);
    }
}
