//! Tags that events set, and those that the program itself gives.

use super::{parse, shipped};
use crate::customer::fixture::*;
use crate::customer::{AccountKind, Bearer, CustomerFacts};
use crate::event::own::{Own, TagRemoval};
use crate::event::{Detail, Event, Fact};
use crate::rule::Lang;
use crate::tag::{Catalogue, Evaluation, Kind, Source, Standing, TagState};
use crate::time::{Instant, Span};
use chrono_tz::UTC;
use proptest::prelude::*;
use serde_json::json;

const CLUB: &str = "
key: club
name: { en: Club, zh-CN: 俱乐部 }
set_by:
  - { value: member, name: { en: Member, zh-CN: 会员 }, events: [Club Joined, Club Joined In Shop] }
  - { value: gold, name: { en: Gold, zh-CN: 金卡 }, events: [Club Upgraded] }
ended_by: [Club Left]
lasts: 30d
";
const READER: &str = "{key: reader, name: {en: Reader, zh-CN: 读者}, set_by: [Letter Read], by_hand: {}}";

fn said(name: &str, at: Instant) -> Event {
    event(at, Fact::Custom { name: name.to_owned() })
}

fn state(catalogue: &Catalogue, events: &[Event], key: &str, now: Instant) -> TagState {
    let facts = CustomerFacts::fold(events);
    let states = Evaluation::of(catalogue, &facts, Bearer::consumer(UTC), now).states(now);
    states.into_iter().find(|state| state.key == key).expect("in the catalogue")
}

#[test]
fn the_last_event_says_what_it_is_until_it_is_ended_or_over() {
    let catalogue = parse(&[CLUB]).expect("right");
    let events = [
        said("Club Joined In Shop", day(0)),
        said("Club Upgraded", day(10)),
        said("Club Left", day(20)),
        said("Club Left", day(21)),
        said("Club Joined", day(50)),
        said("Club Joined", day(60)),
        said("club joined", day(200)),
    ];
    let club = |n| state(&catalogue, &events, "club", day(n));
    let first = club(0);
    assert_eq!(
        (first.value.as_deref(), first.next_flip, first.source),
        (Some("member"), Some(day(10)), Source::Event)
    );
    assert_eq!(
        first.evidence,
        json!({"event": "Club Joined In Shop", "event_at": day(0), "ends_at": day(30)})
    );
    assert_eq!((club(10).value.as_deref(), club(10).since), (Some("gold"), day(10)));
    assert_eq!([club(20), club(21), club(49)].map(|state| state.value), [None, None, None]);
    // Said again it lasts anew, and began with the first time.
    let again = club(89);
    assert_eq!(
        (again.value.as_deref(), again.since, again.next_flip),
        (Some("member"), day(50), Some(day(90)))
    );
    assert_eq!(again.evidence["event_at"], json!(day(60)));
    assert_eq!((club(90).value, club(200).value), (None, None), "a name in other letters is another event");
}

#[test]
fn of_two_at_one_instant_the_greater_message_id_counts() {
    let catalogue = parse(&[CLUB]).expect("right");
    for (joined, left, value) in [("1", "2", None), ("2", "1", Some("member"))] {
        let with = |id: &str, event: Event| Event { message_id: id.to_owned(), ..event };
        let events = [with(joined, said("Club Joined", day(0))), with(left, said("Club Left", day(0)))];
        assert_eq!(state(&catalogue, &events, "club", day(1)).value.as_deref(), value);
    }
}

