//! The router: moves the callbacks that move by themselves. What happens to each is `service::callbacks`'.

use super::{Budget, Drained, Worker};
use crate::service::{Book, ServiceError, callbacks};
use domain::time::Instant;
use std::sync::Arc;

pub struct Router {
    book: Arc<Book>,
}

impl Router {
    pub fn new(book: Arc<Book>) -> Self {
        Self { book }
    }
}

#[async_trait::async_trait]
impl Worker for Router {
    fn name(&self) -> &'static str {
        "router"
    }

    async fn drain(&self, now: Instant, budget: Budget) -> Result<Drained, ServiceError> {
        let mut done = 0;
        for _ in 0..budget.batches {
            match callbacks::move_due(&self.book, now, budget.batch).await? {
                0 => break,
                moved => done += moved,
            }
        }
        Ok(Drained { done, next_due: callbacks::next_due(&self.book).await? })
    }
}
