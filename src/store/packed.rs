//! Several short lists read by one statement, each row packed into a JSON array: what a page costs is the number of times it asks,
//! and what it shows is of one instant. No table is named here.

use super::sql::Row;
use super::{Db, StoreError};
use sea_orm::Value;
use std::sync::Arc;

/// One of the lists.
pub(super) struct List {
    /// Names, and the SQL of what they stand for: whole numbers and texts, at most a hundred.
    pub columns: Vec<(&'static str, String)>,
    /// From FROM on, with its order and its limit.
    pub from: String,
}

impl List {
    pub fn new(columns: &[(&'static str, &str)], from: impl Into<String>) -> Self {
        let columns = columns.iter().map(|(name, sql)| (*name, (*sql).to_owned())).collect();
        Self { columns, from: from.into() }
    }
}

/// The statement for some lists, in both dialects.
pub(super) struct Packed {
    names: Vec<Arc<[&'static str]>>,
    sqlite: String,
    postgres: String,
}

impl Packed {
    /// `with` stands before them all: empty, or a WITH.
    pub fn new(with: &str, lists: &[List]) -> Self {
        let statement = |array: &str| {
            let arm = |(n, list): (usize, &List)| {
                let values: Vec<&str> = list.columns.iter().map(|(_, sql)| sql.as_str()).collect();
                let line = format!("CAST({array}({}) AS TEXT)", values.join(", "));
                format!(
                    "SELECT * FROM (SELECT CAST({n} AS BIGINT) AS list, {line} AS line {}) AS list_{n}",
                    list.from
                )
            };
            let arms: Vec<String> = lists.iter().enumerate().map(arm).collect();
            format!("{with} {}", arms.join(" UNION ALL "))
        };
        Self {
            names: lists.iter().map(|list| list.columns.iter().map(|(name, _)| *name).collect()).collect(),
            sqlite: statement("json_array"),
            postgres: statement("json_build_array"),
        }
    }

    /// The rows of each list.
    pub async fn read(&self, db: &Db, args: Vec<Value>) -> Result<Vec<Vec<Row>>, StoreError> {
        let mut lists: Vec<Vec<Row>> = self.names.iter().map(|_| Vec::new()).collect();
        let sql = if db.is_postgres() { &self.postgres } else { &self.sqlite };
        for row in db.all(sql, args).await? {
            let (n, line) = (row.int("list")?, row.text("line")?);
            let values = super::sql::json("query", "line", n, &line)?;
            let place = usize::try_from(n).ok().filter(|place| *place < lists.len());
            let place = place.ok_or_else(|| StoreError::Corrupt {
                table: "query".to_owned(),
                column: "list".to_owned(),
                row: n.to_string(),
                detail: "none of the lists that were asked for".to_owned(),
            })?;
            lists[place].push(Row::packed(self.names[place].clone(), values));
        }
        Ok(lists)
    }
}

/// Columns, with blanks between them, under their own names.
pub(super) fn same(columns: &'static str) -> Vec<(&'static str, &'static str)> {
    columns.split(' ').map(|column| (column, column)).collect()
}
