//! Runs over the whole book: every Monday at four each buyer's segment is the one that counting them all again by hand gives,
//! changes when two runs agree, and is a fact like any other.

use crate::support::{book::House, care::Care, on_both_databases};
use domain::time::{Instant, Span};
use kinkeeper::app::App;
use kinkeeper::service::{identity, profile, rebuild};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A Sunday.
const NOW: &str = "clock=2026-09-06T12:00:00Z";
const MONDAY: &str = "2026-09-07T04:00:00Z";

fn at(text: &str) -> Instant {
    Instant::parse(text, chrono_tz::UTC).expect("an instant")
}

/// The n-th Monday at four, from 0.
fn monday(n: i64) -> Instant {
    at(MONDAY) + Span::days(7 * n)
}

#[derive(Debug, Clone, Copy)]
struct Bought {
    user: u64,
    at: Instant,
    cents: i64,
}

/// Numbers that look drawn, the same each time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Orders of so many people, in the 500 days before `until`.
fn book(people: u64, until: Instant) -> Vec<Bought> {
    let mut draw = Draw(7);
    let mut bought = Vec::new();
    for user in 0..people {
        for _ in 0..=draw.below(5) {
            let days = i64::try_from(draw.below(500)).expect("small");
            let cents = i64::try_from(draw.below(60)).expect("small") * 10_000;
            bought.push(Bought { user, at: until - Span::days(days) - Span::hours(3), cents });
        }
    }
    bought
}

async fn send(house: &House, bought: &[Bought]) {
    let said = |(i, one): (usize, &Bought)| {
        let id = format!("{}-{}-{i}", one.user, one.at.micros());
        json!({"type": "track", "messageId": id, "userId": format!("u{}", one.user), "event": "Order Completed",
            "timestamp": one.at.to_rfc3339(), "properties": {"order_id": id,
            "total": format!("{}.{:02}", one.cents / 100, one.cents % 100)}})
    };
    let events: Vec<Value> = bought.iter().enumerate().map(said).collect();
    for some in events.chunks(500) {
        house.send(some.to_vec()).await;
    }
}

/// Which fifth of `all` this is in, by how many are strictly below.
fn fifth(value: i64, all: &[i64]) -> usize {
    5 * all.iter().filter(|other| **other < value).count() / all.len() + 1
}

/// What a run as of `now` says of each buyer, counted anew.
fn said(bought: &[Bought], now: Instant) -> BTreeMap<u64, &'static str> {
    let mut buyers: BTreeMap<u64, (i64, i64, i64)> = BTreeMap::new();
    for one in bought.iter().filter(|one| one.at <= now && now - one.at < Span::days(365)) {
        let (last, orders, spend) = buyers.entry(one.user).or_insert((i64::MIN, 0, 0));
        (*last, *orders, *spend) = ((*last).max(one.at.micros()), *orders + 1, *spend + one.cents);
    }
    let of = |pick: fn(&(i64, i64, i64)) -> i64| buyers.values().map(pick).collect::<Vec<i64>>();
    let (last, orders, spend) = (of(|b| b.0), of(|b| b.1), of(|b| b.2));
    let segment = |b: &(i64, i64, i64)| {
        let high = |value, all: &[i64]| fifth(value, all) >= 4;
        match (high(b.2, &spend), high(b.0, &last), high(b.1, &orders)) {
            (true, true, true) => "important_value",
            (true, true, false) => "important_develop",
            (true, false, true) => "important_retain",
            (true, false, false) => "important_win_back",
            (false, true, true) => "ordinary_value",
            (false, true, false) => "ordinary_develop",
            (false, false, true) => "ordinary_retain",
            (false, false, false) => "ordinary_win_back",
        }
    };
    buyers.iter().map(|(user, b)| (*user, segment(b))).collect()
}

