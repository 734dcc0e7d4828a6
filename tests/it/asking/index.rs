//! The index of what events say: filled once a rule asks, right while facts come, products are hidden and people forgotten.

use crate::support::TestDatabase;
use crate::support::book::{House, source_of_facts};
use crate::support::care::Care;
use crate::support::on_both_databases;
use domain::ids::CustomerId;
use domain::rule::{self, Rule};
use domain::time::Span;
use kinkeeper::service::ingest::{self, Batch};
use kinkeeper::service::{ServiceError, asking, correcting, doctor, erasing, indexing};
use serde_json::{Value, json};

async fn open(database: TestDatabase) -> Care {
    Care::in_onboarding(database, &["workers.indexer_batch=3"]).await
}

fn seen(n: usize, properties: Value) -> Value {
    json!({"type": "track", "messageId": format!("m{n}"), "userId": format!("u{n}"), "event": "Shelf Viewed",
        "timestamp": "2011-12-02T00:00:00Z", "properties": properties})
}

fn parsed(rule: &Value) -> Rule {
    rule::parse(rule).expect("a rule")
}

async fn count(house: &House, rule: &Value) -> Result<u64, ServiceError> {
    asking::count(&house.app.book, &parsed(rule)).await
}

async fn drain(house: &House) {
    house.app.engine().drain_all().await.expect("drained");
}

async fn rows(care: &Care) -> i64 {
    care.number("SELECT COUNT(*) FROM event_property").await
}

fn tag(rule: &Value) -> String {
    format!("kind: tag\nkey: shelf\nname: {{en: Shelf, zh-CN: 架}}\nrule: {rule}\n")
}

