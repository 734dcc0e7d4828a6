//! Housekeeping: what was kept long enough goes on its day and not before, once, whoever does it and whoever is killed.

mod people;
mod scene;

use crate::erasing::{files_with, found, tell};
use crate::support::TestDatabase;
use crate::support::book::{House, house_settings, source_of_facts};
use crate::support::on_both_databases;
use domain::time::{Instant, MachineInstant, Span};
use kinkeeper::app::App;
use kinkeeper::service::ingest::{self, Batch};
use kinkeeper::service::rebuild::{self, Mode};
use kinkeeper::service::{backup, housekeeping, live};
use scene::{BATCH, NOW, audited, exec, now, put_clock, work_off};
use serde_json::{Value, json};

/// `days` ago, and by so much later.
fn ago(days: i64, later: i64) -> i64 {
    (now() - Span::days(days)).micros() + later
}

/// One refused event of each kind, decided at that instant.
async fn refused(house: &House, n: i64, state: &str, at: i64) {
    source_of_facts(&house.app).await;
    let sql = "INSERT INTO quarantine (source_id, message_id, code, detail, payload, state, received_at, decided_at, decided_by) \
               SELECT id, $1, 'bad_money', 'total is free', '{\"total\": \"free\"}', $2, $3, $4, 'sal' FROM source WHERE key = 'test'";
    let decided = if state == "open" { None } else { Some(at) };
    let taken = if state == "open" { at } else { at - 5 };
    exec(&house.app, sql, vec![format!("m{n}").into(), state.into(), taken.into(), decided.into()]).await;
}

async fn looked(house: &House, at: i64) {
    let sql =
        "INSERT INTO access_log (at, actor, act, customer_id, detail) VALUES ($1, 'sal', 'viewed', 1, '{}')";
    exec(&house.app, sql, vec![at.into()]).await;
}

async fn keyed(house: &House, key: &str, at: i64) {
    let sql = "INSERT INTO idempotency (scope, idem_key, body_hash, status, answer, created_at) VALUES ('s', $1, 'h', 201, 'a', $2)";
    exec(&house.app, sql, vec![key.into(), at.into()]).await;
}

