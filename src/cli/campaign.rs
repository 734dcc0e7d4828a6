//! `campaign`: what there is, why one isn't approved, and its states.

use super::failure::Outcome;
use super::output::{FormatArg, table, wall};
use super::session::Global;
use crate::service::campaigns::{self, CampaignDetail, CampaignView, Moved};
use crate::service::eligibility::{self, DryRun};
use chrono_tz::Tz;
use clap::{Args, Subcommand};
use domain::campaign::tally::Tally;

/// List, show, approve, start and pause campaigns
#[derive(Debug, Subcommand)]
pub enum Campaign {
    List(List),
    Show(Show),
    Approve(Move),
    DryRun(DryRunArgs),
    Start(StartArgs),
    Pause(PauseArgs),
}

/// List every campaign with its state
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper campaign list --format json")]
pub struct List {
    #[command(flatten)]
    format: FormatArg,
}

/// Show one campaign: its document, what keeps it from being approved, what was done to it
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper campaign show winback")]
pub struct Show {
    /// The campaign's key
    key: String,
    #[command(flatten)]
    format: FormatArg,
}

/// Approve a campaign's newest version; one in review runs from now on
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper campaign approve winback")]
pub struct Move {
    /// The campaign's key
    key: String,
    #[command(flatten)]
    format: FormatArg,
}

/// Who a campaign would write to from here on, and why the others not; changes nothing
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper campaign dry-run winback")]
pub struct DryRunArgs {
    /// The campaign's key
    key: String,
    #[command(flatten)]
    format: FormatArg,
}

/// Let an approved or paused campaign run
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper campaign start winback")]
pub struct StartArgs {
    /// The campaign's key
    key: String,
    #[command(flatten)]
    format: FormatArg,
}

/// Hold a running campaign; who is inside waits
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper campaign pause winback")]
pub struct PauseArgs {
    /// The campaign's key
    key: String,
    #[command(flatten)]
    format: FormatArg,
}

impl Campaign {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let (book, actor) = (&session.app.book, session.actor.as_str());
        match self {
            Self::List(List { format }) => format.print(&campaigns::list(book).await?, |all| listed(all)),
            Self::Show(Show { key, format }) => {
                let zone = session.zone().await?;
                format.print(&campaigns::show(book, &key).await?, |detail| shown(detail, zone))
            }
            Self::Approve(Move { key, format }) => {
                format.print(&campaigns::approve(book, &key, actor).await?, moved)
            }
            Self::DryRun(DryRunArgs { key, format }) => {
                let zone = session.zone().await?;
                format.print(&eligibility::dry_run(book, &key).await?, |run| dry_run(run, zone))
            }
            Self::Start(StartArgs { key, format }) => {
                format.print(&campaigns::start(book, &key, actor).await?, moved)
            }
            Self::Pause(PauseArgs { key, format }) => {
                format.print(&campaigns::pause(book, &key, actor).await?, moved)
            }
        }
    }
}

fn dry_run(run: &DryRun, zone: Tz) -> String {
    let mut parts: Vec<String> = Vec::new();
    if !run.obstacles.is_empty() {
        let told: Vec<String> = run.obstacles.iter().map(|problem| format!("  {problem}")).collect();
        parts.push(format!("In the way of approval:\n{}", told.join("\n")));
    }
    parts.extend(run.headline.clone());
    parts.push(format!("{} as of {}: looked at {}", run.campaign, wall(run.at, zone), run.looked_at));
    let entry = &run.entry;
    parts.push(format!("From here on, {}\n{}", entry.how, counted(&run.gate, "would enter", entry.enters)));
    parts.extend(audience(run));
    let all = run.if_all_entered.as_ref();
    parts.extend(
        all.map(|all| format!("If all of them entered now\n{}", counted(all, "audience", run.audience))),
    );
    parts.join("\n\n")
}

/// How the audience of today stands; nothing where all of it enters.
fn audience(run: &DryRun) -> Option<String> {
    let entry = &run.entry;
    if run.if_all_entered.is_none() && entry.enters == run.audience {
        return None;
    }
    let line = |what: &str, why: &str, n: u64| [what.to_owned(), why.to_owned(), n.to_string()];
    let mut rows = Vec::new();
    if run.if_all_entered.is_none() {
        rows.push(line("would enter", "", entry.enters));
    }
    rows.push(line("on their way already", "", entry.inside));
    rows.extend(entry.stays_out.iter().map(|(why, n)| line("don't enter by themselves", why, *n)));
    rows.push(line("audience", "", run.audience));
    Some(format!("In the audience today\n{}", table(COUNTED, rows)))
}

const COUNTED: [&str; 3] = ["", "reason", "customers"];

/// The gate's answers by reason, above their sum.
fn counted(tally: &Tally, sum: &str, all: u64) -> String {
    let mut rows = vec![["would be written to".to_owned(), String::new(), tally.send.to_string()]];
    for (what, counts) in [("would wait", &tally.held), ("would not", &tally.skipped)] {
        rows.extend(counts.iter().map(|(why, n)| [what.to_owned(), (*why).to_owned(), n.to_string()]));
    }
    rows.push([sum.to_owned(), String::new(), all.to_string()]);
    table(COUNTED, rows)
}

fn moved(moved: &Moved) -> String {
    format!("{} is {} (version {})", moved.key, moved.state, moved.version)
}

fn state(view: &CampaignView) -> String {
    let review = view.in_review_version.map(|n| format!(", version {n} in review")).unwrap_or_default();
    let stopped = if view.stopped.is_some() { ", stopped" } else { "" };
    format!("{}{review}{stopped}", view.state)
}

fn listed(all: &[CampaignView]) -> String {
    table(
        ["campaign", "name", "state", "purpose", "starts on", "priority", "version"],
        all.iter().map(|view| {
            [
                view.key.clone(),
                format!("{} {}", view.name.en, view.name.zh),
                state(view),
                view.purpose.to_string(),
                view.trigger.clone(),
                view.priority.to_string(),
                view.version.to_string(),
            ]
        }),
    )
}

fn shown(detail: &CampaignDetail, zone: Tz) -> String {
    let view = &detail.view;
    let mut lines = vec![
        format!("{} ({} {})", view.key, view.name.en, view.name.zh),
        format!("  state      {}", state(view)),
        format!("  purpose    {}, priority {}", view.purpose, view.priority),
        format!("  starts on  {}", view.trigger),
        format!("  version    {}, by {}", view.version, view.author),
    ];
    lines.extend(view.running_since.map(|at| format!("  running    since {}", wall(at, zone))));
    lines.extend(view.stopped.as_ref().map(|stop| format!("  stopped    {stop}")));
    if detail.obstacles.is_empty() {
        if detail.approved_at.is_none() {
            lines.push(format!("  nothing is in the way: kinkeeper campaign approve {}", view.key));
        }
    } else {
        lines.push("  in the way of approval:".to_owned());
        lines.extend(detail.obstacles.iter().map(|problem| format!("    {problem}")));
    }
    for line in &detail.history {
        lines.push(format!("  {}  {} by {}", wall(line.at, zone), line.action, line.actor));
    }
    lines.push(String::new());
    lines.push(serde_json::to_string_pretty(&detail.document).unwrap_or_default());
    lines.join("\n")
}
