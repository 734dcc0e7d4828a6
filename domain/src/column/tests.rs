//! Columns hold what was put into them and find whom a rule means, whatever the order, the width and the place in a chunk. That they mean
//! what the database and memory mean is held by the random rules of `tests/it/asking`.

use super::ranges::{joined, ranges};
use super::{Cell, Columns, Name, Packed, Terms, compile};
use crate::ids::CustomerId;
use crate::money::Currency;
use crate::rule::{Comparison, Rule, parse};
use crate::tag::Catalogue;
use crate::time::Instant;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SPEND: Name = Name::Number("spend_365_minor");
const ORDERS: Name = Name::Number("orders_ever");
const LAST: Name = Name::Number("last_order_at");
const STYLE: Name = Name::Word("top_style_folded");

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => -3i64..300,
        2 => (0i64..2_000_000_000).prop_map(|s| s * 1_000_000),
        2 => any::<i32>().prop_map(i64::from),
        1 => any::<i64>(),
        1 => prop::sample::select(vec![i64::MIN, i64::MAX, 0]),
    ]
}

fn comparison() -> impl Strategy<Value = Comparison<i64>> {
    let one = || prop_oneof![3 => -30i64..300, 1 => number()];
    prop_oneof![
        one().prop_map(Comparison::Eq),
        one().prop_map(Comparison::Ne),
        one().prop_map(Comparison::Lt),
        one().prop_map(Comparison::Lte),
        one().prop_map(Comparison::Gt),
        one().prop_map(Comparison::Gte),
        prop::collection::vec(one(), 0..6).prop_map(Comparison::In),
        (one(), one()).prop_map(|(a, b)| Comparison::Between(a.min(b), a.max(b))),
        Just(Comparison::Present),
        Just(Comparison::Absent),
    ]
}

fn plan_of(rule: &Rule) -> super::Plan {
    let catalogue = Catalogue::parse(&[], base()).expect("nothing is a catalogue");
    let terms = Terms { catalogue: &catalogue, now: NOW, currency: base(), zones: &[] };
    compile(rule, &terms).expect("columns can say")
}

fn base() -> Currency {
    Currency::parse("CNY").expect("a currency")
}

const NOW: Instant = Instant::from_micros(1_790_301_600_000_000);

fn rule(tree: &Value) -> Rule {
    parse(tree).unwrap_or_else(|problems| panic!("{tree}: {problems:?}"))
}

/// Customers 10, 20, … whose n-th has n orders, spent n, bought last n seconds ago, and has a style where n is even.
fn book(rows: usize) -> Columns {
    let mut columns = Columns::default();
    for name in [SPEND, ORDERS, LAST, STYLE] {
        columns.begin(name);
    }
    for n in 0..rows {
        let number = i64::try_from(n).expect("few");
        let row = columns.row_for(CustomerId(10 * number + 10));
        columns.set_counts(row, true);
        columns.set(row, &ORDERS, Cell::Number(Some(number)));
        columns.set(row, &SPEND, Cell::Number(Some(100 * number)));
        columns.set(row, &LAST, Cell::Number(Some(NOW.micros() - number * 1_000_000)));
        let style = format!("s{}", n % 7);
        columns.set(row, &STYLE, Cell::Word((n % 2 == 0).then_some(style.as_str())));
    }
    columns
}

fn count(columns: &Columns, tree: &Value) -> u64 {
    let plan = plan_of(&rule(tree));
    let counted = columns.count(&plan).expect("all of it is held");
    assert_eq!(columns.members(&plan).expect("held").len() as u64, counted.count);
    counted.count
}

