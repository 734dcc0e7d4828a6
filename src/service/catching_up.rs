//! Bringing customers up to an instant at which something changes them that is no fact: they become one with another or
//! themselves again, people name their account or correct what was said of them, an import is taken back. What came before it is
//! written down first, by what was known then, so that a keeper who came late writes what a punctual one would have. It
//! works within the transaction of the change, which makes them due.

use super::keeping::{With, keep, oldest};
use super::poison::{Apart, decide_apart, read_apart};
use super::rules::{Rules, unreadable};
use crate::store::keeping::{self, Kept, Standing};
use crate::store::{Claimed, Db, StoreError, Tx, definitions, facts, meta, people, shops, wakes};
use domain::customer::{Bearers, CustomerFacts, ProfileTimelines};
use domain::ids::CustomerId;
use domain::time::{Instant, Span};
use std::collections::{BTreeSet, HashMap};

/// Keeps these customers up to `at`, that instant not included: what happens at it is one step with the change. Who
/// can't be kept is left as they are.
pub(super) async fn catch_up(
    tx: &Tx,
    customers: impl IntoIterator<Item = CustomerId>,
    at: Instant,
) -> Result<(), StoreError> {
    let customers: BTreeSet<CustomerId> = customers.into_iter().collect();
    wakes::lock(tx, &customers).await?;
    let Some(shop) = shops::first(tx).await?.map(|row| row.shop) else { return Ok(()) };
    let ids: Vec<CustomerId> = customers.into_iter().collect();
    let mut standing = keeping::standing(tx, &ids, shop.zone).await?;
    standing.retain(|_, before| before.kept_at.is_none_or(|kept_at| kept_at < at));
    if standing.is_empty() {
        return Ok(());
    }
    // What is published at this very instant is a step of the keeper's, like the change.
    let rules = Rules::read(tx, shop.currency, Some(at)).await.map_err(unreadable)?;
    let with = With {
        rule_epoch: rules.epoch,
        go_live_at: meta::go_live_at(tx).await?,
        listened: definitions::listened(tx, "tag").await?,
        shop,
        until: at - Span::micros(1),
    };
    let mut ids: Vec<CustomerId> = standing.keys().copied().collect();
    ids.sort_unstable();
    let Apart { sound, mut broken } =
        read_apart(&ids, |ids| decide(tx, &with, &rules, &standing, ids)).await?;
    let mut kept = Vec::with_capacity(sound.len());
    for (customer, decided) in sound {
        match decided {
            Ok(one) => kept.push(one),
            Err(why) => broken.push((customer, why)),
        }
    }
    for (customer, why) in broken {
        tracing::error!(customer.id = %customer, %why, "a customer can't be brought up to a change");
    }
    keeping::save_caught_up(tx, at, kept).await
}

/// Whoever was somebody else until `at` is kept on from there: what was the other's until then wasn't theirs.
pub(super) async fn begin_at(tx: &Tx, customer: CustomerId, at: Instant) -> Result<(), StoreError> {
    let Some(shop) = shops::first(tx).await?.map(|row| row.shop) else { return Ok(()) };
    let standing = keeping::standing(tx, &[customer], shop.zone).await?;
    let nobody = standing.get(&customer).map(|before| nobody(customer, before, at));
    keeping::save_caught_up(tx, at, nobody.into_iter().collect()).await
}

/// Somebody of whom nothing is known yet: they have no tag, not even the lowest level of one.
fn nobody(customer: CustomerId, before: &Standing, at: Instant) -> Kept {
    let numbers = ProfileTimelines::build(&CustomerFacts::default(), before.bearer.zone);
    Kept {
        claimed: Claimed { key: customer.0, due_at: at, fence: 0 },
        fact_rev: before.fact_rev,
        rule_epoch: 0,
        account: before.bearer.account,
        profile: numbers.at(at),
        footing: numbers.footing(at),
        bearer: before.bearer,
        erased: before.erased,
        tags: Vec::new(),
        gone: Vec::new(),
        changes: Vec::new(),
        next_due: None,
        triggers: Vec::new(),
    }
}

/// Of whom nothing was known before there is nothing to write down, but that it was so until then.
async fn decide(
    db: &Db,
    with: &With,
    rules: &Rules,
    standing: &HashMap<CustomerId, Standing>,
    ids: Vec<CustomerId>,
) -> Result<Vec<(CustomerId, Result<Kept, String>)>, StoreError> {
    let events = facts::events_of(db, &ids, with.until, &rules.wanted).await?;
    let rules = rules.clone().since(db, oldest(standing, &events)).await?;
    let mut told = people::told(db, &ids).await?;
    let mut decided = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(before) = standing.get(&id) else { continue };
        let events = events.get(&id).map_or(&[][..], Vec::as_slice);
        if events.is_empty() && before.kept_at.is_none() {
            decided.push((id, Ok(nobody(id, before, with.until))));
            continue;
        }
        let told = told.remove(&id).unwrap_or_default();
        let bearers = Bearers::by_word(id, before.bearer.account, with.shop.zone, told);
        let claimed = Claimed { key: id.0, due_at: with.until, fence: 0 };
        decided.push((id, decide_apart(|| keep(with, &rules, claimed, before, bearers, events))));
    }
    Ok(decided)
}
