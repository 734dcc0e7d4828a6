//! CSV text as rows, streamed: bounded in every direction, each row with the line it begins on. The text is
//! UTF-8 already; what was no character in its own encoding arrives as a byte that is none in UTF-8.

use super::{Broken, LARGEST_ROW, MOST_COLUMNS, Row};
use domain::problem::Problem;
use std::io::BufRead;

/// Reads rows one by one. A file whose quotes never close can't be read any further: an error.
pub(in crate::service::import) struct CsvRows<R> {
    input: R,
    delimiter: u8,
    line: u64,
    /// Bytes of the row's fields, one after the other, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
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

impl<R: BufRead> CsvRows<R> {
    pub fn new(input: R, delimiter: u8) -> Self {
        Self { input, delimiter, line: 1, bytes: Vec::new(), ends: Vec::new(), whole: Whole::Kept }
    }

    /// The next row; `None` at the end. Blank lines are passed over.
    pub fn next(&mut self) -> Result<Option<Row>, Broken> {
        loop {
            let line = self.line;
            match self.row()? {
                None => return Ok(None),
                Some(true) => {}
                Some(false) => return Ok(Some(self.gathered(line))),
            }
        }
    }

    /// Reads one row's bytes; whether it was blank, or `None` at the end.
    fn row(&mut self) -> Result<Option<bool>, Broken> {
        self.bytes.clear();
        self.ends.clear();
        let (mut part, mut any, mut quoted) = (Part::Start, false, false);
        let (mut length, delimiter) = (0, self.delimiter);
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
                (_, byte) if byte == delimiter => {
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

    fn gathered(&self, line: u64) -> Row {
        if self.whole == Whole::Cut {
            let detail = format!("the row is larger than {} KiB", LARGEST_ROW / 1024);
            return Row::refused(line, Vec::new(), "row_too_large", detail);
        }
        let mut start = 0;
        let mut cells = Vec::with_capacity(self.ends.len());
        let mut foreign = false;
        for &end in &self.ends {
            let text = String::from_utf8_lossy(&self.bytes[start..end]);
            foreign |= matches!(text, std::borrow::Cow::Owned(_));
            cells.push(text.into_owned());
            start = end;
        }
        if self.bytes.contains(&0) {
            let cells = cells.into_iter().map(|cell| cell.replace('\0', "\u{fffd}")).collect();
            let detail = "the row contains a NUL byte; is the file UTF-16? Say --encoding utf-16le, or save it as CSV UTF-8";
            return Row::refused(line, cells, "nul_character", detail);
        }
        if self.ends.len() > MOST_COLUMNS {
            let detail = format!("the row has {} columns; at most {MOST_COLUMNS} are taken", self.ends.len());
            return Row::refused(line, cells, "too_many_columns", detail);
        }
        if foreign {
            let detail = "the row holds what is no character in the file's encoding; name another with --encoding, or save the file as CSV UTF-8";
            return Row::refused(line, cells, "not_in_encoding", detail);
        }
        Row { line, cells, problem: None }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> Vec<(u64, Result<Vec<String>, &'static str>)> {
        let mut rows = CsvRows::new(text, b',');
        let mut out = Vec::new();
        loop {
            match rows.next() {
                Ok(Some(row)) => out.push((row.line, row.problem.map_or(Ok(row.cells), |p| Err(p.code)))),
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
        let text = b"a,b\r\n\n\"x\ny\",\"say \"\"hi\"\"\"\n,\n1,2";
        let expected =
            [row(1, &["a", "b"]), row(3, &["x\ny", "say \"hi\""]), row(5, &["", ""]), row(6, &["1", "2"])];
        assert_eq!(read(text), expected);
        assert_eq!(read(b""), []);
        assert_eq!(read(b"\"\"\n"), [row(1, &[""])], "an empty quoted field is a row");
    }

    #[test]
    fn what_cant_be_a_row_is_refused_with_its_line() {
        assert_eq!(read(b"a\nb\0c\nd\n"), [row(1, &["a"]), (2, Err("nul_character")), row(3, &["d"])]);
        assert_eq!(read(b"a\n\xff\nd"), [row(1, &["a"]), (2, Err("not_in_encoding")), row(3, &["d"])]);
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
