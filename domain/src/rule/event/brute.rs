//! Random questions about events, and a second, slow reading of them for tests: it looks at one instant, tries every choice of a value for
//! each condition, and knows neither windows that slide nor elements that were intersected.

use super::super::brute::{Seen, compares, comparison, is_old, is_word};
use super::super::{FieldKind, TextTest};
use super::{
    Aggregate, Comparison, Condition, End, EventTest, ForNew, InstantTest, Measure, PropertyTest, Window,
};
use crate::customer::fixture::day;
use crate::event::property::tests::any_properties;
use crate::event::property::{Path, PropertyValue, Values};
use crate::event::{Event, Fact};
use crate::ids::SourceId;
use crate::money::Currency;
use crate::rule::Age;
use crate::time::{Instant, Span};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const PATHS: [&str; 7] = ["a", "b", "a.b", "a.a", "b.c", "a.b.c", "$amount"];

fn path(text: &str) -> Path {
    Path::parse(text).expect("a path")
}

/// These events, each with something said.
pub(crate) fn wordy(events: Vec<Event>) -> impl Strategy<Value = Vec<Event>> {
    let said = prop::collection::vec(prop_oneof![1 => any_properties(), 3 => lines()], events.len());
    said.prop_map(move |said| {
        let with = |(event, properties): (&Event, _)| {
            let amount_minor = match &event.fact {
                Fact::OrderCompleted { total_minor, .. } => Some(*total_minor),
                Fact::OrderRefunded { amount_minor, .. } => *amount_minor,
                _ => None,
            };
            let values = Values::read(&properties, amount_minor, &PATHS.map(path));
            Event { values: Some(Arc::new(values)), ..event.clone() }
        };
        events.iter().zip(said).map(with).collect()
    })
}

/// As orders have them: a list whose elements say several things each.
fn lines() -> impl Strategy<Value = Map<String, Value>> {
    let scalar = || {
        prop_oneof![
            2 => prop::sample::select(vec!["lip", "eye", "1"]).prop_map(Value::from),
            2 => (0i64..5).prop_map(Value::from),
            1 => Just(Value::Null),
        ]
    };
    let line = (scalar(), scalar()).prop_map(|(a, b)| json!({ "a": a, "b": b }));
    (prop::collection::vec(line, 1..4), scalar())
        .prop_map(|(lines, b)| Map::from_iter([("a".to_owned(), json!(lines)), ("b".to_owned(), b)]))
}

/// Whether it holds there.
pub(in crate::rule) fn holds(test: &EventTest, seen: &Seen<'_>) -> bool {
    let mut standing: BTreeMap<(Instant, &str, SourceId), (Option<&str>, &Values)> = BTreeMap::new();
    let none = Values::default();
    for event in seen.events.iter().filter(|event| event.fact.name() == test.name) {
        let words = (event.order_id(), event.values.as_deref().unwrap_or(&none));
        let known = standing.entry((event.occurred_at, &event.message_id, event.source)).or_insert(words);
        *known = (*known).max(words);
    }
    let mut fitting: Vec<(Instant, Vec<PropertyValue>)> = Vec::new();
    for ((at, ..), (_, values)) in standing {
        if let Some(measured) = fits(test, values).filter(|_| counts(test.window, at, seen.now)) {
            fitting.push((at, measured));
        }
    }
    let logged = seen.events.iter().filter(|event| !matches!(event.fact, Fact::Recorded(_)));
    let first = logged.map(|event| event.occurred_at).min();
    let known = match (test.for_new, test.window) {
        (ForNew::Exclude, Window::Within(span) | Window::Ages { older: span, .. }) => {
            seen.bearer.registered_at.or(first).is_some_and(|at| seen.now - at >= span)
        }
        _ => true,
    };
    known && comes_to(&test.measure, fitting, seen.now)
}

pub(in crate::rule) fn counts(window: Window, at: Instant, now: Instant) -> bool {
    at <= now
        && match window {
            Window::Ever => true,
            Window::Within(span) => now - at < span,
            Window::Before(span) => now - at >= span,
            Window::BeforeInstant(end) => at < end,
            Window::Between(first, last) => at >= first && at <= last,
            Window::Ages { older, younger } => now - at < older && now - at >= younger,
        }
}

