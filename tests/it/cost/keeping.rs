//! What keeping customers costs, counted in statements and in what they touch: a tick with nothing due is one look at the
//! end of an index, and a batch is a set, however many are in it.

use super::{CLOCK, statements_of};
use crate::support::book::{Book, House, MACHINE_START, START, both_databases, source_of_facts};
use crate::support::on_both_databases;
use kinkeeper::app::App;
use kinkeeper::service::ingest::{self, Batch};
use kinkeeper::store::waiting;
use kinkeeper::worker::{Budget, Drained};
use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::json;

/// Of a customer, or a batch of them: claimed, read, saved.
const MOST_FOR_A_BATCH: u64 = 20;
/// SQLite is given the rows of 500 customers in several statements; PostgreSQL takes a column as one array.
const MORE_ON_SQLITE: u64 = 5;
const MOST_FOR_AN_EVENT: u64 = 19;

/// Statements outside transactions and in them; opening and ending one isn't counted.
fn asked(app: &App) -> u64 {
    let store = &app.book.store;
    store.reader().asked() + store.asked_in_transactions()
}

async fn keep(app: &App, batch: i64) -> Drained {
    keep_batches(app, batch, 1).await
}

async fn keep_batches(app: &App, batch: i64, batches: u32) -> Drained {
    let engine = app.engine();
    let keeper =
        engine.staff().iter().find(|hired| hired.worker.name() == "keeper").expect("there is a keeper");
    let now = app.book.now().await.expect("the clock is read");
    keeper.worker.drain(now, Budget { batch, batches }).await.expect("kept")
}

/// The statements of keeping `n` customers in one batch, who never were kept and whose events are all in.
async fn statements_of_keeping(app: &App, turn: usize, n: usize) -> u64 {
    statements_of(app, turn, n).await;
    let before = asked(app);
    let done = keep(app, n as i64).await.done;
    assert_eq!(done, n as u64);
    asked(app) - before
}

on_both_databases! {
    async fn a_batch_of_customers_is_kept_by_as_many_statements_as_one_customer(database) {
        let house = House::open(database, &[CLOCK]).await;
        let app = &house.app;
        let batch = app.settings.workers.keeper_batch as usize;
        // What is read once and remembered from then on: the catalogue of tags.
        statements_of_keeping(app, 0, 1).await;
        let one = statements_of_keeping(app, 1, 1).await;
        let whole = statements_of_keeping(app, 2, batch).await;
        println!("1 customer: {one} statements, {batch} customers: {whole}");
        assert!(one <= MOST_FOR_A_BATCH, "1 customer took {one} statements");
        let sqlite = app.book.store.reader().get_database_backend() == DbBackend::Sqlite;
        let most = if sqlite { one + MORE_ON_SQLITE } else { one };
        assert!(whole <= most, "1 customer took {one} statements, {batch} took {whole}");
    }

    async fn batches_that_overlap_keep_everybody_once_and_leave_nobody_leased(database) {
        let house = House::open(database, &[CLOCK]).await;
        statements_of(&house.app, 1, 25).await;
        let drained = keep_batches(&house.app, 10, 8).await;
        assert_eq!(drained.done, 25);
        assert!(drained.next_due.is_some_and(|due| due > START), "{drained:?}");
        let count = |table| format!("SELECT COUNT(*) AS n, COUNT(DISTINCT customer_id) AS customers FROM {table}");
        assert_eq!(house.lines(&count("profile")).await, ["25|25"]);
        let tiers = format!("{} WHERE key = 'value_tier'", count("tag_history"));
        assert_eq!(house.lines(&tiers).await, ["25|25"], "each has begun once");
        let leased = format!("{} WHERE leased_until IS NOT NULL", count("customer_due"));
        assert_eq!(house.lines(&leased).await, ["0|0"]);
        // One batch at a time goes no further than it is let.
        statements_of(&house.app, 2, 25).await;
        assert_eq!(keep_batches(&house.app, 10, 2).await.done, 20);
        assert_eq!(keep_batches(&house.app, 10, 2).await.done, 5);
    }

    async fn a_tick_with_nothing_due_is_two_statements_and_writes_nothing(database) {
        let house = House::open(database, &[CLOCK]).await;
        statements_of_keeping(&house.app, 1, 20).await;
        let (all, written) = (asked(&house.app), house.app.book.store.asked_in_transactions());
        assert_eq!(keep(&house.app, 500).await.done, 0);
        // What time it is, and when somebody is due next.
        assert_eq!(asked(&house.app) - all, 2);
        assert_eq!(house.app.book.store.asked_in_transactions(), written);
    }

    async fn a_tag_that_is_as_it_was_is_not_written_again(database) {
        let house = House::open(database, &[CLOCK]).await;
        let app = &house.app;
        let order = |id: &str, total: u32| json!({"type": "track", "event": "Order Completed", "messageId": id, "userId": "u",
            "timestamp": "2026-09-20T00:00:00Z", "properties": {"order_id": id, "total": total}});
        house.send(vec![order("a", 12_000)]).await;
        assert_eq!(keep(app, 500).await.done, 1);
        let written = "SELECT key, as_of FROM tag_current WHERE key IN ('value_tier', 'complaint_history') ORDER BY key";
        let first = house.lines(written).await;
        assert_eq!(first.len(), 2, "{first:?}");
        app.book.store.advance_clock(app.book.now().await.expect("the time") + domain::time::Span::days(1)).await.expect("stepped");
        house.send(vec![order("b", 5)]).await;
        assert_eq!(keep(app, 500).await.done, 1);
        let second = house.lines(written).await;
        // What was spent is evidence of the one, and of the other nothing is new.
        assert_eq!(first[0], second[0]);
        assert_ne!(first[1], second[1]);
        let kept = "SELECT t.key FROM tag_current t JOIN profile p ON p.customer_id = t.customer_id WHERE p.kept_at > t.as_of \
                    AND t.key = 'complaint_history'";
        assert_eq!(house.lines(kept).await, ["complaint_history"]);
        let id = kinkeeper::service::profile::resolve(&app.book, "user_id:u").await.expect("known");
        let shown = kinkeeper::service::profile::profile(&app.book, id).await.expect("read").expect("there");
        let now = app.book.now().await.expect("the time");
        assert!(shown.tags.iter().all(|tag| tag.as_of == now), "it is known as of now, whenever it was written");
    }

    async fn one_event_from_the_door_to_the_tag_is_a_few_statements(database) {
        let house = House::open(database, &[CLOCK]).await;
        let app = &house.app;
        statements_of_keeping(app, 1, 20).await;
        let source = source_of_facts(app).await;
        let order = json!({"type": "track", "event": "Order Completed", "messageId": "once", "userId": "u1-0",
            "timestamp": "2026-09-20T00:00:00Z", "properties": {"order_id": "once", "total": 12_000}});
        let before = asked(app);
        let batch = Batch { source, received_at: None, historical: false, events: vec![order] };
        assert_eq!(ingest::accept(&app.book.store, batch).await.expect("taken in").accepted, 1);
        let taken_in = asked(app) - before;
        assert_eq!(keep(app, 500).await.done, 1);
        let kept = asked(app) - before - taken_in;
        let tag = "SELECT t.value FROM tag_current t JOIN identifier i ON i.customer_id = t.customer_id \
                   WHERE t.key = 'value_tier' AND i.value = 'u1-0'";
        assert_eq!(house.lines(tag).await, ["diamond"]);
        println!("one event: {taken_in} statements to take it in, {kept} to keep its customer");
        assert!(taken_in <= MOST_FOR_AN_EVENT, "taking one event in took {taken_in} statements");
        assert!(kept <= MOST_FOR_A_BATCH, "keeping its customer took {kept} statements");
    }
}

