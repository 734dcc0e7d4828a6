//! The book in memory as columns, for counting while somebody types: one daemon's, never needed for an answer. Columns are loaded in the
//! background when a rule first asks for them; before each answer what changed since the last one is read again. What there is no room
//! for goes, and what was asked for the longest time ago first.

use super::quick::{CountedBy, SegmentCount};
use super::{Question, terms};
use crate::service::{Book, ServiceError};
use crate::store::changes::{self, Cursor, Since};
use crate::store::columns::{Loading, reread};
use crate::store::rule_sql::Whole;
use crate::store::{Store, StoreError};
use domain::column::{Columns, Name, Plan, Terms, compile};
use domain::ids::CustomerId;
use domain::time::Instant;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

/// From so many customers on who changed since the last answer, everything is read again in the background.
const MOST_CHANGED: usize = 20_000;
/// Longest that an answer waits for what changed to be read, and for others who do the same; then the sample answers.
const REFRESH: Duration = Duration::from_secs(1);
/// How often an answer by columns waits for them to be loaded.
pub(super) const MOST_WAITS: usize = 3;
/// Sets of columns that had no room, remembered so that they aren't loaded again and again.
const MOST_REFUSED: usize = 100;
/// Longest that it may take to ask up to where changes are, before columns are loaded.
const PATIENCE: Duration = Duration::from_secs(60);

/// The columns of one daemon.
#[derive(Clone)]
pub struct ColumnCache {
    /// In bytes; 0: none are held.
    most: usize,
    state: Arc<Mutex<State>>,
    /// Whether any are being loaded.
    loading: Arc<watch::Sender<bool>>,
    loads: Arc<AtomicU64>,
}

#[derive(Default)]
struct State {
    columns: Columns,
    /// Up to where changes are in them; `None` before anything was loaded.
    cursor: Option<Cursor>,
    refused: BTreeSet<BTreeSet<Name>>,
}

/// What the columns say.
pub(super) enum Told {
    Counted(SegmentCount),
    /// They are being loaded.
    NotYet,
    /// The rule asks for what is in no column, or there is no room.
    Never,
}

impl ColumnCache {
    pub fn of_mib(mib: u32) -> Self {
        Self::of_bytes(usize::try_from(mib).unwrap_or(usize::MAX).saturating_mul(1 << 20))
    }

    pub fn of_bytes(most: usize) -> Self {
        Self {
            most,
            state: Arc::default(),
            loading: Arc::new(watch::Sender::new(false)),
            loads: Arc::default(),
        }
    }

    /// Waits until nothing is being loaded.
    pub async fn settled(&self) {
        // The sender lives as long as this.
        let _ = self.loading.subscribe().wait_for(|loading| !loading).await;
    }

    /// How often columns were loaded so far, as against being read on.
    pub fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// How many columns are held, and their bytes.
    pub async fn held(&self) -> (usize, usize) {
        let state = self.state.lock().await;
        (state.columns.names().count(), state.columns.bytes())
    }

    /// Loads these in the background, unless others are just being loaded.
    fn load(&self, store: &Store, names: BTreeSet<Name>) {
        let begins = self.loading.send_if_modified(|loading| !std::mem::replace(loading, true));
        if !begins {
            return;
        }
        self.loads.fetch_add(1, Ordering::Relaxed);
        let (cache, store) = (self.clone(), store.clone());
        tokio::spawn(async move {
            // Whatever becomes of it, others may begin.
            let _done = Done(cache.loading.clone());
            if let Err(error) = cache.load_now(&store, names).await {
                tracing::warn!(%error, "columns for counting can't be loaded; estimates answer");
            }
        });
    }

    async fn load_now(&self, store: &Store, names: BTreeSet<Name>) -> Result<(), StoreError> {
        let cursor = store.ask(PATIENCE, |db| Box::pin(changes::cursor(db))).await?;
        let mut loading = Loading::new(names.clone());
        while loading.page(store.reader()).await? {
            // What is held and what is being loaded have the room together.
            let Some(room) = self.most.checked_sub(loading.bytes()) else {
                self.state.lock().await.refuse(names);
                return Ok(());
            };
            self.state.lock().await.fit(room);
        }
        let mut state = self.state.lock().await;
        state.columns.take_over(loading.into_columns());
        state.cursor = Some(match state.cursor.take() {
            Some(before) => before.earlier(cursor),
            None => cursor,
        });
        state.columns.use_now(&names);
        state.columns.shrink();
        state.fit(self.most);
        if !names.iter().all(|name| state.columns.holds(name)) {
            state.refuse(names);
        }
        state.tell();
        Ok(())
    }
}

