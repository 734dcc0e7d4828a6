//! `tag preview` and `tag publish`: documents of tags, who would enter and leave them, and making it so.

use super::apply::{documents, read_files, shown};
use super::failure::Outcome;
use super::output::{Assent, FormatArg, table};
use super::session::Session;
use crate::service::publishing::{self, Draft, Only, Reach, TagMoves, ValueMoves};
use clap::Args;
use domain::ids::CustomerId;
use std::path::PathBuf;

/// Show who would enter and leave each value of the tags that documents define or change, and change nothing
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper tag preview -f vip.yaml
  kinkeeper tag preview -f tags/ --format json

Everybody's facts are looked at under the present definitions and under these, at the same instant, so that what
the keeper has still to do doesn't count as a difference. Tags that depend on these are shown too.")]
pub struct Preview {
    /// File, or folder of .yaml and .json files; may be given several times
    #[arg(short, long = "file", required = true, value_name = "FILE|DIR")]
    file: Vec<PathBuf>,
    #[command(flatten)]
    format: FormatArg,
}

/// Publish tags from YAML files, after showing who would enter and leave
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper tag publish -f vip.yaml
  kinkeeper tag publish -f tags/ --yes

As `apply` does: all documents or none, with a row of the audit log; the keeper then looks at everybody again.")]
pub struct Publish {
    /// File, or folder of .yaml and .json files; may be given several times
    #[arg(short, long = "file", required = true, value_name = "FILE|DIR")]
    file: Vec<PathBuf>,
    /// Don't ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: FormatArg,
}

impl Preview {
    pub async fn run(self, session: &Session) -> Outcome {
        show(session, &self.file, self.format, Only::Tags).await.map(drop)
    }
}

impl Publish {
    pub async fn run(self, session: &Session) -> Outcome {
        let draft = show(session, &self.file, self.format, Only::Tags).await?;
        publish(session, draft, Assent::from_flag(self.yes)).await
    }
}

/// Publishes what was shown, if whoever is asked agrees.
pub async fn publish(session: &Session, draft: Draft, assent: Assent) -> Outcome {
    let differing = draft.differing();
    if differing == 0 {
        eprintln!("nothing to change");
        return Ok(());
    }
    assent.require(&format!("Publish {}?", documents(differing)))?;
    publishing::publish(&session.app.book, draft, &session.actor).await?;
    eprintln!("{} published", documents(differing));
    Ok(())
}

/// Shows what documents would change and who would enter and leave.
pub async fn show(
    session: &Session,
    files: &[PathBuf],
    format: FormatArg,
    only: Only,
) -> Result<Draft, super::failure::Failure> {
    let book = &session.app.book;
    let draft = publishing::draft(book, &read_files(files)?, only).await?;
    let preview = publishing::preview(book, &draft, Reach::Whole).await?;
    format.print(&preview, told)?;
    for warning in &preview.warnings {
        eprintln!("warning: {warning}");
    }
    Ok(draft)
}

fn told(preview: &publishing::Preview) -> String {
    let mut text = shown(&preview.documents);
    if preview.tags.is_empty() && preview.segments.is_empty() {
        return text;
    }
    for (what, moves) in [("tag", &preview.tags), ("segment", &preview.segments)] {
        if !moves.is_empty() {
            let rows = moves.iter().flat_map(|tag| tag.values.iter().map(move |value| row(tag, value)));
            let headers = [what, "value", "", "before", "after", "enter", "leave", "for example"];
            text += &format!("\n\n{}\n", table(headers, rows));
        }
    }
    text += &format!("looked at: {} as of {}", preview.customers, preview.at);
    if preview.not_compared > 0 {
        text += &format!("; {} can't be looked at, `kinkeeper doctor` says why", preview.not_compared);
    }
    text
}

fn row(tag: &TagMoves, value: &ValueMoves) -> [String; 8] {
    let some = |sign: &str, customers: &[CustomerId]| {
        let ids: Vec<String> = customers.iter().map(CustomerId::to_string).collect();
        if ids.is_empty() { String::new() } else { format!("{sign} {} ", ids.join(" ")) }
    };
    let examples = some("+", &value.entering) + &some("−", &value.leaving);
    [
        tag.key.clone(),
        value.value.clone(),
        tag.why.as_str().to_owned(),
        value.before.to_string(),
        value.after.to_string(),
        value.enters.to_string(),
        value.leaves.to_string(),
        examples.trim_end().to_owned(),
    ]
}
