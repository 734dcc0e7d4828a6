//! Making a callback, or joining the open one: each reason counts once, the earliest due time wins.

use super::super::ServiceError;
use super::carry_out::Desk;
use crate::store::callbacks::{self as rows, StoredCallback};
use crate::store::{StoreError, Tx};
use domain::callback::{Band, Callback, DueTimes, Kind, Level, Marks, State, Task};
use domain::ids::{CallbackId, CustomerId, StaffId};
use serde_json::json;

/// A reason to call somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCallback {
    /// What makes the reason count once, such as `enrollment:12:0`.
    pub origin_key: String,
    pub customer_id: CustomerId,
    pub kind: Kind,
    /// Why, for the agent: `important ticket T-17`. Nothing personal.
    pub reason: String,
    /// Key of the talking points.
    pub script: Option<String>,
    pub required_level: Level,
    /// Needed in every ring.
    pub skills: Vec<String>,
    /// Wanted up to ring 2.
    pub optional_skills: Vec<String>,
    pub team: Option<String>,
    /// The customer's own agent (专属客服).
    pub owner: Option<StaffId>,
    pub times: DueTimes,
}

/// What became of a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// A new callback.
    New(CallbackId),
    /// One of this kind was open for the customer; the reason joined it.
    Joined(CallbackId),
    /// This reason had been counted before; nothing changed.
    Known(CallbackId),
}

impl Created {
    pub const fn id(self) -> CallbackId {
        match self {
            Self::New(id) | Self::Joined(id) | Self::Known(id) => id,
        }
    }
}

/// How often a callback that ends while a reason wants to join it is looked for again.
const TRIES: usize = 3;

/// Makes a callback for a reason, in the transaction of what caused it. Who the customer is (VIP, complaint,
/// churn risk) is read here and stays with the callback.
pub async fn create(tx: &Tx, desk: &Desk, new: &NewCallback) -> Result<Created, ServiceError> {
    if let Some(known) = rows::find_by_origin(tx, &new.origin_key).await? {
        return Ok(Created::Known(known));
    }
    let marks = rows::marks_of(tx, new.customer_id).await?;
    for _ in 0..TRIES {
        if let Some(open) = rows::lock_open(tx, new.customer_id, new.kind).await? {
            return join(tx, desk, open, new, marks).await;
        }
        if let Some(id) = make(tx, desk, new, marks).await? {
            return Ok(Created::New(id));
        }
    }
    Err(StoreError::Unavailable(format!("callbacks of {} change too fast", new.customer_id)).into())
}

async fn make(
    tx: &Tx,
    desk: &Desk,
    new: &NewCallback,
    marks: Marks,
) -> Result<Option<CallbackId>, ServiceError> {
    let now = desk.now(tx).await?;
    let callee = desk.callee(tx, now, new.customer_id).await?;
    let times = desk.times(&callee, CallbackId(0), now);
    let task = Task {
        customer_id: new.customer_id,
        kind: new.kind,
        required_level: new.required_level,
        skills: new.skills.clone(),
        optional_skills: new.optional_skills.clone(),
        team: new.team.clone(),
        owner: new.owner,
        marks,
        due_at: new.times.due_at,
        reach_due_at: new.times.reach_due_at,
    };
    let stored = StoredCallback {
        callback: Callback::create(CallbackId(0), task, new.times.not_before, now, &times),
        fence: 0,
        reason: Some(new.reason.clone()),
        script: new.script.clone(),
        band: Band::Ordinary,
        next_ring_at: None,
        breached_at: None,
        wake_at: None,
        result: None,
        ended_at: None,
    };
    let mut stored = desk.placed(stored, &times, now);
    let Some(id) = rows::insert(tx, &stored).await? else { return Ok(None) };
    stored.callback.id = id;
    count_reason(tx, new, id).await?;
    let detail = json!({
        "origin": new.origin_key, "vip": marks.vip, "severe": marks.severe, "complaint": marks.complaint,
        "churn_risk": marks.churn_risk, "not_before": new.times.not_before, "due_at": new.times.due_at,
    });
    let mut line = desk.line(&stored, &stored, "created", super::BY_ITSELF, now, detail);
    line.from_state = String::new();
    rows::log(tx, line).await?;
    desk.escalate(tx, &stored, false, now).await?;
    Ok(Some(id))
}

async fn join(
    tx: &Tx,
    desk: &Desk,
    open: StoredCallback,
    new: &NewCallback,
    marks: Marks,
) -> Result<Created, ServiceError> {
    let now = desk.now(tx).await?;
    let callee = desk.callee(tx, now, new.customer_id).await?;
    let id = open.callback.id;
    count_reason(tx, new, id).await?;
    let mut after = open.clone();
    let c = &mut after.callback;
    c.task.due_at = c.task.due_at.min(new.times.due_at);
    c.task.reach_due_at = c.task.reach_due_at.min(new.times.reach_due_at);
    c.task.required_level = c.task.required_level.max(new.required_level);
    c.task.marks.severe |= marks.severe;
    c.task.marks.complaint |= marks.complaint;
    c.task.marks.churn_risk |= marks.churn_risk;
    // A VIP's is a senior's from its first call on; one that a junior has begun stays what it was.
    if c.attempts == 0 && c.phase.hold().is_none() {
        c.task.marks.vip |= marks.vip;
    }
    // Once attempts count, their slots decide.
    if c.attempts == 0 && c.state() == State::Scheduled {
        c.not_before = c.not_before.min(new.times.not_before);
    }
    let times = desk.times(&callee, id, now);
    let after = desk.placed(after, &times, now);
    rows::save(tx, &open, &after).await?;
    let detail = json!({"origin": new.origin_key, "due_at": after.callback.task.due_at});
    rows::log(tx, desk.line(&open, &after, "joined", super::BY_ITSELF, now, detail)).await?;
    desk.escalate(tx, &after, false, now).await?;
    Ok(Created::Joined(id))
}

async fn count_reason(tx: &Tx, new: &NewCallback, id: CallbackId) -> Result<(), ServiceError> {
    if rows::join(tx, &new.origin_key, id).await? {
        return Ok(());
    }
    // Somebody counted the same reason between our look and now; our transaction gives way and is tried again.
    Err(StoreError::Unavailable(format!("{} is being counted elsewhere", new.origin_key)).into())
}
