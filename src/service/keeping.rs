//! Keeping the book right: for customers who are due, fold the facts, decide the tags, save it all in one
//! transaction with what it starts.

use super::points::{Point, Points};
use super::poison::{Apart, decide_apart, read_apart};
use super::shop::shop;
use super::{Book, ServiceError};
use crate::store::keeping::{Kept, Standing, Trigger};
use crate::store::shops::Shop;
use crate::store::{
    Claimed, Db, Lane, StoreError, definitions, epoch, facts, keeping, meta, people, products, waiting,
};
use domain::customer::{Bearers, Profile, Told};
use domain::event::{Event, Fact};
use domain::ids::CustomerId;
use domain::money::Currency;
use domain::tag::{Catalogue, TagChange, TagDocument, TagState, step};
use domain::time::Instant;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};

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
        let (saved, decided) = futures::join!(save(book, now, ready.take()), decide(book, now, claimed));
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
    broken: Vec<(Claimed, String)>,
}

async fn decide(book: &Book, now: Instant, claimed: Vec<Claimed>) -> Result<Batch, ServiceError> {
    point(book, Point::KeeperClaimed).await?;
    let db = book.store.reader();
    let with = Arc::new(With {
        rule_epoch: meta::rule_epoch(db).await?,
        catalogue: catalogue(book).await?,
        go_live_at: meta::go_live_at(db).await?,
        listened: definitions::listened(db, "tag").await?,
        shop: shop(book).await?,
        until: now,
    });
    point(book, Point::KeeperRulesRead).await?;
    let Apart { sound, broken } =
        read_apart(&claimed, |claimed| decide_each(db, &book.points, with.clone(), claimed)).await?;
    let mut batch = Batch { kept: Vec::with_capacity(sound.len()), broken };
    for (claimed, decided) in sound {
        match decided {
            Ok(one) => batch.kept.push(one),
            Err(why) => batch.broken.push((claimed, why)),
        }
    }
    for (claimed, why) in &batch.broken {
        let customer = CustomerId(claimed.key);
        tracing::error!(customer.id = %customer, %why, "a customer can't be kept and is set aside");
    }
    point(book, Point::KeeperDecided).await?;
    Ok(batch)
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
    pub catalogue: Arc<Catalogue>,
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
}

async fn decide_each(
    db: &Db,
    points: &Points,
    with: Arc<With>,
    claimed: Vec<Claimed>,
) -> Result<Decided, StoreError> {
    let ids: Vec<CustomerId> = claimed.iter().map(|c| CustomerId(c.key)).collect();
    // Before the facts: what arrives from here on makes the result void, and the customer stays due.
    let standing = keeping::standing(db, &ids, with.shop.zone).await?;
    points.pass(Point::KeeperStandingRead).await.map_err(StoreError::Unavailable)?;
    // Those received since the turn began too: they were counted, so somebody has to come back for them.
    let events = facts::events_of(db, &ids, Instant::MAX).await?;
    points.pass(Point::KeeperFactsRead).await.map_err(StoreError::Unavailable)?;
    let learned: Vec<CustomerId> = events
        .iter()
        .filter(|(id, events)| was_told(events, standing.get(id).and_then(|before| before.kept_at)))
        .map(|(id, _)| *id)
        .collect();
    let told = people::told(db, &learned).await?;
    let known = Arc::new(Known { standing, events, told });
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
    let before = known.standing.get(&id).cloned().unwrap_or_else(|| Standing::new(with.shop.zone));
    let bearers = match known.told.get(&id) {
        Some(told) => Bearers::by_word(before.bearer.account, with.shop.zone, told.clone()),
        None => before.bearer.into(),
    };
    keep(with, claimed, &before, bearers, known.events.get(&id).map_or(&[][..], Vec::as_slice))
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
    claimed: Claimed,
    before: &Standing,
    bearers: Bearers,
    events: &[Event],
) -> Kept {
    let account = before.bearer.account;
    let mut stepped =
        step(&with.catalogue, events, bearers, before.kept_at, &before.tags, with.go_live_at, with.until);
    if before.kept_as.is_some_and(|kind| kind != account) {
        stepped = stepped.after_naming(before.kept_at, account, &with.catalogue);
    }
    if before.rule_epoch != with.rule_epoch {
        stepped = stepped.after_declaring(before.kept_at, &with.catalogue);
    }
    if before.regrouped {
        stepped = stepped.after_regrouping(before.kept_at);
    }
    Kept {
        claimed,
        fact_rev: before.fact_rev,
        rule_epoch: with.rule_epoch,
        account,
        triggers: triggers(&stepped.changes, &stepped.profile, &with.listened, &with.shop.key),
        profile: stepped.profile,
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

/// The published definitions of all tags; read again only when the rule epoch has risen.
pub async fn catalogue(book: &Book) -> Result<Arc<Catalogue>, ServiceError> {
    let db = book.store.reader();
    let epoch = meta::rule_epoch(db).await?;
    if let Some((read_at, catalogue)) = &*book.rules.lock().unwrap_or_else(PoisonError::into_inner)
        && *read_at == epoch
    {
        return Ok(catalogue.clone());
    }
    let currency = shop(book).await?.currency;
    let catalogue = Arc::new(read_catalogue(db, currency).await?);
    *book.rules.lock().unwrap_or_else(PoisonError::into_inner) = Some((epoch, catalogue.clone()));
    Ok(catalogue)
}

/// The published definitions of all tags, read anew.
pub(super) async fn read_catalogue(db: &Db, currency: Currency) -> Result<Catalogue, ServiceError> {
    let rules = keeping::rules(db).await?;
    // What the book was born with has always been there: nothing is backfill on its account.
    let born = keeping::first_published_at(db).await?;
    let document = |rule: keeping::PublishedRule| TagDocument {
        version: rule.version,
        published_at: (rule.version > 1 || born.is_some_and(|born| born < rule.published_at))
            .then_some(rule.published_at),
        body: rule.document,
    };
    let documents: Vec<TagDocument> = rules.into_iter().map(document).collect();
    let catalogue = Catalogue::parse(&documents, currency).map_err(ServiceError::Invalid)?;
    Ok(catalogue.knowing(Arc::new(products::all(db).await?)))
}
