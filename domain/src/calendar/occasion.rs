//! Occasions: the dates a campaign acts on, and their slots. Solar dates so far.
//!
//! A slot is known by its nominal local date-time and zone, never by the UTC instant: that one moves
//! when a zone's rules do, and two nominal times can share one. When to look for slots, and what a
//! missed one means, is the planner's affair.

use super::range::local_date;
use crate::problem::Problem;
use crate::time::{Instant, add_days};
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;
use std::fmt;

/// Years in which occasions are looked for: a slot nobody will live to see isn't one.
const FIRST_YEAR: i32 = 1900;
const LAST_YEAR: i32 = 2199;
/// Furthest a slot may lie from its occasion, in days.
const MAX_OFFSET: i64 = 366;

/// A day of the solar year. 29 February is 28 February in common years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonthDay {
    month: u32,
    day: u32,
}

impl MonthDay {
    /// `None` for a day no year has, such as 30 February.
    pub fn new(month: u32, day: u32) -> Option<Self> {
        NaiveDate::from_ymd_opt(2000, month, day).map(|_| Self { month, day })
    }

    /// Reads `12-25`.
    pub fn parse(text: &str) -> Option<Self> {
        let (month, day) = text.split_once('-')?;
        let number = |s: &str| s.bytes().all(|b| b.is_ascii_digit()).then(|| s.parse().ok())?;
        (month.len() == 2 && day.len() == 2).then(|| Self::new(number(month)?, number(day)?))?
    }

    /// Its date in `year`.
    pub fn in_year(self, year: i32) -> Option<NaiveDate> {
        let day = if (self.month, self.day) == (2, 29) && NaiveDate::from_ymd_opt(year, 2, 29).is_none() {
            28
        } else {
            self.day
        };
        NaiveDate::from_ymd_opt(year, self.month, day)
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

/// A festival on a solar date, acted on at a local time, some days before or after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SolarOccasion {
    name: String,
    on: MonthDay,
    at: NaiveTime,
    offset_days: i64,
}

/// One time an occasion is acted on, in one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Festival and year, e.g. `christmas:2011`; the festival's year, also where the slot lies in another.
    pub occasion_key: String,
    /// What a clock in `zone` shows. With the zone, the slot's identity.
    pub nominal: NaiveDateTime,
    pub zone: Tz,
    /// The instant that is: after a DST gap, the first of an overlap.
    pub at: Instant,
}

impl Slot {
    /// The nominal time as stored: `2011-12-25T10:00:00`.
    pub fn nominal_text(&self) -> String {
        self.nominal.format("%Y-%m-%dT%H:%M:%S").to_string()
    }
}

impl SolarOccasion {
    /// `name` is the key's first half: lower case, digits and `_`. `offset_days` is negative before the date.
    ///
    /// # Errors
    /// A name that can't be a key, an offset beyond a year.
    pub fn new(name: &str, on: MonthDay, at: NaiveTime, offset_days: i64) -> Result<Self, Problem> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if name.is_empty() || !name.bytes().all(fits) {
            return Err(Problem::new(
                "occasion",
                "not_a_key",
                format!("\"{name}\" can't name an occasion; use lower-case letters, digits and _"),
            ));
        }
        if offset_days.abs() > MAX_OFFSET {
            return Err(Problem::new(
                "offset",
                "too_far",
                format!("{offset_days} days is more than a year away; give the date itself"),
            ));
        }
        Ok(Self { name: name.to_owned(), on, at, offset_days })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The slots with `after < at ≤ until`, in order: a cursor moved from `after` to `until` meets
    /// each once.
    pub fn slots(&self, after: Instant, until: Instant, zone: Tz) -> Vec<Slot> {
        let year = |t: Instant| i64::from(local_date(t, zone).year());
        let (first, last) = (year(after) - 2, year(until) + 2);
        self.in_years(first, last, zone).filter(|s| after < s.at && s.at <= until).collect()
    }

    /// The first slot after `after`.
    pub fn next_slot(&self, after: Instant, zone: Tz) -> Option<Slot> {
        let year = i64::from(local_date(after, zone).year());
        self.in_years(year - 2, year + 3, zone).find(|s| after < s.at)
    }

