//! Tests of the leaves over words, shares, ages, days that come round, and events: what they mean at their borders, and
//! what is refused with its place.

#![allow(clippy::inconsistent_digit_grouping, reason = "amounts are written as 10_000_00: yuan, then fen")]

use super::*;
use crate::customer::fixture::*;
use crate::customer::{Bearer, Birthday, CustomerFacts, ProfileTimelines};
use crate::event::own::{Arm, Own};
use crate::event::{Detail, Event, Fact, OrderDetail, OrderLine, ReviewSaid, Ticket};
use crate::ids::EnrollmentId;
use crate::money::Currency;
use crate::time::{Instant, Span, add_days};
use crate::timeline::Timeline;
use chrono_tz::{Tz, UTC};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;

fn yuan() -> Currency {
    Currency::parse("CNY").expect("a code")
}

fn read(rule: &Value) -> Rule {
    parse(rule).unwrap_or_else(|problems| panic!("{rule}: {problems:?}"))
}

fn line_for(rule: &Value, events: &[Event], bearer: Bearer) -> Timeline<bool> {
    let facts = CustomerFacts::fold(events);
    let profile = ProfileTimelines::build(&facts, bearer.zone);
    let gold = Some(Arc::from("gold"));
    let tier = Timeline::from_points(Some(Arc::from("none")), [(day(50), gold), (day(60), None)]);
    let tags = TagTimelines::from([("value_tier".to_owned(), tier)]);
    let horizon = day(800);
    eval(&read(rule), &Context { profile: &profile, tags: &tags, bearer, currency: yuan(), horizon })
}

fn holds(rule: Value, events: &[Event], now: Instant) -> bool {
    *line_for(&rule, events, Bearer::consumer(UTC)).at(now)
}

fn refused(rule: Value) -> Vec<String> {
    parse(&rule).expect_err("should be refused").iter().map(ToString::to_string).collect()
}

/// An order of lines of these categories.
fn bought(id: &str, total: i64, categories: &[&str], coupon: Option<&str>, at: Instant) -> Event {
    let line = |category: &&str| OrderLine {
        category: Some((*category).to_owned()),
        name: Some(format!("a {category}")),
        ..OrderLine::default()
    };
    let said = OrderDetail {
        lines: Some(categories.iter().map(line).collect()),
        coupon: coupon.map(str::to_owned),
        ..OrderDetail::default()
    };
    Event { detail: Some(Detail::Order(said)), ..order(id, total, at) }
}

fn named(name: &str, at: Instant) -> Event {
    event(at, Fact::Custom { name: name.to_owned() })
}

#[test]
fn words_compare_folded_with_every_operator() {
    let events = [bought("A", 1_00, &["Ｌippenstift", "Straße", "Straße"], None, day(0))];
    for (test, wanted) in [
        (json!({"eq": "STRASSE"}), true),
        (json!({"eq": "strass"}), false),
        (json!({"ne": "straße"}), false),
        (json!({"ne": "lippenstift"}), true),
        (json!({"in": ["x", "Strasse"]}), true),
        (json!({"in": ["x"]}), false),
        (json!({"contains": "RASS"}), true),
        (json!({"contains": "rasst"}), false),
        (json!({"starts_with": "ＳＴＲ"}), true),
        (json!({"starts_with": "tra"}), false),
        (json!({"exists": true}), true),
        (json!({"exists": false}), false),
    ] {
        let mut rule = test.clone();
        rule["profile"] = json!("top_category");
        assert_eq!(holds(rule.clone(), &events, day(1)), wanted, "{test}");
        let absent = test == json!({"exists": false});
        assert_eq!(holds(rule, &[order("A", 1_00, day(0))], day(1)), absent, "of nothing: {test}");
    }
    let top = json!({"profile": "top_category", "eq": "strasse"});
    assert!(holds(top.clone(), &events, day(365) - Span::micros(1)) && !holds(top, &events, day(365)));
}

