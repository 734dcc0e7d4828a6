//! A batch read before its transaction: what can be parsed, and what can't with its reason.

use super::{Batch, Rejected, Unreadable};
use crate::service::ServiceError;
use crate::store::imports::Import;
use crate::store::quarantine::{Came, Refused};
use crate::store::rates;
use crate::store::shops::{self, ShopRow};
use crate::store::sources::{self, SourceRow};
use crate::store::wakes::Due;
use crate::store::{Db, Store, StoreError};
use domain::event::{Context, Reading, Said, occurred_at, parse};
use domain::ids::{ImportId, SourceId};
use domain::problem::{Problem, together};
use domain::time::Instant;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// Where a batch comes from.
#[derive(Debug, Clone)]
pub(in crate::service) struct Origin {
    pub source: SourceRow,
    pub shop: ShopRow,
}

impl Origin {
    pub async fn find(store: &Store, source: SourceId) -> Result<Self, ServiceError> {
        let db = store.reader();
        let not_found = || ServiceError::NotFound(format!("source {source}"));
        let source = sources::find(db, source).await?.ok_or_else(not_found)?;
        let shop = shops::find_by_id(db, source.shop_id).await?.ok_or_else(not_found)?;
        Ok(Self { source, shop })
    }
}

/// The readable part of a batch, with what its transaction needs.
#[derive(Debug, Clone)]
pub(in crate::service) struct Slice {
    pub origin: Origin,
    pub received_at: Option<Instant>,
    /// When these events first came, if that wasn't now: their times are as of then.
    pub first_came: Option<Came>,
    pub historical: bool,
    /// The file they came in, if they did.
    pub import: Option<ImportId>,
    pub due: Due,
    /// In the batch's order. Shared: a lost race tries the same slice again.
    pub said: Arc<Vec<Said>>,
    /// Counted, not stored.
    pub browsing: usize,
    /// Events, and traits of events in `said`.
    pub rejected: Vec<Rejected>,
    /// The same, as quarantine keeps them.
    pub refused: Vec<Refused>,
    /// Those in `said` whose amounts are in other currencies, as they came.
    pub foreign: Vec<InForeign>,
}

/// An event with amounts in another currency.
#[derive(Debug, Clone)]
pub(in crate::service) struct InForeign {
    /// In [`Slice::said`].
    place: usize,
    /// In the batch.
    index: usize,
    raw: Value,
}

/// Largest part of a refused event that is kept.
const KEPT: usize = 32 * 1024;

impl Slice {
    /// A piece of a file, read already.
    pub fn of(origin: Origin, import: &Import, due: Due, said: Vec<Said>) -> Self {
        let said = Arc::new(said);
        let (rejected, refused) = (Vec::new(), Vec::new());
        Self {
            origin,
            received_at: None,
            first_came: None,
            historical: import.historical,
            import: Some(import.id),
            due,
            said,
            browsing: 0,
            rejected,
            refused,
            foreign: Vec::new(),
        }
    }

    pub fn read(origin: Origin, batch: &Batch, due: Due) -> Self {
        Self::read_with(origin, batch, Vec::new(), due)
    }

    /// As [`Slice::read`], with those that nobody could read.
    pub fn read_with(origin: Origin, batch: &Batch, unreadable: Vec<Unreadable>, due: Due) -> Self {
        let mut unreadable: HashMap<usize, Unreadable> =
            unreadable.into_iter().map(|event| (event.index, event)).collect();
        let shop = &origin.shop.shop;
        let context = Context { zone: shop.zone, currency: shop.currency, clock: batch.received_at };
        let (mut said, mut browsing) = (Vec::with_capacity(batch.events.len()), 0);
        let (mut rejected, mut refused, mut foreign) = (Vec::new(), Vec::new(), Vec::new());
        for (index, json) in batch.events.iter().enumerate() {
            if let Some(Unreadable { message_id, raw, problem, .. }) = unreadable.remove(&index) {
                let problems = [problem];
                rejected.push(Rejected::new(index, &problems));
                refused.push(keep_text(raw, message_id.as_deref(), &problems));
                continue;
            }
            match parse(json, &context) {
                Ok(Reading::Event(event)) => {
                    if let Some(part) = &event.refused {
                        rejected.push(Rejected::part(index, &part.problems));
                        refused.push(keep(&without_the_rest(json, &event, &part.traits), &part.problems));
                    }
                    if event.currency.is_some() {
                        foreign.push(InForeign { place: said.len(), index, raw: json.clone() });
                    }
                    said.push(*event);
                }
                Ok(Reading::Browsing) => browsing += 1,
                Err(problems) => {
                    rejected.push(Rejected::new(index, &problems));
                    refused.push(keep(json, &problems));
                }
            }
        }
        Self {
            origin,
            received_at: batch.received_at,
            first_came: None,
            historical: batch.historical,
            import: None,
            due,
            said: Arc::new(said),
            browsing,
            rejected,
            refused,
            foreign,
        }
    }

