//! The segments a book is born with: who is in each, by a book of a few people; that nobody is kept for them; and that they are the
//! shop's own once it changes them.

use super::{keep, order};
use crate::support::care::{Care, at};
use crate::support::on_both_databases;
use kinkeeper::service::asking::Whom;
use kinkeeper::service::segments;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The clock stands at 2011-12-25T00:00Z. Each buys so much on each of these days.
const BUYERS: [(&str, u32, &[&str]); 9] = [
    ("diamond", 10_000, &["2011-06-28"]),
    ("gold", 9_999, &["2011-06-27"]),
    ("silver", 2_000, &["2011-06-28"]),
    ("regular", 1, &["2011-06-28"]),
    // The 179th day: not yet.
    ("nearly", 5_000, &["2011-06-29"]),
    ("often", 100, &["2011-01-05", "2011-04-05", "2011-07-05", "2011-12-05"]),
    ("seldom", 100, &["2011-04-05", "2011-07-05", "2011-12-05"]),
    ("new", 1, &["2011-11-25"]),
    ("gone", 10_000, &["2010-06-01"]),
];

fn story() -> Vec<Value> {
    let mut story: Vec<Value> = BUYERS
        .iter()
        .flat_map(|(user, total, days)| {
            days.iter().map(|day| order(user, &format!("{day}T12:00:00Z"), *total))
        })
        .collect();
    let identify = |user: &str, birthday: &str| json!({"type": "identify", "userId": user, "messageId": format!("{user} is"), "timestamp": "2011-01-01T00:00:00Z", "traits": {"birthday": birthday}});
    let track = |user: &str, when: &str, event: &str, properties: Value| json!({"type": "track", "userId": user, "messageId": format!("{user} {event}"), "timestamp": when, "event": event, "properties": properties});
    story.extend([
        identify("today", "1990-12-25"),
        identify("sixth", "1990-12-31"),
        identify("seventh", "1990-01-01"),
        // The seventh day of the twelfth lunar month was 31 December.
        identify("lunar", "lunar:12-07"),
        track("unhappy", "2011-12-01T00:00:00Z", "CSAT Submitted", json!({"score": 2})),
        track(
            "rater",
            "2011-12-01T00:00:00Z",
            "Product Reviewed",
            json!({"review_id": "r", "product_id": "P", "rating": 2}),
        ),
        track(
            "content",
            "2011-12-01T00:00:00Z",
            "Product Reviewed",
            json!({"review_id": "s", "product_id": "P", "rating": 3}),
        ),
        track(
            "cross",
            "2011-12-01T00:00:00Z",
            "Ticket Opened",
            json!({"ticket_id": "t1", "complaint": true}),
        ),
        track(
            "soothed",
            "2011-12-01T00:00:00Z",
            "Ticket Opened",
            json!({"ticket_id": "t2", "complaint": true}),
        ),
        track("soothed", "2011-12-02T00:00:00Z", "Ticket Resolved", json!({"ticket_id": "t2"})),
        agrees("seldom", "sms", "marketing", "granted", 1),
        agrees("lunar", "email", "marketing", "granted", 2),
        // Agreed to what there is no address for, and the other way round.
        contact("lunar", "email", "lunar@example.com"),
        contact("today", "email", "today@example.com"),
        contact("seldom", "phone", "+447700900123"),
        contact("new", "phone", "+447700900124"),
        // Took it back, agreed to something else.
        agrees("today", "email", "marketing", "granted", 3),
        agrees("today", "email", "marketing", "denied", 4),
        agrees("sixth", "email", "service", "granted", 5),
    ]);
    story
}

fn contact(user: &str, of: &str, value: &str) -> Value {
    json!({"type": "identify", "userId": user, "messageId": format!("{user} at"), "timestamp": "2011-01-02T00:00:00Z", "traits": {of: value}})
}

fn agrees(user: &str, channel: &str, purpose: &str, state: &str, day: u32) -> Value {
    json!({"type": "track", "userId": user, "messageId": format!("{user} {day}"), "timestamp": format!("2011-12-{day:02}T00:00:00Z"),
           "event": "Consent Changed", "properties": {"channel": channel, "purpose": purpose, "state": state}})
}

/// Gives somebody a coupon, as a message would have.
async fn hand_over(care: &Care, user: &str) {
    let sql = "INSERT INTO coupon (batch_id, customer_id, source_ref, code_hash, sealed, last4, face_minor, state, reserved_at, issued_at, expires_at) \
               SELECT (SELECT MIN(id) FROM coupon_batch), i.customer_id, 'r', 'h', 's', '0000', 5000, 'issued', $2, $2, $3 \
               FROM identifier i WHERE i.kind = 'user_id' AND i.value = $1";
    let (begun, ends) = (at("2011-12-20T00:00:00Z").micros(), at("2011-12-26T00:00:00Z").micros());
    let values = [sea_orm::Value::from(user), begun.into(), ends.into()];
    assert_eq!(care.exec(sql, values).await, 1);
}

