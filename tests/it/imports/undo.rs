//! Taking an import back: as if it had never been, but for what others have built upon since.

use crate::facts::streams::{STATE, Stream};
use crate::support::book::{House, source_of_facts};
use crate::support::command::Home;
use crate::support::retail::at;
use crate::support::{TestDatabase, on_both_databases};
use domain::ids::ImportId;
use domain::time::{Instant, Span};
use kinkeeper::app::App;
use kinkeeper::service::import::{self, Kind, Request, Undo, Unwatched};
use kinkeeper::service::ingest::{self, Batch};
use kinkeeper::service::rebuild;
use kinkeeper::service::{ServiceError, identity, profile};
use kinkeeper::store::{Lane, StoreError};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use std::path::PathBuf;

const CLOCK: &str = "clock=2011-12-09T12:00:00Z";

async fn house(database: TestDatabase) -> House {
    let given =
        [CLOCK, "shop.key=retail", "shop.timezone=Europe/London", "shop.currency=GBP", "shop.locale=en"];
    House::open(database, &given).await
}

async fn tell(app: &App, events: Vec<Value>) {
    let source = source_of_facts(app).await;
    let batch = Batch { source, received_at: None, historical: false, events };
    let receipt = ingest::accept(&app.book.store, batch).await.expect("taken in");
    assert_eq!(receipt.rejected, []);
}

async fn bring(house: &House, name: &str, events: &[Value]) -> ImportId {
    let path: PathBuf = house.folder.path().join(name);
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    std::fs::write(&path, lines.join("\n")).expect("written");
    let request = Request::new(Kind::Events, path);
    let report = import::run(&house.app.book.store, "retail", &request, &mut Unwatched).await;
    let report = report.expect("imported");
    assert_eq!(report.refused, []);
    report.import.expect("an import")
}

async fn take_back(house: &House, id: ImportId) -> Undo {
    let book = &house.app.book;
    let told = import::show_batch(book, id).await.expect("shown").undo.expect("can be taken back");
    let done = import::undo_batch(book, id, "cli:tester").await.expect("taken back").undo;
    assert_eq!(told, done, "what was told before is what was done");
    done
}

/// Whatever is a function of the facts, as text; people by the id the shop knows them by.
async fn state(house: &House) -> Vec<String> {
    house.app.engine().drain_all().await.expect("kept");
    let mut state = Vec::new();
    for sql in STATE {
        state.extend(house.lines(sql).await);
    }
    let whose = "JOIN identifier u ON u.customer_id = t.customer_id AND u.kind = 'user_id'";
    let counts = "WHERE t.revokes IS NULL AND NOT EXISTS (SELECT 1 FROM consent r WHERE r.revokes = t.id)";
    let sql = format!(
        "SELECT u.value AS whose, t.channel, t.purpose, t.state, t.occurred_at FROM consent t {whose} {counts}"
    );
    let mut lines = house.lines(&sql).await;
    lines.sort();
    state.extend(lines.into_iter().map(|line| format!("consent: {line}")));
    for (table, columns) in [
        ("identifier", "t.kind, t.namespace, t.value"),
        ("contact_point", "t.channel, t.value, t.is_primary"),
        ("customer_personal", "t.name, t.birthday, t.traits"),
        ("tag_current", "t.key, t.value, t.since, t.evidence"),
        ("name_part", "t.part"),
    ] {
        let sql = format!("SELECT u.value AS whose, {columns} FROM {table} t {whose}");
        let mut lines = house.lines(&sql).await;
        lines.sort();
        // Nobody and nothing is told apart from who was never told anything of.
        state.extend(lines.into_iter().filter(|l| !l.ends_with("|-|-|{}")).map(|l| format!("{table}: {l}")));
    }
    state
}

async fn is_sound(house: &House) {
    let mut found = Vec::new();
    let report = rebuild::run(&house.app.book, rebuild::Mode::Check, &mut |d| found.push(d.clone())).await;
    assert_eq!((report.expect("compared").differences, found), (0, vec![]));
    let sql = include_str!("../../../invariants/g1_event_keys.sql");
    assert_eq!(house.lines(sql.trim().trim_end_matches(';')).await, Vec::<String>::new());
}

