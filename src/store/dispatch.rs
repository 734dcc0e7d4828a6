//! Touchpoints on their way out: reading the ones that are due, and each change of their state, always
//! conditional on state and fence. Why one changes is decided elsewhere; making and exiting them is
//! `touchpoints`.

use super::contact::keys;
use super::in_list::{all_in, exec_in};
use super::sql::{Row, args, word};
use super::{Claimed, Db, Lease, StoreError, Tx};
use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::campaign::definition::{Channel, Purpose};
use domain::campaign::state::{CampaignState, EnrollmentState};
use domain::campaign::touch::{Reason, TouchState};
use domain::ids::{
    CampaignId, CampaignVersionId, CouponBatchId, CouponId, CustomerId, EnrollmentId, TouchpointId,
};
use domain::time::{Instant, MachineInstant};
use sea_orm::Value;
use std::collections::HashSet;

/// A touchpoint with its campaign, enrollment and customer.
#[derive(Clone)]
pub struct Due {
    pub id: TouchpointId,
    pub fence: i64,
    pub customer_id: CustomerId,
    pub enrollment_id: EnrollmentId,
    pub campaign_id: CampaignId,
    pub campaign_key: String,
    pub campaign_state: CampaignState,
    pub version_id: CampaignVersionId,
    pub enrollment_state: EnrollmentState,
    pub occasion_key: String,
    pub step: usize,
    pub channel: Channel,
    pub purpose: Purpose,
    pub priority: u8,
    pub state: TouchState,
    /// Why it was held, or ended.
    pub reason: Option<Reason>,
    pub send_at: Instant,
    pub not_before: Instant,
    pub expires_at: Instant,
    pub template_key: String,
    pub coupon_batch_id: Option<CouponBatchId>,
    pub coupon_id: Option<CouponId>,
    pub message_id: String,
    pub attempts: i64,
    pub zone: Option<Tz>,
    pub locale: Option<String>,
    pub name: Option<String>,
}

const DUE: &str = "SELECT t.id, t.fence, t.customer_id, t.enrollment_id, t.campaign_id, t.step, t.channel, \
    t.purpose, t.priority, t.state, t.reason, t.send_at, t.not_before, t.expires_at, t.template_key, \
    t.coupon_batch_id, t.coupon_id, t.message_id, t.attempts, k.key AS campaign_key, k.state AS campaign_state, \
    e.campaign_version_id, e.state AS enrollment_state, e.occasion_key, c.zone, c.locale, p.name \
    FROM touchpoint t JOIN campaign k ON k.id = t.campaign_id JOIN enrollment e ON e.id = t.enrollment_id \
    JOIN customer c ON c.id = t.customer_id LEFT JOIN customer_personal p ON p.customer_id = c.id";

fn read(row: &Row) -> Result<Due, StoreError> {
    let id = row.int("id")?;
    let text = |column| row.text(column);
    Ok(Due {
        id: TouchpointId(id),
        fence: row.int("fence")?,
        customer_id: CustomerId(row.int("customer_id")?),
        enrollment_id: EnrollmentId(row.int("enrollment_id")?),
        campaign_id: CampaignId(row.int("campaign_id")?),
        campaign_key: text("campaign_key")?,
        campaign_state: word("campaign", "state", id, &text("campaign_state")?, CampaignState::parse)?,
        version_id: CampaignVersionId(row.int("campaign_version_id")?),
        enrollment_state: word(
            "enrollment",
            "state",
            id,
            &text("enrollment_state")?,
            EnrollmentState::parse,
        )?,
        occasion_key: text("occasion_key")?,
        step: usize::try_from(row.int("step")?).unwrap_or(0),
        channel: word("touchpoint", "channel", id, &text("channel")?, Channel::parse)?,
        purpose: word("touchpoint", "purpose", id, &text("purpose")?, Purpose::parse)?,
        priority: u8::try_from(row.int("priority")?).unwrap_or(u8::MAX),
        state: word("touchpoint", "state", id, &text("state")?, TouchState::parse)?,
        reason: row
            .opt_text("reason")?
            .map(|r| word("touchpoint", "reason", id, &r, Reason::parse))
            .transpose()?,
        send_at: row.at("send_at")?,
        not_before: row.at("not_before")?,
        expires_at: row.at("expires_at")?,
        template_key: text("template_key")?,
        coupon_batch_id: row.opt_int("coupon_batch_id")?.map(CouponBatchId),
        coupon_id: row.opt_int("coupon_id")?.map(CouponId),
        message_id: text("message_id")?,
        attempts: row.int("attempts")?,
        zone: row.opt_text("zone")?.and_then(|zone| zone.parse().ok()),
        locale: row.opt_text("locale")?,
        name: row.opt_text("name")?,
    })
}

