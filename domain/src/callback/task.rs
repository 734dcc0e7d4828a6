//! The callback itself: what was asked for when it was made, and how far it has come.

use super::agent::Level;
use super::names::stable_names;
use super::ring::Ring;
use super::times::CallTimes;
use crate::ids::{CallbackId, CustomerId, StaffId};
use crate::time::Instant;
use chrono::NaiveDate;

stable_names! {
    /// What a callback is for.
    Kind {
        /// After an important or complex ticket, or one about much money.
        ImportantTicket = "important_ticket",
        /// After a VIP's ticket or order.
        VipFollowup = "vip_followup",
        /// After a complaint's solution was carried out.
        Satisfaction = "satisfaction",
        /// An agent promised to call (回电承诺).
        Promise = "promise",
        /// A greeting or a win-back: the last band, and the only kind that expires.
        Courtesy = "courtesy",
    }
}

stable_names! {
    /// Where a callback stands. The last four are final.
    State {
        Scheduled = "scheduled",
        Ready = "ready",
        Assigned = "assigned",
        InProgress = "in_progress",
        Completed = "completed",
        /// No attempt left and nobody reached (多次未联系上).
        Exhausted = "exhausted",
        Cancelled = "cancelled",
        /// A greeting that came too late. Nothing leads here before greetings by call are built.
        Expired = "expired",
    }
}

impl State {
    /// Whether nothing can happen to it any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Exhausted | Self::Cancelled | Self::Expired)
    }
}

/// A state with what belongs to it. Only a held callback has a holder, so there is never a second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Scheduled,
    Ready,
    Assigned(Hold),
    InProgress(Hold),
    Completed,
    Exhausted,
    Cancelled,
    Expired,
}

/// An agent has it, until.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    pub agent: StaffId,
    /// Business clock.
    pub lease_until: Instant,
}

impl Phase {
    pub const fn state(self) -> State {
        match self {
            Self::Scheduled => State::Scheduled,
            Self::Ready => State::Ready,
            Self::Assigned(_) => State::Assigned,
            Self::InProgress(_) => State::InProgress,
            Self::Completed => State::Completed,
            Self::Exhausted => State::Exhausted,
            Self::Cancelled => State::Cancelled,
            Self::Expired => State::Expired,
        }
    }

    /// Puts a stored state and its columns together again; `None` where a held state lacks its holder
    /// or another has one.
    pub fn from_parts(state: State, hold: Option<Hold>) -> Option<Self> {
        Some(match (state, hold) {
            (State::Assigned, Some(hold)) => Self::Assigned(hold),
            (State::InProgress, Some(hold)) => Self::InProgress(hold),
            (State::Assigned | State::InProgress, None) | (_, Some(_)) => return None,
            (State::Scheduled, None) => Self::Scheduled,
            (State::Ready, None) => Self::Ready,
            (State::Completed, None) => Self::Completed,
            (State::Exhausted, None) => Self::Exhausted,
            (State::Cancelled, None) => Self::Cancelled,
            (State::Expired, None) => Self::Expired,
        })
    }

    pub const fn hold(self) -> Option<Hold> {
        match self {
            Self::Assigned(hold) | Self::InProgress(hold) => Some(hold),
            _ => None,
        }
    }
}

/// What moves a callback forward in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    pub vip: bool,
    /// A case of severity S1 or S2.
    pub severe: bool,
    pub complaint: bool,
    pub churn_risk: bool,
    /// How often the customer asked again.
    pub chased: u32,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    pub customer_id: CustomerId,
    pub kind: Kind,
    /// At least this level in rings 0–2. A VIP's is never below senior, whatever stands here.
    pub required_level: Level,
    /// Needed in every ring.
    pub skills: Vec<String>,
    /// Wanted up to ring 2.
    pub optional_skills: Vec<String>,
    /// The owner's team, for ring 1; without one any team fits.
    pub team: Option<String>,
    /// The customer's own agent (专属客服).
    pub owner: Option<StaffId>,
    pub marks: Marks,
    /// When the first attempt is due.
    pub due_at: Instant,
    /// When the customer must have been reached.
    pub reach_due_at: Instant,
}

/// Passed over until the ring rises above `ring`: the agent declined it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exclusion {
    pub agent: StaffId,
    pub ring: Ring,
}

/// Counted attempts of one callback on one local day of the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptDay {
    pub on: NaiveDate,
    pub count: u32,
}

/// A callback with its history as far as decisions need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// `CallbackId(0)` until the store has given it one.
    pub id: CallbackId,
    pub task: Task,
    pub created_at: Instant,
    /// No attempt before this.
    pub not_before: Instant,
    pub phase: Phase,
    /// Start of the ring episode: when it last became ready. Kept while it is held.
    pub ready_since: Option<Instant>,
    /// The ring as last decided.
    pub ring: Ring,
    /// Attempts that count.
    pub attempts: u32,
    pub attempt_day: Option<AttemptDay>,
    /// Who made the last counted attempt.
    pub last_agent: Option<StaffId>,
    /// Who declined it in this episode.
    pub excluded: Vec<Exclusion>,
}

/// Attempts before a callback is exhausted.
const ATTEMPTS: u32 = 3;
const VIP_ATTEMPTS: u32 = 4;

impl Callback {
    /// A new callback: ready if it is due to start and the customer may be called now, else scheduled.
    pub fn create(
        id: CallbackId,
        task: Task,
        not_before: Instant,
        now: Instant,
        times: &CallTimes<'_>,
    ) -> Self {
        let mut callback = Self {
            id,
            task,
            created_at: now,
            not_before,
            phase: Phase::Scheduled,
            ready_since: None,
            ring: Ring::Owner,
            attempts: 0,
            attempt_day: None,
            last_agent: None,
            excluded: Vec::new(),
        };
        if callback.wakes_at(now, times) <= now {
            callback.phase = Phase::Ready;
            callback.ready_since = Some(now);
        }
        callback
    }

    pub const fn state(&self) -> State {
        self.phase.state()
    }

    /// When a scheduled callback becomes ready, seen from `now`: the first instant from `not_before` on
    /// at which the customer may be called.
    pub fn wakes_at(&self, now: Instant, times: &CallTimes<'_>) -> Instant {
        let from = self.not_before.max(now);
        let from = times.day_not_used_up(from, now);
        times.next_open(from)
    }

    /// When this phase ends by itself: waking, or a lease running out. `None`: only somebody's act moves it.
    pub fn moves_by_itself_at(&self, now: Instant, times: &CallTimes<'_>) -> Option<Instant> {
        match self.phase {
            Phase::Scheduled => Some(self.wakes_at(now, times)),
            Phase::Assigned(hold) | Phase::InProgress(hold) => Some(hold.lease_until),
            _ => None,
        }
    }

    /// Attempts this callback may have.
    pub const fn attempts_allowed(&self) -> u32 {
        if self.task.marks.vip { VIP_ATTEMPTS } else { ATTEMPTS }
    }

    /// The level it needs: a VIP's callback never goes below senior.
    pub fn required_level(&self) -> Level {
        if self.task.marks.vip {
            self.task.required_level.max(Level::Senior)
        } else {
            self.task.required_level
        }
    }

    /// VIP or S1–S2: before all others for a senior.
    pub const fn comes_first(&self) -> bool {
        self.task.marks.vip || self.task.marks.severe
    }
}
