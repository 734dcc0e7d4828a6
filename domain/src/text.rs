//! How words are compared: folded. One meaning in memory and in every database, which get the folded form.

use icu_casemap::CaseMapper;
use unicode_normalization::UnicodeNormalization;

/// NFKC, case folded by Unicode's default mapping, NFKC again: full-width letters are letters, `ß` is `ss`, `Ä` is `ä`
/// however it is composed. Blanks at the ends don't count.
pub fn fold(text: &str) -> String {
    let plain: String = text.trim().nfkc().collect();
    CaseMapper::new().fold_string(&plain).nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::fold;
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

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text in "\\PC{0,20}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
