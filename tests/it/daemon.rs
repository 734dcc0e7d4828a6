//! The whole application: one worker a SQLite file, and an end that leaves nothing half done.

use crate::support::TestDatabase;
use crate::support::book::House;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_on_the_same_file_is_refused() {
    let house = House::open(TestDatabase::migrated_sqlite().await, &[]).await;
    let other = house.beside(&[]).await;
    let lock = house.app.lock_workers().expect("nobody else works here").expect("a file has a lock");
    let why = other.lock_workers().expect_err("two daemons on one file").to_string();
    assert!(why.contains("another kinkeeper works on"), "{why}");
    let served = other.serve(CancellationToken::new(), |_| panic!("it serves")).await;
    assert!(served.is_err());
    drop(lock);
    other.lock_workers().expect("the first has gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_daemons_share_a_postgres() {
    let house = House::open(TestDatabase::migrated_postgres().await, &[]).await;
    let other = house.beside(&[]).await;
    assert!(house.app.lock_workers().expect("no lock needed").is_none());
    assert!(other.lock_workers().expect("no lock needed").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_serves_until_told_to_stop_and_then_ends_soon() {
    for database in [TestDatabase::migrated_sqlite().await, TestDatabase::migrated_postgres().await] {
        let House { app, folder: _folder, database: _database } = House::open(database, &[]).await;
        let stop = CancellationToken::new();
        let (told, address) = oneshot::channel();
        let serving = tokio::spawn({
            let stop = stop.clone();
            async move { app.serve(stop, |address| told.send(address).expect("the test waits")).await }
        });
        let address = address.await.expect("it says where it listens");
        let answer = reqwest::get(format!("http://{address}/readyz")).await.expect("it answers");
        assert_eq!(answer.status(), 200);
        let begun = Instant::now();
        stop.cancel();
        serving.await.expect("no panic").expect("a clean end");
        assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?} to stop", begun.elapsed());
        assert!(reqwest::get(format!("http://{address}/healthz")).await.is_err(), "it still listens");
    }
}
