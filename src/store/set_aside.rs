//! What couldn't be worked on and waits for a person: customers, triggers. Who set it aside wrote why.

use super::sql::args;
use super::{Db, StoreError, Tx};

/// Something that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SetAside {
    /// customer | trigger
    pub what: &'static str,
    /// `cus_42`, or the trigger's event or tag and its customer.
    pub which: String,
    pub why: String,
}

/// How many there are.
pub async fn count(db: &Db) -> Result<i64, StoreError> {
    let sql = "SELECT (SELECT COUNT(*) FROM customer_due WHERE failed IS NOT NULL) \
               + (SELECT COUNT(*) FROM trigger_queue WHERE failed IS NOT NULL) AS n";
    Ok(db.number(sql, vec![]).await?.unwrap_or(0))
}

/// Some of each, by id.
pub async fn list(db: &Db, limit: i64) -> Result<Vec<SetAside>, StoreError> {
    let mut all = Vec::new();
    let sql =
        "SELECT customer_id, failed FROM customer_due WHERE failed IS NOT NULL ORDER BY customer_id LIMIT $1";
    for row in db.all(sql, args![limit]).await? {
        let which = domain::ids::CustomerId(row.int("customer_id")?).to_string();
        all.push(SetAside { what: "customer", which, why: row.text("failed")? });
    }
    let sql =
        "SELECT customer_id, key, failed FROM trigger_queue WHERE failed IS NOT NULL ORDER BY id LIMIT $1";
    for row in db.all(sql, args![limit]).await? {
        let customer = domain::ids::CustomerId(row.int("customer_id")?);
        let which = format!("{} of {customer}", row.text("key")?);
        all.push(SetAside { what: "trigger", which, why: row.text("failed")? });
    }
    Ok(all)
}

/// Lets the workers try all of them again; gives how many there were.
pub async fn try_again(tx: &Tx) -> Result<u64, StoreError> {
    let mut tried = 0;
    for table in ["customer_due", "trigger_queue"] {
        let sql = format!("UPDATE {table} SET failed = NULL WHERE failed IS NOT NULL");
        tried += tx.exec(&sql, vec![]).await?;
    }
    Ok(tried)
}
