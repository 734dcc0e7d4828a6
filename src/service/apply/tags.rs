//! Declared tags are checked together with those the book has: they refer to each other, and a circle or a
//! missing tag is a problem of the whole.

use super::declared::Declared;
use super::{Item, Prepared};
use crate::service::ServiceError;
use crate::store::{Db, products, rules};
use domain::money::Currency;
use domain::problem::Problem;
use domain::tag::{Catalogue, TagDocument};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every problem the catalogue would have, each located in the document that causes it.
/// `base` is what the book counts in.
pub(super) async fn problems(db: &Db, items: &[Item], base: Currency) -> Result<Vec<Problem>, ServiceError> {
    let declared = declared(items);
    let Some((first, _)) = declared.values().next() else { return Ok(Vec::new()) };
    let found = Catalogue::parse(&documents(db, &declared).await?, base).err().unwrap_or_default();
    Ok(found.into_iter().map(|problem| locate(problem, &declared, first)).collect())
}

/// The catalogue as it would be with what was prepared.
pub async fn with(db: &Db, prepared: &Prepared) -> Result<Catalogue, ServiceError> {
    let documents = documents(db, &declared(&prepared.items)).await?;
    let catalogue = Catalogue::parse(&documents, prepared.base).map_err(ServiceError::Invalid)?;
    Ok(catalogue.knowing(Arc::new(products::all(db).await?)))
}

/// The declared tags, by key.
fn declared(items: &[Item]) -> BTreeMap<&str, (&Item, &Value)> {
    items
        .iter()
        .filter_map(|item| match &item.declared {
            Declared::Tag { key, document } => Some((key.as_str(), (item, document))),
            _ => None,
        })
        .collect()
}

/// What the book has, with the declared put in.
async fn documents(
    db: &Db,
    declared: &BTreeMap<&str, (&Item, &Value)>,
) -> Result<Vec<TagDocument>, ServiceError> {
    let mut documents: Vec<TagDocument> = rules::newest(db)
        .await?
        .into_iter()
        .filter(|rule| !declared.contains_key(rule.key.as_str()))
        .map(|rule| TagDocument::first(rule.document))
        .collect();
    documents.extend(declared.values().map(|(_, document)| TagDocument::first((*document).clone())));
    Ok(documents)
}

/// Places begin with the tag's key. A tag of the book that no longer fits is the declared ones' doing.
fn locate(problem: Problem, declared: &BTreeMap<&str, (&Item, &Value)>, first: &Item) -> Problem {
    let (key, inside) = problem.at.split_once('.').unwrap_or((&problem.at, ""));
    match declared.get(key) {
        Some((item, _)) => item.document.locate(Problem { at: inside.to_owned(), ..problem.clone() }),
        None => {
            let detail = format!("{}: {}", problem.at, problem.detail);
            first.document.locate(Problem { at: String::new(), detail, ..problem })
        }
    }
}
