//! What is personal: traits and contact points. Kept apart from the facts, so that erasing is deleting. Consents
//! are another file's.

use super::in_list::{all_in, exec_in};
use super::shops::{self, ShopRow};
use super::sql::{Arg, args, json, word};
use super::{Db, StoreError, Tx, names};
use chrono_tz::Tz;
use domain::contact::{self, Address, Class};
use domain::customer::Told;
use domain::event::TraitBook;
use domain::ids::{CustomerId, ShopId};
use domain::time::Instant;
use sea_orm::Value;
use serde_json::Map;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What one identify says, with its version.
#[derive(Debug, Clone)]
pub struct Identified {
    pub customer: CustomerId,
    pub occurred_at: Instant,
    pub message_id: String,
    pub traits: Map<String, serde_json::Value>,
}

/// What is known of a person.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Personal {
    pub name: Option<String>,
    /// As `domain::customer::Birthday` spells it: `1990-05-01`, `05-01`, `lunar:08-15`, …
    pub birthday: Option<String>,
    pub traits: Map<String, serde_json::Value>,
}

/// Takes in what identifies say about these people: traits per field by the greatest version, the contact
/// points among them, and zone, language and registration on the customer's row. Gives the zones they live in, as
/// far as known.
pub async fn absorb(
    tx: &Tx,
    shop: &ShopRow,
    now: Instant,
    said: &[Identified],
) -> Result<Vec<Tz>, StoreError> {
    let customers: BTreeSet<CustomerId> = said.iter().map(|s| s.customer).collect();
    let mut books = books(tx, &customers).await?;
    let mut addresses: BTreeMap<(CustomerId, &'static str, String), Address> = BTreeMap::new();
    for one in said {
        books.entry(one.customer).or_default().absorb(one.occurred_at, &one.message_id, &one.traits);
        for address in addresses_in(|field| text(one.traits.get(field))) {
            addresses.insert((one.customer, address.channel, address.value.clone()), address);
        }
    }
    write_books(tx, shop, now, &books).await?;
    write_addresses(tx, &books, addresses).await?;
    let zones: HashMap<&str, Tz> =
        books.values().filter_map(TraitBook::zone).map(|zone| (zone.name(), zone)).collect();
    Ok(zones.into_values().collect())
}

pub(super) fn text(value: Option<&serde_json::Value>) -> Option<String> {
    match value? {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

pub(super) fn addresses_in(field: impl Fn(&str) -> Option<String>) -> impl Iterator<Item = Address> {
    let email = field("email").and_then(|text| contact::email(&text));
    let phone = field("phone").and_then(|text| contact::phone(&text));
    [email, phone].into_iter().flatten()
}

async fn books(
    tx: &Tx,
    customers: &BTreeSet<CustomerId>,
) -> Result<BTreeMap<CustomerId, TraitBook>, StoreError> {
    let sql = "SELECT customer_id, traits FROM customer_personal WHERE customer_id IN ({in})";
    let ids = customers.iter().map(|id| id.arg()).collect();
    let mut books = BTreeMap::new();
    for row in all_in(tx, sql, vec![], ids).await? {
        let id = row.int("customer_id")?;
        books.insert(CustomerId(id), json("customer_personal", "traits", id, &row.text("traits")?)?);
    }
    Ok(books)
}

pub(super) async fn write_books(
    tx: &Tx,
    shop: &ShopRow,
    now: Instant,
    books: &BTreeMap<CustomerId, TraitBook>,
) -> Result<(), StoreError> {
    let (mut personal, mut rows) = (Vec::with_capacity(books.len()), Vec::with_capacity(books.len()));
    for (customer, book) in books {
        let traits = serde_json::to_string(book).expect("a map of JSON values is JSON");
        let birthday = book.birthday().map(|birthday| birthday.to_string());
        personal.push(args![*customer, book.name(), birthday, traits]);
        let registered = book.registered_at(shop.shop.zone);
        let zone = book.zone().map(|zone| zone.name().to_owned());
        rows.push(args![*customer, shop.id, "consumer", now, book.text("locale"), zone, registered]);
    }
    let tail = "ON CONFLICT (customer_id) DO UPDATE SET name = excluded.name, birthday = excluded.birthday, \
                traits = excluded.traits";
    tx.insert_many("customer_personal", &["customer_id", "name", "birthday", "traits"], personal, tail)
        .await?;
    names::write(tx, books.iter().map(|(customer, book)| (*customer, book.name())).collect()).await?;
    // The rows exist; an upsert is the one bulk update both databases spell alike.
    let columns = ["id", "shop_id", "account_kind", "created_at", "locale", "zone", "registered_at"];
    let tail = "ON CONFLICT (id) DO UPDATE SET locale = excluded.locale, zone = excluded.zone, \
                registered_at = excluded.registered_at";
    tx.insert_many("customer", &columns, rows, tail).await.map(drop)
}

/// Every address ever said is kept; the one the traits now say is the primary one of its channel.
pub(super) async fn write_addresses(
    tx: &Tx,
    books: &BTreeMap<CustomerId, TraitBook>,
    mut addresses: BTreeMap<(CustomerId, &'static str, String), Address>,
) -> Result<(), StoreError> {
    let mut primary = BTreeSet::new();
    for (customer, book) in books {
        for address in addresses_in(|field| book.text(field)) {
            let key = (*customer, address.channel, address.value.clone());
            primary.insert(key.clone());
            addresses.insert(key, address);
        }
    }
    let ids: BTreeSet<CustomerId> = addresses.keys().map(|(customer, ..)| *customer).collect();
    let demote = "UPDATE contact_point SET is_primary = 0 WHERE is_primary = 1 AND customer_id IN ({in})";
    exec_in(tx, demote, vec![], ids.into_iter().map(Arg::arg).collect()).await?;
    let rows: Vec<Vec<Value>> = addresses
        .into_iter()
        .map(|(key, a)| {
            let (customer, is_primary) = (key.0, primary.contains(&key));
            args![customer, a.channel, a.value, a.class.as_str(), a.usable, is_primary]
        })
        .collect();
    let columns = ["customer_id", "channel", "value", "class", "usable", "is_primary"];
    let tail = "ON CONFLICT (customer_id, channel, value) DO UPDATE SET is_primary = excluded.is_primary";
    tx.insert_many("contact_point", &columns, rows, tail).await.map(drop)
}

/// Reads what these people ever said from the log anew: whose events they are has changed. Gives the zones they live
/// in, as far as known.
pub async fn reread(tx: &Tx, now: Instant, customers: &[CustomerId]) -> Result<Vec<Tz>, StoreError> {
    let keys = || customers.iter().map(|id| id.arg()).collect::<Vec<_>>();
    let sql = "SELECT channel, value FROM contact_point WHERE usable = 0 AND customer_id IN ({in})";
    let mut dead = Vec::new();
    for row in all_in(tx, sql, vec![], keys()).await? {
        dead.push((row.text("channel")?, row.text("value")?));
    }
    for table in ["contact_point", "customer_personal"] {
        exec_in(tx, &format!("DELETE FROM {table} WHERE customer_id IN ({{in}})"), vec![], keys()).await?;
    }
    names::write(tx, customers.iter().map(|id| (*id, None)).collect()).await?;
    let sql = "UPDATE customer SET locale = NULL, zone = NULL, registered_at = NULL WHERE id IN ({in})";
    exec_in(tx, sql, vec![], keys()).await?;
    let mut told = told(tx, customers).await?;
    let mut shops: BTreeMap<ShopId, Vec<Identified>> = BTreeMap::new();
    for row in all_in(tx, "SELECT id, shop_id FROM customer WHERE id IN ({in})", vec![], keys()).await? {
        let (customer, shop) = (CustomerId(row.int("id")?), ShopId(row.int("shop_id")?));
        let said = told.remove(&customer).unwrap_or_default().into_iter().map(|one| Identified {
            customer,
            occurred_at: one.occurred_at,
            message_id: one.message_id,
            traits: one.traits,
        });
        shops.entry(shop).or_default().extend(said);
    }
    let mut zones = Vec::new();
    for (id, said) in shops {
        let shop = shops::find_by_id(tx, id).await?.ok_or_else(|| StoreError::Corrupt {
            table: "customer".to_owned(),
            column: "shop_id".to_owned(),
            row: id.to_string(),
            detail: "there is no such shop".to_owned(),
        })?;
        zones.extend(absorb(tx, &shop, now, &said).await?);
    }
    for (channel, value) in dead {
        let sql =
            "UPDATE contact_point SET usable = 0 WHERE channel = $1 AND value = $2 AND customer_id IN ({in})";
        exec_in(tx, sql, args![channel, value], keys()).await?;
    }
    Ok(zones)
}

/// What identifies say of these people, as far as it is still there, with when each came in; who said nothing has no
/// entry.
pub async fn told(db: &Db, customers: &[CustomerId]) -> Result<HashMap<CustomerId, Vec<Told>>, StoreError> {
    let sql = "SELECT e.id, e.customer_id, e.received_at, e.occurred_at, e.message_id, p.payload FROM event e \
               JOIN event_personal p ON p.event_id = e.id \
               WHERE e.kind = 'Identify' AND e.effective = 1 AND e.customer_id IN ({in})";
    let mut found: HashMap<CustomerId, Vec<Told>> = HashMap::new();
    for row in all_in(db, sql, vec![], customers.iter().map(|id| id.arg()).collect()).await? {
        let mut traits: Map<String, serde_json::Value> =
            json("event_personal", "payload", row.int("id")?, &row.text("payload")?)?;
        // What a library adds in passing isn't what was said.
        traits.remove("context_traits");
        found.entry(CustomerId(row.int("customer_id")?)).or_default().push(Told {
            received_at: row.at("received_at")?,
            occurred_at: row.at("occurred_at")?,
            message_id: row.text("message_id")?,
            traits,
        });
    }
    Ok(found)
}

/// What is known of these people; who said nothing has no entry.
pub async fn personal(
    db: &Db,
    customers: &[CustomerId],
) -> Result<HashMap<CustomerId, Personal>, StoreError> {
    let sql = "SELECT customer_id, name, birthday, traits FROM customer_personal WHERE customer_id IN ({in})";
    let mut found = HashMap::new();
    for row in all_in(db, sql, vec![], customers.iter().map(|id| id.arg()).collect()).await? {
        let id = row.int("customer_id")?;
        let book: TraitBook = json("customer_personal", "traits", id, &row.text("traits")?)?;
        let personal = Personal {
            name: row.opt_text("name")?,
            birthday: row.opt_text("birthday")?,
            traits: book.plain(),
        };
        found.insert(CustomerId(id), personal);
    }
    Ok(found)
}

/// Where to reach somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactPoint {
    pub channel: String,
    /// Normalised by `domain::contact`.
    pub value: String,
    pub class: Class,
    pub usable: bool,
    pub is_primary: bool,
}

/// The contact points of these customers, the primary one of a channel first.
pub async fn contact_points(
    db: &Db,
    customers: &[CustomerId],
) -> Result<HashMap<CustomerId, Vec<ContactPoint>>, StoreError> {
    let sql = "SELECT id, customer_id, channel, value, class, usable, is_primary FROM contact_point \
               WHERE customer_id IN ({in}) ORDER BY channel, is_primary DESC, id";
    let mut found: HashMap<CustomerId, Vec<ContactPoint>> = HashMap::new();
    for row in all_in(db, sql, vec![], customers.iter().map(|id| id.arg()).collect()).await? {
        let class = word("contact_point", "class", row.int("id")?, &row.text("class")?, Class::parse)?;
        found.entry(CustomerId(row.int("customer_id")?)).or_default().push(ContactPoint {
            channel: row.text("channel")?,
            value: row.text("value")?,
            class,
            usable: row.flag("usable")?,
            is_primary: row.flag("is_primary")?,
        });
    }
    Ok(found)
}
