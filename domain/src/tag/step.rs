//! How a customer's tag history comes about: a walk through received facts and flips.
//!
//! The keeper calls [`step`] late or early, often or seldom; what is recorded is the same. Each instant
//! is judged by the facts received up to it, and only the net change at it is recorded.

use super::catalogue::Catalogue;
use super::definition::TagDefinition;
use super::evaluate::{Evaluation, TagState};
use super::rulebook::{Place, Rulebook};
use crate::customer::profile::Footing;
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
    /// Every tag's state at the end, those not there included, and that of each segment of which anything stands.
    pub current: Vec<TagState>,
    pub profile: Profile,
    pub footing: Footing,
    /// The first instant after the end at which any aggregate or tag changes if no new fact comes.
    pub next_due: Option<Instant>,
}

/// Where a walk goes on from.
#[derive(Debug, Clone, Copy)]
pub struct Stand<'a> {
    /// `None`: never kept.
    pub kept_at: Option<Instant>,
    /// The epoch of the rules they were kept by; of no account where they never were.
    pub epoch: i64,
    /// What the book has as of then.
    pub tags: &'a [CurrentTag],
    pub meanwhile: Meanwhile,
}

/// What befell a customer beside facts at the instant up to which they were kept, after they were: what differs at once does so for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Meanwhile {
    /// People said that the account is of this kind.
    pub named: Option<AccountKind>,
    /// They became one with another, or two again.
    pub regrouped: bool,
}

impl Stand<'_> {
    /// Nobody ever looked at them.
    pub const NEVER: Stand<'static> =
        Stand { kept_at: None, epoch: 0, tags: &[], meanwhile: Meanwhile { named: None, regrouped: false } };
}

impl<'a> Stand<'a> {
    /// Kept up to then, under the rules of this epoch, with these tags; nothing befell them since.
    pub fn kept(at: Instant, epoch: i64, tags: &'a [CurrentTag]) -> Self {
        Self { kept_at: Some(at), epoch, tags, meanwhile: Meanwhile::default() }
    }
}

/// Walks one customer from where they stand (that instant excluded; never kept: from the first received fact on) to `now`
/// (included). Each instant is judged by the rules that held then and by what was known of the customer then.
///
/// What differs at once from what stands (a fact that was committed after the former run although received before) is
/// recorded as of the instant up to which they were kept. `go_live_at: None` means onboarding: everything is historical.
/// Events received after `now` are not looked at.
pub fn step(
    rules: &Rulebook,
    events: &[Event],
    bearers: impl Into<Bearers>,
    stand: Stand<'_>,
    go_live_at: Option<Instant>,
    now: Instant,
) -> Stepped {
    let bearers = bearers.into();
    let mut arrivals: BTreeMap<Instant, Vec<&Event>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.received_at <= now) {
        arrivals.entry(event.received_at).or_default().push(event);
    }
    let start = stand.kept_at.or(arrivals.keys().next().copied()).map_or(now, |start| start.min(now));
    let later = arrivals.split_off(&start);
    let place = stand.kept_at.map_or(Place::Instant(start), |_| Place::Epoch(stand.epoch));
    let (first, turns) = rules.ahead_of(place, start, now);
    let mut facts = CustomerFacts::fold(arrivals.into_values().flatten());
    let mut walk = Walk::new(stand, go_live_at, now);
    let mut before: Option<Evaluation<'_>> = None;
    for Stop { at, end, fresh, catalogue, former } in stops(start, later, first, turns) {
        let (bare, bearer) = (History::of(&facts, &fresh), bearers.at(at));
        fresh.iter().for_each(|event| facts.add(event));
        let after = Evaluation::of(catalogue, &facts, bearer, now);
        // Where nothing came but the rules, what was known before is what the former ones say.
        let quiet = before.is_some() && fresh.is_empty();
        let unturned = former.filter(|_| !quiet).map(|former| Evaluation::of(former, &facts, bearer, now));
        let arrival = Arrival {
            at,
            before: before.as_ref(),
            backfill: bare.evaluate(catalogue, bearer, now),
            unturned: unturned.as_ref().or(before.as_ref().filter(|_| quiet && former.is_some())),
        };
        walk.arrive(catalogue, &after, &arrival);
        walk.pass(catalogue, &after, at, end.unwrap_or(Instant::MAX));
        before = Some(after);
    }
    let end = before.expect("there is at least the stop at the start");
    Stepped {
        changes: walk.changes,
        current: end.states(now),
        profile: end.profile().at(now),
        footing: end.profile().footing(now),
        next_due: end.next_due(now),
    }
}

/// An instant at which something came, and the stretch behind it.
struct Stop<'w> {
    at: Instant,
    /// When the next stop is.
    end: Option<Instant>,
    fresh: Vec<&'w Event>,
    /// What holds from here on.
    catalogue: &'w Catalogue,
    /// What held before, where something was published here.
    former: Option<&'w Catalogue>,
}

/// Every stop of a walk, the start always one.
fn stops<'w>(
    start: Instant,
    arrivals: BTreeMap<Instant, Vec<&'w Event>>,
    first: &'w Catalogue,
    turns: Vec<(Instant, &'w Catalogue)>,
) -> Vec<Stop<'w>> {
    let turns: BTreeMap<Instant, &Catalogue> = turns.into_iter().collect();
    let instants: BTreeSet<Instant> = arrivals.keys().chain(turns.keys()).copied().chain([start]).collect();
    let mut arrivals = arrivals;
    let mut holds = first;
    let mut stops: Vec<Stop<'w>> = Vec::with_capacity(instants.len());
    for at in instants {
        let former = turns.get(&at).map(|turned| std::mem::replace(&mut holds, turned));
        if let Some(last) = stops.last_mut() {
            last.end = Some(at);
        }
        let fresh = arrivals.remove(&at).unwrap_or_default();
        stops.push(Stop { at, end: None, fresh, catalogue: holds, former });
    }
    stops
}

