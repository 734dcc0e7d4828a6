//! From a document to what it declares: each kind by its own parser, every problem located.

use super::read::Document;
use crate::store::shops::Shop;
use crate::store::staff::Staff;
use domain::calendar::{Calendar, roster};
use domain::callback::Level;
use domain::campaign::definition::Definition;
use domain::coupon::batch::{self, Batch};
use domain::customer::identity::blocked;
use domain::document::{Fields, Reader};
use domain::money::Currency;
use domain::problem::{Problem, nearest};
use domain::segment::node_key;
use domain::template::{self, MailTemplate};
use serde_json::Value;
use std::collections::BTreeMap;

/// What one document declares, in the order in which they are written: later kinds refer to earlier ones.
#[derive(Debug, Clone)]
pub enum Declared {
    Shop(Shop),
    Rates(domain::rates::Declared),
    Blocked(blocked::Declared),
    /// Of a shop: named, or the book's own.
    Products {
        shop: String,
        products: BTreeMap<String, domain::product::Said>,
    },
    Calendar {
        key: String,
        document: Value,
    },
    Staff(Staff),
    Shifts(roster::Roster),
    CouponBatch {
        batch: Batch,
        maximum: Option<i64>,
        document: Value,
    },
    Template {
        template: MailTemplate,
        document: Value,
    },
    /// Checked with the whole catalogue, since tags and segments refer to each other.
    Segment {
        key: String,
        document: Value,
    },
    /// As segments are.
    Tag {
        key: String,
        document: Value,
    },
    Campaign {
        definition: Box<Definition>,
        document: Value,
    },
}

/// The kinds there are, as written.
pub const KINDS: [&str; 12] = [
    "shop",
    "rates",
    "blocked",
    "products",
    "calendar",
    "staff",
    "shift",
    "coupon_batch",
    "template",
    "segment",
    "tag",
    "campaign",
];

impl Declared {
    pub fn kind(&self) -> &'static str {
        KINDS[self.rank()]
    }

    /// Where it comes in the order of writing.
    pub fn rank(&self) -> usize {
        match self {
            Self::Shop(_) => 0,
            Self::Rates(_) => 1,
            Self::Blocked(_) => 2,
            Self::Products { .. } => 3,
            Self::Calendar { .. } => 4,
            Self::Staff(_) => 5,
            Self::Shifts(_) => 6,
            Self::CouponBatch { .. } => 7,
            Self::Template { .. } => 8,
            Self::Segment { .. } => 9,
            Self::Tag { .. } => 10,
            Self::Campaign { .. } => 11,
        }
    }

    /// What names it among its kind.
    pub fn key(&self) -> String {
        match self {
            Self::Shop(shop) => shop.key.clone(),
            Self::Rates(rates) => {
                let (first, last) = rates.span();
                format!("{} {first}–{last}", rates.currency)
            }
            Self::Blocked(list) => list.key.clone(),
            Self::Products { shop, products } => {
                let first = products.keys().next().map_or("", String::as_str);
                match products.len() {
                    1 => format!("{shop} {first}"),
                    n => format!("{shop} {first} and {} more", n - 1),
                }
            }
            Self::Calendar { key, .. } | Self::Segment { key, .. } | Self::Tag { key, .. } => key.clone(),
            Self::Staff(staff) => staff.key.clone(),
            Self::Shifts(roster) => format!("{} {}–{}", roster.staff.join("+"), roster.from, roster.until),
            Self::CouponBatch { batch, .. } => batch.key.clone(),
            Self::Template { template, .. } => format!("{}.{}", template.key, template.locale),
            Self::Campaign { definition, .. } => definition.key.clone(),
        }
    }
}

/// What parsing needs to know of the book: the shop whose zone and currency hold where none is named.
pub struct Surroundings<'a> {
    pub shop: &'a Shop,
    /// What the book counts in.
    pub base: Currency,
}

impl Declared {
    /// Of a tag or segment: what it is called among tags, and its document.
    pub fn node(&self) -> Option<(String, &Value)> {
        match self {
            Self::Tag { key, document } => Some((key.clone(), document)),
            Self::Segment { key, document } => Some((node_key(key), document)),
            _ => None,
        }
    }
}

/// Reads what a document declares; the error holds every problem of it, located.
pub fn declare(document: &Document, around: &Surroundings<'_>) -> Result<Declared, Vec<Problem>> {
    parse(document, around).map_err(|problems| problems.into_iter().map(|p| document.locate(p)).collect())
}

