//! What a campaign document says, as types. Reading one is `parse`; acting on it is `journey` and `gate`.

use super::condition::Condition;
use crate::calendar::occasion::SolarOccasion;
use crate::callback::{Kind, Level};
use crate::names::stable_names;
use crate::time::{Instant, Span, add_days};
use chrono_tz::Tz;
use serde_json::Value;
use std::collections::BTreeSet;

stable_names! {
    /// Why somebody is contacted; decides which consent, window and caps apply.
    Purpose {
        Marketing = "marketing",
        Service = "service",
        Recovery = "recovery",
        Survey = "survey",
    }
}

impl Purpose {
    /// Marketing and surveys need an explicit yes, obey the caps, wait for open complaints and share one
    /// contact day; service and recovery do none of these.
    pub const fn needs_opt_in(self) -> bool {
        matches!(self, Self::Marketing | Self::Survey)
    }
}

stable_names! {
    /// How somebody is reached.
    Channel {
        Email = "email",
        /// Known to the journey's fallback order; a document naming it is refused until it can be sent.
        Sms = "sms",
    }
}

stable_names! {
    /// Which contact window bounds a campaign's touches (domain §7).
    WindowKind {
        /// 09:00–20:00 local.
        Marketing = "marketing",
        /// 08:00–22:00 local.
        Service = "service",
    }
}

stable_names! {
    /// What ends an enrollment the moment it happens.
    ExitCondition {
        Order = "order",
        OptOut = "opt_out",
        Complaint = "complaint",
    }
}

/// A name in both languages of the house.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LocalName {
    pub en: String,
    pub zh: String,
}

/// Who may enter.
#[derive(Debug, Clone, PartialEq)]
pub enum Audience {
    Everyone,
    /// A tree of the rule language, judged by `domain::rule`.
    Rule(Value),
}

/// What starts it.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    Occasion(Occasion),
    Tag(TagTrigger),
    Event(EventTrigger),
}

/// A date that comes every year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occasion {
    /// What customers call it.
    pub title: LocalName,
    pub solar: SolarOccasion,
}

/// A tag's value changing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTrigger {
    /// Of a segment, as it is called among tags.
    pub key: String,
    pub change: TagChange,
}

/// How the tag changed. Values are those after `=` in `key=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagChange {
    /// Came to hold (with this value, where one is named).
    Entered { value: Option<String> },
    /// Ceased to hold (having had this value, where one is named).
    Left { value: Option<String> },
    /// Went from one value to another.
    Changed { from: Option<String>, to: Option<String> },
}

/// A fact of this name, about a ticket where a condition is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTrigger {
    /// As senders write it: `Ticket Resolved`.
    pub name: String,
    pub when: Option<Condition>,
}

/// When the same customer may enter again; one occasion key enters once in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reentry {
    /// Time since the last entry that must have passed.
    pub cool_down: Option<Span>,
}

impl Reentry {
    /// The earliest instant of a new entry after one at `last`; exactly then is allowed.
    pub fn earliest_after(self, last: Option<Instant>) -> Option<Instant> {
        last.and_then(|last| self.cool_down.map(|d| last + d))
    }

    /// Whether an entry at `now` is allowed after one at `last`.
    pub fn allows(self, last: Option<Instant>, now: Instant) -> bool {
        self.earliest_after(last).is_none_or(|earliest| now >= earliest)
    }
}

/// One step of the journey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Send(Send),
    Callback(Callback),
    /// Lets this much time pass since the nominal instant of the step before.
    Wait(Span),
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// In order of fallback, at least one, none twice.
    pub channels: Vec<Channel>,
    /// Key of the template.
    pub template: String,
    /// Key of the coupon batch a personal code is drawn from.
    pub coupon: Option<String>,
}

/// A task for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    pub kind: Kind,
    pub ordinary: CallbackTerms,
    pub vip: CallbackTerms,
}

/// When a callback is due and who may make it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct CallbackTerms {
    /// Opens with this working day after the cause; 1 is the first after it.
    pub first_working_day: u16,
    /// Due at the close of this working day.
    pub last_working_day: u16,
    pub level: Level,
}

/// How long a touch may still go out after its nominal instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expires {
    /// To the end of the nominal instant's local day: greetings.
    SameLocalDay,
    After(Span),
}

impl Expires {
    /// The first instant at which a touch of this nominal instant may no longer go out.
    pub fn at(self, nominal: Instant, zone: Tz) -> Instant {
        match self {
            Self::SameLocalDay => Instant::first_of(add_days(nominal.local_date(zone), 1), zone),
            Self::After(span) => nominal + span,
        }
    }
}

/// What counts as success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Goal {
    /// A counted order within this time of entering.
    pub order_within: Span,
}

/// A campaign as declared: one immutable version.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    pub key: String,
    pub name: LocalName,
    pub purpose: Purpose,
    pub audience: Audience,
    pub trigger: Trigger,
    pub reentry: Reentry,
    /// Per cent kept as control group.
    pub holdout_percent: u8,
    pub steps: Vec<Step>,
    pub exits: BTreeSet<ExitCondition>,
    pub expires: Expires,
    pub window: WindowKind,
    /// 0–100; the higher takes a contact day.
    pub priority: u8,
    /// Greatest face value of coupons this campaign may commit, in 1e-6 of the base currency; none leaves
    /// the batches' own budgets as the only limit.
    pub budget_micros: Option<i64>,
    pub goal: Option<Goal>,
    /// Who answers for it.
    pub owner: String,
}

impl Definition {
    /// The nominal instant of step `index` for somebody who entered at `entered_at`: the waits before it
    /// added up, however late anything ran. A step past the end has the journey's end.
    pub fn nominal_at(&self, entered_at: Instant, index: usize) -> Instant {
        self.steps
            .iter()
            .take(index)
            .filter_map(|step| if let Step::Wait(span) = step { Some(*span) } else { None })
            .fold(entered_at, |at, span| at + span)
    }

    /// The sending steps with their indices.
    pub fn sends(&self) -> impl Iterator<Item = (usize, &Send)> {
        self.steps.iter().enumerate().filter_map(|(i, step)| match step {
            Step::Send(send) => Some((i, send)),
            Step::Callback(_) | Step::Wait(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDateTime;

    fn local(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("test date")
    }

    #[test]
    fn a_greeting_ends_with_its_local_day_even_where_that_has_no_midnight() {
        let zone = chrono_tz::America::Sao_Paulo;
        let nominal = Instant::at_local(local("2018-11-03 10:00"), zone);
        // 2018-11-04 began at 01:00 there.
        assert_eq!(
            Expires::SameLocalDay.at(nominal, zone),
            Instant::at_local(local("2018-11-04 01:00"), zone)
        );
        assert_eq!(Expires::After(Span::days(3)).at(nominal, zone), nominal + Span::days(3));
    }

    #[test]
    fn cool_down_ends_exactly_at_its_span() {
        let r = Reentry { cool_down: Some(Span::days(180)) };
        let last = Instant::from_micros(5);
        assert!(!r.allows(Some(last), last + Span::days(180) - Span::micros(1)));
        assert!(r.allows(Some(last), last + Span::days(180)));
        assert!(r.allows(None, last) && Reentry::default().allows(Some(last), last));
    }
}
