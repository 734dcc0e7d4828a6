//! A file's header under a profile: which column is which field, and a row's cells as our values.

use super::cell::{Held, amount, held, instant};
use super::kind::{self, Nature, consent_of, nature};
use super::profile::{Alternative, OwnNames, Profile, Scope, Table};
use crate::contact::{self, Address, Class};
use crate::customer::identity::{self, Kind};
use crate::money::Currency;
use crate::problem::{Problem, nearest};
use chrono_tz::Tz;
use std::collections::{BTreeMap, HashMap, HashSet};
use unicode_normalization::UnicodeNormalization;

/// What a file takes from the shop where neither it nor its profile says.
#[derive(Debug, Clone, Copy)]
pub struct Around {
    pub zone: Tz,
    pub currency: Currency,
}

/// What to do with columns the format doesn't know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    Refuse,
    /// `--traits`: they become traits (customers) or properties.
    Keep,
}

/// One of our fields and where a file has it.
#[derive(Debug, Clone)]
pub struct Taken {
    pub field: String,
    /// Places in a row; the first that holds something is taken.
    pub places: Vec<usize>,
    how: How,
}

#[derive(Debug, Clone)]
enum How {
    Text,
    Instant,
    Amount,
    Words(BTreeMap<String, String>),
    Customer(Vec<(Vec<usize>, Scope)>),
}

/// A header, understood.
#[derive(Debug, Clone)]
pub struct Layout {
    pub kind: kind::Kind,
    /// Columns as the file names them, trimmed.
    pub names: Vec<String>,
    pub taken: Vec<Taken>,
    index: HashMap<String, usize>,
    /// Columns that are kept without a meaning: place and plain name.
    pub extra: Vec<(usize, String)>,
    /// Places of columns that are passed over.
    pub ignored: Vec<usize>,
    pub table: Table,
    empty: Vec<String>,
    dates: Vec<String>,
    zone: Tz,
    /// The profile's own, which stands where a row names none.
    currency: Option<Currency>,
    base: Currency,
}

/// Most columns of a row.
pub const MOST_COLUMNS: usize = 256;

