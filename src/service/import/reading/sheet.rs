//! Sheets of XLSX workbooks as rows. A thread of its own reads the workbook, since its reader borrows from
//! itself, and hands rows over a few at a time; it ends when nobody listens any more. A workbook is
//! measured before it is read, so that a small file can't become a large memory.

use super::{Broken, LARGEST_ROW, MOST_COLUMNS, Row};
use calamine::{DataRef, Reader, SheetType, Xlsx, open_workbook};
use domain::problem::nearest;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Most bytes that a workbook may unpack to.
const LARGEST_WORKBOOK: u64 = 512 * 1024 * 1024;
/// Most rows of a sheet: Excel's own.
const MOST_ROWS: u64 = 1_048_576;
/// Rows handed over before the reader waits.
const AHEAD: usize = 256;
/// From here on a number has lost digits: spreadsheets keep fifteen.
const LOST_DIGITS: f64 = 1e15;

type Book = Xlsx<BufReader<File>>;

/// Rows of one sheet, from its first row that isn't blank on.
pub(in crate::service::import) struct SheetRows {
    rows: Receiver<Result<Row, Broken>>,
    reader: Option<JoinHandle<()>>,
    /// Columns of the header row.
    width: Option<usize>,
}

/// The sheet that was asked for, else the first that isn't empty. Measures the workbook first.
pub(super) fn choose(path: &Path, asked: Option<&str>) -> Result<String, Broken> {
    measure(path)?;
    let (path, asked) = (path.to_owned(), asked.map(str::to_owned));
    let chosen = std::thread::spawn(move || choose_here(&path, asked.as_deref())).join();
    chosen.unwrap_or_else(|_| Err(unreadable("its parts contradict each other")))
}

fn choose_here(path: &Path, asked: Option<&str>) -> Result<String, Broken> {
    let mut book = open(path)?;
    let sheets = book.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
    let names: Vec<String> = sheets.map(|sheet| sheet.name.clone()).collect();
    if let Some(asked) = asked {
        if names.iter().any(|name| name == asked) {
            return Ok(asked.to_owned());
        }
        let remedy = match nearest(asked, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}", names.join(", ")),
        };
        return Err(Broken::file(
            "--sheet",
            "unknown_sheet",
            format!("there is no sheet \"{asked}\"; {remedy}"),
        ));
    }
    for name in &names {
        let mut cells = book.worksheet_cells_reader(name).map_err(|e| unreadable(&e.to_string()))?;
        while let Some(cell) = cells.next_cell().map_err(|e| unreadable(&e.to_string()))? {
            if !text_of(cell.get_value()).0.trim().is_empty() {
                return Ok(name.clone());
            }
        }
    }
    Err(Broken::file("the workbook", "empty_file", "has no sheet with anything in it; it needs a header row"))
}

fn open(path: &Path) -> Result<Book, Broken> {
    open_workbook(path).map_err(|e: calamine::XlsxError| unreadable(&e.to_string()))
}

fn unreadable(why: &str) -> Broken {
    let detail =
        format!("can't be read ({why}); open it in a spreadsheet, save it as .xlsx again, or export CSV");
    Broken::file("the workbook", "bad_workbook", detail)
}

/// Unpacks the workbook into nothing, to see how large it is; what it says of its own size isn't believed.
fn measure(path: &Path) -> Result<(), Broken> {
    let file = BufReader::new(File::open(path).map_err(Broken::Io)?);
    let mut parts = zip::ZipArchive::new(file).map_err(|e| unreadable(&e.to_string()))?;
    let mut left = LARGEST_WORKBOOK;
    for n in 0..parts.len() {
        let part = parts.by_index(n).map_err(|e| unreadable(&e.to_string()))?;
        let read = std::io::copy(&mut part.take(left + 1), &mut std::io::sink());
        let size = read.map_err(|e| unreadable(&e.to_string()))?;
        left = left.checked_sub(size).ok_or_else(|| {
            let detail = format!(
                "unpacks to more than {} MiB; export CSV instead, or split it",
                LARGEST_WORKBOOK / 1024 / 1024
            );
            Broken::file("the workbook", "too_large", detail)
        })?;
    }
    Ok(())
}

impl SheetRows {
    pub fn open(path: &Path, sheet: &str) -> Result<Self, Broken> {
        measure(path)?;
        let (hand, rows) = sync_channel(AHEAD);
        let (path, sheet): (PathBuf, String) = (path.to_owned(), sheet.to_owned());
        let reader = std::thread::Builder::new()
            .name("workbook".to_owned())
            .spawn(move || {
                if let Err(broken) = read(&path, &sheet, &hand) {
                    // Nobody listening is nobody to tell.
                    let _ = hand.send(Err(broken));
                }
            })
            .map_err(Broken::Io)?;
        Ok(Self { rows, reader: Some(reader), width: None })
    }

    pub fn next(&mut self) -> Result<Option<Row>, Broken> {
        let Ok(row) = self.rows.recv() else {
            let ended = self.reader.take().map_or(Ok(()), JoinHandle::join);
            return ended.map(|()| None).map_err(|_| unreadable("its parts contradict each other"));
        };
        let mut row = row?;
        let blank_end = row.cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
        let width = *self.width.get_or_insert(blank_end);
        // A sheet's rows end with their last cell; beyond the header only what holds something counts.
        row.cells.truncate(blank_end.max(width));
        if row.cells.len() < width {
            row.cells.resize(width, String::new());
        }
        Ok(Some(row))
    }
}

