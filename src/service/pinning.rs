//! Putting customers into a segment by hand, keeping them out, and letting its rule decide again; and filling lists from a file.
//! What people say is a fact as with tags by hand ([`super::marking`]), told of what the segment is called among tags.

use super::import::FormSaid;
use super::import::table::{Table, TableRow, read as read_table};
use super::ingest::{Origin, Slice, Stamp, take_in};
use super::marking::{Mark, future};
use super::profile::resolve;
use super::{Book, ServiceError, reasons, rules, segments, sources};
use crate::store::{Tx, audit, clusters, customers, meta, profiles, shops};
use domain::event::own::{Own, TagRemoval};
use domain::ids::CustomerId;
use domain::import::plain;
use domain::problem::Problem;
use domain::segment::{Hand, Keep, node_key};
use domain::tag::TagDefinition;
use domain::time::Instant;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use utoipa::ToSchema;

/// What people say of a customer and a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// In it, or out of it, whatever its rule says; until an instant where one is given.
    Is(Hand, Option<Instant>),
    /// Its rule decides again.
    Released,
}

/// What was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pinned {
    #[schema(value_type = String, example = "cus_42")]
    pub customer: CustomerId,
    #[schema(example = "recent_buyers")]
    pub segment: String,
    /// pinned | banned | released
    #[schema(example = "pinned")]
    pub said: &'static str,
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// Until when it holds; none: until somebody says otherwise.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Instant>,
}

/// Pins, bans or releases one customer.
pub async fn say(
    book: &Book,
    customer: CustomerId,
    (key, word): (&str, Word),
    reason: &str,
    actor: &str,
) -> Result<Pinned, ServiceError> {
    let catalogue = rules::catalogue(book).await?;
    fits(segments::named(&catalogue, key)?, key, word)?;
    let stamp = Stamp::of(&book.store).await?;
    let mark = Mark { customer, reason: reason.to_owned(), actor: actor.to_owned(), stamp };
    let key = key.to_owned();
    book.write(move |tx, now| {
        Box::pin(async move {
            let (own, said, until) = told(&key, word, now)?;
            let detail = json!({ "segment": key, "until": until });
            let customer = mark.write(tx, own, &format!("customer.segment_{said}"), detail, now).await?;
            Ok(Pinned { customer, segment: key, said, at: now, until })
        })
    })
    .await
}

/// Of a list nobody is kept out: they are taken off it.
fn fits(node: &TagDefinition, key: &str, word: Word) -> Result<(), ServiceError> {
    if node.keep() == Some(Keep::List) && matches!(word, Word::Is(Hand::Banned, _)) {
        let detail = format!(
            "{key} is a list: nobody is in it whom people didn't put there; `kinkeeper segment release` takes somebody off"
        );
        return Err(ServiceError::Conflict(detail));
    }
    Ok(())
}

/// The fact, what it is called, and until when it holds.
fn told(key: &str, word: Word, now: Instant) -> Result<(Own, &'static str, Option<Instant>), ServiceError> {
    let tag = node_key(key);
    Ok(match word {
        Word::Is(hand, until) => {
            let until = until.map(|until| future(until, now)).transpose()?;
            let value = hand.as_str().to_owned();
            (Own::TagAdded { tag, value, expires_at: until }, hand.as_str(), until)
        }
        Word::Released => (Own::TagRemoved(TagRemoval { tag, suppressed_until: None }), "released", None),
    })
}

/// What is done with the people of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    Add,
    Remove,
}

/// What a file did to a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Filled {
    #[schema(example = "guests")]
    pub segment: String,
    /// Rows of the file.
    pub rows: usize,
    /// Customers added, or taken off.
    pub changed: usize,
    /// Customers of whom it was so already.
    pub unchanged: usize,
}

/// Columns of a file, either of them: `cus_42` or `KIND:VALUE`; the shop's own id.
const COLUMNS: [&str; 2] = ["customer", "customer_id"];
/// Most rows of a file.
const MOST_ROWS: usize = 100_000;
/// Customers written in one transaction.
const AT_ONCE: usize = 500;

/// Puts everybody of a file on a list, or takes them off. Where any row is wrong nothing is written, and every wrong row is told;
/// the same file again changes nothing.
pub async fn fill(
    book: &Book,
    key: &str,
    (path, form): (&Path, FormSaid),
    fill: Fill,
    (reason, actor): (&str, &str),
) -> Result<Filled, ServiceError> {
    let catalogue = rules::catalogue(book).await?;
    if segments::named(&catalogue, key)?.keep() != Some(Keep::List) {
        let detail = format!(
            "{key} has members by its rule; a file fills lists (`keep: list`). Of one customer: `kinkeeper segment pin {key}`"
        );
        return Err(ServiceError::Conflict(detail));
    }
    if reason.trim().is_empty() {
        return Err(ServiceError::invalid("reason", "missing", "say why, for those who will ask"));
    }
    let table = read_table(path, form, MOST_ROWS)?;
    let people: Vec<CustomerId> = people(book, &table).await?.into_iter().collect();
    let (mut changed, mut unchanged) = (0, 0);
    for some in people.chunks(AT_ONCE) {
        let there = profiles::having_tag(book.store.reader(), some, (&node_key(key), Some("true"))).await?;
        let differs = |id: &&CustomerId| there.contains(id) != (fill == Fill::Add);
        let some: Vec<CustomerId> = some.iter().filter(differs).copied().collect();
        changed += some.len();
        write(book, key, some, fill, (reason, actor)).await?;
    }
    unchanged += people.len() - changed;
    Ok(Filled { segment: key.to_owned(), rows: table.rows.len(), changed, unchanged })
}

