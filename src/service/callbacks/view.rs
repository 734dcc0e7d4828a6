//! A callback as an agent sees it: whom to call, why, how urgent, and no more of the customer than that needs.

use super::super::ServiceError;
use crate::store::Db;
use crate::store::callbacks::{self as rows, StoredCallback};
use domain::callback::{Band, Kind, Level, Ring, State};
use domain::ids::{CallbackId, CustomerId};
use domain::mask;
use domain::time::Instant;

/// A callback for its agent.
#[derive(Debug, Clone, PartialEq)]
pub struct CallbackView {
    pub id: CallbackId,
    /// Sent back with every word about this claim.
    pub fence: i64,
    pub state: State,
    pub kind: Kind,
    /// Why it was made.
    pub reason: Option<String>,
    /// Key of the talking points.
    pub script: Option<String>,
    pub customer: CustomerView,
    pub required_level: Level,
    pub band: Band,
    pub ring: Ring,
    pub rank_at: Instant,
    /// The due time that counts now.
    pub due_at: Instant,
    pub reach_due_at: Instant,
    pub not_before: Instant,
    /// Made and counted.
    pub attempts: u32,
    pub attempts_allowed: u32,
    /// Until when the claim stands.
    pub lease_until: Option<Instant>,
    pub created_at: Instant,
    pub ended_at: Option<Instant>,
}

/// What an agent needs to know of the customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerView {
    pub id: CustomerId,
    pub name: Option<String>,
    /// Masked; the whole value is a reveal, which is audited.
    pub contacts: Vec<Contact>,
    pub tags: Vec<TagView>,
    pub vip: bool,
    pub complaint: bool,
    pub churn_risk: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    pub channel: String,
    pub masked: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagView {
    pub key: String,
    pub value: String,
}

pub(super) async fn view(db: &Db, stored: StoredCallback) -> Result<CallbackView, ServiceError> {
    let c = &stored.callback;
    let customer = c.task.customer_id;
    let contacts = rows::contacts(db, customer).await?;
    let contacts = contacts
        .into_iter()
        .map(|(channel, value)| Contact { masked: mask::contact(&channel, &value), channel });
    let tags = rows::tags(db, customer).await?;
    Ok(CallbackView {
        id: c.id,
        fence: stored.fence,
        state: c.state(),
        kind: c.task.kind,
        reason: stored.reason.clone(),
        script: stored.script.clone(),
        customer: CustomerView {
            id: customer,
            name: rows::name_of(db, customer).await?,
            contacts: contacts.collect(),
            tags: tags.into_iter().map(|(key, value)| TagView { key, value }).collect(),
            vip: c.task.marks.vip,
            complaint: c.task.marks.complaint,
            churn_risk: c.task.marks.churn_risk,
        },
        required_level: c.required_level(),
        band: stored.band,
        ring: c.ring,
        rank_at: c.rank_at(),
        due_at: c.active_due(),
        reach_due_at: c.task.reach_due_at,
        not_before: c.not_before,
        attempts: c.attempts,
        attempts_allowed: c.attempts_allowed(),
        lease_until: c.phase.hold().map(|hold| hold.lease_until),
        created_at: c.created_at,
        ended_at: stored.ended_at,
    })
}
