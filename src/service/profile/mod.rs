//! One customer's profile in one call, and finding the customer by what they are known by. Reads only; the
//! number of statements doesn't grow with the customer's history.

mod find;
mod segments;
mod tags;
mod view;
mod warnings;

pub use find::{IdentifierKind, find, resolve};
pub use view::*;

use super::aggregates::{AggregatesView, own};
use super::{Book, ServiceError, rules};
use crate::store::profile_page::{
    self, ContactLine, CouponLine, Head, JourneyLine, OrderLine, ProfilePage, TouchLine,
};
use crate::store::tickets::TicketRow;
use domain::campaign::definition::{Definition, Step};
use domain::campaign::parse::parse;
use domain::customer::account::{SUSPICIOUS_ORDERS, Suspicion, suspicions};
use domain::ids::CustomerId;
use domain::insight::Amounts;
use domain::mask;
use domain::money::Money;
use domain::problem::Problem;
use domain::tag::{Catalogue, Courses};
use domain::time::Instant;
use tags::Documents;

/// The profile as of the book's clock; `None` if there is no such customer. Who was merged has the profile of whoever
/// they are now.
pub async fn profile(book: &Book, id: CustomerId) -> Result<Option<ProfileView>, ServiceError> {
    let as_of = book.now().await?;
    let db = book.store.reader();
    let Some(mut page) = profile_page::load(db, id).await? else { return Ok(None) };
    let hashes: Vec<String> =
        page.contacts.iter().map(|c| book.secrets.contact_hash(&c.channel, &c.value)).collect();
    let scopes = profile_page::reach(db, &mut page.contacts, &hashes).await?;
    let catalogue = rules::rules_of(book, page.rule_epoch).await?.catalogue;
    let documents = profile_page::documents(db, &tags::unknown(&page.tags, &catalogue)).await?;
    let contact_points: Vec<ContactPointView> = page
        .contacts
        .iter()
        .zip(&hashes)
        .map(|(contact, hash)| contact_point(contact, scopes.get(hash).cloned()))
        .collect();
    view(page, contact_points, &catalogue, &documents, as_of).map(Some)
}

fn view(
    page: ProfilePage,
    contact_points: Vec<ContactPointView>,
    catalogue: &Catalogue,
    documents: &Documents,
    as_of: Instant,
) -> Result<ProfileView, ServiceError> {
    let mut warnings = warnings::of(&page, &contact_points);
    let head = page.head;
    if head.set_aside {
        warnings.push(warnings::not_decided());
    }
    // Of whom the keeper hasn't looked at, who was erased, or whose facts can't be decided on, nothing is foreseen.
    let foreseen = head.kept.kept_at.is_some() && head.erased_at.is_none() && !head.set_aside;
    let courses = if foreseen { head.courses.clone() } else { Courses::new() };
    let shop = head.shop_key.clone();
    let standing = |line| tags::standing(line, &head, &courses, catalogue, documents);
    let (tags, segments) = segments::apart(page.tags);
    let tags = tags.into_iter().map(standing).collect::<Result<Vec<_>, _>>()?;
    let in_it = |row| segments::standing(row, &head, &courses, catalogue, documents).transpose();
    let segments = segments.into_iter().filter_map(in_it).collect::<Result<Vec<_>, _>>()?;
    let absent_tags =
        if foreseen { tags::absent(catalogue, &courses, &page.done_runs, &tags) } else { Vec::new() };
    let journeys = page.journeys.into_iter().map(journey).collect::<Result<Vec<_>, _>>()?;
    let next_touches = next_touches(&journeys, &page.touches);
    let aggregates = AggregatesView::of(head.kept.clone(), &shop, head.currency);
    Ok(ProfileView {
        id: head.kept.id,
        merged_from: page.merged_from,
        customer_id: head.kept.user_id.clone(),
        shop: shop.clone(),
        name: head.name.clone(),
        locale: head.locale.clone(),
        zone: head.zone.name().to_owned(),
        account_kind: head.kept.account_kind.to_string(),
        suspicion: suspicion(&head, page.amounts),
        registered_at: head.registered_at,
        created_at: head.created_at,
        as_of,
        warnings,
        identifiers: page.identifiers.into_iter().map(identifier).collect(),
        contact_points,
        aggregates,
        absent_tags,
        tags,
        segments,
        orders: page.orders.into_iter().map(|line| order(line, &shop)).collect(),
        tickets: page.tickets.into_iter().map(|line| ticket(line, &head)).collect(),
        consents: page.consents.into_iter().map(consent).collect(),
        coupons: page.coupons.into_iter().map(coupon).collect(),
        journeys,
        next_touches,
        touches: page.touches.into_iter().map(touch).collect(),
        callbacks: page.callbacks.into_iter().map(callback).collect(),
    })
}

