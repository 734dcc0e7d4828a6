//! The tree of a rule, and its canonical written form.
//!
//! Reading what people write is [`super::parse`]'s; what a tree means is [`super::eval`]'s.

use super::event::EventTest;
use super::field::Field;
use super::parse::parse;
use super::record::RecordTest;
use super::score::ScoreNumber;
use super::share::Share;
use crate::time::Span;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A rule. Each leaf is true or false, never unknown: what is absent makes every operator false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    All(Vec<Rule>),
    Any(Vec<Rule>),
    Not(Box<Rule>),
    /// A profile aggregate against numbers in the field's [`Field::kind`].
    Profile {
        field: Field,
        test: Comparison<i64>,
    },
    /// A number of the last run over the whole book, in its [`ScoreNumber::kind`]; absent before there is one.
    Score {
        number: ScoreNumber,
        test: Comparison<i64>,
    },
    /// A word of the profile.
    Text {
        field: Field,
        test: TextTest,
    },
    /// How long ago an instant of the profile is, as a duration.
    Ago {
        field: Field,
        age: Age,
    },
    /// Local calendar dates since an instant of the profile.
    DaysSince {
        field: Field,
        days: DayRange,
    },
    /// A day of the profile comes round again within so many local calendar dates, today among them.
    Anniversary {
        field: Field,
        within_days: u32,
    },
    /// What events of one name come to: how often they happened, a property's sum, …
    Event(EventTest),
    /// The value of another tag.
    Tag {
        key: String,
        test: TagTest,
        /// For how long it has had that value.
        since: Option<Age>,
    },
    /// What stands in the book beside the log.
    Record(RecordTest),
    /// A stable part of the book.
    Share(Share),
    /// Membership of a segment, by its key.
    Segment {
        key: String,
        /// For how long they have been in it.
        since: Option<Age>,
    },
}

/// How long ago something is: a duration of N·86,400 s for `N d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// `(now − span, now]`.
    Within(Span),
    /// Before that.
    OlderThan(Span),
}

/// What is asked of a word. Both sides are compared folded: NFKC, without case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextTest {
    Eq(String),
    /// Present and different.
    Ne(String),
    In(Vec<String>),
    Contains(String),
    StartsWith(String),
    Present,
    Absent,
}

/// An operator with its operands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison<T> {
    Eq(T),
    /// Present and different; so not the opposite of `Eq`.
    Ne(T),
    Lt(T),
    Lte(T),
    Gt(T),
    Gte(T),
    In(Vec<T>),
    /// Both ends included.
    Between(T, T),
    Present,
    Absent,
}

/// Whole days, both ends included; an open end is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayRange {
    pub from: Option<u32>,
    pub to: Option<u32>,
}

/// What is asked of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagTest {
    Eq(String),
    /// Present and different.
    Ne(String),
    In(Vec<String>),
    Present,
    Absent,
}

impl Rule {
    /// The canonical JSON tree; parsing it gives the rule back.
    pub fn to_value(&self) -> Value {
        let list = |rules: &[Self]| rules.iter().map(Self::to_value).collect::<Vec<_>>();
        match self {
            Self::All(rules) => json!({ "all": list(rules) }),
            Self::Any(rules) => json!({ "any": list(rules) }),
            Self::Not(rule) => json!({ "not": rule.to_value() }),
            Self::Profile { field, test } => {
                let (op, operand) = test.to_op(|v| field.kind().to_value(*v));
                json!({ "profile": field.key(), op: operand })
            }
            Self::Score { number, test } => {
                let (op, operand) = test.to_op(|v| number.kind().to_value(*v));
                json!({ "score": number.as_str(), op: operand })
            }
            Self::DaysSince { field, days } => {
                let (op, operand) = days.to_op();
                json!({ "days_since": field.key(), op: operand })
            }
            Self::Text { field, test } => {
                let (op, operand) = test.to_op();
                json!({ "profile": field.key(), op: operand })
            }
            Self::Ago { field, age } => {
                let (op, span) = age.to_op();
                json!({ "profile": field.key(), op: span })
            }
            Self::Anniversary { field, within_days } => {
                json!({ "anniversary": field.key(), "within": format!("{within_days}d") })
            }
            Self::Event(test) => test.to_value(),
            Self::Record(test) => test.to_value(),
            Self::Tag { key, test, since } => {
                let (op, operand) = match test {
                    TagTest::Eq(value) => ("eq", json!(value)),
                    TagTest::Ne(value) => ("ne", json!(value)),
                    TagTest::In(values) => ("in", json!(values)),
                    TagTest::Present => ("exists", json!(true)),
                    TagTest::Absent => ("exists", json!(false)),
                };
                let mut value = json!({ "tag": key, op: operand });
                put_since(&mut value, *since);
                value
            }
            Self::Segment { key, since } => {
                let mut value = json!({ "segment": key });
                put_since(&mut value, *since);
                value
            }
            Self::Share(share) => json!({ "share": share.written(), "salt": share.salt }),
        }
    }

