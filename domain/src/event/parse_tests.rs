//! What the parser takes and refuses; that it never panics; when things happened.

use super::*;
use crate::event::refund_key;
use proptest::prelude::*;
use serde_json::json;

fn context() -> Context {
    let yuan = Currency::parse("CNY").unwrap();
    Context {
        zone: chrono_tz::Asia::Shanghai,
        currency: yuan,
        base: yuan,
        clock: None,
        speaker: Speaker::Sender,
    }
}

fn said(json: Value) -> Said {
    match parse(&json, &context()) {
        Ok(Reading::Event(said)) => *said,
        other => panic!("{other:?}"),
    }
}

fn code(json: Value) -> &'static str {
    parse(&json, &context()).unwrap_err()[0].code
}

fn track(event: &str, properties: Value) -> Value {
    json!({"type": "track", "userId": 42, "event": event, "properties": properties})
}

#[test]
fn an_order_is_read_with_its_total_by_any_of_three_ways() {
    let total = |properties| match said(track("Order Completed", properties)).fact {
        Fact::OrderCompleted { order_id, total_minor } => (order_id, total_minor),
        other => panic!("{other:?}"),
    };
    assert_eq!(total(json!({"order_id": 7, "total": "12.5"})), ("7".to_owned(), 1250));
    assert_eq!(
        total(json!({"orderId": "a", "revenue": 10, "shipping": 2.5, "tax": "1"})),
        ("a".to_owned(), 1350)
    );
    let lines = json!([{"price": 3.335, "quantity": 2}, {"price": "1.00", "quantity": 0.5}, {"price": 2}]);
    assert_eq!(
        total(json!({"order_id": "l", "products": lines, "discount": 0.18})).1,
        334 * 2 + 50 + 200 - 18
    );
    assert_eq!(
        said(track("order completed", json!({"order_id": 1, "total": 0}))).fact.name(),
        "Order Completed"
    );
}

#[test]
fn an_identify_may_say_it_in_its_context() {
    let about =
        json!({"library": {"name": "x"}, "traits": {"email": "rosa@example.com", "firstName": "Rosa"}});
    for traits in [json!(null), json!({})] {
        let said = said(json!({"type": "identify", "userId": "u", "traits": traits, "context": about}));
        assert_eq!(said.traits["email"], "rosa@example.com");
        assert!(!said.personal.contains_key("context_traits"), "once is enough");
    }
    let both = said(json!({"type": "identify", "userId": "u", "traits": {"name": "R"}, "context": about}));
    assert_eq!((both.traits.len(), both.traits["name"].as_str()), (1, Some("R")), "its own come first");
    assert!(both.personal.contains_key("context_traits"));
    let odd = said(json!({"type": "identify", "userId": "u", "context": {"traits": [1]}}));
    assert!(odd.traits.is_empty());
}

#[test]
fn an_id_that_lost_digits_on_its_way_is_refused() {
    let read = |text: &str| parse(&serde_json::from_str(text).unwrap(), &context());
    let with = |id: &str| {
        read(&format!(
            r#"{{"userId":"u","event":"Order Completed","properties":{{"total":1,"order_id":{id}}}}}"#
        ))
    };
    for whole in ["18446744073709551615", "-5", "1.5", "1e3"] {
        assert!(with(whole).is_ok(), "{whole}");
    }
    for lost in ["123456789012345678901234", "1.23E+18"] {
        assert_eq!(with(lost).unwrap_err()[0].code, "digits_lost", "{lost}");
    }
}

