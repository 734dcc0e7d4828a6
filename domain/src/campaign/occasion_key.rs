//! What makes an enrollment once: the natural key of its cause (domain §6), stable under rebuild, late
//! facts and merge. Only how keys are spelt lives here.

use crate::calendar::occasion::Slot;
use chrono::NaiveDate;
use std::fmt;

/// Unique together with campaign and customer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OccasionKey(String);

impl OccasionKey {
    /// A festival: its name and the year of its date, `christmas:2011`, as its slot spells it.
    pub fn festival(slot: &Slot) -> Self {
        Self(slot.occasion_key.clone())
    }

    /// churn_risk and churn_early: the order after which nothing came, by its key, which begins with its shop:
    /// `after:<shop>:<order id>`.
    pub fn after_order(order_key: &str) -> Self {
        Self(format!("after:{order_key}"))
    }

    /// A ticket or complaint; its `reopenings`-th reopening is another cause: `ticket:77`, `ticket:77:1`.
    pub fn ticket(ticket_id: &str, reopenings: u32) -> Self {
        match reopenings {
            0 => Self(format!("ticket:{ticket_id}")),
            n => Self(format!("ticket:{ticket_id}:{n}")),
        }
    }

    /// Any other tag entry: the tag and the local date of its true instant.
    pub fn tag_entry(tag: &str, on: NaiveDate) -> Self {
        Self(format!("{tag}:{on}"))
    }

    /// An event without a business key of its own.
    pub fn event(source: &str, message_id: &str) -> Self {
        Self(format!("{source}:{message_id}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OccasionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spelt_as_the_papers_say() {
        assert_eq!(OccasionKey::after_order("retail:536365").as_str(), "after:retail:536365");
        assert_eq!(OccasionKey::ticket("77", 0).as_str(), "ticket:77");
        assert_eq!(OccasionKey::ticket("77", 2).as_str(), "ticket:77:2");
        let on = NaiveDate::from_ymd_opt(2011, 12, 1).expect("date");
        assert_eq!(OccasionKey::tag_entry("vip_candidate", on).as_str(), "vip_candidate:2011-12-01");
    }
}
