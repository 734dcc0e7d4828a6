//! The composition root: settings become an open book, workers and routes. No globals: two of it live in
//! one process, on two stores of different kinds.

mod lock;

pub use lock::{BookLock, lock_file, lock_workers};

use crate::delivery::Channel;
use crate::delivery::file::FileChannel;
use crate::delivery::smtp::SmtpRelay;
use crate::delivery::smtp::settings::SmtpSettings;
use crate::http;
use crate::service::asking::{ColumnCache, SampleMemory};
use crate::service::definitions::DefinitionCache;
use crate::service::dispatch::Dispatch;
use crate::service::hooks::Hooks;
use crate::service::points::Points;
use crate::service::rules::RuleCache;
use crate::service::secrets::Secrets;
use crate::service::{Book, ServiceError, StaffingMemory, defaults, import, self_check, shop};
use crate::settings::{MailChannel, Settings};
use crate::store::{ClockKind, Lease, MachineTime, Open, Schema, Store, Timeouts};
use crate::system::{self, Entropy, SystemClock, SystemEntropy};
use crate::worker::{
    Alarm, Budget, Dispatcher, Engine, Hired, Housekeeper, Indexer, Journeys, Keeper, Modeler, NoFeed,
    Planner, Router, Worker,
};
use domain::problem::Problem;
use domain::time::{Instant, Span};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long a stopping daemon may finish what it began.
pub const GRACE: Duration = Duration::from_secs(25);
/// How often a daemon looks for imports that nobody works on any more.
const IMPORT_WATCH: Duration = Duration::from_secs(15);
/// How often a daemon looks whether a few customers still are what their facts say.
const DRIFT_WATCH: Duration = Duration::from_secs(60);
/// Batches a worker works off before it lets the others go on.
const BATCHES: u32 = 8;

#[derive(Clone)]
pub struct App {
    pub settings: Arc<Settings>,
    pub book: Arc<Book>,
    pub alarm: Alarm,
    limiter: Arc<http::Limiter>,
    hooks: Arc<Hooks>,
    channels: Vec<Arc<dyn Channel>>,
}

impl App {
    /// Opens the book that the settings name; makes it if there is none.
    pub async fn open(settings: Settings) -> Result<Self, ServiceError> {
        Self::open_with(settings, Arc::new(SystemEntropy)).await
    }

    /// As [`App::open`], bringing an older schema up to date on PostgreSQL too.
    pub async fn migrate(settings: Settings) -> Result<Self, ServiceError> {
        Self::assemble(settings, Arc::new(SystemEntropy), Schema::BringUpToDate).await
    }

    /// As [`App::open`], with randomness from elsewhere: a seed, in tests and the demo.
    pub async fn open_with(settings: Settings, entropy: Arc<dyn Entropy>) -> Result<Self, ServiceError> {
        Self::assemble(settings, entropy, Schema::MustBeCurrent).await
    }

    async fn assemble(
        settings: Settings,
        entropy: Arc<dyn Entropy>,
        schema: Schema,
    ) -> Result<Self, ServiceError> {
        std::fs::create_dir_all(&settings.data_dir)
            .map_err(|e| cannot("data_dir", &settings.data_dir, &e))?;
        if let Some(folder) = settings.database.sqlite_file().and_then(|file| Path::new(file).parent()) {
            std::fs::create_dir_all(folder).map_err(|e| cannot("database.url", folder, &e))?;
        }
        let secrets = Secrets::load_or_create(&settings.secrets.key_file, &*entropy)
            .map_err(|e| ServiceError::invalid("secrets.key_file", "key_file", e.to_string()))?;
        let store = Store::open(Open {
            url: settings.database.url.expose().to_owned(),
            pool: settings.database.people_connections,
            work_pool: settings.database.worker_connections,
            virtual_at: settings.clock.map(|clock| clock.at),
            machine_time: MachineTime::Shared(Arc::new(SystemClock)),
            timeouts: Timeouts {
                statement: seconds(settings.database.statement_timeout_seconds),
                lock: seconds(settings.database.lock_timeout_seconds),
            },
            refusals: Some(settings.refusals_log.clone()),
            schema,
            backups: settings.backup_dir.clone(),
        })
        .await?;
        let book = Book {
            store,
            secrets,
            shop_key: settings.shop.key.clone(),
            rules: RuleCache::default(),
            columns: ColumnCache::of_mib(settings.asking.columns_mib),
            sample: SampleMemory::default(),
            definitions: DefinitionCache::default(),
            public_url: settings.http.public_url.clone(),
            data_dir: settings.data_dir.clone(),
            mail_dir: settings.mail.dir.clone(),
            points: Points::default(),
            lease: Lease { owner: system::instance_name(&*entropy), length: settings.workers.lease() },
            entropy,
            staffing: StaffingMemory::default(),
            access: settings.access,
            retention: settings.retention,
            runs: settings.runs,
            once: None,
        };
        defaults::found(&book, &settings.shop).await?;
        for differs in shop::contradictions(&shop::shop(&book).await?, &settings.shop) {
            tracing::warn!(setting = differs.at, "{}", differs.detail);
        }
        let channels = channels(&settings, book.store.clock_kind())?;
        Ok(Self {
            limiter: Arc::new(limiter(&settings)),
            hooks: Arc::new(Hooks::new(settings.hooks.clone())),
            settings: Arc::new(settings),
            book: Arc::new(book),
            alarm: Alarm::default(),
            channels,
        })
    }

