//! The small language every store file is written in: arguments, rows, bulk statements. `$1`-style
//! parameters work on both databases. No table is named here.

use super::StoreError;
use super::bulk::bulk;
use super::refusals::RefusalLog;
pub use super::row::Row;
use domain::time::{Instant, MachineInstant};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    Statement, Value,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A connection to read with: the pool, or the transaction one is in.
pub struct Db {
    conn: Conn,
    asked: AtomicU64,
}

enum Conn {
    Pool(DatabaseConnection),
    Tx(DatabaseTransaction),
}

/// A transaction to write in. Only [`super::Store::write`] makes one.
pub struct Tx {
    db: Db,
    refusals: Option<Arc<RefusalLog>>,
    /// How often this work was begun before and another was in its way.
    outrun: AtomicU32,
}

impl std::ops::Deref for Tx {
    type Target = Db;
    fn deref(&self) -> &Db {
        &self.db
    }
}

impl Tx {
    pub(super) fn new(tx: DatabaseTransaction, refusals: Option<Arc<RefusalLog>>) -> Self {
        Self { db: Db { conn: Conn::Tx(tx), asked: AtomicU64::new(0) }, refusals, outrun: AtomicU32::new(0) }
    }

    pub(super) fn note_outrun(&self, before: u32) {
        self.outrun.store(before, Ordering::Relaxed);
    }
    /// Whether another transaction was in the way of this work before.
    pub(super) fn was_outrun(&self) -> bool {
        self.outrun.load(Ordering::Relaxed) > 0
    }
    pub(super) fn into_inner(self) -> Option<DatabaseTransaction> {
        match self.db.conn {
            Conn::Tx(tx) => Some(tx),
            Conn::Pool(_) => None,
        }
    }

    /// Where refusals are put down before they are committed, if anywhere.
    pub(super) fn refusals(&self) -> Option<&RefusalLog> {
        self.refusals.as_deref()
    }

    /// Runs a statement and gives the number of rows it changed.
    pub(super) async fn exec(&self, sql: &str, args: Vec<Value>) -> Result<u64, StoreError> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, args);
        Ok(ConnectionTrait::execute_raw(&**self, statement).await?.rows_affected())
    }

    /// Runs a statement that must change exactly one row.
    pub(super) async fn exec_one(
        &self,
        what: &'static str,
        sql: &str,
        args: Vec<Value>,
    ) -> Result<(), StoreError> {
        match self.exec(sql, args).await? {
            1 => Ok(()),
            actual => Err(StoreError::RowsAffected { what, expected: 1, actual }),
        }
    }

    /// Inserts rows in as few statements as the bind limits allow. `tail` is what follows VALUES, such as
    /// `ON CONFLICT DO NOTHING`. Gives the number of rows written.
    pub(super) async fn insert_many(
        &self,
        table: &str,
        columns: &[&str],
        rows: Vec<Vec<Value>>,
        tail: &str,
    ) -> Result<u64, StoreError> {
        let mut written = 0;
        for (sql, args) in bulk(self.backend(), table, columns, rows, tail) {
            written += self.exec(&sql, args).await?;
        }
        Ok(written)
    }

    /// As [`Tx::insert_many`] with a RETURNING in `tail`: gives the returned rows.
    pub(super) async fn insert_returning(
        &self,
        table: &str,
        columns: &[&str],
        rows: Vec<Vec<Value>>,
        tail: &str,
    ) -> Result<Vec<Row>, StoreError> {
        let mut returned = Vec::new();
        for (sql, args) in bulk(self.backend(), table, columns, rows, tail) {
            returned.extend(self.all(&sql, args).await?);
        }
        Ok(returned)
    }
}

/// `$first, $first+1, …`: `n` of them.
pub(super) fn places(first: usize, n: usize) -> String {
    (first..first + n).map(|i| format!("${i}")).collect::<Vec<_>>().join(", ")
}

impl Db {
    pub(super) fn pool(conn: DatabaseConnection) -> Self {
        Self { conn: Conn::Pool(conn), asked: AtomicU64::new(0) }
    }

    /// To ask beside whatever is asked through this; `None` within a transaction.
    pub(super) fn connection(&self) -> Option<DatabaseConnection> {
        match &self.conn {
            Conn::Pool(pool) => Some(pool.clone()),
            Conn::Tx(_) => None,
        }
    }

    /// What is read within a transaction is of one instant.
    pub(super) fn within(tx: DatabaseTransaction) -> Self {
        Self { conn: Conn::Tx(tx), asked: AtomicU64::new(0) }
    }

