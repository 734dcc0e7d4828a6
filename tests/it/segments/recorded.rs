//! Segments about what stands beside the log: consents, coupons, campaigns. Whoever writes a row makes its customer due where a rule asks
//! for such rows, and nobody else.

use super::kept::sound;
use super::{STAND, keep, keep_at, order, who};
use crate::support::care::{Care, Plan, at};
use crate::support::{TestDatabase, on_both_databases};
use domain::customer::consent::Purpose;
use domain::ids::CustomerId;
use kinkeeper::service::apply::Input;
use kinkeeper::service::consents::{self, Said, Signed};
use kinkeeper::service::import::FormSaid;
use kinkeeper::service::publishing::{self, Only, Reach};
use kinkeeper::service::{asking, eligibility, identity, keeping, optout, reachability, rebuild};
use serde_json::{Value, json};

const DUE: &str =
    "SELECT d.customer_id FROM customer_due d JOIN clock c ON c.id = 1 WHERE d.due_at <= c.now_at";

fn segment(key: &str, rule: &Value) -> String {
    format!("kind: segment\nkey: {key}\nname: {{ en: {key}, zh-CN: {key} }}\nrule: {rule}\n")
}

fn agreed() -> Value {
    json!({"consent": "marketing", "channel": "email", "eq": "granted"})
}

async fn says(care: &Care, customer: CustomerId, granted: bool) {
    let said = Said {
        customer,
        channel: "email".to_owned(),
        purpose: Purpose::Marketing,
        granted,
        at: None,
        evidence: "a call".to_owned(),
        text_version: None,
    };
    consents::add(&care.house.app.book, said, "test").await.expect("put down");
}

/// Members as kept, by id, and as the whole book is asked; both are the same.
async fn members(care: &Care, key: &str, rule: &Value) -> Vec<i64> {
    let sql = format!("SELECT customer_id FROM tag_current WHERE key = 'segment:{key}' ORDER BY customer_id");
    let kept: Vec<i64> =
        care.house.lines(&sql).await.iter().map(|line| line.parse().expect("an id")).collect();
    let rule = domain::rule::parse(rule).expect("a rule");
    let asked = asking::members(&care.house.app.book, &rule, CustomerId(0), 100).await.expect("asked");
    assert_eq!(asked.iter().map(|id| id.0).collect::<Vec<_>>(), kept, "{key}");
    kept
}

/// Two who bought, with an address each, who agreed to marketing.
async fn people(database: TestDatabase) -> Care {
    let care = Care::open(database).await;
    for user in ["u1", "u2"] {
        let agreed = json!({"type": "track", "messageId": format!("yes {user}"), "userId": user, "event": "Consent Changed",
            "timestamp": "2011-12-01T00:00:00Z", "properties": {"channel": "email", "purpose": "marketing", "state": "granted"}});
        let named = json!({"type": "identify", "messageId": format!("is {user}"), "userId": user,
            "timestamp": "2011-12-01T00:00:00Z", "traits": {"email": format!("{user}@example.com"), "name": "Ada Example"}});
        care.house.send(vec![named, agreed, order(user, "2011-12-20T12:00:00Z", 10)]).await;
    }
    keep(&care).await;
    care
}

/// Wanted when Christmas and its greetings are over.
fn later(plan: Plan) -> Plan {
    Plan { send_at: at("2011-12-27T10:00:00Z"), expires_at: at("2011-12-30T00:00:00Z"), ..plan }
}

/// Lets the keeper do what is due, and nobody else.
async fn keep_customers(care: &Care) {
    let book = &care.house.app.book;
    let now = book.now().await.expect("a clock");
    while keeping::keep_due(book, now, 100).await.expect("kept") > 0 {}
}

/// What stands is what follows from log and records.
async fn same(care: &Care) {
    let book = &care.house.app.book;
    let same = rebuild::run(book, rebuild::Mode::Check, &mut |d| println!("{d:?}")).await.expect("looked");
    assert_eq!(same.differences, 0, "{same:?}");
}

async fn due(care: &Care) -> usize {
    care.house.lines(DUE).await.len()
}