/// Customers all due at one instant, as after an import, of whom the first ones are under lease and some are set aside.
async fn all_due_at_once(book: &Book) {
    let sql = "INSERT INTO customer_due (customer_id, due_at, fact_rev, rule_epoch, fence, leased_until, failed) \
               WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
               SELECT i, $1, 1, 0, 0, CASE WHEN i <= 500 THEN $2 END, CASE WHEN i % 100 = 0 THEN 'broken' END FROM n";
    book.run(sql, [START.micros(), MACHINE_START.micros() + 1]).await;
    book.run::<i64>("ANALYZE", []).await;
}

/// How the database goes about a query, as it says.
async fn plan(book: &Book, sql: &str) -> String {
    let sql =
        sql.replace("$3", &START.micros().to_string()).replace("$4", &MACHINE_START.micros().to_string());
    let how = if book.is_postgres() { "EXPLAIN (ANALYZE, BUFFERS)" } else { "EXPLAIN QUERY PLAN" };
    let rows = book.rows::<i64>(&format!("{how} {}", sql.replace("$5", "500")), []).await;
    let line = |row: &sea_orm::QueryResult| {
        let column = if book.is_postgres() { 0 } else { 3 };
        row.try_get_by_index::<String>(column).expect("a line of the plan")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Pages that were looked at, of those planning took none.
fn pages(plan: &str) -> u64 {
    let ran = plan.split("Planning").next().unwrap_or_default();
    let number =
        |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u64>().ok();
    let of = |line: &str| {
        ["hit=", "read="].iter().filter_map(|word| number(line.split(word).nth(1)?)).sum::<u64>()
    };
    ran.lines().filter(|line| line.contains("Buffers:")).map(of).max().unwrap_or(0)
}

both_databases! {
    async fn when_the_keeper_is_due_next_is_read_off_the_end_of_an_index(book: Book) {
        all_due_at_once(&book).await;
        let plan = plan(&book, &waiting::CUSTOMERS.next_due_sql()).await;
        assert!(plan.contains("customer_due_waiting"), "{plan}");
        // Whether customers wait to be marked is looked up in a table of a page.
        assert!(!plan.contains("Seq Scan on customer_due") && !plan.contains("SCAN customer_due\n"), "{plan}");
        assert!(pages(&plan) <= 6, "{plan}");
    }

    async fn a_batch_of_very_many_who_are_due_at_once_is_taken_without_sorting_them(book: Book) {
        all_due_at_once(&book).await;
        let plan = plan(&book, &waiting::CUSTOMERS.due_rows_sql()).await;
        assert!(plan.contains("customer_due_waiting"), "{plan}");
        assert!(!plan.contains("Sort") && !plan.contains("B-TREE"), "{plan}");
        // A thousand of the twenty thousand rows.
        assert!(pages(&plan) <= 60, "{plan}");
    }
}
