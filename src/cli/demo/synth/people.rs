//! The made-up shop's customers: names put together from common parts, numbers that no carrier has, addresses under
//! example domains. How often each buys follows from their place in the book.

use super::dice::Dice;
use super::{CUSTOMERS, day, stamp};
use chrono::{Duration, NaiveDate, NaiveDateTime};
use std::fmt::Write;

/// How somebody buys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Often and much.
    Devoted,
    /// A few times a year.
    Steady,
    /// At the great sales.
    Bargain,
    Once,
    /// Not for half a year.
    Quiet,
    /// Not for a year.
    Gone,
    /// Never.
    Looking,
}

pub struct Person {
    pub id: String,
    pub habit: Habit,
    pub registered_at: NaiveDateTime,
    name: String,
    email: String,
    phone: String,
    birthday: String,
    tier: &'static str,
    mail: &'static str,
    sms: &'static str,
}

const FAMILY: [&str; 40] = [
    "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡", "郭", "何",
    "林", "高", "罗", "郑", "梁", "谢", "宋", "唐", "许", "韩", "冯", "邓", "曹", "彭", "曾", "肖", "田",
    "董", "潘", "袁", "蔡", "欧阳", "上官",
];
const FIRST: [&str; 30] = [
    "子", "雨", "思", "晓", "佳", "若", "志", "文", "明", "静", "一", "梓", "安", "清", "书", "慧", "建",
    "海", "春", "秋", "云", "嘉", "景", "念", "可", "诗", "远", "知", "予", "乐",
];
const SECOND: [&str; 30] = [
    "涵", "轩", "琪", "彤", "华", "强", "敏", "宁", "辰", "悦", "萱", "峰", "杰", "雅", "然", "航", "妍",
    "霖", "娜", "凯", "欣", "瑶", "舟", "晴", "禾", "屿", "白", "溪", "桐", "言",
];

/// A number that can't be called: 154 belongs to no carrier.
const PREFIX: &str = "15400";

pub fn make(dice: &mut Dice) -> Vec<Person> {
    (0..CUSTOMERS).map(|i| person(dice, i)).collect()
}

fn habit(place: usize) -> Habit {
    match place % 100 {
        0..4 => Habit::Devoted,
        4..28 => Habit::Steady,
        28..52 => Habit::Bargain,
        52..79 => Habit::Once,
        79..92 => Habit::Quiet,
        92..96 => Habit::Gone,
        _ => Habit::Looking,
    }
}

fn person(dice: &mut Dice, place: usize) -> Person {
    let second = if dice.percent(80) { dice.pick(&SECOND) } else { "" };
    let name = format!("{}{}{second}", dice.pick(&FAMILY), dice.pick(&FIRST));
    let habit = habit(place);
    let back = match habit {
        Habit::Looking => dice.between(10, 300),
        _ => dice.between(390, 900),
    };
    let registered_on = day(2026, 10, 8) - Duration::days(back);
    let registered_at = registered_on.and_time(clock(dice));
    let id = format!("M{:05}", 10_001 + place);
    let host = dice.pick(&["example.com", "example.net", "example.org"]);
    let tier = match habit {
        Habit::Devoted => "金卡会员",
        Habit::Steady if dice.percent(40) => "银卡会员",
        _ => "普通会员",
    };
    Person {
        email: if dice.percent(88) { format!("{}@{host}", id.to_lowercase()) } else { String::new() },
        phone: format!("{PREFIX}{:06}", place * 7 + 13),
        birthday: birthday(dice),
        mail: answer(dice),
        sms: answer(dice),
        id,
        habit,
        registered_at,
        name,
        tier,
    }
}

/// Some say none, some without the year, some by the lunar calendar.
fn birthday(dice: &mut Dice) -> String {
    let (month, dom) = (dice.between(1, 12), dice.between(1, 28));
    let year = dice.between(1962, 2005);
    match dice.below(100) {
        0..30 => String::new(),
        30..70 => format!("{year}-{month:02}-{dom:02}"),
        70..84 => format!("{month:02}-{dom:02}"),
        84..93 => format!("lunar:{year}-{month:02}-{dom:02}"),
        _ => format!("lunar:{month:02}-{dom:02}"),
    }
}

fn answer(dice: &mut Dice) -> &'static str {
    match dice.below(100) {
        0..62 => "granted",
        62..78 => "denied",
        _ => "",
    }
}

/// A time of the day, seldom in the night.
pub fn clock(dice: &mut Dice) -> chrono::NaiveTime {
    const HOURS: [u64; 24] =
        [3, 1, 1, 0, 0, 1, 2, 4, 7, 10, 12, 11, 12, 10, 9, 9, 10, 10, 10, 12, 16, 18, 14, 8];
    let hour = u32::try_from(dice.weighted(&HOURS)).unwrap_or(12);
    let rest = u32::try_from(dice.below(3_600)).unwrap_or(0);
    chrono::NaiveTime::from_hms_opt(hour, rest / 60, rest % 60).expect("a time of the day")
}

/// A date of `from..=to`.
pub fn date(dice: &mut Dice, from: NaiveDate, to: NaiveDate) -> NaiveDate {
    from + Duration::days(dice.between(0, (to - from).num_days()))
}

pub fn table(people: &[Person]) -> String {
    let mut out = String::from(
        "customer_id,name,public_tier,email,phone,birthday,registered_at,locale,consent_email_marketing,consent_sms_marketing\n",
    );
    for p in people {
        let at = stamp(p.registered_at);
        let Person { id, name, tier, email, phone, birthday, mail, sms, .. } = p;
        let _ = writeln!(out, "{id},{name},{tier},{email},{phone},{birthday},{at},zh-CN,{mail},{sms}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_anybody() {
        let people = make(&mut Dice::new(super::super::SEED));
        assert_eq!(people.len(), 2_000);
        let phones: std::collections::BTreeSet<&str> = people.iter().map(|p| p.phone.as_str()).collect();
        assert_eq!(phones.len(), 2_000, "each has a number of their own");
        for p in &people {
            assert!(p.phone.len() == 11 && p.phone.starts_with("154"), "{}", p.phone);
            assert!(p.email.is_empty() || p.email.contains("@example."), "{}", p.email);
        }
        assert!(people.iter().any(|p| p.birthday.starts_with("lunar:")));
    }
}
