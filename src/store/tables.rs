//! All tables of a book as rows of integers and texts, from one database to another with the same schema.
//! Which tables and columns there are is read from the SQLite side; what they mean isn't known here.

use super::sql::Tx;
use super::{Db, StoreError};
use sea_orm::{ConnectionTrait, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A table and its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub name: String,
    pub columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub name: String,
    pub kind: Kind,
}

/// The only two there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Text,
}

/// Rows carried at once.
const PAGE: i64 = 2_000;

/// All tables of a SQLite book, each behind those it refers to. What migrations were applied isn't among them.
pub(super) async fn list(sqlite: &Db) -> Result<Vec<Table>, StoreError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
               AND name <> 'seaql_migrations' ORDER BY name";
    let (mut tables, mut refers) = (BTreeMap::new(), BTreeMap::new());
    for row in sqlite.all(sql, vec![]).await? {
        let name = row.text("name")?;
        let sql = format!("SELECT name, type FROM pragma_table_info('{name}') ORDER BY cid");
        let mut columns = Vec::new();
        for column in sqlite.all(&sql, vec![]).await? {
            let kind = match column.text("type")?.to_ascii_uppercase().as_str() {
                "INTEGER" | "BIGINT" => Kind::Integer,
                "TEXT" => Kind::Text,
                other => {
                    let detail =
                        format!("{name}.{} is {other}, neither BIGINT nor TEXT", column.text("name")?);
                    return Err(StoreError::WrongBook(detail));
                }
            };
            columns.push(Column { name: column.text("name")?, kind });
        }
        let sql = format!("SELECT DISTINCT \"table\" AS name FROM pragma_foreign_key_list('{name}')");
        let mut others = BTreeSet::new();
        for other in sqlite.all(&sql, vec![]).await? {
            others.insert(other.text("name")?);
        }
        others.remove(&name);
        refers.insert(name.clone(), others);
        tables.insert(name.clone(), Table { name, columns });
    }
    Ok(in_order(tables, refers))
}

/// Those come first that refer to nothing that hasn't come yet.
fn in_order(mut tables: BTreeMap<String, Table>, refers: BTreeMap<String, BTreeSet<String>>) -> Vec<Table> {
    let mut ordered = Vec::with_capacity(tables.len());
    while !tables.is_empty() {
        let free = |name: &String| refers[name].iter().all(|other| !tables.contains_key(other));
        // A circle would have no first; the schema has none, and one would fail on its foreign key.
        let next = tables.keys().find(|name| free(name)).or_else(|| tables.keys().next()).cloned();
        let next = next.expect("it isn't empty");
        ordered.extend(tables.remove(&next));
    }
    ordered
}

/// Takes away what a schema is born with: all of it comes with the copy.
pub(super) async fn clear(to: &Tx, tables: &[Table]) -> Result<(), StoreError> {
    for table in tables.iter().rev() {
        to.exec(&format!("DELETE FROM \"{}\"", table.name), vec![]).await?;
    }
    Ok(())
}

/// Copies every row of `table`; gives how many there were.
pub(super) async fn copy(from: &Db, to: &Tx, table: &Table) -> Result<u64, StoreError> {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let mut pages = Pages::open(from, table).await?;
    let mut copied = 0;
    loop {
        let rows = pages.next(table).await?;
        if rows.is_empty() {
            pages.close(table).await?;
            return Ok(copied);
        }
        copied += to.insert_many(&table.name, &names, rows, "").await?;
    }
}

/// One name a table: the driver remembers what a statement's columns are by its text.
fn cursor(table: &Table) -> String {
    format!("pages of {}", table.name)
}

/// A table read page by page, in the state it had when the transaction around it began.
struct Pages<'d> {
    db: &'d Db,
    list: String,
    behind: i64,
}

impl<'d> Pages<'d> {
    async fn open(db: &'d Db, table: &Table) -> Result<Self, StoreError> {
        let names: Vec<String> = table.columns.iter().map(|c| format!("\"{}\"", c.name)).collect();
        let list = names.join(", ");
        if db.is_postgres() {
            let sql = format!(
                "DECLARE \"{}\" NO SCROLL CURSOR FOR SELECT {list} FROM \"{}\"",
                cursor(table),
                table.name
            );
            db.execute_unprepared(&sql).await?;
        }
        Ok(Self { db, list, behind: i64::MIN })
    }

    async fn next(&mut self, table: &Table) -> Result<Vec<Vec<Value>>, StoreError> {
        let rows = if self.db.is_postgres() {
            self.db.all(&format!("FETCH {PAGE} FROM \"{}\"", cursor(table)), vec![]).await?
        } else {
            let sql = format!(
                "SELECT {}, rowid AS page_row FROM \"{}\" WHERE rowid > $1 ORDER BY rowid LIMIT {PAGE}",
                self.list, table.name
            );
            let rows = self.db.all(&sql, vec![Value::BigInt(Some(self.behind))]).await?;
            if let Some(last) = rows.last() {
                self.behind = last.int("page_row")?;
            }
            rows
        };
        let value = |row: &super::sql::Row, column: &Column| match column.kind {
            Kind::Integer => row.opt_int(&column.name).map(Value::BigInt),
            Kind::Text => row.opt_text(&column.name).map(Value::String),
        };
        rows.iter().map(|row| table.columns.iter().map(|column| value(row, column)).collect()).collect()
    }

    async fn close(self, table: &Table) -> Result<(), StoreError> {
        if self.db.is_postgres() {
            self.db.execute_unprepared(&format!("CLOSE \"{}\"", cursor(table))).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_comes_behind_those_it_refers_to() {
        let table = |name: &str| (name.to_owned(), Table { name: name.to_owned(), columns: vec![] });
        let refers = |name: &str, others: &[&str]| {
            (name.to_owned(), others.iter().map(|&other| other.to_owned()).collect())
        };
        let tables = ["a", "b", "c"].map(table).into();
        let refers = [refers("a", &["c"]), refers("b", &[]), refers("c", &["b"])].into();
        let order: Vec<String> = in_order(tables, refers).into_iter().map(|t| t.name).collect();
        assert_eq!(order, ["b", "c", "a"]);
    }
}
