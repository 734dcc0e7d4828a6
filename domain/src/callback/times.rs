//! When a customer may be called back: call hours in their zone, while the house is open, not too
//! often a day.

use crate::calendar::{Calendar, LocalWindow};
use crate::time::{Instant, Span, add_days};

/// Attempts a customer gets on one local day, over all callbacks.
pub const ATTEMPTS_PER_DAY: u32 = 2;
/// Alternations tried between window and service hours before the latter are left aside.
const ROUNDS: usize = 100;

/// The times around one customer's callbacks.
#[derive(Debug, Clone, Copy)]
pub struct CallTimes<'a> {
    /// Call hours in the customer's zone without the break at noon.
    pub window: LocalWindow,
    pub service_hours: &'a Calendar,
    /// Counted attempts to this customer on the local date of `now` in the window's zone, over all
    /// callbacks.
    pub attempts_today: u32,
}

impl CallTimes<'_> {
    /// The first instant from `t` on at which the window and the service hours are both open. Where they
    /// never meet, the window alone decides: a customer isn't dropped for a roster's sake.
    pub fn next_open(&self, t: Instant) -> Instant {
        let mut at = t;
        for _ in 0..ROUNDS {
            at = self.window.next_open(at);
            match self.service_hours.next_open(at) {
                open if open == at => return at,
                open => at = open,
            }
        }
        self.window.next_open(t)
    }

    /// `t`, or the next local day's start if `t` lies in `now`'s day and that has had its attempts.
    pub(super) fn day_not_used_up(&self, t: Instant, now: Instant) -> Instant {
        let zone = self.window.zone();
        let today = now.local_date(zone);
        if self.attempts_today >= ATTEMPTS_PER_DAY && t.local_date(zone) == today {
            Instant::first_of(add_days(today, 1), zone)
        } else {
            t
        }
    }

    /// The end of the time an assigned callback may wait for its start.
    pub(super) fn assigned_until(&self, now: Instant, shift_ends_at: Instant) -> Instant {
        const LEASE: Span = Span::minutes(30);
        self.service_hours.add(now, LEASE).min(shift_ends_at)
    }
}
