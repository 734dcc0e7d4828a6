//! Makes the runs over the whole book, once a week.

use super::{Budget, Drained, Worker, while_due};
use crate::service::{Book, ServiceError, running};
use domain::time::Instant;
use std::sync::Arc;

pub struct Modeler {
    book: Arc<Book>,
}

impl Modeler {
    pub fn new(book: Arc<Book>) -> Self {
        Self { book }
    }
}

#[async_trait::async_trait]
impl Worker for Modeler {
    fn name(&self) -> &'static str {
        "modeler"
    }

    async fn drain(&self, now: Instant, budget: Budget) -> Result<Drained, ServiceError> {
        let (book, limit) = (&self.book, budget.batch);
        while_due(now, budget, || running::next_due(book, now), || running::do_page(book, now, limit)).await
    }
}
