//! Tags that people give and take. What they do is a fact like any other, of the shop's own source: it is folded with the
//! rest, so a merge keeps it, a rebuild comes to the same, and erasing takes it.

use super::ingest::{Origin, Slice, Stamp, take_in};
use super::{Book, ServiceError, reasons, rules, sources, tags};
use crate::store::{Tx, audit, clusters, customers, meta, shops};
use domain::event::own::{Own, TagRemoval};
use domain::ids::CustomerId;
use domain::tag::{Catalogue, Expires, Kind, TagDefinition};
use domain::time::{Instant, Span};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// For so long a rule doesn't give back what somebody took away.
pub const SUPPRESSED: Span = Span::days(90);

/// Who gives or takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hand {
    /// Anybody who works with customers.
    Staff,
    /// Somebody who may grant what isn't given for good, such as being a VIP.
    Approver,
}

/// A tag to give.
#[derive(Debug, Clone, Default)]
pub struct Given {
    pub tag: String,
    /// The level or value; `None` for a tag that is there or not.
    pub value: Option<String>,
    /// From then on it is what its rule says.
    pub until: Option<Instant>,
    /// For those who will ask; nothing that names the person.
    pub reason: String,
}

/// What was done to a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Marked {
    #[schema(value_type = String, example = "cus_42")]
    pub customer: CustomerId,
    #[schema(example = "vip")]
    pub tag: String,
    /// What it is from now on; none where it was taken away.
    #[schema(example = "true")]
    pub value: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// Until when what people said holds, against its rule.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Instant>,
}

/// Gives a tag by hand: from now on it is this, whatever its rule says.
pub async fn give(
    book: &Book,
    customer: CustomerId,
    given: Given,
    (actor, hand): (&str, Hand),
) -> Result<Marked, ServiceError> {
    let catalogue = rules::catalogue(book).await?;
    let tag = by_hand(&catalogue, &given.tag, hand)?;
    let value = value_of(tag, given.value.as_deref())?;
    let expires = tag.by_hand.map_or(Expires::Never, |hand| hand.expires);
    let (key, reason) = (tag.key.clone(), given.reason);
    let mark = Mark { customer, reason, actor: actor.to_owned(), stamp: Stamp::of(&book.store).await? };
    book.write(move |tx, now| {
        Box::pin(async move {
            let until = expiry(expires, given.until, now)?;
            let own = Own::TagAdded { tag: key.clone(), value: value.clone(), expires_at: until };
            let detail = json!({ "tag": key, "value": value, "until": until });
            let customer = mark.write(tx, own, "customer.tag_added", detail, now).await?;
            Ok(Marked { customer, tag: key, value: Some(value), at: now, until })
        })
    })
    .await
}

/// Takes a tag away by hand. What its rule gives stays away for 90 d; of what only people give nothing is left.
pub async fn take(
    book: &Book,
    customer: CustomerId,
    (key, reason): (&str, &str),
    (actor, hand): (&str, Hand),
) -> Result<Marked, ServiceError> {
    let catalogue = rules::catalogue(book).await?;
    let tag = by_hand(&catalogue, key, hand)?;
    let (key, ruled) = (tag.key.clone(), tag.kind() != Kind::Manual);
    let mark = Mark {
        customer,
        reason: reason.to_owned(),
        actor: actor.to_owned(),
        stamp: Stamp::of(&book.store).await?,
    };
    book.write(move |tx, now| {
        Box::pin(async move {
            let until = ruled.then_some(now + SUPPRESSED);
            let own = Own::TagRemoved(TagRemoval { tag: key.clone(), suppressed_until: until });
            let detail = json!({ "tag": key, "suppressed_until": until });
            let customer = mark.write(tx, own, "customer.tag_removed", detail, now).await?;
            Ok(Marked { customer, tag: key, value: None, at: now, until })
        })
    })
    .await
}

