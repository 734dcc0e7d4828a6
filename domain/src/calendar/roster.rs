//! A declared roster: who works which hours of which weekday between two dates. What becomes of the spans is
//! the callers' affair.

use super::document::WEEKDAYS;
use crate::document::{Fields, Reader, place};
use crate::problem::{Problem, nearest};
use crate::time::{Instant, add_days};
use chrono::{Datelike, NaiveDate, NaiveTime};
use chrono_tz::Tz;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A working span of a local day; `until` at or before `from` is on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hours {
    pub from: NaiveTime,
    pub until: NaiveTime,
}

/// Shifts as declared, for everybody in `staff` alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// Keys of the staff.
    pub staff: Vec<String>,
    pub zone: Tz,
    /// First local date.
    pub from: NaiveDate,
    /// Last local date.
    pub until: NaiveDate,
    /// By weekday, Monday first.
    pub weekly: [Vec<Hours>; 7],
    /// Dates with hours of their own; none is a day off.
    pub days: BTreeMap<NaiveDate, Vec<Hours>>,
}

const KEYS: &[&str] = &["staff", "zone", "from", "until", "weekly", "except", "days"];
/// Longest roster of one document, in days.
const LONGEST: i64 = 740;

impl Roster {
    /// The shifts of each person, in order. A time in a DST gap is the first instant after it.
    pub fn spans(&self) -> Vec<(Instant, Instant)> {
        let mut spans = Vec::new();
        let mut date = self.from;
        while date <= self.until {
            let weekday = &self.weekly[date.weekday().num_days_from_monday() as usize];
            for hours in self.days.get(&date).unwrap_or(weekday) {
                let end_date = if hours.until <= hours.from { add_days(date, 1) } else { date };
                let starts_at = Instant::at_local(date.and_time(hours.from), self.zone);
                let ends_at = Instant::at_local(end_date.and_time(hours.until), self.zone);
                if starts_at < ends_at {
                    spans.push((starts_at, ends_at));
                }
            }
            date = add_days(date, 1);
        }
        spans.sort_unstable();
        spans
    }

    /// `[first, end)`: the instants between which the roster says everything.
    pub fn covers(&self) -> (Instant, Instant) {
        (Instant::first_of(self.from, self.zone), Instant::first_of(add_days(self.until, 1), self.zone))
    }
}

/// Reads a roster document; `zone` holds where it names none.
pub fn parse(document: &Value, zone: Tz) -> (Option<Roster>, Vec<Problem>) {
    let mut r = Reader::new();
    let found = read(&mut r, document, zone);
    r.finish(found)
}

fn read(r: &mut Reader, document: &Value, zone: Tz) -> Option<Roster> {
    let doc = r.map("", document, KEYS)?;
    let staff = doc.need(r, "staff").and_then(|v| names(r, v));
    let zone = match doc.get("zone") {
        None => Some(zone),
        Some(v) => read_zone(r, v),
    };
    let from = doc.need(r, "from").and_then(|v| date(r, "from", v));
    let until = doc.need(r, "until").and_then(|v| date(r, "until", v));
    if let (Some(from), Some(until)) = (from, until) {
        let days = (until - from).num_days();
        if !(0..LONGEST).contains(&days) {
            r.report("until", "not_in_range", format!("{until} must be from {from} on, at most two years"));
        }
    }
    let weekly = weekly(r, &doc);
    let days = days(r, &doc);
    if let (Some(weekly), Some(days)) = (&weekly, &days)
        // Named days say it on purpose: somebody is away all month.
        && doc.get("days").is_none()
        && weekly.iter().chain(days.values()).all(Vec::is_empty)
    {
        r.report("weekly", "missing", "nobody works; give hours such as mon: [\"09:00-18:00\"]");
    }
    Some(Roster { staff: staff?, zone: zone?, from: from?, until: until?, weekly: weekly?, days: days? })
}

/// One key, or a list of them.
fn names(r: &mut Reader, value: &Value) -> Option<Vec<String>> {
    if value.is_string() {
        return r.key("staff", value).map(|key| vec![key]);
    }
    let items = r.list("staff", value)?;
    if items.is_empty() {
        r.report("staff", "empty_list", "name at least one member of staff");
    }
    let read: Vec<Option<String>> =
        items.iter().enumerate().map(|(i, v)| r.key(&format!("staff[{i}]"), v)).collect();
    let keys: Vec<String> = read.into_iter().collect::<Option<_>>()?;
    let mut seen = BTreeSet::new();
    for (i, key) in keys.iter().enumerate().filter(|(_, key)| !seen.insert((*key).clone())) {
        r.report(format!("staff[{i}]"), "duplicate", format!("{key} is named twice"));
    }
    Some(keys)
}

fn read_zone(r: &mut Reader, value: &Value) -> Option<Tz> {
    let text = r.text("zone", value)?;
    let found: Option<Tz> = text.parse().ok();
    if found.is_none() {
        let known = chrono_tz::TZ_VARIANTS.iter().map(|z| z.name());
        let hint = nearest(&text, known).map_or_else(String::new, |z| format!("; did you mean {z}?"));
        r.report("zone", "unknown_zone", format!("\"{text}\" is not an IANA time zone{hint}"));
    }
    found
}

fn date(r: &mut Reader, at: &str, value: &Value) -> Option<NaiveDate> {
    let found = value.as_str().and_then(date_of);
    if found.is_none() {
        r.report(at, "not_a_date", format!("{value} is not a date like 2026-10-01"));
    }
    found
}

fn date_of(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10)
}

