//! Who looked at whom (访问日志): each view, search, reveal and export by a person leaves a row. What was looked
//! for isn't kept.

use super::{Book, ServiceError, page};
use crate::store::access_log::{self, Look};
use crate::store::{Lane, Store, StoreError, clock};
use domain::access::Act;
use domain::ids::CustomerId;
use domain::time::{Instant, Span};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use utoipa::ToSchema;

/// Looks are counted over this long.
pub(super) const WHILE: Span = Span::hours(1);

/// Notes that `actor` looked. It is committed before this answers, together with others' looks of the same moment.
pub async fn note(
    book: &Book,
    actor: &str,
    act: Act,
    customer: Option<CustomerId>,
    detail: Value,
) -> Result<(), ServiceError> {
    let noting: Arc<Noting> = book.store.companion();
    let (answer, noted) = oneshot::channel();
    let look = Seen { actor: actor.to_owned(), act, customer, detail };
    if noting.wait((look, answer)) {
        // In a task of its own: whoever goes away leaves the others' looks to be noted.
        tokio::spawn(work_off(book.store.clone(), noting.clone()));
    }
    let broken_off = || StoreError::Unavailable("noting who looked was broken off".to_owned());
    let at = noted.await.unwrap_or_else(|_| Err(broken_off()))?;
    if customer.is_none() || noting.is_far_from_many(actor, at) {
        return Ok(());
    }
    // Beside the writer: a look is counted among those of the hour once it is committed.
    let viewed = access_log::count_viewed(book.store.reader(), actor, at - WHILE).await?;
    let most = i64::from(book.access.profiles_per_hour);
    noting.counted(actor, at, most - viewed);
    if viewed > most {
        metrics::counter!("kinkeeper_many_profiles_total").increment(1);
        tracing::warn!(actor, profiles = viewed, "somebody views many profiles within an hour");
    }
    Ok(())
}

/// A look that isn't noted yet.
#[derive(Clone)]
struct Seen {
    actor: String,
    act: Act,
    customer: Option<CustomerId>,
    detail: Value,
}

/// When it was noted.
type Noted = Result<Instant, StoreError>;
type Waiting = (Seen, oneshot::Sender<Noted>);

/// Looks of a book that wait to be noted, and who needn't be counted.
#[derive(Default)]
struct Noting {
    queue: Mutex<Queue>,
    counts: Mutex<HashMap<String, Spare>>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// Whether somebody notes them.
    at_work: bool,
}

/// What somebody's last count leaves them.
struct Spare {
    /// They aren't counted again before they have viewed so many more; below none they are over it already.
    profiles: i64,
    /// Nor are they counted after this without being counted anew: other daemons note looks too.
    until: Instant,
}

/// For so long a count is gone by.
const COUNTED: Span = Span::seconds(10);

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Noting {
    /// Whether nobody is at work: the caller has to see to it then.
    fn wait(&self, one: Waiting) -> bool {
        let mut queue = locked(&self.queue);
        queue.waiting.push(one);
        !std::mem::replace(&mut queue.at_work, true)
    }

    /// All that wait; `None` ends the work.
    fn next(&self) -> Option<Vec<Waiting>> {
        let mut queue = locked(&self.queue);
        queue.at_work = !queue.waiting.is_empty();
        queue.at_work.then(|| std::mem::take(&mut queue.waiting))
    }

    /// Whether one view more can't make them many, or they are known to be.
    fn is_far_from_many(&self, actor: &str, at: Instant) -> bool {
        let mut counts = locked(&self.counts);
        let Some(spare) = counts.get_mut(actor).filter(|spare| at < spare.until) else { return false };
        if spare.profiles > 0 {
            spare.profiles -= 1;
            return true;
        }
        spare.profiles < 0
    }

    fn counted(&self, actor: &str, at: Instant, profiles: i64) {
        let mut counts = locked(&self.counts);
        counts.retain(|_, spare| at < spare.until);
        counts.insert(actor.to_owned(), Spare { profiles, until: at + COUNTED });
    }
}

