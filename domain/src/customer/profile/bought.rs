//! What counted orders say: when somebody buys, what, at what hours, with coupons.

use super::{OrderRef, Top, YEAR};
use crate::customer::facts::OrderCourse;
use crate::time::{Instant, add_days};
use crate::timeline::Timeline;
use chrono::{NaiveDate, Timelike};
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names of products shown as last bought.
const LAST_PRODUCTS: usize = 3;
/// From so many counted orders on an hour is somebody's hour.
const HOURLY_ORDERS: i64 = 5;

/// What counted orders say about when somebody buys.
pub(super) struct Activity {
    pub first: Timeline<Option<OrderRef>>,
    pub last: Timeline<Option<OrderRef>>,
    pub days: Timeline<i64>,
    /// Twice the median of the days between order-days that follow each other; `None` before the second.
    pub gap_halves: Timeline<Option<i64>>,
    pub hour: Timeline<Option<i64>>,
    pub products: Timeline<Arc<[Arc<str>]>>,
}

/// Days between order-days that follow each other, and how often each number of days occurs.
#[derive(Default)]
struct Gaps {
    days: BTreeMap<NaiveDate, u32>,
    counts: BTreeMap<i64, u64>,
    all: u64,
}

impl Gaps {
    fn around(&self, day: NaiveDate) -> (Option<NaiveDate>, Option<NaiveDate>) {
        let before = self.days.range(..day).next_back().map(|(day, _)| *day);
        let after = self.days.range(add_days(day, 1)..).next().map(|(day, _)| *day);
        (before, after)
    }

    fn put(&mut self, from: Option<NaiveDate>, to: Option<NaiveDate>) {
        if let (Some(from), Some(to)) = (from, to) {
            *self.counts.entry((to - from).num_days()).or_default() += 1;
            self.all += 1;
        }
    }

    fn take(&mut self, from: Option<NaiveDate>, to: Option<NaiveDate>) {
        if let (Some(from), Some(to)) = (from, to) {
            let gap = (to - from).num_days();
            if let Some(n) = self.counts.get_mut(&gap) {
                *n -= 1;
            }
            self.counts.retain(|_, n| *n > 0);
            self.all -= 1;
        }
    }

    fn insert(&mut self, day: NaiveDate) {
        if let Some(n) = self.days.get_mut(&day) {
            *n += 1;
            return;
        }
        let (before, after) = self.around(day);
        self.take(before, after);
        self.put(before, Some(day));
        self.put(Some(day), after);
        self.days.insert(day, 1);
    }

    fn remove(&mut self, day: NaiveDate) {
        let Some(n) = self.days.get_mut(&day) else { return };
        *n -= 1;
        if *n > 0 {
            return;
        }
        self.days.remove(&day);
        let (before, after) = self.around(day);
        self.take(before, Some(day));
        self.take(Some(day), after);
        self.put(before, after);
    }

    /// Twice the median, so that the mean of two middle ones stays whole.
    fn median_halves(&self) -> Option<i64> {
        let nth = |n: u64| {
            let mut passed = 0;
            self.counts.iter().find_map(|(gap, count)| {
                passed += count;
                (passed > n).then_some(*gap)
            })
        };
        Some(nth(self.all.checked_sub(1)? / 2)? + nth(self.all / 2)?)
    }
}

impl Activity {
    /// Sweeps over the instants at which orders begin or cease to count. `orders` ascend by payment.
    pub fn of(orders: &[OrderCourse], zone: Tz) -> Self {
        let refs: Vec<OrderRef> = orders
            .iter()
            .map(|order| OrderRef { at: order.paid_at, order_id: Arc::from(order.order_id.as_str()) })
            .collect();
        let mut counting: BTreeSet<usize> = BTreeSet::new();
        let (mut gaps, mut hours) = (Gaps::default(), BTreeMap::<u32, i64>::new());
        let (mut first, mut last, mut days) = (Vec::new(), Vec::new(), Vec::new());
        let (mut gap, mut hour, mut products) = (Vec::new(), Vec::new(), Vec::new());
        for (at, i, counts) in turns(orders) {
            let local = refs[i].at.local(zone);
            if counts {
                counting.insert(i);
                gaps.insert(local.date());
                *hours.entry(local.hour()).or_default() += 1;
            } else {
                counting.remove(&i);
                gaps.remove(local.date());
                hours.entry(local.hour()).and_modify(|n| *n -= 1);
            }
            first.push((at, counting.first().map(|i| refs[*i].clone())));
            last.push((at, counting.last().map(|i| refs[*i].clone())));
            days.push((at, i64::try_from(gaps.days.len()).unwrap_or(i64::MAX)));
            gap.push((at, gaps.median_halves()));
            hour.push((at, modal(&hours)));
            products.push((at, latest_products(orders, &counting)));
        }
        Self {
            first: Timeline::from_points(None, first),
            last: Timeline::from_points(None, last),
            days: Timeline::from_points(0, days),
            gap_halves: Timeline::from_points(None, gap),
            hour: Timeline::from_points(None, hour),
            products: Timeline::from_points(Arc::from([]), products),
        }
    }
}

