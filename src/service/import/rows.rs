//! A CSV file as rows, streamed: bounded in every direction, each row with the line it begins on. What the
//! columns mean lives in `columns` and the kinds' own files.

use domain::problem::Problem;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Largest row, in bytes.
const LARGEST_ROW: usize = 64 * 1024;
pub(super) const MOST_COLUMNS: usize = 256;

/// One row: its fields, or why it can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The line of the file it begins on, from 1.
    pub line: u64,
    pub fields: Result<Vec<String>, Problem>,
}

/// Reads rows one by one. A file whose quotes never close can't be read any further: an error.
pub(super) struct Rows<R> {
    input: R,
    line: u64,
    /// Bytes of the row's fields, one after the other, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    at_start: bool,
    whole: Whole,
}

/// Whether all of a row was kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Kept,
    Cut,
}

impl Whole {
    fn of(length: usize) -> Self {
        if length <= LARGEST_ROW { Self::Kept } else { Self::Cut }
    }
}

/// Opens a file, unpacking it if its first bytes say gzip.
pub(super) fn open(path: &Path) -> std::io::Result<Rows<Box<dyn BufRead + Send>>> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    let packed = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let input: Box<dyn BufRead + Send> = if packed {
        Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(file)))
    } else {
        Box::new(file)
    };
    Ok(Rows::new(input))
}

#[derive(Clone, Copy)]
enum Part {
    /// At the beginning of a field.
    Start,
    Plain,
    /// Between quotes.
    Quoted(Opened),
    /// Behind a quote inside quotes: the end, or half of a doubled one.
    Closing(Opened),
}

/// Where quotes opened.
#[derive(Clone, Copy)]
struct Opened {
    line: u64,
    /// Bytes of the row before them.
    before: usize,
}

/// Why no more rows can be read.
#[derive(Debug)]
pub(super) enum Broken {
    Io(std::io::Error),
    /// Everything that keeps the file from being read, with its lines.
    File(Vec<Problem>),
}

impl<R: BufRead> Rows<R> {
    pub fn new(input: R) -> Self {
        Self { input, line: 1, bytes: Vec::new(), ends: Vec::new(), at_start: true, whole: Whole::Kept }
    }

    /// The next row; `None` at the end. Blank lines are passed over.
    pub fn next(&mut self) -> Result<Option<Row>, Broken> {
        if std::mem::take(&mut self.at_start) {
            self.skip_mark()?;
        }
        loop {
            let line = self.line;
            match self.row()? {
                None => return Ok(None),
                Some(true) => {}
                Some(false) => return Ok(Some(Row { line, fields: self.fields() })),
            }
        }
    }

    /// Spreadsheets put a byte-order mark before UTF-8.
    fn skip_mark(&mut self) -> Result<(), Broken> {
        let buffer = self.input.fill_buf().map_err(Broken::Io)?;
        if buffer.starts_with(b"\xef\xbb\xbf") {
            self.input.consume(3);
        }
        Ok(())
    }

    /// Reads one row's bytes; whether it was blank, or `None` at the end.
    fn row(&mut self) -> Result<Option<bool>, Broken> {
        self.bytes.clear();
        self.ends.clear();
        let (mut part, mut any, mut quoted) = (Part::Start, false, false);
        let mut length = 0;
        for byte in ByRefBytes(&mut self.input) {
            let byte = byte.map_err(Broken::Io)?;
            any = true;
            if byte == b'\n' {
                self.line += 1;
            }
            length += 1;
            if let Part::Quoted(opened) = part
                && length - opened.before > LARGEST_ROW
            {
                return Err(unclosed(opened.line));
            }
            let keep = length <= LARGEST_ROW;
            part = match (part, byte) {
                (Part::Quoted(opened), b'"') => Part::Closing(opened),
                (Part::Quoted(opened), _) | (Part::Closing(opened), b'"') => {
                    if keep {
                        self.bytes.push(byte);
                    }
                    Part::Quoted(opened)
                }
                (Part::Start, b'"') => {
                    quoted = true;
                    Part::Quoted(Opened { line: self.line, before: length })
                }
                (_, b',') => {
                    if keep {
                        self.ends.push(self.bytes.len());
                    }
                    Part::Start
                }
                (_, b'\n') => {
                    self.end_row(part, Whole::of(length));
                    return Ok(Some(self.is_blank(quoted)));
                }
                (_, byte) => {
                    if keep {
                        self.bytes.push(byte);
                    }
                    Part::Plain
                }
            };
        }
        match part {
            Part::Quoted(opened) => Err(unclosed(opened.line)),
            _ if any => {
                self.end_row(part, Whole::of(length));
                Ok(Some(self.is_blank(quoted)))
            }
            _ => Ok(None),
        }
    }

    fn end_row(&mut self, last: Part, whole: Whole) {
        if matches!(last, Part::Plain) && self.bytes.last() == Some(&b'\r') {
            self.bytes.pop();
        }
        self.ends.push(self.bytes.len());
        self.whole = whole;
    }

    fn is_blank(&self, quoted: bool) -> bool {
        !quoted && self.bytes.is_empty() && self.ends.len() == 1 && self.whole == Whole::Kept
    }

