//! `import`: files of customers, orders and tickets, with a progress bar where somebody watches.

use super::failure::{Failure, Outcome};
use super::output::FormatArg;
use super::session::Global;
use crate::service::import::{self, Age, Kind, Later, Mode, Progress, Report, Request, Unknown};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::PathBuf;

/// Take in a CSV file, plain or gzipped
#[derive(Debug, Subcommand)]
pub enum Import {
    Customers(CustomersFile),
    Orders(OrdersFile),
    Tickets(TicketsFile),
}

/// Customers with names, contacts, birthdays and consents
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper import customers customers.csv --reject refused.csv")]
pub struct CustomersFile {
    #[command(flatten)]
    file: FileArgs,
}

/// Orders and refunds
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper import orders orders.csv.gz --history")]
pub struct OrdersFile {
    #[command(flatten)]
    file: FileArgs,
}

/// Tickets and complaints
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper import tickets tickets.csv --dry-run")]
pub struct TicketsFile {
    #[command(flatten)]
    file: FileArgs,
}

#[derive(Debug, Args)]
struct FileArgs {
    /// CSV file with a header row, gzipped or not
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
    format: FormatArg,
}

impl Import {
    pub async fn run(self, global: &Global) -> Outcome {
        let (kind, args) = match self {
            Self::Customers(CustomersFile { file }) => (Kind::Customers, file),
            Self::Orders(OrdersFile { file }) => (Kind::Orders, file),
            Self::Tickets(TicketsFile { file }) => (Kind::Tickets, file),
        };
        let request = Request {
            kind,
            path: args.file,
            mode: if args.dry_run { Mode::DryRun } else { Mode::Import },
            age: if args.history { Age::Historical } else { Age::Current },
            unknown: if args.traits { Unknown::Keep } else { Unknown::Refuse },
            later: Later::Refuse,
            reject: args.reject,
        };
        let session = global.open().await?;
        let book = &session.app.book;
        let mut bar = Bar::new();
        let report = import::run(&book.store, &book.shop_key, &request, &mut bar).await;
        bar.finish();
        let report = report.map_err(Failure::from)?;
        args.format.print(&report, |report| shown(report, &request))?;
        if request.mode == Mode::DryRun {
            eprintln!("dry run: nothing was changed");
        }
        Ok(())
    }
}

fn shown(report: &Report, request: &Request) -> String {
    let counts = &report.counts;
    let mut lines = vec![format!(
        "{} rows of {}: {} taken in, {} known before, {} refused, {} without a customer",
        report.rows,
        request.path.display(),
        counts.accepted,
        counts.duplicate,
        counts.rejected,
        counts.without_customer
    )];
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
