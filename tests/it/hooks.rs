//! Pushes of other systems: only genuine ones are taken, once, and what can't be read is kept.

use crate::support::TestDatabase;
use crate::support::book::House;
use crate::support::door::Answer;
use crate::support::on_both_databases;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use kinkeeper::system::SystemClock;
use md5::{Digest, Md5};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use sha2::Sha256;
use tower::ServiceExt;

const SETTINGS: [&str; 5] = [
    "clock=2026-09-25T10:00:00+08:00",
    "hooks.shopify.secret=hush",
    "hooks.youzan.client_id=cid",
    "hooks.youzan.client_secret=csec",
    "hooks.generic.secret=hush",
];

struct Shop {
    house: House,
}

impl Shop {
    async fn open(database: TestDatabase) -> Self {
        Self { house: House::open(database, &SETTINGS).await }
    }

    async fn push(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method("POST").uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        let response = self.house.app.router().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// As Shopify pushes it.
    async fn shopify(&self, topic: &str, id: &str, body: &Value) -> Value {
        let body = body.to_string();
        let signature = base64::engine::general_purpose::STANDARD.encode(hmac(body.as_bytes()));
        let headers = [
            ("x-shopify-topic", topic),
            ("x-shopify-webhook-id", id),
            ("x-shopify-hmac-sha256", signature.as_str()),
        ];
        let answer = self.push("/hooks/shopify", &headers, &body).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.body
    }

    /// As Youzan pushes it.
    async fn youzan(&self, kind: &str, id: &str, msg: &str) {
        let encoded: String = msg.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let sign = Md5::new().chain_update("cid").chain_update(&encoded).chain_update("csec").finalize();
        let sign = hex(sign.as_slice());
        let push = json!({"client_id": "cid", "type": kind, "msg_id": id, "msg": encoded, "sign": sign, "test": false});
        let answer = self.push("/hooks/youzan", &[], &push.to_string()).await;
        assert_eq!((answer.status.as_u16(), answer.body), (200, json!({"code": 0, "msg": "success"})));
    }

    /// Everything there is to change, counted.
    async fn counts(&self) -> [i64; 4] {
        let mut counts = [0; 4];
        for (count, table) in counts.iter_mut().zip(["event", "orders", "refund", "quarantine"]) {
            *count = self.lines(&format!("SELECT CAST(COUNT(*) AS TEXT) FROM {table}")).await[0]
                .parse()
                .expect("a number");
        }
        counts
    }

    async fn lines(&self, sql: &str) -> Vec<String> {
        let db = self.house.app.book.store.reader();
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await;
        let rows = rows.unwrap_or_else(|e| panic!("{sql}: {e}"));
        rows.iter()
            .map(|row| row.try_get_by_index::<Option<String>>(0).expect("text").unwrap_or_default())
            .collect()
    }
}

fn hmac(message: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(b"hush").expect("a key");
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn an_order() -> Value {
    json!({"id": 4501, "name": "#1001", "total_price": "403.00", "currency": "CNY", "financial_status": "paid",
           "created_at": "2026-09-01T10:00:00+08:00", "updated_at": "2026-09-01T10:00:00+08:00",
           "customer": {"id": 77, "email": "rosa@example.com", "updated_at": "2026-09-01T10:00:00+08:00",
                        "email_marketing_consent": {"state": "subscribed"}}})
}

on_both_databases! {
    async fn shopifys_order_is_told_through_all_its_topics(database) {
        let shop = Shop::open(database).await;
        let created = shop.shopify("orders/create", "w1", &an_order()).await;
        assert_eq!(created, json!({"accepted": 3, "duplicate": 0, "rejected": 0}));
        shop.shopify("orders/paid", "w2", &an_order()).await;
        // Neither says whose order it is.
        let refund = json!({"id": 9, "order_id": 4501, "created_at": "2026-09-02T10:00:00+08:00",
                            "transactions": [{"kind": "refund", "status": "success", "amount": "30.00"}]});
        let fulfilled = json!({"id": 8, "order_id": 4501, "shipment_status": "delivered", "updated_at": "2026-09-03T10:00:00+08:00"});
        shop.shopify("refunds/create", "w3", &refund).await;
        shop.shopify("fulfillments/update", "w4", &fulfilled).await;
        let before = shop.counts().await;
        assert_eq!(before[1..], [1, 1, 0]);
        let orders = "SELECT order_key || ' ' || CAST(total_minor AS TEXT) || ' ' || CAST(refunded_minor AS TEXT) FROM orders";
        assert_eq!(shop.lines(orders).await, ["shop:4501 40300 3000"]);
        let users = "SELECT value FROM identifier WHERE kind = 'user_id'";
        assert_eq!(shop.lines(users).await, ["77"], "all of it is of one customer");
        assert_eq!(shop.lines("SELECT value FROM contact_point").await, ["rosa@example.com"]);

        let again = shop.shopify("orders/create", "w1", &an_order()).await;
        assert_eq!(again, json!({"accepted": 0, "duplicate": 3, "rejected": 0}));
        assert_eq!(shop.shopify("refunds/create", "w3", &refund).await["duplicate"], 1);
        assert_eq!(shop.counts().await, before, "a push that came before changes nothing");

        shop.shopify("orders/cancelled", "w5", &json!({"id": 4501, "cancelled_at": "2026-09-04T10:00:00+08:00", "customer": {"id": 77}})).await;
        let cancelled = "SELECT order_key FROM orders WHERE cancelled_at IS NOT NULL";
        assert_eq!(shop.lines(cancelled).await, ["shop:4501"]);
        let person = json!({"id": 77, "email": "rosa@example.com", "updated_at": "2026-09-05T10:00:00+08:00",
                            "email_marketing_consent": {"state": "unsubscribed"}});
        shop.shopify("customers/update", "w6", &person).await;
        let consents = "SELECT state FROM consent ORDER BY occurred_at, id";
        let said = shop.lines(consents).await;
        assert_eq!((said.first().map(String::as_str), said.last().map(String::as_str)), (Some("granted"), Some("denied")));
    }

    async fn what_isnt_genuine_changes_nothing(database) {
        let shop = Shop::open(database).await;
        // The papers' own vectors.
        let body = r#"{"id":820982911946154508,"total_price":"403.00"}"#;
        let signature = "gHDQy76+38chKmG/hW2suoASSgJPriCh7sYbzaB7OQI=";
        let topic = ("x-shopify-topic", "orders/paid");
        for (signature, body) in [(signature, body.replace("403", "304")), ("", body.to_owned()), ("AAAA", body.to_owned())] {
            let answer = shop.push("/hooks/shopify", &[topic, ("x-shopify-hmac-sha256", signature)], &body).await;
            assert_eq!((answer.status.as_u16(), answer.body["code"].as_str()), (401, Some("bad_signature")));
        }
        assert_eq!(shop.push("/hooks/shopify", &[topic], body).await.status, 401);
        let msg = "%7B%22tid%22%3A%22E20260101000000000000001%22%7D";
        let youzan = |sign: &str| json!({"client_id": "cid", "type": "trade_TradePaid", "msg": msg, "sign": sign}).to_string();
        for sign in ["", "77a6f0e4ef3e2fb5b8c95a6db7b274e9"] {
            assert_eq!(shop.push("/hooks/youzan", &[], &youzan(sign)).await.status, 401);
        }
        assert_eq!(shop.push("/hooks/youzan", &[], "<xml/>").await.body["code"], "not_json");
        for headers in [vec![], vec![("kinkeeper-timestamp", "1"), ("kinkeeper-signature", "00")]] {
            let answer = shop.push("/hooks/generic", &headers, r#"{"batch":[]}"#).await;
            assert_eq!(answer.body["code"], "bad_signature");
        }
        assert_eq!(shop.counts().await, [0, 0, 0, 0]);

        // Genuine, but they name nobody: kept for people, and not to be sent again.
        let answer = shop.push("/hooks/shopify", &[topic, ("x-shopify-hmac-sha256", signature)], body).await;
        assert_eq!((answer.status.as_u16(), answer.body), (200, json!({"accepted": 0, "duplicate": 0, "rejected": 1})));
        let answer = shop.push("/hooks/youzan", &[], &youzan("77a6f0e4ef3e2fb5b8c95a6db7b274e8")).await;
        assert_eq!((answer.status.as_u16(), answer.body), (200, json!({"code": 0, "msg": "success"})));
        let kept = shop.lines("SELECT code FROM quarantine ORDER BY id").await;
        assert_eq!(kept, ["nobody", "nobody"]);
    }

    async fn what_is_of_no_interest_is_answered_and_what_cant_be_read_is_kept(database) {
        let shop = Shop::open(database).await;
        assert_eq!(shop.shopify("products/update", "w1", &json!({"id": 1})).await["ignored"], "unknown_kind");
        let body = an_order().to_string();
        let signed = base64::engine::general_purpose::STANDARD.encode(hmac(body.as_bytes()));
        let headers = [("x-shopify-topic", "orders/paid"), ("x-shopify-hmac-sha256", signed.as_str()), ("x-shopify-test", "true")];
        assert_eq!(shop.push("/hooks/shopify", &headers, &body).await.body["ignored"], "test");
        assert_eq!(shop.counts().await, [0, 0, 0, 0]);

        let broken = r#"{"id": 7, "#;
        let signed = base64::engine::general_purpose::STANDARD.encode(hmac(broken.as_bytes()));
        let headers = [("x-shopify-topic", "orders/paid"), ("x-shopify-webhook-id", "w9"), ("x-shopify-hmac-sha256", signed.as_str())];
        for _ in 0..2 {
            let answer = shop.push("/hooks/shopify", &headers, broken).await;
            assert_eq!((answer.status.as_u16(), answer.body["rejected"].as_u64()), (200, Some(1)));
        }
        shop.youzan("trade_TradePaid", "m1", "not JSON").await;
        let kept = shop.lines("SELECT message_id || ' ' || code || ' ' || payload FROM quarantine ORDER BY id").await;
        assert_eq!(kept, ["w9 not_json {\"id\": 7, ", "m1 not_json not JSON"]);
    }

    async fn youzans_trade_is_told_by_who_paid_it(database) {
        let shop = Shop::open(database).await;
        let paid = json!({"full_order_info": {"order_info": {"tid": "E1", "pay_time": "2026-09-01 10:00:00"},
            "pay_info": {"payment": "139.14"}, "buyer_info": {"yz_open_id": "lDWy", "buyer_phone": "13800138000"}}});
        shop.youzan("trade_TradePaid", "m1", &paid.to_string()).await;
        shop.youzan("trade_TradePaid", "m1", &paid.to_string()).await;
        let refund = json!({"tid": "E1", "refund_id": "R1", "refunded_fee": "39.14", "update_time": "2026-09-02 10:00:00"});
        shop.youzan("trade_refund_RefundSuccess", "m2", &refund.to_string()).await;
        shop.youzan("item_ItemCreate", "m3", "{}").await;
        let orders = "SELECT order_key || ' ' || CAST(total_minor AS TEXT) || ' ' || CAST(refunded_minor AS TEXT) FROM orders";
        assert_eq!(shop.lines(orders).await, ["shop:E1 13914 3914"]);
        assert_eq!(shop.counts().await, [3, 1, 1, 0]);
        assert_eq!(shop.lines("SELECT kind || ' ' || namespace || ':' || value FROM identifier").await, ["external youzan:lDWy"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_who_signs_may_send_events() {
    let shop = Shop::open(TestDatabase::migrated_sqlite().await).await;
    let now = domain::time::Clock::machine_now(&SystemClock).micros() / 1_000_000;
    let order = json!({"type": "track", "messageId": "g1", "userId": "u", "event": "Order Completed",
                       "properties": {"order_id": 1, "total": 5}});
    let (one, many) =
        (order.to_string(), json!({"batch": [order, {"type": "track", "userId": "u"}]}).to_string());
    for (body, at, expected) in [
        (&one, now, (200, json!(1), json!(0))),
        (&many, now, (200, json!(0), json!(1))),
        (&one, now - 290, (200, json!(0), json!(1))),
        (&one, now - 400, (401, Value::Null, Value::Null)),
        (&one, now + 400, (401, Value::Null, Value::Null)),
    ] {
        let at = at.to_string();
        let signature = hex(&hmac(format!("{at}.{body}").as_bytes()));
        let headers = [("kinkeeper-timestamp", at.as_str()), ("kinkeeper-signature", &signature)];
        let answer = shop.push("/hooks/generic", &headers, body).await;
        let found =
            (answer.status.as_u16(), answer.body["accepted"].clone(), answer.body["duplicate"].clone());
        assert_eq!(found, expected);
    }
    assert_eq!(shop.counts().await, [1, 1, 0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_without_a_secret_is_closed() {
    let house = House::open(TestDatabase::migrated_sqlite().await, &[]).await;
    let shop = Shop { house };
    for door in ["shopify", "youzan", "generic"] {
        let answer = shop.push(&format!("/hooks/{door}"), &[], "{}").await;
        assert_eq!((answer.status.as_u16(), answer.body["code"].as_str()), (404, Some("hook_closed")));
        let detail = answer.body["detail"].as_str().expect("a detail");
        assert!(detail.contains(&format!("hooks.{door}.")), "{detail}");
    }
}
