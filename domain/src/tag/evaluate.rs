//! The tags of one customer over all of time, and their state at an instant with its evidence. Segments stand among them by
//! [`super::member`].

use super::catalogue::Catalogue;
use super::definition::{Kind, Shape, TagDefinition};
use super::hand::{Hand, by_hand, hand};
use super::member::Member;
use super::said::{System, TellsOverTime};
use crate::customer::dealings::Score;
use crate::customer::supply::{self, Supply};
use crate::customer::{AccountKind, Bearer, CustomerFacts, ProfileTimelines};
use crate::event::own::Settled;
use crate::product::{self, Products};
use crate::rule::{
    Comparison, Context, Explained, Field, Lang, Rule, TagTimelines, TagValue, eval, explain, hold,
};
use crate::time::{Instant, Span};
use crate::timeline::Timeline;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A tag of one customer at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TagState {
    pub key: String,
    /// The level, or `true`; `None` if the customer doesn't have the tag.
    pub value: Option<String>,
    /// The value by the condition alone, without hold.
    pub condition_value: Option<String>,
    /// When the value truly began, however late its facts came. What never changed began with the first
    /// known fact.
    pub since: Instant,
    /// When the value changes if no new fact comes.
    pub next_flip: Option<Instant>,
    /// What it changes to then; `None`: the tag ends.
    pub next_value: Option<String>,
    /// The numbers behind it, by name; with `threshold` where one bound decides and `held_until` while
    /// only the hold keeps it.
    pub evidence: Value,
    pub rule_version: i64,
    pub source: Source,
}

/// Who decided a tag's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Its rule.
    Computed,
    /// The last run over the whole book.
    Model,
    /// Somebody, by hand.
    Manual,
    /// The last event that speaks of it.
    Event,
    /// The program itself.
    System,
}

impl Source {
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

/// All tags' state at `now`, in the catalogue's order, those not there included.
pub fn evaluate(catalogue: &Catalogue, facts: &CustomerFacts, bearer: Bearer, now: Instant) -> Vec<TagState> {
    Evaluation::of(catalogue, facts, bearer, now).states(now)
}

/// Everything about one customer over all of time, given the facts known and no new ones.
#[derive(Debug, Clone)]
pub struct Evaluation<'c> {
    pub(super) catalogue: &'c Catalogue,
    profile: ProfileTimelines,
    /// Segments among them, except those nobody looks at unless somebody asks.
    pub(super) tags: TagTimelines,
    courses: BTreeMap<&'c str, Course>,
    pub(super) members: BTreeMap<&'c str, Member>,
    bearer: Bearer,
    first_at: Option<Instant>,
    horizon: Instant,
}

/// One tag beside its value: by condition alone, and level by level.
#[derive(Debug, Clone)]
struct Course {
    condition: Timeline<Option<TagValue>>,
    /// Per level, lowest first: this level or higher, held. A flag has one.
    held: Vec<Timeline<bool>>,
    /// What people said.
    hand: Timeline<Hand>,
    /// What runs over the whole book agreed on.
    settled: Timeline<Option<Arc<Settled>>>,
    /// What was bought, by when a refill is due.
    supplies: Vec<Supply>,
    /// What events or the program itself told.
    told: TellsOverTime,
}

/// How far ahead days that come round are followed: past every birthday there can be from any `now`.
const AHEAD: Span = Span::days(800);

