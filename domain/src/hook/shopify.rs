//! Shopify's webhooks. Names and shapes are those of its REST resources (Order, Refund, Fulfillment, Customer), as its
//! webhook reference has them; ids are the numbers of those resources, as text.

use super::{MOST_LINES, at, first_word, object, put, sum, track, word};
use serde_json::{Map, Value, json};

/// The topics that are read.
pub const TOPICS: [&str; 9] = [
    "orders/create",
    "orders/paid",
    "orders/updated",
    "orders/cancelled",
    "refunds/create",
    "fulfillments/create",
    "fulfillments/update",
    "customers/create",
    "customers/update",
];

/// What a push of this topic says; `None` for topics that aren't read. `id` makes the events' message ids.
pub fn events(topic: &str, id: &str, payload: &Value) -> Option<Vec<Value>> {
    Some(match topic {
        "orders/create" => {
            let mut events = vec![placed(id, payload)];
            if word(payload, &["financial_status"]).as_deref() == Some("paid") {
                events.push(completed(format!("{id}#paid"), payload));
            }
            events.extend(buyer(id, payload));
            events
        }
        "orders/paid" => {
            let mut events = vec![completed(id.to_owned(), payload)];
            events.extend(buyer(id, payload));
            events
        }
        "orders/updated" => {
            vec![order(id.to_owned(), "Order Updated", payload, word(payload, &["updated_at"]))]
        }
        "orders/cancelled" => vec![cancelled(id, payload)],
        "refunds/create" => vec![refunded(id, payload)],
        "fulfillments/create" | "fulfillments/update" => shipped(id, payload),
        "customers/create" | "customers/update" => vec![identify(id.to_owned(), payload)],
        _ => return None,
    })
}

fn placed(id: &str, payload: &Value) -> Value {
    order(id.to_owned(), "Order Placed", payload, word(payload, &["created_at"]))
}

/// Shopify doesn't tell when an order was paid. Whichever topic says so, it is as of the same instant.
fn completed(id: String, payload: &Value) -> Value {
    order(id, "Order Completed", payload, first_word(payload, &[&["processed_at"], &["created_at"]]))
}

/// The total is the order's own: what was refunded since comes as refunds, and `current_total_price` would take it off
/// a second time.
fn order(id: String, name: &str, payload: &Value, when: Option<String>) -> Value {
    let properties = object([
        ("order_id", word(payload, &["id"]).map(Value::from)),
        ("order_number", word(payload, &["name"]).map(Value::from)),
        ("total", at(payload, &["total_price"]).cloned()),
        ("currency", word(payload, &["currency"]).map(Value::from)),
        ("status", word(payload, &["financial_status"]).map(Value::from)),
        (
            "coupon",
            at(payload, &["discount_codes"])
                .and_then(|codes| word(codes.get(0)?, &["code"]))
                .map(Value::from),
        ),
        ("products", lines(payload, "line_items", line)),
    ]);
    track(id, name, customer_id(payload).as_ref(), when, properties)
}

fn customer_id(payload: &Value) -> Option<String> {
    word(payload, &["customer", "id"])
}

fn lines(payload: &Value, name: &str, read: fn(&Value) -> Map<String, Value>) -> Option<Value> {
    let lines = at(payload, &[name])?.as_array()?;
    Some(lines.iter().take(MOST_LINES).map(|line| Value::Object(read(line))).collect())
}

fn line(line: &Value) -> Map<String, Value> {
    object([
        ("product_id", word(line, &["product_id"]).map(Value::from)),
        ("sku", word(line, &["sku"]).map(Value::from)),
        ("name", word(line, &["title"]).map(Value::from)),
        ("variant", word(line, &["variant_title"]).map(Value::from)),
        ("brand", word(line, &["vendor"]).map(Value::from)),
        ("price", at(line, &["price"]).cloned()),
        ("quantity", at(line, &["quantity"]).cloned()),
    ])
}

fn cancelled(id: &str, payload: &Value) -> Value {
    let properties = object([
        ("order_id", word(payload, &["id"]).map(Value::from)),
        ("reason", word(payload, &["cancel_reason"]).map(Value::from)),
    ]);
    let when = first_word(payload, &[&["cancelled_at"], &["updated_at"]]);
    track(id.to_owned(), "Order Cancelled", customer_id(payload).as_ref(), when, properties)
}

