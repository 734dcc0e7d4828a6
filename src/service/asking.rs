//! Rules asked of the whole book: how many they hold of, and of whom. The database answers, by what the keeper wrote down; what is
//! still to be kept is said beside the answer.

use super::shop::row;
use super::{Book, ServiceError, rules};
use crate::store::rule_sql::{self, Asking};
use crate::store::{Db, StoreError, occurrences};
use domain::ids::CustomerId;
use domain::rule::Rule;
use domain::time::Instant;
use std::time::Duration;

/// Longest that the whole book is asked one thing.
const MOST: Duration = Duration::from_secs(20);

/// The terms in which the book is asked now.
pub async fn asking(book: &Book, rules: &[&Rule]) -> Result<Asking, ServiceError> {
    at(book, rules, book.now().await?).await
}

/// The same as of an instant, for whoever knows that nothing was kept since.
pub async fn at(book: &Book, rules: &[&Rule], now: Instant) -> Result<Asking, ServiceError> {
    let (db, shop) = (book.store.reader(), row(book).await?);
    let mut zones = zones(db, rules).await?;
    if !zones.contains(&shop.shop.zone) {
        zones.push(shop.shop.zone);
    }
    let oldest = rule_sql::oldest(db, rules).await?.unwrap_or(now);
    Ok(Asking { catalogue: rules::catalogue(book).await?, now, currency: shop.base, zones, oldest })
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
    let (asking, rule) = (asking(book, &[rule]).await?, rule.clone());
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
    let (asking, rule) = (asking(book, &[rule]).await?, rule.clone());
    let found = book.store.ask(MOST, move |db| {
        Box::pin(async move { rule_sql::members(db, &rule, &asking, after, limit).await })
    });
    Ok(found.await?)
}
