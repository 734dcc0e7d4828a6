//! Tables of staff and of shifts as the documents that `apply` declares: so that they are checked, compared and
//! written as everything declared is, all or nothing.

use super::FormSaid;
use super::table::{self, Table};
use crate::service::apply::Input;
use crate::service::{Book, ServiceError, staff};
use chrono::NaiveDate;
use domain::import::plain;
use domain::problem::{Problem, nearest};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Shift codes and their hours: `早` → `["09:00-18:00"]`; none is a day off.
pub type Codes = BTreeMap<String, Vec<String>>;

const STAFF: [&str; 10] =
    ["name", "email", "role", "level", "skills", "team", "key", "capacity_held", "calls_per_day", "state"];
/// Codes for a day off that need no explanation.
const OFF: [&str; 8] = ["", "-", "/", "off", "x", "休", "休息", "假"];
/// Most people and rows of such a table.
const MOST_ROWS: usize = 5_000;

/// One document a row of a staff table.
pub async fn staff_documents(book: &Book, path: &Path, said: FormSaid) -> Result<Vec<Input>, ServiceError> {
    let table = table::read(path, said, MOST_ROWS)?;
    let known = known_staff(book).await?;
    let names: Vec<String> = table.header.iter().map(|name| plain(name)).collect();
    let mut problems = unknown_columns(&table, &names);
    let mut inputs = Vec::new();
    for row in &table.rows {
        let cell = |name: &str| {
            let place = names.iter().position(|other| other == name)?;
            Some(row.cells[place].as_str()).filter(|text| !text.is_empty())
        };
        match member(&table, row.line, cell, &known) {
            Ok(document) => inputs.push(input(&table, row.line, "staff", &document)),
            Err(problem) => problems.push(problem),
        }
    }
    finished(inputs, problems)
}

/// One document a row of a matrix of names and dates.
pub async fn shift_documents(
    book: &Book,
    path: &Path,
    said: FormSaid,
    codes: &Codes,
) -> Result<Vec<Input>, ServiceError> {
    let table = table::read(path, said, MOST_ROWS)?;
    let known = known_staff(book).await?;
    let (dates, mut problems) = dates(&table);
    let mut inputs = Vec::new();
    for row in &table.rows {
        let who = row.cells.first().map(String::as_str).unwrap_or_default();
        let Some(key) = known.by_any(who) else {
            problems.push(known.nobody(&table, row.line, who));
            continue;
        };
        let mut days = Map::new();
        for (date, (name, code)) in dates.iter().zip(table.header.iter().zip(&row.cells).skip(1)) {
            match hours(code, codes) {
                Ok(hours) => drop(days.insert(date.to_string(), json!(hours))),
                Err(detail) => {
                    let at = format!("{}, column {name}", table.form.row(row.line));
                    problems.push(Problem::new(at, "unknown_code", detail));
                }
            }
        }
        if let (Some(first), Some(last)) = (dates.first(), dates.last()) {
            let document = json!({
                "staff": key, "from": first.to_string(), "until": last.to_string(), "days": days,
            });
            inputs.push(input(&table, row.line, "shift", &document));
        }
    }
    finished(inputs, problems)
}

fn finished(inputs: Vec<Input>, problems: Vec<Problem>) -> Result<Vec<Input>, ServiceError> {
    if problems.is_empty() { Ok(inputs) } else { Err(ServiceError::Invalid(problems)) }
}

fn input(table: &Table, line: u64, kind: &'static str, document: &Value) -> Input {
    // JSON is YAML too.
    Input {
        name: format!("{}, {}", table.file, table.form.row(line)),
        text: document.to_string(),
        kind: Some(kind),
    }
}

fn unknown_columns(table: &Table, names: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for (place, name) in names.iter().enumerate() {
        let at = format!("{}, column {}", table.form.row(1), place + 1);
        if !seen.insert(name) {
            problems.push(Problem::new(
                at,
                "column_twice",
                format!("\"{name}\" is there twice; remove one of them"),
            ));
        } else if !STAFF.contains(&name.as_str()) {
            let remedy = match nearest(name, STAFF) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {}", STAFF.join(", ")),
            };
            problems.push(Problem::new(
                at,
                "unknown_column",
                format!("\"{name}\" is no column of staff; {remedy}"),
            ));
        }
    }
    if !names.iter().any(|name| name == "name") {
        problems.push(Problem::new(table.form.row(1), "missing_column", "the file has no column name"));
    }
    problems
}

