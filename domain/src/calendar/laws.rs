//! Tests of business time: the vectors of the rules, summer time, and the laws as properties
//! against a walk minute by minute.

use super::*;
use crate::time::{DAY, Instant, SECOND, Span};
use chrono_tz::Tz;
use proptest::prelude::*;
use serde_json::json;

const SHANGHAI: Tz = chrono_tz::Asia::Shanghai;
const NEW_YORK: Tz = chrono_tz::America::New_York;
const LONDON: Tz = chrono_tz::Europe::London;

fn chinese() -> Calendar {
    let day = json!(["09:00-12:00", "13:00-18:00"]);
    let document = json!({
        "zone": "Asia/Shanghai",
        "weekly": {"mon": day, "tue": day, "wed": day, "thu": day, "fri": day},
        "overrides": {"2026-10-01": [], "2026-10-02": [], "2026-10-05": [], "2026-10-06": [], "2026-10-07": [],
                      "2026-10-10": day},
        "years": [2026]
    });
    Calendar::from_document(&document).expect("a calendar")
}

fn round_the_clock(zone: Tz) -> Calendar {
    let weekly = std::array::from_fn(|_| vec![DayRange::WHOLE_DAY]);
    Calendar::new(zone, weekly, Default::default(), YearsKnown::Every).expect("a calendar")
}

fn at(text: &str, zone: Tz) -> Instant {
    Instant::parse(text, zone).expect("test instant")
}
fn cn(text: &str) -> Instant {
    at(&format!("2026-{text}"), SHANGHAI)
}

#[test]
fn additions_of_the_rules() {
    let calendar = chinese();
    for (from, hours, expected) in [
        ("09-30 17:30", 1, "10-08 09:30"),
        ("09-30 11:30", 1, "09-30 13:30"),
        ("09-30 12:30", 1, "09-30 14:00"),
        ("09-30 18:00", 1, "10-08 10:00"),
        ("10-09 17:00", 2, "10-10 10:00"),
        ("09-28 09:00", 24, "09-30 18:00"),
        ("09-30 12:30", 0, "09-30 12:30"),
        ("09-30 11:00", 1, "09-30 12:00"),
    ] {
        let got = calendar.add(cn(from), Span::hours(hours));
        assert_eq!(got.local(SHANGHAI), cn(expected).local(SHANGHAI), "{from} + {hours} h");
    }
}

#[test]
fn working_days_of_the_rules() {
    let calendar = chinese();
    for (n, after, close) in [
        (1, "09-30 10:00", "10-08 18:00"),
        (3, "09-29 00:00", "10-09 18:00"),
        (3, "09-29 23:59", "10-09 18:00"),
        (3, "10-08 12:00", "10-12 18:00"),
    ] {
        assert_eq!(calendar.business_day(cn(after), n).close, cn(close), "day {n} after {after}");
    }
    assert_eq!(calendar.business_day(cn("09-30 10:00"), 1).open, cn("10-08 09:00"));
}

#[test]
fn a_day_of_round_the_clock_service_is_25_hours_on_the_wall_in_spring() {
    let calendar = round_the_clock(NEW_YORK);
    let got = calendar.add(at("2026-03-07 12:00", NEW_YORK), Span::hours(24));
    assert_eq!(got.to_rfc3339_in(NEW_YORK), "2026-03-08T13:00:00-04:00");
}

#[test]
fn nights_of_the_change_are_shorter_and_longer() {
    let night = json!({"sat": ["22:00-24:00"], "sun": ["00:00-06:00"]});
    let calendar =
        Calendar::from_document(&json!({"zone": "Europe/London", "weekly": night})).expect("a calendar");
    let night_of =
        |from: &str, until: &str| calendar.worked(at(from, LONDON), at(until, LONDON)).as_minutes();
    assert_eq!(night_of("2026-03-21 12:00", "2026-03-22 12:00"), 8 * 60);
    assert_eq!(night_of("2026-03-28 12:00", "2026-03-29 12:00"), 7 * 60);
    assert_eq!(night_of("2026-10-24 12:00", "2026-10-25 12:00"), 9 * 60);
}

