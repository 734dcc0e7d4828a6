//! Tests of the fold and of the aggregates: domain.md §2 and §3.

#![allow(clippy::inconsistent_digit_grouping, reason = "amounts are written as 10_000_00: yuan, then fen")]

use super::fixture::*;
use super::{CustomerFacts, Profile, ProfileTimelines};
use crate::event::{Event, Fact, Ticket};
use crate::time::{Instant, Span};
use chrono_tz::{Tz, UTC};
use proptest::prelude::*;

fn profile_in(events: &[Event], zone: Tz, now: Instant) -> Profile {
    ProfileTimelines::build(&CustomerFacts::fold(events), zone).at(now)
}

fn profile(events: &[Event], now: Instant) -> Profile {
    profile_in(events, UTC, now)
}

fn spend(events: &[Event], now: Instant) -> i64 {
    profile(events, now).spend_365_minor
}

#[test]
fn two_partial_refunds_both_count_and_one_refund_resent_counts_once() {
    let first = refund(Some("A"), Some("r1"), Some(30_00), day(1));
    let second = refund(Some("A"), Some("r2"), Some(30_00), day(1));
    assert_eq!(spend(&[order("A", 100_00, day(0)), first.clone(), second], day(2)), 40_00);
    assert_eq!(spend(&[order("A", 100_00, day(0)), first.clone(), resent(&first)], day(2)), 70_00);
    let unnamed = refund(Some("A"), None, Some(30_00), day(1));
    let later = refund(Some("A"), None, Some(30_00), day(2));
    assert_eq!(spend(&[order("A", 100_00, day(0)), unnamed.clone(), resent(&unnamed)], day(2)), 70_00);
    assert_eq!(spend(&[order("A", 100_00, day(0)), unnamed, later], day(2)), 40_00);
}

#[test]
fn of_two_refunds_with_one_id_the_first_to_happen_counts() {
    let first = refund(Some("A"), Some("r1"), Some(30_00), day(1));
    let again = refund(Some("A"), Some("r1"), Some(50_00), day(2));
    let elsewhere = refund(Some("B"), Some("r1"), Some(1_00), day(2));
    let orders = [order("A", 100_00, day(0)), order("B", 100_00, day(0))];
    let events = [orders[0].clone(), again, first, orders[1].clone(), elsewhere];
    assert_eq!([day(1), day(2)].map(|now| spend(&events, now)), [170_00, 169_00]);
}

#[test]
fn a_refund_without_amount_refunds_what_is_left_and_no_net_is_negative() {
    let part = refund(Some("A"), Some("r1"), Some(30_00), day(1));
    let rest = refund(Some("A"), Some("r2"), None, day(2));
    let events = [order("A", 100_00, day(0)), part.clone(), rest, order("B", 5_00, day(0))];
    assert_eq!([spend(&events, day(1)), spend(&events, day(2))], [75_00, 5_00]);
    let too_much = refund(Some("A"), Some("r3"), Some(500_00), day(3));
    let events = [order("A", 100_00, day(0)), part, too_much, order("B", 5_00, day(0))];
    assert_eq!(spend(&events, day(3)), 5_00);
}

#[test]
fn a_completion_counts_once_and_the_greatest_version_gives_the_total() {
    let paid = order("A", 100_00, day(0));
    let dearer = Event { occurred_at: day(1), ..order("A", 900_00, day(1)) };
    assert_eq!(spend(&[dearer, paid.clone()], day(2)), 100_00, "a second completion is a resend");
    let mut a = update("A", 80_00, day(1));
    let mut b = update("A", 70_00, day(1));
    (a.message_id, b.message_id) = ("m2".to_owned(), "m1".to_owned());
    let before = update("A", 1_00, day(-1));
    let events = [paid, a, b, before];
    assert_eq!([spend(&events, day(0)), spend(&events, day(1))], [100_00, 80_00]);
}

#[test]
fn what_is_cancelled_or_fully_refunded_no_longer_counts_and_a_free_order_does() {
    let events = [
        order("A", 10_00, day(0)),
        order("B", 10_00, day(10)),
        order("C", 0, day(20)),
        cancel("C", day(30)),
        refund(Some("B"), None, None, day(40)),
    ];
    let last = |now| profile(&events, now).last_order_id;
    let at_each: Vec<_> = [5, 15, 25, 30, 40].into_iter().map(|n| last(day(n)).expect("an order")).collect();
    assert_eq!(at_each, ["A", "B", "C", "B", "A"]);
    let end = profile(&events, day(50));
    assert_eq!((end.orders_ever, end.orders_365, end.order_days), (1, 1, 1));
    assert_eq!((end.first_order_at, end.last_order_at), (Some(day(0)), Some(day(0))));
}

