//! The index of what events say, for rules asked of the whole book: filled with the log of before, a page at a time, and told of while
//! it isn't. What is in it is the store's; who asks for it are rules, published or drafted.

use super::{Book, ServiceError};
use crate::store::{Lane, StoreError, properties};
use domain::event::property::Wanted;
use domain::time::Instant;

/// A property that the whole book can't be asked about yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filling {
    pub event: String,
    pub path: String,
    /// How much of the log is done, in percent, rounded down.
    pub percent: i64,
}

/// Now, while there is anything to fill or to register.
pub async fn next_due(book: &Book, now: Instant) -> Result<Option<Instant>, ServiceError> {
    Ok(properties::is_waiting(book.store.reader()).await?.then_some(now))
}

/// Registers what published rules ask for, or goes through the next events of before; gives 0 where others are at it.
pub async fn do_page(book: &Book, now: Instant, limit: i64) -> Result<u64, ServiceError> {
    let page = book.store.write(Lane::Work, move |tx| {
        Box::pin(async move {
            let done =
                properties::register_published(tx, now).await? || properties::fill_page(tx, limit).await?;
            Ok(u64::from(done))
        })
    });
    page.await.map_err(|error: StoreError| error.into())
}

/// What isn't filled yet.
pub async fn filling(book: &Book) -> Result<Vec<Filling>, ServiceError> {
    let found = properties::list_filling(book.store.reader()).await?;
    let told = |(property, last): (properties::Indexed, i64)| Filling {
        event: property.event,
        path: property.path.to_string(),
        percent: ((last - property.filled_to).max(0) * 100) / last.max(1),
    };
    Ok(found.into_iter().map(told).collect())
}

/// Sees to it that what a drafted rule asks for comes into the index, and stays there while somebody asks.
pub(super) async fn ask(book: &Book, wanted: Wanted, now: Instant) -> Result<(), ServiceError> {
    if properties::is_asked(book.store.reader(), &wanted, now).await? {
        return Ok(());
    }
    let asked = book.store.write(Lane::Work, move |tx| {
        let wanted = wanted.clone();
        Box::pin(async move { properties::ask(tx, &wanted, now).await })
    });
    asked.await.map_err(|error: StoreError| error.into())
}
