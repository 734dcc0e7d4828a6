//! Many at the same customers at once: facts come in while the keeper works, and nobody is turned away.

use crate::support::TestDatabase;
use crate::support::book::{House, source_of_facts};
use domain::entropy::Entropy;
use futures::future::join_all;
use kinkeeper::service::ingest::{self, Batch};
use kinkeeper::store::Store;
use kinkeeper::system::SeededEntropy;
use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const CUSTOMERS: u64 = 30;

fn order(id: &str, customer: u64) -> Value {
    json!({
        "type": "track", "messageId": id, "userId": format!("u{customer}"), "event": "Order Completed",
        "timestamp": "2026-11-01T10:00:00Z", "properties": {"order_id": format!("o-{id}"), "total": "19.90"}
    })
}

/// PostgreSQL ends one of two that wait for each other's rows. So everybody locks customers in one order.
#[tokio::test(flavor = "multi_thread")]
async fn keeper_and_ingest_never_wait_for_each_other_in_a_circle() {
    let house = House::open(TestDatabase::migrated_postgres().await, &["workers.keeper_batch=12"]).await;
    let source = source_of_facts(&house.app).await;
    let stop = CancellationToken::new();
    let keepers: Vec<_> = (0..3)
        .map(|_| {
            let (engine, stop) = (house.app.engine(), stop.clone());
            tokio::spawn(async move {
                while !stop.is_cancelled() {
                    engine.drain_all().await.expect("the keeper is never turned away");
                }
            })
        })
        .collect();
    let clients = (0..6_u64).map(|client| {
        let store = house.app.book.store.clone();
        tokio::spawn(async move {
            let entropy = SeededEntropy::new(client);
            for n in 0..25 {
                let events =
                    (0..10).map(|i| order(&format!("{client}-{n}-{i}"), entropy.next_u64() % CUSTOMERS));
                let batch = Batch { source, received_at: None, historical: false, events: events.collect() };
                let receipt = ingest::accept(&store, batch).await.expect("no sender is turned away");
                assert_eq!(receipt.accepted, 10);
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.expect("no sender is turned away");
    }
    stop.cancel();
    for keeper in keepers {
        keeper.await.expect("the keeper is never turned away");
    }
}

/// Whoever finds that two are one waits for all who name people, and two such would wait for each other: neither's
/// sender hears of it.
#[tokio::test(flavor = "multi_thread")]
async fn two_that_join_customers_at_once_are_both_taken_in() {
    const PAIRS: u64 = 40;
    const AT_ONCE: u64 = 4;
    let house = House::open(TestDatabase::migrated_postgres().await, &[]).await;
    let source = source_of_facts(&house.app).await;
    let say = async |store: &Store, id: String, user: Option<u64>, mail: u64| {
        let user = user.map(|n| format!("u{n}"));
        let event = json!({"type": "identify", "messageId": id, "userId": user, "anonymousId": format!("a{mail}"),
            "timestamp": "2026-11-01T10:00:00Z", "traits": {"email": format!("p{mail}@example.com")}});
        let batch = Batch { source, received_at: None, historical: false, events: vec![event] };
        ingest::accept(store, batch).await.expect("no sender is turned away")
    };
    let store = &house.app.book.store;
    for n in 0..PAIRS {
        // Two people so far: one by a user id, the other by a mail address.
        say(store, format!("mail-{n}"), None, n).await;
        let event = json!({"type": "identify", "messageId": format!("user-{n}"), "userId": format!("u{n}")});
        let batch = Batch { source, received_at: None, historical: false, events: vec![event] };
        ingest::accept(store, batch).await.expect("taken in");
    }
    let senders = (0..AT_ONCE).map(|sender| {
        let store = store.clone();
        async move {
            for n in (0..PAIRS).filter(|n| n % AT_ONCE == sender) {
                assert_eq!(say(&store, format!("both-{n}"), Some(n), n).await.accepted, 1);
            }
        }
    });
    join_all(senders).await;
    let db = Database::connect(house.database.url()).await.expect("a connection of its own");
    let joined = "SELECT 1 FROM customer WHERE merged_into IS NOT NULL";
    let joined =
        db.query_all_raw(Statement::from_string(db.get_database_backend(), joined)).await.expect("read");
    assert_eq!(joined.len() as u64, PAIRS);
}

/// Whoever names new people while others name the same ones finds them, however often the others are faster: an
/// SDK that is answered "conflict" drops its batch.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_batch_of_new_people_isnt_outrun_by_small_ones() {
    const PEOPLE: u64 = 600;
    const SMALL: u64 = 6;
    let house = House::open(TestDatabase::migrated_postgres().await, &[]).await;
    let source = source_of_facts(&house.app).await;
    let send = |sender: u64, people: Vec<u64>, size: usize| {
        let store = house.app.book.store.clone();
        tokio::spawn(async move {
            for people in people.chunks(size) {
                let events = people.iter().map(|n| order(&format!("{sender}-{n}"), *n)).collect();
                let batch = Batch { source, received_at: None, historical: false, events };
                let receipt = ingest::accept(&store, batch).await.expect("no sender is turned away");
                assert_eq!(receipt.accepted, people.len());
            }
        })
    };
    let mut senders: Vec<_> = (0..SMALL)
        .map(|sender| send(sender, (0..PEOPLE).filter(|n| n % SMALL == sender).collect(), 1))
        .collect();
    senders.push(send(SMALL, (0..PEOPLE).collect(), PEOPLE as usize));
    for sender in senders {
        sender.await.expect("no sender is turned away");
    }
}
