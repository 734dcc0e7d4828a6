//! Profile aggregates: each a timeline over all of time, and their snapshot at an instant.
//!
//! The timelines assume that no new fact comes; that is what makes the next change exact. Windows are
//! durations: what happened at `x` is in a window of `N d` over `[x, x + N·86,400 s)`.

mod bought;
mod footing;
mod served;

use super::account::{SUSPICIOUS_ORDERS, SUSPICIOUS_SPAN};
use super::dealings::{Named, Question, Worded};
use super::facts::CustomerFacts;
use super::records::Records;
use crate::rule::ScoreNumber;
use crate::time::{Instant, Span};
use crate::timeline::Timeline;
use bought::{Activity, Trait, in_window, top};
use chrono_tz::Tz;
pub use footing::Footing;
use serde::{Deserialize, Serialize};
use served::{Answers, Complaints, Contacts, mood, reviews, scores, won_back};
use std::collections::BTreeMap;
use std::sync::Arc;

const YEAR: Span = Span::days(365);
const QUARTER: Span = Span::days(90);

/// An order by when it was paid and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRef {
    pub at: Instant,
    pub order_id: Arc<str>,
}

/// What most of what somebody bought has in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Top {
    pub value: Arc<str>,
    /// Lines that have it.
    pub lines: i64,
}

/// A number that a run gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scored {
    pub millionths: i64,
    /// As of when.
    pub as_of: Instant,
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
    /// When the complaint closed last was closed; a reopened one isn't closed.
    pub complaint_closed: Timeline<Option<Instant>>,
    /// Net of counted orders paid in the last 365 d: divided by `orders_365`, what one comes to.
    pub counted_net_365: Timeline<i64>,
    /// Totals before refunds of orders paid in the last 365 d and not cancelled.
    pub gross_365: Timeline<i64>,
    /// What of it was refunded.
    pub refunded_365: Timeline<i64>,
    /// Counted orders of the last 365 d that were paid with a coupon.
    pub coupon_orders_365: Timeline<i64>,
    /// Twice the median of the days between order-days that follow each other.
    pub gap_halves: Timeline<Option<i64>>,
    /// The local hour most counted orders were made in, from five orders on.
    pub active_hour: Timeline<Option<i64>>,
    /// Lines of counted orders of the last 365 d.
    pub lines_365: Timeline<i64>,
    pub top_category: Timeline<Option<Top>>,
    pub top_style: Timeline<Option<Top>>,
    pub top_brand: Timeline<Option<Top>>,
    /// Names of what was bought last.
    pub last_products: Timeline<Arc<[Arc<str>]>>,
    /// Reviews with stars, and their stars in thousandths added up.
    pub reviews: Timeline<i64>,
    pub review_milli: Timeline<i64>,
    pub csat_last: Timeline<Option<i64>>,
    pub csat_count: Timeline<i64>,
    pub csat_sum: Timeline<i64>,
    pub nps_last: Timeline<Option<i64>>,
    pub nps_count: Timeline<i64>,
    pub nps_sum: Timeline<i64>,
    /// The last CSAT ≤ 2 or NPS ≤ 6 that no later CSAT ≥ 4 took back.
    pub unhappy: Timeline<Option<Instant>>,
    /// The last NPS ≥ 9.
    pub recommended: Timeline<Option<Instant>>,
    /// When we last turned to them, by channel.
    pub last_contacts: BTreeMap<String, Timeline<Option<Instant>>>,
    pub last_contact: Timeline<Option<Instant>>,
    /// When they last turned to us, or answered.
    pub last_inbound: Timeline<Option<Instant>>,
    /// The channel that is answered best, of three or more contacts in 180 d.
    pub preferred_channel: Timeline<Option<Arc<str>>>,
    /// The payment of the latest order that a win-back won.
    pub won_back: Timeline<Option<Instant>>,
    /// When the earliest known fact happened.
    pub first_at: Option<Instant>,
    /// What runs over the whole book gave, while the customer lets us personalise; without numbers that none gave.
    pub scores: BTreeMap<ScoreNumber, Timeline<Option<Scored>>>,
    /// What stands beside the log.
    pub records: Arc<Records>,
    /// Whether they let us personalise.
    pub personalised: Timeline<bool>,
    /// When events happened, by name. What rules count of them changes by itself as windows pass.
    pub named: Arc<Named>,
    /// What was read of events' properties, by name.
    pub worded: Arc<Worded>,
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
    #[serde(default)]
    pub more: More,
    /// The first instant at which any of these changes if no new fact comes.
    pub next_change: Option<Instant>,
}

