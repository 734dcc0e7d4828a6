//! What is asked of events, in words.

use super::super::ast::{Comparison, TextTest};
use super::super::describe::{Lang, ago, compared, span_zh, text};
use super::super::field::FieldKind;
use super::{Aggregate, Condition, End, EventTest, ForNew, InstantTest, Measure, PropertyTest, Window};
use crate::event::property::{Path, plain};
use crate::time::Instant;

/// The test as part of a sentence.
pub(in crate::rule) fn describe(test: &EventTest, lang: Lang) -> String {
    let EventTest { name, conditions, measure, window, for_new } = test;
    let which = format!("{name}{}", conditions_in(conditions, lang));
    let (when_en, when_zh) = window_in(*window);
    let young = match (lang, for_new) {
        (_, ForNew::Include) => "",
        (Lang::En, ForNew::Exclude) => ", of customers known for that long",
        (Lang::ZhCn, ForNew::Exclude) => "（仅限结识已满该时长的客户）",
    };
    let zh = lang == Lang::ZhCn;
    let said = match measure {
        Measure::Count(Comparison::Eq(0)) if !zh => format!("{which} never happened{when_en}"),
        Measure::Count(count) if zh => {
            format!("{when_zh}{}{}", set_off(&which, lang), times(count, lang))
        }
        Measure::Count(count) => format!("{which} happened {}{when_en}", times(count, lang)),
        Measure::Number { by, of, test } => {
            let what = match lang {
                Lang::En => {
                    format!("{} of {} over {which}{when_en}", by.word(lang), property(of, lang))
                }
                Lang::ZhCn => {
                    let of = beside(&property(of, lang), by.word(lang));
                    format!("{when_zh}{}", beside(&possessive(&which), &of))
                }
            };
            compared(&what, FieldKind::Number, test, lang)
        }
        Measure::Value { end, of, test } => {
            let what = match lang {
                Lang::En => {
                    let bare = property(of, lang);
                    let bare = bare.strip_prefix("the ").unwrap_or(&bare);
                    format!("the {} {bare} of {which}{when_en}", end.as_str())
                }
                Lang::ZhCn => {
                    let of = beside(&possessive(end.word_zh()), &property(of, lang));
                    format!("{when_zh}{}", beside(&which, &of))
                }
            };
            asked(&what, test, lang)
        }
        Measure::At { end, test } => {
            let what = match lang {
                Lang::En => format!("the {} {which}{when_en}", end.as_str()),
                Lang::ZhCn => set_off(&format!("{when_zh}{} {which}", end.word_zh()), lang),
            };
            match test {
                InstantTest::Age(age) => format!("{what}{}", ago(*age, lang)),
                InstantTest::Compare(test) => compared(&what, FieldKind::Instant, test, lang),
            }
        }
    };
    format!("{said}{young}")
}

fn possessive(which: &str) -> String {
    beside(which, "的")
}

/// Two parts of a Chinese sentence, apart where one of them is a name in letters.
fn beside(left: &str, right: &str) -> String {
    let wide = |c: char| !c.is_ascii();
    let space = if left.ends_with(wide) && right.starts_with(wide) { "" } else { " " };
    format!("{left}{space}{right}")
}

fn property(path: &Path, lang: Lang) -> String {
    match lang {
        _ if !path.is_amount() => path.to_string(),
        Lang::En => "the amount".to_owned(),
        Lang::ZhCn => "金额".to_owned(),
    }
}

fn conditions_in(conditions: &[Condition], lang: Lang) -> String {
    let one = |condition: &Condition| asked(&property(&condition.property, lang), &condition.test, lang);
    let all: Vec<String> = conditions.iter().map(one).collect();
    match lang {
        _ if all.is_empty() => String::new(),
        Lang::En => format!(" (where {})", all.join(" and ")),
        Lang::ZhCn => {
            let all = all.into_iter().reduce(|all, next| format!("{all}，{}", beside("且", &next)));
            format!("（{}）", all.unwrap_or_default())
        }
    }
}

fn asked(what: &str, test: &PropertyTest, lang: Lang) -> String {
    let what = set_off(what, lang);
    match (test, lang) {
        (PropertyTest::Text(TextTest::Present), Lang::En) => format!("{what} is given"),
        (PropertyTest::Text(TextTest::Absent), Lang::En) => format!("{what} isn't given"),
        (PropertyTest::Text(TextTest::Present), Lang::ZhCn) => format!("{what}已给出"),
        (PropertyTest::Text(TextTest::Absent), Lang::ZhCn) => format!("{what}未给出"),
        (PropertyTest::Text(test), _) => text(&what, test, lang),
        (PropertyTest::Number(test), _) => numbers(&what, test, lang),
    }
}

