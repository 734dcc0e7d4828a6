//! Orders and refunds as projected from effective events. Every statement here gives the same rows in
//! whatever order events arrive.

use super::customers::Whose;
use super::in_list::{all_in, exec_in};
use super::shops::ShopRow;
use super::sql::{Arg, args};
use super::{Db, StoreError, Tx};
use domain::event::OrderLine;
use domain::ids::{CustomerId, ShopId};
use domain::time::Instant;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What events of one batch say about one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderChange {
    pub whose: Whose,
    pub placed: Option<Placed>,
    pub paid_at: Option<Instant>,
    pub cancelled_at: Option<Instant>,
    /// Its total as of the greatest `(occurred_at, message_id)`.
    pub version: Option<Version>,
    /// Its lines as of the greatest `(occurred_at, message_id)` that said any.
    pub lines: Option<(Instant, String, Vec<OrderLine>)>,
}

/// That an order was placed, and until when it may be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    pub at: Instant,
    pub pay_by: Option<Instant>,
}

/// An order's total in one version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub at: Instant,
    pub message_id: String,
    /// In the base currency.
    pub total_minor: i64,
    pub foreign: Option<Foreign>,
}

/// An amount as said in another currency, and the rate it was taken at (1e-12 base a unit).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Foreign {
    pub currency: String,
    pub minor: i64,
    pub rate: i64,
}

impl OrderChange {
    /// Nothing but that somebody named the order: a refund does.
    pub fn named_by(whose: Whose) -> Self {
        let (placed, paid_at, cancelled_at, version, lines) = (None, None, None, None, None);
        Self { whose, placed, paid_at, cancelled_at, version, lines }
    }

    /// Takes in what another event of the batch says about the same order.
    pub fn join(&mut self, other: Self) {
        if other.paid_at.is_some() || (self.paid_at.is_none() && other.whose.origin < self.whose.origin) {
            self.whose = other.whose;
        }
        self.placed = self.placed.or(other.placed);
        self.paid_at = self.paid_at.or(other.paid_at);
        self.cancelled_at = self.cancelled_at.or(other.cancelled_at);
        self.version = self.version.take().max(other.version);
        let newer = |(at, id, _): &(Instant, String, Vec<OrderLine>)| (*at, id.clone());
        if other.lines.as_ref().map(newer) > self.lines.as_ref().map(newer) {
            self.lines = other.lines;
        }
    }
}

/// A refund that counts. `order_key` is `''` where no order is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefund {
    pub order_key: String,
    pub ref_key: String,
    pub whose: Whose,
    pub occurred_at: Instant,
    /// `None` refunds what is left.
    pub amount_minor: Option<i64>,
}

/// Applies a batch. A refund's order gets a row even before it is paid (`paid_at` null), so that two
/// transactions that refund and complete it at once wait for each other on that row.
pub async fn apply(
    tx: &Tx,
    shop: &ShopRow,
    mut changes: BTreeMap<String, OrderChange>,
    refunds: Vec<NewRefund>,
) -> Result<(), StoreError> {
    for refund in refunds.iter().filter(|refund| !refund.order_key.is_empty()) {
        let named = OrderChange::named_by(refund.whose);
        match changes.get_mut(&refund.order_key) {
            Some(known) => known.join(named),
            None => drop(changes.insert(refund.order_key.clone(), named)),
        }
    }
    let keys: Vec<_> = changes.keys().map(Arg::arg).collect();
    let lines =
        changes.iter_mut().filter_map(|(key, change)| Some((key.clone(), change.lines.clone()?))).collect();
    upsert(tx, shop, changes).await?;
    write_lines(tx, shop, lines).await?;
    let rows = refunds
        .into_iter()
        .map(|r| {
            let Whose { customer, origin } = r.whose;
            args![shop.id, r.order_key, r.ref_key, customer, origin, r.occurred_at, r.amount_minor]
        })
        .collect();
    let columns = [
        "shop_id",
        "order_key",
        "ref_key",
        "customer_id",
        "origin_customer_id",
        "occurred_at",
        "amount_minor",
    ];
    tx.insert_many("refund", &columns, rows, "ON CONFLICT (shop_id, order_key, ref_key) DO NOTHING").await?;
    // Summed anew: a refund of the rest depends on the total, which may have changed after it. Never more
    // than the total: an order's net doesn't go below 0.
    let sql = "SELECT DISTINCT order_key FROM refund WHERE shop_id = $1 AND order_key IN ({in})";
    let refunded = all_in(tx, sql, args![shop.id], keys).await?;
    let refunded = refunded.iter().map(|row| row.text("order_key").map(Arg::arg));
    let sql = "UPDATE orders SET refunded_minor = (SELECT CASE \
                 WHEN COUNT(*) > COUNT(r.amount_minor) OR SUM(r.amount_minor) > orders.total_minor THEN orders.total_minor \
                 ELSE CAST(SUM(r.amount_minor) AS BIGINT) END \
                 FROM refund r WHERE r.shop_id = orders.shop_id AND r.order_key = orders.order_key) \
               WHERE shop_id = $1 AND order_key IN ({in})";
    exec_in(tx, sql, args![shop.id], refunded.collect::<Result<_, _>>()?).await.map(drop)
}

