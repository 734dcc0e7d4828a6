//! What the guides for connecting a shop print is run as it stands there, and must say what stands below it.

use crate::support::TestDatabase;
use crate::support::command::Home;
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

/// The commands that a guide prints, without their comments.
fn commands(guide: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/connect").join(guide);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let fenced = text.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("sh\n"));
    fenced
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("kinkeeper "))
        .map(|line| {
            line.split(" #").next().unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        })
        .collect()
}

#[test]
fn the_guide_to_files_can_be_followed_command_by_command() {
    let home = Home::new();
    let sample = |name: &str, like: &str| {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/imports").join(like);
        std::fs::copy(from, home.path().join(name)).expect("a sample");
    };
    sample("ExportOrderList.csv", "taobao_orders.csv");
    sample("订单.csv", "jd_orders.csv");
    sample("customers_export.csv", "shopify_customers.csv");
    sample("export.xlsx", "orders.xlsx");
    home.file("export.csv", "order_id,customer_id,paid_at,total\nA1,c1,2026-09-01 10:00,12.50\nA2,,2026-09-01 10:00,1\nA3,c3,soon,1\n");
    home.file("touches.csv", "customer_id,at,channel,source\nc1,2026-09-02 10:00,sms,desk\n");
    home.file("staff.csv", "name,email,level\n王伟,wang.wei@example.com,junior\n");
    // Told by its bytes, not by its name.
    home.file("october.xlsx", "姓名,2026-10-01,2026-10-02\n王伟,早,晚\n");
    home.file(
        "events.ndjson.gz",
        "{\"type\":\"track\",\"userId\":\"c1\",\"event\":\"Asked\",\"timestamp\":\"2026-09-01T10:00:00Z\"}\n",
    );

    let printed = commands("files.md");
    assert!(printed.len() >= 14, "{printed:?}");
    // What speaks of a third import comes when there is one.
    let (batches, others): (Vec<_>, Vec<_>) = printed.into_iter().partition(|command| command[0] == "batch");
    for mut command in others.into_iter().chain(batches) {
        let asks = matches!(command[1].as_str(), "staff" | "shifts" | "undo");
        if asks {
            command.push("--yes".to_owned());
        }
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let ran = home.run(&command);
        assert_eq!(ran.code, 0, "{command:?}\n{}\n{}", ran.stdout, ran.stderr);
    }
    assert!(home.path().join("refused.csv").exists() && home.path().join("my.yaml").exists());
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
