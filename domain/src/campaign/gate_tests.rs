//! Boundary tests of the gate, check by check, and the law that `decide` and `explain` agree.

use super::*;
use crate::campaign::explain::explain;
use crate::money::Currency;
use proptest::prelude::*;

const ZONE: Tz = chrono_tz::Europe::London;

fn at(text: &str) -> Instant {
    Instant::parse(text, ZONE).expect("test instant")
}

pub(in crate::campaign) fn noon() -> Instant {
    at("2011-12-15 12:00")
}

/// A touch nothing speaks against.
pub(in crate::campaign) fn fine() -> Inputs {
    Inputs {
        live: Live::Since(at("2011-12-01")),
        stop: Stop::None,
        campaign: CampaignState::Running,
        purpose: Purpose::Marketing,
        priority: 50,
        coupon: CouponNeed::NotNeeded,
        expires_at: at("2011-12-18 12:00"),
        held_for: None,
        consent: Consent::Granted,
        suppression: Suppression::Clear,
        account: AccountKind::Consumer,
        open_complaint: None,
        contact_day: ContactDay::Free,
        contacts: vec![],
        caps: Caps::default(),
        zone: ZONE,
        window: WindowDecision::Open,
        contact_point: ContactPoint::Usable,
    }
}

fn ask(change: impl FnOnce(&mut Inputs)) -> Verdict {
    let mut inputs = fine();
    change(&mut inputs);
    decide(&inputs, noon())
}

const fn skip(reason: Reason) -> Verdict {
    Verdict::Skip { reason }
}

const fn hold(reason: Reason) -> Verdict {
    Verdict::Defer { until: None, reason }
}

const fn until(until: Instant, reason: Reason) -> Verdict {
    Verdict::Defer { until: Some(until), reason }
}

const MICRO: Span = Span::micros(1);

#[test]
fn the_chain_stands_in_the_papers_order() {
    let names: Vec<&str> = Check::chain().map(Check::as_str).collect();
    assert_eq!(
        names,
        [
            "live",
            "stop",
            "campaign",
            "budget",
            "expiry",
            "consent",
            "suppression",
            "account",
            "complaint",
            "contact_day",
            "frequency_cap",
            "contact_window",
            "contact_point"
        ]
    );
    assert_eq!(Check::ALL.len(), 23);
}

#[test]
fn live_stop_and_campaign() {
    assert_eq!(ask(|_| ()), Verdict::Send);
    assert_eq!(ask(|i| i.live = Live::Onboarding), skip(Reason::NotLive));
    assert_eq!(ask(|i| i.live = Live::Since(noon())), Verdict::Send);
    assert_eq!(ask(|i| i.live = Live::Since(noon() + MICRO)), skip(Reason::NotLive));
    for stop in [Stop::All, Stop::Channel, Stop::Campaign] {
        assert_eq!(ask(|i| i.stop = stop), hold(Reason::Stopped));
    }
    assert_eq!(ask(|i| i.campaign = CampaignState::Paused), hold(Reason::CampaignNotRunning));
    for state in [CampaignState::InReview, CampaignState::Approved, CampaignState::Done] {
        assert_eq!(ask(|i| i.campaign = state), skip(Reason::CampaignNotRunning));
    }
}

#[test]
fn a_coupon_step_without_budget_is_never_sent_without_its_coupon() {
    let need =
        |left_minor| move |i: &mut Inputs| i.coupon = CouponNeed::Needed { face_minor: 5000, left_minor };
    assert_eq!(ask(need(Some(5000))), Verdict::Send);
    assert_eq!(ask(need(Some(4999))), skip(Reason::Budget));
    assert_eq!(ask(need(None)), skip(Reason::Budget));
}

#[test]
fn it_expires_exactly_at_its_end() {
    assert_eq!(ask(|i| i.expires_at = noon() + MICRO), Verdict::Send);
    assert_eq!(ask(|i| i.expires_at = noon()), skip(Reason::Expired));
    let lost = |i: &mut Inputs| (i.expires_at, i.held_for) = (noon(), Some(Reason::LowerPriority));
    assert_eq!(ask(lost), skip(Reason::LowerPriority), "why it lost its day, not that time went by");
    let held = |i: &mut Inputs| (i.expires_at, i.held_for) = (noon(), Some(Reason::ComplaintOpen));
    assert_eq!(ask(held), skip(Reason::Expired));
}

