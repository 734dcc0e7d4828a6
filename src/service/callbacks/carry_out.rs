//! Carries decided steps out: where the callback stands afterwards (band, ring, next wake), the row under its
//! fence, the log, the agent's load, escalations. Every write of a callback but its creation goes through here.

use super::super::{Book, ServiceError, Staffing};
use crate::store::callbacks::{self as rows, Callee, Logged, StoredCallback};
use crate::store::{ClockKind, Db, Tx, agent_loads, clock};
use domain::calendar::ContactHours;
use domain::callback::{
    Band, CallTimes, Callback, Effect, Ending, Event, Ring, Transition, TransitionError, apply,
};
use domain::ids::{CallbackId, CustomerId, StaffId};
use domain::time::{Instant, MachineInstant, add_days};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// What the use cases decide with: the staffing, and a reading of the machine's clock for the transaction.
#[derive(Clone)]
pub struct Desk {
    pub staffing: Arc<Staffing>,
    kind: ClockKind,
    machine: MachineInstant,
}

impl Desk {
    /// Outside any transaction, right before it.
    pub async fn open(book: &Book) -> Result<Self, ServiceError> {
        let machine = book.store.machine_now().await?;
        let staffing = book.staffing.at(&book.store, &book.shop_key, book.now().await?).await?;
        Ok(Self { staffing, kind: book.store.clock_kind(), machine })
    }

    /// Business now, which stands still until the transaction ends.
    pub(super) async fn now(&self, tx: &Tx) -> Result<Instant, ServiceError> {
        Ok(clock::business_now(tx, self.kind, self.machine).await?)
    }

    /// What is known of these customers as far as calling them goes.
    pub(super) async fn callees(
        &self,
        db: &Db,
        now: Instant,
        ids: &[CustomerId],
    ) -> Result<HashMap<CustomerId, Callee>, ServiceError> {
        // No zone is a day away from UTC, so what counted today anywhere is not left out.
        let since = add_days(now.local_date(chrono_tz::Tz::UTC), -1);
        Ok(rows::callees(db, ids, since).await?)
    }

    pub(super) async fn callee(&self, db: &Db, now: Instant, id: CustomerId) -> Result<Callee, ServiceError> {
        let found = self.callees(db, now, &[id]).await?.remove(&id);
        found.ok_or_else(|| ServiceError::NotFound(format!("customer {id}")))
    }