/// People of whom both sides tell: some are known before, one comes by the file.
fn people(side: &str, day: u32, range: std::ops::Range<u32>) -> Vec<Value> {
    range
        .map(|n| {
            json!({"type": "identify", "messageId": format!("{side}-{n}"), "userId": format!("u{n}"),
                   "timestamp": format!("2011-11-{day:02}T00:00:00Z"),
                   "traits": {"consents": {"email": {"marketing": if side == "file" { "granted" } else { "denied" }}, "sms": {"survey": "granted"}}, "name": format!("{side} {n}"), "email": format!("{side}{n}@example.com"), "timezone": "Europe/Paris"}})
        })
        .collect()
}

async fn exec(app: &App, sql: &'static str, at: Instant) {
    let set = app.book.store.write(Lane::People, move |tx| {
        Box::pin(async move {
            let statement =
                Statement::from_sql_and_values(tx.get_database_backend(), sql, [at.micros().into()]);
            tx.execute_raw(statement).await.map_err(StoreError::from)
        })
    });
    assert_eq!(set.await.expect("set").rows_affected(), 1);
}

on_both_databases! {
    async fn it_is_as_if_it_had_never_been_and_can_be_brought_again(database) {
        for seed in 10..13 {
            let mut events: Vec<Value> = Stream::random(seed).in_order(2).concat();
            let file: Vec<Value> = {
                let mut place = 0;
                events.extract_if(3.., |_| { place += 1; place % 2 == 0 }).collect()
            };
            // Older and newer than what was known, by turns.
            let day = if seed % 2 == 0 { 5 } else { 25 };
            let file = [people("file", day, 1..4), file].concat();
            let again = || match &database {
                TestDatabase::Sqlite { .. } => TestDatabase::sqlite(),
                TestDatabase::Postgres(_) => TestDatabase::postgres(),
            };
            let (plain, with, undone) = (house(again()).await, house(again()).await, house(again()).await);
            for one in [&plain, &with, &undone] {
                tell(&one.app, people("known", 15, 0..3)).await;
                tell(&one.app, events.clone()).await;
                one.app.engine().drain_all().await.expect("kept");
            }
            bring(&with, "file.ndjson", &file).await;
            let (plain, with) = (state(&plain).await, state(&with).await);
            assert_ne!(plain, with, "the file says something");

            let id = bring(&undone, "file.ndjson", &file).await;
            assert_eq!(state(&undone).await, with, "seed {seed}");
            let undo = take_back(&undone, id).await;
            assert_eq!((undo.facts_kept, undo.names_kept, undo.consents), (0, 0, 6), "{undo:?}");
            // Whom the file alone knew is nobody's news now, and still the same.
            let (fourth, rest): (Vec<_>, Vec<_>) =
                state(&undone).await.into_iter().partition(|line| line.contains(": u3|"));
            assert_eq!(rest, plain, "seed {seed}");
            let nothing = |line: &String| ["|user_id|", "complaint_history|none|", "value_tier|none|"].iter().any(|part| line.contains(part));
            assert!(fourth.iter().all(nothing), "{fourth:?}");
            is_sound(&undone).await;

            bring(&undone, "file.ndjson", &file).await;
            assert_eq!(state(&undone).await, with, "seed {seed}");
            is_sound(&undone).await;
        }
    }

    async fn what_others_have_built_upon_since_stays(database) {
        let house = house(database).await;
        let app = &house.app;
        let order = |n: u32, who: &str| {
            json!({"type": "track", "messageId": format!("o{n}"), "userId": who, "event": "Order Completed",
                   "timestamp": "2011-12-01T00:00:00Z", "properties": {"order_id": format!("A{n}"), "total": 100}})
        };
        tell(app, vec![json!({"type": "identify", "messageId": "k", "userId": "u1", "traits": {"phone": "+8613912345678"}, "timestamp": "2011-11-01T00:00:00Z"})]).await;
        let named = |who: &str, email: &str| {
            json!({"type": "identify", "messageId": format!("i-{email}"), "userId": who, "traits": {"email": email}, "timestamp": "2011-12-01T00:00:00Z"})
        };
        let file = [
            named("u1", "one@example.com"), named("u2", "two@example.com"), named("u3", "three@example.com"),
            order(1, "u1"), order(2, "u2"), order(3, "u3"),
        ];
        let id = bring(&house, "file.ndjson", &file).await;
        // Of u2 others speak since, of one order; the other order of theirs isn't theirs to speak of.
        let refund = json!({"type": "track", "messageId": "r", "userId": "u2", "event": "Order Refunded",
            "timestamp": "2011-12-02T00:00:00Z", "properties": {"order_id": "A2", "refund_id": "R", "amount": 40}});
        tell(app, vec![refund]).await;

        let undo = take_back(&house, id).await;
        assert_eq!(undo.facts.iter().map(|(e, n)| (e.as_str(), *n)).collect::<Vec<_>>(), [("Identify", 3), ("Order Completed", 2)]);
        assert_eq!((undo.customers, undo.facts_kept, undo.names_kept), (3, 1, 1), "{undo:?}");
        // Of u1 and u3 the address; u3 is still u3, and that u1 is u1 others had said before.
        assert_eq!(undo.names, 2);
        let kept = &undo.kept[0];
        assert_eq!((kept.event.as_str(), kept.about.as_str(), kept.since.as_str()), ("Order Completed", "retail:A2", "Order Refunded"));
        assert_eq!(
            house.lines("SELECT kind, value FROM identifier ORDER BY kind, value").await,
            ["email|two@example.com", "phone|+8613912345678", "user_id|u1", "user_id|u2", "user_id|u3"]
        );
        assert_eq!(house.lines("SELECT order_key, refunded_minor FROM orders").await, ["retail:A2|4000"]);
        is_sound(&house).await;

        // Whoever has such an address now is somebody else.
        tell(app, vec![json!({"type": "track", "messageId": "n", "anonymousId": "new", "event": "Asked", "properties": {}, "context": {"traits": {"email": "three@example.com"}}})]).await;
        let book = &app.book;
        let three = profile::resolve(book, "user_id:u3").await.expect("known");
        assert_ne!(profile::resolve(book, "email:three@example.com").await.ok(), Some(three));
    }

    async fn only_once_and_only_for_a_week(database) {
        let house = house(database).await;
        let (app, book) = (&house.app, &house.app.book);
        let order = |n: u32| {
            json!({"type": "track", "messageId": format!("o{n}"), "userId": "u1", "event": "Order Completed",
                   "timestamp": "2011-12-01T00:00:00Z", "properties": {"order_id": format!("A{n}"), "total": 100}})
        };
        let (first, second) = (bring(&house, "1.ndjson", &[order(1)]).await, bring(&house, "2.ndjson", &[order(2)]).await);
        let nothing = bring(&house, "3.ndjson", &[order(2)]).await;
        let refused = |error: ServiceError| match error {
            ServiceError::Conflict(why) => why,
            other => panic!("{other}"),
        };
        let undo = async |id| import::undo_batch(book, id, "cli:tester").await;
        assert!(refused(undo(nothing).await.expect_err("nothing new")).contains("nothing to take back"));
        undo(first).await.expect("taken back");
        assert!(refused(undo(first).await.expect_err("twice")).contains("taken back already, by cli:tester"));
        assert!(matches!(undo(ImportId(99)).await, Err(ServiceError::NotFound(_))));

        let week = at("2011-12-16T12:00:00Z");
        exec(app, "UPDATE clock SET now_at = $1", week + Span::micros(1)).await;
        assert!(refused(undo(second).await.expect_err("late")).contains("for 7 days"));
        exec(app, "UPDATE clock SET now_at = $1", week).await;
        // Whoever imports it keeps it, until their lease is over.
        exec(app, "UPDATE import_batch SET leased_until = $1 WHERE file_name = '2.ndjson'", at("2200-01-01T00:00:00Z")).await;
        assert!(refused(undo(second).await.expect_err("under way")).contains("is being imported"));
        assert_eq!(house.lines("SELECT COUNT(*) AS n FROM audit WHERE action = 'import.undo_begun'").await, ["1"]);
        exec(app, "UPDATE import_batch SET leased_until = $1 WHERE file_name = '2.ndjson'", at("2000-01-01T00:00:00Z")).await;
        // Whoever died in the midst of it goes on, however late.
        exec(app, "UPDATE import_batch SET undo_begun_at = $1 WHERE file_name = '2.ndjson'", week).await;
        exec(app, "UPDATE clock SET now_at = $1", week + Span::days(9)).await;
        undo(second).await.expect("taken back");
        assert_eq!(house.lines("SELECT order_key FROM orders").await, Vec::<String>::new());
    }

    async fn whom_it_made_one_stays_one_until_a_person_parts_them(database) {
        let house = house(database).await;
        let app = &house.app;
        let known = |n: u32, traits: Value| json!({"type": "identify", "messageId": format!("k{n}"), "userId": null, "anonymousId": format!("a{n}"), "traits": traits, "timestamp": "2011-11-01T00:00:00Z"});
        tell(app, vec![known(1, json!({"email": "one@example.com"})), known(2, json!({"phone": "+8613912345678"}))]).await;
        let both = json!({"type": "identify", "messageId": "b", "anonymousId": "a3", "traits": {"email": "one@example.com", "phone": "+8613912345678"}, "timestamp": "2011-11-02T00:00:00Z"});
        let id = bring(&house, "file.ndjson", &[both]).await;
        let undo = take_back(&house, id).await;
        assert_eq!(undo.merged.len(), 1, "{undo:?}");
        let member = *undo.merged.first().expect("one");
        identity::unmerge(&app.book, member, "cli:tester", None).await.expect("parted");
        let find = async |name| profile::resolve(&app.book, name).await.expect("known");
        assert_ne!(find("email:one@example.com").await, find("phone:+8613912345678").await);
        is_sound(&house).await;
    }
}

