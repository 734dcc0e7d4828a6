//! Explanations as a person reads them: the answer first, then what it rests on. Times are those of the shop's
//! wall; sentences tell theirs with the customer's offset.

use super::output::{table, wall};
use crate::service::eligibility::{
    AskedView, CampaignExplanation, EnrollmentView, TagExplanation, TouchView,
};
use chrono_tz::Tz;
use domain::campaign::story::Comes;
use domain::rule::Explained;

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
    let since = wall(state.since, zone);
    let mut lines = vec![format!("{} {}: {value} since {since}", found.customer, state.key)];
    if state.condition_value != state.value {
        let by_condition = state.condition_value.as_deref().unwrap_or("not there");
        lines.push(format!("  by its condition alone {by_condition}; the tag is held"));
    }
    lines.extend(state.next_flip.map(|at| format!("  changes at {} if nothing new comes", wall(at, zone))));
    lines.push(format!("  evidence {}", state.evidence));
    for condition in &found.conditions {
        lines.push(format!("  {}:", condition.value));
        tree(&condition.condition, 4, &mut lines);
    }
    lines.join("\n")
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
