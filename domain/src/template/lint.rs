//! What keeps a template from being approved. Advertising-law terms and unproved claims come with the copy
//! rules of a later issue.

use super::context::{CouponContext, FIELDS, MailContext};
use super::{MailTemplate, Part, syntax};
use crate::campaign::definition::Purpose;
use crate::problem::{Problem, nearest};

/// Whether a campaign gives a step this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    Always,
    Never,
}

/// How a campaign uses a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    pub purpose: Purpose,
    /// The step draws a coupon.
    pub coupon: Given,
    /// The campaign is triggered by an occasion.
    pub occasion: Given,
}

/// Words of our own that no customer should read.
const INTERNAL: &[&str] = &[
    "value_tier",
    "vip_candidate",
    "churn_risk",
    "churn_early",
    "churn risk",
    "churn",
    "lapsed",
    "won_back",
    "win-back",
    "winback",
    "rfm_segment",
    "clv_band",
    "complaint_open",
    "complaint_history",
    "complaint_recent",
    "detractor",
    "promoter",
    "discount_seeker",
    "category_affinity",
    "style_affinity",
    "replenish_due",
    "comm_style",
    "holdout",
    "control group",
    "suppression list",
    "touchpoint",
    "客户价值分层",
    "流失风险",
    "已流失",
    "流失召回",
    "不满意客户",
    "对照组",
    "触达",
    "疲劳度",
    "拒收名单",
];

/// Everything that blocks this template for this use; empty is clean.
pub fn lint(mail: &MailTemplate, usage: Usage) -> Vec<Problem> {
    let mut problems = Vec::new();
    for part in Part::ALL {
        match syntax::check(part.as_str(), mail.source(*part)) {
            Ok(used) => lint_part(*part, &used, usage, &mut problems),
            Err(found) => problems.extend(found),
        }
        internal_words(*part, mail.source(*part), &mut problems);
    }
    if problems.is_empty() {
        samples_render(mail, usage, &mut problems);
    }
    problems
}

fn lint_part(part: Part, used: &syntax::Used, usage: Usage, problems: &mut Vec<Problem>) {
    let known: Vec<&str> = FIELDS.iter().copied().filter(|f| provided(f, usage)).collect();
    for field in &used.fields {
        let is_group = known.iter().any(|k| k.split('.').next() == Some(field) && k.contains('.'));
        if known.contains(&field.as_str()) || (is_group && !used.printed.contains(field)) {
            continue;
        }
        let remedy = match nearest(field, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("there are {}", known.join(", ")),
        };
        let detail = format!("`{field}` is not something this use provides; {remedy}");
        problems.push(Problem::new(part.as_str(), "unresolved_variable", detail));
    }
    if usage.purpose != Purpose::Marketing || part == Part::Subject {
        return;
    }
    for (field, why) in [
        ("unsubscribe_url", "every marketing mail offers its opt-out"),
        ("shop.name", "every marketing mail names its sender"),
    ] {
        if !used.printed.contains(field) {
            let detail = format!("`{{{{ {field} }}}}` is missing: {why}");
            problems.push(Problem::new(part.as_str(), "missing_in_marketing", detail));
        }
    }
}

fn provided(field: &str, usage: Usage) -> bool {
    match field.split('.').next() {
        Some("coupon") => usage.coupon == Given::Always,
        Some("occasion") => usage.occasion == Given::Always,
        _ => true,
    }
}

fn internal_words(part: Part, source: &str, problems: &mut Vec<Problem>) {
    let lower = source.to_lowercase();
    let mut found: Vec<&str> = INTERNAL.iter().copied().filter(|word| stands_in(&lower, word)).collect();
    // "churn" inside "churn_risk" is said once.
    let all = found.clone();
    found.retain(|w| !all.iter().any(|longer| longer.len() > w.len() && longer.contains(w)));
    for word in found {
        let detail = format!("\"{word}\" is a word of ours, not for customers; say it in their words");
        problems.push(Problem::new(part.as_str(), "internal_word", detail));
    }
}

/// Latin words count as whole words only; Chinese has none to go by.
fn stands_in(text: &str, word: &str) -> bool {
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.match_indices(word).any(|(at, _)| {
        !word.is_ascii()
            || !letter(text[..at].chars().next_back()) && !letter(text[at + word.len()..].chars().next())
    })
}

/// Samples of everybody a touch may meet: with and without a name, a threshold.
fn samples(usage: Usage) -> Vec<MailContext> {
    let coupon = |threshold: Option<&str>| {
        (usage.coupon == Given::Always).then(|| CouponContext {
            code: "23456789ABC".into(),
            face: "50.00".into(),
            threshold: threshold.map(str::to_owned),
            expires_on: "2012-01-07".into(),
        })
    };
    let sample = |name: Option<&str>, threshold| MailContext {
        shop_name: "Sample Shop".into(),
        customer_name: name.map(str::to_owned),
        coupon: coupon(threshold),
        unsubscribe_url: Some("https://shop.example/u/token".into()),
        occasion_name: (usage.occasion == Given::Always).then(|| "Christmas".into()),
    };
    vec![sample(Some("王小明"), Some("199.00")), sample(None, Some("199.00")), sample(Some("Ann"), None)]
}

fn samples_render(mail: &MailTemplate, usage: Usage, problems: &mut Vec<Problem>) {
    let compiled = match mail.compile() {
        Ok(compiled) => compiled,
        Err(found) => return problems.extend(found),
    };
    for sample in samples(usage) {
        if let Err(error) = compiled.render(&sample) {
            let who = match (&sample.customer_name, sample.coupon.as_ref().map(|c| &c.threshold)) {
                (None, _) => "for a customer without a name",
                (_, Some(None)) => "for a coupon without threshold",
                _ => "for a sample",
            };
            problems.push(Problem::new("", "does_not_render", format!("{who}: {error}")));
        }
    }
    problems.dedup();
}

#[cfg(test)]
#[path = "lint_tests.rs"]
mod tests;
