//! A file of consents read row by row: what each says and of whom, or why it is refused.

use super::Signed;
use crate::service::import::table::{Table, TableRow, read as read_table};
use crate::service::import::{RefusedRow, file_hash};
use crate::service::{Book, ServiceError};
use crate::store::consent_batches;
use chrono_tz::Tz;
use domain::contact::{self, Class};
use domain::customer::consent::{Purpose, channel};
use domain::ids::CustomerId;
use domain::import::plain;
use domain::mask;
use domain::problem::{Problem, Problems, nearest};
use domain::time::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// A consent of the file.
#[derive(Debug, Clone)]
pub struct Line {
    pub line: u64,
    /// As resolved.
    pub customer: CustomerId,
    pub channel: String,
    pub purpose: Purpose,
    pub granted: bool,
    pub at: Instant,
    pub evidence: Option<String>,
    pub text_version: Option<String>,
}

/// Who a row means.
#[derive(Debug, Clone)]
enum Meant {
    UserId(String),
    /// Channel and value.
    Contact(&'static str, String),
}

/// The file's rows before anybody is looked for.
pub struct Read {
    file_name: String,
    file_hash: String,
    lines: Vec<(Meant, String, Line)>,
    refused: Vec<RefusedRow>,
}

/// The same with everybody found.
pub struct Found {
    pub file_name: String,
    pub file_hash: String,
    pub lines: Vec<Line>,
    pub refused: Vec<RefusedRow>,
}

const COLUMNS: [&str; 9] =
    ["customer_id", "email", "phone", "channel", "purpose", "state", "at", "evidence", "text_version"];
/// Most rows of a file.
const MOST_ROWS: usize = 1_000_000;

/// Reads the file. A header that can't be right refuses it whole.
pub fn read(signed: &Signed, zone: Tz, signed_at: Instant, now: Instant) -> Result<Read, ServiceError> {
    let table = read_table(&signed.path, signed.form.clone(), MOST_ROWS)?;
    let names: Vec<String> = table.header.iter().map(|name| plain(name)).collect();
    header(&table, &names)?;
    let unreadable = |e: std::io::Error| {
        ServiceError::invalid(signed.path.display().to_string(), "cannot_read", e.to_string())
    };
    let mut read = Read {
        file_name: table.file.clone(),
        file_hash: file_hash(&signed.path).map_err(unreadable)?,
        lines: Vec::new(),
        refused: Vec::new(),
    };
    let rows = Rows { table: &table, names: &names, zone, signed_at, now };
    for row in &table.rows {
        match rows.read(row) {
            Ok(line) => read.lines.push(line),
            Err(problems) => read.refused.push(RefusedRow::new(row.line, &problems)),
        }
    }
    Ok(read)
}

fn header(table: &Table, names: &[String]) -> Result<(), ServiceError> {
    let at = |place: usize| format!("{}, column {}", table.row(1), place + 1);
    let mut problems = Vec::new();
    for (place, name) in names.iter().enumerate() {
        if names[..place].contains(name) {
            problems.push(Problem::new(at(place), "column_twice", format!("\"{name}\" is there twice")));
        } else if !COLUMNS.contains(&name.as_str()) {
            let remedy = match nearest(name, COLUMNS) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {}", COLUMNS.join(", ")),
            };
            problems.push(Problem::new(
                at(place),
                "unknown_column",
                format!("\"{name}\" is no column of consents; {remedy}"),
            ));
        }
    }
    for needed in ["channel", "state"] {
        if !names.iter().any(|name| name == needed) {
            let detail = format!("the file has no column {needed}");
            problems.push(Problem::new(table.row(1), "missing_column", detail));
        }
    }
    if !COLUMNS[..3].iter().any(|who| names.iter().any(|name| name == who)) {
        let detail = "nothing says whose consents these are; add a column customer_id, email or phone";
        problems.push(Problem::new(table.row(1), "missing_column", detail));
    }
    if problems.is_empty() { Ok(()) } else { Err(ServiceError::Invalid(problems)) }
}

struct Rows<'t> {
    table: &'t Table,
    names: &'t [String],
    zone: Tz,
    signed_at: Instant,
    now: Instant,
}

