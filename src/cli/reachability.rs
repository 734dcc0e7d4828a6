//! `reachability`: how many customers can be reached, and where the others are lost.

use super::failure::Outcome;
use super::output::{FormatArg, table};
use super::session::Global;
use crate::service::reachability::{self, Reachability};
use clap::Args;

/// How many customers can be reached, by channel and purpose: known, usable, consenting, not suppressed
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper reachability
  kinkeeper reachability --format json")]
pub struct ReachabilityArgs {
    #[command(flatten)]
    format: FormatArg,
}

impl ReachabilityArgs {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let found = reachability::report(&session.app.book).await?;
        self.format.print(&found, shown)
    }
}

fn shown(found: &Reachability) -> String {
    let rows = found.items.iter().map(|line| {
        [
            line.channel.to_string(),
            line.purpose.to_string(),
            line.customers.to_string(),
            line.known.to_string(),
            line.usable.to_string(),
            line.consenting.to_string(),
            line.reachable.to_string(),
        ]
    });
    let headers = ["channel", "purpose", "customers", "known", "usable", "consenting", "reachable"];
    let mut text = table(headers, rows);
    if !found.not_consumers.is_empty() {
        let others: Vec<String> = found.not_consumers.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        text += &format!("\nbeside them, counted nowhere above: {}", others.join(", "));
    }
    text
}
