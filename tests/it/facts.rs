//! Facts and what is projected from them: the same in any order of arrival, resends without effect, and equal
//! to what the log folds to.

mod effects;
mod own;
mod rates;
mod rebuild;
pub mod spec;
pub mod streams;

use crate::support::book::both_databases;
use crate::support::retail::Retail;
use kinkeeper::store::projections::{self, Difference};
use streams::{Stream, state};

/// What a walk of the whole log and of all projected tables finds different.
async fn differences(book: &Retail) -> Vec<Difference> {
    let db = book.store.reader();
    let (mut found, mut after) = (Vec::new(), 0);
    while let Some((keys, last)) = projections::page_of_log(db, after, 7).await.expect("read") {
        found.extend(projections::compare(db, &keys).await.expect("compared"));
        after = last;
    }
    for walk in projections::tables_to_walk() {
        let mut after = 0;
        while let Some((keys, last)) = walk.page(db, after, 5).await.expect("read") {
            found.extend(projections::compare(db, &keys).await.expect("compared"));
            after = last;
        }
    }
    found
}

both_databases! {
    async fn random_streams_give_the_same_projections_in_any_order(book: Book) {
        let first = Retail::of(book).await;
        for seed in 0..4 {
            let stream = Stream::random(seed);
            let mut seen: Option<Vec<String>> = None;
            for turn in 0..3 {
                let book = first.another().await;
                for batch in stream.in_order(turn) {
                    let receipt = book.accept("2011-12-01T00:00:00Z", batch).await.expect("taken in");
                    assert_eq!(receipt.rejected, []);
                }
                assert_eq!(differences(&book).await, [], "stream {seed}, order {turn}");
                let state = state(&book).await;
                match &seen {
                    None => seen = Some(state),
                    Some(seen) => assert_eq!(*seen, state, "stream {seed}, order {turn}"),
                }
            }
        }
    }

    async fn a_planted_difference_is_found(book: Book) {
        let book = Retail::of(book).await;
        for batch in Stream::random(1).in_order(0) {
            book.accept("2011-12-01T00:00:00Z", batch).await.expect("taken in");
        }
        for (table, statement) in streams::CORRUPTIONS {
            assert!(book.run::<i64>(statement, []).await > 0, "{statement} touches something");
            let found = differences(&book).await;
            assert!(found.iter().any(|d| d.table == *table), "{statement}: {found:?}");
        }
    }
}
