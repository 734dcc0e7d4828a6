//! Profile aggregates: each a timeline over all of time, and their snapshot at an instant.
//!
//! The timelines assume that no new fact comes; that is what makes the next change exact. Windows are
//! durations: what happened at `x` is in a window of `N d` over `[x, x + N·86,400 s)`.

use super::account::{SUSPICIOUS_ORDERS, SUSPICIOUS_SPAN};
use super::facts::{CustomerFacts, OrderCourse};
use crate::time::{Instant, Span};
use crate::timeline::Timeline;
use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const YEAR: Span = Span::days(365);
const QUARTER: Span = Span::days(90);

/// An order by when it was paid and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRef {
    pub at: Instant,
    pub order_id: Arc<str>,
}

/// Every aggregate of one customer over time. Money in minor units of the base currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileTimelines {
    /// Net spend of orders paid in the last 365 d, less unlinked refunds of the last 365 d. Can be negative.
    pub spend_365: Timeline<i64>,
    /// Net spend ever. Can be negative.
    pub spend_ever: Timeline<i64>,
    /// Counted orders of the last 365 d.
    pub orders_365: Timeline<i64>,
    pub orders_ever: Timeline<i64>,
    /// Counted orders of the last 30 d while they are suspiciously many; `None` below, so that hardly anybody is
    /// looked at again for it.
    pub many_orders_30: Timeline<Option<i64>>,
    /// Local dates with a counted order.
    pub order_days: Timeline<i64>,
    pub first_order: Timeline<Option<OrderRef>>,
    pub last_order: Timeline<Option<OrderRef>>,
    /// Complaints not closed.
    pub open_complaints: Timeline<i64>,
    /// Complaints opened in the last 90 d.
    pub complaints_90: Timeline<i64>,
    /// Complaints opened in the last 365 d.
    pub complaints_365: Timeline<i64>,
    /// Tickets ever opened.
    pub tickets: Timeline<i64>,
}

/// The aggregates at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub spend_365_minor: i64,
    pub spend_ever_minor: i64,
    pub orders_365: i64,
    pub orders_ever: i64,
    /// Counted orders of the last 30 d, where they are suspiciously many ([`super::account`]).
    pub many_orders_30: Option<i64>,
    pub order_days: i64,
    pub first_order_at: Option<Instant>,
    pub last_order_at: Option<Instant>,
    /// The key of the order at `last_order_at`.
    pub last_order_id: Option<String>,
    pub open_complaints: i64,
    pub complaints_90: i64,
    pub complaints_365: i64,
    pub tickets: i64,
    /// The first instant at which any of these changes if no new fact comes.
    pub next_change: Option<Instant>,
}

impl ProfileTimelines {
    /// `zone` is the customer's (else the shop's): it decides what an order-day is.
    pub fn build(facts: &CustomerFacts, zone: Tz) -> Self {
        let mut orders = facts.orders();
        orders.sort_by(|a, b| (a.paid_at, &a.order_id).cmp(&(b.paid_at, &b.order_id)));
        let (mut spend_365, mut spend_ever) = (Vec::new(), Vec::new());
        let (mut orders_30, mut orders_365, mut orders_ever) = (Vec::new(), Vec::new(), Vec::new());
        for order in &orders {
            let counted = order.counted.map(|on| i64::from(*on));
            deltas(&order.net, Some(order.paid_at + YEAR), &mut spend_365);
            deltas(&order.net, None, &mut spend_ever);
            deltas(&counted, Some(order.paid_at + YEAR), &mut orders_365);
            deltas(&counted, None, &mut orders_ever);
            deltas(&counted, Some(order.paid_at + SUSPICIOUS_SPAN), &mut orders_30);
        }
        for (at, amount) in facts.unlinked_refunds() {
            spend_365.extend([(at, -amount), (at + YEAR, amount)]);
            spend_ever.push((at, -amount));
        }
        let activity = Activity::of(&orders, zone);
        let complaints = Complaints::of(facts);
        Self {
            spend_365: Timeline::sums(spend_365),
            spend_ever: Timeline::sums(spend_ever),
            orders_365: Timeline::sums(orders_365),
            orders_ever: Timeline::sums(orders_ever),
            many_orders_30: Timeline::sums(orders_30).map(|n| (*n >= SUSPICIOUS_ORDERS).then_some(*n)),
            order_days: activity.days,
            first_order: activity.first,
            last_order: activity.last,
            open_complaints: Timeline::sums(complaints.open),
            complaints_90: Timeline::sums(complaints.in_90),
            complaints_365: Timeline::sums(complaints.in_365),
            tickets: Timeline::sums(complaints.tickets),
        }
    }

