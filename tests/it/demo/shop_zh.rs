//! The made-up Chinese shop: what its files say is what the book says, its people are nobody's, its days are the statutory
//! ones, and it says of itself that it is synthetic.

use crate::support::book::House;
use crate::support::command::Home;
use crate::support::on_both_databases;
use chrono::NaiveDate;
use chrono_tz::Asia::Shanghai;
use domain::time::Instant;
use kinkeeper::cli::demo::month::Month;
use kinkeeper::cli::demo::shop_zh::{SCRIPT, SETTINGS, UNTIL, report};
use kinkeeper::cli::demo::synth::{SEED, make};
use kinkeeper::service::shopfloor;
use kinkeeper::service::showcase::{self, Case};
use kinkeeper::store::ClockKind;
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

fn at(text: &str) -> Instant {
    Instant::parse(text, Shanghai).expect("an instant")
}

/// Complaints by customer as the made file has them, of those opened by then.
fn complained(until: &str) -> BTreeMap<String, usize> {
    let made = make(SEED);
    let mut reader = csv::Reader::from_reader(made.tickets.as_bytes());
    let headers = reader.headers().expect("headers").clone();
    let place = |name: &str| headers.iter().position(|header| header == name).expect("the column");
    let (who, opened, complaint) = (place("customer_id"), place("opened_at"), place("complaint"));
    let mut times = BTreeMap::new();
    for row in reader.records() {
        let row = row.expect("a row");
        let within = &row[opened] > "2025-10-10T12:00:00" && &row[opened] <= until;
        if &row[complaint] == "true" && within {
            *times.entry(row[who].to_owned()).or_default() += 1;
        }
    }
    times
}

async fn counts(house: &House, sql: &str) -> BTreeMap<String, usize> {
    let lines = house.lines(sql).await;
    let pair = |line: &String| {
        let (value, n) = line.split_once('|').expect("a value and its count");
        (value.to_owned(), n.parse().expect("a number"))
    };
    lines.iter().map(pair).collect()
}

async fn tagged(house: &House, key: &str) -> BTreeMap<String, usize> {
    counts(house, &format!("SELECT value, COUNT(*) FROM tag_current WHERE key = '{key}' GROUP BY value"))
        .await
}

on_both_databases! {
    async fn the_made_up_shop_is_as_its_files_say(database) {
        let clock = format!("clock={}", SCRIPT.imported_at);
        let settings: Vec<&str> = SETTINGS.iter().copied().filter(|s| !s.starts_with("data_dir")).chain([clock.as_str()]).collect();
        let house = House::open(database, &settings).await;
        let book = house.app.book.clone();
        assert_eq!(book.store.clock_kind(), ClockKind::Virtual);
        let folder = house.folder.path().to_owned();
        let mut days = Month::of(&SCRIPT, house.app.clone(), &folder, &|_| ()).await.expect("it goes live");
        days.run_until(at(UNTIL), &CancellationToken::new()).await.expect("the days pass");

        assert_eq!(house.lines("SELECT COUNT(*) FROM customer").await, ["2000"]);
        assert_eq!(house.lines("SELECT COUNT(*) FROM quarantine").await, ["0"], "every rule is kept");
        let levels = counts(&house, "SELECT level, COUNT(*) FROM staff GROUP BY level").await;
        let wanted = [("junior", 6), ("manager", 1), ("senior", 3), ("supervisor", 2)];
        assert_eq!(levels, wanted.map(|(level, n)| (level.to_owned(), n)).into_iter().collect());
        let callable = "SELECT COUNT(*) FROM contact_point WHERE channel = 'phone' AND value NOT LIKE '+86154%'";
        assert_eq!(house.lines(callable).await, ["0"], "no number is anybody's");

        let mut classes: BTreeMap<String, usize> = BTreeMap::new();
        let times = complained(UNTIL);
        for n in times.values() {
            *classes.entry(["none", "one", "several", "frequent"][*n.min(&3)].to_owned()).or_default() += 1;
        }
        assert_eq!(classes.len(), 3, "{classes:?}");
        classes.insert("none".to_owned(), 2_000 - times.len());
        let told = tagged(&house, "complaint_history").await;
        // Who has neither bought, asked nor answered anything is kept since they registered.
        assert_eq!(told, classes);
        assert!(tagged(&house, "complaint_open").await["true"] > 10);
        let tiers = tagged(&house, "value_tier").await;
        assert!(["none", "regular", "silver", "gold", "diamond"].iter().all(|tier| tiers[*tier] > 20), "{tiers:?}");
        assert!(tagged(&house, "churn_risk").await["true"] > 200);

        let delays = shopfloor::delays(&book).await.expect("read");
        let delay = delays.first().expect("the storm");
        assert_eq!((delays.len(), delay.parcels), (1, 64));
        assert!(delay.under_way > 0 && delay.late > 20 && delay.complaints >= 26 && delay.open_complaints > 0);
        let date = |month, day| NaiveDate::from_ymd_opt(2026, month, day).expect("a date");
        let days = shopfloor::days(&book, date(9, 30), date(10, 12)).await.expect("read");
        let worked: Vec<String> =
            days.iter().filter(|day| day.works.is_some()).map(|day| day.date.format("%m-%d").to_string()).collect();
        assert_eq!(worked, ["09-30", "10-08", "10-09", "10-10", "10-12"], "Saturday the 10th is a make-up workday");
        let taken: i64 = shopfloor::desks(&book, date(10, 10)).await.expect("read").iter().map(|desk| desk.taken).sum();
        assert!(taken > 0, "somebody called on the make-up Saturday");

        let cases = showcase::cases(&book).await.expect("the cases");
        for case in [Case::Reversed, Case::Held, Case::NearVip, Case::ChurnToday, Case::Negative] {
            let shown = cases.iter().find(|shown| shown.case == case).expect("told");
            assert!(shown.customers > 0 && shown.example.is_some(), "{case:?}");
        }
        let text = report(&book, "mail", "kinkeeper").await.expect("the report");
        for part in ["合成数据", "20261010", "客户价值分层", "流失风险", "客诉历史", "台风停运", "上班（调休）", "资深客服"] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}

/// The command itself, in English where the locale says so.
#[test]
fn the_made_up_shop_is_shown_and_the_command_ends() {
    let home = Home::new();
    let run = home.run(&["demo", "--data", "shop-zh", "--no-serve", "--set", "shop.locale=en"]).ended(0);
    for part in ["Synthetic data", "20261010", "works: make-up day", "2000 customers as of 2026-10-10 12:00"]
    {
        assert!(run.stdout.contains(part), "{part} is missing in\n{}", run.stdout);
    }
    let name = home.run(&["--config", "data/demo-shop-zh/kinkeeper.toml", "config", "show"]).ended(0);
    assert!(name.stdout.contains("合成数据"), "{}", name.stdout);
    let early = home.run(&["demo", "--data", "shop-zh", "--no-serve", "--until", "2026-10-07"]).ended(2);
    assert!(early.stderr.contains("goes live on 2026-10-08"), "{}", early.stderr);
}
