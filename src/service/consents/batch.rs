//! Signed batches: a file is judged, taken in slice by slice, each slice a transaction with its audit row, and taken
//! back so. What a row means is `file`'s.
//!
//! Each line is a word by itself, so those of a slice count as soon as it is committed: a refusal needn't wait for the
//! end of the file it stands in. An import that breaks off goes on behind its last slice when the same file comes
//! again; until then its batch is unfinished, can be seen, and can be taken back like any other.

use super::file::{self, Line};
use super::{Preview, Revoked, Signed, record};
use crate::service::import::RefusedRow;
use crate::service::shop::shop;
use crate::service::{Book, ServiceError};
use crate::store::consent_batches::{self, BatchRow, NewBatch, Step};
use crate::store::consents::{self, NewConsent};
use crate::store::{Tx, clusters, contact, customers, records, wakes};
use domain::customer::records::Kinds;
use domain::ids::{ConsentBatchId, CustomerId};
use domain::problem::Problem;
use domain::time::Instant;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Lines of one transaction.
const SLICE: usize = 1_000;

/// A file that was judged.
pub struct Prepared {
    lines: Vec<Line>,
    batch: NewBatch,
    /// What counts of this file already: all of it, or what an interrupted import took in.
    known: Option<BatchRow>,
    preview: Preview,
}

/// Reads and judges a file, and says what it would bring. Nothing is written.
pub async fn preview(book: &Book, signed: &Signed) -> Result<Preview, ServiceError> {
    Ok(prepare(book, signed).await?.preview)
}

/// As [`preview`], to be taken in then.
pub async fn prepare(book: &Book, signed: &Signed) -> Result<Prepared, ServiceError> {
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
        actor: String::new(),
        at: now,
    };
    Ok(Prepared { lines: found.lines, batch, known, preview })
}

/// Takes a file in as one batch. One that counts already changes nothing; one that was interrupted goes on.
pub async fn import(book: &Book, signed: &Signed, actor: &str) -> Result<Preview, ServiceError> {
    take(book, prepare(book, signed).await?, actor).await
}

/// Takes in what was judged.
pub async fn take(book: &Book, prepared: Prepared, actor: &str) -> Result<Preview, ServiceError> {
    let Prepared { mut lines, mut batch, known, mut preview } = prepared;
    if preview.known || known.is_none() && lines.is_empty() {
        return Ok(preview);
    }
    actor.clone_into(&mut batch.actor);
    let mut begun = known.map(|known| resumed(&batch, known)).transpose()?;
    if let Some((_, read_to)) = begun {
        lines.retain(|line| place(line) > read_to);
    }
    loop {
        let rest = lines.split_off(lines.len().min(SLICE));
        let slice = Slice { batch: batch.clone(), begun, lines, is_last: rest.is_empty() };
        let Taken { id, read_to, erased } =
            book.write(move |tx, now| Box::pin(async move { slice.take_in(tx, now).await })).await?;
        erased.iter().for_each(|line| preview.refuse(line.granted, gone(line)));
        preview.batch = Some(id);
        if rest.is_empty() {
            return Ok(preview);
        }
        (begun, lines) = (Some((id, read_to)), rest);
    }
}

fn place(line: &Line) -> i64 {
    i64::try_from(line.line).unwrap_or(i64::MAX)
}

/// Where an interrupted batch goes on, if the same is said of it.
fn resumed(batch: &NewBatch, known: BatchRow) -> Result<(ConsentBatchId, i64), ServiceError> {
    let said = |new: &NewBatch| (new.signed_by.clone(), new.signed_on.clone(), new.evidence.clone());
    if said(batch) == said(&known.new) {
        return Ok((known.id, known.read_to));
    }
    let (by, on, evidence) = said(&known.new);
    Err(ServiceError::Conflict(format!(
        "{} of this file was interrupted behind line {}, signed by \"{by}\" on {on} with evidence \"{evidence}\"; say \
         the same to go on with it, or take it back first (consent revoke {})",
        known.id, known.read_to, known.id
    )))
}

fn gone(line: &Line) -> RefusedRow {
    let detail = "this customer was erased while the file was taken in; nothing is kept of them";
    RefusedRow::new(line.line, &[Problem::new(format!("line {}", line.line), "erased", detail)])
}

struct Slice {
    batch: NewBatch,
    /// The batch, and the last line of the slice before.
    begun: Option<(ConsentBatchId, i64)>,
    lines: Vec<Line>,
    is_last: bool,
}

struct Taken {
    id: ConsentBatchId,
    read_to: i64,
    /// Of people who were erased since the file was judged.
    erased: Vec<Line>,
}

