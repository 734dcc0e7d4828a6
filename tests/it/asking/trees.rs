//! Random rules as people write them, over every kind of leaf, and random books in which they have something to find. Instants
//! lie on a grid of six hours around [`NOW`], so that the edges of windows are met exactly.

use super::{records, said};
use domain::rule::{Field, FieldKind};
use domain::time::{Instant, Span};
use proptest::prelude::*;
use serde_json::{Value, json};

/// 2026-09-25T02:00:00Z.
pub const NOW: Instant = Instant::from_micros(1_790_301_600_000_000);

const ZONES: [&str; 5] =
    ["Asia/Shanghai", "America/St_Johns", "Africa/Cairo", "Pacific/Apia", "America/Sao_Paulo"];
pub const CATEGORIES: [&str; 6] = ["Lipstick", "ＬＩＰＳＴＩＣＫ", "Straße", "İstanbul", "口红", "Änderung"];

pub fn at(quarters: i64) -> String {
    (NOW - Span::hours(6 * quarters)).to_rfc3339()
}

/// One event of a customer, some of it odd.
fn event() -> BoxedStrategy<Value> {
    let when = || prop_oneof![8 => 0i64..1_600, 1 => prop::sample::select(vec![28i64, 120, 360, 720, 1_460])];
    let category = || prop::sample::select(CATEGORIES.to_vec());
    let order = (when(), 0u32..8, 0i64..300, prop::collection::vec((category(), 0i64..50), 0..4), any::<bool>()).prop_map(
        |(when, id, total, lines, coupon)| {
            let products: Vec<Value> = lines
                .iter()
                .map(|(category, price)| json!({"name": format!("P{price}"), "category": category, "style": format!("S{}", price % 3),
                                                "brand": category, "price": format!("{price}.50"), "quantity": 1}))
                .collect();
            let mut said = json!({"type": "track", "event": "Order Completed", "timestamp": at(when), "properties":
                {"order_id": format!("O{id}"), "total": format!("{total}.{:02}", total % 100), "products": products}});
            if coupon {
                said["properties"]["coupon"] = json!("C");
            }
            said
        },
    );
    let track = |name: &'static str, properties: BoxedStrategy<Value>| {
        (0i64..1_600, properties).prop_map(move |(when, properties)| {
            json!({"type": "track", "event": name, "timestamp": at(when), "properties": properties})
        })
    };
    let id =
        |key: &'static str| (0u32..8).prop_map(move |id| json!({key: format!("{}{id}", &key[..1])})).boxed();
    let order_id = || (0u32..8).prop_map(|id| json!({"order_id": format!("O{id}")})).boxed();
    let refund = (0u32..8, 1i64..200)
        .prop_map(|(id, n)| json!({"order_id": format!("O{id}"), "refund_id": format!("R{n}"), "total": n}));
    let ticket = (0u32..5, any::<bool>())
        .prop_map(|(id, complaint)| json!({"ticket_id": format!("t{id}"), "complaint": complaint}));
    let review = (0u32..9, 0i64..11).prop_map(
        |(id, half)| json!({"review_id": format!("r{id}"), "product_id": "P", "rating": half as f64 / 2.0}),
    );
    let contact = (prop::sample::select(vec!["email", "sms", "phone"]), any::<bool>()).prop_map(
        |(channel, out)| json!({"channel": channel, "direction": if out { "outbound" } else { "inbound" }}),
    );
    let shelf = (category(), -5i64..5).prop_map(|(name, n)| json!({"shelf": name, "n": n}));
    let traits = (
        prop::option::of(prop::sample::select(ZONES.to_vec())),
        prop::option::of(prop::sample::select(vec![
            "1990-09-25",
            "09-28",
            "2000-02-29",
            "lunar:08-15",
            "lunar:L06-15",
            "1970-01-01",
            "12-30",
            "03-01",
        ])),
        prop::option::of(-40i64..3_000),
    );
    let identify = (when(), traits).prop_map(|(when, (zone, birthday, created))| {
        let mut traits = json!({"name": "Somebody"});
        if let Some(zone) = zone {
            traits["timezone"] = json!(zone);
        }
        if let Some(birthday) = birthday {
            traits["birthday"] = json!(birthday);
        }
        if let Some(created) = created {
            traits["created_at"] = json!(at(created));
        }
        json!({"type": "identify", "timestamp": at(when), "traits": traits})
    });
    let score = |name: &'static str, most: i64| {
        track(name, (0..=most).prop_map(|n| json!({"score": n})).boxed()).boxed()
    };
    prop_oneof![
        5 => order,
        2 => track("Order Refunded", refund.boxed()),
        1 => track("Order Cancelled", order_id()),
        2 => track("Ticket Opened", ticket.boxed()),
        2 => track("Ticket Resolved", id("ticket_id")),
        2 => track("Product Reviewed", review.boxed()),
        1 => score("CSAT Submitted", 5).prop_filter("1 to 5", |said| said["properties"]["score"] != json!(0)),
        1 => score("NPS Submitted", 10),
        2 => track("Contact Made", contact.boxed()),
        2 => track("Shelf Viewed", shelf.boxed()),
        6 => track("Basket Seen", said::basket()),
        2 => identify,
    ]
    .boxed()
}