on_both_databases! {
    async fn what_is_exactly_so_old_goes_and_nothing_younger(database) {
        let house = House::open(database, &[NOW]).await;
        for (n, (state, at)) in [("retried", ago(30, 0)), ("discarded", ago(30, 0)), ("retried", ago(30, 1)), ("open", ago(400, 0))].into_iter().enumerate() {
            refused(&house, n as i64, state, at).await;
        }
        for at in [ago(1_095, 0), ago(1_095, 1)] {
            looked(&house, at).await;
        }
        keyed(&house, "old", ago(30, 0)).await;
        keyed(&house, "young", ago(30, 1)).await;
        // Older than anything: never touched.
        let sql = "INSERT INTO audit (at, actor, action, subject, detail) VALUES (1, 'sal', 'x.done', 'x', '{}')";
        exec(&house.app, sql, vec![]).await;
        let kept = async || house.lines("SELECT state, payload, detail, message_id FROM quarantine ORDER BY id").await;
        let counts = async || house.lines("SELECT (SELECT COUNT(*) FROM access_log), (SELECT COUNT(*) FROM idempotency)").await;

        assert!(work_off(&house.app, now()).await > 0);
        let said = r#"{"total": "free"}|total is free"#;
        assert_eq!(kept().await, ["retried|{}|bad_money|m0".to_owned(), "discarded|{}|bad_money|m1".to_owned(),
            format!("retried|{said}|m2"), format!("open|{said}|m3")]);
        assert_eq!(counts().await, ["1|1"]);
        let gone = json!({"day": "2026-09-25", "gone": {"quarantine": 2, "access_log": 1, "idempotency": 1}});
        assert_eq!(audited(&house).await, [gone]);
        assert_eq!(house.lines("SELECT COUNT(*) FROM audit WHERE action = 'x.done'").await, ["1"]);
        let alerts = serde_json::to_value(live::status(&house.app.book).await.expect("status").alerts).expect("JSON");
        assert_eq!(alerts, json!([{"code": "quarantine_waits", "events": 1, "days": 30}]));

        // Once a day of the shop: not a microsecond before its midnight, and then what came of age since.
        let midnight = Instant::parse("2026-09-26T00:00:00+08:00", chrono_tz::UTC).expect("an instant");
        assert_eq!(work_off(&house.app, midnight - Span::micros(1)).await, 0);
        assert!(work_off(&house.app, midnight).await > 0);
        assert_eq!(kept().await[2], "retried|{}|bad_money|m2");
        assert_eq!(counts().await, ["0|0"]);
        assert_eq!(audited(&house).await.len(), 2);
        // A day on which nothing goes says nothing.
        work_off(&house.app, midnight + Span::days(1)).await;
        assert_eq!((audited(&house).await.len(), house.lines("SELECT day, step FROM housekeeping ORDER BY day").await),
            (2, vec!["2026-09-25|-".to_owned(), "2026-09-26|-".to_owned(), "2026-09-27|-".to_owned()]));
    }

    async fn what_nothing_is_read_from_becomes_a_hash_and_a_rebuild_needs_no_more(database) {
        let house = House::open(database, &[NOW]).await;
        let app = &house.app;
        let source = source_of_facts(app).await;
        let events = |n: &str| vec![
            json!({"type": "identify", "messageId": format!("i{n}"), "userId": format!("u{n}"), "traits": {"name": format!("Rosa {n}"), "phone": format!("1380013000{n}")},
                   "context": {"traits": {"nick": format!("gossamer{n}")}}}),
            json!({"type": "track", "messageId": format!("o{n}"), "userId": format!("u{n}"), "event": "Order Completed",
                   "properties": {"order_id": format!("A-{n}"), "total": "10.00", "note": format!("platanen{n}")}}),
            json!({"type": "track", "messageId": format!("r{n}"), "userId": format!("u{n}"), "event": "Product Reviewed",
                   "properties": {"review_id": format!("R-{n}"), "product_id": "P", "rating": 2, "body": format!("platanen{n}")}}),
        ];
        for (n, at) in [("1", ago(180, 0)), ("2", ago(180, 1))] {
            let batch = Batch { source, received_at: Some(Instant::from_micros(at)), historical: false, events: events(n) };
            ingest::accept(&app.book.store, batch).await.expect("taken in");
        }
        app.engine().drain_all().await.expect("kept");
        let copy = house.folder.path().join("copy.db");
        assert_eq!(found(app, &["gossamer1", "platanen1"]).await, Vec::<String>::new());
        let stay = found(app, &["Rosa 1", "13800130001", "gossamer2"]).await;
        assert_eq!(stay.iter().filter(|place| place.starts_with("event_personal.")).count(), 3, "{stay:?}");
        let hashes = house.lines("SELECT COUNT(*) FROM event_personal WHERE payload LIKE '{\"sha256\":%'").await;
        assert_eq!(hashes, ["2"], "a note and a review");
        let mut differing = Vec::new();
        rebuild::run(&app.book, Mode::Check, &mut |d| differing.push(format!("{d:?}"))).await.expect("checked");
        assert_eq!(differing, Vec::<String>::new());
        assert_eq!(audited(&house).await[0]["gone"], json!({"raw": 3}));

        // Restored, the copy keeps to it: the next day it lets go what came of age.
        backup::back_up(&app.book, &copy, "cli:tester").await.expect("copied");
        let other = TestDatabase::sqlite();
        backup::restore_file(&copy, &other.url(), &app.book.secrets, "cli:tester", MachineInstant::from_micros(0)).await.expect("restored");
        let restored = App::open(house_settings(house.folder.path(), &other.url(), &[])).await.expect("opens");
        assert!(!found(&restored, &["gossamer2"]).await.is_empty());
        put_clock(&restored, now() + Span::days(1)).await;
        restored.engine().drain_all().await.expect("drained");
        assert_eq!(found(&restored, &["gossamer2", "platanen2"]).await, Vec::<String>::new());
        assert!(!found(&restored, &["Rosa 2"]).await.is_empty());
    }

    async fn mails_kept_as_files_go_by_the_day(database) {
        let house = House::open(database, &[NOW, "retention.mails_days=30"]).await;
        let dir = house.app.book.mail_dir.clone();
        // 02:00 UTC on 25 September: of 26 August the last instant isn't 30 d old.
        for (day, name) in [("2026-08-26", "young"), ("2026-08-25", "old"), ("2025-01-01", "older")] {
            std::fs::create_dir_all(dir.join(day)).expect("made");
            std::fs::write(dir.join(day).join(format!("{name}.eml")), format!("to {name}@example.com")).expect("written");
        }
        std::fs::write(dir.join("2025-01-01").join("mine.txt"), "mine").expect("written");
        std::fs::create_dir_all(dir.join("templates")).expect("made");
        std::fs::write(dir.join("templates").join("a.eml"), "mine").expect("written");
        let line = |name: &str, at: &str| json!({"message_id": format!("<{name}@x>"), "to": format!("{name}@example.com"), "at": at}).to_string();
        // Local dates of other zones: what counts is the day by UTC, as with the folders.
        let lines = [line("older", "2025-01-01T00:00:00+00:00"), line("old", "2026-08-26T07:59:59+08:00"), line("young", "2026-08-26T08:00:00+08:00")];
        std::fs::write(dir.join("outbox.jsonl"), lines.join("\n") + "\n").expect("written");
        let length = std::fs::metadata(dir.join("outbox.jsonl")).expect("there").len();

        work_off(&house.app, now()).await;
        assert_eq!(files_with(&dir, &["old@example.com", "older@example.com"]), Vec::<String>::new());
        assert_eq!(files_with(&dir, &["young@example.com"]).len(), 2);
        assert_eq!(files_with(&dir, &["mine"]).len(), 2, "nothing of anybody else's");
        assert!(!dir.join("2026-08-25").exists());
        let journal = std::fs::read_to_string(dir.join("outbox.jsonl")).expect("read");
        assert_eq!((journal.len() as u64, journal.lines().count()), (length, 3), "a daemon may be appending");
        assert!(journal.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
        assert_eq!(audited(&house).await[0]["gone"], json!({"mails": 2}));
    }

    async fn whoever_is_killed_leaves_the_next_page_to_others_and_each_is_done_once(database) {
        let house = House::open(database, &[NOW, BATCH]).await;
        for n in 0..40 {
            refused(&house, n, "retried", ago(31, n)).await;
            looked(&house, ago(1_100, n)).await;
        }
        tell(&house.app, vec![json!({"type": "identify", "messageId": "i", "userId": "u1"})]).await;
        // Three pages, and the daemon is gone.
        for _ in 0..3 {
            assert_eq!(housekeeping::do_page(&house.app.book, now(), 5).await.expect("a page"), 1);
        }
        assert_eq!(house.lines("SELECT step, done FROM housekeeping").await, [r#"quarantine|{"quarantine":15}"#]);
        assert_eq!(audited(&house).await, Vec::<Value>::new());
        // Days later two others go on with that day, before they begin their own.
        let later = now() + Span::days(2);
        let others = [house.beside(&[NOW, BATCH]).await, house.beside(&[NOW, BATCH]).await];
        put_clock(&house.app, later).await;
        let work = others.iter().map(|app| async {
            while housekeeping::next_due(&app.book, later).await.expect("known").is_some_and(|due| due <= later) {
                housekeeping::do_page(&app.book, later, 5).await.expect("a page");
            }
        });
        futures::future::join_all(work).await;
        let gone = json!({"day": "2026-09-25", "gone": {"quarantine": 40, "access_log": 40}});
        assert_eq!(audited(&house).await, [gone]);
        assert_eq!(house.lines("SELECT day FROM housekeeping WHERE finished_at IS NOT NULL ORDER BY day").await, ["2026-09-25", "2026-09-27"]);
    }
}
