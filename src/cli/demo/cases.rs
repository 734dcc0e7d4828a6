//! Customers worth a look and what flips next, laid out for the terminal in the shop's language. Who they are and why
//! was found by services.

use super::super::output::{table, wall};
use crate::service::flips::{Flip, Flips};
use crate::service::showcase::{Case, Example, Shown};
use chrono_tz::Tz;
use domain::ids::CustomerId;
use domain::rule::Lang;
use domain::time::Span;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The shop's own ids.
pub type Names = BTreeMap<CustomerId, String>;

/// Customers shown of those who flip.
pub const SAMPLES: usize = 3;
/// Columns a line of prose takes.
const WIDTH: usize = 110;
/// What stands left of a sentence: an instant to the minute.
const MARGIN: usize = 20;

/// A title with a line below it, and what belongs there.
pub fn section(out: &mut String, title: &str, body: &str) {
    let _ = writeln!(out, "\n{title}\n{}\n{body}", "─".repeat(columns(title)));
}

/// Each case with how many it fits and one of them.
pub fn told(cases: &[Shown], zone: Tz, lang: Lang) -> String {
    let zh = lang == Lang::ZhCn;
    let blocks = cases.iter().map(|shown| {
        let title = title(shown.case, lang);
        let Some(who) = &shown.example else {
            return if zh { format!("{title}：暂无") } else { format!("{title}: nobody now") };
        };
        let head = match (zh, shown.customers) {
            (true, n) => format!("{title}：{n} 人，例如 {}", named(who)),
            (false, 1) => format!("{title}: one customer, {}", named(who)),
            (false, n) => format!("{title}: {n} customers, one of them {}", named(who)),
        };
        format!("{head}\n{}", sentences(who, zone))
    });
    blocks.collect::<Vec<_>>().join("\n")
}

/// What is told of a customer, a sentence a paragraph, each behind its instant.
pub fn sentences(who: &Example, zone: Tz) -> String {
    let lines = who.told.iter().map(|told| {
        let text = folded(&told.says, WIDTH - MARGIN);
        format!("  {}  {}", wall(told.at, zone), text.join(&format!("\n{:MARGIN$}", "")))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A customer as the shop knows them, and as the book does.
pub fn named(who: &Example) -> String {
    if who.shop_id.is_empty() { who.id.to_string() } else { format!("{} ({})", who.shop_id, who.id) }
}

fn title(case: Case, lang: Lang) -> &'static str {
    match (case, lang) {
        (Case::Reversed, Lang::En) => "Lifted by a purchase and back by its return, nothing held",
        (Case::Reversed, Lang::ZhCn) => "因下单升级、因退货回落，不保级",
        (Case::Held, Lang::En) => "A tier only held by now",
        (Case::Held, Lang::ZhCn) => "条件已不满足、处于保级期",
        (Case::NearVip, Lang::En) => "Nearly a VIP",
        (Case::NearVip, Lang::ZhCn) => "准 VIP",
        (Case::ChurnToday, Lang::En) => "At risk of churn since today",
        (Case::ChurnToday, Lang::ZhCn) => "今天起有流失风险",
        (Case::Negative, Lang::En) => "Returned more than they bought in 365 d",
        (Case::Negative, Lang::ZhCn) => "365 天净消费为负（退款多于消费）",
    }
}

/// Until when [`flips`] looks.
pub fn flips_title(flips: &Flips, zone: Tz, lang: Lang) -> String {
    let last = (flips.before - Span::seconds(1)).local_date(zone);
    match lang {
        Lang::En => format!("What flips by the end of {last} if nothing comes in"),
        Lang::ZhCn => format!("到 {last} 结束前，若无新事件，哪些标签会变"),
    }
}

/// By tag and value, how many enter and leave, with the first of them.
pub fn flips(flips: &Flips, names: &Names, zone: Tz, lang: Lang) -> String {
    let zh = lang == Lang::ZhCn;
    if flips.values.is_empty() {
        return if zh { "没有。" } else { "Nothing." }.to_owned();
    }
    let who = |some: &[Flip]| {
        let shown = some.iter().take(SAMPLES).map(|flip| {
            let own = names.get(&flip.customer).cloned().unwrap_or_else(|| flip.customer.to_string());
            format!("{own} {}", flip.at.local(zone).format("%H:%M"))
        });
        let mut text = shown.collect::<Vec<_>>().join(", ");
        if some.len() > SAMPLES {
            text.push_str(", …");
        }
        text
    };
    let rows = flips.values.iter().map(|row| {
        let value = if row.value == "true" { String::new() } else { format!("={}", row.value) };
        let (enter, leave) = (row.entering.len().to_string(), row.leaving.len().to_string());
        [format!("{}{value}", row.key), enter, who(&row.entering), leave, who(&row.leaving)]
    });
    let headers = if zh {
        ["标签", "进入", "最早的", "离开", "最早的"]
    } else {
        ["tag", "enter", "first of them", "leave", "first of them"]
    };
    let looked = if zh {
        format!("全店只需重算 {} 人。", flips.looked_at)
    } else {
        format!("The keeper will look at {} customers for this, and at nobody else.", flips.looked_at)
    };
    let unread = match (flips.not_decided, zh) {
        (0, _) => String::new(),
        (n, true) => format!("另有 {n} 人的事件无法读取，未计入。"),
        (n, false) => format!(" The facts of {n} more can't be read, and they aren't counted."),
    };
    format!("{}\n{looked}{unread}", table(headers, rows))
}

/// Lines of at most so many columns, broken at spaces or beside a wide character.
fn folded(text: &str, width: usize) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in words(text) {
        if !line.is_empty() && columns(&line) + columns(word.trim_end()) > width {
            lines.push(std::mem::take(&mut line).trim_end().to_owned());
        }
        line.push_str(word);
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// What isn't broken: an English word with the space behind it, a Chinese character with the marks around it.
fn words(text: &str) -> Vec<&str> {
    let (mut words, mut from) = (Vec::new(), 0);
    let pairs = text.char_indices().zip(text.chars().skip(1));
    for ((at, c), next) in pairs {
        let beside_wide = is_wide(c) || is_wide(next);
        if c == ' ' || (beside_wide && !"（「".contains(c) && !"，。；：、）」！？ ".contains(next))
        {
            words.push(&text[from..at + c.len_utf8()]);
            from = at + c.len_utf8();
        }
    }
    words.push(&text[from..]);
    words
}

/// How many columns of a terminal a text takes.
fn columns(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

/// Chinese characters and their punctuation take two columns.
fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_at_spaces_and_beside_wide_characters() {
        assert_eq!(folded("one two three", 8), ["one two", "three"]);
        assert_eq!(folded("one two three", 7), ["one two", "three"]);
        assert_eq!(folded("消费不少于一万（元）。", 8), ["消费不少", "于一万", "（元）。"]);
        assert_eq!(folded("（一）；二三", 8), ["（一）；", "二三"]);
        assert_eq!(folded("", 8), [""]);
        assert_eq!(columns("365 天"), 6);
    }
}