#[test]
fn shares_and_means_are_compared_without_rounding() {
    let third = [
        bought("A", 10_00, &["a", "b", "c"], Some("x"), day(0)),
        bought("B", 10_00, &[], None, day(0)),
        bought("C", 10_01, &[], None, day(0)),
    ];
    let share =
        |op: &str, text: &str| holds(json!({"profile": "coupon_share_365", op: text}), &third, day(1));
    assert!(share("gte", "33.3333%") && !share("gte", "33.3334%"));
    assert!(share("lt", "33.3334%") && !share("eq", "33.3333%"));
    // 30.01 ÷ 3 is 10.00333…
    let mean = |op: &str, text: &str| holds(json!({"profile": "avg_order_365", op: text}), &third, day(1));
    assert!(mean("gt", "10.003333") && mean("lt", "10.003334") && !mean("gte", "10.01"));
    assert!(
        !holds(json!({"profile": "coupon_share_365", "lt": "100%"}), &[], day(1)),
        "of nothing there is no share"
    );
    let starred = |stars: i64, id: &str| Event {
        subject: Some(id.to_owned()),
        detail: Some(Detail::Review(ReviewSaid { rating_milli: Some(stars), ..ReviewSaid::default() })),
        ..named("Product Reviewed", day(0))
    };
    let events = [starred(5_000, "r"), Event { message_id: "m".into(), ..starred(4_000, "s") }];
    assert!(holds(json!({"profile": "review_mean", "eq": "4.5"}), &events, day(1)));
}

#[test]
fn a_fraction_of_the_money_that_was_paid_back_is_a_share_of_it() {
    let events = [
        order("A", 100_00, day(0)),
        order("B", 100_00, day(0)),
        order("C", 500_00, day(0)),
        cancel("C", day(1)),
        refund(Some("A"), Some("r"), Some(50_00), day(2)),
    ];
    let rate = |text: &str, now| holds(json!({"profile": "refund_rate_365", "eq": text}), &events, now);
    assert!(rate("0%", day(1)) && rate("25%", day(2)), "what was cancelled was neither paid nor paid back");
    assert!(!rate("25%", day(365)), "by then nothing is left of it");
}

#[test]
fn an_age_is_a_duration_to_its_last_instant() {
    let events = [complaint("T", day(0)), resolved("T", day(10))];
    let within = json!({"profile": "complaint_closed_at", "within": "30d"});
    let old = json!({"profile": "complaint_closed_at", "older_than": "30d"});
    let micro = Span::micros(1);
    let at = [day(10) - micro, day(10), day(40) - micro, day(40)];
    assert_eq!(at.map(|now| holds(within.clone(), &events, now)), [false, true, true, false]);
    assert_eq!(at.map(|now| holds(old.clone(), &events, now)), [false, false, false, true]);
    let again = [events.to_vec(), vec![reopened("T", day(20)), resolved("T", day(25))]].concat();
    let seen = [15, 20, 24, 25, 54, 55].map(|n| holds(within.clone(), &again, day(n)));
    assert_eq!(seen, [true, false, false, true, true, false], "a reopened complaint isn't closed");
    assert!(!holds(within.clone(), &[], day(1)) && !holds(old, &[], day(900)));
    let question =
        event(day(0), Fact::TicketOpened(Ticket { ticket_id: "Q".to_owned(), ..Ticket::default() }));
    assert!(!holds(within, &[question, resolved("Q", day(10))], day(11)), "a question is no complaint");
}

#[test]
fn an_order_is_won_back_up_to_60_d_after_coming_in() {
    let entered = |campaign: &str| {
        let own = Own::CampaignEntered {
            campaign: campaign.to_owned(),
            enrollment: EnrollmentId(1),
            arm: Arm::Control,
            occasion: "after:shop:A".to_owned(),
        };
        Event { detail: Some(Detail::Own(Box::new(own))), ..named("Campaign Entered", day(0)) }
    };
    let rule = json!({"profile": "won_back_at", "within": "90d"});
    let won = |campaign, paid, n| holds(rule.clone(), &[entered(campaign), order("B", 1_00, paid)], day(n));
    let micro = Span::micros(1);
    assert!(won("winback", day(60), 60) && !won("winback", day(60) + micro, 61));
    assert!(!won("winback", day(0), 1), "it must come after the entry");
    assert!(won("winback", day(0) + micro, 1) && !won("festival", day(1), 2));
    assert!(won("winback", day(60), 149) && !won("winback", day(60), 150), "for 90 d");
    // Only the first order is won by it.
    let later = [entered("winback"), order("B", 1_00, day(10)), order("C", 1_00, day(50))];
    assert!(holds(rule.clone(), &later, day(99)) && !holds(rule, &later, day(100)));
}

