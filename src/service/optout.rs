//! The opt-out link of every marketing mail (退订): looking at it changes nothing, using it stops marketing to
//! that person and that address, committed before anybody is told so.

use super::secrets::Purpose;
use super::{Book, ServiceError};
use crate::store::consents::{self, NewConsent};
use crate::store::dispatch::Owner;
use crate::store::suppressions::{self, SuppressionRow};
use crate::store::{
    Db, StoreError, Tx, audit, contact, customers, dispatch, enrollments, records, send_gate, shops,
};
use domain::campaign::definition;
use domain::campaign::gate::Consent;
use domain::customer::records::Kinds;
use domain::ids::{CustomerId, TouchpointId};
use domain::mask;
use domain::time::Instant;
use serde_json::json;

/// What an opt-out page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub shop_name: String,
    /// `a***@example.com`; none where the address is gone.
    pub masked: Option<String>,
    /// The customer's language, else the shop's.
    pub locale: String,
    /// Whether the customer's own language is known.
    pub locale_is_theirs: bool,
    pub standing: Standing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Marketing mail may come.
    Open,
    /// Nothing comes any more.
    Stopped,
}

/// Where the ledger says an opt-out came from.
const SOURCE: &str = "opt-out link";

/// What a link is about, without changing anything: programs that check links open it before people do.
/// `None`: this link isn't ours.
pub async fn show(book: &Book, token: &str) -> Result<Option<Page>, ServiceError> {
    let db = book.store.reader();
    match find(book, db, token).await? {
        Some((_, owner)) => page(book, db, &owner).await.map(Some),
        None => Ok(None),
    }
}

/// Stops marketing to the customer and the address the link's mail went to. Doing it again changes nothing.
/// `None`: this link isn't ours.
pub async fn stop(book: &Book, token: &str) -> Result<Option<Page>, ServiceError> {
    let Some((id, owner)) = find(book, book.store.reader(), token).await? else { return Ok(None) };
    let hashes = hashes(book, &owner).await?;
    let about = owner.clone();
    let unit = book.write(move |tx, now| {
        Box::pin(async move {
            // No hand-over to this customer, or to whoever shares the address, begins before this is committed.
            send_gate::close(tx).await?;
            // Nobody becomes one with another while the gate is closed; whoever did before is who they are now.
            let about = dispatch::find_owner(tx, id).await?.unwrap_or(about);
            contact::lock(tx, &[about.customer_id]).await?;
            refuse(tx, now, id, &about, hashes).await
        })
    });
    unit.await.map_err(|e: StoreError| e)?;
    page(book, book.store.reader(), &owner).await.map(Some)
}

async fn find(book: &Book, db: &Db, token: &str) -> Result<Option<(TouchpointId, Owner)>, ServiceError> {
    let Some(id) = book.secrets.read_token(Purpose::Unsubscribe, token).map(TouchpointId) else {
        return Ok(None);
    };
    Ok(dispatch::find_owner(db, id).await?.map(|owner| (id, owner)))
}

/// The address the mail went to; of one that never went out, those it could have.
async fn hashes(book: &Book, owner: &Owner) -> Result<Vec<String>, ServiceError> {
    if let Some(hash) = &owner.contact_hash {
        return Ok(vec![hash.clone()]);
    }
    let channel = owner.channel.as_str();
    let points = contact::points(book.store.reader(), &[owner.customer_id]).await?;
    let points = points.get(&(owner.customer_id, channel.to_owned())).map_or(&[][..], Vec::as_slice);
    Ok(points.iter().map(|p| book.secrets.contact_hash(channel, &p.value)).collect())
}

async fn refuse(
    tx: &Tx,
    now: Instant,
    id: TouchpointId,
    owner: &Owner,
    hashes: Vec<String>,
) -> Result<(), StoreError> {
    let Owner { customer_id, channel, campaign_key, .. } = owner;
    let mut changed = 0;
    if consent(tx, owner).await? != Consent::Refused {
        let said = NewConsent {
            customer: *customer_id,
            origin: None,
            channel: channel.as_str().to_owned(),
            purpose: definition::Purpose::Marketing.as_str().to_owned(),
            granted: false,
            source: SOURCE.to_owned(),
            evidence: id.to_string(),
            occurred_at: now,
            batch: None,
            text_version: None,
        };
        consents::add_consents(tx, now, vec![said]).await?;
        records::changed(tx, &[*customer_id].into(), now, Kinds::CONSENTS).await?;
        changed += 1;
    }
    let rows = hashes
        .into_iter()
        .map(|value_hash| SuppressionRow {
            channel: channel.as_str().to_owned(),
            value_hash,
            scope: "marketing".to_owned(),
            reason: "opt_out".to_owned(),
            actor: "customer".to_owned(),
            created_at: now,
        })
        .collect();
    changed += suppressions::add(tx, rows).await?;
    if changed == 0 {
        return Ok(());
    }
    enrollments::wake_customers(tx, &[*customer_id], now).await?;
    let entry = audit::Entry {
        at: now,
        actor: "customer".to_owned(),
        action: "customer.opted_out".to_owned(),
        subject: format!("customer:{customer_id}"),
        detail: json!({ "channel": channel, "campaign": campaign_key, "touchpoint": id.to_string() }),
    };
    audit::record(tx, entry).await
}

async fn consent(db: &Db, owner: &Owner) -> Result<Consent, StoreError> {
    let key = (owner.customer_id, owner.channel.as_str().to_owned(), "marketing".to_owned());
    Ok(contact::consents(db, &[owner.customer_id]).await?.get(&key).copied().unwrap_or(Consent::Unknown))
}

async fn page(book: &Book, db: &Db, owner: &Owner) -> Result<Page, ServiceError> {
    let row = shops::find(db, &book.shop_key).await?;
    let shop = row.map(|row| row.shop).ok_or_else(|| ServiceError::NotFound("the shop".to_owned()))?;
    let theirs = locale(db, owner.customer_id).await?;
    Ok(Page {
        shop_name: shop.name,
        masked: masked(book, db, owner).await?,
        locale_is_theirs: theirs.is_some(),
        locale: theirs.unwrap_or(shop.locale),
        standing: match consent(db, owner).await? {
            Consent::Refused => Standing::Stopped,
            Consent::Granted | Consent::Unknown => Standing::Open,
        },
    })
}

async fn locale(db: &Db, customer: CustomerId) -> Result<Option<String>, StoreError> {
    Ok(customers::list(db, &[customer]).await?.remove(&customer).and_then(|c| c.locale))
}

/// The address the mail went to, as far as it is still known.
async fn masked(book: &Book, db: &Db, owner: &Owner) -> Result<Option<String>, StoreError> {
    let channel = owner.channel.as_str();
    let mut points = contact::points(db, &[owner.customer_id]).await?;
    let points = points.remove(&(owner.customer_id, channel.to_owned())).unwrap_or_default();
    let same = |value: &str| {
        owner.contact_hash.as_ref().is_none_or(|hash| *hash == book.secrets.contact_hash(channel, value))
    };
    Ok(points.iter().find(|p| same(&p.value)).map(|p| mask::contact(channel, &p.value)))
}
