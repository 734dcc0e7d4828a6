//! Stories of people who aren't to be written to: no consent, withdrawn consent, suppressed or shared or
//! missing addresses, complaints.

use super::stories;
use serde_json::json;

stories! {
    async fn nobody_is_written_to_without_consent_and_an_address(book: live "2026-12-01 00:00") {
        book.people("
            silent     | Asia/Shanghai | own               | -   | 2026-06-10 12:00 300
            refused    | Asia/Shanghai | own               | no  | 2026-06-10 12:00 300
            nowhere    | Asia/Shanghai | -                 | yes | 2026-06-10 12:00 300
            suppressed | Asia/Shanghai | gone@example.com  | yes | 2026-06-10 12:00 300
            neighbour  | Asia/Shanghai | gone@example.com  | yes | 2026-06-10 12:00 300
            later      | Asia/Shanghai | later@example.com | yes | 2026-06-10 12:00 300
        ").await;
        book.at("2026-12-02 12:00").suppresses("gone@example.com");
        book.at("2026-12-10 12:00").suppresses("later@example.com");
        book.walk_to("2026-12-31 23:59").await;
        // Where it would go is asked last, in the morning; all else at once.
        for (name, reason, at) in [
            ("silent", "no_consent", "00:00"),
            ("refused", "no_consent", "00:00"),
            ("nowhere", "no_contact_point", "09:00"),
            ("suppressed", "suppressed", "00:00"),
            ("neighbour", "suppressed", "00:00"),
        ] {
            book.lived(name, &format!("
                winback from 2026-12-07 00:00: done 2026-12-14 {at}
                  winback_d0 skipped ({reason}) 2026-12-07 {at}
                  winback_d7 skipped ({reason}) 2026-12-14 {at}
            ")).await;
        }
        book.lived("later", "
            winback from 2026-12-07 00:00: done 2026-12-14 00:00
              winback_d0 mailed 2026-12-07 09:00
              winback_d7 skipped (suppressed) 2026-12-14 00:00
        ").await;
        assert_eq!(book.coupons().await, ["0.00 of 4000.00"], "nobody got one, none is held back");
    }

    async fn an_opt_out_ends_what_is_queued(book: live "2026-12-01 00:00") {
        book.people("
            jia | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
            kai | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
            lou | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
        ").await;
        book.approve("festival").await;
        book.at("2026-12-07 08:59:59").opts_out("kai");
        book.at("2026-12-08 12:00").opts_out("lou");
        book.at("2026-12-25 09:59:59").opts_out("jia");
        book.walk_to("2026-12-25 09:00").await;
        book.lived("jia", "
            festival from 2026-12-25 10:00: active
              festival queued until 2026-12-25 10:00
        ").await;
        book.walk_to("2026-12-31 23:59").await;
        book.lived("jia", "
            festival from 2026-12-25 10:00: done 2026-12-25 10:00
              festival skipped (no_consent) 2026-12-25 10:00
        ").await;
        book.lived("kai", "
            winback from 2026-12-07 00:00: exited (opt_out) 2026-12-07 08:59:59
              winback_d0 skipped (exited) 2026-12-07 08:59:59
            festival from 2026-12-25 10:00: done 2026-12-25 10:00
              festival skipped (no_consent) 2026-12-25 00:00
        ").await;
        book.lived("lou", "
            winback from 2026-12-07 00:00: exited (opt_out) 2026-12-08 12:00
              winback_d0 mailed 2026-12-07 09:00
            festival from 2026-12-25 10:00: done 2026-12-25 10:00
              festival skipped (no_consent) 2026-12-25 00:00
        ").await;
    }

    // Two customers with one address, never merged: an occasion reaches the address once. Their win-backs are
    // two occasions, since each is about an order of their own.
    async fn a_shared_address_is_greeted_once(book: live "2026-12-01 00:00") {
        book.people("
            lea | Asia/Shanghai | family@example.com | yes | 2026-06-10 12:00 300
            leo | Asia/Shanghai | family@example.com | yes | 2026-06-11 12:00 300
            mia | Asia/Shanghai | pair@example.com   | no  | 2026-11-20 12:00 300
            max | Asia/Shanghai | pair@example.com   | yes | 2026-11-20 12:00 300
        ").await;
        book.approve("festival").await;
        book.walk_to("2026-12-31 23:59").await;
        book.lived("lea", "
            winback from 2026-12-07 00:00: done 2026-12-14 09:00
              winback_d0 mailed 2026-12-07 09:00
              winback_d7 mailed 2026-12-14 09:00 with a coupon (issued)
            festival from 2026-12-25 10:00: done 2026-12-25 10:00
              festival mailed 2026-12-25 10:00
        ").await;
        book.lived("leo", "
            winback from 2026-12-08 00:00: done 2026-12-15 09:00
              winback_d0 mailed 2026-12-08 09:00
              winback_d7 mailed 2026-12-15 09:00 with a coupon (issued)
            festival from 2026-12-25 10:00: done 2026-12-25 10:00
              festival skipped (contact_shared) 2026-12-25 10:00
        ").await;
        for mail in book.mails_to("lea").await {
            assert_eq!(mail.to, "family@example.com");
        }
        // Whoever may not be written to takes the occasion from nobody.
        book.lived("mia", "
            festival from 2026-12-25 10:00: done 2026-12-25 10:00
              festival skipped (no_consent) 2026-12-25 00:00
        ").await;
        book.lived("max", "
            festival from 2026-12-25 10:00: done 2026-12-25 10:00
              festival mailed 2026-12-25 10:00
        ").await;
    }

    async fn a_complaint_ends_the_winback(book: live "2026-12-01 00:00") {
        book.people("
            mei | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
            nan | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
            ott | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
            pia | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
            ula | Asia/Shanghai | own | yes | 2026-06-10 12:00 300
        ").await;
        // Open at D0 and closed the day after; opened and closed between D0 and D7; no complaint at all;
        // closed before the entry.
        book.at("2026-12-06 12:00").complains("mei", "c1").complains("pia", "c4");
        book.at("2026-12-06 18:00").settles("pia", "c4");
        book.at("2026-12-08 12:00").settles("mei", "c1");
        book.at("2026-12-09 10:00").complains("nan", "c2").asks("ott", "c3", json!({ "important": true }));
        book.at("2026-12-10 10:00").settles("nan", "c2");
        // Told when it was settled already.
        book.at("2026-12-09 10:00").complains("ula", "c5").settles("ula", "c5");
        book.walk_to("2026-12-31 23:59").await;
        book.lived("mei", "winback from 2026-12-07 00:00: exited (complaint) 2026-12-07 00:00").await;
        for name in ["nan", "ula"] {
            book.lived(name, "
                winback from 2026-12-07 00:00: exited (complaint) 2026-12-09 10:00
                  winback_d0 mailed 2026-12-07 09:00
            ").await;
        }
        let whole = "
            winback from 2026-12-07 00:00: done 2026-12-14 09:00
              winback_d0 mailed 2026-12-07 09:00
              winback_d7 mailed 2026-12-14 09:00 with a coupon (issued)
        ";
        book.lived("ott", whole).await;
        // The cool-down after a complaint comes with a later issue; until then a closed one holds nothing back.
        book.lived("pia", whole).await;
        assert_eq!(book.tags("nan").await[1], "complaint_history=one since 2026-12-09 10:00");
    }

    async fn a_greeting_waits_for_the_complaint_to_be_closed_but_not_beyond_its_day(book: live "2026-12-20 00:00") {
        book.people("
            qin | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
            rui | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
            sun | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
        ").await;
        book.approve("festival").await;
        book.at("2026-12-24 12:00").complains("qin", "c1").complains("rui", "c2");
        book.at("2026-12-25 09:59:59").complains("sun", "c3");
        book.at("2026-12-25 15:00").settles("qin", "c1");
        book.at("2026-12-25 16:00").settles("sun", "c3");
        book.at("2026-12-26 11:00").settles("rui", "c2");
        book.walk_to("2026-12-25 14:59:59").await;
        book.lived("qin", "
            festival from 2026-12-25 10:00: active
              festival deferred (complaint_open) until 2026-12-26 00:00
        ").await;
        book.walk_to("2026-12-31 23:59").await;
        let mailed = |at: &str| format!("
            festival from 2026-12-25 10:00: done {at}
              festival mailed {at}
        ");
        book.lived("qin", &mailed("2026-12-25 15:00")).await;
        book.lived("sun", &mailed("2026-12-25 16:00")).await;
        book.lived("rui", "
            festival from 2026-12-25 10:00: done 2026-12-26 00:00
              festival expired (complaint_open) 2026-12-26 00:00
        ").await;
    }
}
