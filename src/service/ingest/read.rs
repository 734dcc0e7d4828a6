//! A batch read before its transaction: what can be parsed, and what can't with its reason.

use super::{Batch, Receipt, Rejected, Unreadable};
use crate::service::ServiceError;
use crate::store::blocked;
use crate::store::imports::Import;
use crate::store::quarantine::{Came, Refused};
use crate::store::rates;
use crate::store::shops::{self, ShopRow};
use crate::store::sources::{self, SourceRow};
use crate::store::wakes::Due;
use crate::store::{Db, Store, StoreError};
use domain::customer::identity::blocked::names_nobody;
use domain::customer::identity::{Kind, Name};
use domain::event::{Context, Reading, Said, Speaker, occurred_at, parse};
use domain::ids::{CustomerId, ImportId, SourceId};
use domain::problem::{Problem, together};
use domain::time::Instant;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// Where a batch comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// Whom a slice is about.
#[derive(Debug, Clone)]
pub(in crate::service) enum About {
    /// Whom its names say.
    Named,
    /// All of it somebody whom a person named, who is canonical while it is taken in.
    One(CustomerId),
    /// Each of [`Slice::said`], which name nobody, whom this one says, in that order, as they were resolved once.
    Each(Vec<CustomerId>),
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
    pub about: About,
    /// In the batch's order. Shared: a lost race tries the same slice again.
    pub said: Arc<Vec<Said>>,
    /// Counted, not stored.
    pub browsing: usize,
    /// Events, and traits of events in `said`.
    pub rejected: Vec<Rejected>,
    /// The same, as quarantine keeps them.
    pub refused: Vec<Refused>,
    /// Those in `said` whose amounts are in other currencies, as they came.
    pub foreign: Vec<AsCame>,
    /// Those in `said` that name somebody only by what may be blocked, as they came.
    pub doubtful: Vec<AsCame>,
}

/// An event that the book has a say in, as it came.
#[derive(Debug, Clone)]
pub(in crate::service) struct AsCame {
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
            about: About::Named,
            said,
            browsing: 0,
            rejected,
            refused,
            foreign: Vec::new(),
            doubtful: Vec::new(),
        }
    }

    /// What a person says of `customer`, who is canonical while the slice is taken in.
    pub fn about(origin: Origin, customer: CustomerId, said: Said) -> Self {
        let said = Arc::new(vec![said]);
        let (rejected, refused) = (Vec::new(), Vec::new());
        Self {
            origin,
            received_at: None,
            first_came: None,
            historical: false,
            import: None,
            due: Due::AtOnce,
            about: About::One(customer),
            said,
            browsing: 0,
            rejected,
            refused,
            foreign: Vec::new(),
            doubtful: Vec::new(),
        }
    }

    /// What the daemon itself says of people it knows, as history: each of `said` of whom stands at its place in `of`.
    pub fn history(origin: Origin, of: Vec<CustomerId>, said: Vec<Said>) -> Self {
        Self { historical: true, ..Self::own(origin, of, said) }
    }

    /// What the daemon itself says of people it knows: each of `said` of whom stands at its place in `of`.
    pub fn own(origin: Origin, of: Vec<CustomerId>, said: Vec<Said>) -> Self {
        let (rejected, refused) = (Vec::new(), Vec::new());
        Self {
            origin,
            received_at: None,
            first_came: None,
            historical: false,
            import: None,
            due: Due::AtOnce,
            about: About::Each(of),
            said: Arc::new(said),
            browsing: 0,
            rejected,
            refused,
            foreign: Vec::new(),
            doubtful: Vec::new(),
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
        let (currency, base) = (shop.currency, origin.shop.base);
        let speaker =
            if origin.source.kind == sources::kind::KINKEEPER { Speaker::Book } else { Speaker::Sender };
        let context = Context { zone: shop.zone, currency, base, clock: batch.received_at, speaker };
        let (mut said, mut browsing) = (Vec::with_capacity(batch.events.len()), 0);
        let (mut rejected, mut refused) = (Vec::new(), Vec::new());
        let (mut foreign, mut doubtful) = (Vec::new(), Vec::new());
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
                    let as_came = || AsCame { place: said.len(), index, raw: json.clone() };
                    if event.currency.is_some() {
                        foreign.push(as_came());
                    }
                    if is_doubtful(&event.names(&shop.id_namespace)) {
                        doubtful.push(as_came());
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
            about: About::Named,
            said: Arc::new(said),
            browsing,
            rejected,
            refused,
            foreign,
            doubtful,
        }
    }

    /// Whether [`Slice::take_over`] has anything to ask.
    pub fn asks_the_book(&self) -> bool {
        !(self.foreign.is_empty() && self.doubtful.is_empty())
    }

    /// Asks the book: amounts in other currencies are taken over into the base currency, each at the rate of its
    /// event's local date; events without such a rate are refused, and so are those that name nobody but by what is
    /// blocked. `came` is when they came, where they don't say when they happened.
    pub async fn take_over(mut self, db: &Db, came: Came) -> Result<Self, StoreError> {
        if !self.asks_the_book() {
            return Ok(self);
        }
        let mut out: BTreeMap<usize, (AsCame, Problem)> = BTreeMap::new();
        for (event, problem) in self.nobodies(db).await?.into_iter().chain(self.convert(db, came).await?) {
            out.entry(event.place).or_insert((event, problem));
        }
        let said = Arc::make_mut(&mut self.said);
        // From the back, so that places stay true.
        for (place, (event, problem)) in out.into_iter().rev() {
            said.remove(place);
            let problems = [problem];
            self.rejected.push(Rejected::new(event.index, &problems));
            self.refused.push(keep(&event.raw, &problems));
        }
        self.rejected.sort_by_key(|rejected| rejected.index);
        Ok(self)
    }

    async fn nobodies(&mut self, db: &Db) -> Result<Vec<(AsCame, Problem)>, StoreError> {
        let namespace = &self.origin.shop.shop.id_namespace;
        let doubtful = std::mem::take(&mut self.doubtful);
        let named = |event: AsCame| (self.said[event.place].names(namespace), event);
        let doubtful: Vec<(Vec<Name>, AsCame)> = doubtful.into_iter().map(named).collect();
        let entries = blocked::of_names(doubtful.iter().flat_map(|(names, _)| names));
        let blocked = blocked::find(db, entries).await?;
        let nobody = doubtful.into_iter().filter(|(names, _)| !blocked.leave_anybody(names));
        Ok(nobody.map(|(_, event)| (event, names_nobody())).collect())
    }

    async fn convert(&mut self, db: &Db, came: Came) -> Result<Vec<(AsCame, Problem)>, StoreError> {
        let came = self.first_came.unwrap_or(came);
        let (zone, base) = (self.origin.shop.shop.zone, self.origin.shop.base);
        let at = |said: &Said| occurred_at(said.timestamp, said.sent_at, came.received_at, came.machine_at);
        let needed = self.foreign.iter().filter_map(|event| {
            let said = &self.said[event.place];
            said.rate_needed(at(said), zone)
        });
        let rates = rates::find(db, &needed.collect()).await?;
        let foreign = std::mem::take(&mut self.foreign);
        let said = Arc::make_mut(&mut self.said);
        let mut without = Vec::new();
        for event in foreign {
            let one = &mut said[event.place];
            let occurred_at = at(one);
            if let Err(problem) = one.take_over(&rates, base, occurred_at, zone) {
                without.push((event, problem));
            }
        }
        Ok(without)
    }
}

