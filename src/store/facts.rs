//! The event log and the keys that make its effects happen once: `event_key` by message, `order_effect` by
//! business key. Reading it back as facts lives here and in `logged`; what facts amount to is the domain's.

use super::customers::Whose;
use super::in_list::{all_in, fresh_ids};
use super::orders::Foreign;
use super::sql::{Arg, args};
use super::{Db, StoreError, Tx, logged, properties, records};
use domain::event::property::Wanted;
use domain::event::{Event, Fact, TicketPatch};
use domain::ids::{CustomerId, EventId, ImportId, ShopId, SourceId};
use domain::time::Instant;
use std::collections::{HashMap, HashSet};

/// A row of the log about to be written.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub id: EventId,
    pub whose: Whose,
    pub message_id: String,
    /// The event's name.
    pub kind: String,
    pub occurred_at: Instant,
    /// False for a resend by business key: logged, without effect.
    pub effective: bool,
    /// `<shop key>:<order id>`.
    pub order_key: Option<String>,
    /// The refund's key within its order, or `<shop key>:<ticket id>`.
    pub ref_key: Option<String>,
    /// In the base currency.
    pub amount_minor: Option<i64>,
    /// The amount as said in another currency.
    pub foreign: Option<Foreign>,
    /// The typed part, as JSON.
    pub fact: Option<String>,
    /// JSON object of what isn't personal.
    pub properties: String,
    /// JSON object of what is; kept apart.
    pub personal: Option<String>,
}

/// One commit's worth of events shares these.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    pub source: SourceId,
    pub received_at: Instant,
    pub historical: bool,
    /// The file they came in.
    pub import: Option<ImportId>,
}

/// What makes an order's event count once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EffectKey {
    /// `''` for an unlinked refund.
    pub order_key: String,
    /// `placed`, `completed`, `cancelled` or `refunded`.
    pub kind: &'static str,
    /// The refund's key; `''` otherwise.
    pub ref_key: String,
}

/// Ids for `n` events to come.
pub async fn fresh_event_ids(tx: &Tx, n: usize) -> Result<Vec<EventId>, StoreError> {
    Ok(fresh_ids(tx, "event", n).await?.into_iter().map(EventId).collect())
}

/// Claims message ids for the events to be written under them; gives the events whose message is new. Ids
/// taken by another transaction are waited for, so a message sent twice at once is taken in once.
pub async fn claim_messages(
    tx: &Tx,
    source: SourceId,
    mut messages: Vec<(String, EventId)>,
) -> Result<HashSet<EventId>, StoreError> {
    // One order for everybody, so that two batches with the same messages can't wait for each other.
    messages.sort();
    let rows = messages.into_iter().map(|(message, event)| args![source, message, event]).collect();
    let columns = ["source_id", "message_id", "event_id"];
    let tail = "ON CONFLICT (source_id, message_id) DO NOTHING RETURNING event_id";
    let mine = tx.insert_returning("event_key", &columns, rows, tail).await?;
    mine.iter().map(|row| row.int("event_id").map(EventId)).collect()
}

/// Those of these message ids that the source of this key has said before.
pub async fn known_messages(
    db: &Db,
    source_key: &str,
    messages: Vec<String>,
) -> Result<HashSet<String>, StoreError> {
    let sql = "SELECT k.message_id FROM event_key k JOIN source s ON s.id = k.source_id \
               WHERE s.key = $1 AND k.message_id IN ({in})";
    let messages = messages.into_iter().map(|id| id.arg()).collect();
    all_in(db, sql, args![source_key], messages).await?.iter().map(|row| row.text("message_id")).collect()
}

/// Claims business keys; gives the events that take effect. The first event of a key in the log has it.
pub async fn claim_effects(
    tx: &Tx,
    shop: ShopId,
    mut effects: Vec<(EffectKey, EventId)>,
) -> Result<HashSet<EventId>, StoreError> {
    effects.sort();
    let rows = effects
        .into_iter()
        .map(|(key, event)| args![shop, key.order_key, key.kind, key.ref_key, event])
        .collect();
    let columns = ["shop_id", "order_key", "kind", "ref_key", "event_id"];
    let tail = "ON CONFLICT (shop_id, order_key, kind, ref_key) DO NOTHING RETURNING event_id";
    let mine = tx.insert_returning("order_effect", &columns, rows, tail).await?;
    mine.iter().map(|row| row.int("event_id").map(EventId)).collect()
}