/// A column's name as names are compared: NFKC, lower case, one blank between words, none around.
pub fn plain(name: &str) -> String {
    let name: String = name.nfkc().collect::<String>().to_lowercase();
    name.split(|c: char| c.is_whitespace() || c == '\u{feff}')
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

impl Layout {
    /// Understands a header, or says everything that is wrong with it. `own` are columns that belong to the
    /// file's form and to none of its kinds. Problems' places are `column 3`, or empty.
    pub fn of(
        profile: &Profile,
        table: &Table,
        header: Vec<String>,
        own: &[&str],
        unknown: Unknown,
        around: Around,
    ) -> Result<Self, Vec<Problem>> {
        let names: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        let plain_names: Vec<String> = names.iter().map(|name| plain(name)).collect();
        let mut problems = sound(&plain_names);
        let mut layout = Self {
            kind: table.kind,
            names,
            taken: Vec::new(),
            index: HashMap::new(),
            extra: Vec::new(),
            ignored: Vec::new(),
            table: table.clone(),
            empty: profile.empty.clone(),
            dates: profile.dates.clone(),
            zone: profile.zone.unwrap_or(around.zone),
            currency: profile.currency,
            base: around.currency,
        };
        layout.take_listed(&plain_names);
        layout.take_rest(&plain_names, own, unknown, &mut problems);
        problems.extend(layout.missing(&plain_names));
        if problems.is_empty() { Ok(layout) } else { Err(problems) }
    }

    fn take(&mut self, field: &str, places: Vec<usize>, how: How) {
        self.index.insert(field.to_owned(), self.taken.len());
        self.taken.push(Taken { field: field.to_owned(), places, how });
    }

    fn take_listed(&mut self, names: &[String]) {
        let table = self.table.clone();
        for (field, listed) in &table.columns {
            let places = places_of(names, listed);
            if !places.is_empty() {
                let how = self.how(field);
                self.take(field, places, how);
            }
        }
        let customer: Vec<(Vec<usize>, Scope)> = table
            .customer
            .iter()
            .map(|Alternative { columns, scope }| (places_of(names, columns), scope.clone()))
            .filter(|(places, _)| !places.is_empty())
            .collect();
        if !customer.is_empty() {
            let places = customer.iter().flat_map(|(places, _)| places.clone()).collect();
            self.take("customer_id", places, How::Customer(customer));
        }
    }

    fn how(&self, field: &str) -> How {
        match (self.table.values.get(field), nature(field)) {
            (Some(words), _) => How::Words(words.clone()),
            (None, Nature::Instant) => How::Instant,
            (None, Nature::Amount) => How::Amount,
            (None, Nature::Id | Nature::Text) => How::Text,
        }
    }

    fn take_rest(&mut self, names: &[String], own: &[&str], unknown: Unknown, problems: &mut Vec<Problem>) {
        let used: HashSet<usize> = self.taken.iter().flat_map(|taken| taken.places.clone()).collect();
        let private: HashSet<String> = self.table.private.iter().map(|name| plain(name)).collect();
        for (place, name) in names.iter().enumerate() {
            if used.contains(&place) || name.is_empty() {
                continue;
            }
            let ours = self.table.own_names == OwnNames::Taken && self.kind.has(name);
            if own.contains(&name.as_str()) || ours || consent_of(self.kind, name).is_some() {
                if !self.index.contains_key(name) {
                    let how = self.how(name);
                    self.take(name, vec![place], how);
                }
            } else if private.contains(name) {
                self.ignored.push(place);
            } else if unknown == Unknown::Keep {
                self.extra.push((place, name.clone()));
            } else if self.table.own_names == OwnNames::Ignored {
                self.ignored.push(place);
            } else {
                problems.push(unknown_column(self.kind, name, place));
            }
        }
    }

    fn missing(&self, names: &[String]) -> Vec<Problem> {
        let lacks = |field: &&&str| !self.index.contains_key(**field);
        let mut problems: Vec<Problem> = self
            .kind
            .required()
            .iter()
            .filter(lacks)
            .map(|field| self.missing_column(field, names))
            .collect();
        if self.kind == kind::Kind::Contacts
            && !["customer_id", "phone"].iter().any(|f| self.index.contains_key(*f))
        {
            let detail = "the file has neither customer_id nor phone; a touch needs one of them";
            problems.push(Problem::new("", "missing_column", detail));
        }
        problems
    }

    fn missing_column(&self, field: &str, names: &[String]) -> Problem {
        let unknown = names.iter().map(String::as_str).filter(|name| !self.kind.has(name));
        let listed = self.table.columns.get(field).map(|listed| listed.join(" or "));
        let listed = listed.or_else(|| {
            let of_customer: Vec<&str> =
                self.table.customer.iter().flat_map(|one| &one.columns).map(String::as_str).collect();
            (field == "customer_id" && !of_customer.is_empty()).then(|| of_customer.join(" or "))
        });
        let detail = match (listed, nearest(field, unknown)) {
            (Some(listed), _) => format!("the file has no column {listed}, which is {field}"),
            (None, Some(near)) => {
                format!("the file has no column {field}; is it the one called \"{near}\"?")
            }
            (None, None) => format!("the file has no column {field}"),
        };
        Problem::new("", "missing_column", detail)
    }

    /// Where a field stands in what [`Layout::read`] gives.
    pub fn place(&self, field: &str) -> Option<usize> {
        self.index.get(field).copied()
    }

    /// What the file calls a field: its first column's name, else the field's own.
    pub fn shown<'a>(&'a self, field: &'a str) -> &'a str {
        let place = self.place(field).and_then(|index| self.taken[index].places.first());
        place.map_or(field, |place| self.names[*place].as_str())
    }

    /// Which of a field's columns holds something in a row, else its first.
    pub fn column_in(&self, field: &str, row: &[String]) -> Option<usize> {
        let places = &self.taken[self.place(field)?].places;
        let holds = |place: &&usize| row.get(**place).is_some_and(|cell| !cell.trim().is_empty());
        places.iter().find(holds).or(places.first()).copied()
    }

    /// Words a field's cells must be of, where the profile lists them: the file's own.
    pub fn words(&self, field: &str) -> Option<Vec<&str>> {
        match &self.taken[self.place(field)?].how {
            How::Words(words) => Some(words.keys().map(String::as_str).collect()),
            _ => None,
        }
    }

    /// A row as our values, in the order of `taken`; blank is absent. What a rule can't read stays as it stands,
    /// for whoever needs it to refuse. The row has as many cells as the header.
    pub fn read(&self, row: &[String]) -> Vec<String> {
        let currency = self.row_currency(row);
        self.taken.iter().map(|taken| self.value(taken, row, currency)).collect()
    }

    /// One field of a row, as [`Layout::read`] gives it.
    pub fn read_one(&self, field: &str, row: &[String]) -> Option<String> {
        let taken = &self.taken[self.place(field)?];
        Some(self.value(taken, row, self.row_currency(row)))
    }

    fn row_currency(&self, row: &[String]) -> Currency {
        let named = self.place("currency").map(|index| self.first(&self.taken[index].places, row));
        named.and_then(Currency::parse).or(self.currency).unwrap_or(self.base)
    }

    /// The currency of amounts that name none, where it isn't the shop's business but the profile's.
    pub fn currency(&self) -> Option<Currency> {
        self.currency
    }

    fn first<'r>(&self, places: &[usize], row: &'r [String]) -> &'r str {
        let texts = places.iter().map(|place| held(&row[*place], &self.empty));
        texts
            .filter_map(|held| if let Held::Text(text) = held { Some(text) } else { None })
            .next()
            .unwrap_or_default()
    }

    fn value(&self, taken: &Taken, row: &[String], currency: Currency) -> String {
        let text = self.first(&taken.places, row);
        if text.is_empty() {
            return String::new();
        }
        match &taken.how {
            How::Text => text.to_owned(),
            How::Amount => amount(text, currency).unwrap_or_else(|| text.to_owned()),
            How::Words(words) => words.get(&plain(text)).cloned().unwrap_or_else(|| text.to_owned()),
            How::Instant => {
                let read = instant(text, &self.dates, self.zone);
                read.map_or_else(|| text.to_owned(), |at| at.to_rfc3339())
            }
            How::Customer(ways) => {
                let named =
                    |(places, scope): &(Vec<usize>, Scope)| names_somebody(self.first(places, row), scope);
                ways.iter().find_map(named).unwrap_or_default()
            }
        }
    }
}

