//! Runs over the whole book: when they are due, how far they are, where their cuts lie, and what they gave each customer. What
//! a run says of somebody is the domain's.

use super::in_list::exec_in;
use super::packed::{List, same};
use super::sql::{Arg, Row, args, json, word};
use super::{Db, StoreError, Tx};
use domain::ids::{CustomerId, ShopId};
use domain::insight::rfm::{Buyer, Segment};
use domain::insight::{Given, RunKind};
use domain::time::Instant;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A run that isn't done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub id: i64,
    pub kind: RunKind,
    pub due_at: Instant,
    /// As of when everybody is looked at; `None`: it isn't begun.
    pub as_of: Option<Instant>,
    /// Who has been gone through.
    pub cursor: CustomerId,
    cuts: Option<String>,
}

impl Open {
    /// Where its cuts lie, once it is begun.
    pub fn cuts<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        json("run", "cuts", self.id, self.cuts.as_deref().unwrap_or("null"))
    }
}

/// The earliest run that isn't done.
pub async fn find_open(db: &Db) -> Result<Option<Open>, StoreError> {
    let sql = "SELECT id, kind, due_at, as_of, cuts, cursor_id FROM run WHERE done_at IS NULL \
               ORDER BY due_at, id LIMIT 1";
    db.one(sql, vec![]).await?.as_ref().map(open).transpose()
}

fn open(row: &Row) -> Result<Open, StoreError> {
    let id = row.int("id")?;
    Ok(Open {
        id,
        kind: word("run", "kind", id, &row.text("kind")?, RunKind::parse)?,
        due_at: row.at("due_at")?,
        as_of: row.opt_at("as_of")?,
        cursor: CustomerId(row.int("cursor_id")?),
        cuts: row.opt_text("cuts")?,
    })
}

/// Has a run of each kind come due then of which none is open.
pub async fn schedule(tx: &Tx, due_at: Instant) -> Result<(), StoreError> {
    let open = tx.all("SELECT kind FROM run WHERE done_at IS NULL", vec![]).await?;
    let open: Vec<String> = open.iter().map(|row| row.text("kind")).collect::<Result<_, _>>()?;
    let rows = RunKind::ALL
        .iter()
        .filter(|kind| !open.iter().any(|open| open == kind.as_str()))
        .map(|kind| args![kind.as_str(), kind.version(), due_at])
        .collect();
    let columns = ["kind", "version", "due_at"];
    tx.insert_many("run", &columns, rows, "ON CONFLICT (kind, due_at) DO NOTHING").await.map(drop)
}

/// Begins a run; false if somebody else did.
pub async fn begin(tx: &Tx, id: i64, as_of: Instant, cuts: &impl Serialize) -> Result<bool, StoreError> {
    let cuts = serde_json::to_string(cuts).expect("numbers by name are JSON");
    let sql = "UPDATE run SET as_of = $1, cuts = $2 WHERE id = $3 AND as_of IS NULL";
    Ok(tx.exec(sql, args![as_of, cuts, id]).await? == 1)
}

/// Whether a run is where it was said to be; if so it stays there until the transaction ends.
pub async fn is_at(tx: &Tx, run: &Open) -> Result<bool, StoreError> {
    let lock = if tx.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!("SELECT id FROM run WHERE id = $1 AND cursor_id = $2 AND done_at IS NULL{lock}");
    Ok(tx.one(&sql, args![run.id, run.cursor]).await?.is_some())
}

/// What one page of a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Up to whom it went.
    pub to: CustomerId,
    pub looked_at: i64,
    pub changed: i64,
    /// When the run was done, if this was its last.
    pub done_at: Option<Instant>,
}

/// Goes on from `from`, where it [is](is_at).
pub async fn advance(tx: &Tx, id: i64, from: CustomerId, page: Page) -> Result<(), StoreError> {
    let sql = "UPDATE run SET cursor_id = $1, looked_at = looked_at + $2, changed = changed + $3, done_at = $4 \
               WHERE id = $5 AND cursor_id = $6 AND done_at IS NULL";
    let values = args![page.to, page.looked_at, page.changed, page.done_at, id, from];
    tx.exec_one("a page of a run", sql, values).await
}

/// The last run of this kind that was done.
pub(super) fn last_done(kind: RunKind) -> List {
    let kind = kind.as_str();
    let from = format!("FROM run WHERE kind = '{kind}' AND done_at IS NOT NULL ORDER BY due_at DESC LIMIT 1");
    List::new(&same("id cuts"), from)
}

/// Where the cuts of a [done](last_done) run lie.
pub(super) fn read_cuts<T: DeserializeOwned>(row: &Row) -> Result<T, StoreError> {
    json("run", "cuts", row.int("id")?, &row.text("cuts")?)
}

/// Whether a run of this kind was ever done.
pub async fn was_done(db: &Db, kind: RunKind) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM run WHERE kind = $1 AND done_at IS NOT NULL LIMIT 1";
    Ok(db.one(sql, args![kind.as_str()]).await?.is_some())
}

/// Everybody that runs look at: consumers with a counted order in 365 d.
const BUYERS: &str = "FROM profile p JOIN customer c ON c.id = p.customer_id WHERE c.merged_into IS NULL \
    AND c.erased_at IS NULL AND p.account_kind = 'consumer' AND p.orders_365 > 0";

