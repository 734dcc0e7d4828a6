//! Why a customer is in a segment, or isn't.

use super::one::{One, missing};
use crate::service::tags::Both;
use crate::service::{Book, ServiceError, rules, segments};
use domain::ids::CustomerId;
use domain::rule::{Explained, Lang};
use domain::segment::Hand;
use domain::tag::Shape;
use domain::time::Instant;
use serde::Serialize;

/// Why a customer is in a segment, or isn't: what people said comes first, then the rule.
#[derive(Debug, Clone, Serialize)]
pub struct SegmentExplanation {
    pub customer: CustomerId,
    pub at: Instant,
    pub segment: String,
    pub name: Both,
    /// live | on_demand | list
    pub keep: &'static str,
    pub version: i64,
    pub member: bool,
    /// Since when it is so; none: it always was.
    pub since: Option<Instant>,
    /// When it changes if no new fact comes.
    pub next_flip: Option<Instant>,
    /// What people said, as far as it holds: it decides.
    pub said: Option<SaidView>,
    /// The rule with what it saw, whoever decides; none of a list.
    pub condition: Option<Explained>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SaidView {
    /// pinned | banned
    pub said: Hand,
    pub since: Instant,
    pub until: Option<Instant>,
}

/// The segment's rule for one customer at the book's present instant, from the stored facts; conditions in words of `lang`.
pub async fn explain_segment(
    book: &Book,
    customer: CustomerId,
    key: &str,
    lang: Lang,
) -> Result<SegmentExplanation, ServiceError> {
    let catalogue = rules::catalogue(book).await?;
    let node = segments::named(&catalogue, key)?;
    let one = One::load(book, customer, (&catalogue, node)).await?;
    let (at, evaluation) = (one.at, one.evaluation(&catalogue));
    let line = evaluation.membership(key).ok_or_else(|| missing(customer))?;
    let said = evaluation.said_of(key, at);
    let condition = match &node.shape {
        Shape::Flag(rule) => Some(evaluation.explain(rule, at, lang)),
        _ => None,
    };
    Ok(SegmentExplanation {
        customer,
        at,
        segment: key.to_owned(),
        name: Both { en: node.name.en.clone(), zh_cn: node.name.zh_cn.clone() },
        keep: node.keep().map_or("live", |keep| keep.as_str()),
        version: node.version,
        member: *line.at(at),
        since: line.since(at),
        next_flip: line.next_after(at),
        said: said.map(|said| SaidView { said: said.hand, since: said.since, until: said.until }),
        condition,
    })
}
