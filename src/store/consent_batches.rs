//! Batches of consents that somebody signed, and the ledger as people read it. Which word counts is another file's.

use super::in_list::all_in;
use super::sql::{Arg, Row, args};
use super::{Db, StoreError, Tx};
use domain::ids::{ConsentBatchId, CustomerId};
use domain::time::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// A batch about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBatch {
    pub file_name: String,
    /// SHA-256, lower-case hex.
    pub file_hash: String,
    pub signed_by: String,
    /// `2026-03-01`, local.
    pub signed_on: String,
    pub evidence: String,
    pub actor: String,
    pub at: Instant,
}

/// A batch as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRow {
    pub id: ConsentBatchId,
    pub new: NewBatch,
    /// How many it has said so far.
    pub lines: i64,
    /// The last line of its file that was looked at.
    pub read_to: i64,
    /// When all of the file was; none of one that was interrupted.
    pub finished_at: Option<Instant>,
    /// When it was taken back, by whom and why.
    pub revoked: Option<(Instant, String, String)>,
}

const COLUMNS: &str = "id, file_name, file_hash, signed_by, signed_on, evidence, lines, actor, created_at, revoked_at, \
                       revoked_by, revoke_reason, read_to, finished_at";

fn read(row: &Row) -> Result<BatchRow, StoreError> {
    let revoked = match row.opt_at("revoked_at")? {
        None => None,
        Some(at) => {
            let text = |column| Ok::<_, StoreError>(row.opt_text(column)?.unwrap_or_default());
            Some((at, text("revoked_by")?, text("revoke_reason")?))
        }
    };
    Ok(BatchRow {
        id: ConsentBatchId(row.int("id")?),
        new: NewBatch {
            file_name: row.text("file_name")?,
            file_hash: row.text("file_hash")?,
            signed_by: row.text("signed_by")?,
            signed_on: row.text("signed_on")?,
            evidence: row.text("evidence")?,
            actor: row.text("actor")?,
            at: row.at("created_at")?,
        },
        lines: row.int("lines")?,
        read_to: row.int("read_to")?,
        finished_at: row.opt_at("finished_at")?,
        revoked,
    })
}

/// Adds a batch. A file counts once: a second one of the same bytes is a conflict until the first is taken back.
pub async fn insert(tx: &Tx, new: &NewBatch) -> Result<ConsentBatchId, StoreError> {
    let columns =
        ["file_name", "file_hash", "signed_by", "signed_on", "evidence", "lines", "actor", "created_at"];
    let row = args![
        &new.file_name,
        &new.file_hash,
        &new.signed_by,
        &new.signed_on,
        &new.evidence,
        0_i64,
        &new.actor,
        new.at
    ];
    let made = tx.insert_returning("consent_batch", &columns, vec![row], "RETURNING id").await?;
    made.first().map_or(Ok(0), |row| row.int("id")).map(ConsentBatchId)
}

/// A slice of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The last line of the file that was looked at before, and with this slice.
    pub from: i64,
    pub to: i64,
    /// How many it says.
    pub lines: i64,
    /// Where it is the last one: when.
    pub finished_at: Option<Instant>,
}

/// Moves a batch on by a slice. False where somebody else did, or took it back.
pub async fn advance(tx: &Tx, id: ConsentBatchId, step: Step) -> Result<bool, StoreError> {
    let sql = "UPDATE consent_batch SET read_to = $1, lines = lines + $2, finished_at = $3 \
               WHERE id = $4 AND read_to = $5 AND finished_at IS NULL AND revoked_at IS NULL";
    Ok(tx.exec(sql, args![step.to, step.lines, step.finished_at, id, step.from]).await? == 1)
}

/// The batch of a file that counts.
pub async fn find_by_file(db: &Db, hash: &str) -> Result<Option<BatchRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM consent_batch WHERE file_hash = $1 AND revoked_at IS NULL");
    db.one(&sql, args![hash]).await?.as_ref().map(read).transpose()
}

pub async fn find(db: &Db, id: ConsentBatchId) -> Result<Option<BatchRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM consent_batch WHERE id = $1");
    db.one(&sql, args![id]).await?.as_ref().map(read).transpose()
}

/// Latest first.
pub async fn list(db: &Db, limit: i64) -> Result<Vec<BatchRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM consent_batch ORDER BY id DESC LIMIT $1");
    db.all(&sql, args![limit]).await?.iter().map(read).collect()
}

/// Notes that a batch is taken back. False where it was noted before.
pub async fn note_revoked(
    tx: &Tx,
    id: ConsentBatchId,
    actor: &str,
    reason: &str,
    now: Instant,
) -> Result<bool, StoreError> {
    let sql = "UPDATE consent_batch SET revoked_at = $1, revoked_by = $2, revoke_reason = $3 \
               WHERE id = $4 AND revoked_at IS NULL";
    Ok(tx.exec(sql, args![now, actor, reason, id]).await? == 1)
}

/// Lines of a batch that were taken back together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    /// The last one; none where there are no more.
    pub last: Option<i64>,
    pub lines: i64,
    /// Whom they concern.
    pub people: BTreeSet<CustomerId>,
}

