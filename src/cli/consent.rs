//! `consent`: signed batches of consents, taken in and taken back, and the ledger.

use super::failure::{Failure, Outcome};
use super::output::{FormatArg, table};
use super::session::{Global, Session};
use crate::service::ServiceError;
use crate::service::consents::{self, BatchView, LedgerView, Preview, Signed};
use crate::service::import::{FormSaid, file_hash};
use crate::service::profile::resolve;
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use domain::ids::ConsentBatchId;
use domain::problem::Problem;
use std::path::PathBuf;

/// Consents: signed batches, and who said what when
#[derive(Debug, Subcommand)]
pub enum Consent {
    Import(Import),
    Show(Show),
    Batches(Batches),
    Revoke(Revoke),
}

/// Take in a file of consents that somebody answers for; it can be taken back as a whole
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper consent import fair.csv --signed-by \"Li Na, data protection\" --date 2026-03-01 \\
      --evidence \"paper forms of the spring fair, binder 7\" --dry-run

Columns: customer_id (or email, or phone), channel, purpose (marketing where it is left out), state (granted or
denied), at, evidence, text_version. The same file again changes nothing.")]
pub struct Import {
    /// CSV, XLSX or NDJSON
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Who answers for these consents, by name
    #[arg(long, value_name = "NAME")]
    signed_by: String,
    /// The day of the signature, by the shop's calendar; rows without `at` were said on it
    #[arg(long, value_name = "DATE")]
    date: NaiveDate,
    /// What proves them, where a row doesn't say
    #[arg(long, value_name = "TEXT", required_unless_present = "evidence_file")]
    evidence: Option<String>,
    /// A file that proves them: its name and SHA-256 are kept
    #[arg(long, value_name = "FILE", conflicts_with = "evidence")]
    evidence_file: Option<PathBuf>,
    /// Only say what it would bring
    #[arg(long)]
    dry_run: bool,
    /// utf-8, gbk, …; told by the file's bytes where it is left out
    #[arg(long, value_name = "LABEL")]
    encoding: Option<String>,
    /// Of a workbook with several
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    #[command(flatten)]
    format: FormatArg,
}

/// Show what was ever said of a customer, or what a batch brought
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper consent show user_id:12346
  kinkeeper consent show --batch csb_3")]
pub struct Show {
    /// cus_42, or KIND:VALUE such as user_id:12346
    #[arg(value_name = "ID|KIND:VALUE", required_unless_present = "batch", conflicts_with = "batch")]
    customer: Option<String>,
    /// A batch instead
    #[arg(long, value_name = "BATCH")]
    batch: Option<ConsentBatchId>,
    #[command(flatten)]
    format: FormatArg,
}

/// List the batches, latest first
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper consent batches")]
pub struct Batches {
    #[command(flatten)]
    format: FormatArg,
}

/// Take a batch back: what held before it holds again, unless something was said later
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper consent revoke csb_3 --reason \"the forms were for another shop\"")]
pub struct Revoke {
    /// The batch, as `consent batches` shows it
    #[arg(value_name = "BATCH")]
    batch: ConsentBatchId,
    /// Why, for those who will ask
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    format: FormatArg,
}

impl Consent {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        match self {
            Self::Import(import) => import.run(&session).await,
            Self::Show(show) => show.run(&session).await,
            Self::Batches(Batches { format }) => {
                let found = consents::batches(&session.app.book).await?;
                format.print(&found, |found| listed(found))
            }
            Self::Revoke(Revoke { batch, reason, format }) => {
                let done = consents::revoke(&session.app.book, batch, &reason, &session.actor).await?;
                format.print(&done, |done| {
                    format!(
                        "{} is taken back: {} lines of {} customers count no more",
                        done.batch, done.lines, done.customers
                    )
                })
            }
        }
    }
}