on_both_databases! {
    async fn what_a_published_rule_asks_for_is_filled_in_pages_and_answered(database) {
        let care = open(database).await;
        let (house, book) = (&care.house, &care.house.app.book);
        // Longer than either database's index takes.
        let odd = json!({"n": "x".repeat(30_000)});
        house.send((0..9).map(|n| seen(n, json!({"n": n, "shelf": "Tea"}))).chain([seen(9, odd)]).collect()).await;
        drain(house).await;
        assert_eq!(rows(&care).await, 0);
        let rule = json!({"event": "Shelf Viewed", "where": [{"property": "n", "gte": 5}]});
        care.apply(&tag(&rule)).await;
        let early = count(house, &rule).await.expect_err("it isn't filled").to_string();
        assert!(early.contains("Shelf Viewed says at n isn't indexed yet"), "{early}");
        let told = doctor::look(book).await.expect("looked");
        assert!(told.iter().any(|one| one.about == "index" && one.detail.contains("Shelf Viewed: n")), "{told:?}");
        // Two daemons, and facts that come meanwhile.
        let (beside, now) = (care.beside().await, book.now().await.expect("now"));
        let mut n = 10;
        while indexing::next_due(book, now).await.expect("asked").is_some() {
            let (a, b) = tokio::join!(indexing::do_page(book, now, 2), indexing::do_page(&beside.book, now, 2));
            a.expect("a page");
            b.expect("a page");
            house.send(vec![seen(n, json!({ "n": n }))]).await;
            n += 1;
        }
        assert!(n > 12, "in pages");
        drain(house).await;
        assert_eq!(rows(&care).await, n as i64);
        assert_eq!(count(house, &rule).await.expect("asked"), n as u64 - 6);
        let long = json!({"event": "Shelf Viewed", "where": [{"property": "n", "starts_with": "xxx"}]});
        assert_eq!(count(house, &long).await.expect("asked"), 1);
        // What was taken back with its import counts no longer.
        assert_eq!(care.exec("UPDATE event SET effective = -1 WHERE message_id = $1", ["m7"]).await, 1);
        assert_eq!(count(house, &rule).await.expect("asked"), n as u64 - 7);
    }

    async fn what_is_drafted_is_indexed_and_goes_once_nobody_asks(database) {
        let care = open(database).await;
        let house = &care.house;
        house.send((0..4).map(|n| seen(n, json!({"n": n, "t": "Tea"}))).collect()).await;
        drain(house).await;
        let rule = json!({"event": "Shelf Viewed", "where": [{"property": "t", "eq": "tea"}]});
        for _ in 0..2 {
            assert!(matches!(count(house, &rule).await, Err(ServiceError::Conflict(_))));
            drain(house).await;
            assert_eq!(count(house, &rule).await.expect("asked"), 4);
            let now = house.app.book.now().await.expect("now");
            care.set_now(now + Span::hours(23)).await;
            drain(house).await;
            assert_eq!(rows(&care).await, 4, "somebody may be at work on it");
            care.set_now(now + Span::days(3)).await;
            drain(house).await;
            assert_eq!((rows(&care).await, care.number("SELECT COUNT(*) FROM property WHERE path = 't'").await), (0, 0));
        }
        // Of what only drafts ask for so many stay, the latest.
        for n in 0..60 {
            let rule = json!({"event": "Shelf Viewed", "where": [{"property": format!("p{n}"), "exists": true}]});
            assert!(count(house, &rule).await.is_err());
        }
        assert_eq!(care.number("SELECT COUNT(*) FROM property WHERE state <> 'going' AND path LIKE 'p%'").await, 50);
        assert_eq!(care.number("SELECT COUNT(*) FROM property WHERE state = 'going' AND path = 'p3'").await, 1);
    }

    async fn hidden_products_are_in_no_answer_from_when_they_are_declared(database) {
        let care = open(database).await;
        let house = &care.house;
        let lines = |sku: &str| json!({"products": [{"sku": sku, "c": "Tea", "p": 3}, {"sku": "other", "c": "Pot", "p": 4}]});
        house.send(vec![seen(1, lines("a")), seen(2, lines("b")), seen(3, json!({"sku": "a", "products": [{"c": "Tea"}]}))]).await;
        let rule = json!({"event": "Shelf Viewed", "where": [{"property": "products.c", "eq": "tea"}]});
        let sum = json!({"event": "Shelf Viewed", "sum": {"of": "products.p", "gte": 7}});
        care.apply(&tag(&json!({"any": [rule, sum]}))).await;
        drain(house).await;
        let mut seen = Vec::new();
        for (sku, sensitive) in [("a", false), ("a", true), ("b", true), ("a", false)] {
            care.apply(&format!("kind: products\nproducts:\n  - {{sku: {sku}, sensitive: {sensitive}}}\n")).await;
            seen.push((count(house, &rule).await.expect("asked"), count(house, &sum).await.expect("asked")));
        }
        assert_eq!(seen, [(3, 2), (1, 1), (0, 0), (2, 1)]);
    }

    async fn what_is_forgotten_or_taken_back_is_in_the_index_no_longer(database) {
        let care = open(database).await;
        let (house, book) = (&care.house, &care.house.app.book);
        let identify = json!({"type": "identify", "messageId": "i", "userId": "rosa", "timestamp": "2011-12-02T00:00:00Z",
            "traits": {"name": "Rosa Winter", "timezone": "Europe/Paris"}});
        let wrote = json!({"type": "track", "messageId": "w", "userId": "rosa", "event": "Shelf Viewed",
            "timestamp": "2011-12-02T00:00:00Z", "properties": {"by": "Rosa Winter", "n": 1}});
        let rules = json!({"any": [
            {"event": "Shelf Viewed", "where": [{"property": "by", "eq": "rosa winter"}]},
            {"event": "Identify", "where": [{"property": "timezone", "exists": true}]},
        ]});
        care.apply(&tag(&rules)).await;
        house.send(vec![identify, wrote]).await;
        drain(house).await;
        assert_eq!(count(house, &rules["any"][0]).await.expect("asked"), 1);
        assert_eq!(count(house, &rules["any"][1]).await.expect("asked"), 1);
        let id = care.number("SELECT customer_id FROM identifier WHERE value = 'rosa'").await;
        let wanted = correcting::Wanted { unset: ["timezone".to_owned()].into(), ..Default::default() };
        let wanted = correcting::Wanted { reason: "asked for".to_owned(), ..wanted };
        correcting::correct(book, CustomerId(id), wanted, "cli:tester").await.expect("corrected");
        assert_eq!(count(house, &rules["any"][1]).await.expect("asked"), 0);
        erasing::erase(book, CustomerId(id), "asked", "cli:tester").await.expect("erased");
        let left = care.number("SELECT COUNT(*) FROM event_property WHERE text LIKE '%rosa%'").await;
        assert_eq!(left, 0);
    }

    async fn two_sources_may_use_one_message_id(database) {
        let care = open(database).await;
        let house = &care.house;
        let one = |n: i64| json!({"type": "track", "messageId": "same", "userId": "u", "event": "Shelf Viewed",
            "timestamp": "2011-12-02T00:00:00Z", "properties": {"n": n}});
        house.send(vec![one(1)]).await;
        let source = source_of_facts(&house.app).await;
        let batch = Batch { source, received_at: None, historical: false, events: vec![one(2)] };
        assert_eq!(ingest::accept(&house.app.book.store, batch).await.expect("in").accepted, 1);
        let sum = json!({"event": "Shelf Viewed", "sum": {"of": "n", "eq": 3}});
        let last = json!({"event": "Shelf Viewed", "last": {"of": "n", "eq": 2}});
        let twice = json!({"event": "Shelf Viewed", "count": {"eq": 2}});
        care.apply(&tag(&json!({"all": [sum, last, twice]}))).await;
        drain(house).await;
        assert_eq!(care.number("SELECT COUNT(*) FROM tag_current WHERE key = 'shelf'").await, 1, "as looking says");
        for rule in [sum, last, twice] {
            assert_eq!(count(house, &rule).await.expect("asked"), 1, "{rule}");
        }
    }

    async fn sums_of_the_greatest_numbers_are_exact(database) {
        let care = open(database).await;
        let house = &care.house;
        let (large, small) = ("9223372036854.775807", "-9223372036854.775807");
        let said = |n: usize, number: &str| {
            let mut event = seen(n, json!({ "n": number }));
            event["userId"] = json!("u");
            event
        };
        house.send(vec![said(1, large), said(2, large), said(3, large), said(4, small), said(5, "-0.000001")]).await;
        let about = |key: &str, op: &str, n: &str| json!({"event": "Shelf Viewed", key: {"of": "n", op: n}});
        care.apply(&tag(&about("sum", "gt", "0"))).await;
        drain(house).await;
        for (key, op, n, wanted) in [
            ("sum", "gt", large, 1), ("sum", "lte", large, 0), ("sum", "gt", small, 1), ("sum", "lt", large, 0),
            ("avg", "lt", large, 1), ("avg", "gt", small, 1), ("avg", "gte", "3689348814741.910322", 1),
            ("avg", "gt", "3689348814741.910323", 0), ("min", "eq", small, 1), ("max", "eq", large, 1),
        ] {
            assert_eq!(count(house, &about(key, op, n)).await.expect("asked"), wanted, "{key} {op} {n}");
        }
    }
}
