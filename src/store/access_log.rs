//! Who looked at whom: views, searches, reveals and exports by people. What was looked for isn't kept, as it may
//! be somebody's number.

use super::in_list::as_table;
use super::sql::{args, word};
use super::{Db, StoreError, Tx, callbacks};
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

/// Writes a look down, and whether it belongs to the actor's own work.
pub async fn add(tx: &Tx, look: Look) -> Result<(), StoreError> {
    add_all(tx, vec![look]).await
}

/// Writes looks down, each with whether it belongs to its actor's own work.
pub async fn add_all(tx: &Tx, looks: Vec<Look>) -> Result<(), StoreError> {
    let (mut at_one, mut at_none) = (Vec::new(), Vec::new());
    for Look { at, actor, act, customer, detail } in looks {
        let (act, detail) = (act.as_str(), detail.to_string());
        match customer {
            Some(customer) => at_one.push(args![at, actor, act, customer, detail]),
            None => at_none.push(args![at, actor, act, detail, false]),
        }
    }
    tx.insert_many("access_log", &["at", "actor", "act", "detail", "own_work"], at_none, "").await?;
    if at_one.is_empty() {
        return Ok(());
    }
    let (table, values) = as_table(tx, 1, &at_one);
    let own = callbacks::in_hand("look.actor", "look.at", "look.customer");
    let sql = format!(
        "INSERT INTO access_log (at, actor, act, customer_id, detail, own_work) \
         WITH look (at, actor, act, customer, detail) AS ({table}) \
         SELECT at, actor, act, customer, detail, CASE WHEN EXISTS ({own}) THEN 1 ELSE 0 END FROM look"
    );
    tx.exec(&sql, values).await.map(drop)
}

/// Lets nobody else count this actor's looks until the transaction ends. On SQLite the one writer is order enough.
pub async fn take_turns(tx: &Tx, actor: &str) -> Result<(), StoreError> {
    if tx.is_postgres() {
        tx.all("SELECT pg_advisory_xact_lock($1, hashtext($2))", vec![REVEALS.into(), actor.into()]).await?;
    }
    Ok(())
}

const REVEALS: i32 = 0x6b6b_7265;

/// When the latest but `nth` of an actor's reveals since then was made, if there are as many.
pub async fn nth_reveal(
    db: &Db,
    actor: &str,
    since: Instant,
    nth: i64,
) -> Result<Option<Instant>, StoreError> {
    let sql = "SELECT at FROM access_log WHERE actor = $1 AND at > $2 AND act = 'revealed' \
               ORDER BY at DESC, id DESC LIMIT 1 OFFSET $3";
    let row = db.one(sql, args![actor, since, nth]).await?;
    row.map(|row| row.at("at")).transpose()
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

/// How many different customers somebody has viewed since then, beside their own work.
pub async fn count_viewed(db: &Db, actor: &str, since: Instant) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(DISTINCT customer_id) FROM access_log \
               WHERE actor = $1 AND at > $2 AND act IN ('viewed', 'revealed') AND own_work = 0";
    Ok(db.number(sql, args![actor, since]).await?.unwrap_or(0))
}

/// Who has viewed more than `most` different customers since then, beside their own work, and how many; by name.
pub async fn many_viewed(db: &Db, since: Instant, most: i64) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT actor, COUNT(DISTINCT customer_id) AS n FROM access_log \
               WHERE at > $1 AND act IN ('viewed', 'revealed') AND own_work = 0 \
               GROUP BY actor HAVING COUNT(DISTINCT customer_id) > $2 ORDER BY actor";
    let rows = db.all(sql, args![since, most]).await?;
    rows.iter().map(|row| Ok((row.text("actor")?, row.int("n")?))).collect()
}
