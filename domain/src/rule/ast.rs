//! The tree of a rule, and its canonical written form.
//!
//! Reading what people write is [`super::parse`]'s; what a tree means is [`super::eval`]'s.

use super::parse::parse;
use crate::time::Instant;
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
    /// Local calendar dates since an instant of the profile.
    DaysSince {
        field: Field,
        days: DayRange,
    },
    /// The value of another tag.
    Tag {
        key: String,
        test: TagTest,
    },
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

/// A profile aggregate rules can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    Spend365,
    SpendEver,
    Orders365,
    OrdersEver,
    OrderDays,
    FirstOrderAt,
    LastOrderAt,
    OpenComplaints,
    Complaints90,
    Complaints365,
    Tickets,
}

/// What a field's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Millionths of the base currency's major unit, so that a rule reads the same for every currency.
    Money,
    Count,
    /// Microseconds since 1970-01-01T00:00:00Z.
    Instant,
}

impl Field {
    pub const ALL: [Self; 11] = [
        Self::Spend365,
        Self::SpendEver,
        Self::Orders365,
        Self::OrdersEver,
        Self::OrderDays,
        Self::FirstOrderAt,
        Self::LastOrderAt,
        Self::OpenComplaints,
        Self::Complaints90,
        Self::Complaints365,
        Self::Tickets,
    ];

    /// As rules, exports and evidence write it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Spend365 => "spend_365",
            Self::SpendEver => "spend_ever",
            Self::Orders365 => "orders_365",
            Self::OrdersEver => "orders_ever",
            Self::OrderDays => "order_days",
            Self::FirstOrderAt => "first_order_at",
            Self::LastOrderAt => "last_order_at",
            Self::OpenComplaints => "open_complaints",
            Self::Complaints90 => "complaints_90",
            Self::Complaints365 => "complaints_365",
            Self::Tickets => "tickets",
        }
    }

    pub fn named(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.key() == key)
    }

    pub const fn kind(self) -> FieldKind {
        match self {
            Self::Spend365 | Self::SpendEver => FieldKind::Money,
            Self::FirstOrderAt | Self::LastOrderAt => FieldKind::Instant,
            _ => FieldKind::Count,
        }
    }
}

impl FieldKind {
    /// An operand as a person writes it: `10000.00`, `3`, `2026-01-01T00:00:00Z`.
    pub fn write(self, operand: i64) -> String {
        match self {
            Self::Money => {
                let digits = format!("{:06}", operand.unsigned_abs() % 1_000_000);
                let places = digits.trim_end_matches('0').len().max(2);
                let sign = if operand < 0 { "-" } else { "" };
                format!("{sign}{}.{}", operand.unsigned_abs() / 1_000_000, &digits[..places])
            }
            Self::Count => operand.to_string(),
            Self::Instant => Instant::from_micros(operand).to_rfc3339(),
        }
    }

    fn to_value(self, operand: i64) -> Value {
        if self == Self::Count { json!(operand) } else { json!(self.write(operand)) }
    }
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
            Self::DaysSince { field, days } => {
                let (op, operand) = days.to_op();
                json!({ "days_since": field.key(), op: operand })
            }
            Self::Tag { key, test } => {
                let (op, operand) = match test {
                    TagTest::Eq(value) => ("eq", json!(value)),
                    TagTest::Ne(value) => ("ne", json!(value)),
                    TagTest::In(values) => ("in", json!(values)),
                    TagTest::Present => ("exists", json!(true)),
                    TagTest::Absent => ("exists", json!(false)),
                };
                json!({ "tag": key, op: operand })
            }
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

impl<T> Comparison<T> {
    fn to_op(&self, write: impl Fn(&T) -> Value) -> (&'static str, Value) {
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
