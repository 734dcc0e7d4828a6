//! Small tables read whole: a header and rows of as many cells, in any form that imports take. What they mean is
//! others'.

use super::FormSaid;
use super::reading::{Broken, Form, How, open};
use super::run::cannot_read;
use crate::service::ServiceError;
use domain::import::{Held, held};
use domain::problem::Problem;
use std::path::Path;

/// A table read whole.
pub(in crate::service) struct Table {
    /// The file's name, without its folder.
    pub file: String,
    pub(super) form: Form,
    pub header: Vec<String>,
    /// Each with as many cells as the header.
    pub rows: Vec<TableRow>,
}

impl Table {
    /// Where a row stands, for people.
    pub fn row(&self, line: u64) -> String {
        self.form.row(line)
    }
}

pub(in crate::service) struct TableRow {
    pub line: u64,
    pub cells: Vec<String>,
}

/// Reads a file of at most `most` rows; whatever can't be read refuses it whole.
pub(in crate::service) fn read(path: &Path, said: FormSaid, most: usize) -> Result<Table, ServiceError> {
    table(path, said, most).map_err(|e| cannot_read(path, e))
}

fn table(
    path: &Path,
    FormSaid { encoding, delimiter, sheet }: FormSaid,
    most: usize,
) -> Result<Table, Broken> {
    let mut opened = open(path, &How { encoding, delimiter, sheet, ..How::default() })?;
    let form = opened.form.clone();
    let (mut header, mut rows, mut problems) = (None::<Vec<String>>, Vec::new(), Vec::new());
    while let Some(row) = opened.rows.next()? {
        let at = form.row(row.line);
        if let Some(problem) = row.problem {
            problems.push(Problem { at, ..problem });
            continue;
        }
        let cells: Vec<String> = row.cells.iter().map(|cell| text(cell).to_owned()).collect();
        match &header {
            None => header = Some(cells),
            Some(header) if header.len() != cells.len() => {
                let detail = format!("the row has {} columns and the header {}", cells.len(), header.len());
                problems.push(Problem::new(at, "column_count", detail));
            }
            Some(_) => rows.push(TableRow { line: row.line, cells }),
        }
        if rows.len() > most {
            problems.push(Problem::new(
                form.row(row.line),
                "too_many_rows",
                format!("at most {most} are taken"),
            ));
            break;
        }
    }
    let Some(header) = header else {
        return Err(Broken::file(form.row(1), "empty_file", "the file is empty; it needs a header row"));
    };
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if problems.is_empty() { Ok(Table { file, form, header, rows }) } else { Err(Broken::File(problems)) }
}

fn text(cell: &str) -> &str {
    match held(cell, &[]) {
        Held::Text(text) => text,
        Held::Nothing => "",
    }
}
