//! The generic CSV's columns: which there are, which must be there, and reading a row by their names.

use super::Kind;
use super::rows::MOST_COLUMNS;
use chrono_tz::Tz;
use domain::problem::{Problem, nearest};
use domain::time::Instant;
use std::collections::HashMap;

const CUSTOMERS: [&str; 11] = [
    "customer_id",
    "shop",
    "name",
    "public_tier",
    "email",
    "phone",
    "birthday",
    "registered_at",
    "timezone",
    "locale",
    "jurisdiction",
];
const ORDERS: [&str; 18] = [
    "order_id",
    "customer_id",
    "paid_at",
    "total",
    "currency",
    "kind",
    "refund_of",
    "status",
    "coupon",
    "shop",
    "delivered_at",
    "sku",
    "product",
    "category",
    "style",
    "brand",
    "quantity",
    "price",
];
const TICKETS: [&str; 17] = [
    "ticket_id",
    "customer_id",
    "order_id",
    "opened_at",
    "resolved_at",
    "category",
    "severity",
    "channel",
    "complaint",
    "important",
    "complex",
    "amount",
    "sku",
    "theme",
    "status",
    "csat",
    "shop",
];

/// Columns `consent_<channel>_<purpose>`.
const CONSENT: &str = "consent_";
/// What a reject file adds; so that a repaired one can be imported as it is.
pub(super) const REJECT: [&str; 3] = ["reject_line", "reject_code", "reject_reason"];

impl Kind {
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Customers => &CUSTOMERS,
            Self::Orders => &ORDERS,
            Self::Tickets => &TICKETS,
        }
    }

    fn required(self) -> &'static [&'static str] {
        match self {
            Self::Customers => &["customer_id"],
            Self::Orders => &["order_id", "customer_id", "paid_at"],
            Self::Tickets => &["ticket_id", "customer_id", "opened_at"],
        }
    }

    fn knows(self, column: &str) -> bool {
        self.columns().contains(&column) || REJECT.contains(&column) || consent_of(self, column).is_some()
    }
}

/// Channel and purpose of a consent column.
fn consent_of(kind: Kind, column: &str) -> Option<(&str, &str)> {
    if kind != Kind::Customers {
        return None;
    }
    column
        .strip_prefix(CONSENT)?
        .split_once('_')
        .filter(|(channel, purpose)| !channel.is_empty() && !purpose.is_empty())
}

/// What to do with columns the format doesn't know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    Refuse,
    /// `--traits`: they become traits (customers) or properties.
    Keep,
}

/// A file's header, understood.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub names: Vec<String>,
    places: HashMap<String, usize>,
    /// Columns that are kept without a meaning.
    extra: Vec<usize>,
    /// Consent columns: place, channel, purpose.
    consents: Vec<(usize, String, String)>,
}

impl Header {
    /// Understands a header or says everything that is wrong with it.
    pub fn read(kind: Kind, fields: Vec<String>, unknown: Unknown) -> Result<Self, Vec<Problem>> {
        let names: Vec<String> = fields.iter().map(|name| name.trim().to_lowercase()).collect();
        let mut problems = Vec::new();
        let mut header = Self { names, places: HashMap::new(), extra: Vec::new(), consents: Vec::new() };
        if header.names.len() > MOST_COLUMNS {
            problems.push(Problem::new(
                "line 1",
                "too_many_columns",
                format!("at most {MOST_COLUMNS} are taken"),
            ));
        }
        for (place, name) in header.names.iter().enumerate() {
            let at = format!("line 1, column {}", place + 1);
            if name.is_empty() {
                problems.push(Problem::new(at, "unnamed_column", "has no name; name it or remove it"));
                continue;
            }
            if header.places.insert(name.clone(), place).is_some() {
                let detail = format!("\"{name}\" is there twice; remove or rename one of them");
                problems.push(Problem::new(at.clone(), "column_twice", detail));
            }
            match consent_of(kind, name) {
                Some((channel, purpose)) => {
                    header.consents.push((place, channel.to_owned(), purpose.to_owned()));
                }
                None if kind.knows(name) => {}
                None if unknown == Unknown::Keep => header.extra.push(place),
                None => problems.push(unknown_column(kind, name, at)),
            }
        }
        for name in kind.required() {
            if !header.places.contains_key(*name) {
                problems.push(missing_column(kind, name, &header.names));
            }
        }
        if problems.is_empty() { Ok(header) } else { Err(problems) }
    }

    /// A row by the header's names; refused if its columns aren't the header's.
    pub fn cells<'a>(&'a self, line: u64, fields: &'a [String]) -> Result<Cells<'a>, Problem> {
        if fields.len() != self.names.len() {
            let detail = format!(
                "the row has {} columns and the header {}; put text with commas in quotes",
                fields.len(),
                self.names.len()
            );
            return Err(Problem::new(format!("line {line}"), "column_count", detail));
        }
        Ok(Cells { header: self, fields, line })
    }
}

fn unknown_column(kind: Kind, name: &str, at: String) -> Problem {
    let known = kind.columns().iter().copied().chain(["consent_email_marketing", "consent_sms_marketing"]);
    let hint = match nearest(name, known) {
        Some(near) => format!("did you mean {near}? Or keep it with --traits"),
        None => format!("remove it, or keep it with --traits; there are {}", kind.columns().join(", ")),
    };
    Problem::new(at, "unknown_column", format!("\"{name}\" is no column of {}; {hint}", kind.as_str()))
}

