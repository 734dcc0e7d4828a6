//! What is asked of events: which of them, in which window, and what of them together. Reading it is [`super::parse`]'s.
//!
//! What it means lies in `eval`; here is the tree and its canonical written form.

#[cfg(test)]
pub(crate) mod brute;
mod describe;
mod eval;
mod schema;
#[cfg(test)]
mod tests;
mod wanted;

pub(super) use describe::{describe, times, window_in};
pub(super) use eval::{counted, evidence, holds};
pub(super) use schema::{at_most_one, schema, windows};
pub use wanted::{wanted_by, wanted_in};

use super::ast::{Age, Comparison, TextTest};
use super::field::FieldKind;
use crate::event::property::{Path, plain};
use crate::time::{Instant, Span};
use serde_json::{Map, Value, json};

/// What events of one name, those that fit, come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTest {
    pub name: String,
    /// All of them hold of an event that counts; conditions on one array of one and the same element.
    pub conditions: Vec<Condition>,
    pub measure: Measure,
    pub window: Window,
    /// Whether it can hold of somebody who isn't known for as long as the window is.
    pub for_new: ForNew,
}

/// What is asked of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub property: Path,
    pub test: PropertyTest,
}

/// What is asked of a value. Of several values of one element, that there is one for which it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropertyTest {
    /// Of its folded text; whether there is any value, too.
    Text(TextTest),
    /// In millionths: of its number, where it has one.
    Number(Comparison<i64>),
}

/// What the events come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measure {
    /// How many there are; of none 0.
    Count(Comparison<i64>),
    /// The numbers of a property in all elements that the conditions leave, together; in millionths.
    Number { by: Aggregate, of: Path, test: Comparison<i64> },
    /// The value of a property in the first or the last event that has one.
    Value { end: End, of: Path, test: PropertyTest },
    /// When the first or the last was.
    At { end: End, test: InstantTest },
}

/// How numbers are taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aggregate {
    /// Of nothing 0; the others of nothing are absent.
    Sum,
    /// Compared as the sum with so many times the operand; never rounded.
    Avg,
    Min,
    Max,
}

/// Which of several events, by (occurred_at, message_id, source); in it the first element for the first, the last for the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    First,
    Last,
}

/// What is asked of an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstantTest {
    Age(Age),
    /// In microseconds since 1970.
    Compare(Comparison<i64>),
}

/// Which events count, by when they were. None counts before it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    Ever,
    /// `(now − span, now]`.
    Within(Span),
    /// `(…, now − span]`.
    Before(Span),
    /// Strictly before.
    BeforeInstant(Instant),
    /// Both ends included; the first isn't behind the second.
    Between(Instant, Instant),
    /// `(now − older, now − younger]`; `older` is the longer one.
    Ages {
        older: Span,
        younger: Span,
    },
}

/// What a window means for whoever is younger than it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForNew {
    /// What there is counts.
    #[default]
    Include,
    /// It doesn't hold.
    Exclude,
}

impl Aggregate {
    pub const ALL: [Self; 4] = [Self::Sum, Self::Avg, Self::Min, Self::Max];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

impl End {
    pub const ALL: [Self; 2] = [Self::First, Self::Last];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
        }
    }
}

impl Window {
    /// How long ago its old end is, where that is a duration.
    pub const fn reach(self) -> Option<Span> {
        match self {
            Self::Within(span) | Self::Ages { older: span, .. } => Some(span),
            Self::Ever | Self::Before(_) | Self::BeforeInstant(_) | Self::Between(..) => None,
        }
    }

    /// From when until when an event of that instant counts; `None`: never. The end is excluded.
    pub fn counts(self, at: Instant) -> Option<(Instant, Option<Instant>)> {
        match self {
            Self::Ever => Some((at, None)),
            Self::Within(span) => Some((at, Some(at.saturating_add(span)))),
            Self::Before(span) => Some((at.saturating_add(span), None)),
            Self::BeforeInstant(end) => (at < end).then_some((at, None)),
            Self::Between(first, last) => (first <= at && at <= last).then_some((at, None)),
            Self::Ages { older, younger } => {
                Some((at.saturating_add(younger), Some(at.saturating_add(older))))
            }
        }
    }

