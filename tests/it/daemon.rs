//! The whole application: one worker a SQLite file, and an end that leaves nothing half done.

use crate::support::TestDatabase;
use crate::support::book::House;
use crate::support::daemon::{Binary, local_client, wait_until};
use kinkeeper::service::shop;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_on_the_same_file_is_refused() {
    let house = House::open(TestDatabase::migrated_sqlite().await, &[]).await;
    let other = house.beside(&[]).await;
    let lock = house.app.lock_workers().await.expect("nobody else works here");
    let why = other.lock_workers().await.expect_err("two daemons on one file").to_string();
    assert!(why.contains("another kinkeeper works on"), "{why}");
    let served = other.serve(CancellationToken::new(), |_| panic!("it serves")).await;
    assert!(served.is_err());
    drop(lock);
    other.lock_workers().await.expect("the first has gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_daemons_share_a_postgres() {
    let house = House::open(TestDatabase::migrated_postgres().await, &[]).await;
    let other = house.beside(&[]).await;
    let first = house.app.lock_workers().await.expect("nobody else works here");
    let second = other.lock_workers().await.expect("several may");
    let why = other.lock_alone().await.expect_err("not while they work").to_string();
    assert!(why.contains("a daemon at work"), "{why}");
    drop(first);
    assert!(other.lock_alone().await.is_err(), "one is left");
    drop(second);
    // The server hears of it a moment later.
    let mut alone = other.lock_alone().await;
    for _ in 0..1_000 {
        if alone.is_ok() {
            break;
        }
        tokio::task::yield_now().await;
        alone = other.lock_alone().await;
    }
    let alone = alone.expect("nobody is left");
    let why = house.app.lock_workers().await.expect_err("not while it is rebuilt").to_string();
    assert!(why.contains("being rebuilt"), "{why}");
    drop(alone);
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
        let http = local_client();
        let get = |path: &str| http.get(format!("http://{address}{path}")).send();
        assert_eq!(get("/readyz").await.expect("it answers").status(), 200);
        wait_until("the keeper's numbers", async || {
            let numbers = get("/metrics").await.expect("it answers").text().await.expect("text");
            numbers.contains("kinkeeper_worker_lag_seconds{worker=\"keeper\"} 0")
                && numbers.contains("# HELP kinkeeper_worker_done_total Pieces of work done")
        })
        .await;
        let begun = Instant::now();
        stop.cancel();
        serving.await.expect("no panic").expect("a clean end");
        assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?} to stop", begun.elapsed());
        assert!(get("/healthz").await.is_err(), "it still listens");
    }
}

/// The demo makes its book anew, but not under a daemon that has it open: what is answered would be gone.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_leaves_a_book_alone_that_somebody_works_on() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("data");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join(".made-by-kinkeeper-demo"), "").expect("marked as the demo's");
    let file = folder.join("kinkeeper.db");
    let binary = Binary::new(home.path(), &format!("sqlite://{}", file.display()), &[]);
    let mut daemon = binary.serve();
    daemon.ready().await;

    let mut demo = Command::new(env!("CARGO_BIN_EXE_kinkeeper"));
    demo.args(["demo", "--no-serve", "--set", &format!("data_dir={}", folder.display())]);
    let refused = demo.output().expect("it runs");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(4), "{said}");
    assert!(said.contains("another kinkeeper works on"), "{said}");
    assert!(file.exists(), "the book is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_name_another_zone_than_the_book_has_are_refused() {
    let house = House::open(TestDatabase::migrated_sqlite().await, &["shop.timezone=Asia/Shanghai"]).await;
    let overrides = ["shop.timezone=Europe/London", "shop.name=Another", "shop.currency=CNY"];
    let other = house.beside(&overrides).await;
    let held = shop::shop(&other.book).await.expect("a shop");
    let differing = shop::contradictions(&held, &other.settings.shop);
    assert_eq!(differing.iter().map(|p| p.at.as_str()).collect::<Vec<_>>(), ["shop.name", "shop.timezone"]);

    let why = other
        .serve(CancellationToken::new(), |_| panic!("it serves"))
        .await
        .expect_err("refused")
        .to_string();
    assert!(
        why.contains("Europe/London") && why.contains("Asia/Shanghai") && why.contains("kind: shop"),
        "{why}"
    );
    assert!(!why.contains("shop.name"), "a name may differ; it is only told: {why}");
    let abroad = house.beside(&["shop.key=abroad", "shop.currency=EUR", "shop.timezone=Asia/Shanghai"]).await;
    let why = abroad.serve(CancellationToken::new(), |_| panic!("it serves")).await.expect_err("refused");
    let why = why.to_string();
    assert!(why.contains("abroad sells in EUR, but this book counts in CNY"), "{why}");
    let without = house.beside(&[]).await;
    assert!(shop::contradictions(&held, &without.settings.shop).is_empty(), "a default contradicts nothing");
}