#[test]
fn a_tags_age_counts_from_its_value() {
    let rule =
        |op: &str, span: &str| json!({"tag": "value_tier", "in": ["gold", "none"], "since": {op: span}});
    let events = [order("A", 1_00, day(40))];
    let on = |rule: &Value, n| holds(rule.clone(), &events, day(n));
    // "none" since the first known fact, "gold" since day 50, nothing from day 60 on.
    let older = rule("older_than", "7d");
    assert_eq!(
        [46, 47, 49, 50, 56, 57, 59, 60].map(|n| on(&older, n)),
        [false, true, true, false, false, true, true, false]
    );
    let younger = rule("within", "7d");
    assert_eq!(
        [46, 47, 49, 50, 56, 57, 60].map(|n| on(&younger, n)),
        [true, false, false, true, true, false, false]
    );
    let absent = json!({"tag": "value_tier", "exists": false, "since": {"older_than": "7d"}});
    assert_eq!([60, 66, 67].map(|n| on(&absent, n)), [false, false, true]);
}

#[test]
fn a_birthday_comes_round_every_year_on_local_dates() {
    let shanghai = chrono_tz::Asia::Shanghai;
    let soon = |birthday: &str, days: &str, now: &str| {
        let birthday = Some(Birthday::parse(birthday).expect("a birthday"));
        let bearer = Bearer { birthday, ..Bearer::consumer(shanghai) };
        *line_for(&json!({"anniversary": "birthday", "within": days}), &[order("A", 1, day(0))], bearer)
            .at(at(now))
    };
    for (now, wanted) in [
        ("2026-05-01T23:59:59+08:00", false),
        ("2026-05-02T00:00:00+08:00", true),
        ("2026-05-09T23:59:59+08:00", true),
        ("2026-05-10T00:00:00+08:00", false),
        ("2027-05-05T12:00:00+08:00", true),
    ] {
        assert_eq!(soon("1990-05-09", "7d", now), wanted, "{now}");
        assert_eq!(soon("05-09", "7d", now), wanted, "{now}");
    }
    assert!(soon("2000-02-29", "0d", "2026-02-28T12:00:00+08:00"), "a common year's 29 February is the 28th");
    assert!(!soon("2000-02-29", "0d", "2026-03-01T12:00:00+08:00"));
    assert!(
        soon("2000-02-29", "0d", "2028-02-29T12:00:00+08:00")
            && !soon("2000-02-29", "0d", "2028-02-28T12:00:00+08:00")
    );
    // The new year's week: the birthday lies in the next one.
    assert!(
        soon("01-02", "7d", "2026-12-27T00:00:00+08:00") && !soon("01-02", "7d", "2026-12-25T23:59:59+08:00")
    );
    // Mid-autumn of 2026 is 25 September; the lunar new year's eve of 2026 is 5 February 2027.
    assert!(
        soon("lunar:08-15", "0d", "2026-09-25T12:00:00+08:00")
            && !soon("lunar:08-15", "0d", "2026-09-24T12:00:00+08:00")
    );
    assert!(soon("lunar:1990-12-30", "0d", "2027-02-05T12:00:00+08:00"));
    let birthday = Birthday::parse("05-09").ok();
    let bearer = Bearer { birthday, ..Bearer::consumer(shanghai) };
    let unheard_of = line_for(&json!({"anniversary": "birthday", "within": "7d"}), &[], bearer);
    assert!(*unheard_of.at(at("2026-05-05T12:00:00+08:00")), "of whom nothing is known to have happened");
    assert!(!soon("1970-01-01", "182d", "2026-12-31T12:00:00+08:00"), "nobody's birthday");
    assert!(!holds(json!({"anniversary": "birthday", "within": "7d"}), &[], day(1)));
}

#[test]
fn the_first_orders_anniversary_is_a_year_later() {
    let rule = json!({"anniversary": "first_order_at", "within": "0d"});
    let events = [order("A", 1_00, day(10)), order("B", 1_00, day(40)), cancel("A", day(200))];
    let on = |n| holds(rule.clone(), &events, day(n));
    assert_eq!(
        [10, 374, 375, 376, 404, 405, 406].map(on),
        [false, false, false, false, false, true, false],
        "the cancelled one is nobody's first order any more"
    );
}