fn weekly(r: &mut Reader, doc: &Fields<'_>) -> Option<[Vec<Hours>; 7]> {
    let mut weekly: [Vec<Hours>; 7] = Default::default();
    let Some(value) = doc.get("weekly") else { return Some(weekly) };
    let fields = r.map("weekly", value, &WEEKDAYS)?;
    for (day, hours) in WEEKDAYS.iter().zip(&mut weekly) {
        if let Some(value) = fields.get(day) {
            *hours = all_hours(r, &fields.place(day), value)?;
        }
    }
    Some(weekly)
}

/// `days: {"2026-10-10": ["09:00-12:00"]}` and `except: ["2026-12-26"]`.
fn days(r: &mut Reader, doc: &Fields<'_>) -> Option<BTreeMap<NaiveDate, Vec<Hours>>> {
    let mut days = BTreeMap::new();
    if let Some(value) = doc.get("days") {
        let Value::Object(map) = value else {
            r.report("days", "not_a_map", "`days` maps dates to hours: {\"2026-10-10\": [\"09:00-12:00\"]}");
            return None;
        };
        for (text, value) in map {
            let at = place("days", text);
            let hours = all_hours(r, &at, value);
            if let (Some(date), Some(hours)) = (date(r, &at, &Value::from(text.as_str())), hours) {
                days.insert(date, hours);
            }
        }
    }
    if let Some(value) = doc.get("except") {
        for (i, value) in r.list("except", value)?.iter().enumerate() {
            let at = format!("except[{i}]");
            if let Some(date) = date(r, &at, value)
                && days.insert(date, Vec::new()).is_some()
            {
                r.report(at, "duplicate", format!("{date} has hours under `days`, or is named twice"));
            }
        }
    }
    Some(days)
}

fn all_hours(r: &mut Reader, at: &str, value: &Value) -> Option<Vec<Hours>> {
    let items = r.list(at, value)?;
    let read: Vec<Option<Hours>> =
        items.iter().enumerate().map(|(i, v)| one_hours(r, &format!("{at}[{i}]"), v)).collect();
    let mut hours: Vec<Hours> = read.into_iter().collect::<Option<_>>()?;
    hours.sort_unstable();
    if hours.windows(2).any(|pair| pair[0].until <= pair[0].from || pair[1].from < pair[0].until) {
        r.report(at, "ranges_overlap", "two of these overlap; only a day's last may go past midnight");
    }
    Some(hours)
}

fn one_hours(r: &mut Reader, at: &str, value: &Value) -> Option<Hours> {
    let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").ok();
    let found = value.as_str().and_then(|text| {
        let (from, until) = text.split_once('-')?;
        let until = if until.trim() == "24:00" { Some(NaiveTime::MIN) } else { time(until) };
        Some(Hours { from: time(from)?, until: until? })
    });
    if found.is_none_or(|hours| hours.from == hours.until && hours.from != NaiveTime::MIN) {
        r.report(
            at,
            "not_a_range",
            format!("{value} must be hours such as \"09:00-18:00\" or \"22:00-06:00\""),
        );
        return None;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn london() -> Tz {
        chrono_tz::Europe::London
    }

    fn shown(roster: &Roster) -> Vec<String> {
        let show = |t: Instant| t.local(roster.zone).format("%m-%d %H:%M").to_string();
        roster.spans().iter().map(|(a, b)| format!("{}–{}", show(*a), show(*b))).collect()
    }

    #[test]
    fn weekdays_exceptions_and_days_of_their_own() {
        let (roster, problems) = parse(
            &json!({"staff": ["sal", "jo"], "from": "2011-12-24", "until": "2011-12-28",
                "weekly": {"mon": ["09:00-18:00"], "wed": ["13:00-17:00", "09:00-12:00"]},
                "except": ["2011-12-26"], "days": {"2011-12-24": ["10:00-12:00"]}}),
            london(),
        );
        assert_eq!(problems, []);
        let roster = roster.expect("reads");
        assert_eq!(
            shown(&roster),
            ["12-24 10:00–12-24 12:00", "12-28 09:00–12-28 12:00", "12-28 13:00–12-28 17:00"]
        );
    }

    #[test]
    fn a_night_shift_ends_on_the_next_day_and_keeps_to_the_clock() {
        let night = json!({"staff": "sal", "from": "2012-03-24", "until": "2012-03-24", "weekly": {"sat": ["22:00-06:00"]}});
        let roster = parse(&night, london()).0.expect("reads");
        let [(from, until)] = roster.spans()[..] else { panic!("one shift") };
        assert_eq!(shown(&roster), ["03-24 22:00–03-25 06:00"]);
        assert_eq!((until - from).as_minutes(), 7 * 60, "the clock went forward that night");
    }

    #[test]
    fn problems_have_places_and_remedies() {
        let (_, problems) = parse(
            &json!({"staff": [], "from": "2011-12-1", "until": "2011-12-02", "zone": "Europe/Lodnon",
                "weekly": {"mon": ["09:00-18:00", "17:00-19:00"], "tu": [], "tue": ["9-18"]}}),
            london(),
        );
        let said: Vec<String> = problems.iter().map(|p| format!("{} {}", p.at, p.code)).collect();
        for expected in [
            "staff empty_list",
            "zone unknown_zone",
            "from not_a_date",
            "weekly.mon ranges_overlap",
            "weekly.tue[0] not_a_range",
            "weekly.tu unknown_key",
        ] {
            assert!(said.iter().any(|s| s == expected), "{expected} is not in {said:?}");
        }
        let (_, problems) =
            parse(&json!({"staff": "a", "from": "2012-01-02", "until": "2012-01-01"}), london());
        assert_eq!(problems.len(), 2, "{problems:?}");
    }
}
