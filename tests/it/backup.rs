//! Copies of a book under load, into either database; what a restored book still refuses; schemas brought up to
//! date with a copy first.

use crate::support::TestDatabase;
use crate::support::book::{Book, House, Time, both_databases, house_settings, open_at};
use crate::support::command::Home;
use crate::support::daemon::wait_until;
use crate::support::on_both_databases;
use crate::support::retail::{Retail, at};
use kinkeeper::app::App;
use kinkeeper::service::ServiceError;
use kinkeeper::service::backup::{self, Replayed};
use kinkeeper::service::ingest::{self, Batch};
use kinkeeper::store::lock::{self, Hold};
use kinkeeper::store::restore::{self, Restoring};
use kinkeeper::store::{Store, StoreError};
use migration::MigratorTrait;
use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const NOW: &str = "2026-09-25T02:00:00Z";

fn order(n: u64) -> Value {
    json!({"type": "track", "messageId": format!("m{n:06}"), "userId": format!("u{}", n % 50), "event": "Order Completed",
           "timestamp": "2026-09-01T00:00:00Z", "properties": {"order_id": format!("o{n}"), "total": "10.00"}})
}

fn by() -> Restoring {
    Restoring { actor: "cli:tester".into(), reason: "a test".into(), stamp: "1".into() }
}

async fn numbers(store: &Store, sql: &str) -> Vec<i64> {
    let db = store.reader();
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    let rows = rows.unwrap_or_else(|e| panic!("{sql}: {e}"));
    rows.iter().map(|row| row.try_get_by_index(0).expect("an integer")).collect()
}

async fn texts(store: &Store, sql: &str) -> Vec<String> {
    let db = store.reader();
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    let rows = rows.unwrap_or_else(|e| panic!("{sql}: {e}"));
    rows.iter().map(|row| row.try_get_by_index(0).expect("a text")).collect()
}

both_databases! {
    async fn a_copy_made_under_load_is_the_book_of_one_instant(book: Book) {
        let retail = Retail::of(book).await;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("copy.db");
        // So many that copying takes as long as several batches do.
        let preloaded = 3_000;
        for n in (0..preloaded).step_by(500) {
            retail.accept(NOW, (n..n + 500).map(order).collect()).await.expect("taken in");
        }
        let taken = Arc::new(AtomicU64::new(preloaded));
        let stop = tokio_util::sync::CancellationToken::new();
        let sender = {
            let (store, source, taken, stop) = (retail.store.clone(), retail.source, taken.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.is_cancelled() {
                    let n = taken.load(Ordering::SeqCst);
                    let events = (n..n + 5).map(order).collect();
                    let batch = Batch { source, received_at: Some(at(NOW)), historical: false, events };
                    ingest::accept(&store, batch).await.expect("taken in");
                    taken.store(n + 5, Ordering::SeqCst);
                }
            })
        };
        while taken.load(Ordering::SeqCst) < preloaded + 20 {
            tokio::task::yield_now().await;
        }
        let before = taken.load(Ordering::SeqCst);
        retail.store.back_up(&file, at(NOW), "key").await.expect("copied");
        let after = taken.load(Ordering::SeqCst) + 5;
        stop.cancel();
        sender.await.expect("it sent");

        let copy = restore::inspect(&file).await.expect("a copy");
        assert_eq!((copy.at, copy.key_check.as_str()), (at(NOW), "key"));
        for database in [TestDatabase::sqlite(), TestDatabase::postgres()] {
            restore::restore(&file, &database.url(), &by()).await.expect("restored");
            let store = Store::open(open_at(&database.url(), Time::Real, &retail.clock)).await.expect("opens");
            let messages = texts(&store, "SELECT message_id FROM event ORDER BY message_id").await;
            let expected: Vec<String> = (0..messages.len()).map(|n| format!("m{n:06}")).collect();
            assert_eq!(messages, expected, "all that was answered before some instant, and nothing else");
            let n = messages.len() as u64;
            assert!(before <= n && n <= after && n.is_multiple_of(5), "{before} ≤ {n} ≤ {after}");
            let rows = numbers(&store, "SELECT COUNT(*) FROM orders").await;
            assert_eq!(rows, [n as i64], "what follows from an event is there with it");
            assert_eq!(texts(&store, "SELECT reason FROM stop WHERE resumed_at IS NULL AND scope = 'all'").await, ["a test"]);
            assert_eq!(texts(&store, "SELECT action FROM audit").await, ["book.restored"]);
            // It goes on where it was: known messages stay known, new ones get ids of their own.
            let source = retail.source;
            let events = [n - 1, n, n + 1].map(order).into();
            let batch = Batch { source, received_at: Some(at(NOW)), historical: false, events };
            let receipt = ingest::accept(&store, batch).await.expect("taken in");
            assert_eq!((receipt.accepted, receipt.duplicate), (2, 1));
        }
    }
}

