//! Reading declared documents (campaigns, templates, coupon batches) out of plain values, collecting every
//! problem with its place.
//!
//! Here live the steps all documents share: unknown keys, missing keys, wrong kinds of value. What a
//! document means stays with the room that owns it; turning YAML into values is the callers' affair.

use crate::problem::{Problem, nearest};
use crate::time::Span;
use serde_json::{Map, Value};

/// Collects problems while a document is read. Every method reports what it couldn't read and returns
/// `None`, so that one pass finds all of them.
#[derive(Debug, Default)]
pub struct Reader {
    problems: Vec<Problem>,
}

/// One map of the document and where it stands.
#[derive(Debug, Clone)]
pub struct Fields<'v> {
    at: String,
    map: &'v Map<String, Value>,
}

/// `at.key`, or `key` at the top.
pub fn place(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }
}

/// A value as it would be written in a message.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 40 {
        text
    } else {
        format!("{}…", text.chars().take(40).collect::<String>())
    }
}

impl Reader {
    pub fn new() -> Self {
        Self::default()
    }

    /// The value if nothing at all was wrong, and the problems in document order of discovery.
    pub fn finish<T>(self, value: Option<T>) -> (Option<T>, Vec<Problem>) {
        let clean = self.problems.is_empty();
        (value.filter(|_| clean), self.problems)
    }

    pub fn report(&mut self, at: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        self.problems.push(Problem::new(at, code, detail));
    }

    pub fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// A document may say what it is; then it must be what is read here.
    pub fn kind(&mut self, doc: &Fields<'_>, expected: &str) {
        if let Some(kind) = doc.get("kind") {
            self.choice(&doc.place("kind"), kind, &[(expected, ())]);
        }
    }

    /// The value as a map with no keys but `known`.
    pub fn map<'v>(&mut self, at: &str, value: &'v Value, known: &[&str]) -> Option<Fields<'v>> {
        let Value::Object(map) = value else {
            self.report(
                at,
                "not_a_map",
                format!("{} must be a map with the keys {}", shown(value), known.join(", ")),
            );
            return None;
        };
        for key in map.keys().filter(|k| !known.contains(&k.as_str())) {
            let remedy = match nearest(key, known.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            self.report(place(at, key), "unknown_key", format!("`{key}` isn't known; {remedy}"));
        }
        Some(Fields { at: at.to_owned(), map })
    }

    /// The value as a list; `None` and a problem for anything else.
    pub fn list<'v>(&mut self, at: &str, value: &'v Value) -> Option<&'v [Value]> {
        let found = value.as_array().map(Vec::as_slice);
        if found.is_none() {
            self.report(at, "not_a_list", format!("{} must be a list", shown(value)));
        }
        found
    }

    /// The value as text that isn't blank.
    pub fn text(&mut self, at: &str, value: &Value) -> Option<String> {
        let found = value.as_str().map(str::trim).filter(|t| !t.is_empty());
        if found.is_none() {
            self.report(at, "not_text", format!("{} must be text that isn't blank", shown(value)));
        }
        found.map(str::to_owned)
    }

    /// The value as a key: lower-case letters, digits, `-` and `_`, at most 64 characters.
    pub fn key(&mut self, at: &str, value: &Value) -> Option<String> {
        let key = self.text(at, value)?;
        let fits = key.len() <= 64
            && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        if !fits {
            self.report(at, "not_a_key", format!("\"{key}\" may hold only a–z, 0–9, - and _, at most 64"));
        }
        fits.then_some(key)
    }

    /// The value as one of the named choices.
    pub fn choice<T: Copy>(&mut self, at: &str, value: &Value, choices: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let written = value.as_str().unwrap_or_default();
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == written) {
            return Some(*choice);
        }
        let remedy = match nearest(written, names.iter().copied()) {
            Some(name) if !written.is_empty() => format!("did you mean `{name}`?"),
            _ => format!("one of {}", names.join(", ")),
        };
        self.report(at, "unknown_choice", format!("{} isn't known here; {remedy}", shown(value)));
        None
    }

    /// The value as a span written `7d`, `2h`, `30m` or `45s`, longer than nothing.
    pub fn span(&mut self, at: &str, value: &Value) -> Option<Span> {
        let found = value.as_str().and_then(Span::parse).filter(|s| *s > Span::ZERO);
        if found.is_none() {
            self.report(at, "not_a_span", format!("{} must be a span such as 7d, 2h or 30m", shown(value)));
        }
        found
    }

    /// The value as a whole number in `low..=high`.
    pub fn whole(&mut self, at: &str, value: &Value, low: i64, high: i64) -> Option<i64> {
        let found = value.as_i64().filter(|n| (low..=high).contains(n));
        if found.is_none() {
            self.report(
                at,
                "not_in_range",
                format!("{} must be a whole number from {low} to {high}", shown(value)),
            );
        }
        found
    }

    /// The value as a number ≥ 0, written as one or as text, with up to `places` places, in units of 10^-`places`. Not
    /// for money: `0.1` written without quotes was a float on its way here.
    pub fn decimal(&mut self, at: &str, value: &Value, places: u32) -> Option<i64> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(n) => n.to_string(),
            _ => String::new(),
        };
        let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction.trim_end_matches('0'));
        let fits = fraction.len() <= usize::try_from(places).unwrap_or(usize::MAX);
        let found = crate::money::parse_minor(&text, places).filter(|n| *n >= 0 && fits);
        if found.is_none() {
            let detail = format!("{} must be a number such as 12.5, of up to {places} places", shown(value));
            self.report(at, "not_a_number", detail);
        }
        found
    }

    /// The value as an amount ≥ 0, written as text (`"50.00"`) or a whole number, in units of
    /// 10^-`places`.
    pub fn amount(&mut self, at: &str, value: &Value, places: u32) -> Option<i64> {
        let found = match value {
            Value::String(text) => crate::money::parse_minor(text, places),
            Value::Number(n) => n.as_i64().and_then(|n| n.checked_mul(10_i64.pow(places))),
            _ => None,
        };
        let found = found.filter(|n| *n >= 0);
        if found.is_none() {
            self.report(at, "not_an_amount", format!("{} must be an amount such as \"50.00\"", shown(value)));
        }
        found
    }
}

