//! What the tests stand on: databases to throw away, a mail server with a script. No assertion about the
//! product lives here.
#![allow(dead_code, reason = "a test takes what it needs; not every one of these has a user at every commit")]

pub mod book;
pub mod care;
pub mod command;
pub mod daemon;
pub mod door;
pub mod invariants;
pub mod postgres;
pub mod retail;
pub mod sink;
pub mod toy;
pub mod uci;

use std::path::PathBuf;

/// An empty database of either kind, gone when this value is dropped.
pub enum TestDatabase {
    Sqlite { file: PathBuf, _folder: tempfile::TempDir },
    Postgres(postgres::Database),
}

impl TestDatabase {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self::Sqlite { file: folder.path().join("kinkeeper.db"), _folder: folder }
    }

    pub fn postgres() -> Self {
        Self::Postgres(postgres::database())
    }

    /// A new one of the same kind.
    pub fn another(&self) -> Self {
        match self {
            Self::Sqlite { .. } => Self::sqlite(),
            Self::Postgres(_) => Self::postgres(),
        }
    }

    /// As `database.url` in the settings.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite { file, .. } => format!("sqlite://{}", file.display()),
            Self::Postgres(database) => database.url(),
        }
    }
}

/// A number from the environment, or this one: what widens or repeats a run.
pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name} is \"{text}\", which is no number"))
    })
}

/// Writes one test a database kind from one body:
///
/// ```ignore
/// on_both_databases!(async fn an_order_counts_once(database) { … database.url() … });
/// ```
///
/// gives `an_order_counts_once::on_sqlite` and `an_order_counts_once::on_postgres`.
macro_rules! on_both_databases {
    ($(async fn $name:ident($database:ident) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports, reason = "the body may need nothing from around it")]
            use super::*;

            async fn body($database: $crate::support::TestDatabase) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                body($crate::support::TestDatabase::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                body($crate::support::TestDatabase::postgres()).await;
            }
        }
    )+};
}
#[allow(unused_imports, reason = "as above")]
pub(crate) use on_both_databases;
