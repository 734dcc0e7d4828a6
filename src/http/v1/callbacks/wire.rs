//! Callbacks as JSON: the shapes of requests and answers, with an example each. No decision lives here.

use crate::service::callbacks::{CallbackView, Page, Row};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A callback for its agent. Instants are RFC 3339.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallbackBody {
    pub id: String,
    /// Send it back with start, decline and outcome: an older claim, even your own, is then refused.
    pub fence: i64,
    pub state: String,
    pub kind: String,
    /// Why it was made.
    pub reason: Option<String>,
    /// Key of the talking points.
    pub script: Option<String>,
    pub customer: CustomerBody,
    pub required_level: String,
    /// 0 past due, 1 ordinary, 2 courtesy.
    pub band: i64,
    /// 0 (owner or last agent) to 4 (anyone).
    pub ring: i64,
    /// Due time less boosts: within a band the earlier comes first.
    pub rank_at: String,
    /// The due time that counts now.
    pub due_at: String,
    /// When the customer must have been reached.
    pub reach_due_at: String,
    pub not_before: String,
    /// Made and counted, of as many as are allowed.
    pub attempts: u32,
    pub attempts_allowed: u32,
    /// Until when the claim stands.
    pub lease_until: Option<String>,
    pub created_at: String,
    pub ended_at: Option<String>,
}

/// What an agent needs to know of the customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerBody {
    pub id: String,
    pub name: Option<String>,
    /// The primary one first.
    pub contacts: Vec<ContactBody>,
    pub tags: Vec<TagBody>,
    pub vip: bool,
    pub complaint: bool,
    pub churn_risk: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ContactBody {
    pub channel: String,
    pub masked: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TagBody {
    pub key: String,
    pub value: String,
}

impl From<CallbackView> for CallbackBody {
    fn from(view: CallbackView) -> Self {
        let customer = view.customer;
        Self {
            id: view.id.to_string(),
            fence: view.fence,
            state: view.state.to_string(),
            kind: view.kind.to_string(),
            reason: view.reason,
            script: view.script,
            customer: CustomerBody {
                id: customer.id.to_string(),
                name: customer.name,
                contacts: customer
                    .contacts
                    .into_iter()
                    .map(|c| ContactBody { channel: c.channel, masked: c.masked })
                    .collect(),
                tags: customer.tags.into_iter().map(|t| TagBody { key: t.key, value: t.value }).collect(),
                vip: customer.vip,
                complaint: customer.complaint,
                churn_risk: customer.churn_risk,
            },
            required_level: view.required_level.to_string(),
            band: view.band.number(),
            ring: view.ring.number(),
            rank_at: view.rank_at.to_rfc3339(),
            due_at: view.due_at.to_rfc3339(),
            reach_due_at: view.reach_due_at.to_rfc3339(),
            not_before: view.not_before.to_rfc3339(),
            attempts: view.attempts,
            attempts_allowed: view.attempts_allowed,
            lease_until: view.lease_until.map(|at| at.to_rfc3339()),
            created_at: view.created_at.to_rfc3339(),
            ended_at: view.ended_at.map(|at| at.to_rfc3339()),
        }
    }
}

/// A page of the list.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallbackPage {
    /// In the order of the queue.
    pub items: Vec<CallbackRow>,
    /// Null at the end.
    pub next_cursor: Option<String>,
}

/// A callback of the list.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallbackRow {
    pub id: String,
    pub customer_id: String,
    pub kind: String,
    pub state: String,
    pub reason: Option<String>,
    pub vip: bool,
    pub required_level: String,
    pub band: i64,
    pub ring: i64,
    pub rank_at: String,
    pub due_at: String,
    pub not_before: String,
    pub attempts: u32,
    /// Key of the holder.
    pub agent: Option<String>,
    pub created_at: String,
    pub ended_at: Option<String>,
}

impl From<Page> for CallbackPage {
    fn from(page: Page) -> Self {
        Self { items: page.items.into_iter().map(CallbackRow::from).collect(), next_cursor: page.next_cursor }
    }
}

