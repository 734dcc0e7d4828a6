//! Business time: how much of a stretch was worked, and when a given amount will have been.
//!
//! A [`Calendar`] has a zone, weekly ranges and overrides by date. Two of them serve the house:
//! `working_days` for promises in working days, `service_hours` for business minutes. Reading one from
//! a document lives in `document`; which one a rule uses is the rule's affair.

use super::range::{DayRange, local_date};
use crate::problem::Problem;
use crate::time::{Instant, Span, add_days};
use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::OnceLock;

/// Local years a calendar answers for; outside them nothing is worked and sums end at [`Instant::MAX`].
const FIRST_YEAR: i32 = 1900;
const LAST_YEAR: i32 = 2199;

/// For which years the overrides are complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum YearsKnown {
    /// The weekly pattern needs no yearly table.
    Every,
    /// A table by year, such as the Chinese one. Other years fall back to the weekly pattern and warn.
    Only(BTreeSet<i32>),
}

/// One working day: first opening and last closing. Both are [`Instant::MAX`] where none is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkingDay {
    pub date: NaiveDate,
    pub open: Instant,
    pub close: Instant,
}

/// When work is done: weekly ranges in a zone, with overrides by local date.
#[derive(Clone)]
pub struct Calendar {
    zone: Tz,
    /// Monday first; sorted, without overlap.
    weekly: [Vec<DayRange>; 7],
    /// Empty: a holiday.
    overrides: BTreeMap<NaiveDate, Vec<DayRange>>,
    years: YearsKnown,
    /// What the above means on the time line, a local year at a time, made when first asked for.
    compiled: Box<[OnceLock<Year>]>,
}

/// The open stretches of one local year.
#[derive(Debug, Clone)]
struct Year {
    from: Instant,
    until: Instant,
    stretches: Box<[Stretch]>,
}

/// `[open, close)`, and what is worked from the year's start up to its close.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    open: Instant,
    close: Instant,
    through: Span,
}

