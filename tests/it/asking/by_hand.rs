//! What events say, by hand: operator by operator who is found in a book of a few people, looking at each and asking for all. Elements of
//! arrays, what is absent, borders of windows and of numbers, sums and means and what stands first or last.

use super::cases::{check, found};
use crate::support::care::{Care, at};
use crate::support::on_both_databases;
use domain::ids::CustomerId;
use domain::time::Span;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const NOW: &str = "2027-02-28T02:00:00Z";

fn basket(user: &str, back: Span, properties: Value) -> Value {
    let when = (at(NOW) - back).to_rfc3339();
    json!({"type": "track", "event": "Basket Seen", "userId": user, "messageId": format!("{user} {when}"), "timestamp": when, "properties": properties})
}

fn people() -> Vec<Value> {
    let (day, edge) = (Span::days(1), Span::days(30));
    let line = |c: &str, p: Value| json!({"c": c, "p": p});
    vec![
        // Red for 5 and blue for 50: not red for 50.
        basket("apart", day, json!({"a": [line("Red", json!(5)), line("Blue", json!(50))]})),
        basket("same", day, json!({"a": [line("Blue", json!(5)), line("red", json!("50.00"))]})),
        // Without a price, beside one that has one.
        basket("free", day, json!({"a": [{"c": "Red"}, line("Blue", json!(7))]})),
        basket("none", day, json!({"a": [], "x": "red", "n": 3})),
        // No array at all.
        basket("plain", day, json!({"a": line("ＲＥＤ", json!(50))})),
        // Arrays in elements: each sale of its shelf.
        basket("deep", day, json!({"a": [{"c": "Red", "d": [{"t": "old", "q": 1}, {"t": "new", "q": 2}]}]})),
        // A window's borders, and first and last.
        basket("edge", edge, json!({"n": 1, "x": "First"})),
        basket("edge", Span::micros(edge.as_micros() - 1), json!({"n": 2, "x": "second"})),
        basket("edge", Span::ZERO, json!({"n": 4, "x": "LAST"})),
        // 0.1 ten times is 1, and a third isn't 0.333333.
        basket("tenths", day, json!({"a": (0..10).map(|_| line("t", json!("0.1"))).collect::<Vec<_>>()})),
        basket("thirds", day, json!({"a": [line("t", json!(0)), line("t", json!(0)), line("t", json!(1))]})),
        basket("words", day, json!({"a": [line("Straße", json!("many"))], "x": "'; DROP TABLE event; --"})),
        basket("true", day, json!({"x": true, "n": "1e3"})),
    ]
}

const ALL: [&str; 11] =
    ["apart", "same", "free", "none", "plain", "deep", "edge", "tenths", "thirds", "words", "true"];

fn but(some: &[&str]) -> Vec<&'static str> {
    ALL.into_iter().filter(|user| !some.contains(user)).collect()
}

fn saying(conditions: Value) -> Value {
    json!({"event": "Basket Seen", "where": conditions})
}

fn coming_to(key: &str, of: &str, op: &str, operand: Value) -> Value {
    json!({"event": "Basket Seen", key: {"of": of, op: operand}})
}

fn one(property: &str, op: &str, operand: Value) -> Value {
    json!({"property": property, op: operand})
}

/// Conditions on what one event says.
fn conditions() -> Vec<(Value, Vec<&'static str>)> {
    let red = one("a.c", "eq", json!("RED"));
    let reds = vec!["apart", "same", "free", "plain", "deep"];
    let priced = |op: &str, n: Value| saying(json!([one("a.c", "eq", json!("red")), one("a.p", op, n)]));
    vec![
        (saying(json!([red])), reds),
        // Of one and the same element.
        (priced("gte", json!(50)), vec!["same", "plain"]),
        (priced("lt", json!(50)), vec!["apart"]),
        (priced("exists", json!(true)), vec!["apart", "same", "plain"]),
        (priced("exists", json!(false)), vec!["free", "deep"]),
        (
            saying(json!([one("a.c", "eq", json!("red")), one("x", "exists", json!(false))])),
            vec!["apart", "same", "free", "plain", "deep"],
        ),
        (saying(json!([one("a.c", "eq", json!("red")), one("a.d.t", "eq", json!("new"))])), vec!["deep"]),
        (saying(json!([one("a.d.t", "eq", json!("new")), one("a.d.q", "eq", json!(2))])), vec!["deep"]),
        // Elements are those of the first array on the way: what lies in one of its elements is one.
        (saying(json!([one("a.d.t", "eq", json!("old")), one("a.d.q", "eq", json!(2))])), vec!["deep"]),
        // Nowhere in the event.
        (saying(json!([one("a.p", "exists", json!(false))])), vec!["none", "deep", "edge", "true"]),
        (
            saying(json!([one("a.c", "exists", json!(false)), one("n", "exists", json!(true))])),
            vec!["none", "edge", "true"],
        ),
        // Any value of it: `ne` isn't `not eq`.
        (
            saying(json!([one("a.c", "ne", json!("red"))])),
            vec!["apart", "same", "free", "tenths", "thirds", "words"],
        ),
        (
            json!({"not": saying(json!([one("a.c", "eq", json!("red"))]))}),
            but(&["apart", "same", "free", "plain", "deep"]),
        ),
        // Numbers, also as texts; a text that is none has none.
        (saying(json!([one("a.p", "eq", json!(50))])), vec!["apart", "same", "plain"]),
        (saying(json!([one("a.p", "gt", json!("49.999999"))])), vec!["apart", "same", "plain"]),
        (saying(json!([one("a.p", "gt", json!(50))])), vec![]),
        (saying(json!([one("a.p", "between", json!([7, 50]))])), vec!["apart", "same", "free", "plain"]),
        (saying(json!([one("a.p", "between", json!([8, 49]))])), vec![]),
        (saying(json!([one("a.p", "lt", json!("0.1"))])), vec!["thirds"]),
        (saying(json!([one("a.p", "lte", json!("0.1"))])), vec!["tenths", "thirds"]),
        (saying(json!([one("a.p", "eq", json!("many"))])), vec!["words"]),
        // Words are folded on both sides, and nothing in them is a pattern or a command.
        (saying(json!([one("a.c", "in", json!(["STRASSE", "ｔ"]))])), vec!["tenths", "thirds", "words"]),
        (saying(json!([one("a.c", "starts_with", json!("strass"))])), vec!["words"]),
        (saying(json!([one("a.c", "contains", json!("%"))])), vec![]),
        (saying(json!([one("x", "eq", json!("'; drop table event; --"))])), vec!["words"]),
        (saying(json!([one("x", "eq", json!("true"))])), vec!["true"]),
    ]
}

