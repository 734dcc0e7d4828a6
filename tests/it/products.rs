//! What the shop says of its products, and what buyers do with them: a refill that is due, and products nobody speaks of.

use crate::support::{care::Care, on_both_databases};
use domain::time::{Instant, Span};
use kinkeeper::service::apply::{self, Difference, Input};
use kinkeeper::service::rebuild;
use serde_json::{Value, json};

/// A Sunday.
const NOW: &str = "clock=2026-09-06T12:00:00Z";

fn at(text: &str) -> Instant {
    Instant::parse(text, chrono_tz::UTC).expect("an instant")
}

fn day(n: i64) -> Instant {
    at("2026-01-01T00:00:00Z") + Span::days(n)
}

fn ordered(user: &str, id: &str, pieces: u32, on: Instant) -> Value {
    json!({"type": "track", "messageId": format!("o{id}"), "userId": user, "event": "Order Completed", "timestamp": on.to_rfc3339(),
        "properties": {"order_id": id, "total": "100", "products": [{"sku": "tea", "quantity": pieces, "category": "drinks"}]}})
}

fn arrived(user: &str, id: &str, on: Instant) -> Value {
    json!({"type": "track", "messageId": format!("d{id}"), "userId": user, "event": "Order Delivered", "timestamp": on.to_rfc3339(),
        "properties": {"order_id": id}})
}

async fn open(database: crate::support::TestDatabase) -> Care {
    Care::in_onboarding(database, &[NOW, "shop.timezone=UTC"]).await
}

async fn drain(care: &Care) {
    care.house.app.engine().drain_all().await.expect("drained");
}

async fn ledger(care: &Care) -> Vec<String> {
    let sql = "SELECT COALESCE(from_value, '-') AS was, COALESCE(to_value, '-') AS is_now, since, cause FROM tag_history \
               WHERE key = 'replenish_due' ORDER BY id";
    care.house.lines(sql).await
}

fn products(more: &str) -> String {
    format!("kind: products\nproducts:\n  - {{sku: tea, name: Green tea, consumption_days: 10{more}}}\n")
}

on_both_databases! {
    async fn a_refill_is_due_by_what_the_shop_says_until_it_says_otherwise(database) {
        let care = open(database).await;
        care.apply(&products("")).await;
        let near = at("2026-09-06T12:00:00Z") - Span::days(9);
        care.house.send(vec![ordered("u", "1", 1, near), arrived("u", "1", near)]).await;
        drain(&care).await;
        let due = (near + Span::days(8)).micros();
        assert_eq!(ledger(&care).await, [format!("-|tea|{due}|event")]);
        // Said again, nothing changes; a longer day puts it off, and a sensitive product is never spoken of.
        let again = |text: String| async {
            let input = Input { name: "products.yaml".to_owned(), text, kind: None };
            apply::prepare(&care.house.app.book, &[input]).await.expect("sound").changes
        };
        assert_eq!(again(products("")).await[0].difference, Difference::Unchanged);
        let changes = again(products(", sensitive: true")).await;
        assert_eq!((changes[0].kind, changes[0].key.as_str(), changes[0].difference), ("products", "retail tea", Difference::Changed));
        assert_eq!(changes[0].details, ["tea: \"Green tea\", 10 days a piece → \"Green tea\", 10 days a piece, sensitive"]);
        let affinity = "SELECT value FROM tag_current WHERE key = 'category_affinity'";
        let more = (2..5).map(|n| ordered("u", &n.to_string(), 1, near - Span::days(40 + n))).collect();
        care.house.send(more).await;
        drain(&care).await;
        assert_eq!(care.house.lines(affinity).await, ["drinks"]);
        care.apply(&products(", sensitive: true")).await;
        drain(&care).await;
        let lines = ledger(&care).await;
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[1].starts_with("tea|-|") && lines[1].ends_with("|rule"), "{lines:?}");
        assert_eq!(care.house.lines(affinity).await, Vec::<String>::new());
        let report = rebuild::run(&care.house.app.book, rebuild::Mode::Check, &mut |d| panic!("differs: {d:?}")).await;
        assert_eq!(report.expect("checked").differences, 0);
    }

    async fn where_the_shop_says_nothing_thirty_pairs_of_orders_do(database) {
        let care = open(database).await;
        // Twenty-nine pairs, of 20 to 48 days for two pieces: no median yet. A reseller's don't count.
        let mut events = Vec::new();
        for n in 0..29_i64 {
            let (user, first) = (format!("u{n}"), day(n));
            events.push(ordered(&user, &format!("{n}a"), 2, first));
            events.push(ordered(&user, &format!("{n}b"), 1, first + Span::days(20 + n)));
        }
        events.push(ordered("r", "ra", 2, day(0)));
        events.push(ordered("r", "rb", 1, day(200)));
        let near = at("2026-09-06T12:00:00Z") - Span::days(15);
        events.extend([ordered("new", "n1", 1, near), arrived("new", "n1", near)]);
        care.house.send(events).await;
        let book = &care.house.app.book;
        let reseller = care.house.lines("SELECT customer_id FROM identifier WHERE value = 'r'").await[0].parse().expect("a number");
        kinkeeper::service::identity::set_account_kind(book, domain::ids::CustomerId(reseller), "reseller", "test").await.expect("set");
        drain(&care).await;
        care.set_now(at("2026-09-07T04:00:00Z")).await;
        drain(&care).await;
        let paces = "SELECT sku, days, pairs FROM product_pace";
        assert_eq!(care.house.lines(paces).await, Vec::<String>::new());
        assert_eq!(ledger(&care).await, Vec::<String>::new());
        // The thirtieth: 49 days for two pieces. The lower median of 10 … 25 days a piece is 17.
        care.house.send(vec![ordered("u29", "29a", 2, day(0)), ordered("u29", "29b", 1, day(49))]).await;
        drain(&care).await;
        care.set_now(at("2026-09-14T04:00:00Z")).await;
        drain(&care).await;
        assert_eq!(care.house.lines(paces).await, ["tea|17|30"]);
        let due = near + Span::hours(17 * 24 * 8 / 10) + Span::minutes(24);
        assert_eq!(ledger(&care).await, [format!("-|tea|{}|rule", due.micros())]);
        assert_eq!(care.house.lines("SELECT COUNT(*) AS n FROM refill_gap").await, ["0"]);
        let looked = care.house.lines("SELECT looked_at, changed FROM run WHERE kind = 'supply' AND done_at IS NOT NULL ORDER BY due_at").await;
        assert_eq!(looked, ["30|0", "31|1"]);
    }
}
