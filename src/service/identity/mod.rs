//! Who is who, as people decide it: two customers become one, one becomes itself again, pairs that may be one, and
//! what kind of account somebody has. When events alone make two customers one is the domain's to say.

mod merge;
mod view;

pub(super) use merge::{become_one, part_one};
pub use view::{CandidateView, KindChanged, Merged, Parted};

use super::catching_up::catch_up;
use super::{Book, ServiceError, reasons};
use crate::store::{Tx, audit, clusters, customers, meta, wakes};
use domain::customer::AccountKind;
use domain::ids::CustomerId;
use domain::problem::nearest;
use serde_json::json;
use std::collections::{BTreeSet, HashMap};

/// Makes `other` one with `kept`: everything of both is `kept`'s from now on. Whoever was merged before counts as who
/// they are now.
pub async fn merge(
    book: &Book,
    kept: CustomerId,
    other: CustomerId,
    actor: &str,
    reason: Option<&str>,
) -> Result<Merged, ServiceError> {
    if kept == other {
        return Err(ServiceError::invalid(
            "other",
            "same_customer",
            "a customer is one with themselves; name two",
        ));
    }
    let actor = actor.to_owned();
    let reason = reason.unwrap_or_default().trim().to_owned();
    book.write(move |tx, now| {
        Box::pin(async move {
            clusters::close(tx).await?;
            let (into, from) = (known(tx, kept).await?, known(tx, other).await?);
            if into == from {
                let detail = format!("{kept} and {other} are one already: {into}");
                return Err(ServiceError::Conflict(detail));
            }
            for one in [into, from] {
                reasons::check(tx, one, "reason", &reason).await?;
            }
            become_one(tx, now, into, from, &actor, json!({ "reason": reason })).await?;
            let merged_from = clusters::members(tx, into).await?.into_keys().collect();
            Ok(Merged { customer: into, merged_from })
        })
    })
    .await
}

/// Gives a merged customer back what was theirs.
pub async fn unmerge(
    book: &Book,
    member: CustomerId,
    actor: &str,
    reason: Option<&str>,
) -> Result<Parted, ServiceError> {
    let actor = actor.to_owned();
    let reason = reason.unwrap_or_default().trim().to_owned();
    book.write(move |tx, now| {
        Box::pin(async move {
            clusters::close(tx).await?;
            let canonical = known(tx, member).await?;
            reasons::check(tx, canonical, "reason", &reason).await?;
            let members = clusters::members(tx, canonical).await?;
            let Some(since) = members.get(&member).copied() else {
                let named: Vec<String> = members.keys().map(ToString::to_string).collect();
                return Err(ServiceError::Conflict(match named.is_empty() {
                    true => format!("{member} is one with nobody"),
                    false => format!(
                        "{member} is who others were merged into; unmerge one of {}",
                        named.join(", ")
                    ),
                }));
            };
            let others = members.keys().copied().filter(|id| *id != member);
            let rest: Vec<CustomerId> = std::iter::once(canonical).chain(others).collect();
            merge::part_one(tx, now, member, &rest, since, &actor, &reason).await?;
            Ok(Parted { customer: member, parted_from: canonical })
        })
    })
    .await
}

/// The canonical customer of an id that must exist.
async fn known(tx: &Tx, id: CustomerId) -> Result<CustomerId, ServiceError> {
    let row = customers::list(tx, &[id]).await?.remove(&id);
    let row = row.ok_or_else(|| ServiceError::NotFound(format!("the customer {id}")))?;
    match row.erased_at {
        Some(_) => Err(ServiceError::Conflict(format!("{id} was erased; nothing is left to merge"))),
        None => Ok(row.merged_into.unwrap_or(id)),
    }
}

/// The pairs that wait for a person, oldest first.
pub async fn candidates(book: &Book, limit: i64) -> Result<Vec<CandidateView>, ServiceError> {
    let db = book.store.reader();
    let rows = clusters::list_candidates(db, limit).await?;
    let ids: Vec<CustomerId> = rows.iter().flat_map(|row| [row.first, row.second]).collect();
    let mut user_ids: HashMap<CustomerId, String> = HashMap::new();
    for (id, names) in customers::identifiers(db, &ids).await? {
        if let Some(name) = names.into_iter().find(|name| name.kind == "user_id") {
            user_ids.insert(id, name.value);
        }
    }
    let view = |row: clusters::CandidateRow| CandidateView {
        first: row.first,
        second: row.second,
        first_user_id: user_ids.get(&row.first).cloned(),
        second_user_id: user_ids.get(&row.second).cloned(),
        by: row.by,
        seen_at: row.seen_at,
    };
    Ok(rows.into_iter().map(view).collect())
}

/// Says what kind of account a customer has. Tiers follow at once; whatever waits to be sent asks the gate again.
pub async fn set_account_kind(
    book: &Book,
    id: CustomerId,
    kind: &str,
    actor: &str,
) -> Result<KindChanged, ServiceError> {
    let Some(kind) = AccountKind::parse(kind) else {
        let known = || AccountKind::ALL.iter().map(|kind| kind.as_str());
        let remedy = match nearest(kind, known()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("use one of {}", known().collect::<Vec<_>>().join(", ")),
        };
        let detail = format!("\"{kind}\" is no kind of account; {remedy}");
        return Err(ServiceError::invalid("account_kind", "unknown_kind", detail));
    };
    let actor = actor.to_owned();
    book.write(move |tx, now| {
        Box::pin(async move {
            clusters::pass(tx).await?;
            let id = known(tx, id).await?;
            catch_up(tx, [id], now).await?;
            let before = customers::set_account_kind(tx, id, kind.as_str()).await?;
            let epoch = meta::rule_epoch(tx).await?;
            wakes::set_due(tx, &BTreeSet::from([id]), now, epoch, wakes::Due::AtOnce).await?;
            let entry = audit::Entry {
                at: now,
                actor,
                action: "customer.account_kind_set".to_owned(),
                subject: format!("customer:{id}"),
                detail: json!({ "from": before, "to": kind }),
            };
            audit::record(tx, entry).await?;
            meta::raise_change_seq(tx).await?;
            Ok(KindChanged { customer: id, account_kind: kind.as_str(), before })
        })
    })
    .await
}

/// Who this customer is now, for whoever asks by an id they once were given.
pub(super) async fn canonical(book: &Book, id: CustomerId) -> Result<CustomerId, ServiceError> {
    Ok(clusters::canonical_of(book.store.reader(), id).await?)
}
