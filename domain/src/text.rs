//! How words are compared: folded. One meaning in memory and in every database, which get the folded form.

use icu_casemap::CaseMapper;
use unicode_normalization::UnicodeNormalization;

/// NFKC, case folded by Unicode's default mapping, NFKC again: full-width letters are letters, `ß` is `ss`, `Ä` is `ä`
/// however it is composed. Blanks at the ends don't count.
pub fn fold(text: &str) -> String {
    let plain: String = text.trim().nfkc().collect();
    CaseMapper::new().fold_string(&plain).nfkc().collect()
}

/// Whether a character shows nothing itself and turns the direction in which others are shown (Unicode's Bidi_Control).
pub fn turns_writing(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::{fold, turns_writing};
    use proptest::prelude::*;

    #[test]
    fn what_people_take_for_the_same_is_the_same() {
        for (one, other) in [
            ("Ä", "a\u{308}"),
            ("Straße", "STRASSE"),
            ("ＬＩＰＳＴＩＣＫ", "lipstick"),
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
            ("ﬁt", "FIT"),
            (" 口红 ", "口红"),
            ("㎏", "KG"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        // Turkish dots aren't taken away: the default mapping knows no language.
        assert_ne!(fold("İ"), fold("i"));
        assert_ne!(fold("ı"), fold("I"));
        assert_ne!(fold("口红"), fold("口紅"));
    }

    #[test]
    fn what_turns_writing_is_told_from_what_joins_letters() {
        assert!("\u{202e}\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}".chars().all(turns_writing));
        // Joiners make one picture of several, and letters of some scripts need them.
        assert!(!"a口\u{200d}\u{200c}\u{202f}\u{2065}\u{206a}עא".chars().any(turns_writing));
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text in "\\PC{0,20}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