on_both_databases! {
    async fn consent_is_followed_by_every_door_through_merges_and_taking_back(database) {
        let care = Care::open(database).await;
        care.house.send(vec![order("u1", "2011-12-20T12:00:00Z", 10), order("u2", "2011-12-20T13:00:00Z", 10)]).await;
        keep(&care).await;
        let (one, two) = (who(&care, "u1").await, who(&care, "u2").await);
        // Nobody asks: nobody is looked at.
        says(&care, two, false).await;
        assert_eq!(due(&care).await, 0);
        care.apply(&segment("agreed", &agreed())).await;
        keep(&care).await;
        assert_eq!(members(&care, "agreed", &agreed()).await, Vec::<i64>::new());
        says(&care, one, true).await;
        assert_eq!(due(&care).await, 1);
        keep(&care).await;
        assert_eq!(members(&care, "agreed", &agreed()).await, [one.0]);
        let evidence = "SELECT evidence FROM tag_current WHERE key = 'segment:agreed'";
        assert_eq!(care.house.lines(evidence).await, [r#"{"consent marketing email":"granted","said_at":"2011-12-25T00:00:00Z"}"#]);
        sound(&care).await;
        // One with somebody who refused: the stricter word counts, and each their own again once they are two.
        keep_at(&care, "2011-12-26T00:00:00Z").await;
        let book = &care.house.app.book;
        identity::merge(book, one, two, "test", None).await.expect("merged");
        keep(&care).await;
        assert_eq!(members(&care, "agreed", &agreed()).await, Vec::<i64>::new());
        sound(&care).await;
        identity::unmerge(book, two, "test", None).await.expect("parted");
        keep(&care).await;
        assert_eq!(members(&care, "agreed", &agreed()).await, [one.0]);
        sound(&care).await;
        // A signed batch comes and is taken back.
        keep_at(&care, "2011-12-27T00:00:00Z").await;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("fair.csv");
        std::fs::write(&path, "customer_id,channel,purpose,state\nu2,email,marketing,granted\n").expect("written");
        let (by, on) = ("Li Na".to_owned(), "2011-12-26".parse().expect("a date"));
        let signed = Signed { path, form: FormSaid::default(), by, on, evidence: "binder 7".to_owned() };
        let batch = consents::import(book, &signed, "test").await.expect("taken in").batch.expect("a batch");
        keep(&care).await;
        assert_eq!(members(&care, "agreed", &agreed()).await, [one.0, two.0]);
        sound(&care).await;
        keep_at(&care, "2011-12-28T00:00:00Z").await;
        consents::revoke(book, batch, "another shop's", "test").await.expect("taken back");
        keep(&care).await;
        assert_eq!(members(&care, "agreed", &agreed()).await, [one.0]);
        sound(&care).await;
        // What an event says stands in the ledger too.
        care.house.send(vec![json!({"type": "track", "messageId": "no", "userId": "u1", "event": "Consent Changed",
            "timestamp": "2011-12-28T00:00:00Z", "properties": {"channel": "email", "purpose": "marketing", "state": "denied"}})]).await;
        keep(&care).await;
        assert_eq!(members(&care, "agreed", &agreed()).await, Vec::<i64>::new());
        assert_eq!(care.house.lines(STAND).await, Vec::<String>::new());
        sound(&care).await;
    }

    async fn a_coupon_is_held_from_its_mail_to_its_last_day_and_campaigns_are_remembered(database) {
        let care = people(database).await;
        let (one, two) = (who(&care, "u1").await, who(&care, "u2").await);
        let held = json!({"coupon": "held", "batch": "winback-50"});
        let came = json!({"campaign": "winback", "within": "30d"});
        let left = json!({"campaign": "winback", "did": "left"});
        let fresh = json!({"all": [agreed(), {"not": {"campaign": "winback"}}, {"not": {"holdout_of": "winback"}}]});
        let rules = [("held", &held), ("came", &came), ("left", &left), ("fresh", &fresh)];
        care.apply(&rules.map(|(key, rule)| segment(key, rule)).join("---\n")).await;
        keep(&care).await;
        assert_eq!(members(&care, "fresh", &fresh).await, [one.0, two.0]);
        let touch = care.plan(later(Plan::coupon(one.0))).await;
        assert_eq!(due(&care).await, 1, "who came into a campaign");
        keep_customers(&care).await;
        assert_eq!(members(&care, "came", &came).await, [one.0]);
        assert_eq!(members(&care, "held", &held).await, Vec::<i64>::new(), "it isn't even reserved");
        care.dispatch_at(at("2011-12-27T10:00:00Z")).await;
        assert_eq!(care.state(touch).await, "sent");
        assert!(care.house.lines(DUE).await.contains(&one.0.to_string()), "who was issued a coupon");
        keep_customers(&care).await;
        assert_eq!(members(&care, "held", &held).await, [one.0]);
        assert_eq!(members(&care, "fresh", &fresh).await, [two.0]);
        same(&care).await;
        // The journey ends as journeys do, and says so.
        assert_eq!(members(&care, "left", &left).await, Vec::<i64>::new());
        care.set_now(at("2012-01-20T00:00:00Z")).await;
        keep(&care).await;
        assert_eq!(members(&care, "left", &left).await, [one.0]);
        same(&care).await;
        // Nobody says that a time is over: it passes.
        care.set_now(at("2012-01-24T10:00:00Z")).await;
        keep_customers(&care).await;
        assert_eq!((members(&care, "held", &held).await, members(&care, "came", &came).await), (vec![one.0], vec![]));
        care.set_now(at("2012-01-27T00:00:00Z")).await;
        keep_customers(&care).await;
        assert_eq!(members(&care, "held", &held).await, Vec::<i64>::new());
        same(&care).await;
    }

    async fn an_opt_out_ends_membership_and_a_preview_knows_what_rules_ask_for(database) {
        let care = people(database).await;
        let (one, two) = (who(&care, "u1").await, who(&care, "u2").await);
        let input = Input { name: "s.yaml".to_owned(), text: segment("agreed", &agreed()), kind: None };
        let book = &care.house.app.book;
        let draft = publishing::draft(book, &[input], Only::Segments).await.expect("sound");
        let seen = publishing::preview(book, &draft, Reach::Whole).await.expect("looked");
        assert_eq!(seen.segments[0].values[0].enters, 2, "{seen:?}");
        care.apply(&segment("agreed", &agreed())).await;
        keep(&care).await;
        assert_eq!(members(&care, "agreed", &agreed()).await, [one.0, two.0]);
        care.plan(later(Plan::winback(one.0))).await;
        care.dispatch_at(at("2011-12-27T10:00:00Z")).await;
        let mails = care.mails();
        let (_, rest) = mails.last().expect("a mail").split_once("/u/").expect("an opt-out link");
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(rest.len());
        optout::stop(book, &rest[..end]).await.expect("stopped").expect("a link of ours");
        keep_customers(&care).await;
        assert_eq!(members(&care, "agreed", &agreed()).await, [two.0]);
        same(&care).await;
    }

    async fn only_what_is_kept_makes_anybody_due(database) {
        let care = people(database).await;
        let one = who(&care, "u1").await;
        let on_demand = segment("agreed", &agreed()) + "keep: on_demand\n";
        care.apply(&on_demand).await;
        keep(&care).await;
        says(&care, one, false).await;
        assert_eq!(due(&care).await, 0, "nobody is kept by it");
        let tag = "kind: tag\nkey: ours\nname: { en: Ours, zh-CN: 我们的 }\ngroup: account\nrule: { segment: agreed }\n";
        care.apply(tag).await;
        keep(&care).await;
        let ours = "SELECT COUNT(*) FROM tag_current WHERE key = 'ours'";
        assert_eq!(care.number(ours).await, 1);
        says(&care, one, true).await;
        assert_eq!(due(&care).await, 1, "a tag names it");
        keep(&care).await;
        assert_eq!(care.number(ours).await, 2);
        same(&care).await;
    }

    async fn who_can_be_reached_is_who_the_report_counts_and_nobody_is_kept_by_it(database) {
        let care = people(database).await;
        let book = &care.house.app.book;
        let refused = |key: &'static str, text: String| async move {
            let input = Input { name: "s.yaml".to_owned(), text, kind: None };
            let found = publishing::draft(book, &[input], Only::Segments).await.map(drop).expect_err(key);
            assert!(found.to_string().contains("asks whom a channel reaches, which is known of now alone"), "{found}");
        };
        let reachable = json!({"all": [{"reachable": "email"}, {"profile": "orders_ever", "gte": 0}]});
        refused("live", segment("reachable", &reachable)).await;
        care.apply(&(segment("reachable", &reachable) + "keep: on_demand\n")).await;
        refused("named by a live one", segment("live", &json!({"not": {"segment": "reachable"}}))).await;
        keep(&care).await;
        for (op, wanted) in [("DELETE FROM suppression", 2), ("UPDATE contact_point SET usable = 0 WHERE value = 'u1@example.com'", 1)] {
            care.exec::<sea_orm::Value>(op, []).await;
            for (channel, purpose) in [("email", "marketing"), ("email", "survey"), ("email", "service"), ("sms", "service")] {
                let rule = domain::rule::parse(&json!({"reachable": channel, "purpose": purpose})).expect("a rule");
                let found = asking::members(book, &rule, CustomerId(0), 10).await.expect("asked").len() as u64;
                let report = reachability::report(book).await.expect("counted");
                let line = report.items.iter().find(|line| (line.channel.as_str(), line.purpose.as_str()) == (channel, purpose));
                assert_eq!(found, line.expect("a line").reachable, "{channel} {purpose}");
                if purpose == "marketing" {
                    assert_eq!(found, wanted);
                }
            }
        }
        // One customer, explained.
        let two = who(&care, "u2").await;
        let told = eligibility::explain_segment(book, two, "reachable", domain::rule::Lang::En).await.expect("explained");
        let told = serde_json::to_value(&told).expect("JSON").to_string();
        assert!(told.contains(r#""email":"may be used""#), "{told}");
    }
}
