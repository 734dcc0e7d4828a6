//! Reading the catalogue: what is shipped, and what is refused.

use super::{SHIPPED, core, parse, shipped};
use crate::time::Span;

#[test]
fn the_shipped_catalogue_reads_and_each_tag_stands_after_what_it_needs() {
    let catalogue = core();
    let keys: Vec<&str> = catalogue.tags().iter().map(|tag| tag.key.as_str()).collect();
    assert_eq!(keys, ["value_tier", "vip", "churn_risk", "complaint_open", "complaint_history"]);
    let tier = catalogue.find("value_tier").expect("shipped");
    assert_eq!(tier.values(), Some(vec!["none", "regular", "silver", "gold", "diamond"]));
    assert_eq!((tier.hold, tier.settle), (Span::days(30), Span::days(15)));
    assert_eq!(tier.name.zh_cn, "客户价值分层");
    let whole = shipped();
    assert_eq!(whole.tags().len(), SHIPPED.len());
    let place = |key: &str| whole.tags().iter().position(|tag| tag.key == key);
    assert!(place("value_tier") < place("vip") && place("vip") < place("vip_candidate"));
    let waits: Vec<&str> =
        whole.tags().iter().filter(|tag| tag.waits_for().is_some()).map(|tag| tag.key.as_str()).collect();
    assert_eq!(waits, ["churn_early", "clv_band", "rfm_segment"]);
    assert!(whole.tags().iter().all(|tag| tag.group.is_some()), "each is about something");
}

#[test]
fn the_files_order_changes_nothing() {
    let mut reversed = SHIPPED;
    reversed.reverse();
    let reversed = parse(&reversed).expect("right");
    for tag in shipped().tags() {
        assert_eq!(reversed.find(&tag.key), Some(tag));
    }
}

#[test]
fn a_circle_is_refused_and_named() {
    let found = parse(&[
        "{key: a, name: {en: A, zh-CN: 甲}, rule: {tag: b}}",
        "{key: b, name: {en: B, zh-CN: 乙}, rule: {not: {tag: c}}}",
        "{key: c, name: {en: C, zh-CN: 丙}, rule: {any: [{tag: d}, {tag: b}]}}",
        "{key: d, name: {en: D, zh-CN: 丁}, rule: {profile: tickets, gte: 1}}",
    ]);
    let wanted = "b: tags depend on each other in a circle: b → c → b; break it at one of them";
    assert_eq!(found.expect_err("circle"), [wanted]);
    let own = parse(&["{key: a, name: {en: A, zh-CN: 甲}, rule: {tag: a}}"]).expect_err("circle");
    assert_eq!(own, ["a: tags depend on each other in a circle: a → a; break it at one of them"]);
}

#[test]
fn references_must_lead_somewhere() {
    let vip = "{key: vip, name: {en: VIP, zh-CN: VIP}, rule: {tag: value_teir, eq: diamond}}";
    let found = parse(&[SHIPPED[1], vip]).expect_err("typo");
    assert_eq!(
        found,
        ["vip: refers to the tag value_teir, which isn't in the catalogue; did you mean value_tier?"]
    );
    let vip = "{key: vip, name: {en: VIP, zh-CN: VIP}, rule: {tag: value_tier, eq: platinum}}";
    let found = parse(&[SHIPPED[1], vip]).expect_err("no such level");
    let wanted = "vip: value_tier never is platinum; its values are none, regular, silver, gold, diamond";
    assert_eq!(found, [wanted]);
}

#[test]
fn problems_name_the_tag_the_place_and_the_remedy() {
    let found = parse(&[
        "{key: a, name: {en: A}, rule: {tag: a}, hold: 90x, setle: 15d}",
        "{key: B, name: {en: B, zh-CN: 乙}, levels: []}",
        "{key: c, name: {en: C, zh-CN: 丙}, otherwise: none, levels: [
            {value: none, name: {en: Nil, zh-CN: 无}, rule: {profile: tickets, gte: many}}]}",
        "{key: d, name: {en: D, zh-CN: 丁}}",
        "[]",
    ])
    .expect_err("bad");
    let wanted = [
        "a.setle: no such field; did you mean settle?",
        "a.name.zh-CN: the name in this language is missing, or no text",
        "a.hold: \"90x\" is not a duration; write for example \"30d\" or \"12h\", at most \"36525d\"",
        "B.key: give key as lower-case letters, digits and _, beginning with a letter",
        "B.otherwise: give otherwise as lower-case letters, digits and _, beginning with a letter",
        "B.levels: give a list of at least one level, lowest first",
        "c.levels[0].rule.gte: \"many\" is not a whole number",
        "c.levels[0].value: none is there already",
        "d: give a rule, or levels with a rule each, or scores, values that people give, or set_by with events",
        "tags[4]: a tag is an object with key, name and rule or levels",
    ];
    assert_eq!(found, wanted);
    let twice = parse(&[SHIPPED[2], SHIPPED[2]]).expect_err("twice");
    assert_eq!(twice, ["tags[1].key: churn_risk is defined twice; keep one"]);
}

#[test]
fn a_document_is_no_longer_and_speaks_of_no_longer_than_anybody_can_read() {
    let refused = |change: &str| {
        let text = format!("key: long\nname: {{ en: L, zh-CN: 长 }}\n{change}");
        parse(&[&text]).expect_err("refused").join("\n")
    };
    let rule = "rule: { profile: orders_ever, gte: 1 }";
    for field in ["hold", "settle"] {
        let told = refused(&format!("{rule}\n{field}: 99999999d\n"));
        assert!(told.contains(&format!("long.{field}")) && told.contains("36525d"), "{told}");
    }
    let told = refused(&format!("{rule}\nby_hand: {{ expires: 99999999d }}\n"));
    assert!(told.contains("by_hand.expires"), "{told}");
    let names: Vec<String> = (0..101).map(|n| format!("Event {n}")).collect();
    let told = refused(&format!("set_by: [{}]\n", names.join(", ")));
    assert!(told.contains("at most 100 fit"), "{told}");
    let level = |n: usize| {
        format!(
            "  - {{ value: l{n}, name: {{ en: L, zh-CN: 级 }}, rule: {{ profile: orders_ever, gte: {n} }} }}\n"
        )
    };
    let levels: String = (1..=101).map(level).collect();
    let told = refused(&format!("otherwise: none\nlevels:\n{levels}"));
    assert!(told.contains("at most 100 fit"), "{told}");
}
