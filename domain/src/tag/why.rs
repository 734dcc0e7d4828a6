//! Why a customer has a tag, as one sentence in English and Chinese, from its definition and the numbers
//! stored with it. Nothing is judged again here: what was decided is put in words.

use super::definition::{Shape, TagDefinition};
use super::document::{TagDocument, read};
use crate::customer::dealings::Score;
use crate::insight::rfm;
use crate::problem::Problem;
use crate::rule::{Field, Lang, Rule, ScoreNumber, clause};
use crate::segment::key_of;
use crate::time::Instant;
use chrono_tz::Tz;
use serde_json::{Map, Value};

/// A tag as it stands, with what was stored beside it.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The level, or `true`.
    pub value: &'a str,
    pub since: Instant,
    /// The numbers behind it, by name ([`super::TagState::evidence`]).
    pub evidence: &'a Value,
}

impl TagDocument {
    /// The tag this document alone defines; whether the tags it names exist is the catalogue's to check.
    pub fn definition(&self) -> Result<TagDefinition, Vec<Problem>> {
        read(self)
    }
}

impl TagDefinition {
    /// Why the customer has it: value, since when, the condition, and the numbers it looked at. Dates are
    /// local in `zone`.
    pub fn why(&self, standing: &Standing<'_>, zone: Tz, lang: Lang) -> String {
        let zh = lang == Lang::ZhCn;
        let name = self.name.of(lang);
        let since = standing.since.local_date(zone);
        let banned = standing.evidence.get("banned_since").is_some();
        let mut text = match (self.value_name(standing.value, lang), zh) {
            (None, false) if banned => format!("not in {name} since {since}"),
            (None, true) if banned => format!("自 {since} 起不属于「{name}」"),
            (Some(level), false) => format!("{name} is {level} since {since}"),
            (Some(level), true) => format!("{name}自 {since} 起为「{level}」"),
            (None, false) if !self.is_tag() => format!("in {name} since {since}"),
            (None, true) if !self.is_tag() => format!("自 {since} 起属于「{name}」"),
            (None, false) => format!("{name} since {since}"),
            (None, true) => format!("自 {since} 起有「{name}」"),
        };
        let empty = Map::new();
        let evidence = standing.evidence.as_object().unwrap_or(&empty);
        if evidence.contains_key("by_hand_since") || evidence.contains_key("banned_since") {
            return self.why_by_hand(text, evidence, zone, lang);
        }
        text += &match (self.rule_of(standing.value), zh) {
            (Some(rule), false) => format!(": {}", clause(rule, lang)),
            (Some(rule), true) => format!("：{}", clause(rule, lang)),
            (None, zh) => match (&self.shape, zh) {
                (Shape::Levels { .. }, false) => ": no level's condition holds".to_owned(),
                (Shape::Levels { .. }, true) => "：不满足任何等级的条件".to_owned(),
                (Shape::Scored { .. }, false) => ": by the last run over the whole book".to_owned(),
                (Shape::Supply, false) => ": what was delivered is nearly used up".to_owned(),
                (Shape::Supply, true) => "：上次购买的商品即将用完".to_owned(),
                (Shape::Scored { .. }, true) => "：依据最近一次全量评分".to_owned(),
                (Shape::Said(_), false) => ": an event says so".to_owned(),
                (Shape::Said(_), true) => "：依据事件".to_owned(),
                (Shape::System(system), false) => format!(": {}", system.clause(lang)),
                (Shape::System(system), true) => format!("：{}", system.clause(lang)),
                _ => String::new(),
            },
        };
        let numbers = numbers(evidence, zone, lang);
        if !numbers.is_empty() {
            text += &if zh {
                format!("（{}）", numbers.join("，"))
            } else {
                format!(" ({})", numbers.join(", "))
            };
        }
        if let Some(kind) = evidence
            .get("account_kind")
            .and_then(Value::as_str)
            .filter(|kind| self.is_tier() && *kind != "consumer")
        {
            text += &if zh {
                format!("；非普通消费者账户（{kind}），不再升级")
            } else {
                format!("; a {kind} account gets no higher")
            };
        }
        if let Some(until) = instant(evidence.get("held_until")) {
            let until = until.local_date(zone);
            text += &if zh {
                format!("；条件已不满足，保留至 {until}")
            } else {
                format!("; the condition has ended, the tag is held until {until}")
            };
        }
        text + if zh { "。" } else { "." }
    }

    /// People said so: what its rule says doesn't matter.
    fn why_by_hand(&self, name: String, evidence: &Map<String, Value>, zone: Tz, lang: Lang) -> String {
        let banned = evidence.contains_key("banned_since");
        let until = if banned { "banned_until" } else { "by_hand_until" };
        let until = instant(evidence.get(until)).map(|at| at.local_date(zone).to_string());
        let did = match (self.is_tag(), banned, lang) {
            (true, _, Lang::En) => "given by hand",
            (true, _, Lang::ZhCn) => "人工设定",
            (false, false, Lang::En) => "put there by hand",
            (false, false, Lang::ZhCn) => "人工加入",
            (false, true, Lang::En) => "kept out by hand",
            (false, true, Lang::ZhCn) => "人工排除",
        };
        match (until, lang) {
            (Some(until), Lang::En) => format!("{name}; {did}, until {until}."),
            (Some(until), Lang::ZhCn) => format!("{name}；{did}，至 {until}。"),
            (None, Lang::En) => format!("{name}; {did}."),
            (None, Lang::ZhCn) => format!("{name}；{did}。"),
        }
    }

