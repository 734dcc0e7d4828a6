//! What other systems push to us, put as the events of the Segment spec that mean the same. Whether a push is genuine was
//! settled before; what the events do, and whether they can be so, comes after. So nothing here refuses anything: what
//! a push lacks is missing in its event too, and is told there.

pub mod shopify;
pub mod youzan;

use crate::money::parse_minor;
use serde_json::{Map, Value, json};

/// Lines of an order that are passed on; the total is of all of them.
const MOST_LINES: usize = 50;

/// A member that is there, by a path of names.
fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.get(name)).filter(|found| !found.is_null())
}

/// An id or word by its path, whether sent as text or as a number.
fn word(value: &Value, path: &[&str]) -> Option<String> {
    match at(value, path)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The first of several paths that holds a word.
fn first_word(value: &Value, paths: &[&[&str]]) -> Option<String> {
    paths.iter().find_map(|path| word(value, path))
}

/// An object of those members that are there.
fn object(members: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Map<String, Value> {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// A track event. Without `user` it is about whoever its order is of.
fn track(
    id: String,
    name: &str,
    user: Option<&String>,
    when: Option<String>,
    properties: Map<String, Value>,
) -> Value {
    let mut event = json!({ "type": "track", "messageId": id, "event": name, "properties": properties });
    put(&mut event, "userId", user.cloned());
    put(&mut event, "timestamp", when);
    event
}

fn put(event: &mut Value, name: &str, text: Option<String>) {
    if let Some(text) = text {
        event[name] = Value::String(text);
    }
}

/// The sum of decimal amounts, as a decimal. An amount that is none is passed on in place of the sum, to be refused.
fn sum<'a>(amounts: impl IntoIterator<Item = &'a Value>) -> Value {
    const PLACES: u32 = 4;
    let mut sum = 0_i64;
    for amount in amounts {
        let text = match amount {
            Value::String(text) => text.trim().to_owned(),
            other => other.to_string(),
        };
        match parse_minor(&text, PLACES) {
            Some(minor) => sum = sum.saturating_add(minor),
            None => return amount.clone(),
        }
    }
    let scale = 10_i64.pow(PLACES);
    let sign = if sum < 0 { "-" } else { "" };
    json!(format!("{sign}{}.{:04}", (sum / scale).abs(), (sum % scale).abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_added_as_decimals() {
        assert_eq!(sum(&[json!("41.94"), json!("0.06"), json!(1)]), json!("43.0000"));
        assert_eq!(sum(&[json!("0.1"), json!("0.2")]), json!("0.3000"));
        assert_eq!(sum(&[]), json!("0.0000"));
        assert_eq!(sum(&[json!("1"), json!("free")]), json!("free"));
    }
}
