//! How many customers a rule means, told from a stable part of them: who is in the part, and how far off the whole may be.
//!
//! Everybody's draw is that of [`Share`]: the same people are looked at for as long as the book has about its size, and while somebody
//! edits a rule the number moves for the rule's sake alone.

use crate::ids::CustomerId;
use crate::rule::Share;

/// The word that the sample is drawn by.
const WORD: &str = "an estimate";
/// Up to how many ids how many millionths are looked at: never more than 20,000 customers of a book that has half a million at most.
const PARTS: [(i64, i64); 3] = [(20_000, WHOLE), (100_000, WHOLE / 5), (400_000, WHOLE / 20)];
/// A whole, in millionths.
const WHOLE: i64 = 1_000_000;
/// 97.5 % of a normal distribution lie below so many standard deviations.
const DEVIATIONS: f64 = 1.96;

/// How much of a book whose customers' ids go up to `last` is looked at: 1 % of a large one, more of a smaller one, everybody of a small
/// one. Coarse on purpose: with each step the numbers jump.
pub fn part(last: CustomerId) -> Share {
    let fits = PARTS.iter().find(|(most, _)| last.0 <= *most);
    Share { millionths: fits.map_or(WHOLE / 100, |(_, part)| *part), salt: WORD.to_owned() }
}

/// The same, where each customer costs more to look at: about `most` of them.
pub fn part_of_about(most: u32, last: CustomerId) -> Share {
    let millionths = (i64::from(most) * WHOLE).checked_div(last.0.max(1)).unwrap_or(WHOLE);
    Share { millionths: millionths.clamp(1, WHOLE), salt: WORD.to_owned() }
}

/// Whom a part contains of the ids from `from` to `to`, both included.
pub fn drawn(share: &Share, from: i64, to: i64) -> Vec<CustomerId> {
    (from..=to).map(CustomerId).filter(share.picker()).collect()
}

/// A number of customers as a sample tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    pub count: u64,
    /// With 95 % likelihood the true number isn't further away than this.
    pub margin: u64,
}

/// Of a book of whom this part was looked at and `found` were found.
///
/// The margin reaches from the estimate to the further end of Wilson's interval (1927) for the rate of a rare event, made narrower by
/// how much of the book was seen. So it is right where few are found, where the usual one would say that there is nobody.
pub fn estimate(share: &Share, found: u64) -> Estimate {
    let (millionths, whole) = (u64::try_from(share.millionths).unwrap_or(1).max(1), WHOLE as u64);
    let count = (found.saturating_mul(whole) + millionths / 2) / millionths;
    let seen = millionths as f64 / whole as f64;
    let (squared, found) = (DEVIATIONS * DEVIATIONS, found as f64);
    let off = (squared / 2.0 + DEVIATIONS * (found + squared / 4.0).sqrt()) * (1.0 - seen).max(0.0).sqrt();
    Estimate { count, margin: (off / seen).ceil() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_larger_book_is_looked_at_in_a_smaller_part() {
        let of = |last: i64| part(CustomerId(last)).millionths;
        let seen = [0, 20_000, 20_001, 100_000, 100_001, 400_000, 400_001, 90_000_000].map(of);
        assert_eq!(seen, [WHOLE, WHOLE, 200_000, 200_000, 50_000, 50_000, 10_000, 10_000]);
        let about = |last: i64| part_of_about(2_000, CustomerId(last)).millionths;
        assert_eq!([0, 2_000, 4_000, 1_000_000, i64::MAX].map(about), [WHOLE, WHOLE, 500_000, 2_000, 1]);
        let small: Vec<CustomerId> = drawn(&part_of_about(2_000, CustomerId(1_000_000)), 1, 1_000_000);
        let large = drawn(&part(CustomerId(1_000_000)), 1, 1_000_000);
        assert!((1_800..2_200).contains(&small.len()) && (9_700..10_300).contains(&large.len()));
        assert!(small.iter().all(|id| large.contains(id)), "the smaller part is in the larger");
    }

    #[test]
    fn whoever_looks_at_everybody_knows() {
        let whole = part(CustomerId(7));
        assert_eq!(estimate(&whole, 5), Estimate { count: 5, margin: 0 });
        assert_eq!(drawn(&whole, 1, 3), [1, 2, 3].map(CustomerId));
    }

    #[test]
    fn nobody_found_is_not_nobody() {
        let hundredth = part(CustomerId(1_000_000));
        // By hand: (1.96² ÷ 2 + 1.96 · √0.9604) · √0.99 · 100 = 382.2…
        assert_eq!(estimate(&hundredth, 0), Estimate { count: 0, margin: 383 });
        // (1.9208 + 1.96 · √2500.9604) · √0.99 · 100 = 9,943.9…
        assert_eq!(estimate(&hundredth, 2_500), Estimate { count: 250_000, margin: 9_944 });
    }

    #[test]
    fn the_margin_holds_as_often_as_it_says() {
        // Rules of every rarity over one book, by the sample that is really drawn: at least nine in ten (of few draws) within the margin.
        let (n, share) = (600_000, part(CustomerId(600_000)));
        let sample = drawn(&share, 1, n);
        let (mut within, mut asked) = (0, 0);
        for salt in 0..40 {
            for millionths in [50, 1_000, 20_000, 300_000, 900_000] {
                let rule = Share { millionths, salt: format!("rule {salt}") };
                let picks = rule.picker();
                let truth = (1..=n).map(CustomerId).filter(&picks).count() as u64;
                let told = estimate(&share, sample.iter().copied().filter(&picks).count() as u64);
                asked += 1;
                within += i32::from(truth.abs_diff(told.count) <= told.margin);
            }
        }
        assert!(within * 100 >= asked * 95, "{within} of {asked}");
    }

    proptest! {
        #[test]
        fn the_estimate_is_what_was_found_made_larger(millionths in 1i64..=WHOLE, found in 0u64..10_000_000) {
            let told = estimate(&Share { millionths, salt: String::new() }, found);
            prop_assert!(told.count >= found);
            prop_assert_eq!(told.margin == 0, millionths == WHOLE);
            let back = told.count as i128 * i128::from(millionths) - i128::from(found) * i128::from(WHOLE);
            prop_assert!(back.abs() <= i128::from(millionths));
        }
    }
}
