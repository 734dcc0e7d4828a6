//! `[shop]`: who the customers' counterpart is, and in which zone, currency and language.

use super::reader::Reader;
use chrono_tz::Tz;
use domain::money::Currency;
use domain::problem::nearest;

/// Languages the shipped templates exist in.
const LOCALES: [(&str, &str); 2] = [("zh-CN", "zh-CN"), ("en", "en")];

#[derive(Debug, Clone)]
pub struct ShopSettings {
    /// Lower-case letters, digits and hyphens.
    pub key: String,
    pub name: String,
    pub timezone: Tz,
    pub currency: Currency,
    /// `zh-CN` or `en`.
    pub locale: &'static str,
    /// All customers live in the shop's zone.
    pub single_zone: bool,
    /// Never empty: the shop's key where nothing is set.
    pub id_namespace: String,
    /// Never empty: the shop's name where nothing is set.
    pub sender_name: String,
    pub sender_address: String,
    /// The keys that a file, a variable or a flag gave; the others are defaults.
    pub given: Vec<&'static str>,
}

const KEYS: [&str; 8] = [
    "shop.name",
    "shop.timezone",
    "shop.currency",
    "shop.locale",
    "shop.single_zone",
    "shop.id_namespace",
    "shop.sender_name",
    "shop.sender_address",
];

impl ShopSettings {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let key = r.parsed("shop.key", valid_key);
        let name = r.filled("shop.name");
        let timezone = r.parsed("shop.timezone", zone);
        let currency = r.parsed("shop.currency", |text| {
            Currency::parse(text)
                .ok_or_else(|| format!("\"{text}\" is no three-letter currency code such as CNY"))
        });
        let locale = r.choice("shop.locale", &LOCALES);
        let single_zone = r.switch("shop.single_zone");
        let id_namespace = r.text("shop.id_namespace");
        let sender_name = r.parsed("shop.sender_name", header_text);
        let sender_address = r.parsed("shop.sender_address", mail_address);
        let (key, name) = (key?, name?);
        Some(Self {
            timezone: timezone?,
            currency: currency?,
            locale: locale?,
            single_zone: single_zone?,
            id_namespace: id_namespace.map(|given| if given.is_empty() { key.clone() } else { given })?,
            sender_name: sender_name.map(|given| if given.is_empty() { name.clone() } else { given })?,
            sender_address: sender_address?,
            given: KEYS.into_iter().filter(|key| r.is_given(key)).collect(),
            key,
            name,
        })
    }
}

fn valid_key(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.len() > 64 || !text.chars().all(allowed) {
        return Err(format!("\"{text}\" is no key; use 1 to 64 lower-case letters, digits and hyphens"));
    }
    Ok(text.to_owned())
}

fn zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_| {
        let hint = nearest(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
        let hint =
            hint.map_or("write it like Asia/Shanghai".to_owned(), |name| format!("did you mean {name}?"));
        format!("\"{text}\" is no IANA time zone; {hint}")
    })
}

fn header_text(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("line breaks and other control characters can't stand in a mail's From line".to_owned());
    }
    Ok(text.to_owned())
}

/// The shape `local@domain`, strict enough to keep a typo from becoming a header.
pub(super) fn mail_address(text: &str) -> Result<String, String> {
    let sound = |part: &str| {
        !part.is_empty()
            && !part.chars().any(|c| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"@".contains(c))
    };
    match text.rsplit_once('@') {
        Some((local, host)) if sound(local) && sound(host) => Ok(text.to_owned()),
        _ => Err(format!("\"{text}\" is no mail address such as care@example.com")),
    }
}
