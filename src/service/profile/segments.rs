//! The segments a customer is in, as the profile shows them: those that are kept, and of those on demand what people said.
//! They are rows among those of tags; nothing is decided anew.

use super::tags::{Documents, definition, instant};
use super::view::{BothLanguages, SegmentView};
use crate::service::ServiceError;
use crate::store::profile_page::Head;
use crate::store::profiles::TagRow;
use domain::rule::Lang;
use domain::segment::{Hand, key_of};
use domain::tag::{Catalogue, Courses, Standing};

/// Tags and segments apart.
pub(super) fn apart(rows: Vec<TagRow>) -> (Vec<TagRow>, Vec<TagRow>) {
    rows.into_iter().partition(|row| key_of(&row.key).is_none())
}

/// A segment of which something stands; none of one that no published document defines.
pub(super) fn standing(
    row: TagRow,
    head: &Head,
    courses: &Courses,
    catalogue: &Catalogue,
    documents: &Documents,
) -> Result<Option<SegmentView>, ServiceError> {
    let (Some(key), Some(segment)) = (key_of(&row.key), definition(catalogue, documents, &row)?) else {
        return Ok(None);
    };
    let by_hand = instant(&row.evidence, "by_hand_since").is_some();
    let stands = match Hand::parse(&row.value) {
        Some(Hand::Banned) => "banned",
        Some(Hand::Pinned) => "pinned",
        None if by_hand => "pinned",
        None => "member",
    };
    let standing = Standing { value: &row.value, since: row.since, evidence: &row.evidence };
    let why = |lang| segment.why(&standing, head.zone, lang);
    Ok(Some(SegmentView {
        key: key.to_owned(),
        name: BothLanguages { en: segment.name.en.clone(), zh_cn: segment.name.zh_cn.clone() },
        stands,
        since: row.since,
        until: instant(&row.evidence, "by_hand_until").or_else(|| instant(&row.evidence, "banned_until")),
        why: BothLanguages { en: why(Lang::En), zh_cn: why(Lang::ZhCn) },
        version: row.rule_version,
        next_at: courses.get(&row.key).and_then(|course| course.at),
    }))
}
