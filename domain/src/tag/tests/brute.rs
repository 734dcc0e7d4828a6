//! Every shipped tag against looking at one quarter of a day after the other, whenever somebody looks: rules are read by
//! `rule::brute`, holds by walking backwards. And a state is the same by whatever way its facts came in.

use super::by_eye::{self, products, with_more};
use super::shipped as bare;
use super::stepping::{current_of, stood};
use crate::customer::aggregates_tests::story;
use crate::customer::fixture::*;
use crate::customer::{AccountKind, Bearer, Birthday, CustomerFacts, Profile, ProfileTimelines};
use crate::event::Event;
use crate::rule::Rule;
use crate::rule::brute::{Seen, holds};
use crate::tag::definition::{Kind, Shape, TagDefinition};
use crate::tag::{Catalogue, Evaluation, System, TagState, step};
use crate::time::{Instant, Span};
use chrono_tz::{Africa, America, Asia, Tz, UTC};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The shipped tags, of a shop that knows its products.
fn shipped() -> Catalogue {
    bare().knowing(Arc::new(products()))
}

/// Quarters of a day from day −1 on; past every window and hold.
const QUARTERS: usize = 4 * (1 + 100 + 365 + 35);

fn quarter(n: usize) -> Instant {
    day(-1) + Span::hours(6 * i64::try_from(n).expect("small"))
}

fn zone() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![UTC, Asia::Shanghai, America::New_York, Africa::Cairo])
}

fn bearer() -> impl Strategy<Value = Bearer> {
    let birthday = prop::option::of(prop::sample::select(vec!["05-09", "02-29", "01-02"]));
    (zone(), birthday).prop_map(|(zone, birthday)| Bearer {
        birthday: birthday.and_then(|text| Birthday::parse(text).ok()),
        ..Bearer::consumer(zone)
    })
}

/// As the stories of the aggregates, with amounts that tiers are about.
fn dear_story() -> impl Strategy<Value = Vec<Event>> {
    use crate::event::Fact;
    with_more(story()).prop_map(|events| {
        let dearer = |event: Event| {
            let fact = match event.fact {
                Fact::OrderCompleted { order_id, total_minor } => {
                    Fact::OrderCompleted { order_id, total_minor: total_minor * 1_000 }
                }
                Fact::OrderRefunded { order_id, refund_id, amount_minor } => {
                    Fact::OrderRefunded { order_id, refund_id, amount_minor: amount_minor.map(|n| n * 1_000) }
                }
                other => other,
            };
            Event { fact, ..event }
        };
        events.into_iter().map(dearer).collect()
    })
}

/// Whether what `on` says by quarters is held at `n`: now, or by a settled stretch that ended not long before. What was so
/// from the beginning was so for long.
fn held(on: &[bool], n: usize, tag: &TagDefinition) -> bool {
    let quarters =
        |span: Span| usize::try_from(span.as_micros() / Span::hours(6).as_micros()).expect("whole");
    let (hold, settle) = (quarters(tag.hold), quarters(tag.settle));
    let settled = |end: usize| {
        let begin = (0..end).rev().find(|i| !on[*i]).map_or(0, |i| i + 1);
        begin == 0 || end - begin >= settle
    };
    on[n] || (1..=n).rev().take(hold).any(|end| on[end - 1] && !on[end] && n - end < hold && settled(end))
}

type Course = Vec<Option<String>>;

