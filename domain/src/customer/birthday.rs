//! Birthdays as senders write them: a day of the calendar, with or without its year, solar or lunar (农历).
//!
//! Which date it is in a year is said here; what is done on it isn't.

use crate::calendar::lunar::LunarDay;
use crate::rule::solar_in_year;
use crate::time::Instant;
use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;
use std::fmt;

/// A birthday that the calendar has. Written `1990-05-01`, `05-01`, `lunar:08-15`, `lunar:1990-08-15`, in a
/// leap month `lunar:L06-15`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Birthday {
    calendar: Calendar,
    year: Option<i32>,
    month: u32,
    day: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Calendar {
    Solar,
    Lunar,
    /// In a leap month of the lunar year.
    LunarLeap,
}

/// Nobody alive was born before; what is, are placeholders for a year nobody knows.
const EARLIEST_YEAR: i32 = 1880;
const LATEST_YEAR: i32 = 2200;
/// A leap year: without its year, 29 February is possible.
const LEAP_YEAR: i32 = 2000;

impl Birthday {
    /// Reads a birthday; the error is a sentence's rest with the remedy, without the text itself.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str =
            "is no birthday; write it like 1990-05-01, or 05-01 without the year, or lunar:08-15";
        const NO_DAY: &str = "is a day the calendar doesn't have; correct it, or leave it empty";
        const NO_YEAR: &str = "has a year nobody alive was born in; leave the year out if nobody knows it";
        let text = text.trim();
        let (calendar, date) = match text.split_once(':') {
            Some((word, date)) if word.eq_ignore_ascii_case("lunar") => match date.trim().split_once('L') {
                Some((before, after)) => (Calendar::LunarLeap, format!("{before}{after}")),
                None => (Calendar::Lunar, date.trim().to_owned()),
            },
            _ => (Calendar::Solar, date_of(text).to_owned()),
        };
        let numbers: Option<Vec<&str>> = date
            .split(['-', '/'])
            .map(|part| part.bytes().all(|b| b.is_ascii_digit()).then_some(part))
            .collect();
        let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.len() <= 2);
        let (year, month, day) = match numbers.ok_or(FORM)?.as_slice() {
            [year, month, day] if year.len() == 4 => (Some(year.parse().map_err(|_| FORM)?), *month, *day),
            // Which of the two is the month isn't clear from 05/01.
            [month, day] if !date.contains('/') => (None, *month, *day),
            _ => return Err(FORM),
        };
        let (month, day) = (number(month).ok_or(FORM)?, number(day).ok_or(FORM)?);
        let there = match calendar {
            Calendar::Solar => NaiveDate::from_ymd_opt(year.unwrap_or(LEAP_YEAR), month, day).is_some(),
            Calendar::Lunar | Calendar::LunarLeap => (1..=12).contains(&month) && (1..=30).contains(&day),
        };
        if !there {
            return Err(NO_DAY);
        }
        if year.is_some_and(|year| !(EARLIEST_YEAR..=LATEST_YEAR).contains(&year)) {
            return Err(NO_YEAR);
        }
        Ok(Self { calendar, year, month, day })
    }

    /// The date it falls on in a year: of a lunar one, in the lunar year that begins in it. 29 February is 28 February in
    /// common years. `None` for what people type in where they don't want to say (1970-01-01, 1900-01-01).
    pub fn in_year(&self, year: i32) -> Option<NaiveDate> {
        let (month, day) = (u8::try_from(self.month).ok()?, u8::try_from(self.day).ok()?);
        let lunar = |leap| LunarDay { month, leap, day }.in_year(year);
        match self.calendar {
            Calendar::Solar if self.is_placeholder() => None,
            Calendar::Solar => solar_in_year(self.month, self.day, year),
            Calendar::Lunar => lunar(false),
            Calendar::LunarLeap => lunar(true),
        }
    }

    /// As a number for a database to compare: month · 100 + day, 10,000 more of a lunar one, 20,000 more in a leap month; 0 of a
    /// placeholder.
    pub fn code(&self) -> i64 {
        let calendar = match self.calendar {
            Calendar::Solar if self.is_placeholder() => return 0,
            Calendar::Solar => 0,
            Calendar::Lunar => 10_000,
            Calendar::LunarLeap => 20_000,
        };
        calendar + i64::from(self.month * 100 + self.day)
    }

    /// The codes of every birthday that comes round on one of these dates, in their order.
    pub fn codes_on(dates: &std::collections::BTreeSet<NaiveDate>) -> Vec<i64> {
        let years: std::collections::BTreeSet<i32> = dates.iter().map(Datelike::year).collect();
        let calendars = [Calendar::Solar, Calendar::Lunar, Calendar::LunarLeap];
        let every = calendars.into_iter().flat_map(|calendar| {
            let days = (1..=12).flat_map(|month| (1..=31).map(move |day| (month, day)));
            days.map(move |(month, day)| Self { calendar, year: None, month, day })
        });
        // A lunar year's last days fall into the next solar one.
        let near = |year: &i32| [year - 1, *year];
        let falls = |birthday: &Self| {
            let on = |year| birthday.in_year(year).is_some_and(|date| dates.contains(&date));
            years.iter().flat_map(near).any(on)
        };
        every.filter(Self::is_a_day).filter(falls).map(|birthday| birthday.code()).collect()
    }

    /// Whether the calendar has it.
    fn is_a_day(&self) -> bool {
        match self.calendar {
            Calendar::Solar => NaiveDate::from_ymd_opt(LEAP_YEAR, self.month, self.day).is_some(),
            Calendar::Lunar | Calendar::LunarLeap => {
                (1..=12).contains(&self.month) && (1..=30).contains(&self.day)
            }
        }
    }

    fn is_placeholder(&self) -> bool {
        matches!((self.calendar, self.year), (Calendar::Solar, Some(1970 | 1900)))
            && (self.month, self.day) == (1, 1)
    }

    /// Whether it lies behind the day that `now` is in `zone`. A day of grace: the sender's may be a day ahead.
    pub fn is_after(&self, now: Instant, zone: Tz) -> bool {
        let today = crate::time::add_days(now.local_date(zone), 1);
        match (self.calendar, self.year) {
            (_, None) => false,
            (Calendar::Solar, Some(year)) => {
                NaiveDate::from_ymd_opt(year, self.month, self.day).is_some_and(|born| born > today)
            }
            // A lunar year ends within the next solar one.
            (_, Some(year)) => year > today.year(),
        }
    }
}

