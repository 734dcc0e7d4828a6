//! Housekeeping (保留期限): what was kept long enough goes, once a local day of the shop, page by page. Any number of
//! daemons may do pages; each holds the day's row meanwhile, and whoever is killed between two leaves the next to others.
//! What it came to is one row of the audit log a day, if there was anything.

use super::{Book, ServiceError, retention};
use crate::delivery::file::{self, Expired};
use crate::settings::RetentionSettings;
use crate::store::housekeeping::{self as rows, Page, Round, Standing};
use crate::store::{Lane, StoreError, Tx, audit, properties};
use domain::retention::{Step, first_day_kept, gone_until};
use domain::time::{Instant, add_days};
use serde_json::json;

/// When there is something to do next: now, while a day isn't finished, else at the first instant of the next one. A
/// virtual clock doesn't stop for it; days that it passes over are made up for by the next.
pub async fn next_due(book: &Book, now: Instant) -> Result<Option<Instant>, ServiceError> {
    let Standing { zone, open, latest } = standing(book).await?;
    let today = now.local_date(zone);
    let day = latest.map_or(today, |latest| add_days(latest, 1).max(today));
    Ok(Some(if open { now } else { Instant::first_of(day, zone) }))
}

async fn standing(book: &Book) -> Result<Standing, ServiceError> {
    let found = rows::standing(book.store.reader(), &book.shop_key).await?;
    found.ok_or_else(|| ServiceError::Internal(format!("shop {} is not in the book", book.shop_key)))
}

/// Does one page of the earliest day that isn't finished, of at most `limit` rows; gives 0 where there is none.
pub async fn do_page(book: &Book, now: Instant, limit: i64) -> Result<u64, ServiceError> {
    let (today, keep) = (now.local_date(standing(book).await?.zone), book.retention);
    let open = rows::find_open(book.store.reader()).await?;
    // Files aren't the database's: they go before it says so. Each person is forgotten in a transaction of their own.
    let before = match open.map(|round| round.step) {
        Some(Step::Mails) => Some((Step::Mails, expire_mails(book, now, limit).await?)),
        Some(Step::Forget) => Some((Step::Forget, retention::forget_due(book, today, now, limit).await?)),
        _ => None,
    };
    let page = book.store.write(Lane::Work, move |tx| {
        Box::pin(async move {
            let Some(mut round) = rows::open(tx, today, now).await? else { return Ok(0) };
            let Some(page) = remove(tx, &mut round, &keep, before, now, limit).await? else {
                return Ok(0);
            };
            if page.gone > 0 {
                *round.done.entry(round.step.as_str().to_owned()).or_default() += page.gone;
            }
            let next = if page.more { Some(round.step) } else { round.step.next() };
            if next.is_none() {
                tell(tx, &round, now).await?;
            }
            rows::save(tx, &round, next, now).await?;
            Ok(1)
        })
    });
    page.await.map_err(|error: StoreError| error.into())
}

async fn remove(
    tx: &Tx,
    round: &mut Round,
    keep: &RetentionSettings,
    before: Option<(Step, Page)>,
    now: Instant,
    limit: i64,
) -> Result<Option<Page>, StoreError> {
    let until = |days| gone_until(now, days);
    let page = match round.step {
        // Unless somebody else came to this step meanwhile: then theirs is the next page.
        step @ (Step::Mails | Step::Forget) => {
            return Ok(before.filter(|(done, _)| *done == step).map(|(_, page)| page));
        }
        Step::Quarantine => rows::empty_quarantine(tx, until(keep.quarantine_days), limit).await?,
        Step::Raw => rows::hash_raw(tx, until(keep.raw_days), limit).await?,
        Step::AccessLog => rows::delete_looks(tx, until(keep.access_log_days), limit).await?,
        Step::Idempotency => rows::delete_keys(tx, until(keep.idempotency_days), limit).await?,
        Step::Properties => properties::remove_page(tx, now, limit).await?,
        Step::Unlist => retention::unlist_page(tx, round, keep, now, limit).await?,
        Step::List => retention::list_page(tx, round, keep, now, limit).await?,
    };
    Ok(Some(page))
}

/// A folder that can't be cleared is told, tried again the next day, and holds nothing else up.
async fn expire_mails(book: &Book, now: Instant, limit: i64) -> Result<Page, ServiceError> {
    let (folder, first) = (book.mail_dir.clone(), first_day_kept(now, book.retention.mails_days));
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let expired = tokio::task::spawn_blocking(move || file::expire(&folder, first, most)).await;
    let expired = expired.map_err(|e| ServiceError::Internal(format!("removing mails ended early: {e}")))?;
    match expired {
        Ok(Expired { files, more }) => Ok(Page { gone: i64::try_from(files).unwrap_or(i64::MAX), more }),
        Err(error) => {
            let folder = book.mail_dir.display().to_string();
            tracing::warn!(%error, folder, "old mails couldn't all be removed; tried again tomorrow");
            Ok(Page { gone: 0, more: false })
        }
    }
}

async fn tell(tx: &Tx, round: &Round, at: Instant) -> Result<(), StoreError> {
    if round.done.is_empty() {
        return Ok(());
    }
    let (actor, action) = ("kinkeeper".to_owned(), "retention.applied".to_owned());
    let detail = json!({ "day": round.day.to_string(), "gone": round.done });
    audit::record(tx, audit::Entry { at, actor, action, subject: "book".to_owned(), detail }).await
}
