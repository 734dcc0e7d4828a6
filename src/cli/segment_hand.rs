//! `segment pin`, `ban`, `release`, `add`, `remove`: what people say of members.

use super::failure::{Failure, Outcome};
use super::output::FormatArg;
use super::segment::any_form;
use super::session::Session;
use crate::service::pinning::{self, Filled, Pinned, Word};
use crate::service::profile::resolve;
use clap::Args;
use domain::problem::Problem;
use domain::segment::Hand;
use domain::time::Instant;
use std::path::PathBuf;

/// Put a customer into a segment whatever its rule says
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper segment pin recent_buyers user_id:12346 --until 2027-06-30 --reason \"buys for the whole office\"")]
pub struct Pin {
    #[command(flatten)]
    said: Said,
    #[command(flatten)]
    until: Until,
}

/// Keep a customer out of a segment whatever its rule says
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper segment ban recent_buyers user_id:12346 --reason \"a test account of the agency\"")]
pub struct Ban {
    #[command(flatten)]
    said: Said,
    #[command(flatten)]
    until: Until,
}

/// Take a pin or a ban back: the rule decides again; off a list they go
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper segment release recent_buyers user_id:12346 --reason \"pinned by mistake\"")]
pub struct Release {
    #[command(flatten)]
    said: Said,
}

#[derive(Debug, Args)]
struct Said {
    /// The segment
    #[arg(value_name = "KEY")]
    segment: String,
    /// cus_42, or KIND:VALUE such as user_id:12346
    #[arg(value_name = "ID|KIND:VALUE")]
    customer: String,
    /// Why, for those who will ask; nothing that names the person
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    format: FormatArg,
}

#[derive(Debug, Args)]
struct Until {
    /// Until when, the shop's own date or an instant; until somebody says otherwise if left out
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
}

#[derive(Debug, Args)]
pub struct Fill {
    /// The list
    #[arg(value_name = "KEY")]
    segment: String,
    /// CSV, XLSX or NDJSON
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Why, for those who will ask; nothing that names a person
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    format: FormatArg,
}

impl Pin {
    pub async fn run(self, session: &Session) -> Outcome {
        let until = self.until.read(session).await?;
        self.said.run(session, Word::Is(Hand::Pinned, until)).await
    }
}

impl Ban {
    pub async fn run(self, session: &Session) -> Outcome {
        let until = self.until.read(session).await?;
        self.said.run(session, Word::Is(Hand::Banned, until)).await
    }
}

impl Release {
    pub async fn run(self, session: &Session) -> Outcome {
        self.said.run(session, Word::Released).await
    }
}

impl Until {
    async fn read(&self, session: &Session) -> Result<Option<Instant>, Failure> {
        let zone = session.zone().await?;
        let read = |text: &String| {
            Instant::parse(text, zone).ok_or_else(|| {
                let detail = format!("\"{text}\" is no date; write one like 2027-06-30");
                Failure::Unchanged(vec![Problem::new("--until", "bad_date", detail)])
            })
        };
        self.until.as_ref().map(read).transpose()
    }
}

impl Said {
    async fn run(self, session: &Session, word: Word) -> Outcome {
        let book = &session.app.book;
        let customer = resolve(book, &self.customer).await?;
        let what = (self.segment.as_str(), word);
        let done = pinning::say(book, customer, what, &self.reason, &session.actor).await?;
        self.format.print(&done, told)
    }
}

impl Fill {
    pub async fn run(self, session: &Session, fill: pinning::Fill) -> Outcome {
        let (file, by) = ((self.file.as_path(), any_form()), (self.reason.as_str(), session.actor.as_str()));
        let done = pinning::fill(&session.app.book, &self.segment, file, fill, by).await?;
        self.format.print(&done, |done| filled(done, fill))
    }
}

fn told(done: &Pinned) -> String {
    let Pinned { customer, segment, said, until, .. } = done;
    let until = until.map_or_else(String::new, |until| format!(" until {until}"));
    match *said {
        "pinned" => format!("{customer} is in {segment}{until}"),
        "banned" => format!("{customer} is kept out of {segment}{until}"),
        _ => format!("of {customer} and {segment} the rule decides again"),
    }
}

fn filled(done: &Filled, fill: pinning::Fill) -> String {
    let did = match fill {
        pinning::Fill::Add => "put on",
        pinning::Fill::Remove => "taken off",
    };
    format!(
        "{} of {} rows: {} {did} {}, of {} it was so already",
        done.changed + done.unchanged,
        done.rows,
        done.changed,
        done.segment,
        done.unchanged
    )
}
