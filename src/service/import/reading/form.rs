//! What form a file has, by its bytes and what was said on the command line, and its rows.

use super::csv::CsvRows;
use super::decoding::{decoded, detect, labelled};
use super::ndjson::JsonRows;
use super::sheet::SheetRows;
use super::{Broken, Rows};
use encoding_rs::Encoding;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// What is said of a file's form; the rest is told by its bytes.
#[derive(Debug, Clone, Default)]
pub(in crate::service::import) struct How {
    /// `--encoding`.
    pub encoding: Option<String>,
    /// `--delimiter`: one character, or `tab`.
    pub delimiter: Option<String>,
    /// `--sheet`.
    pub sheet: Option<String>,
    /// A profile's encoding, for what isn't UTF-8.
    pub hint: Option<String>,
    pub objects: Objects,
}

/// What one JSON object a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::service::import) enum Objects {
    /// A row: its keys are columns.
    #[default]
    Rows,
    /// An event: the only column.
    Events,
}

/// What form a file has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::service::import) enum Form {
    Csv { encoding: &'static Encoding, delimiter: u8 },
    Sheet { name: String },
    Lines { objects: Objects },
}

/// A file's rows, begun.
pub(in crate::service::import) struct Opened {
    pub rows: Rows,
    pub form: Form,
}

impl Form {
    /// For people: `CSV, UTF-8, comma`.
    pub fn stated(&self) -> String {
        match self {
            Self::Csv { encoding, delimiter } => {
                let delimiter = DELIMITERS.iter().find(|(byte, _)| byte == delimiter);
                let name = delimiter.map_or("another delimiter", |(_, name)| name);
                // What is called GBK is read as the larger GB18030.
                format!("CSV, {}, {name}", encoding.name().to_uppercase())
            }
            Self::Sheet { name } => format!("XLSX, sheet {name}"),
            Self::Lines { .. } => "NDJSON".to_owned(),
        }
    }

    /// Where a row stands.
    pub fn row(&self, line: u64) -> String {
        match self {
            Self::Sheet { .. } => format!("row {line}"),
            Self::Csv { .. } | Self::Lines { .. } => format!("line {line}"),
        }
    }

    /// Where a column stands in a row, beyond its name: a sheet's cell.
    pub fn cell(&self, line: u64, place: Option<usize>) -> String {
        match (self, place) {
            (Self::Sheet { .. }, Some(place)) => format!(" ({}{line})", letters(place)),
            _ => String::new(),
        }
    }
}

/// A column as spreadsheets name it: A, B, …, Z, AA.
fn letters(mut place: usize) -> String {
    let mut name = Vec::new();
    loop {
        name.insert(0, b'A' + u8::try_from(place % 26).unwrap_or(0));
        if place < 26 {
            return String::from_utf8_lossy(&name).into_owned();
        }
        place = place / 26 - 1;
    }
}

const DELIMITERS: [(u8, &str); 3] = [(b',', "comma"), (b';', "semicolon"), (b'\t', "tab")];

/// Opens a file, telling its form.
pub(in crate::service::import) fn open(path: &Path, how: &How) -> Result<Opened, Broken> {
    let form = tell(path, how)?;
    open_as(path, form)
}

/// Opens a file whose form is known, from its first row again.
pub(in crate::service::import) fn open_as(path: &Path, form: Form) -> Result<Opened, Broken> {
    let rows = match &form {
        Form::Csv { encoding, delimiter } => {
            let text = decoded(raw(path).map_err(Broken::Io)?, encoding).map_err(Broken::Io)?;
            Rows::Csv(CsvRows::new(text, *delimiter))
        }
        Form::Sheet { name } => Rows::Sheet(SheetRows::open(path, name)?),
        Form::Lines { objects: Objects::Rows } => Rows::Lines(JsonRows::open(|| raw(path))?),
        Form::Lines { objects: Objects::Events } => {
            Rows::Lines(JsonRows::whole(raw(path).map_err(Broken::Io)?))
        }
    };
    Ok(Opened { rows, form })
}

/// The file's bytes, unpacked if the first ones say gzip.
fn raw(path: &Path) -> std::io::Result<Box<dyn BufRead + Send>> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    let packed = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if packed {
        Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(file)))
    } else {
        Box::new(file)
    })
}

