//! Whether somebody comes into a campaign, and if not, why: the newest cause there is, against going live,
//! the campaign's own start, its audience and its rule of re-entry. It puts in words what planning did or will
//! do. Finding the causes, entering, and whether a message may go out are others'.

use super::definition::Reentry;
use super::gate::Live;
use super::state::CampaignState;
use super::trigger::Words;
use crate::names::stable_names;
use crate::time::Instant;
use chrono_tz::Tz;
use serde::Serialize;

stable_names! {
    /// What is asked before somebody is let in.
    EntryCheck {
        Live = "live",
        Campaign = "campaign",
        Trigger = "trigger",
        Audience = "audience",
        Reentry = "reentry",
    }
}

stable_names! {
    /// Why nobody is let in.
    Refusal {
        /// The book is in onboarding.
        NotLive = "not_live",
        /// The campaign isn't approved yet, or is done.
        NotRunning = "not_running",
        /// What would start it hasn't happened.
        NoCause = "no_cause",
        /// It happened before the book went live.
        BeforeGoLive = "before_go_live",
        /// It was taken in after the fact (历史补录).
        Backfilled = "backfilled",
        /// It was known before the campaign ran.
        BeforeRunning = "before_running",
        /// It is known and about to be planned.
        Waiting = "waiting",
        /// Its slot was ended unplanned.
        Missed = "missed",
        /// Too soon after the last entry.
        CoolDown = "cool_down",
        /// The same occasion let them in already.
        OnceOnly = "once_only",
        OutsideAudience = "outside_audience",
        /// In the audience now, but not when it was planned.
        OutsideThen = "outside_then",
    }
}

/// What became of a cause in planning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Planning {
    /// Not planned yet.
    Waits,
    Over,
    /// A slot that was ended unplanned, and why.
    Missed(String),
}

/// How a cause came into the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    Live,
    /// By `import --history`, or by a rule published after it.
    AfterTheFact,
}

/// Something that starts the campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Its true instant: the tag's `since`, the slot, the event's `occurred_at`.
    pub at: Instant,
    /// When the book learnt of it.
    pub known_at: Instant,
    pub known: Known,
    pub planning: Planning,
    /// Whether the same occasion let them in before.
    pub occasion_used: bool,
}

/// Everything that decides on somebody's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub live: Live,
    pub campaign: CampaignState,
    /// Since when the campaign lets customers in.
    pub running_since: Option<Instant>,
    pub in_audience: bool,
    pub reentry: Reentry,
    /// The cause of the last entry.
    pub last: Option<Instant>,
    /// The newest cause there is.
    pub cause: Option<Cause>,
    /// When the next one comes if nothing new happens.
    pub expected: Option<Instant>,
}

/// One row of an explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryRow {
    pub check: EntryCheck,
    pub passed: bool,
    pub reason: Option<Refusal>,
    /// What the check looked at, for people.
    pub value: String,
    /// What would make it pass; none where it passed.
    pub what_would_change_it: Option<String>,
}

impl Entry {
    /// Why the newest cause let nobody in; none if it did.
    pub fn refusal(&self) -> Option<Refusal> {
        if self.let_in() {
            return None;
        }
        // Where everything speaks for it today it was another day's audience that didn't.
        let outside = if self.in_audience { Refusal::OutsideThen } else { Refusal::OutsideAudience };
        self.of_live().or_else(|| self.of_campaign()).or_else(|| self.of_cause()).or(Some(outside))
    }

    /// When they come in by themselves, if nothing new happens; none if nothing that is known lets them in.
    pub fn coming(&self) -> Option<Instant> {
        let closed = self.of_live().is_some() || self.of_campaign().is_some() || !self.in_audience;
        let waiting = self.cause.as_ref().filter(|_| self.refusal() == Some(Refusal::Waiting));
        let next = waiting.map(|cause| cause.at).or(self.expected);
        next.filter(|at| !closed && self.reentry.allows(self.last, *at))
    }

    /// From when on a new cause may let them in again.
    pub fn may_enter_from(&self) -> Option<Instant> {
        self.reentry.earliest_after(self.last)
    }

    /// The newest entry is of the newest cause.
    fn let_in(&self) -> bool {
        self.last.is_some_and(|last| self.cause.as_ref().is_none_or(|cause| last >= cause.at))
    }

    fn of_live(&self) -> Option<Refusal> {
        (self.live == Live::Onboarding).then_some(Refusal::NotLive)
    }

    fn of_campaign(&self) -> Option<Refusal> {
        let open = matches!(self.campaign, CampaignState::Running | CampaignState::Paused);
        (!open).then_some(Refusal::NotRunning)
    }

    fn of_cause(&self) -> Option<Refusal> {
        if self.let_in() {
            return None;
        }
        let Some(cause) = &self.cause else { return Some(Refusal::NoCause) };
        let before_live = match self.live {
            Live::Onboarding => true,
            Live::Since(live) => cause.at < live,
        };
        if before_live {
            return Some(Refusal::BeforeGoLive);
        }
        if cause.known == Known::AfterTheFact {
            return Some(Refusal::Backfilled);
        }
        if self.running_since.is_some_and(|since| cause.known_at < since) {
            return Some(Refusal::BeforeRunning);
        }
        match &cause.planning {
            Planning::Waits => return Some(Refusal::Waiting),
            Planning::Missed(_) => return Some(Refusal::Missed),
            Planning::Over => {}
        }
        if !self.reentry.allows(self.last, cause.at) {
            return Some(Refusal::CoolDown);
        }
        cause.occasion_used.then_some(Refusal::OnceOnly)
    }

