//! Rings: the circle of agents a ready callback is offered to, widening as business minutes pass.

use super::agent::{Agent, Load, Unfit};
use super::task::Callback;
use crate::calendar::Calendar;
use crate::time::{Instant, Span};

/// Who may take it; a wider ring holds the narrower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ring {
    /// R0: the owner, or the last attempt's agent.
    Owner,
    /// R1: level, all skills, the owner's team.
    Team,
    /// R2: level, all skills, any team.
    AnyTeam,
    /// R3: one level lower, mandatory skills.
    LevelBelow,
    /// R4: anyone with the mandatory skills; the supervisor is told.
    Anyone,
}

impl Ring {
    pub const ALL: [Self; 5] = [Self::Owner, Self::Team, Self::AnyTeam, Self::LevelBelow, Self::Anyone];

    /// 0 to 4, as stored and as people say it.
    pub const fn number(self) -> i64 {
        match self {
            Self::Owner => 0,
            Self::Team => 1,
            Self::AnyTeam => 2,
            Self::LevelBelow => 3,
            Self::Anyone => 4,
        }
    }

    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.number() == number)
    }

    /// Business minutes after becoming ready at which it opens; `None`: only when due soon.
    const fn opening(self) -> Option<Span> {
        match self {
            Self::Owner => Some(Span::ZERO),
            Self::Team => Some(Span::minutes(30)),
            Self::AnyTeam => Some(Span::minutes(120)),
            Self::LevelBelow => Some(Span::minutes(240)),
            Self::Anyone => None,
        }
    }

    /// This ring, or the next wider one in which somebody is rostered. Later openings don't shift.
    #[must_use]
    pub fn passing_over(self, rostered: impl Fn(Self) -> bool) -> Self {
        Self::ALL.into_iter().find(|r| *r >= self && rostered(*r)).unwrap_or(Self::Anyone)
    }
}

/// Due within this much business time opens the widest ring at once.
const DUE_SOON: Span = Span::minutes(30);

/// Whether the innermost ring has anybody, judged as the episode starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerChance {
    /// Neither an owner nor an agent of an earlier attempt.
    Nobody,
    /// On shift before the due time.
    Can,
    /// Not on shift before the due time.
    Cannot,
}

impl OwnerChance {
    /// For the agent of ring 0, seen from the start of the episode.
    pub fn of(owner: Option<&Agent>, ready_since: Instant, due: Instant) -> Self {
        match owner {
            None => Self::Nobody,
            Some(agent) if agent.works_between(ready_since, due) => Self::Can,
            Some(_) => Self::Cannot,
        }
    }

    /// k: the first ring that isn't skipped.
    const fn first_ring(self) -> Ring {
        match self {
            Self::Can => Ring::Owner,
            Self::Nobody | Self::Cannot => Ring::Team,
        }
    }

    /// What is counted as elapsed from the start, k's own opening.
    const fn head_start(self) -> Span {
        match self.first_ring().opening() {
            Some(opening) => opening,
            None => Span::ZERO,
        }
    }
}

/// The ring after `elapsed` business time as ready, `due_in` business time before the active due time
/// (negative after it).
pub fn ring_at(elapsed: Span, owner: OwnerChance, due_in: Span) -> Ring {
    if due_in <= DUE_SOON {
        return Ring::Anyone;
    }
    let effective = elapsed.as_micros().max(0).saturating_add(owner.head_start().as_micros());
    let open = |r: &Ring| r.opening().is_some_and(|o| o.as_micros() <= effective);
    Ring::ALL.into_iter().rev().find(open).unwrap_or(Ring::Owner)
}

impl Callback {
    /// The ring at `now` before passing over empty ones. Before its first episode, ring 0's start.
    pub fn ring_at(&self, owner: OwnerChance, now: Instant, service_hours: &Calendar) -> Ring {
        let elapsed = self.ready_since.map_or(Span::ZERO, |since| service_hours.worked(since, now));
        ring_at(elapsed, owner, service_hours.signed(now, self.active_due()))
    }

    /// When the ring next rises after `now`, if it does.
    pub fn ring_rises_at(
        &self,
        owner: OwnerChance,
        now: Instant,
        service_hours: &Calendar,
    ) -> Option<Instant> {
        let since = self.ready_since?;
        let current = self.ring_at(owner, now, service_hours);
        let opens = |r: Ring| {
            let wait = r.opening()?.as_micros() - owner.head_start().as_micros();
            Some(service_hours.add(since, Span::micros(wait)))
        };
        let wider = Ring::ALL.into_iter().filter(|r| *r > current).filter_map(opens);
        let due_soon = (current < Ring::Anyone).then(|| service_hours.back(self.active_due(), DUE_SOON));
        wider.chain(due_soon).filter(|t| *t > now).min()
    }

