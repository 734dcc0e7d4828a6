//! The reject file: each refused row as it was, with its line and reason behind it.

use super::RefusedRow;
use super::columns::REJECT;
use super::records::Record;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// A reject file, made when the first row is refused.
pub(super) struct RejectFile {
    writer: Option<csv::Writer<File>>,
    columns: usize,
}

/// Whether the file goes on from an interrupted import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    Anew,
    Append,
}

impl RejectFile {
    pub fn open(path: Option<&Path>, header: &[String], begin: Begin) -> io::Result<Self> {
        // Columns of an earlier reject file are written anew, not twice.
        let own = header.iter().position(|name| REJECT.contains(&name.as_str())).unwrap_or(header.len());
        let writer = match path {
            None => None,
            Some(path) if begin == Begin::Append && is_begun(path) => Some(
                csv::WriterBuilder::new()
                    .flexible(true)
                    .from_writer(OpenOptions::new().append(true).open(path)?),
            ),
            Some(path) => {
                let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(File::create(path)?);
                writer.write_record(header[..own].iter().map(String::as_str).chain(REJECT))?;
                Some(writer)
            }
        };
        Ok(Self { writer, columns: own })
    }

    pub fn write(&mut self, record: &Record, refused: &RefusedRow) -> io::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let RefusedRow { code, reason, .. } = refused;
        if let Some((line, _)) = record.unreadable {
            let blank = std::iter::repeat_n("", self.columns);
            writer.write_record(blank.chain([line.to_string().as_str(), code, reason]))?;
        }
        for (line, fields) in &record.lines {
            let line = line.to_string();
            let cells = (0..self.columns).map(|place| fields.get(place).map_or("", String::as_str));
            writer.write_record(cells.chain([line.as_str(), code, reason]))?;
        }
        Ok(())
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), csv::Writer::flush)
    }
}

fn is_begun(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.len() > 0)
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
