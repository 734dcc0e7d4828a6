//! What was answered to requests that carried an `Idempotency-Key`, written in the transaction of their effect.

use super::sql::{args, word};
use super::{Db, StoreError, Tx};
use domain::time::Instant;
use serde_json::Value;

/// One request, so that the same one is known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose key it is: two people may choose the same.
    pub scope: String,
    /// A hash of it: senders may write anybody's name into it.
    pub key: String,
    /// Of what was asked for, by route and body.
    pub body_hash: String,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    /// Null for an answer without a body.
    pub body: Value,
}

/// What is known of a claim's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    Nothing,
    Answered(Answer),
    /// It came with another request before.
    AnotherRequest,
}

pub async fn find(db: &Db, claim: &Claim) -> Result<Known, StoreError> {
    let sql = "SELECT id, body_hash, status, answer FROM idempotency WHERE scope = $1 AND idem_key = $2";
    let Some(row) = db.one(sql, args![&claim.scope, &claim.key]).await? else { return Ok(Known::Nothing) };
    if row.text("body_hash")? != claim.body_hash {
        return Ok(Known::AnotherRequest);
    }
    let (id, status) = (row.int("id")?, row.int("status")?);
    let read = |text: &str| serde_json::from_str(text).ok();
    let body = word("idempotency", "answer", id, &row.text("answer")?, read)?;
    let status = word("idempotency", "status", id, &status.to_string(), |text| text.parse().ok())?;
    Ok(Known::Answered(Answer { status, body }))
}

/// Keeps an answer.
///
/// # Errors
/// A conflict where the key has an answer already: somebody was faster, and the whole effect is to be undone.
pub async fn put(tx: &Tx, claim: &Claim, answer: &Answer, at: Instant) -> Result<(), StoreError> {
    let columns = ["scope", "idem_key", "body_hash", "status", "answer", "created_at"];
    let status = i64::from(answer.status);
    let row = args![&claim.scope, &claim.key, &claim.body_hash, status, answer.body.to_string(), at];
    match tx
        .insert_many("idempotency", &columns, vec![row], "ON CONFLICT (scope, idem_key) DO NOTHING")
        .await?
    {
        1 => Ok(()),
        _ => Err(StoreError::Conflict { constraint: "idempotency(scope, idem_key)".to_owned() }),
    }
}
