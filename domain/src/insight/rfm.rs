//! RFM: how recently (R), how often (F) and for how much (M) somebody bought within 365 d, each from 1 to 5, and which of
//! eight segments that makes. The eight are those of Chinese customer service (重要价值客户 …): important customers spend much,
//! ordinary ones don't; each is to be valued, developed, retained or won back by how often and how recently they buy.

use crate::names::stable_names;
use crate::rule::Lang;
use crate::time::{Instant, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The span that buyers are looked at over.
pub const WINDOW: Span = Span::days(365);

stable_names! {
    /// What somebody is by the three scores; high is 4 or 5.
    Segment {
        /// R, F and M high.
        ImportantValue = "important_value",
        /// R and M high.
        ImportantDevelop = "important_develop",
        /// F and M high.
        ImportantRetain = "important_retain",
        /// M high.
        ImportantWinBack = "important_win_back",
        /// R and F high.
        OrdinaryValue = "ordinary_value",
        /// R high.
        OrdinaryDevelop = "ordinary_develop",
        /// F high.
        OrdinaryRetain = "ordinary_retain",
        /// None high.
        OrdinaryWinBack = "ordinary_win_back",
    }
}

impl Segment {
    /// For people.
    pub const fn name(self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Self::ImportantValue => ("important, to be valued", "重要价值客户"),
            Self::ImportantDevelop => ("important, to be developed", "重要发展客户"),
            Self::ImportantRetain => ("important, to be retained", "重要保持客户"),
            Self::ImportantWinBack => ("important, to be won back", "重要挽留客户"),
            Self::OrdinaryValue => ("ordinary, to be valued", "一般价值客户"),
            Self::OrdinaryDevelop => ("ordinary, to be developed", "一般发展客户"),
            Self::OrdinaryRetain => ("ordinary, to be retained", "一般保持客户"),
            Self::OrdinaryWinBack => ("ordinary, to be won back", "一般挽留客户"),
        };
        match lang {
            Lang::En => en,
            Lang::ZhCn => zh,
        }
    }
}

/// A buyer's last 365 d, as of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buyer {
    pub last_order_at: Instant,
    pub orders: i64,
    /// Minor units of the base currency.
    pub spend_minor: i64,
}

/// The three scores, 1–5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scores {
    pub recency: u8,
    pub frequency: u8,
    pub monetary: u8,
}

impl Scores {
    pub fn segment(self) -> Segment {
        let high = |score: u8| score >= 4;
        match (high(self.monetary), high(self.recency), high(self.frequency)) {
            (true, true, true) => Segment::ImportantValue,
            (true, true, false) => Segment::ImportantDevelop,
            (true, false, true) => Segment::ImportantRetain,
            (true, false, false) => Segment::ImportantWinBack,
            (false, true, true) => Segment::OrdinaryValue,
            (false, true, false) => Segment::OrdinaryDevelop,
            (false, false, true) => Segment::OrdinaryRetain,
            (false, false, false) => Segment::OrdinaryWinBack,
        }
    }

    /// By the names that evidence tells them under.
    pub fn parts(self) -> BTreeMap<String, i64> {
        [("recency", self.recency), ("frequency", self.frequency), ("monetary", self.monetary)]
            .map(|(name, score)| (name.to_owned(), i64::from(score)))
            .into()
    }
}

/// Cuts that don't depend on who else is in the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed {
    /// Whoever's last order is so many days old at the most has 5, 4, 3, 2; ascending.
    pub recency_days: [u32; 4],
    /// From so many orders on 2, 3, 4, 5; ascending.
    pub orders: [i64; 4],
    /// From so much on 2, 3, 4, 5, in minor units; ascending.
    pub spend_minor: [i64; 4],
}

/// Where the borders between the five scores lie in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cuts {
    /// A score is one, and one more for each of these that the value is above, strictly; ascending.
    pub last_order_at: [Instant; 4],
    pub orders: [i64; 4],
    pub spend_minor: [i64; 4],
}

impl Cuts {
    /// The fixed cuts as of a run's instant.
    pub fn fixed(cuts: &Fixed, as_of: Instant) -> Self {
        let oldest = |days: &u32| as_of - Span::days(i64::from(*days));
        let [five, four, three, two] = cuts.recency_days.map(|days| oldest(&days));
        // "N d" is half-open: an order exactly so old isn't within them.
        Self {
            last_order_at: [two, three, four, five],
            orders: cuts.orders.map(|n| n - 1),
            spend_minor: cuts.spend_minor.map(|n| n - 1),
        }
    }

    pub fn scores(&self, buyer: &Buyer) -> Scores {
        fn above<T: PartialOrd>(value: T, cuts: &[T; 4]) -> u8 {
            cuts.iter().fold(1, |score, cut| score + u8::from(value > *cut))
        }
        Scores {
            recency: above(buyer.last_order_at, &self.last_order_at),
            frequency: above(buyer.orders, &self.orders),
            monetary: above(buyer.spend_minor, &self.spend_minor),
        }
    }
}

#[cfg(test)]
#[allow(clippy::inconsistent_digit_grouping, reason = "amounts are written as 10_000_00: yuan, then fen")]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_micros(1_770_000_000_000_000);

    fn fixed() -> Cuts {
        let fixed = Fixed {
            recency_days: [30, 60, 90, 180],
            orders: [2, 3, 5, 10],
            spend_minor: [500_00, 2_000_00, 5_000_00, 10_000_00],
        };
        Cuts::fixed(&fixed, NOW)
    }

    fn scores(days: i64, orders: i64, spend_minor: i64) -> [u8; 3] {
        let last_order_at = NOW - Span::days(days);
        let Scores { recency, frequency, monetary } =
            fixed().scores(&Buyer { last_order_at, orders, spend_minor });
        [recency, frequency, monetary]
    }

    #[test]
    fn fixed_cuts_include_their_lower_border() {
        assert_eq!(scores(0, 1, -5), [5, 1, 1]);
        assert_eq!(scores(29, 2, 499_99), [5, 2, 1]);
        assert_eq!(scores(30, 3, 500_00), [4, 3, 2]);
        assert_eq!(scores(60, 4, 2_000_00), [3, 3, 3]);
        assert_eq!(scores(90, 5, 5_000_00), [2, 4, 4]);
        assert_eq!(scores(179, 9, 9_999_99), [2, 4, 4]);
        assert_eq!(scores(180, 10, 10_000_00), [1, 5, 5]);
    }

    #[test]
    fn each_of_the_eight_segments_is_had_by_somebody() {
        let of = |recency, frequency, monetary| Scores { recency, frequency, monetary }.segment().as_str();
        assert_eq!(of(4, 4, 4), "important_value");
        assert_eq!(of(5, 3, 5), "important_develop");
        assert_eq!(of(3, 5, 4), "important_retain");
        assert_eq!(of(1, 1, 5), "important_win_back");
        assert_eq!(of(5, 5, 3), "ordinary_value");
        assert_eq!(of(4, 3, 1), "ordinary_develop");
        assert_eq!(of(3, 4, 3), "ordinary_retain");
        assert_eq!(of(3, 3, 3), "ordinary_win_back");
        let names: std::collections::BTreeSet<&str> =
            Segment::ALL.iter().flat_map(|s| [s.name(Lang::En), s.name(Lang::ZhCn)]).collect();
        assert_eq!(names.len(), 16);
    }
}