/// The aggregates that came later; together, so that what is built of a few of them needn't name them all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct More {
    pub complaint_closed_at: Option<Instant>,
    pub counted_net_365_minor: i64,
    pub gross_365_minor: i64,
    pub refunded_365_minor: i64,
    pub coupon_orders_365: i64,
    pub gap_halves: Option<i64>,
    pub active_hour: Option<i64>,
    pub lines_365: i64,
    pub top_category: Option<String>,
    pub top_category_lines: i64,
    pub top_style: Option<String>,
    pub top_style_lines: i64,
    pub top_brand: Option<String>,
    pub top_brand_lines: i64,
    pub last_products: Vec<String>,
    pub reviews: i64,
    pub review_milli: i64,
    pub csat_last: Option<i64>,
    pub csat_count: i64,
    pub csat_sum: i64,
    pub nps_last: Option<i64>,
    pub nps_count: i64,
    pub nps_sum: i64,
    pub unhappy_at: Option<Instant>,
    pub recommended_at: Option<Instant>,
    /// By channel.
    pub last_contacts: BTreeMap<String, Instant>,
    pub last_contact_at: Option<Instant>,
    pub last_inbound_at: Option<Instant>,
    pub preferred_channel: Option<String>,
    pub won_back_at: Option<Instant>,
}