impl Rows<'_> {
    fn cell<'r>(&self, row: &'r TableRow, name: &str) -> Option<&'r str> {
        let place = self.names.iter().position(|other| other == name)?;
        row.cells.get(place).map(|cell| cell.trim()).filter(|text| !text.is_empty())
    }

    fn problem(&self, row: &TableRow, column: &str, code: &'static str, detail: String) -> Problem {
        Problem::new(format!("{}, column {column}", self.table.row(row.line)), code, detail)
    }

    fn read(&self, row: &TableRow) -> Result<(Meant, String, Line), Vec<Problem>> {
        let mut problems = Problems::default();
        let said = self.meant(row);
        let meant = problems.note(said.map(Some));
        let wrong = |column: &'static str, code, detail: String| self.problem(row, column, code, detail);
        let on = self.cell(row, "channel").and_then(channel);
        let on = problems.note(on.ok_or_else(|| {
            wrong("channel", "bad_channel", "names no channel such as email or sms".to_owned())
        }));
        let written = self.cell(row, "purpose").unwrap_or("marketing").to_lowercase();
        let purpose = problems.note(Purpose::parse(&written).map(Some).ok_or_else(|| {
            let known: Vec<&str> = Purpose::ALL.iter().map(|purpose| purpose.as_str()).collect();
            wrong(
                "purpose",
                "bad_purpose",
                format!("\"{written}\" is no purpose; use one of {}", known.join(", ")),
            )
        }));
        let state = self.cell(row, "state").unwrap_or_default().to_lowercase();
        let granted = match state.as_str() {
            "granted" | "yes" | "y" | "true" | "1" | "是" => Some(true),
            "denied" | "no" | "n" | "false" | "0" | "否" => Some(false),
            _ => {
                problems.push(wrong(
                    "state",
                    "bad_consent",
                    format!("\"{state}\" is neither granted nor denied"),
                ));
                None
            }
        };
        let at = match self.cell(row, "at") {
            None => Some(self.signed_at),
            Some(text) => {
                let at = Instant::parse(text, self.zone);
                if at.is_none() {
                    problems.push(wrong(
                        "at",
                        "bad_instant",
                        format!("\"{text}\" is no date or instant such as 2026-03-01"),
                    ));
                }
                at
            }
        };
        if at.is_some_and(|at| at > self.now) {
            problems.push(wrong("at", "future", "is after the clock; correct it".to_owned()));
        }
        let text = |column| self.cell(row, column).map(str::to_owned);
        let (evidence, text_version) = (text("evidence"), text("text_version"));
        match (meant, purpose, granted, at) {
            (Some(meant), Some(purpose), Some(granted), Some(at)) => {
                let line = Line {
                    line: row.line,
                    customer: CustomerId(0),
                    channel: on,
                    purpose,
                    granted,
                    at,
                    evidence,
                    text_version,
                };
                problems.or((meant, self.table.row(row.line), line))
            }
            _ => Err(problems.into_vec()),
        }
    }

    fn meant(&self, row: &TableRow) -> Result<Meant, Problem> {
        if let Some(id) = self.cell(row, "customer_id") {
            return Ok(Meant::UserId(id.to_owned()));
        }
        for (column, read) in [
            (contact::EMAIL, contact::email as fn(&str) -> Option<contact::Address>),
            (contact::PHONE, contact::phone),
        ] {
            if let Some(written) = self.cell(row, column) {
                let real = read(written).filter(|address| address.usable && address.class == Class::Real);
                let real = real.ok_or_else(|| {
                    let detail = format!(
                        "{} names nobody; put a whole one, or a customer_id",
                        mask::contact(column, written)
                    );
                    self.problem(row, column, "not_a_contact_point", detail)
                })?;
                return Ok(Meant::Contact(column, real.value));
            }
        }
        let detail = "nobody is named; put a customer_id, an email or a phone".to_owned();
        Err(self.problem(row, "customer_id", "nobody", detail))
    }
}

/// Looks for everybody at once. A contact point that several share names nobody.
pub async fn find_people(book: &Book, namespace: &str, read: Read) -> Result<Found, ServiceError> {
    let db = book.store.reader();
    let (mut ids, mut contacts) = (BTreeSet::new(), BTreeMap::<&'static str, BTreeSet<String>>::new());
    for (meant, _, _) in &read.lines {
        match meant {
            Meant::UserId(id) => drop(ids.insert(id.clone())),
            Meant::Contact(channel, value) => {
                contacts.entry(channel).or_default().insert(value.clone());
            }
        }
    }
    let ids = consent_batches::by_user_id(db, namespace, ids).await?;
    let mut holders = BTreeMap::new();
    for (channel, values) in contacts {
        for (value, people) in consent_batches::by_contact(db, channel, values).await? {
            holders.insert((channel, value), people);
        }
    }
    let mut found = Found {
        file_name: read.file_name,
        file_hash: read.file_hash,
        lines: Vec::with_capacity(read.lines.len()),
        refused: read.refused,
    };
    for (meant, row, line) in read.lines {
        let customer = match &meant {
            Meant::UserId(id) => ids.get(id).copied().ok_or_else(|| {
                let detail = format!("there is no customer \"{id}\"; import customers first");
                Problem::new(format!("{row}, column customer_id"), "unknown_customer", detail)
            }),
            Meant::Contact(channel, value) => one_of(holders.get(&(*channel, value.clone())), channel, &row),
        };
        match customer {
            Ok(customer) => found.lines.push(Line { customer, ..line }),
            Err(problem) => found.refused.push(RefusedRow::new(line.line, &[problem])),
        }
    }
    found.refused.sort_by_key(|refused| refused.line);
    Ok(found)
}

fn one_of(people: Option<&BTreeSet<CustomerId>>, channel: &str, row: &str) -> Result<CustomerId, Problem> {
    let at = format!("{row}, column {channel}");
    let mut people = people.into_iter().flatten();
    match (people.next(), people.next()) {
        (Some(one), None) => Ok(*one),
        (None, _) => Err(Problem::new(
            at,
            "unknown_customer",
            format!("nobody has this {channel}; import customers first"),
        )),
        _ => {
            let detail = format!("several customers share this {channel}; name one by customer_id");
            Err(Problem::new(at, "shared_contact", detail))
        }
    }
}