#[test]
fn who_and_what_must_be_there() {
    assert_eq!(code(json!({"type": "track", "event": "X"})), "nobody");
    assert_eq!(code(json!({"type": "track", "event": "X", "userId": null, "anonymousId": ""})), "nobody");
    assert_eq!(code(json!({"type": "track", "userId": "u"})), "no_name");
    assert_eq!(code(json!([])), "not_an_object");
    assert_eq!(code(json!({"type": "poke", "userId": "u"})), "unknown_type");
    assert_eq!(code(track("Order Completed", json!({"total": 1}))), "missing_field");
    assert_eq!(code(track("Order Completed", json!({"order_id": 1}))), "missing_field");
    assert_eq!(
        code(track("Order Completed", json!({"order_id": 1, "total": "free"}))),
        "amount_not_a_number"
    );
    assert_eq!(code(track("Order Completed", json!({"order_id": 1, "total": -1}))), "amount_negative");
    assert_eq!(
        code(track("Order Completed", json!({"order_id": 1, "total": 1, "currency": "euros"}))),
        "bad_currency"
    );
    assert_eq!(code(track("Order Refunded", json!({"total": 1}))), "missing_field");
    assert_eq!(code(track("X", json!({"a": "b\0c"}))), "nul_character");
    assert_eq!(
        code(json!({"userId": "u", "event": "X", "timestamp": "1970-01-01T00:00:00Z"})),
        "accidental_1970"
    );
    assert_eq!(code(json!({"userId": "u", "event": "X", "messageId": "m".repeat(101)})), "too_long");
    let place = parse(&track("Order Completed", json!({"order_id": 1, "total": "x"})), &context())
        .unwrap_err()
        .remove(0)
        .at;
    assert_eq!(place, "properties.total");
}

#[test]
fn everything_wrong_with_an_event_is_told() {
    let told = |json: Value| {
        let problems = parse(&json, &context()).unwrap_err();
        problems.iter().map(|p| (p.at.clone(), p.code)).collect::<Vec<_>>()
    };
    let place = |at: &str, code: &'static str| (format!("properties.{at}"), code);
    assert_eq!(
        told(track(
            "Ticket Opened",
            json!({"ticket_id": "t", "important": "maybe", "complex": 5, "amount": "much", "currency": "?"})
        )),
        [
            place("currency", "bad_currency"),
            place("important", "not_a_flag"),
            place("complex", "not_a_flag"),
            place("amount", "amount_not_a_number"),
        ]
    );
    let lines = json!([{"price": "a", "quantity": "b"}, {"price": 1}, {"price": "c"}]);
    assert_eq!(
        told(track("Order Completed", json!({"products": lines}))),
        [
            place("order_id", "missing_field"),
            place("products[0].price", "amount_not_a_number"),
            place("products[0].quantity", "amount_not_a_number"),
            place("products[2].price", "amount_not_a_number"),
        ]
    );
    assert_eq!(
        told(track("Order Completed", json!({"order_id": 1, "revenue": 1, "tax": "x", "shipping": "y"}))),
        [place("shipping", "amount_not_a_number"), place("tax", "amount_not_a_number")]
    );
    assert!(
        parse(&track("Order Completed", json!({"order_id": 1, "total": 1, "tax": "x"})), &context()).is_ok()
    );
}

#[test]
fn traits_that_cant_be_so_are_set_apart() {
    let said = said(json!({"type": "identify", "userId": "u", "traits": {
        "email": "not an email", "birthday": "02-30", "name": "Rosa", "consents": {"email": {"marketing": false}}}}));
    assert_eq!(Value::from(said.traits), json!({"name": "Rosa"}));
    assert_eq!(Value::from(said.personal), json!({"name": "Rosa"}));
    assert!(!said.consents[0].granted, "a no isn't lost for another value's sake");
    let refused = said.refused.unwrap();
    assert_eq!(Value::from(refused.traits), json!({"birthday": "02-30", "email": "not an email"}));
    assert_eq!(refused.problems.iter().map(|p| p.code).collect::<Vec<_>>(), ["bad_birthday", "bad_email"]);
}

#[test]
fn an_event_may_be_32_levels_deep_and_no_more() {
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    // The event, its properties, and what is in them.
    assert!(parse(&track("X", json!({"a": nested(30)})), &context()).is_ok());
    assert_eq!(code(track("X", json!({"a": nested(31)}))), "too_deep");
}

