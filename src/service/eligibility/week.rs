//! What the campaigns would do within the next week, added up for whoever decides whether to go live: messages, coupons
//! at face value, calls. Nothing is written here.

use super::causes::as_asked;
use super::dry_run;
use crate::service::live::PREVIEW_DAYS;
use crate::service::shop::{Shop, shop};
use crate::service::{Book, ServiceError, campaigns};
use crate::store::{campaigns as rows, causes, coupon_batches};
use domain::campaign::definition::{Definition, EventTrigger, Send, Step, Trigger};
use domain::campaign::state::CampaignState;
use domain::money::Money;
use domain::time::{Instant, Span};
use serde::Serialize;

/// What one campaign would do within the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CampaignWeek {
    pub campaign: String,
    /// running, or in_review: silent until it is approved.
    pub state: CampaignState,
    /// How people come in, and up to when they are counted.
    pub how: String,
    /// Come in. Of a campaign that an event starts: as many as last week's events would have brought.
    pub enters: u64,
    /// First messages that may go out.
    pub messages: u64,
    /// Of those who come in, held back or left out of the first message.
    pub without: u64,
    /// Coupons at face value: the most that those who get a first message are promised until their journeys end. None
    /// where the campaign gives no coupon.
    pub coupons: Option<Money>,
    /// Calls for people to make.
    pub calls: u64,
}

/// What each campaign that isn't over would do within the next week, by key.
pub async fn week_ahead(book: &Book) -> Result<Vec<CampaignWeek>, ServiceError> {
    let (now, shop) = (book.now().await?, shop(book).await?);
    let mut weeks = Vec::new();
    for row in rows::list(book.store.reader()).await? {
        if matches!(row.state, CampaignState::Running | CampaignState::InReview) {
            let (_, _, definition) = campaigns::newest(book, &row.key).await?;
            weeks.push(of_campaign(book, &shop, (&row.key, row.state), &definition, now).await?);
        }
    }
    Ok(weeks)
}

async fn of_campaign(
    book: &Book,
    shop: &Shop,
    (key, state): (&str, CampaignState),
    definition: &Definition,
    now: Instant,
) -> Result<CampaignWeek, ServiceError> {
    let nothing = |how: String| CampaignWeek {
        campaign: key.to_owned(),
        state,
        how,
        enters: 0,
        messages: 0,
        without: 0,
        coupons: None,
        calls: 0,
    };
    let sends = definition.steps.iter().any(|step| matches!(step, Step::Send(_)));
    let calls = definition.steps.iter().any(|step| matches!(step, Step::Callback(_)));
    let week = match &definition.trigger {
        Trigger::Event(event) => {
            let enters = like_last_week(book, shop, event, now).await?;
            let how = format!("by {}; counted are those of the last {PREVIEW_DAYS} d", event.name);
            CampaignWeek { enters, ..nothing(how) }
        }
        Trigger::Occasion(occasion) if !comes_soon(occasion.solar.next_slot(now, shop.zone), now) => {
            nothing(format!("none of its days within {PREVIEW_DAYS} d"))
        }
        Trigger::Occasion(_) | Trigger::Tag(_) if !sends => nothing("sends no message".to_owned()),
        Trigger::Occasion(_) | Trigger::Tag(_) => {
            let run = dry_run(book, key).await?;
            let without = run.gate.all() - run.gate.send;
            let coupons = face(book, definition, run.gate.send, shop).await?;
            let (enters, messages) = (run.entry.enters, run.gate.send);
            CampaignWeek { enters, messages, without, coupons, ..nothing(run.entry.how) }
        }
    };
    let calls = if calls { week.enters } else { 0 };
    Ok(CampaignWeek { calls, ..week })
}

fn comes_soon(slot: Option<domain::calendar::occasion::Slot>, now: Instant) -> bool {
    slot.is_some_and(|slot| slot.at <= now + Span::days(PREVIEW_DAYS))
}

/// The most that people who get a first message are promised in coupons, until their journeys end.
async fn face(
    book: &Book,
    definition: &Definition,
    people: u64,
    shop: &Shop,
) -> Result<Option<Money>, ServiceError> {
    let mut each: Option<i64> = None;
    for step in &definition.steps {
        let Step::Send(Send { coupon: Some(key), .. }) = step else { continue };
        let Some(row) = coupon_batches::find(book.store.reader(), key).await? else { continue };
        each = Some(each.unwrap_or(0).saturating_add(row.batch.face_minor));
    }
    let people = i64::try_from(people).unwrap_or(i64::MAX);
    Ok(each.map(|each| Money::new(each.saturating_mul(people), shop.currency)))
}

/// How many events of the last days would have started the campaign.
async fn like_last_week(
    book: &Book,
    shop: &Shop,
    wanted: &EventTrigger,
    now: Instant,
) -> Result<u64, ServiceError> {
    let from = now - Span::days(PREVIEW_DAYS);
    let about = causes::tickets_of(book.store.reader(), &wanted.name, from, now).await?;
    let fits = |ticket: &Option<crate::store::tickets::TicketRow>| {
        let Some(when) = &wanted.when else { return true };
        when.holds(&ticket.as_ref().map(as_asked).unwrap_or_default(), shop.currency)
    };
    Ok(about.iter().filter(|ticket| fits(ticket)).count() as u64)
}
