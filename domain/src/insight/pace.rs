//! How fast a product is used up, by everybody who ordered it twice.

use crate::time::{Instant, Span};
use std::collections::BTreeMap;

/// From so many pairs of orders on the median counts.
pub const PAIRS: i64 = 30;

/// How many days one piece lasted from one order to the next, to the nearest day.
pub fn days_a_piece(ordered_at: Instant, again_at: Instant, quantity_milli: i64) -> i64 {
    let micros = i128::from((again_at - ordered_at).as_micros()) * 1_000;
    let day = i128::from(Span::days(1).as_micros()) * i128::from(quantity_milli.max(1));
    i64::try_from((micros + day / 2).div_euclid(day)).unwrap_or(i64::MAX)
}

/// The median of so many pairs by days, the lower one where there are two, with the number of pairs; none while there are fewer than
/// [`PAIRS`] or it is no whole day.
pub fn pace(pairs_by_days: &BTreeMap<i64, i64>) -> Option<(i64, i64)> {
    let pairs: i64 = pairs_by_days.values().sum();
    if pairs < PAIRS {
        return None;
    }
    let mut left = (pairs + 1) / 2;
    let median = pairs_by_days.iter().find(|(_, n)| {
        left -= **n;
        left <= 0
    });
    median.map(|(days, _)| (*days, pairs)).filter(|(days, _)| *days > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_piece_lasts_to_the_nearest_day() {
        let at = |hours: i64| Instant::from_micros(0) + Span::hours(hours);
        assert_eq!(days_a_piece(at(0), at(60), 1_000), 3);
        assert_eq!(days_a_piece(at(0), at(59), 1_000), 2);
        assert_eq!(days_a_piece(at(0), at(240), 4_000), 3);
        assert_eq!(days_a_piece(at(0), at(240), 500), 20);
        assert_eq!(days_a_piece(at(0), at(0), 1_000), 0);
    }

    proptest! {
        #[test]
        fn it_is_the_lower_median_of_thirty_or_more(mut lasted in prop::collection::vec(1..40_i64, 0..90)) {
            let mut by_days = BTreeMap::new();
            for days in &lasted {
                *by_days.entry(*days).or_insert(0) += 1;
            }
            lasted.sort_unstable();
            let n = lasted.len();
            let wanted = (n >= 30).then(|| (lasted[(n - 1) / 2], n as i64));
            prop_assert_eq!(pace(&by_days), wanted);
        }
    }
}
