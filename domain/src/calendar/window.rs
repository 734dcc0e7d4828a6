//! Contact windows: the local hours in which a customer may be contacted, and when they next begin.
//!
//! Outside them are quiet hours. Whether anything may be sent at all is the gate's decision; whether
//! an agent is there is that of the service hours.

use super::range::{DayRange, local_date};
use crate::time::{Instant, add_days};
use chrono_tz::Tz;

/// What kind of contact a window is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactKind {
    Marketing,
    /// Service and recovery messages.
    Service,
    /// Any call, whatever its purpose.
    Call,
}

/// The shop's zone, and whether its customers live in it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShopZone {
    /// The shop says `single_zone`: a customer without a zone lives in the shop's.
    Single(Tz),
    /// A customer without a zone may live anywhere.
    Many(Tz),
}

/// The hours of the day, as set by the book; the defaults are those of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContactHours {
    pub marketing: DayRange,
    pub service: DayRange,
    pub calls: DayRange,
    /// In the shop's zone, for customers whose zone isn't known.
    pub zone_unknown: DayRange,
    /// When nobody is called back.
    pub call_break: DayRange,
}

impl Default for ContactHours {
    fn default() -> Self {
        const fn hours(from: u16, until: u16) -> DayRange {
            DayRange::minutes(from, until).expect("minutes in order")
        }
        Self {
            marketing: hours(9 * 60, 20 * 60),
            service: hours(8 * 60, 22 * 60),
            calls: hours(9 * 60, 20 * 60),
            zone_unknown: hours(10 * 60, 19 * 60),
            call_break: hours(12 * 60, 13 * 60 + 30),
        }
    }
}

impl ContactHours {
    /// The window for one customer.
    pub fn window(&self, kind: ContactKind, customer_zone: Option<Tz>, shop: ShopZone) -> LocalWindow {
        let (zone, hours) = self.zone_and_hours(kind, customer_zone, shop);
        LocalWindow { zone, first: hours, second: None }
    }

    /// The window for calling a customer back: call hours without the break at noon.
    pub fn callback_window(&self, customer_zone: Option<Tz>, shop: ShopZone) -> LocalWindow {
        let (zone, hours) = self.zone_and_hours(ContactKind::Call, customer_zone, shop);
        let before =
            DayRange::minutes(hours.from_minute(), hours.until_minute().min(self.call_break.from_minute()));
        let after =
            DayRange::minutes(hours.from_minute().max(self.call_break.until_minute()), hours.until_minute());
        match (before, after) {
            (Some(first), second) => LocalWindow { zone, first, second },
            (None, Some(first)) => LocalWindow { zone, first, second: None },
            // A break that swallows the whole day would mean no call ever; then there is no break.
            (None, None) => LocalWindow { zone, first: hours, second: None },
        }
    }

    fn zone_and_hours(&self, kind: ContactKind, customer_zone: Option<Tz>, shop: ShopZone) -> (Tz, DayRange) {
        let ordinary = match kind {
            ContactKind::Marketing => self.marketing,
            ContactKind::Service => self.service,
            ContactKind::Call => self.calls,
        };
        match (customer_zone, shop) {
            (Some(zone), _) | (None, ShopZone::Single(zone)) => (zone, ordinary),
            (None, ShopZone::Many(zone)) => (zone, self.zone_unknown),
        }
    }
}

/// A daily window in one zone: a range, and a second one after a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalWindow {
    zone: Tz,
    first: DayRange,
    second: Option<DayRange>,
}

/// May we, now?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowDecision {
    Open,
    ClosedUntil(Instant),
}

