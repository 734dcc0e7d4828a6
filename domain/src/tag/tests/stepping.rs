//! Tag history: the same however late and often the keeper runs.

use super::{SHIPPED, core, yaml};
use crate::customer::{Bearer, fixture::*};
use crate::event::Event;
use crate::money::Currency;
use crate::tag::{
    Catalogue, Cause, CurrentTag, Rulebook, Stand, Stepped, TagChange, TagDocument, TagState, Turn, step,
};
use crate::time::{Instant, Span};
use chrono_tz::UTC;
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;

pub(super) fn current_of(states: &[TagState]) -> Vec<CurrentTag> {
    let current = |s: &TagState| CurrentTag {
        key: s.key.clone(),
        value: s.value.clone(),
        rule_version: s.rule_version,
    };
    // The book has rows only for what is there.
    states.iter().filter(|state| state.value.is_some()).map(current).collect()
}

/// Where somebody stands who was kept up to then by the rules of the first epoch, or never.
pub(super) fn stood(kept_at: Option<Instant>, tags: &[CurrentTag]) -> Stand<'_> {
    kept_at.map_or(Stand::NEVER, |at| Stand::kept(at, 1, tags))
}

/// The first three tags, and another catalogue from an instant on.
fn turned(catalogue: Catalogue, at: Instant) -> Rulebook {
    Rulebook::new(Arc::new(core()), vec![Turn { epoch: 2, at, catalogue: Arc::new(catalogue) }])
}

fn first(events: &[Event], live: Option<Instant>, now: Instant) -> Stepped {
    step(&core().into(), events, Bearer::consumer(UTC), Stand::NEVER, live, now)
}

fn of<'a>(stepped: &'a Stepped, key: &str) -> Vec<&'a TagChange> {
    stepped.changes.iter().filter(|change| change.key == key).collect()
}

/// (from, to, as_of, cause) of each change of a tag.
pub(super) fn moves(stepped: &Stepped, key: &str) -> Vec<(String, String, Instant, Cause)> {
    let word = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    of(stepped, key).into_iter().map(|c| (word(&c.from), word(&c.to), c.as_of, c.cause)).collect()
}

pub(super) fn change(from: &str, to: &str, at: Instant, cause: Cause) -> (String, String, Instant, Cause) {
    (from.to_owned(), to.to_owned(), at, cause)
}

#[test]
fn a_walk_records_each_fact_and_each_flip_at_its_own_instant() {
    let events = [order("A", 6_000_00, day(0)), order("B", 6_000_00, day(10))];
    let stepped = first(&events, Some(day(0)), day(500));
    assert_eq!(
        moves(&stepped, "value_tier"),
        [
            change("-", "gold", day(0), Cause::Event),
            change("gold", "diamond", day(10), Cause::Event),
            change("diamond", "gold", day(395), Cause::Time),
            change("gold", "none", day(405), Cause::Time),
        ]
    );
    assert_eq!(
        moves(&stepped, "vip"),
        [change("-", "true", day(10), Cause::Event), change("true", "-", day(395), Cause::Time),]
    );
    assert_eq!(moves(&stepped, "churn_risk"), [change("-", "true", day(190), Cause::Time)]);
    assert_eq!(
        of(&stepped, "churn_risk")[0].evidence,
        json!({
            "last_order_at": day(10), "last_order_id": "B", "days": 180
        })
    );
    assert!(stepped.changes.iter().all(|change| !change.historical && change.since == change.as_of));
    assert!(stepped.changes.is_sorted_by_key(|change| change.as_of));
    assert_eq!((stepped.next_due, stepped.profile.orders_ever), (None, 2));
}

#[test]
fn due_next_is_the_next_change_of_any_number_or_tag() {
    let stepped = first(&[order("A", 6_000_00, day(0))], None, day(0));
    assert_eq!(stepped.next_due, Some(day(180)));
    let later = first(&[order("A", 6_000_00, day(0))], None, day(180));
    assert_eq!((later.next_due, later.profile.next_change), (Some(day(365)), Some(day(365))));
}

#[test]
fn a_late_fact_is_judged_when_received_and_only_its_net_change_is_recorded() {
    // The order of day 100 arrives on day 200: churn_risk, entered on day 180, goes; nothing is rewritten.
    let late = received(order("B", 6_000_00, day(100)), day(200));
    let events = [late, order("A", 6_000_00, day(0))];
    let stepped = first(&events, Some(day(0)), day(250));
    assert_eq!(
        moves(&stepped, "churn_risk"),
        [change("-", "true", day(180), Cause::Time), change("true", "-", day(200), Cause::Event),]
    );
    let lifted = of(&stepped, "value_tier")[1];
    assert_eq!((lifted.to.as_deref(), lifted.since, lifted.as_of), (Some("diamond"), day(100), day(200)));
    // On day 280 churn_risk begins for the later order.
    assert_eq!(stepped.next_due, Some(day(280)));
}

