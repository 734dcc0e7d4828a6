//! The command line as people and scripts meet it: the real binary, its exit codes, what goes where.

use crate::support::command::Home;

const STAFF: &str = "kind: staff\nkey: sal\nname: Sal Senior\nlevel: senior\nskills: [complaints]\n---\n\
                     kind: shift\nstaff: sal\nfrom: \"2026-11-02\"\nuntil: \"2026-11-08\"\n\
                     weekly: {mon: [\"09:00-18:00\"], fri: [\"22:00-06:00\"]}\n";

#[test]
fn help_shows_an_example_and_usage_errors_end_with_two() {
    let home = Home::new();
    let help = home.run(&["apply", "--help"]).ended(0);
    assert!(help.stdout.contains("Example:\n  kinkeeper apply -f campaigns/ --dry-run"), "{}", help.stdout);
    let wrong = home.run(&["aply"]).ended(2);
    assert!(wrong.stderr.contains("apply"), "{}", wrong.stderr);
    assert!(wrong.stdout.is_empty());
    assert!(!home.path().join("data").exists(), "asking for help makes no book");
}

#[test]
fn a_new_book_holds_what_is_shipped_and_json_goes_alone_to_stdout() {
    let home = Home::new();
    let status = home.run(&["status", "--format", "json"]).ended(0).json();
    assert_eq!((&status["state"], &status["clock"]), (&"onboarding".into(), &"real".into()));
    let all = home.run(&["campaign", "list", "--format", "json"]).ended(0).json();
    let states: Vec<(&str, &str, &str)> = all
        .as_array()
        .expect("a list")
        .iter()
        .map(|c| (c["key"].as_str().unwrap(), c["state"].as_str().unwrap(), c["author"].as_str().unwrap()))
        .collect();
    assert_eq!(
        states,
        [
            ("important_ticket_callback", "in_review", "kinkeeper"),
            ("festival", "in_review", "kinkeeper"),
            ("winback", "in_review", "kinkeeper"),
        ]
    );
}

#[test]
fn documents_are_shown_asked_for_applied_and_then_unchanged() {
    let home = Home::new();
    home.file("people/staff.yaml", STAFF);
    let dry = home.run(&["apply", "-f", "people", "--dry-run"]).ended(0);
    assert!(dry.stdout.contains("+ new       staff sal"), "{}", dry.stdout);
    assert!(dry.stdout.contains("sal: 2 shifts added, 0 removed"), "{}", dry.stdout);
    let nobody = home.run(&["staff", "list", "--format", "json"]).ended(0).json();
    assert_eq!(nobody, serde_json::json!([]), "a dry run changes nothing");

    let unasked = home.run(&["apply", "-f", "people"]).ended(4);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);

    home.run(&["apply", "-f", "people", "--yes"]).ended(0);
    let listed = home.run(&["staff", "list", "--format", "json"]).ended(0).json();
    assert_eq!(listed[0]["level"], "senior");
    let again = home.run(&["apply", "-f", "people", "--yes", "--format", "json"]).ended(0);
    assert!(again.stderr.contains("nothing to change"), "{}", again.stderr);
    assert!(again.json().as_array().expect("a list").iter().all(|c| c["difference"] == "unchanged"));

    home.file("people/staff.yaml", &STAFF.replace("Sal Senior", "Sal Major").replace("fri", "thu"));
    let changed = home.run(&["apply", "-f", "people", "--yes"]).ended(0);
    assert!(changed.stdout.contains("name: \"Sal Senior\" → \"Sal Major\""), "{}", changed.stdout);
    assert!(changed.stdout.contains("sal: 1 shifts added, 1 removed"), "{}", changed.stdout);
}

