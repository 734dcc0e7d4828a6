//! A stretch of a shop's life: what is declared and imported before it, and its passing from due time to due time.
//! The same engine, the same services and the same gate as on any other book. Which shop it is, a [`Script`] says.

use super::agents::Agents;
use super::data;
use super::feed::{Recorded, Together};
use crate::app::App;
use crate::service::apply::{self, Input};
use crate::service::import::{self, Kind, Later, Request, Unwatched};
use crate::service::suppressions::Refusal;
use crate::service::{ServiceError, campaigns, live, sources, suppressions};
use crate::worker::{NoFeed, WorkDone};
use domain::campaign::state::CampaignState;
use domain::time::Instant;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// 2011-11-30T23:00:00Z: everything before is imported here.
pub const IMPORTED_AT: Instant = Instant::from_micros(1_322_694_000_000_000);
/// 2011-12-01T00:00:00Z: the book goes live, and December's events begin.
pub const LIVE_AT: Instant = Instant::from_micros(1_322_697_600_000_000);
/// 2011-12-05T00:00:00Z: the Monday whose queue the report shows.
pub const MONDAY: Instant = Instant::from_micros(1_323_043_200_000_000);

const ACTOR: &str = "demo";

/// Files and what each is about, in the order in which they are imported.
pub type Files = Vec<(Kind, PathBuf)>;

/// What happens to which shop.
pub struct Script {
    /// What it declares, by file name.
    pub declared: &'static [(&'static str, &'static str)],
    /// Writes its files into a folder.
    pub files: fn(&Path) -> Result<Files, ServiceError>,
    /// Addresses that must not be written to.
    pub suppressed: fn() -> Vec<Refusal>,
    /// What is approved before it goes live.
    pub campaigns: &'static [&'static str],
    /// What happened by then is imported; the rest comes in as events.
    pub imported_at: Instant,
    pub live_at: Instant,
    /// The last two as one says them.
    pub told: [&'static str; 2],
}

/// The retail book's December.
pub const RETAIL: Script = Script {
    declared: &data::DECLARED,
    files: data::write_files,
    suppressed: data::suppressions,
    campaigns: &["festival", "winback", "important_ticket_callback"],
    imported_at: IMPORTED_AT,
    live_at: LIVE_AT,
    told: ["importing what happened before 1 December 2011", "going live at 2011-12-01T00:00"],
};

/// A book in that stretch of time.
pub struct Month {
    app: App,
    recorded: Recorded,
    agents: Agents,
}

impl Month {
    /// The retail book's December; see [`Month::of`].
    pub async fn begin(app: App, folder: &Path, told: &dyn Fn(&str)) -> Result<Self, ServiceError> {
        Self::of(&RETAIL, app, folder, told).await
    }

    /// Declares, imports, approves and goes live; the clock then stands at the script's `live_at`. What was done
    /// already before an interruption isn't done again.
    pub async fn of(
        script: &Script,
        app: App,
        folder: &Path,
        told: &dyn Fn(&str),
    ) -> Result<Self, ServiceError> {
        if live::status(&app.book).await?.live_since.is_none() {
            prepare(script, &app, folder, told).await?;
        }
        let recorded = recorded_of(script, &app, folder).await?;
        let agents = Agents::on_roster(app.book.clone()).await?;
        Ok(Self { app, recorded, agents })
    }

    /// Lets time pass up to `until`, where the clock then stands.
    pub async fn run_until(
        &mut self,
        until: Instant,
        stop: &CancellationToken,
    ) -> Result<WorkDone, ServiceError> {
        let engine = self.app.engine();
        let mut feeds = Together(vec![&mut self.recorded, &mut self.agents]);
        let done = engine.run_virtual(&mut feeds, until, None, stop).await?;
        if !stop.is_cancelled() {
            self.app.book.store.advance_clock(until).await?;
        }
        Ok(done)
    }
}

async fn prepare(script: &Script, app: &App, folder: &Path, told: &dyn Fn(&str)) -> Result<(), ServiceError> {
    let book = &app.book;
    told("declaring staff, shifts, calendars and the coupon batch");
    let inputs: Vec<Input> = script
        .declared
        .iter()
        .map(|(name, text)| Input { name: (*name).to_owned(), text: (*text).to_owned(), kind: None })
        .collect();
    let prepared = apply::prepare(book, &inputs).await?;
    apply::commit(book, prepared, ACTOR).await?;

    told(script.told[0]);
    for (kind, path) in (script.files)(&files(folder))? {
        let request = Request { later: Later::LeaveOut, ..Request::new(kind, &path) };
        let done = import::run(&book.store, &book.shop_key, &request, &mut Unwatched).await?;
        if let Some(refused) = done.refused.first() {
            return Err(ServiceError::Internal(format!("{}: {}", path.display(), refused.reason)));
        }
    }
    suppressions::add(book, &(script.suppressed)(), ACTOR).await?;

    told("deciding everybody's tags");
    let engine = app.engine();
    engine.drain_all().await?;
    let running: Vec<String> = campaigns::list(book)
        .await?
        .into_iter()
        .filter(|campaign| campaign.state == CampaignState::Running)
        .map(|campaign| campaign.key)
        .collect();
    for key in script.campaigns.iter().filter(|key| !running.iter().any(|running| running == *key)) {
        campaigns::approve(book, key, ACTOR).await?;
    }
    engine.run_virtual(&mut NoFeed, script.live_at, None, &CancellationToken::new()).await?;
    book.store.advance_clock(script.live_at).await?;
    engine.drain_all().await?;
    told(script.told[1]);
    live::go_live(book, ACTOR).await?;
    Ok(())
}

fn files(folder: &Path) -> PathBuf {
    folder.join("import")
}

/// December's events from the book's present instant on, for one daemon.
pub async fn recorded(app: &App, folder: &Path) -> Result<Recorded, ServiceError> {
    recorded_of(&RETAIL, app, folder).await
}

async fn recorded_of(script: &Script, app: &App, folder: &Path) -> Result<Recorded, ServiceError> {
    let now = app.book.now().await?;
    let source = sources::ensure(&app.book, "demo").await?;
    let files = (script.files)(&files(folder))?;
    let events = data::events(&app.book, &files, script.imported_at).await?;
    Ok(Recorded::new(app.book.clone(), source, events, now))
}
