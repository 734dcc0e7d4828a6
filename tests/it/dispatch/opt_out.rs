//! The opt-out link: looking changes nothing, using it stops marketing before anybody is told so.

use crate::support::care::{Care, Plan, at, christmas};
use crate::support::on_both_databases;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use domain::ids::TouchpointId;
use kinkeeper::service::secrets::Purpose;
use tower::ServiceExt;

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

async fn ask(care: &Care, method: &str, token: &str, language: &str, body: &'static str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("/u/{token}"))
        .header("accept-language", language)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .expect("a request");
    let response = care.house.app.router().oneshot(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.expect("a body");
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// The token in the mail itself.
fn token_in(mail: &str) -> String {
    let (_, rest) = mail.split_once("/u/").expect("an opt-out link");
    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
}

async fn said(care: &Care) -> (i64, i64, i64) {
    (
        care.number("SELECT COUNT(*) FROM consent WHERE state = 'denied'").await,
        care.number("SELECT COUNT(*) FROM suppression").await,
        care.number("SELECT COUNT(*) FROM audit WHERE action = 'customer.opted_out'").await,
    )
}

on_both_databases! {
    async fn looking_changes_nothing_and_using_it_stops_what_waits(database) {
        let care = Care::open(database).await;
        care.customers(1..=1).await;
        // Somebody else at the same address.
        care.customer(2, "c1@example.com").await;
        care.consents(2, "granted", at("2011-11-01T00:00:00Z")).await;
        care.plan(Plan::festival(1)).await;
        care.dispatch_at(christmas("10:00")).await;
        let token = token_in(&care.mails()[0]);

        let page = ask(&care, "GET", &token, "en", "").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("c***@example.com") && page.body.contains("Retail"), "{}", page.body);
        assert!(!page.body.contains("c1@example.com"));
        assert_eq!(page.headers["content-security-policy"].to_str().expect("text").split(';').next(), Some("default-src 'self'"));
        assert_eq!(said(&care).await, (0, 0, 0), "link scanners change nothing");
        assert!(ask(&care, "GET", &token, "zh-CN,zh;q=0.9", "").await.body.contains("退订"));

        let (mine, theirs) = (
            care.plan(Plan { send_at: christmas("11:00"), ..Plan::winback(1) }).await,
            care.plan(Plan { send_at: christmas("11:00"), ..Plan::winback(2) }).await,
        );
        let done = ask(&care, "POST", &token, "en", "List-Unsubscribe=One-Click").await;
        assert_eq!(done.status, StatusCode::OK);
        assert!(!done.headers.contains_key("set-cookie") && !done.headers.contains_key("location"));
        assert!(done.body.contains("stopped"), "{}", done.body);
        assert_eq!(said(&care).await, (1, 1, 1));
        assert_eq!(ask(&care, "POST", &token, "en", "").await.status, StatusCode::OK);
        assert_eq!(said(&care).await, (1, 1, 1), "again changes nothing");
        assert!(ask(&care, "GET", &token, "en", "").await.body.contains("is stopped"));

        care.dispatch_at(at("2011-12-26T11:00:00Z")).await;
        assert_eq!((care.state(mine).await.as_str(), care.state(theirs).await.as_str()), ("skipped no_consent", "skipped suppressed"));
        assert_eq!(care.mailed().len(), 1);
        assert_eq!(care.violations().await, Vec::<String>::new());
    }

    async fn a_link_that_is_not_ours_is_told_the_same_whatever_is_wrong(database) {
        let care = Care::open(database).await;
        care.customers(1..=1).await;
        let touch = care.plan(Plan::festival(1)).await;
        let secrets = &care.house.app.book.secrets;
        let nobody = secrets.token(Purpose::Unsubscribe, touch.0 + 1_000);
        let other_purpose = secrets.token(Purpose::Contact, touch.0);
        let mut words = vec![];
        for token in ["x", &nobody, &other_purpose] {
            for method in ["GET", "POST"] {
                let answer = ask(&care, method, token, "en", "List-Unsubscribe=One-Click").await;
                assert_eq!(answer.status, StatusCode::NOT_FOUND);
                words.push(answer.body);
            }
        }
        words.dedup();
        assert_eq!(words.len(), 1);
        assert_eq!(said(&care).await, (0, 0, 0));
    }

    async fn an_opt_out_before_the_mail_went_out_stops_it(database) {
        let care = Care::open(database).await;
        care.customers(1..=1).await;
        let TouchpointId(id) = care.plan(Plan::festival(1)).await;
        care.dispatch().await;
        let token = care.house.app.book.secrets.token(Purpose::Unsubscribe, id);
        assert_eq!(ask(&care, "POST", &token, "en", "").await.status, StatusCode::OK);
        care.dispatch_at(christmas("10:00")).await;
        assert_eq!(care.state(TouchpointId(id)).await, "skipped no_consent");
        assert_eq!(said(&care).await, (1, 1, 1));
        assert_eq!(care.violations().await, Vec::<String>::new());
    }
}
