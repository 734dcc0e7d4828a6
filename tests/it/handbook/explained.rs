//! Stories of people being asked about: what the shop is told of why somebody got a message or not, at every
//! turn of their way.

use super::scene::{Handbook, at};
use super::stories;
use domain::campaign::entry::{EntryCheck, Refusal};
use domain::campaign::gate::Check;
use domain::campaign::story::Comes;
use domain::ids::CustomerId;
use kinkeeper::service::eligibility::{CampaignExplanation, dry_run, explain_campaign};

async fn explained(book: &Handbook, name: &str, campaign: &str) -> CampaignExplanation {
    let id = CustomerId(book.customer(name).await);
    explain_campaign(book.book(), id, campaign).await.expect("explained")
}

/// The sentence without the customer's number.
fn sentence(found: &CampaignExplanation) -> &str {
    found.headline.split_once(' ').expect("a customer and a sentence").1
}

fn failing(found: &CampaignExplanation) -> Vec<Check> {
    found.checks.iter().filter(|check| !check.passed).map(|check| check.check).collect()
}

stories! {
    async fn at_every_turn_of_a_winback(book: live "2026-12-01 00:00") {
        book.people("
            early | Asia/Shanghai | own | yes | 2026-03-01 12:00 300
            chen  | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
            evi   | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
            soon  | Asia/Shanghai | own | no  | 2026-06-15 12:00 300
            fresh | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
        ").await;
        book.at("2026-12-09 15:00").orders("evi", "evi-2", "90");
        book.at("2026-12-10 15:00").cancels("evi", "evi-2");

        book.walk_before("2026-12-06 22:00").await;
        // Tomorrow at midnight two begin; the third a little later within the week is refused by the gate.
        let run = dry_run(book.book(), "winback").await.expect("runs");
        assert_eq!((run.audience, run.entry.enters, run.entry.inside, run.gate.send), (1, 3, 0, 2), "{run:?}");
        assert_eq!(Vec::from_iter(run.entry.stays_out), [("before_go_live", 1)]);
        assert_eq!(Vec::from_iter(run.gate.skipped.clone()), [("no_consent", 1)]);
        assert_eq!(run.if_all_entered.expect("a tag's").all(), 1);

        book.walk_to("2026-12-08 00:00").await;
        let early = explained(book, "early", "winback").await;
        assert_eq!(
            sentence(&early),
            "never entered: churn_risk began 2026-08-28 00:00 +08:00, before go-live at 2026-12-01 00:00 +08:00"
        );
        assert_eq!((early.entry.refusal, early.answer.as_str()),
                   (Some(Refusal::BeforeGoLive), "nothing comes (before_go_live)"));
        let trigger = early.entry.checks.iter().find(|row| row.check == EntryCheck::Trigger).expect("its row");
        assert_eq!((trigger.passed, trigger.what_would_change_it.as_deref()),
                   (false, Some("churn_risk beginning anew")));
        assert_eq!(early.asked.map(|asked| asked.comes), Some(Comes::NewCause));

        let soon = explained(book, "soon", "winback").await;
        assert_eq!(
            sentence(&soon),
            "never entered: churn_risk hasn't begun so far; if nothing new happens, enters at 2026-12-12 00:00 +08:00 \
             and won't get winback_d0 (step 0) as things stand: skipped (no_consent) on 2026-12-12 09:00 +08:00"
        );
        assert_eq!((failing(&soon), soon.answer.as_str()), (vec![Check::Consent], "skip (no_consent)"));

        // D7 is a week away: it is judged for then, with its coupon.
        let chen = explained(book, "chen", "winback").await;
        assert_eq!(
            sentence(&chen),
            "was sent winback_d0 (step 0) on 2026-12-07 09:00 +08:00; gets winback_d7 (step 2, with a coupon of \
             winback-50) on 2026-12-14 09:00 +08:00"
        );
        assert_eq!((chen.at, chen.answer.as_str()), (at("2026-12-14 09:00"), "send"));
        assert_eq!(chen.entry.enrollment.expect("his").next_due_at, Some(at("2026-12-14 00:00")));
        let budget = chen.checks.iter().find(|row| row.check == Check::Budget).expect("its row");
        assert_eq!(budget.value, "a coupon of 50.00 CNY; 4000.00 CNY of the budget is free");

        book.walk_to("2026-12-20 00:00").await;
        let chen = explained(book, "chen", "winback").await;
        assert_eq!(
            sentence(&chen),
            "was sent winback_d7 (step 2, with a coupon of winback-50) on 2026-12-14 09:00 +08:00; nothing more \
             comes of this enrollment (done)"
        );
        assert_eq!((chen.answer.as_str(), chen.touchpoints.len()), ("nothing comes (done)", 2));
        assert_eq!(chen.entry.may_enter_from, Some(at("2027-06-05 00:00")));
        assert_eq!(chen.asked.expect("what could be").at, at("2027-06-05 09:00"));

        // At risk again from the cancellation on, within half a year of her win-back.
        let evi = explained(book, "evi", "winback").await;
        assert_eq!(
            sentence(&evi),
            "was sent winback_d0 (step 0) on 2026-12-07 09:00 +08:00; nothing more comes of this enrollment \
             (exited: order); churn_risk began 2026-12-10 15:00 +08:00, within the cool-down that ends \
             2027-06-05 00:00 +08:00"
        );
        assert_eq!(evi.entry.refusal, Some(Refusal::CoolDown));
        let run = dry_run(book.book(), "winback").await.expect("runs");
        assert_eq!((run.audience, run.entry.enters, run.entry.inside), (4, 0, 0), "soon's D7 is decided too");
        assert_eq!(Vec::from_iter(run.entry.stays_out), [("before_go_live", 1), ("cool_down", 1), ("entered", 2)]);
    }

    // Everything that holds a message is told, not only what the gate meets first.
    async fn held_for_two_reasons(book: live "2026-12-01 00:00") {
        book.people("mei | Asia/Shanghai | own | yes | 2026-11-20 12:00 300").await;
        book.approve("festival").await;
        book.at("2026-12-24 12:00").complains("mei", "77").stops_all();
        book.at("2026-12-25 16:00").settles("mei", "77").resumes();
        book.walk_to("2026-12-25 12:00").await;
        let held = explained(book, "mei", "festival").await;
        assert_eq!(
            sentence(&held),
            "entered when christmas came, 2026-12-25 10:00 +08:00; waits for festival (step 0), held by stopped"
        );
        assert_eq!((failing(&held), held.answer.as_str()), (vec![Check::Stop, Check::Complaint], "hold (stopped)"));
        let remedies: Vec<_> = held.checks.iter().filter_map(|row| row.what_would_change_it.clone()).collect();
        assert!(remedies.iter().any(|remedy| remedy.contains("closing complaint")), "{remedies:?}");
        assert_eq!(held.asked.map(|asked| asked.comes), Some(Comes::Waits));

        book.walk_to("2026-12-26 00:00").await;
        let sent = explained(book, "mei", "festival").await;
        assert!(sentence(&sent).starts_with("was sent festival (step 0) on 2026-12-25 16:00 +08:00; nothing more"));
        let next = sent.asked.expect("next year's");
        assert_eq!((next.comes, next.at), (Comes::Foreseen, at("2027-12-25 10:00")));
    }

    // A campaign for people has no gate to ask, and an entry all the same.
    async fn who_is_called_and_who_isnt(book: live "2026-12-01 00:00") {
        book.people("
            ivy | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
            joe | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
        ").await;
        book.approve("important_ticket_callback").await;
        book.at("2026-12-02 10:00").asks("ivy", "5", serde_json::json!({ "important": true }));
        book.at("2026-12-02 10:00").asks("joe", "6", serde_json::json!({}));
        book.at("2026-12-02 12:00").settles("ivy", "5").settles("joe", "6");
        book.walk_to("2026-12-03 00:00").await;
        let ivy = explained(book, "ivy", "important_ticket_callback").await;
        assert_eq!(
            sentence(&ivy),
            "entered when a fitting Ticket Resolved came, 2026-12-02 12:00 +08:00; nothing more comes of this \
             enrollment (done)"
        );
        assert_eq!((ivy.answer.as_str(), ivy.checks.len()), ("this campaign sends no message", 0));
        let joe = explained(book, "joe", "important_ticket_callback").await;
        assert_eq!(sentence(&joe), "never entered: a fitting Ticket Resolved hasn't come so far");
    }
}
