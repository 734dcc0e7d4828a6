//! Publishing tags and segments: who would enter and leave them, and doing it. What a document means is the domain's; how it is
//! checked, compared and written is [`super::apply`]'s.

use super::apply::{self, Change, Difference, Input, Prepared};
use super::poison::{Apart, decide_apart, read_apart};
use super::segments::{SegmentLine, line};
use super::{Book, ServiceError, rules, shop};
use crate::store::keeping::{Standing, standing};
use crate::store::{Db, StoreError, facts, profiles};
use chrono_tz::Tz;
use domain::customer::CustomerFacts;
use domain::event::property::Wanted;
use domain::ids::CustomerId;
use domain::problem::Problem;
use domain::tag::{Catalogue, Evaluation, TagDefinition};
use domain::time::{Instant, Span};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// Customers read at a time.
const PAGE: i64 = 200;
/// Most customers shown of those who enter or leave a value.
const MOST_SAMPLES: usize = 5;
/// Most values told apart of one tag; the others are counted together.
const MOST_VALUES: usize = 1_000;
/// What the others are called.
const OTHERS: &str = "…";
/// From this part of active buyers on, being a VIP is nothing special: 5 %.
const MOST_VIPS_PERCENT: u64 = 5;

/// Documents that define tags and segments, checked, and the catalogue as it is and as it would be.
#[derive(Debug)]
pub struct Draft {
    prepared: Prepared,
    before: Arc<Catalogue>,
    after: Catalogue,
}

/// How much of the book is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    Whole,
    /// As many customers as fit into so long, those who came first.
    Within(Span),
}

/// Who would enter and leave, of whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Preview {
    /// The instant that was looked at: what the facts known by then say, before and after.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// What the documents change in the book.
    pub documents: Vec<Change>,
    /// How many customers were looked at.
    pub customers: u64,
    /// Whether these are all there are; else the time was up.
    pub complete: bool,
    /// Those whose facts can't be read or decided on, and who therefore aren't counted.
    pub not_compared: u64,
    /// Customers with a counted order in 365 d.
    pub active_buyers: u64,
    /// The tags that the documents define or change, and those that depend on them.
    pub tags: Vec<TagMoves>,
    /// The segments likewise; who is in one has the value `true`.
    pub segments: Vec<TagMoves>,
    /// What to think about first.
    pub warnings: Vec<String>,
}

/// What would become of one tag or segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TagMoves {
    #[schema(example = "value_tier")]
    pub key: String,
    pub why: Why,
    /// By value, lowest first where they have an order. Not having the tag is no value.
    pub values: Vec<ValueMoves>,
}

/// Why a tag is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A document defines it.
    New,
    /// A document changes it.
    Changed,
    /// It refers to one of the others.
    Depends,
}

impl Why {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Depends => "depends",
        }
    }
}

/// What would become of one value of a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ValueMoves {
    #[schema(example = "gold")]
    pub value: String,
    /// Customers whom the present definitions give it.
    pub before: u64,
    /// Customers whom it would be given.
    pub after: u64,
    pub enters: u64,
    pub leaves: u64,
    /// Some of those who would enter, by id.
    #[schema(value_type = Vec<String>, example = json!(["cus_42"]))]
    pub entering: Vec<CustomerId>,
    /// Some of those who would leave, by id.
    #[schema(value_type = Vec<String>, example = json!(["cus_57"]))]
    pub leaving: Vec<CustomerId>,
}

/// What publishing one tag came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Published {
    #[schema(example = "vip_candidate")]
    pub tag: String,
    pub difference: Difference,
    /// What differs, a line a field.
    pub details: Vec<String>,
}

/// What one that drafts means by a document that doesn't say its kind, and the only kind there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    Tags,
    Segments,
}

impl Only {
    const fn kind(self) -> &'static str {
        match self {
            Self::Tags => "tag",
            Self::Segments => "segment",
        }
    }
}

/// Reads documents of tags, or of segments; one that doesn't say its kind is one.
pub async fn draft(book: &Book, inputs: &[Input], only: Only) -> Result<Draft, ServiceError> {
    let inputs: Vec<Input> =
        inputs.iter().map(|input| Input { kind: Some(only.kind()), ..input.clone() }).collect();
    drafted(book, apply::prepare(book, &inputs).await?, only).await
}

/// Reads one document, which must be of the tag `key`; gives what publishing it comes to, too.
pub async fn draft_of(book: &Book, key: &str, document: Value) -> Result<(Draft, Published), ServiceError> {
    let prepared = apply::prepare_value(book, ("tag", "document"), document).await?;
    let draft = drafted(book, prepared, Only::Tags).await?;
    let [change] = &draft.prepared.changes[..] else {
        return Err(ServiceError::Internal("one document is one change".to_owned()));
    };
    if change.key != key {
        let detail = format!("the document is of {}, the path says {key}; make them the same", change.key);
        return Err(ServiceError::invalid("document.key", "other_key", detail));
    }
    let (difference, details) = (change.difference, change.details.clone());
    Ok((draft, Published { tag: key.to_owned(), difference, details }))
}