impl<'c> Evaluation<'c> {
    /// The account counts as what it is now, as if it had never been anything else.
    /// What comes round is followed to two years behind `now`.
    pub fn of(catalogue: &'c Catalogue, facts: &CustomerFacts, bearer: Bearer, now: Instant) -> Self {
        let products = catalogue.products();
        let bare =
            products.any_sensitive().then(|| facts.hiding(|order, sku| products.is_hidden(order, sku)));
        let facts = bare.as_ref().unwrap_or(facts);
        let mut this = Self {
            catalogue,
            profile: ProfileTimelines::build(facts, bearer.zone),
            tags: TagTimelines::new(),
            courses: BTreeMap::new(),
            members: BTreeMap::new(),
            bearer,
            first_at: facts.first_at(),
            horizon: now.saturating_add(AHEAD),
        };
        for tag in catalogue.nodes() {
            if let Some(keep) = tag.keep() {
                let member = Member::of(tag, keep, facts, &this.context());
                if !catalogue.is_idle(&tag.key) {
                    let line = member.line(tag, &this.context());
                    this.tags.insert(tag.key.clone(), line);
                }
                this.members.insert(&tag.key, member);
                continue;
            }
            let (value, course) = course(tag, facts, catalogue.products(), &this.context());
            this.tags.insert(tag.key.clone(), value);
            this.courses.insert(&tag.key, course);
        }
        this
    }

    pub(super) fn context(&self) -> Context<'_> {
        let currency = self.catalogue.currency();
        Context {
            profile: &self.profile,
            tags: &self.tags,
            bearer: self.bearer,
            currency,
            horizon: self.horizon,
        }
    }

    /// The aggregates over time.
    pub fn profile(&self) -> &ProfileTimelines {
        &self.profile
    }

    /// What is kept of a tag or segment over time: its value; `None` if the catalogue has no such one. Of a segment on demand it is
    /// what people said.
    pub fn value(&self, key: &str) -> Option<&Timeline<Option<TagValue>>> {
        let of_hand = self.members.get(key).and_then(Member::kept);
        of_hand.or_else(|| self.tags.get(key))
    }

    /// A tag's value by its condition alone over time.
    pub fn condition(&self, key: &str) -> Option<&Timeline<Option<TagValue>>> {
        self.courses.get(key).map(|course| &course.condition)
    }

    /// Any rule for this customer: a segment, an audience, an exit.
    pub fn eval(&self, rule: &Rule) -> Timeline<bool> {
        eval(rule, &Context { tags: &self.asked_by(rule), ..self.context() })
    }

    /// Any rule's tree with values and verdicts at `now`.
    pub fn explain(&self, rule: &Rule, now: Instant, lang: Lang) -> Explained {
        explain(rule, &Context { tags: &self.asked_by(rule), ..self.context() }, now, lang)
    }

    /// Every tag's state at `now`, and that of each segment of which anything stands then.
    pub fn states(&self, now: Instant) -> Vec<TagState> {
        let stands = |node: &TagDefinition| self.value(&node.key).is_some_and(|line| line.at(now).is_some());
        let told = self.catalogue.nodes().iter().filter(|node| node.is_tag() || stands(node));
        told.map(|node| self.state(node, now)).collect()
    }

    /// The first instant after `now` at which any aggregate or tag changes if no new fact comes.
    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        let lines = self.catalogue.nodes().iter().filter_map(|node| self.value(&node.key));
        let of_tags = lines.filter_map(|line| line.next_after(now));
        of_tags.chain(self.profile.next_after(now)).min()
    }

    pub(super) fn state(&self, tag: &TagDefinition, now: Instant) -> TagState {
        if let (Some(member), Some(line)) = (self.members.get(tag.key.as_str()), self.value(&tag.key)) {
            return self.member_state(tag, member, line, now);
        }
        let line = &self.tags[&tag.key];
        let course = &self.courses[tag.key.as_str()];
        let next_flip = line.next_after(now);
        TagState {
            key: tag.key.clone(),
            value: line.at(now).as_deref().map(str::to_owned),
            condition_value: course.condition.at(now).as_deref().map(str::to_owned),
            since: self.since(line, now),
            next_flip,
            next_value: next_flip.and_then(|at| line.at(at).as_deref()).map(str::to_owned),
            evidence: Value::Object(self.evidence(tag, course, now)),
            rule_version: tag.version,
            source: match (course.hand.at(now), tag.kind()) {
                (Hand::Given { .. }, _) => Source::Manual,
                (_, Kind::Model) => Source::Model,
                (_, Kind::Event) => Source::Event,
                (_, Kind::System) => Source::System,
                (_, Kind::Computed | Kind::Manual) => Source::Computed,
            },
        }
    }

    /// When the value at `now` began. What never changed began with the first known fact.
    pub(super) fn since(&self, line: &Timeline<Option<TagValue>>, now: Instant) -> Instant {
        line.since(now).or(self.first_at.map(|first| first.min(now))).unwrap_or(now)
    }

    fn evidence(&self, tag: &TagDefinition, course: &Course, now: Instant) -> Map<String, Value> {
        match course.hand.at(now) {
            Hand::Given { at, until, .. } => return by_hand(*at, *until),
            Hand::Down { until: Some(until), .. } => {
                return Map::from_iter([("suppressed_until".to_owned(), json!(until))]);
            }
            Hand::Down { until: None, .. } | Hand::Off => {}
        }
        let mut numbers = self.numbers(tag, now);
        if tag.is_tier() && !self.bearer.account.is_consumer() {
            numbers.insert("account_kind".to_owned(), json!(self.bearer.account));
        }
        let (line, condition) = (&self.tags[&tag.key], course.condition.at(now));
        let Some(value) = line.at(now) else { return numbers };
        if let Some(supply) = course.supplies.iter().rev().find(|supply| *supply.due.at(now)) {
            numbers.extend(told(supply));
        }
        if let Some(told) = course.told.at(now) {
            numbers.extend(told.evidence.clone());
        }
        if let Some(settled) = course.settled.at(now) {
            numbers.extend(settled.parts.iter().map(|(name, n)| (name.clone(), json!(n))));
            numbers.insert("as_of".to_owned(), json!(course.settled.since(now)));
        }
        let (rule, level) = match &tag.shape {
            Shape::Flag(rule) | Shape::Field { rule, .. } => (Some(rule), 0),
            Shape::Levels { levels, .. } => match levels.iter().position(|level| level.value == *value) {
                Some(i) => (Some(&levels[i].rule), i),
                None => (None, 0),
            },
            Shape::Scored { .. } | Shape::Named(_) | Shape::Supply | Shape::Said(_) | Shape::System(_) => {
                (None, 0)
            }
        };
        match rule {
            Some(Rule::Profile { field, test: Comparison::Gte(bound) | Comparison::Gt(bound) }) => {
                numbers.insert("threshold".to_owned(), json!(field.kind().write(*bound)));
            }
            Some(Rule::Score { number, test: Comparison::Lt(bound) | Comparison::Gte(bound) }) => {
                numbers.insert("threshold".to_owned(), json!(number.kind().write(*bound)));
            }
            _ => {}
        }
        if rule.is_some() && condition.as_ref() != Some(value) && tag.is_below(condition.as_deref(), value) {
            let ends = course.held.get(level).map_or_else(|| line.next_after(now), |on| on.next_after(now));
            numbers.insert("held_until".to_owned(), json!(ends));
        }
        numbers
    }
}