/// A member of staff as a document. Who is known by address or name keeps their key.
fn member<'a>(
    table: &Table,
    line: u64,
    cell: impl Fn(&str) -> Option<&'a str>,
    known: &Known,
) -> Result<Value, Problem> {
    let (name, email) = (cell("name").unwrap_or_default(), cell("email").unwrap_or_default());
    let made = || {
        let local = email.split('@').next().unwrap_or_default();
        let source = if local.is_empty() { name } else { local };
        let key: String =
            source.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let key = key.trim_matches('-').to_owned();
        (!key.is_empty() && source.is_ascii()).then_some(key)
    };
    let found = cell("key").map(str::to_owned).or_else(|| known.by_any(email)).or_else(|| known.by_any(name));
    let key = found.or_else(made).ok_or_else(|| {
        let detail = "no key can be made of name and email; add a column key, such as wang-wei";
        Problem::new(table.form.row(line), "missing_key", detail)
    })?;
    let mut document = Map::from_iter([("key".to_owned(), json!(key))]);
    for field in ["name", "email", "role", "level", "team", "state"] {
        if let Some(value) = cell(field) {
            document.insert(field.to_owned(), json!(value));
        }
    }
    for field in ["capacity_held", "calls_per_day"] {
        if let Some(value) = cell(field) {
            document
                .insert(field.to_owned(), value.parse::<i64>().map_or_else(|_| json!(value), |n| json!(n)));
        }
    }
    if let Some(skills) = cell("skills") {
        let skills: Vec<&str> = skills
            .split([',', ';', '、', '，', '；', '|'])
            .map(str::trim)
            .filter(|skill| !skill.is_empty())
            .collect();
        document.insert("skills".to_owned(), json!(skills));
    }
    Ok(Value::Object(document))
}

/// Staff there is, by everything that names them.
struct Known {
    keys: BTreeMap<String, String>,
    names: Vec<String>,
}

async fn known_staff(book: &Book) -> Result<Known, ServiceError> {
    let mut known = Known { keys: BTreeMap::new(), names: Vec::new() };
    for row in staff::list(book).await? {
        let member = row.staff;
        for name in [Some(member.key.clone()), Some(member.name.clone()), member.email].into_iter().flatten()
        {
            known.keys.insert(plain(&name), member.key.clone());
        }
        known.names.push(member.name);
    }
    Ok(known)
}

impl Known {
    fn by_any(&self, name: &str) -> Option<String> {
        self.keys.get(&plain(name)).cloned()
    }

    fn nobody(&self, table: &Table, line: u64, who: &str) -> Problem {
        let remedy = match nearest(who, self.names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => "declare them first with `kinkeeper import staff`".to_owned(),
        };
        Problem::new(
            table.form.row(line),
            "unknown_staff",
            format!("there is nobody called \"{who}\"; {remedy}"),
        )
    }
}

/// The dates of a matrix: every column but the first, one day after the other.
fn dates(table: &Table) -> (Vec<NaiveDate>, Vec<Problem>) {
    let (mut dates, mut problems) = (Vec::<NaiveDate>::new(), Vec::new());
    for (place, name) in table.header.iter().enumerate().skip(1) {
        let at = format!("{}, column {}", table.form.row(1), place + 1);
        let date = ["%Y-%m-%d", "%Y/%m/%d", "%Y年%m月%d日"]
            .iter()
            .find_map(|f| NaiveDate::parse_from_str(name, f).ok());
        match (date, dates.last()) {
            (None, _) => {
                let detail = format!("\"{name}\" is no date; write it like 2026-10-01");
                problems.push(Problem::new(at, "not_a_date", detail));
            }
            (Some(date), Some(last)) if last.succ_opt() != Some(date) => {
                let detail = format!(
                    "{date} doesn't follow {last}; a matrix has every day between its first and last"
                );
                problems.push(Problem::new(at, "days_missing", detail));
            }
            (Some(date), _) => dates.push(date),
        }
    }
    if dates.is_empty() && problems.is_empty() {
        problems.push(Problem::new(table.form.row(1), "missing_column", "the matrix has no dates"));
    }
    (dates, problems)
}

/// The hours a cell says: a code's, its own (`09:00-12:00 13:00-18:00`), or none.
fn hours(cell: &str, codes: &Codes) -> Result<Vec<String>, String> {
    if let Some(hours) = codes.get(cell) {
        return Ok(hours.clone());
    }
    if OFF.contains(&cell.to_lowercase().as_str()) {
        return Ok(Vec::new());
    }
    let spans: Vec<String> =
        cell.replace(['–', '~', '～'], "-").split_whitespace().map(str::to_owned).collect();
    if spans.iter().all(|span| span.contains('-') && span.contains(':')) {
        return Ok(spans);
    }
    let known: Vec<&str> = codes.keys().map(String::as_str).collect();
    let told =
        if known.is_empty() { "none was told".to_owned() } else { format!("there are {}", known.join(", ")) };
    Err(format!("\"{cell}\" is no known shift ({told}); say its hours with --code {cell}=09:00-18:00"))
}
