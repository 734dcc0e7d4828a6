//! Segments among tags: reading them, the one graph, members by rule, by list and by word over time, and their history.

use super::stepping::{arrivals, change, current_of, moves, stood};
use super::{SHIPPED, yaml};
use crate::customer::{Bearer, CustomerFacts, fixture::*};
use crate::event::own::{Own, TagRemoval};
use crate::event::{Detail, Event, Fact};
use crate::money::Currency;
use crate::rule::brute::any_rule;
use crate::rule::{Lang, Rule};
use crate::segment::{self, Keep, node_key};
use crate::tag::{
    Catalogue, Cause, Evaluation, Rulebook, Source, Stand, Standing, Stepped, TagDocument, Turn, courses,
    step,
};
use crate::time::{Instant, Span};
use chrono_tz::UTC;
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;

/// Tags as they are; a document with `keep` is a segment's.
fn catalogue(texts: &[&str]) -> Result<Catalogue, Vec<String>> {
    let document = |text: &&str| match yaml(text) {
        body if body.get("keep").is_some() => TagDocument::first_of(&node_key(""), body),
        body => TagDocument::first(body),
    };
    let documents: Vec<TagDocument> = texts.iter().map(document).collect();
    let currency = Currency::parse("CNY").expect("code");
    Catalogue::parse(&documents, currency)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

const RECENT: &str = "{key: recent, name: {en: Recent buyers, zh-CN: 近期买家}, keep: live, \
                      rule: {profile: last_order_at, within: 30d}}";
const DEAR: &str = "{key: dear, name: {en: Dear, zh-CN: 高消费}, keep: on_demand, \
                    rule: {profile: spend_365, gte: '1000.00'}}";
const GUESTS: &str = "{key: guests, name: {en: Guests, zh-CN: 嘉宾}, keep: list}";

fn said(key: &str, value: &str, at: Instant, until: Option<Instant>) -> Event {
    let own = Own::TagAdded { tag: node_key(key), value: value.to_owned(), expires_at: until };
    let named = event(at, Fact::Custom { name: own.name().to_owned() });
    Event { detail: Some(Detail::Own(Box::new(own))), message_id: format!("{at:?}{key}{value}"), ..named }
}

fn released(key: &str, at: Instant) -> Event {
    let own = Own::TagRemoved(TagRemoval { tag: node_key(key), suppressed_until: None });
    let named = event(at, Fact::Custom { name: own.name().to_owned() });
    Event { detail: Some(Detail::Own(Box::new(own))), message_id: format!("{at:?}{key} free"), ..named }
}

fn walked(rules: Catalogue, events: &[Event], now: Instant) -> Stepped {
    step(&rules.into(), events, Bearer::consumer(UTC), Stand::NEVER, Some(day(0)), now)
}

fn evaluated<'c>(catalogue: &'c Catalogue, events: &[Event], now: Instant) -> Evaluation<'c> {
    Evaluation::of(catalogue, &CustomerFacts::fold(events), Bearer::consumer(UTC), now)
}

#[test]
fn names_and_descriptions_have_no_marks_that_nobody_sees() {
    let named = |name: &str| {
        let document = json!({"key": "a", "name": {"en": name, "zh-CN": "甲"}, "keep": "list", "description": {"en": "First\nsecond", "zh-CN": "乙"}});
        catalogue(&[&document.to_string()])
    };
    for sound in ["Guests", "אורחים", "زوار", "👨\u{200d}👩"] {
        assert!(named(sound).is_ok(), "{sound}: {:?}", named(sound));
    }
    for mark in ["a\u{202e}b", "\u{2066}a", "a\u{0}", "a\u{1b}[31m"] {
        let told = named(mark).expect_err("refused").join(" ");
        assert!(told.contains("name.en") && told.contains("nobody sees"), "{told}");
    }
}