/// When each order begins or ceases to count, in order.
fn turns(orders: &[OrderCourse]) -> Vec<(Instant, usize, bool)> {
    let each = |(i, order): (usize, &OrderCourse)| {
        order.counted.changes().map(|(at, counts)| (at, i, *counts)).collect::<Vec<_>>()
    };
    let mut turns: Vec<_> = orders.iter().enumerate().flat_map(each).collect();
    turns.sort_unstable();
    turns
}

/// The local hour most orders were made in, the earliest of several; none while there are few.
fn modal(hours: &BTreeMap<u32, i64>) -> Option<i64> {
    if hours.values().sum::<i64>() < HOURLY_ORDERS {
        return None;
    }
    let most = hours.values().max()?;
    hours.iter().find(|(_, n)| *n == most).map(|(hour, _)| i64::from(*hour))
}

/// Products of the latest orders that count, the latest first, each once.
fn latest_products(orders: &[OrderCourse], counting: &BTreeSet<usize>) -> Arc<[Arc<str>]> {
    let mut names: Vec<Arc<str>> = Vec::new();
    let lines = counting.iter().rev().flat_map(|i| &orders[*i].lines);
    for line in lines {
        let name = line.name.as_deref().or(line.sku.as_deref()).or(line.product_id.as_deref());
        let Some(name) = name.filter(|name| names.iter().all(|known| **known != **name)) else { continue };
        names.push(Arc::from(name));
        if names.len() == LAST_PRODUCTS {
            break;
        }
    }
    Arc::from(names)
}

/// A quality of what was bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trait {
    Category,
    Style,
    Brand,
}

/// What most lines of counted orders of the last 365 d have in common; of several the first by name.
pub(super) fn top(orders: &[OrderCourse], quality: Trait) -> Timeline<Option<Top>> {
    let mut deltas: Vec<(Instant, Arc<str>, i64)> = Vec::new();
    for order in orders {
        let mut of_order: BTreeMap<&str, i64> = BTreeMap::new();
        for line in &order.lines {
            let value = match quality {
                Trait::Category => &line.category,
                Trait::Style => &line.style,
                Trait::Brand => &line.brand,
            };
            if let Some(value) = value {
                *of_order.entry(value).or_default() += 1;
            }
        }
        for (value, n) in of_order {
            let value: Arc<str> = Arc::from(value);
            let steps = in_window(&order.counted, order.paid_at, n);
            deltas.extend(steps.into_iter().map(|(at, n)| (at, value.clone(), n)));
        }
    }
    deltas.sort_unstable();
    let mut held: BTreeMap<Arc<str>, i64> = BTreeMap::new();
    let points = deltas.into_iter().map(|(at, value, n)| {
        *held.entry(value).or_default() += n;
        held.retain(|_, n| *n != 0);
        let most = held.values().max().copied();
        let top = held.iter().find(|(_, n)| Some(**n) == most);
        (at, top.map(|(value, lines)| Top { value: value.clone(), lines: *lines }))
    });
    Timeline::from_points(None, points)
}

/// The steps of `n` while an order counts, within 365 d of its payment.
pub(super) fn in_window(counted: &Timeline<bool>, paid_at: Instant, n: i64) -> Vec<(Instant, i64)> {
    let mut steps = Vec::new();
    super::deltas(&counted.map(|on| if *on { n } else { 0 }), Some(paid_at + YEAR), &mut steps);
    steps
}
