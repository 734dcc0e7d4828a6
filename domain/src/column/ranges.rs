//! Comparisons with whole numbers as ranges of them.

use crate::rule::Comparison;

/// Both ends included; ascending, with gaps between them.
pub(super) type Ranges = Vec<(i64, i64)>;

/// The numbers of `unit` each that the comparison holds of, where there is one. Bounds are rounded to the unit, so nothing overflows.
pub(super) fn ranges(test: &Comparison<i64>, unit: i64) -> Ranges {
    let floor = |v: &i64| v.div_euclid(unit);
    let ceil = |v: &i64| floor(v) + i64::from(v.rem_euclid(unit) > 0);
    let whole = |v: &i64| (v.rem_euclid(unit) == 0).then(|| floor(v));
    let below = |v: i64| v.checked_sub(1).map(|high| (i64::MIN, high));
    let above = |v: i64| v.checked_add(1).map(|low| (low, i64::MAX));
    let found: Vec<Option<(i64, i64)>> = match test {
        Comparison::Eq(v) => vec![whole(v).map(|v| (v, v))],
        Comparison::Ne(v) => match whole(v) {
            Some(v) => vec![below(v), above(v)],
            None => vec![Some((i64::MIN, i64::MAX))],
        },
        Comparison::Lt(v) => vec![below(ceil(v))],
        Comparison::Lte(v) => vec![Some((i64::MIN, floor(v)))],
        Comparison::Gt(v) => vec![above(floor(v))],
        Comparison::Gte(v) => vec![Some((ceil(v), i64::MAX))],
        Comparison::In(list) => list.iter().filter_map(whole).map(|v| Some((v, v))).collect(),
        Comparison::Between(low, high) => vec![Some((ceil(low), floor(high)))],
        Comparison::Present => vec![Some((i64::MIN, i64::MAX))],
        Comparison::Absent => vec![],
    };
    joined(found.into_iter().flatten())
}

/// In order, and those that touch as one.
pub(super) fn joined(ranges: impl IntoIterator<Item = (i64, i64)>) -> Ranges {
    let mut ranges: Ranges = ranges.into_iter().filter(|(low, high)| low <= high).collect();
    ranges.sort_unstable();
    let mut out: Ranges = Vec::with_capacity(ranges.len());
    for (low, high) in ranges {
        match out.last_mut() {
            Some((_, end)) if *end == i64::MAX || low <= *end + 1 => *end = (*end).max(high),
            _ => out.push((low, high)),
        }
    }
    out
}

/// What of them isn't above `most`.
pub(super) fn up_to(most: i64, ranges: Ranges) -> Ranges {
    ranges.into_iter().filter(|(low, _)| *low <= most).map(|(low, high)| (low, high.min(most))).collect()
}
