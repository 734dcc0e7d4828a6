//! Tests of the journey, on the shape of the shipped win-back.

use super::*;
use crate::callback::Level;
use crate::campaign::definition::{
    Audience, Callback, Expires, LocalName, Purpose, Reentry, Send, TagChange, TagTrigger, Trigger,
    WindowKind,
};
use crate::time::{DAY, Span};
use proptest::prelude::*;

const ZONE: Tz = chrono_tz::Europe::London;
const ENTRY: Instant = Instant::from_micros(1_322_697_600_000_000);

fn send(channels: &[Channel], template: &str) -> Step {
    Step::Send(Send { channels: channels.to_vec(), template: template.into(), coupon: None })
}

fn campaign(steps: Vec<Step>) -> Definition {
    Definition {
        key: "winback".into(),
        name: LocalName { en: "Win-back".into(), zh: "流失召回".into() },
        purpose: Purpose::Marketing,
        audience: Audience::Everyone,
        trigger: Trigger::Tag(TagTrigger {
            key: "churn_risk".into(),
            change: TagChange::Entered { value: None },
        }),
        reentry: Reentry::default(),
        holdout_percent: 0,
        steps,
        exits: ExitCondition::ALL.iter().copied().collect(),
        expires: Expires::After(Span::days(3)),
        window: WindowKind::Marketing,
        priority: 50,
        budget_micros: None,
        goal: None,
        owner: "care".into(),
    }
}

fn winback() -> Definition {
    campaign(vec![send(&[Channel::Email], "d0"), Step::Wait(Span::days(7)), send(&[Channel::Email], "d7")])
}

fn touch(step: usize, state: TouchState) -> Touch {
    let expires_at = winback().nominal_at(ENTRY, step) + Span::days(3);
    Touch { step, channel: Channel::Email, state, reason: None, expires_at }
}

fn at(step: usize, touches: Vec<Touch>, now: Instant) -> Decision {
    let facts = Facts { touches, ..Facts::default() };
    advance(&winback(), &Enrollment { step, entered_at: ENTRY }, &facts, now, ZONE)
}

#[test]
fn d0_goes_at_entry_and_d7_exactly_seven_days_later_however_late_it_ran() {
    let email = Channel::Email;
    let d7 = ENTRY + Span::days(7);
    assert_eq!(
        at(0, vec![], ENTRY),
        Decision::CreateTouchpoint {
            step: 0,
            channel: email,
            not_before: ENTRY,
            expires_at: ENTRY + Span::days(3)
        }
    );
    let sent = touch(0, TouchState::Sent);
    // Asked two days late, the wait still ends seven days after the entry.
    assert_eq!(at(0, vec![sent], ENTRY + Span::days(2)), Decision::WaitUntil { at: d7, step: 2 });
    assert_eq!(at(2, vec![sent], d7 - Span::micros(1)), Decision::WaitUntil { at: d7, step: 2 });
    let create = Decision::CreateTouchpoint {
        step: 2,
        channel: email,
        not_before: d7,
        expires_at: d7 + Span::days(3),
    };
    assert_eq!(at(2, vec![sent], d7), create);
    assert_eq!(
        at(2, vec![sent], d7 + Span::days(30)),
        create,
        "made even when late, so that it gets its outcome"
    );
    assert_eq!(at(2, vec![sent, touch(2, TouchState::Unknown)], d7), Decision::Done);
}

#[test]
fn nothing_before_the_entry() {
    let before = ENTRY - Span::micros(1);
    assert_eq!(at(0, vec![], before), Decision::WaitUntil { at: ENTRY, step: 0 });
}

#[test]
fn an_open_touch_is_awaited_until_it_expires() {
    let open = touch(0, TouchState::Deferred);
    let until = Some(open.expires_at);
    assert_eq!(at(0, vec![open], ENTRY), Decision::AwaitTouchpoint { step: 0, until });
    assert_eq!(
        at(0, vec![open], open.expires_at),
        Decision::ExpireTouchpoint { step: 0, channel: Channel::Email }
    );
    let sending = touch(0, TouchState::Sending);
    assert_eq!(
        at(0, vec![sending], ENTRY + Span::days(9)),
        Decision::AwaitTouchpoint { step: 0, until: None },
        "a hand-over in progress is never expired"
    );
}

#[test]
fn exits_act_at_once_wherever_it_stands() {
    let open = touch(0, TouchState::Deferred);
    let yes = Happened::Yes;
    for (facts, exit) in [
        (Facts { ordered: yes, ..Facts::default() }, ExitCondition::Order),
        (Facts { opted_out: yes, ..Facts::default() }, ExitCondition::OptOut),
        (Facts { complained: yes, ..Facts::default() }, ExitCondition::Complaint),
    ] {
        for step in 0..=2 {
            let facts = Facts { touches: vec![open], ..facts.clone() };
            let enrollment = Enrollment { step, entered_at: ENTRY };
            assert_eq!(advance(&winback(), &enrollment, &facts, ENTRY, ZONE), Decision::Exit(exit));
        }
        let mut without = winback();
        without.exits.clear();
        let enrollment = Enrollment { step: 0, entered_at: ENTRY };
        assert!(matches!(
            advance(&without, &enrollment, &facts, ENTRY, ZONE),
            Decision::CreateTouchpoint { .. }
        ));
    }
}

