//! Whether one customer is in a segment, over all of time: by its rule or list, and by what people said against it. It stands
//! among the tags, `true` or nothing; of a segment on demand only what people said is kept.

use super::definition::TagDefinition;
use super::evaluate::{Evaluation, Source, TagState};
use super::hand::{Hand, banned, by_hand, hand};
use crate::customer::CustomerFacts;
use crate::rule::{Context, Rule, TagTimelines, TagValue, eval, leaf_value};
use crate::segment::{self, Keep, node_key};
use crate::time::Instant;
use crate::timeline::Timeline;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

static ON: LazyLock<TagValue> = LazyLock::new(|| Arc::from("true"));

/// What a member has.
pub(super) fn on() -> TagValue {
    ON.clone()
}

/// What is known of one customer and one segment beside their membership.
#[derive(Debug, Clone)]
pub(super) struct Member {
    keep: Keep,
    hand: Timeline<Hand>,
    /// Whether they let us use numbers of a model, of a segment whose rule asks for such.
    may: Option<Timeline<bool>>,
    /// Of a segment on demand: `pinned`, `banned` or nothing.
    kept: Option<Timeline<Option<TagValue>>>,
}

/// How people's word on membership stands at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    pub hand: segment::Hand,
    pub since: Instant,
    pub until: Option<Instant>,
}

impl Member {
    pub(super) fn of(node: &TagDefinition, keep: Keep, facts: &CustomerFacts, context: &Context<'_>) -> Self {
        let hand = hand(node, facts, context.bearer.account);
        let may = node.waits_for().is_some().then(|| facts.dealings().personalised());
        let kept = (keep == Keep::OnDemand).then(|| {
            hand.map(|hand| match hand {
                Hand::Off => None,
                Hand::Given { .. } => Some(Arc::from(segment::Hand::Pinned.as_str())),
                Hand::Down { .. } => Some(Arc::from(segment::Hand::Banned.as_str())),
            })
        });
        Self { keep, hand, may, kept }
    }

    /// Whether they are in it: (its rule or pinned) and not banned.
    pub(super) fn line(&self, node: &TagDefinition, context: &Context<'_>) -> Timeline<Option<TagValue>> {
        let ruled = match node.rules().next() {
            Some(rule) => eval(rule, context),
            None => Timeline::always(false),
        };
        let ruled = self.may.as_ref().map_or_else(|| ruled.clone(), |may| ruled.and(may));
        let member = |is: bool| is.then(on);
        if self.hand == Timeline::always(Hand::Off) {
            return ruled.map(|is| member(*is));
        }
        ruled.zip_with(&self.hand, |is, hand| match hand {
            Hand::Off => member(*is),
            Hand::Given { value, .. } => Some(value.clone()),
            Hand::Down { .. } => None,
        })
    }

    /// What is kept of it, where that isn't the membership.
    pub(super) fn kept(&self) -> Option<&Timeline<Option<TagValue>>> {
        self.kept.as_ref()
    }
}

impl Evaluation<'_> {
    /// Whether the customer is in the segment, over time; `None` if the catalogue has no such segment.
    pub fn membership(&self, key: &str) -> Option<Timeline<bool>> {
        self.catalogue.segment(key)?;
        Some(self.eval(&Rule::Segment { key: key.to_owned(), since: None }))
    }

    /// What people said of the customer and the segment, as far as it holds at `now`.
    pub fn said_of(&self, key: &str, now: Instant) -> Option<Said> {
        let member = self.members.get(node_key(key).as_str())?;
        match member.hand.at(now) {
            Hand::Off => None,
            Hand::Given { at, until, .. } => {
                Some(Said { hand: segment::Hand::Pinned, since: *at, until: *until })
            }
            Hand::Down { at, until } => Some(Said { hand: segment::Hand::Banned, since: *at, until: *until }),
        }
    }

    /// All that a rule asks of tags and segments: with those on demand that nobody had looked at.
    pub(super) fn asked_by(&self, rule: &Rule) -> Cow<'_, TagTimelines> {
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        let mut open: Vec<String> = named(rule).collect();
        while let Some(node) = open.pop() {
            if self.catalogue.is_idle(&node) && !wanted.contains(&node) {
                open.extend(self.catalogue.find(&node).into_iter().flat_map(|n| self.catalogue.needed_by(n)));
                wanted.insert(node);
            }
        }
        let mut lines = Cow::Borrowed(&self.tags);
        // Each stands after those it refers to.
        for node in self.catalogue.nodes().iter().filter(|node| wanted.contains(&node.key)) {
            let Some(member) = self.members.get(node.key.as_str()) else { continue };
            let line = member.line(node, &Context { tags: &lines, ..self.context() });
            lines.to_mut().insert(node.key.clone(), line);
        }
        lines
    }

    /// What is kept of a segment at `now`.
    pub(super) fn member_state(
        &self,
        node: &TagDefinition,
        member: &Member,
        line: &Timeline<Option<TagValue>>,
        now: Instant,
    ) -> TagState {
        let next_flip = line.next_after(now);
        let (source, evidence) = match member.hand.at(now) {
            Hand::Given { at, until, .. } => (Source::Manual, by_hand(*at, *until)),
            Hand::Down { at, until } => (Source::Manual, banned(*at, *until)),
            Hand::Off if member.keep == Keep::Live => (Source::Computed, self.numbers(node, now)),
            Hand::Off => (Source::Computed, Map::new()),
        };
        TagState {
            key: node.key.clone(),
            value: line.at(now).as_deref().map(str::to_owned),
            condition_value: line.at(now).as_deref().map(str::to_owned),
            since: self.since(line, now),
            next_flip,
            next_value: next_flip.and_then(|at| line.at(at).as_deref()).map(str::to_owned),
            evidence: Value::Object(evidence),
            rule_version: node.version,
            source,
        }
    }

    /// What the leaves of its rules look at, as far as it is there.
    pub(super) fn numbers(&self, node: &TagDefinition, now: Instant) -> Map<String, Value> {
        let context = self.context();
        let leaves = node.rules().flat_map(Rule::leaves);
        leaves.flat_map(|leaf| leaf_value(leaf, &context, now)).filter(|(_, v)| !v.is_null()).collect()
    }
}

/// The segments a rule asks about itself.
fn named(rule: &Rule) -> impl Iterator<Item = String> {
    rule.leaves().into_iter().filter_map(|leaf| match leaf {
        Rule::Segment { key, .. } => Some(node_key(key)),
        _ => None,
    })
}
