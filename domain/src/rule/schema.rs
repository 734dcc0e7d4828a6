//! JSON Schema (2020-12) of rules, from the tables the parser reads by: fields by kind, and operators. For editors, and for
//! programs that write rules; what decides is the parser.
//!
//! What a schema can't tell: how deep a rule nests and how many nodes it has, that `between` is the right way round, that a duration is
//! above 0 and below a century, that a date exists, whether a tag or segment exists and ever has that value.

use super::event;
use super::field::{Field, FieldKind};
use super::parse::{
    AGE_OPS, COMPARE_OPS, DAY_OPS, HEADS, LONGEST_WORD, MAX_ANNIVERSARY, MAX_DAYS, MAX_VALUES, TAG_OPS,
    ops_of,
};
use super::record;
use super::score::ScoreNumber;
use serde_json::{Map, Value, json};

const KINDS: [FieldKind; 7] = [
    FieldKind::Money,
    FieldKind::Count,
    FieldKind::Instant,
    FieldKind::Share,
    FieldKind::Number,
    FieldKind::Text,
    FieldKind::Birthday,
];

/// In a pattern, the characters that no text of a rule has: controls, and what turns the direction of writing.
pub(super) const HIDDEN: &str = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069";

/// The schema of one rule.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "kinkeeper rule",
        "$ref": "#/$defs/rule",
        "$defs": definitions(),
    })
}

/// What the schemas of rules and of what holds rules share, for `$defs`: `rule`, `rules`, and values by kind.
pub fn definitions() -> Map<String, Value> {
    let mut kinds: Vec<Value> =
        HEADS.into_iter().filter(|head| !matches!(*head, "profile" | "score")).map(node).collect();
    kinds.extend(KINDS.into_iter().map(profile));
    kinds.extend(ScoreNumber::ALL.iter().map(|number| score(*number)));
    let mut defs = Map::new();
    let mut define = |name: &str, schema: Value| drop(defs.insert(name.to_owned(), schema));
    define("rule", json!({ "type": "object", "oneOf": kinds }));
    define("rules", json!({ "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/rule" } }));
    for kind in KINDS.into_iter().filter(|kind| *kind != FieldKind::Birthday) {
        define(name(kind), operand(kind));
    }
    define(
        "duration",
        json!({ "type": "string", "pattern": "^\\+?[0-9]+[dhms]$", "examples": ["30d", "12h"] }),
    );
    define("days", json!({ "type": "integer", "minimum": 0, "maximum": MAX_DAYS }));
    define("tag_value", json!({ "anyOf": [key(), { "const": true }] }));
    defs
}

const fn name(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Money => "amount",
        FieldKind::Count => "count",
        FieldKind::Instant => "instant",
        FieldKind::Share => "share",
        FieldKind::Number => "number",
        FieldKind::Text => "word",
        FieldKind::Birthday => "birthday",
    }
}

/// What a tag or segment is called, or the value of one.
pub(super) fn key() -> Value {
    json!({ "type": "string", "pattern": format!("^[^{HIDDEN}]+$") })
}

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// What a value of this kind looks like. Numbers may be written as text, with spaces around.
fn operand(kind: FieldKind) -> Value {
    let decimal = |places: u32| format!("[+-]?([0-9]+(\\.[0-9]{{0,{places}}})?|\\.[0-9]{{1,{places}}})");
    let text = |pattern: String, example: &str| json!({ "type": "string", "pattern": format!("^\\s*{pattern}\\s*$"), "examples": [example] });
    match kind {
        FieldKind::Money => json!({ "anyOf": [text(decimal(6), "10000.00"), { "type": "number" }] }),
        FieldKind::Number => json!({ "anyOf": [text(decimal(6), "4.5"), { "type": "number" }] }),
        FieldKind::Count => json!({ "anyOf": [{ "type": "integer" }, text("[+-]?[0-9]+".to_owned(), "3")] }),
        FieldKind::Share => text(format!("{}\\s*%", decimal(4)), "40%"),
        FieldKind::Instant => {
            let day = "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?";
            text(format!("{day}([Zz]|[+-][0-9]{{2}}:[0-9]{{2}})"), "2026-01-31T09:00:00+08:00")
        }
        FieldKind::Text | FieldKind::Birthday => {
            let pattern = format!("^[^{HIDDEN}]*[^\\s{HIDDEN}][^{HIDDEN}]*$");
            json!({ "anyOf": [{ "type": "string", "pattern": pattern, "maxLength": LONGEST_WORD }, { "type": "number" }] })
        }
    }
}

