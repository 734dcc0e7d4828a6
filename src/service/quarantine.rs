//! What was refused at the door, in a person's hands: looked at, repaired, tried again, or discarded with a
//! reason. Why an event is refused is decided where it is read, in `domain::event`.

use super::ingest::{Origin, Slice, Stamp, take_in};
use super::{Book, ServiceError, page, reasons};
use crate::service::ingest::Batch;
use crate::store::quarantine::{self as kept, Came, Decision, Quarantined};
use crate::store::wakes::Due;
use crate::store::{Tx, audit, meta};
use domain::customer::Marks;
use domain::event::Named;
use domain::ids::QuarantineId;
pub use domain::quarantine::State;
use domain::time::Instant;
pub use kept::Which;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Most of them in one page.
pub const PAGE: i64 = 200;

/// A refused event as lists show it, with what became of it: nothing of what it says about anybody.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RefusedLine)]
pub struct Line {
    #[schema(value_type = String, example = "qua_3")]
    pub id: QuarantineId,
    /// Where it came from.
    pub source: String,
    pub message_id: Option<String>,
    /// Of the first thing wrong with it.
    pub code: String,
    /// Everything wrong with it: where and why, and what would help.
    pub detail: String,
    /// open | retried | discarded
    pub state: &'static str,
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Instant,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub decided_at: Option<Instant>,
    pub decided_by: Option<String>,
    /// Why it was discarded.
    pub reason: Option<String>,
}

/// A refused event, whole. What it says is personal.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RefusedEvent)]
pub struct Shown {
    #[serde(flatten)]
    pub line: Line,
    /// As received; a text where it isn't whole JSON any more (it was cut where it was too large).
    pub event: Value,
}

/// Refused events by their id.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RefusedPage)]
pub struct Page {
    pub items: Vec<Line>,
    /// To go on with; `None` at the end.
    #[schema(value_type = Option<String>)]
    pub next_cursor: Option<QuarantineId>,
}

fn line(q: &Quarantined) -> Line {
    let decided = q.decided.clone();
    Line {
        id: q.id,
        source: q.source_key.clone(),
        message_id: q.refused.message_id.clone(),
        code: q.refused.code.clone(),
        detail: q.refused.detail.clone(),
        state: q.state.as_str(),
        received_at: q.received_at,
        decided_at: decided.as_ref().map(|d| d.at),
        decided_by: decided.as_ref().map(|d| d.by.clone()),
        reason: decided.and_then(|d| d.reason),
    }
}

pub async fn list(
    book: &Book,
    which: &Which,
    after: Option<QuarantineId>,
    limit: i64,
) -> Result<Page, ServiceError> {
    let limit = limit.clamp(1, PAGE);
    let after = after.unwrap_or(QuarantineId(0));
    let found = kept::list(book.store.reader(), which, after, page::one_more(limit)).await?;
    let (found, next_cursor) = page::cut(found, limit, |q| q.id);
    Ok(Page { items: found.iter().map(line).collect(), next_cursor })
}

/// How many open ones there are of each code.
pub async fn count_by_code(book: &Book) -> Result<Vec<(String, i64)>, ServiceError> {
    Ok(kept::count_by_code(book.store.reader()).await?)
}

pub async fn show(book: &Book, id: QuarantineId) -> Result<Shown, ServiceError> {
    let found = find(book, id).await?;
    let event = serde_json::from_str(&found.refused.payload);
    Ok(Shown {
        line: line(&found),
        event: event.unwrap_or_else(|_| Value::String(found.refused.payload.clone())),
    })
}

async fn find(book: &Book, id: QuarantineId) -> Result<Quarantined, ServiceError> {
    let found = kept::find(book.store.reader(), id).await?;
    found.ok_or_else(|| ServiceError::NotFound(format!("the refused event {id}")))
}

/// What became of one that was tried again.
#[derive(Debug, Clone, Serialize)]
pub struct Retried {
    pub id: QuarantineId,
    #[serde(flatten)]
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Taken in, as of when it first came.
    TakenIn,
    /// Its message id had been taken in meanwhile; nothing was changed.
    KnownAlready,
    /// It stays: this is still wrong with it.
    StillRefused { code: String, detail: String },
}

