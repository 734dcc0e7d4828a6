//! `import`: files of customers, orders, tickets and touches, with a progress bar where somebody watches.

mod inspect;
mod people;

use super::failure::{Failure, Outcome};
use super::output::FormatArg;
use super::session::Global;
use crate::service::ServiceError;
use crate::service::import::{
    self, Age, Alone, Choice, FormSaid, Kind, Later, Mode, Progress, Report, Request, Unknown,
};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::PathBuf;

/// Take in a file of your shop: CSV, XLSX or NDJSON
///
/// Rows that can't be taken in are refused one by one, with line, column and remedy; all others are taken in.
/// Exit code 0 with a warning on stderr where some rows were refused, 2 where every row was or the file can't
/// be read (then nothing was changed). The same file again changes nothing; one that was interrupted goes on.
#[derive(Debug, Subcommand)]
pub enum Import {
    Customers(CustomersFile),
    Orders(OrdersFile),
    Tickets(TicketsFile),
    Contacts(ContactsFile),
    Events(EventsFile),
    Staff(people::StaffFile),
    Shifts(people::ShiftsFile),
    Inspect(inspect::InspectFile),
    Batches(people::Batches),
}

/// What a cron job needs to know.
macro_rules! exit_codes {
    () => {
        "Exit codes: 0 done (with a warning on stderr where rows were refused), 1 failed (the same command goes\n\
         on), 2 every row was refused or the file can't be read"
    };
}

/// Customers with names, contacts, birthdays and consents
#[derive(Debug, Args)]
#[command(after_help = concat!("Example:\n  kinkeeper import customers customers.csv --reject refused.csv\n\n", exit_codes!()))]
pub struct CustomersFile {
    #[command(flatten)]
    file: FileArgs,
}

/// Orders and refunds
#[derive(Debug, Args)]
#[command(after_help = concat!("Example:\n  kinkeeper import orders orders.csv.gz --history\n\n", exit_codes!()))]
pub struct OrdersFile {
    #[command(flatten)]
    file: FileArgs,
}

/// Tickets and complaints
#[derive(Debug, Args)]
#[command(after_help = concat!("Example:\n  kinkeeper import tickets tickets.csv --dry-run\n\n", exit_codes!()))]
pub struct TicketsFile {
    #[command(flatten)]
    file: FileArgs,
}

/// Touches by other tools: who was written to or called, when and how
#[derive(Debug, Args)]
#[command(after_help = concat!("Example:\n  kinkeeper import contacts touches.csv --history\n\n", exit_codes!()))]
pub struct ContactsFile {
    #[command(flatten)]
    file: FileArgs,
}

/// Events in Segment's shape, one JSON object a line
#[derive(Debug, Args)]
#[command(after_help = concat!("Example:\n  kinkeeper import events events.ndjson.gz --history\n\n", exit_codes!()))]
pub struct EventsFile {
    #[command(flatten)]
    file: FileArgs,
}

#[derive(Debug, Args)]
struct FileArgs {
    /// File with a header row: CSV or NDJSON, gzipped or not, or XLSX
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Read and judge every row, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Known from now on, never acted on: for what was taken in after the fact
    #[arg(long)]
    history: bool,
    /// Keep columns the format doesn't know, as traits or properties
    #[arg(long)]
    traits: bool,
    /// Write each refused row with its reason to this file
    #[arg(long, value_name = "FILE")]
    reject: Option<PathBuf>,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    profile: ProfileArgs,
    #[command(flatten)]
    format: FormatArg,
}

/// What a file's bytes may not tell.
#[derive(Debug, Args)]
struct FormArgs {
    /// Encoding of a text file, such as utf-8, gb18030 or utf-16le; told by the file's bytes otherwise
    #[arg(long, value_name = "LABEL")]
    encoding: Option<String>,
    /// Delimiter of a CSV file: one character, or comma, semicolon or tab; told by its header otherwise
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<String>,
    /// Sheet of a workbook; the first that isn't empty otherwise
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
}

#[derive(Debug, Args)]
struct ProfileArgs {
    /// Mapping profile: generic, taobao, jd, shopify, douyin or pdd; told by the header otherwise
    #[arg(long, value_name = "NAME", conflicts_with = "map")]
    profile: Option<String>,
    /// Mapping of your own, as `import inspect` proposes one
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
}

impl From<FormArgs> for FormSaid {
    fn from(FormArgs { encoding, delimiter, sheet }: FormArgs) -> Self {
        Self { encoding, delimiter, sheet }
    }
}