fn wanted() -> BTreeMap<&'static str, Vec<&'static str>> {
    BTreeMap::from([
        ("high_value", vec!["diamond", "gold", "nearly"]),
        ("churn_risk_diamond", vec!["diamond"]),
        ("churn_risk_gold", vec!["gold"]),
        ("churn_risk_silver", vec!["silver"]),
        ("churn_risk_regular", vec!["regular"]),
        ("new_customers", vec!["new"]),
        ("loyal", vec!["often"]),
        ("lapsed_vips", vec!["diamond", "gone"]),
        ("dissatisfied", vec!["unhappy", "rater", "cross", "soothed"]),
        ("open_complaints", vec!["cross"]),
        ("birthday_this_week", vec!["today", "sixth", "lunar"]),
        ("reachable_by_email", vec!["lunar"]),
        ("reachable_by_sms", vec!["seldom"]),
        ("coupon_holders", vec!["silver"]),
        (
            "no_consent",
            vec![
                "diamond", "gold", "silver", "regular", "nearly", "often", "new", "gone", "today", "sixth",
                "seventh", "unhappy", "rater", "content", "cross", "soothed",
            ],
        ),
    ])
}

async fn members(care: &Care, key: &str) -> BTreeSet<String> {
    let book = &care.house.app.book;
    let page = segments::members(book, Whom::Segment(key.to_owned()), None, 100).await.expect("listed");
    let ids: BTreeSet<i64> = page.items.into_iter().map(|member| member.customer.0).collect();
    let lines = care.house.lines("SELECT customer_id, value FROM identifier WHERE kind = 'user_id'").await;
    let user = |line: &String| {
        let (id, user) = line.split_once('|').expect("two columns");
        ids.contains(&id.parse().expect("a number")).then(|| user.to_owned())
    };
    lines.iter().filter_map(user).collect()
}

on_both_databases! {
    async fn everybody_is_in_the_shipped_segments_they_belong_to(database) {
        let care = Care::in_onboarding(database, &[]).await;
        care.house.send(story()).await;
        hand_over(&care, "silver").await;
        keep(&care).await;
        let book = &care.house.app.book;
        let listed = segments::list(book).await.expect("listed");
        let keys: Vec<&str> = listed.iter().map(|segment| segment.key.as_str()).collect();
        assert_eq!(keys, wanted().into_keys().collect::<Vec<_>>(), "they are those that this test speaks of");
        for (key, wanted) in wanted() {
            let wanted: BTreeSet<String> = wanted.into_iter().map(str::to_owned).collect();
            assert_eq!(members(&care, key).await, wanted, "{key}");
        }
        let kept = "SELECT COUNT(*) FROM tag_current WHERE key LIKE 'segment:%'";
        assert_eq!(care.number(kept).await, 0, "nobody is kept for them");
        // A birthday comes and goes by itself.
        care.set_now(at("2011-12-26T00:00:00Z")).await;
        keep(&care).await;
        let wanted: BTreeSet<String> = ["sixth", "seventh", "lunar"].map(str::to_owned).into();
        assert_eq!(members(&care, "birthday_this_week").await, wanted);
        assert!(members(&care, "coupon_holders").await.is_empty(), "it isn't good any more");
    }

    async fn those_that_a_shop_has_no_tags_for_are_left_out(database) {
        let care = Care::in_onboarding(database, &[]).await;
        // As a book of before there were any, whose shop calls gold otherwise.
        assert!(care.exec::<i64>("DELETE FROM rule_version WHERE key LIKE 'segment:%'", []).await > 10);
        let own = include_str!("../../../config/tags/value_tier.yaml").replace("value: gold", "value: premium");
        care.apply(&format!("kind: tag\n{own}")).await;
        let beside = care.beside().await;
        let keys: Vec<String> =
            segments::list(&beside.book).await.expect("the book is sound").into_iter().map(|s| s.key).collect();
        let wanted: Vec<&str> =
            wanted().into_keys().filter(|key| !["high_value", "churn_risk_gold"].contains(key)).collect();
        assert_eq!(keys, wanted);
        care.house.send(story()).await;
        keep(&care).await;
        assert_eq!(members(&care, "open_complaints").await, BTreeSet::from(["cross".to_owned()]));
    }

    async fn what_a_shop_makes_of_them_stays(database) {
        let care = Care::in_onboarding(database, &[]).await;
        care.house.send(story()).await;
        keep(&care).await;
        let own = include_str!("../../../config/segments/high_value.yaml").replace("[gold, diamond]", "[diamond]");
        care.apply(&own).await;
        let (beside, wanted) = (care.beside().await, BTreeSet::from(["diamond".to_owned()]));
        assert_eq!(members(&care, "high_value").await, wanted);
        let listed = segments::list(&beside.book).await.expect("listed");
        assert_eq!(listed.len(), self::wanted().len());
        assert_eq!(care.number("SELECT COUNT(*) FROM rule_version WHERE key = 'segment:high_value'").await, 2);
    }
}
