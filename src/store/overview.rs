//! Counts over the whole book, for `status` and the preview before going live. Decides nothing.

use super::sql::args;
use super::{Db, StoreError};
use domain::time::Instant;
use std::collections::BTreeMap;

/// How much there is.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Counts {
    pub customers: i64,
    pub orders: i64,
    pub tickets: i64,
    pub open_complaints: i64,
    pub events: i64,
    pub quarantined: i64,
    pub customers_due: i64,
    pub active_enrollments: i64,
    /// By state.
    pub touchpoints: BTreeMap<String, i64>,
    /// By state.
    pub callbacks: BTreeMap<String, i64>,
}

pub async fn counts(db: &Db, now: Instant) -> Result<Counts, StoreError> {
    let count = async |sql: &str| Ok::<_, StoreError>(db.number(sql, vec![]).await?.unwrap_or(0));
    Ok(Counts {
        customers: count("SELECT COUNT(*) FROM customer WHERE merged_into IS NULL").await?,
        orders: count("SELECT COUNT(*) FROM orders").await?,
        tickets: count("SELECT COUNT(*) FROM ticket").await?,
        open_complaints: open_complaints(db).await?,
        events: count("SELECT COUNT(*) FROM event").await?,
        quarantined: count("SELECT COUNT(*) FROM quarantine WHERE state = 'open'").await?,
        customers_due: super::profiles::count_due(db, now).await?,
        active_enrollments: count("SELECT COUNT(*) FROM enrollment WHERE state = 'active'").await?,
        touchpoints: by_state(db, "touchpoint").await?,
        callbacks: by_state(db, "callback").await?,
    })
}

async fn by_state(db: &Db, table: &str) -> Result<BTreeMap<String, i64>, StoreError> {
    let sql = format!("SELECT state, COUNT(*) AS n FROM {table} GROUP BY state");
    db.all(&sql, vec![]).await?.iter().map(|row| Ok((row.text("state")?, row.int("n")?))).collect()
}

pub async fn open_complaints(db: &Db) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM ticket WHERE complaint = 1 AND state = 'open'";
    Ok(db.number(sql, vec![]).await?.unwrap_or(0))
}

/// How large the database is, in bytes.
pub async fn size_bytes(db: &Db) -> Result<i64, StoreError> {
    let sql = if db.is_postgres() {
        "SELECT pg_database_size(current_database())"
    } else {
        "SELECT p.page_count * s.page_size FROM pragma_page_count p, pragma_page_size s"
    };
    Ok(db.number(sql, vec![]).await?.unwrap_or(0))
}

/// When the last fact was received.
pub async fn last_fact_at(db: &Db) -> Result<Option<Instant>, StoreError> {
    let row = db.one("SELECT id, received_at FROM event ORDER BY id DESC LIMIT 1", vec![]).await?;
    row.map(|row| row.at("received_at")).transpose()
}

/// How many customers have a usable mail address, and how many of them agreed to marketing mail.
pub async fn reach(db: &Db) -> Result<(i64, i64), StoreError> {
    let reachable =
        "SELECT COUNT(DISTINCT customer_id) FROM contact_point WHERE channel = 'email' AND usable = 1";
    let agreed = "SELECT COUNT(*) FROM (SELECT DISTINCT p.customer_id FROM contact_point p \
        WHERE p.channel = 'email' AND p.usable = 1) r WHERE (SELECT MIN(s.state) FROM (SELECT c.state, ROW_NUMBER() \
        OVER (PARTITION BY COALESCE(c.origin_customer_id, c.customer_id) ORDER BY c.occurred_at DESC, c.id DESC) AS place \
        FROM consent c WHERE c.customer_id = r.customer_id AND c.channel = 'email' AND c.purpose = 'marketing' \
        AND c.revokes IS NULL AND NOT EXISTS (SELECT 1 FROM consent t WHERE t.revokes = c.id)) s \
        WHERE s.place = 1) = 'granted'";
    let reachable = db.number(reachable, vec![]).await?.unwrap_or(0);
    Ok((reachable, db.number(agreed, vec![]).await?.unwrap_or(0)))
}

/// A slot of a running campaign's schedule.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SlotAhead {
    pub campaign: String,
    /// Nominal local date and time.
    pub slot: String,
    /// When its planning begins.
    pub due_at: Instant,
}

/// The slots of running campaigns whose planning begins by `until`, soonest first.
pub async fn slots_ahead(db: &Db, until: Instant) -> Result<Vec<SlotAhead>, StoreError> {
    let sql = "SELECT c.key, o.slot, o.due_at FROM occurrence o JOIN campaign c ON c.id = o.campaign_id \
               WHERE o.state IN ('scheduled', 'open') AND o.due_at <= $1 AND c.state = 'running' \
               ORDER BY o.due_at, c.key";
    db.all(sql, args![until])
        .await?
        .iter()
        .map(|row| {
            Ok(SlotAhead { campaign: row.text("key")?, slot: row.text("slot")?, due_at: row.at("due_at")? })
        })
        .collect()
}

/// When the router is due next.
pub async fn callbacks_due(db: &Db) -> Result<Option<Instant>, StoreError> {
    super::callbacks::next_wake(db).await
}
