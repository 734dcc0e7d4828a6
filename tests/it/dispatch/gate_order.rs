//! PostgreSQL lets two transactions run side by side. Whatever forbids a message and is committed holds for every
//! hand-over that begins after it, also where the hand-over's check was under way meanwhile (G6, G20).

use crate::support::TestDatabase;
use crate::support::care::{Care, Plan, christmas, dispatch};
use kinkeeper::service::secrets::Purpose;
use kinkeeper::service::suppressions::{self, Refusal};
use kinkeeper::service::{campaigns, live, optout};
use kinkeeper::store::stops::StopScope;
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use std::time::Duration;

#[derive(Debug, Clone, Copy)]
enum Forbids {
    Suppression,
    Stop,
    Pause,
    /// By somebody else who reads mail at the same address.
    SharedOptOut,
}

/// Transactions that wait for a lock.
async fn waiting(db: &sea_orm::DatabaseConnection) -> i64 {
    let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
               AND datname = current_database()";
    let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, sql);
    let row = db.query_one_raw(statement).await.expect("counts").expect("a row");
    row.try_get_by_index(0).expect("a number")
}

/// Holds `forbid` back between what it writes and its commit, lets the dispatcher run into it, then lets go.
async fn forbidden_while_being_sent(forbids: Forbids, ends: &str) {
    let care = Care::open(TestDatabase::migrated_postgres().await).await;
    care.customers(1..=1).await;
    care.customer(2, "c1@example.com").await;
    let theirs = care.plan(Plan { send_at: christmas("20:00"), ..Plan::winback(2) }).await;
    let mine = care.plan(Plan::festival(1)).await;
    care.set_now(christmas("10:00")).await;

    let mut options = ConnectOptions::new(care.house.database.url());
    options.max_connections(1);
    let held = Database::connect(options).await.expect("a connection of its own");
    held.execute_unprepared("BEGIN").await.expect("a transaction");
    // Whatever forbids a message is written into the audit log last.
    held.execute_unprepared("LOCK TABLE audit IN EXCLUSIVE MODE").await.expect("locks");
    let watch = Database::connect(care.house.database.url()).await.expect("another");

    let book = care.house.app.book.clone();
    let forbidding = tokio::spawn(async move {
        match forbids {
            Forbids::Suppression => {
                let refusal =
                    Refusal { email: "c1@example.com".to_owned(), reason: "asked by phone".to_owned() };
                suppressions::add(&book, &[refusal], "test").await.map(drop)
            }
            Forbids::Stop => {
                live::stop(&book, StopScope::Channel("email".to_owned()), "a wrong text", "test")
                    .await
                    .map(drop)
            }
            Forbids::Pause => campaigns::pause(&book, "festival", "test").await.map(drop),
            Forbids::SharedOptOut => {
                let token = book.secrets.token(Purpose::Unsubscribe, theirs.0);
                optout::stop(&book, &token).await.map(drop)
            }
        }
    });
    while waiting(&watch).await < 1 {
        assert!(!forbidding.is_finished(), "{forbids:?} writes no audit entry");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let app = care.house.app.clone();
    let sending = tokio::spawn(async move { dispatch(&app).await });
    while waiting(&watch).await < 2 && !sending.is_finished() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(care.mailed().is_empty(), "{forbids:?}: sent while it was being committed");
    held.execute_unprepared("ROLLBACK").await.expect("lets go");
    forbidding.await.expect("no panic").expect("done");
    sending.await.expect("sends what is left");
    assert!(care.mailed().is_empty(), "{forbids:?}: sent after it was committed");
    assert_eq!(care.state(mine).await, ends, "{forbids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_first_stops_the_hand_over_that_is_being_checked() {
    forbidden_while_being_sent(Forbids::Suppression, "skipped suppressed").await;
    forbidden_while_being_sent(Forbids::Stop, "deferred stopped").await;
    forbidden_while_being_sent(Forbids::Pause, "deferred campaign_not_running").await;
    forbidden_while_being_sent(Forbids::SharedOptOut, "skipped suppressed").await;
}
