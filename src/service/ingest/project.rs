//! What newly logged events change: orders, refunds, tickets, people, consents; who is due; what starts or
//! wakes because of them.

use super::log::{Logged, of_message, stored};
use super::read::Slice;
use crate::service::planning;
use crate::store::consents::{self, NewConsent};
use crate::store::orders::{self, NewRefund, OrderChange, Placed, Version};
use crate::store::people::{self, Identified};
use crate::store::projections::{self, Projection};
use crate::store::wakes::{self, EventTrigger};
use crate::store::{StoreError, Tx, meta, tickets};
use domain::event::{Detail, Fact, TicketSaid, TicketState, TicketStep};
use domain::ids::CustomerId;
use domain::time::Instant;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(super) async fn apply(
    tx: &Tx,
    slice: &Slice,
    received_at: Instant,
    logged: &[Logged<'_>],
) -> Result<(), StoreError> {
    let effective: Vec<&Logged<'_>> = logged.iter().filter(|event| event.effective).collect();
    if effective.is_empty() {
        return Ok(());
    }
    let epoch = meta::rule_epoch(tx).await?;
    let customers = effective.iter().map(|event| event.whose.customer).collect();
    // First, because it locks the customers: what follows reads what is known of them and writes it anew.
    wakes::set_due(tx, &customers, received_at, epoch, slice.due).await?;
    let shop = &slice.origin.shop;
    let (identified, said) = said_of_people(slice, &effective);
    if !identified.is_empty() {
        let zones = people::absorb(tx, shop, received_at, &identified).await?;
        if !zones.is_empty() {
            planning::live_in(tx, &zones).await?;
        }
    }
    consents::add_consents(tx, received_at, said).await?;
    let (changes, refunds) = said_of_orders(&effective);
    if !(changes.is_empty() && refunds.is_empty()) {
        orders::apply(tx, shop, changes, refunds).await?;
    }
    let mut tickets = HashMap::new();
    for (projection, keys) in touched(&effective) {
        match projection {
            Projection::Orders | Projection::UnlinkedRefunds => {}
            Projection::Tickets => tickets = tickets::apply(tx, &keys).await?,
            other => drop(projections::apply(tx, other, &keys).await?),
        }
    }
    start(tx, slice, received_at, &effective, &tickets).await?;
    wake(tx, received_at, &effective, &tickets).await
}

fn said_of_people(slice: &Slice, events: &[&Logged<'_>]) -> (Vec<Identified>, Vec<NewConsent>) {
    let (mut identified, mut consents) = (Vec::new(), Vec::new());
    for event in events {
        if !event.said.traits.is_empty() {
            identified.push(Identified {
                customer: event.whose.customer,
                occurred_at: event.occurred_at,
                message_id: event.message_id.clone(),
                traits: event.said.traits.clone(),
            });
        }
        consents.extend(event.said.consents.iter().map(|consent| NewConsent {
            customer: event.whose.customer,
            origin: Some(event.whose.origin),
            channel: consent.channel.clone(),
            purpose: consent.purpose.clone(),
            granted: consent.granted,
            source: slice.origin.source.key.clone(),
            evidence: event.message_id.clone(),
            occurred_at: event.occurred_at,
            batch: None,
            text_version: None,
        }));
    }
    (identified, consents)
}

fn said_of_orders(events: &[&Logged<'_>]) -> (BTreeMap<String, OrderChange>, Vec<NewRefund>) {
    let mut changes: BTreeMap<String, OrderChange> = BTreeMap::new();
    let mut refunds = Vec::new();
    for event in events {
        if let Fact::OrderRefunded { amount_minor, .. } = &event.said.fact {
            refunds.push(NewRefund {
                order_key: event.order_key.clone().unwrap_or_default(),
                ref_key: event.ref_key.clone().unwrap_or_default(),
                whose: event.whose,
                occurred_at: event.occurred_at,
                amount_minor: *amount_minor,
            });
            continue;
        }
        let (Some(key), Some(change)) = (event.order_key.clone(), change(event)) else { continue };
        match changes.get_mut(&key) {
            Some(known) => known.join(change),
            None => drop(changes.insert(key, change)),
        }
    }
    (changes, refunds)
}

/// What an event changes of its order, if it is one of an order's own.
fn change(event: &Logged<'_>) -> Option<OrderChange> {
    let mut change = OrderChange::named_by(event.whose);
    let version = |total_minor| {
        let message_id = event.message_id.clone();
        let foreign = event.said.foreign.as_ref().map(stored);
        Some(Version { at: event.occurred_at, message_id, total_minor, foreign })
    };
    let said = match &event.said.detail {
        Some(Detail::Order(said)) => Some(said),
        _ => None,
    };
    match &event.said.fact {
        Fact::OrderCompleted { total_minor, .. } => {
            change.paid_at = Some(event.occurred_at);
            change.version = version(*total_minor);
        }
        Fact::OrderUpdated { total_minor, .. } => change.version = version(*total_minor),
        Fact::OrderCancelled { .. } => change.cancelled_at = Some(event.occurred_at),
        Fact::Custom { name } if name == "Order Placed" => {
            let pay_by = said.and_then(|said| said.pay_by);
            change.placed = Some(Placed { at: event.occurred_at, pay_by });
        }
        _ => return None,
    }
    let lines = said.and_then(|said| said.lines.clone());
    change.lines = lines.map(|lines| (event.occurred_at, event.message_id.clone(), lines));
    Some(change)
}

fn step(event: &Logged<'_>) -> Option<TicketStep> {
    TicketStep::of_event(event.said.fact.name())
}

fn of_an_order(event: &Logged<'_>) -> bool {
    let known = Projection::of_event(event.said.fact.name(), event.order_key.as_deref());
    event.order_key.is_some() && known == Some(Projection::Orders)
}

/// What the events are about, by the tables it stands in.
fn touched(events: &[&Logged<'_>]) -> projections::Keys {
    let mut keys = projections::Keys::new();
    for event in events {
        let kind = event.said.fact.name();
        projections::note_key(&mut keys, kind, event.order_key.clone(), event.ref_key.clone());
    }
    keys
}

/// Queues what starts campaigns. Nothing that was taken in after the fact, or happened before the book went
/// live, starts anything.
async fn start(
    tx: &Tx,
    slice: &Slice,
    received_at: Instant,
    events: &[&Logged<'_>],
    tickets: &HashMap<String, Vec<TicketSaid>>,
) -> Result<(), StoreError> {
    if slice.historical {
        return Ok(());
    }
    let Some(live_at) = meta::go_live_at(tx).await? else { return Ok(()) };
    let listened = wakes::listened_events(tx).await?;
    let triggers = events
        .iter()
        .filter(|event| event.occurred_at >= live_at && listened.contains(event.said.fact.name()))
        .map(|event| {
            let (origin_key, payload) = cause(event, &slice.origin.source.key, tickets);
            EventTrigger {
                customer: event.whose.customer,
                key: event.said.fact.name().to_owned(),
                cause_at: event.occurred_at,
                origin_key,
                payload: payload.to_string(),
            }
        })
        .collect();
    wakes::queue_event_triggers(tx, received_at, triggers).await
}

/// The business key of a cause, and what a campaign's conditions may ask of it.
fn cause(event: &Logged<'_>, source: &str, tickets: &HashMap<String, Vec<TicketSaid>>) -> (String, Value) {
    let mut payload = Value::Object(event.said.properties.clone());
    payload["message_id"] = json!(event.message_id);
    payload["order_id"] = json!(event.order_key);
    let order = event.order_key.clone().unwrap_or_default();
    let origin_key = match (&event.said.fact, &event.ref_key) {
        (fact, Some(ticket_key)) if TicketStep::of_event(fact.name()).is_some() => {
            let state = as_of(event, tickets.get(ticket_key));
            if let Value::Object(fields) = json!(state.fields.ticket(ticket_key)) {
                payload.as_object_mut().expect("made an object above").extend(fields);
            }
            payload["resolved_at"] = json!(state.resolved_at);
            match state.reopened {
                0 => format!("ticket:{ticket_key}"),
                n => format!("ticket:{ticket_key}:{n}"),
            }
        }
        (Fact::OrderCompleted { total_minor, .. } | Fact::OrderUpdated { total_minor, .. }, _) => {
            payload["amount_minor"] = json!(total_minor);
            format!("order:{order}")
        }
        (Fact::OrderCancelled { .. }, _) => format!("order:{order}"),
        (Fact::Custom { name }, None) if name == "Order Placed" => format!("order:{order}"),
        (Fact::OrderRefunded { amount_minor, .. }, reference) => {
            payload["amount_minor"] = json!(amount_minor);
            format!("refund:{order}:{}", reference.as_deref().unwrap_or_default())
        }
        (_, Some(key)) => match &event.said.detail {
            Some(Detail::Shipment(_)) => format!("shipment:{key}"),
            Some(Detail::Review(_)) => format!("review:{key}"),
            _ => format!("event:{}", of_message(source, &event.message_id)),
        },
        _ => format!("event:{}", of_message(source, &event.message_id)),
    };
    (origin_key, payload)
}

/// The ticket as of this event: what came later doesn't change what it caused.
fn as_of(event: &Logged<'_>, said: Option<&Vec<TicketSaid>>) -> TicketState {
    let until = (event.occurred_at, event.message_id.as_str());
    let known = said.into_iter().flatten().filter(|said| (said.at, said.message_id.as_str()) <= until);
    TicketState::fold(known.cloned().collect())
}

/// An order, a consent or a complaint may end a journey; a complaint's end lets go what waited for it.
async fn wake(
    tx: &Tx,
    received_at: Instant,
    events: &[&Logged<'_>],
    tickets: &HashMap<String, Vec<TicketSaid>>,
) -> Result<(), StoreError> {
    let of = |wanted: &dyn Fn(&Logged<'_>) -> bool| -> BTreeSet<CustomerId> {
        events.iter().filter(|event| wanted(event)).map(|event| event.whose.customer).collect()
    };
    let complaint = |event: &Logged<'_>| {
        let said = event.ref_key.as_ref().and_then(|key| tickets.get(key));
        as_of(event, said).fields.complaint == Some(true)
    };
    let ends_journeys = of(&|event| match step(event) {
        // Somebody who buys or takes back; a parcel on its way is nobody's decision.
        None => of_an_order(event) || !event.said.consents.is_empty(),
        Some(step) => step != TicketStep::Resolved && complaint(event),
    });
    wakes::wake_enrollments(tx, &ends_journeys, received_at).await?;
    let closed = of(&|event| step(event) == Some(TicketStep::Resolved) && complaint(event));
    wakes::wake_deferred(tx, &closed, "complaint_open", received_at).await
}