    /// The aggregates at an instant.
    pub fn at(&self, now: Instant) -> Profile {
        let last = self.last_order.at(now).as_ref();
        Profile {
            spend_365_minor: *self.spend_365.at(now),
            spend_ever_minor: *self.spend_ever.at(now),
            orders_365: *self.orders_365.at(now),
            orders_ever: *self.orders_ever.at(now),
            many_orders_30: *self.many_orders_30.at(now),
            order_days: *self.order_days.at(now),
            first_order_at: self.first_order.at(now).as_ref().map(|order| order.at),
            last_order_at: last.map(|order| order.at),
            last_order_id: last.map(|order| order.order_id.to_string()),
            open_complaints: *self.open_complaints.at(now),
            complaints_90: *self.complaints_90.at(now),
            complaints_365: *self.complaints_365.at(now),
            tickets: *self.tickets.at(now),
            next_change: self.next_after(now),
        }
    }

    /// The first instant after `now` at which any aggregate changes.
    pub fn next_after(&self, now: Instant) -> Option<Instant> {
        let numbers = [
            &self.spend_365,
            &self.spend_ever,
            &self.orders_365,
            &self.orders_ever,
            &self.order_days,
            &self.open_complaints,
            &self.complaints_90,
            &self.complaints_365,
            &self.tickets,
        ];
        let orders = [&self.first_order, &self.last_order];
        let of_numbers = numbers.into_iter().filter_map(|line| line.next_after(now));
        let of_orders = orders.into_iter().filter_map(|line| line.next_after(now));
        of_numbers.chain(of_orders).chain(self.many_orders_30.next_after(now)).min()
    }
}

/// Adds the steps of `line` (0 before its first) to `into`, cut off at `end`.
fn deltas(line: &Timeline<i64>, end: Option<Instant>, into: &mut Vec<(Instant, i64)>) {
    let mut level = 0;
    for (at, value) in line.changes().filter(|(at, _)| end.is_none_or(|end| *at < end)) {
        into.push((at, value - level));
        level = *value;
    }
    if let Some(end) = end.filter(|_| level != 0) {
        into.push((end, -level));
    }
}

/// What counted orders say about when somebody buys.
struct Activity {
    first: Timeline<Option<OrderRef>>,
    last: Timeline<Option<OrderRef>>,
    days: Timeline<i64>,
}

impl Activity {
    /// Sweeps over the instants at which orders begin or cease to count. `orders` ascend by payment.
    fn of(orders: &[OrderCourse], zone: Tz) -> Self {
        let mut turns: Vec<(Instant, usize, bool)> = orders
            .iter()
            .enumerate()
            .flat_map(|(i, order)| order.counted.changes().map(move |(at, counts)| (at, i, *counts)))
            .collect();
        turns.sort_unstable();
        let refs: Vec<OrderRef> = orders
            .iter()
            .map(|order| OrderRef { at: order.paid_at, order_id: Arc::from(order.order_id.as_str()) })
            .collect();
        let mut counting: BTreeSet<usize> = BTreeSet::new();
        let mut per_day: BTreeMap<NaiveDate, u32> = BTreeMap::new();
        let (mut first, mut last, mut days) = (Vec::new(), Vec::new(), Vec::new());
        for (at, i, counts) in turns {
            let day = refs[i].at.local_date(zone);
            if counts {
                counting.insert(i);
                *per_day.entry(day).or_default() += 1;
            } else {
                counting.remove(&i);
                per_day.entry(day).and_modify(|n| *n -= 1);
                per_day.retain(|_, n| *n > 0);
            }
            first.push((at, counting.first().map(|i| refs[*i].clone())));
            last.push((at, counting.last().map(|i| refs[*i].clone())));
            days.push((at, i64::try_from(per_day.len()).unwrap_or(i64::MAX)));
        }
        Self {
            first: Timeline::from_points(None, first),
            last: Timeline::from_points(None, last),
            days: Timeline::from_points(0, days),
        }
    }
}

#[derive(Default)]
struct Complaints {
    open: Vec<(Instant, i64)>,
    in_90: Vec<(Instant, i64)>,
    in_365: Vec<(Instant, i64)>,
    tickets: Vec<(Instant, i64)>,
}

impl Complaints {
    fn of(facts: &CustomerFacts) -> Self {
        let mut sums = Self::default();
        for ticket in facts.tickets() {
            let complaint = ticket.complaint.map(|on| i64::from(*on));
            deltas(&ticket.complaint.and(&ticket.open).map(|on| i64::from(*on)), None, &mut sums.open);
            deltas(&complaint, Some(ticket.opened_at + QUARTER), &mut sums.in_90);
            deltas(&complaint, Some(ticket.opened_at + YEAR), &mut sums.in_365);
            sums.tickets.push((ticket.opened_at, 1));
        }
        sums
    }
}
