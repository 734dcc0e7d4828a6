//! `rebuild`: everything that is a function of the log, made anew from it page by page, or only compared with it.
//!
//! Effective flags and business keys, all projections, traits as far as they are still there, profiles, current
//! tags and due times. It never touches enrollments, touchpoints, coupons, callbacks, audit, consents or what the
//! ledger of tags says already, and starts nothing.

pub(super) mod keeping;

use super::{Book, ServiceError, shop};
use crate::store::projections::{self, Difference};
use crate::store::{Lane, imports};
use domain::ids::CustomerId;
use serde::Serialize;
use std::collections::BTreeSet;

/// Whether what differs is put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `--check`: only told.
    Check,
    Rebuild,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Rows that weren't what the log says; `Rebuild` put them right.
    pub differences: u64,
    pub customers: u64,
    /// Who has news the keeper hasn't looked at, or can't be kept: their tags weren't compared.
    pub not_compared: u64,
}

/// Events, rows or customers at a time: what bounds the memory.
const PAGE: i64 = 1_000;

/// Walks the whole book and tells each difference. Nobody else may work on it meanwhile: the caller's affair.
pub async fn run(
    book: &Book,
    mode: Mode,
    tell: &mut (dyn FnMut(&Difference) + Send),
) -> Result<Report, ServiceError> {
    if let Some(import) = imports::list_unfinished(book.store.reader()).await?.first() {
        return Err(ServiceError::Conflict(format!(
            "the import of {} isn't finished; import it again to its end first",
            import.file_name
        )));
    }
    let mut report = Report::default();
    let mut each = |found: Vec<Difference>, report: &mut Report| {
        report.differences += found.len() as u64;
        found.iter().for_each(&mut *tell);
    };
    log(book, mode, &mut |found| each(found, &mut report)).await?;
    tables(book, mode, &mut |found| each(found, &mut report)).await?;
    people(book, mode, &mut |found| each(found, &mut report)).await?;
    let mut after = CustomerId(0);
    while let Some(page) = keeping::page(book, mode, after, PAGE).await? {
        report.customers += page.customers;
        report.not_compared += page.not_compared;
        each(page.found, &mut report);
        after = page.last;
    }
    Ok(report)
}

type Tell<'a> = &'a mut (dyn FnMut(Vec<Difference>) + Send);

/// What the log says, against the tables.
async fn log(book: &Book, mode: Mode, tell: Tell<'_>) -> Result<(), ServiceError> {
    let mut after = 0;
    while let Some((keys, last)) = projections::page_of_log(book.store.reader(), after, PAGE).await? {
        tell(settle(book, mode, keys).await?);
        after = last;
    }
    Ok(())
}

/// What stands in the tables, against the log: rows of no event.
async fn tables(book: &Book, mode: Mode, tell: Tell<'_>) -> Result<(), ServiceError> {
    for walk in projections::tables_to_walk() {
        let mut after = 0;
        while let Some((orphans, last)) = walk.page(book.store.reader(), after, PAGE).await? {
            tell(settle(book, mode, orphans).await?);
            after = last;
        }
    }
    Ok(())
}

async fn settle(book: &Book, mode: Mode, keys: projections::Keys) -> Result<Vec<Difference>, ServiceError> {
    match mode {
        Mode::Check => Ok(projections::compare(book.store.reader(), &keys).await?),
        Mode::Rebuild => {
            let settled = book
                .store
                .write(Lane::Work, move |tx| Box::pin(async move { projections::reproject(tx, &keys).await }))
                .await;
            Ok(settled.map_err(|e: crate::store::StoreError| e)?)
        }
    }
}

async fn people(book: &Book, mode: Mode, tell: Tell<'_>) -> Result<(), ServiceError> {
    let (shop, now) = (shop::row(book).await?, book.now().await?);
    let mut after = CustomerId(0);
    loop {
        let db = book.store.reader();
        let page: BTreeSet<CustomerId> = projections::page_of_people(db, &shop, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = *last;
        tell(match mode {
            Mode::Check => projections::compare_people(db, &shop, &page).await?,
            Mode::Rebuild => {
                let shop = shop.clone();
                let rebuilt = book
                    .store
                    .write(Lane::Work, move |tx| {
                        Box::pin(async move { projections::rebuild_people(tx, &shop, now, &page).await })
                    })
                    .await;
                rebuilt.map_err(|e: crate::store::StoreError| e)?
            }
        });
    }
}