/// Those of the claimed that still are what was claimed, earliest first.
pub async fn load(db: &Db, claimed: &[Claimed]) -> Result<Vec<Due>, StoreError> {
    let fences: HashSet<(i64, i64)> = claimed.iter().map(|c| (c.key, c.fence)).collect();
    let sql = format!("{DUE} WHERE t.id IN ({{in}}) ORDER BY t.not_before, t.id");
    let mut due = Vec::with_capacity(claimed.len());
    for row in all_in(db, &sql, vec![], keys(claimed.iter().map(|c| c.key))).await? {
        if fences.contains(&(row.int("id")?, row.int("fence")?)) {
            due.push(read(&row)?);
        }
    }
    due.retain(|d| d.state.is_waiting());
    Ok(due)
}

/// The earliest instant at which a touchpoint nobody holds a lease on is due.
pub async fn next_free(db: &Db, machine: MachineInstant) -> Result<Option<Instant>, StoreError> {
    let sql = format!(
        "SELECT MIN(not_before) FROM touchpoint WHERE {WAITING} AND (leased_until IS NULL OR leased_until <= $1)"
    );
    Ok(db.number(&sql, args![machine]).await?.map(Instant::from_micros).filter(|due| *due < Instant::MAX))
}

/// Where a touchpoint goes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// May go out from `not_before`, on that date of the customer.
    Queued { not_before: Instant, date: NaiveDate },
    /// Looked at again at `until`. The date it was planned for stays: a lost day may come free.
    Deferred { until: Instant, reason: Reason, date: NaiveDate },
    /// Skipped, expired or failed.
    Ended { state: TouchState, reason: Reason, detail: Option<String> },
}

/// One change of a waiting touchpoint that somebody has claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub id: TouchpointId,
    pub fence: i64,
    pub to: To,
}

/// Runs `head … FROM (VALUES (id, fence, …), …) AS v … RETURNING id` and gives the ids changed. The values'
/// columns are named column1, column2, … by both databases.
async fn change(
    tx: &Tx,
    set: &str,
    condition: &str,
    rows: Vec<Vec<Value>>,
) -> Result<HashSet<TouchpointId>, StoreError> {
    let mut changed = HashSet::with_capacity(rows.len());
    for rows in rows.chunks(500) {
        let mut values = Vec::new();
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            lines.push(format!("({})", super::sql::places(values.len() + 1, row.len())));
            values.extend(row.iter().cloned());
        }
        let sql = format!(
            "UPDATE touchpoint SET {set} FROM (VALUES {}) AS v WHERE touchpoint.id = v.column1 \
             AND touchpoint.fence = v.column2 AND {condition} RETURNING touchpoint.id AS id",
            lines.join(", ")
        );
        for row in tx.all(&sql, values).await? {
            changed.insert(TouchpointId(row.int("id")?));
        }
    }
    Ok(changed)
}

const WAITING: &str = "touchpoint.state IN ('planned', 'deferred', 'queued')";
const UNLEASED: &str = "leased_until = NULL, lease_owner = NULL";

/// Carries out changes and gives the leases back. A row that isn't what the change was decided on stays as
/// it is and isn't among the ids given.
pub async fn apply(tx: &Tx, now: Instant, changes: &[Change]) -> Result<HashSet<TouchpointId>, StoreError> {
    let (mut moved, mut ended) = (Vec::new(), Vec::new());
    for c in changes {
        match &c.to {
            To::Queued { not_before, date } => {
                moved.push(args![c.id, c.fence, "queued", None::<&str>, *not_before, date.to_string()]);
            }
            To::Deferred { until, reason, date } => {
                moved.push(args![c.id, c.fence, "deferred", Some(reason.as_str()), *until, date.to_string()]);
            }
            To::Ended { state, reason, detail } => {
                ended.push(args![c.id, c.fence, state.as_str(), reason.as_str(), detail.clone(), now]);
            }
        }
    }
    let set = format!(
        "state = v.column3, reason = v.column4, not_before = v.column5, local_date = v.column6, {UNLEASED}"
    );
    let mut changed = change(tx, &set, WAITING, moved).await?;
    let set = format!(
        "state = v.column3, reason = v.column4, detail = v.column5, ended_at = v.column6, {UNLEASED}"
    );
    changed.extend(change(tx, &set, WAITING, ended).await?);
    Ok(changed)
}

