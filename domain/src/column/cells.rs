//! What a column is made of, by what it holds: numbers, words, yes or no.

use super::{Bits, Packed};
use std::collections::HashMap;

/// What one row has of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    Number(Option<i64>),
    Word(Option<&'a str>),
    Flag(bool),
}

/// Numbers that may be unknown.
#[derive(Debug, Clone, Default)]
pub struct Numbers {
    pub(super) packed: Packed,
    pub(super) known: Bits,
}

/// Words by their place among the different ones, from 1 on; 0 where there is none. What nobody has any more stays until the column is
/// loaded anew.
#[derive(Debug, Clone, Default)]
pub struct Words {
    different: Vec<Box<str>>,
    places: HashMap<Box<str>, u32>,
    pub(super) codes: Packed,
}

#[derive(Debug, Clone)]
pub enum Column {
    Numbers(Numbers),
    Words(Words),
    Flags(Bits),
}

impl Words {
    fn put(&mut self, row: usize, word: Option<&str>) {
        let code = word.map_or(0, |word| match self.places.get(word) {
            Some(place) => *place,
            None => {
                self.different.push(word.into());
                let place = u32::try_from(self.different.len()).unwrap_or(u32::MAX);
                self.places.insert(word.into(), place);
                place
            }
        });
        // A number for every row, so that the least is always 0: that of nothing.
        if row == 0 && self.codes.rows() == 0 {
            self.codes.put(0, Some(0));
        }
        self.codes.put(row, Some(i64::from(code)));
    }

    /// For each code whether it is so of its word, or of none.
    pub(super) fn table(&self, is: impl Fn(Option<&str>) -> bool) -> Vec<bool> {
        [None].into_iter().chain(self.different.iter().map(|word| Some(&**word))).map(is).collect()
    }

    fn bytes(&self) -> usize {
        // Each word twice, with its length; of the table one cell and its control byte for each place it has room for.
        let words: usize = self.different.iter().map(|word| 2 * word.len()).sum();
        let lists = self.different.capacity() * size_of::<Box<str>>();
        let table = self.places.capacity() * (size_of::<(Box<str>, u32)>() + 1) * 8 / 7;
        words + lists + table + self.codes.bytes()
    }
}

impl Column {
    /// Changes a row, or adds the next one. What isn't of the column's kind is nothing.
    pub fn put(&mut self, row: usize, cell: Cell<'_>) {
        match (self, cell) {
            (Self::Numbers(numbers), cell) => {
                let number = if let Cell::Number(number) = cell { number } else { None };
                numbers.packed.put(row, number);
                numbers.known.put(row, number.is_some());
            }
            (Self::Words(words), cell) => {
                words.put(row, if let Cell::Word(word) = cell { word } else { None });
            }
            (Self::Flags(bits), cell) => bits.put(row, cell == Cell::Flag(true)),
        }
    }

    /// What a row has.
    pub fn get(&self, row: usize) -> Cell<'_> {
        match self {
            Self::Numbers(numbers) => Cell::Number(numbers.known.get(row).then(|| numbers.packed.get(row))),
            Self::Words(words) => {
                let place = usize::try_from(words.codes.get(row)).unwrap_or_default();
                Cell::Word(
                    place.checked_sub(1).and_then(|place| words.different.get(place)).map(|word| &**word),
                )
            }
            Self::Flags(bits) => Cell::Flag(bits.get(row)),
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.packed.bytes() + numbers.known.bytes(),
            Self::Words(words) => words.bytes(),
            Self::Flags(bits) => bits.bytes(),
        }
    }

    pub fn shrink(&mut self) {
        match self {
            Self::Numbers(numbers) => {
                numbers.packed.shrink();
                numbers.known.shrink();
            }
            Self::Words(words) => words.codes.shrink(),
            Self::Flags(bits) => bits.shrink(),
        }
    }
}
