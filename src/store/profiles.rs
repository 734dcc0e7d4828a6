//! Reading profiles with their tags: one customer, or the whole book page by page. Writing them is the
//! keeper's.

use super::epoch::{MARKING_SINCE, UNMARKED};
use super::in_list::all_in;
use super::segments::of_tags;
use super::sql::{Arg, Row, args, json, places, word};
use super::{Db, StoreError, aggregates};
use domain::customer::AccountKind;
use domain::customer::profile::More;
use domain::ids::CustomerId;
use domain::time::Instant;
use serde_json::Value;
use std::collections::BTreeMap;

/// A customer's aggregates as last kept. Money in minor units of the base currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileRow {
    pub id: CustomerId,
    /// The shop's own id as imported or sent (`user_id`), the oldest where a merge left several.
    pub user_id: Option<String>,
    pub account_kind: AccountKind,
    /// The instant the aggregates are as of; `None` where the keeper hasn't come by yet.
    pub kept_at: Option<Instant>,
    pub spend_365_minor: i64,
    pub spend_ever_minor: i64,
    pub orders_365: i64,
    pub orders_ever: i64,
    pub order_days: i64,
    pub first_order_at: Option<Instant>,
    pub last_order_at: Option<Instant>,
    /// The key of that order, with its shop before it.
    pub last_order_key: Option<String>,
    pub tickets: i64,
    pub complaints_90: i64,
    pub complaints_365: i64,
    pub open_complaints: i64,
    /// Counted orders of the last 30 d, where they are suspiciously many.
    pub many_orders_30: Option<i64>,
    /// The rest of the aggregates.
    pub more: More,
}

/// A tag that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct TagRow {
    pub key: String,
    pub value: String,
    pub since: Instant,
    pub as_of: Instant,
    pub source: String,
    pub rule_version: i64,
    /// The numbers behind it.
    pub evidence: Value,
}

/// The SQL of a customer's own id.
const USER_ID: &str = "(SELECT i.value FROM identifier i WHERE i.id = (SELECT MIN(j.id) FROM identifier j \
    WHERE j.customer_id = c.id AND j.kind = 'user_id'))";

/// What [`read`] reads of `customer c` and `profile p`: names, and the SQL of what they stand for.
pub(super) fn selected() -> Vec<(&'static str, String)> {
    let apart =
        [("id", "c.id"), ("user_id", USER_ID), ("account_kind", "c.account_kind"), ("kept_at", "p.kept_at")];
    let aggregates = aggregates::columns().map(|column| (column, format!("p.{column}")));
    apart.map(|(name, sql)| (name, sql.to_owned())).into_iter().chain(aggregates).collect()
}

/// What [`read`] reads, with where from.
fn columns() -> String {
    let selected: Vec<String> =
        selected().into_iter().map(|(name, sql)| format!("{sql} AS {name}")).collect();
    format!("{} FROM customer c LEFT JOIN profile p ON p.customer_id = c.id", selected.join(", "))
}

pub(super) fn read(row: &Row) -> Result<ProfileRow, StoreError> {
    let id = row.int("id")?;
    let p = aggregates::read(row, id)?;
    Ok(ProfileRow {
        id: CustomerId(id),
        user_id: row.opt_text("user_id")?,
        account_kind: word("customer", "account_kind", id, &row.text("account_kind")?, AccountKind::parse)?,
        kept_at: row.opt_at("kept_at")?,
        spend_365_minor: p.spend_365_minor,
        spend_ever_minor: p.spend_ever_minor,
        orders_365: p.orders_365,
        orders_ever: p.orders_ever,
        order_days: p.order_days,
        first_order_at: p.first_order_at,
        last_order_at: p.last_order_at,
        last_order_key: p.last_order_id,
        tickets: p.tickets,
        complaints_90: p.complaints_90,
        complaints_365: p.complaints_365,
        open_complaints: p.open_complaints,
        many_orders_30: p.many_orders_30,
        more: p.more,
    })
}

pub async fn find(db: &Db, id: CustomerId) -> Result<Option<ProfileRow>, StoreError> {
    let row = db.one(&format!("SELECT {} WHERE c.id = $1", columns()), args![id]).await?;
    row.as_ref().map(read).transpose()
}

