//! What a rule means for one customer: a timeline of true and false.

use super::ast::{Comparison, DayRange, Field, FieldKind, Rule, TagTest};
use crate::customer::{OrderRef, ProfileTimelines};
use crate::money::Currency;
use crate::time::{Instant, add_days};
use crate::timeline::Timeline;
use chrono_tz::Tz;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A tag's value; a tag without levels has `true`.
pub type TagValue = Arc<str>;
/// Tags by key, over time; a customer doesn't have what is `None` or not there.
pub type TagTimelines = BTreeMap<String, Timeline<Option<TagValue>>>;

/// What a rule is evaluated against.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub profile: &'a ProfileTimelines,
    pub tags: &'a TagTimelines,
    /// The customer's zone, else the shop's.
    pub zone: Tz,
    /// The book's base currency.
    pub currency: Currency,
}

/// An aggregate's timeline by its kind.
pub(super) enum Column<'a> {
    Minor(&'a Timeline<i64>),
    Count(&'a Timeline<i64>),
    Order(&'a Timeline<Option<OrderRef>>),
}

impl<'a> Context<'a> {
    pub(super) fn column(&self, field: Field) -> Column<'a> {
        let p = self.profile;
        match field {
            Field::Spend365 => Column::Minor(&p.spend_365),
            Field::SpendEver => Column::Minor(&p.spend_ever),
            Field::Orders365 => Column::Count(&p.orders_365),
            Field::OrdersEver => Column::Count(&p.orders_ever),
            Field::OrderDays => Column::Count(&p.order_days),
            Field::FirstOrderAt => Column::Order(&p.first_order),
            Field::LastOrderAt => Column::Order(&p.last_order),
            Field::OpenComplaints => Column::Count(&p.open_complaints),
            Field::Complaints90 => Column::Count(&p.complaints_90),
            Field::Complaints365 => Column::Count(&p.complaints_365),
            Field::Tickets => Column::Count(&p.tickets),
        }
    }
}

/// When the rule holds. Total: every rule has a value at every instant.
pub fn eval(rule: &Rule, context: &Context<'_>) -> Timeline<bool> {
    match rule {
        Rule::All(rules) => fold(rules, context, Timeline::and),
        Rule::Any(rules) => fold(rules, context, Timeline::or),
        Rule::Not(rule) => eval(rule, context).not(),
        Rule::Profile { field, test } => profile(*field, test, context),
        Rule::DaysSince { field, days } => match context.column(*field) {
            Column::Order(line) => days_since(line, *days, context.zone),
            Column::Minor(_) | Column::Count(_) => Timeline::always(false),
        },
        Rule::Tag { key, test } => match context.tags.get(key) {
            Some(line) => line.map(|value| test.holds(value.as_deref())),
            None => Timeline::always(test.holds(None)),
        },
    }
}

type Combine = fn(&Timeline<bool>, &Timeline<bool>) -> Timeline<bool>;

fn fold(rules: &[Rule], context: &Context<'_>, combine: Combine) -> Timeline<bool> {
    let lines = rules.iter().map(|rule| eval(rule, context));
    lines.reduce(|a, b| combine(&a, &b)).unwrap_or_else(|| Timeline::always(false))
}

fn profile(field: Field, test: &Comparison<i64>, context: &Context<'_>) -> Timeline<bool> {
    match context.column(field) {
        Column::Minor(line) => {
            // Rules speak in millionths of the major unit, whatever the currency's places.
            let scale = 10i128.pow(6 - context.currency.exponent().min(6));
            line.map(|minor| test.holds(Some(i128::from(*minor) * scale)))
        }
        Column::Count(line) => line.map(|count| test.holds(Some(i128::from(*count)))),
        Column::Order(line) => {
            debug_assert_eq!(field.kind(), FieldKind::Instant);
            line.map(|order| test.holds(order.as_ref().map(|order| i128::from(order.at.micros()))))
        }
    }
}

impl Comparison<i64> {
    fn holds(&self, value: Option<i128>) -> bool {
        let Some(value) = value else { return *self == Self::Absent };
        match self {
            Self::Eq(v) => value == i128::from(*v),
            Self::Ne(v) => value != i128::from(*v),
            Self::Lt(v) => value < i128::from(*v),
            Self::Lte(v) => value <= i128::from(*v),
            Self::Gt(v) => value > i128::from(*v),
            Self::Gte(v) => value >= i128::from(*v),
            Self::In(list) => list.iter().any(|v| value == i128::from(*v)),
            Self::Between(low, high) => (i128::from(*low)..=i128::from(*high)).contains(&value),
            Self::Present => true,
            Self::Absent => false,
        }
    }
}

impl TagTest {
    fn holds(&self, value: Option<&str>) -> bool {
        let Some(value) = value else { return *self == Self::Absent };
        match self {
            Self::Eq(v) => value == v,
            Self::Ne(v) => value != v,
            Self::In(list) => list.iter().any(|v| value == v),
            Self::Present => true,
            Self::Absent => false,
        }
    }
}

/// Day `n` after a date begins at the first instant of that later date, which needn't be 00:00.
fn days_since(line: &Timeline<Option<OrderRef>>, days: DayRange, zone: Tz) -> Timeline<bool> {
    let mut points = Vec::new();
    for segment in line.segments() {
        let Some(order) = segment.value else {
            points.extend(segment.from.map(|from| (from, false)));
            continue;
        };
        let date = order.at.local_date(zone);
        let day = |n: u32| Instant::first_of(add_days(date, i64::from(n)), zone);
        let (begin, end) = (days.from.map(day), days.to.map(|to| day(to + 1)));
        let within = |at: Instant| begin.is_none_or(|b| b <= at) && end.is_none_or(|e| at < e);
        let from = segment.from.unwrap_or(Instant::MIN);
        let inside = |at: &Instant| from < *at && segment.until.is_none_or(|until| *at < until);
        points.push((from, within(from)));
        points.extend(begin.into_iter().chain(end).filter(inside).map(|at| (at, within(at))));
    }
    Timeline::from_points(false, points)
}

/// Local calendar dates gone by between two instants, each date beginning at its first instant.
pub(super) fn days_between(earlier: Instant, later: Instant, zone: Tz) -> i64 {
    let date = later.local_date(zone);
    let tomorrow = add_days(date, 1);
    // Where clocks go back across midnight the later date has begun already, though they show the earlier.
    let reached = if Instant::first_of(tomorrow, zone) <= later { tomorrow } else { date };
    (reached - earlier.local_date(zone)).num_days()
}
