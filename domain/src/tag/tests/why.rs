//! The sentence that says why a customer has a tag.

use super::shipped;
use crate::customer::fixture::day;
use crate::rule::Lang;
use crate::tag::{Standing, TagDocument};
use chrono_tz::UTC;
use serde_json::{Value, json};

fn why(key: &str, value: &str, evidence: Value) -> [String; 2] {
    let catalogue = shipped();
    let tag = catalogue.find(key).expect("shipped");
    let standing = Standing { value, since: day(0), evidence: &evidence };
    [Lang::En, Lang::ZhCn].map(|lang| tag.why(&standing, UTC, lang))
}

#[test]
fn a_level_names_its_bound_and_what_was_found() {
    let since = day(0).local_date(UTC);
    let [en, zh] = why("value_tier", "gold", json!({"spend_365": "6000.00", "threshold": "5000.00"}));
    assert_eq!(
        en,
        format!(
            "Value tier is Gold since {since}: net spend in 365 d is at least 5000.00 (net spend in 365 d: 6000.00)."
        )
    );
    assert_eq!(
        zh,
        format!("客户价值分层自 {since} 起为「金」：365 天净消费不低于 5000.00（365 天净消费：6000.00）。")
    );
}

#[test]
fn what_is_only_held_says_until_when() {
    let until = day(40);
    let evidence = json!({"spend_365": "100.00", "threshold": "5000.00", "held_until": until});
    let [en, zh] = why("value_tier", "gold", evidence);
    let date = until.local_date(UTC);
    assert!(en.ends_with(&format!("; the condition has ended, the tag is held until {date}.")), "{en}");
    assert!(zh.ends_with(&format!("；条件已不满足，保留至 {date}。")), "{zh}");
}

#[test]
fn the_lowest_level_and_flags_say_their_own() {
    let since = day(0).local_date(UTC);
    let [en, zh] = why("value_tier", "none", json!({"spend_365": "0.00"}));
    assert_eq!(
        en,
        format!("Value tier is None since {since}: no level's condition holds (net spend in 365 d: 0.00).")
    );
    assert!(zh.starts_with(&format!("客户价值分层自 {since} 起为「无」")), "{zh}");
    let [en, zh] = why("vip", "true", json!({"value_tier": "diamond"}));
    assert_eq!(en, format!("VIP since {since}: tag value_tier is diamond (tag value_tier: diamond)."));
    assert_eq!(
        zh,
        format!("自 {since} 起有「VIP 客户」：标签 value_tier 为 diamond（标签 value_tier：diamond）。")
    );
    // Days since age, so the instant is told instead.
    let evidence = json!({"last_order_at": "2026-01-10T15:59:59Z", "last_order_id": "A-7", "days": 180});
    let [en, _] = why("churn_risk", "true", evidence);
    assert!(en.ends_with("(the last counted order: 2026-01-10, order: A-7)."), "{en}");
}

#[test]
fn one_document_is_enough_to_read_its_tag() {
    let body = super::yaml("{key: vip, name: {en: VIP, zh-CN: VIP}, rule: {tag: value_tier, eq: diamond}}");
    assert_eq!(TagDocument::first(body).definition().expect("right").key, "vip");
    assert!(TagDocument::first(json!({"key": "vip"})).definition().is_err());
}

#[test]
fn the_value_of_whom_no_level_holds_has_a_name_too() {
    let tier = shipped();
    let tier = tier.find("value_tier").expect("shipped");
    assert_eq!(tier.value_name("none", Lang::ZhCn), Some("无"));
    assert_eq!(tier.value_name("none", Lang::En), Some("None"));
    let plain = "key: t\nname: { en: T, zh-CN: 标 }\notherwise: low\nlevels:\n  - { value: high, name: { en: High, zh-CN: 高 }, \
                 rule: { profile: orders_ever, gte: 1 } }\n";
    let plain = super::parse(&[plain]).expect("right");
    assert_eq!(plain.find("t").expect("there").value_name("low", Lang::ZhCn), Some("low"));
    let bare = "key: t\nname: { en: T, zh-CN: 标 }\notherwise: { value: low }\nlevels:\n  - { value: high, name: { en: High, zh-CN: 高 }, \
                rule: { profile: orders_ever, gte: 1 } }\n";
    let told = super::parse(&[bare]).expect_err("refused").join("\n");
    assert!(told.contains("t.otherwise.name"), "{told}");
}
