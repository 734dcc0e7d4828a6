//! The lunar calendar (农历) of China, by GB/T 33661-2017: which solar date a day of a lunar year is. The computing is
//! ICU4X's, precomputed to 2100; the rules for days that a year doesn't have are here.

use chrono::NaiveDate;
use icu_calendar::cal::ChineseTraditional;
use icu_calendar::types::Month;
use icu_calendar::{Date, Iso};

/// A day of the lunar year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LunarDay {
    /// 1–12.
    pub month: u8,
    /// Of the leap month that follows that month.
    pub leap: bool,
    /// 1–30.
    pub day: u8,
}

impl LunarDay {
    /// The solar date in the lunar year that begins in that solar year. Day 30 of a month of 29 days is its day 29; a
    /// day of a leap month is on it in years that have that leap month, else in the plain month. `None` outside the
    /// years a calendar is known for.
    pub fn in_year(self, year: i32) -> Option<NaiveDate> {
        if !(1901..=2199).contains(&year) {
            return None;
        }
        let of = |month: Month, day: u8| {
            Date::try_new(year.into(), month, day, ChineseTraditional::new()).ok().map(to_solar)
        };
        let within = |month: Month| of(month, self.day).or_else(|| of(month, self.day.min(29)));
        let leap = self.leap.then(|| within(Month::leap(self.month))).flatten();
        leap.or_else(|| within(Month::new(self.month))).flatten()
    }
}

fn to_solar(date: Date<ChineseTraditional>) -> Option<NaiveDate> {
    let solar = date.to_calendar(Iso);
    let (month, day) = (solar.month().ordinal, solar.day_of_month().0);
    NaiveDate::from_ymd_opt(solar.year().extended_year(), u32::from(month), u32::from(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(month: u8, day: u8) -> LunarDay {
        LunarDay { month, leap: false, day }
    }

    fn date(text: &str) -> Option<NaiveDate> {
        Some(text.parse().expect("a date"))
    }

    #[test]
    fn festivals_fall_where_almanacs_have_them() {
        for (year, new_year, lantern, dragon_boat, qixi, mid_autumn, double_ninth) in [
            (2024, "2024-02-10", "2024-02-24", "2024-06-10", "2024-08-10", "2024-09-17", "2024-10-11"),
            (2025, "2025-01-29", "2025-02-12", "2025-05-31", "2025-08-29", "2025-10-06", "2025-10-29"),
            (2026, "2026-02-17", "2026-03-03", "2026-06-19", "2026-08-19", "2026-09-25", "2026-10-18"),
            (2033, "2033-01-31", "2033-02-14", "2033-06-01", "2033-08-01", "2033-09-08", "2033-10-01"),
        ] {
            assert_eq!(day(1, 1).in_year(year), date(new_year));
            assert_eq!(day(1, 15).in_year(year), date(lantern));
            assert_eq!(day(5, 5).in_year(year), date(dragon_boat));
            assert_eq!(day(7, 7).in_year(year), date(qixi));
            assert_eq!(day(8, 15).in_year(year), date(mid_autumn));
            assert_eq!(day(9, 9).in_year(year), date(double_ninth));
        }
    }

    #[test]
    fn a_leap_months_day_is_in_the_leap_month_where_there_is_one() {
        let leap = LunarDay { month: 6, leap: true, day: 15 };
        // 2025 has a leap sixth month, 2026 hasn't.
        assert_eq!(leap.in_year(2025), date("2025-08-08"));
        assert_eq!(day(6, 15).in_year(2025), date("2025-07-09"));
        assert_eq!(leap.in_year(2026), day(6, 15).in_year(2026));
        // 2033's leap month is the eleventh.
        assert_eq!(LunarDay { month: 11, leap: true, day: 1 }.in_year(2033), date("2033-12-22"));
    }

    #[test]
    fn day_30_of_a_short_month_is_its_last() {
        // The twelfth month of 2024 has 29 days, that of 2023 has 30.
        assert_eq!(day(12, 30).in_year(2024), date("2025-01-28"));
        assert_eq!(day(12, 30).in_year(2024), day(12, 29).in_year(2024));
        assert_eq!(day(12, 30).in_year(2023), date("2024-02-09"));
        assert_ne!(day(12, 29).in_year(2023), day(12, 30).in_year(2023));
    }

    #[test]
    fn every_day_of_every_year_is_somewhere_in_it_and_nothing_is_said_of_years_nobody_knows() {
        for year in 1901..=2199 {
            let first = day(1, 1).in_year(year).expect("a new year");
            let next = day(1, 1).in_year(year + 1).unwrap_or_else(|| first + chrono::Days::new(385));
            let mut before = None;
            for month in 1..=12 {
                for n in 1..=30 {
                    let found = day(month, n).in_year(year).expect("a day");
                    assert!(first <= found && found < next, "{year}-{month}-{n}: {found}");
                    assert!(before <= Some(found), "{year}-{month}-{n} after {before:?}");
                    before = Some(found);
                }
            }
        }
        assert_eq!(day(1, 1).in_year(1900), None);
        assert_eq!(day(1, 1).in_year(2200), None);
    }
}
