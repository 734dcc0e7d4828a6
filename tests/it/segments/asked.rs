//! Asking while somebody edits: how many, what each condition leaves, whom; at every door, and what is refused there.

use super::{DEAR, GUESTS, RECENT, keep, order, who};
use crate::support::care::Care;
use crate::support::command::Home;
use crate::support::door::{ask, key, post, text};
use crate::support::on_both_databases;
use domain::ids::CustomerId;
use domain::segment::Hand;
use kinkeeper::service::apply::Input;
use kinkeeper::service::asking::{self, Holds, LineFormat, SegmentPreview, Whom};
use kinkeeper::service::pinning::{self, Word};
use kinkeeper::service::{ServiceError, erasing, identity, segments};
use serde_json::{Value, json};
use std::time::Duration;

/// The same rule, kept and asked for.
fn twins() -> String {
    let idle = RECENT.replace("key: recent", "key: recent_asked\nkeep: on_demand");
    format!("{RECENT}---\n{idle}---\n{DEAR}---\n{GUESTS}")
}

async fn preview(care: &Care, whom: Whom) -> Result<SegmentPreview, ServiceError> {
    let book = &care.house.app.book;
    let question = asking::question(book, whom).await?;
    asking::preview(book, question, Duration::from_secs(60), "cli:tester").await
}

fn of(key: &str) -> Whom {
    Whom::Segment(key.to_owned())
}

async fn members(care: &Care, whom: Whom) -> Vec<CustomerId> {
    let page = segments::members(&care.house.app.book, whom, None, 100).await.expect("listed");
    page.items.into_iter().map(|member| member.customer).collect()
}

async fn say(care: &Care, id: CustomerId, segment: &str, hand: Hand) {
    let what = (segment, Word::Is(hand, None));
    pinning::say(&care.house.app.book, id, what, "asked for by the shop", "key:sal").await.expect("said");
}

/// u1 to u5 bought lately, u6 long ago; u7 is erased, u8 is u1 by now; u6 is pinned, u2 and u3 are banned.
async fn small_book(care: &Care) -> Vec<CustomerId> {
    care.apply(&twins()).await;
    let lately =
        (1..=8).filter(|n| *n != 6).map(|n| order(&format!("u{n}"), "2011-12-20T12:00:00Z", 100 * n));
    care.house.send(lately.chain([order("u6", "2011-10-01T12:00:00Z", 600)]).collect()).await;
    keep(care).await;
    let mut ids = Vec::new();
    for n in 1..=8 {
        ids.push(who(care, &format!("u{n}")).await);
    }
    for segment in ["recent", "recent_asked"] {
        say(care, ids[5], segment, Hand::Pinned).await;
        say(care, ids[1], segment, Hand::Banned).await;
        say(care, ids[2], segment, Hand::Banned).await;
    }
    let book = &care.house.app.book;
    erasing::erase(book, ids[6], "asked by letter", "cli:tester").await.expect("erased");
    identity::merge(book, ids[0], ids[7], "test", None).await.expect("merged");
    keep(care).await;
    ids
}

fn steps(found: &SegmentPreview) -> Vec<(&str, u64, u64)> {
    let funnel = found.funnel.as_ref().expect("a rule");
    funnel.steps.iter().map(|step| (step.at.as_str(), step.alone, step.so_far)).collect()
}

