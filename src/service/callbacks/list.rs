//! Callbacks for those who look at the queue rather than work on it: no personal values.

use super::super::{Book, ServiceError, page};
use super::carry_out::Desk;
pub use crate::store::callbacks::Which;
use crate::store::callbacks::{self as rows, Place, StoredCallback};
use domain::callback::{Band, Kind, Level, Ring, State};
use domain::ids::{CallbackId, CustomerId};
use domain::time::Instant;

/// Which ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    pub which: Which,
    /// The cursor given with the page before.
    pub after: Option<String>,
    /// 50 where nothing is said, 500 at the most.
    pub limit: Option<u32>,
}

/// One callback of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub id: CallbackId,
    pub customer_id: CustomerId,
    pub kind: Kind,
    pub state: State,
    pub reason: Option<String>,
    pub vip: bool,
    pub required_level: Level,
    /// As of now, not as last stored; so is the ring.
    pub band: Band,
    pub ring: Ring,
    pub rank_at: Instant,
    /// The due time that counts now.
    pub due_at: Instant,
    pub not_before: Instant,
    pub attempts: u32,
    /// Key of the holder, if there is one.
    pub agent: Option<String>,
    pub created_at: Instant,
    pub ended_at: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In the order of the queue: band, rank, creation.
    pub items: Vec<Row>,
    /// `None` at the end.
    pub next_cursor: Option<String>,
}

const USUAL: u32 = 50;
const MOST: u32 = 500;

/// A page of callbacks.
///
/// # Errors
/// A limit out of bounds or a cursor that isn't one of ours.
pub async fn list(book: &Book, filter: Filter) -> Result<Page, ServiceError> {
    let limit = filter.limit.unwrap_or(USUAL);
    if limit == 0 || limit > MOST {
        let remedy = format!("ask for 1 to {MOST} at a time");
        return Err(ServiceError::invalid("limit", "out_of_range", remedy));
    }
    let after = filter.after.as_deref().map(read_cursor).transpose()?;
    let db = book.store.reader();
    let limit = i64::from(limit);
    let found = rows::list(db, filter.which, after, page::one_more(limit)).await?;
    let (found, next_cursor) = page::cut(found, limit, |last| cursor(last.place()));
    let (desk, now) = (Desk::open(book).await?, book.now().await?);
    let items = found.into_iter().map(|stored| row(&desk, stored, now)).collect();
    Ok(Page { items, next_cursor })
}

fn row(desk: &Desk, stored: StoredCallback, now: Instant) -> Row {
    let c = stored.callback;
    let holder = c.phase.hold().and_then(|hold| desk.staffing.member(hold.agent));
    let ended = c.state().is_final();
    Row {
        id: c.id,
        customer_id: c.task.customer_id,
        kind: c.task.kind,
        state: c.state(),
        reason: stored.reason,
        vip: c.task.marks.vip,
        required_level: c.required_level(),
        band: if ended { stored.band } else { c.band(now) },
        ring: if c.state() == State::Ready { desk.ring(&c, now) } else { c.ring },
        rank_at: c.rank_at(),
        due_at: c.active_due(),
        not_before: c.not_before,
        attempts: c.attempts,
        agent: holder.map(|m| m.key.clone()),
        created_at: c.created_at,
        ended_at: stored.ended_at,
    }
}

fn cursor(place: Place) -> String {
    format!("{}.{}.{}.{}", place.band.number(), place.rank_at.micros(), place.created_at.micros(), place.id.0)
}

fn read_cursor(text: &str) -> Result<Place, ServiceError> {
    let numbers: Option<Vec<i64>> = text.split('.').map(|n| n.parse().ok()).collect();
    let place = numbers.and_then(|n| match n.as_slice() {
        [band, rank_at, created_at, id] => Some(Place {
            band: Band::from_number(*band)?,
            rank_at: Instant::from_micros(*rank_at),
            created_at: Instant::from_micros(*created_at),
            id: CallbackId(*id),
        }),
        _ => None,
    });
    place.ok_or_else(|| {
        ServiceError::invalid("cursor", "not_a_cursor", "pass next_cursor of the page before, unchanged")
    })
}
