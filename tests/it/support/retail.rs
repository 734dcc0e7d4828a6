//! An open book with a shop and a source of facts, and its tables as text.

use super::book::Book;
use domain::ids::SourceId;
use domain::money::Currency;
use domain::time::Instant;
use kinkeeper::service::ServiceError;
use kinkeeper::service::ingest::{self, Batch, Receipt};
use kinkeeper::store::shops::Shop;
use kinkeeper::store::{Lane, StoreError, shops, sources};
use sea_orm::QueryResult;
use serde_json::Value;

pub fn at(text: &str) -> Instant {
    Instant::parse(text, chrono_tz::UTC).expect("the test's instant")
}

/// A book whose shop `retail` is in London and counts in GBP, with one source `api`.
pub struct Retail {
    pub book: Book,
    pub source: SourceId,
}

impl std::ops::Deref for Retail {
    type Target = Book;
    fn deref(&self) -> &Book {
        &self.book
    }
}

impl Retail {
    pub async fn of(book: Book) -> Self {
        Self::counting(book, chrono_tz::Europe::London, "GBP").await
    }

    /// A shop elsewhere, which counts in another currency.
    pub async fn counting(book: Book, zone: chrono_tz::Tz, currency: &str) -> Self {
        let shop = Shop {
            key: "retail".into(),
            name: "Retail".into(),
            zone,
            currency: Currency::parse(currency).expect("a code"),
            locale: "en".into(),
            id_namespace: "retail".into(),
            sender_name: "Retail".into(),
            sender_address: "care@example.com".into(),
            single_zone: true,
        };
        let source: Result<SourceId, StoreError> = book
            .store
            .write(Lane::People, move |tx| {
                Box::pin(async move {
                    let shop = shops::put(tx, &shop).await?;
                    sources::ensure(tx, "api", shop, sources::kind::API).await
                })
            })
            .await;
        Self { book, source: source.expect("a source") }
    }

    /// Another one, on a database of the same kind.
    pub async fn another(&self) -> Self {
        Self::of(if self.is_postgres() { Book::postgres().await } else { Book::sqlite().await }).await
    }

    /// Takes events in, received at this instant.
    pub async fn accept(&self, received_at: &str, events: Vec<Value>) -> Result<Receipt, ServiceError> {
        let received_at = Some(at(received_at));
        let batch = Batch { source: self.source, received_at, historical: false, events };
        ingest::accept(&self.store, batch).await
    }

    /// The rows of a query of texts and integers, each as its values joined by `|`; null is `-`.
    pub async fn lines(&self, sql: &str) -> Vec<String> {
        self.rows::<i64>(sql, []).await.iter().map(line).collect()
    }

    /// Every violation of G1 and G2 that the independent SQL finds.
    pub async fn event_key_violations(&self) -> Vec<String> {
        let sql = include_str!("../../../invariants/g1_event_keys.sql");
        self.lines(sql.trim().trim_end_matches(';')).await
    }
}

/// A row of texts and integers as its values joined by `|`; null is `-`.
pub fn line(row: &QueryResult) -> String {
    let value = |name: &String| {
        let text = row.try_get::<Option<String>>("", name);
        let number = || row.try_get::<Option<i64>>("", name).map(|n| n.map(|n| n.to_string()));
        text.or_else(|_| number()).expect("text or an integer").unwrap_or_else(|| "-".to_owned())
    };
    row.column_names().iter().map(value).collect::<Vec<_>>().join("|")
}
