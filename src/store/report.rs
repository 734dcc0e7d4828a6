//! Sums over the whole book for people to read: tags, touches by outcome, coupons against budgets, callbacks.
//! Nothing decides by these.

use super::segments::of_tags;
use super::sql::args;
use super::{Db, StoreError};
use domain::ids::{CallbackId, CustomerId};
use domain::time::Instant;

/// How many customers have a value of a tag now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagCount {
    pub key: String,
    pub value: String,
    pub customers: i64,
}

pub async fn tags(db: &Db) -> Result<Vec<TagCount>, StoreError> {
    let sql = concat!(
        "SELECT key, value, COUNT(*) AS n FROM tag_current WHERE ",
        of_tags!("key"),
        " GROUP BY key, value ORDER BY key, n DESC, value"
    );
    db.all(sql, vec![])
        .await?
        .iter()
        .map(|row| {
            Ok(TagCount { key: row.text("key")?, value: row.text("value")?, customers: row.int("n")? })
        })
        .collect()
}

/// How many entries of a tag the ledger has whose value truly began in `[from, until)`.
pub async fn tag_entries(
    db: &Db,
    key: &str,
    value: &str,
    from: Instant,
    until: Instant,
) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM tag_history WHERE key = $1 AND to_value = $2 AND since >= $3 AND since < $4 \
               AND historical = 0";
    Ok(db.number(sql, args![key, value, from, until]).await?.unwrap_or(0))
}

pub async fn customers(db: &Db) -> Result<i64, StoreError> {
    Ok(db.number("SELECT COUNT(*) FROM customer WHERE merged_into IS NULL", vec![]).await?.unwrap_or(0))
}

/// Touchpoints of one campaign step by where they ended or stand, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TouchCount {
    pub campaign: String,
    pub step: i64,
    pub state: String,
    pub reason: Option<String>,
    pub touches: i64,
}

pub async fn touches(db: &Db) -> Result<Vec<TouchCount>, StoreError> {
    let sql = "SELECT c.key AS campaign, t.step, t.state, t.reason, COUNT(*) AS n FROM touchpoint t \
               JOIN campaign c ON c.id = t.campaign_id GROUP BY c.key, t.step, t.state, t.reason \
               ORDER BY c.key, t.step, n DESC, t.state, t.reason";
    db.all(sql, vec![])
        .await?
        .iter()
        .map(|row| {
            Ok(TouchCount {
                campaign: row.text("campaign")?,
                step: row.int("step")?,
                state: row.text("state")?,
                reason: row.opt_text("reason")?,
                touches: row.int("n")?,
            })
        })
        .collect()
}

/// Enrollments of one campaign by state and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollmentCount {
    pub campaign: String,
    pub state: String,
    pub reason: Option<String>,
    pub enrollments: i64,
}

pub async fn enrollments(db: &Db) -> Result<Vec<EnrollmentCount>, StoreError> {
    let sql = "SELECT c.key AS campaign, e.state, e.reason, COUNT(*) AS n FROM enrollment e \
               JOIN campaign c ON c.id = e.campaign_id GROUP BY c.key, e.state, e.reason \
               ORDER BY c.key, n DESC, e.state, e.reason";
    db.all(sql, vec![])
        .await?
        .iter()
        .map(|row| {
            Ok(EnrollmentCount {
                campaign: row.text("campaign")?,
                state: row.text("state")?,
                reason: row.opt_text("reason")?,
                enrollments: row.int("n")?,
            })
        })
        .collect()
}

/// A coupon batch against its budget, in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchSums {
    pub key: String,
    pub currency: String,
    pub face_minor: i64,
    pub threshold_minor: i64,
    pub budget_minor: i64,
    pub outstanding_minor: i64,
    pub issued: i64,
    pub reserved: i64,
}

pub async fn batches(db: &Db) -> Result<Vec<BatchSums>, StoreError> {
    let sql = "SELECT b.key, b.currency, b.face_minor, b.threshold_minor, b.budget_minor, b.outstanding_minor, \
               (SELECT COUNT(*) FROM coupon c WHERE c.batch_id = b.id AND c.state = 'issued') AS issued, \
               (SELECT COUNT(*) FROM coupon c WHERE c.batch_id = b.id AND c.state = 'reserved') AS reserved \
               FROM coupon_batch b ORDER BY b.key";
    db.all(sql, vec![])
        .await?
        .iter()
        .map(|row| {
            Ok(BatchSums {
                key: row.text("key")?,
                currency: row.text("currency")?,
                face_minor: row.int("face_minor")?,
                threshold_minor: row.int("threshold_minor")?,
                budget_minor: row.int("budget_minor")?,
                outstanding_minor: row.int("outstanding_minor")?,
                issued: row.int("issued")?,
                reserved: row.int("reserved")?,
            })
        })
        .collect()
}

/// Callbacks of one kind by state, VIPs apart; `late` ended or stand past their due time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackCount {
    pub kind: String,
    pub state: String,
    pub vip: bool,
    pub callbacks: i64,
    pub late: i64,
}

