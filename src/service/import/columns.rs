//! A file's header under its profile, and reading a row by our fields' names, in the file's own words where
//! something is wrong.

use super::reading::Form;
use domain::import::{Around, Held, Layout, Profile, Table, Unknown, held, is_destroyed};
use domain::problem::Problem;
use domain::time::Instant;

/// What a reject file adds; so that a repaired one can be imported as it is.
pub(super) const REJECT: [&str; 4] = ["reject_line", "reject_code", "reject_reason", NOT_REPAIRED];
/// A row as it stood that couldn't be put under the columns; whoever repaired it empties the cell.
pub(super) const NOT_REPAIRED: &str = "reject_row";

/// A file's header, understood.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub layout: Layout,
    pub form: Form,
    /// `taobao (orders)`; `None` is the generic one.
    pub profile: Option<String>,
}

impl Header {
    /// Understands the header row, or says everything that is wrong with it.
    pub fn read(
        fit: (&Profile, &Table),
        names: Vec<String>,
        line: u64,
        unknown: Unknown,
        around: Around,
        form: Form,
    ) -> Result<Self, Vec<Problem>> {
        let (profile, table) = fit;
        let layout = Layout::of(profile, table, names, &REJECT, unknown, around).map_err(|problems| {
            let at = |at: &str| match at {
                "" => form.row(line),
                at => format!("{}, {at}", form.row(line)),
            };
            problems.into_iter().map(|p| Problem { at: at(&p.at), ..p }).collect::<Vec<_>>()
        })?;
        let profile = (profile.name != super::profiles::GENERIC).then(|| match table.title.as_str() {
            "" => profile.name.clone(),
            title => format!("{} ({title})", profile.name),
        });
        Ok(Self { layout, form, profile })
    }

    pub fn names(&self) -> &[String] {
        &self.layout.names
    }

    /// A row by our fields' names; refused if its columns aren't the header's.
    pub fn cells<'a>(&'a self, line: &'a Line) -> Result<Cells<'a>, Problem> {
        let (cells, names) = (line.raw.len(), self.names().len());
        if cells != names {
            let detail =
                format!("the row has {cells} columns and the header {names}; put text with commas in quotes");
            return Err(Problem::new(self.form.row(line.number), "column_count", detail));
        }
        Ok(Cells { header: self, raw: &line.raw, read: &line.read, line: line.number })
    }
}

/// One row: as it stands, and by the profile.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub number: u64,
    pub raw: Vec<String>,
    read: Vec<String>,
}

impl Line {
    pub fn of(number: u64, raw: Vec<String>, header: &Header) -> Self {
        let whole = raw.len() == header.names().len();
        let read = if whole { header.layout.read(&raw) } else { Vec::new() };
        Self { number, raw, read }
    }
}

/// One row by our fields' names. Blank is absent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells<'a> {
    header: &'a Header,
    raw: &'a [String],
    read: &'a [String],
    pub line: u64,
}

