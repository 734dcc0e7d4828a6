//! Two customers become one, or one themselves again, within the caller's transaction: rows first, then whatever
//! follows from them.

use crate::service::catching_up::{begin_at, catch_up};
use crate::store::{
    StoreError, Tx, audit, clusters, consents, contact, enrollments, meta, people, projections, wakes,
};
use domain::ids::CustomerId;
use domain::time::Instant;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Makes `from`, with everybody merged into them, one with `into`. Both are canonical; the gates are closed.
pub(in crate::service) async fn become_one(
    tx: &Tx,
    now: Instant,
    into: CustomerId,
    from: CustomerId,
    actor: &str,
    why: Value,
) -> Result<(), StoreError> {
    let members: Vec<CustomerId> = clusters::members(tx, from).await?.into_keys().collect();
    let mut cluster: BTreeSet<CustomerId> = clusters::members(tx, into).await?.into_keys().collect();
    cluster.extend(members.iter().copied().chain([into, from]));
    let cluster: Vec<CustomerId> = cluster.into_iter().collect();
    catch_up(tx, [into, from], now).await?;
    contact::lock(tx, &cluster).await?;
    clusters::settle_callbacks(tx, into, from, now).await?;
    clusters::join(tx, into, from, &members, now).await?;
    let ended = clusters::end_merged(tx, &cluster, now).await?;
    clusters::limit_coupons(tx, into).await?;
    wakes::retire(tx, from, now).await?;
    people::reread(tx, now, &[into, from]).await?;
    clusters::settle_candidates(tx, into).await?;
    look_again(tx, &[into], now).await?;
    let detail = json!({ "from": from.to_string(), "with": members.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "enrollments_ended": ended, "why": why });
    record(tx, now, actor, "customer.merged", into, detail).await
}

/// Gives `member` back what was theirs. `rest` is the cluster without them, the canonical one first; they were merged
/// `since`.
pub(in crate::service) async fn part_one(
    tx: &Tx,
    now: Instant,
    member: CustomerId,
    rest: &[CustomerId],
    since: Instant,
    actor: &str,
    reason: &str,
) -> Result<(), StoreError> {
    let canonical = *rest.first().expect("a cluster has its canonical customer");
    let everybody: Vec<CustomerId> = rest.iter().copied().chain([member]).collect();
    catch_up(tx, [canonical], now).await?;
    begin_at(tx, member, now).await?;
    contact::lock(tx, &everybody).await?;
    consents::carry_refusals(tx, canonical, member, since, now).await?;
    clusters::part(tx, member, rest).await?;
    people::reread(tx, now, &[canonical, member]).await?;
    clusters::note_parted(tx, now, canonical, member).await?;
    look_again(tx, &[canonical, member], now).await?;
    let detail = json!({ "from": canonical.to_string(), "reason": reason });
    record(tx, now, actor, "customer.unmerged", member, detail).await
}

/// Whatever depends on these customers' facts is decided anew.
async fn look_again(tx: &Tx, customers: &[CustomerId], now: Instant) -> Result<(), StoreError> {
    let everybody = customers.iter().copied().collect();
    let keys = projections::keys_of_customers(tx, &everybody).await?;
    projections::reproject(tx, &keys).await?;
    let epoch = meta::rule_epoch(tx).await?;
    wakes::regrouped(tx, customers, now, epoch).await?;
    enrollments::wake_customers(tx, customers, now).await?;
    for reason in ["complaint_open", "lower_priority", "frequency_cap"] {
        wakes::wake_deferred(tx, &everybody, reason, now).await?;
    }
    Ok(())
}

async fn record(
    tx: &Tx,
    at: Instant,
    actor: &str,
    action: &str,
    subject: CustomerId,
    detail: Value,
) -> Result<(), StoreError> {
    let (actor, action, subject) = (actor.to_owned(), action.to_owned(), format!("customer:{subject}"));
    audit::record(tx, audit::Entry { at, actor, action, subject, detail }).await?;
    meta::raise_change_seq(tx).await
}
