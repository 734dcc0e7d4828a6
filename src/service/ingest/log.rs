//! From what was said to rows of the log: new by its message, somebody's, and effective or a resend.

use super::read::{About, Origin, Slice};
use crate::service::identity;
use crate::store::customers::Whose;
use crate::store::facts::{self, EffectKey, NewEvent, Taken};
use crate::store::orders::Foreign;
use crate::store::quarantine::{Came, Refused};
use crate::store::resolution::{self, Resolved};
use crate::store::{StoreError, Tx, clusters, erasure};
use domain::customer::identity::{Merge, Name};
use domain::event::{Detail, Fact, Named, Said, When, occurred_at, refund_key};
use domain::ids::EventId;
use domain::time::{Instant, MachineInstant};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashSet};

/// An event as it stands in the log now, with what it said.
pub(super) struct Logged<'a> {
    /// Its place in the slice.
    pub place: usize,
    pub said: &'a Said,
    pub id: EventId,
    pub message_id: String,
    pub whose: Whose,
    pub occurred_at: Instant,
    /// `<shop key>:<order id>`.
    pub order_key: Option<String>,
    /// A refund's key, or `<shop key>:<id>` of the ticket, shipment, review, answer or contact.
    pub ref_key: Option<String>,
    pub effective: bool,
}

/// What became of a slice's events.
pub(super) struct Appended<'a> {
    /// New, and in the log now.
    pub logged: Vec<Logged<'a>>,
    /// Places of what comes too late of people who were erased: taken in and dropped.
    pub dropped: BTreeSet<usize>,
}

/// Logs what is new, in the slice's order, and gives it.
pub(super) async fn append<'a>(
    tx: &Tx,
    slice: &'a Slice,
    received_at: Instant,
    machine: MachineInstant,
) -> Result<Appended<'a>, StoreError> {
    let came = slice.first_came.unwrap_or(Came { received_at, machine_at: machine });
    let dropped = of_erased(tx, slice, came).await?;
    let fresh = new_messages(tx, slice, &dropped).await?;
    let shop = &slice.origin.shop;
    let named: Vec<Vec<Name>> = fresh.iter().map(|new| new.said.names(&shop.shop.id_namespace)).collect();
    let Resolved { people, merges } = match &slice.about {
        About::One(customer) => resolution::resolve_about(tx, shop, *customer, &named, received_at).await?,
        About::Named => resolution::resolve(tx, shop, &named, received_at, slice.import).await?,
        About::Each(of) => {
            resolution::known_already(tx, fresh.iter().map(|new| of[new.place]).collect()).await?
        }
    };
    for Merge { into, from, by } in merges {
        let why = json!({ "named_together_by": by.as_str(), "source": slice.origin.source.key });
        identity::become_one(tx, received_at, into, from, "kinkeeper", why).await?;
    }
    let mut logged: Vec<Logged<'_>> = fresh
        .into_iter()
        .zip(people)
        .map(|(New { place, id, message_id, said }, whose)| {
            let occurred_at = occurred_at(said.timestamp, said.sent_at, came.received_at, came.machine_at);
            let message = (slice.origin.source.key.as_str(), message_id.as_str());
            let (order_key, ref_key) = keys(said, occurred_at, message, &shop.shop.key);
            let effective = true;
            Logged { place, said, id, message_id, whose, occurred_at, order_key, ref_key, effective }
        })
        .collect();
    let effects: Vec<_> = logged.iter().filter_map(|event| Some((effect(event)?, event.id))).collect();
    let once: HashSet<EventId> = effects.iter().map(|(_, id)| *id).collect();
    let effective = facts::claim_effects(tx, shop.id, effects).await?;
    for event in &mut logged {
        event.effective = !once.contains(&event.id) || effective.contains(&event.id);
    }
    let (source, historical, import) = (slice.origin.source.id, slice.historical, slice.import);
    let taken = Taken { source, received_at, historical, import };
    facts::append(tx, taken, logged.iter().map(row).collect()).await?;
    Ok(Appended { logged, dropped })
}

