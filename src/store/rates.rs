//! Rates: what other currencies are worth in the base currency, by local date of the shop. What is taken over
//! at one stands with the event; nothing here changes what was.

use super::in_list::all_in;
use super::sql::{Row, args, word};
use super::{Db, StoreError, Tx};
use chrono::NaiveDate;
use domain::money::Currency;
use domain::rates::{Declared, Rate, Rates};
use std::collections::{BTreeMap, BTreeSet};

fn read(row: &Row) -> Result<(NaiveDate, Rate), StoreError> {
    let day = row.text("on_date")?;
    let units = row.int("rate")?;
    let on = word("rate", "on_date", &day, &day, |day| day.parse().ok())?;
    Ok((on, word("rate", "rate", &day, &units.to_string(), |_| Rate::from_units(units))?))
}

/// The rates of these days, as far as declared.
pub async fn find(db: &Db, needed: &BTreeSet<(Currency, NaiveDate)>) -> Result<Rates, StoreError> {
    let mut days: BTreeMap<Currency, Vec<sea_orm::Value>> = BTreeMap::new();
    for (currency, day) in needed {
        days.entry(*currency).or_default().extend(args![day.to_string()]);
    }
    let mut rates = Rates::default();
    for (currency, days) in days {
        let sql = "SELECT on_date, rate FROM rate WHERE currency = $1 AND on_date IN ({in})";
        for row in all_in(db, sql, args![currency.as_str()], days).await? {
            let (on, rate) = read(&row)?;
            rates.insert(currency, on, rate);
        }
    }
    Ok(rates)
}

/// Every rate there is: a day's line a currency.
pub async fn all(db: &Db) -> Result<Rates, StoreError> {
    let mut rates = Rates::default();
    for row in db.all("SELECT currency, on_date, rate FROM rate", vec![]).await? {
        let code = row.text("currency")?;
        let currency = word("rate", "currency", &code, &code, Currency::parse)?;
        let (on, rate) = read(&row)?;
        rates.insert(currency, on, rate);
    }
    Ok(rates)
}

/// What is declared of a currency on the days between these, both included.
pub async fn list_of(
    db: &Db,
    currency: Currency,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<BTreeMap<NaiveDate, Rate>, StoreError> {
    let sql = "SELECT on_date, rate FROM rate WHERE currency = $1 AND on_date >= $2 AND on_date <= $3";
    let rows = db.all(sql, args![currency.as_str(), first.to_string(), last.to_string()]).await?;
    rows.iter().map(read).collect()
}

/// Writes a currency's rates over those of the same days.
pub async fn put(tx: &Tx, declared: &Declared) -> Result<(), StoreError> {
    let code = declared.currency.as_str();
    let rows = declared.rates.iter().map(|(on, rate)| args![code, on.to_string(), rate.units()]).collect();
    let tail = "ON CONFLICT (currency, on_date) DO UPDATE SET rate = excluded.rate";
    tx.insert_many("rate", &["currency", "on_date", "rate"], rows, tail).await.map(drop)
}