/// What ends in letters, ready for a Chinese word behind it.
fn set_off(what: &str, lang: Lang) -> String {
    let space = if lang == Lang::ZhCn && what.ends_with(|c: char| c.is_ascii()) { " " } else { "" };
    format!("{what}{space}")
}

/// As of every number, but set off from words: `is the number 5`.
fn numbers(what: &str, test: &Comparison<i64>, lang: Lang) -> String {
    match (lang, test) {
        (Lang::En, Comparison::Eq(n)) => format!("{what} is the number {}", plain(*n)),
        (Lang::En, Comparison::Ne(n)) => format!("{what} is a number and not {}", plain(*n)),
        (Lang::ZhCn, Comparison::Eq(n)) => format!("{what}等于数值 {}", plain(*n)),
        (Lang::ZhCn, Comparison::Ne(n)) => format!("{what}是数值且不等于 {}", plain(*n)),
        _ => compared(what, FieldKind::Number, test, lang),
    }
}

impl Aggregate {
    const fn word(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Self::Sum, Lang::En) => "the sum",
            (Self::Avg, Lang::En) => "the mean",
            (Self::Min, Lang::En) => "the least",
            (Self::Max, Lang::En) => "the greatest",
            (Self::Sum, Lang::ZhCn) => "合计",
            (Self::Avg, Lang::ZhCn) => "平均值",
            (Self::Min, Lang::ZhCn) => "最小值",
            (Self::Max, Lang::ZhCn) => "最大值",
        }
    }
}

impl End {
    const fn word_zh(self) -> &'static str {
        match self {
            Self::First => "首次",
            Self::Last => "最近一次",
        }
    }
}

/// In English behind what it is about, in Chinese before it.
pub(in crate::rule) fn window_in(window: Window) -> (String, String) {
    let written = |at: Instant| at.to_rfc3339();
    match window {
        Window::Ever => (String::new(), String::new()),
        Window::Within(span) => (format!(" within {span}"), format!("最近 {} ", span_zh(span))),
        Window::Before(span) => (format!(" {span} ago or longer"), format!("{}前及更早的 ", span_zh(span))),
        Window::BeforeInstant(at) => (format!(" before {}", written(at)), format!("{} 之前的 ", written(at))),
        Window::Between(first, last) => (
            format!(" from {} to {}", written(first), written(last)),
            format!("{} 至 {} 的 ", written(first), written(last)),
        ),
        Window::Ages { older, younger } => (
            format!(" less than {older} and at least {younger} ago"),
            format!("距今已满 {}、不足 {}的 ", span_zh(younger), span_zh(older)),
        ),
    }
}

pub(in crate::rule) fn times(count: &Comparison<i64>, lang: Lang) -> String {
    let numbers = |ns: &[i64], with: &str| ns.iter().map(i64::to_string).collect::<Vec<_>>().join(with);
    match (lang, count) {
        (Lang::En, Comparison::Gte(1) | Comparison::Gt(0)) => "at least once".to_owned(),
        (Lang::En, Comparison::Eq(n)) => format!("exactly {n} times"),
        (Lang::En, Comparison::Ne(n)) => format!("not {n} times"),
        (Lang::En, Comparison::Lt(n)) => format!("less than {n} times"),
        (Lang::En, Comparison::Lte(n)) => format!("at most {n} times"),
        (Lang::En, Comparison::Gt(n)) => format!("more than {n} times"),
        (Lang::En, Comparison::Gte(n)) => format!("at least {n} times"),
        (Lang::En, Comparison::In(ns)) => format!("{} times", numbers(ns, " or ")),
        (Lang::En, Comparison::Between(a, b)) => format!("{a} to {b} times"),
        (Lang::En, Comparison::Present) => "any number of times".to_owned(),
        (Lang::En, Comparison::Absent) => "an unknown number of times".to_owned(),
        (Lang::ZhCn, Comparison::Eq(0)) => "从未发生".to_owned(),
        (Lang::ZhCn, Comparison::Eq(n)) => format!("发生 {n} 次"),
        (Lang::ZhCn, Comparison::Ne(n)) => format!("发生次数不为 {n}"),
        (Lang::ZhCn, Comparison::Lt(n)) => format!("发生少于 {n} 次"),
        (Lang::ZhCn, Comparison::Lte(n)) => format!("发生不超过 {n} 次"),
        (Lang::ZhCn, Comparison::Gt(n)) => format!("发生多于 {n} 次"),
        (Lang::ZhCn, Comparison::Gte(n)) => format!("发生至少 {n} 次"),
        (Lang::ZhCn, Comparison::In(ns)) => format!("发生 {} 次", numbers(ns, " 或 ")),
        (Lang::ZhCn, Comparison::Between(a, b)) => format!("发生 {a} 至 {b} 次"),
        (Lang::ZhCn, Comparison::Present) => "发生任意次".to_owned(),
        (Lang::ZhCn, Comparison::Absent) => "发生次数未知".to_owned(),
    }
}
