//! Profiles, current tags and due times as of when each customer was last kept: what the rules say of the facts
//! received up to then, against what stands.

use super::super::points::Point;
use super::super::{Book, ServiceError, keeping, rules, shop};
use super::Mode;
use crate::store::asked::{self, Asked};
use crate::store::keeping::Kept;
use crate::store::projections::Difference;
use crate::store::restate::{self, Corrected, Stands};
use crate::store::wakes::AFTER_IMPORT;
use crate::store::{Claimed, Lane, facts, meta};
use domain::customer::Profile;
use domain::event::Event;
use domain::ids::CustomerId;
use domain::tag::{CurrentTag, Rulebook, Stand, Stepped, TagState, courses, step};
use domain::time::Instant;
use std::collections::{BTreeMap, HashSet};

/// A page of customers.
pub(in crate::service) struct Page {
    pub found: Vec<Difference>,
    pub customers: u64,
    pub not_compared: u64,
    pub last: CustomerId,
}

/// The next customers behind `after`; `None` at the end.
pub(in crate::service) async fn page(
    book: &Book,
    mode: Mode,
    after: CustomerId,
    limit: i64,
) -> Result<Option<Page>, ServiceError> {
    let db = book.store.reader();
    let now = book.now().await?;
    // First of all: what changes from here on makes the result void.
    let (rules, shop) = (rules::rules(book).await?, shop::shop(book).await?);
    let rulebook = Rulebook::from(rules.catalogue.clone());
    let stand = restate::page(db, shop.zone, after, limit).await?;
    let Some(last) = stand.last().map(|stands| stands.id) else { return Ok(None) };
    let (go_live_at, rule_epoch) = (meta::go_live_at(db).await?, rules.epoch);
    let ids: Vec<CustomerId> = stand.iter().map(|stands| stands.id).collect();
    let mut events = facts::events_of(db, &ids, now, &rules.wanted).await?;
    let customers = stand.len() as u64;
    let (mut found, mut not_compared, mut wrong) = (Vec::new(), 0, Vec::new());
    let mut told: BTreeMap<CustomerId, Vec<Difference>> = BTreeMap::new();
    for stands in stand {
        let is_due = stands.due_at.is_some_and(|due| due <= now || due == AFTER_IMPORT);
        let by_earlier_rules = stands.rule_epoch.is_some_and(|epoch| epoch < rule_epoch);
        if stands.set_aside || is_due || by_earlier_rules {
            not_compared += 1;
            continue;
        }
        let events = events.remove(&stands.id).unwrap_or_default();
        let as_of = stands.kept.as_ref().map_or(now, |(at, _)| *at);
        let all = events.len();
        let known: Vec<Event> = events.into_iter().filter(|event| event.received_at <= as_of).collect();
        if known.len() < all {
            let detail = "facts have come in since, and nobody is to look at them".to_owned();
            found.push(Difference { table: "customer_due", key: stands.id.to_string(), detail });
        }
        let tags = current(&stands);
        let stand = Stand::kept(as_of, rules.epoch, &tags);
        let stepped = step(&rulebook, &known, stands.bearer, stand, go_live_at, as_of);
        let differing = differences(&stands, &stepped);
        if !differing.is_empty() {
            told.insert(stands.id, differing);
            wrong.push((as_of, stands, stepped));
        }
    }
    if mode == Mode::Rebuild && !wrong.is_empty() {
        book.points.pass(Point::RebuildCompared).await.map_err(ServiceError::Internal)?;
        let written = put_right(book, now, rule_epoch, wrong).await?;
        // Whoever became another meanwhile is the keeper's.
        let before = told.len();
        told.retain(|id, _| written.contains(id));
        not_compared += (before - told.len()) as u64;
    }
    found.extend(told.into_values().flatten());
    Ok(Some(Page { found, customers, not_compared, last }))
}

fn current(stands: &Stands) -> Vec<CurrentTag> {
    let tag = |(key, tag): (&String, &restate::StandingTag)| CurrentTag {
        key: key.clone(),
        value: Some(tag.value.clone()),
        rule_version: tag.rule_version,
    };
    stands.tags.iter().map(tag).collect()
}

