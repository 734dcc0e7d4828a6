//! `serve`: the daemon.

use super::failure::{Failure, Outcome};
use super::session::Global;
use crate::app::App;
use crate::service::live;
use clap::Args;
use tokio_util::sync::CancellationToken;

/// Run the daemon: HTTP and all workers. Without settings: SQLite in ./data, mail written to files
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper serve
  kinkeeper serve --set http.listen=127.0.0.1:9000 --clock 2026-09-25T09:55:00+08:00,x600")]
pub struct Serve {}

impl Serve {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        serve(&session.app, stop_token()?).await
    }
}

/// Serves until `stop`, saying where.
pub(super) async fn serve(app: &App, stop: CancellationToken) -> Outcome {
    let hints = hints(app).await?;
    let served = app.serve(stop, move |address| {
        println!("kinkeeper is listening on http://{address}");
        for hint in hints {
            println!("{hint}");
        }
    });
    Ok(served.await?)
}

/// Cancelled by the first SIGINT or SIGTERM; the second ends the process at once.
pub(super) fn stop_token() -> Result<CancellationToken, Failure> {
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone())?);
    Ok(stop)
}

/// What to do next on a book that can't do much yet.
async fn hints(app: &App) -> Result<Vec<String>, Failure> {
    let status = live::status(&app.book).await?;
    let mut hints = Vec::new();
    if status.keys == 0 {
        hints.push(
            "No API key yet. Make one for sending facts:    kinkeeper key create --role ingest".to_owned(),
        );
        hints.push(
            "and one for looking around:                    kinkeeper key create --role admin".to_owned(),
        );
    }
    if status.live_since.is_none() {
        hints.push("Onboarding: nothing leaves before              kinkeeper go-live".to_owned());
    }
    Ok(hints)
}

/// The first signal lets what is begun be finished; the second ends the process at once.
fn stop_on_signal(stop: CancellationToken) -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        eprintln!("stopping: finishing what is begun; a second signal ends at once");
        stop.cancel();
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        std::process::exit(1);
    })
}
