//! The atomic pull: an agent asks for the next callback and gets one nobody else has, or hears why none.
//!
//! The queue is walked in the order of `domain::callback::rank`, part by part and page by page as stored;
//! what the stored order doesn't know yet (a breach or a ring whose moment has come) is looked at beside it.

use super::super::{Book, ServiceError};
use super::carry_out::Desk;
use super::view::{CallbackView, view};
use crate::store::callbacks::{self as rows, QueuePart, StoredCallback, Turn};
use crate::store::{StoreError, Tx, agent_loads};
use domain::callback::rank::pick;
use domain::callback::{Agent, Band, Callback, Event, Level, Load, Ring, apply};
use domain::ids::{CallbackId, CustomerId, StaffId};
use domain::time::Instant;
use serde_json::json;
use std::collections::HashSet;

/// What a pull came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Pulled {
    Got(Box<CallbackView>),
    None(Nothing),
}

/// Why there is nothing for the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nothing {
    OffShift,
    AtCapacity,
    CallsUsedUp,
    /// None waits that this agent may serve now.
    NoneForYou,
}

impl Nothing {
    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OffShift => "off_shift",
            Self::AtCapacity => "at_capacity",
            Self::CallsUsedUp => "calls_used_up",
            Self::NoneForYou => "none_for_you",
        }
    }
}

/// Rows read at a time, and read at the most in one pull: whoever could serve none of so many tries again.
const PAGE: i64 = 64;
const MOST_READ: usize = 2_048;
const MOST_LAGGING: i64 = 512;

/// Claims the next callback for the agent, in one transaction.
///
/// # Errors
/// Forbidden for whoever isn't active staff.
pub async fn next(book: &Book, agent: StaffId) -> Result<Pulled, ServiceError> {
    let desk = Desk::open(book).await?;
    book.write(move |tx, _| Box::pin(async move { pull(tx, &desk, agent).await })).await
}

async fn pull(tx: &Tx, desk: &Desk, id: StaffId) -> Result<Pulled, ServiceError> {
    let Some(member) = desk.staffing.member(id) else {
        return Err(ServiceError::Forbidden("you are not active staff; ask your supervisor".to_owned()));
    };
    rows::claim_queue(tx, Turn::Pull).await?;
    let Some(carried) = agent_loads::lock(tx, id).await? else {
        return Err(ServiceError::Internal(format!("{id} has no agent_load row; apply the staff again")));
    };
    let now = desk.now(tx).await?;
    let calls_begun = if carried.calls_on == desk.day(now) { carried.calls } else { 0 };
    let count = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    // Calls not yet begun will be made today as well.
    let load = Load { held: count(carried.held), calls_today: count(calls_begun + carried.assigned) };
    let agent = &member.agent;
    let Some(shift_ends_at) = agent.on_shift_until(now) else { return Ok(Pulled::None(Nothing::OffShift)) };
    if load.held >= agent.capacity_held {
        return Ok(Pulled::None(Nothing::AtCapacity));
    }
    if load.calls_today >= agent.calls_per_day {
        return Ok(Pulled::None(Nothing::CallsUsedUp));
    }
    let mut walk =
        Walk { tx, desk, agent, load, now, shift_ends_at, lagging: vec![], lost: HashSet::new(), read: 0 };
    match walk.first_fit().await? {
        None => Ok(Pulled::None(Nothing::NoneForYou)),
        Some((found, ring)) => {
            let event = Event::Pull { agent: id, shift_ends_at };
            let c = &found.callback;
            let detail = json!({
                "band": c.band(now).number(), "ring": ring.number(), "rank_at": c.rank_at(), "level": agent.level,
            });
            let after = desk.step(tx, &found, &event, &member.key, detail).await?;
            Ok(Pulled::Got(Box::new(view(tx, after).await?)))
        }
    }
}

/// One walk through the queue for one agent.
struct Walk<'a> {
    tx: &'a Tx,
    desk: &'a Desk,
    agent: &'a Agent,
    load: Load,
    now: Instant,
    shift_ends_at: Instant,
    /// Ready ones whose stored place is behind the times.
    lagging: Vec<StoredCallback>,
    /// Somebody else was faster.
    lost: HashSet<CallbackId>,
    read: usize,
}

