//! Moving customers through their campaigns: what the domain decides is next becomes touchpoints, callbacks
//! and waits, each in the transaction that moves the enrollment on.

use super::callbacks::{Desk, NewCallback, create};
use super::shop::{Shop, shop};
use super::{Book, ServiceError, Staffing, definitions, poison};
use crate::store::enrollments::{self, Enrolled};
use crate::store::touchpoints::{self, NewTouchpoint};
use crate::store::{Claimed, Lane, StoreError, Tx, coupon_batches, waiting};
use chrono_tz::Tz;
use domain::callback::DueTimes;
use domain::callback::due::reach_due;
use domain::campaign::definition::{Definition, Step, Trigger};
use domain::campaign::journey::{Decision, Enrollment, Facts, advance};
use domain::campaign::state::EnrollmentState;
use domain::campaign::touch::Reason;
use domain::ids::{CouponBatchId, EnrollmentId};
use domain::time::Instant;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// When the journeys are due next.
pub async fn next_due(book: &Book) -> Result<Option<Instant>, ServiceError> {
    Ok(book.store.next_due(waiting::ENROLLMENTS).await?)
}

/// Moves up to `limit` due enrollments one decision on; gives how many were looked at. One that can't be moved
/// ends as failed, and the others go on.
pub async fn advance_due(book: &Book, now: Instant, limit: i64) -> Result<u64, ServiceError> {
    let claimed = book.store.claim(waiting::ENROLLMENTS, now, &book.lease, limit).await?;
    let db = book.store.reader();
    let read = poison::read_apart(&claimed, |some| async move { enrollments::load(db, &some).await }).await?;
    let definitions = definitions::of(book, read.sound.iter().map(|e| e.version_id)).await?;
    let desk = Desk::open(book).await?;
    let room = Room::load(book, desk.staffing.clone()).await?;
    let (mut moves, mut broken) = (Vec::with_capacity(read.sound.len()), read.broken);
    for e in read.sound {
        let claimed = e.claimed;
        let decided = definitions
            .get(e.version_id)
            .map_err(str::to_owned)
            .and_then(|definition| poison::decide_apart(|| decide(&room, definition, e, now)));
        match decided {
            Ok(one) => moves.push(Arc::new(one)),
            Err(why) => broken.push((claimed, why)),
        }
    }
    let refused = poison::carry_out_apart(moves, |moves| carry_out_all(book, &desk, moves, now)).await?;
    broken.extend(refused.into_iter().map(|(one, why)| (one.enrolled.claimed, why)));
    for (claimed, why) in broken {
        fail(book, claimed, why, now).await?;
    }
    Ok(claimed.len() as u64)
}

