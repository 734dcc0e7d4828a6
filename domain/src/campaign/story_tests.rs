//! The sentence for everybody: never entered, on their way, held, done, in cool-down, and what comes next.

use super::*;
use crate::campaign::definition::{Reentry, TagChange, TagTrigger, Trigger};
use crate::campaign::entry::{Cause, Known, Planning};
use crate::campaign::gate::Live;
use crate::campaign::state::CampaignState;
use crate::time::Span;
use chrono_tz::UTC;

fn at(text: &str) -> Instant {
    Instant::parse(text, UTC).expect("the test's instant")
}

fn entry(cause_at: Option<&str>, last: Option<&str>) -> Entry {
    Entry {
        live: Live::Since(at("2011-12-01")),
        campaign: CampaignState::Running,
        running_since: Some(at("2011-12-01")),
        in_audience: true,
        reentry: Reentry { cool_down: Some(Span::days(180)) },
        last: last.map(at),
        cause: cause_at.map(|since| Cause {
            at: at(since),
            known_at: at(since),
            known: Known::Live,
            planning: Planning::Over,
            occasion_used: false,
        }),
        expected: None,
    }
}

fn d0() -> Message {
    Message { step: 0, template: "winback_d0".into(), coupon: None }
}

fn d7() -> Message {
    Message { step: 2, template: "winback_d7".into(), coupon: Some("winback-50".into()) }
}

fn sent(message: Message, on: &str) -> Option<Touched> {
    Some(Touched { message, state: TouchState::Sent, reason: None, at: at(on) })
}

fn way(state: EnrollmentState, last: Option<Touched>) -> Way {
    Way { entered_at: at("2011-12-07"), state, reason: None, last }
}

fn ahead(comes: Comes, message: Message, on: &str, verdict: Verdict) -> Ahead {
    Ahead { comes, message, at: at(on), verdict }
}

fn told(entry: &Entry, way: Option<&Way>, ahead: Option<&Ahead>) -> String {
    let change = TagChange::Entered { value: None };
    let words = Words::of(&Trigger::Tag(TagTrigger { key: "churn_risk".to_owned(), change }));
    headline(&Story { customer: CustomerId(7), zone: UTC, words: &words, entry, way, ahead })
}

#[test]
fn who_never_entered_is_told_why_and_what_comes() {
    let early = entry(Some("2011-06-01"), None);
    let never = "cus_7 never entered: churn_risk began 2011-06-01 00:00 +00:00, before go-live at 2011-12-01 00:00 +00:00";
    assert_eq!(told(&early, None, None), never);
    let new = ahead(Comes::NewCause, d0(), "2012-01-01 10:00", Verdict::Send);
    assert_eq!(told(&early, None, Some(&new)), never, "what could be isn't what will be");
    let to_come = Entry { expected: Some(at("2012-01-05")), ..entry(None, None) };
    let first = ahead(Comes::Foreseen, d0(), "2012-01-05 10:00", Verdict::Send);
    assert_eq!(
        told(&to_come, None, Some(&first)),
        "cus_7 never entered: churn_risk hasn't begun so far; if nothing new happens, enters at \
         2012-01-05 00:00 +00:00 and gets winback_d0 (step 0) on 2012-01-05 10:00 +00:00"
    );
    let at_once = ahead(Comes::Foreseen, d0(), "2012-01-05", Verdict::Skip { reason: Reason::NoConsent });
    assert!(
        told(&to_come, None, Some(&at_once))
            .ends_with("if nothing new happens, won't get winback_d0 (step 0) as things stand: skipped (no_consent) on 2012-01-05 00:00 +00:00")
    );
}

#[test]
fn who_is_done_is_told_the_last_message_and_that_nothing_comes() {
    let done = way(EnrollmentState::Done, sent(d7(), "2011-12-14 10:00"));
    let sentence = "cus_7 was sent winback_d7 (step 2, with a coupon of winback-50) on 2011-12-14 10:00 +00:00; \
                    nothing more comes of this enrollment (done)";
    assert_eq!(told(&entry(Some("2011-12-07"), Some("2011-12-07")), Some(&done), None), sentence);
    let again = entry(Some("2012-02-01"), Some("2011-12-07"));
    assert_eq!(
        told(&again, Some(&done), None),
        format!(
            "{sentence}; churn_risk began 2012-02-01 00:00 +00:00, within the cool-down that ends \
             2012-06-04 00:00 +00:00"
        )
    );
    let exited = Way { reason: Some("order".into()), ..way(EnrollmentState::Exited, None) };
    assert_eq!(
        told(&entry(Some("2011-12-07"), Some("2011-12-07")), Some(&exited), None),
        "cus_7 entered when churn_risk began, 2011-12-07 00:00 +00:00; nothing more comes of this enrollment \
         (exited: order)"
    );
}

#[test]
fn who_is_on_their_way_is_told_the_next_message() {
    let inside = entry(Some("2011-12-07"), Some("2011-12-07"));
    let active = way(EnrollmentState::Active, sent(d0(), "2011-12-07 10:00"));
    let next = ahead(Comes::Enrolled, d7(), "2011-12-14 10:00", Verdict::Send);
    assert_eq!(
        told(&inside, Some(&active), Some(&next)),
        "cus_7 was sent winback_d0 (step 0) on 2011-12-07 10:00 +00:00; gets winback_d7 (step 2, with a coupon of \
         winback-50) on 2011-12-14 10:00 +00:00"
    );
    let fresh = way(EnrollmentState::Active, None);
    let hold = Verdict::Defer { until: None, reason: Reason::ComplaintOpen };
    let held = ahead(Comes::Waits, d0(), "2011-12-07 10:00", hold);
    assert!(
        told(&inside, Some(&fresh), Some(&held))
            .ends_with("; waits for winback_d0 (step 0), held by complaint_open")
    );
    let until = Verdict::Defer { until: Some(at("2011-12-08")), reason: Reason::FrequencyCap };
    let capped = ahead(Comes::Waits, d0(), "2011-12-07 10:00", until);
    assert!(
        told(&inside, Some(&fresh), Some(&capped)).contains("frequency_cap until 2011-12-08 00:00 +00:00")
    );
    let no = ahead(Comes::Waits, d0(), "2011-12-07 10:00", Verdict::Skip { reason: Reason::NoConsent });
    assert!(told(&inside, Some(&fresh), Some(&no)).contains("won't get winback_d0 (step 0) as things stand"));
}

#[test]
fn every_end_of_a_message_has_its_words() {
    for (state, words) in [
        (TouchState::Skipped, "wasn't sent winback_d0 (step 0): skipped (budget) on 2011-12-07 10:00"),
        (TouchState::Unknown, "the answer is lost (unknown)"),
        (TouchState::Bounced, "and it bounced"),
        (TouchState::Sending, "is being sent winback_d0"),
    ] {
        let reason = (state == TouchState::Skipped).then_some(Reason::Budget);
        let touched = Touched { message: d0(), state, reason, at: at("2011-12-07 10:00") };
        let told = touched.tell(UTC);
        assert!(told.contains(words), "{told}");
    }
}
