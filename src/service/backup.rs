//! Copies of the book (备份) and the way back from one. A copy holds everything but the key file; a restored
//! book is stopped until a person lets it go on, and forgets no refusal that a log still knows.

use super::erasing::{self, Gone, Subject};
use super::{Book, ServiceError, identity};
use crate::service::secrets::Secrets;
use crate::store::consents::{self, NewConsent};
use crate::store::refusals::{self, Refused};
use crate::store::restore::{self, Restored, Restoring};
use crate::store::suppressions::{self, SuppressionRow};
use crate::store::{Lane, StoreError, Tx, audit, clusters, contact, customers, erasure, meta, records};
use domain::customer::consent::Word;
use domain::customer::records::Kinds;
use domain::ids::CustomerId;
use domain::time::{Instant, MachineInstant};
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// A copy that was made.
#[derive(Debug, Clone, Serialize)]
pub struct BackedUp {
    pub file: String,
    pub bytes: u64,
    /// The book's clock when it was made.
    pub at: Instant,
}

/// Writes a copy of the book to `file` while it is being worked on.
pub async fn back_up(book: &Book, file: &Path, actor: &str) -> Result<BackedUp, ServiceError> {
    let at = book.now().await?;
    let copied = book.store.back_up(file, at, &book.secrets.check()).await;
    copied.map_err(|error| at_file("FILE", error))?;
    let machine = book.store.machine_now().await?;
    let actor = actor.to_owned();
    let noted = book.store.write(Lane::People, move |tx| {
        Box::pin(async move {
            meta::set_backed_up_at(tx, machine).await?;
            let (action, subject) = ("book.backed_up".to_owned(), "book".to_owned());
            audit::record(tx, audit::Entry { at, actor, action, subject, detail: json!({}) }).await
        })
    });
    noted.await.map_err(|e: StoreError| e)?;
    let bytes = std::fs::metadata(file).map(|meta| meta.len()).unwrap_or_default();
    Ok(BackedUp { file: file.display().to_string(), bytes, at })
}

fn at_file(at: &str, error: StoreError) -> ServiceError {
    match error {
        StoreError::WrongBook(detail) => ServiceError::invalid(at, "file", detail),
        other => other.into(),
    }
}

/// Puts the copy in `file` where `url` says; everything in it is stopped. The caller keeps daemons away.
pub async fn restore_file(
    file: &Path,
    url: &str,
    secrets: &Secrets,
    actor: &str,
    now: MachineInstant,
) -> Result<(Instant, Restored), ServiceError> {
    let copy = restore::inspect(file).await.map_err(|error| at_file("FILE", error))?;
    if copy.key_check != secrets.check() {
        let detail = "isn't the key file this copy was made with; put that one there: without it coupon codes can't be \
                      read, opt-out links don't work, and suppressed addresses aren't recognised";
        return Err(ServiceError::invalid("secrets.key_file", "another_key", detail));
    }
    let by = Restoring {
        actor: actor.to_owned(),
        reason: format!("restored from a copy of {}: what was sent since isn't known here", copy.at),
        stamp: now.to_rfc3339().chars().filter(char::is_ascii_alphanumeric).take(15).collect(),
    };
    let restored = restore::restore(file, url, &by).await.map_err(|error| at_file("database.url", error))?;
    Ok((copy.at, restored))
}

/// What a log of refusals brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Replayed {
    pub lines: usize,
    /// Suppressions, denied consents and erasures that the copy didn't know.
    pub added: u64,
    /// Lines that a killed process left unfinished; nothing had been committed of them.
    pub unfinished: usize,
}

/// Refuses again what the log says was refused.
pub async fn replay(book: &Book, log: &Path, actor: &str) -> Result<Replayed, ServiceError> {
    let (lines, torn) = refusals::read(log)
        .map_err(|e| ServiceError::invalid("--refusals", "file", format!("{}: {e}", log.display())))?;
    let (count, unfinished, actor) = (lines.len(), torn.len(), actor.to_owned());
    let added = book.write(move |tx, now| {
        Box::pin(async move {
            clusters::close(tx).await?;
            let added = refuse_again(tx, now, lines, &actor).await?;
            if added > 0 {
                let (action, subject) = ("refusals.replayed".to_owned(), "book".to_owned());
                let detail = json!({ "added": added });
                audit::record(tx, audit::Entry { at: now, actor, action, subject, detail }).await?;
                meta::raise_change_seq(tx).await?;
            }
            Ok(added)
        })
    });
    let added = added.await.map_err(|e: StoreError| e)?;
    Ok(Replayed { lines: count, added, unfinished })
}

const SOURCE: &str = "refusals log";