/// Every tag's value at every quarter, each after those it asks for.
fn looked_at(
    catalogue: &Catalogue,
    events: &[Event],
    bearer: Bearer,
    profiles: &[Profile],
) -> BTreeMap<String, Course> {
    let mut courses: BTreeMap<String, Course> = BTreeMap::new();
    let nothing = |_: &str| (None, None);
    let may = |n: usize| {
        Seen { now: quarter(n), profile: &profiles[n], events, bearer, tag: &nothing }.personalised()
    };
    let personalised: Vec<bool> = (0..QUARTERS).map(may).collect();
    for tag in catalogue.tags() {
        let course = {
            let see = |n: usize, rule: &Rule| {
                let value = |key: &str| (courses.get(key).and_then(|course| course[n].clone()), None);
                holds(rule, &Seen { now: quarter(n), profile: &profiles[n], events, bearer, tag: &value })
            };
            let out = |n: usize| tag.unless.as_ref().is_some_and(|rule| see(n, rule));
            let line = |rule: &Rule| (0..QUARTERS).map(|n| see(n, rule)).collect::<Vec<bool>>();
            match &tag.shape {
                Shape::Flag(rule) => {
                    let on = line(rule);
                    (0..QUARTERS).map(|n| (held(&on, n, tag) && !out(n)).then(|| "true".to_owned())).collect()
                }
                Shape::Levels { otherwise, levels, .. } => {
                    let lines: Vec<Vec<bool>> = levels.iter().map(|level| line(&level.rule)).collect();
                    let up = |from: usize| -> Vec<bool> {
                        (0..QUARTERS).map(|n| lines[from..].iter().any(|line| line[n])).collect()
                    };
                    let ups: Vec<Vec<bool>> = (0..levels.len()).map(up).collect();
                    let highest = |n: usize| {
                        let level = (0..levels.len()).rev().find(|i| held(&ups[*i], n, tag) && !out(n));
                        Some(level.map_or(otherwise.to_string(), |i| levels[i].value.to_string()))
                    };
                    (0..QUARTERS).map(highest).collect()
                }
                Shape::Field { field, rule } => {
                    let on = line(rule);
                    let word = |n: usize| {
                        let seen = Seen {
                            now: quarter(n),
                            profile: &profiles[n],
                            events,
                            bearer,
                            tag: &|_| (None, None),
                        };
                        seen.word(*field).filter(|_| on[n])
                    };
                    let words: Course = (0..QUARTERS).map(word).collect();
                    // The word that ended last stays for the hold; the next one takes its place at once.
                    let kept = |n: usize| {
                        let last = (0..=n).rev().find(|i| words[*i].is_some())?;
                        let is_held = |word: &String| {
                            let on: Vec<bool> =
                                words[..=n].iter().map(|other| other.as_ref() == Some(word)).collect();
                            held(&on, n, tag)
                        };
                        words[last].clone().filter(is_held)
                    };
                    (0..QUARTERS).map(kept).collect()
                }
                Shape::Scored { score, .. } => {
                    let value = |n: usize| {
                        by_eye::settled(events, *score, quarter(n)).filter(|value| tag.can_be(value))
                    };
                    (0..QUARTERS).map(value).collect()
                }
                Shape::Supply => (0..QUARTERS).map(|n| by_eye::refill(events, quarter(n))).collect(),
                Shape::System(System::PersonalizationOff) => {
                    (0..QUARTERS).map(|n| (!personalised[n]).then(|| "true".to_owned())).collect()
                }
                // Nobody of these stories is given one, and all are consumers.
                Shape::Named(_) | Shape::Said(_) | Shape::System(System::AccountKind) => vec![None; QUARTERS],
            }
        };
        let course = match tag.kind() {
            // None of these has a value otherwise.
            Kind::Model => {
                course.into_iter().zip(&personalised).map(|(value, may)| value.filter(|_| *may)).collect()
            }
            _ => course,
        };
        courses.insert(tag.key.clone(), course);
    }
    courses
}

