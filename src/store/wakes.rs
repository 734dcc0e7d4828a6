//! What facts set going: customers due for keeping, campaigns that listen to an event, enrollments and
//! touchpoints that wait for something to happen. Who is to be woken is decided elsewhere.

use super::in_list::{all_in, exec_in};
use super::sql::{Arg, args};
use super::{Db, StoreError, Tx, aggregates, changes};
use domain::ids::{CustomerId, SourceId};
use domain::time::Instant;
use std::collections::{BTreeSet, HashSet};

/// When somebody is due who waits for the end of an import: as if never, and told from never.
pub const AFTER_IMPORT: Instant = Instant::from_micros(i64::MAX - 1);

/// When customers with new facts are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// As soon as a keeper is free.
    AtOnce,
    /// When their import has ended ([`import_ended`]).
    AfterImport,
}

/// Marks customers as having new facts, and locks their rows until the transaction ends: one transaction at a
/// time changes what is projected for a customer.
pub async fn set_due(
    tx: &Tx,
    customers: &BTreeSet<CustomerId>,
    received_at: Instant,
    epoch: i64,
    due: Due,
) -> Result<(), StoreError> {
    let (due_at, rule) = match due {
        Due::AtOnce => (
            received_at,
            "CASE WHEN excluded.due_at < customer_due.due_at THEN excluded.due_at ELSE customer_due.due_at END",
        ),
        Due::AfterImport => (AFTER_IMPORT, "excluded.due_at"),
    };
    let rows = customers.iter().map(|id| args![*id, due_at, 1_i64, epoch, 0_i64]).collect();
    let columns = ["customer_id", "due_at", "fact_rev", "rule_epoch", "fence"];
    let tail = format!(
        "ON CONFLICT (customer_id) DO UPDATE SET due_at = {rule}, fact_rev = customer_due.fact_rev + 1, failed = NULL"
    );
    tx.insert_many("customer_due", &columns, rows, &tail).await.map(drop)
}

/// Locks these customers until the transaction ends, in the order in which [`set_due`] does: who locks several
/// in another order waits for its waiters, and PostgreSQL ends one of them.
pub async fn lock(tx: &Tx, customers: &BTreeSet<CustomerId>) -> Result<(), StoreError> {
    if tx.is_postgres() {
        let sql = "SELECT customer_id FROM customer_due WHERE customer_id IN ({in}) ORDER BY customer_id FOR UPDATE";
        all_in(tx, sql, Vec::new(), customers.iter().map(|id| id.arg()).collect()).await?;
    }
    Ok(())
}

/// These customers' facts are others than they were: they are due, and whoever holds a lease on them loses it.
pub async fn regrouped(
    tx: &Tx,
    customers: &[CustomerId],
    now: Instant,
    epoch: i64,
) -> Result<(), StoreError> {
    let rows = customers.iter().map(|id| args![*id, now, 1_i64, epoch, 0_i64, 1_i64]).collect();
    let columns = ["customer_id", "due_at", "fact_rev", "rule_epoch", "fence", "regrouped"];
    let tail = "ON CONFLICT (customer_id) DO UPDATE SET due_at = excluded.due_at, fact_rev = customer_due.fact_rev + 1, \
                fence = customer_due.fence + 1, leased_until = NULL, lease_owner = NULL, failed = NULL, regrouped = 1";
    tx.insert_many("customer_due", &columns, rows, tail).await.map(drop)
}

/// These customers are somebody else from now on: they wait for nothing, and what was decided of them ends. Their
/// profile stays, empty, so that they are kept on from here if they are parted.
pub async fn retire(tx: &Tx, customer: CustomerId, now: Instant) -> Result<(), StoreError> {
    tx.exec("DELETE FROM customer_due WHERE customer_id = $1", args![customer]).await?;
    let sql = "INSERT INTO tag_history (customer_id, key, from_value, to_value, since, as_of, recorded_at, cause, \
               historical, rule_version, evidence) SELECT customer_id, key, value, NULL, $2, $2, $2, 'merge', 1, \
               rule_version, '{}' FROM tag_current WHERE customer_id = $1 ORDER BY key";
    tx.exec(sql, args![customer, now]).await?;
    tx.exec("DELETE FROM tag_current WHERE customer_id = $1", args![customer]).await?;
    tx.exec("DELETE FROM tag_ended WHERE customer_id = $1", args![customer]).await?;
    changes::note(tx, [customer]).await?;
    aggregates::clear(tx, customer, now).await
}

/// An import of this source, all received at one instant, has ended: everybody in it is due. Gives how many.
pub async fn import_ended(tx: &Tx, source: SourceId, received_at: Instant) -> Result<u64, StoreError> {
    let sql = "UPDATE customer_due SET due_at = $1 WHERE due_at > $1 AND customer_id IN \
               (SELECT customer_id FROM event WHERE source_id = $2 AND received_at = $1)";
    tx.exec(sql, args![received_at, source]).await
}

/// The names of events that running or paused campaigns listen to.
pub async fn listened_events(db: &Db) -> Result<HashSet<String>, StoreError> {
    let sql = "SELECT DISTINCT trigger_key FROM campaign WHERE trigger_kind = 'event' AND state IN ('running', 'paused')";
    db.all(sql, vec![]).await?.iter().map(|row| row.text("trigger_key")).collect()
}

/// An event some campaign listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTrigger {
    pub customer: CustomerId,
    /// The event's name.
    pub key: String,
    pub cause_at: Instant,
    /// What makes the cause once: its business key.
    pub origin_key: String,
    /// JSON: the event's plain properties; a ticket's fields as `domain::event::Ticket`, and `resolved_at`.
    pub payload: String,
}

/// Queues triggers for the planner.
pub async fn queue_event_triggers(
    tx: &Tx,
    due_at: Instant,
    triggers: Vec<EventTrigger>,
) -> Result<(), StoreError> {
    let rows = triggers
        .into_iter()
        .map(|t| args![t.customer, "event", t.key, t.cause_at, t.origin_key, t.payload, due_at, 0_i64])
        .collect();
    let columns = ["customer_id", "kind", "key", "cause_at", "origin_key", "payload", "due_at", "fence"];
    tx.insert_many("trigger_queue", &columns, rows, "").await.map(drop)
}

/// Lets these customers' journeys look again now: an order or a consent may end them.
pub async fn wake_enrollments(
    tx: &Tx,
    customers: &BTreeSet<CustomerId>,
    now: Instant,
) -> Result<(), StoreError> {
    let customers: Vec<CustomerId> = customers.iter().copied().collect();
    super::enrollments::wake_customers(tx, &customers, now).await
}

/// Lets touchpoints that were put off for `reason` ask the gate again now. Whoever is looking at one this very
/// moment loses it: what they read is no longer so.
pub async fn wake_deferred(
    tx: &Tx,
    customers: &BTreeSet<CustomerId>,
    reason: &str,
    now: Instant,
) -> Result<(), StoreError> {
    let sql = "UPDATE touchpoint SET not_before = CASE WHEN not_before > $1 THEN $1 ELSE not_before END, \
               fence = fence + 1, leased_until = NULL, lease_owner = NULL \
               WHERE state = 'deferred' AND reason = $2 AND customer_id IN ({in})";
    exec_in(tx, sql, args![now, reason], customers.iter().map(|id| id.arg()).collect()).await.map(drop)
}
