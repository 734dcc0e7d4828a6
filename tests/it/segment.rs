//! Facts over HTTP: what is answered to good and bad requests, and only after the commit.

pub mod bad;
mod gone;
pub mod naughty;
mod spec;

use crate::support::TestDatabase;
use crate::support::book::House;
use crate::support::door::{Answer, key};
use crate::support::on_both_databases;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use flate2::{Compression, write::GzEncoder};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use std::io::Write as _;
use tower::ServiceExt;

struct Door {
    house: House,
    key: String,
}

impl Door {
    async fn open(database: TestDatabase) -> Self {
        Self::open_with(database, &[]).await
    }

    async fn open_with(database: TestDatabase, settings: &[&str]) -> Self {
        let settings = [&["clock=2011-12-01T00:00:00Z"], settings].concat();
        let house = House::open(database, &settings).await;
        let key = key(&house.app, "ingest").await;
        Self { house, key }
    }

    async fn send(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method("POST").uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).expect("a request");
        let response = self.house.app.router().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }

    /// As the SDKs do: Basic auth with the write key and a colon, whatever the content type.
    async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{}:", self.key));
        self.send(path, &[("authorization", &format!("Basic {basic}")), ("content-type", "text/plain")], body)
            .await
    }

    async fn count(&self, table: &str) -> i64 {
        let db = self.house.app.book.store.reader();
        let statement =
            Statement::from_string(db.get_database_backend(), format!("SELECT COUNT(*) AS n FROM {table}"));
        let row = db.query_one_raw(statement).await.expect("counted").expect("a row");
        row.try_get("", "n").expect("a number")
    }
}

impl Door {
    /// The first column of what a statement gives, as text.
    async fn lines(&self, sql: &str) -> Vec<String> {
        let db = self.house.app.book.store.reader();
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await;
        let rows = rows.unwrap_or_else(|e| panic!("{sql}: {e}"));
        rows.iter().map(|row| row.try_get_by_index(0).expect("text")).collect()
    }
}

fn order(id: &str, total: Value) -> Value {
    json!({"type": "track", "messageId": id, "userId": "u1", "event": "Order Completed",
           "timestamp": "2011-11-01T10:00:00Z", "properties": {"order_id": id, "total": total}})
}

on_both_databases! {
    async fn a_batch_is_answered_event_by_event(database) {
        let door = Door::open(database).await;
        let body = json!({"batch": [order("o1", json!(10)), order("o2", json!("free")), order("o3", json!("7.5"))]});
        let answer = door.post("/v1/batch", body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK);
        let detail = "properties.total: must be a plain decimal such as 12.50";
        let rejected = json!([{"index": 1, "code": "amount_not_a_number", "detail": detail}]);
        assert_eq!(answer.body, json!({"success": true, "accepted": 2, "duplicate": 0, "rejected": rejected}));
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        assert_eq!((door.count("orders").await, door.count("quarantine").await), (2, 1));

        let again = door.post("/v1/batch", body.to_string()).await;
        assert_eq!(again.body, json!({"success": true, "accepted": 0, "duplicate": 2, "rejected": rejected}));
        assert_eq!((door.count("event").await, door.count("quarantine").await), (2, 1));
    }
}