on_both_databases! {
    async fn whoever_is_erased_is_in_no_list_before_the_keeper_comes_by(database) {
        let care = Care::open(database).await;
        care.apply(&twins()).await;
        care.house.send(["u1", "u2"].map(|user| order(user, "2011-12-20T12:00:00Z", 60)).to_vec()).await;
        keep(&care).await;
        let (router, agent) = (care.house.app.router(), key(&care.house.app, "agent").await);
        let gone = who(&care, "u1").await;
        let listed = async |query: &str| {
            let path = format!("/api/v1/customers?{query}");
            let all = ask(&router, "GET", &path, Some(&agent)).await.body;
            all["items"].as_array().unwrap_or_else(|| panic!("{all}")).len()
        };
        for (stage, wanted) in [("before", 2), ("after", 1)] {
            for query in ["segment=recent", "tag=new_customer", "tag=value_tier=regular"] {
                assert_eq!(listed(query).await, wanted, "{query} {stage}");
            }
            erasing::erase(&care.house.app.book, gone, "asked by letter", "cli:tester").await.expect("erased");
        }
    }

    async fn kept_or_asked_for_counted_or_listed_the_members_are_the_same(database) {
        let care = Care::open(database).await;
        let ids = small_book(&care).await;
        let meant = [ids[0], ids[3], ids[4], ids[5]];
        for key in ["recent", "recent_asked"] {
            let found = preview(&care, of(key)).await.expect("counted");
            assert_eq!((found.count, found.of, found.waiting), (4, 6, 0), "{key}");
            assert_eq!(steps(&found), [("", 5, 5)], "the rule alone, without what people said");
            assert_eq!(members(&care, of(key)).await, meant, "{key}");
            let mut drawn: Vec<CustomerId> = found.sample.iter().map(|one| one.id).collect();
            drawn.sort();
            assert_eq!(drawn, meant);
        }
        let listed = segments::list(&care.house.app.book).await.expect("listed");
        assert_eq!(listed.iter().find(|line| line.key == "recent").and_then(|line| line.members), Some(4));
        let page = segments::members(&care.house.app.book, of("recent_asked"), None, 10).await.expect("listed").items;
        let told: Vec<_> = page.iter().map(|m| (m.customer_id.as_deref(), m.since, m.by_hand)).collect();
        assert_eq!(told, [(Some("u1"), None, false), (Some("u4"), None, false), (Some("u5"), None, false), (Some("u6"), None, true)]);
        let kept = segments::members(&care.house.app.book, of("recent"), None, 10).await.expect("listed").items;
        assert!(kept.iter().all(|m| m.since.is_some()) && kept[3].by_hand, "{kept:?}");

        // A file says what its rule says, whatever is published under its key.
        let file = |text: &str| Whom::File(Input { name: "f.yaml".to_owned(), text: text.to_owned(), kind: None }, Holds::Either);
        for text in [RECENT, "{ profile: last_order_at, within: 30d }"] {
            let found = preview(&care, file(text)).await.expect("counted");
            assert_eq!((found.count, members(&care, file(text)).await), (5, ids[..5].to_vec()), "{text}");
        }
        let (lists, rule) = (preview(&care, of("guests")).await.expect("counted"), json!({"segment": "recent_asked"}));
        assert_eq!((lists.count, lists.sentence, lists.funnel), (0, None, None));
        assert_eq!(preview(&care, Whom::Rule(rule)).await.expect("counted").count, 4, "another's pins hold");
        // Local dates of a segment that is looked at in place are those of everybody's zone.
        care.apply("kind: segment\nkey: days\nname: { en: D, zh-CN: 日 }\nkeep: on_demand\nrule: { days_since: last_order_at, lte: 30 }\n").await;
        care.house.send(vec![json!({"type": "identify", "userId": "u4", "messageId": "zone", "timestamp": "2011-12-21T12:00:00Z",
            "traits": {"timezone": "Asia/Shanghai"}})]).await;
        keep(&care).await;
        assert_eq!(preview(&care, of("days")).await.expect("counted").count, 5);
        assert_eq!(members(&care, Whom::Rule(json!({"segment": "days"}))).await.len(), 5);

        care.house.send(vec![order("u6", "2011-12-21T12:00:00Z", 9)]).await;
        let found = preview(&care, of("recent_asked")).await.expect("counted");
        assert_eq!((found.count, found.waiting), (4, 1), "as the keeper last saw them");
    }

    async fn each_condition_tells_what_it_leaves(database) {
        let care = Care::open(database).await;
        small_book(&care).await;
        let (late, dear, some) = (
            json!({"profile": "last_order_at", "within": "30d"}), json!({"profile": "spend_365", "gte": "400.00"}),
            json!({"not": {"segment": "recent"}}),
        );
        // Spend: u1 900 (with u8's), u2 200, u3 300, u4 400, u5 500, u6 600.
        let found = preview(&care, Whom::Rule(json!({"all": [late, dear, some]}))).await.expect("counted");
        assert_eq!((found.count, found.of), (0, 6));
        assert_eq!(steps(&found), [("all[0]", 5, 5), ("all[1]", 4, 3), ("all[2]", 2, 0)]);
        let found = preview(&care, Whom::Rule(json!({"any": [dear, some, late]}))).await.expect("counted");
        assert_eq!((found.count, steps(&found)), (6, vec![("any[0]", 4, 4), ("any[1]", 2, 6), ("any[2]", 5, 6)]));
        let funnel = found.funnel.expect("a rule");
        assert_eq!((funnel.combined, funnel.steps[1].says.en.as_str()), ("any", "not (they are in segment recent)"));
        assert!(found.sentence.expect("a rule").zh_cn.starts_with("条件："));
        let found = preview(&care, Whom::Rule(json!({"not": dear}))).await.expect("counted");
        assert_eq!((found.count, steps(&found)), (2, vec![("", 2, 2)]));
        // As many conditions as there may be: the book is still read once.
        let many: Vec<Value> = (0..199).map(|n| json!({"profile": "spend_365", "gte": n})).collect();
        let found = preview(&care, Whom::Rule(json!({"all": many}))).await.expect("counted");
        assert_eq!((found.count, steps(&found)[198]), (6, ("all[198]", 6, 6)));
    }

    async fn a_sample_is_drawn_and_masked(database) {
        let care = Care::open(database).await;
        let orders = (0..40).map(|n| order(&format!("u{n}"), "2011-12-20T12:00:00Z", 100));
        care.house.send(orders.collect()).await;
        keep(&care).await;
        let rule = json!({"profile": "last_order_at", "within": "30d"});
        let first = preview(&care, Whom::Rule(rule.clone())).await.expect("counted");
        let mut ids: Vec<CustomerId> = first.sample.iter().map(|one| one.id).collect();
        assert_eq!((first.count, ids.len()), (40, 10));
        ids.sort();
        assert_ne!(ids, members(&care, Whom::Rule(rule.clone())).await[..10], "not those who came first");
        assert_eq!(preview(&care, Whom::Rule(rule.clone())).await.expect("counted").sample, first.sample);
        let one = first.sample[0].customer_id.clone().expect("the shop's own");
        care.house.send(vec![json!({"type": "identify", "userId": one, "messageId": "who", "timestamp": "2011-12-21T12:00:00Z",
            "traits": {"name": "Lin", "email": "lin@example.com"}})]).await;
        keep(&care).await;
        let again = preview(&care, Whom::Rule(rule)).await.expect("counted").sample;
        assert_eq!((again[0].name.as_deref(), &again[0].contacts[..]), (Some("Lin"), &["l***@example.com".to_owned()][..]));
    }

    async fn members_are_streamed_as_lines(database) {
        let care = Care::open(database).await;
        small_book(&care).await;
        care.house.send(vec![order("=1+1", "2011-12-20T12:00:00Z", 10)]).await;
        keep(&care).await;
        let (router, admin) = (care.house.app.router(), key(&care.house.app, "admin").await);
        let odd = who(&care, "=1+1").await;
        for (segment, since) in [("recent", "2011-12-20T12:00:00Z"), ("recent_asked", "")] {
            let path = format!("/api/v1/segments/{segment}/members");
            let (status, headers, lines) = text(&router, &format!("{path}?format=csv"), &admin).await;
            assert_eq!((status.as_u16(), headers["content-type"].to_str().ok()), (200, Some("text/csv; charset=utf-8")));
            let lines: Vec<&str> = lines.lines().collect();
            assert_eq!((lines.len(), lines[0]), (6, "id,customer_id,since,by_hand"));
            assert_eq!(lines[5], format!("{odd},'=1+1,{since},false"), "no formula");
            let (_, _, lines) = text(&router, &format!("{path}?format=ndjson"), &admin).await;
            let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            let page = ask(&router, "GET", &path, Some(&admin)).await.body;
            assert_eq!((lines.len(), &json!(lines)), (5, &page["items"]));
            assert_eq!(lines[4]["customer_id"], json!("=1+1"));
            let refused = ask(&router, "GET", &format!("{path}?format=csv&limit=5"), Some(&admin)).await;
            assert_eq!((refused.status.as_u16(), &refused.body["code"]), (400, &json!("bad_query")));
        }
        let asked = "SELECT subject FROM audit WHERE action = 'segment.members_exported' ORDER BY id";
        assert_eq!(care.house.lines(asked).await.len(), 4);
        let wrong = ask(&router, "GET", "/api/v1/segments/recent/members?format=cvs", Some(&admin)).await;
        assert!(wrong.body["detail"].as_str().is_some_and(|detail| detail.contains("did you mean csv?")), "{wrong:?}");
        // Page by page it is the same.
        let question = asking::question(&care.house.app.book, of("recent_asked")).await.expect("there is one");
        let mut roll = asking::roll(&care.house.app.book, question, CustomerId(0)).await.expect("begun");
        let mut seen = Vec::new();
        loop {
            let page = roll.page(&care.house.app.book, 2).await.expect("read");
            let Some(last) = page.last() else { break };
            assert!(page.len() <= 2 && last.customer > CustomerId(0));
            seen.extend(page.into_iter().map(|member| member.customer));
        }
        assert_eq!(seen, members(&care, of("recent_asked")).await);
        assert_eq!(roll.lines(&care.house.app.book, LineFormat::Csv).await.expect("read"), None);
    }

    async fn what_isnt_a_rule_is_refused_by_its_place(database) {
        let care = Care::open(database).await;
        small_book(&care).await;
        let (router, marketer) = (care.house.app.router(), key(&care.house.app, "marketer").await);
        let asked = async |body: Value| post(&router, "/api/v1/segments/preview", &marketer, &body).await;
        let drop = "'; DROP TABLE event; --";
        let deep = (0..16).fold(json!({"tag": "vip"}), |rule, _| json!({"not": rule}));
        let wide = json!({"any": vec![json!({"tag": "vip"}); 200]});
        let long: Vec<String> = (0..10_000).map(|n| format!("w{n}")).collect();
        let leaf = |rule: Value| json!({"rule": {"all": [{"tag": "vip"}, rule]}});
        let round = json!({"document": {"key": "recent", "name": {"en": "R", "zh-CN": "近"}, "rule": {"segment": "loop"}}});
        care.apply("kind: segment\nkey: loop\nname: { en: L, zh-CN: 环 }\nrule: { segment: recent }\n").await;
        let cases = [
            (json!({}), "", "one_of"),
            (json!({"key": "recent", "rule": {"tag": "vip"}}), "", "one_of"),
            (leaf(json!({"tag": drop})), "rule.all[1]", "unknown_tag"),
            (leaf(json!({"segment": drop})), "rule.all[1]", "unknown_segment"),
            (leaf(json!({"profile": drop, "gte": 1})), "rule.all[1].profile", "unknown_profile"),
            (leaf(json!({"profile": "top_category", "in": long})), "rule.all[1].in", "too_many_values"),
            (json!({"rule": deep}), "rule.not.not.not.not.not.not.not.not.not.not.not.not.not.not.not.not", "too_deep"),
            (json!({"rule": wide}), "rule", "too_many_nodes"),
            (round, "document", "cycle"),
            (leaf(json!({"profile": "top_category", "eq": "a\0b"})), "rule.all[1].eq", "control_character"),
            (leaf(json!({"tag": "vip\0"})), "rule.all[1].tag", "control_character"),
            (leaf(json!({"profile": "top_category", "in": ["a", "\u{202e}b"]})), "rule.all[1].in[1]", "hidden_character"),
            (leaf(json!({"tag": "\u{202e}piv"})), "rule.all[1].tag", "hidden_character"),
            (leaf(json!({"tag": "vip", "eq": "a\u{2066}"})), "rule.all[1].eq", "hidden_character"),
            (leaf(json!({"segment": "a\u{200f}"})), "rule.all[1].segment", "hidden_character"),
            (leaf(json!({"share": "10%", "salt": "a\u{202d}"})), "rule.all[1].salt", "hidden_character"),
            (leaf(json!({"event": "Order\u{2067} Completed"})), "rule.all[1].event", "hidden_character"),
        ];
        for (body, at, code) in cases {
            let told = asked(body).await;
            let first = &told.body["errors"][0];
            assert_eq!((told.status.as_u16(), &first["at"], &first["code"]), (422, &json!(at), &json!(code)), "{}", told.body);
        }
        assert_eq!(asked(json!({"key": "recnt"})).await.status, 404);
        let large = asked(json!({"rule": {"tag": "a".repeat(1_100_000)}})).await;
        assert_eq!((large.status.as_u16(), &large.body["code"]), (413, &json!("too_large")));
        let word = asked(json!({"rule": {"profile": "top_category", "eq": drop}})).await;
        assert_eq!((word.status.as_u16(), &word.body["count"]), (200, &json!(0)), "{}", word.body);
        assert!(care.number("SELECT COUNT(*) FROM event").await > 0, "a word is a word");
        let found = asked(json!({"rule": {"profile": "last_order_at", "within": "30d"}})).await.body;
        assert_eq!((&found["count"], &found["funnel"]["steps"][0]["so_far"]), (&json!(5), &json!(5)));
        assert_eq!(care.number("SELECT COUNT(*) FROM audit WHERE action LIKE 'segment.%' AND actor LIKE 'key:%'").await, 0, "nothing changed");
        assert!(care.number("SELECT COUNT(*) FROM access_log WHERE act = 'listed'").await > 0, "somebody looked");
    }
}

