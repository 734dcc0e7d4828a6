//! Hold: a condition that lasted keeps its tag on for a while after it ends.

use crate::time::{Instant, Span};
use crate::timeline::Timeline;

/// `condition`, with every unbroken stretch `[a, b)` of at least `settle` staying on over `[b, b + hold)`.
///
/// A shorter stretch gives no hold, and neither lengthens nor cuts one that runs (domain.md §4). What
/// counts is the stretch of the condition itself, never of the tag.
pub fn hold(condition: &Timeline<bool>, hold: Span, settle: Span) -> Timeline<bool> {
    let held_until = |until: Instant, lasted: bool| if lasted { until + hold } else { until };
    let mut begins_on = false;
    let mut points: Vec<(Instant, bool)> = Vec::new();
    for stretch in condition.stretches() {
        let until = stretch.until.map(|until| held_until(until, stretch.lasts(settle)));
        match (stretch.from, points.last_mut()) {
            // Begins while the former is still held: one stretch, ending with the later of the two.
            (Some(from), Some((end, false))) if from <= *end => match until {
                Some(until) => *end = until.max(*end),
                None => {
                    points.pop();
                }
            },
            (from, _) => {
                match from {
                    Some(from) => points.push((from, true)),
                    None => begins_on = true,
                }
                points.extend(until.map(|until| (until, false)));
            }
        }
    }
    Timeline::from_points(begins_on, points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(n: i64) -> Instant {
        Instant::from_micros(0) + Span::days(n)
    }

    fn line(days: &[i64]) -> Timeline<bool> {
        Timeline::from_points(false, days.iter().enumerate().map(|(i, d)| (day(*d), i % 2 == 0)))
    }

    fn kept(days: &[i64]) -> Timeline<bool> {
        hold(&line(days), Span::days(30), Span::days(15))
    }

    #[test]
    fn a_stretch_of_exactly_the_settling_time_is_held_and_one_shorter_by_an_instant_is_not() {
        assert_eq!(kept(&[0, 15]), line(&[0, 45]));
        let short = Timeline::from_points(false, [(day(0), true), (day(15) - Span::micros(1), false)]);
        assert_eq!(hold(&short, Span::days(30), Span::days(15)), short);
    }

    #[test]
    fn the_holds_last_instant_is_on_and_its_end_is_off() {
        let held = kept(&[0, 20]);
        assert!(*held.at(day(50) - Span::micros(1)));
        assert!(!*held.at(day(50)));
    }

    #[test]
    fn a_short_stretch_neither_lengthens_nor_cuts_a_running_hold() {
        assert_eq!(kept(&[0, 20, 25, 30]), line(&[0, 50]));
        assert_eq!(kept(&[0, 20, 45, 55]), line(&[0, 55]));
        assert_eq!(kept(&[0, 20, 50, 55]), line(&[0, 55]));
        assert_eq!(kept(&[0, 20, 51, 55]), line(&[0, 50, 51, 55]));
    }

    #[test]
    fn a_settled_stretch_within_a_hold_is_held_for_itself() {
        assert_eq!(kept(&[0, 20, 25, 45]), line(&[0, 75]));
        assert_eq!(kept(&[0, 20, 25]), line(&[0]));
    }

    #[test]
    fn what_never_began_was_long_enough_and_what_never_ends_needs_no_hold() {
        let always_until = Timeline::from_points(true, [(day(3), false)]);
        assert_eq!(
            hold(&always_until, Span::days(1), Span::days(15)),
            Timeline::from_points(true, [(day(4), false)])
        );
        assert_eq!(hold(&Timeline::always(true), Span::days(1), Span::ZERO), Timeline::always(true));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        /// The definition, instant by instant.
        #[test]
        fn held_is_the_condition_or_a_settled_stretch_that_ended_recently(
            mut turns in proptest::collection::btree_set(0i64..120, 0..12),
            hold_days in 0i64..40,
            settle_days in 0i64..20,
            early in any::<bool>(),
        ) {
            if early { turns.insert(-100); }
            let turns: Vec<i64> = turns.into_iter().collect();
            let condition = line(&turns);
            let held = hold(&condition, Span::days(hold_days), Span::days(settle_days));
            for d in -101..170 {
                let wanted = turns.chunks(2).any(|stretch| {
                    let (a, b) = (stretch[0], stretch.get(1).copied().unwrap_or(i64::MAX / 2));
                    let on = (a..b).contains(&d);
                    on || (b - a >= settle_days && (b..b + hold_days).contains(&d))
                });
                prop_assert_eq!(*held.at(day(d)), wanted, "day {}", d);
            }
        }
    }
}