on_both_databases! {
    async fn traits_that_cant_be_so_are_told_and_kept_apart(database) {
        let door = Door::open(database).await;
        let traits = json!({"email": "not an email", "birthday": "02-30", "name": "Rosa",
                            "consents": {"email": {"marketing": "denied"}}});
        let body = json!({"messageId": "m1", "userId": "u1", "traits": traits}).to_string();
        let answer = door.post("/v1/identify", body.clone()).await;
        let detail = "traits.birthday: is a day the calendar doesn't have; correct it, or leave it empty; \
                      traits.email: is no mail address; send one such as rosa@example.com, or leave it empty; \
                      the rest of the event was taken in";
        let rejected = json!([{"index": 0, "code": "bad_birthday", "detail": detail}]);
        assert_eq!(answer.body, json!({"success": true, "accepted": 1, "duplicate": 0, "rejected": rejected}));
        assert_eq!((door.count("contact_point").await, door.count("consent").await), (0, 1), "a no isn't lost");

        let db = door.house.app.book.store.reader();
        let one = async |sql: &str| {
            let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await;
            row.expect("read").expect("a row")
        };
        let person = one("SELECT name, birthday, traits FROM customer_personal").await;
        assert_eq!(person.try_get::<Option<String>>("", "birthday").expect("text"), None);
        assert!(!person.try_get::<String>("", "traits").expect("JSON").contains("02-30"));
        let kept = one("SELECT message_id, payload FROM quarantine").await;
        assert_eq!(kept.try_get::<String>("", "message_id").expect("text"), "m1#refused");
        let payload: Value = serde_json::from_str(&kept.try_get::<String>("", "payload").expect("text")).expect("JSON");
        let expected = json!({"type": "identify", "messageId": "m1#refused", "userId": "u1",
                              "traits": {"birthday": "02-30", "email": "not an email"}});
        assert_eq!(payload, expected);

        // Repaired, what was kept goes in beside the message it was part of.
        let repaired = payload.to_string().replace("02-30", "02-29").replace("not an email", "rosa@example.com");
        assert_eq!(door.post("/v1/identify", repaired).await.body["accepted"], 1);
        assert_eq!(door.count("contact_point").await, 1);
        let again = door.post("/v1/identify", body).await;
        assert_eq!(again.body["duplicate"], 1);
        assert_eq!((door.count("quarantine").await, door.count("event").await), (1, 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_an_sdk_sends_is_taken() {
    let door = Door::open(TestDatabase::migrated_sqlite().await).await;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(json!({"batch": [order("z", json!(1))]}).to_string().as_bytes()).expect("packed");
    let bearer = format!("Bearer {}", door.key);
    let packed = [("authorization", bearer.as_str()), ("content-encoding", "gzip")];
    assert_eq!(door.send("/v1/batch", &packed, gzip.finish().expect("packed")).await.body["accepted"], 1);
    let in_body = json!({"writeKey": door.key, "batch": [order("w", json!(1))]});
    assert_eq!(door.send("/v1/b", &[], in_body.to_string()).await.body["accepted"], 1);
    for (path, event) in [
        ("/v1/identify", json!({"userId": "u1", "traits": {"email": "rosa@example.com"}})),
        ("/v1/t", json!({"userId": "u1", "event": "Newsletter Read"})),
        ("/v1/page", json!({"anonymousId": "a"})),
    ] {
        assert_eq!(door.post(path, event.to_string()).await.body["accepted"], 1, "{path}");
    }
    assert_eq!(
        (door.count("orders").await, door.count("contact_point").await, door.count("event").await),
        (2, 1, 4)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_cant_be_taken_says_why() {
    let door = Door::open(TestDatabase::migrated_sqlite().await).await;
    let check = |answer: Answer, status: u16, code: &str| {
        assert_eq!(
            (answer.status.as_u16(), answer.body["code"].as_str()),
            (status, Some(code)),
            "{:?}",
            answer.body
        );
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert!(answer.body["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    };
    let batch = json!({"batch": [order("o", json!(1))]}).to_string();
    check(door.post("/v1/batch", "{").await, 400, "not_json");
    check(door.post("/v1/batch", "[]").await, 400, "not_an_object");
    check(door.post("/v1/batch", "{}").await, 400, "no_batch");
    check(
        door.post("/v1/batch", format!("{}1{}", "[".repeat(200), "]".repeat(200))).await,
        400,
        "not_an_object",
    );
    check(door.post("/v1/nothing", batch.clone()).await, 404, "not_found");
    check(door.send("/v1/batch", &[], batch.clone()).await, 401, "unauthorized");
    check(
        door.send("/v1/batch", &[("authorization", "Bearer kk_00_11")], batch.clone()).await,
        401,
        "unauthorized",
    );
    let admin = format!("Bearer {}", key(&door.house.app, "admin").await);
    check(door.send("/v1/batch", &[("authorization", &admin)], batch.clone()).await, 403, "forbidden");
    check(door.post("/v1/batch", " ".repeat(500 * 1024 + 1)).await, 413, "too_large");
    check(door.post("/v1/batch", json!({"batch": vec![0; 2_501]}).to_string()).await, 413, "too_many_events");
    let bearer = format!("Bearer {}", door.key);
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 40 << 20]).expect("packed");
    let packed = [("authorization", bearer.as_str()), ("content-encoding", "gzip")];
    check(door.send("/v1/batch", &packed, bomb.finish().expect("packed")).await, 413, "too_large");
    check(door.send("/v1/batch", &packed, "plain").await, 400, "bad_gzip");
    assert_eq!(door.count("event").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_and_deep_events_are_refused_by_themselves() {
    let door = Door::open(TestDatabase::migrated_sqlite().await).await;
    let mut large = order("large", json!(1));
    large["properties"]["note"] = json!("x".repeat(33 * 1024));
    let mut deep = order("deep", json!(1));
    deep["properties"]["in"] = (0..60).fold(json!(1), |inner, _| json!([inner]));
    let answer =
        door.post("/v1/batch", json!({"batch": [large, deep, order("fine", json!(1))]}).to_string()).await;
    let codes: Vec<_> =
        answer.body["rejected"].as_array().expect("a list").iter().map(|r| r["code"].clone()).collect();
    assert_eq!(
        (answer.body["accepted"].clone(), codes),
        (json!(1), vec![json!("too_large"), json!("too_deep")])
    );
}

on_both_databases! {
    async fn one_that_cant_be_read_is_kept_and_fails_nobody(database) {
        let door = Door::open(database).await;
        let fine: Vec<String> = (0..499).map(|n| order(&format!("o{n}"), json!(1)).to_string()).collect();
        let halved = r#"{"type":"track","messageId":"half","userId":"u1","event":"Said","properties":{"text":"\ud83d"}}"#;
        let body = format!("{{\"batch\":[{},{halved},{}]}}", fine[..250].join(","), fine[250..].join(","));
        for (accepted, duplicate) in [(499, 0), (0, 499)] {
            let answer = door.post("/v1/batch", body.clone()).await;
            assert_eq!(answer.status, StatusCode::OK);
            let counts = (answer.body["accepted"].as_u64(), answer.body["duplicate"].as_u64());
            assert_eq!(counts, (Some(accepted), Some(duplicate)));
            let rejected = &answer.body["rejected"][0];
            assert_eq!((rejected["index"].as_u64(), rejected["code"].as_str()), (Some(250), Some("lone_surrogate")));
            assert_eq!((door.count("event").await, door.count("quarantine").await), (499, 1));
        }
        let db = door.house.app.book.store.reader();
        let sql = "SELECT payload FROM quarantine WHERE message_id = 'half'";
        let kept = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await;
        assert_eq!(kept.expect("read").expect("kept").try_get::<String>("", "payload").expect("text"), halved);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dittofeeds_sdk_is_answered_as_it_expects() {
    let door = Door::open(TestDatabase::migrated_sqlite().await).await;
    let batch = json!({"batch": [order("d1", json!(1)), order("d2", json!("free"))]}).to_string();
    // Its write key is the whole header.
    let basic =
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{}:", door.key)));
    for key in [basic.as_str(), &door.key, &format!("Basic {}", door.key)] {
        let answer = door.send("/api/public/apps/batch", &[("authorization", key)], batch.clone()).await;
        assert_eq!((answer.status, answer.body), (StatusCode::NO_CONTENT, Value::Null), "{key}");
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
    }
    let person = json!({"userId": "u1", "traits": {"email": "rosa@example.com"}}).to_string();
    assert_eq!(door.post("/api/public/apps/identify", person).await.status, StatusCode::NO_CONTENT);
    for unknown in ["alias", "b", "import", "nothing"] {
        assert_eq!(
            door.post(&format!("/api/public/apps/{unknown}"), "{}").await.status,
            StatusCode::NOT_FOUND
        );
    }
    let counts =
        (door.count("orders").await, door.count("quarantine").await, door.count("contact_point").await);
    assert_eq!(counts, (1, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_may_send_from_any_page_and_read_the_answer() {
    let door = Door::open(TestDatabase::migrated_sqlite().await).await;
    for path in ["/v1/track", "/api/public/apps/batch"] {
        let request = Request::builder()
            .method("OPTIONS")
            .uri(path)
            .header("origin", "https://shop.example")
            .header("access-control-request-method", "POST")
            // RudderStack's SDK for browsers sets the first of these.
            .header("access-control-request-headers", "anonymousid,authorization,content-type");
        let request = request.body(Body::empty()).expect("a request");
        let answer = door.house.app.router().oneshot(request).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
        assert_eq!(header("access-control-allow-origin"), "*");
        assert_eq!(header("access-control-allow-methods"), "POST");
        assert_eq!(header("access-control-allow-headers"), "anonymousid,authorization,content-type");
    }
    let too_large = "x".repeat(2 << 20);
    let length = too_large.len().to_string();
    let refused = door.send("/v1/batch", &[("content-length", &length)], too_large).await;
    assert_eq!((refused.status.as_u16(), refused.body["code"].as_str()), (413, Some("too_large")));
    assert_eq!(refused.headers["access-control-allow-origin"], "*");
    assert!(refused.headers["access-control-expose-headers"].to_str().expect("text").contains("Retry-After"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_sends_too_fast_is_told_when_to_come_back() {
    let settings = ["http.ingest_rate=1", "http.ingest_burst=2"];
    let door = Door::open_with(TestDatabase::migrated_sqlite().await, &settings).await;
    let batch = |n: u32| json!({"batch": [order(&format!("o{n}"), json!(1))]}).to_string();
    // However slow this machine is, it sends more in a row than one a second and two at once let through.
    let mut refused = None;
    for n in 0..200 {
        let answer = door.post("/v1/batch", batch(n)).await;
        if answer.status != StatusCode::OK {
            refused = Some((n, answer));
            break;
        }
    }
    let (n, answer) = refused.expect("refused in the end");
    assert!(n >= 2, "the burst goes through");
    assert_eq!((answer.status.as_u16(), answer.body["code"].as_str()), (429, Some("too_many_requests")));
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(answer.body["message"], answer.body["detail"], "where the SDKs look for it");
    assert_eq!(door.count("event").await, i64::from(n), "and nothing of it was taken in");
    let other = key(&door.house.app, "ingest").await;
    let bearer = format!("Bearer {other}");
    let answer = door.send("/v1/batch", &[("authorization", &bearer)], batch(n)).await;
    assert_eq!(answer.status, StatusCode::OK, "another key has its own measure");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_packed_otherwise_is_said_in_our_words() {
    let door = Door::open(TestDatabase::migrated_sqlite().await).await;
    let huge = "x".repeat(17 * 1024);
    let refused = door.send("/v1/batch", &[("x-huge", &huge)], "{}").await;
    assert_eq!((refused.status.as_u16(), refused.body["code"].as_str()), (431, Some("headers_too_large")));
    let bearer = format!("Bearer {}", door.key);
    let packed = [("authorization", bearer.as_str()), ("content-encoding", "br")];
    let refused = door.send("/v1/batch", &packed, "{}").await;
    assert_eq!((refused.status.as_u16(), refused.body["code"].as_str()), (415, Some("unknown_encoding")));
    let most: Vec<Value> =
        (0..2_500).map(|n| json!({"type": "track", "messageId": n, "userId": "u", "event": "E"})).collect();
    assert_eq!(door.post("/v1/batch", json!({"batch": most}).to_string()).await.body["accepted"], 2_500);
}
