//! Refills and scores read off the events at one instant, without timelines, for [`super::brute`]; and the events and
//! products that stories need for them.

use crate::customer::dealings::Score;
use crate::customer::fixture::*;
use crate::event::own::{Own, Settled};
use crate::event::{Detail, Event, Fact, OrderDetail, OrderLine, ShipmentSaid};
use crate::insight::rfm::Segment;
use crate::product::{Product, Products};
use crate::time::{Instant, Span};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Tea lasts as long as the shop says, soap as long as with everybody, and of oil only their own orders can tell.
pub(super) fn products() -> Products {
    let mut products = Products::default();
    products.insert("", "tea", Product { days_milli: Some(5_000), ..Product::default() });
    products.insert("", "soap", Product { usual_days_milli: Some(12_500), ..Product::default() });
    products
}

/// What was bought gets a SKU, by its category, and arrives, or doesn't; runs give scores, and somebody objects or doesn't.
pub(super) fn with_more(story: impl Strategy<Value = Vec<Event>>) -> impl Strategy<Value = Vec<Event>> {
    let arrivals = prop::collection::vec(prop::option::weighted(0.8, 0i64..60), 8);
    let segment = prop::option::weighted(0.8, prop::sample::select(Segment::ALL.to_vec()));
    let likely = prop::option::weighted(0.9, 0i64..8);
    let band = prop::sample::select(vec!["a", "b", "c", "d"]);
    let runs = prop::collection::vec((0i64..200, segment, likely, band), 0..6);
    let said = (0i64..200, prop::sample::select(vec!["email", "sms"]), any::<bool>());
    let objections = prop::collection::vec(said, 0..4);
    (story, arrivals, runs, objections).prop_map(|(events, arrivals, runs, objections)| {
        let mut events: Vec<Event> = events.into_iter().map(named).collect();
        let orders: Vec<(String, Instant)> = events.iter().filter_map(paid).collect();
        for ((id, paid_at), later) in orders.into_iter().zip(arrivals) {
            events.extend(later.map(|later| arrived(&id, paid_at + Span::hours(6 * later))));
        }
        let at = |quarter: i64| day(0) + Span::hours(6 * quarter);
        for (i, (quarter, segment, likely, band)) in runs.into_iter().enumerate() {
            let settled =
                |score, value: Option<&str>, parts| Settled { score, value: value.map(str::to_owned), parts };
            let parts =
                likely.map(|tenths| ("p_order_180".to_owned(), tenths * 100_000)).into_iter().collect();
            for settled in [
                settled(Score::Rfm, segment.map(Segment::as_str), BTreeMap::new()),
                settled(Score::Churn, None, parts),
                settled(Score::Clv, Some(band), BTreeMap::new()),
            ] {
                let message_id = format!("run {i:02} {}", settled.score);
                let fact = Fact::Custom { name: "Score Settled".to_owned() };
                let detail = Some(Detail::Own(Box::new(Own::ScoreSettled(settled))));
                events.push(Event { message_id, detail, ..event(at(quarter), fact) });
            }
        }
        for (i, (quarter, channel, granted)) in objections.into_iter().enumerate() {
            let (channel, purpose) = (channel.to_owned(), "personalization".to_owned());
            let said = event(at(quarter), Fact::ConsentChanged { channel, purpose, granted });
            events.push(Event { message_id: format!("said {i:02}"), ..said });
        }
        events
    })
}

fn named(event: Event) -> Event {
    let Some(Detail::Order(OrderDetail { lines: Some(lines), pay_by, coupon })) = event.detail.clone() else {
        return event;
    };
    let sku = |line: &OrderLine| match line.category.as_deref() {
        Some("lip") => "tea",
        Some("eye") => "soap",
        _ => "oil",
    };
    let named =
        |line: OrderLine| OrderLine { sku: Some(sku(&line).to_owned()), quantity_milli: 1_000, ..line };
    let lines = Some(lines.into_iter().map(named).collect());
    Event { detail: Some(Detail::Order(OrderDetail { lines, pay_by, coupon })), ..event }
}

fn paid(event: &Event) -> Option<(String, Instant)> {
    match &event.fact {
        Fact::OrderCompleted { order_id, .. } => Some((order_id.clone(), event.occurred_at)),
        _ => None,
    }
}

