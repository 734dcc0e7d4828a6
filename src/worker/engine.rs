//! Runs the workers: until nothing is due (`drain_all`), by the real clock (`run`), or stepping a virtual
//! clock from due time to due time (`run_virtual`). The same workers, the same decisions.

use super::{Alarm, Budget, Drained, Feed, Worker};
use crate::service::{ServiceError, ingest};
use crate::store::{Step, Store};
use domain::time::{Instant, Span};
use futures::FutureExt;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Pieces of work done, by worker.
pub type WorkDone = BTreeMap<&'static str, u64>;

#[derive(Clone)]
pub struct Engine {
    store: Store,
    staff: Vec<Hired>,
    alarm: Alarm,
    poll: Duration,
}

/// A worker, and the most it takes on at a time.
#[derive(Clone)]
pub struct Hired {
    pub worker: Arc<dyn Worker>,
    pub budget: Budget,
}

/// How often the counter is read that commands beside this daemon raise.
const COMMAND_WATCH: Duration = Duration::from_millis(500);
/// While facts come faster than they are taken in, they go before what follows from them, until that is so late.
const LATE: Span = Span::seconds(5);
/// Meanwhile whoever follows facts rests so many times as long as it worked.
const REST: u32 = 4;
const LONGEST_REST: Duration = Duration::from_secs(1);
/// Each batch of facts rings for everybody. Who had nothing to do and doesn't follow facts looks again so long after it looked, at the
/// soonest.
const SELDOM: Duration = Duration::from_millis(100);
/// How long a worker sleeps at the least where something is due but under another's lease.
const LEASE_WAIT: Duration = Duration::from_millis(50);
/// How long the stepping clock waits for another daemon's work before it looks again.
const STEP_WAIT: Duration = Duration::from_millis(5);

impl Engine {
    /// `poll` is how long a worker sleeps at the most before it looks again: polling is the truth, rings are a
    /// courtesy.
    pub fn new(store: Store, staff: Vec<Hired>, alarm: Alarm, poll: Duration) -> Self {
        Self { store, staff, alarm, poll }
    }

    pub fn staff(&self) -> &[Hired] {
        &self.staff
    }

    /// Does everything that is due at the book's present instant and gives what was done, worker by worker.
    pub async fn drain_all(&self) -> Result<WorkDone, ServiceError> {
        let mut total = WorkDone::new();
        loop {
            let mut round = 0;
            // One reading a round: on a virtual book it can't move on while anything is due.
            let now = self.store.business_now().await?;
            for hired in &self.staff {
                let done = hired.drain(now).await?.done;
                *total.entry(hired.worker.name()).or_default() += done;
                round += done;
            }
            if round == 0 {
                return Ok(total);
            }
        }
    }

    /// Runs every worker by the real clock until `stop`; what is begun is finished first.
    pub async fn run(&self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        for hired in &self.staff {
            let (engine, hired, stop) = (self.clone(), hired.clone(), stop.clone());
            tasks.spawn(async move { engine.run_worker(&hired, stop).await });
        }
        tasks.spawn({
            let (engine, stop) = (self.clone(), stop.clone());
            async move { engine.watch_commands(stop).await }
        });
        tasks.close();
        tasks.wait().await;
    }