#[test]
fn at_the_command_line() {
    let home = Home::new();
    home.file("s/dear.yaml", DEAR);
    home.file("s/guests.yaml", GUESTS);
    home.file(
        "rule.json",
        r#"{"all": [{"profile": "spend_365", "gte": "50.00"}, {"not": {"segment": "dear"}}]}"#,
    );
    home.run(&["segment", "publish", "-f", "s", "--yes"]).ended(0);
    home.file(
        "o.csv",
        "order_id,customer_id,paid_at,total\nA,u1,2026-11-01,100\nB,u2,2026-11-01,2000\nC,u3,2026-11-01,10\n",
    );
    home.run(&["import", "orders", "o.csv"]).ended(0);
    home.run(&["drain"]).ended(0);
    let told = home.run(&["segment", "count", "dear"]).ended(0).stdout;
    assert!(told.contains("dear: 1 of 3 customers") && told.contains("条件："), "{told}");
    let told = home.run(&["segment", "count", "-f", "rule.json"]).ended(0).stdout;
    assert!(told.contains("1 of 3 customers") && told.contains("alone") && told.contains("left"), "{told}");
    let found =
        home.run(&["segment", "count", "-f", "rule.json", "--rule", "--format", "json"]).ended(0).json();
    let steps = found["funnel"]["steps"].as_array().expect("steps");
    let told: Vec<_> = steps.iter().map(|step| (step["alone"].clone(), step["so_far"].clone())).collect();
    assert_eq!(told, [(json!(2), json!(2)), (json!(2), json!(1))]);
    let whole = home.run(&["segment", "members", "-f", "rule.json", "--format", "csv"]).ended(0).stdout;
    let lines: Vec<&str> = whole.lines().collect();
    assert!(lines.len() == 2 && lines[1].ends_with(",u1,,false"), "{whole}");
    home.run(&["segment", "members", "dear", "--format", "ndjson", "-o", "dear.ndjson"]).ended(0);
    let written = std::fs::read_to_string(home.path().join("dear.ndjson")).expect("written");
    assert!(written.contains("\"customer_id\":\"u2\"") && written.ends_with("\n"), "{written}");
    assert!(!home.path().join("dear.ndjson.part").exists());
    let told = home.run(&["segment", "members", "dear", "--format", "text"]).ended(0).stdout;
    assert!(told.contains("cus_") && told.contains("u2"), "{told}");
    home.file("wrong.json", r#"{"all": [{"tag": "vipp"}]}"#);
    let told = home.run(&["segment", "count", "-f", "wrong.json"]).ended(2).stderr;
    assert!(told.contains("wrong.json:1:") && told.contains("did you mean vip?"), "{told}");
    home.run(&["segment", "count", "deer"]).ended(3);
    home.run(&["segment", "members", "dear", "--format", "csv", "--limit", "5"]).ended(2);
    home.run(&["segment", "members", "dear", "-o", "x"]).ended(2);
    home.run(&["segment", "count"]).ended(2);
    let schema = home.run(&["segment", "schema"]).ended(0).json();
    assert_eq!(schema["title"], json!("kinkeeper segment"));
}