/// What was one slice, in a larger one.
pub(super) struct Part {
    /// Its places.
    said: Range<usize>,
    browsing: usize,
    rejected: Vec<Rejected>,
}

impl Part {
    /// What became of it; `fresh` are the places of what was new in the larger one.
    pub fn receipt(&self, fresh: &BTreeSet<usize>) -> Receipt {
        let new = fresh.range(self.said.clone()).count();
        let (accepted, duplicate) = (new + self.browsing, self.said.len() - new);
        Receipt { accepted, duplicate, rejected: self.rejected.clone() }
    }
}

impl Slice {
    /// Whether one transaction may take in both, as one slice.
    pub(super) fn goes_with(&self, other: &Self) -> bool {
        let plain = |slice: &Self| {
            slice.first_came.is_none() && slice.import.is_none() && matches!(slice.about, About::Named)
        };
        plain(self)
            && plain(other)
            && self.origin == other.origin
            && (self.received_at, self.historical, self.due)
                == (other.received_at, other.historical, other.due)
    }

    /// One slice of several that go with each other, one behind the other; `None` of none.
    pub(super) fn join(slices: Vec<Self>) -> Option<(Self, Vec<Part>)> {
        let mut slices = slices.into_iter();
        let mut whole = slices.next()?;
        let mut parts = vec![whole.as_part(0)];
        let more: Vec<Self> = slices.collect();
        if !more.is_empty() {
            let said = Arc::make_mut(&mut whole.said);
            for slice in more {
                parts.push(slice.as_part(said.len()));
                said.extend(Arc::unwrap_or_clone(slice.said));
                whole.refused.extend(slice.refused);
            }
        }
        Some((whole, parts))
    }

    fn as_part(&self, from: usize) -> Part {
        let said = from..from + self.said.len();
        Part { said, browsing: self.browsing, rejected: self.rejected.clone() }
    }
}

/// Whether only the book can tell if these names speak for anybody.
fn is_doubtful(names: &[Name]) -> bool {
    !names.iter().any(|name| matches!(name.kind, Kind::UserId | Kind::AnonymousId))
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
