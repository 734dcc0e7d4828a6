//! What is known of a person, field by field: the greatest `(occurred_at, message_id)` wins per field.

use crate::customer::Birthday;
use crate::time::Instant;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A person's traits with the version of each. Stored as JSON: `{"email": ["a@b.example", micros, "message"]}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraitBook(BTreeMap<String, Stamped>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stamped(Value, i64, String);

impl TraitBook {
    /// Takes in what one event says. In whatever order events are taken in, the book ends the same.
    pub fn absorb(&mut self, at: Instant, message_id: &str, said: &Map<String, Value>) {
        for (field, value) in said.iter().filter(|(_, value)| !value.is_null()) {
            let newer = Stamped(value.clone(), at.micros(), message_id.to_owned());
            match self.0.get(field) {
                Some(known) if known.version() >= newer.version() => {}
                _ => drop(self.0.insert(field.clone(), newer)),
            }
        }
    }

    pub fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field).map(|stamped| &stamped.0)
    }

    /// A trait that is text (a number counts as text), trimmed; blank is absent.
    pub fn text(&self, field: &str) -> Option<String> {
        let text = match self.get(field)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// `name`, else first and last name.
    pub fn name(&self) -> Option<String> {
        self.text("name").or_else(|| match (self.text("first_name"), self.text("last_name")) {
            (Some(first), Some(last)) => Some(format!("{first} {last}")),
            (first, last) => first.or(last),
        })
    }

    /// A zone nobody knows is kept among the traits and not used.
    pub fn zone(&self) -> Option<Tz> {
        self.text("timezone").and_then(|name| name.parse().ok())
    }

    /// Whoever relies on a birthday finds one that the calendar has, whatever an older build let in.
    pub fn birthday(&self) -> Option<Birthday> {
        self.text("birthday").and_then(|text| Birthday::parse(&text).ok())
    }

    /// When they registered; an instant without offset is in this zone.
    pub fn registered_at(&self, zone: Tz) -> Option<Instant> {
        self.text("created_at").and_then(|at| Instant::parse(&at, zone))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fields and values without their versions.
    pub fn plain(&self) -> Map<String, Value> {
        self.0.iter().map(|(field, stamped)| (field.clone(), stamped.0.clone())).collect()
    }
}

impl Stamped {
    /// The value's text settles what two sources with one message id would leave open.
    fn version(&self) -> (i64, &str, String) {
        (self.1, &self.2, self.0.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn said() -> impl Strategy<Value = (i64, String, Map<String, Value>)> {
        let field = prop::sample::select(vec!["email", "name", "city"]);
        let traits = prop::collection::btree_map(field, 0..3_i64, 0..3);
        (0..3_i64, "[ab]", traits).prop_map(|(at, id, traits)| {
            (at, id, traits.into_iter().map(|(k, v)| (k.to_owned(), json!(v))).collect())
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn the_order_of_arrival_changes_nothing(events in prop::collection::vec(said(), 0..6), seed in any::<u64>()) {
            let book = |order: &[(i64, String, Map<String, Value>)]| {
                let mut book = TraitBook::default();
                for (at, id, traits) in order {
                    book.absorb(Instant::from_micros(*at), id, traits);
                }
                book
            };
            let mut shuffled = events.clone();
            for i in 1..shuffled.len() {
                shuffled.swap(i, (seed as usize).wrapping_mul(i + 7) % (i + 1));
            }
            shuffled.extend(events.first().cloned());
            prop_assert_eq!(book(&events), book(&shuffled));
        }
    }

    #[test]
    fn the_book_reads_back_as_stored() {
        let mut book = TraitBook::default();
        let said = json!({"first_name": "Rosa", "last_name": "Becker", "gone": null});
        book.absorb(Instant::from_micros(5), "m", said.as_object().unwrap());
        let stored = serde_json::to_string(&book).unwrap();
        assert_eq!(stored, r#"{"first_name":["Rosa",5,"m"],"last_name":["Becker",5,"m"]}"#);
        assert_eq!(serde_json::from_str::<TraitBook>(&stored).unwrap(), book);
        assert_eq!(book.name().as_deref(), Some("Rosa Becker"));
    }
}
