//! The retail book walked a day at a time from its first order to the end of 2011, with facts coming in every midnight by
//! the door that SDKs use: the ledger of tags is, row for row, the one that `tests/oracle/ledger.py` works out from the orders
//! alone, whether the keeper works every day or sleeps for twenty, alone or beside another, and where customers become one
//! and themselves again on the way; and it looks at nobody but those with a fact or a change. A rebuild leaves it as it is.

use crate::support::care::Care;
use crate::support::door::{key, post};
use crate::support::{TestDatabase, number, on_both_databases};
use domain::ids::CustomerId;
use domain::time::{Instant, Span};
use flate2::read::GzDecoder;
use kinkeeper::app::App;
use kinkeeper::service::rebuild::{self, Mode};
use kinkeeper::service::{Book, identity, keeping, profile};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

const FIRST: &str = "2010-12-01T00:00:00Z";
const LAST: &str = "2011-12-31T00:00:00Z";
/// No order is of such a second, so that nothing else happens at it.
const MERGED: &str = "2011-06-15T13:00:07Z";
const PARTED: &str = "2011-10-02T13:00:07Z";
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
pub(crate) fn days(every: u64) -> BTreeMap<Instant, Vec<Value>> {
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

/// What the script says: the ledger, and how many there are to look at in the day that ends then. `pairs` are one over a
/// while.
fn worked_out(
    folder: &Path,
    every: u64,
    pairs: &[(String, String)],
) -> (Vec<String>, BTreeMap<Instant, u64>) {
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle");
    let (touched, told) = (folder.join("touched.csv"), folder.join("pairs.csv"));
    let lines: String = pairs.iter().map(|(into, other)| format!("{into},{other}\n")).collect();
    std::fs::write(&told, lines).expect("the pairs");
    let (every, rest) = (every.to_string(), (REST % every).to_string());
    let output = Command::new("python3")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(oracle.join("ledger.py"))
        .args(["--until", LAST, "--every", &every, "--of", &rest])
        .args([Path::new("--touched"), &touched, Path::new("--pairs"), &told])
        .args(["--merged", MERGED, "--parted", PARTED])
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

/// Sends facts as SDKs do.
pub(crate) async fn tell(app: &App, key: &str, facts: Vec<Value>) {
    for batch in facts.chunks(200) {
        let answer = post(&app.router(), "/v1/batch", key, &json!({ "batch": batch })).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["accepted"]),
            (200, &json!(batch.len())),
            "{:?}",
            answer.body
        );
    }
}

/// Keeps everybody who is due, so many at a time, and gives how many looks that took.
pub(crate) async fn keep(book: &Book, at_a_time: i64) -> u64 {
    let now = book.now().await.expect("the time");
    let mut looks = 0;
    loop {
        let kept = keeping::keep_due(book, now, at_a_time).await.expect("kept");
        if kept == 0 {
            return looks;
        }
        looks += kept;
    }
}

