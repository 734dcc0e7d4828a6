//! `quarantine`: refused events, to look at, repair, try again or put away.

use super::failure::{Failure, Outcome};
use super::output::{FormatArg, table, text, wall};
use super::session::Global;
use crate::service::ServiceError;
use crate::service::quarantine::{self, Line, Outcome as Became, Retried, Shown, State, Which};
use chrono_tz::Tz;
use clap::{Args, Subcommand};
use domain::ids::QuarantineId;
use domain::problem::nearest;
use serde_json::Value;
use std::path::PathBuf;

/// Refused events: look at them, try them again, put them away
#[derive(Debug, Subcommand)]
pub enum Quarantine {
    List(List),
    Show(Show),
    Retry(Retry),
    Discard(Discard),
}

/// List refused events, oldest first, with what is wrong with each
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper quarantine list
  kinkeeper quarantine list --code amount_not_a_number --limit 20")]
pub struct List {
    /// open, retried, discarded or all
    #[arg(long, default_value = "open", value_parser = read_state)]
    state: Chosen,
    /// Only those with this code
    #[arg(long)]
    code: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=quarantine::PAGE))]
    limit: i64,
    /// Go on after this one, as printed with the page before
    #[arg(long, value_name = "ID")]
    after: Option<QuarantineId>,
    #[command(flatten)]
    format: FormatArg,
}

/// `None` is all.
#[derive(Debug, Clone, Copy)]
struct Chosen(Option<State>);

fn read_state(text: &str) -> Result<Chosen, String> {
    if text == "all" {
        return Ok(Chosen(None));
    }
    let known: Vec<&str> = State::ALL.iter().map(|state| state.as_str()).chain(["all"]).collect();
    State::parse(text).map(|state| Chosen(Some(state))).ok_or_else(|| match nearest(text, known.clone()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", known.join(", ")),
    })
}

/// Show one as it came, with everything that is wrong with it
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper quarantine show qua_3 --format json > event.json")]
pub struct Show {
    id: QuarantineId,
    #[command(flatten)]
    format: FormatArg,
}

/// Try refused events again: as they came, or one of them repaired
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper quarantine retry qua_3 --with repaired.json
  kinkeeper quarantine retry --code no_rate")]
pub struct Retry {
    #[arg(required_unless_present_any = ["code", "all"], conflicts_with_all = ["code", "all"])]
    ids: Vec<QuarantineId>,
    /// All open ones with this code
    #[arg(long, conflicts_with = "all")]
    code: Option<String>,
    /// All open ones
    #[arg(long)]
    all: bool,
    /// A file with the event as it should have come (JSON); for a single one
    #[arg(long = "with", value_name = "FILE", conflicts_with_all = ["code", "all"])]
    repaired: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArg,
}

/// Put refused events away for good; they stay readable, with who did it and why
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper quarantine discard qua_3 --reason \"a test of the web shop\"")]
pub struct Discard {
    #[arg(required = true)]
    ids: Vec<QuarantineId>,
    /// Why, for those who will ask
    #[arg(long)]
    reason: String,
}

impl Quarantine {
    pub async fn run(self, global: &Global) -> Outcome {
        match self {
            Self::List(command) => command.run(global).await,
            Self::Show(command) => command.run(global).await,
            Self::Retry(command) => command.run(global).await,
            Self::Discard(command) => command.run(global).await,
        }
    }
}

impl List {
    async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let zone = session.zone().await?;
        let which = Which { state: self.state.0, code: self.code };
        let page = quarantine::list(&session.app.book, &which, self.after, self.limit).await?;
        self.format.print(&page, |page| listed(&page.items, page.next_cursor, zone))
    }
}

fn listed(lines: &[Line], next: Option<QuarantineId>, zone: Tz) -> String {
    if lines.is_empty() {
        return "none".to_owned();
    }
    let body = table(
        ["refused", "received", "source", "state", "code", "what is wrong"],
        lines.iter().map(|line| {
            [
                line.id.to_string(),
                wall(line.received_at, zone),
                line.source.clone(),
                line.state.to_owned(),
                line.code.clone(),
                line.detail.clone(),
            ]
        }),
    );
    match next {
        Some(next) => format!("{body}\n\nmore: --after {next}"),
        None => body,
    }
}

impl Show {
    async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let zone = session.zone().await?;
        let found = quarantine::show(&session.app.book, self.id).await?;
        self.format.print(&found, |found| shown(found, zone))
    }
}

fn shown(found: &Shown, zone: Tz) -> String {
    let line = &found.line;
    let mut lines = vec![
        format!("{}  {}", line.id, line.code),
        format!("  what is wrong  {}", line.detail),
        format!("  from           {}, received {}", line.source, wall(line.received_at, zone)),
    ];
    if let (Some(at), Some(by)) = (line.decided_at, &line.decided_by) {
        let why = line.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        lines.push(format!("  {:<14} {} by {by}{why}", line.state, wall(at, zone)));
    }
    let event = match &found.event {
        Value::String(cut) => format!("(only its beginning was kept)\n{cut}"),
        whole => serde_json::to_string_pretty(whole).expect("JSON is JSON"),
    };
    format!("{}\n\n{event}", lines.join("\n"))
}

impl Retry {
    async fn run(self, global: &Global) -> Outcome {
        if self.repaired.is_some() && self.ids.len() != 1 {
            let detail = "repairs one event; name its id alone";
            return Err(ServiceError::invalid("--with", "one_id", detail).into());
        }
        let repaired = self.repaired.as_ref().map(read_event).transpose()?;
        let session = global.open().await?;
        let (book, actor) = (&session.app.book, &session.actor);
        let mut all: Vec<Retried> = Vec::new();
        for id in &self.ids {
            all.push(quarantine::retry(book, *id, repaired.clone(), actor).await?);
        }
        if self.ids.is_empty() {
            quarantine::retry_all(book, self.code.as_deref(), actor, |one| all.push(one.clone())).await?;
        }
        self.format.print(&all, |all| retried(all))?;
        let refused = all.iter().filter(|one| matches!(one.outcome, Became::StillRefused { .. })).count();
        match refused {
            0 => Ok(()),
            n => Err(Failure::BadInput(format!("{n} of {} still can't be taken in", all.len()))),
        }
    }
}

/// An event as `show --format json` prints it, or by itself.
fn read_event(path: &PathBuf) -> Result<Value, Failure> {
    let at = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|e| Failure::BadInput(format!("{at}: can't be read: {e}")))?;
    let read: Value = serde_json::from_str(&text)
        .map_err(|e| Failure::BadInput(format!("{at}: line {}: isn't JSON: {e}", e.line())))?;
    let whole = read.get("event").filter(|event| event.is_object()).cloned();
    Ok(whole.unwrap_or(read))
}

fn retried(all: &[Retried]) -> String {
    let line = |one: &Retried| match &one.outcome {
        Became::TakenIn => format!("{}  taken in", one.id),
        Became::KnownAlready => format!("{}  its message had been taken in already", one.id),
        Became::StillRefused { code, detail } => format!("{}  still refused ({code}): {detail}", one.id),
    };
    match all {
        [] => "none is open".to_owned(),
        all => all.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}

impl Discard {
    async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        for id in &self.ids {
            quarantine::discard(&session.app.book, *id, &self.reason, &session.actor).await?;
        }
        let ids: Vec<String> = self.ids.iter().map(ToString::to_string).collect();
        text(&format!("discarded: {}", ids.join(", ")))
    }
}
