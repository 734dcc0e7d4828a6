//! A refill that is due, and products that nobody speaks of.

use super::{parse, shipped};
use crate::customer::fixture::*;
use crate::customer::{Bearer, CustomerFacts};
use crate::event::{Detail, Event, Fact, OrderDetail, OrderLine, ShipmentSaid};
use crate::product::{Product, Products};
use crate::rule::Lang;
use crate::tag::{Catalogue, Evaluation, Standing, TagState};
use crate::time::Instant;
use chrono_tz::UTC;
use serde_json::json;
use std::sync::Arc;

pub(super) fn bought(id: &str, sku: &str, pieces: i64, at: Instant) -> [Event; 2] {
    let line = OrderLine {
        sku: Some(sku.to_owned()),
        category: Some(format!("{sku} things")),
        quantity_milli: pieces * 1_000,
        ..OrderLine::default()
    };
    let detail = Detail::Order(OrderDetail { lines: Some(vec![line]), ..OrderDetail::default() });
    let arrived = Fact::Custom { name: "Order Delivered".to_owned() };
    [
        Event { detail: Some(detail), ..order(id, 100_00, at) },
        Event {
            order: Some(id.to_owned()),
            detail: Some(Detail::Shipment(ShipmentSaid::default())),
            ..event(at, arrived)
        },
    ]
}

fn knowing(products: &[(&str, i64, bool)]) -> Catalogue {
    let mut known = Products::default();
    for (sku, days, sensitive) in products {
        let product = Product { days_milli: Some(days * 1_000), sensitive: *sensitive, ..Product::default() };
        known.insert("tea", sku, product);
    }
    shipped().knowing(Arc::new(known))
}

fn state(catalogue: &Catalogue, events: &[Event], key: &str, now: Instant) -> TagState {
    let facts = CustomerFacts::fold(events);
    let states = Evaluation::of(catalogue, &facts, Bearer::consumer(UTC), now).states(now);
    states.into_iter().find(|state| state.key == key).expect("in the catalogue")
}

#[test]
fn of_several_products_the_one_that_came_due_last_is_told_with_its_numbers() {
    let catalogue = knowing(&[("green", 10, false), ("black", 20, false)]);
    let events = [bought("tea:1", "green", 2, day(0)), bought("tea:2", "black", 1, day(2))].concat();
    let due = |n| state(&catalogue, &events, "replenish_due", day(n));
    assert_eq!((due(15).value, due(15).next_flip), (None, Some(day(16))));
    let first = due(16);
    assert_eq!(
        (first.value.as_deref(), first.since, first.next_flip),
        (Some("green"), day(16), Some(day(18)))
    );
    assert_eq!(
        first.evidence,
        json!({"order_id": "tea:1", "delivered_at": day(0), "quantity": "2", "consumption_days": "10",
            "days_are": "set", "due_at": day(16)})
    );
    assert_eq!((due(18).value.as_deref(), due(18).next_flip), (Some("black"), Some(day(42))));
    // Black is over on day 42, green on day 40 already.
    assert_eq!((due(42).value, due(42).next_flip), (None, None));
    let again = [events.to_vec(), bought("tea:3", "black", 1, day(20)).to_vec()].concat();
    assert_eq!(state(&catalogue, &again, "replenish_due", day(20)).value.as_deref(), Some("green"));
}

#[test]
fn it_says_so_in_words() {
    let catalogue = knowing(&[("green", 10, false)]);
    let now = state(&catalogue, &bought("tea:1", "green", 2, day(0)), "replenish_due", day(17));
    let tag = catalogue.tags().into_iter().find(|tag| tag.key == "replenish_due").expect("in the catalogue");
    let standing = Standing { value: "green", since: now.since, evidence: &now.evidence };
    assert_eq!(
        tag.why(&standing, UTC, Lang::En),
        "Due for a refill is green since 2026-01-17: what was delivered is nearly used up (days a piece: 10, days are: set, \
         delivered: 2026-01-01, due: 2026-01-17, order: tea:1, pieces: 2)."
    );
    assert!(tag.why(&standing, UTC, Lang::ZhCn).contains("即将用完"));
}

#[test]
fn a_sensitive_product_makes_no_tag_at_all() {
    let events: Vec<Event> = (0..4).flat_map(|n| bought(&format!("tea:{n}"), "green", 1, day(n))).collect();
    let open = knowing(&[("green", 10, false)]);
    let secret = knowing(&[("green", 10, true)]);
    let of = |catalogue, key| state(catalogue, &events, key, day(12)).value;
    assert_eq!(of(&open, "category_affinity").as_deref(), Some("green things"));
    assert_eq!(of(&open, "replenish_due").as_deref(), Some("green"));
    assert_eq!((of(&secret, "category_affinity"), of(&secret, "replenish_due")), (None, None));
    // What was spent on it counts all the same.
    assert_eq!(of(&secret, "returning"), of(&open, "returning"));
}

#[test]
fn a_document_knows_of_nothing_but_due() {
    let wrong = parse(&["{key: a, name: {en: A, zh-CN: 甲}, supply: soon}"]).unwrap_err();
    assert_eq!(wrong[0], "a.supply: \"soon\" is nothing to know of a supply; there is due");
}
