//! A customer's latest orders, as they stand.

use super::{ME, ORDERS};
use crate::store::StoreError;
use crate::store::packed::{List, same};
use crate::store::sql::{Row, word};
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
pub(super) fn list() -> List {
    let columns = same("id order_key paid_at cancelled_at total_minor refunded_minor currency");
    List::new(
        &columns,
        format!(
            "FROM orders WHERE customer_id = {ME} AND paid_at IS NOT NULL ORDER BY paid_at DESC, id DESC LIMIT {ORDERS}"
        ),
    )
}

pub(super) fn read(row: &Row) -> Result<OrderLine, StoreError> {
    let currency = word("orders", "currency", row.int("id")?, &row.text("currency")?, Currency::parse)?;
    Ok(OrderLine {
        order_key: row.text("order_key")?,
        paid_at: row.at("paid_at")?,
        cancelled_at: row.opt_at("cancelled_at")?,
        total: Money::new(row.int("total_minor")?, currency),
        refunded: Money::new(row.int("refunded_minor")?, currency),
    })
}