    /// How many statements have passed here: what a page reads must not grow with what there is to read.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    fn conn(&self) -> &Conn {
        self.asked.fetch_add(1, Ordering::Relaxed);
        &self.conn
    }

    pub(super) fn backend(&self) -> DbBackend {
        self.get_database_backend()
    }

    pub(super) fn is_postgres(&self) -> bool {
        self.backend() == DbBackend::Postgres
    }

    pub(super) async fn all(&self, sql: &str, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, args);
        Ok(self.query_all_raw(statement).await?.into_iter().map(Row::asked).collect())
    }

    pub(super) async fn one(&self, sql: &str, args: Vec<Value>) -> Result<Option<Row>, StoreError> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, args);
        Ok(self.query_one_raw(statement).await?.map(Row::asked))
    }

    /// The single integer of the first row; `None` where there is no row or it is null.
    pub(super) async fn number(&self, sql: &str, args: Vec<Value>) -> Result<Option<i64>, StoreError> {
        match self.one(sql, args).await? {
            None => Ok(None),
            Some(row) => row.first_number(),
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Db {
    fn get_database_backend(&self) -> DbBackend {
        match &self.conn {
            Conn::Pool(c) => c.get_database_backend(),
            Conn::Tx(t) => t.get_database_backend(),
        }
    }
    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self.conn() {
            Conn::Pool(c) => c.execute_raw(statement).await,
            Conn::Tx(t) => t.execute_raw(statement).await,
        }
    }
    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match self.conn() {
            Conn::Pool(c) => c.execute_unprepared(sql).await,
            Conn::Tx(t) => t.execute_unprepared(sql).await,
        }
    }
    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self.conn() {
            Conn::Pool(c) => c.query_one_raw(statement).await,
            Conn::Tx(t) => t.query_one_raw(statement).await,
        }
    }
    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self.conn() {
            Conn::Pool(c) => c.query_all_raw(statement).await,
            Conn::Tx(t) => t.query_all_raw(statement).await,
        }
    }
}

/// A stored text that must be one of a closed set of words, such as a state.
pub(super) fn word<T>(
    table: &str,
    column: &str,
    row: impl ToString,
    text: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, StoreError> {
    read(text).ok_or_else(|| StoreError::Corrupt {
        table: table.to_owned(),
        column: column.to_owned(),
        row: row.to_string(),
        detail: format!("\"{text}\" is none of the known words"),
    })
}

/// A stored JSON document that must read as `T`.
pub(super) fn json<T: serde::de::DeserializeOwned>(
    table: &str,
    column: &str,
    row: impl ToString,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::Corrupt {
        table: table.to_owned(),
        column: column.to_owned(),
        row: row.to_string(),
        detail: e.to_string(),
    })
}

/// What can be bound to a parameter.
pub(super) trait Arg {
    fn arg(self) -> Value;
}
macro_rules! arg_of {
    ($($t:ty => |$v:ident| $e:expr;)*) => {$( impl Arg for $t { fn arg(self) -> Value { let $v = self; $e } } )*};
}
arg_of! {
    i64 => |v| Value::BigInt(Some(v));
    u32 => |v| Value::BigInt(Some(i64::from(v)));
    bool => |v| Value::BigInt(Some(i64::from(v)));
    &str => |v| Value::String(Some(v.to_owned()));
    String => |v| Value::String(Some(v));
    &String => |v| Value::String(Some(v.clone()));
    Instant => |v| Value::BigInt(Some(v.micros()));
    MachineInstant => |v| Value::BigInt(Some(v.micros()));
    Option<i64> => |v| Value::BigInt(v);
    Option<Instant> => |v| Value::BigInt(v.map(Instant::micros));
    Option<MachineInstant> => |v| Value::BigInt(v.map(MachineInstant::micros));
    Option<String> => |v| Value::String(v);
    Option<&str> => |v| Value::String(v.map(str::to_owned));
    Value => |v| v;
}
macro_rules! arg_of_id {
    ($($t:ident)*) => {$(
        impl Arg for domain::ids::$t { fn arg(self) -> Value { Value::BigInt(Some(self.0)) } }
        impl Arg for Option<domain::ids::$t> { fn arg(self) -> Value { Value::BigInt(self.map(|id| id.0)) } }
    )*};
}
arg_of_id! { CustomerId ShopId SourceId EventId CampaignId CampaignVersionId OccurrenceId EnrollmentId TouchpointId CouponBatchId CouponId StaffId CallbackId QuarantineId ImportId ConsentBatchId }

/// `args![a, b]`: the parameters of a statement.
macro_rules! args {
    ($($e:expr),* $(,)?) => { vec![$($crate::store::sql::Arg::arg($e)),*] };
}
pub(super) use args;