/// A contact day was taken over: its holders up to now wait, each until its instant, with the day they lost.
pub async fn lose_day(tx: &Tx, losers: &[(TouchpointId, Instant)]) -> Result<(), StoreError> {
    for (id, until) in losers {
        let sql = format!(
            "UPDATE touchpoint SET state = 'deferred', reason = 'lower_priority', not_before = $1, \
             fence = fence + 1, {UNLEASED} WHERE id = $2 AND {WAITING}"
        );
        tx.exec(&sql, args![*until, *id]).await?;
    }
    Ok(())
}

/// Gives leases back: the rows are due as they were, for whoever comes, from `until` of machine time on.
pub async fn put_back(
    tx: &Tx,
    rows: &[(TouchpointId, i64)],
    until: Option<MachineInstant>,
) -> Result<(), StoreError> {
    let values = rows.iter().map(|(id, fence)| args![*id, *fence, until]).collect();
    change(tx, "leased_until = v.column3, lease_owner = NULL", WAITING, values).await.map(drop)
}

/// What is being handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begin {
    pub id: TouchpointId,
    pub fence: i64,
    pub contact_hash: String,
}

/// Marks queued touchpoints as being handed over; gives those marked, whose fences are one higher now.
pub async fn begin(
    tx: &Tx,
    now: Instant,
    machine: MachineInstant,
    lease: &Lease,
    rows: &[Begin],
) -> Result<HashSet<TouchpointId>, StoreError> {
    let until = machine + lease.length;
    let values =
        rows.iter().map(|r| args![r.id, r.fence, &r.contact_hash, now, until, &lease.owner]).collect();
    let set = "state = 'sending', reason = NULL, detail = NULL, contact_hash = v.column3, handed_at = v.column4, \
               leased_until = v.column5, lease_owner = v.column6, attempts = touchpoint.attempts + 1, \
               fence = touchpoint.fence + 1";
    change(tx, set, "touchpoint.state = 'queued' AND touchpoint.not_before <= v.column4", values).await
}

/// Keeps what is being handed over from being taken for lost.
pub async fn renew(tx: &Tx, rows: &[(TouchpointId, i64)], until: MachineInstant) -> Result<(), StoreError> {
    let values = rows.iter().map(|(id, fence)| args![*id, *fence, until]).collect();
    change(tx, "leased_until = v.column3", "touchpoint.state = 'sending'", values).await.map(drop)
}

/// How a hand-over ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandOver {
    Sent,
    /// Begun, answer lost.
    Unknown,
    /// Refused for good.
    Failed,
    /// Nothing was handed over: queued again, not before this machine time, after so many attempts.
    Requeued {
        until: Option<MachineInstant>,
        attempts: i64,
    },
}

impl HandOver {
    /// Stable name, for counting.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
            Self::Requeued { .. } => "requeued",
        }
    }
}

/// The end of one hand-over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    pub id: TouchpointId,
    pub fence: i64,
    pub hand_over: HandOver,
    /// What the other side said, for people. May repeat the address.
    pub detail: Option<String>,
}

const SENDING: &str = "touchpoint.state = 'sending'";

/// What the other side said, unless it is of somebody who was erased meanwhile.
fn told(detail: &str) -> String {
    format!(
        "CASE WHEN EXISTS (SELECT 1 FROM customer e WHERE e.id = touchpoint.customer_id AND e.erased_at IS NOT NULL) \
         THEN NULL ELSE {detail} END"
    )
}

