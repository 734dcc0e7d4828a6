//! Events for tests, written short: `order("A", 100_00, day(3))`.

#![allow(clippy::inconsistent_digit_grouping, reason = "amounts are written as 10_000_00: yuan, then fen")]

use crate::event::{Event, Fact, Ticket};
use crate::ids::SourceId;
use crate::time::{Instant, Span};
use proptest::prelude::*;

/// Midnight UTC, `n` × 86,400 s after 2026-01-01.
pub fn day(n: i64) -> Instant {
    Instant::from_micros(1_767_225_600_000_000) + Span::days(n)
}

/// An instant as written; UTC where no offset stands.
pub fn at(text: &str) -> Instant {
    Instant::parse(text, chrono_tz::UTC).expect("test instant")
}

/// Received as it happened, with a message id of its own.
pub fn event(occurred_at: Instant, fact: Fact) -> Event {
    let message_id = format!("{}/{fact:?}", occurred_at.micros());
    Event {
        occurred_at,
        received_at: occurred_at,
        message_id,
        source: SourceId(1),
        historical: false,
        fact,
        order: None,
        subject: None,
        detail: None,
        values: None,
    }
}

pub fn order(id: &str, total_minor: i64, at: Instant) -> Event {
    event(at, Fact::OrderCompleted { order_id: id.to_owned(), total_minor })
}

pub fn update(id: &str, total_minor: i64, at: Instant) -> Event {
    event(at, Fact::OrderUpdated { order_id: id.to_owned(), total_minor })
}

pub fn cancel(id: &str, at: Instant) -> Event {
    event(at, Fact::OrderCancelled { order_id: id.to_owned() })
}

pub fn refund(order_id: Option<&str>, refund_id: Option<&str>, amount: Option<i64>, at: Instant) -> Event {
    let (order_id, refund_id) = (order_id.map(str::to_owned), refund_id.map(str::to_owned));
    event(at, Fact::OrderRefunded { order_id, refund_id, amount_minor: amount })
}

pub fn complaint(id: &str, at: Instant) -> Event {
    let ticket = Ticket { ticket_id: id.to_owned(), complaint: true, ..Ticket::default() };
    event(at, Fact::TicketOpened(ticket))
}

pub fn resolved(id: &str, at: Instant) -> Event {
    event(at, Fact::TicketResolved { ticket_id: id.to_owned() })
}

pub fn reopened(id: &str, at: Instant) -> Event {
    event(at, Fact::TicketReopened { ticket_id: id.to_owned() })
}

/// The same event as sent once more.
pub fn resent(event: &Event) -> Event {
    Event { message_id: format!("{} again", event.message_id), ..event.clone() }
}

/// The same event, taken in later.
pub fn received(event: Event, received_at: Instant) -> Event {
    Event { received_at, ..event }
}

/// Any event about three orders and two tickets on forty days.
pub fn any_event() -> impl Strategy<Value = Event> {
    let id = prop_oneof![Just("A"), Just("B"), Just("C")];
    let amount = (0i64..13).prop_map(|n| n * 1_000_00);
    let some_amount = proptest::option::of(amount.clone());
    let linked = proptest::option::of(id.clone());
    let refund_id = proptest::option::of(prop_oneof![Just("r1"), Just("r2")]);
    let ticket = prop_oneof![Just("K"), Just("L")];
    let fact = prop_oneof![
        4 => (id.clone(), amount.clone()).prop_map(|(id, n)| order(id, n, day(0)).fact),
        1 => (id.clone(), amount).prop_map(|(id, n)| update(id, n, day(0)).fact),
        1 => id.prop_map(|id| cancel(id, day(0)).fact),
        3 => (linked, refund_id, some_amount).prop_map(|(o, r, n)| refund(o, r, n, day(0)).fact),
        1 => ticket.clone().prop_map(|id| complaint(id, day(0)).fact),
        1 => ticket.clone().prop_map(|id| resolved(id, day(0)).fact),
        1 => ticket.prop_map(|id| reopened(id, day(0)).fact),
    ];
    (0i64..400, fact, 0u8..4)
        .prop_map(|(n, fact, id)| Event { message_id: format!("m{id}"), ..event(day(n), fact) })
}

/// An instant anywhere, its ends and those of what a calendar can say among them.
pub fn extreme_instant() -> impl Strategy<Value = Instant> {
    let calendar = chrono::DateTime::<chrono::Utc>::MAX_UTC.timestamp_micros();
    let ends = vec![i64::MIN, i64::MIN + 1, -calendar, -1, 0, calendar, calendar + 1, i64::MAX - 1, i64::MAX];
    prop_oneof![
        prop::sample::select(ends).prop_map(Instant::from_micros),
        any::<i64>().prop_map(Instant::from_micros),
        (0i64..400).prop_map(day),
    ]
}

/// As [`any_event`], of any instant and amount; an order's total isn't below 0.
pub fn any_extreme_event() -> impl Strategy<Value = Event> {
    let amount = prop::sample::select(vec![i64::MIN, -1, 0, 1, i64::MAX, i64::MAX - 1]);
    (any_event(), extreme_instant(), extreme_instant(), amount).prop_map(
        |(event, occurred_at, received_at, n)| {
            let fact = match event.fact {
                Fact::OrderCompleted { order_id, .. } => {
                    Fact::OrderCompleted { order_id, total_minor: n.max(0) }
                }
                Fact::OrderUpdated { order_id, .. } => Fact::OrderUpdated { order_id, total_minor: n.max(0) },
                Fact::OrderRefunded { order_id, refund_id, amount_minor } => {
                    Fact::OrderRefunded { order_id, refund_id, amount_minor: amount_minor.map(|_| n) }
                }
                other => other,
            };
            Event { occurred_at, received_at, fact, ..event }
        },
    )
}