/// Everybody a file means, each once; the error tells of every row that means nobody.
async fn people(book: &Book, table: &Table) -> Result<BTreeSet<CustomerId>, ServiceError> {
    let names: Vec<String> = table.header.iter().map(|name| plain(name)).collect();
    let Some(column) = names.iter().position(|name| COLUMNS.contains(&name.as_str())) else {
        let detail =
            "nothing says who is meant; add a column customer (cus_42, user_id:12346) or customer_id";
        return Err(ServiceError::invalid(table.row(1), "missing_column", detail));
    };
    let own = names[column] == "customer_id";
    let (mut people, mut problems) = (BTreeSet::new(), Vec::new());
    let mut meant: Vec<(CustomerId, &TableRow)> = Vec::new();
    for row in &table.rows {
        let cell = row.cells[column].trim();
        let at = || format!("{}, column {}", table.row(row.line), names[column]);
        let found = match (cell, own) {
            ("", _) => Err(ServiceError::invalid("", "nobody", "nobody is named; put an id")),
            (cell, true) => resolve(book, &format!("user_id:{cell}")).await,
            (cell, false) => resolve(book, cell).await,
        };
        match found {
            Ok(id) => meant.push((id, row)),
            Err(ServiceError::Invalid(found)) => {
                problems.extend(found.into_iter().map(|problem| Problem { at: at(), ..problem }));
            }
            Err(ServiceError::NotFound(_)) => {
                let detail = format!("there is no customer \"{cell}\"; import customers first");
                problems.push(Problem::new(at(), "unknown_customer", detail));
            }
            Err(other) => return Err(other),
        }
    }
    for some in meant.chunks(1_000) {
        let ids: Vec<CustomerId> = some.iter().map(|(id, _)| *id).collect();
        let known = customers::list(book.store.reader(), &ids).await?;
        for (id, row) in some {
            match known.get(id) {
                Some(known) if known.erased_at.is_none() => drop(people.insert(*id)),
                _ => {
                    let detail = format!("{id} isn't in the book, or was erased; take the row out");
                    problems.push(Problem::new(table.row(row.line), "unknown_customer", detail));
                }
            }
        }
    }
    if problems.is_empty() { Ok(people) } else { Err(ServiceError::Invalid(problems)) }
}

async fn write(
    book: &Book,
    key: &str,
    people: Vec<CustomerId>,
    fill: Fill,
    (reason, actor): (&str, &str),
) -> Result<(), ServiceError> {
    if people.is_empty() {
        return Ok(());
    }
    let stamp = Stamp::of(&book.store).await?;
    let (key, reason, actor) = (Arc::<str>::from(key), reason.trim().to_owned(), actor.to_owned());
    let shop_key = book.shop_key.clone();
    book.write(move |tx, now| {
        Box::pin(async move {
            clusters::close(tx).await?;
            let canonical = clusters::canonical(tx, people.iter().copied()).await?;
            let people: BTreeSet<CustomerId> =
                people.iter().map(|id| canonical.get(id).copied().unwrap_or(*id)).collect();
            for id in &people {
                reasons::check(tx, *id, "reason", &reason).await?;
            }
            let origin = own_source(tx, &shop_key).await?;
            let word = match fill {
                Fill::Add => Word::Is(Hand::Pinned, None),
                Fill::Remove => Word::Released,
            };
            let (own, said, _) = told(&key, word, now)?;
            let all = vec![own.said_at(now); people.len()];
            take_in(tx, &Slice::own(origin, people.iter().copied().collect(), all), now, stamp).await?;
            let detail = json!({ "customers": people.len(), "said": said, "reason": reason });
            let (action, subject) = ("segment.filled".to_owned(), format!("segment:{key}"));
            audit::record(tx, audit::Entry { at: now, actor, action, subject, detail }).await?;
            meta::raise_change_seq(tx).await?;
            Ok(())
        })
    })
    .await
}

async fn own_source(tx: &Tx, shop_key: &str) -> Result<Origin, ServiceError> {
    let shop = shops::find(tx, shop_key).await?;
    let shop = shop.ok_or_else(|| ServiceError::NotFound(format!("the shop {shop_key}")))?;
    let source = sources::own_in(tx, &shop).await?;
    Ok(Origin { source, shop })
}
