//! Pins, bans and lists, in the service, at the command line and over HTTP.

use super::{DEAR, GUESTS, HISTORY, RECENT, STAND, keep, keep_at, order, who};
use crate::support::care::{Care, at};
use crate::support::command::Home;
use crate::support::door::{ask, key, put};
use crate::support::on_both_databases;
use domain::ids::CustomerId;
use domain::rule::Lang;
use domain::segment::Hand;
use kinkeeper::service::asking::Whom;
use kinkeeper::service::import::FormSaid;
use kinkeeper::service::pinning::{self, Fill, Filled, Pinned, Word};
use kinkeeper::service::{ServiceError, eligibility, identity, rebuild, segments};
use serde_json::{Value, json};

async fn say(care: &Care, id: CustomerId, segment: &str, word: Word) -> Result<Pinned, ServiceError> {
    let book = &care.house.app.book;
    let said = pinning::say(book, id, (segment, word), "asked for by the shop", "key:sal").await;
    if said.is_ok() {
        keep(care).await;
    }
    said
}

async fn fill(care: &Care, text: &str, how: Fill) -> Result<Filled, ServiceError> {
    let path = care.house.folder.path().join("people.csv");
    std::fs::write(&path, text).expect("written");
    let filled = pinning::fill(
        &care.house.app.book,
        "guests",
        (&path, FormSaid::default()),
        how,
        ("a tasting", "key:sal"),
    )
    .await;
    keep(care).await;
    filled
}

/// Those that aren't shipped.
fn own(list: &Value) -> impl Iterator<Item = &Value> {
    let is_own = |s: &&Value| ["dear", "guests", "recent"].iter().any(|key| s["key"] == *key);
    list.as_array().expect("a list").iter().filter(is_own)
}