/// Counted orders, paid after `$1` and up to `$2`.
const ORDERS: &str = "FROM orders o JOIN customer c ON c.id = o.customer_id WHERE o.paid_at > $1 AND o.paid_at <= $2 \
    AND o.cancelled_at IS NULL AND (o.total_minor = 0 OR o.refunded_minor < o.total_minor) \
    AND c.account_kind = 'consumer' AND c.erased_at IS NULL";

/// What of a buyer is ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    LastOrderAt,
    Orders,
    Spend,
}

/// How many buyers there are.
pub async fn buyers(db: &Db) -> Result<i64, StoreError> {
    let sql = format!("SELECT CAST(COUNT(*) AS BIGINT) {BUYERS}");
    Ok(db.number(&sql, vec![]).await?.unwrap_or(0))
}

/// What the buyer of this rank has; 1 has the least. `None` where there are fewer.
pub async fn buyer_of_rank(db: &Db, measure: Measure, rank: i64) -> Result<Option<i64>, StoreError> {
    let column = match measure {
        Measure::LastOrderAt => "p.last_order_at",
        Measure::Orders => "p.orders_365",
        Measure::Spend => "p.spend_365_minor",
    };
    let sql = format!("SELECT {column} {BUYERS} ORDER BY {column} LIMIT 1 OFFSET $1");
    db.number(&sql, args![rank - 1]).await
}

/// How many counted orders were paid in `(after, until]`.
pub async fn orders(db: &Db, after: Instant, until: Instant) -> Result<i64, StoreError> {
    let sql = format!("SELECT CAST(COUNT(*) AS BIGINT) {ORDERS}");
    Ok(db.number(&sql, args![after, until]).await?.unwrap_or(0))
}

/// The total of the order of this rank among them; 1 is the least. `None` where there are fewer.
pub async fn order_of_rank(
    db: &Db,
    (after, until): (Instant, Instant),
    rank: i64,
) -> Result<Option<i64>, StoreError> {
    let sql = format!("SELECT o.total_minor {ORDERS} ORDER BY o.total_minor LIMIT 1 OFFSET $3");
    db.number(&sql, args![after, until, rank - 1]).await
}

/// Somebody a run looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    pub customer: CustomerId,
    pub shop: ShopId,
    /// `None`: no buyer any more.
    pub buyer: Option<Buyer>,
    pub given: Given<Segment>,
}

/// The next after `after`, by id: buyers, and whoever was given something by the runs before.
pub async fn rfm_page(db: &Db, after: CustomerId, limit: i64) -> Result<Vec<Looked>, StoreError> {
    let sql = "SELECT c.id, c.shop_id, p.last_order_at, p.orders_365, p.spend_365_minor, \
               CAST(CASE WHEN p.account_kind = 'consumer' AND p.orders_365 > 0 THEN 1 ELSE 0 END AS BIGINT) AS buys, \
               s.said, s.settled FROM customer c JOIN profile p ON p.customer_id = c.id \
               LEFT JOIN score s ON s.customer_id = c.id AND s.kind = $1 \
               WHERE c.id > $2 AND c.merged_into IS NULL AND c.erased_at IS NULL \
               AND ((p.account_kind = 'consumer' AND p.orders_365 > 0) OR s.said IS NOT NULL \
                    OR s.settled IS NOT NULL) ORDER BY c.id LIMIT $3";
    let rows = db.all(sql, args![RunKind::Rfm.as_str(), after, limit]).await?;
    rows.iter().map(looked).collect()
}

fn looked(row: &Row) -> Result<Looked, StoreError> {
    let id = row.int("id")?;
    let segment = |column: &str| {
        let text = row.opt_text(column)?;
        text.map(|text| word("score", column, id, &text, Segment::parse)).transpose()
    };
    let buyer = match (row.int("buys")?, row.opt_at("last_order_at")?) {
        (1, Some(last_order_at)) => {
            let (orders, spend_minor) = (row.int("orders_365")?, row.int("spend_365_minor")?);
            Some(Buyer { last_order_at, orders, spend_minor })
        }
        _ => None,
    };
    Ok(Looked {
        customer: CustomerId(id),
        shop: ShopId(row.int("shop_id")?),
        buyer,
        given: Given { last: segment("said")?, settled: segment("settled")? },
    })
}

/// Keeps what a run gave these customers.
pub async fn give(
    tx: &Tx,
    kind: RunKind,
    run: i64,
    given: Vec<(CustomerId, Given<Segment>)>,
) -> Result<(), StoreError> {
    let text = |segment: Option<Segment>| segment.map(|segment| segment.as_str().to_owned());
    let rows = given
        .into_iter()
        .map(|(customer, given)| args![customer, kind.as_str(), run, text(given.last), text(given.settled)])
        .collect();
    let columns = ["customer_id", "kind", "run_id", "said", "settled"];
    let tail = "ON CONFLICT (customer_id, kind) DO UPDATE SET run_id = excluded.run_id, said = excluded.said, \
                settled = excluded.settled";
    tx.insert_many("score", &columns, rows, tail).await.map(drop)
}

/// Lets the next run say of these customers what it likes: who they are has changed.
pub async fn forget(tx: &Tx, customers: &[CustomerId]) -> Result<(), StoreError> {
    let keys = customers.iter().map(|id| id.arg()).collect();
    exec_in(tx, "DELETE FROM score WHERE customer_id IN ({in})", vec![], keys).await.map(drop)
}
