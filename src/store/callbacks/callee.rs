//! Whom a callback is about: where they live, how often they were called today, how urgent they are, and what
//! an agent is shown of them.

use crate::store::segments::of_tags;
use crate::store::sql::{args, places, word};
use crate::store::{Db, StoreError, Tx};
use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::calendar::ShopZone;
use domain::callback::Marks;
use domain::ids::{CallbackId, CustomerId};
use domain::time::Instant;
use sea_orm::Value;
use std::collections::HashMap;

/// What decides when a customer may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callee {
    pub zone: Option<Tz>,
    pub shop_zone: ShopZone,
    /// Counted attempts of recent local days, one entry a callback.
    pub attempts: Vec<(CallbackId, NaiveDate, u32)>,
    /// Callbacks somebody is calling them about at this moment.
    pub calling: Vec<CallbackId>,
}

/// The callback of this customer that somebody, named as the access log names them, has in hand: leased to them, and
/// the lease not over.
pub async fn in_hand_of(
    db: &Db,
    actor: &str,
    customer: CustomerId,
    now: Instant,
) -> Result<Option<CallbackId>, StoreError> {
    let sql = format!("{} ORDER BY c.id LIMIT 1", in_hand("$1", "$2", "$3"));
    Ok(db.number(&sql, args![actor, now, customer]).await?.map(CallbackId))
}

/// The SQL of the callbacks about a customer that somebody has in hand then.
pub(in crate::store) fn in_hand(actor: &str, now: &str, customer: &str) -> String {
    format!(
        "SELECT c.id FROM callback c JOIN staff s ON s.id = c.staff_id WHERE s.key = {actor} \
         AND c.state IN ('assigned', 'in_progress') AND c.lease_until > {now} \
         AND c.customer_id = (SELECT COALESCE(merged_into, id) FROM customer WHERE id = {customer})"
    )
}

/// Those of these customers that exist. Attempts before `since`, a local date, are left out.
pub async fn callees(
    db: &Db,
    ids: &[CustomerId],
    since: NaiveDate,
) -> Result<HashMap<CustomerId, Callee>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT c.id AS id, c.zone AS zone, s.zone AS shop_zone, s.single_zone AS single_zone \
         FROM customer c JOIN shop s ON s.id = c.shop_id WHERE c.id IN ({})",
        places(1, ids.len())
    );
    let mut found = HashMap::new();
    for row in db.all(&sql, keys(ids)).await? {
        let id = row.int("id")?;
        let zone = |text: &str| text.parse::<Tz>().ok();
        let shop = word("shop", "zone", id, &row.text("shop_zone")?, zone)?;
        let own = row.opt_text("zone")?.map(|text| word("customer", "zone", id, &text, zone)).transpose()?;
        let shop_zone = if row.flag("single_zone")? { ShopZone::Single(shop) } else { ShopZone::Many(shop) };
        let callee = Callee { zone: own, shop_zone, attempts: vec![], calling: vec![] };
        found.insert(CustomerId(id), callee);
    }
    let sql = format!(
        "SELECT id, customer_id, state, attempt_day, attempt_day_count FROM callback \
         WHERE customer_id IN ({}) AND (state = 'in_progress' OR attempt_day >= $1)",
        places(2, ids.len())
    );
    let mut values = args![since.to_string()];
    values.extend(keys(ids));
    for row in db.all(&sql, values).await? {
        let id = row.int("id")?;
        let Some(callee) = found.get_mut(&CustomerId(row.int("customer_id")?)) else { continue };
        if row.text("state")? == "in_progress" {
            callee.calling.push(CallbackId(id));
        }
        if let Some(text) = row.opt_text("attempt_day")? {
            let on = word("callback", "attempt_day", id, &text, |t| t.parse().ok())?;
            let count = u32::try_from(row.int("attempt_day_count")?).unwrap_or(u32::MAX);
            callee.attempts.push((CallbackId(id), on, count));
        }
    }
    Ok(found)
}

/// Makes others who begin a call to the same customer wait until the transaction ends.
pub async fn lock_callee(tx: &Tx, id: CustomerId) -> Result<(), StoreError> {
    if tx.is_postgres() {
        tx.all("SELECT id FROM customer WHERE id = $1 FOR NO KEY UPDATE", args![id]).await?;
    }
    Ok(())
}

fn keys(ids: &[CustomerId]) -> Vec<Value> {
    ids.iter().map(|id| Value::BigInt(Some(id.0))).collect()
}

/// What moves a customer's callbacks forward, as their tags and open tickets say now.
pub async fn marks_of(db: &Db, id: CustomerId) -> Result<Marks, StoreError> {
    let tags = tags(db, id).await?;
    let has = |key: &str| tags.iter().any(|(k, value)| k == key && value == "true");
    let sql = "SELECT COUNT(*) AS complaints, \
               COALESCE(SUM(CASE WHEN UPPER(severity) IN ('S1', 'S2') THEN 1 ELSE 0 END), 0) AS severe \
               FROM ticket WHERE customer_id = $1 AND complaint = 1 AND state = 'open'";
    let row = db.one(sql, args![id]).await?;
    let counted = |column: &str| row.as_ref().map_or(Ok(0), |r| r.int(column));
    Ok(Marks {
        vip: has("vip"),
        severe: counted("severe")? > 0,
        complaint: has("complaint_open") || counted("complaints")? > 0,
        churn_risk: has("churn_risk"),
        chased: 0,
    })
}

/// Key and value of each tag, by key.
pub async fn tags(db: &Db, id: CustomerId) -> Result<Vec<(String, String)>, StoreError> {
    let sql = concat!(
        "SELECT key, value FROM tag_current WHERE customer_id = $1 AND ",
        of_tags!("key"),
        " ORDER BY key"
    );
    let rows = db.all(sql, args![id]).await?;
    rows.iter().map(|row| Ok((row.text("key")?, row.text("value")?))).collect()
}

/// Usable contact points, channel and value, the primary ones first.
pub async fn contacts(db: &Db, id: CustomerId) -> Result<Vec<(String, String)>, StoreError> {
    let sql = "SELECT channel, value FROM contact_point WHERE customer_id = $1 AND usable = 1 \
               ORDER BY is_primary DESC, id";
    let rows = db.all(sql, args![id]).await?;
    rows.iter().map(|row| Ok((row.text("channel")?, row.text("value")?))).collect()
}

/// The customer's name, where one is known.
pub async fn name_of(db: &Db, id: CustomerId) -> Result<Option<String>, StoreError> {
    let sql = "SELECT name FROM customer_personal WHERE customer_id = $1";
    db.one(sql, args![id]).await?.map_or(Ok(None), |row| row.opt_text("name"))
}
