//! What stands at a path of an event's properties: values as rules compare them. Memory and databases fill from this one
//! reading; what is asked of the values is [`crate::rule`]'s.

use crate::customer::records::Kinds;
use crate::money::{Currency, parse_minor};
use crate::problem::nearest;
use crate::text::{fold, turns_writing};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// Most names a path may have.
pub const MOST_NAMES: usize = 8;
/// Longest path, in bytes.
pub const LONGEST_PATH: usize = 128;
/// The reserved path of what an event is about in the book's base currency: an order's total, a refund's or a ticket's amount.
pub const AMOUNT: &str = "$amount";
/// Where the lines of an order stand.
const LINES: &str = "products";

/// Names split by `.`: where to look in an event's properties. Names are compared letter by letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(Arc<str>);

impl Path {
    /// Reads a path; else what is wrong with it and what to do.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST_PATH {
            return Err(format!("is longer than {LONGEST_PATH} bytes; shorten it"));
        }
        if text.chars().any(|c| c.is_control() || turns_writing(c)) {
            return Err(
                "has a control character in it, or one that turns the direction of writing; write plain text"
                    .to_owned(),
            );
        }
        if text.split('.').any(|name| name.trim().is_empty()) {
            return Err(format!(
                "\"{text}\" is no path; write names split by points, such as products.category"
            ));
        }
        if text.split('.').count() > MOST_NAMES {
            return Err(format!("has more than {MOST_NAMES} names; properties that lie so deep aren't read"));
        }
        if text.starts_with('$') && text != AMOUNT && nearest(text, [AMOUNT]).is_some() {
            return Err(format!("{text} isn't known; did you mean {AMOUNT}?"));
        }
        Ok(Self(Arc::from(text)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names no property but what the event is about, in money.
    pub fn is_amount(&self) -> bool {
        &*self.0 == AMOUNT
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One value at a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PropertyValue {
    /// The path of the first array on the way, `products` of `products.category`; empty where there is none.
    pub base: Arc<str>,
    /// Which element of that array, from 0; 0 where there is none.
    pub element: u32,
    /// Folded by [`fold`], never empty: `true` and `false` of truth values, of numbers the plain decimal where it is exact.
    pub text: String,
    /// In millionths, exact; `None` of what is no plain decimal, has more than six places, or doesn't fit.
    pub number: Option<i64>,
}

/// What stands at a path, in the order in which it was written; arrays within an array's element give further values of that
/// element. Null, objects and blank texts are nothing. [`AMOUNT`] is no property: see [`amount`].
pub fn values(properties: &Map<String, Value>, path: &Path) -> Vec<PropertyValue> {
    let names: Vec<&str> = path.as_str().split('.').collect();
    let mut found = Vec::new();
    let Some(value) = properties.get(names[0]) else { return found };
    let mut walk = Walk { path: path.as_str(), found: &mut found };
    walk.on(value, &names[1..], names[0].len(), None);
    found
}

/// What an event is about, as a value; `minor` is in minor units of the base currency.
pub fn amount(minor: i64, currency: Currency) -> PropertyValue {
    let exact = i128::from(minor) * 10i128.pow(6 - currency.exponent().min(6));
    let text = match i64::try_from(exact) {
        Ok(millionths) => plain(millionths),
        Err(_) => crate::money::Money::new(minor, currency).decimal(),
    };
    PropertyValue { base: Arc::from(""), element: 0, text, number: i64::try_from(exact).ok() }
}

struct Walk<'a> {
    path: &'a str,
    found: &'a mut Vec<PropertyValue>,
}

impl Walk<'_> {
    /// `names` are still to go, `gone` bytes of the path lie behind; `place` is the first array that was met.
    fn on(&mut self, value: &Value, names: &[&str], gone: usize, place: Option<(&Arc<str>, u32)>) {
        match (value, names, place) {
            (Value::Array(items), _, Some(_)) => {
                items.iter().for_each(|item| self.on(item, names, gone, place));
            }
            (Value::Array(items), _, None) => {
                let base = Arc::from(&self.path[..gone]);
                for (item, element) in items.iter().zip(0..) {
                    self.on(item, names, gone, Some((&base, element)));
                }
            }
            (Value::Object(map), [name, rest @ ..], _) => {
                if let Some(value) = map.get(*name) {
                    self.on(value, rest, gone + 1 + name.len(), place);
                }
            }
            (scalar, [], _) => self.found.extend(read(scalar).map(|(text, number)| {
                let (base, element) = place.map_or_else(|| (Arc::from(""), 0), |(b, e)| (b.clone(), e));
                PropertyValue { base, element, text, number }
            })),
            _ => {}
        }
    }
}

fn read(scalar: &Value) -> Option<(String, Option<i64>)> {
    match scalar {
        Value::Bool(flag) => Some((flag.to_string(), None)),
        Value::String(text) => {
            let text = fold(text);
            let number = millionths(&text);
            (!text.is_empty()).then_some((text, number))
        }
        Value::Number(number) => {
            // Not a fraction's own text: that may have an exponent.
            let written = match number.as_f64().filter(|_| number.is_f64()) {
                Some(float) => float.to_string(),
                None => number.to_string(),
            };
            Some(match millionths(&written) {
                Some(exact) => (plain(exact), Some(exact)),
                None => (number.to_string(), None),
            })
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A plain decimal of at most six places.
fn millionths(text: &str) -> Option<i64> {
    let places = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    parse_minor(text, 6).filter(|_| places <= 6)
}

/// Millionths as a plain decimal without needless zeros.
pub(crate) fn plain(millionths: i64) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    let (whole, rest) = (millionths.unsigned_abs() / 1_000_000, millionths.unsigned_abs() % 1_000_000);
    match rest {
        0 => format!("{sign}{whole}"),
        rest => format!("{sign}{whole}.{}", format!("{rest:06}").trim_end_matches('0')),
    }
}

/// What of events' properties somebody wants to read: paths by the event's name. Of other events nothing is read. And which records of
/// the book beside them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    paths: BTreeMap<String, BTreeSet<Path>>,
    pub records: Kinds,
}

impl Wanted {
    pub fn add(&mut self, name: &str, path: Path) {
        self.paths.entry(name.to_owned()).or_default().insert(path);
    }

    pub fn extend(&mut self, other: &Self) {
        for (name, paths) in &other.paths {
            self.paths.entry(name.clone()).or_default().extend(paths.iter().cloned());
        }
        self.records = self.records.and(other.records);
    }

    /// Names of events of which anything is wanted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.paths.keys().map(String::as_str)
    }

    /// What is wanted of events of this name.
    pub fn of(&self, name: &str) -> Option<&BTreeSet<Path>> {
        self.paths.get(name)
    }
}

/// What was wanted of one event's properties, read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Values {
    amount_minor: Option<i64>,
    by_path: BTreeMap<Path, Vec<PropertyValue>>,
    /// The product that the event itself is about.
    sku: Option<String>,
    /// Products by their place among the lines.
    lines: Vec<(u32, String)>,
}

