//! A customer's latest orders and tickets, as they stand.

use crate::store::sql::{args, word};
use crate::store::{Db, StoreError};
use domain::ids::CustomerId;
use domain::money::{Currency, Money};
use domain::time::Instant;

/// A paid order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// `<shop key>:<order id>`.
    pub order_key: String,
    pub paid_at: Instant,
    pub cancelled_at: Option<Instant>,
    pub total: Money,
    /// Linked refunds, at most the total.
    pub refunded: Money,
}

/// The latest paid orders.
pub(super) async fn orders(db: &Db, id: CustomerId, limit: i64) -> Result<Vec<OrderLine>, StoreError> {
    let sql = "SELECT id, order_key, paid_at, cancelled_at, total_minor, refunded_minor, currency FROM orders \
               WHERE customer_id = $1 AND paid_at IS NOT NULL ORDER BY paid_at DESC, id DESC LIMIT $2";
    let rows = db.all(sql, args![id, limit]).await?;
    rows.iter()
        .map(|row| {
            let currency =
                word("orders", "currency", row.int("id")?, &row.text("currency")?, Currency::parse)?;
            Ok(OrderLine {
                order_key: row.text("order_key")?,
                paid_at: row.at("paid_at")?,
                cancelled_at: row.opt_at("cancelled_at")?,
                total: Money::new(row.int("total_minor")?, currency),
                refunded: Money::new(row.int("refunded_minor")?, currency),
            })
        })
        .collect()
}

/// Whether somebody still waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketState {
    Open,
    Closed,
}

/// What a ticket is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketLine {
    /// `<shop key>:<ticket id>`.
    pub ticket_key: String,
    pub order_key: Option<String>,
    pub state: TicketState,
    pub opened_at: Option<Instant>,
    pub resolved_at: Option<Instant>,
    pub reopened: i64,
    pub complaint: bool,
    pub important: bool,
    pub complex: bool,
    /// In the base currency.
    pub amount_minor: Option<i64>,
    pub category: Option<String>,
    pub severity: Option<String>,
    pub channel: Option<String>,
}

/// The open tickets, complaints before the others, then the latest closed ones.
pub(super) async fn tickets(db: &Db, id: CustomerId, limit: i64) -> Result<Vec<TicketLine>, StoreError> {
    let sql = "SELECT id, ticket_key, order_key, state, opened_at, resolved_at, reopened, complaint, important, \
               complex, amount_minor, category, severity, channel FROM ticket WHERE customer_id = $1 \
               ORDER BY CASE WHEN state = 'open' THEN 0 ELSE 1 END, \
               CASE WHEN state = 'open' THEN complaint ELSE 0 END DESC, \
               COALESCE(opened_at, version_at) DESC, id DESC LIMIT $2";
    let rows = db.all(sql, args![id, limit]).await?;
    rows.iter()
        .map(|row| {
            let state = word("ticket", "state", row.int("id")?, &row.text("state")?, |text| match text {
                "open" => Some(TicketState::Open),
                "closed" => Some(TicketState::Closed),
                _ => None,
            })?;
            Ok(TicketLine {
                ticket_key: row.text("ticket_key")?,
                order_key: row.opt_text("order_key")?,
                state,
                opened_at: row.opt_at("opened_at")?,
                resolved_at: row.opt_at("resolved_at")?,
                reopened: row.int("reopened")?,
                complaint: row.flag("complaint")?,
                important: row.flag("important")?,
                complex: row.flag("complex")?,
                amount_minor: row.opt_int("amount_minor")?,
                category: row.opt_text("category")?,
                severity: row.opt_text("severity")?,
                channel: row.opt_text("channel")?,
            })
        })
        .collect()
}
