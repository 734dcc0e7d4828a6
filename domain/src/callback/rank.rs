//! The order in which an agent gets callbacks: band, then VIPs for seniors, then rank.
//!
//! A finite boost orders like strict VIP-first in normal load; those who wait are bounded by their own
//! breach, which lifts them to band 0.

use super::agent::{Agent, Level, Load, Unfit};
use super::ring::{Ring, may_serve};
use super::task::{Callback, Kind};
use crate::ids::CallbackId;
use crate::time::{Instant, Span};

/// Coarse priority, lowest number first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Band {
    /// Past its active due time, hence escalated. (An agent's own appointments join it later.)
    Breached,
    Ordinary,
    /// Greetings and win-backs, breached or not.
    Courtesy,
}

impl Band {
    /// As stored.
    pub const fn number(self) -> i64 {
        match self {
            Self::Breached => 0,
            Self::Ordinary => 1,
            Self::Courtesy => 2,
        }
    }
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Breached, Self::Ordinary, Self::Courtesy].into_iter().find(|b| b.number() == number)
    }
}

/// Within a band, for a senior.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precedence {
    /// VIP or S1–S2.
    First,
    Usual,
}

/// What the queue of one agent is sorted by. Total, since ids differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey {
    pub band: Band,
    pub precedence: Precedence,
    pub rank_at: Instant,
    pub created_at: Instant,
    pub id: CallbackId,
}

/// Boosts, in wall time.
const VIP_BOOST: Span = Span::hours(48);
const COMPLAINT_BOOST: Span = Span::hours(24);
const CHURN_RISK_BOOST: Span = Span::hours(4);
const CHASED_BOOST: Span = Span::hours(2);
const CHASED_AT_MOST: u32 = 3;
/// After an attempt the next one is due this long after its slot begins.
const SLOT_GRACE: Span = Span::hours(2);

impl Callback {
    /// The due time that counts now: the first one until an attempt counts, then the next slot's, never
    /// later than the customer must have been reached. Once it has ended, nothing counts but the first.
    pub fn active_due(&self) -> Instant {
        match self.attempts {
            _ if self.state().is_final() => self.task.due_at,
            0 => self.task.due_at,
            _ => self.task.reach_due_at.min(self.not_before + SLOT_GRACE),
        }
    }

    /// Due and ranked together: the smaller, the sooner.
    pub fn rank_at(&self) -> Instant {
        let marks = self.task.marks;
        let when = |mark: bool, boost: Span| if mark { boost.as_micros() } else { 0 };
        let chased = i64::from(marks.chased.min(CHASED_AT_MOST)) * CHASED_BOOST.as_micros();
        let boosts = when(marks.vip, VIP_BOOST)
            + when(marks.complaint, COMPLAINT_BOOST)
            + when(marks.churn_risk, CHURN_RISK_BOOST)
            + chased;
        self.active_due() - Span::micros(boosts)
    }

    pub fn band(&self, now: Instant) -> Band {
        match self.task.kind {
            Kind::Courtesy => Band::Courtesy,
            _ if now >= self.active_due() => Band::Breached,
            _ => Band::Ordinary,
        }
    }

    /// When the band changes by itself: at the breach, if that is still to come.
    pub fn band_changes_at(&self, now: Instant) -> Option<Instant> {
        (self.band(now) == Band::Ordinary && !self.state().is_final()).then(|| self.active_due())
    }

    /// Its place in the queue of an agent of `level`.
    pub fn order_key(&self, now: Instant, level: Level) -> OrderKey {
        let precedence = match level {
            Level::Junior => Precedence::Usual,
            _ if self.comes_first() => Precedence::First,
            _ => Precedence::Usual,
        };
        OrderKey {
            band: self.band(now),
            precedence,
            rank_at: self.rank_at(),
            created_at: self.created_at,
            id: self.id,
        }
    }
}