impl Values {
    /// Reads these paths. `amount_minor` is the event's typed amount in the base currency.
    pub fn read<'p>(
        properties: &Map<String, Value>,
        amount_minor: Option<i64>,
        paths: impl IntoIterator<Item = &'p Path>,
    ) -> Self {
        let paths = paths.into_iter().filter(|path| !path.is_amount());
        let by_path = paths.map(|path| (path.clone(), values(properties, path))).collect();
        let lines = properties.get(LINES).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let lines = (0..).zip(lines).filter_map(|(n, line)| Some((n, sku(line.as_object()?)?)));
        Self { amount_minor, by_path, sku: sku(properties), lines: lines.collect() }
    }

    /// What stands at a path that was read.
    pub fn of(&self, path: &Path, currency: Currency) -> Cow<'_, [PropertyValue]> {
        if path.is_amount() {
            return Cow::Owned(self.amount_minor.map(|minor| amount(minor, currency)).into_iter().collect());
        }
        Cow::Borrowed(self.by_path.get(path).map_or(&[][..], Vec::as_slice))
    }

    /// What stands at a path that was read, each with the products it speaks of: the event's own, and the line's.
    pub fn with_products(
        &self,
        path: &Path,
        currency: Currency,
    ) -> Vec<(PropertyValue, Option<&str>, Option<&str>)> {
        let own = self.sku.as_deref().filter(|_| !path.is_amount());
        let line = |value: &PropertyValue| {
            let of_lines = (&*value.base == LINES).then_some(self.lines.as_slice())?;
            let place = of_lines.binary_search_by_key(&value.element, |(element, _)| *element).ok()?;
            Some(of_lines[place].1.as_str())
        };
        let values = self.of(path, currency).into_owned().into_iter();
        values.map(|value| (line(&value), value)).map(|(line, value)| (value, own, line)).collect()
    }

    /// These without the lines of hidden products, and without any property where the event itself is about one; `None` where
    /// nothing is hidden. The amount stays.
    pub fn hiding(&self, hidden: impl Fn(&str) -> bool) -> Option<Self> {
        if self.sku.as_deref().is_some_and(&hidden) {
            return Some(Self { amount_minor: self.amount_minor, ..Self::default() });
        }
        let gone: BTreeSet<u32> =
            self.lines.iter().filter(|(_, sku)| hidden(sku)).map(|(element, _)| *element).collect();
        if gone.is_empty() {
            return None;
        }
        let mut bare = self.clone();
        bare.lines.retain(|(element, _)| !gone.contains(element));
        for values in bare.by_path.values_mut() {
            values.retain(|value| &*value.base != LINES || !gone.contains(&value.element));
        }
        Some(bare)
    }
}

/// As the typed lines of an order have it.
fn sku(of: &Map<String, Value>) -> Option<String> {
    match of.get("sku")? {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
#[path = "property_tests.rs"]
pub(crate) mod tests;
