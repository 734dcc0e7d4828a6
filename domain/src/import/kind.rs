//! What files are about, and the columns of each kind under our own names.

use serde::Serialize;

/// What a file is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Customers,
    Orders,
    Tickets,
    /// Touches by other tools.
    Contacts,
    /// Events in Segment's shape, one a line.
    Events,
}

const CUSTOMERS: [&str; 14] = [
    "customer_id",
    "shop",
    "name",
    "first_name",
    "last_name",
    "public_tier",
    "email",
    "phone",
    "gender",
    "birthday",
    "registered_at",
    "timezone",
    "locale",
    "jurisdiction",
];
const ORDERS: [&str; 24] = [
    "order_id",
    "customer_id",
    "paid_at",
    "total",
    "currency",
    "kind",
    "refund_of",
    "status",
    "coupon",
    "shop",
    "delivered_at",
    "sku",
    "product",
    "category",
    "style",
    "brand",
    "quantity",
    "price",
    "created_at",
    "refunded",
    "refunded_at",
    "name",
    "email",
    "phone",
];
const TICKETS: [&str; 17] = [
    "ticket_id",
    "customer_id",
    "order_id",
    "opened_at",
    "resolved_at",
    "category",
    "severity",
    "channel",
    "complaint",
    "important",
    "complex",
    "amount",
    "sku",
    "theme",
    "status",
    "csat",
    "shop",
];
const CONTACTS: [&str; 7] = ["customer_id", "phone", "at", "channel", "purpose", "source", "shop"];

/// The whole of it, as JSON.
const EVENTS: [&str; 1] = ["event"];

/// Fields that hold instants, whatever the kind.
const INSTANTS: [&str; 8] = [
    "paid_at",
    "delivered_at",
    "created_at",
    "refunded_at",
    "opened_at",
    "resolved_at",
    "registered_at",
    "at",
];
/// Fields that hold money.
const AMOUNTS: [&str; 4] = ["total", "price", "amount", "refunded"];
/// Fields that hold ids, which a spreadsheet may have destroyed.
const IDS: [&str; 6] = ["order_id", "customer_id", "ticket_id", "refund_of", "phone", "sku"];

impl Kind {
    pub const ALL: [Self; 5] = [Self::Customers, Self::Orders, Self::Tickets, Self::Contacts, Self::Events];
    /// What a recorded book's files are about.
    pub const RECORDED: [Self; 3] = [Self::Customers, Self::Orders, Self::Tickets];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Orders => "orders",
            Self::Tickets => "tickets",
            Self::Contacts => "contacts",
            Self::Events => "events",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Its columns under our names.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Customers => &CUSTOMERS,
            Self::Orders => &ORDERS,
            Self::Tickets => &TICKETS,
            Self::Contacts => &CONTACTS,
            Self::Events => &EVENTS,
        }
    }

    /// Columns without which a file is none of this kind; more may be needed in a row.
    pub fn required(self) -> &'static [&'static str] {
        match self {
            Self::Customers => &["customer_id"],
            Self::Orders => &["order_id", "customer_id", "paid_at"],
            Self::Tickets => &["ticket_id", "customer_id", "opened_at"],
            Self::Contacts => &["at", "channel"],
            Self::Events => &EVENTS,
        }
    }

    /// The column that says when a row happened.
    pub fn dating_column(self) -> &'static str {
        match self {
            Self::Customers => "registered_at",
            Self::Orders => "paid_at",
            Self::Tickets => "opened_at",
            Self::Contacts => "at",
            Self::Events => "timestamp",
        }
    }

    /// Whether it is one of the columns, or a consent's.
    pub fn has(self, field: &str) -> bool {
        self.columns().contains(&field) || consent_of(self, field).is_some()
    }
}

/// Channel and purpose of a column `consent_<channel>_<purpose>`.
pub fn consent_of(kind: Kind, column: &str) -> Option<(&str, &str)> {
    if kind != Kind::Customers {
        return None;
    }
    column
        .strip_prefix("consent_")?
        .split_once('_')
        .filter(|(channel, purpose)| !channel.is_empty() && !purpose.is_empty())
}

/// How a field's cells are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    Instant,
    Amount,
    Id,
    Text,
}

pub(super) fn nature(field: &str) -> Nature {
    match field {
        field if INSTANTS.contains(&field) => Nature::Instant,
        field if AMOUNTS.contains(&field) => Nature::Amount,
        field if IDS.contains(&field) => Nature::Id,
        _ => Nature::Text,
    }
}