    /// Names of events that the rule counts.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        self.leaves().into_iter().filter_map(|leaf| match leaf {
            Self::Event(test) => Some(test.name.as_str()),
            _ => None,
        })
    }

    /// Every leaf with its place from here on, as the parser names places: `all[2].not`.
    pub fn placed_leaves(&self) -> Vec<(String, &Self)> {
        let mut found = Vec::new();
        self.place_leaves("", &mut found);
        found
    }

    fn place_leaves<'r>(&'r self, at: &str, found: &mut Vec<(String, &'r Self)>) {
        let below = |head: &str| if at.is_empty() { head.to_owned() } else { format!("{at}.{head}") };
        match self {
            Self::All(rules) | Self::Any(rules) => {
                let head = if matches!(self, Self::All(_)) { "all" } else { "any" };
                for (i, rule) in rules.iter().enumerate() {
                    rule.place_leaves(&format!("{}[{i}]", below(head)), found);
                }
            }
            Self::Not(rule) => rule.place_leaves(&below("not"), found),
            leaf => found.push((at.to_owned(), leaf)),
        }
    }

    /// Every leaf, in the order written.
    pub fn leaves(&self) -> Vec<&Self> {
        match self {
            Self::All(rules) | Self::Any(rules) => rules.iter().flat_map(Self::leaves).collect(),
            Self::Not(rule) => rule.leaves(),
            leaf => vec![leaf],
        }
    }
}

fn put_since(value: &mut Value, since: Option<Age>) {
    if let Some(age) = since {
        let (op, span) = age.to_op();
        value["since"] = json!({ op: span });
    }
}

impl TextTest {
    pub(super) fn to_op(&self) -> (&'static str, Value) {
        match self {
            Self::Eq(value) => ("eq", json!(value)),
            Self::Ne(value) => ("ne", json!(value)),
            Self::In(values) => ("in", json!(values)),
            Self::Contains(value) => ("contains", json!(value)),
            Self::StartsWith(value) => ("starts_with", json!(value)),
            Self::Present => ("exists", json!(true)),
            Self::Absent => ("exists", json!(false)),
        }
    }
}

impl Age {
    pub(super) fn to_op(self) -> (&'static str, String) {
        match self {
            Self::Within(span) => ("within", span.to_string()),
            Self::OlderThan(span) => ("older_than", span.to_string()),
        }
    }
}

impl<T> Comparison<T> {
    pub(super) fn to_op(&self, write: impl Fn(&T) -> Value) -> (&'static str, Value) {
        match self {
            Self::Eq(v) => ("eq", write(v)),
            Self::Ne(v) => ("ne", write(v)),
            Self::Lt(v) => ("lt", write(v)),
            Self::Lte(v) => ("lte", write(v)),
            Self::Gt(v) => ("gt", write(v)),
            Self::Gte(v) => ("gte", write(v)),
            Self::In(list) => ("in", list.iter().map(write).collect()),
            Self::Between(a, b) => ("between", [write(a), write(b)].into_iter().collect()),
            Self::Present => ("exists", json!(true)),
            Self::Absent => ("exists", json!(false)),
        }
    }
}

impl DayRange {
    fn to_op(self) -> (&'static str, Value) {
        match (self.from, self.to) {
            (Some(from), Some(to)) if from == to => ("eq", json!(from)),
            (Some(from), Some(to)) => ("between", json!([from, to])),
            (None, Some(to)) => ("lte", json!(to)),
            (from, None) => ("gte", json!(from.unwrap_or(0))),
        }
    }
}

impl Serialize for Rule {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(s)
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        parse(&Value::deserialize(d)?).map_err(|problems| {
            serde::de::Error::custom(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })
    }
}