#[test]
fn bad_documents_are_named_by_file_line_and_field_and_spoil_all() {
    let home = Home::new();
    home.file("a.yaml", STAFF);
    home.file(
        "b.yaml",
        "kind: campaing\nkey: x\n---\nkind: shift\nstaff: [sal, jo]\nfrom: \"2026-11-02\"\nuntil: \"2026-11-08\"\n\
         weekly:\n  mon: [\"9-18\"]\n",
    );
    home.file("c.yaml", "kind: staff\nkey: [1, 2\nname: x\n");
    let refused = home.run(&["apply", "-f", ".", "--yes"]).ended(2);
    for expected in [
        "b.yaml:1:1, document 1, kind: documents of kind \"campaing\" aren't known; did you mean campaign?",
        "b.yaml:9:9, document 2, weekly.mon[0]: \"9-18\" must be hours such as",
        "c.yaml:",
    ] {
        assert!(refused.stderr.contains(expected), "{expected}\n{}", refused.stderr);
    }
    assert!(refused.stdout.is_empty(), "{}", refused.stdout);
    let nobody = home.run(&["staff", "list", "--format", "json"]).ended(0).json();
    assert_eq!(nobody, serde_json::json!([]), "all or nothing");

    home.file("c.yaml", "kind: shift\nstaff: jo\nfrom: \"2026-11-02\"\nuntil: \"2026-11-02\"\nweekly: {mon: [\"09:00-10:00\"]}\n");
    let unknown = home.run(&["apply", "-f", "c.yaml", "--yes"]).ended(2);
    assert!(
        unknown.stderr.contains("c.yaml:2:1, document 1, staff: nobody has the key jo"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn approving_says_what_is_in_the_way_until_nothing_is() {
    let home = Home::new();
    let refused = home.run(&["campaign", "approve", "winback"]).ended(4);
    assert!(refused.stderr.contains("winback-50 has no budget"), "{}", refused.stderr);
    let unknown = home.run(&["campaign", "approve", "winbakc"]).ended(3);
    assert!(unknown.stderr.contains("did you mean winback?"), "{}", unknown.stderr);

    home.file(
        "coupons.yaml",
        "kind: coupon_batch\nkey: winback-50\nname: 50 off\nface: \"50.00\"\nthreshold: \"199.00\"\nvalid_days: 30\nbudget: \"4000.00\"\n",
    );
    home.run(&["apply", "-f", "coupons.yaml", "--yes"]).ended(0);
    home.run(&["campaign", "approve", "winback"]).ended(0);
    let shown = home.run(&["campaign", "show", "winback", "--format", "json"]).ended(0).json();
    assert_eq!((&shown["state"], &shown["approved_by"]), (&"running".into(), &"cli:tester".into()));
    home.run(&["campaign", "approve", "winback"]).ended(4);

    home.run(&["campaign", "pause", "winback"]).ended(0);
    home.run(&["campaign", "pause", "winback"]).ended(4);
    home.run(&["campaign", "start", "winback"]).ended(0);
}

#[test]
fn a_changed_campaign_runs_on_under_its_approved_version() {
    let home = Home::new();
    home.run(&["campaign", "approve", "festival"]).ended(0);
    let shown = home.run(&["campaign", "show", "festival", "--format", "json"]).ended(0).json();
    let mut document = shown["document"].clone();
    document["kind"] = "campaign".into();
    document["priority"] = 60.into();
    home.file("festival.yaml", &document.to_string());
    home.run(&["apply", "-f", "festival.yaml", "--yes"]).ended(0);
    let shown = home.run(&["campaign", "show", "festival", "--format", "json"]).ended(0).json();
    assert_eq!(shown["state"], "running");
    assert_eq!((&shown["version"], &shown["in_review_version"]), (&1.into(), &2.into()));
    assert_eq!(shown["priority"], 70);
    home.run(&["campaign", "approve", "festival"]).ended(0);
    let shown = home.run(&["campaign", "show", "festival", "--format", "json"]).ended(0).json();
    assert_eq!((&shown["version"], &shown["priority"]), (&2.into(), &60.into()));
}

/// The slots that wait, as the preview before going live names them.
fn slots_ahead(home: &Home) -> Vec<String> {
    let preview = home.run(&["go-live"]).ended(4).stderr;
    preview.lines().filter(|line| line.contains(" occasion ")).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn a_moved_occasion_takes_its_slot_along_and_back() {
    let home = Home::new();
    home.run(&["status", "--clock", "2026-12-20T09:00:00+08:00"]).ended(0);
    home.run(&["campaign", "approve", "festival"]).ended(0);
    assert_eq!(slots_ahead(&home), ["occasion             festival at 2026-12-25T10:00:00 local time"]);
    let shown = home.run(&["campaign", "show", "festival", "--format", "json"]).ended(0).json();
    for (date, expected) in [("12-24", "2026-12-24T10:00:00"), ("12-25", "2026-12-25T10:00:00")] {
        let mut document = shown["document"].clone();
        document["kind"] = "campaign".into();
        document["trigger"]["occasion"]["solar"] = date.into();
        document["priority"] = if date == "12-24" { 61.into() } else { 62.into() };
        home.file("festival.yaml", &document.to_string());
        home.run(&["apply", "-f", "festival.yaml", "--yes"]).ended(0);
        home.run(&["campaign", "approve", "festival"]).ended(0);
        assert_eq!(slots_ahead(&home), [format!("occasion             festival at {expected} local time")]);
    }
}

#[test]
fn a_book_goes_live_once_and_stops_where_told() {
    let home = Home::new();
    let unasked = home.run(&["go-live"]).ended(4);
    assert!(unasked.stderr.contains("open complaints      0"), "{}", unasked.stderr);
    let at = ["--clock", "2026-09-25T09:55:00+08:00"];
    let virtual_home = Home::new();
    let live = virtual_home.run(&["go-live", "--yes", "--format", "json", at[0], at[1]]).ended(0).json();
    assert_eq!(live["live_since"], "2026-09-25T01:55:00Z");
    let twice = virtual_home.run(&["go-live", "--yes"]).ended(4);
    assert!(twice.stderr.contains("live since 2026-09-25T01:55:00Z already"), "{}", twice.stderr);

    virtual_home.run(&["stop", "--all"]).ended(2);
    virtual_home.run(&["stop", "--campaign", "winbck", "--reason", "x"]).ended(3);
    virtual_home.run(&["stop", "--all", "--reason", "wrong price"]).ended(0);
    virtual_home.run(&["stop", "--all", "--reason", "again"]).ended(4);
    let status = virtual_home.run(&["status", "--format", "json"]).ended(0).json();
    assert_eq!((&status["state"], &status["stops"][0]["reason"]), (&"stopped".into(), &"wrong price".into()));
    virtual_home.run(&["resume", "--all"]).ended(0);
    virtual_home.run(&["resume", "--all"]).ended(4);
    let status = virtual_home.run(&["status", "--format", "json"]).ended(0).json();
    assert_eq!((&status["state"], &status["clock"]), (&"live".into(), &"virtual".into()));
}

#[test]
fn a_virtual_clock_never_touches_a_real_book() {
    let home = Home::new();
    home.run(&["status"]).ended(0);
    let refused = home.run(&["status", "--clock", "2026-09-25T09:55:00+08:00"]).ended(4);
    assert!(refused.stderr.contains("real"), "{}", refused.stderr);
    let wrong = Home::new().run(&["status", "--clock", "tomorrow"]).ended(2);
    assert!(wrong.stderr.contains("clock"), "{}", wrong.stderr);
}

#[test]
fn a_key_is_shown_once_and_agents_keys_need_somebody() {
    let home = Home::new();
    let key = home.run(&["key", "create", "--role", "ingest"]).ended(0).stdout;
    assert!(key.starts_with("kk_") && key.trim().split('_').count() == 3, "{key}");
    let nobody = home.run(&["key", "create", "--role", "agent"]).ended(2);
    assert!(nobody.stderr.contains("--staff"), "{}", nobody.stderr);
    home.file("staff.yaml", STAFF);
    home.run(&["apply", "-f", "staff.yaml", "--yes"]).ended(0);
    let made = home.run(&["key", "create", "--role", "agent", "--staff", "Sal Senior", "--format", "json"]);
    assert_eq!(made.ended(0).json()["staff"], "sal");
    home.run(&["key", "create", "--role", "boss"]).ended(2);
}

#[test]
fn settings_are_shown_with_where_they_come_from() {
    let home = Home::new();
    home.file("shop.toml", "[shop]\nname = \"Tea & Co\"\n");
    let shown = home.run(&["config", "show", "--config", "shop.toml", "--format", "json"]).ended(0).json();
    let name = shown.as_array().expect("a list").iter().find(|s| s["key"] == "shop.name").expect("known");
    assert_eq!(name["value"], "Tea & Co");
    assert!(name["from"].as_str().expect("from the file").contains("shop.toml"));
    home.file("bad.toml", "[shop]\ntimezoen = \"Europe/London\"\n");
    let refused = home.run(&["status", "--config", "bad.toml"]).ended(2);
    assert!(refused.stderr.contains("did you mean shop.timezone?"), "{}", refused.stderr);
}

#[test]
fn an_empty_book_exports_and_drains_nothing() {
    let home = Home::new();
    let csv = home.run(&["export", "profiles", "--format", "csv"]).ended(0);
    assert!(csv.stdout.starts_with("id,customer_id,"), "{}", csv.stdout);
    assert_eq!(home.run(&["export", "profiles"]).ended(0).stdout, "");
    assert!(home.run(&["drain", "--format", "json"]).ended(0).json().is_object());
}

#[test]
fn refused_addresses_are_hashed_and_counted() {
    let home = Home::new();
    let done =
        home.run(&["suppress", "Rosa@Example.com", "--reason", "by phone", "--format", "json"]).ended(0);
    assert_eq!(done.json()["added"], 1);
    home.file("bounced.csv", "email,reason\nrosa@example.com,bounce\nben@example.com,bounce\n");
    let done = home.run(&["suppress", "--file", "bounced.csv", "--format", "json"]).ended(0).json();
    assert_eq!((&done["given"], &done["added"]), (&2.into(), &1.into()));
    let bad = home.run(&["suppress", "rosa", "--reason", "x"]).ended(2);
    assert!(bad.stderr.contains("address 1: this isn't a mail address"), "{}", bad.stderr);
    home.run(&["suppress", "rosa@example.com"]).ended(2);
    let database = std::fs::read(home.path().join("data/kinkeeper.db")).expect("the book's file");
    let wal = std::fs::read(home.path().join("data/kinkeeper.db-wal")).unwrap_or_default();
    for file in [database, wal] {
        assert!(!String::from_utf8_lossy(&file).contains("rosa@example.com"), "only a hash is stored");
    }
}

#[test]
fn tags_are_checked_with_the_whole_catalogue() {
    let home = Home::new();
    let tag = |key: &str, other: &str| {
        format!("kind: tag\nkey: {key}\nname: {{en: X, zh-CN: X}}\nrule: {{tag: {other}, exists: true}}\n")
    };
    home.file("tags.yaml", &format!("{}---\n{}", tag("a", "b"), tag("b", "a")));
    let circle = home.run(&["apply", "-f", "tags.yaml", "--yes"]).ended(2);
    assert!(circle.stderr.contains("tags.yaml:") && circle.stderr.contains("a → b → a"), "{}", circle.stderr);
    home.file("tags.yaml", &tag("a", "value_teir"));
    let typo = home.run(&["apply", "-f", "tags.yaml", "--yes"]).ended(2);
    assert!(typo.stderr.contains("tags.yaml:1:1") && typo.stderr.contains("value_tier"), "{}", typo.stderr);
    home.file("tags.yaml", &tag("a", "value_tier"));
    home.run(&["apply", "-f", "tags.yaml", "--yes"]).ended(0);
    let again = home.run(&["apply", "-f", "tags.yaml", "--yes"]).ended(0);
    assert!(again.stderr.contains("nothing to change"), "{}", again.stderr);
}

#[test]
fn a_file_is_imported_once_and_its_bad_rows_are_told() {
    let home = Home::new();
    home.file(
        "orders.csv",
        "order_id,customer_id,paid_at,total,currency\n1,c1,2026-01-05 10:00:00,120.00,CNY\n2,c1,2026-01-06,abc,CNY\n",
    );
    let args = ["import", "orders", "orders.csv", "--reject", "refused.csv", "--format", "json"];
    let dry = home.run(&["import", "orders", "orders.csv", "--dry-run", "--format", "json"]).ended(0).json();
    assert_eq!((&dry["counts"]["accepted"], &dry["counts"]["rejected"]), (&1.into(), &1.into()));
    let status = home.run(&["status", "--format", "json"]).ended(0).json();
    assert_eq!(status["counts"]["orders"], 0, "a dry run changes nothing");

    let first = home.run(&args).ended(0).json();
    assert_eq!((&first["rows"], &first["counts"]["accepted"]), (&2.into(), &1.into()));
    let reason = first["refused"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains('3') && reason.contains("total"), "line and column: {reason}");
    let refused = std::fs::read_to_string(home.path().join("refused.csv")).expect("written");
    assert!(refused.contains("abc"), "{refused}");
    let again = home.run(&args).ended(0);
    assert!(
        again.stderr.contains("warning: 1 of 2 rows were refused; repair them in refused.csv"),
        "{}",
        again.stderr
    );
    assert_eq!(again.json()["counts"]["duplicate"], 1);
    let status = home.run(&["status", "--format", "json"]).ended(0).json();
    assert_eq!(status["counts"]["orders"], 1, "the same file twice changes nothing");

    home.run(&["drain"]).ended(0);
    let line = home.run(&["export", "profiles"]).ended(0).json();
    assert_eq!((&line["customer_id"], &line["orders_ever"]), (&"c1".into(), &1.into()));
    assert_eq!(line["spend_ever"], serde_json::json!({"amount": "120.00", "currency": "CNY"}));
    assert!(line["tags"]["value_tier"].is_string(), "{line}");

    let missing = home.run(&["import", "orders", "nowhere.csv"]).ended(2);
    assert!(missing.stderr.contains("nowhere.csv"), "{}", missing.stderr);
    home.file("bad.csv", "order_id,customer\n1,2\n");
    let header = home.run(&["import", "orders", "bad.csv"]).ended(2);
    assert!(header.stderr.contains("did you mean"), "{}", header.stderr);
}

#[test]
fn a_wrong_file_ends_an_import_with_an_exit_code() {
    let home = Home::new();
    home.file("all.csv", "order_id,customer_id,paid_at,total\n1,c1,2026-01-06,abc\n2,,2026-01-06,1\n");
    let refused = home.run(&["import", "orders", "all.csv"]).ended(2);
    assert!(
        refused.stdout.contains("2 rows of all.csv: 0 taken in, 0 known already, 1 refused"),
        "{}",
        refused.stdout
    );
    assert!(refused.stderr.contains("all.csv: every row was refused; --reject FILE"), "{}", refused.stderr);
    home.run(&["import", "orders", "all.csv", "--dry-run"]).ended(2);
    let help = home.run(&["import", "orders", "--help"]).ended(0).stdout;
    assert!(help.contains("Exit codes: 0 done (with a warning"), "{help}");

    home.file("open.csv", "order_id,customer_id,paid_at,total\n1,c1,2026-01-06,1\n2,\"c1,2026-01-06,1\n");
    let open = home.run(&["import", "orders", "open.csv"]).ended(2);
    assert!(open.stderr.contains("line 3: a quote opens here and never closes"), "{}", open.stderr);
    assert!(open.stderr.contains("\nnothing was changed\n"), "{}", open.stderr);
    let nowhere = home.run(&["import", "orders", "all.csv", "--reject", "no/such/folder.csv"]).ended(2);
    assert!(nowhere.stderr.contains("nothing was changed"), "{}", nowhere.stderr);
    let status = home.run(&["status", "--format", "json"]).ended(0).json();
    assert_eq!(
        (&status["counts"]["events"], &status["unfinished_imports"]),
        (&0.into(), &serde_json::json!([]))
    );
}

#[test]
fn a_clock_ahead_is_refused_by_who_cant_move_it() {
    let home = Home::new();
    home.run(&["status", "--clock", "2026-09-25T10:00:00+08:00"]).ended(0);
    home.file("o.csv", "order_id,customer_id,paid_at,total\n1,c1,2026-09-25T11:00:00,1.00\n");
    let later = ["--clock", "2026-09-25T12:00:00+08:00"];
    let import = ["import", "orders", "o.csv"];
    for command in [&import[..], &["status"], &["serve"]] {
        let refused = home.run(&[command, &later].concat()).ended(2);
        let remedy = "`kinkeeper drain --clock 2026-09-25T12:00:00+08:00` does all that is due on the way";
        assert!(refused.stderr.contains(remedy), "{command:?}: {}", refused.stderr);
    }
    home.run(&[&["drain"][..], &later].concat()).ended(0);
    home.run(&[&import[..], &later].concat()).ended(0);
    let demo = home.run(&[&["demo"][..], &later].concat()).ended(2);
    assert!(demo.stderr.contains("--until"), "{}", demo.stderr);
}

#[test]
fn the_callbacks_queue_is_listed_by_state() {
    let home = Home::new();
    let none = home.run(&["callback", "list", "--state", "ready", "--format", "json"]).ended(0).json();
    assert_eq!(none, serde_json::json!({"items": [], "next_cursor": null}));
    let wrong = home.run(&["callback", "list", "--state", "redy"]).ended(2);
    assert!(wrong.stderr.contains("in_progress"), "{}", wrong.stderr);
}

/// A book of three lapsed customers on a Friday at 11: one agreed to mail, one said nothing, one is refused.
fn lapsed_three() -> Home {
    let home = Home::new();
    home.run(&["status", "--clock", "2026-09-25T11:00:00+08:00"]).ended(0);
    home.file(
        "customers.csv",
        "customer_id,email,consent_email_marketing\nc1,ann@example.com,granted\nc2,ben@example.com,\nc3,cat@example.com,granted\n",
    );
    home.file(
        "orders.csv",
        "order_id,customer_id,paid_at,total,currency\n1,c1,2026-01-05 10:00:00,120.00,CNY\n\
         2,c2,2026-01-05 10:00:00,99.00,CNY\n3,c3,2026-01-05 10:00:00,99.00,CNY\n",
    );
    home.run(&["import", "customers", "customers.csv"]).ended(0);
    home.run(&["import", "orders", "orders.csv"]).ended(0);
    home.run(&["suppress", "cat@example.com", "--reason", "bounced"]).ended(0);
    home.run(&["drain"]).ended(0);
    home
}

#[test]
fn a_dry_run_counts_who_would_be_written_to_and_why_not() {
    let home = lapsed_three();
    let run = home.run(&["campaign", "dry-run", "winback", "--format", "json"]).ended(0).json();
    assert_eq!((&run["audience"], &run["send"]), (&3.into(), &0.into()), "{run}");
    assert_eq!(run["entry"]["stays_out"], serde_json::json!({"before_go_live": 3}));
    let all = serde_json::json!({"send": 1, "held": {}, "skipped": {"no_consent": 1, "suppressed": 1}});
    assert_eq!(run["if_all_entered"], all);
    let headline = run["headline"].as_str().expect("all three");
    assert!(headline.starts_with("3 of 3 don't enter by themselves (before_go_live)"), "{headline}");
    assert!(run["obstacles"][0]["detail"].as_str().expect("one").contains("no budget"), "{run}");
    let text = home.run(&["campaign", "dry-run", "winback"]).ended(0).stdout;
    assert!(text.starts_with("In the way of approval:\n  steps[2].send.coupon: "), "{text}");
    let shown = home.run(&["campaign", "show", "winback", "--format", "json"]).ended(0).json();
    assert_eq!(shown["state"], "in_review", "asking changes nothing");
    home.run(&["campaign", "dry-run", "important_ticket_callback"]).ended(4);
}

#[test]
fn a_customer_is_shown_and_explained_by_any_name() {
    let home = lapsed_three();
    let view = home.run(&["customer", "show", "user_id:c1", "--format", "json"]).ended(0).json();
    assert_eq!(view["contact_points"][0]["masked"], "a***@example.com");
    let id = view["id"].as_str().expect("an id").to_owned();
    let text = home.run(&["customer", "show", &id]).ended(0).stdout;
    assert!(text.contains("a***@example.com") && !text.contains("ann@example.com"), "{text}");

    let tag = ["customer", "explain", &id, "--tag", "churn_risk", "--format", "json"];
    let tag = home.run(&tag).ended(0).json();
    assert_eq!((&tag["value"], &tag["conditions"][0]["condition"]["holds"]), (&"true".into(), &true.into()));
    // Last bought on 5 January in Shanghai: the 180th day after it is 4 July.
    assert_eq!(tag["since"], "2026-07-03T16:00:00Z");

    let campaign = home.run(&[
        "customer",
        "explain",
        "email:ben@example.com",
        "--campaign",
        "winback",
        "--format",
        "json",
    ]);
    let campaign = campaign.ended(0).json();
    let failed: Vec<&str> = campaign["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .filter(|check| check["passed"] == false)
        .map(|check| check["check"].as_str().expect("a name"))
        .collect();
    assert_eq!(failed, ["live", "campaign", "consent"]);
    assert_eq!(campaign["answer"], "nothing comes (not_live)");
    assert_eq!(campaign["entry"]["refusal"], "not_live");
    let text =
        home.run(&["customer", "explain", "email:ben@example.com", "--campaign", "winback"]).ended(0).stdout;
    assert!(
        text.contains(" never entered: the book isn't live\n\nEntry into winback (in_review)\n"),
        "{text}"
    );
    assert!(text.contains("churn_risk began 2026-07-04 00:00 +08:00, and the book isn't live"), "{text}");

    home.run(&["customer", "show", "cus_999"]).ended(3);
    home.run(&["customer", "show", "user_id:nobody"]).ended(3);
    home.run(&["customer", "show", "12346"]).ended(2);
    let typo = home.run(&["customer", "explain", &id, "--tag", "churn_rik"]).ended(3);
    assert!(typo.stderr.contains("did you mean churn_risk?"), "{}", typo.stderr);
    home.run(&["customer", "explain", &id]).ended(2);
}

#[test]
fn the_doctor_names_what_is_wrong_and_what_would_help() {
    let home = Home::new();
    let well = home.run(&["doctor", "--invariants", "--format", "json"]).ended(0).json();
    let all = well.as_array().expect("a list");
    let of = |about: &str| all.iter().filter(|f| f["about"] == about).collect::<Vec<_>>();
    assert_eq!(of("promises")[0]["grade"], "well", "{well}");
    for (about, remedy) in
        [("copies", "kinkeeper backup"), ("keys", "kinkeeper key create"), ("mail", "mail.relays")]
    {
        assert!(of(about)[0]["detail"].as_str().expect("a detail").contains(remedy), "{about}: {well}");
    }
    use std::os::unix::fs::PermissionsExt;
    let key = home.path().join("data/secret.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("changed");
    let ill = home.run(&["doctor"]).ended(1);
    assert!(ill.stdout.contains("chmod 600"), "{}", ill.stdout);
}