#[test]
fn documents_are_read_and_what_is_wrong_is_told_with_its_place() {
    let read = catalogue(&[RECENT, DEAR, GUESTS, SHIPPED[2]]).expect("right");
    let keeps: Vec<_> =
        read.segments().iter().filter_map(|s| s.segment().map(|(k, s)| (k.to_owned(), s.keep))).collect();
    let keep = |key: &str, keep| (key.to_owned(), keep);
    assert_eq!(keeps, [keep("recent", Keep::Live), keep("dear", Keep::OnDemand), keep("guests", Keep::List)]);
    let tags: Vec<&str> = read.tags().iter().map(|tag| tag.key.as_str()).collect();
    assert_eq!(tags, ["churn_risk"]);
    assert!(read.tag("segment:recent").is_none() && read.segment("recent").is_some());
    let found = catalogue(&[
        "{key: 'a:b', name: {en: A}, keep: alive, rule: {tag: vip}, hold: 3d}",
        "{key: b, name: {en: B, zh-CN: 乙}, keep: list, rule: {tag: vip}}",
        "{key: c, name: {en: C, zh-CN: 丙}, keep: live, description: {en: ''}}",
        "{key: 'segment:d', name: {en: D, zh-CN: 丁}, rule: {profile: tickets, gte: 1}}",
    ]);
    let wanted = [
        "segment:a:b.hold: no such field; known are key, name, description, keep, rule",
        "segment:a:b.key: give key as lower-case letters, digits and _, beginning with a letter",
        "segment:a:b.name.zh-CN: the name in this language is missing, or no text",
        "segment:a:b.keep: \"alive\" is no way to keep one; did you mean live?",
        "segment:b.rule: who is in a list people say; leave the rule out, or keep it live",
        "segment:c.description.en: the description in this language is missing, or no text",
        "segment:c.description.zh-CN: the description in this language is missing, or no text",
        "segment:c.rule: say in a rule who is in it; of one that people fill by hand write keep: list",
        "segment:d.key: give key as lower-case letters, digits and _, beginning with a letter",
    ];
    assert_eq!(found.expect_err("bad"), wanted);
    assert_eq!(
        catalogue(&[GUESTS, GUESTS]).expect_err("twice"),
        ["tags[1].key: segment guests is defined twice; keep one"]
    );
}

#[test]
fn tags_and_segments_are_one_graph_without_circles() {
    let found = catalogue(&[
        "{key: a, name: {en: A, zh-CN: 甲}, keep: live, rule: {tag: b}}",
        "{key: b, name: {en: B, zh-CN: 乙}, rule: {not: {segment: c}}}",
        "{key: c, name: {en: C, zh-CN: 丙}, keep: on_demand, rule: {segment: a, since: {within: 3d}}}",
    ]);
    let wanted = "segment:a: tags and segments depend on each other in a circle: segment a → tag b → segment c → \
                  segment a; break it at one of them";
    assert_eq!(found.expect_err("circle"), [wanted]);
    let odd = "{key: odd, name: {en: O, zh-CN: 奇}, rule: {any: [{segment: recnet}, {tag: 'segment:recent'}, {segment: vip}]}}";
    assert_eq!(
        catalogue(&[RECENT, SHIPPED[1], SHIPPED[0], odd]).expect_err("unknown"),
        [
            "odd: refers to the segment recnet, which isn't in the catalogue; did you mean recent?",
            "odd: refers to the tag segment:recent, which isn't in the catalogue; of a segment write {segment: recent}",
            "odd: refers to the segment vip, which isn't in the catalogue",
        ]
    );
    let aged = [
        RECENT,
        "{key: now, name: {en: Now, zh-CN: 今}, keep: on_demand, rule: {segment: recent, since: {older_than: 3d}}}",
        "{key: odd, name: {en: Odd, zh-CN: 奇}, rule: {segment: now, since: {older_than: 3d}}}",
    ];
    let wanted = "odd: asks for how long somebody has been in the segment now, which nobody keeps; say `keep: live` in it";
    assert_eq!(catalogue(&aged).expect_err("not kept"), [wanted]);
    // A tag and a segment may have the same key: they are asked for in different words.
    let same = "{key: churn_risk, name: {en: C, zh-CN: 丙}, keep: live, rule: {tag: churn_risk}}";
    assert!(catalogue(&[same, SHIPPED[2]]).is_ok());
}

#[test]
fn somebody_enters_by_a_fact_and_leaves_as_time_passes() {
    let stepped = walked(catalogue(&[RECENT]).expect("right"), &[order("A", 5_00, day(3))], day(90));
    let wanted = [change("-", "true", day(3), Cause::Event), change("true", "-", day(33), Cause::Time)];
    assert_eq!(moves(&stepped, "segment:recent"), wanted);
    assert_eq!(stepped.changes[0].evidence, json!({"last_order_at": day(3), "last_order_id": "A"}));
    assert!(stepped.changes.iter().all(|change| !change.historical));
    assert!(stepped.current.is_empty(), "nothing stands of somebody who is in no segment");
}

