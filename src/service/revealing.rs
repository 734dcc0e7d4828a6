//! Showing a customer's contact points unmasked (查看明文): for a reason, so often an hour, and never without a trace. Over
//! the API alone: a command line has no role, and whoever may run it is told by nobody what they read.

use super::access::Principal;
use super::looking::WHILE;
use super::{Book, ServiceError, reasons};
use crate::store::access_log::{self, Look};
use crate::store::people::{self, ContactPoint};
use crate::store::{Tx, audit, callbacks, clusters, customers};
use domain::access::Act;
use domain::ids::{CallbackId, CustomerId};
use domain::time::{Instant, Span};
use serde::Serialize;
use serde_json::json;
use std::time::Duration;
use utoipa::ToSchema;

/// Most characters of a reason.
const LONGEST_REASON: usize = 500;

/// A customer's contact points, as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Revealed {
    #[schema(value_type = String, example = "cus_42")]
    pub customer: CustomerId,
    #[schema(value_type = String, format = DateTime)]
    pub revealed_at: Instant,
    /// The callback in hand that is the reason, if it is.
    #[schema(value_type = Option<String>, example = "cb_7")]
    pub callback: Option<CallbackId>,
    /// The primary one of a channel first.
    pub contact_points: Vec<Unmasked>,
}

/// One contact point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Unmasked {
    /// email | phone
    pub channel: String,
    #[schema(example = "+8613800131234")]
    pub value: String,
    /// real | relay | masked (as it came; nothing more is known)
    pub class: &'static str,
    pub usable: bool,
    pub primary: bool,
}

/// Shows them to `principal`. Whoever has a callback of this customer in hand needs no other reason.
pub async fn reveal(
    book: &Book,
    customer: CustomerId,
    reason: &str,
    principal: &Principal,
) -> Result<Revealed, ServiceError> {
    let (reason, actor) = (reason.trim().to_owned(), principal.actor());
    if reason.chars().count() > LONGEST_REASON {
        let detail = format!("is longer than {LONGEST_REASON} characters; say it shorter");
        return Err(ServiceError::invalid("reason", "too_long", detail));
    }
    let most = i64::from(book.access.reveals_per_hour);
    book.write(move |tx, now| {
        Box::pin(async move {
            clusters::pass(tx).await?;
            let row = customers::list(tx, &[customer]).await?.remove(&customer);
            let row = row.ok_or_else(|| ServiceError::NotFound(format!("the customer {customer}")))?;
            if row.erased_at.is_some() {
                return Err(ServiceError::Conflict(format!("{customer} was erased; there is nothing to show")));
            }
            let customer = row.merged_into.unwrap_or(customer);
            let callback = callbacks::in_hand_of(tx, &actor, customer, now).await?;
            if reason.is_empty() && callback.is_none() {
                let detail = "say why you need the address; only a callback of this customer that you have in hand \
                              is a reason by itself";
                return Err(ServiceError::invalid("reason", "missing", detail));
            }
            reasons::check(tx, customer, "reason", &reason).await?;
            access_log::take_turns(tx, &actor).await?;
            refuse_too_many(tx, &actor, now, most).await?;
            note(tx, &actor, customer, &reason, callback, now).await?;
            let points = people::contact_points(tx, &[customer]).await?.remove(&customer).unwrap_or_default();
            let contact_points = points.into_iter().map(unmasked).collect();
            Ok(Revealed { customer, revealed_at: now, callback, contact_points })
        })
    })
    .await
}

async fn refuse_too_many(tx: &Tx, actor: &str, now: Instant, most: i64) -> Result<(), ServiceError> {
    let Some(at) = access_log::nth_reveal(tx, actor, now - WHILE, most - 1).await? else { return Ok(()) };
    let wait = (at + WHILE - now).max(Span::seconds(1));
    let seconds = u64::try_from((wait.as_micros() + 999_999) / 1_000_000).unwrap_or(1);
    Err(ServiceError::TooMany {
        retry_after: Duration::from_secs(seconds),
        detail: format!(
            "{most} within an hour are as many as access.reveals_per_hour allows; the next one in {seconds} s"
        ),
    })
}

/// In both logs, before anything is answered.
async fn note(
    tx: &Tx,
    actor: &str,
    customer: CustomerId,
    reason: &str,
    callback: Option<CallbackId>,
    at: Instant,
) -> Result<(), ServiceError> {
    let mut detail = json!({});
    if !reason.is_empty() {
        detail["reason"] = json!(reason);
    }
    if let Some(callback) = callback {
        detail["callback"] = json!(callback);
    }
    let look = Look {
        at,
        actor: actor.to_owned(),
        act: Act::Revealed,
        customer: Some(customer),
        detail: detail.clone(),
    };
    access_log::add(tx, look).await?;
    let (action, subject) = ("customer.revealed".to_owned(), format!("customer:{customer}"));
    Ok(audit::record(tx, audit::Entry { at, actor: actor.to_owned(), action, subject, detail }).await?)
}

fn unmasked(point: ContactPoint) -> Unmasked {
    Unmasked {
        channel: point.channel,
        value: point.value,
        class: point.class.as_str(),
        usable: point.usable,
        primary: point.is_primary,
    }
}
