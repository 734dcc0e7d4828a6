//! A file as rows, whatever its form: CSV in several encodings, XLSX, one JSON object a line. Streamed and
//! bounded; each row with the line it stands on. What the columns mean lives in `columns` and the profiles.

mod csv;
mod decoding;
mod form;
mod ndjson;
mod sheet;

pub(super) use form::{Form, How, Objects, Opened, open, open_as};

use domain::problem::Problem;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest row, in bytes.
const LARGEST_ROW: usize = 64 * 1024;
/// Most columns of a row.
const MOST_COLUMNS: usize = domain::import::MOST_COLUMNS;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The line of the file, or the row of the sheet, it begins on, from 1.
    pub line: u64,
    /// As far as they can be read: what can't is marked with U+FFFD. Empty where nothing could be kept.
    pub cells: Vec<String>,
    /// Why they can't be relied on; its `at` is the caller's to fill in.
    pub problem: Option<Problem>,
}

impl Row {
    fn refused(line: u64, cells: Vec<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { line, cells, problem: Some(Problem::new("", code, detail)) }
    }
}

/// Rows one by one, from the header on.
pub(super) enum Rows {
    Csv(csv::CsvRows<Box<dyn std::io::BufRead + Send>>),
    Sheet(sheet::SheetRows),
    Lines(ndjson::JsonRows),
}

impl Rows {
    /// The next row; `None` at the end. Blank rows are passed over.
    pub fn next(&mut self) -> Result<Option<Row>, Broken> {
        match self {
            Self::Csv(rows) => rows.next(),
            Self::Sheet(rows) => rows.next(),
            Self::Lines(rows) => rows.next(),
        }
    }
}

/// Why no more rows can be read.
#[derive(Debug)]
pub(super) enum Broken {
    Io(std::io::Error),
    /// Everything that keeps the file from being read, with its lines.
    File(Vec<Problem>),
}

impl Broken {
    pub fn file(at: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self::File(vec![Problem::new(at, code, detail)])
    }
}

/// SHA-256 of a file as it lies there, hex: what makes an interrupted import find itself again.
pub fn file_hash(path: &Path) -> std::io::Result<String> {
    use sha2::{Digest, Sha256};
    let (mut file, mut hash, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
