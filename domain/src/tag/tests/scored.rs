//! Tags that runs over the whole book give.

use super::{parse, shipped};
use crate::customer::dealings::Score;
use crate::customer::fixture::*;
use crate::customer::{Bearer, CustomerFacts};
use crate::event::own::{Own, Settled};
use crate::event::{Detail, Event, Fact};
use crate::rule::Lang;
use crate::tag::{Evaluation, Kind, Source, Standing, TagState};
use crate::time::{Instant, Span};
use chrono_tz::UTC;
use serde_json::json;
use std::collections::BTreeMap;

fn settled(value: Option<&str>, recency: i64, at: Instant) -> Event {
    let parts = BTreeMap::from([("recency".to_owned(), recency)]);
    said(Settled { score: Score::Rfm, value: value.map(str::to_owned), parts }, at)
}

fn said(settled: Settled, at: Instant) -> Event {
    let own = Own::ScoreSettled(settled);
    let name = own.name().to_owned();
    Event { detail: Some(Detail::Own(Box::new(own))), ..event(at, Fact::Custom { name }) }
}

fn personalised(granted: bool, channel: &str, at: Instant) -> Event {
    let (channel, purpose) = (channel.to_owned(), "personalization".to_owned());
    event(at, Fact::ConsentChanged { channel, purpose, granted })
}

fn state_of(key: &str, events: &[Event], now: Instant) -> TagState {
    let catalogue = shipped();
    let facts = CustomerFacts::fold(events);
    let states = Evaluation::of(&catalogue, &facts, Bearer::consumer(UTC), now).states(now);
    states.into_iter().find(|state| state.key == key).expect("in the catalogue")
}

fn rfm(events: &[Event], now: Instant) -> TagState {
    state_of("rfm_segment", events, now)
}

/// What a run gave: the likelihood of an order in millionths, or nothing any more.
fn likely(millionths: Option<i64>, at: Instant) -> Event {
    let parts = millionths.map(|n| ("p_order_180".to_owned(), n)).into_iter().collect();
    said(Settled { score: Score::Churn, value: None, parts }, at)
}

#[test]
fn it_is_what_the_runs_agreed_on_with_their_numbers() {
    let events = [
        order("A", 100_00, day(0)),
        settled(Some("important_value"), 5, day(7)),
        settled(Some("ordinary_retain"), 3, day(21)),
        settled(None, 1, day(400)),
    ];
    let before = rfm(&events, day(6));
    assert_eq!((before.value, before.evidence), (None, json!({})));
    let first = rfm(&events, day(20));
    assert_eq!((first.value.as_deref(), first.since), (Some("important_value"), day(7)));
    assert_eq!(first.next_flip, Some(day(21)));
    assert_eq!(json!(first.evidence), json!({"recency": 5, "as_of": day(7)}));
    let second = rfm(&events, day(399));
    assert_eq!((second.value.as_deref(), second.since), (Some("ordinary_retain"), day(21)));
    assert_eq!(rfm(&events, day(400)).value, None);
}

#[test]
fn who_objects_to_being_personalised_has_none_until_that_is_taken_back_on_every_channel() {
    let events = [
        settled(Some("important_value"), 5, day(7)),
        personalised(false, "email", day(8)),
        personalised(false, "sms", day(9)),
        personalised(true, "email", day(10)),
        personalised(true, "sms", day(11)),
    ];
    let value = |at: Instant| rfm(&events, at).value;
    assert_eq!(value(day(7)).as_deref(), Some("important_value"));
    for objecting in [8, 9, 10] {
        assert_eq!(value(day(objecting)), None, "day {objecting}");
    }
    assert_eq!(value(day(11)).as_deref(), Some("important_value"));
}

#[test]
fn it_says_so_in_words() {
    let state = rfm(&[settled(Some("important_value"), 5, day(7))], day(8));
    let (catalogue, evidence) = (shipped(), json!(state.evidence));
    let tag = catalogue.tags().into_iter().find(|tag| tag.key == "rfm_segment").expect("in the catalogue");
    let standing = Standing { value: "important_value", since: state.since, evidence: &evidence };
    assert_eq!(
        tag.why(&standing, UTC, Lang::En),
        "RFM segment is important, to be valued since 2026-01-08: by the last run over the whole book \
         (as of: 2026-01-08, recency (1–5): 5)."
    );
    assert_eq!(
        tag.why(&standing, UTC, Lang::ZhCn),
        "RFM 分群自 2026-01-08 起为「重要价值客户」：依据最近一次全量评分（截至：2026-01-08，最近度 R（1–5）：5）。"
    );
    assert!(tag.can_be("important_value") && !tag.can_be("champions"));
}

#[test]
fn churn_is_early_below_its_bound_and_held_for_a_fortnight() {
    let orders = [order("A", 100_00, day(0)), order("B", 100_00, day(10))];
    let with = |more: &[Event]| [&orders[..], more].concat();
    let churn = |events: &[Event], now: Instant| state_of("churn_early", events, now);
    assert_eq!(churn(&orders, day(20)).value, None, "nobody has it before there are scores");
    let micro = Span::micros(1);
    for (millionths, wanted) in [(349_999, Some("true")), (350_000, None)] {
        let events = with(&[likely(Some(millionths), day(20))]);
        assert_eq!(churn(&events, day(20) - micro).value, None);
        assert_eq!(churn(&events, day(20)).value.as_deref(), wanted, "{millionths}");
    }
    let events = with(&[
        likely(Some(200_000), day(20)),
        likely(Some(300_000), day(27)),
        likely(Some(900_000), day(34)),
    ]);
    let there = churn(&events, day(28));
    assert_eq!((there.value.as_deref(), there.since, there.source), (Some("true"), day(20), Source::Model));
    assert_eq!(
        there.evidence,
        json!({"p_order_180": "0.3", "as_of": day(27), "threshold": "0.35", "order_days": 2,
            "last_order_at": day(10), "last_order_id": "B", "days": 18})
    );
    let held = churn(&events, day(34));
    assert_eq!((held.value.as_deref(), held.condition_value), (Some("true"), None));
    assert_eq!((held.next_flip, &held.evidence["held_until"]), (Some(day(48)), &json!(day(48))));
    assert_eq!(churn(&events, day(48)).value, None);
    // Runs that say nothing any more end the condition too.
    let none = with(&[likely(Some(200_000), day(20)), likely(None, day(27))]);
    assert_eq!(
        (churn(&none, day(41) - micro).value.as_deref(), churn(&none, day(41)).value),
        (Some("true"), None)
    );
}

