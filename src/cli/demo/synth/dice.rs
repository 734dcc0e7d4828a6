//! Dice that fall the same way for the same seed, for ever: a splitmix64 of our own, since a library may change what its
//! generators give. For made-up data only, never for keys.

#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `0..n`; 0 of nothing.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// One of `from..=to`.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        from + i64::try_from(self.below((to - from + 1).unsigned_abs())).unwrap_or(0)
    }

    /// True so many times in a hundred.
    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub fn place(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// One of several; there must be one.
    pub fn pick<T: Copy>(&mut self, some: &[T]) -> T {
        some[self.place(some.len())]
    }

    /// A place, each as often as its weight says.
    pub fn weighted(&mut self, weights: &[u64]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (i, weight) in weights.iter().enumerate() {
            if left < *weight {
                return i;
            }
            left -= weight;
        }
        0
    }

    pub fn shuffle<T>(&mut self, some: &mut [T]) {
        for i in (1..some.len()).rev() {
            some.swap(i, self.place(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs of splitmix64 for seed 1234567, as its authors publish them.
    #[test]
    fn these_are_splitmix64s() {
        let mut dice = Dice::new(1_234_567);
        assert_eq!([dice.next(), dice.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn what_it_gives_is_within_what_was_asked_for() {
        let mut dice = Dice::new(1);
        for _ in 0..1_000 {
            assert!((3..=7).contains(&dice.between(3, 7)));
            assert_eq!(dice.weighted(&[0, 5, 0]), 1);
        }
        assert_eq!((dice.below(0), dice.percent(0), dice.percent(100)), (0, false, true));
    }
}
