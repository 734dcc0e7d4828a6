//! What stands at a path: by examples, and against flattening the whole of the properties.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
}

fn at(properties: &Value, text: &str) -> Vec<String> {
    let found = values(properties.as_object().expect("an object"), &path(text));
    let told = |v: &PropertyValue| {
        let number = v.number.map_or_else(|| "-".to_owned(), |n| n.to_string());
        format!("{}[{}] {} {number}", v.base, v.element, v.text)
    };
    found.iter().map(told).collect()
}

#[test]
fn the_first_array_on_the_way_gives_the_element() {
    let order = json!({
        "coupon": "X1", "shipping": {"method": "Express", "legs": [{"to": "A"}, {"to": ["B", "C"]}]},
        "products": [
            {"sku": "a", "price": 10, "tags": ["new", "new"]},
            {"sku": "b", "tags": [["hot"], {"x": 1}], "price": null},
            "loose",
        ],
    });
    assert_eq!(at(&order, "coupon"), ["[0] x1 -"]);
    assert_eq!(at(&order, "shipping.method"), ["[0] express -"]);
    assert_eq!(
        at(&order, "shipping.legs.to"),
        ["shipping.legs[0] a -", "shipping.legs[1] b -", "shipping.legs[1] c -"]
    );
    assert_eq!(at(&order, "products.sku"), ["products[0] a -", "products[1] b -"]);
    assert_eq!(at(&order, "products.price"), ["products[0] 10 10000000"]);
    assert_eq!(at(&order, "products.tags"), ["products[0] new -", "products[0] new -", "products[1] hot -"]);
    assert_eq!(at(&order, "products.tags.x"), ["products[1] 1 1000000"]);
    assert_eq!(at(&order, "products"), ["products[2] loose -"]);
    for nothing in ["shipping", "Coupon", "coupon.x", "products.0", "nowhere.at.all"] {
        assert_eq!(at(&order, nothing), Vec::<String>::new(), "{nothing}");
    }
}

#[test]
fn scalars_have_a_folded_text_and_plain_decimals_a_number() {
    for (value, wanted) in [
        (json!("Ä"), Some(("ä", None))),
        (json!("Straße"), Some(("strasse", None))),
        (json!("İ"), Some(("i\u{307}", None))),
        (json!(" 全角ＡＢ "), Some(("全角ab", None))),
        (json!(true), Some(("true", None))),
        (json!(false), Some(("false", None))),
        (json!(12), Some(("12", Some(12_000_000)))),
        (json!(-0.5), Some(("-0.5", Some(-500_000)))),
        (json!(139.0), Some(("139", Some(139_000_000)))),
        (json!(1e3), Some(("1000", Some(1_000_000_000)))),
        (json!(0.000_000_1), Some(("1e-7", None))),
        (json!(1e300), Some(("1e+300", None))),
        (json!(u64::MAX), Some(("18446744073709551615", None))),
        (json!("139.00"), Some(("139.00", Some(139_000_000)))),
        (json!("+1.5"), Some(("+1.5", Some(1_500_000)))),
        (json!("１２．５"), Some(("12.5", Some(12_500_000)))),
        (json!("1.1234567"), Some(("1.1234567", None))),
        (json!("9223372036854.775807"), Some(("9223372036854.775807", Some(i64::MAX)))),
        (json!("9223372036854.775808"), Some(("9223372036854.775808", None))),
        (json!("1e3"), Some(("1e3", None))),
        (json!("12,50"), Some(("12,50", None))),
        (json!("  "), None),
        (json!(null), None),
        (json!({}), None),
        (json!([]), None),
    ] {
        let found = values(json!({ "x": value.clone() }).as_object().expect("an object"), &path("x"));
        let found: Vec<_> = found.iter().map(|v| (v.text.as_str(), v.number)).collect();
        assert_eq!(found, Vec::from_iter(wanted), "{value}");
    }
}

#[test]
fn amounts_are_of_the_base_currency() {
    let of = |minor, code: &str| amount(minor, Currency::parse(code).expect("a code"));
    assert_eq!((of(13_950, "CNY").text, of(13_950, "CNY").number), ("139.5".to_owned(), Some(139_500_000)));
    assert_eq!(of(139, "JPY").number, Some(139_000_000));
    assert_eq!(of(1_395, "KWD").number, Some(1_395_000));
    assert_eq!(
        (of(i64::MAX, "CNY").text.as_str(), of(i64::MAX, "CNY").number),
        ("92233720368547758.07", None)
    );
}

