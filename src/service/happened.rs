//! All that happened with a customer, as one list for people: what, about what, what it became and why.

use super::aggregates::MoneyShape;
use super::shop::shop;
use super::{Book, ServiceError, page};
use crate::store::timeline::{self, Before, Line};
use crate::store::{audit, clusters, customers, notes};
use domain::customer::Happening;
use domain::ids::CustomerId;
use domain::money::Money;
use domain::time::Instant;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// Most lines of a page.
pub const PAGE: i64 = 200;
/// Most characters of a note.
const LONGEST_NOTE: usize = 4_000;

/// A page of lines, latest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct History {
    pub items: Vec<HistoryLine>,
    pub next_cursor: Option<String>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HistoryLine {
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// fact | tag | touch | consent | callback | note
    pub kind: &'static str,
    /// The event's name; the key of the tag, campaign or kind of callback; the channel consented to; the author.
    #[schema(example = "Order Completed")]
    pub what: String,
    /// The order or ticket; the tag's value before; the channel of a contact; the purpose consented to; what was done
    /// with the callback.
    #[schema(example = "main:10042")]
    pub about: Option<String>,
    /// The tag's value after; the state of the contact or callback; granted or denied; the note.
    pub became: Option<String>,
    /// Why a contact wasn't made; what changed the tag; where the consent came from.
    pub why: Option<String>,
    #[schema(value_type = Option<MoneyShape>)]
    pub amount: Option<Money>,
}

/// The lines behind `cursor`, latest first.
pub async fn history(
    book: &Book,
    customer: CustomerId,
    cursor: Option<&str>,
    limit: i64,
) -> Result<History, ServiceError> {
    let before = page::read_cursor(cursor, read_cursor)?;
    let db = book.store.reader();
    let customer = clusters::canonical_of(db, customer).await?;
    if !customers::list(db, &[customer]).await?.contains_key(&customer) {
        return Err(ServiceError::NotFound(format!("the customer {customer}")));
    }
    let limit = limit.clamp(1, PAGE);
    let lines = timeline::list(db, customer, before, page::one_more(limit)).await?;
    let (lines, next_cursor) = page::cut(lines, limit, cursor_of);
    let currency = shop(book).await?.currency;
    let line = |line: Line| HistoryLine {
        at: line.at,
        kind: line.kind.as_str(),
        what: line.what,
        about: line.about,
        became: line.became,
        why: line.why,
        amount: line.amount_minor.map(|minor| Money::new(minor, currency)),
    };
    Ok(History { items: lines.into_iter().map(line).collect(), next_cursor })
}

fn cursor_of(line: &Line) -> String {
    format!("{}.{}.{}", line.at.micros(), line.kind, line.id)
}

fn read_cursor(text: &str) -> Option<Before> {
    let mut parts = text.split('.');
    let before = Before {
        at: Instant::from_micros(parts.next()?.parse().ok()?),
        kind: Happening::parse(parts.next()?)?,
        id: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(before)
}

/// Writes something down about a customer.
pub async fn add_note(
    book: &Book,
    customer: CustomerId,
    text: &str,
    actor: &str,
) -> Result<Instant, ServiceError> {
    let text = text.trim().to_owned();
    if text.is_empty() {
        return Err(ServiceError::invalid("text", "missing", "write something"));
    }
    if text.chars().count() > LONGEST_NOTE || text.contains('\0') {
        let detail = format!("at most {LONGEST_NOTE} characters, and no NUL among them");
        return Err(ServiceError::invalid("text", "too_long", detail));
    }
    let actor = actor.to_owned();
    book.write(move |tx, at| {
        Box::pin(async move {
            clusters::pass(tx).await?;
            let customer = clusters::canonical_of(tx, customer).await?;
            let row = customers::list(tx, &[customer]).await?.remove(&customer);
            let row = row.ok_or_else(|| ServiceError::NotFound(format!("the customer {customer}")))?;
            if row.erased_at.is_some() {
                let detail = format!("{customer} was erased; nothing is noted of them any more");
                return Err(ServiceError::Conflict(detail));
            }
            notes::add(tx, customer, at, &actor, &text).await?;
            let (action, subject) = ("customer.noted".to_owned(), format!("customer:{customer}"));
            audit::record(tx, audit::Entry { at, actor, action, subject, detail: json!({}) }).await?;
            Ok(at)
        })
    })
    .await
}
