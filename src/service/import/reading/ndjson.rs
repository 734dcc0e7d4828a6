//! One JSON object a line, as rows: the keys of all lines are the columns. Values are plain; what is nested
//! belongs into `import events`.

use super::{Broken, LARGEST_ROW, MOST_COLUMNS, Row};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::io::{BufRead, Read};

/// Rows of objects, the header first.
pub(in crate::service::import) struct JsonRows {
    lines: Lines,
    /// All keys there are.
    names: Vec<String>,
    begun: bool,
    cut: Cut,
}

/// What a line becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    ByKeys,
    Whole,
}

impl JsonRows {
    /// `reopen` opens the file from its beginning: it is read twice, since any line may have a new key.
    pub fn open(reopen: impl Fn() -> std::io::Result<Box<dyn BufRead + Send>>) -> Result<Self, Broken> {
        let mut lines = Lines::new(reopen().map_err(Broken::Io)?);
        let mut names = BTreeSet::new();
        while let Some(line) = lines.next().map_err(Broken::Io)? {
            if let Ok(object) = line.object() {
                names.extend(object.into_iter().map(|(key, _)| key));
            }
            if names.len() > MOST_COLUMNS {
                let detail = format!("a new key makes more than {MOST_COLUMNS}; at most so many are taken");
                return Err(Broken::file(format!("line {}", line.number), "too_many_columns", detail));
            }
        }
        Ok(Self {
            lines: Lines::new(reopen().map_err(Broken::Io)?),
            names: names.into_iter().collect(),
            begun: false,
            cut: Cut::ByKeys,
        })
    }

    /// Each line is one cell, under the name `event`.
    pub fn whole(input: Box<dyn BufRead + Send>) -> Self {
        Self { lines: Lines::new(input), names: vec!["event".to_owned()], begun: false, cut: Cut::Whole }
    }

    pub fn next(&mut self) -> Result<Option<Row>, Broken> {
        if !std::mem::replace(&mut self.begun, true) {
            return Ok(Some(Row { line: 1, cells: self.names.clone(), problem: None }));
        }
        let Some(line) = self.lines.next().map_err(Broken::Io)? else { return Ok(None) };
        let object = match line.object() {
            Ok(object) => object,
            // What an event should be is said by whoever reads it.
            Err(("not_json" | "not_an_object", _)) if self.cut == Cut::Whole => Map::new(),
            Err((code, detail)) => return Ok(Some(Row::refused(line.number, line.shown(), code, detail))),
        };
        if self.cut == Cut::Whole {
            return Ok(Some(Row { line: line.number, cells: line.shown(), problem: None }));
        }
        let mut nested = None;
        let cells = self.names.iter().map(|name| {
            let (text, plain) = object.get(name).map_or((String::new(), true), text_of);
            if !plain {
                nested.get_or_insert(name);
            }
            text
        });
        let cells: Vec<String> = cells.collect();
        if let Some(name) = nested {
            let detail = format!(
                "\"{name}\" holds a list or an object; columns are plain values, and whole events go in with `import events`"
            );
            return Ok(Some(Row::refused(line.number, cells, "nested_value", detail)));
        }
        Ok(Some(Row { line: line.number, cells, problem: None }))
    }
}

/// A value as a cell, and whether it is plain.
fn text_of(value: &Value) -> (String, bool) {
    match value {
        Value::Null => (String::new(), true),
        Value::String(text) => (text.clone(), true),
        Value::Bool(flag) => (flag.to_string(), true),
        Value::Number(number) => (number.to_string(), true),
        nested => (nested.to_string(), false),
    }
}

/// One line's bytes, cut where it is too long.
pub(in crate::service::import) struct Line {
    pub number: u64,
    bytes: Vec<u8>,
}

