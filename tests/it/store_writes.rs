//! Units of work: all or nothing, each for itself, answered only once they are kept.

use crate::support::book::{Book, both_databases};
use domain::entropy::Entropy;
use futures::future::join_all;
use kinkeeper::store::{Lane, Store, StoreError};
use kinkeeper::system::SeededEntropy;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

async fn with_notes(book: &Book) {
    book.run::<i64>("CREATE TABLE scribble (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)", []).await;
}

/// One unit that writes the row `id`.
async fn note(store: &Store, lane: Lane, id: i64) -> Result<(), StoreError> {
    store
        .write(lane, move |tx| {
            Box::pin(async move {
                tx.execute_unprepared(&format!("INSERT INTO scribble (id, n) VALUES ({id}, 0)")).await?;
                Ok(())
            })
        })
        .await
}

async fn ids(connection: &DatabaseConnection) -> Vec<i64> {
    let sql = "SELECT id FROM scribble ORDER BY id";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.expect("the table is there");
    rows.iter().map(|row| row.try_get_by_index(0).expect("an id")).collect()
}

/// What a unit can do instead of succeeding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Well,
    Refusal,
    Panic,
}

async fn write_and_end(store: &Store, id: i64, end: End) -> Result<i64, StoreError> {
    store
        .write(Lane::People, move |tx| {
            Box::pin(async move {
                tx.execute_unprepared(&format!("INSERT INTO scribble (id, n) VALUES ({id}, 0)")).await?;
                match end {
                    End::Well => Ok(id),
                    End::Refusal => Err(StoreError::WrongBook("on purpose".to_owned())),
                    End::Panic => panic!("on purpose"),
                }
            })
        })
        .await
}

both_databases! {
    async fn a_unit_that_fails_or_panics_rolls_back_alone(book: Book) {
        with_notes(&book).await;
        let ends = [End::Well, End::Refusal, End::Panic];
        let units = (0..60).map(|id| write_and_end(&book.store, id, ends[id as usize % 3]));
        let answers = join_all(units).await;
        for (id, answer) in (0..).zip(&answers) {
            match (ends[id as usize % 3], answer) {
                (End::Well, Ok(answered)) => assert_eq!(*answered, id),
                (End::Refusal, Err(StoreError::WrongBook(_))) => {}
                (End::Panic, Err(StoreError::Panicked(text))) => assert!(text.contains("on purpose")),
                (end, answer) => panic!("unit {id} was to end in {end:?} and answered {answer:?}"),
            }
        }
        let kept = ids(&book.outsider().await).await;
        assert_eq!(kept, (0..60).step_by(3).collect::<Vec<i64>>());
    }

    async fn an_answer_comes_after_the_commit(book: Book) {
        with_notes(&book).await;
        let outsider = book.outsider().await;
        for id in 0..50 {
            note(&book.store, Lane::People, id).await.expect("written");
            assert_eq!(ids(&outsider).await.len() as i64, id + 1, "answered and not there");
        }
    }

    async fn hundreds_at_once_are_all_answered_and_kept(book: Book) {
        with_notes(&book).await;
        let lane = |id: i64| if id % 2 == 0 { Lane::People } else { Lane::Work };
        let units = (0..600).map(|id| {
            let store = book.store.clone();
            tokio::spawn(async move { note(&store, lane(id), id).await })
        });
        for unit in units.collect::<Vec<_>>() {
            unit.await.expect("no panic").expect("written");
        }
        assert_eq!(ids(&book.outsider().await).await, (0..600).collect::<Vec<i64>>());
    }

    async fn a_conflict_names_its_table_and_columns(book: Book) {
        let row = "INSERT INTO event_key (source_id, message_id, event_id) VALUES (1, 'secret@example.org', 1)";
        book.run::<i64>(row, []).await;
        match book.try_run::<i64>(row, []).await {
            Err(StoreError::Conflict { constraint }) => assert_eq!(constraint, "event_key(source_id, message_id)"),
            other => panic!("{other:?}"),
        }
        let shop = "INSERT INTO source (key, shop_id, kind) VALUES ('s', 77, 'api')";
        assert!(matches!(book.try_run::<i64>(shop, []).await, Err(StoreError::Conflict { .. })));
        let null = "INSERT INTO event_key (source_id, message_id, event_id) VALUES (1, NULL, 1)";
        assert!(matches!(book.try_run::<i64>(null, []).await, Err(StoreError::Db(_))), "a defect, no conflict");
        let check = "INSERT INTO clock (id, now_at, fence) VALUES (2, 0, 0)";
        assert!(matches!(book.try_run::<i64>(check, []).await, Err(StoreError::Conflict { .. })));
    }

    async fn a_unit_nobody_waits_for_does_no_harm(book: Book) {
        with_notes(&book).await;
        let entropy = SeededEntropy::new(11);
        for id in 0..200 {
            let unit = note(&book.store, Lane::Work, id);
            let patience = Duration::from_micros(entropy.next_u64() % 2_000);
            drop(tokio::time::timeout(patience, unit).await);
        }
        note(&book.store, Lane::People, 1_000).await.expect("the writer lives");
    }

    async fn a_book_is_opened_by_several_at_once(book: Book) {
        let stores = join_all((0..4).map(|_| book.beside())).await;
        assert!(stores.iter().all(|store| store.clock_kind() == book.store.clock_kind()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_ingest_go_before_background_work() {
    let book = Book::sqlite().await;
    with_notes(&book).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let (open_gate, gate) = oneshot::channel::<()>();
    let (entered, inside) = oneshot::channel::<()>();
    let store = book.store.clone();
    // Holds the writer until everything below stands in its queues.
    let holder = tokio::spawn(async move {
        store
            .write(Lane::Work, |_| {
                Box::pin(async move {
                    let _ = entered.send(());
                    drop(gate.await);
                    Ok::<_, StoreError>(())
                })
            })
            .await
    });
    inside.await.expect("the holder runs");
    let mut units = Vec::new();
    for (lane, ids) in [(Lane::Work, 0..20), (Lane::People, 100..120)] {
        for id in ids {
            let order = order.clone();
            let mut unit = Box::pin(book.store.write(lane, move |_| {
                order.lock().expect("no panic inside").push(id);
                Box::pin(async move { Ok::<_, StoreError>(id) })
            }));
            // Polled once, it stands in its queue.
            assert!(futures::poll!(&mut unit).is_pending());
            units.push(unit);
        }
    }
    open_gate.send(()).expect("the holder waits");
    holder.await.expect("no panic").expect("written");
    join_all(units).await;
    let order = order.lock().expect("no panic inside").clone();
    assert_eq!(order, (100..120).chain(0..20).collect::<Vec<i32>>());
}
