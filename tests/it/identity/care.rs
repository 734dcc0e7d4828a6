//! What runs while two become one: journeys, days, coupons, callbacks; and facts that come in at the same moment.

use super::{NOW, number, order, rows, send, who};
use crate::support::{TestDatabase, book::House, on_both_databases};
use domain::ids::CustomerId;
use kinkeeper::service::identity::{merge, unmerge};
use kinkeeper::store::{Lane, StoreError};
use sea_orm::{ConnectionTrait, Statement};

const SPRING: &str = "2026-03-01T04:00:00Z";

async fn run(house: &House, sql: String) {
    let done: Result<(), StoreError> = house
        .app
        .book
        .store
        .write(Lane::People, move |tx| {
            Box::pin(async move {
                let statement = Statement::from_string(tx.get_database_backend(), sql);
                assert!(tx.execute_raw(statement).await?.rows_affected() > 0, "nothing was changed");
                Ok(())
            })
        })
        .await;
    done.expect("the statement is right");
}

/// An enrollment of `who` in campaign 1, with a touchpoint that holds the 25th.
async fn enroll(house: &House, who: CustomerId, id: i64, occasion: &str, step: i64, touch: &str) {
    let CustomerId(who) = who;
    run(house, format!(
        "INSERT INTO enrollment (id, campaign_id, campaign_version_id, customer_id, occasion_key, arm, cause_at, entered_at, \
         step, state, payload, wake_at, fence) VALUES ({id}, 1, 1, {who}, '{occasion}', 'treated', 0, 0, {step}, 'active', '{{}}', \
         9000000000000000000, 0)")).await;
    run(house, format!(
        "INSERT INTO touchpoint (id, customer_id, enrollment_id, campaign_id, step, channel, purpose, priority, state, send_at, \
         not_before, expires_at, local_date, template_key, message_id, attempts, created_at, fence) VALUES ({id}, {who}, {id}, 1, \
         {step}, 'email', 'marketing', {id}, '{touch}', 0, 0, 0, '2026-09-25', 't', 'm{id}', 0, 0, 0)")).await;
    run(house, format!(
        "INSERT INTO contact_day (customer_id, local_date, touchpoint_id, priority) VALUES ({who}, '2026-09-2{}', {id}, {id})",
        if occasion == "own" { 6 } else { 5 })).await;
}

async fn callback(house: &House, who: CustomerId, id: i64, kind: &str, state: &str) {
    let CustomerId(who) = who;
    run(house, format!(
        "INSERT INTO callback (id, customer_id, kind, state, required_level, skills, optional_skills, vip, severe, complaint, \
         churn_risk, chased, courtesy, created_at, not_before, due_at, reach_due_at, active_due_at, band, rank_at, ring, attempts, \
         attempt_day_count, fence) VALUES ({id}, {who}, '{kind}', '{state}', 'junior', '[]', '[]', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
         1, 0, 0, 0, 0, 0)")).await;
}

async fn lines(house: &House, sql: &str) -> Vec<String> {
    let rows = rows(house, sql).await;
    rows.iter().map(|row| row.try_get_by_index::<String>(0).expect("text")).collect()
}

on_both_databases! {
    async fn of_two_journeys_of_an_occasion_the_more_advanced_stays(database) {
        let house = House::open(database, &[NOW]).await;
        send(&house, vec![order("a", "1", SPRING, "100"), order("b", "2", SPRING, "100")]).await;
        let (a, b) = (who(&house, "a").await, who(&house, "b").await);
        // The one that was reached is further, though it is the merged customer's.
        enroll(&house, a, 11, "same", 2, "queued").await;
        enroll(&house, b, 12, "same", 1, "sent").await;
        enroll(&house, b, 13, "own", 0, "planned").await;
        callback(&house, a, 21, "important_ticket", "scheduled").await;
        callback(&house, b, 22, "important_ticket", "ready").await;
        callback(&house, a, 23, "courtesy", "in_progress").await;
        callback(&house, b, 24, "courtesy", "assigned").await;
        merge(&house.app.book, a, b, "test", None).await.expect("merged");
        let enrollments = "SELECT CAST(customer_id AS TEXT) || ' ' || CAST(id AS TEXT) || ' ' || state FROM enrollment ORDER BY id";
        let (one, other) = (a.0, b.0);
        assert_eq!(lines(&house, enrollments).await,
            [format!("-{one} 11 merged"), format!("{one} 12 active"), format!("{one} 13 active")]);
        let touches = "SELECT CAST(customer_id AS TEXT) || ' ' || state || ' ' || COALESCE(reason, '') FROM touchpoint ORDER BY id";
        assert_eq!(lines(&house, touches).await,
            [format!("{one} skipped merged"), format!("{one} sent "), format!("{one} planned ")]);
        let days = "SELECT CAST(customer_id AS TEXT) || ' ' || CAST(touchpoint_id AS TEXT) FROM contact_day ORDER BY touchpoint_id";
        assert_eq!(lines(&house, days).await, [format!("{one} 12"), format!("{one} 13")], "a day has one holder");
        let callbacks = "SELECT CAST(customer_id AS TEXT) || ' ' || state || ' ' || COALESCE(reason, '') FROM callback ORDER BY id";
        assert_eq!(lines(&house, callbacks).await, [
            format!("{one} cancelled merged"), format!("{one} ready "), format!("{one} in_progress "), format!("{other} assigned "),
        ], "what an agent has in hand ends where it is");
        assert_eq!(number(&house, "SELECT COUNT(*) FROM callback_log WHERE callback_id = 21").await, 1);

        unmerge(&house.app.book, b, "test", None).await.expect("parted");
        assert_eq!(lines(&house, enrollments).await,
            [format!("{one} 11 merged"), format!("{other} 12 active"), format!("{other} 13 active")], "an end stays an end");
        assert_eq!(lines(&house, days).await, [format!("{other} 12"), format!("{other} 13")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_that_come_in_while_two_become_one_find_who_they_are() {
    let house = House::open(TestDatabase::postgres(), &[NOW]).await;
    for round in 0..6 {
        let (one, other) = (format!("a{round}"), format!("b{round}"));
        let first = |user: &str| order(user, &format!("{user}-0"), SPRING, "10");
        send(&house, vec![first(&one), first(&other)]).await;
        let (a, b) = (who(&house, &one).await, who(&house, &other).await);
        let taken = async {
            for n in 1..6 {
                let orders = [&other, &one].map(|user| order(user, &format!("{user}-{n}"), SPRING, "10"));
                send(&house, orders.to_vec()).await;
            }
        };
        let become_one = async {
            merge(&house.app.book, a, b, "test", None).await.expect("merged");
            unmerge(&house.app.book, b, "test", None).await.expect("parted");
            merge(&house.app.book, a, b, "test", None).await.expect("merged again");
        };
        tokio::join!(taken, become_one);
        for table in ["event", "orders"] {
            let of =
                |id: CustomerId, column| format!("SELECT COUNT(*) FROM {table} WHERE {column} = {}", id.0);
            assert_eq!(number(&house, &of(a, "customer_id")).await, 12, "{table} of round {round}");
            assert_eq!(number(&house, &of(b, "origin_customer_id")).await, 6, "{table} of round {round}");
        }
        assert_eq!(
            number(&house, &format!("SELECT COUNT(*) FROM customer_due WHERE customer_id = {}", b.0)).await,
            0
        );
    }
}
