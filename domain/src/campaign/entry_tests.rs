//! Every way in and every way not to be let in, with the words for it.

use super::*;
use crate::campaign::definition::{TagChange, TagTrigger, Trigger};
use crate::time::Span;
use chrono_tz::UTC;

fn at(text: &str) -> Instant {
    Instant::parse(text, UTC).expect("the test's instant")
}

fn churn() -> Words {
    let change = TagChange::Entered { value: None };
    Words::of(&Trigger::Tag(TagTrigger { key: "churn_risk".to_owned(), change }))
}

fn cause(since: &str) -> Cause {
    Cause {
        at: at(since),
        known_at: at(since),
        known: Known::Live,
        planning: Planning::Over,
        occasion_used: false,
    }
}

/// Live and running since December, with a cool-down of 180 d, everybody in the audience.
fn entry(cause: Option<Cause>) -> Entry {
    Entry {
        live: Live::Since(at("2011-12-01")),
        campaign: CampaignState::Running,
        running_since: Some(at("2011-12-01")),
        in_audience: true,
        reentry: Reentry { cool_down: Some(Span::days(180)) },
        last: None,
        cause,
        expected: None,
    }
}

fn why(entry: &Entry) -> String {
    entry.why(entry.refusal().expect("refused"), &churn(), UTC)
}

#[test]
fn a_cause_before_go_live_lets_nobody_in_and_one_at_it_does() {
    let early = entry(Some(cause("2011-11-30T23:59:59")));
    assert_eq!(early.refusal(), Some(Refusal::BeforeGoLive));
    assert_eq!(
        why(&early),
        "churn_risk began 2011-11-30 23:59 +00:00, before go-live at 2011-12-01 00:00 +00:00"
    );
    let entered = Entry { last: Some(at("2011-12-01")), ..entry(Some(cause("2011-12-01"))) };
    assert_eq!(entered.refusal(), None);
    assert_eq!(entry(Some(cause("2011-12-01"))).refusal(), Some(Refusal::OutsideThen));
}

#[test]
fn each_refusal_has_its_place_in_the_order() {
    let now = cause("2011-12-09");
    let history = Cause { known: Known::AfterTheFact, ..now.clone() };
    let waits = Cause { planning: Planning::Waits, ..now.clone() };
    let missed = Cause { planning: Planning::Missed("too_late".into()), ..now.clone() };
    let used = Cause { occasion_used: true, ..now.clone() };
    let late = Entry { running_since: Some(at("2011-12-10")), ..entry(Some(now.clone())) };
    let outside = Entry { in_audience: false, ..entry(Some(now.clone())) };
    let paused = Entry { campaign: CampaignState::Paused, ..entry(Some(now.clone())) };
    let review = Entry { campaign: CampaignState::InReview, ..entry(Some(now.clone())) };
    let onboarding = Entry { live: Live::Onboarding, ..review.clone() };
    for (entry, expected) in [
        (entry(None), Refusal::NoCause),
        (entry(Some(history)), Refusal::Backfilled),
        (entry(Some(waits)), Refusal::Waiting),
        (entry(Some(missed)), Refusal::Missed),
        (entry(Some(used)), Refusal::OnceOnly),
        (late, Refusal::BeforeRunning),
        (outside, Refusal::OutsideAudience),
        (paused, Refusal::OutsideThen),
        (review, Refusal::NotRunning),
        (onboarding, Refusal::NotLive),
    ] {
        assert_eq!(entry.refusal(), Some(expected), "{entry:?}");
        assert!(!entry.why(expected, &churn(), UTC).is_empty());
    }
}

#[test]
fn within_the_cool_down_nobody_enters_and_exactly_at_its_end_they_do() {
    let again = |since: &str| Entry { last: Some(at("2011-12-01")), ..entry(Some(cause(since))) };
    let soon = again("2012-05-28T23:59:59");
    assert_eq!(soon.refusal(), Some(Refusal::CoolDown));
    assert!(why(&soon).ends_with("within the cool-down that ends 2012-05-29 00:00 +00:00"), "{}", why(&soon));
    assert_eq!(again("2012-05-29").refusal(), Some(Refusal::OutsideThen), "not for the cool-down");
    let rows = soon.explain(&churn(), at("2012-05-28T23:59:59"), UTC);
    let failing: Vec<_> = rows.iter().filter(|row| !row.passed).map(|row| row.check).collect();
    assert_eq!(failing, [EntryCheck::Reentry], "the cool-down is told once, by its own row");
    assert_eq!(
        rows[4].what_would_change_it.as_deref(),
        Some("time: a new churn_risk from 2012-05-29 00:00 +00:00 on")
    );
    let rows = soon.explain(&churn(), at("2012-05-29"), UTC);
    assert!(rows[4].passed);
}

#[test]
fn who_comes_in_by_themselves_is_known_beforehand() {
    let expecting = Entry { expected: Some(at("2012-01-05")), ..entry(None) };
    assert_eq!(expecting.coming(), Some(at("2012-01-05")));
    let cooling = Entry { last: Some(at("2011-12-01")), ..expecting.clone() };
    assert_eq!(cooling.coming(), None);
    assert_eq!(Entry { in_audience: false, ..expecting.clone() }.coming(), None);
    assert_eq!(Entry { campaign: CampaignState::InReview, ..expecting.clone() }.coming(), None);
    let waits = Cause { planning: Planning::Waits, ..cause("2011-12-09") };
    assert_eq!(entry(Some(waits)).coming(), Some(at("2011-12-09")));
    assert_eq!(entry(Some(cause("2011-11-09"))).coming(), None);
}

#[test]
fn every_row_tells_what_it_saw_and_what_would_change_it() {
    let rows = entry(Some(cause("2011-06-01"))).explain(&churn(), at("2011-12-31"), UTC);
    let told: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {}: {}", row.check, if row.passed { "yes" } else { "no" }, row.value))
        .collect();
    assert_eq!(
        told,
        [
            "live yes: live since 2011-12-01 00:00 +00:00",
            "campaign yes: the campaign is running, open since 2011-12-01 00:00 +00:00",
            "trigger no: churn_risk began 2011-06-01 00:00 +00:00, before go-live at 2011-12-01 00:00 +00:00",
            "audience yes: in the audience now",
            "reentry yes: never entered",
        ]
    );
    assert_eq!(rows[2].what_would_change_it.as_deref(), Some("churn_risk beginning anew"));
}
