//! What the log still says of people, against what stands: traits field by field, the contact points among
//! them, zone, language and registration. Differences are told without the values, which are personal.

use super::super::in_list::all_in;
use super::super::people::{addresses_in, text, told, write_addresses, write_books};
use super::super::shops::ShopRow;
use super::super::sql::{Arg, args};
use super::super::{Db, StoreError, Tx};
use super::table::Difference;
use domain::contact::Address;
use domain::event::TraitBook;
use domain::ids::CustomerId;
use domain::time::Instant;
use std::collections::{BTreeMap, BTreeSet};

type Addresses = BTreeMap<(CustomerId, &'static str, String), Address>;

/// What identifies say of people, as far as it is still there.
#[derive(Default)]
struct Said {
    books: BTreeMap<CustomerId, TraitBook>,
    addresses: Addresses,
}

/// The next customers of this shop behind `after` who are themselves and not erased.
pub async fn page_of_people(
    db: &Db,
    shop: &ShopRow,
    after: CustomerId,
    limit: i64,
) -> Result<BTreeSet<CustomerId>, StoreError> {
    let sql = "SELECT id FROM customer WHERE id > $1 AND shop_id = $2 AND erased_at IS NULL AND merged_into IS NULL ORDER BY id LIMIT $3";
    let rows = db.all(sql, args![after, shop.id, limit]).await?;
    rows.iter().map(|row| row.int("id").map(CustomerId)).collect()
}

/// Where what stands of these people isn't what the log says.
pub async fn compare_people(
    db: &Db,
    shop: &ShopRow,
    people: &BTreeSet<CustomerId>,
) -> Result<Vec<Difference>, StoreError> {
    let said = said(db, people).await?;
    Ok(differing(db, shop, people, &said).await?.into_values().flatten().collect())
}

/// As [`compare_people`], and makes it so.
pub async fn rebuild_people(
    tx: &Tx,
    shop: &ShopRow,
    now: Instant,
    people: &BTreeSet<CustomerId>,
) -> Result<Vec<Difference>, StoreError> {
    let mut said = said(tx, people).await?;
    let differing = differing(tx, shop, people, &said).await?;
    let books = differing.keys().map(|id| (*id, said.books.remove(id).unwrap_or_default())).collect();
    said.addresses.retain(|(id, ..), _| differing.contains_key(id));
    if !differing.is_empty() {
        write_books(tx, shop, now, &books).await?;
        write_addresses(tx, &books, said.addresses).await?;
    }
    Ok(differing.into_values().flatten().collect())
}

async fn said(db: &Db, people: &BTreeSet<CustomerId>) -> Result<Said, StoreError> {
    let mut said = Said::default();
    let people: Vec<CustomerId> = people.iter().copied().collect();
    for (customer, told) in told(db, &people).await? {
        for one in told.into_iter().filter(|one| !one.traits.is_empty()) {
            for address in addresses_in(|field| text(one.traits.get(field))) {
                said.addresses.insert((customer, address.channel, address.value.clone()), address);
            }
            said.books.entry(customer).or_default().absorb(one.occurred_at, &one.message_id, &one.traits);
        }
    }
    Ok(said)
}

/// What a customer's own columns hold.
#[derive(Default, PartialEq, Eq)]
struct Columns {
    name: Option<String>,
    birthday: Option<String>,
    traits: Option<String>,
    locale: Option<String>,
    zone: Option<String>,
    registered_at: Option<Instant>,
}

fn wanted(book: Option<&TraitBook>, shop: &ShopRow) -> Columns {
    let Some(book) = book else { return Columns::default() };
    Columns {
        name: book.name(),
        birthday: book.birthday().map(|birthday| birthday.to_string()),
        traits: Some(serde_json::to_string(book).expect("a map of JSON values is JSON")),
        locale: book.text("locale"),
        zone: book.zone().map(|zone| zone.name().to_owned()),
        registered_at: book.registered_at(shop.shop.zone),
    }
}

async fn differing(
    db: &Db,
    shop: &ShopRow,
    people: &BTreeSet<CustomerId>,
    said: &Said,
) -> Result<BTreeMap<CustomerId, Vec<Difference>>, StoreError> {
    let mut found: BTreeMap<CustomerId, Vec<Difference>> = BTreeMap::new();
    let ids = || people.iter().map(|id| id.arg()).collect();
    let sql = "SELECT c.id, c.locale, c.zone, c.registered_at, p.name, p.birthday, p.traits FROM customer c \
               LEFT JOIN customer_personal p ON p.customer_id = c.id WHERE c.id IN ({in})";
    for row in all_in(db, sql, vec![], ids()).await? {
        let customer = CustomerId(row.int("id")?);
        let is = Columns {
            name: row.opt_text("name")?,
            birthday: row.opt_text("birthday")?,
            // Nothing said is nothing known.
            traits: row.opt_text("traits")?.filter(|traits| traits != "{}"),
            locale: row.opt_text("locale")?,
            zone: row.opt_text("zone")?,
            registered_at: row.opt_at("registered_at")?,
        };
        let should = wanted(said.books.get(&customer), shop);
        let columns = [
            ("customer_personal", "name", is.name == should.name),
            ("customer_personal", "birthday", is.birthday == should.birthday),
            ("customer_personal", "traits", is.traits == should.traits),
            ("customer", "locale", is.locale == should.locale),
            ("customer", "zone", is.zone == should.zone),
            ("customer", "registered_at", is.registered_at == should.registered_at),
        ];
        for (table, column, _) in columns.iter().filter(|(.., same)| !same) {
            let detail = format!("{column}: not what the log says");
            let difference = Difference { table, key: customer.to_string(), detail };
            found.entry(customer).or_default().push(difference);
        }
    }
    let mut standing = BTreeMap::new();
    let sql = "SELECT customer_id, channel, value, is_primary FROM contact_point WHERE customer_id IN ({in})";
    for row in all_in(db, sql, vec![], ids()).await? {
        let key = (CustomerId(row.int("customer_id")?), row.text("channel")?, row.text("value")?);
        standing.insert(key, row.flag("is_primary")?);
    }
    for (customer, channel, value) in said.addresses.keys() {
        let primary = said.books.get(customer).is_some_and(|book| {
            addresses_in(|field| book.text(field)).any(|a| a.channel == *channel && a.value == *value)
        });
        let detail = match standing.get(&(*customer, (*channel).to_owned(), value.clone())) {
            None => "missing",
            Some(is) if *is != primary => "is_primary: not what the log says",
            Some(_) => continue,
        };
        let (key, detail) = (format!("{customer} {channel}"), detail.to_owned());
        found.entry(*customer).or_default().push(Difference { table: "contact_point", key, detail });
    }
    Ok(found)
}