#[test]
fn unknown_consent_is_a_no_for_marketing_and_surveys_only() {
    for (purpose, sends) in [
        (Purpose::Marketing, false),
        (Purpose::Survey, false),
        (Purpose::Service, true),
        (Purpose::Recovery, true),
    ] {
        let verdict = ask(|i| (i.purpose, i.consent) = (purpose, Consent::Unknown));
        assert_eq!(verdict == Verdict::Send, sends, "{purpose}");
        assert_eq!(ask(|i| (i.purpose, i.consent) = (purpose, Consent::Refused)), skip(Reason::NoConsent));
        assert_eq!(ask(|i| i.purpose = purpose), Verdict::Send);
    }
}

#[test]
fn suppression_complaint_and_contact_point() {
    assert_eq!(ask(|i| i.suppression = Suppression::Suppressed), skip(Reason::Suppressed));
    assert_eq!(ask(|i| i.open_complaint = Some("88".into())), hold(Reason::ComplaintOpen));
    let service = |i: &mut Inputs| (i.open_complaint, i.purpose) = (Some("88".into()), Purpose::Service);
    assert_eq!(ask(service), Verdict::Send);
    for point in [ContactPoint::Missing, ContactPoint::Unusable] {
        assert_eq!(ask(|i| i.contact_point = point), skip(Reason::NoContactPoint));
    }
}

#[test]
fn the_contact_day_goes_to_the_higher_priority_until_its_holder_begins() {
    let next_day = at("2011-12-16");
    let held = |priority| ContactDay::Waiting { campaign: "festival".into(), priority };
    let begun = |priority| ContactDay::Begun { campaign: "festival".into(), priority };
    assert_eq!(ask(|i| i.contact_day = held(49)), Verdict::Send, "taken over");
    assert_eq!(ask(|i| i.contact_day = held(50)), until(next_day, Reason::LowerPriority), "a tie stays");
    assert_eq!(ask(|i| i.contact_day = held(70)), until(next_day, Reason::LowerPriority));
    assert_eq!(ask(|i| i.contact_day = begun(10)), until(next_day, Reason::LowerPriority));
    // Its end lies in the day: held while the day may yet become free, over once the holder has begun.
    let today = at("2011-12-15 20:00");
    assert_eq!(
        ask(|i| (i.contact_day, i.expires_at) = (held(70), today)),
        until(today, Reason::LowerPriority)
    );
    assert_eq!(ask(|i| (i.contact_day, i.expires_at) = (begun(70), today)), skip(Reason::LowerPriority));
    assert_eq!(ask(|i| (i.contact_day, i.expires_at) = (begun(70), next_day)), skip(Reason::LowerPriority));
    let service = |i: &mut Inputs| (i.contact_day, i.purpose) = (begun(70), Purpose::Service);
    assert_eq!(ask(service), Verdict::Send);
}

#[test]
fn only_a_consumer_gets_marketing_and_surveys_and_anybody_is_told_of_their_own_order() {
    for account in AccountKind::ALL {
        for purpose in Purpose::ALL {
            let verdict = ask(|i| (i.account, i.purpose) = (*account, *purpose));
            let refused = *account != AccountKind::Consumer && purpose.needs_opt_in();
            let expected = if refused { skip(Reason::NotConsumer) } else { Verdict::Send };
            assert_eq!(verdict, expected, "{account} {purpose}");
        }
    }
    // No other channel would do, and it ends as skipped.
    assert!(!Reason::NotConsumer.is_about_the_channel());
}

#[test]
fn sixteen_hours_apart_is_enough_and_a_microsecond_less_is_not() {
    let yesterday = at("2011-12-14 20:00");
    assert_eq!(ask(|i| i.contacts = vec![yesterday]), Verdict::Send, "exactly 16 h");
    assert_eq!(ask(|i| i.contacts = vec![yesterday + MICRO]), until(noon() + MICRO, Reason::FrequencyCap));
}