#[test]
fn facts_of_one_instant_are_one_step() {
    let events = [
        received(order("A", 12_000_00, day(0)), day(30)),
        received(refund(Some("A"), None, None, day(5)), day(30)),
        received(order("B", 3_000_00, day(7)), day(30)),
    ];
    let stepped = first(&events, Some(day(0)), day(30));
    assert_eq!(moves(&stepped, "value_tier"), [change("-", "silver", day(30), Cause::Event)]);
    assert_eq!(of(&stepped, "value_tier")[0].since, day(7));
}

#[test]
fn a_flip_at_the_instant_a_fact_comes_is_times_doing() {
    let events = [order("A", 6_000_00, day(0)), complaint("K", day(180))];
    let stepped = first(&events, Some(day(0)), day(180));
    assert_eq!(moves(&stepped, "churn_risk"), [change("-", "true", day(180), Cause::Time)]);
    assert_eq!(moves(&stepped, "complaint_open"), [change("-", "true", day(180), Cause::Event)]);
}

#[test]
fn what_truly_began_before_going_live_is_historical_and_at_its_very_instant_is_not() {
    let tick = Span::micros(1);
    let churn = |live: Option<Instant>| {
        let stepped = first(&[received(order("A", 1_00, day(0)), day(190))], live, day(200));
        let change = of(&stepped, "churn_risk")[0].clone();
        assert_eq!((change.as_of, change.since), (day(190), day(180)));
        change.historical
    };
    assert!(churn(None), "onboarding");
    assert!(churn(Some(day(180) + tick)));
    assert!(!churn(Some(day(180))));
    assert!(!churn(Some(day(180) - tick)));
    // However old the facts, what falls after going live is live.
    let stepped = first(&[order("A", 1_00, day(0))], Some(day(170)), day(200));
    assert!(of(&stepped, "value_tier")[0].historical);
    assert!(!of(&stepped, "churn_risk")[0].historical);
}

#[test]
fn what_only_backfilled_facts_bring_is_historical() {
    let backfilled = |event: Event| Event { historical: true, ..event };
    let old = backfilled(received(order("A", 6_000_00, day(10)), day(20)));
    let own = received(order("B", 6_000_00, day(20)), day(20));
    let tier = |events: &[Event]| {
        let stepped = first(events, Some(day(0)), day(20));
        (of(&stepped, "value_tier")[0].to.clone(), of(&stepped, "value_tier")[0].historical)
    };
    assert_eq!(tier(std::slice::from_ref(&old)), (Some("gold".to_owned()), true));
    assert_eq!(tier(std::slice::from_ref(&own)), (Some("gold".to_owned()), false));
    assert_eq!(tier(&[old.clone(), own]), (Some("diamond".to_owned()), true));
    let enough = received(order("B", 11_000_00, day(20)), day(20));
    assert_eq!(tier(&[old.clone(), enough]), (Some("diamond".to_owned()), false));
    // What time brings later is live, whatever the facts came by.
    let stepped = first(&[old], Some(day(0)), day(200));
    assert!(!of(&stepped, "churn_risk")[0].historical);
}

/// value_tier with diamond from 5,000 on, as version 2 published at `published`.
fn republished(published: Instant) -> Catalogue {
    let mut body = yaml(SHIPPED[1]);
    body["levels"][3]["rule"]["gte"] = json!("5000.00");
    let mut documents =
        vec![TagDocument { version: 2, published_at: Some(published), ..TagDocument::first(body) }];
    documents.extend([SHIPPED[0], SHIPPED[2]].map(|text| TagDocument::first(yaml(text))));
    Catalogue::parse(&documents, Currency::parse("CNY").expect("code")).expect("right")
}

#[test]
fn a_new_rule_counts_from_its_publication_on_and_what_began_before_is_historical() {
    let events = [order("A", 6_000_00, day(0)), order("B", 1_00, day(40))];
    let before = first(&events[..1], Some(day(0)), day(20));
    let current = current_of(&before.current);
    let walk = |now| {
        step(
            &turned(republished(day(30)), day(30)),
            &events,
            Bearer::consumer(UTC),
            Stand::kept(day(20), 1, &current),
            Some(day(0)),
            now,
        )
    };
    let stepped = walk(day(50));
    assert_eq!(moves(&stepped, "value_tier"), [change("gold", "diamond", day(30), Cause::Rule)]);
    let change = of(&stepped, "value_tier")[0];
    assert_eq!((change.since, change.historical, change.rule_version), (day(0), true, 2));
    // Tags that were in the book but are defined no more are taken away.
    assert_eq!(
        moves(&stepped, "complaint_history"),
        [super::stepping::change("none", "-", day(30), Cause::Rule)]
    );
}

