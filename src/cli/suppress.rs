//! `suppress`: contact points nothing is sent to any more.

use super::failure::{Failure, Outcome};
use super::output::FormatArg;
use super::session::Global;
use crate::service::suppressions::{self, Refusal, Suppressed};
use clap::Args;
use domain::problem::Problem;
use std::path::{Path, PathBuf};

/// Never send to a mail address again, whoever has it; only a keyed hash is stored
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper suppress rosa@example.com --reason \"asked by phone\"
  kinkeeper suppress --file bounced.csv

The file's header names the columns email and reason.")]
pub struct Suppress {
    /// Mail addresses
    #[arg(
        value_name = "EMAIL",
        required_unless_present = "file",
        conflicts_with = "file",
        requires = "reason"
    )]
    email: Vec<String>,
    /// Why, for those who will ask
    #[arg(long)]
    reason: Option<String>,
    /// CSV file with the columns email and reason
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArg,
}

impl Suppress {
    pub async fn run(self, global: &Global) -> Outcome {
        let refusals = match &self.file {
            Some(file) => read_file(file, self.reason.as_deref())?,
            None => {
                let reason = self.reason.clone().unwrap_or_default();
                self.email
                    .iter()
                    .map(|email| Refusal { email: email.clone(), reason: reason.clone() })
                    .collect()
            }
        };
        let session = global.open().await?;
        let done = suppressions::add(&session.app.book, &refusals, &session.actor).await?;
        self.format.print(&done, shown)
    }
}

fn shown(done: &Suppressed) -> String {
    let known = match done.customers {
        1 => "1 known customer has".to_owned(),
        n => format!("{n} known customers have"),
    };
    let listed = done.given as u64 - done.added.min(done.given as u64);
    let before = if listed > 0 { format!(", {listed} were on it before") } else { String::new() };
    format!("{} added to the suppression list{before}; {known} one of them", done.added)
}

fn read_file(path: &Path, reason: Option<&str>) -> Result<Vec<Refusal>, Failure> {
    let name = path.display().to_string();
    let unreadable = |e: csv::Error| Failure::from(vec![Problem::new(&name, "unreadable", e.to_string())]);
    let mut reader = csv::Reader::from_path(path).map_err(unreadable)?;
    let headers = reader.headers().map_err(unreadable)?.clone();
    let column = |wanted: &str| headers.iter().position(|header| header.trim() == wanted);
    let Some(email) = column("email") else {
        let detail = "the header needs a column `email`, and `reason` where --reason isn't given";
        return Err(vec![Problem::new(format!("{name}:1"), "missing_column", detail)].into());
    };
    let reasons = column("reason");
    let mut refusals = Vec::new();
    for row in reader.records() {
        let row = row.map_err(unreadable)?;
        let field = |index: usize| row.get(index).unwrap_or_default().to_owned();
        let written = reasons.map(field).filter(|text| !text.trim().is_empty());
        let reason = written.or_else(|| reason.map(str::to_owned)).unwrap_or_default();
        refusals.push(Refusal { email: field(email), reason });
    }
    Ok(refusals)
}
