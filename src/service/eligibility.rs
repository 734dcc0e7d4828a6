//! Who a campaign would reach, and why somebody is or isn't: the gate's own questions, asked of touches that
//! don't exist. Nothing is written here.

use super::dispatch::look::{Around, Room, inputs};
use super::{Book, ServiceError, campaigns, keeping, planning, shop};
use crate::store::campaigns::{CampaignRow, VersionRow};
use crate::store::dispatch::{self, Due};
use crate::store::{coupon_batches, customers, facts, occurrences, profiles};
use chrono_tz::Tz;
use domain::calendar::window::WindowDecision;
use domain::campaign::definition::{Definition, Send, TagChange, Trigger};
use domain::campaign::explain::{CheckResult, explain};
use domain::campaign::gate::{Inputs, Live, Verdict, decide};
use domain::campaign::state::{CampaignState, EnrollmentState};
use domain::campaign::touch::{Reason, TouchState};
use domain::customer::CustomerFacts;
use domain::ids::{CouponBatchId, CustomerId, EnrollmentId, TouchpointId};
use domain::money::Currency;
use domain::problem::nearest;
use domain::rule::{Explained, Lang};
use domain::tag::{Evaluation, Shape, TagState};
use domain::time::Instant;
use serde::Serialize;
use std::collections::BTreeMap;

/// A campaign's newest version and the first message it would send.
struct Asked {
    row: CampaignRow,
    version: VersionRow,
    definition: Definition,
    coupon_batch_id: Option<CouponBatchId>,
}

impl Asked {
    async fn load(book: &Book, key: &str) -> Result<Self, ServiceError> {
        let (row, version, definition) = campaigns::newest(book, key).await?;
        let coupon = definition.sends().next().and_then(|(_, send)| send.coupon.clone());
        let batch = match coupon {
            Some(key) => coupon_batches::find(book.store.reader(), &key).await?,
            None => None,
        };
        Ok(Self { row, version, definition, coupon_batch_id: batch.map(|row| row.id) })
    }

    fn first_send(&self) -> Option<(usize, &Send)> {
        self.definition.sends().next()
    }

    /// A touch that doesn't exist, to ask the gate about.
    fn touch(&self, person: &Person, at: Instant, shop_zone: Tz) -> Option<Due> {
        let (step, send) = self.first_send()?;
        Some(Due {
            id: TouchpointId(0),
            fence: 0,
            customer_id: person.id,
            enrollment_id: EnrollmentId(0),
            campaign_id: self.row.id,
            campaign_key: self.row.key.clone(),
            campaign_state: self.row.state,
            version_id: self.version.id,
            enrollment_state: EnrollmentState::Active,
            occasion_key: String::new(),
            step,
            channel: *send.channels.first()?,
            purpose: self.definition.purpose,
            priority: self.definition.priority,
            state: TouchState::Planned,
            reason: None,
            send_at: at,
            not_before: at,
            expires_at: self.definition.expires.at(at, person.zone.unwrap_or(shop_zone)),
            template_key: send.template.clone(),
            coupon_batch_id: self.coupon_batch_id,
            coupon_id: None,
            message_id: String::new(),
            attempts: 0,
            zone: person.zone,
            locale: None,
            name: None,
        })
    }
}

/// Somebody to ask about.
struct Person {
    id: CustomerId,
    zone: Option<Tz>,
}

/// What there is of a campaign for a customer already.
#[derive(Debug, Clone, Serialize)]
pub struct NewestTouch {
    pub id: TouchpointId,
    pub step: usize,
    pub state: TouchState,
    /// Why it is held or ended.
    pub reason: Option<Reason>,
    /// When its campaign wants it out.
    pub send_at: Instant,
}

/// Why a campaign would or wouldn't write to one customer now.
#[derive(Debug, Clone, Serialize)]
pub struct CampaignExplanation {
    pub customer: CustomerId,
    pub campaign: String,
    pub state: CampaignState,
    /// The instant asked about.
    pub at: Instant,
    /// Whether the audience takes them in.
    pub in_audience: bool,
    /// The newest touchpoint there is. While it waits the checks are about it, else about one made now.
    pub touchpoint: Option<NewestTouch>,
    /// Every check that is built, in order. Empty for campaigns that send nothing.
    pub checks: Vec<CheckResult>,
    /// What the gate would answer: send, or the reason of the first refusal.
    pub answer: String,
}

