//! Reads a rule from a JSON value, collecting every problem with the place of its node.

mod event;
mod leaves;
mod record;

pub(super) use event::{MOST_CONDITIONS, WHERE_OPS};
pub(super) use leaves::{AGE_OPS, COMPARE_OPS, COUNT_OPS, DAY_OPS, INSTANT_OPS, TAG_OPS, ops_of};

use super::ast::Rule;
use super::field::FieldKind;
use crate::problem::{Problem, nearest};
use serde_json::{Map, Value};

/// How deep a rule may nest.
pub const MAX_DEPTH: usize = 16;
/// How many nodes a rule may have, leaves and combinations together.
pub const MAX_NODES: usize = 200;

/// Longest number of days a rule may speak of: a century.
pub const MAX_DAYS: i64 = 36_525;
/// What a node begins with.
pub(super) const HEADS: [&str; 16] = [
    "all",
    "any",
    "not",
    "profile",
    "score",
    "days_since",
    "anniversary",
    "event",
    "tag",
    "segment",
    "consent",
    "coupon",
    "campaign",
    "holdout_of",
    "reachable",
    "share",
];
/// Furthest off an anniversary may be: half a year.
pub(super) const MAX_ANNIVERSARY: u32 = 182;
/// Most values a list may have.
pub(super) const MAX_VALUES: usize = 1_000;
/// Longest word a rule may name, in bytes.
pub(super) const LONGEST_WORD: usize = 256;

/// Reads a rule. Places are paths from the root, such as `all[2].gte`.
pub fn parse(value: &Value) -> Result<Rule, Vec<Problem>> {
    let mut reader = Reader { problems: Vec::new(), nodes: 0 };
    let rule = reader.node(value, "", 1);
    if reader.nodes > MAX_NODES {
        let detail =
            format!("a rule has at most {MAX_NODES} nodes; name parts of it as tags and refer to them");
        reader.problems.push(Problem::new("", "too_many_nodes", detail));
    }
    match rule {
        Some(rule) if reader.problems.is_empty() => Ok(rule),
        _ => Err(reader.problems),
    }
}

struct Reader {
    problems: Vec<Problem>,
    nodes: usize,
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{text}\""),
        other => other.to_string(),
    }
}

impl Reader {
    /// Notes a problem; what was read becomes nothing.
    fn refuse<T>(&mut self, at: &str, code: &'static str, detail: impl Into<String>) -> Option<T> {
        self.problems.push(Problem::new(at, code, detail));
        None
    }

