//! Tags that people give and take, and what people say of them: doors, expiry, suppression, merging, rebuilding.

use crate::support::book::House;
use crate::support::care::{Care, at};
use crate::support::command::Home;
use crate::support::door::{ask, key, put};
use crate::support::on_both_databases;
use domain::ids::CustomerId;
use domain::time::Span;
use kinkeeper::service::marking::{self, Given, Hand, Marked};
use kinkeeper::service::{Book, ServiceError, identity, rebuild};
use serde_json::{Value, json};

const TAGS: &str = "SELECT key, value, source FROM tag_current WHERE key IN ('vip', 'comm_style', 'churn_risk') ORDER BY key";
const HISTORY: &str =
    "SELECT key, from_value, to_value, cause FROM tag_history WHERE key = 'vip' ORDER BY id";

async fn who(house: &House, user: &str) -> CustomerId {
    let sql = format!("SELECT customer_id FROM identifier WHERE kind = 'user_id' AND value = '{user}'");
    CustomerId(house.lines(&sql).await[0].parse().expect("an id"))
}

fn known(user: &str) -> Value {
    json!({"type": "identify", "messageId": format!("i-{user}"), "userId": user, "timestamp": "2011-12-01T00:00:00Z",
        "traits": {"email": format!("{user}@example.com")}})
}

async fn give(
    book: &Book,
    id: CustomerId,
    tag: &str,
    value: Option<&str>,
    days: Option<i64>,
) -> Result<Marked, ServiceError> {
    let now = book.now().await.expect("the time");
    let given = Given {
        tag: tag.to_owned(),
        value: value.map(str::to_owned),
        until: days.map(|days| now + Span::days(days)),
        reason: "asked for by the head of service".to_owned(),
    };
    marking::give(book, id, given, ("key:lead", Hand::Approver)).await
}

