//! Publishing tags: who would enter and leave, at every door, and that what was shown is what comes.

mod pages;
mod together;

use crate::support::book::House;
use crate::support::care::{Care, at};
use crate::support::command::Home;
use crate::support::door::{key, post};
use crate::support::on_both_databases;
use kinkeeper::service::apply::Input;
use kinkeeper::service::calibrating;
use kinkeeper::service::publishing::{self, Draft, Only, Preview, Reach, TagMoves};
use kinkeeper::service::{Book, ServiceError};
use kinkeeper::store::meta;
use serde_json::{Value, json};

const TIER: &str = include_str!("../../config/tags/value_tier.yaml");

fn order(user: u32, total: u32) -> Value {
    json!({"type": "track", "messageId": format!("o{user}"), "userId": format!("u{user}"), "event": "Order Completed",
        "timestamp": "2011-12-20T12:00:00Z", "properties": {"order_id": format!("O{user}"), "total": total}})
}

async fn draft(book: &Book, text: &str) -> Result<Draft, ServiceError> {
    let input = Input { name: "tier.yaml".to_owned(), text: text.to_owned(), kind: None };
    publishing::draft(book, &[input], Only::Tags).await
}

fn tag<'p>(preview: &'p Preview, key: &str) -> &'p TagMoves {
    preview.tags.iter().find(|tag| tag.key == key).unwrap_or_else(|| panic!("{key}: {preview:?}"))
}

/// `value before after +enters -leaves`, those with anything.
fn told(tag: &TagMoves) -> Vec<String> {
    let any = tag.values.iter().filter(|v| v.before + v.after > 0);
    any.map(|v| format!("{} {} {} +{} -{}", v.value, v.before, v.after, v.enters, v.leaves)).collect()
}

/// `value before after` of the first tag, those with anything.
fn told_of(preview: &Preview) -> Vec<String> {
    let any = preview.tags[0].values.iter().filter(|v| v.before + v.after > 0 && v.value != "none");
    any.map(|v| format!("{} {} {}", v.value, v.before, v.after)).collect()
}

/// Ten customers: nine spent 100, 1100, 2100 … 8100, one never bought.
async fn ten(house: &House) {
    let mut events: Vec<Value> = (0..9).map(|n| order(n, 100 + n * 1_000)).collect();
    events.push(
        json!({"type": "identify", "messageId": "i9", "userId": "u9", "timestamp": "2011-12-01T00:00:00Z"}),
    );
    house.send(events).await;
}

const COUNTS: &str = "SELECT value, CAST(COUNT(*) AS BIGINT) FROM tag_current WHERE key = 'value_tier' GROUP BY value ORDER BY value";