impl Slice {
    async fn take_in(self, tx: &Tx, now: Instant) -> Result<Taken, ServiceError> {
        clusters::pass(tx).await?;
        let Self { mut batch, begun, lines, is_last } = self;
        batch.at = now;
        let whose = canonical(tx, &lines).await?;
        let to = lines.last().map(place);
        let (lines, erased): (Vec<Line>, Vec<Line>) =
            lines.into_iter().partition(|line| whose.contains_key(&line.customer));
        let people: BTreeSet<CustomerId> = lines.iter().map(|line| whose[&line.customer]).collect();
        // An opt-out comes before a hand-over or after it.
        contact::lock(tx, &people.iter().copied().collect::<Vec<_>>()).await?;
        let (id, from) = match begun {
            Some(begun) => begun,
            None => (consent_batches::insert(tx, &batch).await?, 0),
        };
        let count = i64::try_from(lines.len()).unwrap_or(i64::MAX);
        let to = to.unwrap_or(from);
        let step = Step { from, to, lines: count, finished_at: is_last.then_some(now) };
        if !consent_batches::advance(tx, id, step).await? {
            let detail = format!("{id} is being imported by somebody else, or was taken back; look again");
            return Err(ServiceError::Conflict(detail));
        }
        let said = lines.into_iter().map(|line| NewConsent {
            customer: whose[&line.customer],
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
        records::changed(tx, &people, now, Kinds::CONSENTS).await?;
        wakes::wake_enrollments(tx, &people, now).await?;
        let detail = json!({
            "file": batch.file_name, "sha256": batch.file_hash, "signed_by": batch.signed_by, "signed_on": batch.signed_on,
            "lines": count, "customers": people.len(), "read_to": to,
        });
        record(tx, now, &batch.actor, "consents.imported", format!("consent_batch:{id}"), detail).await?;
        Ok(Taken { id, read_to: to, erased })
    }
}

/// Who each of these people is now; the erased are left out.
async fn canonical(tx: &Tx, lines: &[Line]) -> Result<BTreeMap<CustomerId, CustomerId>, ServiceError> {
    let origins: BTreeSet<CustomerId> = lines.iter().map(|line| line.customer).collect();
    let rows = customers::list(tx, &origins.into_iter().collect::<Vec<_>>()).await?;
    let merged: Vec<CustomerId> = rows.values().filter_map(|row| row.merged_into).collect();
    let into = customers::list(tx, &merged).await?;
    let is_erased = |id: &CustomerId| into.get(id).is_some_and(|row| row.erased_at.is_some());
    Ok(rows
        .into_iter()
        .filter(|(_, row)| row.erased_at.is_none() && !row.merged_into.as_ref().is_some_and(is_erased))
        .map(|(id, row)| (id, row.merged_into.unwrap_or(id)))
        .collect())
}

/// Takes a batch back: what held before it holds again, unless something was said later. One whose taking back was
/// interrupted goes on.
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
    let (mut after, mut lines, mut people) = (0, 0, BTreeSet::new());
    loop {
        let (actor, reason) = (actor.to_owned(), reason.clone());
        let back = book
            .write(move |tx, now| {
                Box::pin(async move { take_back(tx, id, after, (&actor, &reason), now).await })
            })
            .await?;
        lines += back.lines;
        people.extend(back.people);
        match back.last {
            Some(last) => after = last,
            None => return Ok(Revoked { batch: id, lines, customers: people.len() }),
        }
    }
}

/// The next slice; the first one says who does it and why.
async fn take_back(
    tx: &Tx,
    id: ConsentBatchId,
    after: i64,
    (actor, reason): (&str, &str),
    now: Instant,
) -> Result<consent_batches::TakenBack, ServiceError> {
    clusters::pass(tx).await?;
    let is_new = consent_batches::note_revoked(tx, id, actor, reason, now).await?;
    let found = consent_batches::find(tx, id).await?;
    let found = found.ok_or_else(|| ServiceError::NotFound(format!("the batch of consents {id}")))?;
    let limit = i64::try_from(SLICE).unwrap_or(i64::MAX);
    let back = consent_batches::take_back(tx, &found, after, limit, now).await?;
    if back.last.is_none() && after == 0 && !is_new {
        let by = found.revoked.map(|(at, by, _)| format!(" at {} by {by}", at.to_rfc3339()));
        let detail = format!("{id} was taken back{} already", by.unwrap_or_default());
        return Err(ServiceError::Conflict(detail));
    }
    if back.last.is_some() || is_new {
        contact::lock(tx, &back.people.iter().copied().collect::<Vec<_>>()).await?;
        records::changed(tx, &back.people, now, Kinds::CONSENTS).await?;
        wakes::wake_enrollments(tx, &back.people, now).await?;
        let detail = json!({ "reason": reason, "lines": back.lines, "customers": back.people.len() });
        record(tx, now, actor, "consents.revoked", format!("consent_batch:{id}"), detail).await?;
    }
    Ok(back)
}
