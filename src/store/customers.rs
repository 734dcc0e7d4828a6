//! Customers and what identifies them. Whom an event is about is decided in `resolution`; who is one with whom is
//! `clusters`'. What is personal about them lives in `people`.

use super::in_list::all_in;
use super::shops::ShopRow;
use super::sql::{Arg, Row, args, word};
use super::{Db, StoreError, Tx};
use chrono_tz::Tz;
use domain::customer::identity::{Kind, in_place_of_user_id};
use domain::customer::{AccountKind, Bearer, Birthday};
use domain::ids::{CustomerId, ShopId};
use domain::time::Instant;
use std::collections::HashMap;

/// Whose a row is: the customer it was resolved to, and who that is after all merges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whose {
    /// Canonical: every read is by it.
    pub customer: CustomerId,
    /// As resolved; what parting gives the row back to.
    pub origin: CustomerId,
}

impl Whose {
    /// Of somebody who is themselves.
    pub fn own(customer: CustomerId) -> Self {
        Self { customer, origin: customer }
    }
}

/// Who has this identifier; `namespace` is the shop's for user and anonymous ids.
pub async fn find_by_identifier(
    db: &Db,
    kind: &str,
    namespace: &str,
    value: &str,
) -> Result<Option<CustomerId>, StoreError> {
    let sql = "SELECT customer_id FROM identifier WHERE kind = $1 AND namespace = $2 AND value = $3";
    Ok(db.number(sql, args![kind, namespace, value]).await?.map(CustomerId))
}

/// Everybody this contact point may reach, ascending.
pub async fn list_by_contact(db: &Db, channel: &str, value: &str) -> Result<Vec<CustomerId>, StoreError> {
    let sql = "SELECT customer_id FROM contact_point WHERE channel = $1 AND value = $2 ORDER BY customer_id";
    let rows = db.all(sql, args![channel, value]).await?;
    rows.iter().map(|row| row.int("customer_id").map(CustomerId)).collect()
}

/// What says who a customer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    pub kind: String,
    pub namespace: String,
    pub value: String,
}

/// The identifiers of these customers, oldest first.
pub async fn identifiers(
    db: &Db,
    customers: &[CustomerId],
) -> Result<HashMap<CustomerId, Vec<Identifier>>, StoreError> {
    let sql =
        "SELECT customer_id, kind, namespace, value FROM identifier WHERE customer_id IN ({in}) ORDER BY id";
    let mut found: HashMap<CustomerId, Vec<Identifier>> = HashMap::new();
    for row in all_in(db, sql, vec![], customers.iter().map(|id| id.arg()).collect()).await? {
        found.entry(CustomerId(row.int("customer_id")?)).or_default().push(Identifier {
            kind: row.text("kind")?,
            namespace: row.text("namespace")?,
            value: row.text("value")?,
        });
    }
    Ok(found)
}

/// A customer's own row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    pub id: CustomerId,
    pub shop: ShopId,
    /// `consumer`, `reseller`, `staff`, `test` or `brushing`.
    pub account_kind: String,
    pub locale: Option<String>,
    /// The customer's own zone, where it is known.
    pub zone: Option<Tz>,
    pub registered_at: Option<Instant>,
    pub created_at: Instant,
    pub erased_at: Option<Instant>,
    /// Whoever they are one with now.
    pub merged_into: Option<CustomerId>,
}

impl Customer {
    /// The zone this customer's local time is in: their own, else the shop's.
    pub fn zone_at(&self, shop: &ShopRow) -> Tz {
        self.zone.unwrap_or(shop.shop.zone)
    }
}

fn read(row: &Row) -> Result<Customer, StoreError> {
    let id = row.int("id")?;
    let zone = row.opt_text("zone")?;
    Ok(Customer {
        id: CustomerId(id),
        shop: ShopId(row.int("shop_id")?),
        account_kind: row.text("account_kind")?,
        locale: row.opt_text("locale")?,
        zone: zone.map(|name| word("customer", "zone", id, &name, |text| text.parse().ok())).transpose()?,
        registered_at: row.opt_at("registered_at")?,
        created_at: row.at("created_at")?,
        erased_at: row.opt_at("erased_at")?,
        merged_into: row.opt_int("merged_into")?.map(CustomerId),
    })
}

/// These customers' rows; who doesn't exist has no entry.
pub async fn list(db: &Db, customers: &[CustomerId]) -> Result<HashMap<CustomerId, Customer>, StoreError> {
    let sql = "SELECT id, shop_id, account_kind, locale, zone, registered_at, created_at, erased_at, merged_into \
               FROM customer WHERE id IN ({in})";
    let rows = all_in(db, sql, vec![], customers.iter().map(|id| id.arg()).collect()).await?;
    rows.iter().map(|row| read(row).map(|customer| (customer.id, customer))).collect()
}

