//! `tag`: which there are, and giving and taking them by hand. Publishing them is [`super::tag_publish`]'s.

use super::failure::{Failure, Outcome};
use super::output::{FormatArg, table};
use super::session::{Global, Session};
use super::tag_calibrate::Calibrate;
use super::tag_publish::{Preview, Publish};
use super::tag_schema::Schema;
use crate::service::marking::{self, Given, Hand, Marked};
use crate::service::profile::resolve;
use crate::service::tags::{self, TagLine};
use clap::{Args, Subcommand};
use domain::problem::Problem;
use domain::time::Instant;

/// Tags: which there are, how many have them, publishing them, and giving and taking them by hand
#[derive(Debug, Subcommand)]
pub enum Tag {
    List(List),
    Preview(Preview),
    Publish(Publish),
    Calibrate(Calibrate),
    Schema(Schema),
    Add(Add),
    Remove(Remove),
}

/// List all tags: where they come from, who may set them, how many customers have each value
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper tag list
  kinkeeper tag list --format json")]
pub struct List {
    #[command(flatten)]
    format: FormatArg,
}

/// Give a customer a tag by hand: from now on it is this, whatever its rule says
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper tag add cus_42 comm_style=careful --reason \"three calls, always asks twice\"
  kinkeeper tag add user_id:12346 vip --until 2027-06-30 --reason \"contract of 2026\"")]
pub struct Add {
    /// cus_42, or KIND:VALUE such as user_id:12346
    #[arg(value_name = "ID|KIND:VALUE")]
    customer: String,
    /// The tag, with its value where it has several: vip, comm_style=careful
    #[arg(value_name = "KEY[=VALUE]")]
    tag: String,
    /// Until when, the shop's own date or an instant; some tags need it
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Why, for those who will ask; nothing that names the person
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    format: FormatArg,
}

/// Take a tag away by hand; what its rule gives stays away for 90 d
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper tag remove cus_42 comm_style --reason \"found to be wrong\"")]
pub struct Remove {
    /// cus_42, or KIND:VALUE such as user_id:12346
    #[arg(value_name = "ID|KIND:VALUE")]
    customer: String,
    /// The tag
    #[arg(value_name = "KEY")]
    tag: String,
    /// Why, for those who will ask; nothing that names the person
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    format: FormatArg,
}

impl Tag {
    pub async fn run(self, global: &Global) -> Outcome {
        if let Self::Schema(command) = self {
            return command.run();
        }
        let session = global.open().await?;
        match self {
            Self::List(List { format }) => {
                format.print(&tags::list(&session.app.book).await?, |all| listed(all))
            }
            Self::Preview(command) => command.run(&session).await,
            Self::Publish(command) => command.run(&session).await,
            Self::Calibrate(command) => command.run(&session).await,
            Self::Schema(command) => command.run(),
            Self::Add(command) => command.run(&session).await,
            Self::Remove(command) => command.run(&session).await,
        }
    }
}

impl Add {
    async fn run(self, session: &Session) -> Outcome {
        let book = &session.app.book;
        let customer = resolve(book, &self.customer).await?;
        let (tag, value) = match self.tag.split_once('=') {
            Some((tag, value)) => (tag.to_owned(), Some(value.to_owned())),
            None => (self.tag, None),
        };
        let zone = session.zone().await?;
        let read = |text: &str| {
            Instant::parse(text, zone).ok_or_else(|| {
                let detail = format!("\"{text}\" is no date; write one like 2027-06-30");
                Failure::Unchanged(vec![Problem::new("--until", "bad_date", detail)])
            })
        };
        let until = self.until.as_deref().map(read).transpose()?;
        let given = Given { tag, value, until, reason: self.reason };
        let marked = marking::give(book, customer, given, (&session.actor, Hand::Approver)).await?;
        self.format.print(&marked, done)
    }
}

impl Remove {
    async fn run(self, session: &Session) -> Outcome {
        let book = &session.app.book;
        let customer = resolve(book, &self.customer).await?;
        let what = (self.tag.as_str(), self.reason.as_str());
        let marked = marking::take(book, customer, what, (&session.actor, Hand::Approver)).await?;
        self.format.print(&marked, done)
    }
}

fn done(marked: &Marked) -> String {
    let Marked { customer, tag, value, until, .. } = marked;
    let until = until.map_or_else(String::new, |until| format!(" until {until}"));
    match value.as_deref() {
        None => format!("{customer} hasn't {tag} any more{}", if until.is_empty() { "" } else { &until }),
        Some("true") => format!("{customer} has {tag}{until}"),
        Some(value) => format!("{customer} has {tag}={value}{until}"),
    }
}

fn listed(all: &[TagLine]) -> String {
    let row = |line: &TagLine| {
        let values: Vec<String> = line.counts.iter().map(|(value, n)| format!("{value} {n}")).collect();
        let values = line.waits_for.clone().unwrap_or_else(|| values.join(", "));
        let group = line.group.clone().unwrap_or_default();
        [
            line.key.clone(),
            line.name.en.clone(),
            group,
            line.apply.to_owned(),
            format!("v{}", line.version),
            values,
        ]
    };
    table(["tag", "name", "about", "set by", "version", "customers"], all.iter().map(row))
}
