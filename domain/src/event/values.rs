//! Reading single values out of a sender's JSON: null equals absent, numeric ids become text, names are
//! taken in snake_case or camelCase.

use crate::money::{Currency, parse_minor};
use crate::problem::Problem;
use crate::time::{DAY, Instant};
use chrono_tz::Tz;
use serde_json::{Map, Value};

/// Longest id, name or word taken, in bytes.
pub(super) const LONGEST_WORD: usize = 256;
/// Amounts beyond this (minor units) are slips of the keyboard, and sums of them could overflow.
const LARGEST_MINOR: i64 = 1_000_000_000_000_000;

/// An object of the event with its place, for problems.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub map: &'a Map<String, Value>,
    pub at: &'a str,
}

impl<'a> Fields<'a> {
    /// The value under `snake` or its camelCase twin; null and blank text are absent.
    pub fn get(self, snake: &str) -> Option<&'a Value> {
        let found = self.map.get(snake).or_else(|| {
            let camel = camel(snake);
            if camel == snake { None } else { self.map.get(&camel) }
        })?;
        match found {
            Value::Null => None,
            Value::String(text) if text.trim().is_empty() => None,
            other => Some(other),
        }
    }

    pub fn problem(self, name: &str, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(
            if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) },
            code,
            detail,
        )
    }

    /// An id or short word: text or a number.
    pub fn word(self, name: &str) -> Result<Option<String>, Problem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            // Beyond 64 bits a number is kept as a fraction, and the id's last digits with it are gone.
            Value::Number(number) if number.is_f64() && number.to_string().contains('e') => {
                let detail = format!("reads as {number}, which has lost digits; send it as text in quotes");
                return Err(self.problem(name, "digits_lost", detail));
            }
            Value::Number(number) => number.to_string(),
            _ => return Err(self.problem(name, "not_text", "must be text or a number")),
        };
        if text.len() > LONGEST_WORD {
            return Err(self.problem(name, "too_long", format!("longer than {LONGEST_WORD} bytes")));
        }
        Ok(Some(text))
    }

    pub fn required(self, name: &str, why: &str) -> Result<String, Problem> {
        self.word(name)?.ok_or_else(|| self.problem(name, "missing_field", format!("is missing; {why}")))
    }

    /// true/false, also as yes/no or 1/0.
    pub fn flag(self, name: &str) -> Result<Option<bool>, Problem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let read = match value {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => flag(&number.to_string()),
            Value::String(text) => flag(text),
            _ => None,
        };
        read.map(Some).ok_or_else(|| self.problem(name, "not_a_flag", "must be true or false"))
    }

    /// An instant; without offset in `zone`.
    pub fn instant(self, name: &str, zone: Tz) -> Result<Option<Instant>, Problem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let place = self.problem(name, "", "");
        instant(value, &place.at, zone).map(Some)
    }

    /// A whole number within `range`.
    pub fn whole(self, name: &str, range: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, Problem> {
        let Some(text) = self.word(name)? else { return Ok(None) };
        // `4.0` is what some languages make of 4.
        let number = text.strip_suffix(".0").unwrap_or(&text).parse().ok();
        number.filter(|n| range.contains(n)).map(Some).ok_or_else(|| {
            let detail = format!("must be a whole number from {} to {}", range.start(), range.end());
            self.problem(name, "not_in_range", detail)
        })
    }

    /// A decimal amount in minor units of `currency`, as signed by the sender.
    pub fn amount(self, name: &str, currency: Currency) -> Result<Option<i64>, Problem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            // Not the number's own text: that may have an exponent.
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => whole.to_string(),
                (None, Some(float)) => float.to_string(),
                (None, None) => number.to_string(),
            },
            _ => String::new(),
        };
        let minor = parse_minor(&text, currency.exponent()).ok_or_else(|| {
            self.problem(name, "amount_not_a_number", "must be a plain decimal such as 12.50")
        })?;
        if minor.saturating_abs() > LARGEST_MINOR {
            return Err(self.problem(name, "amount_too_large", "is larger than any order's could be"));
        }
        Ok(Some(minor))
    }
}

/// `created_at` → `createdAt`.
fn camel(snake: &str) -> String {
    let mut parts = snake.split('_');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        out.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        out.extend(letters);
    }
    out
}

/// `createdAt` → `created_at`.
pub(super) fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            if !out.is_empty() {
                out.push('_');
            }
            out.push(c.to_ascii_lowercase());
        } else {
            out.push(c);
        }
    }
    out
}

/// The words senders and files use for yes and no.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "1" | "granted" | "是" => Some(true),
        "false" | "no" | "n" | "0" | "denied" | "否" => Some(false),
        _ => None,
    }
}