/// Reads one document of a segment.
pub async fn draft_of_segment(book: &Book, document: Value) -> Result<Draft, ServiceError> {
    drafted(book, apply::prepare_value(book, ("segment", "document"), document).await?, Only::Segments).await
}

async fn drafted(book: &Book, prepared: Prepared, only: Only) -> Result<Draft, ServiceError> {
    let kind = only.kind();
    let others: Vec<Problem> =
        prepared.others_than(kind, &format!("`kinkeeper apply` takes it, here are only {kind}s"));
    if !others.is_empty() {
        return Err(ServiceError::Invalid(others));
    }
    let before = rules::catalogue(book).await?;
    let after = apply::catalogue_with(book.store.reader(), &prepared).await?;
    Ok(Draft { prepared, before, after })
}

impl Draft {
    /// What each of its segments would mean, by key.
    pub fn segments(&self) -> Vec<SegmentLine> {
        let keys = self.prepared.keys("segment");
        let found = keys.iter().filter_map(|key| self.after.segment(key));
        found.filter_map(|segment| line(&self.after, segment, None)).collect()
    }

    /// The one segment that it defines, and the catalogue it would stand in.
    pub(super) fn only_segment(self) -> Result<(TagDefinition, Catalogue), ServiceError> {
        let keys = self.prepared.keys("segment");
        match (&keys[..], keys.first().and_then(|key| self.after.segment(key)).cloned()) {
            ([_], Some(segment)) => Ok((segment, self.after)),
            _ => {
                let detail = format!("holds {} documents; ask of one segment at a time", keys.len());
                Err(ServiceError::invalid("", "not_one", detail))
            }
        }
    }

    /// How many documents differ from the book.
    pub fn differing(&self) -> usize {
        self.prepared.differing()
    }
}

/// Publishes what was drafted, as `apply` does: with its audit row, and everybody looked at again.
pub async fn publish(book: &Book, draft: Draft, actor: &str) -> Result<(), ServiceError> {
    apply::commit(book, draft.prepared, actor).await
}

/// Evaluates the book under the present definitions and under the draft, at the same instant and from the same facts:
/// what stands may be behind. Nothing is written; one page of customers is in memory at a time.
pub async fn preview(book: &Book, draft: &Draft, reach: Reach) -> Result<Preview, ServiceError> {
    let (db, at) = (book.store.reader(), book.now().await?);
    let until = match reach {
        Reach::Whole => None,
        Reach::Within(span) => Some(book.machine_now().await? + span),
    };
    let changed = draft.prepared.changed_nodes();
    let affected = draft.after.affected_by(&changed);
    let mut wanted = draft.before.wanted();
    wanted.extend(&draft.after.wanted());
    let with = With { draft, affected: &affected, zone: shop::shop(book).await?.zone, at, wanted };
    let mut sums = Sums { tags: vec![BTreeMap::new(); affected.len()], ..Sums::default() };
    let (mut after, mut complete) = (CustomerId(0), true);
    while !affected.is_empty() {
        let ids = profiles::list_kept(db, after, PAGE).await?;
        let Some(last) = ids.last() else { break };
        after = *last;
        let Apart { sound, broken } = read_apart(&ids, |ids| look(db, &with, ids)).await?;
        sums.not_compared += broken.len() as u64;
        for (id, seen) in sound {
            match seen {
                Ok(seen) => sums.add(id, seen),
                Err(_) => sums.not_compared += 1,
            }
        }
        if let Some(until) = until
            && book.machine_now().await? > until
        {
            complete = profiles::list_kept(db, after, 1).await?.is_empty();
            break;
        }
    }
    let documents = draft.prepared.changes.clone();
    let moves = |(tag, counts): (&&TagDefinition, BTreeMap<String, ValueMoves>)| TagMoves {
        key: plain_key(tag).to_owned(),
        why: why(tag, &documents),
        values: in_order(tag, draft.before.find(&tag.key), counts),
    };
    let (mut tags, mut segments) = (Vec::new(), Vec::new());
    for one in affected.iter().zip(std::mem::take(&mut sums.tags)) {
        if one.0.is_tag() { tags.push(moves(one)) } else { segments.push(moves(one)) }
    }
    let warnings = too_many_vips(&tags, sums.active_buyers).into_iter().collect();
    let Sums { customers, not_compared, active_buyers, .. } = sums;
    Ok(Preview { at, documents, customers, complete, not_compared, active_buyers, tags, segments, warnings })
}

/// The key among its own kind.
fn plain_key(node: &TagDefinition) -> &str {
    node.segment().map_or(&node.key, |(key, _)| key)
}