/// Events about somebody who was erased, of before that: by their user id, or without one by any of their names, or by a
/// message that was about them. Who has come back since then is somebody new.
async fn of_erased(tx: &Tx, slice: &Slice, came: Came) -> Result<BTreeSet<usize>, StoreError> {
    if !erasure::anybody(tx).await? {
        return Ok(BTreeSet::new());
    }
    let namespace = &slice.origin.shop.shop.id_namespace;
    let names: Vec<Vec<Name>> = slice.said.iter().map(|said| said.names(namespace)).collect();
    let until = erasure::erased_until(tx, &names.concat()).await?;
    let messages: Vec<&str> = slice.said.iter().filter_map(|said| said.message_id.as_deref()).collect();
    let known = erasure::messages_known(tx, slice.origin.source.id, &messages).await?;
    let late = |(said, names): (&Said, &Vec<Name>)| {
        let at = occurred_at(said.timestamp, said.sent_at, came.received_at, came.machine_at);
        // Names go from the strongest; whom a user id names, others said beside it don't.
        let own = if said.user_id.is_some() { names.get(..1).unwrap_or_default() } else { names };
        own.iter().filter_map(|name| until.get(name)).any(|until| at <= *until)
            || said.message_id.as_ref().is_some_and(|id| known.contains(id))
    };
    let places = slice.said.iter().zip(&names).enumerate();
    Ok(places.filter(|(_, pair)| late(*pair)).map(|(place, _)| place).collect())
}

/// Those of a slice's refused events that may be kept: nothing is, of what people said to have done before they were erased.
pub(super) async fn keepable(
    tx: &Tx,
    origin: &Origin,
    came: Came,
    refused: &[Refused],
) -> Result<Vec<Refused>, StoreError> {
    if refused.is_empty() {
        return Ok(Vec::new());
    }
    // Whoever is erasing somebody is waited for.
    clusters::pass(tx).await?;
    if !erasure::anybody(tx).await? {
        return Ok(refused.to_vec());
    }
    let shop = &origin.shop.shop;
    let named: Vec<Named> =
        refused.iter().map(|one| Named::read(&one.payload, &shop.id_namespace, shop.zone)).collect();
    let names: Vec<Name> = named.iter().flat_map(|one| one.names.clone()).collect();
    let until = erasure::erased_until(tx, &names).await?;
    let messages: Vec<&str> = refused.iter().filter_map(|one| one.message_id.as_deref()).collect();
    let known = erasure::messages_known(tx, origin.source.id, &messages).await?;
    let late = |one: &Refused, named: &Named| {
        let at = match named.said_at {
            When::Unsaid => came.received_at,
            When::At(at) => occurred_at(Some(at), None, came.received_at, came.machine_at),
            // Nobody can say that it was later.
            When::Unreadable => Instant::MIN,
        };
        named.own().iter().filter_map(|name| until.get(name)).any(|until| at <= *until)
            || one.message_id.as_ref().is_some_and(|id| known.contains(id))
    };
    let kept = refused.iter().zip(&named).filter(|(one, named)| !late(one, named));
    Ok(kept.map(|(one, _)| one.clone()).collect())
}

/// An event that nobody had said before.
struct New<'a> {
    place: usize,
    id: EventId,
    message_id: String,
    said: &'a Said,
}

/// Claims the message ids: of several events with one id, here or before, the first one has it.
async fn new_messages<'a>(
    tx: &Tx,
    slice: &'a Slice,
    dropped: &BTreeSet<usize>,
) -> Result<Vec<New<'a>>, StoreError> {
    let ids = facts::fresh_event_ids(tx, slice.said.len()).await?;
    let mut seen = HashSet::new();
    let candidates: Vec<New<'_>> = ids
        .into_iter()
        .zip(slice.said.iter().enumerate())
        .map(|(id, (place, said))| {
            let message_id = said.message_id.clone().unwrap_or_else(|| id.to_string());
            New { place, id, message_id, said }
        })
        .filter(|new| !dropped.contains(&new.place) && seen.insert(new.message_id.clone()))
        .collect();
    let messages = candidates.iter().map(|new| (new.message_id.clone(), new.id)).collect();
    let mine = facts::claim_messages(tx, slice.origin.source.id, messages).await?;
    Ok(candidates.into_iter().filter(|new| mine.contains(&new.id)).collect())
}