/// The next customers after `after` in order of id. Erased and merged ones are left out.
pub async fn page(db: &Db, after: CustomerId, limit: i64) -> Result<Vec<ProfileRow>, StoreError> {
    let sql = format!(
        "SELECT {} WHERE c.id > $1 AND c.erased_at IS NULL AND c.merged_into IS NULL ORDER BY c.id LIMIT $2",
        columns()
    );
    let rows = db.all(&sql, args![after, limit]).await?;
    rows.iter().map(read).collect()
}

/// As of when a tag of `tag_current t` is: of what is unchanged nothing is written when its customer is looked at.
pub(super) const TAG_AS_OF: &str =
    "COALESCE((SELECT p.kept_at FROM profile p WHERE p.customer_id = t.customer_id), t.as_of)";

pub(super) fn read_tag(row: &Row, customer: CustomerId) -> Result<TagRow, StoreError> {
    Ok(TagRow {
        key: row.text("key")?,
        value: row.text("value")?,
        since: row.at("since")?,
        as_of: row.at("as_of")?,
        source: row.text("source")?,
        rule_version: row.int("rule_version")?,
        evidence: json("tag_current", "evidence", customer, &row.text("evidence")?)?,
    })
}

/// The tags that hold for these customers, by key.
pub async fn tags_of(
    db: &Db,
    customers: &[CustomerId],
) -> Result<BTreeMap<CustomerId, Vec<TagRow>>, StoreError> {
    let mut tags: BTreeMap<CustomerId, Vec<TagRow>> = BTreeMap::new();
    for some in customers.chunks(1_000) {
        let sql = format!(
            "SELECT t.customer_id, t.key, t.value, t.since, {TAG_AS_OF} AS as_of, t.source, t.rule_version, t.evidence \
             FROM tag_current t WHERE t.customer_id IN ({}) AND {} ORDER BY t.customer_id, t.key",
            places(1, some.len()),
            of_tags!("t.key")
        );
        for row in db.all(&sql, some.iter().flat_map(|id| args![*id]).collect()).await? {
            let id = CustomerId(row.int("customer_id")?);
            tags.entry(id).or_default().push(read_tag(&row, id)?);
        }
    }
    Ok(tags)
}

/// How many customers are due at `now`, or will be once they are marked: their aggregates may be behind.
pub async fn count_due(db: &Db, now: Instant) -> Result<i64, StoreError> {
    // Each half has its index; the rest is looked for only while there may be any.
    let sql = format!(
        "SELECT (SELECT COUNT(*) FROM customer_due WHERE failed IS NULL AND due_at <= $1) \
         + (SELECT COUNT(*) FROM customer_due WHERE failed IS NOT NULL AND due_at <= $1) \
         + CASE WHEN EXISTS ({MARKING_SINCE}) \
           THEN (SELECT COUNT(*) FROM customer_due WHERE due_at > $1 AND {UNMARKED}) ELSE 0 END"
    );
    Ok(db.number(&sql, args![now]).await?.unwrap_or(0))
}

/// The customers behind `after` about whom anything can change before `until`, even if nothing new comes.
pub async fn due_before(
    db: &Db,
    until: Instant,
    after: CustomerId,
    limit: i64,
) -> Result<Vec<CustomerId>, StoreError> {
    let sql = format!(
        "SELECT customer_id AS id FROM customer_due WHERE (due_at < $1 OR ({UNMARKED})) AND customer_id > $2 \
         AND failed IS NULL ORDER BY customer_id LIMIT $3"
    );
    db.all(&sql, args![until, after, limit]).await?.iter().map(|row| row.int("id").map(CustomerId)).collect()
}

/// The shop's own ids of these customers (`user_id`), the oldest where a merge left several.
pub async fn user_ids(db: &Db, customers: &[CustomerId]) -> Result<BTreeMap<CustomerId, String>, StoreError> {
    let mut own = BTreeMap::new();
    for some in customers.chunks(1_000) {
        let sql = format!(
            "SELECT customer_id, value FROM identifier WHERE kind = 'user_id' AND customer_id IN ({}) \
             ORDER BY id DESC",
            places(1, some.len())
        );
        for row in db.all(&sql, some.iter().flat_map(|id| args![*id]).collect()).await? {
            own.insert(CustomerId(row.int("customer_id")?), row.text("value")?);
        }
    }
    Ok(own)
}

