//! Rules by hand: operator by operator who is found in a book of a few people, whom each rule is asked of in memory and of the whole
//! book. Absent data, borders, money, folded words, who is younger than a window, local dates in a night when clocks change, 29 February,
//! the eve of the lunar new year.

use crate::support::book::House;
use crate::support::care::{Care, at};
use crate::support::on_both_databases;
use domain::customer::CustomerFacts;
use domain::ids::CustomerId;
use domain::rule::{self, event::wanted_by};
use domain::tag::Evaluation;
use domain::time::{Instant, Span};
use kinkeeper::service::{asking, rules, shop};
use kinkeeper::store::{customers, facts};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// 10:00 in Shanghai, where the shop is. No 29 February comes this year.
const NOW: &str = "2027-02-28T02:00:00Z";
/// Half past one for the first time: in London clocks go back an hour at 01:00 UTC.
const NIGHT: &str = "2027-10-31T00:30:00Z";
/// 01:00 on 29 February in Shanghai.
const LEAP: &str = "2028-02-28T17:00:00Z";

fn before(now: &str, span: Span) -> String {
    (at(now) - span).to_rfc3339()
}

fn identify(user: &str, traits: Value) -> Value {
    json!({"type": "identify", "userId": user, "messageId": format!("{user} is"), "timestamp": "2026-01-01T00:00:00Z", "traits": traits})
}

fn order(user: &str, when: &str, total: &str, category: Option<&str>) -> Value {
    let products = category
        .map_or_else(|| json!([]), |category| json!([{"name": "P", "category": category, "quantity": 1}]));
    json!({"type": "track", "event": "Order Completed", "userId": user, "messageId": format!("{user} {when}"), "timestamp": when,
           "properties": {"order_id": format!("{user} {when}"), "total": total, "products": products}})
}

fn people() -> Vec<Value> {
    let (edge, nearly) = (Span::days(90), Span::seconds(90 * 86_400 - 1));
    let some = before(NOW, Span::days(20));
    let mut events = vec![
        identify("nothing", json!({"name": "N"})),
        identify("leap", json!({"birthday": "2000-02-29"})),
        identify("eve", json!({"birthday": "lunar:1990-12-30"})),
        identify("unsaid", json!({"birthday": "1970-01-01"})),
        // Heard of a year ago, as everybody who was only named then.
        order("fen", &before(NOW, edge), "10000.00", None),
        order("less", &before(NOW, nearly), "9999.99", None),
        identify("young", json!({"created_at": before(NOW, Span::days(10))})),
        order("young", &before(NOW, Span::days(5)), "1", None),
        identify("london", json!({"timezone": "Europe/London"})),
        identify("camden", json!({"timezone": "Europe/London"})),
    ];
    let words = [
        ("sharp", "Straße"),
        ("double", "STRASSE"),
        ("dotted", "İstanbul"),
        ("plain", "istanbul"),
        ("umlaut", "\u{c4}nderung"),
        ("apart", "A\u{308}NDERUNG"),
        ("wide", "ＬＩＰＳＴＩＣＫ"),
        ("lip", "lipstick"),
        ("red", "口红"),
    ];
    events.extend(words.map(|(user, category)| order(user, &some, "0", Some(category))));
    events
}

/// In the two nights before [`NIGHT`], at 23:59:59 and 00:00:00 on a clock that is an hour ahead of UTC.
fn evening() -> Vec<Value> {
    vec![
        order("london", "2027-10-29T22:59:59Z", "1", None),
        order("camden", "2027-10-29T23:00:00Z", "1", None),
    ]
}

const WORDS: [&str; 9] = ["sharp", "double", "dotted", "plain", "umlaut", "apart", "wide", "lip", "red"];

fn and<'a>(some: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [some, more].concat()
}