impl<'a> Cells<'a> {
    pub fn get(&self, field: &str) -> Option<&'a str> {
        let value = self.read[self.header.layout.place(field)?].trim();
        (!value.is_empty()).then_some(value)
    }

    /// The field's cell as it stands in the file.
    pub fn written(&self, field: &str) -> Option<&'a str> {
        let cell = self.raw[self.header.layout.column_in(field, self.raw)?].trim();
        (!cell.is_empty()).then_some(cell)
    }

    pub fn problem(&self, field: &str, code: &'static str, detail: impl Into<String>) -> Problem {
        let layout = &self.header.layout;
        let place = layout.column_in(field, self.raw);
        let name = place.map_or(field, |place| layout.names[place].as_str());
        let (row, cell) = (self.header.form.row(self.line), self.header.form.cell(self.line, place));
        Problem::new(format!("{row}, column {name}{cell}"), code, detail)
    }

    /// A problem of the row as a whole.
    pub fn of_row(&self, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(self.header.form.row(self.line), code, detail)
    }

    pub fn required(&self, field: &str) -> Result<&'a str, Problem> {
        self.get(field).ok_or_else(|| self.problem(field, "missing_field", "is empty; a row needs it"))
    }

    /// An id, unless a spreadsheet has destroyed it.
    pub fn id(&self, field: &str) -> Result<Option<&'a str>, Problem> {
        let written = self.written(field).map(|cell| match held(cell, &[]) {
            Held::Text(text) => text,
            Held::Nothing => "",
        });
        if let Some(id) = written.filter(|id| is_destroyed(id)) {
            let detail = format!(
                "\"{id}\" was a longer number before a spreadsheet rounded it; export the column as text from the shop again"
            );
            return Err(self.problem(field, "destroyed_id", detail));
        }
        if let Some(id) = written.filter(|id| id.starts_with('=')) {
            let detail = format!("\"{id}\" is a formula; put the id itself");
            return Err(self.problem(field, "formula", detail));
        }
        Ok(self.get(field))
    }

    /// An instant; without offset in the profile's zone, else the shop's.
    pub fn instant(&self, field: &str) -> Result<Option<Instant>, Problem> {
        let Some(text) = self.get(field) else { return Ok(None) };
        let written = self.written(field).unwrap_or(text);
        // What could be read at all is in UTC already.
        let Some(at) = Instant::parse(text, chrono_tz::UTC) else {
            let detail = match ambiguous(written) {
                Some(detail) => detail,
                None => {
                    format!("\"{written}\" is no instant; write it like 2026-09-25T09:55:00 or 2026-09-25")
                }
            };
            return Err(self.problem(field, "bad_timestamp", detail));
        };
        if at.micros() < 365 * domain::time::DAY {
            let detail =
                format!("\"{written}\" is what an empty date becomes; leave it empty or put the true one");
            return Err(self.problem(field, "accidental_1970", detail));
        }
        Ok(Some(at))
    }

    /// A word of those the profile lists.
    pub fn word(&self, field: &str, ours: &[&str]) -> Result<Option<&'a str>, Problem> {
        let Some(word) = self.get(field) else { return Ok(None) };
        match self.header.layout.words(field) {
            Some(known) if !ours.contains(&word) => {
                let detail = format!(
                    "\"{word}\" isn't known; there are {}. Add it to the profile's values and import with --map",
                    known.join(", ")
                );
                Err(self.problem(field, "unknown_word", detail))
            }
            _ => Ok(Some(word)),
        }
    }

    /// Whether the profile lists the words a field's cells may hold.
    pub fn words_are_listed(&self, field: &str) -> bool {
        self.header.layout.words(field).is_some()
    }

    /// The currency of the row's amounts, by itself or by the profile.
    pub fn currency(&self) -> Option<String> {
        let named = self.get("currency").map(str::to_owned);
        named.or_else(|| self.header.layout.currency().map(|currency| currency.to_string()))
    }

    /// How the profile describes the file.
    pub fn table(&self) -> &'a Table {
        &self.header.layout.table
    }

    /// Columns without a meaning, as they are.
    pub fn extra(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let (header, raw) = (self.header, self.raw);
        header
            .layout
            .extra
            .iter()
            .map(move |(place, name)| (name.as_str(), raw[*place].trim()))
            .filter(|(_, value)| !value.is_empty())
    }

    /// Consent cells that say something: field, channel, purpose, what they say.
    pub fn consents(&self) -> impl Iterator<Item = (&'a str, &'a str, &'a str, &'a str)> {
        let (layout, read) = (&self.header.layout, self.read);
        layout.taken.iter().enumerate().filter_map(move |(index, taken)| {
            let (channel, purpose) = domain::import::consent_of(layout.kind, &taken.field)?;
            let value = read[index].trim();
            (!value.is_empty()).then_some((taken.field.as_str(), channel, purpose, value))
        })
    }
}

/// `03/04/2026` says neither day nor month.
fn ambiguous(text: &str) -> Option<String> {
    let date = text.split(' ').next().unwrap_or_default();
    let parts: Vec<&str> = date.split(['/', '.', '-']).collect();
    let numbers = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    let shape: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let slashed = numbers && matches!(shape[..], [1 | 2, 1 | 2, 2 | 4]);
    slashed.then(|| {
        format!(
            "\"{text}\" doesn't say which is the day; say it in `dates` of a mapping (`import inspect` proposes one), such as \"%d/%m/%Y\""
        )
    })
}
