//! Tests of the rule language: reading, meaning, explaining, describing (domain.md §5).

#![allow(clippy::inconsistent_digit_grouping, reason = "amounts are written as 10_000_00: yuan, then fen")]

use super::*;
use crate::customer::fixture::*;
use crate::customer::{Bearer, CustomerFacts, ProfileTimelines};
use crate::event::Event;
use crate::money::Currency;
use crate::time::{Instant, Span, add_days};
use crate::timeline::Timeline;
use chrono_tz::{Tz, UTC};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;

fn read(value: Value) -> Rule {
    parse(&value).unwrap_or_else(|problems| panic!("{value}: {problems:?}"))
}

/// Evaluates over events, in a book of CNY, with value_tier gold from day 50 to day 60.
fn with_context<T>(events: &[Event], zone: Tz, f: impl FnOnce(&Context<'_>) -> T) -> T {
    let profile = ProfileTimelines::build(&CustomerFacts::fold(events), zone);
    let gold = Some(Arc::from("gold"));
    let line = Timeline::from_points(None, [(day(50), gold), (day(60), None)]);
    let tags = TagTimelines::from([("value_tier".to_owned(), line)]);
    let currency = Currency::parse("CNY").expect("code");
    f(&Context {
        profile: &profile,
        tags: &tags,
        bearer: Bearer::consumer(zone),
        currency,
        horizon: day(800),
    })
}

fn holds(rule: Value, events: &[Event], now: Instant) -> bool {
    with_context(events, UTC, |context| *eval(&read(rule), context).at(now))
}

fn complaints_about(value: Value) -> Vec<String> {
    parse(&value).expect_err("should be refused").iter().map(ToString::to_string).collect()
}

#[test]
fn amounts_compare_exactly_at_the_threshold() {
    let gte = json!({"profile": "spend_365", "gte": "10000.00"});
    assert!(holds(gte.clone(), &[order("A", 10_000_00, day(0))], day(1)));
    assert!(!holds(gte, &[order("A", 9_999_99, day(0))], day(1)));
    let fine = json!({"profile": "spend_365", "gt": "9999.989"});
    assert!(holds(fine, &[order("A", 9_999_99, day(0))], day(1)));
}

#[test]
fn every_operator_means_what_it_says() {
    let events = [order("A", 3_00, day(0)), order("B", 3_00, day(1)), order("C", 3_00, day(2))];
    let table = [
        (json!({"eq": 3}), true),
        (json!({"eq": 2}), false),
        (json!({"ne": 2}), true),
        (json!({"lt": 3}), false),
        (json!({"lte": 3}), true),
        (json!({"gt": 3}), false),
        (json!({"gte": "3"}), true),
        (json!({"in": [1, 3]}), true),
        (json!({"between": [3, 4]}), true),
        (json!({"between": [4, 5]}), false),
        (json!({"exists": true}), true),
        (json!({"exists": false}), false),
    ];
    for (mut leaf, wanted) in table {
        leaf["profile"] = json!("orders_ever");
        assert_eq!(holds(leaf.clone(), &events, day(3)), wanted, "{leaf}");
    }
}

#[test]
fn what_is_absent_makes_every_operator_false() {
    let at = "2026-01-01T00:00:00Z";
    for op in ["eq", "ne", "lt", "lte", "gt", "gte"] {
        assert!(!holds(json!({"profile": "last_order_at", op: at}), &[], day(1)), "{op}");
    }
    assert!(!holds(json!({"days_since": "last_order_at", "gte": 0}), &[], day(1)));
    assert!(!holds(json!({"days_since": "last_order_at", "lte": 9}), &[], day(1)));
    assert!(!holds(json!({"tag": "vip", "ne": "true"}), &[], day(1)));
    assert!(!holds(json!({"tag": "value_tier", "ne": "gold"}), &[], day(1)));
    assert!(holds(json!({"not": {"tag": "value_tier", "eq": "gold"}}), &[], day(1)));
    assert!(holds(json!({"profile": "last_order_at", "exists": false}), &[], day(1)));
    assert!(holds(json!({"tag": "vip", "exists": false}), &[], day(1)));
}

#[test]
fn combinations_follow_their_parts() {
    let rule = json!({"all": [
        {"tag": "value_tier", "in": ["gold", "diamond"]},
        {"any": [{"profile": "orders_ever", "gte": 1}, {"profile": "tickets", "gte": 1}]},
        {"not": {"tag": "vip"}},
    ]});
    let events = [order("A", 1_00, day(55))];
    let line = with_context(&events, UTC, |context| eval(&read(rule.clone()), context));
    assert_eq!(line, Timeline::from_points(false, [(day(55), true), (day(60), false)]));
}

#[test]
fn day_180_begins_at_its_first_local_instant() {
    let shanghai = chrono_tz::Asia::Shanghai;
    let events = [order("A", 1_00, at("2026-01-10T23:59:59+08:00"))];
    let at_midnight = at("2026-07-09T00:00:00+08:00");
    let begins = |days: Value| {
        let rule = json!({"days_since": "last_order_at", "gte": days});
        with_context(&events, shanghai, |context| eval(&read(rule), context).changes().next().map(|c| c.0))
    };
    assert_eq!(begins(json!(180)), Some(at_midnight));
    assert_eq!(begins(json!(179)), Some(at_midnight - Span::days(1)));
    assert_eq!(begins(json!(181)), Some(at_midnight + Span::days(1)));
}

#[test]
fn leap_days_are_days() {
    let events = [order("A", 1_00, at("2024-02-29T12:00:00Z"))];
    let on = |rule: Value, now: &str| holds(rule, &events, at(now));
    let one = json!({"days_since": "last_order_at", "eq": 1});
    assert!(on(one.clone(), "2024-03-01T00:00:00Z") && !on(one, "2024-03-02T00:00:00Z"));
    let year = json!({"days_since": "last_order_at", "gte": 366});
    assert!(!on(year.clone(), "2025-02-28T23:59:59Z") && on(year, "2025-03-01T00:00:00Z"));
}

#[test]
fn every_day_range_means_what_it_says() {
    let events = [order("A", 1_00, day(0) + Span::hours(12))];
    let table = [
        (json!({"gte": 3}), [false, true, true, true]),
        (json!({"gt": 3}), [false, false, true, true]),
        (json!({"lte": 3}), [true, true, false, false]),
        (json!({"lt": 3}), [true, false, false, false]),
        (json!({"eq": 3}), [false, true, false, false]),
        (json!({"between": [3, 4]}), [false, true, true, false]),
    ];
    for (mut leaf, wanted) in table {
        leaf["days_since"] = json!("last_order_at");
        let found = [2, 3, 4, 5].map(|n| holds(leaf.clone(), &events, day(n)));
        assert_eq!(found, wanted, "{leaf}");
    }
}

#[test]
fn problems_name_the_place_and_the_remedy() {
    let rule = json!({"all": [
        {"profile": "spend_365", "gte": 1},
        {"any": [{"profile": "spend_356", "gte": 1}]},
        {"profile": "orders_365", "gte": "90x"},
        {"tag": "vip", "equals": "true"},
        {"days_since": "spend_365", "gte": 180},
        {"days_since": "last_order_at", "gte": "180d"},
        {"profiel": "spend_365"},
        {"profile": "spend_365", "gte": 1, "lt": 5},
        {"profile": "spend_365"},
        {"profile": "spend_365", "between": [5, 1]},
        {"not": {"all": []}},
        {"profile": "spend_365", "gte": "1.2345678"},
        {"profile": "last_order_at", "lt": "2026-01-01"},
        "vip",
        {"all": [{"tag": "vip"}], "tag": "vip"},
        {"days_since": "last_order_at", "lt": 0},
        {"tag": "vip", "eq": false},
    ]});
    let found = complaints_about(rule);
    let wanted = [
        "all[1].any[0].profile: \"spend_356\" is not in the profile; did you mean spend_365?",
        "all[2].gte: \"90x\" is not a whole number",
        "all[3].equals: tag has no field equals; tag takes eq, ne, in, exists",
        "all[4].days_since: spend_365 is no point in time; use last_order_at or first_order_at",
        "all[5].gte: \"180d\" is not a number of days from 0 to 36525",
        "all[6]: this isn't a kind of rule; did you mean profile for profiel?",
        "all[7]: lt and gte in one rule; use between, or one rule each under all",
        "all[8]: say how to compare: one of eq, ne, lt, lte, gt, gte, in, between, exists",
        "all[9].between: write the smaller value first",
        "all[10].not.all: give a list of at least one rule",
        "all[11].gte: \"1.2345678\" is not an amount such as \"10000.00\"",
        "all[12].lt: \"2026-01-01\" is not an instant with its offset such as \"2026-01-31T09:00:00+08:00\"",
        "all[13]: \"vip\" is not a rule; write an object such as {tag: vip}",
        "all[14]: all and tag stand side by side; combine them with all or any",
        "all[15].lt: nothing is less than 0 days ago; use lte",
        "all[16].eq: false is not a tag's value; for \"hasn't it\" write exists: false",
    ];
    assert_eq!(found, wanted);
}

#[test]
fn a_rule_may_be_16_deep_and_have_200_nodes_and_no_more() {
    let nested = |depth: usize| (1..depth).fold(json!({"tag": "vip"}), |rule, _| json!({ "not": rule }));
    assert!(parse(&nested(16)).is_ok());
    assert!(complaints_about(nested(17))[0].contains("at most 16 deep"));
    let wide = |leaves: usize| json!({"any": vec![json!({"tag": "vip"}); leaves]});
    assert!(parse(&wide(199)).is_ok());
    assert!(complaints_about(wide(200))[0].contains("at most 200 nodes"));
    assert!(complaints_about(wide(20_000)).len() == 1);
}

#[test]
fn a_rule_is_a_sentence_in_both_languages() {
    let rule = read(json!({"all": [
        {"profile": "spend_365", "gte": 8000},
        {"any": [{"days_since": "last_order_at", "lt": 180}, {"tag": "value_tier", "in": ["gold", "diamond"]}]},
        {"not": {"tag": "vip"}},
    ]}));
    assert_eq!(
        describe(&rule, Lang::En),
        "Holds when net spend in 365 d is at least 8000.00 and (the last counted order was at most 179 days \
         ago or tag value_tier is one of gold, diamond) and not (tag vip is there)."
    );
    assert_eq!(
        describe(&rule, Lang::ZhCn),
        "条件：365 天净消费不低于 8000.00，且（最近有效订单距今不超过 179 天，或标签 value_tier 为 gold、diamond \
         之一），且并非（有标签 vip）。"
    );
}

#[test]
fn an_explanation_gives_each_nodes_numbers_and_verdict() {
    let rule = read(json!({"all": [
        {"profile": "spend_365", "gte": "100.00"},
        {"not": {"days_since": "last_order_at", "gte": 30}},
    ]}));
    let events = [order("A-1", 99_50, day(0) + Span::hours(1))];
    let tree = with_context(&events, UTC, |context| explain(&rule, context, day(10), Lang::En));
    assert!(!tree.holds);
    let (spend, not) = (&tree.children[0], &tree.children[1]);
    assert_eq!((spend.at.as_str(), spend.holds), ("all[0]", false));
    assert_eq!(Value::Object(spend.value.clone()), json!({"spend_365": "99.50"}));
    assert_eq!((not.at.as_str(), not.holds, not.next_flip), ("all[1]", true, Some(day(30))));
    let days = &not.children[0];
    assert_eq!(days.at, "all[1].not");
    assert_eq!(
        Value::Object(days.value.clone()),
        json!({"last_order_at": "2026-01-01T01:00:00Z", "last_order_id": "A-1", "days": 10})
    );
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let money = prop_oneof![Just(Field::Spend365), Just(Field::OrdersEver), Just(Field::LastOrderAt)];
    let number = -3_000_000i64..3_000_000;
    let test = prop_oneof![
        number.clone().prop_map(Comparison::Eq),
        number.clone().prop_map(Comparison::Ne),
        number.clone().prop_map(Comparison::Lt),
        number.clone().prop_map(Comparison::Gte),
        proptest::collection::vec(number.clone(), 1..4).prop_map(Comparison::In),
        (number.clone(), 0i64..9).prop_map(|(a, more)| Comparison::Between(a, a + more)),
        Just(Comparison::Present),
        Just(Comparison::Absent),
    ];
    let leaf = prop_oneof![
        (money, test).prop_map(|(field, test)| Rule::Profile { field, test }),
        (0u32..400, proptest::option::of(0u32..9)).prop_map(|(from, more)| Rule::DaysSince {
            field: Field::LastOrderAt,
            days: DayRange { from: Some(from), to: more.map(|more| from + more) },
        }),
        Just(Rule::Tag { key: "value_tier".to_owned(), test: TagTest::Ne("gold".to_owned()), since: None }),
        Just(Rule::Tag { key: "vip".to_owned(), test: TagTest::Absent, since: None }),
    ];
    leaf.prop_recursive(4, 20, 3, |inner| {
        let several = proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            several.clone().prop_map(Rule::All),
            several.prop_map(Rule::Any),
            inner.prop_map(|rule| Rule::Not(Box::new(rule))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn a_written_rule_reads_back(rule in any_rule()) {
        prop_assert_eq!(parse(&rule.to_value()), Ok(rule.clone()));
        let stored = serde_json::to_string(&rule).expect("writes");
        prop_assert_eq!(serde_json::from_str::<Rule>(&stored).expect("reads"), rule);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Against a clock looked at every half hour, over both changes of a year, in awkward zones.
    #[test]
    fn days_since_agrees_with_the_local_calendar(
        zone in prop_oneof![
            Just(chrono_tz::Europe::London), Just(chrono_tz::America::New_York), Just(chrono_tz::Asia::Shanghai),
            Just(chrono_tz::America::Sao_Paulo), Just(chrono_tz::Australia::Lord_Howe),
            Just(chrono_tz::Pacific::Apia), Just(chrono_tz::Asia::Kathmandu), Just(chrono_tz::Asia::Beirut),
        ],
        paid in 0i64..(400 * 48),
        days in 0u32..200,
    ) {
        let start = at("2011-01-01T00:00:00Z");
        let half_hours = |n: i64| start + Span::minutes(30 * n);
        let events = [order("A", 1_00, half_hours(paid))];
        let rule = read(json!({"days_since": "last_order_at", "gte": days}));
        let line = with_context(&events, zone, |context| eval(&rule, context));
        let due = add_days(half_hours(paid).local_date(zone), i64::from(days));
        for n in paid..paid + 48 * 210 {
            prop_assert_eq!(*line.at(half_hours(n)), half_hours(n).local_date(zone) >= due, "{}", half_hours(n));
        }
        prop_assert!(line.changes().count() == 1);
    }
}