/// Every check the gate would ask for this customer now, whether they ever entered or not.
pub async fn explain_campaign(
    book: &Book,
    customer: CustomerId,
    key: &str,
) -> Result<CampaignExplanation, ServiceError> {
    let asked = Asked::load(book, key).await?;
    let found = customers::list(book.store.reader(), &[customer]).await?.remove(&customer);
    let found = found.ok_or_else(|| ServiceError::NotFound(format!("the customer {customer}")))?;
    let now = book.now().await?;
    let shop = shop::shop(book).await?;
    let person = Person { id: customer, zone: found.zone };
    let inside = planning::audience(book, &asked.definition, &[(customer, person.zone)], now).await?;
    let newest = dispatch::newest(book.store.reader(), customer, asked.row.id).await?;
    // What waits is judged as of when it is wanted out.
    let at = newest.as_ref().filter(|due| due.state.is_waiting()).map_or(now, |due| now.max(due.send_at));
    let mut explanation = CampaignExplanation {
        customer,
        campaign: asked.row.key.clone(),
        state: asked.row.state,
        at,
        in_audience: inside.contains(&customer),
        touchpoint: newest.as_ref().map(|due| NewestTouch {
            id: due.id,
            step: due.step,
            state: due.state,
            reason: due.reason,
            send_at: due.send_at,
        }),
        checks: Vec::new(),
        answer: "this campaign sends no message".to_owned(),
    };
    let waiting = newest.filter(|due| due.state.is_waiting());
    if let Some(due) = waiting.or_else(|| asked.touch(&person, at, shop.zone)) {
        let room = Room::load(book, vec![asked.version.id]).await?;
        let around =
            Around::load(book.store.reader(), &book.secrets, std::slice::from_ref(&due), now).await?;
        let seen = inputs(&room, &around, &asked.definition, &due, at);
        explanation.checks = explain(&seen, at, shop.currency);
        explanation.answer = match decide(&seen, at) {
            Verdict::Send => "send".to_owned(),
            Verdict::Defer { reason, .. } => format!("hold ({reason})"),
            Verdict::Skip { reason } => format!("skip ({reason})"),
        };
    }
    Ok(explanation)
}

