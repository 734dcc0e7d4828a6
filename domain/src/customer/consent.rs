//! What can be consented to, and whose word counts where several customers are one.

use crate::names::stable_names;

stable_names! {
    /// What somebody agrees to or refuses on a channel.
    Purpose {
        Service = "service",
        Marketing = "marketing",
        Survey = "survey",
        Personalization = "personalization",
    }
}

/// A channel as written, in its one spelling: `email`, `sms`, …; what can't be one is none.
pub fn channel(written: &str) -> Option<String> {
    let channel = written.trim().to_ascii_lowercase();
    (1..=32).contains(&channel.len()).then_some(channel)
}

/// What one side said last of a channel and purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    Unknown,
    Granted,
    Denied,
}

/// The most restrictive side: a denial beats a grant, and either beats silence. Each side's own last word stays in
/// the ledger, so that parting them gives each its own back.
pub fn strictest(sides: impl IntoIterator<Item = Word>) -> Word {
    sides.into_iter().max().unwrap_or(Word::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_denial_beats_a_grant_and_a_grant_silence() {
        use Word::{Denied, Granted, Unknown};
        assert_eq!(strictest([]), Unknown);
        assert_eq!(strictest([Unknown, Granted]), Granted);
        assert_eq!(strictest([Granted, Denied, Unknown]), Denied);
    }

    proptest! {
        #[test]
        fn whoever_joins_never_loosens_it(words in prop::collection::vec(0..3_u8, 0..6), more in 0..3_u8) {
            let word = |n: u8| [Word::Unknown, Word::Granted, Word::Denied][usize::from(n)];
            let mut sides: Vec<Word> = words.iter().copied().map(word).collect();
            let before = strictest(sides.clone());
            sides.push(word(more));
            prop_assert!(before != Word::Denied || strictest(sides.clone()) == Word::Denied);
            sides.reverse();
            prop_assert!(strictest(sides) >= before);
        }
    }
}
