//! Instants, spans and local dates.
//!
//! Two clocks exist and their readings have different types, so that they can't be mixed:
//! [`Instant`] is *business* time (possibly virtual; decides what is due, is stored as fact),
//! [`MachineInstant`] is *machine* time (always real; decides leases, time-outs and back-off).

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Sub};

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds in a day of exactly 86,400 seconds.
pub const DAY: i64 = 86_400 * SECOND;

/// A length of elapsed time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(i64);

impl Span {
    pub const ZERO: Self = Self(0);

    pub const fn micros(n: i64) -> Self {
        Self(n)
    }
    pub const fn seconds(n: i64) -> Self {
        Self(n * SECOND)
    }
    pub const fn minutes(n: i64) -> Self {
        Self(n * 60 * SECOND)
    }
    pub const fn hours(n: i64) -> Self {
        Self(n * 3_600 * SECOND)
    }
    /// `n` × 86,400 s; not calendar days.
    pub const fn days(n: i64) -> Self {
        Self(n * DAY)
    }
    pub const fn as_micros(self) -> i64 {
        self.0
    }
    pub const fn as_seconds(self) -> i64 {
        self.0 / SECOND
    }
    pub const fn as_minutes(self) -> i64 {
        self.0 / (60 * SECOND)
    }

    /// Reads `15d`, `2h`, `30m` or `45s`.
    pub fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().last()?;
        let n: i64 = text[..text.len() - unit.len_utf8()].parse().ok().filter(|n| *n >= 0)?;
        let seconds = match unit {
            'd' => n.checked_mul(86_400)?,
            'h' => n.checked_mul(3_600)?,
            'm' => n.checked_mul(60)?,
            's' => n,
            _ => return None,
        };
        seconds.checked_mul(SECOND).map(Self)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.as_seconds();
        match seconds {
            s if s != 0 && s % 86_400 == 0 => write!(f, "{}d", s / 86_400),
            s if s != 0 && s % 3_600 == 0 => write!(f, "{}h", s / 3_600),
            s if s != 0 && s % 60 == 0 => write!(f, "{}m", s / 60),
            s => write!(f, "{s}s"),
        }
    }
}

macro_rules! instant_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            pub const MIN: Self = Self(i64::MIN);
            pub const MAX: Self = Self(i64::MAX);

            /// From microseconds since 1970-01-01T00:00:00Z.
            pub const fn from_micros(micros: i64) -> Self {
                Self(micros)
            }
            /// Microseconds since 1970-01-01T00:00:00Z, as both databases store it.
            pub const fn micros(self) -> i64 {
                self.0
            }
            #[must_use]
            pub const fn saturating_add(self, span: Span) -> Self {
                Self(self.0.saturating_add(span.0))
            }
            #[must_use]
            pub const fn saturating_sub(self, span: Span) -> Self {
                Self(self.0.saturating_sub(span.0))
            }
            pub fn to_utc(self) -> DateTime<Utc> {
                DateTime::from_timestamp_micros(self.0).unwrap_or(if self.0 < 0 {
                    DateTime::<Utc>::MIN_UTC
                } else {
                    DateTime::<Utc>::MAX_UTC
                })
            }
            pub fn from_utc(at: DateTime<Utc>) -> Self {
                Self(at.timestamp_micros())
            }
            /// RFC 3339 in UTC, with a fraction only where there is one.
            pub fn to_rfc3339(self) -> String {
                self.to_utc().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
            }
        }

        impl Add<Span> for $name {
            type Output = Self;
            fn add(self, span: Span) -> Self {
                self.saturating_add(span)
            }
        }
        impl Sub<Span> for $name {
            type Output = Self;
            fn sub(self, span: Span) -> Self {
                self.saturating_sub(span)
            }
        }
        impl Sub for $name {
            type Output = Span;
            fn sub(self, earlier: Self) -> Span {
                Span(self.0.saturating_sub(earlier.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_rfc3339())
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_rfc3339())
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::deserialize(d)?;
                // Years of more than four digits are written with a sign, which RFC 3339 doesn't know.
                DateTime::parse_from_rfc3339(&text)
                    .or_else(|_| text.parse::<DateTime<chrono::FixedOffset>>())
                    .map(|t| Self::from_utc(t.to_utc()))
                    .map_err(|e| serde::de::Error::custom(format!("\"{text}\" is not an RFC 3339 instant: {e}")))
            }
        }
    };
}

