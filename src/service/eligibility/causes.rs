//! What started a campaign for somebody, or will if nothing new happens, as the book knows it.

use super::Person;
use crate::service::shop::Shop;
use crate::service::{Book, ServiceError, planning, rules};
use crate::store::campaigns::CampaignRow;
use crate::store::causes::{self, SlotLine, TagStep};
use crate::store::{customers, facts, tickets};
use chrono::NaiveDateTime;
use chrono_tz::Tz;
use domain::campaign::definition::{Definition, EventTrigger, TagTrigger, Trigger};
use domain::campaign::entry::{Cause, Known, Planning};
use domain::customer::{Bearer, CustomerFacts};
use domain::event::Ticket;
use domain::ids::CustomerId;
use domain::tag::Evaluation;
use domain::time::Instant;
use std::collections::{HashMap, HashSet};

/// The newest cause there is for somebody, and when the next one comes if nothing new happens.
#[derive(Debug, Clone, Default)]
pub struct Found {
    pub cause: Option<Cause>,
    pub expected: Option<Instant>,
}

/// What is known for one customer. `used` are the occasion keys of their entries.
pub async fn of_person(
    book: &Book,
    shop: &Shop,
    row: &CampaignRow,
    definition: &Definition,
    person: Person,
    used: &[&str],
    now: Instant,
) -> Result<Found, ServiceError> {
    match &definition.trigger {
        Trigger::Tag(tag) => {
            let is_used = |_: CustomerId, key: &str| used.contains(&key);
            let cause = of_tag(book, shop, tag, &[person.id], is_used).await?.remove(&person.id);
            let expected = expected(book, shop, tag, &[person], now).await?.remove(&person.id);
            Ok(Found { cause, expected })
        }
        Trigger::Occasion(occasion) => {
            let zone = person.zone.unwrap_or(shop.zone);
            let slots = causes::slots(book.store.reader(), row.id, 4).await?;
            let cause = slots.iter().find_map(|slot| of_slot(slot, zone, now));
            let after = cause.as_ref().map_or(now, |cause| now.max(cause.at));
            let expected = occasion.solar.next_slot(after, zone).map(|slot| slot.at);
            Ok(Found { cause, expected })
        }
        Trigger::Event(event) => {
            Ok(Found { cause: of_event(book, shop, event, person.id).await?, expected: None })
        }
    }
}

/// The newest change of the tag that starts the campaign, for each customer who had one. `used` says whether
/// an entry of theirs has an occasion key already.
pub async fn of_tag(
    book: &Book,
    shop: &Shop,
    tag: &TagTrigger,
    customers: &[CustomerId],
    used: impl Fn(CustomerId, &str) -> bool,
) -> Result<HashMap<CustomerId, Cause>, ServiceError> {
    let db = book.store.reader();
    let waiting = causes::queued(db, "tag", &tag.key, customers).await?;
    let steps = causes::tag_steps(db, &tag.key, customers).await?;
    let newest = |steps: Vec<TagStep>| {
        steps.into_iter().rfind(|step| tag.fits(step.from.as_deref(), step.to.as_deref()))
    };
    let found = steps.into_iter().filter_map(|(id, steps)| newest(steps).map(|step| (id, step)));
    Ok(found
        .map(|(id, step)| {
            let key = planning::tag_key(&tag.key, step.last_order.as_deref(), step.since, shop);
            let cause = Cause {
                at: step.since,
                known_at: step.recorded_at,
                known: if step.historical { Known::AfterTheFact } else { Known::Live },
                planning: planning(&waiting, id),
                occasion_used: used(id, &key),
            };
            (id, cause)
        })
        .collect())
}

fn planning(waiting: &HashSet<CustomerId>, id: CustomerId) -> Planning {
    if waiting.contains(&id) { Planning::Waits } else { Planning::Over }
}

/// When each customer's tag next changes so that the campaign starts, if no new fact comes.
pub async fn expected(
    book: &Book,
    shop: &Shop,
    tag: &TagTrigger,
    people: &[Person],
    now: Instant,
) -> Result<HashMap<CustomerId, Instant>, ServiceError> {
    let catalogue = rules::catalogue(book).await?;
    let ids: Vec<CustomerId> = people.iter().map(|person| person.id).collect();
    let events = facts::events_of(book.store.reader(), &ids, now, &catalogue.wanted_for(&[])).await?;
    let bearers = customers::bearers(book.store.reader(), &ids, shop.zone).await?;
    let next = |person: &Person| {
        let facts = CustomerFacts::fold(events.get(&person.id).map_or(&[][..], Vec::as_slice));
        let unknown = Bearer { id: person.id, ..Bearer::consumer(person.zone.unwrap_or(shop.zone)) };
        let bearer = bearers.get(&person.id).copied().unwrap_or(unknown);
        let all = Evaluation::of(&catalogue, &facts, bearer, now);
        all.value(&tag.key).and_then(|line| tag.next_in(line, now)).map(|at| (person.id, at))
    };
    Ok(people.iter().filter_map(next).collect())
}

/// A slot that has come, or was planned ahead of its time.
fn of_slot(slot: &SlotLine, zone: Tz, now: Instant) -> Option<Cause> {
    let nominal = NaiveDateTime::parse_from_str(&slot.slot, "%Y-%m-%dT%H:%M:%S").ok()?;
    let at = Instant::at_local(nominal, zone);
    let planning = match slot.state.as_str() {
        "scheduled" if at > now => return None,
        "scheduled" | "open" => Planning::Waits,
        "missed" => Planning::Missed(slot.reason.clone().unwrap_or_default()),
        _ => Planning::Over,
    };
    // It was put down when the campaign began to run, so it can't be from before that.
    Some(Cause { at, known_at: Instant::MAX, known: Known::Live, planning, occasion_used: false })
}

/// Most events of one name that are looked through for one that fits.
const MOST_EVENTS: i64 = 20;

/// The newest event of the campaign's name whose ticket, as it stands, is what the campaign asks for.
async fn of_event(
    book: &Book,
    shop: &Shop,
    wanted: &EventTrigger,
    customer: CustomerId,
) -> Result<Option<Cause>, ServiceError> {
    let db = book.store.reader();
    let events = causes::events(db, customer, &wanted.name, MOST_EVENTS).await?;
    let tickets = tickets::list(db, &[customer]).await?.remove(&customer).unwrap_or_default();
    let fits = |key: Option<&str>| {
        let Some(when) = &wanted.when else { return true };
        let ticket = tickets.iter().find(|ticket| Some(ticket.ticket_key.as_str()) == key);
        when.holds(&ticket.map(as_asked).unwrap_or_default(), shop.currency)
    };
    let Some(event) = events.into_iter().find(|event| fits(event.ticket_key.as_deref())) else {
        return Ok(None);
    };
    let waiting = causes::queued(db, "event", &wanted.name, &[customer]).await?;
    Ok(Some(Cause {
        at: event.occurred_at,
        known_at: event.received_at,
        known: if event.historical { Known::AfterTheFact } else { Known::Live },
        planning: planning(&waiting, customer),
        occasion_used: false,
    }))
}

/// A ticket as campaigns ask about it.
pub(super) fn as_asked(row: &tickets::TicketRow) -> Ticket {
    Ticket {
        ticket_id: row.ticket_key.clone(),
        order_id: row.order_key.clone(),
        complaint: row.complaint,
        important: row.important,
        complex: row.complex,
        amount_minor: row.amount_minor,
        category: row.category.clone(),
        severity: row.severity.clone(),
        channel: row.channel.clone(),
        ..Ticket::default()
    }
}
