//! Whom nobody has heard of for long: the last sign of each, and the list of those to be forgotten. How long is long is
//! the settings', and forgetting is `erasure`'s.

use super::in_list::{all_in, exec_in};
use super::sql::{Arg, Row, args};
use super::{Db, StoreError, Tx};
use domain::ids::CustomerId;
use domain::time::Instant;
use std::collections::HashMap;

/// Somebody on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub customer: CustomerId,
    pub listed_at: Instant,
    /// Forgotten from then on.
    pub due_at: Instant,
    pub veto: Option<Veto>,
}

/// That somebody is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Veto {
    pub at: Instant,
    pub by: String,
    pub reason: String,
}

/// Tables and when a row of them says that there was an order, a contact or a consent. What is open is now.
const SIGNS: [(&str, &str); 14] = [
    ("orders", "paid_at"),
    ("orders", "placed_at"),
    ("orders", "version_at"),
    ("refund", "occurred_at"),
    ("shipment", "version_at"),
    ("ticket", "CASE WHEN state = 'open' THEN 9223372036854775807 ELSE version_at END"),
    ("review", "version_at"),
    ("feedback", "version_at"),
    ("contact_made", "made_at"),
    ("touchpoint", "handed_at"),
    ("callback", "COALESCE(ended_at, 9223372036854775807)"),
    ("coupon", "CASE WHEN state IN ('reserved', 'issued') THEN expires_at ELSE NULL END"),
    ("note", "at"),
    ("consent", "occurred_at"),
];

/// When there last was an order, a contact or a consent of each of these; for who never had any, when they were added.
pub async fn last_signs(
    db: &Db,
    customers: &[CustomerId],
) -> Result<HashMap<CustomerId, Instant>, StoreError> {
    let keys = || customers.iter().map(|id| id.arg()).collect::<Vec<_>>();
    let mut last: HashMap<CustomerId, Instant> = HashMap::new();
    for (table, at) in SIGNS {
        let sql = format!(
            "SELECT customer_id, MAX({at}) AS at FROM {table} WHERE customer_id IN ({{in}}) GROUP BY customer_id"
        );
        for row in all_in(db, &sql, vec![], keys()).await? {
            let Some(at) = row.opt_at("at")? else { continue };
            let known = last.entry(CustomerId(row.int("customer_id")?)).or_insert(at);
            *known = (*known).max(at);
        }
    }
    let sql = "SELECT id, created_at FROM customer WHERE id IN ({in})";
    for row in all_in(db, sql, vec![], keys()).await? {
        let at = row.at("created_at")?;
        last.entry(CustomerId(row.int("id")?)).or_insert(at);
    }
    Ok(last)
}

/// The next customers behind `after` who are themselves, not erased, and not on the list.
pub async fn unlisted(db: &Db, after: i64, limit: i64) -> Result<Vec<CustomerId>, StoreError> {
    let sql = "SELECT c.id FROM customer c WHERE c.id > $1 AND c.erased_at IS NULL AND c.merged_into IS NULL \
               AND NOT EXISTS (SELECT 1 FROM retention_person r WHERE r.customer_id = c.id) ORDER BY c.id LIMIT $2";
    db.all(sql, args![after, limit]).await?.iter().map(|row| row.int("id").map(CustomerId)).collect()
}

pub async fn add(
    tx: &Tx,
    customers: &[CustomerId],
    listed_at: Instant,
    due_at: Instant,
) -> Result<u64, StoreError> {
    let rows = customers.iter().map(|customer| args![*customer, listed_at, due_at]).collect();
    let columns = ["customer_id", "listed_at", "due_at"];
    tx.insert_many("retention_person", &columns, rows, "ON CONFLICT (customer_id) DO NOTHING").await
}

pub async fn remove(tx: &Tx, customers: &[CustomerId]) -> Result<u64, StoreError> {
    let keys = customers.iter().map(|id| id.arg()).collect();
    exec_in(tx, "DELETE FROM retention_person WHERE customer_id IN ({in})", vec![], keys).await
}

const COLUMNS: &str = "customer_id, listed_at, due_at, vetoed_at, vetoed_by, veto_reason";

fn read(row: &Row) -> Result<Listed, StoreError> {
    let veto = match (row.opt_at("vetoed_at")?, row.opt_text("vetoed_by")?) {
        (Some(at), Some(by)) => {
            Some(Veto { at, by, reason: row.opt_text("veto_reason")?.unwrap_or_default() })
        }
        _ => None,
    };
    Ok(Listed {
        customer: CustomerId(row.int("customer_id")?),
        listed_at: row.at("listed_at")?,
        due_at: row.at("due_at")?,
        veto,
    })
}

/// Those behind `after`, by id.
pub async fn list(db: &Db, after: i64, limit: i64) -> Result<Vec<Listed>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM retention_person WHERE customer_id > $1 ORDER BY customer_id LIMIT $2"
    );
    db.all(&sql, args![after, limit]).await?.iter().map(read).collect()
}

/// Held until the transaction ends.
pub async fn lock(tx: &Tx, customer: CustomerId) -> Result<Option<Listed>, StoreError> {
    let lock = if tx.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!("SELECT {COLUMNS} FROM retention_person WHERE customer_id = $1{lock}");
    tx.one(&sql, args![customer]).await?.as_ref().map(read).transpose()
}

/// Who is due at `now`, the longest listed first.
pub async fn due(db: &Db, now: Instant, limit: i64) -> Result<Vec<CustomerId>, StoreError> {
    let sql = "SELECT customer_id FROM retention_person WHERE vetoed_at IS NULL AND due_at <= $1 \
               ORDER BY due_at, customer_id LIMIT $2";
    db.all(sql, args![now, limit]).await?.iter().map(|row| row.int("customer_id").map(CustomerId)).collect()
}

/// How many are to be forgotten, and when the first of them is.
pub async fn ahead(db: &Db) -> Result<Option<(i64, Instant)>, StoreError> {
    let sql = "SELECT COUNT(*) AS n, MIN(due_at) AS first FROM retention_person WHERE vetoed_at IS NULL";
    let Some(row) = db.one(sql, vec![]).await? else { return Ok(None) };
    let n = row.int("n")?;
    Ok(row.opt_at("first")?.map(|first| (n, first)))
}

pub async fn veto(tx: &Tx, customer: CustomerId, veto: &Veto) -> Result<(), StoreError> {
    let sql = "UPDATE retention_person SET vetoed_at = $1, vetoed_by = $2, veto_reason = $3 \
               WHERE customer_id = $4 AND vetoed_at IS NULL";
    tx.exec_one("a veto", sql, args![veto.at, &veto.by, &veto.reason, customer]).await
}

/// Those of these who are somebody else now, or erased.
pub async fn gone(db: &Db, customers: &[CustomerId]) -> Result<Vec<CustomerId>, StoreError> {
    let sql =
        "SELECT id FROM customer WHERE (merged_into IS NOT NULL OR erased_at IS NOT NULL) AND id IN ({in})";
    let rows = all_in(db, sql, vec![], customers.iter().map(|id| id.arg()).collect()).await?;
    rows.iter().map(|row| row.int("id").map(CustomerId)).collect()
}
