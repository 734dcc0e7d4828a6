//! One cell as it stands in a file, and what it holds: spreadsheets wrap ids, write amounts with signs and
//! separators, and round long numbers away.

use crate::money::{Currency, parse_minor};
use crate::time::Instant;
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use unicode_normalization::UnicodeNormalization;

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held<'a> {
    Nothing,
    Text(&'a str),
}

/// A cell's text without what surrounds it: blanks of any width, the `="…"` and the leading `'` by which
/// exports keep spreadsheets from rounding an id. The words in `empty` say nothing, in any case of letters.
pub fn held<'a>(cell: &'a str, empty: &[String]) -> Held<'a> {
    let text = cell.trim_matches(blank);
    let wrapped = text.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    let text = wrapped.map_or(text, |inner| inner.trim_matches(blank));
    let quoted = text
        .strip_prefix('\'')
        .filter(|rest| !rest.is_empty() && rest.trim_start_matches('+').bytes().all(|b| b.is_ascii_digit()));
    let text = quoted.unwrap_or(text);
    if text.is_empty() || empty.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        Held::Nothing
    } else {
        Held::Text(text)
    }
}

/// Blanks, and what looks like one: no-break and ideographic spaces, tabs, marks without width.
fn blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}')
}

/// Whether a longer number stood here before a spreadsheet rounded it: `1.23E+18`, `1E+18`.
pub fn is_destroyed(text: &str) -> bool {
    text.split_once(['E', 'e']).is_some_and(|(digits, exponent)| {
        let power = exponent.strip_prefix('+').unwrap_or(exponent);
        (digits.contains('.') || exponent.starts_with('+'))
            && digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && !power.is_empty()
            && power.bytes().all(|b| b.is_ascii_digit())
    })
}

/// How amounts in a currency may be marked.
fn signs(currency: Currency) -> &'static [&'static str] {
    match currency.as_str() {
        // After NFKC, `￥` is `¥`.
        "CNY" => &["CNY", "RMB", "人民币", "CN¥", "¥", "元"],
        "JPY" => &["JPY", "JP¥", "¥", "円"],
        "USD" => &["USD", "US$", "$"],
        "EUR" => &["EUR", "€"],
        "GBP" => &["GBP", "£"],
        "HKD" => &["HKD", "HK$"],
        "TWD" => &["TWD", "NT$"],
        _ => &[],
    }
}

/// An amount as a plain decimal: full-width digits, the currency's own signs and thousands separators are
/// read. `None` for everything else, so that another currency's sign or a comma for the decimal point is
/// never guessed at.
pub fn amount(text: &str, currency: Currency) -> Option<String> {
    let mut text: String = text.nfkc().filter(|c| !blank(*c)).collect();
    for sign in signs(currency) {
        let cut = text.strip_suffix(sign).map(str::to_owned).or_else(|| {
            let (minus, rest) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
            rest.strip_prefix(sign).map(|rest| format!("{minus}{rest}"))
        });
        if let Some(cut) = cut {
            text = cut;
            break;
        }
    }
    let plain = if text.contains(',') { without_separators(&text)? } else { text };
    parse_minor(&plain, 0).map(|_| plain)
}

/// `1,234,567.50` and nothing less regular; `1,234` is a thousand, since no currency has three decimals after
/// a comma in the exports read here.
fn without_separators(text: &str) -> Option<String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let regular = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    (regular && !fraction.contains(',')).then(|| text.replace(',', ""))
}

