//! Stories of a hand on the brake: a campaign paused and started again, everything stopped and resumed.

use super::stories;

stories! {
    async fn a_paused_campaign_holds_its_mails_until_it_is_started(book: live "2026-12-01 00:00") {
        book.people("
            early | Asia/Shanghai | own | yes | 2026-06-07 12:00 300
            late  | Asia/Shanghai | own | yes | 2026-06-11 12:00 300
        ").await;
        book.at("2026-12-02 12:00").pauses("winback");
        book.at("2026-12-09 15:00").starts("winback");
        book.walk_to("2026-12-06 00:00").await;
        book.lived("early", "
            winback from 2026-12-04 00:00: active
              winback_d0 deferred (campaign_not_running) until 2026-12-07 00:00
        ").await;
        book.walk_to("2026-12-31 23:59").await;
        // Three days were over before the start; a day and a half hadn't.
        book.lived("early", "
            winback from 2026-12-04 00:00: done 2026-12-11 09:00
              winback_d0 expired (campaign_not_running) 2026-12-07 00:00
              winback_d7 mailed 2026-12-11 09:00 with a coupon (issued)
        ").await;
        book.lived("late", "
            winback from 2026-12-08 00:00: done 2026-12-15 09:00
              winback_d0 mailed 2026-12-09 15:00
              winback_d7 mailed 2026-12-15 09:00 with a coupon (issued)
        ").await;
    }

    async fn a_stop_of_everything_holds_every_mail_until_it_is_lifted(book: live "2026-12-01 00:00") {
        book.people("
            early   | Asia/Shanghai | own | yes | 2026-06-26 12:00 300
            late    | Asia/Shanghai | own | yes | 2026-06-30 12:00 300
            greeted | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
        ").await;
        book.approve("festival").await;
        // Queued for nine o'clock, stopped a second before.
        book.at("2026-12-23 08:59:59").stops_all();
        book.at("2026-12-28 15:00").resumes();
        book.walk_to("2026-12-25 12:00").await;
        book.lived("greeted", "
            festival from 2026-12-25 10:00: active
              festival deferred (stopped) until 2026-12-26 00:00
        ").await;
        book.walk_to("2027-01-15 00:00").await;
        book.lived("greeted", "
            festival from 2026-12-25 10:00: done 2026-12-26 00:00
              festival expired (stopped) 2026-12-26 00:00
        ").await;
        book.lived("early", "
            winback from 2026-12-23 00:00: done 2026-12-30 09:00
              winback_d0 expired (stopped) 2026-12-26 00:00
              winback_d7 mailed 2026-12-30 09:00 with a coupon (issued)
            festival from 2026-12-25 10:00: done 2026-12-26 00:00
              festival expired (stopped) 2026-12-26 00:00
        ").await;
        book.lived("late", "
            festival from 2026-12-25 10:00: done 2026-12-26 00:00
              festival expired (stopped) 2026-12-26 00:00
            winback from 2026-12-27 00:00: done 2027-01-03 09:00
              winback_d0 mailed 2026-12-28 15:00
              winback_d7 mailed 2027-01-03 09:00 with a coupon (issued)
        ").await;
    }
}
