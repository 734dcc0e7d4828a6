//! Projections: tables that are a function of the log's effective events, folded by key. The same fold serves
//! ingest, `rebuild` and whoever takes events back; what facts amount to where it is intricate (tickets) is
//! the domain's. Orders have a faster way in at ingest (`store::orders`), which must give the same rows.

mod effects;
mod fold;
mod log;
mod people;
mod table;

pub(super) use fold::ticket_said;
pub use log::{Entry, Group, GroupKey};
pub use people::{compare_people, page_of_people, rebuild_people};
pub use table::Difference;

use super::sql::Arg;
use super::{Db, StoreError, Tx};
use std::collections::{BTreeMap, BTreeSet};
use table::{Row, Table};

/// A family of tables that are folded together from the events of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Projection {
    /// Orders with their lines and linked refunds, by order.
    Orders,
    /// Refunds that name no order, by refund.
    UnlinkedRefunds,
    Tickets,
    Shipments,
    Reviews,
    Feedback,
    /// Contacts made by other tools, and logged calls.
    Contacts,
}

impl Projection {
    pub const ALL: [Self; 7] = [
        Self::Orders,
        Self::UnlinkedRefunds,
        Self::Tickets,
        Self::Shipments,
        Self::Reviews,
        Self::Feedback,
        Self::Contacts,
    ];

    /// The events it is folded from.
    fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Orders => {
                &["Order Placed", "Order Completed", "Order Updated", "Order Cancelled", "Order Refunded"]
            }
            Self::UnlinkedRefunds => &["Order Refunded"],
            Self::Tickets => {
                &["Ticket Opened", "Ticket Updated", "Ticket Escalated", "Ticket Resolved", "Ticket Reopened"]
            }
            Self::Shipments => &["Shipment Updated", "Shipment Exception", "Order Delivered"],
            Self::Reviews => &["Product Reviewed"],
            Self::Feedback => &["CSAT Submitted", "NPS Submitted"],
            Self::Contacts => &["Contact Made", "Call Logged"],
        }
    }

    /// The projection that an event of this name belongs to. `linked`: it names its order.
    pub fn of_event(kind: &str, order_key: Option<&str>) -> Option<Self> {
        if kind == "Order Refunded" && order_key.is_none() {
            return Some(Self::UnlinkedRefunds);
        }
        Self::ALL.into_iter().find(|projection| projection.kinds().contains(&kind))
    }

    /// The column of the log that holds its key.
    fn log_column(self) -> &'static str {
        if self == Self::Orders { "order_key" } else { "ref_key" }
    }

    /// What its events have beside kind and key.
    fn log_filter(self) -> &'static str {
        if self == Self::UnlinkedRefunds { " AND e.order_key IS NULL" } else { "" }
    }

    fn tables(self) -> &'static [Table] {
        match self {
            Self::Orders => &[table::ORDERS, table::LINES, table::REFUNDS],
            Self::UnlinkedRefunds => &[table::UNLINKED],
            Self::Tickets => &[table::TICKETS],
            Self::Shipments => &[table::SHIPMENTS],
            Self::Reviews => &[table::REVIEWS],
            Self::Feedback => &[table::FEEDBACK],
            Self::Contacts => &[table::CONTACTS],
        }
    }

    /// The rows of each of its tables that these events amount to.
    fn fold(self, group: &Group) -> Vec<Vec<Row>> {
        match self {
            Self::Orders => fold::orders(group),
            Self::UnlinkedRefunds => vec![fold::refunds(group, "")],
            Self::Tickets => vec![vec![fold::ticket(group)]],
            Self::Shipments => vec![vec![fold::shipment(group)]],
            Self::Reviews => vec![vec![fold::review(group)]],
            Self::Feedback => vec![fold::feedback(group)],
            Self::Contacts => vec![fold::contacts(group)],
        }
    }
}

/// Keys whose projections are to be looked at.
pub type Keys = BTreeMap<Projection, BTreeSet<String>>;

/// The keys of everything these effective or ineffective events are about.
pub async fn keys_of_customers(
    db: &Db,
    customers: &BTreeSet<domain::ids::CustomerId>,
) -> Result<Keys, StoreError> {
    let sql = "SELECT kind, order_key, ref_key FROM event WHERE customer_id IN ({in}) \
               AND (order_key IS NOT NULL OR ref_key IS NOT NULL)";
    let rows = super::in_list::all_in(db, sql, vec![], customers.iter().map(|id| id.arg()).collect()).await?;
    let mut keys = Keys::new();
    for row in rows {
        note_key(&mut keys, &row.text("kind")?, row.opt_text("order_key")?, row.opt_text("ref_key")?);
    }
    Ok(keys)
}

/// Adds the key of what an event is about.
pub fn note_key(keys: &mut Keys, kind: &str, order_key: Option<String>, ref_key: Option<String>) {
    let Some(projection) = Projection::of_event(kind, order_key.as_deref()) else { return };
    let key = if projection == Projection::Orders { order_key } else { ref_key };
    if let Some(key) = key {
        keys.entry(projection).or_default().insert(key);
    }
}

/// The effective events of these keys, each key's in the order `(occurred_at, message_id)`.
pub async fn groups(
    db: &Db,
    projection: Projection,
    keys: &BTreeSet<String>,
) -> Result<BTreeMap<GroupKey, Group>, StoreError> {
    log::groups(db, projection.kinds(), projection.log_column(), projection.log_filter(), keys).await
}

