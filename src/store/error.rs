//! What can go wrong between the daemon and its database.

use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// Errors of the store. "Not found" is not among them: it is `Ok(None)`.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't take it now; trying again later is right.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A unique key or check refused the row.
    #[error("the row conflicts with one that exists: {constraint}")]
    Conflict { constraint: String },
    /// A checked update touched another number of rows than it must: somebody else was faster.
    #[error("{what}: {actual} rows changed where {expected} had to")]
    RowsAffected { what: &'static str, expected: u64, actual: u64 },
    /// A row can't be read as what it must be.
    #[error("{table}.{column} of row {row} can't be read: {detail}")]
    Corrupt { table: String, column: String, row: String, detail: String },
    /// The book isn't what the command takes it for (real or virtual, schema).
    #[error("{0}")]
    WrongBook(String),
    /// A unit of work panicked; its changes are rolled back.
    #[error("a unit of work panicked: {0}")]
    Panicked(String),
    #[error("database error: {0}")]
    Db(#[source] DbErr),
}

impl StoreError {
    /// Whether the same work may simply be tried again later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::RowsAffected { .. })
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(
                SqlErr::UniqueConstraintViolation(constraint)
                | SqlErr::ForeignKeyConstraintViolation(constraint),
            ) => {
                return Self::Conflict { constraint };
            }
            _ => {}
        }
        if is_unavailable(&error) { Self::Unavailable(error.to_string()) } else { Self::Db(error) }
    }
}

fn is_unavailable(error: &DbErr) -> bool {
    use sea_orm::sqlx::Error as Sqlx;
    match error {
        DbErr::ConnectionAcquire(_) => true,
        DbErr::Conn(RuntimeErr::SqlxError(e))
        | DbErr::Exec(RuntimeErr::SqlxError(e))
        | DbErr::Query(RuntimeErr::SqlxError(e)) => match &**e {
            Sqlx::Io(_) | Sqlx::PoolTimedOut | Sqlx::PoolClosed | Sqlx::WorkerCrashed => true,
            // SQLITE_BUSY and its kin; PostgreSQL: connection trouble, shutting down, serialisation, deadlock, lock time-out.
            Sqlx::Database(d) => d.code().is_some_and(|code| {
                matches!(&*code, "5" | "6" | "261" | "517" | "40001" | "40P01" | "55P03" | "57014")
                    || code.starts_with("08")
                    || code.starts_with("57P")
            }),
            _ => false,
        },
        _ => false,
    }
}