    /// Takes amounts in other currencies over into the base currency, each at the rate of its event's local
    /// date; events without such a rate are refused. `came` is when they came, where they don't say when
    /// they happened.
    pub async fn take_over(mut self, db: &Db, came: Came) -> Result<Self, StoreError> {
        if self.foreign.is_empty() {
            return Ok(self);
        }
        let came = self.first_came.unwrap_or(came);
        let (zone, base) = (self.origin.shop.shop.zone, self.origin.shop.shop.currency);
        let at = |said: &Said| occurred_at(said.timestamp, said.sent_at, came.received_at, came.machine_at);
        let needed = self.foreign.iter().filter_map(|event| {
            let said = &self.said[event.place];
            said.rate_needed(at(said), zone)
        });
        let rates = rates::find(db, &needed.collect()).await?;
        let said = Arc::make_mut(&mut self.said);
        // From the back, so that places stay true.
        for InForeign { place, index, raw } in self.foreign.drain(..).rev() {
            let occurred_at = at(&said[place]);
            if let Err(problem) = said[place].take_over(&rates, base, occurred_at, zone) {
                said.remove(place);
                let problems = [problem];
                self.rejected.push(Rejected::new(index, &problems));
                self.refused.push(keep(&raw, &problems));
            }
        }
        self.rejected.sort_by_key(|rejected| rejected.index);
        Ok(self)
    }
}

/// The traits that were refused as an identify of its own: repaired, it says them as of when they were said,
/// beside the message that was taken in without them.
fn without_the_rest(json: &Value, event: &Said, refused: &Map<String, Value>) -> Value {
    let mut part = Map::new();
    for name in ["type", "userId", "user_id", "anonymousId", "anonymous_id", "timestamp", "sentAt", "sent_at"]
    {
        if let Some(value) = json.get(name) {
            part.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(id) = &event.message_id {
        let end = (0..=LONGEST_ID - PART.len()).rev().find(|end| id.is_char_boundary(*end)).unwrap_or(0);
        part.insert("messageId".to_owned(), Value::String(format!("{}{PART}", &id[..end])));
    }
    part.insert("traits".to_owned(), Value::Object(refused.clone()));
    Value::Object(part)
}

/// What makes a message id that of its refused part.
const PART: &str = "#refused";
/// Longest message id (`domain::event`).
const LONGEST_ID: usize = 100;

fn keep(json: &Value, problems: &[Problem]) -> Refused {
    let message_id = json.get("messageId").or_else(|| json.get("message_id")).and_then(Value::as_str);
    keep_text(json.to_string(), message_id, problems)
}

fn keep_text(payload: String, message_id: Option<&str>, problems: &[Problem]) -> Refused {
    let storable = |text: &str| text.replace('\0', "\u{fffd}");
    let mut payload = payload.replace("\\u0000", "\\ufffd");
    if payload.len() > KEPT {
        let end = (0..=KEPT).rev().find(|end| payload.is_char_boundary(*end)).unwrap_or(0);
        payload.truncate(end);
    }
    Refused {
        message_id: message_id.filter(|id| !id.is_empty() && id.len() <= LONGEST_ID).map(storable),
        code: problems.first().map_or("", |problem| problem.code).to_owned(),
        detail: storable(&together(problems)),
        payload,
    }
}
