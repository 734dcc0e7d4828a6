//! JSON Schema of what is asked of records. What it can't tell: that a batch or campaign exists.

use super::{Deed, ReachTest};
use crate::campaign::definition::Channel;
use crate::customer::consent::Purpose;
use crate::rule::event::{at_most_one, windows};
use crate::rule::parse::{AGE_OPS, COUNT_OPS, TAG_OPS};
use crate::rule::schema::{comparison, key, operators, reference};
use serde_json::{Map, Value, json};

/// The schema of the leaf with this head.
pub(in crate::rule) fn schema(head: &str) -> Value {
    match head {
        "consent" => consent(),
        "coupon" => json!({
            "properties": { "coupon": { "const": "held" }, "batch": key() },
            "required": ["coupon"],
            "additionalProperties": false,
        }),
        "campaign" => campaign(),
        "reachable" => {
            let channels: Vec<&str> = Channel::ALL.iter().map(|channel| channel.as_str()).collect();
            let purposes = ReachTest::PURPOSES.map(|purpose| purpose.as_str());
            json!({
                "properties": { "reachable": { "enum": channels }, "purpose": { "enum": purposes } },
                "required": ["reachable"],
                "additionalProperties": false,
            })
        }
        _ => json!({ "properties": { head: key() }, "required": [head], "additionalProperties": false }),
    }
}

fn consent() -> Value {
    let purposes: Vec<&str> = Purpose::ALL.iter().map(|purpose| purpose.as_str()).collect();
    let mut fields = operators(&TAG_OPS, &json!({ "enum": ["granted", "denied"] }));
    fields.insert("consent".to_owned(), json!({ "enum": purposes }));
    fields.insert("channel".to_owned(), key());
    fields.insert("said".to_owned(), comparison(operators(&AGE_OPS, &Value::Null)));
    json!({
        "properties": fields,
        "required": ["consent", "channel"],
        "additionalProperties": false,
        "allOf": [at_most_one(&TAG_OPS)],
        "if": { "properties": { "exists": { "const": false } }, "required": ["exists"] },
        "then": { "not": { "required": ["said"] } },
    })
}

fn campaign() -> Value {
    let deeds: Vec<&str> = Deed::ALL.iter().map(|deed| deed.as_str()).collect();
    let mut fields: Map<String, Value> = windows();
    fields.insert("campaign".to_owned(), key());
    fields.insert("did".to_owned(), json!({ "enum": deeds }));
    fields.insert("count".to_owned(), comparison(operators(&COUNT_OPS, &reference("count"))));
    json!({
        "properties": fields,
        "required": ["campaign"],
        "additionalProperties": false,
        "allOf": [at_most_one(&["within", "before", "between"])],
    })
}
