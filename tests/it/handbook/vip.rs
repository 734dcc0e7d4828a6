//! Stories of VIPs: one who lapses is won back like anybody else, stays a VIP while the tier is held, and is
//! called accordingly.

use super::stories;
use serde_json::json;

stories! {
    async fn a_vip_lapses(book: live "2026-12-01 00:00") {
        book.people("
            vera | Asia/Shanghai | own | yes | 2026-01-10 12:00 10000; 2026-06-10 12:00 100
            vito | Asia/Shanghai | own | yes | 2026-01-10 12:00 9899.99; 2026-06-10 12:00 100
        ").await;
        book.walk_to("2026-12-31 23:59").await;
        book.has_tags("vera", &[
            "churn_risk since 2026-12-07 00:00",
            "complaint_history=none since 2025-01-01 00:00",
            "returning since 2026-06-10 12:00",
            "rfm_segment=important_win_back since 2026-12-07 04:00",
            "value_tier=diamond since 2026-01-10 12:00",
            "vip since 2026-01-10 12:00",
        ]).await;
        // 9,999.99 is one fen short.
        assert_eq!(book.tags("vito").await[4..], [
            "value_tier=gold since 2026-01-10 12:00",
            "vip_candidate since 2026-01-10 12:00",
        ]);
        let winback = "
            winback from 2026-12-07 00:00: done 2026-12-14 09:00
              winback_d0 mailed 2026-12-07 09:00
              winback_d7 mailed 2026-12-14 09:00 with a coupon (issued)
        ";
        book.lived("vera", winback).await;
        book.lived("vito", winback).await;

        // The great order leaves the year on 2027-01-10, the tier is held for 30 d more, to its last microsecond.
        book.walk_to("2027-02-09 11:59:59.999999").await;
        assert_eq!(book.tags("vera").await[4..], [
            "value_tier=diamond since 2026-01-10 12:00",
            "vip since 2026-01-10 12:00",
        ]);
        book.walk_to("2027-02-09 12:00").await;
        assert_eq!(book.tags("vera").await[4..], ["value_tier=regular since 2027-02-09 12:00"]);
        assert_eq!(book.tags("vito").await[4..], ["value_tier=regular since 2027-02-09 12:00"]);
        book.lived("vera", winback).await;
    }

    // A reseller enters like anybody else and is skipped, counted; one named in the morning isn't written to any more;
    // what concerns their own ticket goes its way.
    async fn who_is_no_consumer_is_passed_by(book: live "2026-12-01 00:00") {
        book.people("
            rae | Asia/Shanghai | own | yes | 2026-01-10 12:00 20000; 2026-06-10 12:00 100
            sue | Asia/Shanghai | own | yes | 2026-06-10 12:00 100
            tom | Asia/Shanghai | own | yes | 2026-06-10 12:00 100
        ").await;
        book.approve("important_ticket_callback").await;
        book.at("2026-12-01 00:00").names("rae", "reseller");
        book.at("2026-12-07 08:59:59").names("sue", "staff");
        book.at("2026-12-08 12:00").names("tom", "test");
        book.at("2026-12-09 10:00").names("tom", "consumer").asks("rae", "t1", json!({ "important": true }));
        book.at("2026-12-09 11:00").settles("rae", "t1");
        book.walk_to("2026-12-31 23:59").await;
        assert_eq!(book.tags("rae").await[4..], ["value_tier=regular since 2026-01-10 12:00"]);
        book.lived("rae", "
            winback from 2026-12-07 00:00: done 2026-12-14 00:00
              winback_d0 skipped (not_consumer) 2026-12-07 00:00
              winback_d7 skipped (not_consumer) 2026-12-14 00:00
            important_ticket_callback from 2026-12-09 11:00: done 2026-12-09 11:00
            call important_ticket by a junior from 2026-12-10 09:00 to 2026-12-14 18:00: ready
        ").await;
        book.lived("sue", "
            winback from 2026-12-07 00:00: done 2026-12-14 00:00
              winback_d0 skipped (not_consumer) 2026-12-07 09:00
              winback_d7 skipped (not_consumer) 2026-12-14 00:00
        ").await;
        book.lived("tom", "
            winback from 2026-12-07 00:00: done 2026-12-14 09:00
              winback_d0 mailed 2026-12-07 09:00
              winback_d7 mailed 2026-12-14 09:00 with a coupon (issued)
        ").await;
    }

    // An important ticket resolved in the last hour of the held tier, and one in the first hour after it.
    async fn a_vips_callback_is_a_seniors_as_long_as_the_tier_is_held(book: live "2027-02-01 00:00") {
        book.people("
            vera | Asia/Shanghai | - | - | 2026-01-10 12:00 10000
            vito | Asia/Shanghai | - | - | 2026-01-10 12:00 10000
            otto | Asia/Shanghai | - | - | 2026-01-10 12:00 500
        ").await;
        book.approve("important_ticket_callback").await;
        book.at("2027-02-09 10:00").asks("vera", "t1", json!({ "important": true }))
            .asks("vito", "t2", json!({ "important": true }))
            .asks("otto", "t3", json!({ "amount": "499.99" }));
        book.at("2027-02-09 11:00").settles("vera", "t1").settles("otto", "t3");
        book.at("2027-02-09 13:00").settles("vito", "t2");
        book.walk_to("2027-02-09 14:00").await;
        // 2027-02-09 is a Tuesday: working day 1 is Wednesday, day 3 Friday.
        book.lived("vera", "
            important_ticket_callback from 2027-02-09 11:00: done 2027-02-09 11:00
            call important_ticket by a senior from 2027-02-10 09:00 to 2027-02-10 18:00: scheduled
        ").await;
        book.lived("vito", "
            important_ticket_callback from 2027-02-09 13:00: done 2027-02-09 13:00
            call important_ticket by a junior from 2027-02-10 09:00 to 2027-02-12 18:00: scheduled
        ").await;
        book.lived("otto", "").await;
    }
}
