//! A customer's profile as people and programs see it: the shape of the answer, nothing else. Contact points
//! stand masked in it; codes of coupons don't stand in it at all.

use crate::service::aggregates::{AggregatesView, MoneyShape};
use domain::campaign::touch::{Reason, TouchState};
use domain::ids::{CallbackId, CouponId, CustomerId, EnrollmentId, TouchpointId};
use domain::money::Money;
use domain::time::Instant;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A text in both languages of the house.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BothLanguages {
    pub en: String,
    #[serde(rename = "zh-CN")]
    pub zh_cn: String,
}

/// Everything about one customer in one answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ProfileView {
    #[schema(value_type = String, example = "cus_42")]
    pub id: CustomerId,
    /// Everybody else this customer is one with; each of these ids answers with this profile.
    #[schema(value_type = Vec<String>, example = json!(["cus_57"]))]
    pub merged_from: Vec<CustomerId>,
    /// The shop's own id, as imported or sent.
    #[schema(example = "12346")]
    pub customer_id: Option<String>,
    pub shop: String,
    pub name: Option<String>,
    /// The customer's own, else the shop's; so is the zone.
    pub locale: String,
    pub zone: String,
    /// consumer | reseller | staff | test | brushing
    pub account_kind: String,
    /// Why the account looks like no consumer's. People decide; nothing acts on it.
    pub suspicion: Vec<SuspicionView>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub registered_at: Option<Instant>,
    /// Since when the book knows them.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
    /// The book's clock at the time of the answer.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Instant,
    /// What to know before anything is said to them.
    pub warnings: Vec<WarningView>,
    pub identifiers: Vec<IdentifierView>,
    pub contact_points: Vec<ContactPointView>,
    pub aggregates: AggregatesView,
    /// Those that stand, by key.
    pub tags: Vec<TagView>,
    /// Those that don't stand, but wait for scores, were taken away by people, or come by themselves.
    pub absent_tags: Vec<AbsentTagView>,
    /// The kept segments they are in, and of those on demand the ones that people pinned them to or banned them from, by key.
    pub segments: Vec<SegmentView>,
    /// The last ten, latest first.
    pub orders: Vec<OrderView>,
    /// Open ones first, then the latest closed.
    pub tickets: Vec<TicketView>,
    /// The latest of each channel and purpose; what was never said isn't there.
    pub consents: Vec<ConsentView>,
    pub coupons: Vec<CouponView>,
    /// Journeys that go on.
    pub journeys: Vec<JourneyView>,
    /// What will be sent if nothing new comes, the soonest first; the gate may still hold or skip it.
    pub next_touches: Vec<NextTouchView>,
    /// The last twenty contacts and decisions not to make one, latest first.
    pub touches: Vec<TouchView>,
    /// Open ones first, then the latest ended.
    pub callbacks: Vec<CallbackView>,
}

/// A segment that a customer is in, or that people spoke of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SegmentView {
    #[schema(example = "recent_buyers")]
    pub key: String,
    pub name: BothLanguages,
    /// member; pinned: a member by people's word; banned: none by people's word (of one on demand).
    #[schema(example = "member")]
    pub stands: &'static str,
    #[schema(value_type = String, format = DateTime)]
    pub since: Instant,
    /// Until when people's word holds.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Instant>,
    /// Why, in one sentence.
    pub why: BothLanguages,
    pub version: i64,
    /// When it changes if no new fact comes.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_at: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WarningView {
    /// open_complaint | opted_out | suppressed | erased | not_decided
    pub code: &'static str,
    pub text: BothLanguages,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SuspicionView {
    /// orders_30d: counted orders of the last 30 d, suspicious from the threshold on.
    /// spend_365: net spend in 365 d, suspicious above the threshold, which is 20 × what 95 % of the buyers stay at or below.
    #[schema(example = "orders_30d")]
    pub rule: &'static str,
    /// A count, or an amount.
    pub value: CountOrAmount,
    pub threshold: CountOrAmount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum CountOrAmount {
    Count(i64),
    #[schema(value_type = MoneyShape)]
    Amount(Money),
}

impl std::fmt::Display for CountOrAmount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(n) => write!(f, "{n}"),
            Self::Amount(money) => write!(f, "{money}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IdentifierView {
    /// user_id | anonymous_id | external | phone | email
    pub kind: String,
    pub namespace: String,
    /// Masked where it is a contact point.
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ContactPointView {
    /// email | phone
    pub channel: String,
    #[schema(example = "l***@example.com")]
    pub masked: String,
    /// real | relay | masked
    pub class: String,
    pub usable: bool,
    pub primary: bool,
    /// Scope of a suppression in force: all | marketing.
    pub suppressed: Option<String>,
}

/// A tag that stands.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TagView {
    #[schema(example = "value_tier")]
    pub key: String,
    #[schema(example = "gold")]
    pub value: String,
    /// What people call the tag; as the next three `null` for what no published document defines.
    pub name: Option<BothLanguages>,
    /// What people call the value; `null` for a tag that is there or not.
    pub value_name: Option<BothLanguages>,
    /// What it is about: value, churn, service, …
    #[schema(example = "value")]
    pub group: Option<String>,
    /// computed: a rule decides; model: runs over the whole book; manual: people; event: senders' events; system: the program
    #[schema(example = "computed")]
    pub kind: Option<&'static str>,
    /// When the value truly began.
    #[schema(value_type = String, format = DateTime)]
    pub since: Instant,
    /// Until when it was last judged.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Instant,
    /// Who decided this value: computed | model | manual | event | system
    pub source: String,
    pub rule_version: i64,
    /// The numbers behind it, by name.
    #[schema(value_type = Object)]
    pub evidence: Value,
    /// Why, as a sentence; `null` for what no rule decided.
    pub why: Option<BothLanguages>,
    /// When it changes if no new fact comes, and to what; `null` if it never does. As the numbers, by the facts that were
    /// there at `aggregates.kept_at`: what came in since changes it as soon as the keeper has come by, as it does what is due
    /// before the profile's `as_of`.
    pub next: Option<NextValueView>,
    /// Pinned: people gave this value, whatever the rule says.
    pub by_hand: Option<ByHandView>,
    /// People took away what its rule gives, until then.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub suppressed_until: Option<Instant>,
    /// Its condition has ended; the hold keeps it until then.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub held_until: Option<Instant>,
}

/// What a tag changes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NextValueView {
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// `null`: the tag ends.
    #[schema(example = "silver")]
    pub value: Option<String>,
}

