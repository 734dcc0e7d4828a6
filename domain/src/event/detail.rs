//! What an event says beyond its name, instant and amount, typed: as projections read it and as it stands
//! beside the event in the log. Holds nothing personal, so that neither erasing nor the ageing of raw
//! payloads takes anything a rebuild needs.

use super::values::{Fields, LONGEST_WORD};
use super::{ConsentSaid, TicketPatch};
use crate::money::{Currency, parse_minor};
use crate::problem::{Problem, Problems};
use crate::time::Instant;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The typed part of an event, as JSON `{"shipment": {…}}`. What is absent was not said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// Of `Order Placed`, `Order Completed` and `Order Updated`.
    Order(OrderDetail),
    Ticket(TicketPatch),
    /// Of `Shipment Updated`, `Shipment Exception` and `Order Delivered`.
    Shipment(ShipmentSaid),
    /// `Product Reviewed`.
    Review(ReviewSaid),
    /// `CSAT Submitted`, `NPS Submitted`.
    Feedback(FeedbackSaid),
    /// `Contact Made`, `Call Logged`: somebody was in touch by another tool.
    Contact(ContactSaid),
    Consent(ConsentSaid),
    /// What the daemon itself did.
    Own(Box<super::own::Own>),
}

/// What an order's version says beside its total.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OrderDetail {
    /// Until when it may be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_by: Option<Instant>,
    /// All lines of this version; `None` where it didn't say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<OrderLine>>,
    /// The coupon it was paid with, by the shop's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<String>,
}

/// One element of `products[]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// Thousandths: weights are sold too. 1,000 where it wasn't said.
    pub quantity_milli: i64,
    /// Of one piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_minor: Option<i64>,
}

impl OrderLine {
    /// Price × quantity, rounded half-up to minor units; 0 where no price was said.
    pub fn amount_minor(&self) -> i64 {
        let exact = i128::from(self.price_minor.unwrap_or(0)) * i128::from(self.quantity_milli);
        let rounded = (exact.abs() + 500) / 1_000 * exact.signum();
        i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
    }
}

/// What one event says of a shipment. A partial update leaves the rest alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ShipmentSaid {
    /// The carrier's or shop's own word: `shipped`, `in_transit`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// By when it was promised to arrive (or, before it is shipped, to leave).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promised_by: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Of an exception.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_eta: Option<Instant>,
}

/// A review as it stands in one version; its text is kept apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ReviewSaid {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// Thousandths of stars, of 5,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating_milli: Option<i64>,
}

/// An answer to a questionnaire; its text is kept apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FeedbackSaid {
    /// CSAT 1–5, NPS 0–10.
    pub score: i64,
    /// The ticket it is about, by the sender's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket_id: Option<String>,
}

/// A contact made by another tool.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContactSaid {
    /// `email`, `sms`, `call`, …; in lower case.
    pub channel: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The tool that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// They called us: nobody was contacted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub inbound: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
}

/// The typed part of an event of this (canonical) name, where it has one, with the sender's own id of the
/// thing it is about. Orders' and tickets' are read with their amounts, in `commerce`.
pub(super) fn read(
    name: &str,
    fields: Fields<'_>,
    zone: Tz,
    problems: &mut Problems,
) -> Option<(Option<String>, Detail)> {
    Some(match name {
        "Shipment Updated" | "Shipment Exception" | "Order Delivered" => shipment(fields, zone, problems),
        "Product Reviewed" => review(fields, problems),
        "CSAT Submitted" => feedback(fields, 1..=5, problems),
        "NPS Submitted" => feedback(fields, 0..=10, problems),
        "Contact Made" => contact(None, fields, problems),
        "Call Logged" => contact(Some("call"), fields, problems),
        _ => return None,
    })
}

/// A shipment is named by its own id, else by its order's: most orders travel in one parcel.
fn shipment(fields: Fields<'_>, zone: Tz, problems: &mut Problems) -> (Option<String>, Detail) {
    let before = problems.clone();
    let (own, order) = (problems.note(fields.word("shipment_id")), problems.note(fields.word("order_id")));
    let id = own.or(order);
    if id.is_none() && *problems == before {
        let detail = "is missing; a shipment needs its order's id, or shipment_id";
        problems.push(fields.problem("order_id", "missing_field", detail));
    }
    let said = ShipmentSaid {
        status: problems.note(fields.word("status")),
        promised_by: problems.note(fields.instant("promised_by", zone)),
        carrier: problems.note(fields.word("carrier")),
        place: problems.note(fields.word("place")),
        reason: problems.note(fields.word("reason")),
        new_eta: problems.note(fields.instant("new_eta", zone)),
    };
    (id, Detail::Shipment(said))
}