/// Customers by tag and value. Reads the whole index of tags.
pub async fn tag_counts(db: &Db) -> Result<BTreeMap<String, BTreeMap<String, i64>>, StoreError> {
    let mut counts: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
    let sql = concat!(
        "SELECT key, value, COUNT(*) AS n FROM tag_current WHERE ",
        of_tags!("key"),
        " GROUP BY key, value"
    );
    for row in db.all(sql, vec![]).await? {
        counts.entry(row.text("key")?).or_default().insert(row.text("value")?, row.int("n")?);
    }
    Ok(counts)
}

/// Every tag key that some customer has.
pub async fn tag_keys(db: &Db) -> Result<Vec<String>, StoreError> {
    let sql = concat!("SELECT DISTINCT key FROM tag_current WHERE ", of_tags!("key"), " ORDER BY key");
    db.all(sql, vec![]).await?.iter().map(|row| row.text("key")).collect()
}

/// A tag to look for: its key, and its value if only one will do.
pub type Tagged<'a> = (&'a str, Option<&'a str>);

/// The ids behind `after`, of all customers or of those with a tag.
pub async fn list_ids(
    db: &Db,
    tag: Option<Tagged<'_>>,
    after: CustomerId,
    limit: i64,
) -> Result<Vec<CustomerId>, StoreError> {
    let (sql, values) = match tag {
        None => (
            "SELECT id FROM customer WHERE id > $1 AND erased_at IS NULL AND merged_into IS NULL ORDER BY id LIMIT $2",
            args![after, limit],
        ),
        // The keeper has still to come by whoever was erased or is another since.
        Some((key, Some(value))) => (
            "SELECT t.customer_id AS id FROM tag_current t JOIN customer c ON c.id = t.customer_id \
             WHERE t.customer_id > $1 AND t.key = $3 AND t.value = $4 AND c.erased_at IS NULL AND c.merged_into IS NULL \
             ORDER BY t.customer_id LIMIT $2",
            args![after, limit, key, value],
        ),
        Some((key, None)) => (
            "SELECT t.customer_id AS id FROM tag_current t JOIN customer c ON c.id = t.customer_id \
             WHERE t.customer_id > $1 AND t.key = $3 AND c.erased_at IS NULL AND c.merged_into IS NULL \
             ORDER BY t.customer_id LIMIT $2",
            args![after, limit, key],
        ),
    };
    db.all(sql, values).await?.iter().map(|row| row.int("id").map(CustomerId)).collect()
}

/// The customers behind `after` whom the keeper looks after: themselves, with any event, entry to be kept, or profile.
pub async fn list_kept(db: &Db, after: CustomerId, limit: i64) -> Result<Vec<CustomerId>, StoreError> {
    let sql = "SELECT c.id FROM customer c WHERE c.id > $1 AND c.merged_into IS NULL AND c.erased_at IS NULL \
               AND (EXISTS (SELECT 1 FROM customer_due d WHERE d.customer_id = c.id) \
                 OR EXISTS (SELECT 1 FROM profile p WHERE p.customer_id = c.id) \
                 OR EXISTS (SELECT 1 FROM event e WHERE e.customer_id = c.id)) ORDER BY c.id LIMIT $2";
    db.all(sql, args![after, limit]).await?.iter().map(|row| row.int("id").map(CustomerId)).collect()
}

/// Those of these customers who have the tag, or are in the segment that is called so among tags.
pub async fn having_tag(
    db: &Db,
    customers: &[CustomerId],
    (key, value): Tagged<'_>,
) -> Result<std::collections::BTreeSet<CustomerId>, StoreError> {
    let sql = "SELECT customer_id FROM tag_current WHERE key = $1 AND (CAST($2 AS TEXT) IS NULL OR value = $2) \
               AND customer_id IN ({in})";
    let rows = all_in(db, sql, args![key, value], customers.iter().map(|id| id.arg()).collect()).await?;
    rows.iter().map(|row| row.int("customer_id").map(CustomerId)).collect()
}
