//! Lets customers into campaigns: slots of schedules, and what keeper and ingest queued.

use super::{Budget, Drained, Worker, while_due};
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
        let (book, limit) = (&self.book, budget.batch);
        while_due(now, budget, || planning::next_due(&book.store), || planning::plan_due(book, now, limit))
            .await
    }
}