impl ProfileTimelines {
    /// `zone` is the customer's (else the shop's): it decides what an order-day is.
    pub fn build(facts: &CustomerFacts, zone: Tz) -> Self {
        let mut orders = facts.orders();
        orders.sort_by(|a, b| (a.paid_at, &a.order_id).cmp(&(b.paid_at, &b.order_id)));
        let (mut spend_365, mut spend_ever) = (Vec::new(), Vec::new());
        let (mut orders_30, mut orders_365, mut orders_ever) = (Vec::new(), Vec::new(), Vec::new());
        let (mut counted_net_365, mut gross_365, mut refunded_365) = (Vec::new(), Vec::new(), Vec::new());
        let (mut lines_365, mut coupon_365) = (Vec::new(), Vec::new());
        for order in &orders {
            let counted = order.counted.map(|on| i64::from(*on));
            deltas(&order.net, Some(order.paid_at + YEAR), &mut spend_365);
            deltas(&order.net, None, &mut spend_ever);
            deltas(&counted, Some(order.paid_at + YEAR), &mut orders_365);
            deltas(&counted, None, &mut orders_ever);
            deltas(&counted, Some(order.paid_at + SUSPICIOUS_SPAN), &mut orders_30);
            let counted_net = order.net.zip_with(&order.counted, |net, on| if *on { *net } else { 0 });
            deltas(&counted_net, Some(order.paid_at + YEAR), &mut counted_net_365);
            deltas(&order.gross, Some(order.paid_at + YEAR), &mut gross_365);
            let lines = i64::try_from(order.lines.len()).unwrap_or(i64::MAX);
            lines_365.extend(in_window(&order.counted, order.paid_at, lines));
            coupon_365.extend(in_window(&order.counted, order.paid_at, i64::from(order.coupon)));
            let refunded = order.gross.zip_with(&order.net, |gross, net| gross - net);
            deltas(&refunded, Some(order.paid_at + YEAR), &mut refunded_365);
        }
        for (at, amount) in facts.unlinked_refunds() {
            spend_365.extend([(at, -amount), (at + YEAR, amount)]);
            spend_ever.push((at, -amount));
        }
        let activity = Activity::of(&orders, zone);
        let complaints = Complaints::of(facts);
        let (csat, nps) = (Answers::of(facts, Question::Csat), Answers::of(facts, Question::Nps));
        let ((reviews, review_milli), (unhappy, recommended)) = (reviews(facts), mood(facts));
        let contacts = Contacts::of(facts);
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
            complaint_closed: complaints.closed,
            counted_net_365: Timeline::sums(counted_net_365),
            gross_365: Timeline::sums(gross_365),
            refunded_365: Timeline::sums(refunded_365),
            coupon_orders_365: Timeline::sums(coupon_365),
            gap_halves: activity.gap_halves,
            active_hour: activity.hour,
            lines_365: Timeline::sums(lines_365),
            top_category: top(&orders, Trait::Category),
            top_style: top(&orders, Trait::Style),
            top_brand: top(&orders, Trait::Brand),
            last_products: activity.products,
            reviews,
            review_milli,
            csat_last: csat.last,
            csat_count: csat.count,
            csat_sum: csat.sum,
            nps_last: nps.last,
            nps_count: nps.count,
            nps_sum: nps.sum,
            unhappy,
            recommended,
            last_contacts: contacts.last,
            last_contact: contacts.last_any,
            last_inbound: contacts.inbound,
            preferred_channel: contacts.preferred,
            won_back: won_back(facts, &orders),
            first_at: facts.first_at(),
            scores: scores(facts),
            records: facts.records().clone(),
            personalised: facts.dealings().personalised(),
            named: facts.dealings().named(),
            worded: facts.dealings().worded(),
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
            more: self.more_at(now),
            next_change: self.next_after(now),
        }
    }

    fn more_at(&self, now: Instant) -> More {
        let top = |line: &Timeline<Option<Top>>| match line.at(now) {
            Some(top) => (Some(top.value.to_string()), top.lines),
            None => (None, 0),
        };
        let (category, style, brand) = (top(&self.top_category), top(&self.top_style), top(&self.top_brand));
        let by_channel = |(channel, line): (&String, &Timeline<Option<Instant>>)| {
            line.at(now).map(|at| (channel.clone(), at))
        };
        More {
            complaint_closed_at: *self.complaint_closed.at(now),
            counted_net_365_minor: *self.counted_net_365.at(now),
            gross_365_minor: *self.gross_365.at(now),
            refunded_365_minor: *self.refunded_365.at(now),
            coupon_orders_365: *self.coupon_orders_365.at(now),
            gap_halves: *self.gap_halves.at(now),
            active_hour: *self.active_hour.at(now),
            lines_365: *self.lines_365.at(now),
            top_category: category.0,
            top_category_lines: category.1,
            top_style: style.0,
            top_style_lines: style.1,
            top_brand: brand.0,
            top_brand_lines: brand.1,
            last_products: self.last_products.at(now).iter().map(ToString::to_string).collect(),
            reviews: *self.reviews.at(now),
            review_milli: *self.review_milli.at(now),
            csat_last: *self.csat_last.at(now),
            csat_count: *self.csat_count.at(now),
            csat_sum: *self.csat_sum.at(now),
            nps_last: *self.nps_last.at(now),
            nps_count: *self.nps_count.at(now),
            nps_sum: *self.nps_sum.at(now),
            unhappy_at: *self.unhappy.at(now),
            recommended_at: *self.recommended.at(now),
            last_contacts: self.last_contacts.iter().filter_map(by_channel).collect(),
            last_contact_at: *self.last_contact.at(now),
            last_inbound_at: *self.last_inbound.at(now),
            preferred_channel: self.preferred_channel.at(now).as_deref().map(str::to_owned),
            won_back_at: *self.won_back.at(now),
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
            &self.counted_net_365,
            &self.gross_365,
            &self.refunded_365,
            &self.coupon_orders_365,
            &self.lines_365,
            &self.reviews,
            &self.review_milli,
            &self.csat_count,
            &self.csat_sum,
            &self.nps_count,
            &self.nps_sum,
        ];
        let maybe =
            [&self.many_orders_30, &self.gap_halves, &self.active_hour, &self.csat_last, &self.nps_last];
        let instants = [
            &self.complaint_closed,
            &self.unhappy,
            &self.recommended,
            &self.last_contact,
            &self.last_inbound,
            &self.won_back,
        ];
        let orders = [&self.first_order, &self.last_order];
        let tops = [&self.top_category, &self.top_style, &self.top_brand];
        let soonest = [
            numbers.iter().filter_map(|line| line.next_after(now)).min(),
            maybe.iter().filter_map(|line| line.next_after(now)).min(),
            instants
                .into_iter()
                .chain(self.last_contacts.values())
                .filter_map(|line| line.next_after(now))
                .min(),
            orders.iter().filter_map(|line| line.next_after(now)).min(),
            tops.iter().filter_map(|line| line.next_after(now)).min(),
            self.last_products.next_after(now),
            self.preferred_channel.next_after(now),
        ];
        soonest.into_iter().flatten().min()
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
