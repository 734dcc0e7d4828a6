//! From a touchpoint to the mail that goes out: template, language, amounts and dates as people read them,
//! opt-out link and headers. Whether it may go out is not asked here.

use super::look::{Room, Target};
use crate::delivery::SendError;
use crate::delivery::message::{BuiltMail, ExtraHeader, MessageId, OneClickUnsubscribe, OutgoingMail, Party};
use crate::service::secrets::Purpose;
use crate::service::{Book, ServiceError};
use crate::store::coupon_batches::CouponBatch;
use crate::store::dispatch::Due;
use crate::store::templates::{self, TemplateRow};
use chrono::{Datelike, NaiveDate};
use domain::campaign::definition::{Definition, Trigger};
use domain::money::{Currency, Money};
use domain::template::context::{CouponContext, MailContext};
use domain::template::render::CompiledMail;
use domain::template::{Locale, parse};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// A compiled text in its language, or what is wrong with it.
type Compiled = Result<(Locale, CompiledMail), String>;

/// Texts compiled once a version.
#[derive(Default)]
pub struct Texts {
    compiled: Mutex<HashMap<(String, String, i64), Arc<Compiled>>>,
}

/// The texts of one key, by language.
pub struct Text {
    versions: Vec<(Locale, Arc<Compiled>)>,
}

impl Texts {
    /// The newest texts under a key, in every language there is.
    pub async fn of(&self, book: &Book, key: &str) -> Result<Text, ServiceError> {
        let rows = templates::list_of(book.store.reader(), key).await?;
        let versions = rows
            .iter()
            .filter_map(|row| Locale::parse(&row.locale).map(|locale| (locale, self.compiled(row))))
            .collect();
        Ok(Text { versions })
    }

    fn compiled(&self, row: &TemplateRow) -> Arc<Compiled> {
        let key = (row.key.clone(), row.locale.clone(), row.version);
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.entry(key).or_insert_with(|| Arc::new(compile(row))).clone()
    }
}

fn compile(row: &TemplateRow) -> Compiled {
    let told = |problems: Vec<domain::problem::Problem>| {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    let (mail, problems) = parse::parse(&row.document);
    let mail = mail.ok_or_else(|| told(problems))?;
    // A template that makes the engine panic hurts nobody else's mails.
    let compiled = catch_unwind(AssertUnwindSafe(|| mail.compile()));
    let compiled = compiled.map_err(|_| "compiling the template panicked".to_owned())?.map_err(told)?;
    Ok((mail.locale, compiled))
}

/// The language of `tag` (`zh`, `zh_CN`, `en-GB`), if the house writes it.
fn locale(tag: &str) -> Option<Locale> {
    match tag.split(['-', '_']).next()?.to_ascii_lowercase().as_str() {
        "zh" => Some(Locale::ZhCn),
        "en" => Some(Locale::En),
        _ => None,
    }
}

impl Text {
    /// In the customer's language, else the shop's, else any.
    fn choose(&self, customer: Option<&str>, shop: &str) -> Option<&Arc<Compiled>> {
        let wanted = [customer.and_then(locale), locale(shop)];
        let found = wanted.into_iter().flatten().find_map(|l| self.versions.iter().find(|(v, _)| *v == l));
        found.or(self.versions.first()).map(|(_, compiled)| compiled)
    }
}

/// The coupon a mail carries.
#[derive(Debug)]
pub struct MailCoupon<'a> {
    pub code: String,
    pub batch: &'a CouponBatch,
    /// The last date on which it may be used.
    pub expires_on: NaiveDate,
}