const LOG_COLUMNS: [&str; 19] = [
    "id",
    "customer_id",
    "origin_customer_id",
    "source_id",
    "message_id",
    "kind",
    "occurred_at",
    "received_at",
    "effective",
    "historical",
    "order_key",
    "ref_key",
    "amount_minor",
    "foreign_currency",
    "foreign_minor",
    "rate",
    "fact",
    "properties",
    "import_id",
];

/// Appends events to the log, with what the index holds of them. The gate of `clusters` is passed.
pub async fn append(tx: &Tx, taken: Taken, events: Vec<NewEvent>) -> Result<(), StoreError> {
    properties::log(tx, &events).await?;
    let mut rows = Vec::with_capacity(events.len());
    let mut personal = Vec::new();
    for event in events {
        if let Some(payload) = event.personal {
            personal.push(args![event.id, event.whose.customer, event.whose.origin, payload]);
        }
        let (currency, minor, rate) = match event.foreign {
            Some(foreign) => (Some(foreign.currency), Some(foreign.minor), Some(foreign.rate)),
            None => (None, None, None),
        };
        rows.push(args![
            event.id,
            event.whose.customer,
            event.whose.origin,
            taken.source,
            event.message_id,
            event.kind,
            event.occurred_at,
            taken.received_at,
            event.effective,
            taken.historical,
            event.order_key,
            event.ref_key,
            event.amount_minor,
            currency,
            minor,
            rate,
            event.fact,
            event.properties,
            taken.import,
        ]);
    }
    tx.insert_many("event", &LOG_COLUMNS, rows, "").await?;
    let columns = ["event_id", "customer_id", "origin_customer_id", "payload"];
    tx.insert_many("event_personal", &columns, personal, "").await.map(drop)
}

/// Effective events of these customers, received up to and including `until`, in the order
/// `(occurred_at, message_id)`. A customer without any has no entry.
///
/// Order and ticket ids carry their shop (`<shop>:<id>`); a refund's id is its business key, so that a
/// refund is one wherever it is folded; partial ticket updates are completed from the versions before. Of properties they have
/// what is wanted, which is what the rules that they are judged by ask for. Behind them come the records of the book beside the log of
/// which those rules ask any.
pub async fn events_of(
    db: &Db,
    customers: &[CustomerId],
    until: Instant,
    wanted: &Wanted,
) -> Result<HashMap<CustomerId, Vec<Event>>, StoreError> {
    let mut found: HashMap<CustomerId, Vec<(Event, TicketPatch)>> = HashMap::new();
    for (customer, event) in logged::of_customers(db, customers, until, wanted).await? {
        found.entry(customer).or_default().push(event.read(wanted)?);
    }
    let mut found: HashMap<CustomerId, Vec<Event>> =
        found.into_iter().map(|(customer, events)| (customer, complete(events))).collect();
    for (customer, record) in records::of_customers(db, customers, until, wanted.records).await? {
        found.entry(customer).or_default().push(record);
    }
    Ok(found)
}

/// Puts events in order and completes partial ticket versions from the ones before.
fn complete(mut events: Vec<(Event, TicketPatch)>) -> Vec<Event> {
    events.sort_by(|(a, _), (b, _)| (a.occurred_at, &a.message_id).cmp(&(b.occurred_at, &b.message_id)));
    let mut known: HashMap<String, TicketPatch> = HashMap::new();
    for (event, patch) in &mut events {
        if let Fact::TicketOpened(ticket) | Fact::TicketUpdated(ticket) | Fact::TicketEscalated(ticket) =
            &mut event.fact
        {
            let said = known.entry(ticket.ticket_id.clone()).or_default();
            said.overlay(patch);
            *ticket = said.ticket(&ticket.ticket_id);
        }
    }
    events.into_iter().map(|(event, _)| event).collect()
}
