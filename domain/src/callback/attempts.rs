//! Attempts that reached nobody: whether there is another one, and when.

use super::names::stable_names;
use super::times::CallTimes;
use crate::calendar::DayRange;
use crate::time::{Instant, Span, add_days};
use chrono::NaiveTime;

stable_names! {
    /// How an attempt ended without the customer.
    Unreached {
        NoAnswer = "no_answer",
        Busy = "busy",
        /// Isn't "reached".
        Voicemail = "voicemail",
        Rejected = "rejected",
        Unreachable = "unreachable",
        /// No further attempt on this number makes sense.
        WrongPerson = "wrong_person",
        NoNumber = "no_number",
    }
}

stable_names! {
    /// Parts of the customer's day between which attempts alternate.
    DayPart {
        /// 09–12
        Morning = "morning",
        /// 13:30–17
        Afternoon = "afternoon",
        /// 17–20
        Evening = "evening",
    }
}

impl DayPart {
    const fn range(self) -> DayRange {
        let (from, until) = match self {
            Self::Morning => (9 * 60, 12 * 60),
            Self::Afternoon => (13 * 60 + 30, 17 * 60),
            Self::Evening => (17 * 60, 20 * 60),
        };
        DayRange::minutes(from, until).expect("minutes in order")
    }

    /// The part a local time lies in, if any.
    pub fn of(time: NaiveTime) -> Option<Self> {
        Self::ALL.iter().copied().find(|part| part.range().shows(time))
    }
}

/// How the next attempt is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placing {
    AnotherPart,
    /// The same part if it still fits, else the next that does.
    Soonest,
}

impl Unreached {
    /// Wall time until the next attempt may be made, and where; `None`: there is none.
    const fn retry(self) -> Option<(Span, Placing)> {
        Some(match self {
            Self::Busy => (Span::minutes(15), Placing::Soonest),
            Self::NoAnswer => (Span::hours(2), Placing::AnotherPart),
            Self::Voicemail => (Span::hours(4), Placing::AnotherPart),
            Self::Rejected | Self::Unreachable => (Span::hours(24), Placing::AnotherPart),
            Self::WrongPerson | Self::NoNumber => return None,
        })
    }
}

/// How far ahead another day part is looked for before any part will do.
const LOOK_AHEAD: Span = Span::days(7);

/// The next attempt's `not_before`, after one begun at `started_at` ended so at `now`. `None`: no
/// further attempt helps. `times.attempts_today` counts this attempt too.
pub fn next_attempt(
    ended: Unreached,
    started_at: Instant,
    now: Instant,
    times: &CallTimes<'_>,
) -> Option<Instant> {
    let (gap, placing) = ended.retry()?;
    let earliest = times.day_not_used_up(now + gap, now);
    let used = match placing {
        Placing::AnotherPart => DayPart::of(started_at.local(times.window.zone()).time()),
        Placing::Soonest => None,
    };
    let elsewhere = used.and_then(|part| outside(part, earliest, times));
    Some(elsewhere.unwrap_or_else(|| times.next_open(earliest)))
}

/// The first instant from `earliest` on that isn't in `part`, if there is one within the look-ahead:
/// a house open in the mornings only calls again in the morning.
fn outside(part: DayPart, earliest: Instant, times: &CallTimes<'_>) -> Option<Instant> {
    let zone = times.window.zone();
    let mut at = earliest;
    loop {
        at = times.next_open(at);
        if at > earliest + LOOK_AHEAD {
            return None;
        }
        let local = at.local(zone);
        if DayPart::of(local.time()) != Some(part) {
            return Some(at);
        }
        let (_, end) = part.range().on(local.date(), zone);
        at = if end > at { end } else { Instant::first_of(add_days(local.date(), 1), zone) };
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::calendar::Calendar;
    use serde_json::json;

    /// May 2026 in Shanghai: the 4th is a Monday.
    fn next(ended: Unreached, now: &str, attempts_today: u32) -> String {
        let calendar = samples::service_hours();
        let times = CallTimes { attempts_today, ..samples::times(&calendar) };
        let now = samples::at(now);
        let next = next_attempt(ended, now - Span::minutes(5), now, &times).expect("another attempt");
        next.local(samples::ZONE).format("%m-%d %H:%M").to_string()
    }

    #[test]
    fn no_answer_is_tried_in_another_part_of_the_day() {
        for (now, attempts_today, expected) in [
            ("05-04 09:10", 1, "05-04 13:30"),
            ("05-04 11:45", 1, "05-04 13:45"),
            ("05-04 13:40", 1, "05-04 17:00"),
            ("05-04 16:00", 1, "05-04 18:00"),
            // Begun in the afternoon, ended in the evening: the evening is another part.
            ("05-04 17:02", 1, "05-04 19:02"),
            ("05-04 17:10", 1, "05-05 09:00"),
            ("05-04 19:00", 1, "05-05 09:00"),
            ("05-04 13:40", 2, "05-05 09:00"),
            // Twice today already, last in the morning: tomorrow, and not in the morning.
            ("05-04 11:45", 2, "05-05 13:30"),
        ] {
            assert_eq!(
                next(Unreached::NoAnswer, now, attempts_today),
                expected,
                "{now}, {attempts_today} today"
            );
        }
    }

    #[test]
    fn each_ending_has_its_gap() {
        assert_eq!(next(Unreached::Busy, "05-04 09:10", 1), "05-04 09:25");
        assert_eq!(next(Unreached::Busy, "05-04 11:50", 1), "05-04 13:30");
        assert_eq!(next(Unreached::Busy, "05-04 09:10", 2), "05-05 09:00");
        assert_eq!(next(Unreached::Voicemail, "05-04 09:10", 1), "05-04 13:30");
        assert_eq!(next(Unreached::Voicemail, "05-04 10:00", 1), "05-04 14:00");
        assert_eq!(next(Unreached::Rejected, "05-04 10:00", 1), "05-05 13:30");
        assert_eq!(next(Unreached::Unreachable, "05-04 14:00", 1), "05-05 17:00");
    }

    #[test]
    fn nobody_to_reach_ends_it() {
        let calendar = samples::service_hours();
        let now = samples::at("05-04 10:00");
        for ended in [Unreached::WrongPerson, Unreached::NoNumber] {
            assert_eq!(next_attempt(ended, now, now, &samples::times(&calendar)), None);
        }
    }

    #[test]
    fn a_house_open_in_the_mornings_calls_in_the_morning() {
        let document =
            json!({"zone": "Asia/Shanghai", "weekly": {"mon": ["09:00-12:00"], "thu": ["09:00-12:00"]}});
        let calendar = Calendar::from_document(&document).expect("calendar");
        let now = samples::at("05-04 10:00");
        let next = next_attempt(Unreached::NoAnswer, now, now, &samples::times(&calendar));
        assert_eq!(next, Some(samples::at("05-07 09:00")));
    }

    #[test]
    fn a_house_never_open_in_call_hours_keeps_to_the_window() {
        let document = json!({"zone": "Asia/Shanghai", "weekly": {"mon": ["12:00-13:30"]}});
        let calendar = Calendar::from_document(&document).expect("calendar");
        let times = samples::times(&calendar);
        assert_eq!(times.next_open(samples::at("05-04 08:00")), samples::at("05-04 09:00"));
    }
}