fn comes_to(measure: &Measure, fitting: Vec<(Instant, Vec<PropertyValue>)>, now: Instant) -> bool {
    let numbers: Vec<i128> =
        fitting.iter().flat_map(|(_, values)| values).filter_map(|v| v.number).map(i128::from).collect();
    let sum: i128 = numbers.iter().sum();
    match measure {
        Measure::Count(test) => compares(test, fitting.len() as i128, 1),
        Measure::Number { by: Aggregate::Sum, test, .. } => compares(test, sum, 1),
        Measure::Number { test, .. } if numbers.is_empty() => *test == Comparison::Absent,
        Measure::Number { by: Aggregate::Avg, test, .. } => compares(test, sum, numbers.len() as i128),
        Measure::Number { by, test, .. } => {
            let outermost = if *by == Aggregate::Min { numbers.iter().min() } else { numbers.iter().max() };
            compares(test, *outermost.expect("some"), 1)
        }
        Measure::Value { end, test, .. } => {
            let mut all = fitting.iter().flat_map(|(_, values)| values);
            is(test, if *end == End::First { all.next() } else { all.next_back() })
        }
        Measure::At { end, test } => {
            let at = if *end == End::First { fitting.first() } else { fitting.last() };
            match (test, at) {
                (InstantTest::Age(age), Some((at, _))) => is_old(*age, now, *at),
                (InstantTest::Age(_), None) => false,
                (InstantTest::Compare(test), Some((at, _))) => compares(test, i128::from(at.micros()), 1),
                (InstantTest::Compare(test), None) => *test == Comparison::Absent,
            }
        }
    }
}

fn is(test: &PropertyTest, value: Option<&PropertyValue>) -> bool {
    match (test, value) {
        (PropertyTest::Text(test), None) => *test == TextTest::Absent,
        (PropertyTest::Number(test), None) => *test == Comparison::Absent,
        (PropertyTest::Text(test), Some(value)) => is_word(test, &value.text),
        (PropertyTest::Number(test), Some(value)) => {
            value.number.is_some_and(|n| compares(test, i128::from(n), 1))
        }
    }
}

/// What is measured of an event, if it fits.
fn fits(test: &EventTest, values: &Values) -> Option<Vec<PropertyValue>> {
    let cny = Currency::parse("CNY").expect("a code");
    let at = |path: &Path| values.of(path, cny).into_owned();
    let absent = |condition: &&Condition| condition.test == PropertyTest::Text(TextTest::Absent);
    let present: Vec<Vec<PropertyValue>> = test
        .conditions
        .iter()
        .filter(|condition| !absent(condition))
        .map(|condition| {
            at(&condition.property).into_iter().filter(|value| is(&condition.test, Some(value))).collect()
        })
        .collect();
    let mut choices: Vec<Vec<PropertyValue>> = vec![Vec::new()];
    for values in present {
        let wider = choices.iter().flat_map(|choice| {
            values.iter().map(move |value| [choice.clone(), vec![value.clone()]].concat())
        });
        choices = wider.collect();
        choices.sort();
        choices.dedup();
    }
    let agrees = |choice: &Vec<PropertyValue>| {
        let pair = |a: &PropertyValue, b: &PropertyValue| a.base != b.base || a.element == b.element;
        choice.iter().all(|a| choice.iter().all(|b| pair(a, b)))
            && test.conditions.iter().filter(absent).all(|condition| {
                at(&condition.property).iter().all(|value| {
                    let same: Vec<_> = choice.iter().filter(|chosen| chosen.base == value.base).collect();
                    !same.is_empty() && same.iter().all(|chosen| chosen.element != value.element)
                })
            })
    };
    choices.retain(agrees);
    if choices.is_empty() {
        return None;
    }
    let of = match &test.measure {
        Measure::Number { of, .. } | Measure::Value { of, .. } => at(of),
        _ => Vec::new(),
    };
    let left = |value: &PropertyValue| {
        choices.iter().any(|choice| choice.iter().all(|c| c.base != value.base || c.element == value.element))
    };
    Some(of.into_iter().filter(left).collect())
}

fn number_test() -> impl Strategy<Value = Comparison<i64>> {
    let n = || (-8i64..12).prop_map(|n| n * 250_000);
    prop_oneof![
        n().prop_map(Comparison::Eq),
        n().prop_map(Comparison::Ne),
        n().prop_map(Comparison::Lt),
        n().prop_map(Comparison::Lte),
        n().prop_map(Comparison::Gt),
        n().prop_map(Comparison::Gte),
        prop::collection::vec(n(), 1..4).prop_map(Comparison::In),
        (n(), n()).prop_map(|(a, b)| Comparison::Between(a.min(b), a.max(b))),
    ]
}

