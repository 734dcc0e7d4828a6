//! The list of refusals (拒收名单) as people add to it. Only keyed hashes are stored, so that the list outlives
//! erasure and holds for everybody who shares the contact point.

use super::{Book, ServiceError};
use crate::store::suppressions::{self, SuppressionRow};
use crate::store::{audit, customers, meta, send_gate};
use domain::contact::{self, Class};
use domain::customer::Marks;
use domain::problem::Problem;
use serde::Serialize;
use serde_json::json;

/// A contact point and why it is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A mail address as written.
    pub email: String,
    pub reason: String,
}

/// What adding refusals came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suppressed {
    pub given: usize,
    /// How many weren't on the list yet.
    pub added: u64,
    /// How many known customers have one of them.
    pub customers: usize,
}

/// Adds mail addresses, all or none. Nothing is sent to them any more, whoever has them.
pub async fn add(book: &Book, refusals: &[Refusal], actor: &str) -> Result<Suppressed, ServiceError> {
    let (mut points, mut problems) = (Vec::new(), Vec::new());
    for (index, refusal) in refusals.iter().enumerate() {
        match contact::email(&refusal.email).filter(|address| address.usable && address.class == Class::Real)
        {
            Some(address) => points.push((address, refusal.reason.trim().to_owned())),
            None => {
                // The place names it by number: an address doesn't belong into a log.
                let at = format!("address {}", index + 1);
                let detail = "this isn't a mail address; write it like rosa@example.com";
                problems.push(Problem::new(at, "not_an_address", detail));
            }
        }
        let mut marks = Marks::default();
        marks.reach(contact::EMAIL, refusal.email.trim());
        if marks.in_reason(&refusal.reason) {
            let detail = "repeats the address; a reason stays when the address is forgotten";
            problems.push(Problem::new(
                format!("reason of address {}", index + 1),
                "names_the_person",
                detail,
            ));
        }
        if refusal.reason.trim().is_empty() {
            let detail = "say why, for those who will ask";
            problems.push(Problem::new(format!("reason of address {}", index + 1), "missing", detail));
        }
    }
    if !problems.is_empty() {
        return Err(ServiceError::Invalid(problems));
    }
    let mut known = std::collections::BTreeSet::new();
    for (address, _) in &points {
        let db = book.store.reader();
        known.extend(customers::list_by_contact(db, address.channel, &address.value).await?);
    }
    let given = points.len();
    let hashed: Vec<(String, String, String)> = points
        .into_iter()
        .map(|(address, reason)| {
            let hash = book.secrets.contact_hash(address.channel, &address.value);
            (address.channel.to_owned(), hash, reason)
        })
        .collect();
    let added = store(book, hashed, actor).await?;
    Ok(Suppressed { given, added, customers: known.len() })
}

async fn store(book: &Book, hashed: Vec<(String, String, String)>, actor: &str) -> Result<u64, ServiceError> {
    let actor = actor.to_owned();
    book.write(move |tx, at| {
        Box::pin(async move {
            send_gate::close(tx).await?;
            let hashes: Vec<String> = hashed.iter().map(|(_, hash, _)| hash.clone()).collect();
            let rows = hashed
                .into_iter()
                .map(|(channel, value_hash, reason)| SuppressionRow {
                    channel,
                    value_hash,
                    scope: "all".to_owned(),
                    reason,
                    actor: actor.clone(),
                    created_at: at,
                })
                .collect();
            let added = suppressions::add(tx, rows).await?;
            let entry = audit::Entry {
                at,
                actor,
                action: "contact.suppressed".to_owned(),
                subject: "suppressions".to_owned(),
                detail: json!({ "hashes": hashes, "added": added }),
            };
            audit::record(tx, entry).await?;
            meta::raise_change_seq(tx).await?;
            Ok(added)
        })
    })
    .await
}
