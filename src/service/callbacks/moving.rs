//! What moves without anybody's word: waking, lapsed leases, holders gone off shift, rings, breaches. The
//! router's work, a few rows a transaction, each looked at again under its lock.

use super::super::{Book, ServiceError};
use super::carry_out::Desk;
use crate::store::callbacks::{self as rows, StoredCallback, Turn};
use crate::store::{Lane, Tx};
use domain::callback::{Event, Phase};
use domain::ids::CallbackId;
use domain::time::{Instant, Span};
use serde_json::Value;

/// Callbacks moved in one transaction.
const UNIT: usize = 32;
/// How long a callback that can't be moved is left alone.
const AGAIN_AFTER: Span = Span::minutes(10);

/// Moves up to `limit` callbacks that are due at `now`, and gives how many changed.
pub async fn move_due(book: &Book, now: Instant, limit: i64) -> Result<u64, ServiceError> {
    let due = rows::due_to_move(book.store.reader(), now, limit).await?;
    let mut moved = 0;
    for unit in due.chunks(UNIT) {
        moved += match move_unit(book, unit.to_vec()).await {
            Ok(n) => n,
            Err(ServiceError::Unavailable { retry_after, detail }) => {
                return Err(ServiceError::Unavailable { retry_after, detail });
            }
            // One row spoils its unit only once: each is tried by itself.
            Err(_) => one_by_one(book, now, unit).await?,
        };
    }
    Ok(moved)
}

/// When a callback moves by itself next.
pub async fn next_due(book: &Book) -> Result<Option<Instant>, ServiceError> {
    Ok(rows::next_wake(book.store.reader()).await?)
}

async fn one_by_one(book: &Book, now: Instant, unit: &[CallbackId]) -> Result<u64, ServiceError> {
    let mut moved = 0;
    for id in unit.iter().copied() {
        match move_unit(book, vec![id]).await {
            Ok(n) => moved += n,
            Err(error) => {
                tracing::error!(callback.id = %id, %error, "a callback can't be moved; it is left alone for a while");
                let until = now + AGAIN_AFTER;
                book.store.write(Lane::Work, move |tx| Box::pin(rows::postpone(tx, id, until))).await?;
            }
        }
    }
    Ok(moved)
}

async fn move_unit(book: &Book, unit: Vec<CallbackId>) -> Result<u64, ServiceError> {
    let desk = Desk::open(book).await?;
    book.store
        .write(Lane::Work, move |tx| {
            Box::pin(async move {
                rows::claim_queue(tx, Turn::Return).await?;
                let mut moved = 0;
                for id in unit {
                    if let Some(before) = rows::lock(tx, id).await? {
                        moved += u64::from(move_one(tx, &desk, before).await?);
                    }
                }
                Ok(moved)
            })
        })
        .await
}

/// Whether anything about it changed.
async fn move_one(tx: &Tx, desk: &Desk, before: StoredCallback) -> Result<bool, ServiceError> {
    let now = desk.now(tx).await?;
    let woken = before.wake_at.is_some_and(|at| at <= now);
    if let Some(event) = event_at(desk, &before, now, woken) {
        match desk.step(tx, &before, &event, super::BY_ITSELF, Value::Null).await {
            Ok(_) => return Ok(true),
            // Not the moment after all: quiet hours moved, or the day's calls are used up.
            Err(ServiceError::Conflict(_)) if woken => {}
            Err(error) => return Err(error),
        }
    }
    if woken { Ok(desk.refresh(tx, &before).await?.is_some()) } else { Ok(false) }
}

/// What time says about a callback that stands so.
fn event_at(desk: &Desk, stored: &StoredCallback, now: Instant, woken: bool) -> Option<Event> {
    let on_shift = |agent| desk.staffing.member(agent).is_some_and(|m| m.agent.on_shift_until(now).is_some());
    match stored.callback.phase {
        Phase::Scheduled if woken => Some(Event::Wake),
        Phase::Assigned(hold) | Phase::InProgress(hold) if hold.lease_until <= now => {
            Some(Event::LeaseLapsed)
        }
        Phase::Assigned(hold) if !on_shift(hold.agent) => Some(Event::AgentGone),
        _ => None,
    }
}