/// The tags that say how much somebody is worth to the shop.
const TIERS: [&str; 3] = ["value_tier", "vip", "vip_candidate"];

impl TagDefinition {
    /// Says how much somebody is worth: what only a consumer can get far in.
    pub(super) fn is_tier(&self) -> bool {
        TIERS.contains(&self.key.as_str())
    }

    /// What the account is decides of it: what changes when people name it was changed by hand.
    pub(super) fn hangs_on_account(&self) -> bool {
        self.is_tier() || self.shape == Shape::System(System::AccountKind)
    }

    /// Whether an account of this kind never gets this level: of a tier whatever is above its lowest level, and the
    /// whole of a flag (domain §1: no tier above regular).
    fn is_beyond(&self, account: AccountKind, level: usize) -> bool {
        self.is_tier() && !account.is_consumer() && (level > 0 || matches!(self.shape, Shape::Flag(_)))
    }

    fn is_below(&self, value: Option<&str>, than: &str) -> bool {
        let Some(values) = self.values() else { return value.is_none() };
        let rank = |wanted: &str| values.iter().position(|value| *value == wanted);
        value.and_then(rank) < rank(than)
    }
}

/// The value of a tag, and its course beside it.
fn course(
    tag: &TagDefinition,
    facts: &CustomerFacts,
    products: &Products,
    context: &Context<'_>,
) -> (Timeline<Option<TagValue>>, Course) {
    let (mut settled, mut supplies, mut told) = (Timeline::always(None), Vec::new(), Timeline::always(None));
    let (value, condition, held, otherwise) = match &tag.shape {
        Shape::Flag(rule) => levels(tag, &[(Arc::from("true"), rule)], None, context),
        Shape::Levels { otherwise, levels: steps, .. } => {
            let steps: Vec<_> = steps.iter().map(|level| (level.value.clone(), &level.rule)).collect();
            levels(tag, &steps, Some(otherwise.clone()), context)
        }
        Shape::Field { field, rule } => {
            let (held, condition) = field_values(tag, *field, rule, context);
            (held, condition, Vec::new(), None)
        }
        Shape::Scored { score, .. } => {
            settled = scored(facts, *score);
            let word = |settled: &Option<Arc<Settled>>| settled.as_ref()?.value.clone();
            let line = settled.map(|settled| word(settled).filter(|word| tag.can_be(word)).map(Arc::from));
            (line.clone(), line, Vec::new(), None)
        }
        Shape::Named(_) => (Timeline::always(None), Timeline::always(None), Vec::new(), None),
        Shape::Supply => {
            supplies = in_order(supply::supplies(&facts.orders(), products));
            let line = due(&supplies);
            (line.clone(), line, Vec::new(), None)
        }
        Shape::Said(said) => {
            told = said.course(facts);
            if let Some(unless) = &tag.unless {
                told = told.zip_with(&eval(unless, context), |told, off| told.clone().filter(|_| !off));
            }
            (values_of(&told), values_of(&told), Vec::new(), None)
        }
        Shape::System(system) => {
            told = system.course(facts, context.bearer);
            (values_of(&told), values_of(&told), Vec::new(), None)
        }
    };
    // Neither has who objects a tag by numbers of a model, nor is it held.
    let objects = tag.kind() == Kind::Model && tag.rules().next().is_some();
    let (value, condition, held) = match objects.then(|| facts.dealings().personalised()) {
        Some(may) => {
            let only = |line: Timeline<Option<TagValue>>| {
                line.zip_with(&may, |value, may| if *may { value.clone() } else { otherwise.clone() })
            };
            (only(value), only(condition), held.iter().map(|line| line.and(&may)).collect())
        }
        None => (value, condition, held),
    };
    let hand = hand(tag, facts, context.bearer.account);
    let value = value.zip_with(&hand, |value, hand| match hand {
        Hand::Off => value.clone(),
        Hand::Given { value, .. } => Some(value.clone()),
        Hand::Down { .. } => otherwise.clone(),
    });
    (value, Course { condition, held, hand, settled, supplies, told })
}