#[test]
fn an_order_only_cancelled_was_never_paid_and_one_cancelled_first_never_counts() {
    let events =
        [cancel("A", day(0)), update("B", 9_00, day(0)), cancel("C", day(0)), order("C", 9_00, day(1))];
    assert_eq!(profile(&events, day(2)).orders_ever, 0);
    assert_eq!(spend(&events, day(2)), 0);
}

#[test]
fn a_linked_refund_leaves_the_window_together_with_its_order() {
    let events = [order("A", 100_00, day(0)), refund(Some("A"), None, Some(40_00), day(300))];
    let instants = [day(299), day(300), day(365) - Span::micros(1), day(365), day(665)];
    assert_eq!(instants.map(|now| spend(&events, now)), [100_00, 60_00, 60_00, 0, 0]);
    assert_eq!(profile(&events, day(999)).spend_ever_minor, 60_00);
}

#[test]
fn an_unlinked_refund_lowers_the_sums_at_its_own_instant_even_below_zero() {
    for order_id in [None, Some("unknown")] {
        let events = [order("A", 100_00, day(0)), refund(order_id, Some("C1"), Some(40_00), day(300))];
        let instants = [day(300), day(365), day(665) - Span::micros(1), day(665)];
        assert_eq!(instants.map(|now| spend(&events, now)), [60_00, -40_00, -40_00, 0]);
        assert_eq!(profile(&events, day(400)).last_order_at, Some(day(0)), "a refund is no activity");
        assert_eq!(profile(&events, day(400)).orders_ever, 1);
    }
}

#[test]
fn a_refund_links_once_its_order_comes_and_one_before_payment_shows_from_payment_on() {
    let early = refund(Some("A"), Some("r1"), Some(40_00), day(1));
    assert_eq!(spend(std::slice::from_ref(&early), day(2)), -40_00);
    let events = [early, order("A", 100_00, day(5))];
    assert_eq!([day(2), day(5), day(366), day(370)].map(|now| spend(&events, now)), [0, 60_00, 60_00, 0]);
}

#[test]
fn an_order_day_is_a_local_date() {
    let shanghai = chrono_tz::Asia::Shanghai;
    let events = [
        order("A", 1_00, at("2026-03-01T23:59:59+08:00")),
        order("B", 1_00, at("2026-03-02T00:00:00+08:00")),
        order("C", 1_00, at("2026-03-02T23:59:59+08:00")),
    ];
    let now = day(100);
    assert_eq!(profile_in(&events, shanghai, now).order_days, 2);
    assert_eq!(profile_in(&events, UTC, now).order_days, 2);
    assert_eq!(profile_in(&events, chrono_tz::America::New_York, now).order_days, 2);
    assert_eq!(profile_in(&events[..2], UTC, now).order_days, 1);
}

#[test]
fn complaints_are_open_until_resolved_and_counted_from_when_they_were_opened() {
    let plain = Ticket { ticket_id: "T".to_owned(), ..Ticket::default() };
    let events = [
        complaint("K", day(0)),
        resolved("K", day(2)),
        reopened("K", day(5)),
        resolved("K", day(9)),
        event(day(1), Fact::TicketOpened(plain.clone())),
        event(day(3), Fact::TicketUpdated(Ticket { complaint: true, ..plain })),
        resolved("unknown", day(1)),
    ];
    let open = |n| profile(&events, day(n)).open_complaints;
    assert_eq!([0, 1, 2, 3, 5, 9].map(open), [1, 1, 0, 1, 2, 1]);
    let seen = |n| {
        let p = profile(&events, day(n));
        (p.complaints_90, p.complaints_365, p.tickets)
    };
    assert_eq!(
        [2, 3, 90, 91, 365, 366].map(seen),
        [(1, 1, 2), (2, 2, 2), (1, 2, 2), (0, 2, 2), (0, 1, 2), (0, 0, 2)]
    );
}

#[test]
fn the_next_change_is_the_next_change_of_anything() {
    let events = [order("A", 100_00, day(0)), complaint("K", day(10))];
    let next = |n| profile(&events, day(n)).next_change;
    assert_eq!(
        [-1, 0, 10, 100, 365, 375].map(next),
        [Some(day(0)), Some(day(10)), Some(day(100)), Some(day(365)), Some(day(375)), None]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn any_order_of_arrival_and_any_resend_gives_the_same_facts(
        (events, shuffled) in proptest::collection::vec(any_event(), 0..25)
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
        twice in 0usize..25,
    ) {
        let facts = CustomerFacts::fold(&events);
        let mut again = CustomerFacts::fold(&shuffled);
        prop_assert_eq!(&facts, &again);
        for event in shuffled.iter().take(twice) {
            again.add(event);
        }
        prop_assert_eq!(&facts, &again);
        for order in facts.orders() {
            prop_assert!(order.net.segments().all(|part| *part.value >= 0));
        }
    }
}