impl Calendar {
    /// Ranges of a day may come in any order.
    ///
    /// # Errors
    /// Ranges that overlap, a week without any range, overrides outside the known years.
    pub fn new(
        zone: Tz,
        mut weekly: [Vec<DayRange>; 7],
        mut overrides: BTreeMap<NaiveDate, Vec<DayRange>>,
        years: YearsKnown,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        for (day, ranges) in super::document::WEEKDAYS.iter().zip(weekly.iter_mut()) {
            sort_and_check(ranges, || format!("weekly.{day}"), &mut problems);
        }
        for (date, ranges) in &mut overrides {
            sort_and_check(ranges, || format!("overrides.{date}"), &mut problems);
            match &years {
                YearsKnown::Only(known) if !known.contains(&date.year()) => problems.push(Problem::new(
                    format!("overrides.{date}"),
                    "year_not_listed",
                    format!("{} is not among `years`; add it there once its table is complete", date.year()),
                )),
                _ => {}
            }
        }
        if weekly.iter().all(Vec::is_empty) {
            problems.push(Problem::new(
                "weekly",
                "never_open",
                "no weekday has a range, so nothing would ever be due; give at least one",
            ));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let compiled = (FIRST_YEAR..=LAST_YEAR).map(|_| OnceLock::new()).collect();
        Ok(Self { zone, weekly, overrides, years, compiled })
    }

    /// Default `working_days`: Monday to Friday 09:00–18:00, no holidays.
    pub fn default_working_days(zone: Tz) -> Self {
        let day = || vec![range(9, 18)];
        let weekly = [day(), day(), day(), day(), day(), vec![], vec![]];
        Self::new(zone, weekly, BTreeMap::new(), YearsKnown::Every).expect("five ranges that don't overlap")
    }

    /// Default `service_hours`: daily 09:00–21:00.
    pub fn default_service_hours(zone: Tz) -> Self {
        let weekly = std::array::from_fn(|_| vec![range(9, 21)]);
        Self::new(zone, weekly, BTreeMap::new(), YearsKnown::Every).expect("one range a day")
    }

    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The ranges of a local date, sorted.
    pub fn ranges_on(&self, date: NaiveDate) -> &[DayRange] {
        let weekday = date.weekday().num_days_from_monday() as usize;
        self.overrides.get(&date).unwrap_or(&self.weekly[weekday])
    }

    /// Business time in `[a, b)`; zero where `b ≤ a`.
    pub fn worked(&self, a: Instant, b: Instant) -> Span {
        if b <= a {
            return Span::ZERO;
        }
        let (first, last) = (self.year_of(a), self.year_of(b));
        let within = |y: i32, t: Instant| self.year(y).before(t).as_micros();
        let mut total = within(last, b) - within(first, a);
        for y in first..last {
            total += self.year(y).total().as_micros();
        }
        Span::micros(total)
    }

    /// Business time from `a` to `b`, negative where `b` comes first.
    pub fn signed(&self, a: Instant, b: Instant) -> Span {
        if a <= b { self.worked(a, b) } else { Span::micros(-self.worked(b, a).as_micros()) }
    }

    /// The earliest instant with `worked(t, ·) = span`; `t` itself for a span ≤ 0.
    pub fn add(&self, t: Instant, span: Span) -> Instant {
        if span <= Span::ZERO {
            return t;
        }
        let first = self.year_of(t);
        let mut needed = self.year(first).before(t).as_micros().saturating_add(span.as_micros());
        for y in first..=LAST_YEAR {
            let year = self.year(y);
            let total = year.total().as_micros();
            if needed <= total {
                // A stretch that closed before t can be met only where t's year is over for business.
                return year.reaching(Span::micros(needed)).max(t);
            }
            needed -= total;
        }
        Instant::MAX
    }

    /// The earliest instant from which no more than `span` is worked until `t`: `t` is due within
    /// `span` from there on.
    pub fn back(&self, t: Instant, span: Span) -> Instant {
        let last = self.year_of(t);
        let mut needed = self.year(last).before(t).as_micros().saturating_sub(span.as_micros().max(0));
        for y in (FIRST_YEAR..=last).rev() {
            if needed > 0 {
                return self.year(y).reaching(Span::micros(needed));
            }
            if y > FIRST_YEAR {
                needed += self.year(y - 1).total().as_micros();
            }
        }
        Instant::MIN
    }

    pub fn is_open(&self, t: Instant) -> bool {
        self.year(self.year_of(t)).at_or_before(t).is_some_and(|s| t < s.close)
    }

    /// `t` where it is open, else the next opening.
    pub fn next_open(&self, t: Instant) -> Instant {
        if self.is_open(t) {
            return t;
        }
        let next = (self.year_of(t)..=LAST_YEAR).find_map(|y| {
            let stretches = &self.year(y).stretches;
            stretches.get(stretches.partition_point(|s| s.open < t)).map(|s| s.open)
        });
        next.unwrap_or(Instant::MAX)
    }

    /// The `n`-th working day after `t`'s local date (0 counts as 1). A day whose every range falls
    /// into a DST gap is none.
    pub fn business_day(&self, t: Instant, n: u32) -> WorkingDay {
        let mut date = local_date(t, self.zone);
        let mut left = n.max(1);
        while date.year() <= LAST_YEAR {
            date = add_days(date, 1);
            if let Some(day) = self.working_day(date) {
                left -= 1;
                if left == 0 {
                    return day;
                }
            }
        }
        WorkingDay { date, open: Instant::MAX, close: Instant::MAX }
    }

    /// The opening and closing of a local date, if it is worked.
    pub fn working_day(&self, date: NaiveDate) -> Option<WorkingDay> {
        let ranges = self.ranges_on(date);
        let (open, _) = ranges.first()?.on(date, self.zone);
        let (_, close) = ranges.last()?.on(date, self.zone);
        (open < close).then_some(WorkingDay { date, open, close })
    }

    /// A warning if a local year touched by `[from, until]` isn't in the table: there the weekly
    /// pattern without holidays is used.
    pub fn warning(&self, from: Instant, until: Instant) -> Option<Problem> {
        let YearsKnown::Only(known) = &self.years else { return None };
        let year = |t: Instant| local_date(t, self.zone).year().clamp(FIRST_YEAR, LAST_YEAR);
        let missing = (year(from)..=year(until)).find(|y| !known.contains(y))?;
        Some(Problem::new(
            "years",
            "calendar_year_missing",
            format!(
                "the calendar has no table for {missing}: the weekly pattern without holidays is used; \
                 apply a calendar that lists {missing}"
            ),
        ))
    }

    fn year(&self, year: i32) -> &Year {
        let index = usize::try_from(year.clamp(FIRST_YEAR, LAST_YEAR) - FIRST_YEAR).unwrap_or(0);
        self.compiled[index].get_or_init(|| self.compile(year.clamp(FIRST_YEAR, LAST_YEAR)))
    }

    /// The local year whose stretches lie around `t`: found by UTC and put right by one, since no
    /// zone is a day away.
    fn year_of(&self, t: Instant) -> i32 {
        let guess = t.to_utc().year().clamp(FIRST_YEAR, LAST_YEAR);
        let year = self.year(guess);
        let step = if t < year.from { -1 } else { i32::from(t >= year.until) };
        (guess + step).clamp(FIRST_YEAR, LAST_YEAR)
    }

    fn compile(&self, year: i32) -> Year {
        let first = NaiveDate::from_ymd_opt(year, 1, 1).expect("a year of four digits");
        let after = NaiveDate::from_ymd_opt(year + 1, 1, 1).expect("a year of four digits");
        let mut stretches: Vec<Stretch> = Vec::new();
        let mut through = Span::ZERO;
        for date in first.iter_days().take_while(|d| *d < after) {
            for range in self.ranges_on(date) {
                let (open, close) = range.on(date, self.zone);
                if open >= close {
                    continue;
                }
                through = Span::micros(through.as_micros() + (close - open).as_micros());
                match stretches.last_mut() {
                    Some(last) if last.close == open => (last.close, last.through) = (close, through),
                    _ => stretches.push(Stretch { open, close, through }),
                }
            }
        }
        Year {
            from: Instant::first_of(first, self.zone),
            until: Instant::first_of(after, self.zone),
            stretches: stretches.into(),
        }
    }
}

impl Year {
    fn total(&self) -> Span {
        self.stretches.last().map_or(Span::ZERO, |s| s.through)
    }

