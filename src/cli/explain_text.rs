//! Explanations as a person reads them: the answer first, then what it rests on. Times are those of the shop's
//! wall; sentences tell theirs with the customer's offset.

use super::output::{table, wall};
use crate::service::eligibility::{
    AskedView, CampaignExplanation, EnrollmentView, SegmentExplanation, TagExplanation, TouchView,
};
use chrono_tz::Tz;
use domain::campaign::story::Comes;
use domain::rule::Explained;
use domain::time::Instant;

/// Why a campaign wrote or didn't write to somebody.
pub fn campaign(found: &CampaignExplanation, zone: Tz) -> String {
    let mut parts = vec![found.headline.clone(), entry(found, zone)];
    if !found.touchpoints.is_empty() {
        parts.push(touchpoints(&found.touchpoints, zone));
    }
    parts.extend(found.asked.as_ref().map(|asked| checks(found, asked, zone)));
    parts.join("\n\n")
}

const HEADERS: [&str; 4] = ["passes", "check", "what it saw", "what would change it"];

fn row(passed: bool, check: String, saw: &str, remedy: Option<&String>) -> [String; 4] {
    let sign = if passed { "yes" } else { "no" };
    [sign.to_owned(), check, saw.to_owned(), remedy.cloned().unwrap_or_default()]
}

fn entry(found: &CampaignExplanation, zone: Tz) -> String {
    let rows = found.entry.checks.iter().map(|check| {
        row(check.passed, check.check.to_string(), &check.value, check.what_would_change_it.as_ref())
    });
    let mut text = format!("Entry into {} ({})\n{}", found.campaign, found.state, table(HEADERS, rows));
    if let Some(enrollment) = &found.entry.enrollment {
        text.push_str("\n\n");
        text.push_str(&one_enrollment(enrollment, zone));
    }
    text
}

fn one_enrollment(enrollment: &EnrollmentView, zone: Tz) -> String {
    let EnrollmentView { id, occasion, cause_at, step, state, .. } = enrollment;
    let reason = enrollment.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let ended = enrollment.ended_at.map(|at| format!(" since {}", wall(at, zone))).unwrap_or_default();
    let next = enrollment.next_due_at.map(|at| format!(", next step due {}", wall(at, zone)));
    format!(
        "Enrollment {id} for {occasion}, from {}: {state}{reason}{ended}, at step {step}{}",
        wall(*cause_at, zone),
        next.unwrap_or_default()
    )
}

fn touchpoints(touches: &[TouchView], zone: Tz) -> String {
    let rows = touches.iter().rev().map(|touch| {
        let reason = touch.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        let at = touch.handed_at.or(touch.ended_at).map(|at| wall(at, zone));
        [
            touch.id.to_string(),
            touch.enrollment.to_string(),
            touch.step.to_string(),
            touch.template.clone(),
            touch.coupon.clone().unwrap_or_default(),
            wall(touch.send_at, zone),
            format!("{}{reason}", touch.state),
            at.unwrap_or_default(),
        ]
    });
    let headers = ["touchpoint", "enrollment", "step", "message", "coupon", "wanted", "outcome", "at"];
    format!("Messages\n{}", table(headers, rows))
}

/// What the gate says: all of it about a message that comes, of one that could come only what fails.
fn checks(found: &CampaignExplanation, asked: &AskedView, zone: Tz) -> String {
    let AskedView { step, template, at, .. } = asked;
    let coupon = asked.coupon.as_ref().map(|batch| format!(", coupon {batch}")).unwrap_or_default();
    let message = format!("{template} (step {step}{coupon}) on {}", wall(*at, zone));
    let hypothetical = asked.comes == Comes::NewCause;
    let told = match asked.comes {
        Comes::Waits => format!("The gate about {message}: {}", found.answer),
        Comes::Enrolled | Comes::Foreseen => format!("The gate about the next, {message}: {}", found.answer),
        Comes::NewCause => format!("If a new cause let them in, of the gate about {message}"),
    };
    let shown: Vec<_> = found.checks.iter().filter(|check| !hypothetical || !check.passed).collect();
    if shown.is_empty() {
        return format!("{told} all {} checks pass", found.checks.len());
    }
    let rows = shown.into_iter().map(|check| {
        row(check.passed, check.check.to_string(), &check.value, check.what_would_change_it.as_ref())
    });
    let told = if hypothetical { format!("{told} these fail") } else { told };
    format!("{told}\n{}", table(HEADERS, rows))
}

/// Why somebody has a tag or doesn't.
pub fn tag(found: &TagExplanation, zone: Tz) -> String {
    let state = &found.state;
    let value = state.value.as_deref().unwrap_or("not there");
    let called = found.value_name.as_ref().map(|name| format!(" ({})", name.en)).unwrap_or_default();
    let (name, since) = (&found.name.en, wall(state.since, zone));
    let mut lines = vec![format!("{} {} ({name}): {value}{called} since {since}", found.customer, state.key)];
    lines.extend(found.waits_for.as_ref().map(|what| format!("  nobody can have it yet: {what}")));
    lines.extend(apart(found, zone));
    lines.extend(state.next_flip.map(|at| format!("  changes at {} if nothing new comes", wall(at, zone))));
    lines.push(format!("  evidence {}", state.evidence));
    for condition in &found.conditions {
        lines.push(format!("  {}:", condition.value));
        tree(&condition.condition, 4, &mut lines);
    }
    lines.join("\n")
}

