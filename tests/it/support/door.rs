//! Asking the daemon's routes without a socket, and keys to ask with.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use kinkeeper::app::App;
use kinkeeper::service::keys::{self, NewKey};
use kinkeeper::store::staff::{self, Staff};
use kinkeeper::store::{Lane, StoreError};
use serde_json::Value;
use tower::ServiceExt;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Null where it isn't JSON.
    pub body: Value,
}

/// Asks `router`, with a bearer key where one is given.
pub async fn ask(router: &Router, method: &str, path: &str, key: Option<&str>) -> Answer {
    send(router, method, path, key, Body::empty()).await
}

/// Gets what isn't JSON.
pub async fn text(router: &Router, path: &str, key: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::get(path).header("authorization", format!("Bearer {key}"));
    let request = request.body(Body::empty()).expect("a request");
    let (parts, body) = router.clone().oneshot(request).await.expect("an answer").into_parts();
    let bytes = to_bytes(body, usize::MAX).await.expect("a body");
    (parts.status, parts.headers, String::from_utf8(bytes.to_vec()).expect("UTF-8"))
}

/// Posts JSON to `router`.
pub async fn post(router: &Router, path: &str, key: &str, body: &Value) -> Answer {
    send(router, "POST", path, Some(key), Body::from(body.to_string())).await
}

/// Puts JSON to `router`.
pub async fn put(router: &Router, path: &str, key: &str, body: &Value) -> Answer {
    send(router, "PUT", path, Some(key), Body::from(body.to_string())).await
}

/// As [`post`], under an `Idempotency-Key`.
pub async fn post_once(router: &Router, path: &str, key: &str, once: &str, body: &Value) -> Answer {
    let request = Request::post(path).header("authorization", format!("Bearer {key}"));
    let request = request.header("idempotency-key", once).body(Body::from(body.to_string()));
    answer(router, request.expect("a request")).await
}

async fn send(router: &Router, method: &str, path: &str, key: Option<&str>, body: Body) -> Answer {
    let mut request = Request::builder().method(method.parse::<Method>().expect("a method")).uri(path);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    answer(router, request.body(body).expect("a request")).await
}

async fn answer(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.expect("a body");
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// A key of this role; those who act for somebody act for Sal, who is made if need be.
pub async fn key(app: &App, role: &str) -> String {
    let acts_for = matches!(role, "agent" | "supervisor").then(|| "sal".to_owned());
    if acts_for.is_some() {
        put_sal(app, "active").await;
    }
    let new = NewKey { role: role.to_owned(), staff: acts_for, label: None, source: None };
    keys::create(&app.book, new, "test").await.expect("a key").key
}

/// Sal Senior, `active` or `disabled`.
pub async fn put_sal(app: &App, state: &str) {
    let sal = Staff {
        key: "sal".to_owned(),
        name: "Sal Senior".to_owned(),
        email: None,
        role: "agent".to_owned(),
        level: "senior".to_owned(),
        team: None,
        skills: vec![],
        capacity_held: 5,
        calls_per_day: 40,
        state: state.to_owned(),
    };
    let put: Result<_, StoreError> = app
        .book
        .store
        .write(Lane::People, move |tx| Box::pin(async move { staff::put(tx, &sal).await }))
        .await;
    put.expect("Sal is there");
}