on_both_databases! {
    async fn a_pin_ends_by_time_a_ban_by_release_and_a_merge_and_a_rebuild_keep_them(database) {
        let care = Care::open(database).await;
        care.apply(&format!("{RECENT}---\n{DEAR}")).await;
        care.house.send(vec![order("u1", "2011-12-20T12:00:00Z", 60), order("u2", "2011-10-01T12:00:00Z", 10)]).await;
        keep(&care).await;
        let (one, two) = (who(&care, "u1").await, who(&care, "u2").await);
        let until = at("2011-12-28T00:00:00Z");
        say(&care, two, "recent", Word::Is(Hand::Pinned, Some(until))).await.expect("said");
        say(&care, one, "recent", Word::Is(Hand::Banned, None)).await.expect("said");
        say(&care, two, "dear", Word::Is(Hand::Banned, None)).await.expect("said");
        assert_eq!(care.house.lines(STAND).await, ["u2|segment:dear|banned", "u2|segment:recent|true"]);
        let book = &care.house.app.book;
        let told = eligibility::explain_segment(book, two, "recent", Lang::En).await.expect("told");
        let said = told.said.expect("people spoke");
        assert_eq!((told.member, said.said, said.until, told.next_flip), (true, Hand::Pinned, Some(until), Some(until)));
        assert!(!told.condition.expect("a rule").holds);
        let audit = "SELECT actor, action, detail FROM audit WHERE action LIKE 'customer.segment%' ORDER BY id LIMIT 1";
        assert_eq!(care.house.lines(audit).await, ["key:sal|customer.segment_pinned|{\"reason\":\"asked for by the shop\",\
            \"segment\":\"recent\",\"until\":\"2011-12-28T00:00:00Z\"}"]);
        let past = Word::Is(Hand::Pinned, Some(at("2011-12-24T00:00:00Z")));
        assert!(matches!(say(&care, two, "recent", past).await, Err(ServiceError::Invalid(found)) if found[0].code == "past"));
        let unknown = say(&care, two, "recnt", Word::Released).await.expect_err("unknown").to_string();
        assert!(unknown.contains("the segment recnt (did you mean recent?)"), "{unknown}");

        keep_at(&care, "2011-12-28T00:00:00Z").await;
        assert_eq!(care.house.lines(STAND).await, ["u2|segment:dear|banned"], "ended to the instant");
        let same = rebuild::run(book, rebuild::Mode::Check, &mut |d| println!("{d:?}")).await.expect("looked");
        assert_eq!(same.differences, 0, "{same:?}");
        say(&care, one, "recent", Word::Released).await.expect("said");
        assert_eq!(care.house.lines(STAND).await, ["u1|segment:recent|true", "u2|segment:dear|banned"]);
        assert_eq!(care.house.lines(HISTORY).await, [
            "segment:recent|-|true|event", "segment:recent|-|true|event", "segment:recent|true|-|event", "segment:dear|-|banned|event",
            "segment:recent|true|-|time", "segment:recent|-|true|event",
        ]);
        identity::merge(book, one, two, "test", None).await.expect("merged");
        keep(&care).await;
        let stand = "SELECT key, value FROM tag_current WHERE key LIKE 'segment:%' ORDER BY key";
        assert_eq!(care.house.lines(stand).await, ["segment:dear|banned", "segment:recent|true"]);
    }

    async fn a_file_fills_a_list_whole_or_not_at_all(database) {
        let care = Care::open(database).await;
        care.apply(&format!("{RECENT}---\n{GUESTS}")).await;
        care.house.send(["u1", "u2", "u3"].map(|user| order(user, "2011-12-20T12:00:00Z", 60)).to_vec()).await;
        keep(&care).await;
        let one = who(&care, "u1").await;
        let bad = format!("customer,more\n{one},x\nuser_id:u9,\n,\nnobody,\n");
        let Err(ServiceError::Invalid(found)) = fill(&care, &bad, Fill::Add).await else { panic!("bad rows") };
        let told: Vec<(&str, &str)> = found.iter().map(|p| (p.at.as_str(), p.code)).collect();
        assert_eq!(told, [
            ("line 3, column customer", "unknown_customer"), ("line 4, column customer", "nobody"),
            ("line 5, column customer", "names_nobody"),
        ]);
        let members = "SELECT i.value FROM tag_current t JOIN identifier i ON i.customer_id = t.customer_id \
            WHERE t.key = 'segment:guests' AND i.kind = 'user_id' ORDER BY i.value";
        assert_eq!(care.house.lines(members).await, Vec::<String>::new(), "nothing is written");
        let good = "customer_id\nu1\nu2\nu1\n";
        let done = fill(&care, good, Fill::Add).await.expect("filled");
        assert_eq!((done.rows, done.changed, done.unchanged), (3, 2, 0));
        assert_eq!(care.house.lines(members).await, ["u1", "u2"]);
        let again = fill(&care, good, Fill::Add).await.expect("filled");
        assert_eq!((again.changed, again.unchanged), (0, 2), "the same file again");
        let book = &care.house.app.book;
        let page = segments::members(book, Whom::Segment("guests".to_owned()), None, 1).await.expect("read");
        assert!(page.items.len() == 1 && page.items[0].by_hand && page.next_cursor.is_some());
        let done = fill(&care, "customer\nuser_id:u1\nuser_id:u3\n", Fill::Remove).await.expect("taken off");
        assert_eq!((done.changed, done.unchanged), (1, 1));
        assert_eq!(care.house.lines(members).await, ["u2"]);
        let two = who(&care, "u2").await;
        let banned = say(&care, two, "guests", Word::Is(Hand::Banned, None)).await.expect_err("a list");
        assert!(banned.to_string().contains("segment release"), "{banned}");
        say(&care, two, "guests", Word::Released).await.expect("taken off");
        assert_eq!(care.house.lines(members).await, Vec::<String>::new());
    }

    async fn routes_tell_of_segments_and_take_pins(database) {
        let care = Care::open(database).await;
        care.apply(&format!("{RECENT}---\n{DEAR}---\n{GUESTS}")).await;
        care.house.send(vec![order("u1", "2011-12-20T12:00:00Z", 60), order("u2", "2011-10-01T12:00:00Z", 10)]).await;
        keep(&care).await;
        let two = who(&care, "u2").await;
        let (router, agent) = (care.house.app.router(), key(&care.house.app, "agent").await);
        let get = async |path: String| ask(&router, "GET", &format!("/api/v1/{path}"), Some(&agent)).await;
        let all = get("segments".to_owned()).await.body;
        let told: Vec<_> = own(&all).map(|s| (s["key"].clone(), s["keep"].clone(), s["members"].clone())).collect();
        assert_eq!(told, [
            (json!("dear"), json!("on_demand"), json!(null)), (json!("guests"), json!("list"), json!(0)),
            (json!("recent"), json!("live"), json!(1)),
        ]);
        assert_eq!(get("segments/recent".to_owned()).await.body["says"]["zh-CN"], json!("条件：最近有效订单距今不足 30 天。"));
        assert_eq!(get("segments/recnt".to_owned()).await.status, 404);
        assert_eq!(get("segments/dear/members".to_owned()).await.body, json!({"items": [], "next_cursor": null}));
        let path = format!("/api/v1/segments/recent/pins/{two}");
        let pinned = put(&router, &path, &agent, &json!({"reason": "the shop asks", "until": "2012-02-01T00:00:00Z"})).await;
        assert_eq!((pinned.status.as_u16(), &pinned.body["said"]), (200, &json!("pinned")));
        assert_eq!(put(&router, &path, &agent, &json!({})).await.status, 422, "no reason");
        keep(&care).await;
        let members = get("segments/recent/members?limit=1".to_owned()).await.body;
        assert_eq!(members["items"].as_array().map(Vec::len), Some(1));
        let next = members["next_cursor"].as_str().expect("more").to_owned();
        let members = get(format!("segments/recent/members?cursor={next}")).await.body;
        assert_eq!((&members["items"][0]["customer"], &members["items"][0]["by_hand"]), (&json!(two), &json!(true)));
        let found = get("customers?segment=recent".to_owned()).await.body;
        assert_eq!(found["items"].as_array().map(Vec::len), Some(2));
        assert_eq!(get("customers?segment=dear".to_owned()).await.status, 409);
        assert_eq!(get("customers?tag=segment:recent".to_owned()).await.status, 422);
        let told = get(format!("customers/{two}/explain?segment=recent&lang=en")).await.body;
        assert_eq!((&told["member"], &told["said"]["said"], &told["condition"]["holds"]), (&json!(true), &json!("pinned"), &json!(false)));
        let free = ask(&router, "DELETE", &format!("{path}?reason=enough"), Some(&agent)).await;
        assert_eq!(free.body["said"], json!("released"));
        keep(&care).await;
        let profile = get(format!("customers/{two}")).await.body;
        assert_eq!(profile["segments"], json!([]));
        let timeline = get(format!("customers/{two}/timeline")).await.body;
        let of: Vec<_> = timeline["items"].as_array().expect("lines").iter().filter(|l| l["kind"] == "segment").map(|l| (l["what"].clone(), l["became"].clone())).collect();
        assert_eq!(of, [(json!("recent"), json!("left")), (json!("recent"), json!("entered"))]);
    }
}