    /// Every check, passed or not. Instants are told by a clock in `zone`.
    pub fn explain(&self, words: &Words, now: Instant, zone: Tz) -> Vec<EntryRow> {
        let row = |check, reason: Option<Refusal>, value: String| EntryRow {
            check,
            passed: reason.is_none(),
            reason,
            value,
            what_would_change_it: reason.map(|reason| self.remedy(reason, words, zone)),
        };
        let live = match self.live {
            Live::Onboarding => "the book is in onboarding".to_owned(),
            Live::Since(at) => format!("live since {}", at.shown_in(zone)),
        };
        let since = self.running_since.map(|at| format!(", open since {}", at.shown_in(zone)));
        let cause = self.of_cause().filter(|reason| *reason != Refusal::CoolDown);
        let outside = (!self.in_audience).then_some(Refusal::OutsideAudience);
        let cooling = self.may_enter_from().is_some_and(|from| now < from).then_some(Refusal::CoolDown);
        vec![
            row(EntryCheck::Live, self.of_live(), live),
            row(
                EntryCheck::Campaign,
                self.of_campaign(),
                format!("the campaign is {}{}", self.campaign, since.unwrap_or_default()),
            ),
            row(EntryCheck::Trigger, cause, self.trigger(cause, words, zone)),
            row(
                EntryCheck::Audience,
                outside,
                format!("{} the audience now", if self.in_audience { "in" } else { "not in" }),
            ),
            row(EntryCheck::Reentry, cooling, self.last_entry(zone)),
        ]
    }

    fn trigger(&self, refusal: Option<Refusal>, words: &Words, zone: Tz) -> String {
        let Words { noun, did, .. } = words;
        let so_far = match (refusal, &self.cause) {
            (Some(refusal), _) => self.why(refusal, words, zone),
            (None, Some(cause)) => format!("{noun} {did} {}", cause.at.shown_in(zone)),
            (None, None) => format!("{noun} {did}"),
        };
        match self.expected {
            Some(at) => format!("{so_far}; the next is {} if nothing new happens", at.shown_in(zone)),
            None => so_far,
        }
    }

    fn last_entry(&self, zone: Tz) -> String {
        match (self.last, self.may_enter_from()) {
            (None, _) => "never entered".to_owned(),
            (Some(last), None) => {
                format!("entered by a cause of {}; any new one enters again", last.shown_in(zone))
            }
            (Some(last), Some(from)) => format!(
                "entered by a cause of {}; one from {} on may enter again",
                last.shown_in(zone),
                from.shown_in(zone)
            ),
        }
    }

    /// A refusal as a clause: `churn_risk began …, before go-live at …`.
    pub fn why(&self, refusal: Refusal, words: &Words, zone: Tz) -> String {
        let Words { noun, did, done, .. } = words;
        let shown = |at: Instant| at.shown_in(zone);
        let began = self.cause.as_ref().map_or_else(String::new, |c| format!("{noun} {did} {}", shown(c.at)));
        match refusal {
            Refusal::NotLive => "the book isn't live".to_owned(),
            Refusal::NotRunning => format!("the campaign is {}", self.campaign),
            Refusal::NoCause => format!("{noun} hasn't {done} so far"),
            Refusal::BeforeGoLive => match self.live {
                Live::Onboarding => format!("{began}, and the book isn't live"),
                Live::Since(live) => format!("{began}, before go-live at {}", shown(live)),
            },
            Refusal::Backfilled => format!("{began}, but came into the book as history"),
            Refusal::BeforeRunning => {
                let since = self.running_since.map(|at| format!(" at {}", shown(at)));
                format!("{began}, before the campaign began{}", since.unwrap_or_default())
            }
            Refusal::Waiting => format!("{began} and is about to be planned"),
            Refusal::Missed => {
                let planning = self.cause.as_ref().map(|cause| &cause.planning);
                let reason = if let Some(Planning::Missed(reason)) = planning { reason.as_str() } else { "" };
                format!("{began}, and that slot was missed ({reason})")
            }
            Refusal::CoolDown => {
                let from = self.may_enter_from().map_or_else(String::new, shown);
                format!("{began}, within the cool-down that ends {from}")
            }
            Refusal::OnceOnly => format!("{began}, but for an occasion that let them in before"),
            Refusal::OutsideAudience => format!("{began}, and they aren't in the audience"),
            Refusal::OutsideThen => format!("{began}, and they weren't in the audience when it was planned"),
        }
    }

    fn remedy(&self, refusal: Refusal, words: &Words, zone: Tz) -> String {
        match refusal {
            Refusal::NotLive => "go live; what happens from then on counts".to_owned(),
            Refusal::NotRunning => "approve the campaign; what happens from then on counts".to_owned(),
            Refusal::Waiting => "a moment: the planner takes it next".to_owned(),
            Refusal::CoolDown => {
                let from = self.may_enter_from().map_or_else(String::new, |from| from.shown_in(zone));
                format!("time: a new {} from {from} on", words.noun)
            }
            Refusal::OutsideAudience => "being in the audience when the next cause is planned".to_owned(),
            _ => anew(words),
        }
    }
}

/// What it takes where a cause counts no more.
pub fn anew(words: &Words) -> String {
    format!("{} {} anew", words.noun, words.doing)
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
