//! Whole numbers in few bytes: differences from the least of them, counted in whole seconds where all of them are, in 1, 2, 4 or 8 bytes.
//! Nothing is rounded: what doesn't fit has everything packed anew.

/// In microseconds.
const SECOND: u64 = 1_000_000;

#[derive(Debug, Clone)]
enum Cells {
    One(Vec<u8>),
    Two(Vec<u16>),
    Four(Vec<u32>),
    Eight(Vec<u64>),
}

/// A number a row. A row that has none is 0 differences from the least; who knows which these are stands elsewhere.
#[derive(Debug, Clone)]
pub struct Packed {
    /// What differences are from: no number is less; `None` before there is any.
    least: Option<i64>,
    /// The least number that there ever was.
    lowest: i64,
    /// What differences are counted in.
    unit: u64,
    cells: Cells,
    /// How often everything was packed anew.
    #[cfg(test)]
    packs: usize,
}

impl Default for Packed {
    fn default() -> Self {
        Self {
            least: None,
            lowest: i64::MAX,
            unit: SECOND,
            cells: Cells::One(Vec::new()),
            #[cfg(test)]
            packs: 0,
        }
    }
}

/// Does the same whatever the width.
macro_rules! each_width {
    ($cells:expr, $name:ident => $body:expr) => {
        match $cells {
            Cells::One($name) => $body,
            Cells::Two($name) => $body,
            Cells::Four($name) => $body,
            Cells::Eight($name) => $body,
        }
    };
}

impl Cells {
    fn for_up_to(most: u64, capacity: usize) -> Self {
        match most {
            0..=0xff => Self::One(Vec::with_capacity(capacity)),
            0x100..=0xffff => Self::Two(Vec::with_capacity(capacity)),
            0x1_0000..=0xffff_ffff => Self::Four(Vec::with_capacity(capacity)),
            _ => Self::Eight(Vec::with_capacity(capacity)),
        }
    }

    const fn most(&self) -> u64 {
        match self {
            Self::One(_) => 0xff,
            Self::Two(_) => 0xffff,
            Self::Four(_) => 0xffff_ffff,
            Self::Eight(_) => u64::MAX,
        }
    }

    #[allow(clippy::useless_conversion, reason = "of eight bytes it is one")]
    fn get(&self, row: usize) -> u64 {
        each_width!(self, cells => u64::from(cells[row]))
    }

    /// `code` fits.
    #[allow(clippy::cast_possible_truncation, reason = "whoever calls has compared it with `most`")]
    fn put(&mut self, row: usize, code: u64) {
        match self {
            Self::One(cells) => put(cells, row, code as u8),
            Self::Two(cells) => put(cells, row, code as u16),
            Self::Four(cells) => put(cells, row, code as u32),
            Self::Eight(cells) => put(cells, row, code),
        }
    }
}

/// Changes a row, or adds the next one.
fn put<T>(cells: &mut Vec<T>, row: usize, code: T) {
    if row == cells.len() { cells.push(code) } else { cells[row] = code }
}

impl Packed {
    pub fn rows(&self) -> usize {
        each_width!(&self.cells, cells => cells.len())
    }

    pub fn bytes(&self) -> usize {
        match &self.cells {
            Cells::One(cells) => cells.capacity(),
            Cells::Two(cells) => cells.capacity() * 2,
            Cells::Four(cells) => cells.capacity() * 4,
            Cells::Eight(cells) => cells.capacity() * 8,
        }
    }

    /// No number is less than this one.
    pub fn least(&self) -> Option<i64> {
        self.least
    }

    pub fn get(&self, row: usize) -> i64 {
        self.number(self.cells.get(row))
    }

    fn number(&self, code: u64) -> i64 {
        self.least.unwrap_or_default().wrapping_add_unsigned(code.wrapping_mul(self.unit))
    }

    /// Changes a row, or adds the next one; without a number it takes its place only.
    pub fn put(&mut self, row: usize, number: Option<i64>) {
        let Some(number) = number else { return self.cells.put(row, 0) };
        let least = *self.least.get_or_insert(number);
        self.lowest = self.lowest.min(number);
        let fits = (number >= least).then(|| number.wrapping_sub(least).cast_unsigned());
        let fits = fits.filter(|off| off % self.unit == 0 && off / self.unit <= self.cells.most());
        match fits {
            Some(off) => self.cells.put(row, off / self.unit),
            None => {
                self.pack_anew(number);
                let off = self.off(number);
                self.cells.put(row, off);
            }
        }
    }

    fn off(&self, number: i64) -> u64 {
        number.wrapping_sub(self.least.unwrap_or_default()).cast_unsigned() / self.unit
    }

