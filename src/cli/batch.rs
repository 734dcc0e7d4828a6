//! `batch`: what an import brought, and taking it back.

use super::failure::{Failure, Outcome};
use super::output::{Assent, FormatArg, wall};
use super::session::Global;
use crate::service::import::{self, BatchShown, Undo, Undone};
use chrono_tz::Tz;
use clap::{Args, Subcommand};
use domain::ids::ImportId;

/// What an import brought: look at it, take it back
#[derive(Debug, Subcommand)]
pub enum Batch {
    Show(Show),
    Undo(UndoBatch),
}

/// Show an import, and what taking it back would do
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper batch show imp_3")]
pub struct Show {
    /// As `kinkeeper import batches` lists it
    id: ImportId,
    #[command(flatten)]
    format: FormatArg,
}

/// Take an import back, within 7 days of its end
///
/// Orders, tickets, names and traits it brought go; tags follow. What others have built upon since stays and is told, as
/// do customers it made one. What was sent meanwhile stays sent. The file, put right, can be imported again.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper batch undo imp_3")]
pub struct UndoBatch {
    /// As `kinkeeper import batches` lists it
    id: ImportId,
    /// Don't ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: FormatArg,
}

impl Batch {
    pub async fn run(self, global: &Global) -> Outcome {
        match self {
            Self::Show(command) => command.run(global).await,
            Self::Undo(command) => command.run(global).await,
        }
    }
}

impl Show {
    async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let found = import::show_batch(&session.app.book, self.id).await?;
        let zone = session.zone().await?;
        self.format.print(&found, |found| shown(found, zone))
    }
}

impl UndoBatch {
    async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let book = &session.app.book;
        let found = import::show_batch(book, self.id).await?;
        if let Some(fixed) = found.fixed {
            return Err(Failure::Refused(fixed));
        }
        eprintln!("{}", shown(&found, session.zone().await?));
        Assent::from_flag(self.yes).require(&format!("Take {} back?", self.id))?;
        let done = import::undo_batch(book, self.id, &session.actor).await?;
        self.format.print(&done, taken_back)
    }
}

fn shown(BatchShown { batch, fixed, undo }: &BatchShown, zone: Tz) -> String {
    let by = batch.actor.as_deref().unwrap_or("somebody");
    let counts = &batch.counts;
    let mut lines = vec![
        format!("{}: {} from {}, by {by}", batch.id, batch.kind, batch.file),
        format!(
            "received {}, {} rows: {} taken in, {} known already, {} refused",
            wall(batch.received_at, zone),
            batch.rows,
            counts.accepted,
            counts.duplicate,
            counts.rejected
        ),
    ];
    if let Some(fixed) = fixed {
        lines.push(fixed.clone());
    }
    if let Some(undo) = undo {
        lines.push("taking it back would remove".to_owned());
        lines.extend(effects(undo));
    }
    lines.join("\n")
}

fn taken_back(Undone { import, undo, .. }: &Undone) -> String {
    let mut lines = vec![format!("{import} was taken back; removed")];
    lines.extend(effects(undo));
    lines.join("\n")
}

fn effects(undo: &Undo) -> Vec<String> {
    let mut lines: Vec<String> = undo.facts.iter().map(|(event, n)| format!("  {n} × {event}")).collect();
    if lines.is_empty() {
        lines.push("  no facts".to_owned());
    }
    if undo.consents > 0 {
        lines.push(format!(
            "  {} lines of the ledger of consents, each by one that revokes it",
            undo.consents
        ));
    }
    lines.push(format!("  {} names, of {} customers concerned", undo.names, undo.customers));
    if undo.facts_kept + undo.names_kept > 0 {
        lines.push(format!(
            "stays, since others have spoken of it: {} facts, {} names",
            undo.facts_kept, undo.names_kept
        ));
        lines.extend(
            undo.kept.iter().map(|kept| format!("  {} {} ({} since)", kept.event, kept.about, kept.since)),
        );
    }
    if !undo.merged.is_empty() {
        let ids: Vec<String> = undo.merged.iter().take(10).map(ToString::to_string).collect();
        let more = if undo.merged.len() > ids.len() { ", …" } else { "" };
        lines.push(format!(
            "{} customers became one with others by it and stay so: {}{more} (`kinkeeper customer unmerge`)",
            undo.merged.len(),
            ids.join(", ")
        ));
    }
    lines
}
