//! What somebody sees while they write a rule: of how many it holds, how many each condition leaves, some of them, and the sentence.
//! All of it is of one instant. Nothing is written but that somebody looked.

use super::super::tags::Both;
use super::super::{Book, ServiceError, looking};
use super::{Question, among};
use crate::store::rule_sql::{self, Combined, Tally, Whole};
use crate::store::{Db, StoreError, customers, people, profiles};
use domain::access::Act;
use domain::ids::CustomerId;
use domain::mask;
use domain::rule::{Lang, Rule, clause, describe};
use domain::time::Instant;
use serde::Serialize;
use serde_json::json;
use std::time::Duration;
use utoipa::ToSchema;

/// Most customers of a sample.
const SAMPLE: i64 = 10;

/// Whom a segment or a rule means, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SegmentPreview {
    /// Of a segment.
    #[schema(example = "recent_buyers")]
    pub key: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Instant,
    /// Customers who are meant.
    pub count: u64,
    /// Customers there are.
    pub of: u64,
    /// Customers whom the keeper has still to look at: what is said of them is as of their last look.
    pub waiting: u64,
    /// None of a list, which people fill.
    pub sentence: Option<Both>,
    pub funnel: Option<Funnel>,
    /// Some of those who are meant, the same ones as long as they are.
    pub sample: Vec<Sampled>,
}

/// What each condition of the rule leaves. What people pinned and banned isn't in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Funnel {
    /// all: each step leaves fewer; any: each step adds some.
    #[schema(example = "all")]
    pub combined: &'static str,
    pub steps: Vec<FunnelStep>,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FunnelStep {
    /// Its place in the rule.
    #[schema(example = "all[0]")]
    pub at: String,
    pub says: Both,
    /// Customers of whom it holds.
    pub alone: u64,
    /// Customers of whom it holds together with all before it (all), or of whom it or any before it does (any).
    pub so_far: u64,
}

/// A customer of a sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Sampled {
    #[schema(value_type = String, example = "cus_42")]
    pub id: CustomerId,
    /// The shop's own id.
    #[schema(example = "12346")]
    pub customer_id: Option<String>,
    pub name: Option<String>,
    /// Masked.
    #[schema(example = json!(["138****1234", "l***@example.com"]))]
    pub contacts: Vec<String>,
}

/// What the database says at one instant.
struct Answer {
    tally: Tally,
    waiting: i64,
    sample: Vec<Sampled>,
}

/// Asks the book, for no longer than `within`, and notes that `actor` saw some of whom it found.
pub async fn preview(
    book: &Book,
    question: Question,
    within: Duration,
    actor: &str,
) -> Result<SegmentPreview, ServiceError> {
    let Question { key, whole, rule, catalogue, .. } = question;
    let as_of = book.now().await?;
    let asked: Vec<&Rule> = [whole.rule()].into_iter().chain(&rule).collect();
    let asking = among(book, catalogue, &asked, as_of).await?;
    let (combined, conditions) = rule.as_ref().map_or((Combined::All, Vec::new()), conditions);
    let steps: Vec<Rule> = conditions.iter().map(|(_, condition)| condition.clone()).collect();
    let answered = book.store.ask(within, move |db| {
        Box::pin(async move {
            let tally = rule_sql::tally(db, &whole, (combined, &steps), &asking).await?;
            let waiting = profiles::count_due(db, as_of).await?;
            Ok(Answer { tally, waiting, sample: sample(db, &whole, &asking).await? })
        })
    });
    let Answer { tally, waiting, sample } = answered.await?;
    if !sample.is_empty() {
        looking::note(book, actor, Act::Listed, None, json!({ "found": sample.len() })).await?;
    }
    Ok(SegmentPreview {
        key,
        as_of,
        count: tally.whole,
        of: tally.everybody,
        waiting: u64::try_from(waiting).unwrap_or_default(),
        sentence: rule.as_ref().map(|rule| both(|lang| describe(rule, lang))),
        funnel: rule.is_some().then(|| funnel(combined, &conditions, &tally)),
        sample,
    })
}

/// The conditions side by side at the rule's head, with their places; of another rule itself.
fn conditions(rule: &Rule) -> (Combined, Vec<(String, Rule)>) {
    let each = |head: &str, rules: &[Rule]| {
        rules.iter().enumerate().map(|(i, rule)| (format!("{head}[{i}]"), rule.clone())).collect()
    };
    match rule {
        Rule::All(rules) => (Combined::All, each("all", rules)),
        Rule::Any(rules) => (Combined::Any, each("any", rules)),
        other => (Combined::All, vec![(String::new(), other.clone())]),
    }
}

fn funnel(combined: Combined, conditions: &[(String, Rule)], tally: &Tally) -> Funnel {
    let step = |((at, rule), (alone, so_far)): (&(String, Rule), &(u64, u64))| FunnelStep {
        at: at.clone(),
        says: both(|lang| clause(rule, lang)),
        alone: *alone,
        so_far: *so_far,
    };
    let combined = match combined {
        Combined::All => "all",
        Combined::Any => "any",
    };
    Funnel { combined, steps: conditions.iter().zip(&tally.steps).map(step).collect() }
}

fn both(say: impl Fn(Lang) -> String) -> Both {
    Both { en: say(Lang::En), zh_cn: say(Lang::ZhCn) }
}

async fn sample(db: &Db, whole: &Whole, asking: &rule_sql::Asking) -> Result<Vec<Sampled>, StoreError> {
    let ids = rule_sql::drawn(db, whole, asking, SAMPLE).await?;
    let mut personal = people::personal(db, &ids).await?;
    let mut points = people::contact_points(db, &ids).await?;
    let mut identifiers = customers::identifiers(db, &ids).await?;
    let one = |id| {
        let own = identifiers.remove(&id).unwrap_or_default();
        let contacts = points.remove(&id).unwrap_or_default();
        Sampled {
            id,
            customer_id: own.into_iter().find(|i| i.kind == "user_id").map(|i| i.value),
            name: personal.remove(&id).and_then(|p| p.name),
            contacts: contacts.iter().map(|p| mask::contact(&p.channel, &p.value)).collect(),
        }
    };
    Ok(ids.into_iter().map(one).collect())
}
