//! Slots of schedules: each is planned page by page over the customers frozen at its start, or missed with its
//! reason, and puts the next one down.

use super::{Entry, judge, let_in};
use crate::service::shop::{Shop, shop};
use crate::service::{Book, ServiceError, definitions, poison};
use crate::store::enrollments::NewEnrollment;
use crate::store::occurrences::{self, NewOccurrence, Occurrence, OccurrenceState};
use crate::store::{Claimed, Lane, StoreError, Tx, meta, waiting};
use chrono::{NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use domain::campaign::definition::{Definition, Occasion, Reentry, Trigger};
use domain::ids::{CampaignId, CampaignVersionId, CustomerId};
use domain::time::{Instant, Span};
use std::collections::HashSet;

/// Plans the next page of every slot that is due; gives how many customers were looked at, plus slots ended. A
/// slot that can't be planned is missed as `broken`, and the others go on.
pub async fn plan(book: &Book, now: Instant, page: i64) -> Result<u64, ServiceError> {
    if book.store.next_due(waiting::OCCURRENCES).await?.is_none_or(|due| due > now) {
        return Ok(0);
    }
    let claimed = book.store.claim(waiting::OCCURRENCES, now, &book.lease, 8).await?;
    let db = book.store.reader();
    let read = poison::read_apart(&claimed, |some| async move { occurrences::load(db, &some).await }).await?;
    let versions = definitions::of(book, read.sound.iter().map(|o| o.version_id)).await?;
    let shop = shop(book).await?;
    let zones = zones(book, &shop).await?;
    let round = Round { shop, zones, go_live_at: meta::go_live_at(db).await?, now, page };
    let mut done = 0;
    for (claimed, why) in read.broken {
        done += break_off(book, claimed, &why, None).await?;
    }
    for occurrence in read.sound {
        let Some(claimed) = claimed.iter().find(|c| c.key == occurrence.id.0) else { continue };
        let definition = versions.get(occurrence.version_id);
        let following = definition.ok().and_then(|definition| round.behind(&occurrence, definition));
        let planned = match definition {
            Ok(definition) => {
                poison::work_apart(plan_page(book, &round, *claimed, occurrence, definition)).await
            }
            Err(why) => Err(ServiceError::Internal(why.to_owned())),
        };
        done += match planned {
            Ok(done) => done,
            Err(error @ ServiceError::Unavailable { .. }) => return Err(error),
            // Another version has taken it over, or another planner: it is due again for them.
            Err(ServiceError::Conflict(why)) => {
                tracing::warn!(occurrence.id = claimed.key, why, "a slot changed hands while it was planned");
                1
            }
            Err(error) => break_off(book, *claimed, &error.to_string(), following).await?,
        };
    }
    Ok(done)
}

/// What all slots of a batch share.
struct Round {
    shop: Shop,
    zones: Vec<Tz>,
    go_live_at: Option<Instant>,
    now: Instant,
    page: i64,
}

impl Round {
    /// The slot after one of which nothing is sure but when its planning was due.
    fn behind(&self, occurrence: &Occurrence, definition: &Definition) -> Option<NewOccurrence> {
        let Trigger::Occasion(occasion) = &definition.trigger else { return None };
        // No slot lies further behind the first midnight of its date on earth.
        let after = occurrence.due_at + Span::days(3);
        let next = next_slot(occasion, &self.shop, &self.zones, after)?;
        Some(next.of(occurrence.campaign_id, occurrence.version_id))
    }
}

async fn plan_page(
    book: &Book,
    round: &Round,
    claimed: Claimed,
    occurrence: Occurrence,
    definition: &Definition,
) -> Result<u64, ServiceError> {
    let Round { shop, zones, go_live_at, now, page } = round;
    let Trigger::Occasion(occasion) = &definition.trigger else {
        return Err(ServiceError::Internal(format!("{} has slots but no occasion", definition.key)));
    };
    let nominal = nominal(&occurrence)?;
    let following = next_slot(occasion, shop, zones, Instant::at_local(nominal, shop.zone))
        .map(|slot| slot.of(occurrence.campaign_id, occurrence.version_id));
    if let Some(reason) = missed(definition, nominal, zones, *go_live_at, *now) {
        miss(book, claimed, reason, following).await?;
        return Ok(1);
    }
    let frozen = match occurrence.state {
        OccurrenceState::Scheduled => open(book, claimed, following).await?,
        _ => occurrence.frozen,
    };
    let people = occurrences::page(book.store.reader(), occurrence.cursor, frozen, *page).await?;
    let judged = judge(book, definition, &people, *now).await?;
    for (id, why) in &judged.broken {
        let (customer, campaign) = (id.0, definition.key.as_str());
        tracing::error!(
            customer.id = customer,
            campaign.key = campaign,
            why,
            "a customer is left out of a slot"
        );
    }
    let slots =
        Slots { occurrence, nominal, zone: shop.zone, reentry: definition.reentry, go_live_at: *go_live_at };
    let entries = slots.entries(&people, &judged.inside);
    let (looked_at, last, now) = (people.len() as u64, people.last().map(|(id, _)| *id), *now);
    book.store
        .write(Lane::Work, move |tx| {
            Box::pin(async move {
                match last {
                    // Rows and cursor move together: a page is planned whole or not at all.
                    Some(last) => occurrences::advance(tx, claimed, last).await?,
                    None => occurrences::end(tx, claimed, None).await?,
                }
                let_in(tx, now, entries).await
            })
        })
        .await
        .map_err(|e: StoreError| e)?;
    Ok(looked_at + 1)
}

/// Ends a slot that can't be planned, and puts the next one down where it is known.
async fn break_off(
    book: &Book,
    claimed: Claimed,
    why: &str,
    following: Option<NewOccurrence>,
) -> Result<u64, ServiceError> {
    tracing::error!(occurrence.id = claimed.key, why, "a slot can't be planned; it is missed");
    let unit = book.store.write(Lane::Work, move |tx| {
        Box::pin(async move {
            if occurrences::break_off(tx, claimed).await? {
                follow(tx, following).await?;
            }
            Ok::<_, StoreError>(())
        })
    });
    unit.await?;
    Ok(1)
}

/// A slot being planned: the same nominal time at each customer's own clock.
struct Slots {
    occurrence: Occurrence,
    nominal: NaiveDateTime,
    zone: Tz,
    reentry: Reentry,
    go_live_at: Option<Instant>,
}

impl Slots {
    /// Who of a page enters: in the audience, and with a slot that isn't before go-live.
    fn entries(&self, people: &[(CustomerId, Option<Tz>)], inside: &HashSet<CustomerId>) -> Vec<Entry> {
        people
            .iter()
            .filter(|(id, _)| inside.contains(id))
            .map(|(id, zone)| (id, Instant::at_local(self.nominal, zone.unwrap_or(self.zone))))
            .filter(|(_, at)| self.go_live_at.is_some_and(|live| *at >= live))
            .map(|(id, at)| NewEnrollment {
                campaign_id: self.occurrence.campaign_id,
                version_id: self.occurrence.version_id,
                customer_id: *id,
                occasion_key: self.occurrence.occasion_key.clone(),
                cause_at: at,
                payload: serde_json::json!({ "slot": self.occurrence.slot }),
            })
            .map(|new| Entry { new, reentry: self.reentry })
            .collect()
    }
}

/// Ends a slot unplanned, with its reason, and puts the next one down.
async fn miss(
    book: &Book,
    claimed: Claimed,
    reason: &'static str,
    following: Option<NewOccurrence>,
) -> Result<(), ServiceError> {
    let ended = book.store.write(Lane::Work, move |tx| {
        Box::pin(async move {
            occurrences::end(tx, claimed, Some(reason)).await?;
            follow(tx, following).await
        })
    });
    ended.await.map_err(|e: StoreError| e.into())
}

async fn open(
    book: &Book,
    claimed: Claimed,
    following: Option<NewOccurrence>,
) -> Result<CustomerId, ServiceError> {
    let opened = book.store.write(Lane::Work, move |tx| {
        Box::pin(async move {
            let frozen = occurrences::open(tx, claimed).await?;
            follow(tx, following).await?;
            Ok::<_, StoreError>(frozen)
        })
    });
    Ok(opened.await?)
}

async fn follow(tx: &Tx, following: Option<NewOccurrence>) -> Result<(), StoreError> {
    match following {
        Some(next) => occurrences::schedule(tx, next).await,
        None => Ok(()),
    }
}

/// Why a slot isn't planned at all, if so.
fn missed(
    definition: &Definition,
    nominal: NaiveDateTime,
    zones: &[Tz],
    go_live_at: Option<Instant>,
    now: Instant,
) -> Option<&'static str> {
    let last_end =
        zones.iter().map(|zone| definition.expires.at(Instant::at_local(nominal, *zone), *zone)).max();
    let last_slot = zones.iter().map(|zone| Instant::at_local(nominal, *zone)).max();
    match (go_live_at, last_slot, last_end) {
        (None, _, _) => Some("not_live"),
        (Some(live), Some(slot), _) if slot < live => Some("not_live"),
        (_, _, Some(end)) if now >= end => Some("too_late"),
        _ => None,
    }
}

