//! `rebuild`: finds whatever isn't what the log says, makes it so, and touches nothing else.

use super::streams::{CORRUPTIONS, Stream};
use crate::support::TestDatabase;
use crate::support::book::{House, source_of_facts};
use crate::support::command::Home;
use crate::support::on_both_databases;
use crate::support::retail::at;
use domain::ids::CustomerId;
use kinkeeper::app::App;
use kinkeeper::service::identity;
use kinkeeper::service::ingest::{self, Batch};
use kinkeeper::service::rebuild::{self, Mode, Report};
use kinkeeper::store::projections::{self, Difference};
use kinkeeper::store::{Lane, StoreError};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

const CLOCK: &str = "clock=2011-12-09T12:00:00Z";

/// A book with a stream in it, everybody kept.
async fn house(database: TestDatabase, seed: u64) -> House {
    let given =
        [CLOCK, "shop.key=retail", "shop.timezone=Europe/London", "shop.currency=GBP", "shop.locale=en"];
    let house = House::open(database, &given).await;
    let person = |n: u64| {
        json!({"type": "identify", "messageId": format!("i{n}"), "userId": format!("u{n}"), "timestamp": "2011-11-02T00:00:00Z",
               "context": {"traits": {"plan": "library's own"}},
               "traits": {"email": format!("new{n}@example.com"), "name": "Rosa", "birthday": "1990-05-01", "timezone": "Europe/Paris"}})
    };
    let older = json!({"type": "identify", "messageId": "old", "userId": "u0", "timestamp": "2011-11-01T00:00:00Z",
                       "traits": {"email": "old@example.com", "createdAt": "2010-01-01"}});
    accept(&house.app, (0..3).map(person).chain([older]).collect()).await;
    for batch in Stream::random(seed).in_order(2) {
        accept(&house.app, batch).await;
    }
    house.app.engine().drain_all().await.expect("kept");
    house
}

async fn accept(app: &App, events: Vec<Value>) {
    let batch = Batch {
        source: source_of_facts(app).await,
        received_at: Some(at("2011-12-09T11:00:00Z")),
        historical: false,
        events,
    };
    let receipt = ingest::accept(&app.book.store, batch).await.expect("taken in");
    assert_eq!(receipt.rejected, []);
}

async fn run(app: &App, mode: Mode) -> (Report, Vec<Difference>) {
    let mut found = Vec::new();
    let report = rebuild::run(&app.book, mode, &mut |d| found.push(d.clone())).await.expect("runs");
    assert_eq!(report.differences, found.len() as u64);
    (report, found)
}

async fn exec(app: &App, sql: &str) -> u64 {
    let sql = sql.to_owned();
    let done: Result<u64, StoreError> = app
        .book
        .store
        .write(Lane::Work, move |tx| {
            Box::pin(async move {
                let statement = Statement::from_string(tx.get_database_backend(), sql);
                Ok(tx.execute_raw(statement).await?.rows_affected())
            })
        })
        .await;
    done.expect("runs")
}

/// Every row of every table, without numbers the database gave, as text.
async fn everything(app: &App, without: &[&str]) -> Vec<String> {
    let db = app.book.store.reader();
    let mut all = Vec::new();
    for (table, columns) in TABLES.iter().filter(|(table, _)| !without.contains(table)) {
        let text: Vec<String> =
            columns.split(' ').map(|c| format!("COALESCE(CAST({c} AS TEXT), '-')")).collect();
        let sql = format!("SELECT {} AS line FROM {table}", text.join(" || '|' || "));
        let rows =
            db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect("read");
        let mut lines: Vec<String> = rows
            .iter()
            .map(|row| format!("{table} {}", row.try_get_by_index::<String>(0).expect("text")))
            .collect();
        lines.sort();
        all.extend(lines);
    }
    all
}

const TABLES: &[(&str, &str)] = &[
    (
        "orders",
        "order_key customer_id placed_at pay_by paid_at cancelled_at total_minor refunded_minor currency version_at version_id lines_at lines_id",
    ),
    ("order_line", "order_key line_no sku quantity_milli price_minor amount_minor"),
    ("refund", "order_key ref_key customer_id occurred_at amount_minor"),
    (
        "ticket",
        "ticket_key customer_id state reopened escalated complaint severity chased version_at version_id",
    ),
    (
        "shipment",
        "shipment_key customer_id order_key status carrier place reason new_eta delivered_at version_at version_id",
    ),
    ("review", "review_key customer_id rating_milli version_at version_id"),
    ("feedback", "feedback_key kind customer_id score ticket_key version_at version_id"),
    ("contact_made", "contact_key kind customer_id channel purpose tool made_at version_id"),
    ("event", "id effective"),
    ("order_effect", "order_key kind ref_key event_id"),
    ("customer", "id zone locale registered_at"),
    ("customer_personal", "customer_id name birthday traits"),
    ("contact_point", "customer_id channel value is_primary"),
    (
        "profile",
        "customer_id kept_at spend_365_minor orders_365 order_days last_order_key tickets open_complaints",
    ),
    ("tag_current", "customer_id key value since as_of source rule_version evidence"),
    ("tag_ended", "customer_id key since"),
    ("customer_due", "customer_id due_at fact_rev"),
    ("tag_history", "id customer_id key to_value cause"),
    ("trigger_queue", "id"),
    ("enrollment", "id"),
    ("touchpoint", "id"),
    ("callback", "id"),
    ("audit", "id"),
];