/// What went back is the sum of the transactions that did. A refund of goods alone is one of 0, and not, as no amount
/// would mean, of all that is left.
fn refunded(id: &str, payload: &Value) -> Value {
    let transactions = at(payload, &["transactions"]).and_then(Value::as_array);
    let went_back = |transaction: &&Value| {
        let is = |name: &str, wanted: &str| word(transaction, &[name]).is_none_or(|word| word == wanted);
        is("kind", "refund") && is("status", "success")
    };
    let amounts: Vec<&Value> = transactions
        .into_iter()
        .flatten()
        .filter(went_back)
        .filter_map(|transaction| at(transaction, &["amount"]))
        .collect();
    let currency =
        transactions.into_iter().flatten().find_map(|transaction| word(transaction, &["currency"]));
    let properties = object([
        ("order_id", word(payload, &["order_id"]).map(Value::from)),
        ("refund_id", word(payload, &["id"]).map(Value::from)),
        ("total", Some(sum(amounts))),
        ("currency", currency.map(Value::from)),
        (
            "products",
            lines(payload, "refund_line_items", |line| {
                object([
                    ("sku", word(line, &["line_item", "sku"]).map(Value::from)),
                    ("name", word(line, &["line_item", "title"]).map(Value::from)),
                    ("quantity", at(line, &["quantity"]).cloned()),
                ])
            }),
        ),
    ]);
    let when = first_word(payload, &[&["processed_at"], &["created_at"]]);
    track(id.to_owned(), "Order Refunded", None, when, properties)
}

fn shipped(id: &str, payload: &Value) -> Vec<Value> {
    let order_id = word(payload, &["order_id"]).map(Value::from);
    let shipment_id = word(payload, &["id"]).map(Value::from);
    let when = first_word(payload, &[&["updated_at"], &["created_at"]]);
    let status = first_word(payload, &[&["shipment_status"], &["status"]]);
    let properties = object([
        ("order_id", order_id.clone()),
        ("shipment_id", shipment_id.clone()),
        ("status", status.clone().map(Value::from)),
        ("carrier", word(payload, &["tracking_company"]).map(Value::from)),
        ("tracking_number", word(payload, &["tracking_number"]).map(Value::from)),
    ]);
    let mut events = vec![track(id.to_owned(), "Shipment Updated", None, when.clone(), properties)];
    match status.as_deref() {
        Some("delivered") => {
            let properties = object([("order_id", order_id), ("shipment_id", shipment_id)]);
            events.push(track(format!("{id}#delivered"), "Order Delivered", None, when, properties));
        }
        Some("failure") => {
            let reason = Some(json!("failure"));
            let properties =
                object([("order_id", order_id), ("shipment_id", shipment_id), ("reason", reason)]);
            events.push(track(format!("{id}#failure"), "Shipment Exception", None, when, properties));
        }
        _ => {}
    }
    events
}

/// Who bought, as far as the order's push says.
fn buyer(id: &str, payload: &Value) -> Option<Value> {
    let customer = at(payload, &["customer"])?;
    let mut event = identify(format!("{id}#customer"), customer);
    if event.get("timestamp").is_none() {
        put(&mut event, "timestamp", word(payload, &["created_at"]));
    }
    Some(event)
}

fn identify(id: String, customer: &Value) -> Value {
    let consents = object([
        ("email", consent(customer, "email_marketing_consent")),
        ("sms", consent(customer, "sms_marketing_consent")),
    ]);
    let traits = object([
        ("email", word(customer, &["email"]).map(Value::from)),
        ("phone", word(customer, &["phone"]).map(Value::from)),
        ("firstName", word(customer, &["first_name"]).map(Value::from)),
        ("lastName", word(customer, &["last_name"]).map(Value::from)),
        ("createdAt", word(customer, &["created_at"]).map(Value::from)),
        ("address", address(customer)),
        ("shopify_tags", word(customer, &["tags"]).map(Value::from)),
        ("consents", (!consents.is_empty()).then_some(Value::Object(consents))),
    ]);
    let mut event = json!({ "type": "identify", "messageId": id, "traits": traits });
    put(&mut event, "userId", word(customer, &["id"]));
    put(&mut event, "timestamp", first_word(customer, &[&["updated_at"], &["created_at"]]));
    event
}

/// Only a clear yes or no is passed on: `pending` and `not_subscribed` are neither.
fn consent(customer: &Value, name: &str) -> Option<Value> {
    let state = match word(customer, &[name, "state"])?.as_str() {
        "subscribed" => "granted",
        "unsubscribed" => "denied",
        _ => return None,
    };
    Some(json!({ "marketing": state }))
}

