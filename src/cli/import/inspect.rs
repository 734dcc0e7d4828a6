//! `import inspect`: what a file holds, and the mapping to import it by.

use super::super::failure::{Failure, Outcome};
use super::super::output::{FormatArg, table};
use super::super::session::Global;
use super::FormArgs;
use crate::service::ServiceError;
use crate::service::import::{self, Inspection, Kind, next_command};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Look at a file before importing it: form, profile, a guess a column, problems, and a mapping
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper import inspect export.xlsx
  kinkeeper import inspect export.csv --kind orders --write my.yaml

Samples are masked. The mapping that --write saves is what `import … --map my.yaml` takes; correct it first.")]
pub struct InspectFile {
    /// File with a header row: CSV or NDJSON, gzipped or not, or XLSX
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What it is about, where no profile fits
    #[arg(long, value_enum)]
    kind: Option<KindArg>,
    /// Save the mapping to this file, which must not be there yet
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    format: FormatArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindArg {
    Customers,
    Orders,
    Tickets,
    Contacts,
}

impl From<KindArg> for Kind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Customers => Self::Customers,
            KindArg::Orders => Self::Orders,
            KindArg::Tickets => Self::Tickets,
            KindArg::Contacts => Self::Contacts,
        }
    }
}

impl InspectFile {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let book = &session.app.book;
        let kind = self.kind.map(Kind::from);
        let found = import::inspect(&book.store, &book.shop_key, &self.file, self.form.into(), kind).await;
        let found = found.map_err(|error| match error {
            ServiceError::Invalid(problems) => Failure::Unchanged(problems),
            error => error.into(),
        })?;
        self.format.print(&found, |found| shown(found, &self.file))?;
        if let Some(path) = &self.write {
            write_new(path, &found.mapping)?;
            eprintln!("the mapping is in {}", path.display());
        }
        Ok(())
    }
}

/// Writes a file that isn't there yet: somebody may have corrected the one that is.
fn write_new(path: &Path, text: &str) -> Outcome {
    use std::io::Write;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|e| Failure::BadInput(format!("--write {}: {e}; name a new file", path.display())))
}

fn shown(found: &Inspection, path: &Path) -> String {
    let mut lines = vec![format!("{}: {}, {} rows looked at", path.display(), found.form, found.sampled)];
    match found.fits.as_slice() {
        [] => lines.push("no profile fits; the mapping below is a guess".to_owned()),
        fits => lines.extend(fits.iter().map(|fit| {
            let title = if fit.title.is_empty() { String::new() } else { format!(" ({})", fit.title) };
            format!(
                "fits {}{title}, {}: {} % of its columns are used",
                fit.profile,
                fit.kind.as_str(),
                fit.score
            )
        })),
    }
    lines.push(String::new());
    let rows = found.columns.iter().map(|column| {
        let guess = serde_json::to_value(column.guess).ok();
        let guess = guess.as_ref().and_then(|guess| guess.as_str()).unwrap_or_default().replace('_', " ");
        let field = column.field.clone().unwrap_or_else(|| "–".to_owned());
        [column.name.clone(), guess, field, column.samples.join(", ")]
    });
    lines.push(table(["column", "seems to be", "field", "samples, masked"], rows));
    lines.extend(found.problems.iter().map(|problem| format!("expect: {problem}")));
    lines.push(String::new());
    lines.push(format!("Next: {}", next_command(found, path)));
    lines.push("Mapping, for --map (save it with --write my.yaml):".to_owned());
    lines.push(String::new());
    lines.push(found.mapping.trim_end().to_owned());
    lines.join("\n")
}
