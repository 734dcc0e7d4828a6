//! The big list of naughty strings in every place that takes text: each gets an answer, and what is taken stands in the
//! book to the byte.

use super::Door;
use crate::support::on_both_databases;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub fn strings() -> Vec<String> {
    serde_json::from_str(include_str!("../../data/edge/blns/blns.json")).expect("a list of strings")
}

/// Sends an event for each string, in one batch; gives those that were refused, by their places.
async fn send(door: &Door, event: impl Fn(usize, &str) -> Value) -> BTreeSet<usize> {
    let strings = strings();
    let batch: Vec<Value> = strings.iter().enumerate().map(|(n, text)| event(n, text)).collect();
    let answer = door.post("/v1/batch", json!({ "batch": batch }).to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    let rejected = answer.body["rejected"].as_array().expect("a list");
    assert!(rejected.iter().all(|r| !r["code"].as_str().unwrap_or_default().is_empty()
        && !r["detail"].as_str().unwrap_or_default().is_empty()));
    rejected.iter().map(|r| usize::try_from(r["index"].as_u64().expect("an index")).expect("small")).collect()
}

on_both_databases! {
    async fn as_a_property_it_stands_in_the_log_to_the_byte(database) {
        let door = Door::open(database).await;
        let refused = send(&door, |n, text| json!({"type": "track", "userId": "u", "event": "Naughty",
            "messageId": format!("p-{n}"), "properties": {"said": text, "comment": text}})).await;
        assert!(refused.is_empty(), "{refused:?}");
        for (n, text) in strings().iter().enumerate() {
            let kept = door.lines(&format!("SELECT properties FROM event WHERE message_id = 'p-{n}'")).await;
            let kept: Value = serde_json::from_str(&kept[0]).expect("JSON");
            assert_eq!(kept["said"].as_str(), Some(text.as_str()));
            let apart = door.lines(&format!("SELECT p.payload FROM event_personal p JOIN event e ON e.id = p.event_id \
                                             WHERE e.message_id = 'p-{n}'")).await;
            let apart: Value = serde_json::from_str(&apart[0]).expect("JSON");
            assert_eq!(apart["comment"].as_str(), Some(text.as_str()));
        }
    }

    async fn as_a_name_or_an_id_it_is_what_was_sent_without_space_around_it(database) {
        let door = Door::open(database).await;
        let strings = strings();
        // As whose event, as what event, as which order, as which message.
        let users = send(&door, |n, text| json!({"type": "track", "userId": text, "event": "Seen",
            "messageId": format!("u-{n}")})).await;
        let names = send(&door, |n, text| json!({"type": "track", "userId": "u", "event": text,
            "messageId": format!("n-{n}")})).await;
        let orders = send(&door, |n, text| json!({"type": "track", "userId": "u", "event": "Order Completed",
            "messageId": format!("o-{n}"), "properties": {"order_id": text, "total": 1}})).await;
        let messages = send(&door, |_, text| json!({"type": "track", "userId": "u", "event": "Told",
            "messageId": text})).await;
        for (n, text) in strings.iter().enumerate() {
            let text = text.trim();
            let one = async |sql: String| door.lines(&sql).await.pop();
            if !users.contains(&n) {
                let user = one(format!("SELECT i.value FROM identifier i JOIN event e ON e.customer_id = i.customer_id \
                                        WHERE e.message_id = 'u-{n}' AND i.kind = 'user_id'")).await;
                assert_eq!(user.as_deref(), Some(text));
            }
            if !names.contains(&n) {
                let name = one(format!("SELECT kind FROM event WHERE message_id = 'n-{n}'")).await;
                assert_eq!(name.as_deref(), Some(text));
            }
            if !orders.contains(&n) {
                let order = one(format!("SELECT order_key FROM event WHERE message_id = 'o-{n}'")).await;
                assert_eq!(order, Some(format!("shop:{text}")));
            }
        }
        // What is refused is refused for being empty or too long, not for what it says.
        let hopeless = |limit: usize| -> BTreeSet<usize> {
            let empty = |text: &&String| text.trim().is_empty() || text.trim().len() > limit;
            strings.iter().enumerate().filter(|(_, text)| empty(text)).map(|(n, _)| n).collect()
        };
        assert_eq!((&users, &names, &orders), (&hopeless(256), &hopeless(256), &hopeless(256)));
        let too_long: BTreeSet<usize> =
            strings.iter().enumerate().filter(|(_, t)| t.trim().len() > 100).map(|(n, _)| n).collect();
        assert_eq!(messages, too_long);
    }

    async fn as_a_trait_it_is_kept_or_told(database) {
        let door = Door::open(database).await;
        let refused = send(&door, |n, text| json!({"type": "identify", "userId": format!("u{n}"),
            "messageId": format!("t-{n}"), "traits": {"name": text, "motto": text, "email": text}})).await;
        // Hardly any is an address, which is told; the rest of the event is taken in all the same.
        assert!(refused.len() > 400, "{}", refused.len());
        for (n, text) in strings().iter().enumerate() {
            let kept = door.lines(&format!("SELECT p.traits FROM customer_personal p JOIN identifier i \
                ON i.customer_id = p.customer_id WHERE i.kind = 'user_id' AND i.value = 'u{n}'")).await;
            let kept: Value = serde_json::from_str(kept.first().map_or("{}", String::as_str)).expect("JSON");
            if !text.trim().is_empty() {
                assert_eq!(kept["motto"][0].as_str(), Some(text.as_str()), "{n}");
            }
        }
    }
}
