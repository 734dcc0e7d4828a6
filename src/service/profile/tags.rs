//! A customer's tags as the profile shows them: those that stand, with why and what becomes of them if no new fact comes;
//! and those that don't stand, where there is something to say about it. Nothing is decided anew: what the keeper decided
//! is shown, and the facts are only asked when it will change.

use super::view::{AbsentTagView, BothLanguages, ByHandView, NextValueView, TagView};
use super::{Book, ServiceError, broken};
use crate::service::poison::decide_apart;
use crate::service::{rules, tags};
use crate::store::profile_page::{Head, TagLine};
use crate::store::{StoreError, customers, facts};
use domain::customer::CustomerFacts;
use domain::rule::Lang;
use domain::tag::{Evaluation, Standing, TagDefinition, TagDocument, TagState};
use domain::time::Instant;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// What the facts say of each tag of the catalogue, by key.
pub(super) type Courses = BTreeMap<String, Course>;

/// One tag of the catalogue, now and next.
#[derive(Debug, Clone)]
pub(super) struct Course {
    definition: TagDefinition,
    value: Option<String>,
    next: Option<NextValueView>,
    suppressed_until: Option<Instant>,
    /// Why nobody can have it yet.
    waits_for: Option<String>,
}

/// The course of every tag from `as_of` on. Of whom the keeper hasn't looked at, or who was erased, there is none; where
/// their facts can't be read or decided on, it is said why.
pub(super) async fn courses(
    book: &Book,
    head: &Head,
    as_of: Instant,
) -> Result<Result<Courses, String>, ServiceError> {
    let (db, id) = (book.store.reader(), head.kept.id);
    if head.kept.kept_at.is_none() || head.erased_at.is_some() {
        return Ok(Ok(Courses::new()));
    }
    let catalogue = rules::catalogue(book).await?;
    let Some(bearer) = customers::bearers(db, &[id], head.zone).await?.remove(&id) else {
        return Ok(Ok(Courses::new()));
    };
    let events = match facts::events_of(db, &[id], as_of).await {
        Ok(mut found) => found.remove(&id).unwrap_or_default(),
        Err(error @ StoreError::Corrupt { .. }) => return Ok(Err(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    let mut waiting = HashMap::new();
    for tag in catalogue.tags() {
        waiting.extend(tags::waits_for(book, tag).await?.map(|why| (tag.key.as_str(), why)));
    }
    Ok(decide_apart(|| {
        let folded = CustomerFacts::fold(&events);
        let evaluation = Evaluation::of(&catalogue, &folded, bearer, as_of);
        let states = evaluation.states(as_of).into_iter();
        let course = |(state, tag): (TagState, &TagDefinition)| {
            let becomes = |at| evaluation.value(&tag.key).and_then(|line| line.at(at).as_deref());
            let next = state.next_flip.map(|at| NextValueView { at, value: becomes(at).map(str::to_owned) });
            let course = Course {
                definition: tag.clone(),
                value: state.value,
                next,
                suppressed_until: instant(&state.evidence, "suppressed_until"),
                waits_for: waiting.get(tag.key.as_str()).cloned(),
            };
            (tag.key.clone(), course)
        };
        states.zip(catalogue.tags()).map(course).collect()
    }))
}

fn instant(evidence: &Value, key: &str) -> Option<Instant> {
    serde_json::from_value(evidence.get(key)?.clone()).ok()
}

fn name(tag: &TagDefinition) -> BothLanguages {
    BothLanguages { en: tag.name.en.clone(), zh_cn: tag.name.zh_cn.clone() }
}

/// A tag that stands.
pub(super) fn standing(
    line: TagLine,
    head: &Head,
    courses: &Courses,
    as_of: Instant,
) -> Result<TagView, ServiceError> {
    let definition = line.document.map(|body| {
        let document = TagDocument { version: line.rule_version, published_at: None, body };
        let place = || format!("rule_version.document of {} v{}", line.key, line.rule_version);
        document.definition().map_err(|problems| broken(place(), &problems))
    });
    let definition = definition.transpose()?;
    let course = courses.get(&line.key);
    let next = match course {
        // The facts say otherwise already: the keeper has yet to come by.
        Some(course) if course.value.as_deref() != Some(line.value.as_str()) => {
            Some(NextValueView { at: as_of, value: course.value.clone() })
        }
        Some(course) => course.next.clone(),
        None => None,
    };
    let by_hand = instant(&line.evidence, "by_hand_since")
        .map(|since| ByHandView { since, until: instant(&line.evidence, "by_hand_until") });
    let standing = Standing { value: &line.value, since: line.since, evidence: &line.evidence };
    let both = |say: &dyn Fn(Lang) -> String| BothLanguages { en: say(Lang::En), zh_cn: say(Lang::ZhCn) };
    let why = definition.as_ref().map(|tag| both(&|lang| tag.why(&standing, head.zone, lang)));
    let value_name = definition.as_ref().and_then(|tag| {
        let said = |lang| tag.value_name(&line.value, lang).map(str::to_owned);
        Some(BothLanguages { en: said(Lang::En)?, zh_cn: said(Lang::ZhCn)? })
    });
    Ok(TagView {
        name: definition.as_ref().map(name),
        value_name,
        group: definition.as_ref().and_then(|tag| tag.group.clone()),
        kind: definition.as_ref().map(|tag| tag.kind().as_str()),
        next,
        by_hand,
        suppressed_until: instant(&line.evidence, "suppressed_until"),
        held_until: instant(&line.evidence, "held_until"),
        key: line.key,
        value: line.value,
        since: line.since,
        as_of: line.as_of,
        source: line.source,
        rule_version: line.rule_version,
        evidence: line.evidence,
        why,
    })
}

/// The tags of the catalogue that don't stand, where there is more to say than that, by key.
pub(super) fn absent(courses: Courses, standing: &[TagView], as_of: Instant) -> Vec<AbsentTagView> {
    let apart = courses.into_iter().filter(|(key, _)| standing.iter().all(|tag| tag.key != *key));
    apart
        .filter_map(|(key, course)| {
            let Course { definition, value, next, suppressed_until, waits_for } = course;
            let next = match value {
                Some(value) => Some(NextValueView { at: as_of, value: Some(value) }),
                None => next,
            };
            let told = waits_for.is_some() || next.is_some() || suppressed_until.is_some();
            told.then(|| AbsentTagView {
                key,
                name: name(&definition),
                group: definition.group.clone(),
                kind: definition.kind().as_str(),
                waits_for,
                suppressed_until,
                next,
            })
        })
        .collect()
}
