//! Why a customer has a tag, or doesn't.

use crate::service::{Book, ServiceError, rules, tags};
use crate::store::{customers, facts};
use domain::customer::CustomerFacts;
use domain::ids::CustomerId;
use domain::rule::{Explained, Lang};
use domain::tag::{Evaluation, Shape, TagState};
use domain::time::Instant;
use serde::Serialize;

/// Why a customer has a tag, or doesn't.
#[derive(Debug, Clone, Serialize)]
pub struct TagExplanation {
    pub customer: CustomerId,
    pub at: Instant,
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

/// The tag's rules for one customer at the book's present instant, from the stored facts.
pub async fn explain_tag(
    book: &Book,
    customer: CustomerId,
    key: &str,
) -> Result<TagExplanation, ServiceError> {
    let db = book.store.reader();
    let catalogue = rules::catalogue(book).await?;
    let tag = tags::named(&catalogue, key)?;
    let missing = || ServiceError::NotFound(format!("the customer {customer}"));
    let zone = customers::zones(db, &[customer]).await?.remove(&customer).ok_or_else(missing)?;
    let bearer = customers::bearers(db, &[customer], zone).await?.remove(&customer).ok_or_else(missing)?;
    let at = book.now().await?;
    let events = facts::events_of(db, &[customer], at).await?.remove(&customer).unwrap_or_default();
    let folded = CustomerFacts::fold(&events);
    let evaluation = Evaluation::of(&catalogue, &folded, bearer, at);
    let condition = |value: &str, rule| ValueCondition {
        value: value.to_owned(),
        condition: evaluation.explain(rule, at, Lang::En),
    };
    let mut conditions: Vec<ValueCondition> = match &tag.shape {
        Shape::Flag(rule) => vec![condition("true", rule)],
        Shape::Field { field, rule } => vec![condition(field.key(), rule)],
        Shape::Scored(_) | Shape::Named(_) | Shape::Supply | Shape::Said(_) | Shape::System(_) => Vec::new(),
        Shape::Levels { levels, .. } => {
            levels.iter().rev().map(|level| condition(&level.value, &level.rule)).collect()
        }
    };
    conditions.extend(tag.unless.as_ref().map(|rule| condition("unless", rule)));
    let state = evaluation.states(at).into_iter().find(|state| state.key == key).ok_or_else(missing)?;
    let waits_for = tags::waits_for(book, tag).await?;
    Ok(TagExplanation { customer, at, state, waits_for, conditions })
}
