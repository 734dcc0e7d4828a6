//! From rows to records: the rows of one order are one, wherever in the file they stand.

use super::Kind;
use super::columns::{Cells, Header, Unknown};
use super::rows::{Broken, Row, Rows, open};
use domain::problem::Problem;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io::BufRead;
use std::path::Path;

/// Rows that belong together, or one that can't be read.
#[derive(Debug)]
pub(super) struct Record {
    /// Rows of the file up to and including the last of this record, the header not counted.
    pub row: u64,
    pub lines: Vec<(u64, Vec<String>)>,
    /// Why the row can't be read; `lines` is empty then.
    pub unreadable: Option<(u64, Problem)>,
}

/// What a first reading of the whole file found.
pub(super) struct Survey {
    pub rows: u64,
    /// Hashes of order ids whose rows don't stand together, with their number.
    scattered: HashMap<u64, u64>,
    hasher: RandomState,
}

/// A file's records, in the order in which they are complete.
pub(super) struct Records {
    rows: Rows<Box<dyn BufRead + Send>>,
    pub header: Header,
    kind: Kind,
    survey: Survey,
    row: u64,
    /// An order whose rows are still coming.
    current: Option<(String, Record)>,
    /// Scattered orders whose rows are still coming.
    waiting: HashMap<String, Record>,
    /// A complete record given after the one before it.
    next: Option<Record>,
}

impl Records {
    pub fn open(kind: Kind, path: &Path, unknown: Unknown) -> Result<Self, Broken> {
        let survey = survey(kind, path, unknown)?;
        let (rows, header) = begin(kind, path, unknown)?;
        Ok(Self { rows, header, kind, survey, row: 0, current: None, waiting: HashMap::new(), next: None })
    }

    /// Rows of the file, the header not counted.
    pub fn total(&self) -> u64 {
        self.survey.rows
    }

    /// The next record; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Record>, Broken> {
        if let Some(record) = self.next.take() {
            return Ok(Some(record));
        }
        while let Some(row) = self.rows.next()? {
            self.row += 1;
            if let Some(record) = self.take(row) {
                return Ok(Some(record));
            }
        }
        Ok(self.current.take().map(|(_, record)| record))
    }

    fn take(&mut self, row: Row) -> Option<Record> {
        let line = row.line;
        let fields = match row.fields {
            Ok(fields) => fields,
            Err(problem) => {
                let at = format!("line {line}");
                let problem = Problem { at, ..problem };
                let record = Record { row: self.row, lines: Vec::new(), unreadable: Some((line, problem)) };
                return self.after_current(record);
            }
        };
        let Some(key) = order_id(self.kind, &self.header, line, &fields) else {
            return self.after_current(Record::of(self.row, line, fields));
        };
        let hash = self.survey.hasher.hash_one(&key);
        if let Some(expected) = self.survey.scattered.get(&hash) {
            let record =
                self.waiting.entry(key.clone()).or_insert_with(|| Record::of(0, 0, Vec::new()).emptied());
            record.row = self.row;
            record.lines.push((line, fields));
            if (record.lines.len() as u64) < *expected {
                return None;
            }
            let record = self.waiting.remove(&key).expect("just there");
            return self.after_current(record);
        }
        match &mut self.current {
            Some((current, record)) if *current == key => {
                record.row = self.row;
                record.lines.push((line, fields));
                None
            }
            current => current.replace((key, Record::of(self.row, line, fields))).map(|(_, record)| record),
        }
    }

    /// A record that is complete by itself ends the one whose rows were coming.
    fn after_current(&mut self, record: Record) -> Option<Record> {
        match self.current.take() {
            Some((_, current)) => {
                self.next = Some(record);
                Some(current)
            }
            None => Some(record),
        }
    }
}

impl Record {
    fn of(row: u64, line: u64, fields: Vec<String>) -> Self {
        Self { row, lines: vec![(line, fields)], unreadable: None }
    }

    /// How many rows of the file it is.
    pub fn rows(&self) -> i64 {
        i64::try_from(self.lines.len().max(1)).unwrap_or(i64::MAX)
    }

    /// The line of the file it begins on.
    pub fn first_line(&self) -> u64 {
        let unreadable = self.unreadable.as_ref().map(|(line, _)| *line);
        unreadable.or(self.lines.first().map(|(line, _)| *line)).unwrap_or_default()
    }

    fn emptied(mut self) -> Self {
        self.lines.clear();
        self
    }

    /// The record's rows by column names.
    pub fn cells<'a>(&'a self, header: &'a Header) -> Result<Vec<Cells<'a>>, Problem> {
        self.lines.iter().map(|(line, fields)| header.cells(*line, fields)).collect()
    }
}

fn order_id(kind: Kind, header: &Header, line: u64, fields: &[String]) -> Option<String> {
    if kind != Kind::Orders {
        return None;
    }
    let cells = header.cells(line, fields).ok()?;
    // A refund may carry the number of an order; they are two records.
    let refund = cells.get("kind").unwrap_or("purchase");
    cells.get("order_id").map(|id| format!("{refund}:{id}"))
}

fn begin(
    kind: Kind,
    path: &Path,
    unknown: Unknown,
) -> Result<(Rows<Box<dyn BufRead + Send>>, Header), Broken> {
    let mut rows = open(path).map_err(Broken::Io)?;
    let empty = || {
        let detail = "the file is empty; it needs a header row with the columns' names";
        Broken::File(vec![Problem::new("line 1", "empty_file", detail)])
    };
    let first = rows.next()?.ok_or_else(empty)?;
    let fields =
        first.fields.map_err(|p| Broken::File(vec![Problem { at: format!("line {}", first.line), ..p }]))?;
    let header = Header::read(kind, fields, unknown).map_err(Broken::File)?;
    Ok((rows, header))
}

/// Reads the file once through: how long it is, whether it can be read to its end, and which orders' rows
/// don't stand together.
fn survey(kind: Kind, path: &Path, unknown: Unknown) -> Result<Survey, Broken> {
    let (mut rows, header) = begin(kind, path, unknown)?;
    let hasher = RandomState::new();
    let mut survey = Survey { rows: 0, scattered: HashMap::new(), hasher };
    // One number an unbroken run of rows of one order.
    let mut runs: Vec<u64> = Vec::new();
    let mut last = None;
    let mut counts: HashMap<u64, u64> = HashMap::new();
    while let Some(row) = rows.next()? {
        survey.rows += 1;
        let key = row.fields.ok().and_then(|fields| order_id(kind, &header, row.line, &fields));
        let hash = key.map(|key| survey.hasher.hash_one(key));
        if let Some(hash) = hash {
            *counts.entry(hash).or_default() += 1;
            if last != Some(hash) {
                runs.push(hash);
            }
        }
        last = hash;
    }
    let mut seen = HashSet::with_capacity(runs.len());
    let twice: HashSet<u64> = runs.into_iter().filter(|run| !seen.insert(*run)).collect();
    survey.scattered = twice.into_iter().filter_map(|hash| Some((hash, *counts.get(&hash)?))).collect();
    Ok(survey)
}
