//! Parcels of the made-up shop's last weeks, and what went wrong with a batch of them: a typhoon stops a carrier right
//! before the holidays, and dozens of parcels lie in one warehouse.

use super::buying::{Order, Orders, order};
use super::dice::Dice;
use super::people::{Habit, Person};
use super::{Event, day, end};
use chrono::{Duration, NaiveDateTime};
use serde_json::json;

/// How many parcels are late.
pub const LATE: usize = 64;
const CARRIERS: [&str; 3] = ["云雀速递", "青禾快运", "顺途物流"];
/// The one that was stopped.
const STOPPED: &str = "顺途物流";
const REASON: &str = "台风停运";

pub struct Parcels {
    pub events: Vec<Event>,
    /// Ids of the orders in the late batch.
    pub late: Vec<String>,
}

/// Sends every parcel of the last weeks on its way; the late ones are orders of their own.
pub fn make(dice: &mut Dice, people: &[Person], orders: &mut Orders) -> Parcels {
    let mut events = Vec::new();
    for order in orders.all.iter().filter(|order| order.paid_at >= midnight(8, 25)) {
        let sent = order.paid_at + Duration::minutes(dice.between(120, 1_200));
        let promised = order.paid_at + Duration::hours(120);
        let carrier = dice.pick(&CARRIERS[..2]);
        events.extend(update(people, order, (sent, promised), carrier));
    }
    let often = |p: &Person| matches!(p.habit, Habit::Devoted | Habit::Steady | Habit::Bargain);
    let mut buyers: Vec<usize> = (0..people.len()).filter(|who| often(&people[*who])).collect();
    dice.shuffle(&mut buyers);
    let mut late = Vec::new();
    for (i, who) in buyers.into_iter().take(LATE).enumerate() {
        let paid_at = midnight(9, 28) + Duration::minutes(dice.between(8 * 60, 42 * 60));
        // What is in a late parcel isn't sent back within these days, and comes when the storm lets it.
        let parcel = Order {
            id: format!("D{:06}", 900_001 + i),
            delivered_at: None,
            refund: None,
            ..order(dice, who, Habit::Steady, paid_at)
        };
        let (sent, promised) = (paid_at + Duration::hours(9), paid_at + Duration::hours(72));
        events.extend(update(people, &parcel, (sent, promised), STOPPED));
        events.extend(stopped(dice, people, &parcel));
        late.push(parcel.id.clone());
        orders.all.push(parcel);
    }
    Parcels { events, late }
}

fn midnight(month: u32, dom: u32) -> NaiveDateTime {
    day(2026, month, dom).and_time(chrono::NaiveTime::MIN)
}

fn stamp(at: NaiveDateTime) -> String {
    format!("{}+08:00", super::stamp(at))
}

fn event(
    people: &[Person],
    order: &Order,
    name: &'static str,
    at: NaiveDateTime,
    properties: serde_json::Value,
) -> Option<Event> {
    let id = format!("{}-{}", name.replace(' ', "-").to_lowercase(), order.id);
    (at <= end()).then(|| Event { at, id, customer: people[order.who].id.clone(), name, properties })
}

fn update(
    people: &[Person],
    order: &Order,
    (sent, promised): (NaiveDateTime, NaiveDateTime),
    carrier: &str,
) -> Option<Event> {
    let said = json!({
        "order_id": order.id, "status": "shipped", "carrier": carrier, "place": "华东仓",
        "promised_by": stamp(promised),
    });
    event(people, order, "Shipment Updated", sent, said)
}

/// The storm, and for most the arrival behind it.
fn stopped(dice: &mut Dice, people: &[Person], order: &Order) -> Vec<Event> {
    let at = midnight(10, 1) + Duration::minutes(dice.between(7 * 60, 20 * 60));
    let eta = midnight(10, 7) + Duration::hours(dice.between(10, 60));
    let said = json!({"order_id": order.id, "reason": REASON, "new_eta": stamp(eta)});
    let mut events: Vec<Event> = event(people, order, "Shipment Exception", at, said).into_iter().collect();
    if dice.percent(70) {
        let at = midnight(10, 6) + Duration::minutes(dice.between(9 * 60, 80 * 60));
        events.extend(event(people, order, "Order Delivered", at, json!({"order_id": order.id})));
    }
    events
}
