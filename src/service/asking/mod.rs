//! Rules asked of the whole book: how many they hold of, and of whom. The database answers, by what the keeper wrote down; what is
//! still to be kept is said beside the answer.

use super::shop::row;
mod columns;
mod preview;
mod quick;
mod roll;
mod sampling;
mod whom;

pub use columns::ColumnCache;
pub use preview::{Funnel, FunnelStep, Sampled, SegmentPreview, preview};
pub use quick::{CountedBy, SegmentCount, count_now};
pub use roll::{LineFormat, Roll, record_taken_out, roll};
pub use sampling::SampleMemory;
pub use whom::{Holds, Question, Whom, question};

use super::{Book, ServiceError, indexing, reachability, rules};
use crate::store::rule_sql::{self, Asking};
use crate::store::{Db, StoreError, occurrences};
use domain::ids::CustomerId;
use domain::rule::Rule;
use domain::rule::event::wanted_by;
use domain::rule::record::kinds_of;
use domain::tag::Catalogue;
use domain::time::Instant;
use std::sync::Arc;
use std::time::Duration;

/// Longest that the whole book is asked one thing.
pub const MOST: Duration = Duration::from_secs(20);
/// The same for a request, whose answer would come too late behind it.
pub const SOON: Duration = Duration::from_secs(8);

/// The terms in which the book is asked as of an instant, by what is published.
pub async fn at(book: &Book, rules: &[&Rule], now: Instant) -> Result<Asking, ServiceError> {
    among(book, rules::catalogue(book).await?, rules, now).await
}

/// The same among these tags and segments.
async fn among(
    book: &Book,
    catalogue: Arc<Catalogue>,
    rules: &[&Rule],
    now: Instant,
) -> Result<Asking, ServiceError> {
    let rules = catalogue.looked_at(rules);
    let oldest = rule_sql::oldest(book.store.reader(), &rules).await?.unwrap_or(now);
    Ok(Asking { oldest, ..terms(book, catalogue.clone(), &rules, now).await? })
}

/// The same of these rules and no others, before it is known how old anybody's instants are.
async fn terms(
    book: &Book,
    catalogue: Arc<Catalogue>,
    rules: &[&Rule],
    now: Instant,
) -> Result<Asking, ServiceError> {
    let (db, shop) = (book.store.reader(), row(book).await?);
    if kinds_of(rules.iter().copied()).points {
        reachability::prepare(book).await?;
    }
    // What they ask events for comes into the index, if it isn't there; until it is, the answer is that it isn't.
    indexing::ask(book, wanted_by(rules.iter().copied()), now).await?;
    let mut zones = zones(db, rules).await?;
    if !zones.contains(&shop.shop.zone) {
        zones.push(shop.shop.zone);
    }
    Ok(Asking { catalogue, now, currency: shop.base, zones, oldest: now })
}

/// The zones customers live in, where any of the rules is about local dates.
async fn zones(db: &Db, rules: &[&Rule]) -> Result<Vec<chrono_tz::Tz>, StoreError> {
    let local = |leaf: &&Rule| matches!(leaf, Rule::DaysSince { .. } | Rule::Anniversary { .. });
    match rules.iter().flat_map(|rule| rule.leaves()).any(|leaf| local(&leaf)) {
        true => occurrences::zones(db).await,
        false => Ok(Vec::new()),
    }
}

/// Of how many customers the rule holds.
pub async fn count(book: &Book, rule: &Rule) -> Result<u64, ServiceError> {
    let (asking, rule) = (at(book, &[rule], book.now().await?).await?, rule.clone());
    let counted =
        book.store.ask(MOST, |db| Box::pin(async move { rule_sql::count(db, &rule, &asking).await }));
    Ok(counted.await?)
}

/// Of which customers it holds, behind `after` by id, at most so many.
pub async fn members(
    book: &Book,
    rule: &Rule,
    after: CustomerId,
    limit: i64,
) -> Result<Vec<CustomerId>, ServiceError> {
    let (asking, rule) = (at(book, &[rule], book.now().await?).await?, rule.clone());
    let found = book.store.ask(MOST, move |db| {
        Box::pin(async move { rule_sql::members(db, &rule, &asking, after, limit).await })
    });
    Ok(found.await?)
}
