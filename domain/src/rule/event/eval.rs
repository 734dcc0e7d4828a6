//! What is asked of events, over time: each event that fits counts over a stretch of its own, and the stretches are swept once.
//!
//! Sorting and sweeping cost n log n in the events that fit, whatever the window.

use super::super::ast::{Comparison, TextTest};
use super::super::eval::{Context, Fraction, ago};
use super::{Aggregate, Condition, End, EventTest, ForNew, InstantTest, Measure, PropertyTest, Window};
use crate::customer::dealings::{Stamp, Words};
use crate::event::property::{Path, PropertyValue, Values, plain};
use crate::money::Currency;
use crate::time::Instant;
use crate::timeline::Timeline;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// When it holds.
pub(in crate::rule) fn holds(test: &EventTest, context: &Context<'_>) -> Timeline<bool> {
    let line = measured(test, context).asked(&test.measure);
    match (test.for_new, test.window.reach()) {
        (ForNew::Exclude, Some(span)) => {
            let known = context.bearer.registered_at.or(context.profile.first_at);
            let old = known.map(|at| at.saturating_add(span));
            line.and(&Timeline::from_points(false, old.map(|at| (at, true))))
        }
        _ => line,
    }
}

/// What it came to at `now`, and under which name. A text that the rule doesn't name itself isn't told: what is kept of it outlives
/// its event.
pub(in crate::rule) fn evidence(test: &EventTest, context: &Context<'_>, now: Instant) -> (String, Value) {
    let (name, key) = (&test.name, test.measure.key());
    let told = measured(test, context).at(now);
    match (&test.measure, told) {
        (Measure::Count(_), Told::Number(n)) => (name.clone(), json!(n.map_or(0, |(n, _)| clamped(n)))),
        (Measure::Number { of, .. }, Told::Number(n)) => {
            (format!("{name} {key} {of}"), json!(n.map(decimal)))
        }
        (Measure::Value { of, test, .. }, Told::Value(value)) => {
            (format!("{name} {key} {of}"), json!(value.map(|value| test.tells(&value))))
        }
        (_, Told::At(at)) => (format!("{name} {key}"), json!(at)),
        _ => (name.clone(), Value::Null),
    }
}

fn clamped(n: i128) -> i64 {
    i64::try_from(n).unwrap_or(if n < 0 { i64::MIN } else { i64::MAX })
}

/// Millionths over how many there are, the last place rounded half up.
fn decimal((part, whole): Fraction) -> String {
    plain(clamped((2 * part + whole).div_euclid(2 * whole)))
}

/// What events come to over time.
enum Line {
    Number(Timeline<Option<Fraction>>),
    Value(Timeline<Option<Arc<PropertyValue>>>),
    At(Timeline<Option<Instant>>),
}

/// The same at one instant.
enum Told {
    Number(Option<Fraction>),
    Value(Option<Arc<PropertyValue>>),
    At(Option<Instant>),
}

impl Line {
    fn at(&self, now: Instant) -> Told {
        match self {
            Self::Number(line) => Told::Number(*line.at(now)),
            Self::Value(line) => Told::Value(line.at(now).clone()),
            Self::At(line) => Told::At(*line.at(now)),
        }
    }

    fn asked(&self, measure: &Measure) -> Timeline<bool> {
        match (self, measure) {
            (Self::Number(line), Measure::Count(test) | Measure::Number { test, .. }) => {
                line.map(|n| test.holds(*n))
            }
            (Self::Value(line), Measure::Value { test, .. }) => {
                let test = test.folded();
                line.map(|value| test.holds(value.as_deref()))
            }
            (Self::At(line), Measure::At { test: InstantTest::Age(age), .. }) => ago(line, *age),
            (Self::At(line), Measure::At { test: InstantTest::Compare(test), .. }) => {
                line.map(|at| test.holds(at.map(|at| (i128::from(at.micros()), 1))))
            }
            _ => Timeline::always(false),
        }
    }
}