/// The user id a cell gives, if it names somebody.
fn names_somebody(text: &str, scope: &Scope) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let (kind, platform, value) = match scope {
        Scope::UserId => return Some(text.to_owned()),
        Scope::External(_) if text.contains('*') => return None,
        Scope::External(platform) => (Kind::External, platform.as_str(), text.to_owned()),
        Scope::Phone => (Kind::Phone, "", real(contact::phone(text))?),
        Scope::Email => (Kind::Email, "", real(contact::email(text))?),
    };
    // A hotline or a number typed into a mandatory field is nobody's.
    if identity::is_blocked(kind, &value) {
        return None;
    }
    identity::in_place_of_user_id(kind, platform, &value)
}

/// A number or address that somebody can be reached by, and nobody else.
fn real(address: Option<Address>) -> Option<String> {
    address.filter(|address| address.usable && address.class == Class::Real).map(|address| address.value)
}

fn places_of(names: &[String], listed: &[String]) -> Vec<usize> {
    listed.iter().filter_map(|name| names.iter().position(|other| *other == plain(name))).collect()
}

/// What is wrong with a header whatever its columns mean.
fn sound(names: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    if names.len() > MOST_COLUMNS {
        problems.push(Problem::new("", "too_many_columns", format!("at most {MOST_COLUMNS} are taken")));
    }
    let mut seen = HashSet::new();
    for (place, name) in names.iter().enumerate() {
        let at = format!("column {}", place + 1);
        if name.is_empty() {
            problems.push(Problem::new(at, "unnamed_column", "has no name; name it or remove it"));
        } else if !seen.insert(name) {
            let detail = format!("\"{name}\" is there twice; remove or rename one of them");
            problems.push(Problem::new(at, "column_twice", detail));
        }
    }
    problems
}

fn unknown_column(kind: kind::Kind, name: &str, place: usize) -> Problem {
    let known = kind.columns().iter().copied().chain(["consent_email_marketing", "consent_sms_marketing"]);
    let hint = match nearest(name, known) {
        Some(near) => format!("did you mean {near}? Or keep it with --traits"),
        None => format!("remove it, or keep it with --traits; there are {}", kind.columns().join(", ")),
    };
    let detail = format!("\"{name}\" is no column of {}; {hint}", kind.as_str());
    Problem::new(format!("column {}", place + 1), "unknown_column", detail)
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
