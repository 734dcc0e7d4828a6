//! The engine: the same work at the same instants whatever wakes it (G13).

use crate::support::TestDatabase;
use crate::support::book::{Book, MACHINE_START, START, Time, both_databases};
use crate::support::toy::{self, Toy};
use domain::time::{Clock, Instant, MachineInstant, Span};
use kinkeeper::service::ServiceError;
use kinkeeper::store::{Lane, Store, StoreError, meta};
use kinkeeper::worker::{Alarm, Budget, Drained, Engine, Feed, Hired, NoFeed, Worker};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const BUDGET: Budget = Budget { batch: 3, batches: 2 };

fn minute(n: i64) -> Instant {
    START + Span::minutes(n)
}

fn engine(store: &Store, workers: Vec<Arc<dyn Worker>>, alarm: &Alarm) -> Engine {
    let staff = workers.into_iter().map(|worker| Hired { worker, budget: BUDGET }).collect();
    Engine::new(store.clone(), staff, alarm.clone(), Duration::from_secs(5))
}

/// A month of work: single pieces and chains, several at one instant.
async fn month(book: &Book) {
    for n in 0..20 {
        toy::put(book, minute(90 * n), n % 4).await;
        toy::put(book, minute(90 * n + 2), 0).await;
    }
}

async fn run(book: &Book, alarm: &Alarm, limit: Instant) -> u64 {
    let toy = Arc::new(Toy::new(&book.store, "toy"));
    let stop = CancellationToken::new();
    let done = engine(&book.store, vec![toy], alarm).run_virtual(&mut NoFeed, limit, None, &stop).await;
    done.expect("runs")["toy"]
}

/// Rings without end, from a task of its own.
fn ring_always(alarm: &Alarm) -> tokio::task::JoinHandle<()> {
    let alarm = alarm.clone();
    tokio::spawn(async move {
        loop {
            alarm.ring();
            tokio::task::yield_now().await;
        }
    })
}

both_databases! {
    async fn the_stepping_engine_does_everything_at_its_instant(book: Book) {
        month(&book).await;
        let done = run(&book, &Alarm::default(), minute(1_000)).await;
        let work = toy::done(&book).await;
        assert_eq!(done, work.len() as u64);
        assert!(work.iter().all(|(at, due)| at == due && *at <= minute(1_000)), "{work:?}");
        assert!(work.is_sorted_by_key(|(at, _)| *at));
        assert_eq!(book.store.business_now().await.expect("reads"), work.last().expect("some").0, "it halts at its limit");
        assert_eq!(book.number("SELECT COUNT(*) FROM trigger_queue WHERE leased_until IS NOT NULL").await, 0);
        run(&book, &Alarm::default(), Instant::MAX).await;
        assert_eq!(toy::done(&book).await.len(), 20 * 2 + 5 * (1 + 2 + 3));
        assert_eq!(book.number("SELECT COUNT(*) FROM trigger_queue").await, 0, "something due is left over");
    }

    async fn an_alarm_that_rings_all_the_time_changes_nothing(book: Book) {
        month(&book).await;
        let alarm = Alarm::default();
        let ringing = ring_always(&alarm);
        run(&book, &alarm, Instant::MAX).await;
        ringing.abort();
        let still = Book::sqlite().await;
        month(&still).await;
        run(&still, &Alarm::default(), Instant::MAX).await;
        assert_eq!(toy::done(&book).await, toy::done(&still).await);
    }

    async fn a_feed_is_delivered_at_its_instants_and_the_clock_stops_there(book: Book) {
        toy::put(&book, minute(4), 0).await;
        let mut feed = Recorded { instants: [1, 1, 4, 9].map(minute).into(), seen: Vec::new() };
        let toy = Arc::new(Toy::new(&book.store, "toy"));
        let engine = engine(&book.store, vec![toy], &Alarm::default());
        engine.run_virtual(&mut feed, minute(8), None, &CancellationToken::new()).await.expect("runs");
        assert_eq!(feed.seen, [1, 1, 4].map(minute));
        assert_eq!(book.store.business_now().await.expect("reads"), minute(4));
    }

    async fn a_panicking_worker_hurts_only_itself(book: Book) {
        toy::put(&book, START, 0).await;
        let workers: Vec<Arc<dyn Worker>> = vec![Arc::new(Panics), Arc::new(Toy::new(&book.store, "toy"))];
        let told = Arc::new(Toy::new(&book.store, "told"));
        let stop = CancellationToken::new();
        let all = [workers, vec![told.clone() as Arc<dyn Worker>]].concat();
        let running = tokio::spawn({
            let (engine, stop) = (engine(&book.store, all, &Alarm::default()), stop.clone());
            async move { engine.run(stop).await }
        });
        within("the row is worked off beside the panics", || async {
            book.number("SELECT COUNT(*) FROM audit").await == 1
        })
        .await;
        stop.cancel();
        running.await.expect("the engine itself didn't panic");
    }
}