async fn carry_out_all(
    book: &Book,
    desk: &Desk,
    moves: Vec<Arc<Move>>,
    now: Instant,
) -> Result<(), ServiceError> {
    let desk = desk.clone();
    book.store
        .write(Lane::Work, move |tx| {
            Box::pin(async move {
                for one in moves {
                    carry_out(tx, &desk, &one, now).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Ends an enrollment that can't go on, with what waits of it.
async fn fail(book: &Book, claimed: Claimed, why: String, now: Instant) -> Result<(), ServiceError> {
    tracing::error!(enrollment.id = claimed.key, why, "an enrollment can't go on; it fails");
    let unit = book.store.write(Lane::Work, move |tx| {
        Box::pin(async move {
            if enrollments::fail(tx, claimed, &why, now).await? {
                touchpoints::fail_waiting(tx, EnrollmentId(claimed.key), &why, now).await?;
            }
            Ok::<_, StoreError>(())
        })
    });
    Ok(unit.await?)
}

/// What all decisions of a batch share.
struct Room {
    shop: Shop,
    staffing: Arc<Staffing>,
    batches: HashMap<String, CouponBatchId>,
}

impl Room {
    async fn load(book: &Book, staffing: Arc<Staffing>) -> Result<Self, ServiceError> {
        let batches = coupon_batches::ids(book.store.reader()).await?;
        Ok(Self { shop: shop(book).await?, staffing, batches })
    }
}

/// One enrollment, what is to be done with it, and what that needs.
struct Move {
    enrolled: Enrolled,
    definition: Arc<Definition>,
    decision: Decision,
    plan: Plan,
}

/// What has to be made.
enum Plan {
    Nothing,
    Touch(Box<NewTouchpoint>),
    Callback(Box<NewCallback>),
}

fn decide(room: &Room, definition: &Arc<Definition>, enrolled: Enrolled, now: Instant) -> Move {
    let zone = enrolled.zone.unwrap_or(room.shop.zone);
    let facts = Facts {
        ordered: enrolled.ordered,
        opted_out: enrolled.opted_out,
        complained: enrolled.complained,
        standing: enrolled.standing,
        touches: enrolled.touches.clone(),
        // The step is moved on in the transaction that makes the callback, so none is met twice.
        called: BTreeSet::new(),
    };
    let at = Enrollment { step: enrolled.step, entered_at: enrolled.cause_at };
    let decision = advance(definition, &at, &facts, looked_at(definition, &enrolled, now), zone);
    let plan = match &decision {
        Decision::CreateTouchpoint { step, not_before, .. } => {
            touch(room, definition, &enrolled, &decision, *step, *not_before, zone)
        }
        Decision::CreateCallback { .. } => callback(room, definition, &enrolled, &decision),
        _ => Plan::Nothing,
    };
    Move { enrolled, definition: definition.clone(), decision, plan }
}

/// An occasion is planned before its slot, so that the day's arbitration sees it: its first step is decided
/// as of the slot. Everything else is decided as of now.
fn looked_at(definition: &Definition, enrolled: &Enrolled, now: Instant) -> Instant {
    match definition.trigger {
        Trigger::Occasion(_) if enrolled.step == 0 && enrolled.touches.is_empty() => {
            now.max(enrolled.cause_at)
        }
        _ => now,
    }
}

fn touch(
    room: &Room,
    definition: &Definition,
    enrolled: &Enrolled,
    decision: &Decision,
    step: usize,
    send_at: Instant,
    zone: Tz,
) -> Plan {
    let (Decision::CreateTouchpoint { channel, expires_at, .. }, Some(Step::Send(send))) =
        (decision, definition.steps.get(step))
    else {
        return Plan::Nothing;
    };
    Plan::Touch(Box::new(NewTouchpoint {
        customer_id: enrolled.customer_id,
        enrollment_id: enrolled.id,
        campaign_id: enrolled.campaign_id,
        step,
        channel: *channel,
        purpose: definition.purpose,
        priority: definition.priority,
        send_at,
        expires_at: *expires_at,
        local_date: send_at.local_date(zone),
        template_key: send.template.clone(),
        coupon_batch_id: send.coupon.as_ref().and_then(|key| room.batches.get(key).copied()),
        message_id: message_id(enrolled, step, channel.as_str(), &room.shop),
    }))
}

/// The same for every attempt, different for every touchpoint of every book.
fn message_id(enrolled: &Enrolled, step: usize, channel: &str, shop: &Shop) -> String {
    let domain = shop.sender_address.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    format!("<{}.{}.{step}.{channel}@{domain}>", shop.key, enrolled.id)
}

fn callback(room: &Room, definition: &Definition, enrolled: &Enrolled, decision: &Decision) -> Plan {
    let Decision::CreateCallback { step, kind, terms, caused_at } = decision else { return Plan::Nothing };
    let working_days = &room.staffing.working_days;
    let first = working_days.business_day(*caused_at, u32::from(terms.first_working_day));
    let last = working_days.business_day(*caused_at, u32::from(terms.last_working_day));
    Plan::Callback(Box::new(NewCallback {
        origin_key: format!("{}:{}:{step}", definition.key, enrolled.occasion_key),
        customer_id: enrolled.customer_id,
        kind: *kind,
        reason: format!("{}: {}", definition.key, enrolled.occasion_key),
        script: Some(definition.key.clone()),
        required_level: terms.level,
        skills: Vec::new(),
        optional_skills: Vec::new(),
        team: None,
        owner: None,
        times: DueTimes {
            not_before: first.open,
            due_at: last.close,
            reach_due_at: reach_due(last.close, working_days),
        },
    }))
}

async fn carry_out(tx: &Tx, desk: &Desk, one: &Move, now: Instant) -> Result<(), ServiceError> {
    let Move { enrolled: e, definition, decision, plan } = one;
    let claimed = e.claimed;
    match *decision {
        Decision::CreateTouchpoint { step, expires_at, .. } => {
            // First the fenced update: what happened meanwhile makes the rest of this decision void.
            if enrollments::stand(tx, claimed, step, expires_at.max(now)).await?
                && let Plan::Touch(new) = plan
            {
                touchpoints::plan(tx, now, (**new).clone()).await?;
            }
        }
        Decision::CreateCallback { step, .. } => {
            if enrollments::stand(tx, claimed, step + 1, now).await?
                && let Plan::Callback(new) = plan
            {
                create(tx, desk, new).await?;
            }
        }
        Decision::ExpireTouchpoint { step, channel } => {
            if enrollments::stand(tx, claimed, step, now).await? {
                touchpoints::expire(tx, e.id, step, channel, now).await?;
            }
        }
        Decision::AwaitTouchpoint { step, until } => {
            enrollments::stand(tx, claimed, step, until.unwrap_or(Instant::MAX)).await?;
        }
        Decision::WaitUntil { at, step } => {
            enrollments::stand(tx, claimed, step, at).await?;
        }
        Decision::Exit(condition) => {
            if enrollments::end(tx, claimed, EnrollmentState::Exited, Some(condition.as_str()), now).await? {
                touchpoints::skip_waiting(tx, e.id, Reason::Exited, now).await?;
            }
        }
        Decision::Done => {
            enrollments::end(tx, claimed, EnrollmentState::Done, None, now).await?;
            tracing::debug!(campaign.key = %definition.key, enrollment.id = %e.id, "a journey came to its end");
        }
    }
    Ok(())
}
