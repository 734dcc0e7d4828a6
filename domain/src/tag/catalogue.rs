//! Every tag and segment of a book: keys unique, references known, no circle. What each says of a customer is
//! [`super::evaluate`]'s.

use super::definition::{Role, TagDefinition};
use super::document::{Of, TagDocument, read};
use crate::event::property::Wanted;
use crate::money::Currency;
use crate::problem::{Problem, nearest};
use crate::product::Products;
use crate::rule::event::wanted_by;
use crate::rule::{RecordTest, Rule, TagTest};
use crate::segment::{Keep, key_of, node_key, spoken};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Every tag and segment of the book, each after those it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    nodes: Vec<TagDefinition>,
    /// Segments on demand that nothing refers to that is kept: nobody looks at them unless somebody asks.
    idle: BTreeSet<String>,
    currency: Currency,
    products: Arc<Products>,
}

/// Another tag or segment that a rule asks about.
struct Reference<'a> {
    /// As it is called in the catalogue.
    node: Cow<'a, str>,
    /// What is asked of a tag; `None` of a segment.
    test: Option<&'a TagTest>,
    /// Whether it is asked for how long.
    aged: bool,
}

impl TagDefinition {
    /// What it asks of others.
    fn references(&self) -> impl Iterator<Item = Reference<'_>> {
        self.rules().flat_map(Rule::leaves).filter_map(|leaf| match leaf {
            Rule::Tag { key, test, since } => {
                Some(Reference { node: Cow::Borrowed(key), test: Some(test), aged: since.is_some() })
            }
            Rule::Segment { key, since } => {
                Some(Reference { node: Cow::Owned(node_key(key)), test: None, aged: since.is_some() })
            }
            _ => None,
        })
    }
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
                    let name = match tag.role {
                        Role::Tag => tag.key,
                        Role::Segment(_) => spoken(&tag.key),
                    };
                    let detail = format!("{name} is defined twice; keep one");
                    problems.push(Problem::new("key", "duplicate", detail).under(&format!("tags[{i}]")));
                }
                Ok(tag) => tags.push(tag),
                Err(found) => {
                    let key = document.body.get("key").and_then(|key| key.as_str());
                    let place = match (key, document.of) {
                        (Some(key), Of::Tag) => key.to_owned(),
                        (Some(key), Of::Segment) => node_key(key),
                        (None, _) => format!("tags[{i}]"),
                    };
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
                Ok(nodes) => {
                    let idle = idle(&nodes);
                    problems
                        .extend(nodes.iter().filter(|node| !idle.contains(&node.key)).filter_map(not_kept));
                    if !problems.is_empty() {
                        return Err(problems);
                    }
                    return Ok(Self { nodes, idle, currency, products: Arc::default() });
                }
                Err(circle) => problems.push(circle),
            }
        }
        Err(problems)
    }

    /// Tags and segments, each after those it refers to.
    pub fn nodes(&self) -> &[TagDefinition] {
        &self.nodes
    }

    /// The tags alone, in the same order.
    pub fn tags(&self) -> Vec<&TagDefinition> {
        self.nodes.iter().filter(|node| node.is_tag()).collect()
    }

    /// The segments alone, in the same order.
    pub fn segments(&self) -> Vec<&TagDefinition> {
        self.nodes.iter().filter(|node| !node.is_tag()).collect()
    }

    /// A tag by its key, or a segment by its [`node_key`].
    pub fn find(&self, node: &str) -> Option<&TagDefinition> {
        self.nodes.iter().find(|known| known.key == node)
    }

    /// A tag by its key.
    pub fn tag(&self, key: &str) -> Option<&TagDefinition> {
        self.find(key).filter(|node| node.is_tag())
    }

    /// A segment by its key.
    pub fn segment(&self, key: &str) -> Option<&TagDefinition> {
        self.find(&node_key(key))
    }

    /// Whether nobody looks at this segment unless somebody asks.
    pub(super) fn is_idle(&self, node: &str) -> bool {
        self.idle.contains(node)
    }

    /// What a tag or segment refers to itself, by their keys here, each once.
    pub fn needed_by(&self, node: &TagDefinition) -> BTreeSet<String> {
        node.references().map(|reference| reference.node.into_owned()).collect()
    }

    /// What is wrong with what a rule asks of tags and segments, by place from the rule's root.
    pub fn problems_of(&self, rule: &Rule) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (at, leaf) in rule.placed_leaves() {
            let reference = match leaf {
                Rule::Tag { key, test, since } => {
                    Reference { node: Cow::Borrowed(key), test: Some(test), aged: since.is_some() }
                }
                Rule::Segment { key, since } => {
                    Reference { node: Cow::Owned(node_key(key)), test: None, aged: since.is_some() }
                }
                _ => continue,
            };
            check_reference(&self.nodes, &reference, &at, &mut problems);
        }
        problems
    }

    /// These tags and segments and all that depend on them, however far, in the catalogue's order.
    pub fn affected_by(&self, keys: &[String]) -> Vec<&TagDefinition> {
        let mut affected: Vec<&TagDefinition> = Vec::new();
        // Each stands after those it refers to.
        for tag in &self.nodes {
            let mut asked = tag.references();
            if keys.contains(&tag.key) || asked.any(|to| affected.iter().any(|known| known.key == to.node)) {
                affected.push(tag);
            }
        }
        affected
    }

    /// These rules and those of the segments on demand that they ask for, however far: they are looked at in place.
    pub fn looked_at<'r>(&'r self, rules: &[&'r Rule]) -> Vec<&'r Rule> {
        let (mut found, mut seen) = (rules.to_vec(), BTreeSet::new());
        let mut next = 0;
        while let Some(rule) = found.get(next).copied() {
            next += 1;
            for leaf in rule.leaves() {
                let Rule::Segment { key, .. } = leaf else { continue };
                let segment = self.segment(key).filter(|node| node.keep() == Some(Keep::OnDemand));
                if let Some(segment) = segment.filter(|_| seen.insert(key.as_str())) {
                    found.extend(segment.rules());
                }
            }
        }
        found
    }

    /// What has to be known of a customer to say what they are by all that is looked at without being asked for, and by these rules.
    pub fn wanted_for(&self, asked: &[&Rule]) -> Wanted {
        let mut wanted = wanted_by(
            self.nodes.iter().filter(|node| !self.is_idle(&node.key)).flat_map(TagDefinition::rules),
        );
        wanted.extend(&wanted_by(self.looked_at(asked)));
        wanted
    }

    /// What all its rules have to know of events' properties and of records beside them.
    pub fn wanted(&self) -> Wanted {
        wanted_by(self.nodes.iter().flat_map(TagDefinition::rules))
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

/// Of what is kept, that it asks for something nobody can keep it by.
fn not_kept(node: &TagDefinition) -> Option<Problem> {
    let asks = |rule: &Rule| {
        let reachable = |leaf: &&Rule| matches!(leaf, Rule::Record(RecordTest::Reachable(_)));
        rule.leaves().iter().any(reachable)
    };
    node.rules().any(asks).then(|| {
        let detail = "asks whom a channel reaches, which is known of now alone: ask it in a segment with `keep: on_demand` that no tag \
                      and no live segment names, or in a campaign's audience";
        Problem::new(&node.key, "not_kept", detail)
    })
}

/// Segments on demand that neither a tag nor a kept segment refers to, however far.
fn idle(nodes: &[TagDefinition]) -> BTreeSet<String> {
    let mut needed: BTreeSet<String> = BTreeSet::new();
    let mut idle = BTreeSet::new();
    // Who refers to something stands after it.
    for node in nodes.iter().rev() {
        if node.keep() == Some(Keep::OnDemand) && !needed.contains(&node.key) {
            idle.insert(node.key.clone());
        } else {
            needed.extend(node.references().map(|to| to.node.into_owned()));
        }
    }
    idle
}

fn check_references(nodes: &[TagDefinition], problems: &mut Vec<Problem>) {
    for node in nodes {
        for reference in node.references() {
            check_reference(nodes, &reference, &node.key, problems);
        }
    }
}

fn check_reference(nodes: &[TagDefinition], to: &Reference<'_>, at: &str, problems: &mut Vec<Problem>) {
    let of_tags = to.test.is_some();
    let known = || nodes.iter().filter(|known| known.is_tag() == of_tags);
    let plain = |node: &'_ str| key_of(node).filter(|_| !of_tags).unwrap_or(node).to_owned();
    let Some(target) = known().find(|known| known.key == to.node) else {
        let asked = plain(&to.node);
        let (kind, code) = if of_tags { ("tag", "unknown_tag") } else { ("segment", "unknown_segment") };
        let names: Vec<String> = known().map(|known| plain(&known.key)).collect();
        let near = nearest(&asked, names.iter().map(String::as_str));
        let remedy = match (key_of(&asked), near) {
            (Some(segment), _) => format!("; of a segment write {{segment: {segment}}}"),
            (None, Some(near)) => format!("; did you mean {near}?"),
            (None, None) => String::new(),
        };
        let detail = format!("refers to the {kind} {asked}, which isn't in the catalogue{remedy}");
        problems.push(Problem::new(at, code, detail));
        return;
    };
    if to.aged && target.keep() == Some(Keep::OnDemand) {
        let detail = format!(
            "asks for how long somebody has been in the segment {}, which nobody keeps; say `keep: live` in it",
            plain(&to.node)
        );
        problems.push(Problem::new(at, "not_kept", detail));
    }
    let asked = match to.test {
        Some(TagTest::Eq(value) | TagTest::Ne(value)) => std::slice::from_ref(value),
        Some(TagTest::In(values)) => values,
        Some(TagTest::Present | TagTest::Absent) | None => &[],
    };
    let Some(known) = target.values() else { return };
    for value in asked.iter().filter(|value| !known.contains(&value.as_str())) {
        let detail = format!("{} never is {value}; its values are {}", target.key, known.join(", "));
        problems.push(Problem::new(at, "unknown_value", detail));
    }
}

/// Sorts by dependency; the problem names the circle if there is one.
fn in_order(tags: Vec<TagDefinition>) -> Result<Vec<TagDefinition>, Problem> {
    let needs: BTreeMap<String, BTreeSet<String>> = tags
        .iter()
        .map(|tag| (tag.key.clone(), tag.references().map(|to| to.node.into_owned()).collect()))
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
            let circle = &path[seen..];
            let detail = if circle.iter().any(|node| key_of(node).is_some()) {
                let names: Vec<String> = circle.iter().map(|node| spoken(node)).collect();
                let names = names.join(" → ");
                format!(
                    "tags and segments depend on each other in a circle: {names}; break it at one of them"
                )
            } else {
                let names = circle.join(" → ");
                format!("tags depend on each other in a circle: {names}; break it at one of them")
            };
            return Problem::new(next, "cycle", detail);
        }
    }
}
