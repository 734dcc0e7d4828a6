//! Rules about local dates, seen from one instant: which instants a clock in a zone shows as dates that a rule is about. For
//! whoever asks many customers at once; of one customer over all of time they are [`super::eval`]'s.

use super::ast::DayRange;
use super::eval::solar_in_year;
use crate::time::{Instant, Span, add_days};
use crate::timeline::Timeline;
use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;
use std::collections::BTreeSet;

/// From the first to the second, which isn't in it; an open end is `None`.
pub type Stretch = (Option<Instant>, Option<Instant>);

/// The latest local date that has begun. Where clocks go back across midnight that is the later date, though they show the earlier.
pub fn today(now: Instant, zone: Tz) -> NaiveDate {
    let shown = now.local_date(zone);
    let next = add_days(shown, 1);
    if Instant::first_of(next, zone) <= now { next } else { shown }
}

/// The instants that are so many local dates ago.
pub fn days_ago(days: DayRange, now: Instant, zone: Tz) -> Vec<Stretch> {
    let today = today(now, zone);
    let first = days.to.map(|to| add_days(today, -i64::from(to)));
    let last = days.from.map(|from| add_days(today, -i64::from(from)));
    stretches(&shown(first, last, zone))
}

/// Today and so many local dates behind it.
pub fn coming(within_days: u32, now: Instant, zone: Tz) -> BTreeSet<NaiveDate> {
    let today = today(now, zone);
    (0..=i64::from(within_days)).map(|n| add_days(today, n)).collect()
}

/// The instants, none before `since`, whose day of the year comes round on one of these dates.
pub fn come_round(dates: &BTreeSet<NaiveDate>, since: Instant, zone: Tz) -> Vec<Stretch> {
    let first_year = since.local_date(zone).year();
    let mut days = BTreeSet::new();
    for date in dates {
        for year in first_year..date.year() {
            let comes_round =
                |day: &NaiveDate| solar_in_year(day.month(), day.day(), date.year()) == Some(*date);
            // Another day beside the same one: 29 February, where there is none.
            let alike = [date.with_year(year), NaiveDate::from_ymd_opt(year, 2, 29)];
            days.extend(alike.into_iter().flatten().filter(comes_round));
        }
    }
    let mut line = Timeline::always(false);
    let mut days = days.into_iter().peekable();
    while let Some(first) = days.next() {
        let mut last = first;
        while let Some(next) = days.next_if(|next| *next == add_days(last, 1)) {
            last = next;
        }
        line = line.or(&shown(Some(first), Some(last), zone));
    }
    stretches(&line)
}

/// When a clock in the zone shows a date from the first to the last, both included.
fn shown(first: Option<NaiveDate>, last: Option<NaiveDate>, zone: Tz) -> Timeline<bool> {
    let from = first.map_or_else(|| Timeline::always(true), |first| reached(first, zone));
    let behind = last.map_or_else(|| Timeline::always(false), |last| reached(add_days(last, 1), zone));
    from.and(&behind.not())
}

/// When a clock shows this date or a later one: for good from some instant on, and for a while before where it is set back across
/// midnight.
fn reached(date: NaiveDate, zone: Tz) -> Timeline<bool> {
    // No clock is further from UTC than a day, nor changed twice in so short a time.
    const STEP: Span = Span::minutes(15);
    let midnight = Instant::first_of(date, Tz::UTC);
    let (mut at, end) = (midnight - Span::hours(30), midnight + Span::hours(30));
    let is = |at: Instant| at.local_date(zone) >= date;
    let mut points = Vec::new();
    let mut held = is(at);
    let begins = held;
    while at < end {
        let next = at + STEP;
        if is(next) != held {
            held = !held;
            points.push((turn(at, next, |at| is(at) == held), held));
        }
        at = next;
    }
    Timeline::from_points(begins, points)
}

