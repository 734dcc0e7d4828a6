//! Handing messages over: one slot a connection, each marking at most sixteen rows at a time, delivering them
//! one after another, and storing every result as it comes.

use super::mark::{Marked, Marker, Wish, mark};
use super::prepare::Prepared;
use super::results::{self, Handed};
use super::{Dispatch, persist};
use crate::delivery::{Connection, Outcome, RelayAdvice, SendError};
use crate::service::ServiceError;
use crate::store::{Lane, StoreError, dispatch};
use futures::FutureExt;
use futures::channel::mpsc;
use futures::future::join_all;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant as Elapsed;

/// Rows marked in one transaction: what a crash may leave unknown, for each connection.
const GROUP: usize = 16;
/// A row not begun this long after it was marked goes back.
pub const BEGIN_WITHIN: Duration = Duration::from_secs(5);

/// Prepared messages the slots take from.
struct Queue(Mutex<VecDeque<Prepared>>);

impl Queue {
    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
    fn take(&self, n: usize) -> Vec<Prepared> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let n = n.min(queue.len());
        queue.drain(..n).collect()
    }
}

/// Hands over what is prepared; gives how many rows changed. What no connection took is due again when
/// a relay may be asked again.
pub async fn hand_over(
    dispatch: &Dispatch,
    marker: Marker,
    prepared: Vec<Prepared>,
) -> Result<u64, ServiceError> {
    if prepared.is_empty() {
        return Ok(0);
    }
    let queue = Queue(Mutex::new(prepared.into()));
    let slots = dispatch
        .relays
        .iter()
        .enumerate()
        .flat_map(|(n, relay)| (0..relay.channel.connections().max(1)).map(move |_| n));
    let runs = slots.map(|n| slot(dispatch, n, &marker, &queue));
    let mut done = 0;
    let mut failed = None;
    for run in join_all(runs).await {
        match run {
            Ok(n) => done += n,
            Err(error) => failed = Some(error),
        }
    }
    let left = queue.take(usize::MAX);
    if !left.is_empty() {
        let rows: Vec<_> = left.iter().map(|p| (p.due.id, p.due.fence)).collect();
        let until = dispatch.paused_until();
        let back = dispatch
            .book
            .store
            .write(Lane::Work, move |tx| Box::pin(async move { dispatch::put_back(tx, &rows, until).await }));
        back.await.map_err(|e: StoreError| e)?;
    }
    failed.map_or(Ok(done), Err)
}

/// One connection's work, until nothing is left or its relay has to rest.
async fn slot(dispatch: &Dispatch, n: usize, marker: &Marker, queue: &Queue) -> Result<u64, ServiceError> {
    let channel = &*dispatch.relays[n].channel;
    let mut done = 0;
    if queue.len() == 0 || dispatch.rests(n).await? {
        return Ok(0);
    }
    let mut connection = match channel.lease().await {
        Ok(connection) => connection,
        Err(error) => {
            dispatch.rest(n, &error).await?;
            return Ok(0);
        }
    };
    while !dispatch.rests(n).await? {
        let wanted = queue.len().min(GROUP);
        if wanted == 0 {
            break;
        }
        let ready = match connection.ready(wanted).await {
            Ok(ready) => ready.clamp(1, GROUP),
            Err(error) => {
                dispatch.rest(n, &error).await?;
                break;
            }
        };
        let group = queue.take(ready);
        if !group.is_empty() {
            done +=
                Group::mark(dispatch, marker, group).await?.deliver(dispatch, n, &mut *connection).await?;
        }
    }
    Ok(done)
}

/// Marked messages on one connection.
struct Group {
    begun: VecDeque<Prepared>,
    settled: u64,
    /// Since before the rows were marked.
    marked: Elapsed,
}

impl Group {
    async fn mark(dispatch: &Dispatch, marker: &Marker, group: Vec<Prepared>) -> Result<Self, ServiceError> {
        let store = &dispatch.book.store;
        let marker = Marker { machine: store.machine_now().await?, ..marker.clone() };
        let wishes: Arc<[Wish]> = group.iter().map(Wish::of).collect();
        let marked = Elapsed::now();
        let unit = persist(store, Lane::People, move |tx| {
            let (marker, wishes) = (marker.clone(), wishes.clone());
            Box::pin(async move { mark(tx, &marker, &wishes).await })
        });
        let Marked { begun, settled } = unit.await?;
        let begun = group
            .into_iter()
            .filter(|p| begun.contains(&p.due.id))
            .map(|mut p| {
                p.due.fence += 1;
                p.due.attempts += 1;
                p
            })
            .collect();
        Ok(Self { begun, settled, marked })
    }

    /// Delivers in order, storing results beside it.
    async fn deliver(
        mut self,
        dispatch: &Dispatch,
        n: usize,
        connection: &mut dyn Connection,
    ) -> Result<u64, ServiceError> {
        let (told, results) = mpsc::unbounded();
        let recording = results::record_all(dispatch, results);
        let settled = self.settled;
        let delivering = async move {
            while let Some(prepared) = self.begun.pop_front() {
                if self.marked.elapsed() > dispatch.begin_within() {
                    drop(told.unbounded_send((Handed::of(&prepared), not_begun(RelayAdvice::Pause))));
                    continue;
                }
                let outcome = self.one(dispatch, connection, &prepared).await;
                if outcome.is_ok() {
                    dispatch.works(n);
                }
                let pause = matches!(&outcome, Err(SendError::Transient { relay: RelayAdvice::Pause, .. }));
                if let (true, Err(error)) = (pause, &outcome) {
                    dispatch.rest(n, error).await?;
                }
                drop(told.unbounded_send((Handed::of(&prepared), outcome)));
                if pause {
                    for rest in self.begun.drain(..) {
                        drop(told.unbounded_send((Handed::of(&rest), not_begun(RelayAdvice::Pause))));
                    }
                }
            }
            Ok::<_, ServiceError>(())
        };
        let (delivered, recorded) = futures::join!(delivering, recording);
        delivered?;
        Ok(settled + recorded?)
    }

    /// Delivers one message; meanwhile nobody takes it, or those behind it, for lost. A panic in the channel
    /// leaves it unknown.
    async fn one(
        &self,
        dispatch: &Dispatch,
        connection: &mut dyn Connection,
        prepared: &Prepared,
    ) -> Outcome {
        let rows: Vec<_> =
            std::iter::once(prepared).chain(&self.begun).map(|p| (p.due.id, p.due.fence)).collect();
        let mut delivery = AssertUnwindSafe(connection.deliver(&prepared.mail)).catch_unwind().boxed();
        loop {
            let tick = tokio::time::sleep(dispatch.renew_every());
            tokio::select! {
                outcome = &mut delivery => {
                    return outcome.unwrap_or_else(|_| {
                        Err(SendError::Unknown { detail: "the channel panicked".to_owned() })
                    });
                }
                () = tick => {
                    if let Err(error) = dispatch.renew(rows.clone()).await {
                        tracing::warn!(%error, "a lease couldn't be renewed during a hand-over");
                    }
                }
            }
        }
    }
}

/// Nothing was handed over, and it isn't the message's fault.
fn not_begun(relay: RelayAdvice) -> Outcome {
    Err(SendError::Transient { detail: "not begun in time".to_owned(), relay })
}
