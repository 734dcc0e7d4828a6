//! People of whom there was no order, contact or consent for long (保留期限): listed, for somebody to veto it, and forgotten
//! when nobody does, by the same code as an erasure. The housekeeper calls this a page at a time; a book that isn't live yet
//! lists nobody.

use super::erasing::{self, Erased};
use super::{Book, ServiceError, reasons};
use crate::settings::RetentionSettings;
use crate::store::housekeeping::{self as rounds, Page, Round};
use crate::store::retention::{self as rows, Listed, Veto};
use crate::store::{StoreError, Tx, audit, clusters, meta};
use chrono::NaiveDate;
use domain::ids::CustomerId;
use domain::retention::{Step, gone_until};
use domain::time::{Instant, Span};
use serde::Serialize;
use serde_json::json;

/// Somebody on the list, as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedView {
    pub customer: CustomerId,
    pub listed_at: Instant,
    /// Forgotten from then on, unless vetoed.
    pub due_at: Instant,
    pub vetoed_at: Option<Instant>,
    pub vetoed_by: Option<String>,
    pub veto_reason: Option<String>,
}

/// Those behind `after` who are to be forgotten, or were kept by a veto; by id.
pub async fn list(
    book: &Book,
    after: Option<CustomerId>,
    limit: i64,
) -> Result<Vec<ListedView>, ServiceError> {
    let found = rows::list(book.store.reader(), after.map_or(0, |id| id.0), limit).await?;
    let view = |listed: Listed| ListedView {
        customer: listed.customer,
        listed_at: listed.listed_at,
        due_at: listed.due_at,
        vetoed_at: listed.veto.as_ref().map(|veto| veto.at),
        vetoed_by: listed.veto.as_ref().map(|veto| veto.by.clone()),
        veto_reason: listed.veto.map(|veto| veto.reason),
    };
    Ok(found.into_iter().map(view).collect())
}

/// Keeps somebody who is on the list, for as long again as people are kept.
pub async fn veto(
    book: &Book,
    customer: CustomerId,
    reason: &str,
    actor: &str,
) -> Result<Instant, ServiceError> {
    let reason = reason.trim().to_owned();
    if reason.is_empty() {
        return Err(ServiceError::invalid("reason", "missing", "say why, for those who will ask"));
    }
    let by = actor.to_owned();
    book.write(move |tx, at| {
        Box::pin(async move {
            let listed = rows::lock(tx, customer).await?;
            let listed = listed.ok_or_else(|| {
                ServiceError::NotFound(format!("{customer} on the list of those to be forgotten"))
            })?;
            if let Some(Veto { at, by, .. }) = listed.veto {
                return Err(ServiceError::Conflict(format!("{by} vetoed it at {at} already")));
            }
            reasons::check(tx, customer, "reason", &reason).await?;
            let (action, subject) = ("customer.retention_vetoed".to_owned(), format!("customer:{customer}"));
            let detail = json!({ "reason": reason });
            rows::veto(tx, customer, &Veto { at, by: by.clone(), reason }).await?;
            audit::record(tx, audit::Entry { at, actor: by, action, subject, detail }).await?;
            Ok(at)
        })
    })
    .await
}

/// Until when a last sign is too long ago; `None` where people are kept for good, or the book isn't live.
async fn quiet_until(tx: &Tx, keep: &RetentionSettings, now: Instant) -> Result<Option<Instant>, StoreError> {
    let live = meta::go_live_at(tx).await?.is_some();
    Ok((live && keep.people_days > 0).then(|| gone_until(now, keep.people_days)))
}

