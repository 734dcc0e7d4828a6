//! Every number of a profile and what becomes of its tags, in the profile and in the export: counted by hand at one instant,
//! and none of the store's forgotten.

use crate::support::book::House;
use crate::support::on_both_databases;
use crate::support::retail::at;
use domain::ids::CustomerId;
use domain::time::Instant;
use kinkeeper::cli::profile_text::render;
use kinkeeper::service::marking::{self, Given, Hand};
use kinkeeper::service::profile::{IdentifierKind, ProfileView, find, profile};
use kinkeeper::service::profiles;
use kinkeeper::store::{Lane, StoreError};

use sea_orm::{ConnectionTrait, IdenStatic, Iterable, Statement};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// 2026-09-25T02:00:00Z; the shop is in Shanghai.
const NOW: &str = "clock=2026-09-25T10:00:00+08:00";

fn track(event: &str, at: &str, properties: Value) -> Value {
    json!({"type": "track", "messageId": format!("{event} {at}"), "userId": "full", "event": event, "timestamp": at,
           "properties": properties})
}

fn order(id: &str, at: &str, total: &str, products: Value) -> Value {
    let mut order =
        track("Order Completed", at, json!({"order_id": id, "total": total, "products": products}));
    if id == "O2" {
        order["properties"]["coupon"] = json!("AUTUMN");
    }
    order
}

fn product(name: &str, [category, style, brand]: [&str; 3]) -> Value {
    json!({"name": name, "category": category, "style": style, "brand": brand, "quantity": 1})
}

/// Somebody of whom every number is known but what a win-back won, which only the daemon itself can say.
fn everything() -> Vec<Value> {
    let (green, cup) =
        (product("Green tea", ["tea", "plain", "Mei"]), product("Cup", ["cups", "plain", "Lan"]));
    let mut events = vec![
        json!({"type": "identify", "messageId": "i", "userId": "full", "timestamp": "2025-01-01T00:00:00Z",
               "traits": {"name": "Lin Wei", "email": "lin@example.com"}}),
        order("O0", "2025-01-10T12:00:00Z", "1000", json!([green])),
        order("O1", "2026-05-01T12:00:00Z", "300", json!([green])),
        order("O2", "2026-05-11T12:00:00Z", "200", json!([green, cup])),
        order("O3", "2026-05-31T12:00:00Z", "100", json!([product("Black tea", ["tea", "fine", "Mei"])])),
        order("O4", "2026-07-01T12:30:00Z", "400", json!([product("Jar", ["cups", "plain", "Lan"])])),
        order("O5", "2026-07-01T13:00:00Z", "50", json!([{"name": "White tea", "category": "tea"}])),
        order("O6", "2026-07-05T12:00:00Z", "999", json!([cup])),
        track("Order Cancelled", "2026-07-06T12:00:00Z", json!({"order_id": "O6"})),
        track(
            "Order Refunded",
            "2026-07-10T12:00:00Z",
            json!({"order_id": "O4", "refund_id": "r1", "total": "100"}),
        ),
        track("Order Delivered", "2026-07-11T12:00:00Z", json!({"order_id": "O4"})),
        track("Ticket Opened", "2026-03-01T04:00:00Z", json!({"ticket_id": "T1"})),
        track("Ticket Opened", "2026-04-01T04:00:00Z", json!({"ticket_id": "C1", "complaint": true})),
        track("Ticket Resolved", "2026-04-03T04:00:00Z", json!({"ticket_id": "C1"})),
        track("Ticket Opened", "2026-09-20T04:00:00Z", json!({"ticket_id": "C2", "complaint": true})),
        track("CSAT Submitted", "2026-06-01T04:00:00Z", json!({"score": 5})),
        track("CSAT Submitted", "2026-08-01T04:00:00Z", json!({"score": 2})),
        track("NPS Submitted", "2026-06-02T04:00:00Z", json!({"score": 9})),
        track("NPS Submitted", "2026-06-03T04:00:00Z", json!({"score": 10})),
    ];
    events.extend([("v1", "5"), ("v2", "4"), ("v3", "4.5")].map(|(id, stars)| {
        let said = json!({"review_id": id, "product_id": "P", "rating": stars});
        track("Product Reviewed", &format!("2026-07-2{}T04:00:00Z", &id[1..]), said)
    }));
    let contacts = [
        ("2026-08-01", "email", "outbound"),
        ("2026-08-02", "email", "outbound"),
        ("2026-08-03", "email", "outbound"),
        ("2026-08-04", "email", "inbound"),
        ("2026-08-10", "sms", "outbound"),
    ];
    events.extend(contacts.map(|(day, channel, direction)| {
        track(
            "Contact Made",
            &format!("{day}T06:00:00Z"),
            json!({"channel": channel, "direction": direction}),
        )
    }));
    events
}

