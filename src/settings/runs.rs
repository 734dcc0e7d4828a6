//! `[runs]`: when the whole book is gone through, and by what cuts while its buyers are few.

use super::reader::Reader;
use chrono::Weekday;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunSettings {
    /// Of the shop.
    pub weekday: Weekday,
    /// Local hour of the shop, 0–23.
    pub hour: u8,
    /// From so many buyers on segments go by their fifths.
    pub rfm_buyers: u32,
    /// Ascending, 5 first.
    pub rfm_recency_days: [u32; 4],
    /// Ascending, 2 first.
    pub rfm_orders: [u32; 4],
    /// In whole units of the base currency; ascending, 2 first.
    pub rfm_spend: [u32; 4],
}

const DAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Mon),
    ("tuesday", Weekday::Tue),
    ("wednesday", Weekday::Wed),
    ("thursday", Weekday::Thu),
    ("friday", Weekday::Fri),
    ("saturday", Weekday::Sat),
    ("sunday", Weekday::Sun),
];

impl RunSettings {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let weekday = r.choice("runs.weekday", &DAYS);
        let hour = r.number("runs.hour", 0..=23);
        let rfm_buyers = r.number("runs.rfm_buyers", 5..=u32::MAX);
        let rfm_recency_days = r.parsed("runs.rfm_recency_days", four);
        let rfm_orders = r.parsed("runs.rfm_orders", four);
        let rfm_spend = r.parsed("runs.rfm_spend", four);
        Some(Self {
            weekday: weekday?,
            hour: u8::try_from(hour?).ok()?,
            rfm_buyers: rfm_buyers?,
            rfm_recency_days: rfm_recency_days?,
            rfm_orders: rfm_orders?,
            rfm_spend: rfm_spend?,
        })
    }
}

/// `30, 60, 90, 180`: four whole numbers from 1 on, each greater than the one before.
fn four(text: &str) -> Result<[u32; 4], String> {
    let wrong = || {
        format!(
            "\"{text}\" isn't four whole numbers, each greater than the one before, such as \"30, 60, 90, 180\""
        )
    };
    let numbers: Result<Vec<u32>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    let numbers: [u32; 4] = numbers.ok().and_then(|numbers| numbers.try_into().ok()).ok_or_else(wrong)?;
    let ascending = numbers[0] > 0 && numbers.windows(2).all(|pair| pair[0] < pair[1]);
    if ascending { Ok(numbers) } else { Err(wrong()) }
}
