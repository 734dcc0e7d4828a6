//! Kill -9 at random instants: what was answered is there once after the restart (G1, G2, G16).
//!
//! The daemon under test is this test program started a second time: the whole application, workers and
//! doors, and beside them clients that hand batches to the use case behind the doors and print each answer.
//! The seed is printed; `KINKEEPER_CRASH_ROUNDS` and `KINKEEPER_CRASH_SEED` widen and repeat a run. Which
//! instants are hit depends on the machine all the same.

use crate::support::TestDatabase;
use crate::support::book::{House, house_settings, source_of_facts};
use domain::entropy::Entropy;
use domain::ids::SourceId;
use futures::future::join_all;
use kinkeeper::app::App;
use kinkeeper::service::ingest::{self, Batch};
use kinkeeper::system::{SeededEntropy, SystemEntropy};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const CLIENTS: u64 = 6;
const DEFAULT_ROUNDS: u64 = 8;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// One of forty customers buys something.
fn order(id: &str) -> Value {
    let customer = id.bytes().map(u64::from).sum::<u64>() % 40;
    json!({
        "type": "track", "messageId": id, "userId": format!("u{customer}"), "event": "Order Completed",
        "timestamp": "2026-11-01T10:00:00Z", "properties": {"order_id": format!("o-{id}"), "total": "19.90"}
    })
}

/// One client: batch after batch, some of it sent before, each answer printed before the next is sent.
async fn send_for_ever(app: &App, source: SourceId, client: u64, seed: u64) {
    let entropy = SeededEntropy::new(seed ^ (client << 32));
    let mut sent: Vec<String> = Vec::new();
    for n in 0_u64.. {
        let mut ids: Vec<String> =
            (0..=entropy.next_u64() % 3).map(|i| format!("{seed}-{client}-{n}-{i}")).collect();
        if let Some(again) = sent.get(entropy.next_u64() as usize % (sent.len() + 4)) {
            ids.push(again.clone());
        }
        let events = ids.iter().map(|id| order(id)).collect();
        let batch = Batch { source, received_at: None, historical: false, events };
        let receipt = ingest::accept(&app.book.store, batch).await.expect("it is taken in");
        assert!(receipt.rejected.is_empty(), "these events are fine");
        app.alarm.ring();
        // One write a line: a line that ends in a dot is whole.
        let mut out = std::io::stdout().lock();
        out.write_all(format!("answered {} .\n", ids.join(" ")).as_bytes()).expect("the parent reads");
        out.flush().expect("the parent reads");
        drop(out);
        sent.extend(ids);
    }
}

/// The daemon that gets killed. Only the tests below run it, in a process of its own.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "only the tests below run it"]
async fn serves_until_it_is_killed() {
    let set = |name: &str| std::env::var(name).expect("the test below sets it");
    let settings = house_settings(Path::new(&set("CRASH_FOLDER")), &set("CRASH_URL"), &[]);
    let app = App::open_with(settings, Arc::new(SystemEntropy)).await.expect("it opens after every kill");
    let source = source_of_facts(&app).await;
    let seed = number("CRASH_SEED", 0);
    let serving = app.serve(CancellationToken::new(), |_| println!("ready ."));
    let sending = join_all((0..CLIENTS).map(|client| send_for_ever(&app, source, client, seed)));
    tokio::select! {
        served = serving => panic!("it stopped by itself: {served:?}"),
        _ = sending => {}
    }
}

