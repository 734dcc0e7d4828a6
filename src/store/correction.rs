//! Taking back what was said of a person, field by field: from the personal values of their events and from what they
//! are known by. What is known of them afterwards is read from the log anew (`people::reread`), by whoever corrects.

use super::erasure::{begin_overwriting, end_overwriting};
use super::in_list::{all_in, exec_in};
use super::sql::{Arg, args, json};
use super::{Db, StoreError, Tx, asked, properties};
use domain::event::trait_name;
use domain::ids::CustomerId;
use sea_orm::Value;
use serde_json::Map;
use std::collections::BTreeSet;

/// How much was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TakenBack {
    /// Events that said one of the fields.
    pub events: usize,
    /// Telephone numbers and mail addresses they were known by.
    pub names: u64,
}

fn keys(cluster: &[CustomerId]) -> Vec<Value> {
    cluster.iter().map(|id| id.arg()).collect()
}

/// Whatever events of these customers, who are one person, say of `fields` is gone as if it had never been said: of
/// identifies, and of what senders' libraries add in passing. What an order says of itself stays.
pub async fn take_back(
    tx: &Tx,
    cluster: &[CustomerId],
    fields: &BTreeSet<String>,
) -> Result<TakenBack, StoreError> {
    begin_overwriting(tx).await?;
    asked::forget_said(tx, cluster).await?;
    let mut events = BTreeSet::new();
    let sql = "SELECT e.id, e.kind, p.payload FROM event_personal p JOIN event e ON e.id = p.event_id \
               WHERE p.customer_id IN ({in})";
    for row in all_in(tx, sql, vec![], keys(cluster)).await? {
        let id = row.int("id")?;
        let mut said: Map<String, serde_json::Value> =
            json("event_personal", "payload", id, &row.text("payload")?)?;
        if !unsay(&mut said, &row.text("kind")?, fields) {
            continue;
        }
        events.insert(id);
        if said.is_empty() {
            let sql = "DELETE FROM event_personal WHERE event_id = $1";
            tx.exec_one("an event's personal values", sql, args![id]).await?;
        } else {
            let sql = "UPDATE event_personal SET payload = $1 WHERE event_id = $2";
            let payload = serde_json::Value::Object(said).to_string();
            tx.exec_one("an event's personal values", sql, args![payload, id]).await?;
        }
    }
    events.extend(take_back_properties(tx, cluster, fields).await?);
    let mut names = 0;
    for kind in ["email", "phone"].into_iter().filter(|kind| fields.contains(*kind)) {
        let sql = "DELETE FROM identifier WHERE kind = $1 AND customer_id IN ({in})";
        names += exec_in(tx, sql, args![kind], keys(cluster)).await?;
    }
    end_overwriting(tx).await?;
    Ok(TakenBack { events: events.len(), names })
}

/// Whether anything was said of the fields; it isn't any more.
fn unsay(said: &mut Map<String, serde_json::Value>, kind: &str, fields: &BTreeSet<String>) -> bool {
    let without = |traits: &mut Map<String, serde_json::Value>| {
        let before = traits.len();
        traits.retain(|name, _| !fields.contains(&trait_name(name)));
        traits.len() < before
    };
    let mut changed = kind == "Identify" && without(said);
    if let Some(serde_json::Value::Object(beside)) = said.get_mut("context_traits") {
        changed |= without(beside);
        if beside.is_empty() {
            said.remove("context_traits");
        }
    }
    changed
}

/// Zone and language stand with an identify's properties too.
async fn take_back_properties(
    tx: &Tx,
    cluster: &[CustomerId],
    fields: &BTreeSet<String>,
) -> Result<BTreeSet<i64>, StoreError> {
    let mut events = BTreeSet::new();
    if !["timezone", "locale"].into_iter().any(|field| fields.contains(field)) {
        return Ok(events);
    }
    let sql = "SELECT id, properties FROM event WHERE kind = 'Identify' AND customer_id IN ({in})";
    for row in all_in(tx, sql, vec![], keys(cluster)).await? {
        let id = row.int("id")?;
        let mut said: Map<String, serde_json::Value> =
            json("event", "properties", id, &row.text("properties")?)?;
        let before = said.len();
        said.retain(|name, _| !fields.contains(name));
        if said.len() < before {
            events.insert(id);
            let sql = "UPDATE event SET properties = $1 WHERE id = $2";
            let properties = serde_json::Value::Object(said).to_string();
            tx.exec_one("an event's properties", sql, args![properties, id]).await?;
        }
    }
    properties::rewritten(tx, events.iter().copied()).await?;
    Ok(events)
}

/// How many others have this contact point.
pub async fn count_others(
    db: &Db,
    cluster: &[CustomerId],
    channel: &str,
    value: &str,
) -> Result<usize, StoreError> {
    let others = super::customers::list_by_contact(db, channel, value).await?;
    Ok(others.into_iter().filter(|id| !cluster.contains(id)).count())
}
