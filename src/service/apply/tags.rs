//! Declared tags and segments are checked together with those the book has: they refer to each other, and a circle or a
//! missing one is a problem of the whole.

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

/// The declared tags and segments, by what they are called among tags.
fn declared(items: &[Item]) -> BTreeMap<String, (&Item, &Value)> {
    let mut nodes = BTreeMap::new();
    for item in items {
        nodes.extend(item.declared.node().map(|(node, document)| (node, (item, document))));
    }
    nodes
}

/// What the book has, with the declared put in.
async fn documents(
    db: &Db,
    declared: &BTreeMap<String, (&Item, &Value)>,
) -> Result<Vec<TagDocument>, ServiceError> {
    let mut documents: Vec<TagDocument> = rules::newest(db)
        .await?
        .into_iter()
        .filter(|rule| !declared.contains_key(&rule.key))
        .map(|rule| TagDocument::first_of(&rule.key, rule.document))
        .collect();
    let put_in =
        declared.iter().map(|(node, (_, document))| TagDocument::first_of(node, (*document).clone()));
    documents.extend(put_in);
    Ok(documents)
}

/// Places begin with what it is called. What the book has and no longer fits is the declared ones' doing.
fn locate(problem: Problem, declared: &BTreeMap<String, (&Item, &Value)>, first: &Item) -> Problem {
    let (key, inside) = problem.at.split_once('.').unwrap_or((&problem.at, ""));
    match declared.get(key) {
        Some((item, _)) => item.document.locate(Problem { at: inside.to_owned(), ..problem.clone() }),
        None => {
            let detail = format!("{}: {}", problem.at, problem.detail);
            first.document.locate(Problem { at: String::new(), detail, ..problem })
        }
    }
}
