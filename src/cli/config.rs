//! `config`: which settings are in force, and where each comes from.

use super::failure::Outcome;
use super::output::{FormatArg, table, text};
use super::session::Global;
use crate::settings::{self, InForce};
use clap::{Args, Subcommand};

/// Look at the settings
#[derive(Debug, Subcommand)]
pub enum Config {
    Show(Show),
}

/// Print the settings in force and where each comes from, without secrets
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper config show --config shop.toml
  kinkeeper config show --defaults > shop.toml")]
pub struct Show {
    /// Print the built-in file instead: every key with its default and its meaning
    #[arg(long)]
    defaults: bool,
    #[command(flatten)]
    format: FormatArg,
}

impl Config {
    pub fn run(self, global: &Global) -> Outcome {
        let Self::Show(Show { defaults, format }) = self;
        if defaults {
            return text(settings::DEFAULTS);
        }
        let sources = global.sources();
        let in_force = settings::in_force(&sources)?;
        format.print(&in_force, |all| shown(all))?;
        // What is in force may still not be valid; say so after showing it.
        settings::Settings::load(&sources)?;
        Ok(())
    }
}

fn shown(all: &[InForce]) -> String {
    table(
        ["setting", "value", "from"],
        all.iter().map(|s| {
            [s.key.clone(), s.value.clone(), s.from.clone().unwrap_or_else(|| "default".to_owned())]
        }),
    )
}
