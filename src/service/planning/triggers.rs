//! What keeper and ingest queued: which campaigns listen to it, and whom it lets in.

use super::{Entry, judge, let_in};
use crate::service::shop::{Shop, shop};
use crate::service::{Book, ServiceError, definitions, poison};
use crate::store::definitions::{Open, listening};
use crate::store::enrollments::NewEnrollment;
use crate::store::triggers::{self, Queued};
use crate::store::{Claimed, Lane, StoreError, Tx, customers, enrollments, meta, waiting};
use chrono_tz::Tz;
use domain::campaign::definition::{Definition, EventTrigger, Trigger};
use domain::campaign::guard;
use domain::campaign::occasion_key::OccasionKey;
use domain::event::Ticket;
use domain::ids::{CampaignVersionId, CustomerId};
use domain::time::Instant;
use std::collections::{BTreeMap, HashMap, hash_map};
use std::sync::Arc;

/// Works off queued triggers; gives how many. One that can't be is set aside, and the others go on.
pub async fn plan(book: &Book, now: Instant, limit: i64) -> Result<u64, ServiceError> {
    if book.store.next_due(waiting::TRIGGERS).await?.is_none_or(|due| due > now) {
        return Ok(0);
    }
    let claimed = book.store.claim(waiting::TRIGGERS, now, &book.lease, limit).await?;
    let db = book.store.reader();
    let read = poison::read_apart(&claimed, |some| async move { triggers::load(db, &some).await }).await?;
    let mut broken: HashMap<i64, String> = read.broken.into_iter().map(|(one, why)| (one.key, why)).collect();
    let mut found = entries(book, read.sound, &mut broken, now).await?;
    for (id, why) in &broken {
        tracing::error!(trigger.id = id, why, "a trigger can't be worked off; it is set aside");
    }
    let done = claimed.len() as u64;
    let planned = claimed.into_iter().map(|claimed| {
        let entries = found.remove(&claimed.key).unwrap_or_default();
        Arc::new(Planned { claimed, entries, failed: broken.remove(&claimed.key) })
    });
    let refused = poison::carry_out_apart(planned.collect(), |planned| carry_out(book, planned, now)).await?;
    for (planned, why) in refused {
        tracing::error!(
            trigger.id = planned.claimed.key,
            why,
            "a trigger can't be worked off; it is set aside"
        );
        let unentered = Planned { claimed: planned.claimed, entries: Vec::new(), failed: Some(why) };
        carry_out(book, vec![Arc::new(unentered)], now).await?;
    }
    Ok(done)
}

/// What becomes of one trigger.
struct Planned {
    claimed: Claimed,
    entries: Vec<Entry>,
    /// Why it is set aside, if it is. Whom it lets in nevertheless may come in: nobody comes in twice for it.
    failed: Option<String>,
}

async fn carry_out(book: &Book, planned: Vec<Arc<Planned>>, now: Instant) -> Result<(), ServiceError> {
    let unit = book.store.write(Lane::Work, move |tx| {
        Box::pin(async move {
            let mut entries = Vec::new();
            for one in planned {
                let ours = match &one.failed {
                    Some(why) => triggers::set_aside(tx, one.claimed, why).await?,
                    None => triggers::finish(tx, one.claimed).await?,
                };
                if ours {
                    entries.extend(one.entries.iter().cloned());
                }
            }
            let whose: Vec<CustomerId> = entries.iter().map(|entry| entry.new.customer_id).collect();
            if let_in(tx, now, entries).await? > 0 {
                stop_loops(tx, now, &whose).await?;
            }
            Ok(())
        })
    });
    unit.await.map_err(|error: StoreError| error.into())
}

/// Stops entries that are one too many of their customer's local day: campaigns that feed each other. Only what triggers let in can
/// go round, and what goes round comes through here.
async fn stop_loops(tx: &Tx, now: Instant, whose: &[CustomerId]) -> Result<(), StoreError> {
    let whose = customers::zones(tx, whose).await?;
    let begins = |zone: &Tz| Instant::first_of(now.local_date(*zone), *zone);
    let Some(earliest) = whose.values().map(begins).min() else { return Ok(()) };
    let people = whose.keys().copied().collect();
    for (customer, entries) in enrollments::entries_since(tx, &people, earliest).await? {
        let day = whose.get(&customer).map_or(earliest, begins);
        let stopped = enrollments::stop_loop(tx, &guard::too_many(day, entries), now).await?;
        if stopped > 0 {
            metrics::counter!("kinkeeper_loops_total").increment(stopped);
            tracing::error!(customer.id = %customer, stopped, "a customer enters campaigns in a loop and is stopped");
        }
    }
    Ok(())
}