fn arrived(order: &str, at: Instant) -> Event {
    let fact = Fact::Custom { name: "Order Delivered".to_owned() };
    let detail = Some(Detail::Shipment(ShipmentSaid::default()));
    Event { order: Some(order.to_owned()), detail, ..event(at, fact) }
}

/// Whether the order counts at that instant, at which it is paid already.
fn counts(events: &[Event], order: &str, total: i64, now: Instant) -> bool {
    let mut of_it = events.iter().filter(|event| event.order_id() == Some(order) && event.occurred_at <= now);
    of_it.all(|event| match &event.fact {
        Fact::OrderCancelled { .. } => false,
        Fact::OrderRefunded { amount_minor, .. } => amount_minor.is_some_and(|back| back < total),
        _ => true,
    })
}

/// An order of a product, in the order in which they were paid.
struct Bought<'e> {
    paid_at: Instant,
    order: &'e str,
    total: i64,
    pieces: i64,
}

fn bought<'e>(events: &'e [Event], sku: &str) -> Vec<Bought<'e>> {
    let mut all: Vec<Bought<'e>> = Vec::new();
    for event in events {
        let (Fact::OrderCompleted { order_id, total_minor }, Some(Detail::Order(detail))) =
            (&event.fact, &event.detail)
        else {
            continue;
        };
        let lines = detail.lines.iter().flatten().filter(|line| line.sku.as_deref() == Some(sku));
        let (pieces, paid_at) = (lines.count() as i64, event.occurred_at);
        if pieces > 0 && counts(events, order_id, *total_minor, paid_at) {
            all.push(Bought { paid_at, order: order_id, total: *total_minor, pieces });
        }
    }
    all.sort_by_key(|one| (one.paid_at, one.order));
    all
}

/// Thousandths of a day that a piece lasted them, by the orders up to this one.
fn own_days(bought: &[Bought<'_>]) -> Option<i64> {
    let mut lasted: Vec<i64> = Vec::new();
    for (one, next) in bought.iter().zip(&bought[1..]) {
        lasted.push((next.paid_at - one.paid_at).as_micros() / one.pieces / 86_400_000);
    }
    lasted.sort_unstable();
    let middle = match lasted.len() {
        ..=2 => return None,
        n if n % 2 == 1 => lasted[n / 2],
        n => i64::midpoint(lasted[n / 2 - 1], lasted[n / 2]),
    };
    (middle > 0).then_some(middle)
}

/// The product of which a refill is due.
pub(super) fn refill(events: &[Event], now: Instant) -> Option<String> {
    let mut due = Vec::new();
    for (sku, set, usual) in [("tea", Some(5_000), None), ("soap", None, Some(12_500)), ("oil", None, None)] {
        let bought = bought(events, sku);
        for (i, one) in bought.iter().enumerate() {
            let is_arrival = |event: &&Event| {
                event.fact.name() == "Order Delivered" && event.order_id() == Some(one.order)
            };
            let Some(arrived) = events.iter().filter(is_arrival).map(|event| event.occurred_at).min() else {
                continue;
            };
            let Some(days) = set.or_else(|| own_days(&bought[..=i])).or(usual) else { continue };
            let whole = Span::micros(one.pieces * days * 86_400_000);
            let (from, until) = (arrived + Span::micros(whole.as_micros() / 10 * 8), arrived + whole + whole);
            let again = bought[i + 1..]
                .iter()
                .any(|next| next.paid_at <= now && counts(events, next.order, next.total, now));
            if from <= now && now < until && !again && counts(events, one.order, one.total, now) {
                due.push((from, sku, one.order));
            }
        }
    }
    due.into_iter().max().map(|(_, sku, _)| sku.to_owned())
}

/// What the last run said of them, where anybody may ask.
pub(super) fn settled(events: &[Event], wanted: Score, now: Instant) -> Option<String> {
    let said =
        events.iter().filter(|event| event.occurred_at <= now).filter_map(|event| match &event.detail {
            Some(Detail::Own(own)) => match &**own {
                Own::ScoreSettled(settled) if settled.score == wanted => {
                    Some(((event.occurred_at, &event.message_id), settled.value.clone()))
                }
                _ => None,
            },
            _ => None,
        });
    said.max_by_key(|(stamp, _)| *stamp).and_then(|(_, value)| value)
}