#[test]
fn what_excludes_early_churn_ends_it_at_once() {
    let low = likely(Some(100_000), day(20));
    let churn = |events: &[Event], now: Instant| state_of("churn_early", events, now);
    let events = [order("A", 100_00, day(0)), order("B", 100_00, day(10)), low.clone()];
    let last = churn(&events, day(189));
    assert_eq!((last.value.as_deref(), last.next_flip), (Some("true"), Some(day(190))));
    assert_eq!(churn(&events, day(190)).value, None, "day 180 is churn_risk's");
    let once = [order("A", 100_00, day(0)), low.clone()];
    assert_eq!(churn(&once, day(21)).value, None, "bought on one day only");
    let refunded = [&events[..], &[refund(Some("B"), Some("r"), None, day(25))]].concat();
    assert_eq!(
        (churn(&refunded, day(24)).value.as_deref(), churn(&refunded, day(25)).value),
        (Some("true"), None)
    );
    let objects =
        [&events[..], &[personalised(false, "email", day(30)), personalised(true, "email", day(40))]]
            .concat();
    let value = |n| churn(&objects, day(n)).value;
    assert_eq!(
        (value(29).as_deref(), value(30), value(39)),
        (Some("true"), None, None),
        "nothing of it is held"
    );
    assert_eq!(value(40).as_deref(), Some("true"));
}

#[test]
fn early_churn_says_so_in_words() {
    let events = [order("A", 100_00, day(0)), order("B", 100_00, day(10)), likely(Some(300_000), day(20))];
    let (now, catalogue) = (state_of("churn_early", &events, day(28)), shipped());
    let tag = catalogue.find("churn_early").expect("shipped");
    assert_eq!((tag.kind(), tag.waits_for()), (Kind::Model, Some(Score::Churn)));
    let standing = Standing { value: "true", since: now.since, evidence: &now.evidence };
    assert_eq!(
        tag.why(&standing, UTC, Lang::En),
        "Early churn risk since 2026-01-21: the likelihood of an order within 180 d is below 0.35 (as of: 2026-01-21, the last \
         counted order: 2026-01-11, order: B, the number of order-days: 2, the likelihood of an order within 180 d: 0.3)."
    );
    assert!(tag.why(&standing, UTC, Lang::ZhCn).contains("180 天内再次下单的概率：0.3"));
}

#[test]
fn a_band_is_what_a_run_gave_of_those_there_are() {
    let band =
        |value: &str| Settled { score: Score::Clv, value: Some(value.to_owned()), parts: BTreeMap::new() };
    let of = |value: &str| state_of("clv_band", &[said(band(value), day(7))], day(8)).value;
    assert_eq!((of("a").as_deref(), of("d")), (Some("a"), None));
    let catalogue = shipped();
    let tag = catalogue.find("clv_band").expect("shipped");
    assert_eq!(tag.values(), Some(vec!["c", "b", "a"]));
    let says =
        |lang| tag.says(lang).into_iter().map(|(value, says)| format!("{value} {says}")).collect::<Vec<_>>();
    assert_eq!(
        says(Lang::En),
        [
            "c Holds when a run over the whole book put them behind those.",
            "b Holds when a run over the whole book put them in the next 20%.",
            "a Holds when a run over the whole book put them in the top 10%.",
        ]
    );
    assert_eq!(says(Lang::ZhCn)[2], "a 条件：全量评分位于前 10%。");
}

#[test]
fn bands_are_parts_of_a_whole() {
    let wrong =
        |body: &str| parse(&[&format!("{{key: t, name: {{en: A, zh-CN: 甲}}, {body}}}")]).expect_err(body);
    let band = |value: &str, share: &str| format!("{{value: {value}, name: {{en: A, zh-CN: 甲}}{share}}}");
    let (a, b, c) = (band("a", ", share: 60%"), band("b", ", share: 40%"), band("c", ""));
    assert_eq!(
        wrong(&format!("scores: clv, bands: [{c}]")),
        [
            "t.bands: give a list of at least two bands, from the top: each with value, name and share, the last without share"
        ]
    );
    assert_eq!(
        wrong(&format!("scores: clv, bands: [{a}, {b}, {c}]")),
        ["t.bands[1].share: shares are above 0 and leave something for the last band"]
    );
    assert_eq!(
        wrong(&format!("scores: clv, bands: [{c}, {c}]"))[0],
        "t.bands[0].share: give a share such as \"10%\""
    );
    assert_eq!(
        wrong(&format!("scores: clv, bands: [{a}, {b}]")),
        ["t.bands[1].share: the last band is all the others; leave its share out"]
    );
    assert_eq!(
        wrong(&format!("scores: rfm, bands: [{a}, {c}]")),
        ["t.bands: rfm has segments of its own; leave it out"]
    );
    assert_eq!(
        wrong(&format!("values: [{c}], bands: [{a}, {c}]")),
        ["t.bands: only a tag of runs (scores) has bands; leave it out"]
    );
}