/// If noting panics, those who come later don't wait for it for ever.
struct Leaving<'a>(&'a Noting);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        *locked(&self.0.queue) = Queue::default();
    }
}

async fn work_off(store: Store, noting: Arc<Noting>) {
    let leaving = Leaving(&noting);
    while let Some(group) = noting.next() {
        let (seen, answers): (Vec<Seen>, Vec<_>) = group.into_iter().unzip();
        for (answer, noted) in answers.into_iter().zip(note_all(&store, seen).await) {
            // Whoever went away needs no answer.
            drop(answer.send(noted));
        }
    }
    std::mem::forget(leaving);
}

/// Notes them in one transaction; if that fails each alone, so that none suffers from another.
async fn note_all(store: &Store, seen: Vec<Seen>) -> Vec<Noted> {
    if let [_, _, ..] = seen[..]
        && let Ok(at) = note_together(store, seen.clone()).await
    {
        return seen.iter().map(|_| Ok(at)).collect();
    }
    let mut noted = Vec::with_capacity(seen.len());
    for one in seen {
        noted.push(note_together(store, vec![one]).await);
    }
    noted
}

async fn note_together(store: &Store, seen: Vec<Seen>) -> Noted {
    let (machine, kind) = (store.machine_now().await?, store.clock_kind());
    let noted = store.write(Lane::People, move |tx| {
        Box::pin(async move {
            let at = clock::business_now(tx, kind, machine).await?;
            let look = |Seen { actor, act, customer, detail }| Look { at, actor, act, customer, detail };
            access_log::add_all(tx, seen.into_iter().map(look).collect()).await?;
            Ok(at)
        })
    });
    noted.await
}

/// Somebody who views many profiles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManyProfiles {
    /// As the access log names them.
    pub actor: String,
    /// Different customers within the last hour, beside their own work.
    pub profiles: i64,
}

/// Who has viewed more profiles within the last hour than `access.profiles_per_hour`. Those whose callback they had in hand
/// don't count.
pub async fn many_profiles(book: &Book, now: Instant) -> Result<Vec<ManyProfiles>, StoreError> {
    let most = i64::from(book.access.profiles_per_hour);
    let found = access_log::many_viewed(book.store.reader(), now - WHILE, most).await?;
    Ok(found.into_iter().map(|(actor, profiles)| ManyProfiles { actor, profiles }).collect())
}

/// A view of a customer.
pub async fn viewed(book: &Book, actor: &str, customer: CustomerId) -> Result<(), ServiceError> {
    note(book, actor, Act::Viewed, Some(customer), json!({})).await
}

/// One look, as shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LookView {
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// A member of staff by their key, `key:…`, or `cli:<user>`.
    pub actor: String,
    /// viewed | searched | listed | revealed | exported
    pub act: &'static str,
    /// Why somebody was revealed, how much was exported.
    #[schema(value_type = Object)]
    pub detail: Value,
}

/// A page of looks, latest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Looks {
    pub items: Vec<LookView>,
    pub next_cursor: Option<String>,
}

/// Who looked at a customer.
pub async fn list(
    book: &Book,
    customer: CustomerId,
    cursor: Option<&str>,
    limit: i64,
) -> Result<Looks, ServiceError> {
    let before = page::read_cursor(cursor, |text| text.parse().ok())?;
    let rows = access_log::list_about(book.store.reader(), customer, before, page::one_more(limit)).await?;
    let (rows, next_cursor) = page::cut(rows, limit, |(id, _)| id.to_string());
    let view = |(_, look): (i64, Look)| LookView {
        at: look.at,
        actor: look.actor,
        act: look.act.as_str(),
        detail: look.detail,
    };
    Ok(Looks { items: rows.into_iter().map(view).collect(), next_cursor })
}