#[test]
fn events_are_counted_within_their_window() {
    let events =
        [named("Handoff Requested", day(0)), named("Handoff Requested", day(5)), named("Other", day(1))];
    let on = |rule: Value, n| holds(rule, &events, day(n));
    let twice = json!({"event": "Handoff Requested", "count": {"gte": 2}, "within": "7d"});
    assert_eq!([4, 5, 6, 7].map(|n| on(twice.clone(), n)), [false, true, true, false]);
    let ever = json!({"event": "Handoff Requested"});
    assert_eq!([-1, 0, 400].map(|n| on(ever.clone(), n)), [false, true, true]);
    let never = json!({"event": "Handoff Requested", "count": {"eq": 0}, "within": "7d"});
    assert_eq!([-1, 0, 11, 12].map(|n| on(never.clone(), n)), [true, false, false, true]);
    let none = json!({"event": "Nothing", "count": {"lt": 1}});
    assert!(on(none, 3), "the count of nothing is 0");
}

#[test]
fn who_is_younger_than_the_window_counts_unless_excluded() {
    let quiet = |more: Value| {
        let mut rule = json!({"event": "Order Completed", "count": {"lte": 1}, "within": "90d"});
        rule.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        rule
    };
    let events = [order("A", 1_00, day(0))];
    let on = |rule: &Value, bearer, n| *line_for(rule, &events, bearer).at(day(n));
    let unregistered = Bearer::consumer(UTC);
    let include = quiet(json!({}));
    let exclude = quiet(json!({"for_new": "exclude"}));
    assert_eq!([1, 89, 90].map(|n| on(&include, unregistered, n)), [true, true, true]);
    assert_eq!([1, 89, 90].map(|n| on(&exclude, unregistered, n)), [false, false, true]);
    let registered = Bearer { registered_at: Some(day(-30)), ..unregistered };
    assert_eq!([59, 60].map(|n| on(&exclude, registered, n)), [false, true]);
}

#[test]
fn problems_of_leaves_name_the_place_and_the_remedy() {
    let found = refused(json!({"all": [
        {"event": "Order Completed", "within": "90x"},
        {"event": "Order Completed", "count": 2},
        {"event": "Order Completed", "count": {"gte": "many"}},
        {"event": "Order Completed", "wihtin": "90d"},
        {"event": "Order Completed", "for_new": "exclude"},
        {"event": "a\u{0}b"},
        {"profile": "coupon_share_365", "gte": 0.6},
        {"profile": "coupon_share_365", "gte": "60.00001%"},
        {"profile": "top_category", "gte": "x"},
        {"profile": "top_category", "eq": "  "},
        {"profile": "complaint_closed_at", "within": "0d"},
        {"profile": "spend_365", "within": "30d"},
        {"anniversary": "birthday", "within": "400d"},
        {"anniversary": "spend_365", "within": "7d"},
        {"tag": "vip", "since": "7d"},
        {"tag": "vip", "since": {"older_then": "7d"}},
        {"profile": "birthday", "eq": "05-01"},
        {"event": "Order Completed", "within": "99999999d"},
    ]}));
    assert_eq!(
        found,
        [
            "all[0].within: \"90x\" is not a duration; write for example \"30d\" or \"12h\", at most \"36525d\"",
            "all[1].count: 2 is no comparison; write for example {gte: 2}",
            "all[2].count.gte: \"many\" is not a whole number",
            "all[3].wihtin: event has no field wihtin; did you mean within?",
            "all[4].for_new: says something of a window that begins so long ago; give within, or between with two durations, too",
            "all[5].event: has a control character in it; write plain text",
            "all[6].gte: 0.6 is not a share such as \"40%\"",
            "all[7].gte: \"60.00001%\" is not a share such as \"40%\"",
            "all[8].gte: profile has no field gte; profile takes eq, ne, in, contains, starts_with, exists",
            "all[9].eq: \"  \" is not a word",
            "all[10].within: \"0d\" is not a duration; write for example \"30d\" or \"12h\", at most \"36525d\"",
            "all[11].within: profile has no field within; profile takes eq, ne, lt, lte, gt, gte, in, between, exists",
            "all[12].within: \"400d\" is not a number of days; write for example \"7d\", at most \"182d\"",
            "all[13].anniversary: spend_365 is no point in time; use last_order_at or first_order_at",
            "all[14].since: \"7d\" is no age; write for example {older_than: 7d}",
            "all[15].since.older_then: since has no field older_then; did you mean older_than?",
            "all[16].eq: profile has no field eq; profile takes exists",
            "all[17].within: \"99999999d\" is not a duration; write for example \"30d\" or \"12h\", at most \"36525d\"",
        ]
    );
    let many: Vec<u32> = (0..1_001).collect();
    assert_eq!(
        refused(json!({"profile": "orders_365", "in": many})),
        ["in: has 1001 values, at most 1000 fit; make them a list"]
    );
}

