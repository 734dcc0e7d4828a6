//! What the gate looks at, gathered for many touches at once, whether they exist or are only asked about, and
//! its answer as a change of the row. Nothing is written here.

use crate::service::definitions::{self, Definitions};
use crate::service::secrets::Secrets;
use crate::service::shop::{Shop, shop};
use crate::service::{Book, ServiceError};
use crate::store::contact::{self, Contact, Holder, Point, Take};
use crate::store::coupon_batches::CouponBatchRow;
use crate::store::dispatch::{Due, To};
use crate::store::stops::{self, StopScope};
use crate::store::{Db, StoreError, coupons, customers, meta};
use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::calendar::window::{ContactHours, ContactKind, ShopZone, WindowDecision};
use domain::campaign::definition::{Channel, Definition, Purpose, WindowKind};
use domain::campaign::gate::{
    Caps, Consent, ContactDay, ContactPoint, CouponNeed, Inputs, Live, Stop, Suppression, Verdict, decide,
};
use domain::campaign::state::{CampaignState, EnrollmentState};
use domain::campaign::touch::{Reason, TouchState};
use domain::coupon::Budget;
use domain::customer::AccountKind;
use domain::ids::{CampaignVersionId, CouponBatchId, CustomerId, TouchpointId};
use domain::time::{Instant, Span, add_days};
use std::collections::HashMap;
use std::sync::Arc;

/// A touch to ask the gate about: one on its way out, or one that doesn't exist.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub customer_id: CustomerId,
    /// The customer's own zone, where it is known.
    pub zone: Option<Tz>,
    pub campaign_key: &'a str,
    pub campaign_state: CampaignState,
    pub purpose: Purpose,
    pub priority: u8,
    pub channel: Channel,
    pub coupon: AskedCoupon,
    pub expires_at: Instant,
    /// The touchpoint, if there is one: it doesn't stand in its own way.
    pub touchpoint: Option<TouchpointId>,
    /// Why it was held, or ended.
    pub reason: Option<Reason>,
}

/// The coupon a touch brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedCoupon {
    None,
    /// Reserved for this touch already.
    Reserved,
    Of(CouponBatchId),
    /// Of a batch that isn't declared.
    Undeclared,
}

impl<'a> From<&'a Due> for Asked<'a> {
    fn from(due: &'a Due) -> Self {
        Self {
            customer_id: due.customer_id,
            zone: due.zone,
            campaign_key: &due.campaign_key,
            campaign_state: due.campaign_state,
            purpose: due.purpose,
            priority: due.priority,
            channel: due.channel,
            coupon: match (due.coupon_batch_id, due.coupon_id) {
                (None, _) => AskedCoupon::None,
                (Some(_), Some(_)) => AskedCoupon::Reserved,
                (Some(batch), None) => AskedCoupon::Of(batch),
            },
            expires_at: due.expires_at,
            touchpoint: Some(due.id),
            reason: due.reason,
        }
    }
}

/// What doesn't change while a batch is worked on.
pub struct Room {
    pub shop: Shop,
    pub live: Live,
    hours: ContactHours,
    definitions: Definitions,
}

impl Room {
    /// A version whose document can't be read breaks its own touchpoints only.
    pub async fn load(book: &Book, versions: Vec<CampaignVersionId>) -> Result<Self, ServiceError> {
        let definitions = definitions::of(book, versions).await?;
        let live = match meta::go_live_at(book.store.reader()).await? {
            Some(at) => Live::Since(at),
            None => Live::Onboarding,
        };
        Ok(Self { shop: shop(book).await?, live, hours: ContactHours::default(), definitions })
    }

    /// The version's document, or what is wrong with it.
    pub fn definition(&self, id: CampaignVersionId) -> Result<&Arc<Definition>, &str> {
        self.definitions.get(id)
    }

    /// What the campaign's contact window says at `at`, for somebody in that zone as far as it is known.
    pub fn window(&self, definition: &Definition, zone: Option<Tz>, at: Instant) -> WindowDecision {
        let shop_zone = if self.shop.single_zone { ShopZone::Single } else { ShopZone::Many };
        let kind = match definition.window {
            WindowKind::Marketing => ContactKind::Marketing,
            WindowKind::Service => ContactKind::Service,
        };
        self.hours.window(kind, zone, shop_zone(self.shop.zone)).decide(at)
    }

    /// The zone in which a customer's days are counted.
    pub fn zone(&self, due: &Due) -> Tz {
        due.zone.unwrap_or(self.shop.zone)
    }
}

/// What is known of the customers of a batch, as read at one moment.
pub struct Around {
    stops: Vec<StopScope>,
    consents: HashMap<(CustomerId, String, String), Consent>,
    points: HashMap<(CustomerId, String), Vec<Point>>,
    suppressed: HashMap<(String, String), String>,
    accounts: HashMap<CustomerId, AccountKind>,
    complaints: HashMap<CustomerId, String>,
    contacts: HashMap<CustomerId, Vec<Contact>>,
    days: HashMap<(CustomerId, NaiveDate), Holder>,
    batches: HashMap<CouponBatchId, CouponBatchRow>,
    secrets: Secrets,
}

