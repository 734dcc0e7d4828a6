//! Who works on a PostgreSQL book: daemons share a lock that `rebuild` wants for itself. On SQLite a file
//! beside the book does this (`app`).

use super::sql::args;
use super::{Db, StoreError};
use sea_orm::sqlx::{Connection, PgConnection, query_scalar};
use std::time::Duration;

/// Whom one bears beside oneself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Other daemons.
    Shared,
    /// Nobody.
    Alone,
}

/// A lock that lasts as long as this, or until the server loses the connection.
#[derive(Debug)]
pub struct Held(PgConnection);

/// Longest wait for a server that should answer at once.
const PATIENCE: Duration = Duration::from_secs(5);

impl Held {
    /// Whether the session that holds the lock is still there.
    pub async fn is_held(&mut self) -> bool {
        matches!(tokio::time::timeout(PATIENCE, self.0.ping()).await, Ok(Ok(())))
    }
}

/// "kinkeeper", as a number of PostgreSQL's own locks; each database has its own.
const KEY: i64 = 0x006b_696e_6b65_6570;

/// Whether anybody holds the lock of this book on PostgreSQL; nobody is kept off by asking.
pub async fn is_held(db: &Db) -> Result<bool, StoreError> {
    let sql = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted \
               AND CAST(classid AS BIGINT) = $1 AND CAST(objid AS BIGINT) = $2 \
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    Ok(db.number(sql, args![KEY >> 32, KEY & 0xffff_ffff]).await?.unwrap_or(0) > 0)
}

/// Takes the lock of the book at this PostgreSQL address; `None` while somebody holds it otherwise.
pub async fn hold(url: &str, how: Hold) -> Result<Option<Held>, StoreError> {
    let lost = |error: sea_orm::sqlx::Error| StoreError::Unavailable(error.to_string());
    let late = |_| StoreError::Unavailable("the database doesn't answer".to_owned());
    let connected = tokio::time::timeout(PATIENCE, PgConnection::connect(url)).await.map_err(late)?;
    let mut session = connected.map_err(lost)?;
    let sql = match how {
        Hold::Shared => "SELECT pg_try_advisory_lock_shared($1)",
        Hold::Alone => "SELECT pg_try_advisory_lock($1)",
    };
    let asked = query_scalar(sql).bind(KEY).fetch_one(&mut session);
    let taken: bool = tokio::time::timeout(PATIENCE, asked).await.map_err(late)?.map_err(lost)?;
    Ok(taken.then_some(Held(session)))
}
