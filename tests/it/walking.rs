//! The retail book walked a day at a time from its first order to the end of 2011, with facts coming in every midnight: the
//! ledger of tags is, row for row, the one that `tests/oracle/ledger.py` works out from the orders alone, whether the keeper
//! works every day or sleeps for twenty; and it looks at nobody but those with a fact or a change.

use crate::support::care::Care;
use crate::support::number;
use crate::support::on_both_databases;
use domain::time::{Instant, Span};
use flate2::read::GzDecoder;
use kinkeeper::service::{Book, keeping};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const FIRST: &str = "2010-12-01T00:00:00Z";
const LAST: &str = "2011-12-31T00:00:00Z";
/// Whose number leaves [`REST`] divided by so many walks; `KINKEEPER_WALK_EVERY=1` walks with all.
const EVERY: u64 = 16;
const REST: u64 = 3;

fn at(text: &str) -> Instant {
    Instant::parse(text, chrono_tz::Europe::London).expect("an instant")
}

fn midnight_after(at: Instant) -> Instant {
    let day = Span::days(1).as_micros();
    Instant::from_micros((at.micros() + day - 1).div_euclid(day) * day)
}

/// What comes in at each midnight.
fn days(every: u64) -> BTreeMap<Instant, Vec<Value>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/retail/orders.csv.gz");
    let file = std::fs::File::open(file).expect("the demo's orders");
    let mut days: BTreeMap<Instant, Vec<Value>> = BTreeMap::new();
    for row in csv::Reader::from_reader(GzDecoder::new(file)).records() {
        let row = row.expect("a row");
        let customer: u64 = row[1].parse().expect("a number");
        if customer % every != REST % every {
            continue;
        }
        let paid_at = at(&row[2]);
        let (event, id) = match &row[5] {
            "refund" => ("Order Refunded", "refund_id"),
            _ => ("Order Completed", "order_id"),
        };
        let fact = json!({"type": "track", "messageId": row[0], "userId": row[1], "event": event,
            "timestamp": paid_at.to_rfc3339(), "properties": {id: row[0], "total": row[3]}});
        days.entry(midnight_after(paid_at)).or_default().push(fact);
    }
    days
}

/// What the script says: the ledger, and how many there are to look at in the day that ends then.
fn worked_out(folder: &Path, every: u64) -> (Vec<String>, BTreeMap<Instant, u64>) {
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle");
    let touched = folder.join("touched.csv");
    let (every, rest) = (every.to_string(), (REST % every).to_string());
    let output = Command::new("python3")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(oracle.join("ledger.py"))
        .args(["--until", LAST, "--every", &every, "--of", &rest])
        .args([Path::new("--touched"), &touched])
        .output()
        .unwrap_or_else(|e| panic!("python3 is needed for ledger.py: {e}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut ledger: Vec<String> =
        String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect();
    ledger.sort();
    let touched = std::fs::read_to_string(touched).expect("who is touched");
    let line = |line: &str| {
        let (day, count) = line.split_once(',').expect("day,customers");
        let day: i64 = day.parse().expect("seconds");
        (Instant::from_micros(day * 1_000_000), count.parse().expect("a count"))
    };
    (ledger, touched.lines().map(line).collect())
}

/// Keeps everybody who is due and gives how many looks that took.
async fn keep(book: &Book) -> u64 {
    let now = book.now().await.expect("the time");
    let mut looks = 0;
    loop {
        let kept = keeping::keep_due(book, now, 500).await.expect("kept");
        if kept == 0 {
            return looks;
        }
        looks += kept;
    }
}

async fn ledger(care: &Care) -> Vec<String> {
    let sql = "SELECT i.value AS who, h.key, COALESCE(h.from_value, '') AS was, COALESCE(h.to_value, '') AS is_now, \
               h.since / 1000000 AS since, h.as_of / 1000000 AS as_of, h.cause FROM tag_history h \
               JOIN identifier i ON i.customer_id = h.customer_id AND i.kind = 'user_id' WHERE h.as_of <= ";
    let lines = care.house.lines(&format!("{sql}{}", at(LAST).micros())).await;
    let mut lines: Vec<String> = lines.iter().map(|line| line.replace('|', ",")).collect();
    lines.sort();
    lines
}

/// The first lines in which two ledgers differ.
fn differing(found: &[String], wanted: &[String]) -> Vec<String> {
    let only = |mark: &str, some: &[String], others: &[String]| {
        let others: std::collections::HashSet<&String> = others.iter().collect();
        let missing = some.iter().filter(|line| !others.contains(line));
        missing.take(12).map(|line| format!("{mark} {line}")).collect::<Vec<_>>()
    };
    [only("found", found, wanted), only("wanted", wanted, found)].concat()
}

on_both_databases! {
    async fn the_ledger_is_the_one_worked_out_and_nobody_else_is_looked_at(database) {
        let every = number("KINKEEPER_WALK_EVERY", EVERY);
        let care = Care::in_onboarding(database, &[&format!("clock={FIRST}")]).await;
        let (wanted, touched) = worked_out(care.house.folder.path(), every);
        assert!(wanted.len() > 1_000, "{}", wanted.len());
        let mut coming = days(every);
        let mut day = at(FIRST);
        while day < at(LAST) {
            day = day + Span::days(1);
            care.set_now(day).await;
            if let Some(facts) = coming.remove(&day) {
                care.house.send(facts).await;
            }
            let looks = keep(&care.house.app.book).await;
            assert_eq!(looks, touched.get(&day).copied().unwrap_or(0), "looked at on {day}");
        }
        assert_eq!(differing(&ledger(&care).await, &wanted), Vec::<String>::new());
    }

    async fn a_keeper_that_slept_for_twenty_days_writes_the_same_ledger(database) {
        let every = number("KINKEEPER_WALK_EVERY", EVERY);
        let care = Care::in_onboarding(database, &[&format!("clock={FIRST}")]).await;
        let (wanted, _) = worked_out(care.house.folder.path(), every);
        let mut coming = days(every);
        let mut day = at(FIRST);
        let mut awake = 0;
        while day < at(LAST) {
            day = day + Span::days(1);
            care.set_now(day).await;
            if let Some(facts) = coming.remove(&day) {
                care.house.send(facts).await;
            }
            awake += 1;
            if awake % 20 == 0 || day >= at(LAST) {
                keep(&care.house.app.book).await;
            }
        }
        assert_eq!(differing(&ledger(&care).await, &wanted), Vec::<String>::new());
    }
}
