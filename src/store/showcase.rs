//! Customers worth showing, found by what stands of them and by the ledger of their tags. For people to look at;
//! nothing decides by these. What a case is, its service says.

use super::sql::{Row, args, json};
use super::{Db, StoreError};
use domain::ids::CustomerId;
use domain::time::Instant;
use sea_orm::Value;

/// Those a case fits: how many, and the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub customers: i64,
    pub first: CustomerId,
}

/// A lift that was taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Reversal {
    pub customers: i64,
    pub customer: CustomerId,
    pub up: Entry,
    pub down: Entry,
    /// The order that lifted: its own key and total in minor units.
    pub order: Option<(String, i64)>,
    /// What was given back at the instant the lift ended, in minor units.
    pub returned: Option<i64>,
}

/// An entry of the ledger of tags.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub from: Option<String>,
    pub to: Option<String>,
    pub since: Instant,
    pub evidence: serde_json::Value,
}

/// The greatest lift of `key` whose next entry, by a refund of that very instant, goes back to where it came from or
/// below, and that isn't held. `levels`: lowest first. Reads the whole ledger.
pub async fn reversal(db: &Db, key: &str, levels: &[&str]) -> Result<Option<Reversal>, StoreError> {
    let rank = |column: &str| rank(column, 2, levels.len());
    let sql = format!(
        "SELECT COUNT(*) OVER () AS customers, up.customer_id, up.id AS up_id, down.id AS down_id, \
         up.from_value AS up_from, up.to_value AS up_to, up.since AS up_since, \
         up.evidence AS up_evidence, down.from_value AS down_from, down.to_value AS down_to, \
         down.since AS down_since, down.evidence AS down_evidence, \
         (SELECT MIN(o.order_key) FROM orders o WHERE o.customer_id = up.customer_id AND o.paid_at = up.since) AS order_key, \
         (SELECT CAST(SUM(o.total_minor) AS BIGINT) FROM orders o \
          WHERE o.customer_id = up.customer_id AND o.paid_at = up.since) AS total, \
         (SELECT CAST(SUM(r.amount_minor) AS BIGINT) FROM refund r \
          WHERE r.customer_id = up.customer_id AND r.occurred_at = down.since) AS returned \
         FROM tag_history up JOIN tag_history down ON down.id = (SELECT MIN(n.id) FROM tag_history n \
           WHERE n.customer_id = up.customer_id AND n.key = up.key AND n.id > up.id) \
         WHERE up.key = $1 AND up.cause = 'event' AND down.cause = 'event' AND down.evidence NOT LIKE '%held_until%' \
         AND {up_to} > {up_from} AND {down_to} <= {up_from} \
         AND EXISTS (SELECT 1 FROM refund r WHERE r.customer_id = up.customer_id AND r.occurred_at = down.since) \
         ORDER BY {up_to} - {up_from} DESC, down.since DESC, up.customer_id LIMIT 1",
        up_to = rank("up.to_value"),
        up_from = rank("up.from_value"),
        down_to = rank("down.to_value"),
    );
    let mut values = args![key];
    values.extend(levels.iter().map(|level| Value::from(*level)));
    let row = db.one(&sql, values).await?;
    row.map(|row| {
        let order = row.opt_text("order_key")?.zip(row.opt_int("total")?);
        Ok(Reversal {
            customers: row.int("customers")?,
            customer: CustomerId(row.int("customer_id")?),
            up: entry(&row, "up")?,
            down: entry(&row, "down")?,
            order,
            returned: row.opt_int("returned")?,
        })
    })
    .transpose()
}

fn entry(row: &Row, side: &str) -> Result<Entry, StoreError> {
    let id = row.int(&format!("{side}_id"))?;
    Ok(Entry {
        from: row.opt_text(&format!("{side}_from"))?,
        to: row.opt_text(&format!("{side}_to"))?,
        since: row.at(&format!("{side}_since"))?,
        evidence: json("tag_history", "evidence", id, &row.text(&format!("{side}_evidence"))?)?,
    })
}

/// Which place a column's value has among the parameters from `first` on; none is below all of them.
fn rank(column: &str, first: usize, levels: usize) -> String {
    let whens: Vec<String> = (0..levels).map(|i| format!("WHEN ${} THEN {i}", first + i)).collect();
    format!("(CASE {column} {} ELSE -1 END)", whens.join(" "))
}

/// Who has a level of `key` only because it is held; the highest level first, and of it who has it longest yet.
pub async fn held(db: &Db, key: &str, levels: &[&str]) -> Result<Option<Found>, StoreError> {
    let sql = format!(
        "SELECT COUNT(*) OVER () AS customers, customer_id FROM tag_current WHERE key = $1 \
         AND evidence LIKE '%held_until%' ORDER BY {} DESC, since, customer_id LIMIT 1",
        rank("value", 2, levels.len())
    );
    let mut values = args![key];
    values.extend(levels.iter().map(|level| Value::from(*level)));
    found(db, &sql, values).await
}

/// Who has this value of a tag by its condition; who spent most in 365 d first.
pub async fn having(db: &Db, key: &str, value: &str) -> Result<Option<Found>, StoreError> {
    let sql = "SELECT COUNT(*) OVER () AS customers, t.customer_id FROM tag_current t \
               JOIN profile p ON p.customer_id = t.customer_id WHERE t.key = $1 AND t.value = $2 \
               AND t.evidence NOT LIKE '%held_until%' ORDER BY p.spend_365_minor DESC, t.customer_id LIMIT 1";
    found(db, sql, args![key, value]).await
}

/// Whose tag took this value in `[from, until]`; who spent most in 365 d first.
pub async fn begun(
    db: &Db,
    (key, value): (&str, &str),
    from: Instant,
    until: Instant,
) -> Result<Option<Found>, StoreError> {
    let sql = "SELECT COUNT(*) OVER () AS customers, t.customer_id FROM tag_current t \
               JOIN profile p ON p.customer_id = t.customer_id WHERE t.key = $1 AND t.value = $2 \
               AND t.since >= $3 AND t.since <= $4 ORDER BY p.spend_365_minor DESC, t.customer_id LIMIT 1";
    found(db, sql, args![key, value, from, until]).await
}

/// Whose returns of 365 d are worth more than what they bought then; the lowest first.
pub async fn below_zero(db: &Db) -> Result<Option<Found>, StoreError> {
    let sql = "SELECT COUNT(*) OVER () AS customers, customer_id FROM profile WHERE spend_365_minor < 0 \
               ORDER BY spend_365_minor, customer_id LIMIT 1";
    found(db, sql, vec![]).await
}

async fn found(db: &Db, sql: &str, values: Vec<Value>) -> Result<Option<Found>, StoreError> {
    let row = db.one(sql, values).await?;
    row.map(|row| Ok(Found { customers: row.int("customers")?, first: CustomerId(row.int("customer_id")?) }))
        .transpose()
}