    /// Whom ring 0 is: the owner, else who made the last attempt.
    pub fn innermost(&self) -> Option<crate::ids::StaffId> {
        self.task.owner.or(self.last_agent)
    }
}

/// Whether `agent` may take `callback` while `ring` is open; the narrowest ring they are in.
///
/// # Errors
/// The first reason against it.
pub fn may_serve(
    agent: &Agent,
    load: Load,
    callback: &Callback,
    ring: Ring,
    now: Instant,
) -> Result<Ring, Unfit> {
    if agent.on_shift_until(now).is_none() {
        return Err(Unfit::OffShift);
    }
    let capacity = if callback.comes_first() { agent.capacity_held } else { agent.ordinary_capacity() };
    if load.held >= capacity {
        return Err(Unfit::AtCapacity);
    }
    if load.calls_today >= agent.calls_per_day {
        return Err(Unfit::CallsUsedUp);
    }
    if callback.excluded.iter().any(|e| e.agent == agent.id && ring <= e.ring) {
        return Err(Unfit::Declined);
    }
    match innermost_ring(agent, callback)? {
        inner if inner <= ring => Ok(inner),
        _ => Err(Unfit::RingClosed),
    }
}

/// The narrowest ring an agent belongs to, by what they are and whatever they carry.
///
/// # Errors
/// A mandatory skill is missing, or the level is below what no ring may undercut.
pub fn innermost_ring(agent: &Agent, callback: &Callback) -> Result<Ring, Unfit> {
    let task = &callback.task;
    let required = callback.required_level();
    if !agent.has_skills(&task.skills) {
        return Err(Unfit::MissingSkill);
    }
    if task.marks.vip && agent.level < required {
        return Err(Unfit::LevelTooLow);
    }
    if callback.innermost() == Some(agent.id) {
        return Ok(Ring::Owner);
    }
    let fully_able = agent.level >= required && agent.has_skills(&task.optional_skills);
    let in_team = task.team.is_none() || task.team == agent.team;
    Ok(match (fully_able, in_team) {
        (true, true) => Ring::Team,
        (true, false) => Ring::AnyTeam,
        _ if agent.level >= required.below() => Ring::LevelBelow,
        _ => Ring::Anyone,
    })
}

#[cfg(test)]
mod tests {
    use super::super::agent::Level;
    use super::super::samples::{agent, at, callback, service_hours};
    use super::super::task::Exclusion;
    use super::*;
    use crate::ids::StaffId;

    #[test]
    fn vectors_of_the_rules() {
        use OwnerChance::{Can, Cannot, Nobody};
        for (elapsed, owner, due_in, ring) in [
            (0, Can, 480, 0),
            (29, Can, 450, 0),
            (30, Can, 450, 1),
            (0, Cannot, 480, 1),
            (0, Nobody, 480, 1),
            (90, Nobody, 390, 2),
            (210, Nobody, 270, 3),
            (120, Can, 360, 2),
            (10, Can, 30, 4),
            (10, Can, -5, 4),
            // The instants beside them.
            (89, Nobody, 390, 1),
            (209, Nobody, 270, 2),
            (119, Can, 360, 1),
            (240, Can, 240, 3),
            (10, Can, 31, 0),
            (1_000_000, Can, 31, 3),
        ] {
            let got = ring_at(Span::minutes(elapsed), owner, Span::minutes(due_in));
            assert_eq!(got.number(), ring, "({elapsed}, {owner:?}, {due_in})");
        }
    }

    #[test]
    fn an_empty_ring_is_passed_over_without_shifting_later_ones() {
        let nobody_in_1 = |r: Ring| r != Ring::Team;
        assert_eq!(Ring::Team.passing_over(nobody_in_1), Ring::AnyTeam);
        assert_eq!(Ring::Owner.passing_over(nobody_in_1), Ring::Owner);
        assert_eq!(Ring::AnyTeam.passing_over(|_| false), Ring::Anyone);
    }

    #[test]
    fn the_next_rise_is_where_the_ring_changes() {
        let calendar = service_hours();
        let mut callback = callback(1);
        callback.task.due_at = at("05-06 18:00");
        callback.ready_since = Some(at("05-04 20:00"));
        let rises = |from: &str| callback.ring_rises_at(OwnerChance::Can, at(from), &calendar);
        assert_eq!(rises("05-04 20:00"), Some(at("05-04 20:30")));
        // 60 minutes are left on Monday evening, 60 more come on Tuesday.
        assert_eq!(rises("05-04 20:30"), Some(at("05-05 10:00")));
        assert_eq!(rises("05-05 10:00"), Some(at("05-05 12:00")));
        assert_eq!(rises("05-05 12:00"), Some(at("05-06 17:30")));
        assert_eq!(rises("05-06 17:30"), None);
        assert_eq!(callback.ring_at(OwnerChance::Can, at("05-06 17:30"), &calendar), Ring::Anyone);
        assert_eq!(callback.ring_at(OwnerChance::Can, at("05-06 17:29:59"), &calendar), Ring::LevelBelow);
    }