impl Import {
    async fn run(self, session: &Session) -> Outcome {
        let evidence = match (self.evidence, self.evidence_file) {
            (_, Some(file)) => {
                let at = file.display().to_string();
                let hash =
                    file_hash(&file).map_err(|e| ServiceError::invalid(at, "cannot_read", e.to_string()))?;
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                format!("{name}, sha256:{hash}")
            }
            (text, None) => text.unwrap_or_default(),
        };
        let form = FormSaid { encoding: self.encoding, delimiter: None, sheet: self.sheet };
        let signed = Signed { path: self.file, form, by: self.signed_by, on: self.date, evidence };
        let book = &session.app.book;
        let done = match self.dry_run {
            true => consents::preview(book, &signed).await?,
            false => consents::import(book, &signed, &session.actor).await?,
        };
        self.format.print(&done, told)?;
        if done.rows > 0 && done.refused == done.rows {
            let at = signed.path.display().to_string();
            return Err(Failure::from(vec![Problem::new(
                at,
                "all_refused",
                "every row was refused; nothing was taken in",
            )]));
        }
        Ok(())
    }
}

impl Show {
    async fn run(self, session: &Session) -> Outcome {
        let book = &session.app.book;
        match (self.batch, self.customer) {
            (Some(batch), _) => {
                let (batch, lines) = consents::of_batch(book, batch).await?;
                let shown = serde_json::json!({ "batch": batch, "lines": lines });
                self.format.print(&shown, |_| {
                    format!("{}\n\n{}", listed(std::slice::from_ref(&batch)), ledger(&lines))
                })
            }
            (None, customer) => {
                let id = resolve(book, &customer.unwrap_or_default()).await?;
                let lines = consents::of_customer(book, id).await?;
                self.format.print(&lines, |lines| ledger(lines))
            }
        }
    }
}

fn told(done: &Preview) -> String {
    let mut text = format!(
        "{} rows: {} granted, {} denied, of {} customers; {} refused",
        done.rows, done.granted, done.denied, done.customers, done.refused
    );
    match (done.batch, done.known) {
        (Some(batch), true) => text += &format!("\n{batch} brought this file already; nothing was changed"),
        (Some(batch), false) => {
            if done.resumed_from > 0 {
                text += &format!("\nwent on behind line {}, where it was interrupted", done.resumed_from);
            }
            text += &format!("\ntaken in as {batch}; `kinkeeper consent revoke {batch}` takes it back")
        }
        (None, _) => text += "\nnothing was written",
    }
    if !done.sample.is_empty() {
        let rows = done.sample.iter().map(|one| {
            let (line, customer, purpose) =
                (one.line.to_string(), one.customer.to_string(), one.purpose.to_string());
            [line, customer, one.channel.clone(), purpose, one.state.to_owned(), one.at.to_rfc3339()]
        });
        text += &format!("\n\n{}", table(["line", "customer", "channel", "purpose", "state", "at"], rows));
    }
    if !done.refusals.is_empty() {
        let rows =
            done.refusals.iter().map(|one| [one.line.to_string(), one.code.clone(), one.reason.clone()]);
        text += &format!("\n\n{}", table(["line", "refused", "why"], rows));
    }
    text
}

fn listed(found: &[BatchView]) -> String {
    if found.is_empty() {
        return "no batches".to_owned();
    }
    table(
        ["batch", "file", "signed by", "on", "lines", "evidence", "taken back"],
        found.iter().map(|batch| {
            let revoked = match (batch.revoked_at, batch.finished_at) {
                (Some(at), _) => {
                    format!("{}: {}", at.to_rfc3339(), batch.revoke_reason.clone().unwrap_or_default())
                }
                (None, None) => "unfinished: import the file again".to_owned(),
                (None, Some(_)) => String::new(),
            };
            [
                batch.id.to_string(),
                batch.file.clone(),
                batch.signed_by.clone(),
                batch.signed_on.clone(),
                batch.lines.to_string(),
                batch.evidence.clone(),
                revoked,
            ]
        }),
    )
}

fn ledger(lines: &[LedgerView]) -> String {
    if lines.is_empty() {
        return "nothing was ever said".to_owned();
    }
    table(
        ["at", "customer", "channel", "purpose", "state", "source", "text", "evidence"],
        lines.iter().map(|line| {
            let taken_back = line.revoked_at.map(|at| format!(" (taken back {})", at.to_rfc3339()));
            [
                line.occurred_at.to_rfc3339(),
                line.customer.to_string(),
                line.channel.clone(),
                line.purpose.clone(),
                format!("{}{}", line.state, taken_back.unwrap_or_default()),
                line.source.clone(),
                line.text_version.clone().unwrap_or_default(),
                line.evidence.clone(),
            ]
        }),
    )
}
