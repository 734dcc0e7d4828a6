//! Going live (正式上线), emergency stops (一键停发) and what the book is doing: the switches an operator holds.

use super::eligibility::{self, CampaignWeek};
use super::import::{Unfinished, list_unfinished};
use super::looking::{self, ManyProfiles};
use super::{Book, ServiceError};
use crate::store::overview::{self, Counts, SlotAhead};
use crate::store::stops::{self, StopRow, StopScope};
use crate::store::{
    ClockKind, StoreError, Tx, audit, campaigns, housekeeping, keys, meta, retention, send_gate, set_aside,
    shifts, waiting,
};
use crate::system::free_bytes;
use domain::campaign::definition::Channel;
use domain::campaign::state::CampaignState;
use domain::problem::nearest;
use domain::retention::gone_until;
use domain::time::{Instant, Span};
use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::{Value, json};

/// What the first week after going live would meet.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    /// From when causes count.
    pub at: Instant,
    /// What each campaign would do, running ones and those that stay silent until approved.
    pub campaigns: Vec<CampaignWeek>,
    pub occasions: Vec<SlotAhead>,
    pub open_complaints: i64,
    pub customers: i64,
    /// With a usable mail address.
    pub with_email: i64,
    /// Of those, without consent to marketing mail: they get none.
    pub without_marketing_consent: i64,
    /// Calls that the running campaigns would have made.
    pub calls: u64,
    /// Time of people who are on shift.
    pub rostered_hours: i64,
}

/// The days a preview looks ahead.
pub const PREVIEW_DAYS: i64 = 7;

pub async fn preview(book: &Book) -> Result<Preview, ServiceError> {
    let db = book.store.reader();
    let at = book.now().await?;
    let until = at + Span::days(PREVIEW_DAYS);
    let campaigns = eligibility::week_ahead(book).await?;
    let running = campaigns.iter().filter(|week| week.state == CampaignState::Running);
    let counts = overview::counts(db, at).await?;
    let (with_email, agreed) = overview::reach(db).await?;
    Ok(Preview {
        at,
        calls: running.map(|week| week.calls).sum(),
        campaigns,
        occasions: overview::slots_ahead(db, until).await?,
        open_complaints: counts.open_complaints,
        customers: counts.customers,
        with_email,
        without_marketing_consent: with_email - agreed,
        rostered_hours: Span::micros(shifts::rostered_micros(db, at, until).await?).as_minutes() / 60,
    })
}

/// Goes live now, once and for good.
pub async fn go_live(book: &Book, actor: &str) -> Result<Instant, ServiceError> {
    if let Some(since) = meta::go_live_at(book.store.reader()).await? {
        return Err(live_already(since));
    }
    let actor = actor.to_owned();
    change(book, move |tx, at| {
        Box::pin(async move {
            if !meta::set_go_live_at(tx, at).await? {
                let since = meta::go_live_at(tx).await?.unwrap_or(at);
                return Err(live_already(since));
            }
            record(tx, at, actor, "book.went_live", "book", json!({})).await?;
            Ok(at)
        })
    })
    .await
}

fn live_already(since: Instant) -> ServiceError {
    ServiceError::Conflict(format!(
        "the book is live since {since} already; `kinkeeper stop --all --reason TEXT` holds everything back"
    ))
}

/// Puts a stop in force; it acts on the next hand-over.
pub async fn stop(book: &Book, scope: StopScope, reason: &str, actor: &str) -> Result<StopRow, ServiceError> {
    check_scope(book, &scope).await?;
    if reason.trim().is_empty() {
        return Err(ServiceError::invalid("--reason", "missing", "say why, for those who will ask"));
    }
    let (reason, actor) = (reason.trim().to_owned(), actor.to_owned());
    change(book, move |tx, at| {
        Box::pin(async move {
            let row = StopRow { scope, reason, actor: actor.clone(), stopped_at: at };
            if !stops::stop(tx, row.clone()).await? {
                return Err(ServiceError::Conflict(format!(
                    "{} is stopped already; `kinkeeper status` says why, `kinkeeper resume` lifts it",
                    row.scope
                )));
            }
            let detail = json!({ "reason": row.reason });
            record(tx, at, actor, "stop.put", &format!("stop:{}", row.scope), detail).await?;
            Ok(row)
        })
    })
    .await
}