#[test]
fn a_refund_is_one_by_its_id_or_its_fingerprint() {
    let at = Instant::from_micros(5);
    let key = |properties| refund_key(&said(track("Order Refunded", properties)), at);
    assert_eq!(key(json!({"refund_id": "r1", "total": -30})).as_deref(), Some("r1"));
    assert_eq!(key(json!({"order_id": "o", "amount": 30})).as_deref(), Some("~5:3000"));
    assert_eq!(key(json!({"order_id": "o"})).as_deref(), Some("~5:rest"));
    let lines = |sku: &str| key(json!({"order_id": "o", "amount": 30, "products": [{"sku": sku}]}));
    assert_ne!(lines("a"), lines("b"));
    assert_eq!(key(json!({"refund_id": "r", "amount": -30})), key(json!({"refund_id": "r", "total": 99})));
}

#[test]
fn traits_are_personal_and_consents_are_read_out_of_them() {
    let said = said(json!({"type": "identify", "userId": "u", "traits": {
        "email": "a@b.example", "firstName": "Rosa", "createdAt": "2011-01-01", "plan": "x", "phone": null,
        "consents": {"email": {"marketing": "granted", "survey": false}}}}));
    assert_eq!(said.fact, Fact::Identified);
    assert!(said.properties.is_empty());
    assert_eq!(said.traits.keys().collect::<Vec<_>>(), ["created_at", "email", "first_name", "plan"]);
    let read: Vec<_> =
        said.consents.iter().map(|c| (c.channel.as_str(), c.purpose.as_str(), c.granted)).collect();
    assert_eq!(read, [("email", "marketing", true), ("email", "survey", false)]);
    let bad =
        |consents: Value| code(json!({"type": "identify", "userId": "u", "traits": {"consents": consents}}));
    for consents in [
        json!("yes"),
        json!({"email": true}),
        json!({"email": {"marketing": "maybe"}}),
        json!({"email": {"selling": true}}),
    ] {
        assert_eq!(bad(consents), "bad_consent");
    }
}

#[test]
fn personal_properties_are_kept_apart() {
    let said = said(track(
        "Newsletter Joined",
        json!({"email": "a@b.example", "shippingAddress": "x", "list": 3, "gone": null}),
    ));
    assert_eq!(said.properties, *json!({"list": 3}).as_object().unwrap());
    assert_eq!(said.personal.keys().collect::<Vec<_>>(), ["email", "shippingAddress"]);
    assert_eq!(parse(&json!({"type": "page"}), &context()), Ok(Reading::Browsing));
}

#[test]
fn a_ticket_says_only_what_it_says() {
    let said = said(track("Ticket Updated", json!({"ticket_id": "t", "important": "yes", "amount": 500})));
    let Some(Detail::Ticket(patch)) = said.detail else { panic!("{:?}", said.detail) };
    assert_eq!((patch.important, patch.complaint, patch.amount_minor), (Some(true), None, Some(50_000)));
    assert_eq!(code(track("Ticket Opened", json!({"complaint": true}))), "missing_field");
    assert_eq!(code(track("Ticket Opened", json!({"ticket_id": "t", "complaint": "perhaps"}))), "not_a_flag");
}

