//! `segment`: which there are, what they mean, who is in them and why, and publishing them. What people do to members is
//! [`super::segment_hand`]'s, asking how many and whom [`super::segment_ask`]'s.

use super::apply::read_files;
use super::customer::LangArg;
use super::explain_text;
use super::failure::Outcome;
use super::output::{Assent, FormatArg, table};
use super::segment_ask::{Count, Members};
use super::segment_hand::{Ban, Fill, Pin, Release};
use super::segment_schema::Schema;
use super::session::{Global, Session};
use super::tag_publish;
use crate::service::import::FormSaid;
use crate::service::publishing::{self, Only};
use crate::service::segments::{self, SegmentLine};
use crate::service::{eligibility, looking, pinning, profile::resolve};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Segments: which there are, who is in them and why, publishing them, pins, bans and lists
#[derive(Debug, Subcommand)]
pub enum Segment {
    List(List),
    Count(Count),
    Members(Members),
    Describe(Describe),
    Explain(Explain),
    Preview(Preview),
    Publish(Publish),
    Schema(Schema),
    Pin(Pin),
    Ban(Ban),
    Release(Release),
    /// Put everybody of a file on a list; where a row is wrong nothing is written, and each wrong row is named
    #[command(after_help = "Example:
  kinkeeper segment add guests -f guests.csv --reason \"invited to the autumn tasting\"

The file has a header with the column customer (cus_42, user_id:12346) or customer_id (the shop's own id). The same file again changes nothing.")]
    Add(Fill),
    /// Take everybody of a file off a list; where a row is wrong nothing is written, and each wrong row is named
    #[command(after_help = "Example:
  kinkeeper segment remove guests -f guests.csv --reason \"the tasting is over\"")]
    Remove(Fill),
}

/// List all segments: how their members are known, how many there are
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper segment list
  kinkeeper segment list --format json")]
pub struct List {
    #[command(flatten)]
    format: FormatArg,
}

/// Say in words who is in a segment, and which tags and segments it asks for
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper segment describe recent_buyers
  kinkeeper segment describe -f segments/recent_buyers.yaml")]
pub struct Describe {
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    key: Option<String>,
    /// Documents instead, published or not: a file, or a folder; may be given several times
    #[arg(short, long = "file", value_name = "FILE|DIR")]
    file: Vec<PathBuf>,
    #[command(flatten)]
    format: FormatArg,
}

/// Say why a customer is in a segment or isn't: what people said, then the rule with what it saw
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper segment explain recent_buyers user_id:12346")]
pub struct Explain {
    key: String,
    /// cus_42, or KIND:VALUE such as user_id:12346
    #[arg(value_name = "ID|KIND:VALUE")]
    customer: String,
    /// The language of conditions
    #[arg(long, value_enum, default_value_t = LangArg::En)]
    lang: LangArg,
    #[command(flatten)]
    format: FormatArg,
}

/// Show who would enter and leave the segments that documents define or change, and change nothing
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper segment preview -f recent_buyers.yaml")]
pub struct Preview {
    /// File, or folder of .yaml and .json files; may be given several times
    #[arg(short, long = "file", required = true, value_name = "FILE|DIR")]
    file: Vec<PathBuf>,
    #[command(flatten)]
    format: FormatArg,
}

/// Publish segments from YAML files, after showing who would enter and leave
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper segment publish -f segments/ --yes

As `apply` does: all documents or none, with a row of the audit log; the keeper then looks at everybody again.")]
pub struct Publish {
    /// File, or folder of .yaml and .json files; may be given several times
    #[arg(short, long = "file", required = true, value_name = "FILE|DIR")]
    file: Vec<PathBuf>,
    /// Don't ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: FormatArg,
}

impl Segment {
    pub async fn run(self, global: &Global) -> Outcome {
        if let Self::Schema(command) = self {
            return command.run();
        }
        let session = global.open().await?;
        let book = &session.app.book;
        match self {
            Self::List(List { format }) => format.print(&segments::list(book).await?, |all| listed(all)),
            Self::Count(command) => command.run(&session).await,
            Self::Members(command) => command.run(&session).await,
            Self::Schema(command) => command.run(),
            Self::Describe(command) => command.run(&session).await,
            Self::Explain(command) => command.run(&session).await,
            Self::Preview(Preview { file, format }) => {
                tag_publish::show(&session, &file, format, Only::Segments).await.map(drop)
            }
            Self::Publish(Publish { file, yes, format }) => {
                let draft = tag_publish::show(&session, &file, format, Only::Segments).await?;
                tag_publish::publish(&session, draft, Assent::from_flag(yes)).await
            }
            Self::Pin(command) => command.run(&session).await,
            Self::Ban(command) => command.run(&session).await,
            Self::Release(command) => command.run(&session).await,
            Self::Add(command) => command.run(&session, pinning::Fill::Add).await,
            Self::Remove(command) => command.run(&session, pinning::Fill::Remove).await,
        }
    }
}

impl Describe {
    async fn run(self, session: &Session) -> Outcome {
        let book = &session.app.book;
        let lines = match self.key {
            Some(key) => vec![segments::show(book, &key).await?],
            None => publishing::draft(book, &read_files(&self.file)?, Only::Segments).await?.segments(),
        };
        self.format.print(&lines, |lines| lines.iter().map(described).collect::<Vec<_>>().join("\n\n"))
    }
}

impl Explain {
    async fn run(self, session: &Session) -> Outcome {
        let book = &session.app.book;
        let id = resolve(book, &self.customer).await?;
        let zone = session.zone().await?;
        let found = eligibility::explain_segment(book, id, &self.key, self.lang.into()).await?;
        looking::viewed(book, &session.actor, id).await?;
        self.format.print(&found, |found| explain_text::segment(found, zone))
    }
}

/// Files as they are, whatever their form.
pub(super) fn any_form() -> FormSaid {
    FormSaid::default()
}

fn described(line: &SegmentLine) -> String {
    let mut lines = vec![format!("{} ({} / {}), {}", line.key, line.name.en, line.name.zh_cn, line.keep)];
    let both = line.description.iter().chain(&line.says);
    lines.extend(both.flat_map(|text| [format!("  {}", text.en), format!("  {}", text.zh_cn)]));
    if line.says.is_none() {
        lines.push("  filled by hand: `kinkeeper segment add`".to_owned());
    }
    for (what, keys) in [("tags", &line.tags), ("segments", &line.segments)] {
        if !keys.is_empty() {
            lines.push(format!("  asks for the {what} {}", keys.join(", ")));
        }
    }
    lines.join("\n")
}

fn listed(all: &[SegmentLine]) -> String {
    let row = |line: &SegmentLine| {
        let pinned = line.pinned.filter(|n| *n > 0).map(|n| format!("{n} pinned"));
        let banned = line.banned.filter(|n| *n > 0).map(|n| format!("{n} banned"));
        let by_hand: Vec<String> = pinned.into_iter().chain(banned).collect();
        let members = line.members.map_or_else(|| by_hand.join(", "), |n| n.to_string());
        let version = format!("v{}", line.version);
        [line.key.clone(), line.name.en.clone(), line.keep.to_owned(), version, members]
    };
    table(["segment", "name", "kept", "version", "members"], all.iter().map(row))
}
