//! Products: what the shop says of them, and how fast buyers use them up by the last run.

use super::in_list::all_in;
use super::sql::{Arg, Row, args};
use super::{Db, StoreError, Tx};
use domain::ids::{CustomerId, ShopId};
use domain::product::{Product, Products, Said};
use domain::time::{Instant, Span};
use std::collections::BTreeMap;

/// Who says something of a product.
const SAID: &str = "said";
const PACE: &str = "pace";

/// What is known of products, by shop and SKU.
type Known = BTreeMap<(String, String), Product>;

/// Everything that is known of products.
pub async fn all(db: &Db) -> Result<Products, StoreError> {
    Ok(products(&known(db).await?))
}

/// What was known of products in each of these epochs, as far as it was another than now: none for those in which it was the same.
pub async fn as_of(
    db: &Db,
    epochs: impl IntoIterator<Item = i64>,
) -> Result<BTreeMap<i64, Products>, StoreError> {
    let mut epochs: Vec<i64> = epochs.into_iter().collect();
    epochs.sort_unstable();
    let Some(first) = epochs.first() else { return Ok(BTreeMap::new()) };
    let sql = "SELECT s.key AS shop_key, w.sku, w.what, w.until_epoch, w.days_milli, w.sensitive FROM product_was w \
               JOIN shop s ON s.id = w.shop_id WHERE w.until_epoch > $1 ORDER BY w.until_epoch DESC";
    // Before the changes: what is declared in between is undone without having been known.
    let mut known = known(db).await?;
    let changes = db.all(sql, args![*first]).await?;
    // Undone one after the other, the latest first, they tell backwards what was known.
    let (mut found, mut undone) = (BTreeMap::new(), 0);
    for epoch in epochs.into_iter().rev() {
        while let Some(change) = changes.get(undone) {
            if change.int("until_epoch")? <= epoch {
                break;
            }
            undo(&mut known, change)?;
            undone += 1;
        }
        if undone > 0 {
            found.insert(epoch, products(&known));
        }
    }
    Ok(found)
}

fn undo(known: &mut Known, change: &Row) -> Result<(), StoreError> {
    let product = known.entry((change.text("shop_key")?, change.text("sku")?)).or_default();
    let days_milli = change.opt_int("days_milli")?;
    match change.text("what")?.as_str() {
        SAID => (product.days_milli, product.sensitive) = (days_milli, change.flag("sensitive")?),
        _ => product.usual_days_milli = days_milli,
    }
    Ok(())
}

fn products(known: &Known) -> Products {
    let mut products = Products::default();
    for ((shop, sku), product) in known {
        products.insert(shop, sku, product.clone());
    }
    products
}

async fn known(db: &Db) -> Result<Known, StoreError> {
    let mut known = Known::new();
    let key = |row: &Row| Ok::<_, StoreError>((row.text("shop_key")?, row.text("sku")?));
    let sql = "SELECT s.key AS shop_key, p.sku, p.days_milli, p.sensitive FROM product p JOIN shop s ON s.id = p.shop_id";
    for row in db.all(sql, vec![]).await? {
        let (days_milli, sensitive) = (row.opt_int("days_milli")?, row.flag("sensitive")?);
        known.insert(key(&row)?, Product { days_milli, sensitive, usual_days_milli: None });
    }
    let sql = "SELECT s.key AS shop_key, p.sku, p.days FROM product_pace p JOIN shop s ON s.id = p.shop_id";
    for row in db.all(sql, vec![]).await? {
        known.entry(key(&row)?).or_default().usual_days_milli = Some(row.int("days")?.saturating_mul(1_000));
    }
    Ok(known)
}

/// What the shop says of these products, as far as it does.
pub async fn said_of(
    db: &Db,
    shop_key: &str,
    skus: impl IntoIterator<Item = &String>,
) -> Result<BTreeMap<String, Said>, StoreError> {
    let sql = "SELECT p.sku, p.name, p.days_milli, p.sensitive FROM product p JOIN shop s ON s.id = p.shop_id \
               WHERE s.key = $1 AND p.sku IN ({in})";
    let skus = skus.into_iter().map(Arg::arg).collect();
    let rows = all_in(db, sql, args![shop_key], skus).await?;
    let said = |row: &Row| {
        let (name, days_milli) = (row.opt_text("name")?, row.opt_int("days_milli")?);
        Ok((row.text("sku")?, Said { name, days_milli, sensitive: row.flag("sensitive")? }))
    };
    rows.iter().map(said).collect()
}

