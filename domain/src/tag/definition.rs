//! What defines a tag, or a segment, which is kept as one. The catalogue they form is [`super::catalogue`]'s, reading a document
//! [`super::document`]'s.

use super::said::{SaidBy, System};
use crate::customer::dealings::Score;
use crate::insight::rfm;
use crate::rule::{Field, Lang, Rule};
use crate::segment::{Keep, Segment, key_of};
use crate::time::{Instant, Span};
use serde::Serialize;
use std::sync::Arc;

/// A name in both languages of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    pub en: String,
    pub zh_cn: String,
}

impl Names {
    pub fn of(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::ZhCn => &self.zh_cn,
        }
    }
}

/// A tag or segment, as published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagDefinition {
    /// A segment's is its [`crate::segment::node_key`].
    pub key: String,
    pub name: Names,
    pub shape: Shape,
    /// How long a settled level stays after its condition ends.
    pub hold: Span,
    /// How long a stretch of the condition must have lasted to be held.
    pub settle: Span,
    /// Ends the tag at once wherever it holds: an exclusion is never held.
    pub unless: Option<Rule>,
    /// Whether people may give and take it; `None`: only its rule may.
    pub by_hand: Option<ByHand>,
    /// What it is about, for lists: `value`, `churn`, `service`, …
    pub group: Option<String>,
    pub role: Role,
    /// The version of the document.
    pub version: i64,
    /// When this version was published. What truly began before is historical. `None`: always there.
    pub published_at: Option<Instant>,
}

/// Whether it is a tag or a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    Tag,
    Segment(Segment),
}

/// How people may give a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByHand {
    pub expires: Expires,
}

/// For how long what people gave lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expires {
    /// Until somebody takes it.
    Never,
    /// So long, unless whoever gives it says until when.
    After(Span),
    /// Whoever gives it says until when.
    Required,
}

/// Where a tag's values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A rule.
    Computed,
    /// Runs over the whole book.
    Model,
    /// People alone.
    Manual,
    /// Events of whoever sends them.
    Event,
    /// The program itself.
    System,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Computed => "computed",
            Self::Model => "model",
            Self::Manual => "manual",
            Self::Event => "event",
            Self::System => "system",
        }
    }
}

/// Who may set a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Apply {
    RuleOnly,
    ManualOnly,
    /// People overrule the rule.
    Both,
}

/// What values a tag takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// `true` or not there.
    Flag(Rule),
    /// Always one of these: the highest level that holds, `otherwise` if none does.
    Levels {
        otherwise: Arc<str>,
        /// What people call the value of whom no level holds; the value itself if left out.
        otherwise_name: Option<Names>,
        levels: Vec<Level>,
    },
    /// While the rule holds, what this field of the profile is: a word, or a count as text.
    Field { field: Field, rule: Rule },
    /// What runs over the whole book give; none before the first. With bands: one of them, from the top, and nothing else.
    Scored { score: Score, bands: Vec<Band> },
    /// What people say, one of these.
    Named(Vec<NamedValue>),
    /// The product (its SKU) of which a refill is due; of several the one that came due last.
    Supply,
    /// What the last of some events said.
    Said(SaidBy),
    /// What the program itself knows of them.
    System(System),
}

/// A part of all customers that a run gave a score, from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    pub value: Arc<str>,
    pub name: Names,
    /// How large a part, in millionths; `None` of the last one: the others.
    pub share: Option<i64>,
}

/// A value that people give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedValue {
    pub value: Arc<str>,
    pub name: Names,
}

/// A level of an ordered group, lowest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    pub value: Arc<str>,
    pub name: Names,
    pub rule: Rule,
}

impl TagDefinition {
    /// Every rule of the tag.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        let (flag, levels) = match &self.shape {
            Shape::Flag(rule) | Shape::Field { rule, .. } => (Some(rule), &[][..]),
            Shape::Levels { levels, .. } => (None, &levels[..]),
            Shape::Scored { .. } | Shape::Named(_) | Shape::Supply | Shape::Said(_) | Shape::System(_) => {
                (None, &[][..])
            }
        };
        flag.into_iter().chain(levels.iter().map(|level| &level.rule)).chain(&self.unless)
    }

    /// Every value the tag can have, lowest first; `None` where the facts say which there are.
    pub fn values(&self) -> Option<Vec<&str>> {
        Some(match &self.shape {
            Shape::Flag(_) => vec!["true"],
            Shape::Levels { otherwise, levels, .. } => {
                std::iter::once(&**otherwise).chain(levels.iter().map(|level| &*level.value)).collect()
            }
            Shape::Named(values) => values.iter().map(|named| &*named.value).collect(),
            Shape::Said(said) => said.values.iter().map(|said| &*said.value).collect(),
            Shape::System(system) => system.values(),
            Shape::Scored { bands, .. } if !bands.is_empty() => {
                bands.iter().rev().map(|band| &*band.value).collect()
            }
            Shape::Scored { score: Score::Rfm, .. } => {
                rfm::Segment::ALL.iter().map(|segment| segment.as_str()).collect()
            }
            Shape::Field { .. } | Shape::Scored { .. } | Shape::Supply => return None,
        })
    }

    /// Whether this is one of its values.
    pub fn can_be(&self, value: &str) -> bool {
        self.values().map_or(!value.is_empty(), |values| values.contains(&value))
    }

    pub fn kind(&self) -> Kind {
        match &self.shape {
            _ if self.waits_for().is_some() => Kind::Model,
            Shape::Flag(_) | Shape::Levels { .. } | Shape::Field { .. } | Shape::Supply => Kind::Computed,
            Shape::Scored { .. } => Kind::Model,
            Shape::Named(_) => Kind::Manual,
            Shape::Said(_) => Kind::Event,
            Shape::System(_) => Kind::System,
        }
    }

    pub fn apply(&self) -> Apply {
        match (self.kind(), self.by_hand) {
            (Kind::Manual, _) => Apply::ManualOnly,
            (_, Some(_)) => Apply::Both,
            (_, None) => Apply::RuleOnly,
        }
    }

    /// What it waits for before it can have any value: the scores of a run over the whole book.
    pub fn waits_for(&self) -> Option<Score> {
        match self.shape {
            Shape::Scored { score, .. } => Some(score),
            _ => self.rules().flat_map(Rule::leaves).find_map(|leaf| match leaf {
                Rule::Score { number, .. } => Some(number.score()),
                _ => None,
            }),
        }
    }

    /// Whether it is a tag, and no segment.
    pub fn is_tag(&self) -> bool {
        self.role == Role::Tag
    }

    /// What it is as a segment, with its key among segments; `None` of a tag.
    pub fn segment(&self) -> Option<(&str, &Segment)> {
        match &self.role {
            Role::Tag => None,
            Role::Segment(segment) => Some((key_of(&self.key)?, segment)),
        }
    }

    /// How its members are known; `None` of a tag.
    pub fn keep(&self) -> Option<Keep> {
        self.segment().map(|(_, segment)| segment.keep)
    }
}