fn parse(document: &Document, around: &Surroundings<'_>) -> Result<Declared, Vec<Problem>> {
    let value = &document.value;
    match document.kind.as_str() {
        "shop" => settle(shop(value)).map(Declared::Shop),
        "rates" => settle(domain::rates::parse(value, around.base)).map(Declared::Rates),
        "blocked" => settle(blocked::parse(value)).map(Declared::Blocked),
        "products" => settle(domain::product::parse(value)).map(|said| Declared::Products {
            shop: said.shop.unwrap_or_else(|| around.shop.key.clone()),
            products: said.products,
        }),
        "calendar" => calendar(value),
        "staff" => settle(staff(value)).map(Declared::Staff),
        "shift" => settle(roster::parse(value, around.shop.zone)).map(Declared::Shifts),
        "coupon_batch" => coupon_batch(value, around.shop.currency),
        "template" => settle(template::parse::parse(value))
            .map(|template| Declared::Template { template, document: value.clone() }),
        "segment" => keyed(value).map(|key| Declared::Segment { key, document: value.clone() }),
        "tag" => keyed(value).map(|key| Declared::Tag { key, document: value.clone() }),
        "campaign" => settle(domain::campaign::parse::parse(value)).map(|definition| Declared::Campaign {
            definition: Box::new(definition),
            document: value.clone(),
        }),
        other => Err(vec![unknown_kind(other)]),
    }
}

/// Reads only what a shop document declares, before the others that depend on it.
pub fn declare_shop(document: &Document) -> Option<Shop> {
    if document.kind == "shop" { shop(&document.value).0 } else { None }
}

fn settle<T>((found, problems): (Option<T>, Vec<Problem>)) -> Result<T, Vec<Problem>> {
    match found {
        Some(found) if problems.is_empty() => Ok(found),
        _ => Err(problems),
    }
}

fn unknown_kind(written: &str) -> Problem {
    let detail = match (written, nearest(written, KINDS)) {
        ("", _) => format!("`kind` is needed: one of {}", KINDS.join(", ")),
        (_, Some(kind)) => format!("documents of kind \"{written}\" aren't known; did you mean {kind}?"),
        (_, None) => format!("documents of kind \"{written}\" aren't known; there are {}", KINDS.join(", ")),
    };
    Problem::new("kind", "unknown_kind", detail)
}

/// Keys of the calendars the daemon works by.
const CALENDARS: [(&str, ()); 2] = [("working_days", ()), ("service_hours", ())];

fn calendar(value: &Value) -> Result<Declared, Vec<Problem>> {
    let mut r = Reader::new();
    match value.get("key") {
        Some(key) => drop(r.choice("key", key, &CALENDARS)),
        None => r.report("key", "missing", "`key` is needed: working_days or service_hours"),
    }
    let (_, mut problems) = r.finish(Some(()));
    problems.extend(Calendar::from_document(value).err().unwrap_or_default());
    if !problems.is_empty() {
        return Err(problems);
    }
    let key = value["key"].as_str().unwrap_or_default().to_owned();
    Ok(Declared::Calendar { key, document: value.clone() })
}

fn keyed(value: &Value) -> Result<String, Vec<Problem>> {
    let mut r = Reader::new();
    let key = match value.get("key") {
        Some(key) => r.key("key", key),
        None => {
            r.report("key", "missing", "`key` is needed");
            None
        }
    };
    settle(r.finish(key))
}

fn coupon_batch(value: &Value, currency: Currency) -> Result<Declared, Vec<Problem>> {
    let mut r = Reader::new();
    // `maximum` limits how many there may ever be, and belongs to the store's books rather than to the offer.
    let mut offer = value.clone();
    let maximum = offer.as_object_mut().and_then(|fields| fields.remove("maximum"));
    let maximum = maximum.filter(|v| !v.is_null()).and_then(|v| r.whole("maximum", &v, 1, i64::MAX));
    let (_, mut problems) = r.finish(Some(()));
    let (found, more) = batch::parse(&offer, currency);
    problems.extend(more);
    match found {
        Some(batch) if problems.is_empty() => {
            Ok(Declared::CouponBatch { batch, maximum, document: value.clone() })
        }
        _ => Err(problems),
    }
}

const STAFF_KEYS: &[&str] =
    &["key", "name", "email", "role", "level", "team", "skills", "capacity_held", "calls_per_day", "state"];
const ROLES: [(&str, &str); 5] = [
    ("agent", "agent"),
    ("supervisor", "supervisor"),
    ("marketer", "marketer"),
    ("analyst", "analyst"),
    ("admin", "admin"),
];
const STATES: [(&str, &str); 2] = [("active", "active"), ("disabled", "disabled")];

fn staff(value: &Value) -> (Option<Staff>, Vec<Problem>) {
    let mut r = Reader::new();
    let found = read_staff(&mut r, value);
    r.finish(found)
}

