//! What becomes known of a person counts from when it is known, however late the keeper looks.

use super::stepping::{current_of, moves};
use super::{SHIPPED, parse, stepping};
use crate::customer::fixture::*;
use crate::customer::{AccountKind, Bearers, Told};
use crate::event::{Event, Fact};
use crate::ids::CustomerId;
use crate::tag::{Catalogue, Cause, Stand, step};
use crate::time::{Instant, Span};
use chrono_tz::UTC;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What depends on zone and birthday, beside the core.
fn catalogue() -> Catalogue {
    let more = ["key: birthday_soon", "key: new_customer", "key: returning", "key: lapsed"];
    let texts: Vec<&str> = SHIPPED
        .iter()
        .enumerate()
        .filter(|(n, text)| *n < 5 || more.iter().any(|key| text.contains(key)))
        .map(|(_, text)| *text)
        .collect();
    parse(&texts).expect("right")
}

/// An identify as the log has it, and what it said.
fn told(traits: &Value, occurred_at: Instant, received_at: Instant) -> (Event, Told) {
    let event = Event {
        message_id: "told".to_owned(),
        ..received(event(occurred_at, Fact::Identified), received_at)
    };
    let traits = traits.as_object().expect("an object").clone();
    (event, Told { received_at, occurred_at, message_id: "told".to_owned(), traits })
}

fn known(told: &[Told], until: Instant) -> Bearers {
    let told = told.iter().filter(|one| one.received_at <= until).cloned().collect();
    Bearers::by_word(CustomerId(0), AccountKind::Consumer, UTC, told)
}

fn late(told: (Event, Told), now: Instant, key: &str) -> Vec<(String, String, Instant, Cause)> {
    let events = [order("A", 1_00, day(0) + Span::hours(12)), told.0];
    let stepped = step(&catalogue().into(), &events, known(&[told.1], now), Stand::NEVER, Some(day(0)), now);
    moves(&stepped, key)
}

#[test]
fn a_birthday_told_in_february_was_nobodys_in_january() {
    let on = day(40); // 10 February
    let change = stepping::change;
    assert_eq!(
        late(told(&json!({"birthday": "01-20"}), day(1), on), day(420), "birthday_soon"),
        [
            change("-", "true", at("2027-01-13T00:00:00Z"), Cause::Time),
            change("true", "-", at("2027-01-21T00:00:00Z"), Cause::Time),
        ]
    );
    assert_eq!(
        late(told(&json!({"birthday": "02-12"}), on, on), day(60), "birthday_soon"),
        [change("-", "true", on, Cause::Event), change("true", "-", at("2026-02-13T00:00:00Z"), Cause::Time),]
    );
}

#[test]
fn a_zone_makes_no_earlier_day_another() {
    let churn = |told_at: &str| {
        let told_at = at(told_at);
        late(told(&json!({"timezone": "Asia/Shanghai"}), told_at, told_at), day(200), "churn_risk")
    };
    // Bought at noon of 1 January: day 180 begins on 30 June at midnight, in Shanghai eight hours before.
    let change = |at, cause| vec![stepping::change("-", "true", at, cause)];
    assert_eq!(churn("2026-06-29T15:00:00Z"), change(at("2026-06-29T16:00:00Z"), Cause::Time));
    assert_eq!(churn("2026-06-29T18:00:00Z"), change(at("2026-06-29T18:00:00Z"), Cause::Event));
    assert_eq!(churn("2026-06-30T18:00:00Z"), change(at("2026-06-30T00:00:00Z"), Cause::Time));
}

fn any_told() -> impl Strategy<Value = (Value, i64, i64)> {
    let zone =
        prop::sample::select(vec!["Asia/Shanghai", "America/New_York", "Pacific/Apia", "Moon/Tycho", ""]);
    let birthday = prop::sample::select(vec!["05-09", "2000-02-29", "01-02", "lunar:08-15", ""]);
    let traits = prop_oneof![
        zone.prop_map(|zone| json!({ "timezone": zone })),
        birthday.prop_map(|birthday| json!({ "birthday": birthday })),
    ];
    (traits, 0i64..300, 0i64..90)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// One late run and runs at any instants in between agree, whatever is told of the person meanwhile.
    #[test]
    fn a_keeper_that_slept_writes_what_a_punctual_one_does(
        events in stepping::arrivals(),
        words in prop::collection::vec(any_told(), 1..4),
        mut cuts in prop::collection::vec(0i64..700, 0..9),
    ) {
        let (rules, live, end) = (catalogue().into(), Some(day(100)), day(700));
        let words: Vec<(Event, Told)> = words
            .iter()
            .map(|(traits, occurred, late)| told(traits, day(*occurred), day(occurred + late) + Span::hours(7)))
            .collect();
        let events: Vec<Event> = events.into_iter().chain(words.iter().map(|(event, _)| event.clone())).collect();
        let words: Vec<Told> = words.into_iter().map(|(_, told)| told).collect();
        let start = events.iter().map(|event| event.received_at).min().expect("at least one");
        let whole = step(&rules, &events, known(&words, end), Stand::NEVER, live, end);
        cuts.sort_unstable();
        let mut runs: Vec<Instant> = cuts.into_iter().map(day).filter(|at| *at >= start).collect();
        runs.push(end);
        let (mut kept_at, mut current, mut changes) = (None, Vec::new(), Vec::new());
        let mut last = None;
        for now in runs {
            let here: Vec<Event> = events.iter().filter(|event| event.received_at <= now).cloned().collect();
            let stepped = step(&rules, &here, known(&words, now), stepping::stood(kept_at, &current), live, now);
            changes.extend(stepped.changes.clone());
            (kept_at, current) = (Some(now), current_of(&stepped.current));
            last = Some(stepped);
        }
        prop_assert_eq!(&changes, &whole.changes);
        let last = last.expect("ran");
        prop_assert_eq!((last.current, last.profile, last.next_due), (whole.current, whole.profile, whole.next_due));
    }
}
