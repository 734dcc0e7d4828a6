//! A bit a row.

/// Of every row one bit.
#[derive(Debug, Clone, Default)]
pub struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    pub fn rows(&self) -> usize {
        self.len
    }

    pub fn bytes(&self) -> usize {
        self.words.capacity() * 8
    }

    pub fn get(&self, row: usize) -> bool {
        self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Changes a row, or adds the next one.
    pub fn put(&mut self, row: usize, is: bool) {
        if row == self.len {
            self.len += 1;
            if row.is_multiple_of(64) {
                self.words.push(0);
            }
        }
        let bit = 1 << (row % 64);
        if is { self.words[row / 64] |= bit } else { self.words[row / 64] &= !bit }
    }

    pub fn shrink(&mut self) {
        self.words.shrink_to_fit();
    }

    /// The words from this one on.
    pub fn words(&self, first: usize) -> &[u64] {
        &self.words[first.min(self.words.len())..]
    }

    pub fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}
