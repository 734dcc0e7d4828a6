//! Ranks and percentiles of a population, by the nearest-rank definition: every cut-off is a value that somebody has.

/// How many values a percentile needs before it says anything.
pub const ENOUGH: i64 = 100;

/// The rank, from 1 at the lowest of `n` values, whose value is the percentile: the least rank such that `percent` of the
/// values are at it or below. `None`: there are no values. `percent` is 1–100.
pub fn percentile(n: i64, percent: u8) -> Option<i64> {
    (n > 0).then(|| share(n, i64::from(percent), 100).clamp(1, n))
}

/// The ranks, from 1 at the lowest of `n` values, of the four values that part the population into fifths: whoever is above
/// the k-th of them has at least k fifths of all strictly below (quintiles by percentile rank). `None`: there are no values.
pub fn fifths(n: i64) -> Option<[i64; 4]> {
    (n > 0).then(|| [1, 2, 3, 4].map(|k| share(n, k, 5).clamp(1, n)))
}

/// ⌈n · part / of⌉ without overflow.
fn share(n: i64, part: i64, of: i64) -> i64 {
    let (n, part, of) = (i128::from(n), i128::from(part), i128::from(of));
    i64::try_from((n * part + of - 1) / of).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles_are_values_of_the_nearest_rank() {
        assert_eq!(percentile(0, 95), None);
        assert_eq!(percentile(1, 95), Some(1));
        assert_eq!(percentile(20, 95), Some(19));
        assert_eq!(percentile(21, 95), Some(20));
        assert_eq!(percentile(100, 90), Some(90));
        assert_eq!(percentile(i64::MAX, 100), Some(i64::MAX));
        assert_eq!(fifths(0), None);
        assert_eq!(fifths(5), Some([1, 2, 3, 4]));
        assert_eq!(fifths(7), Some([2, 3, 5, 6]));
    }

    proptest! {
        #[test]
        fn whoever_is_above_a_fifth_has_that_share_strictly_below(mut values in prop::collection::vec(0..20_i64, 1..60)) {
            values.sort_unstable();
            let n = values.len();
            let ranks = fifths(n as i64).expect("not empty");
            for value in &values {
                let below = values.iter().filter(|other| *other < value).count();
                for (k, rank) in (1..).zip(ranks) {
                    let above = *value > values[usize::try_from(rank).expect("a rank") - 1];
                    prop_assert_eq!(above, below * 5 >= k * n, "{} of {:?}, fifth {}", value, &values, k);
                }
            }
        }
    }
}
