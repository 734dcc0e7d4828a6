//! A customer's tags as the profile shows them: those that stand, with why and what becomes of them if no new fact comes;
//! and those that don't stand, where there is something to say about it. Nothing is decided anew, and no fact is read: what
//! the keeper decided is shown, of its future too.

use super::broken;
use super::view::{AbsentTagView, BothLanguages, ByHandView, NextValueView, TagView};
use crate::service::ServiceError;
use crate::service::tags;
use crate::store::profile_page::Head;
use crate::store::profiles::TagRow;
use domain::insight::RunKind;
use domain::rule::Lang;
use domain::tag::{Catalogue, Course, Courses, Standing, TagDefinition, TagDocument};
use domain::time::Instant;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;

/// Documents by tag and version.
pub(super) type Documents = HashMap<(String, i64), Value>;

/// What of these tags' definitions isn't in the catalogue: decided by an earlier version, or by one that is gone.
pub(super) fn unknown<'t>(tags: &'t [TagRow], catalogue: &Catalogue) -> Vec<(&'t str, i64)> {
    let versions = tags.iter().map(|tag| (tag.key.as_str(), tag.rule_version));
    versions.filter(|(key, version)| newest(catalogue, key, *version).is_none()).collect()
}

fn newest<'c>(catalogue: &'c Catalogue, key: &str, version: i64) -> Option<&'c TagDefinition> {
    catalogue.find(key).filter(|tag| tag.version == version)
}

/// The definition a tag was decided by; `None` for what no published document defines.
pub(super) fn definition<'c>(
    catalogue: &'c Catalogue,
    documents: &Documents,
    line: &TagRow,
) -> Result<Option<Cow<'c, TagDefinition>>, ServiceError> {
    if let Some(tag) = newest(catalogue, &line.key, line.rule_version) {
        return Ok(Some(Cow::Borrowed(tag)));
    }
    let Some(body) = documents.get(&(line.key.clone(), line.rule_version)) else { return Ok(None) };
    let document =
        TagDocument { version: line.rule_version, ..TagDocument::first_of(&line.key, body.clone()) };
    let place = || format!("rule_version.document of {} v{}", line.key, line.rule_version);
    document.definition().map(|tag| Some(Cow::Owned(tag))).map_err(|problems| broken(place(), &problems))
}

pub(super) fn instant(evidence: &Value, key: &str) -> Option<Instant> {
    serde_json::from_value(evidence.get(key)?.clone()).ok()
}

fn name(tag: &TagDefinition) -> BothLanguages {
    BothLanguages { en: tag.name.en.clone(), zh_cn: tag.name.zh_cn.clone() }
}

fn next(course: &Course) -> Option<NextValueView> {
    Some(NextValueView { at: course.at?, value: course.value.clone() })
}

/// A tag that stands.
pub(super) fn standing(
    line: TagRow,
    head: &Head,
    courses: &Courses,
    catalogue: &Catalogue,
    documents: &Documents,
) -> Result<TagView, ServiceError> {
    let definition = definition(catalogue, documents, &line)?;
    let definition = definition.as_deref();
    let by_hand = instant(&line.evidence, "by_hand_since")
        .map(|since| ByHandView { since, until: instant(&line.evidence, "by_hand_until") });
    let standing = Standing { value: &line.value, since: line.since, evidence: &line.evidence };
    let both = |say: &dyn Fn(Lang) -> String| BothLanguages { en: say(Lang::En), zh_cn: say(Lang::ZhCn) };
    let why = definition.map(|tag| both(&|lang| tag.why(&standing, head.zone, lang)));
    let value_name = definition.and_then(|tag| {
        let said = |lang| tag.value_name(&line.value, lang).map(str::to_owned);
        Some(BothLanguages { en: said(Lang::En)?, zh_cn: said(Lang::ZhCn)? })
    });
    Ok(TagView {
        name: definition.map(name),
        value_name,
        group: definition.and_then(|tag| tag.group.clone()),
        kind: definition.map(|tag| tag.kind().as_str()),
        next: courses.get(&line.key).and_then(next),
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
pub(super) fn absent(
    catalogue: &Catalogue,
    courses: &Courses,
    done_runs: &[RunKind],
    standing: &[TagView],
) -> Vec<AbsentTagView> {
    let apart = catalogue.tags().into_iter().filter(|tag| standing.iter().all(|line| line.key != tag.key));
    let line = |tag: &TagDefinition| {
        let course = courses.get(&tag.key).cloned().unwrap_or_default();
        let (waits_for, next) = (tags::waits_for_run(tag, done_runs), next(&course));
        let told = waits_for.is_some() || next.is_some() || course.suppressed_until.is_some();
        told.then(|| AbsentTagView {
            key: tag.key.clone(),
            name: name(tag),
            group: tag.group.clone(),
            kind: tag.kind().as_str(),
            waits_for,
            suppressed_until: course.suppressed_until,
            next,
        })
    };
    let mut found: Vec<AbsentTagView> = apart.filter_map(line).collect();
    found.sort_by(|a, b| a.key.cmp(&b.key));
    found
}
