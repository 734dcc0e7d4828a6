//! The hand-written book (手写的小账本): the customers and stories the retail book doesn't have, each
//! walked through by the whole application on a virtual clock, on both databases. A story says who there is,
//! what happens when, and what each customer lived through; what it stands on is in `scene`, `then` and `told`.
//!
//! The shop is in Shanghai and lives by the shipped definitions: win-back mails at D0 and D7 with a coupon,
//! Christmas greetings, callbacks after important tickets. Times are those of each customer's own zone.

mod consent;
mod explained;
mod greetings;
mod hours;
mod last_moment;
mod limits;
mod live;
mod poison;
mod reentry;
mod scene;
mod stops;
mod then;
mod told;
mod vip;
mod winback;

/// Writes one test a database from each story. `live` is when the shop goes live, by its own clock; the story
/// begins half a day before. At its end nothing may be left half done, no promise be broken, and no mail lie
/// there that nobody planned.
macro_rules! stories {
    ($($(#[$attribute:meta])* async fn $name:ident($book:ident: live $live:literal) $body:block)+) => {$(
        $(#[$attribute])*
        mod $name {
            #[allow(unused_imports, reason = "the story may need nothing from around it")]
            use super::*;

            async fn story(database: $crate::support::TestDatabase) {
                let mut handbook = $crate::handbook::scene::Handbook::open(database, $live).await;
                let $book = &mut handbook;
                $body
                handbook.close().await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                story($crate::support::TestDatabase::migrated_sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                story($crate::support::TestDatabase::migrated_postgres().await).await;
            }
        }
    )+};
}
pub(crate) use stories;
