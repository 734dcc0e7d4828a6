//! Random trees over every kind of leaf against looking at one instant after the other (`super::brute`): a rule's value is
//! the one seen, and no flip comes late or early. And rules are total: whatever the facts, at whatever instant.

use super::brute::{Seen, any_rule, holds};
use super::event::brute::{any_test, wordy};
use super::record::brute::{any_test as any_record_test, recorded};
use super::{Context, Lang, Rule, TagTimelines, describe, eval, explain};
use crate::customer::aggregates_tests::story;
use crate::customer::fixture::{any_extreme_event, day, extreme_instant};
use crate::customer::{Bearer, Birthday, CustomerFacts, ProfileTimelines};
use crate::event::{Event, Fact};
use crate::money::Currency;
use crate::time::{Instant, Span};
use crate::timeline::Timeline;
use chrono_tz::{Africa, America, Asia, Europe, Pacific, Tz, UTC};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// With clocks that change, some of them at midnight.
fn zone() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![
        UTC,
        Asia::Shanghai,
        America::New_York,
        Europe::Berlin,
        America::Sao_Paulo,
        Africa::Cairo,
        Asia::Beirut,
        Pacific::Apia,
    ])
}

fn bearer() -> impl Strategy<Value = Bearer> {
    let birthday = prop::option::of(prop::sample::select(vec!["05-09", "2000-02-29", "01-02", "1990-12-30"]));
    (zone(), birthday, prop::option::of(-200i64..60)).prop_map(|(zone, birthday, registered)| Bearer {
        birthday: birthday.and_then(|text| Birthday::parse(text).ok()),
        registered_at: registered.map(|n| day(0) + Span::hours(6 * n)),
        ..Bearer::consumer(zone)
    })
}

/// Everybody is in the segment loyal from day 40 to day 70. value_tier is none, gold from day 50 on, and nothing from day 60 on; nobody is a VIP.
fn with_context<T>(
    events: &[Event],
    bearer: Bearer,
    horizon: Instant,
    f: impl FnOnce(&Context<'_>) -> T,
) -> T {
    let profile = ProfileTimelines::build(&CustomerFacts::fold(events), bearer.zone);
    let word = |word: &str| Some(Arc::from(word));
    let tier = Timeline::from_points(word("none"), [(day(50), word("gold")), (day(60), None)]);
    let loyal = Timeline::from_points(None, [(day(40), word("true")), (day(70), None)]);
    let tags = TagTimelines::from([
        ("value_tier".to_owned(), tier),
        ("vip".to_owned(), Timeline::always(None)),
        ("segment:loyal".to_owned(), loyal),
    ]);
    let currency = Currency::parse("CNY").expect("code");
    f(&Context { profile: &profile, tags: &tags, bearer, currency, horizon })
}

/// The same, seen at one instant.
fn seen(rule: &Rule, events: &[Event], context: &Context<'_>, now: Instant) -> bool {
    let logged = events.iter().filter(|event| !matches!(event.fact, Fact::Recorded(_)));
    let first = logged.map(|event| event.occurred_at).min();
    let tag = |key: &str| match key {
        "value_tier" if now < day(50) => (Some("none".to_owned()), first),
        "value_tier" if now < day(60) => (Some("gold".to_owned()), Some(day(50))),
        "value_tier" => (None, Some(day(60))),
        "segment:loyal" if (day(40)..day(70)).contains(&now) => (Some("true".to_owned()), Some(day(40))),
        _ => (None, first),
    };
    let profile = context.profile.at(now);
    holds(rule, &Seen { now, profile: &profile, events, bearer: context.bearer, tag: &tag })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_rule_holds_when_looking_says_so_and_flips_neither_late_nor_early(
        events in story().prop_flat_map(wordy).prop_flat_map(recorded), rule in any_rule(), bearer in bearer(),
    ) {
        with_context(&events, bearer, day(800), |context| {
            let line = eval(&rule, context);
            let tick = Span::micros(1);
            // Every half day, and where the line says that something changes, to both sides.
            let mut looks: BTreeSet<Instant> = (-4..960).map(|n| day(0) + Span::hours(12 * n)).collect();
            looks.extend(line.changes().map(|(at, _)| at).filter(|at| *at < day(480)));
            for at in looks {
                for now in [at - tick, at] {
                    prop_assert_eq!(*line.at(now), seen(&rule, &events, context, now), "{} in {}", now, bearer.zone);
                    let flip = line.next_after(now);
                    prop_assert!(flip.is_none_or(|flip| flip > now && line.at(flip) != line.at(now)));
                }
            }
            Ok(())
        })?;
    }

    /// Events alone, with more of what was said of each.
    #[test]
    fn what_events_come_to_is_what_looking_says(
        events in story().prop_flat_map(wordy).prop_flat_map(recorded), tests in prop::collection::vec(any_test(), 8), bearer in bearer(),
    ) {
        with_context(&events, bearer, day(800), |context| {
            for rule in tests.into_iter().map(Rule::Event) {
                let line = eval(&rule, context);
                let mut looks: BTreeSet<Instant> = (-1..90).map(|n| day(2 * n)).collect();
                looks.extend(line.changes().map(|(at, _)| at));
                for at in looks {
                    for now in [at - Span::micros(1), at] {
                        let wanted = seen(&rule, &events, context, now);
                        prop_assert_eq!(*line.at(now), wanted, "{} of {}", now, rule.to_value());
                    }
                }
            }
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Records alone, with more questions about them.
    #[test]
    fn what_records_come_to_is_what_looking_says(
        events in recorded(Vec::new()), tests in prop::collection::vec(any_record_test(), 12), bearer in bearer(),
    ) {
        with_context(&events, bearer, day(800), |context| {
            for rule in tests.into_iter().map(Rule::Record) {
                let line = eval(&rule, context);
                let mut looks: BTreeSet<Instant> = (-4..320).map(|n| day(0) + Span::hours(6 * n)).collect();
                looks.extend(line.changes().map(|(at, _)| at));
                for at in looks {
                    for now in [at - Span::micros(1), at] {
                        let wanted = seen(&rule, &events, context, now);
                        prop_assert_eq!(*line.at(now), wanted, "{} of {}", now, rule.to_value());
                    }
                }
            }
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_rule_has_a_value_whatever_the_facts_and_the_instant(
        events in prop::collection::vec(any_extreme_event(), 0..20).prop_flat_map(wordy).prop_flat_map(recorded), rule in any_rule(), bearer in bearer(),
        registered_at in prop::option::of(extreme_instant()), now in extreme_instant(), horizon in extreme_instant(),
    ) {
        let bearer = Bearer { registered_at, ..bearer };
        with_context(&events, bearer, horizon, |context| {
            let line = eval(&rule, context);
            let flip = line.next_after(now);
            prop_assert!(flip.is_none_or(|flip| flip > now));
            let tree = explain(&rule, context, now, Lang::En);
            prop_assert_eq!(tree.holds, *line.at(now));
            Ok(())
        })?;
        for lang in [Lang::En, Lang::ZhCn] {
            prop_assert!(!describe(&rule, lang).is_empty());
        }
    }
}
