//! The schema of rules against the parser: what the parser takes the schema takes, and which mistakes it sees too.

use super::*;
use crate::time::Span;
use boon::{Compiler, SchemaIndex, Schemas};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A compiled schema.
pub(crate) struct Compiled(Schemas, SchemaIndex);

impl Compiled {
    pub(crate) fn of(schema: Value) -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        let at = "https://kinkeeper.example/schema.json";
        compiler.add_resource(at, schema).expect("a resource");
        let index = compiler.compile(at, &mut schemas).unwrap_or_else(|e| panic!("{e:#}"));
        Self(schemas, index)
    }

    pub(crate) fn takes(&self, value: &Value) -> bool {
        self.0.validate(value, self.1).is_ok()
    }
}

fn span() -> impl Strategy<Value = Span> {
    (1i64..900_000).prop_map(Span::minutes)
}

fn age() -> impl Strategy<Value = Age> {
    prop_oneof![span().prop_map(Age::Within), span().prop_map(Age::OlderThan)]
}

fn compared() -> impl Strategy<Value = Comparison<i64>> {
    let n = -3_000_000_000i64..3_000_000_000;
    prop_oneof![
        n.clone().prop_map(Comparison::Eq),
        n.clone().prop_map(Comparison::Ne),
        n.clone().prop_map(Comparison::Lt),
        n.clone().prop_map(Comparison::Lte),
        n.clone().prop_map(Comparison::Gt),
        n.clone().prop_map(Comparison::Gte),
        proptest::collection::vec(n.clone(), 1..4).prop_map(Comparison::In),
        (n, 0i64..9).prop_map(|(a, more)| Comparison::Between(a, a + more)),
    ]
}

fn asked_of_a_tag() -> impl Strategy<Value = TagTest> {
    let value = || proptest::string::string_regex("[a-z]{1,6}").expect("a pattern");
    prop_oneof![
        value().prop_map(TagTest::Eq),
        value().prop_map(TagTest::Ne),
        proptest::collection::vec(value(), 1..3).prop_map(TagTest::In),
        Just(TagTest::Present),
        Just(TagTest::Absent),
    ]
}

fn leaf() -> impl Strategy<Value = Rule> {
    let of = |kinds: &'static [FieldKind]| {
        let fields: Vec<Field> = Field::ALL.iter().copied().filter(|f| kinds.contains(&f.kind())).collect();
        proptest::sample::select(fields)
    };
    let word = || proptest::string::string_regex("[a-zA-Z客户 ]{0,4}[a-z]").expect("a pattern");
    let numbers =
        &[FieldKind::Money, FieldKind::Count, FieldKind::Share, FieldKind::Number, FieldKind::Instant];
    let test = prop_oneof![compared(), Just(Comparison::Present), Just(Comparison::Absent)];
    let text = prop_oneof![
        word().prop_map(TextTest::Eq),
        word().prop_map(TextTest::Ne),
        word().prop_map(TextTest::Contains),
        word().prop_map(TextTest::StartsWith),
        proptest::collection::vec(word(), 1..3).prop_map(TextTest::In),
        Just(TextTest::Absent),
    ];
    let instant = || of(&[FieldKind::Instant]);
    let days = (0u32..400, proptest::option::of(0u32..9));
    prop_oneof![
        (of(numbers), test).prop_map(|(field, test)| Rule::Profile { field, test }),
        (proptest::sample::select(ScoreNumber::ALL.to_vec()), compared())
            .prop_map(|(number, test)| Rule::Score { number, test }),
        (of(&[FieldKind::Text]), text).prop_map(|(field, test)| Rule::Text { field, test }),
        (instant(), age()).prop_map(|(field, age)| Rule::Ago { field, age }),
        (instant(), days).prop_map(|(field, (from, more))| {
            Rule::DaysSince { field, days: DayRange { from: Some(from), to: more.map(|more| from + more) } }
        }),
        (of(&[FieldKind::Instant, FieldKind::Birthday]), 0u32..=182)
            .prop_map(|(field, within_days)| Rule::Anniversary { field, within_days }),
        event::brute::any_test().prop_map(Rule::Event),
        record::brute::any_test().prop_map(Rule::Record),
        (asked_of_a_tag(), proptest::option::of(age())).prop_map(|(test, since)| Rule::Tag {
            key: "vip".to_owned(),
            test,
            since
        }),
        proptest::option::of(age()).prop_map(|since| Rule::Segment { key: "loyal".to_owned(), since }),
    ]
}