#[test]
fn the_documentation_names_every_field_and_leaf() {
    let page = include_str!("../../../docs/tags.md");
    for field in Field::ALL {
        let row = format!("| {} | {} |", field.name(Lang::En), field.name(Lang::ZhCn));
        assert!(
            page.contains(&format!("| `{}` |", field.key())) && page.contains(&row),
            "{}: {row}",
            field.key()
        );
    }
    for leaf in ["{profile:", "{days_since:", "{anniversary:", "{event:", "{tag:", "{share:"] {
        assert!(page.contains(leaf), "{leaf}");
    }
}

#[test]
fn evidence_rounds_for_people_and_keeps_birthdays_to_itself() {
    let events =
        [bought("A", 10_00, &["a", "a", "b"], None, day(0)), bought("B", 20_05, &[], Some("c"), day(3))];
    let facts = CustomerFacts::fold(&events);
    let profile = ProfileTimelines::build(&facts, UTC);
    let birthday = Birthday::parse("1990-05-09").ok();
    let bearer = Bearer { birthday, ..Bearer::consumer(UTC) };
    let context = Context {
        profile: &profile,
        tags: &TagTimelines::new(),
        bearer,
        currency: yuan(),
        horizon: day(900),
    };
    let value = |rule: Value| Value::Object(leaf_value(&read(&rule), &context, day(4)));
    assert_eq!(
        value(json!({"profile": "top_category_share", "gte": "40%"})),
        json!({"top_category_share": "66.7%"})
    );
    assert_eq!(value(json!({"profile": "avg_order_365", "gte": 1})), json!({"avg_order_365": "15.03"}));
    assert_eq!(value(json!({"profile": "median_gap_days", "gte": 1})), json!({"median_gap_days": "3.0"}));
    assert_eq!(value(json!({"profile": "top_category", "eq": "a"})), json!({"top_category": "a"}));
    assert_eq!(value(json!({"event": "Order Completed", "within": "2d"})), json!({"Order Completed": 1}));
    assert_eq!(value(json!({"anniversary": "birthday", "within": "7d"})), json!({"birthday": "known"}));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Against a clock looked at every half hour, in zones with awkward changes.
    #[test]
    fn days_that_come_round_agree_with_the_local_calendar(
        zone in prop_oneof![
            Just(chrono_tz::Europe::London), Just(chrono_tz::America::Sao_Paulo), Just(chrono_tz::Asia::Shanghai),
            Just(chrono_tz::Pacific::Apia), Just(chrono_tz::Asia::Beirut), Just(chrono_tz::Australia::Lord_Howe),
        ],
        month in 1u32..=12, date in 1u32..=28, within in 0i64..20, start in 0i64..330,
    ) {
        let zone: Tz = zone;
        let birthday = Birthday::parse(&format!("{month:02}-{date:02}")).ok();
        let bearer = Bearer { birthday, ..Bearer::consumer(zone) };
        let rule = json!({"anniversary": "birthday", "within": format!("{within}d")});
        let line = line_for(&rule, &[order("A", 1, day(0))], bearer);
        for n in start * 48..(start + 40) * 48 {
            let now = day(0) + Span::minutes(30 * n);
            // The latest date that has begun: where clocks go back over midnight, the later of the two.
            let today = [1, 0].map(|ahead| add_days(now.local_date(zone), ahead));
            let today = today.into_iter().find(|date| Instant::first_of(*date, zone) <= now).expect("a date");
            let soon = (0..=within).map(|ahead| add_days(today, ahead));
            let wanted = soon.into_iter().any(|day| {
                use chrono::Datelike;
                (day.month(), day.day()) == (month, date)
            });
            prop_assert_eq!(*line.at(now), wanted, "{}", now);
        }
    }
}