/// The date of `1990-05-01T00:00:00Z`, which is how senders' libraries write a date; other text as it is.
fn date_of(text: &str) -> &str {
    match text.as_bytes().get(10) {
        Some(b'T' | b' ') if Instant::parse(text, Tz::UTC).is_some() => &text[..10],
        _ => text,
    }
}

impl fmt::Display for Birthday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (calendar, leap) = match self.calendar {
            Calendar::Solar => ("", ""),
            Calendar::Lunar => ("lunar:", ""),
            Calendar::LunarLeap => ("lunar:", "L"),
        };
        f.write_str(calendar)?;
        if let Some(year) = self.year {
            write!(f, "{year:04}-")?;
        }
        write!(f, "{leap}{:02}-{:02}", self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn birthdays_have_one_spelling() {
        for (written, kept) in [
            ("1990-05-01", "1990-05-01"),
            (" 05-01 ", "05-01"),
            ("5-1", "05-01"),
            ("02-29", "02-29"),
            ("2000-02-29", "2000-02-29"),
            ("1990/5/1", "1990-05-01"),
            ("1990-05-01T00:00:00.000Z", "1990-05-01"),
            ("lunar:08-15", "lunar:08-15"),
            ("lunar:1990-08-15", "lunar:1990-08-15"),
            ("lunar:L06-15", "lunar:L06-15"),
            ("lunar:1987-L06-15", "lunar:1987-L06-15"),
            ("lunar:12-30", "lunar:12-30"),
        ] {
            assert_eq!(Birthday::parse(written).map(|b| b.to_string()), Ok(kept.to_owned()), "{written}");
        }
    }

    #[test]
    fn what_no_calendar_has_is_no_birthday() {
        for (written, said) in [
            ("1990-02-30", "doesn't have"),
            ("1900-02-29", "doesn't have"),
            ("02-30", "doesn't have"),
            ("13-01", "doesn't have"),
            ("00-10", "doesn't have"),
            ("lunar:13-01", "doesn't have"),
            ("lunar:08-31", "doesn't have"),
            ("1604-05-01", "leave the year out"),
            ("9999-05-01", "leave the year out"),
            ("", "write it like"),
            ("05/01", "write it like"),
            ("90-05-01", "write it like"),
            ("33000", "write it like"),
            ("1990-05", "write it like"),
            ("1990-05-01T99", "write it like"),
            ("lunar:8", "write it like"),
            ("solar:05-01", "write it like"),
            ("1990-05-01-02", "write it like"),
            ("1990--01", "write it like"),
            ("May 1st", "write it like"),
        ] {
            let detail = Birthday::parse(written).expect_err(written);
            assert!(detail.contains(said), "{written}: {detail}");
        }
    }

    #[test]
    fn nobody_is_born_tomorrow_but_for_the_zones() {
        let zone = chrono_tz::Asia::Shanghai;
        let now = Instant::parse("2026-09-25T10:00:00", zone).expect("an instant");
        let after = |text: &str| Birthday::parse(text).expect(text).is_after(now, zone);
        assert!(!after("2026-09-26") && after("2026-09-27"));
        assert!(!after("12-31") && !after("lunar:2026-12-30") && after("lunar:2027-01-01"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn whatever_is_written_it_is_read_back_or_refused(text in "(lunar:)?[0-9L/T:-]{0,12}|\\PC{0,14}") {
            if let Ok(birthday) = Birthday::parse(&text) {
                prop_assert_eq!(Birthday::parse(&birthday.to_string()), Ok(birthday));
            }
        }
    }
}
