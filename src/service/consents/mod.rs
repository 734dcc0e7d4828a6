//! Consents that people bring: one at a time, or a signed file at once that can be taken back as a whole. Who says it
//! stands with every line; nothing in the ledger is changed or removed.

mod file;
mod view;

pub use view::{BatchView, ConsentMade, LedgerView, Preview, Revoked};

use super::import::FormSaid;
use super::shop::shop;
use super::{Book, ServiceError};
use crate::store::consent_batches::{self, NewBatch, Of};
use crate::store::consents::{self, NewConsent};
use crate::store::{Tx, audit, clusters, contact, customers, meta, wakes};
use chrono::NaiveDate;
use domain::customer::consent::{Purpose, channel};
use domain::ids::{ConsentBatchId, CustomerId};
use domain::time::Instant;
use file::Line;
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

/// Reads and judges a file, and says what it would bring. Nothing is written.
pub async fn preview(book: &Book, signed: &Signed) -> Result<Preview, ServiceError> {
    Ok(prepare(book, signed).await?.preview)
}

struct Prepared {
    lines: Vec<Line>,
    batch: NewBatch,
    preview: Preview,
}

async fn prepare(book: &Book, signed: &Signed) -> Result<Prepared, ServiceError> {
    for (at, text) in [("--signed-by", &signed.by), ("--evidence", &signed.evidence)] {
        if text.trim().is_empty() {
            return Err(ServiceError::invalid(
                at,
                "missing",
                "a batch needs somebody who answers for it, and what proves it",
            ));
        }
    }
    let (shop, now) = (shop(book).await?, book.now().await?);
    let signed_at = Instant::first_of(signed.on, shop.zone);
    if signed_at > now {
        return Err(ServiceError::invalid("--date", "future", "the day of the signature is still to come"));
    }
    let read = file::read(signed, shop.zone, signed_at, now)?;
    let found = file::find_people(book, &shop.id_namespace, read).await?;
    let known = consent_batches::find_by_file(book.store.reader(), &found.file_hash).await?;
    let preview = Preview::of(&found, known.as_ref());
    let batch = NewBatch {
        file_name: found.file_name,
        file_hash: found.file_hash,
        signed_by: signed.by.trim().to_owned(),
        signed_on: signed.on.to_string(),
        evidence: signed.evidence.trim().to_owned(),
        lines: i64::try_from(found.lines.len()).unwrap_or(i64::MAX),
        actor: String::new(),
        at: now,
    };
    Ok(Prepared { lines: found.lines, batch, preview })
}

/// Takes a file in as one batch. One that counts already changes nothing.
pub async fn import(book: &Book, signed: &Signed, actor: &str) -> Result<Preview, ServiceError> {
    let Prepared { lines, mut batch, mut preview } = prepare(book, signed).await?;
    if preview.batch.is_some() || lines.is_empty() {
        return Ok(preview);
    }
    batch.actor = actor.to_owned();
    let id = book.write(move |tx, now| Box::pin(async move { take_in(tx, batch, lines, now).await })).await?;
    preview.batch = Some(id);
    Ok(preview)
}

async fn take_in(
    tx: &Tx,
    mut batch: NewBatch,
    lines: Vec<Line>,
    now: Instant,
) -> Result<ConsentBatchId, ServiceError> {
    clusters::pass(tx).await?;
    batch.at = now;
    let origins: BTreeSet<CustomerId> = lines.iter().map(|line| line.customer).collect();
    let merged = clusters::canonical(tx, origins.iter().copied()).await?;
    let canonical = |id: CustomerId| merged.get(&id).copied().unwrap_or(id);
    let people: BTreeSet<CustomerId> = origins.iter().map(|id| canonical(*id)).collect();
    // An opt-out comes before a hand-over or after it.
    contact::lock(tx, &people.iter().copied().collect::<Vec<_>>()).await?;
    let id = consent_batches::insert(tx, &batch).await?;
    let said = lines.into_iter().map(|line| NewConsent {
        customer: canonical(line.customer),
        origin: Some(line.customer),
        channel: line.channel,
        purpose: line.purpose.as_str().to_owned(),
        granted: line.granted,
        source: format!("batch:{id}"),
        evidence: line.evidence.unwrap_or_else(|| batch.evidence.clone()),
        occurred_at: line.at,
        batch: Some(id),
        text_version: line.text_version,
    });
    consents::add_consents(tx, now, said.collect()).await?;
    wakes::wake_enrollments(tx, &people, now).await?;
    let detail = json!({
        "file": batch.file_name, "sha256": batch.file_hash, "signed_by": batch.signed_by, "signed_on": batch.signed_on,
        "lines": batch.lines, "customers": people.len(),
    });
    record(tx, now, &batch.actor, "consents.imported", format!("consent_batch:{id}"), detail).await?;
    Ok(id)
}

/// Takes a batch back: what held before it holds again, unless something was said later.
pub async fn revoke(
    book: &Book,
    id: ConsentBatchId,
    reason: &str,
    actor: &str,
) -> Result<Revoked, ServiceError> {
    let reason = reason.trim().to_owned();
    if reason.is_empty() {
        return Err(ServiceError::invalid("reason", "missing", "say why, for those who will ask"));
    }
    let actor = actor.to_owned();
    book.write(move |tx, now| {
        Box::pin(async move {
            clusters::pass(tx).await?;
            let found = consent_batches::find(tx, id).await?;
            let found = found.ok_or_else(|| ServiceError::NotFound(format!("the batch of consents {id}")))?;
            if let Some((at, by, _)) = found.revoked {
                let detail = format!("{id} was taken back at {} by {by} already", at.to_rfc3339());
                return Err(ServiceError::Conflict(detail));
            }
            let people = consent_batches::revoke(tx, id, &actor, &reason, now).await?;
            contact::lock(tx, &people.iter().copied().collect::<Vec<_>>()).await?;
            wakes::wake_enrollments(tx, &people, now).await?;
            let detail = json!({ "reason": reason, "lines": found.new.lines, "customers": people.len() });
            record(tx, now, &actor, "consents.revoked", format!("consent_batch:{id}"), detail).await?;
            Ok(Revoked { batch: id, lines: found.new.lines, customers: people.len() })
        })
    })
    .await
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
