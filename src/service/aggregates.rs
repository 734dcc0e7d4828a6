//! A profile's numbers as people and programs see them, in the profile and in the export alike: names, units, shares and
//! means. Counting them is the keeper's; which there are is the store's.

use crate::store::profiles::ProfileRow;
use domain::customer::profile::More;
use domain::money::{Currency, Money};
use domain::ratio;
use domain::time::Instant;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How money is written: `{"amount": "12.50", "currency": "CNY"}`.
#[derive(Debug, ToSchema)]
pub struct MoneyShape {
    /// A plain decimal; may be negative.
    #[schema(example = "12.50")]
    pub amount: String,
    #[schema(example = "CNY")]
    pub currency: String,
}

/// A part of a whole, both counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ShareView {
    /// `n` ÷ `of`, from 0 to 1: a decimal of at most six places, rounded half up.
    #[schema(example = "0.6")]
    pub share: String,
    #[schema(example = 3)]
    pub n: i64,
    #[schema(example = 5)]
    pub of: i64,
}

/// A part of an amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MoneyShareView {
    /// `n` ÷ `of`, from 0 to 1: a decimal of at most six places, rounded half up.
    #[schema(example = "0.016667")]
    pub share: String,
    #[schema(value_type = MoneyShape)]
    pub n: Money,
    #[schema(value_type = MoneyShape)]
    pub of: Money,
}

/// What is bought most, and the share of order lines that it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TopView {
    #[schema(example = "tea")]
    pub value: String,
    #[serde(flatten)]
    pub lines: ShareView,
}

/// A mean; what it is made of is exact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MeanView {
    /// `sum` ÷ `n`: a decimal of at most six places, rounded half up.
    #[schema(example = "4.333333")]
    pub mean: String,
    /// A plain decimal.
    #[schema(example = "13")]
    pub sum: String,
    #[schema(example = 3)]
    pub n: i64,
}

/// A mean of amounts; what it is made of is exact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MoneyMeanView {
    /// `sum` ÷ `n`, rounded half up to the minor unit.
    #[schema(value_type = MoneyShape)]
    pub mean: Money,
    #[schema(value_type = MoneyShape)]
    pub sum: Money,
    #[schema(example = 12)]
    pub n: i64,
}

/// Aggregates as last kept; they hold until the next fact or flip, which the keeper sees to. Money is in the book's base
/// currency; "365 d" is (now − 365 × 86,400 s, now] of the payment. A share or mean of nothing is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AggregatesView {
    /// `null` until the keeper came by for the first time; the numbers are 0 then.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub kept_at: Option<Instant>,
    /// Net of what came back; can be negative.
    #[schema(value_type = MoneyShape)]
    pub spend_365: Money,
    #[schema(value_type = MoneyShape)]
    pub spend_ever: Money,
    /// Counted orders: paid, neither cancelled nor wholly refunded.
    pub orders_365: i64,
    pub orders_ever: i64,
    /// Local days with a counted order.
    pub order_days: i64,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first_order_at: Option<Instant>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_order_at: Option<Instant>,
    /// The order of `last_order_at`.
    pub last_order_id: Option<String>,
    /// Net of counted orders of 365 d, per order.
    pub avg_order_365: Option<MoneyMeanView>,
    /// What was refunded, of what was paid for orders of 365 d that weren't cancelled.
    pub refund_rate_365: Option<MoneyShareView>,
    /// Orders with a coupon, of counted orders of 365 d.
    pub coupon_share_365: Option<ShareView>,
    /// Counted orders of the last 30 d where they are suspiciously many, else `null`.
    pub many_orders_30: Option<i64>,
    /// Days between order-days that follow each other: their median, whole or with a half. `null` before the second.
    #[schema(example = "30.5")]
    pub median_gap_days: Option<String>,
    /// The local hour (0 to 23) most counted orders were made in; `null` below five orders.
    pub active_hour: Option<i64>,
    /// Lines of counted orders of 365 d.
    pub lines_365: i64,
    /// Of `lines_365`, as of the next two.
    pub top_category: Option<TopView>,
    pub top_style: Option<TopView>,
    pub top_brand: Option<TopView>,
    /// Names of what was bought last, the latest first, at most three.
    pub last_products: Vec<String>,
    /// Tickets ever opened.
    pub tickets: i64,
    /// Opened in 90 d.
    pub complaints_90: i64,
    pub complaints_365: i64,
    /// Not closed.
    pub open_complaints: i64,
    /// When the one closed last was closed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub complaint_closed_at: Option<Instant>,
    /// Stars, 0 to 5.
    pub review_mean: Option<MeanView>,
    /// 1 to 5.
    pub csat_last: Option<i64>,
    pub csat_mean: Option<MeanView>,
    /// 0 to 10.
    pub nps_last: Option<i64>,
    pub nps_mean: Option<MeanView>,
    /// The last CSAT ≤ 2 or NPS ≤ 6 that no later CSAT ≥ 4 took back.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub unhappy_at: Option<Instant>,
    /// The last NPS ≥ 9.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub recommended_at: Option<Instant>,
    /// When we last turned to them, by channel and at all.
    #[schema(value_type = Object, example = json!({"email": "2026-09-15T02:30:00Z"}))]
    pub last_contacts: BTreeMap<String, Instant>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_contact_at: Option<Instant>,
    /// When they last turned to us, or answered.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_inbound_at: Option<Instant>,
    /// The channel they answer best, of three or more contacts in 180 d.
    pub preferred_channel: Option<String>,
    /// The payment of the latest order that a win-back won.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub won_back_at: Option<Instant>,
}

