//! The reject file: each refused row as it was, with its line and reason behind it, as a CSV that can be
//! imported again once it is repaired, whatever form the file had.

use super::RefusedRow;
use super::columns::{Header, REJECT};
use super::records::Record;
use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A reject file, made anew by each run of an import.
pub(super) struct RejectFile {
    writer: Option<csv::Writer<File>>,
    /// Columns of the file itself.
    columns: usize,
    /// Cells of a whole row.
    width: usize,
}

/// From so many digits on a spreadsheet rounds a number when it saves CSV.
const ROUNDED_FROM: usize = 12;

impl RejectFile {
    pub fn open(path: Option<&Path>, header: &Header) -> io::Result<Self> {
        let names = header.names();
        // Columns of an earlier reject file are written anew, not twice.
        let is_ours = |name: &String| REJECT.contains(&domain::import::plain(name).as_str());
        let own = names.iter().position(is_ours).unwrap_or(names.len());
        let writer = match path {
            None => None,
            Some(path) => {
                let mut file = File::create(path)?;
                if !names.iter().all(|name| name.is_ascii()) {
                    // Without it, spreadsheets read UTF-8 as something else.
                    file.write_all("\u{feff}".as_bytes())?;
                }
                let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
                writer.write_record(names[..own].iter().map(String::as_str).chain(REJECT))?;
                Some(writer)
            }
        };
        Ok(Self { writer, columns: own, width: names.len() })
    }

    pub fn is_asked_for(&self) -> bool {
        self.writer.is_some()
    }

    pub fn write(&mut self, record: &Record, refused: &RefusedRow) -> io::Result<()> {
        let (columns, width) = (self.columns, self.width);
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let RefusedRow { code, reason, .. } = refused;
        for line in &record.lines {
            let number = line.number.to_string();
            // A row that doesn't fit the columns is kept whole too, and isn't taken in until that cell is empty.
            let misfit = record.unreadable.is_some() || line.raw.len() != width;
            let whole = if misfit { as_text(&line.raw)? } else { String::new() };
            let cells = (0..columns).map(|place| line.raw.get(place).map_or("", String::as_str)).map(kept);
            let reasons = [&number, code, reason, &whole].map(|text| Cow::from(text.as_str()));
            let row: Vec<Cow<'_, str>> = cells.chain(reasons).collect();
            writer.write_record(row.iter().map(|cell| cell.as_bytes()))?;
        }
        Ok(())
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), csv::Writer::flush)
    }
}

/// A long id is wrapped, so that the spreadsheet in which the file is repaired leaves it alone.
fn kept(cell: &str) -> Cow<'_, str> {
    let long = cell.len() >= ROUNDED_FROM && cell.bytes().all(|b| b.is_ascii_digit());
    if long { format!("=\"{cell}\"").into() } else { cell.into() }
}

/// A row's cells as one line of CSV; what to do where it is too large for that.
fn as_text(cells: &[String]) -> io::Result<String> {
    if cells.is_empty() {
        return Ok("too large to stand here; it is in the imported file".to_owned());
    }
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
    writer.write_record(cells)?;
    let bytes = writer.into_inner().map_err(|e| io::Error::other(e.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
}

/// Makes sure that the file can be written, and leaves what is in it.
pub(super) fn try_out(path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path).map(drop)
}

/// What refuses to be its own reject file.
pub(super) fn is_same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}
