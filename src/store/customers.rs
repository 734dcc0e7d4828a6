//! Customers and what identifies them. Resolution of an event's names to a customer is decided here, once,
//! in log order; nobody is merged. What is personal about them lives in `people`.

use super::in_list::{all_in, fresh_ids};
use super::shops::ShopRow;
use super::sql::{Arg, Row, args, word};
use super::{Db, StoreError, Tx};
use chrono_tz::Tz;
use domain::ids::{CustomerId, ShopId};
use domain::time::Instant;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The names an event gives the person it is about; at least one is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    pub user_id: Option<String>,
    pub anonymous_id: Option<String>,
}

const USER: &str = "user_id";
const ANONYMOUS: &str = "anonymous_id";

/// Kind and value of an identifier within the shop's namespace.
type Name = (&'static str, String);

/// The customer each event is about, in the order given; people nobody has heard of are added.
///
/// A user id names somebody for good. An anonymous id belongs to whoever it was first seen with; if that
/// person had no user id yet, the first one seen beside it becomes theirs.
pub async fn resolve(
    tx: &Tx,
    shop: &ShopRow,
    named: &[Named],
    now: Instant,
) -> Result<Vec<CustomerId>, StoreError> {
    let mut known = names_to_add_to(tx, shop, named).await?;
    let mut has_user_id = holders_of_user_ids(tx, &known).await?;
    let most_new = named.len();
    let mut spare = fresh_ids(tx, "customer", most_new).await?.into_iter();
    let (mut new_customers, mut new_names) = (Vec::new(), BTreeMap::new());
    let mut resolved = Vec::with_capacity(named.len());
    for person in named {
        let user = person.user_id.as_ref().map(|id| (USER, id.clone()));
        let anonymous = person.anonymous_id.as_ref().map(|id| (ANONYMOUS, id.clone()));
        let by_user = user.as_ref().and_then(|name| known.get(name)).copied();
        let by_anonymous = anonymous.as_ref().and_then(|name| known.get(name)).copied();
        let unnamed = by_anonymous.filter(|customer| user.is_none() || !has_user_id.contains(customer));
        let customer = match by_user.or(unnamed) {
            Some(customer) => customer,
            None => {
                let id = spare.next().map(CustomerId).expect("an id was taken for every event");
                new_customers.push(id);
                id
            }
        };
        if user.is_some() {
            has_user_id.insert(customer);
        }
        for name in [user, anonymous].into_iter().flatten() {
            if !known.contains_key(&name) {
                known.insert(name.clone(), customer);
                new_names.insert(name, customer);
            }
        }
        resolved.push(customer);
    }
    add_customers(tx, shop.id, &new_customers, now).await?;
    add_names(tx, shop, new_names).await?;
    Ok(resolved)
}

/// Who is known of those named. If anybody isn't, they are this transaction's to add, until it ends: two that
/// add the same people would have to be tried again and again, and the larger one would always be the later.
async fn names_to_add_to(
    tx: &Tx,
    shop: &ShopRow,
    named: &[Named],
) -> Result<HashMap<Name, CustomerId>, StoreError> {
    let known = find_names(tx, shop, named).await?;
    let is_known = |kind, value: &Option<String>| {
        value.as_ref().is_none_or(|value| known.contains_key(&(kind, value.clone())))
    };
    if !tx.is_postgres()
        || named.iter().all(|n| is_known(USER, &n.user_id) && is_known(ANONYMOUS, &n.anonymous_id))
    {
        return Ok(known);
    }
    // The namespace's first shop stands for it.
    let sql = "SELECT id FROM shop WHERE id_namespace = $1 ORDER BY id LIMIT 1 FOR NO KEY UPDATE";
    tx.all(sql, args![&shop.shop.id_namespace]).await?;
    find_names(tx, shop, named).await
}

async fn find_names(
    tx: &Tx,
    shop: &ShopRow,
    named: &[Named],
) -> Result<HashMap<Name, CustomerId>, StoreError> {
    let mut known = HashMap::new();
    let users: BTreeSet<&String> = named.iter().filter_map(|n| n.user_id.as_ref()).collect();
    let anonymous: BTreeSet<&String> = named.iter().filter_map(|n| n.anonymous_id.as_ref()).collect();
    let sql =
        "SELECT value, customer_id FROM identifier WHERE kind = $1 AND namespace = $2 AND value IN ({in})";
    for (kind, values) in [(USER, users), (ANONYMOUS, anonymous)] {
        let values = values.into_iter().map(Arg::arg).collect();
        for row in all_in(tx, sql, args![kind, &shop.shop.id_namespace], values).await? {
            known.insert((kind, row.text("value")?), CustomerId(row.int("customer_id")?));
        }
    }
    Ok(known)
}

/// Which of the customers known by an anonymous id have a user id.
async fn holders_of_user_ids(
    tx: &Tx,
    known: &HashMap<Name, CustomerId>,
) -> Result<HashSet<CustomerId>, StoreError> {
    let of_kind = |kind| known.iter().filter(move |((k, _), _)| *k == kind).map(|(_, customer)| *customer);
    let mut holders: HashSet<CustomerId> = of_kind(USER).collect();
    let unsure: BTreeSet<CustomerId> = of_kind(ANONYMOUS).filter(|id| !holders.contains(id)).collect();
    let sql = "SELECT customer_id FROM identifier WHERE kind = $1 AND customer_id IN ({in})";
    for row in all_in(tx, sql, args![USER], unsure.into_iter().map(Arg::arg).collect()).await? {
        holders.insert(CustomerId(row.int("customer_id")?));
    }
    Ok(holders)
}

async fn add_customers(tx: &Tx, shop: ShopId, ids: &[CustomerId], now: Instant) -> Result<(), StoreError> {
    let rows = ids.iter().map(|id| args![*id, shop, "consumer", now]).collect();
    let columns = ["id", "shop_id", "account_kind", "created_at"];
    tx.insert_many("customer", &columns, rows, "").await.map(drop)
}

/// Writes new names, all or none: nobody else adds any meanwhile.
async fn add_names(tx: &Tx, shop: &ShopRow, names: BTreeMap<Name, CustomerId>) -> Result<(), StoreError> {
    let expected = names.len() as u64;
    let rows = names
        .into_iter()
        .map(|((kind, value), customer)| args![customer, kind, &shop.shop.id_namespace, value])
        .collect();
    let columns = ["customer_id", "kind", "namespace", "value"];
    let tail = "ON CONFLICT (kind, namespace, value) DO NOTHING";
    match tx.insert_many("identifier", &columns, rows, tail).await? {
        actual if actual == expected => Ok(()),
        actual => Err(StoreError::RowsAffected { what: "naming customers", expected, actual }),
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
    })
}

/// These customers' rows; who doesn't exist has no entry.
pub async fn list(db: &Db, customers: &[CustomerId]) -> Result<HashMap<CustomerId, Customer>, StoreError> {
    let sql = "SELECT id, shop_id, account_kind, locale, zone, registered_at, created_at, erased_at \
               FROM customer WHERE id IN ({in})";
    let rows = all_in(db, sql, vec![], customers.iter().map(|id| id.arg()).collect()).await?;
    rows.iter().map(|row| read(row).map(|customer| (customer.id, customer))).collect()
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

/// The user id this customer goes by; the first they had.
pub async fn find_user_id(
    db: &Db,
    customer: CustomerId,
    namespace: &str,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT value FROM identifier WHERE customer_id = $1 AND kind = $2 AND namespace = $3 ORDER BY id LIMIT 1";
    db.one(sql, args![customer, USER, namespace]).await?.map(|row| row.text("value")).transpose()
}
