//! What people say of one customer and a tag or segment, over time: given, taken away, until when. Against what that stands is
//! [`super::evaluate`]'s and [`super::member`]'s.

use super::definition::{Kind, TagDefinition};
use crate::customer::dealings::Mark;
use crate::customer::{AccountKind, CustomerFacts};
use crate::rule::TagValue;
use crate::segment;
use crate::time::Instant;
use crate::timeline::Timeline;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What people said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hand {
    /// Nothing: its rule decides.
    Off,
    /// It is this.
    Given { value: TagValue, at: Instant, until: Option<Instant> },
    /// Its rule doesn't give it.
    Down { at: Instant, until: Option<Instant> },
}

/// The evidence of what people gave.
pub(super) fn by_hand(at: Instant, until: Option<Instant>) -> Map<String, Value> {
    said("by_hand_since", at, "by_hand_until", until)
}

/// The evidence of keeping somebody out of a segment.
pub(super) fn banned(at: Instant, until: Option<Instant>) -> Map<String, Value> {
    said("banned_since", at, "banned_until", until)
}

fn said(since: &str, at: Instant, ends: &str, until: Option<Instant>) -> Map<String, Value> {
    let mut said = Map::from_iter([(since.to_owned(), json!(at))]);
    said.extend(until.map(|until| (ends.to_owned(), json!(until))));
    said
}

/// What people said of this tag or segment. What it can't be, or the account not have, doesn't count.
pub(super) fn hand(tag: &TagDefinition, facts: &CustomerFacts, account: AccountKind) -> Timeline<Hand> {
    let refused = tag.by_hand.is_none() || (tag.is_tier() && !account.is_consumer());
    let marks: Vec<(Instant, &Mark)> =
        if refused { Vec::new() } else { facts.dealings().marks(&tag.key).collect() };
    let mut points = Vec::new();
    for (i, (at, mark)) in marks.iter().enumerate() {
        let Some((said, until)) = read(tag, *at, mark) else { continue };
        let next = marks.get(i + 1).map(|(next, _)| *next);
        points.push((*at, said));
        points.extend(
            until
                .filter(|until| until > at && next.is_none_or(|next| *until < next))
                .map(|end| (end, Hand::Off)),
        );
    }
    Timeline::from_points(Hand::Off, points)
}

/// What one mark says, and until when.
fn read(tag: &TagDefinition, at: Instant, mark: &Mark) -> Option<(Hand, Option<Instant>)> {
    if !tag.is_tag() {
        return read_member(at, mark);
    }
    Some(match mark {
        Mark::Given { value, until } if tag.can_be(value) => {
            (Hand::Given { value: Arc::from(value.as_str()), at, until: *until }, *until)
        }
        Mark::Given { .. } => return None,
        Mark::Taken { until } if tag.kind() == Kind::Manual || until.is_none() => (Hand::Off, *until),
        Mark::Taken { until } => (Hand::Down { at, until: *until }, *until),
    })
}

/// Of a segment people say that somebody is in it, isn't, or that its rule decides again.
fn read_member(at: Instant, mark: &Mark) -> Option<(Hand, Option<Instant>)> {
    let Mark::Given { value, until } = mark else { return Some((Hand::Off, None)) };
    let until = *until;
    let said = match segment::Hand::parse(value)? {
        segment::Hand::Pinned => Hand::Given { value: super::member::on(), at, until },
        segment::Hand::Banned => Hand::Down { at, until },
    };
    Some((said, until))
}
