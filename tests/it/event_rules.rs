//! Tags by what events say, kept by the keeper: through late facts, passing time, publishing and what is sensitive, and judged the same
//! by everybody who looks.

use crate::support::TestDatabase;
use crate::support::care::Care;
use crate::support::on_both_databases;
use domain::ids::CustomerId;
use domain::rule::Lang;
use domain::time::{Instant, Span};
use kinkeeper::service::apply::Input;
use kinkeeper::service::publishing::{self, Only, Reach};
use kinkeeper::service::{eligibility, rebuild};
use serde_json::{Value, json};

fn at(text: &str) -> Instant {
    Instant::parse(text, chrono_tz::UTC).expect("an instant")
}

/// Where the clock begins.
fn start() -> Instant {
    at("2026-09-06T12:00:00Z")
}

/// So many days before.
fn ago(days: i64) -> Instant {
    start() - Span::days(days)
}

fn ordered(user: &str, id: &str, on: Instant, products: Value) -> Value {
    json!({"type": "track", "messageId": format!("o{id}"), "userId": user, "event": "Order Completed",
        "timestamp": on.to_rfc3339(), "properties": {"order_id": id, "total": "100", "products": products}})
}

fn lips(price: u32) -> Value {
    json!([{"sku": "lip", "category": "Lipstick", "price": price}, {"sku": "eye", "category": "mascara", "price": 90}])
}

const TWICE: &str = "{event: Order Completed, where: [{property: products.category, eq: lipstick}], count: {gte: 2}, within: 90d}";

fn tag(rule: &str) -> String {
    format!("kind: tag\nkey: lips\nname: {{en: Lips, zh-CN: 唇}}\nrule: {rule}\n")
}

async fn open(database: TestDatabase) -> Care {
    let care = Care::in_onboarding(database, &["clock=2026-09-06T12:00:00Z", "shop.timezone=UTC"]).await;
    care.apply(&tag(TWICE)).await;
    care
}

async fn drain(care: &Care) {
    care.house.app.engine().drain_all().await.expect("drained");
}

async fn id_of(care: &Care, user: &str) -> CustomerId {
    let sql = format!("SELECT customer_id FROM identifier WHERE value = '{user}'");
    CustomerId(care.house.lines(&sql).await[0].parse().expect("a number"))
}

async fn have(care: &Care) -> Vec<String> {
    let sql = "SELECT i.value, t.since FROM tag_current t JOIN identifier i ON i.customer_id = t.customer_id \
               WHERE t.key = 'lips' ORDER BY i.value";
    care.house.lines(sql).await
}

async fn ledger(care: &Care) -> Vec<String> {
    let sql = "SELECT COALESCE(to_value, '-') AS is_now, as_of, cause, evidence FROM tag_history WHERE key = 'lips' ORDER BY id";
    care.house.lines(sql).await
}

async fn stands(care: &Care) {
    let mut differs = Vec::new();
    let looked =
        rebuild::run(&care.house.app.book, rebuild::Mode::Check, &mut |d| differs.push(format!("{d:?}")))
            .await;
    assert_eq!((looked.expect("checked").differences, differs), (0, Vec::new()));
}

/// Who would enter and leave.
async fn preview(care: &Care, rule: &str) -> (u64, u64) {
    let book = &care.house.app.book;
    let input = Input { name: "lips.yaml".to_owned(), text: tag(rule), kind: None };
    let draft = publishing::draft(book, &[input], Only::Tags).await.expect("sound");
    let seen = publishing::preview(book, &draft, Reach::Whole).await.expect("looked");
    let moves = seen.tags.iter().flat_map(|tag| &tag.values);
    moves.fold((0, 0), |(enters, leaves), value| (enters + value.enters, leaves + value.leaves))
}

