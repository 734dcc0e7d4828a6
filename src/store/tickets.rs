//! Tickets as projected from the log: each touched one is folded anew from all of its events, so that the
//! order of arrival can't matter.

use super::in_list::all_in;
use super::shops::ShopRow;
use super::sql::{Arg, Row, args, word};
use super::{Db, StoreError, Tx, facts};
use domain::event::{TicketPatch, TicketSaid, TicketState, TicketStep};
use domain::ids::{CustomerId, ShopId};
use domain::time::Instant;
use sea_orm::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Folds the tickets with these keys (each with the customer the batch saw it with) and writes their rows.
/// The customers' due rows are locked by the caller, so no event of theirs can slip in between.
pub async fn apply(
    tx: &Tx,
    shop: &ShopRow,
    touched: &BTreeMap<String, CustomerId>,
) -> Result<HashMap<String, Vec<TicketSaid>>, StoreError> {
    let customers: BTreeSet<CustomerId> = touched.values().copied().collect();
    let sql = "SELECT id, ref_key, order_key, amount_minor, message_id, occurred_at, kind, properties FROM event \
               WHERE effective = 1 AND customer_id IN ({in}) \
               AND kind IN ('Ticket Opened', 'Ticket Updated', 'Ticket Resolved', 'Ticket Reopened')";
    let mut said: HashMap<String, Vec<TicketSaid>> = HashMap::new();
    for row in all_in(tx, sql, vec![], customers.into_iter().map(Arg::arg).collect()).await? {
        let Some(key) = row.opt_text("ref_key")?.filter(|key| touched.contains_key(key)) else { continue };
        said.entry(key).or_default().push(read_said(&row)?);
    }
    let mut rows = Vec::with_capacity(said.len());
    for (key, customer) in touched {
        let state = TicketState::fold(said.get(key).cloned().unwrap_or_default());
        rows.push(row_of(shop, key, *customer, state));
    }
    let updates: Vec<String> = COLUMNS[2..].iter().map(|c| format!("{c} = excluded.{c}")).collect();
    let tail = format!("ON CONFLICT (shop_id, ticket_key) DO UPDATE SET {}", updates.join(", "));
    tx.insert_many("ticket", &COLUMNS, rows, &tail).await?;
    Ok(said)
}

fn read_said(row: &Row) -> Result<TicketSaid, StoreError> {
    let kind = row.text("kind")?;
    Ok(TicketSaid {
        at: row.at("occurred_at")?,
        message_id: row.text("message_id")?,
        step: word("event", "kind", row.int("id")?, &kind, TicketStep::of_event)?,
        patch: facts::patch(row)?,
    })
}

const COLUMNS: [&str; 17] = [
    "shop_id",
    "ticket_key",
    "customer_id",
    "order_key",
    "state",
    "opened_at",
    "resolved_at",
    "reopened",
    "complaint",
    "important",
    "complex",
    "amount_minor",
    "category",
    "severity",
    "channel",
    "version_at",
    "version_id",
];

fn row_of(shop: &ShopRow, key: &str, customer: CustomerId, state: TicketState) -> Vec<Value> {
    let TicketPatch {
        order_id,
        complaint,
        important,
        complex,
        amount_minor,
        category,
        severity,
        channel,
        ..
    } = state.fields;
    let (version_at, version_id) = state.version.unwrap_or((Instant::MIN, String::new()));
    args![
        shop.id,
        key,
        customer,
        order_id,
        if state.open { "open" } else { "closed" },
        state.opened_at,
        state.resolved_at,
        state.reopened,
        complaint.unwrap_or_default(),
        important.unwrap_or_default(),
        complex.unwrap_or_default(),
        amount_minor,
        category,
        severity,
        channel,
        version_at,
        version_id,
    ]
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

/// One customer's open tickets, complaints before the others, then the latest closed ones.
pub async fn list_for_profile(db: &Db, id: CustomerId, limit: i64) -> Result<Vec<TicketRow>, StoreError> {
    let sql = format!(
        "SELECT {ROW} FROM ticket WHERE customer_id = $1 ORDER BY CASE WHEN state = 'open' THEN 0 ELSE 1 END, \
         CASE WHEN state = 'open' THEN complaint ELSE 0 END DESC, \
         COALESCE(opened_at, version_at) DESC, id DESC LIMIT $2"
    );
    db.all(&sql, args![id, limit]).await?.iter().map(read_row).collect()
}

/// What [`read_row`] reads.
const ROW: &str = "id, shop_id, ticket_key, customer_id, order_key, state, opened_at, resolved_at, reopened, complaint, \
    important, complex, amount_minor, category, severity, channel";

fn read_row(row: &Row) -> Result<TicketRow, StoreError> {
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