/// Of people, tags and due times.
const MORE: &[(&str, &str)] = &[
    ("customer_personal", "UPDATE customer_personal SET traits = '{}', name = 'Somebody else'"),
    ("customer_personal", "DELETE FROM customer_personal"),
    ("customer", "UPDATE customer SET zone = 'Asia/Tokyo'"),
    ("contact_point", "UPDATE contact_point SET is_primary = 0"),
    ("contact_point", "DELETE FROM contact_point WHERE value = 'old@example.com'"),
    ("profile", "UPDATE profile SET orders_365 = orders_365 + 1"),
    ("tag_current", "UPDATE tag_current SET value = 'diamond' WHERE key = 'value_tier'"),
    ("tag_current", "DELETE FROM tag_current"),
    ("profile", "UPDATE profile SET counts = 0"),
    ("profile", "UPDATE profile SET zone = 'Asia/Tokyo'"),
    ("profile", "UPDATE profile SET first_at = NULL"),
    ("profile", "UPDATE profile SET birthday_code = 101"),
    ("tag_ended", "INSERT INTO tag_ended SELECT id, 'vip', 5 FROM customer"),
    ("tag_current", "UPDATE tag_current SET since = since + 1"),
    ("customer_due", "UPDATE customer_due SET due_at = due_at - 1 WHERE due_at < 9223372036854775807"),
];

