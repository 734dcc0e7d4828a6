//! Which segments there are, what each means, and who is in those that are kept. Pinning, banning and lists are
//! [`super::pinning`]'s, why somebody is in one `eligibility`'s.

use super::asking::{self, Whom};
use super::cells::neutral;
use super::tags::Both;
use super::{Book, ServiceError, page, rules};
use crate::store::segments::{self as store, Counts};
use domain::ids::CustomerId;
use domain::problem::nearest;
use domain::rule::{Lang, describe};
use domain::segment::{Keep, key_of};
use domain::tag::{Catalogue, Shape, TagDefinition};
use domain::time::Instant;
use serde::Serialize;
use utoipa::ToSchema;

/// Most members given at once.
pub const PAGE: i64 = 1_000;

/// A segment of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SegmentLine {
    #[schema(example = "recent_buyers")]
    pub key: String,
    pub name: Both,
    pub description: Option<Both>,
    /// live: kept with each fact and as time passes; on_demand: looked at when somebody asks; list: filled by hand.
    #[schema(example = "live")]
    pub keep: &'static str,
    pub version: i64,
    /// Who is in it, as a sentence; none of a list.
    pub says: Option<Both>,
    /// The tags its rule asks about.
    pub tags: Vec<String>,
    /// The segments its rule asks about.
    pub segments: Vec<String>,
    /// Members as last kept; none of one on demand.
    pub members: Option<i64>,
    /// Of one on demand: whom people pinned, and whom they banned.
    pub pinned: Option<i64>,
    pub banned: Option<i64>,
}

/// A page of members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Members {
    pub items: Vec<Member>,
    pub next_cursor: Option<String>,
}

/// A member: as last kept, of a segment on demand as found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Member {
    #[schema(value_type = String, example = "cus_42")]
    pub customer: CustomerId,
    /// The shop's own id.
    #[schema(example = "12346")]
    pub customer_id: Option<String>,
    /// None of a segment on demand, which nobody keeps.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Instant>,
    /// Whether people put them there.
    pub by_hand: bool,
}

impl Member {
    /// The columns of the CSV.
    pub const COLUMNS: [&str; 4] = ["id", "customer_id", "since", "by_hand"];

    /// Their fields.
    pub fn fields(&self) -> [String; 4] {
        [
            self.customer.to_string(),
            neutral(self.customer_id.as_deref().unwrap_or_default()),
            self.since.map(Instant::to_rfc3339).unwrap_or_default(),
            self.by_hand.to_string(),
        ]
    }
}

/// The segment of this key.
pub(super) fn named<'c>(catalogue: &'c Catalogue, key: &str) -> Result<&'c TagDefinition, ServiceError> {
    catalogue.segment(key).ok_or_else(|| {
        let segments = catalogue.segments();
        let known = segments.iter().filter_map(|segment| key_of(&segment.key));
        let hint = nearest(key, known).map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
        ServiceError::NotFound(format!("the segment {key}{hint}"))
    })
}

/// Every segment, by key.
pub async fn list(book: &Book) -> Result<Vec<SegmentLine>, ServiceError> {
    let catalogue = rules::catalogue(book).await?;
    let counts = store::counts(book.store.reader()).await?;
    let of = |segment: &TagDefinition| {
        let counts = key_of(&segment.key).and_then(|key| counts.get(key)).copied().unwrap_or_default();
        line(&catalogue, segment, Some(counts))
    };
    let mut lines: Vec<SegmentLine> = catalogue.segments().into_iter().filter_map(of).collect();
    lines.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(lines)
}

/// One segment.
pub async fn show(book: &Book, key: &str) -> Result<SegmentLine, ServiceError> {
    let catalogue = rules::catalogue(book).await?;
    named(&catalogue, key)?;
    let missing = || ServiceError::NotFound(format!("the segment {key}"));
    list(book).await?.into_iter().find(|line| line.key == key).ok_or_else(missing)
}

/// What a segment means, as it would be in a catalogue.
pub(super) fn line(
    catalogue: &Catalogue,
    node: &TagDefinition,
    counts: Option<Counts>,
) -> Option<SegmentLine> {
    let (key, segment) = node.segment()?;
    let both = |names: &domain::tag::Names| Both { en: names.en.clone(), zh_cn: names.zh_cn.clone() };
    let says = match &node.shape {
        Shape::Flag(rule) => Some(Both { en: describe(rule, Lang::En), zh_cn: describe(rule, Lang::ZhCn) }),
        _ => None,
    };
    let (mut tags, mut segments) = (Vec::new(), Vec::new());
    for needed in catalogue.needed_by(node) {
        match key_of(&needed) {
            Some(segment) => segments.push(segment.to_owned()),
            None => tags.push(needed),
        }
    }
    let on_demand = segment.keep == Keep::OnDemand;
    Some(SegmentLine {
        key: key.to_owned(),
        name: both(&node.name),
        description: segment.description.as_ref().map(both),
        keep: segment.keep.as_str(),
        version: node.version,
        says,
        tags,
        segments,
        members: counts.filter(|_| !on_demand).map(|counts| counts.members),
        pinned: counts.filter(|_| on_demand).map(|counts| counts.pinned),
        banned: counts.filter(|_| on_demand).map(|counts| counts.banned),
    })
}

/// That nobody keeps the members of one on demand.
pub(super) fn must_be_kept(node: &TagDefinition) -> Result<(), ServiceError> {
    match node.segment() {
        Some((key, segment)) if segment.keep == Keep::OnDemand => Err(ServiceError::Conflict(format!(
            "nobody keeps the members of {key}, it is on demand; publish it with `keep: live`, or ask of one customer: \
             `kinkeeper segment explain {key} CUSTOMER`"
        ))),
        _ => Ok(()),
    }
}

/// Members by id, a page at a time.
pub async fn members(
    book: &Book,
    whom: Whom,
    cursor: Option<&str>,
    limit: i64,
) -> Result<Members, ServiceError> {
    let after = page::read_cursor(cursor, |text| text.parse().ok())?.unwrap_or(CustomerId(0));
    let limit = limit.clamp(1, PAGE);
    let question = asking::question(book, whom).await?;
    let rows = asking::roll(book, question, after).await?.page(book, page::one_more(limit)).await?;
    let (items, next_cursor) = page::cut(rows, limit, |last| last.customer.to_string());
    Ok(Members { items, next_cursor })
}
