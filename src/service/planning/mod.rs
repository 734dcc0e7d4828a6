//! Who enters a campaign, and when: `occurrences` plans the slots of its schedule page by page over the whole
//! book, `triggers` what keeper and ingest queued. Enrollment is unique by campaign, customer and occasion, so
//! planning again changes nothing. What happens to somebody inside is `journeys`.

mod occurrences;
mod triggers;

pub use occurrences::{coming_slots, live_in};
pub use triggers::tag_key;

use super::shop::shop;
use super::{Book, ServiceError, poison, rules};
use crate::store::enrollments::{self, NewEnrollment};
use crate::store::{Store, StoreError, Tx, clusters, customers, facts, waiting};
use chrono_tz::Tz;
use domain::campaign::definition::{Audience, Definition, Reentry};
use domain::customer::{Bearer, CustomerFacts};
use domain::event::Event;
use domain::ids::CustomerId;
use domain::rule;
use domain::tag::{Catalogue, Evaluation};
use domain::time::Instant;
use std::collections::{HashMap, HashSet};

/// When the planner is due next.
pub async fn next_due(store: &Store) -> Result<Option<Instant>, ServiceError> {
    Ok(store.earliest_due(&[waiting::TRIGGERS, waiting::OCCURRENCES]).await?)
}

/// Works off what is due; gives how many triggers and customers were looked at.
pub async fn plan_due(book: &Book, now: Instant, limit: i64) -> Result<u64, ServiceError> {
    Ok(triggers::plan(book, now, limit).await? + occurrences::plan(book, now, limit).await?)
}

/// Whom an audience takes in, and those it can't be said of, each with why.
#[derive(Default)]
struct Judged {
    inside: HashSet<CustomerId>,
    broken: HashMap<CustomerId, String>,
}

/// Which of these customers the audience takes in at `now`. One whose facts can't be read is an error.
pub(super) async fn audience(
    book: &Book,
    definition: &Definition,
    people: &[(CustomerId, Option<Tz>)],
    now: Instant,
) -> Result<HashSet<CustomerId>, ServiceError> {
    let judged = judge(book, definition, people, now).await?;
    match judged.broken.into_iter().next() {
        Some((id, why)) => Err(ServiceError::Internal(format!("the audience of customer {id}: {why}"))),
        None => Ok(judged.inside),
    }
}

/// As [`audience`], and a customer whose facts can't be read hurts nobody else.
async fn judge(
    book: &Book,
    definition: &Definition,
    people: &[(CustomerId, Option<Tz>)],
    now: Instant,
) -> Result<Judged, ServiceError> {
    let Audience::Rule(tree) = &definition.audience else {
        let inside = people.iter().map(|(id, _)| *id).collect();
        return Ok(Judged { inside, ..Judged::default() });
    };
    let rule = rule::parse(tree).map_err(ServiceError::Invalid)?;
    let catalogue = rules::catalogue(book).await?;
    let shop = shop(book).await?;
    let db = book.store.reader();
    let ids: Vec<CustomerId> = people.iter().map(|(id, _)| *id).collect();
    let bearers = customers::bearers(db, &ids, shop.zone).await?;
    let wanted = catalogue.wanted_for(&[&rule]);
    if wanted.records.points {
        super::reachability::prepare(book).await?;
    }
    let wanted = &wanted;
    let read = poison::read_apart(&ids, |ids| async move {
        Ok(facts::events_of(db, &ids, now, wanted).await?.into_iter().collect())
    });
    let read = read.await?;
    let events: HashMap<CustomerId, Vec<Event>> = read.sound.into_iter().collect();
    let mut judged = Judged { broken: read.broken.into_iter().collect(), ..Judged::default() };
    for (id, zone) in people {
        if judged.broken.contains_key(id) {
            continue;
        }
        let events = events.get(id).map_or(&[][..], Vec::as_slice);
        let unknown = Bearer { id: *id, ..Bearer::consumer(zone.unwrap_or(shop.zone)) };
        let bearer = bearers.get(id).copied().unwrap_or(unknown);
        match poison::decide_apart(|| holds(&catalogue, &rule, events, bearer, now)) {
            Ok(true) => drop(judged.inside.insert(*id)),
            Ok(false) => {}
            Err(why) => drop(judged.broken.insert(*id, why)),
        }
    }
    Ok(judged)
}

fn holds(catalogue: &Catalogue, rule: &rule::Rule, events: &[Event], bearer: Bearer, now: Instant) -> bool {
    let facts = CustomerFacts::fold(events);
    *Evaluation::of(catalogue, &facts, bearer, now).eval(rule).at(now)
}

/// Somebody about to enter, and how long after the last time they may.
#[derive(Debug, Clone)]
struct Entry {
    new: NewEnrollment,
    reentry: Reentry,
}

/// Lets in whom their campaigns let in again. Decided while the customers are held, so that neither two causes
/// of one batch nor two planners can each take theirs for the first.
async fn let_in(tx: &Tx, now: Instant, mut entries: Vec<Entry>) -> Result<u64, StoreError> {
    clusters::pass(tx).await?;
    let bound = || entries.iter().filter(|entry| entry.reentry.cool_down.is_some()).map(|entry| &entry.new);
    let campaigns = bound().map(|new| new.campaign_id).collect();
    let whose = bound().map(|new| new.customer_id).collect();
    let mut last = enrollments::hold_last_entries(tx, &campaigns, &whose).await?;
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
