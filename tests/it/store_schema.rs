//! The schema: brought up to date whole, the same on both databases, and as the entities describe it.

use crate::support::TestDatabase;
use crate::support::book::{Book, MACHINE_START, START, TestClock, Time, both_databases, open_at};
use kinkeeper::store::personal::{Fate, TABLES};
use kinkeeper::store::{Store, StoreError};
use migration::MigratorTrait;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, EntityTrait, Iterable, Schema,
    Statement,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Column name to whether it may be null.
type Columns = BTreeMap<String, bool>;

async fn texts(connection: &DatabaseConnection, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    rows.iter().map(|row| row.try_get_by_index(0).expect("text")).collect()
}

async fn tables(connection: &DatabaseConnection) -> Vec<String> {
    let sql = match connection.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT CAST(table_name AS TEXT) FROM information_schema.tables \
             WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'seaql_migrations' ORDER BY 1"
        }
        _ => {
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
             AND name <> 'seaql_migrations' ORDER BY 1"
        }
    };
    texts(connection, sql).await
}

async fn columns_there(connection: &DatabaseConnection, table: &str) -> Columns {
    let sql = match connection.get_database_backend() {
        DbBackend::Postgres => format!(
            "SELECT column_name || ':' || is_nullable FROM information_schema.columns WHERE table_name = '{table}'"
        ),
        _ => format!(
            "SELECT name || ':' || CASE WHEN \"notnull\" = 1 OR pk > 0 THEN 'NO' ELSE 'YES' END \
             FROM pragma_table_info('{table}')"
        ),
    };
    let lines = texts(connection, &sql).await;
    let read = |line: &String| {
        let (name, nullable) = line.split_once(':').expect("name:nullable");
        (name.to_owned(), nullable == "YES")
    };
    lines.iter().map(read).collect()
}

fn columns_described<E: EntityTrait>(backend: DbBackend, entity: E) -> Columns {
    let described = Schema::new(backend).create_table_from_entity(entity);
    let columns = described.get_columns().iter();
    columns.map(|c| (c.get_column_name(), c.get_column_spec().nullable != Some(false))).collect()
}

