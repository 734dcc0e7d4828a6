//! Coupons: never above the budget, one owner a code, never a mail without its coupon.

use crate::support::care::{Care, Plan, at, christmas, dispatch};
use crate::support::{TestDatabase, on_both_databases};

on_both_databases! {
    async fn a_coupon_comes_with_its_mail_and_says_until_when(database) {
        let care = Care::open(database).await;
        care.customers(1..=1).await;
        let touch = care.plan(Plan::coupon(1)).await;
        care.dispatch_at(christmas("10:00")).await;
        assert_eq!(care.state(touch).await, "sent");
        let mails = care.mails();
        assert!(mails[0].contains("50.00 GBP") && mails[0].contains("24 January 2012"), "{}", mails[0]);
        let row = care.rows::<i64>("SELECT state, expires_at, issued_at FROM coupon", []).await;
        let number = |name| row[0].try_get::<i64>("", name).expect("a number");
        assert_eq!(row[0].try_get::<String>("", "state").expect("a state"), "issued");
        assert_eq!(number("expires_at"), at("2012-01-25T00:00:00Z").micros());
        assert_eq!(number("issued_at"), christmas("10:00").micros());
        assert_eq!(care.violations().await, Vec::<String>::new());
    }

    async fn the_budget_pays_for_eighty_of_a_hundred(database) {
        let care = Care::open(database).await;
        care.customers(1..=100).await;
        for customer in 1..=100 {
            care.plan(Plan::coupon(customer)).await;
        }
        care.dispatch_at(christmas("10:00")).await;
        assert_eq!(care.number("SELECT COUNT(*) FROM touchpoint WHERE state = 'sent'").await, 80);
        assert_eq!(care.number("SELECT COUNT(*) FROM touchpoint WHERE state = 'skipped' AND reason = 'budget'").await, 20);
        assert_eq!(care.number("SELECT outstanding_minor FROM coupon_batch WHERE key = 'winback-50'").await, 400_000);
        assert_eq!(care.mailed().len(), 80);
        assert_eq!(care.violations().await, Vec::<String>::new());
    }

    async fn a_second_coupon_of_a_batch_is_refused(database) {
        let care = Care::open(database).await;
        care.customers(1..=1).await;
        let first = care.plan(Plan::coupon(1)).await;
        care.dispatch_at(christmas("10:00")).await;
        care.set_now(at("2011-12-27T10:00:00Z")).await;
        let again = care
            .plan(Plan {
                occasion: "again".into(),
                send_at: at("2011-12-27T10:00:00Z"),
                expires_at: at("2011-12-30T00:00:00Z"),
                ..Plan::coupon(1)
            })
            .await;
        care.dispatch().await;
        assert_eq!((care.state(first).await.as_str(), care.state(again).await.as_str()), ("sent", "skipped budget"));
        assert_eq!(care.violations().await, Vec::<String>::new());
    }

    async fn what_a_lost_batch_or_a_refused_touch_reserved_is_free_again(database) {
        let care = Care::open(database).await;
        care.customers(1..=2).await;
        // Reserved, then refused by its template: the coupon is free again.
        care.exec("DELETE FROM template WHERE key = $1", ["winback_d7"]).await;
        let touch = care.plan(Plan::coupon(1)).await;
        care.dispatch_at(christmas("10:00")).await;
        assert_eq!(care.state(touch).await, "failed template");
        assert_eq!(care.number("SELECT outstanding_minor FROM coupon_batch WHERE key = 'winback-50'").await, 0);
        assert_eq!(care.number("SELECT COUNT(*) FROM coupon WHERE state = 'released'").await, 1);
        assert_eq!(care.violations().await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_stay_within_one_budget() {
    let care = Care::open(TestDatabase::postgres()).await;
    care.customers(1..=177).await;
    for customer in 1..=177 {
        care.plan(Plan::coupon(customer)).await;
    }
    let beside = care.house.beside(&["shop.key=retail"]).await;
    care.set_now(christmas("10:00")).await;
    tokio::join!(care.dispatch(), dispatch(&beside));
    care.dispatch().await;
    assert_eq!(care.number("SELECT COUNT(*) FROM touchpoint WHERE state = 'sent'").await, 80);
    assert_eq!(care.number("SELECT COUNT(*) FROM touchpoint WHERE reason = 'budget'").await, 97);
    assert_eq!(care.mailed().len(), 80);
    assert_eq!(care.violations().await, Vec::<String>::new());
}