on_both_databases! {
    async fn what_people_give_holds_until_it_ends_and_is_a_fact_like_any_other(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let (house, app, book) = (&care.house, &care.house.app, &care.house.app.book);
        house.send(vec![known("u1")]).await;
        app.engine().drain_all().await.expect("kept");
        let id = who(house, "u1").await;
        let marked = give(book, id, "vip", None, Some(30)).await.expect("given");
        assert_eq!((marked.value.as_deref(), marked.until), (Some("true"), Some(at("2012-01-24T00:00:00Z"))));
        let style = give(book, id, "comm_style", Some("careful"), None).await.expect("given");
        assert_eq!(style.until, Some(at("2012-12-24T00:00:00Z")), "a year, unless somebody says so again");
        app.engine().drain_all().await.expect("kept");
        assert_eq!(house.lines(TAGS).await, ["comm_style|careful|manual", "vip|true|manual"]);
        let evidence = house.lines("SELECT evidence FROM tag_current WHERE key = 'vip'").await;
        assert_eq!(evidence, ["{\"by_hand_since\":\"2011-12-25T00:00:00Z\",\"by_hand_until\":\"2012-01-24T00:00:00Z\"}"]);
        let audit = "SELECT actor, action, detail FROM audit WHERE action LIKE 'customer.tag%' ORDER BY id";
        let told = house.lines(audit).await;
        assert!(told[0].starts_with("key:lead|customer.tag_added|") && told[0].contains("head of service"), "{told:?}");
        // A rebuild comes to the same: it is a fact.
        let same = rebuild::run(book, rebuild::Mode::Check, &mut |d| println!("{d:?}")).await.expect("looked");
        assert_eq!(same.differences, 0, "{same:?}");

        care.set_now(at("2012-01-23T23:59:59Z")).await;
        app.engine().drain_all().await.expect("kept");
        assert_eq!(house.lines(TAGS).await.len(), 2);
        care.set_now(at("2012-01-24T00:00:00Z")).await;
        app.engine().drain_all().await.expect("kept");
        assert_eq!(house.lines(TAGS).await, ["comm_style|careful|manual"]);
        assert_eq!(house.lines(HISTORY).await, ["vip|-|true|event", "vip|true|-|time"]);
        let again = marking::take(book, id, ("comm_style", "found wrong"), ("key:a", Hand::Staff)).await.expect("taken");
        assert_eq!((again.value, again.until), (None, None));
        app.engine().drain_all().await.expect("kept");
        assert_eq!(house.lines(TAGS).await, Vec::<String>::new());
    }

    async fn what_is_taken_away_stays_away_for_90_d_and_what_is_given_overrules_the_rule(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let (house, app, book) = (&care.house, &care.house.app, &care.house.app.book);
        let order = json!({"type": "track", "messageId": "o", "userId": "u1", "event": "Order Completed",
            "timestamp": "2011-12-20T12:00:00Z", "properties": {"order_id": "O1", "total": 20_000}});
        house.send(vec![known("u1"), order]).await;
        app.engine().drain_all().await.expect("kept");
        assert_eq!(house.lines(TAGS).await, ["vip|true|computed"]);
        let id = who(house, "u1").await;
        let taken = marking::take(book, id, ("vip", "buys for a shop of their own"), ("key:lead", Hand::Approver)).await;
        assert_eq!(taken.expect("taken").until, Some(at("2012-03-24T00:00:00Z")));
        app.engine().drain_all().await.expect("kept");
        assert_eq!(house.lines(TAGS).await, Vec::<String>::new());
        care.set_now(at("2012-03-23T23:59:59Z")).await;
        app.engine().drain_all().await.expect("kept");
        assert_eq!(house.lines(TAGS).await, Vec::<String>::new());
        care.set_now(at("2012-03-24T00:00:00Z")).await;
        app.engine().drain_all().await.expect("kept");
        assert_eq!(house.lines(TAGS).await, ["vip|true|computed"], "the rule gives it again");
        give(book, id, "vip", None, Some(1)).await.expect("given");
        app.engine().drain_all().await.expect("kept");
        assert_eq!(house.lines(TAGS).await, ["vip|true|manual"]);
    }

    async fn what_one_was_given_stays_with_whoever_they_are_now(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let (house, app, book) = (&care.house, &care.house.app, &care.house.app.book);
        house.send(vec![known("u1"), known("u2")]).await;
        app.engine().drain_all().await.expect("kept");
        let (one, two) = (who(house, "u1").await, who(house, "u2").await);
        give(book, two, "vip", None, Some(30)).await.expect("given");
        identity::merge(book, one, two, "cli:t", Some("same number")).await.expect("merged");
        app.engine().drain_all().await.expect("kept");
        let of = "SELECT customer_id, key FROM tag_current WHERE key = 'vip'";
        assert_eq!(house.lines(of).await, [format!("{}|vip", one.0)]);
        identity::unmerge(book, two, "cli:t", Some("two sisters")).await.expect("parted");
        app.engine().drain_all().await.expect("kept");
        assert_eq!(house.lines(of).await, [format!("{}|vip", two.0)]);
        // By the number somebody had, whoever they are now is tagged.
        identity::merge(book, one, two, "cli:t", Some("the same after all")).await.expect("merged");
        let marked = give(book, two, "comm_style", Some("hasty"), None).await.expect("given");
        assert_eq!(marked.customer, one);
    }

    async fn what_cant_be_is_refused_with_its_remedy(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let (house, book) = (&care.house, &care.house.app.book);
        house.send(vec![known("u1")]).await;
        let id = who(house, "u1").await;
        let told = async |tag: &str, value: Option<&str>, days| {
            give(book, id, tag, value, days).await.expect_err("refused").to_string()
        };
        assert!(told("vpi", None, None).await.contains("did you mean vip?"));
        assert!(told("churn_risk", None, None).await.contains("churn_risk is given by its rule alone; people give comm_style, vip"));
        assert!(told("vip", None, None).await.contains("say until when"));
        assert!(told("vip", None, Some(-1)).await.contains("isn't after now"));
        assert!(told("vip", Some("gold"), Some(1)).await.contains("vip is never \"gold\"; it is one of true"));
        assert!(told("comm_style", None, None).await.contains("one of hasty, careful, hesitant"));
        let staff = Given { tag: "vip".into(), reason: "nice".into(), ..Given::default() };
        let agent = marking::give(book, id, staff, ("key:agent", Hand::Staff)).await;
        assert!(matches!(agent, Err(ServiceError::Forbidden(_))), "{agent:?}");
        let unnamed = Given { tag: "comm_style".into(), value: Some("hasty".into()), ..Given::default() };
        let why = marking::give(book, id, unnamed.clone(), ("key:a", Hand::Staff)).await.expect_err("no reason");
        assert!(why.to_string().contains("say why"), "{why}");
        let named = Given { reason: "u1@example.com shouts".into(), ..unnamed };
        let why = marking::give(book, id, named, ("key:a", Hand::Staff)).await.expect_err("names them");
        assert!(why.to_string().contains("names the person"), "{why}");
        assert_eq!(house.lines("SELECT COUNT(*) AS n FROM event WHERE kind LIKE 'Tag %'").await, ["0"]);
        // A shop's own event of that name is a word like any other: only what is said here counts.
        let foreign = json!({"type": "track", "messageId": "f", "userId": "u1", "event": "Tag Added",
            "properties": {"tag": "vip", "value": "true"}});
        house.send(vec![foreign]).await;
        house.app.engine().drain_all().await.expect("kept");
        assert_eq!(house.lines(TAGS).await, Vec::<String>::new());
    }

    async fn the_door_takes_whom_it_should_and_tells_all_tags(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let (house, app) = (&care.house, &care.house.app);
        house.send(vec![known("u1")]).await;
        let id = who(house, "u1").await;
        let (router, agent) = (app.router(), key(app, "agent").await);
        let supervisor = key(app, "supervisor").await;
        let path = |tag: &str| format!("/api/v1/customers/{id}/tags/{tag}");
        let sent = async |key: &str, tag: &str, body: Value| put(&router, &path(tag), key, &body).await;
        let style = sent(&agent, "comm_style", json!({"value": "hasty", "reason": "shouts"})).await;
        assert_eq!((style.status.as_u16(), &style.body["value"]), (200, &json!("hasty")));
        let vip = json!({"until": "2012-06-30T00:00:00Z", "reason": "contract"});
        assert_eq!(sent(&agent, "vip", vip.clone()).await.status.as_u16(), 403);
        assert_eq!(sent(&supervisor, "vip", vip).await.status.as_u16(), 200);
        app.engine().drain_all().await.expect("kept");
        let profile = ask(&router, "GET", &format!("/api/v1/customers/{id}"), Some(&agent)).await.body;
        let vip = profile["tags"].as_array().expect("tags").iter().find(|tag| tag["key"] == "vip").expect("there").clone();
        assert_eq!(vip["why"]["en"], "VIP since 2011-12-25; given by hand, until 2012-06-30.");
        assert_eq!(vip["source"], "manual");
        let gone = ask(&router, "DELETE", &format!("{}?reason=calm%20now", path("comm_style")), Some(&agent)).await;
        assert_eq!(gone.status.as_u16(), 200);
        app.engine().drain_all().await.expect("kept");
        let all = ask(&router, "GET", "/api/v1/tags", Some(&agent)).await.body;
        let of = |key: &str| all.as_array().expect("a list").iter().find(|tag| tag["key"] == key).expect("there").clone();
        assert_eq!((&of("vip")["apply"], &of("vip")["counts"]["true"]), (&json!("both"), &json!(1)));
        assert_eq!(of("comm_style")["counts"], json!({}));
        assert_eq!(of("churn_early")["waits_for"], "no churn scores yet");
        assert_eq!(of("rfm_segment")["waits_for"], "no rfm scores yet");
        assert_eq!(of("value_tier")["conditions"][3]["says"]["en"], "Holds when net spend in 365 d is at least 10000.00.");
    }
}

