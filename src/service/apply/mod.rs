//! Declared documents (`apply -f`): read, checked, compared with the book, and written all or nothing.
//!
//! Nothing is written unless every document of every file is sound, and what is written is what was shown:
//! the comparison is made again inside the transaction.

mod blocked;
mod compare;
mod declared;
mod read;
mod tags;
mod write;

pub use compare::{Change, Difference, document_hash};
pub use declared::KINDS;
pub use read::Input;
pub use write::head;

use super::{Book, ServiceError};
use crate::store::{Db, Tx, audit, meta, shops};
use declared::{Declared, Surroundings, declare, declare_shop};
use domain::money::Currency;
use domain::problem::Problem;
use domain::time::Instant;
use read::Document;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// One sound document.
#[derive(Debug, Clone)]
struct Item {
    declared: Declared,
    document: Document,
}

/// Sound documents and what they would change.
#[derive(Debug, Clone)]
pub struct Prepared {
    items: Vec<Item>,
    pub changes: Vec<Change>,
}

impl Prepared {
    /// How many documents differ from the book.
    pub fn differing(&self) -> usize {
        self.changes.iter().filter(|change| change.difference != Difference::Unchanged).count()
    }

    /// The keys of this kind's documents that differ from the book.
    pub fn changed(&self, kind: &str) -> Vec<String> {
        let differs = |c: &&Change| c.kind == kind && c.difference != Difference::Unchanged;
        self.changes.iter().filter(differs).map(|change| change.key.clone()).collect()
    }
}

/// Reads and checks everything and compares it with the book. The error holds every problem of every file.
pub async fn prepare(book: &Book, inputs: &[Input]) -> Result<Prepared, ServiceError> {
    let db = book.store.reader();
    let shop = shops::find(db, &book.shop_key).await?.map(|row| row.shop);
    let first = shops::first(db).await?.map(|row| row.shop);
    let (items, base) = read_items(inputs, Held { first, shop, key: &book.shop_key })?;
    let staff: BTreeSet<String> = items
        .iter()
        .filter_map(|item| {
            if let Declared::Staff(member) = &item.declared { Some(member.key.clone()) } else { None }
        })
        .collect();
    let mut problems = Vec::new();
    for item in &items {
        let found = compare::refusals(db, &item.declared, &staff).await?;
        problems.extend(found.into_iter().map(|problem| item.document.locate(problem)));
    }
    problems.extend(tags::problems(db, &items, base).await?);
    if !problems.is_empty() {
        return Err(ServiceError::Invalid(problems));
    }
    let changes = compare_all(db, &items).await?;
    Ok(Prepared { items, changes })
}

async fn compare_all(db: &Db, items: &[Item]) -> Result<Vec<Change>, ServiceError> {
    let mut changes = Vec::with_capacity(items.len());
    for Item { declared, document } in items {
        changes.push(compare::compare(db, declared, &document.file, document.number).await?);
    }
    Ok(changes)
}

/// Writes what was prepared, in one transaction with its audit row.
pub async fn commit(book: &Book, prepared: Prepared, actor: &str) -> Result<(), ServiceError> {
    if prepared.differing() == 0 {
        return Ok(());
    }
    let (actor, shop_key) = (actor.to_owned(), book.shop_key.clone());
    book.write(move |tx, at| {
        Box::pin(async move {
            let by = write::By { actor: &actor, at, shop_key: &shop_key };
            write_all(tx, &prepared, &by).await
        })
    })
    .await
}

/// Declares shipped documents in the transaction that makes a new book.
pub async fn declare_in(
    tx: &Tx,
    inputs: &[Input],
    shop: &shops::Shop,
    actor: &str,
    at: Instant,
) -> Result<(), ServiceError> {
    let first = shops::first(tx).await?.map(|row| row.shop);
    let (items, _) = read_items(inputs, Held { first, shop: Some(shop.clone()), key: &shop.key })?;
    let changes = compare_all(tx, &items).await?;
    write_all(tx, &Prepared { items, changes }, &write::By { actor, at, shop_key: &shop.key }).await
}

async fn write_all(tx: &Tx, prepared: &Prepared, by: &write::By<'_>) -> Result<(), ServiceError> {
    for (item, shown) in prepared.items.iter().zip(&prepared.changes) {
        let Item { declared, document } = item;
        let found = compare::compare(tx, declared, &document.file, document.number).await?;
        if found != *shown {
            return Err(ServiceError::Conflict(format!(
                "{} {} changed while this was being looked at; run apply again",
                shown.kind, shown.key
            )));
        }
        write::write(tx, declared, found.difference, by).await?;
    }
    let differing: Vec<String> = prepared
        .changes
        .iter()
        .filter(|change| change.difference != Difference::Unchanged)
        .map(|change| format!("{} {}", change.kind, change.key))
        .collect();
    let entry = audit::Entry {
        at: by.at,
        actor: by.actor.to_owned(),
        action: "documents.applied".to_owned(),
        subject: "book".to_owned(),
        detail: json!({ "changed": differing }),
    };
    audit::record(tx, entry).await?;
    meta::raise_change_seq(tx).await?;
    Ok(())
}

/// What the book has of shops.
struct Held<'a> {
    /// The shop the book was founded with, whose currency is the base.
    first: Option<shops::Shop>,
    /// The one that documents without a shop mean …
    shop: Option<shops::Shop>,
    /// … and its key.
    key: &'a str,
}

/// Every document of every input, in the order of writing, and what the book counts in once they are written.
fn read_items(inputs: &[Input], held: Held<'_>) -> Result<(Vec<Item>, Currency), ServiceError> {
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    for input in inputs {
        match read::read(input) {
            Ok(found) => documents.extend(found),
            Err(problem) => problems.push(problem),
        }
    }
    // A shop declared here is the one its other documents mean.
    let declared_shop = |key: &str| documents.iter().filter_map(declare_shop).find(|shop| shop.key == key);
    let Some(shop) = declared_shop(held.key).or(held.shop) else {
        return Err(ServiceError::NotFound(format!("the shop {}", held.key)));
    };
    let first = held.first.map(|first| declared_shop(&first.key).unwrap_or(first));
    let base = first.map_or(shop.currency, |first| first.currency);
    let around = Surroundings { shop: &shop, base };
    let mut items = Vec::new();
    for document in documents {
        match declare(&document, &around) {
            Ok(declared) => items.push(Item { declared, document }),
            Err(found) => problems.extend(found),
        }
    }
    problems.extend(duplicates(&items));
    if !problems.is_empty() {
        return Err(ServiceError::Invalid(problems));
    }
    items.sort_by_key(|item| item.declared.rank());
    Ok((items, base))
}

fn duplicates(items: &[Item]) -> Vec<Problem> {
    let mut seen: BTreeMap<(&'static str, String), &Document> = BTreeMap::new();
    let mut problems = Vec::new();
    for Item { declared, document } in items {
        let name = (declared.kind(), declared.key());
        if let Some(first) = seen.get(&name) {
            let detail = format!(
                "{} {} is declared in {}, document {} already; keep one",
                name.0, name.1, first.file, first.number
            );
            problems.push(document.locate(Problem::new("key", "duplicate", detail)));
        } else {
            seen.insert(name, document);
        }
    }
    problems
}
