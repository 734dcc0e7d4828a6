//! What was and is done for a customer: coupons, journeys, touches and decisions not to touch.

use super::{LINES, ME, TOUCHES};
use crate::store::StoreError;
use crate::store::packed::List;
use crate::store::sql::{Row, json, word};
use domain::campaign::touch::{Reason, TouchState};
use domain::ids::{CampaignVersionId, CouponId, EnrollmentId, TouchpointId};
use domain::money::{Currency, Money};
use domain::time::Instant;
use serde_json::Value;

/// A coupon; its code isn't here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouponLine {
    pub id: CouponId,
    pub batch: String,
    pub last4: String,
    pub face: Money,
    /// 0 is no threshold.
    pub threshold: Money,
    pub state: String,
    pub issued_at: Option<Instant>,
    pub expires_at: Option<Instant>,
    pub redeemed_at: Option<Instant>,
}

/// The latest coupons. By way of the batches, whose unique key leads to a customer's.
pub(super) fn coupons() -> List {
    let columns = [
        ("id", "c.id"),
        ("batch", "b.key"),
        ("currency", "b.currency"),
        ("threshold_minor", "b.threshold_minor"),
        ("last4", "c.last4"),
        ("face_minor", "c.face_minor"),
        ("state", "c.state"),
        ("issued_at", "c.issued_at"),
        ("expires_at", "c.expires_at"),
        ("redeemed_at", "c.redeemed_at"),
    ];
    let from = format!(
        "FROM coupon_batch b JOIN coupon c ON c.batch_id = b.id AND c.customer_id = {ME} ORDER BY c.id DESC LIMIT {LINES}"
    );
    List::new(&columns, from)
}

pub(super) fn coupon(row: &Row) -> Result<CouponLine, StoreError> {
    let coupon = row.int("id")?;
    let currency = word("coupon_batch", "currency", coupon, &row.text("currency")?, Currency::parse)?;
    Ok(CouponLine {
        id: CouponId(coupon),
        batch: row.text("batch")?,
        last4: row.text("last4")?,
        face: Money::new(row.int("face_minor")?, currency),
        threshold: Money::new(row.int("threshold_minor")?, currency),
        state: row.text("state")?,
        issued_at: row.opt_at("issued_at")?,
        expires_at: row.opt_at("expires_at")?,
        redeemed_at: row.opt_at("redeemed_at")?,
    })
}

/// An enrollment that goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct JourneyLine {
    pub id: EnrollmentId,
    pub campaign: String,
    pub version_id: CampaignVersionId,
    /// The version's document.
    pub document: Value,
    /// The true instant of the cause.
    pub cause_at: Instant,
    pub entered_at: Instant,
    pub step: usize,
    /// When it is looked at next.
    pub wake_at: Instant,
}

/// The enrollments that go on, the earliest due first.
pub(super) fn journeys() -> List {
    let columns = [
        ("id", "e.id"),
        ("campaign", "c.key"),
        ("campaign_version_id", "e.campaign_version_id"),
        ("document", "v.document"),
        ("cause_at", "e.cause_at"),
        ("entered_at", "e.entered_at"),
        ("step", "e.step"),
        ("wake_at", "e.wake_at"),
    ];
    let from = format!(
        "FROM enrollment e JOIN campaign c ON c.id = e.campaign_id \
         JOIN campaign_version v ON v.id = e.campaign_version_id \
         WHERE e.customer_id = {ME} AND e.state = 'active' ORDER BY e.wake_at, e.id LIMIT {LINES}"
    );
    List::new(&columns, from)
}

pub(super) fn journey(row: &Row) -> Result<JourneyLine, StoreError> {
    let enrollment = row.int("id")?;
    let version = row.int("campaign_version_id")?;
    let step = row.int("step")?;
    Ok(JourneyLine {
        id: EnrollmentId(enrollment),
        campaign: row.text("campaign")?,
        version_id: CampaignVersionId(version),
        document: json("campaign_version", "document", version, &row.text("document")?)?,
        cause_at: row.at("cause_at")?,
        entered_at: row.at("entered_at")?,
        step: word("enrollment", "step", enrollment, &step.to_string(), |_| usize::try_from(step).ok())?,
        wake_at: row.at("wake_at")?,
    })
}

/// A touch, or the decision not to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TouchLine {
    pub id: TouchpointId,
    pub campaign: String,
    /// The journey it belongs to.
    pub enrollment_id: EnrollmentId,
    pub step: i64,
    pub channel: String,
    pub purpose: String,
    pub template: String,
    pub state: TouchState,
    pub reason: Option<Reason>,
    /// The customer's day it is planned for.
    pub local_date: String,
    pub handed_at: Option<Instant>,
    pub ended_at: Option<Instant>,
    pub created_at: Instant,
    pub not_before: Instant,
    /// Until then it may go out.
    pub expires_at: Instant,
}

/// The latest touches, decided or waiting, the latest decision first.
pub(super) fn touches() -> List {
    let columns = [
        ("id", "t.id"),
        ("campaign", "c.key"),
        ("enrollment_id", "t.enrollment_id"),
        ("step", "t.step"),
        ("channel", "t.channel"),
        ("purpose", "t.purpose"),
        ("template_key", "t.template_key"),
        ("state", "t.state"),
        ("reason", "t.reason"),
        ("local_date", "t.local_date"),
        ("handed_at", "t.handed_at"),
        ("ended_at", "t.ended_at"),
        ("created_at", "t.created_at"),
        ("not_before", "t.not_before"),
        ("expires_at", "t.expires_at"),
    ];
    let from = format!(
        "FROM touchpoint t JOIN campaign c ON c.id = t.campaign_id WHERE t.customer_id = {ME} \
         ORDER BY COALESCE(t.handed_at, t.ended_at, t.created_at) DESC, t.id DESC LIMIT {TOUCHES}"
    );
    List::new(&columns, from)
}

pub(super) fn touch(row: &Row) -> Result<TouchLine, StoreError> {
    let touch = row.int("id")?;
    let reason = row.opt_text("reason")?;
    Ok(TouchLine {
        id: TouchpointId(touch),
        campaign: row.text("campaign")?,
        enrollment_id: EnrollmentId(row.int("enrollment_id")?),
        step: row.int("step")?,
        channel: row.text("channel")?,
        purpose: row.text("purpose")?,
        template: row.text("template_key")?,
        state: word("touchpoint", "state", touch, &row.text("state")?, TouchState::parse)?,
        reason: reason.map(|text| word("touchpoint", "reason", touch, &text, Reason::parse)).transpose()?,
        local_date: row.text("local_date")?,
        handed_at: row.opt_at("handed_at")?,
        ended_at: row.opt_at("ended_at")?,
        created_at: row.at("created_at")?,
        not_before: row.at("not_before")?,
        expires_at: row.at("expires_at")?,
    })
}
