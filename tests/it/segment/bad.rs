//! A table of requests that can't be right: each has a defined answer that names place and remedy, quickly, and the daemon
//! lives on. First those refused whole, then events refused by themselves.

use super::{Door, order};
use crate::support::TestDatabase;
use crate::support::door::{Answer, key};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::io::Write as _;
use std::time::{Duration, Instant};

/// What a request may take on average, on a busy machine too.
const QUICK: Duration = Duration::from_millis(100);

type Row = (&'static str, Vec<(&'static str, String)>, Vec<u8>, u16, &'static str);

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(plain).expect("packed");
    packed.finish().expect("packed")
}

fn nested(open: &str, close: &str, times: usize) -> String {
    format!("{}{}", open.repeat(times), close.repeat(times))
}

/// Path, headers, body; status, code.
fn refused_whole(ingest: &str, admin: &str) -> Vec<Row> {
    let basic = |text: &str| vec![("authorization", format!("Basic {}", STANDARD.encode(text)))];
    let good = basic(&format!("{ingest}:"));
    let packed = |coding: &str| [good.clone(), vec![("content-encoding", coding.to_owned())]].concat();
    let fine = json!({"batch": [order("o", json!(1))]}).to_string().into_bytes();
    let text = |text: &str| text.as_bytes().to_vec();
    let mut rows: Vec<Row> = Vec::new();
    // Bodies that are no batch.
    for (body, code) in [
        ("", "not_json"),
        (" \n", "not_json"),
        ("{", "not_json"),
        ("{\"batch\":[", "not_json"),
        ("{\"batch\":[{]}", "not_json"),
        ("{\"batch\":[{},]}", "not_json"),
        ("{\"batch\":[]}{}", "not_json"),
        ("{'batch':[]}", "not_json"),
        ("{batch:[]}", "not_json"),
        ("{\"batch\":[NaN]}", "not_json"),
        ("{\"batch\":[01]}", "not_json"),
        ("{\"batch\":[\"\t\"]}", "not_json"),
        ("{\"batch\":[\"\u{0}\"]}", "not_json"),
        ("batch=1&b=2", "not_json"),
        ("<batch/>", "not_json"),
        ("[]", "not_an_object"),
        ("null", "not_an_object"),
        ("true", "not_an_object"),
        ("12", "not_an_object"),
        ("\"batch\"", "not_an_object"),
        ("[{\"batch\":[]}]", "not_an_object"),
        ("{}", "no_batch"),
        ("{\"Batch\":[]}", "no_batch"),
        ("{\"batch\":null}", "no_batch"),
        ("{\"batch\":{}}", "no_batch"),
        ("{\"batch\":\"[]\"}", "no_batch"),
        ("{\"batch\":7}", "no_batch"),
        ("{\"batch\":[],\"batch\":7}", "no_batch"),
    ] {
        rows.push(("/v1/batch", good.clone(), text(body), 400, code));
    }
    rows.push(("/v1/batch", good.clone(), b"\xff\xfe{\0}\0".to_vec(), 400, "not_json"));
    rows.push(("/v1/batch", good.clone(), b"{\"batch\":[\"\xc3\x28\"]}".to_vec(), 400, "not_json"));
    rows.push(("/v1/batch", good.clone(), b"{\"batch\":[\"\xed\xa0\xbd\"]}".to_vec(), 400, "not_json"));
    rows.push(("/v1/batch", good.clone(), text(&nested("[", "]", 200_000)), 400, "not_an_object"));
    rows.push(("/v1/batch", good.clone(), text(&"[".repeat(400_000)), 400, "not_json"));
    rows.push(("/v1/batch", good.clone(), text(&"{\"a\":".repeat(80_000)), 400, "not_json"));
    rows.push(("/v1/track", good.clone(), text("[]"), 400, "not_an_object"));
    rows.push(("/v1/identify", good.clone(), text("\"u1\""), 400, "not_an_object"));
    // Sizes.
    rows.push(("/v1/batch", good.clone(), vec![b' '; 500 * 1024 + 1], 413, "too_large"));
    rows.push(("/v1/batch", good.clone(), vec![b' '; 3 << 20], 413, "too_large"));
    let many = json!({"batch": vec![0; 2_501]}).to_string().into_bytes();
    rows.push(("/v1/batch", good.clone(), many.clone(), 413, "too_many_events"));
    rows.push(("/v1/import", good.clone(), many, 413, "too_many_events"));
    // Packing.
    let sound = gzip(&fine);
    rows.push(("/v1/batch", packed("gzip"), sound[..sound.len() / 2].to_vec(), 400, "bad_gzip"));
    rows.push(("/v1/batch", packed("gzip"), sound[..sound.len() - 1].to_vec(), 400, "bad_gzip"));
    rows.push(("/v1/batch", packed("gzip"), fine.clone(), 400, "bad_gzip"));
    rows.push(("/v1/batch", packed("gzip"), Vec::new(), 400, "bad_gzip"));
    let mut spoilt = sound.clone();
    let last = spoilt.len() - 6;
    spoilt[last] ^= 0xff;
    rows.push(("/v1/batch", packed("gzip"), spoilt, 400, "bad_gzip"));
    rows.push(("/v1/batch", packed("gzip"), [sound.clone(), b"more".to_vec()].concat(), 400, "bad_gzip"));
    rows.push(("/v1/batch", packed("gzip"), gzip(&vec![b' '; 100 << 20]), 413, "too_large"));
    rows.push(("/v1/batch", packed("gzip"), gzip(&gzip(&fine)), 400, "not_json"));
    rows.push(("/v1/batch", good.clone(), sound.clone(), 400, "not_json"));
    for coding in ["br", "deflate", "zstd", "gzip, gzip", "rot13"] {
        rows.push(("/v1/batch", packed(coding), sound.clone(), 415, "unknown_encoding"));
    }
    // Keys.
    for header in [
        String::new(),
        "Basic".to_owned(),
        "Basic ".to_owned(),
        "Basic !!!!".to_owned(),
        format!("Basic {}", STANDARD.encode("")),
        format!("Basic {}", STANDARD.encode(":")),
        format!("Basic {}", STANDARD.encode(format!(":{ingest}"))),
        format!("Basic {}", STANDARD.encode("kk_00_11:")),
        format!("Basic {}", STANDARD.encode([0xff, 0xfe])),
        "Bearer".to_owned(),
        "Bearer kk_".to_owned(),
        "Bearer kk_0011".to_owned(),
        "Bearer kk_00_11".to_owned(),
        format!("Bearer {ingest}0"),
        format!("Bearer {}", ingest.to_uppercase()),
        format!("Bearer {}", &ingest[..ingest.len() - 1]),
        format!("Digest {ingest}"),
        format!("Bearer kk_{}_1", "0".repeat(4_000)),
        "Bearer kk_' OR 1=1 --_x".to_owned(),
        "kk".to_owned(),
    ] {
        rows.push(("/v1/batch", vec![("authorization", header)], fine.clone(), 401, "unauthorized"));
    }
    rows.push(("/v1/batch", Vec::new(), fine.clone(), 401, "unauthorized"));
    rows.push(("/v1/batch", Vec::new(), text("{"), 401, "unauthorized"));
    for key in [json!(null), json!(7), json!([]), json!(""), json!("kk_00_11"), json!({"key": ingest})] {
        let body = json!({"batch": [], "writeKey": key}).to_string().into_bytes();
        rows.push(("/v1/batch", Vec::new(), body, 401, "unauthorized"));
    }
    let of_admin = vec![("authorization", format!("Bearer {admin}"))];
    rows.push(("/v1/batch", of_admin, fine.clone(), 403, "forbidden"));
    rows.push(("/v1/batch", vec![("x-huge", "x".repeat(20_000))], fine.clone(), 431, "headers_too_large"));
    // Paths.
    for path in [
        "/v1/Batch",
        "/v1/x",
        "/v1/%00",
        "/v1/..%2fhealthz",
        "/v1/batch%20",
        "/v1/%ff",
        "/v2/batch",
        "/v1/batch/",
    ] {
        rows.push((path, good.clone(), fine.clone(), 404, "not_found"));
    }
    rows.push(("/healthz", good, fine, 405, "method_not_allowed"));
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cant_be_taken_is_refused_whole_with_place_and_remedy() {
    let door = Door::open(TestDatabase::migrated_sqlite().await).await;
    let admin = key(&door.house.app, "admin").await;
    let rows = refused_whole(&door.key, &admin);
    assert!(rows.len() >= 60, "{}", rows.len());
    let (many, begun) = (rows.len(), Instant::now());
    for (path, headers, body, status, code) in rows {
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let shown = format!("{path} {headers:.80?} {:.60}", String::from_utf8_lossy(&body));
        let answer: Answer = door.send(path, &headers, body).await;
        let found = (answer.status.as_u16(), answer.body["code"].as_str().unwrap_or_default());
        assert_eq!(found, (status, code), "{shown}: {:?}", answer.body);
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{shown}");
        assert!(answer.body["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{shown}");
        assert!(!answer.body.to_string().contains(&door.key), "a key is no part of an answer");
    }
    let each = begun.elapsed() / u32::try_from(many).expect("few");
    assert!(each < QUICK, "{each:?} each");
    assert_eq!((door.count("event").await, door.count("quarantine").await), (0, 0));
    let sound = door.post("/v1/batch", json!({"batch": [order("o", json!(1))]}).to_string()).await;
    assert_eq!(sound.body["accepted"], 1, "and it goes on");
}

/// An event as it is sent, what is told of it, and where.
const REFUSED_ALONE: &[(&str, &str, &str)] = &[
    ("null", "not_an_object", ""),
    ("7", "not_an_object", ""),
    ("\"track\"", "not_an_object", ""),
    ("[]", "not_an_object", ""),
    ("{}", "nobody", "userId"),
    (r#"{"type":"dance","userId":"u"}"#, "unknown_type", "type"),
    (r#"{"type":7,"userId":"u"}"#, "unknown_type", "type"),
    (r#"{"type":[],"userId":"u"}"#, "not_text", "type"),
    (r#"{"type":"track","event":"E"}"#, "nobody", "userId"),
    (r#"{"type":"track","event":"E","userId":null,"anonymousId":"  "}"#, "nobody", "userId"),
    (r#"{"type":"track","event":"E","userId":{}}"#, "not_text", "user_id"),
    (r#"{"type":"track","event":"E","userId":["u"]}"#, "not_text", "user_id"),
    (r#"{"type":"track","event":"E","userId":true}"#, "not_text", "user_id"),
    (r#"{"type":"track","event":"E","userId":12345678901234567890123}"#, "digits_lost", "user_id"),
    (r#"{"type":"track","event":"E","userId":1e400}"#, "number_out_of_range", ""),
    (r#"{"type":"track","userId":"u"}"#, "no_name", "event"),
    (r#"{"type":"track","userId":"u","event":""}"#, "no_name", "event"),
    (r#"{"type":"track","userId":"u","event":{}}"#, "not_text", "event"),
    (r#"{"type":"track","userId":"u","event":"E","properties":[]}"#, "not_an_object", "properties"),
    (r#"{"type":"track","userId":"u","event":"E","properties":"x"}"#, "not_an_object", "properties"),
    (r#"{"type":"identify","userId":"u","traits":[]}"#, "not_an_object", "traits"),
    (r#"{"type":"identify","userId":"u","traits":{"consents":"yes"}}"#, "bad_consent", "traits.consents"),
    (r#"{"type":"track","userId":"u","event":"E","timestamp":"soon"}"#, "bad_timestamp", "timestamp"),
    (r#"{"type":"track","userId":"u","event":"E","timestamp":0}"#, "accidental_1970", "timestamp"),
    (
        r#"{"type":"track","userId":"u","event":"E","timestamp":"1970-01-01T00:00:00Z"}"#,
        "accidental_1970",
        "timestamp",
    ),
    (r#"{"type":"track","userId":"u","event":"E","timestamp":{}}"#, "bad_timestamp", "timestamp"),
    (
        r#"{"type":"track","userId":"u","event":"E","timestamp":"2011-13-45T99:00:00Z"}"#,
        "bad_timestamp",
        "timestamp",
    ),
    (
        r#"{"type":"track","userId":"u","event":"Order Completed","properties":{"order_id":1}}"#,
        "missing_field",
        "properties.total",
    ),
    (
        r#"{"type":"track","userId":"u","event":"Order Completed","properties":{"total":1}}"#,
        "missing_field",
        "properties.order_id",
    ),
    (
        r#"{"type":"track","userId":"u","event":"Order Completed","properties":{"order_id":1,"total":"12,50"}}"#,
        "amount_not_a_number",
        "properties.total",
    ),
    (
        r#"{"type":"track","userId":"u","event":"Order Completed","properties":{"order_id":1,"total":"NaN"}}"#,
        "amount_not_a_number",
        "properties.total",
    ),
    (
        r#"{"type":"track","userId":"u","event":"Order Completed","properties":{"order_id":1,"total":"Infinity"}}"#,
        "amount_not_a_number",
        "properties.total",
    ),
    (
        r#"{"type":"track","userId":"u","event":"Order Completed","properties":{"order_id":1,"total":1e300}}"#,
        "amount_not_a_number",
        "properties.total",
    ),
    (
        r#"{"type":"track","userId":"u","event":"Order Completed","properties":{"order_id":1,"total":1e15}}"#,
        "amount_too_large",
        "properties.total",
    ),
    (
        r#"{"type":"track","userId":"u","event":"Order Completed","properties":{"order_id":1,"total":-1}}"#,
        "amount_negative",
        "properties.total",
    ),
    (
        r#"{"type":"track","userId":"u","event":"Order Completed","properties":{"order_id":1,"total":[]}}"#,
        "amount_not_a_number",
        "properties.total",
    ),
    (
        r#"{"type":"track","userId":"u","event":"Order Completed","properties":{"order_id":{},"total":1}}"#,
        "not_text",
        "properties.order_id",
    ),
    (
        r#"{"type":"track","userId":"u","event":"Order Completed","properties":{"order_id":1.23E+24,"total":1}}"#,
        "digits_lost",
        "properties.order_id",
    ),
    (
        r#"{"type":"track","userId":"u","event":"Order Completed","properties":{"order_id":1,"total":1,"currency":"GBP"}}"#,
        "no_rate",
        "properties.currency",
    ),
    (
        r#"{"type":"track","userId":"u","event":"Order Completed","properties":{"order_id":1,"total":1,"currency":"money"}}"#,
        "bad_currency",
        "properties.currency",
    ),
    (
        r#"{"type":"track","userId":"u","event":"Order Refunded","properties":{"total":1}}"#,
        "missing_field",
        "properties.refund_id",
    ),
    (
        r#"{"type":"track","userId":"u","event":"Ticket Opened","properties":{}}"#,
        "missing_field",
        "properties.ticket_id",
    ),
    (
        r#"{"type":"track","userId":"u","event":"Consent Changed","properties":{"channel":"email"}}"#,
        "missing_field",
        "properties.granted",
    ),
    (r#"{"type":"track","userId":"u","event":"E","properties":{"a":"\ud83d"}}"#, "lone_surrogate", ""),
    (r#"{"type":"track","userId":"u","event":"E","properties":{"a":"\ude00\ud83d"}}"#, "lone_surrogate", ""),
    (r#"{"type":"track","userId":"u","event":"E","properties":{"\udc00":1}}"#, "lone_surrogate", ""),
    (r#"{"type":"track","userId":"u","event":"E","properties":{"a":"\u0000"}}"#, "nul_character", ""),
    (r#"{"type":"track","userId":"u","event":"E","properties":{"\u0000":1}}"#, "nul_character", ""),
    (r#"{"type":"track","userId":"u\u0000","event":"E"}"#, "nul_character", ""),
    (r#"{"type":"track","userId":"u","userId":null,"event":"E"}"#, "nobody", "userId"),
];

/// [`REFUSED_ALONE`], and those that are too large to be written down.
fn refused_alone() -> Vec<(String, &'static str, &'static str)> {
    let long = |name: &str, length: usize| {
        let mut event = json!({"type": "track", "userId": "u", "event": "E"});
        event[name] = json!("x".repeat(length));
        event.to_string()
    };
    let mut made: Vec<(String, &str, &str)> =
        REFUSED_ALONE.iter().map(|(event, code, at)| ((*event).to_owned(), *code, *at)).collect();
    made.push((long("messageId", 101), "too_long", "messageId"));
    made.push((long("userId", 257), "too_long", "user_id"));
    made.push((long("event", 257), "too_long", "event"));
    made.push((long("note", 33 * 1024), "too_large", ""));
    for times in [31, 33, 127, 129, 20_000] {
        made.push((deep(times), "too_deep", ""));
    }
    made
}

fn deep(times: usize) -> String {
    format!(r#"{{"type":"track","userId":"u","event":"E","properties":{{"a":{}}}}}"#, nested("[", "]", times))
}

/// How many requests and events there are.
pub fn count() -> usize {
    refused_whole("kk_00_11", "kk_22_33").len() + refused_alone().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cant_be_so_is_refused_alone_with_its_place() {
    let door = Door::open_with(TestDatabase::migrated_sqlite().await, &["shop.currency=CNY"]).await;
    let made = refused_alone();
    let batch: Vec<String> = made
        .iter()
        .enumerate()
        .flat_map(|(n, (event, _, _))| [event.clone(), order(&format!("fine-{n}"), json!(1)).to_string()])
        .collect();
    let answer = door.post("/v1/batch", format!("{{\"batch\":[{}]}}", batch.join(","))).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    let rejected = answer.body["rejected"].as_array().expect("a list");
    for (n, (event, code, at)) in made.iter().enumerate() {
        let shown = &event[..event.len().min(120)];
        let told = rejected.iter().find(|r| r["index"] == 2 * n).unwrap_or_else(|| panic!("taken: {shown}"));
        assert_eq!(told["code"], *code, "{shown}: {told}");
        let detail = told["detail"].as_str().expect("a detail");
        assert!(detail.starts_with(at) && detail.len() > at.len() + 10, "{shown}: {detail}");
    }
    assert_eq!((rejected.len(), answer.body["accepted"].as_u64()), (made.len(), Some(made.len() as u64)));
    let kept: Vec<Value> =
        door.lines("SELECT code FROM quarantine").await.into_iter().map(Value::from).collect();
    assert_eq!(kept.len(), made.len(), "each is kept for repair");
    assert!(
        door.post("/v1/batch", format!("{{\"batch\":[{}]}}", deep(30))).await.body["accepted"] == 1,
        "32 levels are fine"
    );
}
