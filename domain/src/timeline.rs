//! A value over all of time: the step functions everything about a customer is made of.
//!
//! Only the arithmetic of steps lives here; what the steps mean (orders, rules, tags) doesn't.

use crate::time::{Instant, Span};

/// A value that holds from each change point (included) up to the next (excluded).
///
/// Change points ascend and neighbours differ, so two timelines are equal exactly when they say the same
/// at every instant. The last value holds for ever.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timeline<T> {
    first: T,
    changes: Vec<(Instant, T)>,
}

/// A part of a timeline over which the value doesn't change: `[from, until)`. `None` is the open end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<T> {
    pub from: Option<Instant>,
    pub until: Option<Instant>,
    pub value: T,
}

impl<T> Segment<T> {
    /// Whether it lasted at least `span`. What never began or never ends did.
    pub fn lasts(&self, span: Span) -> bool {
        match (self.from, self.until) {
            (Some(from), Some(until)) => until - from >= span,
            _ => true,
        }
    }
}

impl<T: PartialEq> Timeline<T> {
    /// The same value at every instant.
    pub fn always(value: T) -> Self {
        Self { first: value, changes: Vec::new() }
    }

    /// `first` up to the first point, then each point's value from its instant on. Points ascend; of
    /// several at one instant the last one counts.
    pub fn from_points(first: T, points: impl IntoIterator<Item = (Instant, T)>) -> Self {
        let mut line = Self::always(first);
        for (at, value) in points {
            line.push(at, value);
        }
        line
    }

    fn push(&mut self, at: Instant, value: T) {
        debug_assert!(self.changes.last().is_none_or(|(last, _)| *last <= at), "points must ascend");
        if self.changes.last().is_some_and(|(last, _)| *last == at) {
            self.changes.pop();
        }
        if *self.last() != value {
            self.changes.push((at, value));
        }
    }

    fn last(&self) -> &T {
        self.changes.last().map_or(&self.first, |(_, value)| value)
    }

    fn passed(&self, at: Instant) -> usize {
        self.changes.partition_point(|(change, _)| *change <= at)
    }

    /// The value at an instant.
    pub fn at(&self, at: Instant) -> &T {
        match self.passed(at) {
            0 => &self.first,
            n => &self.changes[n - 1].1,
        }
    }

    /// When the value at `at` began: the last change at or before it; `None` if it always was so.
    pub fn since(&self, at: Instant) -> Option<Instant> {
        self.passed(at).checked_sub(1).map(|i| self.changes[i].0)
    }

    /// The first change after `at`; `None` if nothing changes any more.
    pub fn next_after(&self, at: Instant) -> Option<Instant> {
        self.changes.get(self.passed(at)).map(|(change, _)| *change)
    }

    /// Every change point with the value that begins there.
    pub fn changes(&self) -> impl Iterator<Item = (Instant, &T)> {
        self.changes.iter().map(|(at, value)| (*at, value))
    }

    /// The parts of constant value, in order, covering all of time.
    pub fn segments(&self) -> impl Iterator<Item = Segment<&T>> {
        let starts = std::iter::once((None, &self.first))
            .chain(self.changes.iter().map(|(at, value)| (Some(*at), value)));
        let ends = self.changes.iter().map(|(at, _)| Some(*at)).chain(std::iter::once(None));
        starts.zip(ends).map(|((from, value), until)| Segment { from, until, value })
    }

    /// The timeline of a function of the value.
    pub fn map<U: PartialEq>(&self, f: impl Fn(&T) -> U) -> Timeline<U> {
        Timeline::from_points(f(&self.first), self.changes().map(|(at, value)| (at, f(value))))
    }