/// On real time: nobody rings, and what is due later is done once its time has come.
#[tokio::test(flavor = "multi_thread")]
async fn without_an_alarm_work_is_done_when_it_is_due_all_the_same() {
    for (database, ringing) in
        [(TestDatabase::migrated_sqlite().await, false), (TestDatabase::migrated_sqlite().await, true)]
    {
        let book = Book::open(database, Time::Real).await;
        let start = Instant::from_micros(MACHINE_START.micros());
        toy::put(&book, start, 2).await;
        toy::put(&book, start + Span::hours(1), 0).await;
        let alarm = Alarm::default();
        let ring = ringing.then(|| ring_always(&alarm));
        let toy = Arc::new(Toy::new(&book.store, "toy"));
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let (engine, stop) = (engine(&book.store, vec![toy.clone()], &alarm), stop.clone());
            async move { engine.run(stop).await }
        });
        toy.told.notified().await;
        assert_eq!(toy::done(&book).await.len(), 1, "the rest isn't due yet");
        book.clock.set(MACHINE_START + Span::minutes(1));
        toy.told.notified().await;
        book.clock.set(MACHINE_START + Span::hours(1));
        toy.told.notified().await;
        toy.told.notified().await;
        stop.cancel();
        running.await.expect("no panic");
        if let Some(ring) = ring {
            ring.abort();
        }
        let due: Vec<_> = toy::done(&book).await.into_iter().map(|(_, due)| due).collect();
        assert_eq!(due, [start, start + Span::minutes(1), start + Span::minutes(2), start + Span::hours(1)]);
        assert!(book.clock.machine_now() < MachineInstant::MAX);
    }
}

/// What a command changes beside a running daemon reaches the workers without waiting for their next look.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_beside_the_daemon_wakes_its_workers() {
    let book = Book::sqlite().await;
    let alarm = Alarm::default();
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (engine, stop) = (engine(&book.store, Vec::new(), &alarm), stop.clone());
        async move { engine.run(stop).await }
    });
    let command = book.beside().await;
    let rung = tokio::spawn({
        let alarm = alarm.clone();
        async move { alarm.wait(alarm.rings(), Duration::from_secs(30)).await }
    });
    within("a change is noticed", || async {
        let unit = command.write(Lane::People, |tx| Box::pin(meta::raise_change_seq(tx)));
        unit.await.unwrap_or_else(|e: StoreError| panic!("{e}"));
        rung.is_finished()
    })
    .await;
    stop.cancel();
    running.await.expect("no panic");
}

/// Looks again and again, letting others run in between, until it is so.
async fn within<F: Future<Output = bool>>(what: &str, mut so: impl FnMut() -> F) {
    let looking = async {
        while !so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looking)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"));
}

struct Panics;

#[async_trait::async_trait]
impl Worker for Panics {
    fn name(&self) -> &'static str {
        "panics"
    }
    async fn drain(&self, _now: Instant, _budget: Budget) -> Result<Drained, ServiceError> {
        panic!("on purpose")
    }
}

/// Known instants; remembers when it was asked to deliver each.
struct Recorded {
    instants: Vec<Instant>,
    seen: Vec<Instant>,
}

#[async_trait::async_trait]
impl Feed for Recorded {
    async fn next_at(&mut self) -> Result<Option<Instant>, ServiceError> {
        Ok(self.instants.get(self.seen.len()).copied())
    }
    async fn deliver(&mut self, now: Instant) -> Result<u64, ServiceError> {
        let due = self.instants[self.seen.len()..].iter().take_while(|at| **at <= now).count();
        self.seen.extend(vec![now; due]);
        Ok(due as u64)
    }
}
