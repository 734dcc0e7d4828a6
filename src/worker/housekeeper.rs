//! Removes what has been kept long enough, once a day of the shop.

use super::{Budget, Drained, Worker, while_due};
use crate::service::{Book, ServiceError, housekeeping};
use domain::time::Instant;
use std::sync::Arc;

pub struct Housekeeper {
    book: Arc<Book>,
}

impl Housekeeper {
    pub fn new(book: Arc<Book>) -> Self {
        Self { book }
    }
}

#[async_trait::async_trait]
impl Worker for Housekeeper {
    fn name(&self) -> &'static str {
        "housekeeper"
    }

    async fn drain(&self, now: Instant, budget: Budget) -> Result<Drained, ServiceError> {
        let (book, limit) = (&self.book, budget.batch);
        while_due(
            now,
            budget,
            || housekeeping::next_due(book, now),
            || housekeeping::do_page(book, now, limit),
        )
        .await
    }
}