#[test]
fn tags_are_listed_given_and_taken_at_the_command_line() {
    let home = Home::new();
    home.file("c.csv", "customer_id,name\n1,Ada\n");
    home.run(&["import", "customers", "c.csv"]).ended(0);
    let all = home.run(&["tag", "list", "--format", "json"]).ended(0).json();
    assert_eq!(all.as_array().map(Vec::len), Some(26));
    let given = home.run(&["tag", "add", "user_id:1", "comm_style=hasty", "--reason", "shouts"]).ended(0);
    assert!(given.stdout.contains("comm_style=hasty until"), "{}", given.stdout);
    home.run(&["drain"]).ended(0);
    let shown = home.run(&["tag", "list"]).ended(0);
    assert!(
        shown.stdout.contains("hasty 1") && shown.stdout.contains("no churn scores yet"),
        "{}",
        shown.stdout
    );
    let why = |tag: &str| home.run(&["customer", "explain", "user_id:1", "--tag", tag]).ended(0).stdout;
    let style = why("comm_style");
    assert!(style.starts_with("cus_1 comm_style (Way of talking): hasty (Hasty) since "), "{style}");
    assert!(style.contains("\n  given by hand at ") && !style.contains("condition"), "{style}");
    let early = why("churn_early");
    assert!(early.contains("churn_early (Early churn risk): not there since "), "{early}");
    assert!(early.contains("\n  nobody can have it yet: no churn scores yet\n"), "{early}");
    let late = home.run(&["tag", "add", "user_id:1", "vip", "--until", "soon", "--reason", "x"]).ended(2);
    assert!(late.stderr.contains("--until"), "{}", late.stderr);
    home.run(&["tag", "remove", "user_id:1", "comm_style", "--reason", "calm now"]).ended(0);
    home.run(&["tag", "remove", "user_id:9", "comm_style", "--reason", "calm now"]).ended(3);
}