    #[test]
    fn an_owner_can_if_a_shift_lies_before_the_due_time() {
        let owner = agent(1, Level::Junior);
        let (from, due) = (at("05-04 10:00"), at("05-04 12:00"));
        assert_eq!(OwnerChance::of(None, from, due), OwnerChance::Nobody);
        assert_eq!(OwnerChance::of(Some(&owner), from, due), OwnerChance::Can);
        let away = Agent { shifts: vec![], ..owner };
        assert_eq!(OwnerChance::of(Some(&away), from, due), OwnerChance::Cannot);
    }

    #[test]
    fn everybody_has_their_ring() {
        let mut callback = callback(1);
        callback.task.required_level = Level::Senior;
        callback.task.skills = vec!["french".into()];
        callback.task.optional_skills = vec!["wine".into()];
        callback.task.team = Some("north".into());
        let with = |level, team: &str, skills: &[&str]| Agent {
            team: Some(team.into()),
            skills: skills.iter().map(|s| (*s).to_owned()).collect(),
            ..agent(7, level)
        };
        let ring = |agent: &Agent, callback: &Callback| innermost_ring(agent, callback).map(Ring::number);
        let both = ["french", "wine"];
        assert_eq!(ring(&with(Level::Senior, "north", &both), &callback), Ok(1));
        assert_eq!(ring(&with(Level::Manager, "south", &both), &callback), Ok(2));
        assert_eq!(ring(&with(Level::Senior, "north", &["french"]), &callback), Ok(3));
        assert_eq!(ring(&with(Level::Junior, "north", &both), &callback), Ok(3));
        assert_eq!(ring(&with(Level::Manager, "north", &["wine"]), &callback), Err(Unfit::MissingSkill));
        callback.task.required_level = Level::Supervisor;
        assert_eq!(ring(&with(Level::Junior, "north", &both), &callback), Ok(4));
        // Who made the last attempt stands in for a missing owner.
        callback.last_agent = Some(StaffId(7));
        assert_eq!(ring(&with(Level::Junior, "north", &both), &callback), Ok(0));
        callback.task.owner = Some(StaffId(8));
        assert_eq!(ring(&with(Level::Junior, "north", &both), &callback), Ok(4));
    }

    #[test]
    fn a_vips_callback_never_goes_below_senior_not_even_to_its_owner() {
        let mut callback = callback(1);
        callback.task.marks.vip = true;
        callback.task.required_level = Level::Junior;
        callback.task.owner = Some(StaffId(7));
        let now = at("05-04 10:00");
        let serves = |level| may_serve(&agent(7, level), Load::default(), &callback, Ring::Anyone, now);
        assert_eq!(serves(Level::Junior), Err(Unfit::LevelTooLow));
        assert_eq!(serves(Level::Senior), Ok(Ring::Owner));
    }

    #[test]
    fn who_carries_too_much_or_declined_waits() {
        let mut callback = callback(1);
        let now = at("05-04 10:00");
        let senior = agent(7, Level::Senior);
        let load = |held, calls_today| Load { held, calls_today };
        let serves = |callback: &Callback, load, ring| may_serve(&senior, load, callback, ring, now);
        assert_eq!(serves(&callback, load(3, 29), Ring::Team), Ok(Ring::Team));
        assert_eq!(serves(&callback, load(4, 0), Ring::Team), Err(Unfit::AtCapacity));
        assert_eq!(serves(&callback, load(0, 30), Ring::Team), Err(Unfit::CallsUsedUp));
        assert_eq!(serves(&callback, load(0, 0), Ring::Owner), Err(Unfit::RingClosed));
        callback.excluded.push(Exclusion { agent: senior.id, ring: Ring::Team });
        assert_eq!(serves(&callback, load(0, 0), Ring::Team), Err(Unfit::Declined));
        assert_eq!(serves(&callback, load(0, 0), Ring::AnyTeam), Ok(Ring::Team));
        callback.task.marks.severe = true;
        assert_eq!(serves(&callback, load(4, 0), Ring::AnyTeam), Ok(Ring::Team));
        assert_eq!(serves(&callback, load(5, 0), Ring::AnyTeam), Err(Unfit::AtCapacity));
        let off = may_serve(&senior, load(0, 0), &callback, Ring::AnyTeam, at("05-09 03:00"));
        assert_eq!(off, Err(Unfit::OffShift));
    }
}