/// Tries one again, as it came or `repaired`. All of it is taken in or nothing; what is still refused stays open.
pub async fn retry(
    book: &Book,
    id: QuarantineId,
    repaired: Option<Value>,
    actor: &str,
) -> Result<Retried, ServiceError> {
    let found = find(book, id).await?;
    if found.state != State::Open {
        return Err(decided_already(&found));
    }
    let was_repaired = repaired.is_some();
    let event = match repaired {
        Some(event) => event,
        None => match serde_json::from_str(&found.refused.payload) {
            Ok(event) => event,
            Err(_) => {
                let code = found.refused.code;
                let detail = match code.as_str() {
                    "too_large" => {
                        "only its beginning was kept, as it was too large; send it repaired".to_owned()
                    }
                    _ => format!("{}; send it repaired", found.refused.detail),
                };
                return Ok(Retried { id, outcome: Outcome::StillRefused { code, detail } });
            }
        },
    };
    let stamp = Stamp::of(&book.store).await?;
    let came = Came {
        received_at: found.received_at,
        // What an older build kept lacks it; on a real book both clocks showed the same.
        machine_at: found
            .machine_at
            .unwrap_or_else(|| domain::time::MachineInstant::from_micros(found.received_at.micros())),
    };
    let origin = Origin::find(&book.store, found.source).await?;
    let batch = Batch { source: found.source, received_at: None, historical: false, events: vec![event] };
    let slice = Slice { first_came: Some(came), ..Slice::read(origin, &batch, Due::AtOnce) };
    let slice = slice.take_over(book.store.reader(), came).await?;
    if let Some(rejected) = slice.rejected.first() {
        let (code, detail) = (rejected.code.to_owned(), rejected.detail.clone());
        return Ok(Retried { id, outcome: Outcome::StillRefused { code, detail } });
    }
    let (actor, code) = (actor.to_owned(), found.refused.code.clone());
    let outcome = book
        .write(move |tx, _| {
            Box::pin(async move {
                let at = stamp.received_at(tx, None).await?;
                end(tx, id, State::Retried, Decision { at, by: actor.clone(), reason: None }).await?;
                let receipt = take_in(tx, &slice, at, stamp).await?.receipt;
                let outcome = if receipt.duplicate > 0 { Outcome::KnownAlready } else { Outcome::TakenIn };
                let detail = json!({ "code": code, "repaired": was_repaired, "outcome": outcome });
                record(tx, at, actor, "quarantine.retried", id, detail).await?;
                Ok::<_, ServiceError>(outcome)
            })
        })
        .await?;
    Ok(Retried { id, outcome })
}

/// Tries all open ones again that fit, oldest first, each by itself.
pub async fn retry_all(
    book: &Book,
    code: Option<&str>,
    actor: &str,
    mut each: impl FnMut(&Retried),
) -> Result<(), ServiceError> {
    let which = Which { state: Some(State::Open), code: code.map(str::to_owned) };
    let mut after = None;
    loop {
        let page = list(book, &which, after, PAGE).await?;
        for line in &page.items {
            match retry(book, line.id, None, actor).await {
                Ok(retried) => each(&retried),
                // Somebody else decided about it meanwhile.
                Err(ServiceError::Conflict(_)) => {}
                Err(other) => return Err(other),
            }
        }
        match page.next_cursor {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// Puts one away for good: it stays readable with who decided it and why.
pub async fn discard(book: &Book, id: QuarantineId, reason: &str, actor: &str) -> Result<(), ServiceError> {
    if reason.trim().is_empty() {
        return Err(ServiceError::invalid("reason", "missing", "say why, for those who will ask"));
    }
    let found = find(book, id).await?;
    if found.state != State::Open {
        return Err(decided_already(&found));
    }
    let mut marks = Marks::default();
    let shop = Origin::find(&book.store, found.source).await?.shop.shop;
    for name in Named::read(&found.refused.payload, &shop.id_namespace, shop.zone).names {
        marks.know(name.kind, &name.scope, &name.value);
    }
    reasons::check_marks(&marks, "reason", reason)?;
    let stamp = Stamp::of(&book.store).await?;
    let (actor, reason, code) = (actor.to_owned(), reason.trim().to_owned(), found.refused.code);
    book.write(move |tx, _| {
        Box::pin(async move {
            let at = stamp.received_at(tx, None).await?;
            let decision = Decision { at, by: actor.clone(), reason: Some(reason) };
            end(tx, id, State::Discarded, decision).await?;
            record(tx, at, actor, "quarantine.discarded", id, json!({ "code": code })).await
        })
    })
    .await
}

fn decided_already(found: &Quarantined) -> ServiceError {
    ServiceError::Conflict(format!("the refused event {} is {} already", found.id, found.state))
}

async fn end(tx: &Tx, id: QuarantineId, state: State, decision: Decision) -> Result<(), ServiceError> {
    match kept::decide(tx, id, state, decision).await? {
        true => Ok(()),
        false => {
            let detail = format!("somebody else has just decided about the refused event {id}");
            Err(ServiceError::Conflict(detail))
        }
    }
}

async fn record(
    tx: &Tx,
    at: Instant,
    actor: String,
    action: &str,
    id: QuarantineId,
    detail: Value,
) -> Result<(), ServiceError> {
    let subject = format!("quarantine:{id}");
    audit::record(tx, audit::Entry { at, actor, action: action.to_owned(), subject, detail }).await?;
    Ok(meta::raise_change_seq(tx).await?)
}