const COLUMNS: [&str; 18] = [
    "shop_id",
    "order_key",
    "customer_id",
    "origin_customer_id",
    "placed_at",
    "pay_by",
    "paid_at",
    "cancelled_at",
    "total_minor",
    "refunded_minor",
    "currency",
    "foreign_currency",
    "foreign_minor",
    "rate",
    "version_at",
    "version_id",
    "lines_at",
    "lines_id",
];

/// What happens to an order that is known. Gives the same row in whatever order batches come.
fn on_conflict(tx: &Tx) -> String {
    // Message ids compare by their bytes everywhere, as the fold in memory does.
    let bytes = if tx.is_postgres() { " COLLATE \"C\"" } else { "" };
    let newer = |at: &str, id: &str| {
        format!(
            "(excluded.{at} > orders.{at} OR (excluded.{at} = orders.{at} AND excluded.{id}{bytes} > orders.{id}))"
        )
    };
    let version = newer("version_at", "version_id");
    let lines = format!(
        "(excluded.lines_at IS NOT NULL AND (orders.lines_at IS NULL OR {}))",
        newer("lines_at", "lines_id")
    );
    // Whoever paid it; until somebody did, one of those who named it, whichever comes first.
    let owner = "(excluded.paid_at IS NOT NULL OR (orders.paid_at IS NULL \
                 AND excluded.origin_customer_id < orders.origin_customer_id))";
    let take = |when: &str, columns: &[&str]| {
        let one = |c: &&str| format!("{c} = CASE WHEN {when} THEN excluded.{c} ELSE orders.{c} END");
        columns.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let versioned = ["total_minor", "foreign_currency", "foreign_minor", "rate", "version_at", "version_id"];
    format!(
        "ON CONFLICT (shop_id, order_key) DO UPDATE SET {}, {}, {}, \
         placed_at = COALESCE(orders.placed_at, excluded.placed_at), \
         pay_by = COALESCE(orders.pay_by, excluded.pay_by), \
         paid_at = COALESCE(orders.paid_at, excluded.paid_at), \
         cancelled_at = COALESCE(orders.cancelled_at, excluded.cancelled_at)",
        take(owner, &["customer_id", "origin_customer_id"]),
        take(&version, &versioned),
        take(&lines, &["lines_at", "lines_id"]),
    )
}

async fn upsert(tx: &Tx, shop: &ShopRow, changes: BTreeMap<String, OrderChange>) -> Result<(), StoreError> {
    let rows = changes
        .into_iter()
        .map(|(key, change)| {
            let none = Version { at: Instant::MIN, message_id: String::new(), total_minor: 0, foreign: None };
            let version = change.version.unwrap_or(none);
            let (foreign_currency, foreign_minor, rate) = match version.foreign {
                Some(foreign) => (Some(foreign.currency), Some(foreign.minor), Some(foreign.rate)),
                None => (None, None, None),
            };
            args![
                shop.id,
                key,
                change.whose.customer,
                change.whose.origin,
                change.placed.map(|placed| placed.at),
                change.placed.and_then(|placed| placed.pay_by),
                change.paid_at,
                change.cancelled_at,
                version.total_minor,
                0_i64,
                shop.base.as_str(),
                foreign_currency,
                foreign_minor,
                rate,
                version.at,
                version.message_id,
                change.lines.as_ref().map(|(at, ..)| *at),
                change.lines.map(|(_, id, _)| id),
            ]
        })
        .collect();
    tx.insert_many("orders", &COLUMNS, rows, &on_conflict(tx)).await.map(drop)
}

const LINE: [&str; 12] = [
    "shop_id",
    "order_key",
    "line_no",
    "sku",
    "product_id",
    "name",
    "category",
    "style",
    "brand",
    "quantity_milli",
    "price_minor",
    "amount_minor",
];

/// Replaces the lines of the orders whose greatest version these are of.
async fn write_lines(
    tx: &Tx,
    shop: &ShopRow,
    said: BTreeMap<String, (Instant, String, Vec<OrderLine>)>,
) -> Result<(), StoreError> {
    let sql = "SELECT order_key, lines_at, lines_id FROM orders WHERE shop_id = $1 AND order_key IN ({in})";
    let mut current = HashSet::new();
    for row in all_in(tx, sql, args![shop.id], said.keys().map(Arg::arg).collect()).await? {
        let key = row.text("order_key")?;
        let (at, id) = (row.opt_at("lines_at")?, row.opt_text("lines_id")?);
        if said.get(&key).is_some_and(|(of, by, _)| Some(*of) == at && Some(by) == id.as_ref()) {
            current.insert(key);
        }
    }
    let sql = "DELETE FROM order_line WHERE shop_id = $1 AND order_key IN ({in})";
    exec_in(tx, sql, args![shop.id], current.iter().map(Arg::arg).collect()).await?;
    let mut rows = Vec::new();
    for (key, (.., lines)) in said.into_iter().filter(|(key, _)| current.contains(key)) {
        for (n, line) in lines.into_iter().enumerate() {
            let amount = line.amount_minor();
            rows.push(args![
                shop.id,
                &key,
                n as i64 + 1,
                line.sku,
                line.product_id,
                line.name,
                line.category,
                line.style,
                line.brand,
                line.quantity_milli,
                line.price_minor,
                amount
            ]);
        }
    }
    tx.insert_many("order_line", &LINE, rows, "").await.map(drop)
}

/// A paid order as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub shop: ShopId,
    /// `<shop key>:<order id>`.
    pub order_key: String,
    pub paid_at: Instant,
    pub cancelled_at: Option<Instant>,
    pub total_minor: i64,
    /// Linked refunds, at most the total.
    pub refunded_minor: i64,
    pub currency: String,
}