/// The house with them in it, kept.
async fn full(house: &House) -> CustomerId {
    house.send(everything()).await;
    house.app.engine().drain_all().await.expect("kept");
    find(&house.app.book, IdentifierKind::UserId, "full").await.expect("asked").expect("there")
}

async fn view(house: &House, id: CustomerId) -> ProfileView {
    profile(&house.app.book, id).await.expect("read").expect("there")
}

/// Their lines of the export: the JSON, and the fields of the CSV by column.
async fn exported(house: &House, id: CustomerId) -> (Value, BTreeMap<String, String>) {
    let book = &house.app.book;
    let line = profiles::one(book, id).await.expect("read").expect("there");
    let keys = profiles::tag_keys(book).await.expect("keys");
    let (columns, fields) = (profiles::columns(&keys), line.fields(&keys));
    assert_eq!(columns.len(), fields.len(), "a field for each column");
    let cells: BTreeMap<String, String> = columns.iter().cloned().zip(fields).collect();
    assert_eq!(cells.len(), columns.len(), "each column is there once");
    (serde_json::to_value(&line).expect("JSON"), cells)
}

fn cny(amount: &str) -> Value {
    json!({"amount": amount, "currency": "CNY"})
}

/// The numbers of [`everything`], counted by hand.
fn by_hand() -> Value {
    json!({
        "spend_365": cny("950.00"), "spend_ever": cny("1950.00"),
        "orders_365": 5, "orders_ever": 6, "order_days": 5,
        "first_order_at": "2025-01-10T12:00:00Z", "last_order_at": "2026-07-01T13:00:00Z", "last_order_id": "O5",
        "avg_order_365": {"mean": cny("190.00"), "sum": cny("950.00"), "n": 5},
        "refund_rate_365": {"share": "0.095238", "n": cny("100.00"), "of": cny("1050.00")},
        "coupon_share_365": {"share": "0.2", "n": 1, "of": 5},
        "many_orders_30": null,
        // 476, 10, 20 and 31 days.
        "median_gap_days": "25.5", "active_hour": 20, "lines_365": 6,
        "top_category": {"value": "tea", "share": "0.666667", "n": 4, "of": 6},
        "top_style": {"value": "plain", "share": "0.666667", "n": 4, "of": 6},
        "top_brand": {"value": "Mei", "share": "0.5", "n": 3, "of": 6},
        "last_products": ["White tea", "Jar", "Black tea"],
        "tickets": 3, "complaints_90": 1, "complaints_365": 2, "open_complaints": 1,
        "complaint_closed_at": "2026-04-03T04:00:00Z",
        "review_mean": {"mean": "4.5", "sum": "13.5", "n": 3},
        "csat_last": 2, "csat_mean": {"mean": "3.5", "sum": "7", "n": 2},
        "nps_last": 10, "nps_mean": {"mean": "9.5", "sum": "19", "n": 2},
        "unhappy_at": "2026-08-01T04:00:00Z", "recommended_at": "2026-06-03T04:00:00Z",
        "last_contacts": {"email": "2026-08-03T06:00:00Z", "sms": "2026-08-10T06:00:00Z"},
        "last_contact_at": "2026-08-10T06:00:00Z", "last_inbound_at": "2026-08-04T06:00:00Z",
        "preferred_channel": "email", "won_back_at": null,
    })
}

