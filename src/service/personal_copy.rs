//! A person's own copy of what is held about them (个人信息副本): as data for another program, and as a page to read. Only
//! whoever answers for the book may have it made, and each is in the access log.

use super::looking;
use super::{Book, ServiceError, erasing};
use crate::store::personal_copy::{self, SECTIONS};
use crate::store::{clusters, customers, shops};
use domain::access::Act;
use domain::event::TraitBook;
use domain::ids::CustomerId;
use domain::money::Money;
use domain::time::Instant;
use minijinja::value::Serde;
use minijinja::{Environment, context};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// What is held about one person.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PersonalCopy {
    #[schema(value_type = String, example = "cus_42")]
    pub customer: CustomerId,
    /// Who holds it.
    pub shop: String,
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Instant,
    /// By kind of thing, each a list of rows: `person`, `identifiers`, `contact_points`, `consents`, `orders`, `tickets`, `tags`,
    /// `messages`, `notes`, `events`, …
    #[schema(value_type = Object)]
    pub held: Map<String, Value>,
    /// The person's language, else the shop's.
    #[serde(skip)]
    pub locale: String,
}

/// Makes a copy.
pub async fn make(book: &Book, id: CustomerId, actor: &str) -> Result<PersonalCopy, ServiceError> {
    let db = book.store.reader();
    let canonical = clusters::canonical_of(db, id).await?;
    let row = customers::list(db, &[canonical]).await?.remove(&canonical);
    let row = row.ok_or_else(|| ServiceError::NotFound(format!("the customer {id}")))?;
    if let Some(at) = row.erased_at {
        return Err(ServiceError::Conflict(format!(
            "{id} was erased at {at}; nothing personal is held any more"
        )));
    }
    let shop = shops::find_by_id(db, row.shop).await?.map(|found| found.shop);
    let shop = shop.ok_or_else(|| ServiceError::NotFound(format!("the shop of {id}")))?;
    let cluster = erasing::cluster(db, canonical).await?;
    let money = |minor: i64| json!(Money { minor, currency: shop.currency });
    let mut held = Map::new();
    for section in SECTIONS {
        let mut rows = personal_copy::rows(db, section, &cluster, &money).await?;
        for traits in rows.iter_mut().filter_map(|row| row.get_mut("traits")) {
            // With what version each was said is our own affair.
            let book: TraitBook = serde_json::from_value(traits.take()).unwrap_or_default();
            *traits = Value::Object(book.plain());
        }
        held.insert(section.key.to_owned(), json!(rows));
    }
    looking::note(book, actor, Act::Exported, Some(canonical), json!({})).await?;
    Ok(PersonalCopy {
        customer: canonical,
        shop: shop.name,
        as_of: book.now().await?,
        held,
        locale: row.locale.unwrap_or(shop.locale),
    })
}

const TEMPLATE: &str = include_str!("../../web/person.html");

impl PersonalCopy {
    /// As a page for the person, in their language. It loads nothing from elsewhere.
    pub fn page(&self) -> Result<String, ServiceError> {
        let chinese = self.locale.to_lowercase().starts_with("zh");
        let sections: Vec<Shown<'_>> = SECTIONS
            .iter()
            .filter_map(|section| {
                let rows = self.held.get(section.key)?.as_array().filter(|rows| !rows.is_empty())?;
                let columns: Vec<&str> = section.columns().collect();
                let title = section.title[usize::from(chinese)];
                Some(Shown { title, rows: cells(&columns, rows), columns })
            })
            .collect();
        let lang = if chinese { "zh-CN" } else { "en" };
        let mut env = Environment::new();
        env.add_template("person.html", TEMPLATE)
            .and_then(|()| env.get_template("person.html"))
            .and_then(|page| {
                page.render(context! { lang, shop => self.shop.clone(), as_of => self.as_of.to_string(), sections => Serde(sections) })
            })
            .map_err(|e| ServiceError::Internal(e.to_string()))
    }
}

/// A section as the page has it.
#[derive(Debug, Clone, Serialize)]
struct Shown<'a> {
    title: &'static str,
    columns: Vec<&'a str>,
    rows: Vec<Vec<String>>,
}

/// Each value as a person reads it.
fn cells(columns: &[&str], rows: &[Value]) -> Vec<Vec<String>> {
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(fields) if fields.len() == 2 && fields.contains_key("currency") => {
            let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default();
            format!("{} {}", text("amount"), text("currency"))
        }
        other => other.to_string(),
    };
    rows.iter()
        .map(|row| columns.iter().map(|column| row.get(column).map(cell).unwrap_or_default()).collect())
        .collect()
}
