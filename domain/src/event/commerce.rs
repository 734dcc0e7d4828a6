//! Known event names to facts: orders and tickets, in Segment's e-commerce spelling.

use super::detail::{self, Detail, OrderDetail, OrderLine};
use super::values::Fields;
use super::{Context, Fact, Said, TicketPatch, TicketStep};
use crate::money::Currency;
use crate::problem::Problems;
use crate::time::Instant;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Names with a meaning of their own; every other name is a custom event.
pub const KNOWN: [&str; 24] = [
    "Order Placed",
    "Order Completed",
    "Order Updated",
    "Order Cancelled",
    "Order Refunded",
    "Order Delivered",
    "Shipment Updated",
    "Shipment Exception",
    "Product Reviewed",
    "Coupon Entered",
    "Coupon Applied",
    "Coupon Denied",
    "Coupon Removed",
    "Ticket Opened",
    "Ticket Updated",
    "Ticket Escalated",
    "Ticket Resolved",
    "Ticket Reopened",
    "Handoff Requested",
    "CSAT Submitted",
    "NPS Submitted",
    "Call Logged",
    "Contact Made",
    "Consent Changed",
];

/// The known spelling of a name written with other capitals; other names as written.
pub(super) fn canonical(name: &str) -> &str {
    KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name)).copied().unwrap_or(name)
}

/// A track event, read.
pub(super) struct Track {
    pub fact: Fact,
    /// What makes it one of its kind by the sender's word: the id of its order …
    pub order_id: Option<String>,
    /// … and of the ticket, shipment, review, … it is about.
    pub subject_id: Option<String>,
    pub detail: Option<Detail>,
    /// What its amounts are in, where that isn't the base currency.
    pub currency: Option<Currency>,
}

impl Track {
    fn custom(name: &str) -> Self {
        let fact = Fact::Custom { name: name.to_owned() };
        Self { fact, order_id: None, subject_id: None, detail: None, currency: None }
    }
}

/// The fact of a track event and what it says beside it. Void where it kept problems.
pub(super) fn fact(name: &str, fields: Fields<'_>, context: &Context, problems: &mut Problems) -> Track {
    let zone = context.zone;
    if let Some(step) = TicketStep::of_event(name) {
        return ticket(step, fields, context, problems);
    }
    if let Some((subject_id, detail)) = detail::read(name, fields, zone, problems) {
        let order_id = problems.note(fields.word("order_id"));
        return Track { order_id, subject_id, detail: Some(detail), ..Track::custom(name) };
    }
    if !name.starts_with("Order ") || !KNOWN.contains(&name) {
        // Ids of things that don't concern it are nobody's problem.
        return Track::custom(name);
    }
    if name == "Order Refunded" {
        return refund(fields, context, problems);
    }
    order(name, fields, context, problems)
}

fn order(name: &str, fields: Fields<'_>, context: &Context, problems: &mut Problems) -> Track {
    let order_id = problems.note(fields.required("order_id", "an order event needs its order's id"));
    let mut said = OrderDetail::default();
    let mut foreign = None;
    let mut sold = |problems: &mut Problems| {
        let currency = currency(fields, context, problems);
        let (total_minor, lines) = total(fields, currency, problems);
        (said.lines, foreign) = (lines, other_than(context.base, currency));
        said.coupon = problems.note(fields.word("coupon"));
        total_minor
    };
    let id = order_id.clone();
    let fact = match name {
        "Order Completed" => Fact::OrderCompleted { order_id: id, total_minor: sold(problems) },
        "Order Updated" => Fact::OrderUpdated { order_id: id, total_minor: sold(problems) },
        "Order Cancelled" => Fact::OrderCancelled { order_id: id },
        placed => {
            said.pay_by = problems.note(fields.instant("pay_by", context.zone));
            Fact::Custom { name: placed.to_owned() }
        }
    };
    let detail = (said != OrderDetail::default()).then_some(Detail::Order(said));
    Track { fact, order_id: Some(order_id), subject_id: None, detail, currency: foreign }
}

/// What the event's amounts are in.
fn currency(fields: Fields<'_>, context: &Context, problems: &mut Problems) -> Currency {
    let Some(written) = problems.note(fields.word("currency")) else { return context.currency };
    Currency::parse(&written).unwrap_or_else(|| {
        let detail = format!("\"{written}\" is no three-letter currency code");
        problems.push(fields.problem("currency", "bad_currency", detail));
        context.currency
    })
}

fn other_than(base: Currency, currency: Currency) -> Option<Currency> {
    (currency != base).then_some(currency)
}