on_both_databases! {
    async fn who_would_enter_and_leave_is_who_then_does(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let (house, book) = (&care.house, &care.house.app.book);
        ten(house).await;
        // The keeper has not come by yet: what stands isn't what is compared with.
        let lower = TIER.replace("10000.00", "6000.00");
        let drafted = draft(book, &lower).await.expect("sound");
        let seen = publishing::preview(book, &drafted, Reach::Whole).await.expect("looked");
        assert_eq!((seen.customers, seen.active_buyers, seen.not_compared, seen.complete), (10, 9, 0, true));
        let keys: Vec<(&str, &str)> = seen.tags.iter().map(|t| (t.key.as_str(), t.why.as_str())).collect();
        assert_eq!(keys, [("value_tier", "changed"), ("vip", "depends"), ("vip_candidate", "depends")]);
        assert_eq!(told(tag(&seen, "value_tier")), [
            "none 1 1 +0 -0", "regular 2 2 +0 -0", "silver 3 3 +0 -0", "gold 4 1 +0 -3", "diamond 0 3 +3 -0",
        ]);
        let diamond = &tag(&seen, "value_tier").values[4];
        assert_eq!((diamond.value.as_str(), diamond.entering.len()), ("diamond", 3));
        assert_eq!(told(tag(&seen, "vip")), ["true 0 3 +3 -0"]);
        assert_eq!(told(tag(&seen, "vip_candidate")), ["true 1 0 +0 -1"]);
        assert_eq!(seen.warnings.len(), 1, "{:?}", seen.warnings);
        assert!(seen.warnings[0].starts_with("3 would be VIPs, with 9 active buyers"), "{:?}", seen.warnings);
        assert_eq!(house.lines(COUNTS).await, Vec::<String>::new(), "nothing was kept");

        care.house.app.engine().drain_all().await.expect("kept");
        let epoch = meta::rule_epoch(book.store.reader()).await.expect("read");
        let again = publishing::preview(book, &drafted, Reach::Whole).await.expect("looked");
        assert_eq!(again.tags, seen.tags, "kept or not");
        publishing::publish(book, drafted, "cli:tester").await.expect("published");
        assert_eq!(meta::rule_epoch(book.store.reader()).await.expect("read"), epoch + 1);
        care.house.app.engine().drain_all().await.expect("kept");
        assert_eq!(house.lines(COUNTS).await, ["diamond|3", "gold|1", "none|1", "regular|2", "silver|3"]);
        let audit = "SELECT actor, detail FROM audit WHERE action = 'documents.applied' ORDER BY id DESC LIMIT 1";
        assert_eq!(house.lines(audit).await, ["cli:tester|{\"changed\":[\"tag value_tier\"]}"]);
        let same = draft(book, &lower).await.expect("sound");
        assert_eq!(same.differing(), 0);
        assert_eq!(publishing::preview(book, &same, Reach::Whole).await.expect("looked").tags, []);
    }

    async fn samples_are_five_and_a_page_is_no_border(database) {
        let care = Care::in_onboarding(database, &[]).await;
        care.house.send((0..450).map(|n| order(n, 1)).collect()).await;
        let text = "key: bought\nname: {en: B, zh-CN: 买}\nrule: {profile: orders_ever, gte: 1}\n---\n\
            key: bought_well\nname: {en: W, zh-CN: 好}\nrule: {all: [{tag: bought}, {profile: spend_ever, gte: 5}]}\n";
        let drafted = draft(&care.house.app.book, text).await.expect("sound");
        let seen = publishing::preview(&care.house.app.book, &drafted, Reach::Whole).await.expect("looked");
        let value = &tag(&seen, "bought").values[0];
        assert_eq!((seen.customers, value.enters, value.entering.len()), (450, 450, 5));
        assert_eq!(told(tag(&seen, "bought_well")), Vec::<String>::new());
        assert_eq!(seen.warnings, Vec::<String>::new(), "vip isn't touched");
        let hurried = Reach::Within(domain::time::Span::seconds(-1));
        let part = publishing::preview(&care.house.app.book, &drafted, hurried).await.expect("looked");
        assert_eq!((part.customers, part.complete), (200, false));
    }

    async fn what_a_person_gave_and_what_time_ends_are_counted_as_they_are_now(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let book = &care.house.app.book;
        care.house.send(vec![order(1, 500)]).await;
        let text = "key: fresh\nname: {en: F, zh-CN: 新}\nrule: {profile: last_order_at, within: 10d}\n";
        let count = async || {
            let drafted = draft(book, text).await.expect("sound");
            told(tag(&publishing::preview(book, &drafted, Reach::Whole).await.expect("looked"), "fresh"))
        };
        assert_eq!(count().await, ["true 0 1 +1 -0"]);
        care.set_now(at("2011-12-30T12:00:00Z")).await;
        assert_eq!(count().await, Vec::<String>::new(), "ten days later to the second");
    }

    async fn thresholds_are_the_exact_cut_offs_rounded_up(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let (house, book) = (&care.house, &care.house.app.book);
        // 200 buyers of 10, 20, 30 … 2000; nobody else counts.
        let mut events: Vec<Value> = (0..200).map(|n| order(n, 10 + n * 10)).collect();
        events.push(json!({"type": "identify", "messageId": "i", "userId": "idle", "timestamp": "2011-12-01T00:00:00Z"}));
        house.send(events).await;
        let early = calibrating::propose(book, "value_tier", &["gold=5%".to_owned()]).await;
        assert!(matches!(early, Err(ServiceError::Conflict(_))), "nothing is kept yet: {early:?}");
        house.app.engine().drain_all().await.expect("kept");
        let propose = async |shares: &[&str]| {
            let shares: Vec<String> = shares.iter().map(|share| (*share).to_owned()).collect();
            calibrating::propose(book, "value_tier", &shares).await
        };
        let proposal = propose(&["gold=20%", "diamond=5%", "silver=50.25%"]).await.expect("proposed");
        let told = |s: &calibrating::Step| {
            let share = s.share.clone().unwrap_or_default();
            format!("{} {share} {} {} {} {} {}", s.level, s.now, s.proposed, s.buyers, s.customers, s.today)
        };
        // Of 200 the 100th has 1010.00, the 40th 1610.00, the 10th 1910.00.
        assert_eq!(proposal.levels.iter().map(told).collect::<Vec<_>>(), [
            "regular  0.00 0.00 200 200 200",
            "silver 50.25% 2000.00 1100.00 91 91 1",
            "gold 20% 5000.00 1700.00 31 31 0",
            "diamond 5% 10000.00 2000.00 1 1 0",
        ]);
        assert_eq!((proposal.active_buyers, proposal.behind), (200, 0));
        let written = draft(book, &proposal.document.to_string()).await.expect("a sound document");
        let seen = publishing::preview(book, &written, Reach::Whole).await.expect("looked");
        assert_eq!(told_of(&seen), ["regular 199 109", "silver 1 60", "gold 0 30", "diamond 0 1"]);

        let why = async |shares: &[&str]| propose(shares).await.expect_err("refused").to_string();
        for (shares, part) in [
            (&["gold=5%", "diamond=1%"][..], "gold would begin at 2000.00 and diamond, which is above it, at 2000.00"),
            (&["gold=1%", "diamond=5%"], "diamond is above gold, and its share must be the smaller one"),
            (&["dimond=1%"], "dimond is no level; did you mean diamond?"),
            (&["none=1%"], "none is no level"),
            (&["gold=0%"], "between 0% and 100%"),
            (&["gold=1"], "write a share"),
            (&["gold"], "write a share"),
            (&["gold=5%", "gold=6%"], "this level has a share already"),
            (&["diamond=60%"], "give shares that lie further apart"),
        ] {
            let told = why(shares).await;
            assert!(told.contains(part), "{shares:?}: {told}");
        }
        let other = async |tag: &str| calibrating::propose(book, tag, &["a=1%".to_owned()]).await.expect_err("refused").to_string();
        assert!(other("vip").await.contains("vip has no levels"));
        assert!(other("value_teir").await.contains("did you mean value_tier?"));
    }

    async fn bad_documents_name_file_and_place(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let book = &care.house.app.book;
        let why = async |text: &str| draft(book, text).await.expect_err("refused").to_string();
        let wrong = "key: a\nname: {en: A, zh-CN: 甲}\nrule: {profile: spend_356, gte: 1}\n";
        let told = why(wrong).await;
        assert!(told.contains("tier.yaml:3:8, document 1, rule.profile") && told.contains("spend_365"), "{told}");
        let circle = why(&TIER.replace("{ profile: spend_365, gte: \"10000.00\" }", "{ tag: vip }")).await;
        assert!(circle.contains("in a circle: value_tier → vip → value_tier"), "{circle}");
        let staff = "kind: staff\nkey: sal\nname: Sal\nlevel: senior\n";
        assert!(why(staff).await.contains("is a staff; `kinkeeper apply` takes it"), "{}", why(staff).await);
        let none = "key: value_tier\nname: {en: A, zh-CN: 甲}\notherwise: low\nlevels: [{value: high, name: {en: High, zh-CN: 高}, rule: {tag: churn_risk}}]\n";
        assert!(why(none).await.contains("value_tier never is diamond"), "{}", why(none).await);
    }

    async fn the_door_checks_the_key_shows_and_publishes(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let app = &care.house.app;
        ten(&care.house).await;
        let (router, admin, analyst) = (app.router(), key(app, "admin").await, key(app, "analyst").await);
        let document = |gte: &str| json!({"document": {"kind": "tag", "key": "big", "name": {"en": "Big", "zh-CN": "大"}, "rule": {"profile": "spend_365", "gte": gte}}});
        let seen = post(&router, "/api/v1/tags/big/preview", &analyst, &document("5000.00")).await;
        assert_eq!((seen.status.as_u16(), &seen.body["tags"][0]["values"][0]["enters"]), (200, &json!(4)), "{:?}", seen.body);
        assert!(seen.body["tags"][0]["values"][0]["entering"][0].as_str().expect("an id").starts_with("cus_"));
        assert_eq!(post(&router, "/api/v1/tags/big/publish", &analyst, &document("5000.00")).await.status.as_u16(), 403);
        let other = post(&router, "/api/v1/tags/small/publish", &admin, &document("5000.00")).await;
        assert_eq!((other.status.as_u16(), &other.body["errors"][0]["at"]), (422, &json!("document.key")));
        let wrong = post(&router, "/api/v1/tags/big/publish", &admin, &document("much")).await;
        assert_eq!((wrong.status.as_u16(), &wrong.body["errors"][0]["at"]), (422, &json!("document.rule.gte")));
        let missing = post(&router, "/api/v1/tags/big/preview", &admin, &json!({})).await;
        assert_eq!(missing.status.as_u16(), 422, "{:?}", missing.body);
        for difference in ["new", "unchanged"] {
            let done = post(&router, "/api/v1/tags/big/publish", &admin, &document("5000.00")).await;
            assert_eq!((done.status.as_u16(), &done.body["difference"]), (200, &json!(difference)), "{:?}", done.body);
        }
        app.engine().drain_all().await.expect("kept");
        let have = "SELECT CAST(COUNT(*) AS BIGINT) FROM tag_current WHERE key = 'big'";
        assert_eq!(care.house.lines(have).await, ["4"]);
        let version = "SELECT CAST(MAX(version) AS BIGINT) FROM rule_version WHERE key = 'big'";
        assert_eq!(care.house.lines(version).await, ["1"]);
    }
}