fn suspicion(head: &Head, amounts: Option<Amounts>) -> Vec<SuspicionView> {
    let amount = |minor| CountOrAmount::Amount(Money::new(minor, head.currency));
    let of = |suspicion| match suspicion {
        Suspicion::Orders30(n) => SuspicionView {
            rule: "orders_30d",
            value: CountOrAmount::Count(n),
            threshold: CountOrAmount::Count(SUSPICIOUS_ORDERS),
        },
        Suspicion::Spend365 { spend_minor, above_minor } => {
            SuspicionView { rule: "spend_365", value: amount(spend_minor), threshold: amount(above_minor) }
        }
    };
    let kept = &head.kept;
    let p95 = amounts.and_then(|amounts| amounts.spend_p95_minor);
    let found = suspicions(kept.account_kind, kept.many_orders_30, kept.spend_365_minor, p95);
    found.into_iter().map(of).collect()
}

fn identifier(line: profile_page::IdentifierLine) -> IdentifierView {
    let value = match line.kind.as_str() {
        "email" | "phone" => mask::contact(&line.kind, &line.value),
        _ => line.value,
    };
    IdentifierView { kind: line.kind, namespace: line.namespace, value }
}

fn contact_point(line: &ContactLine, suppressed: Option<String>) -> ContactPointView {
    ContactPointView {
        channel: line.channel.clone(),
        masked: mask::contact(&line.channel, &line.value),
        class: line.class.clone(),
        usable: line.usable,
        primary: line.is_primary,
        suppressed,
    }
}

/// A stored document that its parser refuses is a broken row: named, never passed over.
fn broken(place: String, problems: &[Problem]) -> ServiceError {
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    ServiceError::Internal(format!("{place}: {}", told.join("; ")))
}

fn order(line: OrderLine, shop: &str) -> OrderView {
    let state = if line.cancelled_at.is_some() {
        OrderState::Cancelled
    } else if line.refunded.minor <= 0 {
        OrderState::Paid
    } else if line.refunded.minor < line.total.minor {
        OrderState::PartlyRefunded
    } else {
        OrderState::Refunded
    };
    OrderView {
        order_id: own(line.order_key, shop),
        paid_at: line.paid_at,
        state,
        total: line.total,
        refunded: line.refunded,
        cancelled_at: line.cancelled_at,
    }
}

fn ticket(line: TicketRow, head: &Head) -> TicketView {
    let shop = &head.shop_key;
    TicketView {
        ticket_id: own(line.ticket_key, shop),
        order_id: line.order_key.map(|key| own(key, shop)),
        state: if line.open { "open" } else { "closed" },
        opened_at: line.opened_at,
        resolved_at: line.resolved_at,
        reopened: line.reopened,
        complaint: line.complaint,
        important: line.important,
        complex: line.complex,
        amount: line.amount_minor.map(|minor| Money::new(minor, head.currency)),
        category: line.category,
        severity: line.severity,
        channel: line.channel,
    }
}

fn consent(line: profile_page::ConsentLine) -> ConsentView {
    ConsentView {
        channel: line.channel,
        purpose: line.purpose,
        state: line.state,
        source: line.source,
        occurred_at: line.occurred_at,
    }
}

fn coupon(line: CouponLine) -> CouponView {
    CouponView {
        id: line.id,
        batch: line.batch,
        last4: line.last4,
        face: line.face,
        threshold: (line.threshold.minor > 0).then_some(line.threshold),
        state: line.state,
        issued_at: line.issued_at,
        expires_at: line.expires_at,
        redeemed_at: line.redeemed_at,
    }
}

