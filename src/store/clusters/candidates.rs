//! Pairs of customers that may be one, and pairs of which a person said that they aren't.

use crate::store::sql::args;
use crate::store::{Db, StoreError, Tx};
use domain::customer::identity::{Candidate, Kind};
use domain::ids::CustomerId;
use domain::time::Instant;
use std::collections::HashSet;

/// A pair that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateRow {
    pub first: CustomerId,
    pub second: CustomerId,
    /// What they share: a kind of identifier.
    pub by: String,
    pub seen_at: Instant,
}

/// Notes pairs; one that is known stays as it was first seen.
pub async fn add_candidates(tx: &Tx, now: Instant, seen: Vec<Candidate>) -> Result<(), StoreError> {
    let rows = seen.into_iter().map(|c| args![c.a, c.b, c.by.as_str(), "open", now]).collect();
    let columns = ["first_id", "second_id", "by_kind", "state", "seen_at"];
    tx.insert_many("merge_candidate", &columns, rows, "ON CONFLICT (first_id, second_id) DO NOTHING")
        .await
        .map(drop)
}

const NOW: &str =
    "FROM merge_candidate m JOIN customer a ON a.id = m.first_id JOIN customer b ON b.id = m.second_id";

/// The open pairs after `after` (a row's place), oldest first, each side as who they are now.
pub async fn list_candidates(db: &Db, limit: i64) -> Result<Vec<CandidateRow>, StoreError> {
    let sql = format!(
        "SELECT m.id, COALESCE(a.merged_into, a.id) AS first_id, COALESCE(b.merged_into, b.id) AS second_id, m.by_kind, \
         m.seen_at {NOW} WHERE m.state = 'open' AND a.erased_at IS NULL AND b.erased_at IS NULL \
         AND COALESCE(a.merged_into, a.id) <> COALESCE(b.merged_into, b.id) ORDER BY m.id LIMIT $1"
    );
    let rows = db.all(&sql, args![limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(CandidateRow {
                first: CustomerId(row.int("first_id")?),
                second: CustomerId(row.int("second_id")?),
                by: row.text("by_kind")?,
                seen_at: row.at("seen_at")?,
            })
        })
        .collect()
}

/// Pairs that are one now wait for nobody.
pub async fn settle_candidates(tx: &Tx, canonical: CustomerId) -> Result<(), StoreError> {
    let one = "(SELECT id FROM customer WHERE id = $1 OR merged_into = $1)";
    let sql = format!(
        "UPDATE merge_candidate SET state = 'merged' WHERE state <> 'merged' AND first_id IN {one} AND second_id IN {one}"
    );
    tx.exec(&sql, args![canonical]).await.map(drop)
}

/// A person said that these two aren't one: no event makes them so again.
pub async fn note_parted(tx: &Tx, now: Instant, a: CustomerId, b: CustomerId) -> Result<(), StoreError> {
    let row = args![a.min(b), a.max(b), Kind::UserId.as_str(), "parted", now];
    let columns = ["first_id", "second_id", "by_kind", "state", "seen_at"];
    let tail = "ON CONFLICT (first_id, second_id) DO UPDATE SET state = 'parted'";
    tx.insert_many("merge_candidate", &columns, vec![row], tail).await.map(drop)
}

/// The pairs of which a person said that they aren't one.
pub async fn parted(db: &Db) -> Result<HashSet<(CustomerId, CustomerId)>, StoreError> {
    let sql = "SELECT first_id, second_id FROM merge_candidate WHERE state = 'parted'";
    let rows = db.all(sql, vec![]).await?;
    rows.iter().map(|row| Ok((CustomerId(row.int("first_id")?), CustomerId(row.int("second_id")?)))).collect()
}
