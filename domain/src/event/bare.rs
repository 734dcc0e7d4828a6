//! What stays in the log of an event whose person was erased: of the properties those that the reference names, in the
//! shape it gives them ([`shapes`](super::shapes)); of the typed part what is folded, less where parcels were. Nothing a
//! sender could write freely stays: under names of its own anybody may stand.

use super::shapes::{By, Kind, SHAPES};
use super::values::{flag, snake};
use crate::customer::Marks;
use serde_json::{Map, Value};

/// Longest word that can be a code. Longer ones are sentences.
const LONGEST_CODE: usize = 64;
/// Words of senders that say where somebody is, or what happened in their own words.
const TOLD: [&str; 2] = ["place", "reason"];
/// What an element of `products[]` may say.
const OF_A_LINE: [&str; 9] =
    ["sku", "product_id", "name", "category", "style", "brand", "quantity", "price", "variant"];
/// Typed words that aren't optional; they are one of a list.
const NEEDED: [&str; 2] = ["channel", "purpose"];

/// The properties of an event of this name that stay.
pub fn bare_properties(name: &str, properties: &Map<String, Value>, marks: &Marks) -> Map<String, Value> {
    let Some(shape) = SHAPES.iter().find(|shape| shape.name == name) else { return Map::new() };
    let kept = properties.iter().filter_map(|(name, value)| {
        let plain = snake(name);
        let known = shape.properties.iter().find(|property| property.name == plain)?;
        if shape.by == By::Senders && TOLD.contains(&known.name) {
            return None;
        }
        let value = match (known.kind, value) {
            (Kind::Lines, Value::Array(lines)) => {
                Value::Array(lines.iter().map(|l| line(l, marks)).collect())
            }
            (kind, value) => is_so(kind, value, marks).then(|| value.clone())?,
        };
        Some((name.clone(), value))
    });
    kept.collect()
}

fn line(line: &Value, marks: &Marks) -> Value {
    let Value::Object(fields) = line else { return Value::Null };
    let kept = fields
        .iter()
        .filter(|(name, value)| OF_A_LINE.contains(&snake(name).as_str()) && is_so(Kind::Word, value, marks));
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Whether a value is what its property is for.
fn is_so(kind: Kind, value: &Value, marks: &Marks) -> bool {
    let text = match value {
        Value::String(text) => text.trim(),
        Value::Number(number) => {
            return !matches!(kind, Kind::Text | Kind::Lines | Kind::Numbers)
                && !marks.in_text(&number.to_string());
        }
        Value::Bool(_) => return kind == Kind::Flag,
        _ => return false,
    };
    let of = |wanted: fn(char) -> bool, longest: usize| text.len() <= longest && text.chars().all(wanted);
    let shaped = match kind {
        Kind::Word => text.chars().count() <= LONGEST_CODE,
        Kind::Amount | Kind::Whole(..) | Kind::Stars => of(|c| c.is_ascii_digit() || "+-.".contains(c), 24),
        Kind::Currency => of(|c| c.is_ascii_alphabetic(), 3),
        Kind::Instant => of(|c| c.is_ascii_digit() || "+-.:TZ ".contains(c), 40),
        Kind::Flag => flag(text).is_some(),
        Kind::Text | Kind::Lines | Kind::Numbers => false,
    };
    shaped && !marks.in_reason(text)
}

/// An event's typed part ([`super::Detail`], as JSON) as it stays.
pub fn bare_detail(mut detail: Value, marks: &Marks) -> Value {
    if let Some(said) = detail.get_mut("shipment").and_then(Value::as_object_mut) {
        TOLD.iter().for_each(|name| drop(said.remove(*name)));
    }
    strip(&mut detail, marks);
    detail
}

/// Takes out words that are no codes, or speak of the person.
fn strip(value: &mut Value, marks: &Marks) {
    match value {
        Value::Object(map) => {
            map.retain(|name, value| match value {
                Value::String(_) => NEEDED.contains(&name.as_str()) || is_so(Kind::Word, value, marks),
                _ => true,
            });
            map.values_mut().for_each(|value| strip(value, marks));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strip(item, marks)),
        _ => {}
    }
}

/// The name of an event as it stays: one of its sender's own that speaks of the person says no more.
pub fn bare_name<'a>(name: &'a str, marks: &Marks) -> &'a str {
    let known = name == "Identify" || SHAPES.iter().any(|shape| shape.name == name);
    if !known && marks.in_reason(name) { "~" } else { name }
}

#[cfg(test)]
mod tests {
    use super::super::{Context, Detail, Reading, Speaker, parse};
    use super::*;
    use crate::customer::identity;
    use crate::money::Currency;
    use serde_json::json;