#[test]
fn a_fact_committed_behind_the_keepers_back_is_recorded_as_of_the_last_run() {
    let known = [order("A", 6_000_00, day(0))];
    let before = first(&known, Some(day(0)), day(20));
    let overtaken = [known[0].clone(), order("B", 6_000_00, day(20))];
    let current = current_of(&before.current);
    let (rules, stand) = (core().into(), Stand::kept(day(20), 1, &current));
    let stepped = step(&rules, &overtaken, Bearer::consumer(UTC), stand, Some(day(0)), day(30));
    assert_eq!(moves(&stepped, "value_tier"), [change("gold", "diamond", day(20), Cause::Event)]);
    let quiet = step(&rules, &known, Bearer::consumer(UTC), stand, Some(day(0)), day(30));
    assert_eq!(quiet.changes, []);
}

#[test]
fn a_customer_without_facts_has_the_lowest_values_and_nothing_due() {
    let stepped = first(&[], Some(day(0)), day(5));
    assert_eq!(moves(&stepped, "value_tier"), [change("-", "none", day(5), Cause::Event)]);
    assert_eq!(stepped.next_due, None);
    let future = [received(order("A", 1_00, day(1)), day(9))];
    assert_eq!(first(&future, None, day(5)).profile, stepped.profile, "what isn't received yet isn't known");
}

pub(super) fn arrivals() -> impl Strategy<Value = Vec<Event>> {
    let late = (any_event(), 0i64..90, any::<bool>());
    proptest::collection::vec(late, 1..14).prop_map(|events| {
        let arrive = |(event, days, historical): (Event, i64, bool)| {
            let received_at = event.occurred_at + Span::days(days);
            Event { historical: historical && days % 3 == 0, ..received(event, received_at) }
        };
        events.into_iter().map(arrive).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// One late run, and runs at any instants in between (a fact's own, a flip's own, others), agree.
    #[test]
    fn many_small_runs_record_what_one_late_run_does(
        events in arrivals(),
        mut cuts in proptest::collection::vec(0i64..900, 0..12),
        live in proptest::option::of(0i64..500),
    ) {
        let (rules, live, end) = (core().into(), live.map(day), day(900));
        let start = events.iter().map(|event| event.received_at).min().expect("at least one");
        let whole = step(&rules, &events, Bearer::consumer(UTC), Stand::NEVER, live, end);
        cuts.sort_unstable();
        let flips = whole.changes.iter().step_by(2).map(|change| change.as_of);
        let mut runs: Vec<Instant> = cuts.into_iter().map(day).chain(flips).filter(|at| *at >= start).collect();
        runs.sort_unstable();
        runs.push(end);
        let (mut kept_at, mut current, mut changes) = (None, Vec::new(), Vec::new());
        let mut last = None;
        for now in runs {
            let known: Vec<Event> = events.iter().filter(|event| event.received_at <= now).cloned().collect();
            let stepped = step(&rules, &known, Bearer::consumer(UTC), stood(kept_at, &current), live, now);
            changes.extend(stepped.changes.clone());
            (kept_at, current) = (Some(now), current_of(&stepped.current));
            last = Some(stepped);
        }
        prop_assert_eq!(&changes, &whole.changes);
        let last = last.expect("ran");
        prop_assert_eq!((last.current, last.profile, last.next_due), (whole.current, whole.profile, whole.next_due));
    }

    /// The ledger's fold is what is current, and running at each due time misses nothing.
    #[test]
    fn the_ledger_adds_up_and_nothing_changes_before_it_is_due(events in arrivals()) {
        let rules = core().into();
        let whole = step(&rules, &events, Bearer::consumer(UTC), Stand::NEVER, None, day(900));
        for state in &whole.current {
            let mut value: Option<String> = None;
            for change in whole.changes.iter().filter(|change| change.key == state.key) {
                prop_assert_eq!(&change.from, &value);
                prop_assert_ne!(&change.to, &value);
                prop_assert!(change.since <= change.as_of);
                value.clone_from(&change.to);
            }
            prop_assert_eq!(&value, &state.value);
        }
        // From the last arrival on, waking only when due gives every remaining change at its instant.
        let mut now = events.iter().map(|event| event.received_at).max().expect("at least one");
        let from = now;
        let mut stepped = step(&rules, &events, Bearer::consumer(UTC), Stand::NEVER, None, now);
        let mut found = Vec::new();
        while let Some(due) = stepped.next_due.filter(|due| *due <= day(900)) {
            let current = current_of(&stepped.current);
            stepped = step(&rules, &events, Bearer::consumer(UTC), Stand::kept(now, 1, &current), None, due);
            prop_assert!(stepped.changes.iter().all(|change| change.as_of == due));
            found.extend(stepped.changes.clone());
            now = due;
        }
        let wanted: Vec<TagChange> = whole.changes.iter().filter(|change| change.as_of > from).cloned().collect();
        prop_assert_eq!(found, wanted);
    }
}