fn missing_column(kind: Kind, name: &str, names: &[String]) -> Problem {
    let unknown = names.iter().map(String::as_str).filter(|other| !kind.knows(other));
    let hint =
        nearest(name, unknown).map_or(String::new(), |near| format!("; is it the one called \"{near}\"?"));
    Problem::new("line 1", "missing_column", format!("the file has no column {name}{hint}"))
}

/// One row by column names. Blank is absent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells<'a> {
    header: &'a Header,
    fields: &'a [String],
    pub line: u64,
}

impl<'a> Cells<'a> {
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let field = self.fields[*self.header.places.get(name)?].trim();
        (!field.is_empty()).then_some(field)
    }

    pub fn problem(&self, column: &str, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(format!("line {}, column {column}", self.line), code, detail)
    }

    pub fn required(&self, column: &str) -> Result<&'a str, Problem> {
        self.get(column).ok_or_else(|| self.problem(column, "missing_field", "is empty; a row needs it"))
    }

    /// An id, unless a spreadsheet has destroyed it.
    pub fn id(&self, column: &str) -> Result<Option<&'a str>, Problem> {
        let Some(id) = self.get(column) else { return Ok(None) };
        let destroyed = id.split_once(['E', 'e']).is_some_and(|(digits, exponent)| {
            let power = exponent.strip_prefix('+').unwrap_or(exponent);
            digits.contains('.')
                && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
                && !power.is_empty()
                && power.bytes().all(|b| b.is_ascii_digit())
        });
        if destroyed {
            let detail = format!(
                "\"{id}\" was a longer number before a spreadsheet rounded it; export the column as text from the shop again"
            );
            return Err(self.problem(column, "destroyed_id", detail));
        }
        Ok(Some(id))
    }

    /// An instant; without offset in the shop's zone.
    pub fn instant(&self, column: &str, zone: Tz) -> Result<Option<Instant>, Problem> {
        let Some(text) = self.get(column) else { return Ok(None) };
        let wrong = || {
            let detail = format!("\"{text}\" is no instant; write it like 2026-09-25T09:55:00 or 2026-09-25");
            self.problem(column, "bad_timestamp", detail)
        };
        let at = Instant::parse(text, zone).ok_or_else(wrong)?;
        if at.micros() < 365 * domain::time::DAY {
            let detail =
                format!("\"{text}\" is what an empty date becomes; leave it empty or put the true one");
            return Err(self.problem(column, "accidental_1970", detail));
        }
        Ok(Some(at))
    }

    /// Columns without a meaning, as they are.
    pub fn extra(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let (header, fields) = (self.header, self.fields);
        let cell = move |&place: &usize| (header.names[place].as_str(), fields[place].trim());
        header.extra.iter().map(cell).filter(|(_, value)| !value.is_empty())
    }

    /// Consent cells that say something: column, channel, purpose, what they say.
    pub fn consents(&self) -> impl Iterator<Item = (&'a str, &'a str, &'a str, &'a str)> {
        let (header, fields) = (self.header, self.fields);
        header
            .consents
            .iter()
            .map(move |(place, channel, purpose)| {
                (header.names[*place].as_str(), channel.as_str(), purpose.as_str(), fields[*place].trim())
            })
            .filter(|(.., value)| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kind: Kind, names: &str) -> Vec<String> {
        let fields = names.split(',').map(str::to_owned).collect();
        Header::read(kind, fields, Unknown::Refuse).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_wrong_header_names_the_column_and_the_nearest_known_one() {
        let problems = header(Kind::Orders, "order_id,custmer_id,paid_at,total,total,elephant");
        assert_eq!(problems.len(), 4, "{problems:#?}");
        assert!(problems[0].starts_with(
            "line 1, column 2: \"custmer_id\" is no column of orders; did you mean customer_id?"
        ));
        assert!(problems[1].contains("\"total\" is there twice"));
        assert!(problems[2].contains("there are order_id, customer_id"));
        assert_eq!(
            problems[3],
            "line 1: the file has no column customer_id; is it the one called \"custmer_id\"?"
        );
    }

    #[test]
    fn unknown_columns_are_kept_on_purpose_only() {
        let fields =
            || vec!["customer_id".to_owned(), "hobby".to_owned(), "consent_email_marketing".to_owned()];
        assert!(Header::read(Kind::Customers, fields(), Unknown::Refuse).is_err());
        let header = Header::read(Kind::Customers, fields(), Unknown::Keep).unwrap();
        let row = ["1".to_owned(), "chess".to_owned(), "yes".to_owned()];
        let cells = header.cells(2, &row).unwrap();
        assert_eq!(cells.extra().collect::<Vec<_>>(), [("hobby", "chess")]);
        let consents: Vec<_> = cells.consents().collect();
        assert_eq!(consents, [("consent_email_marketing", "email", "marketing", "yes")]);
        assert_eq!(header.cells(2, &row[..2]).unwrap_err().code, "column_count");
    }

    #[test]
    fn an_id_a_spreadsheet_rounded_is_refused() {
        let header = Header::read(Kind::Customers, vec!["customer_id".to_owned()], Unknown::Refuse).unwrap();
        let id = |text: &str| {
            let row = [text.to_owned()];
            header
                .cells(2, &row)
                .unwrap()
                .id("customer_id")
                .map(|id| id.map(str::to_owned))
                .map_err(|p| p.code)
        };
        assert_eq!(id("1.23E+18"), Err("destroyed_id"));
        assert_eq!(id("1.5e10"), Err("destroyed_id"));
        for fine in ["12346", "taobao:x", "A1E5", "E.12"] {
            assert_eq!(id(fine), Ok(Some(fine.to_owned())));
        }
        assert_eq!(id(" "), Ok(None));
    }
}