/// Two rows that break every reference but fit every type: one full, one with null wherever it is allowed.
async fn fill(connection: &DatabaseConnection, table: &str, columns: &Columns, numbers: &[String]) {
    for (row, full) in [(1, true), (2, false)] {
        if table == "clock" && row == 2 {
            continue; // holds one row at most
        }
        let value = |(name, nullable): (&String, &bool)| match (*nullable && !full, numbers.contains(name)) {
            (true, _) => "NULL".to_owned(),
            (false, true) => row.to_string(),
            (false, false) => format!("'{row}'"),
        };
        let names = columns.keys().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let values = columns.iter().map(value).collect::<Vec<_>>().join(", ");
        let sql = format!("INSERT INTO {table} ({names}) VALUES ({values})");
        connection.execute_unprepared(&sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
}

async fn numbers(connection: &DatabaseConnection, table: &str) -> Vec<String> {
    let sql = match connection.get_database_backend() {
        DbBackend::Postgres => format!(
            "SELECT CAST(column_name AS TEXT) FROM information_schema.columns \
             WHERE table_name = '{table}' AND data_type = 'bigint'"
        ),
        _ => format!("SELECT name FROM pragma_table_info('{table}') WHERE type IN ('BIGINT', 'INTEGER')"),
    };
    texts(connection, &sql).await
}

async fn check<E: EntityTrait>(connection: &DatabaseConnection, entity: E) -> String {
    let table = entity.table_name().to_owned();
    let there = columns_there(connection, &table).await;
    assert_eq!(there, columns_described(connection.get_database_backend(), entity), "{table}");
    assert_eq!(E::Column::iter().count(), there.len(), "{table}");
    fill(connection, &table, &there, &numbers(connection, &table).await).await;
    let rows = E::find().all(connection).await.unwrap_or_else(|e| panic!("{table} can't be read: {e}"));
    assert!(!rows.is_empty(), "{table}");
    table
}

macro_rules! check_entities {
    ($connection:expr, $($name:ident),+ $(,)?) => {
        vec![$( check($connection, entity::$name::Entity).await ),+]
    };
}

both_databases! {
    async fn entities_equal_the_schema(book: Book) {
        let connection = free_of_references(&book).await;
        connection.execute_unprepared("DELETE FROM clock").await.expect("a row that is in the way");
        let mut checked = check_entities!(
            &connection, access_log, agent_load, api_key, audit, blocked_identifier, calendar, callback, callback_escalation, callback_exclusion, callback_log, callback_origin, campaign, campaign_version, clock, consent, consent_batch, contact_day, contact_ledger, contact_made, contact_point, coupon, coupon_batch, customer, customer_due, customer_personal, enrollment, erased_name, event, event_key, event_personal, event_property, feedback, housekeeping, idempotency, identifier, import_batch, merge_candidate, meta, name_part, note, occasion_contact, occurrence, order_effect, order_line, orders, product, product_pace, product_was, profile, profile_change, property, quarantine, rate, refill_gap, refund, retention_person, review, rule_turn, rule_version, run, score, shift, shipment, shop, source, staff, stop, suppression, tag_current, tag_ended, tag_history, template, ticket, touchpoint, trigger_queue
        );
        checked.sort();
        assert_eq!(checked, tables(&connection).await);
    }

    async fn the_register_of_what_is_personal_has_every_column(book: Book) {
        let connection = book.outsider().await;
        let mut there = BTreeMap::new();
        for table in tables(&connection).await {
            let columns = columns_there(&connection, &table).await;
            there.insert(table, columns);
        }
        let mut named: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for table in TABLES {
            let columns = table.columns.iter().flat_map(|(_, columns)| columns.split(' '));
            assert!(named.insert(table.name.to_owned(), columns.collect()).is_none(), "{} stands there twice", table.name);
        }
        let gaps = there.iter().flat_map(|(table, columns)| {
            let known = named.get(table).cloned().unwrap_or_default();
            columns.keys().filter(move |column| !known.contains(&column.as_str())).map(move |column| format!("{table}.{column}"))
        });
        let gaps: Vec<String> = gaps.collect();
        assert!(gaps.is_empty(), "{gaps:?}: say in store::personal what they hold, and what becomes of it on erasing");
        for (table, columns) in &named {
            let known = there.get(table).unwrap_or_else(|| panic!("store::personal names {table}, which isn't there"));
            assert!(columns.iter().all(|column| known.contains_key(*column)), "{table}: {columns:?}");
            assert_eq!(columns.len(), known.len(), "{table}: a column stands there twice");
        }
    }

    async fn what_goes_on_erasing_can_go(book: Book) {
        let connection = book.outsider().await;
        for table in TABLES {
            let columns = columns_there(&connection, table.name).await;
            let numbers = numbers(&connection, table.name).await;
            for (column, fate) in table.personal() {
                let place = format!("{}.{column}", table.name);
                match fate {
                    Fate::Row => assert!(table.whose().is_some(), "{place}: whose rows?"),
                    Fate::Gone(instead) => {
                        assert!(table.whose().is_some(), "{place}: whose rows?");
                        assert_eq!(instead.is_none(), columns[column], "{place}: null, or what the column needs");
                        assert!(instead.is_none() || !numbers.contains(&column.to_owned()), "{place}");
                    }
                    Fate::Rewritten | Fate::Folded | Fate::Searched | Fate::Barred => {}
                }
            }
            if let Some(whose) = table.whose() {
                assert!(columns.contains_key(whose), "{}.{whose}", table.name);
            }
        }
    }

    async fn ledgers_refuse_to_be_rewritten(book: Book) {
        let connection = book.outsider().await;
        for table in ["audit", "tag_history", "callback_log"] {
            let columns = columns_there(&connection, table).await;
            fill(&connection, table, &columns, &numbers(&connection, table).await).await;
            for sql in [
                format!("UPDATE {table} SET id = id WHERE id = 1"),
                format!("DELETE FROM {table} WHERE id = 1"),
                format!("DELETE FROM {table}"),
            ] {
                let error = connection.execute_unprepared(&sql).await.expect_err(&sql).to_string();
                assert!(error.contains(&format!("{table} is append-only")), "{sql}: {error}");
            }
            assert_eq!(book.number(&format!("SELECT COUNT(*) FROM {table}")).await, 2);
        }
    }

    async fn a_schema_of_a_newer_build_is_refused(book: Book) {
        book.run::<i64>("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_later', 0)", [])
            .await;
        match book.reopen(Time::Real).await.map(|_| ()) {
            Err(StoreError::WrongBook(why)) => assert!(why.contains("m29991231_000001_later"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_may_be_opened_by_many_at_once() {
    for database in [TestDatabase::sqlite(), TestDatabase::postgres()] {
        let clock = Arc::new(TestClock::at(MACHINE_START));
        let opening = (0..6).map(|_| {
            let open = open_at(&database.url(), Time::Virtual(START), &clock);
            tokio::spawn(Store::open(open))
        });
        for opened in opening.collect::<Vec<_>>() {
            opened.await.expect("no panic").expect("opens");
        }
        let connection = Database::connect(database.url()).await.expect("opens");
        assert!(tables(&connection).await.contains(&"touchpoint".to_owned()));
    }
}

/// Opens a file that `held` keeps everybody else from writing: waits, and goes on when the file is free.
async fn opens_once_free(database: &TestDatabase, held: &DatabaseConnection, lock: Duration) {
    held.execute_unprepared("BEGIN IMMEDIATE").await.expect("held");
    let clock = Arc::new(TestClock::at(MACHINE_START));
    let mut open = open_at(&database.url(), Time::Virtual(START), &clock);
    open.timeouts.lock = lock;
    let folder = tempfile::tempdir().expect("a folder");
    open.backups = folder.path().to_owned();
    let mut opening = tokio::spawn(Store::open(open));
    let early = tokio::time::timeout(Duration::from_millis(400), &mut opening).await;
    assert!(early.is_err(), "it doesn't wait: {:?}", early.map(|opened| opened.expect("no panic").map(drop)));
    held.execute_unprepared("COMMIT").await.expect("free");
    opening.await.expect("no panic").expect("opens");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opens_a_file_that_another_one_founds_waits_for_it() {
    let database = TestDatabase::sqlite();
    // As a file is before anybody made it a WAL.
    let held = one_connection(&format!("{}?mode=rwc", database.url())).await;
    held.execute_unprepared("PRAGMA journal_mode = DELETE; CREATE TABLE x (a)").await.expect("a file");
    opens_once_free(&database, &held, Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opens_a_file_that_another_one_migrates_waits_however_long_that_takes() {
    let database = TestDatabase::sqlite();
    let held = one_connection(&format!("{}?mode=rwc", database.url())).await;
    held.execute_unprepared("PRAGMA journal_mode = WAL").await.expect("a WAL");
    migration::Migrator::up(&held, Some(3)).await.expect("an older schema");
    opens_once_free(&database, &held, Duration::from_millis(20)).await;
}

async fn one_connection(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url.to_owned());
    options.max_connections(1);
    Database::connect(options).await.expect("a connection of its own")
}

/// A connection on which rows may point at nothing.
async fn free_of_references(book: &Book) -> DatabaseConnection {
    let mut options = ConnectOptions::new(book.database.url());
    options
        .max_connections(1)
        .map_sqlx_sqlite_opts(|o| o.foreign_keys(false))
        .map_sqlx_postgres_opts(|o| o.options([("session_replication_role", "replica")]));
    Database::connect(options).await.expect("a connection of its own")
}