    /// When this customer may be called, for the callback `id`.
    pub(super) fn times(&self, callee: &Callee, id: CallbackId, now: Instant) -> CallTimes<'_> {
        let window = ContactHours::default().callback_window(callee.zone, callee.shop_zone);
        let today = now.local_date(window.zone());
        let made: u32 = callee.attempts.iter().filter(|(_, on, _)| *on == today).map(|(_, _, n)| n).sum();
        // A call that runs for another callback will count, so it counts.
        let running = callee.calling.iter().filter(|other| **other != id).count();
        let attempts_today = made.saturating_add(u32::try_from(running).unwrap_or(u32::MAX));
        CallTimes { window, service_hours: &self.staffing.service_hours, attempts_today }
    }

    /// The ring open at `now`, empty ones passed over.
    pub(super) fn ring(&self, callback: &Callback, now: Instant) -> Ring {
        let due = callback.active_due();
        let chance =
            self.staffing.owner_chance(callback.innermost(), callback.ready_since.unwrap_or(now), due);
        let open = callback.ring_at(chance, now, &self.staffing.service_hours);
        // Ring 0 is only offered while its agent works before the due time.
        let rostered = |ring: Ring| {
            ring == Ring::Owner
                || self.staffing.members().iter().map(|m| &m.agent).any(|agent| {
                    agent.works_between(now, due)
                        && domain::callback::ring::innermost_ring(agent, callback).is_ok_and(|r| r <= ring)
                })
        };
        open.passing_over(rostered)
    }

    fn ring_rises_at(&self, callback: &Callback, now: Instant) -> Option<Instant> {
        let since = callback.ready_since?;
        let chance = self.staffing.owner_chance(callback.innermost(), since, callback.active_due());
        callback.ring_rises_at(chance, now, &self.staffing.service_hours)
    }

    /// Brings everything that is stored beside the decision up to `now`.
    pub(super) fn placed(
        &self,
        mut stored: StoredCallback,
        times: &CallTimes<'_>,
        now: Instant,
    ) -> StoredCallback {
        let c = &mut stored.callback;
        if c.state().is_final() {
            stored.next_ring_at = None;
            stored.wake_at = None;
            stored.ended_at = stored.ended_at.or(Some(now));
            return stored;
        }
        let waits = c.state() == domain::callback::State::Ready;
        if waits {
            c.ring = self.ring(c, now);
        }
        stored.band = c.band(now);
        stored.next_ring_at = if waits { self.ring_rises_at(c, now) } else { None };
        stored.breached_at = (stored.band == Band::Breached).then(|| c.active_due());
        stored.wake_at = [c.moves_by_itself_at(now, times), stored.next_ring_at, c.band_changes_at(now)]
            .into_iter()
            .flatten()
            .min();
        stored
    }

    /// Decides one step and carries it out. `detail` is added to the log's.
    ///
    /// # Errors
    /// A refused step is a conflict that says why; so is a row that changed hands meanwhile.
    pub(super) async fn step(
        &self,
        tx: &Tx,
        before: &StoredCallback,
        event: &Event,
        actor: &str,
        detail: Value,
    ) -> Result<StoredCallback, ServiceError> {
        let now = self.now(tx).await?;
        let callee = self.callee(tx, now, before.callback.task.customer_id).await?;
        let times = self.times(&callee, before.callback.id, now);
        let transition = apply(&before.callback, event, now, &times).map_err(refused)?;
        let mut after = StoredCallback { callback: transition.next.clone(), ..before.clone() };
        let hands_changed = transition
            .effects
            .iter()
            .any(|e| matches!(e, Effect::CapacityTaken { .. } | Effect::CapacityFreed { .. }));
        after.fence += i64::from(hands_changed);
        after.result = result_of(&transition).or(after.result);
        if let Event::Cancel = event {
            after.reason = detail["reason"].as_str().map(str::to_owned);
        }
        let after = self.placed(after, &times, now);
        rows::save(tx, before, &after).await?;
        let line = self.line(before, &after, event.name(), actor, now, said(&transition, detail, &after));
        rows::log(tx, line).await?;
        self.change_loads(tx, &transition.effects, now).await?;
        let dissatisfied = transition.effects.contains(&Effect::CaseReopened);
        self.escalate(tx, &after, dissatisfied, now).await?;
        Ok(after)
    }

    /// Writes what time alone changed: band, ring, breach. `None` if nothing did.
    pub(super) async fn refresh(
        &self,
        tx: &Tx,
        before: &StoredCallback,
    ) -> Result<Option<StoredCallback>, ServiceError> {
        let now = self.now(tx).await?;
        let callee = self.callee(tx, now, before.callback.task.customer_id).await?;
        let times = self.times(&callee, before.callback.id, now);
        let after = self.placed(before.clone(), &times, now);
        if after == *before {
            return Ok(None);
        }
        rows::save(tx, before, &after).await?;
        if after.callback.ring != before.callback.ring {
            let detail = json!({"ring": after.callback.ring.number(), "was": before.callback.ring.number()});
            let line = self.line(before, &after, "ring", super::BY_ITSELF, now, detail);
            rows::log(tx, line).await?;
        }
        if after.band != before.band {
            let detail = json!({"band": after.band.number(), "was": before.band.number()});
            rows::log(tx, self.line(before, &after, "band", super::BY_ITSELF, now, detail)).await?;
        }
        self.escalate(tx, &after, false, now).await?;
        Ok(Some(after))
    }

    pub(super) fn line(
        &self,
        before: &StoredCallback,
        after: &StoredCallback,
        event: &str,
        actor: &str,
        now: Instant,
        detail: Value,
    ) -> Logged {
        Logged {
            callback_id: before.callback.id,
            at: now,
            actor: actor.to_owned(),
            event: event.to_owned(),
            from_state: before.callback.state().as_str().to_owned(),
            to_state: after.callback.state().as_str().to_owned(),
            detail,
        }
    }

    /// The first level is told once a callback: at its first breach, or by a customer who isn't content.
    pub(super) async fn escalate(
        &self,
        tx: &Tx,
        after: &StoredCallback,
        dissatisfied: bool,
        now: Instant,
    ) -> Result<(), ServiceError> {
        const SUPERVISOR: u8 = 1;
        let cause = match (dissatisfied, after.breached_at) {
            (true, _) => "dissatisfied",
            (false, Some(_)) => "breach",
            (false, None) => return Ok(()),
        };
        if rows::escalate(tx, after.callback.id, SUPERVISOR, cause, now).await? {
            let detail = json!({"level": SUPERVISOR, "cause": cause});
            rows::log(tx, self.line(after, after, "escalated", super::BY_ITSELF, now, detail)).await?;
        }
        Ok(())
    }

    /// Agents' rows are changed in their order, so that two transactions can't wait for each other.
    async fn change_loads(&self, tx: &Tx, effects: &[Effect], now: Instant) -> Result<(), ServiceError> {
        let day = self.day(now);
        let mut changes: Vec<(StaffId, i64, i64)> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::CapacityTaken { agent } => Some((*agent, 1, 0)),
                Effect::CapacityFreed { agent } => Some((*agent, -1, 0)),
                Effect::AttemptOpened { agent } => Some((*agent, 0, 1)),
                _ => None,
            })
            .collect();
        changes.sort_by_key(|(agent, ..)| *agent);
        for (agent, held, calls) in changes {
            agent_loads::change(tx, agent, held, calls, &day).await?;
        }
        Ok(())
    }

    /// The local date agents' calls are counted on.
    pub(super) fn day(&self, now: Instant) -> String {
        now.local_date(self.staffing.service_hours.zone()).to_string()
    }
}

