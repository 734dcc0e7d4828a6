//! A whole shop's book through the official segment-analytics-python, unmodified, into the real binary, compared
//! customer by customer with the oracle. What is sent and compared stands in `tests/sdk/check.py`.
//!
//! `scripts/test sdk` installs the SDK and runs this. Without the SDK it fails: it is never left out in silence.

use crate::support::{TestDatabase, on_both_databases};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `scripts/test sdk` puts the SDK: beside what cargo builds.
fn python() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder");
    let python = target.join("sdk/bin/python");
    let known = Command::new(&python).args(["-c", "import segment.analytics"]).output();
    assert!(
        known.is_ok_and(|output| output.status.success()),
        "the official SDK isn't in {}. Run: scripts/test sdk",
        target.join("sdk").display()
    );
    python
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
    }
}
