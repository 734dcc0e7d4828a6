//! `staff`: who there is.

use super::failure::Outcome;
use super::output::{FormatArg, table};
use super::session::Global;
use crate::service::staff;
use clap::{Args, Subcommand};

/// Show staff (declare them with `apply -f`)
#[derive(Debug, Subcommand)]
pub enum Staff {
    List(List),
}

/// List staff with level, team and capacity
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper staff list")]
pub struct List {
    #[command(flatten)]
    format: FormatArg,
}

impl Staff {
    pub async fn run(self, global: &Global) -> Outcome {
        let Self::List(List { format }) = self;
        let session = global.open().await?;
        let all = staff::list(&session.app.book).await?;
        let all: Vec<_> = all.into_iter().map(|row| row.staff).collect();
        format.print(&all, |all| shown(all))
    }
}

fn shown(all: &[staff::Staff]) -> String {
    if all.is_empty() {
        return "nobody yet: declare staff in YAML and run `kinkeeper apply -f FILE`".to_owned();
    }
    table(
        ["key", "name", "role", "level", "team", "skills", "holds", "calls a day", "state"],
        all.iter().map(|s| {
            [
                s.key.clone(),
                s.name.clone(),
                s.role.clone(),
                s.level.clone(),
                s.team.clone().unwrap_or_default(),
                s.skills.join(", "),
                s.capacity_held.to_string(),
                s.calls_per_day.to_string(),
                s.state.clone(),
            ]
        }),
    )
}
