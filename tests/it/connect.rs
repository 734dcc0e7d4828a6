//! What the guides for connecting a shop print is run as it stands there, and must say what stands below it.

use crate::support::TestDatabase;
use crate::support::daemon::Binary;
use std::path::Path;
use std::process::Command;

/// What is set in each guide's own words before its commands.
const SETTINGS: [&str; 3] = ["shop.currency=CNY", "hooks.shopify.secret=hush", "hooks.generic.secret=hush"];

/// Commands that ask the daemon, each with the answer printed below it.
fn examples(guide: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/connect").join(guide);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let blocks: Vec<(&str, &str)> = text
        .split("```")
        .skip(1)
        .step_by(2)
        .map(|block| block.split_once('\n').expect("a fence ends its line"))
        .collect();
    blocks
        .windows(2)
        .filter(|pair| pair[0].0 == "sh" && pair[0].1.contains("curl ") && pair[1].0 == "json")
        .map(|pair| (pair[0].1.to_owned(), pair[1].1.trim().to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guides_print_works_as_printed() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let database = TestDatabase::sqlite();
    let binary = Binary::new(folder.path(), &database.url(), &SETTINGS);
    let key = binary.run(&["key", "create", "--role", "ingest"]).trim().to_owned();
    let mut daemon = binary.serve();
    let address = daemon.ready().await;
    for (guide, many) in [("sdk.md", 2), ("webhooks.md", 2)] {
        let examples = examples(guide);
        assert_eq!(examples.len(), many, "{guide}");
        for (command, answer) in examples {
            let command = command.replace("http://127.0.0.1:8347", &address);
            let output = tokio::task::block_in_place(|| {
                let mut shell = Command::new("bash");
                shell
                    .args(["-euo", "pipefail", "-c", &command])
                    .env("KEY", &key)
                    .env("NO_PROXY", "127.0.0.1");
                shell.output().expect("bash runs")
            });
            let said = String::from_utf8_lossy(&output.stdout);
            assert_eq!(
                said.trim(),
                answer,
                "{guide}: {command}\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    assert!(daemon.stop().await.success());
}
