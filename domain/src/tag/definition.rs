//! Tag definitions and the catalogue they form: keys unique, references known, no circle.
//!
//! Reading one document is [`super::document`]'s.

use super::document::{TagDocument, read};
use super::said::{SaidBy, System};
use crate::customer::dealings::Score;
use crate::insight::rfm::Segment;
use crate::money::Currency;
use crate::problem::{Problem, nearest};
use crate::product::Products;
use crate::rule::{Field, Lang, Rule, TagTest};
use crate::time::{Instant, Span};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
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

/// A computed tag, as published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagDefinition {
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
    /// The version of the document.
    pub version: i64,
    /// When this version was published. What truly began before is historical. `None`: always there.
    pub published_at: Option<Instant>,
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
                Segment::ALL.iter().map(|segment| segment.as_str()).collect()
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

    /// What it asks of other tags.
    fn references(&self) -> impl Iterator<Item = (&str, &TagTest)> {
        self.rules().flat_map(Rule::leaves).filter_map(|leaf| match leaf {
            Rule::Tag { key, test, .. } => Some((key.as_str(), test)),
            _ => None,
        })
    }
}

/// Every tag of the book, each after those it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    tags: Vec<TagDefinition>,
    currency: Currency,
    products: Arc<Products>,
}

impl Catalogue {
    /// Reads the catalogue. `currency` is the book's base currency: what amounts in rules are in. Places
    /// of problems begin with the tag's key, else `tags[i]`.
    pub fn parse(documents: &[TagDocument], currency: Currency) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut tags: Vec<TagDefinition> = Vec::new();
        for (i, document) in documents.iter().enumerate() {
            match read(document) {
                Ok(tag) if tags.iter().any(|known| known.key == tag.key) => {
                    let detail = format!("{} is defined twice; keep one", tag.key);
                    problems.push(Problem::new("key", "duplicate", detail).under(&format!("tags[{i}]")));
                }
                Ok(tag) => tags.push(tag),
                Err(found) => {
                    let key = document.body.get("key").and_then(|key| key.as_str());
                    let place = key.map_or_else(|| format!("tags[{i}]"), str::to_owned);
                    problems.extend(found.into_iter().map(|problem| problem.under(&place)));
                }
            }
        }
        // With a document missing, every reference to it would look wrong.
        if problems.is_empty() {
            check_references(&tags, &mut problems);
        }
        if problems.is_empty() {
            match in_order(tags) {
                Ok(tags) => return Ok(Self { tags, currency, products: Arc::default() }),
                Err(circle) => problems.push(circle),
            }
        }
        Err(problems)
    }

    /// The tags, each after those it refers to.
    pub fn tags(&self) -> &[TagDefinition] {
        &self.tags
    }

    pub fn find(&self, key: &str) -> Option<&TagDefinition> {
        self.tags.iter().find(|tag| tag.key == key)
    }

    /// These tags and all that depend on them, however far, in the catalogue's order.
    pub fn affected_by(&self, keys: &[String]) -> Vec<&TagDefinition> {
        let mut affected: Vec<&TagDefinition> = Vec::new();
        // Each stands after those it refers to.
        for tag in &self.tags {
            let mut asked = tag.references().map(|(key, _)| key);
            if keys.contains(&tag.key) || asked.any(|key| affected.iter().any(|known| known.key == key)) {
                affected.push(tag);
            }
        }
        affected
    }

    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// With what is known of products: tags are judged by it as by their documents.
    pub fn knowing(self, products: Arc<Products>) -> Self {
        Self { products, ..self }
    }

    pub fn products(&self) -> &Products {
        &self.products
    }

    /// The same, for a catalogue that knows as much.
    pub fn known_products(&self) -> Arc<Products> {
        self.products.clone()
    }
}

fn check_references(tags: &[TagDefinition], problems: &mut Vec<Problem>) {
    for tag in tags {
        for (key, test) in tag.references() {
            let Some(target) = tags.iter().find(|known| known.key == key) else {
                let near = nearest(key, tags.iter().map(|known| known.key.as_str()));
                let remedy = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
                let detail = format!("refers to the tag {key}, which isn't in the catalogue{remedy}");
                problems.push(Problem::new(&tag.key, "unknown_tag", detail));
                continue;
            };
            let asked = match test {
                TagTest::Eq(value) | TagTest::Ne(value) => std::slice::from_ref(value),
                TagTest::In(values) => values,
                TagTest::Present | TagTest::Absent => &[],
            };
            let Some(known) = target.values() else { continue };
            for value in asked.iter().filter(|value| !known.contains(&value.as_str())) {
                let detail = format!("{key} never is {value}; its values are {}", known.join(", "));
                problems.push(Problem::new(&tag.key, "unknown_value", detail));
            }
        }
    }
}

/// Sorts by dependency; the problem names the circle if there is one.
fn in_order(tags: Vec<TagDefinition>) -> Result<Vec<TagDefinition>, Problem> {
    let needs: BTreeMap<String, BTreeSet<String>> = tags
        .iter()
        .map(|tag| (tag.key.clone(), tag.references().map(|(key, _)| key.to_owned()).collect()))
        .collect();
    let mut waiting = tags;
    let mut sorted: Vec<TagDefinition> = Vec::new();
    while !waiting.is_empty() {
        let ready =
            |tag: &TagDefinition| needs[&tag.key].iter().all(|key| sorted.iter().any(|s| s.key == *key));
        match waiting.iter().position(ready) {
            Some(i) => sorted.push(waiting.remove(i)),
            None => return Err(circle(&waiting[0].key, &needs, &sorted)),
        }
    }
    Ok(sorted)
}

/// Follows unmet needs from `start` until a key comes round again.
fn circle(start: &str, needs: &BTreeMap<String, BTreeSet<String>>, sorted: &[TagDefinition]) -> Problem {
    let mut path = vec![start.to_owned()];
    loop {
        let unmet = |key: &&String| !sorted.iter().any(|tag| tag.key == **key);
        let Some(next) = path.last().and_then(|key| needs[key].iter().find(unmet)) else {
            return Problem::new(start, "cycle", "depends on itself");
        };
        let seen = path.iter().position(|key| key == next);
        path.push(next.clone());
        if let Some(seen) = seen {
            let names = path[seen..].join(" → ");
            let detail = format!("tags depend on each other in a circle: {names}; break it at one of them");
            return Problem::new(next, "cycle", detail);
        }
    }
}