/// Says that loading is over, when it is dropped.
struct Done(Arc<watch::Sender<bool>>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

impl State {
    fn refuse(&mut self, names: BTreeSet<Name>) {
        if self.refused.len() >= MOST_REFUSED {
            self.refused.clear();
        }
        self.refused.insert(names);
    }

    /// Lets go of columns until these are no more bytes.
    fn fit(&mut self, most: usize) {
        if self.columns.bytes() <= most {
            return;
        }
        self.columns.shrink_to(most);
        if self.columns.rows() == 0 {
            self.cursor = None;
        }
    }

    /// Lets go of everything: what is in it can't be brought up to date.
    fn empty(&mut self) {
        (self.columns, self.cursor) = (Columns::default(), None);
        self.tell();
    }

    #[allow(clippy::cast_precision_loss, reason = "a gauge")]
    fn tell(&self) {
        metrics::gauge!("kinkeeper_columns_held").set(self.columns.names().count() as f64);
        metrics::gauge!("kinkeeper_columns_bytes").set(self.columns.bytes() as f64);
    }

    /// Reads again what changed since the last time; gives whether the columns are as the book is now.
    async fn refresh(&mut self, store: &Store, within: Duration) -> Result<bool, StoreError> {
        let Some(cursor) = self.cursor.clone() else { return Ok(false) };
        let names: BTreeSet<Name> = self.columns.names().cloned().collect();
        let asked = names.clone();
        let read = store.ask(within, move |db| {
            Box::pin(async move {
                let (since, cursor) = changes::since(db, &cursor, MOST_CHANGED).await?;
                let changed: Vec<CustomerId> = match since {
                    Since::Changed(changed) => changed.into_iter().collect(),
                    Since::Unknown => return Ok(None),
                };
                let changes = match changed.is_empty() {
                    true => None,
                    false => Some(reread(db, &asked, &changed).await?),
                };
                Ok(Some((changes, cursor)))
            })
        });
        let read = match read.await {
            // It would take as long again for whoever asks next.
            Err(StoreError::TookTooLong(_)) => None,
            read => read?,
        };
        let Some((changes, cursor)) = read else {
            self.empty();
            return Ok(false);
        };
        if let Some(changes) = changes
            && let Err(error) = changes.put(&mut self.columns, &names)
        {
            self.empty();
            return Err(error);
        }
        self.cursor = Some(cursor);
        if self.columns.is_ragged() {
            self.empty();
            return Ok(false);
        }
        Ok(true)
    }
}

/// How many, by the columns in memory, as of now.
pub(super) async fn count(book: &Book, question: &Question, within: Duration) -> Result<Told, ServiceError> {
    let cache = &book.columns;
    let as_of = book.now().await?;
    let Some(plan) = planned(book, question, as_of).await? else { return Ok(Told::Never) };
    let names = plan.names();
    let locked = tokio::time::timeout(REFRESH, cache.state.clone().lock_owned());
    let Ok(mut state) = locked.await else { return Ok(Told::NotYet) };
    if state.refused.contains(&names) {
        return Ok(Told::Never);
    }
    let held = names.iter().all(|name| state.columns.holds(name)) && state.cursor.is_some();
    let fresh = held && state.refresh(&book.store, within.min(REFRESH)).await?;
    if fresh {
        state.columns.use_now(&names);
        state.fit(cache.most);
    }
    if !fresh || !names.iter().all(|name| state.columns.holds(name)) {
        drop(state);
        metrics::counter!("kinkeeper_columns_asked_total", "result" => "miss").increment(1);
        cache.load(&book.store, names);
        return Ok(Told::NotYet);
    }
    metrics::counter!("kinkeeper_columns_asked_total", "result" => "hit").increment(1);
    let Some(counted) = counted(state, plan).await? else { return Ok(Told::NotYet) };
    Ok(Told::Counted(SegmentCount {
        key: question.key.clone(),
        as_of,
        count: counted.count,
        of: Some(counted.of),
        exact: true,
        margin: 0,
        source: CountedBy::Columns,
    }))
}

/// On a thread beside those that answer people: it takes milliseconds of nothing but computing. What was read may not have left room.
async fn counted(
    state: OwnedMutexGuard<State>,
    plan: Plan,
) -> Result<Option<domain::column::Counted>, ServiceError> {
    let counted = tokio::task::spawn_blocking(move || state.columns.count(&plan).ok());
    counted.await.map_err(|error| ServiceError::Internal(format!("counting was broken off: {error}")))
}

/// What the question asks of columns; nothing where they can't say, or none are held.
async fn planned(book: &Book, question: &Question, now: Instant) -> Result<Option<Plan>, ServiceError> {
    if book.columns.most == 0 {
        return Ok(None);
    }
    let catalogue = question.catalogue.clone();
    let rules = catalogue.looked_at(&[question.whole.rule()]);
    let asking = terms(book, catalogue.clone(), &rules, now).await?;
    let terms = Terms { catalogue: &catalogue, now, currency: asking.currency, zones: &asking.zones };
    Ok(compile(question.whole.rule(), &terms).ok().map(|plan| match question.whole {
        Whole::All(_) => plan,
        Whole::Personalised(_) => plan.of_personalised(),
    }))
}
