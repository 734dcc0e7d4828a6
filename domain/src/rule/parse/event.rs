//! Reads what a rule asks of events: conditions on their properties, what they come to together, and the window.

use super::leaves::{AGE_OPS, COMPARE_OPS, COUNT_OPS, INSTANT_OPS};
use super::{Reader, join, quoted};
use crate::event::property::Path;
use crate::rule::ast::{Comparison, Rule};
use crate::rule::event::{
    Aggregate, Condition, End, EventTest, ForNew, InstantTest, Measure, PropertyTest, Window,
};
use crate::rule::field::FieldKind;
use crate::time::{Instant, Span};
use serde_json::{Map, Value};

pub(in crate::rule) const WHERE_OPS: [&str; 11] =
    ["eq", "ne", "lt", "lte", "gt", "gte", "in", "between", "contains", "starts_with", "exists"];
/// Most conditions a rule may put on one event.
pub(in crate::rule) const MOST_CONDITIONS: usize = 20;
const MEASURES: [&str; 7] = ["count", "sum", "avg", "min", "max", "first", "last"];
pub(super) const WINDOWS: [&str; 3] = ["within", "before", "between"];
const BESIDE: [&str; 12] =
    ["where", "count", "sum", "avg", "min", "max", "first", "last", "within", "before", "between", "for_new"];

impl Reader {
    pub(super) fn event(&mut self, fields: &Map<String, Value>, name: &Value, path: &str) -> Option<Rule> {
        self.only(fields, "event", &BESIDE, path);
        let at = join(path, "event");
        let name = match name {
            Value::String(_) => self.word(name, &at),
            other => self.refuse(&at, "bad_value", format!("{} is not an event's name", quoted(other))),
        };
        let conditions = match fields.get("where") {
            None => Some(Vec::new()),
            Some(value) => self.conditions(value, &join(path, "where")),
        };
        let measure = match self.one_of(fields, &MEASURES, path) {
            Some(None) => Some(Measure::Count(Comparison::Gte(1))),
            Some(Some((key, value))) => self.measure(key, value, &join(path, key)),
            None => None,
        };
        let window = match self.one_of(fields, &WINDOWS, path) {
            Some(None) => Some(Window::Ever),
            Some(Some((key, value))) => self.window(key, value, &join(path, key)),
            None => None,
        };
        let for_new = self.for_new(fields.get("for_new"), window, &join(path, "for_new"));
        Some(Rule::Event(EventTest {
            name: name?,
            conditions: conditions?,
            measure: measure?,
            window: window?,
            for_new: for_new?,
        }))
    }

    /// At most one of these fields; `Some(None)` where there is none.
    pub(super) fn one_of<'v>(
        &mut self,
        fields: &'v Map<String, Value>,
        keys: &[&'static str],
        path: &str,
    ) -> Option<Option<(&'static str, &'v Value)>> {
        let given: Vec<_> = keys.iter().filter_map(|key| Some((*key, fields.get(*key)?))).collect();
        match given[..] {
            [] => Some(None),
            [one] => Some(Some(one)),
            _ => {
                let names: Vec<&str> = given.iter().map(|(key, _)| *key).collect();
                let detail = format!("{} in one rule; write one rule each under all", names.join(" and "));
                self.refuse(path, "two_of_a_kind", detail)
            }
        }
    }

    fn conditions(&mut self, value: &Value, at: &str) -> Option<Vec<Condition>> {
        let Some(items) = value.as_array().filter(|items| !items.is_empty()) else {
            let detail = "give a list of conditions such as [{property: products.category, eq: lipstick}]";
            return self.refuse(at, "empty", detail);
        };
        if items.len() > MOST_CONDITIONS {
            let detail = format!(
                "has {} conditions, at most {MOST_CONDITIONS} fit; put alternatives of one property into in",
                items.len()
            );
            return self.refuse(at, "too_many_values", detail);
        }
        let read: Vec<Option<Condition>> =
            items.iter().enumerate().map(|(i, item)| self.condition(item, &format!("{at}[{i}]"))).collect();
        read.into_iter().collect()
    }

    fn condition(&mut self, value: &Value, at: &str) -> Option<Condition> {
        let Some((fields, name)) = value.as_object().and_then(|map| Some((map, map.get("property")?))) else {
            let detail = format!(
                "{} is no condition; write for example {{property: products.category, eq: lipstick}}",
                quoted(value)
            );
            return self.refuse(at, "bad_value", detail);
        };
        let property = self.property(name, &join(at, "property"));
        let (op, operand) = self.one_op(fields, "property", &WHERE_OPS, at)?;
        let test = self.property_test(op, operand, &join(at, op));
        Some(Condition { property: property?, test: test? })
    }

    fn property(&mut self, name: &Value, at: &str) -> Option<Path> {
        let Some(text) = name.as_str() else {
            let detail = format!(
                "{} is no path; write names split by points, such as products.category",
                quoted(name)
            );
            return self.refuse(at, "bad_path", detail);
        };
        match Path::parse(text) {
            Ok(path) => Some(path),
            Err(why) => self.refuse(at, "bad_path", why),
        }
    }

