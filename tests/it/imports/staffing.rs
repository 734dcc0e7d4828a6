//! Staff, shifts, whole events and the list of imports, by the real binary.

use crate::support::command::Home;

const STAFF: &str = "name,email,role,level,skills,team\n\
    Sal Senior,sal@example.com,agent,senior,complaints;english,care\n\
    王伟,wang.wei@example.com,agent,junior,english,care\n";

#[test]
fn staff_and_shifts_come_from_tables_all_or_nothing() {
    let home = Home::new();
    home.file("staff.csv", STAFF);
    let dry = home.run(&["import", "staff", "staff.csv", "--dry-run"]).ended(0);
    assert!(
        dry.stdout.contains("+ new       staff sal") && dry.stdout.contains("staff wang-wei"),
        "{}",
        dry.stdout
    );
    assert_eq!(home.run(&["staff", "list", "--format", "json"]).ended(0).json(), serde_json::json!([]));
    home.run(&["import", "staff", "staff.csv"]).ended(4);
    home.run(&["import", "staff", "staff.csv", "--yes"]).ended(0);
    let listed = home.run(&["staff", "list", "--format", "json"]).ended(0).json();
    assert_eq!(listed[0]["skills"], serde_json::json!(["complaints", "english"]));
    let again = home.run(&["import", "staff", "staff.csv", "--yes"]).ended(0);
    assert!(again.stderr.contains("nothing to change"), "{}", again.stderr);

    home.file("bad.csv", "name,email,level\nSal Senior,sal@example.com,boss\nJo,nowhere,junior\n");
    let bad = home.run(&["import", "staff", "bad.csv", "--yes"]).ended(2);
    assert!(bad.stderr.contains("bad.csv, line 2, level: \"boss\" isn't known here"), "{}", bad.stderr);
    assert!(bad.stderr.contains("bad.csv, line 3, email"), "{}", bad.stderr);
    assert!(bad.stderr.contains("2 problems; nothing was changed"), "{}", bad.stderr);
    home.file("odd.csv", "name,emial\nSal,x@example.com\n");
    let odd = home.run(&["import", "staff", "odd.csv", "--yes"]).ended(2);
    assert!(odd.stderr.contains("\"emial\" is no column of staff; did you mean email?"), "{}", odd.stderr);

    home.file(
        "shifts.csv",
        "姓名,2026-10-01,2026-10-02,2026-10-03\nSal Senior,早,09:00-12:00 13:00-17:00,休\n王伟,,,\n",
    );
    let unknown = home.run(&["import", "shifts", "shifts.csv", "--yes"]).ended(2);
    assert!(
        unknown.stderr.contains("line 2, column 2026-10-01: \"早\" is no known shift"),
        "{}",
        unknown.stderr
    );
    let code = ["--code", "早=09:00-18:00"];
    let shown = home.run(&["import", "shifts", "shifts.csv", code[0], code[1], "--yes"]).ended(0);
    assert!(shown.stdout.contains("sal: 3 shifts added, 0 removed"), "{}", shown.stdout);
    // Whoever is away all the time loses what was there; the rest of the year stays.
    home.file("later.csv", "name,2026-10-01,2026-10-02\nsal,休,休\n");
    let away = home.run(&["import", "shifts", "later.csv", "--yes"]).ended(0);
    assert!(away.stdout.contains("sal: 0 shifts added, 3 removed"), "{}", away.stdout);
    home.file("gap.csv", "name,2026-10-01,2026-10-03,soon\nSla Senior,,,\n");
    let gap = home.run(&["import", "shifts", "gap.csv", "--yes"]).ended(2);
    for part in ["2026-10-03 doesn't follow 2026-10-01", "\"soon\" is no date", "did you mean Sal Senior?"] {
        assert!(gap.stderr.contains(part), "{part}: {}", gap.stderr);
    }
}

#[test]
fn whole_events_come_in_and_imports_are_listed() {
    let home = Home::new();
    let good = "{\"type\":\"track\",\"userId\":\"c1\",\"event\":\"Order Completed\",\"timestamp\":\"2026-09-01T10:00:00Z\",\
        \"properties\":{\"order_id\":\"o1\",\"total\":12.5,\"products\":[{\"sku\":\"a\",\"price\":12.5}]}}\n";
    let more = "{\"type\":\"identify\",\"userId\":\"c1\",\"traits\":{\"name\":\"Ann\"},\"timestamp\":\"2026-09-01T10:00:00Z\"}\n\
        {\"type\":\"track\",\"event\":\"X\"}\nnot json\n{\"type\":\"track\",\"userId\":\"c1\",\"event\":\"Order Completed\",\"properties\":{\"total\":\"free\"}}\n";
    home.file("events.ndjson", &format!("{good}{more}"));
    let done =
        home.run(&["import", "events", "events.ndjson", "--history", "--reject", "reject.csv"]).ended(0);
    assert!(
        done.stdout.contains("5 rows of events.ndjson: 2 taken in, 0 known already, 3 refused"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains("line 3, userId: names nobody"), "{}", done.stdout);
    assert!(done.stdout.contains("line 4, column event: is no JSON object"), "{}", done.stdout);
    assert!(done.stdout.contains("line 5, properties.total: must be a plain decimal"), "{}", done.stdout);
    let reject = std::fs::read_to_string(home.path().join("reject.csv")).expect("a reject file");
    assert!(reject.starts_with("event,reject_line,") && reject.contains("not json"), "{reject}");
    home.file(
        "repaired.csv",
        &reject
            .replace(
                "not json",
                "\"{\"\"type\"\":\"\"track\"\",\"\"userId\"\":\"\"c2\"\",\"\"event\"\":\"\"Y\"\"}\"",
            )
            .replace("\"\"free\"\"}", "5,\"\"order_id\"\":\"\"o2\"\"}"),
    );
    let repaired = home.run(&["import", "events", "repaired.csv"]).ended(0);
    assert!(repaired.stdout.contains("2 taken in, 0 known already, 1 refused"), "{}", repaired.stdout);
    let again = home.run(&["import", "events", "events.ndjson", "--history"]).ended(0);
    assert!(again.stdout.contains("0 taken in, 2 known already, 3 refused"), "{}", again.stdout);

    let batches = home.run(&["import", "batches", "--format", "json"]).ended(0).json();
    let told: Vec<(&str, &str, i64)> = batches
        .as_array()
        .expect("a list")
        .iter()
        .map(|b| {
            (
                b["kind"].as_str().unwrap(),
                b["file"].as_str().unwrap(),
                b["counts"]["accepted"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [("events", "events.ndjson", 0), ("events", "repaired.csv", 2), ("events", "events.ndjson", 2)]
    );
    assert!(batches[0]["actor"].as_str().unwrap().starts_with("cli:"), "{batches}");
    let table = home.run(&["import", "batches"]).ended(0);
    assert!(table.stdout.contains("done, as history"), "{}", table.stdout);
}