/// Writes what the shop says of products over what it said of them before, which held until this epoch.
pub async fn put(
    tx: &Tx,
    shop: ShopId,
    products: &BTreeMap<String, Said>,
    (epoch, at): (i64, Instant),
) -> Result<(), StoreError> {
    let sql = "SELECT sku, days_milli, sensitive FROM product WHERE shop_id = $1 AND sku IN ({in})";
    let skus = products.keys().map(Arg::arg).collect();
    let mut before: BTreeMap<String, (Option<i64>, bool)> =
        products.keys().map(|sku| (sku.clone(), (None, false))).collect();
    for row in all_in(tx, sql, args![shop], skus).await? {
        before.insert(row.text("sku")?, (row.opt_int("days_milli")?, row.flag("sensitive")?));
    }
    before.retain(|sku, was| products.get(sku).is_none_or(|said| (said.days_milli, said.sensitive) != *was));
    let was = |(sku, (days, sensitive)): (String, (Option<i64>, bool))| {
        args![shop, sku, SAID, epoch, days, sensitive]
    };
    write_down(tx, before.into_iter().map(was).collect(), at).await?;
    let row = |(sku, said): (&String, &Said)| {
        args![shop, sku.clone(), said.name.clone(), said.days_milli, said.sensitive, at]
    };
    let columns = ["shop_id", "sku", "name", "days_milli", "sensitive", "changed_at"];
    let tail = "ON CONFLICT (shop_id, sku) DO UPDATE SET name = excluded.name, days_milli = excluded.days_milli, \
                sensitive = excluded.sensitive, changed_at = excluded.changed_at";
    tx.insert_many("product", &columns, products.iter().map(row).collect(), tail).await.map(drop)
}

/// For how long what was known of products is kept, for a keeper who is behind.
const KEPT: Span = Span::days(90);

/// Keeps what was known of products until now, and no longer what has long been so.
async fn write_down(tx: &Tx, was: Vec<Vec<sea_orm::Value>>, at: Instant) -> Result<(), StoreError> {
    let columns = ["shop_id", "sku", "what", "until_epoch", "days_milli", "sensitive"];
    tx.insert_many("product_was", &columns, was, "").await?;
    let sql = "DELETE FROM product_was WHERE until_epoch < (SELECT MAX(epoch) FROM rule_turn WHERE at < $1)";
    tx.exec(sql, args![at - KEPT]).await.map(drop)
}

/// A counted order's pieces of one product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bought {
    pub customer: CustomerId,
    pub shop: ShopId,
    pub sku: String,
    pub paid_at: Instant,
    pub quantity_milli: i64,
}

/// The next consumers after `after`, by id.
pub async fn consumers(db: &Db, after: CustomerId, limit: i64) -> Result<Vec<CustomerId>, StoreError> {
    let sql = "SELECT id FROM customer WHERE id > $1 AND merged_into IS NULL AND erased_at IS NULL \
               AND account_kind = 'consumer' ORDER BY id LIMIT $2";
    let rows = db.all(sql, args![after, limit]).await?;
    rows.iter().map(|row| row.int("id").map(CustomerId)).collect()
}

