//! The schema of documents against their reader.

use super::{SHIPPED, parse};
use crate::rule::schema_tests::Compiled;
use crate::tag::schema;
use serde_json::Value;

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("YAML")
}

#[test]
fn every_shipped_document_fits_the_schema() {
    let schema = Compiled::of(schema());
    for text in SHIPPED {
        let mut document = yaml(text);
        assert!(schema.takes(&document), "{text}");
        document["kind"] = "tag".into();
        assert!(schema.takes(&document), "as apply takes it: {text}");
    }
}

#[test]
fn mistakes_are_refused_by_both() {
    let schema = Compiled::of(schema());
    let name = "name: {en: A, zh-CN: 甲}";
    let level = format!("{{value: b, {name}, rule: {{profile: tickets, gte: 1}}}}");
    let rule = "rule: {profile: tickets, gte: 1}";
    for sound in [
        format!("{{key: a, {name}, {rule}, hold: 30d, by_hand: {{expires: required}}}}"),
        format!("{{key: a, {name}, otherwise: c, levels: [{level}]}}"),
        format!("{{key: a, {name}, {rule}, value_of: top_style}}"),
        format!("{{key: a, {name}, scores: rfm}}"),
        format!("{{key: a, {name}, values: [{{value: b, {name}}}]}}"),
        format!(
            "{{key: a, {name}, set_by: [X], ended_by: [Z], lasts: 3d, unless: {{event: W}}, by_hand: {{}}}}"
        ),
        format!("{{key: a, {name}, set_by: [{{value: b, {name}, events: [X]}}]}}"),
        format!("{{key: a, {name}, system: account_kind}}"),
        format!(
            "{{key: a, {name}, scores: clv, bands: [{{value: b, {name}, share: 10%}}, {{value: c, {name}}}]}}"
        ),
    ] {
        assert!(schema.takes(&yaml(&sound)), "{sound}");
        assert_eq!(parse(&[&sound]).err(), None, "{sound}");
    }
    for wrong in [
        "[]".to_owned(),
        format!("{{{name}, {rule}}}"),
        format!("{{key: A, {name}, {rule}}}"),
        format!("{{key: a, {rule}}}"),
        format!("{{key: a, name: A, {rule}}}"),
        format!("{{key: a, name: {{en: A}}, {rule}}}"),
        format!("{{key: a, name: {{en: A, zh-CN: ' '}}, {rule}}}"),
        format!("{{key: a, {name}}}"),
        format!("{{key: a, {name}, {rule}, scores: rfm}}"),
        format!("{{key: a, {name}, {rule}, otherwise: b}}"),
        format!("{{key: a, {name}, {rule}, hold: 30}}"),
        format!("{{key: a, {name}, {rule}, helds: 30d}}"),
        format!("{{key: a, {name}, {rule}, value_of: spend_365}}"),
        format!("{{key: a, {name}, value_of: top_style}}"),
        format!("{{key: a, {name}, {rule}, unless: {{tag: ''}}}}"),
        format!("{{key: a, {name}, {rule}, by_hand: true}}"),
        format!("{{key: a, {name}, {rule}, by_hand: {{expires: soon}}}}"),
        format!("{{key: a, {name}, levels: [{level}]}}"),
        format!("{{key: a, {name}, otherwise: c, levels: []}}"),
        format!("{{key: a, {name}, otherwise: c, levels: [{{value: b, {name}}}]}}"),
        format!("{{key: a, {name}, scores: luck}}"),
        format!("{{key: a, {name}, values: [{{value: b}}]}}"),
        format!("{{key: a, {name}, scores: clv, bands: [{{value: b, {name}, share: 10%}}]}}"),
        format!(
            "{{key: a, {name}, scores: clv, bands: [{{value: b, {name}, share: 0.1}}, {{value: c, {name}}}]}}"
        ),
        format!(
            "{{key: a, {name}, {rule}, bands: [{{value: b, {name}, share: 10%}}, {{value: c, {name}}}]}}"
        ),
        format!("{{key: a, {name}, set_by: []}}"),
        format!("{{key: a, {name}, set_by: [{{value: b, {name}}}]}}"),
        format!("{{key: a, {name}, set_by: [X], hold: 3d}}"),
        format!("{{key: a, {name}, set_by: [X], {rule}}}"),
        format!("{{key: a, {name}, {rule}, ended_by: [X]}}"),
        format!("{{key: a, {name}, {rule}, lasts: 3d}}"),
        format!("{{key: a, {name}, system: weather}}"),
        format!("{{key: a, {name}, system: account_kind, by_hand: {{}}}}"),
    ] {
        assert!(!schema.takes(&yaml(&wrong)), "{wrong}");
        assert!(parse(&[&wrong]).is_err(), "{wrong}");
    }
    let twice = format!("{{key: a, {name}, otherwise: b, levels: [{level}]}}");
    assert!(schema.takes(&yaml(&twice)) && parse(&[&twice]).is_err(), "what a schema can't tell");
}
