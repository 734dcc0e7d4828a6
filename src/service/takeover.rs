//! Complaints that were open when a book goes live: the shop's past isn't worked off by clocks. They are closed in bulk, as
//! facts of the shop's own, or stay open and hold marketing back as any open complaint does.

use super::ingest::{self, Batch};
use super::{Book, ServiceError, sources};
use crate::store::tickets::{self, OpenComplaint};
use crate::store::{StoreError, audit, customers, meta, shops};
use domain::ids::{CustomerId, ShopId};
use domain::time::Instant;
use serde::Serialize;
use serde_json::{Value, json};

/// Complaints closed by one transaction.
const PAGE: i64 = 500;
/// Complaints that a preview names.
const SHOWN: i64 = 5;

/// What taking over would close.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct TakeOver {
    /// Complaints to close.
    pub complaints: i64,
    /// The longest open of them: `shop:T-17`, and since when.
    pub first: Vec<(String, Instant)>,
}

/// Complaints opened before this instant and open still.
pub async fn preview(book: &Book, opened_before: Instant) -> Result<TakeOver, ServiceError> {
    let db = book.store.reader();
    Ok(TakeOver {
        complaints: tickets::count_open_complaints(db, opened_before).await?,
        first: tickets::longest_open_complaints(db, opened_before, SHOWN).await?,
    })
}

/// Closes them, while the book isn't live yet. Each is closed by one fact however often this is called; campaigns never
/// act on it. Those of nobody who can be named any more stay.
pub async fn close(book: &Book, opened_before: Instant, actor: &str) -> Result<u64, ServiceError> {
    if let Some(since) = meta::go_live_at(book.store.reader()).await? {
        let detail = format!(
            "the book is live since {since}; complaints are taken over when it goes live, and not later"
        );
        return Err(ServiceError::Conflict(detail));
    }
    let (mut closed, mut after) = (0, 0);
    loop {
        let db = book.store.reader();
        let page = tickets::open_complaints(db, opened_before, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        let mut shop_ids: Vec<ShopId> = page.iter().map(|complaint| complaint.shop).collect();
        shop_ids.sort_unstable();
        shop_ids.dedup();
        for shop in shop_ids {
            let of_shop = page.iter().filter(|complaint| complaint.shop == shop);
            closed += close_of_shop(book, shop, of_shop, actor).await?;
        }
    }
    let (actor, detail) = (actor.to_owned(), json!({ "complaints": closed, "opened_before": opened_before }));
    book.write(move |tx, at| {
        Box::pin(async move {
            let (action, subject) = ("book.complaints_taken_over".to_owned(), "book".to_owned());
            audit::record(tx, audit::Entry { at, actor, action, subject, detail }).await
        })
    })
    .await
    .map_err(|error: StoreError| ServiceError::from(error))?;
    Ok(closed)
}

async fn close_of_shop(
    book: &Book,
    shop: ShopId,
    complaints: impl Iterator<Item = &OpenComplaint>,
    actor: &str,
) -> Result<u64, ServiceError> {
    let row = shops::find_by_id(book.store.reader(), shop).await?;
    let row =
        row.ok_or_else(|| ServiceError::Internal(format!("a ticket is of {shop:?}, which doesn't exist")))?;
    let (now, prefix) = (book.now().await?, format!("{}:", row.shop.key));
    let mut events = Vec::new();
    for complaint in complaints {
        let ticket = complaint.ticket_key.strip_prefix(&prefix).unwrap_or(&complaint.ticket_key);
        let Some((field, name)) = naming(book, complaint.customer, &row.shop.id_namespace).await? else {
            continue;
        };
        let mut event = json!({
            "type": "track",
            "event": "Ticket Resolved",
            "messageId": format!("taken-over:{}.{}", complaint.id, complaint.reopened),
            "timestamp": now.to_rfc3339(),
            "properties": { "ticket_id": ticket, "taken_over_by": actor },
        });
        event[field] = name;
        events.push(event);
    }
    let source = sources::own(book, &row).await?;
    let batch = Batch { source, received_at: None, historical: true, events };
    let receipt = ingest::accept(&book.store, batch).await?;
    match receipt.rejected.first() {
        None => Ok(receipt.accepted as u64),
        Some(refused) => {
            Err(ServiceError::Internal(format!("a complaint can't be closed: {}", refused.detail)))
        }
    }
}

/// How an event names this customer.
async fn naming(
    book: &Book,
    customer: CustomerId,
    namespace: &str,
) -> Result<Option<(&'static str, Value)>, ServiceError> {
    let db = book.store.reader();
    if let Some(user_id) = customers::find_user_id(db, customer, namespace).await? {
        return Ok(Some(("userId", json!(user_id))));
    }
    let names = customers::identifiers(db, &[customer]).await?.remove(&customer).unwrap_or_default();
    Ok(names
        .into_iter()
        .find(|name| name.kind == "anonymous_id")
        .map(|name| ("anonymousId", json!(name.value))))
}
