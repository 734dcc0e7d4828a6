//! Taking an import back: what would go and what must stay, and doing it page by page, so that one that was interrupted
//! goes on. What others have built upon since stays; what was sent meanwhile stays sent.

use super::Batch;
use super::batches::view;
use crate::service::catching_up::catch_up;
use crate::service::{Book, ServiceError, planning};
use crate::store::imports::{self, Import};
use crate::store::projections::{self, Keys};
use crate::store::wakes::{self, Due};
use crate::store::withdrawal::{self, Brought};
use crate::store::{Db, StoreError, Tx, audit, clusters, meta, people};
use domain::ids::{CustomerId, EventId, ImportId};
use domain::import::{UNDO_WITHIN, names_to_take};
use domain::time::Instant;
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// Events that one transaction takes back.
const PAGE: i64 = 500;
/// Facts that stay which an answer shows.
const SHOWN: usize = 10;

/// What taking an import back takes, or took.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct Undo {
    /// Facts that go, by the event's name.
    pub facts: BTreeMap<String, u64>,
    /// Customers of whom facts go.
    pub customers: u64,
    /// Lines of the ledger of consents that are revoked.
    pub consents: u64,
    /// Names that go: nobody is known by them any more.
    pub names: u64,
    /// Facts that stay, since others have built upon them.
    pub facts_kept: u64,
    /// The first of them.
    pub kept: Vec<Kept>,
    /// Names that stay, since others have spoken of these customers since.
    pub names_kept: u64,
    /// Customers that the import made one with others; they stay so until a person parts them.
    #[schema(value_type = Vec<String>)]
    pub merged: BTreeSet<CustomerId>,
}

/// A fact that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Kept {
    /// `Order Completed`
    pub event: String,
    /// `shop:A-1`: the order, ticket, … with its shop.
    pub about: String,
    /// The event by which others have spoken of it since.
    pub since: String,
}

/// An import, and what taking it back would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BatchShown {
    #[serde(flatten)]
    pub batch: Batch,
    /// Why it can't be taken back.
    pub fixed: Option<String>,
    /// What would go; nothing where it can't be taken back.
    pub undo: Option<Undo>,
}

/// An import that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Undone {
    #[schema(value_type = String, example = "imp_3")]
    pub import: ImportId,
    #[schema(value_type = String, format = DateTime)]
    pub undone_at: Instant,
    /// Of this run; one that was interrupted took the rest before.
    #[serde(flatten)]
    pub undo: Undo,
}

/// One import, with what taking it back would do.
pub async fn show(book: &Book, id: ImportId) -> Result<BatchShown, ServiceError> {
    let db = book.store.reader();
    let import = find(db, id).await?;
    if let Some(fixed) = fixed(&import, book.now().await?) {
        return Ok(BatchShown { batch: view(import), fixed: Some(fixed), undo: None });
    }
    let mut tally = Tally::default();
    let mut after = start(&import);
    loop {
        let page = Weighed::page(db, &import, after, &tally.customers).await?;
        let Some(last) = page.last else { break };
        after = last;
        tally.add(page);
    }
    Ok(BatchShown { batch: view(import), fixed: None, undo: Some(tally.undo) })
}

/// Takes an import back.
pub async fn undo(book: &Book, id: ImportId, actor: &str) -> Result<Undone, ServiceError> {
    let (import, machine) = (find(book.store.reader(), id).await?, book.machine_now().await?);
    if let Some(fixed) = fixed(&import, book.now().await?) {
        return Err(ServiceError::Conflict(fixed));
    }
    let by = actor.to_owned();
    // As it stands from now on: until here another slice of it may have come in.
    let begun = book.write(move |tx, now| {
        Box::pin(async move {
            let begun = imports::begin_undo(tx, id, now, machine).await?;
            record(tx, now, by, "import.undo_begun", id, json!({})).await?;
            begun.ok_or_else(|| {
                ServiceError::Conflict(format!(
                    "{id} is being imported or taken back just now; wait for its end, or stop it first"
                ))
            })
        })
    });
    let import = begun.await?;
    let mut tally = Tally::default();
    let mut after = start(&import);
    loop {
        let (import, by) = (import.clone(), actor.to_owned());
        let seen = std::mem::take(&mut tally.customers);
        let (page, seen) = book
            .write(move |tx, now| {
                Box::pin(async move {
                    clusters::close(tx).await?;
                    let page = Weighed::page(tx, &import, after, &seen).await?;
                    take_back(tx, &import, &page, &by, now).await?;
                    Ok::<_, StoreError>((page, seen))
                })
            })
            .await?;
        tally.customers = seen;
        let Some(last) = page.last else { break };
        after = last;
        tally.add(page);
    }
    let (undo, by) = (tally.undo, actor.to_owned());
    let detail = json!({ "facts": undo.facts, "consents": undo.consents, "names": undo.names, "facts_kept": undo.facts_kept, "names_kept": undo.names_kept });
    book.write(move |tx, now| {
        Box::pin(async move {
            imports::end_undo(tx, id, now, &by).await?;
            record(tx, now, by, "import.undone", id, detail).await?;
            meta::raise_change_seq(tx).await?;
            Ok(Undone { import: id, undone_at: now, undo })
        })
    })
    .await
}

async fn find(db: &Db, id: ImportId) -> Result<Import, ServiceError> {
    let found = imports::find(db, id).await?;
    found.ok_or_else(|| {
        ServiceError::NotFound(format!("the import {id}; `kinkeeper import batches` lists what was imported"))
    })
}

/// Before the first of its events.
fn start(import: &Import) -> EventId {
    EventId(import.events.map_or(0, |(first, _)| first.0 - 1))
}