/// Folds these keys anew from the log and makes the tables so, within the caller's transaction: of each business
/// key one event that wasn't withdrawn takes effect, rows that differ are rewritten, rows whose events are gone or
/// ineffective go. Taking an import back, repairing and unmerging call it with the keys they touched
/// ([`keys_of_customers`], [`note_key`]), having the customers locked.
pub async fn reproject(tx: &Tx, keys: &Keys) -> Result<Vec<Difference>, StoreError> {
    let mut found = effects::settle(tx, keys).await?;
    for (projection, keys) in keys {
        let groups = groups(tx, *projection, keys).await?;
        found.extend(rewrite(tx, *projection, keys, &groups).await?);
    }
    Ok(found)
}

async fn rewrite(
    tx: &Tx,
    projection: Projection,
    keys: &BTreeSet<String>,
    groups: &BTreeMap<GroupKey, Group>,
) -> Result<Vec<Difference>, StoreError> {
    let mut found = Vec::new();
    for (n, table) in projection.tables().iter().enumerate() {
        let wanted = groups.values().flat_map(|group| projection.fold(group).swap_remove(n)).collect();
        let (differing, differences) = table::compare(tx, table, keys, wanted).await?;
        table::write(tx, table, differing).await?;
        found.extend(differences);
    }
    Ok(found)
}

/// As [`reproject`], comparing only.
pub async fn compare(db: &Db, keys: &Keys) -> Result<Vec<Difference>, StoreError> {
    let mut found = effects::compare(db, keys).await?;
    for (projection, keys) in keys {
        let groups = groups(db, *projection, keys).await?;
        for (n, table) in projection.tables().iter().enumerate() {
            let wanted = groups.values().flat_map(|group| projection.fold(group).swap_remove(n)).collect();
            found.extend(table::compare(db, table, keys, wanted).await?.1);
        }
    }
    Ok(found)
}

/// What ingest does with keys it has just logged events of. On PostgreSQL others may log events of the same
/// key at once: writing its row first makes them wait for each other, and who waited reads again.
pub async fn apply(
    tx: &Tx,
    projection: Projection,
    keys: &BTreeSet<String>,
) -> Result<BTreeMap<GroupKey, Group>, StoreError> {
    let mut read = groups(tx, projection, keys).await?;
    if tx.is_postgres() {
        for (n, table) in projection.tables().iter().enumerate() {
            let rows = read.values().flat_map(|group| projection.fold(group).swap_remove(n)).collect();
            table::upsert(tx, table, rows).await?;
        }
        read = groups(tx, projection, keys).await?;
    }
    rewrite(tx, projection, keys, &read).await?;
    Ok(read)
}

/// A page of a walk of the log: the keys that its next events behind `after`, at most `limit`, are the first to
/// name, and the last one's id. `None` at the end.
pub async fn page_of_log(db: &Db, after: i64, limit: i64) -> Result<Option<(Keys, i64)>, StoreError> {
    let Some((mut keys, last)) = log::page(db, after, limit).await? else { return Ok(None) };
    for (projection, keys) in &mut keys {
        let named = named(db, *projection, keys, Some(after)).await?;
        keys.retain(|key| !named.contains(key));
    }
    Ok(Some((keys, last)))
}

/// Those of these keys that any event of the log names, effective or not; up to an event, or all of them.
async fn named(
    db: &Db,
    projection: Projection,
    keys: &BTreeSet<String>,
    until: Option<i64>,
) -> Result<BTreeSet<String>, StoreError> {
    let column = projection.log_column();
    let kinds: Vec<String> = projection.kinds().iter().map(|kind| format!("'{kind}'")).collect();
    let sql = format!(
        "SELECT DISTINCT e.{column} AS of_key FROM event e WHERE e.id <= $1 AND e.{column} IN ({{in}}) \
         AND e.kind IN ({}){}",
        kinds.join(", "),
        projection.log_filter()
    );
    let until = until.unwrap_or(i64::MAX);
    let rows =
        super::in_list::all_in(db, &sql, super::sql::args![until], keys.iter().map(Arg::arg).collect());
    rows.await?.iter().map(|row| row.text("of_key")).collect()
}

/// What stands in the tables without any event is found by walking them too.
pub fn tables_to_walk() -> impl Iterator<Item = TableWalk> {
    Projection::ALL
        .into_iter()
        .flat_map(|projection| projection.tables().iter().map(move |table| TableWalk { projection, table }))
}

/// One table to walk.
#[derive(Clone, Copy)]
pub struct TableWalk {
    projection: Projection,
    table: &'static Table,
}

impl TableWalk {
    /// Those keys of the next rows behind `after` that no event names, and the last row's id.
    pub async fn page(&self, db: &Db, after: i64, limit: i64) -> Result<Option<(Keys, i64)>, StoreError> {
        let Some((mut keys, last)) = table::page(db, self.table, after, limit).await? else {
            return Ok(None);
        };
        let named = named(db, self.projection, &keys, None).await?;
        keys.retain(|key| !named.contains(key));
        Ok(Some((Keys::from([(self.projection, keys)]), last)))
    }
}