on_both_databases! {
    async fn a_tag_by_what_orders_say_is_kept_through_late_facts_and_time(database) {
        let care = open(database).await;
        care.house.send(vec![
            ordered("ann", "1", ago(10), lips(10)),
            ordered("ann", "2", ago(5), lips(30)),
            ordered("ben", "3", ago(8), lips(20)),
            ordered("ben", "4", ago(7), json!([{"category": "mascara"}])),
            ordered("cat", "5", ago(90), lips(20)),
            ordered("cat", "6", ago(1), lips(20)),
        ]).await;
        drain(&care).await;
        assert_eq!(have(&care).await, [format!("ann|{}", ago(5).micros())], "cat's first is 90 d old to the second");
        // Late: ben bought another one in between.
        care.house.send(vec![ordered("ben", "7", ago(20), lips(5))]).await;
        drain(&care).await;
        assert_eq!(have(&care).await, [format!("ann|{}", ago(5).micros()), format!("ben|{}", ago(8).micros())]);
        stands(&care).await;

        let told = eligibility::explain_tag(&care.house.app.book, id_of(&care, "ben").await, "lips", Lang::En).await;
        let told = told.expect("explained");
        assert_eq!((told.state.value.as_deref(), &told.conditions[0].condition.value["Order Completed"]), (Some("true"), &json!(2)));
        assert_eq!(told.state.next_flip, Some(ago(20) + Span::days(90)));

        let end = ago(20) + Span::days(90);
        care.set_now(end - Span::micros(1)).await;
        drain(&care).await;
        assert_eq!(have(&care).await.len(), 2);
        care.set_now(end).await;
        drain(&care).await;
        assert_eq!(have(&care).await, [format!("ann|{}", ago(5).micros())]);
        let last = ledger(&care).await.pop().expect("a line");
        assert_eq!(last, format!("-|{}|time|{{\"Order Completed\":1}}", end.micros()));
        stands(&care).await;
    }

    async fn what_is_published_asks_for_other_properties_of_the_same_events(database) {
        let care = open(database).await;
        care.house.send(vec![
            ordered("ann", "1", ago(10), lips(10)),
            ordered("ann", "2", ago(5), lips(30)),
            ordered("ben", "3", ago(8), lips(20)),
        ]).await;
        drain(&care).await;
        assert_eq!(have(&care).await, [format!("ann|{}", ago(5).micros())]);
        // Of the lipstick, not of what lay beside it.
        let dear = "{event: Order Completed, where: [{property: products.category, eq: lipstick}], \
            max: {of: products.price, between: [20, 29]}}";
        assert_eq!(preview(&care, dear).await, (1, 1));
        let sum = "{event: Order Completed, where: [{property: products.category, eq: lipstick}, {property: $amount, gte: 100}], \
            sum: {of: products.price, gte: \"40.00\"}}";
        assert_eq!(preview(&care, sum).await, (0, 0));
        care.set_now(start() + Span::hours(1)).await;
        care.apply(&tag(dear)).await;
        drain(&care).await;
        assert_eq!(have(&care).await, [format!("ben|{}", ago(8).micros())]);
        let lines = ledger(&care).await;
        let now = (start() + Span::hours(1)).micros();
        assert_eq!(lines[1..], [
            format!("-|{now}|rule|{{\"Order Completed max products.price\":\"30\"}}"),
            format!("true|{now}|rule|{{\"Order Completed max products.price\":\"20\"}}"),
        ]);
        stands(&care).await;
    }

    async fn what_orders_say_of_sensitive_products_makes_no_tag(database) {
        let care = open(database).await;
        let viewed = |n: i64| json!({"type": "track", "messageId": format!("v{n}"), "userId": "dan", "event": "Product Viewed",
            "timestamp": ago(n).to_rfc3339(), "properties": {"sku": "lip", "colour": "red"}});
        let red = "{event: Product Viewed, where: [{property: colour, eq: red}]}";
        care.apply(&format!("kind: tag\nkey: red\nname: {{en: Red, zh-CN: 红}}\nrule: {red}\n")).await;
        care.house.send(vec![ordered("ann", "1", ago(10), lips(10)), ordered("ann", "2", ago(5), lips(30)), viewed(3)]).await;
        drain(&care).await;
        let tags = "SELECT key FROM tag_current WHERE key IN ('lips', 'red') ORDER BY key";
        assert_eq!(care.house.lines(tags).await, ["lips", "red"]);
        care.apply("kind: products\nproducts:\n  - {sku: lip, sensitive: true}\n").await;
        drain(&care).await;
        assert_eq!(care.house.lines(tags).await, Vec::<String>::new());
        stands(&care).await;
        care.apply("kind: products\nproducts:\n  - {sku: lip, sensitive: false}\n  - {sku: eye, sensitive: true}\n").await;
        drain(&care).await;
        assert_eq!(care.house.lines(tags).await, ["lips", "red"]);
        stands(&care).await;
    }
}
