//! Tags against a slow second implementation that looks at every quarter of a day.
//!
//! It shares nothing with the timelines: it adds up events at each instant and walks backwards.

use super::shipped;
use crate::customer::fixture::*;
use crate::customer::{Bearer, CustomerFacts};
use crate::event::{Event, Fact};
use crate::tag::{Evaluation, evaluate};
use crate::time::{Instant, Span};
use chrono_tz::UTC;
use proptest::prelude::*;

/// Quarters of a day from day −1; far enough for every window and hold to run out.
const QUARTERS: i64 = 4 * (1 + 40 + 365 + 32);
const LEVELS: [(&str, i64); 4] =
    [("regular", 1), ("silver", 2_000_00), ("gold", 5_000_00), ("diamond", 10_000_00)];

fn quarter(n: i64) -> Instant {
    day(-1) + Span::hours(6 * n)
}

/// Orders A to E with partial and full refunds, linked and not, over forty days.
fn story() -> impl Strategy<Value = Vec<Event>> {
    let order_part = (0i64..160, 0i64..14, proptest::option::of((0i64..160, proptest::option::of(0i64..14))));
    let orders = proptest::collection::vec(order_part, 0..5);
    let unlinked = proptest::collection::vec((0i64..160, 0i64..9), 0..3);
    (orders, unlinked).prop_map(|(orders, unlinked)| {
        let mut events = Vec::new();
        for (id, (paid, total, back)) in ["A", "B", "C", "D", "E"].into_iter().zip(orders) {
            events.push(order(id, total * 1_000_00, quarter(4 + paid)));
            if let Some((later, amount)) = back {
                let amount = amount.map(|n| n * 1_000_00);
                events.push(refund(Some(id), Some("r"), amount, quarter(4 + (paid + later).min(159))));
            }
        }
        for (i, (n, amount)) in unlinked.into_iter().enumerate() {
            events.push(refund(None, Some(&format!("C{i}")), Some(amount * 1_000_00), quarter(4 + n)));
        }
        events
    })
}

fn spend_at(events: &[Event], now: Instant) -> i64 {
    let in_window = |at: Instant| at <= now && now - at < Span::days(365);
    let mut sum = 0;
    for event in events.iter().filter(|event| in_window(event.occurred_at)) {
        match &event.fact {
            Fact::OrderCompleted { order_id, total_minor } => {
                let back = events.iter().find_map(|other| match &other.fact {
                    Fact::OrderRefunded { order_id: Some(id), amount_minor, .. } => (id == order_id
                        && other.occurred_at <= now)
                        .then(|| amount_minor.unwrap_or(*total_minor)),
                    _ => None,
                });
                sum += (total_minor - back.unwrap_or(0)).max(0);
            }
            Fact::OrderRefunded { order_id: None, amount_minor, .. } => sum -= amount_minor.unwrap_or(0),
            _ => {}
        }
    }
    sum
}

/// Whether a level's condition, on where `on` is, is held at `n`: now, or by the last stretches that ended.
fn held(on: &[bool], n: usize) -> bool {
    let settled_end = |end: usize| on[..end].iter().rev().take_while(|on| **on).count() >= 4 * 15;
    on[n] || (1..=n).any(|end| on[end - 1] && !on[end] && n - end < 4 * 30 && settled_end(end))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn value_since_and_next_flip_are_those_of_looking_all_the_time(events in story()) {
        let catalogue = shipped();
        let facts = CustomerFacts::fold(&events);
        let evaluation = Evaluation::of(&catalogue, &facts, Bearer::consumer(UTC), day(0));
        let tag = catalogue.find("value_tier").expect("shipped");
        let spend: Vec<i64> = (0..QUARTERS).map(|n| spend_at(&events, quarter(n))).collect();
        let conditions = LEVELS.map(|(_, bound)| spend.iter().map(|s| *s >= bound).collect::<Vec<bool>>());
        let highest = |test: &dyn Fn(&[bool]) -> bool| {
            let level = LEVELS.iter().zip(&conditions).rev().find(|(_, on)| test(on));
            level.map_or("none", |((value, _), _)| value)
        };
        let wanted: Vec<&str> = (0..spend.len()).map(|n| highest(&|on| held(on, n))).collect();
        let mut flips = (0..spend.len()).filter(|n| *n > 0 && wanted[*n] != wanted[n - 1]).peekable();
        let mut since = None;
        for n in 0..spend.len() {
            let now = quarter(n as i64);
            if flips.next_if_eq(&n).is_some() {
                since = Some(now);
            }
            let state = evaluation.state(tag, now);
            prop_assert_eq!(state.value.as_deref(), Some(wanted[n]), "at {}", now);
            prop_assert_eq!(state.condition_value.as_deref(), Some(highest(&|on| on[n])), "at {}", now);
            prop_assert_eq!(state.next_flip, flips.peek().map(|n| quarter(*n as i64)), "at {}", now);
            prop_assert_eq!(state.next_value.as_deref(), flips.peek().map(|n| wanted[*n]), "at {}", now);
            if since.is_some() {
                prop_assert_eq!(Some(state.since), since, "at {}", now);
            }
        }
    }

    #[test]
    fn the_order_of_arrival_changes_no_state(
        (events, shuffled) in story().prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
        n in 0i64..QUARTERS,
    ) {
        let catalogue = shipped();
        let states = |events: &[Event]| evaluate(&catalogue, &CustomerFacts::fold(events), Bearer::consumer(UTC), quarter(n));
        prop_assert_eq!(states(&events), states(&shuffled));
    }
}
