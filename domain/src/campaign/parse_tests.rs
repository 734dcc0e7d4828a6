//! Tests of reading campaign documents, the shipped ones among them.

use super::*;
use crate::callback::{Kind, Level};
use crate::event::Ticket;
use crate::money::Currency;
use serde_json::json;

fn shipped(text: &str) -> Definition {
    let value: Value = serde_saphyr::from_str(text).expect("YAML");
    let (found, problems) = parse(&value);
    assert_eq!(problems, []);
    found.expect("a campaign without problems")
}

fn problems(document: &Value) -> Vec<String> {
    let (found, problems) = parse(document);
    assert!(found.is_none());
    problems.iter().map(ToString::to_string).collect()
}

fn small() -> Value {
    json!({
        "key": "hello", "name": {"en": "Hello", "zh": "你好"}, "purpose": "marketing",
        "trigger": {"tag": {"key": "vip", "entered": true}},
        "steps": [{"send": {"channels": ["email"], "template": "hello"}}],
        "expires": "3d", "priority": 10, "owner": "care",
    })
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut document = small();
    change(&mut document);
    document
}

#[test]
fn the_shipped_festival_is_christmas_at_ten() {
    let d = shipped(include_str!("../../../config/campaigns/festival.yaml"));
    let Trigger::Occasion(christmas) = &d.trigger else { panic!("{:?}", d.trigger) };
    assert_eq!(christmas.title, LocalName { en: "Christmas".into(), zh: "圣诞节".into() });
    let zone = chrono_tz::Europe::London;
    let before = crate::time::Instant::parse("2011-12-01", zone).expect("instant");
    let slot = christmas.solar.next_slot(before, zone).expect("one every year");
    assert_eq!(
        (slot.occasion_key.as_str(), slot.nominal_text().as_str()),
        ("christmas:2011", "2011-12-25T10:00:00")
    );
    assert_eq!((d.purpose, d.priority, d.expires), (Purpose::Marketing, 70, Expires::SameLocalDay));
    assert_eq!((d.holdout_percent, d.window), (0, WindowKind::Marketing));
}

#[test]
fn the_shipped_winback_mails_at_entry_and_exactly_seven_days_later() {
    let d = shipped(include_str!("../../../config/campaigns/winback.yaml"));
    let change = TagChange::Entered { value: None };
    assert_eq!(d.trigger, Trigger::Tag(TagTrigger { key: "churn_risk".into(), change }));
    assert_eq!(d.reentry.cool_down, Some(Span::days(180)));
    assert_eq!((d.expires, d.priority), (Expires::After(Span::days(3)), 50));
    assert_eq!(d.exits, ExitCondition::ALL.iter().copied().collect());
    let sends: Vec<_> = d.sends().map(|(i, s)| (i, s.template.as_str(), s.coupon.as_deref())).collect();
    assert_eq!(sends, [(0, "winback_d0", None), (2, "winback_d7", Some("winback-50"))]);
    let entered = crate::time::Instant::from_micros(1_322_697_600_000_000);
    assert_eq!(d.nominal_at(entered, 2) - d.nominal_at(entered, 0), Span::seconds(7 * 86_400));
}

#[test]
fn the_shipped_ticket_callback_takes_important_complex_and_dear_tickets() {
    let d = shipped(include_str!("../../../config/campaigns/important_ticket_callback.yaml"));
    assert_eq!((d.purpose, d.window), (Purpose::Service, WindowKind::Service));
    let Trigger::Event(EventTrigger { name, when: Some(when) }) = &d.trigger else {
        panic!("{:?}", d.trigger)
    };
    assert_eq!(name, "Ticket Resolved");
    let gbp = Currency::parse("GBP").expect("code");
    let ticket =
        |important, complex, amount_minor| Ticket { important, complex, amount_minor, ..Ticket::default() };
    for (yes, t) in [
        (true, ticket(true, false, None)),
        (true, ticket(false, true, Some(0))),
        (true, ticket(false, false, Some(50_000))),
        (false, ticket(false, false, Some(49_999))),
        (false, ticket(false, false, None)),
    ] {
        assert_eq!(when.holds(&t, gbp), yes, "{t:?}");
    }
    let [Step::Callback(c)] = d.steps.as_slice() else { panic!("{:?}", d.steps) };
    assert_eq!(c.kind, Kind::ImportantTicket);
    assert_eq!((c.ordinary.first_working_day, c.ordinary.last_working_day), (1, 3));
    assert_eq!((c.vip.first_working_day, c.vip.last_working_day), (1, 1));
    assert_eq!((c.ordinary.level, c.vip.level), (Level::Junior, Level::Senior));
}

#[test]
fn a_small_document_is_enough() {
    let (found, problems) = parse(&small());
    assert_eq!(problems, []);
    assert_eq!(found.expect("reads").audience, Audience::Everyone);
}

