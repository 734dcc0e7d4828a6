//! What kind of account a customer has, as people say, and what looks as if it were another kind. Suspicion is shown
//! and changes nothing: only people say what an account is.

use crate::names::stable_names;
use crate::time::Span;
use serde::Serialize;

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
}

/// From so many counted orders within [`SUSPICIOUS_SPAN`] on an account is suspicious.
pub const SUSPICIOUS_ORDERS: i64 = 20;
/// `(now − 30·86,400 s, now]`.
pub const SUSPICIOUS_SPAN: Span = Span::days(30);

/// Why an account looks like no consumer's. It is shown to people and never acted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suspicion {
    /// `orders_30d`: counted orders of the last 30 d.
    pub rule: &'static str,
    pub value: i64,
    /// The value from which on it is suspicious.
    pub threshold: i64,
}

/// What is suspicious about a consumer's account, by [`super::Profile::many_orders_30`]; of any other people have said already what it is.
pub fn suspicions(account: AccountKind, many_orders_30: Option<i64>) -> Vec<Suspicion> {
    let many = many_orders_30.filter(|_| account.is_consumer());
    let line = |value| Suspicion { rule: "orders_30d", value, threshold: SUSPICIOUS_ORDERS };
    many.map(line).into_iter().collect()
}
