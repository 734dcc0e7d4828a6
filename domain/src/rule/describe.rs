//! A rule as one sentence, in English and Chinese.

use super::ast::{Age, Comparison, DayRange, Rule, TagTest, TextTest};
use super::event;
use super::field::{Field, FieldKind};
use super::record;
use crate::time::Span;
use serde::{Deserialize, Serialize};

/// A language people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lang {
    #[serde(rename = "en")]
    En,
    #[serde(rename = "zh-CN")]
    ZhCn,
}

/// The rule as one sentence.
pub fn describe(rule: &Rule, lang: Lang) -> String {
    match lang {
        Lang::En => format!("Holds when {}.", clause(rule, lang)),
        Lang::ZhCn => format!("条件：{}。", clause(rule, lang)),
    }
}

/// The rule as part of a sentence.
pub fn clause(rule: &Rule, lang: Lang) -> String {
    let zh = lang == Lang::ZhCn;
    match rule {
        Rule::All(rules) => joined(rules, if zh { "，且" } else { " and " }, lang),
        Rule::Any(rules) => joined(rules, if zh { "，或" } else { " or " }, lang),
        Rule::Not(rule) if zh => format!("并非（{}）", clause(rule, lang)),
        Rule::Not(rule) => format!("not ({})", clause(rule, lang)),
        Rule::Profile { field, test } => compared(field.name(lang), field.kind(), test, lang),
        Rule::Score { number, test } => compared(number.name(lang), number.kind(), test, lang),
        Rule::Text { field, test } => text(field.name(lang), test, lang),
        Rule::Ago { field, age } => format!("{}{}", field.name(lang), ago(*age, lang)),
        Rule::DaysSince { field, days } => days_since(*field, *days, lang),
        Rule::Anniversary { field, within_days } if zh => {
            let day = if *field == Field::Birthday {
                "生日".to_owned()
            } else {
                format!("{}周年", field.name(lang))
            };
            if *within_days == 0 {
                format!("今天是{day}")
            } else {
                format!("{within_days} 天内有{day}")
            }
        }
        Rule::Anniversary { field, within_days: 0 } => format!("{} comes round today", field.name(lang)),
        Rule::Anniversary { field, within_days } => {
            format!("{} comes round within {within_days} days", field.name(lang))
        }
        Rule::Event(test) => event::describe(test, lang),
        Rule::Record(test) => record::describe(test, lang),
        Rule::Share(share) if zh => format!("属于分组「{}」的 {}", share.salt, share.written()),
        Rule::Share(share) => format!("they are in {} of the book by \"{}\"", share.written(), share.salt),
        Rule::Tag { key, test, since } => aged(tag(key, test, lang), *since, lang),
        Rule::Segment { key, since } if zh => aged(format!("属于人群 {key}"), *since, lang),
        Rule::Segment { key, since: None } => format!("they are in segment {key}"),
        Rule::Segment { key, since } => aged(format!("they have been in segment {key}"), *since, lang),
    }
}

/// What holds, and for how long it has.
fn aged(text: String, since: Option<Age>, lang: Lang) -> String {
    match (since, lang) {
        (None, _) => text,
        (Some(Age::Within(span)), Lang::ZhCn) => format!("{text}，且变动不超过 {}", span_zh(span)),
        (Some(Age::OlderThan(span)), Lang::ZhCn) => format!("{text}，且已持续 {}", span_zh(span)),
        (Some(Age::Within(span)), Lang::En) => format!("{text} for less than {span}"),
        (Some(Age::OlderThan(span)), Lang::En) => format!("{text} for {span} or longer"),
    }
}

/// Parts that combine themselves are bracketed, so that a sentence has one reading.
fn joined(rules: &[Rule], word: &str, lang: Lang) -> String {
    let part = |rule: &Rule| {
        let text = clause(rule, lang);
        match (rule, lang) {
            (Rule::All(r) | Rule::Any(r), Lang::En) if r.len() > 1 => format!("({text})"),
            (Rule::All(r) | Rule::Any(r), Lang::ZhCn) if r.len() > 1 => format!("（{text}）"),
            _ => text,
        }
    };
    rules.iter().map(part).collect::<Vec<_>>().join(word)
}

