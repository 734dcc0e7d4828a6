//! What kind of account a customer has, as people say, and what looks as if it were another kind. Suspicion is shown
//! and changes nothing: only people say what an account is.

use crate::names::stable_names;
use crate::rule::Lang;
use crate::time::Span;

stable_names! {
    /// What an account is. Only a consumer's gets tiers above the lowest and care campaigns (domain §1).
    AccountKind {
        Consumer = "consumer",
        Reseller = "reseller",
        Staff = "staff",
        Test = "test",
        /// Orders made for show (刷单).
        Brushing = "brushing",
    }
}

impl AccountKind {
    pub const fn is_consumer(self) -> bool {
        matches!(self, Self::Consumer)
    }

    /// For people.
    pub const fn name(self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Self::Consumer => ("consumer", "普通消费者"),
            Self::Reseller => ("reseller", "经销商"),
            Self::Staff => ("staff", "员工"),
            Self::Test => ("test", "测试"),
            Self::Brushing => ("brushing", "刷单"),
        };
        match lang {
            Lang::En => en,
            Lang::ZhCn => zh,
        }
    }
}

/// From so many counted orders within [`SUSPICIOUS_SPAN`] on an account is suspicious.
pub const SUSPICIOUS_ORDERS: i64 = 20;
/// `(now − 30·86,400 s, now]`.
pub const SUSPICIOUS_SPAN: Span = Span::days(30);

/// From more than so many times the 95th percentile of all buyers' spends an account is suspicious.
pub const SUSPICIOUS_SPENDS: i64 = 20;

/// Why an account looks like no consumer's. It is shown to people and never acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspicion {
    /// So many counted orders in the last 30 d; [`SUSPICIOUS_ORDERS`] are suspicious.
    Orders30(i64),
    /// Net spend in 365 d above a bound, both in minor units.
    Spend365 { spend_minor: i64, above_minor: i64 },
}

/// What is suspicious about a consumer's account: by [`super::Profile::many_orders_30`], and by its net spend in 365 d beside
/// the 95th percentile of all buyers', where enough of them are known. Of any other people have said already what it is.
pub fn suspicions(
    account: AccountKind,
    many_orders_30: Option<i64>,
    spend_minor: i64,
    spend_p95_minor: Option<i64>,
) -> Vec<Suspicion> {
    if !account.is_consumer() {
        return Vec::new();
    }
    let above = spend_p95_minor.map(|p95| p95.saturating_mul(SUSPICIOUS_SPENDS));
    let spend = above
        .filter(|above| spend_minor > *above)
        .map(|above_minor| Suspicion::Spend365 { spend_minor, above_minor });
    many_orders_30.map(Suspicion::Orders30).into_iter().chain(spend).collect()
}
