//! Callbacks from end to end on both databases: their life, who gets which, and eight agents at once.

mod capacity;
mod doors;
mod life;
mod parallel;
mod replay;
pub(crate) mod scene;

/// Writes one test a database from one body, which is handed a [`scene::Scene`] on Monday, 2026-05-04, 09:00.
macro_rules! scenes {
    ($(async fn $name:ident($scene:ident: Scene) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn body($scene: Scene) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                body(Scene::open($crate::support::TestDatabase::migrated_sqlite().await).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                body(Scene::open($crate::support::TestDatabase::migrated_postgres().await).await).await;
            }
        }
    )+};
}
use scenes;
