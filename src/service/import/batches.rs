//! The imports there were: what, by whom, and what became of the rows.

use crate::service::ServiceError;
use crate::store::Store;
use crate::store::imports::{self, Counts, Import};
use domain::ids::ImportId;
use domain::time::Instant;
use serde::Serialize;
use utoipa::ToSchema;

/// One import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Batch {
    #[schema(value_type = String, example = "imp_3")]
    pub id: ImportId,
    /// customers | orders | tickets | contacts | events
    pub kind: String,
    pub file: String,
    /// Taken in after the fact.
    pub historical: bool,
    /// The instant at which all its rows count as taken in.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Instant,
    /// `None`: interrupted, or under way.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Instant>,
    /// Rows done, the header not counted.
    pub rows: i64,
    pub counts: Counts,
    /// Who began it; unknown of old ones.
    pub actor: Option<String>,
    /// When it was taken back, if it was.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub undone_at: Option<Instant>,
    pub undone_by: Option<String>,
}

/// The latest imports, latest first.
pub async fn list_batches(store: &Store, limit: i64) -> Result<Vec<Batch>, ServiceError> {
    let found = imports::list(store.reader(), limit).await?;
    Ok(found.into_iter().map(view).collect())
}

pub(super) fn view(import: Import) -> Batch {
    Batch {
        id: import.id,
        kind: import.kind,
        file: import.file_name,
        historical: import.historical,
        received_at: import.received_at,
        finished_at: import.finished_at,
        rows: import.cursor_row,
        counts: import.counts,
        actor: import.actor,
        undone_at: import.undone_at,
        undone_by: import.undone_by,
    }
}