/// A customer's events.
pub fn story() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(event(), 1..16)
}

fn fields(kinds: &'static [FieldKind]) -> impl Strategy<Value = Field> {
    let all: Vec<Field> = Field::ALL.iter().copied().filter(|field| kinds.contains(&field.kind())).collect();
    prop::sample::select(all)
}

pub fn duration() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (1i64..1_600).prop_map(|n| format!("{}h", 6 * n)),
        3 => prop::sample::select(vec!["7d", "30d", "90d", "180d", "365d", "36525d"]).prop_map(str::to_owned),
    ]
}

/// What a value of this kind is written like, near what the books come to.
fn operand(kind: FieldKind) -> BoxedStrategy<Value> {
    let usual = match kind {
        FieldKind::Money => prop_oneof![
            (-20i64..900).prop_map(|n| json!(format!("{n}.00"))),
            (0i64..90_000).prop_map(|n| json!(format!("{}.{:03}", n / 100, n % 100 * 10 + 5))),
        ]
        .boxed(),
        FieldKind::Count => (-1i64..9).prop_map(|n| json!(n)).boxed(),
        FieldKind::Share => (0i64..=100).prop_map(|n| json!(format!("{n}%"))).boxed(),
        FieldKind::Number => (0i64..80).prop_map(|n| json!(format!("{}.{}", n / 4, n % 4 * 25))).boxed(),
        FieldKind::Instant => (0i64..1_600).prop_map(|n| json!(at(n))).boxed(),
        FieldKind::Text | FieldKind::Birthday => word(),
    };
    let ends: Vec<Value> = match kind {
        FieldKind::Money | FieldKind::Number => {
            ["9223372036854.775807", "-9223372036854.775807", "0"].map(|n| json!(n)).to_vec()
        }
        FieldKind::Count => [-i64::MAX, 0, i64::MAX].map(|n| json!(n)).to_vec(),
        FieldKind::Share => ["0%", "100%", "33.3333%"].map(|n| json!(n)).to_vec(),
        _ => return usual,
    };
    prop_oneof![19 => usual, 1 => prop::sample::select(ends)].boxed()
}

pub fn word() -> BoxedStrategy<Value> {
    let words = vec![
        "lipstick",
        "LIPSTICK",
        "ｌｉｐ",
        "strasse",
        "i̇stanbul",
        "İstanbul",
        "istanbul",
        "口",
        "änder",
        "s1",
        "email",
        "%",
        "_",
        "'; DROP TABLE event; --",
    ];
    prop::sample::select(words).prop_map(|word| json!(word)).boxed()
}