/// Takes back the next lines behind `after`: each gets one that revokes it, and nothing is removed.
pub async fn take_back(
    tx: &Tx,
    batch: &BatchRow,
    after: i64,
    limit: i64,
    now: Instant,
) -> Result<TakenBack, StoreError> {
    const LEFT: &str = "FROM consent c WHERE c.batch_id = $1 AND c.id > $2 AND c.revokes IS NULL \
                        AND NOT EXISTS (SELECT 1 FROM consent r WHERE r.revokes = c.id)";
    let sql = format!("SELECT c.id, c.customer_id {LEFT} ORDER BY c.id LIMIT $3");
    let rows = tx.all(&sql, args![batch.id, after, limit]).await?;
    let people: Result<_, StoreError> =
        rows.iter().map(|row| row.int("customer_id").map(CustomerId)).collect();
    let last = rows.last().map(|row| row.int("id")).transpose()?;
    let Some((_, actor, reason)) = &batch.revoked else {
        return Err(StoreError::RowsAffected { what: "a batch that is taken back", expected: 1, actual: 0 });
    };
    if let Some(last) = last {
        let sql = format!(
            "INSERT INTO consent (customer_id, origin_customer_id, channel, purpose, state, source, evidence, \
             occurred_at, recorded_at, batch_id, revokes) \
             SELECT c.customer_id, c.origin_customer_id, c.channel, c.purpose, 'revoked', $4, $5, $6, $6, c.batch_id, \
             c.id {LEFT} AND c.id <= $3"
        );
        tx.exec(&sql, args![batch.id, after, last, actor, reason, now]).await?;
    }
    Ok(TakenBack { last, lines: i64::try_from(rows.len()).unwrap_or(i64::MAX), people: people? })
}

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    pub customer: CustomerId,
    pub channel: String,
    pub purpose: String,
    /// `granted` or `denied`.
    pub state: String,
    pub source: String,
    pub evidence: String,
    pub text_version: Option<String>,
    pub occurred_at: Instant,
    pub recorded_at: Instant,
    pub batch: Option<ConsentBatchId>,
    /// When it was taken back.
    pub revoked_at: Option<Instant>,
}

/// Whose lines of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Customer(CustomerId),
    Batch(ConsentBatchId),
}

/// Lines of the ledger, what was said last first.
pub async fn ledger(db: &Db, of: Of, limit: i64) -> Result<Vec<LedgerRow>, StoreError> {
    let (column, id) = match of {
        Of::Customer(id) => ("customer_id", id.0),
        Of::Batch(id) => ("batch_id", id.0),
    };
    let sql = format!(
        "SELECT c.customer_id, c.channel, c.purpose, c.state, c.source, c.evidence, c.text_version, c.occurred_at, \
         c.recorded_at, c.batch_id, r.recorded_at AS revoked_at FROM consent c LEFT JOIN consent r ON r.revokes = c.id \
         WHERE c.{column} = $1 AND c.revokes IS NULL ORDER BY c.occurred_at DESC, c.id DESC LIMIT $2"
    );
    let line = |row: &Row| {
        Ok(LedgerRow {
            customer: CustomerId(row.int("customer_id")?),
            channel: row.text("channel")?,
            purpose: row.text("purpose")?,
            state: row.text("state")?,
            source: row.text("source")?,
            evidence: row.text("evidence")?,
            text_version: row.opt_text("text_version")?,
            occurred_at: row.at("occurred_at")?,
            recorded_at: row.at("recorded_at")?,
            batch: row.opt_int("batch_id")?.map(ConsentBatchId),
            revoked_at: row.opt_at("revoked_at")?,
        })
    };
    db.all(&sql, args![id, limit]).await?.iter().map(line).collect()
}

/// Which side each of these user ids is, as resolved.
pub async fn by_user_id(
    db: &Db,
    namespace: &str,
    values: BTreeSet<String>,
) -> Result<BTreeMap<String, CustomerId>, StoreError> {
    let sql = "SELECT i.value, COALESCE(i.origin_customer_id, i.customer_id) AS origin FROM identifier i \
               JOIN customer c ON c.id = i.customer_id \
               WHERE i.kind = 'user_id' AND i.namespace = $1 AND c.erased_at IS NULL AND i.value IN ({in})";
    let rows = all_in(db, sql, args![namespace], values.iter().map(Arg::arg).collect()).await?;
    rows.iter().map(|row| Ok((row.text("value")?, CustomerId(row.int("origin")?)))).collect()
}

/// Everybody who has each of these contact points.
pub async fn by_contact(
    db: &Db,
    channel: &str,
    values: BTreeSet<String>,
) -> Result<BTreeMap<String, BTreeSet<CustomerId>>, StoreError> {
    let sql = "SELECT p.value, p.customer_id FROM contact_point p JOIN customer c ON c.id = p.customer_id \
               WHERE p.channel = $1 AND c.erased_at IS NULL AND p.value IN ({in})";
    let mut found: BTreeMap<String, BTreeSet<CustomerId>> = BTreeMap::new();
    for row in all_in(db, sql, args![channel], values.iter().map(Arg::arg).collect()).await? {
        found.entry(row.text("value")?).or_default().insert(CustomerId(row.int("customer_id")?));
    }
    Ok(found)
}