/// Why a customer has a tag, or doesn't.
#[derive(Debug, Clone, Serialize)]
pub struct TagExplanation {
    pub customer: CustomerId,
    pub at: Instant,
    #[serde(flatten)]
    pub state: TagState,
    /// The condition behind each value, highest first, with what it saw.
    pub conditions: Vec<ValueCondition>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ValueCondition {
    pub value: String,
    pub condition: Explained,
}

/// The tag's rules for one customer at the book's present instant, from the stored facts.
pub async fn explain_tag(
    book: &Book,
    customer: CustomerId,
    key: &str,
) -> Result<TagExplanation, ServiceError> {
    let db = book.store.reader();
    let catalogue = keeping::catalogue(book).await?;
    let Some(tag) = catalogue.find(key) else {
        let hint = match nearest(key, catalogue.tags().iter().map(|tag| tag.key.as_str())) {
            Some(near) => format!(" (did you mean {near}?)"),
            None => String::new(),
        };
        return Err(ServiceError::NotFound(format!("the tag {key}{hint}")));
    };
    let missing = || ServiceError::NotFound(format!("the customer {customer}"));
    let zone = customers::zones(db, &[customer]).await?.remove(&customer).ok_or_else(missing)?;
    let at = book.now().await?;
    let events = facts::events_of(db, &[customer], at).await?.remove(&customer).unwrap_or_default();
    let folded = CustomerFacts::fold(&events);
    let evaluation = Evaluation::of(&catalogue, &folded, zone);
    let condition = |value: &str, rule| ValueCondition {
        value: value.to_owned(),
        condition: evaluation.explain(rule, at, Lang::En),
    };
    let mut conditions: Vec<ValueCondition> = match &tag.shape {
        Shape::Flag(rule) => vec![condition("true", rule)],
        Shape::Levels { levels, .. } => {
            levels.iter().rev().map(|level| condition(&level.value, &level.rule)).collect()
        }
    };
    conditions.extend(tag.unless.as_ref().map(|rule| condition("unless", rule)));
    let state = evaluation.states(at).into_iter().find(|state| state.key == key).ok_or_else(missing)?;
    Ok(TagExplanation { customer, at, state, conditions })
}

/// What a campaign would do if it ran now.
#[derive(Debug, Clone, Serialize)]
pub struct DryRun {
    pub campaign: String,
    /// The instant it was asked for.
    pub at: Instant,
    /// Who was looked at: `everybody`, `customers with churn_risk now`.
    pub looked_at: String,
    pub audience: u64,
    /// Would be written to.
    pub send: u64,
    /// Would wait, by reason.
    pub held: BTreeMap<&'static str, u64>,
    /// Would never be written to, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// What fails for over half of the audience, and its remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headline: Option<String>,
}

const PAGE: i64 = 1_000;

/// Asks the gate for everybody the campaign could reach, as if it ran on a live book.
pub async fn dry_run(book: &Book, key: &str) -> Result<DryRun, ServiceError> {
    let asked = Asked::load(book, key).await?;
    if asked.first_send().is_none() {
        return Err(ServiceError::Conflict(format!(
            "{key} sends no message; a dry run asks who would be written to"
        )));
    }
    let shop = shop::shop(book).await?;
    let now = book.now().await?;
    let mut run = DryRun {
        campaign: asked.row.key.clone(),
        at: now,
        looked_at: String::new(),
        audience: 0,
        send: 0,
        held: BTreeMap::new(),
        skipped: BTreeMap::new(),
        headline: None,
    };
    let holders = match &asked.definition.trigger {
        Trigger::Occasion(_) => {
            run.looked_at = "everybody".to_owned();
            None
        }
        Trigger::Tag(tag) => {
            run.looked_at = format!("customers with {} now; only entries from its start on count", tag.key);
            let value = match &tag.change {
                TagChange::Entered { value } | TagChange::Left { value } => value.clone(),
                TagChange::Changed { to, .. } => to.clone(),
            };
            Some((tag.key.clone(), value))
        }
        Trigger::Event(event) => {
            run.looked_at = format!("everybody; it starts whenever a {} comes in", event.name);
            None
        }
    };
    let room = Room::load(book, vec![asked.version.id]).await?;
    let mut remedies = BTreeMap::new();
    let mut after = CustomerId(0);
    loop {
        let people = occurrences::page(book.store.reader(), after, CustomerId(i64::MAX), PAGE).await?;
        let Some((last, _)) = people.last() else { break };
        after = *last;
        let people = with_tag(book, people, holders.as_ref()).await?;
        let inside = planning::audience(book, &asked.definition, &people, now).await?;
        let due: Vec<Due> = people
            .into_iter()
            .filter(|(id, _)| inside.contains(id))
            .filter_map(|(id, zone)| {
                let person = Person { id, zone };
                let at = asked_for(&room, &asked.definition, zone, now);
                asked.touch(&person, at, shop.zone)
            })
            .collect();
        let around = Around::load(book.store.reader(), &book.secrets, &due, now).await?;
        for due in &due {
            let mut seen = inputs(&room, &around, &asked.definition, due, due.send_at);
            // Both are decided by approving and going live, which a dry run comes before.
            seen.live = Live::Since(due.send_at);
            seen.campaign = CampaignState::Running;
            count(&mut run, &mut remedies, &seen, due.send_at, shop.currency);
        }
    }
    run.headline = headline(&run, &remedies);
    Ok(run)
}

/// When the touch would go out: at the coming slot in the customer's zone, else as soon as their contact window
/// is open.
fn asked_for(room: &Room, definition: &Definition, zone: Option<Tz>, now: Instant) -> Instant {
    let slot = match &definition.trigger {
        Trigger::Occasion(occasion) => occasion.solar.next_slot(now, zone.unwrap_or(room.shop.zone)),
        Trigger::Tag(_) | Trigger::Event(_) => None,
    };
    let wanted = slot.map_or(now, |slot| slot.at);
    match room.window(definition, zone, wanted) {
        WindowDecision::Open => wanted,
        WindowDecision::ClosedUntil(open) => open,
    }
}

/// Those of the page who have the tag; everybody where none is asked for.
async fn with_tag(
    book: &Book,
    people: Vec<(CustomerId, Option<Tz>)>,
    wanted: Option<&(String, Option<String>)>,
) -> Result<Vec<(CustomerId, Option<Tz>)>, ServiceError> {
    let Some((key, value)) = wanted else { return Ok(people) };
    let ids: Vec<CustomerId> = people.iter().map(|(id, _)| *id).collect();
    let tags = profiles::tags_of(book.store.reader(), &ids).await?;
    let has = |id: &CustomerId| {
        tags.get(id).is_some_and(|tags| {
            tags.iter().any(|tag| tag.key == *key && value.as_ref().is_none_or(|value| tag.value == *value))
        })
    };
    Ok(people.into_iter().filter(|(id, _)| has(id)).collect())
}

fn count(
    run: &mut DryRun,
    remedies: &mut BTreeMap<Reason, String>,
    seen: &Inputs,
    at: Instant,
    base: Currency,
) {
    run.audience += 1;
    let (reason, counts) = match decide(seen, at) {
        Verdict::Send => {
            run.send += 1;
            return;
        }
        Verdict::Defer { reason, .. } => (reason, &mut run.held),
        Verdict::Skip { reason } => (reason, &mut run.skipped),
    };
    *counts.entry(reason.as_str()).or_default() += 1;
    remedies.entry(reason).or_insert_with(|| {
        let checks = explain(seen, at, base).into_iter();
        checks
            .filter(|check| check.reason == Some(reason))
            .find_map(|check| check.what_would_change_it)
            .unwrap_or_default()
    });
}

fn headline(run: &DryRun, remedies: &BTreeMap<Reason, String>) -> Option<String> {
    let all = run.held.iter().chain(&run.skipped);
    let (reason, n) = all.max_by_key(|(_, n)| **n).filter(|(_, n)| **n * 2 > run.audience)?;
    let remedy = remedies.iter().find(|(r, _)| r.as_str() == *reason).map(|(_, remedy)| remedy.as_str())?;
    Some(format!("{n} of {} fail on {reason}; it would take: {remedy}", run.audience))
}
