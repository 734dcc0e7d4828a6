//! The tags of one customer over all of time, and their state at an instant with its evidence.

use super::definition::{Catalogue, Shape, TagDefinition};
use crate::customer::{AccountKind, Bearer, CustomerFacts, ProfileTimelines};
use crate::rule::{
    Comparison, Context, Explained, Lang, Rule, TagTimelines, TagValue, eval, explain, hold, leaf_value,
};
use crate::time::Instant;
use crate::timeline::Timeline;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A tag of one customer at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TagState {
    pub key: String,
    /// The level, or `true`; `None` if the customer doesn't have the tag.
    pub value: Option<String>,
    /// The value by the condition alone, without hold.
    pub condition_value: Option<String>,
    /// When the value truly began, however late its facts came. What never changed began with the first
    /// known fact.
    pub since: Instant,
    /// When the value changes if no new fact comes.
    pub next_flip: Option<Instant>,
    /// The numbers behind it, by name; with `threshold` where one bound decides and `held_until` while
    /// only the hold keeps it.
    pub evidence: Value,
    pub rule_version: i64,
}

/// All tags' state at `now`, in the catalogue's order, those not there included.
pub fn evaluate(catalogue: &Catalogue, facts: &CustomerFacts, bearer: Bearer, now: Instant) -> Vec<TagState> {
    Evaluation::of(catalogue, facts, bearer).states(now)
}

/// Everything about one customer over all of time, given the facts known and no new ones.
#[derive(Debug, Clone)]
pub struct Evaluation<'c> {
    catalogue: &'c Catalogue,
    profile: ProfileTimelines,
    tags: TagTimelines,
    courses: BTreeMap<&'c str, Course>,
    bearer: Bearer,
    first_at: Option<Instant>,
}

/// One tag beside its value: by condition alone, and level by level.
#[derive(Debug, Clone)]
struct Course {
    condition: Timeline<Option<TagValue>>,
    /// Per level, lowest first: this level or higher, held. A flag has one.
    held: Vec<Timeline<bool>>,
}

impl<'c> Evaluation<'c> {
    /// The account counts as what it is now, as if it had never been anything else.
    pub fn of(catalogue: &'c Catalogue, facts: &CustomerFacts, bearer: Bearer) -> Self {
        let mut this = Self {
            catalogue,
            profile: ProfileTimelines::build(facts, bearer.zone),
            tags: TagTimelines::new(),
            courses: BTreeMap::new(),
            bearer,
            first_at: facts.first_at(),
        };
        for tag in catalogue.tags() {
            let (value, course) = course(tag, bearer.account, &this.context());
            this.tags.insert(tag.key.clone(), value);
            this.courses.insert(&tag.key, course);
        }
        this
    }

    fn context(&self) -> Context<'_> {
        let currency = self.catalogue.currency();
        Context { profile: &self.profile, tags: &self.tags, zone: self.bearer.zone, currency }
    }

    /// The aggregates over time.
    pub fn profile(&self) -> &ProfileTimelines {
        &self.profile
    }

    /// A tag's value over time; `None` if the catalogue has no such tag.
    pub fn value(&self, key: &str) -> Option<&Timeline<Option<TagValue>>> {
        self.tags.get(key)
    }

    /// A tag's value by its condition alone over time.
    pub fn condition(&self, key: &str) -> Option<&Timeline<Option<TagValue>>> {
        self.courses.get(key).map(|course| &course.condition)
    }

    /// Any rule for this customer: a segment, an audience, an exit.
    pub fn eval(&self, rule: &Rule) -> Timeline<bool> {
        eval(rule, &self.context())
    }

    /// Any rule's tree with values and verdicts at `now`.
    pub fn explain(&self, rule: &Rule, now: Instant, lang: Lang) -> Explained {
        explain(rule, &self.context(), now, lang)
    }

    /// Every tag's state at `now`.
    pub fn states(&self, now: Instant) -> Vec<TagState> {
        self.catalogue.tags().iter().map(|tag| self.state(tag, now)).collect()
    }

    /// The first instant after `now` at which any aggregate or tag changes if no new fact comes.
    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        let of_tags = self.tags.values().filter_map(|line| line.next_after(now));
        of_tags.chain(self.profile.next_after(now)).min()
    }

    pub(super) fn state(&self, tag: &TagDefinition, now: Instant) -> TagState {
        let line = &self.tags[&tag.key];
        let course = &self.courses[tag.key.as_str()];
        TagState {
            key: tag.key.clone(),
            value: line.at(now).as_deref().map(str::to_owned),
            condition_value: course.condition.at(now).as_deref().map(str::to_owned),
            since: line.since(now).or(self.first_at.map(|first| first.min(now))).unwrap_or(now),
            next_flip: line.next_after(now),
            evidence: Value::Object(self.evidence(tag, course, now)),
            rule_version: tag.version,
        }
    }

    fn evidence(&self, tag: &TagDefinition, course: &Course, now: Instant) -> Map<String, Value> {
        let context = self.context();
        let leaves = tag.rules().flat_map(Rule::leaves);
        let mut numbers: Map<String, Value> =
            leaves.flat_map(|leaf| leaf_value(leaf, &context, now)).filter(|(_, v)| !v.is_null()).collect();
        if tag.is_tier() && !self.bearer.account.is_consumer() {
            numbers.insert("account_kind".to_owned(), json!(self.bearer.account));
        }
        let (line, condition) = (&self.tags[&tag.key], course.condition.at(now));
        let Some(value) = line.at(now) else { return numbers };
        let (rule, level) = match &tag.shape {
            Shape::Flag(rule) => (Some(rule), 0),
            Shape::Levels { levels, .. } => match levels.iter().position(|level| level.value == *value) {
                Some(i) => (Some(&levels[i].rule), i),
                None => (None, 0),
            },
        };
        if let Some(Rule::Profile { field, test: Comparison::Gte(bound) | Comparison::Gt(bound) }) = rule {
            numbers.insert("threshold".to_owned(), json!(field.kind().write(*bound)));
        }
        if rule.is_some() && condition.as_ref() != Some(value) && tag.is_below(condition.as_deref(), value) {
            numbers.insert("held_until".to_owned(), json!(course.held[level].next_after(now)));
        }
        numbers
    }
}