#[test]
fn a_senders_clock_error_is_taken_out() {
    let received = Instant::from_micros(1_000_000_000_000_000);
    let machine = MachineInstant::from_micros(received.micros());
    let at = |stamp: i64, sent: Option<i64>| {
        let sent = sent.map(|s| machine + Span::seconds(s));
        (occurred_at(Some(received + Span::seconds(stamp)), sent, received, machine) - received).as_seconds()
    };
    assert_eq!(at(-10, None), -10);
    assert_eq!(at(-10, Some(60)), -10, "60 s off is allowed");
    assert_eq!(at(-10, Some(61)), -71);
    assert_eq!(at(3590, Some(3600)), -10);
    assert_eq!(at(-3610, Some(-3600)), -10);
    assert_eq!(at(300, None), 300);
    assert_eq!(at(301, None), 0, "more than 5 minutes ahead is now");
    assert_eq!(occurred_at(None, Some(machine), received, machine), received);
    // A virtual book in 2011 whose sender's clock is right: the timestamp stands.
    let stamp = received - Span::days(5000);
    assert_eq!(
        occurred_at(Some(stamp), Some(machine + Span::days(1)), received, machine + Span::days(1)),
        stamp
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        prop::sample::select(vec![
            "12.5",
            "-3",
            "granted",
            "Order Refunded",
            "2011-12-01",
            "CNY",
            "email",
            "\0"
        ])
        .prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "type",
        "userId",
        "event",
        "properties",
        "traits",
        "total",
        "order_id",
        "refund_id",
        "products",
        "price",
        "quantity",
        "consents",
        "email",
        "marketing",
        "timestamp",
        "sentAt",
        "ticket_id",
        "complaint",
        "channel",
    ]);
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..8)
                .prop_map(|m| Value::Object(m.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn whatever_is_fed_there_is_an_answer(value in any_json(), kind in prop::sample::select(vec!["identify", "track"]),
            name in prop::sample::select(vec!["Order Completed", "Order Refunded", "Ticket Opened", "Consent Changed", "X"])) {
        let _ = parse(&value, &context());
        let whole = json!({"type": kind, "userId": "u", "event": name, "properties": value, "traits": value});
        match parse(&whole, &context()) {
            Ok(Reading::Event(said)) => {
                prop_assert_eq!(said.user_id.as_deref(), Some("u"));
                if let Fact::OrderCompleted { total_minor, .. } = said.fact { prop_assert!(total_minor >= 0) }
            }
            Ok(Reading::Browsing) => prop_assert!(false, "neither page nor screen"),
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(|p| !p.code.is_empty() && !p.detail.is_empty()));
            }
        }
    }
}

#[test]
fn amounts_in_another_currency_are_taken_over_at_their_days_rate() {
    use crate::rates::{Rate, Rates};
    let (zone, base, usd) =
        (chrono_tz::Asia::Shanghai, Currency::parse("CNY").unwrap(), Currency::parse("USD").unwrap());
    let mut rates = Rates::default();
    rates.insert(usd, "2026-09-25".parse().unwrap(), Rate::parse("7").unwrap());
    rates.insert(usd, "2026-09-26".parse().unwrap(), Rate::parse("7.5").unwrap());
    let lines = json!([{"sku": "a", "price": "3.33", "quantity": 3}]);
    let order = said(track(
        "Order Completed",
        json!({"order_id": 1, "total": 10, "currency": "usd", "products": lines}),
    ));
    let taken = |at: &str| {
        let mut order = order.clone();
        let result = order.take_over(&rates, base, Instant::parse(at, zone).unwrap(), zone);
        let Fact::OrderCompleted { total_minor, .. } = order.fact else { panic!("{order:?}") };
        let Some(Detail::Order(detail)) = order.detail else { panic!("no lines") };
        result.map(|()| (total_minor, detail.lines.unwrap()[0].price_minor, order.foreign.unwrap().minor))
    };
    assert_eq!(taken("2026-09-25T23:59:59.999999"), Ok((7_000, Some(2_331), 1_000)));
    assert_eq!(taken("2026-09-26T00:00:00"), Ok((7_500, Some(2_498), 1_000)));
    assert_eq!(taken("2026-09-24T23:59:59").unwrap_err().code, "no_rate");
    let mut again = order;
    let at = Instant::parse("2026-09-25", zone).unwrap();
    for _ in 0..2 {
        again.take_over(&rates, base, at, zone).unwrap();
        assert!(matches!(again.fact, Fact::OrderCompleted { total_minor: 7_000, .. }), "once is enough");
    }
    let yen = said(track("Order Refunded", json!({"order_id": 1, "amount": "1000", "currency": "JPY"})));
    assert!(
        matches!(yen.fact, Fact::OrderRefunded { amount_minor: Some(1_000), .. }),
        "yen have no minor units"
    );
    let rest = said(track("Order Refunded", json!({"order_id": 1, "currency": "JPY"})));
    assert_eq!(rest.rate_needed(at, zone), None, "the rest needs no rate");
}
