//! Finding customers by whatever is in hand, what happened with them, what was written down, and who looked.

use crate::support::book::{House, source_of_facts};
use crate::support::door::{Answer, ask, key};
use crate::support::{TestDatabase, on_both_databases};
use axum::body::Body;
use axum::http::Request;
use domain::ids::CustomerId;
use kinkeeper::service::ingest::{self, Batch};
use kinkeeper::service::looking;
use serde_json::{Value, json};
use tower::ServiceExt;

struct Desk {
    house: House,
    agent: String,
    admin: String,
}

impl Desk {
    async fn open(database: TestDatabase) -> Self {
        let clock = "clock=2026-09-25T10:00:00+08:00";
        let house = House::open(database, &[clock, "shop.key=tea", "shop.timezone=Asia/Shanghai"]).await;
        let (agent, admin) = (key(&house.app, "agent").await, key(&house.app, "admin").await);
        Self { house, agent, admin }
    }

    async fn tell(&self, events: Vec<Value>) {
        let source = source_of_facts(&self.house.app).await;
        let batch = Batch { source, received_at: None, historical: false, events };
        let receipt = ingest::accept(&self.house.app.book.store, batch).await.expect("taken in");
        assert!(receipt.rejected.is_empty(), "{receipt:?}");
    }

    /// Lin Wei, Lina and 林伟, each with an order; Lin Wei is a diamond.
    async fn people(&self) {
        let person = |id: &str, name: &str, phone: &str| {
            json!({"type": "identify", "messageId": format!("i-{id}"), "userId": id, "timestamp": "2026-09-01T00:00:00Z",
                   "traits": {"name": name, "phone": phone, "email": format!("{id}@example.com")}})
        };
        let order = |id: &str, order: &str, total: &str| {
            json!({"type": "track", "messageId": format!("o-{order}"), "userId": id, "event": "Order Completed",
                   "timestamp": "2026-09-02T00:00:00Z", "properties": {"order_id": order, "total": total}})
        };
        self.tell(vec![
            person("u1", "Lin Wei", "13800131234"),
            person("u2", "Lina Berg", "+441164960108"),
            person("u3", "林伟", "13900131234"),
            order("u1", "A-1", "12000.00"),
            order("u2", "A-2", "50.00"),
            order("u3", "A-3", "50.00"),
        ])
        .await;
        self.house.app.engine().drain_all().await.expect("kept");
    }

    async fn get(&self, path: &str) -> Answer {
        ask(&self.house.app.router(), "GET", path, Some(&self.agent)).await
    }