on_both_databases! {
    async fn a_book_is_what_its_log_says_and_a_rebuild_makes_the_same_rows(database) {
        let house = house(database, 5).await;
        let app = &house.app;
        let (report, found) = run(app, Mode::Check).await;
        assert_eq!((found, report.customers, report.not_compared), (vec![], 3, 0));
        let before = everything(app, &[]).await;
        assert!(before.iter().any(|line| line.starts_with("tag_current")), "{before:#?}");
        assert_eq!(run(app, Mode::Rebuild).await.1, []);
        assert_eq!(everything(app, &[]).await, before);

        // From nothing, too: whatever is projected is made again.
        for table in ["orders", "order_line", "refund", "ticket", "shipment", "review", "feedback", "contact_made",
            "order_effect", "customer_personal", "contact_point", "profile", "tag_current"] {
            exec(app, &format!("DELETE FROM {table}")).await;
        }
        exec(app, "UPDATE event SET effective = 1").await;
        assert!(run(app, Mode::Check).await.0.differences > 20);
        run(app, Mode::Rebuild).await;
        assert_eq!(run(app, Mode::Check).await.1, []);
        // When it was kept isn't known any more; nothing has changed since.
        let other = ["profile", "tag_current"];
        let without = |lines: Vec<String>| -> Vec<String> {
            lines.into_iter().filter(|line| !other.iter().any(|table| line.starts_with(table))).collect()
        };
        assert_eq!(without(everything(app, &[]).await), without(before));
    }

    async fn each_planted_difference_is_found_and_put_right(database) {
        let house = house(database, 1).await;
        let app = &house.app;
        assert_eq!(run(app, Mode::Check).await.1, []);
        let before = everything(app, &[]).await;
        for (table, statement) in CORRUPTIONS.iter().chain(MORE) {
            assert!(exec(app, statement).await > 0, "{statement} touches something");
            let (_, found) = run(app, Mode::Check).await;
            assert!(found.iter().any(|d| d.table == *table), "{statement}: {found:?}");
            let told: String = found.iter().map(|d| format!("{} {}", d.key, d.detail)).collect();
            assert!(!told.contains("example.com") && !told.contains("Rosa"), "nobody's data: {told}");
            run(app, Mode::Rebuild).await;
            assert_eq!(run(app, Mode::Check).await.1, [], "{statement}");
            assert_eq!(everything(app, &[]).await, before, "{statement}");
        }
    }

    async fn a_ledger_that_ends_wrongly_is_continued_and_starts_nothing(database) {
        let house = house(database, 1).await;
        let app = &house.app;
        let before = everything(app, &["tag_history"]).await;
        let wrong = "INSERT INTO tag_history (customer_id, key, from_value, to_value, since, as_of, recorded_at, cause, historical, rule_version, evidence) \
                     SELECT MIN(id), 'vip', NULL, 'true', 0, 0, 0, 'event', 0, 1, '{}' FROM customer";
        assert_eq!(exec(app, wrong).await, 1);
        assert!(run(app, Mode::Check).await.1.iter().any(|d| d.table == "tag_history"));
        run(app, Mode::Rebuild).await;
        assert_eq!(run(app, Mode::Check).await.1, []);
        assert_eq!(everything(app, &["tag_history"]).await, before);
        let db = app.book.store.reader();
        let sql = "SELECT cause FROM tag_history ORDER BY id DESC LIMIT 1";
        let last = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect("read");
        assert_eq!(last.expect("a row").try_get_by_index::<String>(0).expect("text"), "rebuild");
    }

    async fn whoever_has_news_isnt_judged(database) {
        let house = house(database, 1).await;
        let app = &house.app;
        let order = json!({"type": "track", "messageId": "late", "userId": "u1", "event": "Order Completed",
            "timestamp": "2011-11-20T00:00:00Z", "properties": {"order_id": "late", "total": 9000}});
        accept(app, vec![order]).await;
        let (report, found) = run(app, Mode::Check).await;
        assert_eq!((found, report.not_compared), (vec![], 1));
    }

    async fn people_made_one_and_parted_again_are_what_the_log_says(database) {
        let house = house(database, 2).await;
        let app = &house.app;
        let db = app.book.store.reader();
        let ids = db.query_all_raw(Statement::from_string(db.get_database_backend(), "SELECT id FROM customer ORDER BY id")).await;
        let ids: Vec<CustomerId> = ids.expect("read").iter().map(|row| CustomerId(row.try_get_by_index(0).expect("a number"))).collect();
        identity::merge(&app.book, ids[0], ids[1], "test", None).await.expect("one");
        app.engine().drain_all().await.expect("kept");
        assert_eq!(run(app, Mode::Check).await.1, []);
        identity::unmerge(&app.book, ids[1], "test", None).await.expect("two again");
        app.engine().drain_all().await.expect("kept");
        assert_eq!(run(app, Mode::Check).await.1, []);
    }

    async fn what_is_withdrawn_gives_way_to_the_resend(database) {
        let house = house(database, 1).await;
        let app = &house.app;
        let order = |id: &str, total: i64| json!({"type": "track", "messageId": id, "userId": "u1", "event": "Order Completed",
            "timestamp": "2011-11-20T00:00:00Z", "properties": {"order_id": "w", "total": total}});
        accept(app, vec![order("w1", 10), order("w2", 20)]).await;
        exec(app, "UPDATE event SET effective = -1 WHERE message_id = 'w1'").await;
        let settled: Result<Vec<Difference>, StoreError> = app.book.store.write(Lane::Work, |tx| Box::pin(async move {
            let mut keys = projections::Keys::new();
            projections::note_key(&mut keys, "Order Completed", Some("retail:w".to_owned()), None);
            projections::reproject(tx, &keys).await
        })).await;
        let tables: Vec<_> = settled.expect("settled").iter().map(|d| d.table).collect();
        assert_eq!(tables, ["order_effect", "event", "orders"]);
        let db = app.book.store.reader();
        let sql = "SELECT total_minor FROM orders WHERE order_key = 'retail:w'";
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect("read");
        assert_eq!(row.expect("a row").try_get_by_index::<i64>(0).expect("a number"), 2_000);
        exec(app, "UPDATE event SET effective = -1 WHERE message_id = 'w2'").await;
        run(app, Mode::Rebuild).await;
        assert!(everything(app, &[]).await.iter().all(|line| !line.contains("retail:w")), "nothing is left of it");
    }
}

#[test]
fn the_command_tells_by_its_exit_code() {
    let home = Home::new();
    let ran = home.run(&["rebuild", "--check", "--clock", "2026-09-25T09:55:00+08:00"]).ended(0);
    assert!(ran.stdout.contains("everything is as the log says; 0 customers"), "{}", ran.stdout);
    let text = "order_id,customer_id,paid_at,total\no1,c1,2026-09-01,5\n";
    let file = home.file("orders.csv", text);
    home.run(&["import", "orders", file.to_str().expect("text")]).ended(0);
    home.run(&["drain"]).ended(0);
    home.run(&["rebuild", "--check"]).ended(0);
    let database = home.path().join("data/kinkeeper.db");
    let spoilt = std::process::Command::new("python3")
        .args(["-c", "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('UPDATE orders SET total_minor = 7'); c.commit()"])
        .arg(&database)
        .status()
        .expect("python runs");
    assert!(spoilt.success());
    let ran = home.run(&["rebuild", "--check"]).ended(1);
    assert!(ran.stdout.contains("total_minor: 7 instead of 500"), "{}", ran.stdout);
    let json = home.run(&["rebuild", "--check", "--format", "json"]).ended(1).json();
    assert_eq!(
        (&json["report"]["differences"], &json["differences"][0]["table"]),
        (&json!(1), &json!("orders"))
    );
    let ran = home.run(&["rebuild"]).ended(0);
    assert!(ran.stdout.contains("1 differences put right"), "{}", ran.stdout);
    home.run(&["rebuild", "--check"]).ended(0);
}