impl From<ProfileArgs> for Choice {
    fn from(args: ProfileArgs) -> Self {
        match (args.profile, args.map) {
            (Some(name), _) => Self::Named(name),
            (None, Some(path)) => Self::Map(path),
            (None, None) => Self::Detect,
        }
    }
}

impl Import {
    pub async fn run(self, global: &Global) -> Outcome {
        let (kind, args) = match self {
            Self::Inspect(command) => return command.run(global).await,
            Self::Batches(command) => return command.run(global).await,
            Self::Staff(command) => return command.run(global).await,
            Self::Shifts(command) => return command.run(global).await,
            Self::Events(EventsFile { file }) => (Kind::Events, file),
            Self::Contacts(ContactsFile { file }) => (Kind::Contacts, file),
            Self::Customers(CustomersFile { file }) => (Kind::Customers, file),
            Self::Orders(OrdersFile { file }) => (Kind::Orders, file),
            Self::Tickets(TicketsFile { file }) => (Kind::Tickets, file),
        };
        let mut request = Request {
            kind,
            path: args.file,
            form: args.form.into(),
            profile: args.profile.into(),
            mode: if args.dry_run { Mode::DryRun } else { Mode::Import },
            age: if args.history { Age::Historical } else { Age::Current },
            unknown: if args.traits { Unknown::Keep } else { Unknown::Refuse },
            later: Later::Refuse,
            reject: args.reject,
            actor: None,
            alone: Alone::default(),
        };
        let session = global.open().await?;
        request.actor = Some(session.actor.clone());
        request.alone = session.app.alone().await?;
        let book = &session.app.book;
        let mut bar = Bar::new();
        let report = import::run(&book.store, &book.shop_key, &request, &mut bar).await;
        bar.finish();
        let report = report.map_err(|error| match error {
            ServiceError::Invalid(problems) => Failure::Unchanged(problems),
            error => error.into(),
        })?;
        args.format.print(&report, |report| shown(report, &request))?;
        if request.mode == Mode::DryRun {
            eprintln!("dry run: nothing was changed");
        }
        ended(&report, &request)
    }
}

/// Some refused rows are a warning; a file of which every row is refused is the wrong file.
fn ended(report: &Report, request: &Request) -> Outcome {
    let counts = &report.counts;
    if counts.rejected == 0 {
        return Ok(());
    }
    let remedy = match &request.reject {
        Some(path) => format!("repair them in {} and import that", path.display()),
        None => "--reject FILE writes them down with the reasons, to be repaired and imported".to_owned(),
    };
    if counts.rejected == counts.rows() - counts.without_customer {
        let detail = format!("{}: every row was refused; {remedy}", request.path.display());
        return Err(Failure::BadInput(detail));
    }
    eprintln!("warning: {} of {} rows were refused; {remedy}", counts.rejected, report.rows);
    Ok(())
}

fn shown(report: &Report, request: &Request) -> String {
    let counts = &report.counts;
    let taken_in = if request.mode == Mode::DryRun { "would be taken in" } else { "taken in" };
    let mut lines = vec![format!(
        "{} rows of {}: {} {taken_in}, {} known already, {} refused, {} without a customer",
        report.rows,
        request.path.display(),
        counts.accepted,
        counts.duplicate,
        counts.rejected,
        counts.without_customer
    )];
    let profile = report.profile.as_ref().map_or(String::new(), |profile| format!("; profile {profile}"));
    lines.push(format!("read as {}{profile}", report.form));
    if report.resumed_from > 0 {
        lines.push(format!("went on after row {}, where it was interrupted", report.resumed_from));
    }
    lines.extend(report.refused.iter().map(|row| format!("  {}", row.reason)));
    let shown = i64::try_from(report.refused.len()).unwrap_or(i64::MAX);
    if counts.rejected > shown {
        let more = counts.rejected - shown;
        lines.push(match &request.reject {
            Some(path) => format!("  and {more} more, all in {}", path.display()),
            None => format!("  and {more} more; --reject FILE writes them all down"),
        });
    }
    lines.join("\n")
}

/// A bar on a terminal's stderr, and nothing anywhere else.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} rows, {eta} left");
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn begin(&mut self, rows: u64) {
        self.0.set_length(rows);
    }
    fn advance(&mut self, rows: u64) {
        self.0.inc(rows);
    }
}
