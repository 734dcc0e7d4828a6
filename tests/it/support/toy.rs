//! A toy worker over `trigger_queue`: each row is a piece of work that may make another. What it did
//! stands in the `audit` ledger, written in the transaction of the work.

use super::book::Book;
use domain::time::{Instant, Span};
use kinkeeper::service::ServiceError;
use kinkeeper::store::{Claimed, Lane, Lease, Store, StoreError, waiting};
use kinkeeper::worker::{Budget, Drained, Worker};
use sea_orm::{ConnectionTrait, Statement};
use std::sync::Arc;
use tokio::sync::Notify;

/// Puts a piece of work into the queue: due at `due`, and `children` more follow, each a minute later.
pub async fn put(book: &Book, due: Instant, children: i64) {
    let sql = "INSERT INTO trigger_queue (customer_id, kind, key, cause_at, origin_key, payload, due_at, fence) \
               VALUES ($2, 'toy', 'toy', $1, 'toy', '', $1, 0)";
    book.run(sql, [due.micros(), children]).await;
}

/// (instant of the business clock, instant it was due) of all work done, in the order of its commits.
pub async fn done(book: &Book) -> Vec<(Instant, Instant)> {
    let sql = "SELECT at, CAST(subject AS BIGINT) AS due FROM audit WHERE action = 'toy' ORDER BY id";
    let read = |row: &sea_orm::QueryResult, column: &str| {
        Instant::from_micros(row.try_get("", column).expect("a number"))
    };
    book.rows::<i64>(sql, []).await.iter().map(|row| (read(row, "at"), read(row, "due"))).collect()
}

pub struct Toy {
    pub store: Store,
    pub owner: String,
    /// Told of every piece of work done.
    pub told: Arc<Notify>,
}

impl Toy {
    pub fn new(store: &Store, owner: &str) -> Self {
        Self { store: store.clone(), owner: owner.to_owned(), told: Arc::default() }
    }

    pub async fn claim(&self, now: Instant, limit: i64) -> Result<Vec<Claimed>, StoreError> {
        let lease = Lease { owner: self.owner.clone(), length: Span::seconds(30) };
        self.store.claim(waiting::TRIGGERS, now, &lease, limit).await
    }

    pub async fn work(&self, now: Instant, claimed: Claimed) -> Result<(), StoreError> {
        let owner = self.owner.clone();
        self.store
            .write(Lane::Work, move |tx| {
                Box::pin(async move {
                    let statement = |sql: &str, args: Vec<sea_orm::Value>| {
                        Statement::from_sql_and_values(tx.get_database_backend(), sql, args)
                    };
                    let sql = "DELETE FROM trigger_queue WHERE id = $1 AND fence = $2 RETURNING customer_id";
                    let gone = statement(sql, vec![claimed.key.into(), claimed.fence.into()]);
                    let Some(row) = tx.query_one_raw(gone).await? else {
                        return Err(StoreError::RowsAffected { what: "toy", expected: 1, actual: 0 });
                    };
                    let children: i64 = row.try_get_by_index(0)?;
                    if children > 0 {
                        let sql = "INSERT INTO trigger_queue (customer_id, kind, key, cause_at, origin_key, payload, due_at, fence) \
                                   VALUES ($2, 'toy', 'toy', $1, 'toy', '', $1, 0)";
                        let due = claimed.due_at + Span::minutes(1);
                        tx.execute_raw(statement(sql, vec![due.micros().into(), (children - 1).into()])).await?;
                    }
                    let sql = "INSERT INTO audit (at, actor, action, subject, detail) VALUES ($1, $2, 'toy', $3, '')";
                    let subject = claimed.due_at.micros().to_string();
                    let args = vec![now.micros().into(), owner.into(), subject.into()];
                    tx.execute_raw(statement(sql, args)).await?;
                    Ok(())
                })
            })
            .await?;
        self.told.notify_one();
        Ok(())
    }
}

#[async_trait::async_trait]
impl Worker for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    async fn drain(&self, now: Instant, budget: Budget) -> Result<Drained, ServiceError> {
        let mut drained = Drained::default();
        for _ in 0..budget.batches {
            let claimed = self.claim(now, budget.batch).await?;
            for &piece in &claimed {
                self.work(now, piece).await?;
            }
            drained.done += claimed.len() as u64;
            if (claimed.len() as i64) < budget.batch {
                break;
            }
        }
        drained.next_due = self.store.next_due(waiting::TRIGGERS).await?;
        Ok(drained)
    }
}
