//! The book as columns in memory (`domain::column`): reading whole columns page by page, and the rows of some customers anew. When either
//! is done is the service's.

use super::in_list::all_in;
use super::sql::{Arg, Row, args, places};
use super::{Db, StoreError};
use domain::column::{Cell, Columns, Name};
use domain::ids::CustomerId;
use std::collections::{BTreeMap, BTreeSet};

/// Rows read at a time.
const PAGE: i64 = 20_000;

/// Where reading whole columns has got to.
#[derive(Debug)]
pub struct Loading {
    names: BTreeSet<Name>,
    columns: Columns,
    next: Next,
}

/// What is read next.
#[derive(Debug)]
enum Next {
    /// Profiles behind this customer.
    Profiles(i64),
    /// A tag's rows behind this value and customer; tags behind it after that.
    Tags { left: Vec<String>, after: (String, i64) },
    /// Since when a tag isn't there, behind this instant and customer.
    Ended { left: Vec<String>, after: (i64, i64) },
}

impl Loading {
    pub fn new(names: BTreeSet<Name>) -> Self {
        let mut columns = Columns::default();
        names.iter().for_each(|name| columns.begin(name.clone()));
        Self { names, columns, next: Next::Profiles(i64::MIN) }
    }

    /// Memory that it takes by now.
    pub fn bytes(&self) -> usize {
        self.columns.bytes()
    }

    /// What was read; all of it once [`Self::page`] has said so.
    pub fn into_columns(self) -> Columns {
        self.columns
    }

    /// Reads the next page; gives whether there is more. Each row is as of some instant since the first page.
    pub async fn page(&mut self, db: &Db) -> Result<bool, StoreError> {
        match &mut self.next {
            Next::Profiles(after) => {
                let sql = format!(
                    "SELECT p.customer_id, p.counts{} FROM profile p WHERE p.customer_id > $1 ORDER BY p.customer_id LIMIT $2",
                    selected(&self.names)
                );
                let rows = db.all(&sql, args![*after, PAGE]).await?;
                for row in &rows {
                    *after = row.int("customer_id")?;
                    set_profile(&mut self.columns, &self.names, row)?;
                }
                if rows.is_empty() {
                    self.next = Next::Tags { left: self.tags(false), after: (String::new(), i64::MIN) };
                }
                Ok(true)
            }
            Next::Tags { left, after } => {
                let Some(key) = left.last().cloned() else {
                    self.next = Next::Ended { left: self.tags(true), after: (i64::MIN, i64::MIN) };
                    return Ok(true);
                };
                // The index gives values with their customers; since when stands in the table.
                let since = if self.names.contains(&Name::TagSince(key.clone())) { ", t.since" } else { "" };
                let sql = format!(
                    "SELECT t.customer_id, t.value{since} FROM tag_current t WHERE t.key = $1 AND (t.value, t.customer_id) > ($2, $3) \
                     ORDER BY t.value, t.customer_id LIMIT $4"
                );
                let rows = db.all(&sql, args![&key, &after.0, after.1, PAGE]).await?;
                for row in &rows {
                    *after = (row.text("value")?, row.int("customer_id")?);
                    let since = if since.is_empty() { None } else { Some(row.int("since")?) };
                    set_tag(&mut self.columns, after.1, &key, (&after.0, since));
                }
                if rows.is_empty() {
                    left.pop();
                    *after = (String::new(), i64::MIN);
                }
                Ok(true)
            }
            Next::Ended { left, after } => {
                let Some(key) = left.last().cloned() else { return Ok(false) };
                let sql = "SELECT t.customer_id, t.since FROM tag_ended t WHERE t.key = $1 AND (t.since, t.customer_id) > ($2, $3) \
                           ORDER BY t.since, t.customer_id LIMIT $4";
                let rows = db.all(sql, args![&key, after.0, after.1, PAGE]).await?;
                for row in &rows {
                    *after = (row.int("since")?, row.int("customer_id")?);
                    set_ended(&mut self.columns, after.1, &key, after.0);
                }
                if rows.is_empty() {
                    left.pop();
                    *after = (i64::MIN, i64::MIN);
                }
                Ok(true)
            }
        }
    }

    /// The tags that are there, or that aren't any more, which any column is about.
    fn tags(&self, ended: bool) -> Vec<String> {
        tags(self.names.iter(), ended)
    }
}

