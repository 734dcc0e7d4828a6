//! Refused events in a person's hands: repaired and taken in as of when they came, or put away. And what the
//! doors answer about them.

use crate::support::book::House;
use crate::support::door::{Answer, ask, key};
use crate::support::{TestDatabase, on_both_databases};
use axum::body::Body;
use axum::http::Request;
use kinkeeper::store::{Lane, StoreError};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value as Sql};
use serde_json::{Value, json};
use tower::ServiceExt;

struct Desk {
    house: House,
    admin: String,
    sender: String,
}

impl Desk {
    async fn open(database: TestDatabase) -> Self {
        let house = House::open(database, &["clock=2011-12-01T00:00:00Z", "shop.currency=GBP"]).await;
        let (admin, sender) = (key(&house.app, "admin").await, key(&house.app, "ingest").await);
        Self { house, admin, sender }
    }

    async fn post(&self, path: &str, key: &str, body: Value) -> Answer {
        let request = Request::post(path).header("authorization", format!("Bearer {key}"));
        let request = request.body(Body::from(body.to_string())).expect("a request");
        let response = self.house.app.router().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Sends these and gives how many were refused.
    async fn send(&self, events: Value) -> usize {
        let sent = self.post("/v1/batch", &self.sender, json!({ "batch": events })).await;
        assert_eq!(sent.status, 200, "{:?}", sent.body);
        sent.body["rejected"].as_array().expect("a list").len()
    }

    async fn get(&self, path: &str) -> Answer {
        ask(&self.house.app.router(), "GET", path, Some(&self.admin)).await
    }

    async fn act(&self, id: &str, act: &str, body: Value) -> (u16, Value) {
        let answer = self.post(&format!("/api/v1/quarantine/{id}/{act}"), &self.admin, body).await;
        (answer.status.as_u16(), answer.body)
    }

    /// The ids of those in a state, oldest first.
    async fn ids(&self, state: &str) -> Vec<String> {
        let page = self.get(&format!("/api/v1/quarantine?state={state}")).await;
        let items = page.body["items"].as_array().unwrap_or_else(|| panic!("{:?}", page.body)).clone();
        items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
    }

    async fn change(&self, sql: &str) {
        let db = self.house.app.book.store.reader();
        let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, Vec::<Sql>::new());
        let done: Result<(), StoreError> = self
            .house
            .app
            .book
            .store
            .write(Lane::People, |tx| {
                Box::pin(async move { Ok(tx.execute_raw(statement).await.map(|_| ())?) })
            })
            .await;
        done.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        let db = self.house.app.book.store.reader();
        let statement = Statement::from_string(db.get_database_backend(), sql);
        db.query_all_raw(statement).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    async fn number(&self, sql: &str) -> i64 {
        self.rows(sql).await[0].try_get_by_index(0).expect("a number")
    }
}

fn order(message: &str, total: Value) -> Value {
    json!({"type": "track", "messageId": message, "userId": "u1", "event": "Order Completed",
           "timestamp": "2011-11-20T10:00:00Z", "properties": {"order_id": message, "total": total}})
}

/// 2011-11-20T10:00:00Z
const ORDERED: i64 = 1_321_783_200_000_000;
/// 2011-12-01T00:00:00Z
const CAME: i64 = 1_322_697_600_000_000;
const DAY: i64 = 86_400_000_000;

on_both_databases! {
    async fn a_repaired_event_is_taken_in_as_of_when_it_came(database) {
        let desk = Desk::open(database).await;
        // Its sender's clock was right when it came, whatever the time is when somebody gets round to it.
        let mut event = order("m1", json!("free"));
        event["sentAt"] = json!("2026-01-01T00:00:10Z");
        let note = json!({"type": "track", "messageId": "n1", "userId": "u1", "event": "Note", "properties": {"a": "b\0c"}});
        assert_eq!(desk.send(json!([event, note])).await, 2);
        desk.change("UPDATE quarantine SET machine_at = 1767225610000000 WHERE message_id = 'm1'").await;
        desk.change(&format!("UPDATE clock SET now_at = {}", CAME + 3 * DAY)).await;
        let open = desk.ids("open").await;

        let (status, body) = desk.act(&open[0], "retry", json!({})).await;
        assert_eq!((status, body["code"].as_str()), (422, Some("still_refused")), "{body}");
        assert!(body["detail"].as_str().expect("a detail").contains("properties.total"), "{body}");
        assert_eq!(desk.number("SELECT COUNT(*) FROM event").await, 0);
        assert_eq!(desk.ids("open").await, open, "it stays");

        event["properties"]["total"] = json!("120.00");
        let taken = desk.act(&open[0], "retry", json!({ "event": event })).await;
        assert_eq!(taken, (200, json!({"id": open[0], "outcome": "taken_in"})));
        assert_eq!(desk.act(&open[1], "retry", json!({})).await.0, 200, "the character that was in the way is replaced");
        let times = "SELECT occurred_at, received_at FROM event ORDER BY id";
        let times: Vec<(i64, i64)> = desk.rows(times).await.iter()
            .map(|row| (row.try_get_by_index(0).expect("at"), row.try_get_by_index(1).expect("at"))).collect();
        assert_eq!(times, [(ORDERED, CAME + 3 * DAY), (CAME, CAME + 3 * DAY)]);
        assert_eq!(desk.number("SELECT total_minor FROM orders").await, 12_000);

        let (status, again) = desk.act(&open[0], "retry", json!({})).await;
        assert_eq!(status, 409, "{again}");
        assert!(again["detail"].as_str().expect("a detail").contains("retried already"), "{again}");
        assert!(desk.ids("open").await.is_empty());
        assert_eq!(desk.ids("retried").await, open);
        let told = "SELECT detail FROM audit WHERE action = 'quarantine.retried' ORDER BY id";
        let told: String = desk.rows(told).await[0].try_get_by_index(0).expect("a detail");
        let told: Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!(told, json!({"code": "amount_not_a_number", "repaired": true, "outcome": {"outcome": "taken_in"}}));
    }

    async fn what_was_sent_again_meanwhile_changes_nothing(database) {
        let desk = Desk::open(database).await;
        assert_eq!(desk.send(json!([order("m1", json!("free"))])).await, 1);
        assert_eq!(desk.send(json!([order("m1", json!("80.00"))])).await, 0);
        let open = desk.ids("open").await;
        let repaired = json!({ "event": order("m1", json!("90.00")) });
        let (status, body) = desk.act(&open[0], "retry", repaired).await;
        assert_eq!((status, body["outcome"].as_str()), (200, Some("known_already")));
        assert_eq!(desk.number("SELECT total_minor FROM orders").await, 8_000);
    }

    async fn what_is_put_away_stays_readable_with_its_reason(database) {
        let desk = Desk::open(database).await;
        desk.send(json!([order("m1", json!("free")), order("m2", json!("dear"))])).await;
        let open = desk.ids("open").await;
        let (status, body) = desk.act(&open[0], "discard", json!({})).await;
        assert_eq!((status, body["errors"][0]["at"].as_str()), (422, Some("reason")), "{body}");
        assert_eq!(desk.act(&open[0], "discard", json!({"reason": "a test order"})).await.0, 204);
        assert_eq!(desk.act(&open[0], "discard", json!({"reason": "again"})).await.0, 409);
        assert_eq!(desk.act(&open[0], "retry", json!({})).await.0, 409);

        let shown = desk.get(&format!("/api/v1/quarantine/{}", open[0])).await.body;
        assert_eq!((shown["state"].as_str(), shown["reason"].as_str()), (Some("discarded"), Some("a test order")));
        assert_eq!(shown["event"]["properties"]["total"], "free");
        assert_eq!(desk.ids("open").await, open[1..]);
        // Sent once more as it was, it isn't kept a second time.
        assert_eq!(desk.send(json!([order("m1", json!("free"))])).await, 1);
        assert_eq!(desk.number("SELECT COUNT(*) FROM quarantine").await, 2);
    }

    async fn all_of_a_code_are_tried_again_when_their_cause_is_mended(database) {
        let desk = Desk::open(database).await;
        let events: Vec<Value> = (0..5).map(|n| order(&format!("m{n}"), json!("free"))).collect();
        desk.send(json!(events)).await;
        desk.send(json!([{"type": "track", "messageId": "x", "userId": "u1", "properties": {}}])).await;
        // As if a newer build read what the older one couldn't.
        desk.change("UPDATE quarantine SET payload = REPLACE(payload, '\"free\"', '\"7.00\"') WHERE message_id <> 'm3'").await;
        let mut became = Vec::new();
        let book = &desk.house.app.book;
        let code = Some("amount_not_a_number");
        kinkeeper::service::quarantine::retry_all(book, code, "cli:tester", |one| became.push(json!(one)["outcome"].clone()))
            .await.expect("tried");
        assert_eq!(became, ["taken_in", "taken_in", "taken_in", "still_refused", "taken_in"]);
        assert_eq!(desk.number("SELECT COUNT(*) FROM orders").await, 4);
        assert_eq!(desk.ids("open").await.len(), 2, "what is still refused, and what has another code");
    }

    async fn lists_come_in_pages_and_wrong_questions_are_told_so(database) {
        let desk = Desk::open(database).await;
        let events: Vec<Value> = (0..5).map(|n| order(&format!("m{n}"), json!("free"))).collect();
        desk.send(json!(events)).await;
        let first = desk.get("/api/v1/quarantine?limit=3&code=amount_not_a_number").await.body;
        let cursor = first["next_cursor"].as_str().expect("there are more").to_owned();
        let rest = desk.get(&format!("/api/v1/quarantine?limit=3&cursor={cursor}")).await.body;
        assert_eq!((first["items"].as_array().map(Vec::len), rest["items"].as_array().map(Vec::len)), (Some(3), Some(2)));
        assert_eq!(rest["next_cursor"], Value::Null);
        assert!(!first.to_string().contains("u1"), "lists say nothing of what an event says");
        for (path, code, says) in [
            ("?state=opne", "bad_word", "did you mean open?"),
            ("?limit=0", "bad_limit", "1 to 200"),
            ("?cursor=7", "bad_id", "one looks like qua_3"),
            ("?stat=open", "bad_query", "stat"),
            ("/7", "bad_id", "one looks like qua_3"),
        ] {
            let answer = desk.get(&format!("/api/v1/quarantine{path}")).await;
            assert_eq!((answer.status.as_u16(), answer.body["code"].as_str()), (400, Some(code)), "{path}");
            assert!(answer.body["detail"].as_str().expect("a detail").contains(says), "{:?}", answer.body);
        }
        assert_eq!(desk.get("/api/v1/quarantine/qua_77").await.status, 404);
    }
}