/// As by hand, apart from when it was counted.
fn assert_numbers(found: &Value) {
    let mut found = found.as_object().expect("an object").clone();
    assert!(found.remove("kept_at").is_some_and(|at| at.is_string()), "kept");
    for (name, expected) in by_hand().as_object().expect("an object") {
        assert_eq!(found.remove(name).as_ref(), Some(expected), "{name}");
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), vec![], "more than was counted by hand");
}

fn assert_cells(cells: &BTreeMap<String, String>) {
    for (name, expected) in [
        ("customer_id", "full"),
        ("currency", "CNY"),
        ("spend_365", "950.00"),
        ("spend_ever", "1950.00"),
        ("last_order_id", "O5"),
        ("avg_order_365", "190.00"),
        ("counted_net_365", "950.00"),
        ("refund_rate_365", "0.095238"),
        ("refunded_365", "100.00"),
        ("gross_365", "1050.00"),
        ("coupon_share_365", "0.2"),
        ("coupon_orders_365", "1"),
        ("many_orders_30", ""),
        ("median_gap_days", "25.5"),
        ("active_hour", "20"),
        ("lines_365", "6"),
        ("top_category", "tea"),
        ("top_category_share", "0.666667"),
        ("top_category_lines", "4"),
        ("top_brand", "Mei"),
        ("top_brand_share", "0.5"),
        ("last_products", "[\"White tea\",\"Jar\",\"Black tea\"]"),
        ("complaint_closed_at", "2026-04-03T04:00:00Z"),
        ("review_mean", "4.5"),
        ("review_sum", "13.5"),
        ("reviews", "3"),
        ("csat_last", "2"),
        ("csat_mean", "3.5"),
        ("nps_mean", "9.5"),
        ("nps_sum", "19"),
        ("nps_count", "2"),
        ("last_contacts", "{\"email\":\"2026-08-03T06:00:00Z\",\"sms\":\"2026-08-10T06:00:00Z\"}"),
        ("preferred_channel", "email"),
        ("won_back_at", ""),
        ("tag.value_tier", "regular"),
        ("tag.value_tier.since", "2026-07-06T12:00:00Z"),
        ("tag.complaint_open", "true"),
        ("tag.complaint_open.since", "2026-09-20T04:00:00Z"),
        ("tag.vip", ""),
        ("tag.vip.since", ""),
        ("tag.clv_band", ""),
    ] {
        assert_eq!(cells.get(name).map(String::as_str), Some(expected), "{name}");
    }
}

/// Sets a column of the only profile to something else.
async fn spoil(house: &House, column: &str) {
    let sql = match column {
        "last_products" => "UPDATE profile SET last_products = '[\"zz\"]'".to_owned(),
        "last_contacts" => {
            "UPDATE profile SET last_contacts = '{\"zz\": \"2026-01-01T00:00:00Z\"}'".to_owned()
        }
        "last_order_key" | "top_category" | "top_style" | "top_brand" | "preferred_channel" => {
            format!("UPDATE profile SET {column} = '=zz'")
        }
        _ => format!("UPDATE profile SET {column} = COALESCE({column}, 40) + 1000000"),
    };
    let done: Result<(), StoreError> = house
        .app
        .book
        .store
        .write(Lane::People, move |tx| {
            Box::pin(async move {
                let statement = Statement::from_string(tx.get_database_backend(), sql);
                assert_eq!(tx.execute_raw(statement).await?.rows_affected(), 1, "the only profile");
                Ok(())
            })
        })
        .await;
    done.expect("the statement is right");
}

async fn give(house: &House, id: CustomerId, tag: &str, value: Option<&str>, until: Option<Instant>) {
    let (tag, value) = (tag.to_owned(), value.map(str::to_owned));
    let given = Given { tag, value, until, reason: "asked for".to_owned() };
    marking::give(&house.app.book, id, given, ("key:lead", Hand::Approver)).await.expect("given");
}

