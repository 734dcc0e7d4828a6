//! Kill -9 at random instants: what was answered is there once after the restart (G1, G2, G16).
//!
//! The daemon under test is the real binary. Clients in this process post batches over HTTP, as many at once as
//! there are clients; some events they send again, and one of each batch all of them send. What was answered
//! 200 counts as answered even if the daemon died within the answer. The seed is printed;
//! `KINKEEPER_CRASH_ROUNDS` and `KINKEEPER_CRASH_SEED` widen and repeat a run. Which instants are hit depends on
//! the machine all the same.

use crate::support::daemon::{Binary, Daemon, local_client, wait_until};
use crate::support::invariants::{self, Workers};
use crate::support::{TestDatabase, on_both_databases};
use domain::entropy::Entropy;
use futures::future::join_all;
use kinkeeper::system::{SeededEntropy, SystemEntropy};
use reqwest::StatusCode;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

const CLIENTS: usize = 6;
const DEFAULT_ROUNDS: u64 = 8;
const CUSTOMERS: u64 = 40;
/// A virtual clock, so that the orders lie in the last year whatever the machine's date. Time stands; leases
/// run by the machine's clock and come back soon after a death.
const SETTINGS: [&str; 3] =
    ["clock=2026-11-02T00:00:00Z", "workers.lease_seconds=2", "workers.poll_seconds=1"];
/// Longest wait for the next answer.
const PATIENCE: Duration = Duration::from_secs(30);

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn customer_of(id: &str) -> String {
    format!("u{}", id.bytes().map(u64::from).sum::<u64>() % CUSTOMERS)
}

/// One of forty customers buys something for 19.90.
fn order(id: &String) -> Value {
    json!({
        "type": "track", "messageId": id, "userId": customer_of(id), "event": "Order Completed",
        "timestamp": "2026-11-01T10:00:00Z", "properties": {"order_id": format!("o-{id}"), "total": "19.90"}
    })
}

/// The facts' door of one running daemon.
#[derive(Clone)]
struct Door {
    http: reqwest::Client,
    address: String,
    key: String,
}

/// What the door counted.
#[derive(Debug, PartialEq)]
struct Taken {
    accepted: usize,
    duplicate: usize,
}

impl Door {
    fn of(address: String, key: &str) -> Self {
        Self { http: local_client(), address, key: key.to_owned() }
    }

    /// `None` where nobody answers any more.
    async fn post(&self, ids: &[String]) -> Option<reqwest::Response> {
        let batch = json!({"batch": ids.iter().map(order).collect::<Vec<_>>()});
        let url = format!("{}/v1/batch", self.address);
        let answer = self.http.post(url).basic_auth(&self.key, Some("")).json(&batch).send().await.ok()?;
        assert_eq!(answer.status(), StatusCode::OK, "a daemon at work takes every batch");
        Some(answer)
    }

    /// Sends to a daemon that nobody kills.
    async fn send(&self, ids: &[String]) -> Taken {
        let answer = self.post(ids).await.expect("it answers");
        taken(&answer.json().await.expect("JSON"))
    }
}

fn taken(body: &Value) -> Taken {
    assert_eq!(body["rejected"], json!([]), "these events are fine");
    let count = |name: &str| body[name].as_u64().expect("a count") as usize;
    Taken { accepted: count("accepted"), duplicate: count("duplicate") }
}

/// One sender through all rounds, and what it knows of its events.
struct Client {
    name: usize,
    entropy: SeededEntropy,
    answered: Vec<String>,
    /// Sent, and never answered.
    open: BTreeSet<String>,
}

impl Client {
    fn new(name: usize, seed: u64) -> Self {
        let entropy = SeededEntropy::new(seed ^ ((name as u64 + 1) << 32));
        Self { name, entropy, answered: Vec::new(), open: BTreeSet::new() }
    }

