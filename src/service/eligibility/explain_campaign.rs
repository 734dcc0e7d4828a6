//! Why a campaign wrote to one customer or didn't, and what comes next: their entry, the messages there are
//! with how they ended, and the gate's answer about the one that comes.

use super::causes::{self, Found};
use super::explanation::{AskedView, CampaignExplanation, EnrollmentView, EntryView, TouchView};
use super::{Batches, Person, goes_out, unmade};
use crate::service::dispatch::look::{Around, Asked, AskedCoupon, Room, inputs};
use crate::service::shop::{Shop, shop};
use crate::service::{Book, ServiceError, campaigns, definitions, planning};
use crate::store::campaigns::CampaignRow;
use crate::store::ways::{EntryRow, TouchRow};
use crate::store::{customers, meta, ways};
use domain::campaign::definition::{Definition, Step};
use domain::campaign::entry::Entry;
use domain::campaign::explain::{CheckResult, explain};
use domain::campaign::gate::{Live, Verdict, decide};
use domain::campaign::journey::{Enrollment, Touch, next_send};
use domain::campaign::state::EnrollmentState;
use domain::campaign::story::{Ahead, Comes, Message, Story, Touched, Way, headline};
use domain::campaign::touch::TouchState;
use domain::campaign::trigger::Words;
use domain::ids::{CampaignVersionId, CustomerId};
use domain::time::Instant;
use std::sync::Arc;

/// How much of somebody's past is shown.
const MOST: i64 = 20;

/// Tells the way of one customer with a campaign, whether they ever entered or not.
pub async fn explain_campaign(
    book: &Book,
    customer: CustomerId,
    key: &str,
) -> Result<CampaignExplanation, ServiceError> {
    let asked = Subject::load(book, customer, key).await?;
    let zone = asked.person.zone.unwrap_or(asked.shop.zone);
    let words = Words::of(&asked.definition.trigger);
    let way = asked.way();
    let judged = match asked.next().await? {
        Some(next) => Some(asked.judge(next).await?),
        None => None,
    };
    let told = way.map(|row| asked.told(row));
    let ahead = judged.as_ref().map(|judged| &judged.ahead);
    let story = Story { customer, zone, words: &words, entry: &asked.entry, way: told.as_ref(), ahead };
    let touchpoints: Vec<TouchView> = asked.touches.iter().map(TouchView::of).collect();
    Ok(CampaignExplanation {
        customer,
        campaign: asked.row.key.clone(),
        state: asked.row.state,
        headline: headline(&story),
        at: ahead.map_or(asked.now, |ahead| ahead.at),
        in_audience: asked.entry.in_audience,
        entry: EntryView {
            refusal: asked.entry.refusal(),
            enters_at: asked.entry.coming(),
            may_enter_from: asked.entry.may_enter_from(),
            checks: asked.entry.explain(&words, asked.now, zone),
            enrollment: way.map(|row| EnrollmentView::of(row, judged.as_ref().map(|judged| judged.nominal))),
        },
        touchpoint: touchpoints.first().cloned(),
        touchpoints,
        answer: asked.answer(way, ahead),
        asked: judged.as_ref().map(|judged| AskedView::of(&judged.ahead, judged.expires_at)),
        checks: judged.map(|judged| judged.checks).unwrap_or_default(),
    })
}

/// One customer and one campaign, with everything read about the two.
struct Subject<'b> {
    book: &'b Book,
    now: Instant,
    shop: Shop,
    row: CampaignRow,
    version_id: CampaignVersionId,
    /// What customers enter under now.
    definition: Arc<Definition>,
    person: Person,
    entry: Entry,
    entries: Vec<EntryRow>,
    touches: Vec<TouchRow>,
}

/// A message to be asked about.
struct Next<'a> {
    comes: Comes,
    version_id: CampaignVersionId,
    definition: Arc<Definition>,
    message: Message,
    touch: Option<&'a TouchRow>,
    /// When the campaign wants it out, from which on it expires.
    nominal: Instant,
    /// The earliest it can still be.
    wanted: Instant,
}

/// What the gate says of it.
struct Judged {
    ahead: Ahead,
    expires_at: Instant,
    nominal: Instant,
    checks: Vec<CheckResult>,
}