/// Starts the daemon, kills it at an instant drawn from `entropy`, and gives what it had answered.
fn run_and_kill(folder: &Path, url: &str, seed: u64, entropy: &SeededEntropy) -> Vec<String> {
    let mut process = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "crash::serves_until_it_is_killed", "--ignored", "--nocapture"])
        .env("CRASH_FOLDER", folder)
        .env("CRASH_URL", url)
        .env("CRASH_SEED", seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the test program starts");
    let out = BufReader::new(process.stdout.take().expect("piped"));
    // One in four dies while it starts, the rest after some answers; both at any microsecond.
    let early = entropy.next_u64().is_multiple_of(4);
    let lines_first = if early { 0 } else { 1 + entropy.next_u64() % 60 };
    let pause = Duration::from_micros(entropy.next_u64() % if early { 400_000 } else { 5_000 });
    let mut answered = Vec::new();
    let mut take = |line: String| {
        if let Some(ids) = line.strip_prefix("answered ").and_then(|rest| rest.strip_suffix(" .")) {
            answered.extend(ids.split(' ').map(str::to_owned));
            return true;
        }
        false
    };
    let mut lines = out.lines().map_while(Result::ok);
    let mut seen = 0;
    while seen < lines_first {
        match lines.next() {
            Some(line) => seen += u64::from(take(line)),
            None => {
                let mut why = String::new();
                let mut stderr = process.stderr.take().expect("piped");
                std::io::Read::read_to_string(&mut stderr, &mut why).expect("text");
                panic!("seed {seed}: the daemon ended by itself:\n{why}");
            }
        }
    }
    let begun = Instant::now();
    while begun.elapsed() < pause {
        std::hint::spin_loop();
    }
    process.kill().expect("SIGKILL");
    process.wait().expect("it was ours");
    for line in lines {
        take(line);
    }
    answered
}

async fn nothing_answered_is_lost_or_doubled(database: TestDatabase) {
    let seed = number("KINKEEPER_CRASH_SEED", SystemEntropy.next_u64());
    let rounds = number("KINKEEPER_CRASH_ROUNDS", DEFAULT_ROUNDS);
    println!("KINKEEPER_CRASH_SEED={seed} KINKEEPER_CRASH_ROUNDS={rounds}");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let entropy = SeededEntropy::new(seed);
    let url = database.url();
    let mut answered = BTreeSet::new();
    for _ in 0..rounds {
        let round = entropy.next_u64() >> 16;
        let (folder, url) = (folder.path(), url.as_str());
        answered.extend(tokio::task::block_in_place(|| run_and_kill(folder, url, round, &entropy)));
    }
    assert!(!answered.is_empty(), "seed {seed}: nothing was answered, so nothing was tested");

    let house = House::open(database, &[]).await;
    let reader = house.app.book.store.reader();
    let texts = async |sql: &str| -> Vec<String> {
        let statement = Statement::from_string(reader.get_database_backend(), sql);
        let rows = reader.query_all_raw(statement).await.expect("reads");
        rows.iter().map(|row| row.try_get_by_index(0).expect("text")).collect()
    };
    let log = texts("SELECT message_id FROM event").await;
    let kept: BTreeSet<String> = log.iter().cloned().collect();
    assert_eq!(log.len(), kept.len(), "seed {seed}: an event is in the log twice");
    let lost: Vec<_> = answered.difference(&kept).collect();
    assert!(lost.is_empty(), "seed {seed}: {} of {} answered are lost: {lost:?}", lost.len(), answered.len());
    let orders: BTreeSet<String> = texts("SELECT order_key FROM orders").await.into_iter().collect();
    assert_eq!(orders.len(), kept.len(), "seed {seed}: an event without its order, or the other way round");
    let broken =
        texts(include_str!("../oracle/invariants/g1_event_keys.sql").trim().trim_end_matches(';')).await;
    assert!(broken.is_empty(), "seed {seed}: {broken:?}");

    // Whoever wasn't answered sends again; so may whoever was.
    let source = source_of_facts(&house.app).await;
    let events: Vec<Value> = answered.iter().map(|id| order(id)).collect();
    for events in events.chunks(100) {
        let batch = Batch { source, received_at: None, historical: false, events: events.to_vec() };
        let receipt = ingest::accept(&house.app.book.store, batch).await.expect("it is taken in");
        assert_eq!((receipt.accepted, receipt.duplicate), (0, events.len()), "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_daemon_keeps_what_it_answered_on_sqlite() {
    nothing_answered_is_lost_or_doubled(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_daemon_keeps_what_it_answered_on_postgres() {
    nothing_answered_is_lost_or_doubled(TestDatabase::postgres()).await;
}
