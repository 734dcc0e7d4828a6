//! Random events that say something, and random questions about it: nested properties, arrays in arrays, numbers up to the largest, texts
//! of every length, products that are sensitive.

use super::trees::{CATEGORIES, at, duration, word};
use domain::event::property::{Path, Wanted};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// What is asked of events, by their name.
const ASKED: [(&str, &[&str]); 3] = [
    ("Basket Seen", &["a", "a.c", "a.p", "a.t", "a.d.c", "b", "b.c", "b.p", "x", "products.c", "products.p"]),
    (
        "Order Completed",
        &["products.category", "products.price", "products.brand", "total", "coupon", "$amount"],
    ),
    ("Shelf Viewed", &["shelf", "n"]),
];

/// All of it.
pub fn wanted() -> Wanted {
    let mut wanted = Wanted::default();
    for (event, paths) in ASKED {
        paths.iter().for_each(|path| wanted.add(event, Path::parse(path).expect("a path")));
    }
    wanted
}

fn number() -> BoxedStrategy<Value> {
    prop_oneof![
        12 => (-3i64..8).prop_map(|n| json!(n)),
        2 => (0i64..30).prop_map(|n| json!(format!("{}.5", n))),
        1 => prop::sample::select(vec!["9223372036854.775807", "-9223372036854.775807", "9223372036854.775808", "0.0000001"])
            .prop_map(|n| json!(n)),
    ]
    .boxed()
}

fn text() -> BoxedStrategy<Value> {
    let long = |n: usize| json!("lip".repeat(n));
    prop_oneof![
        9 => prop::sample::select(CATEGORIES.to_vec()).prop_map(|text| json!(text)),
        3 => word(),
        1 => prop::sample::select(vec![json!(true), json!(" "), long(22), long(23), long(950)]),
        1 => Just(Value::Null),
    ]
    .boxed()
}

fn scalar() -> BoxedStrategy<Value> {
    prop_oneof![number(), text()].boxed()
}

fn one() -> BoxedStrategy<Value> {
    let list = prop::collection::vec(scalar(), 0..3).prop_map(|list| json!(list));
    let several = prop_oneof![scalar(), list];
    let deep = prop_oneof![
        2 => Just(Value::Null),
        1 => text().prop_map(|c| json!({ "c": c })),
        1 => prop::collection::vec(text(), 0..3).prop_map(|list| json!(list.iter().map(|c| json!({ "c": c })).collect::<Vec<_>>())),
    ];
    let sku = prop::option::weighted(0.3, 0i64..3);
    (prop::option::of(text()), prop::option::of(number()), several, deep, sku)
        .prop_map(|(c, p, t, d, sku)| {
            let mut one = json!({"t": t, "d": d});
            for (key, value) in [("c", c), ("p", p), ("sku", sku.map(|n| json!(format!("S{n}"))))] {
                if let Some(value) = value {
                    one[key] = value;
                }
            }
            one
        })
        .boxed()
}

/// What a basket says.
pub fn basket() -> BoxedStrategy<Value> {
    let many =
        || prop::collection::vec(prop_oneof![5 => one(), 1 => scalar()], 0..4).prop_map(|list| json!(list));
    let some = || prop::option::weighted(0.8, prop_oneof![6 => many(), 1 => one(), 1 => scalar()]);
    let sku = prop::option::weighted(0.1, 0i64..3);
    let order = prop::option::weighted(0.3, 0u32..8);
    (some(), some(), prop::option::of(scalar()), prop::option::weighted(0.3, many()), sku, order)
        .prop_map(|(a, b, x, products, sku, order)| {
            let sku = sku.map(|n| json!(format!("S{n}")));
            let order = order.map(|id| json!(format!("O{id}")));
            let said =
                [("a", a), ("b", b), ("x", x), ("products", products), ("sku", sku), ("order_id", order)];
            let said = said.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
            Value::Object(said.collect::<Map<_, _>>())
        })
        .boxed()
}

fn texts() -> BoxedStrategy<(&'static str, Value)> {
    let long = prop::sample::select(vec![22usize, 23, 21]).prop_map(|n| json!("LIP".repeat(n)));
    let word = || prop_oneof![3 => word(), 4 => prop::sample::select(CATEGORIES.to_vec()).prop_map(|text| json!(text))];
    prop_oneof![
        6 => (prop::sample::select(vec!["eq", "eq", "ne", "contains", "starts_with"]), word()),
        1 => (prop::sample::select(vec!["eq", "starts_with"]), long),
        1 => prop::collection::vec(word(), 1..4).prop_map(|list| ("in", json!(list))),
        2 => any::<bool>().prop_map(|there| ("exists", json!(there))),
    ]
    .boxed()
}