#[test]
fn an_exit_lets_a_hand_over_in_progress_end_first() {
    let during = |state| {
        let facts = Facts { ordered: Happened::Yes, touches: vec![touch(0, state)], ..Facts::default() };
        advance(&winback(), &Enrollment { step: 0, entered_at: ENTRY }, &facts, ENTRY, ZONE)
    };
    assert_eq!(during(TouchState::Sending), Decision::AwaitTouchpoint { step: 0, until: None });
    assert_eq!(during(TouchState::Unknown), Decision::Exit(ExitCondition::Order));
}

#[test]
fn a_fallback_comes_only_after_an_end_that_reached_nobody() {
    let definition = campaign(vec![send(&[Channel::Email, Channel::Sms], "hi")]);
    let after = |state, reason, now| {
        let facts = Facts { touches: vec![Touch { reason, ..touch(0, state) }], ..Facts::default() };
        advance(&definition, &Enrollment { step: 0, entered_at: ENTRY }, &facts, now, ZONE)
    };
    let sms = Decision::CreateTouchpoint {
        step: 0,
        channel: Channel::Sms,
        not_before: ENTRY,
        expires_at: ENTRY + Span::days(3),
    };
    assert_eq!(after(TouchState::Skipped, Some(Reason::NoContactPoint), ENTRY), sms);
    assert_eq!(after(TouchState::Failed, Some(Reason::Refused), ENTRY), sms);
    assert_eq!(after(TouchState::Skipped, Some(Reason::LowerPriority), ENTRY), Decision::Done);
    assert_eq!(
        after(TouchState::Skipped, Some(Reason::NoContactPoint), ENTRY + Span::days(3)),
        Decision::Done
    );
    for state in [TouchState::Sent, TouchState::Delivered, TouchState::Bounced, TouchState::Unknown] {
        assert_eq!(after(state, Some(Reason::Refused), ENTRY), Decision::Done, "{state}");
    }
}

#[test]
fn a_callback_is_made_once_with_the_terms_of_who_they_are() {
    let terms = |last_working_day, level| CallbackTerms { first_working_day: 1, last_working_day, level };
    let (ordinary, vip) = (terms(3, Level::Junior), terms(1, Level::Senior));
    let definition = campaign(vec![Step::Callback(Callback { kind: Kind::ImportantTicket, ordinary, vip })]);
    let enrollment = Enrollment { step: 0, entered_at: ENTRY };
    for (standing, terms) in [(Standing::Ordinary, ordinary), (Standing::Vip, vip)] {
        let facts = Facts { standing, ..Facts::default() };
        assert_eq!(
            advance(&definition, &enrollment, &facts, ENTRY + Span::hours(5), ZONE),
            Decision::CreateCallback { step: 0, kind: Kind::ImportantTicket, terms, caused_at: ENTRY }
        );
    }
    let facts = Facts { called: [0].into(), ..Facts::default() };
    assert_eq!(advance(&definition, &enrollment, &facts, ENTRY, ZONE), Decision::Done);
}

proptest! {
    /// Played forward with any delays and any ends, each send step gets exactly one touchpoint, on its
    /// nominal instant, and the journey ends.
    #[test]
    fn every_step_gets_its_touch_and_the_journey_ends(
        delays in prop::collection::vec(0i64..5 * DAY, 1..40),
        ends in prop::collection::vec(0usize..6, 1..10),
    ) {
        const ENDS: [TouchState; 6] = [TouchState::Sent, TouchState::Bounced, TouchState::Skipped,
            TouchState::Expired, TouchState::Failed, TouchState::Unknown];
        let (mut now, mut step, mut touches, mut ended) = (ENTRY, 0, Vec::<Touch>::new(), 0);
        let mut finished = false;
        for round in 0..200 {
            now = now + Span::micros(delays[round % delays.len()]);
            match at(step, touches.clone(), now) {
                Decision::CreateTouchpoint { step: s, channel, not_before, expires_at } => {
                    prop_assert_eq!(not_before, ENTRY + Span::days(if s == 0 { 0 } else { 7 }));
                    prop_assert!(now >= not_before);
                    touches.push(Touch { step: s, channel, state: TouchState::Planned, reason: None, expires_at });
                    step = s;
                }
                Decision::AwaitTouchpoint { .. } | Decision::ExpireTouchpoint { .. } => {
                    let last = touches.last_mut().expect("one is open");
                    last.state = ENDS[ends[ended % ends.len()]];
                    ended += 1;
                }
                Decision::WaitUntil { at, step: s } => { now = now.max(at); step = s; }
                Decision::Done => { finished = true; break; }
                other => prop_assert!(false, "{:?}", other),
            }
        }
        prop_assert!(finished);
        let steps: Vec<usize> = touches.iter().map(|t| t.step).collect();
        prop_assert_eq!(steps, [0, 2]);
    }
}

#[test]
fn the_next_message_is_the_first_that_isnt_made() {
    let next =
        |step, touches: &[Touch]| next_send(&winback(), &Enrollment { step, entered_at: ENTRY }, touches);
    let d7 = ENTRY + Span::days(7);
    assert_eq!(next(0, &[]), Some((0, ENTRY)));
    let d0 = touch(0, TouchState::Sent);
    assert_eq!(next(0, &[d0]), Some((2, d7)), "it may stand at the step whose message went out");
    assert_eq!(next(2, &[d0]), Some((2, d7)));
    assert_eq!(next(2, &[d0, touch(2, TouchState::Deferred)]), None, "that one is made");
    assert_eq!(next(3, &[d0]), None);
}
