//! Orders and refunds as projected from effective events. Every statement here gives the same rows in
//! whatever order events arrive.

use super::in_list::{all_in, exec_in};
use super::shops::ShopRow;
use super::sql::{Arg, args};
use super::{Db, StoreError, Tx};
use domain::ids::{CustomerId, ShopId};
use domain::time::Instant;
use std::collections::{BTreeMap, HashMap};

/// What events of one batch say about one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderChange {
    pub customer: CustomerId,
    pub paid_at: Option<Instant>,
    pub cancelled_at: Option<Instant>,
    /// Its total as of the greatest `(occurred_at, message_id)`.
    pub version: Option<(Instant, String, i64)>,
}

impl OrderChange {
    /// Nothing but that somebody named the order: a refund does.
    pub fn named_by(customer: CustomerId) -> Self {
        Self { customer, paid_at: None, cancelled_at: None, version: None }
    }

    /// Takes in what another event of the batch says about the same order.
    pub fn join(&mut self, other: Self) {
        if other.paid_at.is_some() {
            self.customer = other.customer;
        }
        self.paid_at = self.paid_at.or(other.paid_at);
        self.cancelled_at = self.cancelled_at.or(other.cancelled_at);
        self.version = self.version.take().max(other.version);
    }
}

/// A refund that counts. `order_key` is `''` where no order is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefund {
    pub order_key: String,
    pub ref_key: String,
    pub customer: CustomerId,
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
        let named = OrderChange::named_by(refund.customer);
        changes.entry(refund.order_key.clone()).or_insert(named);
    }
    let keys: Vec<_> = changes.keys().map(Arg::arg).collect();
    upsert(tx, shop, changes).await?;
    let rows = refunds
        .into_iter()
        .map(|r| args![shop.id, r.order_key, r.ref_key, r.customer, r.occurred_at, r.amount_minor])
        .collect();
    let columns = ["shop_id", "order_key", "ref_key", "customer_id", "occurred_at", "amount_minor"];
    tx.insert_many("refund", &columns, rows, "ON CONFLICT (shop_id, order_key, ref_key) DO NOTHING").await?;
    // Summed anew: a refund of the rest depends on the total, which may have changed after it. Never more
    // than the total: an order's net doesn't go below 0.
    let linked = "FROM refund r WHERE r.shop_id = orders.shop_id AND r.order_key = orders.order_key";
    let sql = format!(
        "UPDATE orders SET refunded_minor = (SELECT CASE \
           WHEN COUNT(*) > COUNT(r.amount_minor) OR SUM(r.amount_minor) > orders.total_minor THEN orders.total_minor \
           ELSE CAST(SUM(r.amount_minor) AS BIGINT) END {linked}) \
         WHERE shop_id = $1 AND order_key IN ({{in}}) AND EXISTS (SELECT 1 {linked})"
    );
    exec_in(tx, &sql, args![shop.id], keys).await.map(drop)
}

const COLUMNS: [&str; 11] = [
    "shop_id",
    "order_key",
    "customer_id",
    "origin_customer_id",
    "paid_at",
    "cancelled_at",
    "total_minor",
    "refunded_minor",
    "currency",
    "version_at",
    "version_id",
];

async fn upsert(tx: &Tx, shop: &ShopRow, changes: BTreeMap<String, OrderChange>) -> Result<(), StoreError> {
    // Message ids compare by their bytes everywhere, as the fold in memory does.
    let bytes = if tx.is_postgres() { " COLLATE \"C\"" } else { "" };
    let newer = format!(
        "(excluded.version_at > orders.version_at OR (excluded.version_at = orders.version_at \
         AND excluded.version_id{bytes} > orders.version_id))"
    );
    let take_newer = |column: &str| {
        format!("{column} = CASE WHEN {newer} THEN excluded.{column} ELSE orders.{column} END")
    };
    let take_payer = |column: &str| {
        format!(
            "{column} = CASE WHEN excluded.paid_at IS NOT NULL THEN excluded.{column} ELSE orders.{column} END"
        )
    };
    let tail = format!(
        "ON CONFLICT (shop_id, order_key) DO UPDATE SET {}, {}, {}, {}, {}, \
         paid_at = COALESCE(orders.paid_at, excluded.paid_at), \
         cancelled_at = COALESCE(orders.cancelled_at, excluded.cancelled_at)",
        take_payer("customer_id"),
        take_payer("origin_customer_id"),
        take_newer("total_minor"),
        take_newer("version_at"),
        take_newer("version_id"),
    );
    let rows = changes
        .into_iter()
        .map(|(key, change)| {
            let (version_at, version_id, total) = change.version.unwrap_or((Instant::MIN, String::new(), 0));
            args![
                shop.id,
                key,
                change.customer,
                change.customer,
                change.paid_at,
                change.cancelled_at,
                total,
                0_i64,
                shop.shop.currency.as_str(),
                version_at,
                version_id,
            ]
        })
        .collect();
    tx.insert_many("orders", &COLUMNS, rows, &tail).await.map(drop)
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
