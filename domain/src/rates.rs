//! Rates: what other currencies are worth in the book's base currency, day by day. Integers throughout: an
//! amount is taken over once, at its day's rate, and never converted again.

use crate::document::Reader;
use crate::money::{Currency, parse_minor};
use crate::problem::Problem;
use chrono::NaiveDate;
use serde_json::Value;
use std::collections::BTreeMap;

/// What one unit of a currency is worth in the base currency, in 10⁻¹². Above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(i64);

/// Amounts beyond this (minor units) are nobody's, and sums of them could overflow.
const MOST_MINOR: i64 = 1_000_000_000_000_000;
/// Decimal places of a rate.
const PLACES: u32 = 12;

impl Rate {
    /// From 10⁻¹² base units a unit, as stored. `None` unless above 0.
    pub fn from_units(units: i64) -> Option<Self> {
        (units > 0).then_some(Self(units))
    }

    /// In 10⁻¹² base units a unit.
    pub fn units(self) -> i64 {
        self.0
    }

    /// A plain decimal such as `7.1034`; further than 12 places is rounded half-up. `None` unless above 0.
    pub fn parse(text: &str) -> Option<Self> {
        parse_minor(text, PLACES).and_then(Self::from_units)
    }

    /// An amount of `from` in `base`, both in minor units: the exact product, rounded half-up (away from zero)
    /// to the base's minor unit. `None` where it is larger than any amount could be.
    pub fn convert(self, minor: i64, from: Currency, base: Currency) -> Option<i64> {
        // minor / 10^from · rate / 10^12 · 10^base
        let product = i128::from(minor).checked_mul(i128::from(self.0))?;
        let product = product.checked_mul(10_i128.pow(base.exponent()))?;
        let scale = 10_i128.pow(PLACES + from.exponent());
        let rounded = (product.abs() + scale / 2) / scale * product.signum();
        i64::try_from(rounded).ok().filter(|minor| minor.abs() <= MOST_MINOR)
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let one = 10_i64.pow(PLACES);
        let text = format!("{}.{:012}", self.0 / one, self.0 % one);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// The rates known of some currencies, by local date of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rates(BTreeMap<(Currency, NaiveDate), Rate>);

impl Rates {
    pub fn insert(&mut self, currency: Currency, on: NaiveDate, rate: Rate) {
        self.0.insert((currency, on), rate);
    }

    pub fn find(&self, currency: Currency, on: NaiveDate) -> Option<Rate> {
        self.0.get(&(currency, on)).copied()
    }
}

/// A `kind: rates` document: one currency's rates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    pub currency: Currency,
    /// Never empty.
    pub rates: BTreeMap<NaiveDate, Rate>,
}

impl Declared {
    /// The first and the last day named.
    pub fn span(&self) -> (NaiveDate, NaiveDate) {
        let day = |found: Option<(&NaiveDate, &Rate)>| found.map_or(NaiveDate::MIN, |(day, _)| *day);
        (day(self.rates.first_key_value()), day(self.rates.last_key_value()))
    }
}

/// Longest range of dates with one rate.
const LONGEST_RANGE: i64 = 3_660;
const KEYS: &[&str] = &["currency", "rates"];

/// Reads a rates document: `currency: USD`, `rates: {2026-09-25: "7.1034", 2026-09-26..2026-09-28: "7.1"}`, each
/// what one unit is worth in the base currency.
pub fn parse(value: &Value, base: Currency) -> (Option<Declared>, Vec<Problem>) {
    let mut r = Reader::new();
    let found = read(&mut r, value, base);
    r.finish(found)
}

fn read(r: &mut Reader, value: &Value, base: Currency) -> Option<Declared> {
    let doc = r.map("", value, KEYS)?;
    let currency = doc.need(r, "currency").and_then(|v| r.text("currency", v)).and_then(|text| {
        let currency = Currency::parse(&text);
        match currency {
            None => r.report("currency", "unknown_currency", format!("\"{text}\" is not a code such as USD")),
            Some(same) if same == base => {
                let detail = format!("{base} is the base currency; rates are those of the others in it");
                r.report("currency", "base_currency", detail);
            }
            Some(_) => {}
        }
        currency
    });
    let given = match doc.need(r, "rates")? {
        Value::Object(map) if !map.is_empty() => map,
        _ => {
            r.report("rates", "not_a_map", "write dates with their rates, such as 2026-09-25: \"7.1034\"");
            return None;
        }
    };
    let mut rates = BTreeMap::new();
    for (dates, rate) in given {
        let at = format!("rates.{dates}");
        let text = match rate {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        let (range, rate) = (range(dates), Rate::parse(&text));
        if rate.is_none() {
            r.report(&at, "bad_rate", "must be a plain decimal above 0, such as \"7.1034\"");
        }
        let Some((first, last)) = range else {
            r.report(&at, "bad_date", "must be a date such as 2026-09-25, or a range 2026-09-25..2026-09-28");
            continue;
        };
        let days = first.iter_days().take_while(|day| *day <= last);
        for day in days {
            if let Some(rate) = rate
                && rates.insert(day, rate).is_some()
            {
                r.report(&at, "date_twice", format!("{day} has a rate already; keep one"));
                break;
            }
        }
    }
    Some(Declared { currency: currency?, rates })
}

fn range(text: &str) -> Option<(NaiveDate, NaiveDate)> {
    let date = |text: &str| NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok();
    let (first, last) = match text.split_once("..") {
        Some((first, last)) => (date(first)?, date(last)?),
        None => (date(text)?, date(text)?),
    };
    let days = (last - first).num_days();
    (0..LONGEST_RANGE).contains(&days).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn code(text: &str) -> Currency {
        Currency::parse(text).expect("a code")
    }

    #[test]
    fn amounts_are_taken_over_half_up_whatever_the_places() {
        let convert = |rate: &str, minor, from, base| {
            Rate::parse(rate).expect("a rate").convert(minor, code(from), code(base))
        };
        assert_eq!(convert("7.1034", 10_000, "USD", "CNY"), Some(71_034));
        assert_eq!(convert("7.1034", 1, "USD", "CNY"), Some(7));
        assert_eq!(convert("0.5", 1, "USD", "CNY"), Some(1), "half a fen is one");
        assert_eq!(convert("0.5", -1, "USD", "CNY"), Some(-1), "and so is half a fen back");
        assert_eq!(convert("0.499999999999", 1, "USD", "CNY"), Some(0));
        assert_eq!(convert("0.048", 1_000, "JPY", "CNY"), Some(4_800), "1,000 yen have no minor units");
        assert_eq!(convert("23.1", 1_234, "KWD", "CNY"), Some(2_851), "1.234 dinar have three places");
        assert_eq!(convert("20.8", 4_800, "CNY", "JPY"), Some(998));
        assert_eq!(convert("0.0433", 12_345, "CNY", "KWD"), Some(5_345));
        assert_eq!(convert("9000000", 1_000_000_000_000_000, "KWD", "JPY"), None, "nobody's");
    }

    #[test]
    fn a_rate_is_a_decimal_above_nothing() {
        assert_eq!(Rate::parse("7.1034").map(|rate| rate.to_string()).as_deref(), Some("7.1034"));
        assert_eq!(Rate::parse("7").map(|rate| rate.to_string()).as_deref(), Some("7"));
        for bad in ["0", "-1", "", "1e3", "0.0000000000001", "7,1"] {
            assert_eq!(Rate::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_document_names_days_and_ranges() {
        let document =
            json!({"currency": "usd", "rates": {"2026-09-25": "7.1", "2026-09-26..2026-09-28": 7.2}});
        let (found, problems) = parse(&document, code("CNY"));
        assert_eq!(problems, []);
        let found = found.expect("a document");
        let days: Vec<String> = found.rates.iter().map(|(day, rate)| format!("{day} {rate}")).collect();
        assert_eq!(days, ["2026-09-25 7.1", "2026-09-26 7.2", "2026-09-27 7.2", "2026-09-28 7.2"]);
    }

    #[test]
    fn a_wrong_document_says_all_that_is_wrong() {
        let document = json!({"currency": "CNY", "rates": {"2026-09-25": "free", "yesterday": "7", "2026-09-28..2026-09-01": 7,
            "2026-09-01": 7, "2026-08-31..2026-09-02": 7}, "rate": 1});
        let (_, problems) = parse(&document, code("CNY"));
        let mut codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
        codes.sort_unstable();
        assert_eq!(codes, ["bad_date", "bad_date", "bad_rate", "base_currency", "date_twice", "unknown_key"]);
    }

    proptest! {
        #[test]
        fn a_half_cent_is_the_most_it_is_off(minor in -1_000_000_000_i64..1_000_000_000, units in 1_i64..100_000_000_000_000) {
            let rate = Rate::from_units(units).expect("above 0");
            let taken = i128::from(rate.convert(minor, code("USD"), code("CNY")).expect("fits"));
            let exact = i128::from(minor) * i128::from(units);
            prop_assert!((taken * 1_000_000_000_000 - exact).abs() * 2 <= 1_000_000_000_000);
        }
    }
}