impl LocalWindow {
    /// The zone the hours are read in: the customer's as far as it is known.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    pub fn decide(&self, now: Instant) -> WindowDecision {
        match self.next_open(now) {
            t if t == now => WindowDecision::Open,
            t => WindowDecision::ClosedUntil(t),
        }
    }

    /// `t` where the window is open, else its next opening.
    pub fn next_open(&self, t: Instant) -> Instant {
        let (open, _) = self.stretch_ending_after(t);
        open.max(t)
    }

    /// When the window that is open at `t`, else the next one, closes.
    pub fn next_close(&self, t: Instant) -> Instant {
        self.stretch_ending_after(t).1
    }

    fn stretch_ending_after(&self, t: Instant) -> (Instant, Instant) {
        let today = local_date(t, self.zone);
        // A local date can be missing (Samoa's 2011-12-30), and a range can fall into a gap.
        (0..4)
            .map(|d| add_days(today, d))
            .flat_map(|date| [Some(self.first), self.second].into_iter().flatten().map(move |r| (date, r)))
            .map(|(date, range)| range.on(date, self.zone))
            .find(|(open, close)| open < close && t < *close)
            .unwrap_or((t, Instant::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHANGHAI: Tz = chrono_tz::Asia::Shanghai;
    const NEW_YORK: Tz = chrono_tz::America::New_York;

    fn at(text: &str, zone: Tz) -> Instant {
        Instant::parse(text, zone).expect("test instant")
    }

    fn check(window: LocalWindow, cases: &[(&str, Option<&str>)]) {
        for (now, until) in cases {
            let expected = match until {
                None => WindowDecision::Open,
                Some(until) => WindowDecision::ClosedUntil(at(&format!("2026-{until}"), window.zone())),
            };
            assert_eq!(window.decide(at(&format!("2026-{now}"), window.zone())), expected, "{now}");
        }
    }

    #[test]
    fn windows_open_and_close_on_the_minute() {
        let hours = ContactHours::default();
        let marketing = hours.window(ContactKind::Marketing, Some(SHANGHAI), ShopZone::Many(NEW_YORK));
        check(
            marketing,
            &[
                ("05-01 08:59:59", Some("05-01 09:00")),
                ("05-01 09:00", None),
                ("05-01 19:59:59", None),
                ("05-01 20:00", Some("05-02 09:00")),
            ],
        );
        assert_eq!(hours.window(ContactKind::Call, Some(SHANGHAI), ShopZone::Many(NEW_YORK)), marketing);
        let service = hours.window(ContactKind::Service, Some(SHANGHAI), ShopZone::Many(NEW_YORK));
        check(service, &[("05-01 08:00", None), ("05-01 21:59", None), ("05-01 22:00", Some("05-02 08:00"))]);
    }

    #[test]
    fn a_customer_without_zone_is_met_where_most_zones_agree() {
        let hours = ContactHours::default();
        let anywhere = hours.window(ContactKind::Service, None, ShopZone::Many(SHANGHAI));
        check(
            anywhere,
            &[
                ("05-01 09:59", Some("05-01 10:00")),
                ("05-01 18:59", None),
                ("05-01 19:00", Some("05-02 10:00")),
            ],
        );
        let here = hours.window(ContactKind::Service, None, ShopZone::Single(SHANGHAI));
        check(here, &[("05-01 08:00", None)]);
    }

    #[test]
    fn nobody_is_called_back_at_noon() {
        let calls = ContactHours::default().callback_window(Some(SHANGHAI), ShopZone::Many(SHANGHAI));
        check(
            calls,
            &[
                ("05-01 11:59:59", None),
                ("05-01 12:00", Some("05-01 13:30")),
                ("05-01 13:30", None),
                ("05-01 20:00", Some("05-02 09:00")),
            ],
        );
        assert_eq!(calls.next_close(at("2026-05-01 12:30", SHANGHAI)), at("2026-05-01 20:00", SHANGHAI));
        let unknown = ContactHours::default().callback_window(None, ShopZone::Many(SHANGHAI));
        check(unknown, &[("05-01 09:00", Some("05-01 10:00")), ("05-01 12:00", Some("05-01 13:30"))]);
    }

    #[test]
    fn a_break_outside_the_hours_takes_nothing_and_one_over_all_of_them_is_none() {
        let minutes = |a, b| DayRange::minutes(a, b).expect("range");
        let window = |call_break| {
            ContactHours { call_break, ..ContactHours::default() }
                .callback_window(Some(SHANGHAI), ShopZone::Single(SHANGHAI))
        };
        check(
            window(minutes(8 * 60, 10 * 60)),
            &[("05-01 09:30", Some("05-01 10:00")), ("05-01 19:00", None)],
        );
        check(window(minutes(0, 1440)), &[("05-01 09:30", None)]);
    }

    #[test]
    fn the_change_of_time_moves_the_instant_not_the_hour() {
        let window = ContactHours::default().window(
            ContactKind::Marketing,
            Some(NEW_YORK),
            ShopZone::Single(NEW_YORK),
        );
        let until = window.next_open(at("2026-03-07 21:00", NEW_YORK));
        assert_eq!(until.to_rfc3339_in(NEW_YORK), "2026-03-08T09:00:00-04:00");
        let night = DayRange::minutes(120, 180).expect("range");
        let gap = LocalWindow { zone: NEW_YORK, first: night, second: None };
        assert_eq!(
            gap.next_open(at("2026-03-07 12:00", NEW_YORK)).to_rfc3339_in(NEW_YORK),
            "2026-03-09T02:00:00-04:00"
        );
        let apia = chrono_tz::Pacific::Apia;
        let skipped = LocalWindow { zone: apia, ..window }.next_open(at("2011-12-29 20:00", apia));
        assert_eq!(skipped.to_rfc3339_in(apia), "2011-12-31T09:00:00+14:00");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn closed_until_is_open_and_the_first(
            micros in 946_684_800_000_000i64..2_208_988_800_000_000,
            zone in prop::sample::select(vec![SHANGHAI, NEW_YORK, chrono_tz::Pacific::Apia, chrono_tz::America::St_Johns]),
        ) {
            let window = ContactHours::default().callback_window(Some(zone), ShopZone::Many(SHANGHAI));
            let now = Instant::from_micros(micros);
            if let WindowDecision::ClosedUntil(t) = window.decide(now) {
                prop_assert!(t > now);
                prop_assert_eq!(window.decide(t), WindowDecision::Open);
                let before = t - crate::time::Span::micros(1);
                prop_assert_eq!(window.decide(before.max(now)), WindowDecision::ClosedUntil(t));
            } else {
                prop_assert!(window.next_close(now) > now);
            }
        }
    }
}