pub(super) fn compared(name: &str, kind: FieldKind, test: &Comparison<i64>, lang: Lang) -> String {
    let write = |operand: &i64| kind.write(*operand);
    let list = |operands: &[i64]| {
        operands.iter().map(write).collect::<Vec<_>>().join(if lang == Lang::ZhCn { "、" } else { ", " })
    };
    if kind == FieldKind::Instant
        && let Some(when) = when(test, lang)
    {
        return format!("{name}{when}");
    }
    match (lang, test) {
        (Lang::En, Comparison::Eq(v)) => format!("{name} is {}", write(v)),
        (Lang::En, Comparison::Ne(v)) => format!("{name} is known and not {}", write(v)),
        (Lang::En, Comparison::Lt(v)) => format!("{name} is below {}", write(v)),
        (Lang::En, Comparison::Lte(v)) => format!("{name} is at most {}", write(v)),
        (Lang::En, Comparison::Gt(v)) => format!("{name} is above {}", write(v)),
        (Lang::En, Comparison::Gte(v)) => format!("{name} is at least {}", write(v)),
        (Lang::En, Comparison::In(vs)) => format!("{name} is one of {}", list(vs)),
        (Lang::En, Comparison::Between(a, b)) => format!("{name} is from {} to {}", write(a), write(b)),
        (Lang::En, Comparison::Present) => format!("{name} is known"),
        (Lang::En, Comparison::Absent) => format!("{name} isn't known"),
        (Lang::ZhCn, Comparison::Eq(v)) => format!("{name}等于 {}", write(v)),
        (Lang::ZhCn, Comparison::Ne(v)) => format!("{name}已知且不等于 {}", write(v)),
        (Lang::ZhCn, Comparison::Lt(v)) => format!("{name}低于 {}", write(v)),
        (Lang::ZhCn, Comparison::Lte(v)) => format!("{name}不超过 {}", write(v)),
        (Lang::ZhCn, Comparison::Gt(v)) => format!("{name}超过 {}", write(v)),
        (Lang::ZhCn, Comparison::Gte(v)) => format!("{name}不低于 {}", write(v)),
        (Lang::ZhCn, Comparison::In(vs)) => format!("{name}为 {} 之一", list(vs)),
        (Lang::ZhCn, Comparison::Between(a, b)) => format!("{name}在 {} 至 {} 之间", write(a), write(b)),
        (Lang::ZhCn, Comparison::Present) => format!("{name}已知"),
        (Lang::ZhCn, Comparison::Absent) => format!("{name}未知"),
    }
}

/// How an instant lies to another.
fn when(test: &Comparison<i64>, lang: Lang) -> Option<String> {
    let write = |at: &i64| FieldKind::Instant.write(*at);
    Some(match (lang, test) {
        (Lang::En, Comparison::Lt(at)) => format!(" was before {}", write(at)),
        (Lang::En, Comparison::Lte(at)) => format!(" was at {} or before", write(at)),
        (Lang::En, Comparison::Gt(at)) => format!(" was after {}", write(at)),
        (Lang::En, Comparison::Gte(at)) => format!(" was at {} or after", write(at)),
        (Lang::ZhCn, Comparison::Lt(at)) => format!("早于 {}", write(at)),
        (Lang::ZhCn, Comparison::Lte(at)) => format!("不晚于 {}", write(at)),
        (Lang::ZhCn, Comparison::Gt(at)) => format!("晚于 {}", write(at)),
        (Lang::ZhCn, Comparison::Gte(at)) => format!("不早于 {}", write(at)),
        _ => return None,
    })
}

pub(super) fn ago(age: Age, lang: Lang) -> String {
    match (age, lang) {
        (Age::Within(span), Lang::En) => format!(" was less than {span} ago"),
        (Age::OlderThan(span), Lang::En) => format!(" was {span} ago or longer"),
        (Age::Within(span), Lang::ZhCn) => format!("距今不足 {}", span_zh(span)),
        (Age::OlderThan(span), Lang::ZhCn) => format!("距今已满 {}", span_zh(span)),
    }
}