#[test]
fn a_pinned_customer_is_in_and_a_banned_one_out_whatever_the_rule_says_until_it_ends_or_is_released() {
    let events = [
        said("recent", "pinned", day(1), Some(day(4))),
        order("A", 5_00, day(10)),
        said("recent", "banned", day(12), None),
        order("B", 5_00, day(14)),
        released("recent", day(20)),
        said("recent", "banned", day(60), Some(day(70))),
        said("recent", "true", day(65), None),
    ];
    let stepped = walked(catalogue(&[RECENT]).expect("right"), &events, day(90));
    assert_eq!(
        moves(&stepped, "segment:recent"),
        [
            change("-", "true", day(1), Cause::Event),
            change("true", "-", day(4), Cause::Time),
            change("-", "true", day(10), Cause::Event),
            change("true", "-", day(12), Cause::Event),
            change("-", "true", day(20), Cause::Event),
            change("true", "-", day(44), Cause::Time),
        ]
    );
    assert_eq!(stepped.changes[0].evidence, json!({"by_hand_since": day(1), "by_hand_until": day(4)}));
    assert_eq!(stepped.changes[3].evidence, json!({"banned_since": day(12)}));
    let all = catalogue(&[RECENT]).expect("right");
    let seen = evaluated(&all, &events, day(13));
    let banned = seen.said_of("recent", day(13)).expect("people spoke");
    assert_eq!((banned.hand, banned.since, banned.until), (segment::Hand::Banned, day(12), None));
    assert_eq!(seen.said_of("recent", day(4)), None);
    assert_eq!(seen.said_of("recent", day(3)).map(|said| said.hand), Some(segment::Hand::Pinned));
}

#[test]
fn a_list_has_whom_people_put_there() {
    let all = catalogue(&[GUESTS]).expect("right");
    let events =
        [order("A", 5_00, day(0)), said("guests", "pinned", day(2), None), released("guests", day(5))];
    let stepped = walked(all.clone(), &events, day(9));
    let wanted = [change("-", "true", day(2), Cause::Event), change("true", "-", day(5), Cause::Event)];
    assert_eq!(moves(&stepped, "segment:guests"), wanted);
    let there = evaluated(&all, &events, day(3)).states(day(3));
    assert_eq!((there.len(), there[0].source, there[0].value.as_deref()), (1, Source::Manual, Some("true")));
    let standing = Standing { value: "true", since: day(2), evidence: &there[0].evidence };
    let guests = all.segment("guests").expect("there");
    assert_eq!(guests.why(&standing, UTC, Lang::En), "in Guests since 2026-01-03; put there by hand.");
}

#[test]
fn of_a_segment_on_demand_only_what_people_said_is_kept_and_who_asks_learns_all() {
    let nested = "{key: gate, name: {en: G, zh-CN: 门}, keep: on_demand, rule: {not: {segment: dear}}}";
    let all = catalogue(&[nested, DEAR]).expect("right");
    let events = [
        order("A", 2_000_00, day(0)),
        said("dear", "banned", day(3), Some(day(5))),
        said("dear", "pinned", day(400), None),
    ];
    let stepped = walked(all.clone(), &events, day(500));
    assert_eq!(
        moves(&stepped, "segment:dear"),
        [
            change("-", "banned", day(3), Cause::Event),
            change("banned", "-", day(5), Cause::Time),
            change("-", "pinned", day(400), Cause::Event),
        ]
    );
    assert_eq!(moves(&stepped, "segment:gate"), []);
    let seen = evaluated(&all, &events, day(500));
    assert!(seen.value("segment:gate").is_some_and(|line| line.changes().count() == 0));
    let dear = seen.membership("dear").expect("there");
    let gate = seen.membership("gate").expect("there");
    for (n, member) in
        [(0, true), (2, true), (3, false), (4, false), (5, true), (364, true), (366, false), (401, true)]
    {
        assert_eq!((*dear.at(day(n)), *gate.at(day(n))), (member, !member), "day {n}");
    }
    assert_eq!(seen.membership("deer"), None);
    // What a tag asks for is looked at, and still not kept.
    let asks = "{key: asks, name: {en: A, zh-CN: 问}, rule: {segment: dear}}";
    let stepped = walked(catalogue(&[asks, DEAR]).expect("right"), &events, day(4));
    let wanted = [change("-", "true", day(0), Cause::Event), change("true", "-", day(3), Cause::Event)];
    assert_eq!(moves(&stepped, "asks"), wanted);
    assert_eq!(moves(&stepped, "segment:dear"), [change("-", "banned", day(3), Cause::Event)]);
    let tree = seen.explain(&Rule::Segment { key: "dear".to_owned(), since: None }, day(401), Lang::En);
    assert_eq!((tree.holds, &tree.value["segment:dear"]), (true, &json!("true")));
}

