//! Who a campaign would reach, and why somebody is or isn't: the questions planner and gate ask, asked for
//! people. Here is what the answers share; nothing is written.

mod causes;
mod dry_run;
mod explain_campaign;
mod explain_segment;
mod explain_tag;
mod explanation;
mod one;
mod week;

pub use dry_run::{DryRun, Entering, dry_run};
pub use explain_campaign::explain_campaign;
pub use explain_segment::{SaidView, SegmentExplanation, explain_segment};
pub use explain_tag::{TagExplanation, ValueCondition, explain_tag};
pub use explanation::{AskedView, CampaignExplanation, EnrollmentView, EntryView, TouchView};
pub use week::{CampaignWeek, week_ahead};

use super::dispatch::look::{Asked, AskedCoupon, Room};
use super::{Book, ServiceError};
use crate::store::campaigns::CampaignRow;
use crate::store::coupon_batches;
use chrono_tz::Tz;
use domain::calendar::window::WindowDecision;
use domain::campaign::definition::{Definition, Send, Step};
use domain::ids::{CouponBatchId, CustomerId};
use domain::time::Instant;
use std::collections::HashMap;

/// Somebody to ask about.
#[derive(Debug, Clone, Copy)]
struct Person {
    id: CustomerId,
    /// Their own, where it is known.
    zone: Option<Tz>,
}

/// The coupon batches declared, by key.
struct Batches(HashMap<String, CouponBatchId>);

impl Batches {
    async fn load(book: &Book) -> Result<Self, ServiceError> {
        let rows = coupon_batches::list(book.store.reader()).await?;
        Ok(Self(rows.into_iter().map(|row| (row.batch.key, row.id)).collect()))
    }

    fn coupon(&self, send: &Send) -> AskedCoupon {
        match send.coupon.as_ref().map(|key| self.0.get(key)) {
            None => AskedCoupon::None,
            Some(Some(batch)) => AskedCoupon::Of(*batch),
            Some(None) => AskedCoupon::Undeclared,
        }
    }
}

/// A sending step's first touch as it would be made for an instant its campaign wants it out; none where the
/// step sends nothing.
fn unmade<'a>(
    row: &'a CampaignRow,
    definition: &Definition,
    batches: &Batches,
    person: Person,
    (step, wanted): (usize, Instant),
    shop_zone: Tz,
) -> Option<Asked<'a>> {
    let Some(Step::Send(send)) = definition.steps.get(step) else { return None };
    Some(Asked {
        customer_id: person.id,
        zone: person.zone,
        campaign_key: &row.key,
        campaign_state: row.state,
        purpose: definition.purpose,
        priority: definition.priority,
        channel: *send.channels.first()?,
        coupon: batches.coupon(send),
        expires_at: definition.expires.at(wanted, person.zone.unwrap_or(shop_zone)),
        touchpoint: None,
        reason: None,
    })
}

/// When a touch that is wanted out would go: then, or as soon as the customer's contact window is open. One
/// whose time is over by then is judged as of when it is wanted.
fn goes_out(
    room: &Room,
    definition: &Definition,
    zone: Option<Tz>,
    wanted: Instant,
    expires_at: Instant,
) -> Instant {
    match room.window(definition, zone, wanted) {
        WindowDecision::ClosedUntil(open) if open < expires_at => open,
        WindowDecision::Open | WindowDecision::ClosedUntil(_) => wanted,
    }
}
