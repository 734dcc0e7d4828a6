//! Getting touchpoints ready for their hand-over: the coupon reserved and committed first, then the mail
//! built around it. Slow things happen here, before anything is marked.

use super::look::{Around, Decided, Room, Target};
use super::mail::{self, MailCoupon, Text, Texts};
use crate::delivery::message::BuiltMail;
use crate::service::secrets::Purpose;
use crate::service::{Book, ServiceError};
use crate::store::coupon_batches::CouponBatch;
use crate::store::coupons::{self, NewCode, Reserved, Wanted};
use crate::store::dispatch::Due;
use crate::store::{Lane, StoreError};
use chrono::NaiveDate;
use domain::campaign::definition::Definition;
use domain::campaign::touch::Reason;
use domain::coupon::Validity;
use domain::coupon::code::Code;
use domain::ids::CouponId;
use domain::time::Instant;
use std::collections::HashMap;

/// A touchpoint with everything its hand-over needs.
pub struct Prepared {
    pub due: Due,
    pub target: Target,
    pub mail: BuiltMail,
    pub coupon: Option<PreparedCoupon>,
}

/// The coupon a built mail speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreparedCoupon {
    pub id: CouponId,
    pub until: Instant,
    /// The date of issue its validity is counted from.
    pub issued_on: NaiveDate,
}

/// What preparing came to.
pub enum Preparation {
    Ready(Box<Prepared>),
    /// It can't go out.
    Refused(Decided),
    /// Somebody else changed it meanwhile.
    Gone,
}

/// Prepares touchpoints the gate has let pass.
pub async fn prepare(
    book: &Book,
    room: &Room,
    around: &Around,
    texts: &Texts,
    due: Vec<Due>,
    now: Instant,
) -> Result<Vec<Preparation>, ServiceError> {
    let mut by_key: HashMap<String, Text> = HashMap::new();
    let mut out = Vec::with_capacity(due.len());
    for one in due {
        if !by_key.contains_key(&one.template_key) {
            by_key.insert(one.template_key.clone(), texts.of(book, &one.template_key).await?);
        }
        let text = &by_key[&one.template_key];
        out.push(prepare_one(book, room, around, text, one, now).await?);
    }
    Ok(out)
}

async fn prepare_one(
    book: &Book,
    room: &Room,
    around: &Around,
    text: &Text,
    mut due: Due,
    now: Instant,
) -> Result<Preparation, ServiceError> {
    let (Ok(definition), Some(target)) = (room.definition(due.version_id).cloned(), around.target(&due))
    else {
        return Ok(Preparation::Gone);
    };
    let mut coupon = None;
    let mut shown = None;
    if due.coupon_batch_id.is_some() {
        let Some(row) = around.batch(&due) else {
            return Ok(refused(&due, Reason::Budget, "no such coupon batch"));
        };
        let (id, sealed) = match reserve(book, &due, &definition, &row.batch, now).await? {
            Reserved::Coupon { id, sealed } => (id, sealed),
            Reserved::NoBudget => return Ok(refused(&due, Reason::Budget, "the coupon budget is used up")),
            Reserved::HasOne => {
                return Ok(refused(&due, Reason::Budget, "the customer has a coupon of this batch already"));
            }
            Reserved::Gone => return Ok(Preparation::Gone),
        };
        due.coupon_id = Some(id);
        let Some(code) = book.secrets.open(Purpose::CouponSeal, &context(&due), &sealed) else {
            return Ok(refused(&due, Reason::Template, "its coupon code was sealed with another key"));
        };
        let zone = room.zone(&due);
        let days = u32::try_from(row.batch.valid_days).unwrap_or(0);
        let validity = Validity::starting(now, days, zone);
        coupon = Some(PreparedCoupon { id, until: validity.until, issued_on: now.local_date(zone) });
        shown = Some(MailCoupon { code, batch: &row.batch, expires_on: validity.expires_on(zone) });
    }
    Ok(match mail::build(book, room, text, &definition, &due, &target, shown) {
        Ok(mail) => Preparation::Ready(Box::new(Prepared { due, target, mail, coupon })),
        Err(detail) => {
            tracing::warn!(campaign.key = %due.campaign_key, template.key = %due.template_key, touchpoint.id = %due.id,
                "a mail can't be built; its touchpoint failed");
            refused(&due, Reason::Template, &detail)
        }
    })
}

fn refused(due: &Due, reason: Reason, detail: &str) -> Preparation {
    Preparation::Refused(Decided::ended(due, reason, Some(detail.to_owned())))
}

/// What a coupon's code is sealed for: it opens for this batch, customer and source alone.
fn context(due: &Due) -> String {
    let batch = due.coupon_batch_id.map_or(0, |id| id.0);
    format!("coupon:{batch}:{}:{}", due.customer_id.0, source_ref(due))
}

fn source_ref(due: &Due) -> String {
    format!("{}:{}", due.enrollment_id, due.step)
}

async fn reserve(
    book: &Book,
    due: &Due,
    definition: &Definition,
    batch: &CouponBatch,
    now: Instant,
) -> Result<Reserved, ServiceError> {
    let Some(batch_id) = due.coupon_batch_id else { return Ok(Reserved::NoBudget) };
    let wanted = Wanted {
        touchpoint_id: due.id,
        fence: due.fence,
        batch_id,
        customer_id: due.customer_id,
        campaign_id: due.campaign_id,
        source_ref: source_ref(due),
        campaign_budget_minor: definition.budget_micros.map(|micros| minor(micros, &batch.currency)),
        codes: (0..3).filter_map(|_| fresh(book, due)).collect(),
    };
    // A row that was changed meanwhile must not keep a coupon: the unit is rolled back.
    let reserved = book.store.write(Lane::Work, move |tx| {
        Box::pin(async move {
            match coupons::reserve(tx, now, &wanted).await? {
                Reserved::Gone => {
                    Err(StoreError::RowsAffected { what: "a coupon's touchpoint", expected: 1, actual: 0 })
                }
                other => Ok(other),
            }
        })
    });
    match reserved.await {
        Err(StoreError::RowsAffected { .. }) => Ok(Reserved::Gone),
        other => Ok(other?),
    }
}

/// Minor units of an amount in 1e-6.
fn minor(micros: i64, currency: &str) -> i64 {
    let places = domain::money::Currency::parse(currency).map_or(2, |c| c.exponent()).min(6);
    micros / 10_i64.pow(6 - places)
}

fn fresh(book: &Book, due: &Due) -> Option<NewCode> {
    let mut bytes = [0; 64];
    book.entropy.fill(&mut bytes);
    let code = Code::generate(&mut bytes.into_iter())?;
    Some(NewCode {
        hash: book.secrets.hash(Purpose::CouponHash, code.as_str()),
        sealed: book.secrets.seal(Purpose::CouponSeal, &context(due), code.as_str(), &*book.entropy),
        last4: code.last4().to_owned(),
    })
}
