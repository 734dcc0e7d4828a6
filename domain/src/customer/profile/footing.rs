//! What rules ask of a customer beside the aggregates: kept with them for whoever asks the whole book, and for nobody to look at.

use super::ProfileTimelines;
use crate::rule::ScoreNumber;
use crate::time::Instant;
use std::collections::BTreeMap;

/// At one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footing {
    /// When the earliest known fact happened.
    pub first_at: Option<Instant>,
    /// What runs over the whole book gave, in millionths; without those that none gave.
    pub scores: BTreeMap<ScoreNumber, i64>,
    /// Whether they let us use such numbers.
    pub personalised: bool,
}

impl ProfileTimelines {
    /// What rules ask beside the aggregates at an instant. It changes by facts alone, never by itself.
    pub fn footing(&self, now: Instant) -> Footing {
        let number = |(number, line): (&ScoreNumber, &crate::timeline::Timeline<Option<super::Scored>>)| {
            line.at(now).map(|found| (*number, found.millionths))
        };
        Footing {
            first_at: self.first_at,
            scores: self.scores.iter().filter_map(number).collect(),
            personalised: *self.personalised.at(now),
        }
    }
}
