//! Segments in the tables of tags: what tells them apart there, and who is in one. They are written as tags are
//! ([`super::keeping`]); what a key means is `domain::segment`'s.

use super::sql::{Row, args};
use super::{Db, StoreError};
use domain::ids::CustomerId;
use domain::segment::{Hand, node_key};
use domain::time::Instant;
use std::collections::BTreeMap;

/// The condition that a row is of a tag, by its column of keys.
macro_rules! of_tags {
    ($column:literal) => {
        concat!($column, " NOT LIKE 'segment:%'")
    };
}

/// The condition that a row is of a segment.
macro_rules! of_segments {
    ($column:literal) => {
        concat!($column, " LIKE 'segment:%'")
    };
}

/// A segment's own key.
macro_rules! segment_key {
    ($column:literal) => {
        concat!("SUBSTR(", $column, ", 9)")
    };
}

pub(super) use {of_segments, of_tags, segment_key};

/// How many stand with each segment, by its key: members of those that are kept, and of those on demand whom people pinned or
/// banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub members: i64,
    pub pinned: i64,
    pub banned: i64,
}

/// Reads the index of tags as far as it is of segments. Who is erased stands in it and doesn't count.
pub async fn counts(db: &Db) -> Result<BTreeMap<String, Counts>, StoreError> {
    let sql = concat!(
        "SELECT ",
        segment_key!("key"),
        " AS segment, value, COUNT(*) AS n FROM tag_current t WHERE ",
        of_segments!("key"),
        " AND EXISTS (SELECT 1 FROM profile p WHERE p.customer_id = t.customer_id AND p.counts = 1) GROUP BY key, value"
    );
    let mut found: BTreeMap<String, Counts> = BTreeMap::new();
    for row in db.all(sql, vec![]).await? {
        let counts = found.entry(row.text("segment")?).or_default();
        let n = row.int("n")?;
        match Hand::parse(&row.text("value")?) {
            Some(Hand::Pinned) => counts.pinned = n,
            Some(Hand::Banned) => counts.banned = n,
            None => counts.members = n,
        }
    }
    Ok(found)
}

/// A member of a kept segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberRow {
    pub customer: CustomerId,
    pub since: Instant,
    /// Whether people put them there.
    pub by_hand: bool,
}

/// The members of a kept segment behind `after`, by id: whom a rule that asks for it finds.
pub async fn members(
    db: &Db,
    key: &str,
    after: CustomerId,
    limit: i64,
) -> Result<Vec<MemberRow>, StoreError> {
    let sql = "SELECT t.customer_id, t.since, t.source FROM tag_current t WHERE t.key = $1 AND t.value = 'true' \
               AND t.customer_id > $2 \
               AND EXISTS (SELECT 1 FROM profile p WHERE p.customer_id = t.customer_id AND p.counts = 1) \
               ORDER BY t.customer_id LIMIT $3";
    let read = |row: &Row| {
        Ok(MemberRow {
            customer: CustomerId(row.int("customer_id")?),
            since: row.at("since")?,
            by_hand: row.text("source")? == "manual",
        })
    };
    db.all(sql, args![node_key(key), after, limit]).await?.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_and_keys_are_those_of_the_domain() {
        let prefix = node_key("");
        assert_eq!(of_tags!("k"), format!("k NOT LIKE '{prefix}%'"));
        assert_eq!(of_segments!("k"), format!("k LIKE '{prefix}%'"));
        assert_eq!(segment_key!("k"), format!("SUBSTR(k, {})", prefix.len() + 1));
    }
}
