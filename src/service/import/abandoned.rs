//! Imports that were begun and not ended: killed, or under way this moment. While one is under way its
//! customers wait for its end; when nobody works on it any more they don't, and it can still be gone on with.

use super::super::ServiceError;
use crate::store::imports;
use crate::store::{Lane, Store, StoreError, meta, wakes};
use serde::Serialize;

/// Lets the customers of imports go that nobody works on any more; gives how many were waiting. What was taken
/// in of their files stays; who goes on with one makes its customers wait again.
pub async fn end_abandoned(store: &Store) -> Result<u64, ServiceError> {
    let machine = store.machine_now().await?;
    if !imports::any_abandoned(store.reader(), machine).await? {
        return Ok(0);
    }
    let freed: u64 = store
        .write(Lane::Work, move |tx| {
            Box::pin(async move {
                let mut freed = 0;
                for import in imports::abandon(tx, machine).await? {
                    freed += wakes::import_ended(tx, import.source, import.received_at).await?;
                }
                meta::raise_change_seq(tx).await?;
                Ok(freed)
            })
        })
        .await
        .map_err(|e: StoreError| ServiceError::from(e))?;
    tracing::warn!(customers = freed, "an import was interrupted; its customers no longer wait for its end");
    Ok(freed)
}

/// An import that was begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unfinished {
    /// customers | orders | tickets
    pub kind: String,
    pub file: String,
    pub rows_done: i64,
    /// Whether somebody seems to be working on it.
    pub under_way: bool,
    /// Goes on with it, in the folder where the file lies.
    pub command: String,
}

/// What was begun and not ended, latest first; not what was imported whole later, corrected.
pub async fn list_unfinished(store: &Store) -> Result<Vec<Unfinished>, ServiceError> {
    let unfinished = imports::list_unfinished(store.reader()).await?;
    if unfinished.is_empty() {
        return Ok(Vec::new());
    }
    let machine = store.machine_now().await?;
    let view = |import: imports::Import| {
        let history = if import.historical { " --history" } else { "" };
        Unfinished {
            command: format!("kinkeeper import {} {}{}{history}", import.kind, import.file_name, import.said),
            under_way: import.leased_until.is_some_and(|until| until > machine),
            rows_done: import.cursor_row,
            kind: import.kind,
            file: import.file_name,
        }
    };
    Ok(unfinished.into_iter().map(view).collect())
}
