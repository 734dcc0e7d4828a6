//! A rule as one sentence, in English and Chinese.

use super::ast::{Comparison, DayRange, Field, Rule, TagTest};
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
pub(crate) fn clause(rule: &Rule, lang: Lang) -> String {
    let zh = lang == Lang::ZhCn;
    match rule {
        Rule::All(rules) => joined(rules, if zh { "，且" } else { " and " }, lang),
        Rule::Any(rules) => joined(rules, if zh { "，或" } else { " or " }, lang),
        Rule::Not(rule) if zh => format!("并非（{}）", clause(rule, lang)),
        Rule::Not(rule) => format!("not ({})", clause(rule, lang)),
        Rule::Profile { field, test } => profile(*field, test, lang),
        Rule::DaysSince { field, days } => days_since(*field, *days, lang),
        Rule::Tag { key, test } => tag(key, test, lang),
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

/// What people call a field.
pub(crate) fn name(field: Field, lang: Lang) -> &'static str {
    let (en, zh) = match field {
        Field::Spend365 => ("net spend in 365 d", "365 天净消费"),
        Field::SpendEver => ("net spend ever", "累计净消费"),
        Field::Orders365 => ("the number of counted orders in 365 d", "365 天有效订单数"),
        Field::OrdersEver => ("the number of counted orders ever", "累计有效订单数"),
        Field::OrderDays => ("the number of order-days", "下单日数"),
        Field::FirstOrderAt => ("the first counted order", "首个有效订单时间"),
        Field::LastOrderAt => ("the last counted order", "最近有效订单时间"),
        Field::OpenComplaints => ("the number of open complaints", "未结客诉数"),
        Field::Complaints90 => ("the number of complaints in 90 d", "90 天客诉数"),
        Field::Complaints365 => ("the number of complaints in 365 d", "365 天客诉数"),
        Field::Tickets => ("the number of tickets", "工单数"),
    };
    if lang == Lang::ZhCn { zh } else { en }
}

fn profile(field: Field, test: &Comparison<i64>, lang: Lang) -> String {
    let name = name(field, lang);
    let write = |operand: &i64| field.kind().write(*operand);
    let list = |operands: &[i64]| {
        operands.iter().map(write).collect::<Vec<_>>().join(if lang == Lang::ZhCn { "、" } else { ", " })
    };
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

fn days_since(field: Field, days: DayRange, lang: Lang) -> String {
    let zh = match field {
        Field::FirstOrderAt => "首个有效订单",
        Field::LastOrderAt => "最近有效订单",
        other => name(other, lang),
    };
    let en = name(field, lang);
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
