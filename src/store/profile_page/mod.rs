//! What one customer's profile shows, read in a fixed number of statements, each bounded and by an index.
//! Lists of many customers are the aggregates' own files; masking, words and warnings are the service's.

mod care;
mod orders;
mod people;

pub use care::{CouponLine, JourneyLine, TouchLine};
pub use orders::OrderLine;
pub use people::{
    CallbackLine, ConsentLine, ContactLine, IdentifierLine, find_by_contact, find_by_identifier,
};

use super::profiles::{self, ProfileRow};
use super::runs;
use super::shops::BASE;
use super::sql::{args, json, word};
use super::tickets::{self, TicketRow};
use super::{Db, StoreError};
use chrono_tz::Tz;
use domain::ids::CustomerId;
use domain::insight::Amounts;
use domain::money::Currency;
use domain::time::Instant;
use serde_json::Value;

/// Everything stored that a profile shows.
#[derive(Debug, Clone)]
pub struct ProfilePage {
    pub head: Head,
    /// How large amounts are in this book, by the last run that looked.
    pub amounts: Option<Amounts>,
    pub identifiers: Vec<IdentifierLine>,
    pub tags: Vec<TagLine>,
    pub orders: Vec<OrderLine>,
    pub tickets: Vec<TicketRow>,
    pub consents: Vec<ConsentLine>,
    pub contacts: Vec<ContactLine>,
    pub coupons: Vec<CouponLine>,
    pub journeys: Vec<JourneyLine>,
    pub touches: Vec<TouchLine>,
    pub callbacks: Vec<CallbackLine>,
}

/// The customer's own row with what it is in.
#[derive(Debug, Clone)]
pub struct Head {
    /// Aggregates as last kept.
    pub kept: ProfileRow,
    pub name: Option<String>,
    pub locale: String,
    /// The customer's own, else the shop's.
    pub zone: Tz,
    pub registered_at: Option<Instant>,
    pub created_at: Instant,
    pub erased_at: Option<Instant>,
    pub shop_key: String,
    /// The base currency.
    pub currency: Currency,
}

/// A tag that holds, with the definition it was decided by.
#[derive(Debug, Clone)]
pub struct TagLine {
    pub key: String,
    pub value: String,
    pub since: Instant,
    pub as_of: Instant,
    pub source: String,
    pub rule_version: i64,
    pub evidence: Value,
    /// `None` for what no rule decided.
    pub document: Option<Value>,
}

/// Orders shown.
pub const ORDERS: i64 = 10;
/// Touches shown.
pub const TOUCHES: i64 = 20;
/// The most lines of anything else.
const LINES: i64 = 20;

/// The profile of a customer; `None` if there is none of this id.
pub async fn load(db: &Db, id: CustomerId) -> Result<Option<ProfilePage>, StoreError> {
    let Some(kept) = profiles::find(db, id).await? else { return Ok(None) };
    let Some(head) = head(db, kept).await? else { return Ok(None) };
    Ok(Some(ProfilePage {
        head,
        amounts: runs::amounts(db).await?,
        identifiers: people::identifiers(db, id).await?,
        tags: tags(db, id).await?,
        orders: orders::list(db, id, ORDERS).await?,
        tickets: tickets::list_for_profile(db, id, LINES).await?,
        consents: people::consents(db, id).await?,
        contacts: people::contacts(db, id, LINES).await?,
        coupons: care::coupons(db, id, LINES).await?,
        journeys: care::journeys(db, id, LINES).await?,
        touches: care::touches(db, id, TOUCHES).await?,
        callbacks: people::callbacks(db, id, LINES).await?,
    }))
}

async fn head(db: &Db, kept: ProfileRow) -> Result<Option<Head>, StoreError> {
    let sql = format!(
        "SELECT c.id, COALESCE(c.locale, s.locale) AS locale, COALESCE(c.zone, s.zone) AS zone, \
               c.registered_at, c.created_at, c.erased_at, n.name AS name, s.key AS shop_key, {BASE} AS currency \
               FROM customer c JOIN shop s ON s.id = c.shop_id \
               LEFT JOIN customer_personal n ON n.customer_id = c.id WHERE c.id = $1"
    );
    let id = kept.id;
    let Some(row) = db.one(&sql, args![id]).await? else { return Ok(None) };
    Ok(Some(Head {
        kept,
        name: row.opt_text("name")?,
        locale: row.text("locale")?,
        zone: word("customer", "zone", id, &row.text("zone")?, |zone| zone.parse().ok())?,
        registered_at: row.opt_at("registered_at")?,
        created_at: row.at("created_at")?,
        erased_at: row.opt_at("erased_at")?,
        shop_key: row.text("shop_key")?,
        currency: word("shop", "currency", id, &row.text("currency")?, Currency::parse)?,
    }))
}

async fn tags(db: &Db, id: CustomerId) -> Result<Vec<TagLine>, StoreError> {
    let sql = "SELECT t.key, t.value, t.since, t.as_of, t.source, t.rule_version, t.evidence, r.document \
               FROM tag_current t LEFT JOIN rule_version r ON r.key = t.key AND r.version = t.rule_version \
               WHERE t.customer_id = $1 ORDER BY t.key";
    let rows = db.all(sql, args![id]).await?;
    rows.iter()
        .map(|row| {
            let key = row.text("key")?;
            let document = row.opt_text("document")?;
            let document = document.map(|text| json("rule_version", "document", &key, &text)).transpose()?;
            Ok(TagLine {
                value: row.text("value")?,
                since: row.at("since")?,
                as_of: row.at("as_of")?,
                source: row.text("source")?,
                rule_version: row.int("rule_version")?,
                evidence: json("tag_current", "evidence", id, &row.text("evidence")?)?,
                document,
                key,
            })
        })
        .collect()
}
