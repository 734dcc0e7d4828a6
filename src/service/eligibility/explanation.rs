//! The shape in which a customer's way with a campaign is told to people and programs. Finding it out is
//! `explain_campaign`'s.

use crate::store::ways::{EntryRow, TouchRow};
use domain::campaign::definition::Channel;
use domain::campaign::entry::{self, Refusal};
use domain::campaign::explain::CheckResult;
use domain::campaign::state::{CampaignState, EnrollmentState};
use domain::campaign::story::{Ahead, Comes};
use domain::campaign::touch::{Reason, TouchState};
use domain::ids::{CustomerId, EnrollmentId, TouchpointId};
use domain::time::Instant;
use serde::Serialize;

/// Why a campaign wrote or didn't write to one customer.
#[derive(Debug, Clone, Serialize)]
pub struct CampaignExplanation {
    pub customer: CustomerId,
    pub campaign: String,
    pub state: CampaignState,
    /// The answer in one sentence.
    pub headline: String,
    /// The instant the gate is asked about; the present one where it isn't asked.
    pub at: Instant,
    /// Whether the audience takes them in.
    pub in_audience: bool,
    pub entry: EntryView,
    /// The newest touchpoint there is.
    pub touchpoint: Option<TouchView>,
    /// Every touchpoint, the newest first, 20 at most.
    pub touchpoints: Vec<TouchView>,
    /// The message the checks are about: one that waits, else the next that can come.
    pub asked: Option<AskedView>,
    /// The gate's checks that are built, in order. Empty where there is no message to ask about.
    pub checks: Vec<CheckResult>,
    /// What the gate answers about a message that waits or comes by itself (`send`, `hold (reason)`,
    /// `skip (reason)`), else why nothing comes.
    pub answer: String,
}

/// How somebody came into a campaign, or why they didn't.
#[derive(Debug, Clone, Serialize)]
pub struct EntryView {
    /// Why the newest cause let nobody in; none if it did.
    pub refusal: Option<Refusal>,
    /// When they enter if nothing new happens.
    pub enters_at: Option<Instant>,
    /// From when on a new cause may let them in again.
    pub may_enter_from: Option<Instant>,
    pub checks: Vec<entry::EntryRow>,
    /// The entry that goes on, else the last.
    pub enrollment: Option<EnrollmentView>,
}

#[derive(Debug, Clone, Serialize)]
pub struct EnrollmentView {
    pub id: EnrollmentId,
    /// What makes it once.
    pub occasion: String,
    /// The true instant of its cause.
    pub cause_at: Instant,
    pub entered_at: Instant,
    /// The step it stands at.
    pub step: usize,
    pub state: EnrollmentState,
    /// Why it ended.
    pub reason: Option<String>,
    pub ended_at: Option<Instant>,
    /// When its next step is due: none when it is over.
    pub next_due_at: Option<Instant>,
}

/// A touchpoint, whatever became of it.
#[derive(Debug, Clone, Serialize)]
pub struct TouchView {
    pub id: TouchpointId,
    pub enrollment: EnrollmentId,
    pub step: usize,
    pub channel: Channel,
    pub template: String,
    /// The batch its coupon is from.
    pub coupon: Option<String>,
    pub state: TouchState,
    /// Why it is held or ended.
    pub reason: Option<Reason>,
    /// When its campaign wants it out.
    pub send_at: Instant,
    pub expires_at: Instant,
    /// When it was handed over.
    pub handed_at: Option<Instant>,
    pub ended_at: Option<Instant>,
}

/// The message the gate is asked about.
#[derive(Debug, Clone, Serialize)]
pub struct AskedView {
    pub comes: Comes,
    pub step: usize,
    pub template: String,
    pub coupon: Option<String>,
    /// When it would go out.
    pub at: Instant,
    pub expires_at: Instant,
}

impl TouchView {
    pub(super) fn of(touch: &TouchRow) -> Self {
        Self {
            id: touch.id,
            enrollment: touch.enrollment_id,
            step: touch.step,
            channel: touch.channel,
            template: touch.template.clone(),
            coupon: touch.coupon_batch.clone(),
            state: touch.state,
            reason: touch.reason,
            send_at: touch.send_at,
            expires_at: touch.expires_at,
            handed_at: touch.handed_at,
            ended_at: touch.ended_at,
        }
    }
}

impl EnrollmentView {
    /// `next` is when its next message is due, where there is one.
    pub(super) fn of(row: &EntryRow, next: Option<Instant>) -> Self {
        let goes_on = row.state == EnrollmentState::Active;
        let next = next.or(Some(row.wake_at).filter(|at| *at < Instant::MAX));
        Self {
            id: row.id,
            occasion: row.occasion_key.clone(),
            cause_at: row.cause_at,
            entered_at: row.entered_at,
            step: row.step,
            state: row.state,
            reason: row.reason.clone(),
            ended_at: row.ended_at,
            next_due_at: next.filter(|_| goes_on),
        }
    }
}

impl AskedView {
    pub(super) fn of(ahead: &Ahead, expires_at: Instant) -> Self {
        let Ahead { comes, message, at, .. } = ahead;
        Self {
            comes: *comes,
            step: message.step,
            template: message.template.clone(),
            coupon: message.coupon.clone(),
            at: *at,
            expires_at,
        }
    }
}
