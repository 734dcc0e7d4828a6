//! `customer`: one person in the book.

use super::failure::Outcome;
use super::output::{FormatArg, table, wall};
use super::profile_text;
use super::session::Global;
use crate::service::ServiceError;
use crate::service::eligibility::{self, CampaignExplanation, TagExplanation};
use crate::service::profile::{profile, resolve};
use chrono_tz::Tz;
use clap::{Args, Subcommand};
use domain::rule::Explained;

/// Look at one customer
#[derive(Debug, Subcommand)]
pub enum Customer {
    Show(Show),
    Explain(Explain),
}

/// Show a customer: numbers, tags with why, consents, touches; contact points masked
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper customer show user_id:12346
  kinkeeper customer show cus_42 --format json")]
pub struct Show {
    /// cus_42, or KIND:VALUE such as user_id:12346
    #[arg(value_name = "ID|KIND:VALUE")]
    customer: String,
    #[command(flatten)]
    format: FormatArg,
}

/// Why a customer has a tag or doesn't, or why a campaign would or wouldn't write to them
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper customer explain cus_42 --tag value_tier
  kinkeeper customer explain user_id:12346 --campaign winback")]
pub struct Explain {
    /// cus_42, or KIND:VALUE such as user_id:12346
    #[arg(value_name = "ID|KIND:VALUE")]
    customer: String,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    format: FormatArg,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Explain a tag
    #[arg(long, value_name = "KEY")]
    tag: Option<String>,
    /// Explain a campaign
    #[arg(long, value_name = "KEY")]
    campaign: Option<String>,
}

impl Customer {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let book = &session.app.book;
        match self {
            Self::Show(Show { customer, format }) => {
                let id = resolve(book, &customer).await?;
                let view = profile(book, id).await?;
                let view = view.ok_or_else(|| ServiceError::NotFound(format!("the customer {id}")))?;
                format.print(&view, profile_text::render)
            }
            Self::Explain(Explain { customer, what, format }) => {
                let id = resolve(book, &customer).await?;
                let zone = session.zone().await?;
                match (what.tag, what.campaign) {
                    (Some(key), _) => {
                        let found = eligibility::explain_tag(book, id, &key).await?;
                        format.print(&found, |found| tag_text(found, zone))
                    }
                    (None, Some(key)) => {
                        let found = eligibility::explain_campaign(book, id, &key).await?;
                        format.print(&found, |found| campaign_text(found, zone))
                    }
                    (None, None) => Ok(()),
                }
            }
        }
    }
}
fn campaign_text(found: &CampaignExplanation, zone: Tz) -> String {
    let audience = if found.in_audience { "in its audience" } else { "not in its audience" };
    let head = format!(
        "{} and {} ({}), as of {}: {audience}; the gate says {}",
        found.customer,
        found.campaign,
        found.state,
        wall(found.at, zone),
        found.answer
    );
    let head = match &found.touchpoint {
        Some(touch) => {
            let reason = touch.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            format!("{head}\nnewest touchpoint {}, step {}: {}{reason}", touch.id, touch.step, touch.state)
        }
        None => head,
    };
    if found.checks.is_empty() {
        return head;
    }
    let rows = found.checks.iter().map(|check| {
        [
            if check.passed { "yes" } else { "no" }.to_owned(),
            check.check.to_string(),
            check.value.clone(),
            check.what_would_change_it.clone().unwrap_or_default(),
        ]
    });
    format!("{head}\n\n{}", table(["passes", "check", "what it saw", "what would change it"], rows))
}

fn tag_text(found: &TagExplanation, zone: Tz) -> String {
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
