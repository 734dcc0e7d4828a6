//! A mapping profile: how one system's export files say what we want to know. Shipped as data, and written by
//! people (`--map`).

use super::kind::{Kind, consent_of};
use super::layout::plain;
use crate::document::{Fields, Reader, place};
use crate::money::Currency;
use crate::problem::{Problem, nearest};
use chrono_tz::Tz;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

/// How one system's files are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    /// For people: which export of which system.
    pub title: String,
    /// Of instants without offset; none is the shop's.
    pub zone: Option<Tz>,
    /// Of amounts without a currency; none is the shop's.
    pub currency: Option<Currency>,
    /// How files that aren't UTF-8 are encoded, unless their bytes say otherwise.
    pub encoding: Option<String>,
    /// Words that stand for an empty cell.
    pub empty: Vec<String>,
    /// Formats of instants, as chrono writes them, tried in this order.
    pub dates: Vec<String>,
    pub tables: Vec<Table>,
}

/// How one kind of a system's files is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub kind: Kind,
    pub title: String,
    /// Names of columns without which a file isn't this one.
    pub needs: Vec<String>,
    /// Our fields, each with the names its column has; the first that is there is taken.
    pub columns: BTreeMap<String, Vec<String>>,
    /// Who is meant; the first that names somebody.
    pub customer: Vec<Alternative>,
    /// By field: the file's words and ours.
    pub values: BTreeMap<String, BTreeMap<String, String>>,
    /// Fields that stand on an order's first row only.
    pub first_row: Vec<String>,
    /// Fields whose cells of all rows of an order add up.
    pub sums: Vec<String>,
    /// Personal columns without a field, never kept, not with `--traits` either.
    pub private: Vec<String>,
    pub own_names: OwnNames,
}

/// Whether columns under our own names count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnNames {
    /// They do, and any other column is a mistake unless it is kept on purpose.
    Taken,
    /// Only listed columns do; the system's many others are passed over.
    Ignored,
}

/// One way to name the customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    pub columns: Vec<String>,
    pub scope: Scope,
}

/// What kind of identifier a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The shop's own id.
    UserId,
    /// A platform's, as `<platform>:<value>`. With a `*` in it, it names nobody.
    External(String),
    Phone,
    Email,
}

const KEYS: &[&str] = &["kind", "name", "title", "zone", "currency", "encoding", "empty", "dates", "tables"];
const TABLE_KEYS: &[&str] =
    &["of", "title", "needs", "columns", "customer", "values", "first_row", "sums", "private", "own_names"];

impl Profile {
    /// Reads a profile document, or says everything that is wrong with it.
    pub fn parse(document: &Value) -> Result<Self, Vec<Problem>> {
        let mut r = Reader::new();
        let found = read(&mut r, document);
        let (found, problems) = r.finish(found);
        found.ok_or(problems)
    }

    pub fn table(&self, kind: Kind) -> impl Iterator<Item = &Table> {
        self.tables.iter().filter(move |table| table.kind == kind)
    }
}

fn read(r: &mut Reader, document: &Value) -> Option<Profile> {
    let doc = r.map("", document, KEYS)?;
    r.kind(&doc, "import_profile");
    let name = doc.need(r, "name").and_then(|v| r.key("name", v));
    let title = doc.get("title").map_or(Some(String::new()), |v| r.text("title", v));
    let zone = doc.get("zone").map(|v| r.text("zone", v).and_then(|text| zone(r, &text)));
    let currency = doc.get("currency").map(|v| {
        let found = v.as_str().and_then(Currency::parse);
        if found.is_none() {
            r.report("currency", "unknown_currency", format!("{v} is not a code such as CNY"));
        }
        found
    });
    let encoding = doc.get("encoding").map(|v| r.text("encoding", v));
    let (empty, dates) = (texts(r, &doc, "empty"), texts(r, &doc, "dates"));
    for (n, format) in dates.iter().flatten().enumerate().filter(|(_, format)| !is_format(format)) {
        let detail = format!("\"{format}\" isn't a format such as %Y/%m/%d %H:%M");
        r.report(format!("dates[{n}]"), "bad_format", detail);
    }
    let given = doc.need(r, "tables").and_then(|v| r.list("tables", v))?;
    if given.is_empty() {
        r.report("tables", "empty_list", "a profile describes at least one table");
    }
    let tables: Vec<Option<Table>> =
        given.iter().enumerate().map(|(n, v)| table(r, &format!("tables[{n}]"), v)).collect();
    Some(Profile {
        name: name?,
        title: title?,
        zone: zone.flatten(),
        currency: currency.flatten(),
        encoding: encoding.flatten(),
        empty: empty?,
        dates: dates?,
        tables: tables.into_iter().collect::<Option<_>>()?,
    })
}

