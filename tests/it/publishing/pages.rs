//! What a published rule sets going: customers are marked page by page behind those who have new facts, and each comes to
//! the ledger that marking everybody at once would have given.

use super::publishing;
use crate::support::book::source_of_facts;
use crate::support::care::{Care, at};
use crate::support::on_both_databases;
use domain::time::Instant;
use kinkeeper::app::App;
use kinkeeper::service::apply::Input;
use kinkeeper::service::ingest::{self, Batch};
use kinkeeper::service::points::Point;
use kinkeeper::service::rebuild::{self, Mode};
use kinkeeper::service::{Book, keeping};
use kinkeeper::store::{Step, profiles, waiting};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const KEPT_AT: &str = "2011-12-25T00:00:00Z";
const PUBLISHED_AT: &str = "2011-12-26T00:00:00Z";
const LATER: &str = "2011-12-27T00:00:00Z";

fn order(user: u32, turn: u32) -> Value {
    json!({"type": "track", "messageId": format!("m{user}-{turn}"), "userId": format!("u{user:02}"),
        "event": "Order Completed", "timestamp": "2011-12-20T12:00:00Z",
        "properties": {"order_id": format!("O{user}-{turn}"), "total": 10}})
}

/// So many customers with an order each, kept a day before anything is published.
async fn kept(database: crate::support::TestDatabase, customers: u32) -> Care {
    let care = Care::in_onboarding(database, &[]).await;
    more(&care, 0..customers).await;
    care.set_now(at(PUBLISHED_AT)).await;
    care
}

async fn more(care: &Care, customers: std::ops::Range<u32>) {
    care.house.send(customers.map(|n| order(n, 0)).collect()).await;
    care.house.app.engine().drain_all().await.expect("kept");
}

/// Publishes a tag of who has ordered so often.
async fn publish(book: &Book, key: &str, orders: u32) {
    let text =
        format!("key: {key}\nname: {{en: O, zh-CN: 单}}\nrule: {{profile: orders_ever, gte: {orders}}}\n");
    let input = Input { name: "tag.yaml".to_owned(), text, kind: None };
    let draft = publishing::draft(book, &[input], publishing::Only::Tags).await.expect("sound");
    publishing::publish(book, draft, "cli:tester").await.expect("published");
}

async fn keep(app: &App, limit: i64) -> u64 {
    let now = app.book.now().await.expect("the time");
    keeping::keep_due(&app.book, now, limit).await.expect("kept")
}

async fn who_have(care: &Care, tag: &str) -> Vec<String> {
    let sql = format!(
        "SELECT i.value FROM tag_current t JOIN identifier i ON i.customer_id = t.customer_id \
         WHERE t.key = '{tag}' AND i.kind = 'user_id' ORDER BY i.value"
    );
    care.house.lines(&sql).await
}

fn users(range: impl IntoIterator<Item = u32>) -> Vec<String> {
    range.into_iter().map(|n| format!("u{n:02}")).collect()
}

async fn due(care: &Care) -> i64 {
    let book = &care.house.app.book;
    profiles::count_due(book.store.reader(), book.now().await.expect("the time")).await.expect("counted")
}

async fn marks(care: &Care) -> Vec<String> {
    care.house.lines("SELECT key, value FROM meta WHERE key IN ('mark_at', 'mark_after') ORDER BY key").await
}

/// Entries of the ledger of a tag, and of how many customers.
async fn entries(care: &Care, tag: &str) -> Vec<String> {
    let sql = format!(
        "SELECT COUNT(*) AS n, COUNT(DISTINCT customer_id) AS customers FROM tag_history WHERE key = '{tag}'"
    );
    care.house.lines(&sql).await
}