    /// The timeline of a function of two values.
    pub fn zip_with<U: PartialEq, V: PartialEq>(
        &self,
        other: &Timeline<U>,
        f: impl Fn(&T, &U) -> V,
    ) -> Timeline<V> {
        let mut line = Timeline::always(f(&self.first, &other.first));
        let (mut left, mut right) = (self.changes.iter().peekable(), other.changes.iter().peekable());
        let (mut a, mut b) = (&self.first, &other.first);
        loop {
            let at = match (left.peek(), right.peek()) {
                (Some((l, _)), Some((r, _))) => *l.min(r),
                (Some((only, _)), None) | (None, Some((only, _))) => *only,
                (None, None) => return line,
            };
            if let Some((_, value)) = left.next_if(|(change, _)| *change == at) {
                a = value;
            }
            if let Some((_, value)) = right.next_if(|(change, _)| *change == at) {
                b = value;
            }
            line.push(at, f(a, b));
        }
    }
}

impl Timeline<i64> {
    /// The running sum of `deltas` (in any order), from 0. Sums outside 64 bits are shown as the nearest
    /// number that fits, without disturbing later ones.
    pub fn sums(mut deltas: Vec<(Instant, i64)>) -> Self {
        deltas.sort_unstable_by_key(|(at, _)| *at);
        let mut sum = 0i128;
        let clamp = |sum: i128| i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX });
        Self::from_points(
            0,
            deltas.into_iter().map(|(at, delta)| {
                sum += i128::from(delta);
                (at, clamp(sum))
            }),
        )
    }
}

impl Timeline<bool> {
    /// The parts over which it is true.
    pub fn stretches(&self) -> impl Iterator<Item = Segment<()>> {
        self.segments().filter(|s| *s.value).map(|s| Segment { from: s.from, until: s.until, value: () })
    }

    #[must_use]
    pub fn not(&self) -> Self {
        self.map(|on| !on)
    }

    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.zip_with(other, |a, b| *a && *b)
    }

    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        self.zip_with(other, |a, b| *a || *b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn t(n: i64) -> Instant {
        Instant::from_micros(n)
    }

    #[test]
    fn a_change_counts_from_its_own_instant() {
        let line = Timeline::from_points('a', [(t(5), 'b'), (t(9), 'a')]);
        assert_eq!([*line.at(t(4)), *line.at(t(5)), *line.at(t(8)), *line.at(t(9))], ['a', 'b', 'b', 'a']);
        assert_eq!([line.since(t(4)), line.since(t(5)), line.since(t(100))], [None, Some(t(5)), Some(t(9))]);
        assert_eq!(
            [line.next_after(t(4)), line.next_after(t(5)), line.next_after(t(9))],
            [Some(t(5)), Some(t(9)), None]
        );
    }

    #[test]
    fn what_changes_nothing_is_no_change() {
        let line = Timeline::from_points(0, [(t(1), 0), (t(2), 7), (t(2), 0), (t(3), 1), (t(4), 1)]);
        assert_eq!(line, Timeline::from_points(0, [(t(3), 1)]));
        assert_eq!(
            Timeline::sums(vec![(t(8), -3), (t(2), 3), (t(8), 3)]),
            Timeline::from_points(0, [(t(2), 3)])
        );
    }

    #[test]
    fn a_sum_beyond_64_bits_comes_back() {
        let line = Timeline::sums(vec![(t(1), i64::MAX), (t(2), i64::MAX), (t(3), i64::MIN + 1)]);
        assert_eq!((*line.at(t(2)), *line.at(t(3))), (i64::MAX, i64::MAX));
        assert_eq!(line.changes().count(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn combining_is_combining_at_every_instant(
            a in proptest::collection::vec((0i64..30, -2i64..3), 0..12),
            b in proptest::collection::vec((0i64..30, -2i64..3), 0..12),
        ) {
            let line = |deltas: &[(i64, i64)]| Timeline::sums(deltas.iter().map(|(at, d)| (t(*at), *d)).collect());
            let (x, y) = (line(&a), line(&b));
            let both = x.zip_with(&y, |x, y| x.min(y) > &0);
            for i in -1..32 {
                prop_assert_eq!(*both.at(t(i)), *x.at(t(i)).min(y.at(t(i))) > 0);
            }
            prop_assert!(both.segments().zip(both.segments().skip(1)).all(|(l, r)| l.value != r.value));
        }
    }
}
