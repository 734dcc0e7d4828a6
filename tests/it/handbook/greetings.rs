//! Stories of the greeting on its one day: at ten everywhere, caught up within the day, missed after it.

use super::stories;

const PEOPLE: &str = "
    wen | Asia/Shanghai    | own | yes | 2026-11-20 12:00 300
    xia | America/New_York | own | yes | 2026-11-20 12:00 300
    yan | Pacific/Auckland | own | yes | 2026-11-20 12:00 300
    zoe | -                | own | yes | 2026-11-20 12:00 300
";

fn greeted(at: &str) -> String {
    format!(
        "
        festival from 2026-12-25 10:00: done {at}
          festival mailed {at}
    "
    )
}

const EXPIRED: &str = "
    festival from 2026-12-25 10:00: done 2026-12-26 02:00
      festival expired (expired) 2026-12-26 02:00
";

stories! {
    async fn it_is_ten_in_everybodys_own_morning(book: live "2026-12-20 00:00") {
        book.people(PEOPLE).await;
        book.approve("festival").await;
        book.walk_to("2027-01-15 00:00").await;
        for name in ["wen", "xia", "yan", "zoe"] {
            book.lived(name, &greeted("2026-12-25 10:00")).await;
        }
        assert_eq!(book.slots("festival").await, ["2026-12-25T10:00:00 done", "2027-12-25T10:00:00 scheduled"]);
    }

    async fn within_the_day_it_is_caught_up(book: live "2026-12-20 00:00") {
        book.people("wen | Asia/Shanghai | own | yes | 2026-11-20 12:00 300").await;
        book.approve("festival").await;
        book.walk_to("2026-12-24 12:00").await;
        book.is_down_until("2026-12-25 15:30").await;
        book.walk_to("2027-01-15 00:00").await;
        book.lived("wen", &greeted("2026-12-25 15:30")).await;
        assert_eq!(book.slots("festival").await[0], "2026-12-25T10:00:00 done");
    }

    // When it is midnight in Los Angeles, it is nine in the evening in Auckland.
    async fn somebody_new_from_far_ahead_is_in_time(book: live "2026-12-20 00:00") {
        book.moves_to(chrono_tz::America::Los_Angeles).await;
        book.people("abe | America/Los_Angeles | own | yes | -").await;
        book.approve("festival").await;
        book.walk_before("2026-12-22 00:00").await;
        book.people("yan | Pacific/Auckland | own | yes | -").await;
        book.walk_to("2027-01-15 00:00").await;
        for name in ["abe", "yan"] {
            book.lived(name, &greeted("2026-12-25 10:00")).await;
        }
    }

    // In Shanghai and Auckland the day is over, in New York it is one in the afternoon.
    async fn where_the_day_is_not_over_it_is_caught_up(book: live "2026-12-20 00:00") {
        book.people(PEOPLE).await;
        book.approve("festival").await;
        book.walk_to("2026-12-24 12:00").await;
        book.is_down_until("2026-12-26 02:00").await;
        book.walk_to("2027-01-15 00:00").await;
        book.lived("xia", &greeted("2026-12-25 13:00")).await;
        book.lived("wen", EXPIRED).await;
        book.lived("zoe", EXPIRED).await;
        assert_eq!(book.slots("festival").await[0], "2026-12-25T10:00:00 done");
    }

    async fn down_for_longer_than_its_day_it_is_missed(book: live "2026-12-20 00:00") {
        book.people("
            wen | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
            tao | Asia/Shanghai | own | yes | 2026-06-27 12:00 300
            ula | Asia/Shanghai | own | yes | 2026-06-26 12:00 300
        ").await;
        book.approve("festival").await;
        book.walk_to("2026-12-22 12:00").await;
        book.is_down_until("2026-12-26 15:00").await;
        book.walk_to("2027-01-15 00:00").await;
        let slots = ["2026-12-25T10:00:00 missed (too_late)", "2027-12-25T10:00:00 scheduled"];
        assert_eq!(book.slots("festival").await, slots);
        book.lived("wen", "").await;
        // The win-back has three days: in time for who entered on the 24th, too late for the 23rd.
        book.lived("tao", "
            winback from 2026-12-24 00:00: done 2026-12-31 09:00
              winback_d0 mailed 2026-12-26 15:00
              winback_d7 mailed 2026-12-31 09:00 with a coupon (issued)
        ").await;
        book.lived("ula", "
            winback from 2026-12-23 00:00: done 2026-12-30 09:00
              winback_d0 expired (expired) 2026-12-26 15:00
              winback_d7 mailed 2026-12-30 09:00 with a coupon (issued)
        ").await;
    }
}
