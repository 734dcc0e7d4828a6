//! Keeps customers: folds their facts, decides their tags, stores when they are due next. It only wakes
//! the use case; everything is decided in `domain` and saved in `service::keeping`.

use super::{Budget, Drained, Worker};
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
        let (mut done, mut left) = (0, budget.batches);
        // Asked before each stretch of batches, so that an idle keeper costs one query and writes nothing.
        loop {
            let next_due = keeping::next_due(book).await?;
            if left == 0 || next_due.is_none_or(|due| due > now) {
                return Ok(Drained { done, next_due });
            }
            match keeping::keep_batches(book, now, limit, left).await? {
                // Due, but under somebody's lease.
                0 => return Ok(Drained { done, next_due }),
                kept => {
                    done += kept;
                    left -=
                        u32::try_from(kept.div_ceil(limit.max(1).unsigned_abs())).unwrap_or(left).min(left);
                }
            }
        }
    }
}
