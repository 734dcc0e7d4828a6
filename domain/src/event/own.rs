//! The events of source `kinkeeper`: what the daemon did, in shapes that rules can rely on. They are fixed here
//! and nowhere else; whoever does the thing writes its event through [`Own`].

use crate::customer::dealings::Score;
use crate::event::values::snake;
use crate::event::{Detail, Fact, Said, shapes};
use crate::ids::{CallbackId, CouponId, EnrollmentId, TouchpointId};
use crate::problem::Problem;
use crate::time::Instant;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// One thing the daemon did, as `{"event": "Touch Sent", "properties": {…}}`. Amounts are plain decimals in the
/// book's base currency; ids are spelled as everywhere outside (`tp_7`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "properties", deny_unknown_fields)]
pub enum Own {
    #[serde(rename = "Campaign Entered")]
    CampaignEntered { campaign: String, enrollment: EnrollmentId, arm: Arm, occasion: String },
    #[serde(rename = "Campaign Exited")]
    CampaignExited { campaign: String, enrollment: EnrollmentId, reason: String },
    #[serde(rename = "Goal Reached")]
    GoalReached { campaign: String, enrollment: EnrollmentId, arm: Arm },
    #[serde(rename = "Touch Sent")]
    TouchSent(Touch),
    #[serde(rename = "Touch Delivered")]
    TouchDelivered(Touch),
    #[serde(rename = "Touch Bounced")]
    TouchBounced(Touch),
    #[serde(rename = "Touch Clicked")]
    TouchClicked(Touch),
    #[serde(rename = "Coupon Issued")]
    CouponIssued(Coupon),
    #[serde(rename = "Coupon Redeemed")]
    CouponRedeemed(Coupon),
    #[serde(rename = "Coupon Expired")]
    CouponExpired(Coupon),
    #[serde(rename = "Coupon Revoked")]
    CouponRevoked(Coupon),
    #[serde(rename = "Callback Completed")]
    CallbackCompleted {
        callback: CallbackId,
        kind: String,
        resolved: Resolved,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        satisfaction: Option<u8>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        churn_reason: Option<String>,
    },
    #[serde(rename = "Callback Exhausted")]
    CallbackExhausted { callback: CallbackId, kind: String },
    #[serde(rename = "Promise Kept")]
    PromiseKept { promise: String, kind: String },
    #[serde(rename = "Promise Broken")]
    PromiseBroken { promise: String, kind: String },
    #[serde(rename = "Complaint Opened")]
    ComplaintOpened(Complaint),
    #[serde(rename = "Complaint Escalated")]
    ComplaintEscalated(Complaint),
    #[serde(rename = "Complaint Closed")]
    ComplaintClosed(Complaint),
    #[serde(rename = "Complaint Reopened")]
    ComplaintReopened(Complaint),
    /// Somebody gave a tag by hand.
    #[serde(rename = "Tag Added")]
    TagAdded {
        tag: String,
        /// The level, or `true`.
        value: String,
        /// From then on it is what its rule says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Instant>,
    },
    #[serde(rename = "Tag Removed")]
    TagRemoved(TagRemoval),
    /// A run over the whole book changed what counts for somebody.
    #[serde(rename = "Score Settled")]
    ScoreSettled(Settled),
    #[serde(rename = "Compensation Approved")]
    CompensationApproved { complaint: String, kind: String, amount: String },
}

/// Which side of a holdout somebody is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    Treated,
    Control,
}

/// Whether a call settled what it was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolved {
    Yes,
    Partly,
    No,
}

/// Of a touchpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touch {
    pub touchpoint: TouchpointId,
    pub campaign: String,
    pub channel: String,
    pub purpose: String,
    pub step: u32,
    /// Of a bounce: what the other side said, without addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Of a coupon. Its code is never said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coupon {
    pub coupon: CouponId,
    pub batch: String,
    /// Plain decimal.
    pub face: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// Redeemed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
}

/// Somebody took a tag away by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagRemoval {
    pub tag: String,
    /// Until then its rule doesn't give it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed_until: Option<Instant>,
}

/// What runs over the whole book agree on of somebody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Settled {
    pub score: Score,
    /// None: nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The numbers that made it so, by name, as of the run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, i64>,
}