/// Why an import can't be taken back.
fn fixed(import: &Import, now: Instant) -> Option<String> {
    let id = import.id;
    if let Some(at) = import.undone_at {
        let by = import.undone_by.as_deref().unwrap_or("somebody");
        return Some(format!("{id} was taken back already, by {by} at {at}"));
    }
    if import.events.is_none() {
        return Some(match import.counts.accepted {
            0 => format!("{id} brought nothing new; there is nothing to take back"),
            _ => format!("{id} was imported by a version that didn't note what came by which file"),
        });
    }
    let ended = import.finished_at.unwrap_or(import.received_at);
    // What was begun in time is brought to its end.
    if import.undo_begun_at.is_none() && now > ended + UNDO_WITHIN {
        return Some(format!("{id} ended at {ended}; an import can be taken back for 7 days"));
    }
    None
}

async fn record(
    tx: &Tx,
    at: Instant,
    actor: String,
    action: &str,
    id: ImportId,
    detail: serde_json::Value,
) -> Result<(), StoreError> {
    let (action, subject) = (action.to_owned(), format!("import:{id}"));
    audit::record(tx, audit::Entry { at, actor, action, subject, detail }).await
}

/// A page of an import's events, and what is to become of them.
struct Weighed {
    /// The last one's id; `None`: there was none.
    last: Option<EventId>,
    going: Vec<Brought>,
    kept: Vec<Kept>,
    /// All of these events' customers that weren't on a page before.
    customers: BTreeSet<CustomerId>,
    /// Lines of the ledger of consents that are revoked.
    consents: Vec<i64>,
    /// Rows of names that go.
    names: Vec<i64>,
    names_kept: u64,
    merged: BTreeSet<CustomerId>,
}

impl Weighed {
    async fn page(
        db: &Db,
        import: &Import,
        after: EventId,
        seen: &BTreeSet<CustomerId>,
    ) -> Result<Self, StoreError> {
        let events = withdrawal::page(db, import, after, PAGE).await?;
        let last = events.last().map(|event| event.id);
        let since = withdrawal::said_since(db, import, &events).await?;
        let (mut going, mut kept) = (Vec::with_capacity(events.len()), Vec::new());
        let customers: BTreeSet<CustomerId> =
            events.iter().map(|event| event.customer).filter(|id| !seen.contains(id)).collect();
        for event in events {
            match since.about(&event).map(str::to_owned) {
                None => going.push(event),
                Some(since) => {
                    let about = event.order_key.or(event.ref_key).unwrap_or_default();
                    kept.push(Kept { event: event.kind, about, since });
                }
            }
        }
        let consents = withdrawal::consents(db, import, &going).await?;
        let heard = withdrawal::heard_since(db, import, &customers).await?;
        let (mut names, mut names_kept) = (Vec::new(), 0);
        for (customer, known) in withdrawal::names(db, import, &customers).await? {
            let rule: Vec<_> = known.iter().map(|(_, kind, giver)| (*kind, *giver)).collect();
            let taken = names_to_take(&rule);
            if heard.contains(&customer) {
                names_kept += taken.len() as u64;
            } else {
                names.extend(taken.into_iter().filter_map(|place| known.get(place)).map(|(row, ..)| *row));
            }
        }
        let merged = withdrawal::merged_by(db, import, &customers).await?;
        Ok(Self { last, going, kept, customers, consents, names, names_kept, merged })
    }
}

/// Within a transaction that has closed the gates.
async fn take_back(
    tx: &Tx,
    import: &Import,
    page: &Weighed,
    actor: &str,
    now: Instant,
) -> Result<(), StoreError> {
    let customers: BTreeSet<CustomerId> =
        page.going.iter().map(|event| event.customer).chain(page.customers.iter().copied()).collect();
    if customers.is_empty() {
        return Ok(());
    }
    // Of whom a page before this one took facts, nothing is written down until all of theirs are gone.
    catch_up(tx, page.customers.iter().copied(), now).await?;
    let epoch = meta::rule_epoch(tx).await?;
    wakes::set_due(tx, &customers, now, epoch, Due::AtOnce).await?;
    withdrawal::withdraw(tx, import, &page.going).await?;
    withdrawal::revoke_consents(tx, import, &page.consents, actor, now).await?;
    withdrawal::remove_names(tx, &page.names).await?;
    let mut keys = Keys::new();
    for event in &page.going {
        projections::note_key(&mut keys, &event.kind, event.order_key.clone(), event.ref_key.clone());
    }
    projections::reproject(tx, &keys).await?;
    let told: BTreeSet<CustomerId> =
        page.going.iter().filter(|event| event.kind == "Identify").map(|event| event.customer).collect();
    if !told.is_empty() {
        let zones = people::reread(tx, now, &told.into_iter().collect::<Vec<_>>()).await?;
        planning::live_in(tx, &zones).await?;
    }
    Ok(())
}

/// Pages added up.
#[derive(Default)]
struct Tally {
    undo: Undo,
    customers: BTreeSet<CustomerId>,
}

impl Tally {
    fn add(&mut self, page: Weighed) {
        for event in page.going {
            *self.undo.facts.entry(event.kind).or_default() += 1;
        }
        self.undo.facts_kept += page.kept.len() as u64;
        let room = SHOWN.saturating_sub(self.undo.kept.len());
        self.undo.kept.extend(page.kept.into_iter().take(room));
        self.undo.consents += page.consents.len() as u64;
        self.undo.names += page.names.len() as u64;
        self.undo.names_kept += page.names_kept;
        self.undo.merged.extend(page.merged);
        self.customers.extend(page.customers);
        self.undo.customers = self.customers.len() as u64;
    }
}