/// How a slot's nominal time is written.
const SLOT: &str = "%Y-%m-%dT%H:%M:%S";

fn nominal(occurrence: &Occurrence) -> Result<NaiveDateTime, ServiceError> {
    NaiveDateTime::parse_from_str(&occurrence.slot, SLOT).map_err(|e| {
        ServiceError::Internal(format!(
            "occurrence.slot of row {}: \"{}\": {e}",
            occurrence.id.0, occurrence.slot
        ))
    })
}

async fn zones(book: &Book, shop: &Shop) -> Result<Vec<Tz>, ServiceError> {
    let mut zones = occurrences::zones(book.store.reader()).await?;
    zones.push(shop.zone);
    Ok(zones)
}

/// A slot to put down.
#[derive(Debug, Clone)]
pub struct NextSlot {
    slot: String,
    occasion_key: String,
    due_at: Instant,
}

impl NextSlot {
    fn of(self, campaign_id: CampaignId, version_id: CampaignVersionId) -> NewOccurrence {
        NewOccurrence {
            campaign_id,
            version_id,
            slot: self.slot,
            occasion_key: self.occasion_key,
            due_at: self.due_at,
        }
    }
}

/// Where a date begins first.
fn begins(date: NaiveDate, zones: &[Tz]) -> Option<Instant> {
    zones.iter().map(|zone| Instant::first_of(date, *zone)).min()
}

