//! What kind of account somebody has: tiers follow at once, care campaigns pass by, suspicion is shown only.

use super::{NOW, keep, order, rows, send, who};
use crate::support::{book::House, on_both_databases};
use kinkeeper::service::{eligibility, identity, profile, rebuild};
use serde_json::json;

async fn tiers(house: &House, user: &str) -> Vec<String> {
    let id = who(house, user).await;
    let view = profile::profile(&house.app.book, id).await.expect("read").expect("there");
    let tags = view.tags.iter().filter(|tag| ["value_tier", "vip"].contains(&tag.key.as_str()));
    tags.map(|tag| format!("{}={}", tag.key, tag.value)).collect()
}

on_both_databases! {
    async fn tiers_follow_what_people_say_at_once_and_the_ledger_says_why(database) {
        let house = House::open(database, &[NOW]).await;
        let book = &house.app.book;
        send(&house, vec![order("big", "1", "2026-08-01T00:00:00Z", "12000")]).await;
        keep(&house).await;
        assert_eq!(tiers(&house, "big").await, ["value_tier=diamond", "vip=true"]);
        let id = who(&house, "big").await;
        let done = identity::set_account_kind(book, id, "reseller", "test").await.expect("set");
        assert_eq!((done.before.as_str(), done.account_kind), ("consumer", "reseller"));
        keep(&house).await;
        assert_eq!(tiers(&house, "big").await, ["value_tier=regular"]);
        let why = eligibility::explain_tag(book, id, "value_tier", domain::rule::Lang::En).await.expect("explained");
        assert_eq!(why.state.evidence["account_kind"], json!("reseller"));
        let view = profile::profile(book, id).await.expect("read").expect("there");
        let said = view.tags.iter().find(|tag| tag.key == "value_tier").and_then(|tag| tag.why.clone()).expect("why");
        assert!(said.en.contains("a reseller account gets no higher"), "{}", said.en);
        let ledger = rows(&house, "SELECT key || ' ' || cause || ' ' || evidence FROM tag_history WHERE cause = 'manual' ORDER BY key").await;
        let ledger: Vec<String> = ledger.iter().map(|row| row.try_get_by_index(0).expect("text")).collect();
        assert_eq!(ledger.len(), 3, "{ledger:?}");
        assert!(ledger.iter().all(|line| line.contains("\"account_kind\":\"reseller\"")), "{ledger:?}");
        // What was kept as a reseller's is right as it stands, and a later fact changes nothing about that.
        let mut found = Vec::new();
        let report = rebuild::run(book, rebuild::Mode::Check, &mut |difference| found.push(difference.clone())).await;
        assert_eq!((report.expect("checked").differences, found), (0, vec![]));
        send(&house, vec![order("big", "2", "2026-09-01T00:00:00Z", "90000")]).await;
        keep(&house).await;
        assert_eq!(tiers(&house, "big").await, ["value_tier=regular"]);
        identity::set_account_kind(book, id, "consumer", "test").await.expect("set");
        keep(&house).await;
        assert_eq!(tiers(&house, "big").await, ["value_tier=diamond", "vip=true"]);
        let wrong = identity::set_account_kind(book, id, "resseller", "test").await.expect_err("no kind");
        assert!(wrong.to_string().contains("did you mean reseller?"), "{wrong}");
    }

    async fn suspicion_is_shown_ends_by_itself_and_changes_nothing(database) {
        let house = House::open(database, &[NOW]).await;
        let book = &house.app.book;
        let day = |n: u32| format!("2026-09-{:02}T01:00:00Z", n);
        let twenty = (0..20).map(|n| order("busy", &n.to_string(), &day(n / 2 + 10), "10")).collect();
        send(&house, twenty).await;
        let nineteen = (0..19).map(|n| order("calm", &format!("c{n}"), &day(n / 2 + 10), "10")).collect();
        send(&house, nineteen).await;
        keep(&house).await;
        let look = async |user| {
            let id = who(&house, user).await;
            profile::profile(book, id).await.expect("read").expect("there")
        };
        let busy = look("busy").await;
        assert_eq!(
            serde_json::to_value(&busy.suspicion).expect("JSON"),
            json!([{"rule": "orders_30d", "value": 20, "threshold": 20}])
        );
        assert_eq!((busy.account_kind.as_str(), busy.tags.len()), ("consumer", look("calm").await.tags.len()));
        assert_eq!(look("calm").await.suspicion, vec![]);
        // The keeper comes back when the first of them leaves the 30 d, though no fact comes.
        let due = rows(&house, &format!("SELECT due_at FROM customer_due WHERE customer_id = {}", busy.id.0)).await;
        let due: i64 = due[0].try_get_by_index(0).expect("a number");
        assert_eq!(domain::time::Instant::from_micros(due).to_rfc3339(), "2026-10-10T01:00:00Z");
        // People said what it is: nothing is left to suspect.
        identity::set_account_kind(book, busy.id, "brushing", "test").await.expect("set");
        assert_eq!(look("busy").await.suspicion, vec![]);
    }
}