/// What goes to the log: ids, numbers and words, nothing a customer said.
fn said(transition: &Transition, detail: Value, after: &StoredCallback) -> Value {
    let mut said = match detail {
        Value::Object(given) => given,
        _ => Map::new(),
    };
    said.insert("fence".to_owned(), json!(after.fence));
    let mut also = Vec::new();
    for effect in &transition.effects {
        match effect {
            Effect::CapacityTaken { agent } | Effect::CapacityFreed { agent } => {
                said.insert("staff_id".to_owned(), json!(agent));
            }
            Effect::AttemptClosed { agent, ending } => {
                said.insert("staff_id".to_owned(), json!(agent));
                said.insert("ending".to_owned(), json!(ending_name(ending)));
                said.insert("attempts".to_owned(), json!(after.callback.attempts));
            }
            Effect::AttemptOpened { agent } => {
                said.insert("staff_id".to_owned(), json!(agent));
            }
            Effect::Excluded(exclusion) => {
                said.insert("ring".to_owned(), json!(exclusion.ring.number()));
            }
            Effect::EpisodeOpened => also.push("episode_opened"),
            Effect::FallbackMessage => also.push("fallback_message"),
            Effect::CaseReopened => also.push("case_reopened"),
        }
    }
    if !also.is_empty() {
        said.insert("also".to_owned(), json!(also));
    }
    if after.callback.state() == domain::callback::State::Scheduled {
        said.insert("not_before".to_owned(), json!(after.callback.not_before));
    }
    Value::Object(said)
}

fn ending_name(ending: &Ending) -> &'static str {
    match ending {
        Ending::Reached(_) => "reached",
        Ending::NotReached(unreached) => unreached.as_str(),
        Ending::Abandoned => "abandoned",
    }
}

fn result_of(transition: &Transition) -> Option<Value> {
    transition.effects.iter().find_map(|effect| match effect {
        Effect::AttemptClosed { ending: Ending::Reached(result), .. } => Some(json!(result)),
        Effect::AttemptClosed { ending: Ending::NotReached(unreached), .. } => {
            Some(json!({"unreached": unreached}))
        }
        _ => None,
    })
}

/// A step the table refuses, as the caller is told.
pub(super) fn refused(error: TransitionError) -> ServiceError {
    ServiceError::Conflict(error.to_string())
}