    /// Rings when a command beside this daemon says that it changed something: the one counter it raises is
    /// read, never the work itself.
    async fn watch_commands(&self, stop: CancellationToken) {
        let mut seen = None;
        let mut looks = tokio::time::interval(COMMAND_WATCH);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            // A database that can't be read now is the workers' to report; they poll anyway.
            let Ok(change) = self.store.change_seq().await else { continue };
            if seen.replace(change).is_some_and(|before| before != change) {
                self.alarm.ring();
            }
        }
    }

    async fn run_worker(&self, hired: &Hired, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let (begun, heard) = (tokio::time::Instant::now(), self.alarm.rings());
            let pause = match self.turn(hired).await {
                Ok(pause) => pause,
                Err(error) => {
                    metrics::counter!("kinkeeper_worker_errors_total", "worker" => hired.worker.name())
                        .increment(1);
                    tracing::error!(worker = hired.worker.name(), %error, "worker failed; it tries again");
                    self.poll
                }
            };
            if !pause.is_zero() {
                let rung = async {
                    self.alarm.wait(heard, pause).await;
                    if !hired.worker.follows_facts() {
                        tokio::time::sleep_until(begun + SELDOM.min(pause)).await;
                    }
                };
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = rung => {}
                }
            }
        }
    }

    /// One drain; gives how long to sleep after it.
    async fn turn(&self, hired: &Hired) -> Result<Duration, ServiceError> {
        let now = self.store.business_now().await?;
        let gives_way = || hired.worker.follows_facts() && ingest::is_pressed(&self.store);
        let begun = tokio::time::Instant::now();
        let drained = if gives_way() { hired.drain_some(now).await? } else { hired.drain(now).await? };
        metrics::counter!("kinkeeper_worker_done_total", "worker" => hired.worker.name())
            .increment(drained.done);
        let late = drained.next_due.map_or(0, |due| (now - due).as_micros().max(0));
        metrics::gauge!("kinkeeper_worker_lag_seconds", "worker" => hired.worker.name())
            .set(late as f64 / 1e6);
        if drained.done > 0 {
            self.alarm.ring();
            if gives_way() && late < LATE.as_micros() {
                // Not to be rung out of: each batch that comes rings.
                tokio::time::sleep((begun.elapsed() * REST).min(LONGEST_REST)).await;
            }
            return Ok(Duration::ZERO);
        }
        let until_due = drained.next_due.map_or(self.poll, |due| {
            Duration::from_micros(u64::try_from((due - now).as_micros()).unwrap_or(0)).max(LEASE_WAIT)
        });
        Ok(until_due.min(self.poll))
    }

    /// Steps a virtual clock from due time to due time up to `limit`, draining at each. `speed` is the
    /// most business time that may pass in a second of machine time; `None` goes as fast as work allows.
    pub async fn run_virtual(
        &self,
        feed: &mut dyn Feed,
        limit: Instant,
        speed: Option<Span>,
        stop: &CancellationToken,
    ) -> Result<WorkDone, ServiceError> {
        let mut total = WorkDone::new();
        let mut at_rest = false;
        while !stop.is_cancelled() {
            let now = self.store.business_now().await?;
            if feed.deliver(now).await? > 0 || !at_rest {
                let done = self.drain_all().await?;
                at_rest = true;
                let worked: u64 = done.values().sum();
                for (name, n) in done {
                    *total.entry(name).or_default() += n;
                }
                if worked > 0 {
                    // The feed may have something to say to it, at this same instant.
                    continue;
                }
            }
            match self.store.step_clock(feed.next_at().await?, limit).await? {
                Step::Moved(to) => self.keep_to_speed(to - now, speed, stop).await,
                Step::NotYet => self.alarm.wait(self.alarm.rings(), STEP_WAIT).await,
                Step::Idle => return Ok(total),
            }
            at_rest = false;
        }
        Ok(total)
    }

    async fn keep_to_speed(&self, moved: Span, speed: Option<Span>, stop: &CancellationToken) {
        let Some(per_second) = speed.map(Span::as_micros).filter(|s| *s > 0) else { return };
        let seconds = moved.as_micros() as f64 / per_second as f64;
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0))) => {}
        }
    }
}

impl Hired {
    /// A panicking worker hurts only itself.
    async fn drain(&self, now: Instant) -> Result<Drained, ServiceError> {
        self.drain_within(now, self.budget).await
    }

    /// A single batch.
    async fn drain_some(&self, now: Instant) -> Result<Drained, ServiceError> {
        self.drain_within(now, Budget { batches: 1, ..self.budget }).await
    }

    async fn drain_within(&self, now: Instant, budget: Budget) -> Result<Drained, ServiceError> {
        AssertUnwindSafe(self.worker.drain(now, budget)).catch_unwind().await.unwrap_or_else(|_| {
            Err(ServiceError::Internal(format!("worker {} panicked", self.worker.name())))
        })
    }
}