fn person(user: &str, at: &str, consent: &str) -> Value {
    json!({"type": "identify", "messageId": format!("{user}-{at}-{consent}"), "userId": user, "timestamp": at,
           "traits": {"email": format!("{user}@example.com"), "consents": {"email": {"marketing": consent}}}})
}

async fn tell(app: &App, events: Vec<Value>) {
    let source = crate::support::book::source_of_facts(app).await;
    let batch = Batch { source, received_at: None, historical: false, events };
    let receipt = ingest::accept(&app.book.store, batch).await.expect("taken in");
    assert!(receipt.rejected.is_empty(), "{receipt:?}");
}

async fn suppress(app: &App, email: &str) {
    let refusal = kinkeeper::service::suppressions::Refusal { email: email.into(), reason: "asked".into() };
    kinkeeper::service::suppressions::add(&app.book, &[refusal], "cli:tester").await.expect("suppressed");
}

/// Whose latest word on marketing by mail is no.
const DENYING: &str = "SELECT i.value FROM identifier i WHERE i.kind = 'user_id' AND (SELECT c.state FROM consent c \
    WHERE c.customer_id = i.customer_id AND c.channel = 'email' AND c.purpose = 'marketing' \
    ORDER BY c.occurred_at DESC, c.id DESC LIMIT 1) = 'denied' ORDER BY i.value";

on_both_databases! {
    async fn a_restored_book_forgets_no_refusal(database) {
        let house = House::open(database, &["clock=2026-09-25T10:00:00+08:00"]).await;
        let early = "2026-09-20T00:00:00Z";
        tell(&house.app, vec![person("ann", early, "granted"), person("bea", early, "granted"), person("cid", early, "granted")]).await;
        let copy = house.folder.path().join("copy.db");
        backup::back_up(&house.app.book, &copy, "cli:tester").await.expect("copied");
        let late = "2026-09-24T00:00:00Z";
        tell(&house.app, vec![person("ann", late, "denied"), person("dan", late, "denied")]).await;
        suppress(&house.app, "bea@example.com").await;
        // Cid changes his mind twice, and means yes.
        tell(&house.app, vec![person("cid", "2026-09-22T00:00:00Z", "denied"), person("cid", late, "granted")]).await;

        let url = TestDatabase::sqlite();
        let key_file = house.app.settings.secrets.key_file.clone();
        let settings = house_settings(house.folder.path(), &url.url(), &[]);
        let secrets = &house.app.book.secrets;
        let now = domain::time::MachineInstant::from_micros(0);
        backup::restore_file(&copy, &url.url(), secrets, "cli:tester", now).await.expect("restored");
        assert!(key_file.is_file());
        let again = App::open(settings).await.expect("opens");
        // Meanwhile somebody else gets the number that Dan had.
        let outsider = Database::connect(url.url()).await.expect("connects");
        outsider.execute_unprepared("UPDATE clock SET now_at = now_at + 60000000").await.expect("a minute later");
        tell(&again, vec![person("eve", "2026-09-01T00:00:00Z", "granted")]).await;
        let log = house.app.settings.refusals_log.clone();
        let replayed = backup::replay(&again.book, &log, "cli:tester").await.expect("replayed");
        assert_eq!(replayed, Replayed { lines: 4, added: 3, unfinished: 0 });
        assert_eq!(texts(&again.book.store, DENYING).await, ["ann", "cid"], "of Cid's two words the log knows one");
        let hash = secrets.contact_hash("email", "bea@example.com");
        assert_eq!(texts(&again.book.store, "SELECT value_hash FROM suppression").await, [hash]);
        let replayed = backup::replay(&again.book, &log, "cli:tester").await.expect("replayed");
        assert_eq!(replayed.added, 0, "{replayed:?}");
    }

    async fn an_older_schema_is_copied_first_or_waits_for_a_person(database) {
        let connection = Database::connect(match &database {
            TestDatabase::Sqlite { .. } => format!("{}?mode=rwc", database.url()),
            TestDatabase::Postgres(_) => database.url(),
        }).await.expect("connects");
        migration::Migrator::up(&connection, Some(7)).await.expect("migrates");
        connection.execute_unprepared("INSERT INTO meta (key, value) VALUES ('clock_kind', 'real'), ('change_seq', '7')").await.expect("written");
        connection.close().await.expect("closes");
        let folder = tempfile::tempdir().expect("a folder");
        let settings = || house_settings(folder.path(), &database.url(), &[]);
        let opened = App::open(settings()).await;
        let app = match (&database, opened) {
            (TestDatabase::Sqlite { .. }, Ok(app)) => {
                let copy = folder.path().join("backups/before-migration-of-m20261122_000007_imports.db");
                let copy = Database::connect(format!("sqlite://{}", copy.display())).await.expect("the copy is there");
                let row = copy.query_one_raw(Statement::from_string(copy.get_database_backend(), "SELECT COUNT(*) FROM seaql_migrations"));
                let applied: i64 = row.await.expect("asked").expect("a row").try_get_by_index(0).expect("a number");
                assert_eq!(applied, 7, "as it was before");
                app
            }
            (TestDatabase::Postgres(_), Err(ServiceError::Conflict(detail))) => {
                assert!(detail.contains("kinkeeper migrate"), "{detail}");
                let daemon = lock::hold(&database.url(), Hold::Shared).await.expect("connects").expect("nobody is there");
                let refused = App::migrate(settings()).await.map(drop).expect_err("a daemon is at work").to_string();
                assert!(refused.contains("a daemon is at work on this book; stop all of them"), "{refused}");
                drop(daemon);
                // The server hears of it a moment later.
                let mut migrated = None;
                wait_until("the schema to be brought up to date", async || {
                    migrated = App::migrate(settings()).await.ok();
                    migrated.is_some()
                })
                .await;
                migrated.expect("waited for")
            }
            (_, other) => panic!("{:?}", other.map(|_| ())),
        };
        assert_eq!(texts(&app.book.store, "SELECT value FROM meta WHERE key = 'change_seq'").await.len(), 1);
    }
}

