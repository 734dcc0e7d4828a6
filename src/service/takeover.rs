//! Complaints that were open when a book goes live: the shop's past isn't worked off by clocks. They are closed in bulk, as
//! facts of the shop's own, or stay open and hold marketing back as any open complaint does.

use super::ingest::{Origin, Slice, Stamp, take_in};
use super::shop::Shop;
use super::sources::own_in;
use super::{Book, ServiceError};
use crate::store::shops::ShopRow;
use crate::store::tickets::{self, OpenComplaint};
use crate::store::{Tx, audit, clusters, meta, shops};
use domain::event::{Context, Reading, Said, Speaker, parse};
use domain::ids::ShopId;
use domain::problem::together;
use domain::time::Instant;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// Complaints closed by one transaction.
const PAGE: i64 = 200;
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

/// Closes them, while the book isn't live yet, a page a transaction with its audit row. Each is closed by one fact however
/// often this is called, whoever it is of; campaigns never act on it.
pub async fn close(book: &Book, opened_before: Instant, actor: &str) -> Result<u64, ServiceError> {
    let stamp = Stamp::of(&book.store).await?;
    let mut page = Page { before: opened_before, after: 0, actor: actor.to_owned(), stamp };
    let mut all = 0;
    loop {
        let this = page.clone();
        let (last, closed) = book.write(move |tx, now| Box::pin(close_page(tx, this, now))).await?;
        all += closed;
        match last {
            Some(last) => page.after = last,
            None => return Ok(all),
        }
    }
}

#[derive(Clone)]
struct Page {
    before: Instant,
    /// The row of the last one looked at.
    after: i64,
    actor: String,
    stamp: Stamp,
}

/// Gives the last row looked at, and how many are closed now.
async fn close_page(tx: &Tx, page: Page, now: Instant) -> Result<(Option<i64>, u64), ServiceError> {
    clusters::close(tx).await?;
    if let Some(since) = meta::go_live_at(tx).await? {
        let detail = format!(
            "the book is live since {since}; complaints are taken over when it goes live, and not later"
        );
        return Err(ServiceError::Conflict(detail));
    }
    let open = tickets::open_complaints(tx, page.before, page.after, PAGE).await?;
    let Some(last) = open.last().map(|complaint| complaint.id) else { return Ok((None, 0)) };
    let mut of_shops: BTreeMap<ShopId, Vec<&OpenComplaint>> = BTreeMap::new();
    for complaint in &open {
        of_shops.entry(complaint.shop).or_default().push(complaint);
    }
    let mut closed = 0;
    for (shop, complaints) in of_shops {
        closed += close_of_shop(tx, shop, &complaints, &page, now).await?;
    }
    let detail = json!({
        "complaints": closed, "opened_before": page.before,
        "tickets": open.iter().map(|complaint| &complaint.ticket_key).collect::<Vec<_>>(),
    });
    let (actor, action) = (page.actor, "book.complaints_taken_over".to_owned());
    audit::record(tx, audit::Entry { at: now, actor, action, subject: "book".to_owned(), detail }).await?;
    meta::raise_change_seq(tx).await?;
    Ok((Some(last), closed))
}

async fn close_of_shop(
    tx: &Tx,
    shop: ShopId,
    complaints: &[&OpenComplaint],
    page: &Page,
    now: Instant,
) -> Result<u64, ServiceError> {
    let row = shops::find_by_id(tx, shop).await?;
    let shop =
        row.ok_or_else(|| ServiceError::Internal(format!("a ticket is of {shop:?}, which doesn't exist")))?;
    let source = own_in(tx, &shop).await?;
    let said: Result<Vec<Said>, ServiceError> =
        complaints.iter().map(|complaint| resolved(complaint, &shop, &page.actor, now)).collect();
    let of = complaints.iter().map(|complaint| complaint.origin).collect();
    let slice = Slice::history(Origin { source, shop }, of, said?);
    Ok(take_in(tx, &slice, now, page.stamp).await?.receipt.accepted as u64)
}

/// The fact that closes a complaint. It names nobody: whose it is, the ticket says.
fn resolved(
    complaint: &OpenComplaint,
    shop: &ShopRow,
    actor: &str,
    now: Instant,
) -> Result<Said, ServiceError> {
    let Shop { key, zone, currency, .. } = &shop.shop;
    let ticket = complaint.ticket_key.strip_prefix(&format!("{key}:")).unwrap_or(&complaint.ticket_key);
    let event = json!({
        "type": "track",
        "userId": "-",
        "event": "Ticket Resolved",
        "messageId": format!("taken-over:{}.{}", complaint.id, complaint.reopened),
        "timestamp": now.to_rfc3339(),
        "properties": { "ticket_id": ticket, "taken_over_by": actor },
    });
    let context = Context {
        zone: *zone,
        currency: *currency,
        base: shop.base,
        clock: Some(now),
        speaker: Speaker::Sender,
    };
    match parse(&event, &context) {
        Ok(Reading::Event(said)) => Ok(Said { user_id: None, ..*said }),
        Ok(Reading::Browsing) => Err(ServiceError::Internal("a resolution isn't browsing".to_owned())),
        Err(problems) => {
            Err(ServiceError::Internal(format!("{ticket} can't be closed: {}", together(&problems))))
        }
    }
}
