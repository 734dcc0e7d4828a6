//! `segment count`, `segment members`: of how many a segment or a rule holds, and of whom.

use super::apply::read_files;
use super::failure::{Failure, Outcome};
use super::output::{FormatArg, json, table, text, wall};
use super::session::Session;
use crate::service::ServiceError;
use crate::service::asking::{
    self, CountedBy, FunnelStep, Holds, LineFormat, SegmentCount, SegmentPreview, Whom,
};
use crate::service::segments::{self, Member, Members as Found};
use clap::{Args, ValueEnum};
use domain::ids::CustomerId;
use domain::problem::Problem;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Members of a page, unless said otherwise.
const PAGE: i64 = 50;

/// Whom to look for
#[derive(Debug, Args)]
struct WhomArgs {
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    key: Option<String>,
    /// A file instead, published or not: a segment's document, or a rule alone. Whom its rule means, whoever is pinned or banned
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The file holds a rule alone
    #[arg(long, requires = "file")]
    rule: bool,
}

impl WhomArgs {
    fn whom(self) -> Result<Whom, Failure> {
        match (self.key, self.file) {
            (Some(key), _) => Ok(Whom::Segment(key)),
            (None, Some(path)) => {
                let holds = if self.rule { Holds::Rule } else { Holds::Either };
                match <[_; 1]>::try_from(read_files(std::slice::from_ref(&path))?) {
                    Ok([input]) => Ok(Whom::File(input, holds)),
                    Err(several) => Err(one_file(&path, several.len())),
                }
            }
            (None, None) => Err(Failure::BadInput("name a segment, or a file with -f".to_owned())),
        }
    }
}

fn one_file(path: &Path, n: usize) -> Failure {
    let detail = format!("is a folder of {n} files; ask of one at a time");
    Failure::BadInput(format!("{}: {detail}", path.display()))
}

/// Count whom a segment or a rule means: how many, what each condition leaves, and the sentence
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper segment count recent_buyers
  kinkeeper segment count -f segments/recent_buyers.yaml
  kinkeeper segment count -f rule.json --rule --format json
  kinkeeper segment count -f rule.json --quick

Of a live segment or a list it counts members as last kept; the table of conditions is always of the rule as it is now.")]
pub struct Count {
    #[command(flatten)]
    whom: WhomArgs,
    /// The number alone, and of a large book as an estimate from a stable part of it
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    format: FormatArg,
}

/// List whom a segment or a rule means, by id: a page, or all of them as CSV or NDJSON
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper segment members recent_buyers --limit 100
  kinkeeper segment members recent_buyers --format csv -o recent_buyers.csv
  kinkeeper segment members -f segments/recent_buyers.yaml --format ndjson")]
pub struct Members {
    #[command(flatten)]
    whom: WhomArgs,
    /// Of a page: at most so many; 50 if left out
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..=segments::PAGE))]
    limit: Option<i64>,
    /// Of a page: go on after this cursor, as printed with the page before
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// A page for people or programs, or all members: a table for spreadsheets, or one JSON object a line
    #[arg(long, value_enum, default_value = "table")]
    format: Form,
    /// Write to this file; it is there once it is whole
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    #[value(alias = "text")]
    Table,
    Json,
    Csv,
    Ndjson,
}

impl Count {
    pub async fn run(self, session: &Session) -> Outcome {
        let book = &session.app.book;
        let question = asking::question(book, self.whom.whom()?).await?;
        if self.quick {
            let by = Some(CountedBy::Sample);
            let found = asking::count_now(book, question, by, asking::MOST).await?;
            let zone = session.zone().await?;
            return self.format.print(&found, |found| estimated(found, zone));
        }
        let found = asking::preview(book, question, asking::MOST, &session.actor).await?;
        let zone = session.zone().await?;
        self.format.print(&found, |found| counted(found, zone))
    }
}