fn refused(result: Result<impl std::fmt::Debug, StoreError>) -> String {
    match result {
        Err(StoreError::WrongBook(detail)) => detail,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_restored_is_told_apart_and_nothing_is_touched() {
    let retail = Retail::of(Book::sqlite().await).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    retail.store.back_up(&file("copy.db"), at(NOW), "key").await.expect("copied");
    let twice = refused(retail.store.back_up(&file("copy.db"), at(NOW), "key").await);
    assert!(twice.contains("never overwrites"), "{twice}");

    std::fs::write(file("letter.txt"), "Dear Sir").expect("written");
    Database::connect(format!("sqlite://{}?mode=rwc", file("empty.db").display())).await.expect("made");
    for other in ["letter.txt", "empty.db"] {
        let detail = refused(restore::inspect(&file(other)).await);
        assert!(detail.contains("no copy of a book"), "{detail}");
    }
    assert!(refused(restore::inspect(&file("none.db")).await).contains("no such file"));

    let target = TestDatabase::postgres();
    let url = target.url();
    restore::restore(&file("copy.db"), &url, &by()).await.expect("an empty one is filled");
    let detail = refused(restore::restore(&file("copy.db"), &url, &by()).await);
    assert!(detail.contains("isn't empty"), "{detail}");
    assert!(
        !Path::new(&format!("{}.part", file("copy.db").display())).exists(),
        "nothing is left lying about"
    );

    let mut bytes = std::fs::read(file("copy.db")).expect("read");
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle..middle + 9_000] {
        *byte = 0xa5;
    }
    std::fs::write(file("damaged.db"), &bytes).expect("written");
    let sqlite = TestDatabase::sqlite();
    let detail = refused(restore::restore(&file("damaged.db"), &sqlite.url(), &by()).await);
    assert!(detail.contains("damaged"), "{detail}");
}

#[test]
fn a_book_goes_back_to_its_copy_on_the_command_line() {
    let home = Home::new();
    home.file("people.csv", "customer_id,email\n1,ann@example.com\n");
    home.run(&["import", "customers", "people.csv"]).ended(0);
    let made = home.run(&["backup", "monday.db", "--format", "json"]).ended(0);
    assert!(made.stderr.contains("secret.key"), "{}", made.stderr);
    assert!(made.json()["bytes"].as_u64().expect("a size") > 10_000);
    home.file("more.csv", "customer_id,email\n2,bea@example.com\n");
    home.run(&["import", "customers", "more.csv"]).ended(0);
    let again = home.run(&["backup", "monday.db"]).ended(2);
    assert!(again.stderr.contains("name another file"), "{}", again.stderr);

    let unasked = home.run(&["restore", "monday.db"]).ended(4);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    let restored = home.run(&["restore", "monday.db", "--yes", "--format", "json"]).ended(0).json();
    let before = restored["before"].as_str().expect("what was there stepped aside");
    assert!(home.path().join(before).is_file(), "{before}");
    let status = home.run(&["status", "--format", "json"]).ended(0).json();
    assert_eq!(status["counts"]["customers"], 1, "{status}");
    assert_eq!(status["stops"][0]["scope"], "all");

    std::fs::rename(home.path().join("data/secret.key"), home.path().join("kept.key")).expect("moved");
    let missing = home.run(&["restore", "monday.db", "--yes"]).ended(2);
    assert!(missing.stderr.contains("secrets.key_file"), "{}", missing.stderr);
    let other = Home::new();
    other.run(&["status"]).ended(0);
    std::fs::copy(home.path().join("monday.db"), other.path().join("monday.db")).expect("copied");
    let wrong = other.run(&["restore", "monday.db", "--yes"]).ended(2);
    assert!(wrong.stderr.contains("the key file this copy was made with"), "{}", wrong.stderr);
}
