//! Questions end: one that takes too long is given up, and whoever asks next is answered.

use crate::support::book::Book;
use crate::support::on_both_databases;
use kinkeeper::store::{Db, Store, StoreError};
use sea_orm::{ConnectionTrait, Statement};
use std::time::Duration;

const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000000000) SELECT COUNT(*) FROM n";

async fn asked(store: &Store, within: Duration, sql: &'static str) -> Result<(), StoreError> {
    store
        .ask(within, move |db: &Db| {
            Box::pin(async move {
                let statement = Statement::from_string(
                    db.get_database_backend(),
                    sql.replace("SELECT 1 UNION", cast(db)),
                );
                db.query_one_raw(statement).await.map(drop).map_err(StoreError::from)
            })
        })
        .await
}

/// PostgreSQL counts in 32 bits unless told otherwise.
fn cast(db: &Db) -> &'static str {
    match db.get_database_backend() {
        sea_orm::DbBackend::Postgres => "SELECT CAST(1 AS BIGINT) UNION",
        _ => "SELECT 1 UNION",
    }
}

on_both_databases! {
    async fn a_question_that_takes_too_long_is_given_up_and_the_next_is_answered(database) {
        let book = Book::open(database, crate::support::book::Time::Real).await;
        for _ in 0..5 {
            let error = asked(&book.store, Duration::from_millis(40), ENDLESS).await.expect_err("endless");
            assert!(matches!(error, StoreError::TookTooLong(_)), "{error}");
            let told = kinkeeper::service::ServiceError::from(error).to_string();
            assert!(told.contains("keep parts of the rule as live segments"), "{told}");
            asked(&book.store, Duration::from_secs(60), "SELECT 1").await.expect("answered");
        }
        // Whoever goes away before the answer leaves nothing running that others wait for.
        for _ in 0..5 {
            let gone = asked(&book.store, Duration::from_secs(600), ENDLESS);
            assert!(tokio::time::timeout(Duration::from_millis(20), gone).await.is_err());
        }
        let next = asked(&book.store, Duration::from_secs(60), "SELECT 1");
        tokio::time::timeout(Duration::from_secs(30), next).await.expect("soon").expect("answered");
    }
}