#[test]
fn whoever_publishes_another_rule_lets_people_in_for_that_reason_and_starts_nothing() {
    let first = catalogue(&[RECENT]).expect("right");
    let mut wider = TagDocument::first_of("segment:recent", yaml(&RECENT.replace("30d", "300d")));
    (wider.version, wider.published_at) = (2, Some(day(50)));
    let wider = Catalogue::parse(&[wider], first.currency()).expect("right");
    let rules =
        Rulebook::new(Arc::new(first), vec![Turn { epoch: 2, at: day(50), catalogue: Arc::new(wider) }]);
    let events = [order("A", 5_00, day(0))];
    let stepped = step(&rules, &events, Bearer::consumer(UTC), Stand::NEVER, Some(day(0)), day(60));
    let wanted = [
        change("-", "true", day(0), Cause::Event),
        change("true", "-", day(30), Cause::Time),
        change("-", "true", day(50), Cause::Rule),
    ];
    assert_eq!(moves(&stepped, "segment:recent"), wanted);
    let entered = &stepped.changes[2];
    assert!(entered.historical && entered.since == day(0) && entered.rule_version == 2);
    let course = courses(&stepped.current);
    assert_eq!(course["segment:recent"].at, Some(day(300)));
}

/// Facts, and people's word on three segments.
fn stories() -> impl Strategy<Value = Vec<Event>> {
    let key = prop::sample::select(vec!["recent", "dear", "guests"]);
    let what = prop::sample::select(vec!["pinned", "banned", "release"]);
    let word =
        (key, what, 0i64..400, prop::option::of(1i64..60)).prop_map(|(key, what, n, days)| match what {
            "release" => released(key, day(n)),
            value => said(key, value, day(n), days.map(|days| day(n) + Span::days(days))),
        });
    (arrivals(), prop::collection::vec(word, 0..6)).prop_map(|(events, words)| [events, words].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Whatever the rule: kept, asked for and evaluated by itself, it has the same members but for what people said.
    #[test]
    fn a_live_segment_has_the_members_of_one_on_demand(events in stories(), rule in any_rule()) {
        let both = |keep: &str| json!({
            "key": keep, "name": {"en": "X", "zh-CN": "X"}, "keep": keep, "rule": rule.to_value(),
        });
        let loyal = "{key: loyal, name: {en: L, zh-CN: 忠}, keep: live, rule: {profile: orders_ever, gte: 2}}";
        let nobody = "{key: nobody, name: {en: N, zh-CN: 无}, keep: list}";
        let texts = [SHIPPED[0], SHIPPED[1], loyal, nobody];
        let mut documents: Vec<TagDocument> = texts.iter().map(|text| match yaml(text) {
            body if body.get("keep").is_some() => TagDocument::first_of("segment:", body),
            body => TagDocument::first(body),
        }).collect();
        documents.extend(["live", "on_demand"].map(|keep| TagDocument::first_of("segment:", both(keep))));
        // A value that a tag never has is refused; of those there is nothing to see.
        let Ok(all) = Catalogue::parse(&documents, Currency::parse("CNY").expect("code")) else { return Ok(()) };
        let seen = evaluated(&all, &events, day(500));
        let may = CustomerFacts::fold(&events).dealings().personalised();
        let ruled = if rule.leaves().iter().any(|leaf| matches!(leaf, Rule::Score { .. })) {
            seen.eval(&rule).and(&may)
        } else {
            seen.eval(&rule)
        };
        prop_assert_eq!(seen.membership("live"), Some(ruled.clone()));
        prop_assert_eq!(seen.membership("on_demand"), Some(ruled));
    }

    /// However often somebody looks, the history is the same, and what stands is its fold.
    #[test]
    fn many_small_runs_record_what_one_late_run_does(
        events in stories(), mut cuts in prop::collection::vec(0i64..500, 0..8),
    ) {
        let all = catalogue(&[SHIPPED[0], SHIPPED[1], RECENT, DEAR, GUESTS]).expect("right");
        let (rules, end) = (Rulebook::from(all), day(600));
        let start = events.iter().map(|event| event.received_at).min().expect("at least one");
        let run = |events: &[Event], stand: Stand<'_>, now| {
            step(&rules, events, Bearer::consumer(UTC), stand, Some(day(0)), now)
        };
        let whole = run(&events, Stand::NEVER, end);
        cuts.sort_unstable();
        let mut runs: Vec<Instant> = cuts.into_iter().map(day).filter(|at| *at >= start).collect();
        runs.push(end);
        let (mut kept_at, mut current, mut changes, mut last) = (None, Vec::new(), Vec::new(), None);
        for now in runs {
            let known: Vec<Event> = events.iter().filter(|event| event.received_at <= now).cloned().collect();
            let stepped = run(&known, stood(kept_at, &current), now);
            changes.extend(stepped.changes.clone());
            (kept_at, current) = (Some(now), current_of(&stepped.current));
            last = Some(stepped);
        }
        prop_assert_eq!(&changes, &whole.changes);
        prop_assert_eq!(last.expect("ran").current, whole.current);
    }
}