/// Where a message would go.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    pub address: String,
    pub hash: String,
}

impl Around {
    /// What is known of the customers of touches on their way out.
    pub async fn load(db: &Db, secrets: &Secrets, due: &[Due], now: Instant) -> Result<Self, StoreError> {
        let batches: Vec<CouponBatchId> = due.iter().filter_map(|d| d.coupon_batch_id).collect();
        Self::of(db, secrets, due.iter().map(Asked::from), &batches, now).await
    }

    /// The same for touches that are only asked about.
    pub async fn about(
        db: &Db,
        secrets: &Secrets,
        asked: &[Asked<'_>],
        now: Instant,
    ) -> Result<Self, StoreError> {
        let of =
            |asked: &Asked<'_>| if let AskedCoupon::Of(batch) = asked.coupon { Some(batch) } else { None };
        let batches: Vec<CouponBatchId> = asked.iter().filter_map(of).collect();
        Self::of(db, secrets, asked.iter().copied(), &batches, now).await
    }

    async fn of(
        db: &Db,
        secrets: &Secrets,
        asked: impl Iterator<Item = Asked<'_>> + Clone,
        batches: &[CouponBatchId],
        now: Instant,
    ) -> Result<Self, StoreError> {
        let mut people: Vec<CustomerId> = asked.clone().map(|a| a.customer_id).collect();
        people.sort_unstable();
        people.dedup();
        // No zone is more than a day from UTC.
        let first = add_days(now.to_utc().date_naive(), -1);
        let mut around = Self {
            stops: stops::list_in_force(db).await?.into_iter().map(|s| s.scope).collect(),
            consents: contact::consents(db, &people).await?,
            points: contact::points(db, &people).await?,
            suppressed: HashMap::new(),
            accounts: customers::accounts(db, &people).await?,
            complaints: contact::open_complaints(db, &people).await?,
            contacts: contact::contacts(db, &people, now - Span::days(31)).await?,
            days: contact::days(db, &people, first).await?,
            batches: coupons::batches(db, batches).await?,
            secrets: secrets.clone(),
        };
        let targets = asked.filter_map(|a| around.target(a));
        let hashes = targets.map(|t| (String::new(), t.hash)).collect();
        around.suppressed = contact::suppressed(db, hashes).await?;
        Ok(around)
    }

    /// Where this one would go: the primary usable contact point of its channel.
    pub fn target<'a>(&self, asked: impl Into<Asked<'a>>) -> Option<Target> {
        let asked = asked.into();
        let channel = asked.channel.as_str();
        let points = self.points.get(&(asked.customer_id, channel.to_owned()))?;
        let point = contact::target(points)?;
        let hash = self.secrets.contact_hash(channel, &point.value);
        Some(Target { address: point.value.clone(), hash })
    }

    pub fn batch(&self, due: &Due) -> Option<&CouponBatchRow> {
        self.batches.get(&due.coupon_batch_id?)
    }

    fn stop(&self, asked: Asked<'_>) -> Stop {
        let mut reached = Stop::None;
        for scope in &self.stops {
            reached = match scope {
                StopScope::All => return Stop::All,
                StopScope::Channel(name) if name == asked.channel.as_str() => Stop::Channel,
                StopScope::Campaign(key) if *key == asked.campaign_key => Stop::Campaign,
                _ => reached,
            };
        }
        reached
    }

    fn consent(&self, asked: Asked<'_>) -> Consent {
        // Recovery is judged as service.
        let purpose = if asked.purpose == Purpose::Recovery { Purpose::Service } else { asked.purpose };
        let key = (asked.customer_id, asked.channel.as_str().to_owned(), purpose.as_str().to_owned());
        self.consents.get(&key).copied().unwrap_or(Consent::Unknown)
    }

    fn suppression(&self, asked: Asked<'_>) -> Suppression {
        let scope = self
            .target(asked)
            .and_then(|target| self.suppressed.get(&(asked.channel.as_str().to_owned(), target.hash)));
        match scope.map(String::as_str) {
            None => Suppression::Clear,
            Some("marketing") if !asked.purpose.needs_opt_in() => Suppression::Clear,
            Some(_) => Suppression::Suppressed,
        }
    }

    fn contact_point(&self, asked: Asked<'_>) -> ContactPoint {
        let has_any = self.points.contains_key(&(asked.customer_id, asked.channel.as_str().to_owned()));
        match (self.target(asked), has_any) {
            (Some(_), _) => ContactPoint::Usable,
            (None, true) => ContactPoint::Unusable,
            (None, false) => ContactPoint::Missing,
        }
    }

