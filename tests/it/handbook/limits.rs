//! Stories of enough being enough: how many mails in what time, which of two goes first, how many coupons.

use super::stories;

/// A marketing mail whenever somebody wants one, so that contacts can be placed.
pub const HELLO: &str = "
kind: campaign
key: hello
name: { en: Hello, zh: 你好 }
purpose: marketing
audience: everyone
trigger: { event: { name: Hello Wanted } }
steps:
  - send: { channels: [email], template: winback_d0 }
expires: 3d
priority: 40
owner: kinkeeper
";

stories! {
    async fn at_most_two_in_7_d_and_one_a_day(book: live "2026-12-01 00:00") {
        book.people("
            third | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
            never | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
            twice | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
        ").await;
        book.declare(HELLO).await;
        book.approve("hello").await;
        for name in ["third", "never"] {
            book.at("2026-12-08 10:00").happens(name, "Hello Wanted");
            book.at("2026-12-10 10:00").happens(name, "Hello Wanted");
        }
        // Exactly 7 d after the first is on the 15th at 10:00: a second before this one's time is over, and at it.
        book.at("2026-12-12 10:00:01").happens("third", "Hello Wanted");
        book.at("2026-12-12 10:00").happens("never", "Hello Wanted");
        book.at("2026-12-08 10:00").happens("twice", "Hello Wanted");
        book.at("2026-12-08 12:00").happens("twice", "Hello Wanted");
        book.walk_to("2026-12-31 23:59").await;
        let two = "
            hello from 2026-12-08 10:00: done 2026-12-08 10:00
              winback_d0 mailed 2026-12-08 10:00
            hello from 2026-12-10 10:00: done 2026-12-10 10:00
              winback_d0 mailed 2026-12-10 10:00
        ";
        book.lived("third", &format!("{two}
            hello from 2026-12-12 10:00:01: done 2026-12-15 10:00
              winback_d0 mailed 2026-12-15 10:00
        ")).await;
        book.lived("never", &format!("{two}
            hello from 2026-12-12 10:00: done 2026-12-12 10:00
              winback_d0 skipped (frequency_cap) 2026-12-12 10:00
        ")).await;
        book.lived("twice", "
            hello from 2026-12-08 10:00: done 2026-12-08 10:00
              winback_d0 mailed 2026-12-08 10:00
            hello from 2026-12-08 12:00: done 2026-12-09 09:00
              winback_d0 mailed 2026-12-09 09:00
        ").await;
    }

    async fn two_mails_are_16_h_apart(book: live "2026-12-01 00:00") {
        book.people("
            evening | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
            exactly | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
            a_bit   | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
        ").await;
        book.declare(HELLO).await;
        book.approve("hello").await;
        book.approve("festival").await;
        book.at("2026-12-24 19:30").happens("evening", "Hello Wanted");
        book.at("2026-12-24 18:00").happens("exactly", "Hello Wanted");
        book.at("2026-12-24 18:00:01").happens("a_bit", "Hello Wanted");
        book.walk_to("2026-12-31 23:59").await;
        for (name, first, greeted) in [
            ("evening", "2026-12-24 19:30", "2026-12-25 11:30"),
            ("exactly", "2026-12-24 18:00", "2026-12-25 10:00"),
            ("a_bit", "2026-12-24 18:00:01", "2026-12-25 10:00:01"),
        ] {
            book.lived(name, &format!("
                hello from {first}: done {first}
                  winback_d0 mailed {first}
                festival from 2026-12-25 10:00: done {greeted}
                  festival mailed {greeted}
            ")).await;
        }
    }

    // Both want the 25th. The greeting has the higher priority; D0 goes the day after. D7 would be the third
    // in 7 d at 09:00 and goes an hour later, when the greeting is exactly 7 d ago.
    async fn the_greeting_has_the_day_and_d0_goes_on_the_next(book: live "2026-12-01 00:00") {
        book.people("
            tao | Asia/Shanghai | own                | yes | 2026-06-28 12:00 300
            una | Asia/Shanghai | family@example.com | yes | 2026-11-20 12:00 300
            uwe | Asia/Shanghai | family@example.com | yes | 2026-06-28 12:00 300
        ").await;
        book.approve("festival").await;
        book.walk_to("2026-12-25 09:30").await;
        book.lived("tao", "
            winback from 2026-12-25 00:00: active
              winback_d0 deferred (lower_priority) until 2026-12-26 00:00
            festival from 2026-12-25 10:00: active
              festival queued until 2026-12-25 10:00
        ").await;
        book.walk_to("2027-01-15 00:00").await;
        book.lived("tao", "
            winback from 2026-12-25 00:00: done 2027-01-01 10:00
              winback_d0 mailed 2026-12-26 09:00
              winback_d7 mailed 2027-01-01 10:00 with a coupon (issued)
            festival from 2026-12-25 10:00: done 2026-12-25 10:00
              festival mailed 2026-12-25 10:00
        ").await;
        // Una's greeting reaches the address they share, so Uwe's ends without a hand-over and frees his day.
        book.lived("uwe", "
            winback from 2026-12-25 00:00: done 2027-01-01 09:00
              winback_d0 mailed 2026-12-25 10:00
              winback_d7 mailed 2027-01-01 09:00 with a coupon (issued)
            festival from 2026-12-25 10:00: done 2026-12-25 10:00
              festival skipped (contact_shared) 2026-12-25 10:00
        ").await;
    }

    // Coupons for two of four; no mail goes out without its own. With more money later ones get theirs.
    async fn the_coupon_budget_is_used_up(book: live "2026-12-01 00:00") {
        book.people("
            one   | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
            two   | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
            three | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
            four  | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
            five  | Asia/Shanghai | own | yes | 2026-06-20 12:00 300
        ").await;
        book.budget(149).await;
        book.at("2026-12-16 12:00").budgets(150);
        book.walk_to("2026-12-15 00:00").await;
        assert_eq!(book.coupons().await, ["100.00 of 149.00"]);
        book.walk_to("2026-12-31 23:59").await;
        let got = "
            winback from 2026-12-07 00:00: done 2026-12-14 09:00
              winback_d0 mailed 2026-12-07 09:00
              winback_d7 mailed 2026-12-14 09:00 with a coupon (issued)
        ";
        let none = "
            winback from 2026-12-07 00:00: done 2026-12-14 09:00
              winback_d0 mailed 2026-12-07 09:00
              winback_d7 skipped (budget) 2026-12-14 09:00
        ";
        for (name, story) in [("one", got), ("two", got), ("three", none), ("four", none)] {
            book.lived(name, story).await;
        }
        book.lived("five", "
            winback from 2026-12-17 00:00: done 2026-12-24 09:00
              winback_d0 mailed 2026-12-17 09:00
              winback_d7 mailed 2026-12-24 09:00 with a coupon (issued)
        ").await;
        assert_eq!(book.coupons().await, ["150.00 of 150.00"]);
    }
}