fn rules() -> impl Strategy<Value = Rule> {
    leaf().prop_recursive(4, 16, 3, |inner| {
        let several = proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            several.clone().prop_map(Rule::All),
            several.prop_map(Rule::Any),
            inner.prop_map(|rule| Rule::Not(Box::new(rule))),
        ]
    })
}

#[test]
fn what_the_parser_takes_the_schema_takes() {
    let schema = Compiled::of(schema());
    let sentences =
        include_str!("sentences.txt").trim_end().split("\n\n").filter_map(|block| block.lines().next());
    for text in sentences {
        let rule: Value = serde_json::from_str(text).expect("JSON");
        assert!(schema.takes(&rule), "{rule}");
    }
    proptest!(ProptestConfig::with_cases(300), |(rule in rules())| {
        let written = rule.to_value();
        prop_assert_eq!(&parse(&written), &Ok(rule), "{}", written);
        prop_assert!(schema.takes(&written), "{}", written);
    });
    let loose = [
        json!({"profile": "spend_365", "gte": " +10.5 "}),
        json!({"profile": "spend_365", "gte": 10.5}),
        json!({"profile": "orders_365", "in": ["3", 4]}),
        json!({"profile": "refund_rate_365", "gt": "40 %"}),
        json!({"profile": "top_category", "eq": 7}),
        json!({"tag": "vip", "eq": true, "since": {"within": "7d"}}),
        json!({"tag": "vip", "since": {"older_than": "12h"}}),
        json!({"event": "Product Viewed"}),
        json!({"event": "a", "where": [{"property": "b", "eq": true}, {"property": "c", "in": [true, "x"]}]}),
        json!({"event": "a", "where": [{"property": "b", "eq": 1.5}, {"property": "c", "gte": " 1.5 "}]}),
        json!({"event": "a", "where": [{"property": "b", "contains": 7}], "sum": {"of": "$amount", "gte": 7}}),
        json!({"event": "a", "last": {"of": "b", "exists": false}, "before": "2026-01-31t09:00:00.5Z"}),
        json!({"anniversary": "birthday", "within": "007d"}),
        json!({"score": "p_order_180", "lt": 0.35}),
    ];
    for rule in loose {
        assert!(parse(&rule).is_ok() && schema.takes(&rule), "{rule}");
    }
}

