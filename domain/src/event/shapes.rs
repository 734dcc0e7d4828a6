//! The reference of all events: what each may say, in which shape, and what it changes. `docs/events.md` shows it;
//! tests hold it to what is read and written.

use std::fmt::Write;

/// Who makes an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A shop's systems, by an SDK, a file or a webhook.
    Senders,
    /// The daemon, under source `kinkeeper`.
    Kinkeeper,
}

/// One event.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub name: &'static str,
    pub by: By,
    pub properties: &'static [Property],
    pub changes: &'static str,
}

impl Shape {
    pub(super) fn has(&self, property: &str) -> bool {
        self.properties.iter().any(|known| known.name == property)
    }
}

/// One property of it.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    pub name: &'static str,
    pub kind: Kind,
    pub need: Need,
}

/// What a property looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text or a number, at most 256 bytes: an id or a word.
    Word,
    /// A plain decimal, as text or number, in `currency`.
    Amount,
    /// A three-letter code; without it amounts are in the base currency.
    Currency,
    /// RFC 3339; without offset in the shop's zone.
    Instant,
    Flag,
    /// A whole number between these.
    Whole(i64, i64),
    /// A number of stars, 0 to 5.
    Stars,
    /// An object of whole numbers.
    Numbers,
    /// `products[]`: objects with sku, product_id, name, category, style, brand, quantity, price.
    Lines,
    /// Free text: it lies with the personal values.
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Must,
    May,
}
use Kind::{Amount, Currency, Flag, Instant, Lines, Numbers, Stars, Text, Whole, Word};

const fn must(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, need: Need::Must }
}
const fn may(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, need: Need::May }
}
const fn sent(name: &'static str, properties: &'static [Property], changes: &'static str) -> Shape {
    Shape { name, by: By::Senders, properties, changes }
}
const fn own(name: &'static str, properties: &'static [Property], changes: &'static str) -> Shape {
    Shape { name, by: By::Kinkeeper, properties, changes }
}

const SOLD: &[Property] = &[
    must("order_id", Word),
    may("total", Amount),
    may("revenue", Amount),
    may("shipping", Amount),
    may("tax", Amount),
    may("discount", Amount),
    may("currency", Currency),
    may("products", Lines),
];
const TICKET: &[Property] = &[
    must("ticket_id", Word),
    may("order_id", Word),
    may("complaint", Flag),
    may("important", Flag),
    may("complex", Flag),
    may("category", Word),
    may("channel", Word),
    may("severity", Word),
    may("amount", Amount),
    may("currency", Currency),
    may("sku", Word),
    may("theme", Word),
    may("first_reply_at", Instant),
    may("chased", Whole(0, 1_000)),
    may("description", Text),
];
const COUPON: &[Property] = &[may("coupon_id", Word), may("order_id", Word)];
const SHIPMENT: &[Property] = &[
    may("order_id", Word),
    may("shipment_id", Word),
    may("status", Word),
    may("promised_by", Instant),
    may("carrier", Word),
    may("place", Word),
];

const TOUCH: &[Property] = &[
    must("touchpoint", Word),
    must("campaign", Word),
    must("channel", Word),
    must("purpose", Word),
    must("step", Whole(0, 1_000)),
    may("reason", Word),
];
const COUPON_OF: &[Property] = &[
    must("coupon", Word),
    must("batch", Word),
    must("face", Amount),
    may("expires_at", Instant),
    may("order_id", Word),
];
const COMPLAINT: &[Property] =
    &[must("ticket_id", Word), must("severity", Word), must("cycle", Whole(1, 1_000))];
const PROMISE: &[Property] = &[must("promise", Word), must("kind", Word)];