    /// The shop's own ids of whom a search finds, with what they were found by.
    async fn found(&self, query: &str) -> Vec<(String, String)> {
        let answer = self.get(&format!("/api/v1/customers?{query}")).await;
        let items =
            answer.body["items"].as_array().unwrap_or_else(|| panic!("{query}: {:?}", answer.body)).clone();
        let text = |item: &Value, field: &str| item[field].as_str().expect("a text").to_owned();
        items.iter().map(|item| (text(item, "customer_id"), text(item, "matched_by"))).collect()
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
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

on_both_databases! {
    async fn a_customer_is_found_by_whatever_is_in_hand(database) {
        let desk = Desk::open(database).await;
        desk.people().await;
        for (query, expected) in [
            ("q=lin", pairs(&[("u1", "name"), ("u2", "name")])),
            ("q=%20LIN%20%20wei", pairs(&[("u1", "name")])),
            ("q=%E4%BC%9F", pairs(&[("u3", "name")])),
            ("q=u2", pairs(&[("u2", "identifier")])),
            ("q=138%200013%201234", pairs(&[("u1", "phone")])),
            ("q=U3%40EXAMPLE.com", pairs(&[("u3", "email")])),
            ("q=A-2", pairs(&[("u2", "order")])),
            ("q=nobody", vec![]),
            ("q=cus_999", vec![]),
            ("q=lin&tag=value_tier%3Ddiamond", pairs(&[("u1", "name")])),
            ("q=u2&tag=value_tier%3Ddiamond", vec![]),
            ("tag=value_tier%3Dregular", pairs(&[("u2", "list"), ("u3", "list")])),
            ("tag=value_tier", pairs(&[("u1", "list"), ("u2", "list"), ("u3", "list")])),
        ] {
            assert_eq!(desk.found(query).await, expected, "{query}");
        }
        let one = desk.get("/api/v1/customers?q=u1").await.body["items"][0].clone();
        assert_eq!(one["contacts"], json!(["u***@example.com", "138****1234"]), "{one}");
        assert_eq!(one["tags"]["value_tier"], "diamond");

        // Renamed, she is found by the new name alone.
        desk.tell(vec![json!({"type": "identify", "messageId": "again", "userId": "u2", "timestamp": "2026-09-03T00:00:00Z",
                              "traits": {"name": "Mara Berg"}})]).await;
        assert_eq!(desk.found("q=lina").await, vec![]);
        assert_eq!(desk.found("q=mara").await, pairs(&[("u2", "name")]));
    }

    async fn lists_come_in_pages(database) {
        let desk = Desk::open(database).await;
        let person = |n: u32| json!({"type": "identify", "messageId": format!("i{n}"), "userId": format!("u{n:02}"),
                                     "traits": {"name": format!("Ann {}", n % 3)}});
        desk.tell((0..25).map(person).collect()).await;
        for question in ["q=ann", "limit=10"] {
            let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
            loop {
                let page = desk.get(&format!("/api/v1/customers?{question}&limit=10{cursor}").replace("limit=10&limit=10", "limit=10")).await.body;
                seen.extend(page["items"].as_array().expect("items").iter().map(|i| i["customer_id"].as_str().expect("an id").to_owned()));
                pages += 1;
                let Some(next) = page["next_cursor"].as_str() else { break };
                cursor = format!("&cursor={}", next.replace('@', "%40").replace(' ', "%20"));
            }
            assert_eq!(pages, 3, "{question}");
            seen.sort();
            assert_eq!(seen, (0..25).map(|n| format!("u{n:02}")).collect::<Vec<_>>(), "{question}: each once");
        }
        for (query, status, says) in [
            ("limit=0", 400, "1 to 100"),
            ("taq=x", 400, "taq"),
            ("tag=", 422, "value_tier=diamond"),
            ("q=ann&cursor=7", 422, "next_cursor"),
        ] {
            let answer = desk.get(&format!("/api/v1/customers?{query}")).await;
            assert_eq!(answer.status, status, "{query}: {:?}", answer.body);
            assert!(answer.body["detail"].as_str().expect("a detail").contains(says), "{:?}", answer.body);
        }
    }

    async fn all_that_happened_stands_in_one_list(database) {
        let desk = Desk::open(database).await;
        desk.people().await;
        let id = desk.get("/api/v1/customers?q=u1").await.body["items"][0]["id"].as_str().expect("an id").to_owned();
        desk.tell(vec![
            json!({"type": "track", "messageId": "c1", "userId": "u1", "event": "Consent Changed", "timestamp": "2026-09-03T00:00:00Z",
                   "properties": {"channel": "email", "purpose": "marketing", "granted": false}}),
            json!({"type": "track", "messageId": "t1", "userId": "u1", "event": "Ticket Opened", "timestamp": "2026-09-04T00:00:00Z",
                   "properties": {"ticket_id": "T1", "complaint": true}}),
        ]).await;
        desk.house.app.engine().drain_all().await.expect("kept");
        let noted = desk.post(&format!("/api/v1/customers/{id}/notes"), &desk.agent, json!({"text": " call after six "})).await;
        assert_eq!((noted.status.as_u16(), noted.body["actor"].as_str()), (201, Some("sal")));
        let whole = desk.get(&format!("/api/v1/customers/{id}/timeline?limit=200")).await.body["items"].clone();
        let lines: Vec<String> = whole.as_array().expect("items").iter().map(|line| {
            let text = |field: &str| line[field].as_str().unwrap_or("-").to_owned();
            format!("{} {} {} {} {}", text("kind"), text("what"), text("about"), text("became"), text("why"))
        }).collect();
        for expected in [
            "fact Order Completed tea:A-1 - -",
            "fact Ticket Opened tea:T1 - -",
            "consent email marketing denied test",
            "tag value_tier - diamond event",
            "note sal - call after six -",
        ] {
            assert!(lines.iter().any(|line| line == expected), "{expected}: {lines:#?}");
        }
        assert!(lines.iter().any(|line| line.starts_with("tag complaint_open ")), "{lines:#?}");
        let order = whole.as_array().expect("items").iter().find(|line| line["what"] == "Order Completed").expect("there");
        assert_eq!(order["amount"]["amount"], "12000.00");

        // In pages of two it is the same list.
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = desk.get(&format!("/api/v1/customers/{id}/timeline?limit=2{cursor}")).await.body;
            paged.extend(page["items"].as_array().expect("items").clone());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(Value::from(paged), whole);
        assert_eq!(desk.get("/api/v1/customers/cus_99/timeline").await.status, 404);
        assert_eq!(desk.get(&format!("/api/v1/customers/{id}/timeline?cursor=1.x.2")).await.status, 422);
        let empty = desk.post(&format!("/api/v1/customers/{id}/notes"), &desk.agent, json!({"text": "  "})).await;
        assert_eq!((empty.status.as_u16(), empty.body["errors"][0]["at"].as_str()), (422, Some("text")));
        assert_eq!(desk.post("/api/v1/customers/cus_99/notes", &desk.agent, json!({"text": "x"})).await.status, 404);
    }

    async fn who_looked_is_known_and_what_they_looked_for_isnt(database) {
        let desk = Desk::open(database).await;
        desk.people().await;
        let found = desk.get("/api/v1/customers?q=13800131234").await.body;
        let id = found["items"][0]["id"].as_str().expect("an id").to_owned();
        desk.get(&format!("/api/v1/customers/{id}")).await;
        desk.get("/api/v1/customers/by/user_id/u1").await;
        desk.get(&format!("/api/v1/customers/{id}/timeline")).await;
        let path = format!("/api/v1/customers/{id}/access-log");
        assert_eq!(desk.get(&path).await.status, 403, "an agent doesn't read it");
        let log = ask(&desk.house.app.router(), "GET", &path, Some(&desk.admin)).await.body;
        let looks: Vec<(&str, &str)> = log["items"].as_array().expect("items").iter()
            .map(|l| (l["actor"].as_str().expect("an actor"), l["act"].as_str().expect("an act"))).collect();
        assert_eq!(looks, [("sal", "viewed"); 3]);
        use sea_orm::{ConnectionTrait, Statement};
        let db = desk.house.app.book.store.reader();
        let sql = "SELECT detail FROM access_log WHERE act = 'searched'";
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect("read");
        let kept: String = rows[0].try_get_by_index(0).expect("a text");
        assert_eq!(kept, r#"{"found":1}"#);
    }

    async fn looks_of_one_moment_share_a_transaction(database) {
        let desk = Desk::open(database).await;
        desk.people().await;
        let book = &desk.house.app.book;
        let id = desk.get("/api/v1/customers?q=u1").await.body["items"][0]["id"].as_str().expect("an id").to_owned();
        let id: CustomerId = id.parse().expect("an id");
        let actors: Vec<String> = (0..30).map(|n| format!("actor-{n:02}")).collect();
        let before = book.store.asked_in_transactions();
        let noted = futures::future::join_all(actors.iter().map(|actor| looking::viewed(book, actor, id))).await;
        assert!(noted.iter().all(Result::is_ok), "{noted:?}");
        let asked = book.store.asked_in_transactions() - before;
        assert!(asked <= 12, "30 looks took {asked} statements");
        let mut looks: Vec<String> = looking::list(book, id, None, 100).await.expect("listed").items.into_iter().map(|look| look.actor).collect();
        looks.sort_unstable();
        assert_eq!(looks, actors, "each once");
    }

    async fn keys_are_made_listed_and_revoked_by_admins(database) {
        let desk = Desk::open(database).await;
        let made = desk.post("/api/v1/keys", &desk.admin, json!({"role": "ingest", "label": "web shop"})).await;
        assert_eq!(made.status, 201, "{:?}", made.body);
        let written = made.body["key"].as_str().expect("a key").to_owned();
        let id = written.split('_').nth(1).expect("an id").to_owned();
        let sent = desk.post("/v1/track", &written, json!({"userId": "u1", "event": "Note"})).await;
        assert_eq!(sent.status, 200);
        let listed = ask(&desk.house.app.router(), "GET", "/api/v1/keys", Some(&desk.admin)).await.body;
        let row = listed["items"].as_array().expect("items").iter().find(|k| k["id"] == id.as_str()).expect("listed").clone();
        assert_eq!((row["label"].as_str(), row["source"].as_str()), (Some("web shop"), Some("api")));
        assert!(!listed.to_string().contains(written.rsplit('_').next().expect("a secret")), "no secret is shown again");

        let path = format!("/api/v1/keys/{id}/revoke");
        assert_eq!(desk.post(&path, &desk.admin, json!(null)).await.status, 204);
        assert_eq!(desk.post(&path, &desk.admin, json!(null)).await.status, 409);
        assert_eq!(desk.post("/api/v1/keys/ffff/revoke", &desk.admin, json!(null)).await.status, 404);
        assert_eq!(desk.post("/v1/track", &written, json!({"userId": "u1", "event": "Note"})).await.status, 401);
        let told = desk.post("/api/v1/keys", &desk.admin, json!({"role": "ingst"})).await;
        assert!(told.body["detail"].as_str().expect("a detail").contains("did you mean ingest?"), "{:?}", told.body);

        let audit = ask(&desk.house.app.router(), "GET", "/api/v1/audit?action=key.&limit=2", Some(&desk.admin)).await.body;
        let did: Vec<&str> = audit["items"].as_array().expect("items").iter().map(|l| l["action"].as_str().expect("an action")).collect();
        assert_eq!(did, ["key.revoked", "key.created"]);
        assert!(audit["next_cursor"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_api_needs_nothing_from_elsewhere() {
    let house = House::open(TestDatabase::migrated_sqlite().await, &[]).await;
    let request = Request::get("/docs").body(Body::empty()).expect("a request");
    let response = house.app.router().oneshot(request).await.expect("an answer");
    let policy = response.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    let page = String::from_utf8(bytes.to_vec()).expect("text");
    assert!(
        !page.contains("http://") && !page.contains("https://") && !page.contains("//cdn"),
        "no other host"
    );
    assert!(page.contains("openapi.json"));
}
