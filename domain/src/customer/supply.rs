//! How long what somebody bought lasts (复购): each product of each delivered order, when it will nearly be used up, and whether
//! a refill is due.
//!
//! Due is delivered + quantity × days × 0.8 (domain rule of replenishment). The days that one piece lasts are what the shop says,
//! else the median of the customer's own (three at least), else of all buyers', else nobody knows.

use super::facts::OrderCourse;
use crate::product::Products;
use crate::time::{Instant, Span};
use crate::timeline::Timeline;
use std::collections::BTreeMap;

/// Where the days that a piece lasts come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The shop says so.
    Set,
    /// The customer's own orders.
    Own,
    /// All buyers' orders.
    Usual,
}

impl Basis {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Own => "own",
            Self::Usual => "usual",
        }
    }
}

/// One product of one delivered order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supply {
    pub sku: String,
    pub order_id: String,
    pub delivered_at: Instant,
    pub quantity_milli: i64,
    /// How long one piece lasts, in thousandths of a day.
    pub days_milli: i64,
    pub basis: Basis,
    pub due_at: Instant,
    /// A refill is due: from `due_at` until it is ordered again, the order doesn't count any more, or what was bought would have
    /// been used up twice.
    pub due: Timeline<bool>,
}

/// From so many of their own on a customer's median counts.
const OWN: usize = 3;
/// Tenths of a supply after which a refill is due, and after which nobody speaks of it any more.
const DUE: i64 = 8;
const OVER: i64 = 20;

/// What was bought, by product; what nobody knows the days of, and what is sensitive, is left out.
pub fn supplies(orders: &[OrderCourse], products: &Products) -> Vec<Supply> {
    let mut bought: BTreeMap<(&str, &str), Vec<(&OrderCourse, i64)>> = BTreeMap::new();
    for order in orders.iter().filter(|order| order.counted.segments().any(|part| *part.value)) {
        let mut quantities: BTreeMap<&str, i64> = BTreeMap::new();
        for line in &order.lines {
            let Some(sku) = line.sku.as_deref() else { continue };
            let quantity = quantities.entry(sku).or_default();
            *quantity = quantity.saturating_add(line.quantity_milli);
        }
        let shop = order.order_id.split_once(':').map_or("", |(shop, _)| shop);
        for (sku, quantity) in quantities.into_iter().filter(|(_, quantity)| *quantity > 0) {
            if !products.is_sensitive(&order.order_id, sku) {
                bought.entry((shop, sku)).or_default().push((order, quantity));
            }
        }
    }
    let mut supplies = Vec::new();
    for ((_, sku), mut orders) in bought {
        orders.sort_by(|(a, _), (b, _)| (a.paid_at, &a.order_id).cmp(&(b.paid_at, &b.order_id)));
        for i in 0..orders.len() {
            supplies.extend(supply(sku, &orders, i, products));
        }
    }
    supplies
}

fn supply(sku: &str, bought: &[(&OrderCourse, i64)], i: usize, products: &Products) -> Option<Supply> {
    let (order, quantity) = bought[i];
    let delivered_at = order.delivered_at?;
    let known = products.in_order(&order.order_id, sku);
    let set = known.and_then(|product| product.days_milli).map(|days| (days, Basis::Set));
    // Orders up to this one: what comes later doesn't change what was due before.
    let own = || own_days(&bought[..=i]).map(|days| (days, Basis::Own));
    let usual = || known.and_then(|product| product.usual_days_milli).map(|days| (days, Basis::Usual));
    let (days_milli, basis) = set.or_else(own).or_else(usual)?;
    let after = |tenths| delivered_at.saturating_add(lasting(quantity, days_milli, tenths));
    let (due_at, over_at) = (after(DUE), after(OVER));
    let span = Timeline::from_points(false, [(due_at, true), (over_at, false)]);
    let again =
        bought[i + 1..].iter().fold(Timeline::always(false), |again, (later, _)| again.or(&later.counted));
    let due = span.and(&order.counted).and(&again.not());
    let (sku, order_id) = (sku.to_owned(), order.order_id.clone());
    Some(Supply { sku, order_id, delivered_at, quantity_milli: quantity, days_milli, basis, due_at, due })
}

