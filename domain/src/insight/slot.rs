//! When runs over the whole book are due: once a week, at an hour of the shop at which little else is.

use crate::time::{Instant, add_days};
use chrono::{Datelike, NaiveTime, Weekday};
use chrono_tz::Tz;

/// The first instant after `at` at which it is this weekday and hour in the zone. Where that hour doesn't exist on that day,
/// the first instant after the gap.
pub fn next_slot(at: Instant, weekday: Weekday, hour: u8, zone: Tz) -> Instant {
    let today = at.local_date(zone);
    let ahead = i64::from(weekday.days_since(today.weekday()));
    let time = NaiveTime::from_hms_opt(u32::from(hour), 0, 0).unwrap_or(NaiveTime::MIN);
    let slot = |days: i64| Instant::at_local(add_days(today, days).and_time(time), zone);
    match slot(ahead) {
        slot if slot > at => slot,
        _ => slot(ahead + 7),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{Africa, America, Asia};

    fn next(at: &str, hour: u8, zone: Tz) -> String {
        let at = Instant::parse(at, zone).expect("an instant");
        next_slot(at, Weekday::Mon, hour, zone).to_rfc3339()
    }

    #[test]
    fn it_is_the_next_monday_and_never_now() {
        let zone = Asia::Shanghai;
        assert_eq!(next("2026-03-04T12:00:00", 4, zone), "2026-03-08T20:00:00Z");
        assert_eq!(next("2026-03-09T03:59:59", 4, zone), "2026-03-08T20:00:00Z");
        assert_eq!(next("2026-03-09T04:00:00", 4, zone), "2026-03-15T20:00:00Z");
    }

    #[test]
    fn nights_on_which_clocks_change_have_one_too() {
        // 2026-04-27 begins at 01:00 in Cairo's week of the change on Friday the 24th; New York changes on a Sunday.
        assert_eq!(next("2026-03-08T12:00:00", 2, America::New_York), "2026-03-09T06:00:00Z");
        let sunday = |at: &str, zone: Tz| {
            next_slot(Instant::parse(at, zone).expect("an instant"), Weekday::Sun, 2, zone).to_rfc3339()
        };
        assert_eq!(sunday("2026-03-07T12:00:00", America::New_York), "2026-03-08T07:00:00Z");
        let friday = Instant::parse("2026-04-23T12:00:00", Africa::Cairo).expect("an instant");
        assert_eq!(next_slot(friday, Weekday::Fri, 0, Africa::Cairo).to_rfc3339(), "2026-04-23T22:00:00Z");
    }
}
