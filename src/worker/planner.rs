//! Lets customers into campaigns: slots of schedules, and what keeper and ingest queued.

use super::{Budget, Drained, Worker};
use crate::service::{Book, ServiceError, planning};
use domain::time::Instant;
use std::sync::Arc;

pub struct Planner {
    book: Arc<Book>,
}

impl Planner {
    pub fn new(book: Arc<Book>) -> Self {
        Self { book }
    }
}

#[async_trait::async_trait]
impl Worker for Planner {
    fn name(&self) -> &'static str {
        "planner"
    }

    async fn drain(&self, now: Instant, budget: Budget) -> Result<Drained, ServiceError> {
        let mut done = 0;
        for _ in 0..budget.batches {
            let planned = planning::plan_triggers(&self.book, now, budget.batch).await?
                + planning::plan_occurrences(&self.book, now, budget.batch).await?;
            done += planned;
            if planned == 0 {
                break;
            }
        }
        Ok(Drained { done, next_due: planning::next_due(&self.book.store).await? })
    }
}