/// Says what kind of account a customer has; gives what they had.
pub async fn set_account_kind(tx: &Tx, id: CustomerId, kind: &str) -> Result<String, StoreError> {
    let lock = if tx.is_postgres() { " FOR NO KEY UPDATE" } else { "" };
    let before = tx.one(&format!("SELECT account_kind FROM customer WHERE id = $1{lock}"), args![id]).await?;
    let before = before.map_or_else(|| Ok("consumer".to_owned()), |row| row.text("account_kind"))?;
    tx.exec_one("an account's kind", "UPDATE customer SET account_kind = $1 WHERE id = $2", args![kind, id])
        .await?;
    Ok(before)
}

/// What kind of account each customer has.
pub async fn accounts(
    db: &Db,
    customers: &[CustomerId],
) -> Result<HashMap<CustomerId, AccountKind>, StoreError> {
    let sql = "SELECT id, account_kind FROM customer WHERE id IN ({in})";
    let rows = all_in(db, sql, vec![], customers.iter().map(|id| id.arg()).collect()).await?;
    rows.iter()
        .map(|row| {
            let id = row.int("id")?;
            let kind = word("customer", "account_kind", id, &row.text("account_kind")?, AccountKind::parse)?;
            Ok((CustomerId(id), kind))
        })
        .collect()
}

/// The greatest number any customer has; none in an empty book.
pub async fn greatest_id(db: &Db) -> Result<Option<CustomerId>, StoreError> {
    Ok(db.number("SELECT MAX(id) FROM customer", vec![]).await?.map(CustomerId))
}

/// What is known of each customer beside their events; a zone they haven't is the shop's. Who doesn't exist has no entry.
pub async fn bearers(
    db: &Db,
    customers: &[CustomerId],
    shop_zone: Tz,
) -> Result<HashMap<CustomerId, Bearer>, StoreError> {
    let sql = "SELECT c.id, c.account_kind, c.zone, c.registered_at, p.birthday FROM customer c \
               LEFT JOIN customer_personal p ON p.customer_id = c.id WHERE c.id IN ({in})";
    let rows = all_in(db, sql, vec![], customers.iter().map(|id| id.arg()).collect()).await?;
    rows.iter()
        .map(|row| {
            let id = row.int("id")?;
            let account =
                word("customer", "account_kind", id, &row.text("account_kind")?, AccountKind::parse)?;
            Ok((CustomerId(id), bearer(CustomerId(id), row, account, shop_zone)?))
        })
        .collect()
}

/// Reads zone, registered_at and birthday. An unreadable birthday is none: it is the sender's word.
pub(super) fn bearer(
    id: CustomerId,
    row: &Row,
    account: AccountKind,
    shop_zone: Tz,
) -> Result<Bearer, StoreError> {
    let birthday = row.opt_text("birthday")?.and_then(|text| Birthday::parse(&text).ok());
    let zone = row.opt_text("zone")?.and_then(|name| name.parse().ok()).unwrap_or(shop_zone);
    Ok(Bearer { id, zone, account, birthday, registered_at: row.opt_at("registered_at")? })
}

/// The zone each customer's local time is in: their own, else their shop's.
pub async fn zones(db: &Db, customers: &[CustomerId]) -> Result<HashMap<CustomerId, Tz>, StoreError> {
    let sql = "SELECT c.id AS id, COALESCE(c.zone, s.zone) AS zone FROM customer c \
               JOIN shop s ON s.id = c.shop_id WHERE c.id IN ({in})";
    let rows = all_in(db, sql, vec![], customers.iter().map(|id| id.arg()).collect()).await?;
    rows.iter()
        .map(|row| {
            let id = row.int("id")?;
            let zone = word("customer", "zone", id, &row.text("zone")?, |text| text.parse().ok())?;
            Ok((CustomerId(id), zone))
        })
        .collect()
}

/// How to name this customer in the place of a user id: by theirs, the first they had, else by the strongest other
/// identifier that can stand there.
pub async fn find_user_id(
    db: &Db,
    customer: CustomerId,
    namespace: &str,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT id, kind, namespace, value FROM identifier WHERE customer_id = $1 AND kind <> 'anonymous_id' \
               AND (kind <> 'user_id' OR namespace = $2) ORDER BY id";
    let mut best: Option<(Kind, String)> = None;
    for row in db.all(sql, args![customer, namespace]).await? {
        let kind = word("identifier", "kind", row.int("id")?, &row.text("kind")?, Kind::parse)?;
        let said = in_place_of_user_id(kind, &row.text("namespace")?, &row.text("value")?);
        if let Some(said) = said.filter(|_| best.as_ref().is_none_or(|(known, _)| kind < *known)) {
            best = Some((kind, said));
        }
    }
    Ok(best.map(|(_, said)| said))
}
