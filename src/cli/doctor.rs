//! `doctor`: is the book well, and what would help.

use super::failure::{Failure, Outcome};
use super::output::{FormatArg, table};
use super::session::Global;
use crate::service::doctor::{self, Finding, Grade};
use crate::settings::{MailChannel, Settings};
use clap::Args;
use std::os::unix::fs::PermissionsExt;

/// Look whether the book and its settings are well; say what would help. Exit 1 if something is broken
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper doctor
  kinkeeper doctor --invariants")]
pub struct Doctor {
    /// Ask every promise by SQL too; on a large book this takes a while
    #[arg(long)]
    invariants: bool,
    /// Let the workers try again what was set aside
    #[arg(long)]
    retry: bool,
    #[command(flatten)]
    format: FormatArg,
}

impl Doctor {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let book = &session.app.book;
        let mut found = settings(&session.app.settings);
        if self.retry {
            let tried = doctor::retry(book, &session.actor).await?;
            eprintln!("{tried} rows that were set aside are tried again");
        }
        found.extend(doctor::look(book).await?);
        if self.invariants {
            found.extend(doctor::promises(book).await?);
        }
        self.format.print(&found, |found| shown(found))?;
        match found.iter().filter(|one| one.grade == Grade::Broken).count() {
            0 => Ok(()),
            n => Err(Failure::Failed(format!("{n} of these are broken"))),
        }
    }
}

fn shown(found: &[Finding]) -> String {
    table(
        ["", "what", "found"],
        found.iter().map(|one| {
            let mark = match one.grade {
                Grade::Well => "ok",
                Grade::Mind => "mind",
                Grade::Broken => "BROKEN",
            };
            [mark.to_owned(), one.about.to_owned(), one.detail.clone()]
        }),
    )
}

/// What the settings and the files they name say.
fn settings(settings: &Settings) -> Vec<Finding> {
    let mut found: Vec<Finding> = settings
        .warnings
        .iter()
        .map(|warning| Finding::new("settings", Grade::Mind, warning.to_string()))
        .collect();
    if found.is_empty() {
        found.push(Finding::new("settings", Grade::Well, "valid, and nothing about them is risky"));
    }
    let key_file = &settings.secrets.key_file;
    let open = std::fs::metadata(key_file).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0);
    found.push(match open {
        true => {
            let detail = format!("others can read it: chmod 600 {}", key_file.display());
            Finding::new("key file", Grade::Broken, detail)
        }
        false => Finding::new("key file", Grade::Well, format!("{}", key_file.display())),
    });
    if settings.mail.channel == MailChannel::File {
        let detail =
            "mails are written to files and reach nobody; mail.channel = \"smtp\" and mail.relays send them";
        found.push(Finding::new("mail", Grade::Mind, detail));
    }
    found
}
