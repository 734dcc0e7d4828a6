//! Stories of the win-back from entry to end: when it begins, what ends it, and how far apart its mails lie.

use super::stories;

stories! {
    async fn an_order_after_the_entry_ends_the_winback(book: live "2026-12-01 00:00") {
        book.people("
            lin  | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
            bao  | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
            chen | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
            dou  | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
            evi  | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
        ").await;
        // Before D0 goes out, between the two mails, before D7 goes out; and one that is taken back.
        book.at("2026-12-07 08:30").orders("bao", "bao-2", "80");
        book.at("2026-12-09 15:00").orders("lin", "lin-2", "120").orders("evi", "evi-2", "90");
        book.at("2026-12-10 15:00").cancels("evi", "evi-2");
        book.at("2026-12-14 08:00").orders("dou", "dou-2", "80");

        book.walk_to("2026-12-08 00:00").await;
        book.has_tags("lin", &[
            "churn_risk since 2026-12-07 00:00",
            "complaint_history=none since 2025-01-01 00:00",
            "rfm_segment=ordinary_win_back since 2026-12-07 04:00",
            "value_tier=regular since 2026-06-10 12:00",
        ]).await;
        book.lived("lin", "
            winback from 2026-12-07 00:00: active
              winback_d0 mailed 2026-12-07 09:00
        ").await;

        book.walk_to("2026-12-31 23:59").await;
        book.lived("lin", "
            winback from 2026-12-07 00:00: exited (order) 2026-12-09 15:00
              winback_d0 mailed 2026-12-07 09:00
        ").await;
        book.has_tags("lin", &[
            "complaint_history=none since 2025-01-01 00:00",
            "returning since 2026-12-09 15:00",
            // The first run after the order said so, and the second too.
            "rfm_segment=ordinary_develop since 2026-12-21 04:00",
            "value_tier=regular since 2026-06-10 12:00",
        ]).await;
        book.lived("bao", "
            winback from 2026-12-07 00:00: exited (order) 2026-12-07 08:30
              winback_d0 skipped (exited) 2026-12-07 08:30
        ").await;
        book.lived("chen", "
            winback from 2026-12-07 00:00: done 2026-12-14 09:00
              winback_d0 mailed 2026-12-07 09:00
              winback_d7 mailed 2026-12-14 09:00 with a coupon (issued)
        ").await;
        book.lived("dou", "
            winback from 2026-12-07 00:00: exited (order) 2026-12-14 08:00
              winback_d0 mailed 2026-12-07 09:00
              winback_d7 skipped (exited) 2026-12-14 08:00
        ").await;
        // The cancelled order makes the old one the last again. That was its one win-back.
        book.lived("evi", "
            winback from 2026-12-07 00:00: exited (order) 2026-12-09 15:00
              winback_d0 mailed 2026-12-07 09:00
        ").await;
        let tags = book.tags("evi").await;
        assert_eq!(tags[0], "churn_risk since 2026-12-10 15:00", "she is at risk again, from the cancellation on");
    }

    async fn a_cause_at_the_instant_of_going_live_counts(book: live "2026-12-07 00:00") {
        book.people("
            the_day_before | Asia/Shanghai    | own | yes | 2026-06-09 23:59:59 300
            at_the_instant | Asia/Shanghai    | own | yes | 2026-06-10 00:00:00 300
            the_day_after  | Asia/Shanghai    | own | yes | 2026-06-11 12:00 300
            an_hour_before | Asia/Tokyo       | own | yes | 2026-06-10 12:00 300
            that_afternoon | America/New_York | own | yes | 2026-06-10 12:00 300
            since_long     | -                | own | yes | 2025-06-10 12:00 300
        ").await;
        book.walk_to("2026-12-31 23:59").await;
        book.lived("the_day_before", "").await;
        book.lived("an_hour_before", "").await;
        book.lived("since_long", "").await;
        book.lived("at_the_instant", "
            winback from 2026-12-07 00:00: done 2026-12-14 09:00
              winback_d0 mailed 2026-12-07 09:00
              winback_d7 mailed 2026-12-14 09:00 with a coupon (issued)
        ").await;
        book.lived("the_day_after", "
            winback from 2026-12-08 00:00: done 2026-12-15 09:00
              winback_d0 mailed 2026-12-08 09:00
              winback_d7 mailed 2026-12-15 09:00 with a coupon (issued)
        ").await;
        book.lived("that_afternoon", "
            winback from 2026-12-07 00:00: done 2026-12-14 09:00
              winback_d0 mailed 2026-12-07 09:00
              winback_d7 mailed 2026-12-14 09:00 with a coupon (issued)
        ").await;
        // The tag knows nothing of going live.
        for (name, tag) in [
            ("the_day_before", "churn_risk since 2026-12-06 00:00"),
            ("an_hour_before", "churn_risk since 2026-12-07 00:00"),
            ("since_long", "churn_risk since 2025-12-07 00:00"),
        ] {
            assert_eq!(book.tags(name).await[0], tag);
        }
    }

    // D0 and D7 are exactly 7 d apart. A greeting lies between them: were the first mail still counted when
    // exactly 7 d are over, the second would be the third within 7 d and wait.
    async fn d7_goes_out_when_d0_is_exactly_7_d_ago(book: live "2026-12-01 00:00") {
        book.people("
            hua | Asia/Shanghai | own | yes | 2026-06-22 12:00 300
            jin | Asia/Shanghai | own | yes | 2026-06-22 12:00 300
        ").await;
        book.approve("festival").await;
        book.at("2026-12-25 08:00").opts_out("jin");
        book.walk_to("2026-12-31 23:59").await;
        book.lived("hua", "
            winback from 2026-12-19 00:00: done 2026-12-26 09:00
              winback_d0 mailed 2026-12-19 09:00
              winback_d7 mailed 2026-12-26 09:00 with a coupon (issued)
            festival from 2026-12-25 10:00: done 2026-12-25 10:00
              festival mailed 2026-12-25 10:00
        ").await;
        book.lived("jin", "
            winback from 2026-12-19 00:00: exited (opt_out) 2026-12-25 08:00
              winback_d0 mailed 2026-12-19 09:00
            festival from 2026-12-25 10:00: done 2026-12-25 10:00
              festival skipped (no_consent) 2026-12-25 10:00
        ").await;
    }

    // The same with D0 held up to 09:30: D7 could go at 09:00, when the greeting and D0 are within 7 d, and
    // waits for the half hour until D0 is exactly 7 d ago.
    async fn d7_waits_until_d0_is_exactly_7_d_ago(book: live "2026-12-01 00:00") {
        book.people("hua | Asia/Shanghai | own | yes | 2026-06-22 12:00 300").await;
        book.approve("festival").await;
        book.at("2026-12-18 12:00").stops_all();
        book.at("2026-12-19 09:30").resumes();
        book.walk_to("2026-12-26 09:29:59").await;
        book.lived("hua", "
            winback from 2026-12-19 00:00: active
              winback_d0 mailed 2026-12-19 09:30
              winback_d7 deferred (frequency_cap) until 2026-12-26 09:30
            festival from 2026-12-25 10:00: done 2026-12-25 10:00
              festival mailed 2026-12-25 10:00
        ").await;
        book.walk_to("2026-12-31 23:59").await;
        book.lived("hua", "
            winback from 2026-12-19 00:00: done 2026-12-26 09:30
              winback_d0 mailed 2026-12-19 09:30
              winback_d7 mailed 2026-12-26 09:30 with a coupon (issued)
            festival from 2026-12-25 10:00: done 2026-12-25 10:00
              festival mailed 2026-12-25 10:00
        ").await;
    }

    async fn a_refund_can_make_an_old_order_the_last_one(book: live "2026-12-01 00:00") {
        book.people("
            old    | Asia/Shanghai | own | yes | 2026-05-01 12:00 300; 2026-11-20 12:00 200
            young  | Asia/Shanghai | own | yes | 2026-06-15 12:00 300; 2026-11-20 12:00 200
            partly | Asia/Shanghai | own | yes | 2026-05-01 12:00 300; 2026-11-20 12:00 200
        ").await;
        book.at("2026-12-10 11:15").refunds("old", "old-2").refunds("young", "young-2");
        book.at("2026-12-10 11:15").refunds_some("partly", "partly-2", "199.99");
        book.walk_to("2026-12-31 23:59").await;
        // 180 days after the first order were over long before; it begins with the refund.
        assert_eq!(book.tags("old").await[0], "churn_risk since 2026-12-10 11:15");
        book.lived("old", "
            winback from 2026-12-10 11:15: done 2026-12-17 11:15
              winback_d0 mailed 2026-12-10 11:15
              winback_d7 mailed 2026-12-17 11:15 with a coupon (issued)
        ").await;
        assert_eq!(book.occasions("old").await, ["after:shop:old-1"]);
        // Here they end two days after it.
        book.lived("young", "
            winback from 2026-12-12 00:00: done 2026-12-19 09:00
              winback_d0 mailed 2026-12-12 09:00
              winback_d7 mailed 2026-12-19 09:00 with a coupon (issued)
        ").await;
        book.lived("partly", "").await;
    }

    async fn day_180_can_be_the_29th_of_february(book: live "2028-02-20 00:00") {
        book.people("
            leap     | Asia/Shanghai    | own | yes | 2027-09-02 23:59:59 300
            march    | Asia/Shanghai    | own | yes | 2027-09-03 00:00:00 300
            auckland | Pacific/Auckland | own | yes | 2027-09-03 03:59:59 300
            new_york | America/New_York | own | yes | 2027-09-02 11:59:59 300
        ").await;
        book.walk_to("2028-03-31 23:59").await;
        book.lived("leap", "
            winback from 2028-02-29 00:00: done 2028-03-07 09:00
              winback_d0 mailed 2028-02-29 09:00
              winback_d7 mailed 2028-03-07 09:00 with a coupon (issued)
        ").await;
        // A second later in Shanghai; the same instant where it was the 3rd and where it was the morning of the 2nd.
        for name in ["march", "auckland"] {
            book.lived(name, "
                winback from 2028-03-01 00:00: done 2028-03-08 09:00
                  winback_d0 mailed 2028-03-01 09:00
                  winback_d7 mailed 2028-03-08 09:00 with a coupon (issued)
            ").await;
        }
        book.lived("new_york", "
            winback from 2028-02-29 00:00: done 2028-03-07 09:00
              winback_d0 mailed 2028-02-29 09:00
              winback_d7 mailed 2028-03-07 09:00 with a coupon (issued)
        ").await;
    }
}