fn share(n: i64, of: i64) -> Option<ShareView> {
    Some(ShareView { share: ratio::decimal(n, of)?, n, of })
}

fn money_share(n: i64, of: i64, currency: Currency) -> Option<MoneyShareView> {
    let money = |minor| Money::new(minor, currency);
    Some(MoneyShareView { share: ratio::decimal(n, of)?, n: money(n), of: money(of) })
}

fn money_mean(sum: i64, n: i64, currency: Currency) -> Option<MoneyMeanView> {
    let minor = (n > 0).then(|| ratio::rounded((sum, n), 1, 0).parse::<i64>().ok()).flatten()?;
    Some(MoneyMeanView { mean: Money::new(minor, currency), sum: Money::new(sum, currency), n })
}

fn top(value: Option<String>, lines: i64, of: i64) -> Option<TopView> {
    Some(TopView { value: value?, lines: share(lines, of)? })
}

/// A mean of `n` numbers that come to `sum ÷ unit`.
fn mean(sum: i64, unit: i64, n: i64) -> Option<MeanView> {
    let mean = ratio::decimal(sum, n.checked_mul(unit)?)?;
    Some(MeanView { mean, sum: ratio::decimal(sum, unit)?, n })
}

/// A key as the shop knows it: without the shop before it.
pub(super) fn own(key: String, shop: &str) -> String {
    match key.strip_prefix(shop).and_then(|rest| rest.strip_prefix(':')) {
        Some(id) => id.to_owned(),
        None => key,
    }
}

impl AggregatesView {
    /// Of a customer of this shop.
    pub(super) fn of(row: ProfileRow, shop: &str, currency: Currency) -> Self {
        let money = |minor| Money::new(minor, currency);
        Self {
            kept_at: row.kept_at,
            spend_365: money(row.spend_365_minor),
            spend_ever: money(row.spend_ever_minor),
            orders_365: row.orders_365,
            orders_ever: row.orders_ever,
            order_days: row.order_days,
            first_order_at: row.first_order_at,
            last_order_at: row.last_order_at,
            last_order_id: row.last_order_key.map(|key| own(key, shop)),
            many_orders_30: row.many_orders_30,
            tickets: row.tickets,
            complaints_90: row.complaints_90,
            complaints_365: row.complaints_365,
            open_complaints: row.open_complaints,
            ..Self::more(row.more, row.orders_365, currency)
        }
    }

    /// Those of nobody: what the columns of a table are named by.
    pub(super) fn empty(currency: Currency) -> Self {
        Self::more(More::default(), 0, currency)
    }

    /// Those that came later; the others are empty.
    fn more(m: More, orders_365: i64, currency: Currency) -> Self {
        Self {
            kept_at: None,
            spend_365: Money::new(0, currency),
            spend_ever: Money::new(0, currency),
            orders_365: 0,
            orders_ever: 0,
            order_days: 0,
            first_order_at: None,
            last_order_at: None,
            last_order_id: None,
            many_orders_30: None,
            tickets: 0,
            complaints_90: 0,
            complaints_365: 0,
            open_complaints: 0,
            avg_order_365: money_mean(m.counted_net_365_minor, orders_365, currency),
            refund_rate_365: money_share(m.refunded_365_minor, m.gross_365_minor, currency),
            coupon_share_365: share(m.coupon_orders_365, orders_365),
            median_gap_days: m.gap_halves.and_then(|halves| ratio::decimal(halves, 2)),
            active_hour: m.active_hour,
            lines_365: m.lines_365,
            top_category: top(m.top_category, m.top_category_lines, m.lines_365),
            top_style: top(m.top_style, m.top_style_lines, m.lines_365),
            top_brand: top(m.top_brand, m.top_brand_lines, m.lines_365),
            last_products: m.last_products,
            complaint_closed_at: m.complaint_closed_at,
            review_mean: mean(m.review_milli, 1_000, m.reviews),
            csat_last: m.csat_last,
            csat_mean: mean(m.csat_sum, 1, m.csat_count),
            nps_last: m.nps_last,
            nps_mean: mean(m.nps_sum, 1, m.nps_count),
            unhappy_at: m.unhappy_at,
            recommended_at: m.recommended_at,
            last_contacts: m.last_contacts,
            last_contact_at: m.last_contact_at,
            last_inbound_at: m.last_inbound_at,
            preferred_channel: m.preferred_channel,
            won_back_at: m.won_back_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_loses_its_own_shop_only() {
        assert_eq!(own("main:A-7".to_owned(), "main"), "A-7");
        assert_eq!(own("main2:A-7".to_owned(), "main"), "main2:A-7");
        assert_eq!(own("A:7".to_owned(), "main"), "A:7");
    }

    #[test]
    fn of_nothing_there_is_neither_share_nor_mean() {
        assert_eq!((share(0, 0), mean(0, 1, 0), top(Some("tea".to_owned()), 0, 0)), (None, None, None));
        let stars = mean(13_500, 1_000, 4).unwrap();
        assert_eq!((stars.mean.as_str(), stars.sum.as_str(), stars.n), ("3.375", "13.5", 4));
    }

    #[test]
    fn a_mean_of_amounts_is_rounded_half_up_to_the_minor_unit() {
        let cny = Currency::parse("CNY").unwrap();
        let told = |sum, n| money_mean(sum, n, cny).unwrap().mean.minor;
        assert_eq!((told(59_000, 12), told(1, 2), told(-1, 2), told(-3, 2)), (4_917, 1, 0, -1));
    }
}
