//! How a customer's tag history comes about: a walk through received facts and flips.
//!
//! The keeper calls [`step`] late or early, often or seldom; what is recorded is the same. Each instant
//! is judged by the facts received up to it, and only the net change at it is recorded.

use super::definition::{Catalogue, Shape, TagDefinition};
use super::evaluate::{Evaluation, TagState};
use crate::customer::{AccountKind, Bearer, Bearers, CustomerFacts, Profile};
use crate::event::Event;
use crate::time::Instant;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A tag as the book has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentTag {
    pub key: String,
    pub value: Option<String>,
    /// The version of the definition it was last decided by.
    pub rule_version: i64,
}

/// Why a tag changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Facts came in (or, between two runs, were given to the customer).
    Event,
    /// Time passed.
    Time,
    /// The definition changed.
    Rule,
    /// The customer became one with another, or two again.
    Merge,
    /// People said something of the customer: what kind of account it is.
    Manual,
}

/// An entry of the tag history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TagChange {
    pub key: String,
    pub from: Option<String>,
    pub to: Option<String>,
    /// When the new value truly began.
    pub since: Instant,
    /// The instant it was decided for: a flip, or when the facts were received.
    pub as_of: Instant,
    pub cause: Cause,
    /// Truly began before go-live or its rule's publication, or came by a fact marked historical.
    /// Campaigns ignore it unless they opt in.
    pub historical: bool,
    pub evidence: Value,
    pub rule_version: i64,
}

/// What a walk came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stepped {
    /// In order of `as_of`, at one instant in the catalogue's order.
    pub changes: Vec<TagChange>,
    /// Every tag's state at the end, those not there included.
    pub current: Vec<TagState>,
    pub profile: Profile,
    /// The first instant after the end at which any aggregate or tag changes if no new fact comes.
    pub next_due: Option<Instant>,
}

/// Walks one customer from `kept_at` (excluded; `None`: from the first received fact on) to `now`
/// (included).
///
/// `current` is what the book has as of `kept_at`. What differs from it at once (a fact that was committed
/// after the former run although received before, a merge) is recorded as of `kept_at`. `go_live_at: None`
/// means onboarding: everything is historical. Events received after `now` are not looked at. Each instant is judged
/// by what was known of the customer then.
pub fn step(
    catalogue: &Catalogue,
    events: &[Event],
    bearers: impl Into<Bearers>,
    kept_at: Option<Instant>,
    current: &[CurrentTag],
    go_live_at: Option<Instant>,
    now: Instant,
) -> Stepped {
    let bearers = bearers.into();
    let mut arrivals: BTreeMap<Instant, Vec<&Event>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.received_at <= now) {
        arrivals.entry(event.received_at).or_default().push(event);
    }
    let start = kept_at.or(arrivals.keys().next().copied()).map_or(now, |start| start.min(now));
    let later = arrivals.split_off(&start);
    let mut stops: Vec<(Instant, Vec<&Event>)> = later.into_iter().collect();
    if stops.first().is_none_or(|(at, _)| *at > start) {
        stops.insert(0, (start, Vec::new()));
    }

    let mut facts = CustomerFacts::fold(arrivals.into_values().flatten());
    let mut walk = Walk::new(catalogue, current, kept_at.map(|_| start), go_live_at, now);
    let mut before: Option<Evaluation<'_>> = None;
    let ends: Vec<Option<Instant>> = stops.iter().skip(1).map(|(at, _)| Some(*at)).chain([None]).collect();
    for ((at, fresh), end) in stops.into_iter().zip(ends) {
        let (bare, bearer) = (History::of(&facts, &fresh), bearers.at(at));
        fresh.iter().for_each(|event| facts.add(event));
        let after = Evaluation::of(catalogue, &facts, bearer, now);
        let backfill = bare.evaluate(catalogue, bearer, now);
        walk.arrive(&after, before.as_ref(), &backfill, at);
        walk.pass(&after, at, end.unwrap_or(Instant::MAX));
        before = Some(after);
    }
    let end = before.expect("there is at least the stop at the start");
    Stepped {
        changes: walk.changes,
        current: end.states(now),
        profile: end.profile().at(now),
        next_due: end.next_due(now),
    }
}

