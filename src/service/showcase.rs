//! One customer each for what rules over time are about: a lift that a return took back, a level that is only held,
//! nearly a VIP, at risk since today, less than nothing spent; each in words, with the numbers. They are found by what
//! stands in the book, and where a case has nobody, nobody is shown.

use super::shop::{Shop, shop};
use super::{Book, ServiceError, rules};
use crate::store::showcase::{self as store, Entry, Found, Reversal};
use crate::store::{Db, profiles};
use domain::ids::CustomerId;
use domain::money::{Currency, Money};
use domain::rule::Lang;
use domain::tag::{Catalogue, Standing};
use domain::time::Instant;

/// The cases, in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// A purchase lifted them a value tier, its return took that back, and nothing is held.
    Reversed,
    /// They have their value tier only because it is held.
    Held,
    /// Nearly a VIP, by the condition itself.
    NearVip,
    /// At risk of churn since today.
    ChurnToday,
    /// Less than nothing spent in 365 d.
    Negative,
}

/// Who a case fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub case: Case,
    /// How many customers it fits.
    pub customers: i64,
    /// One of them.
    pub example: Option<Example>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    pub id: CustomerId,
    /// As the shop knows them; empty where it hasn't said.
    pub shop_id: String,
    /// What happened, in order, and what holds now.
    pub told: Vec<Told>,
}

/// A sentence, and the instant it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub at: Instant,
    pub says: String,
}

/// The language of a locale; what isn't Chinese is told in English.
pub fn language(locale: &str) -> Lang {
    if locale.to_ascii_lowercase().starts_with("zh") { Lang::ZhCn } else { Lang::En }
}

/// All cases as of the book's present instant, in the shop's language.
pub async fn cases(book: &Book) -> Result<Vec<Shown>, ServiceError> {
    let (db, now, shop) = (book.store.reader(), book.now().await?, shop(book).await?);
    let catalogue = rules::catalogue(book).await?;
    let teller = Teller { lang: language(&shop.locale), shop: &shop, catalogue: &catalogue };
    let levels = catalogue.find("value_tier").and_then(|tag| tag.values()).unwrap_or_default();
    let midnight = Instant::first_of(now.local_date(shop.zone), shop.zone);
    let reversal = store::reversal(db, "value_tier", &levels).await?;
    let churned = store::begun(db, ("churn_risk", "true"), midnight, now).await?;
    let found = [
        (Case::Held, store::held(db, "value_tier", &levels).await?, "value_tier"),
        (Case::NearVip, store::having(db, "vip_candidate", "true").await?, "vip_candidate"),
        (Case::ChurnToday, churned, "churn_risk"),
        (Case::Negative, store::below_zero(db).await?, "value_tier"),
    ];
    let mut shown = vec![teller.reversed(db, reversal).await?];
    for (case, found, tag) in found {
        shown.push(teller.standing(db, case, found, tag).await?);
    }
    Ok(shown)
}

/// One customer with this value of a tag, with why; who spent most in 365 d.
pub async fn having(book: &Book, key: &str, value: &str) -> Result<Option<Example>, ServiceError> {
    let (db, shop) = (book.store.reader(), shop(book).await?);
    let catalogue = rules::catalogue(book).await?;
    let teller = Teller { lang: language(&shop.locale), shop: &shop, catalogue: &catalogue };
    let Some(found) = store::having(db, key, value).await? else { return Ok(None) };
    teller.example(db, found.first, key).await.map(Some)
}

/// Puts what stands into the shop's words.
struct Teller<'a> {
    lang: Lang,
    shop: &'a Shop,
    catalogue: &'a Catalogue,
}

impl Teller<'_> {
    async fn standing(
        &self,
        db: &Db,
        case: Case,
        found: Option<Found>,
        tag: &str,
    ) -> Result<Shown, ServiceError> {
        let Some(found) = found else { return Ok(Shown { case, customers: 0, example: None }) };
        let example = self.example(db, found.first, tag).await?;
        Ok(Shown { case, customers: found.customers, example: Some(example) })
    }

    /// This customer, with why they have the tag.
    async fn example(&self, db: &Db, id: CustomerId, tag: &str) -> Result<Example, ServiceError> {
        let tags = profiles::tags_of(db, &[id]).await?.remove(&id).unwrap_or_default();
        let told = tags
            .iter()
            .filter(|row| row.key == tag)
            .map(|row| Told { at: row.since, says: self.why(tag, &row.value, row.since, &row.evidence) });
        Ok(Example { id, shop_id: own_id(db, id).await?, told: told.collect() })
    }

    async fn reversed(&self, db: &Db, found: Option<Reversal>) -> Result<Shown, ServiceError> {
        let case = Case::Reversed;
        let Some(found) = found else { return Ok(Shown { case, customers: 0, example: None }) };
        let (id, customers) = (found.customer, found.customers);
        let now = self.example(db, id, "value_tier").await?;
        let mut told =
            vec![self.entry(&found.up, self.bought(&found)), self.entry(&found.down, self.returned(&found))];
        // What the return brought is what holds, unless something came since.
        told.extend(now.told.into_iter().filter(|now| now.at > found.down.since));
        Ok(Shown { case, customers, example: Some(Example { told, ..now }) })
    }

    fn entry(&self, entry: &Entry, cause: String) -> Told {
        let value = entry.to.as_deref().unwrap_or_default();
        let why = self.why("value_tier", value, entry.since, &entry.evidence);
        let says = if self.lang == Lang::ZhCn { format!("{cause}{why}") } else { format!("{cause} {why}") };
        Told { at: entry.since, says }
    }

    fn bought(&self, found: &Reversal) -> String {
        match (&found.order, self.lang) {
            (Some((key, total)), Lang::En) => format!("Order {key} of {}.", self.money(*total)),
            (Some((key, total)), Lang::ZhCn) => format!("订单 {key}，{}。", self.money(*total)),
            (None, Lang::En) => "A purchase.".to_owned(),
            (None, Lang::ZhCn) => "下单。".to_owned(),
        }
    }

    fn returned(&self, found: &Reversal) -> String {
        match (found.returned, self.lang) {
            (Some(amount), Lang::En) => format!("Returned, {} given back.", self.money(amount)),
            (Some(amount), Lang::ZhCn) => format!("退货退款 {}。", self.money(amount)),
            (None, Lang::En) => "Returned.".to_owned(),
            (None, Lang::ZhCn) => "退货退款。".to_owned(),
        }
    }

    fn money(&self, minor: i64) -> String {
        let currency: Currency = self.catalogue.currency();
        Money::new(minor, currency).to_string()
    }

    fn why(&self, tag: &str, value: &str, since: Instant, evidence: &serde_json::Value) -> String {
        let Some(definition) = self.catalogue.find(tag) else { return String::new() };
        definition.why(&Standing { value, since, evidence }, self.shop.zone, self.lang)
    }
}

async fn own_id(db: &Db, id: CustomerId) -> Result<String, ServiceError> {
    Ok(profiles::user_ids(db, &[id]).await?.remove(&id).unwrap_or_default())
}