    fn fields(&self) -> Result<Vec<String>, Problem> {
        if self.whole == Whole::Cut {
            let detail = format!("the row is larger than {} KiB", LARGEST_ROW / 1024);
            return Err(Problem::new("", "row_too_large", detail));
        }
        if self.bytes.contains(&0) {
            let detail = "the row contains a NUL byte; is the file UTF-16? Save it as CSV UTF-8";
            return Err(Problem::new("", "nul_character", detail));
        }
        if self.ends.len() > MOST_COLUMNS {
            let detail = format!("the row has {} columns; at most {MOST_COLUMNS} are taken", self.ends.len());
            return Err(Problem::new("", "too_many_columns", detail));
        }
        let mut start = 0;
        let mut fields = Vec::with_capacity(self.ends.len());
        for &end in &self.ends {
            let text = std::str::from_utf8(&self.bytes[start..end]).map_err(|_| {
                let detail = "the row isn't UTF-8; save the file as CSV UTF-8";
                Problem::new("", "not_utf8", detail)
            })?;
            fields.push(text.to_owned());
            start = end;
        }
        Ok(fields)
    }
}

fn unclosed(line: u64) -> Broken {
    Broken::File(vec![Problem::new(
        format!("line {line}"),
        "unclosed_quote",
        "a quote opens here and never closes; double it (\"\") if it belongs to the text, or close it",
    )])
}

/// The bytes of a buffered reader, borrowed.
struct ByRefBytes<'a, R>(&'a mut R);

impl<R: BufRead> Iterator for ByRefBytes<'_, R> {
    type Item = std::io::Result<u8>;
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.0.fill_buf() {
                Ok([]) => return None,
                Ok([byte, ..]) => {
                    let byte = *byte;
                    self.0.consume(1);
                    return Some(Ok(byte));
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Some(Err(e)),
            }
        }
    }
}

/// SHA-256 of a file as it lies there, hex: what makes an interrupted import find itself again.
pub(super) fn file_hash(path: &Path) -> std::io::Result<String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> Vec<(u64, Result<Vec<String>, &'static str>)> {
        let mut rows = Rows::new(text);
        let mut out = Vec::new();
        loop {
            match rows.next() {
                Ok(Some(row)) => out.push((row.line, row.fields.map_err(|p| p.code))),
                Ok(None) => return out,
                Err(Broken::File(problems)) => {
                    let problem = &problems[0];
                    out.push((problem.at["line ".len()..].parse().unwrap(), Err(problem.code)));
                    return out;
                }
                Err(Broken::Io(e)) => panic!("{e}"),
            }
        }
    }

    fn row(line: u64, fields: &[&str]) -> (u64, Result<Vec<String>, &'static str>) {
        (line, Ok(fields.iter().map(|&f| f.to_owned()).collect()))
    }

    #[test]
    fn rows_know_their_line() {
        let text = b"\xef\xbb\xbfa,b\r\n\n\"x\ny\",\"say \"\"hi\"\"\"\n,\n1,2";
        let expected =
            [row(1, &["a", "b"]), row(3, &["x\ny", "say \"hi\""]), row(5, &["", ""]), row(6, &["1", "2"])];
        assert_eq!(read(text), expected);
        assert_eq!(read(b""), []);
        assert_eq!(read(b"\"\"\n"), [row(1, &[""])], "an empty quoted field is a row");
    }

    #[test]
    fn what_cant_be_a_row_is_refused_with_its_line() {
        assert_eq!(read(b"a\nb\0c\nd\n"), [row(1, &["a"]), (2, Err("nul_character")), row(3, &["d"])]);
        assert_eq!(read(b"a\n\xff\nd"), [row(1, &["a"]), (2, Err("not_utf8")), row(3, &["d"])]);
        assert_eq!(read(b"a\nb,\"c\nd\n"), [row(1, &["a"]), (2, Err("unclosed_quote"))]);
        let wide = [b"a\n".as_slice(), &[b'x'; LARGEST_ROW + 10], b"\nd"].concat();
        assert_eq!(read(&wide), [row(1, &["a"]), (2, Err("row_too_large")), row(3, &["d"])]);
        let open = [b"a\n\"".as_slice(), &[b'x'; LARGEST_ROW + 10], b"\"\nd"].concat();
        assert_eq!(read(&open), [row(1, &["a"]), (2, Err("unclosed_quote"))]);
        let columns = [vec![b','; MOST_COLUMNS - 1], b"\n".to_vec(), vec![b','; MOST_COLUMNS]].concat();
        assert_eq!(read(&columns)[1], (2, Err("too_many_columns")));
        assert!(read(&columns)[0].1.is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn what_is_written_reads_back(table in prop::collection::vec(prop::collection::vec("[a,\"\n\r é]{0,6}", 2..4), 0..6)) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for fields in &table {
                writer.write_record(fields).unwrap();
            }
            let written = writer.into_inner().unwrap();
            let read: Vec<_> = read(&written).into_iter().map(|(_, fields)| fields.unwrap()).collect();
            prop_assert_eq!(read, table);
        }

        #[test]
        fn any_bytes_give_rows_or_reasons(bytes in prop::collection::vec(prop::sample::select(b"a,\"\n\r\0\xff".to_vec()), 0..60)) {
            read(&bytes);
        }
    }
}
