//! One marketing message a customer and day: the higher priority has it, whoever came first.

use crate::support::care::{Care, Plan, at, christmas};
use crate::support::on_both_databases;

on_both_databases! {
    async fn the_higher_takes_the_day_from_the_lower_that_waits(database) {
        let care = Care::open(database).await;
        care.customers(1..=1).await;
        let lower = care.plan(Plan { send_at: christmas("10:00"), ..Plan::winback(1) }).await;
        care.dispatch().await;
        assert_eq!(care.state(lower).await, "queued");
        let higher = care.plan(Plan::festival(1)).await;
        care.dispatch().await;
        assert_eq!((care.state(lower).await.as_str(), care.state(higher).await.as_str()), ("deferred lower_priority", "queued"));
        care.dispatch_at(christmas("10:00")).await;
        assert_eq!(care.state(higher).await, "sent");
        care.dispatch_at(at("2011-12-26T00:00:00Z")).await;
        assert_eq!(care.state(lower).await, "deferred frequency_cap");
        care.dispatch_at(at("2011-12-26T02:00:00Z")).await;
        assert_eq!(care.state(lower).await, "deferred quiet_hours");
        care.dispatch_at(at("2011-12-26T10:00:00Z")).await;
        assert_eq!(care.state(lower).await, "sent");
        assert_eq!(care.violations().await, Vec::<String>::new());
    }

    async fn the_lower_waits_where_the_higher_came_first(database) {
        let care = Care::open(database).await;
        care.customers(1..=1).await;
        let higher = care.plan(Plan::festival(1)).await;
        care.dispatch().await;
        let lower = care.plan(Plan { expires_at: at("2011-12-26T00:00:00Z"), ..Plan::winback(1) }).await;
        care.dispatch().await;
        assert_eq!((care.state(lower).await.as_str(), care.state(higher).await.as_str()), ("deferred lower_priority", "queued"));
        care.dispatch_at(christmas("10:00")).await;
        care.dispatch_at(at("2011-12-26T00:00:00Z")).await;
        assert_eq!((care.state(lower).await.as_str(), care.state(higher).await.as_str()), ("skipped lower_priority", "sent"));
        assert_eq!(care.violations().await, Vec::<String>::new());
    }

    async fn nothing_is_taken_from_what_is_sent(database) {
        let care = Care::open(database).await;
        care.customers(1..=1).await;
        let lower = care.plan(Plan::winback(1)).await;
        care.dispatch_at(christmas("10:00")).await;
        let higher = care.plan(Plan { send_at: christmas("11:00"), ..Plan::festival(1) }).await;
        care.dispatch_at(christmas("11:00")).await;
        assert_eq!((care.state(lower).await.as_str(), care.state(higher).await.as_str()), ("sent", "skipped lower_priority"));
        assert_eq!(care.violations().await, Vec::<String>::new());
    }

    async fn a_winner_that_ends_unsent_frees_the_day_for_the_highest_loser(database) {
        let care = Care::open(database).await;
        care.customers(1..=1).await;
        let higher = care.plan(Plan::festival(1)).await;
        let low = care.plan(Plan { send_at: christmas("10:00"), ..Plan::winback(1) }).await;
        let lowest = care.plan(Plan { send_at: christmas("10:00"), occasion: "other".into(), ..Plan::winback(1) }).await;
        care.exec("UPDATE touchpoint SET priority = 40 WHERE id = $1", [lowest.0]).await;
        care.dispatch().await;
        care.exec("UPDATE enrollment SET state = 'exited', reason = 'order', ended_at = 0 WHERE id = (SELECT enrollment_id FROM touchpoint WHERE id = $1)", [higher.0]).await;
        care.dispatch_at(christmas("10:00")).await;
        let mut states = vec![];
        for id in [higher, low, lowest] {
            states.push(care.state(id).await);
        }
        assert_eq!(states, ["skipped exited", "sent", "deferred lower_priority"]);
        assert_eq!(care.mailed().len(), 1);
        assert_eq!(care.violations().await, Vec::<String>::new());
    }
}