#[test]
fn thresholds_are_proposed_at_the_command_line_and_can_be_published() {
    let home = Home::new();
    home.file("c.csv", "customer_id,name\n1,Ada\n2,Bo\n");
    home.run(&["import", "customers", "c.csv"]).ended(0);
    let none = home.run(&["tag", "calibrate", "value_tier", "--share", "gold=5%"]);
    assert!(none.code != 0 && none.stderr.contains("nobody has a counted order"), "{none:?}");
    let paid = |n: u32, total: u32| format!("{n},O{n},{total},2026-09-01T00:00:00Z\n");
    let rows: String =
        [(1, 100), (2, 1_000), (3, 10_000), (4, 100_000)].map(|(n, total)| paid(n, total)).concat();
    home.file("o.csv", &format!("customer_id,order_id,total,paid_at\n{rows}"));
    home.run(&["import", "orders", "o.csv"]).ended(0);
    home.run(&["drain"]).ended(0);
    let made = home.run(&["tag", "calibrate", "value_tier", "--share", "silver=25%"]).ended(2);
    assert!(made.stderr.contains("silver would begin at 100000.00 and gold"), "{}", made.stderr);
    let shares = ["--share", "diamond=25%", "--share", "gold=50%", "--share", "silver=75%"];
    let made = home.run(&[&["tag", "calibrate", "value_tier"], &shares[..]].concat()).ended(0);
    assert!(made.stdout.starts_with("kind: tag\nkey: value_tier\n"), "{}", made.stdout);
    assert!(
        made.stderr.contains("of 4 active buyers") && made.stderr.contains("2 (50.0 %)"),
        "{}",
        made.stderr
    );
    home.file("tier.yaml", &made.stdout);
    let done = home.run(&["tag", "publish", "-f", "tier.yaml", "--yes", "--format", "json"]).ended(0);
    assert!(done.stderr.contains("1 document published"), "{}", done.stderr);
    let document = &done.json()["documents"][0]["details"];
    assert!(document.to_string().contains("100000.00"), "{document}");
}

