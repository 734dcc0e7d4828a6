//! Tags that no rule gives: by events of whoever sends them, and by what the program itself knows of a customer. What each is,
//! and its course over time with its evidence. Reading their documents is [`super::document`]'s.

use super::definition::{Names, TagDefinition};
use crate::customer::{AccountKind, Bearer, CustomerFacts};
use crate::names::stable_names;
use crate::rule::{FieldKind, Lang, TagValue, span_zh};
use crate::time::{Instant, Span};
use crate::timeline::Timeline;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A tag by events: the last one that happened says what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidBy {
    /// No event is named twice, in any of the lists.
    pub values: Vec<SaidValue>,
    /// Events that end it, whatever it is.
    pub ended_by: Vec<String>,
    /// It ends so long after the event that says it, unless it is said again. `None`: never by itself.
    pub lasts: Option<Span>,
}

/// A value, and the events that say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidValue {
    pub value: TagValue,
    /// A flag's `true` has none.
    pub name: Option<Names>,
    /// By name, as they are sent.
    pub events: Vec<String>,
}

stable_names! {
    /// What the program itself knows of a customer, and gives as a tag.
    System {
        /// The account that people named, where it isn't a consumer's. It counts as if it had never been another.
        AccountKind = "account_kind",
        /// They object to being personalised, on any channel.
        PersonalizationOff = "personalization_off",
    }
}

/// What a tag is without a rule, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub value: TagValue,
    pub evidence: Map<String, Value>,
}

pub(super) type TellsOverTime = Timeline<Option<Arc<Told>>>;

impl Told {
    fn of(value: &TagValue, evidence: impl IntoIterator<Item = (&'static str, Value)>) -> Option<Arc<Self>> {
        let evidence = evidence.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Some(Arc::new(Self { value: value.clone(), evidence }))
    }
}

impl SaidBy {
    /// What the events say over time. Of two at one instant the greater message id counts.
    pub(super) fn course(&self, facts: &CustomerFacts) -> TellsOverTime {
        let named = facts.dealings().named();
        let says =
            self.values.iter().flat_map(|said| said.events.iter().map(move |name| (name, Some(&said.value))));
        let ends = self.ended_by.iter().map(|name| (name, None));
        let mut said: Vec<((Instant, &str), &str, Option<&TagValue>)> = Vec::new();
        for (name, value) in says.chain(ends) {
            let told = named.get(name).into_iter().flatten();
            said.extend(told.map(|(at, id, _)| ((*at, id.as_str()), name.as_str(), value)));
        }
        said.sort_unstable();
        let mut points = Vec::with_capacity(said.len());
        for (i, ((at, _), name, value)) in said.iter().enumerate() {
            let Some(value) = value else {
                points.push((*at, None));
                continue;
            };
            let until = self.lasts.map(|span| at.saturating_add(span));
            let evidence = [("event", json!(name)), ("event_at", json!(at))];
            let ends_at = until.map(|end| ("ends_at", json!(end)));
            points.push((*at, Told::of(value, evidence.into_iter().chain(ends_at))));
            let next = said.get(i + 1).map(|((next, _), ..)| *next);
            points.extend(until.filter(|until| next.is_none_or(|next| *until < next)).map(|end| (end, None)));
        }
        Timeline::from_points(None, points)
    }

    fn find(&self, value: &str) -> Option<&SaidValue> {
        self.values.iter().find(|said| &*said.value == value)
    }

    /// A value's name; a flag has none.
    pub(super) fn value_name(&self, value: &str, lang: Lang) -> Option<&str> {
        self.find(value)?.name.as_ref().map(|name| name.of(lang))
    }