#[test]
fn a_person_sees_what_would_go_and_is_asked() {
    let home = Home::new();
    home.file(
        "orders.csv",
        "order_id,customer_id,paid_at,total\nA1,c1,2026-09-01,10.00\nA2,c2,2026-09-02,20.00\n",
    );
    home.run(&["import", "orders", "orders.csv"]).ended(0);
    let shown = home.run(&["batch", "show", "imp_1"]).ended(0).stdout;
    for part in [
        "imp_1: orders from orders.csv, by cli:tester",
        "2 rows: 2 taken in",
        "2 × Order Completed",
        "0 names, of 2 customers",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let asked = home.run(&["batch", "undo", "imp_1"]).ended(4);
    assert!(
        asked.stderr.contains("2 × Order Completed") && asked.stderr.contains("add --yes"),
        "{}",
        asked.stderr
    );
    let done = home.run(&["batch", "undo", "imp_1", "--yes"]).ended(0).stdout;
    assert!(done.contains("imp_1 was taken back"), "{done}");
    let again = home.run(&["batch", "undo", "imp_1", "--yes"]).ended(4);
    assert!(again.stderr.contains("was taken back already, by cli:tester"), "{}", again.stderr);
    let listed = home.run(&["import", "batches"]).ended(0).stdout;
    assert!(listed.contains("taken back") && listed.contains("imp_1"), "{listed}");
    let missing = home.run(&["batch", "show", "imp_7"]).ended(3);
    assert!(missing.stderr.contains("kinkeeper import batches"), "{}", missing.stderr);
    home.run(&["batch", "show", "7"]).ended(2);
    // The same file is a new one.
    let back = home.run(&["import", "orders", "orders.csv"]).ended(0).stdout;
    assert!(back.contains("2 taken in, 0 known already"), "{back}");
}