    fn node(&mut self, value: &Value, path: &str, depth: usize) -> Option<Rule> {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            return self.refuse(
                path,
                "too_deep",
                format!("a rule nests at most {MAX_DEPTH} deep; flatten it"),
            );
        }
        if self.nodes > MAX_NODES {
            return None;
        }
        let Value::Object(fields) = value else {
            let detail = format!("{} is not a rule; write an object such as {{tag: vip}}", quoted(value));
            return self.refuse(path, "not_a_rule", detail);
        };
        let heads: Vec<&str> = HEADS.into_iter().filter(|head| fields.contains_key(*head)).collect();
        let [head] = heads[..] else { return self.headless(fields, &heads, path) };
        let (operand, at) = (&fields[head], join(path, head));
        match head {
            "all" | "any" | "not" => {
                self.only(fields, head, &[], path);
                match head {
                    "not" => Some(Rule::Not(Box::new(self.node(operand, &at, depth + 1)?))),
                    "all" => self.list(operand, &at, depth).map(Rule::All),
                    _ => self.list(operand, &at, depth).map(Rule::Any),
                }
            }
            "profile" => self.profile(fields, operand, path),
            "score" => self.score(fields, operand, path),
            "days_since" => self.days_since(fields, operand, path),
            "anniversary" => self.anniversary(fields, operand, path),
            "event" => self.event(fields, operand, path),
            "segment" => self.segment(fields, operand, path),
            "consent" | "coupon" | "campaign" | "holdout_of" | "reachable" => {
                self.record(head, fields, operand, path)
            }
            "share" => self.share(fields, operand, path),
            _ => self.tag(fields, operand, path),
        }
    }

    fn headless(&mut self, fields: &Map<String, Value>, heads: &[&str], path: &str) -> Option<Rule> {
        if heads.is_empty() {
            let near = fields.keys().find_map(|key| nearest(key, HEADS).map(|head| (key, head)));
            let remedy = match near {
                Some((key, head)) => format!("did you mean {head} for {key}?"),
                None => format!("begin with one of {}", HEADS.join(", ")),
            };
            return self.refuse(path, "unknown_rule", format!("this isn't a kind of rule; {remedy}"));
        }
        let detail = format!("{} stand side by side; combine them with all or any", heads.join(" and "));
        self.refuse(path, "two_rules", detail)
    }

    fn list(&mut self, value: &Value, path: &str, depth: usize) -> Option<Vec<Rule>> {
        let Some(items) = value.as_array().filter(|items| !items.is_empty()) else {
            return self.refuse(path, "empty", "give a list of at least one rule");
        };
        let rules: Vec<Option<Rule>> = items
            .iter()
            .enumerate()
            .map(|(i, item)| self.node(item, &format!("{path}[{i}]"), depth + 1))
            .collect();
        rules.into_iter().collect()
    }

    /// The one operator beside the head, and nothing else.
    fn only<'v>(
        &mut self,
        fields: &'v Map<String, Value>,
        head: &str,
        ops: &[&'static str],
        path: &str,
    ) -> Vec<(&'static str, &'v Value)> {
        for key in fields.keys().filter(|key| *key != head && !ops.contains(&key.as_str())) {
            let remedy = match nearest(key, ops.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None if ops.is_empty() => format!("{head} takes nothing beside it"),
                None => format!("{head} takes {}", ops.join(", ")),
            };
            let detail = format!("{head} has no field {key}; {remedy}");
            self.problems.push(Problem::new(join(path, key), "unknown_field", detail));
        }
        ops.iter().filter_map(|op| fields.get(*op).map(|value| (*op, value))).collect()
    }

    fn one_op<'v>(
        &mut self,
        fields: &'v Map<String, Value>,
        head: &str,
        ops: &[&'static str],
        path: &str,
    ) -> Option<(&'static str, &'v Value)> {
        let before = self.problems.len();
        let given = self.only(fields, head, ops, path);
        match given[..] {
            [one] => Some(one),
            // The misspelt one is reported already.
            [] if self.problems.len() > before => None,
            [] => self.refuse(path, "no_operator", format!("say how to compare: one of {}", ops.join(", "))),
            _ => {
                let names: Vec<&str> = given.iter().map(|(op, _)| *op).collect();
                let detail =
                    format!("{} in one rule; use between, or one rule each under all", names.join(" and "));
                self.refuse(path, "two_operators", detail)
            }
        }
    }

    fn yes(&mut self, value: &Value, at: &str) -> Option<bool> {
        match value.as_bool() {
            Some(yes) => Some(yes),
            None => {
                self.refuse(at, "not_true_or_false", format!("{} is neither true nor false", quoted(value)))
            }
        }
    }

    fn several<T>(
        &mut self,
        value: &Value,
        at: &str,
        read: impl Fn(&mut Self, &Value, &str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Some(items) = value.as_array().filter(|items| !items.is_empty()) else {
            return self.refuse(at, "empty", "give a list of at least one value");
        };
        if items.len() > MAX_VALUES {
            let detail = format!("has {} values, at most {MAX_VALUES} fit; make them a list", items.len());
            return self.refuse(at, "too_many_values", detail);
        }
        let read: Vec<Option<T>> =
            items.iter().enumerate().map(|(i, item)| read(self, item, &format!("{at}[{i}]"))).collect();
        read.into_iter().collect()
    }

    fn pair<T: Copy + PartialOrd>(
        &mut self,
        value: &Value,
        at: &str,
        read: impl Fn(&mut Self, &Value, &str) -> Option<T>,
    ) -> Option<(T, T)> {
        match self.several(value, at, read)?[..] {
            [low, high] if low <= high => Some((low, high)),
            [_, _] => self.refuse(at, "reversed", "write the smaller value first"),
            _ => self.refuse(at, "not_a_pair", "between takes two values, [lowest, highest]"),
        }
    }

    fn operand(&mut self, kind: FieldKind, value: &Value, at: &str) -> Option<i64> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        match kind.read(&text) {
            Ok(operand) => Some(operand),
            Err(wanted) => self.refuse(at, "bad_value", format!("{} is not {wanted}", quoted(value))),
        }
    }

    fn days(&mut self, value: &Value, at: &str) -> Option<u32> {
        match value.as_i64().filter(|n| (0..=MAX_DAYS).contains(n)).and_then(|n| u32::try_from(n).ok()) {
            Some(days) => Some(days),
            None => {
                let detail = format!("{} is not a number of days from 0 to {MAX_DAYS}", quoted(value));
                self.refuse(at, "bad_days", detail)
            }
        }
    }

    fn tag_value(&mut self, value: &Value, at: &str) -> Option<String> {
        match value {
            Value::String(text) if !text.is_empty() => self.plain(text, at).map(|()| text.clone()),
            Value::Bool(true) => Some("true".to_owned()),
            _ => {
                let detail =
                    format!("{} is not a tag's value; for \"hasn't it\" write exists: false", quoted(value));
                self.refuse(at, "bad_value", detail)
            }
        }
    }
}
