//! Three daemons on one PostgreSQL take the same stream: everything is sent twice, to two daemons at once, one daemon is
//! killed and another is stopped for longer than its leases. The book is the one that a single daemon makes of the stream
//! told once and in order.

use super::clients::{Answer, Door};
use super::verdict::Verdict;
use super::wait;
use crate::support::TestDatabase;
use crate::support::daemon::{Binary, Daemon, wait_until};
use domain::entropy::Entropy;
use futures::future::join_all;
use kinkeeper::system::{SeededEntropy, SystemEntropy};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const DAEMONS: usize = 3;
/// Two a daemon.
const CLIENTS: usize = 6;
const CUSTOMERS: u64 = 60;
const ORDERS: u64 = 1_500;
const BATCH: usize = 20;
/// Each batch begins with so many events of the one before.
const OVERLAP: usize = 5;
const SETTINGS: [&str; 3] =
    ["clock=2026-11-02T00:00:00Z", "workers.lease_seconds=2", "workers.poll_seconds=1"];
/// Beyond its leases; others wait for its locks meanwhile, up to five seconds.
const STOPPED: Duration = Duration::from_secs(3);

/// Orders on different days, each told under two message ids, a part of them taken back, and who the buyers are: by a
/// user id, by a mail address before that is known to be theirs, and by both.
fn stream() -> Vec<Value> {
    let mut events = Vec::new();
    for n in 0..ORDERS {
        let customer = n * 7 % CUSTOMERS;
        let at = format!("2026-{:02}-{:02}T{:02}:30:00Z", 1 + n % 10, 1 + n % 28, n % 24);
        let order = |message: String| {
            let properties = json!({"order_id": format!("o-{n}"), "total": format!("{}.90", 10 + n % 90)});
            let mut event = json!({"type": "track", "messageId": message, "event": "Order Completed", "timestamp": at,
                                   "properties": properties});
            match n / CUSTOMERS {
                // The first ones are known by their mail addresses alone.
                0 => event["context"] = json!({"traits": {"email": format!("u{customer}@example.com")}}),
                _ => event["userId"] = json!(format!("u{customer}")),
            }
            if n / CUSTOMERS == 0 {
                event["anonymousId"] = json!(format!("a{customer}"));
            }
            event
        };
        events.push(order(format!("m-{n}")));
        if n % 5 == 0 {
            events.push(json!({"type": "track", "messageId": format!("r-{n}"), "userId": format!("u{customer}"),
                "event": "Order Refunded", "timestamp": "2026-11-01T10:00:00Z",
                "properties": {"order_id": format!("o-{n}"), "refund_id": format!("r-{n}"), "total": "5.00"}}));
        }
        if n % 25 == 0 {
            let who = n / 25 % CUSTOMERS;
            events
                .push(json!({"type": "identify", "messageId": format!("i-{n}"), "userId": format!("u{who}"),
                "timestamp": "2026-11-01T11:00:00Z", "traits": {"email": format!("u{who}@example.com")}}));
        }
        // The shop's other system tells of the same order.
        events.push(order(format!("again-{n}")));
    }
    events
}

/// The stream in batches that overlap.
fn batches(stream: &[Value]) -> Vec<&[Value]> {
    (0..stream.len())
        .step_by(BATCH)
        .map(|n| &stream[n.saturating_sub(OVERLAP)..(n + BATCH).min(stream.len())])
        .collect()
}

/// Sends a batch until it is answered, to the next daemon where one is gone.
async fn deliver(doors: &Mutex<Vec<Door>>, mut at: usize, batch: &[Value]) {
    loop {
        let door = doors.lock().expect("not poisoned")[at % DAEMONS].clone();
        match door.post(batch).await {
            Answer::Taken(_) => return,
            Answer::Nobody => at += 1,
            Answer::Later => wait(Duration::from_millis(100)).await,
        }
    }
}

struct Progress {
    done: AtomicUsize,
    of: usize,
}

impl Progress {
    /// Waits until this part of all batches was answered.
    async fn comes_to(&self, part: usize, of: usize) {
        let enough = self.of * part / of;
        wait_until("batches to be answered", async || self.done.load(Ordering::Relaxed) >= enough).await;
    }
}