/// Stores how hand-overs ended; gives those that were still under way. One that was taken for lost meanwhile
/// is corrected where it was sent.
pub async fn finish(tx: &Tx, now: Instant, ends: &[End]) -> Result<HashSet<TouchpointId>, StoreError> {
    let (mut over, mut failed, mut back) = (Vec::new(), Vec::new(), Vec::new());
    for e in ends {
        let (id, fence, detail) = (e.id, e.fence, e.detail.clone());
        match e.hand_over {
            HandOver::Sent => over.push(args![id, fence, "sent", detail, now]),
            HandOver::Unknown => over.push(args![id, fence, "unknown", detail, now]),
            HandOver::Failed => failed.push(args![id, fence, Reason::Refused.as_str(), detail, now]),
            HandOver::Requeued { until, attempts } => back.push(args![id, fence, until, attempts, detail]),
        }
    }
    let set = format!("state = v.column3, detail = {}, ended_at = v.column5, {UNLEASED}", told("v.column4"));
    let mut changed = change(tx, &set, SENDING, over).await?;
    let set = format!(
        "state = 'failed', reason = v.column3, detail = {}, ended_at = v.column5, handed_at = NULL, {UNLEASED}",
        told("v.column4")
    );
    changed.extend(change(tx, &set, SENDING, failed).await?);
    let set = format!(
        "state = 'queued', handed_at = NULL, contact_hash = NULL, leased_until = v.column3, lease_owner = NULL, \
         attempts = v.column4, detail = {}",
        told("v.column5")
    );
    changed.extend(change(tx, &set, SENDING, back).await?);
    let late = ends.iter().filter(|e| e.hand_over == HandOver::Sent && !changed.contains(&e.id));
    let sql = "UPDATE touchpoint SET state = 'sent', detail = NULL WHERE state = 'unknown' AND id IN ({in})";
    exec_in(tx, sql, vec![], keys(late.map(|e| e.id.0))).await?;
    Ok(changed)
}

/// A touchpoint whose hand-over nobody ends any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    pub id: TouchpointId,
    pub fence: i64,
    pub enrollment_id: EnrollmentId,
}

/// What is being handed over under a lease that ran out.
pub async fn lost(db: &Db, machine: MachineInstant, limit: i64) -> Result<Vec<Lost>, StoreError> {
    let sql = "SELECT id, fence, enrollment_id FROM touchpoint WHERE leased_until <= $1 AND state = 'sending' \
               ORDER BY id LIMIT $2";
    let rows = db.all(sql, args![machine, limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(Lost {
                id: TouchpointId(row.int("id")?),
                fence: row.int("fence")?,
                enrollment_id: EnrollmentId(row.int("enrollment_id")?),
            })
        })
        .collect()
}

/// Ends lost hand-overs as unknown; one whose owner renewed its lease meanwhile stays.
pub async fn give_up(
    tx: &Tx,
    now: Instant,
    machine: MachineInstant,
    lost: &[Lost],
) -> Result<HashSet<TouchpointId>, StoreError> {
    let rows = lost.iter().map(|l| args![l.id, l.fence, now, machine, LOST_DETAIL]).collect();
    let set = format!(
        "state = 'unknown', detail = v.column5, ended_at = v.column3, fence = touchpoint.fence + 1, {UNLEASED}"
    );
    change(tx, &set, "touchpoint.state = 'sending' AND touchpoint.leased_until <= v.column4", rows).await
}

const LOST_DETAIL: &str = "the daemon stopped while handing it over";

/// Ends a claimed row that can't be read, in state `failed`; gives how many rows that were.
pub async fn break_off(tx: &Tx, row: Claimed, reason: Reason, detail: &str) -> Result<u64, StoreError> {
    let sql = format!(
        "UPDATE touchpoint SET state = 'failed', reason = $1, detail = $2, ended_at = not_before, {UNLEASED} \
         WHERE id = $3 AND fence = $4 AND {WAITING}"
    );
    tx.exec(&sql, args![reason.as_str(), detail, row.key, row.fence]).await
}

/// Whose a touchpoint is, which campaign's and on which channel: what an opt-out link is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub customer_id: CustomerId,
    pub channel: Channel,
    pub campaign_key: String,
    /// The hash of the contact point it went to, if it was handed over.
    pub contact_hash: Option<String>,
}

pub async fn find_owner(db: &Db, id: TouchpointId) -> Result<Option<Owner>, StoreError> {
    let sql = "SELECT t.id, t.customer_id, t.channel, t.contact_hash, k.key FROM touchpoint t \
               JOIN campaign k ON k.id = t.campaign_id WHERE t.id = $1";
    let Some(row) = db.one(sql, args![id]).await? else { return Ok(None) };
    Ok(Some(Owner {
        customer_id: CustomerId(row.int("customer_id")?),
        channel: word("touchpoint", "channel", id.0, &row.text("channel")?, Channel::parse)?,
        campaign_key: row.text("key")?,
        contact_hash: row.opt_text("contact_hash")?,
    }))
}
