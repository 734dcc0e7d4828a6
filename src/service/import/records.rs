//! From rows to records: the rows of one order are one, wherever in the file they stand.

use super::columns::{Cells, Header, Line};
use super::profiles::{self, Choice};
use super::reading::{Broken, Form, How, Opened, Row, Rows, open, open_as};
use domain::import::{Around, Kind, Profile, Table, Unknown};
use domain::problem::Problem;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

/// Rows that belong together, or one that can't be read.
#[derive(Debug)]
pub(super) struct Record {
    /// Rows of the file up to and including the last of this record, the header not counted.
    pub row: u64,
    pub lines: Vec<Line>,
    /// Why the row, the only one then, can't be read.
    pub unreadable: Option<Problem>,
}

/// What a first reading of the whole file found.
struct Survey {
    rows: u64,
    /// Hashes of order ids whose rows don't stand together, with their number.
    scattered: HashMap<u64, u64>,
    hasher: RandomState,
}

/// What is said of a file and around it.
pub(super) struct Reading<'a> {
    pub kind: Kind,
    pub path: &'a Path,
    pub how: How,
    pub choice: &'a Choice,
    pub unknown: Unknown,
    pub around: Around,
}

/// A file's records, in the order in which they are complete.
pub(super) struct Records {
    rows: Rows,
    pub header: Header,
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
    pub fn open(reading: &Reading<'_>) -> Result<Self, Broken> {
        let asked = profiles::asked(reading.choice)?;
        let hint = asked.as_ref().and_then(|profile| profile.encoding.clone());
        let opened = open(reading.path, &How { hint, ..reading.how.clone() })?;
        let form = opened.form.clone();
        let (rows, header) = begin(reading, opened, asked.as_ref())?;
        let survey = survey(rows, &header)?;
        let (rows, header) = begin(reading, open_as(reading.path, form)?, asked.as_ref())?;
        Ok(Self { rows, header, survey, row: 0, current: None, waiting: HashMap::new(), next: None })
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
        let key = order_key(&self.header, &row);
        let unreadable = row.problem.map(|problem| Problem { at: self.header.form.row(row.line), ..problem });
        let line = Line::of(row.line, row.cells, &self.header);
        let Some(key) = key.filter(|_| unreadable.is_none()) else {
            return self.after_current(Record { row: self.row, lines: vec![line], unreadable });
        };
        let hash = self.survey.hasher.hash_one(&key);
        if let Some(expected) = self.survey.scattered.get(&hash) {
            let begun = || Record { row: 0, lines: Vec::new(), unreadable: None };
            let record = self.waiting.entry(key.clone()).or_insert_with(begun);
            record.row = self.row;
            record.lines.push(line);
            if (record.lines.len() as u64) < *expected {
                return None;
            }
            let record = self.waiting.remove(&key).expect("just there");
            return self.after_current(record);
        }
        match &mut self.current {
            Some((current, record)) if *current == key => {
                record.row = self.row;
                record.lines.push(line);
                None
            }
            current => {
                let record = Record { row: self.row, lines: vec![line], unreadable: None };
                current.replace((key, record)).map(|(_, record)| record)
            }
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
    /// How many rows of the file it is.
    pub fn rows(&self) -> i64 {
        i64::try_from(self.lines.len()).unwrap_or(i64::MAX)
    }

    /// The line of the file it begins on.
    pub fn first_line(&self) -> u64 {
        self.lines.first().map_or(0, |line| line.number)
    }

    /// The record's rows by our fields' names.
    pub fn cells<'a>(&'a self, header: &'a Header) -> Result<Vec<Cells<'a>>, Problem> {
        self.lines.iter().map(|line| header.cells(line)).collect()
    }
}

/// What the rows of one order share. A refund may carry the number of an order; they are two records.
fn order_key(header: &Header, row: &Row) -> Option<String> {
    if header.layout.kind != Kind::Orders || row.problem.is_some() || row.cells.len() != header.names().len()
    {
        return None;
    }
    let value = |field| header.layout.read_one(field, &row.cells).filter(|value| !value.is_empty());
    let id = value("order_id")?;
    let kind = value("kind").unwrap_or_else(|| "purchase".to_owned());
    Some(format!("{kind}:{id}"))
}

fn begin(
    reading: &Reading<'_>,
    Opened { mut rows, form }: Opened,
    asked: Option<&Profile>,
) -> Result<(Rows, Header), Broken> {
    let first = rows.next()?.ok_or_else(|| {
        let detail = "the file is empty; it needs a header row with the columns' names";
        Broken::file(form.row(1), "empty_file", detail)
    })?;
    if let Some(problem) = first.problem {
        return Err(Broken::File(vec![Problem { at: form.row(first.line), ..problem }]));
    }
    let names = without_blank_end(first.cells, &form);
    let (profile, table): (Profile, Table) = profiles::choose(asked.cloned(), reading.kind, &names)?;
    let header = Header::read((&profile, &table), names, first.line, reading.unknown, reading.around, form)
        .map_err(Broken::File)?;
    Ok((rows, header))
}

/// A sheet's header ends with its last name.
fn without_blank_end(mut names: Vec<String>, form: &Form) -> Vec<String> {
    if matches!(form, Form::Sheet { .. }) {
        while names.last().is_some_and(|name| name.trim().is_empty()) {
            names.pop();
        }
    }
    names
}

/// Reads the file once through: how long it is, whether it can be read to its end, and which orders' rows
/// don't stand together.
fn survey(mut rows: Rows, header: &Header) -> Result<Survey, Broken> {
    let hasher = RandomState::new();
    let mut survey = Survey { rows: 0, scattered: HashMap::new(), hasher };
    // One number an unbroken run of rows of one order.
    let mut runs: Vec<u64> = Vec::new();
    let mut last = None;
    let mut counts: HashMap<u64, u64> = HashMap::new();
    while let Some(row) = rows.next()? {
        survey.rows += 1;
        let hash = order_key(header, &row).map(|key| survey.hasher.hash_one(key));
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