/// An operator of values of this kind with its operand.
fn comparison(kind: FieldKind) -> BoxedStrategy<(&'static str, Value)> {
    let one = prop::sample::select(vec!["eq", "ne", "lt", "lte", "gt", "gte"]);
    let sorted = move |a: Value, b: Value| {
        let rank = |v: &Value| {
            domain::rule::parse(&json!({"profile": example(kind), "eq": v})).map(|rule| format!("{rule:?}"))
        };
        let number = |v: &Value| match kind {
            FieldKind::Instant => {
                v.as_str().and_then(Instant::parse_rfc3339).map_or(0, |at| i128::from(at.micros()))
            }
            _ => {
                let text = v.as_str().map_or_else(|| v.to_string(), str::to_owned);
                (text.trim_end_matches('%').parse::<f64>().unwrap_or(0.0) * 1e6) as i128
            }
        };
        debug_assert!(rank(&a).is_ok(), "{a}");
        if number(&a) <= number(&b) { json!([a, b]) } else { json!([b, a]) }
    };
    prop_oneof![
        6 => (one, operand(kind)),
        1 => (operand(kind), operand(kind)).prop_map(move |(a, b)| ("between", sorted(a, b))),
        1 => prop::collection::vec(operand(kind), 1..4).prop_map(|list| ("in", json!(list))),
        1 => any::<bool>().prop_map(|there| ("exists", json!(there))),
    ]
    .boxed()
}

const fn example(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Money => "spend_365",
        FieldKind::Count => "orders_365",
        FieldKind::Share => "refund_rate_365",
        FieldKind::Number => "review_mean",
        FieldKind::Instant => "last_order_at",
        FieldKind::Text | FieldKind::Birthday => "top_category",
    }
}

fn leaf_of(head: &str, key: &str, (op, operand): (&str, Value)) -> Value {
    json!({ head: key, op: operand })
}

fn profile() -> BoxedStrategy<Value> {
    use FieldKind::{Count, Instant as At, Money, Number, Share};
    let numbers = fields(&[Money, Count, Share, Number, At])
        .prop_flat_map(|field| (Just(field), comparison(field.kind())))
        .prop_map(|(field, test)| leaf_of("profile", field.key(), test));
    let ages = (fields(&[At]), prop::sample::select(vec!["within", "older_than"]), duration())
        .prop_map(|(field, op, span)| leaf_of("profile", field.key(), (op, json!(span))));
    let ops = prop::sample::select(vec!["eq", "ne", "contains", "starts_with"]);
    let texts = prop_oneof![
        4 => (ops, word()),
        1 => prop::collection::vec(word(), 1..4).prop_map(|list| ("in", json!(list))),
        1 => any::<bool>().prop_map(|there| ("exists", json!(there))),
    ];
    let texts =
        (fields(&[FieldKind::Text]), texts).prop_map(|(field, test)| leaf_of("profile", field.key(), test));
    let birthday = any::<bool>().prop_map(|there| json!({"profile": "birthday", "exists": there}));
    prop_oneof![8 => numbers, 2 => ages, 3 => texts, 1 => birthday].boxed()
}

fn dates() -> BoxedStrategy<Value> {
    let at = || fields(&[FieldKind::Instant]);
    let since = (at(), prop::sample::select(vec!["gte", "gt", "lte", "eq"]), 0u32..420)
        .prop_map(|(field, op, n)| leaf_of("days_since", field.key(), (op, json!(n))));
    let between = (at(), 0u32..300, 0u32..90).prop_map(|(field, from, n)| {
        leaf_of("days_since", field.key(), ("between", json!([from, from + n])))
    });
    let days = || prop_oneof![4 => 0u32..10, 1 => 0u32..=182];
    let round = (fields(&[FieldKind::Instant, FieldKind::Birthday]), days())
        .prop_map(|(field, n)| leaf_of("anniversary", field.key(), ("within", json!(format!("{n}d")))));
    let birthday = days().prop_map(|n| json!({"anniversary": "birthday", "within": format!("{n}d")}));
    prop_oneof![3 => since, 1 => between, 1 => round, 1 => birthday].boxed()
}

