//! Moves customers through their campaigns, one decision at a time.

use super::{Budget, Drained, Worker, while_due};
use crate::service::{Book, ServiceError, journeys};
use domain::time::Instant;
use std::sync::Arc;

pub struct Journeys {
    book: Arc<Book>,
}

impl Journeys {
    pub fn new(book: Arc<Book>) -> Self {
        Self { book }
    }
}

#[async_trait::async_trait]
impl Worker for Journeys {
    fn name(&self) -> &'static str {
        "journeys"
    }

    async fn drain(&self, now: Instant, budget: Budget) -> Result<Drained, ServiceError> {
        let (book, limit) = (&self.book, budget.batch);
        while_due(now, budget, || journeys::next_due(book), || journeys::advance_due(book, now, limit)).await
    }
}
