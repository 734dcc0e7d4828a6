//! Questions about records: what is refused with its place, what is read as the same, and borders by hand.

use super::*;
use crate::customer::fixture::{day, event};
use crate::customer::records::Record;
use crate::customer::{Bearer, CustomerFacts, ProfileTimelines};
use crate::event::{Event, Fact};
use crate::ids::CustomerId;
use crate::money::Currency;
use crate::rule::{Context, Lang, TagTimelines, eval, explain, parse};
use crate::time::{Instant, Span};
use chrono_tz::UTC;

fn with<T>(events: &[Event], f: impl FnOnce(&Context<'_>) -> T) -> T {
    let profile = ProfileTimelines::build(&CustomerFacts::fold(events), UTC);
    let (tags, currency) = (TagTimelines::new(), Currency::parse("CNY").expect("a code"));
    f(&Context { profile: &profile, tags: &tags, bearer: Bearer::consumer(UTC), currency, horizon: day(800) })
}

fn holds(rule: &Value, events: &[Event], now: Instant) -> bool {
    let rule = parse(rule).unwrap_or_else(|problems| panic!("{rule}: {problems:?}"));
    with(events, |context| *eval(&rule, context).at(now))
}

fn refused(rule: Value) -> Vec<String> {
    parse(&rule).expect_err("should be refused").iter().map(ToString::to_string).collect()
}

fn said(n: i64, side: i64, granted: bool, at: Instant) -> Event {
    let (channel, purpose) = ("email".to_owned(), "marketing".to_owned());
    event(at, Fact::Recorded(Record::Consent { line: n, side: CustomerId(side), channel, purpose, granted }))
}

fn marketing(op: &str, operand: Value) -> Value {
    json!({"consent": "marketing", "channel": "email", op: operand})
}

#[test]
fn the_strictest_sides_last_word_counts_until_it_is_taken_back() {
    let (edge, tick) = (day(10), Span::micros(1));
    let yes = |events: &[Event], at| holds(&marketing("eq", json!("granted")), events, at);
    let no = |events: &[Event], at| holds(&marketing("eq", json!("denied")), events, at);
    let mut events = vec![said(1, 1, true, edge)];
    assert!(!yes(&events, edge - tick) && yes(&events, edge));
    assert!(holds(&marketing("exists", json!(false)), &events, edge - tick));
    assert!(!holds(&marketing("ne", json!("denied")), &events, edge - tick), "of nothing no operator holds");
    // Another side refuses, and their own consent doesn't undo it.
    events.extend([said(2, 2, false, day(11)), said(3, 1, true, day(12))]);
    assert!(no(&events, day(13)) && !yes(&events, day(13)));
    events.push(event(day(20), Fact::Recorded(Record::TakenBack { line: 2 })));
    assert!(yes(&events, day(13)), "what was taken back was never said");
    // Of one instant the later row counts, in whatever order they come.
    let both = [said(5, 1, false, edge), said(4, 1, true, edge)];
    assert!(no(&both, edge) && no(&[both[1].clone(), both[0].clone()], edge));
    // Of equal words the latest is as old as it is.
    let aged = |age: Value| json!({"consent": "marketing", "channel": "email", "eq": "granted", "said": age});
    let twice = [said(1, 1, true, day(0)), said(2, 2, true, day(5))];
    assert!(holds(&aged(json!({"within": "30d"})), &twice, day(35) - tick));
    assert!(!holds(&aged(json!({"within": "30d"})), &twice, day(35)));
    assert!(holds(&aged(json!({"older_than": "30d"})), &twice, day(35)));
    // Nobody becomes known by a record, and none is an event.
    let facts = CustomerFacts::fold(&twice);
    assert_eq!(facts.first_at(), None);
    assert_eq!(facts, CustomerFacts::fold(twice.iter().rev().chain(&twice)));
}

#[test]
fn a_coupon_is_held_from_its_issue_until_it_is_used_or_its_time_is_over() {
    let coupon = |n: i64, batch: &str, until: Option<Instant>| {
        event(
            day(1),
            Fact::Recorded(Record::Coupon { coupon: n, batch: batch.to_owned(), expires_at: until }),
        )
    };
    let events = [
        coupon(1, "spring", Some(day(8))),
        coupon(2, "autumn", None),
        event(day(4), Fact::Recorded(Record::Redeemed { coupon: 2 })),
    ];
    let (any, spring) = (json!({"coupon": "held"}), json!({"coupon": "held", "batch": "spring"}));
    let autumn = json!({"coupon": "held", "batch": "autumn"});
    let tick = Span::micros(1);
    for (rule, from, until) in [(&any, 1, 8), (&spring, 1, 8), (&autumn, 1, 4)] {
        assert!(!holds(rule, &events, day(from) - tick) && holds(rule, &events, day(from)), "{rule}");
        assert!(holds(rule, &events, day(until) - tick) && !holds(rule, &events, day(until)), "{rule}");
    }
    assert!(!holds(&json!({"coupon": "held", "batch": "winter"}), &events, day(2)));
}

#[test]
fn campaigns_are_counted_as_events_are_and_the_last_side_counts() {
    let entered = |n: i64, treated: bool, at: Instant| {
        event(at, Fact::Recorded(Record::Entered { enrollment: n, campaign: "winback".to_owned(), treated }))
    };
    let left =
        |n, at| event(at, Fact::Recorded(Record::Left { enrollment: n, campaign: "winback".to_owned() }));
    let events = [entered(1, true, day(0)), left(1, day(3)), entered(2, false, day(40))];
    let came = |more: &Value| {
        let mut rule = json!({"campaign": "winback"});
        rule.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        rule
    };
    assert!(holds(&came(&json!({})), &events, day(0)));
    assert!(!holds(&came(&json!({"within": "30d"})), &events, day(30)));
    assert!(holds(&came(&json!({"count": {"eq": 2}, "within": "41d"})), &events, day(40)));
    assert!(holds(&came(&json!({"did": "left"})), &events, day(3)));
    assert!(!holds(&came(&json!({"did": "left"})), &events, day(3) - Span::micros(1)));
    assert!(holds(&came(&json!({"did": "left", "count": {"eq": 0}, "within": "7d"})), &events, day(10)));
    let kept = json!({"holdout_of": "winback"});
    assert!(!holds(&kept, &events, day(39)) && holds(&kept, &events, day(40)));
    assert!(!holds(&json!({"holdout_of": "birthday"}), &events, day(40)), "nobody was ever in it");
    let told = with(&events, |context| explain(&parse(&kept).expect("a rule"), context, day(41), Lang::En));
    assert_eq!(json!(told.value), json!({"winback": "control"}));
}

#[test]
fn what_means_the_same_is_read_as_the_same() {
    let read = |op: &str, operand: Value| parse(&marketing(op, operand)).expect("a rule").to_value();
    assert_eq!(read("ne", json!("denied")), marketing("eq", json!("granted")));
    assert_eq!(read("in", json!(["denied", "denied"])), marketing("eq", json!("denied")));
    assert_eq!(read("in", json!(["denied", "granted"])), marketing("exists", json!(true)));
    let loud = parse(&json!({"consent": "survey", "channel": " EMail "})).expect("a rule");
    assert_eq!(loud.to_value(), json!({"consent": "survey", "channel": "email", "exists": true}));
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (rule, wanted) in [
        (
            json!({"consent": "marketting", "channel": "email"}),
            "consent: \"marketting\" is not a purpose; did you mean marketing?",
        ),
        (json!({"consent": "marketing"}), "channel: say on which channel, for example channel: email"),
        (
            json!({"consent": "marketing", "channel": " "}),
            "channel: \" \" is no channel; write for example email or sms",
        ),
        (marketing("eq", json!("grant")), "eq: \"grant\" is not an answer; did you mean granted?"),
        (
            json!({"consent": "marketing", "channel": "email", "exists": false, "said": {"within": "3d"}}),
            "said: asks how long ago nothing was said; leave it out",
        ),
        (
            json!({"consent": "marketing", "channel": "email", "said": "3d"}),
            "said: \"3d\" is no age; write for example {older_than: 7d}",
        ),
        (
            json!({"coupon": "spring"}),
            "coupon: \"spring\" is nothing that is known of coupons; write {coupon: held}, with batch: KEY for those of one batch",
        ),
        (json!({"coupon": "held", "batch": 3}), "batch: 3 is not a batch's key"),
        (
            json!({"campaign": "winback", "did": "enter"}),
            "did: \"enter\" is not anything that is known; did you mean entered?",
        ),
        (
            json!({"campaign": "winback", "within": "3d", "before": "3d"}),
            "within and before in one rule; write one rule each under all",
        ),
        (
            json!({"campaign": "winback", "arm": "x"}),
            "arm: campaign has no field arm; campaign takes did, count, within, before, between",
        ),
        (
            json!({"reachable": "phone"}),
            "reachable: \"phone\" is not a channel messages go by; known are email, sms",
        ),
        (
            json!({"reachable": "email", "purpose": "recovery"}),
            "purpose: \"recovery\" is not a purpose of messages; known are marketing, survey, service",
        ),
        (json!({"holdout_of": ""}), "holdout_of: \"\" is not a campaign's key"),
        (
            json!({"holdout_of": "a\u{202e}b"}),
            "holdout_of: has the mark U+202E in it, which nobody sees and which turns the direction of writing; write plain text",
        ),
    ] {
        assert_eq!(refused(rule.clone()), [wanted], "{rule}");
    }
}

#[test]
fn documents_say_at_least_what_rules_have_to_know() {
    let document = json!({"levels": [{"rule": {"any": [{"not": marketing("eq", json!("denied"))}, {"holdout_of": "x"}]}}]});
    assert_eq!(kinds_in(&document), Kinds::CONSENTS.and(Kinds::CAMPAIGNS));
    assert_eq!(kinds_in(&json!({"rule": {"tag": "vip"}})), Kinds::default());
    assert_eq!(kinds_in(&json!([{"coupon": "held"}])), Kinds::COUPONS);
}
