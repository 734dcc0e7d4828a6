//! A number while somebody types: of a small book exact, of a large one from a stable part of it, and of a draft whose properties aren't
//! indexed by looking at a few.

use crate::support::TestDatabase;
use crate::support::care::Care;
use crate::support::command::Home;
use crate::support::door::{key, post};
use crate::support::on_both_databases;
use domain::estimate;
use domain::ids::CustomerId;
use kinkeeper::service::ServiceError;
use kinkeeper::service::asking::{self, CountedBy, SegmentCount, Whom};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

async fn open(database: TestDatabase) -> Care {
    Care::in_onboarding(database, &[]).await
}

fn order(n: u32, when: &str) -> Value {
    json!({"type": "track", "messageId": format!("o{n} {when}"), "userId": format!("u{n}"), "event": "Order Completed",
        "timestamp": when, "properties": {"order_id": format!("{n}-{when}"), "total": 10 * n, "shelf": format!("S{}", n % 4)}})
}

async fn count(care: &Care, whom: Whom, by: Option<CountedBy>) -> Result<SegmentCount, ServiceError> {
    let book = &care.house.app.book;
    let question = asking::question(book, whom).await?;
    asking::count_now(book, question, by, asking::MOST).await
}

async fn keep(care: &Care) {
    care.house.app.engine().drain_all().await.expect("kept");
}

const DEAR: &str = "kind: segment
key: dear
name: { en: Dear, zh-CN: 高消费 }
keep: on_demand
rule: { profile: spend_365, gte: '100.00' }
";

