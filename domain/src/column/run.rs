//! Counting the rows of which a plan holds, a chunk of them at a time, so that what is looked at stays in the processor's memory. Nothing is
//! allocated for a row.

use super::cells::{Column, Numbers};
use super::local::come_round;
use super::plan::{Fraction, Name, Part, Plan, WordTest};
use super::ranges::Ranges;
use super::{Bits, Columns, Packed};
use crate::ids::CustomerId;
use crate::rule::{Comparison, PRIME};
use crate::time::Instant;

/// Words of 64 rows that are looked at together.
const WORDS: usize = 64;
type Chunk = [u64; WORDS];

/// A column that the plan asks isn't held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(pub Name);

/// Of how many it holds, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    pub count: u64,
    pub of: u64,
}

/// A part with the columns it asks.
enum Bound<'a> {
    Always(bool),
    All(Vec<Bound<'a>>),
    Any(Vec<Bound<'a>>),
    Not(Box<Bound<'a>>),
    Bits(&'a Bits),
    Within(&'a Numbers, &'a Ranges),
    /// By code: whether it is so.
    Word(&'a Packed, Vec<bool>),
    Fraction(&'a Numbers, &'a Numbers, &'a Fraction),
    Share(&'a Packed, [i64; 4], i64),
}

impl Columns {
    /// Of how many customers the plan holds.
    pub fn count(&self, plan: &Plan) -> Result<Counted, Missing> {
        let mut count = 0;
        self.look(plan, |_, chunk| {
            count += chunk.iter().map(|word| u64::from(word.count_ones())).sum::<u64>()
        })?;
        Ok(Counted { count, of: self.counts.count() })
    }

    /// Of which customers it holds, by their rows.
    pub fn members(&self, plan: &Plan) -> Result<Vec<CustomerId>, Missing> {
        let mut members = Vec::new();
        self.look(plan, |first, chunk| {
            for row in (0..WORDS * 64).filter(|row| chunk[row / 64] >> (row % 64) & 1 == 1) {
                members.push(self.customer(first + row));
            }
        })?;
        Ok(members)
    }

    fn look(&self, plan: &Plan, mut each: impl FnMut(usize, &Chunk)) -> Result<(), Missing> {
        // Which dates come round depends on the earliest there is.
        let plan = self.dated(&plan.0)?;
        let bound = self.bind(&plan)?;
        for first in (0..self.rows()).step_by(WORDS * 64) {
            let mut chunk = [0; WORDS];
            bound.mark(first, &mut chunk);
            // Nobody stands behind the last row.
            and(&mut chunk, self.counts.words(first / 64));
            each(first, &chunk);
        }
        Ok(())
    }

    fn dated(&self, part: &Part) -> Result<Part, Missing> {
        let each = |parts: &[Part]| parts.iter().map(|part| self.dated(part)).collect::<Result<Vec<_>, _>>();
        Ok(match part {
            Part::All(parts) => Part::All(each(parts)?),
            Part::Any(parts) => Part::Any(each(parts)?),
            Part::Not(part) => Part::Not(Box::new(self.dated(part)?)),
            Part::ComesRound { name, by_zone } => match self.numbers(name)?.packed.least() {
                Some(oldest) => come_round(name, by_zone, Instant::from_micros(oldest)),
                None => Part::Always(false),
            },
            other => other.clone(),
        })
    }

    fn bind<'a>(&'a self, part: &'a Part) -> Result<Bound<'a>, Missing> {
        let each =
            |parts: &'a [Part]| parts.iter().map(|part| self.bind(part)).collect::<Result<Vec<_>, _>>();
        Ok(match part {
            Part::Always(is) => Bound::Always(*is),
            Part::All(parts) => Bound::All(each(parts)?),
            Part::Any(parts) => Bound::Any(each(parts)?),
            Part::Not(part) => Bound::Not(Box::new(self.bind(part)?)),
            Part::Known(name) => Bound::Bits(&self.numbers(name)?.known),
            Part::Within(name, ranges) => Bound::Within(self.numbers(name)?, ranges),
            Part::Word(name, test) => {
                let Column::Words(words) = self.column(name)? else { return Err(Missing(name.clone())) };
                Bound::Word(&words.codes, words.table(|word| test.holds(word)))
            }
            Part::Flag(name) => {
                let Column::Flags(bits) = self.column(name)? else { return Err(Missing(name.clone())) };
                Bound::Bits(bits)
            }
            Part::Fraction(of) => Bound::Fraction(self.numbers(&of.part)?, self.numbers(&of.whole)?, of),
            Part::Share { coefficients, bound } => Bound::Share(self.ids(), *coefficients, *bound),
            // Made into ranges above.
            Part::ComesRound { .. } => Bound::Always(false),
        })
    }

    fn numbers(&self, name: &Name) -> Result<&Numbers, Missing> {
        match self.column(name)? {
            Column::Numbers(numbers) => Ok(numbers),
            Column::Words(_) | Column::Flags(_) => Err(Missing(name.clone())),
        }
    }
}

impl WordTest {
    fn holds(&self, word: Option<&str>) -> bool {
        match (self, word) {
            (Self::Text(test), Some(word)) => test.holds_of_folded(word),
            (Self::Text(test), None) => *test == crate::rule::TextTest::Absent,
            (Self::Tag(test), word) => test.holds(word),
            (Self::Zone(zones), word) => word.is_some_and(|word| zones.contains(word)),
        }
    }
}

impl Bound<'_> {
    /// Sets the bits of the rows from `first` on of which it is so; those behind the last row may come out either way.
    fn mark(&self, first: usize, out: &mut Chunk) {
        match self {
            Self::Always(is) => out.fill(if *is { u64::MAX } else { 0 }),
            Self::All(parts) => {
                out.fill(if parts.is_empty() { 0 } else { u64::MAX });
                let mut one = [0; WORDS];
                for part in parts {
                    if out.iter().all(|word| *word == 0) {
                        break;
                    }
                    part.mark(first, &mut one);
                    and(out, &one);
                }
            }
            Self::Any(parts) => {
                out.fill(0);
                let mut one = [0; WORDS];
                for part in parts {
                    part.mark(first, &mut one);
                    out.iter_mut().zip(&one).for_each(|(out, one)| *out |= one);
                }
            }
            Self::Not(part) => {
                part.mark(first, out);
                out.iter_mut().for_each(|word| *word = !*word);
            }
            Self::Bits(bits) => {
                out.fill(u64::MAX);
                and(out, bits.words(first / 64));
            }
            Self::Within(numbers, ranges) => {
                numbers.packed.mark(ranges, first, out);
                and(out, numbers.known.words(first / 64));
            }
            Self::Word(codes, table) => {
                let is = |code: u64| {
                    usize::try_from(code).ok().and_then(|code| table.get(code)).is_some_and(|is| *is)
                };
                codes.each(first, out, is);
            }
            Self::Fraction(part, whole, of) => fraction(part, whole, of, first, out),
            Self::Share(ids, coefficients, bound) => ids.each_number(first, out, |id| {
                let x = id.rem_euclid(PRIME);
                let [a, b, c, d] = *coefficients;
                (((a * x + b) % PRIME * x + c) % PRIME * x + d) % PRIME < *bound
            }),
        }
    }
}

fn fraction(part: &Numbers, whole: &Numbers, of: &Fraction, first: usize, out: &mut Chunk) {
    let rows = whole.packed.rows();
    for (i, word) in out.iter_mut().enumerate() {
        *word = 0;
        let begin = (first + i * 64).min(rows);
        for row in begin..(begin + 64).min(rows) {
            let (whole, part) = (whole.packed.get(row), part.packed.get(row));
            let is = match whole {
                1.. => {
                    let ratio =
                        (i128::from(part) * i128::from(of.times), i128::from(whole) * i128::from(of.often));
                    of.test.holds(Some(ratio))
                }
                _ => of.test == Comparison::Absent,
            };
            *word |= u64::from(is) << (row - begin);
        }
    }
}

/// What isn't in both goes; what `with` doesn't reach isn't in it.
fn and(out: &mut Chunk, with: &[u64]) {
    for (i, out) in out.iter_mut().enumerate() {
        *out &= with.get(i).copied().unwrap_or_default();
    }
}
