//! Tag states at their boundaries.

use super::{core, parse, state, state_in, tier};
use crate::customer::fixture::*;
use crate::customer::{Bearer, CustomerFacts};
use crate::tag::{Course, Evaluation, courses};
use crate::time::Span;
use chrono_tz::UTC;
use serde_json::json;

const TICK: Span = Span::micros(1);

#[test]
fn exactly_10000_is_diamond_and_a_fen_less_is_gold() {
    assert_eq!(tier(&[order("A", 10_000_00, day(0))], day(0)), "diamond");
    assert_eq!(tier(&[order("A", 9_999_99, day(0))], day(0)), "gold");
    assert_eq!(tier(&[order("A", 1, day(0))], day(0)), "regular");
    assert_eq!(tier(&[order("A", 0, day(0))], day(0)), "none");
    assert_eq!(tier(&[], day(0)), "none");
    assert_eq!(tier(&[refund(None, None, Some(1_00), day(0))], day(0)), "none");
}

#[test]
fn a_level_is_held_30_d_from_the_end_of_its_condition_to_the_last_instant() {
    let events = [order("A", 10_000_00, day(0))];
    let end = day(365);
    let held = state(&events, "value_tier", end);
    assert_eq!((held.value.as_deref(), held.condition_value.as_deref()), (Some("diamond"), Some("none")));
    assert_eq!((held.since, held.next_flip), (day(0), Some(end + Span::days(30))));
    assert_eq!(
        held.evidence,
        json!({"spend_365": "0.00", "threshold": "10000.00", "held_until": end + Span::days(30)})
    );
    assert_eq!(tier(&events, end + Span::days(30) - TICK), "diamond");
    let gone = state(&events, "value_tier", end + Span::days(30));
    assert_eq!(
        (gone.value.as_deref(), gone.since, gone.next_flip),
        (Some("none"), end + Span::days(30), None)
    );
}

#[test]
fn what_becomes_of_tags_is_told_of_those_that_become_anything() {
    let events = [order("A", 10_000_00, day(0))];
    let facts = CustomerFacts::fold(&events);
    let told = |at| courses(&Evaluation::of(&core(), &facts, Bearer::consumer(UTC), at).states(at));
    let end = day(365) + Span::days(30);
    let course = |at, value: Option<&str>| {
        Some(Course { at: Some(at), value: value.map(str::to_owned), suppressed_until: None })
    };
    let before = told(day(1));
    assert_eq!(before.get("value_tier").cloned(), course(end, Some("none")));
    assert_eq!(before.get("churn_risk").cloned(), course(day(180), Some("true")), "it isn't there yet");
    assert_eq!(told(end).get("value_tier"), None, "nothing but a fact changes it");
    let kept = serde_json::to_string(&before).expect("JSON");
    assert_eq!(serde_json::from_str::<crate::tag::Courses>(&kept).expect("read"), before);
}

#[test]
fn a_purchase_returned_before_15_d_lifts_nobody_for_long() {
    let bought = order("A", 12_000_00, day(0));
    for order_id in [Some("A"), None] {
        let soon = [bought.clone(), refund(order_id, None, Some(12_000_00), day(15) - TICK)];
        assert_eq!([tier(&soon, day(14)), tier(&soon, day(15))], ["diamond", "none"]);
        let late = [bought.clone(), refund(order_id, None, Some(12_000_00), day(15))];
        assert_eq!([tier(&late, day(15)), tier(&late, day(45) - TICK)], ["diamond", "diamond"]);
        assert_eq!(tier(&late, day(45)), "none");
    }
}

#[test]
fn each_level_is_held_by_itself() {
    // Gold settled long ago; diamond for ten days only.
    let events = [
        order("A", 6_000_00, day(0)),
        order("B", 6_000_00, day(100)),
        refund(Some("B"), None, None, day(110)),
    ];
    assert_eq!([tier(&events, day(105)), tier(&events, day(110))], ["diamond", "gold"]);
    let state = state(&events, "value_tier", day(110));
    assert_eq!((state.since, state.next_flip), (day(110), Some(day(395))));
    assert_eq!(state.evidence, json!({"spend_365": "6000.00", "threshold": "5000.00"}));
}

#[test]
fn time_at_a_higher_level_counts_for_the_lower_ones_too() {
    let levels = "{key: band, name: {en: Band, zh-CN: 段}, hold: 30d, settle: 15d, otherwise: none, levels: [
        {value: low, name: {en: Low, zh-CN: 低}, rule: {profile: spend_365, between: [1000, 1999]}},
        {value: high, name: {en: High, zh-CN: 高}, rule: {profile: spend_365, gte: 5000}}]}";
    let catalogue = parse(&[levels]).expect("right");
    // Ten days low, ten days high: low or higher for twenty, so low is held and high isn't.
    let events = [
        order("A", 1_000_00, day(0)),
        order("B", 9_000_00, day(10)),
        cancel("A", day(20)),
        cancel("B", day(20)),
    ];
    let band = |n| state_in(&catalogue, &events, UTC, "band", day(n)).value.expect("always");
    assert_eq!([0, 10, 19, 20, 49, 50].map(band), ["low", "high", "high", "low", "low", "none"]);
}