pub async fn callbacks(db: &Db, now: Instant) -> Result<Vec<CallbackCount>, StoreError> {
    let sql = "SELECT kind, state, vip, COUNT(*) AS n, \
               SUM(CASE WHEN COALESCE(ended_at, $1) > due_at THEN 1 ELSE 0 END) AS late FROM callback \
               GROUP BY kind, state, vip ORDER BY kind, state, vip DESC";
    db.all(sql, args![now])
        .await?
        .iter()
        .map(|row| {
            Ok(CallbackCount {
                kind: row.text("kind")?,
                state: row.text("state")?,
                vip: row.flag("vip")?,
                callbacks: row.int("n")?,
                late: row.int("late")?,
            })
        })
        .collect()
}

/// One pull of a callback by an agent, from the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    pub at: Instant,
    pub actor: String,
    pub callback_id: CallbackId,
    pub customer_id: CustomerId,
    pub vip: bool,
    pub due_at: Instant,
    /// What the log keeps of the choice: band, rank and ring as they were.
    pub detail: String,
}

/// The first pulls in `[from, until)`, in the order they were made.
pub async fn pulls(db: &Db, from: Instant, until: Instant, limit: i64) -> Result<Vec<Pull>, StoreError> {
    let sql = "SELECT l.id, l.at, l.actor, l.callback_id, l.detail, c.customer_id, c.vip, c.due_at FROM callback_log l \
               JOIN callback c ON c.id = l.callback_id \
               WHERE l.from_state = 'ready' AND l.to_state = 'assigned' AND l.at >= $1 AND l.at < $2 \
               ORDER BY l.id LIMIT $3";
    db.all(sql, args![from, until, limit])
        .await?
        .iter()
        .map(|row| {
            Ok(Pull {
                at: row.at("at")?,
                actor: row.text("actor")?,
                callback_id: CallbackId(row.int("callback_id")?),
                customer_id: CustomerId(row.int("customer_id")?),
                vip: row.flag("vip")?,
                due_at: row.at("due_at")?,
                detail: row.text("detail")?,
            })
        })
        .collect()
}

/// Somebody worth showing: who got a coupon and had spent the most. The shop's own id comes with it.
pub async fn example(db: &Db) -> Result<Option<(CustomerId, String)>, StoreError> {
    let sql = "SELECT p.customer_id, i.value FROM profile p \
               JOIN identifier i ON i.customer_id = p.customer_id AND i.kind = 'user_id' \
               LEFT JOIN coupon c ON c.customer_id = p.customer_id AND c.state = 'issued' \
               ORDER BY CASE WHEN c.id IS NULL THEN 1 ELSE 0 END, p.spend_365_minor DESC, p.customer_id LIMIT 1";
    let row = db.one(sql, vec![]).await?;
    row.map(|row| Ok((CustomerId(row.int("customer_id")?), row.text("value")?))).transpose()
}

/// Parcels that something happened to, by carrier and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delay {
    pub carrier: Option<String>,
    pub reason: Option<String>,
    pub parcels: i64,
    /// Not delivered yet.
    pub under_way: i64,
    /// Delivered after the instant they were promised for.
    pub late: i64,
    /// Complaints about their orders, and those of them that are open.
    pub complaints: i64,
    pub open_complaints: i64,
}

pub async fn delays(db: &Db) -> Result<Vec<Delay>, StoreError> {
    let complaints = |and: &str| {
        format!(
            "(SELECT COUNT(*) FROM ticket t WHERE t.shop_id = s.shop_id AND t.order_key = s.order_key \
             AND t.complaint = 1{and})"
        )
    };
    let sql = format!(
        "SELECT x.carrier, x.reason, COUNT(*) AS parcels, CAST(SUM(x.under_way) AS BIGINT) AS under_way, \
         CAST(SUM(x.late) AS BIGINT) AS late, CAST(SUM(x.complaints) AS BIGINT) AS complaints, \
         CAST(SUM(x.open_complaints) AS BIGINT) AS open_complaints FROM (SELECT s.carrier, s.reason, \
           CASE WHEN s.delivered_at IS NULL THEN 1 ELSE 0 END AS under_way, \
           CASE WHEN s.delivered_at > s.promised_by THEN 1 ELSE 0 END AS late, \
           {} AS complaints, {} AS open_complaints FROM shipment s WHERE s.exception_at IS NOT NULL) x \
         GROUP BY x.carrier, x.reason ORDER BY parcels DESC, x.carrier, x.reason",
        complaints(""),
        complaints(" AND t.state = 'open'"),
    );
    db.all(&sql, vec![])
        .await?
        .iter()
        .map(|row| {
            Ok(Delay {
                carrier: row.opt_text("carrier")?,
                reason: row.opt_text("reason")?,
                parcels: row.int("parcels")?,
                under_way: row.int("under_way")?,
                late: row.int("late")?,
                complaints: row.int("complaints")?,
                open_complaints: row.int("open_complaints")?,
            })
        })
        .collect()
}

/// How many callbacks each took in `[from, until)`, by who.
pub async fn taken(db: &Db, from: Instant, until: Instant) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT actor, COUNT(*) AS n FROM callback_log WHERE from_state = 'ready' AND to_state = 'assigned' \
               AND at >= $1 AND at < $2 GROUP BY actor ORDER BY actor";
    db.all(sql, args![from, until]).await?.iter().map(|row| Ok((row.text("actor")?, row.int("n")?))).collect()
}
