//! Tags that runs over the whole book give.

use super::shipped;
use crate::customer::dealings::Score;
use crate::customer::fixture::*;
use crate::customer::{Bearer, CustomerFacts};
use crate::event::own::{Own, Settled};
use crate::event::{Detail, Event, Fact};
use crate::rule::Lang;
use crate::tag::{Evaluation, Standing, TagState};
use crate::time::Instant;
use chrono_tz::UTC;
use serde_json::json;
use std::collections::BTreeMap;

fn settled(value: Option<&str>, recency: i64, at: Instant) -> Event {
    let parts = BTreeMap::from([("recency".to_owned(), recency)]);
    let own = Own::ScoreSettled(Settled { score: Score::Rfm, value: value.map(str::to_owned), parts });
    let name = own.name().to_owned();
    Event { detail: Some(Detail::Own(Box::new(own))), ..event(at, Fact::Custom { name }) }
}

fn personalised(granted: bool, channel: &str, at: Instant) -> Event {
    let (channel, purpose) = (channel.to_owned(), "personalization".to_owned());
    event(at, Fact::ConsentChanged { channel, purpose, granted })
}

fn rfm(events: &[Event], now: Instant) -> TagState {
    let catalogue = shipped();
    let facts = CustomerFacts::fold(events);
    let states = Evaluation::of(&catalogue, &facts, Bearer::consumer(UTC), now).states(now);
    states.into_iter().find(|state| state.key == "rfm_segment").expect("in the catalogue")
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
    let tag = catalogue.tags().iter().find(|tag| tag.key == "rfm_segment").expect("in the catalogue");
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