impl Line {
    /// The object it is, or code and detail of why it is none.
    pub fn object(&self) -> Result<Map<String, Value>, (&'static str, String)> {
        if self.bytes.len() > LARGEST_ROW {
            return Err(("row_too_large", format!("the line is larger than {} KiB", LARGEST_ROW / 1024)));
        }
        let text = std::str::from_utf8(&self.bytes).map_err(|_| {
            ("not_utf8", "the line isn't UTF-8, as JSON has to be; save the file as UTF-8".to_owned())
        })?;
        if text.contains('\0') || text.contains("\\u0000") {
            return Err(("nul_character", "the line contains a NUL; remove it".to_owned()));
        }
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err((
                "not_an_object",
                "the line is JSON but no object; write {\"column\": value, …}".to_owned(),
            )),
            Err(e) => {
                let detail =
                    format!("the line isn't JSON (character {}); write one object a line", e.column());
                Err(("not_json", detail))
            }
        }
    }

    /// The line as a reject file keeps it; nothing where it is too long.
    pub fn shown(&self) -> Vec<String> {
        if self.bytes.len() > LARGEST_ROW {
            return Vec::new();
        }
        vec![String::from_utf8_lossy(&self.bytes).replace('\0', "\u{fffd}")]
    }
}

/// Lines that aren't blank, with their numbers.
pub(in crate::service::import) struct Lines {
    input: Box<dyn BufRead + Send>,
    number: u64,
}

impl Lines {
    pub fn new(input: Box<dyn BufRead + Send>) -> Self {
        Self { input, number: 0 }
    }

    pub fn next(&mut self) -> std::io::Result<Option<Line>> {
        loop {
            let mut bytes = Vec::new();
            let most = LARGEST_ROW as u64 + 2;
            if (&mut self.input).take(most).read_until(b'\n', &mut bytes)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if bytes.len() as u64 == most && bytes.last() != Some(&b'\n') {
                self.skip_rest()?;
            }
            if self.number == 1 && bytes.starts_with(b"\xef\xbb\xbf") {
                bytes.drain(..3);
            }
            while bytes.last().is_some_and(u8::is_ascii_whitespace) {
                bytes.pop();
            }
            if !bytes.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(Line { number: self.number, bytes }));
            }
        }
    }

    fn skip_rest(&mut self) -> std::io::Result<()> {
        loop {
            let buffer = self.input.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let n = end.map_or(buffer.len(), |end| end + 1);
            let done = end.is_some() || buffer.is_empty();
            self.input.consume(n);
            if done {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u64, Vec<String>, &'static str)> {
        let text = text.as_bytes().to_vec();
        let open = || Ok(Box::new(std::io::Cursor::new(text.clone())) as Box<dyn BufRead + Send>);
        let mut rows = JsonRows::open(open).expect("opened");
        let mut out = Vec::new();
        while let Some(row) = rows.next().expect("read") {
            out.push((row.line, row.cells, row.problem.map_or("", |p| p.code)));
        }
        out
    }

    #[test]
    fn keys_of_all_lines_are_the_columns() {
        let found =
            rows("\u{feff}{\"b\":1,\"a\":\"x\"}\n\n{\"c\":null,\"a\":true}\n{\"b\":123456789012345678}\n");
        let cells = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        assert_eq!(
            found,
            [
                (1, cells(["a", "b", "c"]), ""),
                (1, cells(["x", "1", ""]), ""),
                (3, cells(["true", "", ""]), ""),
                (4, cells(["", "123456789012345678", ""]), ""),
            ]
        );
    }

    #[test]
    fn what_is_no_object_is_refused_with_its_line() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(LARGEST_ROW));
        let found = rows(&format!(
            "{{\"a\":1}}\n[1]\n{{\"a\":\n{{\"a\":{{}}}}\n{long}\n{{\"a\":\"\\u0000\"}}\n{{\"a\":2}}"
        ));
        let codes: Vec<(u64, &str)> = found.iter().map(|(line, _, code)| (*line, *code)).collect();
        assert_eq!(
            codes,
            [
                (1, ""),
                (1, ""),
                (2, "not_an_object"),
                (3, "not_json"),
                (4, "nested_value"),
                (5, "row_too_large"),
                (6, "nul_character"),
                (7, "")
            ]
        );
        assert_eq!(found[2].1, ["[1]"], "kept for the reject file");
    }
}
