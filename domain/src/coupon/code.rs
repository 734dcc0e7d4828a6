//! Coupon codes: ten random characters and one that checks them.
//!
//! The alphabet has 31 characters: digits without 0 and 1, capitals without I, L and O, so that nothing read
//! aloud or copied by hand can be taken for something else. 31 is prime, so a check character that is a
//! weighted sum with different weights, none 0, finds every single wrong character and every two swapped.

use unicode_normalization::UnicodeNormalization;

/// The characters of a code; a character's value is its place here.
pub const ALPHABET: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
/// Random characters of a code.
pub const RANDOM: usize = 10;
/// Characters of a code with its check.
pub const LENGTH: usize = RANDOM + 1;

const BASE: u8 = 31;
/// Bytes from here on are thrown away, so that the rest divides evenly among the characters.
const FAIR: u8 = 248;

/// A code in its one spelling: eleven capitals and digits. A secret until issued: `Debug` shows its end only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Code([u8; LENGTH]);

/// Why typed text isn't a code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotACode {
    #[error("a code has {LENGTH} characters, this has {found}")]
    Length { found: usize },
    #[error("\"{found}\" is never part of a code (0, 1, I, L and O aren't used)")]
    Character { found: char },
    #[error("a character is wrong or two are swapped")]
    Check,
}

impl Code {
    /// A code from random bytes, each accepted value equally likely; none if the bytes run out (16 are
    /// enough but for one time in about 10^8).
    pub fn generate(bytes: &mut impl Iterator<Item = u8>) -> Option<Self> {
        let mut code = [0_u8; LENGTH];
        for place in &mut code[..RANDOM] {
            let fair = bytes.find(|b| *b < FAIR)?;
            *place = ALPHABET[usize::from(fair % BASE)];
        }
        code[RANDOM] = check(&code[..RANDOM])?;
        Some(Self(code))
    }

    /// Reads what somebody typed: any width and case, spaces and dashes anywhere.
    pub fn parse(typed: &str) -> Result<Self, NotACode> {
        let mut code = [0_u8; LENGTH];
        let mut found = 0;
        // A typed code of reasonable length; the rest only counts as too long.
        for c in typed.chars().take(256).nfkc().filter(|c| !is_filler(*c)) {
            let upper = c.to_ascii_uppercase();
            let byte = u8::try_from(upper).ok().filter(|b| value(*b).is_some());
            let byte = byte.ok_or(NotACode::Character { found: c })?;
            if let Some(place) = code.get_mut(found) {
                *place = byte;
            }
            found += 1;
        }
        if found != LENGTH {
            return Err(NotACode::Length { found });
        }
        if check(&code[..RANDOM]) != Some(code[RANDOM]) {
            return Err(NotACode::Check);
        }
        Ok(Self(code))
    }

    /// The code itself, as hashed, sealed and put into messages.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The last four characters, for lists.
    pub fn last4(&self) -> &str {
        &self.as_str()[LENGTH - 4..]
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Code(…{})", self.last4())
    }
}

fn is_filler(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '_' | '.' | '‐'..='―' | '−')
}

fn value(byte: u8) -> Option<u8> {
    ALPHABET.iter().position(|a| *a == byte).and_then(|i| u8::try_from(i).ok())
}

/// The check character: the values times 1, 2, 3 … summed modulo 31. Swapping it with the last random one
/// is found too, since its own weight in the equation is −1.
fn check(random: &[u8]) -> Option<u8> {
    let mut sum = 0_u32;
    for (weight, byte) in (1_u32..).zip(random) {
        sum += weight * u32::from(value(*byte)?);
    }
    ALPHABET.get(usize::try_from(sum % u32::from(BASE)).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(seed: &[u8; 10]) -> Code {
        Code::generate(&mut seed.iter().copied()).expect("ten fair bytes")
    }

    #[test]
    fn a_known_code() {
        assert_eq!(code(&[0; 10]).as_str(), "22222222222");
        // 1·1 + 2·2 + … + 10·10 = 385 = 12·31 + 13.
        assert_eq!(code(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).as_str(), "3456789ABCF");
        assert_eq!(format!("{:?}", code(&[0; 10])), "Code(…2222)");
    }

    #[test]
    fn the_alphabet_holds_nothing_ambiguous_or_double() {
        let mut seen = std::collections::BTreeSet::new();
        assert!(ALPHABET.iter().all(|c| seen.insert(c) && !b"01ILO".contains(c)));
    }

    #[test]
    fn every_character_is_equally_likely() {
        let mut counts = [0_u32; 31];
        for byte in (0..=255_u8).filter(|b| *b < FAIR) {
            counts[usize::from(byte % BASE)] += 1;
        }
        assert!(counts.iter().all(|n| *n == 8));
        let mut unfair = [255, 248, 0, 249].iter().copied().chain([0; 9]);
        assert_eq!(Code::generate(&mut unfair).map(|c| c.as_str().to_owned()), Some("2".repeat(11)));
        assert!(Code::generate(&mut [7_u8; 9].into_iter()).is_none());
    }

    #[test]
    fn typed_codes_are_forgiven_their_looks_and_nothing_else() {
        for typed in ["3456789abcf", " 3456 789A-BCF ", "３４５６７８９ＡＢＣＦ", "3456–789–abcf"]
        {
            assert_eq!(Code::parse(typed), Ok(code(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10])), "{typed}");
        }
        assert_eq!(Code::parse("3456789ABC"), Err(NotACode::Length { found: 10 }));
        assert_eq!(Code::parse("3456789ABCFF"), Err(NotACode::Length { found: 12 }));
        assert_eq!(Code::parse("3456789ABCO"), Err(NotACode::Character { found: 'O' }));
        assert_eq!(Code::parse("3456789ABCG"), Err(NotACode::Check));
        assert_eq!(Code::parse(""), Err(NotACode::Length { found: 0 }));
        assert!(Code::parse(&"2".repeat(1_000_000)).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_wrong_character_and_every_swap_is_found(seed in prop::array::uniform10(0u8..FAIR)) {
            let good = code(&seed);
            prop_assert_eq!(Code::parse(good.as_str()), Ok(good.clone()));
            for place in 0..LENGTH {
                for other in ALPHABET.iter().filter(|c| **c != good.0[place]) {
                    let mut bad = good.0;
                    bad[place] = *other;
                    prop_assert_eq!(Code::parse(std::str::from_utf8(&bad).expect("ascii")), Err(NotACode::Check));
                }
            }
            for a in 0..LENGTH {
                for b in a + 1..LENGTH {
                    let mut bad = good.0;
                    bad.swap(a, b);
                    let found = Code::parse(std::str::from_utf8(&bad).expect("ascii"));
                    prop_assert_eq!(found.is_ok(), bad == good.0);
                }
            }
        }
    }
}