fn read_staff(r: &mut Reader, value: &Value) -> Option<Staff> {
    let doc = r.map("", value, STAFF_KEYS)?;
    let key = doc.need(r, "key").and_then(|v| r.key("key", v));
    let name = doc.need(r, "name").and_then(|v| r.text("name", v));
    let email = optional_text(r, &doc, "email");
    if email.as_ref().is_some_and(|email| !email.contains('@')) {
        r.report("email", "not_an_address", "write a mail address such as sal@example.com");
    }
    let role = match doc.get("role") {
        None => Some("agent"),
        Some(v) => r.choice("role", v, &ROLES),
    };
    let level = match doc.get("level") {
        None => Some(Level::Junior),
        Some(v) => r.choice("level", v, &Level::choices()),
    };
    let team = optional_text(r, &doc, "team");
    let skills = skills(r, &doc);
    let capacity_held = whole_or(r, &doc, "capacity_held", 5, 100);
    let calls_per_day = whole_or(r, &doc, "calls_per_day", 30, 1_000);
    let state = match doc.get("state") {
        None => Some("active"),
        Some(v) => r.choice("state", v, &STATES),
    };
    Some(Staff {
        key: key?,
        name: name?,
        email,
        role: role?.to_owned(),
        level: level?.as_str().to_owned(),
        team,
        skills: skills?,
        capacity_held: capacity_held?,
        calls_per_day: calls_per_day?,
        state: state?.to_owned(),
    })
}

fn skills(r: &mut Reader, doc: &Fields<'_>) -> Option<Vec<String>> {
    let Some(value) = doc.get("skills") else { return Some(Vec::new()) };
    let read: Vec<Option<String>> =
        r.list("skills", value)?.iter().enumerate().map(|(i, v)| r.key(&format!("skills[{i}]"), v)).collect();
    let mut skills: Vec<String> = read.into_iter().collect::<Option<_>>()?;
    skills.sort();
    skills.dedup();
    Some(skills)
}

fn optional_text(r: &mut Reader, doc: &Fields<'_>, key: &str) -> Option<String> {
    doc.get(key).and_then(|v| r.text(key, v))
}

fn whole_or(r: &mut Reader, doc: &Fields<'_>, key: &str, default: i64, most: i64) -> Option<i64> {
    match doc.get(key) {
        None => Some(default),
        Some(v) => r.whole(key, v, 0, most),
    }
}

const SHOP_KEYS: &[&str] = &[
    "key",
    "name",
    "zone",
    "currency",
    "locale",
    "id_namespace",
    "sender_name",
    "sender_address",
    "single_zone",
];

fn shop(value: &Value) -> (Option<Shop>, Vec<Problem>) {
    let mut r = Reader::new();
    let found = read_shop(&mut r, value);
    r.finish(found)
}

fn read_shop(r: &mut Reader, value: &Value) -> Option<Shop> {
    let doc = r.map("", value, SHOP_KEYS)?;
    let key = doc.need(r, "key").and_then(|v| r.key("key", v));
    let name = doc.need(r, "name").and_then(|v| r.text("name", v));
    let zone = doc.need(r, "zone").and_then(|v| r.text("zone", v)).and_then(|text| {
        let zone = text.parse().ok();
        if zone.is_none() {
            let known = chrono_tz::TZ_VARIANTS.iter().map(|z| z.name());
            let hint = nearest(&text, known).map_or_else(String::new, |z| format!("; did you mean {z}?"));
            r.report("zone", "unknown_zone", format!("\"{text}\" is not an IANA time zone{hint}"));
        }
        zone
    });
    let currency = doc.need(r, "currency").and_then(|v| r.text("currency", v)).and_then(|text| {
        let currency = Currency::parse(&text);
        if currency.is_none() {
            r.report("currency", "unknown_currency", format!("\"{text}\" is not a code such as CNY"));
        }
        currency
    });
    let locales = template::Locale::choices();
    let locale = doc.need(r, "locale").and_then(|v| r.choice("locale", v, &locales));
    let id_namespace = optional_text(r, &doc, "id_namespace");
    let sender_name = optional_text(r, &doc, "sender_name");
    let sender_address = doc.need(r, "sender_address").and_then(|v| r.text("sender_address", v));
    let single_zone = match doc.get("single_zone") {
        None => Some(false),
        Some(Value::Bool(is)) => Some(*is),
        Some(_) => {
            r.report("single_zone", "not_a_truth_value", "write true or false");
            None
        }
    };
    let (key, name) = (key?, name?);
    Some(Shop {
        zone: zone?,
        currency: currency?,
        locale: locale?.as_str().to_owned(),
        id_namespace: id_namespace.unwrap_or_else(|| key.clone()),
        sender_name: sender_name.unwrap_or_else(|| name.clone()),
        sender_address: sender_address?,
        single_zone: single_zone?,
        key,
        name,
    })
}
