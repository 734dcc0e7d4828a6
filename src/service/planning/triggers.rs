//! What keeper and ingest queued: which campaigns listen to it, and whom it lets in.

use super::{Entry, audience, definition, let_in};
use crate::service::shop::{Shop, shop};
use crate::service::{Book, ServiceError};
use crate::store::definitions::{self, Open};
use crate::store::enrollments::NewEnrollment;
use crate::store::triggers::{self, Queued};
use crate::store::{Lane, StoreError, meta, waiting};
use chrono_tz::Tz;
use domain::campaign::definition::{Definition, Trigger};
use domain::campaign::occasion_key::OccasionKey;
use domain::event::Ticket;
use domain::ids::{CampaignVersionId, CustomerId};
use domain::time::Instant;
use std::collections::{BTreeMap, HashMap, hash_map};
use std::sync::Arc;

/// Works off queued triggers; gives how many.
pub async fn plan(book: &Book, now: Instant, limit: i64) -> Result<u64, ServiceError> {
    if book.store.next_due(waiting::TRIGGERS).await?.is_none_or(|due| due > now) {
        return Ok(0);
    }
    let claimed = book.store.claim(waiting::TRIGGERS, now, &book.lease, limit).await?;
    let queued = triggers::load(book.store.reader(), &claimed).await?;
    let go_live_at = meta::go_live_at(book.store.reader()).await?;
    let shop = shop(book).await?;
    let mut listening = Listening::default();
    let mut candidates = Vec::new();
    for item in queued.iter().filter(|q| go_live_at.is_some_and(|live| q.trigger.cause_at >= live)) {
        for campaign in listening.to(book, item).await? {
            let definition = definition(book, campaign.version_id).await?;
            candidates.extend(candidate(&shop, campaign, definition, item));
        }
    }
    let entries = inside(book, candidates, now).await?;
    let done = claimed.len() as u64;
    book.store
        .write(Lane::Work, move |tx| {
            Box::pin(async move {
                for claimed in claimed {
                    triggers::finish(tx, claimed).await?;
                }
                let_in(tx, now, entries).await
            })
        })
        .await
        .map_err(|e: StoreError| e)?;
    Ok(done)
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
                vacant.insert(definitions::listening(book.store.reader(), kind, key).await?)
            }
        })
    }
}

/// A trigger that is what a campaign waits for: the customer enters if the audience takes them in.
struct Candidate {
    definition: Arc<Definition>,
    zone: Option<Tz>,
    new: NewEnrollment,
}

fn candidate(shop: &Shop, campaign: &Open, definition: Arc<Definition>, item: &Queued) -> Option<Candidate> {
    let trigger = &item.trigger;
    let occasion_key = match &definition.trigger {
        Trigger::Tag(wanted) if wanted.fits(trigger.from.as_deref(), trigger.to.as_deref()) => {
            let after = trigger.payload["last_order_id"].as_str();
            tag_key(&trigger.key, after, trigger.cause_at, shop)
        }
        Trigger::Event(wanted) => {
            let ticket: Ticket = serde_json::from_value(trigger.payload.clone()).unwrap_or_default();
            if wanted.when.as_ref().is_some_and(|when| !when.holds(&ticket, shop.currency)) {
                return None;
            }
            trigger.origin_key.clone()
        }
        _ => return None,
    };
    let new = NewEnrollment {
        campaign_id: campaign.id,
        version_id: campaign.version_id,
        customer_id: item.customer_id,
        occasion_key,
        cause_at: trigger.cause_at,
        payload: trigger.payload.clone(),
    };
    Some(Candidate { definition, zone: item.zone, new })
}

/// Those whom their campaign's audience takes in, asked once a campaign.
async fn inside(book: &Book, candidates: Vec<Candidate>, now: Instant) -> Result<Vec<Entry>, ServiceError> {
    let mut by_version: BTreeMap<CampaignVersionId, Vec<Candidate>> = BTreeMap::new();
    for candidate in candidates {
        by_version.entry(candidate.new.version_id).or_default().push(candidate);
    }
    let mut entries = Vec::new();
    for candidates in by_version.into_values() {
        let Some(definition) = candidates.first().map(|c| c.definition.clone()) else { continue };
        let people: HashMap<CustomerId, Option<Tz>> =
            candidates.iter().map(|c| (c.new.customer_id, c.zone)).collect();
        let people: Vec<_> = people.into_iter().collect();
        let inside = audience(book, &definition, &people, now).await?;
        let news = candidates.into_iter().map(|c| c.new).filter(|new| inside.contains(&new.customer_id));
        entries.extend(news.map(|new| Entry { new, reentry: definition.reentry }));
    }
    Ok(entries)
}

/// The natural key of a tag's entry: for churn the order after which nothing came.
pub fn tag_key(tag: &str, last_order: Option<&str>, cause_at: Instant, shop: &Shop) -> String {
    let key = match (tag, last_order) {
        ("churn_risk" | "churn_early", Some(order)) => OccasionKey::after_order(order),
        (tag, _) => OccasionKey::tag_entry(tag, cause_at.local_date(shop.zone)),
    };
    key.as_str().to_owned()
}