    /// The workers, in the order in which one's work becomes the next one's.
    fn staff(&self) -> Vec<Hired> {
        let w = &self.settings.workers;
        let hired = |worker: Arc<dyn Worker>, batch: u32| Hired {
            worker,
            budget: Budget { batch: i64::from(batch), batches: BATCHES },
        };
        let dispatch = Dispatch::new(self.book.clone(), self.channels.clone());
        vec![
            hired(Arc::new(Keeper::new(self.book.clone())), w.keeper_batch),
            hired(Arc::new(Planner::new(self.book.clone())), w.planner_batch),
            hired(Arc::new(Journeys::new(self.book.clone())), w.journeys_batch),
            hired(Arc::new(Dispatcher::new(dispatch)), w.dispatcher_batch),
            hired(Arc::new(Router::new(self.book.clone())), w.router_batch),
            hired(Arc::new(Modeler::new(self.book.clone())), w.modeler_batch),
            hired(Arc::new(Indexer::new(self.book.clone())), w.indexer_batch),
            hired(Arc::new(Housekeeper::new(self.book.clone())), w.housekeeper_batch),
        ]
    }

    pub fn engine(&self) -> Engine {
        let poll = Duration::from_secs(u64::from(self.settings.workers.poll_seconds));
        Engine::new(self.book.store.clone(), self.staff(), self.alarm.clone(), poll)
    }

    /// All routes on this book.
    pub fn router(&self) -> axum::Router {
        let (limiter, hooks) = (self.limiter.clone(), self.hooks.clone());
        http::router(http::AppState::new(self.book.clone(), self.alarm.clone(), limiter, hooks, recorder()))
    }

    /// To mail at another zone's hours, or to take one currency for another, would be worse than not to start.
    async fn refuse_another_shop(&self) -> Result<(), ServiceError> {
        let shop = shop::shop(&self.book).await?;
        let mut differing = shop::contradictions(&shop, &self.settings.shop);
        differing.retain(|problem| matches!(problem.at.as_str(), "shop.timezone" | "shop.currency"));
        differing.extend(shop::not_the_base(&self.book).await?);
        if differing.is_empty() { Ok(()) } else { Err(ServiceError::Invalid(differing)) }
    }

    /// Serves HTTP and runs all workers until `stop`, then finishes what is begun, within [`GRACE`].
    /// `ready` is told the address once requests are taken.
    pub async fn serve(
        &self,
        stop: CancellationToken,
        ready: impl FnOnce(SocketAddr) + Send,
    ) -> Result<(), ServiceError> {
        let lock = self.lock_workers().await?;
        self.refuse_another_shop().await?;
        let listen = self.settings.http.listen;
        let listener = TcpListener::bind(listen).await.map_err(|e| {
            ServiceError::invalid("http.listen", "listen", format!("can't listen on {listen}: {e}"))
        })?;
        let address = listener.local_addr().map_err(|e| ServiceError::Internal(e.to_string()))?;
        ready(address);
        let router = self.router();
        let closing = stop.clone();
        let web = http::serve(listener, router, closing);
        let alarm = self.alarm.run(seconds(self.settings.workers.poll_seconds), stop.clone());
        let work = async {
            tokio::join!(
                web,
                alarm,
                self.work(stop.clone()),
                self.watch_imports(&stop),
                self.watch_drift(&stop)
            )
        };
        let deadline = async {
            stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            // At once: whoever has the book alone now changes what all that is begun goes by.
            lost = self.keep_lock(lock) => {
                stop.cancel();
                Err(lost)
            }
            ((), alarm, worked, (), ()) = work => {
                if let Err(error) = alarm {
                    tracing::warn!(%error, "the alarm clock failed; workers went on by polling");
                }
                worked
            }
            () = deadline => {
                tracing::warn!("stopped before everything begun was finished; leases bring the rest back");
                Ok(())
            }
        }
    }

