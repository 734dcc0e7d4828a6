//! Why a customer has a tag, or doesn't.

use super::one::{One, missing};
use crate::service::tags::{self, Both};
use crate::service::{Book, ServiceError, rules};
use domain::ids::CustomerId;
use domain::rule::{Explained, Lang};
use domain::tag::{Kind, Shape, TagState};
use domain::time::Instant;
use serde::Serialize;

/// Why a customer has a tag, or doesn't.
#[derive(Debug, Clone, Serialize)]
pub struct TagExplanation {
    pub customer: CustomerId,
    pub at: Instant,
    pub name: Both,
    /// What people call the value; none of a flag, nor where the tag isn't there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_name: Option<Both>,
    /// Whether it would have a value, or none, without people: rules, runs, events or the program itself give it.
    pub ruled: bool,
    #[serde(flatten)]
    pub state: TagState,
    /// Why it can't have any value yet: `no churn scores yet`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// The condition behind each value, highest first, with what it saw.
    pub conditions: Vec<ValueCondition>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ValueCondition {
    pub value: String,
    pub condition: Explained,
}

/// The tag's rules for one customer at the book's present instant, from the stored facts; conditions in words of `lang`.
pub async fn explain_tag(
    book: &Book,
    customer: CustomerId,
    key: &str,
    lang: Lang,
) -> Result<TagExplanation, ServiceError> {
    let catalogue = rules::catalogue(book).await?;
    let tag = tags::named(&catalogue, key)?;
    let one = One::load(book, customer, (&catalogue, tag)).await?;
    let (at, evaluation) = (one.at, one.evaluation(&catalogue));
    let condition = |value: &str, rule| ValueCondition {
        value: value.to_owned(),
        condition: evaluation.explain(rule, at, lang),
    };
    let mut conditions: Vec<ValueCondition> = match &tag.shape {
        Shape::Flag(rule) => vec![condition("true", rule)],
        Shape::Field { field, rule } => vec![condition(field.key(), rule)],
        Shape::Scored { .. } | Shape::Named(_) | Shape::Supply | Shape::Said(_) | Shape::System(_) => {
            Vec::new()
        }
        Shape::Levels { levels, .. } => {
            levels.iter().rev().map(|level| condition(&level.value, &level.rule)).collect()
        }
    };
    conditions.extend(tag.unless.as_ref().map(|rule| condition("unless", rule)));
    let state =
        evaluation.states(at).into_iter().find(|state| state.key == key).ok_or_else(|| missing(customer))?;
    let waits_for = tags::waits_for(book, tag).await?;
    let name = Both { en: tag.name.en.clone(), zh_cn: tag.name.zh_cn.clone() };
    let called = |lang| tag.value_name(state.value.as_deref()?, lang).map(str::to_owned);
    let value_name = called(Lang::En).zip(called(Lang::ZhCn)).map(|(en, zh_cn)| Both { en, zh_cn });
    let ruled = tag.kind() != Kind::Manual;
    Ok(TagExplanation { customer, at, name, value_name, ruled, state, waits_for, conditions })
}