/// What these customers bought, by customer, shop and product, oldest first.
pub async fn bought(db: &Db, customers: &[CustomerId]) -> Result<Vec<Bought>, StoreError> {
    let sql = "SELECT o.customer_id, o.shop_id, l.sku, o.paid_at, CAST(SUM(l.quantity_milli) AS BIGINT) AS quantity_milli \
               FROM orders o JOIN order_line l ON l.shop_id = o.shop_id AND l.order_key = o.order_key \
               WHERE o.paid_at IS NOT NULL AND o.cancelled_at IS NULL AND l.sku IS NOT NULL \
               AND (o.total_minor = 0 OR o.refunded_minor < o.total_minor) AND o.customer_id IN ({in}) \
               GROUP BY o.customer_id, o.shop_id, l.sku, o.paid_at, o.order_key HAVING SUM(l.quantity_milli) > 0";
    let keys = customers.iter().map(|id| id.arg()).collect();
    let rows = all_in(db, sql, vec![], keys).await?;
    let mut bought = rows.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    bought.sort_by(|a, b| {
        (a.customer.0, a.shop.0, &a.sku, a.paid_at).cmp(&(b.customer.0, b.shop.0, &b.sku, b.paid_at))
    });
    Ok(bought)
}

fn one(row: &Row) -> Result<Bought, StoreError> {
    Ok(Bought {
        customer: CustomerId(row.int("customer_id")?),
        shop: ShopId(row.int("shop_id")?),
        sku: row.text("sku")?,
        paid_at: row.at("paid_at")?,
        quantity_milli: row.int("quantity_milli")?,
    })
}

/// How many pairs of orders there are, by shop, product and days that a piece lasted.
pub type Gaps = BTreeMap<(i64, String, i64), i64>;

/// Adds pairs to a run's.
pub async fn add_gaps(tx: &Tx, run: i64, gaps: Gaps) -> Result<(), StoreError> {
    let row = |((shop, sku, days), pairs): ((i64, String, i64), i64)| args![run, shop, sku, days, pairs];
    let columns = ["run_id", "shop_id", "sku", "days", "pairs"];
    let tail =
        "ON CONFLICT (run_id, shop_id, sku, days) DO UPDATE SET pairs = refill_gap.pairs + excluded.pairs";
    tx.insert_many("refill_gap", &columns, gaps.into_iter().map(row).collect(), tail).await.map(drop)
}

/// A run's pairs, by shop, product and days.
pub async fn gaps(db: &Db, run: i64) -> Result<Gaps, StoreError> {
    let sql = "SELECT shop_id, sku, days, pairs FROM refill_gap WHERE run_id = $1";
    let rows = db.all(sql, args![run]).await?;
    let gap = |row: &Row| Ok(((row.int("shop_id")?, row.text("sku")?, row.int("days")?), row.int("pairs")?));
    rows.iter().map(gap).collect()
}

/// How fast buyers use products up: days a piece, and of how many pairs, by shop and product.
pub type Paces = BTreeMap<(i64, String), (i64, i64)>;

pub async fn paces(db: &Db) -> Result<Paces, StoreError> {
    let rows = db.all("SELECT shop_id, sku, days, pairs FROM product_pace", vec![]).await?;
    let pace =
        |row: &Row| Ok(((row.int("shop_id")?, row.text("sku")?), (row.int("days")?, row.int("pairs")?)));
    rows.iter().map(pace).collect()
}

/// Ends a run: this is how fast, and its pairs aren't needed any more.
pub async fn set_paces(tx: &Tx, run: i64, paces: Paces) -> Result<(), StoreError> {
    tx.exec("DELETE FROM product_pace", vec![]).await?;
    let row = |((shop, sku), (days, pairs)): ((i64, String), (i64, i64))| args![shop, sku, days, pairs, run];
    let columns = ["shop_id", "sku", "days", "pairs", "run_id"];
    tx.insert_many("product_pace", &columns, paces.into_iter().map(row).collect(), "").await?;
    tx.exec("DELETE FROM refill_gap WHERE run_id = $1", args![run]).await.map(drop)
}

/// Keeps how many days a piece of each product lasted until this epoch came; `None`: nobody knew.
pub async fn paces_were(
    tx: &Tx,
    were: Vec<((i64, String), Option<i64>)>,
    (epoch, at): (i64, Instant),
) -> Result<(), StoreError> {
    let was = |((shop, sku), days): ((i64, String), Option<i64>)| {
        args![shop, sku, PACE, epoch, days.map(|days| days.saturating_mul(1_000)), false]
    };
    write_down(tx, were.into_iter().map(was).collect(), at).await
}