/// Of a complaint the daemon works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// Its ticket's id.
    pub ticket_id: String,
    /// `S1` … `S4`.
    pub severity: String,
    /// 1, and one more with each reopening.
    pub cycle: u32,
}

impl Own {
    /// The event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CampaignEntered { .. } => "Campaign Entered",
            Self::CampaignExited { .. } => "Campaign Exited",
            Self::GoalReached { .. } => "Goal Reached",
            Self::TouchSent(_) => "Touch Sent",
            Self::TouchDelivered(_) => "Touch Delivered",
            Self::TouchBounced(_) => "Touch Bounced",
            Self::TouchClicked(_) => "Touch Clicked",
            Self::CouponIssued(_) => "Coupon Issued",
            Self::CouponRedeemed(_) => "Coupon Redeemed",
            Self::CouponExpired(_) => "Coupon Expired",
            Self::CouponRevoked(_) => "Coupon Revoked",
            Self::CallbackCompleted { .. } => "Callback Completed",
            Self::CallbackExhausted { .. } => "Callback Exhausted",
            Self::PromiseKept { .. } => "Promise Kept",
            Self::PromiseBroken { .. } => "Promise Broken",
            Self::ComplaintOpened(_) => "Complaint Opened",
            Self::ComplaintEscalated(_) => "Complaint Escalated",
            Self::ComplaintClosed(_) => "Complaint Closed",
            Self::ComplaintReopened(_) => "Complaint Reopened",
            Self::TagAdded { .. } => "Tag Added",
            Self::TagRemoved(_) => "Tag Removed",
            Self::ScoreSettled(_) => "Score Settled",
            Self::CompensationApproved { .. } => "Compensation Approved",
        }
    }

    /// What somebody who speaks for the book says it did. Names of properties may be written in camelCase; of others than its
    /// own it takes no notice.
    pub(super) fn read(name: &str, properties: &Map<String, Value>) -> Result<Self, Problem> {
        let known = |key: &str| shapes::SHAPES.iter().any(|shape| shape.name == name && shape.has(key));
        let said = properties.iter().filter(|(_, value)| !value.is_null());
        let said = said.map(|(key, value)| (snake(key), value.clone())).filter(|(key, _)| known(key));
        let said: Map<String, Value> = said.collect();
        serde_json::from_value(json!({ "event": name, "properties": said })).map_err(|wrong| {
            let detail =
                format!("aren't what {name} says ({wrong}); docs/events.md lists what each event has");
            Problem::new("properties", "bad_own_event", detail)
        })
    }

    /// As it is said, of whom it is known to be about.
    pub fn said_at(self, at: Instant) -> Said {
        let properties = serde_json::to_value(&self).ok().and_then(|mut value| {
            value.get_mut("properties").and_then(Value::as_object_mut).map(std::mem::take)
        });
        Said {
            timestamp: Some(at),
            properties: properties.unwrap_or_default(),
            detail: Some(Detail::Own(Box::new(self.clone()))),
            ..Said::of(Fact::Custom { name: self.name().to_owned() })
        }
    }

    /// One of each, everything said: what examples, templates' samples and tests are made from.
    pub fn samples() -> Vec<Self> {
        let (campaign, enrollment) = ("winback".to_owned(), EnrollmentId(5));
        let touch = Touch {
            touchpoint: TouchpointId(7),
            campaign: campaign.clone(),
            channel: "email".to_owned(),
            purpose: "marketing".to_owned(),
            step: 0,
            reason: Some("550 mailbox unknown".to_owned()),
        };
        let coupon = Coupon {
            coupon: CouponId(3),
            batch: "winback-50".to_owned(),
            face: "50.00".to_owned(),
            expires_at: Some(Instant::from_micros(1_798_761_600_000_000)),
            order_id: Some("E1001".to_owned()),
        };
        let complaint = Complaint { ticket_id: "T9".to_owned(), severity: "S2".to_owned(), cycle: 1 };
        let (callback, kind) = (CallbackId(11), "complaint".to_owned());
        let promise = || ("prm_2".to_owned(), "callback".to_owned());
        vec![
            Self::CampaignEntered {
                campaign: campaign.clone(),
                enrollment,
                arm: Arm::Treated,
                occasion: "after:shop:E1000".to_owned(),
            },
            Self::CampaignExited { campaign: campaign.clone(), enrollment, reason: "ordered".to_owned() },
            Self::GoalReached { campaign, enrollment, arm: Arm::Control },
            Self::TouchSent(touch.clone()),
            Self::TouchDelivered(touch.clone()),
            Self::TouchBounced(touch.clone()),
            Self::TouchClicked(touch),
            Self::CouponIssued(coupon.clone()),
            Self::CouponRedeemed(coupon.clone()),
            Self::CouponExpired(coupon.clone()),
            Self::CouponRevoked(coupon),
            Self::CallbackCompleted {
                callback,
                kind: kind.clone(),
                resolved: Resolved::Yes,
                satisfaction: Some(5),
                churn_reason: Some("物流".to_owned()),
            },
            Self::CallbackExhausted { callback, kind },
            Self::PromiseKept { promise: promise().0, kind: promise().1 },
            Self::PromiseBroken { promise: promise().0, kind: promise().1 },
            Self::ComplaintOpened(complaint.clone()),
            Self::ComplaintEscalated(complaint.clone()),
            Self::ComplaintClosed(complaint.clone()),
            Self::ComplaintReopened(complaint),
            Self::TagAdded {
                tag: "vip".to_owned(),
                value: "true".to_owned(),
                expires_at: Some(Instant::from_micros(1_798_761_600_000_000)),
            },
            Self::TagRemoved(TagRemoval {
                tag: "vip".to_owned(),
                suppressed_until: Some(Instant::from_micros(1_798_761_600_000_000)),
            }),
            Self::ScoreSettled(Settled {
                score: Score::Rfm,
                value: Some("important_value".to_owned()),
                parts: BTreeMap::from([("recency".to_owned(), 5)]),
            }),
            Self::CompensationApproved {
                complaint: "T9".to_owned(),
                kind: "coupon".to_owned(),
                amount: "20.00".to_owned(),
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Context, Reading, Speaker, parse};
    use crate::money::Currency;

    fn read(event: &str, properties: &Value, speaker: Speaker) -> Result<Said, Vec<Problem>> {
        let yuan = Currency::parse("CNY").expect("a code");
        let context = Context { zone: chrono_tz::UTC, currency: yuan, base: yuan, clock: None, speaker };
        let sent = json!({"type": "track", "userId": "u", "event": event, "properties": properties});
        parse(&sent, &context).map(|reading| match reading {
            Reading::Event(said) => *said,
            Reading::Browsing => panic!("a track event"),
        })
    }

    #[test]
    fn what_the_book_says_it_did_counts_and_what_others_say_of_the_same_name_doesnt() {
        for own in Own::samples() {
            let sent = own.clone().said_at(Instant::from_micros(0));
            let properties = Value::Object(sent.properties.clone());
            let fact = Fact::Custom { name: own.name().to_owned() };
            let by_book = read(own.name(), &properties, Speaker::Book).expect("right");
            assert_eq!((by_book.fact, by_book.detail), (fact.clone(), sent.detail));
            assert_eq!(by_book.properties, sent.properties);
            let by_another = read(own.name(), &properties, Speaker::Sender).expect("any name is taken");
            assert_eq!((by_another.fact, by_another.detail), (fact, None));
        }
    }

    #[test]
    fn the_book_must_say_it_rightly() {
        let entered =
            json!({"campaign": "winback", "enrollment": "enr_5", "arm": "control", "occasion": "o"});
        let with = |field: &str, value: Value| {
            let mut entered = entered.clone();
            entered[field] = value;
            read("Campaign Entered", &entered, Speaker::Book).map(drop).map_err(|found| found[0].to_string())
        };
        assert_eq!(with("more", json!("is kept")), Ok(()));
        for (field, value, why) in [
            ("arm", json!("both"), "unknown variant `both`"),
            ("enrollment", json!("5"), "enr_"),
            ("campaign", Value::Null, "missing field `campaign`"),
        ] {
            let told = with(field, value).expect_err(field);
            assert!(
                told.starts_with("properties: aren't what Campaign Entered says (") && told.contains(why),
                "{told}"
            );
        }
        // What the book says beside that is what anybody would say.
        let order =
            read("Order Completed", &json!({"order_id": "A", "total": 1}), Speaker::Book).expect("right");
        assert_eq!(order.fact, Fact::OrderCompleted { order_id: "A".to_owned(), total_minor: 100 });
    }
}