/// So many tenths of `quantity` pieces that last `days` each, both in thousandths.
fn lasting(quantity_milli: i64, days_milli: i64, tenths: i64) -> Span {
    let micros_a_day = i128::from(Span::days(1).as_micros());
    let micros =
        i128::from(quantity_milli) * i128::from(days_milli) * i128::from(tenths) * micros_a_day / 10_000_000;
    Span::micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// The median of how long a piece lasted from each of these orders to the next, in thousandths of a day; none of fewer than
/// [`OWN`].
fn own_days(bought: &[(&OrderCourse, i64)]) -> Option<i64> {
    let mut lasted: Vec<i64> = bought
        .windows(2)
        .map(|pair| {
            let micros = i128::from((pair[1].0.paid_at - pair[0].0.paid_at).as_micros());
            let days = micros * 1_000_000 / i128::from(pair[0].1) / i128::from(Span::days(1).as_micros());
            i64::try_from(days).unwrap_or(i64::MAX)
        })
        .collect();
    if lasted.len() < OWN {
        return None;
    }
    lasted.sort_unstable();
    let (low, high) = (lasted[(lasted.len() - 1) / 2], lasted[lasted.len() / 2]);
    Some(low + (high - low) / 2).filter(|days| *days > 0)
}

#[cfg(test)]
#[allow(clippy::inconsistent_digit_grouping, reason = "amounts are written as 100_00: yuan, then fen")]
mod tests {
    use super::*;
    use crate::customer::CustomerFacts;
    use crate::customer::fixture::{cancel, day, event, order};
    use crate::event::{Detail, Event, Fact, OrderDetail, OrderLine, ShipmentSaid};
    use crate::product::Product;
    use proptest::prelude::*;

    fn of(id: &str, lines: &[(&str, i64)], at: Instant) -> Event {
        let line = |(sku, pieces): &(&str, i64)| OrderLine {
            sku: Some((*sku).to_owned()),
            quantity_milli: pieces * 1_000,
            ..OrderLine::default()
        };
        let lines = Some(lines.iter().map(line).collect());
        Event {
            detail: Some(Detail::Order(OrderDetail { lines, ..OrderDetail::default() })),
            ..order(id, 100_00, at)
        }
    }

    fn delivered(id: &str, at: Instant) -> Event {
        let fact = Fact::Custom { name: "Order Delivered".to_owned() };
        let detail = Some(Detail::Shipment(ShipmentSaid::default()));
        Event { order: Some(id.to_owned()), detail, ..event(at, fact) }
    }

    fn products(days_milli: Option<i64>, usual_days_milli: Option<i64>) -> Products {
        let mut products = Products::default();
        products.insert("", "tea", Product { days_milli, usual_days_milli, sensitive: false });
        products
    }

    fn found(events: &[Event], products: &Products) -> Vec<Supply> {
        supplies(&CustomerFacts::fold(events).orders(), products)
    }

    #[test]
    fn a_refill_is_due_at_eight_tenths_and_given_up_at_twice() {
        let events = [of("A", &[("tea", 2), ("tea", 1), ("cup", 1)], day(0)), delivered("A", day(3))];
        let [supply] = &found(&events, &products(Some(10_000), None))[..] else { panic!("one is known") };
        assert_eq!((supply.quantity_milli, supply.basis, supply.due_at), (3_000, Basis::Set, day(27)));
        let changes: Vec<_> = supply.due.changes().map(|(at, due)| (at, *due)).collect();
        assert_eq!(changes, [(day(27), true), (day(63), false)]);
    }

    #[test]
    fn what_isnt_delivered_or_known_or_counted_or_is_sensitive_is_never_due() {
        let set = products(Some(10_000), None);
        assert_eq!(found(&[of("A", &[("tea", 1)], day(0))], &set), vec![]);
        let events = [of("A", &[("tea", 1)], day(0)), delivered("A", day(1))];
        assert_eq!(found(&events, &Products::default()), vec![]);
        let gone = [events.to_vec(), vec![cancel("A", day(2))]].concat();
        assert_eq!(found(&gone, &set)[0].due, Timeline::always(false));
        let mut secret = Products::default();
        secret.insert("", "tea", Product { days_milli: Some(10_000), sensitive: true, ..Product::default() });
        assert_eq!(found(&events, &secret), vec![]);
    }

    #[test]
    fn the_next_order_ends_it_unless_that_doesnt_count() {
        let events =
            vec![of("A", &[("tea", 1)], day(0)), delivered("A", day(0)), of("B", &[("tea", 1)], day(9))];
        let set = products(Some(10_000), None);
        assert_eq!(
            found(&events, &set)[0].due.changes().map(|(at, _)| at).collect::<Vec<_>>(),
            [day(8), day(9)]
        );
        let returned = [events, vec![cancel("B", day(10))]].concat();
        let changes: Vec<_> = found(&returned, &set)[0].due.changes().map(|(at, _)| at).collect();
        assert_eq!(changes, [day(8), day(9), day(10), day(20)]);
    }

    #[test]
    fn three_of_their_own_count_before_what_is_usual() {
        let usual = products(None, Some(40_000));
        let mut events = vec![
            of("A", &[("tea", 2)], day(0)),
            of("B", &[("tea", 1)], day(20)),
            of("C", &[("tea", 1)], day(50)),
        ];
        events.push(delivered("C", day(50)));
        let last =
            |events: &[Event]| found(events, &usual).last().map(|s| (s.basis, s.days_milli)).expect("known");
        assert_eq!(last(&events), (Basis::Usual, 40_000));
        events.extend([of("D", &[("tea", 1)], day(62)), delivered("D", day(62))]);
        // Ten, thirty and twelve days a piece.
        assert_eq!(last(&events), (Basis::Own, 12_000));
        // What was due before isn't judged by what came later.
        assert_eq!(found(&events, &usual)[0].basis, Basis::Usual);
        events.extend([of("E", &[("tea", 1)], day(82)), delivered("E", day(82))]);
        assert_eq!(last(&events), (Basis::Own, 16_000));
    }

    proptest! {
        #[test]
        fn nothing_overflows_and_due_lies_within_its_span(
            pieces in prop_oneof![1..4_i64, Just(i64::MAX / 1_000)],
            days in prop_oneof![1..3_650_000_i64, Just(3_650_000)],
            arrives in 0..400_i64, again in prop::option::of(0..400_i64),
        ) {
            let mut events = vec![of("A", &[("tea", pieces)], day(0)), delivered("A", day(arrives))];
            events.extend(again.map(|again| of("B", &[("tea", 1)], day(again))));
            for supply in found(&events, &products(Some(days), None)) {
                prop_assert!(supply.due_at >= supply.delivered_at);
                prop_assert!(supply.due.changes().all(|(at, _)| at >= supply.due_at));
                prop_assert!(!supply.due.at(Instant::MAX) || supply.due_at == Instant::MAX);
            }
        }
    }
}