impl Members {
    pub async fn run(self, session: &Session) -> Outcome {
        let lines = match self.format {
            Form::Csv => LineFormat::Csv,
            Form::Ndjson => LineFormat::Ndjson,
            Form::Table | Form::Json => return self.page(session).await,
        };
        if self.limit.is_some() || self.after.is_some() {
            let at = if self.limit.is_some() { "--limit" } else { "--after" };
            let detail = "is of pages; csv and ndjson give all members";
            return Err(Failure::Service(ServiceError::Invalid(vec![Problem::new(
                at,
                "not_a_page",
                detail,
            )])));
        }
        let whom = self.whom.whom()?;
        match &self.output {
            None => write_out(session, whom, lines, &mut std::io::stdout().lock()).await,
            Some(path) => {
                let mut beside = path.clone().into_os_string();
                beside.push(".part");
                let beside = PathBuf::from(beside);
                let failed = |e: std::io::Error| Failure::Failed(format!("{}: {e}", path.display()));
                let mut file = std::fs::File::create(&beside).map_err(failed)?;
                let written = write_out(session, whom, lines, &mut file).await;
                match written {
                    Ok(()) => std::fs::rename(&beside, path).map_err(failed),
                    Err(why) => {
                        std::fs::remove_file(&beside).map_err(failed)?;
                        Err(why)
                    }
                }
            }
        }
    }

    async fn page(self, session: &Session) -> Outcome {
        if let Some(path) = &self.output {
            let detail =
                format!("{}: a page isn't written to a file; take --format csv or ndjson", path.display());
            return Err(Failure::BadInput(detail));
        }
        let (whom, limit) = (self.whom.whom()?, self.limit.unwrap_or(PAGE));
        let found = segments::members(&session.app.book, whom, self.after.as_deref(), limit).await?;
        let zone = session.zone().await?;
        if self.format == Form::Json { json(&found) } else { text(&members_text(&found, zone)) }
    }
}

/// All members, as they are read.
async fn write_out(session: &Session, whom: Whom, lines: LineFormat, out: &mut impl Write) -> Outcome {
    let book = &session.app.book;
    let question = asking::question(book, whom).await?;
    asking::record_taken_out(book, &question, &session.actor).await?;
    let mut roll = asking::roll(book, question, CustomerId(0)).await?;
    out.write_all(&lines.head()?)?;
    while let Some(some) = roll.lines(book, lines).await? {
        out.write_all(&some)?;
    }
    Ok(out.flush()?)
}

fn estimated(found: &SegmentCount, zone: chrono_tz::Tz) -> String {
    let head = found.key.as_deref().map_or_else(String::new, |key| format!("{key}: "));
    let of = found
        .of
        .map_or_else(String::new, |of| format!(" of {}{of}", if found.exact { "" } else { "about " }));
    let count = match found.exact {
        true => found.count.to_string(),
        false => format!("about {} (± {}, 95 %)", found.count, found.margin),
    };
    format!("{head}{count}{of} customers, {}", wall(found.as_of, zone))
}

fn counted(found: &SegmentPreview, zone: chrono_tz::Tz) -> String {
    let of = found.key.as_deref().map_or_else(String::new, |key| format!("{key}: "));
    let mut parts =
        vec![format!("{of}{} of {} customers, {}", found.count, found.of, wall(found.as_of, zone))];
    if found.waiting > 0 {
        parts.push(format!(
            "{} customers changed and aren't kept yet; they are counted as they were (`kinkeeper drain`)",
            found.waiting
        ));
    }
    parts.extend(found.sentence.iter().map(|says| format!("{}\n{}", says.en, says.zh_cn)));
    if let Some(funnel) = &found.funnel {
        let so_far = if funnel.combined == "any" { "with those before" } else { "left" };
        let row = |step: &FunnelStep| [step.says.en.clone(), step.alone.to_string(), step.so_far.to_string()];
        parts.push(table(["condition", "alone", so_far], funnel.steps.iter().map(row)));
    }
    if !found.sample.is_empty() {
        let row = |one: &asking::Sampled| {
            let own = one.customer_id.clone().unwrap_or_default();
            [one.id.to_string(), own, one.name.clone().unwrap_or_default(), one.contacts.join(", ")]
        };
        parts.push(table(["for example", "customer_id", "name", "contacts"], found.sample.iter().map(row)));
    }
    parts.join("\n\n")
}

fn members_text(found: &Found, zone: chrono_tz::Tz) -> String {
    if found.items.is_empty() {
        return "nobody".to_owned();
    }
    let row = |member: &Member| {
        let by = if member.by_hand { "by hand" } else { "" };
        let since = member.since.map(|since| wall(since, zone)).unwrap_or_default();
        [member.customer.to_string(), member.customer_id.clone().unwrap_or_default(), since, by.to_owned()]
    };
    let body = table(["customer", "customer_id", "since", ""], found.items.iter().map(row));
    match &found.next_cursor {
        Some(cursor) => format!("{body}\n\nmore: --after '{cursor}'"),
        None => body,
    }
}
