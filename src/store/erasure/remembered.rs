//! Whom the book has forgotten, as salted hashes: of what they were known by, so that what still comes of them can be
//! dropped, and of the ids of messages that spoke of them, so that none is taken in a second time.

use super::Known;
use crate::store::in_list::all_in;
use crate::store::sql::{Arg, args};
use crate::store::{Db, StoreError, Tx, meta};
use domain::customer::identity::Name;
use domain::ids::SourceId;
use domain::time::Instant;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap, HashSet};

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

/// What stands for a message's id in hashes.
const MESSAGE: &str = "message";

/// The hash of a message's id.
pub(super) fn of_message(salt: &str, source: SourceId, message_id: &str) -> String {
    hash(salt, MESSAGE, &source.to_string(), message_id)
}

/// Those of these messages that were about somebody who was erased, and whose ids are hashes since.
pub async fn messages_known(
    db: &Db,
    source: SourceId,
    messages: &[&str],
) -> Result<HashSet<String>, StoreError> {
    let salt = meta::erasure_salt(db).await?;
    let hashed: HashMap<String, &str> =
        messages.iter().map(|id| (of_message(&salt, source, id), *id)).collect();
    let sql = "SELECT hash FROM erased_name WHERE hash IN ({in})";
    let rows = all_in(db, sql, vec![], hashed.keys().map(Arg::arg).collect()).await?;
    rows.iter()
        .map(|row| Ok(hashed.get(&row.text("hash")?).copied().unwrap_or_default().to_owned()))
        .collect()
}