proptest! {
    #[test]
    fn a_number_is_what_was_put_there(
        first in prop::collection::vec(prop::option::weighted(0.8, number()), 0..200),
        changes in prop::collection::vec((any::<prop::sample::Index>(), number()), 0..20),
        test in comparison(),
    ) {
        let (mut packed, mut wanted) = (Packed::default(), Vec::new());
        for (row, number) in first.iter().enumerate() {
            packed.put(row, *number);
            wanted.push(*number);
        }
        for (row, number) in &changes {
            if wanted.is_empty() {
                break;
            }
            let row = row.index(wanted.len());
            packed.put(row, Some(*number));
            wanted[row] = Some(*number);
        }
        let ranges = ranges(&test, 1);
        let mut marked = [0; 4];
        packed.mark(&ranges, 0, &mut marked);
        for (row, number) in wanted.iter().enumerate().filter_map(|(row, n)| Some((row, (*n)?))) {
            prop_assert_eq!(packed.get(row), number);
            let is = test.holds(Some((i128::from(number), 1)));
            prop_assert_eq!(marked[row / 64] >> (row % 64) & 1 == 1, is, "{} {:?}", number, test);
            prop_assert!(packed.least().is_some_and(|least| least <= number));
        }
    }

    #[test]
    fn ranges_hold_what_the_comparison_holds(test in comparison(), value in -40i64..310, unit in prop::sample::select(vec![1i64, 7, 10_000])) {
        let within = ranges(&test, unit).iter().any(|(low, high)| (*low..=*high).contains(&value));
        prop_assert_eq!(within, test.holds(Some((i128::from(value) * i128::from(unit), 1))));
    }

    #[test]
    fn what_touches_is_one(found in prop::collection::vec((-20i64..20, -20i64..20), 0..12)) {
        let told = joined(found.iter().copied());
        for n in -25..25 {
            let within = |ranges: &[(i64, i64)]| ranges.iter().any(|(low, high)| (*low..=*high).contains(&n));
            prop_assert_eq!(within(&told), within(&found));
        }
        prop_assert!(told.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
    }
}

#[test]
fn rows_are_found_on_both_sides_of_a_chunks_end() {
    for rows in [0, 1, 63, 64, 65, 4_095, 4_096, 4_097, 8_193] {
        let columns = book(rows);
        let n = rows as u64;
        assert_eq!(count(&columns, &json!({"profile": "orders_ever", "gte": 0})), n);
        assert_eq!(count(&columns, &json!({"not": {"profile": "orders_ever", "gte": 4_096}})), n.min(4_096));
        assert_eq!(
            count(&columns, &json!({"profile": "spend_365", "gt": "4095.00"})),
            n.saturating_sub(4_096)
        );
        assert_eq!(count(&columns, &json!({"profile": "top_style", "exists": false})), n / 2);
        assert_eq!(
            columns
                .count(&plan_of(&rule(&json!({"profile": "top_style", "exists": true}))))
                .expect("held")
                .of,
            n
        );
    }
}

#[test]
fn whoever_doesnt_count_is_nobody() {
    let mut columns = book(100);
    let row = columns.row(CustomerId(50)).expect("is there");
    columns.set_counts(row, false);
    let everybody = json!({"profile": "orders_ever", "gte": 0});
    assert_eq!(count(&columns, &everybody), 99);
    assert_eq!(count(&columns, &json!({"not": everybody})), 0);
}

#[test]
fn words_and_instants_that_come_later_are_found() {
    let mut columns = book(5_000);
    let row = columns.row(CustomerId(20)).expect("is there");
    columns.set(row, &STYLE, Cell::Word(Some("never seen before")));
    columns.set(row, &LAST, Cell::Number(Some(NOW.micros() - 1)));
    assert_eq!(count(&columns, &json!({"profile": "top_style", "starts_with": "Never"})), 1);
    assert_eq!(count(&columns, &json!({"profile": "last_order_at", "within": "1s"})), 2, "0 s and 1 µs ago");
    assert_eq!(columns.cell(row, &LAST), Some(Cell::Number(Some(NOW.micros() - 1))));
    columns.set(row, &LAST, Cell::Number(None));
    assert_eq!(count(&columns, &json!({"profile": "last_order_at", "exists": false})), 1);
}

#[test]
fn customers_come_in_any_order() {
    let mut columns = book(10);
    for id in [55, 5, 1_000, 54] {
        let row = columns.row_for(CustomerId(id));
        columns.set_counts(row, true);
        columns.set(row, &ORDERS, Cell::Number(Some(id)));
    }
    for id in [10, 100, 55, 5, 1_000, 54] {
        assert_eq!(columns.row(CustomerId(id)).map(|row| columns.customer(row)), Some(CustomerId(id)));
    }
    assert_eq!((columns.row(CustomerId(56)), columns.rows()), (None, 14));
    assert_eq!(count(&columns, &json!({"profile": "orders_ever", "gte": 54})), 3);
    assert!(!columns.is_ragged());
    for id in (2_000..14_000).rev() {
        columns.row_for(CustomerId(id));
    }
    assert!(columns.is_ragged());
}

#[test]
fn what_was_loaded_apart_is_taken_over_row_by_row() {
    let mut columns = book(50);
    columns.row_for(CustomerId(7));
    let mut apart = Columns::default();
    apart.begin(Name::Tag("vip".to_owned()));
    for (id, value) in [(5, "gold"), (7, "silver"), (10, "gold"), (20, "gold")] {
        let row = apart.row_for(CustomerId(id));
        apart.set_counts(row, true);
        apart.set(row, &Name::Tag("vip".to_owned()), Cell::Word(Some(value)));
    }
    columns.take_over(apart);
    assert_eq!(columns.rows(), 52);
    assert_eq!(count(&columns, &json!({"tag": "vip", "eq": "gold"})), 3);
    assert_eq!(
        count(&columns, &json!({"tag": "vip", "exists": true})),
        3,
        "7 was known before, and doesn't count"
    );
    assert_eq!(
        count(
            &columns,
            &json!({"all": [{"tag": "vip", "eq": "gold"}, {"profile": "orders_ever", "lte": 0}]})
        ),
        1
    );
}

#[test]
fn what_wasnt_asked_for_longest_goes_first() {
    let mut columns = book(3_000);
    let whole = columns.bytes();
    columns.shrink();
    assert!(columns.bytes() <= whole);
    columns.use_now(&BTreeSet::from([ORDERS, STYLE, LAST]));
    columns.use_now(&BTreeSet::from([SPEND, STYLE]));
    let held = |columns: &Columns| columns.names().cloned().collect::<BTreeSet<_>>();
    let before = columns.bytes();
    columns.shrink_to(before - 1);
    assert_eq!(held(&columns).len(), 3);
    assert!(columns.holds(&SPEND) && columns.holds(&STYLE) && columns.bytes() < before);
    let missing = columns.count(&plan_of(&rule(
        &json!({"all": [{"profile": "orders_ever", "gte": 1}, {"profile": "last_order_at", "within": "1d"}]}),
    )));
    assert!(missing.is_err());
    let before = columns.bytes();
    columns.shrink_to(before - 1);
    assert_eq!(held(&columns), BTreeSet::from([SPEND, STYLE]));
    columns.shrink_to(0);
    assert_eq!((columns.rows(), columns.bytes()), (0, 0));
}

/// What a million customers take, by a twentieth of them: at most 120 MiB for all a shop asks of in a day.
#[test]
fn a_million_customers_fit() {
    const PART: usize = 50_000;
    let numbers = [
        ("spend_365_minor", 900_000),
        ("spend_ever_minor", 20_000_000),
        ("orders_365", 60),
        ("orders_ever", 400),
        ("open_complaints", 3),
        ("complaints_90", 4),
        ("tickets", 60),
        ("reviews", 40),
        ("review_milli", 200_000),
        ("counted_net_365_minor", 900_000),
        ("refunded_365_minor", 60_000),
        ("gross_365_minor", 900_000),
        ("lines_365", 500),
        ("birthday_code", 1_300),
    ];
    let instants = ["last_order_at", "first_order_at", "registered_at", "last_contact_at"];
    let mut columns = Columns::default();
    numbers.iter().for_each(|(name, _)| columns.begin(Name::Number(name)));
    instants.iter().for_each(|name| columns.begin(Name::Number(name)));
    let tags: Vec<Name> = (0..20).map(|n| Name::Tag(format!("tag{n}"))).collect();
    tags.iter().for_each(|name| columns.begin(name.clone()));
    for n in 0..PART {
        let spread = i64::try_from(n * 7_919 % 1_000_003).expect("small");
        let row = columns.row_for(CustomerId(20 * i64::try_from(n).expect("small") + 1));
        columns.set_counts(row, true);
        for (name, most) in &numbers {
            columns.set(row, &Name::Number(name), Cell::Number(Some(spread % most)));
        }
        for name in &instants {
            columns.set(row, &Name::Number(name), Cell::Number(Some(NOW.micros() - spread * 1_000_000 * 60)));
        }
        for name in &tags {
            columns.set(row, name, Cell::Word((n % 3 == 0).then_some("true")));
        }
    }
    columns.shrink();
    let million = columns.bytes() * (1_000_000 / PART);
    assert!(million <= 120 << 20, "{} MiB", million >> 20);
    // No less than each cell by itself: 4 bytes of id and instants, 1 to 4 of numbers, 1 of tags, a bit of each for being known.
    let least = PART * (4 + 4 * 4 + 3 * 4 + 8 + 20);
    assert!(columns.bytes() > least, "{} is honest", columns.bytes());
}

#[test]
fn two_hundred_nodes_are_counted() {
    let columns = book(5_000);
    let each: Vec<Value> =
        (0..99).map(|n| json!({"not": {"profile": "orders_ever", "eq": n * 50}})).collect();
    assert_eq!(count(&columns, &json!({ "all": each })), 5_000 - 99);
}