/// Builds the mail of one touchpoint, or says what is wrong with its template or address.
pub fn build(
    book: &Book,
    room: &Room,
    text: &Text,
    definition: &Definition,
    due: &Due,
    target: &Target,
    coupon: Option<MailCoupon<'_>>,
) -> Result<BuiltMail, String> {
    let compiled = text
        .choose(due.locale.as_deref(), &room.shop.locale)
        .ok_or_else(|| format!("there is no template {}", due.template_key))?;
    let (language, mail) = compiled.as_ref().as_ref().map_err(Clone::clone)?;
    let opt_out = format!("{}/u/{}", book.public_url, book.secrets.token(Purpose::Unsubscribe, due.id.0));
    let marketing = due.purpose.needs_opt_in();
    let context = MailContext {
        shop_name: room.shop.name.clone(),
        customer_name: due.name.clone(),
        coupon: coupon.map(|c| shown(c, *language)),
        unsubscribe_url: marketing.then(|| opt_out.clone()),
        occasion_name: occasion(definition, *language),
    };
    let rendered = catch_unwind(AssertUnwindSafe(|| mail.render(&context)))
        .map_err(|_| "rendering the template panicked".to_owned())?
        .map_err(|e| e.to_string())?;
    let mut headers = vec![
        (ExtraHeader::FeedbackId, format!("{}:{}:{}:kinkeeper", due.campaign_key, due.step, room.shop.key)),
        (ExtraHeader::AutoSubmitted, "auto-generated".to_owned()),
    ];
    if marketing {
        headers.push((ExtraHeader::Precedence, "bulk".to_owned()));
    }
    let outgoing = OutgoingMail {
        message_id: MessageId::bracketed(&due.message_id).map_err(|p| p.to_string())?,
        // Stands still over every attempt, as a repeat has to be the same mail.
        date: due.not_before,
        from: Party { address: room.shop.sender_address.clone(), name: Some(room.shop.sender_name.clone()) },
        reply_to: None,
        to: Party { address: target.address.clone(), name: due.name.clone() },
        subject: rendered.subject,
        text: rendered.text,
        html: Some(rendered.html),
        unsubscribe: marketing.then_some(OneClickUnsubscribe { url: opt_out, mailto: None }),
        headers,
    };
    let built = catch_unwind(AssertUnwindSafe(|| outgoing.build()));
    built.map_err(|_| "building the mail panicked".to_owned())?.map_err(|e: SendError| e.to_string())
}

fn occasion(definition: &Definition, language: Locale) -> Option<String> {
    let Trigger::Occasion(occasion) = &definition.trigger else { return None };
    Some(match language {
        Locale::En => occasion.title.en.clone(),
        Locale::ZhCn => occasion.title.zh.clone(),
    })
}

fn shown(coupon: MailCoupon<'_>, language: Locale) -> CouponContext {
    let batch = coupon.batch;
    let amount = |minor| amount(minor, &batch.currency, language);
    CouponContext {
        code: coupon.code,
        face: amount(batch.face_minor),
        threshold: (batch.threshold_minor > 0).then(|| amount(batch.threshold_minor)),
        expires_on: date(coupon.expires_on, language),
    }
}

/// `50.00 GBP`; in Chinese yuan are `50 元`.
fn amount(minor: i64, currency: &str, language: Locale) -> String {
    let Some(code) = Currency::parse(currency) else { return minor.to_string() };
    let money = Money::new(minor, code);
    if language == Locale::ZhCn && code.as_str() == "CNY" {
        let decimal = money.decimal();
        return format!("{} 元", decimal.strip_suffix(".00").unwrap_or(&decimal));
    }
    money.to_string()
}

fn date(date: NaiveDate, language: Locale) -> String {
    match language {
        Locale::En => date.format("%-d %B %Y").to_string(),
        Locale::ZhCn => format!("{}年{}月{}日", date.year(), date.month(), date.day()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_dates_read_as_people_write_them() {
        assert_eq!(amount(5_000, "GBP", Locale::En), "50.00 GBP");
        assert_eq!(amount(5_000, "CNY", Locale::ZhCn), "50 元");
        assert_eq!(amount(5_050, "CNY", Locale::ZhCn), "50.50 元");
        assert_eq!(amount(5_000, "GBP", Locale::ZhCn), "50.00 GBP");
        let day = NaiveDate::from_ymd_opt(2012, 1, 7).expect("a date");
        assert_eq!(date(day, Locale::En), "7 January 2012");
        assert_eq!(date(day, Locale::ZhCn), "2012年1月7日");
    }

    #[test]
    fn languages_are_known_by_their_first_part() {
        assert_eq!(locale("zh_CN"), Some(Locale::ZhCn));
        assert_eq!(locale("en-GB"), Some(Locale::En));
        assert_eq!(locale("fr"), None);
    }
}
