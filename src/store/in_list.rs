//! Set-based statements over a list of values, and fresh ids for whole batches. No table is named here but
//! the databases' own catalogues.

use super::bulk::{array_kind, is_null};
use super::sql::{Row, args, places};
use super::{Db, StoreError, Tx};
use sea_orm::Value;
use sea_orm::sea_query::ArrayType;

/// Values bound at a time. SQLite looks each named parameter up among all before it: short lists cost less.
const MOST: usize = 500;
/// Where they are bound as one.
const MOST_IN_ONE: usize = 10_000;

/// The statements of `sql` whose `{in}` stands for `values`, after the parameters in `fixed`.
///
/// A list of hundreds of parameters is planned anew for each of its lengths, and by PostgreSQL as so many comparisons a row; one array
/// (SQLite: one JSON list of whole numbers) is one statement whatever its length, which looks each value up in the index.
fn statements(db: &Db, sql: &str, fixed: &[Value], values: Vec<Value>) -> Vec<(String, Vec<Value>)> {
    let in_one = db.is_postgres() || values.iter().all(|value| matches!(value, Value::BigInt(Some(_))));
    let most = if in_one { MOST_IN_ONE } else { MOST };
    let mut out = Vec::with_capacity(values.len().div_ceil(most));
    let mut values = values.into_iter().peekable();
    while values.peek().is_some() {
        let chunk: Vec<Value> = values.by_ref().take(most).collect();
        let (place, fixed) = (fixed.len() + 1, fixed.iter().cloned());
        debug_assert!(sql.contains("IN ({in})"), "{sql}");
        out.push(match (array(db.is_postgres(), &chunk), in_one && !db.is_postgres()) {
            (Some(array), _) => {
                (sql.replace("IN ({in})", &format!("= ANY(${place})")), fixed.chain([array]).collect())
            }
            (None, true) => {
                let list = Value::String(Some(format!("[{}]", joined(&chunk))));
                let numbers = format!("SELECT value FROM json_each(${place})");
                (sql.replace("{in}", &numbers), fixed.chain([list]).collect())
            }
            (None, false) => (sql.replace("{in}", &places(place, chunk.len())), fixed.chain(chunk).collect()),
        });
    }
    out
}

/// As the elements of a JSON list.
fn joined(values: &[Value]) -> String {
    let mut list = String::new();
    for value in values {
        if !list.is_empty() {
            list.push(',');
        }
        match value {
            Value::BigInt(Some(n)) => list.push_str(&n.to_string()),
            Value::String(Some(text)) => list.push_str(&serde_json::Value::from(text.as_str()).to_string()),
            _ => list.push_str("null"),
        }
    }
    list
}

/// The SELECT of rows that are bound as one parameter a column (SQLite: one for all), from the place `$first` on, to be put into a
/// WITH. Each row's values are whole numbers or texts, the same kinds in all rows.
pub(super) fn as_table(db: &Db, first: usize, rows: &[Vec<Value>]) -> (String, Vec<Value>) {
    let width = rows.first().map_or(0, Vec::len);
    if db.is_postgres() {
        let column = |n: usize| rows.iter().map(|row| row[n].clone()).collect::<Vec<_>>();
        let kind = |n: usize| rows.first().and_then(|row| array_kind(&row[n])).unwrap_or(ArrayType::BigInt);
        let cast = |n: usize| if kind(n) == ArrayType::BigInt { "bigint" } else { "text" };
        let unnested: Vec<String> = (0..width).map(|n| format!("${}::{}[]", first + n, cast(n))).collect();
        let args = (0..width).map(|n| Value::Array(kind(n), Some(Box::new(column(n))))).collect();
        return (format!("SELECT * FROM UNNEST({})", unnested.join(", ")), args);
    }
    let list: Vec<String> = rows.iter().map(|row| format!("[{}]", joined(row))).collect();
    let columns: Vec<String> = (0..width).map(|n| format!("value ->> {n}")).collect();
    let args = vec![Value::String(Some(format!("[{}]", list.join(","))))];
    (format!("SELECT {} FROM json_each(${first})", columns.join(", ")), args)
}