    /// When it has this value, as part of a sentence.
    fn clause(&self, said: &SaidValue, lang: Lang) -> String {
        let others =
            self.values.iter().filter(|other| other.value != said.value).flat_map(|other| &other.events);
        let ends: Vec<&str> = others.chain(&self.ended_by).map(String::as_str).collect();
        let lasts = self.lasts.map(|span| match lang {
            Lang::En => format!(" within {span}"),
            Lang::ZhCn => format!("最近 {}内", span_zh(span)),
        });
        let lasts = lasts.unwrap_or_default();
        match (lang, ends.is_empty()) {
            (Lang::En, true) => format!("{} happened{lasts}", said.events.join(" or ")),
            (Lang::En, false) => {
                format!("{} happened{lasts}, and none of {} since", said.events.join(" or "), ends.join(", "))
            }
            (Lang::ZhCn, true) => format!("{lasts}发生过 {}", said.events.join(" 或 ")),
            (Lang::ZhCn, false) => {
                format!("{lasts}发生过 {}，且此后未发生 {}", said.events.join(" 或 "), ends.join("、"))
            }
        }
    }
}

impl System {
    pub(super) fn course(self, facts: &CustomerFacts, bearer: Bearer) -> TellsOverTime {
        match self {
            Self::AccountKind => Timeline::always(match bearer.account {
                AccountKind::Consumer => None,
                other => Told::of(&Arc::from(other.as_str()), [("account_kind", json!(other))]),
            }),
            Self::PersonalizationOff => {
                let on: TagValue = Arc::from("true");
                facts.dealings().objections().map(|channels| match &channels[..] {
                    [] => None,
                    channels => Told::of(&on, [("objected_on", json!(channels.join(", ")))]),
                })
            }
        }
    }

    pub(super) fn values(self) -> Vec<&'static str> {
        match self {
            Self::AccountKind => {
                AccountKind::ALL.iter().filter(|kind| !kind.is_consumer()).map(|kind| kind.as_str()).collect()
            }
            Self::PersonalizationOff => vec!["true"],
        }
    }

    /// A value's name; a flag has none.
    pub(super) fn value_name(self, value: &str, lang: Lang) -> Option<&str> {
        match (self, AccountKind::parse(value)) {
            (Self::AccountKind, Some(kind)) => Some(kind.name(lang)),
            (Self::AccountKind, None) => Some(value),
            (Self::PersonalizationOff, _) => None,
        }
    }

    /// Where it comes from, as part of a sentence.
    pub(super) const fn clause(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Self::AccountKind, Lang::En) => "people named this kind of account",
            (Self::AccountKind, Lang::ZhCn) => "账户类型由人员设定",
            (Self::PersonalizationOff, Lang::En) => "they object to being personalised",
            (Self::PersonalizationOff, Lang::ZhCn) => "客户拒绝个性化推荐",
        }
    }
}

impl TagDefinition {
    /// The condition behind each value of a tag that no rule gives, lowest first, as a sentence. Empty where rules or people give
    /// it, or nobody can tell beforehand.
    pub fn says(&self, lang: Lang) -> Vec<(&str, String)> {
        let sentence = |clause: &str| match lang {
            Lang::En => format!("Holds when {clause}."),
            Lang::ZhCn => format!("条件：{clause}。"),
        };
        match &self.shape {
            super::Shape::Said(said) => {
                said.values.iter().map(|value| (&*value.value, sentence(&said.clause(value, lang)))).collect()
            }
            super::Shape::System(system) => {
                system.values().into_iter().map(|value| (value, sentence(system.clause(lang)))).collect()
            }
            super::Shape::Scored { bands, .. } => {
                let last = bands.len().saturating_sub(1);
                let clause = |i: usize| match (bands[i].share.map(|n| FieldKind::Share.write(n)), i, lang) {
                    (Some(share), 0, Lang::En) => {
                        format!("a run over the whole book put them in the top {share}")
                    }
                    (Some(share), 0, Lang::ZhCn) => format!("全量评分位于前 {share}"),
                    (Some(share), _, Lang::En) => {
                        format!("a run over the whole book put them in the next {share}")
                    }
                    (Some(share), _, Lang::ZhCn) => format!("全量评分位于其后 {share}"),
                    (None, _, Lang::En) => "a run over the whole book put them behind those".to_owned(),
                    (None, _, Lang::ZhCn) => "全量评分位于其后".to_owned(),
                };
                let lowest_first = (0..bands.len()).map(|i| last - i);
                lowest_first.map(|i| (&*bands[i].value, sentence(&clause(i)))).collect()
            }
            _ => Vec::new(),
        }
    }
}