/// The tag, if this hand may give and take it.
fn by_hand<'c>(catalogue: &'c Catalogue, key: &str, hand: Hand) -> Result<&'c TagDefinition, ServiceError> {
    let tag = tags::named(catalogue, key)?;
    match (tag.by_hand.map(|hand| hand.expires), hand) {
        (Some(Expires::Required), Hand::Staff) => {
            let detail = format!("{key} is granted by a supervisor or an admin, until a date they say");
            return Err(ServiceError::Forbidden(detail));
        }
        (Some(_), _) => return Ok(tag),
        (None, _) => {}
    }
    let tags = catalogue.tags();
    let open = tags.iter().filter(|tag| tag.by_hand.is_some()).map(|tag| tag.key.as_str());
    let detail = format!(
        "{key} is given by its rule alone; people give {}. Its document may say `by_hand: {{}}`",
        open.collect::<Vec<_>>().join(", ")
    );
    Err(ServiceError::Conflict(detail))
}

fn value_of(tag: &TagDefinition, said: Option<&str>) -> Result<String, ServiceError> {
    let known = tag.values();
    let value = match (said, known.as_deref()) {
        (Some(value), _) => value,
        (None, Some([only])) => *only,
        (None, _) => {
            let detail = format!("say which value of {} it is: {}", tag.key, listed(known.as_deref()));
            return Err(ServiceError::invalid("value", "missing", detail));
        }
    };
    if !tag.can_be(value) {
        let detail = format!("{} is never \"{value}\"; it is {}", tag.key, listed(known.as_deref()));
        return Err(ServiceError::invalid("value", "unknown_value", detail));
    }
    Ok(value.to_owned())
}

fn listed(values: Option<&[&str]>) -> String {
    values.map_or_else(|| "any word".to_owned(), |values| format!("one of {}", values.join(", ")))
}

fn expiry(expires: Expires, said: Option<Instant>, now: Instant) -> Result<Option<Instant>, ServiceError> {
    match (expires, said) {
        (_, Some(until)) => future(until, now).map(Some),
        (Expires::Never, None) => Ok(None),
        (Expires::After(span), None) => Ok(Some(now + span)),
        (Expires::Required, None) => {
            Err(ServiceError::invalid("until", "missing", "say until when: this tag isn't given for good"))
        }
    }
}

/// An end that is still to come.
pub(super) fn future(until: Instant, now: Instant) -> Result<Instant, ServiceError> {
    if until <= now {
        return Err(ServiceError::invalid("until", "past", format!("{until} isn't after now, {now}")));
    }
    Ok(until)
}

/// Who does it to whom, and why.
pub(super) struct Mark {
    pub customer: CustomerId,
    pub reason: String,
    pub actor: String,
    pub stamp: Stamp,
}

impl Mark {
    /// Logs the fact and its audit row; gives who the customer is now.
    pub async fn write(
        self,
        tx: &Tx,
        own: Own,
        action: &str,
        mut detail: Value,
        now: Instant,
    ) -> Result<CustomerId, ServiceError> {
        let reason = self.reason.trim();
        if reason.is_empty() {
            return Err(ServiceError::invalid("reason", "missing", "say why, for those who will ask"));
        }
        clusters::close(tx).await?;
        let row = customers::list(tx, &[self.customer]).await?.remove(&self.customer);
        let row = row.ok_or_else(|| ServiceError::NotFound(format!("the customer {}", self.customer)))?;
        if row.erased_at.is_some() {
            let detail = format!("{} was erased; nobody is left to mark", self.customer);
            return Err(ServiceError::Conflict(detail));
        }
        let canonical = row.merged_into.unwrap_or(self.customer);
        reasons::check(tx, canonical, "reason", reason).await?;
        let shop = shops::find_by_id(tx, row.shop).await?;
        let shop = shop.ok_or_else(|| ServiceError::Internal(format!("{canonical} is of no shop")))?;
        let source = sources::own_in(tx, &shop).await?;
        let slice = Slice::about(Origin { source, shop }, canonical, own.said_at(now));
        take_in(tx, &slice, now, self.stamp).await?;
        detail["reason"] = json!(reason);
        let subject = format!("customer:{canonical}");
        let entry = audit::Entry { at: now, actor: self.actor, action: action.to_owned(), subject, detail };
        audit::record(tx, entry).await?;
        meta::raise_change_seq(tx).await?;
        Ok(canonical)
    }
}
