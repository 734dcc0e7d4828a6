//! Tickets as they stand. Each touched one is folded anew from all of its events (`projections`), so that the
//! order of arrival can't matter.

use super::in_list::all_in;
use super::packed::List;
use super::projections::{self, Projection};
use super::sql::{Arg, Row, args, word};
use super::{Db, StoreError, Tx};
use domain::event::TicketSaid;
use domain::ids::{CustomerId, ShopId};
use domain::time::Instant;
use std::collections::{BTreeSet, HashMap};

/// Folds the tickets with these keys from the log and writes their rows; gives what was said of each.
pub async fn apply(
    tx: &Tx,
    touched: &BTreeSet<String>,
) -> Result<HashMap<String, Vec<TicketSaid>>, StoreError> {
    let groups = projections::apply(tx, Projection::Tickets, touched).await?;
    Ok(groups.into_values().map(|group| (group.key.clone(), projections::ticket_said(&group))).collect())
}

/// A ticket as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRow {
    pub shop: ShopId,
    /// `<shop key>:<ticket id>`.
    pub ticket_key: String,
    pub order_key: Option<String>,
    pub open: bool,
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

/// The tickets of these customers, the latest opened first.
pub async fn list(
    db: &Db,
    customers: &[CustomerId],
) -> Result<HashMap<CustomerId, Vec<TicketRow>>, StoreError> {
    let sql = format!(
        "SELECT {ROW} FROM ticket WHERE customer_id IN ({{in}}) ORDER BY COALESCE(opened_at, version_at) DESC, id DESC"
    );
    let mut found: HashMap<CustomerId, Vec<TicketRow>> = HashMap::new();
    for row in all_in(db, &sql, vec![], customers.iter().map(|id| id.arg()).collect()).await? {
        found.entry(CustomerId(row.int("customer_id")?)).or_default().push(read_row(&row)?);
    }
    Ok(found)
}

/// The tickets with these keys.
pub async fn by_key(db: &Db, keys: BTreeSet<String>) -> Result<HashMap<String, TicketRow>, StoreError> {
    let sql = format!("SELECT {ROW} FROM ticket WHERE ticket_key IN ({{in}})");
    let rows = all_in(db, &sql, vec![], keys.iter().map(|key| key.arg()).collect()).await?;
    rows.iter().map(read_row).map(|row| row.map(|row| (row.ticket_key.clone(), row))).collect()
}

/// The open tickets of the customer this SQL is, complaints before the others, then the latest closed ones.
pub(super) fn list_for_profile(customer: &str, limit: i64) -> List {
    let from = format!(
        "FROM ticket WHERE customer_id = {customer} ORDER BY CASE WHEN state = 'open' THEN 0 ELSE 1 END, \
         CASE WHEN state = 'open' THEN complaint ELSE 0 END DESC, \
         COALESCE(opened_at, version_at) DESC, id DESC LIMIT {limit}"
    );
    let columns: Vec<(&'static str, &str)> = ROW.split(", ").map(|column| (column, column)).collect();
    List::new(&columns, from)
}

/// A complaint that isn't closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenComplaint {
    pub id: i64,
    pub shop: ShopId,
    /// Whose it was resolved to be.
    pub origin: CustomerId,
    /// `<shop key>:<ticket id>`.
    pub ticket_key: String,
    pub reopened: i64,
}

/// Open complaints that were opened before; of one that never said when, its latest word counts. Of erased people
/// there are none.
const OPEN_BEFORE: &str = "FROM ticket t JOIN customer c ON c.id = t.customer_id WHERE t.complaint = 1 \
    AND t.state = 'open' AND COALESCE(t.opened_at, t.version_at) < $1 AND c.erased_at IS NULL";

/// The next open complaints behind `after`, by their rows.
pub async fn open_complaints(
    db: &Db,
    before: Instant,
    after: i64,
    limit: i64,
) -> Result<Vec<OpenComplaint>, StoreError> {
    let sql = format!(
        "SELECT t.id, t.shop_id, COALESCE(t.origin_customer_id, t.customer_id) AS origin, t.ticket_key, t.reopened {OPEN_BEFORE} AND t.id > $2 ORDER BY t.id LIMIT $3"
    );
    let rows = db.all(&sql, args![before, after, limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(OpenComplaint {
                id: row.int("id")?,
                shop: ShopId(row.int("shop_id")?),
                origin: CustomerId(row.int("origin")?),
                ticket_key: row.text("ticket_key")?,
                reopened: row.int("reopened")?,
            })
        })
        .collect()
}

pub async fn count_open_complaints(db: &Db, before: Instant) -> Result<i64, StoreError> {
    Ok(db.number(&format!("SELECT COUNT(*) {OPEN_BEFORE}"), args![before]).await?.unwrap_or(0))
}

/// The longest open ones, and since when they are.
pub async fn longest_open_complaints(
    db: &Db,
    before: Instant,
    limit: i64,
) -> Result<Vec<(String, Instant)>, StoreError> {
    let sql = format!(
        "SELECT t.ticket_key, COALESCE(t.opened_at, t.version_at) AS since {OPEN_BEFORE} ORDER BY since, t.id LIMIT $2"
    );
    let rows = db.all(&sql, args![before, limit]).await?;
    rows.iter().map(|row| Ok((row.text("ticket_key")?, row.at("since")?))).collect()
}

/// What [`read_row`] reads.
const ROW: &str = "id, shop_id, ticket_key, customer_id, order_key, state, opened_at, resolved_at, reopened, complaint, \
    important, complex, amount_minor, category, severity, channel";

pub(super) fn read_row(row: &Row) -> Result<TicketRow, StoreError> {
    let open = word("ticket", "state", row.int("id")?, &row.text("state")?, |state| match state {
        "open" => Some(true),
        "closed" => Some(false),
        _ => None,
    })?;
    Ok(TicketRow {
        shop: ShopId(row.int("shop_id")?),
        ticket_key: row.text("ticket_key")?,
        order_key: row.opt_text("order_key")?,
        open,
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
}
