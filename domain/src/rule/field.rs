//! What of a profile rules can name: keys, kinds, and what people call them. What each is of one customer is
//! [`super::eval`]'s.

use super::describe::Lang;
use crate::money::parse_minor;
use crate::time::Instant;
use serde_json::{Value, json};

/// What a field's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Millionths of the base currency's major unit, so that a rule reads the same for every currency.
    Money,
    Count,
    /// Microseconds since 1970-01-01T00:00:00Z.
    Instant,
    /// A part of a whole, in millionths; written `40%`.
    Share,
    /// A mean or a median, in millionths; written `3.5`.
    Number,
    /// A word; compared folded.
    Text,
    /// A day of the year. It can be there or come round, not be compared.
    Birthday,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident = $key:literal, $kind:ident, $en:literal, $zh:literal;)+) => {
        /// A profile aggregate rules can name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field { $($(#[$doc])* $variant,)+ }

        impl Field {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// As rules, exports and evidence write it.
            pub const fn key(self) -> &'static str {
                match self { $(Self::$variant => $key,)+ }
            }

            pub const fn kind(self) -> FieldKind {
                match self { $(Self::$variant => FieldKind::$kind,)+ }
            }

            /// What people call it.
            pub const fn name(self, lang: Lang) -> &'static str {
                match (self, lang) {
                    $((Self::$variant, Lang::En) => $en, (Self::$variant, Lang::ZhCn) => $zh,)+
                }
            }
        }
    };
}

fields! {
    Spend365 = "spend_365", Money, "net spend in 365 d", "365 天净消费";
    SpendEver = "spend_ever", Money, "net spend ever", "累计净消费";
    Orders365 = "orders_365", Count, "the number of counted orders in 365 d", "365 天有效订单数";
    OrdersEver = "orders_ever", Count, "the number of counted orders ever", "累计有效订单数";
    OrderDays = "order_days", Count, "the number of order-days", "下单日数";
    FirstOrderAt = "first_order_at", Instant, "the first counted order", "首个有效订单";
    LastOrderAt = "last_order_at", Instant, "the last counted order", "最近有效订单";
    /// Net of counted orders ÷ their number.
    AvgOrder365 = "avg_order_365", Money, "the mean of a counted order in 365 d", "365 天客单价";
    /// Refunded ÷ paid, of orders that weren't cancelled.
    RefundRate365 = "refund_rate_365", Share, "the refunded share of what was paid in 365 d", "365 天退款率";
    /// Counted orders paid with a coupon ÷ counted orders.
    CouponShare365 = "coupon_share_365", Share, "the share of orders with a coupon in 365 d", "365 天用券订单占比";
    /// Between order-days that follow each other.
    MedianGapDays = "median_gap_days", Number, "the median of days between order-days", "下单间隔中位天数";
    ActiveHour = "active_hour", Count, "the hour most orders were made in", "最常下单时段";
    Lines365 = "lines_365", Count, "the number of order lines in 365 d", "365 天订单行数";
    TopCategory = "top_category", Text, "the category bought most", "最常购品类";
    TopCategoryShare = "top_category_share", Share, "the share of the category bought most", "最常购品类占比";
    TopStyle = "top_style", Text, "the style bought most", "最常购风格";
    TopStyleShare = "top_style_share", Share, "the share of the style bought most", "最常购风格占比";
    TopBrand = "top_brand", Text, "the brand bought most", "最常购品牌";
    TopBrandShare = "top_brand_share", Share, "the share of the brand bought most", "最常购品牌占比";
    OpenComplaints = "open_complaints", Count, "the number of open complaints", "未结客诉数";
    Complaints90 = "complaints_90", Count, "the number of complaints in 90 d", "90 天客诉数";
    Complaints365 = "complaints_365", Count, "the number of complaints in 365 d", "365 天客诉数";
    ComplaintClosedAt = "complaint_closed_at", Instant, "the last closing of a complaint", "最近客诉关闭";
    Tickets = "tickets", Count, "the number of tickets", "工单数";
    Reviews = "reviews", Count, "the number of reviews", "评价数";
    /// Of 5 stars.
    ReviewMean = "review_mean", Number, "the mean of reviews in stars", "平均评分";
    CsatLast = "csat_last", Count, "the last satisfaction score", "最近满意度";
    CsatMean = "csat_mean", Number, "the mean satisfaction score", "平均满意度";
    NpsLast = "nps_last", Count, "the last score of recommending", "最近 NPS 评分";
    NpsMean = "nps_mean", Number, "the mean score of recommending", "平均 NPS 评分";
    /// The last CSAT ≤ 2 or NPS ≤ 6 that no later CSAT ≥ 4 took back.
    UnhappyAt = "unhappy_at", Instant, "the last answer of discontent", "最近不满意反馈";
    /// The last NPS ≥ 9.
    RecommendedAt = "recommended_at", Instant, "the last answer that would recommend us", "最近推荐反馈";
    LastContactAt = "last_contact_at", Instant, "our last contact to them", "最近触达";
    LastInboundAt = "last_inbound_at", Instant, "their last word or answer", "最近主动联系或应答";
    /// Of channels with 3 or more contacts in 180 d.
    PreferredChannel = "preferred_channel", Text, "the channel answered best", "应答最好的渠道";
    /// The payment of the latest order that was the first within 60 d after coming into a win-back.
    WonBackAt = "won_back_at", Instant, "the last order won back", "最近召回成交";
    RegisteredAt = "registered_at", Instant, "the registration", "注册";
    Birthday = "birthday", Birthday, "the birthday", "生日";
}

