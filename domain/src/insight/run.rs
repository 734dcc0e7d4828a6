//! The kinds of runs over the whole book, and what they find out beside a score for each customer.

use super::rank::{ENOUGH, percentile};
use crate::names::stable_names;
use serde::{Deserialize, Serialize};

stable_names! {
    /// What a run over the whole book is for.
    RunKind {
        /// How large amounts are.
        Amounts = "amounts",
        /// Recency, frequency and monetary value of each buyer.
        Rfm = "rfm",
        /// How fast products are used up.
        Supply = "supply",
    }
}

impl RunKind {
    /// Of how a run is made and what its cuts say.
    pub const fn version(self) -> i64 {
        1
    }
}

/// How large amounts of the last 365 d are, in minor units of the base currency. A percentile is none while there are too
/// few values for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Amounts {
    /// Counted orders of consumers, and the percentiles of their totals.
    pub orders: i64,
    pub order_p90_minor: Option<i64>,
    pub order_p95_minor: Option<i64>,
    /// Consumers with a counted order, and the percentile of what each spent net.
    pub buyers: i64,
    pub spend_p95_minor: Option<i64>,
}

/// The rank of a percentile among `n` amounts; `None` while they are too few.
pub fn amount_rank(n: i64, percent: u8) -> Option<i64> {
    (n >= ENOUGH).then(|| percentile(n, percent)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_a_hundred_values_there_is_no_percentile() {
        assert_eq!(amount_rank(99, 95), None);
        assert_eq!(amount_rank(100, 95), Some(95));
        assert_eq!(amount_rank(0, 90), None);
    }
}
