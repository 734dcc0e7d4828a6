//! The made-up shop's tickets, complaints and answers to surveys: most people never complain, some once, a few again and
//! again; some complaints are still open; the late parcels have complaints of their own.

use super::buying::{Order, Orders};
use super::dice::Dice;
use super::parcels::Parcels;
use super::people::{Habit, Person, clock, date};
use super::{Event, day, end, first_day, stamp};
use chrono::{Duration, NaiveDateTime};
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write;

#[derive(Debug, Clone)]
pub struct Ticket {
    who: usize,
    order: String,
    opened_at: NaiveDateTime,
    resolved_at: Option<NaiveDateTime>,
    category: &'static str,
    severity: &'static str,
    channel: &'static str,
    complaint: bool,
    important: bool,
    theme: &'static str,
    csat: Option<i64>,
}

const CHANNELS: [&str; 4] = ["chat", "phone", "platform", "email"];
const QUESTIONS: [(&str, &str); 5] = [
    ("stock", "什么时候补货"),
    ("invoice", "补开发票"),
    ("exchange", "换尺码"),
    ("usage", "使用咨询"),
    ("address", "修改地址"),
];
const COMPLAINTS: [(&str, &str); 4] = [
    ("quality", "商品有瑕疵"),
    ("refund", "退款进度慢"),
    ("logistics", "快递未按时送达"),
    ("service", "客服答复不一致"),
];

/// So many complain once, twice, three times and more within a year.
const ONCE: usize = 95;
const TWICE: usize = 26;
const OFTEN: usize = 13;

pub fn make(
    dice: &mut Dice,
    people: &[Person],
    orders: &Orders,
    parcels: &Parcels,
) -> (Vec<Ticket>, Vec<Event>) {
    let mut tickets = questions(dice, orders);
    let late = late(dice, orders, parcels);
    let taken: BTreeSet<usize> = late.iter().map(|ticket| ticket.who).collect();
    tickets.extend(late);
    tickets.extend(complaints(dice, orders, &taken));
    tickets.extend(resolved_lately(dice, people));
    tickets.retain(|ticket| ticket.opened_at <= end());
    tickets.sort_by_key(|ticket| (ticket.opened_at, ticket.who));
    let surveys = surveys(dice, people, orders);
    (tickets, surveys)
}

/// Ordinary questions about orders, over the year.
fn questions(dice: &mut Dice, orders: &Orders) -> Vec<Ticket> {
    (0..320)
        .map(|_| {
            let order = &orders.all[dice.place(orders.all.len())];
            let (category, theme) = dice.pick(&QUESTIONS);
            let opened_at = order.paid_at + Duration::minutes(dice.between(30, 6_000));
            Ticket { category, theme, severity: "S4", ..ticket(dice, order, opened_at) }
        })
        .collect()
}

/// A complaint; whoever asks for another kind of ticket says so.
fn ticket(dice: &mut Dice, order: &Order, opened_at: NaiveDateTime) -> Ticket {
    let resolved_at = opened_at + Duration::minutes(dice.between(90, 4_000));
    let resolved_at = Some(resolved_at).filter(|at| *at <= day(2026, 10, 9).and_time(chrono::NaiveTime::MIN));
    Ticket {
        who: order.who,
        order: order.id.clone(),
        opened_at,
        resolved_at,
        category: "other",
        severity: "S3",
        channel: dice.pick(&CHANNELS),
        complaint: false,
        important: false,
        theme: "",
        csat: (resolved_at.is_some() && dice.percent(40)).then(|| dice.pick(&[5, 5, 4, 4, 3])),
    }
}

fn complaint(dice: &mut Dice, order: &Order, opened_at: NaiveDateTime) -> Ticket {
    let (category, theme) = dice.pick(&COMPLAINTS);
    let plain = ticket(dice, order, opened_at);
    let csat = plain.resolved_at.filter(|_| dice.percent(55)).map(|_| dice.pick(&[1, 2, 2, 3, 4, 5]));
    Ticket { category, theme, complaint: true, severity: dice.pick(&["S2", "S3", "S3", "S4"]), csat, ..plain }
}