fn values_of(told: &TellsOverTime) -> Timeline<Option<TagValue>> {
    told.map(|told| told.as_ref().map(|told| told.value.clone()))
}

/// By when a refill is due: of several that are, the last one is told.
fn in_order(mut supplies: Vec<Supply>) -> Vec<Supply> {
    supplies.sort_by(|a, b| (a.due_at, &a.sku, &a.order_id).cmp(&(b.due_at, &b.sku, &b.order_id)));
    supplies
}

/// The product of which a refill is due, over time.
fn due(supplies: &[Supply]) -> Timeline<Option<TagValue>> {
    supplies.iter().fold(Timeline::always(None), |line, supply| {
        let sku: TagValue = Arc::from(supply.sku.as_str());
        line.zip_with(&supply.due, |before, due| if *due { Some(sku.clone()) } else { before.clone() })
    })
}

fn told(supply: &Supply) -> [(String, Value); 6] {
    let milli = |n: i64| Value::String(product::decimal(n));
    [
        ("order_id", json!(supply.order_id)),
        ("delivered_at", json!(supply.delivered_at)),
        ("quantity", milli(supply.quantity_milli)),
        ("consumption_days", milli(supply.days_milli)),
        ("days_are", json!(supply.basis.as_str())),
        ("due_at", json!(supply.due_at)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

/// What runs gave, while the customer lets us personalise: who objects has no tag of a model.
fn scored(facts: &CustomerFacts, score: Score) -> Timeline<Option<Arc<Settled>>> {
    let points = facts.dealings().scores(score).map(|(at, settled)| (at, Some(Arc::new(settled.clone()))));
    let personalised = facts.dealings().personalised();
    Timeline::from_points(None, points)
        .zip_with(&personalised, |settled, may| if *may { settled.clone() } else { None })
}

type Leveled =
    (Timeline<Option<TagValue>>, Timeline<Option<TagValue>>, Vec<Timeline<bool>>, Option<TagValue>);

/// The highest level whose condition holds or is held: with hold, by the condition alone, and level by level.
fn levels(
    tag: &TagDefinition,
    steps: &[(TagValue, &Rule)],
    otherwise: Option<TagValue>,
    context: &Context<'_>,
) -> Leveled {
    let allowed = tag.unless.as_ref().map(|rule| eval(rule, context).not());
    let within = |(level, line): (usize, Timeline<bool>)| match &allowed {
        _ if tag.is_beyond(context.bearer.account, level) => Timeline::always(false),
        Some(allowed) => line.and(allowed),
        None => line,
    };
    let mut conditions: Vec<Timeline<bool>> = steps.iter().map(|(_, rule)| eval(rule, context)).collect();
    // A level's condition is "this level or higher".
    for i in (1..conditions.len()).rev() {
        conditions[i - 1] = conditions[i - 1].or(&conditions[i]);
    }
    let held: Vec<Timeline<bool>> =
        conditions.iter().map(|line| hold(line, tag.hold, tag.settle)).enumerate().map(within).collect();
    let conditions: Vec<Timeline<bool>> = conditions.into_iter().enumerate().map(within).collect();
    let highest = |lines: &[Timeline<bool>]| {
        let lowest = Timeline::always(otherwise.clone());
        steps.iter().zip(lines).fold(lowest, |value, ((step, _), line)| {
            value.zip_with(line, |value, on| if *on { Some(step.clone()) } else { value.clone() })
        })
    };
    (highest(&held), highest(&conditions), held, otherwise)
}

/// While the rule holds, what the field is; each value is held for itself, and gives way to the next one at once.
fn field_values(
    tag: &TagDefinition,
    field: Field,
    rule: &Rule,
    context: &Context<'_>,
) -> (Timeline<Option<TagValue>>, Timeline<Option<TagValue>>) {
    let words = context.words(field);
    let condition = words.zip_with(&eval(rule, context), |word, on| if *on { word.clone() } else { None });
    let mut held = condition.clone();
    if tag.hold > Span::ZERO {
        let values: BTreeSet<TagValue> =
            condition.segments().filter_map(|segment| segment.value.clone()).collect();
        // Later stretches first: what is held gives way to whatever ended later.
        let mut stretches: Vec<(Instant, Instant, TagValue)> = Vec::new();
        for value in values {
            let on = condition.map(|word| word.as_ref() == Some(&value));
            for stretch in on.stretches().filter(|stretch| stretch.lasts(tag.settle)) {
                stretches.extend(stretch.until.map(|end| (end, end.saturating_add(tag.hold), value.clone())));
            }
        }
        stretches.sort_unstable();
        for (from, until, value) in stretches.into_iter().rev() {
            let on = Timeline::from_points(false, [(from, true), (until, false)]);
            held = held.zip_with(&on, |word, on| match word {
                None if *on => Some(value.clone()),
                word => word.clone(),
            });
        }
    }
    match &tag.unless {
        Some(unless) => {
            let off = eval(unless, context);
            let kept = |line: &Timeline<Option<TagValue>>| {
                line.zip_with(&off, |word, off| if *off { None } else { word.clone() })
            };
            (kept(&held), kept(&condition))
        }
        None => (held, condition),
    }
}