    /// The last stretch opened at or before `t`.
    fn at_or_before(&self, t: Instant) -> Option<&Stretch> {
        self.stretches[..self.stretches.partition_point(|s| s.open <= t)].last()
    }

    /// Worked from the year's start up to `t`.
    fn before(&self, t: Instant) -> Span {
        self.at_or_before(t)
            .map_or(Span::ZERO, |s| Span::micros(s.through.as_micros() - (s.close - t).as_micros().max(0)))
    }

    /// The earliest instant before which `worked` (positive, at most the total) lies in this year.
    fn reaching(&self, worked: Span) -> Instant {
        let stretch = self.stretches.get(self.stretches.partition_point(|s| s.through < worked));
        stretch.map_or(Instant::MAX, |s| s.close - Span::micros(s.through.as_micros() - worked.as_micros()))
    }
}

impl PartialEq for Calendar {
    /// By what was declared; what has been compiled so far doesn't matter.
    fn eq(&self, other: &Self) -> bool {
        self.zone == other.zone
            && self.weekly == other.weekly
            && self.overrides == other.overrides
            && self.years == other.years
    }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calendar")
            .field("zone", &self.zone)
            .field("weekly", &self.weekly)
            .field("overrides", &self.overrides)
            .field("years", &self.years)
            .finish_non_exhaustive()
    }
}

fn range(from_hour: u16, until_hour: u16) -> DayRange {
    DayRange::minutes(from_hour * 60, until_hour * 60).expect("hours in order")
}

fn sort_and_check(ranges: &mut [DayRange], at: impl Fn() -> String, problems: &mut Vec<Problem>) {
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        if pair[0].overlaps(pair[1]) {
            let detail = format!("{} and {} overlap; join them or move one", pair[0], pair[1]);
            problems.push(Problem::new(at(), "ranges_overlap", detail));
        }
    }
}
