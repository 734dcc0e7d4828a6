//! Reads one tag's document, collecting every problem with its place.

use super::definition::{Level, Names, Shape, TagDefinition};
use crate::problem::{Problem, nearest};
use crate::rule::{Rule, parse};
use crate::time::{Instant, Span};
use serde_json::{Map, Value};
use std::sync::Arc;

const FIELDS: [&str; 8] = ["key", "name", "rule", "levels", "otherwise", "hold", "settle", "unless"];
const LEVEL_FIELDS: [&str; 3] = ["value", "name", "rule"];
const NAME_FIELDS: [&str; 2] = ["en", "zh-CN"];

/// A tag's document as stored: parsed YAML or JSON, with what publishing gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct TagDocument {
    pub version: i64,
    /// `None` for what has always been there.
    pub published_at: Option<Instant>,
    pub body: Value,
}

impl TagDocument {
    /// The first version of a document, published at no particular instant.
    pub fn first(body: Value) -> Self {
        Self { version: 1, published_at: None, body }
    }
}

type Fields = Map<String, Value>;

/// Reads one document. Places are relative to it.
pub(super) fn read(document: &TagDocument) -> Result<TagDefinition, Vec<Problem>> {
    let Some(fields) = document.body.as_object() else {
        return Err(vec![Problem::new(
            "",
            "not_a_tag",
            "a tag is an object with key, name and rule or levels",
        )]);
    };
    let mut problems = Vec::new();
    known(fields, &FIELDS, "", &mut problems);
    let key = word(fields, "key", "", &mut problems);
    let name = names(fields, "", &mut problems);
    let hold = span(fields, "hold", &mut problems);
    let settle = span(fields, "settle", &mut problems);
    let unless = fields.get("unless").and_then(|value| rule(value, "unless", &mut problems));
    let shape = shape(fields, &mut problems);
    match (key, name, shape) {
        (Some(key), Some(name), Some(shape)) if problems.is_empty() => Ok(TagDefinition {
            key,
            name,
            shape,
            hold,
            settle,
            unless,
            version: document.version,
            published_at: document.published_at,
        }),
        _ => Err(problems),
    }
}

fn place(at: &str, field: &str) -> String {
    if at.is_empty() { field.to_owned() } else { format!("{at}.{field}") }
}

fn known(fields: &Fields, allowed: &[&str], at: &str, problems: &mut Vec<Problem>) {
    for key in fields.keys().filter(|key| !allowed.contains(&key.as_str())) {
        let remedy = match nearest(key, allowed.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("known are {}", allowed.join(", ")),
        };
        problems.push(Problem::new(place(at, key), "unknown_field", format!("no such field; {remedy}")));
    }
}

/// Keys and values: lower-case words, so that they can stand in rules, columns and addresses.
fn word(fields: &Fields, field: &str, at: &str, problems: &mut Vec<Problem>) -> Option<String> {
    let text = fields.get(field).and_then(Value::as_str).unwrap_or_default();
    let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain && text.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some(text.to_owned());
    }
    let detail = format!("give {field} as lower-case letters, digits and _, beginning with a letter");
    problems.push(Problem::new(place(at, field), "bad_word", detail));
    None
}

fn names(fields: &Fields, at: &str, problems: &mut Vec<Problem>) -> Option<Names> {
    let at = place(at, "name");
    let Some(given) = fields.get("name").and_then(Value::as_object) else {
        problems.push(Problem::new(at, "no_name", "give the name as {en: …, zh-CN: …}"));
        return None;
    };
    known(given, &NAME_FIELDS, &at, problems);
    let mut text = |lang: &str| {
        let text = given.get(lang).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        if text.is_none() {
            problems.push(Problem::new(
                place(&at, lang),
                "no_name",
                "the name in this language is missing, or no text",
            ));
        }
        text.map(str::to_owned)
    };
    let (en, zh_cn) = (text("en"), text("zh-CN"));
    Some(Names { en: en?, zh_cn: zh_cn? })
}

fn span(fields: &Fields, field: &str, problems: &mut Vec<Problem>) -> Span {
    let Some(value) = fields.get(field) else { return Span::ZERO };
    value.as_str().and_then(Span::parse).unwrap_or_else(|| {
        let detail = format!("{value} is not a duration; write for example \"30d\" or \"12h\"");
        problems.push(Problem::new(field, "bad_duration", detail));
        Span::ZERO
    })
}

fn rule(value: &Value, at: &str, problems: &mut Vec<Problem>) -> Option<Rule> {
    match parse(value) {
        Ok(rule) => Some(rule),
        Err(found) => {
            problems.extend(found.into_iter().map(|problem| problem.under(at)));
            None
        }
    }
}

fn shape(fields: &Fields, problems: &mut Vec<Problem>) -> Option<Shape> {
    match (fields.get("rule"), fields.get("levels")) {
        (Some(value), None) => {
            if fields.contains_key("otherwise") {
                let detail = "only a tag with levels has a value otherwise; leave it out";
                problems.push(Problem::new("otherwise", "unknown_field", detail));
            }
            rule(value, "rule", problems).map(Shape::Flag)
        }
        (None, Some(list)) => levels(fields, list, problems),
        (Some(_), Some(_)) => {
            problems.push(Problem::new("levels", "two_shapes", "a tag has either a rule or levels"));
            None
        }
        (None, None) => {
            problems.push(Problem::new("", "no_rule", "give a rule, or levels with a rule each"));
            None
        }
    }
}

fn levels(fields: &Fields, list: &Value, problems: &mut Vec<Problem>) -> Option<Shape> {
    let otherwise = word(fields, "otherwise", "", problems);
    let Some(items) = list.as_array().filter(|items| !items.is_empty()) else {
        problems.push(Problem::new("levels", "empty", "give a list of at least one level, lowest first"));
        return None;
    };
    let mut seen: Vec<String> = otherwise.iter().cloned().collect();
    let mut levels = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let at = format!("levels[{i}]");
        let Some(level) = item.as_object() else {
            problems.push(Problem::new(at, "not_a_level", "a level is an object with value, name and rule"));
            continue;
        };
        known(level, &LEVEL_FIELDS, &at, problems);
        let value = word(level, "value", &at, problems);
        let name = names(level, &at, problems);
        let rule_at = place(&at, "rule");
        let rule = match level.get("rule") {
            Some(value) => rule(value, &rule_at, problems),
            None => {
                problems.push(Problem::new(rule_at, "no_rule", "the level has no rule"));
                None
            }
        };
        if let Some(value) = value.as_ref() {
            if seen.contains(value) {
                problems.push(Problem::new(
                    place(&at, "value"),
                    "duplicate",
                    format!("{value} is there already"),
                ));
            }
            seen.push(value.clone());
        }
        if let (Some(value), Some(name), Some(rule)) = (value, name, rule) {
            levels.push(Level { value: Arc::from(value), name, rule });
        }
    }
    Some(Shape::Levels { otherwise: Arc::from(otherwise?), levels })
}
