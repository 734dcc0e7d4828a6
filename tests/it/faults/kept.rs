//! Kill -9 of daemons while they keep a whole book: everybody of the retail book is due at once, and whoever keeps them dies,
//! at the start or at work. What is left to do others do; no tag is decided twice, none is missing, and every customer's
//! are what the orders say. `KINKEEPER_CRASH_ROUNDS` and `KINKEEPER_CRASH_SEED` widen and repeat a run.

use super::verdict::Verdict;
use super::{pause, wait};
use crate::support::daemon::{Binary, wait_until};
use crate::support::{TestDatabase, number, on_both_databases};
use domain::entropy::Entropy;
use flate2::read::GzDecoder;
use kinkeeper::system::{SeededEntropy, SystemEntropy};
use std::io::Read;
use std::path::Path;
use std::process::Command;

const DEFAULT_ROUNDS: u64 = 30;
/// The latest instant of a death, in milliseconds since the start, or since the work began.
const LATEST: u64 = 400;
const AT: &str = "2011-12-09T23:59:59";
const SETTINGS: [&str; 7] = [
    "clock=2011-12-09T23:59:59Z",
    "shop.key=retail",
    "shop.timezone=Europe/London",
    "shop.currency=GBP",
    "shop.locale=en",
    "workers.lease_seconds=2",
    "workers.poll_seconds=1",
];
/// Each entry of the ledger goes on from where the one before ended.
const TORN: &str = "SELECT key FROM (SELECT key, from_value, LAG(to_value) OVER (PARTITION BY customer_id, key ORDER BY id) \
    AS was FROM tag_history) h WHERE COALESCE(was, '') <> COALESCE(from_value, '')";

/// How many are due.
async fn left(verdict: &Verdict) -> usize {
    verdict.texts("SELECT 'due' FROM customer_due WHERE due_at <= (SELECT now_at FROM clock)").await.len()
}

async fn keeping_goes_on_whoever_dies(database: &TestDatabase, seed: u64) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let binary = Binary::new(folder.path(), &database.url(), &SETTINGS);
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/retail");
    for kind in ["orders", "tickets"] {
        let mut text = String::new();
        let file = std::fs::File::open(demo.join(format!("{kind}.csv.gz"))).expect("the demo's file");
        GzDecoder::new(file).read_to_string(&mut text).expect("text");
        // What happens later isn't known yet.
        let known = text.lines().filter(|line| !later(line)).collect::<Vec<_>>().join("\n");
        let file = folder.path().join(format!("{kind}.csv"));
        std::fs::write(&file, known).expect("written");
        binary.run(&["import", kind, &file.display().to_string()]);
    }
    let verdict = Verdict::on(database.url()).await;
    assert_eq!(left(&verdict).await, 4372, "everybody is due");
    let (mut at_work, mut half_done) = (0, 0);
    let entropy = SeededEntropy::new(seed);
    let rounds = number("KINKEEPER_CRASH_ROUNDS", DEFAULT_ROUNDS);
    for round in 0..rounds {
        if left(&verdict).await < 1_000 {
            verdict.does("UPDATE customer_due SET due_at = (SELECT now_at FROM clock)").await;
        }
        let before = left(&verdict).await;
        let mut daemon = binary.serve();
        match round % 3 {
            0 => {}
            1 => drop(daemon.ready().await),
            _ => wait_until("some to be kept", async || left(&verdict).await < before).await,
        }
        wait(pause(&entropy, LATEST)).await;
        daemon.kill();
        let leased = "SELECT 'leased' FROM customer_due WHERE leased_until IS NOT NULL LIMIT 1";
        at_work += u64::from(!verdict.texts(leased).await.is_empty());
        half_done += u64::from((1..before).contains(&left(&verdict).await));
    }
    let told =
        format!("of {rounds} deaths {at_work} with customers in hands, {half_done} with others kept before");
    println!("{told}");
    assert!(at_work * 2 >= rounds && half_done * 4 >= rounds, "{told}");
    let mut daemon = binary.serve();
    daemon.ready().await;
    verdict.settled().await;
    assert!(daemon.stop().await.success(), "told to stop, it ends well");
    assert_eq!(verdict.texts(TORN).await, Vec::<String>::new(), "the ledger is torn");
    verdict.whole(&binary).await;

    let export = folder.path().join("profiles.ndjson");
    std::fs::write(&export, binary.run(&["export", "profiles"])).expect("written");
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/oracle.py");
    let compared = Command::new("python3")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(oracle)
        .args(["--at", AT, "--golden", "--compare", &export.display().to_string()])
        .output()
        .unwrap_or_else(|e| panic!("python3 is needed for oracle.py: {e}"));
    assert!(compared.status.success(), "{}", String::from_utf8_lossy(&compared.stdout));
}

/// A row of a ticket that is opened after [`AT`]; one resolved after it would say what isn't known yet, and none is.
fn later(line: &str) -> bool {
    line.starts_with('T') && line.split(',').nth(3).is_some_and(|opened| opened >= "2011-12-01")
}

on_both_databases! {
    async fn killed_keepers_leave_nobody_and_decide_nothing_twice(database) {
        let seed = number("KINKEEPER_CRASH_SEED", SystemEntropy.next_u64());
        println!("KINKEEPER_CRASH_SEED={seed}");
        keeping_goes_on_whoever_dies(&database, seed).await;
    }
}
