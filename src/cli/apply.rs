//! `apply`: declared documents, all or nothing.

use super::failure::{Failure, Outcome};
use super::output::{Assent, FormatArg};
use super::session::Global;
use crate::service::apply::{self, Change, Difference, Input};
use crate::service::{Book, campaigns};
use clap::Args;
use domain::problem::Problem;
use std::path::{Path, PathBuf};

/// Declare campaigns, templates, coupon batches, calendars, staff, shifts and the shop from YAML files
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper apply -f campaigns/ --dry-run
  kinkeeper apply -f staff.yaml -f calendar.yaml --yes

A file holds any number of documents between lines of ---, each with its `kind`: shop, calendar, staff, shift,
coupon_batch, template or campaign. Nothing is written unless every document is sound.")]
pub struct Apply {
    /// File, or folder of .yaml and .json files; may be given several times
    #[arg(short, long = "file", required = true, value_name = "FILE|DIR")]
    file: Vec<PathBuf>,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Don't ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: FormatArg,
}

impl Apply {
    pub async fn run(self, global: &Global) -> Outcome {
        let inputs = read_files(&self.file)?;
        let session = global.open().await?;
        let prepared = apply::prepare(&session.app.book, &inputs).await?;
        self.format.print(&prepared.changes, |changes| shown(changes))?;
        let differing = prepared.differing();
        if self.dry_run || differing == 0 {
            eprintln!("{}", if self.dry_run { "dry run: nothing was changed" } else { "nothing to change" });
            return Ok(());
        }
        Assent::from_flag(self.yes).require(&format!("Apply {}?", documents(differing)))?;
        let changed = prepared.changed("campaign");
        apply::commit(&session.app.book, prepared, &session.actor).await?;
        eprintln!("{} applied", documents(differing));
        for key in changed {
            warn(&session.app.book, &key).await?;
        }
        Ok(())
    }
}

/// Tells what keeps a campaign just applied from being approved: templates and batches may come with it, so
/// it isn't an error before.
async fn warn(book: &Book, key: &str) -> Outcome {
    let obstacles = campaigns::show(book, key).await?.obstacles;
    if !obstacles.is_empty() {
        eprintln!("{key} can't be approved yet:");
        obstacles.iter().for_each(|problem| eprintln!("  {problem}"));
    }
    Ok(())
}

pub(super) fn documents(n: usize) -> String {
    if n == 1 { "1 document".to_owned() } else { format!("{n} documents") }
}

/// What would change, for people.
pub(super) fn shown(changes: &[Change]) -> String {
    let mut lines = Vec::new();
    let mut unchanged = 0;
    for change in changes {
        let sign = match change.difference {
            Difference::New => "+ new      ",
            Difference::Changed => "~ changed  ",
            Difference::Unchanged => {
                unchanged += 1;
                continue;
            }
        };
        lines.push(format!("{sign} {} {}", change.kind, change.key));
        lines.extend(change.details.iter().map(|detail| format!("    {detail}")));
        lines.extend(change.note.iter().map(|note| format!("    ({note})")));
    }
    if unchanged > 0 {
        lines.push(format!("= unchanged: {}", documents(unchanged)));
    }
    if lines.is_empty() {
        lines.push("no documents found".to_owned());
    }
    lines.join("\n")
}

/// Most bytes of one file; documents are written by people.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// Every file named, of folders each that is YAML.
pub(super) fn read_files(paths: &[PathBuf]) -> Result<Vec<Input>, Failure> {
    let (mut inputs, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match files_of(path) {
            Ok(files) if files.is_empty() => {
                problems.push(problem(path, "no_files", "this folder holds no .yaml or .json files"));
            }
            Ok(files) => {
                for file in files {
                    match read_file(&file) {
                        Ok(input) => inputs.push(input),
                        Err(found) => problems.push(found),
                    }
                }
            }
            Err(found) => problems.push(found),
        }
    }
    if problems.is_empty() { Ok(inputs) } else { Err(problems.into()) }
}

fn problem(path: &Path, code: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(path.display().to_string(), code, detail)
}

/// The file itself, or the folder's YAML files by name; hidden ones and folders below are left out.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, Problem> {
    let unreadable = |e: std::io::Error| problem(path, "unreadable", format!("can't be read: {e}"));
    if !path.metadata().map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in path.read_dir().map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let document =
            file.extension().is_some_and(|ext| ["yaml", "yml", "json"].iter().any(|form| ext == *form));
        let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if document && !hidden && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn read_file(path: &Path) -> Result<Input, Problem> {
    let unreadable = |e: std::io::Error| problem(path, "unreadable", format!("can't be read: {e}"));
    if path.metadata().map_err(unreadable)?.len() > MOST_BYTES {
        return Err(problem(path, "too_large", "documents of more than 4 MiB aren't read; split the file"));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|e| {
        problem(path, "not_utf8", format!("isn't UTF-8 from byte {} on", e.utf8_error().valid_up_to()))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
    Ok(Input { name: path.display().to_string(), text, kind: None })
}
