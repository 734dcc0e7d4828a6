//! Forgetting a person for good (抹除): contact points, names, birthday, traits and free text go, from tables and from
//! mails kept as files; sums stay under a number. What could reach them is suppressed, what still comes of them is
//! dropped, and a restored copy forgets them again. Doing it twice changes nothing.

use super::secrets::Secrets;
use super::{Book, ServiceError, reasons};
use crate::delivery::file;
use crate::delivery::message::MessageId;
use crate::store::refusals::{self, Refused};
use crate::store::suppressions::{self, SuppressionRow};
use crate::store::wakes::{self, Due};
use crate::store::{Db, StoreError, Tx, audit, clusters, contact, customers, erasure, meta};
use domain::ids::CustomerId;
use domain::time::Instant;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// What became of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Erased {
    /// Their number, which stays.
    #[schema(value_type = String, example = "cus_42")]
    pub customer: CustomerId,
    #[schema(value_type = String, format = DateTime)]
    pub erased_at: Instant,
    /// Contact points that are suppressed from now on.
    pub suppressed: usize,
    /// Mails kept as files that were removed.
    pub mails_removed: usize,
    /// Whether they had been erased before: nothing was changed.
    pub already: bool,
}

/// Forgets the person that this customer is, with everybody who is one with them.
pub async fn erase(
    book: &Book,
    customer: CustomerId,
    reason: &str,
    actor: &str,
) -> Result<Erased, ServiceError> {
    let reason = reason.trim().to_owned();
    if reason.is_empty() {
        return Err(ServiceError::invalid("reason", "missing", "say why, for those who will ask"));
    }
    let (secrets, actor) = (book.secrets.clone(), actor.to_owned());
    let erased = book.write(move |tx, now| {
        Box::pin(async move {
            reasons::check(tx, customer, "reason", &reason).await?;
            erase_in(tx, &secrets, customer, &reason, &actor, now).await
        })
    });
    let (erased, sent) = erased.await?;
    remove_mails(book, erased, sent).await
}

/// As [`erase`], within the caller's transaction; gives the ids of the mails to remove once it is committed.
pub(super) async fn erase_in(
    tx: &Tx,
    secrets: &Secrets,
    customer: CustomerId,
    reason: &str,
    actor: &str,
    now: Instant,
) -> Result<(Erased, Vec<String>), ServiceError> {
    clusters::close(tx).await?;
    let row = customers::list(tx, &[customer]).await?.remove(&customer);
    let row = row.ok_or_else(|| ServiceError::NotFound(format!("the customer {customer}")))?;
    let canonical = row.merged_into.unwrap_or(customer);
    let cluster = cluster(tx, canonical).await?;
    contact::lock(tx, &cluster).await?;
    let known = erasure::known(tx, &cluster).await?;
    if let Some(erased_at) = row.erased_at {
        let (suppressed, mails_removed) = (0, 0);
        let done = Erased { customer: canonical, erased_at, suppressed, mails_removed, already: true };
        return Ok((done, known.mails));
    }
    let hashes =
        known.contacts.iter().map(|(channel, value)| (channel.clone(), secrets.contact_hash(channel, value)));
    let gone = Gone { names: erasure::hashes(tx, &known).await?, contacts: hashes.collect() };
    let suppressed = gone.contacts.len();
    let subject = Subject { canonical, cluster, at: now };
    forget(tx, &subject, &known, gone, actor, reason, now).await?;
    let done = Erased { customer: canonical, erased_at: now, suppressed, mails_removed: 0, already: false };
    Ok::<_, ServiceError>((done, known.mails))
}

/// Removes the mails kept as files of somebody the book has forgotten.
pub(super) async fn remove_mails(
    book: &Book,
    mut erased: Erased,
    sent: Vec<String>,
) -> Result<Erased, ServiceError> {
    let customer = erased.customer;
    // The book has forgotten them; a file that can't be removed is told, and a second call tries again.
    // Only what has an id of this kind was ever handed over.
    let sent: Vec<MessageId> = sent.iter().filter_map(|id| MessageId::bracketed(id).ok()).collect();
    erased.mails_removed = file::forget(&book.mail_dir, &sent).map_err(|e| {
        ServiceError::Internal(format!(
            "{customer} is erased, but mails kept as files couldn't all be removed: {e}; erase once more to try again"
        ))
    })?;
    Ok(erased)
}

/// Who is forgotten, and as of when.
pub(super) struct Subject {
    pub canonical: CustomerId,
    /// With everybody who is one with them.
    pub cluster: Vec<CustomerId>,
    pub at: Instant,
}

/// What is remembered of whoever was forgotten: hashes.
pub(super) struct Gone {
    pub names: Vec<String>,
    /// Channel and hash.
    pub contacts: Vec<(String, String)>,
}

/// A canonical customer and everybody who is one with them.
pub(super) async fn cluster(db: &Db, canonical: CustomerId) -> Result<Vec<CustomerId>, StoreError> {
    let members = clusters::members(db, canonical).await?;
    Ok(std::iter::once(canonical).chain(members.into_keys()).collect())
}

/// Within a transaction that has closed the gates and locked the cluster.
pub(super) async fn forget(
    tx: &Tx,
    subject: &Subject,
    known: &erasure::Known,
    gone: Gone,
    actor: &str,
    reason: &str,
    now: Instant,
) -> Result<(), StoreError> {
    let Subject { canonical, cluster, at } = subject;
    let rows = customers::list(tx, cluster).await?;
    let known_since = |id: &CustomerId| rows.get(id).map_or(now, |row| row.created_at);
    let with = cluster.iter().filter(|id| *id != canonical).map(|id| (*id, known_since(id))).collect();
    let erased = Refused::Erased {
        at: *at,
        customer: *canonical,
        since: known_since(canonical),
        names: gone.names.clone(),
        with: Some(with),
    };
    refusals::remember_erased(tx, erased)?;
    let points = gone.contacts.into_iter().map(|(channel, value_hash)| SuppressionRow {
        channel,
        value_hash,
        scope: "all".to_owned(),
        reason: "erased".to_owned(),
        actor: actor.to_owned(),
        created_at: now,
    });
    suppressions::add(tx, points.collect()).await?;
    erasure::remember(tx, gone.names, *at).await?;
    erasure::forget(tx, cluster, known, now).await?;
    let epoch = meta::rule_epoch(tx).await?;
    wakes::set_due(tx, &[*canonical].into(), now, epoch, Due::AtOnce).await?;
    let (action, subject) = ("customer.erased".to_owned(), format!("customer:{canonical}"));
    let detail = json!({ "reason": reason, "customers": cluster.len() });
    audit::record(tx, audit::Entry { at: now, actor: actor.to_owned(), action, subject, detail }).await?;
    meta::raise_change_seq(tx).await
}
