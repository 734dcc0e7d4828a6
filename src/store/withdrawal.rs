//! Taking back what an import brought: its events stay in the log without effect, and give their message ids back. What
//! may be taken back is decided elsewhere.

use super::imports::Import;
use super::in_list::{all_in, exec_in};
use super::sql::{Arg, args, word};
use super::{Db, StoreError, Tx};
use domain::customer::identity::Kind;
use domain::ids::{CustomerId, EventId};
use domain::import::Giver;
use domain::time::Instant;
use sea_orm::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An event that an import brought and that still stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    pub id: EventId,
    /// The canonical one.
    pub customer: CustomerId,
    pub message_id: String,
    /// The event's name.
    pub kind: String,
    pub order_key: Option<String>,
    pub ref_key: Option<String>,
}

/// The next events of this import behind `after`, at most `limit`, by their ids.
pub async fn page(db: &Db, import: &Import, after: EventId, limit: i64) -> Result<Vec<Brought>, StoreError> {
    let Some((_, last)) = import.events else { return Ok(Vec::new()) };
    let sql = "SELECT id, customer_id, message_id, kind, order_key, ref_key FROM event \
               WHERE id > $1 AND id <= $2 AND import_id = $3 AND effective >= 0 ORDER BY id LIMIT $4";
    let rows = db.all(sql, args![after, last, import.id, limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(Brought {
                id: EventId(row.int("id")?),
                customer: CustomerId(row.int("customer_id")?),
                message_id: row.text("message_id")?,
                kind: row.text("kind")?,
                order_key: row.opt_text("order_key")?,
                ref_key: row.opt_text("ref_key")?,
            })
        })
        .collect()
}

/// What others have said since an import began, by what it is about.
#[derive(Debug, Clone, Default)]
pub struct SaidSince {
    orders: BTreeMap<String, String>,
    /// Tickets, shipments, reviews, …
    subjects: BTreeMap<String, String>,
}

impl SaidSince {
    /// The name of an event by which others have spoken of the same since.
    pub fn about(&self, event: &Brought) -> Option<&str> {
        let order = event.order_key.as_ref().and_then(|key| self.orders.get(key));
        order.or_else(|| event.ref_key.as_ref().and_then(|key| self.subjects.get(key))).map(String::as_str)
    }
}

/// What others have said with effect, since the import began, of what these events are about.
pub async fn said_since(db: &Db, import: &Import, events: &[Brought]) -> Result<SaidSince, StoreError> {
    let mut since = SaidSince::default();
    let Some((first, _)) = import.events else { return Ok(since) };
    let keys = |of: fn(&Brought) -> Option<&String>| -> Vec<Value> {
        let keys: BTreeSet<&String> = events.iter().filter_map(of).collect();
        keys.into_iter().map(Arg::arg).collect()
    };
    let asked = [
        ("order_key", keys(|event| event.order_key.as_ref()), &mut since.orders),
        // A refund's key is one within its order.
        (
            "ref_key",
            keys(|event| {
                event.ref_key.as_ref().filter(|_| event.kind != "Order Refunded" || event.order_key.is_none())
            }),
            &mut since.subjects,
        ),
    ];
    for (column, keys, found) in asked {
        let sql = format!(
            "SELECT {column} AS about, MIN(kind) AS kind FROM event WHERE id > $1 AND effective = 1 \
             AND COALESCE(import_id, 0) <> $2 AND {column} IN ({{in}}) GROUP BY {column}"
        );
        for row in all_in(db, &sql, args![first, import.id], keys).await? {
            found.insert(row.text("about")?, row.text("kind")?);
        }
    }
    Ok(since)
}

/// Those of these customers whom others have said anything of since the import began.
pub async fn heard_since(
    db: &Db,
    import: &Import,
    customers: &BTreeSet<CustomerId>,
) -> Result<BTreeSet<CustomerId>, StoreError> {
    let Some((first, _)) = import.events else { return Ok(BTreeSet::new()) };
    let sql = "SELECT DISTINCT customer_id FROM event WHERE id > $1 AND effective = 1 \
               AND COALESCE(import_id, 0) <> $2 AND customer_id IN ({in})";
    let rows =
        all_in(db, sql, args![first, import.id], customers.iter().map(|id| id.arg()).collect()).await?;
    rows.iter().map(|row| row.int("customer_id").map(CustomerId)).collect()
}

