//! Stories of rows that can't be worked on: each fails or is set aside with its reason, and its neighbours go on.

use super::limits::HELLO;
use super::scene::{Act, Handbook, at};
use super::stories;
use kinkeeper::service::{journeys, planning};
use sea_orm::Value as Sql;
use serde_json::json;

const THREE: &str = "
    ann | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
    bea | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
    cid | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
";

const WON_BACK: &str = "
    winback from 2026-12-07 00:00: done 2026-12-14 09:00
      winback_d0 mailed 2026-12-07 09:00
      winback_d7 mailed 2026-12-14 09:00 with a coupon (issued)
";

const FESTIVAL: &str = include_str!("../../../config/campaigns/festival.yaml");

/// The same as a campaign of its own, by mail to whom the shop has sold something.
fn greeting(key: &str) -> String {
    FESTIVAL
        .replace("key: festival", &format!("key: {key}"))
        .replace("audience: everyone", "audience: { tag: value_tier, eq: regular }")
}

stories! {
    async fn an_unreadable_enrollment_fails_alone(book: live "2026-12-01 00:00") {
        book.people(THREE).await;
        book.walk_to("2026-12-08 00:00").await;
        book.change("UPDATE enrollment SET payload = '{' WHERE customer_id = $1", vec![id(book, "ann").await]).await;
        book.walk_to("2026-12-31 00:00").await;
        book.lived("ann", "
            winback from 2026-12-07 00:00: failed (broken) 2026-12-14 00:00
              winback_d0 mailed 2026-12-07 09:00
        ").await;
        book.lived("bea", WON_BACK).await;
        book.lived("cid", WON_BACK).await;
        let why = texts(book, "SELECT detail FROM enrollment WHERE state = 'failed'").await;
        assert!(why[0].starts_with("enrollment.payload of row "), "{why:?}");
    }

    // What waits of it fails with it.
    async fn whoever_is_under_a_broken_version_fails(book: live "2026-12-01 00:00") {
        book.people(THREE).await;
        book.declare(HELLO).await;
        book.approve("hello").await;
        book.at("2026-12-06 22:00").happens("ann", "Hello Wanted");
        book.walk_before("2026-12-06 23:00").await;
        break_version(book, "hello").await;
        book.change("UPDATE enrollment SET wake_at = 0 WHERE state = 'active'", vec![]).await;
        // The journeys find it first, as they would in a step that has no touchpoint yet.
        let now = book.book().now().await.expect("a clock");
        journeys::advance_due(book.book(), now, 100).await.expect("goes on");
        book.walk_to("2026-12-31 00:00").await;
        book.lived("ann", &format!("
            hello from 2026-12-06 22:00: failed (broken) 2026-12-06 23:00
              winback_d0 failed (refused) 2026-12-06 23:00
            {WON_BACK}
        ")).await;
        book.lived("bea", WON_BACK).await;
    }

    async fn what_cannot_be_carried_out_fails_alone(book: live "2026-12-01 00:00") {
        book.people("
            ann | Asia/Shanghai | - | - | 2026-11-10 12:00 500
            bea | Asia/Shanghai | - | - | 2026-11-10 12:00 500
        ").await;
        book.approve("important_ticket_callback").await;
        book.at("2026-12-02 10:00").asks("ann", "a1", json!({ "important": true }))
            .asks("ann", "a2", json!({ "important": true }))
            .asks("bea", "b1", json!({ "important": true }));
        book.at("2026-12-02 11:00").settles("ann", "a1");
        book.walk_before("2026-12-02 12:00").await;
        book.change("UPDATE callback SET required_level = 'wizard'", vec![]).await;
        let settled = vec![settled(book, "ann", "a2"), settled(book, "bea", "b1")];
        Act::Told(settled).happen(book.book(), book.source()).await.expect("told");
        let now = book.book().now().await.expect("a clock");
        planning::plan_due(book.book(), now, 100).await.expect("plans");
        journeys::advance_due(book.book(), now, 100).await.expect("goes on");
        book.change("UPDATE callback SET required_level = 'junior'", vec![]).await;
        book.walk_before("2026-12-02 13:00").await;
        book.lived("ann", "
            important_ticket_callback from 2026-12-02 11:00: done 2026-12-02 11:00
            important_ticket_callback from 2026-12-02 12:00: failed (broken) 2026-12-02 12:00
            call important_ticket by a junior from 2026-12-03 09:00 to 2026-12-07 18:00: scheduled
        ").await;
        book.lived("bea", "
            important_ticket_callback from 2026-12-02 12:00: done 2026-12-02 12:00
            call important_ticket by a junior from 2026-12-03 09:00 to 2026-12-07 18:00: scheduled
        ").await;
    }

    async fn a_trigger_that_cannot_be_read_is_set_aside(book: live "2026-12-01 00:00") {
        book.people("
            ann | Asia/Shanghai | - | - | 2026-11-10 12:00 500
            bea | Asia/Shanghai | - | - | 2026-11-10 12:00 500
            cid | Asia/Shanghai | - | - | 2026-11-10 12:00 500
            dan | Asia/Shanghai | - | - | 2026-11-10 12:00 500
        ").await;
        book.approve("important_ticket_callback").await;
        for name in ["ann", "bea", "cid", "dan"] {
            book.at("2026-12-02 10:00").asks(name, &format!("{name}-1"), json!({ "important": true }));
        }
        book.walk_before("2026-12-02 12:00").await;
        let told = ["ann", "bea", "cid", "dan"].map(|name| settled(book, name, &format!("{name}-1")));
        Act::Told(told.into()).happen(book.book(), book.source()).await.expect("told");
        let before = texts(book, "SELECT payload FROM trigger_queue ORDER BY id").await;
        for (name, set) in [("ann", "kind = 'odd'"), ("bea", "payload = '{'"), ("cid", "payload = '{\"important\": \"perhaps\"}'")] {
            let sql = format!("UPDATE trigger_queue SET {set} WHERE customer_id = $1");
            book.change(&sql, vec![id(book, name).await]).await;
        }
        book.walk_before("2026-12-02 13:00").await;
        let called = |at: &str| format!("
            important_ticket_callback from 2026-12-02 12:00: done {at}
            call important_ticket by a junior from 2026-12-03 09:00 to 2026-12-07 18:00: scheduled
        ");
        book.lived("dan", &called("2026-12-02 12:00")).await;
        book.lived("cid", "").await;
        let why = texts(book, "SELECT failed FROM trigger_queue ORDER BY id").await;
        assert_eq!(why.len(), 3, "{why:?}");
        assert!(why[0].contains("trigger_queue.kind of row ") && why[1].contains("trigger_queue.payload of row "), "{why:?}");
        assert!(why[2].contains("isn't a ticket"), "{why:?}");
        // Mended and put back, it is worked off like any other.
        let sql = "UPDATE trigger_queue SET kind = 'event', payload = $1, failed = NULL";
        book.change(sql, vec![before[0].clone().into()]).await;
        book.walk_to("2026-12-02 14:00").await;
        for name in ["ann", "bea", "cid"] {
            book.lived(name, &called("2026-12-02 13:00")).await;
        }
    }

    // Two campaigns wait for the same; one of them is broken.
    async fn a_broken_campaign_keeps_its_triggers(book: live "2026-12-01 00:00") {
        book.people("ann | Asia/Shanghai | own | yes | 2026-11-20 12:00 300").await;
        book.declare(HELLO).await;
        book.approve("hello").await;
        book.declare(&HELLO.replace("key: hello", "key: hello_too")).await;
        book.approve("hello_too").await;
        let document = break_version(book, "hello").await;
        book.at("2026-12-08 10:00").happens("ann", "Hello Wanted");
        book.walk_to("2026-12-08 11:00").await;
        let too = "
            hello_too from 2026-12-08 10:00: done 2026-12-08 10:00
              winback_d0 mailed 2026-12-08 10:00
        ";
        book.lived("ann", too).await;
        mend_version(book, "hello", document).await;
        book.change("UPDATE trigger_queue SET failed = NULL", vec![]).await;
        book.walk_to("2026-12-09 23:00").await;
        book.lived("ann", &format!("{too}
            hello from 2026-12-08 10:00: done 2026-12-09 09:00
              winback_d0 mailed 2026-12-09 09:00
        ")).await;
        assert!(texts(book, "SELECT failed FROM trigger_queue").await.is_empty());
    }

    async fn a_broken_slot_is_missed_alone_and_the_next_one_comes(book: live "2026-12-20 00:00") {
        book.people("ann | Asia/Shanghai | own | yes | -").await;
        book.approve("festival").await;
        book.declare(&FESTIVAL.replace("key: festival", "key: festival_too").replace("priority: 70", "priority: 60")).await;
        book.approve("festival_too").await;
        let festival = "(SELECT id FROM campaign WHERE key = 'festival')";
        book.change(&format!("DELETE FROM occurrence WHERE slot LIKE '2027%' AND campaign_id = {festival}"), vec![]).await;
        book.change(&format!("UPDATE occurrence SET slot = '2026-13-25' WHERE campaign_id = {festival}"), vec![]).await;
        book.walk_to("2027-01-15 00:00").await;
        assert_eq!(book.slots("festival").await, ["2026-13-25 missed (broken)", "2027-12-25T10:00:00 scheduled"]);
        book.lived("ann", "
            festival_too from 2026-12-25 10:00: done 2026-12-25 10:00
              festival mailed 2026-12-25 10:00
        ").await;
    }

    async fn a_mended_version_takes_the_slot_up_again(book: live "2026-12-20 00:00") {
        book.people("ann | Asia/Shanghai | own | yes | -").await;
        book.approve("festival").await;
        break_version(book, "festival").await;
        book.walk_to("2026-12-25 08:00").await;
        assert_eq!(book.slots("festival").await[0], "2026-12-25T10:00:00 missed (broken)");
        book.declare(&FESTIVAL.replace("priority: 70", "priority: 71")).await;
        book.approve("festival").await;
        book.walk_to("2026-12-25 12:00").await;
        book.lived("ann", "
            festival from 2026-12-25 10:00: done 2026-12-25 10:00
              festival mailed 2026-12-25 10:00
        ").await;
        assert_eq!(book.slots("festival").await[0], "2026-12-25T10:00:00 done");
    }

    async fn a_customer_who_cannot_be_kept_is_set_aside_alone(book: live "2026-12-01 00:00") {
        book.people("
            ann | Asia/Shanghai | - | - | 2026-11-10 12:00 500
            bea | Asia/Shanghai | - | - | 2026-11-10 12:00 500
        ").await;
        let ann = id(book, "ann").await;
        let unread = "UPDATE event SET order_key = NULL WHERE order_key IS NOT NULL AND customer_id = $1";
        book.change(unread, vec![ann.clone()]).await;
        for name in ["ann", "bea"] {
            book.at("2026-12-02 10:00").orders(name, &format!("{name}-big"), "12000");
        }
        book.walk_to("2026-12-03 00:00").await;
        let tier = "SELECT value FROM tag_current WHERE key = 'value_tier' ORDER BY customer_id";
        assert_eq!(texts(book, tier).await, ["diamond"], "only Bea is kept");
        let why = texts(book, "SELECT failed FROM customer_due WHERE failed IS NOT NULL").await;
        assert!(why.len() == 1 && why[0].contains("event.order_key of row "), "{why:?}");
        let told = kinkeeper::service::doctor::look(book.book()).await.expect("looks");
        assert!(told.iter().any(|f| f.about == "set aside" && f.detail.contains("event.order_key of row ")), "{told:?}");
        // Mended; the next fact lets the keeper look again.
        let mended = "UPDATE event SET order_key = 'shop:' || id WHERE kind = 'Order Completed' AND customer_id = $1";
        book.change(mended, vec![ann]).await;
        book.at("2026-12-04 10:00").orders("ann", "small", "1");
        book.walk_to("2026-12-05 00:00").await;
        assert_eq!(texts(book, tier).await, ["diamond", "diamond"]);
    }

    async fn a_customer_whose_facts_cannot_be_read_hurts_nobody_else(book: live "2026-12-20 00:00") {
        book.people("
            ann | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
            bea | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
        ").await;
        book.declare(&greeting("greeting")).await;
        book.approve("greeting").await;
        book.declare(&HELLO.replace("audience: everyone", "audience: { tag: value_tier, eq: regular }")).await;
        book.approve("hello").await;
        book.walk_before("2026-12-24 12:00").await;
        let wanted = ["ann", "bea"].map(|name| book.track(name, "Hello Wanted", at("2026-12-24 12:00"), json!({})));
        Act::Told(wanted.into()).happen(book.book(), book.source()).await.expect("told");
        let ann = id(book, "ann").await;
        let sql = "UPDATE event SET order_key = NULL WHERE order_key IS NOT NULL AND customer_id = $1";
        book.change(sql, vec![ann.clone()]).await;
        // Only the planner is at work: the slot's time has come, and the triggers'.
        planning::plan_due(book.book(), at("2026-12-25 00:00"), 100).await.expect("plans");
        let sql = "UPDATE event SET order_key = 'shop:ann-1' WHERE kind = 'Order Completed' AND customer_id = $1";
        book.change(sql, vec![ann]).await;
        book.walk_to("2027-01-15 00:00").await;
        book.lived("ann", "").await;
        let occasions = book.occasions("bea").await;
        assert_eq!(occasions.len(), 2, "{occasions:?}");
        let why = texts(book, "SELECT failed FROM trigger_queue").await;
        assert!(why.len() == 1 && why[0].contains("event.order_key of row "), "{why:?}");
    }
}

fn settled(book: &mut Handbook, name: &str, ticket: &str) -> serde_json::Value {
    book.track(name, "Ticket Resolved", at("2026-12-02 12:00"), json!({ "ticket_id": ticket }))
}

async fn id(book: &Handbook, name: &str) -> Sql {
    book.customer(name).await.into()
}

async fn texts(book: &Handbook, sql: &str) -> Vec<String> {
    let text = |row: &sea_orm::QueryResult| row.try_get_by_index::<Option<String>>(0).expect("a text");
    book.rows(sql, vec![]).await.iter().map(|row| text(row).unwrap_or_default()).collect()
}

const DOCUMENT: &str = "(SELECT current_version_id FROM campaign WHERE key = $1)";

/// Makes a campaign's version unreadable to a daemon that starts afresh; gives its document.
async fn break_version(book: &Handbook, key: &str) -> String {
    let sql = format!("SELECT document FROM campaign_version WHERE id = {DOCUMENT}");
    let document: String =
        book.rows(&sql, vec![key.into()]).await[0].try_get_by_index(0).expect("a document");
    mend_version(book, key, "{}".to_owned()).await;
    document
}

async fn mend_version(book: &Handbook, key: &str, document: String) {
    let sql = format!("UPDATE campaign_version SET document = $2 WHERE id = {DOCUMENT}");
    book.change(&sql, vec![key.into(), document.into()]).await;
    book.book().definitions.lock().expect("nobody panicked").clear();
}