/// The first instant behind `before` of which it is so; of `after` it is.
fn turn(before: Instant, after: Instant, so: impl Fn(Instant) -> bool) -> Instant {
    let (mut low, mut high) = (before.micros(), after.micros());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if so(Instant::from_micros(middle)) { high = middle } else { low = middle }
    }
    Instant::from_micros(high)
}

fn stretches(line: &Timeline<bool>) -> Vec<Stretch> {
    line.stretches().map(|stretch| (stretch.from, stretch.until)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::eval::days_between;
    use chrono_tz::{Africa, America, Asia, Europe, Pacific};
    use proptest::prelude::*;

    fn at(text: &str) -> Instant {
        Instant::parse_rfc3339(text).expect("an instant")
    }

    fn within(stretches: &[Stretch], at: Instant) -> bool {
        stretches
            .iter()
            .any(|(from, until)| from.is_none_or(|from| from <= at) && until.is_none_or(|until| at < until))
    }

    #[test]
    fn a_date_that_a_clock_comes_back_to_has_two_stretches() {
        // In Newfoundland clocks went back from 00:01 to 23:01 of the day before.
        let zone = America::St_Johns;
        let line = shown(None, NaiveDate::from_ymd_opt(2006, 10, 28), zone);
        let wanted = [
            (None, Some(at("2006-10-29T02:30:00Z"))),
            (Some(at("2006-10-29T02:31:00Z")), Some(at("2006-10-29T03:30:00Z"))),
        ];
        assert_eq!(stretches(&line), wanted);
        let skipped = NaiveDate::from_ymd_opt(2011, 12, 30);
        assert_eq!(stretches(&shown(skipped, skipped, Pacific::Apia)), [], "a day that Samoa left out");
    }

    #[test]
    fn the_leap_day_comes_round_on_the_28th_of_a_common_year_only() {
        let since = at("2019-06-01T00:00:00Z");
        let on = |date: &str| come_round(&[date.parse().expect("a date")].into(), since, Tz::UTC);
        let (leap, before) = (at("2024-02-29T12:00:00Z"), at("2024-02-28T12:00:00Z"));
        assert!(within(&on("2026-02-28"), leap) && within(&on("2026-02-28"), before));
        assert!(within(&on("2028-02-29"), leap) && !within(&on("2028-02-29"), before));
        assert!(!within(&on("2028-02-28"), leap) && within(&on("2028-02-28"), before));
        assert!(!within(&on("2024-02-29"), leap), "the day itself is no anniversary of itself");
    }

    proptest! {
        #[test]
        fn they_are_the_instants_of_which_a_clock_says_so(
            zone in prop::sample::select(vec![
                Tz::UTC, Asia::Shanghai, America::St_Johns, America::Sao_Paulo, Africa::Cairo, Asia::Beirut, Pacific::Apia, Europe::London,
            ]),
            now in 1_000_000_000i64..1_900_000_000, ago in 0i64..86_400 * 1_200,
            from in prop::option::of(0u32..60), length in prop::option::of(0u32..400), within_days in 0u32..=182,
        ) {
            let second = |s: i64| Instant::from_micros(s * 1_000_000);
            let (now, then) = (second(now), second(now - ago));
            let days = DayRange { from, to: length.map(|n| from.unwrap_or(0) + n) };
            let gone = days_between(then, now, zone);
            let wanted = days.from.is_none_or(|n| gone >= i64::from(n)) && days.to.is_none_or(|n| gone <= i64::from(n));
            prop_assert_eq!(within(&days_ago(days, now, zone), then), wanted, "{} seen from {}", then, now);
            let dates = coming(within_days, now, zone);
            let born = then.local_date(zone);
            let round = dates.iter().any(|date| date.year() > born.year() && solar_in_year(born.month(), born.day(), date.year()) == Some(*date));
            prop_assert_eq!(within(&come_round(&dates, then, zone), then), round, "{} seen from {}", then, now);
        }
    }
}
