//! The test harness tested: throw-away databases are empty, separate, copied from templates, and die with
//! the process that asked for them.

use crate::support::on_both_databases;
use crate::support::postgres::{self, Cluster};
use sea_orm::{ConnectionTrait, Database, DbErr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

async fn execute(url: &str, statement: &str) -> Result<(), DbErr> {
    let url = if url.starts_with("sqlite") { format!("{url}?mode=rwc") } else { url.to_owned() };
    let connection = Database::connect(url).await?;
    let done = connection.execute_unprepared(statement).await.map(|_| ());
    connection.close().await?;
    done
}

on_both_databases! {
    async fn each_test_has_an_empty_database_of_its_own(database) {
        execute(&database.url(), "CREATE TABLE once (x BIGINT PRIMARY KEY)").await.expect("the first");
        let again = execute(&database.url(), "CREATE TABLE once (x BIGINT PRIMARY KEY)").await;
        assert!(again.is_err(), "the table is still there on the second connection");
    }
}

#[tokio::test]
async fn a_template_is_prepared_once_and_its_copies_are_apart() {
    let prepare = |url: String| async move {
        // Left open on purpose: a forgotten pool must not stop the copying.
        let pool = Database::connect(url).await.expect("the template's URL works");
        pool.execute_unprepared("CREATE TABLE t (x BIGINT PRIMARY KEY)").await.expect("DDL");
        std::mem::forget(pool);
    };
    let cluster = Cluster::shared();
    let first = cluster.database_like("harness", prepare).await;
    let second = cluster.database_like("harness", |_| async { panic!("prepared twice") }).await;
    for database in [&first, &second] {
        execute(&database.url(), "INSERT INTO t VALUES (1)").await.expect("a table of its own");
    }
    assert!(execute(&first.url(), "INSERT INTO t VALUES (1)").await.is_err(), "the key is unique");
}

#[tokio::test]
async fn the_durable_cluster_waits_for_the_disk_and_the_shared_one_does_not() {
    for (cluster, fsync) in [(Cluster::durable(), "on"), (Cluster::shared(), "off")] {
        let check = format!("DO $$ BEGIN ASSERT current_setting('fsync') = '{fsync}'; END $$");
        execute(&cluster.database().url(), &check).await.expect("the setting is as asked for");
    }
}

/// Runs in a process of its own, started by the test below, and is killed there.
#[test]
#[ignore = "only the test below runs it"]
fn waits_to_be_killed() {
    println!("folder={}", postgres::Cluster::shared().folder().display());
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_killed_test_process_leaves_no_server_behind() {
    use std::io::{BufRead, BufReader};
    let mut process = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "harness::waits_to_be_killed", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test program starts");
    let lines = BufReader::new(process.stdout.take().expect("piped")).lines();
    let folder = lines
        .map_while(Result::ok)
        .find_map(|line| line.split_once("folder=").map(|(_, folder)| folder.to_owned()))
        .expect("the process says where its cluster lies");
    let server = std::fs::read_to_string(Path::new(&folder).join("pg/postmaster.pid")).expect("it runs");
    let pid = server.lines().next().expect("the first line is the process").to_owned();
    process.kill().expect("SIGKILL");
    process.wait().expect("it was ours");

    let begun = Instant::now();
    while Path::new(&folder).exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{folder} is still there");
        std::thread::sleep(Duration::from_millis(50));
    }
    let alive = Command::new("kill").args(["-0", &pid]).stderr(Stdio::null()).status().expect("kill runs");
    assert!(!alive.success(), "server {pid} outlived its tests");
}
