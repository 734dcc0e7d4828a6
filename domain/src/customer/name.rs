//! Names as they are looked for: any part of one finds it, however it is spelt in capitals, full-width forms or
//! spaces.

use std::collections::BTreeSet;
use unicode_normalization::UnicodeNormalization;

/// Characters of a part; what is looked for beyond them isn't compared.
const LONGEST: usize = 24;
/// Parts of one name; the rest of a longer one can't be looked for from its middle.
const MOST: usize = 64;

/// A name or what is looked for, in the one form both are compared in: NFKC, lower case, words with a single space
/// between them.
pub fn fold(name: &str) -> String {
    let folded: String = name.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    let words = folded.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What is looked for, as [`parts`] begin with it; `None` where nothing is left of it.
pub fn sought(text: &str) -> Option<String> {
    let folded: String = fold(text).chars().take(LONGEST).collect();
    let sought = folded.trim_end().to_owned();
    (!sought.is_empty()).then_some(sought)
}

/// Every end of a name, at most 24 characters of each: a text is part of the name if, and only if, one
/// of these begins with it.
pub fn parts(name: &str) -> BTreeSet<String> {
    let folded = fold(name);
    let starts = folded.char_indices().filter(|(_, c)| *c != ' ').map(|(at, _)| at);
    starts.take(MOST).map(|at| folded[at..].chars().take(LONGEST).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn finds(name: &str, text: &str) -> bool {
        sought(text).is_some_and(|sought| parts(name).iter().any(|part| part.starts_with(&sought)))
    }

    #[test]
    fn any_part_finds_a_name_however_it_is_spelt() {
        for (name, text) in [
            ("Lin Wei", "lin"),
            ("Lin Wei", "WEI"),
            ("Lin Wei", "n w"),
            ("Lin  Wei", " lin   wei "),
            ("林伟", "伟"),
            ("ＬＩＮ　Ｗｅｉ", "lin wei"),
            ("José Álvarez", "ÁLV"),
            ("Straße", "straße"),
        ] {
            assert!(finds(name, text), "{name} by {text}");
        }
        for (name, text) in
            [("Lin Wei", "wein"), ("Lin Wei", "linwei"), ("林伟", "林炜"), ("Lin", " "), ("", "a")]
        {
            assert!(!finds(name, text), "{name} by {text}");
        }
    }

    #[test]
    fn a_name_without_end_costs_little() {
        let long = "ab ".repeat(10_000);
        assert!(parts(&long).len() <= MOST);
        assert!(parts(&long).iter().all(|part| part.chars().count() <= LONGEST));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn a_part_is_found_and_nothing_else_is(name in "[a-zäöß林伟 ]{0,20}", text in "[a-zäöß林伟 ]{1,5}") {
            let folded = fold(&name);
            let inside = sought(&text).is_some_and(|sought| folded.contains(&sought));
            prop_assert_eq!(finds(&name, &text), inside);
        }
    }
}
