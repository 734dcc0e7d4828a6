//! The loop guard: what campaigns do becomes events, events bring customers into campaigns, and two campaigns that feed each
//! other would go on for ever. Rules that refer to each other in a circle are refused when they are published; this stops what
//! goes round through events.

use crate::ids::EnrollmentId;
use crate::time::Instant;

/// So often a customer may enter campaigns within a local day; whatever is more is stopped with the reason `loop`.
pub const ENTRIES_A_DAY: usize = 20;

/// A customer's entry into a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entered {
    pub at: Instant,
    pub enrollment: EnrollmentId,
}

/// Those of one customer's entries that are one too many in the day that began at `day`: every one behind the first
/// [`ENTRIES_A_DAY`], by instant and id.
pub fn too_many(day: Instant, mut entries: Vec<Entered>) -> Vec<EnrollmentId> {
    entries.retain(|entry| entry.at >= day);
    entries.sort_unstable();
    entries.into_iter().skip(ENTRIES_A_DAY).map(|entry| entry.enrollment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn twenty_of_a_day_stay_and_they_are_the_first(
            hours in prop::collection::vec(-30..24_i64, 0..60),
        ) {
            let day = Instant::from_micros(1_770_000_000_000_000);
            let entry = |(id, hours): (usize, &i64)| Entered {
                at: day + Span::hours(*hours),
                enrollment: EnrollmentId(id as i64),
            };
            let entries: Vec<Entered> = hours.iter().enumerate().map(entry).collect();
            let stopped = too_many(day, entries.clone());
            let today: Vec<&Entered> = entries.iter().filter(|entry| entry.at >= day).collect();
            prop_assert_eq!(stopped.len(), today.len().saturating_sub(20));
            let (gone, stay): (Vec<&Entered>, Vec<&Entered>) =
                today.into_iter().partition(|entry| stopped.contains(&entry.enrollment));
            prop_assert!(gone.iter().all(|gone| stay.iter().all(|stay| stay < gone)));
        }
    }
}
