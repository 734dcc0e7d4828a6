//! The alarm clock: wakes the workers. It decides nothing; a missed or doubled ring changes nothing.
//!
//! `tokio-cron-scheduler` rings every ten seconds; a plain interval stands beside it as watchdog, since a
//! scheduler job can die after a stall. Changes inside the process ring at once through [`Alarm::ring`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::sync::CancellationToken;

/// Shared by everybody who waits for work and everybody who makes some.
#[derive(Clone, Default)]
pub struct Alarm {
    notify: Arc<Notify>,
    rings: Arc<AtomicU64>,
}

impl Alarm {
    /// Wakes every worker that waits, now or from before this ring on.
    pub fn ring(&self) {
        self.rings.fetch_add(1, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    /// How often it has rung: whoever reads it before they look for work misses no ring while they look.
    pub fn rings(&self) -> u64 {
        self.rings.load(Ordering::SeqCst)
    }

    /// Waits until it has rung more often than `heard`, `limit` at the longest.
    pub async fn wait(&self, heard: u64, limit: Duration) {
        let rung = self.notify.notified();
        tokio::pin!(rung);
        // From here on a ring wakes this one; those before it are in the count.
        rung.as_mut().enable();
        if self.rings() == heard {
            drop(tokio::time::timeout(limit, rung).await);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    const LONG: Duration = Duration::from_secs(3_600);

    #[tokio::test]
    async fn a_ring_while_somebody_looks_is_not_missed() {
        let alarm = Alarm::default();
        let heard = alarm.rings();
        assert!(alarm.wait(heard, LONG).now_or_never().is_none(), "nothing rang");
        alarm.ring();
        assert!(alarm.wait(heard, LONG).now_or_never().is_some(), "it rang meanwhile");
        assert!(alarm.wait(alarm.rings(), LONG).now_or_never().is_none(), "that was heard");
    }

    #[tokio::test]
    async fn a_ring_wakes_who_waits() {
        let alarm = Alarm::default();
        let mut waits = Box::pin(alarm.wait(alarm.rings(), LONG));
        assert!(waits.as_mut().now_or_never().is_none());
        alarm.ring();
        assert!(waits.as_mut().now_or_never().is_some());
    }
}
