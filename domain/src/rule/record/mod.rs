//! What rules ask of the book beside the log: consents, coupons, campaigns, whom a channel reaches. What stands there is [`crate::customer::records`]'s.

mod describe;
mod eval;
mod schema;

#[cfg(test)]
pub(super) mod brute;
#[cfg(test)]
mod tests;

pub(super) use describe::describe;
pub(super) use eval::{evidence, holds};
pub(super) use schema::schema;

use super::ast::{Age, Comparison, Rule};
use super::event::Window;
use crate::campaign::definition::{self as campaign, Channel};
use crate::customer::consent::Purpose;
use crate::customer::records::Kinds;
use crate::names::stable_names;
use serde_json::{Value, json};

/// A question about records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordTest {
    Consent(ConsentTest),
    Coupon(CouponTest),
    Campaign(CampaignTest),
    /// When they last came into this campaign they were kept for comparison.
    Holdout(String),
    Reachable(ReachTest),
}

/// Whether messages for a purpose reach them on a channel, by all that lasts of what the gate asks. As it is now: contact points don't
/// say since when they are what they are, so nobody is kept by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReachTest {
    pub channel: Channel,
    pub purpose: campaign::Purpose,
}

impl ReachTest {
    /// What can be asked about; recovery is judged as service.
    pub const PURPOSES: [campaign::Purpose; 3] =
        [campaign::Purpose::Marketing, campaign::Purpose::Survey, campaign::Purpose::Service];

    /// The contact points that the channel goes to.
    pub const fn points(self) -> &'static str {
        match self.channel {
            Channel::Email => "email",
            Channel::Sms => "phone",
        }
    }

    /// That they don't refuse; for what nobody gets unasked, that they agree.
    pub const fn needs_opt_in(self) -> bool {
        self.purpose.needs_opt_in()
    }
}

/// What counts of their consent to a purpose on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentTest {
    pub purpose: Purpose,
    /// In its one spelling: [`crate::customer::consent::channel`].
    pub channel: String,
    pub answer: Answer,
    /// How long ago the word that counts was said; nothing of [`Answer::Unsaid`].
    pub said: Option<Age>,
}

/// What there is to be said of a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Granted,
    Denied,
    /// Either.
    Said,
    /// Nobody ever said anything.
    Unsaid,
}

/// Whether they hold a coupon, of any batch or of this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouponTest {
    pub batch: Option<String>,
}

/// How often something was between them and a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignTest {
    pub campaign: String,
    pub did: Deed,
    pub count: Comparison<i64>,
    pub window: Window,
}

stable_names! {
    /// What a customer does with a campaign.
    Deed {
        /// Came into it, on whichever side.
        Entered = "entered",
        /// Their way through it ended, however it did.
        Left = "left",
    }
}

impl RecordTest {
    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Consent(test) => test.to_value(),
            Self::Coupon(CouponTest { batch: None }) => json!({ "coupon": "held" }),
            Self::Coupon(CouponTest { batch: Some(batch) }) => json!({ "coupon": "held", "batch": batch }),
            Self::Campaign(CampaignTest { campaign, did, count, window }) => {
                let (op, operand) = count.to_op(|n| json!(n));
                let mut value =
                    json!({ "campaign": campaign, "did": did.as_str(), "count": { op: operand } });
                if let Some((key, window)) = window.to_op() {
                    value[key] = window;
                }
                value
            }
            Self::Holdout(campaign) => json!({ "holdout_of": campaign }),
            Self::Reachable(test) => {
                json!({ "reachable": test.channel.as_str(), "purpose": test.purpose.as_str() })
            }
        }
    }

    /// What has to be known for it.
    pub const fn kinds(&self) -> Kinds {
        match self {
            Self::Consent(_) => Kinds::CONSENTS,
            Self::Coupon(_) => Kinds::COUPONS,
            Self::Campaign(_) | Self::Holdout(_) => Kinds::CAMPAIGNS,
            Self::Reachable(_) => Kinds::POINTS.and(Kinds::CONSENTS),
        }
    }
}

impl ConsentTest {
    fn to_value(&self) -> Value {
        let (op, operand) = match self.answer {
            Answer::Granted => ("eq", json!("granted")),
            Answer::Denied => ("eq", json!("denied")),
            Answer::Said => ("exists", json!(true)),
            Answer::Unsaid => ("exists", json!(false)),
        };
        let mut value = json!({ "consent": self.purpose.as_str(), "channel": self.channel, op: operand });
        if let Some(said) = self.said {
            let (op, span) = said.to_op();
            value["said"] = json!({ op: span });
        }
        value
    }
}

/// What these rules have to know beside the log.
pub fn kinds_of<'r>(rules: impl IntoIterator<Item = &'r Rule>) -> Kinds {
    let of = |leaf: &Rule| match leaf {
        Rule::Record(test) => test.kinds(),
        _ => Kinds::default(),
    };
    rules.into_iter().flat_map(Rule::leaves).map(of).fold(Kinds::default(), Kinds::and)
}

/// Heads of leaves of this kind, as documents have them.
pub const HEADS: [(&str, Kinds); 5] = [
    ("reachable", Kinds::POINTS.and(Kinds::CONSENTS)),
    ("consent", Kinds::CONSENTS),
    ("coupon", Kinds::COUPONS),
    ("campaign", Kinds::CAMPAIGNS),
    ("holdout_of", Kinds::CAMPAIGNS),
];

/// What any rule somewhere in a document may have to know beside the log: more than that, never less.
pub fn kinds_in(document: &Value) -> Kinds {
    match document {
        Value::Array(items) => items.iter().map(kinds_in).fold(Kinds::default(), Kinds::and),
        Value::Object(fields) => {
            let own = HEADS.iter().filter(|(head, _)| fields.contains_key(*head)).map(|(_, kinds)| *kinds);
            own.chain(fields.values().map(kinds_in)).fold(Kinds::default(), Kinds::and)
        }
        _ => Kinds::default(),
    }
}
