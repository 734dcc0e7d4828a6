//! What must hold of the book after any fault, asked of the tables and of the binary's own commands.

use super::clients::{Known, customer_of};
use crate::support::daemon::{Binary, wait_until};
use crate::support::invariants::{self, Workers};
use domain::time::Clock;
use kinkeeper::system::SystemClock;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The book from outside.
pub struct Verdict {
    db: DatabaseConnection,
}

impl Verdict {
    pub async fn on(url: String) -> Self {
        Self { db: Database::connect(url).await.expect("a connection of its own") }
    }

    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let statement = Statement::from_string(self.db.get_database_backend(), sql);
        let rows = self.db.query_all_raw(statement).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        rows.iter().map(|row| row.try_get_by_index(0).expect("text")).collect()
    }

    /// Changes the book behind everybody's back.
    pub async fn does(&self, sql: &str) {
        self.db.execute_unprepared(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    /// The message ids that clients sent; each there once, and each with its order.
    pub async fn kept(&self) -> BTreeSet<String> {
        let log = "SELECT e.message_id FROM event e JOIN source s ON s.id = e.source_id WHERE s.key = 'api'";
        let kept = once(self.texts(log).await, "an event is in the log twice");
        let orders = self.texts("SELECT order_key FROM orders WHERE order_key LIKE '%:o-%'").await;
        let ordered = orders.iter().map(|key| key.split_once(":o-").expect("as asked for").1.to_owned());
        let ordered = once(ordered.collect(), "an order is there twice");
        assert_eq!(ordered, kept, "an event without its order, or the other way round");
        kept
    }

    /// Everything answered is there; gives what is.
    pub async fn nothing_is_lost(&self, known: &Known) -> BTreeSet<String> {
        let kept = self.kept().await;
        let lost: Vec<_> = known.answered.difference(&kept).collect();
        let (n, of) = (lost.len(), known.answered.len());
        assert!(lost.is_empty(), "{n} of {of} answered are lost, so {:?}", &lost[..n.min(20)]);
        kept
    }

    /// Waits until nobody is due, by the book's own clock or by the machine's, and no dead worker's lease is left.
    pub async fn settled(&self) {
        let behind = async || {
            let machine = Clock::machine_now(&SystemClock).micros();
            let sql = format!(
                "SELECT CAST(customer_id AS TEXT) FROM customer_due \
                 WHERE leased_until IS NOT NULL OR due_at <= COALESCE((SELECT now_at FROM clock), {machine}) \
                 UNION ALL SELECT key FROM meta WHERE key = 'mark_at'"
            );
            self.texts(&sql).await
        };
        wait_until("everybody's profile to be kept", async || behind().await.is_empty()).await;
    }

    /// No promise is broken and every table says what the log does, as our own commands see it too. Nobody is at work.
    pub async fn whole(&self, binary: &Binary) {
        let broken = invariants::broken(&self.db, Workers::AtRest).await;
        assert!(broken.is_empty(), "{broken:?}");
        binary.run(&["doctor", "--invariants"]);
        let compared = binary.run(&["rebuild", "--check"]);
        assert!(
            compared.contains("everything is as the log says") && !compared.contains("wait to be looked at"),
            "{compared}"
        );
    }
}

fn once(found: Vec<String>, twice: &str) -> BTreeSet<String> {
    let number = found.len();
    let found: BTreeSet<String> = found.into_iter().collect();
    assert_eq!(number, found.len(), "{twice}");
    found
}

/// Each customer's orders and spend as exported are those of the events and rows; gives the export.
pub fn profiles_agree<'a>(binary: &Binary, bought: impl Iterator<Item = &'a String>) -> Vec<Value> {
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for id in bought {
        *expected.entry(customer_of(id)).or_default() += 1;
    }
    let export = binary.run(&["export", "profiles"]);
    let profiles: Vec<Value> =
        export.lines().map(|line| serde_json::from_str(line).expect("a profile")).collect();
    let mut found = BTreeMap::new();
    for profile in &profiles {
        let orders = profile["orders_365"].as_u64().expect("a count");
        let minor = orders * 1_990;
        let spend = format!("{}.{:02}", minor / 100, minor % 100);
        assert_eq!(profile["spend_365"]["amount"].as_str().unwrap_or("0.00"), spend, "{profile}");
        if orders > 0 {
            found.insert(profile["customer_id"].as_str().expect("an id").to_owned(), orders);
        }
    }
    assert_eq!(found, expected);
    profiles
}