    /// Numbers ask of numbers, everything else of texts.
    fn property_test(&mut self, op: &str, operand: &Value, at: &str) -> Option<PropertyTest> {
        let number = match (op, operand) {
            ("lt" | "lte" | "gt" | "gte" | "between", _) => true,
            ("eq" | "ne", Value::Number(_)) => true,
            ("in", Value::Array(items)) => match items.iter().filter(|item| item.is_number()).count() {
                0 => false,
                n if n == items.len() => true,
                _ => {
                    let detail = "mixes numbers with texts; write all of them in quotes, or none";
                    return self.refuse(at, "mixed_values", detail);
                }
            },
            _ => false,
        };
        if number {
            return self.comparison(FieldKind::Number, op, operand, at).map(PropertyTest::Number);
        }
        let yes_or_no = |value: &Value| match value {
            Value::Bool(flag) => Value::String(flag.to_string()),
            other => other.clone(),
        };
        let operand = match (op, operand) {
            ("exists", _) => operand.clone(),
            (_, Value::Array(items)) => Value::Array(items.iter().map(yes_or_no).collect()),
            (_, other) => yes_or_no(other),
        };
        self.text_test(op, &operand, at).map(PropertyTest::Text)
    }

    pub(super) fn measure(&mut self, key: &str, value: &Value, at: &str) -> Option<Measure> {
        let Value::Object(fields) = value else {
            let example = match key {
                "count" => "{gte: 2}",
                "first" => "{older_than: 30d}",
                "last" => "{within: 30d}",
                _ => "{of: products.price, gte: \"100.00\"}",
            };
            let detail = format!("{} is no comparison; write for example {example}", quoted(value));
            return self.refuse(at, "bad_value", detail);
        };
        let (mut asked, mut of) = (fields.clone(), None);
        if key != "count" {
            of = asked.remove("of").map(|name| self.property(&name, &join(at, "of")));
        }
        if let Some(by) = Aggregate::ALL.into_iter().find(|by| by.as_str() == key) {
            let ops = if by == Aggregate::Sum { &COUNT_OPS[..] } else { &COMPARE_OPS };
            let given = self.one_op(&asked, key, ops, at);
            let test = given.and_then(|(op, n)| self.comparison(FieldKind::Number, op, n, &join(at, op)));
            let of = match of {
                Some(of) => of,
                None => self.refuse(at, "no_property", "say of what, for example of: products.price"),
            };
            return Some(Measure::Number { by, of: of?, test: test? });
        }
        let Some(end) = End::ALL.into_iter().find(|end| end.as_str() == key) else {
            let (op, n) = self.one_op(&asked, key, &COUNT_OPS, at)?;
            return self.comparison(FieldKind::Count, op, n, &join(at, op)).map(Measure::Count);
        };
        if let Some(of) = of {
            let given = self.one_op(&asked, key, &WHERE_OPS, at);
            let test = given.and_then(|(op, operand)| self.property_test(op, operand, &join(at, op)));
            return Some(Measure::Value { end, of: of?, test: test? });
        }
        let (op, operand) = self.one_op(&asked, key, &INSTANT_OPS, at)?;
        let at = join(at, op);
        let test = if AGE_OPS.contains(&op) {
            InstantTest::Age(self.age(op, operand, &at)?)
        } else {
            InstantTest::Compare(self.comparison(FieldKind::Instant, op, operand, &at)?)
        };
        Some(Measure::At { end, test })
    }

    pub(super) fn window(&mut self, key: &str, value: &Value, at: &str) -> Option<Window> {
        let is_age = |value: &Value| value.as_str().is_some_and(|text| Span::parse(text).is_some());
        match (key, value) {
            ("within", _) => self.span(value, at).map(Window::Within),
            ("before", age) if is_age(age) => self.span(age, at).map(Window::Before),
            ("before", _) => self.instant(value, at).map(Window::BeforeInstant),
            (_, Value::Array(ends)) if ends.len() == 2 && ends.iter().all(is_age) => {
                let older = self.span(&ends[0], &format!("{at}[0]"));
                let younger = self.span(&ends[1], &format!("{at}[1]"));
                let (older, younger): (Span, Span) = (older?, younger?);
                if older <= younger {
                    let detail = "write the longer time ago first, such as [\"90d\", \"30d\"]";
                    return self.refuse(at, "reversed", detail);
                }
                Some(Window::Ages { older, younger })
            }
            _ => {
                let (first, last) = self.pair(value, at, Self::instant)?;
                Some(Window::Between(first, last))
            }
        }
    }

    fn instant(&mut self, value: &Value, at: &str) -> Option<Instant> {
        match value.as_str().and_then(Instant::parse_rfc3339) {
            Some(instant) => Some(instant),
            None => {
                let detail = format!(
                    "{} is neither a duration such as \"30d\" nor an instant with its offset such as \
                     \"2026-01-31T09:00:00+08:00\"",
                    quoted(value)
                );
                self.refuse(at, "bad_window", detail)
            }
        }
    }

    /// `window` is `None` where it couldn't be read.
    fn for_new(&mut self, value: Option<&Value>, window: Option<Window>, at: &str) -> Option<ForNew> {
        match value.map(|value| (value.as_str(), value)) {
            None | Some((Some("include"), _)) => Some(ForNew::Include),
            Some((Some("exclude"), _)) if window.is_none_or(|window| window.reach().is_some()) => {
                Some(ForNew::Exclude)
            }
            Some((Some("exclude"), _)) => {
                let detail = "says something of a window that begins so long ago; give within, or between \
                              with two durations, too";
                self.refuse(at, "no_window", detail)
            }
            Some((_, other)) => {
                let detail = format!("{} is neither include nor exclude", quoted(other));
                self.refuse(at, "bad_value", detail)
            }
        }
    }
}
