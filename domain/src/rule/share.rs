//! Stable shares of the book: whether somebody is in 10 % of it depends on who they are and on a word, not on when it is asked
//! or who else is there. Everybody keeps their draw; a larger share of the same word contains the smaller ones.
//!
//! The draw is a polynomial of degree three over the field of [`PRIME`] elements, its coefficients taken from the word: any four
//! customers draw independently of each other (Wegman and Carter, 1981). It is made of multiplications and remainders
//! below 2^62 alone, so that both databases come to the same number.

use super::field::FieldKind;
use crate::ids::CustomerId;
use sha2::{Digest, Sha256};

/// A Mersenne prime: 2^31 − 1. Draws are from 0 to one below it.
pub const PRIME: i64 = (1 << 31) - 1;
/// A whole, in millionths.
const WHOLE: i64 = 1_000_000;

/// A part of the book, the same for as long as its word is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// In millionths, above 0 and at most a whole.
    pub millionths: i64,
    pub salt: String,
}

impl Share {
    /// Draws below this are in it. Rounded up: no share is empty.
    pub fn bound(&self) -> i64 {
        (self.millionths * PRIME + WHOLE - 1) / WHOLE
    }

    /// The coefficients of the word's polynomial, the highest first: the draw of `x` is
    /// `((a·x + b)·x + c)·x + d`, each step modulo [`PRIME`].
    pub fn coefficients(&self) -> [i64; 4] {
        let digest = Sha256::digest(self.salt.as_bytes());
        let mut bytes = digest.chunks_exact(8);
        [(); 4].map(|()| {
            let chunk = bytes.next().expect("32 bytes are four times eight");
            let word = u64::from_be_bytes(chunk.try_into().expect("eight bytes"));
            i64::try_from(word % PRIME as u64).expect("below the prime")
        })
    }

    /// From 0 to one below [`PRIME`].
    pub fn draw(&self, customer: CustomerId) -> i64 {
        drawn(self.coefficients(), customer)
    }

    pub fn holds(&self, customer: CustomerId) -> bool {
        self.draw(customer) < self.bound()
    }

    /// As [`Self::holds`], for whoever asks of many: the word is read once.
    pub fn picker(&self) -> impl Fn(&CustomerId) -> bool + use<> {
        let (coefficients, bound) = (self.coefficients(), self.bound());
        move |customer| drawn(coefficients, *customer) < bound
    }

    /// As rules write it: `10%`.
    pub fn written(&self) -> String {
        FieldKind::Share.write(self.millionths)
    }
}

fn drawn(coefficients: [i64; 4], customer: CustomerId) -> i64 {
    let x = customer.0.rem_euclid(PRIME);
    coefficients.into_iter().reduce(|sum, next| (sum * x + next) % PRIME).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn share(millionths: i64, salt: &str) -> Share {
        Share { millionths, salt: salt.to_owned() }
    }

    #[test]
    fn a_draw_is_the_same_for_ever() {
        let draws =
            [0, 1, 2, 3, 1_000_000, PRIME, PRIME + 1, i64::MAX].map(|id| share(1, "x").draw(CustomerId(id)));
        assert_eq!(draws, DRAWS);
        assert_eq!(share(1, "x").coefficients(), share(WHOLE, "x").coefficients());
    }

    /// Worked out apart from this file, from its description alone.
    const DRAWS: [i64; 8] =
        [375740080, 1203913732, 1647752871, 1375198038, 1113594034, 375740080, 1203913732, 1203913732];

    #[test]
    fn a_share_has_its_part_of_the_book_and_two_words_have_nothing_to_do_with_each_other() {
        let n = 100_000;
        for (millionths, salt) in
            [(10_000, "a"), (100_000, "a"), (100_000, "b"), (333_333, "客户"), (500_000, "c")]
        {
            let one = share(millionths, salt);
            let members = (1..=n).filter(|id| one.holds(CustomerId(*id))).count() as i64;
            let (wanted, near) = (n * millionths / WHOLE, 600);
            assert!((members - wanted).abs() < near, "{members} of {n} are in {}", one.written());
        }
        let (a, b) = (share(500_000, "a"), share(500_000, "b"));
        let both = (1..=n).filter(|id| a.holds(CustomerId(*id)) && b.holds(CustomerId(*id))).count() as i64;
        assert!((both - n / 4).abs() < 600, "{both} of {n} are in both halves");
    }

    proptest! {
        #[test]
        fn a_larger_share_contains_the_smaller_and_the_whole_everybody(
            id in any::<i64>(), small in 1..=WHOLE, more in 0..=WHOLE, salt in "\\PC{0,12}",
        ) {
            let id = CustomerId(id);
            let (small, large) = (share(small, &salt), share((small + more).min(WHOLE), &salt));
            prop_assert!(!small.holds(id) || large.holds(id));
            prop_assert!(share(WHOLE, &salt).holds(id));
            prop_assert!((0..PRIME).contains(&small.draw(id)));
            prop_assert!(small.bound() >= 1);
        }
    }
}
