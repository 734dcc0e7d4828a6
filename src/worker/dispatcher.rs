//! Sends what is planned: asks the gate, hands over, recovers what a dead daemon left half handed over.

use super::{Budget, Drained, Worker, while_due};
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
        let (dispatch, limit) = (&self.dispatch, budget.batch);
        let swept = dispatch.sweep(now, limit).await?;
        let sent = while_due(now, budget, || dispatch.next_due(), || dispatch.work(now, limit)).await?;
        Ok(Drained { done: swept + sent.done, ..sent })
    }
}