#[test]
fn all_problems_come_at_once_with_their_places() {
    let document = with(|d| {
        d["prioritty"] = json!(1);
        d["purpose"] = json!("marketting");
        d["steps"][0]["send"]["template"] = json!("Not A Key");
        d["steps"][0]["send"]["chanels"] = json!([]);
        d["expires"] = json!("soon");
        d.as_object_mut().expect("map").remove("owner");
    });
    assert_eq!(
        problems(&document),
        [
            "prioritty: `prioritty` isn't known; did you mean `priority`?",
            "purpose: \"marketting\" isn't known here; did you mean `marketing`?",
            "steps[0].send.chanels: `chanels` isn't known; did you mean `channels`?",
            "steps[0].send.template: \"Not A Key\" may hold only a–z, 0–9, - and _, at most 64",
            "expires: \"soon\" must be a span such as 7d, 2h or 30m",
            "owner: `owner` is needed",
        ]
    );
}

#[test]
fn what_isnt_built_is_refused_by_name() {
    let not_yet = |change: &dyn Fn(&mut Value)| problems(&with(change)).join("\n");
    for (change, place) in [
        (&(|d: &mut Value| d["steps"] = json!([{"branch": {}}])) as &dyn Fn(&mut Value), "steps[0].branch"),
        (&|d| d["steps"][0] = json!({"wait_until": {}}), "steps[0].wait_until"),
        (&|d| d["steps"][0] = json!({"exit": {}}), "steps[0].exit"),
        (&|d| d["steps"][0] = json!({"wait": {"until": "10:00"}}), "steps[0].wait.until"),
        (&|d| d["steps"][0]["send"]["channels"] = json!(["sms"]), "steps[0].send.channels[0]"),
        (&|d| d["trigger"] = json!({"cron": "0 9 * * *"}), "trigger.cron"),
        (
            &|d| d["trigger"] = json!({"occasion": {"name": "x", "lunar": "8-15", "at": "10:00"}}),
            "trigger.occasion.lunar",
        ),
        (
            &|d| d["trigger"] = json!({"event": {"name": "Order Completed", "where": []}}),
            "trigger.event.where",
        ),
        (&|d| d["holdout"] = json!("10%"), "holdout"),
        (
            &|d| d["steps"][0] = json!({"callback": {"kind": "important_ticket", "working_days": [1, 3]}}),
            "steps[0].callback",
        ),
    ] {
        let said = not_yet(change);
        assert!(said.starts_with(&format!("{place}: ")), "{said}");
        assert!(said.contains("not yet supported") || said.contains("only supported"), "{said}");
    }
}

#[test]
fn careless_documents_are_refused() {
    let one = |change: &dyn Fn(&mut Value)| problems(&with(change)).join("\n");
    assert!(one(&|d| d["steps"] = json!([])).starts_with("steps: 1 to 50 steps"));
    assert!(one(&|d| d["steps"] = json!([null])).starts_with("steps[0]: null must be a map"));
    assert!(one(&|d| d["window"] = json!("service")).starts_with("window: marketing and surveys"));
    assert!(one(&|d| d["holdout"] = json!(101)).starts_with("holdout: write per cent"));
    assert!(one(&|d| d["trigger"]["event"] = json!({"name": "x"})).starts_with("trigger: exactly one"));
    assert!(one(&|d| d["trigger"]["tag"]["left"] = json!(true)).starts_with("trigger.tag: exactly one"));
    assert!(one(&|d| d["audience"] = json!([])).starts_with("audience: write `everyone`"));
    assert!(one(&|d| d["audience"] = json!({"tga": "vip"})).starts_with("audience"));
    assert!(parse(&with(|d| d["audience"] = json!({"tag": "vip"}))).0.is_some());
    let tail_wait = json!([{"send": {"channels": ["email"], "template": "x"}}, {"wait": {"for": "7d"}}]);
    assert!(one(&|d| d["steps"] = tail_wait.clone()).starts_with("steps[1].wait: nothing comes after"));
    assert!(one(&|d| d["steps"][0]["send"]["channels"] = json!(["email", "email"])).contains("twice"));
    for bad in ["13-01", "02-30", "1225", ""] {
        let said = one(&|d| d["trigger"] = json!({"occasion": {"name": "x", "solar": bad, "at": "25:00"}}));
        assert!(
            said.contains("trigger.occasion.solar: ") && said.contains("trigger.occasion.at: "),
            "{said}"
        );
    }
    assert!(one(&|d| d["kind"] = json!("template")).starts_with("kind: \"template\" isn't known here"));
    assert!(problems(&json!("hello"))[0].contains("must be a map"));
}

#[test]
fn a_vip_is_never_promised_less_than_a_senior() {
    let document = with(|d| {
        d["purpose"] = json!("service");
        d["steps"][0] =
            json!({"callback": {"kind": "important_ticket", "working_days": [3, 1], "vip_level": "junior"}});
    });
    let said = problems(&document);
    assert!(said[0].starts_with("steps[0].callback.working_days: write [first, last]"), "{said:?}");
    assert!(said[1].starts_with("steps[0].callback.vip_level: a VIP's callback"), "{said:?}");
}
