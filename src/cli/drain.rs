//! `drain`: everything that is due at the clock, then the end.

use super::failure::{Failure, Outcome};
use super::output::{FormatArg, table};
use super::session::Global;
use crate::app::App;
use crate::service::import;
use crate::store::Step;
use crate::worker::WorkDone;
use clap::Args;
use std::time::Duration;

/// Do everything that is due at the clock, print what was done, and exit
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper drain
  kinkeeper drain --clock 2026-09-25T09:55:00+08:00")]
pub struct Drain {
    #[command(flatten)]
    format: FormatArg,
}

impl Drain {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open_behind_clock().await?;
        let _lock = session.app.lock_workers().await?;
        import::end_abandoned(&session.app.book.store).await?;
        for left in import::list_unfinished(&session.app.book.store).await? {
            eprintln!("warning: {}", super::live::unfinished(&left));
        }
        self.format.print(&drain(&session.app).await?, shown)
    }
}

/// Drains at the clock. A clock set ahead of a virtual book's is walked to, stopping at all that is due on
/// the way.
async fn drain(app: &App) -> Result<WorkDone, Failure> {
    let engine = app.engine();
    let mut total = engine.drain_all().await?;
    let Some(clock) = app.settings.clock else { return Ok(total) };
    loop {
        match app.book.store.advance_clock(clock.at).await? {
            Step::Moved(_) => {
                for (worker, n) in engine.drain_all().await? {
                    *total.entry(worker).or_default() += n;
                }
            }
            // Somebody else holds a lease; theirs is done first.
            Step::NotYet => app.alarm.wait(app.alarm.rings(), Duration::from_millis(50)).await,
            Step::Idle => return Ok(total),
        }
    }
}

fn shown(done: &WorkDone) -> String {
    if done.values().all(|n| *n == 0) {
        return "nothing was due".to_owned();
    }
    table(["worker", "done"], done.iter().map(|(worker, n)| [(*worker).to_owned(), n.to_string()]))
}
