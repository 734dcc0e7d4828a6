//! Which properties rules look at, so that nobody reads others.

use super::super::ast::Rule;
use super::super::record;
use super::{Aggregate, End};
use crate::event::property::{Path, Wanted};
use serde_json::Value;

/// What these rules have to know of events.
pub fn wanted_by<'r>(rules: impl IntoIterator<Item = &'r Rule>) -> Wanted {
    let mut wanted = Wanted::default();
    let rules: Vec<&Rule> = rules.into_iter().collect();
    wanted.records = record::kinds_of(rules.iter().copied());
    for leaf in rules.into_iter().flat_map(Rule::leaves) {
        let Rule::Event(test) = leaf else { continue };
        test.properties().for_each(|path| wanted.add(&test.name, path.clone()));
    }
    wanted
}

/// What any rule somewhere in a document may have to know of events, whatever kind of document it is: more than that, never less.
pub fn wanted_in(document: &Value, wanted: &mut Wanted) {
    match document {
        Value::Array(items) => items.iter().for_each(|item| wanted_in(item, wanted)),
        Value::Object(fields) => {
            if let Some(name) = fields.get("event").and_then(Value::as_str) {
                let conditions = fields.get("where").and_then(Value::as_array).into_iter().flatten();
                let asked = conditions.filter_map(|condition| condition.get("property"));
                let keys = Aggregate::ALL.map(Aggregate::as_str).into_iter().chain(End::ALL.map(End::as_str));
                let measured = keys.filter_map(|key| fields.get(key)?.get("of"));
                let paths = asked.chain(measured).filter_map(Value::as_str);
                paths.filter_map(|path| Path::parse(path).ok()).for_each(|path| wanted.add(name, path));
            }
            fields.values().for_each(|value| wanted_in(value, wanted));
        }
        _ => {}
    }
}