fn tell(path: &Path, how: &How) -> Result<Form, Broken> {
    let mut input = raw(path).map_err(Broken::Io)?;
    let start = input.fill_buf().map_err(Broken::Io)?.to_vec();
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        return Ok(Form::Sheet { name: super::sheet::choose(path, how.sheet.as_deref())? });
    }
    refuse_others(&start)?;
    if how.sheet.is_some() {
        let detail = "the file isn't XLSX and has no sheets; leave --sheet out";
        return Err(Broken::file("--sheet", "no_sheets", detail));
    }
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start);
    if text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        return Ok(Form::Lines { objects: how.objects });
    }
    let encoding = match &how.encoding {
        Some(label) => labelled(label)?,
        None => {
            let hint = how.hint.as_deref().map(labelled).transpose()?;
            detect(&mut input, hint).map_err(Broken::Io)?
        }
    };
    let delimiter = match &how.delimiter {
        Some(said) => delimiter_of(said)?,
        None => {
            let again = raw(path).map_err(Broken::Io)?;
            guess_delimiter(decoded(again, encoding).map_err(Broken::Io)?).map_err(Broken::Io)?
        }
    };
    Ok(Form::Csv { encoding, delimiter })
}

/// Files that are no table, with what to do.
fn refuse_others(start: &[u8]) -> Result<(), Broken> {
    let text = start.trim_ascii_start();
    let refused = |code, detail: &str| Err(Broken::file("the file", code, detail));
    if start.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return refused(
            "old_excel",
            "is an old Excel file (.xls) or locked with a password; save it as .xlsx or CSV UTF-8",
        );
    }
    if start.starts_with(b"%PDF") {
        return refused("pdf", "is a PDF; export a table (.xlsx or CSV) from the shop");
    }
    let lower = text[..text.len().min(15)].to_ascii_lowercase();
    if ["<!doctype", "<html", "<table", "<?xml"].iter().any(|tag| lower.starts_with(tag.as_bytes())) {
        return refused(
            "web_page",
            "is a web page or XML, whatever its name says; open it in a spreadsheet and save it as .xlsx or CSV UTF-8",
        );
    }
    if text.starts_with(b"[{")
        || text.starts_with(b"[\n")
        || text.starts_with(b"[ ")
        || text == b"["
        || text == b"[]"
    {
        return refused(
            "json_array",
            "is one JSON array; write one object a line (NDJSON), as `jq -c '.[]'` does",
        );
    }
    Ok(())
}

fn delimiter_of(said: &str) -> Result<u8, Broken> {
    let named = DELIMITERS.iter().find(|(_, name)| *name == said).map(|(byte, _)| *byte);
    let one = (said.len() == 1 && !said.contains(['"', '\n', '\r'])).then(|| said.as_bytes()[0]);
    named.or(one.filter(u8::is_ascii)).ok_or_else(|| {
        let detail = format!("\"{said}\" is no delimiter; say one character, or comma, semicolon or tab");
        Broken::file("--delimiter", "bad_delimiter", detail)
    })
}

/// The delimiter that the header row has most of, outside quotes; a comma if it has none.
fn guess_delimiter(mut text: Box<dyn BufRead + Send>) -> std::io::Result<u8> {
    let (mut quoted, mut counts, mut any, mut length) = (false, [0_usize; 3], false, 0);
    'row: loop {
        let buffer = text.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        for byte in buffer {
            length += 1;
            match byte {
                b'"' => quoted = !quoted,
                b'\n' if !quoted && any => break 'row,
                b'\n' | b'\r' => {}
                byte => {
                    any = true;
                    if let Some(n) = DELIMITERS.iter().position(|(d, _)| d == byte).filter(|_| !quoted) {
                        counts[n] += 1;
                    }
                }
            }
        }
        if length > super::LARGEST_ROW {
            break;
        }
        let n = buffer.len();
        text.consume(n);
    }
    let most = *counts.iter().max().unwrap_or(&0);
    let place = counts.iter().position(|count| *count == most).unwrap_or(0);
    Ok(DELIMITERS[place].0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_as_spreadsheets_do() {
        for (place, name) in
            [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA")]
        {
            assert_eq!(letters(place), name);
        }
    }

    #[test]
    fn the_header_tells_the_delimiter() {
        let guess = |text: &'static str| guess_delimiter(Box::new(text.as_bytes())).expect("read");
        assert_eq!(guess("a,b,c\n1;2;3;4;5\n"), b',');
        assert_eq!(guess("\r\n\"a,b\";c;d\n"), b';');
        assert_eq!(guess("a\tb\n"), b'\t');
        assert_eq!(guess("a\n"), b',');
        assert_eq!(guess(""), b',');
        assert_eq!(delimiter_of("tab").expect("known"), b'\t');
        assert_eq!(delimiter_of("|").expect("a character"), b'|');
        assert!(delimiter_of("\"").is_err() && delimiter_of("，").is_err() && delimiter_of("").is_err());
    }
}
