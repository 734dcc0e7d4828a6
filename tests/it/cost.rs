//! What taking facts in costs, counted in statements: a set of rows a statement, never a row. The figures beside their
//! references are `benches/run`'s; here a gross mistake is found at once.

mod keeping;

use crate::support::book::{House, source_of_facts};
use crate::support::on_both_databases;
use kinkeeper::app::App;
use kinkeeper::service::import::{self, Kind, Request, Unwatched};
use kinkeeper::service::ingest::{self, Batch};
use serde_json::{Value, json};

const CLOCK: &str = "clock=2026-09-25T10:00:00+08:00";

/// One event in four an order, one somebody's name and address, the others custom ones; each of somebody else.
fn events(turn: usize, n: usize) -> Vec<Value> {
    (0..n)
        .map(|i| {
            let mut event = json!({"messageId": format!("m{turn}-{i}"), "userId": format!("u{turn}-{i}"), "timestamp": "2026-09-01T00:00:00Z"});
            let said = match i % 4 {
                0 => json!({"type": "track", "event": "Order Completed", "properties": {"order_id": format!("o{turn}-{i}"), "total": 10}}),
                1 => json!({"type": "identify", "traits": {"name": format!("N {i}"), "email": format!("e{turn}-{i}@example.com")}}),
                _ => json!({"type": "track", "event": "Product Added", "properties": {"sku": "s"}}),
            };
            event.as_object_mut().expect("an object").extend(said.as_object().expect("an object").clone());
            event
        })
        .collect()
}

async fn statements_of(app: &App, turn: usize, n: usize) -> u64 {
    let source = source_of_facts(app).await;
    let before = app.book.store.asked_in_transactions();
    let batch = Batch { source, received_at: None, historical: false, events: events(turn, n) };
    let receipt = ingest::accept(&app.book.store, batch).await.expect("taken in");
    assert_eq!(receipt.accepted, n, "{receipt:?}");
    app.book.store.asked_in_transactions() - before
}

on_both_databases! {
    async fn ten_times_the_events_are_not_ten_times_the_statements(database) {
        let house = House::open(database, &[CLOCK]).await;
        let (few, many) = (statements_of(&house.app, 1, 40).await, statements_of(&house.app, 2, 400).await);
        println!("40 events: {few} statements, 400 events: {many}");
        assert!(few <= 36, "40 events took {few} statements");
        assert!(many <= few + 4, "40 events took {few} statements, 400 took {many}");
    }

    async fn batches_that_wait_for_each_other_share_a_transaction(database) {
        let house = House::open(database, &[CLOCK]).await;
        let store = &house.app.book.store;
        let source = source_of_facts(&house.app).await;
        let before = store.asked_in_transactions();
        let batches = (0..20).map(|turn| {
            let mut events = events(turn, 20);
            // Of somebody whom each batch names, and a message that each brings: one of them has it.
            events.push(json!({"type": "track", "event": "Seen", "messageId": format!("s{turn}"), "userId": "shared"}));
            events.push(json!({"type": "track", "event": "Seen", "messageId": "shared", "userId": "shared"}));
            events.push(json!({"type": "track", "event": "Order Completed", "messageId": format!("bad{turn}")}));
            ingest::accept(store, Batch { source, received_at: None, historical: false, events })
        });
        let receipts = futures::future::join_all(batches).await;
        let asked = store.asked_in_transactions() - before;
        println!("20 batches at once: {asked} statements");
        assert!(asked <= 20 * 9, "20 batches took {asked} statements");
        let mut shared = 0;
        for receipt in receipts {
            let receipt = receipt.expect("taken in");
            assert_eq!(receipt.accepted + receipt.duplicate, 22, "{receipt:?}");
            assert_eq!(receipt.rejected.iter().map(|one| one.index).collect::<Vec<_>>(), [22]);
            shared += receipt.accepted - 21;
        }
        assert_eq!(shared, 1, "one of them was the first");
        let sql = "SELECT COUNT(*) AS events, COUNT(DISTINCT message_id) AS messages FROM event";
        assert_eq!(house.lines(sql).await, ["421|421"]);
        assert_eq!(house.lines("SELECT COUNT(*) AS n FROM customer").await, ["401"]);
        assert_eq!(house.lines("SELECT COUNT(*) AS n FROM quarantine").await, ["20"]);
    }

    async fn an_import_asks_by_the_slice(database) {
        let house = House::open(database, &[CLOCK]).await;
        let rows: Vec<String> = (0..4_000).map(|n| format!("o{n},c{},2026-08-01 10:00,19.90", n % 700)).collect();
        let path = house.folder.path().join("orders.csv");
        std::fs::write(&path, format!("order_id,customer_id,paid_at,total\n{}\n", rows.join("\n"))).expect("written");
        let store = &house.app.book.store;
        let before = store.asked_in_transactions();
        let shop = &house.app.book.shop_key;
        let report = import::run(store, shop, &Request::new(Kind::Orders, &path), &mut Unwatched).await.expect("imported");
        assert_eq!(report.counts.accepted, 4_000);
        let asked = store.asked_in_transactions() - before;
        println!("4 slices of 1,000 orders: {asked} statements");
        assert!(asked <= 4 * 30, "4 slices took {asked} statements");
    }
}
