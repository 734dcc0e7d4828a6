//! `backup`, `restore`, `migrate`: a copy of the book, the way back from one, and a newer schema.

use super::failure::{Failure, Outcome};
use super::output::{Assent, FormatArg, text, wall};
use super::session::Global;
use crate::app::{self, App};
use crate::service::backup::{self, BackedUp, Replayed};
use crate::service::secrets::Secrets;
use crate::service::{ServiceError, shop};
use crate::settings::Settings;
use crate::system::{SystemClock, SystemEntropy, user_name};
use clap::Args;
use domain::time::Clock;
use serde_json::json;
use std::path::PathBuf;

/// Write a copy of the whole book to a file, while a daemon works on it
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper backup /srv/backups/monday.db

The copy is one SQLite file, whichever database the book is in, and can be restored into either. The key file
(secrets.key_file) isn't in it: keep a copy of that elsewhere.")]
pub struct Backup {
    /// A file that isn't there yet
    file: PathBuf,
    #[command(flatten)]
    format: FormatArg,
}

impl Backup {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let zone = session.zone().await?;
        let made = backup::back_up(&session.app.book, &self.file, &session.actor).await?;
        eprintln!("The key file isn't in it: {}", session.app.settings.secrets.key_file.display());
        self.format.print(&made, |BackedUp { file, bytes, at }| {
            format!("{file}: the book as of {}, {} MB", wall(*at, zone), bytes.div_ceil(1_000_000))
        })
    }
}

/// Put a copy in the place of the book; everything is stopped in it until you resume
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper restore /srv/backups/monday.db
  kinkeeper restore monday.db --set database.url=postgres://localhost/empty

Stop the daemons first. A SQLite book that is there steps aside; a PostgreSQL database must be empty. Opt-outs,
suppressions and erasures since the copy are taken from the log of refusals (backup.refusals_log).")]
pub struct Restore {
    /// A file that `kinkeeper backup` wrote
    file: PathBuf,
    /// Logs of refusals; where none is named, the one of the settings
    #[arg(long, value_name = "LOG")]
    refusals: Vec<PathBuf>,
    /// Don't ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: FormatArg,
}

impl Restore {
    pub async fn run(self, global: &Global) -> Outcome {
        let settings = global.settings()?;
        let _lock = app::lock_workers(&settings.database)?;
        let secrets = secrets(&settings)?;
        let logs = self.logs(&settings)?;
        let question = format!("Put {} in the place of {}?", self.file.display(), settings.database.shown());
        Assent::from_flag(self.yes).require(&question)?;
        let actor = format!("cli:{}", user_name());
        let url = settings.database.url.expose().to_owned();
        let now = SystemClock.machine_now();
        let (at, restored) = backup::restore_file(&self.file, &url, &secrets, &actor, now).await?;
        let app = App::open(settings).await?;
        let mut all = Replayed::default();
        for log in &logs {
            let one = backup::replay(&app.book, log, &actor).await?;
            all.lines += one.lines;
            all.added += one.added;
            all.unfinished += one.unfinished;
        }
        let zone = shop::shop(&app.book).await?.zone;
        let before = restored.before.map(|path| path.display().to_string());
        let data = json!({ "as_of": at, "before": before, "logs": logs.len(), "refusals": all });
        self.format.print(&data, |_| {
            let mut lines = vec![format!("restored: the book as of {}", wall(at, zone))];
            lines.extend(before.map(|before| format!("what was there lies in {before}")));
            lines.push(match logs.len() {
                0 => "no log of refusals was found: who opted out since the copy is not known".to_owned(),
                _ => format!("refusals: {} in the log, {} of them new to the copy", all.lines, all.added),
            });
            lines.push(
                "everything is stopped; `kinkeeper status` shows why, `kinkeeper resume --all` lets it go on"
                    .to_owned(),
            );
            lines.join("\n")
        })
    }

    fn logs(&self, settings: &Settings) -> Result<Vec<PathBuf>, Failure> {
        for log in &self.refusals {
            if !log.is_file() {
                let detail = format!("{}: there is no such file", log.display());
                return Err(ServiceError::invalid("--refusals", "no_such_file", detail).into());
            }
        }
        let ours = Some(&settings.refusals_log).filter(|log| self.refusals.is_empty() && log.is_file());
        Ok(self.refusals.iter().chain(ours).cloned().collect())
    }
}

fn secrets(settings: &Settings) -> Result<Secrets, Failure> {
    let path = &settings.secrets.key_file;
    if !path.is_file() {
        let detail =
            format!("{}: is missing; put the key file there that the copy was made with", path.display());
        return Err(ServiceError::invalid("secrets.key_file", "missing", detail).into());
    }
    Ok(Secrets::load_or_create(path, &SystemEntropy)
        .map_err(|e| ServiceError::invalid("secrets.key_file", "key_file", e.to_string()))?)
}

/// Bring the book's schema up to date. A SQLite book does so by itself, after a copy
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper migrate --config shop.toml")]
pub struct Migrate {}

impl Migrate {
    pub async fn run(self, global: &Global) -> Outcome {
        let settings = global.settings()?;
        let _lock = app::lock_workers(&settings.database)?;
        let shown = settings.database.shown();
        App::migrate(settings).await?;
        text(&format!("{shown} has the schema of this program"))
    }
}
