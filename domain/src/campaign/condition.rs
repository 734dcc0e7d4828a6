//! The small condition an event trigger may put on the ticket its event is about. Not the rule language:
//! it sees one ticket's fields, and compares amounts exactly.

use crate::document::{Reader, place};
use crate::event::Ticket;
use crate::money::Currency;
use serde_json::Value;

/// Amounts in documents are held in 1e-6 of the base currency, since a document knows no currency.
pub const MICRO_PLACES: u32 = 6;

/// A tree over one ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// A yes-or-no field with this value.
    Flag(Flag, Is),
    /// The ticket's amount is there and at least this, in 1e-6.
    AmountAtLeast(i64),
    /// A text field is there and equal, ignoring ASCII case.
    Text(TextField, String),
}

/// What a flag must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    Set,
    Unset,
}

/// The yes-or-no fields of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    Important,
    Complex,
    Complaint,
}

/// The text fields of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextField {
    Category,
    Severity,
    Channel,
    Theme,
    Sku,
}

#[derive(Debug, Clone, Copy)]
enum Property {
    Flag(Flag),
    Amount,
    Text(TextField),
}

const PROPERTIES: &[(&str, Property)] = &[
    ("important", Property::Flag(Flag::Important)),
    ("complex", Property::Flag(Flag::Complex)),
    ("complaint", Property::Flag(Flag::Complaint)),
    ("amount", Property::Amount),
    ("category", Property::Text(TextField::Category)),
    ("severity", Property::Text(TextField::Severity)),
    ("channel", Property::Text(TextField::Channel)),
    ("theme", Property::Text(TextField::Theme)),
    ("sku", Property::Text(TextField::Sku)),
];

const MAX_DEPTH: usize = 4;

impl Condition {
    /// Whether it holds for a ticket whose amount is in minor units of `base`.
    pub fn holds(&self, ticket: &Ticket, base: Currency) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|c| c.holds(ticket, base)),
            Self::Any(parts) => parts.iter().any(|c| c.holds(ticket, base)),
            Self::Flag(flag, is) => {
                let set = match flag {
                    Flag::Important => ticket.important,
                    Flag::Complex => ticket.complex,
                    Flag::Complaint => ticket.complaint,
                };
                set == (*is == Is::Set)
            }
            Self::AmountAtLeast(micros) => ticket.amount_minor.is_some_and(|minor| {
                let scale = 10_i128.pow(MICRO_PLACES.saturating_sub(base.exponent()));
                i128::from(minor) * scale >= i128::from(*micros)
            }),
            Self::Text(field, wanted) => {
                let text = match field {
                    TextField::Category => &ticket.category,
                    TextField::Severity => &ticket.severity,
                    TextField::Channel => &ticket.channel,
                    TextField::Theme => &ticket.theme,
                    TextField::Sku => &ticket.sku,
                };
                text.as_deref().is_some_and(|t| t.eq_ignore_ascii_case(wanted))
            }
        }
    }

    /// Reads `{any: […]}`, `{all: […]}`, a list (all of it) or `{property: …, eq|gte: …}`.
    pub fn read(r: &mut Reader, at: &str, value: &Value) -> Option<Self> {
        Self::read_at_depth(r, at, value, 0)
    }

    fn read_at_depth(r: &mut Reader, at: &str, value: &Value, depth: usize) -> Option<Self> {
        if depth > MAX_DEPTH {
            r.report(at, "too_deep", format!("conditions may nest {MAX_DEPTH} deep"));
            return None;
        }
        if let Value::Array(items) = value {
            return Self::read_parts(r, at, items, depth).map(Self::All);
        }
        let fields = r.map(at, value, &["any", "all", "property", "eq", "gte"])?;
        let combined = fields.get("any").map(|v| ("any", v)).or(fields.get("all").map(|v| ("all", v)));
        if let Some((word, inner)) = combined {
            let parts = Self::read_parts(r, &place(at, word), r_list(inner), depth)?;
            return Some(if word == "any" { Self::Any(parts) } else { Self::All(parts) });
        }
        let property = fields.need(r, "property")?;
        let property = r.choice(&fields.place("property"), property, PROPERTIES)?;
        match (property, fields.get("eq"), fields.get("gte")) {
            (Property::Flag(flag), Some(Value::Bool(wanted)), None) => {
                Some(Self::Flag(flag, if *wanted { Is::Set } else { Is::Unset }))
            }
            (Property::Amount, None, Some(amount)) => {
                r.amount(&fields.place("gte"), amount, MICRO_PLACES).map(Self::AmountAtLeast)
            }
            (Property::Text(field), Some(text), None) => {
                r.text(&fields.place("eq"), text).map(|t| Self::Text(field, t))
            }
            _ => {
                let remedy = "flags take `eq: true` or `eq: false`, amount takes `gte`, texts take `eq`";
                r.report(at, "wrong_comparison", remedy);
                None
            }
        }
    }

    fn read_parts(r: &mut Reader, at: &str, items: &[Value], depth: usize) -> Option<Vec<Self>> {
        if items.is_empty() {
            r.report(at, "empty_list", "at least one condition is needed in a list");
        }
        let read: Vec<Option<Self>> = items
            .iter()
            .enumerate()
            .map(|(i, item)| Self::read_at_depth(r, &format!("{at}[{i}]"), item, depth + 1))
            .collect();
        read.into_iter().collect()
    }
}

/// What isn't a list counts as an empty one, which is reported as such.
fn r_list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> (Option<Condition>, Vec<String>) {
        let mut r = Reader::new();
        let found = Condition::read(&mut r, "where", value);
        let (found, problems) = r.finish(found);
        (found, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn five_hundred_is_in_and_a_fen_less_is_out() {
        let (condition, problems) = read(&json!({"any": [
            {"property": "important", "eq": true},
            {"property": "complex", "eq": true},
            {"property": "amount", "gte": "500.00"},
        ]}));
        assert_eq!(problems, [] as [String; 0]);
        let condition = condition.expect("reads");
        let cny = Currency::parse("CNY").expect("code");
        let worth = |minor| Ticket { amount_minor: Some(minor), ..Ticket::default() };
        assert!(condition.holds(&worth(50_000), cny));
        assert!(!condition.holds(&worth(49_999), cny));
        assert!(condition.holds(&worth(500), Currency::parse("JPY").expect("code")));
        assert!(!condition.holds(&Ticket::default(), cny), "no amount is no large amount");
        assert!(condition.holds(&Ticket { complex: true, ..Ticket::default() }, cny));
        assert!(condition.holds(&Ticket { important: true, ..Ticket::default() }, cny));
    }

    #[test]
    fn odd_conditions_are_refused_where_they_stand() {
        let (_, problems) =
            read(&json!({"any": [{"property": "importnat", "eq": true}, {"property": "amount", "eq": 5}]}));
        assert_eq!(problems.len(), 2);
        assert!(problems[0].starts_with("where.any[0].property: ") && problems[0].contains("`important`"));
        assert!(problems[1].starts_with("where.any[1]: "));
        assert_eq!(read(&json!({"any": []})).1, ["where.any: at least one condition is needed in a list"]);
        let mut deep = json!({"property": "complex", "eq": true});
        for _ in 0..50 {
            deep = json!([deep]);
        }
        assert!(read(&deep).1[0].contains("nest 4 deep"));
    }
}