/// The callback an agent gets out of ready ones with their current rings: the first in order that the
/// agent may serve. Within a band a senior gets no ordinary one while a VIP's waits that they may serve.
pub fn pick<'a>(
    agent: &Agent,
    load: Load,
    now: Instant,
    ready: impl IntoIterator<Item = (&'a Callback, Ring)>,
) -> Option<&'a Callback> {
    let fits =
        |callback: &Callback, ring| -> Result<Ring, Unfit> { may_serve(agent, load, callback, ring, now) };
    ready
        .into_iter()
        .filter(|(callback, ring)| fits(callback, *ring).is_ok())
        .map(|(callback, _)| callback)
        .min_by_key(|callback| callback.order_key(now, agent.level))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{agent, at, callback};
    use super::super::task::Marks;
    use super::*;

    fn marked(id: i64, due: &str, marks: Marks) -> Callback {
        let mut callback = callback(id);
        callback.task.marks = marks;
        callback.task.due_at = at(due);
        callback
    }
    const VIP: Marks = Marks { vip: true, severe: false, complaint: false, churn_risk: false, chased: 0 };
    const PLAIN: Marks = Marks { vip: false, ..VIP };

    #[test]
    fn boosts_add_up_and_chasing_counts_three_times() {
        let due = "05-08 18:00";
        let hours = |marks| (at(due) - marked(1, due, marks).rank_at()).as_minutes() / 60;
        assert_eq!(hours(PLAIN), 0);
        assert_eq!(hours(VIP), 48);
        assert_eq!(hours(Marks { complaint: true, ..PLAIN }), 24);
        assert_eq!(hours(Marks { churn_risk: true, ..PLAIN }), 4);
        assert_eq!(hours(Marks { chased: 3, ..PLAIN }), 6);
        assert_eq!(hours(Marks { chased: 9, ..PLAIN }), 6);
        assert_eq!(hours(Marks { severe: true, ..PLAIN }), 0);
        assert_eq!(
            hours(Marks { vip: true, severe: true, complaint: true, churn_risk: true, chased: 1 }),
            78
        );
    }

    #[test]
    fn the_active_due_time_moves_on_with_a_counted_attempt() {
        let mut callback = marked(1, "05-08 18:00", PLAIN);
        callback.task.reach_due_at = at("05-12 18:00");
        callback.not_before = at("05-09 09:00");
        assert_eq!(callback.active_due(), at("05-08 18:00"));
        callback.attempts = 1;
        assert_eq!(callback.active_due(), at("05-09 11:00"));
        callback.not_before = at("05-12 17:00");
        assert_eq!(callback.active_due(), at("05-12 18:00"));
    }

    #[test]
    fn a_breach_at_the_due_instant_lifts_to_band_0_but_no_greeting() {
        let mut callback = marked(1, "05-08 18:00", PLAIN);
        assert_eq!(callback.band(at("05-08 17:59:59")), Band::Ordinary);
        assert_eq!(callback.band_changes_at(at("05-08 17:59:59")), Some(at("05-08 18:00")));
        assert_eq!(callback.band(at("05-08 18:00")), Band::Breached);
        assert_eq!(callback.band_changes_at(at("05-08 18:00")), None);
        callback.task.kind = Kind::Courtesy;
        assert_eq!(callback.band(at("05-09 18:00")), Band::Courtesy);
        for band in [Band::Breached, Band::Ordinary, Band::Courtesy] {
            assert_eq!(Band::from_number(band.number()), Some(band));
        }
    }

    #[test]
    fn seniors_take_vips_first_juniors_what_ranks_first() {
        let now = at("05-04 10:00");
        let plain = marked(1, "05-04 12:00", PLAIN);
        let late = marked(2, "05-04 09:00", PLAIN);
        // Even boosted, this VIP's rank is behind the plain ones.
        let vip = marked(3, "05-08 18:00", VIP);
        let severe = marked(4, "05-09 18:00", Marks { severe: true, ..PLAIN });
        let order = |level: Level, mut queue: Vec<&Callback>| {
            queue.sort_by_key(|c| c.order_key(now, level));
            queue.iter().map(|c| c.id.0).collect::<Vec<_>>()
        };
        let queue = vec![&severe, &plain, &vip, &late];
        assert_eq!(order(Level::Senior, queue.clone()), [2, 3, 4, 1]);
        assert_eq!(order(Level::Supervisor, queue.clone()), [2, 3, 4, 1]);
        assert_eq!(order(Level::Junior, queue), [2, 1, 3, 4]);
    }

    #[test]
    fn equal_ranks_go_by_creation_then_id() {
        let now = at("05-04 10:00");
        let mut a = marked(2, "05-08 18:00", PLAIN);
        let b = marked(1, "05-08 18:00", PLAIN);
        assert!(b.order_key(now, Level::Junior) < a.order_key(now, Level::Junior));
        a.created_at = a.created_at - Span::micros(1);
        assert!(a.order_key(now, Level::Junior) < b.order_key(now, Level::Junior));
    }

    #[test]
    fn a_pull_takes_the_first_that_fits() {
        let now = at("05-04 10:00");
        let mut owned = marked(1, "05-04 11:00", PLAIN);
        owned.task.owner = Some(crate::ids::StaffId(99));
        let open = marked(2, "05-04 12:00", PLAIN);
        let vip = marked(3, "05-08 18:00", VIP);
        let queue = [(&owned, Ring::Owner), (&vip, Ring::AnyTeam), (&open, Ring::AnyTeam)];
        let got = |level| pick(&agent(7, level), Load::default(), now, queue).map(|c| c.id.0);
        assert_eq!(got(Level::Junior), Some(2));
        assert_eq!(got(Level::Senior), Some(3));
        assert_eq!(pick(&agent(7, Level::Junior), Load { held: 5, calls_today: 0 }, now, queue), None);
    }
}