impl From<Row> for CallbackRow {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.to_string(),
            customer_id: row.customer_id.to_string(),
            kind: row.kind.to_string(),
            state: row.state.to_string(),
            reason: row.reason,
            vip: row.vip,
            required_level: row.required_level.to_string(),
            band: row.band.number(),
            ring: row.ring.number(),
            rank_at: row.rank_at.to_rfc3339(),
            due_at: row.due_at.to_rfc3339(),
            not_before: row.not_before.to_rfc3339(),
            attempts: row.attempts,
            agent: row.agent,
            created_at: row.created_at.to_rfc3339(),
            ended_at: row.ended_at.map(|at| at.to_rfc3339()),
        }
    }
}

/// Which claim is spoken about.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimBody {
    /// As given with the callback.
    pub fence: Option<i64>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclineBody {
    /// As given with the callback.
    pub fence: Option<i64>,
    /// A few words for the log, nothing about the customer.
    pub reason: Option<String>,
}

/// How a call ended. Read field by field, so that each problem has its place.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "only described; see body::read_outcome")]
pub struct OutcomeBody {
    /// reached, no_answer, busy, voicemail, rejected, unreachable, wrong_person or no_number.
    pub outcome: String,
    /// As given with the callback.
    pub fence: Option<i64>,
    /// With `reached` only, and then needed.
    pub result: Option<ResultBody>,
}

/// What the customer said.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "only described; see body::read_outcome")]
pub struct ResultBody {
    /// yes, partly or no.
    pub resolved: String,
    /// 1 (worst) to 5.
    pub satisfaction: Option<u8>,
    pub feedback: Option<FeedbackBody>,
    /// none, promise, ticket, callback or do_not_call.
    pub next: Option<String>,
    /// logistics, quality, price, service, competitor, no_need or other.
    pub churn_reason: Option<String>,
    /// yes, no or third_party.
    pub verified: Option<String>,
}

/// In the agent's words.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "only described; see body::read_outcome")]
pub struct FeedbackBody {
    pub about: String,
    pub sku: Option<String>,
    pub text: String,
}

/// A callback as documentation shows it.
pub fn example(state: &str) -> serde_json::Value {
    let held = state != "completed";
    serde_json::json!({
        "id": "cb_7",
        "fence": if held { 3 } else { 4 },
        "state": state,
        "kind": "important_ticket",
        "reason": "ticket T-1017",
        "script": "important_ticket",
        "customer": {
            "id": "cus_42",
            "name": "Lin Wei",
            "contacts": [{"channel": "phone", "masked": "138****1234"}],
            "tags": [{"key": "value_tier", "value": "diamond"}, {"key": "vip", "value": "true"}],
            "vip": true, "complaint": false, "churn_risk": false
        },
        "required_level": "senior",
        "band": 1,
        "ring": 1,
        "rank_at": "2026-09-26T10:00:00Z",
        "due_at": "2026-09-28T10:00:00Z",
        "reach_due_at": "2026-09-30T10:00:00Z",
        "not_before": "2026-09-28T01:00:00Z",
        "attempts": if held { 0 } else { 1 },
        "attempts_allowed": 4,
        "lease_until": held.then_some("2026-09-28T02:30:00Z"),
        "created_at": "2026-09-25T07:00:00Z",
        "ended_at": (!held).then_some("2026-09-28T02:07:00Z")
    })
}

/// A line of the list as documentation shows it.
pub fn row_example() -> serde_json::Value {
    serde_json::json!({
        "id": "cb_7", "customer_id": "cus_42", "kind": "important_ticket", "state": "ready",
        "reason": "ticket T-1017", "vip": true, "required_level": "senior", "band": 1, "ring": 1,
        "rank_at": "2026-09-26T10:00:00Z", "due_at": "2026-09-28T10:00:00Z", "not_before": "2026-09-28T01:00:00Z",
        "attempts": 0, "agent": null, "created_at": "2026-09-25T07:00:00Z", "ended_at": null
    })
}