#[test]
fn tags_are_previewed_and_published_at_the_command_line() {
    let home = Home::new();
    home.file("c.csv", "customer_id,name\n1,Ada\n");
    home.run(&["import", "customers", "c.csv"]).ended(0);
    home.file(
        "tags/known.yaml",
        "key: known\nname: {en: Known, zh-CN: 已知}\nrule: {profile: orders_ever, gte: 0}\n",
    );
    let seen = home.run(&["tag", "preview", "-f", "tags", "--format", "json"]).ended(0).json();
    assert_eq!((&seen["customers"], &seen["tags"][0]["values"][0]["after"]), (&json!(1), &json!(1)));
    let asked = home.run(&["tag", "publish", "-f", "tags"]).ended(4);
    assert!(asked.stdout.contains("cus_1") && asked.stderr.contains("Publish 1 document?"), "{asked:?}");
    assert!(!asked.stdout.contains("Ada"));
    let done = home.run(&["tag", "publish", "-f", "tags/known.yaml", "--yes"]).ended(0);
    assert!(done.stderr.contains("1 document published"), "{}", done.stderr);
    let same = home.run(&["tag", "publish", "-f", "tags"]).ended(0);
    assert!(same.stderr.contains("nothing to change"), "{}", same.stderr);
    home.file("bad.yaml", "key: bad\nname: {en: B, zh-CN: 坏}\nrule: {profile: orders_ever, gte: x}\n");
    let bad = home.run(&["tag", "preview", "-f", "bad.yaml"]).ended(2);
    assert!(bad.stderr.contains("bad.yaml:3:"), "{}", bad.stderr);
}

#[test]
fn the_schema_is_printed_without_a_book() {
    let home = Home::new();
    let tag = home.run(&["tag", "schema"]).ended(0).json();
    assert_eq!(tag["title"], "kinkeeper tag");
    let rule = home.run(&["tag", "schema", "--rule"]).ended(0).json();
    assert_eq!(rule["$defs"]["rule"], tag["$defs"]["rule"]);
    assert!(
        !home.path().join("kinkeeper.db").exists()
            && home.path().read_dir().expect("a folder").next().is_none()
    );
}