    /// New events, one that every client sends, and now and then one that was sent before.
    fn next_batch(&self, round: u64, n: u64) -> Vec<String> {
        let mut ids: Vec<String> =
            (0..=self.entropy.next_u64() % 3).map(|i| format!("{round}-{}-{n}-{i}", self.name)).collect();
        ids.push(format!("{round}-all-{n}"));
        let draw = self.entropy.next_u64() as usize;
        ids.extend(self.answered.get(draw % (self.answered.len() + 4)).cloned());
        // Whoever got no answer asks again.
        ids.extend(self.open.iter().next().cloned());
        ids
    }

    /// Batch after batch until nobody answers; each answer is told.
    async fn send_for_ever(&mut self, door: &Door, round: u64, told: Sender<()>) {
        for n in 0.. {
            let ids = self.next_batch(round, n);
            self.open.extend(ids.iter().filter(|id| !self.answered.contains(id)).cloned());
            let Some(answer) = door.post(&ids).await else { return };
            for id in &ids {
                if self.open.remove(id) {
                    self.answered.push(id.clone());
                }
            }
            // The killer may have all it waits for.
            let _ = told.send(());
            let Ok(body) = answer.json::<Value>().await else { return };
            let taken = taken(&body);
            assert_eq!(taken.accepted + taken.duplicate, ids.len(), "{ids:?}");
        }
    }
}

/// An instant at which to kill: so many answers on, and any microsecond after them.
struct Death {
    answers: u64,
    pause: Duration,
}

impl Death {
    /// In the midst of work.
    fn at_work(entropy: &SeededEntropy) -> Self {
        let answers = 1 + entropy.next_u64() % 60;
        Self { answers, pause: Duration::from_micros(entropy.next_u64() % 5_000) }
    }

    /// While it starts, which takes about as long.
    fn at_start(entropy: &SeededEntropy) -> Self {
        Self { answers: 0, pause: Duration::from_micros(entropy.next_u64() % 400_000) }
    }

    /// Waits for it on a thread of its own: spinning is more exact than any timer.
    async fn comes_to(self, daemon: Daemon, answers: Receiver<()>) {
        let waiting = tokio::task::spawn_blocking(move || {
            for n in 0..self.answers {
                answers
                    .recv_timeout(PATIENCE)
                    .unwrap_or_else(|e| panic!("answer {n}: {e}\n{}", daemon.log()));
            }
            let begun = Instant::now();
            while begun.elapsed() < self.pause {
                std::hint::spin_loop();
            }
            daemon.kill();
        });
        waiting.await.expect("it was killed");
    }
}

async fn round(n: u64, binary: &Binary, key: &str, clients: &mut [Client], entropy: &SeededEntropy) {
    let mut daemon = binary.serve();
    let (told, answers) = channel();
    // One in four dies while it starts.
    if entropy.next_u64().is_multiple_of(4) {
        return Death::at_start(entropy).comes_to(daemon, answers).await;
    }
    let door = Door::of(daemon.ready().await, key);
    let sending = join_all(clients.iter_mut().map(|client| client.send_for_ever(&door, n, told.clone())));
    tokio::join!(sending, Death::at_work(entropy).comes_to(daemon, answers));
}

async fn texts(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    rows.iter().map(|row| row.try_get_by_index(0).expect("text")).collect()
}

/// The log's message ids; each there once, and each with its order.
async fn kept(db: &DatabaseConnection) -> BTreeSet<String> {
    let log = texts(db, "SELECT message_id FROM event").await;
    let kept: BTreeSet<String> = log.iter().cloned().collect();
    assert_eq!(log.len(), kept.len(), "an event is in the log twice");
    let orders = texts(db, "SELECT order_key FROM orders").await;
    let ordered: BTreeSet<String> =
        orders.iter().map(|key| key.split_once("o-").expect("our own key").1.to_owned()).collect();
    assert_eq!(orders.len(), ordered.len(), "an order is there twice");
    assert_eq!(ordered, kept, "an event without its order, or the other way round");
    kept
}