/// A duration in Chinese: `30 天`, `12 小时`.
pub(crate) fn span_zh(span: Span) -> String {
    let text = span.to_string();
    let (number, unit) = text.split_at(text.len() - 1);
    let unit = match unit {
        "d" => "天",
        "h" => "小时",
        "m" => "分钟",
        _ => "秒",
    };
    format!("{number} {unit}")
}

pub(super) fn text(name: &str, test: &TextTest, lang: Lang) -> String {
    match (lang, test) {
        (Lang::En, TextTest::Eq(v)) => format!("{name} is {v}"),
        (Lang::En, TextTest::Ne(v)) => format!("{name} is known and not {v}"),
        (Lang::En, TextTest::In(vs)) => format!("{name} is one of {}", vs.join(", ")),
        (Lang::En, TextTest::Contains(v)) => format!("{name} contains {v}"),
        (Lang::En, TextTest::StartsWith(v)) => format!("{name} begins with {v}"),
        (Lang::En, TextTest::Present) => format!("{name} is known"),
        (Lang::En, TextTest::Absent) => format!("{name} isn't known"),
        (Lang::ZhCn, TextTest::Eq(v)) => format!("{name}为 {v}"),
        (Lang::ZhCn, TextTest::Ne(v)) => format!("{name}已知且不为 {v}"),
        (Lang::ZhCn, TextTest::In(vs)) => format!("{name}为 {} 之一", vs.join("、")),
        (Lang::ZhCn, TextTest::Contains(v)) => format!("{name}包含 {v}"),
        (Lang::ZhCn, TextTest::StartsWith(v)) => format!("{name}以 {v} 开头"),
        (Lang::ZhCn, TextTest::Present) => format!("{name}已知"),
        (Lang::ZhCn, TextTest::Absent) => format!("{name}未知"),
    }
}

fn days_since(field: Field, days: DayRange, lang: Lang) -> String {
    let (zh, en) = (field.name(lang), field.name(lang));
    match (lang, days.from, days.to) {
        (Lang::En, Some(a), Some(b)) if a == b => format!("{en} was {a} days ago"),
        (Lang::En, Some(a), Some(b)) => format!("{en} was {a} to {b} days ago"),
        (Lang::En, None, Some(b)) => format!("{en} was at most {b} days ago"),
        (Lang::En, a, None) => format!("{en} was at least {} days ago", a.unwrap_or(0)),
        (Lang::ZhCn, Some(a), Some(b)) if a == b => format!("{zh}距今正好 {a} 天"),
        (Lang::ZhCn, Some(a), Some(b)) => format!("{zh}距今 {a} 至 {b} 天"),
        (Lang::ZhCn, None, Some(b)) => format!("{zh}距今不超过 {b} 天"),
        (Lang::ZhCn, a, None) => format!("{zh}距今至少 {} 天", a.unwrap_or(0)),
    }
}

fn tag(key: &str, test: &TagTest, lang: Lang) -> String {
    match (lang, test) {
        (Lang::En, TagTest::Eq(v)) => format!("tag {key} is {v}"),
        (Lang::En, TagTest::Ne(v)) => format!("tag {key} is there and not {v}"),
        (Lang::En, TagTest::In(vs)) => format!("tag {key} is one of {}", vs.join(", ")),
        (Lang::En, TagTest::Present) => format!("tag {key} is there"),
        (Lang::En, TagTest::Absent) => format!("tag {key} isn't there"),
        (Lang::ZhCn, TagTest::Eq(v)) => format!("标签 {key} 为 {v}"),
        (Lang::ZhCn, TagTest::Ne(v)) => format!("有标签 {key} 且不为 {v}"),
        (Lang::ZhCn, TagTest::In(vs)) => format!("标签 {key} 为 {} 之一", vs.join("、")),
        (Lang::ZhCn, TagTest::Present) => format!("有标签 {key}"),
        (Lang::ZhCn, TagTest::Absent) => format!("没有标签 {key}"),
    }
}