fn journey(line: JourneyLine) -> Result<JourneyView, ServiceError> {
    let (definition, problems) = parse(&line.document);
    let definition = definition
        .filter(|_| problems.is_empty())
        .ok_or_else(|| broken(format!("campaign_version.document of {}", line.version_id), &problems))?;
    Ok(JourneyView {
        id: line.id,
        campaign: line.campaign,
        next: next_step(&definition, line.step, line.cause_at),
        name: BothLanguages { en: definition.name.en, zh_cn: definition.name.zh },
        cause_at: line.cause_at,
        entered_at: line.entered_at,
    })
}

/// The first step from `step` on that does something, at its nominal instant.
fn next_step(definition: &Definition, step: usize, cause_at: Instant) -> Option<NextStepView> {
    let rest = definition.steps.iter().enumerate().skip(step);
    let (step, does, what, channel) = rest.into_iter().find_map(|(index, step)| match step {
        Step::Wait(_) => None,
        Step::Send(send) => Some((index, "send", send.template.clone(), send.channels.first())),
        Step::Callback(callback) => Some((index, "callback", callback.kind.as_str().to_owned(), None)),
    })?;
    let channel = channel.map(ToString::to_string);
    Some(NextStepView { step, does, channel, what, at: definition.nominal_at(cause_at, step) })
}

/// Touches that wait, and the next ones of journeys that haven't come to them yet.
fn next_touches(journeys: &[JourneyView], touches: &[TouchLine]) -> Vec<NextTouchView> {
    let made = touches.iter().filter(|touch| touch.state.is_waiting()).map(|touch| NextTouchView {
        campaign: touch.campaign.clone(),
        step: touch.step,
        channel: touch.channel.clone(),
        template: touch.template.clone(),
        at: touch.not_before,
        state: Some(touch.state),
    });
    let unmade = journeys.iter().filter_map(|journey| {
        let next = journey.next.as_ref()?;
        let step = i64::try_from(next.step).ok()?;
        let is_made = touches.iter().any(|t| t.enrollment_id == journey.id && t.step == step);
        let channel = next.channel.clone().filter(|_| !is_made)?;
        let (campaign, template) = (journey.campaign.clone(), next.what.clone());
        Some(NextTouchView { campaign, step, channel, template, at: next.at, state: None })
    });
    let mut all: Vec<NextTouchView> = made.chain(unmade).collect();
    all.sort_by(|a, b| (a.at, &a.campaign, a.step).cmp(&(b.at, &b.campaign, b.step)));
    all
}

fn touch(line: profile_page::TouchLine) -> TouchView {
    TouchView {
        id: line.id,
        campaign: line.campaign,
        step: line.step,
        channel: line.channel,
        purpose: line.purpose,
        template: line.template,
        state: line.state,
        reason: line.reason,
        planned_on: line.local_date,
        at: line.handed_at.or(line.ended_at).unwrap_or(line.created_at),
        expires_at: line.expires_at,
    }
}

fn callback(line: profile_page::CallbackLine) -> CallbackView {
    CallbackView {
        id: line.id,
        kind: line.kind,
        state: line.state,
        reason: line.reason,
        created_at: line.created_at,
        not_before: line.not_before,
        due_at: line.due_at,
        attempts: line.attempts,
        staff: line.staff,
        result: line.result,
        ended_at: line.ended_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::money::Currency;

    #[test]
    fn an_orders_state_follows_what_came_back() {
        let cny = Currency::parse("CNY").unwrap();
        let state = |total, refunded, cancelled_at| {
            let line = OrderLine {
                order_key: "main:A-7".to_owned(),
                paid_at: Instant::from_micros(0),
                cancelled_at,
                total: Money::new(total, cny),
                refunded: Money::new(refunded, cny),
            };
            order(line, "main").state
        };
        assert_eq!(state(100, 0, None), OrderState::Paid);
        assert_eq!(state(0, 0, None), OrderState::Paid);
        assert_eq!(state(100, 99, None), OrderState::PartlyRefunded);
        assert_eq!(state(100, 100, None), OrderState::Refunded);
        assert_eq!(state(100, 0, Some(Instant::from_micros(1))), OrderState::Cancelled);
    }
}