impl Field {
    pub fn named(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.key() == key)
    }
}

/// Millionths as a plain decimal with at least `places` places.
fn decimal(millionths: i64, places: usize) -> String {
    let digits = format!("{:06}", millionths.unsigned_abs() % 1_000_000);
    let kept = digits.trim_end_matches('0').len().max(places);
    let sign = if millionths < 0 { "-" } else { "" };
    let whole = millionths.unsigned_abs() / 1_000_000;
    if kept == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{}", &digits[..kept]) }
}

impl FieldKind {
    /// An operand as a person writes it: `10000.00`, `3`, `40%`, `2026-01-01T00:00:00Z`.
    pub fn write(self, operand: i64) -> String {
        match self {
            Self::Money => decimal(operand, 2),
            Self::Share => format!("{}%", decimal(operand.saturating_mul(100), 0)),
            Self::Number => decimal(operand, 0),
            Self::Count | Self::Text | Self::Birthday => operand.to_string(),
            Self::Instant => Instant::from_micros(operand).to_rfc3339(),
        }
    }

    /// Reads an operand as rules have it; the opposite of [`Self::write`].
    pub fn operand(self, text: &str) -> Option<i64> {
        self.read(text).ok()
    }

    pub(super) fn to_value(self, operand: i64) -> Value {
        if self == Self::Count { json!(operand) } else { json!(self.write(operand)) }
    }

    /// Reads an operand; else what should have been written.
    pub(super) fn read(self, text: &str) -> Result<i64, &'static str> {
        let places = |text: &str| text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let exact = |text: &str, most: usize| parse_minor(text, 6).filter(|_| places(text) <= most);
        let instant = || Instant::parse_rfc3339(text).map(|at| at.micros());
        match self {
            Self::Money => exact(text, 6).ok_or("an amount such as \"10000.00\""),
            Self::Count => text.parse().map_err(|_| "a whole number"),
            Self::Number => exact(text, 6).ok_or("a number such as 4.5"),
            Self::Share => {
                let percent = text.strip_suffix('%').and_then(|text| exact(text.trim_end(), 4));
                percent.filter(|n| n % 100 == 0).map(|n| n / 100).ok_or("a share such as \"40%\"")
            }
            Self::Instant => {
                instant().ok_or("an instant with its offset such as \"2026-01-31T09:00:00+08:00\"")
            }
            Self::Text | Self::Birthday => Err("a number"),
        }
    }
}