/// Every event with a meaning of its own.
pub const SHAPES: &[Shape] = &[
    sent("Order Placed", &[must("order_id", Word), may("pay_by", Instant)], "orders; once an order"),
    sent("Order Completed", SOLD, "orders, order_line; once an order"),
    sent("Order Updated", SOLD, "orders, order_line; a version"),
    sent("Order Cancelled", &[must("order_id", Word)], "orders; once an order"),
    sent(
        "Order Refunded",
        &[may("order_id", Word), may("refund_id", Word), may("total", Amount), may("currency", Currency)],
        "refund, orders; once a refund_id, else once an instant, amount and lines",
    ),
    sent("Order Delivered", &[may("order_id", Word), may("shipment_id", Word)], "shipment"),
    sent("Shipment Updated", SHIPMENT, "shipment; a version, field by field"),
    sent(
        "Shipment Exception",
        &[may("order_id", Word), may("shipment_id", Word), may("reason", Word), may("new_eta", Instant)],
        "shipment; a version, field by field",
    ),
    sent(
        "Product Reviewed",
        &[
            may("review_id", Word),
            may("order_id", Word),
            may("product_id", Word),
            may("sku", Word),
            may("rating", Stars),
            may("review_body", Text),
        ],
        "review; a version",
    ),
    sent("Coupon Entered", COUPON, "the log"),
    sent("Coupon Applied", COUPON, "the log"),
    sent("Coupon Denied", COUPON, "the log"),
    sent("Coupon Removed", COUPON, "the log"),
    sent("Ticket Opened", TICKET, "ticket; `complaint: true` makes it a complaint"),
    sent("Ticket Updated", TICKET, "ticket; a version, field by field"),
    sent("Ticket Escalated", TICKET, "ticket; a version, field by field"),
    sent("Ticket Resolved", TICKET, "ticket; closed until reopened"),
    sent("Ticket Reopened", TICKET, "ticket; open again"),
    sent("Handoff Requested", &[may("reason", Word)], "the log"),
    sent(
        "CSAT Submitted",
        &[must("score", Whole(1, 5)), may("feedback_id", Word), may("ticket_id", Word), may("comment", Text)],
        "feedback; a version",
    ),
    sent(
        "NPS Submitted",
        &[
            must("score", Whole(0, 10)),
            may("feedback_id", Word),
            may("ticket_id", Word),
            may("comment", Text),
        ],
        "feedback; a version",
    ),
    sent(
        "Call Logged",
        &[
            may("call_id", Word),
            may("direction", Word),
            may("purpose", Word),
            may("source", Word),
            may("duration_seconds", Whole(0, 1_000_000)),
            may("note", Text),
        ],
        "contact_made; doesn't count in the caps",
    ),
    sent(
        "Contact Made",
        &[
            must("channel", Word),
            may("contact_id", Word),
            may("direction", Word),
            may("purpose", Word),
            may("source", Word),
            may("message", Text),
        ],
        "contact_made; counts in the caps unless inbound",
    ),
    sent(
        "Consent Changed",
        &[must("channel", Word), may("purpose", Word), must("granted", Flag)],
        "consent; the latest counts",
    ),
    own(
        "Campaign Entered",
        &[must("campaign", Word), must("enrollment", Word), must("arm", Word), must("occasion", Word)],
        "the log; arm: treated or control",
    ),
    own(
        "Campaign Exited",
        &[must("campaign", Word), must("enrollment", Word), must("reason", Word)],
        "the log",
    ),
    own("Goal Reached", &[must("campaign", Word), must("enrollment", Word), must("arm", Word)], "the log"),
    own("Touch Sent", TOUCH, "the log"),
    own("Touch Delivered", TOUCH, "the log"),
    own("Touch Bounced", TOUCH, "the log"),
    own("Touch Clicked", TOUCH, "the log"),
    own("Coupon Issued", COUPON_OF, "the log"),
    own("Coupon Redeemed", COUPON_OF, "the log"),
    own("Coupon Expired", COUPON_OF, "the log"),
    own("Coupon Revoked", COUPON_OF, "the log"),
    own(
        "Callback Completed",
        &[
            must("callback", Word),
            must("kind", Word),
            must("resolved", Word),
            may("satisfaction", Whole(1, 5)),
            may("churn_reason", Word),
        ],
        "the log; resolved: yes, partly or no",
    ),
    own("Callback Exhausted", &[must("callback", Word), must("kind", Word)], "the log"),
    own("Promise Kept", PROMISE, "the log"),
    own("Promise Broken", PROMISE, "the log"),
    own("Complaint Opened", COMPLAINT, "the log"),
    own("Complaint Escalated", COMPLAINT, "the log"),
    own("Complaint Closed", COMPLAINT, "the log"),
    own("Complaint Reopened", COMPLAINT, "the log"),
    own(
        "Tag Added",
        &[must("tag", Word), must("value", Word), may("expires_at", Instant)],
        "tags; a rule that would give it is overruled",
    ),
    own(
        "Tag Removed",
        &[must("tag", Word), may("suppressed_until", Instant)],
        "tags; until then no rule gives it back",
    ),
    own(
        "Score Settled",
        &[must("score", Word), may("value", Word), may("parts", Numbers)],
        "tags that runs give; score: rfm, churn or clv; parts: the numbers behind it, by name",
    ),
    own(
        "Compensation Approved",
        &[must("complaint", Word), must("kind", Word), must("amount", Amount)],
        "the log",
    ),
];

/// Whether this is the name of something that the daemon does.
pub fn is_own(name: &str) -> bool {
    SHAPES.iter().any(|shape| shape.by == By::Kinkeeper && shape.name == name)
}

impl Kind {
    fn word(self) -> String {
        match self {
            Word => "word".to_owned(),
            Amount => "amount".to_owned(),
            Currency => "code".to_owned(),
            Instant => "instant".to_owned(),
            Flag => "true/false".to_owned(),
            Whole(first, last) => format!("{first}–{last}"),
            Stars => "0–5 stars".to_owned(),
            Lines => "lines".to_owned(),
            Numbers => "whole numbers by name".to_owned(),
            Text => "text".to_owned(),
        }
    }
}

/// The reference as a table of Markdown: name, properties (needed ones in bold) with their shapes, what it
/// changes.
pub fn table(by: By) -> String {
    let mut table = "| event | properties | changes |\n|---|---|---|\n".to_owned();
    for shape in SHAPES.iter().filter(|shape| shape.by == by) {
        let one = |property: &Property| {
            let name = match property.need {
                Need::Must => format!("**{}**", property.name),
                Need::May => property.name.to_owned(),
            };
            format!("{name} ({})", property.kind.word())
        };
        let properties: Vec<String> = shape.properties.iter().map(one).collect();
        // Writing to a String doesn't fail.
        let _ = writeln!(table, "| `{}` | {} | {} |", shape.name, properties.join(", "), shape.changes);
    }
    table
}

#[cfg(test)]
#[path = "shapes_tests.rs"]
mod tests;
