//! The reference says what the code does: names, needed properties, what is taken and what is personal.

use super::*;
use crate::event::own::Own;
use crate::event::{Context, KNOWN, Reading, Said, Speaker, parse};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

fn sample(kind: Kind) -> Value {
    match kind {
        Word => json!("inbound"),
        Amount => json!("12.50"),
        Currency => json!("CNY"),
        Instant => json!("2026-09-25T09:55:00+08:00"),
        Flag => json!(true),
        Whole(_, last) => json!(last),
        Stars => json!("4.5"),
        Lines => json!([{"sku": "a", "price": 1, "quantity": 2}]),
        Numbers => json!({"a": 1}),
        Text => json!("words of a person"),
    }
}

fn event(shape: &Shape, leave_out: Option<&str>) -> Result<Said, &'static str> {
    let given = shape.properties.iter().filter(|p| Some(p.name) != leave_out);
    let mut properties: Map<String, Value> = given.map(|p| (p.name.to_owned(), sample(p.kind))).collect();
    if shape.name == "Consent Changed" && leave_out.is_none() {
        properties.insert("purpose".to_owned(), json!("marketing"));
    }
    let yuan = crate::money::Currency::parse("CNY").expect("a code");
    let context =
        Context { zone: chrono_tz::UTC, currency: yuan, base: yuan, clock: None, speaker: Speaker::Sender };
    let json = json!({"type": "track", "userId": "u", "event": shape.name, "properties": properties});
    match parse(&json, &context) {
        Ok(Reading::Event(said)) => Ok(*said),
        Ok(Reading::Browsing) => Err("browsing"),
        Err(problems) => Err(problems[0].code),
    }
}

#[test]
fn every_name_with_a_meaning_is_in_the_reference_once() {
    let names: Vec<&str> = SHAPES.iter().filter(|s| s.by == By::Senders).map(|s| s.name).collect();
    let once: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(once.len(), names.len());
    assert_eq!(once, KNOWN.into_iter().collect());
}

#[test]
fn what_must_be_there_is_asked_for_and_the_rest_isnt() {
    for shape in SHAPES.iter().filter(|s| s.by == By::Senders) {
        let whole = event(shape, None).unwrap_or_else(|code| panic!("{}: {code}", shape.name));
        assert_eq!(whole.fact.name(), shape.name);
        for property in shape.properties {
            let left_out = event(shape, Some(property.name));
            match property.need {
                Need::Must => {
                    assert_eq!(left_out.map(drop), Err("missing_field"), "{} {}", shape.name, property.name);
                }
                Need::May => {
                    assert!(left_out.is_ok(), "{} without {}: {left_out:?}", shape.name, property.name)
                }
            }
            if property.kind == Text {
                assert!(whole.personal.contains_key(property.name), "{} {}", shape.name, property.name);
                assert!(!whole.properties.contains_key(property.name));
            }
        }
    }
}

#[test]
fn what_the_daemon_writes_is_in_the_reference_and_reads_back() {
    let mut seen = Vec::new();
    for sample in Own::samples() {
        let written = serde_json::to_value(&sample).expect("JSON");
        assert_eq!(written["event"], sample.name());
        let shape = SHAPES.iter().find(|s| s.by == By::Kinkeeper && s.name == sample.name());
        let shape = shape.unwrap_or_else(|| panic!("{} is in the reference", sample.name()));
        let said: BTreeSet<&str> =
            written["properties"].as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(said, shape.properties.iter().map(|p| p.name).collect(), "{}", shape.name);
        for property in shape.properties {
            let mut less = written.clone();
            less["properties"].as_object_mut().expect("an object").remove(property.name);
            let read = serde_json::from_value::<Own>(less);
            assert_eq!(read.is_ok(), property.need == Need::May, "{} without {}", shape.name, property.name);
        }
        assert_eq!(serde_json::from_value::<Own>(written).expect("reads back"), sample);
        seen.push(shape.name);
    }
    let all: Vec<&str> = SHAPES.iter().filter(|s| s.by == By::Kinkeeper).map(|s| s.name).collect();
    assert_eq!(seen, all);
}

#[test]
fn the_documentation_shows_the_reference() {
    let page = include_str!("../../../docs/events.md");
    for by in [By::Senders, By::Kinkeeper] {
        let table = table(by);
        assert!(page.contains(&table), "docs/events.md lacks, as it is now:\n{table}");
    }
}
