//! What a file nobody described seems to hold: a guess a column from its name and samples, for a person to
//! correct. Samples are shown masked; nothing here is relied on by an import.

use super::cell::{Held, amount, held, instant, is_destroyed};
use super::kind::Kind;
use super::layout::plain;
use super::profile::{Profile, Table};
use crate::contact::{self, Class};
use crate::money::Currency;
use crate::{mask, problem::Problem};
use chrono::NaiveDate;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A column as a file has it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub name: &'a str,
    /// Cells of the sampled rows.
    pub cells: &'a [String],
}

/// What a column's cells seem to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Guess {
    Empty,
    DestroyedId,
    Id,
    Email,
    Phone,
    Instant,
    /// `03/04/2026`: the samples don't tell day from month.
    AmbiguousDate,
    Amount,
    Number,
    Flag,
    /// Few words again and again.
    Words,
    Text,
}

/// A column and what is proposed for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    pub name: String,
    pub guess: Guess,
    /// At most three, masked.
    pub samples: Vec<String>,
    /// Our field, if one is likely.
    pub field: Option<String>,
    /// How its dates are written, where [`crate::time::Instant::parse`] doesn't know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_format: Option<String>,
    /// Currencies its amounts name.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub currencies: BTreeSet<String>,
    /// Problems to expect.
    pub problems: Vec<Problem>,
}

/// Names that mean a field, beyond those of the shipped profiles.
const SYNONYMS: [(&str, &[&str]); 17] = [
    ("order_id", &["order no", "order number", "order", "订单号", "单号", "订单id"]),
    (
        "customer_id",
        &["customer", "user id", "userid", "buyer id", "member id", "会员号", "客户编号", "会员id", "用户id"],
    ),
    (
        "paid_at",
        &["paid", "payment time", "pay time", "date", "order date", "支付时间", "付款时间", "下单时间"],
    ),
    (
        "total",
        &["amount paid", "order total", "grand total", "实付", "实付金额", "订单金额", "支付金额", "金额"],
    ),
    ("currency", &["币种", "货币"]),
    ("status", &["order status", "状态", "订单状态"]),
    ("sku", &["item sku", "商品编码", "货号", "sku编码"]),
    ("product", &["product name", "item", "商品名称", "商品", "宝贝标题"]),
    ("quantity", &["qty", "count", "数量", "购买数量"]),
    ("price", &["unit price", "单价", "价格"]),
    ("name", &["customer name", "full name", "姓名", "客户姓名", "收货人"]),
    ("phone", &["mobile", "tel", "telephone", "phone number", "手机", "手机号", "电话", "联系电话"]),
    ("email", &["e-mail", "mail", "email address", "邮箱", "电子邮件"]),
    ("birthday", &["birth date", "date of birth", "dob", "生日", "出生日期"]),
    ("registered_at", &["created", "signup date", "registered", "注册时间", "注册日期"]),
    ("ticket_id", &["ticket", "case id", "工单号", "工单编号"]),
    ("opened_at", &["opened", "created on", "创建时间", "提交时间"]),
];

