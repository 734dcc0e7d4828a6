//! What every command begins with: settings from the flags, the open book, and who acts.

use super::failure::Failure;
use crate::app::App;
use crate::service::{ServiceError, shop};
use crate::settings::{Settings, Sources};
use crate::{system, telemetry};
use chrono_tz::Tz;
use clap::Args;
use std::path::PathBuf;

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Settings file (TOML); every key is described by `kinkeeper config show --defaults`
    #[arg(long, global = true, value_name = "FILE", env = "KINKEEPER_CONFIG")]
    pub config: Option<PathBuf>,
    /// One setting, over the file and the environment; may be given several times
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Run on a virtual clock: an instant, and ",xN" to let it run N times as fast as real time. A new book
    /// begins there; an older one is moved there by drain
    #[arg(long, global = true, value_name = "INSTANT[,xN]")]
    pub clock: Option<String>,
    /// Act as this member of staff (its key); else as cli:<user>
    #[arg(long = "as", global = true, value_name = "STAFF")]
    pub acting: Option<String>,
}

impl Global {
    pub fn sources(&self) -> Sources {
        let mut overrides = self.set.clone();
        overrides.extend(self.clock.iter().map(|clock| format!("clock={clock}")));
        Sources::of_process(self.config.clone(), overrides)
    }

    pub fn settings(&self) -> Result<Settings, Failure> {
        let settings = Settings::load(&self.sources())?;
        telemetry::init(&settings.log);
        for warning in &settings.warnings {
            tracing::warn!(setting = warning.at, "{}", warning.detail);
        }
        Ok(settings)
    }

    /// Opens the book, whose clock must stand where the settings say, if they do.
    pub async fn open(&self) -> Result<Session, Failure> {
        let session = self.open_behind_clock().await?;
        let (app, wanted) = (&session.app, session.app.settings.clock);
        let stored = app.book.now().await?;
        if let Some(wanted) = wanted.filter(|wanted| wanted.at > stored) {
            let zone = session.zone().await?;
            let detail = format!(
                "{} is ahead of this book's clock, which shows {}, and only drain moves it: \
                 `kinkeeper drain --clock {}` does all that is due on the way; then leave --clock out",
                wanted.at.to_rfc3339_in(zone),
                stored.to_rfc3339_in(zone),
                wanted.at.to_rfc3339_in(zone),
            );
            let at = if self.clock.is_some() { "--clock" } else { "clock" };
            return Err(ServiceError::invalid(at, "clock_ahead", detail).into());
        }
        Ok(session)
    }

    /// Opens the book wherever its clock stands: for who moves it.
    pub async fn open_behind_clock(&self) -> Result<Session, Failure> {
        let app = App::open(self.settings()?).await?;
        let actor = match &self.acting {
            Some(key) => crate::service::staff::active(&app.book, key).await?.staff.key,
            None => format!("cli:{}", system::user_name()),
        };
        Ok(Session { app, actor })
    }
}

/// An open book and who acts on it.
pub struct Session {
    pub app: App,
    /// As the audit log names them.
    pub actor: String,
}

impl Session {
    /// The shop's time zone: what tables for people are written in.
    pub async fn zone(&self) -> Result<Tz, Failure> {
        Ok(shop::shop(&self.app.book).await?.zone)
    }
}