/// The first slot after `after` by the shop's clock. It is planned from where its date begins first.
fn next_slot(occasion: &Occasion, shop: &Shop, zones: &[Tz], after: Instant) -> Option<NextSlot> {
    let slot = occasion.solar.next_slot(after, shop.zone)?;
    let date = slot.nominal.date();
    let due_at = begins(date, zones)?;
    Some(NextSlot { slot: slot.nominal_text(), occasion_key: slot.occasion_key, due_at })
}

/// Somebody lives in these zones: the slots ahead are planned before their date begins there, too.
pub async fn live_in(tx: &Tx, zones: &[Tz]) -> Result<(), StoreError> {
    for (id, slot, due_at) in occurrences::ahead(tx).await? {
        // A slot that can't be read is told of when its planning is due.
        let date = NaiveDateTime::parse_from_str(&slot, SLOT).ok().map(|nominal| nominal.date());
        if let Some(begins) = date.and_then(|date| begins(date, zones)).filter(|begins| *begins < due_at) {
            occurrences::bring_forward(tx, id, begins).await?;
        }
    }
    Ok(())
}

/// The next two slots of a campaign about to run under a version, to be put down in the transaction that
/// starts it; none for campaigns without a schedule. A slot earlier on the present day still counts:
/// `expires` decides. Two, since the first may be done already under the version before.
pub async fn coming_slots(
    book: &Book,
    campaign_id: CampaignId,
    version_id: CampaignVersionId,
    definition: &Definition,
    now: Instant,
) -> Result<Vec<NewOccurrence>, ServiceError> {
    let Trigger::Occasion(occasion) = &definition.trigger else { return Ok(Vec::new()) };
    let shop = shop(book).await?;
    let zones = zones(book, &shop).await?;
    let start_of_day = Instant::first_of(now.local_date(shop.zone), shop.zone) - Span::micros(1);
    let first = occasion.solar.next_slot(start_of_day, shop.zone).map(|slot| slot.at);
    let afters = [Some(start_of_day), first];
    let slots = afters.into_iter().flatten().filter_map(|after| next_slot(occasion, &shop, &zones, after));
    Ok(slots.map(|slot| slot.of(campaign_id, version_id)).collect())
}
