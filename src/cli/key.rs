//! `key`: API keys.

use super::failure::Outcome;
use super::output::{FormatArg, table, text, wall};
use super::session::{Global, Session};
use crate::service::keys::{self, KeyView, MadeKey, NewKey, ROLES};
use clap::{Args, Subcommand, builder::PossibleValuesParser};

/// Make, list and revoke API keys
#[derive(Debug, Subcommand)]
pub enum Key {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// List the keys there are or were, without their secrets
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper key list")]
pub struct List {
    #[command(flatten)]
    format: FormatArg,
}

/// Take a key out of force at once
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper key revoke 3f9a")]
pub struct Revoke {
    /// As `key list` shows it
    id: String,
}

/// Make a key; its secret is shown once
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper key create --role ingest --label \"web shop\"
  kinkeeper key create --role agent --staff sal")]
pub struct Create {
    /// What it may do
    #[arg(long, value_parser = PossibleValuesParser::new(ROLES))]
    role: String,
    /// Who acts by it: key or name of a member of staff; agents' keys need one
    #[arg(long, value_name = "NAME")]
    staff: Option<String>,
    /// What it is for, for those who read the list
    #[arg(long)]
    label: Option<String>,
    /// Where facts sent with an ingest key belong
    #[arg(long, value_name = "KEY")]
    source: Option<String>,
    #[command(flatten)]
    format: FormatArg,
}

impl Key {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        match self {
            Self::Create(command) => command.run(&session).await,
            Self::List(command) => command.run(&session).await,
            Self::Revoke(command) => {
                keys::revoke(&session.app.book, &command.id, &session.actor).await?;
                text(&format!("{} opens nothing any more", command.id))
            }
        }
    }
}

impl List {
    async fn run(self, session: &Session) -> Outcome {
        let zone = session.zone().await?;
        let all = keys::list(&session.app.book).await?;
        self.format.print(&all, |all| {
            let row = |key: &KeyView| {
                [
                    key.id.clone(),
                    key.role.clone(),
                    key.staff.clone().or_else(|| key.source.clone()).unwrap_or_default(),
                    key.label.clone(),
                    wall(key.created_at, zone),
                    key.revoked_at.map(|at| wall(at, zone)).unwrap_or_default(),
                ]
            };
            match all.is_empty() {
                true => "none yet: kinkeeper key create --role ingest".to_owned(),
                false => table(["key", "role", "for", "label", "made", "revoked"], all.iter().map(row)),
            }
        })
    }
}

impl Create {
    async fn run(self, session: &Session) -> Outcome {
        let Self { role, staff, label, source, format } = self;
        let made =
            keys::create(&session.app.book, NewKey { role, staff, label, source }, &session.actor).await?;
        eprintln!("This is the only time the secret is shown; keep it where passwords are kept.");
        format.print(&made, shown)
    }
}

fn shown(made: &MadeKey) -> String {
    made.key.clone()
}