#[test]
fn vip_follows_the_held_tier() {
    let events = [order("A", 10_000_00, day(0))];
    let vip = |n| state(&events, "vip", day(n));
    assert_eq!([vip(394).value.as_deref(), vip(395).value.as_deref()], [Some("true"), None]);
    assert_eq!((vip(394).since, vip(394).next_flip), (day(0), Some(day(395))));
    assert_eq!(vip(394).evidence, json!({"value_tier": "diamond"}));
}

#[test]
fn two_customers_of_6000_are_one_diamond_together() {
    let (one, other) = (order("A", 6_000_00, day(0)), order("B", 6_000_00, day(7)));
    assert_eq!(tier(std::slice::from_ref(&one), day(9)), "gold");
    let merged = state(&[other, one], "value_tier", day(9));
    assert_eq!((merged.value.as_deref(), merged.since), (Some("diamond"), day(7)));
}

#[test]
fn churn_risk_begins_with_local_day_180() {
    let zone = chrono_tz::Asia::Shanghai;
    let catalogue = core();
    let events = [order("A-7", 1_00, at("2026-01-10T23:59:59+08:00"))];
    let churn = |now: &str| state_in(&catalogue, &events, zone, "churn_risk", at(now));
    let before = churn("2026-07-08T23:59:59.999999+08:00");
    let midnight = at("2026-07-09T00:00:00+08:00");
    assert_eq!((before.value.as_deref(), before.next_flip), (None, Some(midnight)));
    assert_eq!(before.evidence["days"], json!(179));
    let on = churn("2026-07-09T00:00:00+08:00");
    assert_eq!((on.value.as_deref(), on.since, on.next_flip), (Some("true"), midnight, None));
    let wanted = json!({"last_order_at": "2026-01-10T15:59:59Z", "last_order_id": "A-7", "days": 180});
    assert_eq!(on.evidence, wanted);
    assert_eq!(churn("2026-07-10T00:00:00+08:00").evidence["days"], json!(181));
}

#[test]
fn a_refunded_order_is_no_last_order() {
    let events =
        [order("A", 5_00, day(0)), order("B", 5_00, day(100)), refund(Some("B"), None, None, day(200))];
    assert_eq!(state(&events, "churn_risk", day(199)).value, None);
    let on = state(&events, "churn_risk", day(200));
    assert_eq!((on.value.as_deref(), on.since), (Some("true"), day(200)));
    assert_eq!(on.evidence["last_order_id"], json!("A"));
}

#[test]
fn complaints_are_open_and_counted() {
    let events =
        [complaint("K", day(0)), resolved("K", day(3)), complaint("L", day(5)), complaint("M", day(6))];
    let open = |n| state(&events, "complaint_open", day(n)).value.is_some();
    assert_eq!([0, 2, 3, 4, 5].map(open), [true, true, false, false, true]);
    let history = |n| state(&events, "complaint_history", day(n)).value.expect("always");
    let seen = [-1, 0, 5, 6, 364, 365, 370, 371].map(history);
    assert_eq!(seen, ["none", "one", "several", "frequent", "frequent", "several", "one", "none"]);
    let several = state(&events, "complaint_history", day(5));
    assert_eq!(several.evidence, json!({"complaints_365": 2, "threshold": "2"}));
}

#[test]
fn an_exclusion_ends_the_tag_at_once() {
    let candidate = "{key: vip_candidate, name: {en: VIP candidate, zh-CN: 准 VIP}, hold: 30d, settle: 15d,
        rule: {profile: spend_365, gte: 8000}, unless: {tag: value_tier, eq: diamond}}";
    let catalogue = parse(&[candidate, super::SHIPPED[1]]).expect("right");
    let events = [order("A", 9_000_00, day(0)), order("B", 1_000_00, day(100)), cancel("B", day(200))];
    let on = |n| state_in(&catalogue, &events, UTC, "vip_candidate", day(n)).value.is_some();
    // Diamond from day 100, and still held as such until day 230.
    assert_eq!([99, 100, 200, 229, 230, 394, 395].map(on), [true, false, false, false, true, true, false]);
}

#[test]
fn the_condition_stands_beside_the_held_value_over_time() {
    let catalogue = core();
    let facts = CustomerFacts::fold(&[order("A", 10_000_00, day(0))]);
    let evaluation = Evaluation::of(&catalogue, &facts, Bearer::consumer(UTC), day(0));
    let ends = |line: Option<&crate::timeline::Timeline<_>>| {
        line.expect("in the catalogue").changes().map(|(at, _)| at).collect::<Vec<_>>()
    };
    assert_eq!(ends(evaluation.condition("value_tier")), [day(0), day(365)]);
    assert_eq!(ends(evaluation.value("value_tier")), [day(0), day(395)]);
    assert_eq!(evaluation.next_due(day(0)), Some(day(180)));
    assert!(evaluation.value("value_teir").is_none());
}