async fn ledger(care: &Care) -> Vec<String> {
    let sql = "SELECT i.value AS who, h.key, COALESCE(h.from_value, '') AS was, COALESCE(h.to_value, '') AS is_now, \
               h.since / 1000000 AS since, h.as_of / 1000000 AS as_of, h.cause FROM tag_history h \
               JOIN identifier i ON COALESCE(i.origin_customer_id, i.customer_id) = h.customer_id AND i.kind = 'user_id' \
               WHERE h.as_of <= ";
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

/// What stands of everybody: their tags and numbers.
async fn standing(care: &Care) -> Vec<String> {
    let tags = "SELECT customer_id, key, value, since, source, rule_version, evidence FROM tag_current ORDER BY customer_id, key";
    let numbers = "SELECT customer_id, spend_365_minor, orders_365, order_days, last_order_at FROM profile ORDER BY customer_id";
    [care.house.lines(tags).await, care.house.lines(numbers).await].concat()
}

/// Whatever is decided of people is lost but the ledger, and made anew: it comes to the same, and the ledger stays.
async fn a_rebuild_changes_nothing(care: &Care) {
    let book = &care.house.app.book;
    let (stands, told) = (standing(care).await, ledger(care).await);
    let mut found = Vec::new();
    let report =
        rebuild::run(book, Mode::Rebuild, &mut |d| found.push(format!("{d:?}"))).await.expect("rebuilt");
    assert_eq!((found, report.not_compared), (Vec::new(), 0));
    care.exec("DELETE FROM tag_current WHERE customer_id > $1", [0]).await;
    care.exec("UPDATE profile SET spend_365_minor = $1, orders_365 = 99", [1]).await;
    assert_ne!(standing(care).await, stands);
    let report = rebuild::run(book, Mode::Rebuild, &mut |_| ()).await.expect("rebuilt");
    assert!(report.differences > report.customers, "{report:?}");
    assert!(standing(care).await == stands, "not what stood before");
    assert!(ledger(care).await == told, "the ledger isn't what it was");
}

/// Neighbours who both have had orders before they are merged.
fn pairs(coming: &BTreeMap<Instant, Vec<Value>>) -> Vec<(String, String)> {
    let known = coming.range(..at("2011-06-01T00:00:00Z")).flat_map(|(_, facts)| facts);
    let users: BTreeSet<&str> = known.filter_map(|fact| fact["userId"].as_str()).collect();
    let users: Vec<&str> = users.into_iter().collect();
    users.chunks_exact(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect()
}

async fn id_of(care: &Care, user: &str) -> CustomerId {
    profile::resolve(&care.house.app.book, &format!("user_id:{user}")).await.expect("known")
}

on_both_databases! {
    async fn the_ledger_is_the_one_worked_out_and_nobody_else_is_looked_at(database) {
        let every = number("KINKEEPER_WALK_EVERY", EVERY);
        let care = Care::in_onboarding(database, &[&format!("clock={FIRST}")]).await;
        let app = &care.house.app;
        // A book on PostgreSQL has two daemons.
        let second = match care.house.database {
            TestDatabase::Postgres(_) => Some(care.beside().await),
            TestDatabase::Sqlite { .. } => None,
        };
        let key = key(app, "ingest").await;
        let (wanted, touched) = worked_out(care.house.folder.path(), every, &[]);
        assert!(wanted.len() > 1_000, "{}", wanted.len());
        let mut coming = days(every);
        let mut day = at(FIRST);
        let mut looked = (0, 0);
        while day < at(LAST) {
            day = day + Span::days(1);
            care.set_now(day).await;
            if let Some(facts) = coming.remove(&day) {
                tell(second.as_ref().unwrap_or(app), &key, facts).await;
            }
            let looks = match &second {
                Some(second) => tokio::join!(keep(&app.book, 3), keep(&second.book, 3)),
                None => (keep(&app.book, 500).await, 0),
            };
            assert_eq!(looks.0 + looks.1, touched.get(&day).copied().unwrap_or(0), "looked at on {day}");
            looked = (looked.0 + looks.0, looked.1 + looks.1);
        }
        assert!(looked.0 > 100 && (second.is_none() || looked.1 > 100), "{looked:?}");
        assert_eq!(differing(&ledger(&care).await, &wanted), Vec::<String>::new());
        a_rebuild_changes_nothing(&care).await;
    }

    async fn a_keeper_that_slept_for_twenty_days_writes_the_same_ledger(database) {
        let every = number("KINKEEPER_WALK_EVERY", EVERY);
        let care = Care::in_onboarding(database, &[&format!("clock={FIRST}")]).await;
        let (wanted, _) = worked_out(care.house.folder.path(), every, &[]);
        walk_asleep(&care, days(every), &[]).await;
        assert_eq!(differing(&ledger(&care).await, &wanted), Vec::<String>::new());
    }

    async fn who_were_one_over_a_while_have_the_ledger_worked_out_though_the_keeper_slept(database) {
        let every = number("KINKEEPER_WALK_EVERY", 2 * EVERY);
        let care = Care::in_onboarding(database, &[&format!("clock={FIRST}")]).await;
        let coming = days(every);
        let pairs = pairs(&coming);
        assert!(pairs.len() > 20, "{}", pairs.len());
        let (wanted, _) = worked_out(care.house.folder.path(), every, &pairs);
        let merged = wanted.iter().filter(|line| line.ends_with(",merge")).count();
        assert!(merged > 4 * pairs.len(), "{merged}");
        walk_asleep(&care, coming, &pairs).await;
        assert_eq!(differing(&ledger(&care).await, &wanted), Vec::<String>::new());
        a_rebuild_changes_nothing(&care).await;
    }
}

/// Walks through the year with a keeper that looks every twenty days; the pairs become one on the way, and two again.
async fn walk_asleep(care: &Care, mut coming: BTreeMap<Instant, Vec<Value>>, pairs: &[(String, String)]) {
    let book = &care.house.app.book;
    let (merged, parted) = (at(MERGED), at(PARTED));
    let mut ids = Vec::new();
    let (mut day, mut awake) = (at(FIRST), 0);
    while day < at(LAST) {
        for turn in [merged, parted].into_iter().filter(|turn| day < *turn && *turn < day + Span::days(1)) {
            care.set_now(turn).await;
            if turn == merged {
                for (into, other) in pairs {
                    ids.push((id_of(care, into).await, id_of(care, other).await));
                }
            }
            for (into, other) in &ids {
                match turn == merged {
                    true => drop(identity::merge(book, *into, *other, "test", None).await.expect("merged")),
                    false => drop(identity::unmerge(book, *other, "test", None).await.expect("parted")),
                }
            }
        }
        day = day + Span::days(1);
        care.set_now(day).await;
        if let Some(facts) = coming.remove(&day) {
            care.house.send(facts).await;
        }
        awake += 1;
        if awake % 20 == 0 || day >= at(LAST) {
            keep(book, 500).await;
        }
    }
}