fn zone(r: &mut Reader, text: &str) -> Option<Tz> {
    let zone = text.parse().ok();
    if zone.is_none() {
        let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let hint = nearest(text, known).map_or_else(String::new, |zone| format!("; did you mean {zone}?"));
        r.report("zone", "unknown_zone", format!("\"{text}\" is not an IANA time zone{hint}"));
    }
    zone
}

fn is_format(format: &str) -> bool {
    use chrono::format::{Item, StrftimeItems};
    ["%Y", "%m", "%d"].iter().all(|part| format.contains(part))
        && !StrftimeItems::new(format).any(|item| matches!(item, Item::Error))
}

/// A text or a list of them; none is empty.
fn texts(r: &mut Reader, doc: &Fields<'_>, key: &str) -> Option<Vec<String>> {
    let Some(value) = doc.get(key) else { return Some(Vec::new()) };
    names(r, &doc.place(key), value)
}

fn names(r: &mut Reader, at: &str, value: &Value) -> Option<Vec<String>> {
    if value.is_string() {
        return r.text(at, value).map(|name| vec![name]);
    }
    let items = r.list(at, value)?;
    let read: Vec<Option<String>> =
        items.iter().enumerate().map(|(n, v)| r.text(&format!("{at}[{n}]"), v)).collect();
    read.into_iter().collect()
}

fn table(r: &mut Reader, at: &str, value: &Value) -> Option<Table> {
    let doc = r.map(at, value, TABLE_KEYS)?;
    let kinds = Kind::ALL.map(|kind| (kind.as_str(), kind));
    let kind = doc.need(r, "of").and_then(|v| r.choice(&doc.place("of"), v, &kinds));
    let title = doc.get("title").map_or(Some(String::new()), |v| r.text(&doc.place("title"), v));
    let needs = texts(r, &doc, "needs");
    let (first_row, sums) = (texts(r, &doc, "first_row"), texts(r, &doc, "sums"));
    let private = texts(r, &doc, "private");
    let own_names = match doc.get("own_names") {
        None => Some(OwnNames::Ignored),
        Some(v) => {
            let choices = [("taken", OwnNames::Taken), ("ignored", OwnNames::Ignored)];
            r.choice(&doc.place("own_names"), v, &choices)
        }
    };
    let kind = kind?;
    let columns = by_field(r, &doc, "columns", kind, names);
    let values = by_field(r, &doc, "values", kind, words);
    for (key, fields) in [("first_row", &first_row), ("sums", &sums)] {
        for (n, field) in fields.iter().flatten().enumerate() {
            known_field(r, &format!("{}[{n}]", doc.place(key)), kind, field);
        }
    }
    let customer = alternatives(r, &doc);
    Some(Table {
        kind,
        title: title?,
        needs: needs?,
        columns: columns?,
        customer: customer?,
        values: values?,
        first_row: first_row?,
        sums: sums?,
        private: private?,
        own_names: own_names?,
    })
}

fn known_field(r: &mut Reader, at: &str, kind: Kind, field: &str) {
    if kind.has(field) {
        return;
    }
    let columns = || kind.columns().iter().copied();
    let remedy = match nearest(field, columns()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", columns().collect::<Vec<_>>().join(", ")),
    };
    r.report(at, "unknown_field", format!("\"{field}\" is no field of {}; {remedy}", kind.as_str()));
}

fn by_field<T>(
    r: &mut Reader,
    doc: &Fields<'_>,
    key: &str,
    kind: Kind,
    read: impl Fn(&mut Reader, &str, &Value) -> Option<T>,
) -> Option<BTreeMap<String, T>> {
    let Some(value) = doc.get(key) else { return Some(BTreeMap::new()) };
    let at = doc.place(key);
    let Value::Object(map) = value else {
        r.report(at, "not_a_map", "must be a map from our fields");
        return None;
    };
    let mut found = BTreeMap::new();
    for (field, value) in map {
        let at = place(&at, field);
        known_field(r, &at, kind, field);
        if let Some(value) = read(r, &at, value) {
            found.insert(field.clone(), value);
        }
    }
    Some(found)
}

fn words(r: &mut Reader, at: &str, value: &Value) -> Option<BTreeMap<String, String>> {
    let Value::Object(map) = value else {
        r.report(at, "not_a_map", "must be a map from the file's words to ours");
        return None;
    };
    let mut found = BTreeMap::new();
    for (word, ours) in map {
        match ours {
            // Said to mean nothing.
            Value::Null => drop(found.insert(plain(word), String::new())),
            Value::Bool(flag) => drop(found.insert(plain(word), flag.to_string())),
            Value::Number(number) => drop(found.insert(plain(word), number.to_string())),
            ours => drop(r.text(&place(at, word), ours).map(|ours| found.insert(plain(word), ours))),
        }
    }
    Some(found)
}

