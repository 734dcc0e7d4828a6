//! The life of a callback: which event leads where, and what else it brings about.
//!
//! [`apply`] is the whole table; anything it doesn't list is refused. It changes nothing: the store
//! carries a [`Transition`] out under the row's fence. An agent's late word on a call is still taken
//! as long as nobody took the callback away, since a lease is no promise, only the fence is.

use super::attempts::{Unreached, next_attempt};
use super::result::CallResult;
use super::ring::Ring;
use super::task::{AttemptDay, Callback, Exclusion, Hold, Phase, State};
use super::times::{ATTEMPTS_PER_DAY, CallTimes};
use crate::ids::StaffId;
use crate::time::{Instant, Span, add_days};

/// What happens to a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `not_before` is reached and the customer may be called.
    Wake,
    /// An agent takes it. The lease ends with the agent's shift at the latest.
    Pull { agent: StaffId, shift_ends_at: Instant },
    /// The agent dials.
    Start { agent: StaffId },
    /// The agent gives it back, in the ring then open.
    Decline { agent: StaffId, ring: Ring },
    /// The lease is over.
    LeaseLapsed,
    /// The holder's shift ended or an absence began before the call.
    AgentGone,
    /// The customer was reached.
    Reached { agent: StaffId, result: CallResult },
    /// The customer wasn't reached.
    NotReached { agent: StaffId, ended: Unreached },
    /// Somebody with a reason, or a rule, ends it; both are logged by the caller.
    Cancel,
}

impl Event {
    /// Stable name, for the log and for messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Wake => "wake",
            Self::Pull { .. } => "pull",
            Self::Start { .. } => "start",
            Self::Decline { .. } => "decline",
            Self::LeaseLapsed => "lease_lapsed",
            Self::AgentGone => "agent_gone",
            Self::Reached { .. } => "reached",
            Self::NotReached { .. } => "not_reached",
            Self::Cancel => "cancel",
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Reached(CallResult),
    NotReached(Unreached),
    /// The lease lapsed or the callback was cancelled: not counted.
    Abandoned,
}

/// What a transition brings about beside the new state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A ring episode begins at ring 0; earlier declines no longer count.
    EpisodeOpened,
    /// The agent holds one more.
    CapacityTaken {
        agent: StaffId,
    },
    /// The agent holds one less.
    CapacityFreed {
        agent: StaffId,
    },
    /// A call by this agent begins.
    AttemptOpened {
        agent: StaffId,
    },
    AttemptClosed {
        agent: StaffId,
        ending: Ending,
    },
    Excluded(Exclusion),
    /// One message with a link to choose a time, if the gate lets it pass.
    FallbackMessage,
    /// Dissatisfied or not resolved: escalate (L1) and reopen the case.
    CaseReopened,
}

/// A step, decided and not yet done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    pub from: State,
    /// The callback afterwards.
    pub next: Callback,
    pub effects: Vec<Effect>,
}

impl Transition {
    pub const fn to(&self) -> State {
        self.next.state()
    }
}

/// The event can't happen to a callback that stands so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a callback that is {from} refuses {event}: {why}")]
pub struct TransitionError {
    pub from: State,
    /// [`Event::name`].
    pub event: &'static str,
    pub why: Refusal,
}

/// Why an event is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("that doesn't follow from this state")]
    NotInTable,
    #[error("it is held by another agent")]
    HeldByAnother,
    #[error("not before {until}")]
    NotYet { until: Instant },
    #[error("the customer may not be called before {until}")]
    CallingClosed { until: Instant },
    #[error("the customer has had two calls today; not before {until}")]
    DayUsedUp { until: Instant },
    #[error("the lease runs until {until}")]
    LeaseRuns { until: Instant },
}

/// Wall time an agent has for a call once it has started.
const CALL_LEASE: Span = Span::hours(2);

/// Decides one step at `now`.
///
/// # Errors
/// Whatever isn't in the table, isn't the holder's to do, or comes too early.
pub fn apply(
    callback: &Callback,
    event: &Event,
    now: Instant,
    times: &CallTimes<'_>,
) -> Result<Transition, TransitionError> {
    let step = match (callback.phase, event) {
        (Phase::Scheduled, Event::Wake) => wake(callback, now, times),
        (Phase::Ready, Event::Pull { agent, shift_ends_at }) => {
            pull(callback, *agent, *shift_ends_at, now, times)
        }
        (Phase::Assigned(hold), Event::Start { agent }) => {
            held_by(hold, *agent).and_then(|()| start(callback, hold, now, times))
        }
        (Phase::Assigned(hold), Event::Decline { agent, ring }) => {
            held_by(hold, *agent).map(|()| decline(callback, hold, *ring))
        }
        (Phase::Assigned(hold), Event::AgentGone) => Ok(give_back(callback, hold)),
        (Phase::Assigned(hold), Event::LeaseLapsed) => {
            lease_over(hold, now).map(|()| give_back(callback, hold))
        }
        (Phase::InProgress(hold), Event::LeaseLapsed) => {
            lease_over(hold, now).map(|()| abandon(callback, hold))
        }
        (Phase::InProgress(hold), Event::Reached { agent, result }) => {
            held_by(hold, *agent).map(|()| reached(callback, hold, result.clone(), now, times))
        }
        (Phase::InProgress(hold), Event::NotReached { agent, ended }) => {
            held_by(hold, *agent).map(|()| not_reached(callback, hold, *ended, now, times))
        }
        (phase, Event::Cancel) if !phase.state().is_final() => Ok(cancel(callback)),
        _ => Err(Refusal::NotInTable),
    };
    step.map_err(|why| TransitionError { from: callback.state(), event: event.name(), why })
}

