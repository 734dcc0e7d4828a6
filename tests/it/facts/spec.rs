//! Every example of Segment's spec is read: taken in, or refused for a stated reason.

use domain::event::{Context, Reading, Speaker, parse};
use domain::money::Currency;
use serde_json::{Map, Value, json};

/// Examples that are refused, by name, with the code: they name nobody or are no event by themselves.
pub const REFUSED: &[(&str, &str)] = &[
    // A list of integrations.
    ("", "no_name"),
    // Shown without its envelope's ids.
    ("User Registered", "nobody"),
];

/// The example as a sender would send it: a page shows many of them without their envelope.
pub fn event(example: &Value) -> Value {
    let body = &example["body"];
    let whole =
        ["type", "userId", "anonymousId", "user_id", "action"].iter().any(|field| body.get(field).is_some());
    if whole {
        let mut event = body.clone();
        // Older pages call the type "action" and capitalise it.
        if event.get("type").is_none()
            && let Some(action) = event.get("action").cloned()
        {
            event["type"] = json!(action.as_str().unwrap_or_default().to_lowercase());
        }
        return event;
    }
    let (call, name) = (example["call"].as_str().unwrap_or_default(), &example["name"]);
    let mut event = Map::from_iter([("type".to_owned(), json!(call)), ("userId".to_owned(), json!("u1"))]);
    match call {
        "identify" => drop(event.insert("traits".to_owned(), body.clone())),
        _ => {
            event.insert("event".to_owned(), name.clone());
            event.insert("properties".to_owned(), body.clone());
        }
    }
    Value::Object(event)
}

#[test]
fn every_example_of_the_spec_is_read() {
    let dollars = Currency::parse("USD").expect("a code");
    let context = Context {
        zone: chrono_tz::UTC,
        currency: dollars,
        base: dollars,
        clock: None,
        speaker: Speaker::Sender,
    };
    let text = include_str!("../../data/segment/spec_examples.jsonl");
    let (mut taken, mut refused, mut typed) = (0, Vec::new(), Vec::new());
    for line in text.lines() {
        let example: Value = serde_json::from_str(line).expect("JSON");
        let name = example["name"].as_str().unwrap_or_default().to_owned();
        match parse(&event(&example), &context) {
            Ok(Reading::Event(said)) => {
                taken += 1;
                if said.detail.is_some() {
                    typed.push(said.fact.name().to_owned());
                }
            }
            Ok(Reading::Browsing) => taken += 1,
            Err(problems) => refused.push((name, problems[0].code)),
        }
    }
    let refused: Vec<_> = refused.iter().map(|(name, code)| (name.as_str(), *code)).collect();
    assert_eq!(refused, REFUSED);
    assert_eq!(taken + refused.len(), 44);
    assert_eq!(typed, ["Order Updated", "Order Completed", "Product Reviewed"]);
}
