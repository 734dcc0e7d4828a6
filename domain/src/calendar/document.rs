//! Reading a calendar from a document: every problem named with its place, nothing guessed.

use super::business::{Calendar, YearsKnown};
use super::range::DayRange;
use crate::problem::{Problem, nearest};
use chrono::NaiveDate;
use chrono_tz::Tz;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Names of the weekdays in a document, Monday first.
pub const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const FIELDS: [&str; 4] = ["zone", "weekly", "overrides", "years"];
/// What `apply` needs to know the document by; not read here.
const ENVELOPE: [&str; 4] = ["kind", "key", "name", "source"];

impl Calendar {
    /// Reads `{zone, weekly: {mon: ["09:00-12:00", "13:00-18:00"], …}, overrides: {"2026-10-01": [],
    /// "2026-10-10": ["09:00-18:00"]}, years: [2026]}`. A weekday left out is free; without `years` the
    /// pattern holds for every year.
    ///
    /// # Errors
    /// All problems found, each with its place.
    pub fn from_document(document: &Value) -> Result<Self, Vec<Problem>> {
        let Some(fields) = document.as_object() else {
            return Err(vec![Problem::new("", "not_an_object", "a calendar has `zone` and `weekly`")]);
        };
        let mut problems = Vec::new();
        for field in
            fields.keys().filter(|f| !FIELDS.contains(&f.as_str()) && !ENVELOPE.contains(&f.as_str()))
        {
            problems.push(unknown(field, field, &FIELDS));
        }
        let zone = read_zone(fields.get("zone"), &mut problems);
        let weekly = read_weekly(fields.get("weekly"), &mut problems);
        let overrides = read_overrides(fields.get("overrides"), &mut problems);
        let years = read_years(fields.get("years"), &mut problems);
        // The whole is checked too where its parts could be read, so that one round shows everything.
        match Self::new(zone.unwrap_or(Tz::UTC), weekly, overrides, years) {
            Ok(calendar) if problems.is_empty() => Ok(calendar),
            Ok(_) => Err(problems),
            Err(found) => {
                let broken: BTreeSet<String> = problems.iter().map(|p| p.at.clone()).collect();
                let caused = |p: &Problem| match p.code {
                    "never_open" => broken.iter().any(|at| at.starts_with("weekly")),
                    "year_not_listed" => broken.iter().any(|at| at.starts_with("years")),
                    _ => false,
                };
                problems.extend(found.into_iter().filter(|p| !caused(p)));
                Err(problems)
            }
        }
    }
}

fn read_zone(value: Option<&Value>, problems: &mut Vec<Problem>) -> Option<Tz> {
    let Some(text) = value.and_then(Value::as_str) else {
        problems.push(Problem::new("zone", "missing", "name an IANA time zone such as Asia/Shanghai"));
        return None;
    };
    let zone = text.parse().ok();
    if zone.is_none() {
        let known = chrono_tz::TZ_VARIANTS.iter().map(|z| z.name());
        let hint = nearest(text, known).map_or_else(String::new, |z| format!("; did you mean {z}?"));
        problems.push(Problem::new(
            "zone",
            "unknown_zone",
            format!("\"{text}\" is not an IANA time zone{hint}"),
        ));
    }
    zone
}

fn read_weekly(value: Option<&Value>, problems: &mut Vec<Problem>) -> [Vec<DayRange>; 7] {
    let mut weekly: [Vec<DayRange>; 7] = Default::default();
    let Some(days) = object(value, "weekly", problems) else {
        if value.is_none_or(Value::is_null) {
            let detail = "give the ranges by weekday, such as mon: [\"09:00-18:00\"]";
            problems.push(Problem::new("weekly", "missing", detail));
        }
        return weekly;
    };
    for (day, ranges) in days {
        let at = format!("weekly.{day}");
        match WEEKDAYS.iter().position(|w| w == day) {
            Some(index) => weekly[index] = read_ranges(ranges, &at, problems),
            None => problems.push(unknown(&at, day, &WEEKDAYS)),
        }
    }
    weekly
}

fn read_overrides(value: Option<&Value>, problems: &mut Vec<Problem>) -> BTreeMap<NaiveDate, Vec<DayRange>> {
    let mut overrides = BTreeMap::new();
    for (text, ranges) in object(value, "overrides", problems).into_iter().flatten() {
        let at = format!("overrides.{text}");
        // The length is checked because chrono also takes 2026-1-1, and two spellings of one date could differ.
        match NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10) {
            Some(date) => {
                overrides.insert(date, read_ranges(ranges, &at, problems));
            }
            None => problems.push(Problem::new(
                at,
                "not_a_date",
                format!("\"{text}\" is not a date like 2026-10-01"),
            )),
        }
    }
    overrides
}