#[test]
fn one_per_local_day() {
    let only_days = Caps { apart: Span::ZERO, ..Caps::default() };
    let midnight = at("2011-12-15 00:00");
    let ask_with = |contact| ask(|i| (i.caps, i.contacts) = (only_days, vec![contact]));
    assert_eq!(ask_with(midnight - MICRO), Verdict::Send);
    assert_eq!(ask_with(midnight), until(at("2011-12-16"), Reason::FrequencyCap));
    // Sixteen hours after 03:00 is still the same day, so it is the next one.
    assert_eq!(
        ask(|i| i.contacts = vec![at("2011-12-15 03:00")]),
        until(at("2011-12-16"), Reason::FrequencyCap)
    );
    // In Shanghai 12:00 London is 20:00, and 16:30 London the day before is 00:30 of the same day.
    let shanghai = |i: &mut Inputs| {
        (i.zone, i.contacts, i.caps) = (chrono_tz::Asia::Shanghai, vec![at("2011-12-14 16:30")], only_days);
    };
    assert_eq!(ask(shanghai), until(at("2011-12-15 16:00"), Reason::FrequencyCap));
}

#[test]
fn two_in_seven_days_and_six_in_thirty_as_spans() {
    let week = noon() - Span::days(7);
    let recent = at("2011-12-13 10:00");
    assert_eq!(ask(|i| i.contacts = vec![week, recent]), Verdict::Send, "exactly 7 d ago counts no more");
    assert_eq!(ask(|i| i.contacts = vec![recent, week + MICRO]), until(noon() + MICRO, Reason::FrequencyCap));
    let month = noon() - Span::days(30);
    let spread: Vec<Instant> = [29, 25, 20, 15, 10].iter().map(|d| noon() - Span::days(*d)).collect();
    let six = |first: Instant| [vec![first], spread.clone()].concat();
    assert_eq!(ask(|i| i.contacts = six(month)), Verdict::Send, "exactly 30 d ago counts no more");
    assert_eq!(ask(|i| i.contacts = six(month + MICRO)), until(noon() + MICRO, Reason::FrequencyCap));
}

#[test]
fn a_cap_that_outlasts_the_touch_skips_it() {
    let contacts = vec![at("2011-12-12 10:00"), at("2011-12-13 10:00")];
    let free = at("2011-12-19 10:00");
    let ending = |end| ask(|i| (i.contacts, i.expires_at) = (contacts.clone(), end));
    assert_eq!(ending(free + MICRO), until(free, Reason::FrequencyCap));
    assert_eq!(ending(free), skip(Reason::FrequencyCap));
    for purpose in [Purpose::Service, Purpose::Recovery] {
        assert_eq!(ask(|i| (i.contacts, i.purpose) = (vec![noon(); 9], purpose)), Verdict::Send);
    }
    let none = Caps { per_7_d: 0, ..Caps::default() };
    assert_eq!(ask(|i| i.caps = none), skip(Reason::FrequencyCap));
}

#[test]
fn quiet_hours_hold_until_the_window_opens_unless_that_is_too_late() {
    let opens = at("2011-12-16 09:00");
    let ending = |end| ask(|i| (i.window, i.expires_at) = (WindowDecision::ClosedUntil(opens), end));
    assert_eq!(ending(opens + MICRO), until(opens, Reason::QuietHours));
    assert_eq!(ending(opens), skip(Reason::QuietHours));
}

#[test]
fn the_first_refusal_is_the_verdict_and_explain_names_all() {
    let mut inputs = fine();
    inputs.consent = Consent::Unknown;
    inputs.open_complaint = Some("88".into());
    inputs.window = WindowDecision::ClosedUntil(at("2011-12-16 09:00"));
    assert_eq!(decide(&inputs, noon()), skip(Reason::NoConsent));
    let rows = explain(&inputs, noon(), Currency::parse("GBP").expect("code"));
    assert_eq!(rows.len(), Check::chain().count());
    let refused: Vec<String> = rows
        .iter()
        .filter(|r| !r.passed)
        .map(|r| format!("{}: {} → {}", r.check, r.value, r.what_would_change_it.as_deref().unwrap_or("?")))
        .collect();
    assert_eq!(
        refused,
        [
            "consent: consent to marketing is unknown → the customer's consent to marketing on this channel",
            "complaint: complaint 88 is open → closing complaint 88, before the touch expires",
            "contact_window: quiet hours until 2011-12-16 09:00 +00:00 → the window opening at \
             2011-12-16 09:00 +00:00",
        ]
    );
}