/// As one value, where they are all of a kind that there are arrays of.
fn array(wanted: bool, values: &[Value]) -> Option<Value> {
    let kind = values.first().and_then(array_kind).filter(|_| wanted)?;
    let alike = |value: &Value| array_kind(value) == Some(kind.clone()) && !is_null(value);
    values.iter().all(alike).then(|| Value::Array(kind, Some(Box::new(values.to_vec()))))
}

/// Reads with `… IN ({in})`. An empty list asks nothing.
pub(super) async fn all_in(
    db: &Db,
    sql: &str,
    fixed: Vec<Value>,
    values: Vec<Value>,
) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    for (sql, args) in statements(db, sql, &fixed, values) {
        rows.extend(db.all(&sql, args).await?);
    }
    Ok(rows)
}

/// One row at most for each value, by a unique index that ends with `column`: `columns` of `table` where `conditions` hold,
/// which are about the index's other columns, and `column` is the value.
///
/// PostgreSQL is made to look each value up in the whole index. Left to itself it reads everything under the other columns where it
/// has no statistics yet, as in the first minute of a first import.
pub(super) async fn one_each(
    db: &Db,
    (columns, table): (&str, &str),
    conditions: &str,
    column: &str,
    fixed: Vec<Value>,
    values: Vec<Value>,
) -> Result<Vec<Row>, StoreError> {
    match array(db.is_postgres(), &values) {
        Some(array) => {
            let place = fixed.len() + 1;
            let sql = format!(
                "SELECT found.* FROM UNNEST(${place}::text[]) AS asked (v) CROSS JOIN LATERAL (SELECT {columns} FROM {table} \
                 WHERE {conditions} AND {column} = asked.v LIMIT 1) AS found"
            );
            db.all(&sql, fixed.into_iter().chain([array]).collect()).await
        }
        None => {
            let sql = format!("SELECT {columns} FROM {table} WHERE {conditions} AND {column} IN ({{in}})");
            all_in(db, &sql, fixed, values).await
        }
    }
}

/// Changes with `… IN ({in})`; gives the number of rows changed.
pub(super) async fn exec_in(
    tx: &Tx,
    sql: &str,
    fixed: Vec<Value>,
    values: Vec<Value>,
) -> Result<u64, StoreError> {
    let mut changed = 0;
    for (sql, args) in statements(tx, sql, &fixed, values) {
        changed += tx.exec(&sql, args).await?;
    }
    Ok(changed)
}

/// `n` unused ids for rows of `table`, ascending. They are known before the rows are written, so a batch
/// needn't match returned rows with the ones it sent.
pub(super) async fn fresh_ids(tx: &Tx, table: &'static str, n: usize) -> Result<Vec<i64>, StoreError> {
    let n = n as i64;
    if n == 0 {
        return Ok(Vec::new());
    }
    if tx.is_postgres() {
        // The sequence is looked up once, not for each id.
        let sql = format!(
            "WITH s AS MATERIALIZED (SELECT CAST(pg_get_serial_sequence('{table}', 'id') AS regclass) AS q) \
             SELECT nextval(s.q) AS id FROM s, generate_series(1, $1)"
        );
        let rows = tx.all(&sql, args![n]).await?;
        let mut ids = rows.iter().map(|row| row.int("id")).collect::<Result<Vec<_>, _>>()?;
        ids.sort_unstable();
        Ok(ids)
    } else {
        // The single writer is in its transaction; inserting the rows moves the sequence on.
        let last = tx.number("SELECT seq FROM sqlite_sequence WHERE name = $1", args![table]).await?;
        let first = last.unwrap_or(0) + 1;
        Ok((first..first + n).collect())
    }
}
