//! Known event names to facts: orders and tickets, in Segment's e-commerce spelling.

use super::values::Fields;
use super::{Fact, Said, TicketPatch, TicketStep};
use crate::money::Currency;
use crate::problem::{Problem, Problems};
use crate::time::Instant;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Names with a meaning of their own; every other name is a custom event.
const KNOWN: [&str; 9] = [
    "Order Completed",
    "Order Updated",
    "Order Cancelled",
    "Order Refunded",
    "Ticket Opened",
    "Ticket Updated",
    "Ticket Resolved",
    "Ticket Reopened",
    "Consent Changed",
];

/// The known spelling of a name written with other capitals; other names as written.
pub(super) fn canonical(name: &str) -> &str {
    KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name)).copied().unwrap_or(name)
}

/// The fact of a track event and, for tickets, the fields it says. Void where it kept problems.
pub(super) fn fact(
    name: &str,
    fields: Fields<'_>,
    base: Currency,
    problems: &mut Problems,
) -> (Fact, Option<TicketPatch>) {
    if let Err(problem) = check_currency(fields, base) {
        problems.push(problem);
    }
    if let Some(step) = TicketStep::of_event(name) {
        return ticket(step, fields, base, problems);
    }
    let mut order_id = || {
        let id = fields.required("order_id", "an order event needs its order's id");
        problems.note(id)
    };
    let fact = match name {
        "Order Completed" => {
            Fact::OrderCompleted { order_id: order_id(), total_minor: total(fields, base, problems) }
        }
        "Order Updated" => {
            Fact::OrderUpdated { order_id: order_id(), total_minor: total(fields, base, problems) }
        }
        "Order Cancelled" => Fact::OrderCancelled { order_id: order_id() },
        "Order Refunded" => refund(fields, base, problems),
        other => Fact::Custom { name: other.to_owned() },
    };
    (fact, None)
}

/// Until rates are kept, nothing but the base currency can be added up.
fn check_currency(fields: Fields<'_>, base: Currency) -> Result<(), Problem> {
    let Some(written) = fields.word("currency")? else { return Ok(()) };
    let currency = Currency::parse(&written).ok_or_else(|| {
        fields.problem("currency", "bad_currency", format!("\"{written}\" is no three-letter currency code"))
    })?;
    if currency != base {
        let detail = format!("there is no rate from {currency} to the shop's {base}; send amounts in {base}");
        return Err(fields.problem("currency", "no_rate", detail));
    }
    Ok(())
}

/// `total`, else revenue + shipping + tax, else Σ price·quantity − discount.
fn total(fields: Fields<'_>, currency: Currency, problems: &mut Problems) -> i64 {
    let before = problems.clone();
    let mut amount = |name| problems.note(fields.amount(name, currency));
    // Only what is counted is read: a discount in words beside a total is nobody's problem.
    let total = match (amount("total"), amount("revenue")) {
        (Some(total), _) => total,
        (None, Some(revenue)) => {
            let extra =
                amount("shipping").unwrap_or_default().saturating_add(amount("tax").unwrap_or_default());
            revenue.saturating_add(extra)
        }
        (None, None) => match fields.get("products") {
            Some(Value::Array(lines)) if !lines.is_empty() => {
                let discount = amount("discount").unwrap_or_default();
                sum_of_lines(lines, currency, problems).saturating_sub(discount).max(0)
            }
            _ if *problems != before => 0,
            _ => {
                let detail = "is missing; an order needs total, revenue, or products with price and quantity";
                problems.push(fields.problem("total", "missing_field", detail));
                0
            }
        },
    };
    if total < 0 {
        let detail = "is below 0; send a refund as Order Refunded";
        problems.push(fields.problem("total", "amount_negative", detail));
    }
    total
}

fn sum_of_lines(lines: &[Value], currency: Currency, problems: &mut Problems) -> i64 {
    let mut sum: i64 = 0;
    for (n, line) in lines.iter().enumerate() {
        let at = format!("properties.products[{n}]");
        let Value::Object(map) = line else {
            problems.push(Problem::new(at, "not_an_object", "must be an object with price and quantity"));
            continue;
        };
        let line = Fields { map, at: &at };
        let price = problems.note(line.amount("price", currency)).unwrap_or_default();
        // Quantities may be fractions (weights): counted in thousandths, rounded half-up per line.
        let thousandths = problems.note(thousandths(line)).unwrap_or(1_000);
        let exact = i128::from(price) * i128::from(thousandths);
        let rounded = (exact.abs() + 500) / 1_000 * exact.signum();
        sum = sum.saturating_add(i64::try_from(rounded).unwrap_or(i64::MAX));
    }
    sum
}

fn thousandths(line: Fields<'_>) -> Result<Option<i64>, Problem> {
    let Some(text) = line.word("quantity")? else { return Ok(None) };
    crate::money::parse_minor(&text, 3)
        .filter(|q| (0..=1_000_000_000_000).contains(q))
        .map(Some)
        .ok_or_else(|| line.problem("quantity", "amount_not_a_number", "must be a plain number"))
}

fn refund(fields: Fields<'_>, currency: Currency, problems: &mut Problems) -> Fact {
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
    Fact::OrderRefunded { order_id, refund_id, amount_minor: amount.map(i64::abs) }
}

fn ticket(
    step: TicketStep,
    fields: Fields<'_>,
    currency: Currency,
    problems: &mut Problems,
) -> (Fact, Option<TicketPatch>) {
    let ticket_id = problems.note(fields.required("ticket_id", "a ticket event needs its ticket's id"));
    let mut patch = TicketPatch::note(fields.map, problems);
    patch.amount_minor = problems.note(fields.amount("amount", currency)).map(i64::abs);
    let fact = match step {
        TicketStep::Opened => Fact::TicketOpened(patch.ticket(&ticket_id)),
        TicketStep::Updated => Fact::TicketUpdated(patch.ticket(&ticket_id)),
        TicketStep::Resolved => Fact::TicketResolved { ticket_id },
        TicketStep::Reopened => Fact::TicketReopened { ticket_id },
    };
    (fact, Some(patch))
}

/// What makes a refund one refund within its order: its refund_id, else the fingerprint of instant, amount
/// and lines. `None` for every other fact.
pub fn refund_key(said: &Said, occurred_at: Instant) -> Option<String> {
    let Fact::OrderRefunded { refund_id, amount_minor, .. } = &said.fact else { return None };
    if let Some(refund_id) = refund_id {
        return Some(refund_id.clone());
    }
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