/// The tags that say how much somebody is worth to the shop.
const TIERS: [&str; 3] = ["value_tier", "vip", "vip_candidate"];

impl TagDefinition {
    /// Says how much somebody is worth: what only a consumer can get far in.
    pub(super) fn is_tier(&self) -> bool {
        TIERS.contains(&self.key.as_str())
    }

    /// Whether an account of this kind never gets this level: of a tier whatever is above its lowest level, and the
    /// whole of a flag (domain §1: no tier above regular).
    fn is_beyond(&self, account: AccountKind, level: usize) -> bool {
        self.is_tier() && !account.is_consumer() && (level > 0 || matches!(self.shape, Shape::Flag(_)))
    }

    fn is_below(&self, value: Option<&str>, than: &str) -> bool {
        let values = self.values();
        let rank = |wanted: &str| values.iter().position(|value| *value == wanted);
        value.and_then(rank) < rank(than)
    }
}

/// The value of a tag, and its course beside it.
fn course(
    tag: &TagDefinition,
    account: AccountKind,
    context: &Context<'_>,
) -> (Timeline<Option<TagValue>>, Course) {
    let allowed = tag.unless.as_ref().map(|rule| eval(rule, context).not());
    let within = |(level, line): (usize, Timeline<bool>)| match &allowed {
        _ if tag.is_beyond(account, level) => Timeline::always(false),
        Some(allowed) => line.and(allowed),
        None => line,
    };
    let (otherwise, steps): (Option<TagValue>, Vec<(TagValue, &Rule)>) = match &tag.shape {
        Shape::Flag(rule) => (None, vec![(Arc::from("true"), rule)]),
        Shape::Levels { otherwise, levels } => {
            (Some(otherwise.clone()), levels.iter().map(|level| (level.value.clone(), &level.rule)).collect())
        }
    };
    let mut conditions: Vec<Timeline<bool>> = steps.iter().map(|(_, rule)| eval(rule, context)).collect();
    // A level's condition is "this level or higher".
    for i in (1..conditions.len()).rev() {
        conditions[i - 1] = conditions[i - 1].or(&conditions[i]);
    }
    let held: Vec<Timeline<bool>> =
        conditions.iter().map(|line| hold(line, tag.hold, tag.settle)).enumerate().map(within).collect();
    let conditions: Vec<Timeline<bool>> = conditions.into_iter().enumerate().map(within).collect();
    let highest = |lines: &[Timeline<bool>]| {
        let lowest = Timeline::always(otherwise.clone());
        steps.iter().zip(lines).fold(lowest, |value, ((step, _), line)| {
            value.zip_with(line, |value, on| if *on { Some(step.clone()) } else { value.clone() })
        })
    };
    (highest(&held), Course { condition: highest(&conditions), held })
}
