//! Keeping the book right: for customers who are due, fold the facts, decide the tags, save it all in one
//! transaction with what it starts.

use super::points::Point;
use super::poison::{Apart, decide_apart, read_apart};
use super::rules::{self, Oldest, Rules};
use super::shop::shop;
use super::{Book, ServiceError};
use crate::store::keeping::{Broken, Kept, Standing, Trigger};
use crate::store::shops::Shop;
use crate::store::{
    Claimed, Lane, StoreError, claim as claims, definitions, epoch, facts, keeping, meta, people, waiting,
};
use domain::customer::{Bearers, Profile, Told};
use domain::event::{Event, Fact};
use domain::ids::CustomerId;
use domain::tag::{Meanwhile, Rulebook, Stand, TagChange, TagState, step};
use domain::time::Instant;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Most customers marked in one transaction, and due at once for the sake of a rule.
const MOST_MARKED: i64 = 1_000;

/// When the keeper is due next.
pub async fn next_due(book: &Book) -> Result<Option<Instant>, ServiceError> {
    Ok(book.store.next_due(waiting::CUSTOMERS).await?)
}

/// Keeps up to `limit` customers due at `now`; gives how many were claimed.
pub async fn keep_due(book: &Book, now: Instant, limit: i64) -> Result<u64, ServiceError> {
    keep_batches(book, now, limit, 1).await
}

/// Keeps up to so many batches of customers due at `now`: while one is saved the next is read and decided, and they are saved one after
/// the other, in the order in which they were claimed. Where nobody is due any more, those are marked whom a published rule
/// concerns. Gives how many customers were claimed.
pub async fn keep_batches(book: &Book, now: Instant, limit: i64, batches: u32) -> Result<u64, ServiceError> {
    let (mut taken, mut ready) = (0, None);
    let page = limit.saturating_mul(i64::from(batches)).min(MOST_MARKED);
    for _ in 0..batches {
        let claimed = claim(book, now, limit, page).await?;
        if claimed.is_empty() {
            break;
        }
        let there_may_be_more = claimed.len() as i64 >= limit;
        taken += claimed.len() as u64;
        let deciding = decide_or_let_go(book, now, claimed);
        let (saved, decided) = futures::join!(save(book, now, ready.take()), deciding);
        saved?;
        ready = Some(decided?);
        if !there_may_be_more {
            break;
        }
    }
    save(book, now, ready).await?;
    Ok(taken)
}

/// Leases the next customers who are due. Those who have new facts come first: only where nobody is due is a page of those
/// marked who wait to be kept by other rules.
async fn claim(book: &Book, now: Instant, limit: i64, page: i64) -> Result<Vec<Claimed>, ServiceError> {
    loop {
        let claimed = book.store.claim(waiting::CUSTOMERS, now, &book.lease, limit).await?;
        if !claimed.is_empty() || !epoch::is_marking(book.store.reader(), now).await? {
            return Ok(claimed);
        }
        let marked = book.store.write(Lane::Work, move |tx| Box::pin(epoch::mark_page(tx, now, page))).await;
        if !marked.map_err(|e: StoreError| e)? {
            return Ok(claimed);
        }
    }
}

/// A batch that is decided and not saved yet.
#[derive(Default)]
struct Batch {
    kept: Vec<Kept>,
    broken: Vec<Broken>,
}

/// As [`decide`]; where it fails nobody waits for the lease's end, and whoever looks sees that they are due.
async fn decide_or_let_go(book: &Book, now: Instant, claimed: Vec<Claimed>) -> Result<Batch, ServiceError> {
    let held = claimed.clone();
    let decided = decide(book, now, claimed).await;
    if decided.is_err() {
        let let_go = book.store.write(Lane::Work, move |tx| {
            Box::pin(async move {
                for claimed in &held {
                    claims::release(tx, waiting::CUSTOMERS, *claimed).await?;
                }
                Ok(())
            })
        });
        // The failure itself says more than that its leases have to run out.
        let_go.await.unwrap_or_else(|error: StoreError| tracing::warn!(%error, "leases stay until they end"));
    }
    decided
}