fn why(node: &TagDefinition, documents: &[Change]) -> Why {
    let kind = if node.is_tag() { Only::Tags } else { Only::Segments }.kind();
    let of = |change: &&Change| change.kind == kind && change.key == plain_key(node);
    match documents.iter().find(of).map(|change| change.difference) {
        Some(Difference::New) => Why::New,
        Some(Difference::Changed) => Why::Changed,
        Some(Difference::Unchanged) | None => Why::Depends,
    }
}

/// What a page is looked at with.
struct With<'a> {
    draft: &'a Draft,
    affected: &'a [&'a TagDefinition],
    zone: Tz,
    at: Instant,
    wanted: Wanted,
}

/// One customer: each affected tag before and after.
struct Seen {
    buys: bool,
    values: Vec<(Option<String>, Option<String>)>,
}

type Looked = Vec<(CustomerId, Result<Seen, String>)>;

async fn look(db: &Db, with: &With<'_>, ids: Vec<CustomerId>) -> Result<Looked, StoreError> {
    let standing = standing(db, &ids, with.zone).await?;
    let events = facts::events_of(db, &ids, with.at, &with.wanted).await?;
    let one = |id: CustomerId| {
        let bearer =
            standing.get(&id).map_or_else(|| Standing::new(id, with.zone).bearer, |known| known.bearer);
        let facts = CustomerFacts::fold(events.get(&id).map_or(&[][..], Vec::as_slice));
        let before = Evaluation::of(&with.draft.before, &facts, bearer, with.at);
        let after = Evaluation::of(&with.draft.after, &facts, bearer, with.at);
        let value = |evaluation: &Evaluation<'_>, tag: &TagDefinition| match tag.segment() {
            Some((key, _)) => {
                let is = evaluation.membership(key).is_some_and(|line| *line.at(with.at));
                is.then(|| "true".to_owned())
            }
            None => {
                evaluation.value(&tag.key).and_then(|line| line.at(with.at).as_deref().map(str::to_owned))
            }
        };
        let both = |tag: &&TagDefinition| (value(&before, tag), value(&after, tag));
        Seen {
            buys: *after.profile().orders_365.at(with.at) > 0,
            values: with.affected.iter().map(both).collect(),
        }
    };
    Ok(ids.into_iter().map(|id| (id, decide_apart(|| one(id)))).collect())
}

#[derive(Debug, Default)]
struct Sums {
    customers: u64,
    not_compared: u64,
    active_buyers: u64,
    /// Per affected tag, by value.
    tags: Vec<BTreeMap<String, ValueMoves>>,
}

impl Sums {
    fn add(&mut self, id: CustomerId, seen: Seen) {
        self.customers += 1;
        self.active_buyers += u64::from(seen.buys);
        for (counts, (before, after)) in self.tags.iter_mut().zip(seen.values) {
            let moves = before != after;
            if let Some(value) = before {
                let count = of(counts, value);
                count.before += 1;
                if moves {
                    note(&mut count.leaves, &mut count.leaving, id);
                }
            }
            if let Some(value) = after {
                let count = of(counts, value);
                count.after += 1;
                if moves {
                    note(&mut count.enters, &mut count.entering, id);
                }
            }
        }
    }
}

fn note(count: &mut u64, samples: &mut Vec<CustomerId>, id: CustomerId) {
    *count += 1;
    if samples.len() < MOST_SAMPLES {
        samples.push(id);
    }
}

fn of(counts: &mut BTreeMap<String, ValueMoves>, value: String) -> &mut ValueMoves {
    let told_apart = counts.len() < MOST_VALUES || counts.contains_key(&value);
    let value = if told_apart { value } else { OTHERS.to_owned() };
    counts.entry(value.clone()).or_insert_with(|| ValueMoves {
        value,
        before: 0,
        after: 0,
        enters: 0,
        leaves: 0,
        entering: Vec::new(),
        leaving: Vec::new(),
    })
}

/// Values that the tag can have as its document has them, then whatever else there was.
fn in_order(
    tag: &TagDefinition,
    before: Option<&TagDefinition>,
    mut counts: BTreeMap<String, ValueMoves>,
) -> Vec<ValueMoves> {
    let known = [Some(tag), before].into_iter().flatten().filter_map(TagDefinition::values).flatten();
    let mut values: Vec<ValueMoves> = Vec::new();
    for value in known {
        if values.iter().all(|known| known.value != value) {
            let found = of(&mut counts, value.to_owned()).clone();
            counts.remove(value);
            values.push(found);
        }
    }
    values.extend(counts.into_values());
    values
}

fn too_many_vips(tags: &[TagMoves], active_buyers: u64) -> Option<String> {
    let vips = tags.iter().find(|tag| tag.key == "vip")?.values.iter().map(|value| value.after).sum::<u64>();
    (vips * 100 > active_buyers * MOST_VIPS_PERCENT).then(|| {
        format!(
            "{vips} would be VIPs, with {active_buyers} active buyers (a counted order in 365 d): more than \
             {MOST_VIPS_PERCENT} %; `kinkeeper tag calibrate` proposes thresholds"
        )
    })
}
