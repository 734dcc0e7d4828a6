//! Lists of values that never identify anybody. What that means for names and addresses is the domain's.

use super::in_list::all_in;
use super::sql::{Arg, Row, args, word};
use super::{Db, StoreError, Tx};
use domain::customer::identity::blocked::{Blocked, Declared, entries_for};
use domain::customer::identity::{Kind, Name};
use domain::ids::CustomerId;
use domain::time::Instant;
use std::collections::{BTreeMap, BTreeSet};

fn read(row: &Row) -> Result<(Kind, String), StoreError> {
    let value = row.text("value")?;
    let kind = word("blocked_identifier", "kind", &value, &row.text("kind")?, Kind::parse)?;
    Ok((kind, value))
}

/// What a list may say of these names.
pub fn of_names<'n>(names: impl IntoIterator<Item = &'n Name>) -> BTreeSet<String> {
    let blockable = |name: &&Name| !matches!(name.kind, Kind::UserId | Kind::AnonymousId);
    names.into_iter().filter(blockable).flat_map(entries_for).collect()
}

/// What a list may say of these addresses: channel (`phone`, `email`) and value.
pub fn of_addresses<'a>(addresses: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeSet<String> {
    let name = |(channel, value): (&str, &str)| {
        let kind = Kind::parse(channel)?;
        Some(Name { kind, scope: String::new(), value: value.to_owned() })
    };
    let names: Vec<Name> = addresses.into_iter().filter_map(name).collect();
    of_names(&names)
}

/// Those of these entries that are on a list.
pub async fn find(db: &Db, entries: BTreeSet<String>) -> Result<Blocked, StoreError> {
    of_rows(&all_in(db, &named_sql("{in}"), vec![], entries.iter().map(Arg::arg).collect()).await?)
}

/// The SQL of those of these entries that are on a list.
pub(super) fn named_sql(entries: &str) -> String {
    format!("SELECT DISTINCT kind, value FROM blocked_identifier WHERE value IN ({entries})")
}

/// Reads rows of `kind` and `value`.
pub(super) fn of_rows(rows: &[Row]) -> Result<Blocked, StoreError> {
    rows.iter().map(read).collect::<Result<Vec<_>, _>>().map(|found| found.into_iter().collect())
}

/// Everything there is.
pub async fn all(db: &Db) -> Result<Blocked, StoreError> {
    of_rows(&db.all("SELECT DISTINCT kind, value FROM blocked_identifier", vec![]).await?)
}

/// A list as it stands; none if there is no such list.
pub async fn list_of(db: &Db, key: &str) -> Result<Option<Declared>, StoreError> {
    let rows =
        db.all("SELECT kind, value, reason FROM blocked_identifier WHERE list = $1", args![key]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let reason = first.text("reason")?;
    let values = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(Some(Declared { key: key.to_owned(), reason, values }))
}

/// Makes a list what is declared.
pub async fn put(tx: &Tx, declared: &Declared, actor: &str, now: Instant) -> Result<(), StoreError> {
    let before = list_of(tx, &declared.key).await?.map(|list| list.values).unwrap_or_default();
    for (kind, value) in before.difference(&declared.values) {
        let sql = "DELETE FROM blocked_identifier WHERE list = $1 AND kind = $2 AND value = $3";
        tx.exec(sql, args![&declared.key, kind.as_str(), value]).await?;
    }
    let row = |(kind, value): &(Kind, String)| {
        args![&declared.key, kind.as_str(), value, &declared.reason, actor, now]
    };
    let columns = ["list", "kind", "value", "reason", "actor", "created_at"];
    let tail = "ON CONFLICT (list, kind, value) DO UPDATE SET reason = excluded.reason";
    tx.insert_many("blocked_identifier", &columns, declared.values.iter().map(row).collect(), tail)
        .await
        .map(drop)
}

/// Who is known by each of these values, as they are now, fewest ids first.
pub async fn known_by(
    db: &Db,
    values: &BTreeSet<(Kind, String)>,
) -> Result<BTreeMap<(Kind, String), BTreeSet<CustomerId>>, StoreError> {
    let mut known: BTreeMap<(Kind, String), BTreeSet<CustomerId>> = BTreeMap::new();
    for (kind, value) in values {
        let (scope, plain) = match kind {
            Kind::External => value.split_once(':').unwrap_or(("", value)),
            _ => ("", value.as_str()),
        };
        let same = if *kind == Kind::Email && value.ends_with('@') {
            "SUBSTR(i.value, 1, LENGTH($3)) = $3"
        } else {
            "i.value = $3"
        };
        let sql = format!(
            "SELECT i.customer_id FROM identifier i WHERE i.kind = $1 AND (i.namespace = $2 OR $2 = '') AND {same}"
        );
        for row in db.all(&sql, args![kind.as_str(), scope, plain]).await? {
            let customer = CustomerId(row.int("customer_id")?);
            known.entry((*kind, value.clone())).or_default().insert(customer);
        }
    }
    Ok(known)
}
