//! When a callback is due: working days after the resolution, and which tickets get one at all.

use super::names::stable_names;
use crate::calendar::Calendar;
use crate::event::Ticket;
use crate::time::Instant;

stable_names! {
    /// Why a resolved ticket gets a callback, the first that holds.
    TicketReason {
        Important = "important",
        Complex = "complex",
        /// The amount it is about reaches the threshold.
        Amount = "amount",
    }
}

/// Whether a resolved ticket is important, complex or about `threshold_minor` (base currency) or more.
pub fn ticket_reason(ticket: &Ticket, threshold_minor: i64) -> Option<TicketReason> {
    if ticket.important {
        Some(TicketReason::Important)
    } else if ticket.complex {
        Some(TicketReason::Complex)
    } else {
        ticket.amount_minor.filter(|a| *a >= threshold_minor).map(|_| TicketReason::Amount)
    }
}

/// How soon a customer is called after a resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Within working days 1 to 3.
    Ordinary,
    /// Within working day 1.
    Vip,
}

/// The times a callback is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueTimes {
    /// No attempt before: the opening of working day 1.
    pub not_before: Instant,
    /// First attempt due: the close of the last working day allowed.
    pub due_at: Instant,
    /// Customer reached.
    pub reach_due_at: Instant,
}

const ORDINARY_DAYS: u32 = 3;
const VIP_DAYS: u32 = 1;
/// Working days between first attempt and customer reached.
const REACH_DAYS: u32 = 2;

/// Due times after a ticket's resolution. Working days count from its local date in the calendar's zone.
pub fn after_resolution(resolved_at: Instant, urgency: Urgency, working_days: &Calendar) -> DueTimes {
    let days = match urgency {
        Urgency::Ordinary => ORDINARY_DAYS,
        Urgency::Vip => VIP_DAYS,
    };
    let due_at = working_days.business_day(resolved_at, days).close;
    DueTimes {
        not_before: working_days.business_day(resolved_at, 1).open,
        due_at,
        reach_due_at: reach_due(due_at, working_days),
    }
}

/// The close of the second working day after the first attempt is due.
pub fn reach_due(due_at: Instant, working_days: &Calendar) -> Instant {
    working_days.business_day(due_at, REACH_DAYS).close
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// London, 26 and 27 December 2011 off.
    fn london() -> Calendar {
        let day = json!(["09:00-18:00"]);
        Calendar::from_document(&json!({
            "zone": "Europe/London",
            "weekly": {"mon": day, "tue": day, "wed": day, "thu": day, "fri": day},
            "overrides": {"2011-12-26": [], "2011-12-27": []},
        }))
        .expect("calendar")
    }
    fn december(text: &str) -> Instant {
        Instant::parse(&format!("2011-12-{text}"), chrono_tz::Europe::London).expect("test instant")
    }

    #[test]
    fn working_days_one_to_three_and_a_vip_on_the_first() {
        let calendar = london();
        for (resolved, urgency, not_before, due, reach) in [
            ("09 15:00", Urgency::Ordinary, "12 09:00", "14 18:00", "16 18:00"),
            ("09 15:00", Urgency::Vip, "12 09:00", "12 18:00", "14 18:00"),
            ("12 00:00", Urgency::Vip, "13 09:00", "13 18:00", "15 18:00"),
            ("11 23:59", Urgency::Vip, "12 09:00", "12 18:00", "14 18:00"),
            ("23 12:00", Urgency::Ordinary, "28 09:00", "30 18:00", "32"),
        ] {
            let times = after_resolution(december(resolved), urgency, &calendar);
            assert_eq!(times.not_before, december(not_before), "{resolved}");
            assert_eq!(times.due_at, december(due), "{resolved}");
            let reach = if reach == "32" {
                Instant::parse("2012-01-03 18:00", chrono_tz::Europe::London).expect("instant")
            } else {
                december(reach)
            };
            assert_eq!(times.reach_due_at, reach, "{resolved}");
        }
    }

    #[test]
    fn the_amount_counts_from_the_threshold_on() {
        let ticket = |amount_minor| Ticket { amount_minor, ..Ticket::default() };
        assert_eq!(ticket_reason(&ticket(Some(50_000)), 50_000), Some(TicketReason::Amount));
        assert_eq!(ticket_reason(&ticket(Some(49_999)), 50_000), None);
        assert_eq!(ticket_reason(&ticket(None), 50_000), None);
        let both = Ticket { important: true, complex: true, ..Ticket::default() };
        assert_eq!(ticket_reason(&both, 50_000), Some(TicketReason::Important));
        let complex = Ticket { complex: true, ..Ticket::default() };
        assert_eq!(ticket_reason(&complex, 50_000), Some(TicketReason::Complex));
    }
}
