//! Known event names to facts: orders and tickets, in Segment's e-commerce spelling.

use super::values::Fields;
use super::{Fact, Said, TicketPatch, TicketStep};
use crate::money::Currency;
use crate::problem::Problem;
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

/// The fact of a track event and, for tickets, the fields it says.
pub(super) fn fact(
    name: &str,
    fields: Fields<'_>,
    base: Currency,
) -> Result<(Fact, Option<TicketPatch>), Problem> {
    let currency = currency(fields, base)?;
    if let Some(step) = TicketStep::of_event(name) {
        return ticket(step, fields, currency);
    }
    let order_id = |fields: Fields<'_>| fields.required("order_id", "an order event needs its order's id");
    let fact = match name {
        "Order Completed" => {
            Fact::OrderCompleted { order_id: order_id(fields)?, total_minor: total(fields, currency)? }
        }
        "Order Updated" => {
            Fact::OrderUpdated { order_id: order_id(fields)?, total_minor: total(fields, currency)? }
        }
        "Order Cancelled" => Fact::OrderCancelled { order_id: order_id(fields)? },
        "Order Refunded" => refund(fields, currency)?,
        other => Fact::Custom { name: other.to_owned() },
    };
    Ok((fact, None))
}

/// The base currency, or a problem: until rates are kept, nothing else can be added up.
fn currency(fields: Fields<'_>, base: Currency) -> Result<Currency, Problem> {
    let Some(written) = fields.word("currency")? else { return Ok(base) };
    let currency = Currency::parse(&written).ok_or_else(|| {
        fields.problem("currency", "bad_currency", format!("\"{written}\" is no three-letter currency code"))
    })?;
    if currency != base {
        let detail = format!("there is no rate from {currency} to the shop's {base}; send amounts in {base}");
        return Err(fields.problem("currency", "no_rate", detail));
    }
    Ok(currency)
}

/// `total`, else revenue + shipping + tax, else Σ price·quantity − discount.
fn total(fields: Fields<'_>, currency: Currency) -> Result<i64, Problem> {
    let total = match (fields.amount("total", currency)?, fields.amount("revenue", currency)?) {
        (Some(total), _) => total,
        (None, Some(revenue)) => {
            let extra = |name| fields.amount(name, currency).map(Option::unwrap_or_default);
            revenue.saturating_add(extra("shipping")?).saturating_add(extra("tax")?)
        }
        (None, None) => match fields.get("products") {
            Some(Value::Array(lines)) if !lines.is_empty() => {
                let discount = fields.amount("discount", currency)?.unwrap_or_default();
                sum_of_lines(lines, currency)?.saturating_sub(discount).max(0)
            }
            _ => {
                let detail = "is missing; an order needs total, revenue, or products with price and quantity";
                return Err(fields.problem("total", "missing_field", detail));
            }
        },
    };
    if total < 0 {
        return Err(fields.problem(
            "total",
            "amount_negative",
            "is below 0; send a refund as Order Refunded",
        ));
    }
    Ok(total)
}

fn sum_of_lines(lines: &[Value], currency: Currency) -> Result<i64, Problem> {
    let mut sum: i64 = 0;
    for (n, line) in lines.iter().enumerate() {
        let at = format!("properties.products[{n}]");
        let Value::Object(map) = line else {
            return Err(Problem::new(at, "not_an_object", "must be an object with price and quantity"));
        };
        let line = Fields { map, at: &at };
        let price = line.amount("price", currency)?.unwrap_or_default();
        // Quantities may be fractions (weights): counted in thousandths, rounded half-up per line.
        let thousandths = match line.word("quantity")? {
            None => 1_000,
            Some(text) => crate::money::parse_minor(&text, 3)
                .filter(|q| (0..=1_000_000_000_000).contains(q))
                .ok_or_else(|| line.problem("quantity", "amount_not_a_number", "must be a plain number"))?,
        };
        let exact = i128::from(price) * i128::from(thousandths);
        let rounded = (exact.abs() + 500) / 1_000 * exact.signum();
        sum = sum.saturating_add(i64::try_from(rounded).unwrap_or(i64::MAX));
    }
    Ok(sum)
}

fn refund(fields: Fields<'_>, currency: Currency) -> Result<Fact, Problem> {
    let (order_id, refund_id) = (fields.word("order_id")?, fields.word("refund_id")?);
    if order_id.is_none() && refund_id.is_none() {
        let detail = "is missing; a refund needs refund_id or order_id";
        return Err(fields.problem("refund_id", "missing_field", detail));
    }
    let mut amount = None;
    for name in ["total", "revenue", "amount"] {
        amount = amount.or(fields.amount(name, currency)?);
    }
    Ok(Fact::OrderRefunded { order_id, refund_id, amount_minor: amount.map(i64::abs) })
}

fn ticket(
    step: TicketStep,
    fields: Fields<'_>,
    currency: Currency,
) -> Result<(Fact, Option<TicketPatch>), Problem> {
    let ticket_id = fields.required("ticket_id", "a ticket event needs its ticket's id")?;
    let mut patch = TicketPatch::read(fields.map)?;
    patch.amount_minor = fields.amount("amount", currency)?.map(i64::abs);
    let fact = match step {
        TicketStep::Opened => Fact::TicketOpened(patch.ticket(&ticket_id)),
        TicketStep::Updated => Fact::TicketUpdated(patch.ticket(&ticket_id)),
        TicketStep::Resolved => Fact::TicketResolved { ticket_id },
        TicketStep::Reopened => Fact::TicketReopened { ticket_id },
    };
    Ok((fact, Some(patch)))
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
