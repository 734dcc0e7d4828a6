//! Fills the index of what events say with the log of before.

use super::{Budget, Drained, Worker, while_due};
use crate::service::{Book, ServiceError, indexing};
use domain::time::Instant;
use std::sync::Arc;

pub struct Indexer {
    book: Arc<Book>,
}

impl Indexer {
    pub fn new(book: Arc<Book>) -> Self {
        Self { book }
    }
}

#[async_trait::async_trait]
impl Worker for Indexer {
    fn name(&self) -> &'static str {
        "indexer"
    }

    async fn drain(&self, now: Instant, budget: Budget) -> Result<Drained, ServiceError> {
        let (book, limit) = (&self.book, budget.batch);
        while_due(now, budget, || indexing::next_due(book, now), || indexing::do_page(book, now, limit)).await
    }
}
