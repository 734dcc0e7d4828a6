//! The alarm clock: wakes the workers. It decides nothing; a missed or doubled ring changes nothing.
//!
//! `tokio-cron-scheduler` rings every ten seconds; a plain interval stands beside it as watchdog, since a
//! scheduler job can die after a stall. Changes inside the process ring at once through [`Alarm::ring`].

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::sync::CancellationToken;

/// Shared by everybody who waits for work and everybody who makes some.
#[derive(Clone, Default)]
pub struct Alarm {
    notify: Arc<Notify>,
}

impl Alarm {
    /// Wakes every worker that waits now.
    pub fn ring(&self) {
        self.notify.notify_waiters();
    }

    /// Waits for the next ring, `limit` at the longest.
    pub async fn wait(&self, limit: Duration) {
        drop(tokio::time::timeout(limit, self.notify.notified()).await);
    }

    /// Rings on schedule until `stop`.
    pub async fn run(&self, watchdog: Duration, stop: CancellationToken) -> Result<(), JobSchedulerError> {
        let mut scheduler = JobScheduler::new().await?;
        let alarm = self.clone();
        let job = Job::new_async("*/10 * * * * *", move |_, _| {
            let alarm = alarm.clone();
            Box::pin(async move { alarm.ring() })
        })?;
        scheduler.add(job).await?;
        scheduler.start().await?;
        let mut ticks = tokio::time::interval(watchdog);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => self.ring(),
            }
        }
        scheduler.shutdown().await
    }
}