/// Who complains, and how often; the first dozen of those who do once has it still open.
fn complaints(dice: &mut Dice, orders: &Orders, taken: &BTreeSet<usize>) -> Vec<Ticket> {
    let mut seen = taken.clone();
    let lately = day(2026, 10, 1).and_time(chrono::NaiveTime::MIN);
    let mut places: Vec<usize> = (0..orders.all.len()).collect();
    dice.shuffle(&mut places);
    let mut buyers: Vec<&Order> = places.into_iter().map(|place| &orders.all[place]).collect();
    buyers.retain(|order| {
        order.paid_at < lately && order.paid_at >= day(2025, 10, 20).and_time(chrono::NaiveTime::MIN)
    });
    buyers.retain(|order| seen.insert(order.who));
    let mut tickets = Vec::new();
    for (i, order) in buyers.into_iter().take(ONCE + TWICE + OFTEN).enumerate() {
        let times = match i {
            0..ONCE => 1,
            ONCE..121 => 2,
            _ => dice.between(3, 5),
        };
        for _ in 0..times {
            let opened_at = if i < 12 {
                date(dice, day(2026, 10, 2), day(2026, 10, 9)).and_time(clock(dice))
            } else {
                let latest = day(2026, 9, 30).min(order.paid_at.date() + Duration::days(120));
                date(dice, order.paid_at.date() + Duration::days(1), latest).and_time(clock(dice))
            };
            let open = i < 12;
            let told = complaint(dice, order, opened_at);
            tickets.push(if open { Ticket { resolved_at: None, csat: None, ..told } } else { told });
        }
    }
    tickets
}

/// Complaints about the parcels that the storm stopped.
fn late(dice: &mut Dice, orders: &Orders, parcels: &Parcels) -> Vec<Ticket> {
    let ids: BTreeSet<&str> = parcels.late.iter().map(String::as_str).collect();
    let orders: Vec<&Order> = orders.all.iter().filter(|order| ids.contains(order.id.as_str())).collect();
    let mut tickets = Vec::new();
    for order in orders.into_iter().take(26) {
        let opened_at = date(dice, day(2026, 10, 2), day(2026, 10, 5)).and_time(clock(dice));
        let told = complaint(dice, order, opened_at);
        let told =
            Ticket { category: "logistics", theme: "台风停运，包裹延误", severity: "S3", ..told };
        let open = dice.percent(40);
        tickets.push(if open { Ticket { resolved_at: None, csat: None, ..told } } else { told });
    }
    tickets
}

/// Important ones that were resolved on the first two working days behind the holidays: people are to call.
fn resolved_lately(dice: &mut Dice, people: &[Person]) -> Vec<Ticket> {
    let of = |habit| people.iter().enumerate().filter(move |(_, p)| p.habit == habit).map(|(who, _)| who);
    let who: Vec<usize> = of(Habit::Devoted).step_by(8).chain(of(Habit::Steady).step_by(22)).collect();
    who.into_iter()
        .enumerate()
        .map(|(i, who)| {
            let on = day(2026, 10, if i % 2 == 0 { 8 } else { 9 });
            let (category, theme) = dice.pick(&QUESTIONS);
            let resolved_at =
                on.and_time(chrono::NaiveTime::MIN) + Duration::minutes(dice.between(570, 1_060));
            let opened_at = resolved_at - Duration::minutes(dice.between(600, 2_400));
            Ticket {
                who,
                order: String::new(),
                opened_at,
                resolved_at: Some(resolved_at),
                category,
                severity: "S3",
                channel: dice.pick(&CHANNELS),
                complaint: false,
                important: true,
                theme,
                csat: None,
            }
        })
        .collect()
}

/// Would they recommend the shop? Asked of buyers in the last months.
fn surveys(dice: &mut Dice, people: &[Person], orders: &Orders) -> Vec<Event> {
    let since = day(2026, 5, 1).max(first_day()).and_time(chrono::NaiveTime::MIN);
    let asked: BTreeSet<usize> =
        orders.all.iter().filter(|order| order.paid_at >= since).map(|order| order.who).collect();
    let mut events = Vec::new();
    for who in asked {
        if !dice.percent(28) {
            continue;
        }
        let score = dice.pick(&[10, 10, 9, 9, 9, 8, 8, 7, 6, 5, 3]);
        let at = date(dice, day(2026, 5, 2), day(2026, 10, 7)).and_time(clock(dice));
        let customer = people[who].id.clone();
        let id = format!("nps-{customer}");
        events.push(Event { at, id, customer, name: "NPS Submitted", properties: json!({"score": score}) });
    }
    events
}

pub fn table(people: &[Person], tickets: &[Ticket]) -> String {
    let mut out = String::from(
        "ticket_id,customer_id,order_id,opened_at,resolved_at,category,severity,channel,complaint,important,theme,status,csat\n",
    );
    for (i, ticket) in tickets.iter().enumerate() {
        let Ticket { who, order, category, severity, channel, complaint, important, theme, .. } = ticket;
        let (who, opened) = (&people[*who].id, stamp(ticket.opened_at));
        let resolved = ticket.resolved_at.map(stamp).unwrap_or_default();
        let status = if ticket.resolved_at.is_some() { "resolved" } else { "open" };
        let csat = ticket.csat.map(|n| n.to_string()).unwrap_or_default();
        let _ = writeln!(
            out,
            "G{:05},{who},{order},{opened},{resolved},{category},{severity},{channel},{complaint},{important},{theme},{status},{csat}",
            i + 1
        );
    }
    out
}
