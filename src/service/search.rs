//! Finding customers by whatever somebody has in hand: an id, a telephone number, a mail address, an order's number,
//! a part of a name, a tag, a segment. What identifies comes first; contact points are masked in the answer.

use super::shop::shop;
use super::{Book, ServiceError, looking, page, rules, segments};
use crate::store::names::{self, Behind};
use crate::store::{StoreError, customers, orders, people, profile_page, profiles, shops};
use domain::access::Act;
use domain::customer::name;
use domain::ids::CustomerId;
use domain::{contact, mask};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// What is looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// `cus_42`, a shop's own id, `taobao:…`, a number, an address, an order's number, a part of a name.
    pub q: Option<String>,
    /// `churn_risk`, or `value_tier=diamond`.
    pub tag: Option<String>,
    /// A live segment's or a list's key; not beside a tag.
    pub segment: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    pub limit: i64,
}

/// Most customers of a page.
pub const PAGE: i64 = 100;

/// Customers as found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Found {
    pub items: Vec<FoundCustomer>,
    pub next_cursor: Option<String>,
}

/// A customer in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FoundCustomer {
    #[schema(value_type = String, example = "cus_42")]
    pub id: CustomerId,
    /// The shop's own id.
    #[schema(example = "12346")]
    pub customer_id: Option<String>,
    pub name: Option<String>,
    /// Masked.
    #[schema(example = json!(["138****1234", "l***@example.com"]))]
    pub contacts: Vec<String>,
    /// By key.
    #[schema(value_type = Object, example = json!({"value_tier": "diamond", "churn_risk": "true"}))]
    pub tags: std::collections::BTreeMap<String, String>,
    /// By what they were found: id | identifier | phone | email | order | name | list
    pub matched_by: &'static str,
}

/// Finds customers, and notes that `actor` did.
pub async fn search(book: &Book, search: &Search, actor: &str) -> Result<Found, ServiceError> {
    let limit = search.limit.clamp(1, PAGE);
    let segment = match search.segment.as_deref() {
        Some(key) => Some(kept_segment(book, key).await?),
        None => None,
    };
    let tag = match (search.tag.as_deref(), &segment) {
        (Some(_), Some(_)) => {
            let detail = "give a tag or a segment; of both make a segment";
            return Err(ServiceError::invalid("segment", "one_of", detail));
        }
        (tag, None) => tag.map(read_tag).transpose()?,
        (None, Some(node)) => Some((node.as_str(), Some("true"))),
    };
    let q = search.q.as_deref().map(str::trim).filter(|q| !q.is_empty());
    let (found, next_cursor) = match q {
        None => list(book, tag, search.cursor.as_deref(), limit).await?,
        Some(q) => {
            let mut exact = match search.cursor {
                None => by_identity(book, q).await?,
                Some(_) => Vec::new(),
            };
            if let Some(tag) = tag {
                let all: Vec<CustomerId> = exact.iter().map(|(id, _)| *id).collect();
                let tagged = profiles::having_tag(book.store.reader(), &all, tag).await?;
                exact.retain(|(id, _)| tagged.contains(id));
            }
            let (named, next) = by_name(book, q, tag, search.cursor.as_deref(), limit).await?;
            let known: Vec<CustomerId> = exact.iter().map(|(id, _)| *id).collect();
            exact.extend(named.into_iter().filter(|id| !known.contains(id)).map(|id| (id, "name")));
            (exact, next)
        }
    };
    let act = if q.is_some() { Act::Searched } else { Act::Listed };
    looking::note(book, actor, act, None, json!({ "found": found.len() })).await?;
    Ok(Found { items: show(book, found).await?, next_cursor })
}

type Tag<'a> = (&'a str, Option<&'a str>);

/// What a segment is called among tags, if its members are kept.
async fn kept_segment(book: &Book, key: &str) -> Result<String, ServiceError> {
    let catalogue = rules::catalogue(book).await?;
    let segment = segments::named(&catalogue, key)?;
    segments::must_be_kept(segment)?;
    Ok(segment.key.clone())
}

fn read_tag(text: &str) -> Result<Tag<'_>, ServiceError> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key.trim(), Some(value.trim())),
        None => (text.trim(), None),
    };
    if key.is_empty() || key.contains(':') || value == Some("") {
        let detail = format!("\"{text}\" is no tag; write churn_risk, or value_tier=diamond");
        return Err(ServiceError::invalid("tag", "not_a_tag", detail));
    }
    Ok((key, value))
}