fn read_years(value: Option<&Value>, problems: &mut Vec<Problem>) -> YearsKnown {
    let years = match value {
        None | Some(Value::Null) => return YearsKnown::Every,
        Some(Value::Array(years)) => years,
        Some(_) => {
            problems.push(Problem::new(
                "years",
                "not_a_list",
                "list the years the table covers, such as [2026]",
            ));
            return YearsKnown::Every;
        }
    };
    let mut known = BTreeSet::new();
    for (i, year) in years.iter().enumerate() {
        match year.as_i64().filter(|y| (1900..2200).contains(y)).and_then(|y| i32::try_from(y).ok()) {
            Some(year) => {
                known.insert(year);
            }
            None => {
                let detail = format!("{year} is not a year from 1900 to 2199");
                problems.push(Problem::new(format!("years[{i}]"), "not_a_year", detail));
            }
        }
    }
    YearsKnown::Only(known)
}

fn read_ranges(value: &Value, at: &str, problems: &mut Vec<Problem>) -> Vec<DayRange> {
    let Some(ranges) = value.as_array() else {
        let detail = "give a list of ranges such as [\"09:00-18:00\"]; [] is a free day";
        problems.push(Problem::new(at, "not_a_list", detail));
        return Vec::new();
    };
    let mut read = Vec::with_capacity(ranges.len());
    for (i, range) in ranges.iter().enumerate() {
        let parsed = match range.as_str() {
            Some(text) => DayRange::parse(text),
            None => Err(format!("{range} is not a range of the day; write it like \"09:00-12:00\"")),
        };
        match parsed {
            Ok(range) => read.push(range),
            Err(detail) => problems.push(Problem::new(format!("{at}[{i}]"), "not_a_range", detail)),
        }
    }
    read
}

fn object<'a>(
    value: Option<&'a Value>,
    at: &str,
    problems: &mut Vec<Problem>,
) -> Option<&'a Map<String, Value>> {
    match value {
        None | Some(Value::Null) => None,
        Some(Value::Object(map)) => Some(map),
        Some(_) => {
            problems.push(Problem::new(at, "not_an_object", format!("`{at}` maps names to lists of ranges")));
            None
        }
    }
}

fn unknown(at: &str, written: &str, known: &[&'static str]) -> Problem {
    let hint = nearest(written, known.iter().copied())
        .map_or_else(|| format!("known are {}", known.join(", ")), |k| format!("did you mean `{k}`?"));
    Problem::new(at, "unknown_field", format!("`{written}` is not known here; {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(document: Value) -> Vec<String> {
        let found = Calendar::from_document(&document).expect_err("has problems");
        found.iter().map(|p| format!("{} {}", p.at, p.code)).collect()
    }

    #[test]
    fn every_problem_is_named_with_its_place() {
        let found = problems(json!({
            "zone": "Asia/Shanghi",
            "weekly": {"mon": ["09:00-12:00", "11:00-18:00"], "tues": [], "wed": ["18:00-09:00", 7], "thu": "09:00-18:00"},
            "overrides": {"2026-10-1": [], "2027-01-01": []},
            "years": [2026, "2027x"],
            "holidays": []
        }));
        for expected in [
            "holidays unknown_field",
            "zone unknown_zone",
            "weekly.tues unknown_field",
            "weekly.wed[0] not_a_range",
            "weekly.wed[1] not_a_range",
            "weekly.thu not_a_list",
            "overrides.2026-10-1 not_a_date",
            "years[1] not_a_year",
            "weekly.mon ranges_overlap",
        ] {
            assert!(found.iter().any(|f| f == expected), "{expected} is not in {found:?}");
        }
        assert_eq!(found.len(), 9, "{found:?}");
    }

    #[test]
    fn a_typo_gets_its_remedy() {
        let found = Calendar::from_document(&json!({"zone": "Asia/Shanghi", "weekly": {"tues": []}}));
        let text: Vec<String> = found.expect_err("typos").iter().map(ToString::to_string).collect();
        assert!(text.iter().any(|t| t.contains("did you mean Asia/Shanghai?")), "{text:?}");
        assert!(text.iter().any(|t| t.contains("did you mean `tue`?")), "{text:?}");
    }

    #[test]
    fn what_is_missing_is_said() {
        assert_eq!(problems(json!([])), [" not_an_object"]);
        assert_eq!(problems(json!({})), ["zone missing", "weekly missing"]);
        assert_eq!(problems(json!({"zone": "UTC", "weekly": {"mon": []}})), ["weekly never_open"]);
        let other_year = json!({"zone": "UTC", "weekly": {"mon": ["09:00-10:00"]}, "overrides": {"2027-01-01": []}, "years": [2026]});
        assert_eq!(problems(other_year), ["overrides.2027-01-01 year_not_listed"]);
    }

    #[test]
    fn the_envelope_of_apply_is_no_problem() {
        let document = json!({"kind": "calendar", "key": "working_days", "zone": "UTC", "weekly": {"mon": ["09:00-10:00"]}});
        assert!(Calendar::from_document(&document).is_ok());
    }
}
