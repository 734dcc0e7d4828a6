//! Why a rule holds for one customer, or doesn't: its tree with values and verdicts.

use super::ast::Rule;
use super::describe::{Lang, clause};
use super::eval::{Column, Context, days_between, eval};
use super::event;
use super::field::{Field, FieldKind};
use super::record;
use super::share::PRIME;
use crate::money::Money;
use crate::ratio::rounded;
use crate::segment::node_key;
use crate::time::Instant;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A node of a rule with what it came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The node's place, as in the parser's problems: `all[2]`; empty for the root.
    pub at: String,
    /// The node in words.
    pub says: String,
    pub holds: bool,
    /// Since when it is as it is; `None` if it always was.
    pub since: Option<Instant>,
    /// When it changes if no new fact comes.
    pub next_flip: Option<Instant>,
    /// What a leaf looked at, by name: `{"spend_365": "10234.00"}`. Empty for combinations.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub value: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Explained>,
}

/// The rule's tree at `now`, in words of `lang`.
pub fn explain(rule: &Rule, context: &Context<'_>, now: Instant, lang: Lang) -> Explained {
    node(rule, context, now, lang, String::new())
}

fn node(rule: &Rule, context: &Context<'_>, now: Instant, lang: Lang, at: String) -> Explained {
    let line = eval(rule, context);
    let below = |step: String| if at.is_empty() { step } else { format!("{at}.{step}") };
    let list = |word: &str, rules: &[Rule]| {
        let child = |(i, rule)| node(rule, context, now, lang, below(format!("{word}[{i}]")));
        rules.iter().enumerate().map(child).collect()
    };
    let children = match rule {
        Rule::All(rules) => list("all", rules),
        Rule::Any(rules) => list("any", rules),
        Rule::Not(rule) => vec![node(rule, context, now, lang, below("not".to_owned()))],
        _ => Vec::new(),
    };
    Explained {
        says: clause(rule, lang),
        holds: *line.at(now),
        since: line.since(now),
        next_flip: line.next_after(now),
        value: leaf_value(rule, context, now),
        children,
        at,
    }
}

/// What a leaf looks at, by name; empty for combinations. Money is a plain decimal of the base currency, a share is in
/// percent, an absent value is null.
pub fn leaf_value(rule: &Rule, context: &Context<'_>, now: Instant) -> Map<String, Value> {
    let mut found = Map::new();
    match rule {
        Rule::Profile { field, .. } | Rule::Text { field, .. } | Rule::Ago { field, .. } => {
            field_value(*field, context, now, &mut found);
        }
        Rule::Score { number, .. } => {
            let line = context.score(*number);
            let written = line.at(now).map(|found| number.kind().write(found.millionths));
            found.insert(number.as_str().to_owned(), json!(written));
            found.extend(line.at(now).map(|found| ("as_of".to_owned(), json!(found.as_of))));
        }
        Rule::DaysSince { field, .. } => {
            field_value(*field, context, now, &mut found);
            let at = context.instants(*field).and_then(|line| *line.at(now));
            if let Some(at) = at {
                found.insert("days".to_owned(), json!(days_between(at, now, context.bearer.zone)));
            }
        }
        // The day itself is personal: that it is near is all that is kept.
        Rule::Anniversary { field: Field::Birthday, .. } => {
            found.insert("birthday".to_owned(), json!(context.bearer.birthday.map(|_| "known")));
        }
        Rule::Anniversary { field, .. } => field_value(*field, context, now, &mut found),
        Rule::Event(test) => {
            let (name, value) = event::evidence(test, context, now);
            found.insert(name, value);
        }
        Rule::Record(test) => record::evidence(test, context, now, &mut found),
        Rule::Tag { key, .. } => {
            let value = context.tags.get(key).and_then(|line| line.at(now).as_deref());
            found.insert(key.clone(), json!(value));
        }
        Rule::Share(share) => {
            // Rounded down: of two numbers that read alike, the bound is never the smaller.
            let drawn = share.draw(context.bearer.id) * 1_000_000 / PRIME;
            found.insert("draw".to_owned(), json!(FieldKind::Share.write(drawn)));
        }
        Rule::Segment { key, .. } => {
            let key = node_key(key);
            let value = context.tags.get(&key).and_then(|line| line.at(now).as_deref());
            found.insert(key, json!(value));
        }
        Rule::All(_) | Rule::Any(_) | Rule::Not(_) => {}
    }
    found
}

fn field_value(field: Field, context: &Context<'_>, now: Instant, into: &mut Map<String, Value>) {
    let value = match context.column(field) {
        Column::Minor(line) => json!(Money::new(*line.at(now), context.currency).decimal()),
        Column::Count(line) => json!(line.at(now)),
        Column::Known(line) => json!(line.at(now)),
        Column::MinorMean(line) => {
            let minor = line.at(now).map(|ratio| rounded(ratio, 1, 0).parse::<i64>().unwrap_or(i64::MAX));
            json!(minor.map(|minor| Money::new(minor, context.currency).decimal()))
        }
        Column::Part(line) if field.kind() == FieldKind::Share => {
            json!(line.at(now).map(|ratio| format!("{}%", rounded(ratio, 100, 1))))
        }
        Column::Part(line) => json!(line.at(now).map(|ratio| rounded(ratio, 1, 1))),
        Column::Order(line) => {
            let order = line.at(now).as_ref();
            if let Some(order) = order {
                let id = if field == Field::FirstOrderAt { "first_order_id" } else { "last_order_id" };
                into.insert(id.to_owned(), json!(&*order.order_id));
            }
            json!(order.map(|order| order.at))
        }
        Column::At(line) => json!(line.at(now)),
        Column::Fixed(line) => json!(line.at(now)),
        Column::Word(line) => json!(line.at(now).as_deref()),
        Column::Birthday => json!(context.bearer.birthday.map(|_| "known")),
    };
    into.insert(field.key().to_owned(), value);
}