/// What counts after these runs: the first at once, another when two running say it.
fn settled(runs: &[BTreeMap<u64, &'static str>], people: u64) -> BTreeMap<u64, &'static str> {
    let mut counts = BTreeMap::new();
    for user in 0..people {
        let (mut now, mut last) = (None, None);
        for run in runs {
            let says = run.get(&user).copied();
            if now.is_none() || says == last {
                now = says;
            }
            last = says;
        }
        counts.extend(now.map(|segment| (user, segment)));
    }
    counts
}

async fn segments(house: &House) -> BTreeMap<u64, String> {
    let sql = "SELECT i.value AS who, t.value AS is_now FROM tag_current t JOIN identifier i \
               ON i.customer_id = t.customer_id AND i.kind = 'user_id' WHERE t.key = 'rfm_segment'";
    let lines = house.lines(sql).await;
    let read = |line: &String| {
        let (who, segment) = line.split_once('|').expect("who|segment");
        (who[1..].parse().expect("a number"), segment.to_owned())
    };
    lines.iter().map(read).collect()
}

async fn go(app: &App, now: Instant) {
    while app.book.now().await.expect("the time") < now {
        app.book.store.advance_clock(now).await.expect("stepped");
        app.engine().drain_all().await.expect("drained");
    }
}

fn same(found: &BTreeMap<u64, String>, wanted: &BTreeMap<u64, &'static str>) {
    let wanted: BTreeMap<u64, String> = wanted.iter().map(|(user, is)| (*user, (*is).to_owned())).collect();
    let differ: Vec<_> = found.iter().filter(|(user, is)| wanted.get(user) != Some(is)).take(5).collect();
    assert_eq!(differ, vec![], "of {} beside {}", found.len(), wanted.len());
    assert_eq!(found.len(), wanted.len());
}

const PEOPLE: u64 = 620;

on_both_databases! {
    async fn each_buyers_segment_is_the_one_counted_by_hand_and_changes_when_two_runs_agree(database) {
        let house = House::open(database, &[NOW, "shop.timezone=UTC", "workers.modeler_batch=97"]).await;
        let app = &house.app;
        let mut all = book(PEOPLE, at("2026-09-05T00:00:00Z"));
        send(&house, &all).await;
        go(app, monday(0) - Span::seconds(1)).await;
        assert_eq!(segments(&house).await, BTreeMap::new());
        let mut runs = Vec::new();
        for week in 0..4 {
            go(app, monday(week)).await;
            runs.push(said(&all, monday(week)));
            same(&segments(&house).await, &settled(&runs, PEOPLE));
            // A fifth of them buys much in the week that begins.
            let mut draw = Draw(u64::try_from(week).expect("small") + 1);
            let more: Vec<Bought> = (0..PEOPLE / 5)
                .map(|_| Bought { user: draw.below(PEOPLE), at: monday(week) + Span::hours(2), cents: 300_000 })
                .collect();
            go(app, monday(week) + Span::hours(3)).await;
            send(&house, &more).await;
            all.extend(more);
        }
        let (first, second) = (&runs[0], &runs[1]);
        assert!(first.iter().any(|(user, is)| second.get(user).is_some_and(|was| was != is)), "nobody wavers");
        assert!(settled(&runs, PEOPLE) != settled(&runs[..1], PEOPLE), "nobody changes");
        // Each run looked at everybody once, in pages, and facts were said only of those for whom something changed.
        let done = house.lines("SELECT kind, looked_at, changed FROM run WHERE done_at IS NOT NULL AND kind = 'rfm' ORDER BY due_at").await;
        let changed: i64 = done.iter().map(|line| line.rsplit('|').next().expect("a count").parse::<i64>().expect("a number")).sum();
        let facts = house.lines("SELECT COUNT(*) AS n FROM event WHERE kind = 'Score Settled'").await;
        assert_eq!((done.len(), facts), (4, vec![changed.to_string()]));
        assert!(done[0].starts_with(&format!("rfm|{}|", first.len())), "{}", done[0]);
        // As the ledger says, since the run; and the log alone makes the same.
        let since = house.lines("SELECT COUNT(*) AS n FROM tag_history WHERE key = 'rfm_segment' AND cause <> 'event'").await;
        assert_eq!(since, ["0"]);
        let days = house.lines("SELECT DISTINCT since FROM tag_history WHERE key = 'rfm_segment' ORDER BY since").await;
        let mondays: Vec<String> = (0..4).map(|week| monday(week).micros().to_string()).collect();
        assert_eq!(days, mondays);
        let report = rebuild::run(&app.book, rebuild::Mode::Check, &mut |d| panic!("differs: {d:?}")).await;
        assert_eq!(report.expect("checked").differences, 0);
    }

    async fn two_daemons_make_one_run_and_a_daemon_that_slept_makes_the_latest(database) {
        let care = Care::in_onboarding(database, &[NOW, "shop.timezone=UTC", "workers.modeler_batch=20"]).await;
        let house = &care.house;
        let all = book(200, at("2026-09-05T00:00:00Z"));
        send(house, &all).await;
        house.app.engine().drain_all().await.expect("drained");
        // Nobody looks for three weeks: one run is made, as of when somebody does.
        let late = monday(3) + Span::hours(5);
        care.set_now(late).await;
        let other = house.app.clone();
        let (one, two) = (house.app.engine(), other.engine());
        let (one, two) = tokio::join!(one.drain_all(), two.drain_all());
        let pages = one.expect("drained")["modeler"] + two.expect("drained")["modeler"];
        let runs = house.lines("SELECT kind, looked_at, changed, as_of FROM run WHERE done_at IS NOT NULL ORDER BY kind").await;
        let buyers = said(&all, late).len();
        assert!(buyers > 150, "{buyers}");
        assert_eq!(segments(house).await.len(), buyers);
        let as_of = late.micros();
        assert_eq!(runs[1], format!("rfm|{buyers}|{buyers}|{as_of}"));
        assert!(runs[0].starts_with(&format!("amounts|{buyers}|0|{as_of}")), "{}", runs[0]);
        let facts = house.lines("SELECT COUNT(*) AS n FROM event WHERE kind = 'Score Settled'").await;
        assert_eq!(facts, [buyers.to_string()]);
        // One begins, the amounts are one page, and twenty are looked at in each; of all two hundred for what they bought again.
        assert_eq!(pages, u64::try_from(buyers / 20 + 1 + 2 + 11).expect("small"));
        let next = house.lines("SELECT DISTINCT due_at FROM run WHERE done_at IS NULL").await;
        assert_eq!(next, [monday(4).micros().to_string()]);
    }

    async fn few_buyers_go_by_fixed_cuts_and_only_consumers_have_a_segment(database) {
        let house = House::open(database, &[NOW, "shop.timezone=UTC"]).await;
        let app = &house.app;
        let days = |n: i64| monday(0) - Span::days(n);
        let one = |user, n, cents| Bought { user, at: days(n), cents };
        send(&house, &[
            // R 5 F 1 M 4; R 4 F 1 M 1; nobody within 365 d; a reseller.
            one(1, 29, 500_000), one(2, 30, 49_999), one(3, 365, 900_000), one(4, 1, 900_000),
        ]).await;
        app.engine().drain_all().await.expect("drained");
        let id = async |user: &str| {
            let sql = format!("SELECT customer_id FROM identifier WHERE value = '{user}'");
            domain::ids::CustomerId(house.lines(&sql).await[0].parse().expect("a number"))
        };
        identity::set_account_kind(&app.book, id("u4").await, "reseller", "test").await.expect("set");
        go(app, monday(0)).await;
        let found = segments(&house).await;
        let wanted = BTreeMap::from([(1, "important_develop".to_owned()), (2, "ordinary_develop".to_owned())]);
        assert_eq!(found, wanted);
        let view = profile::profile(&app.book, id("u1").await).await.expect("read").expect("there");
        let tag = view.tags.iter().find(|tag| tag.key == "rfm_segment").expect("there");
        assert_eq!(tag.why.as_ref().map(|why| why.en.as_str()), Some(
            "RFM segment is important, to be developed since 2026-09-07: by the last run over the whole book \
             (as of: 2026-09-07, frequency (1–5): 1, monetary (1–5): 4, recency (1–5): 5)."
        ));
        // Too few for a percentile, and nobody is suspicious by it.
        let amounts = house.lines("SELECT cuts FROM run WHERE kind = 'amounts' AND done_at IS NOT NULL").await;
        let amounts: Value = serde_json::from_str(&amounts[0]).expect("JSON");
        assert_eq!(amounts, json!({"orders": 2, "order_p90_minor": null, "order_p95_minor": null, "buyers": 2, "spend_p95_minor": null}));
        // Who becomes one begins anew: the next run says at once what both are together.
        identity::merge(&app.book, id("u2").await, id("u1").await, "test", None).await.expect("merged");
        go(app, monday(1)).await;
        // R 4, F 2, M 4.
        assert_eq!(segments(&house).await.values().collect::<Vec<_>>(), ["important_develop"; 2]);
        assert_eq!(house.lines("SELECT said, settled FROM score").await, ["important_develop|important_develop"]);
    }

    async fn who_spends_twenty_times_what_nearly_all_do_is_suspicious_and_only_shown(database) {
        let house = House::open(database, &[NOW, "shop.timezone=UTC"]).await;
        let app = &house.app;
        let day = monday(0) - Span::days(10);
        let mut all: Vec<Bought> = (0..110).map(|user| Bought { user, at: day, cents: 10_000 + i64::try_from(user).expect("small") }).collect();
        // The 95th percentile of 112 is the 107th: 10,106.
        all.extend([(110, 202_120), (111, 202_121)].map(|(user, cents)| Bought { user, at: day, cents }));
        send(&house, &all).await;
        go(app, monday(0)).await;
        let amounts = house.lines("SELECT cuts FROM run WHERE kind = 'amounts' AND done_at IS NOT NULL").await;
        let amounts: Value = serde_json::from_str(&amounts[0]).expect("JSON");
        assert_eq!(amounts, json!({"orders": 112, "order_p90_minor": 10_100, "order_p95_minor": 10_106, "buyers": 112, "spend_p95_minor": 10_106}));
        for (user, wanted) in [
            ("u110", json!([])),
            ("u111", json!([{"rule": "spend_365", "value": {"amount": "2021.21", "currency": "CNY"},
                "threshold": {"amount": "2021.20", "currency": "CNY"}}])),
        ] {
            let found = house.lines(&format!("SELECT customer_id FROM identifier WHERE value = '{user}'")).await;
            let id = domain::ids::CustomerId(found[0].parse().expect("a number"));
            let view = profile::profile(&app.book, id).await.expect("read").expect("there");
            assert_eq!(serde_json::to_value(&view.suspicion).expect("JSON"), wanted, "{user}");
            assert_eq!(view.account_kind, "consumer");
        }
    }
}
