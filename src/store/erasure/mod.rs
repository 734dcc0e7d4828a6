//! Forgetting a person: everything personal is gone from their rows, as the register says of each column
//! (`store::personal`), from the log and from what was refused; sums stay under a number. That a person may be erased is
//! the service's to say.

mod log;
mod refused;
mod remembered;

pub use remembered::{anybody, erased_until, hashes, messages_known, remember};

use super::in_list::{all_in, exec_in};
use super::personal::{Fate, TABLES, Table};
use super::sql::{Arg, args, json, word};
use super::{Db, StoreError, Tx, asked, callbacks, clusters, enrollments, projections};
use domain::campaign::state::EnrollmentState;
use domain::campaign::touch::Reason;
use domain::customer::Marks;
use domain::customer::identity::Kind;
use domain::ids::{CallbackId, CustomerId};
use domain::time::Instant;
use sea_orm::Value;
use serde_json::json;
use std::collections::BTreeSet;

/// What is known of a person before they are forgotten.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Kind, scope and value of what they are known by.
    pub names: Vec<(String, String, String)>,
    /// Channel and value of where they can be reached.
    pub contacts: BTreeSet<(String, String)>,
    /// Ids of the mails they were sent.
    pub mails: Vec<String>,
    /// By what they are recognised in what others wrote.
    pub marks: Marks,
}

fn keys(cluster: &[CustomerId]) -> Vec<Value> {
    cluster.iter().map(|id| id.arg()).collect()
}

/// What is known of these customers, who are one person.
pub async fn known(db: &Db, cluster: &[CustomerId]) -> Result<Known, StoreError> {
    let mut known = Known::default();
    let sql = "SELECT id, kind, namespace, value FROM identifier WHERE customer_id IN ({in})";
    for row in all_in(db, sql, vec![], keys(cluster)).await? {
        let (kind, value) = (row.text("kind")?, row.text("value")?);
        if kind == "phone" || kind == "email" {
            known.contacts.insert((kind.clone(), value.clone()));
        }
        let scope = row.text("namespace")?;
        known.marks.know(word("identifier", "kind", row.int("id")?, &kind, Kind::parse)?, &scope, &value);
        known.names.push((kind, scope, value));
    }
    let sql = "SELECT channel, value FROM contact_point WHERE customer_id IN ({in})";
    for row in all_in(db, sql, vec![], keys(cluster)).await? {
        known.contacts.insert((row.text("channel")?, row.text("value")?));
    }
    for (channel, value) in &known.contacts {
        known.marks.reach(channel, value);
    }
    for name in called(db, cluster).await? {
        known.marks.call(&name);
    }
    let sql = "SELECT message_id FROM touchpoint WHERE channel = 'email' AND handed_at IS NOT NULL AND customer_id IN ({in})";
    for row in all_in(db, sql, vec![], keys(cluster)).await? {
        known.mails.push(row.text("message_id")?);
    }
    Ok(known)
}

/// What they were ever said to be called, former names too.
async fn called(db: &Db, cluster: &[CustomerId]) -> Result<BTreeSet<String>, StoreError> {
    let mut called = BTreeSet::new();
    let sql = "SELECT e.id, p.payload FROM event_personal p JOIN event e ON e.id = p.event_id \
               WHERE e.kind = 'Identify' AND p.customer_id IN ({in})";
    for row in all_in(db, sql, vec![], keys(cluster)).await? {
        let said: serde_json::Value =
            json("event_personal", "payload", row.int("id")?, &row.text("payload")?)?;
        for traits in [Some(&said), said.get("context_traits")].into_iter().flatten() {
            let text = |field: &str| traits.get(field).and_then(serde_json::Value::as_str);
            let parts = [text("first_name"), text("last_name")].into_iter().flatten();
            let whole = parts.clone().collect::<Vec<_>>().join(" ");
            let names = [text("name"), text("nickname")].into_iter().flatten().chain(parts);
            called.extend(names.chain([whole.as_str()]).map(str::to_owned));
        }
    }
    let sql = "SELECT name FROM customer_personal WHERE name IS NOT NULL AND customer_id IN ({in})";
    for row in all_in(db, sql, vec![], keys(cluster)).await? {
        called.insert(row.text("name")?);
    }
    Ok(called)
}

