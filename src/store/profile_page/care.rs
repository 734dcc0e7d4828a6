//! What was and is done for a customer: coupons, journeys, touches and decisions not to touch.

use crate::store::sql::{args, json, word};
use crate::store::{Db, StoreError};
use domain::campaign::touch::{Reason, TouchState};
use domain::ids::{CampaignVersionId, CouponId, CustomerId, EnrollmentId, TouchpointId};
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
pub(super) async fn coupons(db: &Db, id: CustomerId, limit: i64) -> Result<Vec<CouponLine>, StoreError> {
    let sql = "SELECT c.id, b.key AS batch, b.currency, b.threshold_minor, c.last4, c.face_minor, c.state, \
               c.issued_at, c.expires_at, c.redeemed_at FROM coupon_batch b \
               JOIN coupon c ON c.batch_id = b.id AND c.customer_id = $1 ORDER BY c.id DESC LIMIT $2";
    let rows = db.all(sql, args![id, limit]).await?;
    rows.iter()
        .map(|row| {
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
        })
        .collect()
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
pub(super) async fn journeys(db: &Db, id: CustomerId, limit: i64) -> Result<Vec<JourneyLine>, StoreError> {
    let sql = "SELECT e.id, c.key AS campaign, e.campaign_version_id, v.document, e.cause_at, e.entered_at, \
               e.step, e.wake_at FROM enrollment e JOIN campaign c ON c.id = e.campaign_id \
               JOIN campaign_version v ON v.id = e.campaign_version_id \
               WHERE e.customer_id = $1 AND e.state = 'active' ORDER BY e.wake_at, e.id LIMIT $2";
    let rows = db.all(sql, args![id, limit]).await?;
    rows.iter()
        .map(|row| {
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
                step: word("enrollment", "step", enrollment, &step.to_string(), |_| {
                    usize::try_from(step).ok()
                })?,
                wake_at: row.at("wake_at")?,
            })
        })
        .collect()
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
pub(super) async fn touches(db: &Db, id: CustomerId, limit: i64) -> Result<Vec<TouchLine>, StoreError> {
    let sql = "SELECT t.id, c.key AS campaign, t.step, t.channel, t.purpose, t.template_key, t.state, t.reason, \
               t.local_date, t.handed_at, t.ended_at, t.created_at, t.not_before, t.expires_at, t.enrollment_id \
               FROM touchpoint t JOIN campaign c ON c.id = t.campaign_id WHERE t.customer_id = $1 \
               ORDER BY COALESCE(t.handed_at, t.ended_at, t.created_at) DESC, t.id DESC LIMIT $2";
    let rows = db.all(sql, args![id, limit]).await?;
    rows.iter()
        .map(|row| {
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
                reason: reason
                    .map(|text| word("touchpoint", "reason", touch, &text, Reason::parse))
                    .transpose()?,
                local_date: row.text("local_date")?,
                handed_at: row.opt_at("handed_at")?,
                ended_at: row.opt_at("ended_at")?,
                created_at: row.at("created_at")?,
                not_before: row.at("not_before")?,
                expires_at: row.at("expires_at")?,
            })
        })
        .collect()
}
