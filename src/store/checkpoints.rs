//! SQLite: what was committed goes from the WAL into the book beside whoever writes. Left to the writer it would hold up everybody who
//! waits for a commit, each 32 MB, for as long as copying those takes. What is committed isn't known here.

use super::Timeouts;
use super::connect::{Purpose, connect};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use std::time::Duration;
use tokio::sync::watch;

/// So long after a commit, at the soonest, what is in the WAL goes into the book.
const PAUSE: Duration = Duration::from_millis(200);

/// Who hears of commits; while it lives, what they leave in the WAL is seen to.
pub(super) fn start(url: &str, timeouts: Timeouts) -> watch::Sender<()> {
    let (committed, seen) = watch::channel(());
    tokio::spawn(keep_up(url.to_owned(), timeouts, seen));
    committed
}

/// What fails here is left to the writer, as is what can't be copied while somebody reads an older state.
async fn keep_up(url: String, timeouts: Timeouts, mut committed: watch::Receiver<()>) {
    let mut connection: Option<DatabaseConnection> = None;
    while committed.changed().await.is_ok() {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = ended(&mut committed) => return,
        }
        if connection.is_none() {
            // Reading only, which this isn't refused: it changes nothing of what the book says.
            connection = connect(&url, Purpose::Read, 1, timeouts).await.ok();
        }
        if let Some(connection) = &connection {
            drop(connection.execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)").await);
        }
    }
}

/// Answers when nobody is left to commit.
async fn ended(committed: &mut watch::Receiver<()>) {
    while committed.changed().await.is_ok() {}
}
