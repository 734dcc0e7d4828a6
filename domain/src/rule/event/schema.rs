//! JSON Schema of what is asked of events. What it can't tell: that paths have eight names at the most, that a date exists, that two ends
//! are the right way round.

use super::super::parse::{COMPARE_OPS, COUNT_OPS, INSTANT_OPS, MAX_VALUES, MOST_CONDITIONS, WHERE_OPS};
use super::super::schema::{HIDDEN, comparison, operators, reference};
use super::{Aggregate, End};
use crate::event::property::LONGEST_PATH;
use serde_json::{Map, Value, json};

/// The schema of `{event: …}`.
pub(in crate::rule) fn schema() -> Value {
    let mut properties = windows();
    properties.extend([
        ("event".to_owned(), json!({ "allOf": [{ "type": "string" }, reference("word")] })),
        ("where".to_owned(), conditions()),
        ("count".to_owned(), comparison(operators(&COUNT_OPS, &reference("count")))),
        ("for_new".to_owned(), json!({ "enum": ["include", "exclude"] })),
    ]);
    for by in Aggregate::ALL {
        let ops = if by == Aggregate::Sum { &COUNT_OPS[..] } else { &COMPARE_OPS };
        properties.insert(by.as_str().to_owned(), of_property("of", operators(ops, &reference("number"))));
    }
    for end in End::ALL {
        let of_instant = comparison(operators(&INSTANT_OPS, &reference("instant")));
        let of_value = of_property("of", asked_of_values());
        properties.insert(end.as_str().to_owned(), json!({ "anyOf": [of_instant, of_value] }));
    }
    let measures = ["count"].into_iter().chain(Aggregate::ALL.map(Aggregate::as_str));
    let measures: Vec<&str> = measures.chain(End::ALL.map(End::as_str)).collect();
    json!({
        "properties": properties,
        "required": ["event"],
        "additionalProperties": false,
        "allOf": [at_most_one(&measures), at_most_one(&["within", "before", "between"])],
        "if": { "properties": { "for_new": { "const": "exclude" } }, "required": ["for_new"] },
        "then": { "anyOf": [
            { "required": ["within"] },
            { "properties": { "between": two("duration") }, "required": ["between"] },
        ] },
    })
}

/// Two values of a kind.
fn two(of: &str) -> Value {
    json!({ "type": "array", "items": reference(of), "minItems": 2, "maxItems": 2 })
}

/// Fields for when something was.
pub(in crate::rule) fn windows() -> Map<String, Value> {
    Map::from_iter([
        ("within".to_owned(), reference("duration")),
        ("before".to_owned(), json!({ "anyOf": [reference("duration"), reference("instant")] })),
        ("between".to_owned(), json!({ "anyOf": [two("duration"), two("instant")] })),
    ])
}

pub(in crate::rule) fn at_most_one(keys: &[&str]) -> Value {
    let mut one: Vec<Value> = keys.iter().map(|key| json!({ "required": [key] })).collect();
    one.push(json!({ "not": { "anyOf": one.clone() } }));
    json!({ "oneOf": one })
}

fn conditions() -> Value {
    json!({
        "type": "array",
        "items": of_property("property", asked_of_values()),
        "minItems": 1,
        "maxItems": MOST_CONDITIONS,
    })
}

/// An object of a property's path under `key` and exactly one operator.
fn of_property(key: &str, mut ops: Map<String, Value>) -> Value {
    let path = json!({ "type": "string", "pattern": format!("^[^{HIDDEN}]+$"), "maxLength": LONGEST_PATH });
    ops.insert(key.to_owned(), path);
    json!({
        "type": "object",
        "properties": ops,
        "required": [key],
        "minProperties": 2,
        "maxProperties": 2,
        "additionalProperties": false,
    })
}

/// Numbers ask of numbers, everything else of texts.
fn asked_of_values() -> Map<String, Value> {
    let (number, word) = (reference("number"), reference("word"));
    let text =
        json!({ "allOf": [{ "type": ["string", "boolean"] }, { "anyOf": [{ "type": "boolean" }, word] }] });
    let either = json!({ "anyOf": [{ "type": "number" }, text] });
    let spoken = json!({ "anyOf": [{ "type": "boolean" }, word] });
    let list =
        |items: &Value| json!({ "type": "array", "items": items, "minItems": 1, "maxItems": MAX_VALUES });
    let one = |op: &str| match op {
        "eq" | "ne" => either.clone(),
        "in" => json!({ "anyOf": [list(&json!({ "type": "number" })), list(&text)] }),
        "contains" | "starts_with" => spoken.clone(),
        "between" => json!({ "type": "array", "items": number, "minItems": 2, "maxItems": 2 }),
        "exists" => json!({ "type": "boolean" }),
        _ => number.clone(),
    };
    WHERE_OPS.iter().map(|op| ((*op).to_owned(), one(op))).collect()
}
