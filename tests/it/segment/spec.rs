//! Every example of Segment's spec through the door, in one batch: what is taken stands in the log with all it said.

use super::Door;
use crate::facts::spec::{REFUSED, event};
use crate::support::on_both_databases;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// What an event said: the log's part and the personal one together.
const SAID: &str = "SELECT e.properties || '\n' || COALESCE(p.payload, '{}') FROM event e \
                    LEFT JOIN event_personal p ON p.event_id = e.id WHERE e.message_id = ";

on_both_databases! {
    async fn every_example_of_the_spec_is_taken_or_kept(database) {
        let door = Door::open_with(database, &["shop.currency=USD", "shop.timezone=UTC"]).await;
        let examples: Vec<Value> = include_str!("../../data/segment/spec_examples.jsonl")
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let events: Vec<Value> = examples.iter().enumerate().map(|(n, example)| {
            let mut event = event(example);
            event["messageId"] = json!(format!("example-{n}"));
            event
        }).collect();
        let answer = door.post("/v1/batch", json!({"batch": events}).to_string()).await;
        assert_eq!(answer.status, StatusCode::OK);
        let rejected = answer.body["rejected"].as_array().expect("a list");
        let told: Vec<_> = rejected.iter().map(|r| {
            let index = r["index"].as_u64().and_then(|n| usize::try_from(n).ok()).expect("an index");
            (examples[index]["name"].as_str().unwrap_or_default(), r["code"].as_str().expect("a code"))
        }).collect();
        assert_eq!(told, REFUSED);
        assert_eq!(answer.body["accepted"], examples.len() - REFUSED.len());
        assert_eq!(door.count("quarantine").await, i64::try_from(REFUSED.len()).expect("few"));

        for (n, event) in events.iter().enumerate().filter(|(_, event)| event["type"] == "track") {
            let said = door.lines(&format!("{SAID}'example-{n}'")).await;
            let Some(said) = said.first() else { continue };
            let (log, personal) = said.split_once('\n').expect("two parts");
            let mut whole: Map<String, Value> = serde_json::from_str(log).expect("JSON");
            whole.extend(serde_json::from_str::<Map<String, Value>>(personal).expect("JSON"));
            for (name, value) in event["properties"].as_object().into_iter().flatten() {
                assert!(value.is_null() || whole.get(name) == Some(value), "{}: {name}", event["event"]);
            }
        }
        // Sent again, each on a route of its own, they are known.
        for event in &events {
            let call = event["type"].as_str().filter(|call| !call.is_empty()).unwrap_or("track");
            let again = door.post(&format!("/v1/{call}"), event.to_string()).await;
            let done = (again.body["duplicate"].as_u64(), again.body["rejected"].as_array().map(Vec::len));
            assert!(matches!(done, (Some(1), Some(0)) | (Some(0), Some(1))), "{event}: {:?}", again.body);
        }
        assert_eq!(door.count("quarantine").await, i64::try_from(REFUSED.len()).expect("few"));
    }
}