fn differences(stands: &Stands, should: &Stepped) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut note = |table, key: String, detail: String| found.push(Difference { table, key, detail });
    let profile_should = Profile { next_change: None, ..should.profile.clone() };
    match &stands.kept {
        Some((_, profile)) if *profile == profile_should => {
            if stands.courses != courses(&should.current) {
                let detail = "what becomes of their tags: not what the log says".to_owned();
                note("profile", stands.id.to_string(), detail);
            }
        }
        Some(_) => note("profile", stands.id.to_string(), "not what the log says".to_owned()),
        None => note("profile", stands.id.to_string(), "missing".to_owned()),
    }
    let asked = Asked::of(&stands.bearer, stands.erased, &should.footing, &should.profile.more);
    if stands.asked.as_ref().is_some_and(|is| *is != asked) {
        note(
            "profile",
            stands.id.to_string(),
            "what rules ask of the whole book: not what the log says".to_owned(),
        );
    }
    let ended = asked::ended(&should.current, should.footing.first_at);
    if stands.ended != ended {
        note("tag_ended", stands.id.to_string(), "not since when the log says".to_owned());
    }
    if stands.due_at != Some(should.next_due.unwrap_or(Instant::MAX)) {
        let detail = "due_at: not when anything changes next".to_owned();
        note("customer_due", stands.id.to_string(), detail);
    }
    for tag in &should.current {
        let key = || format!("{} {}", stands.id, tag.key);
        let is = stands.tags.get(&tag.key);
        if let Some(detail) = tag_differs(is, tag) {
            note("tag_current", key(), detail);
        }
        let told = stands.ledger.get(&tag.key).cloned().flatten();
        if told != tag.value {
            let detail =
                format!("ends with {} instead of {}", shown(told.as_ref()), shown(tag.value.as_ref()));
            note("tag_history", key(), detail);
        }
    }
    let known = |key: &&String| should.current.iter().any(|tag| tag.key == **key);
    for key in stands.tags.keys().filter(|key| !known(key)) {
        note("tag_current", format!("{} {key}", stands.id), "of no published definition".to_owned());
    }
    found
}

fn shown(value: Option<&String>) -> &str {
    value.map_or("nothing", String::as_str)
}

fn tag_differs(is: Option<&restate::StandingTag>, should: &TagState) -> Option<String> {
    match (is, &should.value) {
        (None, None) => None,
        (Some(is), Some(value)) if is.value == *value => {
            let same = is.since == should.since && is.evidence == should.evidence;
            (!same).then(|| "since or evidence: not what the log says".to_owned())
        }
        (is, value) => {
            let is = is.map(|tag| &tag.value);
            Some(format!("{} instead of {}", shown(is), shown(value.as_ref())))
        }
    }
}

async fn put_right(
    book: &Book,
    now: Instant,
    rule_epoch: i64,
    wrong: Vec<(Instant, Stands, Stepped)>,
) -> Result<HashSet<CustomerId>, ServiceError> {
    let mut by_instant: BTreeMap<Instant, (Vec<Kept>, Vec<Corrected>)> = BTreeMap::new();
    for (as_of, stands, stepped) in wrong {
        let (kept, corrected) = by_instant.entry(as_of).or_default();
        for tag in &stepped.current {
            let told = stands.ledger.get(&tag.key).cloned().flatten();
            if told != tag.value {
                corrected.push(Corrected {
                    customer: stands.id,
                    key: tag.key.clone(),
                    from: told,
                    to: tag.value.clone(),
                    since: tag.since,
                    rule_version: tag.rule_version,
                    evidence: tag.evidence.clone(),
                });
            }
        }
        let claimed = Claimed { key: stands.id.0, due_at: as_of, fence: stands.fence };
        kept.push(Kept {
            claimed,
            fact_rev: stands.fact_rev,
            rule_epoch,
            account: stands.bearer.account,
            profile: stepped.profile,
            footing: stepped.footing,
            bearer: stands.bearer,
            erased: stands.erased,
            gone: keeping::gone(stands.tags.keys(), &stepped.current),
            tags: stepped.current,
            changes: Vec::new(),
            next_due: stepped.next_due,
            triggers: Vec::new(),
        });
    }
    let written = book
        .store
        .write(Lane::Work, move |tx| {
            Box::pin(async move {
                let mut written = HashSet::new();
                for (as_of, (kept, corrected)) in by_instant {
                    written.extend(restate::write(tx, as_of, now, kept, corrected).await?);
                }
                Ok(written)
            })
        })
        .await;
    Ok(written.map_err(|e: crate::store::StoreError| e)?)
}