fn step(from: &Callback, phase: Phase, effects: Vec<Effect>) -> Transition {
    Transition { from: from.state(), next: Callback { phase, ..from.clone() }, effects }
}

fn held_by(hold: Hold, agent: StaffId) -> Result<(), Refusal> {
    if hold.agent == agent { Ok(()) } else { Err(Refusal::HeldByAnother) }
}

fn lease_over(hold: Hold, now: Instant) -> Result<(), Refusal> {
    if now >= hold.lease_until { Ok(()) } else { Err(Refusal::LeaseRuns { until: hold.lease_until }) }
}

fn wake(callback: &Callback, now: Instant, times: &CallTimes<'_>) -> Result<Transition, Refusal> {
    let until = callback.wakes_at(now, times);
    if now < until {
        return Err(Refusal::NotYet { until });
    }
    let mut transition = step(callback, Phase::Ready, vec![Effect::EpisodeOpened]);
    transition.next.ready_since = Some(now);
    transition.next.ring = Ring::Owner;
    transition.next.excluded.clear();
    Ok(transition)
}

fn pull(
    callback: &Callback,
    agent: StaffId,
    shift_ends_at: Instant,
    now: Instant,
    times: &CallTimes<'_>,
) -> Result<Transition, Refusal> {
    callable(now, times)?;
    let hold = Hold { agent, lease_until: times.assigned_until(now, shift_ends_at) };
    Ok(step(callback, Phase::Assigned(hold), vec![Effect::CapacityTaken { agent }]))
}

fn start(
    callback: &Callback,
    hold: Hold,
    now: Instant,
    times: &CallTimes<'_>,
) -> Result<Transition, Refusal> {
    callable(now, times)?;
    let calling = Hold { lease_until: now + CALL_LEASE, ..hold };
    Ok(step(callback, Phase::InProgress(calling), vec![Effect::AttemptOpened { agent: hold.agent }]))
}

/// Quiet hours and the day's limit bind at the last moment too: a callback can have stood ready since
/// yesterday, and the customer can have been called for something else meanwhile.
fn callable(now: Instant, times: &CallTimes<'_>) -> Result<(), Refusal> {
    let zone = times.window.zone();
    if times.attempts_today >= ATTEMPTS_PER_DAY {
        let tomorrow = Instant::first_of(add_days(now.local_date(zone), 1), zone);
        return Err(Refusal::DayUsedUp { until: times.next_open(tomorrow) });
    }
    match times.window.next_open(now) {
        open if open == now => Ok(()),
        until => Err(Refusal::CallingClosed { until }),
    }
}

/// Rank and elapsed time are kept: the episode goes on.
fn give_back(callback: &Callback, hold: Hold) -> Transition {
    step(callback, Phase::Ready, vec![Effect::CapacityFreed { agent: hold.agent }])
}

fn decline(callback: &Callback, hold: Hold, ring: Ring) -> Transition {
    let exclusion = Exclusion { agent: hold.agent, ring };
    let mut transition = give_back(callback, hold);
    transition.next.excluded.retain(|e| e.agent != hold.agent);
    transition.next.excluded.push(exclusion);
    transition.effects.push(Effect::Excluded(exclusion));
    transition
}

fn abandon(callback: &Callback, hold: Hold) -> Transition {
    let mut transition = give_back(callback, hold);
    transition.effects.insert(0, Effect::AttemptClosed { agent: hold.agent, ending: Ending::Abandoned });
    transition
}

fn cancel(callback: &Callback) -> Transition {
    let mut transition = match callback.phase {
        Phase::InProgress(hold) => abandon(callback, hold),
        Phase::Assigned(hold) => give_back(callback, hold),
        _ => step(callback, callback.phase, vec![]),
    };
    transition.next.phase = Phase::Cancelled;
    transition
}

/// Closes an attempt that counts, and frees the agent.
fn close_attempt(
    callback: &Callback,
    hold: Hold,
    ending: Ending,
    now: Instant,
    times: &CallTimes<'_>,
) -> Transition {
    let agent = hold.agent;
    let effects = vec![Effect::AttemptClosed { agent, ending }, Effect::CapacityFreed { agent }];
    let mut transition = step(callback, callback.phase, effects);
    let on = now.local_date(times.window.zone());
    let earlier = callback.attempt_day.filter(|day| day.on == on).map_or(0, |day| day.count);
    transition.next.attempts += 1;
    transition.next.attempt_day = Some(AttemptDay { on, count: earlier + 1 });
    transition.next.last_agent = Some(agent);
    transition
}

fn reached(
    callback: &Callback,
    hold: Hold,
    result: CallResult,
    now: Instant,
    times: &CallTimes<'_>,
) -> Transition {
    let reopens = result.reopens_the_case();
    let mut transition = close_attempt(callback, hold, Ending::Reached(result), now, times);
    transition.next.phase = Phase::Completed;
    if reopens {
        transition.effects.push(Effect::CaseReopened);
    }
    transition
}

fn not_reached(
    callback: &Callback,
    hold: Hold,
    ended: Unreached,
    now: Instant,
    times: &CallTimes<'_>,
) -> Transition {
    let mut transition = close_attempt(callback, hold, Ending::NotReached(ended), now, times);
    let started_at = hold.lease_until - CALL_LEASE;
    let counted = CallTimes { attempts_today: times.attempts_today + 1, ..*times };
    let left = transition.next.attempts < callback.attempts_allowed();
    match next_attempt(ended, started_at, now, &counted).filter(|_| left) {
        Some(not_before) => {
            transition.next.phase = Phase::Scheduled;
            transition.next.not_before = not_before;
            transition.next.ready_since = None;
        }
        None => {
            transition.next.phase = Phase::Exhausted;
            transition.effects.push(Effect::FallbackMessage);
        }
    }
    transition
}
