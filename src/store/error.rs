//! What can go wrong between the daemon and its database.

use sea_orm::sqlx::error::{DatabaseError, ErrorKind};
use sea_orm::sqlx::postgres::PgDatabaseError;
use sea_orm::sqlx::sqlite::SqliteError;
use sea_orm::{DbErr, RuntimeErr};
use std::time::Duration;

/// Errors of the store. "Not found" is not among them: it is `Ok(None)`.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't take it now; trying again later is right.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Another transaction was in the way: the database ended this one of two that waited for each other, or others
    /// changed meanwhile what it goes by. The same work again at once may pass.
    #[error("somebody else was in the way: {0}")]
    Outrun(String),
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
    /// A rule that is too large for one statement.
    #[error(
        "with the segments on demand that it asks for, and those that they ask for, the rule is too large to ask the whole book; \
         say `keep: live` in some of them"
    )]
    TooMuch,
    /// A rule about a property that no index is kept of.
    #[error("what {event} says at {path} isn't indexed yet: the whole book can't be asked about it")]
    NotIndexed { event: String, path: String },
    /// A question that was given up.
    #[error(
        "the whole book couldn't be asked within {0:?}; ask less at once, or keep parts of the rule as live segments"
    )]
    TookTooLong(Duration),
    #[error("database error: {0}")]
    Db(#[source] DbErr),
}

impl StoreError {
    /// Whether the same work may simply be tried again later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Outrun(_) | Self::RowsAffected { .. })
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        use sea_orm::sqlx::Error as Sqlx;
        let detail = error.to_string();
        let sqlx = match &error {
            DbErr::ConnectionAcquire(_) => return Self::Unavailable(detail),
            DbErr::Conn(RuntimeErr::SqlxError(e))
            | DbErr::Exec(RuntimeErr::SqlxError(e))
            | DbErr::Query(RuntimeErr::SqlxError(e)) => &**e,
            _ => return Self::Db(error),
        };
        match sqlx {
            Sqlx::Io(_) | Sqlx::PoolTimedOut | Sqlx::PoolClosed | Sqlx::WorkerCrashed | Sqlx::BeginFailed => {
                Self::Unavailable(detail)
            }
            Sqlx::Database(refusal) => match refusal.kind() {
                ErrorKind::UniqueViolation | ErrorKind::ForeignKeyViolation | ErrorKind::CheckViolation => {
                    Self::Conflict { constraint: constraint(&**refusal) }
                }
                _ if is_outrun(&**refusal) => Self::Outrun(detail),
                _ if is_passing(&**refusal) => Self::Unavailable(detail),
                _ => Self::Db(error),
            },
            _ => Self::Db(error),
        }
    }
}

/// What refused the row, in the same words on both databases where they know it: `event_key(source_id,
/// message_id)`. A foreign key on SQLite has no name.
fn constraint(refusal: &dyn DatabaseError) -> String {
    if refusal.try_downcast_ref::<SqliteError>().is_some() {
        let Some(columns) = refusal.message().rsplit_once("UNIQUE constraint failed: ").map(|(_, list)| list)
        else {
            return refusal.message().to_owned();
        };
        let table = columns.split('.').next().unwrap_or_default();
        let columns: Vec<_> =
            columns.split(", ").map(|column| column.rsplit('.').next().unwrap_or_default()).collect();
        return format!("{table}({})", columns.join(", "));
    }
    let name = refusal.constraint().unwrap_or_else(|| refusal.message());
    // "Key (source_id, message_id)=(…) already exists.": the columns are wanted, their values stay here.
    let columns = refusal
        .try_downcast_ref::<PgDatabaseError>()
        .filter(|_| refusal.kind() == ErrorKind::UniqueViolation)
        .and_then(|e| e.detail()?.strip_prefix("Key (")?.split_once(")=(").map(|(columns, _)| columns));
    match (refusal.table(), columns) {
        (Some(table), Some(columns)) => format!("{table}({columns})"),
        _ => name.to_owned(),
    }
}

/// Whether PostgreSQL ended this transaction in favour of another: serialisation, deadlock.
fn is_outrun(refusal: &dyn DatabaseError) -> bool {
    refusal.try_downcast_ref::<PgDatabaseError>().is_some()
        && matches!(refusal.code().as_deref(), Some("40001" | "40P01"))
}

/// Whether the same statement may go through a moment later.
fn is_passing(refusal: &dyn DatabaseError) -> bool {
    let code = refusal.code().unwrap_or_default();
    if refusal.try_downcast_ref::<SqliteError>().is_some() {
        // The low byte is the kind: SQLITE_BUSY, SQLITE_LOCKED, SQLITE_FULL, whatever the extended code adds.
        return code.parse::<i32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 13));
    }
    // PostgreSQL: connection trouble, no resources, shutting down; lock or statement time-out, a transaction left
    // idle too long.
    ["08", "53", "57P"].iter().any(|class| code.starts_with(class))
        || matches!(&*code, "55P03" | "57014" | "25P03")
}