fn review(fields: Fields<'_>, problems: &mut Problems) -> (Option<String>, Detail) {
    let id = problems.note(fields.word("review_id"));
    let rating = problems.note(fields.word("rating"));
    let rating_milli = rating.and_then(|text| {
        let read = parse_minor(&text, 3).filter(|milli| (0..=5_000).contains(milli));
        if read.is_none() {
            let detail = "must be a number of stars from 0 to 5; scale others to that";
            problems.push(fields.problem("rating", "bad_rating", detail));
        }
        read
    });
    let said = ReviewSaid {
        product_id: problems.note(fields.word("product_id")),
        sku: problems.note(fields.word("sku")),
        rating_milli,
    };
    (id, Detail::Review(said))
}

fn feedback(
    fields: Fields<'_>,
    range: std::ops::RangeInclusive<i64>,
    problems: &mut Problems,
) -> (Option<String>, Detail) {
    let id = problems.note(fields.word("feedback_id"));
    let ticket_id = problems.note(fields.word("ticket_id"));
    let before = problems.clone();
    let score = problems.note(fields.whole("score", range.clone()));
    if score.is_none() && *problems == before {
        let detail = format!("is missing; send the score, {} to {}", range.start(), range.end());
        problems.push(fields.problem("score", "missing_field", detail));
    }
    (id, Detail::Feedback(FeedbackSaid { score: score.unwrap_or_default(), ticket_id }))
}

fn contact(fixed: Option<&str>, fields: Fields<'_>, problems: &mut Problems) -> (Option<String>, Detail) {
    let channel = match fixed {
        Some(channel) => channel.to_owned(),
        None => problems.note(fields.required("channel", "a contact was made by a channel such as sms")),
    };
    let id = problems.note(fields.word(if fixed.is_some() { "call_id" } else { "contact_id" }));
    let direction = problems.note(fields.word("direction"));
    let inbound = match direction.map(|word| word.to_lowercase()).as_deref() {
        None | Some("outbound") => false,
        Some("inbound") => true,
        Some(_) => {
            problems.push(fields.problem("direction", "bad_direction", "must be inbound or outbound"));
            false
        }
    };
    let said = ContactSaid {
        channel: channel.to_lowercase(),
        purpose: problems.note(fields.word("purpose")).map(|word| word.to_lowercase()),
        tool: problems.note(fields.word("source")),
        inbound,
        seconds: problems.note(fields.whole("duration_seconds", 0..=1_000_000)),
    };
    (id, Detail::Contact(said))
}

/// `products[]`, typed; `None` where there is none. Words too long for a column are cut; the log has them whole.
pub(super) fn lines(
    fields: Fields<'_>,
    currency: Currency,
    problems: &mut Problems,
) -> Option<Vec<OrderLine>> {
    let Some(Value::Array(given)) = fields.get("products") else { return None };
    let mut lines = Vec::with_capacity(given.len());
    for (n, line) in given.iter().enumerate() {
        let at = format!("properties.products[{n}]");
        let Value::Object(map) = line else {
            problems.push(Problem::new(at, "not_an_object", "must be an object with price and quantity"));
            continue;
        };
        lines.push(self::line(Fields { map, at: &at }, currency, problems));
    }
    Some(lines)
}

fn line(line: Fields<'_>, currency: Currency, problems: &mut Problems) -> OrderLine {
    let price_minor = problems.note(line.amount("price", currency));
    OrderLine {
        sku: cut(line, "sku"),
        product_id: cut(line, "product_id"),
        name: cut(line, "name"),
        category: cut(line, "category"),
        style: cut(line, "style"),
        brand: cut(line, "brand"),
        // Quantities may be fractions (weights): counted in thousandths.
        quantity_milli: problems.note(thousandths(line)).unwrap_or(1_000),
        price_minor,
    }
}

fn cut(line: Fields<'_>, name: &str) -> Option<String> {
    let text = match line.get(name)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let end = (0..=LONGEST_WORD.min(text.len())).rev().find(|end| text.is_char_boundary(*end))?;
    Some(text[..end].to_owned())
}

fn thousandths(line: Fields<'_>) -> Result<Option<i64>, Problem> {
    let Some(text) = line.word("quantity")? else { return Ok(None) };
    parse_minor(&text, 3)
        .filter(|q| (0..=1_000_000_000_000).contains(q))
        .map(Some)
        .ok_or_else(|| line.problem("quantity", "amount_not_a_number", "must be a plain number"))
}