/// What people said of a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ByHandView {
    #[schema(value_type = String, format = DateTime)]
    pub since: Instant,
    /// It expires then; `null`: when somebody takes it away.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Instant>,
}

/// A tag they don't have, of which more is known than that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AbsentTagView {
    #[schema(example = "lapsed")]
    pub key: String,
    pub name: BothLanguages,
    #[schema(example = "churn")]
    pub group: Option<String>,
    /// computed | model | manual | event | system
    #[schema(example = "computed")]
    pub kind: &'static str,
    /// Why it can't have any value yet.
    #[schema(example = "no churn scores yet")]
    pub waits_for: Option<String>,
    /// People took it away; until then its rule doesn't give it back.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub suppressed_until: Option<Instant>,
    /// When it comes if no new fact does.
    pub next: Option<NextValueView>,
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    Paid,
    PartlyRefunded,
    Refunded,
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OrderView {
    pub order_id: String,
    #[schema(value_type = String, format = DateTime)]
    pub paid_at: Instant,
    pub state: OrderState,
    #[schema(value_type = MoneyShape)]
    pub total: Money,
    #[schema(value_type = MoneyShape)]
    pub refunded: Money,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub cancelled_at: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TicketView {
    pub ticket_id: String,
    pub order_id: Option<String>,
    /// open | closed
    pub state: &'static str,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub opened_at: Option<Instant>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resolved_at: Option<Instant>,
    /// How often it was reopened.
    pub reopened: i64,
    pub complaint: bool,
    pub important: bool,
    pub complex: bool,
    #[schema(value_type = Option<MoneyShape>)]
    pub amount: Option<Money>,
    pub category: Option<String>,
    pub severity: Option<String>,
    pub channel: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConsentView {
    pub channel: String,
    pub purpose: String,
    /// granted | denied
    pub state: String,
    pub source: String,
    #[schema(value_type = String, format = DateTime)]
    pub occurred_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CouponView {
    #[schema(value_type = String, example = "cpn_7")]
    pub id: CouponId,
    /// Key of its batch.
    pub batch: String,
    /// The last four characters of the code.
    pub last4: String,
    #[schema(value_type = MoneyShape)]
    pub face: Money,
    /// The least an order must come to; `null` where there is no such bound.
    #[schema(value_type = Option<MoneyShape>)]
    pub threshold: Option<Money>,
    /// reserved | issued | redeemed | expired | revoked | released
    pub state: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub issued_at: Option<Instant>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Instant>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub redeemed_at: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct JourneyView {
    #[schema(value_type = String, example = "enr_7")]
    pub id: EnrollmentId,
    /// Key of the campaign.
    pub campaign: String,
    pub name: BothLanguages,
    /// The true instant of what let them in.
    #[schema(value_type = String, format = DateTime)]
    pub cause_at: Instant,
    #[schema(value_type = String, format = DateTime)]
    pub entered_at: Instant,
    /// `null` where nothing is left but the end.
    pub next: Option<NextStepView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NextStepView {
    /// Its place in the campaign's steps, from 0.
    pub step: usize,
    /// send | callback
    pub does: &'static str,
    /// The channel tried first; `null` for a callback.
    pub channel: Option<String>,
    /// The template to be sent, or the kind of callback.
    pub what: String,
    /// When the campaign wants it, however late it is.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
}

/// A message still to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NextTouchView {
    /// Key of the campaign.
    pub campaign: String,
    /// Its place in the campaign's steps, from 0.
    pub step: i64,
    pub channel: String,
    pub template: String,
    /// Not before then.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// planned | deferred | queued; `null` where its journey hasn't come to it yet.
    #[schema(value_type = Option<String>)]
    pub state: Option<TouchState>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TouchView {
    #[schema(value_type = String, example = "tp_7")]
    pub id: TouchpointId,
    /// Key of the campaign.
    pub campaign: String,
    pub step: i64,
    pub channel: String,
    pub purpose: String,
    pub template: String,
    /// planned | deferred | queued | sending | sent | delivered | bounced | skipped | expired | failed | unknown | control
    #[schema(value_type = String)]
    pub state: TouchState,
    /// Why it was held or not made.
    #[schema(value_type = Option<String>, example = "no_consent")]
    pub reason: Option<Reason>,
    /// The customer's local day it is planned for.
    #[schema(example = "2026-09-25")]
    pub planned_on: String,
    /// When it was handed over, or decided; when it was made where it still waits.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CallbackView {
    #[schema(value_type = String, example = "cb_7")]
    pub id: CallbackId,
    pub kind: String,
    /// scheduled | ready | assigned | in_progress | completed | exhausted | cancelled | expired
    pub state: String,
    pub reason: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
    #[schema(value_type = String, format = DateTime)]
    pub not_before: Instant,
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Instant,
    pub attempts: i64,
    /// Key of whoever holds it, else of who had it last.
    pub staff: Option<String>,
    /// What the last call came to.
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Instant>,
}