on_both_databases! {
    async fn who_asks_over_http_why_somebody_has_a_tag_is_told_in_the_shops_language(database) {
        let care = Care::open_with(database, &["shop.locale=zh-CN"]).await;
        care.house
            .send(vec![json!({"type": "track", "messageId": "o1", "userId": "u1", "event": "Order Completed",
                "timestamp": "2011-12-20T12:00:00Z", "properties": {"order_id": "O1", "total": "6000"}})])
            .await;
        care.house.app.engine().drain_all().await.expect("kept");
        let id = care.house.lines("SELECT customer_id FROM identifier WHERE value = 'u1'").await.remove(0);
        let (router, agent) = (care.house.app.router(), key(&care.house.app, "agent").await);
        let why = async |query: &str| ask(&router, "GET", &format!("/api/v1/customers/cus_{id}/explain?{query}"), Some(&agent)).await;
        let told = why("tag=value_tier").await;
        assert_eq!(told.status, 200, "{:?}", told.body);
        assert_eq!((&told.body["value"], &told.body["evidence"]["spend_365"]), (&json!("gold"), &json!("6000.00")));
        let conditions = told.body["conditions"].as_array().expect("conditions");
        assert_eq!((conditions[0]["value"].as_str(), conditions[0]["condition"]["holds"].as_bool()), (Some("diamond"), Some(false)));
        assert_eq!(conditions[1]["condition"]["says"], "365 天净消费不低于 5000.00");
        let english = why("tag=value_tier&lang=en").await;
        assert_eq!(english.body["conditions"][1]["condition"]["says"], "net spend in 365 d is at least 5000.00");
        let campaign = why("campaign=winback").await;
        assert_eq!((campaign.status.as_u16(), campaign.body["campaign"].as_str()), (200, Some("winback")));
        for (query, status) in [("", 422), ("tag=vip&campaign=winback", 422), ("tag=vip&lang=fr", 422), ("tag=vipp", 404), ("segment=x", 404), ("segments=x", 400)] {
            assert_eq!(why(query).await.status, status, "{query}");
        }
        let looked = care.house.lines("SELECT COUNT(*) AS n FROM access_log").await;
        assert_eq!(looked, ["3"]);
    }
}