/// Hands over the sheet's rows until it ends or nobody listens.
fn read(path: &Path, sheet: &str, hand: &SyncSender<Result<Row, Broken>>) -> Result<(), Broken> {
    let mut book = open(path)?;
    let mut cells = book.worksheet_cells_reader(sheet).map_err(|e| unreadable(&e.to_string()))?;
    let (mut current, mut handed) = (Gathered::at(0), 0_u64);
    loop {
        let cell = cells.next_cell().map_err(|e| {
            let Broken::File(mut problems) = unreadable(&e.to_string()) else { return unreadable("") };
            problems.iter_mut().for_each(|p| p.at = format!("row {}", u64::from(current.row) + 1));
            Broken::File(problems)
        })?;
        let next = cell.as_ref().map(|cell| cell.get_position());
        if next.is_none_or(|(row, _)| row != current.row) {
            let gathered = std::mem::replace(&mut current, Gathered::at(next.map_or(0, |(row, _)| row)));
            if let Some(row) = gathered.row() {
                handed += 1;
                if hand.send(Ok(row)).is_err() {
                    return Ok(());
                }
            }
            if handed > MOST_ROWS {
                let detail = format!("the sheet has more than {MOST_ROWS} rows; split it, or export CSV");
                return Err(Broken::file(format!("row {MOST_ROWS}"), "too_many_rows", detail));
            }
        }
        match (cell, next) {
            (Some(cell), Some((_, column))) => current.take(column as usize, cell.get_value()),
            _ => return Ok(()),
        }
    }
}

/// A row whose cells are coming.
struct Gathered {
    row: u32,
    cells: Vec<String>,
    bytes: usize,
    /// Code and detail of the first thing wrong.
    wrong: Option<(&'static str, String)>,
}

impl Gathered {
    fn at(row: u32) -> Self {
        Self { row, cells: Vec::new(), bytes: 0, wrong: None }
    }

    fn take(&mut self, column: usize, value: &DataRef<'_>) {
        let (text, error) = text_of(value);
        if text.is_empty() {
            return;
        }
        if column >= MOST_COLUMNS {
            let detail =
                format!("the row has a cell in column {}; at most {MOST_COLUMNS} are taken", column + 1);
            self.wrong.get_or_insert(("too_many_columns", detail));
            return;
        }
        self.bytes += text.len();
        if self.bytes > LARGEST_ROW {
            let detail = format!("the row is larger than {} KiB", LARGEST_ROW / 1024);
            self.wrong = Some(("row_too_large", detail));
            return;
        }
        if let Some(error) = error {
            let detail = format!(
                "column {} holds the error {error}; correct its formula, or put the value",
                column + 1
            );
            self.wrong.get_or_insert(("formula_error", detail));
        }
        if text.contains('\0') {
            self.wrong
                .get_or_insert(("nul_character", "the row contains a NUL character; remove it".to_owned()));
        }
        if self.cells.len() <= column {
            self.cells.resize(column + 1, String::new());
        }
        self.cells[column] = text.replace('\0', "\u{fffd}");
    }

    /// The row, unless it is blank.
    fn row(self) -> Option<Row> {
        let line = u64::from(self.row) + 1;
        match self.wrong {
            Some(("row_too_large", detail)) => Some(Row::refused(line, Vec::new(), "row_too_large", detail)),
            Some((code, detail)) => Some(Row::refused(line, self.cells, code, detail)),
            None if self.cells.iter().all(|cell| cell.trim().is_empty()) => None,
            None => Some(Row { line, cells: self.cells, problem: None }),
        }
    }
}

/// A cell as the text a CSV file would have, and the error it holds instead of a value.
fn text_of(value: &DataRef<'_>) -> (String, Option<String>) {
    let text = match value {
        DataRef::Empty => String::new(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(flag) => flag.to_string(),
        #[allow(clippy::cast_precision_loss, reason = "only to see whether it is too large for a sheet")]
        DataRef::Int(number) if (*number as f64).abs() >= LOST_DIGITS => destroyed(*number as f64),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number_text(*number),
        DataRef::DateTime(at) if at.is_datetime() => {
            let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
            let date = format!("{year:04}-{month:02}-{day:02}");
            if (hour, minute, second) == (0, 0, 0) {
                date
            } else {
                format!("{date}T{hour:02}:{minute:02}:{second:02}")
            }
        }
        DataRef::DateTime(span) => number_text(span.as_f64()),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => return (error.to_string(), Some(error.to_string())),
    };
    (text, None)
}

/// A number with the fifteen digits a spreadsheet keeps; a longer one as what is left of it.
fn number_text(number: f64) -> String {
    if !number.is_finite() || number.abs() >= LOST_DIGITS {
        return destroyed(number);
    }
    let kept: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    format!("{kept}")
}

/// `2.02609E+17`, as a spreadsheet would show it.
fn destroyed(number: f64) -> String {
    format!("{number:.5e}").replace('e', "E+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_the_digits_a_sheet_has() {
        for (number, text) in [
            (0.1 + 0.2, "0.3"),
            (12.5, "12.5"),
            (536_365.0, "536365"),
            (13_800_138_001.0, "13800138001"),
            (999_999_999_999_999.0, "999999999999999"),
            (-3.0, "-3"),
            (2_026_092_512_345_678_901.0, "2.02609E+18"),
            (1e15, "1.00000E+15"),
        ] {
            assert_eq!(number_text(number), text);
        }
        assert!(domain::import::is_destroyed(&number_text(1e15)));
    }
}