#[test]
fn mistakes_are_refused_by_both() {
    let schema = Compiled::of(schema());
    let at = "2026-01-01T00:00:00Z";
    let wrong = [
        json!("vip"),
        json!({}),
        json!({"all": []}),
        json!({"not": [{"tag": "vip"}]}),
        json!({"profiel": "spend_365", "gte": 1}),
        json!({"profile": "spend_356", "gte": 1}),
        json!({"profile": "spend_365"}),
        json!({"profile": "spend_365", "gte": 1, "lt": 5}),
        json!({"profile": "spend_365", "gte": "much"}),
        json!({"profile": "spend_365", "gte": "1.2345678"}),
        json!({"profile": "spend_365", "contains": "1"}),
        json!({"profile": "spend_365", "within": "30d"}),
        json!({"profile": "orders_365", "gte": 1.5}),
        json!({"profile": "orders_365", "in": []}),
        json!({"profile": "orders_365", "between": [1]}),
        json!({"profile": "orders_365", "exists": "yes"}),
        json!({"profile": "refund_rate_365", "gte": 0.4}),
        json!({"profile": "last_order_at", "lt": "2026-01-01"}),
        json!({"profile": "last_order_at", "within": "30 days"}),
        json!({"profile": "last_order_at", "within": 30}),
        json!({"profile": "top_category", "gt": "a"}),
        json!({"profile": "top_category", "eq": " "}),
        json!({"profile": "top_category", "eq": "a\u{7}"}),
        json!({"profile": "birthday", "eq": at}),
        json!({"days_since": "spend_365", "gte": 1}),
        json!({"days_since": "last_order_at", "gte": "180d"}),
        json!({"days_since": "last_order_at", "lt": 0}),
        json!({"days_since": "last_order_at", "gte": 36_526}),
        json!({"anniversary": "birthday", "within": "183d"}),
        json!({"anniversary": "birthday"}),
        json!({"score": "p_alive", "lt": "0.35"}),
        json!({"score": "p_order_180"}),
        json!({"score": "p_order_180", "lt": "35%"}),
        json!({"score": "clv_365", "within": "30d"}),
        json!({"event": 7}),
        json!({"event": "a", "count": 2}),
        json!({"event": "a", "count": {"gte": 1, "lt": 2}}),
        json!({"event": "a", "for_new": "exclude"}),
        json!({"event": "a", "for_new": "never"}),
        json!({"event": "a", "where": []}),
        json!({"event": "a", "where": {"property": "b", "eq": "c"}}),
        json!({"event": "a", "where": [{"eq": "c"}]}),
        json!({"event": "a", "where": [{"property": "b"}]}),
        json!({"event": "a", "where": [{"property": "b", "eq": "c", "ne": "d"}]}),
        json!({"event": "a", "where": [{"property": "b", "in": [1, "c"]}]}),
        json!({"event": "a", "where": [{"property": "b", "gte": "c"}]}),
        json!({"event": "a", "where": [{"property": "b", "gte": true}]}),
        json!({"event": "a", "where": [{"property": "b", "eq": null}]}),
        json!({"event": "a", "where": [{"property": "", "eq": "c"}]}),
        json!({"event": "a", "where": [{"property": "b\u{7}", "eq": "c"}]}),
        json!({"event": "a", "where": vec![json!({"property": "b", "eq": "c"}); 21]}),
        json!({"event": "a", "sum": {"gte": 1}}),
        json!({"event": "a", "sum": {"of": "b"}}),
        json!({"event": "a", "sum": {"of": "b", "exists": true}}),
        json!({"event": "a", "avg": {"of": "b", "contains": "c"}}),
        json!({"event": "a", "first": {"older_than": "30d", "of": "b"}}),
        json!({"event": "a", "first": {"gte": "30d"}}),
        json!({"event": "a", "count": {"gte": 1}, "sum": {"of": "b", "gte": 1}}),
        json!({"event": "a", "within": "30d", "before": "30d"}),
        json!({"event": "a", "before": "soon"}),
        json!({"event": "a", "between": ["90d"]}),
        json!({"event": "a", "between": ["90d", at]}),
        json!({"event": "a", "before": "30d", "for_new": "exclude"}),
        json!({"event": "a", "between": [at, at], "for_new": "exclude"}),
        json!({"tag": ""}),
        json!({"tag": "vip", "eq": false}),
        json!({"tag": "vip", "eq": "a", "ne": "b"}),
        json!({"tag": "vip", "equals": "true"}),
        json!({"tag": "vip", "since": "7d"}),
        json!({"all": [{"tag": "vip"}], "tag": "vip"}),
        json!({"any": [{"tag": "vip"}, {"not": {"profile": "spend_365"}}]}),
    ];
    for rule in wrong {
        assert!(parse(&rule).is_err() && !schema.takes(&rule), "{rule}");
    }
    // What a schema can't tell, and the parser does.
    let deep = (1..17).fold(json!({"tag": "vip"}), |rule, _| json!({ "not": rule }));
    let beyond = [
        deep,
        json!({"profile": "spend_365", "between": [5, 1]}),
        json!({"profile": "last_order_at", "within": "0d"}),
        json!({"profile": "last_order_at", "lt": "2026-13-01T00:00:00Z"}),
        json!({"profile": "orders_365", "gte": 3.0}),
        json!({"event": "a", "between": ["30d", "90d"]}),
        json!({"event": "a", "where": [{"property": "a..b", "eq": "c"}]}),
        json!({"event": "a", "where": [{"property": "b", "eq": 0.0000001}]}),
    ];
    for rule in beyond {
        assert!(parse(&rule).is_err() && schema.takes(&rule), "{rule}");
    }
}
