//! Reads one segment's document, collecting every problem with its place. What it shares with a tag's is read by the same
//! functions.

use super::{Keep, Segment, node_key};
use crate::problem::{Problem, nearest};
use crate::tag::document::{known, texts, word};
use crate::tag::{ByHand, Expires, NamedValue, Role, Shape, TagDefinition, TagDocument};
use crate::time::Span;
use serde_json::{Map, Value};
use std::sync::Arc;

pub(super) const FIELDS: [&str; 5] = ["key", "name", "description", "keep", "rule"];

/// Reads one document. Places are relative to it.
pub(crate) fn read(document: &TagDocument) -> Result<TagDefinition, Vec<Problem>> {
    let Some(fields) = document.body.as_object() else {
        let detail = "a segment is an object with key, name and rule";
        return Err(vec![Problem::new("", "not_a_segment", detail)]);
    };
    let mut problems = Vec::new();
    known(fields, &FIELDS, "", &mut problems);
    let key = word(fields, "key", "", &mut problems);
    let name = texts(fields, "name", "", &mut problems);
    let description = fields.get("description").and_then(|_| texts(fields, "description", "", &mut problems));
    let keep = keep(fields, &mut problems);
    let shape = keep.and_then(|keep| shape(keep, fields, name.as_ref(), &mut problems));
    match (key, name, keep, shape) {
        (Some(key), Some(name), Some(keep), Some(shape)) if problems.is_empty() => Ok(TagDefinition {
            key: node_key(&key),
            name,
            shape,
            hold: Span::ZERO,
            settle: Span::ZERO,
            unless: None,
            by_hand: Some(ByHand { expires: Expires::Never }),
            group: None,
            role: Role::Segment(Segment { keep, description }),
            version: document.version,
            published_at: document.published_at,
        }),
        _ => Err(problems),
    }
}

fn keep(fields: &Map<String, Value>, problems: &mut Vec<Problem>) -> Option<Keep> {
    let Some(value) = fields.get("keep") else { return Some(Keep::Live) };
    let written = value.as_str().unwrap_or_default();
    let keep = Keep::parse(written);
    if keep.is_none() {
        let names: Vec<&str> = Keep::ALL.iter().map(|keep| keep.as_str()).collect();
        let remedy = match nearest(written, names.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("write {}", names.join(", ")),
        };
        problems.push(Problem::new(
            "keep",
            "unknown_keep",
            format!("{value} is no way to keep one; {remedy}"),
        ));
    }
    keep
}

fn shape(
    keep: Keep,
    fields: &Map<String, Value>,
    name: Option<&crate::tag::Names>,
    problems: &mut Vec<Problem>,
) -> Option<Shape> {
    match (keep, fields.get("rule")) {
        (Keep::List, None) => {
            Some(Shape::Named(vec![NamedValue { value: Arc::from("true"), name: name?.clone() }]))
        }
        (Keep::List, Some(_)) => {
            let detail = "who is in a list people say; leave the rule out, or keep it live";
            problems.push(Problem::new("rule", "unknown_field", detail));
            None
        }
        (Keep::Live | Keep::OnDemand, Some(value)) => {
            crate::tag::document::rule(value, "rule", problems).map(Shape::Flag)
        }
        (Keep::Live | Keep::OnDemand, None) => {
            let detail = "say in a rule who is in it; of one that people fill by hand write keep: list";
            problems.push(Problem::new("rule", "no_rule", detail));
            None
        }
    }
}
