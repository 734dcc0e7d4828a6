//! Shops: whose customers these are, and in which zone, currency and language.

use super::sql::{Row, args, word};
use super::{Db, StoreError, Tx};
use chrono_tz::Tz;
use domain::ids::ShopId;
use domain::money::Currency;

/// A shop as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shop {
    pub key: String,
    pub name: String,
    pub zone: Tz,
    /// Of amounts that name none. The book counts in [`ShopRow::base`].
    pub currency: Currency,
    pub locale: String,
    pub id_namespace: String,
    pub sender_name: String,
    pub sender_address: String,
    /// All customers live in the shop's zone.
    pub single_zone: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShopRow {
    pub id: ShopId,
    pub shop: Shop,
    /// What the book counts in, whichever shop an amount is of.
    pub base: Currency,
}

/// SQL of the book's base currency: that of the shop it was founded with, which is the oldest.
pub(super) const BASE: &str = "(SELECT currency FROM shop ORDER BY id LIMIT 1)";

const COLUMNS: &str =
    "id, key, name, zone, currency, locale, id_namespace, sender_name, sender_address, single_zone";

fn read(row: &Row) -> Result<ShopRow, StoreError> {
    let id = row.int("id")?;
    Ok(ShopRow {
        id: ShopId(id),
        shop: Shop {
            key: row.text("key")?,
            name: row.text("name")?,
            zone: word("shop", "zone", id, &row.text("zone")?, |z| z.parse().ok())?,
            currency: word("shop", "currency", id, &row.text("currency")?, Currency::parse)?,
            locale: row.text("locale")?,
            id_namespace: row.text("id_namespace")?,
            sender_name: row.text("sender_name")?,
            sender_address: row.text("sender_address")?,
            single_zone: row.flag("single_zone")?,
        },
        base: word("shop", "currency", id, &row.text("base")?, Currency::parse)?,
    })
}

pub async fn find(db: &Db, key: &str) -> Result<Option<ShopRow>, StoreError> {
    let row =
        db.one(&format!("SELECT {COLUMNS}, {BASE} AS base FROM shop WHERE key = $1"), args![key]).await?;
    row.as_ref().map(read).transpose()
}

/// The shop the book was founded with.
pub async fn first(db: &Db) -> Result<Option<ShopRow>, StoreError> {
    let row =
        db.one(&format!("SELECT {COLUMNS}, {BASE} AS base FROM shop ORDER BY id LIMIT 1"), vec![]).await?;
    row.as_ref().map(read).transpose()
}

pub async fn find_by_id(db: &Db, id: ShopId) -> Result<Option<ShopRow>, StoreError> {
    let row = db.one(&format!("SELECT {COLUMNS}, {BASE} AS base FROM shop WHERE id = $1"), args![id]).await?;
    row.as_ref().map(read).transpose()
}

/// Writes the shop over the one of its key.
pub async fn put(tx: &Tx, shop: &Shop) -> Result<ShopId, StoreError> {
    let sql = "INSERT INTO shop (key, name, zone, currency, locale, id_namespace, sender_name, sender_address, \
               single_zone) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (key) DO UPDATE SET \
               name = excluded.name, zone = excluded.zone, currency = excluded.currency, locale = excluded.locale, \
               id_namespace = excluded.id_namespace, sender_name = excluded.sender_name, \
               sender_address = excluded.sender_address, single_zone = excluded.single_zone RETURNING id";
    let s = shop;
    let args = args![
        &s.key,
        &s.name,
        s.zone.name(),
        s.currency.as_str(),
        &s.locale,
        &s.id_namespace,
        &s.sender_name,
        &s.sender_address,
        s.single_zone
    ];
    let row = tx.one(sql, args).await?;
    let row = row.ok_or(StoreError::RowsAffected { what: "shop", expected: 1, actual: 0 })?;
    super::meta::raise_staffing_epoch(tx).await?;
    Ok(ShopId(row.int("id")?))
}

/// Whether any fact is in the log: from then on the base currency and zone stand.
pub async fn has_facts(db: &Db) -> Result<bool, StoreError> {
    Ok(db.number("SELECT id FROM event LIMIT 1", vec![]).await?.is_some())
}

/// The languages customers are known to speak.
pub async fn customers_locales(db: &Db) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT DISTINCT locale FROM customer WHERE locale IS NOT NULL";
    db.all(sql, vec![]).await?.iter().map(|row| row.text("locale")).collect()
}