/// The next customers behind the round's cursor of whom nobody has heard go onto the list.
pub(super) async fn list_page(
    tx: &Tx,
    round: &mut Round,
    keep: &RetentionSettings,
    now: Instant,
    limit: i64,
) -> Result<Page, StoreError> {
    let Some(until) = quiet_until(tx, keep, now).await? else { return Ok(Page { gone: 0, more: false }) };
    let page = rows::unlisted(tx, round.cursor, limit).await?;
    let last = rows::last_signs(tx, &page).await?;
    let is_quiet = |id: &&CustomerId| last.get(*id).is_some_and(|at| *at <= until);
    let quiet: Vec<CustomerId> = page.iter().filter(is_quiet).copied().collect();
    let due_at = now + Span::days(i64::from(keep.veto_days));
    rows::add(tx, &quiet, now, due_at).await?;
    round.cursor = page.last().map_or(round.cursor, |id| id.0);
    Ok(Page { gone: quiet.len() as i64, more: page.len() as i64 >= limit })
}

/// Whoever was heard of again, is somebody else now, or was vetoed for long enough is off the list.
pub(super) async fn unlist_page(
    tx: &Tx,
    round: &mut Round,
    keep: &RetentionSettings,
    now: Instant,
    limit: i64,
) -> Result<Page, StoreError> {
    let page = rows::list(tx, round.cursor, limit).await?;
    let ids: Vec<CustomerId> = page.iter().map(|listed| listed.customer).collect();
    let last = rows::last_signs(tx, &ids).await?;
    let mut off = rows::gone(tx, &ids).await?;
    let until = gone_until(now, keep.people_days);
    for listed in &page {
        let heard = last.get(&listed.customer).is_none_or(|at| *at > until);
        let over = match &listed.veto {
            Some(veto) => veto.at <= until,
            None => heard || keep.people_days == 0,
        };
        if over {
            off.push(listed.customer);
        }
    }
    let gone = i64::try_from(rows::remove(tx, &off).await?).unwrap_or(i64::MAX);
    round.cursor = ids.last().map_or(round.cursor, |id| id.0);
    Ok(Page { gone, more: page.len() as i64 >= limit })
}

/// Forgets whoever is due, each in a transaction that counts it; `today` is the shop's date.
pub(super) async fn forget_due(
    book: &Book,
    today: NaiveDate,
    now: Instant,
    limit: i64,
) -> Result<Page, ServiceError> {
    let due = rows::due(book.store.reader(), now, limit).await?;
    let more = due.len() as i64 >= limit;
    for customer in due {
        let Some((erased, mails)) = forget_one(book, today, customer, now).await? else { continue };
        if let Err(error) = erasing::remove_mails(book, erased, mails).await {
            tracing::warn!(%error, "somebody is forgotten, and a mail to them is left");
        }
    }
    // Counted with each.
    Ok(Page { gone: 0, more })
}

/// Unless they were heard of, vetoed or forgotten meanwhile.
async fn forget_one(
    book: &Book,
    today: NaiveDate,
    customer: CustomerId,
    now: Instant,
) -> Result<Option<(Erased, Vec<String>)>, ServiceError> {
    let (secrets, keep) = (book.secrets.clone(), book.retention);
    book.write(move |tx, _| {
        Box::pin(async move {
            let round = rounds::open(tx, today, now).await?;
            let Some(mut round) = round.filter(|round| round.step == Step::Forget) else { return Ok(None) };
            clusters::close(tx).await?;
            let listed = rows::lock(tx, customer).await?;
            if listed.is_none_or(|listed| listed.veto.is_some() || listed.due_at > now) {
                return Ok(None);
            }
            rows::remove(tx, &[customer]).await?;
            let Some(until) = quiet_until(tx, &keep, now).await? else { return Ok(None) };
            let last = rows::last_signs(tx, &[customer]).await?;
            let heard = last.get(&customer).is_none_or(|at| *at > until);
            if heard || !rows::gone(tx, &[customer]).await?.is_empty() {
                return Ok(None);
            }
            let reason = format!("no order, contact or consent for {} days", keep.people_days);
            let erased = erasing::erase_in(tx, &secrets, customer, &reason, "kinkeeper", now).await?;
            *round.done.entry(Step::Forget.as_str().to_owned()).or_default() += 1;
            rounds::save(tx, &round, Some(Step::Forget), now).await?;
            Ok::<_, ServiceError>(Some(erased))
        })
    })
    .await
}