fn alternatives(r: &mut Reader, doc: &Fields<'_>) -> Option<Vec<Alternative>> {
    let Some(value) = doc.get("customer") else { return Some(Vec::new()) };
    let at = doc.place("customer");
    let items = r.list(&at, value)?;
    let read: Vec<Option<Alternative>> =
        items.iter().enumerate().map(|(n, v)| alternative(r, &format!("{at}[{n}]"), v)).collect();
    read.into_iter().collect()
}

fn alternative(r: &mut Reader, at: &str, value: &Value) -> Option<Alternative> {
    let doc = r.map(at, value, &["column", "as", "scope"])?;
    let columns = doc.need(r, "column").and_then(|v| names(r, &doc.place("column"), v));
    let kinds = [("user_id", 0), ("external", 1), ("phone", 2), ("email", 3)];
    let kind = doc.need(r, "as").and_then(|v| r.choice(&doc.place("as"), v, &kinds));
    let scope = doc.get("scope").map(|v| r.key(&doc.place("scope"), v));
    let scope = match (kind?, scope) {
        (1, Some(scope)) => Scope::External(scope?),
        (1, None) => {
            r.report(doc.place("scope"), "missing", "`scope` is needed: the platform whose id it is");
            return None;
        }
        (_, Some(_)) => {
            r.report(doc.place("scope"), "unknown_key", "only an external id has a scope");
            return None;
        }
        (2, None) => Scope::Phone,
        (3, None) => Scope::Email,
        (_, None) => Scope::UserId,
    };
    Some(Alternative { columns: columns?, scope })
}

/// How well a table fits a header.
#[derive(Debug, Clone, Copy)]
pub struct Fit<'p> {
    pub profile: &'p Profile,
    pub table: &'p Table,
    /// Of the header's columns, how many have a meaning.
    pub taken: usize,
    /// Of the header's columns, all.
    pub of: usize,
}

/// Tables whose needed columns a header has, best first; a table without needed ones fits when every field its
/// kind must have is there.
pub fn fits<'p>(profiles: &'p [Profile], kind: Option<Kind>, header: &[String]) -> Vec<Fit<'p>> {
    let names: HashSet<String> = header.iter().map(|name| plain(name)).collect();
    let has = |name: &String| names.contains(&plain(name));
    let mut found = Vec::new();
    for profile in profiles {
        for table in profile.tables.iter().filter(|table| kind.is_none_or(|kind| table.kind == kind)) {
            let own = |field: &&str| names.contains(*field);
            let enough = match table.own_names {
                OwnNames::Taken => !table.kind.required().is_empty() && table.kind.required().iter().all(own),
                OwnNames::Ignored => !table.needs.is_empty() && table.needs.iter().all(has),
            };
            if !enough {
                continue;
            }
            let listed: HashSet<String> = table
                .columns
                .values()
                .flatten()
                .chain(table.customer.iter().flat_map(|one| &one.columns))
                .chain(&table.private)
                .map(|name| plain(name))
                .collect();
            let meant = |name: &&String| {
                listed.contains(*name)
                    || (table.own_names == OwnNames::Taken && table.kind.has(name.as_str()))
                    || consent_of(table.kind, name).is_some()
            };
            found.push(Fit { profile, table, taken: names.iter().filter(meant).count(), of: names.len() });
        }
    }
    found.sort_by_key(|fit| (std::cmp::Reverse(fit.taken), std::cmp::Reverse(fit.table.needs.len())));
    found
}

/// The one fit that is better than every other; of one profile's tables the better.
pub fn best<'p>(profiles: &'p [Profile], kind: Kind, header: &[String]) -> Option<Fit<'p>> {
    let found = fits(profiles, Some(kind), header);
    let first = *found.first()?;
    let rival = found.iter().find(|fit| fit.profile.name != first.profile.name);
    rival.is_none_or(|rival| rival.taken < first.taken).then_some(first)
}

/// A profile by its name, or the nearest name.
pub fn named<'p>(profiles: &'p [Profile], name: &str) -> Result<&'p Profile, Problem> {
    profiles.iter().find(|profile| profile.name == name).ok_or_else(|| {
        let known = || profiles.iter().map(|profile| profile.name.as_str());
        let remedy = match nearest(name, known()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}", known().collect::<Vec<_>>().join(", ")),
        };
        let detail = format!("there is no profile \"{name}\"; {remedy} Or describe the columns with --map");
        Problem::new("--profile", "unknown_profile", detail)
    })
}