instant_type!(
    /// A reading of the business clock.
    Instant
);
instant_type!(
    /// A reading of the machine's clock. Never compared with an [`Instant`].
    MachineInstant
);

/// What gives the time. Only the root crate's `system` room reads a real clock.
pub trait Clock: Send + Sync {
    fn machine_now(&self) -> MachineInstant;
}

impl Instant {
    /// Reads RFC 3339, or a local date-time without offset (`2026-09-25T09:55:00`, `2026-09-25 09:55:00`)
    /// or bare date in `zone`; in UTC of a year from 1 to 9999, as RFC 3339 can write it.
    pub fn parse(text: &str, zone: Tz) -> Option<Self> {
        Self::read(text, zone).filter(|at| at.is_writable())
    }

    /// Reads RFC 3339 alone, within the same years.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let at = DateTime::parse_from_rfc3339(text).ok()?;
        Some(Self::from_utc(at.to_utc())).filter(|at| at.is_writable())
    }

    fn is_writable(self) -> bool {
        (1..=9_999).contains(&self.to_utc().year())
    }

    fn read(text: &str, zone: Tz) -> Option<Self> {
        if let Ok(t) = DateTime::parse_from_rfc3339(text) {
            return Some(Self::from_utc(t.to_utc()));
        }
        for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
            if let Ok(local) = NaiveDateTime::parse_from_str(text, format) {
                return Some(Self::at_local(local, zone));
            }
        }
        NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|d| Self::first_of(d, zone))
    }

    /// The local date and time shown by a clock in `zone`; a day short of chrono's own ends at its ends.
    pub fn local(self, zone: Tz) -> NaiveDateTime {
        zone.from_utc_datetime(&self.within_chrono()).naive_local()
    }

    /// UTC, two days short of chrono's ends, so that every zone's local time is representable.
    fn within_chrono(self) -> NaiveDateTime {
        let margin = chrono::TimeDelta::days(2);
        self.to_utc().naive_utc().clamp(NaiveDateTime::MIN + margin, NaiveDateTime::MAX - margin)
    }

    /// The local calendar date in `zone`.
    pub fn local_date(self, zone: Tz) -> NaiveDate {
        self.local(zone).date()
    }

    /// The instant at which a clock in `zone` shows `local`: in a gap the first instant after it, in
    /// an overlap the first of the two.
    pub fn at_local(local: NaiveDateTime, zone: Tz) -> Self {
        if let Some(found) = zone.from_local_datetime(&local).earliest() {
            return Self::from_utc(found.to_utc());
        }
        // In a gap. Every instant two days before shows less and every one two days after shows more, so
        // the change-over is found by halving to the microsecond.
        let shows = |utc: i64| Self(utc).local(zone);
        let middle = local.and_utc().timestamp_micros();
        let (mut below, mut above) = (middle - 2 * DAY, middle + 2 * DAY);
        while above - below > 1 {
            let half = below + (above - below) / 2;
            if shows(half) < local { below = half } else { above = half }
        }
        Self(above)
    }

    /// The first instant of a local date, which isn't 00:00 everywhere.
    pub fn first_of(date: NaiveDate, zone: Tz) -> Self {
        Self::at_local(date.and_time(NaiveTime::MIN), zone)
    }

    /// For people: what a clock in `zone` shows, to the minute, and its offset from UTC.
    pub fn shown_in(self, zone: Tz) -> String {
        zone.from_utc_datetime(&self.within_chrono()).format("%Y-%m-%d %H:%M %:z").to_string()
    }

    /// RFC 3339 with the offset `zone` has at this instant, for people.
    pub fn to_rfc3339_in(self, zone: Tz) -> String {
        let at = zone.from_utc_datetime(&self.within_chrono());
        at.with_timezone(&at.offset().fix()).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false)
    }
}

