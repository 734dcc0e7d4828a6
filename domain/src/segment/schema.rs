//! JSON Schema (2020-12) of a segment's document, from the tables its reader has. For editors; what decides is the reader. What it
//! can't tell is what it can't tell of rules (see [`crate::rule::schema`]).

use super::Keep;
use super::document::FIELDS;
use crate::rule;
use crate::tag::schema::name;
use serde_json::{Map, Value, json};

/// The schema of one document.
pub fn schema() -> Value {
    let mut fields: Map<String, Value> =
        FIELDS.iter().map(|field| ((*field).to_owned(), described(field))).collect();
    fields.insert("kind".to_owned(), json!({ "const": "segment" }));
    let by_hand = json!({ "properties": { "keep": { "const": Keep::List.as_str() } }, "required": ["keep"] });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "kinkeeper segment",
        "type": "object",
        "properties": fields,
        "required": ["key", "name"],
        "additionalProperties": false,
        "if": by_hand,
        "then": { "not": { "required": ["rule"] } },
        "else": { "required": ["rule"] },
        "$defs": rule::schema_definitions(),
    })
}

fn described(field: &str) -> Value {
    match field {
        "key" => json!({ "type": "string", "pattern": "^[a-z][a-z0-9_]*$" }),
        "keep" => json!({ "enum": Keep::ALL.iter().map(|keep| keep.as_str()).collect::<Vec<_>>() }),
        "rule" => json!({ "$ref": "#/$defs/rule" }),
        _ => name(),
    }
}
