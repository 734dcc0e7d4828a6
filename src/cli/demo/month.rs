//! The month itself: what is declared and imported before it, and its passing from due time to due time.
//! The same engine, the same services and the same gate as on any other book.

use super::agents::Agents;
use super::data;
use super::feed::{Recorded, Together};
use crate::app::App;
use crate::service::apply::{self, Input};
use crate::service::import::{self, Later, Request, Unwatched};
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
const CAMPAIGNS: [&str; 3] = ["festival", "winback", "important_ticket_callback"];

/// A book in its December.
pub struct Month {
    app: App,
    recorded: Recorded,
    agents: Agents,
}

impl Month {
    /// Declares, imports, approves and goes live; the clock then stands at [`LIVE_AT`]. What was done already
    /// before an interruption isn't done again.
    pub async fn begin(app: App, folder: &Path, told: &dyn Fn(&str)) -> Result<Self, ServiceError> {
        if live::status(&app.book).await?.live_since.is_none() {
            prepare(&app, folder, told).await?;
        }
        let recorded = recorded(&app, folder).await?;
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

async fn prepare(app: &App, folder: &Path, told: &dyn Fn(&str)) -> Result<(), ServiceError> {
    let book = &app.book;
    told("declaring staff, shifts, calendars and the coupon batch");
    let inputs: Vec<Input> = data::DECLARED
        .iter()
        .map(|(name, text)| Input { name: (*name).to_owned(), text: (*text).to_owned(), kind: None })
        .collect();
    let prepared = apply::prepare(book, &inputs).await?;
    apply::commit(book, prepared, ACTOR).await?;

    told("importing what happened before 1 December 2011");
    for (kind, path) in data::write_files(&files(folder))? {
        let request = Request { later: Later::LeaveOut, ..Request::new(kind, &path) };
        let done = import::run(&book.store, &book.shop_key, &request, &mut Unwatched).await?;
        if let Some(refused) = done.refused.first() {
            return Err(ServiceError::Internal(format!("{}: {}", path.display(), refused.reason)));
        }
    }
    suppressions::add(book, &data::suppressions(), ACTOR).await?;

    told("deciding everybody's tags");
    let engine = app.engine();
    engine.drain_all().await?;
    let running: Vec<String> = campaigns::list(book)
        .await?
        .into_iter()
        .filter(|campaign| campaign.state == CampaignState::Running)
        .map(|campaign| campaign.key)
        .collect();
    for key in CAMPAIGNS.into_iter().filter(|key| !running.iter().any(|running| running == key)) {
        campaigns::approve(book, key, ACTOR).await?;
    }
    engine.run_virtual(&mut NoFeed, LIVE_AT, None, &CancellationToken::new()).await?;
    book.store.advance_clock(LIVE_AT).await?;
    engine.drain_all().await?;
    told("going live at 2011-12-01T00:00");
    live::go_live(book, ACTOR).await?;
    Ok(())
}

fn files(folder: &Path) -> PathBuf {
    folder.join("import")
}

/// December's events from the book's present instant on, for one daemon.
pub async fn recorded(app: &App, folder: &Path) -> Result<Recorded, ServiceError> {
    let now = app.book.now().await?;
    let source = sources::ensure(&app.book, "demo").await?;
    let events = data::events(&app.book, &files(folder), IMPORTED_AT).await?;
    Ok(Recorded::new(app.book.clone(), source, events, now))
}
