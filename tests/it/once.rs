//! `Idempotency-Key`: whatever is asked for k times under one key has the effect and the answer of one, and another
//! request under it is refused (G2).

use crate::callbacks::scene::Scene;
use crate::support::book::House;
use crate::support::door::{ask, key, post, post_once};
use crate::support::{TestDatabase, on_both_databases};
use axum::Router;
use domain::callback::Level;
use kinkeeper::service::keys::{self, NewKey};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// 2026-09-25T02:00:00Z.
const NOW: &str = "clock=2026-09-25T10:00:00+08:00";

/// Asking for these twice is the same anyway (erasing), or is looking, of which each leaves its own trace if any.
const WITHOUT: [&str; 6] = [
    "/api/v1/customers/{id}/erase",
    "/api/v1/customers/{id}/export",
    "/api/v1/customers/{id}/reveal",
    "/api/v1/segments/count",
    "/api/v1/segments/preview",
    "/api/v1/tags/{key}/preview",
];

/// Asks twice the same under one key, then something else; gives the first answer's body.
async fn twice(router: &Router, key: &str, path: &str, body: Value, other: Value) -> Value {
    let once = format!("k {path}");
    let first = post_once(router, path, key, &once, &body).await;
    assert!(first.status.is_success(), "{path}: {:?}", first.body);
    assert!(!first.headers.contains_key("idempotency-replayed"), "{path}");
    let again = post_once(router, path, key, &once, &body).await;
    assert_eq!(again.status, first.status, "{path}: {:?}", again.body);
    assert_eq!(again.headers["idempotency-replayed"].as_bytes(), b"true", "{path}");
    let mut expected = first.body.clone();
    if let Some(secret) = expected.get_mut("key") {
        *secret = Value::Null;
    }
    if let Some(customer) = expected.get_mut("customer").and_then(Value::as_object_mut) {
        customer["name"] = Value::Null;
        customer["contacts"] = json!([]);
    }
    assert_eq!(again.body, expected, "{path}");
    let differs = post_once(router, path, key, &once, &other).await;
    let code = &differs.body["errors"][0]["code"];
    assert_eq!((differs.status.as_u16(), code), (422, &json!("key_reused")), "{path}: {:?}", differs.body);
    first.body
}

async fn open(database: TestDatabase) -> (House, Router, String) {
    let house = House::open(database, &[NOW]).await;
    let person = |user: &str| json!({"type": "identify", "messageId": user, "userId": user, "timestamp": "2026-01-01T00:00:00Z"});
    let bad = |id: &str| json!({"type": "track", "messageId": id, "userId": "ann", "event": "Order Completed", "properties": {"order_id": 1, "total": "free"}});
    let (router, admin) = (house.app.router(), key(&house.app, "admin").await);
    let batch = json!({"batch": [person("ann"), person("ben"), bad("b1"), bad("b2")]});
    let sent = post(&router, "/v1/batch", &key(&house.app, "ingest").await, &batch).await;
    assert_eq!(sent.body["accepted"], json!(2), "{:?}", sent.body);
    (house, router, admin)
}