/// What stands behind an operator that compares values described by `one`.
fn behind(op: &str, one: &Value) -> Value {
    match op {
        "exists" => json!({ "type": "boolean" }),
        "in" => json!({ "type": "array", "items": one, "minItems": 1, "maxItems": MAX_VALUES }),
        "between" => json!({ "type": "array", "items": one, "minItems": 2, "maxItems": 2 }),
        "within" | "older_than" => reference("duration"),
        _ => one.clone(),
    }
}

pub(super) fn operators(ops: &[&str], one: &Value) -> Map<String, Value> {
    ops.iter().map(|op| ((*op).to_owned(), behind(op, one))).collect()
}

/// An object of a head and exactly one operator.
fn leaf(head: &str, operand: Value, mut ops: Map<String, Value>) -> Value {
    ops.insert(head.to_owned(), operand);
    json!({ "properties": ops, "required": [head], "minProperties": 2, "maxProperties": 2, "additionalProperties": false })
}

/// An object of exactly one operator.
pub(super) fn comparison(ops: Map<String, Value>) -> Value {
    json!({ "type": "object", "properties": ops, "minProperties": 1, "maxProperties": 1, "additionalProperties": false })
}

fn keys(fits: impl Fn(FieldKind) -> bool) -> Value {
    let keys: Vec<&str> = Field::ALL.iter().filter(|f| fits(f.kind())).map(|f| f.key()).collect();
    json!({ "enum": keys })
}

fn profile(kind: FieldKind) -> Value {
    leaf("profile", keys(|other| other == kind), operators(ops_of(kind), &reference(name(kind))))
}

fn score(number: ScoreNumber) -> Value {
    leaf(
        "score",
        json!({ "const": number.as_str() }),
        operators(&COMPARE_OPS, &reference(name(number.kind()))),
    )
}

fn node(head: &str) -> Value {
    let whole = |schema: Value| json!({ "properties": { head: schema }, "required": [head], "additionalProperties": false });
    match head {
        "all" | "any" => whole(reference("rules")),
        "not" => whole(reference("rule")),
        "days_since" => {
            let mut ops = operators(&DAY_OPS, &reference("days"));
            ops.insert("lt".to_owned(), json!({ "type": "integer", "minimum": 1, "maximum": MAX_DAYS }));
            leaf(head, keys(|kind| kind == FieldKind::Instant), ops)
        }
        "anniversary" => {
            let pattern = "^\\+?0*([0-9]{1,2}|1[0-7][0-9]|18[0-2])d$";
            const { assert!(MAX_ANNIVERSARY == 182, "the pattern says so") };
            let within = json!({ "type": "string", "pattern": pattern, "examples": ["7d"] });
            let fields = keys(|kind| matches!(kind, FieldKind::Instant | FieldKind::Birthday));
            leaf(head, fields, Map::from_iter([("within".to_owned(), within)]))
        }
        "event" => event::schema(),
        "consent" | "coupon" | "campaign" | "holdout_of" | "reachable" => record::schema(head),
        "share" => json!({
            "properties": {
                "share": reference("share"),
                "salt": { "allOf": [{ "type": "string" }, reference("word")] },
            },
            "required": ["share", "salt"],
            "additionalProperties": false,
        }),
        "segment" => {
            let since = comparison(operators(&AGE_OPS, &Value::Null));
            let fields = json!({ "segment": key(), "since": since });
            json!({ "properties": fields, "required": ["segment"], "additionalProperties": false })
        }
        _ => tag(),
    }
}

fn tag() -> Value {
    let mut fields = operators(&TAG_OPS, &reference("tag_value"));
    fields.insert("tag".to_owned(), key());
    fields.insert("since".to_owned(), comparison(operators(&AGE_OPS, &Value::Null)));
    // One operator at most: exactly one of these holds.
    let mut one: Vec<Value> = TAG_OPS.iter().map(|op| json!({ "required": [op] })).collect();
    one.push(json!({ "not": { "anyOf": one.clone() } }));
    json!({ "properties": fields, "required": ["tag"], "additionalProperties": false, "oneOf": one })
}
