//! The imports there were: what, by whom, and what became of the rows.

use crate::service::ServiceError;
use crate::store::Store;
use crate::store::imports::{self, Counts};
use domain::ids::ImportId;
use domain::time::Instant;
use serde::Serialize;

/// One import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Batch {
    pub id: ImportId,
    /// customers | orders | tickets | contacts | events
    pub kind: String,
    pub file: String,
    /// Taken in after the fact.
    pub historical: bool,
    /// The instant at which all its rows count as taken in.
    pub received_at: Instant,
    /// `None`: interrupted, or under way.
    pub finished_at: Option<Instant>,
    /// Rows done, the header not counted.
    pub rows: i64,
    pub counts: Counts,
    /// Who began it; unknown of old ones.
    pub actor: Option<String>,
}

/// The latest imports, latest first.
pub async fn list_batches(store: &Store, limit: i64) -> Result<Vec<Batch>, ServiceError> {
    let found = imports::list(store.reader(), limit).await?;
    let view = |import: imports::Import| Batch {
        id: import.id,
        kind: import.kind,
        file: import.file_name,
        historical: import.historical,
        received_at: import.received_at,
        finished_at: import.finished_at,
        rows: import.cursor_row,
        counts: import.counts,
        actor: import.actor,
    };
    Ok(found.into_iter().map(view).collect())
}