on_both_databases! {
    async fn each_effect_happens_once_and_is_answered_the_same(database) {
        let (house, router, admin) = open(database).await;
        let lead = key(&house.app, "supervisor").await;
        let ids = house.lines("SELECT customer_id FROM identifier ORDER BY value").await;
        let (ann, ben) = (format!("cus_{}", ids[0]), format!("cus_{}", ids[1]));
        let of = |what: &str| format!("/api/v1/customers/{ann}/{what}");
        let consent = |state: &str| json!({"channel": "email", "purpose": "marketing", "state": state, "evidence": "call 7"});
        twice(&router, &lead, &of("consents"), consent("granted"), consent("denied")).await;
        twice(&router, &lead, &of("notes"), json!({"text": "after six"}), json!({"text": "before six"})).await;
        let correct = |name: &str| json!({"set": {"name": name}, "reason": "told us"});
        twice(&router, &lead, &of("correct"), correct("Ann A"), correct("Ann B")).await;
        let pair = |kept: &String, other: &String| json!({"kept": kept, "other": other});
        twice(&router, &lead, "/api/v1/customers/merge", pair(&ann, &ben), pair(&ben, &ann)).await;
        let gone = |who: &String| json!({"customer": who});
        twice(&router, &lead, "/api/v1/customers/unmerge", gone(&ben), gone(&ann)).await;
        let label = |text: &str| json!({"role": "ingest", "label": text});
        let made = twice(&router, &admin, "/api/v1/keys", label("web shop"), label("till")).await;
        let revoke = format!("/api/v1/keys/{}/revoke", made["id"].as_str().expect("an id"));
        twice(&router, &admin, &revoke, Value::Null, json!({"x": 1})).await;
        let mut sound = json!({"type": "track", "messageId": "b1", "userId": "ann", "event": "Order Completed", "properties": {"order_id": 1, "total": "7"}});
        let repaired = json!({"event": sound.clone()});
        sound["properties"]["total"] = json!("8");
        twice(&router, &admin, "/api/v1/quarantine/qua_1/retry", repaired, json!({"event": sound})).await;
        let because = |reason: &str| json!({ "reason": reason });
        twice(&router, &admin, "/api/v1/quarantine/qua_2/discard", because("a test"), because("a trial")).await;

        let tag = |gte: &str| json!({"document": {"key": "big", "name": {"en": "B", "zh-CN": "大"}, "rule": {"profile": "spend_365", "gte": gte}}});
        twice(&router, &admin, "/api/v1/tags/big/publish", tag("9.00"), tag("8.00")).await;

        let audit = "SELECT action, CAST(COUNT(*) AS BIGINT) FROM audit WHERE action IN ('customer.consent_said', 'customer.noted', \
            'customer.corrected', 'customer.merged', 'customer.unmerged', 'key.revoked', 'quarantine.retried', 'quarantine.discarded') \
            GROUP BY action ORDER BY action";
        assert_eq!(house.lines(audit).await, [
            "customer.consent_said|1", "customer.corrected|1", "customer.merged|1", "customer.noted|1", "customer.unmerged|1",
            "key.revoked|1", "quarantine.discarded|1", "quarantine.retried|1",
        ]);
        assert_eq!(house.lines("SELECT CAST(COUNT(*) AS BIGINT) FROM api_key WHERE label = 'web shop'").await, ["1"]);
        let secret = made["key"].as_str().expect("shown once").rsplit('_').next().expect("a secret").to_owned();
        let kept = house.lines("SELECT answer, body_hash, scope, idem_key FROM idempotency").await;
        assert_eq!(kept.len(), 10);
        assert!(!kept.iter().any(|row| row.contains(&secret) || row.contains("web shop till") || row.contains("after six")), "{kept:?}");

        // Somebody else's key is another one, and what was refused may be tried again under its own.
        let theirs = post_once(&router, &of("notes"), &key(&house.app, "supervisor").await, "k", &json!({"text": " "})).await;
        assert_eq!(theirs.status, 422, "{:?}", theirs.body);
        let mended = post_once(&router, &of("notes"), &lead, "k", &json!({"text": "mended"})).await;
        assert_eq!(mended.status, 201, "{:?}", mended.body);
        let long = post_once(&router, &of("notes"), &lead, &"x".repeat(101), &json!({"text": "a"})).await;
        assert_eq!((long.status.as_u16(), &long.body["errors"][0]["code"]), (422, &json!("bad_key")));
    }

    async fn many_at_once_have_the_effect_of_one(database) {
        let (house, router, _) = open(database).await;
        let lead = key(&house.app, "supervisor").await;
        let ids = house.lines("SELECT customer_id FROM identifier ORDER BY value").await;
        let notes = format!("/api/v1/customers/cus_{}/notes", ids[0]);
        for round in 0..8 {
            let once = format!("round {round}");
            let (same, other) = (json!({"text": format!("same {round}")}), json!({"text": format!("other {round}")}));
            let asked = (0..8).map(|n| post_once(&router, &notes, &lead, &once, if n == 5 { &other } else { &same }));
            let answers = futures::future::join_all(asked).await;
            let made: BTreeSet<String> = answers.iter().filter(|a| a.status == 201).map(|a| a.body.to_string()).collect();
            assert_eq!(made.len(), 1, "{answers:?}");
            let refused = answers.iter().filter(|a| a.body["errors"][0]["code"] == json!("key_reused")).count();
            assert_eq!(answers.iter().filter(|a| a.status == 201).count() + refused, 8, "{answers:?}");
            assert!(refused == 1 || refused == 7, "{answers:?}");
        }
        assert_eq!(house.lines("SELECT CAST(COUNT(*) AS BIGINT) FROM note").await, ["8"]);
        assert_eq!(house.lines("SELECT CAST(COUNT(*) AS BIGINT) FROM idempotency").await, ["8"]);
        // A merge that lost its race isn't told that they are one already.
        let pair = json!({"kept": format!("cus_{}", ids[0]), "other": format!("cus_{}", ids[1])});
        let asked = (0..6).map(|_| post_once(&router, "/api/v1/customers/merge", &lead, "m", &pair));
        for answer in futures::future::join_all(asked).await {
            assert_eq!(answer.status, 200, "{:?}", answer.body);
        }
        assert_eq!(house.lines("SELECT CAST(COUNT(*) AS BIGINT) FROM audit WHERE action = 'customer.merged'").await, ["1"]);
    }

    async fn a_pull_sent_again_claims_no_second_callback(database) {
        let s = Scene::open(database).await;
        s.agent("jo", Level::Junior).await;
        let router = s.house.app.router();
        let new = NewKey { role: "agent".to_owned(), staff: Some("jo".to_owned()), label: None, source: None };
        let jo = keys::create(&s.book, new, "test").await.expect("a key").key;
        let next = "/api/v1/callbacks/next";
        // Nothing came of it, so the same may be asked again.
        assert_eq!(post_once(&router, next, &jo, &format!("k {next}"), &Value::Null).await.status, 204);
        for n in 1..=2 {
            let customer = s.customer().await;
            s.run("INSERT INTO customer_personal (customer_id, name, traits) VALUES ($1, 'Lin Wei', '{}')", vec![customer.0.into()]).await;
            s.create(s.reason(&format!("t:{n}"), customer, "05-04 09:00", "05-06 18:00")).await;
        }
        s.route().await;
        let got = twice(&router, &jo, next, Value::Null, json!({"other": true})).await;
        assert_eq!(got["customer"]["name"], json!("Lin Wei"));
        assert_eq!(s.number("SELECT COUNT(*) FROM callback WHERE state = 'assigned'").await, 1);
        let fence = json!({"fence": got["fence"]});
        let of = |what: &str| format!("/api/v1/callbacks/{}/{what}", got["id"].as_str().expect("an id"));
        twice(&router, &jo, &of("start"), fence.clone(), json!({"fence": 99})).await;
        let ended = |outcome: &str| json!({"outcome": outcome, "fence": got["fence"]});
        twice(&router, &jo, &of("outcome"), ended("no_answer"), ended("busy")).await;
        let second = post_once(&router, next, &jo, "another", &Value::Null).await.body;
        let decline = format!("/api/v1/callbacks/{}/decline", second["id"].as_str().expect("an id"));
        twice(&router, &jo, &decline, json!({"fence": second["fence"]}), json!({"fence": 77})).await;
        let kept = s.house.lines("SELECT answer FROM idempotency").await;
        assert!(kept.len() == 5 && !kept.iter().any(|answer| answer.contains("Lin Wei")), "{kept:?}");
    }
}

#[tokio::test]
async fn every_post_takes_a_key_or_says_here_why_not() {
    let house = House::open(TestDatabase::migrated_sqlite().await, &[NOW]).await;
    let described = ask(&house.app.router(), "GET", "/openapi.json", None).await.body;
    let paths = described["paths"].as_object().expect("paths");
    let posts =
        paths.iter().filter(|(path, methods)| path.starts_with("/api/v1/") && methods.get("post").is_some());
    let mut seen = 0;
    for (path, methods) in posts {
        let said = methods["post"]["parameters"].as_array().cloned().unwrap_or_default();
        let takes = said.iter().any(|parameter| parameter["name"] == json!("Idempotency-Key"));
        assert_eq!(takes, !WITHOUT.contains(&path.as_str()), "{path}");
        seen += usize::from(takes);
    }
    assert_eq!(seen, 15);
}