/// Lifts a stop.
pub async fn resume(book: &Book, scope: StopScope, actor: &str) -> Result<(), ServiceError> {
    let actor = actor.to_owned();
    change(book, move |tx, at| {
        Box::pin(async move {
            if !stops::resume(tx, &scope, &actor, at).await? {
                let in_force: Vec<String> =
                    stops::list_in_force(tx).await?.iter().map(|stop| stop.scope.to_string()).collect();
                let known = if in_force.is_empty() { "none is".to_owned() } else { in_force.join(", ") };
                return Err(ServiceError::Conflict(format!("no stop of {scope} is in force ({known})")));
            }
            record(tx, at, actor, "stop.lifted", &format!("stop:{scope}"), json!({})).await
        })
    })
    .await
}

/// A stop of something that doesn't exist would be a false calm.
async fn check_scope(book: &Book, scope: &StopScope) -> Result<(), ServiceError> {
    let (what, name, known): (&str, &str, Vec<String>) = match scope {
        StopScope::All => return Ok(()),
        StopScope::Channel(name) => {
            ("channel", name, Channel::ALL.iter().map(|c| c.as_str().to_owned()).collect())
        }
        StopScope::Campaign(key) => {
            let all = campaigns::list(book.store.reader()).await?;
            ("campaign", key, all.into_iter().map(|row| row.key).collect())
        }
    };
    if known.iter().any(|k| k == name) {
        return Ok(());
    }
    let hint = match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", known.join(", ")),
    };
    Err(ServiceError::NotFound(format!("the {what} {name} ({hint})")))
}

/// One unit of work at the book's present instant; wakes a running daemon.
async fn change<T: Send + 'static>(
    book: &Book,
    unit: impl for<'a> FnOnce(&'a Tx, Instant) -> BoxFuture<'a, Result<T, ServiceError>> + Send + 'static,
) -> Result<T, ServiceError> {
    book.write(move |tx, at| {
        Box::pin(async move {
            send_gate::close(tx).await?;
            let done = unit(tx, at).await?;
            meta::raise_change_seq(tx).await?;
            Ok(done)
        })
    })
    .await
}

async fn record(
    tx: &Tx,
    at: Instant,
    actor: String,
    action: &str,
    subject: &str,
    detail: Value,
) -> Result<(), ServiceError> {
    let entry = audit::Entry { at, actor, action: action.to_owned(), subject: subject.to_owned(), detail };
    Ok(audit::record(tx, entry).await?)
}

/// What the book is doing.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// onboarding | live | stopped
    pub state: &'static str,
    pub live_since: Option<Instant>,
    pub stops: Vec<StopView>,
    /// real | virtual
    pub clock: &'static str,
    pub now: Instant,
    /// What is due next, soonest first.
    pub next_due: Vec<NextDue>,
    /// How late each worker is, the latest first; none that is in time.
    pub late: Vec<Late>,
    pub disk: Disk,
    pub counts: Counts,
    pub last_fact_received_at: Option<Instant>,
    /// Begun and not ended: under way, or interrupted.
    pub unfinished_imports: Vec<Unfinished>,
    /// API keys in force.
    pub keys: i64,
    /// Customers and triggers that can't be worked on and wait for a person.
    pub set_aside: i64,
    /// When the last copy of the book was made, by the machine's clock.
    pub backed_up_at: Option<String>,
    /// How old that copy is, in whole hours.
    pub backup_age_hours: Option<i64>,
    /// What somebody should look into.
    pub alerts: Vec<Alert>,
}

/// Something that somebody should look into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Alert {
    /// Somebody views more profiles than their work asks for.
    ManyProfiles(ManyProfiles),
    /// Refused events that wait for a person for longer than decided ones are kept.
    QuarantineWaits { events: i64, days: u32 },
    /// The disk has less room left than a copy of the book takes, or than a GiB.
    DiskNearlyFull,
    /// Nobody has heard of them for long; they are forgotten from `first_at` on, unless somebody vetoes it.
    PeopleToForget { people: i64, first_at: Instant },
}

#[derive(Debug, Clone, Serialize)]
pub struct StopView {
    pub scope: String,
    pub reason: String,
    pub by: String,
    pub since: Instant,
}

#[derive(Debug, Clone, Serialize)]
pub struct NextDue {
    /// Who does it.
    pub worker: &'static str,
    pub at: Instant,
}

