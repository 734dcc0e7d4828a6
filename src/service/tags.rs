//! Which tags there are, and how many customers have them.

use super::{Book, ServiceError, rules};
use crate::store::{profiles, runs};
use domain::insight::RunKind;
use domain::problem::nearest;
use domain::rule::{Lang, describe};
use domain::tag::{Apply, Catalogue, Shape, TagDefinition};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A name or sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Both {
    pub en: String,
    #[serde(rename = "zh-CN")]
    pub zh_cn: String,
}

/// A tag of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TagLine {
    #[schema(example = "value_tier")]
    pub key: String,
    pub name: Both,
    /// What it is about.
    #[schema(example = "value")]
    pub group: Option<String>,
    /// computed: a rule; model: runs over the whole book; manual: people; event: events of senders; system: the program
    /// itself.
    #[schema(example = "computed")]
    pub kind: &'static str,
    /// rule_only | manual_only | both
    #[schema(example = "rule_only")]
    pub apply: &'static str,
    pub version: i64,
    /// Why it can't have any value yet.
    #[schema(example = "no churn scores yet")]
    pub waits_for: Option<String>,
    /// By value, lowest first: when somebody has it.
    pub conditions: Vec<Condition>,
    /// Customers by value, those that nobody has left out.
    pub counts: BTreeMap<String, i64>,
}

/// When somebody has a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Condition {
    #[schema(example = "gold")]
    pub value: String,
    pub says: Both,
}

/// The tag of this key.
pub(super) fn named<'c>(catalogue: &'c Catalogue, key: &str) -> Result<&'c TagDefinition, ServiceError> {
    catalogue.tag(key).ok_or_else(|| {
        let hint = match nearest(key, catalogue.tags().iter().map(|tag| tag.key.as_str())) {
            Some(near) => format!(" (did you mean {near}?)"),
            None => String::new(),
        };
        ServiceError::NotFound(format!("the tag {key}{hint}"))
    })
}

/// Why nobody can have any value of it yet: no run has given any.
pub(super) async fn waits_for(book: &Book, tag: &TagDefinition) -> Result<Option<String>, ServiceError> {
    let mut done = Vec::new();
    if let Some(kind) = tag.waits_for().and_then(|score| score.run())
        && runs::was_done(book.store.reader(), kind).await?
    {
        done.push(kind);
    }
    Ok(waits_for_run(tag, &done))
}

/// The same, where runs of these kinds are done.
pub(super) fn waits_for_run(tag: &TagDefinition, done: &[RunKind]) -> Option<String> {
    let score = tag.waits_for()?;
    let given = score.run().is_some_and(|kind| done.contains(&kind));
    (!given).then(|| format!("no {score} scores yet"))
}

/// Every tag, by key.
pub async fn list(book: &Book) -> Result<Vec<TagLine>, ServiceError> {
    let catalogue = rules::catalogue(book).await?;
    let mut counts = profiles::tag_counts(book.store.reader()).await?;
    let mut lines = Vec::new();
    for tag in catalogue.tags() {
        let counts = counts.remove(&tag.key).unwrap_or_default();
        lines.push(TagLine { waits_for: waits_for(book, tag).await?, ..line(tag, counts) });
    }
    lines.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(lines)
}

fn line(tag: &TagDefinition, counts: BTreeMap<String, i64>) -> TagLine {
    let condition = |value: &str, rule| Condition {
        value: value.to_owned(),
        says: Both { en: describe(rule, Lang::En), zh_cn: describe(rule, Lang::ZhCn) },
    };
    let mut conditions = match &tag.shape {
        Shape::Flag(rule) => vec![condition("true", rule)],
        Shape::Field { field, rule } => vec![condition(field.key(), rule)],
        Shape::Levels { levels, .. } => {
            levels.iter().map(|level| condition(&level.value, &level.rule)).collect()
        }
        Shape::Scored { .. } | Shape::Named(_) | Shape::Supply | Shape::Said(_) | Shape::System(_) => {
            let both = tag.says(Lang::En).into_iter().zip(tag.says(Lang::ZhCn));
            both.map(|((value, en), (_, zh_cn))| Condition {
                value: value.to_owned(),
                says: Both { en, zh_cn },
            })
            .collect()
        }
    };
    conditions.extend(tag.unless.as_ref().map(|rule| condition("unless", rule)));
    TagLine {
        key: tag.key.clone(),
        name: Both { en: tag.name.en.clone(), zh_cn: tag.name.zh_cn.clone() },
        group: tag.group.clone(),
        kind: tag.kind().as_str(),
        apply: match tag.apply() {
            Apply::RuleOnly => "rule_only",
            Apply::ManualOnly => "manual_only",
            Apply::Both => "both",
        },
        version: tag.version,
        waits_for: None,
        conditions,
        counts,
    }
}
