//! Sends what is planned: asks the gate, hands over, recovers what a dead daemon left half handed over.

use super::{Budget, Drained, Worker};
use crate::service::ServiceError;
use crate::service::dispatch::Dispatch;
use domain::time::Instant;

pub struct Dispatcher {
    dispatch: Dispatch,
}

impl Dispatcher {
    pub fn new(dispatch: Dispatch) -> Self {
        Self { dispatch }
    }
}

#[async_trait::async_trait]
impl Worker for Dispatcher {
    fn name(&self) -> &'static str {
        "dispatcher"
    }

    async fn drain(&self, now: Instant, budget: Budget) -> Result<Drained, ServiceError> {
        let mut done = 0;
        for _ in 0..budget.batches {
            let changed = self.dispatch.work(now, budget.batch).await?;
            done += changed;
            if changed == 0 {
                break;
            }
        }
        Ok(Drained { done, next_due: self.dispatch.next_due().await? })
    }
}
