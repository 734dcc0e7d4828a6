//! Planned contacts as the journeys make and end them. Gate, hand-over and results are another file's.

use super::sql::args;
use super::{StoreError, Tx};
use domain::campaign::definition::{Channel, Purpose};
use domain::campaign::touch::Reason;
use domain::ids::{CampaignId, CouponBatchId, CustomerId, EnrollmentId, TouchpointId};
use domain::time::Instant;

/// A contact to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTouchpoint {
    pub customer_id: CustomerId,
    pub enrollment_id: EnrollmentId,
    pub campaign_id: CampaignId,
    pub step: usize,
    pub channel: Channel,
    pub purpose: Purpose,
    pub priority: u8,
    /// The earliest instant its campaign wants it out.
    pub send_at: Instant,
    pub expires_at: Instant,
    /// The customer's date of `send_at`.
    pub local_date: chrono::NaiveDate,
    pub template_key: String,
    pub coupon_batch_id: Option<CouponBatchId>,
    /// The same for every attempt, so that a relay can recognise a repeat.
    pub message_id: String,
}

/// Plans a contact, to be looked at once; the one that is there already stays.
pub async fn plan(tx: &Tx, now: Instant, new: NewTouchpoint) -> Result<(), StoreError> {
    let columns = [
        "customer_id",
        "enrollment_id",
        "campaign_id",
        "step",
        "channel",
        "purpose",
        "priority",
        "state",
        "send_at",
        "not_before",
        "expires_at",
        "local_date",
        "template_key",
        "coupon_batch_id",
        "message_id",
        "attempts",
        "created_at",
        "fence",
    ];
    let row = args![
        new.customer_id,
        new.enrollment_id,
        new.campaign_id,
        new.step as i64,
        new.channel.as_str(),
        new.purpose.as_str(),
        i64::from(new.priority),
        "planned",
        new.send_at,
        now,
        new.expires_at,
        new.local_date.to_string(),
        new.template_key,
        new.coupon_batch_id,
        new.message_id,
        0i64,
        now,
        0i64
    ];
    let tail = "ON CONFLICT (customer_id, enrollment_id, step, channel) DO NOTHING";
    tx.insert_many("touchpoint", &columns, vec![row], tail).await.map(drop)
}

/// Ends what still waits of an enrollment as skipped, and gives it; what is being handed over ends by itself.
pub async fn skip_waiting(
    tx: &Tx,
    id: EnrollmentId,
    reason: Reason,
    now: Instant,
) -> Result<Vec<TouchpointId>, StoreError> {
    let sql = "UPDATE touchpoint SET state = 'skipped', reason = $1, ended_at = $2, leased_until = NULL, \
               lease_owner = NULL, fence = fence + 1 WHERE enrollment_id = $3 AND state IN ('planned', 'deferred', 'queued') \
               RETURNING id";
    let ended = tx.all(sql, args![reason.as_str(), now, id]).await?;
    free_days(tx, id).await?;
    ended.iter().map(|row| row.int("id").map(TouchpointId)).collect()
}

/// Ends what still waits of an enrollment that can't go on as failed, with why.
pub async fn fail_waiting(tx: &Tx, id: EnrollmentId, why: &str, now: Instant) -> Result<(), StoreError> {
    let sql = "UPDATE touchpoint SET state = 'failed', reason = $1, detail = $2, ended_at = $3, leased_until = NULL, \
               lease_owner = NULL, fence = fence + 1 WHERE enrollment_id = $4 AND state IN ('planned', 'deferred', 'queued')";
    tx.exec(sql, args![Reason::Refused.as_str(), why, now, id]).await?;
    free_days(tx, id).await
}

/// Ends one that waited past its time. What it was held for to the end is told as the reason; a day lost to a
/// higher priority is a refusal.
pub async fn expire(
    tx: &Tx,
    id: EnrollmentId,
    step: usize,
    channel: Channel,
    now: Instant,
) -> Result<(), StoreError> {
    let sql = "UPDATE touchpoint SET state = CASE WHEN reason = 'lower_priority' THEN 'skipped' ELSE 'expired' END, \
               reason = CASE WHEN state = 'deferred' AND reason IS NOT NULL THEN reason ELSE 'expired' END, \
               ended_at = $1, leased_until = NULL, lease_owner = NULL, fence = fence + 1 \
               WHERE enrollment_id = $2 AND step = $3 AND channel = $4 AND state IN ('planned', 'deferred', 'queued')";
    tx.exec(sql, args![now, id, step as i64, channel.as_str()]).await?;
    free_days(tx, id).await
}

/// A holder that ended without hand-over frees its contact day.
async fn free_days(tx: &Tx, id: EnrollmentId) -> Result<(), StoreError> {
    let sql = "DELETE FROM contact_day WHERE touchpoint_id IN (SELECT id FROM touchpoint WHERE enrollment_id = $1 \
               AND state IN ('skipped', 'expired', 'failed'))";
    tx.exec(sql, args![id]).await.map(drop)
}