#[test]
fn at_the_command_line() {
    let home = Home::new();
    home.file("s/recent.yaml", RECENT);
    home.file("s/guests.yaml", GUESTS);
    home.file(
        "s/dear.json",
        r#"{"key": "dear", "name": {"en": "Dear", "zh-CN": "高消费"}, "keep": "on_demand",
        "rule": {"profile": "spend_365", "gte": "1000.00"}}"#,
    );
    let told = home.run(&["segment", "describe", "-f", "s/recent.yaml"]).ended(0);
    assert!(
        told.stdout.contains("Holds when the last counted order was less than 30d ago."),
        "{}",
        told.stdout
    );
    assert!(told.stdout.contains("条件：最近有效订单距今不足 30 天。"), "{}", told.stdout);
    home.run(&["segment", "publish", "-f", "s", "--yes"]).ended(0);
    home.file("o.csv", "order_id,customer_id,paid_at,total\nA,u1,2026-11-01,100\n");
    home.run(&["import", "orders", "o.csv"]).ended(0);
    home.run(&["segment", "pin", "dear", "user_id:u1", "--reason", "the shop asks"]).ended(0);
    home.file("g.csv", "customer_id\nu1\n");
    home.run(&["segment", "add", "guests", "-f", "g.csv", "--reason", "a tasting"]).ended(0);
    home.run(&["drain"]).ended(0);
    let list = home.run(&["segment", "list", "--format", "json"]).ended(0).json();
    let told: Vec<_> =
        own(&list).map(|s| (s["key"].clone(), s["members"].clone(), s["pinned"].clone())).collect();
    assert_eq!(told[..2], [(json!("dear"), json!(null), json!(1)), (json!("guests"), json!(1), json!(null))]);
    let members = home.run(&["segment", "members", "guests"]).ended(0);
    assert!(members.stdout.contains("cus_") && members.stdout.contains("by hand"), "{}", members.stdout);
    let why = home.run(&["segment", "explain", "dear", "user_id:u1"]).ended(0);
    assert!(
        why.stdout.contains("is in dear (Dear, on_demand)") && why.stdout.contains("pinned by hand at"),
        "{}",
        why.stdout
    );
    let why = home.run(&["customer", "explain", "user_id:u1", "--segment", "guests"]).ended(0);
    assert!(why.stdout.contains("is in guests"), "{}", why.stdout);
    home.run(&["segment", "release", "dear", "user_id:u1", "--reason", "enough"]).ended(0);
    home.run(&["segment", "remove", "guests", "-f", "g.csv", "--reason", "over"]).ended(0);
    home.run(&["drain"]).ended(0);
    assert_eq!(home.run(&["segment", "members", "dear"]).ended(0).stdout, "nobody\n");
    home.run(&["segment", "members", "deer"]).ended(3);
    home.run(&["segment", "ban", "guests", "user_id:u1", "--reason", "no"]).ended(4);
    home.file("bad.csv", "customer_id\nu9\n");
    let bad = home.run(&["segment", "add", "guests", "-f", "bad.csv", "--reason", "a tasting"]).ended(2);
    assert!(bad.stderr.contains("line 2, column customer_id") && bad.stderr.contains("u9"), "{}", bad.stderr);
}
