//! Looks at a finished (or paused) December from outside: SQL of its own and the oracle's scripts.

use crate::support::book::House;
use crate::support::sink::Sink;
use kinkeeper::app::App;
use kinkeeper::service::eligibility::explain_tag;
use kinkeeper::service::profiles;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const TIERS: [&str; 5] = ["diamond", "gold", "silver", "regular", "none"];

pub struct Judge {
    app: App,
    url: String,
    folder: PathBuf,
}

impl Judge {
    pub fn of(house: &House) -> Self {
        Self { app: house.app.clone(), url: house.database.url(), folder: house.folder.path().to_owned() }
    }

    /// Over a book that other processes wrote; `folder` is for what the scripts read.
    pub fn new(app: App, url: String, folder: &Path) -> Self {
        Self { app, url, folder: folder.to_owned() }
    }

    async fn outsider(&self) -> DatabaseConnection {
        Database::connect(&self.url).await.expect("a connection of its own")
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let db = self.outsider().await;
        let row = db
            .query_one_raw(Statement::from_string(db.get_database_backend(), sql.to_owned()))
            .await
            .unwrap_or_else(|e| panic!("{sql}: {e}"))
            .unwrap_or_else(|| panic!("{sql}: no row"));
        row.try_get_by_index(0).unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// The texts of a query's first column.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let db = self.outsider().await;
        db.query_all_raw(Statement::from_string(db.get_database_backend(), sql.to_owned()))
            .await
            .unwrap_or_else(|e| panic!("{sql}: {e}"))
            .iter()
            .map(|row| row.try_get_by_index(0).unwrap_or_else(|e| panic!("{sql}: {e}")))
            .collect()
    }

    pub async fn tagged(&self, key: &str, value: &str) -> i64 {
        self.number(&format!("SELECT COUNT(*) FROM tag_current WHERE key = '{key}' AND value = '{value}'"))
            .await
    }

    /// Customers by value tier: diamond, gold, silver, regular, none.
    pub async fn tiers(&self) -> [i64; 5] {
        let mut counts = [0; 5];
        for (count, tier) in counts.iter_mut().zip(TIERS) {
            *count = self.tagged("value_tier", tier).await;
        }
        counts
    }

    /// Of the customer whom the shop calls so.
    pub async fn tier_of(&self, own_id: &str) -> Vec<String> {
        let sql = "SELECT t.value FROM tag_current t JOIN identifier i ON i.customer_id = t.customer_id \
                   WHERE t.key = 'value_tier' AND i.kind = 'user_id' AND i.value = ";
        self.texts(&format!("{sql}'{own_id}'")).await
    }

    /// As [`Judge::tiers`], by the condition behind the tag alone, without its hold.
    pub async fn tiers_by_condition(&self) -> [i64; 5] {
        let mut counts = [0; 5];
        let mut after = domain::ids::CustomerId(0);
        loop {
            let page = profiles::page(&self.app.book, after, 1_000).await.expect("a page");
            let Some(last) = page.last() else { return counts };
            after = last.id;
            for line in &page {
                let found = explain_tag(&self.app.book, line.id, "value_tier", domain::rule::Lang::En)
                    .await
                    .expect("explains");
                let tier = found.state.condition_value.unwrap_or_else(|| "none".to_owned());
                let place = TIERS.iter().position(|known| *known == tier);
                counts[place.unwrap_or_else(|| panic!("no such tier: {tier}"))] += 1;
            }
        }
    }

    /// Every customer's exported line says what the oracle says.
    pub async fn tags_agree(&self, at: &str) {
        let file = self.folder.join("profiles.ndjson");
        let mut lines = String::new();
        let mut after = domain::ids::CustomerId(0);
        loop {
            let page = profiles::page(&self.app.book, after, 1_000).await.expect("a page");
            let Some(last) = page.last() else { break };
            after = last.id;
            for line in &page {
                lines.push_str(&serde_json::to_string(line).expect("a line"));
                lines.push('\n');
            }
        }
        std::fs::write(&file, lines).expect("the export is written");
        let file = file.display().to_string();
        script("oracle.py", &["--at", at, "--golden"]);
        script("oracle.py", &["--at", at, "--compare", &file]);
    }

