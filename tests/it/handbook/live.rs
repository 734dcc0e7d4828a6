//! Stories of what was before: facts older than going live, told late, or imported as history.

use super::stories;

stories! {
    async fn history_starts_nothing_but_what_comes_after_it_does(book: live "2026-12-01 00:00") {
        // Their tag began on 12-05, 12-09 and 12-12; all of it becomes known on 12-10.
        book.at("2026-12-10 12:00")
            .imports("imported", "i-1", "2026-06-12 12:00")
            .imports("to_come", "t-1", "2026-06-15 12:00")
            .tells_late("told_late", "l-1", "2026-06-12 12:00")
            .tells_late("too_late", "z-1", "2026-06-08 12:00")
            .tells_late("long_ago", "a-1", "2026-03-01 12:00");
        book.walk_to("2026-12-31 23:59").await;
        assert_eq!(book.tags("imported").await[0], "churn_risk since 2026-12-09 00:00");
        book.lived("imported", "").await;
        // Imported as history, but it falls due afterwards.
        book.lived("to_come", "
            winback from 2026-12-12 00:00: done 2026-12-19 00:00
              winback_d0 skipped (no_consent) 2026-12-12 00:00
              winback_d7 skipped (no_consent) 2026-12-19 00:00
        ").await;
        // Known late, still within three days.
        book.lived("told_late", "
            winback from 2026-12-09 00:00: done 2026-12-16 00:00
              winback_d0 skipped (no_consent) 2026-12-10 12:00
              winback_d7 skipped (no_consent) 2026-12-16 00:00
        ").await;
        // Known too late for D0; D7 is in time.
        book.lived("too_late", "
            winback from 2026-12-05 00:00: done 2026-12-12 00:00
              winback_d0 expired (expired) 2026-12-10 12:00
              winback_d7 skipped (no_consent) 2026-12-12 00:00
        ").await;
        // From before going live.
        assert_eq!(book.tags("long_ago").await[0], "churn_risk since 2026-08-28 00:00");
        book.lived("long_ago", "").await;
    }
}