fn measured(test: &EventTest, context: &Context<'_>) -> Line {
    let fitting = fitting(test, context);
    let of = |path: &Path| {
        let values = |fits: &Fits<'_>| fits.values_of(path, context.currency);
        fitting.iter().map(values).collect::<Vec<_>>()
    };
    let instants: Vec<Instant> = fitting.iter().map(|fits| fits.at).collect();
    let turns = turns(&instants, test.window);
    match &test.measure {
        Measure::Count(_) => Line::Number(sums(&turns, |_| (1, 1)).map(|(n, _)| Some((*n, 1)))),
        Measure::Number { by, of: path, .. } => {
            let numbers: Vec<Vec<i64>> = of(path)
                .iter()
                .map(|values| values.iter().filter_map(|value| value.number).collect())
                .collect();
            Line::Number(taken_together(*by, &turns, &numbers))
        }
        Measure::Value { end, of: path, .. } => {
            let pick = |mut values: Vec<PropertyValue>| match end {
                End::First => values.drain(..).next(),
                End::Last => values.pop(),
            };
            let values: Vec<Option<Arc<PropertyValue>>> =
                of(path).into_iter().map(|values| pick(values).map(Arc::new)).collect();
            let line = outermost(*end, &turns, |i| values[i].is_some());
            Line::Value(line.map(|i| i.and_then(|i| values[i].clone())))
        }
        Measure::At { end, .. } => {
            Line::At(outermost(*end, &turns, |_| true).map(|i| i.map(|i| instants[i])))
        }
    }
}

/// An event that the conditions hold of.
struct Fits<'v> {
    at: Instant,
    values: Option<&'v Values>,
    /// Elements that they hold of, by array, where any chooses.
    chosen: Chosen,
}

type Chosen = BTreeMap<Arc<str>, BTreeSet<u32>>;

impl Fits<'_> {
    /// What stands at a path in the elements that the conditions leave.
    fn values_of(&self, path: &Path, currency: Currency) -> Vec<PropertyValue> {
        let Some(values) = self.values else { return Vec::new() };
        let left = |value: &&PropertyValue| {
            self.chosen.get(&value.base).is_none_or(|elements| elements.contains(&value.element))
        };
        values.of(path, currency).iter().filter(left).cloned().collect()
    }
}

/// The events that fit, by (occurred_at, message_id, source), whatever their window.
fn fitting<'v>(test: &EventTest, context: &Context<'v>) -> Vec<Fits<'v>> {
    if test.properties().next().is_none() {
        let stamps = context.profile.named.get(&test.name).into_iter().flatten();
        return stamps.map(|(at, ..)| Fits { at: *at, values: None, chosen: Chosen::new() }).collect();
    }
    let conditions: Vec<(&Path, PropertyTest)> = test.conditions.iter().map(Condition::folded).collect();
    let worded = context.profile.worded.get(&test.name).into_iter().flatten();
    let fits = |((at, ..), words): (&'v Stamp, &'v Words)| {
        let chosen = chosen(&conditions, &words.values, context.currency)?;
        Some(Fits { at: *at, values: Some(&*words.values), chosen })
    };
    worded.filter_map(fits).collect()
}

/// The elements that conditions leave of each array they speak of; `None` where they don't hold.
fn chosen(conditions: &[(&Path, PropertyTest)], values: &Values, currency: Currency) -> Option<Chosen> {
    let mut chosen = Chosen::new();
    let (absent, present): (Vec<_>, Vec<_>) = conditions.iter().partition(|(_, test)| test.is_absent());
    for (path, test) in present {
        let found = values.of(path, currency);
        let base = &found.first()?.base;
        let elements =
            found.iter().filter(|value| test.holds(Some(value))).map(|value| value.element).collect();
        let left = match chosen.get(base) {
            Some(before) => before & &elements,
            None => elements,
        };
        if left.is_empty() {
            return None;
        }
        chosen.insert(base.clone(), left);
    }
    for (path, _) in absent {
        let found = values.of(path, currency);
        let Some(first) = found.first() else { continue };
        // Without a choice of elements it speaks of the event as a whole.
        let left = chosen.get_mut(&first.base)?;
        left.retain(|element| found.iter().all(|value| value.element != *element));
        if left.is_empty() {
            return None;
        }
    }
    Some(chosen)
}

/// How many of these instants lie in the window, over time.
pub(in crate::rule) fn counted(instants: &[Instant], window: Window) -> Timeline<i64> {
    let deltas = turns(instants, window).into_iter().map(|turn| (turn.at, if turn.counts { 1 } else { -1 }));
    Timeline::sums(deltas.collect())
}

/// An event begins to count, or ceases to.
struct Turn {
    at: Instant,
    event: usize,
    counts: bool,
}

fn turns(instants: &[Instant], window: Window) -> Vec<Turn> {
    let mut turns = Vec::with_capacity(2 * instants.len());
    for (event, at) in instants.iter().enumerate() {
        let Some((begin, end)) = window.counts(*at).filter(|(begin, end)| end.is_none_or(|end| *begin < end))
        else {
            continue;
        };
        turns.push(Turn { at: begin, event, counts: true });
        turns.extend(end.map(|at| Turn { at, event, counts: false }));
    }
    turns.sort_by_key(|turn| turn.at);
    turns
}