impl Walk<'_> {
    /// The first callback in order that the agent may serve, locked.
    async fn first_fit(&mut self) -> Result<Option<(StoredCallback, Ring)>, ServiceError> {
        self.lagging = rows::lagging(self.tx, self.now, MOST_LAGGING).await?;
        for band in [Band::Breached, Band::Ordinary, Band::Courtesy] {
            for part in self.parts() {
                if let Some(found) = self.first_fit_in(band, *part).await? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    fn parts(&self) -> &'static [QueuePart] {
        match self.agent.level {
            Level::Junior => &[QueuePart::WithoutVips],
            // What a senior keeps free is for the first part alone.
            _ if self.load.held >= self.agent.ordinary_capacity() => &[QueuePart::First],
            _ => &[QueuePart::First, QueuePart::Usual],
        }
    }

    async fn first_fit_in(
        &mut self,
        band: Band,
        part: QueuePart,
    ) -> Result<Option<(StoredCallback, Ring)>, ServiceError> {
        let belongs = |c: &Callback| match part {
            QueuePart::First => c.comes_first(),
            QueuePart::Usual => !c.comes_first(),
            QueuePart::WithoutVips => !c.task.marks.vip,
        };
        let late = |c: &&StoredCallback| c.callback.band(self.now) == band && belongs(&c.callback);
        let mut beside: Vec<StoredCallback> = self.lagging.iter().filter(late).cloned().collect();
        let mut after = None;
        loop {
            let page = rows::page(self.tx, band, part, after, PAGE).await?;
            self.read += page.len();
            let end = page.len() < PAGE as usize || self.read >= MOST_READ;
            after = page.last().map(StoredCallback::place);
            let mut candidates: Vec<StoredCallback> =
                page.into_iter().filter(|c| c.callback.band(self.now) == band).collect();
            let known: HashSet<CallbackId> = candidates.iter().map(|c| c.callback.id).collect();
            candidates.extend(beside.iter().filter(|c| !known.contains(&c.callback.id)).cloned());
            if let Some(found) = self.take(candidates).await? {
                return Ok(Some(found));
            }
            if end {
                return Ok(None);
            }
            // Whoever was unfit beside the first page is unfit beside the second.
            beside.clear();
        }
    }

    /// The first that fits among these, still as it was read, locked.
    async fn take(
        &mut self,
        candidates: Vec<StoredCallback>,
    ) -> Result<Option<(StoredCallback, Ring)>, ServiceError> {
        let mut open = self.callable(candidates).await?;
        loop {
            let ready = open.iter().map(|(stored, ring)| (&stored.callback, *ring));
            let Some(chosen) = pick(self.agent, self.load, self.now, ready).map(|c| c.id) else {
                return Ok(None);
            };
            let at = open.iter().position(|(stored, _)| stored.callback.id == chosen);
            let (seen, ring) = open.swap_remove(at.expect("picked from these"));
            match rows::lock(self.tx, chosen).await? {
                Some(now) if now == seen => return Ok(Some((now, ring))),
                _ => {
                    self.lost.insert(chosen);
                }
            }
        }
    }

    /// Those whose customers may be called now, with the ring open for each.
    async fn callable(
        &self,
        candidates: Vec<StoredCallback>,
    ) -> Result<Vec<(StoredCallback, Ring)>, ServiceError> {
        let customers: Vec<CustomerId> = candidates.iter().map(|c| c.callback.task.customer_id).collect();
        let callees = self.desk.callees(self.tx, self.now, &customers).await?;
        let event = Event::Pull { agent: self.agent.id, shift_ends_at: self.shift_ends_at };
        let mut open = Vec::new();
        for stored in candidates.into_iter().filter(|c| !self.lost.contains(&c.callback.id)) {
            let c = &stored.callback;
            let Some(callee) = callees.get(&c.task.customer_id) else {
                let gone = format!("callback {} is about nobody known", c.id);
                return Err(StoreError::WrongBook(gone).into());
            };
            if apply(c, &event, self.now, &self.desk.times(callee, c.id, self.now)).is_ok() {
                let ring = self.desk.ring(c, self.now);
                open.push((stored, ring));
            }
        }
        Ok(open)
    }
}