fn tags<'n>(names: impl Iterator<Item = &'n Name>, ended: bool) -> Vec<String> {
    let of = names.filter(|name| matches!(name, Name::Ended(_)) == ended).filter_map(Name::tag);
    of.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Reads again whatever is held of these customers, as of one instant: `db` is within a transaction.
pub async fn reread(
    db: &Db,
    names: &BTreeSet<Name>,
    customers: &[CustomerId],
) -> Result<Changes, StoreError> {
    let ids = || customers.iter().map(|id| id.arg()).collect::<Vec<_>>();
    let sql = format!(
        "SELECT p.customer_id, p.counts{} FROM profile p WHERE p.customer_id IN ({{in}})",
        selected(names)
    );
    let profiles = all_in(db, &sql, vec![], ids()).await?;
    let (mut tags_of, mut ended_of) = (BTreeMap::new(), BTreeMap::new());
    let keys =
        |ended: bool| tags(names.iter(), ended).into_iter().map(sea_orm::Value::from).collect::<Vec<_>>();
    if let (keys, true) =
        (keys(false), names.iter().any(|name| matches!(name, Name::Tag(_) | Name::TagSince(_))))
    {
        let sql = format!(
            "SELECT t.customer_id, t.key, t.value, t.since FROM tag_current t WHERE t.key IN ({}) AND t.customer_id IN ({{in}})",
            places(1, keys.len())
        );
        for row in all_in(db, &sql, keys, ids()).await? {
            tags_of
                .insert((row.int("customer_id")?, row.text("key")?), (row.text("value")?, row.int("since")?));
        }
    }
    if let (keys, true) = (keys(true), names.iter().any(|name| matches!(name, Name::Ended(_)))) {
        let sql = format!(
            "SELECT t.customer_id, t.key, t.since FROM tag_ended t WHERE t.key IN ({}) AND t.customer_id IN ({{in}})",
            places(1, keys.len())
        );
        for row in all_in(db, &sql, keys, ids()).await? {
            ended_of.insert((row.int("customer_id")?, row.text("key")?), row.int("since")?);
        }
    }
    Ok(Changes { profiles, tags: tags_of, ended: ended_of })
}

/// What was read again.
pub struct Changes {
    profiles: Vec<Row>,
    tags: BTreeMap<(i64, String), (String, i64)>,
    ended: BTreeMap<(i64, String), i64>,
}

impl Changes {
    /// Puts it into the columns. `names` are those that were read, and all that are held.
    pub fn put(&self, columns: &mut Columns, names: &BTreeSet<Name>) -> Result<(), StoreError> {
        for profile in &self.profiles {
            let row = set_profile(columns, names, profile)?;
            let id = profile.int("customer_id")?;
            for name in names {
                let Some(key) = name.tag() else { continue };
                let key = (id, key.to_owned());
                let tag = self.tags.get(&key);
                let cell = match name {
                    Name::Tag(_) => Cell::Word(tag.map(|(value, _)| value.as_str())),
                    Name::TagSince(_) => Cell::Number(tag.map(|(_, since)| *since)),
                    _ => Cell::Number(self.ended.get(&key).copied()),
                };
                columns.set(row, name, cell);
            }
        }
        Ok(())
    }
}

/// The profile's columns among them, for a SELECT.
fn selected(names: &BTreeSet<Name>) -> String {
    let columns: BTreeSet<&str> = names.iter().filter_map(Name::of_profile).collect();
    columns.into_iter().map(|column| format!(", p.{column}")).collect()
}

fn set_profile(columns: &mut Columns, names: &BTreeSet<Name>, row: &Row) -> Result<usize, StoreError> {
    let at = columns.row_for(CustomerId(row.int("customer_id")?));
    columns.set_counts(at, row.flag("counts")?);
    for name in names {
        match name {
            Name::Number(column) => columns.set(at, name, Cell::Number(row.opt_int(column)?)),
            Name::Word(column) => columns.set(at, name, Cell::Word(row.opt_text(column)?.as_deref())),
            Name::Flag(column) => columns.set(at, name, Cell::Flag(row.flag(column)?)),
            Name::Tag(_) | Name::TagSince(_) | Name::Ended(_) => {}
        }
    }
    Ok(at)
}

/// Who has no profile yet isn't in the book: once they have, they are read again.
fn set_tag(columns: &mut Columns, customer: i64, key: &str, (value, since): (&str, Option<i64>)) {
    let Some(row) = columns.row(CustomerId(customer)) else { return };
    columns.set(row, &Name::Tag(key.to_owned()), Cell::Word(Some(value)));
    if since.is_some() {
        columns.set(row, &Name::TagSince(key.to_owned()), Cell::Number(since));
    }
}

fn set_ended(columns: &mut Columns, customer: i64, key: &str, since: i64) {
    if let Some(row) = columns.row(CustomerId(customer)) {
        columns.set(row, &Name::Ended(key.to_owned()), Cell::Number(Some(since)));
    }
}