/// What came at an instant, for telling why a value is another.
struct Arrival<'e> {
    at: Instant,
    /// What was known before; `None` at the start.
    before: Option<&'e Evaluation<'e>>,
    backfill: Backfill<'e>,
    /// By the rules that held before, where others were published.
    unturned: Option<&'e Evaluation<'e>>,
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

struct Walk<'w> {
    stand: Stand<'w>,
    have: BTreeMap<String, CurrentTag>,
    go_live_at: Option<Instant>,
    now: Instant,
    changes: Vec<TagChange>,
}

/// Why a value may be another, as far as it is known before looking at it.
#[derive(Debug, Clone, Copy)]
struct Why {
    cause: Cause,
    historical: bool,
    named: Option<AccountKind>,
}

impl Why {
    const TIME: Self = Self { cause: Cause::Time, historical: false, named: None };
}

impl<'w> Walk<'w> {
    fn new(stand: Stand<'w>, go_live_at: Option<Instant>, now: Instant) -> Self {
        let have = stand.tags.iter().map(|tag| (tag.key.clone(), tag.clone())).collect();
        Self { stand, have, go_live_at, now, changes: Vec::new() }
    }

    /// Tags whose definition is gone go with it.
    fn drop_undefined(&mut self, catalogue: &Catalogue, at: Instant) {
        let gone: Vec<String> =
            self.have.keys().filter(|key| catalogue.find(key).is_none()).cloned().collect();
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

    /// Something came: records what differs.
    fn arrive(&mut self, catalogue: &Catalogue, after: &Evaluation<'_>, arrival: &Arrival<'_>) {
        self.drop_undefined(catalogue, arrival.at);
        for tag in catalogue.nodes() {
            // Of a segment somebody neither is nor was in there is nothing to ask.
            let stood = tag.is_tag() || self.have.contains_key(&tag.key);
            if stood || value_at(after, &tag.key, arrival.at).is_some() {
                let why = self.why(tag, after, arrival);
                self.settle(tag, after, arrival.at, why);
            }
        }
    }

    fn why(&self, tag: &TagDefinition, after: &Evaluation<'_>, arrival: &Arrival<'_>) -> Why {
        let at = arrival.at;
        let value = value_at(after, &tag.key, at);
        let differs = |other: &Evaluation<'_>| value_at(other, &tag.key, at) != value;
        if arrival.before.is_some_and(|before| !differs(before)) {
            return Why::TIME;
        }
        let published = self.have.get(&tag.key).is_some_and(|have| have.rule_version != tag.version);
        if arrival.unturned.map_or(published, differs) {
            let historical = after.state(tag, at).since < at;
            return Why { cause: Cause::Rule, historical, named: None };
        }
        let Meanwhile { named, regrouped } = self.stand.meanwhile;
        let at_once = arrival.before.is_none() && self.stand.kept_at.is_some();
        let (cause, named) = match named.filter(|_| tag.hangs_on_account()) {
            Some(kind) if at_once => (Cause::Manual, Some(kind)),
            _ if at_once && regrouped => (Cause::Merge, None),
            _ => (Cause::Event, None),
        };
        Why { cause, historical: arrival.backfill.brought(&tag.key, after, at), named }
    }

    /// Time passed from `from` to before `end`, and at most to now: records flips.
    fn pass(&mut self, catalogue: &Catalogue, evaluation: &Evaluation<'_>, from: Instant, end: Instant) {
        let within = |at: &Instant| *at > from && *at < end && *at <= self.now;
        let mut flips: BTreeMap<Instant, Vec<&TagDefinition>> = BTreeMap::new();
        for tag in catalogue.nodes() {
            let changes = evaluation.value(&tag.key).into_iter().flat_map(|line| line.changes());
            for (at, _) in changes.filter(|(at, _)| within(at)) {
                flips.entry(at).or_default().push(tag);
            }
        }
        for (at, tags) in flips {
            for tag in tags {
                self.settle(tag, evaluation, at, Why::TIME);
            }
        }
    }

    fn settle(&mut self, tag: &TagDefinition, evaluation: &Evaluation<'_>, at: Instant, why: Why) {
        let from = self.have.get(&tag.key).and_then(|have| have.value.clone());
        let value = value_at(evaluation, &tag.key, at);
        if from.as_deref() != value {
            let state = evaluation.state(tag, at);
            let too_early = |bound: Option<Instant>| bound.is_some_and(|bound| state.since < bound);
            let historical = self.go_live_at.is_none()
                || too_early(self.go_live_at)
                || too_early(tag.published_at)
                || why.historical;
            let mut evidence = state.evidence;
            if let Some(kind) = why.named {
                evidence["account_kind"] = json!(kind);
            }
            self.changes.push(TagChange {
                key: state.key,
                from,
                to: state.value,
                since: state.since,
                as_of: at,
                cause: why.cause,
                historical,
                evidence,
                rule_version: tag.version,
            });
        }
        if value.is_none() && !tag.is_tag() {
            self.have.remove(&tag.key);
            return;
        }
        let value = value.map(str::to_owned);
        let settled = CurrentTag { key: tag.key.clone(), value, rule_version: tag.version };
        self.have.insert(tag.key.clone(), settled);
    }
}