impl<'b> Subject<'b> {
    async fn load(book: &'b Book, customer: CustomerId, key: &str) -> Result<Self, ServiceError> {
        let (row, version, definition) = campaigns::entered_under(book, key).await?;
        let db = book.store.reader();
        let found = customers::list(db, &[customer]).await?.remove(&customer);
        let found = found.ok_or_else(|| ServiceError::NotFound(format!("the customer {customer}")))?;
        let person = Person { id: customer, zone: found.zone };
        let (now, shop) = (book.now().await?, shop(book).await?);
        let inside = planning::audience(book, &definition, &[(customer, person.zone)], now).await?;
        let entries = ways::entries(db, row.id, customer, MOST).await?;
        let used: Vec<&str> = entries.iter().map(|entry| entry.occasion_key.as_str()).collect();
        let Found { cause, expected } =
            causes::of_person(book, &shop, &row, &definition, person, &used, now).await?;
        let entry = Entry {
            live: meta::go_live_at(db).await?.map_or(Live::Onboarding, Live::Since),
            campaign: row.state,
            running_since: row.running_since,
            in_audience: inside.contains(&customer),
            reentry: definition.reentry,
            last: entries.first().map(|entry| entry.cause_at),
            cause,
            expected,
        };
        let touches = ways::touches(db, row.id, customer, MOST).await?;
        let (definition, version_id) = (Arc::new(definition), version.id);
        Ok(Self { book, now, shop, row, version_id, definition, person, entry, entries, touches })
    }

    /// The entry that goes on, else the last.
    fn way(&self) -> Option<&EntryRow> {
        let active = self.entries.iter().find(|entry| entry.state == EnrollmentState::Active);
        active.or(self.entries.first())
    }

    fn told(&self, row: &EntryRow) -> Way {
        let over = |touch: &&TouchRow| touch.enrollment_id == row.id && !touch.state.is_waiting();
        let last = self.touches.iter().find(over).map(|touch| Touched {
            message: message_of(touch),
            state: touch.state,
            reason: touch.reason,
            at: touch.handed_at.or(touch.ended_at).unwrap_or(touch.send_at),
        });
        Way { entered_at: row.cause_at, state: row.state, reason: row.reason.clone(), last }
    }