/// `date` plus `n` calendar days (minus for negative `n`), saturating at chrono's ends.
pub fn add_days(date: NaiveDate, n: i64) -> NaiveDate {
    let days = Days::new(n.unsigned_abs());
    if n >= 0 {
        date.checked_add_days(days).unwrap_or(NaiveDate::MAX)
    } else {
        date.checked_sub_days(days).unwrap_or(NaiveDate::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn local(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("test date")
    }

    #[test]
    fn a_gap_gives_its_end_and_an_overlap_its_first() {
        let new_york = chrono_tz::America::New_York;
        let gap = Instant::at_local(local("2026-03-08 02:30"), new_york);
        assert_eq!(gap.to_rfc3339(), "2026-03-08T07:00:00Z");
        let overlap = Instant::at_local(local("2026-11-01 01:30"), new_york);
        assert_eq!(overlap.to_rfc3339(), "2026-11-01T05:30:00Z");
    }

    #[test]
    fn a_date_begins_where_its_zone_lets_it() {
        // Brazil's summer time began at midnight: 2018-11-04 starts at 01:00 local.
        let sao_paulo = chrono_tz::America::Sao_Paulo;
        let first = Instant::first_of(NaiveDate::from_ymd_opt(2018, 11, 4).expect("date"), sao_paulo);
        assert_eq!(first.to_rfc3339_in(sao_paulo), "2018-11-04T01:00:00-02:00");
    }

    #[test]
    fn a_skipped_date_begins_with_the_next() {
        // Samoa had no 2011-12-30.
        let apia = chrono_tz::Pacific::Apia;
        let first = Instant::first_of(NaiveDate::from_ymd_opt(2011, 12, 30).expect("date"), apia);
        assert_eq!(first.local(apia).to_string(), "2011-12-31 00:00:00");
    }

    #[test]
    fn the_ends_of_time_have_a_local_date_too() {
        for zone in [chrono_tz::Pacific::Kiritimati, chrono_tz::Pacific::Pago_Pago] {
            assert!(Instant::MIN.local_date(zone) < Instant::MAX.local_date(zone));
            assert_ne!(Instant::MIN.to_rfc3339_in(zone), Instant::MAX.to_rfc3339_in(zone));
        }
    }

    #[test]
    fn text_without_offset_is_in_the_zone_given() {
        let london = chrono_tz::Europe::London;
        let a = Instant::parse("2011-07-01 10:00:00", london).expect("local");
        let b = Instant::parse("2011-07-01T09:00:00Z", london).expect("utc");
        assert_eq!(a, b);
        assert_eq!(Instant::parse("2011-13-01", london), None);
    }

    #[test]
    fn nobody_can_say_an_instant_that_rfc_3339_cannot_write() {
        for text in [
            "9999-12-31T23:59:59-12:00",
            "+12000-12-31",
            "0001-01-01T00:00:00+14:00",
            "+10000-01-01T00:00:00Z",
        ] {
            assert_eq!(Instant::parse(text, chrono_tz::UTC), None, "{text}");
            assert_eq!(Instant::parse_rfc3339(text), None, "{text}");
        }
        for text in ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"] {
            assert_eq!(Instant::parse(text, chrono_tz::UTC).map(Instant::to_rfc3339).as_deref(), Some(text));
        }
    }

    proptest! {
        /// What came about by reckoning, however far off, is read back as it was written.
        #[test]
        fn what_is_written_reads_back(at in crate::customer::fixture::extreme_instant()) {
            let within = Instant::from_utc(at.to_utc());
            let text = serde_json::to_string(&within).expect("written");
            prop_assert_eq!(serde_json::from_str::<Instant>(&text).expect("read"), within, "{}", text);
        }
    }

    #[test]
    fn spans_read_and_print() {
        assert_eq!(Span::parse("15d"), Some(Span::days(15)));
        assert_eq!(Span::parse("90x"), None);
        assert_eq!(Span::parse("-1d"), None);
        assert_eq!(Span::parse(""), None);
        assert_eq!(Span::hours(36).to_string(), "36h");
    }
}