/// Goes through the turns; what the state comes to after each.
fn sweep<S: Default, V: PartialEq>(
    turns: &[Turn],
    turn: impl Fn(&mut S, &Turn),
    value: impl Fn(&S) -> V,
) -> Timeline<V> {
    let mut state = S::default();
    let first = value(&state);
    let points = turns.iter().map(|next| {
        turn(&mut state, next);
        (next.at, value(&state))
    });
    Timeline::from_points(first, points)
}

/// Sum and number of what each event adds.
fn sums(turns: &[Turn], adds: impl Fn(usize) -> Fraction) -> Timeline<Fraction> {
    let add = |(sum, n): &mut Fraction, turn: &Turn| {
        let sign = if turn.counts { 1 } else { -1 };
        let (part, count) = adds(turn.event);
        (*sum, *n) = (*sum + sign * part, *n + sign * count);
    };
    sweep(turns, add, |sums| *sums)
}

fn taken_together(by: Aggregate, turns: &[Turn], numbers: &[Vec<i64>]) -> Timeline<Option<Fraction>> {
    let added: Vec<Fraction> = numbers
        .iter()
        .map(|numbers| (numbers.iter().map(|n| i128::from(*n)).sum(), numbers.len() as i128))
        .collect();
    match by {
        Aggregate::Sum => sums(turns, |i| added[i]).map(|(sum, _)| Some((*sum, 1))),
        Aggregate::Avg => sums(turns, |i| added[i]).map(|(sum, n)| (*n > 0).then_some((*sum, *n))),
        Aggregate::Min | Aggregate::Max => {
            let turn = |standing: &mut BTreeMap<i64, u64>, turn: &Turn| {
                for n in &numbers[turn.event] {
                    let times = standing.entry(*n).or_default();
                    if turn.counts {
                        *times += 1;
                    } else if *times > 1 {
                        *times -= 1;
                    } else {
                        standing.remove(n);
                    }
                }
            };
            let value = |standing: &BTreeMap<i64, u64>| {
                let found =
                    if by == Aggregate::Min { standing.keys().next() } else { standing.keys().next_back() };
                found.map(|n| (i128::from(*n), 1))
            };
            sweep(turns, turn, value)
        }
    }
}

/// The first or last event that counts, of those that are looked at.
fn outermost(end: End, turns: &[Turn], looked_at: impl Fn(usize) -> bool) -> Timeline<Option<usize>> {
    let turn = |standing: &mut BTreeSet<usize>, turn: &Turn| {
        if turn.counts && looked_at(turn.event) {
            standing.insert(turn.event);
        } else {
            standing.remove(&turn.event);
        }
    };
    let value = |standing: &BTreeSet<usize>| match end {
        End::First => standing.first().copied(),
        End::Last => standing.last().copied(),
    };
    sweep(turns, turn, value)
}

impl Condition {
    fn folded(&self) -> (&Path, PropertyTest) {
        (&self.property, self.test.folded())
    }
}

impl PropertyTest {
    fn is_absent(&self) -> bool {
        matches!(self, Self::Text(TextTest::Absent) | Self::Number(Comparison::Absent))
    }

    /// With its words folded, once for all values.
    fn folded(&self) -> Self {
        match self {
            Self::Text(test) => Self::Text(test.folded()),
            Self::Number(test) => Self::Number(test.clone()),
        }
    }

    /// Of a value; of a folded test only.
    fn holds(&self, value: Option<&PropertyValue>) -> bool {
        match (self, value) {
            (_, None) => self.is_absent(),
            (Self::Text(test), Some(value)) => test.holds_of_folded(&value.text),
            (Self::Number(Comparison::Present), Some(_)) => true,
            (Self::Number(Comparison::Absent), Some(_)) => false,
            (Self::Number(test), Some(value)) => {
                value.number.is_some_and(|n| test.holds(Some((i128::from(n), 1))))
            }
        }
    }

    fn tells(&self, value: &PropertyValue) -> String {
        let named = match self.folded() {
            Self::Number(_) => return value.number.map_or_else(|| "other".to_owned(), plain),
            Self::Text(TextTest::Eq(word) | TextTest::Ne(word)) => word == value.text,
            Self::Text(TextTest::In(words)) => words.contains(&value.text),
            Self::Text(_) => false,
        };
        if named { value.text.clone() } else { "other".to_owned() }
    }
}
