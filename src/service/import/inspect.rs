//! What a file holds, before anything is imported: its form, the profile that fits, a guess a column, and a
//! mapping to correct. Reads the first rows only, and changes nothing.

use super::profiles::{GENERIC, shipped};
use super::reading::{Broken, How, open};
use super::run::{cannot_read, find_shop};
use super::{FormSaid, Kind};
use crate::service::ServiceError;
use crate::store::Store;
use domain::import::{Column, Seen, fits, guess, mapping};
use domain::problem::Problem;
use serde::Serialize;
use std::path::Path;

/// Rows looked at.
const SAMPLED: usize = 1_000;

/// A profile's table that fits a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fitting {
    pub profile: String,
    pub title: String,
    pub kind: Kind,
    /// Of a hundred columns, how many have a meaning in it.
    pub score: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// `CSV, GB18030, comma`
    pub form: String,
    /// Rows looked at, the header not counted.
    pub sampled: usize,
    /// Best first.
    pub fits: Vec<Fitting>,
    /// What the guesses take the file to be about.
    pub kind: Kind,
    pub columns: Vec<Column>,
    /// Rows that can't be read, and what else to expect.
    pub problems: Vec<String>,
    /// A document that `--map` takes as it is.
    pub mapping: String,
}

/// Looks at a file. `kind` says what it is about, where that is known.
pub async fn inspect(
    store: &Store,
    shop_key: &str,
    path: &Path,
    said: FormSaid,
    kind: Option<Kind>,
) -> Result<Inspection, ServiceError> {
    let currency = find_shop(store, shop_key).await?.shop.currency;
    let FormSaid { encoding, delimiter, sheet } = said;
    let how = How { encoding, delimiter, sheet, ..How::default() };
    let sample = sample(path, &how).map_err(|e| cannot_read(path, e))?;
    let fitting = fits(shipped(), kind, &sample.names);
    let about = kind.or(fitting.first().map(|fit| fit.table.kind)).unwrap_or(Kind::Orders);
    let cells: Vec<Vec<String>> = (0..sample.names.len())
        .map(|place| sample.rows.iter().filter_map(|row| row.get(place).cloned()).collect())
        .collect();
    let seen: Vec<Seen<'_>> =
        sample.names.iter().zip(&cells).map(|(name, cells)| Seen { name, cells }).collect();
    let columns = guess(about, &seen, shipped(), currency);
    let mut problems = sample.problems;
    problems.extend(columns.iter().flat_map(|column| column.problems.iter().map(ToString::to_string)));
    Ok(Inspection {
        form: sample.form,
        sampled: sample.rows.len(),
        fits: fitting
            .iter()
            .map(|fit| Fitting {
                profile: fit.profile.name.clone(),
                title: fit.table.title.clone(),
                kind: fit.table.kind,
                score: 100 * fit.taken / fit.of.max(1),
            })
            .collect(),
        kind: about,
        mapping: mapping(about, &columns),
        columns,
        problems,
    })
}

/// The command that imports the file as it was understood.
pub fn next_command(inspection: &Inspection, path: &Path) -> String {
    let (kind, path) = (inspection.kind.as_str(), path.display());
    match inspection.fits.first().filter(|fit| fit.kind == inspection.kind) {
        Some(fit) if fit.profile == GENERIC => format!("kinkeeper import {kind} {path} --dry-run"),
        Some(fit) => format!("kinkeeper import {kind} {path} --profile {} --dry-run", fit.profile),
        None => format!("kinkeeper import {kind} {path} --map my.yaml --dry-run"),
    }
}

struct Sample {
    form: String,
    names: Vec<String>,
    rows: Vec<Vec<String>>,
    problems: Vec<String>,
}

fn sample(path: &Path, how: &How) -> Result<Sample, Broken> {
    let mut opened = open(path, how)?;
    let empty = || Broken::file(opened.form.row(1), "empty_file", "the file is empty; it needs a header row");
    let Some(header) = opened.rows.next()? else { return Err(empty()) };
    if let Some(problem) = header.problem {
        return Err(Broken::File(vec![Problem { at: opened.form.row(header.line), ..problem }]));
    }
    let mut sample =
        Sample { form: opened.form.stated(), names: header.cells, rows: Vec::new(), problems: Vec::new() };
    while sample.rows.len() < SAMPLED {
        let Some(row) = opened.rows.next()? else { break };
        let width = sample.names.len();
        if row.cells.len() != width && row.problem.is_none() {
            let at = opened.form.row(row.line);
            let detail = format!("{at}: the row has {} columns and the header {width}", row.cells.len());
            sample.problems.push(detail);
        }
        if let Some(problem) = row.problem {
            sample.problems.push(Problem { at: opened.form.row(row.line), ..problem }.to_string());
            continue;
        }
        sample.rows.push(row.cells);
    }
    sample.problems.truncate(10);
    Ok(sample)
}