/// `total`, else revenue + shipping + tax, else Σ price·quantity − discount; and the lines.
fn total(fields: Fields<'_>, currency: Currency, problems: &mut Problems) -> (i64, Option<Vec<OrderLine>>) {
    let before = problems.clone();
    let mut amount = |name| problems.note(fields.amount(name, currency));
    // Only what is counted must be readable: a discount in words beside a total is nobody's problem.
    let mut unread = Problems::default();
    let (total, lines) = match (amount("total"), amount("revenue")) {
        (Some(total), _) => (total, detail::lines(fields, currency, &mut unread)),
        (None, Some(revenue)) => {
            let extra =
                amount("shipping").unwrap_or_default().saturating_add(amount("tax").unwrap_or_default());
            (revenue.saturating_add(extra), detail::lines(fields, currency, &mut unread))
        }
        (None, None) => match detail::lines(fields, currency, problems).filter(|lines| !lines.is_empty()) {
            Some(lines) => {
                let discount = problems.note(fields.amount("discount", currency)).unwrap_or_default();
                let sum = lines.iter().fold(0_i64, |sum, line| sum.saturating_add(line.amount_minor()));
                (sum.saturating_sub(discount).max(0), Some(lines))
            }
            None if *problems != before => (0, None),
            None => {
                let detail = "is missing; an order needs total, revenue, or products with price and quantity";
                problems.push(fields.problem("total", "missing_field", detail));
                (0, None)
            }
        },
    };
    if total < 0 {
        let detail = "is below 0; send a refund as Order Refunded";
        problems.push(fields.problem("total", "amount_negative", detail));
    }
    (total, lines)
}

fn refund(fields: Fields<'_>, context: &Context, problems: &mut Problems) -> Track {
    let currency = currency(fields, context, problems);
    let before = problems.clone();
    let (order_id, refund_id) =
        (problems.note(fields.word("order_id")), problems.note(fields.word("refund_id")));
    if order_id.is_none() && refund_id.is_none() && *problems == before {
        let detail = "is missing; a refund needs refund_id or order_id";
        problems.push(fields.problem("refund_id", "missing_field", detail));
    }
    let mut amount = None;
    for name in ["total", "revenue", "amount"] {
        amount = amount.or(problems.note(fields.amount(name, currency)));
    }
    let (order, subject_id) = (order_id.clone(), refund_id.clone());
    let fact = Fact::OrderRefunded { order_id, refund_id, amount_minor: amount.map(i64::abs) };
    let foreign = other_than(context.base, currency).filter(|_| amount.is_some());
    Track { fact, order_id: order, subject_id, detail: None, currency: foreign }
}

fn ticket(step: TicketStep, fields: Fields<'_>, context: &Context, problems: &mut Problems) -> Track {
    let currency = currency(fields, context, problems);
    let ticket_id = problems.note(fields.required("ticket_id", "a ticket event needs its ticket's id"));
    let mut patch = TicketPatch::note(fields.map, context.zone, problems);
    patch.amount_minor = problems.note(fields.amount("amount", currency)).map(i64::abs);
    let subject_id = Some(ticket_id.clone());
    let fact = match step {
        TicketStep::Opened => Fact::TicketOpened(patch.ticket(&ticket_id)),
        TicketStep::Updated => Fact::TicketUpdated(patch.ticket(&ticket_id)),
        TicketStep::Escalated => Fact::TicketEscalated(patch.ticket(&ticket_id)),
        TicketStep::Resolved => Fact::TicketResolved { ticket_id },
        TicketStep::Reopened => Fact::TicketReopened { ticket_id },
    };
    let foreign = other_than(context.base, currency).filter(|_| patch.amount_minor.is_some());
    let order_id = patch.order_id.clone();
    Track { fact, order_id, subject_id, detail: Some(Detail::Ticket(patch)), currency: foreign }
}

/// What makes a refund one refund within its order: its refund_id, else the fingerprint of instant, amount
/// and lines. `None` for every other fact.
pub fn refund_key(said: &Said, occurred_at: Instant) -> Option<String> {
    let Fact::OrderRefunded { refund_id, amount_minor, .. } = &said.fact else { return None };
    if let Some(refund_id) = refund_id {
        return Some(refund_id.clone());
    }
    // As it was said: what its day's rate makes of it may be declared anew.
    let amount_minor = said.foreign.as_ref().map_or(*amount_minor, |foreign| Some(foreign.minor));
    let amount = amount_minor.map_or_else(|| "rest".to_owned(), |minor| minor.to_string());
    let mut key = format!("~{}:{amount}", occurred_at.micros());
    if let Some(lines) = said.properties.get("products").filter(|lines| !lines.is_null()) {
        key.push(':');
        for byte in &Sha256::digest(lines.to_string().as_bytes())[..8] {
            // Writing to a String doesn't fail.
            let _ = write!(key, "{byte:02x}");
        }
    }
    Some(key)
}
