//! Forgetting a person: everything personal is deleted, sums stay under a number. What is kept of their names are
//! salted hashes, so that what still comes of them can be dropped. That a person may be erased is the service's to say.

use super::in_list::{all_in, exec_in};
use super::sql::{Arg, args};
use super::{Db, StoreError, Tx, callbacks, enrollments, meta};
use domain::campaign::state::EnrollmentState;
use domain::campaign::touch::Reason;
use domain::customer::identity::Name;
use domain::ids::{CallbackId, CustomerId};
use domain::time::Instant;
use sea_orm::Value;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};

/// What is known of a person before they are forgotten.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Kind, scope and value of what they are known by.
    pub names: Vec<(String, String, String)>,
    /// Channel and value of where they can be reached.
    pub contacts: BTreeSet<(String, String)>,
    /// Ids of the mails they were sent.
    pub mails: Vec<String>,
}

fn keys(cluster: &[CustomerId]) -> Vec<Value> {
    cluster.iter().map(|id| id.arg()).collect()
}

/// What is known of these customers, who are one person.
pub async fn known(db: &Db, cluster: &[CustomerId]) -> Result<Known, StoreError> {
    let mut known = Known::default();
    let sql = "SELECT kind, namespace, value FROM identifier WHERE customer_id IN ({in})";
    for row in all_in(db, sql, vec![], keys(cluster)).await? {
        let (kind, value) = (row.text("kind")?, row.text("value")?);
        if kind == "phone" || kind == "email" {
            known.contacts.insert((kind.clone(), value.clone()));
        }
        known.names.push((kind, row.text("namespace")?, value));
    }
    let sql = "SELECT channel, value FROM contact_point WHERE customer_id IN ({in})";
    for row in all_in(db, sql, vec![], keys(cluster)).await? {
        known.contacts.insert((row.text("channel")?, row.text("value")?));
    }
    let sql = "SELECT message_id FROM touchpoint WHERE channel = 'email' AND handed_at IS NOT NULL AND customer_id IN ({in})";
    for row in all_in(db, sql, vec![], keys(cluster)).await? {
        known.mails.push(row.text("message_id")?);
    }
    Ok(known)
}

/// Deletes everything personal of these customers, who are one person and locked, and ends what waits for them.
pub async fn forget(tx: &Tx, cluster: &[CustomerId], known: &Known, now: Instant) -> Result<(), StoreError> {
    begin_overwriting(tx).await?;
    end_waiting(tx, cluster, now).await?;
    for table in [
        "customer_personal",
        "event_personal",
        "contact_point",
        "name_part",
        "note",
        "identifier",
        "retention_person",
    ] {
        exec_in(tx, &format!("DELETE FROM {table} WHERE customer_id IN ({{in}})"), vec![], keys(cluster))
            .await?;
    }
    let sql = "DELETE FROM event_personal WHERE origin_customer_id IN ({in})";
    exec_in(tx, sql, vec![], keys(cluster)).await?;
    // A relay's answer may name the address.
    let sql = "UPDATE touchpoint SET detail = NULL WHERE customer_id IN ({in})";
    exec_in(tx, sql, vec![], keys(cluster)).await?;
    forget_feedback(tx, cluster).await?;
    forget_refused(tx, known).await?;
    let sql = "UPDATE customer SET erased_at = $1, locale = NULL, zone = NULL, registered_at = NULL WHERE id IN ({in})";
    exec_in(tx, sql, args![now], keys(cluster)).await?;
    end_overwriting(tx).await
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
        let mut result: serde_json::Value = super::sql::json("callback", "result", id, &row.text("result")?)?;
        if result.as_object_mut().and_then(|fields| fields.remove("feedback")).is_some() {
            let sql = "UPDATE callback SET result = $1 WHERE id = $2";
            tx.exec_one("a callback's result", sql, args![result.to_string(), id]).await?;
        }
    }
    Ok(())
}

/// Refused events in which one of their names or addresses stands keep their reason, and nothing of what they said.
async fn forget_refused(tx: &Tx, known: &Known) -> Result<(), StoreError> {
    let names = known.names.iter().map(|(_, _, value)| value);
    let values: BTreeSet<&String> = names.chain(known.contacts.iter().map(|(_, value)| value)).collect();
    for value in values {
        // As JSON spells it; looked for as a whole text, so that customer 1 isn't found in 12.
        let quoted = serde_json::to_string(value).expect("a text is JSON");
        let sql = "UPDATE quarantine SET payload = '{}', detail = code, message_id = NULL WHERE payload LIKE $1 ESCAPE '!'";
        let like = quoted.replace('!', "!!").replace('%', "!%").replace('_', "!_");
        tx.exec(sql, args![format!("%{like}%")]).await?;
    }
    Ok(())
}

/// The hash under which a name is remembered.
fn hash(salt: &str, kind: &str, scope: &str, value: &str) -> String {
    let digest = Sha256::digest(format!("{salt}\0{kind}\0{scope}\0{value}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hashes of these names in this book.
pub async fn hashes(db: &Db, known: &Known) -> Result<Vec<String>, StoreError> {
    let salt = meta::erasure_salt(db).await?;
    Ok(known.names.iter().map(|(kind, scope, value)| hash(&salt, kind, scope, value)).collect())
}

/// Remembers that whoever bore these names was erased.
pub async fn remember(tx: &Tx, hashes: Vec<String>, at: Instant) -> Result<(), StoreError> {
    let rows = hashes.into_iter().collect::<BTreeSet<_>>().into_iter().map(|hash| args![hash, at]).collect();
    let tail = "ON CONFLICT (hash) DO UPDATE SET erased_at = CASE WHEN excluded.erased_at > erased_name.erased_at \
                THEN excluded.erased_at ELSE erased_name.erased_at END";
    tx.insert_many("erased_name", &["hash", "erased_at"], rows, tail).await.map(drop)
}

/// Whether anybody was ever erased. Where nobody was, no names need to be looked at.
pub async fn anybody(db: &Db) -> Result<bool, StoreError> {
    let found = db.number("SELECT CAST(1 AS BIGINT) FROM erased_name LIMIT 1", vec![]).await?;
    Ok(found.is_some())
}

/// Until when whoever bore each of these names was erased; who wasn't has no entry.
pub async fn erased_until(db: &Db, names: &[Name]) -> Result<HashMap<Name, Instant>, StoreError> {
    let salt = meta::erasure_salt(db).await?;
    let hashed: HashMap<String, &Name> =
        names.iter().map(|n| (hash(&salt, n.kind.as_str(), &n.scope, &n.value), n)).collect();
    let sql = "SELECT hash, erased_at FROM erased_name WHERE hash IN ({in})";
    let rows = all_in(db, sql, vec![], hashed.keys().map(|h| h.arg()).collect()).await?;
    let mut until = HashMap::new();
    for row in rows {
        if let Some(name) = hashed.get(&row.text("hash")?) {
            until.insert((*name).clone(), row.at("erased_at")?);
        }
    }
    Ok(until)
}
