//! Whom somebody asks about: a published segment, one that is still being written, or a rule alone. What is wrong with it is said by
//! its place.

use super::super::apply::{Input, read};
use super::super::publishing::{self, Only};
use super::super::segments::named;
use super::super::{Book, ServiceError, rules};
use crate::store::rule_sql::Whole;
use domain::problem::Problem;
use domain::rule::{Rule, parse};
use domain::segment::Keep;
use domain::tag::{Catalogue, Shape, TagDefinition};
use serde_json::Value;
use std::sync::Arc;

/// Whom somebody asks about.
#[derive(Debug, Clone)]
pub enum Whom {
    /// The members of a published segment, by its key.
    Segment(String),
    /// Those of whom a rule holds.
    Rule(Value),
    /// Those of whom the rule of a segment's document holds, whatever is published.
    Document(Value),
    /// The same, of a file.
    File(Input, Holds),
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A segment's document, or a rule: what has neither key nor name.
    Either,
    Rule,
}

/// Whom it is about, checked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Of a segment.
    pub(super) key: Option<String>,
    /// Who is meant.
    pub(super) whole: Whole,
    /// What is told step by step: none of a list.
    pub(super) rule: Option<Rule>,
    /// Where members stand that people and the keeper wrote down.
    pub(super) stands: Stands,
    pub(super) catalogue: Arc<Catalogue>,
}

/// How members are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// All of them.
    Kept,
    /// Those whom people put there.
    Pinned,
    Nobody,
}

/// Reads and checks whom it is about.
pub async fn question(book: &Book, whom: Whom) -> Result<Question, ServiceError> {
    match whom {
        Whom::Segment(key) => {
            let catalogue = rules::catalogue(book).await?;
            let segment = named(&catalogue, &key)?.clone();
            Ok(of_segment(&segment, catalogue))
        }
        Whom::Rule(value) => of_rule(book, &value, |problem| problem.under("rule")).await,
        Whom::Document(value) => of_draft(publishing::draft_of_segment(book, value).await?),
        Whom::File(input, holds) => {
            let documents = read(&input).map_err(|problem| ServiceError::Invalid(vec![problem]))?;
            match &documents[..] {
                [one] if holds == Holds::Rule || is_bare(&one.value) => {
                    of_rule(book, &one.value, |problem| one.locate(problem)).await
                }
                _ => of_draft(publishing::draft(book, &[input], Only::Segments).await?),
            }
        }
    }
}

fn is_bare(value: &Value) -> bool {
    value.get("key").is_none() && value.get("name").is_none()
}

async fn of_rule(
    book: &Book,
    value: &Value,
    place: impl Fn(Problem) -> Problem,
) -> Result<Question, ServiceError> {
    let catalogue = rules::catalogue(book).await?;
    let checked = parse(value).and_then(|rule| match catalogue.problems_of(&rule) {
        found if found.is_empty() => Ok(rule),
        found => Err(found),
    });
    let rule = checked.map_err(|found| ServiceError::Invalid(found.into_iter().map(place).collect()))?;
    let scored = rule.leaves().into_iter().any(|leaf| matches!(leaf, Rule::Score { .. }));
    let whole = if scored { Whole::Personalised(rule.clone()) } else { Whole::All(rule.clone()) };
    Ok(Question { key: None, whole, rule: Some(rule), stands: Stands::Nobody, catalogue })
}

/// Of the rule alone: what people said of a segment that is published under its key they said of that one.
fn of_draft(draft: publishing::Draft) -> Result<Question, ServiceError> {
    let (segment, catalogue) = draft.only_segment()?;
    let catalogue = Arc::new(catalogue);
    let mut question = of_segment(&segment, catalogue);
    if let Some(rule) = question.rule.clone() {
        let scored = segment.waits_for().is_some();
        question.whole = if scored { Whole::Personalised(rule) } else { Whole::All(rule) };
        question.stands = Stands::Nobody;
    }
    Ok(question)
}

fn of_segment(segment: &TagDefinition, catalogue: Arc<Catalogue>) -> Question {
    let key = segment.segment().map(|(key, _)| key.to_owned());
    let rule = match &segment.shape {
        Shape::Flag(rule) => Some(rule.clone()),
        _ => None,
    };
    let stands = if segment.keep() == Some(Keep::OnDemand) { Stands::Pinned } else { Stands::Kept };
    let whole = Whole::All(Rule::Segment { key: key.clone().unwrap_or_default(), since: None });
    Question { key, whole, rule, stands, catalogue }
}
