//! The ledger of consents: append-only, each line with the side that said it. What counts is each side's last word,
//! and of several sides the strictest (`domain::customer::consent`). A line that was taken back says nothing, nor does the
//! one that takes it back.

use super::in_list::all_in;
use super::sql::{Arg, Row, args, word};
use super::{Db, StoreError, Tx, refusals};
use domain::customer::consent::Word;
use domain::ids::{ConsentBatchId, CustomerId};
use domain::time::Instant;
use std::collections::{BTreeMap, HashMap};

/// A line of the consent ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConsent {
    pub customer: CustomerId,
    /// As resolved; none where it was said of the person as a whole.
    pub origin: Option<CustomerId>,
    pub channel: String,
    pub purpose: String,
    pub granted: bool,
    /// Who says so: a source's key, or `opt-out link`.
    pub source: String,
    /// What proves it: a message id, a token's id.
    pub evidence: String,
    pub occurred_at: Instant,
    /// The signed batch it came with.
    pub batch: Option<ConsentBatchId>,
    /// Of the text that was agreed to.
    pub text_version: Option<String>,
}

/// Appends to the ledger.
pub async fn add_consents(tx: &Tx, recorded_at: Instant, said: Vec<NewConsent>) -> Result<(), StoreError> {
    // Of a side and of whoever it is one with: an older copy may know them as two.
    let sides = |c: &NewConsent| [Some(c.customer), c.origin.filter(|origin| *origin != c.customer)];
    let denied = said.iter().filter(|c| !c.granted).flat_map(|c| {
        let line = |who| (c.occurred_at, who, c.channel.clone(), c.purpose.clone());
        sides(c).into_iter().flatten().map(line)
    });
    let denied = denied.collect();
    refusals::remember_consents(tx, denied).await?;
    let rows = said
        .into_iter()
        .map(|c| {
            let state = if c.granted { "granted" } else { "denied" };
            args![
                c.customer,
                c.origin,
                c.channel,
                c.purpose,
                state,
                c.source,
                c.evidence,
                c.occurred_at,
                recorded_at,
                c.batch,
                c.text_version
            ]
        })
        .collect();
    let columns = [
        "customer_id",
        "origin_customer_id",
        "channel",
        "purpose",
        "state",
        "source",
        "evidence",
        "occurred_at",
        "recorded_at",
        "batch_id",
        "text_version",
    ];
    tx.insert_many("consent", &columns, rows, "").await.map(drop)
}

/// What counts for one customer, channel and purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    pub channel: String,
    pub purpose: String,
    pub granted: bool,
    pub source: String,
    pub occurred_at: Instant,
}

/// The last word of one side about one channel and purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWord {
    pub word: Word,
    pub source: String,
    pub occurred_at: Instant,
}

/// The SQL of each side's last word about each channel and purpose, of customers of whom this condition holds.
pub(super) fn last_words(whose: &str) -> String {
    format!(
        "SELECT customer_id, channel, purpose, state, source, occurred_at FROM ( \
           SELECT customer_id, channel, purpose, state, source, occurred_at, ROW_NUMBER() OVER ( \
             PARTITION BY customer_id, COALESCE(origin_customer_id, customer_id), channel, purpose \
             ORDER BY occurred_at DESC, id DESC) AS place \
           FROM consent c WHERE customer_id {whose} AND revokes IS NULL \
             AND NOT EXISTS (SELECT 1 FROM consent r WHERE r.revokes = c.id)) AS ranked WHERE place = 1"
    )
}

/// By customer, what counts by channel and purpose.
pub type InForce = HashMap<CustomerId, BTreeMap<(String, String), LastWord>>;

/// By channel and purpose what counts for these customers: the strictest side's last word, of equal ones the latest.
/// What was never said has no entry.
pub async fn consents_in_force(db: &Db, customers: &[CustomerId]) -> Result<InForce, StoreError> {
    let keys = customers.iter().map(|id| id.arg()).collect();
    in_force(&all_in(db, &last_words("IN ({in})"), vec![], keys).await?)
}

/// The same of the rows of [`last_words`].
pub(super) fn in_force(rows: &[Row]) -> Result<InForce, StoreError> {
    let mut found = InForce::new();
    for row in rows {
        let customer = row.int("customer_id")?;
        let said = LastWord {
            word: word("consent", "state", customer, &row.text("state")?, |state| match state {
                "granted" => Some(Word::Granted),
                "denied" => Some(Word::Denied),
                _ => None,
            })?,
            source: row.text("source")?,
            occurred_at: row.at("occurred_at")?,
        };
        let about = (row.text("channel")?, row.text("purpose")?);
        let counts =
            found.entry(CustomerId(customer)).or_default().entry(about).or_insert_with(|| said.clone());
        if (said.word, said.occurred_at) > (counts.word, counts.occurred_at) {
            *counts = said;
        }
    }
    Ok(found)
}

/// What the person as a whole refused since `since` is refused for this one too, who leaves: an opt-out by link was
/// meant by whoever opened it.
pub async fn carry_refusals(
    tx: &Tx,
    canonical: CustomerId,
    leaves: CustomerId,
    since: Instant,
    now: Instant,
) -> Result<u64, StoreError> {
    let sql = "INSERT INTO consent (customer_id, channel, purpose, state, source, evidence, occurred_at, recorded_at) \
               SELECT $1, channel, purpose, state, source, evidence, occurred_at, $4 FROM consent \
               WHERE customer_id = $2 AND origin_customer_id IS NULL AND state = 'denied' AND recorded_at >= $3 \
               AND NOT EXISTS (SELECT 1 FROM consent r WHERE r.revokes = consent.id)";
    tx.exec(sql, args![leaves, canonical, since, now]).await
}