impl Stepped {
    /// The customer was merged or parted at some time since `kept_at`: what differed at once did so for that.
    pub fn after_regrouping(mut self, kept_at: Option<Instant>) -> Self {
        let Some(kept_at) = kept_at else { return self };
        for change in self.changes.iter_mut().filter(|change| change.as_of == kept_at) {
            if change.cause == Cause::Event {
                change.cause = Cause::Merge;
            }
        }
        self
    }

    /// What is known of products may have changed since `kept_at`: what differed at once in a tag that looks at them did so for that,
    /// as if its rule had been published anew.
    pub fn after_declaring(mut self, kept_at: Option<Instant>, tags: &Catalogue) -> Self {
        let Some(kept_at) = kept_at else { return self };
        let looks = |key: &str| {
            let shape = tags.find(key).map(|tag| &tag.shape);
            matches!(shape, Some(Shape::Supply | Shape::Field { .. }))
        };
        for change in self.changes.iter_mut().filter(|change| change.as_of == kept_at && looks(&change.key)) {
            if change.cause == Cause::Event {
                (change.cause, change.historical) = (Cause::Rule, true);
            }
        }
        self
    }

    /// People said since `kept_at` that the account is of this kind: what tiers differed at once did so for that,
    /// and say so.
    pub fn after_naming(mut self, kept_at: Option<Instant>, account: AccountKind, tiers: &Catalogue) -> Self {
        let Some(kept_at) = kept_at else { return self };
        let is_tier = |key: &str| tiers.find(key).is_some_and(TagDefinition::is_tier);
        for change in self.changes.iter_mut().filter(|c| c.as_of == kept_at && is_tier(&c.key)) {
            if change.cause == Cause::Event {
                change.cause = Cause::Manual;
                change.evidence["account_kind"] = json!(account);
            }
        }
        self
    }
}

/// Which of the facts that came at one instant were backfilled.
enum History {
    None,
    All,
    /// The customer's facts without the backfilled ones: what would have changed anyway is live.
    Some(Box<CustomerFacts>),
}

enum Backfill<'c> {
    None,
    All,
    Some(Box<Evaluation<'c>>),
}

impl History {
    fn of(known: &CustomerFacts, fresh: &[&Event]) -> Self {
        match fresh.iter().filter(|event| event.historical).count() {
            0 => Self::None,
            n if n == fresh.len() => Self::All,
            _ => {
                let mut facts = known.clone();
                fresh.iter().filter(|event| !event.historical).for_each(|event| facts.add(event));
                Self::Some(Box::new(facts))
            }
        }
    }

    fn evaluate<'c>(&self, catalogue: &'c Catalogue, bearer: Bearer, now: Instant) -> Backfill<'c> {
        match self {
            Self::None => Backfill::None,
            Self::All => Backfill::All,
            Self::Some(facts) => Backfill::Some(Box::new(Evaluation::of(catalogue, facts, bearer, now))),
        }
    }
}

impl Backfill<'_> {
    /// Whether the value at `at` came only by backfilled facts.
    fn brought(&self, key: &str, after: &Evaluation<'_>, at: Instant) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(live) => value_at(live, key, at) != value_at(after, key, at),
        }
    }
}

fn value_at<'e>(evaluation: &'e Evaluation<'_>, key: &str, at: Instant) -> Option<&'e str> {
    evaluation.value(key).and_then(|line| line.at(at).as_deref())
}

struct Walk<'c> {
    catalogue: &'c Catalogue,
    have: BTreeMap<String, CurrentTag>,
    /// When the book was last kept; `None` on a first run.
    kept_at: Option<Instant>,
    go_live_at: Option<Instant>,
    now: Instant,
    changes: Vec<TagChange>,
}