fn any_inputs() -> impl Strategy<Value = Inputs> {
    let day = 24 * 3600;
    let contact = prop_oneof![Just(None), Just(Some(ContactPoint::Missing)), Just(None), Just(None),];
    let first = (0u8..12, 0u8..12, 0usize..4, prop::option::weighted(0.2, 0i64..9000), 0u8..6, 0u8..6);
    let second = (0u8..8, prop::collection::vec(0i64..40 * day, 0..8), 0u8..6, -day..5 * day, contact);
    (first, second).prop_map(|((live, campaign, purpose, coupon, consent, other), second)| {
        let (held, contacts, window, end, contact) = second;
        let mut i = fine();
        if live == 0 {
            i.live = Live::Onboarding;
        }
        if live == 1 {
            i.stop = Stop::All;
        }
        i.campaign = *CampaignState::ALL.get(usize::from(campaign)).unwrap_or(&CampaignState::Running);
        i.purpose = Purpose::ALL[purpose];
        if let Some(left) = coupon {
            i.coupon = CouponNeed::Needed { face_minor: 5000, left_minor: Some(left) };
        }
        i.consent =
            [Consent::Unknown, Consent::Refused].get(usize::from(consent)).copied().unwrap_or(i.consent);
        match other {
            0 => i.suppression = Suppression::Suppressed,
            1 => i.open_complaint = Some("9".into()),
            2 => i.account = AccountKind::Staff,
            _ => {}
        }
        match held {
            0 => i.contact_day = ContactDay::Begun { campaign: "x".into(), priority: 1 },
            1 => i.contact_day = ContactDay::Waiting { campaign: "x".into(), priority: 49 },
            2 => i.contact_day = ContactDay::Waiting { campaign: "x".into(), priority: 51 },
            _ => {}
        }
        i.contacts = contacts.into_iter().map(|s| noon() - Span::seconds(s)).collect();
        if window == 0 {
            i.window = WindowDecision::ClosedUntil(noon() + Span::hours(5));
        }
        i.expires_at = noon() + Span::seconds(end);
        i.contact_point = contact.unwrap_or(i.contact_point);
        i
    })
}

/// The caps by their words, for one instant: the oracle of `caps_allow_at`.
fn caps_hold(i: &Inputs, t: Instant) -> bool {
    let within = |n| i.contacts.iter().filter(|c| **c > t - Span::days(n) && **c <= t).count();
    let today = i.contacts.iter().filter(|c| c.local_date(ZONE) == t.local_date(ZONE)).count();
    today < 1 && within(7) < 2 && within(30) < 6 && i.contacts.iter().all(|c| t - *c >= Span::hours(16))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn decide_sends_exactly_when_every_row_passed(inputs in any_inputs()) {
        let rows = explain(&inputs, noon(), Currency::parse("GBP").expect("code"));
        let verdict = decide(&inputs, noon());
        prop_assert_eq!(verdict == Verdict::Send, rows.iter().all(|r| r.passed));
        let first = rows.iter().find(|r| !r.passed).and_then(|r| r.reason);
        let stored = match verdict {
            Verdict::Send => None,
            Verdict::Defer { reason, .. } | Verdict::Skip { reason } => Some(reason),
        };
        prop_assert_eq!(first, stored);
        prop_assert!(rows.iter().all(|r| r.passed == r.what_would_change_it.is_none()));
        if let Verdict::Defer { until: Some(until), .. } = verdict {
            prop_assert!(until > noon() && until <= inputs.expires_at);
        }
    }

    /// The instant the caps name is the earliest one: they hold there, and nowhere before on a grid.
    #[test]
    fn the_caps_open_exactly_when_they_say(
        hours in prop::collection::vec(0i64..31 * 24 * 60, 0..9),
    ) {
        let mut i = fine();
        i.contacts = hours.into_iter().map(|m| noon() - Span::minutes(m)).collect();
        match caps_allow_at(&i, noon()) {
            None => prop_assert!(caps_hold(&i, noon())),
            Some(opens) => {
                prop_assert!(caps_hold(&i, opens));
                prop_assert!(!caps_hold(&i, opens - MICRO));
                let mut t = noon();
                while t < opens {
                    prop_assert!(!caps_hold(&i, t));
                    t = t + Span::minutes(30);
                }
            }
        }
    }
}
