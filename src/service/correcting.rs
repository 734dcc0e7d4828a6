//! Setting right what is known of a person (更正): whatever was said of a field goes as if it had never been said, and
//! what a person says instead is taken in as a fact of the shop's own, so that a rebuild comes to the same.

use super::catching_up::catch_up;
use super::erasing::cluster;
use super::ingest::{Origin, Slice, Stamp, take_in};
use super::{Book, ServiceError, reasons, sources};
use crate::store::correction::{self, TakenBack};
use crate::store::{StoreError, Tx, audit, clusters, contact, customers, meta, people, resolution, shops};
use domain::contact as address;
use domain::customer::Correction;
use domain::event::{Context, Speaker};
use domain::ids::CustomerId;
use domain::time::Instant;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// What to set right.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Traits with the value that holds.
    pub set: Map<String, Value>,
    /// Traits that have none.
    pub unset: Vec<String>,
    /// For those who will ask; nothing about the person.
    pub reason: String,
}

/// What became of it. No value is repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Corrected {
    #[schema(value_type = String, example = "cus_42")]
    pub customer: CustomerId,
    #[schema(value_type = String, format = DateTime)]
    pub corrected_at: Instant,
    /// Traits that have a new value.
    #[schema(example = json!(["email"]))]
    pub set: Vec<String>,
    /// Traits that have none any more.
    pub unset: Vec<String>,
    /// Earlier events that said something else.
    pub events: usize,
    /// Telephone numbers and mail addresses by which they were known and aren't any more, unless as the new value.
    pub names_removed: u64,
    /// New contact points that others have too.
    pub shared: Vec<Shared>,
}

/// A contact point that somebody else has too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Shared {
    /// email | phone
    pub field: &'static str,
    /// How many others have it.
    pub others: usize,
    /// Who may be the same person; a person decides (`customer candidates`).
    #[schema(value_type = Vec<String>)]
    pub candidates: Vec<CustomerId>,
}

/// Corrects a person, with everybody who is one with them.
pub async fn correct(
    book: &Book,
    customer: CustomerId,
    wanted: Wanted,
    actor: &str,
) -> Result<Corrected, ServiceError> {
    let (stamp, actor) = (Stamp::of(&book.store).await?, actor.to_owned());
    book.write(move |tx, now| Box::pin(async move { write(tx, customer, &wanted, &actor, now, stamp).await }))
        .await
}

/// What [`correct`] would do.
pub async fn preview(
    book: &Book,
    customer: CustomerId,
    wanted: Wanted,
    actor: &str,
) -> Result<Corrected, ServiceError> {
    let (stamp, actor) = (Stamp::of(&book.store).await?, actor.to_owned());
    let tried = book
        .write(move |tx, now| {
            Box::pin(async move {
                match write(tx, customer, &wanted, &actor, now, stamp).await {
                    Ok(would) => Err::<(), _>(Tried::Would(would)),
                    Err(error) => Err(Tried::Failed(error)),
                }
            })
        })
        .await;
    match tried {
        Err(Tried::Would(would)) => Ok(would),
        Err(Tried::Failed(error)) => Err(error),
        Ok(()) => Err(ServiceError::Internal("a trial was kept".to_owned())),
    }
}

/// The end of a trial: nothing of it is kept either way.
enum Tried {
    Would(Corrected),
    Failed(ServiceError),
}

impl From<StoreError> for Tried {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

async fn write(
    tx: &Tx,
    customer: CustomerId,
    wanted: &Wanted,
    actor: &str,
    now: Instant,
    stamp: Stamp,
) -> Result<Corrected, ServiceError> {
    let reason = wanted.reason.trim();
    if reason.is_empty() {
        return Err(ServiceError::invalid("reason", "missing", "say why, for those who will ask"));
    }
    clusters::close(tx).await?;
    let row = customers::list(tx, &[customer]).await?.remove(&customer);
    let row = row.ok_or_else(|| ServiceError::NotFound(format!("the customer {customer}")))?;
    if row.erased_at.is_some() {
        return Err(ServiceError::Conflict(format!("{customer} was erased; nothing is left to correct")));
    }
    let canonical = row.merged_into.unwrap_or(customer);
    reasons::check(tx, canonical, "reason", reason).await?;
    let shop = shops::find_by_id(tx, row.shop).await?;
    let shop = shop.ok_or_else(|| ServiceError::Internal(format!("{customer} is of no shop")))?;
    let context = Context {
        zone: shop.shop.zone,
        currency: shop.shop.currency,
        base: shop.base,
        clock: Some(now),
        speaker: Speaker::Sender,
    };
    let correction =
        Correction::read(&wanted.set, &wanted.unset, now, &context).map_err(ServiceError::Invalid)?;
    let cluster = cluster(tx, canonical).await?;
    catch_up(tx, [canonical], now).await?;
    contact::lock(tx, &cluster).await?;
    let TakenBack { events, names } = correction::take_back(tx, &cluster, &correction.fields).await?;
    people::reread(tx, now, &[canonical]).await?;
    let shared = shared(tx, canonical, &cluster, &correction, &shop.shop.id_namespace).await?;
    let source = sources::own_in(tx, &shop).await?;
    let unset = correction.fields.difference(&correction.set).cloned().collect::<Vec<_>>();
    let set = correction.set.into_iter().collect::<Vec<_>>();
    let slice = Slice::about(Origin { source, shop }, canonical, correction.said);
    take_in(tx, &slice, now, stamp).await?;
    let (action, subject) = ("customer.corrected".to_owned(), format!("customer:{canonical}"));
    let detail = json!({ "reason": reason, "set": set, "unset": unset, "events": events,
        "customers": cluster.len() });
    audit::record(tx, audit::Entry { at: now, actor: actor.to_owned(), action, subject, detail }).await?;
    meta::raise_change_seq(tx).await?;
    Ok(Corrected { customer: canonical, corrected_at: now, set, unset, events, names_removed: names, shared })
}

/// By the rules of ingest: what identifies somebody else becomes a contact point of both, and the two may be one. Where
/// an event would make them one at once, a person is to say so: a correction is about one.
async fn shared(
    tx: &Tx,
    canonical: CustomerId,
    cluster: &[CustomerId],
    correction: &Correction,
    namespace: &str,
) -> Result<Vec<Shared>, ServiceError> {
    let foreseen = resolution::foresee(tx, canonical, &correction.said.names(namespace)).await?;
    if let Some(merge) = foreseen.merges.first() {
        let other = if merge.from == canonical { merge.into } else { merge.from };
        let detail = format!(
            "this {} says who {other} is, and nothing speaks against {canonical} and {other} being one person; make \
             them one first (customer merge), or correct {other}",
            merge.by
        );
        return Err(ServiceError::Conflict(detail));
    }
    let mut shared = Vec::new();
    for (field, read) in [
        ("email", address::email as fn(&str) -> Option<address::Address>),
        ("phone", address::phone as fn(&str) -> Option<address::Address>),
    ] {
        let said = correction.said.traits.get(field);
        let text = said.and_then(|value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        let Some(point) = text.as_deref().and_then(read) else { continue };
        let others = correction::count_others(tx, cluster, point.channel, &point.value).await?;
        let by = |c: &&domain::customer::identity::Candidate| c.by.as_str() == field;
        let candidates: Vec<CustomerId> =
            foreseen.candidates.iter().filter(by).map(|c| if c.a == canonical { c.b } else { c.a }).collect();
        if others > 0 || !candidates.is_empty() {
            shared.push(Shared { field, others: others.max(candidates.len()), candidates });
        }
    }
    Ok(shared)
}