/// Why somebody is in a segment or isn't.
pub fn segment(found: &SegmentExplanation, zone: Tz) -> String {
    let is = if found.member { "in" } else { "not in" };
    let since = found.since.map(|at| format!(" since {}", wall(at, zone))).unwrap_or_default();
    let SegmentExplanation { customer, segment, name, keep, .. } = found;
    let mut lines = vec![format!("{customer} is {is} {segment} ({}, {keep}){since}", name.en)];
    lines.extend(found.said.map(|said| {
        let until = said.until.map(|at| format!(" until {}", wall(at, zone))).unwrap_or_default();
        format!("  {} by hand at {}{until}; the rule doesn't matter", said.said, wall(said.since, zone))
    }));
    lines.extend(found.next_flip.map(|at| format!("  changes at {} if nothing new comes", wall(at, zone))));
    if let Some(condition) = &found.condition {
        lines.push("  rule:".to_owned());
        tree(condition, 4, &mut lines);
    }
    lines.join("\n")
}

/// What makes the value another one than the condition alone gives: people, or the hold.
fn apart(found: &TagExplanation, zone: Tz) -> Option<String> {
    let state = &found.state;
    let told = |name: &str| {
        let at: Option<Instant> = serde_json::from_value(state.evidence.get(name)?.clone()).ok();
        at.map(|at| wall(at, zone))
    };
    let alone = state.condition_value.as_deref().unwrap_or("not there");
    let differs = state.condition_value != state.value;
    let alone =
        if differs && found.ruled { format!("; by its condition alone {alone}") } else { String::new() };
    if let Some(since) = told("by_hand_since") {
        let until = told("by_hand_until").map(|until| format!(" until {until}")).unwrap_or_default();
        return Some(format!("  given by hand at {since}{until}{alone}"));
    }
    if let Some(until) = told("suppressed_until") {
        return Some(format!("  taken away by hand until {until}{alone}"));
    }
    let held = told("held_until").map(|until| format!("; the tag is held until {until}"));
    differs.then(|| format!("  {}{}", alone.trim_start_matches("; "), held.unwrap_or_default()))
}

fn tree(node: &Explained, indent: usize, lines: &mut Vec<String>) {
    let sign = if node.holds { "yes" } else { "no " };
    let values: Vec<String> = node.value.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let values = if values.is_empty() { String::new() } else { format!(" ({})", values.join(", ")) };
    lines.push(format!("{:indent$}{sign} {}{values}", "", node.says));
    for child in &node.children {
        tree(child, indent + 2, lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::tags::Both;
    use domain::ids::CustomerId;
    use domain::tag::{Source, TagState};
    use serde_json::{Value, json};

    fn told(value: Option<&str>, condition: Option<&str>, evidence: Value, ruled: bool) -> String {
        let at = |text: &str| Instant::parse(text, chrono_tz::UTC).expect("an instant");
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let both = |text: &str| Both { en: text.to_owned(), zh_cn: String::new() };
        let found = TagExplanation {
            customer: CustomerId(1),
            at: at("2026-03-01T00:00:00Z"),
            name: both("Value tier"),
            value_name: value.map(|_| both("Gold")),
            ruled,
            state: TagState {
                key: "value_tier".to_owned(),
                value: owned(value),
                condition_value: owned(condition),
                since: at("2026-01-01T00:00:00Z"),
                next_flip: None,
                next_value: None,
                evidence,
                rule_version: 1,
                source: Source::Computed,
            },
            waits_for: None,
            conditions: Vec::new(),
        };
        let text = tag(&found, chrono_tz::UTC);
        text.lines().filter(|line| !line.starts_with("  evidence")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_people_gave_isnt_held_and_what_is_held_says_until_when() {
        const GOLD: &str = "cus_1 value_tier (Value tier): gold (Gold) since 2026-01-01 00:00";
        let until = "2026-04-01T00:00:00Z";
        assert_eq!(told(Some("gold"), Some("gold"), json!({}), true), GOLD);
        assert_eq!(
            told(Some("gold"), Some("silver"), json!({"held_until": until}), true),
            format!("{GOLD}\n  by its condition alone silver; the tag is held until 2026-04-01 00:00")
        );
        let by_hand = json!({"by_hand_since": "2026-01-01T00:00:00Z", "by_hand_until": until});
        assert_eq!(
            told(Some("gold"), None, by_hand.clone(), true),
            format!(
                "{GOLD}\n  given by hand at 2026-01-01 00:00 until 2026-04-01 00:00; by its condition alone not there"
            )
        );
        assert_eq!(
            told(Some("gold"), None, by_hand, false),
            format!("{GOLD}\n  given by hand at 2026-01-01 00:00 until 2026-04-01 00:00")
        );
        assert_eq!(
            told(None, Some("gold"), json!({"suppressed_until": until}), true),
            "cus_1 value_tier (Value tier): not there since 2026-01-01 00:00\n  taken away by hand until 2026-04-01 00:00; by its \
             condition alone gold"
        );
    }
}
