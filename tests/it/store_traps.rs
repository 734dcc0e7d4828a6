//! The two worst traps of the libraries below the store. Each of these tests was seen to fail with its
//! remedy taken out.

use crate::support::TestDatabase;
use crate::support::book::{Book, Time};
use domain::entropy::Entropy;
use kinkeeper::store::{Lane, Store, StoreError};
use kinkeeper::system::SeededEntropy;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

async fn insert(store: &Store, id: i64) -> Result<(), StoreError> {
    store
        .write(Lane::People, move |tx| {
            Box::pin(async move {
                tx.execute_unprepared(&format!("INSERT INTO kept (id) VALUES ({id})")).await?;
                Ok(())
            })
        })
        .await
}

/// A statement without a transaction around it, on the connections of people's units.
async fn alone(store: &Store, id: i64) -> Result<(), StoreError> {
    let sql = format!("INSERT INTO kept (id) VALUES ({id})");
    store.reader().execute_unprepared(&sql).await?;
    Ok(())
}

/// Tokio's timers tick in milliseconds, which would cut everything off at the same place.
async fn spin(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        tokio::task::yield_now().await;
    }
}

async fn numbers(connection: &DatabaseConnection, sql: &str) -> Vec<i64> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.expect("reads");
    rows.iter().map(|row| row.try_get_by_index(0).expect("a number")).collect()
}

/// sqlx leaves a connection inside a transaction when the caller of `begin` goes away; a single statement of
/// the next one on that connection is answered and lost. (A next unit would commit both.)
#[tokio::test(flavor = "multi_thread")]
async fn nothing_answered_is_lost_when_callers_go_away() {
    const SEED: u64 = 20_261_122;
    let book = Book::postgres().await;
    book.run::<i64>("CREATE TABLE kept (id BIGINT PRIMARY KEY)", []).await;
    let entropy = SeededEntropy::new(SEED);
    let mut answered = BTreeSet::new();
    let mut cancelled = 0;
    for id in 0..2_500 {
        // A client that goes away somewhere between sending its request and having the answer.
        let patience = Duration::from_micros(entropy.next_u64() % 400);
        tokio::select! {
            biased;
            _ = insert(&book.store, -1 - id) => {}
            () = spin(patience) => cancelled += 1,
        }
        match id % 3 {
            0 => insert(&book.store, id).await,
            _ => alone(&book.store, id).await,
        }
        .expect("an undisturbed write succeeds");
        answered.insert(id);
    }
    assert!(cancelled > 500, "only {cancelled} callers went away: this tested nothing");
    let outsider = book.outsider().await;
    let kept: BTreeSet<i64> =
        numbers(&outsider, "SELECT id FROM kept WHERE id >= 0").await.into_iter().collect();
    let lost = answered.difference(&kept).count();
    assert_eq!(lost, 0, "of {} answered, with {cancelled} callers gone (seed {SEED})", answered.len());
}

/// A DEFERRED transaction that reads and then writes fails at once if anybody wrote in between, whatever
/// `busy_timeout` says.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_reads_before_writing_meets_a_locked_file() {
    let book = Book::open(TestDatabase::migrated_sqlite().await, Time::Real).await;
    book.run::<i64>("CREATE TABLE tally (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)", []).await;
    book.run::<i64>("INSERT INTO tally VALUES (1, 0)", []).await;
    // Commands beside the daemon: other processes' connections to the same file.
    let beside = [book.beside().await, book.beside().await];
    let counting = (0..24).map(|n| {
        let store = if n < 16 { book.store.clone() } else { beside[n % 2].clone() };
        tokio::spawn(async move {
            for _ in 0..15 {
                count_one(&store).await.unwrap_or_else(|e| panic!("counter {n}: {e}"));
            }
        })
    });
    for counter in counting.collect::<Vec<_>>() {
        counter.await.expect("no lock error");
    }
    assert_eq!(book.number("SELECT n FROM tally").await, 24 * 15, "an update was lost");
}

async fn count_one(store: &Store) -> Result<(), StoreError> {
    store
        .write(Lane::People, |tx| {
            Box::pin(async move {
                let sql = "SELECT n FROM tally WHERE id = 1";
                let statement = Statement::from_string(tx.get_database_backend(), sql);
                let row = tx.query_one_raw(statement).await?.expect("one row");
                let n: i64 = row.try_get_by_index(0)?;
                // Lets another process's writer in between, if the transaction allows one.
                tokio::task::yield_now().await;
                tx.execute_unprepared(&format!("UPDATE tally SET n = {} WHERE id = 1", n + 1)).await?;
                Ok(())
            })
        })
        .await
}
