//! Whose profile or tags changed: one row a transaction that writes any, so that a daemon which holds the book in memory reads again
//! what isn't as it was. Everything that writes `profile`, `tag_current` or `tag_ended` notes it here, in the same transaction.
//!
//! On PostgreSQL transactions commit in another order than they begin, so nobody walks a sequence as a cursor: a row says which
//! transaction wrote it, and whoever reads goes on from the oldest transaction that its snapshot saw running. Those it has seen of the
//! ones behind it it remembers. SQLite has one writer at a time, and the order of rows is the order of commits.

use super::sql::args;
use super::{Db, StoreError, Tx, meta};
use domain::ids::CustomerId;
use std::collections::BTreeSet;

/// Rows that stay, and after how many more the ones before them are deleted.
const KEPT: i64 = 4_096;
const EVERY: i64 = 256;

/// Up to where somebody has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// All turns before it are over and were seen.
    turn: i64,
    /// Rows of later turns that were seen as well.
    seen: BTreeSet<i64>,
}

/// Whose profile or tags changed since then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    Changed(BTreeSet<CustomerId>),
    /// Too many, or some of it was deleted meanwhile: nobody knows any more.
    Unknown,
}

impl Cursor {
    /// Where both have read to.
    pub fn earlier(self, other: Self) -> Self {
        match self.turn.cmp(&other.turn) {
            std::cmp::Ordering::Less => self,
            std::cmp::Ordering::Greater => other,
            std::cmp::Ordering::Equal => {
                Self { turn: self.turn, seen: self.seen.intersection(&other.seen).copied().collect() }
            }
        }
    }
}

/// Notes that what is kept of these customers changes with this transaction.
pub async fn note(tx: &Tx, customers: impl IntoIterator<Item = CustomerId>) -> Result<(), StoreError> {
    let ids: Vec<String> = customers.into_iter().map(|id| id.0.to_string()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let turn = if tx.is_postgres() {
        "CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT)"
    } else {
        "COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'profile_change'), 0) + 1"
    };
    let sql = format!("INSERT INTO profile_change (turn, customers) VALUES ({turn}, $1) RETURNING id");
    let id = tx.number(&sql, args![ids.join(",")]).await?.unwrap_or_default();
    if id % EVERY == 0 { forget(tx, id - KEPT).await } else { Ok(()) }
}

/// Deletes what is old; how far is written down for whoever hasn't read it.
async fn forget(tx: &Tx, until: i64) -> Result<(), StoreError> {
    let sql = "SELECT MAX(turn) FROM profile_change WHERE id <= $1";
    let Some(turn) = tx.number(sql, args![until]).await? else { return Ok(()) };
    tx.exec("DELETE FROM profile_change WHERE id <= $1", args![until]).await?;
    meta::raise_changes_gone(tx, turn).await
}

/// Takes all of it away: what a copy of another database noted says nothing here.
pub(super) async fn clear(tx: &Tx) -> Result<(), StoreError> {
    tx.exec("DELETE FROM profile_change", vec![]).await?;
    meta::clear_changes_gone(tx).await
}

/// Where whoever reads within this transaction has read to.
pub async fn cursor(db: &Db) -> Result<Cursor, StoreError> {
    let turn = turn(db).await?;
    let rows = db.all("SELECT id FROM profile_change WHERE turn >= $1", args![turn]).await?;
    Ok(Cursor { turn, seen: rows.iter().map(|row| row.int("id")).collect::<Result<_, _>>()? })
}

/// All turns before it are over, and this transaction sees what they did.
async fn turn(db: &Db) -> Result<i64, StoreError> {
    let sql = if db.is_postgres() {
        "SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT)"
    } else {
        "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'profile_change'), 0) + 1"
    };
    Ok(db.number(sql, vec![]).await?.unwrap_or_default())
}

/// Whose changes this transaction sees and whoever read up to `from` didn't, and up to where that is. Of more than `most` customers
/// it isn't told whose they are.
pub async fn since(db: &Db, from: &Cursor, most: usize) -> Result<(Since, Cursor), StoreError> {
    let turn = turn(db).await?;
    if meta::changes_gone(db).await? >= from.turn {
        return Ok((Since::Unknown, cursor(db).await?));
    }
    let sql = "SELECT id, turn, customers FROM profile_change WHERE turn >= $1";
    let (mut changed, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for row in db.all(sql, args![from.turn]).await? {
        let id = row.int("id")?;
        if row.int("turn")? >= turn {
            seen.insert(id);
        }
        if from.seen.contains(&id) {
            continue;
        }
        for customer in row.text("customers")?.split(',') {
            let read = customer.parse().map(CustomerId).map_err(|e| StoreError::Corrupt {
                table: "profile_change".to_owned(),
                column: "customers".to_owned(),
                row: id.to_string(),
                detail: e.to_string(),
            });
            changed.insert(read?);
        }
        if changed.len() > most {
            return Ok((Since::Unknown, cursor(db).await?));
        }
    }
    Ok((Since::Changed(changed), Cursor { turn, seen }))
}
