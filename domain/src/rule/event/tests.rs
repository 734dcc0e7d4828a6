//! What is asked of events, by examples: every operator, every border, elements of arrays, folding, money, and what is refused.

#![allow(clippy::inconsistent_digit_grouping, reason = "amounts are written as 10_000_00: yuan, then fen")]

use crate::customer::fixture::*;
use crate::customer::{Bearer, CustomerFacts, ProfileTimelines};
use crate::event::property::Values;
use crate::event::{Event, Fact};
use crate::money::Currency;
use crate::rule::event::{wanted_by, wanted_in};
use crate::rule::{Context, Rule, TagTimelines, eval, leaf_value, parse};
use crate::time::{Instant, Span};
use chrono_tz::UTC;
use serde_json::{Value, json};
use std::sync::Arc;

const MICRO: Span = Span::micros(1);

fn read(rule: &Value) -> Rule {
    parse(rule).unwrap_or_else(|problems| panic!("{rule}: {problems:?}"))
}

/// With everything the rule wants of it read.
fn said(rule: &Rule, name: &str, properties: &Value, at: Instant) -> Event {
    saying(rule, &event(at, Fact::Custom { name: name.to_owned() }), properties)
}

fn saying(rule: &Rule, event: &Event, properties: &Value) -> Event {
    let wanted = wanted_by([rule]);
    let amount_minor = match &event.fact {
        Fact::OrderCompleted { total_minor, .. } => Some(*total_minor),
        _ => None,
    };
    let read = |paths| Values::read(properties.as_object().expect("an object"), amount_minor, paths);
    Event { values: wanted.of(event.fact.name()).map(|paths| Arc::new(read(paths))), ..event.clone() }
}