impl<'c> Walk<'c> {
    fn new(
        catalogue: &'c Catalogue,
        current: &[CurrentTag],
        kept_at: Option<Instant>,
        go_live_at: Option<Instant>,
        now: Instant,
    ) -> Self {
        let have = current.iter().map(|tag| (tag.key.clone(), tag.clone())).collect();
        let mut walk = Self { catalogue, have, kept_at, go_live_at, now, changes: Vec::new() };
        walk.drop_undefined();
        walk
    }

    /// Tags whose definition is gone go with it.
    fn drop_undefined(&mut self) {
        let at = self.kept_at.unwrap_or(self.now);
        let gone: Vec<String> =
            self.have.keys().filter(|key| self.catalogue.find(key).is_none()).cloned().collect();
        for tag in gone.into_iter().filter_map(|key| self.have.remove(&key)) {
            self.changes.extend(tag.value.map(|from| TagChange {
                key: tag.key,
                from: Some(from),
                to: None,
                since: at,
                as_of: at,
                cause: Cause::Rule,
                historical: self.go_live_at.is_none_or(|live| at < live),
                evidence: Value::Object(serde_json::Map::new()),
                rule_version: tag.rule_version,
            }));
        }
    }

    /// Facts came in at `at`: records what differs.
    fn arrive(
        &mut self,
        after: &Evaluation<'_>,
        before: Option<&Evaluation<'_>>,
        backfill: &Backfill<'_>,
        at: Instant,
    ) {
        for tag in self.catalogue.tags() {
            let passed = before.is_some_and(|b| value_at(b, &tag.key, at) == value_at(after, &tag.key, at));
            let cause = if passed { Cause::Time } else { Cause::Event };
            let historical = !passed && backfill.brought(&tag.key, after, at);
            self.settle(tag, after, at, cause, historical);
        }
    }

    /// Time passed from `from` to before `end`, and at most to now: records flips and rules coming into force.
    fn pass(&mut self, evaluation: &Evaluation<'_>, from: Instant, end: Instant) {
        let within = |at: &Instant| *at > from && *at < end && *at <= self.now;
        let mut stops: BTreeSet<Instant> = BTreeSet::new();
        for tag in self.catalogue.tags() {
            stops.extend(tag.published_at.filter(within));
            let line = evaluation.value(&tag.key).into_iter();
            stops.extend(line.flat_map(|line| line.changes()).map(|(at, _)| at).filter(within));
        }
        for at in stops {
            for tag in self.catalogue.tags() {
                self.settle(tag, evaluation, at, Cause::Time, false);
            }
        }
    }

    /// Whether the customer's tag was last decided by an earlier version.
    fn is_outdated(&self, tag: &TagDefinition) -> bool {
        match self.have.get(&tag.key) {
            Some(have) => have.rule_version != tag.version,
            None => self.kept_at.is_some() && tag.published_at > self.kept_at,
        }
    }

    fn settle(
        &mut self,
        tag: &TagDefinition,
        evaluation: &Evaluation<'_>,
        at: Instant,
        cause: Cause,
        backfilled: bool,
    ) {
        let outdated = self.is_outdated(tag);
        // A version published within the walk counts from its publication on.
        if outdated && tag.published_at.is_some_and(|published| at < published && published <= self.now) {
            return;
        }
        let from = self.have.get(&tag.key).and_then(|have| have.value.clone());
        let value = value_at(evaluation, &tag.key, at);
        if from.as_deref() != value {
            let state = evaluation.state(tag, at);
            let too_early = |bound: Option<Instant>| bound.is_some_and(|bound| state.since < bound);
            let historical = self.go_live_at.is_none()
                || too_early(self.go_live_at)
                || too_early(tag.published_at)
                || backfilled;
            self.changes.push(TagChange {
                key: state.key,
                from,
                to: state.value,
                since: state.since,
                as_of: at,
                cause: if outdated { Cause::Rule } else { cause },
                historical,
                evidence: state.evidence,
                rule_version: tag.version,
            });
        }
        let value = value.map(str::to_owned);
        let settled = CurrentTag { key: tag.key.clone(), value, rule_version: tag.version };
        self.have.insert(tag.key.clone(), settled);
    }
}
