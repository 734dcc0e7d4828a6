//! The book in a daemon's memory: after whatever anybody wrote it says what the database says, without being loaded again; it takes no
//! more room than it may.

use super::trees::{NOW, story, tree};
use crate::support::TestDatabase;
use crate::support::book::House;
use crate::support::care::{Care, at};
use crate::support::on_both_databases;
use domain::ids::CustomerId;
use domain::rule;
use domain::segment::Hand;
use domain::time::Span;
use kinkeeper::service::asking::{self, ColumnCache, CountedBy, SegmentCount, Whom};
use kinkeeper::service::pinning::{self, Word};
use kinkeeper::service::profile::{IdentifierKind, find};
use kinkeeper::service::rebuild::{self, Mode};
use kinkeeper::service::{Book, ServiceError, correcting, erasing, identity};
use kinkeeper::store::{Lane, StoreError, changes};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DbBackend};
use serde_json::{Value, json};

async fn count(book: &Book, rule: &Value, by: CountedBy) -> Result<SegmentCount, ServiceError> {
    let question = asking::question(book, Whom::Rule(rule.clone())).await?;
    asking::count_now(book, question, Some(by), asking::MOST).await
}

/// What columns say, held to what the database says.
async fn same(book: &Book, rule: &Value, after: &str) -> u64 {
    let told = count(book, rule, CountedBy::Columns)
        .await
        .unwrap_or_else(|error| panic!("{after}: {rule}: {error}"));
    let asked = count(book, rule, CountedBy::Database)
        .await
        .unwrap_or_else(|error| panic!("{after}: {rule}: {error}"));
    assert_eq!(told.count, asked.count, "{after}: {rule}");
    assert!(told.exact && told.margin == 0 && told.source == CountedBy::Columns);
    let of = count(book, &json!({"share": "100%", "salt": "x"}), CountedBy::Database)
        .await
        .expect("counted")
        .count;
    assert_eq!(told.of, Some(of), "{after}");
    told.count
}

/// One of each kind of what columns hold.
fn rules() -> Vec<Value> {
    vec![
        json!({"profile": "spend_365", "gte": "50.00"}),
        json!({"profile": "top_category", "exists": true}),
        json!({"profile": "birthday", "exists": true}),
        json!({"profile": "refund_rate_365", "gt": "0%"}),
        json!({"days_since": "last_order_at", "lte": 10}),
        json!({"anniversary": "last_order_at", "within": "180d"}),
        json!({"tag": "value_tier", "exists": true}),
        json!({"tag": "complaint_open", "exists": true}),
        json!({"tag": "complaint_open", "exists": false, "since": {"within": "5d"}}),
        json!({"tag": "value_tier", "exists": true, "since": {"older_than": "10d"}}),
        json!({"segment": "recent"}),
        json!({"segment": "recent_asked"}),
        json!({"not": {"share": "50%", "salt": "x"}}),
    ]
}

const SEGMENTS: &str = "kind: segment
key: recent
name: { en: Recent, zh-CN: 近 }
rule: { profile: last_order_at, within: 30d }
---
kind: segment
key: recent_asked
name: { en: Recent, zh-CN: 近 }
keep: on_demand
rule: { profile: last_order_at, within: 30d }
";

fn track(user: &str, event: &str, when: &str, properties: Value) -> Value {
    json!({"type": "track", "messageId": format!("{user} {event} {when}"), "userId": user, "event": event, "timestamp": when,
        "properties": properties})
}

fn order(n: u32) -> Value {
    let line = json!([{"name": "P", "category": format!("C{}", n % 3), "price": 10 * n, "quantity": 1}]);
    track(
        &format!("u{n}"),
        "Order Completed",
        "2011-12-20T12:00:00Z",
        json!({"order_id": format!("o{n}"), "total": 10 * n, "products": line}),
    )
}

async fn keep(care: &Care) {
    care.house.app.engine().drain_all().await.expect("kept");
}