async fn refuse_again(tx: &Tx, now: Instant, lines: Vec<Refused>, actor: &str) -> Result<u64, StoreError> {
    let (mut points, mut denied, mut erased) = (Vec::new(), Vec::new(), Vec::new());
    for line in lines {
        match line {
            Refused::Contact { at, channel, hash, scope, reason } => points.push(SuppressionRow {
                channel,
                value_hash: hash,
                scope,
                reason,
                actor: actor.to_owned(),
                created_at: at.min(now),
            }),
            Refused::Erased { at, customer, since, names, with } => {
                erased.push(Forgotten { at, customer: (customer, since), names, with });
            }
            Refused::Consent { at, customer, since, channel, purpose } => {
                denied.push((customer, since, channel, purpose, at));
            }
        }
    }
    let ids: Vec<CustomerId> = denied.iter().map(|(id, ..)| *id).collect();
    let there = customers::list(tx, &ids).await?;
    let known = consents::consents_in_force(tx, &ids).await?;
    // Of one customer, channel and purpose the latest refusal is enough.
    let mut latest: HashMap<(CustomerId, String, String), Instant> = HashMap::new();
    for (id, since, channel, purpose, at) in denied {
        // With another beginning this number is another customer's: the copy is older than whoever refused, and
        // doesn't know that they ever agreed.
        if there.get(&id).is_none_or(|customer| customer.created_at != since) {
            continue;
        }
        let said = known.get(&id).and_then(|all| all.get(&(channel.clone(), purpose.clone())));
        if said.is_some_and(|said| said.word == Word::Denied || said.occurred_at > at) {
            continue;
        }
        let at_most = latest.entry((id, channel, purpose)).or_insert(at);
        *at_most = (*at_most).max(at);
    }
    let said: Vec<NewConsent> = latest
        .into_iter()
        .map(|((side, channel, purpose), occurred_at)| NewConsent {
            // Who is one with another in the copy refuses as their side of it.
            customer: there.get(&side).and_then(|row| row.merged_into).unwrap_or(side),
            origin: Some(side),
            channel,
            purpose,
            granted: false,
            source: SOURCE.to_owned(),
            evidence: "restore".to_owned(),
            occurred_at,
            batch: None,
            text_version: None,
        })
        .collect();
    let mut added = said.len() as u64;
    let whose = said.iter().map(|said| said.customer).collect();
    consents::add_consents(tx, now, said).await?;
    records::changed(tx, &whose, now, Kinds::CONSENTS).await?;
    added += suppressions::add(tx, points).await?;
    for forgotten in erased {
        added += erase_again(tx, now, forgotten, actor).await?;
    }
    Ok(added)
}

/// A person as they were forgotten.
struct Forgotten {
    at: Instant,
    /// With when the book began to know them: in the copy the number may be somebody else's.
    customer: (CustomerId, Instant),
    names: Vec<String>,
    /// Everybody who was one with them then; `None` where an older log doesn't say.
    with: Option<Vec<(CustomerId, Instant)>>,
}

/// Forgets again whom the copy still knows, as one or as several; what still comes of them is dropped in any case.
async fn erase_again(tx: &Tx, now: Instant, forgotten: Forgotten, actor: &str) -> Result<u64, StoreError> {
    let Forgotten { at, customer, names, with } = forgotten;
    erasure::remember(tx, names.clone(), at).await?;
    let all: Vec<(CustomerId, Instant)> =
        std::iter::once(customer).chain(with.iter().flatten().copied()).collect();
    let mut again = 0;
    for (id, since) in &all {
        let there = customers::list(tx, &[*id]).await?.remove(id);
        if there.is_none_or(|row| row.created_at != *since || row.erased_at.is_some()) {
            continue;
        }
        if with.is_some() {
            let theirs: BTreeSet<CustomerId> = all.iter().map(|(id, _)| *id).collect();
            part_others(tx, now, *id, &theirs, actor).await?;
        }
        let canonical = clusters::canonical_of(tx, *id).await?;
        let cluster = erasing::cluster(tx, canonical).await?;
        contact::lock(tx, &cluster).await?;
        let known = erasure::known(tx, &cluster).await?;
        let subject = Subject { canonical, cluster, at };
        // Their contact points have lines of their own in the log.
        let gone = Gone { names: names.clone(), contacts: Vec::new() };
        erasing::forget(tx, &subject, &known, gone, actor, "restored", now).await?;
        again += 1;
    }
    Ok(again)
}

/// Whoever is one with somebody in the copy, and was parted from them before they were forgotten, is themselves again.
async fn part_others(
    tx: &Tx,
    now: Instant,
    id: CustomerId,
    theirs: &BTreeSet<CustomerId>,
    actor: &str,
) -> Result<(), StoreError> {
    let canonical = clusters::canonical_of(tx, id).await?;
    let members = clusters::members(tx, canonical).await?;
    let mut rest: Vec<CustomerId> = std::iter::once(canonical).chain(members.keys().copied()).collect();
    // Who leaves: the others, or, where one of them is whom all were merged into, those who are forgotten.
    let leave = |id: &CustomerId| theirs.contains(id) != theirs.contains(&canonical);
    for (member, since) in members.iter().filter(|(member, _)| leave(member)) {
        rest.retain(|id| id != member);
        identity::part_one(tx, now, *member, &rest, *since, actor, "restored").await?;
    }
    Ok(())
}