impl<'v> Fields<'v> {
    /// Where `key` of this map stands.
    pub fn place(&self, key: &str) -> String {
        place(&self.at, key)
    }

    /// The value under `key`, none if absent or null.
    pub fn get(&self, key: &str) -> Option<&'v Value> {
        self.map.get(key).filter(|v| !v.is_null())
    }

    /// The value under `key`; a problem if there is none.
    pub fn need(&self, r: &mut Reader, key: &str) -> Option<&'v Value> {
        let found = self.get(key);
        if found.is_none() {
            r.report(self.place(key), "missing", format!("`{key}` is needed"));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_problem_is_found_with_its_place() {
        let mut r = Reader::new();
        let doc = json!({"naem": "x", "size": 11});
        let fields = r.map("steps[2]", &doc, &["name", "size"]).expect("a map");
        assert!(fields.need(&mut r, "name").is_none());
        r.whole(&fields.place("size"), fields.need(&mut Reader::new(), "size").expect("there"), 0, 10);
        let (value, problems) = r.finish(Some(()));
        assert!(value.is_none());
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "steps[2].naem: `naem` isn't known; did you mean `name`?",
                "steps[2].name: `name` is needed",
                "steps[2].size: 11 must be a whole number from 0 to 10",
            ]
        );
    }

    #[test]
    fn numbers_are_text_or_numbers_and_never_rounded() {
        let mut r = Reader::new();
        for value in [json!(12.5), json!("12.5"), json!("12.500")] {
            assert_eq!(r.decimal("a", &value, 3), Some(12_500), "{value}");
        }
        assert_eq!(r.decimal("a", &json!(12), 3), Some(12_000));
        for value in [json!(0.0001), json!("0.0001"), json!(-1), json!(1e30), json!(null), json!("many")] {
            assert_eq!(r.decimal("a", &value, 3), None, "{value}");
        }
    }

    #[test]
    fn amounts_are_text_or_whole_numbers() {
        let mut r = Reader::new();
        assert_eq!(r.amount("a", &json!("50.5"), 2), Some(5050));
        assert_eq!(r.amount("a", &json!(50), 2), Some(5000));
        assert_eq!(r.amount("a", &json!(50.5), 2), None, "a float has already lost its digits");
        assert_eq!(r.amount("a", &json!("-1"), 2), None);
        assert_eq!(r.amount("a", &json!(i64::MAX), 2), None);
    }
}