fn address(customer: &Value) -> Option<Value> {
    let address = at(customer, &["default_address"])?;
    let street = [word(address, &["address1"]), word(address, &["address2"])];
    let street = street.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let address = object([
        ("street", (!street.is_empty()).then(|| Value::from(street))),
        ("city", word(address, &["city"]).map(Value::from)),
        ("state", word(address, &["province"]).map(Value::from)),
        ("postalCode", word(address, &["zip"]).map(Value::from)),
        ("country", word(address, &["country_code"]).map(Value::from)),
    ]);
    (!address.is_empty()).then_some(Value::Object(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn an_order() -> Value {
        json!({"id": 820982911946154508_u64, "name": "#9999", "total_price": "403.00", "currency": "CNY",
               "current_total_price": "373.00", "financial_status": "paid", "processed_at": "2026-09-01T10:00:00+08:00",
               "created_at": "2026-09-01T09:59:00+08:00", "updated_at": "2026-09-02T10:00:00+08:00",
               "cancelled_at": "2026-09-03T10:00:00+08:00", "cancel_reason": "customer",
               "discount_codes": [{"code": "TEA"}], "line_items": [{"product_id": 7, "sku": "t-1", "title": "Tea",
               "price": "403.00", "quantity": 1, "vendor": "Oolong & Co"}],
               "customer": {"id": 115310627314723954_u64, "email": "rosa@example.com", "first_name": "Rosa",
               "email_marketing_consent": {"state": "unsubscribed"}, "sms_marketing_consent": {"state": "pending"},
               "default_address": {"address1": "1 Tea St", "city": "Hangzhou", "zip": "310000"}}})
    }

    fn names(events: &[Value]) -> Vec<(&str, &str)> {
        events
            .iter()
            .map(|e| (e["messageId"].as_str().unwrap(), e["event"].as_str().unwrap_or("identify")))
            .collect()
    }

    #[test]
    fn an_order_is_completed_as_of_one_instant_whichever_topic_says_so() {
        let created = events("orders/create", "w", &an_order()).unwrap();
        let expected = [("w", "Order Placed"), ("w#paid", "Order Completed"), ("w#customer", "identify")];
        assert_eq!(names(&created), expected);
        let paid = events("orders/paid", "w2", &an_order()).unwrap();
        assert_eq!(created[1]["timestamp"], paid[0]["timestamp"]);
        assert_eq!(created[1]["properties"], paid[0]["properties"]);
        let properties = &paid[0]["properties"];
        assert_eq!(
            (properties["order_id"].as_str(), properties["total"].as_str()),
            (Some("820982911946154508"), Some("403.00"))
        );
        assert_eq!(paid[0]["userId"], "115310627314723954");
        let unpaid = json!({"id": 1, "financial_status": "pending"});
        assert_eq!(names(&events("orders/create", "w", &unpaid).unwrap()), [("w", "Order Placed")]);
    }

    #[test]
    fn who_bought_is_told_with_a_clear_word_about_consent_only() {
        let events = events("orders/paid", "w", &an_order()).unwrap();
        let expected = json!({"email": "rosa@example.com", "firstName": "Rosa",
            "address": {"street": "1 Tea St", "city": "Hangzhou", "postalCode": "310000"},
            "consents": {"email": {"marketing": "denied"}}});
        assert_eq!(events[1]["traits"], expected);
        assert_eq!(events[1]["timestamp"], "2026-09-01T09:59:00+08:00");
    }

    #[test]
    fn a_refund_is_what_went_back() {
        let payload = json!({"id": 509562969, "order_id": 450789469, "created_at": "2026-09-04T10:00:00Z",
            "transactions": [{"amount": "30.00", "kind": "refund", "status": "success", "currency": "CNY"},
                             {"amount": "10.50", "kind": "refund", "status": "success"},
                             {"amount": "99.00", "kind": "refund", "status": "failure"},
                             {"amount": "99.00", "kind": "void", "status": "success"}]});
        let properties = events("refunds/create", "w", &payload).unwrap()[0]["properties"].clone();
        assert_eq!(
            properties,
            json!({"order_id": "450789469", "refund_id": "509562969", "total": "40.5000", "currency": "CNY"})
        );
        let goods = events("refunds/create", "w", &json!({"id": 1, "order_id": 2})).unwrap();
        assert_eq!(goods[0]["properties"]["total"], "0.0000");
    }

    #[test]
    fn a_shipment_tells_its_end_too() {
        let of = |status: &str| {
            let payload = json!({"id": 1, "order_id": 2, "status": "success", "shipment_status": status});
            let events = events("fulfillments/update", "w", &payload).unwrap();
            events.iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(of("in_transit"), ["Shipment Updated"]);
        assert_eq!(of("delivered"), ["Shipment Updated", "Order Delivered"]);
        assert_eq!(of("failure"), ["Shipment Updated", "Shipment Exception"]);
    }

    #[test]
    fn every_topic_answers_to_anything_and_no_other_is_read() {
        for topic in TOPICS {
            for payload in [
                json!(null),
                json!([]),
                json!({}),
                json!({"customer": 7, "line_items": {}, "transactions": [1]}),
            ] {
                assert!(!events(topic, "w", &payload).unwrap().is_empty(), "{topic} {payload}");
            }
        }
        assert_eq!(events("products/update", "w", &json!({})), None);
    }
}