#[test]
fn open_is_half_open() {
    let calendar = chinese();
    for (t, open, next) in [
        ("09-30 08:59", false, "09-30 09:00"),
        ("09-30 09:00", true, "09-30 09:00"),
        ("09-30 12:00", false, "09-30 13:00"),
        ("09-30 18:00", false, "10-08 09:00"),
    ] {
        assert_eq!(calendar.is_open(cn(t)), open, "{t}");
        assert_eq!(calendar.next_open(cn(t)), cn(next), "{t}");
    }
}

#[test]
fn going_back_gives_the_earliest_instant_within_reach() {
    let calendar = chinese();
    assert_eq!(calendar.back(cn("10-08 09:20"), Span::minutes(30)), cn("09-30 17:50"));
    // Thirty minutes after opening, the whole holiday before it is "within 30 minutes".
    assert_eq!(calendar.back(cn("10-08 09:30"), Span::minutes(30)), cn("09-30 18:00"));
    assert_eq!(calendar.signed(cn("10-08 09:30"), cn("09-30 17:30")), Span::hours(-1));
}

#[test]
fn a_missing_year_warns_and_keeps_the_week() {
    let calendar = chinese();
    assert_eq!(calendar.warning(cn("01-01 00:00"), cn("12-31 23:59")), None);
    let warning = calendar.warning(cn("12-31 23:59"), at("2027-01-01 00:00", SHANGHAI)).expect("a warning");
    assert_eq!(warning.code, "calendar_year_missing");
    assert!(warning.detail.contains("2027"));
    // 2027-10-01 is a Friday.
    assert!(calendar.is_open(at("2027-10-01 10:00", SHANGHAI)));
    assert_eq!(Calendar::default_working_days(SHANGHAI).warning(Instant::MIN, Instant::MAX), None);
}

#[test]
fn the_end_of_the_table_saturates() {
    let calendar = chinese();
    assert_eq!(calendar.add(cn("01-01 00:00"), Span::days(400_000)), Instant::MAX);
    assert_eq!(calendar.next_open(at("2199-12-31 18:00", SHANGHAI)), Instant::MAX);
    assert_eq!(calendar.back(cn("01-01 00:00"), Span::days(400_000)), Instant::MIN);
    assert_eq!(calendar.worked(Instant::MAX, Instant::MIN), Span::ZERO);
    assert!(calendar.worked(Instant::MIN, Instant::MAX) > Span::days(60_000 / 3));
    assert_eq!(calendar.business_day(Instant::MAX, 1).close, Instant::MAX);
}

#[test]
fn two_calendars_are_equal_by_what_was_declared() {
    let (a, b) = (chinese(), chinese());
    assert!(a.is_open(cn("09-30 10:00")));
    assert_eq!(a, b);
    assert_ne!(a, Calendar::default_working_days(SHANGHAI));
}

/// What a clerk with a wall clock would count: minutes at which a range shows, each local minute once.
fn minutes_by_hand(calendar: &Calendar, a: Instant, b: Instant) -> i64 {
    let minute = 60 * SECOND;
    let shown = |t: Instant| {
        let local = t.local(calendar.zone());
        calendar.ranges_on(local.date()).iter().any(|r| r.shows(local.time()))
    };
    let count =
        (a.micros()..b.micros()).step_by(60_000_000).filter(|m| shown(Instant::from_micros(*m))).count();
    assert!((b.micros() - a.micros()) % minute == 0, "whole minutes only");
    i64::try_from(count).expect("small")
}

