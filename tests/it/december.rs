//! The retail book's December, whole: on both databases, with two daemons, and under kill -9. What it must
//! come to is worked out apart from the product, by the scripts in `tests/oracle`.

mod crash;
mod judge;
mod shuffled;
mod two;

use crate::support::TestDatabase;
use crate::support::book::House;
use chrono_tz::Europe::London;
use domain::time::Instant;
use judge::Judge;
use kinkeeper::cli::demo::month::Month;
use tokio_util::sync::CancellationToken;

/// The demo's book as settings name it.
const RETAIL: [&str; 6] = [
    "clock=2011-11-30T23:00:00Z",
    "shop.key=retail",
    "shop.timezone=Europe/London",
    "shop.currency=GBP",
    "shop.locale=en",
    "shop.sender_address=care@retail.example",
];

/// Mails of the whole month: 2,964 greetings and 204 of the win-back.
const MAILS: usize = 3_168;

fn at(text: &str) -> Instant {
    Instant::parse(text, London).expect("an instant")
}

async fn the_month(database: TestDatabase) {
    let house = House::open(database, &RETAIL).await;
    let judge = Judge::of(&house);
    let stop = CancellationToken::new();
    let folder = house.folder.path().to_owned();
    let mut month = Month::begin(house.app.clone(), &folder, &|_| ()).await.expect("the month begins");
    assert_eq!(judge.tagged("churn_risk", "true").await, 847, "at 2011-12-01T00:00");

    month.run_until(at("2011-12-01T23:59:59"), &stop).await.expect("a day passes");
    assert_eq!(judge.tagged("churn_risk", "true").await, 843, "four at risk ordered during the day");

    month.run_until(at("2011-12-09T23:59:59"), &stop).await.expect("the days pass");
    assert_eq!(judge.tiers().await, [94, 163, 611, 3_451, 53]);
    assert_eq!(judge.tiers_by_condition().await, [92, 161, 591, 3_399, 129]);
    assert_eq!(judge.tagged("churn_risk", "true").await, 861);
    // Bought for 77,183.60 and took it all back; bought for 168,469.60, took that back, and kept 2.90 of before.
    assert_eq!(judge.tier_of("12346").await, ["none"]);
    assert_eq!(judge.tier_of("16446").await, ["regular"]);
    judge.tags_agree("2011-12-09T23:59:59").await;

    month.run_until(at("2011-12-31T23:59:59"), &stop).await.expect("the month passes");
    assert_eq!(judge.tiers().await, [92, 158, 610, 3_441, 71]);
    assert_eq!(judge.tiers_by_condition().await, [87, 149, 582, 3_380, 174]);
    assert_eq!(judge.tagged("churn_risk", "true").await, 989);
    judge.tags_agree("2011-12-31T23:59:59").await;
    judge.winback_as_expected().await;
    judge.callbacks_as_expected().await;
    judge.invariants_hold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_month_on_sqlite() {
    the_month(TestDatabase::migrated_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_month_on_postgres() {
    the_month(TestDatabase::migrated_postgres().await).await;
}
