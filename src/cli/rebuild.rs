//! `rebuild`: what is a function of the log, made anew from it, or only compared with it.

use super::failure::{Failure, Outcome};
use super::output::{Format, FormatArg, json, text};
use super::session::Global;
use crate::service::rebuild::{self, Mode, Report};
use crate::store::projections::Difference;
use clap::Args;
use serde_json::json as value;

/// Differences that one JSON document holds; its report counts all.
const MOST: usize = 10_000;

/// Make orders, tickets, shipments, profiles, tags, … anew from the log of events
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper rebuild --check     compare only; exit code 1 if anything differs
  kinkeeper rebuild

The daemon must be stopped. Campaigns, messages, coupons, callbacks and the audit log are left alone, and nothing is
started by it.")]
pub struct Rebuild {
    /// Compare and print each difference by table and key; write nothing
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    format: FormatArg,
}

impl Rebuild {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let _lock = session.app.lock_alone().await?;
        let mode = if self.check { Mode::Check } else { Mode::Rebuild };
        let (mut kept, mut printed) = (Vec::new(), Ok(()));
        let format = self.format.format;
        let mut tell = |found: &Difference| match format {
            Format::Table if printed.is_ok() => {
                printed = text(&format!("{} {}: {}", found.table, found.key, found.detail));
            }
            Format::Json if kept.len() < MOST => kept.push(found.clone()),
            _ => {}
        };
        let report = rebuild::run(&session.app.book, mode, &mut tell).await?;
        printed?;
        match self.format.format {
            Format::Json => json(&value!({"report": report, "differences": kept}))?,
            Format::Table => text(&shown(&report, mode))?,
        }
        if mode == Mode::Check && report.differences > 0 {
            let detail = format!("{} differences; `kinkeeper rebuild` puts them right", report.differences);
            return Err(Failure::Failed(detail));
        }
        Ok(())
    }
}

fn shown(report: &Report, mode: Mode) -> String {
    let mut lines = vec![match (mode, report.differences) {
        (_, 0) => format!("everything is as the log says; {} customers", report.customers),
        (Mode::Check, n) => format!("{n} differences; {} customers", report.customers),
        (Mode::Rebuild, n) => format!("{n} differences put right; {} customers", report.customers),
    }];
    if report.not_compared > 0 {
        lines.push(format!(
            "{} customers wait to be looked at, so their tags weren't compared; `kinkeeper drain` looks at them",
            report.not_compared
        ));
    }
    lines.join("\n")
}