fn property_test() -> impl Strategy<Value = PropertyTest> {
    let word =
        || prop::sample::select(vec!["Lip", "eye", "STRASSE", "1", "true", "s"]).prop_map(str::to_owned);
    let text = prop_oneof![
        word().prop_map(TextTest::Eq),
        word().prop_map(TextTest::Ne),
        prop::collection::vec(word(), 1..3).prop_map(TextTest::In),
        word().prop_map(TextTest::Contains),
        word().prop_map(TextTest::StartsWith),
        Just(TextTest::Present),
        Just(TextTest::Absent),
    ];
    prop_oneof![text.prop_map(PropertyTest::Text), number_test().prop_map(PropertyTest::Number)]
}

fn any_path() -> impl Strategy<Value = Path> {
    prop_oneof![1 => prop::sample::select(PATHS.to_vec()), 2 => prop::sample::select(vec!["a.a", "a.b"])]
        .prop_map(path)
}

pub(in crate::rule) fn any_window() -> impl Strategy<Value = Window> {
    let span = || (1i64..240).prop_map(|n| Span::hours(6 * n));
    let instant = || (-10i64..250).prop_map(|n| day(0) + Span::hours(6 * n));
    prop_oneof![
        1 => Just(Window::Ever),
        3 => span().prop_map(Window::Within),
        1 => span().prop_map(Window::Before),
        1 => instant().prop_map(Window::BeforeInstant),
        1 => (instant(), instant()).prop_map(|(a, b)| Window::Between(a.min(b), a.max(b))),
        2 => (1i64..200, 1i64..100).prop_map(|(n, more)| Window::Ages {
            older: Span::hours(6 * (n + more)),
            younger: Span::hours(6 * n),
        }),
    ]
}

fn measure() -> impl Strategy<Value = Measure> {
    let aggregate = prop::sample::select(Aggregate::ALL.to_vec());
    let end = || prop::sample::select(End::ALL.to_vec());
    let age = (1i64..240, any::<bool>()).prop_map(|(n, within)| {
        let span = Span::hours(6 * n);
        InstantTest::Age(if within { Age::Within(span) } else { Age::OlderThan(span) })
    });
    let instant = prop_oneof![age, comparison(FieldKind::Instant).prop_map(InstantTest::Compare)];
    let there = prop_oneof![Just(Comparison::Present), Just(Comparison::Absent)];
    prop_oneof![
        3 => counted().prop_map(Measure::Count),
        4 => (aggregate, any_path(), number_test(), prop::option::weighted(0.1, there)).prop_map(
            |(by, of, test, there)| {
                let test = there.filter(|_| by != Aggregate::Sum).unwrap_or(test);
                Measure::Number { by, of, test }
            }
        ),
        3 => (end(), any_path(), property_test()).prop_map(|(end, of, test)| Measure::Value { end, of, test }),
        2 => (end(), instant).prop_map(|(end, test)| Measure::At { end, test }),
    ]
}

pub(in crate::rule) fn counted() -> impl Strategy<Value = Comparison<i64>> {
    let n = || 0i64..5;
    prop_oneof![
        4 => n().prop_map(Comparison::Gte),
        1 => n().prop_map(Comparison::Eq),
        1 => n().prop_map(Comparison::Ne),
        1 => n().prop_map(Comparison::Lt),
        1 => n().prop_map(Comparison::Lte),
        1 => n().prop_map(Comparison::Gt),
        1 => prop::collection::vec(n(), 1..4).prop_map(Comparison::In),
        1 => (n(), n()).prop_map(|(a, b)| Comparison::Between(a.min(b), a.max(b))),
    ]
}

/// Any question about events that a rule can ask.
pub(in crate::rule) fn any_test() -> impl Strategy<Value = EventTest> {
    let names = vec!["Order Completed", "Order Refunded", "Contact Made", "CSAT Submitted", "Nothing"];
    let condition = (any_path(), property_test()).prop_map(|(property, test)| Condition { property, test });
    let conditions = prop_oneof![
        1 => Just(Vec::new()),
        3 => prop::collection::vec(condition, 1..4),
    ];
    let new = prop::sample::select(vec![ForNew::Include, ForNew::Exclude]);
    (prop::sample::select(names), conditions, measure(), any_window(), new).prop_map(
        |(name, conditions, measure, window, for_new)| {
            let for_new = if window.reach().is_some() { for_new } else { ForNew::Include };
            EventTest { name: name.to_owned(), conditions, measure, window, for_new }
        },
    )
}