on_both_databases! {
    async fn every_number_is_as_counted_by_hand_in_the_profile_and_the_export(database) {
        let house = House::open(database, &[NOW]).await;
        let id = full(&house).await;
        let view = view(&house, id).await;
        assert_numbers(&serde_json::to_value(&view.aggregates).expect("JSON"));
        let (line, cells) = exported(&house, id).await;
        let mut numbers = line.as_object().expect("an object").clone();
        let head = ["id", "customer_id", "account_kind"].map(|key| numbers.remove(key));
        assert_eq!(head, [Some(json!(id.to_string())), Some(json!("full")), Some(json!("consumer"))]);
        let (tags, since) = (numbers.remove("tags"), numbers.remove("tags_since"));
        assert_numbers(&Value::Object(numbers));
        assert_cells(&cells);
        for tag in &view.tags {
            let value = if tag.value == "true" { json!(true) } else { json!(tag.value) };
            assert_eq!(tags.as_ref().map(|tags| &tags[&tag.key]), Some(&value), "{}", tag.key);
            assert_eq!(since.as_ref().map(|since| &since[&tag.key]), Some(&json!(tag.since)), "{}", tag.key);
        }
        let shown = render(&view);
        for line in [
            "spend     950.00 CNY in 365 d, 1950.00 CNY ever; average order 190.00 CNY; refunded 9.5 % (100.00 CNY of 1050.00 CNY)",
            "orders    5 in 365 d, 6 ever, on 5 days; first 2025-01-10, last 2026-07-01 (O5); every 25.5 days (median); \
             mostly at 20:00–21:00; with a coupon 20 % (1 of 5)",
            "bought    category tea 66.7 % (4 of 6 lines); style plain 66.7 % (4 of 6 lines); brand Mei 50 % (3 of 6 lines); \
             last White tea, Jar, Black tea",
            "service   3 tickets; complaints: 1 in 90 d, 2 in 365 d, 1 open, the last one closed 2026-04-03",
            "says      reviews 4.5 on average of 3 stars; CSAT 2 last, 3.5 on average of 2; NPS 10 last, 9.5 on average of 2; \
             unhappy 2026-08-01; would recommend us 2026-06-03",
            "contacts  our last by email 2026-08-03, sms 2026-08-10; their last word 2026-08-04; answers email best",
        ] {
            assert!(shown.contains(line), "{line}\nis not in\n{shown}");
        }
    }

    async fn no_column_of_the_profile_is_left_out(database) {
        let house = House::open(database, &[NOW]).await;
        let id = full(&house).await;
        let told = async || {
            let (line, cells) = exported(&house, id).await;
            [serde_json::to_value(&view(&house, id).await.aggregates).expect("JSON"), line, json!(cells)]
        };
        // What becomes of tags is told tag by tag; the rest is what rules over the whole book compare, and tells people nothing new.
        let apart = [
            "customer_id", "account_kind", "courses", "counts", "zone", "first_at", "registered_at", "birthday_code",
            "top_category_folded", "top_style_folded", "top_brand_folded", "preferred_channel_folded", "p_order_180", "clv_365", "personalised",
        ];
        let columns: Vec<_> = entity::profile::Column::iter().map(|column| column.as_str()).filter(|name| !apart.contains(name)).collect();
        assert!(columns.len() > 40, "{columns:?}");
        let mut before = told().await;
        for column in columns {
            spoil(&house, column).await;
            let after = told().await;
            for (i, place) in ["the profile", "the export as JSON", "the export as CSV"].into_iter().enumerate() {
                assert_ne!(before[i], after[i], "{column} isn't in {place}");
            }
            before = after;
        }
        let cells = &before[2];
        for column in ["last_order_id", "top_category", "preferred_channel"] {
            assert_eq!(cells[column], "'=zz", "{column} is no formula");
        }
    }

    async fn a_tag_says_what_becomes_of_it(database) {
        let house = House::open(database, &[NOW]).await;
        let id = full(&house).await;
        give(&house, id, "vip", None, Some(at("2026-12-31T00:00:00Z"))).await;
        house.app.engine().drain_all().await.expect("kept");
        let found = serde_json::to_value(view(&house, id).await).expect("JSON");
        let tag = |key: &str| found["tags"].as_array().and_then(|all| all.iter().find(|tag| tag["key"] == key)).expect("stands");
        let tier = tag("value_tier");
        let names = ["name", "value_name", "group", "kind"].map(|key| tier[key].clone());
        assert_eq!(names, [
            json!({"en": "Value tier", "zh-CN": "客户价值分层"}), json!({"en": "Regular", "zh-CN": "普通"}), json!("value"), json!("computed"),
        ]);
        // The last order leaves the year, then the hold ends.
        assert_eq!(tier["next"], json!({"at": "2027-07-31T13:00:00Z", "value": "none"}));
        assert_eq!([&tier["by_hand"], &tier["held_until"], &tier["suppressed_until"]], [&Value::Null; 3]);
        assert_eq!(tag("complaint_history")["next"], json!({"at": "2027-04-01T04:00:00Z", "value": "one"}));
        assert_eq!(tag("complaint_open")["next"], Value::Null, "nothing ends it but a fact");
        let vip = tag("vip");
        assert_eq!([&vip["source"], &vip["value_name"]], [&json!("manual"), &Value::Null]);
        assert_eq!(vip["by_hand"], json!({"since": "2026-09-25T02:00:00Z", "until": "2026-12-31T00:00:00Z"}));
        assert_eq!(vip["next"], json!({"at": "2026-12-31T00:00:00Z", "value": null}));

        let absent = |key: &str| found["absent_tags"].as_array().and_then(|all| all.iter().find(|tag| tag["key"] == key));
        let churn = absent("churn_risk").expect("it comes");
        assert_eq!(churn["next"], json!({"at": "2026-12-27T16:00:00Z", "value": "true"}), "the first instant of day 180 there");
        assert_eq!(churn["name"]["zh-CN"], "流失风险");
        assert_eq!(absent("lapsed").expect("it comes")["next"]["at"], "2027-06-30T16:00:00Z");
        assert_eq!(absent("rfm_segment").expect("it waits")["waits_for"], "no rfm scores yet");
        assert_eq!([absent("vip"), absent("comm_style")], [None; 2], "it stands; there is nothing to say of it");
        assert_eq!([&found["next_touches"], &found["callbacks"]], [&json!([]); 2]);

        marking::take(&house.app.book, id, ("vip", "a mistake"), ("key:lead", Hand::Approver)).await.expect("taken");
        house.send(vec![track("Ticket Resolved", "2026-09-25T01:00:00Z", json!({"ticket_id": "C2"}))]).await;
        let found = serde_json::to_value(view(&house, id).await).expect("JSON");
        let open = found["tags"].as_array().and_then(|all| all.iter().find(|tag| tag["key"] == "complaint_open"));
        assert_eq!(open.expect("not kept yet")["next"], Value::Null, "as of when she was kept");
        house.app.engine().drain_all().await.expect("kept");
        let view = view(&house, id).await;
        assert!(view.tags.iter().all(|tag| tag.key != "complaint_open" && tag.key != "vip"));
        let vip = view.absent_tags.iter().find(|tag| tag.key == "vip").expect("taken away");
        assert_eq!(vip.suppressed_until, Some(at("2026-12-24T02:00:00Z")), "90 d");
        let shown = render(&view);
        for line in [
            "becomes none 2027-07-31 21:00 if nothing new comes",
            "churn_risk           comes 2026-12-28 00:00 if nothing new does",
            "rfm_segment          no rfm scores yet",
            "vip                  taken away by hand until 2026-12-24 10:00",
        ] {
            assert!(shown.contains(line), "{line}\nis not in\n{shown}");
        }
    }
}
