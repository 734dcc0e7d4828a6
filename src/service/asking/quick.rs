//! How many, while somebody types: a number at once, which may be an estimate, with the exact one to follow from whoever asks for it.

use super::columns::{self, Told};
use super::sampling;
use super::{Question, among};
use crate::service::{Book, ServiceError};
use crate::store::rule_sql;
use domain::time::Instant;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// Where a number of customers comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountedBy {
    /// The book in this daemon's memory, as it is now.
    Columns,
    /// A stable part of the book; of a small one everybody.
    Sample,
    /// The whole book, read for the question.
    Database,
}

impl CountedBy {
    pub const ALL: [Self; 3] = [Self::Columns, Self::Sample, Self::Database];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Columns => "columns",
            Self::Sample => "sample",
            Self::Database => "database",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == text)
    }
}

/// How many customers a segment or a rule means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SegmentCount {
    /// Of a segment.
    #[schema(example = "recent_buyers")]
    pub key: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Instant,
    /// Customers who are meant, as far as `exact` says.
    pub count: u64,
    /// Customers there are, estimated where `count` is; `database` doesn't count them.
    pub of: Option<u64>,
    /// False of an estimate.
    pub exact: bool,
    /// Of an estimate: with 95 % likelihood the true number isn't further away from `count`. Else 0.
    pub margin: u64,
    pub source: CountedBy,
}

/// Counts whom the question means, in the given way or else in the quickest that there is just now; for no longer than `within`.
pub async fn count_now(
    book: &Book,
    question: Question,
    by: Option<CountedBy>,
    within: Duration,
) -> Result<SegmentCount, ServiceError> {
    match by {
        Some(CountedBy::Database) => exactly(book, question, within).await,
        Some(CountedBy::Sample) => sampling::estimate(book, question, within).await,
        Some(CountedBy::Columns) => by_columns(book, &question, within).await,
        None => match columns::count(book, &question, within).await {
            Ok(Told::Counted(told)) => Ok(told),
            Ok(Told::NotYet | Told::Never) => sampling::estimate(book, question, within).await,
            Err(error) => {
                // They are never needed for an answer; what is wrong with the question the sample says, too.
                tracing::debug!(%error, "columns can't count");
                sampling::estimate(book, question, within).await
            }
        },
    }
}

/// Waits for the columns that the question asks for.
async fn by_columns(
    book: &Book,
    question: &Question,
    within: Duration,
) -> Result<SegmentCount, ServiceError> {
    let waited = tokio::time::timeout(within, async {
        for _ in 0..columns::MOST_WAITS {
            match columns::count(book, question, within).await? {
                Told::Counted(told) => return Ok(told),
                Told::NotYet => book.columns.settled().await,
                Told::Never => {
                    let detail = "columns can't say: the rule asks for what isn't in profile and tags, or there is no room \
                                  (asking.columns_mib); leave `by` out";
                    return Err(ServiceError::invalid("by", "not_in_columns", detail));
                }
            }
        }
        Err(loading())
    });
    waited.await.unwrap_or_else(|_| Err(loading()))
}

fn loading() -> ServiceError {
    let detail = "the columns are still being loaded; leave `by` out for an estimate until then".to_owned();
    ServiceError::Unavailable { retry_after: Duration::from_secs(10), detail }
}

/// The whole book, and the number alone.
async fn exactly(book: &Book, question: Question, within: Duration) -> Result<SegmentCount, ServiceError> {
    let Question { key, whole, catalogue, .. } = question;
    let as_of = book.now().await?;
    let asking = among(book, catalogue, &[whole.rule()], as_of).await?;
    let counted = book
        .store
        .ask(within, |db| Box::pin(async move { rule_sql::count_of(db, &whole, &asking).await }))
        .await?;
    Ok(SegmentCount {
        key,
        as_of,
        count: counted,
        of: None,
        exact: true,
        margin: 0,
        source: CountedBy::Database,
    })
}
