//! A made-up Chinese shop, made from a seed: the same seed gives the same files, byte for byte. Pure: nothing is read or
//! written here, and no clock or machine is asked. Nobody in it is anybody: see `demo/shop-zh/README.md`.

mod buying;
mod dice;
mod goods;
mod parcels;
mod people;
mod serving;

use chrono::{NaiveDate, NaiveDateTime};
use dice::Dice;
use std::fmt::Write;

/// The seed of the shop that is shown.
pub const SEED: u64 = 20_261_010;
/// How many customers there are.
pub const CUSTOMERS: usize = 2_000;

/// The shop's files as `import` takes them, in its own time (Asia/Shanghai) where no offset stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    pub customers: String,
    pub orders: String,
    pub tickets: String,
    /// One event a line: parcels, answers to surveys.
    pub events: String,
}

/// The shop of this seed: a year and three weeks up to the end of Saturday 2026-10-10.
pub fn make(seed: u64) -> Made {
    let mut dice = Dice::new(seed);
    let people = people::make(&mut dice);
    let mut orders = buying::make(&mut dice, &people);
    let parcels = parcels::make(&mut dice, &people, &mut orders);
    let (tickets, answers) = serving::make(&mut dice, &people, &orders, &parcels);
    let mut events: Vec<Event> = parcels.events.into_iter().chain(answers).collect();
    events.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    let events = events.iter().fold(String::new(), |mut lines, event| {
        let _ = writeln!(lines, "{}", event.line());
        lines
    });
    Made {
        customers: people::table(&people),
        orders: buying::table(&people, &orders),
        tickets: serving::table(&people, &tickets),
        events,
    }
}

/// Something that has no column in a table.
struct Event {
    at: NaiveDateTime,
    id: String,
    customer: String,
    name: &'static str,
    properties: serde_json::Value,
}

impl Event {
    fn line(&self) -> String {
        serde_json::json!({
            "type": "track",
            "messageId": self.id,
            "userId": self.customer,
            "event": self.name,
            "timestamp": format!("{}+08:00", self.at.format("%Y-%m-%dT%H:%M:%S")),
            "properties": self.properties,
        })
        .to_string()
    }
}

/// The first day of the book.
fn first_day() -> NaiveDate {
    day(2025, 9, 20)
}

/// Nothing happens after it.
fn end() -> NaiveDateTime {
    day(2026, 10, 10).and_hms_opt(23, 59, 59).expect("an instant of the day")
}

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a date of the calendar")
}

/// As the files have instants.
fn stamp(at: NaiveDateTime) -> String {
    at.format("%Y-%m-%dT%H:%M:%S").to_string()
}

/// 12345 as `123.45`.
fn yuan(fen: i64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_shop_again_and_another_seed_another() {
        assert_eq!(make(SEED), make(SEED));
        assert_ne!(make(SEED).orders, make(SEED + 1).orders);
    }

    #[test]
    fn nothing_happens_outside_the_book() {
        let made = make(SEED);
        let rows = [&made.orders, &made.tickets].map(|table| table.lines().skip(1).collect::<Vec<_>>());
        for row in rows.into_iter().flatten() {
            let instants = row.split(',').filter(|cell| cell.len() == 19 && cell.as_bytes()[10] == b'T');
            for at in instants {
                assert!(("2025-09-20T00:00:00"..="2026-10-10T23:59:59").contains(&at), "{row}");
            }
        }
    }
}