/// Guesses what every column is, for a file of this kind.
pub fn guess(kind: Kind, columns: &[Seen<'_>], profiles: &[Profile], base: Currency) -> Vec<Column> {
    let mut taken = BTreeSet::new();
    columns.iter().map(|column| one(kind, *column, profiles, base, &mut taken)).collect()
}

fn one(
    kind: Kind,
    seen: Seen<'_>,
    profiles: &[Profile],
    base: Currency,
    taken: &mut BTreeSet<String>,
) -> Column {
    let texts: Vec<&str> = seen
        .cells
        .iter()
        .filter_map(|cell| if let Held::Text(text) = held(cell, &[]) { Some(text) } else { None })
        .collect();
    let guess = what(&texts, base);
    let by_name = field_by_name(kind, seen.name, profiles);
    let by_kind = match guess {
        Guess::Email => Some("email"),
        Guess::Phone => Some("phone"),
        _ => None,
    };
    let field = by_name
        .or_else(|| by_kind.filter(|field| kind.has(field)).map(str::to_owned))
        .filter(|field| taken.insert(field.clone()));
    let (date_format, mut problems) = dates(seen.name, guess, &texts);
    let currencies: BTreeSet<String> = match (guess, field.as_deref()) {
        (_, Some("currency")) => texts.iter().map(|text| text.to_uppercase()).collect(),
        (Guess::Amount, _) => texts.iter().filter_map(|text| sign_of(text)).map(str::to_owned).collect(),
        _ => BTreeSet::new(),
    };
    if currencies.len() > 1 {
        let named: Vec<&str> = currencies.iter().map(String::as_str).collect();
        let detail = format!("holds {}; an import takes amounts in the shop's currency", named.join(", "));
        problems.push(Problem::new(format!("column {}", seen.name), "mixed_currencies", detail));
    }
    if guess == Guess::DestroyedId {
        let detail = "holds ids that a spreadsheet has rounded; export them as text from the shop again";
        problems.push(Problem::new(format!("column {}", seen.name), "destroyed_id", detail));
    }
    let samples = shown(guess, &texts);
    Column { name: seen.name.to_owned(), guess, samples, field, date_format, currencies, problems }
}

fn field_by_name(kind: Kind, name: &str, profiles: &[Profile]) -> Option<String> {
    let name = plain(name);
    if kind.has(&name) {
        return Some(name);
    }
    let is = |other: &String| plain(other) == name;
    let listed = profiles.iter().flat_map(|profile| profile.table(kind)).find_map(|table: &Table| {
        let field =
            table.columns.iter().find(|(_, names)| names.iter().any(is)).map(|(field, _)| field.clone());
        let customer = table.customer.first().is_some_and(|first| first.columns.iter().any(is));
        field.or_else(|| customer.then(|| "customer_id".to_owned()))
    });
    let synonym = || {
        let found = SYNONYMS.iter().find(|(_, names)| names.contains(&name.as_str()));
        found.map(|(field, _)| (*field).to_owned())
    };
    listed.or_else(synonym).filter(|field| kind.has(field))
}

fn what(texts: &[&str], base: Currency) -> Guess {
    let all = |test: &dyn Fn(&str) -> bool| texts.iter().all(|text| test(text));
    let distinct = texts.iter().collect::<BTreeSet<_>>().len();
    let digits = |text: &str| text.len() >= 6 && text.bytes().all(|b| b.is_ascii_digit());
    let phone =
        |text: &str| contact::phone(text).is_some_and(|phone| phone.usable || phone.class != Class::Real);
    match () {
        () if texts.is_empty() => Guess::Empty,
        () if texts.iter().any(|text| is_destroyed(text)) => Guess::DestroyedId,
        () if all(&|text| {
            contact::email(text).is_some_and(|mail| mail.usable || mail.class == Class::Masked)
        }) =>
        {
            Guess::Email
        }
        () if all(&phone) => Guess::Phone,
        () if all(&|text| instant(text, &formats(), chrono_tz::UTC).is_some()) => Guess::Instant,
        () if all(&|text| slashed(text).is_some()) => match day_first(texts) {
            None => Guess::AmbiguousDate,
            Some(_) => Guess::Instant,
        },
        () if all(&digits) => Guess::Id,
        () if all(&|text| text.parse::<u32>().is_ok()) => Guess::Number,
        () if all(&|text| amount(text, base).is_some() || sign_of(text).is_some()) => Guess::Amount,
        () if all(&|text| {
            matches!(text.to_lowercase().as_str(), "yes" | "no" | "true" | "false" | "是" | "否")
        }) =>
        {
            Guess::Flag
        }
        () if distinct * 3 <= texts.len() => Guess::Words,
        () => Guess::Text,
    }
}

/// Formats that can't be misread.
fn formats() -> Vec<String> {
    FORMATS.map(str::to_owned).to_vec()
}

const FORMATS: [&str; 6] = [
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y年%m月%d日 %H:%M:%S",
    "%Y年%m月%d日",
    "%Y-%m-%d %H:%M:%S %z",
];

/// The two numbers before the year of `03/04/2026` and what follows the date.
fn slashed(text: &str) -> Option<(u32, u32, &str)> {
    let (date, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut parts = date.split(['/', '.', '-']);
    let (first, second, year) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |part: &str| part.parse::<u32>().ok().filter(|n| (1..=31).contains(n) && part.len() <= 2);
    let year_ok = year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit()) && parts.next().is_none();
    year_ok.then_some((number(first)?, number(second)?, rest))
}

/// Whether the day comes first, if the samples tell.
fn day_first(texts: &[&str]) -> Option<bool> {
    let pairs: Vec<(u32, u32)> =
        texts.iter().filter_map(|text| slashed(text)).map(|(first, second, _)| (first, second)).collect();
    if pairs.iter().any(|(first, _)| *first > 12) {
        Some(true)
    } else {
        pairs.iter().any(|(_, second)| *second > 12).then_some(false)
    }
}

fn dates(name: &str, guess: Guess, texts: &[&str]) -> (Option<String>, Vec<Problem>) {
    let first = texts.first().copied().unwrap_or_default();
    if guess == Guess::AmbiguousDate {
        let detail = format!(
            "\"{first}\" may be the {} or the {}; say which in `dates` of a mapping: \"%d/%m/%Y\" or \"%m/%d/%Y\"",
            in_words(first, true),
            in_words(first, false)
        );
        return (None, vec![Problem::new(format!("column {name}"), "ambiguous_date", detail)]);
    }
    if guess != Guess::Instant {
        return (None, Vec::new());
    }
    let known = FORMATS.into_iter().find(|format| {
        let only = [(*format).to_owned()];
        instant(first, &[], chrono_tz::UTC).is_none() && instant(first, &only, chrono_tz::UTC).is_some()
    });
    let format = known.map(str::to_owned).or_else(|| {
        let separator = first.chars().find(|c| matches!(c, '/' | '.' | '-'))?;
        let day_first = slashed(first).and(day_first(texts))?;
        let time = match slashed(first)?.2.matches(':').count() {
            0 => "",
            1 => " %H:%M",
            _ => " %H:%M:%S",
        };
        let (one, two) = if day_first { ("%d", "%m") } else { ("%m", "%d") };
        Some(format!("{one}{separator}{two}{separator}%Y{time}"))
    });
    (format, Vec::new())
}

fn in_words(text: &str, day_first: bool) -> String {
    let Some((first, second, _)) = slashed(text) else { return String::new() };
    let (day, month) = if day_first { (first, second) } else { (second, first) };
    let date = NaiveDate::from_ymd_opt(2024, month, day);
    date.map(|date| date.format("%-d of %B").to_string()).unwrap_or_default()
}

fn sign_of(text: &str) -> Option<&'static str> {
    ["CNY", "USD", "EUR", "GBP"].into_iter().find(|code| {
        let currency = Currency::parse(code).expect("a code of three letters");
        let marked = text.contains(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',' | '-' | ' '));
        marked && amount(text, currency).is_some()
    })
}