/// Whom these triggers let in, by trigger. What keeps one from being worked off is added to `broken`.
async fn entries(
    book: &Book,
    queued: Vec<Queued>,
    broken: &mut HashMap<i64, String>,
    now: Instant,
) -> Result<HashMap<i64, Vec<Entry>>, ServiceError> {
    let go_live_at = meta::go_live_at(book.store.reader()).await?;
    let shop = shop(book).await?;
    let mut open = Listening::default();
    let mut heard = Vec::new();
    for item in queued.iter().filter(|q| go_live_at.is_some_and(|live| q.trigger.cause_at >= live)) {
        heard.extend(open.to(book, item).await?.iter().map(|campaign| (item, campaign.clone())));
    }
    let versions = definitions::of(book, heard.iter().map(|(_, campaign)| campaign.version_id)).await?;
    let mut candidates: BTreeMap<CampaignVersionId, Vec<Candidate<'_>>> = BTreeMap::new();
    for (item, campaign) in heard {
        let found = versions.get(campaign.version_id).map_err(str::to_owned);
        match found.and_then(|definition| candidate(&shop, &campaign, definition, item)) {
            Ok(Some(one)) => candidates.entry(campaign.version_id).or_default().push(one),
            Ok(None) => {}
            Err(why) => drop(broken.insert(item.id, why)),
        }
    }
    let mut entries: HashMap<i64, Vec<Entry>> = HashMap::new();
    for (version, candidates) in candidates {
        let Ok(definition) = versions.get(version) else { continue };
        let people: HashMap<CustomerId, Option<Tz>> =
            candidates.iter().map(|one| (one.item.customer_id, one.item.zone)).collect();
        let people: Vec<_> = people.into_iter().collect();
        let judged = judge(book, definition, &people, now).await?;
        for Candidate { item, new } in candidates {
            if let Some(why) = judged.broken.get(&item.customer_id) {
                broken.insert(item.id, why.clone());
            } else if judged.inside.contains(&item.customer_id) {
                entries.entry(item.id).or_default().push(Entry { new, reentry: definition.reentry });
            }
        }
    }
    Ok(entries)
}

/// The campaigns that listen, each kind and key asked for once a batch.
#[derive(Default)]
struct Listening(HashMap<(&'static str, String), Vec<Open>>);

impl Listening {
    async fn to(&mut self, book: &Book, item: &Queued) -> Result<&[Open], ServiceError> {
        let (kind, key) = (item.trigger.kind, &item.trigger.key);
        Ok(match self.0.entry((kind, key.clone())) {
            hash_map::Entry::Occupied(found) => found.into_mut(),
            hash_map::Entry::Vacant(vacant) => {
                vacant.insert(listening(book.store.reader(), kind, key).await?)
            }
        })
    }
}

/// A trigger that is what a campaign waits for: the customer enters if the audience takes them in.
struct Candidate<'q> {
    item: &'q Queued,
    new: NewEnrollment,
}

/// Whether a trigger is what a campaign waits for, or why that can't be told.
fn candidate<'q>(
    shop: &Shop,
    campaign: &Open,
    definition: &Definition,
    item: &'q Queued,
) -> Result<Option<Candidate<'q>>, String> {
    let trigger = &item.trigger;
    let occasion_key = match &definition.trigger {
        Trigger::Tag(wanted) if wanted.fits(trigger.from.as_deref(), trigger.to.as_deref()) => {
            let after = trigger.payload["last_order_id"].as_str();
            tag_key(&trigger.key, after, trigger.cause_at, shop)
        }
        Trigger::Event(wanted) if fits_ticket(wanted, item, shop)? => trigger.origin_key.clone(),
        _ => return Ok(None),
    };
    let new = NewEnrollment {
        campaign_id: campaign.id,
        version_id: campaign.version_id,
        customer_id: item.customer_id,
        occasion_key,
        cause_at: trigger.cause_at,
        payload: trigger.payload.clone(),
    };
    Ok(Some(Candidate { item, new }))
}

/// Whether the ticket an event is about is one the campaign waits for.
fn fits_ticket(wanted: &EventTrigger, item: &Queued, shop: &Shop) -> Result<bool, String> {
    let Some(when) = &wanted.when else { return Ok(true) };
    let ticket: Ticket = serde_json::from_value(item.trigger.payload.clone())
        .map_err(|error| format!("trigger_queue.payload of row {} isn't a ticket: {error}", item.id))?;
    Ok(when.holds(&ticket, shop.currency))
}

/// The natural key of a tag's entry: for churn the order after which nothing came.
pub fn tag_key(tag: &str, last_order: Option<&str>, cause_at: Instant, shop: &Shop) -> String {
    let key = match (tag, last_order) {
        ("churn_risk" | "churn_early", Some(order)) => OccasionKey::after_order(order),
        (tag, _) => OccasionKey::tag_entry(tag, cause_at.local_date(shop.zone)),
    };
    key.as_str().to_owned()
}
