//! Who looked at whom: views, searches, reveals and exports by people. What was looked for isn't kept, as it may
//! be somebody's number.

use super::sql::{args, word};
use super::{Db, StoreError, Tx};
use domain::access::Act;
use domain::ids::CustomerId;
use domain::time::Instant;
use serde_json::Value;

/// One look.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    pub at: Instant,
    /// As the audit log names them.
    pub actor: String,
    pub act: Act,
    /// `None`: no single one.
    pub customer: Option<CustomerId>,
    /// How many were found, why somebody was revealed; nothing about the customer.
    pub detail: Value,
}

pub async fn add(tx: &Tx, look: Look) -> Result<(), StoreError> {
    let Look { at, actor, act, customer, detail } = look;
    let columns = ["at", "actor", "act", "customer_id", "detail"];
    let row = args![at, actor, act.as_str(), customer, detail.to_string()];
    tx.insert_many("access_log", &columns, vec![row], "").await.map(drop)
}

/// Who looked at a customer, latest first, before the row `before` if one is given.
pub async fn list_about(
    db: &Db,
    customer: CustomerId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<(i64, Look)>, StoreError> {
    let sql = "SELECT id, at, actor, act, customer_id, detail FROM access_log \
               WHERE customer_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    let rows = db.all(sql, args![customer, before.unwrap_or(i64::MAX), limit]).await?;
    rows.iter()
        .map(|row| {
            let id = row.int("id")?;
            let look = Look {
                at: row.at("at")?,
                actor: row.text("actor")?,
                act: word("access_log", "act", id, &row.text("act")?, Act::parse)?,
                customer: row.opt_int("customer_id")?.map(CustomerId),
                detail: super::sql::json("access_log", "detail", id, &row.text("detail")?)?,
            };
            Ok((id, look))
        })
        .collect()
}

/// How many different customers somebody has viewed since then.
pub async fn count_viewed(db: &Db, actor: &str, since: Instant) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(DISTINCT customer_id) FROM access_log \
               WHERE actor = $1 AND at > $2 AND act IN ('viewed', 'revealed')";
    Ok(db.number(sql, args![actor, since]).await?.unwrap_or(0))
}
