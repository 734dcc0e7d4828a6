//! Customers that are one: which tables follow them, who may change a cluster meanwhile, who is in one. When two
//! are one is the domain's to say, and what else follows from it the service's.
//!
//! Every row says in `customer_id` whose it is now and in `origin_customer_id` whom it was resolved to (null: the
//! same). So merging and parting are one rewriting of `customer_id`, and nothing is ever copied or lost.

mod candidates;
mod moves;
mod tables;

pub use candidates::{CandidateRow, add_candidates, list_candidates, note_parted, parted, settle_candidates};
pub use moves::{end_merged, join, limit_coupons, part, settle_callbacks};
pub use tables::{ANEW, FOLDED, MOVED, Moved, STAYS};

use super::in_list::all_in;
use super::sql::{Arg, args};
use super::{Db, StoreError, Tx, callbacks, send_gate};
use domain::ids::CustomerId;
use domain::time::Instant;
use std::collections::{BTreeMap, HashMap};

const GATE: i64 = 0x6b6b_5f77_686f;

/// Lets nobody become one with another until the transaction ends; others pass beside. Whoever writes rows for
/// customers they read of before passes first and asks [`canonical`]. Taken after the clock and before the send gate.
/// On SQLite the one writer is order enough.
pub async fn pass(tx: &Tx) -> Result<(), StoreError> {
    if tx.is_postgres() {
        tx.all("SELECT pg_advisory_xact_lock_shared($1)", args![GATE]).await?;
    }
    Ok(())
}

/// Waits for those who passed; nobody passes until the transaction ends, nothing is handed over and no callback
/// pulled. Two who have passed and close both wait for each other: the database ends one, whom
/// [`super::Store::write_again`] lets close without passing first.
pub async fn close(tx: &Tx) -> Result<(), StoreError> {
    if tx.is_postgres() {
        tx.all("SELECT pg_advisory_xact_lock($1)", args![GATE]).await?;
    }
    send_gate::close(tx).await?;
    callbacks::claim_queue(tx, callbacks::Turn::Pull).await
}

/// Waits for those who passed, and lets nobody pass until the transaction ends. Unlike [`close`] it keeps nobody from being handed
/// over or called.
pub(super) async fn wait_for_passing(tx: &Tx) -> Result<(), StoreError> {
    if tx.is_postgres() {
        tx.all("SELECT pg_advisory_xact_lock($1)", args![GATE]).await?;
    }
    Ok(())
}

/// Those of these customers who are somebody else now, and who.
pub async fn canonical(
    db: &Db,
    customers: impl IntoIterator<Item = CustomerId>,
) -> Result<HashMap<CustomerId, CustomerId>, StoreError> {
    let sql = "SELECT id, merged_into FROM customer WHERE merged_into IS NOT NULL AND id IN ({in})";
    let rows = all_in(db, sql, vec![], super::contact::keys(customers.into_iter().map(|id| id.0))).await?;
    rows.iter().map(|row| Ok((CustomerId(row.int("id")?), CustomerId(row.int("merged_into")?)))).collect()
}

/// Who this customer is now.
pub async fn canonical_of(db: &Db, customer: CustomerId) -> Result<CustomerId, StoreError> {
    Ok(canonical(db, [customer]).await?.remove(&customer).unwrap_or(customer))
}

/// Everybody who is one with this canonical customer beside themselves, with when they were merged; by id.
pub async fn members(db: &Db, canonical: CustomerId) -> Result<BTreeMap<CustomerId, Instant>, StoreError> {
    let sql = "SELECT id, merged_at FROM customer WHERE merged_into = $1";
    let rows = db.all(sql, args![canonical]).await?;
    rows.iter().map(|row| Ok((CustomerId(row.int("id")?), row.at("merged_at")?))).collect()
}

/// These customers are `into` from `now` on.
pub(super) async fn point(
    tx: &Tx,
    customers: &[CustomerId],
    into: CustomerId,
    now: Instant,
) -> Result<(), StoreError> {
    for customer in customers {
        let sql = "UPDATE customer SET merged_into = $1, merged_at = COALESCE(merged_at, $2) WHERE id = $3";
        tx.exec_one("merging a customer", sql, args![into, now, customer.arg()]).await?;
    }
    Ok(())
}
