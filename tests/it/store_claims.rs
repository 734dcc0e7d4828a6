//! Claims: nobody shares a row, leases run by machine time, fences rise.

use crate::support::book::{Book, MACHINE_START, START, both_databases};
use domain::time::{Instant, Span};
use futures::future::join_all;
use kinkeeper::store::{Claimed, Lane, Lease, Store, StoreError, claim, waiting};
use std::collections::BTreeSet;

const LEASE: Span = Span::seconds(30);

fn lease(owner: &str) -> Lease {
    Lease { owner: owner.to_owned(), length: LEASE }
}

fn minute(n: i64) -> Instant {
    START + Span::minutes(n)
}

/// Customers 1…n, customer i due at the minute `due(i)`.
async fn customers(book: &Book, n: i64, due: impl Fn(i64) -> i64) {
    for id in 1..=n {
        let sql = "INSERT INTO customer_due (customer_id, due_at, fact_rev, rule_epoch, fence) VALUES ($1, $2, 0, 0, 0)";
        book.run(sql, [id, minute(due(id)).micros()]).await;
    }
}

async fn claim_at(store: &Store, owner: &str, now: Instant, limit: i64) -> Vec<Claimed> {
    store.claim(waiting::CUSTOMERS, now, &lease(owner), limit).await.expect("claims")
}

fn keys(claimed: &[Claimed]) -> Vec<i64> {
    claimed.iter().map(|c| c.key).collect()
}

async fn release(store: &Store, claimed: Claimed) {
    store
        .write(Lane::Work, move |tx| Box::pin(claim::release(tx, waiting::CUSTOMERS, claimed)))
        .await
        .unwrap_or_else(|e: StoreError| panic!("{e}"));
}

both_databases! {
    async fn what_is_due_comes_first_due_first_and_no_more_than_asked(book: Book) {
        customers(&book, 9, |id| 10 - id).await;
        let taken = claim_at(&book.store, "a", minute(5), 3).await;
        assert_eq!(keys(&taken), [9, 8, 7]);
        assert_eq!(taken[0].due_at, minute(1));
        assert_eq!(keys(&claim_at(&book.store, "a", minute(5), 100).await), [6, 5], "only what is due");
        assert_eq!(claim_at(&book.store, "a", minute(5), 100).await, [], "the rest is under lease");
    }

    async fn claimers_at_once_never_share_a_row(book: Book) {
        customers(&book, 200, |id| id % 7).await;
        let other = book.beside().await;
        let claimers = (0..12).map(|n| {
            let store = if n % 2 == 0 { book.store.clone() } else { other.clone() };
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let taken = claim_at(&store, &format!("claimer {n}"), minute(10), 5).await;
                    assert!(taken.len() <= 5);
                    assert!(taken.is_sorted_by_key(|c| (c.due_at, c.key)), "{taken:?}");
                    if taken.is_empty() {
                        return mine;
                    }
                    mine.extend(keys(&taken));
                    assert!(mine.len() <= 200, "claimed twice");
                }
            })
        });
        let mut all = Vec::new();
        for claimer in claimers.collect::<Vec<_>>() {
            all.extend(claimer.await.expect("no panic"));
        }
        assert_eq!(all.len(), all.iter().collect::<BTreeSet<_>>().len(), "claimed twice");
        // Rows locked by one are skipped by the others, so one may go home early; none is forgotten.
        all.extend(keys(&claim_at(&book.store, "last", minute(10), 1_000).await));
        all.sort_unstable();
        assert_eq!(all, (1..=200).collect::<Vec<i64>>());
    }

    async fn an_expired_lease_is_rescued_and_a_live_one_is_not(book: Book) {
        customers(&book, 1, |_| 0).await;
        let first = claim_at(&book.store, "dies", START, 1).await;
        // Business time doesn't let a lease run out, on a virtual book least of all.
        assert_eq!(claim_at(&book.store, "b", START + Span::days(400), 1).await, []);
        book.clock.set(MACHINE_START + LEASE - Span::micros(1));
        assert_eq!(claim_at(&book.store, "b", START, 1).await, [], "a microsecond is left");
        book.clock.set(MACHINE_START + LEASE);
        let second = claim_at(&book.store, "b", START, 1).await;
        assert_eq!(keys(&second), [1]);
        assert_eq!(second[0].fence, first[0].fence + 1);
    }

    async fn a_stale_fence_changes_nothing(book: Book) {
        customers(&book, 1, |_| 0).await;
        let stale = claim_at(&book.store, "slow", START, 1).await[0];
        book.clock.advance(LEASE);
        let fresh = claim_at(&book.store, "fast", START, 1).await[0];
        release(&book.store, stale).await;
        assert_eq!(claim_at(&book.store, "c", START, 1).await, [], "the stale one let go of another's row");
        release(&book.store, fresh).await;
        assert_eq!(keys(&claim_at(&book.store, "c", START, 1).await), [1]);
    }

    async fn machine_time_never_goes_back(book: Book) {
        customers(&book, 1, |_| 0).await;
        claim_at(&book.store, "a", START, 1).await;
        book.clock.set(MACHINE_START - Span::days(1));
        assert_eq!(book.store.machine_now().await.expect("reads"), MACHINE_START);
        if !book.is_postgres() {
            // On PostgreSQL the database's own clock is the one all daemons share.
            assert_eq!(book.beside().await.machine_now().await.expect("reads"), MACHINE_START, "after a restart");
        }
    }

    async fn what_never_comes_due_is_not_next(book: Book) {
        assert_eq!(book.store.next_due(waiting::CUSTOMERS).await.expect("reads"), None);
        customers(&book, 3, |id| id * 7).await;
        book.run("UPDATE customer_due SET due_at = $1 WHERE customer_id > 1", [i64::MAX]).await;
        assert_eq!(book.store.next_due(waiting::CUSTOMERS).await.expect("reads"), Some(minute(7)));
        book.run::<i64>("DELETE FROM customer_due WHERE customer_id = 1", []).await;
        assert_eq!(book.store.next_due(waiting::CUSTOMERS).await.expect("reads"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_that_waits_can_be_claimed_from() {
    for book in [Book::sqlite().await, Book::postgres().await] {
        let claims = waiting::ALL.map(|what| {
            let store = book.store.clone();
            async move { store.claim(what, START, &lease("a"), 10).await }
        });
        for claimed in join_all(claims).await {
            assert_eq!(claimed.expect("the statement fits the table"), []);
        }
    }
}