on_both_databases! {
    async fn of_a_small_book_everybody_is_looked_at(database) {
        let care = open(database).await;
        care.apply(DEAR).await;
        care.house.send((1..=20).map(|n| order(n, "2011-12-20T12:00:00Z")).collect()).await;
        keep(&care).await;
        let (router, marketer) = (care.house.app.router(), key(&care.house.app, "marketer").await);
        let asked = async |body: Value| post(&router, "/api/v1/segments/count", &marketer, &body).await;
        let rule = json!({"profile": "spend_365", "gte": "100.00"});
        let document = json!({"key": "other", "name": {"en": "O", "zh-CN": "其"}, "rule": rule});
        for whom in [json!({"key": "dear"}), json!({ "rule": rule }), json!({ "document": document })] {
            for (by, of) in [(Value::Null, json!(20)), (json!("sample"), json!(20)), (json!("columns"), json!(20)), (json!("database"), Value::Null)] {
                let mut body = whom.clone();
                body["by"] = by.clone();
                let told = asked(body).await;
                // Unless it is said, whichever is there.
                let source = by.as_str().or(told.body["source"].as_str().filter(|source| *source != "database"));
                assert_eq!(told.status, 200, "{}", told.body);
                let seen = (&told.body["count"], &told.body["of"], &told.body["exact"], &told.body["margin"], &told.body["source"]);
                assert_eq!(seen, (&json!(11), &of, &json!(true), &json!(0), &json!(source)), "{whom} {by}");
                assert!(told.body["as_of"].as_str().is_some_and(|at| at.starts_with("2011-12-")), "{}", told.body);
            }
        }
        let wrong = asked(json!({"key": "dear", "by": "sampel"})).await;
        assert!(wrong.status == 400 && wrong.body["detail"].as_str().is_some_and(|d| d.contains("did you mean sample?")), "{}", wrong.body);
        assert_eq!(asked(json!({"key": "dear", "rule": rule})).await.status, 422);
        assert_eq!(asked(json!({"key": "daer"})).await.status, 404);
        assert_eq!(care.number("SELECT COUNT(*) FROM access_log WHERE act = 'listed'").await, 0, "nobody was seen");
    }

    async fn of_a_large_book_a_part_stands_for_all(database) {
        let care = open(database).await;
        // As if so many had been here before.
        let ahead = if care.house.app.book.store.reader().get_database_backend() == sea_orm::DbBackend::Postgres {
            "ALTER TABLE customer ALTER COLUMN id RESTART WITH 600001"
        } else {
            "INSERT INTO sqlite_sequence (name, seq) VALUES ('customer', 600000)"
        };
        care.exec::<i64>(ahead, []).await;
        care.house.send((1..=400).map(|n| order(n, "2011-12-20T12:00:00Z")).collect()).await;
        keep(&care).await;
        let part = estimate::part(CustomerId(600_400));
        let drawn = estimate::drawn(&part, 600_001, 600_400).len() as u64;
        assert!((1..20).contains(&drawn), "{drawn} of them are in 1 %");
        let told = count(&care, Whom::Rule(json!({"profile": "spend_365", "gte": "0.00"})), None).await.expect("counted");
        let wanted = estimate::estimate(&part, drawn);
        assert_eq!((told.count, told.margin, told.of), (100 * drawn, wanted.margin, Some(100 * drawn)));
        assert_eq!((told.exact, told.source), (false, CountedBy::Sample));
        let whole = count(&care, Whom::Rule(json!({"profile": "spend_365", "gte": "0.00"})), Some(CountedBy::Database)).await;
        assert_eq!(whole.expect("counted").count, 400);
        // Who comes later is drawn too, and the ones before stay.
        care.house.send((401..=800).map(|n| order(n, "2011-12-20T12:00:00Z")).collect()).await;
        keep(&care).await;
        let more = estimate::drawn(&part, 600_001, 600_800).len() as u64;
        let told = count(&care, Whom::Rule(json!({"event": "Order Completed"})), None).await.expect("counted");
        assert_eq!(told.count, 100 * more);
        assert!(more > drawn);
    }

    async fn a_draft_that_isnt_indexed_is_estimated_by_looking(database) {
        let care = open(database).await;
        care.house.send((1..=40).map(|n| order(n, "2011-12-20T12:00:00Z")).collect()).await;
        keep(&care).await;
        let shelf = |shelf: &str| json!({"all": [{"event": "Order Completed", "where": [{"property": "shelf", "eq": shelf}]},
            {"profile": "spend_365", "gte": "200.00"}]});
        let told = count(&care, Whom::Rule(shelf("s1")), None).await.expect("looked at");
        assert_eq!((told.count, told.of, told.exact, told.source), (5, Some(40), true, CountedBy::Sample));
        let refused = count(&care, Whom::Rule(shelf("s1")), Some(CountedBy::Database)).await;
        assert!(matches!(refused, Err(ServiceError::Conflict(_))), "{refused:?}");
        keep(&care).await;
        let told = count(&care, Whom::Rule(shelf("s1")), Some(CountedBy::Database)).await.expect("indexed by now");
        assert_eq!(told.count, 5);
        // By looking or by asking, whoever is erased is nobody.
        care.exec::<i64>("UPDATE profile SET counts = 0 WHERE customer_id IN (SELECT customer_id FROM identifier WHERE value = 'u21')", []).await;
        for (path, wanted) in [("shelf", 20), ("order_id", 20)] {
            let rule = json!({"all": [{"event": "Order Completed", "where": [{"property": path, "exists": true}]},
                {"profile": "spend_365", "gte": "200.00"}]});
            let told = count(&care, Whom::Rule(rule), None).await.expect("counted");
            assert_eq!((told.count, told.of), (wanted, Some(39)), "{path}");
        }
    }
}

#[test]
fn at_the_command_line() {
    let home = Home::new();
    home.file("dear.yaml", DEAR);
    home.file("o.csv", "order_id,customer_id,paid_at,total\nA,u1,2026-11-01,100\nB,u2,2026-11-01,20\n");
    home.run(&["import", "orders", "o.csv"]).ended(0);
    home.run(&["drain"]).ended(0);
    let told = home.run(&["segment", "count", "-f", "dear.yaml", "--quick"]).ended(0).stdout;
    assert!(told.contains("dear: 1 of 2 customers"), "{told}");
    let told =
        home.run(&["segment", "count", "-f", "dear.yaml", "--quick", "--format", "json"]).ended(0).json();
    assert_eq!((&told["count"], &told["source"]), (&json!(1), &json!("sample")));
}
