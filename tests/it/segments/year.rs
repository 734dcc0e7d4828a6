//! The retail book walked a day at a time through a year: whoever is kept in a live segment at each midnight is whom its rule finds when
//! the whole book is asked, whom the ledger of comings and goings leaves in it, and nobody is looked at for nothing.

use super::{Care, at};
use crate::support::door::key;
use crate::support::{number, on_both_databases};
use crate::walking::{days, keep, tell};
use domain::ids::CustomerId;
use domain::rule::{self, Rule};
use domain::time::Span;
use kinkeeper::service::asking;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const FIRST: &str = "2010-12-01T00:00:00Z";
const LAST: &str = "2011-12-31T00:00:00Z";
/// One customer in so many walks; `KINKEEPER_YEAR_EVERY=1` walks with all.
const EVERY: u64 = 32;

/// Every kind of leaf whose truth moves with time or with facts, and segments of segments.
fn rules() -> Vec<(&'static str, Value)> {
    vec![
        ("recent", json!({"profile": "last_order_at", "within": "30d"})),
        (
            "quiet",
            json!({"all": [{"days_since": "last_order_at", "gte": 90}, {"profile": "spend_365", "gte": "200.00"}]}),
        ),
        ("often", json!({"event": "Order Completed", "count": {"gte": 3}, "within": "60d"})),
        ("once", json!({"event": "Order Completed", "count": {"eq": 1}})),
        (
            "settled",
            json!({"event": "Order Completed", "first": {"older_than": "120d"}, "for_new": "include"}),
        ),
        (
            "autumn",
            json!({"event": "Order Completed", "between": ["2011-09-01T00:00:00Z", "2011-10-31T23:59:59Z"]}),
        ),
        ("gave_back", json!({"event": "Order Refunded", "within": "45d"})),
        ("none_of_late", json!({"event": "Order Completed", "count": {"lte": 0}, "within": "20d"})),
        (
            "tier",
            json!({"tag": "value_tier", "in": ["silver", "gold", "diamond"], "since": {"older_than": "15d"}}),
        ),
        ("at_risk", json!({"any": [{"tag": "churn_risk"}, {"tag": "lapsed"}]})),
        ("calm", json!({"tag": "churn_risk", "exists": false, "since": {"within": "40d"}})),
        ("a_year", json!({"anniversary": "first_order_at", "within": "7d"})),
        ("half", json!({"all": [{"share": "50%", "salt": "year"}, {"profile": "orders_365", "gte": 2}]})),
        (
            "of_these",
            json!({"any": [{"segment": "often", "since": {"older_than": "5d"}}, {"all": [{"segment": "recent"}, {"segment": "half"}]}]}),
        ),
        ("mean", json!({"profile": "avg_order_365", "between": ["150.00", "400.00"]})),
    ]
}

async fn publish(care: &Care) {
    let document = |(key, rule): (&str, Value)| {
        json!({"kind": "segment", "key": key, "name": {"en": key, "zh-CN": key}, "rule": rule}).to_string()
    };
    let documents: Vec<String> = rules().into_iter().map(document).collect();
    care.apply(&documents.join("\n---\n")).await;
}

/// Who stands in each segment, and whom the ledger leaves in it.
async fn standing(care: &Care) -> [BTreeSet<(String, i64)>; 2] {
    let current =
        care.house.lines("SELECT key, customer_id FROM tag_current WHERE key LIKE 'segment:%'").await;
    let told = "SELECT h.key, h.customer_id FROM tag_history h WHERE h.key LIKE 'segment:%' AND h.to_value IS NOT NULL AND h.id = \
                (SELECT MAX(l.id) FROM tag_history l WHERE l.customer_id = h.customer_id AND l.key = h.key)";
    let read = |lines: Vec<String>| {
        let one = |line: &String| {
            let (key, id) = line.split_once('|').expect("two columns");
            (key.trim_start_matches("segment:").to_owned(), id.parse().expect("a number"))
        };
        lines.iter().map(one).collect()
    };
    [read(current), read(care.house.lines(told).await)]
}

fn statements(care: &Care) -> u64 {
    let store = &care.house.app.book.store;
    store.reader().asked() + store.asked_in_transactions()
}

async fn asked(care: &Care, rules: &[(&'static str, Rule)]) -> BTreeSet<(String, i64)> {
    let mut found = BTreeSet::new();
    for (key, rule) in rules {
        let members =
            asking::members(&care.house.app.book, rule, CustomerId(0), 10_000).await.expect("asked");
        found.extend(members.into_iter().map(|id| ((*key).to_owned(), id.0)));
    }
    found
}

on_both_databases! {
    async fn live_membership_is_what_the_rule_finds_at_every_midnight(database) {
        let every = number("KINKEEPER_YEAR_EVERY", EVERY);
        let care = Care::in_onboarding(database, &[&format!("clock={FIRST}")]).await;
        let app = &care.house.app;
        publish(&care).await;
        let key = key(app, "ingest").await;
        let parsed: Vec<(&str, Rule)> =
            rules().into_iter().map(|(key, tree)| (key, rule::parse(&tree).expect("right"))).collect();
        let mut coming = days(every);
        let (mut day, mut looks, mut facts) = (at(FIRST), 0, 0);
        let mut sizes: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        while day < at(LAST) {
            day = day + Span::days(1);
            care.set_now(day).await;
            let arrived = coming.remove(&day).unwrap_or_default();
            facts += arrived.len() as u64;
            tell(app, &key, arrived).await;
            let before = statements(&care);
            let looked = keep(&app.book, 50).await;
            looks += looked;
            // A few for each fifty people, and a few to find that there are no more; with nobody due none for anybody.
            let took = statements(&care) - before;
            assert!(took <= 40 * (looked.div_ceil(50) + 1), "{took} statements for {looked} on {day}");
            let [current, ledger] = standing(&care).await;
            let found = asked(&care, &parsed).await;
            assert_eq!(current, found, "{day}: kept, and found by asking");
            assert_eq!(current, ledger, "{day}: kept, and left by the ledger");
            for (segment, _) in &parsed {
                let size = current.iter().filter(|(key, _)| key == segment).count();
                sizes.entry((*segment).to_owned()).or_default().insert(size);
            }
        }
        assert!(facts > 300 && looks < facts * 60, "{looks} looks for {facts} facts");
        for (segment, sizes) in sizes {
            assert!(sizes.len() > 2, "{segment} never moves: {sizes:?}");
        }
    }
}
