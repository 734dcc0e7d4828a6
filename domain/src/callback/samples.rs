//! Samples for this room's tests: a customer and agents in Shanghai in May 2026, where the 4th is a Monday.

use super::*;
use crate::calendar::{Calendar, ContactHours, ShopZone};
use crate::ids::{CallbackId, CustomerId, StaffId};
use crate::time::{Instant, Span};
use chrono_tz::Tz;

pub const ZONE: Tz = chrono_tz::Asia::Shanghai;

/// `05-04 10:00` of 2026.
pub fn at(text: &str) -> Instant {
    Instant::parse(&format!("2026-{text}"), ZONE).expect("test instant")
}

/// Daily 09:00–21:00.
pub fn service_hours() -> Calendar {
    Calendar::default_service_hours(ZONE)
}

pub fn times(service_hours: &Calendar) -> CallTimes<'_> {
    let window = ContactHours::default().callback_window(Some(ZONE), ShopZone::Single(ZONE));
    CallTimes { window, service_hours, attempts_today: 0 }
}

/// An ordinary callback, scheduled for 05-04 09:00 and due 05-06 18:00.
pub fn callback(id: i64) -> Callback {
    let task = Task {
        customer_id: CustomerId(id),
        kind: Kind::ImportantTicket,
        required_level: Level::Junior,
        skills: vec![],
        optional_skills: vec![],
        team: None,
        owner: None,
        marks: Marks::default(),
        due_at: at("05-06 18:00"),
        reach_due_at: at("05-08 18:00"),
    };
    let calendar = service_hours();
    Callback::create(CallbackId(id), task, at("05-04 09:00"), at("05-01 15:00"), &times(&calendar))
}

/// On shift daily 09:00–18:00 from Monday, 05-04, to Friday.
pub fn agent(id: i64, level: Level) -> Agent {
    let day =
        |d: i64| Shift { from: at("05-04 09:00") + Span::days(d), until: at("05-04 18:00") + Span::days(d) };
    Agent {
        id: StaffId(id),
        level,
        skills: vec![],
        team: None,
        capacity_held: super::agent::CAPACITY_HELD,
        calls_per_day: super::agent::CALLS_PER_DAY,
        shifts: (0..5).map(day).collect(),
    }
}
