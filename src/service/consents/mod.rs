//! Consents that people bring: one at a time, or a signed file at once that can be taken back as a whole. Who says it
//! stands with every line; nothing in the ledger is changed or removed.

mod batch;
mod file;
mod view;

pub use batch::{Prepared, import, prepare, preview, revoke, take};
pub use view::{BatchView, ConsentMade, LedgerView, Preview, Revoked};

use super::import::FormSaid;
use super::{Book, ServiceError};
use crate::store::consent_batches::{self, Of};
use crate::store::consents::{self, NewConsent};
use crate::store::{Tx, audit, clusters, contact, customers, meta, records, wakes};
use chrono::NaiveDate;
use domain::customer::consent::{Purpose, channel};
use domain::customer::records::Kinds;
use domain::ids::{ConsentBatchId, CustomerId};
use domain::time::Instant;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A file of consents and who answers for it.
#[derive(Debug, Clone)]
pub struct Signed {
    pub path: PathBuf,
    pub form: FormSaid,
    /// The name of whoever answers for it.
    pub by: String,
    /// The local date of the signature. Lines without an instant were said at its beginning.
    pub on: NaiveDate,
    /// What proves it; lines may bring their own.
    pub evidence: String,
}

/// One consent as somebody says it of a customer.
#[derive(Debug, Clone)]
pub struct Said {
    pub customer: CustomerId,
    pub channel: String,
    pub purpose: Purpose,
    pub granted: bool,
    /// When it was said; now where that isn't known.
    pub at: Option<Instant>,
    pub evidence: String,
    pub text_version: Option<String>,
}

/// Puts down one consent.
pub async fn add(book: &Book, said: Said, actor: &str) -> Result<ConsentMade, ServiceError> {
    let channel = channel(&said.channel).ok_or_else(|| {
        ServiceError::invalid("channel", "bad_channel", "name a channel such as email or sms")
    })?;
    if said.evidence.trim().is_empty() {
        let detail = "say what proves it, such as the call it was said in";
        return Err(ServiceError::invalid("evidence", "missing", detail));
    }
    let actor = actor.to_owned();
    book.write(move |tx, now| {
        Box::pin(async move {
            let at = said.at.unwrap_or(now);
            if at > now {
                return Err(ServiceError::invalid("at", "future", "it can't have been said after now"));
            }
            clusters::pass(tx).await?;
            let row = customers::list(tx, &[said.customer]).await?.remove(&said.customer);
            let row = row.ok_or_else(|| ServiceError::NotFound(format!("the customer {}", said.customer)))?;
            let customer = row.merged_into.unwrap_or(said.customer);
            if row.erased_at.is_some() {
                return Err(ServiceError::Conflict(format!(
                    "{customer} was erased; nothing is kept of them"
                )));
            }
            contact::lock(tx, &[customer]).await?;
            let made = ConsentMade {
                customer,
                channel: channel.clone(),
                purpose: said.purpose,
                state: if said.granted { "granted" } else { "denied" },
                at,
            };
            let new = NewConsent {
                customer,
                origin: Some(said.customer),
                channel,
                purpose: said.purpose.as_str().to_owned(),
                granted: said.granted,
                source: actor.clone(),
                evidence: said.evidence.trim().to_owned(),
                occurred_at: at,
                batch: None,
                text_version: said.text_version,
            };
            consents::add_consents(tx, now, vec![new]).await?;
            records::changed(tx, &[customer].into(), now, Kinds::CONSENTS).await?;
            wakes::wake_enrollments(tx, &BTreeSet::from([customer]), now).await?;
            let detail = json!({ "channel": made.channel, "purpose": made.purpose, "state": made.state });
            record(tx, now, &actor, "customer.consent_said", format!("customer:{customer}"), detail).await?;
            Ok(made)
        })
    })
    .await
}

async fn record(
    tx: &Tx,
    at: Instant,
    actor: &str,
    action: &str,
    subject: String,
    detail: serde_json::Value,
) -> Result<(), ServiceError> {
    let entry = audit::Entry { at, actor: actor.to_owned(), action: action.to_owned(), subject, detail };
    audit::record(tx, entry).await?;
    meta::raise_change_seq(tx).await?;
    Ok(())
}

/// Most lines shown at once.
const LINES: i64 = 500;

/// What was ever said of a customer, last first, revoked lines with when.
pub async fn of_customer(book: &Book, id: CustomerId) -> Result<Vec<LedgerView>, ServiceError> {
    let id = super::identity::canonical(book, id).await?;
    let db = book.store.reader();
    if customers::list(db, &[id]).await?.is_empty() {
        return Err(ServiceError::NotFound(format!("the customer {id}")));
    }
    let lines = consent_batches::ledger(db, Of::Customer(id), LINES).await?;
    Ok(lines.into_iter().map(LedgerView::from).collect())
}

/// A batch with its first lines.
pub async fn of_batch(book: &Book, id: ConsentBatchId) -> Result<(BatchView, Vec<LedgerView>), ServiceError> {
    let db = book.store.reader();
    let found = consent_batches::find(db, id).await?;
    let found = found.ok_or_else(|| ServiceError::NotFound(format!("the batch of consents {id}")))?;
    let lines = consent_batches::ledger(db, Of::Batch(id), LINES).await?;
    Ok((found.into(), lines.into_iter().map(LedgerView::from).collect()))
}

/// The batches, latest first.
pub async fn batches(book: &Book) -> Result<Vec<BatchView>, ServiceError> {
    let found = consent_batches::list(book.store.reader(), LINES).await?;
    Ok(found.into_iter().map(BatchView::from).collect())
}