fn event_leaf() -> BoxedStrategy<Value> {
    let names =
        vec!["Order Completed", "Order Refunded", "Contact Made", "Shelf Viewed", "Identify", "Nothing"];
    let counts = prop_oneof![
        (prop::sample::select(vec!["eq", "ne", "lt", "lte", "gt", "gte"]), -1i64..5)
            .prop_map(|(op, n)| json!({op: n})),
        (0i64..3, 0i64..3).prop_map(|(low, n)| json!({"between": [low, low + n]})),
        prop::collection::vec(0i64..4, 1..3).prop_map(|list| json!({"in": list})),
    ];
    let hours = |n: i64| format!("{}h", 6 * n);
    let window = prop_oneof![
        4 => duration().prop_map(|span| ("within", json!(span))),
        1 => duration().prop_map(|span| ("before", json!(span))),
        1 => (0i64..1_600).prop_map(|n| ("before", json!(at(n)))),
        1 => (0i64..1_600, 0i64..400).prop_map(|(n, more)| ("between", json!([at(n + more), at(n)]))),
        1 => (1i64..1_600, 1i64..400).prop_map(move |(n, more)| ("between", json!([hours(n + more), hours(n)]))),
    ];
    let ages = (prop::sample::select(vec!["within", "older_than"]), duration())
        .prop_map(|(op, span)| json!({op: span}));
    let instants = comparison(FieldKind::Instant).prop_map(|(op, operand)| json!({op: operand}));
    let ends = (prop::sample::select(vec!["first", "last"]), prop_oneof![ages, instants]);
    let measure = prop_oneof![
        3 => counts.prop_map(|test| ("count", test)),
        2 => ends,
    ];
    let (measure, window) = (prop::option::weighted(0.8, measure), prop::option::weighted(0.7, window));
    (prop::sample::select(names), measure, window, any::<bool>())
        .prop_map(|(name, measure, window, exclude)| {
            let mut leaf = json!({"event": name});
            if let Some((key, test)) = measure {
                leaf[key] = test;
            }
            if let Some((op, window)) = window {
                let reaches = op == "within" || window[0].as_str().is_some_and(|text| text.ends_with('h'));
                leaf[op] = window;
                if exclude && reaches {
                    leaf["for_new"] = json!("exclude");
                }
            }
            leaf
        })
        .boxed()
}

fn tag() -> BoxedStrategy<Value> {
    let keys = vec![
        "value_tier",
        "lapsed",
        "discount_seeker",
        "churn_risk",
        "complaint_history",
        "complaint_open",
        "detractor",
        "no_such_tag",
        "new_customer",
    ];
    let values =
        || prop::sample::select(vec!["none", "regular", "silver", "gold", "true", "one", "elevated"]);
    let test = prop_oneof![
        2 => (prop::sample::select(vec!["eq", "ne"]), values()).prop_map(|(op, value)| (op, json!(value))),
        1 => prop::collection::vec(values(), 1..3).prop_map(|list| ("in", json!(list))),
        2 => any::<bool>().prop_map(|there| ("exists", json!(there))),
    ];
    let since = prop::option::of((prop::sample::select(vec!["within", "older_than"]), duration()));
    (prop::sample::select(keys), test, since)
        .prop_map(|(key, test, since)| {
            let mut leaf = leaf_of("tag", key, test);
            if let Some((op, span)) = since {
                leaf["since"] = json!({op: span});
            }
            leaf
        })
        .boxed()
}

fn leaf() -> BoxedStrategy<Value> {
    let share = (1u32..=100, prop::sample::select(vec!["a", "b"]))
        .prop_map(|(n, salt)| json!({"share": format!("{n}%"), "salt": salt}));
    let number =
        |key: &'static str, kind| comparison(kind).prop_map(move |test| leaf_of("score", key, test)).boxed();
    let scores = prop_oneof![number("p_order_180", FieldKind::Number), number("clv_365", FieldKind::Money)];
    prop_oneof![6 => profile(), 4 => dates(), 4 => event_leaf(), 12 => said::leaf(), 5 => records::leaf(), 4 => tag(), 1 => share, 1 => scores].boxed()
}

/// Any rule over any kind of leaf.
pub fn tree() -> BoxedStrategy<Value> {
    leaf()
        .prop_recursive(5, 24, 4, |inner| {
            let several = || prop::collection::vec(inner.clone(), 1..4);
            prop_oneof![
                several().prop_map(|rules| json!({"all": rules})),
                several().prop_map(|rules| json!({"any": rules})),
                inner.clone().prop_map(|rule| json!({"not": rule})),
            ]
        })
        .boxed()
}