/// Rows of names, with what a rule decides by.
pub type Names = BTreeMap<CustomerId, Vec<(i64, Kind, Giver)>>;

/// The names these customers are known by, and whether this import gave them.
pub async fn names(db: &Db, import: &Import, customers: &BTreeSet<CustomerId>) -> Result<Names, StoreError> {
    let sql =
        "SELECT id, customer_id, kind, import_id FROM identifier WHERE customer_id IN ({in}) ORDER BY id";
    let mut names = Names::new();
    for row in all_in(db, sql, vec![], customers.iter().map(|id| id.arg()).collect()).await? {
        let id = row.int("id")?;
        let kind = word("identifier", "kind", id, &row.text("kind")?, Kind::parse)?;
        let given = row.opt_int("import_id")? == Some(import.id.0);
        let giver = if given { Giver::Import } else { Giver::Others };
        names.entry(CustomerId(row.int("customer_id")?)).or_default().push((id, kind, giver));
    }
    Ok(names)
}

/// Who became one with one of these at the instant of this import.
pub async fn merged_by(
    db: &Db,
    import: &Import,
    customers: &BTreeSet<CustomerId>,
) -> Result<BTreeSet<CustomerId>, StoreError> {
    let sql = "SELECT id FROM customer WHERE merged_at = $1 AND merged_into IN ({in})";
    let customers = customers.iter().map(|id| id.arg()).collect();
    let rows = all_in(db, sql, args![import.received_at], customers).await?;
    rows.iter().map(|row| row.int("id").map(CustomerId)).collect()
}

/// These events count no more, and their messages may be said again. What they amounted to is the caller's to fold
/// anew (`projections::reproject`).
pub async fn withdraw(tx: &Tx, import: &Import, events: &[Brought]) -> Result<(), StoreError> {
    let ids = events.iter().map(|event| event.id.arg()).collect();
    exec_in(tx, "UPDATE event SET effective = -1 WHERE id IN ({in})", vec![], ids).await?;
    let messages = events.iter().map(|event| Arg::arg(&event.message_id)).collect();
    let sql = "DELETE FROM event_key WHERE source_id = $1 AND message_id IN ({in})";
    exec_in(tx, sql, args![import.source], messages).await.map(drop)
}

/// Lines of the ledger of consents that these events put there and that still count.
pub async fn consents(db: &Db, import: &Import, events: &[Brought]) -> Result<Vec<i64>, StoreError> {
    let customers: BTreeSet<CustomerId> = events.iter().map(|event| event.customer).collect();
    let said: BTreeSet<&str> = events.iter().map(|event| event.message_id.as_str()).collect();
    let sql = "SELECT c.id, c.evidence FROM consent c JOIN source s ON s.key = c.source \
               WHERE s.id = $1 AND c.recorded_at = $2 AND c.revokes IS NULL \
               AND NOT EXISTS (SELECT 1 FROM consent r WHERE r.revokes = c.id) AND c.customer_id IN ({in})";
    let customers = customers.into_iter().map(Arg::arg).collect();
    let mut lines = Vec::new();
    for row in all_in(db, sql, args![import.source, import.received_at], customers).await? {
        if said.contains(row.text("evidence")?.as_str()) {
            lines.push(row.int("id")?);
        }
    }
    Ok(lines)
}

/// Each of these lines gets one that revokes it; nothing of the ledger is removed.
pub async fn revoke_consents(
    tx: &Tx,
    import: &Import,
    lines: &[i64],
    actor: &str,
    now: Instant,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO consent (customer_id, origin_customer_id, channel, purpose, state, source, evidence, \
               occurred_at, recorded_at, batch_id, revokes) \
               SELECT customer_id, origin_customer_id, channel, purpose, 'revoked', $1, $2, $3, $3, batch_id, id \
               FROM consent WHERE id IN ({in})";
    let lines = lines.iter().map(|id| id.arg()).collect();
    exec_in(tx, sql, args![actor, import.id.to_string(), now], lines).await.map(drop)
}

/// These rows of names go.
pub async fn remove_names(tx: &Tx, rows: &[i64]) -> Result<(), StoreError> {
    let rows = rows.iter().map(|id| id.arg()).collect();
    exec_in(tx, "DELETE FROM identifier WHERE id IN ({in})", vec![], rows).await.map(drop)
}
