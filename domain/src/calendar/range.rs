//! A stretch of one local day, such as 09:00–12:00, and where it lies on the time line.

use crate::time::{Instant, SECOND, add_days};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;
use std::fmt;

/// Minutes of a local day; 1440 is its end, written `24:00`.
const MIDNIGHT: u16 = 1440;

/// `[from, until)` in local minutes of one day, never empty and never over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DayRange {
    from: u16,
    until: u16,
}

impl DayRange {
    pub const WHOLE_DAY: Self = Self { from: 0, until: MIDNIGHT };

    /// From and until in minutes after 00:00; `None` unless `from < until ≤ 1440`.
    pub const fn minutes(from: u16, until: u16) -> Option<Self> {
        if from < until && until <= MIDNIGHT { Some(Self { from, until }) } else { None }
    }

    /// Reads `09:00-12:00` (a hyphen or an en dash). `24:00` is the end of the day.
    ///
    /// # Errors
    /// One sentence with the remedy.
    pub fn parse(text: &str) -> Result<Self, String> {
        let shape = || format!("\"{text}\" is not a range of the day; write it like \"09:00-12:00\"");
        let (from, until) = text.split_once(['-', '–']).ok_or_else(shape)?;
        let from = minute_of(from.trim()).ok_or_else(shape)?;
        let until = minute_of(until.trim()).ok_or_else(shape)?;
        Self::minutes(from, until).ok_or_else(|| {
            format!(
                "\"{text}\" ends before it starts; a range over midnight is written as one up to 24:00 \
                 and one from 00:00 on the day after"
            )
        })
    }

    pub const fn from_minute(self) -> u16 {
        self.from
    }
    pub const fn until_minute(self) -> u16 {
        self.until
    }

    /// The instants at which this range opens and closes on `date` in `zone`. Equal where the whole
    /// range falls into a DST gap.
    pub fn on(self, date: NaiveDate, zone: Tz) -> (Instant, Instant) {
        (instant_of(date, self.from, zone), instant_of(date, self.until, zone))
    }

    /// Whether a clock showing `time` is inside.
    pub fn shows(self, time: NaiveTime) -> bool {
        use chrono::Timelike;
        let minute = time.num_seconds_from_midnight() / 60;
        u32::from(self.from) <= minute && minute < u32::from(self.until)
    }

    pub const fn overlaps(self, other: Self) -> bool {
        self.from < other.until && other.from < self.until
    }
}

impl fmt::Display for DayRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (a, b) = (self.from, self.until);
        write!(f, "{:02}:{:02}-{:02}:{:02}", a / 60, a % 60, b / 60, b % 60)
    }
}

/// `HH:MM` as minutes of the day.
fn minute_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits =
        |s: &str| (s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse().ok());
    let (hour, minute): (u16, u16) = (two_digits(hour)??, two_digits(minute)??);
    let total = hour * 60 + minute;
    (minute < 60 && total <= MIDNIGHT).then_some(total)
}

fn instant_of(date: NaiveDate, minute: u16, zone: Tz) -> Instant {
    let (date, minute) = if minute >= MIDNIGHT { (add_days(date, 1), 0) } else { (date, minute) };
    let time =
        NaiveTime::from_hms_opt(u32::from(minute) / 60, u32::from(minute) % 60, 0).unwrap_or(NaiveTime::MIN);
    Instant::at_local(NaiveDateTime::new(date, time), zone)
}

/// The local date of `t`, brought into 1800–2500 first: at the ends of [`Instant`] chrono has no local
/// time to give, and no calendar here reaches that far.
pub(super) fn local_date(t: Instant, zone: Tz) -> NaiveDate {
    const YEAR_1800: Instant = Instant::from_micros(-5_364_662_400 * SECOND);
    const YEAR_2500: Instant = Instant::from_micros(16_725_225_600 * SECOND);
    t.clamp(YEAR_1800, YEAR_2500).local_date(zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_reads_and_prints() {
        for text in ["09:00-12:00", "00:00-24:00", "13:30-18:05"] {
            assert_eq!(DayRange::parse(text).map(|r| r.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(DayRange::parse("09:00 – 12:00"), DayRange::parse("09:00-12:00"));
        for bad in ["", "9-12", "09:00", "09:60-10:00", "12:00-24:01", "+9:00-12:00", "09:00-9:30"] {
            assert!(DayRange::parse(bad).is_err(), "{bad}");
        }
        assert!(DayRange::parse("22:00-06:00").is_err_and(|e| e.contains("over midnight")));
        assert!(DayRange::parse("09:00-09:00").is_err());
    }

    #[test]
    fn the_ends_of_time_have_a_date() {
        let date = |t| local_date(t, chrono_tz::Pacific::Kiritimati).to_string();
        assert_eq!((date(Instant::MIN).as_str(), date(Instant::MAX).as_str()), ("1799-12-31", "2500-01-01"));
        assert_eq!(date(Instant::from_micros(0)), "1969-12-31");
    }

    #[test]
    fn a_range_inside_a_gap_is_empty_and_one_over_an_overlap_is_longer() {
        let new_york = chrono_tz::America::New_York;
        let spring = NaiveDate::from_ymd_opt(2026, 3, 8).unwrap();
        let autumn = NaiveDate::from_ymd_opt(2026, 11, 1).unwrap();
        let (open, close) = DayRange::parse("02:00-03:00").unwrap().on(spring, new_york);
        assert_eq!(open, close);
        let (open, close) = DayRange::parse("00:00-03:00").unwrap().on(autumn, new_york);
        assert_eq!((close - open).as_minutes(), 240);
    }
}
