//! Campaigns that wait for somebody to come into a segment, or to leave it.

use super::{RECENT, keep, keep_at, order};
use crate::support::care::Care;
use crate::support::on_both_databases;
use kinkeeper::service::{campaigns, eligibility};

const HELLO: &str = "kind: campaign
key: hello
name: { en: Hello, zh: 你好 }
purpose: marketing
audience: everyone
trigger:
  segment: { key: recent, entered: true }
reentry: { cool_down: 1d }
holdout: 0
steps:
  - send: { channels: [email], template: winback_d0 }
exit: [opt_out]
expires: 3d
priority: 50
owner: test
";

const ENTRIES: &str = "SELECT i.value, e.occasion_key FROM enrollment e JOIN identifier i ON i.customer_id = e.customer_id \
                       JOIN campaign c ON c.id = e.campaign_id WHERE i.kind = 'user_id' AND c.key = 'hello' ORDER BY e.id";

on_both_databases! {
    async fn whoever_comes_into_a_segment_enters_its_campaign_once_and_nobody_for_the_past(database) {
        let care = Care::open(database).await;
        care.house.send(vec![order("old", "2011-12-20T12:00:00Z", 600)]).await;
        keep(&care).await;
        care.apply(&format!("{RECENT}---\n{HELLO}")).await;
        let book = &care.house.app.book;
        campaigns::approve(book, "hello", "test").await.expect("nothing in the way");
        keep(&care).await;
        // Published after they bought: in it, and no cause.
        assert_eq!(care.house.lines("SELECT to_value, historical FROM tag_history WHERE key = 'segment:recent'").await, ["true|1"]);
        assert_eq!(care.house.lines(ENTRIES).await, Vec::<String>::new());
        care.set_now(crate::support::care::at("2011-12-26T10:00:00Z")).await;
        care.house.send(vec![order("new", "2011-12-26T09:00:00Z", 60)]).await;
        keep(&care).await;
        assert_eq!(care.house.lines(ENTRIES).await, ["new|segment:recent:2011-12-26"]);
        care.house.send(vec![order("new", "2011-12-26T09:30:00Z", 60)]).await;
        keep_at(&care, "2011-12-27T10:00:00Z").await;
        assert_eq!(care.house.lines(ENTRIES).await.len(), 1, "in it still is no coming in");
        let run = eligibility::dry_run(book, "hello").await.expect("runs");
        assert!(run.entry.how.starts_with("by membership of segment recent beginning anew"), "{}", run.entry.how);
        assert!(run.looked_at.starts_with("customers in segment recent now"), "{}", run.looked_at);
    }

    async fn leaving_starts_one_too_and_a_segment_nobody_keeps_none(database) {
        let care = Care::open(database).await;
        let bye = HELLO.replace("entered: true", "left: true");
        care.apply(&format!("{RECENT}---\n{bye}")).await;
        let book = &care.house.app.book;
        campaigns::approve(book, "hello", "test").await.expect("nothing in the way");
        care.house.send(vec![order("u1", "2011-12-25T00:00:00Z", 60)]).await;
        keep_at(&care, "2012-01-23T00:00:00Z").await;
        assert_eq!(care.house.lines(ENTRIES).await, Vec::<String>::new());
        keep_at(&care, "2012-01-24T00:00:00Z").await;
        assert_eq!(care.house.lines(ENTRIES).await, ["u1|segment:recent:2012-01-24"]);
        let lazy = RECENT.replace("rule:", "keep: on_demand\nrule:");
        care.apply(&lazy).await;
        let run = eligibility::dry_run(book, "hello").await.expect("runs");
        assert_eq!(run.obstacles[0].to_string(), "trigger.segment.key: a segment on demand has no history that could start anything; \
            keep it live");
        care.apply(&HELLO.replace("key: recent", "key: recnt")).await;
        let run = eligibility::dry_run(book, "hello").await.expect("runs");
        assert_eq!(run.obstacles[0].to_string(), "trigger.segment.key: refers to the segment recnt, which isn't in the catalogue; \
            did you mean recent?");
    }
}
