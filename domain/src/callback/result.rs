//! What came out of a call that reached the customer.

use super::names::stable_names;
use serde::{Deserialize, Serialize};

stable_names! {
    /// Is the customer's matter settled?
    Resolved {
        Yes = "yes",
        Partly = "partly",
        No = "no",
    }
}

stable_names! {
    /// What follows.
    Next {
        Nothing = "none",
        Promise = "promise",
        Ticket = "ticket",
        Callback = "callback",
        DoNotCall = "do_not_call",
    }
}

stable_names! {
    /// Who was spoken to. Order details are only for those verified; a third party hears name and number.
    Verified {
        Yes = "yes",
        No = "no",
        ThirdParty = "third_party",
    }
}

stable_names! {
    /// Why a customer stayed away.
    ChurnReason {
        /// 物流
        Logistics = "logistics",
        /// 质量
        Quality = "quality",
        /// 价格
        Price = "price",
        /// 服务
        Service = "service",
        /// 竞品
        Competitor = "competitor",
        /// 无需求
        NoNeed = "no_need",
        /// 其他
        Other = "other",
    }
}

/// 1 (worst) to 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Satisfaction(u8);

impl Satisfaction {
    /// `None` unless 1–5.
    pub const fn new(points: u8) -> Option<Self> {
        if points >= 1 && points <= 5 { Some(Self(points)) } else { None }
    }
    pub const fn points(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Satisfaction {
    type Error = String;
    fn try_from(points: u8) -> Result<Self, String> {
        Self::new(points).ok_or_else(|| format!("satisfaction is 1 to 5, not {points}"))
    }
}

impl From<Satisfaction> for u8 {
    fn from(satisfaction: Satisfaction) -> Self {
        satisfaction.0
    }
}

/// What the customer said, in the agent's words. Personal: never logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    pub about: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    pub text: String,
}

/// The result an agent enters after reaching the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallResult {
    pub resolved: Resolved,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub satisfaction: Option<Satisfaction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<Feedback>,
    #[serde(default = "nothing")]
    pub next: Next,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub churn_reason: Option<ChurnReason>,
    #[serde(default = "unverified")]
    pub verified: Verified,
}

const fn nothing() -> Next {
    Next::Nothing
}
const fn unverified() -> Verified {
    Verified::No
}

impl CallResult {
    /// Dissatisfied (1 or 2) or not resolved: the case escalates and is reopened.
    pub fn reopens_the_case(&self) -> bool {
        self.resolved == Resolved::No || self.satisfaction.is_some_and(|s| s.points() <= 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_result_reads_with_its_defaults_and_refuses_what_isnt_one() {
        let short: CallResult =
            serde_json::from_value(json!({"resolved": "yes", "satisfaction": 5})).unwrap();
        assert_eq!((short.next, short.verified), (Next::Nothing, Verified::No));
        assert_eq!(serde_json::from_value::<CallResult>(json!(short)).unwrap(), short);
        for bad in [
            json!({"resolved": "maybe"}),
            json!({"resolved": "yes", "satisfaction": 6}),
            json!({"resolved": "yes", "x": 1}),
        ] {
            assert!(serde_json::from_value::<CallResult>(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_points_or_no_solution_reopen() {
        let result = |resolved: &str, satisfaction: u8| -> CallResult {
            serde_json::from_value(json!({"resolved": resolved, "satisfaction": satisfaction})).unwrap()
        };
        assert!(result("no", 5).reopens_the_case());
        assert!(result("yes", 2).reopens_the_case());
        assert!(!result("partly", 3).reopens_the_case());
    }
}
