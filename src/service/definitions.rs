//! Campaign versions as the engine uses them: read once, kept parsed, since a version never changes.

use super::{Book, ServiceError, poison};
use crate::store::definitions;
use domain::campaign::definition::Definition;
use domain::campaign::parse::parse;
use domain::ids::CampaignVersionId;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Parsed versions by id.
pub type DefinitionCache = Arc<Mutex<HashMap<CampaignVersionId, Arc<Definition>>>>;

/// Versions by id, or what is wrong with one: whoever needs it can't go on, everybody else does.
#[derive(Debug, Default)]
pub struct Definitions(HashMap<CampaignVersionId, Result<Arc<Definition>, String>>);

impl Definitions {
    /// One of the versions asked for, or what is wrong with it.
    pub fn get(&self, id: CampaignVersionId) -> Result<&Arc<Definition>, &str> {
        match self.0.get(&id) {
            Some(Ok(definition)) => Ok(definition),
            Some(Err(broken)) => Err(broken),
            None => Err("a campaign version nobody asked for"),
        }
    }
}

/// The definitions of these versions.
pub async fn of(
    book: &Book,
    ids: impl IntoIterator<Item = CampaignVersionId>,
) -> Result<Definitions, ServiceError> {
    let mut found = HashMap::new();
    let mut missing = Vec::new();
    {
        let cache = book.definitions.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            match cache.get(&id) {
                Some(definition) => drop(found.insert(id, Ok(definition.clone()))),
                None => missing.push(id),
            }
        }
    }
    missing.sort_unstable();
    missing.dedup();
    let db = book.store.reader();
    let documents =
        poison::read_apart(&missing, |ids| async move { definitions::documents(db, &ids).await }).await?;
    for (id, document) in documents.sound {
        let definition = read(id, &document);
        if let Ok(definition) = &definition {
            let mut cache = book.definitions.lock().unwrap_or_else(PoisonError::into_inner);
            cache.insert(id, definition.clone());
        }
        found.insert(id, definition);
    }
    found.extend(documents.broken.into_iter().map(|(id, why)| (id, Err(why))));
    for id in missing {
        found.entry(id).or_insert_with(|| Err(format!("campaign_version {} is gone", id.0)));
    }
    Ok(Definitions(found))
}

fn read(id: CampaignVersionId, document: &Value) -> Result<Arc<Definition>, String> {
    let (definition, problems) = parse(document);
    definition.filter(|_| problems.is_empty()).map(Arc::new).ok_or_else(|| {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        format!("campaign_version.document of row {}: {}", id.0, told.join("; "))
    })
}