fn some_calendar() -> impl Strategy<Value = Calendar> {
    let zones = prop::sample::select(vec![
        SHANGHAI,
        NEW_YORK,
        LONDON,
        chrono_tz::America::St_Johns,
        chrono_tz::America::Sao_Paulo,
        chrono_tz::Pacific::Apia,
        chrono_tz::Australia::Lord_Howe,
        chrono_tz::Africa::Casablanca,
    ]);
    let ranges = || {
        prop::collection::btree_set(0u16..=96, 0..5).prop_map(|cuts| {
            let cuts: Vec<u16> = cuts.into_iter().map(|q| q * 15).collect();
            cuts.chunks_exact(2).filter_map(|c| DayRange::minutes(c[0], c[1])).collect::<Vec<_>>()
        })
    };
    let overrides = prop::collection::btree_map(0i64..36_500, ranges(), 0..20);
    (zones, prop::collection::vec(ranges(), 7), overrides).prop_map(|(zone, mut week, overrides)| {
        week[2] = vec![DayRange::WHOLE_DAY];
        let weekly = std::array::from_fn(|i| std::mem::take(&mut week[i]));
        let start = chrono::NaiveDate::from_ymd_opt(2000, 1, 1).expect("date");
        let overrides = overrides.into_iter().map(|(d, r)| (crate::time::add_days(start, d), r)).collect();
        Calendar::new(zone, weekly, overrides, YearsKnown::Every).expect("a calendar")
    })
}

/// Instants between 2000 and 2040.
fn some_instant() -> impl Strategy<Value = Instant> {
    (946_684_800_000_000i64..2_208_988_800_000_000).prop_map(Instant::from_micros)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_added_is_worked(calendar in some_calendar(), t in some_instant(), span in 0i64..200 * DAY) {
        let span = Span::micros(span);
        let end = calendar.add(t, span);
        prop_assert_eq!(calendar.worked(t, end), span);
        // Earliest: a microsecond before, it isn't there yet.
        if span > Span::ZERO {
            prop_assert!(calendar.worked(t, end - Span::micros(1)) < span);
        }
    }

    #[test]
    fn working_is_additive_and_monotone(
        calendar in some_calendar(), a in some_instant(), x in 0i64..800 * DAY, y in 0i64..800 * DAY,
    ) {
        let b = a + Span::micros(x);
        let c = b + Span::micros(y);
        let sum = calendar.worked(a, b).as_micros() + calendar.worked(b, c).as_micros();
        prop_assert_eq!(calendar.worked(a, c).as_micros(), sum);
        prop_assert!(calendar.worked(b, c) <= c - b);
        prop_assert!(calendar.add(a, Span::micros(x / 4)) <= calendar.add(b, Span::micros(x / 4)));
        prop_assert!(calendar.add(a, Span::micros(x.min(y) / 4)) <= calendar.add(a, Span::micros(x.max(y) / 4)));
    }

    #[test]
    fn going_back_is_the_first_instant_within_reach(
        calendar in some_calendar(), t in some_instant(), span in 0i64..100 * DAY,
    ) {
        let span = Span::micros(span);
        let from = calendar.back(t, span);
        prop_assert!(calendar.worked(from, t) <= span);
        prop_assert!(calendar.worked(from - Span::micros(1), t) > span);
    }

    #[test]
    fn the_next_opening_is_open_and_nothing_is_worked_before(calendar in some_calendar(), t in some_instant()) {
        let open = calendar.next_open(t);
        prop_assert!(open >= t && calendar.is_open(open));
        prop_assert_eq!(calendar.worked(t, open), Span::ZERO);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Zones without a change in the stretch agree with the clerk to the minute; the nights of the
    /// change have tests of their own.
    #[test]
    fn it_agrees_with_a_walk_by_minutes(calendar in some_calendar(), t in some_instant(), minutes in 0i64..6_000) {
        let zone = calendar.zone();
        let a = Instant::from_micros(t.micros() / 60_000_000 * 60_000_000);
        let b = a + Span::minutes(minutes);
        let offset = |t: Instant| t.local(zone).and_utc().timestamp_micros() - t.micros();
        prop_assume!((0..=10).all(|i| offset(a + Span::micros((b - a).as_micros() / 10 * i)) == offset(a)));
        prop_assert_eq!(calendar.worked(a, b).as_minutes(), minutes_by_hand(&calendar, a, b));
    }
}