#[test]
fn a_flag_stays_people_may_overrule_it_and_what_excludes_it_ends_it_at_once() {
    let catalogue = parse(&[READER]).expect("right");
    let events = [said("Letter Read", day(0))];
    let reader = state(&catalogue, &events, "reader", day(4_000));
    assert_eq!((reader.value.as_deref(), reader.next_flip), (Some("true"), None));
    assert_eq!(reader.evidence, json!({"event": "Letter Read", "event_at": day(0)}));
    let own = Own::TagRemoved(TagRemoval { tag: "reader".to_owned(), suppressed_until: Some(day(9)) });
    let taken = Event { detail: Some(Detail::Own(Box::new(own))), ..said("Tag Removed", day(5)) };
    let events = [events.to_vec(), vec![taken]].concat();
    assert_eq!(state(&catalogue, &events, "reader", day(5)).value, None);
    assert_eq!(state(&catalogue, &events, "reader", day(9)).value.as_deref(), Some("true"));
    let catalogue =
        parse(&[&READER.replace("by_hand: {}", "unless: {event: Letter Stopped}")]).expect("right");
    let events = [said("Letter Read", day(0)), said("Letter Stopped", day(3)), said("Letter Read", day(4))];
    let value = |n| state(&catalogue, &events, "reader", day(n)).value;
    assert_eq!((value(2).as_deref(), value(3), value(4)), (Some("true"), None, None));
}

#[test]
fn it_is_of_a_kind_of_its_own_and_says_so_in_words() {
    let catalogue = parse(&[CLUB]).expect("right");
    let club = catalogue.find("club").expect("there");
    assert_eq!((club.kind(), club.values()), (Kind::Event, Some(vec!["member", "gold"])));
    let now = state(&catalogue, &[said("Club Joined", day(0))], "club", day(1));
    let standing = Standing { value: "member", since: now.since, evidence: &now.evidence };
    assert_eq!(
        club.why(&standing, UTC, Lang::En),
        "Club is Member since 2026-01-01: an event says so (ends: 2026-01-31, event: Club Joined, happened: 2026-01-01)."
    );
    assert_eq!(
        club.why(&standing, UTC, Lang::ZhCn),
        "俱乐部自 2026-01-01 起为「会员」：依据事件（到期：2026-01-31，事件：Club Joined，发生：2026-01-01）。"
    );
    assert_eq!(
        club.says(Lang::En),
        [
            ("member", "Holds when Club Joined or Club Joined In Shop happened within 30d, and none of Club Upgraded, Club Left since.".to_owned()),
            ("gold", "Holds when Club Upgraded happened within 30d, and none of Club Joined, Club Joined In Shop, Club Left since.".to_owned()),
        ]
    );
    assert_eq!(
        club.says(Lang::ZhCn)[1].1,
        "条件：最近 30 天内发生过 Club Upgraded，且此后未发生 Club Joined、Club Joined In Shop、Club Left。"
    );
}

#[test]
fn mistakes_are_named_with_their_place() {
    let wrong =
        |body: &str| parse(&[&format!("{{key: a, name: {{en: A, zh-CN: 甲}}, {body}}}")]).expect_err(body);
    assert_eq!(
        wrong("set_by: []"),
        ["a.set_by: give a list of events' names, or of values with value, name and events"]
    );
    assert_eq!(wrong("set_by: [X, 7]"), ["a.set_by[1]: 7 is not an event's name"]);
    assert_eq!(
        wrong("set_by: [X], ended_by: [Z, X]"),
        ["a.ended_by[1]: X says something already; name it once"]
    );
    assert_eq!(
        wrong("set_by: [X], lasts: soon"),
        ["a.lasts: \"soon\" is not a duration; write for example \"30d\" or \"12h\", at most \"36525d\""]
    );
    assert_eq!(
        wrong("set_by: [X], lasts: 0d"),
        ["a.lasts: lasts no time; leave it out for a tag that stays"]
    );
    assert_eq!(
        wrong("set_by: [X], hold: 3d"),
        [
            "a.hold: events set this tag, no condition that could be held; say with lasts for how long; leave it out"
        ]
    );
    assert_eq!(
        wrong("set_by: [{value: b, name: {en: B, zh-CN: 乙}}]"),
        ["a.set_by[0].events: give a list of at least one event's name"]
    );
    assert_eq!(
        wrong("rule: {event: X}, ended_by: [Z]"),
        ["a.ended_by: only a tag that events set (set_by) is ended so; leave it out"]
    );
    assert_eq!(
        wrong("system: account_kinds"),
        [
            "a.system: \"account_kinds\" is nothing the program knows of a customer; did you mean account_kind?"
        ]
    );
    assert_eq!(
        wrong("system: account_kind, by_hand: {}"),
        ["a.by_hand: what the program itself knows is neither held nor given by hand; leave it out"]
    );
}