/// An order or ticket id within its shop.
fn within(shop: &str, id: &str) -> String {
    format!("{shop}:{id}")
}

/// What stands for a message where its own id may not: a sender may write into that whom it is about.
pub(super) fn of_message(source: &str, message_id: &str) -> String {
    let digest = Sha256::digest(format!("{source}\0{message_id}"));
    let hex: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("{source}:{hex}")
}

/// What an event is about, by which it is found again: its order, and the refund, ticket, shipment, review,
/// answer or contact. Answers, reviews and contacts without an id of their own are named by their message.
fn keys(
    said: &Said,
    occurred_at: Instant,
    message: (&str, &str),
    shop: &str,
) -> (Option<String>, Option<String>) {
    let order = said.order_id.as_ref().map(|id| within(shop, id));
    let subject = said.subject_id.as_ref().map(|id| within(shop, id));
    let reference = match (&said.fact, &said.detail) {
        (Fact::OrderRefunded { .. }, _) => refund_key(said, occurred_at),
        (_, Some(Detail::Review(_) | Detail::Feedback(_) | Detail::Contact(_))) => {
            let (source, message_id) = message;
            subject.or_else(|| Some(within(shop, &format!("~{}", of_message(source, message_id)))))
        }
        _ => subject,
    };
    (order, reference)
}

/// The business key of facts that count once.
fn effect(event: &Logged<'_>) -> Option<EffectKey> {
    let kind = match &event.said.fact {
        Fact::Custom { name } if name == "Order Placed" => "placed",
        Fact::OrderCompleted { .. } => "completed",
        Fact::OrderCancelled { .. } => "cancelled",
        Fact::OrderRefunded { .. } => "refunded",
        _ => return None,
    };
    let ref_key = if kind == "refunded" { event.ref_key.clone().unwrap_or_default() } else { String::new() };
    Some(EffectKey { order_key: event.order_key.clone().unwrap_or_default(), kind, ref_key })
}

/// As the store writes it down.
pub(super) fn stored(foreign: &domain::event::Foreign) -> Foreign {
    let currency = foreign.currency.as_str().to_owned();
    Foreign { currency, minor: foreign.minor, rate: foreign.rate.units() }
}

fn row(event: &Logged<'_>) -> NewEvent {
    let said = event.said;
    let amount_minor = match &said.fact {
        Fact::OrderCompleted { total_minor, .. } | Fact::OrderUpdated { total_minor, .. } => {
            Some(*total_minor)
        }
        Fact::OrderRefunded { amount_minor, .. } => *amount_minor,
        _ => match &said.detail {
            Some(Detail::Ticket(patch)) => patch.amount_minor,
            _ => None,
        },
    };
    let mut properties = said.properties.clone();
    if let Fact::ConsentChanged { channel, purpose, granted } = &said.fact {
        // Senders spell this in several ways; the log in one.
        properties.insert("channel".to_owned(), json!(channel));
        properties.insert("purpose".to_owned(), json!(purpose));
        properties.insert("granted".to_owned(), json!(granted));
    }
    NewEvent {
        id: event.id,
        whose: event.whose,
        message_id: event.message_id.clone(),
        kind: said.fact.name().to_owned(),
        occurred_at: event.occurred_at,
        effective: event.effective,
        order_key: event.order_key.clone(),
        ref_key: event.ref_key.clone(),
        amount_minor,
        foreign: said.foreign.as_ref().map(stored),
        fact: said.detail.as_ref().map(|detail| json!(detail).to_string()),
        properties: text(properties),
        personal: (!said.personal.is_empty()).then(|| text(said.personal.clone())),
    }
}

fn text(map: Map<String, Value>) -> String {
    Value::Object(map).to_string()
}