/// At most three samples that show what a column holds and whose it isn't.
fn shown(guess: Guess, texts: &[&str]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let distinct = texts.iter().filter(|text| seen.insert(**text)).take(3);
    let masked = |text: &str| match guess {
        Guess::Email => mask::email(text),
        Guess::Phone => mask::phone(text),
        Guess::Instant
        | Guess::AmbiguousDate
        | Guess::Amount
        | Guess::Number
        | Guess::Flag
        | Guess::Words
        | Guess::DestroyedId => text.to_owned(),
        Guess::Id | Guess::Text | Guess::Empty => mask::contact("text", text),
    };
    distinct.map(|text| masked(text)).collect()
}

/// The mapping proposed, as a document that `--map` takes.
pub fn mapping(kind: Kind, columns: &[Column]) -> String {
    let mut formats = BTreeSet::new();
    let mut fields: BTreeMap<&str, &str> = BTreeMap::new();
    for column in columns {
        formats.extend(column.date_format.as_deref());
        if let Some(field) = &column.field {
            fields.insert(field, &column.name);
        }
    }
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut lines = vec![
        "kind: import_profile".to_owned(),
        "name: map".to_owned(),
        "# zone: Asia/Shanghai      of instants without offset; the shop's where it isn't said".to_owned(),
        "empty: [\"-\", \"null\", \"无\"]".to_owned(),
    ];
    if !formats.is_empty() {
        let formats: Vec<String> = formats.into_iter().map(quoted).collect();
        lines.push(format!("dates: [{}]", formats.join(", ")));
    }
    lines.push("tables:".to_owned());
    lines.push(format!("  - of: {}", kind.as_str()));
    lines.push("    columns:".to_owned());
    for (field, name) in &fields {
        lines.push(format!("      {field}: {}", quoted(name)));
    }
    for field in kind.required().iter().filter(|field| !fields.contains_key(**field)) {
        lines.push(format!("      # {field}:      is needed; name its column"));
    }
    let left: Vec<&Column> = columns.iter().filter(|column| column.field.is_none()).collect();
    if !left.is_empty() {
        let names: Vec<String> = left.iter().map(|column| column.name.replace(['\n', '\r'], " ")).collect();
        lines.push(format!("    # passed over: {}", names.join(", ")));
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
#[path = "guess_tests.rs"]
mod tests;
