//! Who enters a campaign, and when: `occurrences` plans the slots of its schedule page by page over the whole
//! book, `triggers` what keeper and ingest queued. Enrollment is unique by campaign, customer and occasion, so
//! planning again changes nothing. What happens to somebody inside is `journeys`.

mod occurrences;
mod triggers;

pub use occurrences::coming_slots;
pub use triggers::tag_key;

use super::shop::shop;
use super::{Book, ServiceError, definitions, keeping};
use crate::store::enrollments::{self, NewEnrollment};
use crate::store::{Store, StoreError, Tx, facts, waiting};
use chrono_tz::Tz;
use domain::campaign::definition::{Audience, Definition, Reentry};
use domain::customer::CustomerFacts;
use domain::ids::{CampaignVersionId, CustomerId};
use domain::rule;
use domain::tag::{Catalogue, Evaluation};
use domain::time::Instant;
use std::collections::HashSet;
use std::sync::Arc;

/// When the planner is due next.
pub async fn next_due(store: &Store) -> Result<Option<Instant>, ServiceError> {
    Ok(store.earliest_due(&[waiting::TRIGGERS, waiting::OCCURRENCES]).await?)
}

/// Works off what is due; gives how many triggers and customers were looked at.
pub async fn plan_due(book: &Book, now: Instant, limit: i64) -> Result<u64, ServiceError> {
    Ok(triggers::plan(book, now, limit).await? + occurrences::plan(book, now, limit).await?)
}

async fn definition(book: &Book, id: CampaignVersionId) -> Result<Arc<Definition>, ServiceError> {
    let mut found = definitions::of(book, [id]).await?;
    found.remove(&id).ok_or_else(|| ServiceError::Internal(format!("campaign_version {} is gone", id.0)))
}
/// Which of these customers the audience takes in at `now`.
pub(super) async fn audience(
    book: &Book,
    definition: &Definition,
    customers: &[(CustomerId, Option<Tz>)],
    now: Instant,
) -> Result<HashSet<CustomerId>, ServiceError> {
    let Audience::Rule(tree) = &definition.audience else {
        return Ok(customers.iter().map(|(id, _)| *id).collect());
    };
    let rule = rule::parse(tree).map_err(ServiceError::Invalid)?;
    let catalogue = keeping::catalogue(book).await?;
    let shop = shop(book).await?;
    let ids: Vec<CustomerId> = customers.iter().map(|(id, _)| *id).collect();
    let events = facts::events_of(book.store.reader(), &ids, now).await?;
    Ok(customers
        .iter()
        .filter(|(id, zone)| {
            let events = events.get(id).map_or(&[][..], Vec::as_slice);
            holds(&catalogue, &rule, events, zone.unwrap_or(shop.zone), now)
        })
        .map(|(id, _)| *id)
        .collect())
}

fn holds(
    catalogue: &Catalogue,
    rule: &rule::Rule,
    events: &[domain::event::Event],
    zone: Tz,
    now: Instant,
) -> bool {
    let facts = CustomerFacts::fold(events);
    *Evaluation::of(catalogue, &facts, zone).eval(rule).at(now)
}

/// Somebody about to enter, and how long after the last time they may.
struct Entry {
    new: NewEnrollment,
    reentry: Reentry,
}

/// Lets in whom their campaigns let in again. Decided while the customers are held, so that neither two causes
/// of one batch nor two planners can each take theirs for the first.
async fn let_in(tx: &Tx, now: Instant, mut entries: Vec<Entry>) -> Result<u64, StoreError> {
    let bound = || entries.iter().filter(|entry| entry.reentry.cool_down.is_some()).map(|entry| &entry.new);
    let campaigns = bound().map(|new| new.campaign_id).collect();
    let customers = bound().map(|new| new.customer_id).collect();
    let mut last = enrollments::hold_last_entries(tx, &campaigns, &customers).await?;
    entries.sort_by_key(|entry| entry.new.cause_at);
    let mut admitted = Vec::with_capacity(entries.len());
    for Entry { new, reentry } in entries {
        let whose = (new.campaign_id, new.customer_id);
        if reentry.allows(last.get(&whose).copied(), new.cause_at) {
            let last = last.entry(whose).or_insert(new.cause_at);
            *last = new.cause_at.max(*last);
            admitted.push(new);
        }
    }
    enrollments::enter(tx, now, admitted).await
}