fn snapshot(profile: Profile) -> Profile {
    Profile { next_change: None, ..profile }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    /// From whenever somebody looks, knowing what happened by then: every shipped tag is what looking says, and neither a
    /// tag nor a number changes before the instant that is stored as due.
    #[test]
    fn every_shipped_tag_is_what_looking_says_and_nothing_changes_before_it_is_due(
        events in dear_story(), bearer in bearer(), looked in 4usize..320,
    ) {
        let catalogue = shipped();
        let events: Vec<Event> = events.into_iter().filter(|event| event.occurred_at <= quarter(looked)).collect();
        let facts = CustomerFacts::fold(&events);
        let numbers = ProfileTimelines::build(&facts, bearer.zone);
        let profiles: Vec<Profile> = (0..QUARTERS).map(|n| snapshot(numbers.at(quarter(n)))).collect();
        let wanted = looked_at(&catalogue, &events, bearer, &profiles);
        let evaluation = Evaluation::of(&catalogue, &facts, bearer, quarter(looked));
        for n in looked..QUARTERS {
            let now = quarter(n);
            for state in evaluation.states(now) {
                prop_assert_eq!(&state.value, &wanted[&state.key][n], "{} at {} in {}", state.key, now, bearer.zone);
            }
            let Some(next) = (n + 1 < QUARTERS).then_some(n + 1) else { break };
            let changes = profiles[n] != profiles[next] || wanted.values().any(|course| course[n] != course[next]);
            let due = evaluation.next_due(now);
            prop_assert!(!changes || due.is_some_and(|due| due <= quarter(next)), "{} is due at {:?}", now, due);
            prop_assert!(due.is_none_or(|due| due > now));
        }
    }

    /// Whoever looks later finds the same since, value and next flip of every instant before.
    #[test]
    fn a_state_is_the_same_whenever_somebody_looks(
        events in dear_story(), bearer in bearer(), looks in prop::collection::vec(0usize..QUARTERS, 1..12),
    ) {
        let catalogue = shipped();
        let facts = CustomerFacts::fold(&events);
        let last = Evaluation::of(&catalogue, &facts, bearer, quarter(QUARTERS));
        for n in looks {
            let now = quarter(n);
            let then = Evaluation::of(&catalogue, &facts, bearer, now).states(now);
            prop_assert_eq!(then, last.states(now), "{}", now);
        }
    }

    /// The states at the end are those of the facts alone, in whatever order they arrived and however often the keeper
    /// looked meanwhile; and the ledger folds to them.
    #[test]
    fn what_stands_at_the_end_is_what_the_facts_say_by_whatever_way_they_came(
        events in dear_story(), bearer in bearer(), late in prop::collection::vec(0i64..120, 60),
        mut looks in prop::collection::vec(0usize..QUARTERS, 0..8),
    ) {
        let catalogue = shipped();
        let events: Vec<Event> = events
            .into_iter()
            .zip(late.iter().cycle())
            .map(|(event, days)| received(event.clone(), event.occurred_at + Span::days(*days)))
            .collect();
        let (end, rules) = (quarter(QUARTERS), catalogue.clone().into());
        looks.sort_unstable();
        let (mut kept_at, mut current, mut ledger) = (None, Vec::new(), BTreeMap::<String, Option<String>>::new());
        let mut states: Vec<TagState> = Vec::new();
        for now in looks.into_iter().map(quarter).chain([end]) {
            let stepped = step(&rules, &events, bearer, stood(kept_at, &current), None, now);
            for change in &stepped.changes {
                let was = ledger.insert(change.key.clone(), change.to.clone()).flatten();
                prop_assert_eq!(&was, &change.from, "{}", change.key);
            }
            (kept_at, current) = (Some(now), current_of(&stepped.current));
            states = stepped.current;
        }
        for state in &states {
            prop_assert_eq!(ledger.get(&state.key).cloned().flatten(), state.value.clone(), "{}", state.key);
        }
        prop_assert_eq!(states, Evaluation::of(&catalogue, &CustomerFacts::fold(&events), bearer, end).states(end));
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Whatever the facts and whoever it is, at whatever instant: a state, and no panic.
    #[test]
    fn there_is_a_state_whatever_the_facts_and_the_instant(
        events in prop::collection::vec(any_extreme_event(), 0..20), bearer in bearer(),
        registered_at in prop::option::of(extreme_instant()), kept_at in prop::option::of(extreme_instant()),
        account in prop::sample::select(AccountKind::ALL.to_vec()), live in prop::option::of(extreme_instant()),
        now in extreme_instant(),
    ) {
        let (catalogue, bearer) = (shipped(), Bearer { registered_at, account, ..bearer });
        let evaluation = Evaluation::of(&catalogue, &CustomerFacts::fold(&events), bearer, now);
        for state in evaluation.states(now) {
            prop_assert!(state.since <= now && state.next_flip.is_none_or(|flip| flip > now), "{}", state.key);
        }
        let stepped = step(&catalogue.clone().into(), &events, bearer, stood(kept_at, &[]), live, now);
        prop_assert!(stepped.changes.iter().all(|change| change.as_of <= now));
        prop_assert!(stepped.next_due.is_none_or(|due| due > now));
    }
}
