//! What the holder of a callback does with it: start, decline, tell the outcome; and cancelling. A claim that
//! isn't the caller's any more is a conflict, whatever they were about to say.

use super::super::{Book, ServiceError, reasons};
use super::carry_out::Desk;
use super::view::{CallbackView, view};
use crate::store::callbacks::{self as rows, StoredCallback, Turn};
use crate::store::{Tx, audit, customers};
use domain::callback::{CallResult, Event, Unreached};
use domain::ids::{CallbackId, StaffId};
use serde_json::{Value, json};

/// A callback as its holder knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub id: CallbackId,
    pub agent: StaffId,
    /// The fence handed out with the pull; where it is given, an older claim of the same agent is refused too.
    pub fence: Option<i64>,
}

/// How a call ended, by the agent's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Reached(CallResult),
    NotReached(Unreached),
}

/// The agent dials: the attempt begins.
///
/// # Errors
/// A conflict if the claim is lost, in quiet hours, or if the customer has had their calls of the day.
pub async fn start(book: &Book, claim: Claim) -> Result<CallbackView, ServiceError> {
    let desk = Desk::open(book).await?;
    book.write(move |tx, _| {
        Box::pin(async move {
            let customer = found(claim.id, rows::find(tx, claim.id).await?)?.callback.task.customer_id;
            // Two agents who dial the same customer for two reasons are counted one after the other.
            rows::lock_callee(tx, customer).await?;
            let (before, actor) = claimed(tx, &desk, claim).await?;
            let event = Event::Start { agent: claim.agent };
            let after = desk.step(tx, &before, &event, &actor, Value::Null).await?;
            view(tx, after).await
        })
    })
    .await
}

/// The agent gives it back; `reason` is a word for the log, nothing personal.
///
/// # Errors
/// A conflict if the claim is lost or the call has begun.
pub async fn decline(book: &Book, claim: Claim, reason: Option<String>) -> Result<(), ServiceError> {
    let desk = Desk::open(book).await?;
    book.write(move |tx, _| {
        Box::pin(async move {
            rows::claim_queue(tx, Turn::Return).await?;
            let (before, actor) = claimed(tx, &desk, claim).await?;
            let about = before.callback.task.customer_id;
            reasons::check(tx, about, "reason", reason.as_deref().unwrap_or_default()).await?;
            let ring = desk.ring(&before.callback, desk.now(tx).await?);
            let event = Event::Decline { agent: claim.agent, ring };
            let detail = json!({"reason": reason});
            desk.step(tx, &before, &event, &actor, detail.clone()).await?;
            audited(tx, &desk, actor, "callback.declined", claim.id, detail).await
        })
    })
    .await
}

/// Ends the attempt: reached completes the callback; else the next slot, or the end of all attempts.
///
/// # Errors
/// A conflict if the claim is lost or no call has begun.
pub async fn outcome(book: &Book, claim: Claim, outcome: Outcome) -> Result<CallbackView, ServiceError> {
    let desk = Desk::open(book).await?;
    book.write(move |tx, _| {
        Box::pin(async move {
            // A next slot can be this very instant's only by the router; nothing returns to the queue here.
            let (before, actor) = claimed(tx, &desk, claim).await?;
            let agent = claim.agent;
            let about = before.callback.task.customer_id;
            let erased =
                customers::list(tx, &[about]).await?.get(&about).is_some_and(|row| row.erased_at.is_some());
            let event = match outcome {
                // What somebody said who was erased meanwhile isn't kept; that they were reached is.
                Outcome::Reached(result) if erased => {
                    Event::Reached { agent, result: CallResult { feedback: None, ..result } }
                }
                Outcome::Reached(result) => Event::Reached { agent, result },
                Outcome::NotReached(ended) => Event::NotReached { agent, ended },
            };
            let after = desk.step(tx, &before, &event, &actor, Value::Null).await?;
            let detail = json!({"state": after.callback.state(), "attempts": after.callback.attempts});
            audited(tx, &desk, actor, "callback.ended_call", claim.id, detail).await?;
            view(tx, after).await
        })
    })
    .await
}

/// Ends a callback that nobody shall make any more, by `actor`, who says why.
///
/// # Errors
/// A conflict if it has ended; an empty reason is refused.
pub async fn cancel(book: &Book, id: CallbackId, actor: String, reason: String) -> Result<(), ServiceError> {
    if reason.trim().is_empty() {
        return Err(ServiceError::invalid("reason", "empty", "say why the callback is cancelled"));
    }
    let desk = Desk::open(book).await?;
    book.write(move |tx, _| {
        Box::pin(async move {
            let before = found(id, rows::lock(tx, id).await?)?;
            reasons::check(tx, before.callback.task.customer_id, "reason", &reason).await?;
            let detail = json!({"reason": reason});
            desk.step(tx, &before, &Event::Cancel, &actor, detail).await?;
            audited(tx, &desk, actor, "callback.cancelled", id, json!({})).await
        })
    })
    .await
}

fn found(id: CallbackId, row: Option<StoredCallback>) -> Result<StoredCallback, ServiceError> {
    row.ok_or_else(|| ServiceError::NotFound(format!("callback {id}")))
}

/// The callback, locked, and the agent's key. Who holds it is the transition's to check; that this is still
/// the same hold is checked here.
async fn claimed(tx: &Tx, desk: &Desk, claim: Claim) -> Result<(StoredCallback, String), ServiceError> {
    let stored = found(claim.id, rows::lock(tx, claim.id).await?)?;
    if let Some(fence) = claim.fence.filter(|fence| *fence != stored.fence) {
        return Err(ServiceError::Conflict(format!(
            "{} is not yours any more: your claim was {fence}, it stands at {} and is {}; take the next one",
            claim.id,
            stored.fence,
            stored.callback.state()
        )));
    }
    let member = desk.staffing.member(claim.agent);
    let member = member.ok_or_else(|| ServiceError::Forbidden("you are not active staff".to_owned()))?;
    Ok((stored, member.key.clone()))
}

async fn audited(
    tx: &Tx,
    desk: &Desk,
    actor: String,
    action: &str,
    id: CallbackId,
    detail: Value,
) -> Result<(), ServiceError> {
    let at = desk.now(tx).await?;
    let subject = format!("callback:{id}");
    Ok(audit::record(tx, audit::Entry { at, actor, action: action.to_owned(), subject, detail }).await?)
}
