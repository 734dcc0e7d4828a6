//! The keeper at every named point between two of its steps: a fact comes in there, it dies there, or both. No customer is
//! left unevaluated, nothing is written twice, and the ledger ends with what stands.

use crate::support::care::Care;
use crate::support::on_both_databases;
use domain::ids::CustomerId;
use domain::time::{Instant, Span};
use futures::future::BoxFuture;
use kinkeeper::service::ingest::{self, Batch};
use kinkeeper::service::points::Point;
use kinkeeper::service::rebuild::{self, Mode};
use kinkeeper::service::self_check::{self, Checked, SAMPLE};
use kinkeeper::service::{Book, keeping};
use kinkeeper::store::wakes::AFTER_IMPORT;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;

fn order(id: &str, total: u32, day: u32) -> Value {
    json!({"type": "track", "messageId": id, "userId": "u1", "event": "Order Completed",
        "timestamp": format!("2011-12-{day:02}T12:00:00Z"), "properties": {"order_id": id, "total": total}})
}

/// What happens at the point, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happens {
    Fact,
    Death,
    FactThenDeath,
}

/// Keeps until nobody is due; who dies leaves a lease behind, which is over by then.
async fn keep(care: &Care) {
    let book = &care.house.app.book;
    let now = book.now().await.expect("the time");
    for _ in 0..20 {
        let done = keeping::keep_due(book, now, 10).await;
        care.exec("UPDATE customer_due SET leased_until = $1 WHERE leased_until IS NOT NULL", [0]).await;
        if let Ok(0) = done {
            return;
        }
    }
    panic!("the keeper doesn't come to an end");
}

async fn send(book: Arc<Book>, source: domain::ids::SourceId, fact: Value) {
    let batch = Batch { source, received_at: None, historical: false, events: vec![fact] };
    ingest::accept(&book.store, batch).await.expect("taken in");
}

async fn at_the_point(care: &Care, source: domain::ids::SourceId, point: Point, happens: Happens, n: usize) {
    let book = care.house.app.book.clone();
    let postgres = care.house.database.url().starts_with("postgres");
    care.house.send(vec![order(&format!("first-{n}"), 100, 10)]).await;
    let (passed, sending) =
        (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::<JoinHandle<()>>::new())));
    let (seen, begun, inside) = (passed.clone(), sending.clone(), book.clone());
    book.points.visited_by(move |at| -> BoxFuture<'static, Result<(), String>> {
        if at != point || seen.swap(true, Ordering::SeqCst) {
            return Box::pin(async { Ok(()) });
        }
        let (book, begun) = (inside.clone(), begun.clone());
        Box::pin(async move {
            if happens != Happens::Death {
                let task = tokio::spawn(send(book, source, order(&format!("at-{n}"), 3_000, 11)));
                // Inside its transaction the keeper holds SQLite's writer, and from the save on the customer's row.
                if at == Point::KeeperSaved || (at == Point::KeeperSaving && !postgres) {
                    begun.lock().unwrap_or_else(PoisonError::into_inner).push(task);
                } else {
                    task.await.expect("sent");
                }
            }
            if happens == Happens::Fact { Ok(()) } else { Err("dies here".to_owned()) }
        })
    });
    keep(care).await;
    let tasks: Vec<_> = sending.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect();
    for task in tasks {
        task.await.expect("sent");
    }
    book.points.leave();
    keep(care).await;
    assert!(passed.load(Ordering::SeqCst), "nobody passed {}", point.as_str());
}