async fn decide(book: &Book, now: Instant, claimed: Vec<Claimed>) -> Result<Batch, ServiceError> {
    point(book, Point::KeeperClaimed).await?;
    let db = book.store.reader();
    let rules = rules::rules(book).await?;
    let with = Arc::new(With {
        rule_epoch: rules.epoch,
        go_live_at: meta::go_live_at(db).await?,
        listened: definitions::listened(db, "tag").await?,
        shop: shop(book).await?,
        until: now,
    });
    point(book, Point::KeeperRulesRead).await?;
    let (kept, broken) = decide_apart_each(book, &rules, &with, &claimed).await?;
    let mut batch = Batch { kept, broken: Vec::new() };
    if !broken.is_empty() {
        // Once more, by facts that are read after this: what mends them from here on lets the keeper try again.
        let again: Vec<Claimed> = broken.into_iter().map(|(claimed, _)| claimed).collect();
        let ids: Vec<CustomerId> = again.iter().map(|claimed| CustomerId(claimed.key)).collect();
        let revs = keeping::fact_revs(db, &ids).await?;
        let (kept, broken) = decide_apart_each(book, &rules, &with, &again).await?;
        batch.kept.extend(kept);
        batch.broken.extend(broken.into_iter().map(|(claimed, why)| {
            let fact_rev = revs.get(&CustomerId(claimed.key)).copied().unwrap_or_default();
            Broken { claimed, fact_rev, rule_epoch: with.rule_epoch, why }
        }));
    }
    for Broken { claimed, why, .. } in &batch.broken {
        let customer = CustomerId(claimed.key);
        tracing::error!(customer.id = %customer, %why, "a customer can't be kept and is set aside");
    }
    point(book, Point::KeeperDecided).await?;
    Ok(batch)
}

/// What keeping each of them comes to, and of whom it can't be said, with why.
async fn decide_apart_each(
    book: &Book,
    rules: &Rules,
    with: &Arc<With>,
    claimed: &[Claimed],
) -> Result<(Vec<Kept>, Vec<(Claimed, String)>), ServiceError> {
    let Apart { sound, mut broken } =
        read_apart(claimed, |claimed| decide_each(book, rules, with.clone(), claimed)).await?;
    let mut kept = Vec::with_capacity(sound.len());
    for (claimed, decided) in sound {
        match decided {
            Ok(one) => kept.push(one),
            Err(why) => broken.push((claimed, why)),
        }
    }
    Ok((kept, broken))
}

async fn save(book: &Book, now: Instant, batch: Option<Batch>) -> Result<(), ServiceError> {
    let Some(Batch { kept, broken }) = batch else { return Ok(()) };
    let points = book.points.clone();
    book.store
        .write(Lane::Work, move |tx| {
            Box::pin(async move {
                points.pass(Point::KeeperSaving).await.map_err(StoreError::Unavailable)?;
                keeping::set_aside(tx, &broken).await?;
                let saved = keeping::save(tx, now, kept).await?;
                points.pass(Point::KeeperSaved).await.map_err(StoreError::Unavailable)?;
                Ok(saved)
            })
        })
        .await
        .map_err(|e: StoreError| e)?;
    point(book, Point::KeeperCommitted).await
}

async fn point(book: &Book, point: Point) -> Result<(), ServiceError> {
    book.points.pass(point).await.map_err(ServiceError::Internal)
}

/// What a batch is kept with.
pub(super) struct With {
    pub rule_epoch: i64,
    pub go_live_at: Option<Instant>,
    pub listened: HashSet<String>,
    pub shop: Shop,
    /// Kept up to here, this instant included.
    pub until: Instant,
}

/// What keeping each of them comes to, or that deciding it panicked.
type Decided = Vec<(Claimed, Result<Kept, String>)>;

/// Customers decided at a time by one thread.
const A_THREADS_SHARE: usize = 128;

/// What is known of the customers of a batch.
struct Known {
    standing: HashMap<CustomerId, Standing>,
    events: HashMap<CustomerId, Vec<Event>>,
    /// Of whom something was said since they were last kept.
    told: HashMap<CustomerId, Vec<Told>>,
    /// The rules since the first of them was kept.
    rules: Arc<Rulebook>,
}

async fn decide_each(
    book: &Book,
    rules: &Rules,
    with: Arc<With>,
    claimed: Vec<Claimed>,
) -> Result<Decided, StoreError> {
    let (db, points) = (book.store.reader(), &book.points);
    let ids: Vec<CustomerId> = claimed.iter().map(|c| CustomerId(c.key)).collect();
    // Before the facts: what arrives from here on makes the result void, and the customer stays due.
    let standing = keeping::standing(db, &ids, with.shop.zone).await?;
    points.pass(Point::KeeperStandingRead).await.map_err(StoreError::Unavailable)?;
    // Those received since the turn began too: they were counted, so somebody has to come back for them.
    let events = facts::events_of(db, &ids, Instant::MAX, &rules.wanted).await?;
    points.pass(Point::KeeperFactsRead).await.map_err(StoreError::Unavailable)?;
    let learned: Vec<CustomerId> = events
        .iter()
        .filter(|(id, events)| was_told(events, standing.get(id).and_then(|before| before.kept_at)))
        .map(|(id, _)| *id)
        .collect();
    let told = people::told(db, &learned).await?;
    let rules = rules::since(book, rules.clone(), oldest(&standing, &events)).await?;
    let known = Arc::new(Known { standing, events, told, rules });
    // Beside the threads that answer people: deciding about hundreds takes them longer than anybody is let wait.
    let shares = claimed.chunks(A_THREADS_SHARE).map(|share| {
        let (with, known, share) = (with.clone(), known.clone(), share.to_vec());
        tokio::task::spawn_blocking(move || {
            let one = |claimed| (claimed, decide_apart(|| decide_one(&with, &known, claimed)));
            share.into_iter().map(one).collect::<Decided>()
        })
    });
    let mut decided = Vec::with_capacity(claimed.len());
    for share in futures::future::join_all(shares).await {
        decided.extend(share.map_err(|e| StoreError::Panicked(e.to_string()))?);
    }
    Ok(decided)
}