#[test]
fn paths_that_are_none_are_refused_with_what_to_do() {
    let why = |text: &str| Path::parse(text).expect_err(text);
    assert!(
        why("").contains("is no path") && why("a..b").contains("is no path") && why(".a").contains("no path")
    );
    assert!(why("a\u{7}").contains("control character"));
    assert!(why(&"a".repeat(129)).contains("128 bytes") && Path::parse(&"a".repeat(128)).is_ok());
    assert!(why("a.b.c.d.e.f.g.h.i").contains("8 names") && Path::parse("a.b.c.d.e.f.g.h").is_ok());
    assert_eq!(why("$amonut"), "$amonut isn't known; did you mean $amount?");
    assert!(path("$amount").is_amount() && !path("$os").is_amount() && !path("amount").is_amount());
}

#[test]
fn hidden_products_take_their_line_along() {
    let properties =
        json!({"order_id": "1", "products": [{"sku": " tea ", "price": 1}, {"sku": 7, "price": 2}]});
    let paths = [path("products.price"), path("order_id"), path(AMOUNT)];
    let all = Values::read(properties.as_object().expect("an object"), Some(300), &paths);
    let cny = Currency::parse("CNY").expect("a code");
    let prices = |values: &Values| values.of(&paths[0], cny).iter().map(|v| v.element).collect::<Vec<_>>();
    assert_eq!(prices(&all), [0, 1]);
    assert_eq!(all.hiding(|sku| sku == "silk"), None);
    for (hidden, left) in [("tea", 1), ("7", 0)] {
        let bare = all.hiding(|sku| sku == hidden).expect("something is hidden");
        assert_eq!(prices(&bare), [left]);
        assert_eq!((bare.of(&paths[1], cny).len(), bare.of(&paths[2], cny).len()), (1, 1));
    }
    let viewed = json!({"sku": "tea", "colour": "red"});
    let viewed = Values::read(viewed.as_object().expect("an object"), None, &[path("colour")]);
    let bare = viewed.hiding(|sku| sku == "tea").expect("all of it is hidden");
    assert_eq!((viewed.of(&path("colour"), cny).len(), bare.of(&path("colour"), cny).len()), (1, 0));
}

/// Any properties, with names that paths use.
pub(crate) fn any_properties() -> impl Strategy<Value = Map<String, Value>> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-3i64..4).prop_map(|n| json!(n)),
        (-6i64..7).prop_map(|n| json!(n as f64 / 4.0)),
        prop::sample::select(vec!["lip", "LIP", "ｌｉｐ", "eye", "1", "1.50", "", "Straße", "STRASSE"])
            .prop_map(|text| json!(text)),
    ];
    let name = || prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned);
    let inside = scalar.prop_recursive(4, 24, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::btree_map(name(), inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map(name(), inside, 0..3).prop_map(|map| map.into_iter().collect())
}

/// Every scalar with the way to it: names, and places in arrays as numbers.
fn flat(
    value: &Value,
    way: &mut Vec<Result<String, u32>>,
    found: &mut Vec<(Vec<Result<String, u32>>, Value)>,
) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| {
            way.push(Ok(name.clone()));
            flat(value, way, found);
            way.pop();
        }),
        Value::Array(items) => items.iter().zip(0..).for_each(|(value, n)| {
            way.push(Err(n));
            flat(value, way, found);
            way.pop();
        }),
        scalar => found.push((way.clone(), scalar.clone())),
    }
}

proptest! {
    #[test]
    fn a_path_finds_what_flattening_finds(properties in any_properties(), text in "[abc](\\.[abc]){0,3}") {
        let mut all = Vec::new();
        flat(&Value::Object(properties.clone()), &mut Vec::new(), &mut all);
        let names = |way: &[Result<String, u32>]| {
            way.iter().filter_map(|step| step.clone().ok()).collect::<Vec<_>>().join(".")
        };
        let wanted: Vec<(String, u32, Value)> = all
            .into_iter()
            .filter(|(way, value)| names(way) == text && !value.is_null() && *value != json!(""))
            .map(|(way, value)| match way.iter().position(Result::is_err) {
                Some(n) => (names(&way[..n]), *way[n].as_ref().expect_err("a place"), value),
                None => (String::new(), 0, value),
            })
            .collect();
        let found = values(&properties, &path(&text));
        prop_assert_eq!(found.len(), wanted.len());
        for (found, (base, element, value)) in found.iter().zip(&wanted) {
            prop_assert_eq!((&*found.base, found.element), (base.as_str(), *element));
            match value {
                Value::String(written) => prop_assert_eq!(&found.text, &fold(written)),
                Value::Number(n) => prop_assert_eq!(found.number, n.as_f64().map(|n| (n * 1e6) as i64)),
                other => prop_assert_eq!(&found.text, &other.to_string()),
            }
        }
    }
}
