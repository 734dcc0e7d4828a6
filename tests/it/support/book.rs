//! An open book for tests: a fresh database, a machine clock and a business clock moved by hand, seeded
//! randomness. No assertion about the product lives here, and nothing waits by sleeping.

use super::TestDatabase;
use super::postgres::Cluster;
use domain::ids::{ShopId, SourceId};
use domain::time::{Clock, Instant, MachineInstant, Span};
use kinkeeper::app::App;
use kinkeeper::service::ingest::{self, Batch};
use kinkeeper::settings::{Settings, Sources};
use kinkeeper::store::{Lane, MachineTime, Open, Schema, Store, StoreError, Timeouts, sources};
use kinkeeper::system::SeededEntropy;
use migration::MigratorTrait;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, QueryResult, Statement, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::OnceCell;

/// A machine clock that stands until a test moves it, backwards too.
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn at(at: MachineInstant) -> Self {
        Self(AtomicI64::new(at.micros()))
    }
    pub fn set(&self, at: MachineInstant) {
        self.0.store(at.micros(), Ordering::SeqCst);
    }
    pub fn advance(&self, by: Span) {
        self.0.fetch_add(by.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn machine_now(&self) -> MachineInstant {
        MachineInstant::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// Where a book's business clock stands at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// A virtual book: business time stands there until it is stepped or [`Book::set_now`].
    Virtual(Instant),
    /// A real book: business time is the [`TestClock`]'s.
    Real,
}

/// Where every test's machine clock begins: 2026-11-22T00:00:00Z.
pub const MACHINE_START: MachineInstant = MachineInstant::from_micros(1_795_305_600_000_000);
/// Where a virtual book begins if the test doesn't say: 2026-09-25T02:00:00Z, a Friday at 10:00 in Shanghai.
pub const START: Instant = Instant::from_micros(1_790_301_600_000_000);

/// An open store on a database of its own. `database` comes last: it is dropped after the store.
pub struct Book {
    pub store: Store,
    pub clock: Arc<TestClock>,
    pub entropy: Arc<SeededEntropy>,
    pub database: TestDatabase,
}

impl Book {
    /// A virtual book at [`START`].
    pub async fn sqlite() -> Self {
        Self::open(TestDatabase::migrated_sqlite().await, Time::Virtual(START)).await
    }

    /// As [`Book::sqlite`], on PostgreSQL.
    pub async fn postgres() -> Self {
        Self::open(TestDatabase::migrated_postgres().await, Time::Virtual(START)).await
    }

    pub async fn open(database: TestDatabase, time: Time) -> Self {
        let clock = Arc::new(TestClock::at(MACHINE_START));
        let store = Store::open(open_at(&database.url(), time, &clock)).await.expect("the book opens");
        Self { store, clock, entropy: Arc::new(SeededEntropy::new(1)), database }
    }

    /// The same book as another process would open it, with the same hands on the clocks.
    pub async fn beside(&self) -> Store {
        self.reopen(Time::Real).await.expect("the book opens a second time")
    }

    /// Opens the same book again, as if `--clock` had been given (`Virtual`) or left out (`Real`).
    pub async fn reopen(&self, time: Time) -> Result<Store, StoreError> {
        Store::open(open_at(&self.database.url(), time, &self.clock)).await
    }

    pub fn is_postgres(&self) -> bool {
        self.store.reader().get_database_backend() == sea_orm::DbBackend::Postgres
    }

    /// Puts a virtual book's clock forward, over whatever is due in between.
    pub async fn set_now(&self, at: Instant) {
        let moved =
            self.run("UPDATE clock SET now_at = $1 WHERE id = 1 AND now_at <= $1", [at.micros()]).await;
        assert_eq!(moved, 1, "{at} is before the book's clock, or the book isn't virtual");
    }

    /// Runs one statement in a unit of work of its own and gives the number of rows it changed.
    pub async fn run<V: Into<Value>>(&self, sql: &str, args: impl IntoIterator<Item = V>) -> u64 {
        self.try_run(sql, args).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    pub async fn try_run<V: Into<Value>>(
        &self,
        sql: &str,
        args: impl IntoIterator<Item = V>,
    ) -> Result<u64, StoreError> {
        let statement = self.statement(sql, args);
        self.store
            .write(Lane::People, move |tx| {
                Box::pin(async move { Ok(tx.execute_raw(statement).await?.rows_affected()) })
            })
            .await
    }

    /// The rows a statement gives, read beside the writer.
    pub async fn rows<V: Into<Value>>(
        &self,
        sql: &str,
        args: impl IntoIterator<Item = V>,
    ) -> Vec<QueryResult> {
        let statement = self.statement(sql, args);
        self.store.reader().query_all_raw(statement).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// The integer a statement without arguments gives.
    pub async fn number(&self, sql: &str) -> i64 {
        let rows = self.rows::<i64>(sql, []).await;
        rows.first()
            .and_then(|row| row.try_get_by_index(0).ok())
            .unwrap_or_else(|| panic!("{sql}: no number"))
    }

    /// A connection that shares nothing with the store: it sees what is committed, and only that.
    pub async fn outsider(&self) -> DatabaseConnection {
        Database::connect(self.database.url()).await.expect("a connection of its own")
    }

    fn statement<V: Into<Value>>(&self, sql: &str, args: impl IntoIterator<Item = V>) -> Statement {
        let args: Vec<Value> = args.into_iter().map(Into::into).collect();
        Statement::from_sql_and_values(self.store.reader().get_database_backend(), sql, args)
    }
}

/// How [`Book`] opens its store.
pub fn open_at(url: &str, time: Time, clock: &Arc<TestClock>) -> Open {
    Open {
        url: url.to_owned(),
        pool: 4,
        work_pool: 4,
        virtual_at: match time {
            Time::Virtual(at) => Some(at),
            Time::Real => None,
        },
        machine_time: MachineTime::Given(clock.clone()),
        timeouts: Timeouts::default(),
        refusals: None,
        schema: Schema::MustBeCurrent,
        backups: std::env::temp_dir(),
    }
}

impl TestDatabase {
    /// A copy of a file with today's schema, which is made once a process.
    pub async fn migrated_sqlite() -> Self {
        static TEMPLATE: OnceCell<(PathBuf, tempfile::TempDir)> = OnceCell::const_new();
        let (template, _) = TEMPLATE
            .get_or_init(|| async {
                let folder = tempfile::tempdir().expect("a temporary folder can be made");
                let file = folder.path().join("template.db");
                let connection = Database::connect(format!("sqlite://{}?mode=rwc", file.display()))
                    .await
                    .expect("a fresh file opens");
                migration::Migrator::up(&connection, None).await.expect("migrates");
                connection.close().await.expect("closes");
                (file, folder)
            })
            .await;
        let database = Self::sqlite();
        if let Self::Sqlite { file, .. } = &database {
            std::fs::copy(template, file).expect("the template is copied");
        }
        database
    }

    /// A copy of a database with today's schema, which is made once a process.
    pub async fn migrated_postgres() -> Self {
        let prepare = |url: String| async move {
            let connection = Database::connect(url).await.expect("a fresh database opens");
            migration::Migrator::up(&connection, None).await.expect("migrates");
            connection.close().await.expect("closes");
        };
        Self::Postgres(Cluster::shared().database_like("book", prepare).await)
    }
}

/// The whole application on a database of its own, with its settings and files in a temporary folder. Its
/// machine time is real; leases are judged by setting `leased_until`.
pub struct House {
    pub app: App,
    pub folder: tempfile::TempDir,
    pub database: TestDatabase,
}

impl House {
    /// `overrides` are `key=value` as on the command line, such as `workers.lease_seconds=2`.
    pub async fn open(database: TestDatabase, overrides: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let settings = house_settings(folder.path(), &database.url(), overrides);
        let app = App::open_with(settings, Arc::new(SeededEntropy::new(1))).await.expect("the house opens");
        Self { app, folder, database }
    }

    /// Sends events by the front door, all of them good, and leaves the keeper's work undone.
    pub async fn send(&self, events: Vec<serde_json::Value>) {
        let source = source(&self.app, "api").await;
        let batch = Batch { source, received_at: None, historical: false, events };
        let receipt = ingest::accept(&self.app.book.store, batch).await.expect("taken in");
        assert_eq!(receipt.rejected, vec![], "every event of the test is good");
    }

    /// The rows of a query of texts and integers, as lines.
    pub async fn lines(&self, sql: &str) -> Vec<String> {
        let db = self.app.book.store.reader();
        let statement = Statement::from_string(db.get_database_backend(), sql);
        let rows = db.query_all_raw(statement).await.expect("read");
        rows.iter().map(super::retail::line).collect()
    }

    /// The same house as a second process on it would be.
    pub async fn beside(&self, overrides: &[&str]) -> App {
        let settings = house_settings(self.folder.path(), &self.database.url(), overrides);
        App::open_with(settings, Arc::new(SeededEntropy::new(2))).await.expect("the house opens twice")
    }
}

/// The defaults, with all files in `folder`, any free port, and `overrides`.
pub fn house_settings(folder: &Path, url: &str, overrides: &[&str]) -> Settings {
    let mut given = vec![
        format!("data_dir={}", folder.display()),
        format!("database.url={url}"),
        "http.listen=127.0.0.1:0".to_owned(),
        // A story of months is read from its mails at its end.
        "retention.mails_days=36500".to_owned(),
    ];
    given.extend(overrides.iter().map(|&setting| setting.to_owned()));
    Settings::load(&Sources { overrides: given, ..Sources::default() }).expect("the settings are valid")
}

/// The source of facts that a test's own senders use, made on first use.
pub async fn source_of_facts(app: &App) -> SourceId {
    source(app, "test").await
}

async fn source(app: &App, key: &'static str) -> SourceId {
    let shop = app.book.shop_key.clone();
    let made: Result<SourceId, StoreError> = app
        .book
        .store
        .write(Lane::People, move |tx| {
            Box::pin(async move {
                let sql = "SELECT id FROM shop WHERE key = $1";
                let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, [shop.into()]);
                let row = tx.query_one_raw(statement).await?.expect("opening a book makes its shop");
                let shop = ShopId(row.try_get_by_index(0)?);
                sources::ensure(tx, key, shop, sources::kind::API).await
            })
        })
        .await;
    made.expect("a source")
}

/// Writes one test a database from one body, which is handed a [`Book`]:
///
/// ```ignore
/// both_databases! { async fn a_row_is_there(book: Book) { … } }
/// ```
///
/// gives `a_row_is_there::on_sqlite` and `a_row_is_there::on_postgres`. The book is virtual at [`START`].
macro_rules! both_databases {
    ($($(#[$attribute:meta])* async fn $name:ident($book:ident: Book) $body:block)+) => {$(
        $(#[$attribute])*
        mod $name {
            #[allow(unused_imports, reason = "the body may need nothing from around it")]
            use super::*;

            async fn body($book: $crate::support::book::Book) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                body($crate::support::book::Book::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                body($crate::support::book::Book::postgres().await).await;
            }
        }
    )+};
}
#[allow(unused_imports, reason = "a commit may have no user of it")]
pub(crate) use both_databases;