on_both_databases! {
    async fn who_has_new_facts_is_kept_before_a_page_of_the_others(database) {
        let care = kept(database, 25).await;
        let (app, book) = (&care.house.app, &care.house.app.book);
        care.house.send((20..25).map(|n| order(n, 1)).collect()).await;
        publish(book, "bought", 1).await;
        assert_eq!(due(&care).await, 25, "all of them are behind");
        let sql = "SELECT COUNT(*) AS n FROM customer_due WHERE due_at <= (SELECT now_at FROM clock)";
        assert_eq!(care.house.lines(sql).await, ["5"], "publishing itself marks nobody");

        assert_eq!(keep(app, 10).await, 5);
        assert_eq!(who_have(&care, "bought").await, users(20..25));
        assert_eq!(due(&care).await, 20);
        assert_eq!(keep(app, 10).await, 10);
        assert_eq!(who_have(&care, "bought").await, users((0..10).chain(20..25)));
        // Somebody whom marking hasn't come to yet.
        care.house.send(vec![order(15, 1)]).await;
        assert_eq!(keep(app, 10).await, 1);
        assert_eq!(who_have(&care, "bought").await, users((0..10).chain([15]).chain(20..25)));
        assert_eq!(due(&care).await, 9);
        assert_eq!(keep(app, 10).await, 9, "who is kept by the new rules isn't looked at again");
        assert_eq!(keep(app, 10).await, 0);
        assert_eq!(who_have(&care, "bought").await, users(0..25));
        assert_eq!((marks(&care).await, due(&care).await), (vec![], 0));
        assert_eq!(entries(&care, "bought").await, ["25|25"]);
    }

    async fn until_everybody_is_marked_the_clock_stands_and_nobody_is_called_wrong(database) {
        let care = kept(database, 12).await;
        let (app, book) = (&care.house.app, &care.house.app.book);
        let step = async || book.store.step_clock(None, Instant::MAX).await.expect("asked");
        publish(book, "bought", 1).await;
        assert_eq!(book.store.next_due(waiting::CUSTOMERS).await.expect("read"), Some(at(PUBLISHED_AT)));
        let check = async || {
            let mut found = Vec::new();
            let report = rebuild::run(book, Mode::Check, &mut |d| found.push(format!("{d:?}"))).await.expect("looked");
            (found, report.not_compared)
        };
        assert_eq!(check().await, (vec![], 12));
        for kept in [5, 5, 2] {
            assert_eq!(step().await, Step::NotYet);
            assert_eq!(keep(app, 5).await, kept);
        }
        assert_eq!(check().await, (vec![], 0));
        assert!(matches!(step().await, Step::Moved(to) if to > at(PUBLISHED_AT)));
    }

    async fn the_ledger_says_the_rule_since_it_was_published_whenever_the_page_came(database) {
        let care = kept(database, 9).await;
        let (app, book) = (&care.house.app, &care.house.app.book);
        publish(book, "bought", 1).await;
        publish(book, "bought_twice", 2).await;
        assert_eq!(keep(app, 3).await, 3);
        care.set_now(at(LATER)).await;
        // Marking hasn't come to this one; the fact is what it is kept for.
        care.house.send(vec![order(7, 1)]).await;
        assert_eq!(keep(app, 3).await, 1);
        while keep(app, 3).await > 0 {}
        let sql = "SELECT key, as_of, cause, COUNT(*) AS n, COUNT(DISTINCT customer_id) AS customers FROM tag_history \
                   WHERE key IN ('bought', 'bought_twice') GROUP BY key, as_of, cause ORDER BY key";
        let (published, later) = (at(PUBLISHED_AT).micros(), at(LATER).micros());
        let told = [format!("bought|{published}|rule|9|9"), format!("bought_twice|{later}|event|1|1")];
        assert_eq!(care.house.lines(sql).await, told);
        assert_eq!(who_have(&care, "bought_twice").await, users([7]));
    }

    async fn whoever_comes_after_a_death_goes_on_with_the_next_page(database) {
        let care = kept(database, 12).await;
        let book = &care.house.app.book;
        publish(book, "bought", 1).await;
        assert_eq!(keep(&care.house.app, 5).await, 5);
        let after = marks(&care).await;
        assert!(after[0].starts_with("mark_after|") && after[0] != "mark_after|0", "{after:?}");
        // Another page is marked and leased, and then it's over.
        book.points.visited_by(|at| Box::pin(async move {
            if at == Point::KeeperDecided { Err("dies here".to_owned()) } else { Ok(()) }
        }));
        let now = book.now().await.expect("the time");
        assert!(keeping::keep_due(book, now, 5).await.is_err());
        assert_eq!((who_have(&care, "bought").await, due(&care).await), (users(0..5), 7));
        care.exec("UPDATE customer_due SET leased_until = $1 WHERE leased_until IS NOT NULL", [0]).await;
        care.beside().await.engine().drain_all().await.expect("kept");
        assert_eq!(who_have(&care, "bought").await, users(0..12));
        assert_eq!((marks(&care).await, entries(&care, "bought").await), (vec![], vec!["12|12".to_owned()]));
    }

    async fn two_daemons_mark_and_keep_everybody_once(database) {
        let care = kept(database, 60).await;
        let other = care.beside().await;
        publish(&care.house.app.book, "bought", 1).await;
        let run = async |app: &App| while keep(app, 4).await > 0 {};
        futures::join!(run(&care.house.app), run(&other));
        // Who finds the others at it goes home; somebody comes by again.
        run(&other).await;
        assert_eq!(who_have(&care, "bought").await, users(0..60));
        assert_eq!((marks(&care).await, entries(&care, "bought").await), (vec![], vec!["60|60".to_owned()]));
    }

    async fn what_is_published_while_pages_are_marked_begins_anew(database) {
        let care = kept(database, 12).await;
        let (app, book) = (&care.house.app, &care.house.app.book);
        publish(book, "bought", 1).await;
        assert_eq!(keep(app, 5).await, 5);
        publish(book, "bought_anything", 1).await;
        assert_eq!(marks(&care).await[0], "mark_after|0");
        for kept in [5, 5, 2, 0] {
            assert_eq!(keep(app, 5).await, kept);
        }
        for tag in ["bought", "bought_anything"] {
            assert_eq!((who_have(&care, tag).await, entries(&care, tag).await), (users(0..12), vec!["12|12".to_owned()]));
        }
    }

    async fn publishing_costs_the_same_however_many_there_are(database) {
        let care = kept(database, 3).await;
        let store = &care.house.app.book.store;
        let published = async |key: &str| {
            let before = store.asked_in_transactions();
            publish(&care.house.app.book, key, 1).await;
            store.asked_in_transactions() - before
        };
        let few = published("one").await;
        more(&care, 3..90).await;
        assert_eq!(published("two").await, few);
    }

    async fn who_is_decided_on_when_a_rule_is_published_is_kept_by_the_rule(database) {
        let care = kept(database, 1).await;
        let book = care.house.app.book.clone();
        let points = [Point::KeeperClaimed, Point::KeeperRulesRead, Point::KeeperFactsRead, Point::KeeperDecided];
        for (n, point) in (1..).zip(points) {
            care.house.send(vec![order(0, n)]).await;
            let (inside, once) = (book.clone(), Arc::new(AtomicBool::new(false)));
            book.points.visited_by(move |at| {
                let (book, once) = (inside.clone(), once.clone());
                Box::pin(async move {
                    if at == point && !once.swap(true, Ordering::SeqCst) {
                        publish(&book, &format!("bought_{n}"), 1).await;
                    }
                    Ok(())
                })
            });
            while keep(&care.house.app, 10).await > 0 {}
            book.points.leave();
            care.set_now(at(KEPT_AT) + domain::time::Span::days(i64::from(n) + 1)).await;
        }
        let sql = "SELECT key, cause FROM tag_history WHERE key LIKE 'bought_%' ORDER BY key";
        assert_eq!(care.house.lines(sql).await, ["bought_1|rule", "bought_2|rule", "bought_3|rule", "bought_4|rule"]);
    }

    async fn whom_the_first_facts_bring_after_a_publishing_needs_no_marking(database) {
        let care = Care::in_onboarding(database, &[]).await;
        publish(&care.house.app.book, "bought", 1).await;
        assert_eq!(marks(&care).await, Vec::<String>::new());
        let source = source_of_facts(&care.house.app).await;
        let batch = Batch { source, received_at: None, historical: false, events: vec![order(1, 0)] };
        ingest::accept(&care.house.app.book.store, batch).await.expect("taken in");
        assert_eq!(keep(&care.house.app, 10).await, 1);
        assert_eq!(who_have(&care, "bought").await, users([1]));
    }
}
