//! The virtual clock: one row, only forward, from due time to due time, whoever steps it.

use crate::support::TestDatabase;
use crate::support::book::{Book, MACHINE_START, START, Time, both_databases};
use crate::support::toy::{self, Toy};
use domain::time::{Instant, Span};
use kinkeeper::store::{ClockKind, Step, Store, StoreError};

fn minute(n: i64) -> Instant {
    START + Span::minutes(n)
}

async fn step(store: &Store, limit: Instant) -> Step {
    store.step_clock(None, limit).await.expect("steps")
}

async fn now(store: &Store) -> Instant {
    store.business_now().await.expect("reads")
}

/// Claims and does what is due, then steps; gives every instant it moved the clock to.
async fn run(toy: Toy) -> Vec<Instant> {
    let mut moved = Vec::new();
    loop {
        let now = now(&toy.store).await;
        for piece in toy.claim(now, 2).await.expect("claims") {
            // Between claim and work another stepper has every chance to go on without us.
            tokio::task::yield_now().await;
            toy.work(now, piece).await.expect("nobody else's");
        }
        match step(&toy.store, Instant::MAX).await {
            Step::Moved(at) => moved.push(at),
            Step::NotYet => {}
            Step::Idle => return moved,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_step_one_clock_through_every_due_instant_in_order_and_once() {
    let book = Book::postgres().await;
    // 25 instants of their own, three pieces at some; three chains that make their next piece as they go.
    let mut due = Vec::new();
    for n in 0..25 {
        for _ in 0..if n % 5 == 0 { 3 } else { 1 } {
            toy::put(&book, minute(10 * n), 0).await;
            due.push(minute(10 * n));
        }
    }
    for n in 0..3 {
        toy::put(&book, minute(37 + n), 12).await;
        due.extend((0..=12).map(|later| minute(37 + n + later)));
    }
    due.sort_unstable();

    let other = book.beside().await;
    let steppers = [Toy::new(&book.store, "one"), Toy::new(&other, "two")];
    let [one, two] = steppers.map(|toy| tokio::spawn(run(toy)));
    let (one, two) = (one.await.expect("no panic"), two.await.expect("no panic"));

    let mut moved: Vec<_> = one.iter().chain(&two).copied().collect();
    moved.sort_unstable();
    let mut instants = due.clone();
    instants.dedup();
    instants.retain(|at| *at > START);
    assert_eq!(moved, instants, "each instant is stepped to once (one: {}, two: {})", one.len(), two.len());
    let done = toy::done(&book).await;
    assert!(done.is_sorted_by_key(|(at, _)| *at), "{done:?}");
    assert!(done.iter().all(|(at, due)| at == due), "decided at another instant than it was due: {done:?}");
    let mut done: Vec<_> = done.into_iter().map(|(_, due)| due).collect();
    done.sort_unstable();
    assert_eq!(done, due, "each piece is done once");
}

both_databases! {
    async fn no_step_while_something_due_is_left_or_leased(book: Book) {
        toy::put(&book, minute(1), 0).await;
        toy::put(&book, minute(5), 0).await;
        let toy = Toy::new(&book.store, "a");
        assert_eq!(step(&book.store, Instant::MAX).await, Step::Moved(minute(1)));
        assert_eq!(step(&book.store, Instant::MAX).await, Step::NotYet, "something due is left");
        let claimed = toy.claim(minute(1), 1).await.expect("claims")[0];
        // The piece itself is moved on, by whoever, while the claimer still works at it.
        book.run("UPDATE trigger_queue SET due_at = $1 WHERE due_at < $1", [minute(5).micros()]).await;
        assert_eq!(step(&book.store, Instant::MAX).await, Step::NotYet, "a lease is out");
        book.clock.set(MACHINE_START + Span::seconds(30));
        assert_eq!(step(&book.store, Instant::MAX).await, Step::Moved(minute(5)), "a dead one's lease holds nobody up");
        assert!(toy.work(minute(5), toy.claim(minute(5), 1).await.expect("rescues")[0]).await.is_ok());
        assert!(matches!(toy.work(minute(5), claimed).await, Err(StoreError::RowsAffected { .. })));
    }

    async fn no_step_while_a_message_is_being_handed_over(book: Book) {
        toy::put(&book, minute(5), 0).await;
        book.run::<i64>(
            "INSERT INTO touchpoint (customer_id, enrollment_id, campaign_id, step, channel, purpose, priority, state, \
             not_before, send_at, expires_at, local_date, template_key, message_id, attempts, created_at, fence) \
             VALUES (1, 1, 1, 0, 'email', 'marketing', 0, 'sending', 0, 0, 0, '', '', '', 1, 0, 1)",
            [],
        )
        .await;
        assert_eq!(step(&book.store, Instant::MAX).await, Step::NotYet);
        book.run::<i64>("UPDATE touchpoint SET state = 'unknown'", []).await;
        assert_eq!(step(&book.store, Instant::MAX).await, Step::Moved(minute(5)));
    }

    async fn stepping_halts_at_its_limit_and_stops_at_a_feeds_instants(book: Book) {
        toy::put(&book, minute(10), 0).await;
        assert_eq!(step(&book.store, minute(9)).await, Step::Idle);
        assert_eq!(now(&book.store).await, START);
        let fed = book.store.step_clock(Some(minute(3)), Instant::MAX).await.expect("steps");
        assert_eq!(fed, Step::Moved(minute(3)));
        assert_eq!(book.store.advance_clock(minute(6)).await.expect("steps"), Step::Moved(minute(6)));
        assert_eq!(book.store.advance_clock(minute(6)).await.expect("steps"), Step::Idle);
        assert_eq!(book.store.advance_clock(minute(60)).await.expect("steps"), Step::Moved(minute(10)), "not over what is due");
        assert_eq!(book.store.advance_clock(minute(60)).await.expect("steps"), Step::NotYet);
    }

    async fn a_restart_goes_on_from_the_row_and_never_back(book: Book) {
        book.set_now(minute(7)).await;
        let again = book.reopen(Time::Real).await.expect("--clock left out");
        assert_eq!((again.clock_kind(), now(&again).await), (ClockKind::Virtual, minute(7)));
        let later = book.reopen(Time::Virtual(minute(9))).await.expect("a later --clock");
        assert_eq!(now(&later).await, minute(7), "what is due before 9 is stepped through, not jumped over");
        book.reopen(Time::Virtual(minute(7))).await.expect("the same --clock");
        match book.reopen(Time::Virtual(minute(6))).await.map(drop) {
            Err(StoreError::WrongBook(why)) => assert!(why.contains("before it"), "{why}"),
            other => panic!("an earlier --clock was taken: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_book_refuses_a_virtual_clock() {
    for database in [TestDatabase::migrated_sqlite().await, TestDatabase::migrated_postgres().await] {
        let book = Book::open(database, Time::Real).await;
        assert_eq!(book.store.clock_kind(), ClockKind::Real);
        assert_eq!(now(&book.store).await.micros(), MACHINE_START.micros());
        match book.reopen(Time::Virtual(START)).await.map(drop) {
            Err(StoreError::WrongBook(why)) => assert!(why.contains("real"), "{why}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(book.number("SELECT COUNT(*) FROM clock").await, 0, "the refused clock left a row");
    }
}