    /// Each of the 177 entrants: one enrollment, at most one D0 and one D7, every step's end, every code.
    pub async fn winback_as_expected(&self) {
        let sql = std::fs::read_to_string(oracle("winback.sql")).expect("the query");
        let db = self.outsider().await;
        let rows = db
            .query_all_raw(Statement::from_string(db.get_database_backend(), sql))
            .await
            .expect("the rows of the win-back");
        let columns = [
            "customer_id",
            "cause_at",
            "occasion_key",
            "enrollment_state",
            "enrollment_reason",
            "step",
            "state",
            "reason",
            "not_before",
            "handed_at",
            "coupon_id",
        ];
        let mut csv = columns.join(",") + "\n";
        for row in rows {
            let cells = columns.map(|column| {
                let number = row.try_get::<Option<i64>>("", column).ok().flatten().map(|n| n.to_string());
                number
                    .or_else(|| row.try_get::<Option<String>>("", column).ok().flatten())
                    .unwrap_or_default()
            });
            csv.push_str(&(cells.join(",") + "\n"));
        }
        let file = self.folder.join("winback.csv");
        std::fs::write(&file, csv).expect("the rows are written");
        script("winback.py", &["--rows", &file.display().to_string()]);
    }

    /// 90 important tickets, 24 of VIPs, each with its callback; nobody's before its time.
    pub async fn callbacks_as_expected(&self) {
        assert_eq!(self.number("SELECT COUNT(*) FROM callback").await, 90);
        assert_eq!(self.number("SELECT COUNT(*) FROM callback WHERE vip = 1").await, 24);
        let open = "SELECT COUNT(*) FROM callback WHERE state NOT IN ('completed', 'exhausted')";
        assert_eq!(self.number(open).await, 0, "the month is long enough for all of them");
        let junior = "SELECT COUNT(*) FROM callback_log l JOIN callback c ON c.id = l.callback_id AND c.vip = 1 \
                      WHERE l.to_state = 'assigned' AND l.actor <> 'sal'";
        assert_eq!(self.number(junior).await, 0, "a VIP's callback never goes below senior");
    }

    /// The mail server's own log against the book: it took each message once, and what it took the book calls sent or,
    /// honestly, unknown. Gives how many of either there are.
    pub async fn posted_as_booked(&self, sink: &Sink) -> (usize, usize) {
        let mut taken: HashMap<String, usize> = HashMap::new();
        for acceptance in sink.accepted() {
            *taken.entry(acceptance.message_id).or_default() += 1;
        }
        let twice: Vec<_> = taken.iter().filter(|(_, n)| **n > 1).collect();
        assert!(twice.is_empty(), "sent twice: {twice:?}");

        let of_state = |state: &str| format!("SELECT message_id FROM touchpoint WHERE state = '{state}'");
        let sent = self.texts(&of_state("sent")).await;
        let unknown = self.texts(&of_state("unknown")).await;
        let bare = |id: &String| id.trim_matches(['<', '>']).to_owned();
        let taken: HashSet<String> = taken.keys().map(bare).collect();
        let missing: Vec<_> = sent.iter().map(bare).filter(|id| !taken.contains(id)).collect();
        assert!(missing.is_empty(), "said to be sent, never taken: {missing:?}");
        let known: HashSet<String> = sent.iter().chain(&unknown).map(bare).collect();
        let secret: Vec<_> = taken.difference(&known).collect();
        assert!(secret.is_empty(), "taken, but the book doesn't say so: {secret:?}");
        (sent.len(), unknown.len())
    }

    /// The promises as SQL, with no daemon at work.
    pub async fn invariants_hold(&self) {
        script("invariants.py", &[&self.script_url(), "--at-rest"]);
    }

    fn script_url(&self) -> String {
        self.url.replacen("sqlite://", "sqlite:", 1)
    }
}

fn oracle(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle").join(name)
}

/// Runs a script of the oracle; what it finds is shown where it isn't content.
fn script(name: &str, args: &[&str]) {
    let output = Command::new("python3")
        .arg(oracle(name))
        .args(args)
        .output()
        .unwrap_or_else(|e| panic!("python3 is needed for {name}: {e}"));
    assert!(
        output.status.success(),
        "{name} {args:?}\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