/// An instant: in one of the formats (chrono's, with `%z` for an offset), or as [`Instant::parse`] takes it.
/// Without an offset it is in `zone`.
pub fn instant(text: &str, formats: &[String], zone: Tz) -> Option<Instant> {
    let text: String = text.nfkc().collect();
    let text = text.trim();
    for format in formats {
        let found = if format.contains("%z") {
            DateTime::parse_from_str(text, format).ok().map(|at| Instant::from_micros(at.timestamp_micros()))
        } else if format.contains("%H") {
            NaiveDateTime::parse_from_str(text, format).ok().map(|local| Instant::at_local(local, zone))
        } else {
            NaiveDate::parse_from_str(text, format).ok().map(|date| Instant::first_of(date, zone))
        };
        if found.is_some() {
            return found;
        }
    }
    Instant::parse(text, zone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(cell: &str) -> &str {
        match held(cell, &["-".to_owned(), "无".to_owned(), "null".to_owned()]) {
            Held::Text(text) => text,
            Held::Nothing => "",
        }
    }

    #[test]
    fn ids_are_unwrapped_and_empty_words_say_nothing() {
        for (cell, inside) in [
            ("=\"2026092512345678901\"", "2026092512345678901"),
            (" =\" 12 \"\t", "12"),
            ("'13800138001", "13800138001"),
            ("'+8613800138001", "+8613800138001"),
            ("'t Hooft", "'t Hooft"),
            ("\u{3000}张三\u{a0}", "张三"),
            ("\u{feff}x", "x"),
            ("=1+1", "=1+1"),
            ("=\"\"", ""),
            ("-", ""),
            ("NULL", ""),
            ("无", ""),
            ("-1", "-1"),
            ("", ""),
        ] {
            assert_eq!(text(cell), inside, "{cell:?}");
        }
    }

    #[test]
    fn rounded_ids_are_seen() {
        for id in ["1.23E+18", "1.2e+9", "1.2E18", "1E+18", "2.02609E+17"] {
            assert!(is_destroyed(id), "{id}");
        }
        for id in ["1E5", "E+18", "12E", "a.1E+18", "1.2.3", "536365", "", "SKU.1E", "-1.2E+9"] {
            assert!(!is_destroyed(id), "{id}");
        }
    }

    #[test]
    fn amounts_lose_their_own_signs_only() {
        let cny = Currency::parse("CNY").expect("a code");
        for (written, plain) in [
            ("12.50", Some("12.50")),
            ("¥12.50", Some("12.50")),
            ("￥1,234.50", Some("1234.50")),
            ("１２．５元", Some("12.5")),
            ("1,234,567", Some("1234567")),
            ("-¥3", Some("-3")),
            ("¥-3", Some("-3")),
            ("RMB 7", Some("7")),
            (" 1 234.5 元 ", Some("1234.5")),
            ("$12", None),
            ("12,50", None),
            ("1,23,456", None),
            ("1.234,50", None),
            ("free", None),
            ("", None),
            ("元", None),
        ] {
            assert_eq!(amount(written, cny).as_deref(), plain, "{written}");
        }
        let usd = Currency::parse("USD").expect("a code");
        assert_eq!(amount("$1,000.00", usd).as_deref(), Some("1000.00"));
        assert_eq!(amount("¥1", usd), None);
    }

    #[test]
    fn instants_follow_the_formats_and_the_zone() {
        let formats =
            ["%Y/%m/%d %H:%M".to_owned(), "%Y-%m-%d %H:%M:%S %z".to_owned(), "%Y年%m月%d日".to_owned()];
        let read = |text| instant(text, &formats, chrono_tz::Asia::Shanghai).map(Instant::to_rfc3339);
        let at = |text: &str| Some(text.to_owned());
        assert_eq!(read("2026/9/5 9:05"), at("2026-09-05T01:05:00Z"));
        assert_eq!(read("2026-09-05 09:05:00 -0400"), at("2026-09-05T13:05:00Z"));
        assert_eq!(read("2026年9月5日"), at("2026-09-04T16:00:00Z"));
        assert_eq!(read("２０２６-09-05 09:05:00"), at("2026-09-05T01:05:00Z"));
        assert_eq!(read("2026-09-05T09:05:00"), at("2026-09-05T01:05:00Z"));
        for bad in ["03/04/2026", "yesterday", "2026-13-01", "", "45200"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn a_separated_amount_is_the_plain_one(minor in 0_i64..10_000_000_000) {
            let cny = Currency::parse("CNY").expect("a code");
            let (whole, cents) = ((minor / 100).to_string(), minor % 100);
            let mut grouped = String::new();
            for (n, digit) in whole.chars().enumerate() {
                if n > 0 && (whole.len() - n) % 3 == 0 {
                    grouped.push(',');
                }
                grouped.push(digit);
            }
            let read = amount(&format!("¥{grouped}.{cents:02}"), cny).expect("read");
            prop_assert_eq!(parse_minor(&read, 2), Some(minor));
        }

        #[test]
        fn any_text_has_an_answer(text in "\\PC{0,24}") {
            let _ = (held(&text, &[]), is_destroyed(&text), amount(&text, Currency::parse("CNY").expect("a code")));
        }
    }
}
