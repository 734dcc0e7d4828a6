//! What commands print: tables for people, JSON alone on stdout for programs, questions on stderr.

use super::failure::{Failure, Outcome};
use chrono_tz::Tz;
use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use domain::time::Instant;
use serde::Serialize;
use std::io::{IsTerminal, Write};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
}

/// For commands that print data.
#[derive(Debug, Clone, Copy, Args)]
pub struct FormatArg {
    /// How to print what was found; JSON goes alone to stdout
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

impl FormatArg {
    /// Prints `data` as JSON, or what `table` makes of it.
    pub fn print<T: Serialize>(self, data: &T, table: impl FnOnce(&T) -> String) -> Outcome {
        match self.format {
            Format::Json => json(data),
            Format::Table => text(&table(data)),
        }
    }
}

/// One JSON document on stdout.
pub fn json<T: Serialize>(data: &T) -> Outcome {
    let body = serde_json::to_string_pretty(data).map_err(|e| Failure::Failed(e.to_string()))?;
    text(&body)
}

/// Lines on stdout.
pub fn text(body: &str) -> Outcome {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", body.trim_end())?;
    Ok(out.flush()?)
}

/// An instant for people: what a clock on a wall of `zone` shows, to the minute.
pub fn wall(at: Instant, zone: Tz) -> String {
    at.local(zone).format("%Y-%m-%d %H:%M").to_string()
}

/// A line under the headers and nothing else: easy to read, to cut and to paste.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::new('─', '─', '─', '─'));

/// Rows under headers, fitted to the terminal.
pub fn table<const N: usize>(headers: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headers);
    for row in rows {
        table.add_row(row);
    }
    table.trim_fmt()
}

/// Whether a person already agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assent {
    Given,
    Ask,
}

impl Assent {
    pub fn from_flag(yes: bool) -> Self {
        if yes { Self::Given } else { Self::Ask }
    }

    /// Goes on only with a yes: from the flag, or from a person at the terminal.
    pub fn require(self, question: &str) -> Outcome {
        if self == Self::Given {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            return Err(Failure::Refused(format!("{question} Nobody is here to be asked; add --yes")));
        }
        eprint!("{question} [y/N] ");
        std::io::stderr().flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Failure::Refused("nothing was changed".to_owned())),
        }
    }
}
