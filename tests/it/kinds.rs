//! Tags that events set, tags of the program itself, and what the book's own source says it did.

use crate::support::book::House;
use crate::support::care::{Care, at};
use crate::support::door::{ask, key, post};
use crate::support::on_both_databases;
use domain::ids::CustomerId;
use kinkeeper::service::keys::{self, NewKey};
use kinkeeper::service::{identity, rebuild};
use serde_json::{Value, json};

const CLUB: &str = "kind: tag
key: club
name: { en: Club, zh-CN: 俱乐部 }
set_by:
  - { value: member, name: { en: Member, zh-CN: 会员 }, events: [Club Joined] }
  - { value: gold, name: { en: Gold, zh-CN: 金卡 }, events: [Club Upgraded] }
ended_by: [Club Left]
lasts: 30d
";
const HISTORY: &str = "SELECT from_value, to_value, cause FROM tag_history WHERE key = 'club' ORDER BY id";

fn track(id: &str, name: &str, when: &str, properties: Value) -> Value {
    json!({"type": "track", "messageId": id, "userId": "u1", "event": name, "timestamp": when, "properties": properties})
}

async fn kept(care: &Care) {
    care.house.app.engine().drain_all().await.expect("kept");
}

async fn stands(house: &House, tag: &str) -> Vec<String> {
    house.lines(&format!("SELECT value, source FROM tag_current WHERE key = '{tag}'")).await
}

async fn same_after_rebuilding(care: &Care) {
    let mut told = Vec::new();
    let same = rebuild::run(&care.house.app.book, rebuild::Mode::Check, &mut |d| told.push(d.clone())).await;
    assert_eq!((same.expect("looked").differences, told), (0, vec![]));
}

on_both_databases! {
    async fn what_a_sender_says_last_is_the_tag_until_it_is_over(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let (house, app) = (&care.house, &care.house.app);
        care.apply(CLUB).await;
        let said = |id: &str, name: &str, when: &str| track(id, name, when, json!({}));
        house.send(vec![said("1", "Club Joined", "2011-12-01T12:00:00Z"), said("2", "Club Upgraded", "2011-12-20T12:00:00Z")]).await;
        kept(&care).await;
        assert_eq!(stands(house, "club").await, ["gold|event"]);
        let evidence = house.lines("SELECT evidence FROM tag_current WHERE key = 'club'").await;
        assert_eq!(
            evidence,
            ["{\"ends_at\":\"2012-01-19T12:00:00Z\",\"event\":\"Club Upgraded\",\"event_at\":\"2011-12-20T12:00:00Z\"}"]
        );
        same_after_rebuilding(&care).await;
        // Late word of something earlier changes nothing; at its end it goes by itself.
        house.send(vec![said("3", "Club Left", "2011-12-19T12:00:00Z")]).await;
        care.set_now(at("2012-01-19T11:59:59Z")).await;
        kept(&care).await;
        assert_eq!(stands(house, "club").await, ["gold|event"]);
        care.set_now(at("2012-01-19T12:00:00Z")).await;
        kept(&care).await;
        assert_eq!(stands(house, "club").await, Vec::<String>::new());
        assert_eq!(house.lines(HISTORY).await, ["-|gold|event", "gold|-|time"]);
        let lead = key(app, "supervisor").await;
        let list = ask(&app.router(), "GET", "/api/v1/tags", Some(&lead)).await.body;
        let club = list.as_array().and_then(|tags| tags.iter().find(|tag| tag["key"] == "club")).expect("listed");
        assert_eq!((&club["kind"], &club["apply"]), (&json!("event"), &json!("rule_only")));
        assert_eq!(
            club["conditions"][1]["says"]["en"],
            "Holds when Club Upgraded happened within 30d, and none of Club Joined, Club Left since."
        );
    }

    async fn the_program_itself_tells_of_the_account_and_of_who_objects(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let house = &care.house;
        house.send(vec![track("1", "Looked In", "2011-12-01T12:00:00Z", json!({}))]).await;
        kept(&care).await;
        let id = CustomerId(house.lines("SELECT id FROM customer").await[0].parse().expect("an id"));
        identity::set_account_kind(&care.house.app.book, id, "staff", "test").await.expect("set");
        let objects = json!({"channel": "email", "purpose": "personalization", "granted": false});
        house.send(vec![track("2", "Consent Changed", "2011-12-02T12:00:00Z", objects)]).await;
        kept(&care).await;
        assert_eq!(stands(house, "account_kind").await, ["staff|system"]);
        assert_eq!(stands(house, "personalization_off").await, ["true|system"]);
        let ledger = "SELECT key, to_value, cause FROM tag_history WHERE key IN ('account_kind', 'personalization_off') ORDER BY key";
        assert_eq!(house.lines(ledger).await, ["account_kind|staff|manual", "personalization_off|true|event"]);
        same_after_rebuilding(&care).await;
    }

    async fn who_has_the_books_own_key_can_say_what_it_did_and_nobody_else(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let (house, app) = (&care.house, &care.house.app);
        let entered = |id: &str| track(id, "Campaign Entered", "2011-12-01T12:00:00Z",
            json!({"campaign": "winback", "enrollment": "enr_5", "arm": "control", "occasion": "after:retail:E1"}));
        let order = track("o", "Order Completed", "2011-12-10T12:00:00Z", json!({"order_id": "E2", "total": 10}));
        house.send(vec![entered("1"), order]).await;
        kept(&care).await;
        assert_eq!(stands(house, "won_back").await, Vec::<String>::new(), "a stranger's word");
        let new = NewKey { role: "ingest".to_owned(), staff: None, label: None, source: Some("kinkeeper".to_owned()) };
        let own = keys::create(&app.book, new, "test").await.expect("made").key;
        let send = async |events: Vec<Value>| post(&app.router(), "/v1/batch", &own, &json!({"batch": events})).await;
        let wrong = track("w", "Campaign Entered", "2011-12-01T12:00:00Z", json!({"campaign": "winback"}));
        let status = send(vec![wrong]).await.status;
        assert_eq!(status, 200, "what can't be read waits in quarantine");
        assert_eq!(house.lines("SELECT code FROM quarantine").await, ["bad_own_event"]);
        let status = send(vec![entered("1")]).await.status;
        assert_eq!(status, 200);
        kept(&care).await;
        assert_eq!(stands(house, "won_back").await, ["true|computed"]);
        same_after_rebuilding(&care).await;
        care.set_now(at("2012-03-09T12:00:00Z")).await;
        kept(&care).await;
        assert_eq!(stands(house, "won_back").await, Vec::<String>::new(), "90 d after the order");
    }
}
