//! Two daemons share one PostgreSQL, one clock and one mail server. Whoever does what, the month comes out the same.

use super::judge::Judge;
use super::{MAILS, RETAIL, at};
use crate::support::TestDatabase;
use crate::support::book::House;
use crate::support::sink::Sink;
use kinkeeper::cli::demo::month::{Month, recorded};
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_on_one_postgres_make_one_month() {
    let sink = Sink::builder().start().await;
    let relay = format!("mail.relays=[{{ url = \"{}\", rate = 100000, connections = 2 }}]", sink.url());
    let mut settings = RETAIL.to_vec();
    settings.extend(["mail.channel=smtp", &relay]);
    let house = House::open(TestDatabase::migrated_postgres().await, &settings).await;
    let stop = CancellationToken::new();
    let folder = house.folder.path().to_owned();
    let mut month = Month::begin(house.app.clone(), &folder, &|_| ()).await.expect("the month begins");
    let second = house.beside(&settings[1..]).await;
    let until = at("2011-12-31T23:59:59");

    // Both bring the same events: an event that comes twice counts once.
    let mut recorded = recorded(&second, &folder).await.expect("the events");
    let engine = second.engine();
    let beside = engine.run_virtual(&mut recorded, until, None, &stop);
    let (first, beside) = tokio::join!(month.run_until(until, &stop), beside);
    let (first, beside) = (first.expect("the first runs"), beside.expect("the second runs"));
    let total = |done: &kinkeeper::worker::WorkDone| done.values().sum::<u64>();
    assert!(total(&first) > 0 && total(&beside) > 0, "both worked: {first:?} {beside:?}");
    month.run_until(until, &stop).await.expect("what was left");

    let judge = Judge::of(&house);
    assert_eq!(judge.tiers().await, [92, 158, 610, 3_441, 71]);
    assert_eq!(judge.tagged("churn_risk", "true").await, 989);
    judge.tags_agree("2011-12-31T23:59:59").await;
    judge.winback_as_expected().await;
    judge.invariants_hold().await;
    assert_eq!(judge.posted_as_booked(&sink).await, (MAILS, 0), "nobody twice, nobody lost");
    assert_eq!(judge.number("SELECT COUNT(*) FROM callback").await, 90);
}