/// In quotes where it is compared in order, as rules write both.
fn numbers() -> BoxedStrategy<(&'static str, Value)> {
    let n = || prop_oneof![9 => (-3i64..9).prop_map(|n| json!(n)), 1 => Just(json!(1.5))];
    let compared = prop_oneof![
        9 => n(),
        1 => prop::sample::select(vec!["9223372036854.775807", "-9223372036854.775807"]).prop_map(|n| json!(n)),
    ];
    prop_oneof![
        2 => (prop::sample::select(vec!["eq", "ne"]), n()),
        4 => (prop::sample::select(vec!["lt", "lte", "gt", "gte"]), compared),
        1 => prop::collection::vec(n(), 1..3).prop_map(|list| ("in", json!(list))),
        1 => (-3i64..6, 0i64..5).prop_map(|(low, more)| ("between", json!([low, low + more]))),
        1 => any::<bool>().prop_map(|there| ("exists", json!(there))),
    ]
    .boxed()
}

fn measure(paths: &'static [&'static str]) -> BoxedStrategy<(&'static str, Value)> {
    let path = || prop::sample::select(paths);
    let of = |(key, path, (op, operand)): (&'static str, &str, (&str, Value))| {
        // A sum always is.
        let key = if (key, op) == ("sum", "exists") { "max" } else { key };
        (key, json!({"of": path, op: operand}))
    };
    // Sums come to more than single values do.
    let sums = prop_oneof![
        3 => numbers(),
        1 => (prop::sample::select(vec!["lt", "gte", "gt", "lte"]), -20i64..200).prop_map(|(op, n)| (op, json!(n))),
    ];
    let count = prop_oneof![
        (prop::sample::select(vec!["eq", "ne", "lt", "lte", "gt", "gte"]), 0i64..4)
            .prop_map(|(op, n)| json!({op: n})),
        (0i64..3, 0i64..3).prop_map(|(low, n)| json!({"between": [low, low + n]})),
    ];
    prop_oneof![
        3 => count.prop_map(|test| ("count", test)),
        4 => (prop::sample::select(vec!["sum", "avg", "min", "max"]), path(), sums).prop_map(of),
        3 => (prop::sample::select(vec!["first", "last"]), path(), prop_oneof![texts(), numbers()]).prop_map(of),
        1 => (prop::sample::select(vec!["first", "last"]), prop::sample::select(vec!["within", "older_than"]), duration())
            .prop_map(|(end, op, span)| (end, json!({op: span}))),
    ]
    .boxed()
}

fn window() -> BoxedStrategy<Vec<(&'static str, Value)>> {
    let hours = |n: i64| format!("{}h", 6 * n);
    prop_oneof![
        3 => Just(vec![]),
        3 => duration().prop_map(|span| vec![("within", json!(span))]),
        1 => duration().prop_map(|span| vec![("within", json!(span)), ("for_new", json!("exclude"))]),
        1 => duration().prop_map(|span| vec![("before", json!(span))]),
        1 => (0i64..1_600).prop_map(|n| vec![("before", json!(at(n)))]),
        1 => (0i64..1_600, 0i64..400).prop_map(|(n, more)| vec![("between", json!([at(n + more), at(n)]))]),
        1 => (1i64..1_600, 1i64..400).prop_map(move |(n, more)| vec![("between", json!([hours(n + more), hours(n)]))]),
    ]
    .boxed()
}

/// A rule about what events say.
pub fn leaf() -> BoxedStrategy<Value> {
    let about = prop_oneof![4 => Just(0usize), 2 => Just(1), 1 => Just(2)];
    about
        .prop_flat_map(|place| {
            let (event, paths) = ASKED[place];
            let test = prop_oneof![3 => texts(), 2 => numbers()];
            let condition = (prop::sample::select(paths), test)
                .prop_map(|(path, (op, operand))| json!({"property": path, op: operand}));
            let conditions = prop_oneof![
                1 => prop::collection::vec(condition.clone(), 0..1),
                5 => prop::collection::vec(condition, 1..4),
            ];
            (Just(event), conditions, prop::option::weighted(0.7, measure(paths)), window())
        })
        .prop_map(|(event, conditions, measure, window)| {
            let mut leaf = json!({"event": event});
            if !conditions.is_empty() {
                leaf["where"] = json!(conditions);
            }
            for (key, value) in measure.into_iter().chain(window) {
                leaf[key] = value;
            }
            leaf
        })
        .boxed()
}
