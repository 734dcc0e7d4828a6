//! What a run gave, against what the runs before it gave: a value changes only when two runs agree, so that whoever stands
//! at a border isn't moved to and fro.

/// What runs gave a customer so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Given<V> {
    /// By the last run.
    pub last: Option<V>,
    /// What counts.
    pub settled: Option<V>,
}

/// What they are given once a run says `said`. Whoever had no value has the first one at once; it changes, or goes, when the
/// run before said the same.
pub fn settle<V: Clone + PartialEq>(before: &Given<V>, said: Option<V>) -> Given<V> {
    let agreed = before.settled.is_none() || before.last == said;
    let settled = if agreed { said.clone() } else { before.settled.clone() };
    Given { last: said, settled }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(runs: &[Option<u8>]) -> Given<u8> {
        runs.iter().fold(Given::default(), |given, said| settle(&given, *said))
    }

    #[test]
    fn it_begins_at_once_and_changes_when_two_agree() {
        let settled = |runs: &[Option<u8>]| after(runs).settled;
        assert_eq!(settled(&[Some(1)]), Some(1));
        assert_eq!(settled(&[Some(1), Some(2)]), Some(1));
        assert_eq!(settled(&[Some(1), Some(2), Some(2)]), Some(2));
        assert_eq!(settled(&[Some(1), Some(2), Some(1), Some(2)]), Some(1));
        assert_eq!(settled(&[Some(1), Some(2), Some(3)]), Some(1));
        assert_eq!(settled(&[Some(1), None]), Some(1));
        assert_eq!(settled(&[Some(1), None, None]), None);
        assert_eq!(settled(&[Some(1), None, None, Some(2)]), Some(2));
    }

    proptest! {
        #[test]
        fn what_counts_was_said_twice_running_unless_it_is_the_first(
            runs in prop::collection::vec(prop::option::of(0..3_u8), 1..20)
        ) {
            let mut given = Given::default();
            for (i, said) in runs.iter().enumerate() {
                let next = settle(&given, *said);
                prop_assert_eq!(next.last, *said);
                if next.settled != given.settled {
                    prop_assert_eq!(next.settled, *said);
                    prop_assert!(given.settled.is_none() || runs[i - 1] == *said);
                }
                given = next;
            }
        }
    }
}
