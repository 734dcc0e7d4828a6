//! Callbacks over HTTP: the whole call as an agent's program makes it, and what it is told when it errs.

use super::scene::Scene;
use super::scenes;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use domain::callback::Level;
use kinkeeper::service::keys::{self, NewKey};
use serde_json::{Value, json};
use tower::ServiceExt;

struct Agent {
    router: Router,
    key: String,
}

impl Agent {
    async fn of(scene: &Scene, staff: &str) -> Self {
        let new =
            NewKey { role: "agent".to_owned(), staff: Some(staff.to_owned()), label: None, source: None };
        let key = keys::create(&scene.book, new, "test").await.expect("a key").key;
        Self { router: scene.house.app.router(), key }
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> (StatusCode, HeaderMap, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/callbacks{path}"))
            .header("authorization", format!("Bearer {}", self.key))
            .body(Body::from(body.to_owned()))
            .expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let (status, _, answer) = self.send("POST", path, &body.to_string()).await;
        (status.as_u16(), answer)
    }
}

scenes! {
    async fn a_call_from_the_pull_to_the_outcome(s: Scene) {
        s.agent("jo", Level::Junior).await;
        let jo = Agent::of(&s, "jo").await;
        let (status, headers, _) = jo.send("POST", "/next", "").await;
        assert_eq!((status.as_u16(), headers["kinkeeper-nothing"].as_bytes()), (204, &b"none_for_you"[..]));

        let customer = s.customer().await;
        s.run("INSERT INTO customer_personal (customer_id, name, traits) VALUES ($1, 'Lin Wei', '{}')", vec![customer.0.into()]).await;
        let sql = "INSERT INTO contact_point (customer_id, channel, value, class, usable, is_primary) \
                   VALUES ($1, 'phone', '+8613800001234', 'real', 1, 1)";
        s.run(sql, vec![customer.0.into()]).await;
        s.tag(customer, "churn_risk").await;
        let id = s.create(s.reason("t:1", customer, "05-04 09:00", "05-06 18:00")).await.id().to_string();

        let (status, _, got) = jo.send("POST", "/next", "").await;
        assert_eq!((status.as_u16(), &got["id"], &got["state"]), (200, &json!(id), &json!("assigned")));
        let shown = &got["customer"];
        assert_eq!((&shown["name"], &shown["contacts"][0]["masked"]), (&json!("Lin Wei"), &json!("138****1234")));
        assert_eq!((&shown["churn_risk"], &shown["tags"][0]["key"]), (&json!(true), &json!("churn_risk")));
        assert_eq!((&got["due_at"], &got["rank_at"]), (&json!("2026-05-06T10:00:00Z"), &json!("2026-05-06T06:00:00Z")));
        assert_eq!((&got["script"], &got["band"], &got["ring"]), (&json!("important_ticket"), &json!(1), &json!(1)));
        let fence = got["fence"].clone();

        let (status, begun) = jo.post(&format!("/{id}/start"), json!({"fence": fence})).await;
        assert_eq!((status, &begun["state"]), (200, &json!("in_progress")));
        let (status, listed) = {
            let (status, _, listed) = jo.send("GET", "?state=in_progress", "").await;
            (status.as_u16(), listed)
        };
        assert_eq!((status, &listed["items"][0]["agent"], &listed["next_cursor"]), (200, &json!("jo"), &Value::Null));
        let said = json!({"outcome": "reached", "fence": fence, "result": {"resolved": "yes", "satisfaction": 5}});
        let (status, ended) = jo.post(&format!("/{id}/outcome"), said.clone()).await;
        assert_eq!((status, &ended["state"], &ended["attempts"]), (200, &json!("completed"), &json!(1)));
        let (status, stale) = jo.post(&format!("/{id}/outcome"), said).await;
        assert_eq!((status, &stale["code"]), (409, &json!("conflict")));
        s.invariants_hold().await;
    }

    async fn whoever_errs_is_told_where_and_what_helps(s: Scene) {
        let (_, kim) = (s.agent("jo", Level::Junior).await, s.agent("kim", Level::Junior).await);
        let jo = Agent::of(&s, "jo").await;
        let id = s.ready("t:1", "05-06 18:00").await;
        let theirs = s.got(kim).await;
        for (path, body, status, code) in [
            ("/cb_999/start", json!({}), 404, "not_found"),
            ("/cus_1/start", json!({}), 400, "bad_id"),
            ("/cb_1/start", json!([]), 400, "not_an_object"),
            ("/cb_1/start", json!({"fense": 1}), 422, "invalid"),
            ("/cb_1/start", json!({}), 409, "conflict"),
            ("/cb_1/decline", json!({"fence": theirs.fence}), 409, "conflict"),
            ("/cb_1/outcome", json!({"outcome": "busy"}), 409, "conflict"),
            ("/cb_1/outcome", json!({"outcome": "bussy"}), 422, "invalid"),
        ] {
            let path = path.replace("cb_1/", &format!("{id}/"));
            let (got, problem) = jo.post(&path, body.clone()).await;
            assert_eq!((got, &problem["code"]), (status, &json!(code)), "{path} {body}: {problem}");
        }
        let (_, problem) = jo.post(&format!("/{id}/outcome"), json!({"outcome": "bussy"})).await;
        assert_eq!(problem["errors"][0]["at"], "outcome");
        let (_, _, problem) = jo.send("POST", &format!("/{id}/start"), "{").await;
        assert_eq!(problem["code"], "bad_json");
        let (_, _, problem) = jo.send("GET", "?state=redy", "").await;
        assert!(problem["detail"].as_str().is_some_and(|d| d.contains("did you mean ready?")), "{problem}");
        let (status, _, _) = jo.send("GET", "?limit=0", "").await;
        assert_eq!(status.as_u16(), 422);
        let (status, _, _) = jo.send("GET", "?page=1", "").await;
        assert_eq!(status.as_u16(), 400);

        // A decline over HTTP, without a body and without a fence.
        s.go_to("05-04 09:30").await;
        let (status, _, got) = jo.send("POST", "/next", "").await;
        assert_eq!((status.as_u16(), &got["id"]), (200, &json!(id)));
        let (status, _, _) = jo.send("POST", &format!("/{id}/decline"), "").await;
        assert_eq!(status.as_u16(), 204);
        s.invariants_hold().await;
    }
}
