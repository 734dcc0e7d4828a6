//! Moves customers through their campaigns, one decision at a time.

use super::{Budget, Drained, Worker};
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
        let mut done = 0;
        for _ in 0..budget.batches {
            let moved = journeys::advance_due(&self.book, now, budget.batch).await?;
            done += moved;
            if moved == 0 {
                break;
            }
        }
        Ok(Drained { done, next_due: journeys::next_due(&self.book).await? })
    }
}