/// Nobody is due, and no dead worker's lease is left.
async fn settled(db: &DatabaseConnection) -> bool {
    let behind = "SELECT CAST(customer_id AS TEXT) FROM customer_due \
                  WHERE leased_until IS NOT NULL OR due_at <= (SELECT now_at FROM clock)";
    texts(db, behind).await.is_empty()
}

/// Each customer's orders and spend as exported are those of the events.
fn profiles_agree(lines: &str, ids: &BTreeSet<String>) {
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for id in ids {
        *expected.entry(customer_of(id)).or_default() += 1;
    }
    let mut found = BTreeMap::new();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).expect("a profile");
        let orders = line["orders_365"].as_u64().expect("a count");
        let minor = orders * 1_990;
        assert_eq!(line["spend_365"]["amount"], format!("{}.{:02}", minor / 100, minor % 100), "{line}");
        found.insert(line["customer_id"].as_str().expect("an id").to_owned(), orders);
    }
    assert_eq!(found, expected);
}

async fn nothing_answered_is_lost_or_doubled(database: &TestDatabase, seed: u64) {
    let entropy = SeededEntropy::new(seed);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let binary = Binary::new(folder.path(), &database.url(), &SETTINGS);
    // The first dies while it makes the book.
    Death::at_start(&entropy).comes_to(binary.serve(), channel().1).await;
    let key = binary.run(&["key", "create", "--role", "ingest"]).trim().to_owned();

    let mut clients: Vec<Client> = (0..CLIENTS).map(|name| Client::new(name, seed)).collect();
    for n in 0..number("KINKEEPER_CRASH_ROUNDS", DEFAULT_ROUNDS) {
        round(n, &binary, &key, &mut clients, &entropy).await;
    }
    let answered: BTreeSet<String> = clients.iter().flat_map(|client| &client.answered).cloned().collect();
    let open: BTreeSet<String> = clients.iter().flat_map(|client| &client.open).cloned().collect();
    let open: BTreeSet<String> = open.difference(&answered).cloned().collect();
    println!("{} answered, {} not", answered.len(), open.len());
    assert!(!answered.is_empty(), "nothing was answered, so nothing was tested");

    let mut daemon = binary.serve();
    let door = Door::of(daemon.ready().await, &key);
    let db = Database::connect(database.url()).await.expect("a connection of its own");
    let before = kept(&db).await;
    let lost: Vec<_> = answered.difference(&before).collect();
    assert!(
        lost.is_empty(),
        "{} of {} answered are lost, so {:?}",
        lost.len(),
        answered.len(),
        &lost[..lost.len().min(20)]
    );

    let all: BTreeSet<String> = answered.union(&open).cloned().collect();
    for ids in Vec::from_iter(answered).chunks(100) {
        assert_eq!(door.send(ids).await, Taken { accepted: 0, duplicate: ids.len() });
    }
    for ids in Vec::from_iter(open).chunks(100) {
        let Taken { accepted, duplicate } = door.send(ids).await;
        assert_eq!(accepted + duplicate, ids.len());
    }
    assert_eq!(kept(&db).await, all);

    wait_until("everybody's profile to be kept", async || settled(&db).await).await;
    assert!(daemon.stop().await.success(), "told to stop, it ends well");
    profiles_agree(&binary.run(&["export", "profiles"]), &all);
    let broken = invariants::broken(&db, Workers::AtRest).await;
    assert!(broken.is_empty(), "{broken:?}");
}

on_both_databases! {
    async fn a_killed_daemon_keeps_what_it_answered(database) {
        let seed = number("KINKEEPER_CRASH_SEED", SystemEntropy.next_u64());
        println!("KINKEEPER_CRASH_SEED={seed}");
        nothing_answered_is_lost_or_doubled(&database, seed).await;
    }
}
