//! When a declared trigger is met by something that happened, when it will be if nothing new does, and what
//! people call that. Who is let in by it is `entry`'s.

use super::definition::{TagChange, TagTrigger, Trigger};
use crate::rule::TagValue;
use crate::segment::{key_of, spoken};
use crate::time::Instant;
use crate::timeline::Timeline;

impl TagTrigger {
    /// Whether going from one value to another is what it waits for.
    pub fn fits(&self, from: Option<&str>, to: Option<&str>) -> bool {
        let is = |wanted: &Option<String>, value: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| value == Some(wanted))
        };
        match &self.change {
            TagChange::Entered { value } => to.is_some() && is(value, to),
            TagChange::Left { value } => from.is_some() && from != to && is(value, from),
            TagChange::Changed { from: f, to: t } => is(f, from) && is(t, to),
        }
    }

    /// The first change after `now` that it waits for, on a customer's tag as it will be if nothing new happens.
    pub fn next_in(&self, line: &Timeline<Option<TagValue>>, now: Instant) -> Option<Instant> {
        let mut before = line.at(now).as_deref();
        for (at, value) in line.changes().filter(|(at, _)| *at > now) {
            if self.fits(before, value.as_deref()) {
                return Some(at);
            }
            before = value.as_deref();
        }
        None
    }
}

/// What people call a campaign's causes: `churn_risk began`, `christmas hasn't come yet`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// `churn_risk`, `value_tier=diamond`, `a fitting Ticket Resolved`, `christmas`.
    pub noun: String,
    /// `began`.
    pub did: &'static str,
    /// `begun`.
    pub done: &'static str,
    /// `beginning`.
    pub doing: &'static str,
}

impl Words {
    pub fn of(trigger: &Trigger) -> Self {
        let (noun, [did, done, doing]) = match trigger {
            Trigger::Occasion(occasion) => (occasion.solar.name().to_owned(), COMES),
            Trigger::Event(event) if event.when.is_some() => (format!("a fitting {}", event.name), COMES),
            Trigger::Event(event) => (event.name.clone(), COMES),
            Trigger::Tag(tag) => match &tag.change {
                TagChange::Entered { value } => (named(&tag.key, value.as_deref()), BEGINS),
                TagChange::Left { value } => (named(&tag.key, value.as_deref()), ENDS),
                TagChange::Changed { to, .. } => (named(&tag.key, to.as_deref()), BEGINS),
            },
        };
        Self { noun, did, done, doing }
    }
}

const BEGINS: [&str; 3] = ["began", "begun", "beginning"];
const ENDS: [&str; 3] = ["ended", "ended", "ending"];
const COMES: [&str; 3] = ["came", "come", "coming"];

fn named(key: &str, value: Option<&str>) -> String {
    if key_of(key).is_some() {
        return format!("membership of {}", spoken(key));
    }
    match value {
        None | Some("true") => key.to_owned(),
        Some(value) => format!("{key}={value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn tag(change: TagChange) -> TagTrigger {
        TagTrigger { key: "value_tier".to_owned(), change }
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn entering_leaving_and_changing_are_told_apart() {
        let entered = tag(TagChange::Entered { value: None });
        assert!(entered.fits(None, Some("true")) && !entered.fits(Some("true"), None));
        let gold = tag(TagChange::Entered { value: some("gold") });
        assert!(gold.fits(Some("silver"), Some("gold")) && !gold.fits(Some("gold"), Some("diamond")));
        let left = tag(TagChange::Left { value: some("gold") });
        assert!(left.fits(Some("gold"), None) && !left.fits(None, Some("gold")));
        let up = tag(TagChange::Changed { from: some("silver"), to: some("gold") });
        assert!(up.fits(Some("silver"), Some("gold")) && !up.fits(Some("regular"), Some("gold")));
    }

    #[test]
    fn the_next_cause_is_the_next_change_that_fits() {
        let at = Instant::from_micros;
        let value = |text: &str| Some(Arc::from(text));
        let line = Timeline::from_points(
            value("gold"),
            [(at(10), value("silver")), (at(20), None), (at(30), value("gold"))],
        );
        let gold = tag(TagChange::Entered { value: some("gold") });
        assert_eq!(gold.next_in(&line, at(5)), Some(at(30)));
        assert_eq!(gold.next_in(&line, at(29)), Some(at(30)));
        assert_eq!(gold.next_in(&line, at(30)), None, "that one is there already");
        let silver_ends = tag(TagChange::Left { value: some("silver") });
        assert_eq!(silver_ends.next_in(&line, at(5)), Some(at(20)));
    }

    #[test]
    fn causes_have_names() {
        let churn =
            TagTrigger { key: "churn_risk".into(), change: TagChange::Entered { value: some("true") } };
        assert_eq!(Words::of(&Trigger::Tag(churn)).noun, "churn_risk");
        let loyal =
            TagTrigger { key: "segment:loyal".into(), change: TagChange::Left { value: some("true") } };
        assert_eq!(Words::of(&Trigger::Tag(loyal)).noun, "membership of segment loyal");
        let words = Words::of(&Trigger::Tag(tag(TagChange::Left { value: some("gold") })));
        assert_eq!((words.noun.as_str(), words.did), ("value_tier=gold", "ended"));
    }
}
