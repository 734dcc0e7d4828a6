//! Keeps customers: folds their facts, decides their tags, stores when they are due next. It only wakes
//! the use case; everything is decided in `domain` and saved in `service::keeping`.

use super::{Budget, Drained, Worker, while_due};
use crate::service::{Book, ServiceError, keeping};
use domain::time::Instant;
use std::sync::Arc;

pub struct Keeper {
    book: Arc<Book>,
}

impl Keeper {
    pub fn new(book: Arc<Book>) -> Self {
        Self { book }
    }
}

#[async_trait::async_trait]
impl Worker for Keeper {
    fn name(&self) -> &'static str {
        "keeper"
    }

    fn follows_facts(&self) -> bool {
        true
    }

    async fn drain(&self, now: Instant, budget: Budget) -> Result<Drained, ServiceError> {
        let (book, limit) = (&self.book, budget.batch);
        while_due(now, budget, || keeping::next_due(book), || keeping::keep_due(book, now, limit)).await
    }
}