    fn marks() -> Marks {
        let mut marks = Marks::default();
        marks.know(identity::Kind::Phone, "", "+8613812345678");
        marks.call("Roesmarie Quill");
        marks
    }

    fn properties(name: &str, properties: Value) -> Value {
        Value::Object(bare_properties(name, properties.as_object().expect("an object"), &marks()))
    }

    #[test]
    fn only_what_the_reference_names_stays() {
        let said = json!({
            "order_id": "A-1", "total": 300, "shipping": "5.00", "currency": "CNY", "gift_message": "gossamer",
            "收货人": "Roesmarie", "contact_phone": 13_812_345_678_i64, "n": 7, "yes": true, "tax": "five for Roesmarie",
            "products": [{"sku": "S1", "Name": "A mug", "price": 3, "personalization": "to Rosy", "options": [{"text": "x"}]},
                         {"sku": 13_812_345_678_i64, "name": "Mug for Roesmarie", "quantity": "2"}, "gossamer"],
        });
        let stays = json!({
            "order_id": "A-1", "total": 300, "shipping": "5.00", "currency": "CNY",
            "products": [{"sku": "S1", "Name": "A mug", "price": 3}, {"quantity": "2"}, null],
        });
        assert_eq!(properties("Order Completed", said.clone()), stays);
        assert_eq!(properties("Order Completed", stays.clone()), stays, "twice changes nothing");
        assert_eq!(properties("Wish Listed", said), json!({}));
        assert_eq!(properties("Identify", json!({"timezone": "Europe/London"})), json!({}));
        let parcel = json!({"order_id": 7, "status": "out", "place": "Platanenweg", "carrier": "SF"});
        assert_eq!(
            properties("Shipment Updated", parcel),
            json!({"order_id": 7, "status": "out", "carrier": "SF"})
        );
        let ticket = json!({"ticketId": "T1", "complaint": "yes", "category": "x".repeat(65), "description": "gossamer"});
        assert_eq!(properties("Ticket Opened", ticket), json!({"ticketId": "T1", "complaint": "yes"}));
        let exited = json!({"campaign": "c", "enrollment": "enr_1", "reason": "bought"});
        assert_eq!(properties("Campaign Exited", exited.clone()), exited);
    }

    #[test]
    fn every_typed_part_stays_readable() {
        let currency = Currency::parse("CNY").expect("a code");
        let context =
            Context { zone: chrono_tz::UTC, currency, base: currency, clock: None, speaker: Speaker::Sender };
        let long =
            "Roesmarie Quill, Platanenweg 3, behind the mill, please ring twice and then wait for a moment";
        for (name, said) in [
            (
                "Order Completed",
                json!({"order_id": "A", "products": [{"sku": "S", "name": long, "price": 3}]}),
            ),
            ("Order Placed", json!({"order_id": "A", "pay_by": "2026-09-25T00:00:00Z"})),
            ("Ticket Opened", json!({"ticket_id": "T", "category": long, "theme": "Roesmarie", "chased": 2})),
            ("Shipment Updated", json!({"order_id": "A", "place": "Platanenweg", "carrier": "SF"})),
            ("Shipment Exception", json!({"order_id": "A", "reason": long})),
            ("Product Reviewed", json!({"product_id": "P", "rating": 4})),
            ("CSAT Submitted", json!({"score": 2, "ticket_id": "Roesmarie"})),
            ("Contact Made", json!({"channel": "sms", "purpose": "marketing", "source": long})),
            ("Call Logged", json!({"source": "Roesmarie", "duration_seconds": 7})),
            ("Consent Changed", json!({"channel": "email", "granted": true})),
        ] {
            let event = json!({"type": "track", "userId": "u", "event": name, "properties": said});
            let Ok(Reading::Event(read)) = parse(&event, &context) else { panic!("{name}") };
            let bare = bare_detail(json!(read.detail.expect("a typed part")), &marks());
            let text = bare.to_string();
            for gone in ["Roesmarie", "Platanenweg"] {
                assert!(!text.contains(gone), "{text}");
            }
            let again: Detail =
                serde_json::from_value(bare.clone()).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(bare_detail(json!(again), &marks()), bare);
        }
    }

    #[test]
    fn a_name_that_speaks_of_them_is_blanked() {
        assert_eq!(bare_name("Roesmarie clicked", &marks()), "~");
        assert_eq!(bare_name("Wish Listed", &marks()), "Wish Listed");
        assert_eq!(bare_name("Order Completed", &marks()), "Order Completed");
    }
}