/// Rules at [`NOW`] with those they hold of, by user id.
fn first() -> Vec<(Value, Vec<&'static str>)> {
    let spend = |op: &str, operand: Value| json!({"profile": "spend_365", op: operand});
    let category = |op: &str, operand: Value| json!({"profile": "top_category", op: operand});
    let unordered = ["nothing", "leap", "eve", "unsaid", "london", "camden"];
    let free = and(&unordered, &WORDS);
    vec![
        // Money to the cent, both ends of a range in it, and an amount that is no whole number of cents.
        (spend("eq", json!("10000")), vec!["fen"]),
        (spend("ne", json!("10000.00")), and(&free, &["less", "young"])),
        (spend("gt", json!("9999.99")), vec!["fen"]),
        (spend("gte", json!("9999.99")), vec!["fen", "less"]),
        (spend("gt", json!("9999.985")), vec!["fen", "less"]),
        (spend("eq", json!("9999.985")), vec![]),
        (spend("lt", json!("9999.995")), and(&free, &["young", "less"])),
        (spend("lte", json!("9999.995")), and(&free, &["young", "less"])),
        (spend("gt", json!("9999.995")), vec!["fen"]),
        (spend("gte", json!("9999.995")), vec!["fen"]),
        (spend("between", json!(["9999.985", "9999.995"])), vec!["less"]),
        (spend("ne", json!("9999.995")), and(&free, &["young", "less", "fen"])),
        (spend("lt", json!("9999.99")), and(&free, &["young"])),
        (spend("lte", json!("9999.99")), and(&free, &["young", "less"])),
        (spend("between", json!(["9999.99", "10000"])), vec!["fen", "less"]),
        (spend("in", json!(["1", "10000.00", "9999.995"])), vec!["fen", "young"]),
        (spend("exists", json!(false)), vec![]),
        // A mean of nothing is absent: no operator holds, `ne` included, and `not` of one does.
        (json!({"profile": "avg_order_365", "exists": false}), unordered.to_vec()),
        (json!({"profile": "avg_order_365", "ne": "5"}), and(&WORDS, &["fen", "less", "young"])),
        (json!({"not": {"profile": "avg_order_365", "eq": "5"}}), and(&free, &["fen", "less", "young"])),
        (json!({"profile": "median_gap_days", "lt": 1_000_000}), vec![]),
        (json!({"profile": "refund_rate_365", "eq": "0%"}), vec!["fen", "less", "young"]),
        // Exactly 90 days ago is no longer within 90 days.
        (json!({"profile": "last_order_at", "within": "90d"}), and(&WORDS, &["less", "young"])),
        (json!({"profile": "last_order_at", "older_than": "90d"}), vec!["fen"]),
        (json!({"event": "Order Completed", "within": "90d"}), and(&WORDS, &["less", "young"])),
        (json!({"event": "Order Completed", "before": "90d"}), vec!["fen"]),
        (json!({"event": "Order Completed", "before": before(NOW, Span::days(90))}), vec![]),
        (
            json!({"event": "Order Completed", "between": [before(NOW, Span::days(90)), before(NOW, Span::days(20))]}),
            and(&WORDS, &["fen", "less"]),
        ),
        (json!({"event": "Order Completed", "between": ["90d", "20d"]}), and(&WORDS, &["less"])),
        (json!({"event": "Order Completed", "count": {"eq": 0}}), unordered.to_vec()),
        (json!({"event": "Order Completed", "last": {"older_than": "90d"}}), vec!["fen"]),
        (json!({"event": "Order Completed", "first": {"exists": false}}), unordered.to_vec()),
        // Who is known for less than the window counts, unless it is said that they don't.
        (json!({"event": "Order Completed", "within": "30d"}), and(&WORDS, &["young"])),
        (json!({"event": "Order Completed", "within": "30d", "for_new": "exclude"}), vec![]),
        (
            json!({"event": "Order Completed", "within": "20d", "count": {"lte": 0}, "for_new": "exclude"}),
            and(&unordered, &["fen", "less"]).into_iter().chain(WORDS).collect(),
        ),
        (json!({"event": "Order Completed", "within": "10d", "for_new": "exclude"}), vec!["young"]),
        // Words are folded: NFKC, and case without a language.
        (category("eq", json!("strasse")), vec!["sharp", "double"]),
        (category("eq", json!("STRAẞE")), vec!["sharp", "double"]),
        (category("eq", json!("istanbul")), vec!["plain"]),
        (category("eq", json!("i\u{307}stanbul")), vec!["dotted"]),
        (category("eq", json!("änderung")), vec!["umlaut", "apart"]),
        (category("in", json!(["Lipstick", "口红"])), vec!["wide", "lip", "red"]),
        (category("starts_with", json!("Ｌｉｐ")), vec!["wide", "lip"]),
        (category("contains", json!("STICK")), vec!["wide", "lip"]),
        (category("contains", json!("ss")), vec!["sharp", "double"]),
        (category("contains", json!("%")), vec![]),
        (
            category("ne", json!("lipstick")),
            vec!["sharp", "double", "dotted", "plain", "umlaut", "apart", "red"],
        ),
        (category("exists", json!(false)), and(&unordered, &["fen", "less", "young"])),
        // 29 February is 28 February this year; the eve of the lunar new year was on the 5th; who says 1 January 1970 says nothing.
        (json!({"anniversary": "birthday", "within": "0d"}), vec!["leap"]),
        (json!({"anniversary": "birthday", "within": "182d"}), vec!["leap"]),
        (json!({"profile": "birthday", "exists": true}), vec!["leap", "eve", "unsaid"]),
        // Local dates of the shop: 90 of them since 10:00 on 30 November, whatever the hour.
        (json!({"days_since": "last_order_at", "eq": 90}), vec!["fen", "less"]),
        (json!({"days_since": "last_order_at", "gt": 90}), vec![]),
        (json!({"profile": "registered_at", "within": "10d"}), vec![]),
        (json!({"profile": "registered_at", "older_than": "10d"}), vec!["young"]),
        (json!({"tag": "no_such_tag", "exists": false}), and(&free, &["fen", "less", "young"])),
        (json!({"share": "100%", "salt": "x"}), and(&free, &["fen", "less", "young"])),
    ]
}