    /// Everything in a form in which this number has room. Where numbers fall there is room below, too, as much as the width has without
    /// more bytes: else each next one would have everything packed anew.
    fn pack_anew(&mut self, number: i64) {
        let old = std::mem::take(self);
        #[cfg(test)]
        {
            self.packs = old.packs + 1;
        }
        let codes = |row: usize| old.cells.get(row);
        let highest = old.number((0..old.rows()).map(codes).max().unwrap_or_default()).max(number);
        let least = old.lowest.min(number);
        let off = |number: i64| number.wrapping_sub(least).cast_unsigned();
        let in_seconds =
            old.unit == SECOND && off(number) % SECOND == 0 && off(old.least.unwrap_or(number)) % SECOND == 0;
        self.unit = if in_seconds { SECOND } else { 1 };
        // Room for what is added next, as a growing list has it.
        let capacity = each_width!(&old.cells, cells => cells.capacity());
        let most = off(highest) / self.unit;
        self.cells = Cells::for_up_to(most, capacity);
        let falls = old.least.is_some_and(|before| number < before);
        let room = if falls { (self.cells.most() - most) / 2 } else { 0 };
        let room = room.min(least.wrapping_sub(i64::MIN).cast_unsigned() / self.unit);
        self.least = Some(least.wrapping_sub_unsigned(room * self.unit));
        self.lowest = least;
        for row in 0..old.rows() {
            let before = old.number(old.cells.get(row));
            // Less than the lowest is a row without a number.
            self.cells.put(row, if before < least { 0 } else { self.off(before) });
        }
    }

    /// Gives back what the lists have beyond their rows.
    pub fn shrink(&mut self) {
        each_width!(&mut self.cells, cells => cells.shrink_to_fit());
    }

    /// Sets the bits of the rows from `first` on whose numbers lie in these ranges, which ascend and have gaps between them.
    pub fn mark(&self, ranges: &[(i64, i64)], first: usize, out: &mut [u64]) {
        match self.as_codes(ranges).as_slice() {
            [] => out.fill(0),
            [(low, high)] => self.each(first, out, |code| code.wrapping_sub(*low) <= high - low),
            [(a, b), (c, d)] => self
                .each(first, out, |code| (code.wrapping_sub(*a) <= b - a) | (code.wrapping_sub(*c) <= d - c)),
            several => self.each(first, out, |code| {
                let next = several.partition_point(|(_, high)| *high < code);
                several.get(next).is_some_and(|(low, _)| *low <= code)
            }),
        }
    }

    /// Sets the bits of the rows from `first` on of whose code it is so.
    #[allow(clippy::useless_conversion, reason = "of eight bytes it is one")]
    pub fn each(&self, first: usize, out: &mut [u64], is: impl Fn(u64) -> bool) {
        each_width!(&self.cells, cells => {
            let mut words = cells[first..].chunks(64);
            for word in out.iter_mut() {
                let cells = words.next().unwrap_or_default();
                *word = cells.iter().enumerate().fold(0, |bits, (i, code)| bits | u64::from(is(u64::from(*code))) << i);
            }
        });
    }

    /// As [`Self::each`], of the numbers themselves.
    pub fn each_number(&self, first: usize, out: &mut [u64], is: impl Fn(i64) -> bool) {
        self.each(first, out, |code| is(self.number(code)));
    }

    fn as_codes(&self, ranges: &[(i64, i64)]) -> Vec<(u64, u64)> {
        let (least, unit) = (i128::from(self.least.unwrap_or_default()), i128::from(self.unit));
        let code = |(low, high): &(i64, i64)| {
            let low = (i128::from(*low) - least + unit - 1).div_euclid(unit).max(0);
            let high = (i128::from(*high) - least).div_euclid(unit);
            let (low, high) = (u64::try_from(low).ok()?, u64::try_from(high).ok()?);
            (low <= high).then_some((low, high))
        };
        ranges.iter().filter_map(code).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Packed, SECOND};

    #[test]
    fn numbers_that_fall_from_row_to_row_are_packed_anew_a_few_times() {
        for step in [1, i64::try_from(SECOND).expect("small"), 86_400_000_001] {
            let mut packed = Packed::default();
            for row in 0..100_000 {
                // Every third row has no number.
                packed.put(packed.rows(), (row % 3 > 0).then_some(-step * row));
            }
            assert!(packed.packs < 150, "{} times with steps of {step}", packed.packs);
            assert!(
                (0..100_000).all(
                    |row| row % 3 == 0 || packed.get(usize::try_from(row).expect("a row")) == -step * row
                )
            );
        }
    }

    #[test]
    fn the_least_numbers_there_are_have_room() {
        let mut packed = Packed::default();
        let numbers = [0, -1, i64::MIN + 1, i64::MAX, i64::MIN];
        for number in numbers {
            packed.put(packed.rows(), Some(number));
        }
        assert_eq!((0..5).map(|row| packed.get(row)).collect::<Vec<_>>(), numbers);
    }
}