/// Deletes everything personal of these customers, who are one person and locked, and ends what waits for them.
pub async fn forget(tx: &Tx, cluster: &[CustomerId], known: &Known, now: Instant) -> Result<(), StoreError> {
    begin_overwriting(tx).await?;
    for table in TABLES {
        forget_rows(tx, table, cluster).await?;
    }
    asked::forget_said(tx, cluster).await?;
    asked::count_no_longer(tx, cluster).await?;
    end_waiting(tx, cluster, now).await?;
    forget_feedback(tx, cluster).await?;
    let mut messages = log::rewrite(tx, cluster, &known.marks).await?;
    let keys_touched = projections::keys_of_customers(tx, &cluster.iter().copied().collect()).await?;
    projections::reproject(tx, &keys_touched).await?;
    messages.extend(refused::forget(tx, &known.marks).await?);
    remember(tx, messages, now).await?;
    let sql = "UPDATE customer SET erased_at = $1 WHERE id IN ({in})";
    exec_in(tx, sql, args![now], keys(cluster)).await?;
    end_overwriting(tx).await
}

/// What the register says goes from a person's rows without anybody reading them, the ones that wait under the negative of
/// their origin among them (`clusters`).
async fn forget_rows(tx: &Tx, table: &Table, cluster: &[CustomerId]) -> Result<(), StoreError> {
    let Some(whose) = table.whose() else { return Ok(()) };
    let name = table.name;
    let theirs = || cluster.iter().flat_map(|id| [id.0, -id.0]).map(Arg::arg).collect();
    if table.goes() {
        exec_in(tx, &format!("DELETE FROM {name} WHERE {whose} IN ({{in}})"), vec![], theirs()).await?;
        if clusters::MOVED.iter().any(|moved| moved.table == name) {
            let sql = format!("DELETE FROM {name} WHERE origin_customer_id IN ({{in}})");
            exec_in(tx, &sql, vec![], theirs()).await?;
        }
        return Ok(());
    }
    let gone = table.personal().filter_map(|(column, fate)| match fate {
        Fate::Gone(None) => Some(format!("{column} = NULL")),
        Fate::Gone(Some(instead)) => Some(format!("{column} = '{instead}'")),
        _ => None,
    });
    let gone: Vec<String> = gone.collect();
    if gone.is_empty() {
        return Ok(());
    }
    let sql = format!("UPDATE {name} SET {} WHERE {whose} IN ({{in}})", gone.join(", "));
    exec_in(tx, &sql, vec![], theirs()).await.map(drop)
}

/// From here on what is deleted is overwritten in SQLite's file too.
pub(super) async fn begin_overwriting(tx: &Tx) -> Result<(), StoreError> {
    if !tx.is_postgres() {
        tx.exec("PRAGMA secure_delete = ON", vec![]).await?;
    }
    Ok(())
}

pub(super) async fn end_overwriting(tx: &Tx) -> Result<(), StoreError> {
    if !tx.is_postgres() {
        tx.exec("PRAGMA secure_delete = FAST", vec![]).await?;
    }
    Ok(())
}

/// Journeys end where they are; callbacks nobody has in hand are cancelled.
async fn end_waiting(tx: &Tx, cluster: &[CustomerId], now: Instant) -> Result<(), StoreError> {
    enrollments::end_of(tx, keys(cluster), EnrollmentState::Exited, "erased", Reason::Exited, now).await?;
    let sql =
        "SELECT id, state FROM callback WHERE state IN ('scheduled', 'ready') AND customer_id IN ({in})";
    for row in all_in(tx, sql, vec![], keys(cluster)).await? {
        let (id, from) = (CallbackId(row.int("id")?), row.text("state")?);
        callbacks::cancel(tx, id, &from, "erased", json!({ "reason": "erased" }), now).await?;
    }
    Ok(())
}

/// What agents wrote of what a customer said.
async fn forget_feedback(tx: &Tx, cluster: &[CustomerId]) -> Result<(), StoreError> {
    let sql = "SELECT id, result FROM callback WHERE result IS NOT NULL AND customer_id IN ({in})";
    for row in all_in(tx, sql, vec![], keys(cluster)).await? {
        let id = row.int("id")?;
        let mut result: serde_json::Value = json("callback", "result", id, &row.text("result")?)?;
        if result.as_object_mut().and_then(|fields| fields.remove("feedback")).is_some() {
            let sql = "UPDATE callback SET result = $1 WHERE id = $2";
            tx.exec_one("a callback's result", sql, args![result.to_string(), id]).await?;
        }
    }
    Ok(())
}