/// Rules while London's clocks go back, and on the day that comes every four years.
fn later() -> Vec<(&'static str, Value, Vec<&'static str>)> {
    let ordered = and(&WORDS, &["fen", "less", "young"]);
    vec![
        (NIGHT, json!({"days_since": "last_order_at", "eq": 1}), vec!["camden"]),
        (NIGHT, json!({"days_since": "last_order_at", "eq": 2}), vec!["london"]),
        (NIGHT, json!({"days_since": "last_order_at", "lte": 2}), vec!["london", "camden"]),
        (NIGHT, json!({"days_since": "last_order_at", "gte": 3}), ordered),
        (LEAP, json!({"anniversary": "birthday", "within": "0d"}), vec!["leap"]),
        (LEAP, json!({"anniversary": "birthday", "within": "180d"}), vec!["leap"]),
        ("2028-02-28T02:00:00Z", json!({"anniversary": "birthday", "within": "0d"}), vec![]),
        ("2028-01-25T02:00:00Z", json!({"anniversary": "birthday", "within": "0d"}), vec!["eve"]),
        (
            "2027-11-30T02:00:00Z",
            json!({"anniversary": "first_order_at", "within": "0d"}),
            vec!["fen", "less"],
        ),
        ("2028-02-08T17:00:00Z", json!({"anniversary": "first_order_at", "within": "0d"}), vec![]),
    ]
}

/// Whom the rule holds of, looking at each and asking for all.
pub(super) async fn found(
    house: &House,
    users: &BTreeMap<CustomerId, String>,
    tree: &Value,
    now: Instant,
) -> [BTreeSet<String>; 2] {
    let book = &house.app.book;
    let rule = rule::parse(tree).unwrap_or_else(|problems| panic!("{tree}: {problems:?}"));
    let (db, ids): (_, Vec<CustomerId>) = (book.store.reader(), users.keys().copied().collect());
    let bearers =
        customers::bearers(db, &ids, shop::shop(book).await.expect("shop").zone).await.expect("read");
    let events = facts::events_of(db, &ids, now, &wanted_by([&rule])).await.expect("read");
    let catalogue = rules::catalogue(book).await.expect("rules");
    let holds = |id: &&CustomerId| {
        let facts = CustomerFacts::fold(events.get(id).map_or(&[][..], Vec::as_slice));
        *Evaluation::of(&catalogue, &facts, bearers[*id], now).eval(&rule).at(now)
    };
    let name = |id: &CustomerId| users[id].clone();
    let seen = users.keys().filter(holds).map(name).collect();
    let asked = asking::members(book, &rule, CustomerId(0), 1_000)
        .await
        .unwrap_or_else(|error| panic!("{tree}: {error}"));
    [seen, asked.iter().map(name).collect()]
}

async fn open(database: crate::support::TestDatabase) -> (Care, BTreeMap<CustomerId, String>) {
    let care = Care::in_onboarding(database, &[&format!("clock={NOW}"), "shop.timezone=Asia/Shanghai"]).await;
    let house = &care.house;
    house.send(people()).await;
    house.app.engine().drain_all().await.expect("kept");
    let lines = house.lines("SELECT customer_id, value FROM identifier WHERE kind = 'user_id'").await;
    let user = |line: &String| {
        let (id, user) = line.split_once('|').expect("two columns");
        (CustomerId(id.parse().expect("a number")), user.to_owned())
    };
    let users = lines.iter().map(user).collect();
    (care, users)
}

pub(super) fn check(tree: &Value, wanted: &[&str], found: [BTreeSet<String>; 2], wrong: &mut Vec<String>) {
    let wanted: BTreeSet<String> = wanted.iter().map(|user| (*user).to_owned()).collect();
    for (how, found) in ["looking", "asking"].into_iter().zip(found) {
        if found != wanted {
            wrong.push(format!("{tree}: {how} finds {found:?} instead of {wanted:?}"));
        }
    }
}

on_both_databases! {
    async fn each_operator_finds_who_is_found_by_hand(database) {
        let (care, users) = open(database).await;
        let house = &care.house;
        assert_eq!(users.len(), 18);
        let mut wrong = Vec::new();
        for (tree, wanted) in first() {
            check(&tree, &wanted, found(house, &users, &tree, at(NOW)).await, &mut wrong);
        }
        let mut later = later();
        later.sort_by_key(|(now, ..)| at(now));
        care.set_now(at(NIGHT)).await;
        house.send(evening()).await;
        for (now, tree, wanted) in later {
            care.set_now(at(now)).await;
            house.app.engine().drain_all().await.expect("kept");
            check(&tree, &wanted, found(house, &users, &tree, at(now)).await, &mut wrong);
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
