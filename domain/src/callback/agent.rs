//! Agents: level, skills, team, shifts, and what they carry. Whether one may serve a callback in a
//! ring is in `ring`.

use super::names::stable_names;
use crate::ids::StaffId;
use crate::time::Instant;

stable_names! {
    /// Staff levels, lowest first.
    Level {
        Junior = "junior",
        Senior = "senior",
        Supervisor = "supervisor",
        Manager = "manager",
    }
}

impl Level {
    /// One level down; the lowest stays.
    pub const fn below(self) -> Self {
        match self {
            Self::Junior | Self::Senior => Self::Junior,
            Self::Supervisor => Self::Senior,
            Self::Manager => Self::Supervisor,
        }
    }
}

/// `[from, until)`; may run over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    pub from: Instant,
    pub until: Instant,
}

/// Callbacks an agent may hold at once.
pub const CAPACITY_HELD: u32 = 5;
/// Calls an agent may make a local day.
pub const CALLS_PER_DAY: u32 = 30;

/// A member of staff who calls customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    pub id: StaffId,
    pub level: Level,
    pub skills: Vec<String>,
    pub team: Option<String>,
    pub capacity_held: u32,
    pub calls_per_day: u32,
    /// The shifts around the instant of the decision; an absence is a shift left out.
    pub shifts: Vec<Shift>,
}

/// What an agent carries at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Assigned and in progress.
    pub held: u32,
    pub calls_today: u32,
}

stable_names! {
    /// Why an agent gets a callback not, the first reason in this order.
    Unfit {
        OffShift = "off_shift",
        AtCapacity = "at_capacity",
        CallsUsedUp = "calls_used_up",
        /// Declined it in this ring.
        Declined = "declined",
        MissingSkill = "missing_skill",
        LevelTooLow = "level_too_low",
        /// Fits, but in a ring that isn't open yet.
        RingClosed = "ring_closed",
    }
}

impl Agent {
    /// When the shift running at `now` ends, counting one that follows without a gap; `None`: off shift.
    pub fn on_shift_until(&self, now: Instant) -> Option<Instant> {
        let running = |t: Instant| {
            self.shifts.iter().filter(move |s| s.from <= t && t < s.until).map(|s| s.until).max()
        };
        let mut until = running(now)?;
        while let Some(later) = running(until) {
            until = later;
        }
        Some(until)
    }

    /// Whether any shift time lies in `[from, until)`.
    pub fn works_between(&self, from: Instant, until: Instant) -> bool {
        self.shifts.iter().any(|s| s.from.max(from) < s.until.min(until))
    }

    pub fn has_skills<'a>(&self, wanted: impl IntoIterator<Item = &'a String>) -> bool {
        wanted.into_iter().all(|skill| self.skills.contains(skill))
    }

    /// How many ordinary callbacks may be held: a senior keeps a fifth (rounded up, but not the
    /// whole) for VIPs and severe cases.
    pub fn ordinary_capacity(&self) -> u32 {
        match self.level {
            Level::Senior => {
                let kept = self.capacity_held.div_ceil(5).min(self.capacity_held.saturating_sub(1));
                self.capacity_held - kept
            }
            _ => self.capacity_held,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    fn agent(level: Level, capacity_held: u32, shifts: &[(i64, i64)]) -> Agent {
        let hour = |h| Instant::from_micros(0) + Span::hours(h);
        Agent {
            id: StaffId(1),
            level,
            skills: vec![],
            team: None,
            capacity_held,
            calls_per_day: CALLS_PER_DAY,
            shifts: shifts.iter().map(|(a, b)| Shift { from: hour(*a), until: hour(*b) }).collect(),
        }
    }

    #[test]
    fn levels_are_ordered() {
        assert!(
            Level::Junior < Level::Senior
                && Level::Senior < Level::Supervisor
                && Level::Supervisor < Level::Manager
        );
        assert_eq!(Level::Senior.below(), Level::Junior);
        assert_eq!(Level::Junior.below(), Level::Junior);
    }

    #[test]
    fn a_shift_is_half_open_and_joins_the_next() {
        let hour = |h| Instant::from_micros(0) + Span::hours(h);
        let agent = agent(Level::Junior, 5, &[(9, 12), (12, 18), (22, 30)]);
        assert_eq!(agent.on_shift_until(hour(9)), Some(hour(18)));
        assert_eq!(agent.on_shift_until(hour(18)), None);
        assert_eq!(agent.on_shift_until(hour(25)), Some(hour(30)));
        assert!(agent.works_between(hour(0), hour(10)));
        assert!(!agent.works_between(hour(0), hour(9)));
        assert!(!agent.works_between(hour(18), hour(22)));
    }

    #[test]
    fn a_senior_keeps_a_fifth_free() {
        for (capacity, ordinary) in [(5, 4), (10, 8), (6, 4), (1, 1), (2, 1), (0, 0)] {
            assert_eq!(agent(Level::Senior, capacity, &[]).ordinary_capacity(), ordinary, "{capacity}");
        }
        assert_eq!(agent(Level::Junior, 5, &[]).ordinary_capacity(), 5);
    }
}
