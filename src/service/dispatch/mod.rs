//! From a planned touchpoint to its result. `look` asks the gate, `settle` carries its answers out, `prepare`
//! reserves coupons and builds mails, `mark` and `hand_over` send them, `results` stores what came of it.

mod hand_over;
pub mod look;
mod mail;
mod mark;
mod prepare;
mod results;
mod settle;

use crate::delivery::{Channel, SendError};
use crate::service::{Book, ServiceError, poison};
use crate::store::dispatch::{self, Due};
use crate::store::{Claimed, Lane, Store, StoreError, Tx, clock, coupons, held, waiting};
use domain::campaign::touch::Reason;
use domain::ids::TouchpointId;
use domain::time::{Instant, MachineInstant, Span};
use futures::future::BoxFuture;
use look::{Around, Decided, Next, Room, next};
use mail::Texts;
use mark::Marker;
use prepare::{Preparation, prepare};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Touchpoints claimed at a time: what is read and built before the first of them goes out.
const MOST_CLAIMED: i64 = 256;
const LONGEST_REST: Span = Span::minutes(5);

/// Sends for one book, over its channels.
pub struct Dispatch {
    book: Arc<Book>,
    relays: Vec<Relay>,
    texts: Texts,
}

/// A way out, and whether it has to rest.
struct Relay {
    channel: Arc<dyn Channel>,
    rest: Mutex<Rest>,
}

/// Since relays refuse for a while when asked too often, each refusal doubles the pause.
#[derive(Debug, Clone, Copy, Default)]
struct Rest {
    until: Option<MachineInstant>,
    length: Span,
}

impl Dispatch {
    pub fn new(book: Arc<Book>, channels: Vec<Arc<dyn Channel>>) -> Self {
        let relays = channels.into_iter().map(|channel| Relay { channel, rest: Mutex::default() }).collect();
        Self { book, relays, texts: Texts::default() }
    }

    /// When a touchpoint is due next; those put off by the machine's clock are looked at by polling.
    pub async fn next_due(&self) -> Result<Option<Instant>, ServiceError> {
        let machine = self.book.store.machine_now().await?;
        Ok(dispatch::next_free(self.book.store.reader(), machine).await?)
    }

    /// Before new work: ends hand-overs whose daemon is gone, and looks again at what may go on.
    pub async fn sweep(&self, now: Instant, limit: i64) -> Result<u64, ServiceError> {
        Ok(self.recover(limit).await? + self.let_go(now, limit).await?)
    }

    /// Works on up to `limit` touchpoints that are due; gives how many rows changed.
    pub async fn work(&self, now: Instant, limit: i64) -> Result<u64, ServiceError> {
        let book = &self.book;
        let limit = limit.min(MOST_CLAIMED);
        let claimed = book.store.claim(waiting::TOUCHPOINTS, now, &book.lease, limit).await?;
        let (due, mut done) = self.load(&claimed).await?;
        if due.is_empty() {
            return Ok(done);
        }
        let room = Arc::new(Room::load(book, due.iter().map(|d| d.version_id).collect()).await?);
        let around = Around::load(book.store.reader(), &book.secrets, &due, now).await?;
        let (mut pass, mut decided) = (Vec::new(), Vec::new());
        for one in due {
            match next(&room, &around, &one, now) {
                Next::HandOver => pass.push(one),
                Next::Change(change) => decided.push(change),
            }
        }
        let mut ready = Vec::with_capacity(pass.len());
        for preparation in prepare(book, &room, &around, &self.texts, pass, now).await? {
            match preparation {
                Preparation::Ready(prepared) => ready.push(*prepared),
                Preparation::Refused(change) => decided.push(change),
                Preparation::Gone => {}
            }
        }
        done += self.settle(now, decided).await?;
        let marker = Marker {
            room,
            secrets: book.secrets.clone(),
            lease: book.lease.clone(),
            kind: book.store.clock_kind(),
            machine: MachineInstant::MIN,
        };
        Ok(done + hand_over::hand_over(self, marker, ready).await?)
    }

    async fn settle(&self, now: Instant, decided: Vec<Decided>) -> Result<u64, ServiceError> {
        if decided.is_empty() {
            return Ok(0);
        }
        let decided: Arc<[Decided]> = decided.into();
        let settled = persist(&self.book.store, Lane::Work, move |tx| {
            let decided = decided.clone();
            Box::pin(async move { settle::settle(tx, now, &decided).await })
        });
        Ok(settled.await?)
    }

    /// Reads the claimed rows. One that can't be read fails alone; gives how many did.
    async fn load(&self, claimed: &[Claimed]) -> Result<(Vec<Due>, u64), ServiceError> {
        let reader = self.book.store.reader();
        let read =
            poison::read_apart(claimed, |some| async move { dispatch::load(reader, &some).await }).await?;
        let mut broken = 0;
        for (one, why) in read.broken {
            tracing::error!(touchpoint.id = one.key, why, "a touchpoint can't be read; it failed");
            let unit = self.book.store.write(Lane::Work, move |tx| {
                Box::pin(async move { dispatch::break_off(tx, one, Reason::Refused, &why).await })
            });
            broken += unit.await.map_err(|e: StoreError| e)?;
        }
        Ok((read.sound, broken))
    }

