//! Campaign versions as the engine uses them: read once, kept parsed, since a version never changes.

use super::{Book, ServiceError};
use crate::store::definitions;
use domain::campaign::definition::Definition;
use domain::campaign::parse::parse;
use domain::ids::CampaignVersionId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Parsed versions by id.
pub type DefinitionCache = Arc<Mutex<HashMap<CampaignVersionId, Arc<Definition>>>>;

/// The definitions of these versions.
pub async fn of(
    book: &Book,
    ids: impl IntoIterator<Item = CampaignVersionId>,
) -> Result<HashMap<CampaignVersionId, Arc<Definition>>, ServiceError> {
    let mut found = HashMap::new();
    let mut missing = Vec::new();
    {
        let cache = book.definitions.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            match cache.get(&id) {
                Some(definition) => drop(found.insert(id, definition.clone())),
                None => missing.push(id),
            }
        }
    }
    missing.sort_unstable();
    missing.dedup();
    for (id, document) in definitions::documents(book.store.reader(), &missing).await? {
        let (definition, problems) = parse(&document);
        let definition = definition.filter(|_| problems.is_empty()).map(Arc::new).ok_or_else(|| {
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            ServiceError::Internal(format!("campaign_version.document of row {}: {}", id.0, told.join("; ")))
        })?;
        book.definitions.lock().unwrap_or_else(PoisonError::into_inner).insert(id, definition.clone());
        found.insert(id, definition);
    }
    Ok(found)
}
