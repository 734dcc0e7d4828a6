//! What the passing of time alone will do to the tags up to an instant: as the keeper will decide it, if no new fact
//! comes. Only those are looked at about whom anything can change by then. Nothing is written.

use super::poison::{Apart, decide_apart, read_apart};
use super::{Book, ServiceError, rules, shop};
use crate::store::keeping::{Standing, standing};
use crate::store::{Db, StoreError, facts, profiles};
use chrono_tz::Tz;
use domain::customer::CustomerFacts;
use domain::ids::CustomerId;
use domain::tag::{Catalogue, Evaluation};
use domain::time::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// Customers read at a time.
const PAGE: i64 = 200;

/// What flips in `(from, before)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flips {
    pub from: Instant,
    pub before: Instant,
    /// Customers about whom anything (a sum, a tag) can change by then.
    pub looked_at: u64,
    /// Those whose facts can't be read or decided on.
    pub not_decided: u64,
    /// By tag as the catalogue has them, and value.
    pub values: Vec<ValueFlips>,
}

/// Who comes to a value of a tag, and who loses it, each in the order in which it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueFlips {
    pub key: String,
    pub value: String,
    pub entering: Vec<Flip>,
    pub leaving: Vec<Flip>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flip {
    pub at: Instant,
    pub customer: CustomerId,
}

impl Flips {
    /// The first few customers of each row, who may be shown.
    pub fn samples(&self, most: usize) -> Vec<CustomerId> {
        let first = |row: &ValueFlips| {
            row.entering
                .iter()
                .take(most)
                .chain(row.leaving.iter().take(most))
                .map(|flip| flip.customer)
                .collect()
        };
        let ids: BTreeSet<CustomerId> =
            self.values.iter().flat_map(|row: &ValueFlips| -> Vec<CustomerId> { first(row) }).collect();
        ids.into_iter().collect()
    }
}

/// What flips after the book's present instant and before this one.
pub async fn before(book: &Book, before: Instant) -> Result<Flips, ServiceError> {
    let (db, from) = (book.store.reader(), book.now().await?);
    let catalogue = rules::catalogue(book).await?;
    let zone = shop::shop(book).await?.zone;
    let span = Span { catalogue: &catalogue, zone, from, before };
    let mut flips = Flips { from, before, looked_at: 0, not_decided: 0, values: Vec::new() };
    let mut by_value: BTreeMap<(usize, String), (Vec<Flip>, Vec<Flip>)> = BTreeMap::new();
    let mut after = CustomerId(0);
    loop {
        let ids = profiles::due_before(db, before, after, PAGE).await?;
        let Some(last) = ids.last() else { break };
        after = *last;
        flips.looked_at += ids.len() as u64;
        let Apart { sound, broken } = read_apart(&ids, |ids| look(db, &span, ids)).await?;
        flips.not_decided += broken.len() as u64;
        for (customer, changes) in sound {
            let Ok(changes) = changes else {
                flips.not_decided += 1;
                continue;
            };
            for Change { tag, at, was, becomes } in changes {
                let flip = Flip { at, customer };
                if let Some(value) = becomes {
                    by_value.entry((tag, value)).or_default().0.push(flip.clone());
                }
                if let Some(value) = was {
                    by_value.entry((tag, value)).or_default().1.push(flip);
                }
            }
        }
    }
    flips.values = in_order(&catalogue, by_value);
    Ok(flips)
}

/// The stretch of time looked at.
struct Span<'a> {
    catalogue: &'a Catalogue,
    zone: Tz,
    from: Instant,
    before: Instant,
}

/// One change of a tag, which is named by its place in the catalogue.
struct Change {
    tag: usize,
    at: Instant,
    was: Option<String>,
    becomes: Option<String>,
}

type Looked = Vec<(CustomerId, Result<Vec<Change>, String>)>;

async fn look(db: &Db, span: &Span<'_>, ids: Vec<CustomerId>) -> Result<Looked, StoreError> {
    let standing = standing(db, &ids, span.zone).await?;
    let events = facts::events_of(db, &ids, span.from, &span.catalogue.wanted_for(&[])).await?;
    let one = |id: CustomerId| {
        let bearer =
            standing.get(&id).map_or_else(|| Standing::new(id, span.zone).bearer, |known| known.bearer);
        let facts = CustomerFacts::fold(events.get(&id).map_or(&[][..], Vec::as_slice));
        changes(span, &Evaluation::of(span.catalogue, &facts, bearer, span.from))
    };
    Ok(ids.into_iter().map(|id| (id, decide_apart(|| one(id)))).collect())
}

fn changes(span: &Span<'_>, evaluation: &Evaluation<'_>) -> Vec<Change> {
    let mut found = Vec::new();
    for (tag, definition) in span.catalogue.tags().iter().enumerate() {
        let Some(line) = evaluation.value(&definition.key) else { continue };
        let mut was = line.at(span.from).as_deref().map(str::to_owned);
        let within = line.changes().filter(|(at, _)| *at > span.from && *at < span.before);
        for (at, value) in within {
            let becomes = value.as_deref().map(str::to_owned);
            found.push(Change { tag, at, was: std::mem::replace(&mut was, becomes.clone()), becomes });
        }
    }
    found
}

fn in_order(
    catalogue: &Catalogue,
    by_value: BTreeMap<(usize, String), (Vec<Flip>, Vec<Flip>)>,
) -> Vec<ValueFlips> {
    let rank = |tag: usize, value: &str| {
        let values = catalogue.tags()[tag].values();
        values.and_then(|values| values.iter().position(|known| *known == value))
    };
    let mut values: Vec<_> = by_value.into_iter().collect();
    values.sort_by_key(|((tag, value), _)| (*tag, rank(*tag, value)));
    let told = |((tag, value), (mut entering, mut leaving)): ((usize, String), (Vec<Flip>, Vec<Flip>))| {
        entering.sort_unstable();
        leaving.sort_unstable();
        ValueFlips { key: catalogue.tags()[tag].key.clone(), value, entering, leaving }
    };
    values.into_iter().map(told).collect()
}
