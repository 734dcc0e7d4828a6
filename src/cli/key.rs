//! `key`: API keys.

use super::failure::Outcome;
use super::output::FormatArg;
use super::session::Global;
use crate::service::keys::{self, MadeKey, NewKey, ROLES};
use clap::{Args, Subcommand, builder::PossibleValuesParser};

/// Make API keys
#[derive(Debug, Subcommand)]
pub enum Key {
    Create(Create),
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
        let Self::Create(Create { role, staff, label, source, format }) = self;
        let session = global.open().await?;
        let made =
            keys::create(&session.app.book, NewKey { role, staff, label, source }, &session.actor).await?;
        eprintln!("This is the only time the secret is shown; keep it where passwords are kept.");
        format.print(&made, shown)
    }
}

fn shown(made: &MadeKey) -> String {
    made.key.clone()
}
