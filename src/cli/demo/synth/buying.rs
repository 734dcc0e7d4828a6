//! The made-up shop's orders and returns, following each customer's habit and the shop's seasons.

use super::dice::Dice;
use super::goods::{LARGE, PRODUCTS, Product, coupon, pull};
use super::people::{Habit, Person, clock};
use super::{day, end, first_day, stamp, yuan};
use chrono::{Duration, NaiveDate, NaiveDateTime};
use std::fmt::Write;

pub struct Order {
    pub id: String,
    /// Place among the people.
    pub who: usize,
    pub paid_at: NaiveDateTime,
    pub lines: Vec<(&'static Product, i64)>,
    /// In fen, after the coupon.
    pub total: i64,
    pub coupon: Option<&'static str>,
    pub delivered_at: Option<NaiveDateTime>,
    /// When and how much was given back.
    pub refund: Option<(NaiveDateTime, i64)>,
}

/// Something given back of an order from before the book.
pub struct Unlinked {
    who: usize,
    at: NaiveDateTime,
    amount: i64,
}

pub struct Orders {
    pub all: Vec<Order>,
    unlinked: Vec<Unlinked>,
}

pub fn make(dice: &mut Dice, people: &[Person]) -> Orders {
    let dates: Vec<NaiveDate> = first_day().iter_days().take_while(|date| *date <= end().date()).collect();
    let pulls: Vec<u64> = dates.iter().map(|date| pull(*date)).collect();
    let mut all = Vec::new();
    for (who, person) in people.iter().enumerate() {
        for date in days(dice, person.habit, who, (&dates, &pulls)) {
            let paid_at = date.and_time(clock(dice));
            all.push(order(dice, who, person.habit, paid_at));
        }
    }
    all.push(taken_back(people));
    all.retain(|order| order.paid_at <= end());
    all.sort_by_key(|order| (order.paid_at, order.who));
    for (i, order) in all.iter_mut().enumerate() {
        order.id = format!("D{:06}", 100_001 + i);
    }
    Orders { all, unlinked: unlinked(dice, people) }
}

/// On which days somebody buys.
fn days(dice: &mut Dice, habit: Habit, who: usize, (dates, pulls): (&[NaiveDate], &[u64])) -> Vec<NaiveDate> {
    let place = |date: NaiveDate| usize::try_from((date - dates[0]).num_days()).unwrap_or(0);
    let half_a_year = place(day(2026, 4, 13));
    let (orders, until) = match habit {
        Habit::Devoted => (dice.between(9, 26), dates.len()),
        Habit::Steady => (dice.between(3, 11), dates.len()),
        Habit::Bargain => (dice.between(1, 5), dates.len()),
        Habit::Once => (1, dates.len()),
        Habit::Quiet => (dice.between(1, 4), half_a_year),
        Habit::Gone => (dice.between(1, 2), place(day(2025, 10, 9))),
        Habit::Looking => (0, 1),
    };
    let sharp = |pull: u64| if habit == Habit::Bargain { pull * pull / 100 } else { pull };
    let weights: Vec<u64> = pulls[..until].iter().map(|pull| sharp(*pull)).collect();
    let mut days: Vec<NaiveDate> = (0..orders).map(|_| dates[dice.weighted(&weights)]).collect();
    if habit == Habit::Quiet && who.is_multiple_of(40) {
        // Their 180 days are over on the day that the report is about.
        days.push(day(2026, 4, 13));
    }
    days
}

pub fn order(dice: &mut Dice, who: usize, habit: Habit, paid_at: NaiveDateTime) -> Order {
    // Many keep to a kind of goods.
    let liked = who % 6 * 4;
    let mut lines: Vec<(&'static Product, i64)> = Vec::new();
    for _ in 0..dice.between(1, 3) {
        let place = if dice.percent(60) { liked + dice.place(4) } else { dice.place(PRODUCTS.len()) };
        let quantity = if dice.percent(80) { 1 } else { 2 };
        lines.push((&PRODUCTS[place], quantity));
    }
    if habit == Habit::Devoted {
        lines.push((&PRODUCTS[dice.pick(&[3, 4, 11, 14, 21])], 1));
    }
    let sum: i64 = lines.iter().map(|(product, quantity)| product.price * quantity).sum();
    let often = if habit == Habit::Bargain { 95 } else { 55 };
    let off = coupon(paid_at.date()).filter(|(_, _, from)| sum >= *from && dice.percent(often));
    let total = sum - off.map_or(0, |(_, off, _)| off);
    let delivered_at = Some(paid_at + Duration::minutes(dice.between(26 * 60, 110 * 60)));
    let delivered_at = delivered_at.filter(|at| *at <= end());
    let refund = delivered_at.filter(|_| dice.percent(6)).map(|at| {
        let amount = if dice.percent(60) { total } else { total / 10 * 3 };
        (at + Duration::minutes(dice.between(600, 7 * 1_440)), amount)
    });
    Order {
        id: String::new(),
        who,
        paid_at,
        lines,
        total,
        coupon: off.map(|(code, _, _)| code),
        delivered_at,
        refund: refund.filter(|(at, _)| *at <= end()),
    }
}

/// A purchase that lifts somebody by three tiers, and goes back the next day.
fn taken_back(people: &[Person]) -> Order {
    let who = people.iter().position(|p| p.habit == Habit::Once).unwrap_or(0);
    let at = |dom, hour| day(2026, 10, dom).and_hms_opt(hour, 15, 0).expect("a time of the day");
    Order {
        id: String::new(),
        who,
        paid_at: at(8, 20),
        lines: vec![(&LARGE, 1)],
        total: LARGE.price,
        coupon: None,
        delivered_at: None,
        refund: Some((at(9, 9), LARGE.price)),
    }
}

/// A few who bought only before the book begins send something back within it.
fn unlinked(dice: &mut Dice, people: &[Person]) -> Vec<Unlinked> {
    let looking = people.iter().enumerate().filter(|(_, p)| p.habit == Habit::Gone);
    looking
        .step_by(12)
        .map(|(who, _)| {
            let on = super::people::date(dice, day(2025, 11, 20), day(2026, 3, 20));
            Unlinked { who, at: on.and_time(clock(dice)), amount: dice.between(80, 600) * 100 }
        })
        .collect()
}

pub fn table(people: &[Person], orders: &Orders) -> String {
    let mut out = String::from(
        "order_id,customer_id,paid_at,total,currency,kind,refund_of,coupon,delivered_at,sku,product,category,style,brand,quantity,price\n",
    );
    for order in &orders.all {
        let Order { id, who, paid_at, total, .. } = order;
        let (who, at, total) = (&people[*who].id, stamp(*paid_at), yuan(*total));
        let (coupon, delivered) =
            (order.coupon.unwrap_or(""), order.delivered_at.map(stamp).unwrap_or_default());
        for (product, quantity) in &order.lines {
            let Product { sku, name, category, style, brand, price } = product;
            let price = yuan(*price);
            let _ = writeln!(
                out,
                "{id},{who},{at},{total},CNY,purchase,,{coupon},{delivered},{sku},{name},{category},{style},{brand},{quantity},{price}"
            );
        }
        if let Some((at, amount)) = order.refund {
            let _ =
                writeln!(out, "T{},{who},{},{},CNY,refund,{id},,,,,,,,,", &id[1..], stamp(at), yuan(amount));
        }
    }
    for (i, refund) in orders.unlinked.iter().enumerate() {
        let who = &people[refund.who].id;
        let (at, amount) = (stamp(refund.at), yuan(refund.amount));
        let _ = writeln!(out, "T9{i:05},{who},{at},{amount},CNY,refund,,,,,,,,,,");
    }
    out
}