on_both_databases! {
    async fn no_fact_is_left_unevaluated_wherever_it_comes_in_and_whoever_dies(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let source = crate::support::book::source_of_facts(&care.house.app).await;
        let mut spent = 0;
        let mut n = 0;
        for point in Point::of_the_keeper() {
            for happens in [Happens::Fact, Happens::Death, Happens::FactThenDeath] {
                n += 1;
                at_the_point(&care, source, point, happens, n).await;
                spent += if happens == Happens::Death { 100 } else { 3_100 };
                let told = format!("{} {happens:?}", point.as_str());
                let profile = care.house.lines("SELECT spend_365_minor, orders_365 FROM profile").await;
                let orders = care.house.lines("SELECT COUNT(*) AS n FROM orders").await;
                assert_eq!(profile, [format!("{}|{}", spent * 100, orders[0])], "{told}");
                let mut found = Vec::new();
                let book = &care.house.app.book;
                let report = rebuild::run(book, Mode::Check, &mut |d| found.push(format!("{d:?}"))).await.expect("looked");
                assert_eq!((found, report.not_compared), (Vec::new(), 0), "{told}");
                // Each entry goes on from where the one before ended: none is there twice, none is missing.
                let torn = "SELECT key, was, from_value FROM (SELECT key, from_value, LAG(to_value) OVER \
                    (PARTITION BY customer_id, key ORDER BY id) AS was FROM tag_history) h \
                    WHERE COALESCE(was, '') <> COALESCE(from_value, '')";
                assert_eq!(care.house.lines(torn).await, Vec::<String>::new(), "{told}");
            }
        }
        assert_eq!(n, 3 * Point::of_the_keeper().count());
    }

    async fn what_is_received_after_the_keeper_looked_at_the_clock_is_looked_at_next(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let book = care.house.app.book.clone();
        let source = crate::support::book::source_of_facts(&care.house.app).await;
        for (n, point) in [Point::KeeperClaimed, Point::KeeperRulesRead, Point::KeeperStandingRead].into_iter().enumerate() {
            let later = book.now().await.expect("the time") + Span::seconds(1);
            care.house.send(vec![order(&format!("before-{n}"), 100, 10)]).await;
            let (inside, passed) = (book.clone(), AtomicBool::new(false));
            book.points.visited_by(move |at| -> BoxFuture<'static, Result<(), String>> {
                if at != point || passed.swap(true, Ordering::SeqCst) {
                    return Box::pin(async { Ok(()) });
                }
                let store = inside.store.clone();
                // As by a real clock, which goes on while the keeper is at work.
                let events = vec![order(&format!("after-{n}"), 3_000, 11)];
                let batch = Batch { source, received_at: Some(later), historical: false, events };
                Box::pin(async move { ingest::accept(&store, batch).await.map(drop).map_err(|e| e.to_string()) })
            });
            keep(&care).await;
            book.points.leave();
            care.set_now(later).await;
            keep(&care).await;
            let profile = care.house.lines("SELECT orders_365 FROM profile").await;
            assert_eq!(profile, [(2 * (n + 1)).to_string()], "{}", point.as_str());
            let well = self_check::look(&book, CustomerId(0), SAMPLE).await.expect("looked");
            assert_eq!((well.customers, well.drift), (1, vec![]), "{}", point.as_str());
        }
        // Had nobody come back, the check would tell.
        let batch = Batch { source, received_at: None, historical: false, events: vec![order("left", 1, 12)] };
        care.set_now(book.now().await.expect("the time") + Span::seconds(1)).await;
        ingest::accept(&book.store, batch).await.expect("taken in");
        care.exec("UPDATE customer_due SET due_at = $1", [Instant::MAX.micros()]).await;
        let drift = self_check::look(&book, CustomerId(0), SAMPLE).await.expect("looked").drift;
        assert!(drift.iter().any(|line| line.contains("nobody is to look at them")), "{drift:?}");
    }

    async fn a_rule_published_while_customers_are_held_reaches_them(database) {
        let care = Arc::new(Care::in_onboarding(database, &[]).await);
        let book = care.house.app.book.clone();
        let postgres = care.house.database.url().starts_with("postgres");
        let tier = include_str!("../../config/tags/value_tier.yaml");
        for (n, point) in Point::of_the_keeper().enumerate() {
            care.house.send(vec![order(&format!("o-{n}"), 3_000, 10)]).await;
            let text = format!("kind: tag\n{}", tier.replace("Value tier", &format!("Value tier {n}")));
            assert!(text.contains(&format!("Value tier {n}")), "the tag's name is in its document");
            let (passed, begun) = (AtomicBool::new(false), Arc::new(Mutex::new(Vec::<JoinHandle<()>>::new())));
            let (publisher, tasks, point) = (care.clone(), begun.clone(), point);
            book.points.visited_by(move |at| -> BoxFuture<'static, Result<(), String>> {
                if at != point || passed.swap(true, Ordering::SeqCst) {
                    return Box::pin(async { Ok(()) });
                }
                let (publisher, text, tasks) = (publisher.clone(), text.clone(), tasks.clone());
                Box::pin(async move {
                    let task = tokio::spawn(async move { publisher.apply(&text).await });
                    if at == Point::KeeperSaved || (at == Point::KeeperSaving && !postgres) {
                        tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
                    } else {
                        task.await.map_err(|e| e.to_string())?;
                    }
                    Ok(())
                })
            });
            keep(&care).await;
            let tasks: Vec<_> = begun.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect();
            for task in tasks {
                task.await.expect("published");
            }
            book.points.leave();
            keep(&care).await;
            let old = "SELECT key, rule_version FROM tag_current t WHERE key = 'value_tier' AND rule_version <> \
                       (SELECT MAX(version) FROM rule_version r WHERE r.key = t.key)";
            assert_eq!(care.house.lines(old).await, Vec::<String>::new(), "{}", point.as_str());
            let versions = care.house.lines("SELECT MAX(version) AS v FROM rule_version WHERE key = 'value_tier'").await;
            assert_eq!(versions, [(n + 2).to_string()], "{}", point.as_str());
        }
    }

    async fn who_waits_for_an_import_waits_through_the_keeper_and_a_publication(database) {
        let care = Arc::new(Care::in_onboarding(database, &[]).await);
        let book = care.house.app.book.clone();
        care.house.send(vec![order("one", 100, 10)]).await;
        let (slice, passed) = (care.clone(), AtomicBool::new(false));
        book.points.visited_by(move |at| -> BoxFuture<'static, Result<(), String>> {
            if at != Point::KeeperClaimed || passed.swap(true, Ordering::SeqCst) {
                return Box::pin(async { Ok(()) });
            }
            let care = slice.clone();
            // A slice of an import comes in.
            let sql = "UPDATE customer_due SET due_at = $1, fact_rev = fact_rev + 1";
            Box::pin(async move {
                care.exec(sql, [AFTER_IMPORT.micros()]).await;
                Ok(())
            })
        });
        keep(&care).await;
        book.points.leave();
        let due = || care.house.lines("SELECT due_at FROM customer_due");
        let waits = [AFTER_IMPORT.micros().to_string()];
        assert_eq!(due().await, waits);
        assert_eq!(care.house.lines("SELECT COUNT(*) AS n FROM profile").await, ["0"]);
        care.apply(&format!("kind: tag\n{}", include_str!("../../config/tags/value_tier.yaml").replace("Value tier", "Worth"))).await;
        assert_eq!(due().await, waits);
        let early = self_check::look(&book, CustomerId(0), SAMPLE).await.expect("looked");
        assert_eq!((early.customers, early.drift), (0, vec![]));
    }

    async fn a_fact_that_mends_somebody_while_they_are_set_aside_is_looked_at(database) {
        let care = Arc::new(Care::in_onboarding(database, &[]).await);
        let book = care.house.app.book.clone();
        care.house.send(vec![order("one", 100, 10)]).await;
        care.exec("UPDATE event SET order_key = NULL WHERE id > $1", [0]).await;
        let (mends, passed) = (care.clone(), AtomicBool::new(false));
        book.points.visited_by(move |at| -> BoxFuture<'static, Result<(), String>> {
            if at != Point::KeeperDecided || passed.swap(true, Ordering::SeqCst) {
                return Box::pin(async { Ok(()) });
            }
            let care = mends.clone();
            Box::pin(async move {
                care.exec("UPDATE event SET order_key = 'retail:one' WHERE id > $1", [0]).await;
                care.house.send(vec![order("two", 100, 11)]).await;
                Ok(())
            })
        });
        keep(&care).await;
        book.points.leave();
        assert_eq!(care.house.lines("SELECT orders_365 FROM profile").await, ["2"]);
        assert_eq!(care.house.lines("SELECT failed FROM customer_due").await, ["-"]);
    }

    async fn who_could_not_be_decided_on_is_due_and_leased_to_nobody(database) {
        let care = Arc::new(Care::in_onboarding(database, &[]).await);
        let book = care.house.app.book.clone();
        care.house.send(vec![order("one", 100, 10)]).await;
        book.points.visited_by(|at| -> BoxFuture<'static, Result<(), String>> {
            let fails = at == Point::KeeperFactsRead;
            Box::pin(async move { if fails { Err("no facts to be had".to_owned()) } else { Ok(()) } })
        });
        let now = book.now().await.expect("the time");
        assert!(keeping::keep_due(&book, now, 10).await.is_err());
        book.points.leave();
        assert_eq!(care.house.lines("SELECT COUNT(leased_until) AS n FROM customer_due").await, ["0"]);
        assert_eq!(keeping::keep_due(&book, now, 10).await.expect("kept"), 1);
    }

    async fn a_publication_lets_the_keeper_try_again_whom_it_set_aside(database) {
        let care = Arc::new(Care::in_onboarding(database, &[]).await);
        let failed = async || care.house.lines("SELECT COUNT(failed) AS n FROM customer_due").await;
        let publish = |n: usize| {
            let name = format!("Value tier {n}");
            format!("kind: tag\n{}", include_str!("../../config/tags/value_tier.yaml").replace("Value tier", &name))
        };
        care.house.send(vec![order("one", 100, 10)]).await;
        let break_it = "UPDATE event SET order_key = NULL WHERE id > $1";
        care.exec(break_it, [0]).await;
        keep(&care).await;
        assert_eq!(failed().await, ["1"]);
        care.apply(&publish(1)).await;
        keep(&care).await;
        assert_eq!(failed().await, ["1"], "they still can't be kept");
        care.exec("UPDATE event SET order_key = 'retail:one' WHERE id > $1", [0]).await;
        care.apply(&publish(2)).await;
        keep(&care).await;
        assert_eq!((failed().await, care.house.lines("SELECT orders_365 FROM profile").await), (vec!["0".to_owned()], vec!["1".to_owned()]));
    }

    async fn who_is_set_aside_by_the_rules_of_before_while_others_are_published_is_tried_again(database) {
        let care = Arc::new(Care::in_onboarding(database, &[]).await);
        let book = care.house.app.book.clone();
        care.house.send(vec![order("one", 100, 10)]).await;
        care.exec("UPDATE event SET order_key = NULL WHERE id > $1", [0]).await;
        let (publisher, passed) = (care.clone(), AtomicBool::new(false));
        let text = include_str!("../../config/tags/value_tier.yaml").replace("Value tier", "Worth");
        book.points.visited_by(move |at| -> BoxFuture<'static, Result<(), String>> {
            if at != Point::KeeperDecided || passed.swap(true, Ordering::SeqCst) {
                return Box::pin(async { Ok(()) });
            }
            let (care, text) = (publisher.clone(), text.clone());
            Box::pin(async move {
                care.exec("UPDATE event SET order_key = 'retail:one' WHERE id > $1", [0]).await;
                care.apply(&format!("kind: tag\n{text}")).await;
                // Another keeper marks everybody meanwhile: marking doesn't come by again.
                let (book, marked) = (&care.house.app.book, "SELECT COUNT(*) AS n FROM meta WHERE key = 'mark_at'");
                let now = book.now().await.expect("the time");
                assert_eq!(keeping::keep_due(book, now, 10).await.expect("marked"), 0);
                assert_eq!(care.house.lines(marked).await, ["0"]);
                Ok(())
            })
        });
        keep(&care).await;
        book.points.leave();
        assert_eq!(care.house.lines("SELECT failed FROM customer_due").await, ["-"]);
        assert_eq!(care.house.lines("SELECT orders_365 FROM profile").await, ["1"]);
    }

    async fn a_rebuild_writes_nothing_over_what_came_in_since_it_looked(database) {
        let care = Arc::new(Care::in_onboarding(database, &[]).await);
        let book = care.house.app.book.clone();
        care.house.send(vec![order("o-0", 100, 10)]).await;
        keep(&care).await;
        let tier = include_str!("../../config/tags/value_tier.yaml");
        // A fact comes in; or it is kept too; or a rule is published, and it is kept by that.
        for n in 1..=3 {
            care.exec("UPDATE profile SET orders_365 = $1", [77]).await;
            let (meanwhile, passed) = (care.clone(), Arc::new(AtomicBool::new(false)));
            let text = format!("kind: tag\n{}", tier.replace("Value tier", &format!("Value tier {n}")));
            let seen = passed.clone();
            book.points.visited_by(move |at| -> BoxFuture<'static, Result<(), String>> {
                if at != Point::RebuildCompared || seen.swap(true, Ordering::SeqCst) {
                    return Box::pin(async { Ok(()) });
                }
                let (care, text) = (meanwhile.clone(), text.clone());
                Box::pin(async move {
                    match n {
                        1 | 2 => care.house.send(vec![order(&format!("o-{n}"), 3_000, 11)]).await,
                        _ => care.apply(&text).await,
                    }
                    if n > 1 {
                        keep(&care).await;
                    }
                    Ok(())
                })
            });
            let report = rebuild::run(&book, Mode::Rebuild, &mut |_| {}).await.expect("rebuilt");
            book.points.leave();
            assert!(passed.load(Ordering::SeqCst), "something differed");
            assert_eq!((report.differences, report.not_compared), (0, 1), "{n}");
            keep(&care).await;
            let well = self_check::look(&book, CustomerId(0), SAMPLE).await.expect("looked");
            assert_eq!((well.customers, well.drift), (1, vec![]), "{n}");
            let orders = care.house.lines("SELECT orders_365 FROM profile").await;
            assert_eq!(orders, [(n.min(2) + 1).to_string()], "{n}");
            let torn = "SELECT key, to_value FROM tag_history WHERE cause = 'rebuild'";
            assert_eq!(care.house.lines(torn).await, Vec::<String>::new(), "{n}");
        }
        let versions = care.house.lines("SELECT rule_version FROM tag_current WHERE key = 'value_tier'").await;
        assert_eq!(versions, ["2"], "the first change of its document");
        // With nothing in between it is put right.
        care.exec("UPDATE profile SET orders_365 = $1", [77]).await;
        let report = rebuild::run(&book, Mode::Rebuild, &mut |_| {}).await.expect("rebuilt");
        assert_eq!((report.differences, report.not_compared), (1, 0));
        assert_eq!(care.house.lines("SELECT orders_365 FROM profile").await, ["3"]);
    }

    async fn the_self_check_finds_what_a_wrong_step_left(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let book = &care.house.app.book;
        assert_eq!(self_check::sample(book).await.expect("looked"), Checked::default(), "of nobody");
        care.house.send(vec![order("one", 3_000, 10)]).await;
        let early = self_check::look(book, CustomerId(0), SAMPLE).await.expect("looked");
        assert_eq!((early.customers, early.drift), (0, vec![]), "who is due isn't compared");
        keep(&care).await;
        let well = self_check::look(book, CustomerId(0), SAMPLE).await.expect("looked");
        assert_eq!((well.customers, well.drift), (1, vec![]));
        care.exec("UPDATE profile SET orders_365 = $1", [7]).await;
        care.exec("UPDATE tag_current SET value = 'gold' WHERE key = 'value_tier' AND customer_id > $1", [0]).await;
        let drift = self_check::look(book, CustomerId(0), SAMPLE).await.expect("looked").drift;
        assert_eq!(drift.len(), 2, "{drift:?}");
        assert!(drift[0].starts_with("profile cus_") && drift[1].contains("gold instead of silver"), "{drift:?}");
        // Drawn by lot: of one customer it is always the one, or nobody behind them.
        let drawn = async || self_check::sample(book).await.expect("looked").drift.len();
        let mut found = 0;
        for _ in 0..40 {
            found += drawn().await;
        }
        assert!(found > 0 && found < 80, "{found}");
    }
}
