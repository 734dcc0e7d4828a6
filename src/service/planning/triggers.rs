//! What keeper and ingest queued: which campaigns listen to it, and whom it lets in.

use super::{audience, definition};
use crate::service::shop::{Shop, shop};
use crate::service::{Book, ServiceError};
use crate::store::definitions::{Open, listening};
use crate::store::enrollments::{self, NewEnrollment};
use crate::store::triggers::{self, Queued};
use crate::store::{Lane, StoreError, meta, waiting};
use domain::campaign::definition::{TagChange, TagTrigger, Trigger};
use domain::campaign::occasion_key::OccasionKey;
use domain::event::Ticket;
use domain::time::Instant;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Works off queued triggers; gives how many.
pub async fn plan(book: &Book, now: Instant, limit: i64) -> Result<u64, ServiceError> {
    if book.store.next_due(waiting::TRIGGERS).await?.is_none_or(|due| due > now) {
        return Ok(0);
    }
    let claimed = book.store.claim(waiting::TRIGGERS, now, &book.lease, limit).await?;
    let queued = triggers::load(book.store.reader(), &claimed).await?;
    let go_live_at = meta::go_live_at(book.store.reader()).await?;
    let shop = shop(book).await?;
    let mut open = Listening::default();
    let mut entries = Vec::new();
    for item in queued.iter().filter(|q| go_live_at.is_some_and(|live| q.trigger.cause_at >= live)) {
        for campaign in open.to(book, item).await? {
            entries.extend(entry(book, &shop, campaign, item, now).await?);
        }
    }
    let done = claimed.len() as u64;
    book.store
        .write(Lane::Work, move |tx| {
            Box::pin(async move {
                for claimed in claimed {
                    triggers::finish(tx, claimed).await?;
                }
                enrollments::enter(tx, now, entries).await
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
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(vacant) => vacant.insert(listening(book.store.reader(), kind, key).await?),
        })
    }
}

/// The entry that one trigger makes into one campaign, if it does.
async fn entry(
    book: &Book,
    shop: &Shop,
    campaign: &Open,
    item: &Queued,
    now: Instant,
) -> Result<Option<NewEnrollment>, ServiceError> {
    let definition = definition(book, campaign.version_id).await?;
    let trigger = &item.trigger;
    let key = match &definition.trigger {
        Trigger::Tag(wanted) if fits(wanted, trigger.from.as_deref(), trigger.to.as_deref()) => {
            tag_key(item, shop)
        }
        Trigger::Event(wanted) => {
            let ticket: Ticket = serde_json::from_value(trigger.payload.clone()).unwrap_or_default();
            if wanted.when.as_ref().is_some_and(|when| !when.holds(&ticket, shop.currency)) {
                return Ok(None);
            }
            trigger.origin_key.clone()
        }
        _ => return Ok(None),
    };
    let last = enrollments::last_entries(book.store.reader(), campaign.id, &[item.customer_id]).await?;
    if !definition.reentry.allows(last.get(&item.customer_id).copied(), trigger.cause_at) {
        return Ok(None);
    }
    let inside = audience(book, &definition, &[(item.customer_id, None)], now).await?;
    Ok(inside.contains(&item.customer_id).then(|| NewEnrollment {
        campaign_id: campaign.id,
        version_id: campaign.version_id,
        customer_id: item.customer_id,
        occasion_key: key,
        cause_at: trigger.cause_at,
        payload: trigger.payload.clone(),
    }))
}

fn fits(wanted: &TagTrigger, from: Option<&str>, to: Option<&str>) -> bool {
    let is =
        |wanted: &Option<String>, value: Option<&str>| wanted.as_deref().is_none_or(|w| value == Some(w));
    match &wanted.change {
        TagChange::Entered { value } => to.is_some() && is(value, to),
        TagChange::Left { value } => from.is_some() && from != to && is(value, from),
        TagChange::Changed { from: f, to: t } => is(f, from) && is(t, to),
    }
}

/// The natural key of a tag's entry: for churn the order after which nothing came.
fn tag_key(item: &Queued, shop: &Shop) -> String {
    let after = item.trigger.payload["last_order_id"].as_str();
    let key = match (item.trigger.key.as_str(), after) {
        ("churn_risk" | "churn_early", Some(order)) => OccasionKey::after_order(order),
        (tag, _) => OccasionKey::tag_entry(tag, item.trigger.cause_at.local_date(shop.zone)),
    };
    key.as_str().to_owned()
}
