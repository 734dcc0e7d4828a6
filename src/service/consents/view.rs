//! Consents, batches and previews as people and programs see them.

use super::file::Found;
use crate::service::import::RefusedRow;
use crate::store::consent_batches::{BatchRow, LedgerRow};
use domain::customer::consent::Purpose;
use domain::ids::{ConsentBatchId, CustomerId};
use domain::time::Instant;
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// What a file brings, or would bring.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    /// The batch it is; none after a dry run, or where nothing could be taken in.
    pub batch: Option<ConsentBatchId>,
    /// All of it counted before, and nothing was changed.
    pub known: bool,
    /// The last line that an interrupted import took in; 0 where there was none.
    pub resumed_from: i64,
    pub sha256: String,
    /// Rows of the file, the header not counted.
    pub rows: usize,
    pub granted: usize,
    pub denied: usize,
    pub customers: usize,
    /// The first few of those that are taken in.
    pub sample: Vec<Sample>,
    pub refused: usize,
    /// The first few of those that aren't, with why.
    pub refusals: Vec<RefusedRow>,
}

/// A consent of a file.
#[derive(Debug, Clone, Serialize)]
pub struct Sample {
    pub line: u64,
    pub customer: CustomerId,
    pub channel: String,
    pub purpose: Purpose,
    pub state: &'static str,
    pub at: Instant,
}

/// How many samples and refusals are shown.
const SHOWN: usize = 10;

pub(super) fn state(granted: bool) -> &'static str {
    if granted { "granted" } else { "denied" }
}

impl Preview {
    pub(super) fn of(found: &Found, known: Option<&BatchRow>) -> Self {
        let granted = found.lines.iter().filter(|line| line.granted).count();
        let customers: BTreeSet<CustomerId> = found.lines.iter().map(|line| line.customer).collect();
        let sample = found.lines.iter().take(SHOWN).map(|line| Sample {
            line: line.line,
            customer: line.customer,
            channel: line.channel.clone(),
            purpose: line.purpose,
            state: state(line.granted),
            at: line.at,
        });
        Self {
            batch: known.map(|batch| batch.id),
            known: known.is_some_and(|batch| batch.finished_at.is_some()),
            resumed_from: known.filter(|batch| batch.finished_at.is_none()).map_or(0, |batch| batch.read_to),
            sha256: found.file_hash.clone(),
            rows: found.lines.len() + found.refused.len(),
            granted,
            denied: found.lines.len() - granted,
            customers: customers.len(),
            sample: sample.collect(),
            refused: found.refused.len(),
            refusals: found.refused.iter().take(SHOWN).cloned().collect(),
        }
    }
}

impl Preview {
    /// One of those that were to be taken in isn't.
    pub(super) fn refuse(&mut self, granted: bool, row: RefusedRow) {
        *(if granted { &mut self.granted } else { &mut self.denied }) -= 1;
        self.refused += 1;
        if self.refusals.len() < SHOWN {
            self.refusals.push(row);
        }
    }
}

/// A batch that was taken back.
#[derive(Debug, Clone, Serialize)]
pub struct Revoked {
    pub batch: ConsentBatchId,
    pub lines: i64,
    pub customers: usize,
}

/// A batch of consents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchView {
    pub id: ConsentBatchId,
    pub file: String,
    pub sha256: String,
    pub signed_by: String,
    pub signed_on: String,
    pub evidence: String,
    /// How many it has said so far.
    pub lines: i64,
    pub actor: String,
    pub at: Instant,
    /// When all of the file was taken in; none of one that was interrupted.
    pub finished_at: Option<Instant>,
    pub revoked_at: Option<Instant>,
    pub revoked_by: Option<String>,
    pub revoke_reason: Option<String>,
}

impl From<BatchRow> for BatchView {
    fn from(row: BatchRow) -> Self {
        let (revoked_at, revoked_by, revoke_reason) = match row.revoked {
            None => (None, None, None),
            Some((at, by, why)) => (Some(at), Some(by), Some(why)),
        };
        Self {
            id: row.id,
            file: row.new.file_name,
            sha256: row.new.file_hash,
            signed_by: row.new.signed_by,
            signed_on: row.new.signed_on,
            evidence: row.new.evidence,
            lines: row.lines,
            actor: row.new.actor,
            at: row.new.at,
            finished_at: row.finished_at,
            revoked_at,
            revoked_by,
            revoke_reason,
        }
    }
}

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerView {
    pub customer: CustomerId,
    pub channel: String,
    pub purpose: String,
    /// granted | denied
    pub state: String,
    /// A source's key, a batch, who put it down, or `opt-out link`.
    pub source: String,
    pub evidence: String,
    /// Of the text that was agreed to, where it is known.
    pub text_version: Option<String>,
    /// When it was said.
    pub occurred_at: Instant,
    pub recorded_at: Instant,
    pub batch: Option<ConsentBatchId>,
    /// When it was taken back with its batch; it counts no more.
    pub revoked_at: Option<Instant>,
}

impl From<LedgerRow> for LedgerView {
    fn from(row: LedgerRow) -> Self {
        Self {
            customer: row.customer,
            channel: row.channel,
            purpose: row.purpose,
            state: row.state,
            source: row.source,
            evidence: row.evidence,
            text_version: row.text_version,
            occurred_at: row.occurred_at,
            recorded_at: row.recorded_at,
            batch: row.batch,
            revoked_at: row.revoked_at,
        }
    }
}

/// A consent that was put down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConsentMade {
    #[schema(value_type = String, example = "cus_42")]
    pub customer: CustomerId,
    #[schema(example = "email")]
    pub channel: String,
    /// service | marketing | survey | personalization
    #[schema(value_type = String, example = "marketing")]
    pub purpose: Purpose,
    /// granted | denied
    #[schema(example = "granted")]
    pub state: &'static str,
    /// When it was said.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
}
