//! Stories of the clock on the customer's wall: contact windows in known and unknown zones, nights on which
//! clocks are changed, and the edges of the window.

use super::stories;
use super::told::Mail;

stories! {
    // New York's clocks go back in the night to Sunday, 2026-11-01.
    async fn mails_keep_to_the_customers_own_morning(book: live "2026-10-25 00:00") {
        book.people("
            shanghai  | Asia/Shanghai    | own | yes | 2026-05-05 12:00 300
            unknown   | -                | own | yes | 2026-05-05 12:00 300
            saturday  | America/New_York | own | yes | 2026-05-04 23:30 300
            sunday    | America/New_York | own | yes | 2026-05-05 00:30 300
        ").await;
        book.walk_to("2026-11-30 00:00").await;
        book.lived("shanghai", "
            winback from 2026-11-01 00:00: done 2026-11-08 09:00
              winback_d0 mailed 2026-11-01 09:00
              winback_d7 mailed 2026-11-08 09:00 with a coupon (issued)
        ").await;
        // Whose zone nobody knows: the shop's day, and the narrower window.
        book.lived("unknown", "
            winback from 2026-11-01 00:00: done 2026-11-08 10:00
              winback_d0 mailed 2026-11-01 10:00
              winback_d7 mailed 2026-11-08 10:00 with a coupon (issued)
        ").await;
        book.lived("saturday", "
            winback from 2026-10-31 00:00: done 2026-11-07 09:00
              winback_d0 mailed 2026-10-31 09:00
              winback_d7 mailed 2026-11-07 09:00 with a coupon (issued)
        ").await;
        // 7 d after the Sunday's first instant it is still Saturday, 23:00.
        book.lived("sunday", "
            winback from 2026-11-01 00:00: done 2026-11-08 09:00
              winback_d0 mailed 2026-11-01 09:00
              winback_d7 mailed 2026-11-08 09:00 with a coupon (issued)
        ").await;
        let dates = |mails: Vec<Mail>| mails.iter().map(|m| m.date.to_rfc3339()).collect::<Vec<_>>();
        assert_eq!(dates(book.mails_to("saturday").await), ["2026-10-31T13:00:00Z", "2026-11-07T14:00:00Z"]);
        assert_eq!(dates(book.mails_to("sunday").await), ["2026-11-01T14:00:00Z", "2026-11-08T14:00:00Z"]);
    }

    // The win-back of somebody whose only younger order is refunded begins at that instant.
    async fn the_window_is_open_from_9_to_20_and_unknown_zones_have_10_to_19(book: live "2026-12-01 00:00") {
        book.people("
            last_second | Asia/Shanghai | own | yes | 2026-05-01 12:00 300; 2026-11-20 12:00 200
            too_late    | Asia/Shanghai | own | yes | 2026-05-01 12:00 300; 2026-11-20 12:00 200
            too_early   | Asia/Shanghai | own | yes | 2026-05-01 12:00 300; 2026-11-20 12:00 200
            unknown_in  | -             | own | yes | 2026-05-01 12:00 300; 2026-11-20 12:00 200
            unknown_out | -             | own | yes | 2026-05-01 12:00 300; 2026-11-20 12:00 200
            elsewhere   | Europe/Paris  | own | yes | 2026-05-01 12:00 300; 2026-11-20 12:00 200
        ").await;
        book.at("2026-12-10 08:59:59").refunds("too_early", "too_early-2");
        book.at("2026-12-10 18:59:59").refunds("unknown_in", "unknown_in-2");
        book.at("2026-12-10 19:00").refunds("unknown_out", "unknown_out-2");
        book.at("2026-12-10 19:59:59").refunds("last_second", "last_second-2");
        book.at("2026-12-10 20:00").refunds("too_late", "too_late-2").refunds("elsewhere", "elsewhere-2");
        book.walk_to("2026-12-12 00:00").await;
        for (name, entered, mailed) in [
            ("too_early", "2026-12-10 08:59:59", "2026-12-10 09:00"),
            ("unknown_in", "2026-12-10 18:59:59", "2026-12-10 18:59:59"),
            ("unknown_out", "2026-12-10 19:00", "2026-12-11 10:00"),
            ("last_second", "2026-12-10 19:59:59", "2026-12-10 19:59:59"),
            ("too_late", "2026-12-10 20:00", "2026-12-11 09:00"),
            ("elsewhere", "2026-12-10 13:00", "2026-12-10 13:00"),
        ] {
            book.lived(name, &format!("
                winback from {entered}: active
                  winback_d0 mailed {mailed}
            ")).await;
        }
    }
}