fn with<T>(events: &[Event], bearer: Bearer, f: impl FnOnce(&Context<'_>) -> T) -> T {
    let profile = ProfileTimelines::build(&CustomerFacts::fold(events), UTC);
    let (tags, currency) = (TagTimelines::new(), Currency::parse("CNY").expect("a code"));
    f(&Context { profile: &profile, tags: &tags, bearer, currency, horizon: day(800) })
}

fn holds(rule: &Value, said: &[(i64, Value)], now: Instant) -> bool {
    let rule = read(rule);
    let events: Vec<Event> =
        said.iter().map(|(n, properties)| self::said(&rule, "E", properties, day(*n))).collect();
    with(&events, Bearer::consumer(UTC), |context| *eval(&rule, context).at(now))
}

/// Whether one event that says this fits these conditions.
fn fits(conditions: Value, properties: &Value) -> bool {
    holds(&json!({"event": "E", "where": conditions}), &[(0, properties.clone())], day(1))
}

fn refused(rule: Value) -> Vec<String> {
    parse(&rule).expect_err("should be refused").iter().map(ToString::to_string).collect()
}

#[test]
fn every_operator_of_where_at_its_borders() {
    let properties =
        json!({"x": "Straße", "n": 12.5, "d": "12.50", "flag": true, "blank": " ", "gone": null});
    for (condition, wanted) in [
        (json!({"property": "x", "eq": "STRASSE"}), true),
        (json!({"property": "x", "eq": "strass"}), false),
        (json!({"property": "x", "ne": "straße"}), false),
        (json!({"property": "x", "ne": "weg"}), true),
        (json!({"property": "x", "in": ["weg", "ＳＴＲＡＳＳＥ"]}), true),
        (json!({"property": "x", "in": ["weg"]}), false),
        (json!({"property": "x", "contains": "ASS"}), true),
        (json!({"property": "x", "contains": "asst"}), false),
        (json!({"property": "x", "starts_with": "Str"}), true),
        (json!({"property": "x", "starts_with": "tr"}), false),
        (json!({"property": "x", "gte": 0}), false),
        (json!({"property": "x", "ne": 1}), false),
        (json!({"property": "n", "eq": 12.5}), true),
        (json!({"property": "n", "eq": "12.5"}), true),
        (json!({"property": "n", "eq": "12.50"}), false),
        (json!({"property": "d", "eq": 12.5}), true),
        (json!({"property": "d", "eq": "12.50"}), true),
        (json!({"property": "d", "eq": "12.5"}), false),
        (json!({"property": "n", "ne": 12.5}), false),
        (json!({"property": "n", "ne": 12}), true),
        (json!({"property": "n", "in": [1, 12.5]}), true),
        (json!({"property": "n", "in": [1, 2]}), false),
        (json!({"property": "n", "lt": "12.5"}), false),
        (json!({"property": "n", "lt": 12.500001}), true),
        (json!({"property": "n", "lte": 12.5}), true),
        (json!({"property": "n", "gt": 12.5}), false),
        (json!({"property": "n", "gt": "12.499999"}), true),
        (json!({"property": "n", "gte": "12.5"}), true),
        (json!({"property": "n", "between": [12.5, "13"]}), true),
        (json!({"property": "d", "between": ["12", "12.5"]}), true),
        (json!({"property": "n", "between": [12.6, 13]}), false),
        (json!({"property": "flag", "eq": true}), true),
        (json!({"property": "flag", "eq": "TRUE"}), true),
        (json!({"property": "flag", "eq": false}), false),
        (json!({"property": "flag", "ne": false}), true),
        (json!({"property": "flag", "in": [false, "x"]}), false),
        (json!({"property": "x", "exists": true}), true),
        (json!({"property": "x", "exists": false}), false),
    ] {
        assert_eq!(fits(json!([condition]), &properties), wanted, "{condition}");
        // Of what isn't there every operator is false but the one that asks for that.
        for absent in ["none", "blank", "gone", "x.y"] {
            let mut elsewhere = condition.clone();
            elsewhere["property"] = json!(absent);
            let asks = condition["exists"] == json!(false);
            assert_eq!(fits(json!([elsewhere]), &properties), asks, "{elsewhere}");
        }
    }
}

#[test]
fn texts_are_compared_folded() {
    for (one, other, same) in [
        ("Ä", "a\u{308}", true),
        ("ß", "SS", true),
        ("全角ＡＢＣ", "全角abc", true),
        ("İ", "i\u{307}", true),
        ("İ", "i", false),
        ("ı", "I", false),
    ] {
        let properties = json!({ "x": one });
        assert_eq!(fits(json!([{"property": "x", "eq": other}]), &properties), same, "{one} {other}");
        assert_eq!(fits(json!([{"property": "x", "ne": other}]), &properties), !same, "{one} {other}");
    }
}

#[test]
fn conditions_on_one_array_hold_of_one_element() {
    let order = json!({"coupon": "X", "products": [
        {"sku": "a", "category": "lipstick", "price": 10, "tags": ["new", "hot"]},
        {"sku": "b", "category": "mascara", "price": 30, "gift": true},
        {"sku": "c", "category": "Lipstick", "price": 20},
    ], "gifts": [{"sku": "g", "price": 30}]});
    let lipstick = json!({"property": "products.category", "eq": "lipstick"});
    let of = |more: Value| fits(json!([lipstick, more]), &order);
    assert!(
        of(json!({"property": "products.price", "gte": 20}))
            && of(json!({"property": "products.price", "eq": 10}))
    );
    assert!(
        !of(json!({"property": "products.price", "gte": 30})),
        "the mascara's price isn't the lipstick's"
    );
    assert!(of(json!({"property": "coupon", "eq": "x"})) && !of(json!({"property": "coupon", "eq": "y"})));
    assert!(of(json!({"property": "gifts.price", "gte": 30})), "another array has an element of its own");
    assert!(
        of(json!({"property": "products.tags", "eq": "hot"}))
            && !of(json!({"property": "products.tags", "eq": "old"}))
    );
    // Several values of an element: each condition finds its own.
    assert!(fits(
        json!([{"property": "products.tags", "eq": "hot"}, {"property": "products.tags", "eq": "new"}]),
        &order
    ));
    assert!(fits(json!([{"property": "products.tags", "ne": "hot"}]), &order), "there is another one");
    assert!(!fits(json!([lipstick, {"property": "products.category", "eq": "mascara"}]), &order));
}

#[test]
fn absence_is_the_elements_where_one_is_chosen_and_else_the_events() {
    let order = json!({"coupon": "X", "products": [
        {"category": "lipstick", "gift": true}, {"category": "mascara"}, {"category": "powder", "gift": true},
    ]});
    let no_gift = json!({"property": "products.gift", "exists": false});
    let of = |category: &str| json!({"property": "products.category", "eq": category});
    assert!(fits(json!([of("mascara"), no_gift]), &order) && fits(json!([no_gift, of("mascara")]), &order));
    assert!(!fits(json!([of("lipstick"), no_gift]), &order));
    assert!(fits(json!([{"property": "products.category", "in": ["lipstick", "mascara"]}, no_gift]), &order));
    assert!(!fits(json!([no_gift]), &order), "the event has gifts");
    assert!(
        !fits(json!([no_gift, {"property": "coupon", "eq": "x"}]), &order),
        "a coupon chooses no product"
    );
    assert!(fits(json!([no_gift]), &json!({"products": [{"category": "x"}]})));
    assert!(fits(json!([no_gift]), &json!({})));
    assert!(!fits(
        json!([{"property": "coupon", "eq": "x"}, {"property": "coupon", "exists": false}]),
        &order
    ));
}

#[test]
fn numbers_are_taken_together_over_the_elements_that_fit() {
    let said = [
        (
            0,
            json!({"products": [{"c": "lip", "p": "10.10"}, {"c": "eye", "p": 100}, {"c": "lip", "p": "dear"}]}),
        ),
        (1, json!({"products": [{"c": "lip", "p": 20.2}, {"c": "LIP", "p": 3}], "p": 7})),
        (2, json!({"products": [{"c": "eye", "p": 1000}]})),
        (3, json!({})),
    ];
    let lip = json!([{"property": "products.c", "eq": "lip"}]);
    let asked = |conditions: &Value, key: &str, test: Value| {
        let mut measure = test;
        measure["of"] = json!("products.p");
        let mut rule = json!({"event": "E", key: measure});
        if *conditions != json!([]) {
            rule["where"] = conditions.clone();
        }
        holds(&rule, &said, day(4))
    };
    for (conditions, key, test, wanted) in [
        (&lip, "sum", json!({"eq": "33.3"}), true),
        (&json!([]), "sum", json!({"eq": "1133.30"}), true),
        (&lip, "avg", json!({"eq": "11.1"}), true),
        (&lip, "avg", json!({"gt": "11.099999"}), true),
        (&lip, "avg", json!({"gt": "11.1"}), false),
        (&lip, "min", json!({"eq": 3}), true),
        (&lip, "max", json!({"eq": 20.2}), true),
        (&json!([]), "max", json!({"gte": 1000}), true),
        (&lip, "max", json!({"between": [20.2, 21]}), true),
        (&json!([{"property": "products.c", "eq": "ink"}]), "sum", json!({"eq": 0}), true),
        (&json!([{"property": "products.c", "eq": "ink"}]), "sum", json!({"lt": 1}), true),
        (&json!([{"property": "products.c", "eq": "ink"}]), "avg", json!({"ne": 1}), false),
        (&json!([{"property": "products.c", "eq": "ink"}]), "avg", json!({"exists": false}), true),
        (&json!([{"property": "products.c", "eq": "ink"}]), "min", json!({"lt": 1}), false),
        (&json!([{"property": "products.c", "eq": "ink"}]), "max", json!({"exists": true}), false),
        (&json!([{"property": "products.p", "eq": "dear"}]), "max", json!({"exists": false}), true),
        (&lip, "min", json!({"exists": true}), true),
    ] {
        assert_eq!(asked(conditions, key, test.clone()), wanted, "{conditions} {key} {test}");
    }
    // A third isn't rounded: 10 over 3 events.
    let thirds: Vec<(i64, Value)> =
        [3, 3, 4].into_iter().enumerate().map(|(n, p)| (n as i64, json!({ "p": p }))).collect();
    let mean = |op: &str, n: &str| holds(&json!({"event": "E", "avg": {"of": "p", op: n}}), &thirds, day(4));
    assert!(mean("gt", "3.333333") && mean("lt", "3.333334"));
}

#[test]
fn sums_beyond_64_bits_are_exact() {
    let large = "9223372036854.775807";
    let said: Vec<(i64, Value)> =
        (0..4).map(|n| (n, json!({ "p": if n < 3 { large } else { "-9223372036854" } }))).collect();
    let sum = |test: Value, n| holds(&json!({"event": "E", "sum": test, "within": "2d"}), &said, day(n));
    assert!(sum(json!({"of": "p", "gt": large}), 2) && !sum(json!({"of": "p", "gt": large}), 0));
    assert!(sum(json!({"of": "p", "eq": "0.775807"}), 3));
    assert!(holds(&json!({"event": "E", "avg": {"of": "p", "eq": large}}), &said, day(2)));
}

#[test]
fn the_amount_is_in_the_base_currency() {
    let on = |rule: Value, now| {
        let rule = read(&rule);
        let events = [order("A", 80_00, day(0)), order("B", 19_99, day(1)), order("C", 1, day(2))];
        let events = events.map(|event| saying(&rule, &event, &json!({"total": 5, "currency": "USD"})));
        with(&events, Bearer::consumer(UTC), |context| *eval(&rule, context).at(now))
    };
    let sum = json!({"event": "Order Completed", "sum": {"of": "$amount", "gte": "100.00"}});
    assert_eq!([1, 2].map(|n| on(sum.clone(), day(n))), [false, true]);
    let dear = json!({"event": "Order Completed", "where": [{"property": "$amount", "gte": 80}], "count": {"eq": 1}});
    assert!(on(dear, day(5)));
    let max = json!({"event": "Order Completed", "max": {"of": "$amount", "eq": "80.00"}, "within": "3d"});
    assert_eq!([day(3) - MICRO, day(3)].map(|now| on(max.clone(), now)), [true, false]);
}

#[test]
fn the_first_and_the_last_that_has_a_value_says_it() {
    let said = [
        (0, json!({"other": 1})),
        (1, json!({"c": ["Red", "blue"], "n": "five"})),
        (2, json!({"c": ["green", "Grey"], "n": 6})),
        (3, json!({})),
    ];
    let on = |key: &str, test: Value, n| holds(&json!({"event": "E", key: test}), &said, day(n));
    assert!(
        on("first", json!({"of": "c", "eq": "red"}), 9) && !on("first", json!({"of": "c", "eq": "blue"}), 9)
    );
    assert!(
        on("last", json!({"of": "c", "eq": "GREY"}), 9) && on("last", json!({"of": "c", "eq": "blue"}), 1)
    );
    assert!(
        on("last", json!({"of": "n", "gte": 6}), 9) && !on("first", json!({"of": "n", "lt": 9}), 9),
        "no number"
    );
    assert!(
        on("first", json!({"of": "c", "exists": false}), 0) && !on("first", json!({"of": "c", "ne": "x"}), 0)
    );
    // Of one instant the greater message id is the last.
    let rule = read(&json!({"event": "E", "last": {"of": "c", "eq": "b"}}));
    let of = |id: &str, c: &str| Event {
        message_id: id.into(),
        ..self::said(&rule, "E", &json!({ "c": c }), day(0))
    };
    for events in [[of("m1", "a"), of("m2", "b")], [of("m2", "b"), of("m1", "a")]] {
        assert!(with(&events, Bearer::consumer(UTC), |context| *eval(&rule, context).at(day(0))));
    }
    let rule = read(&json!({"event": "E", "last": {"of": "c", "eq": "b"}}));
    let twice = [of("m", "a"), of("m", "b")];
    let again = [of("m", "b"), of("m", "a")];
    let seen =
        [twice, again].map(|events| with(&events, Bearer::consumer(UTC), |context| eval(&rule, context)));
    assert_eq!(seen[0], seen[1], "one id twice: arrival decides nothing");
}

#[test]
fn the_first_and_the_last_have_an_age() {
    let said = [(0, json!({"c": "a"})), (10, json!({"c": "b"})), (20, json!({"c": "a"}))];
    let on = |rule: Value, now| holds(&rule, &said, now);
    let first = json!({"event": "E", "first": {"older_than": "30d"}});
    assert_eq!([day(30) - MICRO, day(30)].map(|now| on(first.clone(), now)), [false, true]);
    let last = json!({"event": "E", "where": [{"property": "c", "eq": "b"}], "last": {"within": "5d"}});
    assert_eq!([9, 10, 14, 15].map(|n| on(last.clone(), day(n))), [false, true, true, false]);
    let late = json!({"event": "E", "last": {"gte": "2026-01-21T00:00:00Z"}});
    assert_eq!([19, 20].map(|n| on(late.clone(), day(n))), [false, true]);
    let none = json!({"event": "E", "first": {"exists": false}, "within": "5d"});
    assert_eq!([-1, 0, 4, 5, 10].map(|n| on(none.clone(), day(n))), [true, false, false, true, false]);
}

#[test]
fn windows_at_both_sides_of_every_edge() {
    let micro = MICRO;
    let at = |n: i64| day(n).to_rfc3339();
    let said = [(0, json!({})), (10, json!({}))];
    let looks =
        [day(0) - micro, day(0), day(7) - micro, day(7), day(10) - micro, day(10), day(17) - micro, day(17)];
    for (window, wanted) in [
        (json!({}), [0, 1, 1, 1, 1, 2, 2, 2]),
        (json!({"within": "7d"}), [0, 1, 1, 0, 0, 1, 1, 0]),
        (json!({"before": "7d"}), [0, 0, 0, 1, 1, 1, 1, 2]),
        (json!({"before": at(10)}), [0, 1, 1, 1, 1, 1, 1, 1]),
        (json!({"before": (day(10) + micro).to_rfc3339()}), [0, 1, 1, 1, 1, 2, 2, 2]),
        (json!({"between": [at(0), at(10)]}), [0, 1, 1, 1, 1, 2, 2, 2]),
        (json!({"between": [(day(0) + micro).to_rfc3339(), at(10)]}), [0, 0, 0, 0, 0, 1, 1, 1]),
        (json!({"between": [at(0), (day(10) - micro).to_rfc3339()]}), [0, 1, 1, 1, 1, 1, 1, 1]),
        (json!({"between": ["10d", "7d"]}), [0, 0, 0, 1, 1, 0, 0, 1]),
    ] {
        for (now, wanted) in looks.into_iter().zip(wanted) {
            let mut rule = json!({"event": "E", "count": {"eq": wanted}});
            rule.as_object_mut().expect("an object").extend(window.as_object().expect("an object").clone());
            assert!(holds(&rule, &said, now), "{rule} at {now}");
        }
    }
    // By duration, also over the night on which clocks change.
    let night = crate::customer::fixture::at("2026-03-29T00:30:00+01:00");
    let rule = read(&json!({"event": "E", "within": "1d"}));
    let line = with(
        &[self::said(&rule, "E", &json!({}), night)],
        Bearer::consumer(chrono_tz::Europe::Berlin),
        |context| eval(&rule, context),
    );
    let end = night + Span::hours(24);
    assert_eq!([end - micro, end].map(|now| *line.at(now)), [true, false]);
}

#[test]
fn who_is_younger_than_the_windows_old_end_counts_unless_excluded() {
    let rule = |more: Value| {
        let mut rule = json!({"event": "E", "count": {"eq": 0}, "where": [{"property": "c", "eq": "a"}], "for_new": "exclude"});
        rule.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        rule
    };
    for (window, days) in [(json!({"within": "30d"}), 30), (json!({"between": ["90d", "30d"]}), 90)] {
        let rule = read(&rule(window));
        let events = [said(&rule, "E", &json!({"c": "b"}), day(0))];
        let on = |bearer, now| with(&events, bearer, |context| *eval(&rule, context).at(now));
        let bearer = Bearer::consumer(UTC);
        assert_eq!([day(days) - MICRO, day(days)].map(|now| on(bearer, now)), [false, true]);
        let registered = Bearer { registered_at: Some(day(-10)), ..bearer };
        assert_eq!([day(days - 10) - MICRO, day(days - 10)].map(|now| on(registered, now)), [false, true]);
    }
}

#[test]
fn what_cant_be_asked_is_refused_with_place_and_remedy() {
    let rule = json!({"all": [
        {"event": "E", "where": [{"property": "a", "eq": "b"}, {"property": "a..b", "eq": "c"}]},
        {"event": "E", "where": [{"property": "a", "eg": "b"}]},
        {"event": "E", "where": [{"property": "a", "gte": "b"}]},
        {"event": "E", "where": [{"property": "a", "in": ["b", 1]}]},
        {"event": "E", "where": [{"property": "a", "eq": "b\u{7}"}]},
        {"event": "E", "where": "a"},
        {"event": "E", "where": [{"property": "$amonut", "gte": 1}]},
        {"event": "E", "count": {"gte": 1}, "sum": {"of": "a", "gte": 1}},
        {"event": "E", "sum": {"gte": 1}},
        {"event": "E", "sum": 7},
        {"event": "E", "first": {"of": "a", "older_than": "30d"}},
        {"event": "E", "within": "30d", "before": "60d"},
        {"event": "E", "before": "2026-01-01"},
        {"event": "E", "between": ["30d", "90d"]},
        {"event": "E", "between": ["2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z"]},
        {"event": "E", "before": "30d", "for_new": "exclude"},
        {"event": "E", "wehre": []},
        {"event": "E", "where": vec![json!({"property": "a", "eq": "b"}); 21]},
        {"event": "E", "where": [{"property": "a", "eq": "x".repeat(257)}]},
    ]});
    assert_eq!(
        refused(rule),
        [
            "all[0].where[1].property: \"a..b\" is no path; write names split by points, such as products.category",
            "all[1].where[0].eg: property has no field eg; did you mean eq?",
            "all[2].where[0].gte: \"b\" is not a number such as 4.5",
            "all[3].where[0].in: mixes numbers with texts; write all of them in quotes, or none",
            "all[4].where[0].eq: has a control character in it; write plain text",
            "all[5].where: give a list of conditions such as [{property: products.category, eq: lipstick}]",
            "all[6].where[0].property: $amonut isn't known; did you mean $amount?",
            "all[7]: count and sum in one rule; write one rule each under all",
            "all[8].sum: say of what, for example of: products.price",
            "all[9].sum: 7 is no comparison; write for example {of: products.price, gte: \"100.00\"}",
            "all[10].first.older_than: first has no field older_than; first takes eq, ne, lt, lte, gt, gte, in, between, contains, starts_with, exists",
            "all[11]: within and before in one rule; write one rule each under all",
            "all[12].before: \"2026-01-01\" is neither a duration such as \"30d\" nor an instant with its offset such as \"2026-01-31T09:00:00+08:00\"",
            "all[13].between: write the longer time ago first, such as [\"90d\", \"30d\"]",
            "all[14].between: write the smaller value first",
            "all[15].for_new: says something of a window that begins so long ago; give within, or between with two durations, too",
            "all[16].wehre: event has no field wehre; did you mean where?",
            "all[17].where: has 21 conditions, at most 20 fit; put alternatives of one property into in",
            "all[18].where[0].eq: is longer than 256 bytes; shorten it",
        ]
    );
}

#[test]
fn only_what_rules_ask_for_is_wanted() {
    let document = json!({"key": "k", "levels": [{"rule": {"all": [
        {"event": "A"},
        {"event": "B", "where": [{"property": "x.y", "eq": "z"}], "sum": {"of": "$amount", "gte": 1}},
        {"not": {"event": "B", "last": {"of": "w", "exists": true}}},
        {"event": "C", "first": {"older_than": "1d"}},
    ]}}]});
    let mut found = crate::event::property::Wanted::default();
    wanted_in(&document, &mut found);
    let rule = read(&document["levels"][0]["rule"]);
    assert_eq!(found, wanted_by([&rule]));
    assert_eq!(found.names().collect::<Vec<_>>(), ["B"]);
    let paths: Vec<&str> = found.of("B").expect("wanted").iter().map(|path| path.as_str()).collect();
    assert_eq!(paths, ["$amount", "w", "x.y"]);
}

#[test]
fn evidence_names_what_was_measured_and_no_word_that_the_rule_doesnt() {
    let properties = json!({"c": "Secret", "n": 2.5, "products": [{"p": 1}, {"p": 2}]});
    for (rule, wanted) in [
        (json!({"event": "E", "where": [{"property": "n", "gt": 2}]}), json!({"E": 1})),
        (json!({"event": "E", "sum": {"of": "products.p", "gte": 1}}), json!({"E sum products.p": "3"})),
        (json!({"event": "E", "avg": {"of": "products.p", "gte": 1}}), json!({"E avg products.p": "1.5"})),
        (json!({"event": "E", "max": {"of": "none", "gte": 1}}), json!({"E max none": null})),
        (json!({"event": "E", "last": {"of": "c", "eq": "secret"}}), json!({"E last c": "secret"})),
        (json!({"event": "E", "last": {"of": "c", "ne": "x"}}), json!({"E last c": "other"})),
        (json!({"event": "E", "last": {"of": "n", "gt": 1}}), json!({"E last n": "2.5"})),
        (json!({"event": "E", "first": {"older_than": "1d"}}), json!({"E first": "2026-01-01T00:00:00Z"})),
    ] {
        let rule = read(&rule);
        let events = [said(&rule, "E", &properties, day(0))];
        let found = with(&events, Bearer::consumer(UTC), |context| leaf_value(&rule, context, day(2)));
        assert_eq!(Value::Object(found), wanted);
    }
}
