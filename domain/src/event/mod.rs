//! The facts, typed: what a log entry says that rules and projections read.
//!
//! Reading a sender's JSON into a fact is a pure function too ([`parse`]): it gives a fact or a problem,
//! whatever it is fed. An [`Event`] is what came through a door after parsing; who it is about, and whether a resend made it
//! ineffective, is decided at ingest and stands beside it in the log.

mod bare;
mod commerce;
mod detail;
mod foreign;
mod named;
pub mod own;
mod parse;
mod person;
pub mod property;
pub mod shapes;
mod ticket;
mod traits;
mod values;

pub use bare::{bare_detail, bare_name, bare_properties};
pub use commerce::{KNOWN, refund_key};
pub use detail::{ContactSaid, Detail, FeedbackSaid, OrderDetail, OrderLine, ReviewSaid, ShipmentSaid};
pub use foreign::Foreign;
pub use named::{Named, When};
pub use parse::{ConsentSaid, Context, Reading, RefusedTraits, Said, Speaker, occurred_at, parse};
pub use person::trait_name;
pub use ticket::{TicketPatch, TicketSaid, TicketState, TicketStep};
pub use traits::TraitBook;

use crate::customer::records::Record;
use crate::ids::SourceId;
use crate::time::Instant;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One event of the log about one customer, as the keeper reads it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it happened, by the sender's word, corrected for clock skew.
    pub occurred_at: Instant,
    /// When the daemon took it in. Events of one commit (an import is one) share it.
    pub received_at: Instant,
    /// Unique within its source; the second key where two versions of one thing share an instant.
    pub message_id: String,
    /// Who said it: two sources may use one message id.
    pub source: SourceId,
    /// Came by `import --history`: known, never acted on.
    pub historical: bool,
    pub fact: Fact,
    /// The order that a fact without one of its own is about.
    pub order: Option<String>,
    /// The review, answer, shipment or contact it is a version of, by its own id.
    pub subject: Option<String>,
    /// What it says beyond that: an order's lines, an answer's score, …
    pub detail: Option<Detail>,
    /// What rules want of its properties; `None` where nobody asked for any.
    pub values: Option<Arc<property::Values>>,
}

impl Event {
    /// The order it is about, where it is about one.
    pub fn order_id(&self) -> Option<&str> {
        match &self.fact {
            Fact::OrderCompleted { order_id, .. }
            | Fact::OrderUpdated { order_id, .. }
            | Fact::OrderCancelled { order_id } => Some(order_id),
            Fact::OrderRefunded { order_id, .. } => order_id.as_deref(),
            _ => self.order.as_deref(),
        }
    }
}

/// What happened. Money is in minor units of the book's base currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// `Order Completed`: paid. `total_minor` ≥ 0.
    OrderCompleted { order_id: String, total_minor: i64 },
    /// `Order Updated`: a newer version of the order's total.
    OrderUpdated { order_id: String, total_minor: i64 },
    /// `Order Cancelled`.
    OrderCancelled { order_id: String },
    /// `Order Refunded`. `order_id: None` is an unlinked refund; `amount_minor: None` refunds what is left.
    OrderRefunded { order_id: Option<String>, refund_id: Option<String>, amount_minor: Option<i64> },
    /// `Ticket Opened`.
    TicketOpened(Ticket),
    /// `Ticket Updated`: a newer version of the ticket's own fields.
    TicketUpdated(Ticket),
    /// `Ticket Escalated`: passed on to somebody above; may carry the ticket's fields.
    TicketEscalated(Ticket),
    /// `Ticket Resolved`: closed until reopened. Carries the ticket's fields where the sender gave them.
    TicketResolved { ticket_id: String },
    /// `Ticket Reopened`.
    TicketReopened { ticket_id: String },
    /// `Identify`: traits about the person; personal ones are kept apart from the log.
    Identified,
    /// `Consent Changed`.
    ConsentChanged { channel: String, purpose: String, granted: bool },
    /// Anything else, usable in rules by its name. Where the name is known (shipments, reviews, …) its
    /// [`Detail`] stands beside it in the log.
    Custom { name: String },
    /// A row of the book beside the log, as if it were an event; it is never logged.
    #[serde(skip)]
    Recorded(Record),
}

/// A service ticket's own fields.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ticket {
    pub ticket_id: String,
    pub order_id: Option<String>,
    /// Makes it a complaint (客诉).
    pub complaint: bool,
    pub important: bool,
    pub complex: bool,
    /// What it is about, in money.
    pub amount_minor: Option<i64>,
    pub category: Option<String>,
    pub severity: Option<String>,
    pub channel: Option<String>,
    pub theme: Option<String>,
    pub sku: Option<String>,
}

impl Fact {
    /// The event name as senders write it (Segment's e-commerce names where they exist).
    pub fn name(&self) -> &str {
        match self {
            Self::OrderCompleted { .. } => "Order Completed",
            Self::OrderUpdated { .. } => "Order Updated",
            Self::OrderCancelled { .. } => "Order Cancelled",
            Self::OrderRefunded { .. } => "Order Refunded",
            Self::TicketOpened(_) => "Ticket Opened",
            Self::TicketUpdated(_) => "Ticket Updated",
            Self::TicketEscalated(_) => "Ticket Escalated",
            Self::TicketResolved { .. } => "Ticket Resolved",
            Self::TicketReopened { .. } => "Ticket Reopened",
            Self::Identified => "Identify",
            Self::ConsentChanged { .. } => "Consent Changed",
            Self::Custom { name } => name,
            Self::Recorded(_) => "",
        }
    }
}