/// A worker that hasn't come to what is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Late {
    pub worker: &'static str,
    /// For how long its oldest work has been due, by the book's clock.
    pub seconds: i64,
}

/// Room for the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// Size of the database.
    pub book_bytes: i64,
    /// Left where this daemon keeps its files; none where the system doesn't say.
    pub free_bytes: Option<i64>,
}

impl Disk {
    /// Less is left than a copy of the book takes, or than a GiB.
    pub fn is_nearly_full(self) -> bool {
        self.free_bytes.is_some_and(|free| free < self.book_bytes.max(1 << 30))
    }
}

pub async fn status(book: &Book) -> Result<Status, ServiceError> {
    let db = book.store.reader();
    let now = book.now().await?;
    let live_since = meta::go_live_at(db).await?;
    let (machine, backed_up_at) = (book.store.machine_now().await?, meta::backed_up_at(db).await?);
    let stops = stops::list_in_force(db).await?;
    let due = due_by_worker(book).await?;
    let disk = Disk {
        book_bytes: overview::size_bytes(db).await?,
        free_bytes: free_bytes(&book.data_dir).map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
    };
    let state = match live_since {
        None => "onboarding",
        Some(_) if stops.iter().any(|stop| stop.scope == StopScope::All) => "stopped",
        Some(_) => "live",
    };
    Ok(Status {
        state,
        live_since,
        stops: stops
            .into_iter()
            .map(|s| StopView {
                scope: s.scope.to_string(),
                reason: s.reason,
                by: s.actor,
                since: s.stopped_at,
            })
            .collect(),
        clock: match book.store.clock_kind() {
            ClockKind::Real => "real",
            ClockKind::Virtual => "virtual",
        },
        now,
        late: late(&due, now),
        next_due: due.into_iter().take(NEXT_DUE).collect(),
        disk,
        counts: overview::counts(db, now).await?,
        last_fact_received_at: overview::last_fact_at(db).await?,
        unfinished_imports: list_unfinished(&book.store).await?,
        keys: keys::count(db).await?,
        set_aside: set_aside::count(db).await?,
        backed_up_at: backed_up_at.map(|at| at.to_rfc3339()),
        backup_age_hours: backed_up_at.map(|at| (machine - at).as_minutes() / 60),
        alerts: alerts(book, disk, now).await?,
    })
}

async fn alerts(book: &Book, disk: Disk, now: Instant) -> Result<Vec<Alert>, StoreError> {
    let many = looking::many_profiles(book, now).await?;
    let mut alerts: Vec<Alert> = many.into_iter().map(Alert::ManyProfiles).collect();
    let days = book.retention.quarantine_days;
    let events = housekeeping::count_waiting(book.store.reader(), gone_until(now, days)).await?;
    if events > 0 {
        alerts.push(Alert::QuarantineWaits { events, days });
    }
    if disk.is_nearly_full() {
        alerts.push(Alert::DiskNearlyFull);
    }
    if let Some((people, first_at)) = retention::ahead(book.store.reader()).await? {
        alerts.push(Alert::PeopleToForget { people, first_at });
    }
    Ok(alerts)
}

/// How many of what is due next are shown.
const NEXT_DUE: usize = 5;

/// What each queue has due next, soonest first.
async fn due_by_worker(book: &Book) -> Result<Vec<NextDue>, StoreError> {
    let mut due = Vec::new();
    let queues = [
        ("keeper", waiting::CUSTOMERS),
        ("planner", waiting::TRIGGERS),
        ("planner", waiting::OCCURRENCES),
        ("journeys", waiting::ENROLLMENTS),
        ("dispatcher", waiting::TOUCHPOINTS),
    ];
    for (worker, queue) in queues {
        due.extend(book.store.next_due(queue).await?.map(|at| NextDue { worker, at }));
    }
    let router = overview::callbacks_due(book.store.reader()).await?;
    due.extend(router.map(|at| NextDue { worker: "router", at }));
    due.sort_by_key(|next| next.at);
    Ok(due)
}

/// Workers whose work has been due for a second or longer, each once.
fn late(due: &[NextDue], now: Instant) -> Vec<Late> {
    let mut late: Vec<Late> = Vec::new();
    for next in due {
        let seconds = (now - next.at).as_seconds();
        if seconds > 0 && late.iter().all(|other| other.worker != next.worker) {
            late.push(Late { worker: next.worker, seconds });
        }
    }
    late
}