async fn who(care: &Care, user: &str) -> CustomerId {
    find(&care.house.app.book, IdentifierKind::UserId, user).await.expect("asked").expect("is in the book")
}

async fn begun(database: TestDatabase) -> Care {
    let care = Care::in_onboarding(database, &[]).await;
    care.apply(SEGMENTS).await;
    let identify = json!({"type": "identify", "messageId": "i", "userId": "u3", "timestamp": "2011-12-02T00:00:00Z",
        "traits": {"name": "Rosa Winter", "birthday": "1990-12-24", "timezone": "Asia/Shanghai"}});
    let ticket =
        track("u4", "Ticket Opened", "2011-12-21T00:00:00Z", json!({"ticket_id": "t", "complaint": true}));
    care.house.send((1..=12).map(order).chain([identify, ticket]).collect()).await;
    keep(&care).await;
    care
}

on_both_databases! {
    async fn whoever_writes_is_seen(database) {
        let care = begun(database).await;
        let book = &care.house.app.book;
        let check = async |after: &str| {
            let mut counts = Vec::new();
            for rule in rules() {
                counts.push(same(book, &rule, after).await);
            }
            counts
        };
        let first = check("at first").await;
        assert_eq!((first[2], first[10], first[11]), (1, 12, 12), "{first:?}");
        let loads = book.columns.loads();
        // The keeper, of new and of known customers.
        care.house.send(vec![order(13), track("u4", "Ticket Resolved", "2011-12-24T00:00:00Z", json!({"ticket_id": "t"}))]).await;
        keep(&care).await;
        let kept = check("kept").await;
        assert_eq!((kept[10], first[7], kept[7]), (13, 1, 0));
        // Time.
        care.set_now(at("2012-01-22T00:00:00Z")).await;
        keep(&care).await;
        assert_eq!(check("as time passes").await[10], 0);
        // Two become one, and two again, before and after anybody keeps them.
        let (one, other) = (who(&care, "u1").await, who(&care, "u2").await);
        identity::merge(book, one, other, "cli:tester", Some("the same")).await.expect("merged");
        check("merged").await;
        keep(&care).await;
        check("merged and kept").await;
        identity::unmerge(book, other, "cli:tester", Some("not the same")).await.expect("parted");
        check("parted").await;
        keep(&care).await;
        check("parted and kept").await;
        // By hand.
        let said = ("recent", Word::Is(Hand::Pinned, None));
        pinning::say(book, one, said, "asked for by the shop", "key:sal").await.expect("said");
        keep(&care).await;
        assert_eq!(check("pinned").await[10], 1);
        // What they said of themselves is taken back; then they are forgotten.
        let rosa = who(&care, "u3").await;
        let wanted = correcting::Wanted { unset: ["birthday".to_owned()].into(), reason: "asked for".to_owned(), ..Default::default() };
        correcting::correct(book, rosa, wanted, "cli:tester").await.expect("corrected");
        assert_eq!(check("corrected").await[2], 0);
        keep(&care).await;
        check("corrected and kept").await;
        erasing::erase(book, rosa, "asked", "cli:tester").await.expect("erased");
        check("erased").await;
        keep(&care).await;
        check("erased and kept").await;
        // What is published.
        care.apply("kind: segment\nkey: recent\nname: { en: R, zh-CN: 近 }\nrule: { profile: last_order_at, within: 90d }\n").await;
        keep(&care).await;
        assert_eq!(check("published").await[10], 12);
        assert_eq!(book.columns.loads(), loads, "nothing was loaded again");
        // What was wrong is put right.
        let beside = care.beside().await;
        care.exec::<i64>("UPDATE profile SET spend_365_minor = 1 WHERE spend_365_minor > 9000", []).await;
        let wrong = same(&beside.book, &rules()[0], "wrong").await;
        rebuild::run(book, Mode::Rebuild, &mut |_| {}).await.expect("rebuilt");
        assert!(same(&beside.book, &rules()[0], "rebuilt").await > wrong);
    }

    async fn random_changes_are_seen_by_two_daemons(database) {
        let care = begun(database).await;
        let beside = care.beside().await;
        let seed = std::env::var("KINKEEPER_COLUMNS_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(7u64);
        println!("KINKEEPER_COLUMNS_SEED={seed}");
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let config = Config { failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        care.set_now(NOW).await;
        keep(&care).await;
        let (mut compared, mut n) = (0, 100);
        for step in 0..24 {
            let draw = (0usize..8, 1usize..12).new_tree(&mut runner).expect("drawn").current();
            let user = format!("u{}", draw.1);
            match draw.0 {
                0..=3 => {
                    let mut events = story().new_tree(&mut runner).expect("a story").current();
                    for event in &mut events {
                        n += 1;
                        event["userId"] = user.as_str().into();
                        event["messageId"] = format!("r{n}").into();
                    }
                    care.house.send(events).await;
                    if draw.0 > 0 {
                        keep(&care).await;
                    }
                }
                4 => {
                    let now = care.house.app.book.now().await.expect("now");
                    care.set_now(now + Span::days(9)).await;
                    beside.engine().drain_all().await.expect("kept");
                }
                5 => {
                    let (one, other) = (who(&care, &user).await, who(&care, "u12").await);
                    // Whoever is erased, or one with them already, stays as they are.
                    drop(identity::merge(&care.house.app.book, one, other, "cli:tester", Some("r")).await);
                }
                6 => drop(identity::unmerge(&beside.book, CustomerId(12), "cli:tester", Some("r")).await),
                _ => drop(erasing::erase(&beside.book, CustomerId(draw.1 as i64), "asked", "cli:tester").await),
            }
            let mut asked = 0;
            while asked < 4 {
                let tree = tree().new_tree(&mut runner).expect("a rule").current();
                let rule = rule::parse(&tree).expect("a rule");
                if rule.events().next().is_some() || rule.leaves().iter().any(|leaf| matches!(leaf, rule::Rule::Score { .. } | rule::Rule::Record(_))) {
                    continue;
                }
                let app = if asked % 2 == 0 { &care.house.app } else { &beside };
                match count(&app.book, &tree, CountedBy::Database).await {
                    Ok(_) => {
                        same(&app.book, &tree, &format!("step {step} of KINKEEPER_COLUMNS_SEED={seed}")).await;
                    }
                    // Of a tag that there isn't.
                    Err(ServiceError::Invalid(_)) => continue,
                    Err(other) => panic!("{tree}: {other}"),
                }
                asked += 1;
                compared += 1;
            }
        }
        assert_eq!(compared, 96);
    }

    async fn what_there_is_no_room_for_goes_or_isnt_loaded(database) {
        let care = begun(database).await;
        let mut book = (*care.house.app.book).clone();
        let (spend, orders) = (json!({"profile": "spend_365", "gte": "0.00"}), json!({"profile": "orders_365", "gte": 0}));
        same(&book, &spend, "with room").await;
        let (held, one) = book.columns.held().await;
        assert_eq!(held, 1);
        // Room for one, not for two.
        book.columns = ColumnCache::of_bytes(one + 60);
        for (rule, n) in [(&spend, 1), (&orders, 2), (&orders, 2), (&spend, 3)] {
            same(&book, rule, "in turn").await;
            let (held, bytes) = book.columns.held().await;
            assert!(held == 1 && bytes <= one + 60, "{held} with {bytes} bytes");
            assert_eq!(book.columns.loads(), n);
        }
        let both = json!({"all": [spend, orders]});
        for _ in 0..2 {
            let refused = count(&book, &both, CountedBy::Columns).await;
            assert!(matches!(&refused, Err(ServiceError::Invalid(why)) if why[0].code == "not_in_columns"), "{refused:?}");
        }
        assert!(book.columns.loads() <= 4, "it isn't loaded in vain again and again");
        let question = asking::question(&book, Whom::Rule(both)).await.expect("a rule");
        let told = asking::count_now(&book, question, None, asking::MOST).await.expect("estimated");
        assert_eq!((told.count, told.source), (12, CountedBy::Sample));
        book.columns = ColumnCache::of_bytes(0);
        assert!(count(&book, &spend, CountedBy::Columns).await.is_err());
    }

    async fn until_they_are_loaded_the_sample_answers(database) {
        let care = begun(database).await;
        let book = &care.house.app.book;
        let rule = json!({"profile": "spend_365", "gte": "50.00"});
        let ask = async || {
            let question = asking::question(book, Whom::Rule(rule.clone())).await.expect("a rule");
            asking::count_now(book, question, None, asking::MOST).await.expect("counted")
        };
        assert_eq!(ask().await.source, CountedBy::Sample);
        book.columns.settled().await;
        let told = ask().await;
        assert_eq!((told.source, told.count, told.of), (CountedBy::Columns, 8, Some(12)));
        let events = json!({"event": "Order Completed"});
        assert!(count(book, &events, CountedBy::Columns).await.is_err(), "events are in no column");
        // A book with nobody in it.
        let empty = House::open(care.house.database.another(), &[]).await;
        assert_eq!(same(&empty.app.book, &rule, "of nobody").await, 0);
        // Two hundred nodes.
        let each: Vec<Value> = (0..199).map(|n| json!({"profile": "spend_365", "eq": format!("{n}.00")})).collect();
        assert_eq!(same(book, &json!({"any": each}), "long").await, 12);
    }

    async fn changes_that_were_forgotten_are_made_up_for(database) {
        let care = begun(database).await;
        let book = &care.house.app.book;
        let rule = json!({"profile": "spend_365", "gte": "50.00"});
        assert_eq!(same(book, &rule, "first").await, 8);
        let loads = book.columns.loads();
        care.house.send(vec![order(20)]).await;
        keep(&care).await;
        for _ in 0..2 {
            let many = book.store.write(Lane::Work, |tx| {
                Box::pin(async move {
                    for _ in 0..2_350 {
                        changes::note(tx, [CustomerId(1)]).await?;
                    }
                    Ok::<_, StoreError>(())
                })
            });
            many.await.expect("noted");
        }
        let left = care.number("SELECT COUNT(*) FROM profile_change").await;
        assert!((4_096..4_096 + 256).contains(&left), "{left} are left");
        assert_eq!(same(book, &rule, "after many").await, 9);
        assert_eq!(book.columns.loads(), loads + 1, "loaded again, since nobody knows what changed");
    }
}

/// Whoever commits late is seen, though others who began later were seen before.
#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_end_in_another_order_are_seen() {
    let care = begun(TestDatabase::migrated_postgres().await).await;
    let book = &care.house.app.book;
    assert_eq!(book.store.reader().get_database_backend(), DbBackend::Postgres);
    let rule = json!({"profile": "spend_365", "gte": "5000.00"});
    assert_eq!(same(book, &rule, "first").await, 0);
    let mut alone = ConnectOptions::new(care.house.database.url());
    alone.max_connections(1).min_connections(1);
    let slow = Database::connect(alone).await.expect("a connection of its own");
    for sql in [
        "BEGIN",
        "INSERT INTO profile_change (turn, customers) VALUES (CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT), '1')",
        "UPDATE profile SET spend_365_minor = 900000 WHERE customer_id = 1",
    ] {
        slow.execute_unprepared(sql).await.expect("written");
    }
    for n in 30..33 {
        care.house.send(vec![order(n)]).await;
        keep(&care).await;
        assert_eq!(same(book, &rule, "meanwhile").await, 0);
    }
    slow.execute_unprepared("COMMIT").await.expect("committed");
    assert_eq!(same(book, &rule, "late").await, 1);
    assert_eq!(book.columns.loads(), 1);
}