    /// Looks now and then whether customers still are what their facts say.
    async fn watch_drift(&self, stop: &CancellationToken) {
        let mut looks = tokio::time::interval(DRIFT_WATCH);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            match self_check::sample(&self.book).await {
                Ok(checked) => {
                    metrics::counter!("kinkeeper_self_checked_total").increment(checked.customers);
                    metrics::counter!("kinkeeper_drift_total").increment(checked.drift.len() as u64);
                    for what in checked.drift {
                        tracing::error!(%what, "a customer isn't what the facts say; `kinkeeper rebuild --check` tells all");
                    }
                }
                Err(error) => tracing::warn!(%error, "the self-check couldn't look; tried again"),
            }
        }
    }

    /// Lets go, at the start and from then on, who waits for the end of an import that was killed.
    async fn watch_imports(&self, stop: &CancellationToken) {
        let mut looks = tokio::time::interval(IMPORT_WATCH);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            match import::end_abandoned(&self.book.store).await {
                Ok(0) => {}
                Ok(_) => self.alarm.ring(),
                Err(error) => {
                    tracing::warn!(%error, "unfinished imports couldn't be looked for; tried again")
                }
            }
        }
    }

    /// On real time each worker by itself; on a virtual clock stepping, if it may move at all.
    async fn work(&self, stop: CancellationToken) -> Result<(), ServiceError> {
        let engine = self.engine();
        match self.settings.clock.and_then(|clock| clock.speed) {
            Some(speed) => {
                while !stop.is_cancelled() {
                    let per_second = Span::seconds(i64::from(speed));
                    let ran = engine.run_virtual(&mut NoFeed, Instant::MAX, Some(per_second), &stop).await;
                    match ran {
                        Err(ServiceError::Unavailable { detail, .. }) => {
                            tracing::warn!(%detail, "the clock can't step just now; tried again");
                        }
                        other => drop(other?),
                    }
                    self.alarm.wait(self.alarm.rings(), Duration::from_secs(1)).await;
                }
            }
            None => engine.run(stop).await,
        }
        Ok(())
    }
}

/// How often a write key may send, by the machine's clock.
fn limiter(settings: &Settings) -> http::Limiter {
    let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    let (per_second, burst) =
        (at_least_one(settings.http.ingest_rate), at_least_one(settings.http.ingest_burst));
    http::Limiter::new(http::Rate { per_second, burst }, Arc::new(SystemClock))
}

fn seconds(n: u32) -> Duration {
    Duration::from_secs(u64::from(n))
}

/// The ways out for mail. A virtual book's mails never leave this machine.
fn channels(settings: &Settings, clock: ClockKind) -> Result<Vec<Arc<dyn Channel>>, ServiceError> {
    let mail = &settings.mail;
    if mail.channel == MailChannel::File {
        return Ok(vec![Arc::new(FileChannel::new(&mail.dir))]);
    }
    let mut channels: Vec<Arc<dyn Channel>> = Vec::with_capacity(mail.relays.len());
    for (n, relay) in mail.relays.iter().enumerate() {
        if clock == ClockKind::Virtual && !relay.url.is_loopback() {
            let detail = format!(
                "this book runs on a virtual clock, so {} must not get its mails; use a relay on 127.0.0.1, \
                 or mail.channel = \"file\"",
                relay.url
            );
            return Err(ServiceError::invalid(format!("mail.relays[{n}].url"), "virtual_clock", detail));
        }
        let opened = SmtpSettings::from_relay(relay).and_then(SmtpRelay::new);
        let relay = opened.map_err(|p| {
            ServiceError::Invalid(vec![Problem::new(format!("mail.relays[{n}].{}", p.at), p.code, p.detail)])
        })?;
        channels.push(Arc::new(relay));
    }
    Ok(channels)
}

fn cannot(setting: &str, path: &Path, error: &std::io::Error) -> ServiceError {
    ServiceError::Invalid(vec![Problem::new(setting, "path", format!("{}: {error}", path.display()))])
}

/// The process's metrics. The metrics facade knows one recorder a process, so this is the one thing shared.
fn recorder() -> PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            drop(metrics::set_global_recorder(recorder));
            describe_metrics();
            handle
        })
        .clone()
}

/// What `/metrics` says of each number.
fn describe_metrics() {
    metrics::describe_counter!("kinkeeper_events_total", "Events at the doors, by result");
    metrics::describe_counter!("kinkeeper_pushes_total", "Pushes of other systems, by hook and result");
    metrics::describe_counter!("kinkeeper_hand_overs_total", "Hand-overs to a channel, by result");
    metrics::describe_counter!("kinkeeper_worker_done_total", "Pieces of work done, by worker");
    metrics::describe_counter!(
        "kinkeeper_worker_errors_total",
        "Drains that failed and are tried again, by worker"
    );
    metrics::describe_counter!("kinkeeper_self_checked_total", "Customers looked at by the self-check");
    metrics::describe_counter!(
        "kinkeeper_drift_total",
        "What the self-check found other than the facts say; must stay 0"
    );
    metrics::describe_gauge!(
        "kinkeeper_worker_lag_seconds",
        metrics::Unit::Seconds,
        "How long the earliest due work has been waiting, by worker"
    );
}
