//! The schema of documents against their reader.

use super::schema;
use crate::rule::schema_tests::Compiled;
use crate::tag::{Of, TagDocument};
use serde_json::Value;

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("YAML")
}

fn is_read(body: Value) -> bool {
    let document = TagDocument { of: Of::Segment, body, version: 1, published_at: None };
    super::read(&document).is_ok()
}

#[test]
fn schema_and_reader_take_and_refuse_the_same() {
    let schema = Compiled::of(schema());
    let name = "name: {en: A, zh-CN: 甲}";
    let rule = "rule: {profile: tickets, gte: 1}";
    for sound in [
        format!("{{key: a, {name}, {rule}}}"),
        format!("{{key: a_1, {name}, description: {{en: B, zh-CN: 乙}}, keep: live, {rule}}}"),
        format!("{{key: a, {name}, keep: on_demand, rule: {{all: [{{segment: b}}, {{not: {{tag: c}}}}]}}}}"),
        format!("{{key: a, {name}, keep: list}}"),
    ] {
        assert!(schema.takes(&yaml(&sound)), "{sound}");
        assert!(is_read(yaml(&sound)), "{sound}");
        let mut kind = yaml(&sound);
        kind["kind"] = "segment".into();
        assert!(schema.takes(&kind), "as apply takes it: {sound}");
    }
    for wrong in [
        "[]".to_owned(),
        format!("{{{name}, {rule}}}"),
        format!("{{key: A, {name}, {rule}}}"),
        format!("{{key: a, {rule}}}"),
        format!("{{key: a, name: {{en: A}}, {rule}}}"),
        format!("{{key: a, {name}, description: B, {rule}}}"),
        format!("{{key: a, {name}}}"),
        format!("{{key: a, {name}, keep: on_demand}}"),
        format!("{{key: a, {name}, keep: list, {rule}}}"),
        format!("{{key: a, {name}, keep: alive, {rule}}}"),
        format!("{{key: a, {name}, {rule}, hold: 30d}}"),
        format!("{{key: a, {name}, rule: {{}}}}"),
        format!("{{key: a, {name}, rule: {{tag: \"x\\u202e\"}}}}"),
        format!("{{key: a, {name}, rule: {{segment: \"x\\u2066\"}}}}"),
        format!("{{key: a, {name}, rule: {{share: 10%, salt: \"x\\u200f\"}}}}"),
        format!("{{key: a, {name}, rule: {{profile: top_category, eq: \"\\u0000\"}}}}"),
    ] {
        assert!(!schema.takes(&yaml(&wrong)), "{wrong}");
        assert!(!is_read(yaml(&wrong)), "{wrong}");
    }
}
