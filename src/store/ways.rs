//! Customers' ways through one campaign, for those who ask why: entries with how they ended, and every
//! touchpoint with its outcome. Nothing here is moved on.

use super::in_list::all_in;
use super::sql::{Arg, Row, args, word};
use super::{Db, StoreError};
use domain::campaign::definition::Channel;
use domain::campaign::state::EnrollmentState;
use domain::campaign::touch::{Reason, TouchState};
use domain::ids::{CampaignId, CampaignVersionId, CouponBatchId, CustomerId, EnrollmentId, TouchpointId};
use domain::time::Instant;
use std::collections::HashMap;

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    pub id: EnrollmentId,
    pub version_id: CampaignVersionId,
    pub occasion_key: String,
    /// The true instant of its cause.
    pub cause_at: Instant,
    pub entered_at: Instant,
    pub step: usize,
    pub state: EnrollmentState,
    /// Why it ended.
    pub reason: Option<String>,
    /// When it is looked at next.
    pub wake_at: Instant,
    pub ended_at: Option<Instant>,
}

/// A customer's entries into a campaign, the latest cause first.
pub async fn entries(
    db: &Db,
    campaign: CampaignId,
    customer: CustomerId,
    limit: i64,
) -> Result<Vec<EntryRow>, StoreError> {
    let sql = "SELECT id, campaign_version_id, occasion_key, cause_at, entered_at, step, state, reason, wake_at, \
               ended_at FROM enrollment WHERE campaign_id = $1 AND customer_id = $2 \
               ORDER BY cause_at DESC, id DESC LIMIT $3";
    db.all(sql, args![campaign, customer, limit]).await?.iter().map(read_entry).collect()
}

fn read_entry(row: &Row) -> Result<EntryRow, StoreError> {
    let id = row.int("id")?;
    Ok(EntryRow {
        id: EnrollmentId(id),
        version_id: CampaignVersionId(row.int("campaign_version_id")?),
        occasion_key: row.text("occasion_key")?,
        cause_at: row.at("cause_at")?,
        entered_at: row.at("entered_at")?,
        step: usize::try_from(row.int("step")?).unwrap_or(0),
        state: word("enrollment", "state", id, &row.text("state")?, EnrollmentState::parse)?,
        reason: row.opt_text("reason")?,
        wake_at: row.at("wake_at")?,
        ended_at: row.opt_at("ended_at")?,
    })
}

/// Each customer's entry of the latest cause.
pub async fn latest(
    db: &Db,
    campaign: CampaignId,
    customers: &[CustomerId],
) -> Result<HashMap<CustomerId, EntryRow>, StoreError> {
    let sql = "SELECT customer_id, id, campaign_version_id, occasion_key, cause_at, entered_at, step, state, reason, \
               wake_at, ended_at FROM enrollment WHERE campaign_id = $1 AND customer_id IN ({in}) \
               ORDER BY cause_at, id";
    let mut latest = HashMap::new();
    for row in all_in(db, sql, args![campaign], customers.iter().map(|id| id.arg()).collect()).await? {
        latest.insert(CustomerId(row.int("customer_id")?), read_entry(&row)?);
    }
    Ok(latest)
}

/// A touchpoint, whatever became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TouchRow {
    pub id: TouchpointId,
    pub enrollment_id: EnrollmentId,
    pub step: usize,
    pub channel: Channel,
    pub template: String,
    pub state: TouchState,
    pub reason: Option<Reason>,
    /// When its campaign wants it out.
    pub send_at: Instant,
    /// When it is looked at next, while it waits.
    pub not_before: Instant,
    pub expires_at: Instant,
    pub coupon_batch_id: Option<CouponBatchId>,
    /// That batch's key.
    pub coupon_batch: Option<String>,
    pub has_coupon: bool,
    pub handed_at: Option<Instant>,
    pub ended_at: Option<Instant>,
}

/// A customer's touchpoints of a campaign, the latest first.
pub async fn touches(
    db: &Db,
    campaign: CampaignId,
    customer: CustomerId,
    limit: i64,
) -> Result<Vec<TouchRow>, StoreError> {
    let sql = "SELECT t.id, t.enrollment_id, t.step, t.channel, t.template_key, t.state, t.reason, \
               t.send_at, t.not_before, t.expires_at, t.coupon_batch_id, b.key AS batch, t.coupon_id, t.handed_at, \
               t.ended_at FROM touchpoint t LEFT JOIN coupon_batch b ON b.id = t.coupon_batch_id \
               WHERE t.customer_id = $1 AND t.campaign_id = $2 ORDER BY t.id DESC LIMIT $3";
    db.all(sql, args![customer, campaign, limit]).await?.iter().map(read_touch).collect()
}

fn read_touch(row: &Row) -> Result<TouchRow, StoreError> {
    let id = row.int("id")?;
    let reason = row.opt_text("reason")?;
    Ok(TouchRow {
        id: TouchpointId(id),
        enrollment_id: EnrollmentId(row.int("enrollment_id")?),
        step: usize::try_from(row.int("step")?).unwrap_or(0),
        channel: word("touchpoint", "channel", id, &row.text("channel")?, Channel::parse)?,
        template: row.text("template_key")?,
        state: word("touchpoint", "state", id, &row.text("state")?, TouchState::parse)?,
        reason: reason.map(|text| word("touchpoint", "reason", id, &text, Reason::parse)).transpose()?,
        send_at: row.at("send_at")?,
        not_before: row.at("not_before")?,
        expires_at: row.at("expires_at")?,
        coupon_batch_id: row.opt_int("coupon_batch_id")?.map(CouponBatchId),
        coupon_batch: row.opt_text("batch")?,
        has_coupon: row.opt_int("coupon_id")?.is_some(),
        handed_at: row.opt_at("handed_at")?,
        ended_at: row.opt_at("ended_at")?,
    })
}