/// All batches, each twice, to two different daemons at once.
async fn send_all(doors: &Mutex<Vec<Door>>, batches: &[&[Value]], progress: &Progress) {
    let next = AtomicUsize::new(0);
    let clients = (0..CLIENTS).map(|client| {
        let next = &next;
        async move {
            loop {
                // Two that follow each other are one batch, and whoever takes them sits at different daemons mostly.
                let turn = next.fetch_add(1, Ordering::Relaxed);
                let Some(batch) = batches.get(turn / 2) else { return };
                deliver(doors, client, batch).await;
                progress.done.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    join_all(clients).await;
}

/// What the book says of its customers, without its own numbers.
fn profiles(binary: &Binary) -> BTreeMap<String, Value> {
    let export = binary.run(&["export", "profiles"]);
    let lines = export.lines().map(|line| serde_json::from_str::<Value>(line).expect("a profile"));
    lines
        .map(|mut profile| {
            profile.as_object_mut().expect("an object").remove("id");
            (profile["customer_id"].as_str().expect("everybody was named").to_owned(), profile)
        })
        .collect()
}

/// The book of one daemon that is told the stream once.
async fn by_one(stream: &[Value]) -> BTreeMap<String, Value> {
    let database = TestDatabase::sqlite();
    let folder = tempfile::tempdir().expect("a folder");
    let binary = Binary::new(folder.path(), &database.url(), &SETTINGS);
    let key = binary.run(&["key", "create", "--role", "ingest"]).trim().to_owned();
    let mut daemon = binary.serve();
    let door = Door::of(daemon.ready().await, &key);
    for batch in stream.chunks(250) {
        assert!(matches!(door.post(batch).await, Answer::Taken(Some(_))));
    }
    let verdict = Verdict::on(database.url()).await;
    verdict.settled().await;
    assert!(daemon.stop().await.success());
    verdict.whole(&binary).await;
    profiles(&binary)
}

/// Sends the stream to three daemons while one is killed and another stopped; gives their binary, with nothing left to do and everything
/// that was sent in a book that is whole.
async fn by_three(settings: &[&str], stream: &[Value], folder: &Path) -> (TestDatabase, Binary) {
    let entropy = SeededEntropy::new(SystemEntropy.next_u64());
    let database = TestDatabase::postgres();
    let binary = Binary::new(folder, &database.url(), settings);
    let key = binary.run(&["key", "create", "--role", "ingest"]).trim().to_owned();
    let mut daemons: Vec<Option<Daemon>> = Vec::new();
    let mut doors = Vec::new();
    for _ in 0..DAEMONS {
        let mut daemon = binary.serve();
        doors.push(Door::of(daemon.ready().await, &key));
        daemons.push(Some(daemon));
    }
    let doors = Mutex::new(doors);
    let batches = batches(stream);
    let progress = Progress { done: AtomicUsize::new(0), of: 2 * batches.len() };

    let disturbing = async {
        progress.comes_to(1, 4).await;
        wait(super::pause(&entropy, 50)).await;
        daemons[0].take().expect("at work").kill();
        progress.comes_to(2, 4).await;
        let stopped = daemons[1].as_ref().expect("at work");
        stopped.signal("STOP");
        wait(STOPPED).await;
        stopped.signal("CONT");
        // And one comes back, at another address.
        let mut again = binary.serve();
        doors.lock().expect("not poisoned")[0] = Door::of(again.ready().await, &key);
        daemons[0] = Some(again);
    };
    tokio::join!(send_all(&doors, &batches, &progress), disturbing);

    let verdict = Verdict::on(database.url()).await;
    verdict.settled().await;
    for daemon in daemons.into_iter().flatten() {
        assert!(daemon.stop().await.success(), "told to stop, it ends well");
    }
    let log = verdict.texts("SELECT message_id FROM event").await;
    let sent: BTreeSet<&str> = stream.iter().filter_map(|event| event["messageId"].as_str()).collect();
    assert_eq!(log.len(), sent.len(), "events in the log");
    assert_eq!(log.iter().map(String::as_str).collect::<BTreeSet<_>>(), sent);
    verdict.whole(&binary).await;

    (database, binary)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_daemons_on_one_postgres_make_the_book_of_one() {
    let (stream, folder) = (stream(), tempfile::tempdir().expect("a folder"));
    let (_database, binary) = by_three(&SETTINGS, &stream, folder.path()).await;
    let (found, expected) = (profiles(&binary), by_one(&stream).await);
    assert_eq!(found.len() as u64, CUSTOMERS);
    for (customer, profile) in &expected {
        assert_eq!(found.get(customer), Some(profile));
    }
    assert_eq!(found.len(), expected.len());
}

/// Facts come in while others are being kept, and no step of a clock of the book tells when the keeper has to look again.
#[tokio::test(flavor = "multi_thread")]
async fn three_daemons_by_a_real_clock_leave_nobody_behind() {
    let (stream, folder) = (stream(), tempfile::tempdir().expect("a folder"));
    let (_database, binary) = by_three(&SETTINGS[1..], &stream, folder.path()).await;
    assert_eq!(profiles(&binary).len() as u64, CUSTOMERS);
}