    fn in_years(&self, first: i64, last: i64, zone: Tz) -> impl Iterator<Item = Slot> + '_ {
        let bound =
            |y: i64| i32::try_from(y.clamp(FIRST_YEAR.into(), LAST_YEAR.into())).unwrap_or(FIRST_YEAR);
        (bound(first)..=bound(last)).filter_map(move |year| {
            let date = add_days(self.on.in_year(year)?, self.offset_days);
            let nominal = date.and_time(self.at);
            let at = Instant::at_local(nominal, zone);
            Some(Slot { occasion_key: format!("{}:{year}", self.name), nominal, zone, at })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LONDON: Tz = chrono_tz::Europe::London;
    const NEW_YORK: Tz = chrono_tz::America::New_York;

    fn occasion(name: &str, on: &str, at: &str, offset: i64) -> SolarOccasion {
        let time = NaiveTime::parse_from_str(at, "%H:%M").expect("test time");
        SolarOccasion::new(name, MonthDay::parse(on).expect("test date"), time, offset).expect("occasion")
    }
    fn at(text: &str, zone: Tz) -> Instant {
        Instant::parse(text, zone).expect("test instant")
    }

    #[test]
    fn christmas_has_one_slot_a_year() {
        let christmas = occasion("christmas", "12-25", "10:00", 0);
        let slots = christmas.slots(at("2011-12-01", LONDON), at("2011-12-31", LONDON), LONDON);
        assert_eq!(slots.len(), 1);
        assert_eq!(slots[0].occasion_key, "christmas:2011");
        assert_eq!(slots[0].nominal_text(), "2011-12-25T10:00:00");
        assert_eq!(slots[0].at.to_rfc3339(), "2011-12-25T10:00:00Z");
    }

    #[test]
    fn a_cursor_meets_each_slot_once() {
        let christmas = occasion("christmas", "12-25", "10:00", 0);
        let ten = at("2011-12-25 10:00", LONDON);
        let before = at("2011-12-25 09:59", LONDON);
        assert_eq!(christmas.slots(before, ten, LONDON).len(), 1);
        assert_eq!(christmas.slots(ten, at("2011-12-26", LONDON), LONDON), []);
        assert_eq!(christmas.next_slot(before, LONDON).map(|s| s.at), Some(ten));
        assert_eq!(
            christmas.next_slot(ten, LONDON).map(|s| s.occasion_key),
            Some("christmas:2012".to_owned())
        );
    }

    #[test]
    fn the_29th_of_february_is_the_28th_in_common_years() {
        let leap = occasion("leap", "02-29", "10:00", 0);
        let slots = leap.slots(at("2022-12-01", LONDON), at("2025-01-01", LONDON), LONDON);
        let dates: Vec<String> = slots.iter().map(Slot::nominal_text).collect();
        assert_eq!(dates, ["2023-02-28T10:00:00", "2024-02-29T10:00:00"]);
        // The offset counts from the date the occasion has in that year.
        let after = occasion("leap", "02-29", "10:00", 1).next_slot(at("2023-01-01", LONDON), LONDON);
        assert_eq!(after.map(|s| s.nominal_text()), Some("2023-03-01T10:00:00".to_owned()));
        assert_eq!(MonthDay::new(2, 30), None);
        assert_eq!(MonthDay::parse("2-29"), None);
        assert_eq!(MonthDay::parse("+2-29"), None);
    }

    #[test]
    fn an_offset_over_new_year_keeps_the_festivals_year() {
        let eve = occasion("new_year", "01-01", "18:00", -1);
        let slots = eve.slots(at("2011-12-01", LONDON), at("2012-01-31", LONDON), LONDON);
        assert_eq!(slots.len(), 1);
        assert_eq!((slots[0].occasion_key.as_str(), slots[0].nominal.day()), ("new_year:2012", 31));
        let year_before = occasion("far", "01-01", "00:00", -366).next_slot(at("2011-12-01", LONDON), LONDON);
        assert_eq!(year_before.map(|s| s.occasion_key), Some("far:2013".to_owned()));
    }

    #[test]
    fn a_gap_gives_the_first_instant_after_and_an_overlap_the_first() {
        let gap = occasion("gap", "03-08", "02:30", 0)
            .next_slot(at("2026-01-01", NEW_YORK), NEW_YORK)
            .expect("slot");
        assert_eq!(gap.nominal_text(), "2026-03-08T02:30:00");
        assert_eq!(gap.at.to_rfc3339(), "2026-03-08T07:00:00Z");
        let overlap = occasion("overlap", "11-01", "01:30", 0);
        let slots = overlap.slots(at("2026-11-01", NEW_YORK), at("2026-11-02", NEW_YORK), NEW_YORK);
        assert_eq!(slots.len(), 1);
        assert_eq!(slots[0].at.to_rfc3339(), "2026-11-01T05:30:00Z");
    }

    #[test]
    fn names_and_offsets_are_checked() {
        let christmas = MonthDay::new(12, 25).expect("date");
        assert!(SolarOccasion::new("Christmas", christmas, NaiveTime::MIN, 0).is_err());
        assert!(SolarOccasion::new("christmas", christmas, NaiveTime::MIN, 367).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// However a stretch is cut, its slots are the same: none twice, none lost.
        #[test]
        fn cutting_a_stretch_changes_nothing(
            month in 1u32..=12, day in 1u32..=29, hour in 0u32..24, offset in -366i64..=366,
            cuts in prop::collection::btree_set(0i64..8_000 * 24, 2..8),
            zone in prop::sample::select(vec![LONDON, NEW_YORK, chrono_tz::Pacific::Apia, chrono_tz::Asia::Shanghai]),
        ) {
            let time = NaiveTime::from_hms_opt(hour, 30, 0).expect("time");
            let occasion = SolarOccasion::new("x", MonthDay::new(month, day).expect("date"), time, offset).expect("ok");
            let start = at("2004-01-01", zone);
            let cuts: Vec<Instant> = cuts.into_iter().map(|h| start + crate::time::Span::hours(h)).collect();
            let (first, last) = (cuts[0], cuts[cuts.len() - 1]);
            let whole = occasion.slots(first, last, zone);
            let pieces: Vec<Slot> = cuts.windows(2).flat_map(|c| occasion.slots(c[0], c[1], zone)).collect();
            prop_assert_eq!(&whole, &pieces);
            let mut keys: Vec<&String> = whole.iter().map(|s| &s.occasion_key).collect();
            keys.dedup();
            prop_assert_eq!(keys.len(), whole.len());
        }
    }
}
