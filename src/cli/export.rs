//! `export`: the book as lines, streaming.

use super::failure::Outcome;
use super::session::Global;
use crate::service::profiles;
use clap::{Args, Subcommand, ValueEnum};
use domain::ids::CustomerId;
use std::io::Write;

/// Write out the book
#[derive(Debug, Subcommand)]
pub enum Export {
    Profiles(Profiles),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LineFormat {
    Ndjson,
    Csv,
}

/// Every customer with aggregates and tags, a line each, as of the clock
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper export profiles --format csv > profiles.csv")]
pub struct Profiles {
    /// One JSON object a line, or a table for spreadsheets
    #[arg(long, value_enum, default_value = "ndjson")]
    format: LineFormat,
}

const PAGE: i64 = 1_000;

impl Export {
    pub async fn run(self, global: &Global) -> Outcome {
        let Self::Profiles(Profiles { format }) = self;
        let session = global.open().await?;
        let book = &session.app.book;
        let behind = profiles::behind(book).await?;
        if behind > 0 {
            eprintln!(
                "{behind} customers changed and aren't kept yet; `kinkeeper drain` brings them up to the clock"
            );
        }
        profiles::record_export(book, &session.actor).await?;
        let tag_keys = match format {
            LineFormat::Csv => profiles::tag_keys(book).await?,
            LineFormat::Ndjson => Vec::new(),
        };
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        if format == LineFormat::Csv {
            write_row(&mut out, &profiles::columns(&tag_keys))?;
        }
        let mut after = CustomerId(0);
        loop {
            let lines = profiles::page(book, after, PAGE).await?;
            let Some(last) = lines.last() else { break };
            after = last.id;
            for line in &lines {
                match format {
                    LineFormat::Ndjson => {
                        serde_json::to_writer(&mut out, line).map_err(std::io::Error::from)?;
                        out.write_all(b"\n")?;
                    }
                    LineFormat::Csv => write_row(&mut out, &line.fields(&tag_keys))?,
                }
            }
        }
        Ok(out.flush()?)
    }
}

fn write_row(out: &mut impl Write, fields: &[String]) -> std::io::Result<()> {
    let mut row = csv::Writer::from_writer(Vec::new());
    row.write_record(fields).map_err(std::io::Error::from)?;
    let bytes = row.into_inner().map_err(|e| std::io::Error::other(e.to_string()))?;
    out.write_all(&bytes)
}