    fn coupon(&self, asked: Asked<'_>) -> CouponNeed {
        let row = match asked.coupon {
            AskedCoupon::None => return CouponNeed::NotNeeded,
            AskedCoupon::Reserved => return CouponNeed::Reserved,
            AskedCoupon::Undeclared => None,
            AskedCoupon::Of(batch) => self.batches.get(&batch),
        };
        let Some(row) = row else { return CouponNeed::Needed { face_minor: 0, left_minor: None } };
        // A batch without a budget is stored as 0.
        let limit_minor = Some(row.batch.budget_minor).filter(|limit| *limit > 0);
        let budget = Budget { limit_minor, outstanding_minor: row.outstanding_minor };
        CouponNeed::Needed { face_minor: row.batch.face_minor, left_minor: budget.left_minor() }
    }

    fn contact_day(&self, asked: Asked<'_>, date: NaiveDate) -> ContactDay {
        match self.days.get(&(asked.customer_id, date)) {
            Some(h) if Some(h.touchpoint_id) != asked.touchpoint => {
                let (campaign, priority) = (h.campaign_key.clone(), h.priority);
                if h.state.is_waiting() {
                    ContactDay::Waiting { campaign, priority }
                } else {
                    ContactDay::Begun { campaign, priority }
                }
            }
            _ => ContactDay::Free,
        }
    }
}

/// Everything the gate looks at for one touch, as of `at`.
pub fn inputs<'a>(
    room: &Room,
    around: &Around,
    definition: &Definition,
    asked: impl Into<Asked<'a>>,
    at: Instant,
) -> Inputs {
    let asked = asked.into();
    let zone = asked.zone.unwrap_or(room.shop.zone);
    let contacts = around.contacts.get(&asked.customer_id).map_or(&[][..], Vec::as_slice);
    // Contacts by others are no touchpoint of ours, nor is a touch that doesn't exist.
    let own = |c: &&Contact| asked.touchpoint.is_some() && c.touchpoint_id == asked.touchpoint;
    Inputs {
        live: room.live,
        stop: around.stop(asked),
        campaign: asked.campaign_state,
        purpose: asked.purpose,
        priority: asked.priority,
        coupon: around.coupon(asked),
        expires_at: asked.expires_at,
        held_for: asked.reason,
        consent: around.consent(asked),
        suppression: around.suppression(asked),
        account: around.accounts.get(&asked.customer_id).copied().unwrap_or(AccountKind::Consumer),
        open_complaint: around.complaints.get(&asked.customer_id).cloned(),
        contact_day: around.contact_day(asked, at.local_date(zone)),
        contacts: contacts.iter().filter(|c| !own(c)).map(|c| c.at).collect(),
        caps: Caps::default(),
        zone,
        window: room.window(definition, asked.zone, at),
        contact_point: around.contact_point(asked),
    }
}

/// What is to be done with a touchpoint.
pub enum Next {
    /// Hand it over now.
    HandOver,
    Change(Decided),
}

/// A change, with the contact day it needs.
#[derive(Clone)]
pub struct Decided {
    pub due: Box<Due>,
    pub to: To,
    pub take: Option<Take>,
}

impl Decided {
    /// An end, in the state its reason leads to.
    pub fn ended(due: &Due, reason: Reason, detail: Option<String>) -> Self {
        let state = due.state.apply(reason.end()).unwrap_or(TouchState::Skipped);
        Self { due: Box::new(due.clone()), to: To::Ended { state, reason, detail }, take: None }
    }
}

/// Asks the gate. What isn't queued yet is judged as of the instant it is wanted out.
pub fn next(room: &Room, around: &Around, due: &Due, now: Instant) -> Next {
    let definition = match room.definition(due.version_id) {
        Ok(definition) => definition,
        Err(broken) => {
            return Next::Change(Decided::ended(due, Reason::Template, Some(broken.to_owned())));
        }
    };
    if due.enrollment_state != EnrollmentState::Active {
        return Next::Change(Decided::ended(due, Reason::Exited, None));
    }
    let at = if due.state == TouchState::Queued { now } else { now.max(due.send_at) };
    let date = at.local_date(room.zone(due));
    let change = |to, take| Next::Change(Decided { due: Box::new(due.clone()), to, take });
    match decide(&inputs(room, around, definition, due, at), at) {
        Verdict::Send if due.state == TouchState::Queued => Next::HandOver,
        Verdict::Send => change(To::Queued { not_before: at, date }, take(room, due, at)),
        Verdict::Defer { until, reason } => {
            let until = until.unwrap_or(due.expires_at);
            change(To::Deferred { until, reason, date }, None)
        }
        Verdict::Skip { reason } => Next::Change(Decided::ended(due, reason, None)),
    }
}

/// The contact day a hand-over at `at` needs; only marketing shares one.
pub fn take(room: &Room, due: &Due, at: Instant) -> Option<Take> {
    due.purpose.needs_opt_in().then(|| Take {
        customer_id: due.customer_id,
        date: at.local_date(room.zone(due)),
        touchpoint_id: due.id,
        priority: due.priority,
        next_day: Instant::first_of(add_days(at.local_date(room.zone(due)), 1), room.zone(due)),
    })
}
