//! Rewriting whose rows are: two customers become one, one becomes itself again. Of two rows with one unique key the
//! more advanced stays; the other waits under the negative of its origin, and comes back when its place is free.

use super::tables::{MOVED, Moved};
use crate::store::sql::{Arg, args};
use crate::store::{StoreError, Tx, callbacks, contact, coupons, enrollments, runs};
use domain::campaign::state::EnrollmentState;
use domain::campaign::touch::Reason;
use domain::ids::{CallbackId, CustomerId, TouchpointId};
use domain::time::Instant;
use serde_json::json;

const ORIGIN: &str = "COALESCE(origin_customer_id, customer_id)";

/// Rewrites every row of `from` to `into`. The caller has closed the gates and locked both.
pub async fn join(
    tx: &Tx,
    into: CustomerId,
    from: CustomerId,
    members: &[CustomerId],
    now: Instant,
) -> Result<(), StoreError> {
    for table in MOVED {
        for (loser, other, than) in [(into, from, ">"), (from, into, ">=")] {
            if !table.key.is_empty() {
                let sql = park(table, than);
                tx.exec(&sql, args![loser, other]).await?;
            }
        }
        let Moved { table, touch, .. } = table;
        let stays = if *table == "callback" { HELD_TWICE } else { "" };
        let sql = format!(
            "UPDATE {table} SET origin_customer_id = {ORIGIN}, customer_id = $1{touch} WHERE customer_id = $2{stays}"
        );
        tx.exec(&sql, args![into, from]).await?;
    }
    let gone: Vec<CustomerId> = members.iter().copied().chain([from]).collect();
    runs::forget(tx, &[into, from]).await?;
    super::point(tx, &gone, into, now).await
}

/// A callback that an agent has in hand while another of its kind is in hand too: it ends where it is.
const HELD_TWICE: &str = " AND NOT (state IN ('assigned', 'in_progress') AND EXISTS (SELECT 1 FROM callback o \
    WHERE o.customer_id = $1 AND o.kind = callback.kind AND o.state IN ('assigned', 'in_progress')))";

/// Sets aside the rows of `$1` that one of `$2` with the same key outranks.
fn park(table: &Moved, than: &str) -> String {
    let Moved { table, key, rank, touch } = table;
    let same: Vec<String> = key.iter().map(|column| format!("o.{column} = {table}.{column}")).collect();
    let (theirs, ours) = (rank.replace("t.", "o."), rank.replace("t.", &format!("{table}.")));
    // A row that is set aside loses to the other side's greater one, or to any that came first where they are even.
    format!(
        "UPDATE {table} SET origin_customer_id = {ORIGIN}, customer_id = -{ORIGIN}{touch} WHERE customer_id = $1 \
         AND EXISTS (SELECT 1 FROM {table} o WHERE o.customer_id = $2 AND {} AND {theirs} {than} {ours})",
        same.join(" AND ")
    )
}

/// Ends as merged what was set aside while it was still on its way. Its waiting touchpoints end with it.
pub async fn end_merged(tx: &Tx, cluster: &[CustomerId], now: Instant) -> Result<u64, StoreError> {
    let aside = contact::keys(cluster.iter().map(|id| -id.0));
    enrollments::end_of(tx, aside, EnrollmentState::Merged, "merged", Reason::Merged, now).await
}

/// One customer has one coupon of a batch: reserved ones beside a more advanced one are given back, and what they
/// were for looks again.
pub async fn limit_coupons(tx: &Tx, customer: CustomerId) -> Result<(), StoreError> {
    let sql = "SELECT t.id FROM coupon c JOIN touchpoint t ON t.coupon_id = c.id WHERE c.customer_id = $1 \
               AND c.state = 'reserved' AND t.state IN ('planned', 'deferred', 'queued') AND EXISTS (SELECT 1 FROM coupon o \
               WHERE o.customer_id = $1 AND o.batch_id = c.batch_id AND (o.state IN ('issued', 'redeemed') \
               OR (o.state = 'reserved' AND o.id < c.id)))";
    let rows = tx.all(sql, args![customer]).await?;
    let ids: Vec<TouchpointId> =
        rows.iter().map(|row| row.int("id").map(TouchpointId)).collect::<Result<_, _>>()?;
    coupons::release(tx, &ids).await?;
    for id in ids {
        let sql = "UPDATE touchpoint SET coupon_id = NULL, fence = fence + 1, leased_until = NULL, lease_owner = NULL \
                   WHERE id = $1";
        tx.exec_one("taking back a coupon", sql, args![id]).await?;
    }
    Ok(())
}

/// Of two open callbacks of one kind the one further on stays; one that nobody has in hand yet is cancelled, before
/// [`join`], since a customer has one open one of a kind.
pub async fn settle_callbacks(
    tx: &Tx,
    into: CustomerId,
    from: CustomerId,
    now: Instant,
) -> Result<(), StoreError> {
    let rank = |t: &str| {
        format!(
            "CASE {t}.state WHEN 'in_progress' THEN 3 WHEN 'assigned' THEN 2 WHEN 'ready' THEN 1 ELSE 0 END"
        )
    };
    let open = |t: &str| format!("{t}.state IN ('scheduled', 'ready', 'assigned', 'in_progress')");
    for (loser, other, than) in [(into, from, ">"), (from, into, ">=")] {
        let sql = format!(
            "SELECT c.id, c.state FROM callback c WHERE c.customer_id = $1 AND c.state IN ('scheduled', 'ready') \
             AND EXISTS (SELECT 1 FROM callback o WHERE o.customer_id = $2 AND o.kind = c.kind AND {} AND {} {than} {})",
            open("o"),
            rank("o"),
            rank("c")
        );
        for row in tx.all(&sql, args![loser, other]).await? {
            let (id, from) = (CallbackId(row.int("id")?), row.text("state")?);
            let detail = json!({ "reason": "merged", "customer": other.to_string() });
            callbacks::cancel(tx, id, &from, "merged", detail, now).await?;
        }
    }
    Ok(())
}

/// Gives `member` its rows back. `rest` is the cluster without it, the canonical one first.
pub async fn part(tx: &Tx, member: CustomerId, rest: &[CustomerId]) -> Result<(), StoreError> {
    let canonical = *rest.first().expect("a cluster has its canonical customer");
    for table in MOVED {
        let Moved { table, key, touch, .. } = table;
        let own = format!(
            "UPDATE {table} SET customer_id = $1{touch} WHERE customer_id = $2 AND origin_customer_id = $1"
        );
        tx.exec(&own, args![member, canonical]).await?;
        if key.is_empty() {
            continue;
        }
        let aside = format!("UPDATE {table} SET customer_id = $1{touch} WHERE customer_id = -$1");
        tx.exec(&aside, args![member]).await?;
        let same: Vec<String> = key.iter().map(|column| format!("o.{column} = {table}.{column}")).collect();
        for other in rest {
            let back = format!(
                "UPDATE {table} SET customer_id = $1{touch} WHERE customer_id = -$2 \
                 AND NOT EXISTS (SELECT 1 FROM {table} o WHERE o.customer_id = $1 AND {})",
                same.join(" AND ")
            );
            tx.exec(&back, args![canonical, *other]).await?;
        }
    }
    runs::forget(tx, &[member, canonical]).await?;
    let sql = "UPDATE customer SET merged_into = NULL, merged_at = NULL WHERE id = $1 AND merged_into = $2";
    tx.exec_one("parting a customer", sql, args![member.arg(), canonical]).await
}