type Matched = Vec<(CustomerId, &'static str)>;

/// All customers, or those with a tag, by id.
async fn list(
    book: &Book,
    tag: Option<Tag<'_>>,
    cursor: Option<&str>,
    limit: i64,
) -> Result<(Matched, Option<String>), ServiceError> {
    let after = page::read_cursor(cursor, |text| text.parse().ok())?.unwrap_or(CustomerId(0));
    let ids = profiles::list_ids(book.store.reader(), tag, after, page::one_more(limit)).await?;
    let (ids, next) = page::cut(ids, limit, ToString::to_string);
    Ok((ids.into_iter().map(|id| (id, "list")).collect(), next))
}

/// Whoever the text names: by id, identifier, contact point or order.
async fn by_identity(book: &Book, q: &str) -> Result<Matched, ServiceError> {
    let db = book.store.reader();
    let mut found: Matched = Vec::new();
    let mut add = |ids: Vec<CustomerId>, by: &'static str| {
        for id in ids {
            if !found.iter().any(|(known, _)| *known == id) {
                found.push((id, by));
            }
        }
    };
    if let Ok(id) = q.parse::<CustomerId>() {
        add(customers::list(db, &[id]).await?.into_keys().collect(), "id");
    }
    let shop = shop(book).await?;
    for kind in ["user_id", "external", "anonymous_id"] {
        let here = (shop.key.as_str(), q);
        let one = profile_page::find_by_identifier(db, kind, here, q.split_once(':')).await?;
        add(one.into_iter().collect(), "identifier");
    }
    for (address, by) in [(contact::phone(q), "phone"), (contact::email(q), "email")] {
        if let Some(address) = address.filter(|address| address.usable) {
            add(profile_page::find_by_contact(db, address.channel, &address.value, PAGE).await?, by);
        }
    }
    let row = shops::find(db, &shop.key).await?;
    let shop_id = row.map(|row| row.id).ok_or_else(|| ServiceError::NotFound("the shop".to_owned()))?;
    let order = orders::find_customer(db, shop_id, &format!("{}:{q}", shop.key)).await?;
    add(order.into_iter().collect(), "order");
    Ok(found)
}

async fn by_name(
    book: &Book,
    q: &str,
    tag: Option<Tag<'_>>,
    cursor: Option<&str>,
    limit: i64,
) -> Result<(Vec<CustomerId>, Option<String>), ServiceError> {
    let Some(sought) = name::sought(q) else { return Ok((Vec::new(), None)) };
    let behind = page::read_cursor(cursor, read_behind)?;
    let found = names::find(book.store.reader(), &sought, tag, behind, page::one_more(limit)).await?;
    let (found, next) = page::cut(found, limit, |last| format!("{}@{}", last.customer, last.part));
    // A name with the text in it twice is found twice.
    let mut ids: Vec<CustomerId> = Vec::with_capacity(found.len());
    for Behind { customer, .. } in found {
        if !ids.contains(&customer) {
            ids.push(customer);
        }
    }
    Ok((ids, next))
}

fn read_behind(cursor: &str) -> Option<Behind> {
    let (customer, part) = cursor.split_once('@')?;
    Some(Behind { customer: customer.parse().ok()?, part: part.to_owned() })
}

async fn show(book: &Book, found: Matched) -> Result<Vec<FoundCustomer>, StoreError> {
    let db = book.store.reader();
    let ids: Vec<CustomerId> = found.iter().map(|(id, _)| *id).collect();
    let mut personal = people::personal(db, &ids).await?;
    let mut points = people::contact_points(db, &ids).await?;
    let mut identifiers = customers::identifiers(db, &ids).await?;
    let mut tags = profiles::tags_of(db, &ids).await?;
    let one = |(id, matched_by)| {
        let own = identifiers.remove(&id).unwrap_or_default();
        let contacts = points.remove(&id).unwrap_or_default();
        FoundCustomer {
            id,
            customer_id: own.into_iter().find(|i| i.kind == "user_id").map(|i| i.value),
            name: personal.remove(&id).and_then(|p| p.name),
            contacts: contacts.iter().map(|p| mask::contact(&p.channel, &p.value)).collect(),
            tags: tags.remove(&id).unwrap_or_default().into_iter().map(|t| (t.key, t.value)).collect(),
            matched_by,
        }
    };
    Ok(found.into_iter().map(one).collect())
}
