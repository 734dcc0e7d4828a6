//! What the gate refuses is stored with its reason, and what it only holds goes out when the reason is gone.

use crate::support::care::{Care, Plan, at, christmas};
use crate::support::on_both_databases;
use kinkeeper::service::{campaigns, live};
use kinkeeper::store::stops::StopScope;

on_both_databases! {
    async fn every_refusal_is_stored_with_its_reason(database) {
        let care = Care::open(database).await;
        care.customers(1..=8).await;
        care.consents(2, "denied", at("2011-12-01T00:00:00Z")).await;
        care.exec("DELETE FROM consent WHERE customer_id = $1", [3]).await;
        suppress(&care, 4, "marketing").await;
        care.exec("DELETE FROM contact_point WHERE customer_id = $1", [5]).await;
        care.exec("UPDATE contact_point SET usable = 0 WHERE customer_id = $1", [6]).await;
        complain(&care, 7).await;
        contacted(&care, 8, at("2011-12-24T19:00:00Z")).await;
        let mut touches = vec![];
        for customer in 1..=8 {
            touches.push(care.plan(Plan::festival(customer)).await);
        }
        let late = care.plan(Plan { expires_at: christmas("00:00"), ..Plan::winback(1) }).await;
        let left = care.plan(Plan { occasion: "left".into(), ..Plan::winback(2) }).await;
        care.exec("UPDATE enrollment SET state = 'exited', reason = 'order', ended_at = 0 WHERE occasion_key = $1", ["left"]).await;
        care.dispatch_at(christmas("10:00")).await;
        let mut states = vec![];
        for id in touches.iter().chain([&late, &left]) {
            states.push(care.state(*id).await);
        }
        assert_eq!(states, [
            "sent", "skipped no_consent", "skipped no_consent", "skipped suppressed", "skipped no_contact_point",
            "skipped no_contact_point", "deferred complaint_open", "deferred frequency_cap", "expired expired",
            "skipped exited",
        ]);
        assert_eq!(care.mailed(), ["c1@example.com"]);
        // 19:00 and 16 h: eleven o'clock, still the same day.
        care.dispatch_at(christmas("11:00")).await;
        assert_eq!(care.state(touches[7]).await, "sent");
        care.exec("UPDATE ticket SET state = 'resolved' WHERE customer_id = $1", [7]).await;
        care.dispatch().await;
        assert_eq!(care.state(touches[6]).await, "sent");
        assert_eq!(care.violations().await, Vec::<String>::new());
    }

    async fn nothing_leaves_in_onboarding(database) {
        let care = Care::in_onboarding(database, &[]).await;
        care.customers(1..=1).await;
        let touch = care.plan(Plan::festival(1)).await;
        care.dispatch_at(christmas("10:00")).await;
        assert_eq!(care.state(touch).await, "skipped not_live");
        assert!(care.mailed().is_empty());
    }

    async fn a_stop_holds_what_is_queued_and_its_end_lets_go(database) {
        let care = Care::open(database).await;
        care.customers(1..=2).await;
        let book = care.house.app.book.clone();
        let greeting = care.plan(Plan::festival(1)).await;
        care.dispatch().await;
        assert_eq!(care.state(greeting).await, "queued");
        live::stop(&book, StopScope::Campaign("festival".into()), "test", "test").await.expect("stopped");
        let other = care.plan(Plan::winback(2)).await;
        care.dispatch_at(christmas("10:00")).await;
        assert_eq!(care.state(greeting).await, "deferred stopped");
        assert_eq!(care.state(other).await, "sent", "another campaign goes on");
        live::resume(&book, StopScope::Campaign("festival".into()), "test").await.expect("resumed");
        care.dispatch().await;
        assert_eq!(care.state(greeting).await, "sent");

        let paused = care.plan(Plan { occasion: "later".into(), ..Plan::festival(2) }).await;
        campaigns::pause(&book, "festival", "test").await.expect("paused");
        care.dispatch().await;
        assert_eq!(care.state(paused).await, "deferred campaign_not_running");
        campaigns::start(&book, "festival", "test").await.expect("started");
        care.dispatch().await;
        // The customer has had one today: over the campaign's day, so it is never sent.
        assert_eq!(care.state(paused).await, "skipped lower_priority");
        assert_eq!(care.violations().await, Vec::<String>::new());
    }

    async fn quiet_hours_and_caps_put_off_by_the_customers_clock(database) {
        let care = Care::open(database).await;
        care.customers(1..=2).await;
        care.exec("UPDATE customer SET zone = 'America/New_York' WHERE id = $1", [2]).await;
        let near = care.plan(Plan::winback(1)).await;
        // Nine in the evening there.
        let far = care.plan(Plan { send_at: christmas("02:00"), ..Plan::winback(2) }).await;
        care.dispatch().await;
        assert_eq!(care.state(near).await, "deferred quiet_hours");
        // Zone not known and many possible: ten o'clock in the shop's.
        care.dispatch_at(christmas("10:00")).await;
        assert_eq!((care.state(near).await.as_str(), care.state(far).await.as_str()), ("sent", "deferred quiet_hours"));
        care.dispatch_at(christmas("14:00")).await;
        assert_eq!(care.state(far).await, "sent");
        assert_eq!(care.violations().await, Vec::<String>::new());
    }
}

async fn suppress(care: &Care, customer: i64, scope: &str) {
    let secrets = &care.house.app.book.secrets;
    let hash = secrets.contact_hash("email", &format!("c{customer}@example.com"));
    care.exec::<sea_orm::Value>(
        "INSERT INTO suppression (channel, value_hash, scope, reason, actor, created_at) \
         VALUES ('email', $1, $2, 'test', 'test', 0)",
        [hash.into(), scope.into()],
    )
    .await;
}

async fn complain(care: &Care, customer: i64) {
    care.exec(
        "INSERT INTO ticket (shop_id, ticket_key, customer_id, state, opened_at, reopened, complaint, important, \
         complex, version_at, version_id) VALUES (1, '77', $1, 'open', 0, 0, 1, 0, 0, 0, '')",
        [customer],
    )
    .await;
}

async fn contacted(care: &Care, customer: i64, at: domain::time::Instant) {
    care.exec::<sea_orm::Value>(
        "INSERT INTO contact_ledger (customer_id, channel, purpose, local_date, counted_at) \
         VALUES ($1, 'email', 'service', $2, $3)",
        [customer.into(), at.local_date(chrono_tz::Europe::London).to_string().into(), at.micros().into()],
    )
    .await;
}