    /// A value's name, the value itself where it has none; a flag and a segment have none.
    pub fn value_name<'a>(&'a self, value: &'a str, lang: Lang) -> Option<&'a str> {
        match &self.shape {
            _ if !self.is_tag() => None,
            Shape::Flag(_) => None,
            Shape::Levels { levels, otherwise_name, .. } => {
                let level = levels.iter().find(|level| &*level.value == value);
                let name = level.map(|level| &level.name).or(otherwise_name.as_ref());
                Some(name.map_or(value, |name| name.of(lang)))
            }
            Shape::Named(values) => {
                let named = values.iter().find(|named| &*named.value == value);
                Some(named.map_or(value, |named| named.name.of(lang)))
            }
            Shape::Scored { bands, .. } if !bands.is_empty() => {
                let band = bands.iter().find(|band| &*band.value == value);
                Some(band.map_or(value, |band| band.name.of(lang)))
            }
            Shape::Scored { score: Score::Rfm, .. } => {
                Some(rfm::Segment::parse(value).map_or(value, |segment| segment.name(lang)))
            }
            Shape::Said(said) => said.value_name(value, lang),
            Shape::System(system) => system.value_name(value, lang),
            Shape::Field { .. } | Shape::Scored { .. } | Shape::Supply => Some(value),
        }
    }

    fn rule_of(&self, value: &str) -> Option<&Rule> {
        match &self.shape {
            Shape::Flag(rule) | Shape::Field { rule, .. } => Some(rule),
            Shape::Levels { levels, .. } => {
                levels.iter().find(|level| &*level.value == value).map(|level| &level.rule)
            }
            Shape::Named(_) | Shape::Scored { .. } | Shape::Supply | Shape::Said(_) | Shape::System(_) => {
                None
            }
        }
    }
}

/// What the rule looked at, in words. The bound is in the condition already, and days since are told by
/// their instant, which doesn't age.
fn numbers(evidence: &Map<String, Value>, zone: Tz, lang: Lang) -> Vec<String> {
    let told = evidence.iter().filter(|(key, _)| {
        !matches!(key.as_str(), "threshold" | "held_until" | "days" | "account_kind" | "birthday")
    });
    told.filter_map(|(key, value)| {
        let text = match instant(Some(value)) {
            Some(at) => at.local_date(zone).to_string(),
            None => plain(value)?,
        };
        let name = match (key.as_str(), lang) {
            ("recency", Lang::En) => "recency (1–5)".to_owned(),
            ("recency", Lang::ZhCn) => "最近度 R（1–5）".to_owned(),
            ("frequency", Lang::En) => "frequency (1–5)".to_owned(),
            ("frequency", Lang::ZhCn) => "频次 F（1–5）".to_owned(),
            ("monetary", Lang::En) => "monetary (1–5)".to_owned(),
            ("monetary", Lang::ZhCn) => "金额 M（1–5）".to_owned(),
            ("order_id", Lang::En) => "order".to_owned(),
            ("order_id", Lang::ZhCn) => "订单".to_owned(),
            ("delivered_at", Lang::En) => "delivered".to_owned(),
            ("delivered_at", Lang::ZhCn) => "签收".to_owned(),
            ("due_at", Lang::En) => "due".to_owned(),
            ("due_at", Lang::ZhCn) => "到期".to_owned(),
            ("quantity", Lang::En) => "pieces".to_owned(),
            ("quantity", Lang::ZhCn) => "件数".to_owned(),
            ("consumption_days", Lang::En) => "days a piece".to_owned(),
            ("consumption_days", Lang::ZhCn) => "每件可用天数".to_owned(),
            ("days_are", Lang::En) => "days are".to_owned(),
            ("days_are", Lang::ZhCn) => "天数来源".to_owned(),
            ("event", Lang::En) => "event".to_owned(),
            ("event", Lang::ZhCn) => "事件".to_owned(),
            ("event_at", Lang::En) => "happened".to_owned(),
            ("event_at", Lang::ZhCn) => "发生".to_owned(),
            ("ends_at", Lang::En) => "ends".to_owned(),
            ("ends_at", Lang::ZhCn) => "到期".to_owned(),
            ("objected_on", Lang::En) => "on".to_owned(),
            ("objected_on", Lang::ZhCn) => "渠道".to_owned(),
            ("as_of", Lang::En) => "as of".to_owned(),
            ("as_of", Lang::ZhCn) => "截至".to_owned(),
            ("first_order_id" | "last_order_id", Lang::En) => "order".to_owned(),
            ("first_order_id" | "last_order_id", Lang::ZhCn) => "订单".to_owned(),
            (key, lang) if ScoreNumber::parse(key).is_some() => {
                ScoreNumber::parse(key).map_or_else(String::new, |number| number.name(lang).to_owned())
            }
            (key, lang) => match (Field::named(key), key_of(key), lang) {
                (Some(field), _, _) => field.name(lang).to_owned(),
                (None, Some(segment), Lang::En) => format!("segment {segment}"),
                (None, Some(segment), Lang::ZhCn) => format!("人群 {segment}"),
                (None, None, Lang::En) => format!("tag {key}"),
                (None, None, Lang::ZhCn) => format!("标签 {key}"),
            },
        };
        Some(if lang == Lang::ZhCn { format!("{name}：{text}") } else { format!("{name}: {text}") })
    })
    .collect()
}

fn instant(value: Option<&Value>) -> Option<Instant> {
    serde_json::from_value(value?.clone()).ok()
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