/// An instant: RFC 3339, local text in the shop's zone, or a number of milliseconds (below 10^11: seconds).
/// What lies before 1971 is an empty or misread clock, not a date.
pub(super) fn instant(value: &Value, at: &str, zone: Tz) -> Result<Instant, Problem> {
    let read = match value {
        Value::String(text) => Instant::parse(text.trim(), zone),
        Value::Number(number) => number.as_f64().map(|n| {
            let seconds = if n.abs() < 1e11 { n } else { n / 1_000.0 };
            Instant::from_micros((seconds * 1e6) as i64)
        }),
        _ => None,
    };
    let read = read.ok_or_else(|| {
        Problem::new(at, "bad_timestamp", "is no instant; write it like 2026-09-25T09:55:00+08:00")
    })?;
    if read.micros() < 365 * DAY {
        return Err(Problem::new(
            at,
            "accidental_1970",
            format!(
                "reads as {read}, which an unset clock or seconds taken for milliseconds give; send the true instant"
            ),
        ));
    }
    Ok(read)
}

/// What neither the log nor its readers could hold: a NUL in any text, nesting deeper than `deepest`, more
/// than `largest` bytes. Gives the size, as compact JSON without escapes.
pub(super) fn sound(value: &Value, deepest: usize, largest: usize) -> Result<usize, Problem> {
    let size = measured(value, deepest)?;
    if size > largest {
        let detail = format!("is larger than {} KB; leave out what nobody reads", largest / 1024);
        return Err(Problem::new("", "too_large", detail));
    }
    Ok(size)
}

fn measured(value: &Value, deepest: usize) -> Result<usize, Problem> {
    let text = |text: &str| {
        if text.contains('\0') {
            return Err(Problem::new(
                "",
                "nul_character",
                "contains a NUL character, which is no text; remove it",
            ));
        }
        Ok(text.len() + 2)
    };
    match value {
        Value::Null | Value::Bool(_) => Ok(4),
        Value::Number(_) => Ok(8),
        Value::String(s) => text(s),
        _ if deepest == 0 => Err(Problem::new("", "too_deep", "is nested deeper than 32 levels")),
        Value::Array(items) => {
            items.iter().try_fold(2, |sum, item| Ok(sum + 1 + measured(item, deepest - 1)?))
        }
        Value::Object(map) => {
            map.iter().try_fold(2, |sum, (key, item)| Ok(sum + 2 + text(key)? + measured(item, deepest - 1)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn amount(value: Value) -> Result<Option<i64>, &'static str> {
        let object = json!({ "total": value });
        let fields = Fields { map: object.as_object().unwrap(), at: "properties" };
        fields.amount("total", Currency::parse("CNY").unwrap()).map_err(|p| p.code)
    }

    #[test]
    fn amounts_are_read_as_decimals_whatever_their_json_type() {
        assert_eq!(amount(json!("139.12")), Ok(Some(13_912)));
        assert_eq!(amount(json!(139.12)), Ok(Some(13_912)));
        assert_eq!(amount(json!(0.000_000_1)), Ok(Some(0)));
        assert_eq!(amount(json!(-5)), Ok(Some(-500)));
        assert_eq!(amount(json!(null)), Ok(None));
        assert_eq!(amount(json!("12,50")), Err("amount_not_a_number"));
        assert_eq!(amount(json!([1])), Err("amount_not_a_number"));
        assert_eq!(amount(json!(1e13)), Ok(Some(1_000_000_000_000_000)));
        assert_eq!(amount(json!(1.1e13)), Err("amount_too_large"));
        assert_eq!(amount(json!(1e300)), Err("amount_not_a_number"));
    }

    #[test]
    fn names_are_taken_in_both_spellings() {
        assert_eq!(camel("order_id"), "orderId");
        assert_eq!(snake("firstName"), "first_name");
        assert_eq!(snake("createdAt"), "created_at");
        assert_eq!(snake("plan"), "plan");
    }

    #[test]
    fn an_unset_clock_is_no_instant() {
        let zone = chrono_tz::Asia::Shanghai;
        assert_eq!(
            instant(&json!("1970-01-01T00:00:00Z"), "timestamp", zone).unwrap_err().code,
            "accidental_1970"
        );
        assert_eq!(instant(&json!(0), "timestamp", zone).unwrap_err().code, "accidental_1970");
        assert_eq!(instant(&json!("soon"), "timestamp", zone).unwrap_err().code, "bad_timestamp");
        let expected = Instant::parse("2011-12-01T08:00:00Z", zone).unwrap();
        assert_eq!(instant(&json!("2011-12-01 16:00:00"), "timestamp", zone), Ok(expected));
        assert_eq!(instant(&json!(1_322_726_400_000_i64), "timestamp", zone), Ok(expected));
        assert_eq!(instant(&json!(1_322_726_400), "timestamp", zone), Ok(expected));
    }
}