/// What events come to together.
fn measures() -> Vec<(Value, Vec<&'static str>)> {
    let priced = ["apart", "same", "free", "plain", "tenths", "thirds"];
    let counted = |n: i64, window: Value| {
        let mut rule = json!({"event": "Basket Seen", "count": {"eq": n}});
        rule.as_object_mut().expect("an object").extend(window.as_object().expect("an object").clone());
        rule
    };
    let mut of_red = coming_to("sum", "a.p", "gte", json!(50));
    of_red["where"] = json!([one("a.c", "eq", json!("red"))]);
    vec![
        // The sum of none is 0; no other number of none is there.
        (coming_to("sum", "a.p", "eq", json!(0)), but(&priced)),
        (coming_to("sum", "a.p", "eq", json!(1)), vec!["tenths", "thirds"]),
        (coming_to("sum", "a.p", "gte", json!(55)), vec!["apart", "same"]),
        (coming_to("sum", "a.p", "lt", json!("55")), but(&["apart", "same"])),
        // Of the elements that fit.
        (of_red, vec!["same", "plain"]),
        (coming_to("avg", "a.p", "eq", json!("0.1")), vec!["tenths"]),
        (coming_to("avg", "a.p", "gt", json!("0.333333")), vec!["apart", "same", "free", "plain", "thirds"]),
        (coming_to("avg", "a.p", "lt", json!("0.333334")), vec!["tenths", "thirds"]),
        (coming_to("avg", "a.p", "eq", json!("0.333333")), vec![]),
        (coming_to("avg", "a.p", "ne", json!("0.333333")), priced.to_vec()),
        (coming_to("avg", "a.p", "exists", json!(false)), but(&priced)),
        (coming_to("min", "a.p", "eq", json!(0)), vec!["thirds"]),
        (coming_to("max", "a.p", "lte", json!(7)), vec!["free", "tenths", "thirds"]),
        (coming_to("max", "a.p", "exists", json!(true)), priced.to_vec()),
        (coming_to("first", "x", "eq", json!("FIRST")), vec!["edge"]),
        (coming_to("last", "x", "eq", json!("last")), vec!["edge"]),
        (coming_to("last", "x", "eq", json!("first")), vec![]),
        (coming_to("last", "n", "gte", json!(4)), vec!["edge"]),
        (coming_to("last", "n", "exists", json!(false)), but(&["none", "edge", "true"])),
        // 30 days ago is no longer within 30 days, and before them it is.
        (counted(2, json!({"within": "30d"})), vec!["edge"]),
        (counted(1, json!({"before": "30d"})), vec!["edge"]),
        (counted(3, json!({})), vec!["edge"]),
        (counted(1, json!({"between": ["30d", "1d"]})), ALL.to_vec()),
        (counted(1, json!({"within": "30d", "where": [one("n", "lte", json!(2))]})), vec!["edge"]),
    ]
}

on_both_databases! {
    async fn what_events_say_is_found_as_by_hand(database) {
        let care = Care::in_onboarding(database, &[&format!("clock={NOW}"), "shop.timezone=Asia/Shanghai"]).await;
        let house = &care.house;
        house.send(people()).await;
        let cases = [conditions(), measures()].concat();
        let rules: Vec<&Value> = cases.iter().map(|(rule, _)| rule).collect();
        for (n, rules) in rules.chunks(20).enumerate() {
            let (key, name) = (format!("asked_{n}"), json!({"en": "Asked", "zh-CN": "问"}));
            let document = json!({"kind": "segment", "key": key, "name": name, "keep": "on_demand", "rule": {"any": rules}});
            care.apply(&document.to_string()).await;
        }
        house.app.engine().drain_all().await.expect("kept");
        let lines = house.lines("SELECT customer_id, value FROM identifier WHERE kind = 'user_id'").await;
        let user = |line: &String| {
            let (id, user) = line.split_once('|').expect("two columns");
            (CustomerId(id.parse().expect("a number")), user.to_owned())
        };
        let users: BTreeMap<CustomerId, String> = lines.iter().map(user).collect();
        assert_eq!(users.len(), ALL.len());
        let mut wrong = Vec::new();
        for (rule, wanted) in cases {
            check(&rule, &wanted, found(house, &users, &rule, at(NOW)).await, &mut wrong);
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