    pub(super) fn to_op(self) -> Option<(&'static str, Value)> {
        let instant = |at: Instant| FieldKind::Instant.write(at.micros());
        Some(match self {
            Self::Ever => return None,
            Self::Within(span) => ("within", json!(span.to_string())),
            Self::Before(span) => ("before", json!(span.to_string())),
            Self::BeforeInstant(at) => ("before", json!(instant(at))),
            Self::Between(first, last) => ("between", json!([instant(first), instant(last)])),
            Self::Ages { older, younger } => ("between", json!([older.to_string(), younger.to_string()])),
        })
    }
}

impl EventTest {
    /// So many events of this name, whatever they say.
    pub fn counted(name: &str, count: Comparison<i64>, window: Window) -> Self {
        Self {
            name: name.to_owned(),
            conditions: Vec::new(),
            measure: Measure::Count(count),
            window,
            for_new: ForNew::Include,
        }
    }

    /// Every property that has to be known of these events.
    pub fn properties(&self) -> impl Iterator<Item = &Path> {
        let measured = match &self.measure {
            Measure::Number { of, .. } | Measure::Value { of, .. } => Some(of),
            Measure::Count(_) | Measure::At { .. } => None,
        };
        self.conditions.iter().map(|condition| &condition.property).chain(measured)
    }

    pub(super) fn to_value(&self) -> Value {
        let mut value = json!({ "event": self.name });
        if !self.conditions.is_empty() {
            value["where"] = self.conditions.iter().map(Condition::to_value).collect();
        }
        let (key, measured) = self.measure.to_op();
        value[key] = measured;
        if let Some((key, window)) = self.window.to_op() {
            value[key] = window;
        }
        if self.for_new == ForNew::Exclude {
            value["for_new"] = json!("exclude");
        }
        value
    }
}

impl Condition {
    fn to_value(&self) -> Value {
        let (op, operand) = self.test.to_op();
        json!({ "property": self.property.as_str(), op: operand })
    }
}

impl Measure {
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Count(_) => "count",
            Self::Number { by, .. } => by.as_str(),
            Self::Value { end, .. } | Self::At { end, .. } => end.as_str(),
        }
    }

    fn to_op(&self) -> (&'static str, Value) {
        let of = |of: Option<&Path>, (op, operand): (&str, Value)| {
            let mut asked = Map::from_iter(of.map(|of| ("of".to_owned(), json!(of.as_str()))));
            asked.insert(op.to_owned(), operand);
            Value::Object(asked)
        };
        let asked = match self {
            Self::Count(test) => of(None, test.to_op(|n| json!(n))),
            Self::Number { of: path, test, .. } => {
                of(Some(path), test.to_op(|n| FieldKind::Number.to_value(*n)))
            }
            Self::Value { of: path, test, .. } => of(Some(path), test.to_op()),
            Self::At { test: InstantTest::Age(age), .. } => {
                let (op, span) = age.to_op();
                of(None, (op, json!(span)))
            }
            Self::At { test: InstantTest::Compare(test), .. } => {
                of(None, test.to_op(|at| FieldKind::Instant.to_value(*at)))
            }
        };
        (self.key(), asked)
    }
}

impl PropertyTest {
    fn to_op(&self) -> (&'static str, Value) {
        match self {
            Self::Text(test) => test.to_op(),
            // In quotes it would be a text.
            Self::Number(test @ (Comparison::Eq(_) | Comparison::Ne(_) | Comparison::In(_))) => {
                test.to_op(|n| serde_json::from_str(&plain(*n)).unwrap_or_default())
            }
            Self::Number(test) => test.to_op(|n| FieldKind::Number.to_value(*n)),
        }
    }
}