    /// The message that waits, else the next that can come. None while one is being handed over, and for
    /// campaigns that send nothing.
    async fn next(&self) -> Result<Option<Next<'_>>, ServiceError> {
        if self.touches.iter().any(|touch| touch.state == TouchState::Sending) {
            return Ok(None);
        }
        let waiting = self.touches.iter().find(|touch| touch.state.is_waiting());
        let of_waiting = waiting.and_then(|t| self.entries.iter().find(|e| e.id == t.enrollment_id));
        let way = of_waiting.or(self.way().filter(|way| way.state == EnrollmentState::Active));
        let Some(way) = way else { return Ok(self.of_new_entry()) };
        let definition = self.definition_of(way.version_id).await?;
        if let Some(touch) = waiting {
            let queued = (touch.state == TouchState::Queued).then_some(touch.not_before);
            let wanted = self.now.max(touch.send_at).max(queued.unwrap_or(touch.send_at));
            return Ok(Some(Next {
                comes: Comes::Waits,
                version_id: way.version_id,
                definition,
                message: message_of(touch),
                touch: Some(touch),
                nominal: touch.send_at,
                wanted,
            }));
        }
        let made: Vec<Touch> =
            self.touches.iter().filter(|t| t.enrollment_id == way.id).map(as_in_journey).collect();
        let at = Enrollment { step: way.step, entered_at: way.cause_at };
        Ok(match next_send(&definition, &at, &made) {
            Some(next) => self.unmade(Comes::Enrolled, way.version_id, definition, next),
            None => self.of_new_entry(),
        })
    }

    /// The first message of an entry that comes by itself or would be made by a new cause.
    fn of_new_entry(&self) -> Option<Next<'_>> {
        let (comes, entered_at) = match self.entry.coming() {
            Some(at) => (Comes::Foreseen, at),
            None => {
                let earliest = [self.entry.expected, self.entry.may_enter_from()];
                let at = earliest.into_iter().flatten().fold(self.now, Instant::max);
                (Comes::NewCause, at)
            }
        };
        let next = next_send(&self.definition, &Enrollment { step: 0, entered_at }, &[])?;
        self.unmade(comes, self.version_id, self.definition.clone(), next)
    }

    fn unmade(
        &self,
        comes: Comes,
        version_id: CampaignVersionId,
        definition: Arc<Definition>,
        (step, nominal): (usize, Instant),
    ) -> Option<Next<'_>> {
        let Some(Step::Send(send)) = definition.steps.get(step) else { return None };
        let message = Message { step, template: send.template.clone(), coupon: send.coupon.clone() };
        let wanted = self.now.max(nominal);
        Some(Next { comes, version_id, definition, message, touch: None, nominal, wanted })
    }

    async fn definition_of(&self, id: CampaignVersionId) -> Result<Arc<Definition>, ServiceError> {
        if id == self.version_id {
            return Ok(self.definition.clone());
        }
        let found = definitions::of(self.book, [id]).await?;
        found.get(id).cloned().map_err(|broken| ServiceError::Internal(broken.to_owned()))
    }

    /// Asks the gate, for the instant the message would go out.
    async fn judge(&self, next: Next<'_>) -> Result<Judged, ServiceError> {
        let book = self.book;
        let room = Room::load(book, vec![next.version_id]).await?;
        let batches = Batches::load(book).await?;
        let step = (next.message.step, next.nominal);
        let made = next.touch.map(|touch| self.made(touch, &next.definition));
        let asked = made
            .or_else(|| unmade(&self.row, &next.definition, &batches, self.person, step, self.shop.zone))
            .ok_or_else(|| ServiceError::Internal(format!("step {} sends nothing", next.message.step)))?;
        let at = goes_out(&room, &next.definition, self.person.zone, next.wanted, asked.expires_at);
        let around = Around::about(book.store.reader(), &book.secrets, &[asked], self.now).await?;
        let seen = inputs(&room, &around, &next.definition, asked, at);
        Ok(Judged {
            ahead: Ahead { comes: next.comes, message: next.message, at, verdict: decide(&seen, at) },
            expires_at: asked.expires_at,
            nominal: next.nominal,
            checks: explain(&seen, at, self.shop.currency),
        })
    }

    fn made(&self, touch: &TouchRow, definition: &Definition) -> Asked<'_> {
        Asked {
            customer_id: self.person.id,
            zone: self.person.zone,
            campaign_key: &self.row.key,
            campaign_state: self.row.state,
            purpose: definition.purpose,
            priority: definition.priority,
            channel: touch.channel,
            coupon: match touch.coupon_batch_id {
                None => AskedCoupon::None,
                Some(_) if touch.has_coupon => AskedCoupon::Reserved,
                Some(batch) => AskedCoupon::Of(batch),
            },
            expires_at: touch.expires_at,
            touchpoint: Some(touch.id),
            reason: touch.reason,
        }
    }

    fn answer(&self, way: Option<&EntryRow>, ahead: Option<&Ahead>) -> String {
        let by_itself = ahead.filter(|ahead| ahead.comes != Comes::NewCause);
        match by_itself.map(|ahead| ahead.verdict) {
            Some(Verdict::Send) => return "send".to_owned(),
            Some(Verdict::Defer { reason, .. }) => return format!("hold ({reason})"),
            Some(Verdict::Skip { reason }) => return format!("skip ({reason})"),
            None => {}
        }
        if self.touches.iter().any(|touch| touch.state == TouchState::Sending) {
            return "being handed over".to_owned();
        }
        if self.definition.sends().next().is_none() {
            return "this campaign sends no message".to_owned();
        }
        match (self.entry.refusal(), way) {
            (Some(refusal), _) => format!("nothing comes ({refusal})"),
            (None, Some(way)) => format!("nothing comes ({})", way.state),
            (None, None) => "nothing comes".to_owned(),
        }
    }
}

fn message_of(touch: &TouchRow) -> Message {
    Message { step: touch.step, template: touch.template.clone(), coupon: touch.coupon_batch.clone() }
}

fn as_in_journey(touch: &TouchRow) -> Touch {
    let TouchRow { step, channel, state, reason, expires_at, .. } = touch;
    Touch { step: *step, channel: *channel, state: *state, reason: *reason, expires_at: *expires_at }
}
