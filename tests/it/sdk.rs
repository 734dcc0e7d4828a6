//! Four official SDKs, unmodified, into the real binary. A whole shop's book through segment-analytics-python, compared
//! customer by customer with the oracle (`tests/sdk/check.py`); and through each of the four, and without any, people, orders and
//! large batches over a network that fails, on both databases (`tests/sdk/suites.py`). What is sent and compared stands there.
//!
//! `scripts/test sdk` installs the SDKs and runs this. Without them it fails: it is never left out in silence.

use crate::support::postgres::programs;
use crate::support::{TestDatabase, on_both_databases, uci};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `scripts/test sdk` puts the SDKs: beside what cargo builds.
fn installed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder").join(name)
}

fn python() -> PathBuf {
    let python = installed("sdk/bin/python");
    let known =
        Command::new(&python).args(["-c", "import segment.analytics, rudderstack.analytics"]).output();
    assert!(
        known.is_ok_and(|output| output.status.success()),
        "the official SDKs for Python aren't in {}. Run: scripts/test sdk",
        installed("sdk").display()
    );
    python
}

/// The suite of one SDK.
fn suite(sdk: &str, database: &TestDatabase) {
    let packages = installed("sdk-node");
    let there = packages.join("node_modules/@segment/analytics-node/package.json").exists();
    assert!(there, "the official SDKs for Node aren't in {}. Run: scripts/test sdk", packages.display());
    let mut command = Command::new(python());
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/suites.py"))
        .args([
            sdk,
            "--binary",
            env!("CARGO_BIN_EXE_kinkeeper"),
            "--database",
            &database.url(),
            "--node-modules",
        ])
        .arg(packages)
        // Neither settings nor a proxy from outside; where node is, has to be known.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    if matches!(database, TestDatabase::Postgres(_)) {
        command.env("KINKEEPER_PG_BIN", programs());
    }
    let output = tokio::task::block_in_place(|| command.output()).expect("python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("suite passed"), "{said}");
    println!("{said}");
}

on_both_databases! {
    async fn segments_sdk_for_python_loses_and_doubles_nothing(database) {
        suite("segment", &database);
    }

    async fn rudderstacks_sdk_for_python_loses_and_doubles_nothing(database) {
        suite("rudder", &database);
    }

    async fn segments_sdk_for_node_loses_and_doubles_nothing(database) {
        suite("node", &database);
    }

    async fn dittofeeds_sdk_for_node_loses_and_doubles_nothing(database) {
        suite("dittofeed", &database);
    }

    async fn batches_of_2500_lose_and_double_nothing(database) {
        suite("raw", &database);
    }
}

fn check(database: &TestDatabase) {
    let output = Command::new(python())
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/check.py"))
        .args(["--whole", "--binary", env!("CARGO_BIN_EXE_kinkeeper"), "--database", &database.url()])
        // Neither settings nor a proxy from outside.
        .env_clear()
        .output()
        .expect("python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", String::from_utf8_lossy(&output.stdout));
    assert!(said.contains("4372 customers compared, 0 differences"), "it compared something else:\n{said}");
    println!("{said}");
}

on_both_databases! {
    async fn the_official_sdk_brings_a_whole_book(database) {
        tokio::task::block_in_place(|| check(&database));
        assert_eq!(uci::sums(&database.url()).await, uci::WHOLE);
    }
}
