//! Why somebody gets a message or not, and how many of an audience would.

use crate::support::care::{Care, Plan, at, christmas};
use crate::support::on_both_databases;
use domain::campaign::gate::Check;
use domain::campaign::story::Comes;
use domain::campaign::touch::TouchState;
use domain::ids::CustomerId;
use kinkeeper::service::eligibility;

on_both_databases! {
    async fn a_customer_is_told_each_check_sent_or_not(database) {
        let care = Care::open(database).await;
        care.customers(1..=2).await;
        care.consents(2, "denied", at("2011-12-01T00:00:00Z")).await;
        let touch = care.plan(Plan::festival(1)).await;
        care.dispatch_at(christmas("10:00")).await;
        let book = &care.house.app.book;

        let sent = eligibility::explain_campaign(book, CustomerId(1), "festival").await.expect("explained");
        let newest = sent.touchpoint.as_ref().expect("the one that was sent");
        assert_eq!((newest.id, newest.state), (touch, TouchState::Sent));
        assert_eq!(
            sent.headline,
            "cus_1 was sent festival (step 0) on 2011-12-25 10:00 +00:00; \
             if nothing new happens, gets festival (step 0) on 2012-12-25 10:00 +00:00"
        );
        let next = sent.asked.expect("next year's");
        assert_eq!((next.comes, next.at), (Comes::Foreseen, at("2012-12-25T10:00:00Z")));
        assert_eq!(sent.checks.len(), Check::chain().count());

        let never = eligibility::explain_campaign(book, CustomerId(2), "festival").await.expect("explained");
        assert!(never.touchpoint.is_none() && never.entry.enrollment.is_none());
        assert_eq!(never.asked.as_ref().map(|asked| asked.at), Some(christmas("10:00")), "about to be planned");
        assert_eq!(never.answer, "skip (no_consent)");
        let refused: Vec<_> = never.checks.iter().filter(|c| !c.passed).map(|c| c.check).collect();
        assert_eq!(refused, [Check::Consent]);
        let nobody = eligibility::explain_campaign(book, CustomerId(99), "festival").await.expect_err("nobody");
        assert!(nobody.to_string().contains("cus_99"), "{nobody}");
        assert!(eligibility::explain_campaign(book, CustomerId(1), "nothing").await.is_err());

        let waits = care.plan(Plan { send_at: at("2011-12-27T10:00:00Z"), ..Plan::winback(2) }).await;
        let waiting = eligibility::explain_campaign(book, CustomerId(2), "winback").await.expect("explained");
        assert_eq!(waiting.touchpoint.expect("planned").id, waits);
        assert_eq!(waiting.at, at("2011-12-27T10:00:00Z"), "judged as of when it is wanted");
    }

    async fn a_dry_run_counts_by_reason_and_names_the_main_one(database) {
        let care = Care::open(database).await;
        care.customers(1..=10).await;
        for customer in 1..=6 {
            care.consents(customer, "denied", at("2011-12-01T00:00:00Z")).await;
        }
        care.exec("DELETE FROM contact_point WHERE customer_id = $1", [7]).await;
        let book = &care.house.app.book;
        let run = eligibility::dry_run(book, "festival").await.expect("runs");
        assert_eq!((run.audience, run.entry.enters, run.gate.send), (10, 10, 3));
        assert_eq!(Vec::from_iter(run.gate.skipped.clone()), [("no_consent", 6), ("no_contact_point", 1)]);
        assert!(run.headline.expect("over half").starts_with("6 of 10 fail on no_consent"));

        // Two at risk since before going live, and one who was let in.
        for (customer, since) in [(8, "2011-11-01"), (9, "2011-11-30"), (10, "2011-12-20")] {
            care.at_risk(customer, at(since)).await;
        }
        care.plan(Plan { send_at: at("2011-12-20T00:00:00Z"), ..Plan::winback(10) }).await;
        let run = eligibility::dry_run(book, "winback").await.expect("runs");
        assert_eq!((run.audience, run.entry.enters, run.entry.inside, run.gate.send), (3, 0, 1, 0));
        assert_eq!(Vec::from_iter(run.entry.stays_out), [("before_go_live", 2)]);
        assert!(run.headline.expect("over half").starts_with("2 of 3 don't enter by themselves (before_go_live)"));
        // At midnight: were they let in, they would get it in the morning.
        assert_eq!(run.if_all_entered.expect("a tag's").send, 3);
        assert_eq!(run.obstacles, []);
        let calls = eligibility::dry_run(book, "important_ticket_callback").await.expect_err("no message");
        assert!(calls.to_string().contains("sends no message"), "{calls}");
        assert!(care.mailed().is_empty());
    }
}
