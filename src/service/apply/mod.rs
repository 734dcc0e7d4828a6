//! Declared documents (`apply -f`): read, checked, compared with the book, and written all or nothing.
//!
//! Nothing is written unless every document of every file is sound, and what is written is what was shown:
//! the comparison is made again inside the transaction.

mod blocked;
mod compare;
mod declared;
mod products;
mod read;
mod tags;
mod write;

pub use compare::{Change, Difference, document_hash};
pub use declared::KINDS;
pub use read::{Input, read};
pub use tags::with as catalogue_with;
pub use write::head;

use super::{Book, ServiceError};
use crate::store::{Db, Tx, audit, epoch, meta, properties, shops};
use declared::{Declared, Surroundings, declare, declare_shop};
use domain::event::property::Wanted;
use domain::money::Currency;
use domain::problem::{Problem, together};
use domain::rule::event::wanted_in;
use domain::segment::node_key;
use domain::time::Instant;
use read::Document;
use serde_json::{Value, json};
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
    /// What the book counts in once they are written.
    base: Currency,
    pub changes: Vec<Change>,
}

impl Prepared {
    /// How many documents differ from the book.
    pub fn differing(&self) -> usize {
        self.changes.iter().filter(|change| change.difference != Difference::Unchanged).count()
    }

    /// The keys of this kind's documents.
    pub fn keys(&self, kind: &str) -> Vec<String> {
        self.changes.iter().filter(|change| change.kind == kind).map(|change| change.key.clone()).collect()
    }

    /// The keys of this kind's documents that differ from the book.
    pub fn changed(&self, kind: &str) -> Vec<String> {
        let differs = |c: &&Change| c.kind == kind && c.difference != Difference::Unchanged;
        self.changes.iter().filter(differs).map(|change| change.key.clone()).collect()
    }

    /// The tags and segments whose documents differ from the book, by what they are called among tags.
    pub fn changed_nodes(&self) -> Vec<String> {
        let segments = self.changed("segment").iter().map(|key| node_key(key)).collect();
        [self.changed("tag"), segments].concat()
    }

    /// A problem for each document of another kind, with `remedy`.
    pub fn others_than(&self, kind: &str, remedy: &str) -> Vec<Problem> {
        let others = self.items.iter().filter(|item| item.declared.kind() != kind);
        let problem = |item: &Item| {
            let detail = format!("is a {}; {remedy}", item.declared.kind());
            item.document.locate(Problem::new("", "other_kind", detail))
        };
        others.map(problem).collect()
    }
}

/// Reads and checks everything and compares it with the book. The error holds every problem of every file.
pub async fn prepare(book: &Book, inputs: &[Input]) -> Result<Prepared, ServiceError> {
    let (documents, problems) = read::read_all(inputs);
    prepare_read(book, documents, problems).await
}

/// As [`prepare`], of one document that came as JSON. Problems are placed under `at`.
pub async fn prepare_value(
    book: &Book,
    (kind, at): (&'static str, &str),
    value: Value,
) -> Result<Prepared, ServiceError> {
    prepare_read(book, vec![Document::of(value, kind, at)], Vec::new()).await
}

async fn prepare_read(
    book: &Book,
    documents: Vec<Document>,
    problems: Vec<Problem>,
) -> Result<Prepared, ServiceError> {
    let db = book.store.reader();
    let shop = shops::find(db, &book.shop_key).await?.map(|row| row.shop);
    let first = shops::first(db).await?.map(|row| row.shop);
    let (items, base) = declare_all(documents, problems, Held { first, shop, key: &book.shop_key })?;
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
    Ok(Prepared { items, base, changes })
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
    // Under a request's key even that nothing changed is kept: the same request says so again.
    if prepared.differing() == 0 && book.once.is_none() {
        return Ok(());
    }
    let (actor, shop_key) = (actor.to_owned(), book.shop_key.clone());
    book.write(move |tx, at| Box::pin(async move { write_all(tx, &prepared, (&actor, at, &shop_key)).await }))
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
    let (documents, problems) = read::read_all(inputs);
    let held = Held { first, shop: Some(shop.clone()), key: &shop.key };
    let (items, base) = declare_all(documents, problems, held)?;
    let changes = compare_all(tx, &items).await?;
    write_all(tx, &Prepared { items, base, changes }, (actor, at, &shop.key)).await
}

async fn write_all(
    tx: &Tx,
    prepared: &Prepared,
    (actor, at, shop_key): (&str, Instant, &str),
) -> Result<(), ServiceError> {
    let mut wanted = Wanted::default();
    prepared.items.iter().for_each(|item| wanted_in(&item.document.value, &mut wanted));
    properties::register(tx, &wanted, at).await?;
    let turns = !prepared.changed_nodes().is_empty() || !prepared.changed("products").is_empty();
    // First of all: whoever publishes too waits from here on, and compares with what this leaves.
    let epoch = if turns { epoch::raise(tx, at).await? } else { 0 };
    let by = &write::By { actor, at, shop_key, epoch };
    for (item, shown) in prepared.items.iter().zip(&prepared.changes) {
        let Item { declared, document } = item;
        let found = compare::compare(tx, declared, &document.file, document.number).await?;
        if found != *shown {
            return Err(ServiceError::Conflict(format!(
                "{} {} changed while this was being looked at; look again",
                shown.kind, shown.key
            )));
        }
        write::write(tx, declared, found.difference, by).await?;
    }
    // Others may have published what these refer to, or what refers to them.
    let problems = tags::problems(tx, &prepared.items, prepared.base).await?;
    if !problems.is_empty() {
        let told = together(&problems);
        return Err(ServiceError::Conflict(format!(
            "tags or segments changed while this was being looked at: {told}"
        )));
    }
    if prepared.differing() == 0 {
        return Ok(());
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

/// What the documents declare, in the order of writing, and what the book counts in once they are written.
/// `problems` are those that reading them had.
fn declare_all(
    documents: Vec<Document>,
    mut problems: Vec<Problem>,
    held: Held<'_>,
) -> Result<(Vec<Item>, Currency), ServiceError> {
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