/// The paid orders of these customers, the latest first.
pub async fn list(db: &Db, customers: &[CustomerId]) -> Result<HashMap<CustomerId, Vec<Order>>, StoreError> {
    let sql = "SELECT id, customer_id, shop_id, order_key, paid_at, cancelled_at, total_minor, refunded_minor, currency \
               FROM orders WHERE paid_at IS NOT NULL AND customer_id IN ({in}) ORDER BY paid_at DESC, id DESC";
    let mut found: HashMap<CustomerId, Vec<Order>> = HashMap::new();
    for row in all_in(db, sql, vec![], customers.iter().map(|id| id.arg()).collect()).await? {
        found.entry(CustomerId(row.int("customer_id")?)).or_default().push(Order {
            shop: ShopId(row.int("shop_id")?),
            order_key: row.text("order_key")?,
            paid_at: row.at("paid_at")?,
            cancelled_at: row.opt_at("cancelled_at")?,
            total_minor: row.int("total_minor")?,
            refunded_minor: row.int("refunded_minor")?,
            currency: row.text("currency")?,
        });
    }
    Ok(found)
}

/// Who paid this order of this shop.
pub async fn find_customer(db: &Db, shop: ShopId, order_key: &str) -> Result<Option<CustomerId>, StoreError> {
    let sql = "SELECT customer_id FROM orders WHERE shop_id = $1 AND order_key = $2 AND paid_at IS NOT NULL";
    Ok(db.number(sql, args![shop, order_key]).await?.map(CustomerId))
}
