//! Batches that wait for each other are taken in together: one transaction for all that came while the one before was
//! written. Who comes alone waits for nobody. What a batch means is no business of this file.

use super::{Receipt, Slice, Stamp, TakenIn, log, take_in};
use crate::store::quarantine::{self, Came};
use crate::store::{Lane, Store, StoreError, Tx};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Events of one transaction, but for a batch that is larger by itself.
const MOST: usize = 1_500;

/// So many events of batches that waited for each other say that facts come faster than they are taken in.
const PRESSING: usize = 200;

type Taken = Result<Receipt, StoreError>;
type Waiting = (Slice, oneshot::Sender<Taken>);

/// What a book's batches wait in.
#[derive(Default)]
struct Together {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Whether somebody works them off.
    at_work: bool,
    /// Whether many of the last that were taken in had waited for each other.
    pressed: bool,
}

/// Takes a slice in, with others if others wait. It is committed before this answers.
pub(super) async fn join(store: &Store, slice: Slice) -> Taken {
    let (answer, taken) = oneshot::channel();
    let together: Arc<Together> = store.companion();
    if together.wait((slice, answer)) {
        // In a task of its own: a sender who goes away leaves the others' batches to be taken in.
        tokio::spawn(work_off(store.clone(), together));
    }
    taken
        .await
        .unwrap_or_else(|_| Err(StoreError::Unavailable("taking the batch in was broken off".to_owned())))
}

async fn work_off(store: Store, together: Arc<Together>) {
    let leaving = Leaving(&together);
    while let Some(group) = together.next() {
        let (slices, answers): (Vec<Slice>, Vec<_>) = group.into_iter().unzip();
        for (answer, taken) in answers.into_iter().zip(take_group(&store, slices).await) {
            // Whoever went away needs no answer.
            drop(answer.send(taken));
        }
    }
    std::mem::forget(leaving);
}

/// If taking in panics, those who come later don't wait for it for ever.
struct Leaving<'a>(&'a Together);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        *state = State::default();
    }
}

impl Together {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody is at work: the caller has to see to it then.
    fn wait(&self, one: Waiting) -> bool {
        let mut state = self.lock();
        state.waiting.push_back(one);
        !std::mem::replace(&mut state.at_work, true)
    }

    /// The first that waits and those behind it that go with it; `None` ends the work.
    fn next(&self) -> Option<Vec<Waiting>> {
        let mut state = self.lock();
        let Some(first) = state.waiting.pop_front() else {
            (state.at_work, state.pressed) = (false, false);
            return None;
        };
        let mut events = first.0.said.len();
        let mut group = vec![first];
        while let Some((slice, _)) = state.waiting.front() {
            let with_it = events + slice.said.len();
            if with_it > MOST || !slice.goes_with(&group[0].0) {
                break;
            }
            events = with_it;
            group.extend(state.waiting.pop_front());
        }
        // Two that happened to meet are no flood: at a steady rate that leaves time to spare they do all the time.
        state.pressed = group.len() > 1 && events >= PRESSING;
        Some(group)
    }
}

/// Whether facts come faster than they are taken in: many wait for each other.
pub fn is_pressed(store: &Store) -> bool {
    store.companion::<Together>().lock().pressed
}

/// Takes slices in that go with each other; if that fails, each alone, so that none suffers from another.
async fn take_group(store: &Store, slices: Vec<Slice>) -> Vec<Taken> {
    if slices.len() > 1 {
        match take(store, slices.clone()).await {
            Ok(receipts) => return receipts.into_iter().map(Ok).collect(),
            // Nor would it take one of them now, and each would wait for that in turn.
            Err(StoreError::Unavailable(why)) => {
                return slices.iter().map(|_| Err(StoreError::Unavailable(why.clone()))).collect();
            }
            Err(_) => {}
        }
    }
    let mut taken = Vec::with_capacity(slices.len());
    for slice in slices {
        let alone = take(store, vec![slice]).await;
        taken.push(alone.map(|mut receipts| receipts.pop().expect("one receipt a slice")));
    }
    taken
}

/// One transaction; a receipt for each of these slices, in their order.
async fn take(store: &Store, slices: Vec<Slice>) -> Result<Vec<Receipt>, StoreError> {
    let stamp = Stamp::of(store).await?;
    let Some((whole, parts)) = Slice::join(slices) else { return Ok(Vec::new()) };
    let whole = Arc::new((whole, parts));
    store
        .write_again(Lane::People, move |tx| {
            let whole = whole.clone();
            Box::pin(async move {
                let (slice, parts) = &*whole;
                let TakenIn { fresh, .. } = take_all(tx, slice, stamp).await?;
                Ok(parts.iter().map(|part| part.receipt(&fresh)).collect())
            })
        })
        .await
}

async fn take_all(tx: &Tx, slice: &Slice, stamp: Stamp) -> Result<TakenIn, StoreError> {
    let received_at = stamp.received_at(tx, slice.received_at).await?;
    let taken = take_in(tx, slice, received_at, stamp).await?;
    let came = Came { received_at, machine_at: stamp.machine };
    let refused = log::keepable(tx, &slice.origin, came, &slice.refused).await?;
    quarantine::add(tx, slice.origin.source.id, came, refused).await?;
    Ok(taken)
}