fn decide_one(with: &With, known: &Known, claimed: Claimed) -> Kept {
    let id = CustomerId(claimed.key);
    let before = known.standing.get(&id).cloned().unwrap_or_else(|| Standing::new(id, with.shop.zone));
    let bearers = match known.told.get(&id) {
        Some(told) => Bearers::by_word(id, before.bearer.account, with.shop.zone, told.clone()),
        None => before.bearer.into(),
    };
    let events = known.events.get(&id).map_or(&[][..], Vec::as_slice);
    keep(with, &known.rules, claimed, &before, bearers, events)
}

/// The oldest rules that any of them were kept by last.
pub(super) fn oldest(
    standing: &HashMap<CustomerId, Standing>,
    events: &HashMap<CustomerId, Vec<Event>>,
) -> Oldest {
    let mut oldest = Oldest::default();
    for before in standing.values().filter(|before| before.kept_at.is_some()) {
        oldest.kept(before.rule_epoch);
    }
    let never = |id: &CustomerId| standing.get(id).is_none_or(|before| before.kept_at.is_none());
    for (_, events) in events.iter().filter(|(id, _)| never(id)) {
        events.iter().for_each(|event| oldest.began(event.received_at));
    }
    oldest
}

/// Whether anything was said of the person themselves since they were last kept (or, never kept, since their first
/// fact came in): until then something else was known of them.
fn was_told(events: &[Event], kept_at: Option<Instant>) -> bool {
    let start = kept_at.or_else(|| events.iter().map(|event| event.received_at).min());
    events.iter().any(|event| event.fact == Fact::Identified && Some(event.received_at) > start)
}

/// What keeping one customer comes to.
pub(super) fn keep(
    with: &With,
    rules: &Rulebook,
    claimed: Claimed,
    before: &Standing,
    bearers: Bearers,
    events: &[Event],
) -> Kept {
    let account = before.bearer.account;
    let stand = Stand {
        kept_at: before.kept_at,
        epoch: before.rule_epoch,
        tags: &before.tags,
        meanwhile: Meanwhile {
            named: before.kept_as.filter(|kind| *kind != account).map(|_| account),
            regrouped: before.regrouped,
        },
    };
    let now_known = bearers.at(with.until);
    let stepped = step(rules, events, bearers, stand, with.go_live_at, with.until);
    Kept {
        claimed,
        fact_rev: before.fact_rev,
        rule_epoch: with.rule_epoch,
        account,
        triggers: triggers(&stepped.changes, &stepped.profile, &with.listened, &with.shop.key),
        profile: stepped.profile,
        footing: stepped.footing,
        bearer: now_known,
        erased: before.erased,
        gone: gone(before.tags.iter().map(|tag| &tag.key), &stepped.current),
        tags: stepped.current,
        changes: stepped.changes,
        next_due: stepped.next_due.into_iter().chain(first_after(events, with.until)).min(),
    }
}

/// When the first fact was received that this look is too early for.
fn first_after(events: &[Event], until: Instant) -> Option<Instant> {
    events.iter().map(|event| event.received_at).filter(|at| *at > until).min()
}

/// Of the tags that stood, those that hold no longer.
pub(super) fn gone<'a>(stood: impl Iterator<Item = &'a String>, now: &[TagState]) -> Vec<String> {
    let holds = |key: &String| now.iter().any(|tag| tag.key == *key && tag.value.is_some());
    stood.filter(|key| !holds(key)).cloned().collect()
}

/// The live changes that a campaign listens to.
fn triggers(
    changes: &[TagChange],
    profile: &Profile,
    listened: &HashSet<String>,
    shop_key: &str,
) -> Vec<Trigger> {
    changes
        .iter()
        .filter(|change| !change.historical && listened.contains(&change.key))
        .map(|change| Trigger {
            kind: "tag",
            key: change.key.clone(),
            from: change.from.clone(),
            to: change.to.clone(),
            cause_at: change.since,
            origin_key: format!("{}:{}", change.key, change.since),
            payload: json!({
                "shop": shop_key,
                "as_of": change.as_of,
                "evidence": change.evidence,
                "last_order_id": profile.last_order_id,
            }),
        })
        .collect()
}
