//! `import staff` and `import shifts`: tables of people and of their hours, shown as what they change and written
//! all or nothing, as `apply` does; and `import batches`, the imports there were.

use super::super::apply::shown as changes;
use super::super::failure::{Failure, Outcome};
use super::super::output::{Assent, FormatArg, table, wall};
use super::super::session::{Global, Session};
use super::FormArgs;
use crate::service::import::{self, Batch, Codes};
use crate::service::{ServiceError, apply};
use clap::Args;
use domain::problem::Problem;
use std::path::PathBuf;

/// Staff: name, email, role, level, skills, team
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper import staff staff.csv --dry-run

Columns: name, email, role, level, skills, team; also key, capacity_held, calls_per_day, state. Who is known already
by address or name keeps their key. Shows the difference, asks, and writes all of it or nothing.")]
pub struct StaffFile {
    #[command(flatten)]
    file: TableArgs,
}

/// Shifts: a matrix of names and dates with shift codes
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper import shifts october.xlsx --code 早=09:00-18:00 --code 晚=13:00-22:00

The first column names people, every other one is a date (2026-10-01). A cell is a code, hours such as 09:00-18:00, or
empty for a day off. Shows the difference, asks, and writes all of it or nothing.")]
pub struct ShiftsFile {
    #[command(flatten)]
    file: TableArgs,
    /// A shift code and its hours; may be given several times
    #[arg(long = "code", value_name = "CODE=HOURS")]
    codes: Vec<String>,
}

#[derive(Debug, Args)]
struct TableArgs {
    /// File with a header row: CSV or NDJSON, gzipped or not, or XLSX
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Don't ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    format: FormatArg,
}

impl StaffFile {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let TableArgs { file, dry_run, yes, form, format } = self.file;
        let inputs = import::staff_documents(&session.app.book, &file, form.into()).await;
        declare(&session, inputs.map_err(unchanged)?, dry_run_or(dry_run, yes), format).await
    }
}

impl ShiftsFile {
    pub async fn run(self, global: &Global) -> Outcome {
        let codes = codes(&self.codes)?;
        let session = global.open().await?;
        let TableArgs { file, dry_run, yes, form, format } = self.file;
        let inputs = import::shift_documents(&session.app.book, &file, form.into(), &codes).await;
        declare(&session, inputs.map_err(unchanged)?, dry_run_or(dry_run, yes), format).await
    }
}

fn dry_run_or(dry_run: bool, yes: bool) -> Option<Assent> {
    (!dry_run).then(|| Assent::from_flag(yes))
}

fn codes(said: &[String]) -> Result<Codes, Failure> {
    let mut codes = Codes::new();
    for pair in said {
        let Some((code, hours)) = pair.split_once('=').filter(|(code, _)| !code.is_empty()) else {
            let detail = format!("--code {pair}: write a code and its hours, such as 早=09:00-18:00");
            return Err(Failure::BadInput(detail));
        };
        let hours = hours.split_whitespace().map(str::to_owned).collect();
        codes.insert(code.to_owned(), hours);
    }
    Ok(codes)
}

/// Shows what the documents would change, and writes them after a yes. `None` is a dry run.
async fn declare(
    session: &Session,
    inputs: Vec<apply::Input>,
    assent: Option<Assent>,
    format: FormatArg,
) -> Outcome {
    let book = &session.app.book;
    let names: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
    let prepared = apply::prepare(book, &inputs).await.map_err(|error| unchanged(in_rows(error, &names)))?;
    format.print(&prepared.changes, |all| changes(all))?;
    let differing = prepared.differing();
    let Some(assent) = assent.filter(|_| differing > 0) else {
        eprintln!("{}", if differing == 0 { "nothing to change" } else { "dry run: nothing was changed" });
        return Ok(());
    };
    assent.require(&format!("Change {differing} of {} rows?", names.len()))?;
    apply::commit(book, prepared, &session.actor).await?;
    eprintln!("{differing} of {} rows written", names.len());
    Ok(())
}

/// A row's document is the program's own; its problems are the row's.
fn in_rows(error: ServiceError, names: &[String]) -> ServiceError {
    let ServiceError::Invalid(problems) = error else { return error };
    let in_row = |problem: Problem| {
        let place = names.iter().find(|name| problem.at.starts_with(&format!("{name}:")));
        let Some((name, (_, field))) = place.zip(problem.at.split_once(", document 1")) else {
            return problem;
        };
        let field = field.trim_start_matches(", ");
        let column = if field.is_empty() { String::new() } else { format!(", {field}") };
        Problem { at: format!("{name}{column}"), ..problem }
    };
    ServiceError::Invalid(problems.into_iter().map(in_row).collect())
}

fn unchanged(error: ServiceError) -> Failure {
    match error {
        ServiceError::Invalid(problems) => Failure::Unchanged(problems),
        error => error.into(),
    }
}

/// List imports: what, when, by whom, and what became of the rows
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper import batches --limit 5")]
pub struct Batches {
    /// How many, latest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=1000))]
    limit: i64,
    #[command(flatten)]
    format: FormatArg,
}

impl Batches {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let batches = import::list_batches(&session.app.book.store, self.limit).await?;
        let zone = session.zone().await?;
        self.format.print(&batches, |batches| listed(batches, zone))
    }
}

fn listed(batches: &[Batch], zone: chrono_tz::Tz) -> String {
    if batches.is_empty() {
        return "nothing was imported yet: `kinkeeper import inspect FILE` says how to".to_owned();
    }
    let headers = ["id", "kind", "file", "rows", "taken in", "known", "refused", "received", "by", "state"];
    table(
        headers,
        batches.iter().map(|batch| {
            let state = match (batch.undone_at, batch.finished_at, batch.historical) {
                (Some(_), ..) => "taken back",
                (None, None, _) => "unfinished",
                (None, Some(_), true) => "done, as history",
                (None, Some(_), false) => "done",
            };
            [
                batch.id.to_string(),
                batch.kind.clone(),
                batch.file.clone(),
                batch.rows.to_string(),
                batch.counts.accepted.to_string(),
                batch.counts.duplicate.to_string(),
                batch.counts.rejected.to_string(),
                wall(batch.received_at, zone),
                batch.actor.clone().unwrap_or_default(),
                state.to_owned(),
            ]
        }),
    )
}