#[test]
fn the_program_itself_says_what_an_account_is_and_who_objects() {
    let catalogue = shipped();
    let facts = CustomerFacts::fold(&[order("A", 1_00, day(0))]);
    for account in AccountKind::ALL {
        let bearer = Bearer { account: *account, ..Bearer::consumer(UTC) };
        let states = Evaluation::of(&catalogue, &facts, bearer, day(1)).states(day(1));
        let state = states.into_iter().find(|state| state.key == "account_kind").expect("shipped");
        let wanted = (!account.is_consumer()).then(|| account.as_str());
        assert_eq!((state.value.as_deref(), state.source), (wanted, Source::System));
        assert_eq!(state.evidence, wanted.map_or(json!({}), |kind| json!({"account_kind": kind})));
    }
    let tag = catalogue.find("account_kind").expect("shipped");
    let standing =
        Standing { value: "reseller", since: day(0), evidence: &json!({"account_kind": "reseller"}) };
    assert_eq!(
        tag.why(&standing, UTC, Lang::En),
        "Kind of account is reseller since 2026-01-01: people named this kind of account."
    );
    let personalised = |granted, channel: &str, at| {
        let (channel, purpose) = (channel.to_owned(), "personalization".to_owned());
        event(at, Fact::ConsentChanged { channel, purpose, granted })
    };
    let events = [
        personalised(false, "sms", day(1)),
        personalised(false, "email", day(2)),
        personalised(true, "sms", day(3)),
        personalised(true, "email", day(4)),
    ];
    let off = |n| state(&catalogue, &events, "personalization_off", day(n));
    assert_eq!((off(0).value, off(4).value), (None, None));
    assert_eq!((off(2).value.as_deref(), off(2).since), (Some("true"), day(1)));
    assert_eq!(
        (off(2).evidence, off(3).evidence),
        (json!({"objected_on": "email, sms"}), json!({"objected_on": "email"}))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    /// Looking back from each day: the last of the events that happened, if it isn't over.
    #[test]
    fn it_is_what_the_last_event_says(
        told in prop::collection::vec((0i64..90, 0usize..4), 0..12), shuffled in any::<prop::sample::Index>(),
    ) {
        const NAMES: [(&str, Option<&str>); 4] =
            [("Club Joined", Some("member")), ("Club Upgraded", Some("gold")), ("Club Left", None), ("Club Joined In Shop", Some("member"))];
        let catalogue = parse(&[CLUB]).expect("right");
        let mut events: Vec<Event> = told
            .iter()
            .enumerate()
            .map(|(i, (n, which))| Event { message_id: format!("{i:02}"), ..said(NAMES[*which].0, day(*n)) })
            .collect();
        if !events.is_empty() {
            let middle = shuffled.index(events.len());
            events.rotate_left(middle);
        }
        let facts = CustomerFacts::fold(&events);
        let evaluation = Evaluation::of(&catalogue, &facts, Bearer::consumer(UTC), day(200));
        for n in 0..130 {
            let last = told.iter().enumerate().filter(|(_, (at, _))| *at <= n).max_by_key(|(i, (at, _))| (*at, *i));
            let wanted = last.filter(|(_, (at, _))| day(n) - day(*at) < Span::days(30)).and_then(|(_, (_, which))| NAMES[*which].1);
            let state = evaluation.states(day(n)).remove(0);
            prop_assert_eq!(state.value.as_deref(), wanted, "day {}", n);
        }
    }
}
