//! JSON Schema (2020-12) of a tag's document, from the tables its reader has. For editors; what decides is the reader.
//!
//! Beside what it can't tell of rules (see [`crate::rule::schema`]): that two levels or values have the same name, and that `by_hand`
//! lasts longer than nothing.

use super::document::{
    BAND_FIELDS, FIELDS, LEVEL_FIELDS, MOST_LISTED, NAME_FIELDS, NAMED_FIELDS, SAID_FIELDS, SHAPES,
};
use super::said::System;
use crate::customer::dealings::Score;
use crate::rule::{self, Field, FieldKind};
use serde_json::{Map, Value, json};

/// The schema of one document.
pub fn schema() -> Value {
    let mut fields: Map<String, Value> =
        FIELDS.iter().map(|field| ((*field).to_owned(), described(field))).collect();
    fields.insert("kind".to_owned(), json!({ "const": "tag" }));
    let mut defs = rule::schema_definitions();
    defs.insert("key".to_owned(), json!({ "type": "string", "pattern": "^[a-z][a-z0-9_]*$" }));
    defs.insert("name".to_owned(), name());
    let event = json!({ "allOf": [{ "type": "string" }, { "$ref": "#/$defs/word" }] });
    defs.insert(
        "events".to_owned(),
        json!({ "type": "array", "items": event, "minItems": 1, "maxItems": MOST_LISTED }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "kinkeeper tag",
        "type": "object",
        "properties": fields,
        "required": ["key", "name"],
        "additionalProperties": false,
        "oneOf": shapes(),
        "dependentRequired": { "otherwise": ["levels"], "bands": ["scores"], "ended_by": ["set_by"], "lasts": ["set_by"] },
        "$defs": defs,
    })
}

fn described(field: &str) -> Value {
    match field {
        "key" | "group" => json!({ "$ref": "#/$defs/key" }),
        "otherwise" => json!({ "anyOf": [{ "$ref": "#/$defs/key" }, list(&NAMED_FIELDS)["items"].clone()] }),
        "name" => json!({ "$ref": "#/$defs/name" }),
        "rule" | "unless" => json!({ "$ref": "#/$defs/rule" }),
        "levels" => list(&LEVEL_FIELDS),
        "values" => list(&NAMED_FIELDS),
        "value_of" => {
            let fits = |field: &&Field| matches!(field.kind(), FieldKind::Text | FieldKind::Count);
            json!({ "enum": Field::ALL.iter().filter(fits).map(|field| field.key()).collect::<Vec<_>>() })
        }
        "scores" => json!({ "enum": Score::ALL.iter().map(|score| score.as_str()).collect::<Vec<_>>() }),
        "set_by" => json!({ "anyOf": [{ "$ref": "#/$defs/events" }, list(&SAID_FIELDS)] }),
        "ended_by" => json!({ "$ref": "#/$defs/events" }),
        "system" => json!({ "enum": System::ALL.iter().map(|system| system.as_str()).collect::<Vec<_>>() }),
        "bands" => {
            let mut bands = list(&BAND_FIELDS);
            bands["items"]["required"] = json!(["value", "name"]);
            bands["minItems"] = json!(2);
            bands
        }
        "supply" => json!({ "const": "due" }),
        "by_hand" => json!({
            "type": "object",
            "properties": { "expires": { "anyOf": [{ "const": "required" }, { "$ref": "#/$defs/duration" }] } },
            "additionalProperties": false,
        }),
        _ => json!({ "$ref": "#/$defs/duration" }),
    }
}

/// A text in both languages.
pub(crate) fn name() -> Value {
    let texts: Map<String, Value> = NAME_FIELDS
        .iter()
        .map(|lang| ((*lang).to_owned(), json!({ "type": "string", "pattern": "\\S" })))
        .collect();
    json!({ "type": "object", "properties": texts, "required": NAME_FIELDS, "additionalProperties": false })
}

/// A list of objects that have each of these fields.
fn list(fields: &[&str]) -> Value {
    let of = |field: &&str| {
        let kind = if *field == "value" { "key" } else { *field };
        ((*field).to_owned(), json!({ "$ref": format!("#/$defs/{kind}") }))
    };
    let fields_of: Map<String, Value> = fields.iter().map(of).collect();
    let one = json!({ "type": "object", "properties": fields_of, "required": fields, "additionalProperties": false });
    json!({ "type": "array", "items": one, "minItems": 1, "maxItems": MOST_LISTED })
}

/// Exactly one of what gives a tag its values; only `value_of` stands beside a rule.
fn shapes() -> Vec<Value> {
    let shape = |given: &[&str]| {
        let mut required: Vec<&str> = given.to_vec();
        if given.contains(&"levels") {
            required.push("otherwise");
        }
        let others: Vec<Value> = SHAPES
            .iter()
            .filter(|shape| !given.contains(shape))
            .map(|shape| json!({ "required": [shape] }))
            .collect();
        let idle = match given {
            ["set_by"] => &["hold", "settle"][..],
            ["system"] => &["hold", "settle", "unless", "by_hand"],
            _ => &[],
        };
        let idle = idle.iter().map(|field| json!({ "required": [field] }));
        json!({ "required": required, "not": { "anyOf": others.into_iter().chain(idle).collect::<Vec<_>>() } })
    };
    vec![
        shape(&["rule"]),
        shape(&["levels"]),
        shape(&["rule", "value_of"]),
        shape(&["scores"]),
        shape(&["values"]),
        shape(&["supply"]),
        shape(&["set_by"]),
        shape(&["system"]),
    ]
}
