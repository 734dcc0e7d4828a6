//! The rules that everybody is kept by: definitions of tags in all their versions, and since when which of them hold. What is known of
//! products is [`super::products`]'s, how the book is gone through after a change [`super::epoch`]'s.

use super::sql::{Row, args, json};
use super::{Db, StoreError, Tx};
use domain::customer::records::Kinds;
use domain::rule::record;
use domain::time::Instant;

/// One published definition of a tag.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedRule {
    pub key: String,
    pub version: i64,
    pub published_at: Instant,
    pub document: serde_json::Value,
}

/// When the first definitions were published: with the book.
pub async fn first_published_at(db: &Db) -> Result<Option<Instant>, StoreError> {
    let sql = "SELECT MIN(published_at) FROM rule_version";
    Ok(db.number(sql, vec![]).await?.map(Instant::from_micros))
}

/// The newest version of every tag's definition.
pub async fn newest(db: &Db) -> Result<Vec<PublishedRule>, StoreError> {
    as_of(db, i64::MAX).await
}

/// The version of every tag's definition that held in an epoch.
pub async fn as_of(db: &Db, epoch: i64) -> Result<Vec<PublishedRule>, StoreError> {
    let sql = "SELECT r.id, r.key, r.version, r.document, r.published_at FROM rule_version r \
               WHERE r.version = (SELECT MAX(v.version) FROM rule_version v WHERE v.key = r.key AND v.epoch <= $1) \
               ORDER BY r.key";
    let rule = |row: &Row| {
        Ok(PublishedRule {
            key: row.text("key")?,
            version: row.int("version")?,
            published_at: row.at("published_at")?,
            document: json("rule_version", "document", row.int("id")?, &row.text("document")?)?,
        })
    };
    db.all(sql, args![epoch]).await?.iter().map(rule).collect()
}

/// Whatever was published in any version and may ask something of events.
pub async fn of_events(db: &Db) -> Result<Vec<serde_json::Value>, StoreError> {
    let sql = "SELECT id, document FROM rule_version WHERE document LIKE '%\"event\"%'";
    let rows = db.all(sql, vec![]).await?;
    rows.iter().map(|row| json("rule_version", "document", row.int("id")?, &row.text("document")?)).collect()
}

/// Of a published document, that whoever is kept may be asked what stands in it: it isn't that of a segment on demand, or something names
/// that segment.
const KEPT: &str = "(v.document NOT LIKE '%\"keep\":\"on_demand\"%' OR EXISTS (SELECT 1 FROM rule_version o \
                    WHERE o.document LIKE '%\"segment\":\"' || substr(v.key, 9) || '\"%'))";

/// The records that whoever is kept may be asked for, by whatever was published in any version.
pub async fn records_asked(db: &Db) -> Result<Kinds, StoreError> {
    let heads = naming(record::HEADS.iter().map(|(head, _)| *head));
    let sql = format!("SELECT v.id, v.document FROM rule_version v WHERE ({heads}) AND {KEPT}");
    let mut kinds = Kinds::default();
    for row in db.all(&sql, vec![]).await? {
        let document = json("rule_version", "document", row.int("id")?, &row.text("document")?)?;
        kinds = kinds.and(record::kinds_in(&document));
    }
    Ok(kinds)
}

/// Whether whoever is kept may be asked for records of any of these kinds.
pub async fn ask_for(db: &Db, kinds: Kinds) -> Result<bool, StoreError> {
    let heads = naming(record::HEADS.iter().filter(|(_, of)| of.meets(kinds)).map(|(head, _)| *head));
    let sql = format!("SELECT 1 AS one FROM rule_version v WHERE ({heads}) AND {KEPT} LIMIT 1");
    Ok(db.one(&sql, vec![]).await?.is_some())
}

/// That a document has one of these names somewhere.
fn naming<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let each: Vec<String> = names.map(|name| format!("v.document LIKE '%\"{name}\"%'")).collect();
    if each.is_empty() { "1 = 0".to_owned() } else { each.join(" OR ") }
}

/// Publishes a definition as the next version of its key, with the epoch that was raised for it.
pub async fn publish(
    tx: &Tx,
    key: &str,
    document: &serde_json::Value,
    document_hash: &str,
    (epoch, now): (i64, Instant),
) -> Result<(), StoreError> {
    let sql = "INSERT INTO rule_version (key, version, document, document_hash, published_at, epoch) \
               SELECT $1, COALESCE(MAX(version), 0) + 1, $2, $3, $4, $5 FROM rule_version WHERE key = $1";
    tx.exec(sql, args![key, document.to_string(), document_hash, now, epoch]).await.map(drop)
}

/// Every epoch that is written down, and since when it is, in their order.
pub async fn turns(db: &Db) -> Result<Vec<(i64, Instant)>, StoreError> {
    let rows = db.all("SELECT epoch, at FROM rule_turn ORDER BY epoch", vec![]).await?;
    rows.iter().map(|row| Ok((row.int("epoch")?, row.at("at")?))).collect()
}
