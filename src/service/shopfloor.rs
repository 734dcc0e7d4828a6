//! A shop's day for people to read: who works it and how many callbacks they took, which days are worked, and what is
//! delayed on its way to customers. Nothing decides by these.

use super::{Book, ServiceError, shop::shop};
use crate::store::{report, shifts, staff};
use chrono::NaiveDate;
use domain::callback::agent::Shift;
use domain::time::{Instant, add_days};
use std::collections::BTreeMap;

pub use crate::store::report::Delay;
pub use crate::store::staff::Staff;

/// Somebody of the staff on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desk {
    pub staff: Staff,
    /// Those that touch the day.
    pub shifts: Vec<Shift>,
    /// Callbacks taken on the day so far.
    pub taken: i64,
}

/// Everybody of the staff who isn't disabled, on a day of the shop's.
pub async fn desks(book: &Book, date: NaiveDate) -> Result<Vec<Desk>, ServiceError> {
    let db = book.store.reader();
    let zone = shop(book).await?.zone;
    let (from, until) = (Instant::first_of(date, zone), Instant::first_of(add_days(date, 1), zone));
    let rostered = shifts::list_between(db, from, until).await?;
    let taken: BTreeMap<String, i64> = report::taken(db, from, until).await?.into_iter().collect();
    let desk = |row: staff::StaffRow| {
        let own = rostered.iter().filter(|shift| shift.staff_id == row.id);
        Desk {
            shifts: own.map(|shift| Shift { from: shift.starts_at, until: shift.ends_at }).collect(),
            taken: taken.get(&row.staff.key).copied().unwrap_or(0),
            staff: row.staff,
        }
    };
    Ok(staff::list_active(db).await?.into_iter().map(desk).collect())
}

/// A date of the statutory calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    pub date: NaiveDate,
    /// Opening and closing, if it is worked.
    pub works: Option<(Instant, Instant)>,
}

/// The dates `from..=until` by the calendar of working days.
pub async fn days(book: &Book, from: NaiveDate, until: NaiveDate) -> Result<Vec<Day>, ServiceError> {
    let staffing = book.staffing.at(&book.store, &book.shop_key, book.now().await?).await?;
    let calendar = &staffing.working_days;
    let dates = from.iter_days().take_while(|date| *date <= until);
    let day = |date| Day { date, works: calendar.working_day(date).map(|day| (day.open, day.close)) };
    Ok(dates.map(day).collect())
}

/// Parcels that something happened to.
pub async fn delays(book: &Book) -> Result<Vec<Delay>, ServiceError> {
    Ok(report::delays(book.store.reader()).await?)
}