    /// Ends hand-overs whose daemon is gone: whether they arrived nobody knows, and they aren't sent again.
    async fn recover(&self, limit: i64) -> Result<u64, ServiceError> {
        let store = &self.book.store;
        let machine = store.machine_now().await?;
        let lost = dispatch::lost(store.reader(), machine, limit).await?;
        if lost.is_empty() {
            return Ok(0);
        }
        let kind = store.clock_kind();
        let unit = store.write(Lane::Work, move |tx| {
            Box::pin(async move {
                let now = clock::business_now(tx, kind, machine).await?;
                settle::wake(tx, now, lost.iter().map(|l| l.enrollment_id).collect()).await?;
                let unknown: Vec<TouchpointId> =
                    dispatch::give_up(tx, now, machine, &lost).await?.into_iter().collect();
                coupons::issue(tx, now, &unknown).await?;
                Ok(unknown.len() as u64)
            })
        });
        let given_up = unit.await.map_err(|e: StoreError| e)?;
        if given_up > 0 {
            metrics::counter!("kinkeeper_hand_overs_total", "result" => "unknown").increment(given_up);
            tracing::warn!(
                touchpoints = given_up,
                "hand-overs were lost with their daemon; they are unknown"
            );
        }
        Ok(given_up)
    }

    /// Looks again at what was held for a reason that is gone.
    async fn let_go(&self, now: Instant, limit: i64) -> Result<u64, ServiceError> {
        let free = held::let_go(self.book.store.reader(), now, limit).await?;
        if free.is_empty() {
            return Ok(0);
        }
        let unit = self
            .book
            .store
            .write(Lane::Work, move |tx| Box::pin(async move { held::look_again(tx, now, &free).await }));
        Ok(unit.await.map_err(|e: StoreError| e)?)
    }

    /// Takes marked rows' leases anew while one of them is being delivered.
    async fn renew(&self, rows: Vec<(TouchpointId, i64)>) -> Result<(), ServiceError> {
        let until = self.book.store.machine_now().await? + self.book.lease.length;
        let unit = self
            .book
            .store
            .write(Lane::People, move |tx| Box::pin(async move { dispatch::renew(tx, &rows, until).await }));
        Ok(unit.await.map_err(|e: StoreError| e)?)
    }

    fn lease_length(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.book.lease.length.as_micros()).unwrap_or(0))
    }

    fn renew_every(&self) -> Duration {
        (self.lease_length() / 3).max(Duration::from_millis(100))
    }

    /// Within the lease, so that nobody takes for lost what is only slow.
    fn begin_within(&self) -> Duration {
        hand_over::BEGIN_WITHIN.min(self.lease_length() / 2)
    }

    async fn rests(&self, n: usize) -> Result<bool, ServiceError> {
        let until = self.relays[n].rest.lock().unwrap_or_else(PoisonError::into_inner).until;
        match until {
            None => Ok(false),
            Some(until) => Ok(self.book.store.machine_now().await? < until),
        }
    }

    /// Lets a relay rest after a refusal that isn't a recipient's.
    async fn rest(&self, n: usize, error: &SendError) -> Result<(), ServiceError> {
        let machine = self.book.store.machine_now().await?;
        let relay = &self.relays[n];
        let mut rest = relay.rest.lock().unwrap_or_else(PoisonError::into_inner);
        if rest.until.is_none_or(|until| until <= machine) {
            rest.length = Span::micros(rest.length.as_micros() * 2).clamp(Span::seconds(1), LONGEST_REST);
            rest.until = Some(machine + rest.length);
            let kind = match error {
                SendError::Transient { .. } => "transient",
                SendError::Permanent { .. } => "permanent",
                SendError::Unknown { .. } => "unknown",
            };
            let seconds = rest.length.as_seconds();
            tracing::warn!(
                channel = relay.channel.name(),
                kind,
                seconds,
                "a relay refuses for now; it rests"
            );
        }
        Ok(())
    }

    /// A relay that takes messages again starts with short rests.
    fn works(&self, n: usize) {
        *self.relays[n].rest.lock().unwrap_or_else(PoisonError::into_inner) = Rest::default();
    }

    /// The earliest instant at which a resting relay may be asked again.
    fn paused_until(&self) -> Option<MachineInstant> {
        let until = |r: &Relay| r.rest.lock().unwrap_or_else(PoisonError::into_inner).until;
        self.relays.iter().filter_map(until).min()
    }
}

/// How often a unit is tried while the database can't take it.
const MOST_WRITES: u32 = 5;

/// Writes a unit, again if the database couldn't take it: two daemons may have got in each other's way.
async fn persist<T, F>(store: &Store, lane: Lane, unit: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: for<'a> Fn(&'a Tx) -> BoxFuture<'a, Result<T, StoreError>> + Clone + Send + 'static,
{
    let mut tries = 0;
    loop {
        match store.write(lane, unit.clone()).await {
            Err(error @ (StoreError::Unavailable(_) | StoreError::Outrun(_))) if tries < MOST_WRITES => {
                tries += 1;
                tracing::warn!(%error, "the database couldn't take what was decided; trying again");
                tokio::time::sleep(Duration::from_millis(50) * tries).await;
            }
            other => return other,
        }
    }
}
